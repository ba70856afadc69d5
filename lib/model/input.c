#include "model/input.h"

/* an embedding that a network may lack */
static void
bind_optional(struct bp_bind *b, struct bp_weight *w, int n, int k, const char *name)
{
	*w = (struct bp_weight){ 0 };
	if (bp_bind_has(b, name))
		bp_bind_mat(b, w, n, k, name);
}

void
bp_input_embedder_bind(struct bp_input_embedder *e, struct bp_bind *b, int ts, const char *name)
{
	size_t at = bp_bind_enter(b, "%s", name);
	int depth;

	e->ts = ts;
	bp_atom_encoder_bind(&e->atoms, b, 0, 0, "atom_encoder");
	bp_atom_attention_encoder_bind(&e->attention, b, e->atoms.c, ts, false, "atom_attention_encoder");
	bp_bind_pair_bias(b, &e->bias, -1, e->atoms.cp, "atom_enc_proj_z");
	depth = e->attention.transformer.depth;
	if (b->st == BP_OK && e->bias.W.n % depth)
		bp_bind_fail(b, "atom_enc_proj_z: %d channels for %d layers", e->bias.W.n, depth);
	if (b->st == BP_OK)
		bp_diff_heads(&e->attention.transformer, b, e->bias.W.n / depth);
	bp_bind_mat(b, &e->res_type, ts, BP_RES_TYPES, "res_type_encoding.weight");
	bp_bind_mat(b, &e->profile, ts, BP_RES_TYPES + 1, "msa_profile_encoding.weight");
	bind_optional(b, &e->method, BP_METHODS, ts, "method_conditioning_init.weight");
	bind_optional(b, &e->modified, 2, ts, "modified_conditioning_init.weight");
	bind_optional(b, &e->mol_type, BP_MOL_TYPES, ts, "mol_type_conditioning_init.weight");
	bind_optional(b, &e->cyclic, ts, 1, "cyclic_conditioning_init.weight");
	bp_bind_leave(b, at);
}

/* s [n,ts] = the atoms' part */
static int
embed_atoms(struct bp_ctx *cx, const struct bp_input_embedder *e, const struct bp_feats *f, float *s)
{
	const struct bp_diff_transformer *t = &e->attention.transformer;
	struct bp_mark mark = bp_dev_mark(cx);
	int64_t pairs = (int64_t)f->atoms * BP_WINDOW_K;
	float *q, *c, *p, *bias, *cond;

	BP_DEV_NEW(q, (size_t)f->atoms * e->atoms.c, cx);
	BP_DEV_NEW(c, (size_t)f->atoms * e->atoms.c, cx);
	BP_DEV_NEW(p, (size_t)pairs * e->atoms.cp, cx);
	BP_DEV_NEW(bias, (size_t)pairs * e->bias.W.n, cx);
	BP_DEV_NEW(cond, (size_t)bp_diff_cond_count(t, f->atoms), cx);
	BP_TRY(bp_atom_encoder_run(cx, &e->atoms, f, NULL, NULL, q, c, p));
	BP_TRY(BP_OP(cx, pair_bias, .rows = pairs, .c = e->atoms.cp, .heads = e->bias.W.n, .layers = 1, .x = p,
	    .w = &e->bias, .out = bias));
	BP_TRY(bp_diff_cond(cx, t, f->atoms, c, cond));
	BP_TRY(bp_atom_attention_encoder_run(cx, &e->attention, f, 1, NULL, cond, bias, q, s));
	bp_dev_release(cx, mark);
	return BP_OK;
}

static int
add_class(struct bp_ctx *cx, const struct bp_weight *w, int n, const int32_t *index, float *s)
{
	if (!w->n)
		return BP_OK;
	return BP_OP(cx, token_embed, .rows = n, .index = index, .W = w, .embedding = true, .out = s);
}

int
bp_input_embedder_run(struct bp_ctx *cx, const struct bp_input_embedder *e, const struct bp_feats *f, float *s)
{
	BP_TRY(embed_atoms(cx, e, f, s));
	BP_TRY(BP_OP(cx, token_embed, .rows = f->n, .index = f->res_type, .W = &e->res_type, .out = s));
	BP_TRY(BP_OP(cx, linear, .rows = f->n, .k = BP_RES_TYPES, .k2 = 1, .x = f->profile, .x2 = f->deletion_mean,
	    .W = &e->profile, .add = true, .out = s));
	BP_TRY(add_class(cx, &e->method, f->n, f->method, s));
	BP_TRY(add_class(cx, &e->modified, f->n, f->modified, s));
	BP_TRY(add_class(cx, &e->mol_type, f->n, f->mol_type, s));
	if (e->cyclic.n)
		BP_TRY(BP_OP(cx, linear, .rows = f->n, .k = 1, .x = f->cyclic_flag, .W = &e->cyclic, .add = true,
		    .out = s));
	return BP_OK;
}
