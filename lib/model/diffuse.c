/* lib/model/diffuse.c: see diffuse.h. Contents: opening, a target and its trajectory, sampling, what is written, the stage, batches, rehearsal */
#include "model/diffuse.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/log.h"
#include "model/members.h"
#include "model/plan.h"
#include "stream/pad.h"
#include "structure/guide_log.h"

struct bp_diffuse {
	struct bp_diffuse_opt o;
	struct bp_ctx *cx;
	struct bp_weights *w;
	struct bp_diffusion net;
	struct bp_refine *refine; /* NULL: none */
	struct bp_guides *guides;
	int written; /* targets with files so far */
	struct bp_sampler_replay replay;
};

int
bp_diffuse_open(struct bp_diffuse **ret, struct bp_ctx *cx, struct bp_weights *w, const struct bp_diffuse_opt *o,
    struct bp_arena *mem, struct bp_err *err)
{
	struct bp_bind b = BP_BIND(w, cx, mem, err);

	*ret = NULL;
	BP_TRY(bp_target_folder(o->dump, err));
	BP_TRY(bp_target_folder(o->record_noise, err));
	BP_NEW(*ret, 1, mem, err);
	**ret = (struct bp_diffuse){ .o = *o, .cx = cx, .w = w };
	BP_TRY(bp_refine_open(&(*ret)->refine, &o->refine, mem, err));
	BP_TRY(bp_guides_open(&(*ret)->guides, &o->guides, mem, err));
	bp_diffusion_bind(&(*ret)->net, &b);
	return b.st;
}

int
bp_diffuse_lane(void **ret, const void *stage, struct bp_ctx *cx, struct bp_arena *mem, struct bp_err *err)
{
	const struct bp_diffuse *main = stage;
	struct bp_diffuse *d;

	BP_NEW(d, 1, mem, err);
	*d = *main;
	d->o.stage.cx = d->cx = cx;
	d->replay = (struct bp_sampler_replay) { 0 };
	*ret = d;
	return BP_OK;
}

void
bp_diffuse_lane_close(void *lane)
{
	struct bp_diffuse *d = lane;

	bp_sampler_forget(&d->replay, d->cx);
}

/* Guides of a run share programs and sockets, files and trajectories have an order. */
bool
bp_diffuse_together(const void *stage, const struct bp_rec *rec)
{
	const struct bp_diffuse_opt *o = &((const struct bp_diffuse *)stage)->o;

	return !o->dump && !o->record_noise && !o->write_trajectory && !o->refine.init_coords && !o->guides.guide.n && !o->guides.sweep && !o->nguides
	    && !bp_val_get(rec->meta, "guidance");
}

void
bp_diffuse_close(void *self)
{
	struct bp_diffuse *d = self;

	bp_sampler_forget(&d->replay, d->cx);
	bp_guides_close(d->guides);
}

/* one target on its way */
struct target {
	struct bp_diffuse *d;
	struct bp_rec *rec;
	struct bp_out *out;
	struct bp_feats f;                       /* host */
	int members;                             /* targets from this one on that are sampled together; in the first alone */
	const struct bp_feats *all;              /* bp_feats_join of them, NULL: there is one; likewise */
	int centred;                             /* atoms before collate */
	const struct bp_tensor *s, *s_inputs, *z;
	struct bp_sampler sampler;               /* likewise */
	struct bp_draws draws;
	struct bp_refined *refined;              /* NULL: from noise */
	struct bp_guiding *guiding;              /* NULL: no guides */
	struct bp_dump *dump;
	struct bp_progress progress;
	int64_t reached;                         /* steps that the device is known to have done */
	struct bp_tensor *coords;                /* [M,A,3] */
};

