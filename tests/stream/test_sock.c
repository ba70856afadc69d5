/* streams over sockets (doc/wire.md): what is sent arrives, what is not safe comes again, what is malformed is refused
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

#include "base/log.h"
#include "stream/io.h"
#include "stream/net.h"
#include "stream/sock_out_part.h"

/* ---- a producer in a thread of its own */

struct producer {
	const char *out;
	struct bp_wire_opt opt;
	struct bp_stats stats;
	int count, steps; /* targets; trajectory records before each */
	size_t bytes;     /* of each target's tensor                 */
	int st;
	atomic_int put;
	pthread_t thread;
};

static int
put_target(struct producer *p, struct bp_out *out, int i, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_tensor *t;
	struct bp_rec *rec;
	char id[16];

	snprintf(id, sizeof id, "t%d", i);
	for (int k = 0; k < p->steps; k++) {
		BP_TRY(bp_rec_new(&rec, BP_TRAJECTORY, id, mem, err));
		BP_TRY(bp_val_set(rec->meta, "step", bp_val_int(mem, k, err), mem, err));
		BP_TRY(bp_out_put(out, rec, err));
	}
	BP_TRY(bp_rec_new(&rec, BP_FEATURES, id, mem, err));
	BP_TRY(bp_rec_add(&t, rec, "x", BP_U8, 1, (int64_t[]) { (int64_t)p->bytes }, err));
	for (size_t k = 0; k < p->bytes; k++)
		((unsigned char *)t->data)[k] = (unsigned char)(k * 31 + (size_t)i);
	BP_TRY(bp_out_put(out, rec, err));
	atomic_fetch_add(&p->put, 1);
	return BP_OK;
}

static void *
produce(void *self)
{
	struct producer *p = self;
	struct bp_err err = { 0 };
	struct bp_arena *mem;
	struct bp_out *out;

	p->st = bp_arena_open(&mem, 0, &err);
	if (p->st == BP_OK)
		p->st = bp_out_open_at(&out, p->out, &p->opt, &p->stats, &err);
	for (int i = 0; i < p->count && p->st == BP_OK; i++) {
		p->st = put_target(p, out, i, mem, &err);
		bp_arena_reset(mem);
	}
	if (p->st == BP_OK)
		p->st = bp_out_end(out, &err);
	bp_out_close(out);
	bp_arena_close(mem);
	return NULL;
}

static void
start(struct producer *p)
{
	bp_stats_open(&p->stats, "producer", NULL);
	assert_int_equal(pthread_create(&p->thread, NULL, produce, p), 0);
}

static void
finish(struct producer *p)
{
	pthread_join(p->thread, NULL);
	assert_int_equal(p->st, BP_OK);
	assert_int_equal(atomic_load(&p->stats.in_flight), 0);
	bp_stats_close(&p->stats);
}

static const struct bp_wire_opt plain = { .queue = 2, .queue_bytes = (size_t)1 << 30, .timeout = 20 };

static struct bp_in *
consumer(const char *from, const struct bp_wire_opt *o, struct bp_stats *s)
{
	struct bp_err err = { 0 };
	struct bp_in *in;

	if (bp_in_open_at(&in, from, o, s, &err) != BP_OK)
		fail_msg("%s", err.msg);
	return in;
}

static struct bp_rec *
next(struct bp_in *in, struct bp_arena *mem)
{
	struct bp_err err = { 0 };
	struct bp_rec *rec;
	int st = bp_in_next(in, mem, &rec, &err);

	if (st < 0)
		fail_msg("%s", err.msg);
	return st == BP_OK ? rec : NULL;
}

static int
setup(void **state)
{
	bp_log_open("test_sock", BP_LOG_ERROR);
	return bp_arena_open((struct bp_arena **)state, 0, NULL);
}

static int
teardown(void **state)
{
	bp_arena_close(*state);
	return 0;
}

