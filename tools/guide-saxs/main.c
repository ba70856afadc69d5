/* guide-saxs: scores structures against a SAXS curve, or guides a sampler to it (lib/guide). */
#include <signal.h>

#include "base/main.h"
#include "guide/report.h"
#include "guide/scoring.h"
#include "guide/serve.h"

struct guide_saxs_opt {
	struct bp_guide_base base;
	const char *score, *data, *ccd;
	struct bp_report_opt report;
};

#define AT(field) offsetof(struct guide_saxs_opt, field)
static const struct bp_optdef options[]
    = { { "score", 0, BP_OPT_STR, AT(score), NULL, "CURVE", "score the samples of a stream against this curve" },
	      { "data", 0, BP_OPT_STR, AT(data), NULL, "CURVE", "the curve, for FILE... and --serve" },
	      { "serve", 0, BP_OPT_STR, AT(base.serve), NULL, "ENDPOINT",
	          "be a guide for diffuse --guide tcp://HOST:PORT, ipc://PATH, or (-) exec:..., on stdin and stdout" },
	      { "out-dir", 'o', BP_OPT_STR, AT(report.dir), NULL, "DIR",
	          "FILE...: write NAME.fit (q, I, sigma, fit) and NAME_pr.dat of each model" },
	      { "plot", 0, BP_OPT_WORD, AT(report.plot), "svg|png", NULL,
	          "FILE...: and NAME.svg of fit and residuals (needs gnuplot)" },
	      { "ensemble", 0, BP_OPT_FLAG, AT(report.ensemble), NULL, NULL,
	          "the weights of the samples (models) whose mixture fits best" },
	      { "ccd", 0, BP_OPT_STR, AT(ccd), NULL, "FILE", "FILE...: component store, for the hydrogens of ligands" },
	      { "gradient", 0, BP_OPT_WORD, AT(base.p.gradient_method),
	          "analytic|finite_diff|finite_diff_batch|energy_only", NULL, "the same as --gradient-method" },
	      { "no-vectorized-saxs", 0, BP_OPT_AS, AT(base.p.method), "direct", NULL, "the same as --method direct" },
	      { "no-batch-finite-diff", 0, BP_OPT_AS, AT(base.p.gradient_method), "finite_diff", NULL,
	          "the same as --gradient finite_diff" },
	      BP_OPT_STREAM(struct guide_saxs_opt, base.common), BP_OPT_COMPUTE(struct guide_saxs_opt, base.common),
	      BP_OPT_GENERAL(struct guide_saxs_opt, base.common), { 0 } };

/* a curve that cannot be read is wrong use of the program, not a target that failed */
static int
open_scorer(struct bp_scorer **s, struct guide_saxs_opt *o, struct bp_ctx *cx, struct bp_arena *mem, struct bp_err *err)
{
	int st = bp_score_open(s, cx, &o->base.p, true, mem, err);

	return st == BP_EINPUT ? (err->code = BP_EUSAGE) : st;
}

static int
files(struct guide_saxs_opt *o, struct bp_ctx *cx, const struct bp_strlist *args, struct bp_arena *mem)
{
	struct bp_scorer *s = NULL;
	struct bp_ccd *ccd = NULL;
	struct bp_err err = { 0 };
	int failed = 0, st;

	signal(SIGPIPE, SIG_IGN);
	if ((st = bp_report_check(&o->report, args->v, args->n, mem, &err)) == BP_OK
	    && (st = open_scorer(&s, o, cx, mem, &err)) == BP_OK && (st = bp_atoms_store(&ccd, o->ccd, mem, &err)) == BP_OK)
		st = bp_report_files(&failed, s, &o->report, args->v, args->n, ccd, &err);
	bp_ccd_close(ccd);
	bp_score_close(s);
	return st != BP_OK ? bp_main_fail(&err) : failed ? BP_EXIT_TARGETS : BP_EXIT_OK;
}

static int
run(void *opt, struct bp_ctx *cx, const struct bp_strlist *args, const struct bp_strlist *changed, struct bp_arena *mem)
{
	struct guide_saxs_opt *o = opt;
	struct bp_scoring s = { .tool = "guide-saxs", .cx = cx, .changed = changed, .ensemble = o->report.ensemble };
	struct bp_err err = { 0 };
	int status;

	if (args->n)
		return files(o, cx, args, mem);
	if (o->base.p.experimental_data && open_scorer(&s.saxs, o, cx, mem, &err) != BP_OK)
		return bp_main_fail(&err);
	status = bp_scoring_run(&s, bp_scoring_saxs, o->score != NULL, &o->base.common);
	bp_score_close(s.saxs);
	return status;
}

static int
check(void *opt, const struct bp_strlist *args, struct bp_err *err)
{
	struct guide_saxs_opt *o = opt;
	struct bp_guide_params *p = &o->base.p;

	if (o->score && (o->data || o->base.serve || args->n))
		return BP_FAIL(
		    err, BP_EUSAGE, "--data CURVE is theirs", "--score is for streams, not for files or --serve");
	if (o->data && !o->base.serve && !args->n)
		return BP_FAIL(err, BP_EUSAGE, "--score CURVE scores a stream", "--data: no structure files are given");
	if ((o->base.serve || args->n) && !o->data)
		return BP_FAIL(err, BP_EUSAGE, "--data CURVE", "no curve is given");
	p->experimental_data = o->score ? o->score : o->data;
	p->section = o->base.serve ? BP_GUIDE_SAXS : BP_SCORE_SAXS; /* which may fit other values of c2 */
	return p->experimental_data ? bp_guide_check(p, err) : BP_OK;
}

static const size_t hidden[] = { AT(base.p.experimental_data), 0 };

static const struct bp_guide_program program = {
	.about = {
		.name = "guide-saxs",
		.summary = "score structures against a SAXS curve, or guide a sampler to it",
		.arguments = "[FILE...]",
		.about =
		    "Three uses of one forward model (doc/guides.md):\n\n"
		    "guide-saxs --score CURVE reads structures records, adds the scores of each sample, which write puts into "
		    "its JSON files, and passes everything on. Without --score the curve is that of the input's section "
		    "scoring; records without one pass unchanged.\n\n"
		    "guide-saxs --data CURVE FILE... scores each model of PDB and mmCIF files: a line of JSON a model on "
		    "stdout.\n\n"
		    "guide-saxs --data CURVE --serve - answers a sampler's requests: diffuse --guide 'exec:guide-saxs --serve - "
		    "--data CURVE'.\n\n"
		    "What was read of the curve is told on stderr.",
		.options = options,
	},
	.hidden = hidden,
	.section = BP_GUIDE_SAXS,
	.size = sizeof(struct guide_saxs_opt),
	.check = check,
	.run = run,
};

int
main(int argc, char **argv)
{
	return bp_guide_main(&program, argc, argv);
}