static int
read_target(struct target *t, struct bp_arena *mem, struct bp_err *err)
{
	const struct bp_diffusion *net = &t->d->net;

	int real = 0;

	BP_TRY(bp_feats_read(&t->f, t->rec, BP_FEATS_TOKEN | BP_FEATS_ATOM, mem, err));
	for (int i = 0; i < t->f.atoms; i++)
		real += t->f.atom_mask[i] != 0;
	t->centred = (int)bp_rec_unpadded(t->rec, "atoms", t->f.atoms);
	if (t->centred < 1 || t->centred > t->f.atoms)
		return BP_FAIL(err, BP_EINPUT, NULL, "meta.padded.atoms is %d, the record has %d", t->centred, t->f.atoms);
	if (!real) /* the samples could not be aligned */
		return BP_FAIL(err, BP_EINPUT, "the target needs at least one real atom", "atom_pad_mask: all atoms are padding");
	BP_TRY(bp_rec_want(&t->s, t->rec, "s", BP_F32, BP_SHAPE(t->f.n, net->ts), err));
	BP_TRY(bp_rec_want(&t->s_inputs, t->rec, "s_inputs", BP_F32, BP_SHAPE(t->f.n, net->ts), err));
	return bp_rec_want(&t->z, t->rec, "z", BP_F32, BP_SHAPE(t->f.n, t->f.n, net->tz), err);
}

/* a trajectory record: the coordinates before a step, and its noisy and denoised */
static int
put_trajectory(struct target *t, struct bp_ctx *cx, const struct bp_step *s)
{
	struct bp_arena *mem = t->rec->mem;
	struct bp_mark m = bp_arena_mark(mem);
	int64_t shape[] = { t->sampler.samples, t->f.atoms, 3 };
	size_t bytes = (size_t)(shape[0] * shape[1] * shape[2]) * sizeof(float);
	struct bp_tensor *coords, *noisy, *denoised;
	struct bp_rec *r;

	BP_TRY(bp_rec_new(&r, BP_TRAJECTORY, t->rec->id, mem, cx->err));
	BP_TRY(bp_rec_add(&coords, r, "coords", BP_F32, 3, shape, cx->err));
	BP_TRY(bp_rec_add(&noisy, r, "noisy", BP_F32, 3, shape, cx->err));
	BP_TRY(bp_rec_add(&denoised, r, "denoised", BP_F32, 3, shape, cx->err));
	BP_TRY(bp_dev_download(cx, coords->data, s->x, bytes));
	BP_TRY(bp_dev_download(cx, noisy->data, s->noisy, bytes));
	BP_TRY(bp_dev_download(cx, denoised->data, s->denoised, bytes));
	BP_TRY(bp_val_set(r->meta, "step", bp_val_int(mem, s->step, cx->err), mem, cx->err));
	BP_TRY(bp_val_set(r->meta, "sigma", bp_val_real(mem, s->t_hat, cx->err), mem, cx->err));
	if (t->guiding)
		BP_TRY(bp_guiding_step(t->guiding, s->step, r, cx->err));
	BP_TRY(bp_out_put(t->out, r, cx->err));
	bp_arena_release(mem, m);
	return BP_OK;
}

static int
after_step(void *self, struct bp_ctx *cx, const struct bp_step *s)
{
	struct target *t = self;
	int64_t shape[] = { t->sampler.schedule.steps, t->sampler.samples, t->f.atoms, 3 };

	if (cx->dry)
		return BP_OK;
	BP_TRY(bp_dump_part(t->dump, cx, "step.noisy", s->noisy, s->step, 4, shape));
	BP_TRY(bp_dump_part(t->dump, cx, "step.denoised", s->denoised, s->step, 4, shape));
	BP_TRY(bp_dump_part(t->dump, cx, "step.aligned", s->aligned, s->step, 4, shape));
	if (t->d->o.write_trajectory)
		BP_TRY(put_trajectory(t, cx, s));
	t->reached = bp_dev_reached(cx, s->step + 1);
	bp_progress_step(&t->progress, (int)t->reached, t->sampler.schedule.steps);
	return BP_OK;
}

