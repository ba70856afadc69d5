#include "model/msa.h"

#include <stdlib.h>
#include <string.h>

#include "model/random.h"
#include "ops/philox.h"

static void
averaging_bind(struct bp_msa_layer *l, struct bp_bind *b, int c, int tz)
{
	size_t at = bp_bind_enter(b, "pair_weighted_averaging");
	int wide;

	bp_bind_norm(b, &l->norm_m, &l->norm_m_b, c, "norm_m");
	bp_bind_norm(b, &l->norm_z, &l->norm_z_b, tz, "norm_z");
	bp_bind_mat(b, &l->proj_z, -1, tz, "proj_z.weight");
	bp_bind_mat(b, &l->proj_m, -1, c, "proj_m.weight");
	wide = b->st == BP_OK ? l->proj_m.n : -1;
	bp_bind_mat(b, &l->proj_g, wide, c, "proj_g.weight");
	bp_bind_mat(b, &l->proj_o, c, wide, "proj_o.weight");
	if (b->st == BP_OK && wide % l->proj_z.n)
		bp_bind_fail(b, "%d heads do not divide %d channels", l->proj_z.n, wide);
	if (b->st == BP_OK) {
		l->heads = l->proj_z.n;
		l->width = wide / l->heads;
	}
	bp_bind_leave(b, at);
}

static void
outer_bind(struct bp_msa_layer *l, struct bp_bind *b, int c, int tz)
{
	size_t at = bp_bind_enter(b, "outer_product_mean");

	bp_bind_norm(b, &l->norm, &l->norm_b, c, "norm");
	bp_bind_mat(b, &l->proj_a, -1, c, "proj_a.weight");
	l->hidden = b->st == BP_OK ? l->proj_a.n : -1;
	if (l->hidden > 4096)
		bp_bind_fail(b, "proj_a has %d rows, at most 4096 are possible", l->hidden);
	bp_bind_mat(b, &l->proj_b, l->hidden, c, "proj_b.weight");
	bp_bind_linear(b, &l->out, &l->out_b, tz, l->hidden < 0 ? -1 : l->hidden * l->hidden, "proj_o");
	bp_bind_leave(b, at);
}

void
bp_msa_bind(struct bp_msa *m, struct bp_bind *b, int ts, int tz, const char *name)
{
	size_t at = bp_bind_enter(b, "%s", name);

	m->tz = tz;
	bp_bind_mat(b, &m->s_proj, -1, ts, "s_proj.weight");
	m->c = b->st == BP_OK ? m->s_proj.n : -1;
	bp_bind_mat(b, &m->msa_proj, m->c, -1, "msa_proj.weight");
	if (b->st == BP_OK && m->msa_proj.k != BP_RES_TYPES + 3 && m->msa_proj.k != BP_RES_TYPES + 2)
		bp_bind_fail(b, "msa_proj.weight has %d columns, wanted %d (or one less: no paired feature)",
		    m->msa_proj.k, BP_RES_TYPES + 3);
	if (!(m->blocks = bp_bind_count(b, "layers")))
		bp_bind_fail(b, "layers.0 is missing: no block is there");
	if ((m->layer = bp_bind_new(b, m->blocks, sizeof *m->layer)))
		for (int i = 0; i < m->blocks; i++) {
			struct bp_msa_layer *l = &m->layer[i];
			size_t layer = bp_bind_enter(b, "layers.%d", i), inner;
			averaging_bind(l, b, m->c, tz);
			bp_bind_transition(b, &l->transition, m->c, "msa_transition");
			outer_bind(l, b, m->c, tz);
			inner = bp_bind_enter(b, "pairformer_layer");
			bp_pair_layer_bind(&l->pair, b, tz);
			bp_bind_leave(b, inner);
			bp_bind_leave(b, layer);
		}
	bp_bind_leave(b, at);
}

