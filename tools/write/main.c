/* write: structures records become files; a line of JSON a target goes to stdout. */
#include <signal.h>
#include <string.h>

#include "base/log.h"
#include "base/main.h"
#include "ended.h"
#include "run.h"
#include "stream/metrics.h"
#include "stream/origin.h"

struct write_opt {
	struct bp_common common;
	const char *dir, *format, *trajectory;
	bool override, resume, part;
	struct bp_save_opt save;
};

#define AT(field) offsetof(struct write_opt, field)
static const struct bp_optdef options[] = {
	{ "out-dir", 'o', BP_OPT_STR, AT(dir), BP_REQUIRED, "DIR", "write DIR/predictions/ID/..." },
	{ "output-format", 0, BP_OPT_WORD, AT(format), "mmcif|pdb", NULL, "of the structures" },
	{ "trajectory-format", 0, BP_OPT_WORD, AT(trajectory), "mmcif|pdb|dcd|npz", NULL, "else as the structures" },
	{ "override", 0, BP_OPT_FLAG, AT(override), NULL, NULL, "replace targets that are there already" },
	{ "resume", 0, BP_OPT_FLAG, AT(resume), NULL, NULL,
	  "keep targets that are there and were made from the same input, weights and options; replace others" },
	{ "write-full-pae", 0, BP_OPT_FLAG, AT(save.full_pae), NULL, NULL, "write pae_*.npz (default; --no-write-full-pae)" },
	{ "write-full-pde", 0, BP_OPT_FLAG, AT(save.full_pde), NULL, NULL, "write pde_*.npz (default; --no-write-full-pde)" },
	{ "write-embeddings", 0, BP_OPT_FLAG, AT(save.embeddings), NULL, NULL,
	  "write embeddings_ID.npz with s and z (confidence needs --write-embeddings, too)" },
	BP_OPT_IN(struct write_opt, common),
	BP_OPT_WIRE(struct write_opt, common),
	BP_OPT_STALL(struct write_opt, common),
	{ "part", 0, BP_OPT_FLAG, AT(part), NULL, NULL, "sockets: other writers take the rest of the run: do not miss it" },
	BP_OPT_GENERAL(struct write_opt, common),
	{ 0 }
};

static const struct bp_program program = {
	.name = "write",
	.summary = "write predicted structures and their confidence to files",
	.about = "Reads structures records and writes, for each target, DIR/predictions/ID/ID_model_R.cif (or .pdb), "
	    "confidence_ID_model_R.json, plddt_, pae_ and pde_ID_model_R.npz, R = 0 being the best model. A target's "
	    "files appear all at once when they are whole. A line of JSON a target goes to stdout: its files and "
	    "scores, or why it failed.",
	.options = options
};

/* a run ended here so many seconds ago, and nobody has come for so many: it is over */
enum { RECENT = 600, PATIENCE = 10 };
#define INIT { .common = BP_COMMON_INIT, .format = "mmcif", .save = { .full_pae = true, .full_pde = true } }

/* what write_run needs of the options */
static int
settle(struct bp_save_opt *save, const struct write_opt *opt, struct bp_arena *mem, struct bp_err *err)
{
	const struct write_opt defaults = INIT;
	struct bp_strlist changed;

	*save = opt->save;
	save->pdb = strcmp(opt->format, "pdb") == 0;
	save->trajectory = bp_trajectory_format(opt->trajectory ? opt->trajectory : opt->format);
	save->dir = opt->dir;
	save->keep = opt->resume && !opt->override;
	BP_TRY(bp_origin_options(&changed, &program, opt, &defaults, mem, err));
	save->line = bp_origin_line(program.name, BP_VERSION, NULL, &changed, mem, err);
	return save->line ? BP_OK : BP_EMEM;
}

int
main(int argc, char **argv)
{
	struct write_opt opt = INIT;
	struct write_run r = { 0 };
	struct bp_stats stats;
	struct bp_metrics *metrics = NULL;
	struct bp_err err = { 0 };
	int st, status, was;
	bool ended;

	if ((status = bp_main_start(&program, &opt, &opt.common, NULL, argc, argv, &r.config)) >= 0)
		return status;
	signal(SIGPIPE, SIG_IGN);
	bp_stats_open(&stats, program.name, NULL);
	r.stats = &stats;
	r.part = opt.part;
	r.patience = opt.common.wire.timeout;
	ended = ended_find(&was, opt.dir, RECENT);
	if (ended)
		opt.common.wire.first = PATIENCE;
	if ((st = bp_arena_open(&r.mem, opt.common.mem_cap, &err)) == BP_OK
	    && (st = settle(&r.save, &opt, r.config, &err)) == BP_OK
	    && (st = bp_metrics_open(&metrics, opt.common.wire.metrics, opt.common.wire.insecure, &stats, &err)) == BP_OK
	    && (st = bp_outdir_open(&r.dir, opt.dir, opt.override || opt.resume, &err)) == BP_OK)
		st = bp_in_open_at(&r.in, opt.common.in, &opt.common.wire, &stats, &err);
	if (st != BP_OK) {
		bp_log_err(&err);
		status = BP_EXIT_USAGE;
	} else if ((st = write_run(&r, &err)) == BP_EOS) {
		write_missing(&r);
		status = r.failed ? BP_EXIT_TARGETS : BP_EXIT_OK;
		if (bp_in_acks(r.in) && !bp_in_stopped(r.in))
			ended_put(opt.dir, status);
		bp_in_end(r.in);
	} else if (ended && !r.begun && st == BP_ESTREAM) {
		bp_log(BP_LOG_WARN, "%s: nobody is there, and nothing is missing: the run had ended here before this program was lost",
		    opt.dir);
		status = was;
		st = BP_EOS;
	} else {
		bp_log_err(&err);
		status = BP_EXIT_STREAM; /* nothing more can be read */
	}
	bp_outdir_close(r.dir);
	bp_in_close(r.in);
	if (st == BP_EOS)
		ended_clear(opt.dir);
	bp_set_close(&r.seen);
	bp_metrics_close(metrics);
	bp_stats_close(&stats);
	bp_arena_close(r.mem);
	bp_arena_close(r.config);
	return status;
}
