/* confidence: structures records in, the same with scores out (lib/model/confidence.h). */
#include "model/confidence.h"
#include "model/start.h"

struct confidence_opt {
	struct bp_common common;
	struct bp_confidence_opt run;
};

static const struct bp_optdef options[] = {
	BP_OPT_STREAM(struct confidence_opt, common),
	BP_OPT_COMPUTE(struct confidence_opt, common),
	BP_OPT_CHUNK(struct confidence_opt, common),
	BP_OPT_WEIGHTS(struct confidence_opt, common),
	{ "write-embeddings", 0, BP_OPT_FLAG, offsetof(struct confidence_opt, run.write_embeddings), NULL, NULL,
	    "keep s and z in the record: write makes embeddings_ID.npz of them" },
	{ "dump", 0, BP_OPT_STR, offsetof(struct confidence_opt, run.dump), NULL, "FILE",
	    "write intermediates (safetensors); a directory gets a file a target" },
	BP_OPT_GENERAL(struct confidence_opt, common),
	{ 0 }
};

static int
open_stage(void **stage, struct bp_ctx *cx, struct bp_weights *w, void *opt, const struct bp_stage_opt *common,
    struct bp_arena *mem, struct bp_err *err)
{
	struct confidence_opt *o = opt;
	struct bp_confidence *self = NULL;

	o->run.stage = *common;
	BP_TRY(bp_confidence_open(&self, cx, w, &o->run, mem, err));
	*stage = self;
	return BP_OK;
}

static const struct confidence_opt defaults = { .common = BP_COMMON_INIT };

static const struct bp_stage_program stage = {
	.program = {
		.name = "confidence",
		.summary = "pLDDT, PAE, PDE, pTM, ipTM and the ranking score of sampled structures",
		.about =
		    "Reads structures records, adds plddt, pae, pde, complex_plddt, complex_iplddt, complex_pde, "
		    "complex_ipde, ptm, iptm, ligand_iptm, protein_iptm, pair_chains_iptm and confidence_score, drops "
		    "the trunk's tensors, and writes structures records. A target that fails becomes an error record; "
		    "the others go on.\n\n"
		    "Samples are scored one after the other: memory does not grow with their number. It is worked out "
		    "before a target starts; one that does not fit into --mem-cap or the machine is refused at once. When memory is short, or "
		    "--chunk says so, work goes on blocks of rows of pairs, to the same results.",
		.options = options,
	},
	.size = sizeof defaults,
	.defaults = &defaults,
	.card_precision = "bf16",
	.want = BP_STRUCTURES,
	.run = bp_confidence_run,
	.open = open_stage,
	.warm = bp_confidence_warm,
	.plan = bp_confidence_plan,
	.together = bp_confidence_together,
	.lane = bp_confidence_lane,
	.batch = bp_confidence_batch,
};

int
main(int argc, char **argv)
{
	return bp_stage_main(&stage, argc, argv);
}
