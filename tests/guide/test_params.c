/* test_params: keys of guidance from specs and sections: defaults, ranges, wrong names, what must be there. */
#include "ref.h"

#include "guide/params.h"

struct wrong {
	const char *text, *message, *hint; /* parts of them; NULL: none */
};

static const struct wrong wrong_specs[] = {
	{ "", "no curve given", "saxs:FILE" },
	{ "saxs:", "no curve given", "saxs:FILE" },
	{ "rg:", "no target given", "rg:TARGET" },
	{ "exec:", "no command", "exec:COMMAND" },
	{ "exec,timeout=3", "no command", "exec:COMMAND" },
	{ "exec,timeout=0:cat", "timeout: '0' given, a number in (0,86400] wanted", NULL },
	{ "rg:-3", "target_rg: '-3' given, a number in (0,10000] wanted", NULL },
	{ "rg:0", "target_rg: '0' given", NULL },
	{ "rg:nan", "target_rg: 'nan' given", NULL },
	{ "rg:19,target=3", "guidance.rg has no key 'target'", "did you mean target_rg?" },
	{ "rg:19,smoothing=3", "guidance.rg has no key 'smoothing'", NULL },
	{ "saxs:a.dat,guidance_wieght=1", "guidance.saxs has no key 'guidance_wieght'",
	    "did you mean guidance_weight?" },
	{ "saxs:a.dat,weight=-1", "guidance_weight: '-1' given, a number in [0,1e6] wanted", NULL },
	{ "saxs:a.dat,weight=", "guidance_weight: '' given", NULL },
	{ "saxs:a.dat,weight=1e999", "guidance_weight: '1e999' given", NULL },
	{ "saxs:a.dat,interval=2.5", "guidance_interval: '2.5' given, a whole number", NULL },
	{ "saxs:a.dat,interval=5000000000", "guidance_interval: '5000000000' given", NULL },
	{ "saxs:a.dat,step=pol", "step: 'pol' given, one of polyak|raw wanted", NULL },
	{ "saxs:a.dat,step=", "step: '' given", NULL },
	{ "saxs:a.dat,model=vacuum|excluded", "model: 'vacuum|excluded' given", NULL },
	{ "saxs:a.dat,fit_c1=perhaps", "fit_c1: 'perhaps' given, true or false wanted", NULL },
	{ "saxs:a.dat,weight", "'weight': key=value wanted", NULL },
	{ "saxs:a.dat,=3", "'=3': key=value wanted", NULL },
	{ "saxs:a.dat,,weight=3", "'': key=value wanted", NULL },
	{ "saxs:a.dat,q_min=0.3,q_max=0.2", "q_min 0.3 is not below q_max 0.2", NULL },
	{ "saxs:weight=3", "'weight=3' is no curve", "saxs:FILE" },
	{ "rg:19,q_min=0.3", "q_min 0.3 is not below q_max 0.05", NULL },
};

static void
bad_specs(void **state)
{
	struct ref *r = ref_open("none");
	struct bp_guide_params p;

	(void)state;
	for (size_t i = 0; i < sizeof wrong_specs / sizeof *wrong_specs; i++) {
		const struct wrong *w = &wrong_specs[i];
		memset(&r->err, 0, sizeof r->err);
		if (bp_guide_from_spec(&p, w->text, r->mem, &r->err) != BP_EUSAGE)
			fail_msg("%s was taken", w->text);
		if (!strstr(r->err.msg, w->message) || (w->hint && !strstr(r->err.hint, w->hint)))
			fail_msg("%s: %s: %s", w->text, r->err.msg, r->err.hint);
	}
	ref_close(r);
}

