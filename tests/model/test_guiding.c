/* test_guiding: guides in the sampler: when they act, what they log, weight 0, raw guidance, and memory that is counted
 * before. */
#include "stage.h"

#include "guide/atoms.h"
#include "guide/source.h"
#include "model/diffuse.h"

enum { SAMPLES = 3, STEPS = 8 };

static struct stage
run(struct bp_diffuse_opt *o, const char *const *specs, int n)
{
	struct stage x = stage_open("tiny", "optimized", BP_TRUNK);
	struct bp_diffuse *d;

	o->steps = STEPS;
	o->samples = SAMPLES;
	o->guides.guide = (struct bp_strlist) { (const char **)(uintptr_t)specs, n };
	if (bp_diffuse_open(&d, x.cx, x.w, o, x.mem, &x.err) != BP_OK
	    || bp_diffuse_run(d, &x.rec, x.mem, NULL, &x.err) != BP_OK)
		fail_msg("%s", x.err.msg);
	bp_diffuse_close(d);
	return x;
}

/* the log of guide 1: [rows,guided,columns] */
static const struct bp_tensor *
the_log(const struct stage *x)
{
	const struct bp_tensor *t = bp_rec_get(x->rec, "guide_log_1");

	assert_non_null(t);
	return t;
}

static double
at(const struct bp_tensor *t, int64_t row, int64_t sample, int column)
{
	return ((const double *)t->data)[(row * t->shape[1] + sample) * t->shape[2] + column];
}

enum { STEP, GD_STEP, ENERGY, MOVED, SCALED, RG };

/* the longest move of any sample at a step, -1: the step is not in the log */
static double
moved(const struct bp_tensor *t, int step)
{
	double most = -1;

	for (int64_t row = 0; row < t->shape[0]; row++)
		for (int64_t i = 0; i < t->shape[1]; i++)
			if (at(t, row, i, STEP) == step)
				most = fmax(most, at(t, row, i, MOVED));
	return most;
}

static void
schedules(void **state)
{
	static const char *const late[] = { "rg:8,start_time=0.5" }, *const ramp[] = { "rg:8,ramp_steps=4" },
	                         *const coarse[] = { "rg:8,min_sigma=100" }, *const all[] = { "rg:8" };
	struct bp_diffuse_opt o = BP_DIFFUSE_INIT;
	struct bp_schedule s;
	struct stage x = run(&o, late, 1);

	(void)state;
	for (int i = 0; i < STEPS - 1; i++)
		assert_true(i < STEPS / 2 ? moved(the_log(&x), i) == 0 : moved(the_log(&x), i) > 0);
	assert_true(moved(the_log(&x), STEPS - 1) == -1); /* the last step is not guided */
	stage_close(&x);
	x = run(&o, ramp, 1);
	assert_true(moved(the_log(&x), 0) == 0 && moved(the_log(&x), 1) > 0);
	stage_close(&x);
	x = run(&o, coarse, 1);
	assert_int_equal(bp_schedule_new(&s, STEPS, 1, x.mem, &x.err), BP_OK);
	for (int i = 0; i < STEPS - 1; i++)
		assert_true(s.t_hat[i] < 100 ? moved(the_log(&x), i) == 0 : moved(the_log(&x), i) > 0);
	stage_close(&x);
	x = run(&o, all, 1);
	for (int i = 0; i < STEPS - 1; i++)
		assert_true(moved(the_log(&x), i) > 0 && moved(the_log(&x), i) <= 2.0000001);
	stage_close(&x);
}

/* Within a diffusion step each inner step takes the share of the excess that its weight says: E falls as (Rg -
 * target)^2, which a pure scaling changes by exactly 1 - weight/2 in Rg, as long as the same atoms are kept and weigh
 * the same. */
static void
inner_steps(void **state)
{
	static const char *const specs[] = { "rg:8,weight=0.5,rg_calculation_method=standard,mass_weighted=false,max_"
		                             "displacement_per_step=0,force_ramping=false,"
		                             "gradient_capping=0" };
	struct bp_diffuse_opt o = BP_DIFFUSE_INIT;
	struct stage x = run(&o, specs, 1);
	const struct bp_tensor *t = the_log(&x);
	int pairs = 0;

	(void)state;
	assert_int_equal(t->shape[1], SAMPLES);
	for (int64_t row = 0; row + 1 < t->shape[0]; row++)
		for (int i = 0; i < SAMPLES && at(t, row, i, STEP) == at(t, row + 1, i, STEP); i++) {
			double before = at(t, row, i, RG) - 8, after = at(t, row + 1, i, RG) - 8;
			if (!(fabs(after - 0.75 * before) <= 1e-9 * fabs(before) + 1e-9))
				fail_msg("step %g, %g: %g -> %g", at(t, row, i, STEP), at(t, row, i, GD_STEP), before,
				    after);
			assert_true(fabs(at(t, row, i, ENERGY) - 5 * before * before) <= 1e-9 * before * before);
			pairs++;
		}
	assert_true(pairs > 19 * SAMPLES * (STEPS - 2));
	stage_close(&x);
}

