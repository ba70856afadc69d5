/* pair_histogram: the distances of all pairs of atoms, sorted into bins a row of pairs.h: H[row, k] = sum of the row's
 * pair weights times max(0, 1 - |r / h - k|): each distance is shared linearly between its two bins, so H is continuous
 * in the coordinates. Every distance must be below (bins - 2) h: else CPU rows return BP_ENUM, while those of cards do not
 * wait to see: far tells. optimized: distances in fp32 (x little farther from the origin than from its centre), sums of a
 * few thousand pairs in fp32, on cards in integers, then fp64. */
#ifndef BP_OP_PAIR_HISTOGRAM_H
#define BP_OP_PAIR_HISTOGRAM_H

#include "ops/pairs.h"

struct bp_pair_histogram {
	struct bp_pairs p;
	int bins;    /* >= 3 */
	double h;    /* A    */
	double *H;   /* [b,rows,bins] out                  */
	double *far; /* [b] out, the largest distance, A   */
};
typedef int bp_pair_histogram_fn(struct bp_ctx *cx, const struct bp_pair_histogram *a);
bp_pair_histogram_fn bp_pair_histogram_cpu, bp_pair_histogram_cpu_opt, bp_pair_histogram_cuda, bp_pair_histogram_cuda_opt;

#endif
