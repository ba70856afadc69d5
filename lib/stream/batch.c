/* lib/stream/batch.c: see batch.h. Contents: names, stacking, splitting */
#include "stream/batch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_TENSORS = 512, ALIGN = 64 }; /* of a member; of data, as readers give them: kernels sum alike */

bool
bp_is_batch(const struct bp_rec *rec)
{
	return bp_val_is(bp_val_get(rec->meta, "batch"), BP_ARR);
}

int64_t
bp_batch_count(const struct bp_rec *rec)
{
	size_t n = bp_is_batch(rec) ? bp_val_count(bp_val_get(rec->meta, "batch")) : 1;

	return n ? (int64_t)n : 1;
}

const char *
bp_batch_id(const struct bp_rec *rec, int64_t i)
{
	return bp_is_batch(rec) ? bp_val_cstr(bp_val_get(bp_val_at(bp_val_get(rec->meta, "batch"), (size_t)i), "id"), rec->id) : rec->id;
}

/* The '#' of NAME#NUMBER: a tensor that belongs to one member alone, *i. NULL: one of all. */
static const char *
own_mark(const char *name, long *i)
{
	const char *mark = strrchr(name, '#');
	size_t digits = mark ? strspn(mark + 1, "0123456789") : 0;

	if (!digits || mark[1 + digits] || digits > 9)
		return NULL;
	*i = strtol(mark + 1, NULL, 10);
	return mark;
}

/* ---- stacking ---- */

static int
check(struct bp_rec *const *member, int n, struct bp_err *err)
{
	const char *run = bp_val_cstr(bp_val_get(member[0]->extra, "run"), ""), *other;
	long i;

	for (int k = 0; k < n; k++) {
		other = bp_val_cstr(bp_val_get(member[k]->extra, "run"), "");
		if (strcmp(run, other) != 0 || strcmp(member[0]->kind_name, member[k]->kind_name) != 0)
			return BP_FAIL(err, BP_EUNSUP, NULL, "%s and %s are of different runs or kinds", member[0]->id, member[k]->id);
		if (member[k]->n > MOST_TENSORS)
			return BP_FAIL(err, BP_EUNSUP, NULL, "%s has %d tensors", member[k]->id, member[k]->n);
		for (int t = 0; t < member[k]->n; t++)
			if (own_mark(member[k]->tensor[t].name, &i))
				return BP_FAIL(err, BP_EUNSUP, NULL, "%s has a tensor %s", member[k]->id, member[k]->tensor[t].name);
	}
	return BP_OK;
}

/* has every member the tensor, in one type and shape? */
static bool
alike(struct bp_rec *const *member, int n, const char *name)
{
	const struct bp_tensor *t, *first = bp_rec_get(member[0], name);

	for (int k = 0; k < n; k++) {
		t = bp_rec_get(member[k], name);
		if (!t || !first || t->dtype != first->dtype || t->ndim != first->ndim || t->ndim == BP_MAXDIM
		    || memcmp(t->shape, first->shape, (size_t)t->ndim * sizeof *t->shape) != 0)
			return false;
	}
	return true;
}

static int
stack_tensor(struct bp_rec *r, struct bp_rec *const *member, int n, const char *name, struct bp_err *err)
{
	const struct bp_tensor *first = bp_rec_get(member[0], name);
	int64_t shape[BP_MAXDIM] = { n };
	struct bp_tensor *t;
	size_t bytes;

	memcpy(shape + 1, first->shape, (size_t)first->ndim * sizeof *shape);
	BP_TRY(bp_rec_add(&t, r, name, first->dtype, first->ndim + 1, shape, err));
	bp_assert(bp_tensor_bytes(&bytes, first->dtype, first->ndim, first->shape));
	for (int k = 0; k < n && bytes; k++)
		memcpy((char *)t->data + (size_t)k * bytes, bp_rec_get(member[k], name)->data, bytes);
	return BP_OK;
}

