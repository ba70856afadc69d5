/* trunk_run: the parts of a pass / what is sent on / a run, rehearsed and real. */
#include "model/trunk_run.h"

#include <stdio.h>
#include <string.h>

/* numbers of a single and of a pair representation of one target */
static size_t
singles_of(const struct bp_trunk_run *r)
{
	return (size_t)r->n * r->t->ts;
}

static size_t
pairs_of(const struct bp_trunk_run *r)
{
	return (size_t)r->n * r->n * r->t->tz;
}

/* ---- the parts of a pass ---- */

/* keep an intermediate under the golden data's name: "pass%d." in front when pass >= 0, the batch axis first */
static int
dump(struct bp_trunk_run *r, int pass, const char *what, const float *p, bool pair)
{
	struct bp_trunk *t = r->t;
	int64_t n = r->n;
	char name[64];

	snprintf(name, sizeof name, pass < 0 ? "%s" : "pass%2$d.%1$s", what, pass);
	return pair ? bp_dump_put(r->dump, r->cx, name, p, BP_SHAPE(1, n, n, t->tz))
	            : bp_dump_put(r->dump, r->cx, name, p, BP_SHAPE(1, n, t->ts));
}

/* z += z_init of target g. It is made anew in each pass: keeping it would cost a pair tensor, making it next to nothing. */
static int
add_z_init(struct bp_trunk_run *r, int g, float *z)
{
	const float *s_inputs = r->s_inputs + g * singles_of(r);
	struct bp_trunk *t = r->t;
	struct bp_mark mark = bp_dev_mark(r->cx);
	int n = r->n;
	float *a, *b;

	BP_DEV_NEW(a, (size_t)n * t->tz, r->cx);
	BP_DEV_NEW(b, (size_t)n * t->tz, r->cx);
	BP_TRY(BP_OP(r->cx, linear, .rows = n, .k = t->ts, .x = s_inputs, .W = &t->z_init_1, .out = a));
	BP_TRY(BP_OP(r->cx, linear, .rows = n, .k = t->ts, .x = s_inputs, .W = &t->z_init_2, .out = b));
	BP_TRY(BP_OP(r->cx, pair_sum, .n = n, .c = t->tz, .a = a, .b = b, .add = true, .out = z));
	bp_dev_release(r->cx, mark);
	return bp_pair_embed_run(r->cx, &t->embed, &r->f[g], z);
}

