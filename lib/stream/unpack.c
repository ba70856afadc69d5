/* The reader of stream/pack.h: tensors and records. */
#include <string.h>

#include "stream/reader.h"

/* ---- tensors ---- */

/* what a tensor's map has said so far */
struct coded {
	const char *type, *kind, *dtype;
	const struct bp_val *nd, *shape;
	struct bp_bytes data;
	bool has_data, has_sum;
	uint64_t sum, want; /* of the data; as it says */
};

static int
next_bin(struct bp_reader *r, uint32_t *n)
{
	struct bp_token t;

	BP_TRY(bp_rd_token(r, &t));
	if (t.type != BP_T_BIN && t.type != BP_T_STR)
		return BP_RD_BAD(r, NULL, "its data are not binary");
	*n = t.n;
	return BP_OK;
}

/* `data`, a bin, or `parts`, an array of bins */
static int
tensor_data(struct bp_reader *r, struct coded *c, bool parts)
{
	struct bp_sum sum;
	struct bp_token t;
	uint32_t n = 0;
	int st = BP_OK;

	if (c->has_data)
		return BP_RD_BAD(r, NULL, "has its data twice");
	c->has_data = true;
	if (parts) {
		BP_TRY(bp_rd_token(r, &t));
		if (t.type != BP_T_ARR)
			return BP_RD_BAD(r, NULL, "'parts' is no list");
		bp_sum_begin(&sum, SIZE_MAX); /* there are parts as it is large */
		for (; t.n > 0 && st == BP_OK; t.n--)
			if ((st = next_bin(r, &n)) == BP_OK)
				st = bp_rd_receive(r, &c->data, n, &sum);
	} else {
		BP_TRY(next_bin(r, &n));
		bp_sum_begin(&sum, n);
		st = bp_rd_receive(r, &c->data, n, &sum);
	}
	c->sum = bp_sum_end(&sum);
	if (st == BP_OK && !r->full && !c->data.p && !(c->data.p = bp_alloc(r->mem, 0, r->err)))
		return BP_EMEM;
	return st;
}

static int
tensor_field(struct bp_reader *r, struct coded *c)
{
	struct bp_token t;
	struct bp_val *v;
	const char *key;

	BP_TRY(bp_rd_word(r, "a key", &key));
	if (strcmp(key, "data") == 0 || strcmp(key, "parts") == 0)
		return tensor_data(r, c, key[0] == 'p');
	if (strcmp(key, "xxh64") == 0) {
		BP_TRY(bp_rd_token(r, &t));
		if (t.type != BP_T_INT && t.type != BP_T_HUGE)
			return BP_RD_BAD(r, NULL, "its checksum is no number");
		c->want = (uint64_t)t.i;
		c->has_sum = true;
		return BP_OK;
	}
	if (strcmp(key, "type") == 0)
		return bp_rd_word(r, "its type", &c->type);
	if (strcmp(key, "kind") == 0)
		return bp_rd_word(r, "its kind", &c->kind);
	if (strcmp(key, "dtype") == 0)
		return bp_rd_word(r, "its dtype", &c->dtype);
	BP_TRY(bp_rd_value(r, &v, 0));
	if (strcmp(key, "nd") == 0)
		c->nd = v;
	else if (strcmp(key, "shape") == 0)
		c->shape = v;
	return BP_OK; /* other keys are ignored */
}

static int
tensor_dtype(struct bp_reader *r, const struct coded *c, enum bp_dtype *ret)
{
	if (c->kind && strcmp(c->kind, "O") == 0)
		return BP_RD_BAD(r, "store plain numbers", "a pickled object, which is never read");
	if (!c->type || (c->kind && c->kind[0]) || bp_dtype_from(ret, c->type) != BP_OK)
		return BP_RD_BAD(r, c->type && c->type[0] == '>' ? "write it little-endian" : NULL,
		    "type '%.20s' is not known", c->type ? c->type : "");
	if (c->dtype && strcmp(c->dtype, "bfloat16") == 0 && *ret == BP_U16)
		*ret = BP_BF16;
	else if (c->dtype && strcmp(c->dtype, bp_dtype_name(*ret)) != 0)
		return BP_RD_BAD(r, NULL, "dtype '%.20s' does not go with type '%.20s'", c->dtype, c->type);
	return BP_OK;
}

