/* lib/ops/atom_pair_embed.c: contents: original; optimized, channel-major blocks of one query and its 128 keys. */
#include <omp.h>
#include <string.h>

#include "ops/atom_pair_embed.h"
#include "ops/vec.h"

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
			y[o] += W->p[(size_t)o * W->k + k] * (x[k] < 0 ? 0 : x[k]);
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

/* y [n,KEYS] = W relu(x [k,KEYS]) */
static BP_CLONES void
relu_linear_block(float *restrict y, const struct bp_weight *W, const float *restrict x)
{
	for (int o = 0; o < W->n; o++) {
		float *restrict row = y + (size_t)o * KEYS;
		memset(row, 0, KEYS * sizeof *row);
		for (int k = 0; k < W->k; k++) {
			const float w = W->p[(size_t)o * W->k + k], *in = x + (size_t)k * KEYS;
#pragma omp simd
			for (int j = 0; j < KEYS; j++)
				row[j] += w * (in[j] < 0 ? 0 : in[j]);
		}
	}
}

/* p [cp,KEYS] += the terms of the reference conformer, for the query l and the keys from atom k0 on (outside: none) */
static BP_CLONES void
conformer_terms(float *restrict p, const struct bp_atom_pair_embed *a, int l, int k0)
{
	float d[3][KEYS] = { { 0 } }, near[KEYS] = { 0 }, v[KEYS] = { 0 };

	for (int j = 0; j < KEYS; j++) {
		int k = k0 + j;
		if (k < 0 || k >= a->atoms || !same_molecule(a, l, k))
			continue;
		v[j] = 1;
		for (int i = 0; i < 3; i++)
			d[i][j] = a->ref_pos[3 * (size_t)k + i] - a->ref_pos[3 * (size_t)l + i];
		near[j] = 1 / (1 + d[0][j] * d[0][j] + d[1][j] * d[1][j] + d[2][j] * d[2][j]);
	}
	for (int o = 0; o < a->cp; o++) {
		const float *w = a->Wpos->p + 3 * (size_t)o, wd = a->Wdist->p[o], wm = a->Wmask->p[o];
		float *restrict row = p + (size_t)o * KEYS;
#pragma omp simd
		for (int j = 0; j < KEYS; j++)
			row[j] += w[0] * d[0][j] + w[1] * d[1][j] + w[2] * d[2][j] + wd * near[j] + wm * v[j];
	}
}

/* Query l. p [3,cp,KEYS] is scratch, ck [cp,KEYS] the keys' own terms. */
static void
embed_query(const struct bp_atom_pair_embed *a, int l, int k0, const float *restrict ck, float *restrict p)
{
	const size_t block = (size_t)a->cp * KEYS;
	float *h = p + block, *g = h + block, *out = a->out + (size_t)l * block;

	for (int o = 0; o < a->cp; o++) {
		const float cq = a->cq[(size_t)l * a->cp + o];
#pragma omp simd
		for (int j = 0; j < KEYS; j++)
			p[o * KEYS + j] = cq + ck[o * KEYS + j];
	}
	for (int j = 0; a->zp && a->token[l] >= 0 && j < KEYS; j++) {
		int k = k0 + j;
		if (k < 0 || k >= a->atoms || a->token[k] < 0)
			continue;
		const float *z = a->zp + ((size_t)a->token[l] * a->n + a->token[k]) * a->cp;
		for (int o = 0; o < a->cp; o++)
			p[o * KEYS + j] += z[o];
	}
	conformer_terms(p, a, l, k0);
	relu_linear_block(h, a->W1, p);
	relu_linear_block(g, a->W2, h);
	relu_linear_block(h, a->W3, g);
	for (int j = 0; j < KEYS; j++)
		for (int o = 0; o < a->cp; o++)
			out[(size_t)j * a->cp + o] = p[o * KEYS + j] + h[o * KEYS + j];
}

int
bp_atom_pair_embed_cpu_opt(struct bp_ctx *cx, const struct bp_atom_pair_embed *a)
{
	const size_t block = (size_t)a->cp * KEYS;
	struct bp_mark mark = bp_dev_mark(cx);
	float *scratch;
	BP_DEV_NEW(scratch, 4 * block * cx->threads, cx);
	if (!cx->dry) {
#pragma omp parallel for num_threads(cx->threads) schedule(static)
		for (int l0 = 0; l0 < a->atoms; l0 += QUERIES) {
			float *ck = scratch + 4 * block * omp_get_thread_num();
			for (int j = 0; j < KEYS; j++) {
				int k = l0 - BEFORE + j;
				for (int o = 0; o < a->cp; o++)
					ck[o * KEYS + j] = k < 0 || k >= a->atoms ? 0 : a->ck[(size_t)k * a->cp + o];
			}
			for (int l = l0; l < l0 + QUERIES; l++)
				embed_query(a, l, l0 - BEFORE, ck, ck + block);
		}
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}
