#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "tensor/zip.h"

enum {
	END = 22,
	END64 = 56,
	LOCATOR = 20,
	CENTRAL = 46,
	LOCAL = 30, /* sizes of the fixed parts */
	MAX_COMMENT = 65535,
	MAX_DIRECTORY = 64 << 20,
	CHUNK = 1 << 20
};

struct bp_zip {
	int fd;
	const unsigned char *map; /* or the bytes in memory */
	uint64_t size;
	struct bp_arena *mem;
	const char *name;
	struct bp_zipent *e;
	int n;
};

static uint64_t
le(const unsigned char *p, int n)
{
	uint64_t u = 0;

	while (n-- > 0)
		u = u << 8 | p[n];
	return u;
}

#define BAD(z, fmt, ...) BP_FAIL(err, BP_EINPUT, "is it whole?", "%s: " fmt, (z)->name, ##__VA_ARGS__)

/* bytes of the file */
static int
read_at(struct bp_zip *z, uint64_t at, void *buf, size_t n, struct bp_err *err)
{
	char *p = buf;

	if (at > z->size || n > z->size - at)
		return BAD(z, "zip: %zu bytes at %llu lie beyond its end", n, (unsigned long long)at);
	if (z->map) {
		memcpy(p, z->map + at, n);
		return BP_OK;
	}
	while (n > 0) {
		ssize_t k = pread(z->fd, p, n, (off_t)at);
		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return BP_FAIL(err, BP_EIO, NULL, "%s: %s", z->name,
			    k ? strerror(errno) : "it became shorter while it was read");
		p += k;
		at += (uint64_t)k;
		n -= (size_t)k;
	}
	return BP_OK;
}

/* where the directory is: the end record, and the 64-bit one that may stand before it */
static int
find_directory(struct bp_zip *z, uint64_t *at, uint64_t *size, uint64_t *n, struct bp_err *err)
{
	uint64_t tail = z->size < END + MAX_COMMENT ? z->size : END + MAX_COMMENT, end;
	unsigned char *p, fixed[END64];
	size_t i;

	if (z->size < END || !(p = bp_alloc(z->mem, tail, err)))
		return z->size < END ? BAD(z, "too short for a zip file") : BP_EMEM;
	BP_TRY(read_at(z, z->size - tail, p, tail, err));
	for (i = tail - END; i > 0 && le(p + i, 4) != 0x06054b50; i--)
		;
	if (le(p + i, 4) != 0x06054b50)
		return BAD(z, "no zip file, or cut: it has no end record");
	*n = le(p + i + 10, 2);
	*size = le(p + i + 12, 4);
	*at = le(p + i + 16, 4);
	end = z->size - tail + i;
	if (end >= LOCATOR) {
		BP_TRY(read_at(z, end - LOCATOR, fixed, LOCATOR, err));
		if (le(fixed, 4) == 0x07064b50) {
			BP_TRY(read_at(z, le(fixed + 8, 8), fixed, END64, err));
			if (le(fixed, 4) != 0x06064b50)
				return BAD(z, "zip: the 64-bit end record is damaged");
			*n = le(fixed + 32, 8);
			*size = le(fixed + 40, 8);
			*at = le(fixed + 48, 8);
		}
	}
	if (*at > end || *size > end - *at || *size > MAX_DIRECTORY || *n > *size / CENTRAL)
		return BAD(z, "zip: a directory of %llu entries and %llu bytes does not fit", (unsigned long long)*n,
		    (unsigned long long)*size);
	return BP_OK;
}

/* the 64-bit extra field holds those of size, packed size and offset that are all ones in the fixed part, in this order
 */
static void
wide_sizes(const unsigned char *extra, size_t n, uint64_t *size, uint64_t *packed, uint64_t *at)
{
	uint64_t *field[3] = { size, packed, at };

	while (n >= 4) {
		size_t len = le(extra + 2, 2), used = 0;
		if (len > n - 4)
			return;
		for (int i = 0; le(extra, 2) == 1 && i < 3; i++)
			if (*field[i] == UINT32_MAX && used + 8 <= len) {
				*field[i] = le(extra + 4 + used, 8);
				used += 8;
			}
		extra += 4 + len;
		n -= 4 + len;
	}
}

/* one directory entry at p, of at most `left` bytes; *used: its length */
static int
read_entry(struct bp_zip *z, const unsigned char *p, size_t left, size_t *used, struct bp_err *err)
{
	struct bp_zipent *e = &z->e[z->n];
	unsigned char local[LOCAL];
	size_t name, extra;
	uint64_t packed;

	if (left < CENTRAL || le(p, 4) != 0x02014b50)
		return BAD(z, "zip: entry %d of the directory is damaged", z->n);
	name = le(p + 28, 2);
	extra = le(p + 30, 2);
	*used = CENTRAL + name + extra + le(p + 32, 2);
	if (*used > left || memchr(p + CENTRAL, 0, name))
		return BAD(z, "zip: entry %d of the directory is damaged", z->n);
	if (!(e->name = bp_strndup(z->mem, (const char *)p + CENTRAL, name, err)))
		return BP_EMEM;
	e->crc = (uint32_t)le(p + 16, 4);
	packed = le(p + 20, 4);
	e->size = le(p + 24, 4);
	e->at = le(p + 42, 4);
	wide_sizes(p + CENTRAL + name, extra, &e->size, &packed, &e->at);
	if (le(p + 8, 2) & 1)
		return BAD(z, "%s is encrypted", e->name);
	if (le(p + 10, 2) != 0 || packed != e->size)
		return BP_FAIL(err, BP_EINPUT, "torch.save does not compress: save it again", "%s: %s is compressed",
		    z->name, e->name);
	BP_TRY(read_at(z, e->at, local, LOCAL, err));
	e->at += LOCAL + le(local + 26, 2) + le(local + 28, 2);
	if (le(local, 4) != 0x04034b50 || e->at > z->size || e->size > z->size - e->at)
		return BAD(z, "%s is cut or damaged", e->name);
	z->n++;
	return BP_OK;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct bp_zipent *)a)->name, ((const struct bp_zipent *)b)->name);
}

