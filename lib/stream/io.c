#include "stream/io_part.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/log.h"
#include "stream/batch.h"

enum { PIPE_BYTES = 1 << 20 };
static const size_t PAGE = 4096;

/* ---- transports: pipes and files by descriptor, and memory ---- */

static int
fd_read(void *self, void *buf, size_t n, size_t *got, struct bp_err *err)
{
	struct fd_end *f = self;
	ssize_t k;

	do
		k = read(f->fd, buf, n);
	while (k < 0 && errno == EINTR);
	if (k < 0)
		return BP_FAIL(err, BP_EIO, NULL, "%s: %s", f->name, strerror(errno));
	*got = (size_t)k;
	return BP_OK;
}

static int
fd_write(void *self, const void *buf, size_t n, struct bp_err *err)
{
	struct fd_end *f = self;
	const char *p = buf;

	while (n > 0) {
		ssize_t k = write(f->fd, p, n);
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0 && errno == EPIPE)
			return BP_FAIL(err, BP_EIO, "see its messages", "%s: the next stage closed the pipe", f->name);
		if (k < 0)
			return BP_FAIL(err, BP_EIO, NULL, "%s: %s", f->name, strerror(errno));
		p += k;
		n -= (size_t)k;
	}
	return BP_OK;
}

/* Whole pages go as they are, without a copy on this side; what is left at the end is written. */
static int
fd_lend(void *self, const void *buf, size_t n, struct bp_err *err)
{
	struct fd_end *f = self;
	struct iovec v = { (void *)(uintptr_t)buf, n & ~(PAGE - 1) };

	while ((uintptr_t)v.iov_base % PAGE == 0 && v.iov_len > 0) {
		ssize_t k = vmsplice(f->fd, &v, 1, 0);
		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0) /* this system has none for us, or the pipe is closed: writing tells */
			break;
		v.iov_base = (char *)v.iov_base + k;
		v.iov_len -= (size_t)k;
	}
	return fd_write(self, v.iov_base, n - (size_t)((char *)v.iov_base - (const char *)buf), err);
}

static int
fd_flush(void *self, struct bp_err *err)
{
	(void)self, (void)err;
	return BP_OK;
}

static int
fd_close(void *self, struct bp_err *err)
{
	struct fd_end *f = self;
	int st = BP_OK;

	if (f->ours && f->fd >= 0 && close(f->fd) != 0)
		st = BP_FAIL(err, BP_EIO, NULL, "%s: %s", f->name, strerror(errno));
	f->fd = -1;
	return st;
}

static int
mem_read(void *self, void *buf, size_t n, size_t *got, struct bp_err *err)
{
	struct mem_end *m = self;

	(void)err;
	*got = n < m->left ? n : m->left;
	memcpy(buf, m->from, *got);
	m->from += *got;
	m->left -= *got;
	return BP_OK;
}

static int
mem_write(void *self, const void *buf, size_t n, struct bp_err *err)
{
	struct mem_end *m = self;

	if (n > m->cap - m->n) {
		size_t cap = m->n + n > 2 * m->cap ? m->n + n : 2 * m->cap;
		char *p = realloc(m->data, cap);
		if (!p)
			return BP_FAIL(err, BP_EMEM, NULL, "no memory for a stream of %zu bytes", cap);
		m->data = p;
		m->cap = cap;
	}
	memcpy(m->data + m->n, buf, n);
	m->n += n;
	return BP_OK;
}

static int
mem_flush(void *self, struct bp_err *err)
{
	struct mem_end *m = self;

	(void)err;
	*m->to = m->data;
	*m->to_n = m->n;
	return BP_OK;
}

static int
mem_close(void *self, struct bp_err *err)
{
	struct mem_end *m = self;

	return m->to ? mem_flush(self, err) : BP_OK;
}

static const struct bp_transport fd_transport = { "file", fd_read, fd_write, fd_flush, fd_close },
                                 mem_transport = { "memory", mem_read, mem_write, mem_flush, mem_close };