/* a plain number where a tensor stands: msgpack codes a NumPy float64 so */
static int
plain_number(struct bp_reader *r, const struct bp_token *n, struct bp_tensor **ret)
{
	if (r->full)
		return BP_OK;
	BP_TRY(bp_tensor_new(ret,
	    n->type == BP_T_REAL      ? BP_F64
	        : n->type == BP_T_INT ? BP_I64
	                              : BP_B8,
	    0, NULL, r->mem, r->err));
	if (n->type == BP_T_REAL)
		*(double *)(*ret)->data = n->f;
	else if (n->type == BP_T_INT)
		*(int64_t *)(*ret)->data = n->i;
	else
		*(uint8_t *)(*ret)->data = n->i != 0;
	return BP_OK;
}

static int
tensor(struct bp_reader *r, struct bp_tensor **ret)
{
	struct coded c = { 0 };
	struct bp_tensor *t;
	struct bp_token tok;
	size_t bytes;
	char buf[160];

	BP_TRY(bp_rd_token(r, &tok));
	if (tok.type == BP_T_REAL || tok.type == BP_T_INT || tok.type == BP_T_BOOL)
		return plain_number(r, &tok, ret);
	if (tok.type != BP_T_MAP)
		return BP_RD_BAD(r, NULL, "no array as msgpack-numpy codes it");
	for (; tok.n > 0; tok.n--)
		BP_TRY(tensor_field(r, &c));
	if (r->full)
		return BP_OK;
	BP_NEW(t, 1, r->mem, r->err);
	BP_TRY(tensor_dtype(r, &c, &t->dtype));
	/* a NumPy scalar has nd: false and no shape */
	if (!c.nd || c.nd->type != BP_BOOL || !c.has_data || (c.nd->u.b && !bp_val_is(c.shape, BP_ARR)))
		return BP_RD_BAD(r, NULL, "lacks nd, shape or data");
	if (bp_val_count(c.shape) > BP_MAXDIM)
		return BP_RD_BAD(r, NULL, "%zu axes, at most %d are known", bp_val_count(c.shape), BP_MAXDIM);
	t->ndim = (int)bp_val_count(c.shape);
	for (int i = 0; i < t->ndim; i++)
		t->shape[i] = bp_val_i64(bp_val_at(c.shape, (size_t)i), -1);
	if (!bp_tensor_bytes(&bytes, t->dtype, t->ndim, t->shape) || bytes != c.data.n)
		return BP_RD_BAD(r, NULL, "%zu bytes do not make %s %s", c.data.n, bp_dtype_name(t->dtype),
		    bp_shape_str(buf, t->ndim, t->shape));
	if (c.has_sum && c.sum != c.want)
		return BP_RD_BAD(r, "it was damaged on the way: send it again", "checksum %016llx, wanted %016llx",
		    (unsigned long long)c.sum, (unsigned long long)c.want);
	t->data = c.data.p;
	*ret = t;
	return BP_OK;
}

