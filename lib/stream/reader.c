/* The lower half of the stream's reader: bytes, tokens, values. */
#include <stdio.h>
#include <string.h>

#include "stream/reader.h"

enum { STEP = 1 << 20, SUMMED = 1 << 17 }; /* memory taken ahead of the first bytes; how much is summed while it is in the cache */

const char *
bp_rd_where(const struct bp_reader *r, char buf[320])
{
	snprintf(buf, 320, "%.150s: record %lld%s%.120s", r->s->name, (long long)r->s->record,
	    r->tensor ? ", tensor " : "", r->tensor ? r->tensor : "");
	return buf;
}

/* ---- bytes ---- */

int
bp_src_more(struct bp_src *s, struct bp_err *err)
{
	size_t got;

	if (s->at < s->end)
		return BP_OK;
	s->at = s->end = 0;
	BP_TRY(s->read(s->self, s->buf, sizeof s->buf, &got, err));
	s->end = got;
	return got ? BP_OK : BP_EOS;
}

int
bp_rd_cut(struct bp_reader *r)
{
	return BP_RD_BAD(r, "the program that wrote it ended early: see its messages", "the stream is cut");
}

static int
claim(struct bp_reader *r, uint64_t n)
{
	if (n > r->s->left)
		return BP_RD_BAD(r, NULL, "larger than %.1f GiB", (double)r->s->limit / 1073741824.0);
	r->s->left -= n;
	return BP_OK;
}

/* p: the next n <= 16 bytes */
static int
take(struct bp_reader *r, size_t n, const unsigned char **p)
{
	struct bp_src *s = r->s;
	size_t got;

	BP_TRY(claim(r, n));
	if (s->end - s->at < n) {
		memmove(s->buf, s->buf + s->at, s->end - s->at);
		s->end -= s->at;
		s->at = 0;
		while (s->end < n) {
			BP_TRY(s->read(s->self, s->buf + s->end, sizeof s->buf - s->end, &got, r->err));
			if (!got)
				return bp_rd_cut(r);
			s->end += got;
		}
	}
	*p = s->buf + s->at;
	s->at += n;
	XXH64_update(&s->head, *p, n);
	return BP_OK;
}

/* n bytes that there is no memory for */
static int
skip(struct bp_reader *r, size_t n)
{
	struct bp_src *s = r->s;

	for (size_t now; n > 0; n -= now) {
		int st = bp_src_more(s, r->err);
		if (st != BP_OK)
			return st == BP_EOS ? bp_rd_cut(r) : st;
		now = n < s->end - s->at ? n : s->end - s->at;
		s->at += now;
	}
	return BP_OK;
}

/* A tensor does not fit: give back what this record's tensors took and go on without, so that its id is known and the
 * stream can be read on behind it. */
static void
give_up_tensors(struct bp_reader *r)
{
	bp_arena_release(r->mem, r->before_tensors);
	r->full = true;
	r->tensor = NULL;
	r->slab_left = 0;
}

int
bp_rd_receive(struct bp_reader *r, struct bp_bytes *b, size_t n, struct bp_sum *data)
{
	struct bp_src *s = r->s;

	BP_TRY(claim(r, n));
	if (r->full && data)
		return skip(r, n);
	while (n > 0) {
		size_t got, want;
		if (b->n == b->cap) {
			size_t more = b->cap > STEP ? 7 * b->cap : STEP; /* eightfold: what is left behind is a seventh */
			if (more > n)
				more = n;
			if (data)
				bp_sum_wait(data); /* it may move, or be given up */
			b->p = b->p ? bp_grow(r->mem, b->p, b->cap, b->cap + more, r->err)
			            : bp_alloc(r->mem, more, r->err);
			if (!b->p && !data)
				return BP_EMEM;
			if (!b->p) {
				give_up_tensors(r);
				return skip(r, n);
			}
			b->cap += more;
		}
		want = b->cap - b->n < SUMMED ? b->cap - b->n : SUMMED;
		if (s->at == s->end && want >= sizeof s->buf) {
			BP_TRY(s->read(s->self, b->p + b->n, want, &got, r->err));
		} else {
			int st = bp_src_more(s, r->err);
			if (st != BP_OK && st != BP_EOS)
				return st;
			got = s->end - s->at < want ? s->end - s->at : want;
			memcpy(b->p + b->n, s->buf + s->at, got);
			s->at += got;
		}
		if (!got)
			return bp_rd_cut(r);
		if (data)
			bp_sum_add(data, b->p + b->n, got);
		else
			XXH64_update(&s->head, b->p + b->n, got);
		b->n += got;
		n -= got;
	}
	return BP_OK;
}

/* ---- tokens ---- */

static uint64_t
big_endian(const unsigned char *p, int n)
{
	uint64_t u = 0;

	while (n-- > 0)
		u = u << 8 | *p++;
	return u;
}

/* the tokens whose first byte is c0 .. df: type and the bytes that follow; size 0 in the forbidden ones */
static const struct {
	enum bp_token_type type;
	int size;
} wide[32] = {
	[0xc4 - 0xc0] = { BP_T_BIN, 1 },
	{ BP_T_BIN, 2 },
	{ BP_T_BIN, 4 },
	[0xca - 0xc0] = { BP_T_REAL, 4 },
	{ BP_T_REAL, 8 },
	[0xcc - 0xc0] = { BP_T_HUGE, 1 },
	{ BP_T_HUGE, 2 },
	{ BP_T_HUGE, 4 },
	{ BP_T_HUGE, 8 },
	[0xd0 - 0xc0] = { BP_T_INT, 1 },
	{ BP_T_INT, 2 },
	{ BP_T_INT, 4 },
	{ BP_T_INT, 8 },
	[0xd9 - 0xc0] = { BP_T_STR, 1 },
	{ BP_T_STR, 2 },
	{ BP_T_STR, 4 },
	[0xdc - 0xc0] = { BP_T_ARR, 2 },
	{ BP_T_ARR, 4 },
	{ BP_T_MAP, 2 },
	{ BP_T_MAP, 4 },
};

