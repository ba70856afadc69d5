/* trunk: binding / the stage, for one target and for a batch / its size. */
#include "model/trunk_run.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "model/members.h"
#include "model/plan.h"
#include "model/random.h"

/* ---- binding ---- */

static void
bind_outputs(struct bp_trunk *t, struct bp_bind *b)
{
	bp_bind_linear(b, &t->distogram, &t->distogram_b, -1, t->tz, "distogram_module.distogram");
	t->bins = t->distogram.n;
	t->has_bfactor = bp_bind_has(b, "bfactor_module.bfactor.weight");
	if (t->has_bfactor)
		bp_bind_linear(b, &t->bfactor, &t->bfactor_b, -1, t->ts, "bfactor_module.bfactor");
}

static int
bind_all(struct bp_trunk *t, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_bind b = BP_BIND(t->w, t->cx, mem, err);

	bp_bind_mat(&b, &t->s_init, -1, -1, "s_init.weight");
	bp_bind_mat(&b, &t->z_init_1, -1, -1, "z_init_1.weight");
	if (b.st != BP_OK)
		return b.st;
	t->ts = t->s_init.n;
	t->tz = t->z_init_1.n;
	bp_bind_mat(&b, &t->s_init, t->ts, t->ts, "s_init.weight");
	bp_bind_mat(&b, &t->z_init_1, t->tz, t->ts, "z_init_1.weight");
	bp_bind_mat(&b, &t->z_init_2, t->tz, t->ts, "z_init_2.weight");
	bp_input_embedder_bind(&t->input, &b, t->ts, "input_embedder");
	bp_pair_embed_bind(&t->embed, &b, t->tz);
	bp_bind_norm(&b, &t->s_norm, &t->s_norm_b, t->ts, "s_norm");
	bp_bind_norm(&b, &t->z_norm, &t->z_norm_b, t->tz, "z_norm");
	bp_bind_mat(&b, &t->s_recycle, t->ts, t->ts, "s_recycle.weight");
	bp_bind_mat(&b, &t->z_recycle, t->tz, t->tz, "z_recycle.weight");
	t->has_template = bp_bind_has(&b, "template_module.a_proj.weight");
	if (t->has_template) {
		BP_TRY(bp_weights_expect(t->w, "use_templates_v2", true, err));
		bp_template_bind(&t->template, &b, t->tz, "template_module");
	}
	bp_msa_bind(&t->msa, &b, t->ts, t->tz, "msa_module");
	bp_pairformer_bind(&t->pairformer, &b, t->ts, t->tz, "pairformer_module");
	bind_outputs(t, &b);
	return b.st;
}

int
bp_trunk_open(struct bp_trunk **ret, struct bp_ctx *cx, struct bp_weights *w, const struct bp_trunk_opt *o,
    struct bp_arena *mem, struct bp_err *err)
{
	struct bp_trunk *t;

	*ret = NULL;
	BP_TRY(bp_target_folder(o->dump, err));
	BP_NEW(t, 1, mem, err);
	t->w = w;
	t->cx = cx;
	t->o = o;
	cx->err = err;
	BP_TRY(bind_all(t, mem, err));
	*ret = t;
	return BP_OK;
}

int
bp_trunk_lane(void **ret, const void *stage, struct bp_ctx *cx, struct bp_arena *mem, struct bp_err *err)
{
	const struct bp_trunk *main = stage;
	struct bp_trunk_opt *o;
	struct bp_trunk *t;

	BP_NEW(t, 1, mem, err);
	BP_NEW(o, 1, mem, err);
	*t = *main;
	*o = *main->o;
	o->stage.cx = t->cx = cx;
	t->o = o;
	t->replay = (struct bp_replay) { 0 };
	*ret = t;
	return BP_OK;
}

bool
bp_trunk_together(const void *stage, const struct bp_rec *rec)
{
	const struct bp_trunk *t = stage;

	(void)rec;
	return !t->o->dump;
}