/* samples that go through the network at once: equal batches, none above --max-parallel-samples */
static int
batch_size(const struct bp_diffuse_opt *o)
{
	int calls = (o->samples - 1) / o->max_parallel + 1;

	return (o->samples - 1) / calls + 1;
}

/* target g of those in work: f are its features on the device where these are there */
static int
condition(const struct target *t, struct bp_ctx *cx, struct bp_conditioned *c, int g, const struct bp_feats *f)
{
	struct bp_mark m = bp_dev_mark(cx);
	const void *s, *s_inputs, *z;
	struct bp_feats own;

	if (!f)
		BP_TRY(bp_feats_upload(&own, &t->f, cx));
	BP_TRY(bp_dev_upload(cx, &s, t->s->data, (size_t)bp_count(t->s) * sizeof(float)));
	BP_TRY(bp_dev_upload(cx, &s_inputs, t->s_inputs->data, (size_t)bp_count(t->s_inputs) * sizeof(float)));
	BP_TRY(bp_dev_upload(cx, &z, t->z->data, (size_t)bp_count(t->z) * sizeof(float)));
	BP_TRY(bp_diffusion_condition(c, cx, g, f ? f : &own, s, s_inputs, z));
	bp_dev_release(cx, m);
	return BP_OK;
}

/* sample_atom_coords of each target from x [samples,members,atoms,3] */
static int
fetch(const struct target *t, struct bp_ctx *cx, const float *x)
{
	const size_t one = 3 * (size_t)t->f.atoms;

	for (int g = 0; g < t->members; g++)
		for (int i = 0; i < t->sampler.samples; i++)
			BP_TRY(bp_dev_download(cx, (float *)t[g].coords->data + i * one, x + ((size_t)i * t->members + g) * one, one * sizeof *x));
	return BP_OK;
}

/* all that happens on the device, for all targets in work; with cx->dry its memory */
static int
sample(void *self, struct bp_ctx *cx)
{
	struct target *t = self;
	const struct bp_sampler *o = &t->sampler;
	struct bp_feats f;
	struct bp_conditioned c = { .f = &f, .batch = batch_size(&t->d->o), .dump = t->dump,
		.dump_score = t->dump != NULL, .dump_samples = o->samples };
	struct bp_draws draws[BP_BATCH_MAX];
	float *x;
	int st;

	BP_TRY(bp_feats_upload(&f, t->all ? t->all : &t->f, cx));
	BP_DEV_NEW(x, 3 * (size_t)o->samples * f.atoms, cx);
	BP_TRY(bp_diffusion_open(&c, cx, &t->d->net, o->schedule.times, o->schedule.steps));
	for (int g = 0; g < t->members; g++) {
		BP_TRY(condition(&t[g], cx, &c, g, t->all ? NULL : &f));
		draws[g] = t[g].draws;
	}
	cx->members = t->members;
	if ((st = bp_diffusion_ready(&c, cx)) == BP_OK)
		st = bp_sample(cx, o, &c, draws, x);
	cx->members = 0;
	BP_TRY(st);
	BP_TRY(fetch(t, cx, x));
	if (!cx->dry && t->reached < o->schedule.steps)
		bp_progress_step(&t->progress, o->schedule.steps, o->schedule.steps);
	return BP_OK;
}

