/* The loop that every filter shares, and the trail; declared in stream/io.h. */
#include <string.h>

#include "base/log.h"
#include "base/newfile.h"
#include "stream/batch.h"
#include "stream/io.h"
#include "stream/metrics.h"

int
bp_trail_add(struct bp_rec *rec, const char *tool, const char *variant, const char *device, const char *weights,
    double seconds, size_t peak_bytes, const struct bp_strlist *options, struct bp_err *err)
{
	struct bp_arena *mem = rec->mem;
	struct bp_val *m = bp_val_map(mem, err), *list = bp_val_arr(mem, err);
	const char *const word[][2] = { { "tool", tool }, { "version", BP_VERSION }, { "variant", variant },
		{ "device", device }, { "weights", weights } };

	for (size_t i = 0; i < sizeof word / sizeof *word; i++)
		if (word[i][1])
			BP_TRY(bp_val_set(m, word[i][0], bp_val_str(mem, word[i][1], err), mem, err));
	BP_TRY(bp_val_set(m, "seconds", bp_val_real(mem, seconds, err), mem, err));
	BP_TRY(bp_val_set(m, "peak_bytes", bp_val_int(mem, (int64_t)peak_bytes, err), mem, err));
	BP_TRY(bp_val_set(m, "options", list, mem, err));
	for (int i = 0; options && i < options->n; i++)
		BP_TRY(bp_val_push(list, bp_val_str(mem, options->v[i], err), mem, err));
	return bp_val_push(rec->trail, m, mem, err);
}

/* --in and --out on one file would empty it before it is read; on one endpoint we would wait for ourselves */
static int
check_ends(const struct bp_filter *f, struct bp_err *err)
{
	if (f->in && f->out && !strstr(f->in, "://") && !strstr(f->out, "://") && bp_same_file(f->in, f->out))
		return BP_FAIL(err, BP_EUSAGE, "write to another file", "%s: --in and --out are the same file", f->out);
	if (f->in && f->out && strstr(f->out, "://") && strcmp(f->in, f->out) == 0)
		return BP_FAIL(err, BP_EUSAGE, "choose another", "%s: --in and --out are the same endpoint", f->out);
	return BP_OK;
}

static void
tell(const struct bp_rec *rec, const struct bp_err *err)
{
	struct bp_err why = *err;

	bp_err_where(&why, "%s", rec->id);
	bp_log_err(&why);
}

int
bp_out_put_batch(struct bp_out *out, struct bp_rec **member, struct bp_duty **kept, int n, const char *tool, struct bp_arena *mem,
    struct bp_err *err)
{
	struct bp_mark mark = bp_arena_mark(mem);
	struct bp_rec *batch;
	int st = n > 1 ? bp_batch_stack(&batch, member, n, mem, err) : BP_EUNSUP;

	if (st == BP_OK)
		st = bp_out_put_for(out, batch, kept, kept ? n : 0, err);
	bp_arena_release(mem, mark);
	if (st == BP_OK || bp_out_broken(out) != BP_OK)
		return st;
	for (int i = 0; i < n; i++) {
		st = bp_out_put_for(out, member[i], kept ? &kept[i] : NULL, kept != NULL, err);
		if (st != BP_OK && bp_out_broken(out) == BP_OK) {
			tell(member[i], err);
			st = bp_out_put_for(out, bp_rec_failure(member[i], tool, err), kept ? &kept[i] : NULL, kept != NULL, err);
		}
		BP_TRY(st);
		if (kept)
			kept[i] = NULL;
	}
	return BP_OK;
}

/* this target failed: say so, and put the record that stands for it into its place */
static int
put_failure(const struct bp_filter *f, const struct bp_rec *rec, struct bp_out *out, struct bp_err *err)
{
	tell(rec, err);
	return bp_out_put(out, bp_rec_failure(rec, f->tool, err), err);
}

/* one record through the stage; not BP_OK: the run is over */
static int
step(const struct bp_filter *f, struct bp_rec *rec, struct bp_arena *mem, struct bp_out *out, struct bp_err *err)
{
	struct bp_rec *result = rec;
	const char *id = rec->id;
	double start = bp_seconds(), done;
	int st = BP_OK;

	if (rec->kind == f->want)
		st = f->stage(f->self, &result, mem, out, err);
	else if (rec->kind == BP_DONE && f->no_trail)
		st = BP_OK;
	else if (rec->kind == BP_DONE) /* nothing to do, but what this stage would have done it with counts */
		st = bp_trail_add(rec, f->tool, NULL, NULL, f->weights, 0, 0, f->changed, err);
	else if (rec->kind < f->want) /* later kinds are done already and pass, like error records */
		st = BP_FAIL(err, BP_EINPUT, "run the stages between them first",
		    "a %s record came, %s reads %s records", rec->kind_name, f->tool, bp_kind_name(f->want));
	done = bp_seconds();
	if (st == BP_OK && result)
		st = bp_out_put(out, result, err);
	if (st == BP_OK)
		bp_log(BP_LOG_INFO, "%s: %.3f s, sent on in %.3f s", id, done - start, bp_seconds() - done);
	if (st == BP_OK || st == BP_ELOST || bp_out_broken(out) != BP_OK)
		return st;
	return put_failure(f, rec, out, err);
}

