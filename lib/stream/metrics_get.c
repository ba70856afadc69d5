/* A counters' page over HTTP/1.0, with a deadline; declared in stream/metrics.h. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "stream/metrics.h"

enum { REPLY = 65536, HOST = 256 };

struct call {
	const char *where;
	double until;
	struct bp_err *err;
	int fd;
};

static int
failed(const struct call *c, const char *what)
{
	return BP_FAIL(c->err, BP_EIO, NULL, "%s: %s", c->where, what);
}

/* until the socket is ready for events */
static int
await(const struct call *c, short events)
{
	struct pollfd p = { .fd = c->fd, .events = events };
	double left = c->until - bp_seconds();
	int n = poll(&p, 1, left > 0 ? (int)(left * 1000) + 1 : 0);

	if (n < 0 && errno != EINTR)
		return failed(c, strerror(errno));
	return n == 0 ? failed(c, "no answer in time") : BP_OK;
}

static int
join(struct call *c, const struct addrinfo *a)
{
	int e = 0;
	socklen_t n = sizeof e;

	if ((c->fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) < 0)
		return failed(c, strerror(errno));
	if (connect(c->fd, a->ai_addr, a->ai_addrlen) != 0 && errno != EINPROGRESS)
		return failed(c, strerror(errno));
	BP_TRY(await(c, POLLOUT));
	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &e, &n) != 0 || e)
		return failed(c, strerror(e ? e : errno));
	return BP_OK;
}

/* send the question, read all of the answer */
static int
exchange(const struct call *c, char reply[REPLY])
{
	static const char question[] = "GET /metrics HTTP/1.0\r\nHost: boltzpipe\r\n\r\n";
	size_t n = 0;
	ssize_t got;

	if (send(c->fd, question, sizeof question - 1, MSG_NOSIGNAL) != (ssize_t)sizeof question - 1)
		return failed(c, strerror(errno));
	for (;;) {
		BP_TRY(await(c, POLLIN));
		got = recv(c->fd, reply + n, REPLY - 1 - n, 0);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (got < 0)
			return failed(c, strerror(errno));
		n += (size_t)got;
		reply[n] = 0;
		if (got == 0)
			return BP_OK;
		if (n == REPLY - 1)
			return failed(c, "the answer is too long for a stage's counters");
	}
}

static int
understand(struct bp_stats_view *v, const struct call *c, char *reply)
{
	char *body = strstr(reply, "\r\n\r\n");

	if (strncmp(reply, "HTTP/1.", 7) != 0 || !body)
		return failed(c, "no answer of a web server");
	if (strncmp(reply + 8, " 200", 4) != 0)
		return failed(c, "no counters there");
	if (bp_metrics_parse(v, body + 4, c->err) == BP_OK)
		return BP_OK;
	bp_err_where(c->err, "%s", c->where);
	return BP_EIO;
}

int
bp_metrics_get(struct bp_stats_view *v, const char *where, double seconds, struct bp_err *err)
{
	struct call c = { .where = where, .until = bp_seconds() + seconds, .err = err, .fd = -1 };
	struct addrinfo want = { .ai_socktype = SOCK_STREAM }, *found;
	const char *colon = strrchr(where, ':'), *port = colon ? colon + 1 : where;
	char host[HOST] = "127.0.0.1", *reply;
	int e, st;

	if (colon > where)
		snprintf(host, sizeof host, "%.*s", (int)(colon - where), where);
	if (host[0] == '[' && host[strlen(host) - 1] == ']') { /* [::1]:9100 */
		host[strlen(host) - 1] = 0;
		memmove(host, host + 1, strlen(host));
	}
	if (!*port || strspn(port, "0123456789") != strlen(port) || strlen(port) > 5)
		return BP_FAIL(
		    err, BP_EUSAGE, "HOST:PORT as given to the stage by --metrics PORT", "%s: no port in it", where);
	if ((e = getaddrinfo(host, port, &want, &found)) != 0)
		return BP_FAIL(err, BP_EUSAGE, NULL, "%s: %s", where, gai_strerror(e));
	st = join(&c, found);
	freeaddrinfo(found);
	if (!(reply = malloc(REPLY)))
		st = BP_FAIL(err, BP_EMEM, NULL, "no memory for an answer");
	if (st == BP_OK && (st = exchange(&c, reply)) == BP_OK)
		st = understand(v, &c, reply);
	free(reply);
	if (c.fd >= 0)
		close(c.fd);
	return st;
}
