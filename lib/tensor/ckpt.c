#include <stdlib.h>
#include <string.h>

#include "tensor/ckpt.h"
#include "tensor/pickle.h"
#include "tensor/zip.h"

enum {
	MAX_PICKLE = 64 << 20,
	MAX_DEPTH = 32,
	MAX_VALUES = 1 << 14, /* hyper-parameters: a pickle may refer to one list a thousand times */
	CHUNK = 1 << 20
};

struct source {
	const struct bp_ptensor *p;
	const struct bp_zipent *storage;
};

struct bp_ckpt {
	struct bp_zip *zip;
	struct bp_arena *mem;
	const char *path, *prefix; /* of the entries: "archive" */
	struct bp_named *t;
	struct source *from;
	int n;
	struct bp_val *hyper, *skipped;
	int values;
	const struct bp_zipent *checked; /* the storage whose checksum was compared last */
};

#define BAD(c, hint, fmt, ...) BP_FAIL(err, BP_EINPUT, hint, "%s: " fmt, (c)->path, ##__VA_ARGS__)

static int
skip(struct bp_ckpt *c, struct bp_err *err, const char *fmt, const char *a, const char *b)
{
	char *s = bp_sprintf(c->mem, err, fmt, a, b);

	return bp_val_push(c->skipped, s ? bp_val_str(c->mem, s, err) : NULL, c->mem, err);
}

/* ---- hyper-parameters: pickle nodes as plain values ---- */

static int plain(
    struct bp_ckpt *c, struct bp_val **ret, const struct bp_pnode *x, const char *where, int depth, struct bp_err *err);

static int
plain_list(
    struct bp_ckpt *c, struct bp_val **ret, const struct bp_pnode *x, const char *where, int depth, struct bp_err *err)
{
	if (!(*ret = bp_val_arr(c->mem, err)))
		return BP_EMEM;
	for (size_t i = 0; i < x->n; i++) {
		struct bp_val *v;
		BP_TRY(plain(c, &v, x->u.item[i], where, depth + 1, err));
		if (v)
			BP_TRY(bp_val_push(*ret, v, c->mem, err));
	}
	return BP_OK;
}

static int
plain_map(
    struct bp_ckpt *c, struct bp_val **ret, const struct bp_pnode *x, const char *where, int depth, struct bp_err *err)
{
	if (!(*ret = bp_val_map(c->mem, err)))
		return BP_EMEM;
	for (size_t i = 0; i < x->n; i++) {
		const struct bp_pnode *k = x->u.item[2 * i];
		const char *key = k->type == BP_P_STR ? k->u.s : NULL;
		struct bp_val *v;
		char *path;
		if (k->type == BP_P_INT && !(key = bp_sprintf(c->mem, err, "%lld", (long long)k->u.i)))
			return BP_EMEM;
		if (!key) {
			BP_TRY(skip(c, err, "%s: a key that is no string%s", where, ""));
			continue;
		}
		if (!(path = bp_sprintf(c->mem, err, "%.200s.%.100s", where, key)))
			return BP_EMEM;
		BP_TRY(plain(c, &v, x->u.item[2 * i + 1], path, depth + 1, err));
		if (v)
			BP_TRY(bp_val_set(*ret, key, v, c->mem, err));
	}
	return BP_OK;
}

/* omegaconf keeps a container's items in _content and a leaf's value in _val; other classes are unknown */
static int
plain_object(
    struct bp_ckpt *c, struct bp_val **ret, const struct bp_pnode *x, const char *where, int depth, struct bp_err *err)
{
	const struct bp_pobject *o = x->u.object;
	const struct bp_pnode *in = NULL;

	if (strncmp(o->class, "omegaconf.", 10) == 0) {
		in = bp_pickle_get(o->state, "_content");
		if (!in)
			in = bp_pickle_get(o->state, "_val");
	} else if (o->items) {
		in = o->items; /* a class made from dict or list, as Lightning's AttributeDict */
	}
	return in ? plain(c, ret, in, where, depth + 1, err) : skip(c, err, "%s (class %.200s)", where, o->class);
}

