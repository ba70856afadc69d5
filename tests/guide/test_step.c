/* test_step: the reference's eight guided steps, with and without smoothing; points, caps (ops guide_step, guide_end). */
#include "ref.h"

#include "guide/rg.h"
#include "guide/saxs.h"
#include "ops/ops.h"

/* atoms of as many points; -1: of none */
struct points {
	int n, points;
	int32_t point[1200], first[1201], member[1200];
};

static void
set_points(struct points *p, int n, const int32_t *point)
{
	int most = -1;

	p->n = n;
	p->first[0] = 0;
	for (int i = 0; i < n; i++) {
		p->point[i] = point ? point[i] : i;
		most = p->point[i] > most ? p->point[i] : most;
	}
	p->points = most + 1;
	for (int q = 0, m = 0; q < p->points; q++) {
		for (int i = 0; i < n; i++)
			if (p->point[i] == q)
				p->member[m++] = i;
		p->first[q + 1] = m;
	}
}

/* a step of x */
static void
take(struct bp_ctx *cx, double values[BP_STEP_VALUES], double *x, const struct points *p, bool raw, double weight, double goal,
    double smoothing, double energy, const double *g)
{
	assert_int_equal(BP_OP(cx, guide_step, .b = 1, .n = p->n, .points = p->points, .point = p->point, .first = p->first,
	                     .member = p->member, .places = p->n, .g = g, .energy = &energy, .weight = &weight, .raw = raw, .goal = goal,
	                     .smoothing = smoothing, .x = x, .values = values),
	    BP_OK);
}

static struct bp_ctx *
open_cx(struct ref *r)
{
	struct bp_ctx *cx;

	OK(r, bp_ctx_open(&cx, "cpu", "optimized", NULL, 0, NULL, 1, 0, &r->err));
	return cx;
}

static void
descend(const char *run, double smoothing, const char *first, const char *last)
{
	struct bp_saxs_opt o = BP_SAXS_INIT;
	struct ref *r = ref_open("descent_lyz");
	int n, nq, natoms;
	double *x = ref_doubles(r, "start", &n), *g, *exposed, values[BP_STEP_VALUES];
	struct bp_curve c = { .path = "descent",
		.q = ref_doubles(r, "q", &nq),
		.i = ref_doubles(r, "i", &nq),
		.sigma = ref_doubles(r, "sigma", &nq) };
	const struct bp_val *steps = bp_val_get(bp_val_get(r->json, "runs"), run);
	int32_t *z = ref_ints(r, "z", &natoms), *n_h = ref_ints(r, "n_h", &natoms);
	struct points *atoms = malloc(sizeof *atoms);
	struct bp_saxs_result res;
	struct bp_particle *p;
	struct bp_saxs *s;
	struct bp_ctx *cx;
	struct bp_rg rg;

	c.n = nq;
	o.fit.c2_min = 0;
	assert_non_null(atoms);
	set_points(atoms, natoms, NULL);
	g = bp_alloc(r->mem, 4 * (size_t)natoms * sizeof *g, &r->err);
	exposed = g + 3 * natoms;
	cx = open_cx(r);
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
		take(cx, values, x, atoms, false, 0.5, 1, smoothing, res.energy, g);
	}
	NEAR(relative(x, ref_doubles(r, last, &n), 3 * natoms), 0, 1e-5, 1); /* after the ninth step */
	free(atoms);
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

/* p of g at x: what a raw step of weight 1 takes off */
static void
direction(struct bp_ctx *cx, double *p, const double *x, const double *g, const struct points *of)
{
	const size_t size = 3 * (size_t)of->n;
	double values[BP_STEP_VALUES], *y = malloc(size * sizeof *y);

	assert_non_null(y);
	for (size_t i = 0; i < size; i++)
		y[i] = x[i];
	take(cx, values, y, of, true, 0x1p20, 0, 10, 0, g); /* large, so that the difference is exact */
	for (size_t i = 0; i < size; i++)
		p[i] = (x[i] - y[i]) * 0x1p-20;
	free(y);
}

/* smoothing goes downhill, keeps the mean at zero, leaves atoms of no point alone; all atoms of a point go the same way; the order
 * in which points are numbered does not matter */
