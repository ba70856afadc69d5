/* weights: import, inspect and verify files of weights */
#include <stdio.h>
#include <string.h>

#include "base/main.h"
#include "tensor/wfile.h"

struct weights_opt {
	struct bp_common common;
	const char *out;
	bool bf16, override, json;
};

static const struct bp_optdef table[] = {
	{ "out", 'o', BP_OPT_STR, offsetof(struct weights_opt, out), NULL, "FILE",
	    "import: the safetensors file to write" },
	{ "bf16", 0, BP_OPT_FLAG, offsetof(struct weights_opt, bf16), NULL, NULL,
	    "import: store matrices as bfloat16 (half the size)" },
	{ "override", 0, BP_OPT_FLAG, offsetof(struct weights_opt, override), NULL, NULL,
	    "import: replace a file that exists" },
	{ "json", 'j', BP_OPT_FLAG, offsetof(struct weights_opt, json), NULL, NULL, "show: as one JSON object" },
	{ "verbose", 'v', BP_OPT_FLAG, offsetof(struct weights_opt, common.verbose), NULL, NULL, "say more" },
	{ "quiet", 'q', BP_OPT_FLAG, offsetof(struct weights_opt, common.quiet), NULL, NULL, "say only errors" },
	{ 0 },
};
static const struct bp_program prog = {
	"weights",
	"import, inspect and verify model weights",
	"import FILE -o OUT | show FILE | verify FILE",
	"FILE is a checkpoint as Boltz publishes it (boltz2_conf.ckpt, PyTorch Lightning's format) or a safetensors "
	"file.\n\n"
	"import writes the tensors of state_dict and the hyper-parameters as safetensors, which all programs map and "
	"share. Nothing in a "
	"checkpoint is run: it is a pickle, a program that may name any function to be called, and one that names "
	"another than "
	"those that make tensors and plain containers is refused. What is left out is listed.\n\n"
	"show lists hyper-parameters and tensors. verify reads everything, compares checksums, and looks for numbers "
	"that are not finite.",
	table,
};

static void
tell(const struct bp_val *report, const char *out)
{
	const struct bp_val *skipped = bp_val_get(report, "skipped");
	long long bf16 = bp_val_i64(bp_val_get(report, "to_bf16"), 0),
	          f32 = bp_val_i64(bp_val_get(report, "to_float32"), 0);

	printf("%s: %lld tensors, %lld parameters, %.1f MB\n", out,
	    (long long)bp_val_i64(bp_val_get(report, "tensors"), 0),
	    (long long)bp_val_i64(bp_val_get(report, "parameters"), 0),
	    bp_val_num(bp_val_get(report, "bytes"), 0) / 1e6);
	if (bf16)
		printf("stored as bfloat16: %lld tensors; vectors stay as they were\n", bf16);
	if (f32)
		printf("stored as float32: %lld tensors that were float64\n", f32);
	for (size_t i = 0; i < bp_val_count(skipped); i++)
		printf("%s%s%s", i ? ", " : "left out: ", bp_val_cstr(bp_val_at(skipped, i), "?"),
		    i + 1 == skipped->n ? "\n" : "");
}

static int
act(const struct weights_opt *o, const char *what, const char *path, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_wfile *w = NULL;
	struct bp_val *report;
	bool sum;
	int st;

	BP_TRY(bp_wfile_open(&w, path, err));
	if (strcmp(what, "show") == 0) {
		st = bp_wfile_show(w, o->json, stdout, err);
	} else if (strcmp(what, "verify") == 0) {
		if ((st = bp_wfile_verify(w, &sum, err)) == BP_OK)
			printf("%s: %d tensors, all numbers finite, %s\n", path, w->n,
			    sum ? "checksums right" : "no checksum in it");
	} else if ((st = bp_wfile_import(&report, w, o->out, o->bf16, o->override, mem, err)) == BP_OK) {
		tell(report, o->out);
	}
	bp_wfile_close(w);
	return st == BP_OK ? bp_stdout_flush(err) : st;
}

int
main(int argc, char **argv)
{
	const struct weights_opt defaults = { .common = BP_COMMON_INIT };
	struct weights_opt opt = defaults;
	struct bp_strlist args = { 0 };
	struct bp_arena *mem = NULL;
	struct bp_err err = { 0 };
	const char *what;
	int st = bp_main_start(&prog, &opt, &opt.common, &args, argc, argv, &mem);

	if (st >= 0)
		return st;
	what = args.n ? args.v[0] : "";
	if (strcmp(what, "import") && strcmp(what, "show") && strcmp(what, "verify"))
		st = BP_FAIL(&err, BP_EUSAGE, "see weights --help", "action '%s': import, show or verify wanted", what);
	else if (args.n != 2)
		st = BP_FAIL(&err, BP_EUSAGE, "see weights --help", "%s takes one file", what);
	else if (strcmp(what, "import") == 0 && !opt.out)
		st = BP_FAIL(&err, BP_EUSAGE, "add -o boltz2.safetensors", "import needs a file to write");
	else if ((st = bp_opt_action(&prog, &opt, &defaults, what, mem, &err)) == BP_OK)
		st = act(&opt, what, args.v[1], mem, &err);
	bp_arena_close(mem);
	if (st == BP_OK)
		return BP_EXIT_OK;
	(void)bp_main_fail(&err);
	return BP_EXIT_USAGE; /* a file of weights is configuration: unreadable or wrong, nothing can work with it */
}
