#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#ifdef BP_DEBUG_ARENA /* built with the address sanitizer: what no allocation covers is poisoned, and a gap follows    \
                         each */
#include <sanitizer/asan_interface.h>
enum { GAP = 64 };
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
enum { GAP = 0 };
#endif

enum { ALIGN = 64, PAGE = 4096, BLOCK = 1 << 20, HUGE_FROM = 8 << 20 };

struct block {
	struct block *next; /* towards newer blocks; those after `cur` are empty and kept for reuse */
	size_t size, used;
	char *data;
	size_t lent; /* pages before this one may still be in a pipe */
};

struct bp_arena {
	struct block *first, *cur;
	size_t cap, total, peak; /* total: bytes in use over all blocks */
	size_t held;             /* bytes of all blocks                 */
};

int
bp_arena_open(struct bp_arena **ret, size_t cap, struct bp_err *err)
{
	struct bp_arena *a = calloc(1, sizeof *a);

	*ret = a;
	if (!a)
		return BP_FAIL(err, BP_EMEM, NULL, "no memory for an arena");
	a->cap = cap;
	return BP_OK;
}

static void
free_block(struct block *b)
{
	ASAN_UNPOISON_MEMORY_REGION(b->data, b->size);
	munmap(b->data, b->size);
	free(b);
}

void
bp_arena_close(struct bp_arena *a)
{
	if (!a)
		return;
	for (struct block *b = a->first, *next; b; b = next) {
		next = b->next;
		free_block(b);
	}
	free(a);
}

static size_t
round_up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

/* what an allocation of n bytes takes */
static size_t
taken(size_t n)
{
	return (n ? round_up(n, ALIGN) : ALIGN) + GAP;
}

static int
no_memory(const struct bp_arena *a, size_t n, struct bp_err *err)
{
	const char *hint
	    = a->cap ? "raise --mem-cap, or take a smaller target" : "take a smaller target or a larger machine";

	return BP_FAIL(err, BP_EMEM, hint, "%.1f MiB wanted beside %.1f MiB in use%s", (double)n / 1048576.0,
	    (double)a->total / 1048576.0, a->cap ? ", above the memory cap" : ", and the machine has no more");
}

/* a pair tensor's pages are first touched 512 at a time; the system may refuse, and nothing is lost */
static void
huge_pages(void *p, size_t size)
{
	if (size >= HUGE_FROM)
		(void)madvise(p, size, MADV_HUGEPAGE);
}

/* the first block at or after cur with room for n bytes, or a new one */
static struct block *
room(struct bp_arena *a, size_t n)
{
	struct block *b = a->cur, *last = b;
	size_t size = n > BLOCK ? n : BLOCK;

	for (; b; last = b, b = b->next) {
		if (b != a->cur)
			b->used = 0;
		if (b->size - b->used >= n)
			return b;
	}
	if (a->cap && a->held + size > a->cap) { /* the kept blocks behind cur are too small: give them back */
		struct block *kept = a->cur ? a->cur->next : a->first;
		for (struct block *next; kept; kept = next) {
			next = kept->next;
			a->held -= kept->size;
			free_block(kept);
		}
		if (a->cur)
			a->cur->next = NULL;
		else
			a->first = NULL;
		last = a->cur;
		if (a->held + size > a->cap)
			size = n;
	}
	if (!(b = calloc(1, sizeof *b)))
		return NULL;
	size = round_up(size, PAGE);
	b->data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (b->data == MAP_FAILED) {
		free(b);
		return NULL;
	}
	huge_pages(b->data, size);
	ASAN_POISON_MEMORY_REGION(b->data, size);
	b->size = size;
	a->held += size;
	if (last)
		last->next = b;
	else
		a->first = b;
	return b;
}

/* n rounded up to what it takes, or 0 and err above the cap */
static size_t
granted(const struct bp_arena *a, size_t n, struct bp_err *err)
{
	size_t size = taken(n);

	if (n > SIZE_MAX / 2 || (a->cap && (size > a->cap || a->total > a->cap - size))) {
		no_memory(a, n, err);
		return 0;
	}
	return size;
}

static void
count(struct bp_arena *a, size_t size)
{
	a->total += size;
	if (a->total > a->peak)
		a->peak = a->total;
}

void *
bp_arena_count(struct bp_arena *a, size_t n, struct bp_err *err)
{
	static _Alignas(ALIGN) const char nowhere[ALIGN];
	size_t size = granted(a, n, err);

	if (!size)
		return NULL;
	count(a, size);
	return (void *)(uintptr_t)nowhere;
}

void *
bp_alloc(struct bp_arena *a, size_t n, struct bp_err *err)
{
	size_t size = granted(a, n, err);
	struct block *b;
	void *p;

	if (!size)
		return NULL;
	if (!(b = room(a, size))) {
		no_memory(a, n, err);
		return NULL;
	}
	p = b->data + b->used;
	b->used += size;
	a->cur = b;
	count(a, size);
	ASAN_UNPOISON_MEMORY_REGION(p, n);
#ifdef BP_DEBUG_ARENA
	memset(p, 0xff, n); /* NaN: a read of memory never written shows */
#endif
	return p;
}