/* what sample() does not say itself */
static int
dump_rest(struct target *t, struct bp_arena *mem, struct bp_err *err)
{
	const struct bp_schedule *s = &t->sampler.schedule;
	int64_t n = s->steps, samples = t->sampler.samples, windows = t->f.atoms / BP_WINDOW_Q;
	struct bp_tensor *sigmas, *gammas, *t_hat, *times, *keys;
	int32_t *key;

	if (!t->dump)
		return BP_OK;
	BP_TRY(bp_tensor_new(&sigmas, BP_F32, BP_SHAPE(n + 1), mem, err));
	BP_TRY(bp_tensor_new(&gammas, BP_F32, BP_SHAPE(n + 1), mem, err));
	BP_TRY(bp_tensor_new(&t_hat, BP_F64, BP_SHAPE(n), mem, err));
	BP_TRY(bp_tensor_new(&times, BP_F32, BP_SHAPE(samples), mem, err));
	BP_TRY(bp_tensor_new(&keys, BP_I32, BP_SHAPE(windows, BP_WINDOW_K), mem, err));
	memcpy(sigmas->data, s->sigma, (size_t)(n + 1) * sizeof *s->sigma);
	memcpy(gammas->data, s->gamma, (size_t)(n + 1) * sizeof *s->gamma);
	memcpy(t_hat->data, s->t_hat, (size_t)n * sizeof *s->t_hat);
	for (int64_t i = 0; i < samples; i++)
		((float *)times->data)[i] = s->times[0];
	key = keys->data;
	for (int64_t i = 0; i < bp_count(keys); i++) {
		int64_t atom = i / BP_WINDOW_K * BP_WINDOW_Q - (BP_WINDOW_K - BP_WINDOW_Q) / 2 + i % BP_WINDOW_K;

		key[i] = atom >= 0 && atom < t->f.atoms ? (int32_t)atom : -1;
	}
	BP_TRY(bp_dump_host(t->dump, "schedule.sigmas", sigmas, err));
	BP_TRY(bp_dump_host(t->dump, "schedule.gammas", gammas, err));
	BP_TRY(bp_dump_host(t->dump, "step.t_hat", t_hat, err));
	BP_TRY(bp_dump_host(t->dump, "score.times", times, err));
	BP_TRY(bp_dump_host(t->dump, "cond.to_keys", keys, err));
	BP_TRY(bp_dump_host(t->dump, "sample_atom_coords", t->coords, err));
	return bp_dump_write(t->dump, t->d->o.dump, t->rec->id, "diffuse", err);
}

static int
check_finite(const struct bp_tensor *coords, struct bp_err *err)
{
	const float *x = coords->data;

	for (int64_t i = 0; i < bp_count(coords); i++)
		if (!isfinite(x[i]))
			return BP_FAIL(err, BP_ENUM, "are weights and trunk of one network, and s, z finite?",
			    "the sampled coordinates are not finite (sample %lld)",
			    (long long)(i / (3 * coords->shape[1])));
	return BP_OK;
}

/* the guides of the target, after those that the stage was given */
static int
open_guides(struct target *t, int value, struct bp_arena *mem, struct bp_err *err)
{
	const struct bp_diffuse_opt *o = &t->d->o;
	struct bp_guiding_opt g = { .samples = o->samples, .guided = bp_guides_guided(t->d->guides, o->samples),
		.steps = o->steps, .atoms = t->f.atoms, .tokens = t->f.n, .token = t->f.atom_token, .rec = t->rec,
		.execs = bp_guides_execs(t->d->guides), .each_step = o->write_trajectory };
	struct bp_guide *list;
	const struct bp_guide *more;
	int n;

	BP_TRY(bp_guides_of(&g.params, &g.n, t->d->guides, t->rec, value, mem, err));
	t->sampler.guide = o->guide;
	t->sampler.guides = o->nguides;
	if (g.n == 0)
		return BP_OK;
	BP_TRY(bp_guiding_open(&t->guiding, t->d->cx, &g, mem, err));
	more = bp_guiding_list(t->guiding, &n);
	BP_NEW(list, o->nguides + n, mem, err);
	for (int i = 0; i < o->nguides + n; i++)
		list[i] = i < o->nguides ? o->guide[i] : more[i - o->nguides];
	t->sampler.guide = list;
	t->sampler.guides = o->nguides + n;
	return BP_OK;
}