static void
smoothing(void **state)
{
	enum { N = 60 };
	struct ref *r = ref_open("none");
	struct bp_ctx *cx = open_cx(r);
	double x[3 * N], g[3 * N], p[3 * N], q[3 * N], sum[3] = { 0 }, dot = 0;
	int32_t own[N], back[N], fours[N], points = 0;
	static struct points of;

	(void)state;
	for (int i = 0; i < 3 * N; i++)
		x[i] = 30 * sin(1.7 * i), g[i] = cos(2.9 * i * i);
	for (int i = 0; i < N; i++)
		own[i] = i % 7 != 3 ? points++ : -1;
	for (int i = 0; i < N; i++)
		back[i] = own[i] < 0 ? -1 : points - 1 - own[i], fours[i] = own[i] < 0 ? -1 : i / 4;
	set_points(&of, N, own);
	direction(cx, p, x, g, &of);
	for (int i = 0; i < 3 * N; i++) {
		sum[i % 3] += p[i];
		dot += g[i] * p[i];
		assert_true(own[i / 3] >= 0 || p[i] == 0);
	}
	for (int d = 0; d < 3; d++)
		NEAR(sum[d], 0, 1e-11, 1);
	assert_true(dot > 0);
	set_points(&of, N, back);
	direction(cx, q, x, g, &of);
	NEAR(relative(q, p, 3 * N), 0, 1e-11, 1);
	set_points(&of, N, fours);
	direction(cx, q, x, g, &of);
	for (int i = 0; i < N; i++)
		for (int d = 0; d < 3 && own[i] >= 0 && own[i / 4 * 4] >= 0; d++)
			NEAR(q[3 * i + d], q[3 * (i / 4 * 4) + d], 1e-12, 1);
	bp_ctx_close(cx);
	ref_close(r);
}

/* a Polyak step of weight 1 removes the whole excess of a linear energy; none is taken below the goal, at weight 0 or without a gradient;
 * raw is the gradient; one that is no number stops where it is */
static void
steps(void **state)
{
	const double x[9] = { 0, 0, 0, 4, 0, 0, 0, 4, 0 };
	double g[9] = { 1, 2, -1, 0, 1, 1, -1, -3, 0 }, y[9], gain = 0, v[BP_STEP_VALUES];
	struct ref *r = ref_open("none");
	struct bp_ctx *cx = open_cx(r);
	static struct points of;

	(void)state;
	set_points(&of, 3, NULL);
	memcpy(y, x, sizeof y);
	take(cx, v, y, &of, false, 1, 1, 0, 5, g);
	for (int i = 0; i < 9; i++)
		gain += g[i] * (y[i] - x[i]);
	NEAR(gain, -4, 1e-12, 1);
	NEAR(v[BP_STEP_DOT], 18, 1e-14, 1);
	assert_true(v[BP_STEP_MOVED] == 1);
	memcpy(y, x, sizeof y);
	take(cx, v, y, &of, false, 1, 1, 0, 1, g);
	assert_memory_equal(x, y, sizeof y);
	assert_true(v[BP_STEP_MOVED] == 0 && v[BP_STEP_SIZE] == 0);
	take(cx, v, y, &of, true, 0, 1, 0, 9, g);
	assert_memory_equal(x, y, sizeof y);
	take(cx, v, y, &of, true, 0.5, 1, 0, 0, g);
	NEAR(y[1], -1, 0, 1);
	memcpy(y, x, sizeof y);
	g[4] = NAN;
	take(cx, v, y, &of, false, 1, 1, 0, 5, g);
	assert_memory_equal(x, y, sizeof y);
	assert_true(!isfinite(v[BP_STEP_SIZE]));
	memset(g, 0, sizeof g);
	take(cx, v, y, &of, false, 1, 1, 0, 5, g);
	assert_memory_equal(x, y, sizeof y);
	bp_ctx_close(cx);
	ref_close(r);
}

/* the cap scales all of a sample, and that sample alone; what did not move keeps its bits */
static void
caps(void **state)
{
	const float kept[18] = { 0, 1, -0.0f, 3, 4, 5, 6, 7, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8 };
	double x[18], v[2 * BP_END_VALUES];
	struct ref *r = ref_open("none");
	struct bp_ctx *cx = open_cx(r);
	float to[18];

	(void)state;
	for (int i = 0; i < 18; i++)
		x[i] = kept[i];
	x[9] += 3, x[13] -= 4;
	OK(r, BP_OP(cx, guide_end, .b = 2, .n = 3, .most = 2, .kept = kept, .x = x, .to = to, .values = v));
	assert_memory_equal(to, kept, 9 * sizeof *to);
	assert_true(v[0] == 0 && v[1] == 1 && v[2] == 2 && v[3] == 0.5);
	assert_true(to[9] == 1.5f && to[13] == 2 && to[17] == 8);
	OK(r, BP_OP(cx, guide_end, .b = 2, .n = 3, .most = 0, .kept = kept, .x = x, .to = to, .values = v));
	assert_true(v[2] == 4 && v[3] == 1 && to[9] == 3 && to[13] == 0);
	bp_ctx_close(cx);
	ref_close(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(descents),
		cmocka_unit_test(smoothing),
		cmocka_unit_test(steps),
		cmocka_unit_test(caps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
