/* featurize: input files (YAML, FASTA) to features records */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/main.h"
#include "input/features.h"
#include "input/files.h"
#include "stream/io.h"

struct featurize_opt {
	struct bp_common common; /* out, seed, mem_cap, verbose, quiet */
	const char *ccd, *method;
	int max_msa_seqs;
	bool augment;
};
#define INIT { .common = BP_COMMON_INIT, .max_msa_seqs = 8192, .augment = true }

static const struct bp_optdef options[] = {
	{ "out", 0, BP_OPT_STR, offsetof(struct featurize_opt, common.out), NULL, "FILE",
	    "write records to FILE instead of stdout" },
	{ "ccd", 0, BP_OPT_STR, offsetof(struct featurize_opt, ccd), NULL, "FILE",
	    "component store; else $BOLTZPIPE_CCD, ~/.boltz/ccd.bpccd; then the built-in one" },
	{ "method", 0, BP_OPT_STR, offsetof(struct featurize_opt, method), NULL, "NAME",
	    "predict as if seen by this experiment, e.g. 'electron microscopy'; else x-ray diffraction" },
	{ "max-msa-seqs", 0, BP_OPT_INT, offsetof(struct featurize_opt, max_msa_seqs), "[1,16384]", NULL,
	    "rows read of one alignment" },
	{ "ref-augmentation", 0, BP_OPT_FLAG, offsetof(struct featurize_opt, augment), NULL, NULL,
	    "turn and shift reference conformers at random, as in training; --no-... leaves them centred" },
	BP_OPT_SEED(struct featurize_opt, common),
	BP_OPT_GENERAL(struct featurize_opt, common),
	{ 0 },
};
static const struct bp_program program = { "featurize", "input files to features records", "FILE|FOLDER...",
	"Reads targets (.yaml .yml: proteins, nucleic acids, ligands by CCD code, modified residues, MSAs,\n"
	"constraints; .fasta .fa .fas: CHAIN|TYPE[|MSA]) and writes a features record for each: the tensors that\n"
	"the network takes, under upstream's names, and tables of chains, residues, atoms and bonds. A folder\n"
	"stands for the inputs in it. The target's name is the file's. MSA paths count from the current\n"
	"directory, then from the input's. A target that fails becomes an error record; the others go on.",
	options };

static int
pick_method(struct bp_features_opt *o, const char *name, struct bp_err *err)
{
	char known[400] = "";
	int n = 0;

	if (!name || (o->method = bp_method_id(name)) >= 0)
		return BP_OK;
	for (int i = 0; bp_method_name(i) && n < (int)sizeof known; i++)
		n += snprintf(known + n, sizeof known - (size_t)n, "%s%s", i ? ", " : "", bp_method_name(i));
	return BP_FAIL(err, BP_EUSAGE, NULL, "--method '%.40s' is not known; one of %s", name, known);
}

/* the options given, for the trail */
static int
changed(struct bp_val **ret, const struct featurize_opt *opt, struct bp_arena *mem, struct bp_err *err)
{
	const struct featurize_opt defaults = INIT;
	struct bp_strlist list;

	*ret = bp_val_arr(mem, err);
	BP_TRY(bp_opt_changed(&list, &program, opt, &defaults, mem, err));
	for (int i = 0; i < list.n; i++)
		BP_TRY(bp_val_push(*ret, bp_val_str(mem, list.v[i], err), mem, err));
	return BP_OK;
}

/* one target to the stream; *exit_code rises when it failed */
static int
one(struct bp_out *out, const struct bp_file *file, const struct bp_ccd *ccd, const struct bp_features_opt *o,
    struct bp_val *trail, struct bp_arena *mem, int *exit_code, struct bp_err *err)
{
	double start = bp_seconds();
	struct bp_rec *rec;
	int st;

	bp_arena_peak_reset(mem);
	BP_TRY(bp_rec_new(&rec, BP_FEATURES, file->id, mem, err));
	if (file->as)
		st = BP_FAIL(err, BP_EINPUT, "rename one of the files", "%s: target %s is there already, from %s",
		    file->path, file->as->id, file->as->path);
	else if ((st = bp_featurize(rec, file->path, ccd, o, err)) == BP_OK)
		st = bp_trail_add(rec, program.name, NULL, "cpu", bp_seconds() - start, bp_arena_peak(mem), trail, err);
	if (st == BP_OK && ((st = bp_out_put(out, rec, err)) == BP_OK || bp_out_broken(out) != BP_OK)) {
		bp_log(BP_LOG_INFO, "%s: %.3f s", file->id, bp_seconds() - start);
		return st;
	}
	if (strncmp(err->msg, file->path, strlen(file->path)) != 0) /* such as: out of memory */
		bp_err_where(err, "%s", file->path);
	bp_log_err(err);
	if (*exit_code == BP_EXIT_OK || st == BP_EUNSUP)
		*exit_code = st == BP_EUNSUP ? BP_EXIT_USAGE : BP_EXIT_TARGETS;
	return bp_out_put(out, bp_rec_failure(rec, program.name, err), err);
}

int
main(int argc, char **argv)
{
	struct featurize_opt opt = INIT;
	struct bp_features_opt o = BP_FEATURES_OPT_INIT;
	struct bp_arena *mem = NULL, *rec_mem = NULL;
	struct bp_strlist args = { 0 };
	struct bp_ccd *ccd = NULL;
	struct bp_out *out = NULL;
	struct bp_err err = { 0 };
	struct bp_file *file;
	struct bp_val *trail;
	int n, exit_code = BP_EXIT_OK, st = bp_main_start(&program, &opt, &opt.common, &args, argc, argv, &mem);

	if (st >= 0)
		return st;
	o.max_msa_seqs = opt.max_msa_seqs;
	o.seed = opt.common.seed;
	o.augment = opt.augment;
	if ((st = pick_method(&o, opt.method, &err)) != BP_OK || (st = changed(&trail, &opt, mem, &err)) != BP_OK
	    || (st = bp_files_list(&file, &n, &args, mem, &err)) != BP_OK
	    || (st = bp_arena_open(&rec_mem, opt.common.mem_cap, &err)) != BP_OK
	    || (st = bp_ccd_open(&ccd, opt.ccd, mem, &err)) != BP_OK
	    || (st = bp_out_open(&out, opt.common.out, &err)) != BP_OK)
		goto done;
	for (int i = 0; i < n && st == BP_OK; i++) {
		st = one(out, &file[i], ccd, &o, trail, rec_mem, &exit_code, &err);
		bp_arena_reset(rec_mem);
	}
	if (st == BP_OK)
		st = bp_out_end(out, &err);
done:
	if (st != BP_OK) {
		exit_code = bp_main_fail(&err);
		if (out) /* begun, and ended early */
			exit_code = BP_EXIT_STREAM;
	}
	bp_out_close(out);
	bp_ccd_close(ccd);
	bp_arena_close(rec_mem);
	bp_arena_close(mem);
	return exit_code;
}
