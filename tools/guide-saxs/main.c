/* guide-saxs: scores structures against a SAXS curve, or guides a sampler to it (lib/guide). */
#include <signal.h>
#include <string.h>

#include "base/log.h"
#include "base/main.h"
#include "guide/report.h"
#include "guide/scoring.h"

struct guide_saxs_opt {
	struct bp_common common;
	struct bp_guide_params p;
	const char *score, *data, *serve, *ccd;
	struct bp_report_opt report;
};

#define AT(field) offsetof(struct guide_saxs_opt, field)
static const struct bp_optdef own[] = {
	{ "score", 0, BP_OPT_STR, AT(score), NULL, "CURVE", "score the samples of a stream against this curve" },
	{ "data", 0, BP_OPT_STR, AT(data), NULL, "CURVE", "the curve, for FILE... and --serve" },
	{ "serve", 0, BP_OPT_STR, AT(serve), NULL, "-",
	    "be a guide of `diffuse --guide exec:...` on stdin and stdout" },
	{ "out-dir", 'o', BP_OPT_STR, AT(report.dir), NULL, "DIR",
	    "FILE...: write NAME.fit and NAME_pr.dat of each model" },
	{ "plot", 0, BP_OPT_WORD, AT(report.plot), "svg|png", NULL,
	    "FILE...: and NAME.svg of fit and residuals (needs gnuplot)" },
	{ "ensemble", 0, BP_OPT_FLAG, AT(report.ensemble), NULL, NULL,
	    "the weights of all samples whose mixture fits best" },
	{ "ccd", 0, BP_OPT_STR, AT(ccd), NULL, "FILE", "FILE...: component store, for the hydrogens of ligands" },
	{ "gradient", 0, BP_OPT_WORD, AT(p.gradient_method), "analytic|finite_diff|finite_diff_batch|energy_only", NULL,
	    "the same as --gradient-method" },
	{ "no-vectorized-saxs", 0, BP_OPT_AS, AT(p.method), "direct", NULL, "the same as --method direct" },
	{ "no-batch-finite-diff", 0, BP_OPT_AS, AT(p.gradient_method), "finite_diff", NULL,
	    "the same as --gradient finite_diff" },
	BP_OPT_STREAM(struct guide_saxs_opt, common),
	BP_OPT_COMPUTE(struct guide_saxs_opt, common),
	BP_OPT_GENERAL(struct guide_saxs_opt, common),
};
enum { OWN = sizeof own / sizeof *own, ROOM = OWN + 65 };

static const struct bp_program about = {
	.name = "guide-saxs",
	.summary = "score structures against a SAXS curve, or guide a sampler to it",
	.arguments = "[FILE...]",
	.about = "Three uses of one forward model (doc/guides.md):\n\n"
	         "guide-saxs --score CURVE reads structures records, adds the scores of each sample, which write puts "
	         "into its "
	         "JSON files, and passes everything on. Without --score the curve is that of the input's section "
	         "scoring; records "
	         "without one pass unchanged.\n\n"
	         "guide-saxs --data CURVE FILE... scores each model of PDB and mmCIF files: a line of JSON a model on "
	         "stdout.\n\n"
	         "guide-saxs --data CURVE --serve - answers a sampler's requests: diffuse --guide 'exec:guide-saxs "
	         "--serve - --data "
	         "CURVE'.\n\n"
	         "What was read of the curve is told on stderr.",
};

/* a curve that cannot be read is wrong use of the program, not a target that failed */
static int
open_scorer(struct bp_scorer **s, struct guide_saxs_opt *o, struct bp_ctx *cx, struct bp_arena *mem, struct bp_err *err)
{
	int st = bp_score_open(s, cx, &o->p, true, mem, err);

	return st == BP_EINPUT ? (err->code = BP_EUSAGE) : st;
}

static int
files(struct guide_saxs_opt *o, struct bp_ctx *cx, const struct bp_strlist *args, struct bp_arena *mem,
    struct bp_err *err)
{
	struct bp_scorer *s = NULL;
	struct bp_ccd *ccd = NULL;
	int failed = 0, st;

	signal(SIGPIPE, SIG_IGN);
	if ((st = bp_report_check(&o->report, args->v, args->n, mem, err)) == BP_OK
	    && (st = open_scorer(&s, o, cx, mem, err)) == BP_OK
	    && (o->ccd || bp_ccd_open(&ccd, NULL, mem, NULL) != BP_OK))
		st = o->ccd ? bp_ccd_open(&ccd, o->ccd, mem, err)
		            : BP_OK; /* without a store ligands have no hydrogens, which is told */
	if (st == BP_OK)
		st = bp_report_files(&failed, s, &o->report, args->v, args->n, ccd, err);
	bp_ccd_close(ccd);
	bp_score_close(s);
	return st != BP_OK ? bp_main_fail(err) : failed ? BP_EXIT_TARGETS : BP_EXIT_OK;
}