/* the members of a batch, all at once */
static int
step_together(const struct bp_filter *f, struct bp_rec **member, int n, struct bp_arena *mem, struct bp_out *out, struct bp_err *err)
{
	struct bp_rec *good[BP_BATCH_MAX];
	struct bp_err *fate;
	int ngood = 0;

	BP_NEW(fate, n, mem, err);
	BP_TRY(f->batch(f->batch_self, member, fate, n, err));
	for (int i = 0; i < n; i++)
		if (fate[i].code == BP_OK)
			good[ngood++] = member[i];
	if (ngood)
		BP_TRY(bp_out_put_batch(out, good, NULL, ngood, f->tool, mem, err));
	for (int i = 0; i < n; i++)
		if (fate[i].code != BP_OK)
			BP_TRY(put_failure(f, member[i], out, &fate[i]));
	return BP_OK;
}

/* all targets of a record failed with *err: one line says so */
static int
put_failures(const struct bp_filter *f, struct bp_rec *const *member, int n, struct bp_out *out, struct bp_err *err)
{
	struct bp_err why = *err, told = *err;

	if (n > 1)
		bp_err_where(&told, "%s and %d more", member[0]->id, n - 1);
	else
		bp_err_where(&told, "%s", member[0]->id);
	bp_log_err(&told);
	for (int i = 0; i < n; i++)
		BP_TRY(bp_out_put(out, bp_rec_failure(member[i], f->tool, &why), err));
	return BP_OK;
}

/* a record, or the members of a batch; read: what came of reading it */
static int
step_any(const struct bp_filter *f, struct bp_rec *rec, int read, struct bp_arena *mem, struct bp_out *out, struct bp_err *err)
{
	struct bp_rec *member[BP_BATCH_MAX];
	bool together = f->batch && rec->kind == f->want;
	int n;

	if (read == BP_OK && (!bp_is_batch(rec) || (rec->kind > f->want && rec->kind != BP_DONE)))
		return step(f, rec, mem, out, err);
	if (read == BP_OK && f->keeper) /* what it keeps records for is done */
		return bp_out_put(out, rec, err);
	if (bp_batch_open(member, &n, rec, read, err) != BP_OK)
		return put_failures(f, member, n, out, err);
	for (int i = 0; i < n && together && f->together; i++)
		together = f->together(f->self, member[i]);
	if (together && n > 1)
		return step_together(f, member, n, mem, out, err);
	for (int i = 0; i < n; i++) {
		struct bp_mark mark = bp_arena_mark(mem);
		BP_TRY(step(f, member[i], mem, out, err));
		bp_arena_release(mem, mark);
	}
	return BP_OK;
}

/* the next record, before which what is kept goes on if the wait is long */
static int
next(const struct bp_filter *f, struct bp_in *in, struct bp_arena *mem, struct bp_rec **rec, struct bp_out *out, struct bp_err *err)
{
	if (f->keeper && f->keeper->keeps(f->self) && bp_in_idle(in, f->keeper->wait))
		BP_TRY(f->keeper->flush(f->self, out, err));
	return bp_in_next(in, mem, rec, err);
}

static int
loop(const struct bp_filter *f, struct bp_in *in, struct bp_arena *mem, struct bp_out *out, struct bp_err *err)
{
	struct bp_rec *rec = NULL;
	int st;

	while ((st = next(f, in, mem, &rec, out, err)) == BP_OK || (st == BP_EMEM && rec)) {
		BP_TRY(step_any(f, rec, st, mem, out, err));
		bp_arena_reset(mem); /* everything of this record is gone */
		rec = NULL;
	}
	if (st != BP_EOS)
		return st;
	if (f->keeper)
		BP_TRY(f->keeper->flush(f->self, out, err));
	BP_TRY(bp_out_end(out, err));
	if (bp_out_confirmed(out))
		bp_in_end(in);
	return BP_OK;
}

int
bp_filter_run(const struct bp_filter *f)
{
	struct bp_arena *mem = NULL;
	struct bp_in *in = NULL;
	struct bp_out *out = NULL;
	struct bp_stats stats;
	struct bp_metrics *metrics = NULL;
	struct bp_err err = { 0 };
	int st, status;

	bp_stats_open(&stats, f->tool, f->device);
	if ((st = bp_arena_open(&mem, f->mem_cap, &err)) != BP_OK || (st = check_ends(f, &err)) != BP_OK
	    || (f->wire && (st = bp_metrics_open(&metrics, f->wire->metrics, f->wire->insecure, &stats, &err)) != BP_OK)
	    || (st = bp_in_open_at(&in, f->in, f->wire, &stats, &err)) != BP_OK
	    || (st = bp_out_open_at(&out, f->out, f->wire, &stats, &err)) != BP_OK) {
		bp_log_err(&err);
		bp_out_abandon(NULL, f->out);
		status = BP_EXIT_USAGE;
	} else {
		bp_out_from(out, in);
		if (f->warm && bp_in_idle(in, 0))
			f->warm(f->warm_self);
		st = loop(f, in, mem, out, &err);
		status = st == BP_OK ? BP_EXIT_OK : BP_EXIT_STREAM; /* whatever it was, our stream ended early */
		if (st != BP_OK) {
			bp_log_err(&err);
			bp_out_abandon(out, NULL);
		} else if (bp_out_failures(out) > 0) {
			status = BP_EXIT_TARGETS;
		}
	}
	if (f->keeper)
		f->keeper->forget(f->self);
	bp_out_close(out);
	bp_in_close(in);
	bp_metrics_close(metrics);
	bp_stats_close(&stats);
	bp_arena_close(mem);
	return status;
}
