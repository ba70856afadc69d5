/* lib/tensor/npy.h: NumPy's .npy 1.0, one array a file.
 * https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html */
#ifndef BP_NPY_H
#define BP_NPY_H

#include "tensor/tensor.h"

enum { BP_NPY_HEADER = 384 }; /* a header never takes more, whatever the shape */

/* The header of t, which the data follow; returns its length, a multiple of 64. t is not bfloat16, which .npy does not
 * know. */
size_t bp_npy_header(char buf[BP_NPY_HEADER], const struct bp_tensor *t);

/* Write t as path (under path.tmp first, then renamed); bfloat16 becomes float32. BP_EIO, BP_EMEM. */
int bp_npy_write(const char *path, const struct bp_tensor *t, struct bp_err *err) BP_MUST_USE;

#endif
