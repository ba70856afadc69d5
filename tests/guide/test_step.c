/* test_step: the reference's eight guided steps, with and without smoothing; groups, caps. */
#include "ref.h"

#include "guide/rg.h"
#include "guide/saxs.h"
#include "guide/step.h"

static void
descend(const char *run, double smoothing, const char *first, const char *last)
{
	struct bp_saxs_opt o = BP_SAXS_INIT;
	struct bp_step_opt step = { .weight = 0.5, .goal = 1, .smoothing = smoothing };
	struct ref *r = ref_open("descent_lyz");
	int n, nq, natoms;
	double *x = ref_doubles(r, "start", &n), *g, *delta, *exposed;
	struct bp_curve c = { .path = "descent",
		.q = ref_doubles(r, "q", &nq),
		.i = ref_doubles(r, "i", &nq),
		.sigma = ref_doubles(r, "sigma", &nq) };
	const struct bp_val *steps = bp_val_get(bp_val_get(r->json, "runs"), run);
	int32_t *z = ref_ints(r, "z", &natoms), *n_h = ref_ints(r, "n_h", &natoms);
	struct bp_step_atoms atoms = { .n = natoms, .x = x };
	struct bp_saxs_result res;
	struct bp_particle *p;
	struct bp_saxs *s;
	struct bp_ctx *cx;
	struct bp_rg rg;

	c.n = nq;
	o.fit.c2_min = 0;
	g = bp_alloc(r->mem, 7 * (size_t)natoms * sizeof *g, &r->err);
	delta = g + 3 * natoms, exposed = delta + 3 * natoms;
	OK(r, bp_ctx_open(&cx, "cpu", "optimized", NULL, 0, NULL, 1, 0, &r->err));
	OK(r, bp_particle_new(&p, natoms, z, n_h, NULL, r->mem, &r->err));
	OK(r, bp_saxs_open(&s, cx, p, &c, &o, r->mem, &r->err));
	assert_int_equal(bp_val_count(steps), 9);
	for (int k = 0; k < 9; k++) {
		const struct bp_val *want = bp_val_at(steps, (size_t)k);
		if (k % 4 == 0)
			OK(r, bp_saxs_expose(exposed, s, 1, x, r->mem, &r->err));
		OK(r, bp_saxs_eval(&res, g, NULL, s, 1, x, exposed, r->mem, &r->err));
		OK(r, bp_rg_of(&rg, NULL, NULL, natoms, x, NULL, NULL, BP_RG_STANDARD, 3, r->mem, &r->err));
		print_message("%s step %d: chi2 %.4f (%.4f) c2 %.3f Rg %.5f (%.5f)\n", run, k, res.energy,
		    bp_val_num(bp_val_get(want, "chi2_red"), NAN), res.fit.c2, rg.rg,
		    bp_val_num(bp_val_get(want, "rg"), NAN));
		NEAR(res.energy, bp_val_num(bp_val_get(want, "chi2_red"), NAN), 2e-3, res.energy);
		NEAR(rg.rg, bp_val_num(bp_val_get(want, "rg"), NAN), 1e-5, rg.rg);
		NEAR(res.fit.c2, bp_val_num(bp_val_get(want, "c2"), NAN), 1e-2, 1);
		if (k == 1)
			NEAR(relative(x, ref_doubles(r, first, &n), 3 * natoms), 0, 1e-6, 1);
		memset(delta, 0, 3 * (size_t)natoms * sizeof *delta);
		OK(r, bp_step_take(delta, &step, res.energy, g, &atoms, r->mem, &r->err));
		for (int i = 0; i < 3 * natoms; i++)
			x[i] += delta[i];
	}
	NEAR(relative(x, ref_doubles(r, last, &n), 3 * natoms), 0, 1e-5, 1); /* after the ninth step */
	bp_ctx_close(cx);
	ref_close(r);
}

static void
descents(void **state)
{
	(void)state;
	descend("smoothing_0", 0, "after_step1_smooth0", "end_smooth0");
	descend("smoothing_10", 10, "after_step1_smooth10", "end_smooth10");
}

