/* lib/model/sampler.c: see sampler.h */
#include "model/sampler.h"

#include <math.h>

#include "model/plan.h"
#include "stream/batch.h"

/* sigma_i = sigma_data (smax^(1/rho) + i / (S - 1) (smin^(1/rho) - smax^(1/rho)))^rho in float32 as upstream;
 * sigma_S = 0 */
int
bp_schedule_new(struct bp_schedule *ret, int steps, double scale, struct bp_arena *mem, struct bp_err *err)
{
	double top = pow(BP_SIGMA_MAX, 1 / BP_RHO), bottom = pow(BP_SIGMA_MIN, 1 / BP_RHO);

	bp_assert(steps >= 2);
	ret->steps = steps;
	BP_NEW(ret->sigma, steps + 1, mem, err);
	BP_NEW(ret->gamma, steps + 1, mem, err);
	BP_NEW(ret->t_hat, steps, mem, err);
	BP_NEW(ret->times, steps, mem, err);
	for (int i = 0; i <= steps; i++) {
		float root = (float)i / (float)(steps - 1) * (float)(bottom - top) + (float)top;

		ret->sigma[i] = i < steps ? powf(root, (float)BP_RHO) * (float)BP_SIGMA_DATA * (float)scale : 0;
		ret->gamma[i] = ret->sigma[i] > BP_GAMMA_MIN ? (float)BP_GAMMA_0 : 0;
	}
	for (int i = 0; i < steps; i++) {
		ret->t_hat[i] = ret->sigma[i] * (1.0 + ret->gamma[i + 1]);
		ret->times[i] = logf((float)ret->t_hat[i] / (float)BP_SIGMA_DATA) * 0.25f;
	}
	return BP_OK;
}

/* device memory of the loop, [samples,members,atoms,3] each */
struct buffers {
	float *noisy, *eps, *denoised, *aligned;
	const float *R[BP_BATCH_MAX], *tr[BP_BATCH_MAX]; /* of all steps, of each member */
	const float *moving; /* [atoms] of bp_start, or NULL */
	struct bp_beside derive; /* the next step's network, beside the guides; done: it has been; room NULL: never */
};

static int
call_derive(void *conditioned, struct bp_ctx *cx)
{
	return bp_diffusion_derive(conditioned, cx);
}

static int
allocate(struct buffers *u, struct bp_ctx *cx, const struct bp_sampler *o, struct bp_conditioned *c, const struct bp_draws *d, int members)
{
	const int64_t numbers = 3 * (int64_t)o->samples * c->f->atoms;
	size_t poses = (size_t)d->steps * d->samples;
	const void *R, *tr;

	BP_DEV_NEW(u->noisy, numbers, cx);
	BP_DEV_NEW(u->eps, numbers, cx);
	BP_DEV_NEW(u->denoised, numbers, cx);
	BP_DEV_NEW(u->aligned, numbers, cx);
	for (int g = 0; g < members; g++) {
		BP_TRY(bp_dev_upload(cx, &R, d[g].R, 9 * poses * sizeof *d->R));
		BP_TRY(bp_dev_upload(cx, &tr, d[g].tr, 3 * poses * sizeof *d->tr));
		u->R[g] = R;
		u->tr[g] = tr;
	}
	if (o->guides == 0 || !o->replay || !bp_dev_sides(cx))
		return BP_OK;
	u->derive = (struct bp_beside) { .work = call_derive, .self = c };
	BP_TRY(bp_plan_bytes(&u->derive.bytes, cx, call_derive, c));
	return (u->derive.room = bp_dev_alloc(cx, u->derive.bytes)) ? BP_OK : BP_EMEM;
}

/* x of step 0: noise of sigma[0], or the start's positions and noise. eps is used up */
static int
begin(struct bp_ctx *cx, const struct bp_sampler *o, const struct bp_draws *d, int members, struct buffers *u, float *x)
{
	const struct bp_start *s = o->start;
	size_t atoms = (size_t)d->atoms;
	const int64_t one = 3 * (int64_t)atoms, all = members * one;
	const void *from, *noise, *moving;

	u->moving = NULL;
	for (int g = 0; g < members; g++)
		BP_TRY(bp_draws_init(&d[g], cx, all, u->eps + g * one));
	if (!s)
		return BP_OP(cx, affine, .count = o->samples * all, .alpha = o->schedule.sigma[0],
		    .x = u->eps, .out = x);
	BP_TRY(bp_dev_upload(cx, &from, s->x, 3 * atoms * sizeof *s->x));
	BP_TRY(bp_dev_upload(cx, &noise, s->noise, atoms * sizeof *s->noise));
	BP_TRY(bp_dev_upload(cx, &moving, s->moving, atoms * sizeof *s->moving));
	u->moving = moving;
	for (size_t i = 0; i < (size_t)o->samples; i++)
		BP_TRY(BP_OP(cx, augment, .b = 1, .atoms = d->atoms, .x = from, .eps = u->eps + 3 * atoms * i,
		    .w = noise, .scale = 1, .out = x + 3 * atoms * i));
	return BP_OK;
}

