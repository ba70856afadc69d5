/* Writing, and the checksum, of tensor/safetensors.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_STATIC_LINKING_ONLY /* its state as a complete type */
#include <xxhash.h>

#include "base/newfile.h"
#include "tensor/safetensors.h"

/* In the header stands "xxh64": "DIGITS". No tensor's entry looks so, and inside a string the quotes would be escaped.
 */
#define MARK "\"xxh64\": \""
#define ZEROS "0000000000000000"
enum { DIGITS = 16 };

struct bp_st_out {
	struct bp_newfile file;
	struct bp_arena *mem;
	size_t *bytes; /* [n] of each tensor */
	int n, at;     /* tensors; the one being written */
	size_t done;   /* bytes of it                    */
	long digits;   /* where the checksum goes        */
	XXH64_state_t sum;
};

static const char *
find_digits(const char *header, size_t n)
{
	const char *p = memmem(header, n, MARK, strlen(MARK));

	return p && (size_t)(header + n - p) >= strlen(MARK) + DIGITS ? p + strlen(MARK) : NULL;
}

int
bp_st_verify(const struct bp_st *s, bool *has, struct bp_err *err)
{
	size_t size, head;
	const char *map = bp_st_bytes(s, &size, &head), *at = find_digits(map + 8, head);
	XXH64_state_t sum;
	char hex[DIGITS + 1];

	*has = at && bp_val_get(bp_st_metadata(s), "xxh64");
	if (!*has)
		return BP_OK;
	XXH64_reset(&sum, 0);
	XXH64_update(&sum, map, (size_t)(at - map));
	XXH64_update(&sum, ZEROS, DIGITS);
	XXH64_update(&sum, at + DIGITS, size - (size_t)(at - map) - DIGITS);
	snprintf(hex, sizeof hex, "%016llx", (unsigned long long)XXH64_digest(&sum));
	if (memcmp(hex, at, DIGITS) != 0)
		return BP_FAIL(err, BP_EINPUT, "fetch or import it again", "%s is damaged: checksum %s, wanted %.16s",
		    bp_st_path(s), hex, at);
	return BP_OK;
}

/* {"dtype": .., "shape": [..], "data_offsets": [at, at + bytes]} */
static int
entry(
    struct bp_val **ret, const struct bp_tensor *t, int64_t at, size_t bytes, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_val *e = bp_val_map(mem, err), *shape = bp_val_arr(mem, err), *off = bp_val_arr(mem, err);

	for (int k = 0; k < t->ndim; k++)
		BP_TRY(bp_val_push(shape, bp_val_int(mem, t->shape[k], err), mem, err));
	BP_TRY(bp_val_push(off, bp_val_int(mem, at, err), mem, err));
	BP_TRY(bp_val_push(off, bp_val_int(mem, at + (int64_t)bytes, err), mem, err));
	BP_TRY(bp_val_set(e, "dtype", bp_val_str(mem, bp_dtype_safetensors(t->dtype), err), mem, err));
	BP_TRY(bp_val_set(e, "shape", shape, mem, err));
	BP_TRY(bp_val_set(e, "data_offsets", off, mem, err));
	*ret = e;
	return BP_OK;
}

/* the JSON header; fills o->bytes */
static int
header(struct bp_val **ret, struct bp_st_out *o, const struct bp_named *t, const struct bp_val *metadata,
    struct bp_err *err)
{
	struct bp_arena *mem = o->mem;
	struct bp_val *m = bp_val_map(mem, err), *e;
	int64_t at = 0;

	*ret = bp_val_map(mem, err);
	for (size_t i = 0; i < bp_val_count(metadata); i++)
		BP_TRY(bp_val_pair(m, metadata->u.item[2 * i], metadata->u.item[2 * i + 1], mem, err));
	BP_TRY(bp_val_set(m, "xxh64", bp_val_str(mem, ZEROS, err), mem, err));
	BP_TRY(bp_val_set(*ret, "__metadata__", m, mem, err));
	for (int i = 0; i < o->n; i++) {
		bp_assert(bp_tensor_bytes(&o->bytes[i], t[i].t->dtype, t[i].t->ndim, t[i].t->shape));
		BP_TRY(entry(&e, t[i].t, at, o->bytes[i], mem, err));
		BP_TRY(bp_val_pair(*ret, bp_val_str(mem, t[i].name, err), e, mem, err));
		at += (int64_t)o->bytes[i]; /* other readers refuse gaps */
	}
	return BP_OK;
}

static int
put(struct bp_st_out *o, const void *p, size_t n, struct bp_err *err)
{
	errno = 0;
	XXH64_update(&o->sum, p, n);
	return fwrite(p, 1, n, o->file.f) == n ? BP_OK : bp_newfile_failed(&o->file, err);
}

