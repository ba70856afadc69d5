/* tests/golden.h: stored results of the original implementation, for tests. The directory is $GOLDEN, else
 * tests/golden. A failure ends the cmocka test that asked. */
#ifndef BP_TEST_GOLDEN_H
#define BP_TEST_GOLDEN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/ctx.h"
#include "tensor/safetensors.h"

/* directory/rel into buf */
static inline const char *
golden_path(char buf[512], const char *rel)
{
	const char *dir = getenv("GOLDEN");
	int n = snprintf(buf, 512, "%s/%s", dir && *dir ? dir : "tests/golden", rel);

	assert_in_range(n, 1, 511);
	return buf;
}

static inline struct bp_st *
golden_open(const char *rel)
{
	struct bp_err err = { 0 };
	struct bp_st *s = NULL;
	char path[512];

	if (bp_st_open(&s, golden_path(path, rel), &err) != BP_OK)
		fail_msg("%s", err.msg);
	return s;
}

/* Tensor `name` as another dtype, aligned, in mem; count elements (-1: any number). */
static inline const void *
golden_as(const struct bp_st *s, const char *name, int64_t count, enum bp_dtype to, struct bp_arena *mem)
{
	const struct bp_tensor *t = bp_st_get(s, name), *conv;
	struct bp_tensor *copy;
	struct bp_err err = { 0 };

	if (!t)
		fail_msg("%s has no %s", bp_st_path(s), name);
	if (count >= 0 && bp_count(t) != count)
		fail_msg("%s: %s has %lld elements, wanted %lld", bp_st_path(s), name, (long long)bp_count(t),
		    (long long)count);
	if (bp_tensor_new(&copy, t->dtype, t->ndim, t->shape, mem, &err) != BP_OK)
		fail_msg("%s", err.msg);
	memcpy(copy->data, t->data, (size_t)bp_count(t) * bp_dtype_size(t->dtype));
	if (bp_tensor_as(&conv, copy, to, mem, &err) != BP_OK)
		fail_msg("%s", err.msg);
	return conv->data;
}

static inline const float *
golden_f32(const struct bp_st *s, const char *name, int64_t count, struct bp_arena *mem)
{
	return golden_as(s, name, count, BP_F32, mem);
}

static inline const int32_t *
golden_i32(const struct bp_st *s, const char *name, int64_t count, struct bp_arena *mem)
{
	return golden_as(s, name, count, BP_I32, mem);
}

/* axis `axis` of a tensor's shape */
static inline int
golden_dim(const struct bp_st *s, const char *name, int axis)
{
	const struct bp_tensor *t = bp_st_get(s, name);

	if (!t || axis >= t->ndim)
		fail_msg("%s has no %s with axis %d", bp_st_path(s), name, axis);
	return (int)t->shape[axis];
}

/* A parameter, in mem, or NULL if there is none. */
static inline const struct bp_weight *
golden_weight_or_null(const struct bp_st *s, const char *name, struct bp_arena *mem)
{
	const struct bp_tensor *t = bp_st_get(s, name);
	struct bp_err err = { 0 };
	struct bp_weight *w;

	if (!t)
		return NULL;
	w = bp_calloc(mem, 1, sizeof *w, &err);
	assert_non_null(w);
	w->p = golden_f32(s, name, -1, mem);
	w->n = (int)t->shape[0];
	w->k = t->ndim > 1 ? (int)t->shape[1] : 1;
	return w;
}

static inline const struct bp_weight *
golden_weight(const struct bp_st *s, const char *name, struct bp_arena *mem)
{
	const struct bp_weight *w = golden_weight_or_null(s, name, mem);

	if (!w)
		fail_msg("%s has no %s", bp_st_path(s), name);
	return w;
}

/* Fail unless |got - want| <= atol + rtol |want| for all n (NaN fails). Prints the largest difference. */
static inline void
golden_compare(const char *what, const float *got, const float *want, int64_t n, double atol, double rtol)
{
	double worst = 0;

	for (int64_t i = 0; i < n; i++) {
		double d = fabs((double)got[i] - want[i]);
		if (!(d <= atol + rtol * fabs(want[i])))
			fail_msg("%s: element %lld is %.9g, wanted %.9g", what, (long long)i, got[i], want[i]);
		worst = d > worst ? d : worst;
	}
	printf("%s: largest difference %.2g of %lld\n", what, worst, (long long)n);
}

/* Call one for each run of configuration `config` ("tiny") in the directory, with its case's name; at least one must be
 * there. */
static inline void
golden_each(const char *config, void (*one)(const char *name))
{
	char path[512], rel[128];
	glob_t g;

	snprintf(rel, sizeof rel, "model/%s-*.safetensors", config);
	assert_int_equal(glob(golden_path(path, rel), 0, NULL, &g), 0);
	for (size_t i = 0; i < g.gl_pathc; i++) {
		const char *base = strrchr(g.gl_pathv[i], '/') + 1 + strlen(config) + 1;
		char name[128];
		snprintf(name, sizeof name, "%.*s", (int)strcspn(base, "."), base);
		if (!strcmp(base + strlen(name), ".safetensors")) /* not the steering files */
			one(name);
	}
	globfree(&g);
}

#endif
