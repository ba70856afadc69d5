/* test_curve: every curve of the reference, every row of the reader's rules, Guinier fits. */
#include "ref.h"

#include "guide/curve.h"

static int
read_text(struct ref *r, struct bp_curve **c, const char *text, const struct bp_curve_opt *o)
{
	return bp_curve_read_mem(c, "x.dat", text, strlen(text), o, r->mem, &r->err);
}

/* row counts, units, first and last values exactly as curves.json */
static void
reference_curves(void **state)
{
	struct ref *r = ref_open("curves");
	size_t n = bp_val_count(r->json);

	(void)state;
	assert_true(n >= 25);
	for (size_t f = 0; f < n; f++) {
		const char *name = bp_val_cstr(r->json->u.item[2 * f], "");
		const struct bp_val *want = r->json->u.item[2 * f + 1], *note = bp_val_get(want, "note");
		double sum = 0;
		char path[512];
		struct bp_curve *c;
		int st = bp_curve_read(&c, ref_path(path, name), NULL, r->mem, &r->err);
		if (bp_val_get(want, "error")) {
			assert_int_equal(st, BP_EINPUT);
			assert_non_null(strstr(r->err.msg, "fewer than 10 rows"));
			assert_non_null(strstr(r->err.msg, name));
			continue;
		}
		OK(r, st);
		for (int k = 0; k < c->n; k++) {
			sum += c->i[k];
			assert_true(c->q[k] > (k ? c->q[k - 1] : 0) && c->sigma[k] > 0);
		}
		assert_int_equal(c->n, bp_val_i64(bp_val_get(want, "rows"), -1));
		assert_true(c->q[0] == bp_val_num(bp_val_get(want, "q_first"), NAN));
		assert_true(c->q[c->n - 1] == bp_val_num(bp_val_get(want, "q_last"), NAN));
		assert_true(c->i[0] == bp_val_num(bp_val_get(want, "i_first"), NAN));
		assert_true(c->i[c->n - 1] == bp_val_num(bp_val_get(want, "i_last"), NAN));
		assert_true(c->sigma[0] == bp_val_num(bp_val_get(want, "sigma_first"), NAN));
		NEAR(sum, bp_val_num(bp_val_get(want, "sum_i"), NAN), 1e-12, fabs(sum));
		assert_int_equal(c->rows, bp_val_i64(bp_val_get(note, "rows"), -1));
		assert_int_equal(c->dropped, bp_val_i64(bp_val_get(note, "dropped"), -1));
		assert_int_equal(c->duplicates, bp_val_i64(bp_val_get(note, "duplicates"), -1));
		assert_int_equal(c->sorted, bp_val_get(note, "sorted")->u.b);
		assert_int_equal(c->guessed, bp_val_get(note, "unit") != NULL);
		assert_int_equal(c->invented, bp_val_get(note, "sigma") != NULL);
		assert_string_equal(c->unit == BP_Q_NM ? "nm" : "A", bp_val_cstr(bp_val_get(note, "q_unit"), ""));
	}
	ref_close(r);
}

#define TEN(fmt) fmt(11) fmt(12) fmt(13) fmt(14) fmt(15) fmt(16) fmt(17) fmt(18) fmt(19) fmt(20)
#define ROW(k) "0." #k " 9 1\n"
#define GNOM_ROW(k) " 0." #k "E-01  9.0E+00  1.0E+00  8.0E+00  7.0E+00\n"
#define FIT_ROW(k) "0." #k "\t9 1\t8.9\n"

/* GNOM's .out holds several tables: the one of the data is named by its header, whatever its length */
static void
gnom(void **state)
{
	static const char *const text
	    = "  ####  G N O M  ####\n 1 2 3\n 1 2 3\n 1 2 3\n 1 2 3\n 1 2 3\n 1 2 3\n 1 2 3\n 1 2 3\n 1 2 3\n"
	      " 1 2 3\n 1 2 3\n 1 2 3\n 1 2 3\n    S          J EXP       ERROR       J REG       I REG\n\n"
	      "  0.0E+00   1.0E+01\n  0.5E-02   0.9E+01\n" TEN(
	          GNOM_ROW) "      Distance distribution  function\n  R  P(R) ERROR\n" TEN(ROW) TEN(ROW) TEN(ROW);
	struct ref *r = ref_open("none");
	struct bp_curve *c;

	(void)state;
	OK(r, read_text(r, &c, text, NULL));
	assert_int_equal(c->rows, 10);
	NEAR(c->i[0], 9, 0, 1);
	OK(r, read_text(r, &c, "# Chi2 = 1.2\n" TEN(FIT_ROW), NULL));
	assert_int_equal(c->n, 10);
	NEAR(c->sigma[9], 1, 0, 1);
	ref_close(r);
}

