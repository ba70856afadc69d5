/* The reader of stream/pack.h. From the bottom: bytes, tokens, values, tensors, records. */
#include <stdio.h>
#include <string.h>

#include "stream/pack.h"

enum { STEP = 1 << 20 }; /* memory taken ahead of the bytes, and how much is summed while it is in the cache */

struct reader {
	struct bp_src *s;
	struct bp_arena *mem;
	struct bp_err *err;
	const char *tensor;  /* being read, or NULL: for messages */
	bool full;           /* no memory: its tensors are skipped */
	struct bp_mark before_tensors;
	struct bp_val *slab; /* values are taken from here        */
	int slab_left, values;
};

enum token_type { T_NIL, T_BOOL, T_INT, T_HUGE, T_REAL, T_STR, T_BIN, T_ARR, T_MAP };

struct token {
	enum token_type type;
	int64_t i; /* BOOL, INT                      */
	uint64_t u; /* HUGE: above INT64_MAX          */
	double f;  /* REAL                           */
	uint32_t n; /* bytes, items or pairs to come  */
};

/* a run of bytes at the arena's end */
struct bytes {
	char *p;
	size_t n, cap;
};

static const char *
where(const struct reader *r, char buf[320])
{
	snprintf(buf, 320, "%.150s: record %lld%s%.120s", r->s->name, (long long)r->s->record, r->tensor ? ", tensor " : "",
	    r->tensor ? r->tensor : "");
	return buf;
}

#define BAD(r, hint, fmt, ...) BP_FAIL((r)->err, BP_ESTREAM, hint, "%s: " fmt, where(r, (char[320]){ 0 }), ##__VA_ARGS__)

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

static int
cut(struct reader *r)
{
	return BAD(r, "the program that wrote it ended early: see its messages", "the stream is cut");
}

static int
claim(struct reader *r, uint64_t n)
{
	if (n > r->s->left)
		return BAD(r, NULL, "larger than %.1f GiB", (double)r->s->limit / 1073741824.0);
	r->s->left -= n;
	return BP_OK;
}

/* p: the next n <= 16 bytes */
static int
take(struct reader *r, size_t n, const unsigned char **p)
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
				return cut(r);
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
skip(struct reader *r, size_t n)
{
	struct bp_src *s = r->s;

	for (size_t now; n > 0; n -= now) {
		int st = bp_src_more(s, r->err);
		if (st != BP_OK)
			return st == BP_EOS ? cut(r) : st;
		now = n < s->end - s->at ? n : s->end - s->at;
		s->at += now;
	}
	return BP_OK;
}

/* A tensor does not fit: give back what this record's tensors took and go on without, so that its id is known and the
 * stream can be read on behind it. */
static void
give_up_tensors(struct reader *r)
{
	bp_arena_release(r->mem, r->before_tensors);
	r->full = true;
	r->tensor = NULL;
	r->slab_left = 0;
}

