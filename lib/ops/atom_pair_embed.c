/* lib/ops/atom_pair_embed.c */
#include "ops/atom_pair_embed.h"

enum { QUERIES = 32, KEYS = 128, BEFORE = 48 }; /* key j of window w is atom 32 w - 48 + j */

static bool
same_molecule(const struct bp_atom_pair_embed *a, int l, int k)
{
	return a->mask[l] != 0 && a->mask[k] != 0 && a->uid[l] == a->uid[k];
}

/* y = W relu(x) */
static void
relu_linear(double *y, const struct bp_weight *W, const double *x)
{
	for (int o = 0; o < W->n; o++) {
		y[o] = 0;
		for (int k = 0; k < W->k; k++)
			y[o] += x[k] > 0 ? W->p[(size_t)o * W->k + k] * x[k] : 0;
	}
}

/* p of query atom l and key atom k (-1: outside) before the mlp */
static void
pair_terms(double *p, const struct bp_atom_pair_embed *a, int l, int k)
{
	const int cp = a->cp;
	const float *cq = a->cq + (size_t)l * cp;

	for (int o = 0; o < cp; o++)
		p[o] = cq[o];
	if (k < 0)
		return;
	for (int o = 0; o < cp; o++)
		p[o] += a->ck[(size_t)k * cp + o];
	if (a->zp && a->token[l] >= 0 && a->token[k] >= 0)
		for (int o = 0; o < cp; o++)
			p[o] += a->zp[((size_t)a->token[l] * a->n + a->token[k]) * cp + o];
	if (same_molecule(a, l, k)) {
		const float *x = a->ref_pos + 3 * (size_t)l, *y = a->ref_pos + 3 * (size_t)k;
		double d[3] = { (double)y[0] - x[0], (double)y[1] - x[1], (double)y[2] - x[2] };
		double near = 1 / (1 + d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
		for (int o = 0; o < cp; o++) {
			const float *w = a->Wpos->p + 3 * (size_t)o;
			p[o] += w[0] * d[0] + w[1] * d[1] + w[2] * d[2] + a->Wdist->p[o] * near + a->Wmask->p[o];
		}
	}
}

int
bp_atom_pair_embed_cpu(struct bp_ctx *cx, const struct bp_atom_pair_embed *a)
{
	const int cp = a->cp;
	struct bp_mark mark = bp_dev_mark(cx);
	double *p, *h;
	BP_DEV_NEW(p, 3 * cp, cx);
	if (cx->dry)
		goto done;
	h = p + cp;
	for (int l = 0; l < a->atoms; l++)
		for (int j = 0; j < KEYS; j++) {
			int k = l / QUERIES * QUERIES - BEFORE + j;
			float *out = a->out + ((size_t)l * KEYS + j) * cp;
			pair_terms(p, a, l, k >= 0 && k < a->atoms ? k : -1);
			relu_linear(h, a->W1, p);
			relu_linear(h + cp, a->W2, h);
			relu_linear(h, a->W3, h + cp);
			for (int o = 0; o < cp; o++)
				out[o] = (float)(p[o] + h[o]);
		}
done:
	bp_dev_release(cx, mark);
	return BP_OK;
}
