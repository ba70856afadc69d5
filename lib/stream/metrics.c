/* Contents: the page; reading it; the server. */
#include "stream/metrics.h"

#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef BP_HAVE_MICROHTTPD
#include <microhttpd.h>
#endif

enum { PAGE = 8192 };

/* The page --------------------------------------------------------------------------------------------------- */

/* what is shown: the one list for both directions */
static const struct number {
	const char *name, *type, *help;
	size_t field; /* of struct bp_stats_view, a long long */
} numbers[] = {
#define N(name, type, field, help)                                                                                     \
	{                                                                                                              \
		name, type, help, offsetof(struct bp_stats_view, field)                                                \
	}
	N("records_in_total", "counter", in, "records read"),
	N("records_out_total", "counter", out, "records put"),
	N("failed_total", "counter", failed, "targets that failed here"),
	N("in_flight", "gauge", in_flight, "records read and not yet safe"),
	N("waiting", "gauge", waiting, "records that came over a socket and are not begun"),
	N("resent_total", "counter", resent, "records handed to another consumer"),
	N("duplicates_total", "counter", duplicates, "records dropped because they had come before"),
	N("bytes_in_total", "counter", bytes_in, "bytes of records read"),
	N("bytes_out_total", "counter", bytes_out, "bytes of records put"),
	N("peers", "gauge", peers, "peers connected"),
	N("strangers_total", "counter", strangers, "peers and messages refused"),
	N("resident_bytes", "gauge", memory, "memory of the process"),
	N("target_bytes", "gauge", target, "memory of the last target on the device, at its peak"),
#undef N
};
enum { NUMBERS = sizeof numbers / sizeof *numbers };

/* a label's value: '"', '\' and line breaks are escaped (the text has no other control characters) */
static void
escape(char *to, size_t size, const char *s)
{
	size_t n = 0;

	for (; *s && n + 3 < size; s++) {
		if (*s == '"' || *s == '\\' || *s == '\n')
			to[n++] = '\\';
		to[n++] = *s == '\n' ? 'n' : *s;
	}
	to[n] = 0;
}

static void
unescape(char *to, size_t size, const char *s)
{
	size_t n = 0;

	for (; *s && *s != '"' && n + 1 < size; s++) {
		if (*s == '\\' && s[1])
			s++;
		to[n++] = (unsigned char)*s < ' ' ? '?' : *s;
	}
	to[n] = 0;
}

int
bp_metrics_print(char *buf, size_t size, const struct bp_stats_view *v)
{
	char tool[sizeof v->tool * 2], device[sizeof v->device * 2], error[sizeof v->error * 2];
	int n = 0;

	escape(tool, sizeof tool, v->tool);
	escape(device, sizeof device, v->device);
	escape(error, sizeof error, v->error);
#define ADD(...) (n += snprintf(n < (int)size ? buf + n : NULL, n < (int)size ? size - (size_t)n : 0, __VA_ARGS__))
	ADD("# TYPE boltzpipe_info gauge\nboltzpipe_info{tool=\"%s\",device=\"%s\",version=\"%s\"} 1\n", tool, device,
	    BP_VERSION);
	for (const struct number *k = numbers; k < numbers + NUMBERS; k++) {
		long long x = *(const long long *)((const char *)v + k->field);
		if (x >= 0)
			ADD("# HELP boltzpipe_%s %s\n# TYPE boltzpipe_%s %s\nboltzpipe_%s{tool=\"%s\"} %lld\n", k->name,
			    k->help, k->name, k->type, k->name, tool, x);
	}
	ADD("# HELP boltzpipe_seconds_total since the start\n# TYPE boltzpipe_seconds_total counter\n"
	    "boltzpipe_seconds_total{tool=\"%s\"} %.3f\n",
	    tool, v->seconds);
	if (v->error[0])
		ADD("# HELP boltzpipe_last_error the last error, as a label\n# TYPE boltzpipe_last_error gauge\n"
		    "boltzpipe_last_error{tool=\"%s\",message=\"%s\"} 1\n",
		    tool, error);
#undef ADD
	return n;
}

/* Reading it ------------------------------------------------------------------------------------------------- */

static void
read_label(char *to, size_t size, const char *line, const char *end, const char *label)
{
	const char *s = memmem(line, (size_t)(end - line), label, strlen(label));

	if (s)
		unescape(to, size, s + strlen(label));
}

/* the line of a metric, up to its end; NULL: none */
static const char *
find_line(const char *page, const char *name, const char **end)
{
	size_t n = strlen(name);

	for (const char *s = page; s && *s; s = *end ? *end + 1 : NULL) {
		*end = strchr(s, '\n');
		if (strncmp(s, "boltzpipe_", 10) == 0 && strncmp(s + 10, name, n) == 0
		    && (s[10 + n] == '{' || s[10 + n] == ' ')) {
			*end = *end ? *end : s + strlen(s);
			return s;
		}
	}
	return NULL;
}

