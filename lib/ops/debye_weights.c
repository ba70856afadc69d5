#include "ops/debye_weights.h"

#include "ops/cpu.h"

/* G [rows,nq] of one sample */
static void
weights(double *G, const struct bp_debye_weights *a, const double *E, const double *g, double c2)
{
	const struct bp_pairs *p = &a->p;
	const size_t nq = (size_t)a->nq;

	for (int i = 0; i < p->ntypes; i++)
		for (int j = i; j < p->ntypes; j++) {
			double *out = G + (size_t)bp_pair_row(p, i, j) * nq;
			for (size_t k = 0; k < nq; k++)
				out[k] = 2 * E[k] * (a->v[i * nq + k] - g[k] * a->s[i * nq + k])
				    * (a->v[j * nq + k] - g[k] * a->s[j * nq + k]);
		}
	for (int t = 0; p->a && t <= p->ntypes; t++) {
		double *out = G + (size_t)bp_layer_row(p, t) * nq;
		for (size_t k = 0; k < nq; k++)
			out[k] = 2 * E[k] * c2 * a->w[k]
			    * (t < p->ntypes ? a->v[t * nq + k] - g[k] * a->s[t * nq + k] : c2 * a->w[k]);
	}
}

/* on_grid [rows,n] from G [rows,nq] */
static void
to_grid(double *on_grid, const struct bp_q_grid *g, const double *G, size_t rows, size_t nq)
{
	for (size_t r = 0; r < rows; r++)
		for (int i = 0; i < g->n; i++) {
			double sum = 0;
			for (int m = g->first[i]; m < g->first[i + 1]; m++)
				sum += g->back[m] * G[r * nq + (size_t)g->from[m]];
			on_grid[r * (size_t)g->n + (size_t)i] = sum;
		}
}

int
bp_debye_weights_cpu(struct bp_ctx *cx, const struct bp_debye_weights *a)
{
	const size_t nq = (size_t)a->nq, rows = (size_t)bp_pair_rows(&a->p), points = a->grid.n ? (size_t)a->grid.n : nq;
	struct bp_mark mark = bp_dev_mark(cx);
	double *own = NULL;

	if (a->grid.n)
		BP_DEV_NEW(own, rows * nq, cx);
	for (size_t b = 0; b < (size_t)a->p.b && !cx->dry; b++) {
		double *G = a->G + b * rows * points;
		weights(own ? own : G, a, a->E + b * nq, a->g + b * nq, a->c2[b]);
		if (own)
			to_grid(G, &a->grid, own, rows, nq);
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}
