/* lib/ops/cpu.h: what the `optimized` CPU rows share. They split rows into tiles of a size that depends on the shape
 * alone; threads take tiles, so the bytes of a result do not depend on the number of threads. */
#ifndef BP_OPS_CPU_H
#define BP_OPS_CPU_H

#include <omp.h>

#include "ops/ctx.h"
#include "ops/gemm.h"
#include "ops/vec.h"

#define BP_PARALLEL _Pragma("omp parallel for num_threads(cx->threads) schedule(dynamic)")

static inline int
bp_min(int64_t a, int64_t b)
{
	return (int)(a < b ? a : b);
}

/* rows a tile (whole kernels): few when there are few rows, so that every thread gets some */
static inline int
bp_tile(int64_t rows)
{
	return rows > 1024 ? BP_ROW_TILE : rows > 160 ? 48 : 24;
}

/* How a product [rows,n] is cut into tasks: many rows by rows alone; few rows (a sequence of tokens, with large
 * weights) by columns too, so that weights are read about once and every thread gets some. Task t covers rows r..r+m
 * and columns j..j+w. */
struct bp_part {
	int r, m, j, w;
};
enum { BP_PART_ROWS = 252, BP_PART_COLUMNS = 64 };

static inline struct bp_part
bp_part(int rows, int n, int t)
{
	int few = rows <= 1024, tall = BP_ROW_TILE, wide = few ? BP_PART_COLUMNS : n, across = (n + wide - 1) / wide;

	if (few) { /* even shares, whole kernels */
		int shares = (rows + BP_PART_ROWS - 1) / BP_PART_ROWS;
		tall = (rows + shares * 12 - 1) / (shares * 12) * 12;
	}
	return (struct bp_part) { t / across * tall, bp_min(rows - t / across * tall, tall), t % across * wide,
		bp_min(n - t % across * wide, wide) };
}

/* the number of tasks; scratch of one task, floats */
static inline int
bp_parts(int rows, int n)
{
	struct bp_part first = bp_part(rows, n, 0);

	return ((rows + first.m - 1) / first.m) * ((n + first.w - 1) / first.w);
}

static inline size_t
bp_part_size(int rows, int n)
{
	struct bp_part first = bp_part(rows, n, 0);

	return (size_t)first.m * first.w;
}

/* n floats rounded up to whole cache lines: for scratch cut into pieces */
static inline size_t
bp_line(size_t n)
{
	return (n + 15) / 16 * 16;
}

/* n rounded up to whole panels */
static inline int
bp_pad(int n)
{
	return (n + BP_PANEL - 1) / BP_PANEL * BP_PANEL;
}

/* p = size floats of scratch a thread, in whole cache lines; bp_mine is the calling thread's, inside a parallel region
 * of cx->threads */
#define BP_SCRATCH_NEW(p, size, cx) BP_DEV_NEW(p, bp_line(size) * (size_t)(cx)->threads, cx)
static inline float *
bp_mine(float *scratch, size_t size)
{
	return scratch + bp_line(size) * (size_t)omp_get_thread_num();
}

/* *ret = device memory with W [n,k], rows ld apart, packed for bp_gemm */
int bp_pack_new(struct bp_ctx *cx, float **ret, const float *W, int n, int k, size_t ld) BP_MUST_USE;

/* the same of a weight: its own packed copy, which is not to be changed, where it has one */
static inline int BP_MUST_USE
bp_pack_weight(struct bp_ctx *cx, float **ret, const struct bp_weight *W)
{
	*ret = (float *)(uintptr_t)W->h;
	return *ret ? BP_OK : bp_pack_new(cx, ret, W->p, W->n, W->k, (size_t)W->k);
}

static inline const float *
bp_p(const struct bp_weight *w)
{
	return w ? w->p : NULL;
}

#endif
