/* trunk: binding / the parts of a pass / a run, rehearsed and real / what is sent on. */
#include "model/trunk.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "model/dump.h"
#include "model/embed.h"
#include "model/input.h"
#include "model/msa.h"
#include "model/plan.h"
#include "model/random.h"
#include "model/replay.h"
#include "model/template.h"

struct bp_trunk {
	struct bp_weights *w;
	struct bp_ctx *cx;
	const struct bp_trunk_opt *o;
	int ts, tz, bins;                   /* token_s, token_z, distogram bins         */
	int dumped;                         /* targets so far                           */
	bool has_template, has_bfactor;
	struct bp_input_embedder input;
	struct bp_weight s_init, z_init_1, z_init_2;
	struct bp_pair_embed embed;
	struct bp_weight s_norm, s_norm_b, z_norm, z_norm_b, s_recycle, z_recycle;
	struct bp_template template;
	struct bp_msa msa;
	struct bp_pairformer pairformer;
	struct bp_weight distogram, distogram_b;
	struct bp_weight bfactor, bfactor_b;
	struct bp_replay replay;            /* of a pass                                */
};

/* One target. Activations are device memory. */
struct run {
	struct bp_trunk *t;
	struct bp_ctx *cx;
	const struct bp_feats *host;        /* what was read                            */
	struct bp_feats f;                  /* the same on the device                   */
	struct bp_rec *rec;                 /* NULL: only the size matters              */
	struct bp_dump *dump;               /* NULL: nobody looks                       */
	struct bp_progress *progress;
	uint64_t key;                       /* of random numbers                        */
	float *s_inputs, *s, *z;            /* [n,ts], [n,ts], [n,n,tz]                 */
};

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

/* ---- the parts of a pass ---- */

/* keep an intermediate under the golden data's name: "pass%d." in front when pass >= 0, the batch axis first */
static int
dump(struct run *r, int pass, const char *what, const float *p, bool pair)
{
	struct bp_trunk *t = r->t;
	int64_t n = r->f.n;
	char name[64];

	snprintf(name, sizeof name, pass < 0 ? "%s" : "pass%2$d.%1$s", what, pass);
	return pair ? bp_dump_put(r->dump, r->cx, name, p, BP_SHAPE(1, n, n, t->tz))
	            : bp_dump_put(r->dump, r->cx, name, p, BP_SHAPE(1, n, t->ts));
}