/* Append n bytes to b and to sum. The room doubles as bytes arrive: n alone never makes us take memory. */
static int
receive(struct reader *r, struct bytes *b, size_t n, XXH64_state_t *sum)
{
	struct bp_src *s = r->s;

	bool head = sum == &s->head;

	BP_TRY(claim(r, n));
	if (r->full && !head)
		return skip(r, n);
	while (n > 0) {
		size_t got, want;
		if (b->n == b->cap) {
			size_t more = b->cap > STEP ? b->cap : STEP;
			if (more > n)
				more = n;
			b->p = b->p ? bp_grow(r->mem, b->p, b->cap, b->cap + more, r->err) : bp_alloc(r->mem, more, r->err);
			if (!b->p && head)
				return BP_EMEM;
			if (!b->p) {
				give_up_tensors(r);
				return skip(r, n);
			}
			b->cap += more;
		}
		want = b->cap - b->n < STEP ? b->cap - b->n : STEP;
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
			return cut(r);
		XXH64_update(sum, b->p + b->n, got);
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
	enum token_type type;
	int size;
} wide[32] = {
	[0xc4 - 0xc0] = { T_BIN, 1 }, { T_BIN, 2 }, { T_BIN, 4 },
	[0xca - 0xc0] = { T_REAL, 4 }, { T_REAL, 8 },
	[0xcc - 0xc0] = { T_HUGE, 1 }, { T_HUGE, 2 }, { T_HUGE, 4 }, { T_HUGE, 8 },
	[0xd0 - 0xc0] = { T_INT, 1 }, { T_INT, 2 }, { T_INT, 4 }, { T_INT, 8 },
	[0xd9 - 0xc0] = { T_STR, 1 }, { T_STR, 2 }, { T_STR, 4 },
	[0xdc - 0xc0] = { T_ARR, 2 }, { T_ARR, 4 }, { T_MAP, 2 }, { T_MAP, 4 },
};

static int
wide_token(struct reader *r, unsigned char c, struct token *t)
{
	const unsigned char *p;
	int size = wide[c - 0xc0].size;
	uint64_t u;

	if (!size)
		return BAD(r, "is the stream damaged?", "byte 0x%02x is no value that a stream may hold", c);
	BP_TRY(take(r, (size_t)size, &p));
	u = big_endian(p, size);
	t->type = wide[c - 0xc0].type;
	switch (t->type) {
	case T_REAL:
		if (size == 4) {
			uint32_t w = (uint32_t)u;
			float f;
			memcpy(&f, &w, 4);
			t->f = f;
		} else {
			memcpy(&t->f, &u, 8);
		}
		break;
	case T_HUGE:
		t->u = u;
		t->i = (int64_t)u;
		if (u <= INT64_MAX)
			t->type = T_INT;
		break;
	case T_INT:
		t->i = size == 8 ? (int64_t)u : size == 4 ? (int32_t)u : size == 2 ? (int16_t)u : (int8_t)u;
		break;
	default:
		t->n = (uint32_t)u;
	}
	return BP_OK;
}

static int
token(struct reader *r, struct token *t)
{
	const unsigned char *p;
	unsigned char c;

	BP_TRY(take(r, 1, &p));
	c = *p;
	*t = (struct token){ 0 };
	if (c < 0x80 || c >= 0xe0) {
		t->type = T_INT;
		t->i = (int8_t)c;
	} else if (c < 0xc0) {
		t->type = c < 0x90 ? T_MAP : c < 0xa0 ? T_ARR : T_STR;
		t->n = c & (c < 0xa0 ? 15 : 31);
	} else if (c == 0xc2 || c == 0xc3) {
		t->type = T_BOOL;
		t->i = c == 0xc3;
	} else if (c != 0xc0) {
		return wide_token(r, c, t);
	}
	return BP_OK;
}

/* ---- values ---- */

static int
new_value(struct reader *r, struct bp_val **ret)
{
	if (++r->values > BP_PACK_VALUES)
		return BAD(r, NULL, "more than %d values beside the tensors", BP_PACK_VALUES);
	if (!r->slab_left) {
		r->slab_left = r->values < 64 ? 16 : 256;
		BP_NEW(r->slab, r->slab_left, r->mem, r->err);
	}
	*ret = r->slab++;
	r->slab_left--;
	return BP_OK;
}

static int
string(struct reader *r, struct bp_val *v, uint32_t n)
{
	struct bytes b = { 0 };
	char *p;

	BP_TRY(receive(r, &b, n, &r->s->head));
	p = b.p ? bp_grow(r->mem, b.p, b.cap, b.n + 1, r->err) : bp_alloc(r->mem, 1, r->err);
	if (!p)
		return BP_EMEM;
	p[b.n] = 0;
	v->u.s = p;
	v->n = b.n;
	return BP_OK;
}

static int
value(struct reader *r, struct bp_val **ret, int depth)
{
	struct token t;
	struct bp_val *v = NULL, *a, *b;

	if (depth > BP_PACK_DEPTH)
		return BAD(r, NULL, "lists and mappings nested more than %d deep", BP_PACK_DEPTH);
	BP_TRY(new_value(r, &v));
	BP_TRY(token(r, &t));
	switch (t.type) {
	case T_NIL:
		v->type = BP_NIL;
		break;
	case T_BOOL:
		v->type = BP_BOOL;
		v->u.b = t.i;
		break;
	case T_INT:
		v->type = BP_INT;
		v->u.i = t.i;
		break;
	case T_HUGE:
		return BAD(r, NULL, "the number %llu is above 2^63 - 1", (unsigned long long)t.u);
	case T_REAL:
		v->type = BP_REAL;
		v->u.f = t.f;
		break;
	case T_STR:
	case T_BIN:
		v->type = t.type == T_STR ? BP_STR : BP_BIN;
		BP_TRY(string(r, v, t.n));
		break;
	case T_ARR:
		v->type = BP_ARR;
		for (; t.n > 0; t.n--) {
			BP_TRY(value(r, &a, depth + 1));
			BP_TRY(bp_val_push(v, a, r->mem, r->err));
		}
		break;
	case T_MAP:
		v->type = BP_MAP;
		for (; t.n > 0; t.n--) {
			BP_TRY(value(r, &a, depth + 1));
			BP_TRY(value(r, &b, depth + 1));
			BP_TRY(bp_val_pair(v, a, b, r->mem, r->err));
		}
	}
	*ret = v;
	return BP_OK;
}

/* a string without NUL inside: keys and names */
static int
word(struct reader *r, const char *what, const char **ret)
{
	struct bp_val *v;

	BP_TRY(value(r, &v, 0));
	if ((v->type != BP_STR && v->type != BP_BIN) || memchr(v->u.s, 0, v->n))
		return BAD(r, NULL, "%s is %s, wanted a string", what, bp_vtype_name(v->type));
	*ret = v->u.s;
	return BP_OK;
}

/* ---- tensors ---- */

/* what a tensor's map has said so far */
struct coded {
	const char *type, *kind, *dtype;
	const struct bp_val *nd, *shape;
	struct bytes data;
	bool has_data, has_sum;
	uint64_t sum;
	XXH64_state_t state; /* of the data */
};

/* `data`, a bin, or `parts`, an array of bins */
static int
tensor_data(struct reader *r, struct coded *c, bool parts)
{
	struct token t;
	uint32_t n = 1;

	if (c->has_data)
		return BAD(r, NULL, "has its data twice");
	c->has_data = true;
	XXH64_reset(&c->state, 0);
	if (parts) {
		BP_TRY(token(r, &t));
		if (t.type != T_ARR)
			return BAD(r, NULL, "'parts' is no list");
		n = t.n;
	}
	for (; n > 0; n--) {
		BP_TRY(token(r, &t));
		if (t.type != T_BIN && t.type != T_STR)
			return BAD(r, NULL, "its data are not binary");
		BP_TRY(receive(r, &c->data, t.n, &c->state));
	}
	if (!r->full && !c->data.p && !(c->data.p = bp_alloc(r->mem, 0, r->err)))
		return BP_EMEM;
	return BP_OK;
}

static int
tensor_field(struct reader *r, struct coded *c)
{
	struct token t;
	struct bp_val *v;
	const char *key;

	BP_TRY(word(r, "a key", &key));
	if (strcmp(key, "data") == 0 || strcmp(key, "parts") == 0)
		return tensor_data(r, c, key[0] == 'p');
	if (strcmp(key, "xxh64") == 0) {
		BP_TRY(token(r, &t));
		if (t.type != T_INT && t.type != T_HUGE)
			return BAD(r, NULL, "its checksum is no number");
		c->sum = (uint64_t)t.i;
		c->has_sum = true;
		return BP_OK;
	}
	if (strcmp(key, "type") == 0)
		return word(r, "its type", &c->type);
	if (strcmp(key, "kind") == 0)
		return word(r, "its kind", &c->kind);
	if (strcmp(key, "dtype") == 0)
		return word(r, "its dtype", &c->dtype);
	BP_TRY(value(r, &v, 0));
	if (strcmp(key, "nd") == 0)
		c->nd = v;
	else if (strcmp(key, "shape") == 0)
		c->shape = v;
	return BP_OK; /* other keys are ignored */
}

static int
tensor_dtype(struct reader *r, const struct coded *c, enum bp_dtype *ret)
{
	if (c->kind && strcmp(c->kind, "O") == 0)
		return BAD(r, "store plain numbers", "a pickled object, which is never read");
	if (!c->type || (c->kind && c->kind[0]) || bp_dtype_from(ret, c->type) != BP_OK)
		return BAD(r, c->type && c->type[0] == '>' ? "write it little-endian" : NULL, "type '%.20s' is not known",
		    c->type ? c->type : "");
	if (c->dtype && strcmp(c->dtype, "bfloat16") == 0 && *ret == BP_U16)
		*ret = BP_BF16;
	else if (c->dtype && strcmp(c->dtype, bp_dtype_name(*ret)) != 0)
		return BAD(r, NULL, "dtype '%.20s' does not go with type '%.20s'", c->dtype, c->type);
	return BP_OK;
}

/* a plain number where a tensor stands: msgpack codes a NumPy float64 so */
static int
plain_number(struct reader *r, const struct token *n, struct bp_tensor **ret)
{
	if (r->full)
		return BP_OK;
	BP_TRY(bp_tensor_new(ret, n->type == T_REAL ? BP_F64 : n->type == T_INT ? BP_I64 : BP_B8, 0, NULL, r->mem, r->err));
	if (n->type == T_REAL)
		*(double *)(*ret)->data = n->f;
	else if (n->type == T_INT)
		*(int64_t *)(*ret)->data = n->i;
	else
		*(uint8_t *)(*ret)->data = n->i != 0;
	return BP_OK;
}

static int
tensor(struct reader *r, struct bp_tensor **ret)
{
	struct coded c = { 0 };
	struct bp_tensor *t;
	struct token tok;
	size_t bytes;
	char buf[160];

	BP_TRY(token(r, &tok));
	if (tok.type == T_REAL || tok.type == T_INT || tok.type == T_BOOL)
		return plain_number(r, &tok, ret);
	if (tok.type != T_MAP)
		return BAD(r, NULL, "no array as msgpack-numpy codes it");
	for (; tok.n > 0; tok.n--)
		BP_TRY(tensor_field(r, &c));
	if (r->full)
		return BP_OK;
	BP_NEW(t, 1, r->mem, r->err);
	BP_TRY(tensor_dtype(r, &c, &t->dtype));
	/* a NumPy scalar has nd: false and no shape */
	if (!c.nd || c.nd->type != BP_BOOL || !c.has_data || (c.nd->u.b && !bp_val_is(c.shape, BP_ARR)))
		return BAD(r, NULL, "lacks nd, shape or data");
	if (bp_val_count(c.shape) > BP_MAXDIM)
		return BAD(r, NULL, "%zu axes, at most %d are known", bp_val_count(c.shape), BP_MAXDIM);
	t->ndim = (int)bp_val_count(c.shape);
	for (int i = 0; i < t->ndim; i++)
		t->shape[i] = bp_val_i64(bp_val_at(c.shape, (size_t)i), -1);
	if (!bp_tensor_bytes(&bytes, t->dtype, t->ndim, t->shape) || bytes != c.data.n)
		return BAD(r, NULL, "%zu bytes do not make %s %s", c.data.n, bp_dtype_name(t->dtype),
		    bp_shape_str(buf, t->ndim, t->shape));
	if (c.has_sum && XXH64_digest(&c.state) != c.sum)
		return BAD(r, "it was damaged on the way: send it again", "checksum %016llx, wanted %016llx",
		    (unsigned long long)XXH64_digest(&c.state), (unsigned long long)c.sum);
	t->data = c.data.p;
	*ret = t;
	return BP_OK;
}

static int
tensors(struct reader *r, struct bp_rec *rec)
{
	struct token tok;
	struct bp_tensor *t = NULL;
	const char *name;

	BP_TRY(token(r, &tok));
	if (tok.type != T_MAP)
		return BAD(r, NULL, "'tensors' is no mapping");
	if (tok.n > BP_PACK_TENSORS)
		return BAD(r, NULL, "%u tensors, at most %d are read", tok.n, BP_PACK_TENSORS);
	r->before_tensors = bp_arena_mark(r->mem);
	for (; tok.n > 0; tok.n--) {
		BP_TRY(word(r, "a tensor's name", &name));
		if (!r->full && bp_rec_get(rec, name))
			return BAD(r, NULL, "two tensors '%.100s'", name);
		r->tensor = r->full ? NULL : name;
		BP_TRY(tensor(r, &t));
		r->tensor = NULL;
		if (!r->full)
			BP_TRY(bp_rec_put(rec, name, t, r->err));
	}
	if (r->full) {
		rec->tensor = NULL;
		rec->n = rec->cap = 0;
	}
	return BP_OK;
}

/* ---- records ---- */

/* `xxh64` of a record is coded as a NumPy number with the key `of`, so that a program that decodes, changes and encodes the
 * record loses `of`, and the sum, which is no longer right, is not looked at (doc/wire.md). */
static bool
is_sum(const struct bp_val *v)
{
	return bp_val_is(bp_val_get(v, "data"), BP_BIN) && bp_val_get(v, "data")->n == 8
	       && strcmp(bp_val_cstr(bp_val_get(v, "of"), ""), "head") == 0;
}

static int
check_sum(struct reader *r, const struct bp_val *v, uint64_t want)
{
	uint64_t sum = 0;

	if (!is_sum(v))
		return BP_OK;
	for (int i = 7; i >= 0; i--)
		sum = sum << 8 | (unsigned char)bp_val_get(v, "data")->u.s[i];
	if (sum != want)
		return BAD(r, "it was damaged on the way; or changed: then drop its key xxh64", "checksum of the head %016llx, wanted %016llx",
		    (unsigned long long)want, (unsigned long long)sum);
	return BP_OK;
}

static int
record_field(struct reader *r, struct bp_rec *rec, unsigned *seen)
{
	static const char *const known[] = { "boltzpipe", "kind", "id", "index", "meta", "trail", "xxh64", "tensors" };
	enum { VERSION, KIND, ID, INDEX, META, TRAIL, SUM, TENSORS, OTHER };
	XXH64_state_t head = r->s->head; /* before the key */
	struct bp_val *key, *v;
	int k = 0;

	BP_TRY(value(r, &key, 0));
	if (key->type != BP_STR && key->type != BP_BIN)
		return BAD(r, NULL, "a key is %s, wanted a string", bp_vtype_name(key->type));
	while (k < OTHER && (key->n != strlen(known[k]) || memcmp(key->u.s, known[k], key->n) != 0))
		k++;
	if (k < OTHER && (*seen & 1u << k))
		return BAD(r, NULL, "'%s' twice", known[k]);
	if (k < OTHER)
		*seen |= 1u << k;
	if (k == TENSORS)
		return tensors(r, rec);
	if (k == KIND) {
		BP_TRY(word(r, "'kind'", &rec->kind_name));
		rec->kind = bp_kind_from(rec->kind_name);
		return BP_OK;
	}
	if (k == ID)
		return word(r, "'id'", &rec->id);
	BP_TRY(value(r, &v, 1));
	if ((k == VERSION || k == INDEX) && v->type != BP_INT)
		return BAD(r, NULL, "'%s' is %s, wanted a whole number", known[k], bp_vtype_name(v->type));
	if ((k == META && v->type != BP_MAP) || (k == TRAIL && v->type != BP_ARR))
		return BAD(r, NULL, "'%s' is %s", known[k], bp_vtype_name(v->type));
	switch (k) {
	case VERSION:
		if (v->u.i != 1)
			return BAD(r, "install one version of boltzpipe everywhere", "format version %lld, this program reads 1",
			    (long long)v->u.i);
		break;
	case INDEX:
		rec->index = v->u.i;
		break;
	case META:
		rec->meta = v;
		break;
	case TRAIL:
		rec->trail = v;
		break;
	case SUM:
		return check_sum(r, v, XXH64_digest(&head));
	default:
		if (is_sum(v))
			return BAD(r, NULL, "the checksum's key is damaged");
		return bp_val_pair(rec->extra, key, v, r->mem, r->err);
	}
	return BP_OK;
}

static int
no_stream(struct reader *r)
{
	static const struct {
		const char *bytes, *hint;
	} known[] = { { "\x1f\x8b", "it is gzipped: put 'zcat FILE |' in front" }, { "PK", "it is a zip file" },
		{ "{", "it looks like JSON" } };
	const unsigned char *p = r->s->buf + r->s->at;
	size_t n = r->s->end - r->s->at;
	const char *hint = "give the output of a boltzpipe program";

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (n >= strlen(known[i].bytes) && memcmp(p, known[i].bytes, strlen(known[i].bytes)) == 0)
			hint = known[i].hint;
	if (n > 8 && p[8] == '{')
		hint = "it looks like a safetensors file";
	return BAD(r, hint, "no boltzpipe record (it starts with byte 0x%02x)", *p);
}

static void
begin(struct reader *r, struct bp_src *s, struct bp_arena *mem, struct bp_err *err)
{
	*r = (struct reader){ .s = s, .mem = mem, .err = err };
	s->left = s->limit;
	XXH64_reset(&s->head, 0);
}

int
bp_unpack_rec(struct bp_rec **ret, struct bp_src *s, struct bp_arena *mem, struct bp_err *err)
{
	struct reader r;
	struct bp_rec *rec;
	struct token t;
	unsigned seen = 0;
	int st;

	*ret = NULL;
	begin(&r, s, mem, err);
	if ((st = bp_src_more(s, err)) != BP_OK)
		return st == BP_EOS ? cut(&r) : st;
	if (s->buf[s->at] < 0x80 || (s->buf[s->at] >= 0x90 && s->buf[s->at] != 0xde && s->buf[s->at] != 0xdf))
		return no_stream(&r);
	BP_TRY(token(&r, &t));
	BP_TRY(bp_rec_new(&rec, BP_OTHER, "", mem, err));
	for (; t.n > 0; t.n--)
		BP_TRY(record_field(&r, rec, &seen));
	if ((seen & 3) != 3)
		return BAD(&r, NULL, "no boltzpipe record: it lacks the keys 'boltzpipe' or 'kind'");
	rec->received = true;
	*ret = rec;
	return r.full ? BP_EMEM : BP_OK;
}

int
bp_unpack_val(struct bp_val **ret, struct bp_src *s, struct bp_arena *mem, struct bp_err *err)
{
	struct reader r;

	*ret = NULL;
	begin(&r, s, mem, err);
	return value(&r, ret, 0);
}
