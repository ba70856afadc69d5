#include "tensor/npy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

size_t
bp_npy_header(char buf[BP_NPY_HEADER], const struct bp_tensor *t)
{
	char dict[BP_NPY_HEADER];
	size_t n, size;

	bp_assert(t->dtype != BP_BF16);
	n = (size_t)snprintf(
	    dict, sizeof dict, "{'descr': '%s', 'fortran_order': False, 'shape': (", bp_dtype_numpy(t->dtype));
	for (int i = 0; i < t->ndim; i++)
		n += (size_t)snprintf(dict + n, sizeof dict - n, i ? " %lld," : "%lld,", (long long)t->shape[i]);
	if (t->ndim > 1)
		n--; /* (3,) but (3, 4) */
	n += (size_t)snprintf(dict + n, sizeof dict - n, "), }");
	size = (10 + n + 1 + 63) / 64 * 64;
	bp_assert(size <= BP_NPY_HEADER);
	memset(buf, ' ', size);
	memcpy(buf, "\x93NUMPY\1", 8);
	buf[8] = (char)(size - 10);
	buf[9] = (char)((size - 10) >> 8);
	memcpy(buf + 10, dict, n);
	buf[size - 1] = '\n';
	return size;
}

int
bp_npy_write(const char *path, const struct bp_tensor *t, struct bp_err *err)
{
	char head[BP_NPY_HEADER], *tmp = NULL;
	struct bp_arena *mem;
	size_t n, bytes;
	FILE *f = NULL;
	bool ok;
	int st;

	BP_TRY(bp_arena_open(&mem, 0, err));
	st = BP_EMEM;
	if (!(tmp = bp_sprintf(mem, err, "%s.tmp", path)))
		goto done;
	if (t->dtype == BP_BF16 && (st = bp_tensor_as(&t, t, BP_F32, mem, err)) != BP_OK)
		goto done;
	n = bp_npy_header(head, t);
	bp_assert(bp_tensor_bytes(&bytes, t->dtype, t->ndim, t->shape));
	st = BP_OK;
	errno = 0;
	ok = (f = fopen(tmp, "wb")) && fwrite(head, 1, n, f) == n && fwrite(t->data, 1, bytes, f) == bytes
	    && fflush(f) == 0 && fsync(fileno(f)) == 0;
	if (f && fclose(f) != 0)
		ok = false;
	if (!ok || rename(tmp, path) != 0) {
		st = BP_FAIL(err, BP_EIO, NULL, "%s: %s", path, strerror(errno ? errno : EIO));
		remove(tmp);
	}
done:
	bp_arena_close(mem);
	return st;
}
