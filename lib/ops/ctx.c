/* ctx: device memory. The CPU's is an arena; planning (dry) only counts. Other devices bring their own functions.
 * Binding is ops.c. */
#include "ops/ctx.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "ops/copy.h"
#include "ops/cpu.h"

static void *
cpu_alloc(struct bp_ctx *cx, size_t bytes)
{
	return cx->dry ? bp_arena_count(cx->mem, bytes, cx->err) : bp_alloc(cx->mem, bytes, cx->err);
}

static struct bp_mark
cpu_mark(struct bp_ctx *cx)
{
	return bp_arena_mark(cx->mem);
}

static void
cpu_release(struct bp_ctx *cx, struct bp_mark m)
{
	bp_arena_release(cx->mem, m);
}

static size_t
cpu_peak(const struct bp_ctx *cx)
{
	return bp_arena_peak(cx->mem);
}

static void
cpu_peak_reset(struct bp_ctx *cx)
{
	bp_arena_peak_reset(cx->mem);
}

static int
cpu_rehearse(struct bp_rehearsal *r, struct bp_ctx *cx)
{
	*r = (struct bp_rehearsal) { .mem = cx->mem, .dry = cx->dry };
	BP_TRY(bp_arena_open(&cx->mem, 0, cx->err));
	cx->dry = true;
	return BP_OK;
}

static size_t
cpu_rehearsed(struct bp_rehearsal *r, struct bp_ctx *cx)
{
	size_t peak = bp_arena_peak(cx->mem);

	bp_arena_close(cx->mem);
	cx->mem = r->mem;
	cx->dry = r->dry;
	return peak;
}

/* the first number that follows `key` in a file of the kernel's, times unit; SIZE_MAX when there is none */
static size_t
kernel_number(const char *path, const char *key, size_t unit)
{
	FILE *f = fopen(path, "r");
	unsigned long long x;
	char line[256];
	size_t n = strlen(key), found = SIZE_MAX;

	if (!f)
		return SIZE_MAX;
	while (found == SIZE_MAX && fgets(line, sizeof line, f))
		if (!strncmp(line, key, n) && sscanf(line + n, "%llu", &x) == 1 && x < SIZE_MAX / unit)
			found = (size_t)x * unit;
	fclose(f);
	return found;
}

static size_t
cpu_free(const struct bp_ctx *cx)
{
	size_t machine = kernel_number("/proc/meminfo", "MemAvailable:", 1024);
	size_t limit = kernel_number("/sys/fs/cgroup/memory.max", "", 1),
	       used = kernel_number("/sys/fs/cgroup/memory.current", "", 1);
	size_t cached = kernel_number("/sys/fs/cgroup/memory.stat", "inactive_file ", 1);
	size_t held = bp_arena_held(cx->mem), taken = bp_arena_used(cx->mem), room = machine;
	size_t idle = held > taken ? held - taken : 0; /* a dry context holds nothing of what it takes */

	if (limit != SIZE_MAX && used != SIZE_MAX) { /* a container's share; pages of files can be given back */
		used -= cached < used ? cached : 0;
		room = limit > used ? limit - used : 0;
		room = room < machine ? room : machine;
	}
	return room > SIZE_MAX - idle ? SIZE_MAX : room + idle;
}

static size_t
cpu_idle(const struct bp_ctx *cx)
{
	size_t held = bp_arena_held(cx->mem), used = bp_arena_used(cx->mem);

	return held > used ? held - used : 0;
}

static void
cpu_trim(struct bp_ctx *cx)
{
	struct bp_arena *empty;

	if (bp_arena_used(cx->mem) || bp_arena_open(&empty, 0, NULL) != BP_OK)
		return;
	bp_arena_close(cx->mem);
	cx->mem = empty;
}

static int
cpu_upload(struct bp_ctx *cx, const void **dst, const void *src, size_t n)
{
	(void)cx, (void)n;
	*dst = src;
	return BP_OK;
}

static int
cpu_download(struct bp_ctx *cx, void *dst, const void *src, size_t n)
{
	if (!cx->dry && n)
		memcpy(dst, src, n);
	return BP_OK;
}

static int
cpu_copy(struct bp_ctx *cx, void *dst, const void *src, size_t n)
{
	if (!cx->dry && n)
		memmove(dst, src, n);
	return BP_OK;
}

static int
cpu_zero(struct bp_ctx *cx, void *dst, size_t n)
{
	if (!cx->dry && n)
		memset(dst, 0, n);
	return BP_OK;
}

static int
cpu_stamp(struct bp_ctx *cx, int i, double *at)
{
	(void)cx, (void)i;
	*at = bp_seconds();
	return BP_OK;
}

static int
cpu_stamps(struct bp_ctx *cx, int n, double *at)
{
	(void)cx, (void)n, (void)at; /* they are there */
	return BP_OK;
}

const struct bp_memory bp_cpu_memory = { cpu_alloc, cpu_mark, cpu_release, cpu_peak, cpu_peak_reset, cpu_rehearse,
	cpu_rehearsed, cpu_free, cpu_upload, NULL, NULL, cpu_download, cpu_copy, cpu_zero, cpu_stamp, cpu_stamps,
	NULL, NULL, NULL, NULL, NULL, NULL, cpu_idle, cpu_trim, NULL, NULL };

