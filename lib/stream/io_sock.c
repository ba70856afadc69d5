/* What streams over sockets have beside those over pipes (doc/wire.md, "Sockets"): runs, units, the end. Declared in
 * stream/io_part.h. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "stream/batch.h"
#include "stream/io_part.h"
#include "stream/net.h"

static const struct bp_wire_opt defaults = BP_WIRE_INIT;

bool
bp_is_endpoint(const char *path)
{
	return path && strstr(path, "://");
}

/* ---- reading ---- */

int
bp_in_open_sock(struct bp_in *in, const char *path, const struct bp_wire_opt *o, struct bp_err *err)
{
	BP_TRY(bp_sock_in_open(&in->sock, path, o ? o : &defaults, in->stats, err));
	in->end.sock = in->sock;
	in->src.read = bp_sock_in_read;
	return BP_OK;
}

int
bp_in_keep_runs(struct bp_in *in, const struct bp_rec *end, struct bp_err *err)
{
	const struct bp_val *runs = bp_val_get(end->meta, "runs");

	if (!bp_val_is(runs, BP_MAP))
		return BP_OK;
	if (!in->keep)
		BP_TRY(bp_arena_open(&in->keep, 0, err));
	if (!in->runs && !(in->runs = bp_val_map(in->keep, err)))
		return BP_EMEM;
	for (size_t i = 0; i < runs->n; i++) {
		const struct bp_val *from = runs->u.item[2 * i + 1];
		const char *run = bp_val_cstr(runs->u.item[2 * i], NULL);
		struct bp_val *ids;
		if (!run || bp_val_get(in->runs, run)) /* every branch tells the same */
			continue;
		if (!(ids = bp_val_arr(in->keep, err)))
			return BP_EMEM;
		for (size_t k = 0; k < bp_val_count(from); k++) {
			const char *id = bp_val_cstr(bp_val_at(from, k), NULL);
			if (id)
				BP_TRY(bp_val_push(ids, bp_val_str(in->keep, id, err), in->keep, err));
		}
		BP_TRY(bp_val_set(in->runs, run, ids, in->keep, err));
	}
	return BP_OK;
}

/* an end record of one branch */
static int
end_of_branch(struct bp_in *in, const struct bp_rec *end, struct bp_err *err)
{
	const struct bp_val *runs = bp_val_get(end->meta, "runs");

	BP_TRY(bp_in_keep_runs(in, end, err));
	for (size_t i = 0; i < bp_val_count(runs); i++)
		bp_sock_in_run(in->sock, bp_val_cstr(runs->u.item[2 * i], ""), true);
	if (!bp_val_count(runs))
		bp_sock_in_run(in->sock, "", true);
	return BP_OK;
}

int
bp_in_next_sock(struct bp_in *in, struct bp_arena *mem, struct bp_rec **rec, struct bp_err *err)
{
	struct bp_mark mark = bp_arena_mark(mem);
	bool end;
	int st;

	for (;;) {
		*rec = NULL;
		if (in->src.at == in->src.end && !bp_sock_in_left(in->sock))
			BP_TRY(bp_sock_in_next(in->sock, &end, err));
		st = bp_unpack_rec(rec, &in->src, mem, err);
		if (st == BP_EMEM && !*rec) {
			bp_err_where(err, "%s: record %lld", in->name, (long long)in->src.record);
			return st;
		}
		if (st == BP_ESTREAM) { /* its producer's fault: it gets it back */
			bp_sock_in_refuse(in->sock, err->msg);
			in->src.at = in->src.end = 0;
			bp_arena_release(mem, mark);
			continue;
		}
		in->src.record++;
		if ((*rec)->kind != BP_END) {
			in->count += bp_batch_count(*rec);
			bp_sock_in_run(in->sock, bp_val_cstr(bp_val_get((*rec)->extra, "run"), ""), false);
			BP_COUNT(in->stats, in, (long long)bp_batch_count(*rec));
			return st;
		}
		BP_TRY(end_of_branch(in, *rec, err));
		bp_arena_release(mem, mark);
	}
}

bool
bp_out_confirmed(const struct bp_out *out)
{
	return !out->sock || !bp_sock_out_late(out->sock);
}

bool
bp_in_acks(const struct bp_in *in)
{
	return in->sock != NULL;
}

bool
bp_in_stopped(struct bp_in *in)
{
	return in->sock && bp_sock_in_stopped(in->sock);
}

void
bp_in_end(struct bp_in *in)
{
	if (in->sock)
		bp_sock_in_end(in->sock);
}

const struct bp_val *
bp_in_runs(const struct bp_in *in)
{
	return in->runs;
}

/* ---- writing ---- */

