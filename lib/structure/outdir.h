/* lib/structure/outdir.h: the folder that results go to.
 *
 *     DIR/predictions/ID/     the files of one target, as upstream names them
 *     DIR/predictions/.ID.part/   the same while they are being written
 *
 * A target appears whole or not at all: its files are written and synced in the .part folder, which is then renamed.
 * What a killed run leaves behind is one hidden folder a target under way; the next run with that id takes it over. */
#ifndef BP_OUTDIR_H
#define BP_OUTDIR_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

struct bp_outdir;
struct bp_target; /* a target under way */

/* Make DIR/predictions (and parents). replace: an existing target is replaced as a whole; files of other names in its
 * folder stay. BP_EUSAGE: the folder cannot be made or written to. */
int bp_outdir_open(struct bp_outdir **ret, const char *dir, bool replace, struct bp_err *err) BP_MUST_USE;
void bp_outdir_close(struct bp_outdir *d); /* discards targets under way; NULL is fine */

/* Is id fit for a file name? BP_EINPUT: empty, over 200 bytes, no UTF-8, '/', control characters, a leading
 * '.' or '-'. */
int bp_id_check(const char *id, struct bp_err *err) BP_MUST_USE;

/* This id is done in this run, without new files. BP_EINPUT: it was before. */
bool bp_outdir_has(const struct bp_outdir *d, const char *id); /* is it there, of whatever run? */
int bp_outdir_note(struct bp_outdir *d, const char *id, struct bp_err *err) BP_MUST_USE;

/* The target of that id: the one under way (*ret, also when its first part came in an earlier record), or a new one.
 * BP_EINPUT: the id is not fit, was written in this run already, exists and is not to be replaced, or another process
 * is writing it. BP_EIO. */
int bp_target_open(struct bp_target **ret, struct bp_outdir *d, const char *id, struct bp_err *err) BP_MUST_USE;
const char *bp_target_path(const struct bp_target *t); /* DIR/predictions/ID */

/* A new file of the target, opened for writing; close it with bp_target_file_end, which flushes and syncs and tells
 * every error that writing met (f is closed in any case). name must outlive neither call. */
int bp_target_file(FILE **ret, struct bp_target *t, const char *name, struct bp_err *err) BP_MUST_USE;
int bp_target_file_end(struct bp_target *t, FILE *f, const char *name, struct bp_err *err) BP_MUST_USE;

int64_t bp_target_file_size(const struct bp_target *t, const char *name); /* bytes; -1: there is no such file */

/* A file without a name, on the target's file system, gone when it is closed. */
int bp_target_scratch(FILE **ret, struct bp_target *t, struct bp_err *err) BP_MUST_USE;

/* Something of the caller's that lives as long as the target (an archive written record by record); release is
 * called when the target ends in any way. */
void bp_target_hold(struct bp_target *t, void *held, void (*release)(void *held));
void *bp_target_held(const struct bp_target *t);

/* End a target: make it visible, or remove every trace of it. Both free t, also on failure. */
int bp_target_commit(struct bp_target *t, struct bp_err *err) BP_MUST_USE;
void bp_target_discard(struct bp_target *t);
struct bp_target *bp_target_find(struct bp_outdir *d, const char *id); /* NULL: none under way */

#endif
