/* lib/ops/pair_sinc.c */
#include "ops/pair_sinc.h"

#include <string.h>

#include "ops/cpu.h"

int
bp_pair_sinc_cpu(struct bp_ctx *cx, const struct bp_pair_sinc *a)
{
	const struct bp_pairs *p = &a->p;
	const size_t nq = (size_t)a->nq;

	if (cx->dry)
		return BP_OK;
	memset(a->S, 0, (size_t)p->b * bp_pair_rows(p) * nq * sizeof *a->S);
	for (int b = 0; b < p->b; b++) {
		const double *x = p->x + 3 * (size_t)b * p->n, *e = p->a ? p->a + (size_t)b * p->n : NULL;
		double *S = a->S + (size_t)b * bp_pair_rows(p) * nq;
		for (int i = 0; i < p->n; i++) {
			int s = bp_type_of(p, i);
			for (int j = i + 1; j < p->n; j++) {
				int t = bp_type_of(p, j);
				double r = bp_pair_distance(x, i, j);
				for (size_t k = 0; k < nq; k++) {
					double sinc = bp_sinc(a->q[k] * r);
					S[bp_pair_row(p, s, t) * nq + k] += sinc;
					if (!e)
						continue;
					S[bp_layer_row(p, s) * nq + k] += e[j] * sinc;
					S[bp_layer_row(p, t) * nq + k] += e[i] * sinc;
					S[bp_layer_row(p, p->ntypes) * nq + k] += e[i] * e[j] * sinc;
				}
			}
		}
	}
	return BP_OK;
}

/* ---- optimized: a job is a pair of types ---- */

enum { BLOCK = 256 };

struct job {
	const float *x, *y, *z, *a; /* [n] of the sample                                     */
	int i0, i1, j0, j1, nq;     /* i0 = j0: pairs of one type                            */
	const double *q;
	double *count, *layer; /* [nq] += ; [3,nq] += (a_j, a_i, a_i a_j), or NULL      */
};

BP_CLONES static void
debye(struct job *w)
{
	_Alignas(64) float r[BLOCK];

	for (int i = w->i0; i < w->i1; i++) {
		const float x = w->x[i], y = w->y[i], z = w->z[i], ai = w->a[i];
		for (int j = w->i0 == w->j0 ? i + 1 : w->j0; j < w->j1; j += BLOCK) {
			const int n = w->j1 - j < BLOCK ? w->j1 - j : BLOCK;
			const float *a = w->a + j;
#pragma omp simd
			for (int m = 0; m < n; m++) {
				float dx = x - w->x[j + m], dy = y - w->y[j + m], dz = z - w->z[j + m];
				r[m] = sqrtf(dx * dx + dy * dy + dz * dz);
			}
			for (int k = 0; k < w->nq; k++) {
				const float q = (float)w->q[k];
				float sum = 0, layer = 0;
#pragma omp simd reduction(+ : sum, layer)
				for (int m = 0; m < n; m++) {
					float t = q * r[m], s, c;
					bp_sincosf(t, &s, &c);
					s = t > 1e-4f ? s / t : 1;
					sum += s, layer += a[m] * s;
				}
				w->count[k] += sum;
				if (w->layer) {
					w->layer[k] += layer;
					w->layer[w->nq + k] += (double)ai * sum;
					w->layer[2 * w->nq + k] += (double)ai * layer;
				}
			}
		}
	}
}

/* the layer's rows of one sample from what the jobs found, in a fixed order */
static void
add_layers(const struct bp_pairs *p, double *S, const double *layer, size_t nq)
{
	double *both = S + bp_layer_row(p, p->ntypes) * nq;

	for (int r = 0, s, t; r < bp_type_pairs(p); r++, layer += 3 * nq) {
		bp_pair_types(p, r, &s, &t);
		double *ss = S + bp_layer_row(p, s) * nq, *st = S + bp_layer_row(p, t) * nq;
		for (size_t k = 0; k < nq; k++)
			ss[k] += layer[k], st[k] += layer[nq + k], both[k] += layer[2 * nq + k];
	}
}

int
bp_pair_sinc_cpu_opt(struct bp_ctx *cx, const struct bp_pair_sinc *a)
{
	const struct bp_pairs *p = &a->p;
	const int jobs = bp_type_pairs(p);
	const size_t nq = (size_t)a->nq, rows = (size_t)bp_pair_rows(p);
	struct bp_mark mark = bp_dev_mark(cx);
	struct bp_pairs_f32 f;
	double *layer;

	BP_TRY(bp_pairs_f32(cx, &f, p));
	BP_DEV_NEW(layer, p->a ? 3 * (size_t)p->b * jobs * nq : 1, cx);
	if (cx->dry) {
		bp_dev_release(cx, mark);
		return BP_OK;
	}
	memset(a->S, 0, (size_t)p->b * rows * nq * sizeof *a->S);
	memset(layer, 0, (p->a ? 3 * (size_t)p->b * jobs * nq : 1) * sizeof *layer);
	BP_PARALLEL
	for (int w = 0; w < p->b * jobs; w++) {
		size_t at = (size_t)(w / jobs) * f.ld;
		struct job job = { f.x + at, f.y + at, f.z + at, f.a + at, .nq = a->nq, .q = a->q,
			.count = a->S + ((size_t)(w / jobs) * rows + (size_t)(w % jobs)) * nq,
			.layer = p->a ? layer + 3 * (size_t)w * nq : NULL };
		int s, t;
		bp_pair_types(p, w % jobs, &s, &t);
		job.i0 = p->start[s], job.i1 = p->start[s + 1], job.j0 = p->start[t], job.j1 = p->start[t + 1];
		debye(&job);
	}
	for (int b = 0; p->a && b < p->b; b++)
		add_layers(p, a->S + (size_t)b * rows * nq, layer + 3 * (size_t)b * jobs * nq, nq);
	bp_dev_release(cx, mark);
	return BP_OK;
}