static int
put_header(struct bp_st_out *o, const struct bp_val *h, struct bp_err *err)
{
	unsigned char len[8];
	char *text = NULL;
	size_t size = 0, padded;
	FILE *m = open_memstream(&text, &size);
	int st = BP_EMEM;

	if (!m || bp_json_write(m, h, 0) != BP_OK || fclose(m) != 0) {
		BP_FAIL(err, st, NULL, "%s: no memory for its header", o->file.path);
	} else {
		padded = (size + 7) / 8 * 8; /* with blanks */
		for (int i = 0; i < 8; i++)
			len[i] = (unsigned char)((uint64_t)padded >> 8 * i);
		o->digits = 8 + (find_digits(text, size) - text);
		if ((st = put(o, len, 8, err)) == BP_OK && (st = put(o, text, size, err)) == BP_OK)
			st = put(o, "        ", padded - size, err);
	}
	free(text);
	return st;
}

/* past tensors that are complete, be they empty */
static void
advance(struct bp_st_out *o)
{
	for (; o->at < o->n && o->done == o->bytes[o->at]; o->at++)
		o->done = 0;
}

static int
open_out(
    struct bp_st_out *o, const char *path, const struct bp_named *t, const struct bp_val *metadata, struct bp_err *err)
{
	struct bp_val *h;

	BP_NEW(o->bytes, o->n + 1, o->mem, err);
	BP_TRY(header(&h, o, t, metadata, err));
	BP_TRY(bp_newfile_open(&o->file, path, o->mem, err));
	XXH64_reset(&o->sum, 0);
	BP_TRY(put_header(o, h, err));
	advance(o);
	return BP_OK;
}

int
bp_st_out_open(struct bp_st_out **ret, const char *path, const struct bp_named *t, int n, const struct bp_val *metadata,
    struct bp_err *err)
{
	struct bp_st_out *o = calloc(1, sizeof *o);
	int st;

	*ret = NULL;
	if (!o)
		return BP_FAIL(err, BP_EMEM, NULL, "no memory to write %s", path);
	o->n = n;
	if ((st = bp_arena_open(&o->mem, 0, err)) == BP_OK)
		st = open_out(o, path, t, metadata, err);
	if (st == BP_OK)
		*ret = o;
	else
		bp_st_out_close(o);
	return st;
}

int
bp_st_put(struct bp_st_out *o, const void *p, size_t n, struct bp_err *err)
{
	const char *c = p;

	while (n > 0) {
		size_t now;
		bp_assert(o->at < o->n);
		now = n < o->bytes[o->at] - o->done ? n : o->bytes[o->at] - o->done;
		BP_TRY(put(o, c, now, err));
		o->done += now;
		c += now;
		n -= now;
		advance(o);
	}
	return BP_OK;
}

int
bp_st_end(struct bp_st_out *o, struct bp_err *err)
{
	FILE *f = o->file.f;

	bp_assert(o->at == o->n);
	errno = 0;
	if (fseek(f, o->digits, SEEK_SET) != 0
	    || fprintf(f, "%016llx", (unsigned long long)XXH64_digest(&o->sum)) != DIGITS)
		return bp_newfile_failed(&o->file, err);
	return bp_newfile_end(&o->file, err);
}

void
bp_st_out_close(struct bp_st_out *o)
{
	if (!o)
		return;
	bp_newfile_close(&o->file);
	bp_arena_close(o->mem);
	free(o);
}

int
bp_st_order(struct bp_named *to, int *from, const struct bp_named *t, int n)
{
	int k = 0;

	for (size_t size = 8; size > 0; size /= 2)
		for (int i = 0; i < n; i++)
			if (bp_dtype_size(t[i].t->dtype) == size) {
				if (from)
					from[k] = i;
				to[k++] = t[i];
			}
	return k;
}

int
bp_st_write(const char *path, const struct bp_named *t, int n, const struct bp_val *metadata, struct bp_err *err)
{
	struct bp_named *order = malloc(((size_t)n + 1) * sizeof *order);
	struct bp_st_out *o = NULL;
	int st;

	if (!order)
		return BP_FAIL(err, BP_EMEM, NULL, "no memory to write %s", path);
	bp_assert(bp_st_order(order, NULL, t, n) == n);
	st = bp_st_out_open(&o, path, order, n, metadata, err);
	for (int i = 0; i < n && st == BP_OK; i++)
		st = bp_st_put(o, order[i].t->data, o->bytes[i], err);
	if (st == BP_OK)
		st = bp_st_end(o, err);
	bp_st_out_close(o);
	free(order);
	return st;
}
