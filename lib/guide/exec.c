/* lib/guide/exec.c: contents: the child and its pipes; a question; the source. */
#include "guide/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "guide/protocol.h"
#include "stream/call.h"
#include "stream/pack.h"

struct bp_exec {
	char *command, *name; /* "exec:COMMAND", for messages */
	double timeout, until;
	const struct bp_wire_opt *wire; /* command is an endpoint */
	bool remote;
	struct bp_call *call; /* NULL: none, or given up */
	pid_t pid;            /* 0: not running */
	int to, from;
	int64_t requests, sent; /* of the run; records since the start */
	struct bp_src src;
	struct bp_sink sink;
};

/* ---- the child ---- */

/* wait until fd is ready for `events`, not beyond e->until */
static int
await(struct bp_exec *e, int fd, short events, struct bp_err *err)
{
	struct pollfd p = { .fd = fd, .events = events };

	for (;;) {
		double left = e->until - bp_seconds();
		int n = left > 0 ? poll(&p, 1, left > 1e6 ? 1000000000 : (int)(left * 1000) + 1) : 0;
		if (n > 0)
			return BP_OK;
		if (n < 0 && errno != EINTR)
			return BP_FAIL(err, BP_EIO, NULL, "%s: %s", e->name, strerror(errno));
		if (n == 0 && bp_seconds() >= e->until)
			return BP_FAIL(err, BP_EINPUT, "a slow program needs exec,timeout=SECONDS:COMMAND",
			    "%s: no answer within %g s", e->name, e->timeout);
	}
}

static int
take(void *self, void *buf, size_t n, size_t *got, struct bp_err *err)
{
	struct bp_exec *e = self;
	ssize_t k;

	do {
		BP_TRY(await(e, e->from, POLLIN, err));
		k = read(e->from, buf, n);
	} while (k < 0 && (errno == EINTR || errno == EAGAIN));
	if (k < 0)
		return BP_FAIL(err, BP_EIO, NULL, "%s: %s", e->name, strerror(errno));
	*got = (size_t)k;
	return BP_OK;
}

