/* Contents: stopping; addresses; opening sockets; waiting; messages. */
#include "stream/net.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "stream/curve.h"
#include "stream/guard.h"

enum { GUARD_MS = 100 };
static const char magic[4] = { 'b', 'p', 'z', '1' };

uint64_t
bp_net_random(void)
{
	uint64_t x = 0;

	while (x == 0 && getrandom(&x, sizeof x, 0) != sizeof x)
		;
	return x;
}

/* ---- stopping: a signal handler reaches no argument, so its descriptor is the process's ---- */

static volatile sig_atomic_t stop_fd = -1;

static void
on_term(int sig)
{
	uint64_t one = 1;
	int keep = errno;

	signal(sig, SIG_DFL); /* the second one ends it at once */
	if (write(stop_fd, &one, sizeof one) < 0)
		_exit(128 + sig);
	errno = keep;
}

int
bp_net_catch_stop(int *fd, struct bp_err *err)
{
	if (stop_fd < 0 && (stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
		return BP_FAIL(err, BP_EIO, NULL, "eventfd: %s", strerror(errno));
	*fd = stop_fd;
	signal(SIGTERM, on_term);
	return BP_OK;
}

int
bp_net_thread(pthread_t *thread, void *(*run)(void *), void *self, struct bp_err *err)
{
	sigset_t all, old;
	int e;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	e = pthread_create(thread, NULL, run, self);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return e ? BP_FAIL(err, BP_EIO, NULL, "no thread for a stream: %s", strerror(e)) : BP_OK;
}

/* ---- addresses ---- */

struct address {
	char name[512], zmq[512]; /* as written; as ZeroMQ wants it */
	bool bind;
};

static bool
loopback(const char *host)
{
	return strncmp(host, "127.", 4) == 0 || strncmp(host, "localhost:", 10) == 0 || strncmp(host, "[::1]:", 6) == 0;
}

/* plain TCP binds to loopback only, unless the user knows better */
static int
check_safe(struct address *a, const struct bp_wire_opt *o, struct bp_err *err)
{
	char *host = a->zmq + strlen("tcp://");
	char port[64];

	if (!a->bind || strncmp(a->zmq, "tcp://", 6) != 0 || o->insecure || o->key || loopback(host))
		return BP_OK;
	if (*host != '*')
		return BP_FAIL(err, BP_EUSAGE, "give --key and --peer-keys, or --insecure to let anyone connect",
		    "%s: plain TCP binds to loopback only", a->name);
	snprintf(port, sizeof port, "%s", host + 1);
	snprintf(a->zmq, sizeof a->zmq, "tcp://127.0.0.1%s", port);
	bp_log(BP_LOG_WARN,
	    "%s: this machine only: give --key and --peer-keys to encrypt, or --insecure to let anyone connect",
	    a->name);
	return BP_OK;
}

/* ZeroMQ takes any number, and waits for ever */
static bool
good_port(const char *rest)
{
	const char *colon = strrchr(rest, ':');
	char *end;
	long port = colon ? strtol(colon + 1, &end, 10) : 0;

	return port > 0 && port < 65536 && !*end && colon[1] >= '0' && colon[1] <= '9';
}

static int
parse(
    struct address *a, const char *s, size_t n, enum bp_net_role role, const struct bp_wire_opt *o, struct bp_err *err)
{
	const char *rest;
	bool tcp, ipc;

	if (n >= sizeof a->name - 2)
		return BP_FAIL(err, BP_EUSAGE, NULL, "an endpoint of %zu letters is too long", n);
	snprintf(a->name, sizeof a->name, "%.*s", (int)n, s);
	tcp = strncmp(a->name, "tcp://", 6) == 0;
	ipc = strncmp(a->name, "ipc://", 6) == 0;
	rest = a->name + 6;
	if ((!tcp && !ipc) || !*rest || (tcp && !good_port(rest)))
		return BP_FAIL(err, BP_EUSAGE, NULL, "%s: wanted tcp://HOST:PORT, tcp://*:PORT or ipc://PATH", a->name);
	if (ipc && *rest == '*')
		return BP_FAIL(
		    err, BP_EUSAGE, "leave out the '*'", "%s: an ipc socket: the producer binds it", a->name);
	a->bind
	    = role == BP_NET_SERVER || (role != BP_NET_CLIENT && (*rest == '*' || (ipc && role == BP_NET_PRODUCER)));
	if (*rest == '*' && !(tcp && rest[1] == ':'))
		rest++;
	if (ipc && strlen(rest) >= sizeof((struct sockaddr_un *)0)->sun_path)
		return BP_FAIL(err, BP_EUSAGE, "choose a shorter one", "%s: a path of more than %zu bytes", a->name,
		    sizeof((struct sockaddr_un *)0)->sun_path - 1);
	snprintf(a->zmq, sizeof a->zmq, "%.6s%s", a->name, rest);
	return check_safe(a, o, err);
}

/* ZeroMQ would take a socket's path away from who is there */
static int
check_free(const struct address *a, struct bp_err *err)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct stat sb;
	bool taken = false;
	int fd;

	if (strncmp(a->zmq, "ipc://", 6) != 0 || a->zmq[6] == '@')
		return BP_OK;
	snprintf(sa.sun_path, sizeof sa.sun_path, "%s", a->zmq + 6);
	if (lstat(sa.sun_path, &sb) != 0)
		return BP_OK;
	if (!S_ISSOCK(sb.st_mode))
		return BP_FAIL(err, BP_EUSAGE, "choose another path", "%s: is there and no socket", a->name);
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) >= 0) {
		taken = connect(fd, (struct sockaddr *)&sa, sizeof sa) == 0;
		close(fd);
	}
	return taken ? BP_FAIL(err, BP_EUSAGE, "choose another path", "%s: another program is there", a->name) : BP_OK;
}

