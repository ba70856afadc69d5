/* trunk: features records in, trunk records out: the network's first half (lib/model/trunk.h). */
#include "base/main.h"
#include "model/start.h"
#include "model/trunk.h"

struct trunk_opt {
	struct bp_common common;
	struct bp_trunk_opt run;
};

static const struct bp_optdef options[]
    = { BP_OPT_STREAM(struct trunk_opt, common), BP_OPT_COMPUTE(struct trunk_opt, common),
	      BP_OPT_WEIGHTS(struct trunk_opt, common), BP_OPT_SEED(struct trunk_opt, common),
	      { "recycling-steps", 0, BP_OPT_INT, offsetof(struct trunk_opt, run.recycling_steps), "[0,1000]", NULL,
	          "passes through the trunk after the first" },
	      { "subsample-msa", 0, BP_OPT_FLAG, offsetof(struct trunk_opt, run.subsample_msa), NULL, NULL,
	          "see a random part of the MSA in each pass" },
	      { "num-subsampled-msa", 0, BP_OPT_INT, offsetof(struct trunk_opt, run.num_subsampled_msa), "[1,1000000]",
	          NULL, "rows of that part" },
	      { "dump", 0, BP_OPT_STR, offsetof(struct trunk_opt, run.dump), NULL, "FILE",
	          "write intermediates (safetensors); a directory gets a file a target" },
	      BP_OPT_GENERAL(struct trunk_opt, common), { 0 } };

static const struct bp_program program = {
	.name = "trunk",
	.summary = "the network's first half: features to single and pair representations",
	.about
	= "Reads features records, adds s_inputs, s, z, pdistogram and pbfactor, drops the MSA, and writes trunk "
	  "records. A target that fails becomes an error record; the others go on.\n\n"
	  "Memory grows with the square of the tokens: it is worked out before a target starts, and one that "
	  "does not fit into --mem-cap or the machine is refused at once.",
	.options = options,
};

static int
run(struct trunk_opt *opt, struct bp_ctx *cx, struct bp_weights *w, struct bp_arena *mem)
{
	const struct trunk_opt defaults = { .common = BP_COMMON_INIT, .run = BP_TRUNK_INIT };
	struct bp_filter filter = { .tool = "trunk",
		.want = BP_FEATURES,
		.stage = bp_trunk_run,
		.in = opt->common.in,
		.out = opt->common.out,
		.mem_cap = opt->common.mem_cap };
	struct bp_strlist changed = { 0 };
	struct bp_trunk *trunk;
	struct bp_err err = { 0 };

	bp_weights_warn(w);
	opt->run.seed = opt->common.seed;
	opt->run.mem_cap = opt->common.mem_cap;
	opt->run.device = opt->common.device;
	opt->run.changed = &changed;
	if (!(opt->run.variant = bp_model_variant(cx, &opt->common, mem, &err))
	    || bp_opt_changed(&changed, &program, opt, &defaults, mem, &err) != BP_OK
	    || bp_trunk_open(&trunk, cx, w, &opt->run, mem, &err) != BP_OK)
		return bp_main_fail(&err);
	filter.self = trunk;
	return bp_filter_run(&filter);
}

int
main(int argc, char **argv)
{
	struct trunk_opt opt = { .common = BP_COMMON_INIT, .run = BP_TRUNK_INIT };
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
