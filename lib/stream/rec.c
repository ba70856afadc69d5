#include "stream/rec.h"

#include <stdio.h>
#include <string.h>

/* Room for the record that stands for this one if its target fails, taken while there still is memory. */
struct bp_spare {
	struct bp_rec rec;
	struct bp_val meta, key[4], val[4], *item[8];
	char stage[64], message[sizeof((struct bp_err *)0)->msg], hint[sizeof((struct bp_err *)0)->hint];
};

static const char *const kind_name[] = { "features", "trunk", "structures", "trajectory", "error", "done", "end", "other" };

const char *
bp_kind_name(enum bp_kind k)
{
	return kind_name[k];
}

enum bp_kind
bp_kind_from(const char *name)
{
	for (int k = 0; k < BP_OTHER; k++)
		if (strcmp(name, kind_name[k]) == 0)
			return (enum bp_kind)k;
	return BP_OTHER;
}

int
bp_rec_new(struct bp_rec **ret, enum bp_kind kind, const char *id, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_rec *r;

	*ret = NULL;
	BP_NEW(r, 1, mem, err);
	BP_NEW(r->spare, 1, mem, err);
	r->kind = kind;
	r->kind_name = kind_name[kind];
	r->mem = mem;
	if (!(r->id = bp_strdup(mem, id, err)) || !(r->meta = bp_val_map(mem, err))
	    || !(r->trail = bp_val_arr(mem, err)) || !(r->extra = bp_val_map(mem, err)))
		return BP_EMEM;
	*ret = r;
	return BP_OK;
}

/* the place of a name, or r->n */
static int
find(const struct bp_rec *r, const char *name)
{
	int i = 0;

	while (i < r->n && strcmp(r->tensor[i].name, name) != 0)
		i++;
	return i;
}

int
bp_rec_put(struct bp_rec *r, const char *name, const struct bp_tensor *t, struct bp_err *err)
{
	int i = find(r, name);

	if (i == r->n) {
		if (r->n == r->cap) {
			int cap = r->cap ? 2 * r->cap : 32;
			struct bp_named *p;
			BP_NEW(p, cap, r->mem, err);
			if (r->n)
				memcpy(p, r->tensor, (size_t)r->n * sizeof *p);
			r->tensor = p;
			r->cap = cap;
		}
		if (!(r->tensor[i].name = bp_strdup(r->mem, name, err)))
			return BP_EMEM;
		r->n++;
	}
	r->tensor[i].t = t;
	return BP_OK;
}

int
bp_rec_add(struct bp_tensor **ret, struct bp_rec *r, const char *name, enum bp_dtype dtype, int ndim,
    const int64_t *shape, struct bp_err *err)
{
	BP_TRY(bp_tensor_new(ret, dtype, ndim, shape, r->mem, err));
	return bp_rec_put(r, name, *ret, err);
}

void
bp_rec_drop(struct bp_rec *r, const char *name)
{
	int i = find(r, name);

	if (i < r->n) {
		memmove(&r->tensor[i], &r->tensor[i + 1], (size_t)(r->n - i - 1) * sizeof *r->tensor);
		r->n--;
	}
}

const struct bp_tensor *
bp_rec_get(const struct bp_rec *r, const char *name)
{
	int i = find(r, name);

	return i < r->n ? r->tensor[i].t : NULL;
}

/* "[2,n,3]": a wanted shape, free axes as n */
static void
wanted(char *buf, size_t size, int ndim, const int64_t *shape)
{
	size_t at = (size_t)snprintf(buf, size, "[");

	for (int i = 0; i < ndim && at < size; i++)
		at += (size_t)(shape[i] < 0
		        ? snprintf(buf + at, size - at, "%sn", i ? "," : "")
		        : snprintf(buf + at, size - at, "%s%lld", i ? "," : "", (long long)shape[i]));
	if (at < size)
		snprintf(buf + at, size - at, "]");
}

int
bp_rec_want(const struct bp_tensor **ret, const struct bp_rec *r, const char *name, enum bp_dtype dtype, int ndim,
    int64_t *shape, struct bp_err *err)
{
	const struct bp_tensor *t = bp_rec_get(r, name);
	char found[160], want[160];
	bool fits;
	int st;

	*ret = NULL;
	if (!t)
		return BP_FAIL(err, BP_EINPUT, "run the stage that makes it first", "tensor %s: the %s record has none",
		    name, r->kind_name);
	fits = t->ndim == ndim;
	for (int i = 0; fits && i < ndim; i++)
		fits = shape[i] < 0 || shape[i] == t->shape[i];
	if (!fits) {
		wanted(want, sizeof want, ndim, shape);
		return BP_FAIL(err, BP_EINPUT, NULL, "tensor %s: shape %s, wanted %s", name,
		    bp_shape_str(found, t->ndim, t->shape), want);
	}
	if ((st = bp_tensor_as(ret, t, dtype, r->mem, err)) != BP_OK) {
		bp_err_where(err, "tensor %s", name);
		return st;
	}
	memcpy(shape, t->shape, (size_t)ndim * sizeof *shape);
	return BP_OK;
}

static void
set_str(struct bp_val *v, char *buf, size_t size, const char *text)
{
	snprintf(buf, size, "%s", text);
	*v = (struct bp_val) { .type = BP_STR, .n = strlen(buf), .u.s = buf };
}

struct bp_rec *
bp_rec_failure(const struct bp_rec *r, const char *stage, const struct bp_err *why)
{
	static const char *const key[4] = { "stage", "message", "hint", "code" };
	struct bp_spare *s = r->spare;

	s->rec = (struct bp_rec) { .kind = BP_ERROR,
		.kind_name = kind_name[BP_ERROR],
		.id = r->id,
		.index = r->index,
		.meta = &s->meta,
		.trail = r->trail,
		.extra = r->extra,
		.mem = r->mem,
		.spare = s };
	set_str(&s->val[0], s->stage, sizeof s->stage, stage);
	set_str(&s->val[1], s->message, sizeof s->message, why->msg);
	set_str(&s->val[2], s->hint, sizeof s->hint, why->hint);
	s->val[3] = (struct bp_val) { .type = BP_INT, .u.i = why->code };
	for (int i = 0; i < 4; i++) {
		s->key[i] = (struct bp_val) { .type = BP_STR, .n = strlen(key[i]), .u.s = key[i] };
		s->item[2 * i] = &s->key[i];
		s->item[2 * i + 1] = &s->val[i];
	}
	s->meta = (struct bp_val) { .type = BP_MAP, .n = 4, .cap = 4, .u.item = s->item };
	return &s->rec;
}
