/* lib/stream/io_part.h: the insides of stream/io.h, shared by io.c and io_sock.c only. */
#ifndef BP_IO_PART_H
#define BP_IO_PART_H

#include "stream/io.h"
#include "stream/pack.h"
#include "stream/sock_in.h"
#include "stream/sock_out.h"

struct fd_end {
	int fd;
	bool ours; /* close it */
	const char *name;
};

struct mem_end {
	const char *from;
	size_t left;
	char **to, *data;
	size_t *to_n, n, cap;
};

struct bp_in {
	const struct bp_transport *t;
	union {
		struct fd_end fd;
		struct mem_end mem;
		struct bp_sock_in *sock; /* first, for bp_sock_in_read */
	} end;
	struct bp_sock_in *sock; /* NULL: no socket */
	struct bp_src src;
	struct bp_stats *stats;
	int64_t count; /* records since the last end record */
	bool ended;
	int64_t busy; /* targets of the record read last, which is being worked on; no sockets */
	struct bp_arena *keep; /* for runs */
	struct bp_val *runs;   /* map: run -> array of ids, of the end records so far; NULL: they told none */
	char name[];
};

struct bp_out {
	const struct bp_transport *t;
	union {
		struct fd_end fd;
		struct mem_end mem;
		struct bp_sock_out *sock;
	} end;
	struct bp_sock_out *sock; /* NULL: no socket */
	struct bp_sink sink;
	struct bp_stats *stats;
	int64_t count, failures;
	struct bp_in *from;     /* where the records come from; NULL: made here */
	struct bp_arena *keep;  /* for runs */
	struct bp_val *runs;    /* as above, of what was put here; sockets only */
	char run[33];           /* of records that have none */
	char name[];
};

bool bp_is_endpoint(const char *path);
int bp_in_open_sock(struct bp_in *in, const char *path, const struct bp_wire_opt *o, struct bp_err *err) BP_MUST_USE;
int bp_out_open_sock(struct bp_out *out, const char *path, const struct bp_wire_opt *o, struct bp_err *err) BP_MUST_USE;
int bp_in_next_sock(struct bp_in *in, struct bp_arena *mem, struct bp_rec **rec, struct bp_err *err) BP_MUST_USE;
/* Keep what an end record tells of its runs. */
int bp_in_keep_runs(struct bp_in *in, const struct bp_rec *end, struct bp_err *err) BP_MUST_USE;
/* Before a record is packed: give it a run, remember its id. After it: hand it over. */
int bp_out_stamp(struct bp_out *out, struct bp_rec *rec, struct bp_err *err) BP_MUST_USE;
int bp_out_commit(struct bp_out *out, const struct bp_rec *rec, struct bp_duty *const *kept, int n, struct bp_err *err) BP_MUST_USE;
/* The end record tells the runs. */
int bp_out_end_runs(struct bp_out *out, struct bp_rec *end, struct bp_err *err) BP_MUST_USE;
/* A socket's end: everything safe, then the record, confirmed. */
int bp_out_end_sock(struct bp_out *out, const struct bp_rec *end, struct bp_err *err) BP_MUST_USE;

#endif
