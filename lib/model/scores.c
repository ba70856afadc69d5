/* lib/model/scores.c: see scores.h */
#include "model/scores.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "chem/residues.h"

static bool
masked(const struct bp_score_in *in, int i)
{
	return in->mask && in->mask[i] == 0;
}

double
bp_tm_value(double d, int tokens)
{
	double d0 = 1.24 * cbrt((tokens > 19 ? tokens : 19) - 15) - 1.8;

	return 1 / (1 + d / d0 * (d / d0));
}

/* place of id among the rising ids[0..n-1] */
static int
place(const int32_t *ids, int n, int32_t id)
{
	int lo = 0;

	for (int hi = n; lo < hi;) {
		int mid = (lo + hi) / 2;

		if (ids[mid] < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* chain[i] = number of token i's chain in rising order of asym_id, -1 for padding; returns how many chains */
static int
number_chains(int *chain, int32_t *ids, const struct bp_score_in *in)
{
	int n = 0;

	for (int i = 0; i < in->n; i++) {
		int k = place(ids, n, in->asym_id[i]);

		if (masked(in, i) || (k < n && ids[k] == in->asym_id[i]))
			continue;
		memmove(ids + k + 1, ids + k, (size_t)(n - k) * sizeof *ids);
		ids[k] = in->asym_id[i];
		n++;
	}
	for (int i = 0; i < in->n; i++)
		chain[i] = masked(in, i) ? -1 : place(ids, n, in->asym_id[i]);
	return n;
}

/* unit vector a -> b with upstream's epsilon; its length before */
static float
direction(float v[3], const float *x, int32_t a, int32_t b)
{
	float norm;

	for (int k = 0; k < 3; k++)
		v[k] = x[3 * b + k] - x[3 * a + k];
	norm = sqrtf(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
	for (int k = 0; k < 3; k++)
		v[k] /= norm + 1e-6f;
	return norm;
}

/* compute_collinear_mask */
static bool
frame_valid(const float *x, const int32_t f[3])
{
	float v[3], w[3], nv = direction(v, x, f[0], f[1]), nw = direction(w, x, f[2], f[1]);

	return fabsf(v[0] * w[0] + v[1] * w[1] + v[2] * w[2]) < 0.9063f && nv > 1e-2f && nw > 1e-2f;
}

/* the two atoms of atom[0..n-1] nearest to atom[i]: 1 before 2; ties go to the earlier one */
static void
nearest_two(int32_t out[2], const float *x, const int32_t *atom, int n, int i)
{
	float best[2] = { INFINITY, INFINITY };

	out[0] = out[1] = atom[i];
	for (int j = 0; j < n; j++) {
		const float *p = x + 3 * (size_t)atom[i], *q = x + 3 * (size_t)atom[j];
		float a = p[0] - q[0], b = p[1] - q[1], c = p[2] - q[2], d = sqrtf(a * a + b * b + c * c);

		if (j == i)
			continue;
		if (d < best[0]) {
			best[1] = best[0], out[1] = out[0];
			best[0] = d, out[0] = atom[j];
		} else if (d < best[1]) {
			best[1] = d, out[1] = atom[j];
		}
	}
}

int
bp_frames(int32_t *frames, uint8_t *valid, const struct bp_score_in *in, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_mark m = bp_arena_mark(mem);
	int32_t *atom;

	for (int i = 0; i < 3 * in->n; i++)
		if (in->frames[i] < 0 || in->frames[i] >= in->atoms)
			return BP_FAIL(err, BP_EINPUT, NULL, "frames_idx: token %d has atom %d, but there are %d atoms",
			    i / 3, (int)in->frames[i], in->atoms);
	memcpy(frames, in->frames, 3 * (size_t)in->n * sizeof *frames);
	BP_NEW(atom, in->atoms, mem, err);
	/* a ligand has a token an atom: its i-th token stands for its i-th atom */
	for (int i = 0, last; i < in->n; i = last) {
		int atoms = 0;

		for (last = i + 1; last < in->n && in->asym_id[last] == in->asym_id[i] && masked(in, last) == masked(in,
		    i);)
			last++;
		if (masked(in, i) || in->mol_type[i] != BP_NONPOLYMER || last - i < 3)
			continue;
		for (int a = 0; a < in->atoms; a++)
			if (in->token[a] >= i && in->token[a] < last)
				atom[atoms++] = a;
		if (atoms != last - i)
			continue;
		for (int k = 0; k < atoms; k++) {
			int32_t near[2];

			nearest_two(near, in->x, atom, atoms, k);
			memcpy(frames + 3 * (i + k), (int32_t[]){ near[0], atom[k], near[1] }, 3 * sizeof *frames);
		}
	}
	for (int i = 0; i < in->n; i++)
		valid[i] = !masked(in, i) && frame_valid(in->x, frames + 3 * i);
	bp_arena_release(mem, m);
	return BP_OK;
}

/* complex_plddt, complex_iplddt: ligand tokens weigh 20, tokens with another chain's within 8 A 10, others 1 */
static void
score_plddt(struct bp_scores *s, const struct bp_score_in *in)
{
	double sum = 0, count = 0, isum = 0, icount = 0;

	for (int i = 0; i < in->n; i++) {
		double w = in->mol_type[i] == BP_NONPOLYMER ? 20 : 1;

		if (masked(in, i))
			continue;
		for (int j = 0; j < in->n && w == 1; j++)
			if (!masked(in, j) && in->asym_id[i] != in->asym_id[j] && in->dist[(size_t)i * in->n + j] < 8)
				w = 10;
		sum += in->plddt[i], count++;
		isum += w * in->plddt[i], icount += w;
	}
	s->complex_plddt = sum / count;
	s->complex_iplddt = isum / icount;
}

/* complex_pde, complex_ipde: means over pairs of different tokens (of different chains), weighted by the probability
 * of contact */
static void
score_pde(struct bp_scores *s, const struct bp_score_in *in)
{
	double sum = 0, weight = 0, isum = 0, iweight = 0;

	for (int i = 0; i < in->n; i++)
		for (int j = 0; j < in->n; j++) {
			size_t ij = (size_t)i * in->n + j;

			if (i == j || masked(in, i) || masked(in, j))
				continue;
			sum += (double)in->pde[ij] * in->contact[ij], weight += in->contact[ij];
			if (in->asym_id[i] != in->asym_id[j])
				isum += (double)in->pde[ij] * in->contact[ij], iweight += in->contact[ij];
		}
	s->complex_pde = sum / weight;
	s->complex_ipde = isum / (iweight + 1e-5);
}

static void
raise_to(double *best, double sum, double count)
{
	double mean = sum / (count + 1e-5);

	if (mean > *best || isnan(mean)) /* NaN stays */
		*best = mean;
}

/* the TM scores: the best row (frame) i of mean_j tm_ij, over all columns or those of some kind */
static void
score_tm(struct bp_scores *s, const struct bp_score_in *in, const int *chain, const uint8_t *valid, double *sum,
    double *count)
{
	int c = s->chains;

	for (int i = 0; i < in->n; i++) {
		double all = 0, nall = 0, lig = 0, nlig = 0, prot = 0, nprot = 0;

		if (!valid[i])
			continue;
		memset(sum, 0, (size_t)c * sizeof *sum);
		memset(count, 0, (size_t)c * sizeof *count);
		for (int j = 0; j < in->n; j++) {
			double tm = in->tm[(size_t)i * in->n + j];
			int a = in->mol_type[i], b = in->mol_type[j];

			if (chain[j] < 0)
				continue;
			all += tm, nall++;
			sum[chain[j]] += tm, count[chain[j]]++;
			if (chain[i] == chain[j])
				continue;
			if ((a == BP_NONPOLYMER && b == BP_PROTEIN) || (a == BP_PROTEIN && b == BP_NONPOLYMER))
				lig += tm, nlig++;
			if (a == BP_PROTEIN && b == BP_PROTEIN)
				prot += tm, nprot++;
		}
		raise_to(&s->ptm, all, nall);
		raise_to(&s->iptm, all - sum[chain[i]], nall - count[chain[i]]);
		raise_to(&s->ligand_iptm, lig, nlig);
		raise_to(&s->protein_iptm, prot, nprot);
		for (int k = 0; k < c; k++)
			raise_to(&s->pair_chains_iptm[(size_t)k * c + chain[i]], sum[k], count[k]);
	}
}

int
bp_scores(struct bp_scores *ret, const struct bp_score_in *in, struct bp_arena *mem, struct bp_err *err)
{
	int *chain;
	int32_t *ids, *frames;
	uint8_t *valid;
	double *sum, *count;

	memset(ret, 0, sizeof *ret);
	BP_NEW(chain, in->n, mem, err);
	BP_NEW(ids, in->n, mem, err);
	BP_NEW(frames, 3 * (size_t)in->n, mem, err);
	BP_NEW(valid, in->n, mem, err);
	ret->chains = number_chains(chain, ids, in);
	if (ret->chains == 0)
		return BP_FAIL(err, BP_EINPUT, NULL, "token_pad_mask: every token is padding");
	BP_NEW(ret->pair_chains_iptm, (size_t)ret->chains * ret->chains, mem, err);
	BP_NEW(sum, ret->chains, mem, err);
	BP_NEW(count, ret->chains, mem, err);
	BP_TRY(bp_frames(frames, valid, in, mem, err));
	score_plddt(ret, in);
	score_pde(ret, in);
	score_tm(ret, in, chain, valid, sum, count);
	return BP_OK;
}

void
bp_confidence_score(double *score, const struct bp_scores *s, int m)
{
	bool interface = false;

	for (int i = 0; i < m; i++)
		interface = interface || !(fabs(s[i].iptm) <= 1e-8);
	for (int i = 0; i < m; i++)
		score[i] = (4 * s[i].complex_plddt + (interface ? s[i].iptm : s[i].ptm)) / 5;
}

int
bp_confidence_put(struct bp_rec *rec, const struct bp_scores *scores, int m, struct bp_err *err)
{
	static const struct {
		const char *name;
		size_t field;
	} what[] = {
#define SCORE(f) { #f, offsetof(struct bp_scores, f) }
		SCORE(complex_plddt), SCORE(complex_iplddt), SCORE(complex_pde), SCORE(complex_ipde),
		SCORE(ptm), SCORE(iptm), SCORE(ligand_iptm), SCORE(protein_iptm),
#undef SCORE
	};
	int c = scores[0].chains;
	struct bp_tensor *v;
	double *score;

	for (size_t k = 0; k < sizeof what / sizeof *what; k++) {
		BP_TRY(bp_rec_add(&v, rec, what[k].name, BP_F32, BP_SHAPE(m), err));
		for (int i = 0; i < m; i++)
			((float *)v->data)[i] = (float)*(const double *)((const char *)&scores[i] + what[k].field);
	}
	BP_NEW(score, m, rec->mem, err);
	bp_confidence_score(score, scores, m);
	BP_TRY(bp_rec_add(&v, rec, "confidence_score", BP_F32, BP_SHAPE(m), err));
	for (int i = 0; i < m; i++)
		((float *)v->data)[i] = (float)score[i];
	BP_TRY(bp_rec_add(&v, rec, "pair_chains_iptm", BP_F32, BP_SHAPE(m, c, c), err));
	for (int i = 0; i < m; i++)
		for (int k = 0; k < c * c; k++)
			((float *)v->data)[(size_t)i * c * c + k] = (float)scores[i].pair_chains_iptm[k];
	return BP_OK;
}

int
bp_confidence_dump(struct bp_dump *dump, const struct bp_rec *rec, struct bp_err *err)
{
	static const char *const names[] = { "plddt", "pae", "pde", "complex_plddt", "complex_iplddt", "complex_pde",
	    "complex_ipde", "ptm",
		"iptm", "ligand_iptm", "protein_iptm", "pair_chains_iptm", "confidence_score" };
	char name[64];

	for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
		snprintf(name, sizeof name, "conf.%s", names[k]);
		BP_TRY(bp_dump_host(dump, name, bp_rec_get(rec, names[k]), err));
	}
	return BP_OK;
}