static int
tensors(struct bp_reader *r, struct bp_rec *rec)
{
	struct bp_token tok;
	struct bp_tensor *t = NULL;
	const char *name;

	BP_TRY(bp_rd_token(r, &tok));
	if (tok.type != BP_T_MAP)
		return BP_RD_BAD(r, NULL, "'tensors' is no mapping");
	if (tok.n > BP_PACK_TENSORS)
		return BP_RD_BAD(r, NULL, "%u tensors, at most %d are read", tok.n, BP_PACK_TENSORS);
	r->before_tensors = bp_arena_mark(r->mem);
	for (; tok.n > 0; tok.n--) {
		BP_TRY(bp_rd_word(r, "a tensor's name", &name));
		if (!r->full && bp_rec_get(rec, name))
			return BP_RD_BAD(r, NULL, "two tensors '%.100s'", name);
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

/* `xxh64` of a record is coded as a NumPy number with the key `of`, so that a program that decodes, changes and encodes
 * the record loses `of`, and the sum, which is no longer right, is not looked at (doc/wire.md). */
static bool
is_sum(const struct bp_val *v)
{
	return bp_val_is(bp_val_get(v, "data"), BP_BIN) && bp_val_get(v, "data")->n == 8
	    && strcmp(bp_val_cstr(bp_val_get(v, "of"), ""), "head") == 0;
}

static int
check_sum(struct bp_reader *r, const struct bp_val *v, uint64_t want)
{
	uint64_t sum = 0;

	if (!is_sum(v))
		return BP_OK;
	for (int i = 7; i >= 0; i--)
		sum = sum << 8 | (unsigned char)bp_val_get(v, "data")->u.s[i];
	if (sum != want)
		return BP_RD_BAD(r, "it was damaged on the way; or changed: then drop its key xxh64",
		    "checksum of the head %016llx, wanted %016llx", (unsigned long long)want, (unsigned long long)sum);
	return BP_OK;
}

static int
record_field(struct bp_reader *r, struct bp_rec *rec, unsigned *seen)
{
	static const char *const known[] = { "boltzpipe", "kind", "id", "index", "meta", "trail", "xxh64", "tensors" };
	enum { VERSION, KIND, ID, INDEX, META, TRAIL, SUM, TENSORS, OTHER };
	XXH64_state_t head = r->s->head; /* before the key */
	struct bp_val *key, *v;
	int k = 0;

	BP_TRY(bp_rd_value(r, &key, 0));
	if (key->type != BP_STR && key->type != BP_BIN)
		return BP_RD_BAD(r, NULL, "a key is %s, wanted a string", bp_vtype_name(key->type));
	while (k < OTHER && (key->n != strlen(known[k]) || memcmp(key->u.s, known[k], key->n) != 0))
		k++;
	if (k < OTHER && (*seen & 1u << k))
		return BP_RD_BAD(r, NULL, "'%s' twice", known[k]);
	if (k < OTHER)
		*seen |= 1u << k;
	if (k == TENSORS)
		return tensors(r, rec);
	if (k == KIND) {
		BP_TRY(bp_rd_word(r, "'kind'", &rec->kind_name));
		rec->kind = bp_kind_from(rec->kind_name);
		return BP_OK;
	}
	if (k == ID)
		return bp_rd_word(r, "'id'", &rec->id);
	BP_TRY(bp_rd_value(r, &v, 1));
	if ((k == VERSION || k == INDEX) && v->type != BP_INT)
		return BP_RD_BAD(r, NULL, "'%s' is %s, wanted a whole number", known[k], bp_vtype_name(v->type));
	if ((k == META && v->type != BP_MAP) || (k == TRAIL && v->type != BP_ARR))
		return BP_RD_BAD(r, NULL, "'%s' is %s", known[k], bp_vtype_name(v->type));
	switch (k) {
	case VERSION:
		if (v->u.i != 1)
			return BP_RD_BAD(r, "install one version of boltzpipe everywhere",
			    "format version %lld, this program reads 1", (long long)v->u.i);
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
			return BP_RD_BAD(r, NULL, "the checksum's key is damaged");
		return bp_val_pair(rec->extra, key, v, r->mem, r->err);
	}
	return BP_OK;
}

static int
no_stream(struct bp_reader *r)
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
	return BP_RD_BAD(r, hint, "no boltzpipe record (it starts with byte 0x%02x)", *p);
}

static void
begin(struct bp_reader *r, struct bp_src *s, struct bp_arena *mem, struct bp_err *err)
{
	*r = (struct bp_reader) { .s = s, .mem = mem, .err = err };
	s->left = s->limit;
	XXH64_reset(&s->head, 0);
}

int
bp_unpack_rec(struct bp_rec **ret, struct bp_src *s, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_reader r;
	struct bp_rec *rec;
	struct bp_token t;
	unsigned seen = 0;
	int st;

	*ret = NULL;
	begin(&r, s, mem, err);
	if ((st = bp_src_more(s, err)) != BP_OK)
		return st == BP_EOS ? bp_rd_cut(&r) : st;
	if (s->buf[s->at] < 0x80 || (s->buf[s->at] >= 0x90 && s->buf[s->at] != 0xde && s->buf[s->at] != 0xdf))
		return no_stream(&r);
	BP_TRY(bp_rd_token(&r, &t));
	BP_TRY(bp_rec_new(&rec, BP_OTHER, "", mem, err));
	for (; t.n > 0; t.n--)
		BP_TRY(record_field(&r, rec, &seen));
	if ((seen & 3) != 3)
		return BP_RD_BAD(&r, NULL, "no boltzpipe record: it lacks the keys 'boltzpipe' or 'kind'");
	rec->received = true;
	*ret = rec;
	return r.full ? BP_EMEM : BP_OK;
}

int
bp_unpack_val(struct bp_val **ret, struct bp_src *s, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_reader r;

	*ret = NULL;
	begin(&r, s, mem, err);
	return bp_rd_value(&r, ret, 0);
}
