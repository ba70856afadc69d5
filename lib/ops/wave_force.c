/* lib/ops/wave_force.c */
#include "ops/wave_force.h"

#include <string.h>

#include "ops/cpu.h"

/* the sums that B_i is made of, [types + 1][2]: B_i = C[t_i] + a_i C[types], from the amplitudes A and the tables G at
 * one q point */
static void
combine(double (*C)[2], const struct bp_pairs *p, double (*A)[2], const double *G, size_t nq)
{
	const int T = p->ntypes;

	for (int d = 0; d < 2; d++) {
		for (int s = 0; s <= T; s++)
			C[s][d] = 0;
		for (int s = 0; s < T; s++)
			for (int t = 0; t < T; t++)
				C[s][d] += G[bp_pair_row(p, s < t ? s : t, s < t ? t : s) * nq] * A[t][d];
		for (int t = 0; p->a && t < T; t++) {
			C[t][d] += G[bp_layer_row(p, t) * nq] * A[T][d];
			C[T][d] += G[bp_layer_row(p, t) * nq] * A[t][d];
		}
		if (p->a)
			C[T][d] += G[bp_layer_row(p, T) * nq] * A[T][d];
	}
}

/* one wave vector q u of weight w: amplitudes, then every atom's share of the gradient; e^{i phase} is kept in wave
 * [n][2] */
static void
add_wave(double *out, const struct bp_pairs *p, const double *x, const double *e, const struct bp_direction *u,
    double q, const double *G, size_t nq, double (*wave)[2], double (*A)[2], double (*C)[2])
{
	const int T = p->ntypes;

	memset(A, 0, ((size_t)T + 1) * sizeof *A);
	for (int t = 0; t < T; t++)
		for (int i = p->start[t]; i < p->start[t + 1]; i++) {
			double phase = q * (u->u[0] * x[3 * i] + u->u[1] * x[3 * i + 1] + u->u[2] * x[3 * i + 2]);
			wave[i][0] = cos(phase), wave[i][1] = sin(phase);
			for (int d = 0; d < 2; d++) {
				A[t][d] += wave[i][d];
				A[T][d] += e ? e[i] * wave[i][d] : 0;
			}
		}
	combine(C, p, A, G, nq);
	for (int t = 0; t < T; t++)
		for (int i = p->start[t]; i < p->start[t + 1]; i++) {
			double re = C[t][0] + (e ? e[i] * C[T][0] : 0), im = C[t][1] + (e ? e[i] * C[T][1] : 0);
			double pull = -q * u->w * (wave[i][1] * re - wave[i][0] * im);
			for (int d = 0; d < 3; d++)
				out[3 * i + d] += pull * u->u[d];
		}
}