/* ---- opening ---- */

static bool
set(void *sock, int option, int value)
{
	return zmq_setsockopt(sock, option, &value, sizeof value) == 0;
}

static bool
set_options(void *sock, bool bind, enum bp_net_role role)
{
	int64_t most = (role < BP_NET_SERVER ? BP_NET_CHUNK : BP_NET_CALL) + 64; /* what encryption adds */

	return zmq_setsockopt(sock, ZMQ_MAXMSGSIZE, &most, sizeof most) == 0 && set(sock, ZMQ_SNDHWM, 0)
	    && set(sock, ZMQ_RCVHWM, 64) && set(sock, ZMQ_LINGER, 0) && set(sock, ZMQ_HEARTBEAT_IVL, 1000)
	    && set(sock, ZMQ_HEARTBEAT_TIMEOUT, 5000) && set(sock, ZMQ_TCP_MAXRT, 10000) && set(sock, ZMQ_IPV6, 1)
	    && set(sock, ZMQ_RECONNECT_IVL, 50) && set(sock, ZMQ_RECONNECT_IVL_MAX, 1000)
	    && (bind ? set(sock, ZMQ_ROUTER_MANDATORY, 1) : set(sock, ZMQ_IMMEDIATE, 1));
}

/* what may lie in a TCP socket and its ZeroMQ socket: from producers pieces, from consumers heads and numbers */
static const uint64_t most_unread[] = { [BP_NET_CONSUMER] = (uint64_t)128 << 20, [BP_NET_PRODUCER] = (uint64_t)16 << 20,
	[BP_NET_SERVER] = (uint64_t)2 * BP_NET_CALL };

