#include "stream/call.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "stream/net.h"
#include "stream/pack.h"

struct bp_call {
	struct bp_net *net;
	bool server;
	double limit, until;  /* s; 0: none */
	struct bp_rid client; /* of the question */
	struct {
		struct bp_rid rid;
		uint64_t used;
	} known[BP_CALL_CLIENTS];
	uint64_t turns;
	zmq_msg_t question;
	size_t at;
	char *answer; /* being packed */
	size_t n, cap;
	struct bp_src src;
	struct bp_sink sink;
};

static int
take_bytes(void *self, void *buf, size_t n, size_t *got, struct bp_err *err)
{
	struct bp_call *c = self;
	size_t left = zmq_msg_size(&c->question) - c->at;

	(void)err;
	*got = n < left ? n : left;
	memcpy(buf, (const char *)zmq_msg_data(&c->question) + c->at, *got);
	c->at += *got;
	return BP_OK;
}

static int
put_bytes(void *self, const void *buf, size_t n, struct bp_err *err)
{
	struct bp_call *c = self;

	if (n > c->cap - c->n) {
		size_t cap = c->n + n > 2 * c->cap ? c->n + n : 2 * c->cap;
		char *p = realloc(c->answer, cap);
		if (!p)
			return BP_FAIL(err, BP_EMEM, NULL, "no memory for a message of %zu bytes", cap);
		c->answer = p;
		c->cap = cap;
	}
	memcpy(c->answer + c->n, buf, n);
	c->n += n;
	return BP_OK;
}

int
bp_call_open(struct bp_call **ret, const char *endpoint, bool server, const struct bp_wire_opt *o, struct bp_err *err)
{
	static const struct bp_wire_opt defaults = BP_WIRE_INIT;
	struct bp_call *c = calloc(1, sizeof *c);
	int st;

	*ret = NULL;
	if (!c)
		return BP_FAIL(err, BP_EMEM, NULL, "no memory for a socket");
	if ((st = bp_net_open(&c->net, endpoint, server ? BP_NET_SERVER : BP_NET_CLIENT, o ? o : &defaults, NULL, err))
	    != BP_OK) {
		free(c);
		return st;
	}
	c->server = server;
	zmq_msg_init(&c->question);
	c->src.read = take_bytes, c->src.self = c, c->src.name = c->net->ep[0].name;
	c->sink.write = put_bytes, c->sink.self = c, c->sink.part = (size_t)1 << 30;
	*ret = c;
	return BP_OK;
}

void
bp_call_close(struct bp_call *c)
{
	if (!c)
		return;
	zmq_msg_close(&c->question);
	bp_net_close(c->net, 0);
	free(c->answer);
	free(c);
}

void
bp_call_within(struct bp_call *c, double seconds)
{
	c->limit = seconds;
	c->until = seconds > 0 ? bp_seconds() + seconds : 0;
}

/* wait until the socket is ready; keys are looked at meanwhile */
static int
await(struct bp_call *c, short events, struct bp_err *err)
{
	zmq_pollitem_t item = { .socket = c->net->ep[0].sock, .events = events };

	for (;;) {
		double left = c->until > 0 ? c->until - bp_seconds() : 1;
		if (zmq_poll(&item, 1,
		        left <= 0         ? 0
		            : left < 0.05 ? (long)(left * 1000) + 1
		            : c->net->zap ? 50
		                          : 250)
		    > 0)
			return BP_OK;
		if (c->net->zap)
			(void)bp_net_wait(c->net, 0);
		if (left <= 0)
			return BP_FAIL(err, BP_EINPUT, "is it running?", "%s: %s within %g s", c->net->ep[0].name,
			    events == ZMQ_POLLIN ? "no answer" : "nobody there", c->limit);
	}
}

int
bp_call_send(struct bp_call *c, const struct bp_rec *rec, struct bp_err *err)
{
	void *sock = c->net->ep[0].sock;

	c->n = 0;
	c->sink.st = BP_OK;
	BP_TRY(bp_pack_rec(&c->sink, rec, err));
	if (!c->server)
		BP_TRY(await(c, ZMQ_POLLOUT, err));
	if (c->server && zmq_send(sock, c->client.b, c->client.n, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0)
		return BP_OK; /* the client is gone, and misses nothing */
	if (zmq_send(sock, "", 0, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0 || zmq_send(sock, c->answer, c->n, ZMQ_DONTWAIT) < 0)
		return c->server
		    ? BP_OK
		    : BP_FAIL(err, BP_EINPUT, NULL, "%s: %s", c->net->ep[0].name, zmq_strerror(zmq_errno()));
	return BP_OK;
}

int
bp_call_take(struct bp_call *c, struct bp_rec **rec, struct bp_arena *mem, struct bp_err *err)
{
	int st;

	*rec = NULL;
	do
		BP_TRY(await(c, ZMQ_POLLIN, err));
	while (!bp_net_recv_plain(c->net, &c->client, &c->question));
	c->at = 0;
	c->src.at = c->src.end = 0;
	c->src.limit = zmq_msg_size(&c->question);
	st = bp_unpack_rec(rec, &c->src, mem, err);
	if (c->server && st == BP_ESTREAM)
		bp_net_stranger(c->net, 0, err->msg);
	c->src.record++;
	return st;
}

int
bp_call_client(struct bp_call *c, bool *fresh)
{
	int i, oldest = 0;

	for (i = 0; i < BP_CALL_CLIENTS; i++) {
		if (c->known[i].used && c->known[i].rid.n == c->client.n
		    && memcmp(c->known[i].rid.b, c->client.b, c->client.n) == 0)
			break;
		if (c->known[i].used < c->known[oldest].used)
			oldest = i;
	}
	*fresh = i == BP_CALL_CLIENTS;
	if (*fresh)
		c->known[i = oldest].rid = c->client;
	c->known[i].used = ++c->turns;
	return i;
}