/* arguments of what is recorded */
struct call {
	struct bp_conditioned *c;
	const struct buffers *u;
	int samples;
};

/* denoised = network of eps, batch by batch: the same at every step, once that is derived */
static int
call_score(void *self, struct bp_ctx *cx)
{
	const struct call *a = self;
	const int64_t size = 3 * (int64_t)a->c->f->atoms;

	for (int i = 0, b; i < a->samples; i += b) {
		b = a->samples - i < a->c->batch ? a->samples - i : a->c->batch;
		BP_TRY(bp_diffusion_score(a->c, cx, i, b, a->u->eps + i * size, a->u->denoised + i * size));
		if (cx->dry)
			break;
	}
	return BP_OK;
}

/* all that is the same at every step, once bp_diffusion_step has been */
static int
call_network(void *self, struct bp_ctx *cx)
{
	BP_TRY(call_derive(((struct call *)self)->c, cx));
	return call_score(self, cx);
}

/* the same, by a recording where there is one; what is dumped is not recorded. derived: that much was done beside the guides */
static int
network(struct bp_ctx *cx, const struct bp_sampler *o, struct bp_conditioned *c, const struct buffers *u, bool derived)
{
	struct bp_mark m = bp_dev_mark(cx); /* scratch begins here */
	struct bp_key key = { 0 };
	struct call a = { c, u, o->samples };

	if (!o->replay || c->dump_score)
		return derived ? call_score(&a, cx) : call_network(&a, cx);
	bp_diffusion_key(&key, c);
	BP_KEY_ADD(&key, cx->chunk);
	BP_KEY_ADD(&key, o->samples);
	BP_KEY_ADD(&key, u->eps);
	BP_KEY_ADD(&key, u->denoised);
	BP_KEY_ADD(&key, m.used);
	return derived ? bp_replay(&o->replay->score, cx, &key, call_score, &a) : bp_replay(&o->replay->all, cx, &key, call_network, &a);
}

void
bp_sampler_forget(struct bp_sampler_replay *r, struct bp_ctx *cx)
{
	bp_replay_forget(&r->all, cx);
	bp_replay_forget(&r->score, cx);
}

/* denoised = D(noisy; sigma) = c_skip noisy + c_out network(c_in noisy); eps is used up */
static int
denoise(struct bp_ctx *cx, const struct bp_sampler *o, struct bp_conditioned *c, struct buffers *u, int i)
{
	int64_t numbers = 3 * (int64_t)o->samples * c->f->atoms;
	double sigma = o->schedule.t_hat[i], var = sigma * sigma + BP_SIGMA_DATA * BP_SIGMA_DATA;

	BP_TRY(BP_OP(cx, affine, .count = numbers, .alpha = (float)(1 / sqrt(var)), .x = u->noisy, .out = u->eps));
	if (!u->derive.done)
		BP_TRY(bp_diffusion_step(c, cx, i));
	BP_TRY(network(cx, o, c, u, u->derive.done));
	c->dump_score = false;
	return BP_OP(cx, affine, .count = numbers, .alpha = (float)(BP_SIGMA_DATA * BP_SIGMA_DATA / var), .x = u->noisy,
	    .beta = (float)(sigma * BP_SIGMA_DATA / sqrt(var)), .y = u->denoised, .out = u->denoised);
}

/* noisy = x moved at random, and noise, target by target: each has padding of its own */
static int
add_noise(struct bp_ctx *cx, const struct bp_sampler *o, const struct bp_draws *d, int members, struct buffers *u, int i, const float *x, double scale)
{
	const struct bp_schedule *s = &o->schedule;
	const double rest = o->start ? o->start->rest + o->start->rest_range * i / s->steps : 1;
	const int64_t one = 3 * (int64_t)d->atoms, all = members * one;
	const int at_once = members == 1 ? o->samples : 1;

	for (int g = 0; g < members; g++) {
		BP_TRY(bp_draws_step(&d[g], cx, i, all, u->eps + g * one));
		for (int k = 0; k < o->samples; k += at_once) {
			const int64_t at = k * all + g * one;
			const size_t pose = (size_t)i * o->samples + k;
			BP_TRY(BP_OP(cx, augment, .b = at_once, .atoms = d->atoms, .centred = o->centred ? o->centred[g] : 0, .x = x + at, .eps = u->eps + at,
			    .R = u->R[g] + 9 * pose, .tr = u->tr[g] + 3 * pose, .w = u->moving, .rest = (float)rest, .scale = (float)scale,
			    .out = u->noisy + at));
		}
	}
	return BP_OK;
}

