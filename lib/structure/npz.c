#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "structure/npz.h"
#include "tensor/npy.h"

enum { MAX_NAME = 64, CHUNK = 1 << 20, VERSION = 45, DAY = 0x21 /* 1980-01-01, the first there is */ };

struct entry {
	char name[MAX_NAME + 8]; /* with .npy */
	uint64_t offset, size;
	uint32_t crc;
};

struct bp_npz {
	FILE *f;
	char *where;
	struct entry *e;
	int n, cap;
};

/* little-endian fields put together in a buffer */
struct fields {
	unsigned char b[320];
	size_t n;
};

static void
put_int(struct fields *h, uint64_t v, int bytes)
{
	for (int i = 0; i < bytes; i++, v >>= 8)
		h->b[h->n++] = (unsigned char)v;
}

static void
put_str(struct fields *h, const char *s)
{
	memcpy(h->b + h->n, s, strlen(s));
	h->n += strlen(s);
}

static int
put_bytes(struct bp_npz *z, const void *p, size_t n, struct bp_err *err)
{
	errno = 0;
	if (fwrite(p, 1, n, z->f) != n)
		return BP_FAIL(err, BP_EIO, NULL, "%s: %s", z->where, strerror(errno ? errno : EIO));
	return BP_OK;
}

int
bp_npz_open(struct bp_npz **ret, FILE *f, const char *name, struct bp_err *err)
{
	struct bp_npz *z = calloc(1, sizeof *z);

	*ret = z;
	if (z && (z->where = strdup(name))) {
		z->f = f;
		return BP_OK;
	}
	free(z);
	*ret = NULL;
	return BP_FAIL(err, BP_EMEM, NULL, "%s: no memory for its directory", name);
}

void
bp_npz_close(struct bp_npz *z)
{
	if (!z)
		return;
	free(z->e);
	free(z->where);
	free(z);
}

/* the fields that a local header and the directory share: version to name length */
static void
put_common(struct fields *h, const struct entry *e)
{
	put_int(h, VERSION, 2);
	put_int(h, 0, 2); /* flags */
	put_int(h, 0, 2); /* stored */
	put_int(h, 0, 2); /* time */
	put_int(h, DAY, 2);
	put_int(h, e->crc, 4);
	put_int(h, UINT32_MAX, 4); /* both sizes are in the 64-bit field */
	put_int(h, UINT32_MAX, 4);
	put_int(h, strlen(e->name), 2);
}

static int
put_local_header(struct bp_npz *z, const struct entry *e, struct bp_err *err)
{
	struct fields h = { .n = 0 };

	put_int(&h, 0x04034b50, 4);
	put_common(&h, e);
	put_int(&h, 20, 2);
	put_str(&h, e->name);
	put_int(&h, 1, 2);
	put_int(&h, 16, 2);
	put_int(&h, e->size, 8);
	put_int(&h, e->size, 8);
	return put_bytes(z, h.b, h.n, err);
}

/* data of an entry: summed and written; pieces, as crc32 counts in 32 bits */
static int
put_data(struct bp_npz *z, struct entry *e, const void *data, size_t n, struct bp_err *err)
{
	const unsigned char *p = data;

	for (size_t k; n > 0; p += k, n -= k) {
		k = n < CHUNK ? n : CHUNK;
		e->crc = (uint32_t)crc32(e->crc, p, (uInt)k);
		e->size += k;
		BP_TRY(put_bytes(z, p, k, err));
	}
	return BP_OK;
}

static int
add_entry(struct bp_npz *z, const char *name, struct bp_err *err)
{
	if (z->n == z->cap) {
		int cap = z->cap ? 2 * z->cap : 4;
		struct entry *e = realloc(z->e, (size_t)cap * sizeof *e);
		if (!e)
			return BP_FAIL(err, BP_EMEM, NULL, "%s: no memory for its directory", z->where);
		z->e = e;
		z->cap = cap;
	}
	z->e[z->n] = (struct entry) { .offset = (uint64_t)ftello(z->f) };
	snprintf(z->e[z->n].name, sizeof z->e[z->n].name, "%.64s.npy", name);
	return BP_OK;
}

int
bp_npz_put(struct bp_npz *z, const char *name, const struct bp_tensor *t, struct bp_err *err)
{
	char npy[BP_NPY_HEADER];
	struct entry *e;
	size_t bytes;

	if (t->dtype == BP_BF16)
		return BP_FAIL(err, BP_EUNSUP, "make it float32", "%s: NumPy has no bfloat16", z->where);
	BP_TRY(add_entry(z, name, err));
	e = &z->e[z->n];
	bp_tensor_bytes(&bytes, t->dtype, t->ndim, t->shape);
	BP_TRY(put_local_header(z, e, err));
	BP_TRY(put_data(z, e, npy, bp_npy_header(npy, t), err));
	BP_TRY(put_data(z, e, t->data, bytes, err));
	/* size and checksum are known now: write the header again */
	errno = 0;
	if (fseeko(z->f, (off_t)e->offset, SEEK_SET) != 0 || put_local_header(z, e, err) != BP_OK
	    || fseeko(z->f, 0, SEEK_END) != 0)
		return BP_FAIL(err, BP_EIO, NULL, "%s: %s", z->where, strerror(errno ? errno : EIO));
	z->n++;
	return BP_OK;
}

int
bp_npz_end(struct bp_npz *z, struct bp_err *err)
{
	struct fields h;
	off_t start = ftello(z->f), end;

	for (int i = 0; i < z->n; i++) {
		h.n = 0;
		put_int(&h, 0x02014b50, 4);
		put_int(&h, 3 << 8 | VERSION, 2); /* made on Unix */
		put_common(&h, &z->e[i]);
		put_int(&h, 28, 2);
		put_int(&h, 0, 2 + 2 + 2); /* comment, disk, internal attributes */
		put_int(&h, 0100600u << 16, 4);
		put_int(&h, UINT32_MAX, 4);
		put_str(&h, z->e[i].name);
		put_int(&h, 1, 2);
		put_int(&h, 24, 2);
		put_int(&h, z->e[i].size, 8);
		put_int(&h, z->e[i].size, 8);
		put_int(&h, z->e[i].offset, 8);
		BP_TRY(put_bytes(z, h.b, h.n, err));
	}
	end = ftello(z->f);
	if (start < 0 || end < 0)
		return BP_FAIL(err, BP_EIO, NULL, "%s: %s", z->where, strerror(errno));
	h.n = 0;
	put_int(&h, 0x06064b50, 4);
	put_int(&h, 44, 8);
	put_int(&h, 3 << 8 | VERSION, 2);
	put_int(&h, VERSION, 2);
	put_int(&h, 0, 8); /* disks */
	put_int(&h, (uint64_t)z->n, 8);
	put_int(&h, (uint64_t)z->n, 8);
	put_int(&h, (uint64_t)(end - start), 8);
	put_int(&h, (uint64_t)start, 8);
	put_int(&h, 0x07064b50, 4);
	put_int(&h, 0, 4);
	put_int(&h, (uint64_t)end, 8);
	put_int(&h, 1, 4);
	put_int(&h, 0x06054b50, 4);
	put_int(&h, 0, 4);
	put_int(&h, z->n < UINT16_MAX ? (uint64_t)z->n : UINT16_MAX, 2);
	put_int(&h, z->n < UINT16_MAX ? (uint64_t)z->n : UINT16_MAX, 2);
	put_int(&h, UINT32_MAX, 4);
	put_int(&h, UINT32_MAX, 4);
	put_int(&h, 0, 2);
	return put_bytes(z, h.b, h.n, err);
}
