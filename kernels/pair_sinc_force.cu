#include "pairs.cuh"

extern "C" {
#include "ops/pair_sinc_force.h"
}

/* a block an atom, which visits all others: nothing is shared between blocks */
static __global__ void
pull(struct bp_pair_sinc_force a, struct bp_pairs p)
{
	const int b = blockIdx.x / p.n, i = blockIdx.x % p.n, s = bp_type_of(&p, i);
	const double *x = p.x + 3 * (int64_t)b * p.n, *e = p.a ? p.a + (int64_t)b * p.n : NULL;
	const double *G = a.G + (int64_t)b * bp_pair_rows(&p) * a.nq;
	double sum[3] = { 0, 0, 0 };

	for (int j = threadIdx.x; j < p.n; j += blockDim.x) {
		int t = bp_type_of(&p, j);
		const double *g = G + (int64_t)(s < t ? bp_pair_row(&p, s, t) : bp_pair_row(&p, t, s)) * a.nq;
		double r = bp_pair_distance(x, i, j), force = 0;
		for (int k = 0; k < a.nq && r > 0; k++) {
			double gk = g[k];
			if (e)
				gk += e[j] * G[(int64_t)bp_layer_row(&p, s) * a.nq + k] + e[i] * G[(int64_t)bp_layer_row(&p, t) * a.nq + k]
				    + e[i] * e[j] * G[(int64_t)bp_layer_row(&p, p.ntypes) * a.nq + k];
			force += gk * bp_sinc_slope(a.q[k], r);
		}
		for (int d = 0; d < 3 && r > 0; d++)
			sum[d] += force * (x[3 * i + d] - x[3 * j + d]) / r;
	}
	bp_put_gradient(a.out + 3 * (int64_t)blockIdx.x, sum);
}

int
bp_pair_sinc_force_cuda(struct bp_ctx *cx, const struct bp_pair_sinc_force *a)
{
	struct bp_mark mark = bp_dev_mark(cx);
	struct bp_pairs p;

	BP_TRY(bp_pairs_up(cx, &p, &a->p));
	if (!cx->dry)
		pull<<<p.b * p.n, 128, 0, bp_stream(cx)>>>(*a, p);
	bp_dev_release(cx, mark);
	return cx->dry ? BP_OK : bp_launched(cx, "pair_sinc_force");
}
