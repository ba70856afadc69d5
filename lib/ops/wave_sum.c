/* lib/ops/wave_sum.c */
#include "ops/wave_sum.h"

#include <string.h>

#include "ops/cpu.h"

/* add one direction's products of amplitudes A [types + 1][2] to the sums at q point k */
static void
add_products(double *S, const struct bp_pairs *p, double (*A)[2], size_t nq, double w)
{
	for (int s = 0; s < p->ntypes; s++)
		for (int t = s; t < p->ntypes; t++)
			S[bp_pair_row(p, s, t) * nq]
			    += (s == t ? 0.5 : 1) * w * (A[s][0] * A[t][0] + A[s][1] * A[t][1]);
	for (int t = 0; p->a && t <= p->ntypes; t++)
		S[bp_layer_row(p, t) * nq]
		    += (t == p->ntypes ? 0.5 : 1) * w * (A[t][0] * A[p->ntypes][0] + A[t][1] * A[p->ntypes][1]);
}

/* each atom's product with itself is no pair */
static void
remove_self(double *S, const struct bp_pairs *p, const double *e, size_t nq)
{
	for (int t = 0; t < p->ntypes; t++) {
		S[bp_pair_row(p, t, t) * nq] -= 0.5 * (p->start[t + 1] - p->start[t]);
		for (int i = p->start[t]; e && i < p->start[t + 1]; i++) {
			S[bp_layer_row(p, t) * nq] -= e[i];
			S[bp_layer_row(p, p->ntypes) * nq] -= 0.5 * e[i] * e[i];
		}
	}
}

/* amplitudes of one wave vector, [types + 1][2]: the last is the layer's */
static void
amplitudes(double (*A)[2], const struct bp_pairs *p, const double *x, const double *e, const double u[3], double q)
{
	memset(A, 0, ((size_t)p->ntypes + 1) * sizeof *A);
	for (int t = 0; t < p->ntypes; t++)
		for (int i = p->start[t]; i < p->start[t + 1]; i++) {
			double phase = q * (u[0] * x[3 * i] + u[1] * x[3 * i + 1] + u[2] * x[3 * i + 2]),
			       c = cos(phase), s = sin(phase);
			A[t][0] += c, A[t][1] += s;
			if (e)
				A[p->ntypes][0] += e[i] * c, A[p->ntypes][1] += e[i] * s;
		}
}

int
bp_wave_sum_cpu(struct bp_ctx *cx, const struct bp_wave_sum *a)
{
	const struct bp_pairs *p = &a->p;
	const size_t nq = (size_t)a->nq, rows = (size_t)bp_pair_rows(p);
	struct bp_mark mark = bp_dev_mark(cx);
	double(*A)[2];
	struct bp_direction *u;

	for (size_t k = 0; k < nq && !cx->dry; k++)
		if (!(a->q[k] <= a->q_max))
			return BP_FAIL(cx->err, BP_ENUM, NULL, "q %g is above the largest, %g", a->q[k], a->q_max);
	BP_DEV_NEW(A, p->ntypes + 1, cx);
	BP_DEV_NEW(u, bp_directions_count(bp_wave_degree(a->q_max, a->diameter)), cx);
	for (int b = 0; b < p->b && !cx->dry; b++) {
		const double *x = p->x + 3 * (size_t)b * p->n, *e = p->a ? p->a + (size_t)b * p->n : NULL;
		double *S = a->S + (size_t)b * rows * nq;
		memset(S, 0, rows * nq * sizeof *S);
		for (size_t k = 0; k < nq; k++) {
			int degree = bp_wave_degree(a->q[k], a->diameter), n = bp_directions_count(degree);
			bp_directions(u, degree);
			for (int d = 0; d < n; d++) {
				amplitudes(A, p, x, e, u[d].u, a->q[k]);
				add_products(S + k, p, A, nq, u[d].w);
			}
			remove_self(S + k, p, e, nq);
		}
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}

/* ---- optimized: a job is a q point of a sample ---- */

/* sums over n atoms of one type */
BP_CLONES static void
add_waves(double A[2], double layer[2], const float *x, const float *y, const float *z, const float *a, int n,
    const float v[3])
{
	enum { BLOCK = 1024 };

	for (int i0 = 0; i0 < n; i0 += BLOCK) {
		const int end = n - i0 < BLOCK ? n : i0 + BLOCK;
		float re = 0, im = 0, are = 0, aim = 0;
#pragma omp simd reduction(+ : re, im, are, aim)
		for (int i = i0; i < end; i++) {
			float s, c;
			bp_sincosf(v[0] * x[i] + v[1] * y[i] + v[2] * z[i], &s, &c);
			re += c, im += s, are += a[i] * c, aim += a[i] * s;
		}
		A[0] += re, A[1] += im, layer[0] += are, layer[1] += aim;
	}
}

int
bp_wave_sum_cpu_opt(struct bp_ctx *cx, const struct bp_wave_sum *a)
{
	const struct bp_pairs *p = &a->p;
	const size_t nq = (size_t)a->nq, rows = (size_t)bp_pair_rows(p);
	struct bp_mark mark = bp_dev_mark(cx);
	struct bp_pairs_f32 f;
	struct bp_direction *dirs;
	double(*amps)[2];
	size_t most;

	for (size_t k = 0; k < nq && !cx->dry; k++)
		if (!(a->q[k] <= a->q_max))
			return BP_FAIL(cx->err, BP_ENUM, NULL, "q %g is above the largest, %g", a->q[k], a->q_max);
	most = (size_t)bp_directions_count(bp_wave_degree(a->q_max, a->diameter));
	BP_TRY(bp_pairs_f32(cx, &f, p));
	BP_DEV_NEW(amps, (size_t)cx->threads * ((size_t)p->ntypes + 1), cx);
	BP_DEV_NEW(dirs, (size_t)cx->threads * most, cx);
	if (cx->dry) {
		bp_dev_release(cx, mark);
		return BP_OK;
	}
	memset(a->S, 0, (size_t)p->b * rows * nq * sizeof *a->S);
	BP_PARALLEL
	for (int64_t w = 0; w < (int64_t)p->b * a->nq; w++) {
		size_t b = (size_t)w / nq, k = (size_t)w % nq, at = b * f.ld;
		struct bp_direction *u = dirs + most * (size_t)omp_get_thread_num();
		double(*A)[2] = amps + ((size_t)p->ntypes + 1) * (size_t)omp_get_thread_num();
		double *S = a->S + b * rows * nq + k;
		int degree = bp_wave_degree(a->q[k], a->diameter), n = bp_directions_count(degree);
		bp_directions(u, degree);
		for (int d = 0; d < n; d++) {
			float v[3] = { (float)(a->q[k] * u[d].u[0]), (float)(a->q[k] * u[d].u[1]),
				(float)(a->q[k] * u[d].u[2]) };
			memset(A, 0, ((size_t)p->ntypes + 1) * sizeof *A);
			for (int t = 0; t < p->ntypes; t++) {
				size_t i = at + (size_t)p->start[t];
				add_waves(A[t], A[p->ntypes], f.x + i, f.y + i, f.z + i, f.a + i,
				    p->start[t + 1] - p->start[t], v);
			}
			add_products(S, p, A, nq, u[d].w);
		}
		remove_self(S, p, p->a ? p->a + b * (size_t)p->n : NULL, nq);
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}