/* *ret NULL: left out, and noted */
static int
plain(
    struct bp_ckpt *c, struct bp_val **ret, const struct bp_pnode *x, const char *where, int depth, struct bp_err *err)
{
	*ret = NULL;
	if (depth > MAX_DEPTH || ++c->values > MAX_VALUES)
		return BAD(
		    c, NULL, "%.200s: nested more than %d deep, or more than %d values", where, MAX_DEPTH, MAX_VALUES);
	switch (x->type) {
	case BP_P_NONE:
		*ret = bp_val_nil(c->mem, err);
		break;
	case BP_P_BOOL:
		*ret = bp_val_bool(c->mem, x->u.b, err);
		break;
	case BP_P_INT:
		*ret = bp_val_int(c->mem, x->u.i, err);
		break;
	case BP_P_REAL:
		*ret = bp_val_real(c->mem, x->u.f, err);
		break;
	case BP_P_STR:
		*ret = bp_val_strn(c->mem, x->u.s, x->n, err);
		break;
	case BP_P_LIST:
	case BP_P_TUPLE:
	case BP_P_SET:
		return plain_list(c, ret, x, where, depth, err);
	case BP_P_DICT:
		return plain_map(c, ret, x, where, depth, err);
	case BP_P_OBJECT:
		return plain_object(c, ret, x, where, depth, err);
	case BP_P_GLOBAL:
		return skip(c, err, "%s (the name %.200s)", where, x->u.s);
	default:
		return skip(c, err, "%s (%s)", where, x->type == BP_P_BYTES ? "bytes" : "a tensor");
	}
	return *ret ? BP_OK : BP_EMEM;
}

/* ---- tensors ---- */

static int
by_name(const void *a, const void *b)
{
	const struct bp_pnode *const *p = a, *const *q = b; /* pairs of a dict */

	return strcmp(p[0]->u.s, q[0]->u.s);
}

/* one tensor of the state dict; its storage must be there and large enough */
static int
add_tensor(struct bp_ckpt *c, const char *name, const struct bp_ptensor *p, struct bp_err *err)
{
	char *entry = bp_sprintf(c->mem, err, "%s/data/%s", c->prefix, p->storage->key);
	const struct bp_zipent *e;
	struct bp_tensor *t;
	size_t bytes;

	if (!entry)
		return BP_EMEM;
	if (!(e = bp_zip_find(c->zip, entry)))
		return BAD(c, "is the file whole?", "tensor %.200s: there is no %.100s", name, entry);
	if (!bp_tensor_bytes(&bytes, p->storage->dtype, 1, &p->storage->count) || bytes > e->size)
		return BAD(c, "is the file whole?",
		    "tensor %.200s: storage %.60s has %llu bytes, too few for %lld elements", name, entry,
		    (unsigned long long)e->size, (long long)p->storage->count);
	BP_NEW(t, 1, c->mem, err);
	t->dtype = p->storage->dtype;
	t->ndim = p->ndim;
	memcpy(t->shape, p->shape, sizeof t->shape);
	c->t[c->n] = (struct bp_named) { name, t };
	c->from[c->n++] = (struct source) { p, e };
	return BP_OK;
}

static int
read_state(struct bp_ckpt *c, const struct bp_pnode *d, struct bp_err *err)
{
	struct bp_pnode **pair;

	BP_NEW(c->t, d->n + 1, c->mem, err);
	BP_NEW(c->from, d->n + 1, c->mem, err);
	BP_NEW(pair, 2 * d->n + 1, c->mem, err);
	size_t n = 0;
	for (size_t i = 0; i < d->n; i++) {
		const struct bp_pnode *k = d->u.item[2 * i], *v = d->u.item[2 * i + 1];
		if (k->type != BP_P_STR || strlen(k->u.s) != k->n || v->type != BP_P_TENSOR) {
			BP_TRY(skip(c, err, "state_dict.%.200s (%s)", k->type == BP_P_STR ? k->u.s : "?", "no tensor"));
			continue;
		}
		memcpy(pair + 2 * n++, d->u.item + 2 * i, 2 * sizeof *pair);
	}
	qsort(pair, n, 2 * sizeof *pair, by_name);
	for (size_t i = 0; i < n; i++) {
		if (i && strcmp(pair[2 * i]->u.s, pair[2 * i - 2]->u.s) == 0)
			return BAD(c, NULL, "two tensors named %.200s", pair[2 * i]->u.s);
		BP_TRY(add_tensor(c, pair[2 * i]->u.s, pair[2 * i + 1]->u.tensor, err));
	}
	if (!c->n)
		return BAD(c, NULL, "its state_dict holds no tensors");
	return BP_OK;
}

