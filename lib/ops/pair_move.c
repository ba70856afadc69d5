/* lib/ops/pair_move.c */
#include "ops/pair_move.h"

#include <string.h>

#include "ops/cpu.h"

static void
move(const struct bp_pair_move *a, int m)
{
	const struct bp_pairs *p = &a->p;
	const double *x = p->x + 3 * (size_t)a->sample * p->n, *e = p->a ? p->a + (size_t)a->sample * p->n : NULL;
	const double *y = a->y + 3 * (size_t)m;
	const size_t nq = (size_t)a->nq, types = (size_t)p->ntypes + (e ? 1 : 0);
	double *D = a->D + (size_t)m * types * nq;

	memset(D, 0, types * nq * sizeof *D);
	for (int j = 0, t = 0; j < p->n; j++) {
		double d[3] = { y[0] - x[3 * j], y[1] - x[3 * j + 1], y[2] - x[3 * j + 2] };
		double r = bp_pair_distance(x, a->atom[m], j), s = sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
		while (j >= p->start[t + 1])
			t++;
		if (j == a->atom[m])
			continue;
		for (size_t k = 0; k < nq; k++) {
			double change = bp_sinc(a->q[k] * s) - bp_sinc(a->q[k] * r);
			D[(size_t)t * nq + k] += change;
			if (e)
				D[(size_t)p->ntypes * nq + k] += e[j] * change;
		}
	}
}

int
bp_pair_move_cpu(struct bp_ctx *cx, const struct bp_pair_move *a)
{
	for (int m = 0; m < a->moves && !cx->dry; m++)
		move(a, m);
	return BP_OK;
}

/* ---- optimized: of two near distances r and s, sin(qs)/(qs) - sin(qr)/(qr) is formed in fp64 from one table of sines
 * a distance, sin and cos by a polynomial ---- */

/* sin and cos within 1e-12 for |x| < 1e5 */
static inline void
sincosd(double x, double *s, double *c)
{
	double k = x * 0.63661977236758134308 + 6755399441055744.0 - 6755399441055744.0, z, sn, cs;
	int quarter = (int)k;

	x = (x - k * 1.57079632673412561417) - k * 6.07710050650619224932e-11;
	z = x * x;
	sn = x
	    + x * z
	        * (-1.66666666666666307295e-1
	            + z
	                * (8.33333333332211858878e-3
	                    + z
	                        * (-1.98412698295895385996e-4
	                            + z
	                                * (2.75573136213857245213e-6
	                                    + z * (-2.50507477628578072866e-8 + z * 1.58962301576546568060e-10)))));
	cs = 1 - 0.5 * z
	    + z * z
	        * (4.16666666666665929218e-2
	            + z
	                * (-1.38888888888730564116e-3
	                    + z
	                        * (2.48015872888517045348e-5
	                            + z
	                                * (-2.75573141792967388112e-7
	                                    + z * (2.08757008419747316778e-9 - z * 1.13585365213876817300e-11)))));
	*s = quarter & 1 ? cs : sn;
	*c = quarter & 1 ? sn : cs;
	*s = quarter & 2 ? -*s : *s;
	*c = (quarter + 1) & 2 ? -*c : *c;
}

BP_CLONES static void
add_change(double *restrict D, double *restrict layer, const double *restrict q, int nq, double r, double s, double e)
{
#pragma omp simd
	for (int k = 0; k < nq; k++) {
		double sr, ss, c, x = q[k] * r, y = q[k] * s, change;
		sincosd(x, &sr, &c);
		sincosd(y, &ss, &c);
		change = (y > 0 ? ss / y : 1) - (x > 0 ? sr / x : 1);
		D[k] += change;
		layer[k] += e * change;
	}
}

static void
move_opt(const struct bp_pair_move *a, int m, double *unused)
{
	const struct bp_pairs *p = &a->p;
	const double *x = p->x + 3 * (size_t)a->sample * p->n, *e = p->a ? p->a + (size_t)a->sample * p->n : NULL;
	const double *y = a->y + 3 * (size_t)m;
	const size_t nq = (size_t)a->nq, types = (size_t)p->ntypes + (e ? 1 : 0);
	double *D = a->D + (size_t)m * types * nq;

	memset(D, 0, types * nq * sizeof *D);
	for (int j = 0, t = 0; j < p->n; j++) {
		double d[3] = { y[0] - x[3 * j], y[1] - x[3 * j + 1], y[2] - x[3 * j + 2] };
		while (j >= p->start[t + 1])
			t++;
		if (j != a->atom[m])
			add_change(D + (size_t)t * nq, e ? D + (size_t)p->ntypes * nq : unused, a->q, a->nq,
			    bp_pair_distance(x, a->atom[m], j), sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]),
			    e ? e[j] : 0);
	}
}

int
bp_pair_move_cpu_opt(struct bp_ctx *cx, const struct bp_pair_move *a)
{
	struct bp_mark mark = bp_dev_mark(cx);
	double *unused;

	BP_DEV_NEW(unused, (size_t)a->nq * (size_t)cx->threads, cx);
	if (!cx->dry) {
		memset(unused, 0, (size_t)a->nq * (size_t)cx->threads * sizeof *unused);
		BP_PARALLEL
		for (int m = 0; m < a->moves; m++)
			move_opt(a, m, unused + (size_t)a->nq * (size_t)omp_get_thread_num());
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}
