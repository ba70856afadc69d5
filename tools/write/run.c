#include "run.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "ended.h"
#include "stream/batch.h"
#include "stream/pad.h"

static const char tool[] = "write";

/* One line of the manifest; it is flushed, as the next target may be an hour away. When stdout takes no more the files
 * are still worth writing: that is said once. */
static void
put_line(struct write_run *r, const struct bp_val *v)
{
	errno = 0;
	if (r->mute || (v && bp_json_write(stdout, v, 0) == BP_OK && putchar('\n') != EOF && fflush(stdout) == 0))
		return;
	bp_log(BP_LOG_ERROR, "stdout: %s: the manifest ends here, the files go on", strerror(errno ? errno : EIO));
	r->failed = r->mute = true;
}

/* the target failed, here or at a stage before, which has said so on stderr itself */
static void
fail(struct write_run *r, const struct bp_rec *rec, const char *stage, struct bp_err *why)
{
	struct bp_mark mark = bp_arena_mark(r->config); /* the record's own arena may be full */

	r->failed = true;
	put_line(r, bp_save_failure(r->dir, rec->id, stage, why, r->config));
	bp_arena_release(r->config, mark);
	if (strcmp(stage, tool) == 0) {
		bp_err_where(why, "%s", rec->id);
		bp_log_err(why);
		BP_COUNT(r->stats, failed, 1);
		bp_stats_error(r->stats, why);
	}
}

/* Over a socket a full disk is waited for: the producers keep what is not safe. BP_EIO: it was in vain. */
static int
save(struct bp_val **line, struct write_run *r, const struct bp_rec *rec, struct bp_err *why)
{
	bool whole = !bp_target_find(r->dir, rec->id); /* else its trajectory is lost with the first failure */
	struct bp_mark mark = bp_arena_mark(r->mem);
	double start = bp_seconds();
	bool told = false;
	int st;

	while ((st = bp_save(line, rec, &r->save, r->dir, why)) == BP_EIO && bp_in_acks(r->in) && whole
	    && !bp_in_stopped(r->in) && (r->patience <= 0 || bp_seconds() - start < r->patience)) {
		if (!told)
			bp_log_err(why);
		if (!told)
			bp_log(BP_LOG_WARN, "%s: waiting until it can be written", rec->id);
		told = true;
		bp_arena_release(r->mem, mark);
		nanosleep(&(struct timespec) { 1, 0 }, NULL);
	}
	return st;
}

static void
handle(struct write_run *r, struct bp_rec *rec)
{
	struct bp_val *line;
	struct bp_err why = { 0 };

	switch (rec->kind) {
	case BP_STRUCTURES:
		if (bp_rec_unpad(rec, &why) == BP_OK && save(&line, r, rec, &why) == BP_OK)
			put_line(r, line);
		else if (why.code == BP_EIO && bp_in_acks(r->in))
			r->lost = why;
		else
			fail(r, rec, tool, &why);
		break;
	case BP_DONE:
		if (bp_save_kept(&line, rec, &r->save, r->dir, &why) == BP_OK)
			put_line(r, line);
		else
			fail(r, rec, tool, &why);
		break;
	case BP_TRAJECTORY:
		bp_trajectory_keep(rec, r->save.trajectory, r->dir);
		break;
	case BP_ERROR:
		BP_FAIL(&why, BP_EINPUT, bp_val_cstr(bp_val_get(rec->meta, "hint"), ""), "%s",
		    bp_val_cstr(bp_val_get(rec->meta, "message"), "no message"));
		fail(r, rec, bp_val_cstr(bp_val_get(rec->meta, "stage"), "?"), &why);
		break;
	case BP_OTHER:
		bp_log(BP_LOG_WARN, "%s: a record of kind %s is left out: this program does not know it", rec->id,
		    rec->kind_name);
		break;
	default:
		BP_FAIL(&why, BP_EINPUT, "run trunk and diffuse first", "a record of kind %s holds no structure",
		    rec->kind_name);
		fail(r, rec, tool, &why);
	}
}

