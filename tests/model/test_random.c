#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "model/random.h"
#include "ops/ops.h"
#include "ops/philox.h"

/* kat_vectors of Random123 1.14: philox4x32, 10 rounds */
static void
known_answers(void **state)
{
	static const struct {
		uint32_t ctr[4];
		uint64_t key;
		uint32_t want[4];
	} kat[] = {
		{ { 0, 0, 0, 0 }, 0, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
		{ { 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff }, 0xffffffffffffffff,
		    { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
		{ { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 }, 0x299f31d0a4093822,
		    { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
	};
	(void)state;
	for (size_t i = 0; i < sizeof kat / sizeof *kat; i++) {
		uint32_t r[4];
		bp_philox(r, kat[i].ctr, kat[i].key);
		assert_memory_equal(r, kat[i].want, sizeof r);
	}
}

static void
draw(float *out, const char *variant, int b, int sample0, int64_t count, float scale)
{
	struct bp_err err = { 0 };
	struct bp_ctx *cx;
	assert_int_equal(bp_ctx_open(&cx, "cpu", variant, NULL, 0, "fp32", 2, 0, &err), BP_OK);
	assert_int_equal(BP_OP(cx, noise, .key = bp_noise_key(7, "target"), .stream = bp_noise_stream(BP_DRAW_STEP, 3), .b = b,
	    .sample0 = sample0, .count = count, .scale = scale, .out = out), BP_OK);
	bp_ctx_close(cx);
}

/* a number depends on its key, stream, sample and place alone: not on the batch, the count or the variant */
static void
independence(void **state)
{
	enum { COUNT = 1003 };
	static float all[3 * COUNT + 1], part[COUNT + 1], opt[3 * COUNT + 1];
	(void)state;
	all[3 * COUNT] = part[97] = opt[3 * COUNT] = 42;
	draw(all, "original", 3, 0, COUNT, 1);
	draw(opt, "optimized", 3, 0, COUNT, 1);
	assert_memory_equal(all, opt, sizeof all);
	draw(part, "original", 1, 2, 97, 1);
	assert_memory_equal(part, all + 2 * COUNT, 97 * sizeof *part);
	assert_true(part[97] == 42 && all[3 * COUNT] == 42);
	assert_true(bp_noise_key(7, "target") != bp_noise_key(8, "target"));
	assert_true(bp_noise_key(7, "target") != bp_noise_key(7, "target2"));
}

/* mean, variance, kurtosis and the covariance of neighbours of n numbers, each within five standard errors */
static void
normality(void **state)
{
	enum { N = 400000 };
	static float z[N];
	double m1 = 0, m2 = 0, m4 = 0, cov = 0;
	(void)state;
	draw(z, "original", 1, 0, N, 1);
	for (int i = 0; i < N; i++) {
		m1 += z[i], m2 += (double)z[i] * z[i], m4 += pow(z[i], 4);
		cov += (double)z[i] * z[i ^ 1];
	}
	assert_true(fabs(m1 / N) <= 5 / sqrt(N));
	assert_true(fabs(m2 / N - 1) <= 5 * sqrt(2.0 / N));
	assert_true(fabs(m4 / N - 3) <= 5 * sqrt(96.0 / N));
	assert_true(fabs(cov / N) <= 5 * sqrt(2.0 / N)); /* every pair counted twice */
}

/* rotations are rotations, and uniform: the mean of every entry is 0, of its square 1/3, of the trace 0 */
static void
poses(void **state)
{
	enum { N = 20000 };
	double sum[9] = { 0 }, square[9] = { 0 }, trace = 0, shift = 0;
	(void)state;
	for (uint32_t n = 0; n < N; n++) {
		float R[9], tr[3];
		bp_random_pose(R, tr, 123, bp_noise_stream(BP_DRAW_POSE, n / 5), n % 5);
		for (int i = 0; i < 3; i++)
			for (int j = 0; j < 3; j++) {
				double dot = 0;
				for (int k = 0; k < 3; k++)
					dot += (double)R[3 * i + k] * R[3 * j + k];
				assert_true(fabs(dot - (i == j)) <= 1e-6);
			}
		double det = R[0] * ((double)R[4] * R[8] - (double)R[5] * R[7]) - R[1] * ((double)R[3] * R[8] - (double)R[5] * R[6])
		    + R[2] * ((double)R[3] * R[7] - (double)R[4] * R[6]);
		assert_true(fabs(det - 1) <= 1e-6);
		for (int i = 0; i < 9; i++)
			sum[i] += R[i], square[i] += (double)R[i] * R[i];
		trace += (double)R[0] + R[4] + R[8];
		shift += (double)tr[0] * tr[0] + (double)tr[1] * tr[1] + (double)tr[2] * tr[2];
	}
	for (int i = 0; i < 9; i++) {
		assert_true(fabs(sum[i] / N) <= 5 * sqrt(1.0 / 3 / N));
		assert_true(fabs(square[i] / N - 1.0 / 3) <= 5 * sqrt(4.0 / 45 / N));
	}
	assert_true(fabs(trace / N) <= 5 / sqrt(N)); /* the trace of a uniform rotation has variance 1 */
	assert_true(fabs(shift / N - 3) <= 5 * sqrt(6.0 / N));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_answers),
		cmocka_unit_test(independence),
		cmocka_unit_test(normality),
		cmocka_unit_test(poses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
