/* lib/model/start.h: what the programs that run the network have in common: from the command line to the loop over
 * records, and each stage's entry in the trail. */
#ifndef BP_START_H
#define BP_START_H

#include "base/opt.h"
#include "model/plan.h"
#include "model/weights.h"
#include "stream/io.h"

/* What every stage takes from the common options. */
struct bp_stage_opt {
	uint64_t seed;
	size_t mem_cap;                  /* bytes of one target, 0: none                               */
	const char *variant, *device;    /* for the trail: "optimized bf16 tri_attn=original", "cuda:0" */
	const char *weights;             /* bp_weights_id, for the trail; or NULL                      */
	const struct bp_strlist *changed; /* bp_origin_options, for the trail; or NULL                  */
	const struct bp_ctx *cx;         /* whose chunk the trail tells, or NULL                       */
};

/* Append the stage's entry to rec's trail (stream/io.h). */
int bp_stage_sign(struct bp_rec *rec, const char *tool, const struct bp_stage_opt *o, double seconds, size_t peak,
    struct bp_err *err) BP_MUST_USE;

/* A program around one stage. Its options are a struct of `size` bytes that begins with struct bp_common. */
struct bp_stage_program {
	struct bp_program program;
	size_t size;
	const void *defaults; /* a struct of options */
	const char *card_precision; /* --precision auto on a card, as in upstream's mixed precision; NULL: fp32 */
	enum bp_kind want;
	bp_stage_fn *run;
	/* Make the stage, the first argument of run, from a struct of options. All arguments live until the end. */
	int (*open)(void **stage, struct bp_ctx *cx, struct bp_weights *w, void *opt, const struct bp_stage_opt *o,
	    struct bp_arena *mem, struct bp_err *err);
	void (*close)(void *stage); /* at the end; NULL: nothing to close */
	/* One pass over a blank target (bp_feats_blank) of n tokens, while a card's stage waits for its first record: what is loaded at first use is there then. Its results, and
	 * whether it has any, are nobody's business. Scratch in mem and on the device. NULL: what comes first comes at once. */
	int (*warm)(void *stage, int n, int atoms, struct bp_arena *mem, struct bp_err *err);
	/* --plan: what a target of this size would take; room: bytes for activations on the device, 0: any */
	int (*plan)(struct bp_planned *ret, void *stage, const struct bp_plan_size *size, size_t room, struct bp_arena *mem,
	    struct bp_err *err);
	size_t samples; /* offset of the int that says how many, in options; 0: none */
	/* Members of a batch (model/lanes.h): may this record run beside others, and run()'s first argument for a lane of the stage's context: a copy that shares what is bound. out is
	 * NULL in run() there. lane_close may be NULL. */
	bool (*together)(const void *stage, const struct bp_rec *rec);
	int (*lane)(void **ret, const void *stage, struct bp_ctx *lane, struct bp_arena *mem, struct bp_err *err);
	void (*lane_close)(void *lane);
	/* The same members in one go on a card, as a bp_batch_fn of the stage, with the same bytes for each as alone; they have their arenas. BP_EMEM, BP_EUNSUP: they do not
	 * fit in together, and take lanes. NULL: they always do. */
	int (*batch)(void *stage, struct bp_rec *const *member, struct bp_err *fate, int n, struct bp_err *err);
};

/* main(): parse, open the context of --device, --variant, --op, --precision, --threads and the file of --weights, make
 * the stage, run the loop. --mem-cap is not the context's: each target is held to it (model/plan.h). -v tells weights
 * and bound kernels. Returns the exit status. */
int bp_stage_main(const struct bp_stage_program *p, int argc, char **argv);

#endif