/* what real files have, row by row of the rules: each text gives these rows, first q, first I, first sigma */
static void
real_files(void **state)
{
	static const struct {
		const char *text;
		int n, dropped, duplicates;
		double q, i, sigma;
		bool sorted, invented;
		enum bp_qunit unit;
	} file[] = {
		{ "TIME\n1.0\n104\n" TEN(ROW), 10, 0, 0, 0.11, 9, 1, false, false,
		    BP_Q_A }, /* title lines and a count */
		{ "sample 3, 5 mg/ml\r\nq I s\r\n" TEN(ROW) "creator: almerge\n1 2\n", 10, 0, 0, 0.11, 9, 1, false,
		    false, BP_Q_A },
		{ "# FoXS: offset = 0.1, Chi^2 = 1.2\n#  q  exp  err  model\n" TEN(FIT_ROW), 10, 0, 0, 0.11, 9, 1,
		    false, false, BP_Q_A },
		{ "\xff\xfe garbage \x80\n" TEN(ROW), 10, 0, 0, 0.11, 9, 1, false, false, BP_Q_A }, /* no UTF-8 */
		{ "q (nm^-1)\n" TEN(ROW), 10, 0, 0, 0.011, 9, 1, false, false, BP_Q_NM },
		{ "q [nm-1], I, sigma\n" TEN(ROW), 10, 0, 0, 0.011, 9, 1, false, false, BP_Q_NM },
		{ "s 1/nm\n" TEN(ROW), 10, 0, 0, 0.011, 9, 1, false, false, BP_Q_NM },
		{ "q [A^-1]\n" TEN(ROW) "3.0 9 1\n", 11, 0, 0, 0.11, 9, 1, false, false,
		    BP_Q_A },                                                                 /* said, though above 2 */
		{ TEN(ROW) "3.0 9 1\n", 11, 0, 0, 0.011, 9, 1, false, false, BP_Q_NM },       /* not said */
		{ TEN(ROW) "0.5 -3 1\n", 11, 0, 0, 0.11, 9, 1, false, false, BP_Q_A },        /* I <= 0 is data */
		{ "-0.1 9 1\n0 9 1\n" TEN(ROW), 10, 2, 0, 0.11, 9, 1, false, false, BP_Q_A }, /* q <= 0 is not */
		{ TEN(ROW) "0.5 9 0\n0.6 9 -1\n0.7 nan 1\n0.8 9 inf\n", 10, 4, 0, 0.11, 9, 1, false, false, BP_Q_A },
		{ "0.5 9 1\n" TEN(ROW) "0.05 8 1\n", 12, 0, 0, 0.05, 8, 1, true, false, BP_Q_A }, /* unsorted */
		{ TEN(ROW) "0.11 7 1\n", 10, 0, 1, 0.11, 9, 1, true, false, BP_Q_A }, /* equal q: the first */
		{ "0.05;1.0D-3;2.0d-4\n0.06,1,1\n" TEN(ROW), 12, 0, 0, 0.05, 1e-3, 2e-4, false, false, BP_Q_A },
	};
	struct ref *r = ref_open("none");
	struct bp_curve *c;

	(void)state;
	for (int k = 0; k < COUNT(file); k++) {
		OK(r, read_text(r, &c, file[k].text, NULL));
		if (c->n != file[k].n || c->dropped != file[k].dropped || c->duplicates != file[k].duplicates
		    || c->sorted != file[k].sorted || c->invented != file[k].invented || c->unit != file[k].unit)
			fail_msg("text %d: %d rows, %d dropped, %d equal, unit %d", k, c->n, c->dropped, c->duplicates,
			    (int)c->unit);
		NEAR(c->q[0], file[k].q, 1e-15, 1);
		NEAR(c->i[0], file[k].i, 0, 1);
		NEAR(c->sigma[0], file[k].sigma, 0, 1);
	}
	ref_close(r);
}

