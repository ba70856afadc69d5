/* tests/ops/test_align.c: alignments without a unique answer, and those with a known one, in both variants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "ops/ops.h"

enum { MAX = 64 };
static const char *const variants[] = { "original", "optimized" };

static int
align(const char *variant, int n, const float *x, const float *target, const float *w, float *out)
{
	struct bp_err err = { 0 };
	struct bp_ctx *cx;
	int st;

	assert_int_equal(bp_ctx_open(&cx, "cpu", variant, NULL, 0, "fp32", 2, 0, &err), BP_OK);
	st = BP_OP(cx, align, .b = 1, .atoms = n, .x = x, .target = target, .w = w, .out = out);
	assert_int_equal(err.code, st);
	bp_ctx_close(cx);
	return st;
}

static double
det(const float *a, const float *b, const float *c, const float *o)
{
	double u[3], v[3], w[3];
	for (int d = 0; d < 3; d++)
		u[d] = (double)a[d] - o[d], v[d] = (double)b[d] - o[d], w[d] = (double)c[d] - o[d];
	return u[0] * (v[1] * w[2] - v[2] * w[1]) - u[1] * (v[0] * w[2] - v[2] * w[0]) + u[2] * (v[0] * w[1] - v[1] * w[0]);
}

/* out is x moved rigidly: distances are kept, and so is handedness */
static void
assert_rigid(int n, const float *x, const float *out)
{
	for (int i = 0; i < n; i++)
		for (int j = 0; j < i; j++) {
			double a = 0, b = 0;
			for (int d = 0; d < 3; d++) {
				a += pow((double)x[3 * i + d] - x[3 * j + d], 2);
				b += pow((double)out[3 * i + d] - out[3 * j + d], 2);
			}
			assert_true(fabs(sqrt(a) - sqrt(b)) <= 2e-5);
		}
	if (n >= 4)
		assert_true(fabs(det(x, x + 3, x + 6, x + 9) - det(out, out + 3, out + 6, out + 9)) <= 1e-2);
}

static void
cloud(float *x, int n)
{
	for (int i = 0; i < 3 * n; i++)
		x[i] = (float)((i * 7919) % 1013) / 100;
}

/* a turned and shifted copy is met exactly; rows of weight 0 are moved along */
static void
known(void **state)
{
	float x[3 * MAX], t[3 * MAX], w[MAX], out[3 * MAX];
	(void)state;
	cloud(x, MAX);
	for (int i = 0; i < MAX; i++) {
		float c = 0.6f, s = 0.8f;
		t[3 * i] = c * x[3 * i] - s * x[3 * i + 1] + 10;
		t[3 * i + 1] = s * x[3 * i] + c * x[3 * i + 1] - 20;
		t[3 * i + 2] = x[3 * i + 2] + 5;
		w[i] = (float)(i % 3);
	}
	for (int v = 0; v < 2; v++) {
		assert_int_equal(align(variants[v], MAX, x, t, w, out), BP_OK);
		for (int i = 0; i < 3 * MAX; i++)
			assert_true(fabs((double)out[i] - t[i]) <= 2e-5);
		memcpy(out, x, sizeof out); /* in place */
		assert_int_equal(align(variants[v], MAX, out, t, w, out), BP_OK);
		for (int i = 0; i < 3 * MAX; i++)
			assert_true(fabs((double)out[i] - t[i]) <= 2e-5);
	}
}

/* mirror images, planes, lines, points: no unique rotation, but always a rotation, and the centroids meet */
static void
degenerate(void **state)
{
	(void)state;
	for (int kind = 0; kind < 6; kind++)
		for (int v = 0; v < 2; v++) {
			int n = kind == 5 ? 1 : kind == 4 ? 2 : 20;
			float x[3 * MAX], t[3 * MAX], w[MAX], out[3 * MAX];
			double centre[3] = { 0 };
			cloud(x, n);
			for (int i = 0; i < n; i++)
				for (int d = 0; d < 3; d++) {
					float *p = &x[3 * i + d];
					if (kind == 1 && d == 2)
						*p = 1; /* a plane */
					if (kind == 2)
						*p = (float)(i * (d + 1)); /* a line */
					if (kind == 3)
						*p = 3; /* a point */
					t[3 * i + d] = d == 0 ? -*p : *p; /* mirrored */
					w[i] = 1;
				}
			assert_int_equal(align(variants[v], n, x, t, w, out), BP_OK);
			assert_rigid(n, x, out);
			for (int i = 0; i < 3 * n; i++)
				centre[i % 3] += (double)out[i] - t[i];
			for (int d = 0; d < 3; d++)
				assert_true(fabs(centre[d] / n) <= 1e-5);
			/* a plane's or line's mirror image is a rotated copy */
			for (int i = 0; (kind == 1 || kind == 2) && i < 3 * n; i++)
				assert_true(fabs((double)out[i] - t[i]) <= 1e-4);
		}
}

static void
no_weight(void **state)
{
	float x[12] = { 0, 1, 2, 3 }, w[4] = { 0 };
	(void)state;
	for (int v = 0; v < 2; v++)
		assert_int_equal(align(variants[v], 4, x, x, w, x), BP_ENUM);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known),
		cmocka_unit_test(degenerate),
		cmocka_unit_test(no_weight),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
