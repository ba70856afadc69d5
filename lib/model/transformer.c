#include "model/transformer.h"

/* s_norm, s_scale and s_bias of an AdaLN */
static void
ada_bind(struct bp_ada_weights *w, struct bp_bind *b, int c, int cs, const char *name)
{
	size_t at = bp_bind_enter(b, "%s", name);

	bp_bind_vec(b, &w->s_norm, cs, "s_norm.weight");
	bp_bind_linear(b, &w->s_scale, &w->s_scale_b, c, cs, "s_scale");
	bp_bind_mat(b, &w->s_bias, c, cs, "s_bias.weight");
	bp_bind_leave(b, at);
}

static void
layer_bind(struct bp_diff_layer *l, struct bp_ada_weights ada[2], struct bp_bind *b, int c, int cs)
{
	size_t at;

	ada_bind(&ada[0], b, c, cs, "adaln");
	bp_bind_attn(b, &l->attn, c, "pair_bias_attn");
	/* the module registers this layer twice; writers of safetensors may keep either name */
	bp_bind_linear(b, &ada[0].gate, &ada[0].gate_b, c, cs,
	    bp_bind_has(b, "output_projection.0.weight") ? "output_projection.0" : "output_projection_linear");
	at = bp_bind_enter(b, "transition");
	ada_bind(&ada[1], b, c, cs, "adaln");
	bp_bind_linear(b, &ada[1].gate, &ada[1].gate_b, c, cs, "output_projection.0");
	bp_bind_mat(b, &l->a_to_b, -1, c, "a_to_b.weight");
	bp_bind_mat(b, &l->swish_gate, b->st == BP_OK ? 2 * l->a_to_b.n : -1, c, "swish_gate.0.weight");
	bp_bind_mat(b, &l->b_to_a, c, b->st == BP_OK ? l->a_to_b.n : -1, "b_to_a.weight");
	bp_bind_leave(b, at);
	if (bp_bind_has(b, "post_lnorm.weight"))
		bp_bind_fail(b, "post_lnorm: a transformer with norms after its layers is not known here");
}

void
bp_diff_transformer_bind(struct bp_diff_transformer *t, struct bp_bind *b, int c, int cs, const char *name)
{
	size_t at = bp_bind_enter(b, "%s", name);

	t->c = c;
	t->cs = cs;
	t->heads = 0;
	if (!(t->depth = bp_bind_count(b, "layers")))
		bp_bind_fail(b, "layers.0 is missing: no layer is there");
	t->ada = bp_bind_new(b, 2 * t->depth, sizeof *t->ada);
	if ((t->layer = bp_bind_new(b, t->depth, sizeof *t->layer)))
		for (int i = 0; i < t->depth; i++) {
			size_t layer = bp_bind_enter(b, "layers.%d", i);
			layer_bind(&t->layer[i], t->ada + 2 * (size_t)i, b, c, cs);
			bp_bind_leave(b, layer);
		}
	bp_bind_leave(b, at);
}

void
bp_diff_heads(struct bp_diff_transformer *t, struct bp_bind *b, int heads)
{
	t->heads = heads;
	if (b->st == BP_OK && (heads < 1 || t->c % heads))
		bp_bind_fail(b, "%d heads do not divide the %d channels of the transformer", heads, t->c);
}

int64_t
bp_diff_cond_count(const struct bp_diff_transformer *t, int rows)
{
	return (int64_t)t->depth * 6 * rows * t->c;
}

int
bp_diff_cond(struct bp_ctx *cx, const struct bp_diff_transformer *t, int rows, const float *s, float *cond)
{
	return BP_OP(cx, ada_cond, .rows = rows, .cs = t->cs, .c = t->c, .layers = t->depth, .s = s, .w = t->ada,
	    .out = cond);
}

/* layer i; cond [6,rows,c]; y [b,rows,c] is scratch */
static int
layer_run(struct bp_ctx *cx, const struct bp_diff_transformer *t, int i, const struct bp_diff_args *x,
    const float *cond, float *y)
{
	const struct bp_diff_layer *l = &t->layer[i];
	size_t part = (size_t)x->rows * t->c;
	const int members = bp_members(x->members), n = x->rows / members;
	size_t bias = (size_t)i * t->heads * x->rows * (x->windows ? BP_WINDOW_K : n);

	BP_TRY(BP_OP(cx, ada_ln, .b = x->b, .rows = x->rows, .c = t->c, .a = x->a, .scale = cond, .shift = cond + part,
	    .out = y));
	if (x->windows)
		BP_TRY(BP_OP(cx, atom_attention, .b = x->b * members, .atoms = n, .c = t->c, .heads = t->heads, .members = members, .x = y,
		    .bias = x->bias + bias, .mask = x->mask, .gate = cond + 2 * part, .w = &l->attn, .out = x->a));
	else
		BP_TRY(BP_OP(cx, attn_pair_bias, .b = x->b * members, .n = n, .c = t->c, .heads = t->heads, .members = members, .x = y,
		    .bias = x->bias + bias, .mask = x->mask, .gate = cond + 2 * part, .w = &l->attn, .out = x->a));
	BP_TRY(BP_OP(cx, ada_ln, .b = x->b, .rows = x->rows, .c = t->c, .a = x->a, .scale = cond + 3 * part,
	    .shift = cond + 4 * part, .out = y));
	return BP_OP(cx, cond_transition, .b = x->b, .rows = x->rows, .c = t->c, .hidden = l->a_to_b.n, .x = y,
	    .gate = cond + 5 * part, .swish_gate = &l->swish_gate, .a_to_b = &l->a_to_b, .b_to_a = &l->b_to_a,
	    .out = x->a);
}

int
bp_diff_transformer_run(struct bp_ctx *cx, const struct bp_diff_transformer *t, const struct bp_diff_args *x)
{
	struct bp_mark mark = bp_dev_mark(cx);
	size_t part = (size_t)x->rows * t->c;
	float *y, *own = NULL;

	bp_assert(t->heads > 0 && (x->cond || x->s) && x->rows % bp_members(x->members) == 0
	    && (!x->windows || x->rows / bp_members(x->members) % BP_WINDOW_Q == 0));
	BP_DEV_NEW(y, (size_t)x->b * part, cx);
	if (!x->cond)
		BP_DEV_NEW(own, 6 * part, cx);
	for (int i = 0; i < t->depth; i++) {
		if (own)
			BP_TRY(BP_OP(cx, ada_cond, .rows = x->rows, .cs = t->cs, .c = t->c, .layers = 1, .s = x->s,
			    .w = t->ada + 2 * (size_t)i, .out = own));
		BP_TRY(layer_run(cx, t, i, x, own ? own : x->cond + (size_t)i * 6 * part, y));
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}
