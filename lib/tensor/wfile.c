#include "tensor/wfile.h"

#include "base/newfile.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

enum { CHUNK = 1 << 20 };

/* ---- opening and reading ---- */

static int
open_safetensors(struct bp_wfile *w, const char *path, struct bp_err *err)
{
	struct bp_named *t;
	struct bp_val *hyper;
	const char *json;

	BP_TRY(bp_st_open(&w->st, path, err));
	w->n = bp_st_count(w->st);
	BP_NEW(t, w->n + 1, w->mem, err);
	for (int i = 0; i < w->n; i++)
		t[i] = (struct bp_named) { bp_st_name(w->st, i), bp_st_tensor(w->st, i) };
	w->t = t;
	w->metadata = bp_st_metadata(w->st);
	json = bp_val_cstr(bp_val_get(w->metadata, "hyper_parameters"), NULL);
	if (json && bp_json_read(&hyper, json, strlen(json), w->mem, err) != BP_OK) {
		bp_err_where(err, "%s: metadata hyper_parameters", path);
		return BP_EINPUT;
	}
	w->hyper = json ? hyper : NULL;
	return (w->skipped = bp_val_arr(w->mem, err)) ? BP_OK : BP_EMEM;
}

static int
open_ckpt(struct bp_wfile *w, const char *path, struct bp_err *err)
{
	BP_TRY(bp_ckpt_open(&w->ckpt, path, err));
	w->t = bp_ckpt_tensors(w->ckpt);
	w->n = bp_ckpt_count(w->ckpt);
	w->hyper = bp_ckpt_hyper(w->ckpt);
	w->skipped = bp_ckpt_skipped(w->ckpt);
	return BP_OK;
}

static int
open_either(struct bp_wfile *w, const char *path, struct bp_err *err)
{
	char head[10] = { 0 };
	FILE *f = fopen(path, "rb");
	size_t n;

	if (!f)
		return BP_FAIL(err, BP_EIO, NULL, "%s: %s", path, strerror(errno));
	n = fread(head, 1, sizeof head, f);
	fclose(f); /* only read */
	if (!(w->path = bp_strdup(w->mem, path, err)))
		return BP_EMEM;
	if (n > 2 && memcmp(head, "PK", 2) == 0)
		return open_ckpt(w, path, err);
	if (n > 1 && head[0] == '\x80' && head[1] <= 5 && head[8] != '{')
		return BP_FAIL(
		    err, BP_EINPUT, "load it and save it again with torch 1.6 or later", "%s: a bare pickle", path);
	return open_safetensors(w, path, err);
}

int
bp_wfile_open(struct bp_wfile **ret, const char *path, struct bp_err *err)
{
	struct bp_wfile *w = calloc(1, sizeof *w);
	int st;

	*ret = NULL;
	if (!w)
		return BP_FAIL(err, BP_EMEM, NULL, "no memory for %s", path);
	if ((st = bp_arena_open(&w->mem, 0, err)) == BP_OK && (st = open_either(w, path, err)) == BP_OK)
		*ret = w;
	else
		bp_wfile_close(w);
	return st;
}

void
bp_wfile_close(struct bp_wfile *w)
{
	if (!w)
		return;
	bp_ckpt_close(w->ckpt);
	bp_st_close(w->st);
	bp_arena_close(w->mem);
	free(w);
}

int
bp_wfile_read(struct bp_wfile *w, int i, bp_ckpt_fn *fn, void *self, struct bp_err *err)
{
	const struct bp_tensor *t = w->t[i].t;
	size_t bytes, size = bp_dtype_size(t->dtype);
	struct bp_mark mark;
	char *buf;
	int st = BP_OK;

	if (w->ckpt)
		return bp_ckpt_read(w->ckpt, i, fn, self, err);
	mark = bp_arena_mark(w->mem);
	bp_assert(bp_tensor_bytes(&bytes, t->dtype, t->ndim, t->shape));
	if (!(buf = bp_alloc(w->mem, CHUNK, err)))
		return BP_EMEM;
	for (size_t at = 0; at < bytes && st == BP_OK; at += CHUNK) {
		size_t n = bytes - at < CHUNK ? bytes - at : CHUNK;
		memcpy(buf, (const char *)t->data + at, n);
		st = fn(self, buf, n / size, err);
	}
	bp_arena_release(w->mem, mark);
	return st;
}

