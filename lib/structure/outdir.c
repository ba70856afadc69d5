/* Contents: the folder; ids; which files are ours; opening, filling and ending a target. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/set.h"
#include "base/utf8.h"
#include "structure/outdir.h"

enum { MAX_ID = 200, MAX_PATH = 4096, MAX_UNDER_WAY = 256 };

struct bp_target {
	struct bp_outdir *d;
	struct bp_target *next;
	char id[MAX_ID + 1];
	char part[MAX_ID + 8]; /* ".ID.part" */
	char *path;            /* DIR/predictions/ID */
	int fd;                /* the .part folder, locked */
	void *held;
	void (*release)(void *held);
};

struct bp_outdir {
	char *path; /* DIR/predictions */
	int fd;
	bool replace;
	struct bp_target *under_way;
	int n_under_way;
	struct bp_set written; /* ids of this run */
};

/* The folder --------------------------------------------------------------------------------------------- */

static int
io_fail(struct bp_err *err, const char *dir, const char *name)
{
	const char *hint = NULL;
	int e = errno ? errno : EIO;

	if (e == ENOSPC || e == EDQUOT)
		hint = "make room there, then run it again";
	else if (e == EACCES || e == EPERM || e == EROFS)
		hint = "choose a folder that you may write to";
	return BP_FAIL(err, BP_EIO, hint, "%s%s%s: %s", dir, name ? "/" : "", name ? name : "", strerror(e));
}

/* mkdir -p */
static int
make_folders(char *path, struct bp_err *err)
{
	for (char *p = path + 1;; p++) {
		char c = *p;
		if (c != '/' && c != 0)
			continue;
		*p = 0;
		if (mkdir(path, 0777) != 0 && errno != EEXIST)
			return io_fail(err, path, NULL);
		*p = c;
		if (c == 0)
			return BP_OK;
	}
}

int
bp_outdir_open(struct bp_outdir **ret, const char *dir, bool replace, struct bp_err *err)
{
	struct bp_outdir *d;

	*ret = NULL;
	if (!*dir || strlen(dir) > MAX_PATH - 2 * MAX_ID)
		return BP_FAIL(err, BP_EUSAGE, "-o DIR", "the output folder's name is empty or too long");
	if (!(d = calloc(1, sizeof *d)) || asprintf(&d->path, "%s/predictions", dir) < 0) {
		free(d);
		return BP_FAIL(err, BP_EMEM, NULL, "no memory for the output folder's name");
	}
	d->fd = -1;
	d->replace = replace;
	if (make_folders(d->path, err) != BP_OK)
		goto fail;
	d->fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->fd < 0 || faccessat(d->fd, ".", W_OK | X_OK, AT_EACCESS) != 0) {
		io_fail(err, d->path, NULL);
		goto fail;
	}
	*ret = d;
	return BP_OK;
fail:
	bp_outdir_close(d);
	if (err)
		err->code = BP_EUSAGE;
	return BP_EUSAGE;
}

void
bp_outdir_close(struct bp_outdir *d)
{
	if (!d)
		return;
	while (d->under_way)
		bp_target_discard(d->under_way);
	bp_set_close(&d->written);
	if (d->fd >= 0)
		close(d->fd);
	free(d->path);
	free(d);
}

/* Ids ---------------------------------------------------------------------------------------------------- */

int
bp_id_check(const char *id, struct bp_err *err)
{
	size_t n = strlen(id);
	bool fine = n > 0 && n <= MAX_ID && *id != '.' && *id != '-';

	for (size_t i = 0, len; fine && i < n; i += len) {
		len = bp_utf8_length((const unsigned char *)id + i, n - i);
		fine = len > 0 && id[i] != '/' && (unsigned char)id[i] >= ' ' && id[i] != 0x7f;
	}
	if (!fine)
		return BP_FAIL(err, BP_EINPUT,
		    "1 to 200 bytes of UTF-8 without '/' and control characters, and no '.' or '-' in front",
		    "the target id \"%.60s%s\" is not fit for a file name", id, n > 60 ? "..." : "");
	return BP_OK;
}

