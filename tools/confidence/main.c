/* confidence: structures records in, the same with scores out (lib/model/confidence.h). */
#include "base/main.h"
#include "model/confidence.h"
#include "model/start.h"

struct confidence_opt {
	struct bp_common common;
	struct bp_confidence_opt run;
};

static const struct bp_optdef options[] = {
	BP_OPT_STREAM(struct confidence_opt, common),
	BP_OPT_COMPUTE(struct confidence_opt, common),
	BP_OPT_WEIGHTS(struct confidence_opt, common),
	{ "write-embeddings", 0, BP_OPT_FLAG, offsetof(struct confidence_opt, run.write_embeddings), NULL, NULL,
	    "keep s and z in the record: write makes embeddings_ID.npz of them" },
	{ "dump", 0, BP_OPT_STR, offsetof(struct confidence_opt, run.dump), NULL, "FILE",
	    "write intermediates (safetensors); a directory gets a file a target" },
	BP_OPT_GENERAL(struct confidence_opt, common),
	{ 0 }
};

static const struct bp_program program = {
	.name = "confidence",
	.summary = "pLDDT, PAE, PDE, pTM, ipTM and the ranking score of sampled structures",
	.about =
	    "Reads structures records, adds plddt, pae, pde, complex_plddt, complex_iplddt, complex_pde, "
	    "complex_ipde, ptm, iptm, ligand_iptm, protein_iptm, pair_chains_iptm and confidence_score, drops "
	    "the trunk's tensors, and writes structures records. A target that fails becomes an error record; "
	    "the others go on.\n\n"
	    "Samples are scored one after the other: memory does not grow with their number. It is worked out "
	    "before a target starts; one that does not fit into --mem-cap or the machine is refused at once.",
	.options = options,
};

static int
run(struct confidence_opt *opt, struct bp_ctx *cx, struct bp_weights *w, struct bp_arena *mem)
{
	const struct confidence_opt defaults = { .common = BP_COMMON_INIT };
	struct bp_filter filter = { .tool = "confidence", .want = BP_STRUCTURES, .stage = bp_confidence_run,
	    .in = opt->common.in,
		.out = opt->common.out, .mem_cap = opt->common.mem_cap };
	struct bp_strlist changed = { 0 };
	struct bp_confidence *confidence;
	struct bp_err err = { 0 };

	opt->run.mem_cap = opt->common.mem_cap;
	opt->run.device = opt->common.device;
	opt->run.changed = &changed;
	if (!(opt->run.variant = bp_model_variant(cx, &opt->common, mem, &err))
	    || bp_opt_changed(&changed, &program, opt, &defaults, mem, &err) != BP_OK
	    || bp_confidence_open(&confidence, cx, w, &opt->run, mem, &err) != BP_OK)
		return bp_main_fail(&err);
	filter.self = confidence;
	return bp_filter_run(&filter);
}

int
main(int argc, char **argv)
{
	struct confidence_opt opt = { .common = BP_COMMON_INIT };
	struct bp_arena *mem = NULL;
	struct bp_weights *w = NULL;
	struct bp_ctx *cx = NULL;
	struct bp_err err = { 0 };
	int st = bp_main_start(&program, &opt, &opt.common, NULL, argc, argv, &mem);

	if (st >= 0)
		return st;
	st = bp_model_open(&cx, &w, &opt.common, &err) == BP_OK ? run(&opt, cx, w, mem) : bp_main_fail(&err);
	bp_model_close(cx, w);
	bp_arena_close(mem);
	return st;
}
