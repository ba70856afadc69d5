/* lib/model/dump.h: intermediates by name, for --dump and for tests: a stage offers its tensors as they come about.
 * With no listener (d = NULL) and while planning (cx->dry) every call does nothing. Tensors are float32. */
#ifndef BP_DUMP_H
#define BP_DUMP_H

#include "ops/ctx.h"
#include "tensor/safetensors.h"

struct bp_dump;

/* mem keeps the copies: the record's arena. */
int bp_dump_open(struct bp_dump **ret, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

/* Copy device memory p of that shape. A name given again replaces the first. */
int bp_dump_put(struct bp_dump *d, struct bp_ctx *cx, const char *name, const float *p, int ndim,
    const int64_t *shape) BP_MUST_USE;
/* The same for p that has the last axis of shape first: [shape[ndim-1], shape[0], ...]. */
int bp_dump_put_last(struct bp_dump *d, struct bp_ctx *cx, const char *name, const float *p, int ndim,
    const int64_t *shape) BP_MUST_USE;
/* p is number i along the first axis of shape, the others come by other calls. */
int bp_dump_part(struct bp_dump *d, struct bp_ctx *cx, const char *name, const float *p, int64_t i, int ndim,
    const int64_t *shape)
    BP_MUST_USE;
/* The same for host memory of any dtype; t's data is not copied and must live as long as the dump. */
int bp_dump_host(struct bp_dump *d, const char *name, const struct bp_tensor *t, struct bp_err *err) BP_MUST_USE;

const struct bp_tensor *bp_dump_get(const struct bp_dump *d, const char *name); /* NULL: none */
/* Write all to bp_target_path(path, id, stage). */
int bp_dump_write(const struct bp_dump *d, const char *path, const char *id, const char *stage,
    struct bp_err *err) BP_MUST_USE;

/* Where a file a target goes that an option names: path itself; PATH/ID.WHAT.safetensors when path is a directory or
 * ends in '/'. NULL and BP_EINPUT: an id that cannot be a file name; BP_EMEM. */
const char *bp_target_path(const char *path, const char *id, const char *what, struct bp_arena *mem,
    struct bp_err *err);
/* At the start: is there a folder for what such an option names? BP_EUSAGE. path may be NULL. */
int bp_target_folder(const char *path, struct bp_err *err) BP_MUST_USE;
/* Before the work: may a file of this target be written, after `before` others? BP_EINPUT: path is one file, which
 * holds one, or id cannot be a file name. path may be NULL. */
int bp_target_check(const char *path, const char *id, int before, struct bp_err *err) BP_MUST_USE;

#endif
