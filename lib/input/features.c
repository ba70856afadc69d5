/* features.c: tokens; pairs of tokens (bonds, contacts); the empty template; entry. Atoms, MSA, potentials and meta:
 * features_*.c. N tokens, A atoms padded to a multiple of 32. */
#include "input/features_part.h"

#include <string.h>

/* ---- tokens ---- */

/* Upstream also reads cyclicity from a bond between a chain's ends, but counts residues over all chains there: only the
 * first chain can become cyclic that way (GOTCHAS C.11). */
static bool
closed_by_bond(const struct bp_target *t, int chain)
{
	int n = t->chain_residue[chain + 1] - t->chain_residue[chain];

	for (int i = 0; i < t->n_bonds && n > 2; i++) {
		const struct bp_target_bond *b = &t->bond[i];
		if (b->chain[0] == chain && b->chain[1] == chain
		    && ((b->residue[0] == 0 && b->residue[1] == n - 1)
		        || (b->residue[1] == 0 && b->residue[0] == n - 1)))
			return true;
	}
	return false;
}

static int
tokens(struct bp_featurizer *f)
{
	static const char *const ones[] = { "token_pad_mask", "token_resolved_mask", "token_disto_mask" };
	const struct bp_target *t = f->t;
	int32_t *index, *residue, *asym, *entity, *sym, *mol, *type, *method, *modified, *ensemble;
	float *period, *affinity, *one;

	BP_ADD(index, f, "token_index", BP_I32, f->n);
	BP_ADD(residue, f, "residue_index", BP_I32, f->n);
	BP_ADD(asym, f, "asym_id", BP_I32, f->n);
	BP_ADD(entity, f, "entity_id", BP_I32, f->n);
	BP_ADD(sym, f, "sym_id", BP_I32, f->n);
	BP_ADD(mol, f, "mol_type", BP_I32, f->n);
	BP_ADD(type, f, "res_type@idx", BP_I32, f->n);
	BP_ADD(method, f, "method_feature", BP_I32, f->n);
	BP_ADD(modified, f, "modified", BP_I32, f->n);
	BP_ADD(period, f, "cyclic_period", BP_F32, f->n);
	BP_ADD(affinity, f, "affinity_token_mask", BP_F32, f->n); /* stays 0: nothing is an affinity binder yet */
	(void)affinity;
	BP_ADD(ensemble, f, "ensemble_ref_idxs", BP_I32, 1);
	ensemble[0] = 0;
	for (int c = 0; c < t->n_chains; c++) {
		const struct bp_entity *e = bp_target_entity(t, c);
		bool closed = closed_by_bond(t, c);
		for (int i = t->chain_token[c]; i < t->chain_token[c + 1]; i++) {
			const struct bp_target_residue *r = &t->residue[t->token[i].residue];
			index[i] = i;
			residue[i] = r->index;
			asym[i] = c;
			entity[i] = t->in->chain[c].entity;
			sym[i] = t->in->chain[c].sym;
			mol[i] = (int32_t)e->type;
			type[i] = t->token[i].type;
			method[i] = f->opt->method;
			modified[i] = r->kind->role == BP_ROLE_MODIFIED;
			period[i] = e->cyclic || closed ? (float)e->length : 0;
		}
	}
	for (int k = 0; k < 3; k++) {
		BP_ADD(one, f, ones[k], BP_F32, f->n);
		for (int i = 0; i < f->n; i++)
			one[i] = 1;
	}
	return BP_OK;
}

/* ---- pairs ---- */

static int
bonds(struct bp_featurizer *f)
{
	const struct bp_target *t = f->t;
	size_t n = (size_t)f->n;
	int32_t *type;
	float *bonded;

	BP_ADD(bonded, f, "token_bonds", BP_F32, f->n, f->n, 1);
	BP_ADD(type, f, "type_bonds", BP_I32, f->n, f->n);
	for (int i = 0; i < t->n_bonds; i++) { /* inside a modified residue: on the diagonal; the last one counts */
		size_t a = (size_t)t->atom_token[t->bond[i].atom[0]], b = (size_t)t->atom_token[t->bond[i].atom[1]];
		bonded[a * n + b] = bonded[b * n + a] = 1;
		type[a * n + b] = type[b * n + a] = t->bond[i].type + 1;
	}
	return BP_OK;
}

/* pocket: between each contact and the binder's tokens, directed; contact: between two tokens. Later ones win, contacts
 * come after pockets. */