/* ---- import ---- */

struct import {
	struct bp_wfile *w;
	struct bp_st_out *out;
	struct bp_named *t;     /* [n] as and in which order they are written */
	int *place;             /* [n] where they stand in w                  */
	enum bp_dtype from, to; /* of the present tensor */
	struct bp_arena *mem;
	int64_t parameters, bytes, to_bf16, to_float32;
};

static bool
is_vector(const struct bp_tensor *t)
{
	int64_t longest = 1;

	for (int i = 0; i < t->ndim; i++)
		longest = t->shape[i] > longest ? t->shape[i] : longest;
	return bp_count(t) <= longest;
}

static enum bp_dtype
stored_as(const struct bp_tensor *t, bool bf16)
{
	if (bf16 && (t->dtype == BP_F32 || t->dtype == BP_F64 || t->dtype == BP_F16) && !is_vector(t))
		return BP_BF16;
	return t->dtype == BP_F64 ? BP_F32 : t->dtype;
}

static int
plan(struct import *m, bool bf16, struct bp_err *err)
{
	struct bp_named *named;
	struct bp_tensor *t;
	size_t bytes;

	BP_NEW(m->t, m->w->n + 1, m->mem, err);
	BP_NEW(m->place, m->w->n + 1, m->mem, err);
	BP_NEW(named, m->w->n + 1, m->mem, err);
	BP_NEW(t, m->w->n + 1, m->mem, err);
	for (int i = 0; i < m->w->n; i++) {
		const struct bp_tensor *s = m->w->t[i].t;
		t[i] = *s;
		t[i].data = NULL;
		t[i].dtype = stored_as(s, bf16);
		named[i] = (struct bp_named) { m->w->t[i].name, &t[i] };
		bp_assert(bp_tensor_bytes(&bytes, t[i].dtype, t[i].ndim, t[i].shape));
		m->parameters += bp_count(s);
		m->bytes += (int64_t)bytes;
		m->to_bf16 += t[i].dtype != s->dtype && t[i].dtype == BP_BF16;
		m->to_float32 += t[i].dtype != s->dtype && t[i].dtype == BP_F32;
	}
	bp_assert(bp_st_order(m->t, m->place, named, m->w->n) == m->w->n);
	return BP_OK;
}

/* hyper_parameters as JSON text beside what a safetensors file said already */
static int
metadata_of(struct bp_val **ret, const struct import *m, struct bp_err *err)
{
	const struct bp_val *old = m->w->metadata;
	char *text = NULL;
	size_t size;
	FILE *f;
	int st;

	if (!(*ret = bp_val_map(m->mem, err)))
		return BP_EMEM;
	for (size_t i = 0; bp_val_is(old, BP_MAP) && i < old->n; i++)
		if (old->u.item[2 * i + 1]->type == BP_STR)
			BP_TRY(
			    bp_val_set(*ret, bp_val_cstr(old->u.item[2 * i], ""), old->u.item[2 * i + 1], m->mem, err));
	BP_TRY(bp_val_set(*ret, "imported_by", bp_val_str(m->mem, "boltzpipe " BP_VERSION, err), m->mem, err));
	if (!m->w->hyper)
		return BP_OK;
	if (!(f = open_memstream(&text, &size)) || bp_json_write(f, m->w->hyper, 0) != BP_OK || fclose(f) != 0) {
		free(text);
		return BP_FAIL(err, BP_EMEM, NULL, "no memory for the hyper-parameters");
	}
	st = bp_val_set(*ret, "hyper_parameters", bp_val_strn(m->mem, text, size, err), m->mem, err);
	free(text);
	return st;
}

