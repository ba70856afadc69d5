#include "base/val.h"

#include <string.h>

static struct bp_val *
make(struct bp_arena *mem, enum bp_vtype t, struct bp_err *err)
{
	struct bp_val *v = bp_calloc(mem, 1, sizeof *v, err);

	if (v)
		v->type = t;
	return v;
}

struct bp_val *
bp_val_nil(struct bp_arena *mem, struct bp_err *err)
{
	return make(mem, BP_NIL, err);
}

struct bp_val *
bp_val_bool(struct bp_arena *mem, bool b, struct bp_err *err)
{
	struct bp_val *v = make(mem, BP_BOOL, err);

	if (v)
		v->u.b = b;
	return v;
}

struct bp_val *
bp_val_int(struct bp_arena *mem, int64_t i, struct bp_err *err)
{
	struct bp_val *v = make(mem, BP_INT, err);

	if (v)
		v->u.i = i;
	return v;
}

struct bp_val *
bp_val_real(struct bp_arena *mem, double f, struct bp_err *err)
{
	struct bp_val *v = make(mem, BP_REAL, err);

	if (v)
		v->u.f = f;
	return v;
}

static struct bp_val *
bytes(struct bp_arena *mem, enum bp_vtype t, const void *p, size_t n, struct bp_err *err)
{
	struct bp_val *v = make(mem, t, err);

	if (!v || !(v->u.s = bp_strndup(mem, p, n, err)))
		return NULL;
	v->n = n;
	return v;
}

struct bp_val *
bp_val_strn(struct bp_arena *mem, const char *s, size_t n, struct bp_err *err)
{
	return bytes(mem, BP_STR, s, n, err);
}

struct bp_val *
bp_val_str(struct bp_arena *mem, const char *s, struct bp_err *err)
{
	return bytes(mem, BP_STR, s, strlen(s), err);
}

struct bp_val *
bp_val_bin(struct bp_arena *mem, const void *p, size_t n, struct bp_err *err)
{
	return bytes(mem, BP_BIN, p, n, err);
}

struct bp_val *
bp_val_arr(struct bp_arena *mem, struct bp_err *err)
{
	return make(mem, BP_ARR, err);
}

struct bp_val *
bp_val_map(struct bp_arena *mem, struct bp_err *err)
{
	return make(mem, BP_MAP, err);
}

/* room for one more entry of w pointers */
static int
grow(struct bp_val *v, size_t w, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_val **p;
	size_t cap;

	if (v->n < v->cap)
		return BP_OK;
	cap = v->cap ? 2 * v->cap : 8;
	BP_NEW(p, w * cap, mem, err);
	if (v->n)
		memcpy(p, v->u.item, w * v->n * sizeof *p);
	v->u.item = p;
	v->cap = cap;
	return BP_OK;
}

int
bp_val_push(struct bp_val *a, struct bp_val *x, struct bp_arena *mem, struct bp_err *err)
{
	if (!x || !a)
		return BP_EMEM;
	bp_assert(a->type == BP_ARR);
	BP_TRY(grow(a, 1, mem, err));
	a->u.item[a->n++] = x;
	return BP_OK;
}

int
bp_val_pair(struct bp_val *m, struct bp_val *key, struct bp_val *x, struct bp_arena *mem, struct bp_err *err)
{
	if (!x || !key || !m)
		return BP_EMEM;
	bp_assert(m->type == BP_MAP);
	BP_TRY(grow(m, 2, mem, err));
	m->u.item[2 * m->n] = key;
	m->u.item[2 * m->n + 1] = x;
	m->n++;
	return BP_OK;
}

/* the place of key's value in map m, or NULL */
static struct bp_val **
find(const struct bp_val *m, const char *key)
{
	size_t len = strlen(key);

	if (!m || m->type != BP_MAP)
		return NULL;
	for (size_t i = 0; i < m->n; i++) {
		const struct bp_val *k = m->u.item[2 * i];
		if ((k->type == BP_STR || k->type == BP_BIN) && k->n == len && memcmp(k->u.s, key, len) == 0)
			return &m->u.item[2 * i + 1];
	}
	return NULL;
}

int
bp_val_set(struct bp_val *m, const char *key, struct bp_val *x, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_val **at = find(m, key);

	if (!x || !m)
		return BP_EMEM;
	if (at) {
		*at = x;
		return BP_OK;
	}
	return bp_val_pair(m, bp_val_str(mem, key, err), x, mem, err);
}

struct bp_val *
bp_val_get(const struct bp_val *v, const char *key)
{
	struct bp_val **at = find(v, key);

	return at ? *at : NULL;
}

struct bp_val *
bp_val_at(const struct bp_val *v, size_t i)
{
	return v && v->type == BP_ARR && i < v->n ? v->u.item[i] : NULL;
}

size_t
bp_val_count(const struct bp_val *v)
{
	return v && (v->type == BP_ARR || v->type == BP_MAP) ? v->n : 0;
}

bool
bp_val_is(const struct bp_val *v, enum bp_vtype t)
{
	return v ? v->type == t : t == BP_NIL;
}

const char *
bp_val_cstr(const struct bp_val *v, const char *otherwise)
{
	return v && (v->type == BP_STR || v->type == BP_BIN) ? v->u.s : otherwise;
}

int64_t
bp_val_i64(const struct bp_val *v, int64_t otherwise)
{
	if (v && v->type == BP_BOOL)
		return v->u.b;
	return v && v->type == BP_INT ? v->u.i : otherwise;
}

double
bp_val_num(const struct bp_val *v, double otherwise)
{
	if (v && v->type == BP_REAL)
		return v->u.f;
	return v && v->type == BP_INT ? (double)v->u.i : otherwise;
}

const char *
bp_vtype_name(enum bp_vtype t)
{
	static const char *const name[] = { "nothing", "true or false", "a whole number", "a number", "a string", "bytes",
		"a list", "a mapping" };

	return name[t];
}