/* a Lightning checkpoint, or a bare state dict */
static int
read_top(struct bp_ckpt *c, const struct bp_pnode *top, struct bp_err *err)
{
	const struct bp_pnode *state = bp_pickle_get(top, "state_dict"),
	                      *hyper = bp_pickle_get(top, "hyper_parameters");

	if (!state && top->type == BP_P_DICT && top->n && top->u.item[1]->type == BP_P_TENSOR)
		return read_state(c, top, err);
	if (state && state->type == BP_P_OBJECT && state->u.object->items)
		state = state->u.object->items;
	if (!state || state->type != BP_P_DICT)
		return BAD(c, "give a checkpoint of the model", "there is no state_dict in it");
	for (size_t i = 0; top->type == BP_P_DICT && i < top->n; i++) {
		const struct bp_pnode *k = top->u.item[2 * i];
		const char *key = k->type == BP_P_STR ? k->u.s : "?";
		if (strcmp(key, "state_dict") != 0 && strcmp(key, "hyper_parameters") != 0)
			BP_TRY(skip(c, err, "%.200s%s", key, ""));
	}
	if (hyper)
		BP_TRY(plain(c, &c->hyper, hyper, "hyper_parameters", 0, err));
	return read_state(c, state, err);
}

/* ---- opening ---- */

/* *ret: the entry PREFIX/data.pkl */
static int
find_pickle(struct bp_ckpt *c, const struct bp_zipent **ret, struct bp_err *err)
{
	*ret = NULL;
	for (int i = 0; i < bp_zip_count(c->zip); i++) {
		const char *name = bp_zip_at(c->zip, i)->name, *slash = strchr(name, '/');
		if (slash && strcmp(slash, "/data.pkl") == 0) {
			*ret = bp_zip_at(c->zip, i);
			c->prefix = bp_strndup(c->mem, name, (size_t)(slash - name), err);
			return c->prefix ? BP_OK : BP_EMEM;
		}
	}
	return BAD(c, "give a file that torch.save (1.6 or later) wrote", "no checkpoint: there is no data.pkl in it");
}

static int
check_byte_order(struct bp_ckpt *c, struct bp_err *err)
{
	char *name = bp_sprintf(c->mem, err, "%s/byteorder", c->prefix), order[3];
	const struct bp_zipent *e = name ? bp_zip_find(c->zip, name) : NULL;

	if (!name)
		return BP_EMEM;
	if (!e || e->size < 3)
		return BP_OK; /* older files do not say */
	BP_TRY(bp_zip_read(c->zip, e, 0, order, 3, err));
	if (memcmp(order, "big", 3) == 0)
		return BAD(c, "save it on a little-endian machine", "its numbers are big-endian");
	return BP_OK;
}

static int
read_all(struct bp_ckpt *c, struct bp_err *err)
{
	const struct bp_zipent *e;
	const struct bp_pnode *top;
	char *text;

	if (!(c->skipped = bp_val_arr(c->mem, err)))
		return BP_EMEM;
	BP_TRY(find_pickle(c, &e, err));
	if (e->size > MAX_PICKLE)
		return BAD(
		    c, NULL, "a data.pkl of %llu bytes, at most %d are read", (unsigned long long)e->size, MAX_PICKLE);
	BP_TRY(check_byte_order(c, err));
	BP_TRY(bp_zip_check(c->zip, e, err));
	if (!(text = bp_alloc(c->mem, e->size, err)))
		return BP_EMEM;
	BP_TRY(bp_zip_read(c->zip, e, 0, text, e->size, err));
	BP_TRY(bp_pickle_read(&top, text, e->size, c->path, c->mem, err));
	return read_top(c, top, err);
}

/* takes the zip over, also when it fails */
static int
start(struct bp_ckpt **ret, struct bp_zip *zip, const char *name, struct bp_err *err)
{
	struct bp_ckpt *c = calloc(1, sizeof *c);
	int st;

	if (!c) {
		bp_zip_close(zip);
		return BP_FAIL(err, BP_EMEM, NULL, "no memory for %s", name);
	}
	c->zip = zip;
	if ((st = bp_arena_open(&c->mem, 0, err)) == BP_OK)
		st = (c->path = bp_strdup(c->mem, name, err)) ? read_all(c, err) : BP_EMEM;
	if (st == BP_OK)
		*ret = c;
	else
		bp_ckpt_close(c);
	return st;
}