static int
open_endpoint(struct bp_net *net, const struct address *a, enum bp_net_role role, struct bp_err *err)
{
	struct bp_endpoint *ep = &net->ep[net->n];
	mode_t mask;
	int rc, e;

	for (int i = 0; i < net->n; i++)
		if (strcmp(net->ep[i].name, a->name) == 0)
			return BP_FAIL(err, BP_EUSAGE, NULL, "%s twice", a->name);
	ep->bound = a->bind;
	if (!(ep->name = strdup(a->name)) || !(ep->sock = zmq_socket(net->ctx, a->bind ? ZMQ_ROUTER : ZMQ_DEALER))) {
		free(ep->name);
		return BP_FAIL(err, BP_EMEM, NULL, "%s: %s", a->name, zmq_strerror(errno));
	}
	net->n++; /* from here on bp_net_close sees to it */
	if (!set_options(ep->sock, a->bind, role))
		return BP_FAIL(err, BP_EUNSUP, "install libzmq 4.2 or later", "%s: %s", a->name, zmq_strerror(errno));
	if (net->keys)
		BP_TRY(bp_curve_socket(net->keys, ep->sock, a->zmq, a->bind, err));
	if (a->bind)
		BP_TRY(check_free(a, err));
	if (a->bind && !net->keys && strncmp(a->zmq, "tcp:", 4) == 0)
		BP_TRY(bp_guard_open(&ep->guard, net->ctx, ep->sock, most_unread[role], err));
	mask = umask(077); /* an ipc socket is for this user only */
	rc = a->bind ? zmq_bind(ep->sock, a->zmq) : zmq_connect(ep->sock, a->zmq);
	e = errno;
	umask(mask);
	if (rc != 0)
		return BP_FAIL(err, BP_EUSAGE,
		    e == EADDRINUSE      ? "another program is there: choose another port"
		        : e == ENOENT    ? "make its folder first"
		        : e == ENODEV    ? "this machine has no such address"
		                         : NULL,
		    "%s: %s", a->name, zmq_strerror(e));
	return BP_OK;
}

