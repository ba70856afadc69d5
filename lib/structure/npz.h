/* lib/structure/npz.h: NumPy's .npz: a zip archive of arrays, as numpy.savez writes and numpy.load reads it.
 * Formats: .npy 1.0 (numpy.lib.format); zip with 64-bit sizes throughout (APPNOTE 6.3.3, 4.3 and 4.5.3). Archives of
 * the same arrays are the same bytes: entries carry no time. */
#ifndef BP_NPZ_H
#define BP_NPZ_H

#include <stdio.h>

#include "tensor/tensor.h"

struct bp_npz;

/* Write an archive to f, a seekable file that stays the caller's and must outlive it. name is for messages. */
int bp_npz_open(struct bp_npz **ret, FILE *f, const char *name, struct bp_err *err) BP_MUST_USE;
/* Add an array, as it is: deflating saves a tenth of such floats and takes 30 times as long. BP_EUNSUP: bfloat16, which
 * NumPy lacks; BP_EIO. */
int bp_npz_put(struct bp_npz *z, const char *name, const struct bp_tensor *t, struct bp_err *err) BP_MUST_USE;
/* Write the directory. The archive is whole when this and the closing of f succeeded. */
int bp_npz_end(struct bp_npz *z, struct bp_err *err) BP_MUST_USE;
void bp_npz_close(struct bp_npz *z); /* NULL is fine */

#endif