static int
check_new(const struct bp_outdir *d, const char *id, struct bp_err *err)
{
	if (bp_set_has(&d->written, id))
		return BP_FAIL(
		    err, BP_EINPUT, "give every target its own id", "target %s comes twice in this stream", id);
	return BP_OK;
}

int
bp_outdir_note(struct bp_outdir *d, const char *id, struct bp_err *err)
{
	BP_TRY(check_new(d, id, err));
	return bp_set_add(&d->written, id, err);
}

bool
bp_outdir_has(const struct bp_outdir *d, const char *id)
{
	struct stat sb;

	return bp_id_check(id, NULL) == BP_OK && fstatat(d->fd, id, &sb, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(sb.st_mode);
}

/* Which files are ours ----------------------------------------------------------------------------------- */

/* KIND_chi2_sample_N.json, KIND_guide_M_sample_N.json, guide_M_sample_N.json */
static bool
is_guide_log(const char *name)
{
	const char *p = strstr(name, "_sample_");

	return p && (strstr(name, "_chi2") || strstr(name, "guide")) && p[8]
	    && strcmp(p + 8 + strspn(p + 8, "0123456789"), ".json") == 0;
}

/* a name that `write` gives to a file of this target */
static bool
is_ours(const char *name, const char *id)
{
	static const struct {
		const char *prefix, *ext;
		bool model; /* one a model: PREFIX ID _model_ NUMBER EXT */
	} kind[] = { { "", ".cif", true }, { "", ".pdb", true }, { "", "_trajectory.cif", true },
		{ "", "_trajectory.pdb", true }, { "", "_trajectory.dcd", true }, { "", "_trajectory_denoised.cif", true },
		{ "", "_trajectory_denoised.pdb", true }, { "", "_trajectory_denoised.dcd", true },
		{ "confidence_", ".json", true },
		{ "plddt_", ".npz", true }, { "pae_", ".npz", true }, { "pde_", ".npz", true },
		{ "embeddings_", ".npz", false }, { "trajectory_", ".npz", false }, { "affinity_", ".json", false },
		{ "manifest_", ".json", false },
		{ "saxs_scores_", ".json", true }, { "saxs_comparison_", ".dat", true } };
	size_t n = strlen(id);

	if (strcmp(name, "saxs_scoring_summary.json") == 0 || is_guide_log(name))
		return true;
	for (size_t i = 0; i < sizeof kind / sizeof *kind; i++) {
		const char *p = name + strlen(kind[i].prefix);
		if (strncmp(name, kind[i].prefix, strlen(kind[i].prefix)) != 0 || strncmp(p, id, n) != 0)
			continue;
		p += n;
		if (kind[i].model && strncmp(p, "_model_", 7) != 0)
			continue;
		if (kind[i].model)
			p += 7 + strspn(p + 7, "0123456789");
		if (strcmp(p, kind[i].ext) == 0)
			return true;
	}
	return false;
}

/* did a rename fail because the file system or the kernel has no such kind? (NFS) */
static bool
unsupported(void)
{
	return errno == EINVAL || errno == ENOSYS || errno == ENOTSUP;
}

/* rename that never replaces */
static int
move(int from_fd, const char *from, int to_fd, const char *to)
{
	struct stat sb;

	if (renameat2(from_fd, from, to_fd, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (!unsupported())
		return -1;
	if (fstatat(to_fd, to, &sb, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return -1;
	}
	return renameat(from_fd, from, to_fd, to);
}

/* Remove our files from folder fd. to >= 0: move the others there, unless their names are taken. Errors show when
 * the folder is used again. */
static void
clear_folder(int fd, const char *id, int to)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
	struct dirent *e;

	if (!dir && copy >= 0)
		close(copy);
	while (dir && (e = readdir(dir))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (is_ours(e->d_name, id))
			unlinkat(fd, e->d_name, 0);
		else if (to >= 0)
			(void)move(fd, e->d_name, to, e->d_name);
	}
	if (dir)
		closedir(dir);
}

/* Opening, filling and ending a target ------------------------------------------------------------------- */

struct bp_target *
bp_target_find(struct bp_outdir *d, const char *id)
{
	struct bp_target *t = d->under_way;

	while (t && strcmp(t->id, id))
		t = t->next;
	return t;
}

static void
forget(struct bp_target *t)
{
	struct bp_target **p = &t->d->under_way;

	while (*p && *p != t)
		p = &(*p)->next;
	if (*p) {
		*p = t->next;
		t->d->n_under_way--;
	}
	if (t->release)
		t->release(t->held);
	if (t->fd >= 0)
		close(t->fd); /* and the lock is gone */
	free(t->path);
	free(t);
}

/* The .part folder, made or taken over, locked by us and empty of our files. */
static int
open_part(struct bp_target *t, struct bp_err *err)
{
	struct stat a, b;

	for (int tries = 0; tries < 10; tries++) {
		if (mkdirat(t->d->fd, t->part, 0777) != 0 && errno != EEXIST)
			return io_fail(err, t->d->path, t->part);
		t->fd = openat(t->d->fd, t->part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (t->fd < 0 && errno == ENOENT)
			continue; /* its owner has just renamed it */
		if (t->fd < 0)
			return io_fail(err, t->d->path, t->part);
		if (flock(t->fd, LOCK_EX | LOCK_NB) != 0
		    && errno == EWOULDBLOCK) /* NFS locks no folders: go on there */
			return BP_FAIL(err, BP_EINPUT, "let that one finish",
			    "%s: another process is writing this target", t->path);
		/* between opening and locking the owner may have renamed it */
		if (fstat(t->fd, &a) == 0 && fstatat(t->d->fd, t->part, &b, AT_SYMLINK_NOFOLLOW) == 0
		    && a.st_ino == b.st_ino && a.st_dev == b.st_dev) {
			clear_folder(t->fd, t->id, -1);
			return BP_OK;
		}
		close(t->fd);
		t->fd = -1;
	}
	return BP_FAIL(err, BP_EIO, NULL, "%s: other processes keep writing this target", t->path);
}

int
bp_target_open(struct bp_target **ret, struct bp_outdir *d, const char *id, struct bp_err *err)
{
	struct bp_target *t;
	struct stat sb;
	int st;

	if ((*ret = bp_target_find(d, id)))
		return BP_OK;
	BP_TRY(bp_id_check(id, err));
	BP_TRY(check_new(d, id, err));
	if (d->n_under_way == MAX_UNDER_WAY)
		return BP_FAIL(err, BP_EINPUT, "send each target's structures after its trajectory",
		    "trajectories of %d targets wait for their structures", MAX_UNDER_WAY);
	if (!(t = calloc(1, sizeof *t)) || asprintf(&t->path, "%s/%s", d->path, id) < 0) {
		free(t);
		return BP_FAIL(err, BP_EMEM, NULL, "no memory for target %s", id);
	}
	t->d = d;
	t->fd = -1;
	snprintf(t->id, sizeof t->id, "%s", id);
	snprintf(t->part, sizeof t->part, ".%s.part", id);
	if (fstatat(d->fd, id, &sb, AT_SYMLINK_NOFOLLOW) == 0 && !(d->replace && S_ISDIR(sb.st_mode)))
		st = BP_FAIL(err, BP_EINPUT, d->replace ? "move it away" : "give --override to replace it", "%s: %s",
		    t->path, d->replace ? "is no folder" : "is there already");
	else
		st = open_part(t, err);
	if (st != BP_OK) {
		forget(t);
		return st;
	}
	t->next = d->under_way;
	d->under_way = t;
	d->n_under_way++;
	*ret = t;
	return BP_OK;
}

const char *
bp_target_path(const struct bp_target *t)
{
	return t->path;
}

int
bp_target_file(FILE **ret, struct bp_target *t, const char *name, struct bp_err *err)
{
	int fd = openat(t->fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);

	*ret = fd >= 0 ? fdopen(fd, "w+") : NULL;
	if (*ret)
		return BP_OK;
	io_fail(err, t->path, name);
	if (fd >= 0)
		close(fd);
	return BP_EIO;
}

int
bp_target_scratch(FILE **ret, struct bp_target *t, struct bp_err *err)
{
	static const char name[] = ".scratch";

	unlinkat(t->fd, name, 0); /* of a run that was killed at this line */
	BP_TRY(bp_target_file(ret, t, name, err));
	unlinkat(t->fd, name, 0);
	return BP_OK;
}

int
bp_target_file_end(struct bp_target *t, FILE *f, const char *name, struct bp_err *err)
{
	int e = 0;

	errno = 0;
	if (fflush(f) != 0 || ferror(f) || fsync(fileno(f)) != 0)
		e = errno ? errno : EIO;
	errno = 0;
	if (fclose(f) != 0 && e == 0)
		e = errno ? errno : EIO;
	errno = e;
	return e ? io_fail(err, t->path, name) : BP_OK;
}

int64_t
bp_target_file_size(const struct bp_target *t, const char *name)
{
	struct stat sb;

	return fstatat(t->fd, name, &sb, AT_SYMLINK_NOFOLLOW) == 0 ? (int64_t)sb.st_size : -1;
}

void
bp_target_hold(struct bp_target *t, void *held, void (*release)(void *held))
{
	t->held = held;
	t->release = release;
}

void *
bp_target_held(const struct bp_target *t)
{
	return t->held;
}

/* some file systems cannot sync folders; they then need not */
static int
sync_folder(int fd)
{
	return fsync(fd) == 0 || errno == EINVAL || errno == ENOTSUP ? 0 : -1;
}

/* the .part folder takes the place of an existing one; files there that are not ours move along */
static int
replace_folder(struct bp_target *t)
{
	struct bp_outdir *d = t->d;
	const char *aside = t->part;
	char name[MAX_ID + 8];
	int old;

	snprintf(name, sizeof name, ".%s.old", t->id);
	if (renameat2(d->fd, t->part, d->fd, t->id, RENAME_EXCHANGE) != 0) {
		if (!unsupported() || renameat(d->fd, t->id, d->fd, name) != 0
		    || renameat(d->fd, t->part, d->fd, t->id) != 0)
			return -1;
		aside = name;
	}
	old = openat(d->fd, aside, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (old >= 0) {
		clear_folder(old, t->id, t->fd);
		close(old);
	}
	unlinkat(d->fd, aside, AT_REMOVEDIR); /* fails when something in it could not be moved: that stays there */
	return 0;
}

int
bp_target_commit(struct bp_target *t, struct bp_err *err)
{
	struct bp_outdir *d = t->d;
	int st, r;

	if ((st = bp_set_add(&d->written, t->id, err)) != BP_OK) {
		bp_target_discard(t);
		return st;
	}
	r = sync_folder(t->fd);
	if (r == 0) {
		r = move(d->fd, t->part, d->fd, t->id);
		if (r != 0 && errno == EEXIST && d->replace)
			r = replace_folder(t);
	}
	if (r != 0 || sync_folder(d->fd) != 0) {
		st = io_fail(err, t->path, NULL);
		if (r != 0)
			bp_target_discard(t);
		else
			forget(t);
		return st;
	}
	forget(t);
	return BP_OK;
}

void
bp_target_discard(struct bp_target *t)
{
	if (t->fd >= 0) {
		clear_folder(t->fd, t->id, -1);
		unlinkat(t->d->fd, t->part, AT_REMOVEDIR);
	}
	forget(t);
}
