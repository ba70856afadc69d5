/* boltzpipe top HOST:PORT...: a live table of stages that serve their counters (--metrics PORT) */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "stream/metrics.h"
#include "subcommands.h"

struct top_opt {
	double interval;
	bool once;
};

static const struct bp_optdef options[] = {
	{ "interval", 'n', BP_OPT_NUM, offsetof(struct top_opt, interval), "[0.1,3600]", "SECONDS",
	    "between two looks" },
	{ "once", 0, BP_OPT_FLAG, offsetof(struct top_opt, once), NULL, NULL,
	    "one look; exit 1 when a stage does not answer" },
	{ 0 },
};
static const struct bp_program program = { "boltzpipe top", "a live table of the stages of a run", "HOST:PORT...",
	"Shows the counters of stages that were started with --metrics PORT: records in, out and in flight, targets "
	"that failed, "
	"records a second since the last look (at first: since the start), bytes read and put a second, memory of the "
	"process, memory that the last target took on the device, and the last error. PORT alone means this machine. "
	"On a "
	"terminal the table is drawn anew at each look; elsewhere it is printed once more.",
	options };

struct stage {
	const char *where;
	struct bp_stats_view now;
	long long records, bytes; /* at the look before */
	double seconds;
	bool known, there;
	struct bp_err err;
};

static const char *
size(char buf[16], double x)
{
	static const char unit[] = " kMGTP";
	int u = 0;

	for (; x >= 999.5 && u < 5; u++)
		x /= 1000;
	snprintf(buf, 16, u == 0 ? "%.0f" : x < 10 ? "%.1f%c" : "%.0f%c", x, unit[u]);
	return buf;
}

static void
print_stage(struct stage *s)
{
	const struct bp_stats_view *v = &s->now;
	long long records = v->out ? v->out : v->in, bytes = v->bytes_in + v->bytes_out;
	bool again = s->known && v->seconds > s->seconds && records >= s->records; /* else it was started anew */
	double since = again ? v->seconds - s->seconds : v->seconds;
	char a[16], b[16], c[16], d[16];

	if (!s->there) {
		printf("%-11.11s %-21.21s %s\n", s->known ? v->tool : "?", s->where, s->err.msg);
		return;
	}
	if (since <= 0)
		since = 1e9;
	printf("%-11.11s %-21.21s %-7.7s %8lld %8lld %6lld %6lld %6lld %8.3g %6s %6s %6s %7s  %.60s\n", v->tool,
	    s->where, v->device, v->in, v->out, v->in_flight, v->waiting, v->failed,
	    (double)(records - (again ? s->records : 0)) / since,
	    size(a, (double)(bytes - (again ? s->bytes : 0)) / since), v->memory < 0 ? "?" : size(b, (double)v->memory),
	    v->target < 0 ? "-" : size(c, (double)v->target), size(d, v->seconds), v->error);
	s->records = records;
	s->bytes = bytes;
	s->seconds = v->seconds;
	s->known = true;
}

static bool
look(struct stage *s, int n, bool terminal)
{
	bool all = true;

	for (int i = 0; i < n; i++) {
		struct bp_stats_view v;
		s[i].there = bp_metrics_get(&v, s[i].where, 1, &s[i].err) == BP_OK;
		if (s[i].there)
			s[i].now = v;
		all &= s[i].there;
	}
	printf("%s%-11s %-21s %-7s %8s %8s %6s %6s %6s %8s %6s %6s %6s %7s  %s\n", terminal ? "\033[H\033[J" : "",
	    "STAGE", "AT", "DEVICE", "IN", "OUT", "FLIGHT", "WAIT", "FAILED", "REC/S", "B/S", "MEM", "TARGET", "UP S",
	    "LAST ERROR");
	for (int i = 0; i < n; i++)
		print_stage(&s[i]);
	return all;
}

int
bp_top_main(int argc, char **argv)
{
	struct top_opt opt = { .interval = 2 };
	struct bp_strlist args = { 0 };
	struct bp_arena *mem = NULL;
	struct bp_err err = { 0 };
	struct stage *s = NULL;
	bool all = true;
	int st = bp_main_start(&program, &opt, NULL, &args, argc, argv, &mem);

	if (st >= 0)
		return st;
	if (args.n == 0)
		st = BP_FAIL(&err, BP_EUSAGE, "boltzpipe top node1:9100 node2:9100", "no stage to look at");
	else
		st = (s = bp_calloc(mem, (size_t)args.n, sizeof *s, &err)) ? BP_OK : BP_EMEM;
	for (int i = 0; st == BP_OK && i < args.n; i++)
		s[i].where = args.v[i];
	while (st == BP_OK) {
		all = look(s, args.n, isatty(STDOUT_FILENO) && !opt.once);
		if ((st = bp_stdout_flush(&err)) != BP_OK || opt.once)
			break;
		nanosleep(&(struct timespec) { (time_t)opt.interval,
		              (long)((opt.interval - (double)(time_t)opt.interval) * 1e9) },
		    NULL);
	}
	if (st != BP_OK)
		st = bp_main_fail(&err);
	bp_arena_close(mem);
	return st != BP_OK ? st : all ? BP_EXIT_OK : BP_EXIT_TARGETS;
}