static bool
standard(const char *path)
{
	return !path || strcmp(path, "-") == 0;
}

/* is it a pipe? Larger ones mean fewer turns between the two programs; the system may refuse, and nothing is lost */
static bool
widen(int fd)
{
	struct stat sb;
	bool pipe = fstat(fd, &sb) == 0 && S_ISFIFO(sb.st_mode);

	if (pipe)
		(void)fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES);
	return pipe;
}

/* ---- reading ---- */

static int
new_in(struct bp_in **ret, const char *name, const struct bp_transport *t, struct bp_err *err)
{
	struct bp_in *in = calloc(1, sizeof *in + strlen(name) + 1);

	if (!in)
		return BP_FAIL(err, BP_EMEM, NULL, "no memory to read %s", name);
	strcpy(in->name, name);
	in->t = t;
	in->src.read = t->read;
	in->src.self = &in->end;
	in->src.name = in->name;
	in->src.limit = (uint64_t)64 << 30;
	*ret = in;
	return BP_OK;
}

int
bp_in_open(struct bp_in **ret, const char *path, struct bp_err *err)
{
	return bp_in_open_at(ret, path, NULL, NULL, err);
}

static int
open_in_fd(struct bp_in **ret, const char *path, struct bp_err *err)
{
	struct bp_in *in;

	BP_TRY(new_in(&in, standard(path) ? "stdin" : path, &fd_transport, err));
	in->end.fd = (struct fd_end) { STDIN_FILENO, false, in->name };
	if (!standard(path)) {
		in->end.fd = (struct fd_end) { open(path, O_RDONLY | O_CLOEXEC), true, in->name };
		if (in->end.fd.fd < 0) {
			free(in);
			return BP_FAIL(err, BP_EIO, NULL, "%s: %s", path, strerror(errno));
		}
	} else if (isatty(STDIN_FILENO)) {
		free(in);
		return BP_FAIL(err, BP_EUSAGE, "pipe the stage before into it, or give --in FILE",
		    "stdin: a terminal sends no records");
	}
	(void)widen(in->end.fd.fd);
	*ret = in;
	return BP_OK;
}

int
bp_in_open_at(struct bp_in **ret, const char *path, const struct bp_wire_opt *o, struct bp_stats *stats, struct bp_err *err)
{
	int st;

	*ret = NULL;
	if (!bp_is_endpoint(path)) {
		BP_TRY(open_in_fd(ret, path, err));
		(*ret)->stats = stats;
		return BP_OK;
	}
	BP_TRY(new_in(ret, path, &fd_transport, err));
	(*ret)->stats = stats;
	if ((st = bp_in_open_sock(*ret, path, o, err)) != BP_OK) {
		free(*ret);
		*ret = NULL;
	}
	return st;
}

int
bp_in_open_mem(struct bp_in **ret, const void *data, size_t n, struct bp_err *err)
{
	*ret = NULL;
	BP_TRY(new_in(ret, "memory", &mem_transport, err));
	(*ret)->end.mem = (struct mem_end) { .from = data, .left = n };
	return BP_OK;
}

static int
check_end(struct bp_in *in, const struct bp_rec *end, struct bp_err *err)
{
	const struct bp_val *n = bp_val_get(end->meta, "count"), *failed = bp_val_get(end->meta, "failed");
	struct stat sb;

	if (failed) {
		bool pipe = in->t == &fd_transport && fstat(in->end.fd.fd, &sb) == 0 && S_ISFIFO(sb.st_mode);
		return BP_FAIL(err, pipe ? BP_ETOLD : BP_ESTREAM, "make it again", "%s: record %lld: %.40s failed here", in->name,
		    (long long)in->src.record, bp_val_cstr(failed, "the stage before"));
	}
	if (!bp_val_is(n, BP_INT))
		return BP_FAIL(err, BP_ESTREAM, NULL, "%s: record %lld: the end record has no count", in->name,
		    (long long)in->src.record);
	if (bp_val_i64(n, -1) != in->count)
		return BP_FAIL(err, BP_ESTREAM, "records were lost or added on the way",
		    "%s: record %lld: the end record counts %lld records, %lld came", in->name,
		    (long long)in->src.record, (long long)bp_val_i64(n, -1), (long long)in->count);
	in->count = 0;
	in->ended = true;
	return BP_OK;
}

