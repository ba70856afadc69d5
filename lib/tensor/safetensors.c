#include "tensor/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"

enum { MAX_HEADER = 100 << 20 };

struct entry {
	const char *name;
	struct bp_tensor t;
};

struct bp_st {
	const unsigned char *map;
	size_t size, header; /* the file's, and the JSON's */
	bool mapped;
	struct bp_arena *mem;
	const char *path;
	struct entry *e;
	int n;
	const struct bp_val *metadata;
};

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

/* one header entry {"dtype": .., "shape": [..], "data_offsets": [a, b]} */
static int
parse_entry(struct bp_st *s, const char *name, const struct bp_val *v, size_t data_at, struct bp_err *err)
{
	const struct bp_val *shape = bp_val_get(v, "shape"), *off = bp_val_get(v, "data_offsets");
	struct entry *e = &s->e[s->n];
	int64_t a = bp_val_i64(bp_val_at(off, 0), -1), b = bp_val_i64(bp_val_at(off, 1), -1);
	size_t bytes, room = s->size - data_at;
	char buf[160];

	e->name = name;
	if (bp_dtype_from(&e->t.dtype, bp_val_cstr(bp_val_get(v, "dtype"), "")) != BP_OK)
		return BP_FAIL(err, BP_EINPUT, NULL, "%s: tensor %s: unknown dtype '%s'", s->path, name,
		    bp_val_cstr(bp_val_get(v, "dtype"), ""));
	if (!bp_val_is(shape, BP_ARR) || bp_val_count(shape) > BP_MAXDIM)
		return BP_FAIL(
		    err, BP_EINPUT, NULL, "%s: tensor %s: no shape of at most %d axes", s->path, name, BP_MAXDIM);
	e->t.ndim = (int)bp_val_count(shape);
	for (int i = 0; i < e->t.ndim; i++)
		e->t.shape[i] = bp_val_i64(bp_val_at(shape, (size_t)i), -1);
	if (!bp_tensor_bytes(&bytes, e->t.dtype, e->t.ndim, e->t.shape) || bp_val_count(off) != 2 || a < 0 || b < a
	    || (uint64_t)b > room || (uint64_t)(b - a) != bytes)
		return BP_FAIL(err, BP_EINPUT, "the file is cut or damaged",
		    "%s: tensor %s: shape %s does not fit its place in the file", s->path, name,
		    bp_shape_str(buf, e->t.ndim, e->t.shape));
	e->t.data = (void *)(uintptr_t)(s->map + data_at + a);
	s->n++;
	return BP_OK;
}

static int
parse(struct bp_st *s, struct bp_err *err)
{
	struct bp_val *h;
	uint64_t n = 0;

	if (s->size < 8)
		return BP_FAIL(err, BP_EINPUT, NULL, "%s: too short for a safetensors file", s->path);
	for (int i = 7; i >= 0; i--)
		n = n << 8 | s->map[i];
	if (n > MAX_HEADER || n > s->size - 8)
		return BP_FAIL(err, BP_EINPUT, "is it a safetensors file?", "%s: header of %llu bytes in a file of %zu",
		    s->path, (unsigned long long)n, s->size);
	if (bp_json_read(&h, (const char *)s->map + 8, n, s->mem, err) != BP_OK) {
		bp_err_where(err, "%s: header", s->path);
		return err ? err->code : BP_EINPUT;
	}
	s->header = (size_t)n;
	if (!bp_val_is(h, BP_MAP))
		return BP_FAIL(err, BP_EINPUT, NULL, "%s: the header is no JSON object", s->path);
	BP_NEW(s->e, bp_val_count(h) + 1, s->mem, err);
	for (size_t i = 0; i < bp_val_count(h); i++) {
		const char *name = bp_val_cstr(h->u.item[2 * i], "");
		if (strlen(name) != h->u.item[2 * i]->n)
			return BP_FAIL(err, BP_EINPUT, NULL, "%s: a tensor's name holds a NUL", s->path);
		if (strcmp(name, "__metadata__") == 0)
			s->metadata = h->u.item[2 * i + 1];
		else
			BP_TRY(parse_entry(s, name, h->u.item[2 * i + 1], 8 + (size_t)n, err));
	}
	qsort(s->e, (size_t)s->n, sizeof *s->e, by_name);
	return BP_OK;
}

static int
start(struct bp_st **ret, const char *name, struct bp_err *err)
{
	struct bp_st *s = calloc(1, sizeof *s);
	int st;

	if (!s)
		return BP_FAIL(err, BP_EMEM, NULL, "no memory for %s", name);
	if ((st = bp_arena_open(&s->mem, 0, err)) != BP_OK || !(s->path = bp_strdup(s->mem, name, err))) {
		bp_st_close(s);
		return st ? st : BP_EMEM;
	}
	*ret = s;
	return BP_OK;
}

int
bp_st_open_mem(struct bp_st **ret, const void *data, size_t n, const char *name, struct bp_err *err)
{
	struct bp_st *s = NULL;
	int st;

	*ret = NULL;
	BP_TRY(start(&s, name, err));
	s->map = data;
	s->size = n;
	if ((st = parse(s, err)) != BP_OK) {
		bp_st_close(s);
		return st;
	}
	*ret = s;
	return BP_OK;
}

int
bp_st_open(struct bp_st **ret, const char *path, struct bp_err *err)
{
	struct bp_st *s = NULL;
	const void *p;
	size_t n;
	int st;

	*ret = NULL;
	BP_TRY(bp_map_open(&p, &n, path, err));
	if ((st = start(&s, path, err)) != BP_OK) {
		bp_map_close(p, n);
		return st;
	}
	s->map = p;
	s->size = n;
	s->mapped = true;
	if ((st = parse(s, err)) != BP_OK) {
		bp_st_close(s);
		return st;
	}
	*ret = s;
	return BP_OK;
}

void
bp_st_close(struct bp_st *s)
{
	if (!s)
		return;
	if (s->mapped)
		bp_map_close(s->map, s->size);
	bp_arena_close(s->mem);
	free(s);
}

int
bp_st_count(const struct bp_st *s)
{
	return s->n;
}

const char *
bp_st_name(const struct bp_st *s, int i)
{
	return s->e[i].name;
}

const struct bp_tensor *
bp_st_tensor(const struct bp_st *s, int i)
{
	return &s->e[i].t;
}

const struct bp_tensor *
bp_st_get(const struct bp_st *s, const char *name)
{
	struct entry key = { .name = name }, *e = bsearch(&key, s->e, (size_t)s->n, sizeof key, by_name);

	return e ? &e->t : NULL;
}

const struct bp_val *
bp_st_metadata(const struct bp_st *s)
{
	return s->metadata;
}

const char *
bp_st_path(const struct bp_st *s)
{
	return s->path;
}

const char *
bp_st_bytes(const struct bp_st *s, size_t *size, size_t *header)
{
	*size = s->size;
	*header = s->header;
	return (const char *)s->map;
}
