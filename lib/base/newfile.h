/* lib/base/newfile.h: a file that appears whole or not at all: written under another name beside it, synced, renamed.
 */
#ifndef BP_NEWFILE_H
#define BP_NEWFILE_H

#include <stdbool.h>
#include <stdio.h>

#include "base/arena.h"

struct bp_newfile {
	FILE *f;          /* write here; errors show at bp_newfile_end at the latest */
	const char *path; /* where it will be: links are followed                    */
	const char *tmp;  /* NULL: nothing to rename or remove                       */
};

/* Begin. Names live in mem. What is there and no regular file (a device, a pipe) is written in place: renaming would
 * replace it. */
int bp_newfile_open(struct bp_newfile *n, const char *path, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;
/* Flush, sync, rename. On failure the file is as it was before. */
int bp_newfile_end(struct bp_newfile *n, struct bp_err *err) BP_MUST_USE;
/* Without bp_newfile_end nothing remains. */
void bp_newfile_close(struct bp_newfile *n);
/* The last failed call on n->f as an error. */
int bp_newfile_failed(const struct bp_newfile *n, struct bp_err *err);
/* Are these one regular file, by whatever names? False when one of them is not there. */
bool bp_same_file(const char *a, const char *b);

#endif