/* n elements of the present tensor */
static int
convert(void *self, const void *p, size_t n, struct bp_err *err)
{
	struct import *m = self;
	struct bp_mark mark = bp_arena_mark(m->mem);
	struct bp_tensor in = { m->from, 1, { (int64_t)n }, (void *)(uintptr_t)p };
	const struct bp_tensor *out = &in;
	int st = BP_OK;

	if (m->from == BP_F32 && m->to == BP_BF16) { /* nearly all there is: not through doubles */
		uint16_t *half = bp_alloc(m->mem, n * 2, err);
		for (size_t i = 0; half && i < n; i++)
			half[i] = bp_f32_to_bf16(((const float *)p)[i]);
		st = half ? bp_st_put(m->out, half, n * 2, err) : BP_EMEM;
	} else if ((st = bp_tensor_as(&out, &in, m->to, m->mem, err)) == BP_OK) {
		st = bp_st_put(m->out, out->data, n * bp_dtype_size(m->to), err);
	}
	bp_arena_release(m->mem, mark);
	return st;
}

static int
copy_tensors(struct import *m, struct bp_err *err)
{
	struct bp_progress p;
	int st = BP_OK;

	bp_progress_open(&p, m->w->path, "tensor");
	for (int i = 0; i < m->w->n && st == BP_OK; i++) {
		m->from = m->w->t[m->place[i]].t->dtype;
		m->to = m->t[i].t->dtype;
		if ((st = bp_wfile_read(m->w, m->place[i], convert, m, err)) != BP_OK && st != BP_EIO)
			bp_err_where(err, "tensor %s", m->t[i].name);
		bp_progress_step(&p, i + 1, m->w->n);
	}
	bp_progress_close(&p);
	return st;
}

static int
make_report(struct bp_val **ret, const struct import *m, struct bp_err *err)
{
	struct bp_val *v = *ret = bp_val_map(m->mem, err);

	BP_TRY(bp_val_set(v, "tensors", bp_val_int(m->mem, m->w->n, err), m->mem, err));
	BP_TRY(bp_val_set(v, "parameters", bp_val_int(m->mem, m->parameters, err), m->mem, err));
	BP_TRY(bp_val_set(v, "bytes", bp_val_int(m->mem, m->bytes, err), m->mem, err));
	BP_TRY(bp_val_set(v, "to_bf16", bp_val_int(m->mem, m->to_bf16, err), m->mem, err));
	BP_TRY(bp_val_set(v, "to_float32", bp_val_int(m->mem, m->to_float32, err), m->mem, err));
	return bp_val_set(v, "skipped", (struct bp_val *)(uintptr_t)m->w->skipped, m->mem, err);
}

int
bp_wfile_import(struct bp_val **report, struct bp_wfile *w, const char *out, bool bf16, bool override,
    struct bp_arena *mem, struct bp_err *err)
{
	struct import m = { .w = w, .mem = mem };
	struct bp_val *metadata;
	int st;

	if (!override && access(out, F_OK) == 0)
		return BP_FAIL(err, BP_EUSAGE, "give another name, or --override", "%s exists", out);
	if (bp_same_file(out, w->path))
		return BP_FAIL(err, BP_EUSAGE, "give another name", "%s would replace what is imported", out);
	BP_TRY(plan(&m, bf16, err));
	BP_TRY(metadata_of(&metadata, &m, err));
	BP_TRY(bp_st_out_open(&m.out, out, m.t, w->n, metadata, err));
	if ((st = copy_tensors(&m, err)) == BP_OK)
		st = bp_st_end(m.out, err);
	bp_st_out_close(m.out);
	return st == BP_OK ? make_report(report, &m, err) : st;
}

/* ---- show ---- */

static void
put_str(FILE *f, const char *s)
{
	struct bp_val v = { .type = BP_STR, .n = strlen(s), .u.s = s };

	bp_json_write(f, &v, 0);
}