int
bp_out_open_sock(struct bp_out *out, const char *path, const struct bp_wire_opt *o, struct bp_err *err)
{
	uint64_t a = bp_net_random(), b = bp_net_random();

	if (o && o->run && strlen(o->run) >= sizeof out->run)
		return BP_FAIL(err, BP_EUSAGE, NULL, "--run: at most %zu letters", sizeof out->run - 1);
	if (o && o->run)
		snprintf(out->run, sizeof out->run, "%s", o->run);
	else
		snprintf(out->run, sizeof out->run, "%016llx%016llx", (unsigned long long)a, (unsigned long long)b);
	BP_TRY(bp_arena_open(&out->keep, 0, err));
	if (!(out->runs = bp_val_map(out->keep, err))
	    || bp_sock_out_open(&out->sock, path, o ? o : &defaults, out->stats, err) != BP_OK) {
		bp_arena_close(out->keep);
		return err->code;
	}
	out->end.sock = out->sock;
	out->sink.write = bp_sock_out_write;
	return BP_OK;
}

void
bp_out_from(struct bp_out *out, struct bp_in *in)
{
	out->from = in;
	if (out->sock && in->sock)
		bp_sock_out_from(out->sock, in->sock);
}

/* is this the first stage with a socket, which knows all the targets? */
static bool
first(const struct bp_out *out)
{
	return !out->from || !out->from->sock;
}

int
bp_out_stamp(struct bp_out *out, struct bp_rec *rec, struct bp_err *err)
{
	const char *run = bp_val_cstr(bp_val_get(rec->extra, "run"), NULL);
	struct bp_val *ids;

	if (!first(out))
		return BP_OK;
	if (!run)
		BP_TRY(bp_val_set(rec->extra, "run", bp_val_str(rec->mem, run = out->run, err), rec->mem, err));
	if (rec->kind == BP_TRAJECTORY)
		return BP_OK;
	if (!(ids = bp_val_get(out->runs, run))) {
		if (!(ids = bp_val_arr(out->keep, err)))
			return BP_EMEM;
		BP_TRY(bp_val_set(out->runs, run, ids, out->keep, err));
	}
	for (int64_t i = 0; i < bp_batch_count(rec); i++)
		BP_TRY(bp_val_push(ids, bp_val_str(out->keep, bp_batch_id(rec, i), err), out->keep, err));
	return BP_OK;
}

int
bp_out_commit(struct bp_out *out, const struct bp_rec *rec, struct bp_duty *const *kept, int n, struct bp_err *err)
{
	struct bp_mark mark = bp_arena_mark(rec->mem);
	const char *ids = bp_batch_id(rec, 0);
	int st;

	if (rec->kind == BP_TRAJECTORY) /* it travels with the target's own record, which follows */
		return BP_OK;
	for (int64_t i = 1; ids && i < bp_batch_count(rec) && i < BP_BATCH_MAX; i++) /* beyond that it is no batch */
		ids = bp_sprintf(rec->mem, err, "%s\n%s", ids, bp_batch_id(rec, i));
	st = ids ? bp_sock_out_commit(out->sock, ids, bp_val_cstr(bp_val_get(rec->extra, "run"), NULL), kept, n, err) : BP_EMEM;
	bp_arena_release(rec->mem, mark);
	if (st != BP_OK)
		out->sink.st = st;
	return st;
}

int
bp_out_end_runs(struct bp_out *out, struct bp_rec *end, struct bp_err *err)
{
	struct bp_val *runs = out->from ? out->from->runs : NULL;

	if (out->from && bp_in_stopped(out->from))
		return BP_OK;
	if (!runs && out->sock && first(out))
		runs = out->runs;
	return runs ? bp_val_set(end->meta, "runs", runs, end->mem, err) : BP_OK;
}

int
bp_out_end_sock(struct bp_out *out, const struct bp_rec *end, struct bp_err *err)
{
	int st = BP_OK;

	if (bp_sock_out_begun(out->sock)) /* trajectories without their target's record */
		st = bp_sock_out_commit(out->sock, "", NULL, NULL, 0, err);
	if (st == BP_OK)
		st = bp_sock_out_drain(out->sock, err);
	if (st == BP_OK && out->from && bp_in_stopped(out->from))
		return BP_OK; /* we leave, the run goes on */
	if (st == BP_OK)
		st = bp_pack_rec(&out->sink, end, err);
	if (st == BP_OK)
		st = bp_sock_out_end(out->sock, err);
	if (st == BP_OK && bp_sock_out_late(out->sock))
		bp_log(BP_LOG_WARN, "%s: nobody took the end: the run has ended without this stage", out->name);
	if (st != BP_OK)
		out->sink.st = st;
	return st;
}