/* ---- what is sent arrives: pieces, trajectories with their target, the end with its run */
static void
arrives(struct bp_arena *mem, size_t bytes)
{
	struct producer p = { .out = "ipc:///tmp/bp-test-a", .opt = plain, .count = 5, .steps = 3, .bytes = bytes };
	struct bp_in *in;
	struct bp_rec *rec;
	char id[16];

	p.opt.run = "R";
	start(&p);
	in = consumer(p.out, &plain, NULL);
	for (int i = 0; i < 5; i++) {
		const struct bp_tensor *t;
		snprintf(id, sizeof id, "t%d", i);
		for (int k = 0; k < 3; k++) {
			assert_non_null(rec = next(in, mem));
			assert_int_equal(rec->kind, BP_TRAJECTORY);
			assert_string_equal(rec->id, id);
			assert_int_equal(bp_val_i64(bp_val_get(rec->meta, "step"), -1), k);
		}
		assert_non_null(rec = next(in, mem));
		assert_string_equal(rec->id, id);
		assert_string_equal(bp_val_cstr(bp_val_get(rec->extra, "run"), ""), "R");
		assert_non_null(t = bp_rec_get(rec, "x"));
		for (size_t k = 0; k < p.bytes; k++)
			if (((unsigned char *)t->data)[k] != (unsigned char)(k * 31 + (size_t)i))
				fail_msg("byte %zu of %s", k, id);
		bp_arena_reset(mem);
	}
	assert_null(next(in, mem));
	assert_false(bp_in_stopped(in));
	assert_int_equal(bp_val_count(bp_val_get(bp_in_runs(in), "R")), 5);
	assert_string_equal(bp_val_cstr(bp_val_at(bp_val_get(bp_in_runs(in), "R"), 4), ""), "t4");
	assert_int_equal(atomic_load(&p.stats.in_flight), 0);
	bp_in_end(in);
	bp_in_close(in);
	finish(&p);
}

static void
test_arrives(void **state)
{
	arrives(*state, 3000001);
	arrives(*state, 50000001); /* in large chunks, too */
}

/* ---- memory of large chunks is used again, and given back when it was not needed for a while */
static void
test_pool(void **state)
{
	struct pool pool = { .lock = PTHREAD_MUTEX_INITIALIZER };
	struct unit *u[2];
	struct chunk *large;
	char *p = calloc(1, 1 << 20);

	(void)state;
	for (double now = 10; now < 60; now += 10) { /* the second record only in the first two rounds */
		for (int k = 0; k < (now < 30 ? 2 : 1); k++) {
			assert_non_null(u[k] = calloc(1, sizeof *u[k]));
			u[k]->pool = &pool;
			for (int i = 0; i < 100; i++) {
				memset(p, i, 1 << 20);
				assert_int_equal(bp_unit_append(u[k], p, 1 << 20, NULL), BP_OK);
			}
			assert_int_equal(u[k]->bytes, 100 << 20);
			large = u[k]->chunk[u[k]->n - 2];
			assert_true(large->pool == &pool && large->n == large->cap && large->b[large->n - 1] >= 70);
		}
		assert_int_equal(pool.n, now == 30 ? 3 : 0);
		for (int k = 0; k < (now < 30 ? 2 : 1); k++)
			bp_unit_free(u[k], false);
		assert_int_equal(pool.n, now < 40 ? 6 : 3);
		bp_pool_trim(&pool, now);
		assert_int_equal(pool.n, now < 30 ? 6 : 3);
	}
	bp_pool_trim(&pool, 61);
	bp_pool_trim(&pool, 67);
	assert_int_equal(pool.n, 0);
	free(p);
}

