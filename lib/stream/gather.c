/* lib/stream/gather.c: see gather.h */
#include "stream/gather.h"

#include <string.h>

enum { PATIENCE = 8 }; /* batches */

static int
send(struct bp_gather *g, struct bp_gather_shape *s, struct bp_out *out, struct bp_err *err)
{
	int n = s->n;

	if (n == 0)
		return BP_OK;
	BP_TRY(bp_out_put_batch(out, s->rec, s->kept, n, g->tool, s->mem[0], err));
	s->n = 0;
	for (int i = 0; i < n; i++)
		bp_arena_reset(s->mem[i]);
	return BP_OK;
}

/* shapes that have waited too long */
static int
send_old(struct bp_gather *g, struct bp_out *out, struct bp_err *err)
{
	for (int i = 0; i < BP_GATHER_SHAPES; i++)
		if (g->shape[i].n && g->seen - g->shape[i].since >= (int64_t)PATIENCE * g->size)
			BP_TRY(send(g, &g->shape[i], out, err));
	return BP_OK;
}

int
bp_gather_pass(struct bp_gather *g, struct bp_out *out, struct bp_err *err)
{
	g->seen++;
	return send_old(g, out, err);
}

/* the place for such targets: that of others like it, an empty one, or the one that has waited longest, sent */
static int
find(struct bp_gather_shape **ret, struct bp_gather *g, int64_t tokens, int64_t atoms, struct bp_out *out, struct bp_err *err)
{
	struct bp_gather_shape *s, *old = &g->shape[0];

	for (int i = 0; i < BP_GATHER_SHAPES; i++) {
		s = &g->shape[i];
		if (s->n && s->tokens == tokens && s->atoms == atoms) {
			*ret = s;
			return BP_OK;
		}
		if (old->n && (!s->n || s->since < old->since))
			old = s;
	}
	BP_TRY(send(g, old, out, err));
	old->tokens = tokens;
	old->atoms = atoms;
	*ret = old;
	return BP_OK;
}

int
bp_gather_keep(struct bp_gather *g, struct bp_rec *rec, int64_t tokens, int64_t atoms, struct bp_arena *mem, struct bp_out *out,
    struct bp_err *err)
{
	struct bp_gather_shape *s;
	int at;

	BP_TRY(find(&s, g, tokens, atoms, out, err));
	at = s->n;
	if (!s->mem[at])
		BP_TRY(bp_arena_open(&s->mem[at], 0, err));
	bp_arena_swap(s->mem[at], mem);
	rec->mem = s->mem[at];
	s->rec[at] = rec;
	s->kept[at] = bp_out_keep(out);
	s->since = at ? s->since : g->seen;
	s->n++;
	g->seen++;
	if (s->n == g->size)
		BP_TRY(send(g, s, out, err));
	return send_old(g, out, err);
}

bool
bp_gather_keeps(const void *self)
{
	const struct bp_gather *g = self;
	int n = 0;

	for (int i = 0; i < BP_GATHER_SHAPES; i++)
		n += g->shape[i].n;
	return n > 0;
}

/* the oldest first */
int
bp_gather_flush(void *self, struct bp_out *out, struct bp_err *err)
{
	struct bp_gather *g = self;

	while (bp_gather_keeps(g)) {
		struct bp_gather_shape *old = NULL;
		for (int i = 0; i < BP_GATHER_SHAPES; i++)
			if (g->shape[i].n && (!old || g->shape[i].since < old->since))
				old = &g->shape[i];
		BP_TRY(send(g, old, out, err));
	}
	return BP_OK;
}

void
bp_gather_forget(void *self)
{
	struct bp_gather *g = self;

	for (int i = 0; i < BP_GATHER_SHAPES; i++)
		for (int k = 0; k < BP_BATCH_MAX; k++) {
			if (k < g->shape[i].n)
				bp_out_lose(g->shape[i].kept[k]);
			bp_arena_close(g->shape[i].mem[k]);
			g->shape[i].mem[k] = NULL;
		}
	for (int i = 0; i < BP_GATHER_SHAPES; i++)
		g->shape[i].n = 0;
}
