/* collate: features records in, the same padded to few shapes out (lib/stream/pad.h). */
#include "base/log.h"
#include "base/main.h"
#include "stream/io.h"
#include "stream/origin.h"
#include "stream/pad.h"

struct collate_opt {
	struct bp_common common;
	int tokens, atoms;
	bool batch;
	const struct bp_strlist *changed;
};

#define AT(field) offsetof(struct collate_opt, field)
static const struct bp_optdef options[] = {
	BP_OPT_STREAM(struct collate_opt, common),
	{ "token-bucket", 0, BP_OPT_INT, AT(tokens), "[1,46336]", "N", "pad the tokens to a multiple of N" },
	{ "atom-bucket", 0, BP_OPT_INT, AT(atoms), "[32,1000000]", "N", "pad the atoms to a multiple of N, itself one of 32" },
	{ "batch", 0, BP_OPT_FLAG, AT(batch), NULL, NULL, "several small targets in one record: not in this version" },
	BP_OPT_GENERAL(struct collate_opt, common),
	{ 0 }
};

static const struct bp_program program = {
	.name = "collate",
	.summary = "pad targets to few sizes",
	.about = "Reads features records and pads each to a multiple of --token-bucket tokens and of --atom-bucket atoms. Padding is masked: "
		 "scores and structures are those of the target alone, but for the order of sums, and write cuts the padding off. "
		 "Several targets in one record (--batch) are not in this version.",
	.options = options,
};

static int64_t
up(int64_t x, int64_t to)
{
	return (x + to - 1) / to * to;
}

static int
collate(void *self, struct bp_rec **rec, struct bp_arena *mem, struct bp_out *out, struct bp_err *err)
{
	const struct collate_opt *o = self;
	const struct bp_tensor *t;
	int64_t tokens = -1, atoms = -1;
	double start = bp_seconds();

	(void)out;
	BP_TRY(bp_rec_want(&t, *rec, "token_pad_mask", BP_F32, 1, &tokens, err));
	BP_TRY(bp_rec_want(&t, *rec, "atom_pad_mask", BP_F32, 1, &atoms, err));
	if (tokens < 1 || atoms < 1 || tokens > 46336 || atoms > 10000000)
		return BP_FAIL(err, BP_EINPUT, NULL, "%lld tokens and %lld atoms", (long long)tokens, (long long)atoms);
	BP_TRY(bp_rec_pad(*rec, up(tokens, o->tokens), up(atoms, o->atoms), err));
	return bp_trail_add(*rec, "collate", NULL, "cpu", NULL, bp_seconds() - start, bp_arena_used(mem), o->changed, err);
}

int
main(int argc, char **argv)
{
	static const struct collate_opt defaults = { .common = BP_COMMON_INIT, .tokens = 64, .atoms = 512 };
	struct collate_opt opt = defaults;
	struct bp_filter f = { .tool = "collate", .want = BP_FEATURES, .stage = collate, .self = &opt, .wire = &opt.common.wire };
	struct bp_strlist changed = { 0 };
	struct bp_arena *mem = NULL;
	struct bp_err err = { 0 };
	int st = bp_main_start(&program, &opt, &opt.common, NULL, argc, argv, &mem);

	if (st >= 0)
		return st;
	if (opt.batch)
		st = BP_FAIL(&err, BP_EUNSUP, "leave out --batch", "--batch: batches are not in this version");
	else if (opt.atoms % 32)
		st = BP_FAIL(&err, BP_EUSAGE, "take a multiple of 32", "--atom-bucket: %d given", opt.atoms);
	else
		st = bp_origin_options(&changed, &program, &opt, &defaults, mem, &err);
	opt.changed = f.changed = &changed;
	f.in = opt.common.in;
	f.out = opt.common.out;
	f.mem_cap = opt.common.mem_cap;
	st = st == BP_OK ? bp_filter_run(&f) : bp_main_fail(&err);
	bp_arena_close(mem);
	return st;
}
