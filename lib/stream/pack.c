/* The writer of stream/pack.h. */
#include "stream/pack.h"

#include <msgpack.h>
#include <string.h>

enum { STEP = 1 << 17, LEND = 1 << 20 }; /* summed and written while it is in the cache; so large tensors are lent to a pipe */

static int
flush(struct bp_sink *s)
{
	if (s->st == BP_OK && s->n)
		s->st = s->write(s->self, s->buf, s->n, s->err);
	s->n = 0;
	return s->st;
}

/* bytes as they are, a tensor's data or the head's (data: NULL); big ones are not copied. lent: bp_arena_lend agreed */
static int
put(struct bp_sink *s, const void *p, size_t n, struct bp_sum *data, bool lent)
{
	const char *c = p;

	while (n > 0 && s->st == BP_OK) {
		size_t now = lent ? STEP - (uintptr_t)c % STEP : STEP; /* whole pages from the second on */
		now = n < now ? n : now;
		if (data)
			bp_sum_add(data, c, now);
		else
			XXH64_update(&s->head, c, now);
		s->total += now;
		if (now > sizeof s->buf - s->n)
			flush(s);
		if (now > sizeof s->buf) {
			if (s->st == BP_OK)
				s->st = (lent ? s->lend : s->write)(s->self, c, now, s->err);
		} else {
			memcpy(s->buf + s->n, c, now);
			s->n += now;
		}
		c += now;
		n -= now;
	}
	return s->st;
}

/* msgpack-c's way out: whatever it codes belongs to the record's head */
static int
emit(void *self, const char *p, size_t n)
{
	struct bp_sink *s = self;

	return put(s, p, n, NULL, false);
}

static void
str(msgpack_packer *pk, const char *s)
{
	msgpack_pack_str_with_body(pk, s, strlen(s));
}

static void
bin(msgpack_packer *pk, const char *s)
{
	msgpack_pack_bin_with_body(pk, s, strlen(s));
}

static void
value(msgpack_packer *pk, const struct bp_val *v)
{
	switch (v->type) {
	case BP_NIL:
		msgpack_pack_nil(pk);
		break;
	case BP_BOOL:
		v->u.b ? msgpack_pack_true(pk) : msgpack_pack_false(pk);
		break;
	case BP_INT:
		msgpack_pack_int64(pk, v->u.i);
		break;
	case BP_REAL:
		msgpack_pack_double(pk, v->u.f);
		break;
	case BP_STR:
		msgpack_pack_str_with_body(pk, v->u.s, v->n);
		break;
	case BP_BIN:
		msgpack_pack_bin_with_body(pk, v->u.s, v->n);
		break;
	case BP_ARR:
		msgpack_pack_array(pk, v->n);
		for (size_t i = 0; i < v->n; i++)
			value(pk, v->u.item[i]);
		break;
	case BP_MAP:
		msgpack_pack_map(pk, v->n);
		for (size_t i = 0; i < 2 * v->n; i++)
			value(pk, v->u.item[i]);
	}
}

/* may v be written? counts its values into *n */
static int
check(const struct bp_val *v, int depth, size_t *n, struct bp_err *err)
{
	size_t items = v->type == BP_ARR ? v->n : v->type == BP_MAP ? 2 * v->n : 0;

	if (depth > BP_PACK_DEPTH)
		return BP_FAIL(err, BP_EINPUT, NULL, "lists and mappings nested more than %d deep", BP_PACK_DEPTH);
	if (++*n > BP_PACK_VALUES)
		return BP_FAIL(err, BP_EINPUT, NULL, "more than %d values beside the tensors", BP_PACK_VALUES);
	if ((v->type == BP_STR || v->type == BP_BIN) && v->n > UINT32_MAX)
		return BP_FAIL(err, BP_EINPUT, "put it into a tensor", "a string of %zu bytes", v->n);
	for (size_t i = 0; i < items; i++)
		BP_TRY(check(v->u.item[i], depth + 1, n, err));
	return BP_OK;
}

static int
check_rec(const struct bp_rec *r, struct bp_err *err)
{
	size_t n = 0;

	BP_TRY(check(r->meta, 1, &n, err));
	BP_TRY(check(r->trail, 1, &n, err));
	BP_TRY(check(r->extra, 0, &n, err));
	/* the reader counts keys too: a few for the record, at most 2 + 16 a tensor */
	if (r->n > BP_PACK_TENSORS || n + 32 + 32 * (size_t)r->n > BP_PACK_VALUES)
		return BP_FAIL(err, BP_EINPUT, NULL, "%d tensors and %zu values are too many for one record", r->n, n);
	return BP_OK;
}