static int
wide_token(struct bp_reader *r, unsigned char c, struct bp_token *t)
{
	const unsigned char *p;
	int size = wide[c - 0xc0].size;
	uint64_t u;

	if (!size)
		return BP_RD_BAD(r, "is the stream damaged?", "byte 0x%02x is no value that a stream may hold", c);
	BP_TRY(take(r, (size_t)size, &p));
	u = big_endian(p, size);
	t->type = wide[c - 0xc0].type;
	switch (t->type) {
	case BP_T_REAL:
		if (size == 4) {
			uint32_t w = (uint32_t)u;
			float f;
			memcpy(&f, &w, 4);
			t->f = f;
		} else {
			memcpy(&t->f, &u, 8);
		}
		break;
	case BP_T_HUGE:
		t->u = u;
		t->i = (int64_t)u;
		if (u <= INT64_MAX)
			t->type = BP_T_INT;
		break;
	case BP_T_INT:
		t->i = size == 8 ? (int64_t)u : size == 4 ? (int32_t)u : size == 2 ? (int16_t)u : (int8_t)u;
		break;
	default:
		t->n = (uint32_t)u;
	}
	return BP_OK;
}

int
bp_rd_token(struct bp_reader *r, struct bp_token *t)
{
	const unsigned char *p;
	unsigned char c;

	BP_TRY(take(r, 1, &p));
	c = *p;
	*t = (struct bp_token) { 0 };
	if (c < 0x80 || c >= 0xe0) {
		t->type = BP_T_INT;
		t->i = (int8_t)c;
	} else if (c < 0xc0) {
		t->type = c < 0x90 ? BP_T_MAP : c < 0xa0 ? BP_T_ARR : BP_T_STR;
		t->n = c & (c < 0xa0 ? 15 : 31);
	} else if (c == 0xc2 || c == 0xc3) {
		t->type = BP_T_BOOL;
		t->i = c == 0xc3;
	} else if (c != 0xc0) {
		return wide_token(r, c, t);
	}
	return BP_OK;
}

/* ---- values ---- */

static int
new_value(struct bp_reader *r, struct bp_val **ret)
{
	if (++r->values > BP_PACK_VALUES)
		return BP_RD_BAD(r, NULL, "more than %d values beside the tensors", BP_PACK_VALUES);
	if (!r->slab_left) {
		r->slab_left = r->values < 64 ? 16 : 256;
		BP_NEW(r->slab, r->slab_left, r->mem, r->err);
	}
	*ret = r->slab++;
	r->slab_left--;
	return BP_OK;
}

static int
string(struct bp_reader *r, struct bp_val *v, uint32_t n)
{
	struct bp_bytes b = { 0 };
	char *p;

	BP_TRY(bp_rd_receive(r, &b, n, NULL));
	p = b.p ? bp_grow(r->mem, b.p, b.cap, b.n + 1, r->err) : bp_alloc(r->mem, 1, r->err);
	if (!p)
		return BP_EMEM;
	p[b.n] = 0;
	v->u.s = p;
	v->n = b.n;
	return BP_OK;
}

int
bp_rd_value(struct bp_reader *r, struct bp_val **ret, int depth)
{
	struct bp_token t;
	struct bp_val *v = NULL, *a, *b;

	if (depth > BP_PACK_DEPTH)
		return BP_RD_BAD(r, NULL, "lists and mappings nested more than %d deep", BP_PACK_DEPTH);
	BP_TRY(new_value(r, &v));
	BP_TRY(bp_rd_token(r, &t));
	switch (t.type) {
	case BP_T_NIL:
		v->type = BP_NIL;
		break;
	case BP_T_BOOL:
		v->type = BP_BOOL;
		v->u.b = t.i;
		break;
	case BP_T_INT:
		v->type = BP_INT;
		v->u.i = t.i;
		break;
	case BP_T_HUGE:
		return BP_RD_BAD(r, NULL, "the number %llu is above 2^63 - 1", (unsigned long long)t.u);
	case BP_T_REAL:
		v->type = BP_REAL;
		v->u.f = t.f;
		break;
	case BP_T_STR:
	case BP_T_BIN:
		v->type = t.type == BP_T_STR ? BP_STR : BP_BIN;
		BP_TRY(string(r, v, t.n));
		break;
	case BP_T_ARR:
		v->type = BP_ARR;
		for (; t.n > 0; t.n--) {
			BP_TRY(bp_rd_value(r, &a, depth + 1));
			BP_TRY(bp_val_push(v, a, r->mem, r->err));
		}
		break;
	case BP_T_MAP:
		v->type = BP_MAP;
		for (; t.n > 0; t.n--) {
			BP_TRY(bp_rd_value(r, &a, depth + 1));
			BP_TRY(bp_rd_value(r, &b, depth + 1));
			BP_TRY(bp_val_pair(v, a, b, r->mem, r->err));
		}
	}
	*ret = v;
	return BP_OK;
}

int
bp_rd_word(struct bp_reader *r, const char *what, const char **ret)
{
	struct bp_val *v;

	BP_TRY(bp_rd_value(r, &v, 0));
	if ((v->type != BP_STR && v->type != BP_BIN) || memchr(v->u.s, 0, v->n))
		return BP_RD_BAD(r, NULL, "%s is %s, wanted a string", what, bp_vtype_name(v->type));
	*ret = v->u.s;
	return BP_OK;
}