static int
filter(struct guide_saxs_opt *o, struct bp_ctx *cx, const struct bp_strlist *changed, struct bp_arena *mem,
    struct bp_err *err)
{
	struct bp_scoring s = { .tool = about.name,
		.cx = cx,
		.p = &o->p,
		.changed = changed,
		.variant = o->common.variant,
		.device = o->common.device,
		.mem = mem };
	const struct bp_filter f = { .tool = about.name,
		.want = BP_STRUCTURES,
		.stage = bp_scoring_saxs,
		.self = &s,
		.in = o->common.in,
		.out = o->common.out,
		.mem_cap = o->common.mem_cap };
	int status;

	if (o->p.experimental_data && open_scorer(&s.scorer, o, cx, mem, err) != BP_OK)
		return bp_main_fail(err);
	status = bp_filter_run(&f);
	bp_score_close(s.scorer);
	return status;
}

static int
check(struct guide_saxs_opt *o, const struct bp_strlist *args, struct bp_err *err)
{
	if (o->score && (o->data || o->serve || args->n))
		return BP_FAIL(
		    err, BP_EUSAGE, "--data CURVE is theirs", "--score is for streams, not for files or --serve");
	if (o->data && !o->serve && !args->n)
		return BP_FAIL(err, BP_EUSAGE, "--score CURVE scores a stream", "--data: no structure files are given");
	if ((o->serve || args->n) && !o->data)
		return BP_FAIL(err, BP_EUSAGE, "--data CURVE", "no curve is given");
	if (o->serve && args->n)
		return BP_FAIL(err, BP_EUSAGE, NULL, "--serve takes no files");
	o->p.experimental_data = o->score ? o->score : o->data;
	o->p.section = o->serve ? BP_GUIDE_SAXS : BP_SCORE_SAXS;
	return o->p.experimental_data ? bp_guide_check(&o->p, err) : BP_OK;
}

static int
run(struct guide_saxs_opt *o, const struct bp_program *prog, const struct guide_saxs_opt *defaults,
    const struct bp_strlist *args, struct bp_arena *mem)
{
	const struct bp_common *c = &o->common;
	struct bp_strlist changed = { 0 };
	struct bp_ctx *cx = NULL;
	struct bp_err err = { 0 };
	int status;

	if (bp_opt_changed(&changed, prog, o, defaults, mem, &err) != BP_OK || check(o, args, &err) != BP_OK
	    || bp_ctx_open(&cx, c->device, c->variant, c->op.v, c->op.n, "fp32", c->threads, 0, &err) != BP_OK)
		return bp_main_fail(&err);
	if (o->serve)
		status = bp_main_fail((BP_FAIL(&err, BP_EUNSUP, NULL, "--serve: not yet"), &err));
	else
		status = args->n ? files(o, cx, args, mem, &err) : filter(o, cx, &changed, mem, &err);
	bp_ctx_close(cx);
	return status;
}

int
main(int argc, char **argv)
{
	struct guide_saxs_opt opt = { .common = BP_COMMON_INIT }, defaults;
	struct bp_optdef options[ROOM + 1] = { 0 };
	struct bp_program prog = about;
	struct bp_strlist args = { 0 };
	struct bp_arena *keys = NULL, *mem = NULL;
	struct bp_err err = { 0 };
	int st, n = 0;

	bp_guide_defaults(&opt.p, BP_GUIDE_SAXS);
	defaults = opt;
	if (bp_arena_open(&keys, 0, &err) != BP_OK)
		return bp_main_fail(&err);
	memcpy(options, own, sizeof own);
	n = bp_guide_options(options + OWN, ROOM - OWN, BP_GUIDE_SAXS, AT(p), keys, &err);
	for (int i = OWN; i < OWN + n; i++) /* it has its own names here */
		if (options[i].field == AT(p.experimental_data))
			options[i] = options[OWN + --n];
	options[OWN + n] = (struct bp_optdef) { 0 };
	prog.options = options;
	if ((st = bp_main_start(&prog, &opt, &opt.common, &args, argc, argv, &mem)) < 0) {
		st = run(&opt, &prog, &defaults, &args, mem);
		bp_arena_close(mem);
	}
	bp_arena_close(keys);
	return st;
}