/* the number at the end of a line */
static double
last_number(const char *line, const char *end)
{
	const char *s = memrchr(line, ' ', (size_t)(end - line));

	return s ? strtod(s, NULL) : 0;
}

int
bp_metrics_parse(struct bp_stats_view *v, const char *page, struct bp_err *err)
{
	const char *end, *line = find_line(page, "info", &end);
	double x;

	*v = (struct bp_stats_view) { .memory = -1, .target = -1 };
	if (!line)
		return BP_FAIL(err, BP_EINPUT, "is it a stage with --metrics?", "no counters of boltzpipe there");
	read_label(v->tool, sizeof v->tool, line, end, "tool=\"");
	read_label(v->device, sizeof v->device, line, end, "device=\"");
	for (const struct number *k = numbers; k < numbers + NUMBERS; k++)
		if ((line = find_line(page, k->name, &end)) && (x = last_number(line, end)) >= 0 && x < 9e18)
			*(long long *)((char *)v + k->field) = (long long)x;
	if ((line = find_line(page, "seconds_total", &end)))
		v->seconds = last_number(line, end);
	if ((line = find_line(page, "last_error", &end)))
		read_label(v->error, sizeof v->error, line, end, "message=\"");
	return BP_OK;
}

/* The server ------------------------------------------------------------------------------------------------- */

#ifdef BP_HAVE_MICROHTTPD

struct bp_metrics {
	struct MHD_Daemon *daemon;
	struct bp_stats *stats;
	struct bp_stats_view view; /* of the server's one thread */
};

static enum MHD_Result
reply(struct MHD_Connection *c, unsigned status, const char *text, size_t n)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(n, (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result ok = MHD_NO;

	if (r) {
		(void)MHD_add_response_header(
		    r, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8");
		(void)MHD_add_response_header(r, MHD_HTTP_HEADER_CONNECTION, "close");
		ok = MHD_queue_response(c, status, r);
		MHD_destroy_response(r);
	}
	return ok;
}

static enum MHD_Result
answer(void *self, struct MHD_Connection *c, const char *url, const char *method, const char *version, const char *data,
    size_t *size, void **state)
{
	static const char lost[] = "the counters are at /metrics\n", wrong[] = "only GET\n";
	struct bp_metrics *m = self;
	char page[PAGE];
	int n;

	(void)version, (void)data, (void)state;
	*size = 0;
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return reply(c, MHD_HTTP_METHOD_NOT_ALLOWED, wrong, sizeof wrong - 1);
	if (strcmp(url, "/metrics") != 0)
		return reply(c, MHD_HTTP_NOT_FOUND, lost, sizeof lost - 1);
	bp_stats_look(&m->view, m->stats);
	n = bp_metrics_print(page, sizeof page, &m->view);
	return reply(c, MHD_HTTP_OK, page, n < PAGE ? (size_t)n : PAGE - 1);
}

int
bp_metrics_open(struct bp_metrics **ret, int port, bool open, struct bp_stats *stats, struct bp_err *err)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(open ? INADDR_ANY : INADDR_LOOPBACK) };
	struct bp_metrics *m;

	*ret = NULL;
	if (port == 0)
		return BP_OK;
	if (!(m = calloc(1, sizeof *m)))
		return BP_FAIL(err, BP_EMEM, NULL, "no memory to serve counters");
	m->stats = stats;
	errno = 0;
	m->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, (uint16_t)port, NULL, NULL, answer, m,
	    MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&at, MHD_OPTION_CONNECTION_LIMIT, 16u,
	    MHD_OPTION_CONNECTION_TIMEOUT, 5u, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)16384, MHD_OPTION_END);
	if (!m->daemon) {
		free(m);
		return BP_FAIL(err, BP_EUSAGE, "give another port", "--metrics %d: %s", port,
		    errno ? strerror(errno) : "the port cannot be opened");
	}
	*ret = m;
	return BP_OK;
}

void
bp_metrics_close(struct bp_metrics *m)
{
	if (m)
		MHD_stop_daemon(m->daemon);
	free(m);
}

#else

int
bp_metrics_open(struct bp_metrics **ret, int port, bool open, struct bp_stats *stats, struct bp_err *err)
{
	(void)open, (void)stats;
	*ret = NULL;
	if (port == 0)
		return BP_OK;
	return BP_FAIL(err, BP_EUNSUP, "install libmicrohttpd-dev and build again",
	    "--metrics %d: this build serves no counters: libmicrohttpd was not there", port);
}

void
bp_metrics_close(struct bp_metrics *m)
{
	(void)m;
}

#endif