/* z += z_init. It is made anew in each pass: keeping it would cost a pair tensor, making it next to nothing. */
static int
add_z_init(struct run *r, float *z)
{
	struct bp_trunk *t = r->t;
	struct bp_mark mark = bp_dev_mark(r->cx);
	int n = r->f.n;
	float *a, *b;

	BP_DEV_NEW(a, (size_t)n * t->tz, r->cx);
	BP_DEV_NEW(b, (size_t)n * t->tz, r->cx);
	BP_TRY(BP_OP(r->cx, linear, .rows = n, .k = t->ts, .x = r->s_inputs, .W = &t->z_init_1, .out = a));
	BP_TRY(BP_OP(r->cx, linear, .rows = n, .k = t->ts, .x = r->s_inputs, .W = &t->z_init_2, .out = b));
	BP_TRY(BP_OP(r->cx, pair_sum, .n = n, .c = t->tz, .a = a, .b = b, .add = true, .out = z));
	bp_dev_release(r->cx, mark);
	return bp_pair_embed_run(r->cx, &t->embed, &r->f, z);
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
start_pass(struct run *r, int pass)
{
	struct bp_trunk *t = r->t;
	int n = r->f.n;

	BP_TRY(recycle(r->cx, n, &t->s_norm, &t->s_norm_b, &t->s_recycle, r->s));
	BP_TRY(BP_OP(r->cx, linear, .rows = n, .k = t->ts, .x = r->s_inputs, .W = &t->s_init, .add = true,
	    .out = r->s));
	BP_TRY(recycle(r->cx, (int64_t)n * n, &t->z_norm, &t->z_norm_b, &t->z_recycle, r->z));
	BP_TRY(add_z_init(r, r->z));
	BP_TRY(dump(r, pass, "s_in", r->s, false));
	return dump(r, pass, "z_in", r->z, true);
}

static int
add_template(struct run *r, int pass)
{
	struct bp_mark mark = bp_dev_mark(r->cx);
	size_t count = (size_t)r->f.n * r->f.n * r->t->tz;
	float *out = r->z;

	if (!r->t->has_template)
		return BP_OK;
	if (r->dump) {
		BP_DEV_NEW(out, count, r->cx);
		BP_TRY(bp_dev_zero(r->cx, out, count * sizeof *out));
	}
	BP_TRY(bp_template_run(r->cx, &r->t->template, &r->f, r->z, out));
	if (r->dump) {
		BP_TRY(dump(r, pass, "template_out", out, true));
		BP_TRY(BP_OP(r->cx, axpy, .count = (int64_t)count, .alpha = 1, .x = out, .y = r->z));
	}
	bp_dev_release(r->cx, mark);
	return BP_OK;
}

/* does each pass see another part of the MSA? */
static bool
subsampled(const struct run *r)
{
	return r->t->o->subsample_msa && r->host->s > r->t->o->num_subsampled_msa;
}

/* is a card's memory short? */
static bool
is_short(const struct run *r)
{
	return r->cx->chunk && r->cx->device != BP_CPU;
}

/* z += msa(z) with a second pair tensor, beside which the module's ops take half of the rows at once */
static int
msa_beside(struct run *r, const struct bp_feats *f, int pass)
{
	int chunk = bp_plan_share(r->cx, r->f.n, 2), st;
	size_t count = (size_t)r->f.n * r->f.n * r->t->tz;
	float *out;

	BP_DEV_NEW(out, count, r->cx);
	BP_TRY(bp_dev_copy(r->cx, out, r->z, count * sizeof *out));
	st = bp_msa_run(r->cx, &r->t->msa, f, r->s_inputs, out);
	r->cx->chunk = chunk;
	BP_TRY(st);
	BP_TRY(dump(r, pass, "msa_out", out, true));
	return BP_OP(r->cx, axpy, .count = (int64_t)count, .alpha = 1, .x = out, .y = r->z);
}

/* The same without, when memory is short: z waits in the host's, where the record will need the room anyway. The sum has the same bits. */
static int
msa_alone(struct run *r, const struct bp_feats *f, int pass)
{
	struct bp_arena *mem = r->cx->dry ? NULL : r->rec->mem;
	struct bp_mark host = mem ? bp_arena_mark(mem) : (struct bp_mark){ 0 };
	int n = r->f.n, block = bp_rows_at_once(r->cx, n);
	size_t row = (size_t)n * r->t->tz, count = row * n;
	float *before = mem ? bp_alloc(mem, count * sizeof *before, r->cx->err) : r->z;

	if (!before)
		return BP_EMEM;
	BP_TRY(bp_dev_download(r->cx, before, r->z, count * sizeof *before));
	BP_TRY(bp_msa_run(r->cx, &r->t->msa, f, r->s_inputs, r->z));
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
add_msa(struct run *r, int pass)
{
	struct bp_mark mark = bp_dev_mark(r->cx);
	struct bp_feats some;
	const struct bp_feats *f = &r->f;

	if (subsampled(r)) {
		BP_TRY(bp_msa_subsample(&some, r->host, r->t->o->num_subsampled_msa, r->key, (uint32_t)pass,
		    r->rec->mem, r->cx->err));
		BP_TRY(bp_feats_upload(&some, &some, r->cx));
		f = &some;
	}
	BP_TRY(is_short(r) ? msa_alone(r, f, pass) : msa_beside(r, f, pass));
	bp_dev_release(r->cx, mark);
	return BP_OK;
}

static int
one_pass(struct run *r, int pass)
{
	BP_TRY(start_pass(r, pass));
	BP_TRY(add_template(r, pass));
	BP_TRY(add_msa(r, pass));
	BP_TRY(bp_pairformer_run(r->cx, &r->t->pairformer, r->f.n, r->f.token_mask, r->s, r->z));
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
pass_again(struct run *r, int pass)
{
	struct bp_mark m = bp_dev_mark(r->cx); /* scratch begins here */
	struct bp_key key = { 0 };

	if (r->t->o->no_graphs || r->dump || subsampled(r) || is_short(r))
		return one_pass(r, pass);
	bp_key_feats(&key, &r->f);
	BP_KEY_ADD(&key, r->cx->chunk);
	BP_KEY_ADD(&key, r->s_inputs);
	BP_KEY_ADD(&key, r->s);
	BP_KEY_ADD(&key, r->z);
	BP_KEY_ADD(&key, m.used);
	return bp_replay(&r->t->replay, r->cx, &key, any_pass, r);
}

/* what only --dump wants to see */
static int
dump_start(struct run *r)
{
	struct bp_trunk *t = r->t;
	struct bp_mark mark = bp_dev_mark(r->cx);
	size_t count = (size_t)r->f.n * r->f.n * t->tz;
	float *s, *z;

	if (!r->dump)
		return BP_OK;
	BP_DEV_NEW(s, (size_t)r->f.n * t->ts, r->cx);
	BP_DEV_NEW(z, count, r->cx);
	BP_TRY(dump(r, -1, "s_inputs", r->s_inputs, false));
	BP_TRY(BP_OP(r->cx, linear, .rows = r->f.n, .k = t->ts, .x = r->s_inputs, .W = &t->s_init, .out = s));
	BP_TRY(dump(r, -1, "s_init", s, false));
	BP_TRY(bp_rel_pos_run(r->cx, &t->embed, &r->f, false, z));
	BP_TRY(dump(r, -1, "rel_pos", z, true));
	BP_TRY(bp_dev_zero(r->cx, z, count * sizeof *z));
	BP_TRY(bp_contacts_run(r->cx, &t->embed, &r->f, z));
	BP_TRY(dump(r, -1, "contact_conditioning", z, true));
	BP_TRY(bp_dev_zero(r->cx, z, count * sizeof *z));
	BP_TRY(add_z_init(r, z));
	BP_TRY(dump(r, -1, "z_init", z, true));
	bp_dev_release(r->cx, mark);
	return BP_OK;
}

/* ---- what is sent on ---- */

/* the tensor p of the device into the record */
static int
emit(struct run *r, const char *name, const float *p, int ndim, const int64_t *shape)
{
	struct bp_tensor *t;

	if (r->cx->dry)
		return BP_OK;
	BP_TRY(bp_tensor_raw(&t, BP_F32, ndim, shape, r->rec->mem, r->cx->err));
	BP_TRY(bp_rec_put(r->rec, name, t, r->cx->err));
	return bp_dev_download(r->cx, t->data, p, (size_t)bp_count(t) * sizeof *p);
}

static int
emit_heads(struct run *r)
{
	struct bp_trunk *t = r->t;
	struct bp_mark mark = bp_dev_mark(r->cx);
	int n = r->f.n, bins = t->bins;
	float *d;

	BP_DEV_NEW(d, (size_t)n * n * bins, r->cx);
	BP_TRY(BP_OP(r->cx, pair_head, .n = n, .c = t->tz, .symmetric = true, .z = r->z, .W = &t->distogram,
	    .b = &t->distogram_b, .out = d));
	BP_TRY(emit(r, "pdistogram", d, BP_SHAPE(n, n, 1, bins)));
	BP_TRY(bp_dump_put(r->dump, r->cx, "pdistogram", d, BP_SHAPE(1, n, n, 1, bins)));
	bp_dev_release(r->cx, mark);
	if (!t->has_bfactor)
		return BP_OK;
	bins = t->bfactor.n;
	BP_DEV_NEW(d, (size_t)n * bins, r->cx);
	BP_TRY(BP_OP(r->cx, linear, .rows = n, .k = t->ts, .x = r->s, .W = &t->bfactor, .b = &t->bfactor_b, .out = d));
	BP_TRY(emit(r, "pbfactor", d, BP_SHAPE(n, bins)));
	BP_TRY(bp_dump_put(r->dump, r->cx, "pbfactor", d, BP_SHAPE(1, n, bins)));
	bp_dev_release(r->cx, mark);
	return BP_OK;
}

/* bytes of the tensors that a run puts into its record */
static size_t
emitted_bytes(const struct bp_trunk *t, size_t n)
{
	return sizeof(float) * (n * n * (size_t)(t->tz + t->bins) + n * (size_t)(2 * t->ts + t->bfactor.n));
}

/* ---- a run, rehearsed and real ---- */

static int
compute(void *self, struct bp_ctx *cx)
{
	struct run *r = self;
	struct bp_trunk *t = r->t;
	struct bp_mark mark = bp_dev_mark(cx);
	int n = r->host->n, passes = r->t->o->recycling_steps + 1;
	size_t singles = (size_t)n * t->ts, pairs = (size_t)n * n * t->tz;

	BP_TRY(bp_feats_upload(&r->f, r->host, cx));
	BP_DEV_NEW(r->s_inputs, singles, cx);
	BP_DEV_NEW(r->s, singles, cx);
	BP_DEV_NEW(r->z, pairs, cx);
	BP_TRY(bp_input_embedder_run(cx, &t->input, &r->f, r->s_inputs));
	BP_TRY(dump_start(r));
	BP_TRY(bp_dev_zero(cx, r->s, singles * sizeof *r->s));
	BP_TRY(bp_dev_zero(cx, r->z, pairs * sizeof *r->z));
	for (int i = 0; i < (cx->dry ? 1 : passes); i++) { /* a pass needs what every pass needs */
		if (r->progress && !cx->dry)
			bp_progress_step(r->progress, i, passes);
		BP_TRY(pass_again(r, i));
	}
	BP_TRY(emit(r, "s_inputs", r->s_inputs, BP_SHAPE(n, t->ts)));
	BP_TRY(emit(r, "s", r->s, BP_SHAPE(n, t->ts)));
	BP_TRY(emit(r, "z", r->z, BP_SHAPE(n, n, t->tz)));
	BP_TRY(emit_heads(r));
	bp_dev_release(cx, mark);
	return BP_OK;
}

/* the record goes on as a trunk record */
static int
finish(struct run *r, double seconds, size_t peak, struct bp_err *err)
{
	static const char *const consumed[] = { "msa", "msa_mask", "msa_paired", "has_deletion", "deletion_value" };
	const struct bp_trunk_opt *o = r->t->o;
	struct bp_arena *mem = r->rec->mem;

	for (size_t i = 0; i < sizeof consumed / sizeof *consumed; i++)
		bp_rec_drop(r->rec, consumed[i]);
	r->rec->kind = BP_TRUNK;
	r->rec->kind_name = bp_kind_name(BP_TRUNK);
	BP_TRY(bp_val_set(r->rec->meta, "weights", bp_weights_meta(r->t->w, mem, err), mem, err));
	BP_TRY(bp_stage_sign(r->rec, "trunk", &o->stage, seconds, peak, err));
	if (!r->dump)
		return BP_OK;
	r->t->dumped++;
	return bp_dump_write(r->dump, o->dump, r->rec->id, "trunk", err);
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

int
bp_trunk_run(void *self, struct bp_rec **rec, struct bp_arena *mem, struct bp_out *out, struct bp_err *err)
{
	struct bp_trunk *t = self;
	struct bp_progress progress;
	struct bp_feats host;
	struct run r = { .t = t, .cx = t->cx, .host = &host, .rec = *rec, .progress = &progress };
	double start = bp_seconds();
	char size[96];
	size_t peak;
	int st;

	(void)out;
	BP_TRY(bp_target_check(t->o->dump, r.rec->id, t->dumped, err));
	r.key = bp_noise_key(t->o->stage.seed, r.rec->id);
	BP_TRY(bp_feats_read(&host, r.rec, BP_FEATS_TRUNK, mem, err));
	if (t->o->dump)
		BP_TRY(bp_dump_open(&r.dump, mem, err));
	snprintf(size, sizeof size, "%d tokens, %d atoms and %d MSA rows", host.n, host.atoms, host.s);
	bp_progress_open(&progress, r.rec->id, "recycling");
	st = bp_plan_run(&peak, t->cx, compute, &r, mem, emitted_bytes(t, (size_t)host.n), t->o->stage.mem_cap, size,
	    "a higher --mem-cap, a part of the MSA (--subsample-msa), or a smaller target", err);
	bp_progress_close(&progress);
	BP_TRY(bp_weights_check(t->w, err));
	BP_TRY(st);
	BP_TRY(check_finite(r.rec, "s", t->cx->threads, err));
	BP_TRY(check_finite(r.rec, "z", t->cx->threads, err));
	return finish(&r, bp_seconds() - start, peak, err);
}

int
bp_trunk_bytes(size_t *device, size_t *host, struct bp_trunk *t, int n, int atoms, int msa, int templates,
    struct bp_arena *mem, struct bp_err *err)
{
	struct bp_feats f = { .n = n, .atoms = atoms, .s = msa, .t = templates, .templates = templates };
	struct run r = { .t = t, .cx = t->cx, .host = &f };
	unsigned char *use;

	bp_assert(n > 0 && atoms > 0 && atoms % BP_WINDOW_Q == 0 && msa > 0 && templates >= 0);
	t->cx->err = err;
	BP_NEW(use, templates + 1, mem, err);
	memset(use, 1, (size_t)templates);
	f.use_template = use;
	*host = emitted_bytes(t, (size_t)n);
	return bp_plan_bytes(device, t->cx, compute, &r);
}

int
bp_trunk_plan(struct bp_planned *ret, void *self, const struct bp_plan_size *size, size_t room, struct bp_arena *mem,
    struct bp_err *err)
{
	struct bp_trunk *t = self;
	struct bp_feats f;
	struct run r = { .t = t, .cx = t->cx, .host = &f };

	t->cx->err = err;
	BP_TRY(bp_feats_imagine(&f, BP_FEATS_TRUNK & ~BP_FEATS_TEMPLATE, size->tokens, size->atoms, size->msa, 0, mem, err));
	ret->host = emitted_bytes(t, (size_t)size->tokens);
	ret->work = (t->o->recycling_steps + 1) / 4.0;
	return bp_plan_fit(ret, t->cx, compute, &r, room);
}