int
bp_in_next(struct bp_in *in, struct bp_arena *mem, struct bp_rec **rec, struct bp_err *err)
{
	int st;

	*rec = NULL;
	if (in->sock)
		return bp_in_next_sock(in, mem, rec, err);
	BP_COUNT(in->stats, in_flight, -(long long)in->busy);
	in->busy = 0;
	for (;;) { /* streams may follow each other: cat a b */
		if (in->ended && (st = bp_src_more(&in->src, err)) != BP_OK)
			return st;
		in->ended = false;
		st = bp_unpack_rec(rec, &in->src, mem, err);
		if (st == BP_EMEM && !*rec)
			bp_err_where(err, "%s: record %lld", in->name, (long long)in->src.record);
		if (st != BP_OK && !(st == BP_EMEM && *rec))
			return st;
		if ((*rec)->kind != BP_END) {
			in->busy = bp_batch_count(*rec);
			in->count += in->busy;
			in->src.record++;
			BP_COUNT(in->stats, in_flight, (long long)in->busy);
			BP_COUNT(in->stats, in, (long long)in->busy);
			BP_COUNT(in->stats, bytes_in, (long long)(in->src.limit - in->src.left));
			return st;
		}
		BP_TRY(check_end(in, *rec, err));
		BP_TRY(bp_in_keep_runs(in, *rec, err));
		in->src.record++;
		*rec = NULL;
	}
}

bool
bp_in_idle(struct bp_in *in, double seconds)
{
	struct pollfd p = { .fd = in->end.fd.fd, .events = POLLIN };

	if (in->src.at < in->src.end || in->t == &mem_transport)
		return false;
	return in->sock ? bp_sock_in_idle(in->sock, seconds) : poll(&p, 1, (int)(seconds * 1000)) == 0;
}

void
bp_in_limit(struct bp_in *in, size_t bytes)
{
	in->src.limit = bytes;
}

void
bp_in_close(struct bp_in *in)
{
	if (!in)
		return;
	if (in->sock)
		bp_sock_in_close(in->sock);
	else if (in->t->close(&in->end, NULL) != BP_OK)
		in->ended = false; /* nothing was written there: nothing is lost */
	bp_arena_close(in->keep);
	free(in);
}

/* ---- writing ---- */

static int
new_out(struct bp_out **ret, const char *name, const struct bp_transport *t, struct bp_err *err)
{
	struct bp_out *out = calloc(1, sizeof *out + strlen(name) + 1);

	if (!out)
		return BP_FAIL(err, BP_EMEM, NULL, "no memory to write %s", name);
	strcpy(out->name, name);
	out->t = t;
	out->sink.write = t->write;
	out->sink.self = &out->end;
	out->sink.part = (size_t)1 << 30;
	*ret = out;
	return BP_OK;
}

int
bp_out_open(struct bp_out **ret, const char *path, struct bp_err *err)
{
	return bp_out_open_at(ret, path, NULL, NULL, err);
}

