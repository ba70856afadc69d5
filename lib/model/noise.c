/* lib/model/noise.c: see noise.h */
#include "model/noise.h"

#include <string.h>

#include "model/dump.h"
#include "model/random.h"
#include "ops/ops.h"

/* *ret = the data of a float32 tensor of the open file, of exactly this shape */
static int
replayed(const float **ret, const struct bp_draws *d, const char *name, int ndim, const int64_t *shape,
    struct bp_arena *mem, struct bp_err *err)
{
	const struct bp_tensor *t = bp_st_get(d->file, name);
	char found[160], wanted[160];
	float *copy;

	if (!t)
		return BP_FAIL(err, BP_EINPUT, NULL, "replay-noise: %s has no tensor %s", bp_st_path(d->file), name);
	bp_shape_str(found, t->ndim, t->shape);
	bp_shape_str(wanted, ndim, shape);
	if (t->dtype != BP_F32 || strcmp(found, wanted) != 0)
		return BP_FAIL(err, BP_EINPUT, "its axes: steps, samples, atoms",
		    "replay-noise: %s: %s is %s %s, but this run needs float32 %s",
		    bp_st_path(d->file), name, bp_dtype_name(t->dtype), found, wanted);
	*ret = t->data;
	if ((uintptr_t)t->data % _Alignof(float) == 0)
		return BP_OK;
	BP_NEW(copy, bp_count(t), mem, err);
	memcpy(copy, t->data, (size_t)bp_count(t) * sizeof *copy);
	*ret = copy;
	return BP_OK;
}

static int
replay_all(struct bp_draws *d, struct bp_arena *mem, struct bp_err *err)
{
	BP_TRY(replayed(&d->init, d, "noise.init", BP_SHAPE(d->samples, d->atoms, 3), mem, err));
	BP_TRY(replayed(&d->eps, d, "noise.eps", BP_SHAPE(d->steps, d->samples, d->atoms, 3), mem, err));
	BP_TRY(replayed(&d->R, d, "noise.R", BP_SHAPE(d->steps, d->samples, 3, 3), mem, err));
	return replayed(&d->tr, d, "noise.tr", BP_SHAPE(d->steps, d->samples, 1, 3), mem, err);
}

static int
make_poses(struct bp_draws *d, struct bp_arena *mem, struct bp_err *err)
{
	size_t poses = (size_t)d->steps * d->samples;
	float *R, *tr;

	BP_NEW(R, 9 * poses, mem, err);
	BP_NEW(tr, 3 * poses, mem, err);
	for (size_t i = 0; i < poses; i++)
		if (d->still)
			R[9 * i] = R[9 * i + 4] = R[9 * i + 8] = 1;
		else
			bp_random_pose(R + 9 * i, tr + 3 * i, d->key, bp_noise_stream(BP_DRAW_POSE,
			    (uint32_t)(i / (size_t)d->samples)), (uint32_t)(i % (size_t)d->samples));
	d->R = R;
	d->tr = tr;
	return BP_OK;
}

int
bp_draws_open(struct bp_draws *d, const char *id, uint64_t seed, const char *replay, bool record, struct bp_arena *mem,
    struct bp_err *err)
{
	size_t numbers = (size_t)d->samples * d->atoms * 3;

	*d = (struct bp_draws){ .steps = d->steps, .samples = d->samples, .atoms = d->atoms, .still = d->still,
		.key = bp_noise_key(seed, id) };
	if (record) {
		BP_NEW(d->kept_init, numbers, mem, err);
		BP_NEW(d->kept_eps, numbers * (size_t)d->steps, mem, err);
	}
	if (replay) {
		if (!(replay = bp_target_path(replay, id, "noise", mem, err)))
			return err->code;
		BP_TRY(bp_st_open(&d->file, replay, err));
		BP_TRY(replay_all(d, mem, err));
	}
	return replay && !d->still ? BP_OK : make_poses(d, mem, err);
}

int
bp_draws_write(const struct bp_draws *d, const char *path, const char *id, struct bp_arena *mem, struct bp_err *err)
{
	int64_t s = d->steps, m = d->samples, a = d->atoms;
	const struct bp_tensor init = { BP_F32, 3, { m, a, 3 }, d->kept_init }, eps = { BP_F32, 4, { s, m, a, 3 },
	    d->kept_eps };
	const struct bp_tensor R = { BP_F32, 4, { s, m, 3, 3 }, (float *)(uintptr_t)d->R };
	const struct bp_tensor tr = { BP_F32, 4, { s, m, 1, 3 }, (float *)(uintptr_t)d->tr };
	const struct bp_named all[] = { { "noise.R", &R }, { "noise.eps", &eps }, { "noise.init", &init }, { "noise.tr",
	    &tr } };

	if (!(path = bp_target_path(path, id, "noise", mem, err)))
		return err->code;
	return bp_st_write(path, all, sizeof all / sizeof *all, NULL, err);
}

void
bp_draws_close(struct bp_draws *d)
{
	bp_st_close(d->file);
	d->file = NULL;
}

/* out [b,A,3] = samples from sample0 on: given, or drawn; kept if wanted */
static int
draw(const struct bp_draws *d, struct bp_ctx *cx, int sample0, int b, const float *given, float *kept, uint32_t stream, float *out)
{
	const size_t one = 3 * (size_t)d->atoms, at = (size_t)sample0 * one, bytes = (size_t)b * one * sizeof *out;
	struct bp_mark m = bp_dev_mark(cx);
	const void *up;

	if (given) {
		BP_TRY(bp_dev_upload(cx, &up, given + at, bytes));
		BP_TRY(bp_dev_copy(cx, out, up, bytes));
	} else {
		BP_TRY(BP_OP(cx, noise, .key = d->key, .stream = stream, .b = b, .sample0 = sample0, .count = (int64_t)one, .scale = 1, .out = out));
	}
	bp_dev_release(cx, m);
	return kept ? bp_dev_download(cx, kept + at, out, bytes) : BP_OK;
}

static int
draw_all(const struct bp_draws *d, struct bp_ctx *cx, const float *given, float *kept, uint32_t stream, int64_t apart, float *out)
{
	const int at_once = apart == 3 * (int64_t)d->atoms ? d->samples : 1;

	for (int i = 0; i < d->samples; i += at_once)
		BP_TRY(draw(d, cx, i, at_once, given, kept, stream, out + i * apart));
	return BP_OK;
}

int
bp_draws_init(const struct bp_draws *d, struct bp_ctx *cx, int64_t apart, float *out)
{
	return draw_all(d, cx, d->init, d->kept_init, bp_noise_stream(BP_DRAW_INIT, 0), apart, out);
}

int
bp_draws_step(const struct bp_draws *d, struct bp_ctx *cx, int step, int64_t apart, float *out)
{
	size_t at = (size_t)step * d->samples * d->atoms * 3;

	return draw_all(d, cx, d->eps ? d->eps + at : NULL, d->kept_eps ? d->kept_eps + at : NULL,
	    bp_noise_stream(BP_DRAW_STEP, (uint32_t)step), apart, out);
}
