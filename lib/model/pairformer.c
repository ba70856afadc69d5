#include "model/pairformer.h"

void
bp_pair_layer_bind(struct bp_pair_layer *l, struct bp_bind *b, int c)
{
	l->c = c;
	bp_bind_tri_mul(b, &l->mul_out, c, "tri_mul_out");
	bp_bind_tri_mul(b, &l->mul_in, c, "tri_mul_in");
	bp_bind_tri_attn(b, &l->att_start, c, "tri_att_start");
	bp_bind_tri_attn(b, &l->att_end, c, "tri_att_end");
	bp_bind_transition(b, &l->transition, c, "transition_z");
}

/* how many blocks NAME.layers has; fails when none */
static int
count_layers(struct bp_bind *b)
{
	int n = bp_bind_count(b, "layers");

	if (!n)
		bp_bind_fail(b, "layers.0 is missing: no block is there");
	return n;
}

void
bp_pair_stack_bind(struct bp_pair_stack *p, struct bp_bind *b, int c, const char *name)
{
	size_t at = bp_bind_enter(b, "%s", name);

	p->blocks = count_layers(b);
	if ((p->layer = bp_bind_new(b, p->blocks, sizeof *p->layer)))
		for (int i = 0; i < p->blocks; i++) {
			size_t layer = bp_bind_enter(b, "layers.%d", i);
			bp_pair_layer_bind(&p->layer[i], b, c);
			bp_bind_leave(b, layer);
		}
	bp_bind_leave(b, at);
}

static void
pairformer_layer_bind(struct bp_pairformer_layer *l, struct bp_bind *b, int cs, int c)
{
	bp_pair_layer_bind(&l->pair, b, c);
	bp_bind_norm(b, &l->norm, &l->norm_b, cs, "pre_norm_s");
	bp_bind_attn(b, &l->attn, cs, "attention");
	bp_bind_pair_bias(b, &l->bias, -1, c, "attention.proj_z");
	bp_bind_transition(b, &l->transition, cs, "transition_s");
	l->cs = cs;
	l->heads = l->bias.W.n;
	if (b->st == BP_OK && cs % l->heads)
		bp_bind_fail(b, "attention: %d heads do not divide %d channels", l->heads, cs);
}

void
bp_pairformer_bind(struct bp_pairformer *p, struct bp_bind *b, int cs, int c, const char *name)
{
	size_t at = bp_bind_enter(b, "%s", name);

	p->blocks = count_layers(b);
	if ((p->layer = bp_bind_new(b, p->blocks, sizeof *p->layer)))
		for (int i = 0; i < p->blocks; i++) {
			size_t layer = bp_bind_enter(b, "layers.%d", i);
			pairformer_layer_bind(&p->layer[i], b, cs, c);
			bp_bind_leave(b, layer);
		}
	bp_bind_leave(b, at);
}

static int
pair_layer_run(struct bp_ctx *cx, const struct bp_pair_layer *l, int members, int n, const float *mask, float *z)
{
	const struct bp_tri_mul_weights *mul[] = { &l->mul_out, &l->mul_in };
	const struct bp_tri_attn_weights *att[] = { &l->att_start, &l->att_end };

	for (int i = 0; i < 2; i++)
		BP_TRY(BP_OP(cx, tri_mul, .n = n, .c = l->c, .members = members, .incoming = i, .x = z, .mask = mask, .w = mul[i],
		    .add = true, .out = z));
	for (int i = 0; i < 2; i++)
		BP_TRY(BP_OP(cx, tri_attn, .n = n, .c = l->c, .members = members, .ending = i, .x = z, .mask = mask, .w = att[i],
		    .add = true, .out = z));
	return bp_transition_add(cx, &l->transition, (int64_t)members * n * n, z);
}

int
bp_pair_layer_run(struct bp_ctx *cx, const struct bp_pair_layer *l, int members, int n, const float *mask, float *z)
{
	int was = cx->members, st;

	cx->members = members;
	st = pair_layer_run(cx, l, members, n, mask, z);
	cx->members = was;
	return st;
}

int
bp_pair_stack_run(struct bp_ctx *cx, const struct bp_pair_stack *p, int n, const float *mask, float *z)
{
	for (int i = 0; i < p->blocks; i++)
		BP_TRY(bp_pair_layer_run(cx, &p->layer[i], 1, n, mask, z));
	return BP_OK;
}

static int
pairformer_layer_run(struct bp_ctx *cx, const struct bp_pairformer_layer *l, int members, int n, const float *mask, float *s,
    float *z)
{
	const int64_t rows = (int64_t)members * n;
	struct bp_mark mark;
	float *x, *bias;

	BP_TRY(pair_layer_run(cx, &l->pair, members, n, mask, z));
	mark = bp_dev_mark(cx);
	BP_DEV_NEW(x, rows * l->cs, cx);
	BP_DEV_NEW(bias, l->heads * rows * n, cx);
	BP_TRY(BP_OP(cx, layer_norm, .rows = rows, .c = l->cs, .x = s, .w = &l->norm, .b = &l->norm_b, .out = x));
	BP_TRY(BP_OP(cx, pair_bias, .rows = rows * n, .c = l->pair.c, .heads = l->heads, .layers = 1, .x = z,
	    .w = &l->bias, .out = bias));
	BP_TRY(BP_OP(cx, attn_pair_bias, .b = members, .n = n, .c = l->cs, .heads = l->heads, .members = members, .x = x, .bias = bias,
	    .mask = mask, .w = &l->attn, .out = s));
	bp_dev_release(cx, mark);
	return bp_transition_add(cx, &l->transition, rows, s);
}

int
bp_pairformer_run(struct bp_ctx *cx, const struct bp_pairformer *p, int members, int n, const float *mask, float *s, float *z)
{
	int was = cx->members, st = BP_OK;

	cx->members = members;
	for (int i = 0; i < p->blocks && st == BP_OK; i++)
		st = pairformer_layer_run(cx, &p->layer[i], members, n, mask, s, z);
	cx->members = was;
	return st;
}
