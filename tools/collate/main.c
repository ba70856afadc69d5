/* collate: features records in, the same padded to few shapes and small ones in batches out (lib/stream/pad.h, gather.h). */
#include "base/log.h"
#include "base/main.h"
#include "stream/gather.h"
#include "stream/origin.h"
#include "stream/pad.h"

struct collate_opt {
	struct bp_common common;
	int tokens, atoms, batch, batch_tokens;
	double batch_wait;
};

#define AT(field) offsetof(struct collate_opt, field)
static const struct bp_optdef options[] = {
	BP_OPT_STREAM(struct collate_opt, common),
	{ "token-bucket", 0, BP_OPT_INT, AT(tokens), "[1,46336]", "N", "pad the tokens to a multiple of N" },
	{ "atom-bucket", 0, BP_OPT_INT, AT(atoms), "[32,1000000]", "N", "pad the atoms to a multiple of N, itself one of 32" },
	{ "batch", 0, BP_OPT_INT, AT(batch), "[1,64]", "N", "small targets of one size that travel together; 1: none" },
	{ "batch-tokens", 0, BP_OPT_INT, AT(batch_tokens), "[1,46336]", "N", "small: at most N tokens, padding included" },
	{ "batch-wait", 0, BP_OPT_NUM, AT(batch_wait), "[0,3600]", "S",
	    "send what there is of a batch when nothing has come for S seconds" },
	BP_OPT_GENERAL(struct collate_opt, common),
	{ 0 }
};

static const struct bp_program program = {
	.name = "collate",
	.summary = "pad targets to few sizes, put small ones together",
	.about = "Reads features records and pads each to a multiple of --token-bucket tokens and of --atom-bucket atoms. Padding is masked: "
		 "scores and structures are those of the target alone, but for the order of sums, and write cuts the padding off.\n\n"
		 "Small targets of one padded size travel in one record, --batch of them: trunk, diffuse and confidence work on all of them at the same "
		 "time, to the same bytes as one by one, and every other stage gets them one by one. Larger ones overtake a batch that waits for more.",
	.options = options,
};

struct collate {
	struct bp_gather gather; /* first: it is the filter's keeper */
	const struct collate_opt *o;
	const struct bp_strlist *changed;
};

static int64_t
up(int64_t x, int64_t to)
{
	return (x + to - 1) / to * to;
}

static int
collate(void *self, struct bp_rec **rec, struct bp_arena *mem, struct bp_out *out, struct bp_err *err)
{
	struct collate *c = self;
	const struct collate_opt *o = c->o;
	const struct bp_tensor *t;
	int64_t tokens = -1, atoms = -1;
	double start = bp_seconds();

	BP_TRY(bp_rec_want(&t, *rec, "token_pad_mask", BP_F32, 1, &tokens, err));
	BP_TRY(bp_rec_want(&t, *rec, "atom_pad_mask", BP_F32, 1, &atoms, err));
	if (tokens < 1 || atoms < 1 || tokens > 46336 || atoms > 10000000)
		return BP_FAIL(err, BP_EINPUT, NULL, "%lld tokens and %lld atoms", (long long)tokens, (long long)atoms);
	tokens = up(tokens, o->tokens);
	atoms = up(atoms, o->atoms);
	BP_TRY(bp_rec_pad(*rec, tokens, atoms, err));
	BP_TRY(bp_trail_add(*rec, "collate", NULL, "cpu", NULL, bp_seconds() - start, bp_arena_used(mem), c->changed, err));
	if (o->batch == 1)
		return BP_OK;
	if (tokens > o->batch_tokens)
		return bp_gather_pass(&c->gather, out, err);
	BP_TRY(bp_gather_keep(&c->gather, *rec, tokens, atoms, mem, out, err));
	*rec = NULL;
	return BP_OK;
}

int
main(int argc, char **argv)
{
	static const struct collate_opt defaults
	    = { .common = BP_COMMON_INIT, .tokens = 64, .atoms = 512, .batch = 8, .batch_tokens = 256, .batch_wait = 1 };
	struct collate_opt opt = defaults;
	struct bp_strlist changed = { 0 };
	struct collate c = { .o = &opt, .changed = &changed, .gather.tool = "collate" };
	struct bp_keeper keeper = { .keeps = bp_gather_keeps, .flush = bp_gather_flush, .forget = bp_gather_forget };
	struct bp_filter f = { .tool = "collate", .want = BP_FEATURES, .stage = collate, .self = &c, .keeper = &keeper, .wire = &opt.common.wire };
	struct bp_arena *mem = NULL;
	struct bp_err err = { 0 };
	int st = bp_main_start(&program, &opt, &opt.common, NULL, argc, argv, &mem);

	if (st >= 0)
		return st;
	if (opt.atoms % 32)
		st = BP_FAIL(&err, BP_EUSAGE, "take a multiple of 32", "--atom-bucket: %d given", opt.atoms);
	else
		st = bp_origin_options(&changed, &program, &opt, &defaults, mem, &err);
	c.gather.size = opt.batch;
	keeper.wait = opt.batch_wait;
	f.changed = &changed;
	f.in = opt.common.in;
	f.out = opt.common.out;
	f.mem_cap = opt.common.mem_cap;
	st = st == BP_OK ? bp_filter_run(&f) : bp_main_fail(&err);
	bp_arena_close(mem);
	return st;
}
