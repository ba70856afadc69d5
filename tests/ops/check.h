/* check.h: how an op's cases are written. test_check runs every op x variant x device of ops.def on every shape below,
 * against the CPU's original row.
 *
 * One table of struct check_op a file cases_*.c (add it to `tables` in test_check.c). A case function makes the
 * arguments of one shape with the functions below, names its error bound, and calls CHECK_OP once:
 *
 *	static void
 *	axpy(struct check *k, int shape)
 *	{
 *		static const int counts[] = { 1, 7, 64, 1000003 };
 *		int n = counts[shape];
 *		check_label(k, "n=%d", n);
 *		check_bound(k, 2, 1);
 *		CHECK_OP(k, axpy, .count = n, .alpha = 0.5f, .x = check_normal(k, n), .y = check_out(k, n));
 *	}
 *	... { "axpy", axpy, 3, 1 }   shapes 0..2 are checked, the one after them is only timed
 *
 * It runs once for the reference and once a row under test with the same random numbers, so it must ask for the same
 * things in the same order. Every output of check_out has guard words on both sides and starts as random numbers. */
#ifndef BP_TESTS_CHECK_H
#define BP_TESTS_CHECK_H

#include "ops/ops.h"

struct check {
	struct bp_ctx *cx; /* the rest is of check_state.h */
	struct check_state *state;
};
struct check_op {
	const char *op;
	void (*run)(struct check *k, int shape);
	int checks, benches, large, cards; /* shapes; the large ones are timed on cards only, the last ones checked on cards only */
};

/* The shape in words; and what it costs, for the timings. */
void check_label(struct check *k, const char *fmt, ...) BP_PRINTF(2, 3);
void check_flops(struct check *k, double flops);

/* Allowed: |got - reference| <= c * 2^-23 * max(sqrt(terms) * rms(reference), |reference|), terms: length of the
 * longest sum behind an output; for terms of random sign sqrt(terms) * rms is the sum of the terms' absolute values. c:
 * about one for each rounding step between input and output. Rows with coarser operands are held to what c independent
 * roundings of that size add up to: doc/ops.md. */
void check_bound(struct check *k, double c, double terms);

/* Device memory, filled. Integers are in lo..hi. A mask is 0 or 1, one in four 0, never all. */
const float *check_normal(struct check *k, size_t n);
const float *check_mask(struct check *k, size_t n);
const int32_t *check_ints(struct check *k, size_t n, int32_t lo, int32_t hi);
const float *check_floats(struct check *k, const float *x, size_t n); /* given numbers */
const int32_t *check_given(struct check *k, const int32_t *x, size_t n);
float *check_out(struct check *k, size_t n);
/* the same in double, for the ops of guidance; uniform in lo .. hi */
const double *check_doubles(struct check *k, size_t n, double lo, double hi);
double *check_out_doubles(struct check *k, size_t n);
const double *check_given_doubles(struct check *k, const double *x, size_t n);
double *check_inout_doubles(struct check *k, const double *x, size_t n); /* an output that starts as x */
const uint8_t *check_bytes(struct check *k, const uint8_t *x, size_t n);
/* Weights [n,k]: normal / sqrt(k); a vector of layer norm weights 1 +- 0.2, of biases 0 +- 0.2 */
struct bp_weight check_weight(struct check *k, int n, int kdim);
struct bp_weight check_kept(struct check *k, int n, int kdim); /* as the model binds it: timed ones have their prepared copy, of others every second */
struct bp_weight check_norm_w(struct check *k, int n);
struct bp_weight check_norm_b(struct check *k, int n);

/* the loop of CHECK_OP */
bool check_again(struct check *k);
void check_status(struct check *k, int st);
#define CHECK_OP(k, op, ...)                                                                                           \
	do {                                                                                                           \
		const struct bp_##op args_ = { __VA_ARGS__ };                                                          \
		while (check_again(k))                                                                                 \
			check_status(k, (k)->cx->ops->op((k)->cx, &args_));                                            \
	} while (0)

#endif
