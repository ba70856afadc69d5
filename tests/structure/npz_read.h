/* tests/structure/npz_read.h: reads an .npz back, by the directory as zip programs do, with checksums. */
#ifndef BP_TEST_NPZ_READ_H
#define BP_TEST_NPZ_READ_H

#include <zlib.h>

#include "case.h"

struct npz_array {
	char name[80]; /* with .npy */
	char descr[8];
	char shape[64]; /* as the header has it: "(2, 3)" */
	const unsigned char *data;
	size_t bytes;
};

static inline uint64_t
npz_int(const unsigned char *p, int n)
{
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | p[n];
	return v;
}

/* between two marks of the text header */
static inline void
npz_field(char *to, size_t n, const char *header, const char *from, const char *until)
{
	const char *a = strstr(header, from), *b;

	assert_non_null(a);
	a += strlen(from);
	b = strstr(a, until);
	assert_non_null(b);
	b += *until == ')'; /* the bracket is part of it */
	assert_in_range(b - a, 0, n - 1);
	snprintf(to, n, "%.*s", (int)(b - a), a);
}

static inline void
npz_entry(struct npz_array *a, const unsigned char *zip, size_t n, const unsigned char *d, struct bp_arena *mem)
{
	uint64_t size, packed, offset;
	size_t name = npz_int(d + 28, 2), extra = npz_int(d + 30, 2), head;
	const unsigned char *x = d + 46 + name, *local, *data;
	unsigned char *out;
	char header[256];

	assert_int_equal(npz_int(d, 4), 0x02014b50);
	assert_in_range(name, 5, sizeof a->name - 1);
	snprintf(a->name, sizeof a->name, "%.*s", (int)name, (const char *)d + 46);
	assert_int_equal(extra, 28);
	assert_int_equal(npz_int(x, 2), 1);
	size = npz_int(x + 4, 8);
	packed = npz_int(x + 12, 8);
	offset = npz_int(x + 20, 8);
	assert_in_range(offset, 0, n - 1);
	local = zip + offset;
	assert_int_equal(npz_int(local, 4), 0x04034b50);
	assert_memory_equal(local + 4, d + 6, 24); /* version to sizes: both say the same */
	assert_memory_equal(local + 30, a->name, name);
	assert_int_equal(npz_int(local + 30 + name + 4, 8), size);
	assert_int_equal(npz_int(local + 30 + name + 12, 8), packed);
	data = local + 30 + name + npz_int(local + 28, 2);
	assert_in_range(packed, 0, n - (size_t)(data - zip));
	out = bp_calloc(mem, size + 1, 1, NULL);
	assert_int_equal(npz_int(d + 10, 2), 0); /* stored */
	assert_int_equal(size, packed);
	memcpy(out, data, size);
	assert_int_equal(crc32(0, out, (uInt)size), npz_int(d + 16, 4));
	assert_memory_equal(out, "\x93NUMPY\x01\x00", 8);
	head = 10 + npz_int(out + 8, 2);
	assert_int_equal(head % 64, 0);
	assert_in_range(head, 64, sizeof header);
	assert_int_equal(out[head - 1], '\n');
	snprintf(header, sizeof header, "%.*s", (int)(head - 11), (char *)out + 10);
	npz_field(a->descr, sizeof a->descr, header, "{'descr': '", "'");
	npz_field(a->shape, sizeof a->shape, header, "'fortran_order': False, 'shape': ", ")");
	a->data = out + head;
	a->bytes = size - head;
}

/* All arrays of an archive of n bytes; *count of them. */
static inline struct npz_array *
npz_read(const char *text, size_t n, int *count, struct bp_arena *mem)
{
	const unsigned char *zip = (const unsigned char *)text, *end = zip + n - 22, *e64, *d;
	struct npz_array *a;

	assert_in_range(n, 98, SIZE_MAX);
	assert_int_equal(npz_int(end, 4), 0x06054b50);
	assert_int_equal(npz_int(end - 20, 4), 0x07064b50);
	assert_int_equal(npz_int(end - 12, 8), n - 98);
	e64 = zip + n - 98;
	assert_int_equal(npz_int(e64, 4), 0x06064b50);
	*count = (int)npz_int(e64 + 32, 8);
	assert_int_equal(*count, npz_int(end + 10, 2));
	assert_int_equal(npz_int(e64 + 40, 8) + npz_int(e64 + 48, 8), n - 98);
	d = zip + npz_int(e64 + 48, 8);
	a = bp_calloc(mem, (size_t)*count + 1, sizeof *a, NULL);
	for (int i = 0; i < *count; i++) {
		npz_entry(&a[i], zip, n, d, mem);
		d += 46 + npz_int(d + 28, 2) + npz_int(d + 30, 2);
	}
	assert_ptr_equal(d, e64);
	return a;
}

#endif