/* the log of energies as lines of JSON, to f */
static int
tell_guides(FILE *f, const struct bp_rec *rec, struct bp_err *err)
{
	struct bp_arena *mem = rec->mem;
	struct bp_mark mark = bp_arena_mark(mem);

	for (int k = 0; k < bp_guide_logs(rec); k++) {
		struct bp_guide_log log;
		BP_TRY(bp_guide_log_read(&log, rec, k, err));
		for (int i = 0; i < log.rows->shape[1]; i++) {
			struct bp_val *list;
			BP_TRY(bp_guide_log_sample(&list, &log, i, mem, err));
			for (size_t row = 0; row < bp_val_count(list); row++) {
				struct bp_val *line = bp_val_at(list, row);
				BP_TRY(bp_val_set(line, "target", bp_val_str(mem, rec->id, err), mem, err));
				BP_TRY(bp_val_set(line, "guide", bp_val_int(mem, k + 1, err), mem, err));
				bp_json_write(f, line, 0);
				putc('\n', f);
			}
			bp_arena_release(mem, mark);
		}
	}
	return BP_OK;
}

/* energies of the samples, and their log */
static int
end_guides(struct target *t, struct bp_err *err)
{
	const char *path = t->d->o.guides.log;
	FILE *f;
	int st;

	if (!t->guiding)
		return BP_OK;
	BP_TRY(bp_guiding_end(t->guiding, t->coords->data, t->rec, err));
	if (!path)
		return BP_OK;
	if (!(f = fopen(path, "a")))
		return BP_FAIL(err, BP_EIO, NULL, "%s: %s", path, strerror(errno));
	st = tell_guides(f, t->rec, err);
	if ((fflush(f) != 0 || ferror(f)) && st == BP_OK)
		st = BP_FAIL(err, BP_EIO, NULL, "%s: %s", path, strerror(errno));
	fclose(f);
	return st;
}

/* sample the targets */
static int
run_targets(size_t *peak, struct target *t, struct bp_arena *mem, struct bp_err *err)
{
	const struct bp_diffuse_opt *o = &t->d->o;
	char size[128], many[32];
	int st;

	snprintf(size, sizeof size, "%s%d tokens, %d atoms, %d of %d samples at once", bp_members_label(many, t->members), t->f.n, t->f.atoms,
	    batch_size(o), o->samples);
	bp_progress_open(&t->progress, t->rec->id, "sampling step");
	st = bp_plan_run(peak, t->d->cx, sample, t, mem, 0, o->stage.mem_cap, size,
	    "a lower --max-parallel-samples, a higher --mem-cap, or a smaller target", err);
	bp_progress_close(&t->progress);
	BP_TRY(bp_weights_check(t->d->w, err)); /* what went wrong may come from these */
	return st;
}

/* check, write what the options ask for, and make the record one of structures */
static int
finish(struct target *t, double seconds, size_t peak, struct bp_arena *mem, struct bp_err *err)
{
	const struct bp_diffuse_opt *o = &t->d->o;

	BP_TRY(check_finite(t->coords, err));
	if (t->refined)
		BP_TRY(bp_refine_restore(t->refined, t->coords, mem, err));
	if (o->record_noise)
		BP_TRY(bp_draws_write(&t->draws, o->record_noise, t->rec->id, mem, err));
	BP_TRY(dump_rest(t, mem, err));
	BP_TRY(end_guides(t, err));
	t->d->written++;
	BP_TRY(bp_diffuse_sign(t->rec, o, t->refined, seconds, peak, err));
	t->rec->kind = BP_STRUCTURES;
	t->rec->kind_name = bp_kind_name(BP_STRUCTURES);
	return BP_OK;
}

