#include "ops/debye_weights.h"

#include "ops/cpu.h"

/* G [rows,nq] of one sample from E [3,nq] */
static void
weights(double *G, const struct bp_debye_weights *a, const double *E, double c2)
{
	const struct bp_pairs *p = &a->p;
	const size_t nq = (size_t)a->nq;
	const double *e0 = E, *e1 = e0 + nq, *e2 = e1 + nq, *w = a->w;

	for (int i = 0; i < p->ntypes; i++) {
		const double *vi = a->v + (size_t)i * nq, *si = a->s + (size_t)i * nq;
		for (int j = i; j < p->ntypes; j++) {
			const double *vj = a->v + (size_t)j * nq, *sj = a->s + (size_t)j * nq;
			double *out = G + (size_t)bp_pair_row(p, i, j) * nq;
			for (size_t k = 0; k < nq; k++)
				out[k] = 2 * (e0[k] * vi[k] * vj[k] - e1[k] * (vi[k] * sj[k] + si[k] * vj[k]) + e2[k] * si[k] * sj[k]);
		}
		for (size_t k = 0; p->a && k < nq; k++)
			G[(size_t)bp_layer_row(p, i) * nq + k] = 2 * c2 * w[k] * (e0[k] * vi[k] - e1[k] * si[k]);
	}
	for (size_t k = 0; p->a && k < nq; k++)
		G[(size_t)bp_layer_row(p, p->ntypes) * nq + k] = 2 * c2 * c2 * w[k] * w[k] * e0[k];
}

int
bp_debye_weights_cpu(struct bp_ctx *cx, const struct bp_debye_weights *a)
{
	const size_t nq = (size_t)a->nq, rows = (size_t)bp_pair_rows(&a->p);

	for (size_t b = 0; b < (size_t)a->p.b && !cx->dry; b++)
		weights(a->G + b * rows * nq, a, a->E + b * 3 * nq, a->c2[b]);
	return BP_OK;
}