void *
bp_dev_alloc(struct bp_ctx *cx, size_t bytes)
{
	return cx->memory->alloc(cx, bytes);
}

struct bp_mark
bp_dev_mark(struct bp_ctx *cx)
{
	return cx->memory->mark(cx);
}

void
bp_dev_release(struct bp_ctx *cx, struct bp_mark m)
{
	cx->memory->release(cx, m);
}

size_t
bp_dev_peak(const struct bp_ctx *cx)
{
	return cx->memory->peak(cx);
}

void
bp_dev_peak_reset(struct bp_ctx *cx)
{
	cx->memory->peak_reset(cx);
}

int
bp_dev_rehearse(struct bp_rehearsal *r, struct bp_ctx *cx)
{
	return cx->memory->rehearse(r, cx);
}

size_t
bp_dev_rehearsed(struct bp_rehearsal *r, struct bp_ctx *cx)
{
	return cx->memory->rehearsed(r, cx);
}

size_t
bp_dev_free(const struct bp_ctx *cx)
{
	return cx->memory->free(cx);
}

size_t
bp_dev_idle(const struct bp_ctx *cx)
{
	return cx->memory->idle(cx);
}

void
bp_dev_trim(struct bp_ctx *cx)
{
	cx->epoch++;
	cx->memory->trim(cx);
}

int
bp_dev_attach(struct bp_ctx *cx)
{
	return cx->memory->attach ? cx->memory->attach(cx) : BP_OK;
}

int
bp_dev_upload(struct bp_ctx *cx, const void **dst, const void *src, size_t n)
{
	return cx->memory->upload(cx, dst, src, n);
}

int
bp_dev_feed(struct bp_ctx *cx, const void **dst, const void *src, size_t n)
{
	return cx->memory->feed ? cx->memory->feed(cx, dst, src, n) : cx->memory->upload(cx, dst, src, n);
}

int
bp_dev_settle(struct bp_ctx *cx)
{
	return cx->memory->settle ? cx->memory->settle(cx) : BP_OK;
}

int
bp_dev_download(struct bp_ctx *cx, void *dst, const void *src, size_t n)
{
	return cx->memory->download(cx, dst, src, n);
}

int
bp_dev_copy(struct bp_ctx *cx, void *dst, const void *src, size_t n)
{
	return cx->memory->copy(cx, dst, src, n);
}

int
bp_dev_zero(struct bp_ctx *cx, void *dst, size_t n)
{
	return cx->memory->zero(cx, dst, n);
}

bool
bp_dev_records(const struct bp_ctx *cx)
{
	return cx->memory->record && !cx->dry && !cx->profile;
}

int
bp_dev_record(struct bp_ctx *cx)
{
	return cx->memory->record(cx);
}

int
bp_dev_recorded(struct bp_ctx *cx, void **recording, bool keep)
{
	return cx->memory->recorded(cx, recording, keep);
}

int
bp_dev_replay(struct bp_ctx *cx, void *recording)
{
	return cx->memory->replay(cx, recording);
}

void
bp_dev_forget(struct bp_ctx *cx, void *recording)
{
	if (recording)
		cx->memory->forget(cx, recording);
}

bool
bp_dev_sides(const struct bp_ctx *cx)
{
	return cx->memory->turn && !cx->profile;
}

int
bp_dev_aside(struct bp_ctx *cx, void *room, size_t bytes, double share, int (*work)(void *self, struct bp_ctx *cx), void *self)
{
	int st, back;

	if (!bp_dev_sides(cx))
		return work(self, cx);
	BP_TRY(cx->memory->turn(cx, room, bytes, share));
	st = work(self, cx);
	back = cx->memory->turn(cx, NULL, 0, 1);
	return st != BP_OK ? st : back;
}

int
bp_dev_join(struct bp_ctx *cx)
{
	return cx->memory->join ? cx->memory->join(cx) : BP_OK;
}

int64_t
bp_dev_reached(struct bp_ctx *cx, int64_t now)
{
	return cx->memory->reached ? cx->memory->reached(cx, now) : now;
}

void
bp_copy_host(void *dst, const void *src, size_t n, int threads)
{
	const size_t part = (size_t)256 << 10;

#pragma omp parallel for num_threads(threads) if (n > part)
	for (size_t at = 0; at < n; at += part)
		memcpy((char *)dst + at, (const char *)src + at, n - at < part ? n - at : part);
}

int
bp_pack_new(struct bp_ctx *cx, float **ret, const float *W, int n, int k, size_t ld)
{
	float *p;

	BP_DEV_NEW(p, bp_packed(n, k), cx);
	*ret = p;
	if (cx->dry)
		return BP_OK;
#pragma omp parallel for num_threads(cx->threads) if ((size_t)n * k > 100000)
	for (int j = 0; j < n; j += BP_PANEL)
		bp_pack(p + (size_t)j * k, bp_min(n - j, BP_PANEL), k, W + (size_t)j * ld, ld, 1);
	return BP_OK;
}