static void
specs(void **state)
{
	struct ref *r = ref_open("none");
	struct bp_guide_params p;
	struct bp_saxs_opt so;
	struct bp_rg_opt ro;
	struct bp_curve_opt co;

	(void)state;
	OK(r, bp_guide_from_spec(&p, "curve.dat", r->mem, &r->err));
	assert_int_equal(p.section, BP_GUIDE_SAXS);
	assert_string_equal(p.experimental_data, "curve.dat");
	assert_true(bp_guide_weight(&p) == 0.1 && p.guidance_interval == 5 && p.smoothing == 10 && p.start_time == 1
	    && p.max_displacement_per_step == 2 && p.resampling_weight == 0.05);
	bp_guide_saxs_opt(&so, &p);
	assert_true(so.fit.level == BP_SAXS_HYDRATION && so.fit.c2_min == 0 && so.fit.c2_max == 4 && so.fit.fit_c2
	    && !so.fit.fit_c1 && so.fit.offset && so.gradient == BP_SAXS_ANALYTIC && !so.energy_chi2);
	OK(r,
	    bp_guide_from_spec(&p,
	        "saxs:d/"
	        "c.dat,weight=0.5,interval=2,gradient-method=finite_diff_batch,method=direct,offset=no,model=excluded,"
	        "q_max=0.3,max_q_points=50,q_unit=nm,energy=chi2,step=raw,voxel_size=2.5,"
	        "resampling_weight=0.05,voxel_size=2",
	        r->mem, &r->err));
	assert_string_equal(p.experimental_data, "d/c.dat");
	assert_string_equal(p.unused, "voxel_size, resampling_weight");
	bp_guide_saxs_opt(&so, &p);
	bp_guide_curve_opt(&co, &p);
	assert_true(so.gradient == BP_SAXS_FINITE_DIFF_BATCH && so.method == BP_DEBYE_DIRECT && !so.fit.offset
	    && so.fit.level == BP_SAXS_EXCLUDED && so.energy_chi2 && so.epsilon == 0.1);
	assert_true(co.q_max == 0.3 && co.max_points == 50 && co.unit == BP_Q_NM && bp_guide_weight(&p) == 0.5);
	OK(r, bp_guide_from_spec(&p, "rg:19.6", r->mem, &r->err));
	bp_guide_rg_opt(&ro, &p);
	assert_true(p.section == BP_GUIDE_RG && ro.target == 19.6 && ro.method == BP_RG_ROBUST && ro.k == 10 && ro.ramp
	    && ro.ramp_steps == 50 && ro.cap == 10 && bp_guide_weight(&p) == 0.1 && p.guidance_interval == 1
	    && p.resampling_weight == 0.1);
	assert_string_equal(p.guinier, "auto");
	assert_string_equal(p.weights, "mass");
	OK(r,
	    bp_guide_from_spec(
	        &p, "rg:c.dat,q_min=0.02,robust_mode=false,step=raw,mass_weighted=off", r->mem, &r->err));
	bp_guide_rg_opt(&ro, &p);
	assert_string_equal(p.saxs_file_path, "c.dat");
	assert_string_equal(p.guinier, "fixed");
	assert_string_equal(p.weights, "geometric");
	assert_true(ro.method == BP_RG_STANDARD && !ro.ramp && ro.cap == 0 && bp_guide_weight(&p) == 1);
	OK(r, bp_guide_from_spec(&p, "rg:m.CIF.gz,target_rg=20,saxs_file_path=c.dat", r->mem, &r->err));
	assert_string_equal(p.reference_pdb_path, "m.CIF.gz");
	assert_null(p.saxs_file_path);
	assert_true(p.target_rg == 20); /* stands in when the file cannot be read */
	OK(r, bp_guide_from_spec(&p, "exec,timeout=2.5,weight=1:prog a,b --c=d:e", r->mem, &r->err));
	assert_string_equal(p.command, "prog a,b --c=d:e");
	assert_true(p.section == BP_GUIDE_EXEC && p.timeout == 2.5 && p.guidance_weight == 1);
	ref_close(r);
}

/* every key's default lies in its range, reads back as it is written, and every section takes its own output */
static void
round_trip(void **state)
{
	static const int sections[] = { BP_GUIDE_SAXS, BP_GUIDE_RG, BP_GUIDE_EXEC, BP_SCORE_SAXS };
	struct ref *r = ref_open("none");
	struct bp_guide_params p, q;
	struct bp_val *v, *w;
	char *a = NULL, *b = NULL;
	size_t na, nb;
	FILE *f;

	(void)state;
	for (int i = 0; i < 4; i++) {
		bp_guide_defaults(&p, sections[i]);
		p.experimental_data = p.command = "x";
		p.target_rg = 17.25;
		OK(r, bp_guide_check(&p, &r->err));
		assert_non_null(v = bp_guide_to_val(&p, r->mem, &r->err));
		OK(r, bp_guide_from_val(&q, sections[i], v, r->mem, &r->err));
		assert_non_null(w = bp_guide_to_val(&q, r->mem, &r->err));
		f = open_memstream(&a, &na);
		bp_json_write(f, v, 0);
		fclose(f);
		f = open_memstream(&b, &nb);
		bp_json_write(f, w, 0);
		fclose(f);
		assert_string_equal(a, b);
		assert_null(strstr(a, "|"));
		free(a), free(b);
	}
	ref_close(r);
}