/* ---- small records travel several in a message: each whole, in order; those that were not begun come again, as do those of a frame half worked off */
static void
test_several(void **state)
{
	struct bp_wire_opt wide = { .queue = 64, .queue_bytes = 1 << 20, .timeout = 20 };
	struct producer p = { .out = "ipc:///tmp/bp-test-s", .opt = wide, .count = 500, .bytes = 100 };
	struct bp_arena *mem = *state;
	struct bp_in *in;
	struct bp_rec *rec;
	char id[16];
	int i;

	start(&p);
	while (atomic_load(&p.put) < 64) /* so many are pending: the first ASK is answered by a few messages */
		usleep(1000);
	in = consumer(p.out, &wide, NULL);
	for (i = 0; i < 250; i++) {
		snprintf(id, sizeof id, "t%d", i);
		assert_non_null(rec = next(in, mem));
		assert_string_equal(rec->id, id);
		for (size_t k = 0; k < p.bytes; k++)
			assert_int_equal(((unsigned char *)bp_rec_get(rec, "x")->data)[k], (unsigned char)(k * 31 + (size_t)i));
		bp_arena_reset(mem);
	}
	bp_in_close(in); /* t249 is not finished */
	in = consumer(p.out, &wide, NULL);
	for (i = 249; (rec = next(in, mem)); i++) {
		snprintf(id, sizeof id, "t%d", i);
		assert_string_equal(rec->id, id);
		bp_arena_reset(mem);
	}
	assert_int_equal(i, 500);
	bp_in_end(in);
	bp_in_close(in);
	finish(&p);
}

/* ---- what was not finished comes again, to another; what was finished does not */
static void
test_comes_again(void **state)
{
	struct producer p = { .out = "ipc:///tmp/bp-test-b", .opt = plain, .count = 4, .bytes = 10 };
	struct bp_arena *mem = *state;
	struct bp_in *in;
	struct bp_rec *rec;
	bool seen[4] = { 0 };

	start(&p);
	in = consumer(p.out, &plain, NULL);
	assert_string_equal(next(in, mem)->id, "t0");
	assert_string_equal(next(in, mem)->id, "t1"); /* t0 is finished */
	bp_in_close(in);                              /* t1 is not */
	in = consumer(p.out, &plain, NULL);
	while ((rec = next(in, mem)))
		seen[atoi(rec->id + 1)] = true;
	assert_false(seen[0]);
	assert_true(seen[1] && seen[2] && seen[3]);
	bp_in_end(in);
	bp_in_close(in);
	assert_true(atomic_load(&p.stats.resent) > 0);
	finish(&p);
}

/* ---- a target that every consumer is lost with becomes an error record */
static void
test_gives_up(void **state)
{
	struct producer p = { .out = "ipc:///tmp/bp-test-g", .opt = plain, .count = 1, .bytes = 10 };
	struct bp_arena *mem = *state;
	struct bp_in *in;
	struct bp_rec *rec;

	p.opt.run = "R";
	bp_log_open("test_sock", -1); /* it is said, which is no news here */
	start(&p);
	for (int i = 0; i < 10; i++) {
		in = consumer(p.out, &plain, NULL);
		assert_non_null(rec = next(in, mem));
		assert_int_equal(rec->kind, BP_FEATURES);
		bp_in_close(in);
	}
	in = consumer(p.out, &plain, NULL);
	assert_non_null(rec = next(in, mem));
	assert_int_equal(rec->kind, BP_ERROR);
	assert_string_equal(rec->id, "t0");
	assert_string_equal(bp_val_cstr(bp_val_get(rec->extra, "run"), ""), "R");
	assert_string_equal(bp_val_cstr(bp_val_get(rec->meta, "message"), ""), "10 consumers were lost with it");
	assert_null(next(in, mem));
	bp_in_end(in);
	bp_in_close(in);
	finish(&p);
}

/* ---- a slow consumer slows the producer: no more than --queue records lie at either side; large ones one at a time */
static void
test_credit(void **state)
{
	struct bp_wire_opt narrow = { .queue = 3, .queue_bytes = 2500000, .timeout = 20 };
	struct producer p = { .out = "ipc:///tmp/bp-test-c", .opt = plain, .count = 12, .bytes = 1000000 };
	struct bp_arena *mem = *state;
	struct bp_stats s;
	struct bp_in *in;
	int n = 0;

	bp_stats_open(&s, "consumer", NULL);
	start(&p);
	in = consumer(p.out, &narrow, &s);
	while (next(in, mem)) {
		usleep(50000);
		n++;
		assert_true(atomic_load(&s.waiting) <= 1); /* 2.5 MB: that in work and one */
		assert_true(atomic_load(&p.put) <= n + 1 + 1 + 2);
		bp_arena_reset(mem);
	}
	assert_int_equal(n, 12);
	bp_in_end(in);
	bp_in_close(in);
	finish(&p);
	bp_stats_close(&s);
}

