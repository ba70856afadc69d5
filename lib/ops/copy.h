/* lib/ops/copy.h: host memory to host memory by up to `threads` threads, which also share the first touch of its pages. */
#ifndef BP_OPS_COPY_H
#define BP_OPS_COPY_H

#include <stddef.h>

void bp_copy_host(void *dst, const void *src, size_t n, int threads);

#endif