static void
ranges_and_units(void **state)
{
	struct bp_curve_opt o = { BP_Q_NM, 0, 0, 0 };
	struct ref *r = ref_open("none");
	struct bp_curve *c;
	char path[512];

	(void)state;
	OK(r, read_text(r, &c, "q [1/A]\n" TEN(ROW), &o)); /* what is asked for beats the header */
	NEAR(c->q[0], 0.011, 1e-15, 1);
	assert_false(c->guessed);
	o = (struct bp_curve_opt) { BP_Q_GUESS, 0.05, 0.3, 0 };
	OK(r, bp_curve_read(&c, ref_path(path, "curves/rna_set_2.dat"), &o, r->mem, &r->err));
	assert_true(c->q[0] >= 0.05 && c->q[0] < 0.051 && c->q[c->n - 1] <= 0.3 && c->q[c->n - 1] > 0.299);
	assert_int_equal(c->used_of, 483);
	o = (struct bp_curve_opt) { BP_Q_GUESS, 0, 0, 100 };
	OK(r, bp_curve_read(&c, ref_path(path, "curves/rna_set_2.dat"), &o, r->mem, &r->err));
	assert_int_equal(c->n, 100);
	NEAR(c->q[0], 0.02281, 0, 1);
	NEAR(c->q[99], 0.3159, 0, 1); /* never the first n */
	o = (struct bp_curve_opt) { BP_Q_GUESS, 0.29, 0.3, 0 };
	OK(r, bp_curve_read(&c, ref_path(path, "curves/rna_set_2.dat"), NULL, r->mem, &r->err));
	o.q_min = 0.3155;
	assert_int_equal(bp_curve_read(&c, ref_path(path, "curves/rna_set_2.dat"), &o, r->mem, &r->err), BP_EINPUT);
	ref_close(r);
}

static void
hostile(void **state)
{
	static const char *const none[]
	    = { "", "\n\n\n", "abc", "1\n2\n3\n", "1 2 3", "1 x\n2 y\n", "0x1 0x2 0x3\n", "\xef\xbb\xbf" };
	static const char with_nul[] = "0.01 1 1\n0.02 1\0 1\n0.03 1 1\n";
	struct ref *r = ref_open("none");
	struct bp_curve *c;
	size_t n = 0;
	char *big;

	(void)state;
	for (int i = 0; i < COUNT(none); i++)
		assert_int_equal(read_text(r, &c, none[i], NULL), BP_EINPUT);
	assert_int_equal(bp_curve_read_mem(&c, "x", with_nul, sizeof with_nul - 1, NULL, r->mem, &r->err), BP_EINPUT);
	assert_int_equal(bp_curve_read(&c, "/nonexistent/curve.dat", NULL, r->mem, &r->err), BP_EIO);
	assert_int_equal(bp_curve_read(&c, "/", NULL, r->mem, &r->err), BP_EIO);
	/* intensities of 1e-12 and below are data */
	OK(r,
	    read_text(r, &c,
	        "0.01 1e-12 1e-14\n0.02 1e-13 1e-14\n0.03 -1e-300 1e-300\n0.04 1 1\n0.05 1 1\n0.06 1 1\n0.07 1 1\n0.08 "
	        "1 1\n"
	        "0.09 1 1\n0.10 1 1\n",
	        NULL));
	assert_int_equal(c->n, 10);
	/* a million rows */
	big = malloc(40 * 1000000);
	assert_non_null(big);
	for (int i = 0; i < 1000000; i++)
		n += (size_t)sprintf(big + n, "%.7f %.6e %.3e\n", 5e-7 * (i + 1), 1e6 * exp(-8e-12 * i * i / 3.0), 1e3);
	OK(r, bp_curve_read_mem(&c, "big", big, n, NULL, r->mem, &r->err));
	assert_int_equal(c->n, 1000000);
	struct bp_guinier g;
	double start = cpu_seconds();
	OK(r, bp_guinier_auto(&g, c, r->mem, &r->err));
	print_message("Guinier of a million rows: %.2f s\n", cpu_seconds() - start);
	NEAR(g.rg, sqrt(32), 0.02, sqrt(32)); /* q^2 = 25e-14 i^2: 8e-12 i^2 = 32 q^2 */
	free(big);
	ref_close(r);
}

