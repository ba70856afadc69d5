/* the consumer's side of a socket: heads, pieces and sessions that a producer may send, and the records in them. The
 * input is a row of messages: flags, length, bytes; flag 1: session, serial, and what was asked for are put right, so
 * that the fuzzer comes past them. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "stream/io_part.h"
#include "stream/sock_in_part.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const struct bp_wire_opt opt = { .queue = 4, .queue_bytes = 1 << 20 };

static void
put64(uint8_t *p, uint64_t x)
{
	for (int i = 0; i < 8; i++)
		p[i] = (uint8_t)(x >> 8 * i);
}

/* make a head fit the session that there is */
static void
mend(uint8_t head[BP_NET_HEAD], struct bp_sock_in *s, uint64_t serial)
{
	struct link *l = &s->link[0];

	memcpy(head, "bpz1", 4);
	head[6] = head[7] = 0;
	put64(head + 8, 7);
	put64(head + 16, l->session);
	put64(head + 24, serial);
}

static void
deliver(struct bp_sock_in *s, void *peer, uint8_t flags, const uint8_t *p, size_t n)
{
	uint8_t head[BP_NET_HEAD] = { 0 };
	size_t k = n < sizeof head ? n : sizeof head;

	memcpy(head, p, k);
	if (flags & 1)
		mend(head, s, s->link[0].in);
	if (flags & 2)
		zmq_send(peer, p, n, 0); /* as it is */
	else if (n > k)
		zmq_send(peer, head, sizeof head, ZMQ_SNDMORE), zmq_send(peer, p + k, n - k, 0);
	else
		zmq_send(peer, head, sizeof head, 0);
}

/* what came, to the program */
static void
consume(struct bp_in *in, struct bp_arena *mem)
{
	struct bp_err err = { 0 };
	struct bp_rec *rec;

	while (in->sock->first && !in->sock->finished) {
		int st = bp_in_next(in, mem, &rec, &err);
		bp_arena_reset(mem);
		if (st == BP_EOS || (st != BP_OK && !rec))
			break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	void *ctx = zmq_ctx_new(), *a = zmq_socket(ctx, ZMQ_PAIR), *b = zmq_socket(ctx, ZMQ_PAIR);
	struct bp_net *net = calloc(1, sizeof *net + sizeof *net->ep);
	struct bp_sock_in *s = calloc(1, sizeof *s);
	struct bp_in *in = calloc(1, sizeof *in + 2);
	struct bp_arena *mem;
	uint8_t drop[256];

	bp_log_open("fuzz", -1);
	if (bp_arena_open(&mem, 64 << 20, NULL) != BP_OK || zmq_bind(a, "inproc://f") || zmq_connect(b, "inproc://f"))
		abort();
	net->wake = net->stop = -1;
	net->n = 1;
	net->ep[0] = (struct bp_endpoint) { .name = "f", .sock = a };
	s->net = net;
	s->opt = &opt;
	s->last = &s->first;
	s->done_last = &s->done;
	s->stopped = true; /* the program does not wait for more */
	s->ep = calloc(1, sizeof *s->ep);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->cond, NULL);
	s->link = calloc(1, sizeof *s->link);
	s->nlinks = s->links_cap = 1;
	in->sock = in->end.sock = s;
	in->src = (struct bp_src) { .read = bp_sock_in_read, .self = &in->end, .name = "f", .limit = 1 << 30 };
	for (s->busy = true; n >= 3; s->busy = true) {
		size_t len = data[1] | (size_t)data[2] << 8, now = len < n - 3 ? len : n - 3;
		deliver(s, b, data[0], data + 3, now);
		data += 3 + now;
		n -= 3 + now;
		bp_sock_in_turn(s);
		consume(in, mem);
		while (zmq_recv(b, drop, sizeof drop, ZMQ_DONTWAIT) >= 0)
			;
	}
	bp_sock_in_forget(s);
	bp_arena_close(in->keep);
	bp_arena_close(mem);
	zmq_close(a);
	zmq_close(b);
	zmq_ctx_term(ctx);
	free(net);
	free(in);
	return 0;
}