static void
show_json(const struct bp_wfile *w, FILE *f)
{
	char shape[160];

	fputs("{\"file\": ", f);
	put_str(f, w->path);
	fputs(", \"hyper_parameters\": ", f);
	bp_json_write(f, w->hyper, 0);
	fputs(", \"metadata\": {", f);
	for (size_t i = 0, n = 0; i < bp_val_count(w->metadata); i++) {
		const char *key = bp_val_cstr(w->metadata->u.item[2 * i], "");
		if (strcmp(key, "hyper_parameters") == 0)
			continue;
		fputs(n++ ? ", " : "", f);
		put_str(f, key);
		fputs(": ", f);
		bp_json_write(f, w->metadata->u.item[2 * i + 1], 0);
	}
	fputs("}, \"skipped\": ", f);
	bp_json_write(f, w->skipped, 0);
	fputs(", \"tensors\": {", f);
	for (int i = 0; i < w->n; i++) {
		fputs(i ? ", " : "", f);
		put_str(f, w->t[i].name);
		fprintf(f, ": {\"dtype\": \"%s\", \"shape\": %s}", bp_dtype_name(w->t[i].t->dtype),
		    bp_shape_str(shape, w->t[i].t->ndim, w->t[i].t->shape));
	}
	fputs("}}\n", f);
}

static void
show_text(const struct bp_wfile *w, FILE *f)
{
	int64_t count[BP_NDTYPE] = { 0 }, all = 0;
	char shape[160];

	for (int i = 0; i < w->n; i++) {
		count[w->t[i].t->dtype] += bp_count(w->t[i].t);
		all += bp_count(w->t[i].t);
	}
	fprintf(f, "%s: %d tensors, %lld parameters\n", w->path, w->n, (long long)all);
	for (int d = 0; d < BP_NDTYPE; d++)
		if (count[d])
			fprintf(f, "  %-9s %lld\n", bp_dtype_name((enum bp_dtype)d), (long long)count[d]);
	for (size_t i = 0; i < bp_val_count(w->skipped); i++)
		fprintf(f, "%s%s%s", i ? ", " : "left out: ", bp_val_cstr(bp_val_at(w->skipped, i), "?"),
		    i + 1 == w->skipped->n ? "\n" : "");
	if (w->hyper) {
		fputs("hyper_parameters\n", f);
		for (size_t i = 0; i < bp_val_count(w->hyper); i++) {
			fprintf(f, "  %s: ", bp_val_cstr(w->hyper->u.item[2 * i], "?"));
			bp_json_write(f, w->hyper->u.item[2 * i + 1], 0);
			putc('\n', f);
		}
	}
	fputs("tensors\n", f);
	for (int i = 0; i < w->n; i++)
		fprintf(f, "  %-9s %-16s %s\n", bp_dtype_name(w->t[i].t->dtype),
		    bp_shape_str(shape, w->t[i].t->ndim, w->t[i].t->shape), w->t[i].name);
}

int
bp_wfile_show(const struct bp_wfile *w, bool json, FILE *f, struct bp_err *err)
{
	json ? show_json(w, f) : show_text(w, f);
	if (fflush(f) != 0 || ferror(f))
		return BP_FAIL(err, BP_EIO, NULL, "stdout: %s", strerror(errno));
	return BP_OK;
}

/* ---- verify ---- */

struct finite {
	enum bp_dtype dtype;
	int64_t odd;
};

static int
count_odd(void *self, const void *p, size_t n, struct bp_err *err)
{
	struct finite *c = self;
	struct bp_tensor t = { c->dtype, 1, { (int64_t)n }, (void *)(uintptr_t)p };

	(void)err;
	if (c->dtype == BP_F32)
		for (size_t i = 0; i < n; i++)
			c->odd += !isfinite(((const float *)p)[i]);
	else if (c->dtype == BP_F64 || c->dtype == BP_F16 || c->dtype == BP_BF16)
		for (size_t i = 0; i < n; i++)
			c->odd += !isfinite(bp_tensor_get(&t, (int64_t)i));
	return BP_OK;
}

int
bp_wfile_verify(struct bp_wfile *w, bool *sum, struct bp_err *err)
{
	*sum = w->ckpt != NULL; /* each storage has one, and reading compares it */
	if (w->st)
		BP_TRY(bp_st_verify(w->st, sum, err));
	for (int i = 0; i < w->n; i++) {
		struct finite c = { .dtype = w->t[i].t->dtype };
		BP_TRY(bp_wfile_read(w, i, count_odd, &c, err));
		if (c.odd)
			return BP_FAIL(err, BP_EINPUT, NULL, "%s: tensor %s: %lld numbers are not finite", w->path,
			    w->t[i].name, (long long)c.odd);
	}
	return BP_OK;
}
