#include "waves.cuh"

extern "C" {
#include "ops/wave_force.h"
}

/* a thread a direction: B_i = C[t_i] + a_i C[types] from the amplitudes and the tables G at one q point (wave_force.c) */
static __global__ void
combine(double2 *C, struct bp_waves w, struct bp_pairs p, const double *G, int nq)
{
	const int T = p.ntypes;

	BP_EACH(d, w.n) {
		const double2 *A = w.A + d * (T + 1);
		double2 *c = C + d * (T + 1), layer = make_double2(0, 0);
		for (int s = 0; s < T; s++) {
			double2 sum = make_double2(0, 0);
			for (int t = 0; t < T; t++) {
				double g = G[(int64_t)(s < t ? bp_pair_row(&p, s, t) : bp_pair_row(&p, t, s)) * nq];
				sum.x += g * A[t].x, sum.y += g * A[t].y;
			}
			if (p.a) {
				double g = G[(int64_t)bp_layer_row(&p, s) * nq];
				sum.x += g * A[T].x, sum.y += g * A[T].y;
				layer.x += g * A[s].x, layer.y += g * A[s].y;
			}
			c[s] = sum;
		}
		if (p.a) {
			double g = G[(int64_t)bp_layer_row(&p, T) * nq];
			layer.x += g * A[T].x, layer.y += g * A[T].y;
		}
		c[T] = layer;
	}
}

/* a block an atom: its share of the gradient from all directions */
static __global__ void
pull(double *out, const double2 *C, struct bp_waves w, struct bp_pairs p, const double *x, const double *e, const double *q, int k)
{
	const int i = blockIdx.x, t = bp_type_of(&p, i);
	double sum[3] = { 0, 0, 0 };

	for (int d = threadIdx.x; d < w.n; d += blockDim.x) {
		const double2 *c = C + (int64_t)d * (p.ntypes + 1);
		const struct bp_direction u = w.u[d];
		double re = c[t].x + (e ? e[i] * c[p.ntypes].x : 0), im = c[t].y + (e ? e[i] * c[p.ntypes].y : 0), sine, cosine, f;
		sincos(bp_phase(u.u, x + 3 * i, q[k]), &sine, &cosine);
		f = -q[k] * u.w * (sine * re - cosine * im);
		for (int a = 0; a < 3; a++)
			sum[a] += f * u.u[a];
	}
	for (int a = 0; a < 3; a++) {
		double total = bp_block_sum(sum[a]);
		if (threadIdx.x == 0)
			out[3 * i + a] += total;
	}
}

static int
forces(struct bp_ctx *cx, const struct bp_wave_force *a, struct bp_waves *w, const struct bp_pairs *p, double2 *C)
{
	const int rows = bp_pair_rows(p);

	BP_TRY(bp_dev_zero(cx, a->out, 3 * (size_t)p->b * (size_t)p->n * sizeof *a->out));
	for (int k = 0; k < a->nq; k++) {
		BP_TRY(bp_waves_at(cx, w, k, a->diameter));
		for (int b = 0; b < p->b; b++) {
			const double *x = p->x + 3 * (int64_t)b * p->n, *e = p->a ? p->a + (int64_t)b * p->n : NULL;
			bp_amplitudes<<<w->n, 128, 0, bp_stream(cx)>>>(*w, *p, x, e, a->q, k);
			combine<<<BP_GRID(w->n), 0, bp_stream(cx)>>>(C, *w, *p, a->G + (int64_t)b * rows * a->nq + k, a->nq);
			pull<<<p->n, 128, 0, bp_stream(cx)>>>(a->out + 3 * (int64_t)b * p->n, C, *w, *p, x, e, a->q, k);
		}
	}
	return bp_launched(cx, "wave_force");
}

int
bp_wave_force_cuda(struct bp_ctx *cx, const struct bp_wave_force *a)
{
	struct bp_mark mark = bp_dev_mark(cx);
	struct bp_waves w;
	struct bp_pairs p;
	double2 *C;
	int st;

	BP_TRY(bp_pairs_up(cx, &p, &a->p));
	BP_CUDA_NEW(C, (size_t)bp_directions_count(bp_wave_degree(a->q_max, a->diameter)) * ((size_t)p.ntypes + 1), cx);
	if ((st = bp_waves_open(cx, &w, p.ntypes, a->q, a->nq, a->q_max, a->diameter)) == BP_OK && !cx->dry)
		st = forces(cx, a, &w, &p, C);
	bp_waves_close(&w);
	bp_dev_release(cx, mark);
	return st;
}
