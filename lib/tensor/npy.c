#include "tensor/npy.h"

#include <stdio.h>
#include <string.h>

#include "base/newfile.h"

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

static int
write_all(struct bp_newfile *file, const struct bp_tensor *t, struct bp_arena *mem, struct bp_err *err)
{
	char head[BP_NPY_HEADER];
	size_t n, bytes;

	if (t->dtype == BP_BF16)
		BP_TRY(bp_tensor_as(&t, t, BP_F32, mem, err));
	n = bp_npy_header(head, t);
	bp_assert(bp_tensor_bytes(&bytes, t->dtype, t->ndim, t->shape));
	if (fwrite(head, 1, n, file->f) != n || fwrite(t->data, 1, bytes, file->f) != bytes)
		return bp_newfile_failed(file, err);
	return bp_newfile_end(file, err);
}

int
bp_npy_write(const char *path, const struct bp_tensor *t, struct bp_err *err)
{
	struct bp_newfile file = { 0 };
	struct bp_arena *mem;
	int st;

	BP_TRY(bp_arena_open(&mem, 0, err));
	if ((st = bp_newfile_open(&file, path, mem, err)) == BP_OK)
		st = write_all(&file, t, mem, err);
	bp_newfile_close(&file);
	bp_arena_close(mem);
	return st;
}
