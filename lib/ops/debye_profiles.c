#include "ops/debye_profiles.h"

#include <string.h>

#include "ops/cpu.h"

/* vv, vs, ss [nq] += of a pair of types */
BP_CLONES static void
add_pair(double *restrict vv, double *restrict vs, double *restrict ss, size_t nq, const double *sum, double own,
    const double *vi, const double *si, const double *vj, const double *sj)
{
	for (size_t k = 0; k < nq; k++) {
		double x = 2 * (sum[k] + own);
		vv[k] += vi[k] * vj[k] * x;
		vs[k] += (vi[k] * sj[k] + vj[k] * si[k]) * x;
		ss[k] += si[k] * sj[k] * x;
	}
}

/* P [BP_PROFILES,nq] of one sample with sums S [rows,nq], e [n] or NULL */
static void
profiles(double *P, const struct bp_debye_profiles *a, const double *S, const double *e)
{
	const struct bp_pairs *p = &a->p;
	const size_t nq = (size_t)a->nq;
	double *vv = P, *vs = vv + nq, *ss = vs + nq, *vw = ss + nq, *sw = vw + nq, *ww = sw + nq;

	memset(P, 0, BP_PROFILES * nq * sizeof *P);
	for (int i = 0; i < p->ntypes; i++)
		for (int j = i; j < p->ntypes; j++) {
			double own = i == j ? 0.5 * (p->start[i + 1] - p->start[i]) : 0;
			add_pair(vv, vs, ss, nq, S + (size_t)bp_pair_row(p, i, j) * nq, own, a->v + i * nq,
			    a->s + i * nq, a->v + j * nq, a->s + j * nq);
		}
	for (int t = 0; e && t <= p->ntypes; t++) {
		const double *sum = S + (size_t)bp_layer_row(p, t) * nq;
		double own = 0;
		for (int i = t < p->ntypes ? p->start[t] : 0; i < (t < p->ntypes ? p->start[t + 1] : p->n); i++)
			own += t < p->ntypes ? e[i] : 0.5 * e[i] * e[i];
		for (size_t k = 0; k < nq; k++) {
			double x = 2 * a->w[k] * (sum[k] + own);
			if (t < p->ntypes)
				vw[k] += a->v[t * nq + k] * x, sw[k] += a->s[t * nq + k] * x;
			else
				ww[k] = a->w[k] * x;
		}
	}
}

int
bp_debye_profiles_cpu(struct bp_ctx *cx, const struct bp_debye_profiles *a)
{
	const struct bp_pairs *p = &a->p;

	for (int b = 0; b < p->b && !cx->dry; b++)
		profiles(a->P + (size_t)b * BP_PROFILES * a->nq, a, a->S + (size_t)b * bp_pair_rows(p) * a->nq,
		    p->a ? p->a + (size_t)b * p->n : NULL);
	return BP_OK;
}