/* What looks at one MSA goes target by target, the rest at once. */
static int
layer_run(struct bp_ctx *cx, const struct bp_msa *m, const struct bp_msa_layer *l, const struct bp_feats *f, int members, const float *mask, float *x,
    float *z)
{
	const int was = cx->members;
	int st;
	const size_t rows = (size_t)f->s * f->n, one = rows * m->c, pairs = (size_t)f->n * f->n * m->tz;

	for (int g = 0; g < members; g++)
		BP_TRY(BP_OP(cx, pair_weighted_average, .s = f[g].s, .n = f[g].n, .c = m->c, .cz = m->tz, .heads = l->heads,
		    .d = l->width, .m = x + g * one, .z = z + g * pairs, .mask = f[g].token_mask, .nmw = &l->norm_m, .nmb = &l->norm_m_b,
		    .nzw = &l->norm_z, .nzb = &l->norm_z_b, .pm = &l->proj_m, .pg = &l->proj_g, .pz = &l->proj_z,
		    .po = &l->proj_o));
	cx->members = members;
	st = bp_transition_add(cx, &l->transition, members * (int64_t)rows, x);
	cx->members = was;
	BP_TRY(st);
	for (int g = 0; g < members; g++)
		BP_TRY(BP_OP(cx, outer_product_mean, .s = f[g].s, .n = f[g].n, .c = m->c, .hidden = l->hidden, .cz = m->tz, .m = x + g * one,
		    .mask = f[g].msa_mask, .nw = &l->norm, .nb = &l->norm_b, .a = &l->proj_a, .b = &l->proj_b, .o = &l->out,
		    .o_b = &l->out_b, .z = z + g * pairs));
	return bp_pair_layer_run(cx, &l->pair, members, f->n, mask, z);
}

int
bp_msa_run(struct bp_ctx *cx, const struct bp_msa *m, const struct bp_feats *f, int members, const float *mask, const float *s_inputs, float *z)
{
	const size_t one = (size_t)f->s * f->n * m->c;
	struct bp_mark mark = bp_dev_mark(cx);
	float *add, *x;

	BP_DEV_NEW(x, members * one, cx);
	BP_DEV_NEW(add, (size_t)f->n * m->c, cx);
	for (int g = 0; g < members; g++) {
		bp_assert(f[g].s == f->s && f[g].n == f->n);
		BP_TRY(BP_OP(cx, linear, .rows = f->n, .k = m->s_proj.k, .x = s_inputs + (size_t)g * f->n * m->s_proj.k, .W = &m->s_proj, .out = add));
		BP_TRY(BP_OP(cx, msa_embed, .s = f->s, .n = f->n, .nclass = BP_RES_TYPES, .msa = f[g].msa,
		    .has_deletion = f[g].has_deletion, .deletion_value = f[g].deletion_value, .paired = f[g].paired,
		    .W = &m->msa_proj, .add = add, .out = x + g * one));
	}
	for (int i = 0; i < m->blocks; i++)
		BP_TRY(layer_run(cx, m, &m->layer[i], f, members, mask, x, z));
	bp_dev_release(cx, mark);
	return BP_OK;
}

struct draw {
	uint64_t by;
	int row;
};

static int
by_draw(const void *a, const void *b)
{
	const struct draw *x = a, *y = b;

	return x->by != y->by ? (x->by > y->by) - (x->by < y->by) : x->row - y->row;
}

/* keep rows of src [s,n] of 4-byte elements */
static int
take_rows(const void **ret, const void *src, const struct draw *d, int keep, int n, struct bp_arena *mem,
    struct bp_err *err)
{
	uint32_t *to;

	*ret = NULL;
	if (!src)
		return BP_OK;
	BP_NEW(to, (size_t)keep * n, mem, err);
	for (int i = 0; i < keep; i++)
		memcpy(to + (size_t)i * n, (const uint32_t *)src + (size_t)d[i].row * n, (size_t)n * sizeof *to);
	*ret = to;
	return BP_OK;
}

int
bp_msa_subsample(struct bp_feats *ret, const struct bp_feats *host, int keep, uint64_t key, uint32_t draw,
    struct bp_arena *mem, struct bp_err *err)
{
	const void *row[5];
	const void *from[5] = { host->msa, host->has_deletion, host->deletion_value, host->paired, host->msa_mask };
	struct draw *d;

	*ret = *host;
	if (keep >= host->s)
		return BP_OK;
	BP_NEW(d, host->s, mem, err);
	for (int i = 0; i < host->s; i++) { /* the order of random numbers is a random order */
		const uint32_t counter[4] = { (uint32_t)i, bp_noise_stream(BP_DRAW_MSA, draw), 0, 0 };
		uint32_t r[4];
		bp_philox(r, counter, key);
		d[i] = (struct draw){ (uint64_t)r[0] << 32 | r[1], i };
	}
	qsort(d, (size_t)host->s, sizeof *d, by_draw);
	for (int i = 0; i < 5; i++)
		BP_TRY(take_rows(&row[i], from[i], d, keep, host->n, mem, err));
	ret->s = keep;
	ret->msa = row[0];
	ret->has_deletion = row[1];
	ret->deletion_value = row[2];
	ret->paired = row[3];
	ret->msa_mask = row[4];
	return BP_OK;
}
