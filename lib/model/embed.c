#include "model/embed.h"

enum { REL_POS_FEATURES = 2 * 66 + 1 + 6 };

static void
contacts_bind(struct bp_pair_embed *e, struct bp_bind *b)
{
	size_t at = bp_bind_enter(b, "contact_conditioning");
	int c = e->c;

	bp_bind_linear(b, &e->enc, &e->enc_b, c, c + 4, "encoder");
	bp_bind_mat(b, &e->fw, c, 1, "fourier_embedding.proj.weight");
	bp_bind_vec(b, &e->fb, c, "fourier_embedding.proj.bias");
	bp_bind_vec(b, &e->unspecified, c, "encoding_unspecified");
	bp_bind_vec(b, &e->unselected, c, "encoding_unselected");
	bp_bind_leave(b, at);
	/* the op's normalisation of the threshold: (d - 4) / (20 - 4) */
	if (bp_weights_num(b->w, "conditioning_cutoff_min", 4) != 4
	    || bp_weights_num(b->w, "conditioning_cutoff_max", 20) != 20)
		bp_bind_fail(b, "contact_conditioning: cutoffs other than 4 and 20 are not known here");
}

void
bp_pair_embed_bind(struct bp_pair_embed *e, struct bp_bind *b, int c)
{
	e->c = c;
	e->fix_sym_check = bp_weights_flag(b->w, "fix_sym_check", true);
	e->cyclic_pos_enc = bp_weights_flag(b->w, "cyclic_pos_enc", true);
	bp_bind_mat(b, &e->rel_pos, c, REL_POS_FEATURES, "rel_pos.linear_layer.weight");
	bp_bind_mat(b, &e->bonds, c, 1, "token_bonds.weight");
	e->has_types = bp_bind_has(b, "token_bonds_type.weight");
	if (e->has_types)
		bp_bind_mat(b, &e->bond_types, BP_BOND_CLASSES, c, "token_bonds_type.weight");
	contacts_bind(e, b);
}

int
bp_rel_pos_run(struct bp_ctx *cx, const struct bp_pair_embed *e, const struct bp_feats *f, bool add, float *out)
{
	return bp_rel_pos_rows_run(cx, e, f, 0, f->n, add, out);
}

int
bp_rel_pos_rows_run(struct bp_ctx *cx, const struct bp_pair_embed *e, const struct bp_feats *f, int first, int rows,
    bool add, float *out)
{
	return BP_OP(cx, rel_pos, .n = f->n, .asym_id = f->asym_id, .residue_index = f->residue_index,
	    .entity_id = f->entity_id, .token_index = f->token_index, .sym_id = f->sym_id,
	    .cyclic_period = e->cyclic_pos_enc && f->cyclic ? f->cyclic_period : NULL,
	    .fix_sym_check = e->fix_sym_check, .W = &e->rel_pos, .add = add, .first = first,
	    .rows = rows, .out = out);
}

int
bp_contacts_run(struct bp_ctx *cx, const struct bp_pair_embed *e, const struct bp_feats *f, float *out)
{
	return BP_OP(cx, contact_embed, .n = f->n, .c = e->c, .klass = f->contact_class,
	    .threshold = f->contact_threshold, .enc = &e->enc, .enc_b = &e->enc_b, .fw = &e->fw, .fb = &e->fb,
	    .unspecified = &e->unspecified, .unselected = &e->unselected, .out = out);
}

int
bp_pair_embed_run(struct bp_ctx *cx, const struct bp_pair_embed *e, const struct bp_feats *f, float *out)
{
	BP_TRY(bp_rel_pos_run(cx, e, f, true, out));
	BP_TRY(BP_OP(cx, bond_embed, .n = f->n, .c = e->c, .token_bonds = f->token_bonds,
	    .type_bonds = e->has_types ? f->type_bonds : NULL, .W = &e->bonds,
	    .E = e->has_types ? &e->bond_types : NULL, .out = out));
	return bp_contacts_run(cx, e, f, out);
}