static int
open_all(struct bp_net *net, const char *list, enum bp_net_role role, const struct bp_wire_opt *o, struct bp_err *err)
{
	struct address a;

	/* pieces of 1 MiB come and go: let malloc keep their pages rather than have the system clear new ones */
	mallopt(M_MMAP_THRESHOLD, 4 * BP_NET_CHUNK);
	mallopt(M_TRIM_THRESHOLD, 256 * BP_NET_CHUNK);
	if ((net->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0 || !(net->ctx = zmq_ctx_new()))
		return BP_FAIL(err, BP_EIO, NULL, "%s: %s", list, zmq_strerror(errno));
	zmq_ctx_set(net->ctx, ZMQ_BLOCKY, 0);
	if (o->key || o->peer_keys)
		BP_TRY(bp_curve_open(&net->keys, &net->zap, net->ctx, o, err));
	for (const char *s = list; s; s = strchr(s, ',') ? strchr(s, ',') + 1 : NULL) {
		if (net->n == BP_NET_ENDPOINTS)
			return BP_FAIL(err, BP_EUSAGE, NULL, "more than %d endpoints", BP_NET_ENDPOINTS);
		BP_TRY(parse(&a, s, strcspn(s, ","), role, o, err));
		BP_TRY(open_endpoint(net, &a, role, err));
	}
	return BP_OK;
}

int
bp_net_open(struct bp_net **ret, const char *list, enum bp_net_role role, const struct bp_wire_opt *o,
    struct bp_stats *stats, struct bp_err *err)
{
	struct bp_net *net = calloc(1, sizeof *net + BP_NET_ENDPOINTS * sizeof *net->ep);
	int st;

	*ret = NULL;
	if (!net)
		return BP_FAIL(err, BP_EMEM, NULL, "no memory for sockets");
	net->wake = net->stop = -1;
	net->self = bp_net_random();
	net->stats = stats;
	if ((st = open_all(net, list, role, o, err)) != BP_OK) {
		bp_net_close(net, 0);
		return st;
	}
	*ret = net;
	return BP_OK;
}

void
bp_net_close(struct bp_net *net, int linger_ms)
{
	if (!net)
		return;
	for (int i = 0; i < net->n; i++) {
		bp_guard_close(net->ep[i].guard);
		(void)set(net->ep[i].sock, ZMQ_LINGER, linger_ms);
		zmq_close(net->ep[i].sock);
		free(net->ep[i].name);
	}
	if (net->zap)
		zmq_close(net->zap);
	if (net->ctx)
		zmq_ctx_term(net->ctx);
	bp_curve_close(net->keys);
	if (net->wake >= 0)
		close(net->wake);
	free(net);
}

/* ---- waiting ---- */

bool
bp_net_wait(struct bp_net *net, long ms)
{
	zmq_pollitem_t item[BP_NET_ENDPOINTS + 3];
	uint64_t drain;
	int n = 0, stop = -1, zap = -1;

	for (; n < net->n; n++) {
		item[n] = (zmq_pollitem_t) { .socket = net->ep[n].sock, .events = ZMQ_POLLIN };
		if (net->ep[n].guard && ms > GUARD_MS) /* what it looks for wakes nobody */
			ms = GUARD_MS;
	}
	item[n++] = (zmq_pollitem_t) { .fd = net->wake, .events = ZMQ_POLLIN };
	if (net->zap)
		item[zap = n++] = (zmq_pollitem_t) { .socket = net->zap, .events = ZMQ_POLLIN };
	if (net->stop >= 0)
		item[stop = n++] = (zmq_pollitem_t) { .fd = net->stop, .events = ZMQ_POLLIN };
	(void)zmq_poll(item, n, ms); /* interrupted: as good as woken */
	atomic_store(&net->asleep, false);
	if (read(net->wake, &drain, sizeof drain) < 0 && errno != EAGAIN)
		return false;
	for (int i = 0; i < net->n; i++)
		for (int k = net->ep[i].guard ? bp_guard_look(net->ep[i].guard) : 0; k > 0; k--)
			bp_net_stranger(net, i, "a message without end; the connection is cut");
	if (zap >= 0 && (item[zap].revents & ZMQ_POLLIN) && bp_curve_admit(net->keys, net->zap) > 0)
		bp_net_stranger(net, 0, "its key is not among --peer-keys");
	return stop >= 0 && (item[stop].revents & ZMQ_POLLIN);
}

void
bp_net_wake(struct bp_net *net)
{
	uint64_t one = 1;

	if (atomic_exchange(&net->asleep, false) && write(net->wake, &one, sizeof one) < 0)
		return; /* it is full of wakes */
}

/* ---- messages ---- */

void
bp_net_stranger(struct bp_net *net, int ep, const char *why)
{
	BP_COUNT(net->stats, strangers, 1);
	if (!net->told)
		bp_log(BP_LOG_WARN, "%s: a message or peer was refused: %s; more of them are only counted",
		    net->ep[ep].name, why);
	net->told = true;
}

static uint64_t
get64(const unsigned char *p)
{
	uint64_t x = 0;

	for (int i = 7; i >= 0; i--)
		x = x << 8 | p[i];
	return x;
}

static void
put64(unsigned char *p, uint64_t x)
{
	for (int i = 0; i < 8; i++)
		p[i] = (unsigned char)(x >> 8 * i);
}

static bool
decode(struct bp_net_head *h, const unsigned char *p, size_t n)
{
	if (n != BP_NET_HEAD || memcmp(p, magic, sizeof magic) != 0 || p[6] || p[7] || p[4] < BP_NET_OPEN
	    || p[4] > BP_NET_BYE)
		return false;
	*h = (struct bp_net_head) { p[4], p[5], get64(p + 8), get64(p + 16), get64(p + 24), get64(p + 32),
		get64(p + 40), get64(p + 48) };
	return h->peer != 0;
}

/* the frames of one message are there together; those beyond the last wanted are dropped */
static int
frames(const struct bp_endpoint *ep, zmq_msg_t *f, int want)
{
	zmq_msg_t extra;
	int n = 0, more = 1;

	for (; more; n++) {
		zmq_msg_t *m = n < want ? &f[n] : &extra;
		zmq_msg_init(m);
		if (zmq_msg_recv(m, ep->sock, ZMQ_DONTWAIT) < 0) {
			zmq_msg_close(m);
			break;
		}
		more = zmq_msg_more(m);
		if (ep->guard && n > 0) /* the first is ZeroMQ's own: the sender's name */
			bp_guard_saw(ep->guard, zmq_msg_get(m, ZMQ_SRCFD), zmq_msg_size(m));
		if (n >= want)
			zmq_msg_close(m);
	}
	return n;
}

/* one message of an endpoint: 1, 0: there is none, -1: it was dropped */
static int
receive(struct bp_net *net, int ep, struct bp_rid *rid, struct bp_net_head *h, zmq_msg_t *body)
{
	bool router = net->ep[ep].bound;
	zmq_msg_t f[3];
	int skip = router, want = 2 + skip, n = frames(&net->ep[ep], f, want), have = n < want ? n : want;
	bool fine = n > skip && n <= want && decode(h, zmq_msg_data(&f[skip]), zmq_msg_size(&f[skip]))
	    && (!router || zmq_msg_size(&f[0]) <= sizeof rid->b);

	if (fine) {
		rid->n = router ? (uint8_t)zmq_msg_size(&f[0]) : 0;
		if (router)
			memcpy(rid->b, zmq_msg_data(&f[0]), rid->n);
		zmq_msg_init(body);
		if (n == want)
			zmq_msg_move(body, &f[want - 1]);
	}
	for (int i = 0; i < have; i++)
		zmq_msg_close(&f[i]);
	if (n > 0 && !fine)
		bp_net_stranger(net, ep, "no message of boltzpipe");
	return n == 0 ? 0 : fine ? 1 : -1;
}

bool
bp_net_recv(struct bp_net *net, int *ep, struct bp_rid *rid, struct bp_net_head *h, zmq_msg_t *body)
{
	for (int empty = 0, dropped = 0; empty < net->n && dropped < 64;) {
		int got;
		*ep = net->turn;
		net->turn = (net->turn + 1) % net->n;
		got = receive(net, *ep, rid, h, body);
		if (got > 0)
			return true;
		empty = got == 0 ? empty + 1 : 0;
		dropped += got < 0;
	}
	return false;
}

bool
bp_net_recv_plain(struct bp_net *net, struct bp_rid *rid, zmq_msg_t *body)
{
	bool router = net->ep[0].bound;
	int want = 2 + router;
	zmq_msg_t f[3];
	int n = frames(&net->ep[0], f, want), have = n < want ? n : want;
	bool fine = n == want && zmq_msg_size(&f[router]) == 0 && (!router || zmq_msg_size(&f[0]) <= sizeof rid->b);

	if (fine) {
		rid->n = router ? (uint8_t)zmq_msg_size(&f[0]) : 0;
		memcpy(rid->b, zmq_msg_data(&f[0]), rid->n);
		zmq_msg_move(body, &f[want - 1]);
	}
	for (int i = 0; i < have; i++)
		zmq_msg_close(&f[i]);
	if (n > 0 && !fine)
		bp_net_stranger(net, 0, "no question of a REQ socket");
	return fine;
}

bool
bp_net_send(struct bp_net *net, int ep, const struct bp_rid *rid, struct bp_net_head h, zmq_msg_t *body)
{
	void *sock = net->ep[ep].sock;
	unsigned char p[BP_NET_HEAD] = { magic[0], magic[1], magic[2], magic[3], h.type, h.flags };
	bool sent;

	put64(p + 8, net->self);
	put64(p + 16, h.session);
	put64(p + 24, h.serial);
	put64(p + 32, h.a);
	put64(p + 40, h.b);
	put64(p + 48, h.c);
	sent = !net->ep[ep].bound || zmq_send(sock, rid->b, rid->n, ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0;
	sent = sent && zmq_send(sock, p, sizeof p, (body ? ZMQ_SNDMORE : 0) | ZMQ_DONTWAIT) >= 0;
	if (body) {
		sent = sent && zmq_msg_send(body, sock, ZMQ_DONTWAIT) >= 0;
		if (!sent)
			zmq_msg_close(body);
	}
	return sent;
}

bool
bp_net_send_numbers(
    struct bp_net *net, int ep, const struct bp_rid *rid, struct bp_net_head h, const uint64_t *v, int n)
{
	zmq_msg_t body;
	unsigned char *p;

	if (zmq_msg_init_size(&body, 8 * (size_t)n) != 0)
		return false;
	p = zmq_msg_data(&body);
	for (int i = 0; i < n; i++)
		put64(p + 8 * i, v[i]);
	return bp_net_send(net, ep, rid, h, &body);
}

int
bp_net_numbers(uint64_t v[BP_NET_NUMBERS], zmq_msg_t *body)
{
	size_t n = zmq_msg_size(body);
	const unsigned char *p = zmq_msg_data(body);

	if (n % 8 || n / 8 > BP_NET_NUMBERS)
		return -1;
	for (size_t i = 0; i < n / 8; i++)
		v[i] = get64(p + 8 * i);
	return (int)(n / 8);
}
