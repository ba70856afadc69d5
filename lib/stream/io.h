/* lib/stream/io.h: where records come from and go to. A program does not know whether it reads a pipe, a file or a
 * socket (tcp://, ipc://: doc/wire.md, "Sockets"). */
#ifndef BP_IO_H
#define BP_IO_H

#include <stdio.h>

#include "base/opt.h"
#include "stream/rec.h"
#include "stream/stats.h"

/* A byte transport: what a new kind of endpoint implements. */
struct bp_transport {
	const char *name;                                                              /* "pipe", "file", "memory"  */
	int (*read)(void *self, void *buf, size_t n, size_t *got, struct bp_err *err); /* got 0: end of bytes       */
	int (*write)(void *self, const void *buf, size_t n, struct bp_err *err);       /* all of it                 */
	int (*flush)(void *self, struct bp_err *err);
	int (*close)(void *self, struct bp_err *err); /* also checks what was written */
};

/* Reading. path NULL or "-": stdin. */
struct bp_in;
int bp_in_open(struct bp_in **ret, const char *path, struct bp_err *err) BP_MUST_USE;
/* The same with the options of sockets and counters, which must outlive it; each may be NULL. */
int bp_in_open_at(struct bp_in **ret, const char *path, const struct bp_wire_opt *o, struct bp_stats *stats,
    struct bp_err *err) BP_MUST_USE;
int bp_in_open_mem(struct bp_in **ret, const void *data, size_t n, struct bp_err *err) BP_MUST_USE;
/* The next record into mem. BP_OK; BP_EOS after the end record (whose count was checked) and the end of the bytes:
 * streams that follow each other (cat a b) read as one. BP_ESTREAM: cut, damaged or no boltzpipe stream: the message
 * names stream, record number and tensor. Checksums are verified. Error records are returned like others: a stage
 * passes them on unchanged. Any record larger than the limit (bp_in_limit, default 64 GiB) is refused before memory is
 * taken for it, and memory grows only with bytes really received. BP_EMEM with *rec set: its tensors do not fit into
 * the arena and were skipped; the stream goes on behind it. */
int bp_in_next(struct bp_in *in, struct bp_arena *mem, struct bp_rec **rec, struct bp_err *err) BP_MUST_USE;
void bp_in_limit(struct bp_in *in, size_t bytes);
bool bp_in_idle(struct bp_in *in, double seconds); /* nothing comes, for so long? */
/* Over sockets a record is acknowledged when the next is asked for and what came of it (bp_out_from) is safe. Closing
 * without bp_in_end gives back what is not. */
bool bp_in_acks(const struct bp_in *in); /* a socket: what is not acknowledged comes again, here or elsewhere */
bool bp_in_stopped(struct bp_in *in); /* BP_EOS came because SIGTERM asked to leave: more records go to others */
void bp_in_end(struct bp_in *in);     /* after BP_EOS, when all is safe: confirm it to the producers          */
/* After BP_EOS: map from run to the array of its ids, or NULL when the end records told none. */
const struct bp_val *bp_in_runs(const struct bp_in *in);
void bp_in_close(struct bp_in *in);

/* Writing. path NULL or "-": stdout (refused with a hint when it is a terminal). SIGPIPE is ignored from then on: that
 * the next stage has gone is BP_EIO. */
struct bp_out;
int bp_out_open(struct bp_out **ret, const char *path, struct bp_err *err) BP_MUST_USE;
int bp_out_open_at(struct bp_out **ret, const char *path, const struct bp_wire_opt *o, struct bp_stats *stats,
    struct bp_err *err) BP_MUST_USE;
/* What is put comes of the record read last from `in`, which is closed after out. */
void bp_out_from(struct bp_out *out, struct bp_in *in);
int bp_out_open_mem(
    struct bp_out **ret, char **data, size_t *n, struct bp_err *err) BP_MUST_USE; /* *data: free() after close */
/* Write and flush one record; sets rec->index. BP_EINPUT: the record itself may not be sent (nested too deep ...),
 * nothing was written and the stream goes on; any other failure breaks it (bp_out_broken). A pipe may still hold pages of
 * the record's tensors afterwards: they must stay as they are until the arena releases them. */
