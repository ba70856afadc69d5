#include "model/atoms.h"

void
bp_atom_encoder_bind(struct bp_atom_encoder *e, struct bp_bind *b, int ts, int tz, const char *name)
{
	static const char *const mlp[] = { "p_mlp.1.weight", "p_mlp.3.weight", "p_mlp.5.weight" };
	size_t at = bp_bind_enter(b, "%s", name);

	bp_bind_linear(b, &e->embed, &e->embed_b, -1, BP_ATOM_FEATURES, "embed_atom_features");
	bp_bind_mat(b, &e->pos, -1, 3, "embed_atompair_ref_pos.weight");
	e->c = b->st == BP_OK ? e->embed.n : -1;
	e->cp = b->st == BP_OK ? e->pos.n : -1;
	bp_bind_mat(b, &e->dist, e->cp, 1, "embed_atompair_ref_dist.weight");
	bp_bind_mat(b, &e->mask, e->cp, 1, "embed_atompair_mask.weight");
	bp_bind_mat(b, &e->c_to_p_q, e->cp, e->c, "c_to_p_trans_q.1.weight");
	bp_bind_mat(b, &e->c_to_p_k, e->cp, e->c, "c_to_p_trans_k.1.weight");
	for (int i = 0; i < 3; i++)
		bp_bind_mat(b, &e->mlp[i], e->cp, e->cp, mlp[i]);
	e->structure = ts > 0;
	if (e->structure) {
		bp_bind_norm(b, &e->s_norm, &e->s_norm_b, ts, "s_to_c_trans.0");
		bp_bind_mat(b, &e->s_to_c, e->c, ts, "s_to_c_trans.1.weight");
		bp_bind_norm(b, &e->z_norm, &e->z_norm_b, tz, "z_to_p_trans.0");
		bp_bind_mat(b, &e->z_to_p, e->cp, tz, "z_to_p_trans.1.weight");
	}
	bp_bind_leave(b, at);
}

/* c += s_to_c(s) of each atom's token */
static int
add_trunk(struct bp_ctx *cx, const struct bp_atom_encoder *e, const struct bp_feats *f, const float *s, float *c)
{
	struct bp_mark mark = bp_dev_mark(cx);
	float *y;

	BP_DEV_NEW(y, (size_t)f->n * e->c, cx);
	BP_TRY(BP_OP(cx, linear, .rows = f->n, .k = e->s_to_c.k, .x = s, .norm = true, .nw = &e->s_norm,
	    .nb = &e->s_norm_b, .W = &e->s_to_c, .out = y));
	BP_TRY(BP_OP(cx, gather_rows, .b = 1, .rows = f->atoms, .from = f->n, .c = e->c, .index = f->atom_token, .x = y,
	    .add = true, .out = c));
	bp_dev_release(cx, mark);
	return BP_OK;
}

int
bp_atom_encoder_pairs(struct bp_ctx *cx, const struct bp_atom_encoder *e, int64_t rows, const float *z, float *zp)
{
	return BP_OP(cx, linear, .rows = rows, .k = e->z_to_p.k, .x = z, .norm = true, .nw = &e->z_norm,
	    .nb = &e->z_norm_b, .W = &e->z_to_p, .out = zp);
}

int
bp_atom_encoder_run(struct bp_ctx *cx, const struct bp_atom_encoder *e, const struct bp_feats *f, const float *s,
    const float *zp, float *q, float *c, float *p)
{
	struct bp_mark mark = bp_dev_mark(cx);
	float *cq, *ck;

	bp_assert(e->structure == (s != NULL) && e->structure == (zp != NULL));
	BP_TRY(BP_OP(cx, atom_embed, .atoms = f->atoms, .ref_pos = f->ref_pos, .charge = f->ref_charge,
	    .element = f->ref_element, .chars = f->ref_chars, .W = &e->embed, .b = &e->embed_b, .out = q));
	if (c != q)
		BP_TRY(bp_dev_copy(cx, c, q, (size_t)f->atoms * e->c * sizeof *c));
	if (s)
		BP_TRY(add_trunk(cx, e, f, s, c));
	BP_DEV_NEW(cq, (size_t)f->atoms * e->cp, cx);
	BP_DEV_NEW(ck, (size_t)f->atoms * e->cp, cx);
	BP_TRY(BP_OP(cx, linear, .rows = f->atoms, .k = e->c, .x = c, .in_relu = true, .W = &e->c_to_p_q, .out = cq));
	BP_TRY(BP_OP(cx, linear, .rows = f->atoms, .k = e->c, .x = c, .in_relu = true, .W = &e->c_to_p_k, .out = ck));
	BP_TRY(BP_OP(cx, atom_pair_embed, .atoms = f->atoms, .cp = e->cp, .n = f->n, .ref_pos = f->ref_pos,
	    .mask = f->atom_mask, .uid = f->ref_uid, .token = f->atom_token, .cq = cq, .ck = ck, .zp = zp,
	    .Wpos = &e->pos, .Wdist = &e->dist, .Wmask = &e->mask, .W1 = &e->mlp[0], .W2 = &e->mlp[1], .W3 = &e->mlp[2],
	    .out = p));
	bp_dev_release(cx, mark);
	return BP_OK;
}