static int
open_out_fd(struct bp_out **ret, const char *path, struct bp_err *err)
{
	struct bp_out *out;

	if (standard(path) && isatty(STDOUT_FILENO))
		return BP_FAIL(err, BP_EUSAGE, "pipe it into the next stage, or give --out FILE",
		    "stdout: records are binary and this is a terminal");
	BP_TRY(new_out(&out, standard(path) ? "stdout" : path, &fd_transport, err));
	out->end.fd = (struct fd_end) { STDOUT_FILENO, true, out->name };
	if (!standard(path)) {
		out->end.fd.fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		if (out->end.fd.fd < 0) {
			free(out);
			return BP_FAIL(err, BP_EIO, NULL, "%s: %s", path, strerror(errno));
		}
	}
	signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error message, not a silent death */
	if (widen(out->end.fd.fd) && sysconf(_SC_PAGESIZE) == (long)PAGE)
		out->sink.lend = fd_lend;
	*ret = out;
	return BP_OK;
}

int
bp_out_open_at(
    struct bp_out **ret, const char *path, const struct bp_wire_opt *o, struct bp_stats *stats, struct bp_err *err)
{
	int st;

	*ret = NULL;
	if (!bp_is_endpoint(path)) {
		BP_TRY(open_out_fd(ret, path, err));
		(*ret)->stats = stats;
		return BP_OK;
	}
	BP_TRY(new_out(ret, path, &fd_transport, err));
	(*ret)->stats = stats;
	if ((st = bp_out_open_sock(*ret, path, o, err)) != BP_OK) {
		free(*ret);
		*ret = NULL;
	}
	return st;
}

int
bp_out_open_mem(struct bp_out **ret, char **data, size_t *n, struct bp_err *err)
{
	*ret = NULL;
	*data = NULL;
	*n = 0;
	BP_TRY(new_out(ret, "memory", &mem_transport, err));
	(*ret)->end.mem = (struct mem_end) { .to = data, .to_n = n };
	return BP_OK;
}

/* what is to be seen of a record that was put */
static void
count_out(struct bp_stats *s, const struct bp_rec *rec, bool failed, uint64_t bytes)
{
	const struct bp_val *trail
	    = bp_is_batch(rec) ? bp_val_get(bp_val_at(bp_val_get(rec->meta, "batch"), 0), "trail") : rec->trail;
	size_t n = bp_val_count(trail);
	const struct bp_val *last = n ? bp_val_at(trail, n - 1) : NULL;
	struct bp_err why;

	if (!s)
		return;
	BP_COUNT(s, out, (long long)bp_batch_count(rec));
	BP_COUNT(s, failed, failed);
	BP_COUNT(s, bytes_out, (long long)bytes);
	if (failed) {
		BP_FAIL(&why, BP_EINPUT, NULL, "%s: %s", rec->id, bp_val_cstr(bp_val_get(rec->meta, "message"), "?"));
		bp_stats_error(s, &why);
	} else if (strcmp(bp_val_cstr(bp_val_get(last, "tool"), ""), s->tool) == 0 && rec->kind != BP_DONE) {
		atomic_store(&s->target, bp_val_i64(bp_val_get(last, "peak_bytes"), -1));
	}
}

/* this may wait for the next stage */
static int
hand_over(struct bp_out *out, const struct bp_rec *rec, struct bp_duty *const *kept, int n, struct bp_err *err)
{
	struct bp_sock_in *from = out->from ? out->from->sock : NULL;
	int st;

	if (from)
		bp_sock_in_rest(from, true);
	if ((st = bp_pack_rec(&out->sink, rec, err)) == BP_OK)
		st = out->sock ? bp_out_commit(out, rec, kept, n, err) : out->t->flush(&out->end, err);
	if (from)
		bp_sock_in_rest(from, false);
	return st;
}

int
bp_out_put_for(struct bp_out *out, struct bp_rec *rec, struct bp_duty *const *kept, int n, struct bp_err *err)
{
	bool failed = rec->kind == BP_ERROR && !rec->received;
	uint64_t before = out->sink.total;

	if (!out->from || !out->from->sock)
		n = 0; /* nothing is owed to anybody */
	rec->index = out->count;
	if (out->sock)
		BP_TRY(bp_out_stamp(out, rec, err));
	BP_TRY(hand_over(out, rec, kept, n, err));
	for (int i = 0; i < n && !out->sock; i++)
		bp_duty_drop(kept[i], false);
	out->count += bp_batch_count(rec);
	out->failures += failed;
	count_out(out->stats, rec, failed, out->sink.total - before);
	return BP_OK;
}