int
bp_ckpt_open(struct bp_ckpt **ret, const char *path, struct bp_err *err)
{
	struct bp_zip *zip;

	*ret = NULL;
	BP_TRY(bp_zip_open(&zip, path, err));
	return start(ret, zip, path, err);
}

int
bp_ckpt_open_mem(struct bp_ckpt **ret, const void *data, size_t n, const char *name, struct bp_err *err)
{
	struct bp_zip *zip;

	*ret = NULL;
	BP_TRY(bp_zip_open_mem(&zip, data, n, name, err));
	return start(ret, zip, name, err);
}

void
bp_ckpt_close(struct bp_ckpt *c)
{
	if (!c)
		return;
	bp_zip_close(c->zip);
	bp_arena_close(c->mem);
	free(c);
}

int
bp_ckpt_count(const struct bp_ckpt *c)
{
	return c->n;
}

const struct bp_named *
bp_ckpt_tensors(const struct bp_ckpt *c)
{
	return c->t;
}

const struct bp_val *
bp_ckpt_hyper(const struct bp_ckpt *c)
{
	return c->hyper;
}

const struct bp_val *
bp_ckpt_skipped(const struct bp_ckpt *c)
{
	return c->skipped;
}

/* ---- reading tensors ---- */

static bool
is_dense(const struct bp_ptensor *p)
{
	int64_t step = 1;

	for (int i = p->ndim - 1; i >= 0; step *= p->shape[i--])
		if (p->shape[i] > 1 && p->stride[i] != step)
			return false;
	return true;
}

/* element number i of a strided tensor, counted from its offset */
static int64_t
place(const struct bp_ptensor *p, int64_t i)
{
	int64_t at = 0;

	for (int k = p->ndim - 1; k >= 0; i /= p->shape[k--])
		at += i % p->shape[k] * p->stride[k];
	return at;
}

static int
read_dense(
    struct bp_ckpt *c, const struct source *s, int64_t n, char *buf, bp_ckpt_fn *fn, void *self, struct bp_err *err)
{
	size_t size = bp_dtype_size(s->p->storage->dtype);

	for (int64_t at = 0; at < n;) {
		size_t now = (size_t)(n - at) < CHUNK / size ? (size_t)(n - at) : CHUNK / size;
		BP_TRY(bp_zip_read(c->zip, s->storage, (uint64_t)(s->p->offset + at) * size, buf, now * size, err));
		BP_TRY(fn(self, buf, now, err));
		at += (int64_t)now;
	}
	return BP_OK;
}

static int
read_strided(
    struct bp_ckpt *c, const struct source *s, int64_t n, char *buf, bp_ckpt_fn *fn, void *self, struct bp_err *err)
{
	size_t size = bp_dtype_size(s->p->storage->dtype), span = ((size_t)place(s->p, n - 1) + 1) * size;
	char *part = bp_alloc(c->mem, span, err);

	if (!part)
		return BP_EMEM;
	BP_TRY(bp_zip_read(c->zip, s->storage, (uint64_t)s->p->offset * size, part, span, err));
	for (int64_t at = 0; at < n;) {
		size_t now = (size_t)(n - at) < CHUNK / size ? (size_t)(n - at) : CHUNK / size;
		for (size_t i = 0; i < now; i++)
			memcpy(buf + i * size, part + (size_t)place(s->p, at + (int64_t)i) * size, size);
		BP_TRY(fn(self, buf, now, err));
		at += (int64_t)now;
	}
	return BP_OK;
}

int
bp_ckpt_read(struct bp_ckpt *c, int i, bp_ckpt_fn *fn, void *self, struct bp_err *err)
{
	struct bp_mark mark = bp_arena_mark(c->mem);
	const struct source *s = &c->from[i];
	int64_t n = bp_count(c->t[i].t);
	char *buf;
	int st;

	if (s->storage != c->checked)
		BP_TRY(bp_zip_check(c->zip, s->storage, err));
	c->checked = s->storage;
	if (n == 0)
		return BP_OK;
	if (!(buf = bp_alloc(c->mem, CHUNK, err)))
		return BP_EMEM;
	st = is_dense(s->p) ? read_dense(c, s, n, buf, fn, self, err) : read_strided(c, s, n, buf, fn, self, err);
	bp_arena_release(c->mem, mark);
	return st;
}
