/* guide-rg: radii of gyration of structures, or a guide of a sampler to a radius (lib/guide). */
#include <math.h>
#include <signal.h>

#include "base/main.h"
#include "guide/rg_target.h"
#include "guide/scoring.h"
#include "guide/serve.h"

struct guide_rg_opt {
	struct bp_guide_base base;
	const char *ccd;
};

#define AT(field) offsetof(struct guide_rg_opt, field)
static const struct bp_optdef options[]
    = { { "target", 't', BP_OPT_NUM, AT(base.p.target_rg), "[0,10000]", "A", "wanted radius of gyration; 0: none" },
	      { "data", 0, BP_OPT_STR, AT(base.p.saxs_file_path), NULL, "CURVE",
	          "the target is the Guinier radius of this curve" },
	      { "reference", 0, BP_OPT_STR, AT(base.p.reference_pdb_path), NULL, "FILE",
	          "the target is the radius of this structure (PDB, mmCIF)" },
	      { "serve", 0, BP_OPT_STR, AT(base.serve), NULL, "ENDPOINT",
	          "be a guide for diffuse --guide tcp://HOST:PORT or ipc://PATH; -: of --guide exec:..., on stdin and stdout" },
	      { "ccd", 0, BP_OPT_STR, AT(ccd), NULL, "FILE", "FILE...: component store, for the hydrogens of ligands" },
	      { "no-optimized-rg", 0, BP_OPT_AS, AT(base.common.variant), "original", NULL,
	          "the same as --variant original" },
	      BP_OPT_STREAM(struct guide_rg_opt, base.common), BP_OPT_COMPUTE(struct guide_rg_opt, base.common),
	      BP_OPT_GENERAL(struct guide_rg_opt, base.common), { 0 } };

static int
files(const struct bp_rg_scorer *s, const char *store, const struct bp_strlist *args, struct bp_arena *mem,
    struct bp_err *err)
{
	struct bp_ccd *ccd = NULL;
	int failed = 0, st;

	signal(SIGPIPE, SIG_IGN);
	if ((st = bp_atoms_store(&ccd, store, mem, err)) == BP_OK)
		st = bp_rg_report_files(&failed, s, args->v, args->n, ccd, err);
	bp_ccd_close(ccd);
	return st != BP_OK ? bp_main_fail(err) : failed ? BP_EXIT_TARGETS : BP_EXIT_OK;
}

static bool
has_target(const struct bp_guide_params *p)
{
	return p->target_rg > 0 || p->saxs_file_path || p->reference_pdb_path;
}

static int
run(void *opt, struct bp_ctx *cx, const struct bp_strlist *args, const struct bp_strlist *changed, struct bp_arena *mem)
{
	struct guide_rg_opt *o = opt;
	struct bp_scoring s = { .tool = "guide-rg", .cx = cx, .changed = changed, .rg = { cx, &o->base.p, NAN } };
	struct bp_err err = { 0 };

	if (has_target(&o->base.p) && bp_source_rg_target(&s.rg.target, cx, &o->base.p, mem, &err) != BP_OK) {
		err.code = err.code == BP_EINPUT ? BP_EUSAGE : err.code; /* it is no target that failed */
		return bp_main_fail(&err);
	}
	return args->n ? files(&s.rg, o->ccd, args, mem, &err) : bp_scoring_run(&s, bp_scoring_rg, true, &o->base.common);
}

static int
check(void *opt, const struct bp_strlist *args, struct bp_err *err)
{
	struct bp_guide_params *p = &((struct guide_rg_opt *)opt)->base.p;
	const bool none = !has_target(p), serve = ((struct guide_rg_opt *)opt)->base.serve != NULL;

	(void)args;
	if (none && serve)
		return BP_FAIL(
		    err, BP_EUSAGE, "--target RG, --data CURVE or --reference FILE", "--serve: there is no target");
	p->target_rg = none ? 1 : p->target_rg; /* so that the rest is checked */
	BP_TRY(bp_guide_check(p, err));
	p->target_rg = none ? 0 : p->target_rg;
	return BP_OK;
}

static const size_t hidden[] = { AT(base.p.target_rg), AT(base.p.saxs_file_path), AT(base.p.reference_pdb_path), 0 };

static const struct bp_guide_program program = {
	.about = {
		.name = "guide-rg",
		.summary = "radii of gyration of structures, or a guide of a sampler to a radius",
		.arguments = "[FILE...]",
		.about =
		    "Three uses of one function (doc/guides.md):\n\n"
		    "guide-rg --target RG reads structures records, adds the radius of each sample and its distance from the "
		    "target, which write puts into its JSON files, and passes everything on.\n\n"
		    "guide-rg FILE... prints a line of JSON for each model of PDB and mmCIF files.\n\n"
		    "guide-rg --target RG --serve - answers a sampler's requests: diffuse --guide 'exec:guide-rg --serve - "
		    "--target RG'.\n\n"
		    "The target is a number, the Guinier radius of a curve (--data) or the radius of a structure (--reference).",
		.options = options,
	},
	.hidden = hidden,
	.section = BP_GUIDE_RG,
	.size = sizeof(struct guide_rg_opt),
	.check = check,
	.run = run,
};

int
main(int argc, char **argv)
{
	return bp_guide_main(&program, argc, argv);
}
