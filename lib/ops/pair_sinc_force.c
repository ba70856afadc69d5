/* lib/ops/pair_sinc_force.c */
#include "ops/pair_sinc_force.h"

#include <string.h>

#include "ops/cpu.h"

int
bp_pair_sinc_force_cpu(struct bp_ctx *cx, const struct bp_pair_sinc_force *a)
{
	const struct bp_pairs *p = &a->p;
	const size_t nq = (size_t)a->nq;

	if (cx->dry)
		return BP_OK;
	memset(a->out, 0, 3 * (size_t)p->b * p->n * sizeof *a->out);
	for (int b = 0; b < p->b; b++) {
		const double *x = p->x + 3 * (size_t)b * p->n, *e = p->a ? p->a + (size_t)b * p->n : NULL;
		const double *G = a->G + (size_t)b * bp_pair_rows(p) * nq, *ww = G + bp_layer_row(p, p->ntypes) * nq;
		double *out = a->out + 3 * (size_t)b * p->n;
		for (int i = 0; i < p->n; i++) {
			int s = bp_type_of(p, i);
			for (int j = i + 1; j < p->n; j++) {
				int t = bp_type_of(p, j);
				const double *g = G + bp_pair_row(p, s, t) * nq;
				double r = bp_pair_distance(x, i, j), force = 0;
				for (size_t k = 0; k < nq; k++) {
					double gk = g[k];
					if (e)
						gk += e[j] * G[bp_layer_row(p, s) * nq + k]
						    + e[i] * G[bp_layer_row(p, t) * nq + k] + e[i] * e[j] * ww[k];
					force += gk * bp_sinc_slope(a->q[k], r);
				}
				for (int d = 0; d < 3 && r > 0; d++) {
					out[3 * i + d] += force * (x[3 * i + d] - x[3 * j + d]) / r;
					out[3 * j + d] -= force * (x[3 * i + d] - x[3 * j + d]) / r;
				}
			}
		}
	}
	return BP_OK;
}

/* ---- optimized: a job is an atom i, which visits all others: every pair twice, but nothing is shared between jobs
 * ---- */

enum { BLOCK = 256, QSUM = 32 };

struct job {
	const float *x, *y, *z, *a; /* [n] of the sample                                        */
	int i, n, nq;
	const float *q;
	const float *gb, *gi, *gj, *gw; /* [nq] tables of the types of i and j, with the layer, ... */
	double *out;                    /* [3] += */
};

/* what atoms j0 .. j1 - 1, all of one type, do to atom i */
BP_CLONES static void
pull(struct job *w, int j0, int j1)
{
	_Alignas(64) float dx[BLOCK], dy[BLOCK], dz[BLOCK], r[BLOCK], inv[BLOCK], force[BLOCK];
	const float ai = w->a[w->i];
	double total[BLOCK];

	for (int j = j0; j < j1; j += BLOCK) {
		const int n = j1 - j < BLOCK ? j1 - j : BLOCK;
		const float *a = w->a + j;
		double gx = 0, gy = 0, gz = 0;
#pragma omp simd
		for (int m = 0; m < n; m++) {
			dx[m] = w->x[w->i] - w->x[j + m], dy[m] = w->y[w->i] - w->y[j + m],
			dz[m] = w->z[w->i] - w->z[j + m];
			r[m] = sqrtf(dx[m] * dx[m] + dy[m] * dy[m] + dz[m] * dz[m]);
			inv[m] = r[m] > 0 ? 1 / r[m] : 0;
			total[m] = 0;
		}
		for (int k0 = 0; k0 < w->nq; k0 += QSUM) {
			memset(force, 0, sizeof force);
			for (int k = k0; k < k0 + QSUM && k < w->nq; k++) {
				const float q = w->q[k], flat = w->gb[k] + ai * w->gj[k],
				            slope = w->gi[k] + ai * w->gw[k];
#pragma omp simd
				for (int m = 0; m < n; m++) {
					float t = q * r[m], s, c, v;
					bp_sincosf(t, &s, &c);
					v = t < 0.05f ? t * t * (t * t * (1 / 30.0f) - 1 / 3.0f)
					              : c - s / (t > 0 ? t : 1);
					force[m] += (flat + a[m] * slope) * v;
				}
			}
#pragma omp simd
			for (int m = 0; m < n; m++)
				total[m] += force[m];
		}
#pragma omp simd reduction(+ : gx, gy, gz)
		for (int m = 0; m < n; m++) {
			double g = total[m] * inv[m] * inv[m]; /* slope / r, and the unit vector's 1 / r */
			gx += g * dx[m], gy += g * dy[m], gz += g * dz[m];
		}
		w->out[0] += gx, w->out[1] += gy, w->out[2] += gz;
	}
}

int
bp_pair_sinc_force_cpu_opt(struct bp_ctx *cx, const struct bp_pair_sinc_force *a)
{
	const struct bp_pairs *p = &a->p;
	const size_t nq = (size_t)a->nq, rows = (size_t)bp_pair_rows(p);
	struct bp_mark mark = bp_dev_mark(cx);
	struct bp_pairs_f32 f;
	float *G, *q, *zero;
	double *scale;

	BP_TRY(bp_pairs_f32(cx, &f, p));
	BP_DEV_NEW(G, (size_t)p->b * rows * nq, cx);
	BP_DEV_NEW(q, 2 * nq, cx);
	BP_DEV_NEW(scale, p->b, cx);
	if (cx->dry) {
		bp_dev_release(cx, mark);
		return BP_OK;
	}
	zero = q + nq;
	for (size_t k = 0; k < nq; k++)
		q[k] = (float)a->q[k], zero[k] = 0;
	for (int b = 0; b < p->b; b++) {
		scale[b] = 0;
		for (size_t k = b * rows * nq; k < (b + 1) * rows * nq; k++)
			scale[b] = fmax(scale[b], fabs(a->G[k]));
		for (size_t k = b * rows * nq; k < (b + 1) * rows * nq; k++)
			G[k] = scale[b] > 0 ? (float)(a->G[k] / scale[b]) : 0;
	}
	BP_PARALLEL
	for (int64_t w = 0; w < (int64_t)p->b * p->n; w++) {
		const int b = (int)(w / p->n), i = (int)(w % p->n), s = bp_type_of(p, i);
		const float *g = G + (size_t)b * rows * nq;
		double out[3] = { 0 };
		size_t at = (size_t)b * f.ld;
		for (int t = 0; t < p->ntypes; t++) {
			struct job job = { f.x + at, f.y + at, f.z + at, f.a + at, i, p->n, a->nq, q, zero, zero, zero,
				zero, out };
			job.gb = g + bp_pair_row(p, s < t ? s : t, s < t ? t : s) * nq;
			if (p->a) {
				job.gi = g + bp_layer_row(p, s) * nq;
				job.gj = g + bp_layer_row(p, t) * nq;
				job.gw = g + bp_layer_row(p, p->ntypes) * nq;
			}
			pull(&job, p->start[t], p->start[t + 1]);
		}
		for (int d = 0; d < 3; d++)
			a->out[3 * w + d] = scale[b] * out[d];
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}
