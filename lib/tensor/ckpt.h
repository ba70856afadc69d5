/* lib/tensor/ckpt.h: the weights and hyper-parameters of a checkpoint that torch.save wrote (PyTorch Lightning's .ckpt,
 * or a bare state dict): a zip of stored entries, PREFIX/data.pkl and PREFIX/data/KEY. Nothing in it is run (pickle.h),
 * and tensors are read when asked for: a large file costs no memory. */
#ifndef BP_CKPT_H
#define BP_CKPT_H

#include "base/val.h"
#include "tensor/tensor.h"

struct bp_ckpt;

/* Read everything but the tensors' data. BP_EINPUT: no such checkpoint, cut, damaged, or a pickle that is refused;
 * BP_EIO. Messages name the file. open_mem: n bytes in memory that stay the caller's. */
int bp_ckpt_open(struct bp_ckpt **ret, const char *path, struct bp_err *err) BP_MUST_USE;
int bp_ckpt_open_mem(
    struct bp_ckpt **ret, const void *data, size_t n, const char *name, struct bp_err *err) BP_MUST_USE;
void bp_ckpt_close(struct bp_ckpt *c); /* NULL is fine */

/* The tensors of `state_dict`, sorted by name; their data are NULL. */
int bp_ckpt_count(const struct bp_ckpt *c);
const struct bp_named *bp_ckpt_tensors(const struct bp_ckpt *c);
/* The tensors' elements in row-major order, in pieces: fn gets n elements of the tensor's dtype at p, which it must not
 * keep. Storages are compared with their checksums. Strided tensors need memory for the part of the storage that they
 * span. */
typedef int bp_ckpt_fn(void *self, const void *p, size_t n, struct bp_err *err);
int bp_ckpt_read(struct bp_ckpt *c, int i, bp_ckpt_fn *fn, void *self, struct bp_err *err) BP_MUST_USE;

/* `hyper_parameters` as plain values (omegaconf's containers included), or NULL. */
const struct bp_val *bp_ckpt_hyper(const struct bp_ckpt *c);
/* What was left out, a list of strings: "ema", "hyper_parameters.x (class some.Class)" ... Never NULL. */
const struct bp_val *bp_ckpt_skipped(const struct bp_ckpt *c);

#endif