int
bp_wave_force_cpu(struct bp_ctx *cx, const struct bp_wave_force *a)
{
	const struct bp_pairs *p = &a->p;
	const size_t nq = (size_t)a->nq, rows = (size_t)bp_pair_rows(p);
	struct bp_mark mark = bp_dev_mark(cx);
	double(*A)[2], (*wave)[2];
	struct bp_direction *u;

	for (size_t k = 0; k < nq && !cx->dry; k++)
		if (!(a->q[k] <= a->q_max))
			return BP_FAIL(cx->err, BP_ENUM, NULL, "q %g is above the largest, %g", a->q[k], a->q_max);
	BP_DEV_NEW(A, 2 * ((size_t)p->ntypes + 1), cx);
	BP_DEV_NEW(wave, p->n, cx);
	BP_DEV_NEW(u, bp_directions_count(bp_wave_degree(a->q_max, a->diameter)), cx);
	for (int b = 0; b < p->b && !cx->dry; b++) {
		const double *x = p->x + 3 * (size_t)b * p->n, *e = p->a ? p->a + (size_t)b * p->n : NULL;
		double *out = a->out + 3 * (size_t)b * p->n;
		memset(out, 0, 3 * (size_t)p->n * sizeof *out);
		for (size_t k = 0; k < nq; k++) {
			int degree = bp_wave_degree(a->q[k], a->diameter), n = bp_directions_count(degree);
			bp_directions(u, degree);
			for (int d = 0; d < n; d++)
				add_wave(out, p, x, e, &u[d], a->q[k], a->G + (size_t)b * rows * nq + k, nq, wave, A,
				    A + p->ntypes + 1);
		}
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}

/* ---- optimized: a job is a run of q points of a sample, whose gradient is its own; the runs depend on nq alone ----
 */

enum { RUNS = 32 };

struct job {
	const float *x, *y, *z, *a; /* [n] */
	float *re, *im;             /* [n] scratch */
	double *gx, *gy, *gz;       /* [n] += */
};

BP_CLONES static void
waves(struct job *w, int i0, int i1, const float v[3], double A[2], double layer[2])
{
	enum { BLOCK = 1024 };

	for (int from = i0; from < i1; from += BLOCK) {
		const int end = i1 - from < BLOCK ? i1 : from + BLOCK;
		float re = 0, im = 0, are = 0, aim = 0;
#pragma omp simd reduction(+ : re, im, are, aim)
		for (int i = from; i < end; i++) {
			float s, c;
			bp_sincosf(v[0] * w->x[i] + v[1] * w->y[i] + v[2] * w->z[i], &s, &c);
			w->re[i] = c, w->im[i] = s;
			re += c, im += s, are += w->a[i] * c, aim += w->a[i] * s;
		}
		A[0] += re, A[1] += im, layer[0] += are, layer[1] += aim;
	}
}

BP_CLONES static void
pull(struct job *w, int i0, int i1, const double C[2], const double layer[2], const double g[3])
{
#pragma omp simd
	for (int i = i0; i < i1; i++) {
		double p = w->im[i] * (C[0] + w->a[i] * layer[0]) - w->re[i] * (C[1] + w->a[i] * layer[1]);
		w->gx[i] += g[0] * p, w->gy[i] += g[1] * p, w->gz[i] += g[2] * p;
	}
}

static void
run(const struct bp_wave_force *a, struct job *w, const double *G, size_t k, struct bp_direction *u, double (*A)[2],
    double (*C)[2])
{
	const struct bp_pairs *p = &a->p;
	const int degree = bp_wave_degree(a->q[k], a->diameter), n = bp_directions_count(degree), T = p->ntypes;

	bp_directions(u, degree);
	for (int d = 0; d < n; d++) {
		double q = a->q[k], g[3];
		float v[3];
		for (int c = 0; c < 3; c++)
			v[c] = (float)(q * u[d].u[c]), g[c] = -q * u[d].w * u[d].u[c];
		memset(A, 0, ((size_t)T + 1) * sizeof *A);
		for (int t = 0; t < T; t++)
			waves(w, p->start[t], p->start[t + 1], v, A[t], A[T]);
		combine(C, p, A, G + k, (size_t)a->nq);
		for (int t = 0; t < T; t++)
			pull(w, p->start[t], p->start[t + 1], C[t], C[T], g);
	}
}

int
bp_wave_force_cpu_opt(struct bp_ctx *cx, const struct bp_wave_force *a)
{
	const struct bp_pairs *p = &a->p;
	const size_t nq = (size_t)a->nq, rows = (size_t)bp_pair_rows(p), n = (size_t)p->n, T = (size_t)p->ntypes + 1;
	struct bp_mark mark = bp_dev_mark(cx);
	struct bp_pairs_f32 f;
	struct bp_direction *dirs;
	double(*amps)[2], *g;
	float *wave;
	size_t most;

	for (size_t k = 0; k < nq && !cx->dry; k++)
		if (!(a->q[k] <= a->q_max))
			return BP_FAIL(cx->err, BP_ENUM, NULL, "q %g is above the largest, %g", a->q[k], a->q_max);
	most = (size_t)bp_directions_count(bp_wave_degree(a->q_max, a->diameter));
	BP_TRY(bp_pairs_f32(cx, &f, p));
	BP_DEV_NEW(amps, (size_t)cx->threads * 2 * T, cx);
	BP_DEV_NEW(dirs, (size_t)cx->threads * most, cx);
	BP_DEV_NEW(wave, (size_t)cx->threads * 2 * n, cx);
	BP_DEV_NEW(g, (size_t)p->b * RUNS * 3 * n, cx);
	if (cx->dry) {
		bp_dev_release(cx, mark);
		return BP_OK;
	}
	memset(g, 0, (size_t)p->b * RUNS * 3 * n * sizeof *g);
	BP_PARALLEL
	for (int r = 0; r < p->b * RUNS; r++) {
		size_t b = (size_t)r / RUNS, at = b * f.ld, me = (size_t)omp_get_thread_num();
		struct job w = { f.x + at, f.y + at, f.z + at, f.a + at, wave + 2 * n * me, wave + 2 * n * me + n,
			g + 3 * n * (size_t)r, g + 3 * n * (size_t)r + n, g + 3 * n * (size_t)r + 2 * n };
		for (size_t k = (size_t)r % RUNS; k < nq; k += RUNS)
			run(a, &w, a->G + b * rows * nq, k, dirs + most * me, amps + 2 * T * me, amps + 2 * T * me + T);
	}
	for (size_t i = 0; i < (size_t)p->b * n; i++)
		for (size_t d = 0; d < 3; d++) {
			double sum = 0;
			for (size_t r = 0; r < RUNS; r++)
				sum += g[((i / n * RUNS + r) * 3 + d) * n + i % n];
			a->out[3 * i + d] = sum;
		}
	bp_dev_release(cx, mark);
	return BP_OK;
}