/* ---- strangers: garbage, false heads, numbers that are none, a consumer that pretends */
static void
stranger(const char *endpoint)
{
	static const unsigned char head[BP_NET_HEAD] = { 'b', 'p', 'z', '1', BP_NET_DONE, 0, 0, 0, 9 };
	static const unsigned char wrong[BP_NET_HEAD] = { 'b', 'p', 'z', '1', BP_NET_DATA, 0, 0, 0, 9 };
	void *ctx = zmq_ctx_new(), *s = zmq_socket(ctx, ZMQ_DEALER);
	char *big = calloc(1, 8 << 20);
	int linger = 200;

	zmq_setsockopt(s, ZMQ_LINGER, &linger, sizeof linger);
	assert_int_equal(zmq_connect(s, endpoint), 0);
	zmq_send(s, "hello", 5, 0);
	zmq_send(s, "", 0, 0);
	zmq_send(s, head, sizeof head, ZMQ_SNDMORE);
	zmq_send(s, "numbers", 7, 0);
	zmq_send(s, wrong, sizeof wrong, 0);
	for (int i = 0; i < 9; i++)
		zmq_send(s, "many", 4, ZMQ_SNDMORE);
	zmq_send(s, "frames", 6, 0);
	zmq_send(s, big, 8 << 20, 0); /* ZeroMQ ends this connection */
	zmq_close(s);
	zmq_ctx_term(ctx);
	free(big);
}

static void
test_strangers(void **state)
{
	struct producer p = { .out = "ipc:///tmp/bp-test-d", .opt = plain, .count = 3, .bytes = 10 };
	struct bp_arena *mem = *state;
	struct bp_in *in;
	int n = 0;

	start(&p);
	while (atomic_load(&p.put) < 2)
		usleep(1000);
	stranger(p.out);
	in = consumer(p.out, &plain, NULL);
	while (next(in, mem))
		n++;
	assert_int_equal(n, 3);
	bp_in_end(in);
	bp_in_close(in);
	assert_true(atomic_load(&p.stats.strangers) >= 4);
	finish(&p);
}

/* ---- a message without end, over plain TCP: ZeroMQ would keep all of it */
static void
endless(int port)
{
	static const unsigned char greeting[64] = { 0xff, [9] = 0x7f, 3, 0, 'N', 'U', 'L', 'L' },
	                           ready[] = "\4\x1c\5READY\x0bSocket-Type\0\0\0\6DEALER";
	static unsigned char frame[9 + 100000] = { 3, 0, 0, 0, 0, 0, 1, 0x86, 0xa0 }; /* more, long */
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval limit = { 5, 0 };
	char answer[200];
	int fd = socket(AF_INET, SOCK_STREAM, 0), n = 0;

	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(send(fd, greeting, sizeof greeting, 0), sizeof greeting);
	assert_true(recv(fd, answer, sizeof answer, 0) > 0);
	assert_int_equal(send(fd, ready, sizeof ready - 1, 0), sizeof ready - 1);
	usleep(100000);
	while (n < 5000 && send(fd, frame, sizeof frame, MSG_NOSIGNAL) == sizeof frame)
		n++;
	assert_true(n < 5000); /* 500 MB */
	close(fd);
}