/* smoothing goes downhill, keeps the mean at zero, leaves masked atoms alone; one group an atom is no group at all */
static void
smoothing(void **state)
{
	enum { N = 60 };
	struct ref *r = ref_open("none");
	double x[3 * N], g[3 * N], p[3 * N], q[3 * N], sum[3] = { 0 }, dot = 0;
	uint8_t mask[N];
	int32_t own[N], fours[N], bad[N];
	struct bp_step_atoms a = { .n = N, .x = x, .mask = mask };

	(void)state;
	for (int i = 0; i < 3 * N; i++)
		x[i] = 30 * sin(1.7 * i), g[i] = cos(2.9 * i * i);
	for (int i = 0; i < N; i++)
		mask[i] = i % 7 != 3, own[i] = i, fours[i] = i / 4, bad[i] = 1 - i;
	OK(r, bp_step_smooth(p, g, 10, &a, r->mem, &r->err));
	for (int i = 0; i < 3 * N; i++) {
		sum[i % 3] += p[i];
		dot += mask[i / 3] ? g[i] * p[i] : 0;
		assert_true(mask[i / 3] || p[i] == 0);
	}
	for (int d = 0; d < 3; d++)
		NEAR(sum[d], 0, 1e-12, 1);
	assert_true(dot > 0);
	a.group = own, a.groups = N;
	OK(r, bp_step_smooth(q, g, 10, &a, r->mem, &r->err));
	NEAR(relative(q, p, 3 * N), 0, 1e-12, 1);
	a.group = fours, a.groups = N / 4;
	OK(r, bp_step_smooth(q, g, 10, &a, r->mem, &r->err));
	for (int i = 0; i < N; i++)
		for (int d = 0; d < 3 && mask[i] && mask[i / 4 * 4]; d++)
			NEAR(q[3 * i + d], q[3 * (i / 4 * 4) + d], 1e-14, 1);
	a.group = bad;
	assert_int_equal(bp_step_smooth(q, g, 10, &a, r->mem, &r->err), BP_EINPUT);
	ref_close(r);
}

/* a Polyak step of weight 1 removes the whole excess of a linear energy; none is taken below the goal; raw is the
 * gradient; the cap scales all */
static void
steps(void **state)
{
	double x[9] = { 0, 0, 0, 4, 0, 0, 0, 4, 0 }, g[9] = { 1, 2, -1, 0, 1, 1, -1, -3, 0 }, delta[9] = { 0 },
	       gain = 0;
	struct bp_step_atoms a = { .n = 3, .x = x };
	struct bp_step_opt o = { .weight = 1, .goal = 1 };
	struct ref *r = ref_open("none");

	(void)state;
	OK(r, bp_step_take(delta, &o, 5, g, &a, r->mem, &r->err));
	for (int i = 0; i < 9; i++)
		gain += g[i] * delta[i];
	NEAR(gain, -4, 1e-12, 1);
	memset(delta, 0, sizeof delta);
	OK(r, bp_step_take(delta, &o, 1, g, &a, r->mem, &r->err));
	assert_true(delta[0] == 0 && delta[4] == 0);
	o.raw = true, o.weight = 0.5;
	OK(r, bp_step_take(delta, &o, 0, g, &a, r->mem, &r->err));
	NEAR(delta[1], -1, 0, 1);
	NEAR(bp_step_cap(delta, 3, 0.5), 0.5 / sqrt(2.5), 1e-12, 1);
	NEAR(delta[1], -0.5 / sqrt(2.5), 1e-12, 1);
	NEAR(bp_step_cap(delta, 3, 2), 1, 0, 1);
	NEAR(bp_step_cap(delta, 3, 0), 1, 0, 1);
	memset(g, 0, sizeof g);
	o.raw = false;
	memset(delta, 0, sizeof delta);
	OK(r, bp_step_take(delta, &o, 5, g, &a, r->mem, &r->err)); /* no gradient: no step */
	assert_true(delta[0] == 0);
	ref_close(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(descents),
		cmocka_unit_test(smoothing),
		cmocka_unit_test(steps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
