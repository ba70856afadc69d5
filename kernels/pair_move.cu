#include "pairs.cuh"

extern "C" {
#include "ops/pair_move.h"
}

/* a block a move and type (the last is the layer); a thread takes q points in turn */
static __global__ void
move(struct bp_pair_move a, struct bp_pairs p, const int32_t *atom)
{
	const int types = p.ntypes + (p.a ? 1 : 0), m = blockIdx.x / types, t = blockIdx.x % types, i = atom[m];
	const int j0 = t < p.ntypes ? p.start[t] : 0, j1 = t < p.ntypes ? p.start[t + 1] : p.n;
	const double *x = p.x + 3 * (int64_t)a.sample * p.n, *e = p.a ? p.a + (int64_t)a.sample * p.n : NULL;
	const double *y = a.y + 3 * m;

	for (int k = threadIdx.x; k < a.nq; k += blockDim.x) {
		double sum = 0;
		for (int j = j0; j < j1; j++) {
			double d[3] = { y[0] - x[3 * j], y[1] - x[3 * j + 1], y[2] - x[3 * j + 2] };
			double s = sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
			if (j != i)
				sum += (t < p.ntypes ? 1 : e[j]) * (bp_sinc(a.q[k] * s) - bp_sinc(a.q[k] * bp_pair_distance(x, i, j)));
		}
		a.D[(int64_t)blockIdx.x * a.nq + k] = sum;
	}
}

int
bp_pair_move_cuda(struct bp_ctx *cx, const struct bp_pair_move *a)
{
	struct bp_mark mark = bp_dev_mark(cx);
	struct bp_pairs p;
	const void *atom;

	BP_TRY(bp_pairs_up(cx, &p, &a->p));
	BP_TRY(bp_dev_upload(cx, &atom, a->atom, (size_t)a->moves * sizeof *a->atom));
	if (!cx->dry && a->moves)
		move<<<a->moves * (p.ntypes + (p.a ? 1 : 0)), 128, 0, bp_stream(cx)>>>(*a, p, (const int32_t *)atom);
	bp_dev_release(cx, mark);
	return cx->dry ? BP_OK : bp_launched(cx, "pair_move");
}
