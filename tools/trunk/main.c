/* trunk: features records in, trunk records out: the network's first half (lib/model/trunk.h). */
#include <string.h>

#include "model/start.h"
#include "model/trunk.h"

struct trunk_opt {
	struct bp_common common;
	struct bp_trunk_opt run;
};

static const struct bp_optdef options[]
    = { BP_OPT_STREAM(struct trunk_opt, common), BP_OPT_COMPUTE(struct trunk_opt, common), BP_OPT_CHUNK(struct trunk_opt, common),
	      BP_OPT_WEIGHTS(struct trunk_opt, common), BP_OPT_SEED(struct trunk_opt, common),
	      { "recycling-steps", 0, BP_OPT_INT, offsetof(struct trunk_opt, run.recycling_steps), "[0,1000]", NULL,
	          "passes through the trunk after the first" },
	      { "subsample-msa", 0, BP_OPT_FLAG, offsetof(struct trunk_opt, run.subsample_msa), NULL, NULL,
	          "see a random part of the MSA in each pass" },
	      { "num-subsampled-msa", 0, BP_OPT_INT, offsetof(struct trunk_opt, run.num_subsampled_msa), "[1,1000000]",
	          NULL, "rows of that part" },
	      { "dump", 0, BP_OPT_STR, offsetof(struct trunk_opt, run.dump), NULL, "FILE",
	          "write intermediates (safetensors); a directory gets a file a target" },
	      { "no-graphs", 0, BP_OPT_FLAG, offsetof(struct trunk_opt, run.no_graphs), NULL, NULL,
	          "on a card: launch every kernel of a pass by itself, instead of all as one CUDA graph" },
	      BP_OPT_GENERAL(struct trunk_opt, common), { 0 } };

static int
open_stage(void **stage, struct bp_ctx *cx, struct bp_weights *w, void *opt, const struct bp_stage_opt *common,
    struct bp_arena *mem, struct bp_err *err)
{
	struct trunk_opt *o = opt;
	struct bp_trunk *self = NULL;

	bp_weights_warn(w);
	o->run.stage = *common;
	o->run.no_graphs |= !strcmp(o->common.variant, "original");
	BP_TRY(bp_trunk_open(&self, cx, w, &o->run, mem, err));
	*stage = self;
	return BP_OK;
}

static const struct trunk_opt defaults = { .common = BP_COMMON_INIT, .run = BP_TRUNK_INIT };

static const struct bp_stage_program stage = {
	.program = {
		.name = "trunk",
		.summary = "the network's first half: features to single and pair representations",
		.about
		= "Reads features records, adds s_inputs, s, z, pdistogram and pbfactor, drops the MSA, and writes trunk "
		  "records. A target that fails becomes an error record; the others go on.\n\n"
		  "Memory grows with the square of the tokens: it is worked out before a target starts, and one that "
		  "does not fit into --mem-cap or the machine is refused at once. When memory is short, or --chunk says so, work goes on "
		  "blocks of rows of pairs, to the same results; on a card the pairs then wait in the host's memory while the MSA is "
		  "worked on.",
		.options = options,
	},
	.size = sizeof defaults,
	.defaults = &defaults,
	.card_precision = "bf16",
	.want = BP_FEATURES,
	.run = bp_trunk_run,
	.open = open_stage,
	.close = bp_trunk_close,
	.plan = bp_trunk_plan,
	.together = bp_trunk_together,
	.lane = bp_trunk_lane,
	.lane_close = bp_trunk_close,
	.batch = bp_trunk_batch,
};

int
main(int argc, char **argv)
{
	return bp_stage_main(&stage, argc, argv);
}