int bp_out_put(struct bp_out *out, struct bp_rec *rec, struct bp_err *err) BP_MUST_USE;
/* For stages that keep records: what was read last is not safe before a record that is put for it. NULL where nothing is acknowledged. */
struct bp_duty;
struct bp_duty *bp_out_keep(struct bp_out *out);
/* bp_out_put of a record that is made of n kept ones, too; where it fails they stay the caller's. */
int bp_out_put_for(struct bp_out *out, struct bp_rec *rec, struct bp_duty *const *kept, int n, struct bp_err *err) BP_MUST_USE;
void bp_out_lose(struct bp_duty *kept); /* nothing came of it, before in is closed. NULL is fine */
/* Put n >= 1 members as one batch, or one by one where that does not go; kept [n] as above, or NULL. One that may not be sent becomes an error record of `tool`.
 * Otherwise than BP_OK: the stream is broken. mem: scratch. */
int bp_out_put_batch(struct bp_out *out, struct bp_rec **member, struct bp_duty **kept, int n, const char *tool, struct bp_arena *mem,
    struct bp_err *err) BP_MUST_USE;
/* Write the end record, flush, and close what can fail in closing. Over sockets: wait until everything is safe, then
 * until the end is confirmed. */
int bp_out_end(struct bp_out *out, struct bp_err *err) BP_MUST_USE;
bool bp_out_confirmed(const struct bp_out *out); /* after bp_out_end: was the end, too? No: we came late */
/* This program has failed and said why: tell the next stage of the pipe, which then ends without a word of its own (BP_ETOLD).
 * out NULL: path was not opened. Nothing happens where that is no pipe, or one that takes stderr, too. */
void bp_out_abandon(struct bp_out *out, const char *path);
int64_t bp_out_count(const struct bp_out *out); /* targets: all members of a batch (stream/batch.h) count */
int64_t bp_out_failures(const struct bp_out *out);  /* error records among them that were made here     */
int bp_out_broken(const struct bp_out *out);        /* BP_OK, or why nothing more can be written        */
void bp_out_part(struct bp_out *out, size_t bytes); /* split tensors above it (default 1 GiB): for tests */
void bp_out_close(struct bp_out *out);              /* without bp_out_end the stream stays cut, on purpose */

/* One trail entry for this stage, appended to rec: {tool, version, variant, device, weights, seconds, peak_bytes,
 * options}. variant, device, weights (a hash), options may be NULL. */
int bp_trail_add(struct bp_rec *rec, const char *tool, const char *variant, const char *device, const char *weights,
    double seconds, size_t peak_bytes, const struct bp_strlist *options, struct bp_err *err) BP_MUST_USE;

/* What a stage that keeps records (*rec = NULL, and bp_out_keep) has beside its function: what is kept goes on, all of it, when no record has come for `wait` seconds, and at
 * the end of the stream; forget: the stream has failed. */
struct bp_keeper {
	double wait;
	bool (*keeps)(const void *self);
	int (*flush)(void *self, struct bp_out *out, struct bp_err *err);
	void (*forget)(void *self);
};

/* The loop that every filter shares: read a record, let error records and unknown kinds through, sign done records, call stage() on
 * those of kind `want`, put its result (or the error record that stands for a failure), reset the arena; at the end
 * send the end record. Of a batch (stream/batch.h) stage() gets the members one by one, unless batch() takes them together: then their results are sent as a batch, too.
 * batch() leaves each result in its record, or in fate[i] why there is none, and returns BP_OK unless the run is over. stage() may replace *rec (NULL: nothing to send), and may itself put further records before
 * returning; BP_ELOST from it ends the run. Returns the exit status (1 only for targets that failed here); prints what
 * failed. */
typedef int bp_stage_fn(void *self, struct bp_rec **rec, struct bp_arena *mem, struct bp_out *out, struct bp_err *err);
typedef int bp_batch_fn(void *self, struct bp_rec *const *member, struct bp_err *fate, int n, struct bp_err *err);
struct bp_filter {
	const char *tool;
	const char *weights;              /* bp_weights_id, for the trail; NULL: none          */
	const struct bp_strlist *changed; /* bp_origin_options, for the trail; NULL: none      */
	bool no_trail;                    /* it signs no record: what it does is said by the input alone */
	enum bp_kind want;
	bp_stage_fn *stage;
	bp_batch_fn *batch;                                         /* NULL: none                            */
	void *batch_self;
	bool (*together)(const void *self, const struct bp_rec *rec); /* may it be in a batch? NULL: always */
	const struct bp_keeper *keeper;                             /* NULL: none                            */
	void *self;
	void (*warm)(void *self); /* called at the start if the first record lets itself be waited for; NULL: nothing */
	void *warm_self;
	const char *in, *out;
	const struct bp_wire_opt *wire; /* NULL: the defaults */
	const char *device;             /* to be shown; may be NULL */
	size_t mem_cap;
};
int bp_filter_run(const struct bp_filter *f);

#endif
