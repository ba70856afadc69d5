/* lib/model/dump.c: see dump.h */
#include "model/dump.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct bp_dump {
	struct bp_named *t;
	int n, cap;
	struct bp_arena *mem;
};

static bool
is_directory(const char *path)
{
	size_t n = strlen(path);
	struct stat st;

	return (n && path[n - 1] == '/') || (stat(path, &st) == 0 && S_ISDIR(st.st_mode));
}

int
bp_target_folder(const char *path, struct bp_err *err)
{
	const char *slash = path ? strrchr(path, '/') : NULL;
	char folder[4096] = ".";

	if (slash)
		snprintf(folder, sizeof folder, "%.*s", slash == path ? 1 : (int)(slash - path), path);
	if (!path || is_directory(folder))
		return BP_OK;
	return BP_FAIL(err, BP_EUSAGE, "make it first", "%s: there is no folder %s", path, folder);
}

int
bp_target_check(const char *path, const char *id, int before, struct bp_err *err)
{
	if (!path)
		return BP_OK;
	if (!is_directory(path))
		return before == 0 ? BP_OK : BP_FAIL(err, BP_EINPUT, "name a directory",
		    "%s: one file holds one target", path);
	if (!*id || *id == '.' || strchr(id, '/'))
		return BP_FAIL(err, BP_EINPUT, "rename the target", "%s: the target's name '%s' cannot be a file name",
		    path, id);
	return BP_OK;
}

const char *
bp_target_path(const char *path, const char *id, const char *what, struct bp_arena *mem, struct bp_err *err)
{
	if (bp_target_check(path, id, 0, err) != BP_OK)
		return NULL;
	return is_directory(path) ? bp_sprintf(mem, err, "%s/%s.%s.safetensors", path, id, what) : path;
}

int
bp_dump_open(struct bp_dump **ret, struct bp_arena *mem, struct bp_err *err)
{
	BP_NEW(*ret, 1, mem, err);
	(*ret)->mem = mem;
	return BP_OK;
}

const struct bp_tensor *
bp_dump_get(const struct bp_dump *d, const char *name)
{
	for (int i = 0; i < d->n; i++)
		if (!strcmp(d->t[i].name, name))
			return d->t[i].t;
	return NULL;
}

int
bp_dump_host(struct bp_dump *d, const char *name, const struct bp_tensor *t, struct bp_err *err)
{
	struct bp_named *grown;
	int i;

	if (!d)
		return BP_OK;
	for (i = 0; i < d->n && strcmp(d->t[i].name, name); i++)
		;
	if (i == d->cap) {
		BP_NEW(grown, 2 * d->cap + 16, d->mem, err);
		if (d->n)
			memcpy(grown, d->t, (size_t)d->n * sizeof *grown);
		d->t = grown;
		d->cap = 2 * d->cap + 16;
	}
	if (i == d->n) {
		if (!(name = bp_strdup(d->mem, name, err)))
			return BP_EMEM;
		d->t[d->n++].name = name;
	}
	d->t[i].t = t;
	return BP_OK;
}

/* the float32 tensor of that name and shape, made when there is none */
static int
slot(float **ret, struct bp_dump *d, const char *name, int ndim, const int64_t *shape, struct bp_err *err)
{
	const struct bp_tensor *t = bp_dump_get(d, name);
	struct bp_tensor *made;

	if (!t || t->ndim != ndim || memcmp(t->shape, shape, (size_t)ndim * sizeof *shape) != 0) {
		BP_TRY(bp_tensor_new(&made, BP_F32, ndim, shape, d->mem, err));
		BP_TRY(bp_dump_host(d, name, made, err));
		t = made;
	}
	*ret = t->data;
	return BP_OK;
}

int
bp_dump_part(struct bp_dump *d, struct bp_ctx *cx, const char *name, const float *p, int64_t i, int ndim,
    const int64_t *shape)
{
	int64_t n = 1;
	float *to;

	if (!d || cx->dry)
		return BP_OK;
	BP_TRY(slot(&to, d, name, ndim, shape, cx->err));
	for (int k = 1; k < ndim; k++)
		n *= shape[k];
	return bp_dev_download(cx, to + i * n, p, (size_t)n * sizeof *to);
}

int
bp_dump_put(struct bp_dump *d, struct bp_ctx *cx, const char *name, const float *p, int ndim, const int64_t *shape)
{
	int64_t n = 1;
	float *to;

	if (!d || cx->dry)
		return BP_OK;
	BP_TRY(slot(&to, d, name, ndim, shape, cx->err));
	for (int k = 0; k < ndim; k++)
		n *= shape[k];
	return bp_dev_download(cx, to, p, (size_t)n * sizeof *to);
}

int
bp_dump_put_last(struct bp_dump *d, struct bp_ctx *cx, const char *name, const float *p, int ndim, const int64_t *shape)
{
	int64_t c = shape[ndim - 1], rows = 1;
	struct bp_mark m;
	float *to, *from;

	if (!d || cx->dry)
		return BP_OK;
	BP_TRY(slot(&to, d, name, ndim, shape, cx->err));
	for (int k = 0; k < ndim - 1; k++)
		rows *= shape[k];
	m = bp_arena_mark(d->mem);
	BP_NEW(from, rows * c, d->mem, cx->err);
	BP_TRY(bp_dev_download(cx, from, p, (size_t)(rows * c) * sizeof *from));
	for (int64_t r = 0; r < rows; r++)
		for (int64_t k = 0; k < c; k++)
			to[r * c + k] = from[k * rows + r];
	bp_arena_release(d->mem, m);
	return BP_OK;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct bp_named *)a)->name, ((const struct bp_named *)b)->name);
}

int
bp_dump_write(const struct bp_dump *d, const char *path, const char *id, const char *stage, struct bp_err *err)
{
	if (!(path = bp_target_path(path, id, stage, d->mem, err)))
		return err->code;
	qsort(d->t, (size_t)d->n, sizeof *d->t, by_name);
	return bp_st_write(path, d->t, d->n, NULL, err);
}