static int
give(void *self, const void *buf, size_t n, struct bp_err *err)
{
	struct bp_exec *e = self;
	const char *p = buf;

	while (n > 0) {
		ssize_t k;
		BP_TRY(await(e, e->to, POLLOUT, err));
		k = write(e->to, p, n);
		if (k < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (k < 0)
			return BP_FAIL(err, BP_EIO, "see its messages", "%s: %s", e->name,
			    errno == EPIPE ? "the program reads no more" : strerror(errno));
		p += k;
		n -= (size_t)k;
	}
	return BP_OK;
}

static void
become(const char *command, int in, int out, pid_t parent)
{
	setpgid(0, 0); /* the shell and all it starts, to be ended together */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent || dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0)
		_exit(127);
	signal(SIGPIPE, SIG_DFL);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

static int
start(struct bp_exec *e, struct bp_err *err)
{
	const pid_t parent = getpid();
	int to[2], from[2];

	if (pipe2(to, O_CLOEXEC) != 0)
		return BP_FAIL(err, BP_EIO, NULL, "%s: %s", e->name, strerror(errno));
	if (pipe2(from, O_CLOEXEC) != 0) {
		close(to[0]), close(to[1]);
		return BP_FAIL(err, BP_EIO, NULL, "%s: %s", e->name, strerror(errno));
	}
	if ((e->pid = fork()) == 0)
		become(e->command, to[0], from[1], parent);
	close(to[0]), close(from[1]);
	e->to = to[1], e->from = from[0];
	if (e->pid < 0) {
		e->pid = 0;
		close(e->to), close(e->from);
		return BP_FAIL(err, BP_EIO, NULL, "%s: %s", e->name, strerror(errno));
	}
	setpgid(e->pid, e->pid); /* whoever is first */
	(void)fcntl(e->to, F_SETFL, O_NONBLOCK);
	(void)fcntl(e->from, F_SETFL, O_NONBLOCK);
	signal(SIGPIPE, SIG_IGN); /* a program that is gone is an error message, not our death */
	memset(&e->src, 0, offsetof(struct bp_src, buf));
	memset(&e->sink, 0, offsetof(struct bp_sink, buf));
	e->src.read = take, e->src.self = e, e->src.name = e->name, e->src.limit = (uint64_t)16 << 30;
	e->sink.write = give, e->sink.self = e, e->sink.part = (size_t)1 << 30;
	e->sent = 0;
	return BP_OK;
}

/* Collect the child, which has until e->until (kill: no time at all) to end by itself. Returns its status, -1: it had
 * to be ended. */
static int
collect(struct bp_exec *e, bool at_once)
{
	struct timespec nap = { 0, 2000000 };
	int status = 0;
	pid_t who = 0;
	char rest[4096];
	size_t got = 1;

	close(e->to);
	while (!at_once && got > 0 && take(e, rest, sizeof rest, &got, NULL) == BP_OK)
		; /* its end record */
	close(e->from);
	while (!at_once && (who = waitpid(e->pid, &status, WNOHANG)) == 0 && bp_seconds() < e->until)
		nanosleep(&nap, NULL);
	kill(-e->pid, SIGKILL); /* it, or what it left behind */
	if (who <= 0) {
		waitpid(e->pid, &status, 0);
		status = -1;
	}
	e->pid = 0;
	return status;
}

int
bp_exec_open(
    struct bp_exec **ret, const char *command, double timeout, const struct bp_wire_opt *wire, struct bp_err *err)
{
	struct bp_exec *e = calloc(1, sizeof *e);

	*ret = NULL;
	if (!e || !(e->command = strdup(command))
	    || asprintf(&e->name, "%s%.60s%s", strstr(command, "://") ? "" : "exec:", command,
	           strlen(command) > 60 ? "..." : "")
	        < 0) {
		if (e)
			free(e->command);
		free(e);
		return BP_FAIL(err, BP_EMEM, NULL, "no memory for a program");
	}
	e->timeout = timeout;
	e->wire = wire;
	e->remote = strncmp(command, "tcp://", 6) == 0 || strncmp(command, "ipc://", 6) == 0;
	*ret = e;
	return BP_OK;
}

const char *
bp_exec_command(const struct bp_exec *e)
{
	return e->command;
}

void
bp_exec_close(struct bp_exec *e)
{
	struct bp_arena *mem = NULL;
	struct bp_rec *end;
	int status;

	if (!e)
		return;
	if (e->pid) {
		e->until = bp_seconds() + e->timeout;
		if (bp_arena_open(&mem, 0, NULL) == BP_OK && bp_rec_new(&end, BP_END, "", mem, NULL) == BP_OK
		    && bp_val_set(end->meta, "count", bp_val_int(mem, e->sent, NULL), mem, NULL) == BP_OK) {
			end->index = e->sent;
			if (bp_pack_rec(&e->sink, end, NULL) != BP_OK)
				bp_log(BP_LOG_WARN, "%s: the end record could not be sent", e->name);
		}
		status = collect(e, false);
		if (status != 0)
			bp_log(BP_LOG_WARN, status == -1 ? "%s: did not end by itself" : "%s: ended with a failure",
			    e->name);
	}
	bp_call_close(e->call);
	bp_arena_close(mem);
	free(e->command), free(e->name), free(e);
}

/* ---- a question ---- */

/* the failure of an exchange: the child is of no use any more; when it ended by itself its status is the reason */
static int
give_up(struct bp_exec *e, bool ended, int st, struct bp_err *err)
{
	int status;

	if (e->remote) { /* an answer that comes late must not meet the next question */
		bp_call_close(e->call);
		e->call = NULL;
		return st;
	}
	e->until = bp_seconds() + 1;
	status = collect(e, !ended);
	if (!ended || status == -1)
		return st;
	if (WIFSIGNALED(status))
		return BP_FAIL(
		    err, BP_EINPUT, "see its messages", "%s: killed by signal %d", e->name, WTERMSIG(status));
	return BP_FAIL(err, BP_EINPUT, WEXITSTATUS(status) == 127 ? "is the program's name right?" : "see its messages",
	    "%s: ended with exit status %d and did not answer", e->name, WEXITSTATUS(status));
}

static int
ask_remote(struct bp_guide_reply *reply, struct bp_exec *e, const struct bp_guide_request *q,
    const struct bp_rec *request, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_rec *answer = NULL;
	int st;

	bp_call_within(e->call, e->timeout);
	if ((st = bp_call_send(e->call, request, err)) == BP_OK)
		st = bp_call_take(e->call, &answer, mem, err);
	if (st != BP_OK) /* of the target, whatever it was */
		return give_up(e, false, st == BP_EMEM ? BP_EMEM : BP_EINPUT, err);
	if ((st = bp_guide_reply_read(reply, answer, q, err)) != BP_OK) {
		bp_err_where(err, "%s", e->name);
		if (answer->kind != BP_ERROR)
			return give_up(e, false, st, err);
	}
	return st;
}

static int
ask(struct bp_guide_reply *reply, struct bp_exec *e, struct bp_guide_request *q, struct bp_arena *mem,
    struct bp_err *err)
{
	struct bp_rec *request, *answer = NULL;
	int st;

	q->request = e->requests++;
	BP_TRY(bp_guide_request_write(&request, q, mem, err));
	if (e->remote)
		return ask_remote(reply, e, q, request, mem, err);
	e->until = bp_seconds() + e->timeout;
	request->index = e->sent++;
	if ((st = bp_pack_rec(&e->sink, request, err)) != BP_OK)
		return give_up(e, st == BP_EIO, st, err);
	if ((st = bp_src_more(&e->src, err)) == BP_EOS)
		return give_up(e, true, BP_FAIL(err, BP_EINPUT, "see its messages", "%s: no answer", e->name), err);
	if (st == BP_OK)
		st = bp_unpack_rec(&answer, &e->src, mem, err);
	if (st != BP_OK) { /* what follows in the pipe is anything */
		st = st == BP_EMEM ? BP_EMEM : BP_EINPUT;
		return give_up(e, false, st, err);
	}
	if ((st = bp_guide_reply_read(reply, answer, q, err)) != BP_OK) {
		bp_err_where(err, "%s", e->name);
		if (answer->kind != BP_ERROR) /* a program that errs in form may be out of step */
			return give_up(e, false, st, err);
	}
	return st;
}

/* ---- the source ---- */

struct source {
	struct bp_guide_source source;
	struct bp_exec *e;
	const struct bp_rec *rec;
	bool asked;
};

/* what the server was told of the step, where nothing was given here */
static int
adopt_keys(struct bp_guide_params *p, const struct bp_val *keys, struct bp_arena *mem, struct bp_err *err)
{
	static const char *const step[] = { "guidance_weight", "guidance_interval", "step", "smoothing",
		"max_displacement_per_step", "start_time", "min_sigma", "ramp_steps" };
	struct bp_val *told = bp_val_map(mem, err);

	for (size_t i = 0; i < sizeof step / sizeof *step; i++)
		if (bp_val_get(keys, step[i]) && !bp_guide_given(p, step[i]))
			BP_TRY(bp_val_set(told, step[i], bp_val_get(keys, step[i]), mem, err));
	return bp_guide_take(p, told, mem, err);
}

/* the columns of the log: the numbers of the first sample */
static int
adopt_columns(struct bp_guide_source *s, const struct bp_val *sample, struct bp_arena *mem, struct bp_err *err)
{
	for (size_t i = 0; i < bp_val_count(sample) && s->columns < BP_SOURCE_COLUMNS; i++) {
		const char *key = bp_val_cstr(sample->type == BP_MAP ? sample->u.item[2 * i] : NULL, "");
		const struct bp_val *v = bp_val_get(sample, key);
		if (!bp_val_is(v, BP_INT) && !bp_val_is(v, BP_REAL))
			continue;
		if (strcmp(key, "step") && strcmp(key, "sample") && strcmp(key, "gd_step") && strcmp(key, "energy")
		    && strcmp(key, "max_displacement") && !(s->column[s->columns++] = bp_strdup(mem, key, err)))
			return BP_EMEM;
	}
	return BP_OK;
}

static int
exec_eval(struct bp_guide_source *source, const struct bp_guide_call *c, struct bp_arena *mem, struct bp_err *err)
{
	struct source *s = (struct source *)source;
	struct bp_guide_request q = { .target = s->rec->id,
		.step = c->step,
		.steps = c->steps,
		.gd_step = c->gd_step,
		.sigma = c->sigma,
		.samples = c->samples,
		.atoms = source->natoms,
		.coords = c->x,
		.of_atoms = s->asked ? NULL : s->rec };
	struct bp_mark mark = bp_arena_mark(mem);
	struct bp_guide_reply r;

	if (!s->asked && s->e->remote && !s->e->call)
		BP_TRY(bp_call_open(&s->e->call, s->e->command, false, s->e->wire, err));
	if (!s->asked && !s->e->remote && !s->e->pid)
		BP_TRY(start(s->e, err));
	if (s->e->remote ? !s->e->call : !s->e->pid)
		return BP_FAIL(err, BP_EINPUT, NULL, "%s: it has ended", s->e->name);
	BP_TRY(ask(&r, s->e, &q, mem, err));
	memcpy(c->energy, r.energy, (size_t)c->samples * sizeof *c->energy);
	if (c->gradient)
		memcpy(c->gradient, r.gradient, 3 * (size_t)c->samples * (size_t)source->natoms * sizeof *c->gradient);
	source->goal = r.goal;
	if (!s->asked) {
		BP_TRY(adopt_keys(source->params, r.guidance, mem, err));
		BP_TRY(adopt_columns(source, bp_val_at(r.samples, 0), mem, err));
	}
	for (int i = 0; i < c->samples; i++)
		for (int k = 0; k < source->columns; k++)
			c->values[i * source->columns + k]
			    = bp_val_num(bp_val_get(bp_val_at(r.samples, (size_t)i), source->column[k]), NAN);
	if (s->asked) /* the first answer's words are kept */
		bp_arena_release(mem, mark);
	s->asked = true;
	return BP_OK;
}

static int
exec_rehearse(struct bp_guide_source *source, int samples)
{
	(void)source, (void)samples; /* the records of an exchange are what the guiding holds, too */
	return BP_OK;
}

int
bp_source_exec(struct bp_guide_source **ret, struct bp_exec *e, const struct bp_rec *rec, int natoms,
    struct bp_guide_params *p, struct bp_arena *mem, struct bp_err *err)
{
	struct source *s;

	BP_NEW(s, 1, mem, err);
	s->e = e;
	s->rec = rec;
	s->source = (struct bp_guide_source) {
		.kind = "exec", .natoms = natoms, .eval = exec_eval, .rehearse = exec_rehearse, .params = p
	};
	*ret = &s->source;
	return BP_OK;
}