static int
stack_tensors(struct bp_rec *r, struct bp_rec *const *member, int n, struct bp_err *err)
{
	for (int k = 0; k < n; k++)
		for (int i = 0; i < member[k]->n; i++) {
			const char *name = member[k]->tensor[i].name, *own;
			if (alike(member, n, name)) {
				if (k == 0)
					BP_TRY(stack_tensor(r, member, n, name, err));
				continue;
			}
			if (!(own = bp_sprintf(r->mem, err, "%s#%d", name, k)))
				return BP_EMEM;
			BP_TRY(bp_rec_put(r, own, member[k]->tensor[i].t, err));
		}
	return BP_OK;
}

int
bp_batch_stack(struct bp_rec **ret, struct bp_rec *const *member, int n, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_val *list, *run;
	struct bp_rec *r;

	*ret = NULL;
	bp_assert(n >= 1 && n <= BP_BATCH_MAX);
	BP_TRY(check(member, n, err));
	BP_TRY(bp_rec_new(&r, member[0]->kind, member[0]->id, mem, err));
	r->kind_name = member[0]->kind_name;
	r->received = member[0]->received;
	list = bp_val_arr(mem, err);
	BP_TRY(bp_val_set(r->meta, "batch", list, mem, err));
	for (int k = 0; k < n; k++) {
		struct bp_val *item = bp_val_map(mem, err);
		BP_TRY(bp_val_push(list, item, mem, err));
		BP_TRY(bp_val_set(item, "id", bp_val_str(mem, member[k]->id, err), mem, err));
		BP_TRY(bp_val_set(item, "meta", member[k]->meta, mem, err));
		BP_TRY(bp_val_set(item, "trail", member[k]->trail, mem, err));
		BP_TRY(bp_val_set(item, "keys", member[k]->extra, mem, err));
	}
	if ((run = bp_val_get(member[0]->extra, "run"))) /* sockets look for it */
		BP_TRY(bp_val_set(r->extra, "run", run, mem, err));
	BP_TRY(stack_tensors(r, member, n, err));
	*ret = r;
	return BP_OK;
}

/* ---- splitting ---- */

/* what the batch's map has beside a member's own: a program between may have put it there */
static int
inherit(struct bp_val *own, const struct bp_val *from, struct bp_arena *mem, struct bp_err *err)
{
	for (size_t i = 0; i < bp_val_count(from); i++) {
		const char *key = bp_val_cstr(from->u.item[2 * i], NULL);
		if (key && strcmp(key, "batch") != 0 && !bp_val_get(own, key))
			BP_TRY(bp_val_set(own, key, from->u.item[2 * i + 1], mem, err));
	}
	return BP_OK;
}

/* a map or list of an item of meta.batch; missing: the empty one that r has */
static int
part(struct bp_val **to, const struct bp_val *item, const char *key, enum bp_vtype type, int k, struct bp_err *err)
{
	struct bp_val *v = bp_val_get(item, key);

	if (!v)
		return BP_OK;
	if (v->type != type)
		return BP_FAIL(err, BP_EINPUT, NULL, "meta.batch: '%s' of item %d is %s", key, k, bp_vtype_name(v->type));
	*to = v;
	return BP_OK;
}

static int
read_member(struct bp_rec **ret, const struct bp_val *item, int k, struct bp_rec *rec, struct bp_err *err)
{
	const char *id = bp_val_cstr(bp_val_get(item, "id"), NULL);
	struct bp_arena *mem = rec->mem;
	struct bp_rec *r;

	if (!id || !*id)
		return BP_FAIL(err, BP_EINPUT, NULL, "meta.batch: item %d has no id", k);
	BP_TRY(bp_rec_new(&r, rec->kind, id, mem, err));
	r->kind_name = rec->kind_name;
	r->index = rec->index + k;
	r->received = rec->received;
	BP_TRY(part(&r->meta, item, "meta", BP_MAP, k, err));
	BP_TRY(part(&r->trail, item, "trail", BP_ARR, k, err));
	BP_TRY(part(&r->extra, item, "keys", BP_MAP, k, err));
	BP_TRY(inherit(r->meta, rec->meta, mem, err));
	BP_TRY(inherit(r->extra, rec->extra, mem, err));
	for (size_t i = 0; i < bp_val_count(rec->trail); i++)
		BP_TRY(bp_val_push(r->trail, bp_val_at(rec->trail, i), mem, err));
	*ret = r;
	return BP_OK;
}

