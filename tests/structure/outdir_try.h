/* tests/structure/outdir_try.h: saving targets into new folders, for test_outdir.c and test_outdir_faults.c */
#ifndef BP_TEST_OUTDIR_TRY_H
#define BP_TEST_OUTDIR_TRY_H

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "npz_read.h"
#include "structure/save.h"

static struct bp_arena *mem;
static char top[64]; /* a new folder, removed at the end */

static const struct bp_save_opt all = { .full_pae = true, .full_pde = true, .embeddings = true,
	.trajectory = BP_TRAJECTORY_NPZ };

static inline char *
file(const char *path, size_t *n)
{
	char *text;
	struct stat sb;
	FILE *f = fopen(path, "rb");

	if (!f)
		fail_msg("no file %s", path);
	assert_int_equal(fstat(fileno(f), &sb), 0);
	*n = (size_t)sb.st_size;
	text = bp_calloc(mem, *n + 1, 1, NULL);
	assert_int_equal(fread(text, 1, *n, f), *n);
	fclose(f);
	return text;
}

/* files in a folder, not counting . and ..; -1: no folder */
static inline int
count_files(const char *path)
{
	DIR *d = opendir(path);
	int n = -2;

	if (!d)
		return -1;
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static inline void
remove_tree(const char *path)
{
	char cmd[300];

	snprintf(cmd, sizeof cmd, "rm -rf '%s'", path);
	assert_int_equal(system(cmd), 0);
}

static inline struct bp_outdir *
open_dir(const char *dir, bool replace)
{
	struct bp_outdir *d;
	struct bp_err err = { 0 };

	if (bp_outdir_open(&d, dir, replace, &err) != BP_OK)
		fail_msg("%s", err.msg);
	return d;
}

static inline struct bp_val *
save(const struct bp_rec *rec, const struct bp_save_opt *o, struct bp_outdir *d)
{
	struct bp_err err = { 0 };
	struct bp_val *line = NULL;

	if (bp_save(&line, rec, o, d, &err) != BP_OK)
		fail_msg("%s: %s", err.msg, err.hint);
	return line;
}

static inline void
save_fails(const struct bp_rec *rec, struct bp_outdir *d, int code, const char *part)
{
	struct bp_err err = { 0 };
	struct bp_val *line = NULL;

	assert_int_equal(bp_save(&line, rec, &all, d, &err), code);
	assert_null(line);
	if (!strstr(err.msg, part))
		fail_msg("\"%s\" does not say \"%s\"", err.msg, part);
}

/* tests in a new folder */
static inline int
in_folder(const struct CMUnitTest *tests, size_t n)
{
	int failed;

	snprintf(top, sizeof top, "%s/bp-outdir-XXXXXX",
	    getenv("TMPDIR") && strlen(getenv("TMPDIR")) < 40 ? getenv("TMPDIR") : "/tmp");
	if (!mkdtemp(top) || bp_arena_open(&mem, 0, NULL) != BP_OK)
		return 1;
	failed = _cmocka_run_group_tests("outdir", tests, n, NULL, NULL);
	remove_tree(top);
	bp_arena_close(mem);
	return failed;
}

#endif
