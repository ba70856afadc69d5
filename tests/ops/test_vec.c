/* tests/ops/test_vec.c: exp, sigmoid and silu against double, softmax of hard rows, the matrix product on awkward
 * shapes, and bp_ctx_open's errors */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "ops/gemm.h"
#include "ops/ops.h"
#include "ops/vec.h"

static double
ulps(float got, double want)
{
	float f = fabsf((float)want);

	return fabs((double)got - want) / ((double)nextafterf(f, INFINITY) - f);
}

static void
test_functions(void **state)
{
	enum { N = 1000 }; /* whole vectors and a rest */
	double worst_exp = 0, worst_sigmoid = 0, worst_silu = 0;
	static float x[N], e[N], s[N], u[N], ones[N];

	(void)state;
	for (float from = -86; from < 87; from += 1) {
		for (int i = 0; i < N; i++)
			x[i] = e[i] = s[i] = from + (float)i / N, ones[i] = 1;
		bp_vec_exp(e, N);
		bp_vec_sigmoid(s, N);
		bp_vec_silu_mul(u, x, ones, N);
		for (int i = 0; i < N; i++) {
			double v = x[i];
			worst_exp = fmax(worst_exp, ulps(e[i], exp(v)));
			worst_sigmoid = fmax(worst_sigmoid, ulps(s[i], 1 / (1 + exp(-v))));
			worst_silu = v ? fmax(worst_silu, ulps(u[i], v / (1 + exp(-v)))) : worst_silu;
		}
	}
	print_message("ulp: exp %.2f sigmoid %.2f silu %.2f\n", worst_exp, worst_sigmoid, worst_silu);
	assert_true(worst_exp <= 2 && worst_sigmoid <= 4 && worst_silu <= 4);
}

static void
test_not_finite(void **state)
{
	float x[3] = { NAN, -INFINITY, -1000 }, s[2] = { NAN, -1000 };

	(void)state;
	bp_vec_exp(x, 3);
	assert_true(isnan(x[0]) && x[1] == 0 && x[2] == 0);
	bp_vec_sigmoid(s, 2);
	assert_true(isnan(s[0]) && s[1] >= 0 && s[1] < 1e-37f);
}

static void
test_softmax(void **state)
{
	float x[32] = { 1, 2, 3 }, masked[32] = { 5, 1, 2 }, nan[32] = { 1, NAN, 2 }, mask[3] = { -1e9f, 0, 0 };

	(void)state;
	bp_vec_softmax(x, 3, 32, 2, NULL, NULL);
	for (int i = 0; i < 3; i++) {
		double want = exp(2.0 * i) / (1 + exp(2) + exp(4));
		assert_true(fabs(x[i] - want) <= 4 * 0x1p-24);
	}
	for (int i = 3; i < 32; i++)
		assert_true(x[i] == 0);
	bp_vec_softmax(masked, 3, 32, 1, mask, NULL);
	assert_true(masked[0] == 0 && fabs(masked[2] - 1 / (1 + exp(-1))) <= 4 * 0x1p-24);
	bp_vec_softmax(nan, 3, 32, 1, NULL, NULL);
	for (int i = 0; i < 3; i++)
		assert_true(isnan(nan[i]));
}

/* every mixture of sizes around the kernels', both orders of A and of B, set and add; bytes do not depend on the tiling
 */
static void
gemm_shape(int m, int n, int k)
{
	float *A = malloc(sizeof *A * m * k), *B = malloc(sizeof *B * n * k), *P = malloc(sizeof *P * bp_packed(n, k));
	float *C = malloc(sizeof *C * m * n), *D = malloc(sizeof *D * m * n);

	assert_true(A && B && P && C && D);
	for (int i = 0; i < m * k; i++)
		A[i] = (float)((i * 7919) % 1009) / 1009 - 0.5f;
	for (int i = 0; i < n * k; i++)
		B[i] = (float)((i * 6007) % 2003) / 2003 - 0.5f;
	for (int form = 0; form < 4; form++) { /* A [m,k] or [k,m]; B [n,k] or [k,n] */
		size_t rs = form & 1 ? 1 : k, cs = form & 1 ? m : 1, ns = form & 2 ? 1 : k, ks = form & 2 ? n : 1;
		bp_pack(P, n, k, B, ns, ks);
		bp_gemm(m, n, k, A, rs, cs, P, C, n, false);
		for (int i = 0; i < m; i++)
			bp_gemm(1, n, k, A + i * rs, rs, cs, P, D + (size_t)i * n, n, false);
		assert_memory_equal(C, D, sizeof *C * m * n);
		bp_gemm(m, n, k, A, rs, cs, P, D, n, true);
		for (int i = 0; i < m; i++)
			for (int j = 0; j < n; j++) {
				double sum = 0, scale = 0;
				for (int l = 0; l < k; l++) {
					double t = (double)A[i * rs + l * cs] * B[j * ns + l * ks];
					sum += t, scale += fabs(t);
				}
				if (!(fabs(C[i * n + j] - sum) <= (k + 1) * 0x1p-24 * scale))
					fail_msg("%d x %d x %d: %g, wanted %g", m, n, k, C[i * n + j], sum);
				assert_true(D[i * n + j] == 2 * C[i * n + j]);
			}
	}
	free(A), free(B), free(P), free(C), free(D);
}