static const struct wrong wrong_sections[] = {
	{ "3", "guidance: a whole number found, a mapping wanted", NULL },
	{ "{\"sax\": {}}", "guidance: no kind 'sax'", "did you mean saxs?" },
	{ "{\"saxs\": {}}", "guidance.saxs: experimental_data must be given", NULL },
	{ "{\"saxs\": [1]}", "guidance.saxs: a whole number found, a mapping of keys wanted", NULL },
	{ "{\"saxs\": {\"experimental_data\": \"a\", \"guidance_weigth\": 1}}", "no key 'guidance_weigth'",
	    "did you mean guidance_weight?" },
	{ "{\"saxs\": {\"experimental_data\": \"a\", \"nonsense\": null}}", "no key 'nonsense'", NULL },
	{ "{\"saxs\": {\"experimental_data\": [\"a\"]}}", "experimental_data: a list found", NULL },
	{ "{\"saxs\": {\"experimental_data\": \"a\", \"guidance_weight\": true}}", "guidance_weight: 'true' given",
	    NULL },
	{ "{\"rg\": {}}", "no target_rg, saxs_file_path or reference_pdb_path", NULL },
	{ "{\"rg\": {\"target_rg\": -1}}", "target_rg: '-1' given", NULL },
	{ "{\"rg\": {\"target_rg\": 10, \"atom_selection\": \"CA\"}}",
	    "atom_selection: 'CA' given, one of all|heavy|backbone", NULL },
};

static int
section(struct bp_guide_params **p, int *n, const char *json, bool scoring, struct ref *r)
{
	struct bp_val *v;

	OK(r, bp_json_read(&v, json, strlen(json), r->mem, &r->err));
	return bp_guide_section(p, n, v, scoring, r->mem, &r->err);
}

static void
read_sections(void **state)
{
	struct ref *r = ref_open("none");
	struct bp_guide_params *p;
	struct bp_saxs_opt so;
	int n;

	(void)state;
	for (size_t i = 0; i < sizeof wrong_sections / sizeof *wrong_sections; i++) {
		const struct wrong *w = &wrong_sections[i];
		memset(&r->err, 0, sizeof r->err);
		assert_int_equal(section(&p, &n, w->text, false, r), BP_EUSAGE);
		if (!strstr(r->err.msg, w->message) || (w->hint && !strstr(r->err.hint, w->hint)))
			fail_msg("%s: %s: %s", w->text, r->err.msg, r->err.hint);
	}
	assert_int_equal(section(&p, &n, "{\"rg\": {\"target_rg\": 3}}", true, r), BP_EUSAGE);
	OK(r, section(&p, &n, "{}", false, r));
	assert_int_equal(n, 0);
	OK(r,
	    section(&p, &n,
	        "{\"rg\": {\"target_rg\": 16, \"pdb_chain_id\": null}, \"saxs\": [{\"experimental_data\": \"a\"}, "
	        "{\"experimental_data\": \"b\", \"fit_c1\": true, \"guidance_weight\": 1}]}",
	        false, r));
	assert_int_equal(n, 3);
	assert_true(p[0].section == BP_GUIDE_RG && p[0].target_rg == 16 && p[2].fit_c1 && p[2].guidance_weight == 1);
	assert_string_equal(p[1].experimental_data, "a");
	OK(r, section(&p, &n, "{\"saxs\": {\"experimental_file\": \"c\", \"max_q_points\": 100}}", true, r));
	bp_guide_saxs_opt(&so, &p[0]);
	assert_true(n == 1 && p[0].section == BP_SCORE_SAXS && p[0].max_q_points == 100 && so.fit.c2_min == -2);
	ref_close(r);
}

/* as options of a program: no name twice, all of the sections there */
static void
as_options(void **state)
{
	struct ref *r = ref_open("none");
	struct bp_optdef d[128];
	int n = bp_guide_options(d, 128, BP_GUIDE_SAXS | BP_GUIDE_RG | BP_SCORE_SAXS, 8, r->mem, &r->err), found = 0;

	(void)state;
	assert_in_range(n, 40, 64);
	for (int i = 0; i < n; i++) {
		assert_null(strchr(d[i].name, '_'));
		for (int k = 0; k < i; k++)
			assert_string_not_equal(d[i].name, d[k].name);
		found += strcmp(d[i].name, "guidance-weight") == 0
		    && d[i].field == 8 + offsetof(struct bp_guide_params, guidance_weight);
	}
	assert_int_equal(found, 1);
	ref_close(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(specs),
		cmocka_unit_test(bad_specs),
		cmocka_unit_test(round_trip),
		cmocka_unit_test(read_sections),
		cmocka_unit_test(as_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