/* x = W LN(x): the recycled part of s or z, RECYCLED rows at a time */
enum { RECYCLED = 1 << 17 };
static int
recycle(struct bp_ctx *cx, int64_t rows, const struct bp_weight *nw, const struct bp_weight *nb,
    const struct bp_weight *W, float *x)
{
	struct bp_mark mark = bp_dev_mark(cx);
	int64_t block = rows < RECYCLED ? rows : RECYCLED;
	float *old;

	BP_DEV_NEW(old, block * W->k, cx);
	for (int64_t at = 0; at < rows; at += block) {
		int64_t n = rows - at < block ? rows - at : block;
		float *now = x + at * W->k;
		BP_TRY(bp_dev_copy(cx, old, now, (size_t)(n * W->k) * sizeof *old));
		BP_TRY(BP_OP(cx, linear, .rows = n, .k = W->k, .x = old, .norm = true, .nw = nw, .nb = nb, .W = W, .out = now));
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}

/* s and z of the pass before (0 in the first, whose norm's bias counts nevertheless) become this one's */
static int
start_pass(struct bp_trunk_run *r, int g, int pass)
{
	struct bp_trunk *t = r->t;
	float *s = r->s + g * singles_of(r), *z = r->z + g * pairs_of(r);
	int n = r->n;

	BP_TRY(recycle(r->cx, n, &t->s_norm, &t->s_norm_b, &t->s_recycle, s));
	BP_TRY(BP_OP(r->cx, linear, .rows = n, .k = t->ts, .x = r->s_inputs + g * singles_of(r), .W = &t->s_init, .add = true, .out = s));
	BP_TRY(recycle(r->cx, (int64_t)n * n, &t->z_norm, &t->z_norm_b, &t->z_recycle, z));
	BP_TRY(add_z_init(r, g, z));
	BP_TRY(dump(r, pass, "s_in", r->s, false));
	return dump(r, pass, "z_in", r->z, true);
}

static int
add_template(struct bp_trunk_run *r, int g, int pass)
{
	struct bp_mark mark = bp_dev_mark(r->cx);
	size_t count = pairs_of(r);
	float *z = r->z + g * count, *out = z;

	if (!r->t->has_template)
		return BP_OK;
	if (r->dump) {
		BP_DEV_NEW(out, count, r->cx);
		BP_TRY(bp_dev_zero(r->cx, out, count * sizeof *out));
	}
	BP_TRY(bp_template_run(r->cx, &r->t->template, &r->f[g], z, out));
	if (r->dump) {
		BP_TRY(dump(r, pass, "template_out", out, true));
		BP_TRY(BP_OP(r->cx, axpy, .count = (int64_t)count, .alpha = 1, .x = out, .y = z));
	}
	bp_dev_release(r->cx, mark);
	return BP_OK;
}

/* does each pass see another part of the MSA? */
static bool
subsampled(const struct bp_trunk_run *r)
{
	return r->t->o->subsample_msa && r->target->host.s > r->t->o->num_subsampled_msa;
}

/* is a card's memory short? */
static bool
is_short(const struct bp_trunk_run *r)
{
	return r->cx->chunk && r->cx->device != BP_CPU;
}

/* z += msa(z) with a second pair tensor, beside which the module's ops take half of the rows at once */
static int
msa_beside(struct bp_trunk_run *r, const struct bp_feats *f, int pass)
{
	int chunk = bp_plan_share(r->cx, r->n, 2), st;
	size_t count = r->members * pairs_of(r);
	float *out;

	BP_DEV_NEW(out, count, r->cx);
	BP_TRY(bp_dev_copy(r->cx, out, r->z, count * sizeof *out));
	st = bp_msa_run(r->cx, &r->t->msa, f, r->members, r->mask, r->s_inputs, out);
	r->cx->chunk = chunk;
	BP_TRY(st);
	BP_TRY(dump(r, pass, "msa_out", out, true));
	return BP_OP(r->cx, axpy, .count = (int64_t)count, .alpha = 1, .x = out, .y = r->z);
}

/* The same of one target without, when memory is short: z waits in the host's, where the record will need the room anyway. The sum has the same bits. */
static int
msa_alone(struct bp_trunk_run *r, const struct bp_feats *f, int pass)
{
	struct bp_arena *mem = r->cx->dry ? NULL : r->target->rec->mem;
	struct bp_mark host = mem ? bp_arena_mark(mem) : (struct bp_mark){ 0 };
	int n = r->n, block = bp_rows_at_once(r->cx, n);
	size_t row = (size_t)n * r->t->tz, count = row * n;
	float *before = mem ? bp_alloc(mem, count * sizeof *before, r->cx->err) : r->z;

	if (!before)
		return BP_EMEM;
	BP_TRY(bp_dev_download(r->cx, before, r->z, count * sizeof *before));
	BP_TRY(bp_msa_run(r->cx, &r->t->msa, f, 1, r->mask, r->s_inputs, r->z));
	BP_TRY(dump(r, pass, "msa_out", r->z, true));
	for (int i = 0; i < n; i += block) {
		size_t at = i * row, part = (n - i < block ? n - i : block) * row;
		struct bp_mark mark = bp_dev_mark(r->cx);
		const void *x;
		BP_TRY(bp_dev_upload(r->cx, &x, before + at, part * sizeof *before));
		BP_TRY(BP_OP(r->cx, axpy, .count = (int64_t)part, .alpha = 1, .x = x, .y = r->z + at));
		bp_dev_release(r->cx, mark);
	}
	if (mem && !r->dump) /* a dump grows in the same arena */
		bp_arena_release(mem, host);
	return BP_OK;
}

/* z += msa(z), whose result has z in it already: upstream counts it twice */
static int
add_msa(struct bp_trunk_run *r, int pass)
{
	struct bp_mark mark = bp_dev_mark(r->cx);
	struct bp_feats some[BP_BATCH_MAX];
	const struct bp_feats *f = r->f;

	for (int g = 0; g < r->members && subsampled(r); g++) {
		BP_TRY(bp_msa_subsample(&some[g], &r->target[g].host, r->t->o->num_subsampled_msa, r->target[g].key, (uint32_t)pass,
		    r->target[g].rec->mem, r->cx->err));
		BP_TRY(bp_feats_upload(&some[g], &some[g], r->cx));
		f = some;
	}
	BP_TRY(is_short(r) ? msa_alone(r, f, pass) : msa_beside(r, f, pass));
	bp_dev_release(r->cx, mark);
	return BP_OK;
}

static int
one_pass(struct bp_trunk_run *r, int pass)
{
	for (int g = 0; g < r->members; g++) {
		BP_TRY(start_pass(r, g, pass));
		BP_TRY(add_template(r, g, pass));
	}
	BP_TRY(add_msa(r, pass));
	BP_TRY(bp_pairformer_run(r->cx, &r->t->pairformer, r->members, r->n, r->mask, r->s, r->z));
	BP_TRY(dump(r, pass, "s_out", r->s, false));
	return dump(r, pass, "z_out", r->z, true);
}

static int
any_pass(void *self, struct bp_ctx *cx)
{
	(void)cx;
	return one_pass(self, -1); /* its number is for dumps and parts of the MSA */
}

/* the same, by a recording where there is one */
static int
pass_again(struct bp_trunk_run *r, int pass)
{
	struct bp_mark m = bp_dev_mark(r->cx); /* scratch begins here */
	struct bp_key key = { 0 };

	if (r->t->o->no_graphs || r->dump || subsampled(r) || is_short(r))
		return one_pass(r, pass);
	for (int g = 0; g < r->members; g++)
		bp_key_feats(&key, &r->f[g]);
	BP_KEY_ADD(&key, r->mask);
	BP_KEY_ADD(&key, r->cx->chunk);
	BP_KEY_ADD(&key, r->s_inputs);
	BP_KEY_ADD(&key, r->s);
	BP_KEY_ADD(&key, r->z);
	BP_KEY_ADD(&key, m.used);
	return bp_replay(&r->t->replay, r->cx, &key, any_pass, r);
}

/* what only --dump wants to see */
static int
dump_start(struct bp_trunk_run *r)
{
	struct bp_trunk *t = r->t;
	struct bp_mark mark = bp_dev_mark(r->cx);
	size_t count = pairs_of(r);
	float *s, *z;

	if (!r->dump)
		return BP_OK;
	BP_DEV_NEW(s, singles_of(r), r->cx);
	BP_DEV_NEW(z, count, r->cx);
	BP_TRY(dump(r, -1, "s_inputs", r->s_inputs, false));
	BP_TRY(BP_OP(r->cx, linear, .rows = r->n, .k = t->ts, .x = r->s_inputs, .W = &t->s_init, .out = s));
	BP_TRY(dump(r, -1, "s_init", s, false));
	BP_TRY(bp_rel_pos_run(r->cx, &t->embed, r->f, false, z));
	BP_TRY(dump(r, -1, "rel_pos", z, true));
	BP_TRY(bp_dev_zero(r->cx, z, count * sizeof *z));
	BP_TRY(bp_contacts_run(r->cx, &t->embed, r->f, z));
	BP_TRY(dump(r, -1, "contact_conditioning", z, true));
	BP_TRY(bp_dev_zero(r->cx, z, count * sizeof *z));
	BP_TRY(add_z_init(r, 0, z));
	BP_TRY(dump(r, -1, "z_init", z, true));
	bp_dev_release(r->cx, mark);
	return BP_OK;
}

/* ---- what is sent on ---- */

/* the tensor p of the device into the record of target g */
static int
emit(struct bp_trunk_run *r, int g, const char *name, const float *p, int ndim, const int64_t *shape)
{
	struct bp_rec *rec = r->target[g].rec;
	struct bp_tensor *t;

	if (r->cx->dry)
		return BP_OK;
	BP_TRY(bp_tensor_raw(&t, BP_F32, ndim, shape, rec->mem, r->cx->err));
	BP_TRY(bp_rec_put(rec, name, t, r->cx->err));
	return bp_dev_download(r->cx, t->data, p, (size_t)bp_count(t) * sizeof *p);
}

static int
emit_heads(struct bp_trunk_run *r, int g)
{
	struct bp_trunk *t = r->t;
	struct bp_mark mark = bp_dev_mark(r->cx);
	int n = r->n, bins = t->bins;
	float *d;

	BP_DEV_NEW(d, (size_t)n * n * bins, r->cx);
	BP_TRY(BP_OP(r->cx, pair_head, .n = n, .c = t->tz, .symmetric = true, .z = r->z + g * pairs_of(r), .W = &t->distogram,
	    .b = &t->distogram_b, .out = d));
	BP_TRY(emit(r, g, "pdistogram", d, BP_SHAPE(n, n, 1, bins)));
	BP_TRY(bp_dump_put(r->dump, r->cx, "pdistogram", d, BP_SHAPE(1, n, n, 1, bins)));
	bp_dev_release(r->cx, mark);
	if (!t->has_bfactor)
		return BP_OK;
	bins = t->bfactor.n;
	BP_DEV_NEW(d, (size_t)n * bins, r->cx);
	BP_TRY(BP_OP(r->cx, linear, .rows = n, .k = t->ts, .x = r->s + g * singles_of(r), .W = &t->bfactor, .b = &t->bfactor_b, .out = d));
	BP_TRY(emit(r, g, "pbfactor", d, BP_SHAPE(n, bins)));
	BP_TRY(bp_dump_put(r->dump, r->cx, "pbfactor", d, BP_SHAPE(1, n, bins)));
	bp_dev_release(r->cx, mark);
	return BP_OK;
}

/* ---- a run, rehearsed and real ---- */

static int
upload(struct bp_trunk_run *r, struct bp_ctx *cx)
{
	for (int g = 0; g < r->members; g++)
		BP_TRY(bp_feats_upload(&r->f[g], &r->target[g].host, cx));
	r->mask = r->f->token_mask;
	return r->all ? bp_feats_upload_mask(&r->mask, r->all, cx) : BP_OK;
}

static int
passes(struct bp_trunk_run *r)
{
	const int count = r->cx->dry ? 1 : r->t->o->recycling_steps + 1; /* a pass needs what every pass needs */

	for (int i = 0; i < count; i++) {
		if (r->progress && !r->cx->dry)
			bp_progress_step(r->progress, i, count);
		BP_TRY(pass_again(r, i));
	}
	return BP_OK;
}

int
bp_trunk_compute(void *self, struct bp_ctx *cx)
{
	struct bp_trunk_run *r = self;
	struct bp_trunk *t = r->t;
	struct bp_mark mark = bp_dev_mark(cx);
	const int n = r->n, members = r->members;
	size_t singles = singles_of(r), pairs = pairs_of(r);

	if (members > 1 && cx->chunk)
		return BP_FAIL(cx->err, BP_EUNSUP, NULL, "blocks of rows are of one target");
	BP_TRY(upload(r, cx));
	BP_DEV_NEW(r->s_inputs, members * singles, cx);
	BP_DEV_NEW(r->s, members * singles, cx);
	BP_DEV_NEW(r->z, members * pairs, cx);
	for (int g = 0; g < members; g++)
		BP_TRY(bp_input_embedder_run(cx, &t->input, &r->f[g], r->s_inputs + g * singles));
	BP_TRY(dump_start(r));
	BP_TRY(bp_dev_zero(cx, r->s, members * singles * sizeof *r->s));
	BP_TRY(bp_dev_zero(cx, r->z, members * pairs * sizeof *r->z));
	BP_TRY(passes(r));
	for (int g = 0; g < members; g++) {
		BP_TRY(emit(r, g, "s_inputs", r->s_inputs + g * singles, BP_SHAPE(n, t->ts)));
		BP_TRY(emit(r, g, "s", r->s + g * singles, BP_SHAPE(n, t->ts)));
		BP_TRY(emit(r, g, "z", r->z + g * pairs, BP_SHAPE(n, n, t->tz)));
		BP_TRY(emit_heads(r, g));
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}