/* what a target takes to be sampled; name is what random numbers depend on: rec's id but in a sweep; value: of the sweep */
static int
prepare(struct target *t, struct bp_diffuse *d, struct bp_rec *rec, const char *name, int value, struct bp_out *out, struct bp_arena *mem,
    struct bp_err *err)
{
	*t = (struct target) { .d = d, .rec = rec, .out = out, .members = 1 };
	BP_TRY(bp_target_check(d->o.dump, rec->id, d->written, err));
	BP_TRY(bp_target_check(d->o.record_noise, rec->id, d->written, err));
	BP_TRY(read_target(t, mem, err));
	bp_weights_compare(d->w, rec->meta, rec->id);
	t->sampler = (struct bp_sampler){ .samples = d->o.samples, .centred = &t->centred, .step_scale = d->o.step_scale,
		.replay = d->o.no_graphs ? NULL : &d->replay, .watch = after_step, .self = t };
	BP_TRY(bp_schedule_new(&t->sampler.schedule, d->o.steps, d->o.refine.sigma_scale, mem, err));
	if (d->o.dump)
		BP_TRY(bp_dump_open(&t->dump, mem, err));
	BP_TRY(bp_rec_add(&t->coords, rec, "sample_atom_coords", BP_F32, BP_SHAPE(d->o.samples, t->f.atoms, 3), err));
	if (d->refine) {
		BP_TRY(bp_refine_target(&t->refined, d->refine, rec, t->sampler.schedule.sigma[0], err));
		t->sampler.start = &t->refined->start;
	}
	BP_TRY(open_guides(t, value, mem, err));
	t->draws = (struct bp_draws){ .steps = d->o.steps, .samples = d->o.samples, .atoms = t->f.atoms, .still = d->o.refine.still };
	return bp_draws_open(&t->draws, name, d->o.stage.seed, d->o.replay_noise, d->o.record_noise != NULL, mem, err);
}

static int
diffuse(struct bp_diffuse *d, struct bp_rec *rec, const char *name, int value, struct bp_out *out, struct bp_arena *mem,
    struct bp_err *err)
{
	double start = bp_seconds();
	struct target t;
	size_t peak;
	int st = prepare(&t, d, rec, name, value, out, mem, err);

	if (st == BP_OK && (st = run_targets(&peak, &t, mem, err)) == BP_OK)
		st = finish(&t, bp_seconds() - start, peak, mem, err);
	bp_draws_close(&t.draws);
	return st;
}

/* a record for each value of the sweep; one that fails does not stop the others */
static int
sweep(struct bp_diffuse *d, const struct bp_rec *rec, struct bp_out *out, struct bp_arena *mem, struct bp_err *err)
{
	for (int i = 0; i < bp_guides_sweep(d->guides); i++) {
		struct bp_mark mark = bp_arena_mark(mem);
		struct bp_rec *r;
		int st;
		BP_TRY(bp_guides_swept(&r, d->guides, rec, i, mem, err));
		st = diffuse(d, r, rec->id, i, out, mem, err);
		if (st == BP_ELOST || bp_out_broken(out) != BP_OK)
			return st;
		if (st != BP_OK) {
			struct bp_err why = *err;
			bp_err_where(&why, "%s", r->id);
			bp_log_err(&why);
			r = bp_rec_failure(r, "diffuse", err);
		}
		BP_TRY(bp_out_put(out, r, err));
		bp_arena_release(mem, mark);
	}
	return BP_OK;
}

int
bp_diffuse_run(void *self, struct bp_rec **rec, struct bp_arena *mem, struct bp_out *out, struct bp_err *err)
{
	struct bp_diffuse *d = self;

	if (!bp_guides_sweep(d->guides))
		return diffuse(d, *rec, (*rec)->id, 0, out, mem, err);
	BP_TRY(sweep(d, *rec, out, mem, err));
	*rec = NULL;
	return BP_OK;
}

/* ---- batches ---- */

static int
prepare_member(void *target, void *stage, struct bp_rec *rec, struct bp_err *err)
{
	return prepare(target, stage, rec, rec->id, 0, NULL, rec->mem, err);
}

static const struct bp_feats *
member_feats(const void *target)
{
	return &((const struct target *)target)->f;
}

static int
run_members(size_t *peak, void *stage, void *target, int members, const struct bp_feats *all, struct bp_arena *mem, struct bp_err *err)
{
	struct target *t = target;
	int centred[BP_BATCH_MAX];

	(void)stage;
	for (int i = 0; i < members; i++)
		centred[i] = t[i].centred;
	t->members = members;
	t->all = all;
	t->sampler.centred = centred;
	return run_targets(peak, t, mem, err);
}

