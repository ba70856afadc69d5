/* tests/guide/ref.h: the reference numbers of guidance: tests/golden/guide, or all of them in $GUIDANCE/reference. */
#ifndef BP_TESTS_GUIDE_REF_H
#define BP_TESTS_GUIDE_REF_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "input/text.h"
#include "tensor/safetensors.h"

#define COUNT(a) (int)(sizeof(a) / sizeof *(a))

/* got within tol of want, as a share of scale; NaN fails */
#define NEAR(got, want, tol, scale)                                                                                    \
	do {                                                                                                           \
		double got_ = (got), want_ = (want), off_ = fabs(got_ - want_) / (scale);                              \
		if (!(off_ <= (tol)))                                                                                  \
			fail_msg("%s is %.12g, wanted %.12g: off by %.3g, allowed %.3g", #got, got_, want_, off_,      \
			    (double)(tol));                                                                            \
	} while (0)

struct ref {
	struct bp_arena *mem;
	struct bp_err err;
	struct bp_val *json;
	struct bp_st *st;
};

#define OK(r, call)                                                                                                    \
	do {                                                                                                           \
		if ((call) != BP_OK)                                                                                   \
			fail_msg("%s", (r)->err.msg);                                                                  \
	} while (0)

static inline const char *
ref_path(char buf[512], const char *name)
{
	const char *dir = getenv("GUIDANCE");

	snprintf(buf, 512, "%s%s/%s", dir && *dir ? dir : "tests/golden/guide", dir && *dir ? "/reference" : "", name);
	return buf;
}

static inline bool
ref_have(const char *name)
{
	char path[512];
	FILE *f = fopen(ref_path(path, name), "r");

	if (f)
		fclose(f);
	return f != NULL;
}

/* NAME.json and NAME.safetensors where they exist */
static inline struct ref *
ref_open(const char *name)
{
	struct ref *r = calloc(1, sizeof *r);
	char file[256], path[512], *text;
	size_t n;

	assert_non_null(r);
	OK(r, bp_arena_open(&r->mem, 0, &r->err));
	snprintf(file, sizeof file, "%s.json", name);
	if (ref_have(file)) {
		OK(r, bp_text_read(&text, &n, ref_path(path, file), (size_t)1 << 30, r->mem, &r->err));
		OK(r, bp_json_read(&r->json, text, n, r->mem, &r->err));
	}
	snprintf(file, sizeof file, "%s.safetensors", name);
	if (ref_have(file))
		OK(r, bp_st_open(&r->st, ref_path(path, file), &r->err));
	return r;
}

static inline void
ref_close(struct ref *r)
{
	bp_st_close(r->st);
	bp_arena_close(r->mem);
	free(r);
}

/* a copy of a tensor as doubles; NULL when there is none. *n: how many */
static inline double *
ref_doubles(struct ref *r, const char *name, int *n)
{
	const struct bp_tensor *t = bp_st_get(r->st, name), *d;
	double *p;

	*n = 0;
	if (!t)
		return NULL;
	OK(r, bp_tensor_as(&d, t, BP_F64, r->mem, &r->err));
	*n = (int)bp_count(d);
	p = bp_alloc(r->mem, (size_t)*n * sizeof *p + 1, &r->err);
	assert_non_null(p);
	memcpy(p, d->data, (size_t)*n * sizeof *p);
	return p;
}

static inline int32_t *
ref_ints(struct ref *r, const char *name, int *n)
{
	double *d = ref_doubles(r, name, n);
	int32_t *p = bp_alloc(r->mem, (size_t)*n * sizeof *p + 1, &r->err);

	assert_non_null(d);
	assert_non_null(p);
	for (int i = 0; i < *n; i++)
		p[i] = (int32_t)d[i];
	return p;
}

/* the number at path "a.b.c" */
static inline double
ref_num(const struct ref *r, const char *path)
{
	const struct bp_val *v = r->json;
	char key[128];

	for (size_t len; *path; path += len + (path[len] == '/')) {
		len = strcspn(path, "/");
		snprintf(key, sizeof key, "%.*s", (int)len, path);
		v = bp_val_get(v, key);
	}
	assert_non_null(v);
	return bp_val_num(v, NAN);
}

static inline double
relative(const double *got, const double *want, int n) /* L2 */
{
	double off = 0, all = 0;

	for (int i = 0; i < n; i++)
		off += (got[i] - want[i]) * (got[i] - want[i]), all += want[i] * want[i];
	return sqrt(off / all);
}

static inline double
cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#endif
