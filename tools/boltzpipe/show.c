/* boltzpipe show: a stream for people */
#include "stream/show.h"
#include "subcommands.h"

static const struct bp_optdef table[] = {
	{ "in", 0, BP_OPT_STR, offsetof(struct bp_show, in), NULL, "FILE", "read records from FILE instead of stdin" },
	{ "tensor", 't', BP_OPT_STR, offsetof(struct bp_show, tensor), NULL, "NAME", "print this tensor as text" },
	{ "npy", 0, BP_OPT_STR, offsetof(struct bp_show, npy), NULL, "FILE",
	    "write the tensor as NumPy's .npy instead" },
	{ "record", 'r', BP_OPT_INT, offsetof(struct bp_show, record), "[-1,2147483647]", NULL,
	    "only this record, from 0; -1: all" },
	{ "json", 'j', BP_OPT_FLAG, offsetof(struct bp_show, json), NULL, NULL, "one line of JSON a record" },
	{ "mem-cap", 0, BP_OPT_SIZE, offsetof(struct bp_show, mem_cap), NULL, "BYTES",
	    "most memory for one record; 0: no cap" },
	{ 0 },
};
static const struct bp_program prog = {
	"boltzpipe show",
	"print a stream for people: records, tensors, where they came from",
	"[FILE]",
	"Without options each record is summarised: kind, target, tensors with type, shape and range, what else it "
	"holds, and the stages it "
	"passed. The whole stream is read and its checksums are verified; a cut or damaged one is an error (exit 3).",
	table,
};

int
bp_show_main(int argc, char **argv)
{
	struct bp_show opt = { .record = -1 };
	struct bp_strlist args = { 0 };
	struct bp_arena *mem = NULL;
	struct bp_err err = { 0 };
	int st = bp_main_start(&prog, &opt, NULL, &args, argc, argv, &mem);

	if (st >= 0)
		return st;
	if (args.n > 1 || (args.n && opt.in))
		st = BP_FAIL(&err, BP_EUSAGE, "join them: cat A B | boltzpipe show", "one file wanted");
	else {
		if (args.n)
			opt.in = args.v[0];
		st = bp_show(&opt, stdout, &err);
	}
	bp_arena_close(mem);
	if (st == BP_OK)
		return BP_EXIT_OK;
	bp_main_fail(&err);
	return bp_err_exit(st);
}
