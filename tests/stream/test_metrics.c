/* The counters' page: what is printed reads back; the server gives what was counted, and only that; hostile pages and
 * servers do no harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stream/metrics.h"

static void
test_page(void **state)
{
	static const char tail[] = "hello \"you\\\" and\\n you";
	struct bp_stats_view a = { .tool = "trunk",
		.device = "cuda:0",
		.in = 12,
		.out = 11,
		.failed = 1,
		.in_flight = 1,
		.bytes_in = 1ll << 40,
		.bytes_out = 7,
		.memory = 123456789,
		.target = -1,
		.seconds = 2.5 },
	                     b;
	char page[8192], small[100];
	int n;

	(void)state;
	snprintf(a.error, sizeof a.error, "%s", tail);
	n = bp_metrics_print(page, sizeof page, &a);
	assert_int_equal(strlen(page), n);
	assert_int_equal(bp_metrics_parse(&b, page, NULL), BP_OK);
	assert_string_equal(b.tool, "trunk");
	assert_string_equal(b.device, "cuda:0");
	assert_string_equal(b.error, tail);
	assert_int_equal(b.in, 12);
	assert_int_equal(b.out, 11);
	assert_int_equal(b.failed, 1);
	assert_int_equal(b.in_flight, 1);
	assert_true(b.bytes_in == 1ll << 40);
	assert_int_equal(b.memory, 123456789);
	assert_int_equal(b.target, -1);
	assert_true(b.seconds == 2.5);
	assert_int_equal(bp_metrics_print(small, sizeof small, &a), n); /* as snprintf */
	assert_int_equal(strlen(small), sizeof small - 1);
	/* every prefix of a page, and a page with any byte changed, is read or refused */
	for (int i = 0; i < n; i++) {
		char c = page[i];
		page[i] = 0;
		(void)!bp_metrics_parse(&b, page, NULL);
		page[i] = (char)(c ^ 0x15);
		(void)!bp_metrics_parse(&b, page, NULL);
		page[i] = c;
	}
	assert_int_equal(bp_metrics_parse(&b, "<html>", NULL), BP_EINPUT);
	/* the longest texts fit */
	memset(a.tool, '"', sizeof a.tool - 1);
	memset(a.error, '\\', sizeof a.error - 1);
	assert_true(bp_metrics_print(page, sizeof page, &a) < (int)sizeof page);
	assert_int_equal(bp_metrics_parse(&b, page, NULL), BP_OK);
	assert_string_equal(b.error, a.error);
}

/* a port that was free a moment ago */
static int
free_port(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, n), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
	close(fd);
	return ntohs(at.sin_port);
}

static void
test_server(void **state)
{
	int port = free_port();
	struct bp_metrics *m, *second;
	struct bp_stats s, *stats = &s;
	struct bp_stats_view v;
	struct bp_err err = { 0 };
	char where[40];

	(void)state;
	snprintf(where, sizeof where, "127.0.0.1:%d", port);
	bp_stats_open(&s, "write", NULL);
	assert_int_equal(bp_metrics_open(&m, 0, false, &s, &err), BP_OK);
	assert_null(m);
	if (bp_metrics_open(&m, port, false, &s, &err) == BP_EUNSUP) {
		printf("skipped: %s\n", err.msg);
		return;
	}
	assert_int_equal(bp_metrics_open(&second, port, false, &s, &err), BP_EUSAGE);
	assert_int_equal(bp_metrics_get(&v, where, 5, &err), BP_OK);
	assert_string_equal(v.tool, "write");
	assert_int_equal(v.in, 0);
	assert_true(v.memory > 100000);
	BP_COUNT(stats, in, 3);
	BP_COUNT(stats, bytes_in, 4096);
	BP_FAIL(&err, BP_EINPUT, NULL, "x: \"no\" such thing");
	bp_stats_error(&s, &err);
	assert_int_equal(bp_metrics_get(&v, where + strlen("127.0.0.1:"), 5, &err), BP_OK); /* the port alone */
	assert_int_equal(v.in, 3);
	assert_int_equal(v.bytes_in, 4096);
	assert_string_equal(v.error, "x: \"no\" such thing");
	bp_metrics_close(m);
	assert_int_equal(bp_metrics_get(&v, where, 5, &err), BP_EIO);
	assert_non_null(strstr(err.msg, "refused"));
	bp_stats_close(&s);
}

struct fake {
	int fd;
	const char *text; /* NULL: never answer; "": a flood */
};

static void *
serve(void *self)
{
	struct fake *f = self;
	char flood[4096], question[200];
	int fd = accept(f->fd, NULL, NULL);

	memset(flood, 'x', sizeof flood);
	if (f->text && *f->text)
		(void)!write(fd, f->text, strlen(f->text));
	while (f->text && !*f->text && send(fd, flood, sizeof flood, MSG_NOSIGNAL) > 0)
		;
	while (read(fd, question, sizeof question) > 0 && !f->text)
		;
	close(fd);
	return NULL;
}

static void
test_strange_servers(void **state)
{
	static const struct {
		const char *text, *what;
	} c[] = { { NULL, "no answer in time" }, { "", "too long" },
		{ "SSH-2.0-OpenSSH\r\n", "no answer of a web server" },
		{ "HTTP/1.1 404 Not Found\r\n\r\n", "no counters there" },
		{ "HTTP/1.1 200 OK\r\n\r\nhello", "no counters of boltzpipe" },
		{ "HTTP/1.1 200 OK\r\n", "no answer of a web server" } };

	(void)state;
	for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
		struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		struct fake f = { socket(AF_INET, SOCK_STREAM, 0), c[i].text };
		socklen_t n = sizeof at;
		struct bp_stats_view v;
		struct bp_err err = { 0 };
		pthread_t thread;
		char where[40];
		assert_int_equal(bind(f.fd, (struct sockaddr *)&at, n), 0);
		assert_int_equal(listen(f.fd, 1), 0);
		assert_int_equal(getsockname(f.fd, (struct sockaddr *)&at, &n), 0);
		assert_int_equal(pthread_create(&thread, NULL, serve, &f), 0);
		snprintf(where, sizeof where, "127.0.0.1:%d", ntohs(at.sin_port));
		assert_int_equal(bp_metrics_get(&v, where, 0.3, &err), BP_EIO);
		if (!strstr(err.msg, c[i].what))
			fail_msg("%s: no '%s'", err.msg, c[i].what);
		pthread_join(thread, NULL);
		close(f.fd);
	}
	struct bp_stats_view v;
	assert_int_equal(bp_metrics_get(&v, "nowhere", 1, NULL), BP_EUSAGE);
	assert_int_equal(bp_metrics_get(&v, "127.0.0.1:", 1, NULL), BP_EUSAGE);
	assert_int_equal(bp_metrics_get(&v, "127.0.0.1:123456", 1, NULL), BP_EUSAGE);
}

int
main(void)
{
	const struct CMUnitTest tests[]
	    = { cmocka_unit_test(test_page), cmocka_unit_test(test_server), cmocka_unit_test(test_strange_servers) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