static void
test_gemm(void **state)
{
	static const int ms[] = { 1, 5, 11, 12, 13, 25, 85 }, ns[] = { 1, 3, 31, 32, 33, 70 },
	                 ks[] = { 1, 2, 3, 4, 17, 64 };

	(void)state;
	for (int i = 0; i < 7; i++)
		for (int j = 0; j < 6; j++)
			for (int l = 0; l < 6; l++)
				gemm_shape(ms[i], ns[j], ks[l]);
}

static int
open_status(const char *device, const char *variant, const char *op, const char *precision, struct bp_err *err)
{
	struct bp_ctx *cx;
	int st = bp_ctx_open(&cx, device, variant, &op, op != NULL, precision, 1, 0, err);

	bp_ctx_close(cx);
	return st;
}

static void
test_binding(void **state)
{
	const char *op = "tri_attn=original";
	struct bp_err err = { 0 };
	struct bp_ctx *cx;
	int originals = 0;

	(void)state;
	assert_int_equal(open_status("tpu", "optimized", NULL, NULL, &err), BP_EUSAGE);
	assert_int_equal(open_status("cpu", "fast", NULL, NULL, &err), BP_EUSAGE);
	assert_int_equal(open_status("cpu", "optimized", "tri_attn", NULL, &err), BP_EUSAGE);
	assert_int_equal(open_status("cpu", "optimized", "tri_attn=fast", NULL, &err), BP_EUSAGE);
	assert_int_equal(open_status("cpu", "optimized", "tri=original", NULL, &err), BP_EUSAGE);
	assert_non_null(strstr(err.msg, "binned_mean")); /* all the known names are told */
	assert_int_equal(open_status("cpu", "optimized", NULL, "bf16", &err), BP_EUNSUP);
	assert_int_equal(open_status("cpu", "optimized", NULL, "int8", &err), BP_EUSAGE);
	assert_int_equal(bp_ctx_open(&cx, "cpu", "optimized", &op, 1, "fp32", 1, 0, &err), BP_OK);
	for (int i = 0; i < bp_ops_count(); i++)
		if (!strcmp(bp_ops_name(i), "tri_attn")) {
			assert_string_equal(bp_ops_bound(cx, i), "original");
			assert_true(cx->ops->tri_attn == bp_tri_attn_cpu);
		} else
			originals += !strcmp(bp_ops_bound(cx, i), "original")
			    && bp_oprow_find(bp_ops_name(i), "optimized", BP_CPU);
	assert_int_equal(originals, 0);
	bp_ctx_close(cx);
}

/* a dry run counts against the cap without touching memory: 1 TiB */
static void
test_dry(void **state)
{
	struct bp_err err = { 0 };
	struct bp_ctx *cx;
	struct bp_mark m;

	(void)state;
	assert_int_equal(bp_ctx_open(&cx, "cpu", "original", NULL, 0, NULL, 1, ((size_t)3 << 40) - 1, &err), BP_OK);
	cx->dry = true;
	m = bp_dev_mark(cx);
	assert_non_null(bp_dev_alloc(cx, (size_t)1 << 40));
	assert_non_null(bp_dev_alloc(cx, (size_t)1 << 40));
	assert_null(bp_dev_alloc(cx, (size_t)1 << 40));
	assert_int_equal(err.code, BP_EMEM);
	bp_dev_release(cx, m);
	assert_true(bp_dev_peak(cx) - ((size_t)2 << 40) <= 1024); /* with sanitizers, gaps are counted too */
	bp_dev_peak_reset(cx);
	assert_true(bp_dev_peak(cx) == 0);
	bp_ctx_close(cx);
}

int
main(void)
{
	const struct CMUnitTest tests[]
	    = { cmocka_unit_test(test_functions), cmocka_unit_test(test_not_finite), cmocka_unit_test(test_softmax),
		      cmocka_unit_test(test_gemm), cmocka_unit_test(test_binding), cmocka_unit_test(test_dry) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
