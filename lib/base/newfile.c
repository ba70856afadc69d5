#include "base/newfile.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int
bp_newfile_failed(const struct bp_newfile *n, struct bp_err *err)
{
	return BP_FAIL(err, BP_EIO, NULL, "%s: %s", n->path, strerror(errno ? errno : EIO));
}

int
bp_newfile_open(struct bp_newfile *n, const char *path, struct bp_arena *mem, struct bp_err *err)
{
	char *real = realpath(path, NULL);
	bool in_place;
	struct stat sb;
	char *tmp;

	*n = (struct bp_newfile) { .path = bp_strdup(mem, real ? real : path, err) };
	free(real);
	if (!n->path || !(tmp = bp_sprintf(mem, err, "%s.tmp.%ld", n->path, (long)getpid())))
		return BP_EMEM;
	in_place = stat(n->path, &sb) == 0 && !S_ISREG(sb.st_mode);
	errno = 0;
	if (!(n->f = fopen(in_place ? n->path : tmp, "wb")))
		return bp_newfile_failed(n, err);
	n->tmp = in_place ? NULL : tmp;
	return BP_OK;
}

int
bp_newfile_end(struct bp_newfile *n, struct bp_err *err)
{
	FILE *f = n->f;

	errno = 0;
	if (ferror(f) || fflush(f) != 0 || (n->tmp && fsync(fileno(f)) != 0))
		return bp_newfile_failed(n, err);
	n->f = NULL;
	if (fclose(f) != 0 || (n->tmp && rename(n->tmp, n->path) != 0))
		return bp_newfile_failed(n, err);
	n->tmp = NULL;
	return BP_OK;
}

void
bp_newfile_close(struct bp_newfile *n)
{
	if (n->f && fclose(n->f) != 0)
		n->f = NULL; /* it is removed anyway */
	if (n->tmp && unlink(n->tmp) != 0)
		n->tmp = NULL; /* gone already */
	*n = (struct bp_newfile) { 0 };
}

bool
bp_same_file(const char *a, const char *b)
{
	struct stat x, y;

	return stat(a, &x) == 0 && stat(b, &y) == 0 && S_ISREG(x.st_mode) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}
