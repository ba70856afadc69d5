#include "run.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"

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
	}
}

static void
handle(struct write_run *r, const struct bp_rec *rec)
{
	struct bp_val *line;
	struct bp_err why = { 0 };

	switch (rec->kind) {
	case BP_STRUCTURES:
		if (bp_save(&line, rec, &r->save, r->dir, &why) == BP_OK)
			put_line(r, line);
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

int
write_run(struct write_run *r, struct bp_err *err)
{
	struct bp_rec *rec;
	int st;

	for (; (st = bp_in_next(r->in, r->mem, &rec, err)) == BP_OK || (st == BP_EMEM && rec); bp_arena_reset(r->mem))
		if (st == BP_OK)
			handle(r, rec);
		else /* its tensors did not fit and were skipped */
			fail(r, rec, tool, err);
	return st;
}