static int
read_directory(struct bp_zip *z, struct bp_err *err)
{
	uint64_t at, size, n;
	unsigned char *p;

	BP_TRY(find_directory(z, &at, &size, &n, err));
	BP_NEW(z->e, n + 1, z->mem, err);
	if (!(p = bp_alloc(z->mem, size, err)))
		return BP_EMEM;
	BP_TRY(read_at(z, at, p, size, err));
	for (size_t used; n > 0; n--, p += used, size -= used)
		BP_TRY(read_entry(z, p, size, &used, err));
	qsort(z->e, (size_t)z->n, sizeof *z->e, by_name);
	for (int i = 1; i < z->n; i++)
		if (strcmp(z->e[i - 1].name, z->e[i].name) == 0)
			return BAD(z, "zip: two entries named %s", z->e[i].name);
	return BP_OK;
}

static int
start(struct bp_zip **ret, int fd, const void *data, uint64_t size, const char *name, struct bp_err *err)
{
	struct bp_zip *z = calloc(1, sizeof *z);
	int st = BP_EMEM;

	if (!z) {
		if (fd >= 0)
			close(fd);
		return BP_FAIL(err, BP_EMEM, NULL, "no memory for %s", name);
	}
	z->fd = fd;
	z->map = data;
	z->size = size;
	if ((st = bp_arena_open(&z->mem, 0, err)) == BP_OK)
		st = (z->name = bp_strdup(z->mem, name, err)) ? read_directory(z, err) : BP_EMEM;
	if (st == BP_OK)
		*ret = z;
	else
		bp_zip_close(z);
	return st;
}

int
bp_zip_open(struct bp_zip **ret, const char *path, struct bp_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat sb;

	*ret = NULL;
	if (fd < 0 || fstat(fd, &sb) != 0) {
		BP_FAIL(err, BP_EIO, NULL, "%s: %s", path, strerror(errno));
	} else if (!S_ISREG(sb.st_mode)) {
		BP_FAIL(err, BP_EIO, NULL, "%s: no regular file", path);
	} else {
		return start(ret, fd, NULL, (uint64_t)sb.st_size, path, err);
	}
	if (fd >= 0)
		close(fd);
	return BP_EIO;
}

int
bp_zip_open_mem(struct bp_zip **ret, const void *data, size_t n, const char *name, struct bp_err *err)
{
	*ret = NULL;
	return start(ret, -1, data, n, name, err);
}

void
bp_zip_close(struct bp_zip *z)
{
	if (!z)
		return;
	if (z->fd >= 0)
		close(z->fd);
	bp_arena_close(z->mem);
	free(z);
}

int
bp_zip_count(const struct bp_zip *z)
{
	return z->n;
}

const struct bp_zipent *
bp_zip_at(const struct bp_zip *z, int i)
{
	return &z->e[i];
}

const struct bp_zipent *
bp_zip_find(const struct bp_zip *z, const char *name)
{
	struct bp_zipent key = { .name = name };

	return bsearch(&key, z->e, (size_t)z->n, sizeof key, by_name);
}

int
bp_zip_read(struct bp_zip *z, const struct bp_zipent *e, uint64_t from, void *buf, size_t n, struct bp_err *err)
{
	if (from > e->size || n > e->size - from)
		return BAD(z, "%s: %zu bytes at %llu lie beyond its %llu", e->name, n, (unsigned long long)from,
		    (unsigned long long)e->size);
	return read_at(z, e->at + from, buf, n, err);
}

int
bp_zip_check(struct bp_zip *z, const struct bp_zipent *e, struct bp_err *err)
{
	struct bp_mark mark = bp_arena_mark(z->mem);
	unsigned char *buf = bp_alloc(z->mem, CHUNK, err);
	uLong crc = crc32(0, NULL, 0);
	int st = buf ? BP_OK : BP_EMEM;

	for (uint64_t at = 0; st == BP_OK && at < e->size; at += CHUNK) {
		size_t n = e->size - at < CHUNK ? e->size - at : CHUNK;
		if ((st = bp_zip_read(z, e, at, buf, n, err)) == BP_OK)
			crc = crc32(crc, buf, (uInt)n);
	}
	bp_arena_release(z->mem, mark);
	if (st == BP_OK && crc != e->crc)
		st = BP_FAIL(err, BP_EINPUT, "fetch the file again", "%s: %s is damaged: checksum %08lx, wanted %08x",
		    z->name, e->name, crc, e->crc);
	return st;
}