static int
finish_member(void *stage, void *target, double seconds, size_t peak, struct bp_err *err)
{
	struct target *t = target;

	(void)stage;
	return finish(t, seconds, peak, t->rec->mem, err);
}

static void
close_member(void *target)
{
	bp_draws_close(&((struct target *)target)->draws);
}

int
bp_diffuse_batch(void *self, struct bp_rec *const *member, struct bp_err *fate, int n, struct bp_err *err)
{
	static const struct bp_members_stage p = { sizeof(struct target), prepare_member, member_feats, run_members, finish_member, close_member };

	return bp_members_run(&p, self, member, fate, n, err);
}

/* ---- without a target ---- */

int
bp_diffuse_warm(void *self, int n, int atoms, struct bp_arena *mem, struct bp_err *err)
{
	enum { STEPS = 3 }; /* one runs, one is recorded, one is replayed */
	struct bp_diffuse *d = self;
	struct target t = { .d = d, .members = 1, .reached = STEPS };
	struct bp_tensor *s, *z;
	int st;

	d->cx->err = err;
	t.sampler = (struct bp_sampler){ .samples = 1, .step_scale = d->o.step_scale, .replay = d->o.no_graphs ? NULL : &d->replay };
	t.draws = (struct bp_draws){ .steps = STEPS, .samples = 1, .atoms = atoms };
	BP_TRY(bp_schedule_new(&t.sampler.schedule, STEPS, 1, mem, err));
	BP_TRY(bp_feats_blank(&t.f, BP_FEATS_TOKEN | BP_FEATS_ATOM, n, atoms, mem, err));
	BP_TRY(bp_tensor_new(&s, BP_F32, BP_SHAPE(n, d->net.ts), mem, err));
	BP_TRY(bp_tensor_new(&z, BP_F32, BP_SHAPE(n, n, d->net.tz), mem, err));
	BP_TRY(bp_tensor_new(&t.coords, BP_F32, BP_SHAPE(1, atoms, 3), mem, err));
	t.s = t.s_inputs = s;
	t.z = z;
	BP_TRY(bp_draws_open(&t.draws, "", 0, NULL, false, mem, err));
	st = sample(&t, d->cx);
	bp_sampler_forget(&d->replay, d->cx);
	return st;
}

int
bp_diffuse_plan(struct bp_planned *ret, void *self, const struct bp_plan_size *size, size_t room, struct bp_arena *mem,
    struct bp_err *err)
{
	struct bp_diffuse *d = self;
	int n = size->tokens;
	struct bp_tensor s = { .ndim = 2, .shape = { n, d->net.ts }, .data = ret }, z = { .ndim = 3, .shape = { n, n, d->net.tz }, .data = ret },
		coords = { .ndim = 3, .shape = { size->samples, size->atoms, 3 } };
	struct target t = { .d = d, .members = 1, .s = &s, .s_inputs = &s, .z = &z, .coords = &coords };

	d->cx->err = err;
	d->o.samples = size->samples;
	t.sampler = (struct bp_sampler){ .samples = size->samples, .step_scale = d->o.step_scale, .watch = after_step, .self = &t };
	t.draws = (struct bp_draws){ .steps = d->o.steps, .samples = size->samples, .atoms = size->atoms };
	BP_TRY(bp_schedule_new(&t.sampler.schedule, d->o.steps, d->o.refine.sigma_scale, mem, err));
	BP_TRY(bp_feats_imagine(&t.f, BP_FEATS_TOKEN | BP_FEATS_ATOM, n, size->atoms, 1, 0, mem, err));
	ret->host = (size_t)bp_count(&coords) * sizeof(float);
	ret->work = d->o.steps / 200.0 * (1 + 0.32 * (size->samples - 1)); /* of 512 tokens: five samples take 2.3 times one's time */
	return bp_plan_fit(ret, d->cx, sample, &t, room);
}
