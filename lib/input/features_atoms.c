/* features_atoms.c: the atoms: names, elements, reference positions; and which of them stand for a token. */
#include "input/features_part.h"

#include <string.h>

#include "model/random.h"

/* The sum of x[0], x[3], ... (n of them) in the order of torch.sum: four interleaved partial sums, which every 16 terms
 * flow into a next level. In this order the centre of a large residue far from the origin has upstream's very bits. */
static float
sum_in_order(const float *x, int n)
{
	float sum[4][4] = { { 0 } };

	for (int i = 0; i < n / 4; i++) {
		for (int k = 0; k < 4; k++)
			sum[0][k] += x[3 * (4 * i + k)];
		for (int j = 1; j < 4 && (i + 1) % (1 << 4 * j) == 0; j++)
			for (int k = 0; k < 4; k++) {
				sum[j][k] += sum[j - 1][k];
				sum[j - 1][k] = 0;
			}
	}
	for (int j = 1; j < 4; j++)
		for (int k = 0; k < 4; k++)
			sum[0][k] += sum[j][k];
	for (int i = n / 4 * 4; i < n; i++)
		sum[0][0] += x[3 * i];
	return sum[0][0] + sum[0][1] + sum[0][2] + sum[0][3];
}

/* The residue's reference positions [n,3], A: centred on their mean, then, unless asked not to, turned at random and
 * shifted by a normal number of A an axis (upstream: center_random_augmentation). */
static void
place(const struct bp_featurizer *f, float *x, int n, uint64_t key, uint32_t uid)
{
	float rot[9], shift[3];

	for (int d = 0; d < 3; d++) {
		float mean = sum_in_order(x + d, n) / (float)n;
		for (int i = 0; i < n; i++)
			x[3 * i + d] -= mean;
	}
	if (!f->opt->augment)
		return;
	bp_random_pose(rot, shift, key, bp_noise_stream(BP_DRAW_CONFORMER, 0), uid);
	for (int i = 0; i < n; i++) {
		float y[3];
		for (int d = 0; d < 3; d++)
			y[d] = x[3 * i] * rot[d] + x[3 * i + 1] * rot[3 + d] + x[3 * i + 2] * rot[6 + d] + shift[d];
		memcpy(x + 3 * i, y, sizeof y);
	}
}

/* class of atom_backbone_feat: 0 none, 1..4 of a protein, 5..16 of a nucleic acid */
static int
backbone(enum bp_chain_type type, const char *name)
{
	const char *const *names = type == BP_PROTEIN ? bp_protein_backbone : bp_nucleic_backbone;
	int n = type == BP_PROTEIN ? 4 : type == BP_NONPOLYMER ? 0 : 12;

	for (int i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return i + (type == BP_PROTEIN ? 1 : 5);
	return 0;
}

static int
reference(struct bp_featurizer *f)
{
	const struct bp_target *t = f->t;
	int32_t *chars, *element, *chirality, *uid, *token, *feat;
	float *pos, *charge, *mask;
	bool *resolved;
	uint64_t key = bp_noise_key(f->opt->seed, f->rec->id);

	BP_ADD(pos, f, "ref_pos", BP_F32, f->padded, 3);
	BP_ADD(resolved, f, "atom_resolved_mask", BP_B8, f->padded);
	BP_ADD(chars, f, "ref_atom_name_chars@idx", BP_I32, f->padded, 4);
	BP_ADD(element, f, "ref_element@idx", BP_I32, f->padded);
	BP_ADD(charge, f, "ref_charge", BP_F32, f->padded);
	BP_ADD(chirality, f, "ref_chirality", BP_I32, f->padded);
	BP_ADD(feat, f, "atom_backbone_feat@idx", BP_I32, f->padded);
	BP_ADD(uid, f, "ref_space_uid", BP_I32, f->padded);
	BP_ADD(mask, f, "atom_pad_mask", BP_F32, f->padded);
	BP_ADD(token, f, "atom_to_token@idx", BP_I32, f->padded);
	for (int i = 0; i < f->a; i++) {
		const struct bp_ccd_atom *a = t->atom[i];
		memcpy(pos + 3 * i, a->x, sizeof a->x);
		resolved[i] = true;
		for (int k = 0; k < 4 && a->name[k]; k++) /* names are 1..4 characters of 32..95: target.c looked */
			chars[4 * i + k] = a->name[k] - 32;
		element[i] = a->element;
		charge[i] = a->charge;
		chirality[i] = a->chirality;
		uid[i] = t->atom_residue[i];
		feat[i] = backbone(bp_target_entity(t, t->residue[uid[i]].chain)->type, a->name);
		mask[i] = 1;
		token[i] = t->atom_token[i];
	}
	for (int i = f->a; i < f->padded; i++) { /* one-hot rows of padding are all zero */
		element[i] = feat[i] = token[i] = -1;
		memset(chars + 4 * i, -1, 4 * sizeof *chars);
	}
	for (int r = 0; r < t->n_residues - 1; r++) /* upstream forgets the last residue (GOTCHAS C.5) */
		place(f, pos + 3 * t->residue[r].atom, t->residue[r].kind->n_atoms, key, (uint32_t)r);
	return BP_OK;
}

static int
named(const struct bp_target *t, const struct bp_target_token *k, const char *name)
{
	for (int i = 0; i < k->n_atoms; i++)
		if (strcmp(t->atom[k->atom + i]->name, name) == 0)
			return k->atom + i;
	return k->atom;
}

/* Three atoms of a token: N CA C, or C1' C3' C4'; the first one thrice where there is no frame. Those of ligands are
 * found from the predicted coordinates, by the confidence module. */
static void
frame(int32_t out[3], const struct bp_target *t, const struct bp_target_token *k)
{
	static const char *const atoms[2][3] = { { "N", "CA", "C" }, { "C1'", "C3'", "C4'" } };
	enum bp_chain_type type = bp_target_entity(t, k->chain)->type;

	for (int i = 0; i < 3; i++)
		out[i]
		    = k->n_atoms < 3 || k->type == BP_TOKEN_UNK ? k->atom : named(t, k, atoms[type != BP_PROTEIN][i]);
}

static int
representatives(struct bp_featurizer *f)
{
	const struct bp_target *t = f->t;
	int32_t *rep, *center, *set, *frames;
	int polymer = 0, n_set = 0;
	bool *resolved;

	for (int i = 0; i < f->n; i++)
		polymer += bp_target_entity(t, t->token[i].chain)->type != BP_NONPOLYMER;
	BP_ADD(rep, f, "token_to_rep_atom@idx", BP_I32, f->n);
	BP_ADD(center, f, "token_to_center_atom@idx", BP_I32, f->n);
	BP_ADD(set, f, "r_set_to_rep_atom@idx", BP_I32, polymer);
	BP_ADD(frames, f, "frames_idx", BP_I32, 1, f->n, 3);
	BP_ADD(resolved, f, "frame_resolved_mask", BP_B8, 1, f->n); /* stays false: there are no coordinates yet */
	(void)resolved;
	for (int i = 0; i < f->n; i++) {
		const struct bp_target_token *k = &t->token[i];
		rep[i] = k->disto;
		center[i] = k->center;
		frame(frames + 3 * i, t, k);
		if (bp_target_entity(t, k->chain)->type != BP_NONPOLYMER)
			set[n_set++] = k->center;
	}
	return BP_OK;
}

int
bp_features_atoms(struct bp_featurizer *f)
{
	BP_TRY(reference(f));
	return representatives(f);
}
