/* tests/model/stage.h: a record for a stage, made from golden features and the golden run's own tensors. */
#ifndef BP_TEST_STAGE_H
#define BP_TEST_STAGE_H

#include "../golden_rec.h"

#include "model/weights.h"
#include "stream/io.h"

struct stage {
	struct bp_err err;
	struct bp_arena *mem;
	struct bp_ctx *cx;
	struct bp_weights *w;
	struct bp_st *run;
	struct bp_rec *rec;
};

/* a golden tensor without its batch axis, put into the record */
static inline void
stage_put(struct stage *x, const char *key, const char *name)
{
	const struct bp_tensor *t = bp_st_get(x->run, key);
	struct bp_tensor *copy;

	if (!t)
		fail_msg("%s has no %s", bp_st_path(x->run), key);
	assert_true(t->ndim > 1 && t->shape[0] == 1);
	assert_int_equal(bp_rec_add(&copy, x->rec, name, t->dtype, t->ndim - 1, t->shape + 1, &x->err), BP_OK);
	memcpy(copy->data, t->data, (size_t)bp_count(t) * bp_dtype_size(t->dtype));
}

/* Features of the case and the trunk's s_inputs, s, z, pdistogram as the golden run had them. */
static inline struct stage
stage_open(const char *name, const char *variant, enum bp_kind kind)
{
	struct stage x = { 0 };
	char rel[160], path[512];

	assert_int_equal(bp_arena_open(&x.mem, 0, &x.err), BP_OK);
	assert_int_equal(bp_ctx_open(&x.cx, getenv("DEVICE") ? getenv("DEVICE") : "cpu", variant, NULL, 0, "fp32", 2, 0, &x.err), BP_OK);
	if (bp_weights_open(&x.w, golden_path(path, "model/tiny.safetensors"), &x.err) != BP_OK)
		fail_msg("%s", x.err.msg);
	snprintf(rel, sizeof rel, "model/tiny-%s.safetensors", name);
	x.run = golden_open(rel);
	x.rec = golden_features(name, x.mem);
	x.rec->kind = kind;
	stage_put(&x, "s_inputs", "s_inputs");
	stage_put(&x, "pdistogram", "pdistogram");
	for (int r = 0;; r++) { /* the last pass */
		snprintf(rel, sizeof rel, "pass%d.s_out", r + 1);
		if (bp_st_get(x.run, rel))
			continue;
		snprintf(rel, sizeof rel, "pass%d.s_out", r);
		stage_put(&x, rel, "s");
		snprintf(rel, sizeof rel, "pass%d.z_out", r);
		stage_put(&x, rel, "z");
		return x;
	}
}

static inline void
stage_close(struct stage *x)
{
	bp_st_close(x->run);
	bp_weights_close(x->w);
	bp_ctx_close(x->cx);
	bp_arena_close(x->mem);
}

/* Compare the dumped tensor `got` with the golden `want`; the error allowed is tol times the golden tensor's largest
 * number, and at least tol. NaN fails. */
static inline void
stage_compare(struct stage *x, const struct bp_st *dumped, const char *got, const char *want, double tol)
{
	const struct bp_tensor *g = bp_st_get(x->run, want), *d = bp_st_get(dumped, got);
	double scale = 1, worst = 0;
	char a[160], b[160];

	if (!g || !d)
		fail_msg("%s: no %s in %s", bp_st_path(x->run), g ? got : want, g ? "the dump" : "the golden data");
	if (strcmp(bp_shape_str(a, d->ndim, d->shape), bp_shape_str(b, g->ndim, g->shape)))
		fail_msg("%s: shape %s, wanted %s", got, a, b);
	for (int64_t i = 0; i < bp_count(g); i++)
		scale = fmax(scale, fabs(bp_tensor_get(g, i)));
	for (int64_t i = 0; i < bp_count(g); i++) {
		double diff = fabs(bp_tensor_get(d, i) - bp_tensor_get(g, i));

		if (!(diff <= tol * scale))
			fail_msg("%s: element %lld is %.9g, wanted %.9g (scale %g)", got, (long long)i, bp_tensor_get(d,
			    i), bp_tensor_get(g, i), scale);
		worst = fmax(worst, diff);
	}
	printf("  %-24s %.2g (scale %.3g)\n", got, worst, scale);
}

#endif
