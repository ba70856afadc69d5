/* lib/base/arena.h: memory by lifetime. One arena holds everything of one record (or of the process);
 * nothing in it is freed alone. Not thread safe: one thread allocates. */
#ifndef BP_ARENA_H
#define BP_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#ifdef __cplusplus
extern "C" {
#endif

struct bp_arena;
struct bp_mark {
	void *block;
	size_t used, total;
};

/* Open an arena that never holds more than cap bytes (0: no cap). */
int bp_arena_open(struct bp_arena **ret, size_t cap, struct bp_err *err) BP_MUST_USE;
void bp_arena_close(struct bp_arena *a); /* NULL is fine */

/* n bytes, 64-byte aligned, not cleared (bp_calloc: cleared). n = 0 gives a valid pointer. NULL and
 * err = BP_EMEM (with the bytes wanted) when the cap or the machine is exhausted. */
void *bp_alloc(struct bp_arena *a, size_t n, struct bp_err *err) BP_MUST_USE;
void *bp_calloc(struct bp_arena *a, size_t count, size_t size, struct bp_err *err) BP_MUST_USE;
char *bp_strdup(struct bp_arena *a, const char *s, struct bp_err *err) BP_MUST_USE;
char *bp_strndup(struct bp_arena *a, const char *s, size_t n, struct bp_err *err) BP_MUST_USE;
char *bp_sprintf(struct bp_arena *a, struct bp_err *err, const char *fmt, ...) BP_PRINTF(3, 4) BP_MUST_USE;

/* Count n bytes as bp_alloc would, against the cap and in the peak, without taking memory: how much a run needs is found by
 * a rehearsal. The address returned must be neither read nor written. */
void *bp_arena_count(struct bp_arena *a, size_t n, struct bp_err *err) BP_MUST_USE;

/* Make the arena's newest allocation p of old bytes n >= old bytes long. It may move (by remapping pages: big ones are
 * not copied); no mark may lie between. For readers that learn the size as bytes arrive. NULL and BP_EMEM: p is as it was. */
void *bp_grow(struct bp_arena *a, void *p, size_t old, size_t n, struct bp_err *err) BP_MUST_USE;

/* Whole pages of p [n] are lent to a pipe (vmsplice): they must stay as they are while it may hold them, and nobody knows how long that is. So when
 * they are released the arena takes new ones for the next use, and the pipe keeps its own. False: p is no memory of this arena. */
bool bp_arena_lend(struct bp_arena *a, const void *p, size_t n) BP_MUST_USE;

/* Call-lifetime scratch: everything allocated after mark is gone after release. Marks nest. */
struct bp_mark bp_arena_mark(struct bp_arena *a);
void bp_arena_release(struct bp_arena *a, struct bp_mark m);

/* Forget everything, keep the blocks for the next record. */
void bp_arena_reset(struct bp_arena *a);

/* Exchange what two arenas hold, down to the last byte; each keeps its cap. For one who keeps what another has made. */
void bp_arena_swap(struct bp_arena *a, struct bp_arena *b);

size_t bp_arena_used(const struct bp_arena *a);           /* bytes in use now                       */
size_t bp_arena_peak(const struct bp_arena *a);           /* highest bytes in use since peak_reset  */
void bp_arena_peak_reset(struct bp_arena *a);
size_t bp_arena_held(const struct bp_arena *a);           /* taken from the system, kept for reuse  */

/* p = new array of n T, cleared; returns BP_EMEM from the calling function when there is no memory */
#define BP_NEW(p, n, arena, err)                                                             \
	do {                                                                                 \
		(p) = bp_calloc(arena, (size_t)(n), sizeof *(p), err);                       \
		if (!(p))                                                                    \
			return BP_EMEM;                                                      \
	} while (0)

#ifdef __cplusplus
}
#endif
#endif
