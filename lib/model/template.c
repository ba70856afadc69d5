#include "model/template.h"

#include "model/plan.h"

enum { TEMPLATE_FEATURES = 38 + 1 + 3 + 1 + 2 * BP_RES_TYPES };

void
bp_template_bind(struct bp_template *t, struct bp_bind *b, int tz, const char *name)
{
	size_t at = bp_bind_enter(b, "%s", name);

	bp_bind_mat(b, &t->a_proj, -1, TEMPLATE_FEATURES, "a_proj.weight");
	t->c = b->st == BP_OK ? t->a_proj.n : -1;
	bp_bind_norm(b, &t->z_norm, &t->z_norm_b, tz, "z_norm");
	bp_bind_norm(b, &t->v_norm, &t->v_norm_b, t->c, "v_norm");
	bp_bind_mat(b, &t->z_proj, t->c, tz, "z_proj.weight");
	bp_bind_mat(b, &t->u_proj, tz, t->c, "u_proj.weight");
	bp_pair_stack_bind(&t->pairformer, b, t->c, "pairformer");
	bp_bind_leave(b, at);
}

/* v [n,n,c] = template k's features and z; x [n,n,c] is scratch; u += v / templates after the blocks and the norm */
static int
one_template(struct bp_ctx *cx, const struct bp_template *t, const struct bp_feats *f, int k, const float *z, float *v,
    float *x, float *u)
{
	int64_t pairs = (int64_t)f->n * f->n;
	size_t at = (size_t)k * f->n;

	BP_TRY(BP_OP(cx, linear, .rows = pairs, .k = t->z_proj.k, .x = z, .norm = true, .nw = &t->z_norm,
	    .nb = &t->z_norm_b, .W = &t->z_proj, .out = v));
	BP_TRY(BP_OP(cx, template_embed, .n = f->n, .c = t->c, .type = f->template_type + at,
	    .rot = f->frame_rot + 9 * at, .t = f->frame_t + 3 * at, .cb = f->template_cb + 3 * at,
	    .ca = f->template_ca + 3 * at, .mask_frame = f->frame_mask + at, .mask_cb = f->cb_mask + at,
	    .visibility = f->visibility + at, .W = &t->a_proj, .out = v));
	BP_TRY(bp_dev_copy(cx, x, v, (size_t)pairs * t->c * sizeof *x));
	BP_TRY(bp_pair_stack_run(cx, &t->pairformer, f->n, f->token_mask, x));
	/* the stack's result has v in it already, and upstream adds v once more */
	BP_TRY(BP_OP(cx, axpy, .count = pairs * t->c, .alpha = 1, .x = x, .y = v));
	BP_TRY(BP_OP(cx, layer_norm, .rows = pairs, .c = t->c, .x = v, .w = &t->v_norm, .b = &t->v_norm_b, .out = v));
	return BP_OP(cx, axpy, .count = pairs * t->c, .alpha = 1.0f / (float)f->templates, .x = v, .y = u);
}

int
bp_template_run(struct bp_ctx *cx, const struct bp_template *t, const struct bp_feats *f, const float *z, float *out)
{
	struct bp_mark mark = bp_dev_mark(cx);
	size_t count = (size_t)f->n * f->n * t->c;
	int chunk, st = BP_OK;
	float *v, *x, *u;

	if (!f->templates)
		return BP_OK;
	BP_DEV_NEW(v, count, cx);
	BP_DEV_NEW(x, count, cx);
	BP_DEV_NEW(u, count, cx);
	BP_TRY(bp_dev_zero(cx, u, count * sizeof *u));
	chunk = bp_plan_share(cx, f->n, 4); /* beside these three */
	for (int k = 0; k < f->t && st == BP_OK; k++)
		if (f->use_template[k])
			st = one_template(cx, t, f, k, z, v, x, u);
	cx->chunk = chunk;
	BP_TRY(st);
	BP_TRY(BP_OP(cx, linear, .rows = (int64_t)f->n * f->n, .k = t->c, .x = u, .in_relu = true, .W = &t->u_proj,
	    .add = true, .out = out));
	bp_dev_release(cx, mark);
	return BP_OK;
}