/* What records have in common that came twice because a stage was lost; "" when it has no run. */
static const char *
key(const struct bp_rec *rec, char buf[512])
{
	const char *run = bp_val_cstr(bp_val_get(rec->extra, "run"), NULL);

	buf[0] = 0;
	if (run)
		snprintf(buf, 512, "%.64s %.300s %lld", run, rec->id, (long long)bp_val_i64(bp_val_get(rec->meta, "sample"), 0));
	return buf;
}

static int
one(struct write_run *r, struct bp_rec *rec, struct bp_err *err)
{
	char buf[512];
	const char *k = key(rec, buf);

	if (*k && bp_set_has(&r->seen, k)) {
		bp_log(BP_LOG_INFO, "%s: came again, and is left out", rec->id);
		BP_COUNT(r->stats, duplicates, 1);
		return BP_OK;
	}
	handle(r, rec);
	if (r->lost.code != BP_OK) {
		*err = r->lost;
		return r->lost.code;
	}
	return *k && rec->kind != BP_TRAJECTORY ? bp_set_add(&r->seen, k, err) : BP_OK;
}

/* a record, or the members of a batch; read: what came of reading it */
static int
any(struct write_run *r, struct bp_rec *rec, int read, struct bp_err *err)
{
	struct bp_rec *member[BP_BATCH_MAX];
	struct bp_err why = *err;
	int n, st = bp_batch_open(member, &n, rec, read, &why);

	for (int i = 0; i < n; i++) {
		struct bp_mark mark = bp_arena_mark(r->mem);
		struct bp_err own = why;
		if (st == BP_OK)
			BP_TRY(one(r, member[i], err));
		else /* its tensors did not fit and were skipped, or it is no batch */
			fail(r, member[i], tool, &own);
		bp_arena_release(r->mem, mark);
	}
	return BP_OK;
}

int
write_run(struct write_run *r, struct bp_err *err)
{
	struct bp_rec *rec;
	int st;

	for (; (st = bp_in_next(r->in, r->mem, &rec, err)) == BP_OK || (st == BP_EMEM && rec); bp_arena_reset(r->mem)) {
		if (!r->begun)
			ended_clear(r->save.dir); /* another run */
		r->begun = true;
		BP_TRY(any(r, rec, st, err));
	}
	return st;
}

void
write_missing(struct write_run *r)
{
	const struct bp_val *runs = bp_in_runs(r->in);
	long long missing = 0;
	struct bp_err why;
	char k[512], names[256] = "";

	if (r->part || bp_in_stopped(r->in))
		return;
	for (size_t i = 0; i < bp_val_count(runs); i++)
		for (size_t j = 0; j < bp_val_count(runs->u.item[2 * i + 1]); j++) {
			const char *id = bp_val_cstr(bp_val_at(runs->u.item[2 * i + 1], j), "");
			struct bp_mark mark = bp_arena_mark(r->config);
			size_t at = strlen(names);
			snprintf(k, sizeof k, "%.64s %.300s 0", bp_val_cstr(runs->u.item[2 * i], ""), id);
			if (bp_set_has(&r->seen, k) || bp_outdir_has(r->dir, id))
				continue;
			if (missing++ < 8)
				snprintf(names + at, sizeof names - at, "%s%.24s", at ? ", " : "", id);
			BP_FAIL(&why, BP_ESTREAM, NULL, "it never came");
			put_line(r, bp_save_failure(r->dir, id, tool, &why, r->config));
			bp_arena_release(r->config, mark);
		}
	if (!missing)
		return;
	r->failed = true;
	bp_log(BP_LOG_ERROR, "%lld targets of the run are missing: %s%s: give --part when other writers take a part", missing, names,
	    missing > 8 ? ", ..." : "");
}