static int
read_members(struct bp_rec **member, int *n, struct bp_rec *rec, struct bp_err *err)
{
	const struct bp_val *list = bp_val_get(rec->meta, "batch");
	size_t count = bp_val_count(list);

	if (count < 1 || count > BP_BATCH_MAX)
		return BP_FAIL(err, BP_EINPUT, NULL, "meta.batch: %zu targets, 1 to %d are read", count, BP_BATCH_MAX);
	for (int k = 0; k < (int)count; k++) {
		BP_TRY(read_member(&member[k], bp_val_at(list, (size_t)k), k, rec, err));
		for (int i = 0; i < k; i++)
			if (strcmp(member[i]->id, member[k]->id) == 0)
				return BP_FAIL(err, BP_EINPUT, "every target has a name of its own", "meta.batch: '%.100s' is there twice",
				    member[k]->id);
	}
	*n = (int)count;
	return BP_OK;
}

/* t of member r: a view, or where that is not as well aligned as what readers give, a copy */
static int
give(struct bp_rec *r, const char *name, const struct bp_tensor *t, int ndim, const int64_t *shape, size_t at, struct bp_err *err)
{
	struct bp_tensor *v;
	size_t bytes;

	if (bp_rec_get(r, name))
		return BP_FAIL(err, BP_EINPUT, NULL, "tensor %.100s: target %.100s has two", name, r->id);
	BP_NEW(v, 1, r->mem, err);
	*v = *t;
	v->ndim = ndim;
	memmove(v->shape, shape, (size_t)ndim * sizeof *shape);
	bp_assert(bp_tensor_bytes(&bytes, v->dtype, v->ndim, v->shape));
	v->data = (char *)t->data + at * bytes;
	if ((uintptr_t)v->data % ALIGN && bytes) {
		void *copy = bp_alloc(r->mem, bytes, err);
		if (!copy)
			return BP_EMEM;
		v->data = memcpy(copy, v->data, bytes);
	}
	return bp_rec_put(r, name, v, err);
}

static int
give_tensors(struct bp_rec *const *member, int n, const struct bp_rec *rec, struct bp_err *err)
{
	for (int i = 0; i < rec->n; i++) {
		const struct bp_tensor *t = rec->tensor[i].t;
		const char *name = rec->tensor[i].name, *own, *mark;
		char found[160];
		long k;
		if ((mark = own_mark(name, &k))) {
			if (k >= n)
				return BP_FAIL(err, BP_EINPUT, NULL, "tensor %.100s: the batch has %d targets", name, n);
			if (!(own = bp_strndup(rec->mem, name, (size_t)(mark - name), err)))
				return BP_EMEM;
			BP_TRY(give(member[k], own, t, t->ndim, t->shape, 0, err));
			continue;
		}
		if (t->ndim < 1 || t->shape[0] != n)
			return BP_FAIL(err, BP_EINPUT, NULL, "tensor %.100s: shape %s, wanted %d targets on axis 0", name,
			    bp_shape_str(found, t->ndim, t->shape), n);
		for (k = 0; k < n; k++)
			BP_TRY(give(member[k], name, t, t->ndim - 1, t->shape + 1, (size_t)k, err));
	}
	return BP_OK;
}

int
bp_batch_open(struct bp_rec *member[BP_BATCH_MAX], int *n, struct bp_rec *rec, int st, struct bp_err *err)
{
	int bad;

	member[0] = rec;
	*n = 1;
	if (!bp_is_batch(rec))
		return st;
	if ((bad = read_members(member, n, rec, err)) != BP_OK) {
		member[0] = rec;
		return bad;
	}
	return st != BP_OK ? st : give_tensors(member, *n, rec, err);
}
