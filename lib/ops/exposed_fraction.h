/* exposed_fraction: the share of n_points points on the sphere of radius R_i around atom i that lie in no sphere R_j of
 * another atom: |p - x_j| >= R_j. Points are a golden spiral: z_k = 1 - (2k + 1) / n, phi_k = k pi (3 - sqrt 5).
 * optimized: a cell list and fp32 tests; a point within 1e-6 of a sphere's surface may fall on the other side. */
#ifndef BP_OP_EXPOSED_FRACTION_H
#define BP_OP_EXPOSED_FRACTION_H

#include "ops/ctx.h"

enum { BP_SPHERE_POINTS = 256 };

struct bp_exposed_fraction {
	int b, n;
	const double *x; /* [b,n,3] A, finite                     */
	const double *R; /* [n] A, > 0: with the probe            */
	double *a;       /* [b,n] out, multiples of 1/256, 0 .. 1 */
};
typedef int bp_exposed_fraction_fn(struct bp_ctx *cx, const struct bp_exposed_fraction *a);
bp_exposed_fraction_fn bp_exposed_fraction_cpu, bp_exposed_fraction_cpu_opt, bp_exposed_fraction_cuda, bp_exposed_fraction_cuda_opt;

#endif
