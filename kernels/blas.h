/* kernels/blas.h: matrix products of one context, by cuBLASLt. Opened and closed by context.cu; bp_blas and its sisters are in cuda.cuh. */
#ifndef BP_CUDA_BLAS_H
#define BP_CUDA_BLAS_H

extern "C" {
#include "ops/ctx.h"
}

struct bp_products;

/* The library comes from dlopen: a program built with CUDA starts on a machine that has none. BP_EUNSUP: there is none, or it does not start; *ret is
 * to be closed in any case. */
int bp_products_open(struct bp_products **ret, int device, struct bp_err *err) BP_MUST_USE;
void bp_products_close(struct bp_products *p);
/* What follows is work aside, which has a workspace of its own, or no longer; kernels that stay on their processors take no more than so many of these
 * (0: all), and compute the same. False: no memory for it. */
bool bp_products_turn(struct bp_products *p, bool aside, int processors);

struct bp_products *bp_products(const struct bp_ctx *cx); /* of a context; context.cu has it */

#endif