static void
test_endless(void **state)
{
	struct producer p = { .out = "tcp://127.0.0.1:27480", .opt = plain, .count = 3, .bytes = 10 };
	struct bp_wire_opt o = plain;
	struct bp_arena *mem = *state;
	struct bp_stats s;
	struct bp_in *in;
	int n = 0;

	bp_stats_open(&s, "consumer", NULL);
	in = consumer("tcp://*127.0.0.1:27480", &o, &s); /* the consumer binds */
	bp_log_open("test_sock", -1);
	endless(27480);
	start(&p);
	while (next(in, mem))
		n++;
	assert_int_equal(n, 3);
	assert_int_equal(atomic_load(&s.strangers), 1);
	bp_in_end(in);
	bp_in_close(in);
	finish(&p);
	bp_stats_close(&s);
}

/* ---- a producer whose records are damaged: they go back, and it is left; what is whole still comes */
static void *
close_later(void *s)
{
	usleep(500000);
	zmq_close(s);
	return NULL;
}

static void
test_damaged(void **state)
{
	unsigned char h[BP_NET_HEAD] = { 'b', 'p', 'z', '1' }, in_head[BP_NET_HEAD];
	void *ctx = zmq_ctx_new(), *s = zmq_socket(ctx, ZMQ_ROUTER);
	struct bp_arena *mem = *state;
	unsigned char rid[64];
	struct bp_err err = { 0 };
	struct bp_wire_opt brief = { .queue = 2, .queue_bytes = 1 << 20, .timeout = 2 };
	struct bp_stats stats;
	struct bp_in *in;
	struct bp_rec *rec;
	int n = 0, ms = 300;
	pthread_t closer;

	bp_stats_open(&stats, "consumer", NULL);
	unlink("/tmp/bp-test-e");
	assert_int_equal(zmq_bind(s, "ipc:///tmp/bp-test-e"), 0);
	zmq_setsockopt(s, ZMQ_RCVTIMEO, &ms, sizeof ms);
	in = consumer("ipc:///tmp/bp-test-e", &brief, &stats);
	for (int sessions = 0; sessions < 3 && n < 40;
	     n++) { /* each OPEN: HAVE one; each ASK: five bytes that are no record */
		int k = zmq_recv(s, rid, sizeof rid, 0);
		if (k < 0 || zmq_recv(s, in_head, sizeof in_head, 0) != BP_NET_HEAD)
			continue;
		memcpy(h + 16, in_head + 16, 8); /* session */
		memset(h + 8, 1, 8);
		memset(h + 24, 0, 32);
		if (in_head[4] == BP_NET_OPEN) {
			h[4] = BP_NET_HAVE, h[5] = 0, h[40] = 5;
			zmq_send(s, rid, (size_t)k, ZMQ_SNDMORE);
			zmq_send(s, h, sizeof h, 0);
		} else if (in_head[4] == BP_NET_ASK) {
			h[4] = BP_NET_DATA, h[5] = BP_NET_LAST, h[24] = 1, h[40] = 5;
			zmq_send(s, rid, (size_t)k, ZMQ_SNDMORE);
			zmq_send(s, h, sizeof h, ZMQ_SNDMORE);
			zmq_send(s, "wrong", 5, 0);
			sessions++;
		}
		if (sessions == 1
		    && in_head[4] == BP_NET_ASK) { /* the program reads: refused, and a new session begins */
			assert_int_equal(pthread_create(&closer, NULL, close_later, s), 0);
			assert_int_equal(bp_in_next(in, mem, &rec, &err), BP_ESTREAM);
			pthread_join(closer, NULL);
			break;
		}
	}
	assert_non_null(strstr(err.msg, "nobody there for 2 s"));
	assert_true(atomic_load(&stats.strangers) >= 1);
	bp_in_close(in);
	zmq_ctx_term(ctx);
	bp_stats_close(&stats);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_arrives, setup, teardown),
		cmocka_unit_test(test_pool),
		cmocka_unit_test_setup_teardown(test_several, setup, teardown),
		cmocka_unit_test_setup_teardown(test_comes_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gives_up, setup, teardown),
		cmocka_unit_test_setup_teardown(test_credit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_strangers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_endless, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