void
bp_trunk_close(void *self)
{
	struct bp_trunk *t = self;

	bp_replay_forget(&t->replay, t->cx);
}

/* ---- the stage ---- */

/* bytes of the tensors that a run puts into its record */
static size_t
emitted_bytes(const struct bp_trunk *t, size_t n)
{
	return sizeof(float) * (n * n * (size_t)(t->tz + t->bins) + n * (size_t)(2 * t->ts + t->bfactor.n));
}

static int
check_finite(const struct bp_rec *rec, const char *name, int threads, struct bp_err *err)
{
	const struct bp_tensor *t = bp_rec_get(rec, name);
	const float *x = t->data;
	int64_t n = bp_count(t);
	int bad = 0;

#pragma omp parallel for simd reduction(| : bad) num_threads(threads) if (n > 100000)
	for (int64_t i = 0; i < n; i++) {
		uint32_t bits;
		memcpy(&bits, x + i, sizeof bits);
		bad |= (bits & 0x7f800000) == 0x7f800000;
	}
	for (int64_t i = 0; bad && i < n; i++)
		if (!isfinite(x[i]))
			return BP_FAIL(err, BP_ENUM, "are features and weights made for each other?",
			    "%s is not finite (element %lld)", name, (long long)i);
	return BP_OK;
}

/* the record goes on as a trunk record */
static int
finish(struct bp_trunk *t, struct bp_rec *rec, struct bp_dump *dump, double seconds, size_t peak, struct bp_err *err)
{
	static const char *const consumed[] = { "msa", "msa_mask", "msa_paired", "has_deletion", "deletion_value" };
	const struct bp_trunk_opt *o = t->o;

	BP_TRY(check_finite(rec, "s", t->cx->threads, err));
	BP_TRY(check_finite(rec, "z", t->cx->threads, err));
	for (size_t i = 0; i < sizeof consumed / sizeof *consumed; i++)
		bp_rec_drop(rec, consumed[i]);
	rec->kind = BP_TRUNK;
	rec->kind_name = bp_kind_name(BP_TRUNK);
	BP_TRY(bp_val_set(rec->meta, "weights", bp_weights_meta(t->w, rec->mem, err), rec->mem, err));
	BP_TRY(bp_stage_sign(rec, "trunk", &o->stage, seconds, peak, err));
	if (!dump)
		return BP_OK;
	t->dumped++;
	return bp_dump_write(dump, o->dump, rec->id, "trunk", err);
}

static int
prepare(struct bp_trunk_target *to, const struct bp_trunk *t, struct bp_rec *rec, struct bp_arena *mem, struct bp_err *err)
{
	BP_TRY(bp_target_check(t->o->dump, rec->id, t->dumped, err));
	to->rec = rec;
	to->key = bp_noise_key(t->o->stage.seed, rec->id);
	return bp_feats_read(&to->host, rec, BP_FEATS_TRUNK, mem, err);
}

static int
run(size_t *peak, struct bp_trunk_run *r, struct bp_arena *mem, struct bp_err *err)
{
	const struct bp_feats *f = &r->target->host;
	struct bp_progress progress;
	char size[96], many[32];
	int st;

	r->cx = r->t->cx;
	r->n = f->n;
	BP_NEW(r->f, r->members, mem, err);
	snprintf(size, sizeof size, "%s%d tokens, %d atoms and %d MSA rows", bp_members_label(many, r->members), f->n, f->atoms, f->s);
	bp_progress_open(&progress, r->target->rec->id, "recycling");
	r->progress = &progress;
	st = bp_plan_run(peak, r->cx, bp_trunk_compute, r, mem, emitted_bytes(r->t, (size_t)f->n), r->t->o->stage.mem_cap, size,
	    "a higher --mem-cap, a part of the MSA (--subsample-msa), or a smaller target", err);
	bp_progress_close(&progress);
	BP_TRY(bp_weights_check(r->t->w, err)); /* what went wrong may come from these */
	return st;
}

