/* write: structures records become files; a line of JSON a target goes to stdout. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/log.h"
#include "base/main.h"
#include "stream/io.h"
#include "structure/save.h"

struct write_opt {
	struct bp_common common;
	const char *dir, *format;
	bool override;
	struct bp_save_opt save;
};

#define AT(field) offsetof(struct write_opt, field)
static const struct bp_optdef options[] = {
	{ "out-dir", 'o', BP_OPT_STR, AT(dir), BP_REQUIRED, "DIR", "write DIR/predictions/ID/..." },
	{ "output-format", 0, BP_OPT_WORD, AT(format), "mmcif|pdb", NULL, "of the structures" },
	{ "override", 0, BP_OPT_FLAG, AT(override), NULL, NULL, "replace targets that are there already" },
	{ "write-full-pae", 0, BP_OPT_FLAG, AT(save.full_pae), NULL, NULL, "write pae_*.npz (default; --no-write-full-pae)" },
	{ "write-full-pde", 0, BP_OPT_FLAG, AT(save.full_pde), NULL, NULL, "write pde_*.npz (default; --no-write-full-pde)" },
	{ "write-embeddings", 0, BP_OPT_FLAG, AT(save.embeddings), NULL, NULL,
	  "write embeddings_ID.npz with s and z (confidence needs --write-embeddings, too)" },
	{ "in", 0, BP_OPT_STR, AT(common.in), NULL, "FILE", "read records from FILE instead of stdin" },
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

struct run {
	struct write_opt opt;
	struct bp_in *in;
	struct bp_outdir *dir;
	struct bp_arena *config, *mem; /* of the process, of the record */
	bool failed, mute;             /* some target; stdout is gone   */
};

/* One line of the manifest; it is flushed, as the next target may be an hour away. When stdout takes no more the files are still
 * worth writing: that is said once. */
static void
put_line(struct run *r, const struct bp_val *v)
{
	errno = 0;
	if (r->mute || (v && bp_json_write(stdout, v, 0) == BP_OK && putchar('\n') != EOF && fflush(stdout) == 0))
		return;
	bp_log(BP_LOG_ERROR, "stdout: %s: the manifest ends here, the files go on", strerror(errno ? errno : EIO));
	r->failed = r->mute = true;
}

/* the target failed, here or at a stage before, which has said so on stderr itself */
static void
fail(struct run *r, const struct bp_rec *rec, const char *stage, struct bp_err *why)
{
	struct bp_mark mark = bp_arena_mark(r->config); /* the record's own arena may be full */

	r->failed = true;
	put_line(r, bp_save_failure(r->dir, rec->id, stage, why, r->config));
	bp_arena_release(r->config, mark);
	if (strcmp(stage, program.name) == 0) {
		bp_err_where(why, "%s", rec->id);
		bp_log_err(why);
	}
}

static void
handle(struct run *r, const struct bp_rec *rec)
{
	struct bp_val *line;
	struct bp_err why = { 0 };

	switch (rec->kind) {
	case BP_STRUCTURES:
		if (bp_save(&line, rec, &r->opt.save, r->dir, &why) == BP_OK)
			put_line(r, line);
		else
			fail(r, rec, program.name, &why);
		break;
	case BP_TRAJECTORY:
		bp_save_step(rec, r->dir);
		break;
	case BP_ERROR:
		BP_FAIL(&why, BP_EINPUT, bp_val_cstr(bp_val_get(rec->meta, "hint"), ""), "%s",
		    bp_val_cstr(bp_val_get(rec->meta, "message"), "no message"));
		fail(r, rec, bp_val_cstr(bp_val_get(rec->meta, "stage"), "?"), &why);
		break;
	case BP_OTHER:
		bp_log(BP_LOG_WARN, "%s: a record of kind %s is left out: this program does not know it", rec->id, rec->kind_name);
		break;
	default:
		BP_FAIL(&why, BP_EINPUT, "run trunk and diffuse first", "a record of kind %s holds no structure", rec->kind_name);
		fail(r, rec, program.name, &why);
	}
}

static int
loop(struct run *r, struct bp_err *err)
{
	struct bp_rec *rec;
	int st;

	for (; (st = bp_in_next(r->in, r->mem, &rec, err)) == BP_OK || (st == BP_EMEM && rec); bp_arena_reset(r->mem))
		if (st == BP_OK)
			handle(r, rec);
		else /* its tensors did not fit and were skipped */
			fail(r, rec, program.name, err);
	return st;
}

int
main(int argc, char **argv)
{
	struct run r = { .opt = { .common = BP_COMMON_INIT, .format = "mmcif", .save = { .full_pae = true, .full_pde = true } } };
	struct bp_err err = { 0 };
	int st, status;

	if ((status = bp_main_start(&program, &r.opt, &r.opt.common, NULL, argc, argv, &r.config)) >= 0)
		return status;
	signal(SIGPIPE, SIG_IGN);
	r.opt.save.pdb = strcmp(r.opt.format, "pdb") == 0;
	if ((st = bp_arena_open(&r.mem, r.opt.common.mem_cap, &err)) == BP_OK
	    && (st = bp_in_open(&r.in, r.opt.common.in, &err)) == BP_OK)
		st = bp_outdir_open(&r.dir, r.opt.dir, r.opt.override, &err);
	if (st != BP_OK) {
		bp_log_err(&err);
		status = BP_EXIT_USAGE;
	} else if ((st = loop(&r, &err)) == BP_EOS) {
		status = r.failed ? BP_EXIT_TARGETS : BP_EXIT_OK;
	} else {
		bp_log_err(&err);
		status = BP_EXIT_STREAM; /* nothing more can be read */
	}
	bp_outdir_close(r.dir);
	bp_in_close(r.in);
	bp_arena_close(r.mem);
	bp_arena_close(r.config);
	return status;
}
