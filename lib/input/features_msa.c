/* features_msa.c: the alignment of each chain, checked against its sequence, and all of them side by side.
 * S rows, N tokens. */
#include "input/features_part.h"

#include <math.h>
#include <string.h>

#include "base/log.h"
#include "input/msa.h"
#include "input/text.h"

/* The residue types of a chain: what its query row should be. */
static int
chain_types(uint8_t **ret, const struct bp_featurizer *f, int chain)
{
	const struct bp_target *t = f->t;
	int first = t->chain_residue[chain], n = t->chain_residue[chain + 1] - first;

	BP_NEW(*ret, n, f->mem, f->err);
	for (int i = 0; i < n; i++)
		(*ret)[i] = (uint8_t)t->residue[first + i].kind->type;
	return BP_OK;
}

/* Upstream's rule (GOTCHAS B.7): where all differences are MET against unknown, or all at unknown (modified) residues,
 * the query row is corrected; else the alignment is not used, with a warning. */
static bool
query_fits(struct bp_msa *m, const uint8_t *type, int n)
{
	bool met = true, unknown = true;

	if (m->columns != n)
		return false;
	for (int i = 0; i < n; i++) {
		if (m->type[i] == type[i])
			continue;
		met &= m->type[i] == BP_TOKEN_UNK && type[i] == bp_token_of_letter(BP_PROTEIN, 'M');
		unknown &= type[i] == BP_TOKEN_UNK;
	}
	if (!met && !unknown)
		return false;
	memcpy(m->type, type, (size_t)n);
	return true;
}

/* the alignment of the entity that `chain` is the first copy of */
static int
entity_msa(struct bp_msa **ret, struct bp_featurizer *f, int chain)
{
	const struct bp_entity *e = bp_target_entity(f->t, chain);
	const char *input = f->t->in->path, *path;
	uint8_t *type;
	int st;

	BP_TRY(chain_types(&type, f, chain));
	if (!e->msa)
		return bp_msa_single(ret, type, e->length, f->mem, f->err);
	if (!bp_msa_suffix(e->msa))
		return BP_AT(f->err, input, e->msa_line, "name it .a3m or .csv (or either with .gz)",
		    "MSA file %.200s not supported, only a3m or csv", e->msa);
	if (!bp_input_beside(&path, input, e->msa, f->mem, f->err))
		return BP_AT(f->err, input, e->msa_line,
		    "paths count from the current directory, then from the input's", "MSA file %.200s not found",
		    e->msa);
	if ((st = bp_msa_read(ret, path, f->opt->max_msa_seqs, f->mem, f->err)) != BP_OK) {
		bp_err_where(f->err, "%s:%d", input, e->msa_line);
		return st;
	}
	if (query_fits(*ret, type, e->length))
		return BP_OK;
	bp_log(BP_LOG_WARN,
	    "%s:%d: MSA %s is not used: its first row is not the sequence of chain %s: put the sequence first", input,
	    e->msa_line, path, e->chain[0]);
	return bp_msa_single(ret, type, e->length, f->mem, f->err);
}

struct columns {
	int32_t *msa, *mask;      /* [S,N] */
	float *paired, *deletion; /* [S,N] */
	bool *has;                /* [S,N] */
	int32_t *count;           /* [N,33] how often each type stands in the column */
	double *deleted;          /* [N] sum of deletion */
};

/* one row of one chain: tokens first .. last - 1, whose columns in the chain's alignment are column[] */
static void
fill(struct columns *c, const struct bp_msa *m, int row, bool paired, int first, int last, const int *column,
    size_t base)
{
	const uint8_t *type = row >= 0 ? m->type + (size_t)row * (size_t)m->columns : NULL;

	for (int i = first; i < last; i++) {
		int k = type ? type[column[i]] : BP_TOKEN_GAP;
		c->msa[base + (size_t)i] = k;
		c->mask[base + (size_t)i] = 1;
		c->paired[base + (size_t)i] = paired;
		c->count[(size_t)i * BP_TOKENS + (size_t)k]++;
	}
	for (int i = first; row == 0 && i < last; i++) {
		int d = m->insertion[column[i]];
		float v = (float)(M_PI / 2) * atanf((float)d / 3); /* pi/2, where the papers have 2/pi (GOTCHAS B.3) */
		if (d == 0)
			continue;
		c->has[base + (size_t)i] = true;
		c->deletion[base + (size_t)i] = v;
		c->deleted[i] += v;
	}
}

int
bp_features_msa(struct bp_featurizer *f)
{
	const struct bp_target *t = f->t;
	const struct bp_msa **chain;
	struct bp_msa **entity;
	struct bp_pairing *p;
	struct columns c;
	float *profile, *mean;
	int *column;

	BP_NEW(entity, t->in->n_entities, f->mem, f->err);
	BP_NEW(chain, t->n_chains, f->mem, f->err);
	BP_NEW(column, f->n, f->mem, f->err);
	for (int i = 0; i < t->n_chains; i++) {
		int e = t->in->chain[i].entity;
		if (!entity[e])
			BP_TRY(entity_msa(&entity[e], f, i));
		chain[i] = entity[e];
	}
	for (int i = 0; i < f->n; i++)
		column[i] = t->residue[t->token[i].residue].index;
	BP_TRY(bp_msa_pair(&p, chain, t->n_chains, BP_MAX_PAIRED_SEQS, BP_MAX_MSA_SEQS, f->mem, f->err));
	BP_ADD(c.msa, f, "msa", BP_I32, p->rows, f->n);
	BP_ADD(c.mask, f, "msa_mask", BP_I32, p->rows, f->n);
	BP_ADD(c.paired, f, "msa_paired", BP_F32, p->rows, f->n);
	BP_ADD(c.deletion, f, "deletion_value", BP_F32, p->rows, f->n);
	BP_ADD(c.has, f, "has_deletion", BP_B8, p->rows, f->n);
	BP_ADD(mean, f, "deletion_mean", BP_F32, f->n);
	BP_ADD(profile, f, "profile", BP_F32, f->n, BP_TOKENS);
	BP_NEW(c.count, (size_t)f->n * BP_TOKENS, f->mem, f->err);
	BP_NEW(c.deleted, f->n, f->mem, f->err);
	for (int r = 0; r < p->rows; r++)
		for (int k = 0; k < t->n_chains; k++) {
			size_t at = (size_t)r * (size_t)t->n_chains + (size_t)k;
			fill(&c, chain[k], p->row[at], p->paired[at], t->chain_token[k], t->chain_token[k + 1], column,
			    (size_t)r * (size_t)f->n);
		}
	for (size_t i = 0; i < (size_t)f->n * BP_TOKENS; i++)
		profile[i] = (float)c.count[i] / (float)p->rows; /* over all rows: gaps that fill up count too */
	for (int i = 0; i < f->n; i++)
		mean[i] = (float)(c.deleted[i] / p->rows);
	return BP_OK;
}
