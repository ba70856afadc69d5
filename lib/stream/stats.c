#include "stream/stats.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

void
bp_stats_open(struct bp_stats *s, const char *tool, const char *device)
{
	memset(s, 0, sizeof *s);
	s->tool = tool;
	s->device = device;
	s->start = bp_seconds();
	atomic_store(&s->target, -1);
	pthread_mutex_init(&s->lock, NULL);
}

void
bp_stats_close(struct bp_stats *s)
{
	pthread_mutex_destroy(&s->lock);
}

void
bp_stats_error(struct bp_stats *s, const struct bp_err *err)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	snprintf(s->error, sizeof s->error, "%s", err->msg);
	pthread_mutex_unlock(&s->lock);
}

/* bytes resident, or -1 */
static long long
memory(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	long long pages = -1;

	if (!f)
		return -1;
	if (fscanf(f, "%*s %lld", &pages) != 1)
		pages = -1;
	fclose(f);
	return pages < 0 ? -1 : pages * sysconf(_SC_PAGESIZE);
}

void
bp_stats_look(struct bp_stats_view *v, struct bp_stats *s)
{
	long long before = v->out ? v->out : v->in, now;
	double seconds = bp_seconds() - s->start, since = seconds - v->seconds;

	snprintf(v->tool, sizeof v->tool, "%s", s->tool);
	snprintf(v->device, sizeof v->device, "%s", s->device ? s->device : "");
#define LOOK(field) v->field = atomic_load_explicit(&s->field, memory_order_relaxed)
	LOOK(in);
	LOOK(out);
	LOOK(failed);
	LOOK(in_flight);
	LOOK(waiting);
	LOOK(resent);
	LOOK(duplicates);
	LOOK(bytes_in);
	LOOK(bytes_out);
	LOOK(peers);
	LOOK(strangers);
	LOOK(target);
#undef LOOK
	now = v->out ? v->out : v->in;
	v->rate = since > 0 && now >= before ? (double)(now - before) / since : 0;
	v->seconds = seconds;
	v->memory = memory();
	pthread_mutex_lock(&s->lock);
	memcpy(v->error, s->error, sizeof v->error);
	pthread_mutex_unlock(&s->lock);
}