int
bp_out_put(struct bp_out *out, struct bp_rec *rec, struct bp_err *err)
{
	return bp_out_put_for(out, rec, NULL, 0, err);
}

struct bp_duty *
bp_out_keep(struct bp_out *out)
{
	struct bp_duty *d = out->from && out->from->sock ? bp_sock_in_duty(out->from->sock) : NULL;

	bp_duty_hold(d);
	return d;
}

void
bp_out_lose(struct bp_duty *kept)
{
	bp_duty_drop(kept, true);
}

static int
put_end(struct bp_out *out, struct bp_rec *end, struct bp_err *err)
{
	end->index = out->count;
	BP_TRY(bp_val_set(end->meta, "count", bp_val_int(end->mem, out->count, err), end->mem, err));
	BP_TRY(bp_out_end_runs(out, end, err));
	if (out->sock)
		return bp_out_end_sock(out, end, err);
	BP_TRY(bp_pack_rec(&out->sink, end, err));
	BP_TRY(out->t->flush(&out->end, err));
	return out->t->close(&out->end, err);
}

int
bp_out_end(struct bp_out *out, struct bp_err *err)
{
	struct bp_arena *mem;
	struct bp_rec *end;
	int st;

	BP_TRY(bp_arena_open(&mem, 0, err));
	if ((st = bp_rec_new(&end, BP_END, "", mem, err)) == BP_OK)
		st = put_end(out, end, err);
	bp_arena_close(mem);
	return st;
}

/* a pipe that is not stderr's, too */
static bool
is_pipe(int fd)
{
	struct stat out, err;

	return fstat(fd, &out) == 0 && S_ISFIFO(out.st_mode)
	    && !(fstat(STDERR_FILENO, &err) == 0 && err.st_dev == out.st_dev && err.st_ino == out.st_ino);
}

void
bp_out_abandon(struct bp_out *out, const char *path)
{
	struct bp_out *opened = NULL;
	struct bp_arena *mem;
	struct bp_rec *end;

	if (out ? out->t != &fd_transport || out->sock || out->sink.st != BP_OK || !is_pipe(out->end.fd.fd)
		: !standard(path) || !is_pipe(STDOUT_FILENO))
		return;
	if (bp_arena_open(&mem, 0, NULL) != BP_OK)
		return;
	if (bp_rec_new(&end, BP_END, "", mem, NULL) == BP_OK
	    && bp_val_set(end->meta, "failed", bp_val_str(mem, bp_log_program(), NULL), mem, NULL) == BP_OK
	    && (out || bp_out_open(&opened, NULL, NULL) == BP_OK)
	    && bp_pack_rec(out ? &out->sink : &opened->sink, end, NULL) == BP_OK)
		(void)((out ? out : opened)->t->flush(out ? &out->end : &opened->end, NULL));
	bp_out_close(opened);
	bp_arena_close(mem);
}

int64_t
bp_out_count(const struct bp_out *out)
{
	return out->count;
}

int64_t
bp_out_failures(const struct bp_out *out)
{
	return out->failures;
}

int
bp_out_broken(const struct bp_out *out)
{
	return out->sink.st;
}

void
bp_out_part(struct bp_out *out, size_t bytes)
{
	bp_assert(bytes > 0 && bytes <= UINT32_MAX);
	out->sink.part = bytes;
}

void
bp_out_close(struct bp_out *out)
{
	if (!out)
		return;
	if (out->sock)
		bp_sock_out_close(out->sock);
	else if (out->t->close(&out->end, NULL) != BP_OK)
		out->sink.st = BP_EIO; /* no end record was sent: the reader will know */
	bp_arena_close(out->keep);
	free(out);
}
