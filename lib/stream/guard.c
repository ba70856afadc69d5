#include "stream/guard.h"

#include <errno.h>
#include <linux/tcp.h> /* glibc's tcp_info lacks the bytes */
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <zmq.h>

#include "base/log.h"

/* What ZeroMQ says on its own (a sign of life a second, the beginning) is never handed over: so much a second is not held against a connection. */
enum { OWN = 64, EVENTS = ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CLOSED };
static const double every = 0.02; /* s */

struct conn {
	bool open;
	uint64_t seen;
	double since;
};

struct bp_guard {
	void *sock, *monitor;
	uint64_t most;
	double looked;
	struct conn *conn; /* [n] by descriptor */
	int n;
};

int
bp_guard_open(struct bp_guard **ret, void *ctx, void *sock, uint64_t most, struct bp_err *err)
{
	struct bp_guard *g = calloc(1, sizeof *g);
	char name[64];

	*ret = NULL;
	if (!g)
		return BP_FAIL(err, BP_EMEM, NULL, "no memory for sockets");
	g->sock = sock;
	g->most = most;
	snprintf(name, sizeof name, "inproc://guard-%p", sock);
	if (zmq_socket_monitor(sock, name, EVENTS) != 0 || !(g->monitor = zmq_socket(ctx, ZMQ_PAIR))
	    || zmq_connect(g->monitor, name) != 0) {
		BP_FAIL(err, BP_EIO, NULL, "no watch over connections: %s", zmq_strerror(errno));
		bp_guard_close(g);
		return err->code;
	}
	*ret = g;
	return BP_OK;
}

void
bp_guard_close(struct bp_guard *g)
{
	if (!g)
		return;
	(void)zmq_socket_monitor(g->sock, NULL, 0);
	if (g->monitor)
		zmq_close(g->monitor);
	free(g->conn);
	free(g);
}

/* bytes that came by a connection; 0: it is none any more */
static uint64_t
came(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t n = sizeof info;

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) == 0 ? info.tcpi_bytes_received : 0;
}

static struct conn *
conn_at(struct bp_guard *g, int fd)
{
	struct conn *p;

	if (fd < 0)
		return NULL;
	if (fd >= g->n) {
		int n = fd < 64 ? 64 : 2 * fd;
		if (!(p = realloc(g->conn, (size_t)n * sizeof *p)))
			return NULL;
		memset(p + g->n, 0, (size_t)(n - g->n) * sizeof *p);
		g->conn = p;
		g->n = n;
	}
	return &g->conn[fd];
}

/* connections that came and went: a frame with the event (16 bits) and the descriptor (32 bits), and one with the address */
static void
drain(struct bp_guard *g)
{
	unsigned char b[6];
	int32_t fd;

	while (zmq_recv(g->monitor, b, sizeof b, ZMQ_DONTWAIT) == sizeof b) {
		uint16_t event;
		struct conn *c;
		memcpy(&event, b, sizeof event);
		memcpy(&fd, b + 2, sizeof fd);
		if (zmq_recv(g->monitor, b, sizeof b, ZMQ_DONTWAIT) < 0 || !(c = conn_at(g, fd)))
			continue;
		/* what has come by now was little, and part of it may have been handed over */
		*c = (struct conn) { event == ZMQ_EVENT_ACCEPTED, event == ZMQ_EVENT_ACCEPTED ? came(fd) : 0, bp_seconds() };
	}
}

void
bp_guard_saw(struct bp_guard *g, int fd, size_t n)
{
	struct conn *c;

	if (!g || !(c = conn_at(g, fd)))
		return;
	if (!c->open)
		drain(g);
	c->seen += n + (n > 255 ? 9 : 2); /* as ZMTP codes a frame */
}

int
bp_guard_look(struct bp_guard *g)
{
	double now = bp_seconds();
	int cut = 0;

	if (now - g->looked < every)
		return 0;
	g->looked = now;
	drain(g);
	for (;;) {
		uint64_t sum = 0, worst = 0;
		int at = -1;
		for (int fd = 0; fd < g->n; fd++) {
			const struct conn *c = &g->conn[fd];
			uint64_t all = c->open ? came(fd) : 0, known = c->seen + (uint64_t)(OWN * (now - c->since + 1)),
			         behind = all > known ? all - known : 0;
			sum += behind;
			if (behind > worst)
				worst = behind, at = fd;
		}
		if (sum <= g->most)
			return cut;
		shutdown(at, SHUT_RDWR); /* ZeroMQ finds it closed, and lets go of what it kept */
		g->conn[at].open = false;
		cut++;
	}
}