/* the guides, one after the other, and beside them what the next step's network takes of its noise level alone */
static int
guide(struct bp_ctx *cx, const struct bp_sampler *o, struct bp_conditioned *c, struct buffers *u, struct bp_guided *g)
{
	u->derive.done = false;
	if (u->derive.room && g->step + 1 < g->steps) {
		BP_TRY(bp_diffusion_step(c, cx, g->step + 1));
		g->beside = &u->derive;
	}
	for (int k = 0; k < o->guides; k++)
		BP_TRY(o->guide[k].act(o->guide[k].self, cx, g));
	return BP_OK;
}

/* x of step i -> x of step i + 1 */
static int
step(struct bp_ctx *cx, const struct bp_sampler *o, struct bp_conditioned *c, const struct bp_draws *d,
    struct buffers *u, int i, float *x)
{
	const struct bp_schedule *s = &o->schedule;
	int members = bp_members(c->f->members), atoms = c->f->atoms, m = o->samples;
	double t_hat = s->t_hat[i], sigma = s->sigma[i], f = o->step_scale * (s->sigma[i + 1] - t_hat) / t_hat;

	BP_TRY(add_noise(cx, o, d, members, u, i, x, BP_NOISE_SCALE * sqrt(t_hat * t_hat - sigma * sigma)));
	struct bp_guided guided = { i, s->steps, t_hat, m, atoms, NULL, u->noisy, o->replay != NULL, NULL };
	for (int k = 0; k < o->guides; k++)
		if (o->guide[k].before)
			BP_TRY(o->guide[k].before(o->guide[k].self, cx, &guided));
	BP_TRY(denoise(cx, o, c, u, i));
	guided.denoised = u->denoised;
	BP_TRY(guide(cx, o, c, u, &guided));
	BP_TRY(BP_OP(cx, align, .b = m * members, .atoms = d->atoms, .members = members, .x = u->noisy, .target = u->denoised, .w = c->f->atom_mask,
	    .out = u->aligned));
	if (o->watch)
		BP_TRY(o->watch(o->self, cx, &(struct bp_step){ i, t_hat, x, u->noisy, u->denoised, u->aligned }));
	return BP_OP(cx, affine, .count = 3 * (int64_t)m * atoms, .alpha = (float)(1 + f), .x = u->aligned,
	    .beta = (float)-f, .y = u->denoised, .out = x);
}

static int
all_steps(struct bp_ctx *cx, const struct bp_sampler *o, struct bp_conditioned *c, const struct bp_draws *d, struct buffers *u, float *x)
{
	const int members = bp_members(c->f->members);

	BP_TRY(allocate(u, cx, o, c, d, members));
	BP_TRY(begin(cx, o, d, members, u, x));
	for (int k = 0; k < o->guides; k++)
		if (o->guide[k].begin)
			BP_TRY(o->guide[k].begin(o->guide[k].self, cx));
	for (int i = 0; i < (cx->dry ? 1 : o->schedule.steps); i++) /* all steps take the same memory */
		BP_TRY(step(cx, o, c, d, u, i, x));
	return BP_OK;
}

int
bp_sample(struct bp_ctx *cx, const struct bp_sampler *o, struct bp_conditioned *c, const struct bp_draws *d, float *x)
{
	struct bp_mark m = bp_dev_mark(cx);
	struct buffers u = { 0 };
	int st;

	bp_assert(d->steps == o->schedule.steps && d->samples == o->samples && d->atoms * bp_members(c->f->members) == c->f->atoms);
	bp_assert(bp_members(c->f->members) <= BP_BATCH_MAX && (!c->f->members || (!o->start && !o->guides)));
	st = all_steps(cx, o, c, d, &u, x);
	for (int k = 0; k < o->guides; k++)
		if (o->guide[k].end)
			o->guide[k].end(o->guide[k].self, cx);
	bp_dev_release(cx, m);
	return st;
}