/* freesas within 2 % or two combined sigmas; the reference's own scan to rounding errors */
static void
guinier(void **state)
{
	struct ref *r = ref_open("guinier");
	size_t n = bp_val_count(r->json);

	(void)state;
	assert_true(n >= 9);
	for (size_t f = 0; f < n; f++) {
		const char *name = bp_val_cstr(r->json->u.item[2 * f], "");
		const struct bp_val *v = r->json->u.item[2 * f + 1], *free = bp_val_get(v, "auto_guinier"),
		                    *own = bp_val_get(v, "own");
		const struct bp_val *fixed = bp_val_get(v, "fixed");
		char file[256], path[512];
		struct bp_curve *c;
		struct bp_guinier g;
		double rg, sigma, start;
		snprintf(file, sizeof file, "curves/%s", name);
		OK(r, bp_curve_read(&c, ref_path(path, file), NULL, r->mem, &r->err));
		start = cpu_seconds();
		OK(r, bp_guinier_auto(&g, c, r->mem, &r->err));
		if (!(cpu_seconds() - start <= 0.05))
			fail_msg("%s: the scan took %.3f s", name, cpu_seconds() - start);
		print_message("%-26s Rg %7.3f +- %.3f (own %.3f, freesas %.3f) confidence %.2f curvature %+.3f\n", name,
		    g.rg, g.rg_sigma, bp_val_num(bp_val_get(own, "rg"), NAN), bp_val_num(bp_val_get(free, "Rg"), NAN),
		    g.confidence, g.curvature);
		NEAR(g.rg, bp_val_num(bp_val_get(own, "rg"), NAN), 1e-7, g.rg);
		NEAR(g.rg_sigma, bp_val_num(bp_val_get(own, "rg_sigma"), NAN), 1e-6, g.rg_sigma);
		NEAR(g.i0, bp_val_num(bp_val_get(own, "i0"), NAN), 1e-7, g.i0);
		NEAR(g.i0_sigma, bp_val_num(bp_val_get(own, "i0_sigma"), NAN), 1e-6, g.i0_sigma);
		assert_int_equal(g.first, bp_val_i64(bp_val_get(own, "first"), -1));
		assert_int_equal(g.last, bp_val_i64(bp_val_get(own, "last"), -1));
		assert_int_equal(g.intervals, bp_val_i64(bp_val_get(own, "intervals"), -1));
		assert_true(g.confidence >= 0 && g.confidence <= 1);
		rg = bp_val_num(bp_val_get(free, "Rg"), NAN), sigma = bp_val_num(bp_val_get(free, "sigma_Rg"), NAN);
		if (isfinite(rg) && !(fabs(g.rg - rg) <= fmax(0.02 * rg, 2 * hypot(sigma, g.rg_sigma))))
			fail_msg("%s: Rg %g, freesas has %g", name, g.rg, rg);
		if (bp_val_is(fixed, BP_MAP)) {
			OK(r, bp_guinier_fixed(&g, c, 0.01, 0.05, &r->err));
			NEAR(g.rg, bp_val_num(bp_val_get(fixed, "rg"), NAN), 1e-10, g.rg);
			NEAR(g.i0, bp_val_num(bp_val_get(fixed, "i0"), NAN), 1e-10, g.i0);
			assert_int_equal(g.points, bp_val_i64(bp_val_get(fixed, "points"), -1));
			NEAR(g.q_max * g.rg, bp_val_num(bp_val_get(fixed, "qrg_max"), NAN), 1e-10, 1);
		} else {
			assert_int_equal(bp_guinier_fixed(&g, c, 0.01, 0.05, &r->err), BP_EINPUT);
		}
	}
	ref_close(r);
}

/* an exact Gaussian gives its Rg; a rising or flat curve is an error, not a guess */
static void
guinier_limits(void **state)
{
	static double q[100], y[100], s[100];
	struct bp_curve c = { .path = "made", .n = 100, .q = q, .i = y, .sigma = s };
	struct ref *r = ref_open("none");
	struct bp_guinier g;

	(void)state;
	for (double scale = 1e-12; scale < 1e13; scale *= 1e12) {
		for (int k = 0; k < 100; k++)
			q[k] = 0.002 * (k + 1), y[k] = scale * exp(-q[k] * q[k] * 400 / 3), s[k] = 0.01 * y[k];
		OK(r, bp_guinier_auto(&g, &c, r->mem, &r->err));
		NEAR(g.rg, 20, 1e-6, 20);
		NEAR(g.i0, scale, 1e-6, scale);
		NEAR(g.curvature, 0, 1e-6, 1);
	}
	for (int k = 0; k < 100; k++)
		y[k] = 1 + 0.01 * k, s[k] = 0.01;
	assert_int_equal(bp_guinier_auto(&g, &c, r->mem, &r->err), BP_EINPUT);
	assert_int_equal(bp_guinier_fixed(&g, &c, 0, 1, &r->err), BP_EINPUT);
	for (int k = 0; k < 100; k++)
		y[k] = -1;
	assert_int_equal(bp_guinier_auto(&g, &c, r->mem, &r->err), BP_EINPUT);
	assert_int_equal(bp_guinier_fixed(&g, &c, 0, 1, &r->err), BP_EINPUT);
	ref_close(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reference_curves),
		cmocka_unit_test(gnom),
		cmocka_unit_test(real_files),
		cmocka_unit_test(ranges_and_units),
		cmocka_unit_test(hostile),
		cmocka_unit_test(guinier),
		cmocka_unit_test(guinier_limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