void *
bp_grow(struct bp_arena *a, void *p, size_t old, size_t n, struct bp_err *err)
{
	struct block *b = a->cur;
	size_t was = taken(old), want = taken(n), size;
	void *q = p;

	bp_assert(b && (char *)p + was == b->data + b->used && n >= old);
	if (n > SIZE_MAX / 2 || (a->cap && a->total - was + want > a->cap)) {
		no_memory(a, n, err);
		return NULL;
	}
	if (want > b->size - (b->used - was) && p != b->data) { /* it moves to a block of its own, once */
		a->total -= was;
		if (!(q = bp_alloc(a, n, err))) {
			a->total += was;
			return NULL;
		}
		memcpy(q, p, old);
		ASAN_POISON_MEMORY_REGION(p, old);
		b->used -= was;
		return q;
	}
	if (want > b->size) {
		size = round_up(want, PAGE);
		if ((q = mremap(b->data, b->size, size, MREMAP_MAYMOVE)) == MAP_FAILED) {
			no_memory(a, n, err);
			return NULL;
		}
		ASAN_UNPOISON_MEMORY_REGION(b->data, b->size);
		ASAN_POISON_MEMORY_REGION(q, size);
		huge_pages(q, size);
		a->held += size - b->size;
		b->data = q;
		b->size = size;
	}
	b->used += want - was;
	count(a, want - was);
	ASAN_UNPOISON_MEMORY_REGION(q, n);
	return q;
}

void *
bp_calloc(struct bp_arena *a, size_t count, size_t size, struct bp_err *err)
{
	void *p;

	if (size && count > SIZE_MAX / 2 / size) {
		no_memory(a, SIZE_MAX / 2, err);
		return NULL;
	}
	if ((p = bp_alloc(a, count * size, err)))
		memset(p, 0, count * size);
	return p;
}

char *
bp_strndup(struct bp_arena *a, const char *s, size_t n, struct bp_err *err)
{
	char *p = bp_alloc(a, n + 1, err);

	if (p) {
		memcpy(p, s, n);
		p[n] = 0;
	}
	return p;
}

char *
bp_strdup(struct bp_arena *a, const char *s, struct bp_err *err)
{
	return bp_strndup(a, s, strlen(s), err);
}

char *
bp_sprintf(struct bp_arena *a, struct bp_err *err, const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	bp_assert(n >= 0);
	if (!(p = bp_alloc(a, (size_t)n + 1, err)))
		return NULL;
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return p;
}

bool
bp_arena_lend(struct bp_arena *a, const void *p, size_t n)
{
	const char *c = p;

	for (struct block *b = a->first; b; b = b->next)
		if (c >= b->data && c <= b->data + b->size && n <= (size_t)(b->data + b->size - c)) {
			const size_t end = (size_t)(c - b->data) + n;
			b->lent = b->lent > end ? b->lent : end;
			return true;
		}
	return false;
}

/* what follows b->data + used is not in use any more: no page of it may be written to that was lent */
static void
replace_lent(struct block *b, size_t used)
{
	const size_t from = round_up(used, PAGE); /* only whole pages are lent */

	if (from >= b->lent)
		return;
	if (madvise(b->data + from, round_up(b->lent, PAGE) - from, MADV_DONTNEED) != 0)
		bp_assert(!"new pages for those that were lent");
	b->lent = from;
}

struct bp_mark
bp_arena_mark(struct bp_arena *a)
{
	return (struct bp_mark) { a->cur, a->cur ? a->cur->used : 0, a->total };
}

void
bp_arena_release(struct bp_arena *a, struct bp_mark m)
{
	bp_assert(m.total <= a->total);
	a->cur = m.block;
	if (a->cur)
		a->cur->used = m.used;
	else if (a->first) { /* nothing was allocated at the mark: start over in the first block */
		a->cur = a->first;
		a->cur->used = 0;
	}
	for (struct block *b = a->cur; b; b = b->next)
		replace_lent(b, b == a->cur ? b->used : 0);
	for (struct block *b = a->cur; GAP && b; b = b->next)
		ASAN_POISON_MEMORY_REGION(b->data + (b == a->cur ? b->used : 0), b->size - (b == a->cur ? b->used : 0));
	a->total = m.total;
}

void
bp_arena_reset(struct bp_arena *a)
{
	bp_arena_release(a, (struct bp_mark) { 0 });
}

void
bp_arena_swap(struct bp_arena *a, struct bp_arena *b)
{
	struct bp_arena was = *a;

	*a = *b;
	*b = was;
	b->cap = a->cap;
	a->cap = was.cap;
}

size_t
bp_arena_used(const struct bp_arena *a)
{
	return a->total;
}

size_t
bp_arena_peak(const struct bp_arena *a)
{
	return a->peak;
}

void
bp_arena_peak_reset(struct bp_arena *a)
{
	a->peak = a->total;
}

size_t
bp_arena_held(const struct bp_arena *a)
{
	return a->held;
}