static void
tensor(msgpack_packer *pk, struct bp_sink *s, const struct bp_tensor *t, struct bp_arena *mem)
{
	struct bp_sum sum;
	size_t bytes, at = 0;
	bool bf16 = t->dtype == BP_BF16, parts, lent;

	bp_assert(bp_tensor_bytes(&bytes, t->dtype, t->ndim, t->shape));
	parts = bytes > s->part;
	lent = s->lend && bytes >= LEND && bp_arena_lend(mem, t->data, bytes);
	msgpack_pack_map(pk, bf16 ? 7 : 6);
	bin(pk, "nd");
	msgpack_pack_true(pk);
	bin(pk, "type");
	str(pk, bp_dtype_numpy(t->dtype));
	bin(pk, "kind");
	bin(pk, "");
	bin(pk, "shape");
	msgpack_pack_array(pk, (size_t)t->ndim);
	for (int i = 0; i < t->ndim; i++)
		msgpack_pack_int64(pk, t->shape[i]);
	if (bf16) {
		bin(pk, "dtype");
		str(pk, bp_dtype_name(t->dtype));
	}
	bp_sum_begin(&sum, bytes);
	bin(pk, parts ? "parts" : "data");
	if (parts)
		msgpack_pack_array(pk, (bytes + s->part - 1) / s->part);
	do {
		size_t n = bytes - at < s->part ? bytes - at : s->part;
		msgpack_pack_bin(pk, n);
		put(s, (const char *)t->data + at, n, &sum, lent);
		at += n;
	} while (at < bytes);
	bin(pk, "xxh64");
	msgpack_pack_uint64(pk, bp_sum_end(&sum));
}

static void
head_sum(msgpack_packer *pk, struct bp_sink *s)
{
	uint64_t sum = XXH64_digest(&s->head);
	char byte[8];

	for (int i = 0; i < 8; i++)
		byte[i] = (char)(sum >> 8 * i);
	str(pk, "xxh64");
	msgpack_pack_map(pk, 6);
	bin(pk, "nd");
	msgpack_pack_true(pk);
	bin(pk, "type");
	str(pk, "<u8");
	bin(pk, "kind");
	bin(pk, "");
	bin(pk, "shape");
	msgpack_pack_array(pk, 0);
	bin(pk, "of");
	str(pk, "head");
	bin(pk, "data");
	msgpack_pack_bin_with_body(pk, byte, 8);
}

int
bp_pack_rec(struct bp_sink *s, const struct bp_rec *r, struct bp_err *err)
{
	msgpack_packer pk;

	BP_TRY(check_rec(r, err));
	s->err = err;
	XXH64_reset(&s->head, 0);
	msgpack_packer_init(&pk, s, emit);
	msgpack_pack_map(&pk, 8 + r->extra->n);
	str(&pk, "boltzpipe");
	msgpack_pack_int(&pk, 1);
	str(&pk, "kind");
	str(&pk, r->kind_name);
	str(&pk, "id");
	str(&pk, r->id);
	str(&pk, "index");
	msgpack_pack_int64(&pk, r->index);
	str(&pk, "meta");
	value(&pk, r->meta);
	for (size_t i = 0; i < 2 * r->extra->n; i++)
		value(&pk, r->extra->u.item[i]);
	str(&pk, "tensors");
	msgpack_pack_map(&pk, (size_t)r->n);
	for (int i = 0; i < r->n; i++) {
		str(&pk, r->tensor[i].name);
		tensor(&pk, s, r->tensor[i].t, r->mem);
	}
	str(&pk, "trail");
	value(&pk, r->trail);
	head_sum(&pk, s);
	return flush(s);
}

int
bp_pack_val(struct bp_sink *s, const struct bp_val *v, struct bp_err *err)
{
	msgpack_packer pk;
	size_t n = 0;

	BP_TRY(check(v, 0, &n, err));
	s->err = err;
	XXH64_reset(&s->head, 0);
	msgpack_packer_init(&pk, s, emit);
	value(&pk, v);
	return flush(s);
}