static const float *
coords(const struct stage *x)
{
	return bp_rec_get(x->rec, "sample_atom_coords")->data;
}

static size_t
bytes(const struct stage *x)
{
	return (size_t)bp_count(bp_rec_get(x->rec, "sample_atom_coords")) * sizeof(float);
}

static void
weight_zero(void **state)
{
	static const char *const none[] = { "rg:8,weight=0", "share/demo/saxs/adk_closed.dat,weight=0" },
	                         *const some[] = { "rg:8" }, *const raw[] = { "rg:8,weight=0,raw_guidance_weight=5" };
	struct bp_diffuse_opt o = BP_DIFFUSE_INIT;
	struct stage free_run = run(&o, NULL, 0), x = run(&o, none, 2);
	const size_t one = bytes(&x) / SAMPLES;
	const struct bp_val *g;

	(void)state;
	assert_memory_equal(coords(&free_run), coords(&x), bytes(&x));
	g = bp_val_get(x.rec->meta, "guides");
	assert_int_equal(bp_val_count(g), 2);
	assert_string_equal(bp_val_cstr(bp_val_get(bp_val_at(g, 1), "kind"), ""), "saxs");
	assert_true(
	    bp_val_num(bp_val_get(bp_val_at(bp_val_get(bp_val_at(g, 1), "samples"), 2), "chi2_reduced"), -1) > 0);
	assert_int_equal(the_log(&x)->shape[0], STEPS - 1); /* one evaluation a step */
	assert_null(bp_val_get(free_run.rec->meta, "guides"));
	stage_close(&x);
	o.guides.samples = 1;
	x = run(&o, some, 1);
	assert_memory_not_equal(coords(&free_run), coords(&x), one);
	assert_memory_equal((const char *)coords(&free_run) + one, (const char *)coords(&x) + one, 2 * one);
	assert_int_equal(the_log(&x)->shape[1], 1);
	stage_close(&x);
	x = run(&o, raw, 1);
	assert_memory_not_equal(coords(&free_run), coords(&x), one);
	assert_memory_equal((const char *)coords(&free_run) + one, (const char *)coords(&x) + one, 2 * one);
	stage_close(&x);
	stage_close(&free_run);
}

/* Memory is counted by rehearsal: no less than an evaluation takes, and not many times more. */
static void
rehearsal(void **state)
{
	static const char *const methods[] = { "direct", "histogram", "quadrature" };

	(void)state;
	for (int k = 0; k < 3; k++) {
		struct stage x = stage_open("tiny", "optimized", BP_TRUNK);
		struct bp_guide_params p;
		struct bp_guide_source *s;
		struct bp_rehearsal dry;
		struct bp_atoms *a;
		char spec[160];
		double *m;
		size_t counted, host, dev;

		x.cx->err = &x.err;
		snprintf(spec, sizeof spec, "share/demo/saxs/adk_closed.dat,method=%s", methods[k]);
		assert_int_equal(bp_atoms_of_record(&a, x.rec, &x.err), BP_OK);
		assert_int_equal(bp_guide_from_spec(&p, spec, x.mem, &x.err), BP_OK);
		if (bp_source_saxs(&s, x.cx, a, &p, SAMPLES, x.mem, &x.err) != BP_OK)
			fail_msg("%s", x.err.msg);
		assert_int_equal(bp_dev_rehearse(&dry, x.cx), BP_OK);
		assert_int_equal(s->rehearse(s, SAMPLES), BP_OK);
		counted = bp_dev_rehearsed(&dry, x.cx);
		m = bp_calloc(x.mem, (size_t)SAMPLES * (7 * (size_t)a->n + 32), sizeof *m, &x.err);
		for (int i = 0; i < 3 * SAMPLES * a->n; i++)
			m[i] = 15 * sin(i * 12.9898) * cos(i * 78.233);
		const struct bp_guide_call c = { .steps = 9,
			.samples = SAMPLES,
			.x = m,
			.gradient = m + 3 * SAMPLES * a->n,
			.energy = m + 6 * SAMPLES * a->n,
			.values = m + 6 * SAMPLES * a->n + SAMPLES };
		host = bp_arena_used(x.mem), dev = bp_arena_used(x.cx->mem);
		bp_arena_peak_reset(x.mem), bp_arena_peak_reset(x.cx->mem);
		if (s->eval(s, &c, x.mem, &x.err) != BP_OK)
			fail_msg("%s", x.err.msg);
		host = bp_arena_peak(x.mem) - host, dev = bp_arena_peak(x.cx->mem) - dev;
		printf("%s: %zu bytes counted, %zu + %zu taken\n", methods[k], counted, host, dev);
		assert_true(counted >= (host + dev) * 9 / 10 && counted <= 8 * (host + dev));
		assert_true(c.energy[0] > 0 && c.values[1] == c.energy[0]);
		stage_close(&x);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(schedules),
		cmocka_unit_test(inner_steps),
		cmocka_unit_test(weight_zero),
		cmocka_unit_test(rehearsal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
