/* lib/ops/cpu.h: what the `optimized` CPU rows share. They split rows into tiles of a size that depends on the shape alone; threads take tiles, so
 * the bytes of a result do not depend on the number of threads. */
#ifndef BP_OPS_CPU_H
#define BP_OPS_CPU_H

#include <omp.h>

#include "ops/ctx.h"
#include "ops/gemm.h"
#include "ops/vec.h"

#define BP_PARALLEL _Pragma("omp parallel for num_threads(cx->threads) schedule(dynamic)")

/* rows a tile: few when there are few rows, so that every thread gets some */
static inline int
bp_tile(int64_t rows)
{
	return rows > 1024 ? BP_ROW_TILE : BP_ROW_TILE / 7 * 2;
}

static inline int
bp_min(int64_t a, int64_t b)
{
	return (int)(a < b ? a : b);
}

/* n rounded up to whole panels */
static inline int
bp_pad(int n)
{
	return (n + BP_PANEL - 1) / BP_PANEL * BP_PANEL;
}

/* *ret = device memory with W [n,k], rows ld apart, packed for bp_gemm */
int bp_pack_new(struct bp_ctx *cx, float **ret, const float *W, int n, int k, size_t ld) BP_MUST_USE;

static inline int BP_MUST_USE
bp_pack_weight(struct bp_ctx *cx, float **ret, const struct bp_weight *W)
{
	return bp_pack_new(cx, ret, W->p, W->n, W->k, (size_t)W->k);
}

static inline const float *
bp_p(const struct bp_weight *w)
{
	return w ? w->p : NULL;
}

#endif
