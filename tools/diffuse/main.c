/* diffuse: trunk records in, structures records out: sampled coordinates (lib/model/diffuse.h). */
#include <string.h>

#include "base/main.h"
#include "model/diffuse.h"
#include "model/start.h"

struct diffuse_opt {
	struct bp_common common;
	struct bp_diffuse_opt run;
	bool use_potentials;
};

#define FIELD(f) offsetof(struct diffuse_opt, f)
static const struct bp_optdef options[] = {
	BP_OPT_STREAM(struct diffuse_opt, common),
	BP_OPT_COMPUTE(struct diffuse_opt, common),
	BP_OPT_CHUNK(struct diffuse_opt, common),
	BP_OPT_WEIGHTS(struct diffuse_opt, common),
	BP_OPT_SEED(struct diffuse_opt, common),
	{ "sampling-steps", 0, BP_OPT_INT, FIELD(run.steps), "[2,100000]", NULL, "denoising steps" },
	{ "diffusion-samples", 0, BP_OPT_INT, FIELD(run.samples), "[1,100000]", NULL, "structures a target" },
	{ "max-parallel-samples", 0, BP_OPT_INT, FIELD(run.max_parallel), "[1,100000]", NULL,
	    "of them through the network at once: more memory, less time" },
	{ "step-scale", 0, BP_OPT_NUM, FIELD(run.step_scale), "(0,100]", NULL,
	    "length of a step: lower gives more different samples, 1 to 2 is sensible" },
	{ "record-noise", 0, BP_OPT_STR, FIELD(run.record_noise), NULL, "FILE",
	    "write every random number (safetensors); a directory gets a file a target" },
	{ "replay-noise", 0, BP_OPT_STR, FIELD(run.replay_noise), NULL, "FILE",
		"take every random number from such a file" },
	{ "write-trajectory", 0, BP_OPT_FLAG, FIELD(run.write_trajectory), NULL, NULL,
	    "a trajectory record a step, which `write` makes files of" },
	{ "save-trajectory", 0, BP_OPT_FLAG, FIELD(run.write_trajectory), NULL, NULL, "the same as --write-trajectory" },
	BP_OPT_REFINE(struct diffuse_opt, run.refine),
	{ "dump", 0, BP_OPT_STR, FIELD(run.dump), NULL, "FILE",
	    "write intermediates (safetensors); a directory gets a file a target" },
	BP_OPT_GUIDES(struct diffuse_opt, run.guides),
	{ "use-potentials", 0, BP_OPT_FLAG, FIELD(use_potentials), NULL, NULL,
		"physical potentials: not in this version" },
	{ "no-graphs", 0, BP_OPT_FLAG, FIELD(run.no_graphs), NULL, NULL,
	    "on a card: launch every kernel of a step by itself, instead of all as one CUDA graph" },
	BP_OPT_GENERAL(struct diffuse_opt, common),
	{ 0 }
};

static int
refuse(const struct diffuse_opt *opt, struct bp_err *err)
{
	if (opt->use_potentials)
		return BP_FAIL(err, BP_EUNSUP, "leave out --use-potentials",
		    "--use-potentials: potentials are not in this version");
	return BP_OK;
}

static int
open_stage(void **stage, struct bp_ctx *cx, struct bp_weights *w, void *opt, const struct bp_stage_opt *common,
    struct bp_arena *mem, struct bp_err *err)
{
	struct diffuse_opt *o = opt;
	struct bp_diffuse *self = NULL;

	BP_TRY(refuse(o, err));
	o->run.stage = *common;
	o->run.guides.wire = &o->common.wire;
	o->run.no_graphs |= !strcmp(o->common.variant, "original");
	BP_TRY(bp_diffuse_open(&self, cx, w, &o->run, mem, err));
	*stage = self;
	return BP_OK;
}

static const struct diffuse_opt defaults = { .common = BP_COMMON_INIT, .run = BP_DIFFUSE_INIT };

static const struct bp_stage_program stage = {
	.program = {
		.name = "diffuse",
		.summary = "sample structures from trunk representations",
		.about =
		    "Reads trunk records, adds sample_atom_coords [samples, atoms, 3] in angstrom, and writes "
		    "structures records. A target that fails becomes an error record; the others go on.\n\n"
		    "Random numbers depend on seed, target name, sample, step and atom alone, not on what else is in "
		    "the run. With --record-noise and --replay-noise every draw can be kept and given back, to "
		    "compare variants, devices and programs.\n\n"
		    "Memory is worked out before a target starts; one that does not fit into --mem-cap or the machine "
		    "is refused at once.",
		.options = options,
	},
	.size = sizeof defaults,
	.defaults = &defaults,
	.card_precision = "tf32",
	.want = BP_TRUNK,
	.run = bp_diffuse_run,
	.open = open_stage,
	.close = bp_diffuse_close,
	.warm = bp_diffuse_warm,
	.plan = bp_diffuse_plan,
	.together = bp_diffuse_together,
	.lane = bp_diffuse_lane,
	.lane_close = bp_diffuse_lane_close,
	.batch = bp_diffuse_batch,
	.samples = offsetof(struct diffuse_opt, run.samples),
};

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--list-guide-keys") == 0) { /* needs no weights */
		bp_guide_print_keys(stdout);
		return bp_stdout_flush(NULL) == BP_OK ? BP_EXIT_OK : BP_EXIT_USAGE;
	}
	return bp_stage_main(&stage, argc, argv);
}