void
bp_atom_attention_encoder_bind(struct bp_atom_attention_encoder *e, struct bp_bind *b, int c, int ct, bool structure,
    const char *name)
{
	size_t at = bp_bind_enter(b, "%s", name);

	e->r_to_q = (struct bp_weight){ 0 };
	if (structure)
		bp_bind_mat(b, &e->r_to_q, c, 3, "r_to_q_trans.weight");
	bp_diff_transformer_bind(&e->transformer, b, c, c, "atom_encoder.diffusion_transformer");
	bp_bind_mat(b, &e->to_token, ct, c, "atom_to_token_trans.0.weight");
	bp_bind_leave(b, at);
}

void
bp_atom_attention_decoder_bind(struct bp_atom_attention_decoder *d, struct bp_bind *b, int c, int ct, const char *name)
{
	size_t at = bp_bind_enter(b, "%s", name);

	bp_bind_mat(b, &d->a_to_q, c, ct, "a_to_q_trans.weight");
	bp_diff_transformer_bind(&d->transformer, b, c, c, "atom_decoder.diffusion_transformer");
	bp_bind_norm(b, &d->out_norm, &d->out_norm_b, c, "atom_feat_to_atom_pos_update.0");
	bp_bind_mat(b, &d->out, 3, c, "atom_feat_to_atom_pos_update.1.weight");
	bp_bind_leave(b, at);
}

int
bp_atom_attention_encoder_run(struct bp_ctx *cx, const struct bp_atom_attention_encoder *e, const struct bp_feats *f,
    int b, const float *r, const float *cond, const float *bias, float *q, float *a)
{
	struct bp_mark mark = bp_dev_mark(cx);
	int c = e->transformer.c, ct = e->to_token.n;
	int64_t rows = (int64_t)b * f->atoms;
	float *y;

	bp_assert(!r || e->r_to_q.n);
	if (r)
		BP_TRY(BP_OP(cx, linear, .rows = rows, .k = 3, .x = r, .W = &e->r_to_q, .add = true, .out = q));
	BP_TRY(bp_diff_transformer_run(cx, &e->transformer, &(struct bp_diff_args){ .b = b, .rows = f->atoms,
	    .members = f->members, .windows = true, .cond = cond, .bias = bias, .mask = f->atom_mask, .a = q }));
	BP_DEV_NEW(y, (size_t)rows * ct, cx);
	BP_TRY(BP_OP(cx, linear, .rows = rows, .k = c, .x = q, .W = &e->to_token, .act = BP_ACT_RELU, .out = y));
	BP_TRY(BP_OP(cx, atom_to_token, .b = b, .n = f->n, .atoms = f->atoms, .c = ct, .first = f->first,
	    .count = f->count, .x = y, .out = a));
	bp_dev_release(cx, mark);
	return BP_OK;
}

int
bp_atom_attention_decoder_run(struct bp_ctx *cx, const struct bp_atom_attention_decoder *d, const struct bp_feats *f,
    int b, const float *a, const float *cond, const float *bias, float *q, float *r)
{
	struct bp_mark mark = bp_dev_mark(cx);
	int c = d->transformer.c;
	float *y;

	BP_DEV_NEW(y, (size_t)b * f->n * c, cx);
	BP_TRY(BP_OP(cx, linear, .rows = (int64_t)b * f->n, .k = d->a_to_q.k, .x = a, .W = &d->a_to_q, .out = y));
	BP_TRY(BP_OP(cx, gather_rows, .b = b, .rows = f->atoms, .from = f->n, .c = c, .index = f->atom_token, .x = y,
	    .add = true, .out = q));
	bp_dev_release(cx, mark);
	BP_TRY(bp_diff_transformer_run(cx, &d->transformer, &(struct bp_diff_args){ .b = b, .rows = f->atoms,
	    .members = f->members, .windows = true, .cond = cond, .bias = bias, .mask = f->atom_mask, .a = q }));
	return BP_OP(cx, linear, .rows = (int64_t)b * f->atoms, .k = c, .x = q, .norm = true, .nw = &d->out_norm,
	    .nb = &d->out_norm_b, .W = &d->out, .out = r);
}