int
bp_trunk_run(void *self, struct bp_rec **rec, struct bp_arena *mem, struct bp_out *out, struct bp_err *err)
{
	struct bp_trunk *t = self;
	struct bp_trunk_target target;
	struct bp_trunk_run r = { .t = t, .members = 1, .target = &target };
	double start = bp_seconds();
	size_t peak;

	(void)out;
	BP_TRY(prepare(&target, t, *rec, mem, err));
	if (t->o->dump)
		BP_TRY(bp_dump_open(&r.dump, mem, err));
	BP_TRY(run(&peak, &r, mem, err));
	return finish(t, *rec, r.dump, bp_seconds() - start, peak, err);
}

/* ---- batches ---- */

static int
prepare_member(void *target, void *stage, struct bp_rec *rec, struct bp_err *err)
{
	return prepare(target, stage, rec, rec->mem, err);
}

static const struct bp_feats *
member_feats(const void *target)
{
	return &((const struct bp_trunk_target *)target)->host;
}

static int
run_members(size_t *peak, void *stage, void *target, int members, const struct bp_feats *all, struct bp_arena *mem, struct bp_err *err)
{
	return run(peak, &(struct bp_trunk_run) { .t = stage, .members = members, .target = target, .all = all }, mem, err);
}

static int
finish_member(void *stage, void *target, double seconds, size_t peak, struct bp_err *err)
{
	return finish(stage, ((const struct bp_trunk_target *)target)->rec, NULL, seconds, peak, err);
}

int
bp_trunk_batch(void *self, struct bp_rec *const *member, struct bp_err *fate, int n, struct bp_err *err)
{
	static const struct bp_members_stage p = { sizeof(struct bp_trunk_target), prepare_member, member_feats, run_members, finish_member, NULL };

	return bp_members_run(&p, self, member, fate, n, err);
}

/* ---- its size ---- */

int
bp_trunk_bytes(size_t *device, size_t *host, struct bp_trunk *t, int n, int atoms, int msa, int templates,
    struct bp_arena *mem, struct bp_err *err)
{
	struct bp_trunk_target target = { .host = { .n = n, .atoms = atoms, .s = msa, .t = templates, .templates = templates } };
	struct bp_feats f;
	struct bp_trunk_run r = { .t = t, .cx = t->cx, .members = 1, .n = n, .target = &target, .f = &f };
	unsigned char *use;

	bp_assert(n > 0 && atoms > 0 && atoms % BP_WINDOW_Q == 0 && msa > 0 && templates >= 0);
	t->cx->err = err;
	BP_NEW(use, templates + 1, mem, err);
	memset(use, 1, (size_t)templates);
	target.host.use_template = use;
	*host = emitted_bytes(t, (size_t)n);
	return bp_plan_bytes(device, t->cx, bp_trunk_compute, &r);
}

int
bp_trunk_plan(struct bp_planned *ret, void *self, const struct bp_plan_size *size, size_t room, struct bp_arena *mem,
    struct bp_err *err)
{
	struct bp_trunk *t = self;
	struct bp_trunk_target target = { .rec = NULL };
	struct bp_feats f;
	struct bp_trunk_run r = { .t = t, .cx = t->cx, .members = 1, .n = size->tokens, .target = &target, .f = &f };

	t->cx->err = err;
	BP_TRY(bp_feats_imagine(&target.host, BP_FEATS_TRUNK & ~BP_FEATS_TEMPLATE, size->tokens, size->atoms, size->msa, 0, mem, err));
	ret->host = emitted_bytes(t, (size_t)size->tokens);
	ret->work = (t->o->recycling_steps + 1) / 4.0;
	return bp_plan_fit(ret, t->cx, bp_trunk_compute, &r, room);
}
