/* featurize: input files (YAML, FASTA) to features records */
#include <stdio.h>
#include <string.h>

#include "base/main.h"
#include "run.h"
#include "stream/metrics.h"
#include "stream/origin.h"

struct featurize_opt {
	struct bp_common common; /* out, seed, mem_cap, verbose, quiet */
	const char *ccd, *method, *resume_from, *resume_with;
	int max_msa_seqs;
	bool augment;
};
#define INIT                                                                                                           \
	{                                                                                                              \
		.common = BP_COMMON_INIT, .max_msa_seqs = 8192, .augment = true                                        \
	}

static const struct bp_optdef options[] = {
	BP_OPT_OUT(struct featurize_opt, common),
	BP_OPT_WIRE(struct featurize_opt, common),
	{ "run", 0, BP_OPT_STR, offsetof(struct featurize_opt, common.wire.run), NULL, "NAME",
	    "sockets: name of the run, the same when it is run again, so that what is there is not written twice" },
	{ "ccd", 0, BP_OPT_STR, offsetof(struct featurize_opt, ccd), NULL, "FILE",
	    "component store; else $BOLTZPIPE_CCD, ~/.boltz/ccd.bpccd; then the built-in one" },
	{ "method", 0, BP_OPT_STR, offsetof(struct featurize_opt, method), NULL, "NAME",
	    "predict as if seen by this experiment, e.g. 'electron microscopy'; else x-ray diffraction" },
	{ "max-msa-seqs", 0, BP_OPT_INT, offsetof(struct featurize_opt, max_msa_seqs), "[1,16384]", NULL,
	    "rows read of one alignment" },
	{ "ref-augmentation", 0, BP_OPT_FLAG, offsetof(struct featurize_opt, augment), NULL, NULL,
	    "turn and shift reference conformers at random, as in training; --no-... leaves them centred" },
	{ "resume-from", 0, BP_OPT_STR, offsetof(struct featurize_opt, resume_from), NULL, "DIR",
	    "do not make targets that are in DIR (write's -o), whole, and were made from the same" },
	{ "resume-with", 0, BP_OPT_STR, offsetof(struct featurize_opt, resume_with), NULL, "TEXT",
	    "how the later stages will make them, as boltzpipe predict knows it; else write compares" },
	BP_OPT_SEED(struct featurize_opt, common),
	BP_OPT_GENERAL(struct featurize_opt, common),
	{ 0 },
};
static const struct bp_program program = { "featurize", "input files to features records", "FILE|FOLDER|-...",
	"Reads targets (.yaml .yml: proteins, nucleic acids, ligands by CCD code, modified residues, MSAs,\n"
	"constraints; .fasta .fa .fas: CHAIN|TYPE[|MSA]) and writes a features record for each: the tensors that\n"
	"the network takes, under upstream's names, and tables of chains, residues, atoms and bonds. A folder\n"
	"stands for the inputs in it, - for stdin (YAML or FASTA). The target's name is the file's, or stdin. MSA paths count from the current\n"
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

static int
settle(struct featurize_run *r, const struct featurize_opt *opt, struct bp_err *err)
{
	const struct featurize_opt defaults = INIT;
	const char *ccd = bp_sprintf(r->config, err, "ccd %016llx", (unsigned long long)bp_ccd_id(r->ccd));

	r->o.max_msa_seqs = opt->max_msa_seqs;
	r->o.seed = opt->common.seed;
	r->o.augment = opt->augment;
	r->resume.dir = opt->resume_from;
	if (opt->resume_with)
		BP_TRY(resume_with(&r->resume, opt->resume_with, r->config, err));
	BP_TRY(pick_method(&r->o, opt->method, err));
	BP_TRY(bp_origin_options(&r->changed, &program, opt, &defaults, r->config, err));
	return ccd ? bp_strlist_add(&r->changed, ccd, r->config, err) : BP_EMEM;
}

int
main(int argc, char **argv)
{
	struct featurize_opt opt = INIT;
	struct featurize_run r = { .o = BP_FEATURES_OPT_INIT };
	struct bp_strlist args = { 0 };
	struct bp_ccd *ccd = NULL;
	struct bp_stats stats;
	struct bp_metrics *metrics = NULL;
	struct bp_err err = { 0 };
	struct bp_file *file;
	int n, st = bp_main_start(&program, &opt, &opt.common, &args, argc, argv, &r.config);

	if (st > 0)
		bp_out_abandon(NULL, opt.common.out);
	if (st >= 0)
		return st;
	bp_stats_open(&stats, program.name, NULL);
	if ((st = bp_ccd_open(&ccd, opt.ccd, r.config, &err)) != BP_OK
	    || (r.ccd = ccd, st = settle(&r, &opt, &err)) != BP_OK
	    || (st = bp_files_list(&file, &n, &args, r.config, &err)) != BP_OK
	    || (st = bp_arena_open(&r.mem, opt.common.mem_cap, &err)) != BP_OK
	    || (st = bp_metrics_open(&metrics, opt.common.wire.metrics, opt.common.wire.insecure, &stats, &err)) != BP_OK
	    || (st = bp_out_open_at(&r.out, opt.common.out, &opt.common.wire, &stats, &err)) != BP_OK)
		goto done;
	for (int i = 0; i < n && st == BP_OK; i++)
		st = featurize_one(&r, &file[i], &err);
	resume_tell(&r.resume);
	if (st == BP_OK)
		st = bp_out_end(r.out, &err);
done:
	if (st != BP_OK) {
		r.exit_code = bp_main_fail(&err);
		bp_out_abandon(r.out, opt.common.out);
		if (r.out) /* begun, and ended early */
			r.exit_code = BP_EXIT_STREAM;
	}
	bp_out_close(r.out);
	bp_metrics_close(metrics);
	bp_stats_close(&stats);
	bp_ccd_close(ccd);
	bp_arena_close(r.mem);
	bp_arena_close(r.config);
	return r.exit_code;
}