static int
contacts(struct bp_featurizer *f)
{
	const struct bp_input *in = f->t->in;
	size_t n = (size_t)f->n;
	int32_t *class;
	float *threshold;
	bool any = false, *contact;

	BP_ADD(class, f, "contact_conditioning@idx", BP_I32, f->n, f->n);
	BP_ADD(threshold, f, "contact_threshold", BP_F32, f->n, f->n);
	for (int i = 0; i < in->n_constraints; i++)
		any |= in->constraint[i].kind != BP_BOND;
	if (!any) /* BP_CONTACT_UNSPECIFIED everywhere */
		return BP_OK;
	BP_NEW(contact, n, f->mem, f->err);
	for (size_t i = 0; i < n * n; i++)
		class[i] = BP_CONTACT_UNSELECTED;
	for (int i = 0; i < in->n_constraints; i++) {
		const struct bp_constraint *c = &in->constraint[i];
		if (c->kind != BP_POCKET)
			continue;
		size_t first = (size_t)f->t->chain_token[c->binder], end = (size_t)f->t->chain_token[c->binder + 1];
		bp_target_mark(contact, f->t, c);
		for (size_t p = 0; p < n; p++) {
			if (!contact[p])
				continue;
			for (size_t j = first; j < end; j++) {
				class[j * n + p] = BP_CONTACT_BINDER;
				threshold[j * n + p] = threshold[p * n + j] = (float)c->max_distance;
			}
			for (size_t j = first; j < end; j++)
				class[p * n + j] = BP_CONTACT_POCKET;
		}
	}
	for (int i = 0; i < in->n_constraints; i++) {
		const struct bp_constraint *c = &in->constraint[i];
		if (c->kind != BP_CONTACT)
			continue;
		size_t a = (size_t)bp_target_site(f->t, &c->site[0]), b = (size_t)bp_target_site(f->t, &c->site[1]);
		class[a * n + b] = class[b * n + a] = BP_CONTACT_CONTACT;
		threshold[a * n + b] = threshold[b * n + a] = (float)c->max_distance;
	}
	return BP_OK;
}

/* ---- the template that stands for none ---- */

static int
no_template(struct bp_featurizer *f)
{
	static const struct {
		const char *name;
		enum bp_dtype dtype;
		int ndim;
		int64_t tail[2];
	} all[] = {
		{ "template_restype@idx", BP_I32, 2, { 0 } }, /* class 0, not -1: as upstream */
		{ "template_frame_rot", BP_F32, 4, { 3, 3 } },
		{ "template_frame_t", BP_F32, 3, { 3 } },
		{ "template_cb", BP_F32, 3, { 3 } },
		{ "template_ca", BP_F32, 3, { 3 } },
		{ "template_mask_cb", BP_F32, 2, { 0 } },
		{ "template_mask_frame", BP_F32, 2, { 0 } },
		{ "template_mask", BP_F32, 2, { 0 } },
		{ "query_to_template", BP_I32, 2, { 0 } },
		{ "visibility_ids", BP_F32, 2, { 0 } },
	};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		int64_t shape[4] = { 1, f->n, all[i].tail[0], all[i].tail[1] };
		struct bp_tensor *t;
		BP_TRY(bp_rec_add(&t, f->rec, all[i].name, all[i].dtype, all[i].ndim, shape, f->err));
	}
	return BP_OK;
}

int
bp_features_make(struct bp_rec *rec, const struct bp_input *in, const struct bp_ccd *ccd,
    const struct bp_features_opt *opt, struct bp_err *err)
{
	struct bp_featurizer f = { .rec = rec, .opt = opt, .mem = rec->mem, .err = err };
	struct bp_target *t;

	BP_TRY(bp_target_build(&t, in, ccd, f.mem, err));
	f.t = t;
	f.n = t->n_tokens;
	f.a = t->n_atoms;
	f.padded = (f.a + 31) / 32 * 32;
	BP_TRY(tokens(&f));
	BP_TRY(bonds(&f));
	BP_TRY(contacts(&f));
	BP_TRY(bp_features_atoms(&f));
	BP_TRY(bp_features_msa(&f));
	BP_TRY(no_template(&f));
	BP_TRY(bp_features_steer(&f));
	return bp_features_meta(&f);
}

int
bp_featurize(struct bp_rec *rec, const char *path, const struct bp_ccd *ccd, const struct bp_features_opt *opt,
    struct bp_err *err)
{
	struct bp_input *in;

	BP_TRY(bp_input_read(&in, path, rec->mem, err));
	return bp_features_make(rec, in, ccd, opt, err);
}
