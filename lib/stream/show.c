#include "stream/show.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/log.h"
#include "base/opt.h"
#include "stream/batch.h"
#include "tensor/npy.h"

struct range {
	double min, max;
	int64_t odd; /* elements that are not finite; min and max are of the others */
};

static struct range
range_of(const struct bp_tensor *t)
{
	struct range r = { INFINITY, -INFINITY, 0 };
	int64_t n = bp_count(t);

	for (int64_t i = 0; i < n; i++) {
		double x = bp_tensor_get(t, i);
		if (!isfinite(x)) {
			r.odd++;
			continue;
		}
		r.min = x < r.min ? x : r.min;
		r.max = x > r.max ? x : r.max;
	}
	return r;
}

static bool
is_float(enum bp_dtype t)
{
	return t == BP_F32 || t == BP_F64 || t == BP_F16 || t == BP_BF16;
}

/* element i so that it reads back the same */
static void
put_number(FILE *f, const struct bp_tensor *t, int64_t i)
{
	if (t->dtype == BP_I64)
		fprintf(f, "%lld", (long long)((const int64_t *)t->data)[i]);
	else if (t->dtype == BP_U64)
		fprintf(f, "%llu", (unsigned long long)((const uint64_t *)t->data)[i]);
	else
		fprintf(f, "%.*g", t->dtype == BP_F64 ? 17 : is_float(t->dtype) ? 9 : 10, bp_tensor_get(t, i));
}

/* ---- text ---- */

/* what a stream says, without what would steer a terminal */
static void
put_plain(FILE *f, const char *s)
{
	for (; *s; s++)
		putc((unsigned char)*s < 0x20 || *s == 0x7f ? '?' : *s, f);
}

/* the last axis is a line, an empty line stands between matrices: numpy.loadtxt reads it */
static void
put_text(FILE *f, const struct bp_rec *r, const char *name, const struct bp_tensor *t)
{
	int64_t n = bp_count(t), row = t->ndim > 0 ? t->shape[t->ndim - 1] : 1,
	        matrix = t->ndim > 1 ? row * t->shape[t->ndim - 2] : 0;
	char shape[160];

	fputs("# ", f);
	put_plain(f, r->id);
	fputs(": ", f);
	put_plain(f, name);
	fprintf(f, " %s %s\n", bp_dtype_name(t->dtype), bp_shape_str(shape, t->ndim, t->shape));
	for (int64_t i = 0; i < n; i++) {
		if (i && matrix && i % matrix == 0)
			putc('\n', f);
		put_number(f, t, i);
		putc((i + 1) % row == 0 ? '\n' : ' ', f);
	}
}

/* a name and blanks up to the next column */
static void
put_name(FILE *f, const char *name)
{
	int n = (int)strlen(name);

	fputs("  ", f);
	put_plain(f, name);
	fprintf(f, "%*s", n < 28 ? 29 - n : 1, "");
}

static void
put_tensor_line(FILE *f, const struct bp_named *e)
{
	struct range r = range_of(e->t);
	char shape[160];

	put_name(f, e->name);
	fprintf(f, "%-9s %-22s", bp_dtype_name(e->t->dtype), bp_shape_str(shape, e->t->ndim, e->t->shape));
	if (r.min <= r.max)
		fprintf(f, " %.6g .. %.6g", r.min, r.max);
	if (r.odd)
		fprintf(f, " and %lld not finite", (long long)r.odd);
	putc('\n', f);
}

/* a map by its entries: scalars with their value, tables with their size */
static void
put_map(FILE *f, const struct bp_val *m)
{
	for (size_t i = 0; i < bp_val_count(m); i++) {
		const struct bp_val *k = m->u.item[2 * i], *v = m->u.item[2 * i + 1];
		put_name(f, bp_val_cstr(k, "?"));
		if (v->type == BP_ARR)
			fprintf(f, "%zu items\n", v->n);
		else if (v->type == BP_MAP && v->n && v->u.item[1]->type == BP_ARR)
			fprintf(f, "%zu columns of %zu\n", v->n, v->u.item[1]->n);
		else if (v->type == BP_MAP)
			fprintf(f, "%zu entries\n", v->n);
		else {
			bp_json_write(f, v, 0);
			putc('\n', f);
		}
	}
}

static void
put_trail(FILE *f, const struct bp_val *trail)
{
	for (size_t i = 0; i < bp_val_count(trail); i++) {
		const struct bp_val *e = bp_val_at(trail, i), *o = bp_val_get(e, "options");
		static const char *const words[] = { "tool", "version", "variant", "device" };
		for (size_t k = 0; k < sizeof words / sizeof *words; k++) {
			fputs(k ? " " : "  ", f);
			put_plain(f, bp_val_cstr(bp_val_get(e, words[k]), "-"));
		}
		fprintf(f, ", %.2f s, %.1f MiB", bp_val_num(bp_val_get(e, "seconds"), 0),
		    bp_val_num(bp_val_get(e, "peak_bytes"), 0) / 1048576.0);
		for (size_t k = 0; k < bp_val_count(o); k++) {
			fputs(k ? " " : ", ", f);
			put_plain(f, bp_val_cstr(bp_val_at(o, k), "?"));
		}
		putc('\n', f);
	}
}

/* batch: how many members came in one record, 1: no batch */
static void
put_summary(FILE *f, int64_t number, const struct bp_rec *r, int batch)
{
	fprintf(f, "%lld: ", (long long)number);
	put_plain(f, r->kind_name);
	putc(' ', f);
	put_plain(f, r->id);
	if (batch > 1)
		fprintf(f, ", in a batch of %d", batch);
	putc('\n', f);
	if (r->n)
		fprintf(f, " tensors\n");
	for (int i = 0; i < r->n; i++)
		put_tensor_line(f, &r->tensor[i]);
	if (bp_val_count(r->meta))
		fprintf(f, " meta\n");
	put_map(f, r->meta);
	if (bp_val_count(r->extra))
		fprintf(f, " unknown\n");
	put_map(f, r->extra);
	if (bp_val_count(r->trail))
		fprintf(f, " trail\n");
	put_trail(f, r->trail);
}

/* ---- JSON ---- */

/* what follows the key; JSON has no NaN, so that is null */
static void
put_json_data(FILE *f, const struct bp_tensor *t, int axis, int64_t *at)
{
	if (axis == t->ndim) {
		if (isfinite(bp_tensor_get(t, *at)))
			put_number(f, t, *at);
		else
			fputs("null", f);
		++*at;
		return;
	}
	putc('[', f);
	for (int64_t i = 0; i < t->shape[axis]; i++) {
		if (i)
			putc(',', f);
		put_json_data(f, t, axis + 1, at);
	}
	putc(']', f);
}

static void
put_json_str(FILE *f, const char *s)
{
	struct bp_val v = { .type = BP_STR, .n = strlen(s), .u.s = s };

	bp_json_write(f, &v, 0);
}

static void
put_json_tensor(FILE *f, const struct bp_named *e, bool data)
{
	const struct bp_tensor *t = e->t;
	struct range r = range_of(t);
	struct bp_val lo = { .type = r.min <= r.max ? BP_REAL : BP_NIL, .u.f = r.min }, hi = lo;
	char shape[160];
	int64_t at = 0;

	hi.u.f = r.max;
	put_json_str(f, e->name);
	fprintf(f, ": {\"dtype\": \"%s\", \"shape\": %s, \"min\": ", bp_dtype_name(t->dtype),
	    bp_shape_str(shape, t->ndim, t->shape));
	bp_json_write(f, &lo, 0);
	fputs(", \"max\": ", f);
	bp_json_write(f, &hi, 0);
	fprintf(f, ", \"not_finite\": %lld", (long long)r.odd);
	if (data) {
		fputs(", \"data\": ", f);
		put_json_data(f, t, 0, &at);
	}
	putc('}', f);
}

static void
put_json(FILE *f, const struct bp_rec *r, const char *tensor)
{
	bool first = true;

	fputs("{\"kind\": ", f);
	put_json_str(f, r->kind_name);
	fputs(", \"id\": ", f);
	put_json_str(f, r->id);
	fprintf(f, ", \"index\": %lld, \"tensors\": {", (long long)r->index);
	for (int i = 0; i < r->n; i++) {
		if (tensor && strcmp(tensor, r->tensor[i].name) != 0)
			continue;
		if (!first)
			fputs(", ", f);
		first = false;
		put_json_tensor(f, &r->tensor[i], tensor != NULL);
	}
	fputs("}, \"meta\": ", f);
	bp_json_write(f, r->meta, 0);
	fputs(", \"unknown\": ", f);
	bp_json_write(f, r->extra, 0);
	fputs(", \"trail\": ", f);
	bp_json_write(f, r->trail, 0);
	fputs("}\n", f);
}

/* ---- the stream ---- */

struct found {
	int64_t records;
	int64_t tensor; /* how many records have it */
	char near[128]; /* a tensor's name like the one wanted */
};

static int
show_record(const struct bp_show *o, FILE *f, const struct bp_rec *r, int batch, struct found *found, struct bp_err *err)
{
	const struct bp_tensor *t = o->tensor ? bp_rec_get(r, o->tensor) : NULL;

	if (o->tensor && !t) {
		const char **names, *near;
		BP_NEW(names, r->n, r->mem, err);
		for (int i = 0; i < r->n; i++)
			names[i] = r->tensor[i].name;
		if ((near = bp_nearest(o->tensor, names, r->n)))
			snprintf(found->near, sizeof found->near, "%s", near);
		return BP_OK;
	}
	if (o->npy && !found->tensor)
		BP_TRY(bp_npy_write(o->npy, t, err));
	found->tensor += t != NULL;
	if (o->npy)
		return BP_OK;
	if (o->json)
		put_json(f, r, o->tensor);
	else if (o->tensor)
		put_text(f, r, o->tensor, t);
	else
		put_summary(f, found->records, r, batch);
	return BP_OK;
}

/* a record, or the members of a batch */
static int
show_any(const struct bp_show *o, FILE *f, struct bp_rec *r, struct found *found, struct bp_err *err)
{
	struct bp_rec *member[BP_BATCH_MAX];
	int n;

	BP_TRY(bp_batch_open(member, &n, r, BP_OK, err));
	for (int i = 0; i < n; i++) {
		if (o->record < 0 || found->records == o->record)
			BP_TRY(show_record(o, f, member[i], n, found, err));
		if (fflush(f) != 0 || ferror(f))
			return BP_FAIL(err, BP_EIO, NULL, "stdout: %s", strerror(errno));
		found->records++;
	}
	return BP_OK;
}

static int
missing(const struct bp_show *o, const struct found *found, struct bp_err *err)
{
	char hint[160];

	if (o->record >= 0 && found->records <= o->record)
		return BP_FAIL(
		    err, BP_EUSAGE, NULL, "no record %d: the stream has %lld", o->record, (long long)found->records);
	if (!o->tensor || found->tensor)
		return BP_OK;
	snprintf(hint, sizeof hint, "did you mean '%s'", found->near);
	return BP_FAIL(err, BP_EUSAGE, found->near[0] ? hint : "without --tensor all names are shown", "no tensor '%s'",
	    o->tensor);
}

int
bp_show(const struct bp_show *o, FILE *f, struct bp_err *err)
{
	struct found found = { 0 };
	struct bp_arena *mem = NULL;
	struct bp_in *in = NULL;
	struct bp_rec *r;
	int st;

	if (o->npy && !o->tensor)
		return BP_FAIL(err, BP_EUSAGE, "add --tensor NAME", "--npy writes one tensor");
	if ((st = bp_arena_open(&mem, o->mem_cap, err)) != BP_OK || (st = bp_in_open(&in, o->in, err)) != BP_OK)
		goto done;
	while ((st = bp_in_next(in, mem, &r, err)) == BP_OK) {
		if ((st = show_any(o, f, r, &found, err)) != BP_OK)
			goto done;
		bp_arena_reset(mem);
	}
	if (st != BP_EOS)
		goto done;
	st = missing(o, &found, err);
	if (st == BP_OK && o->npy && found.tensor > 1)
		bp_log(BP_LOG_WARN, "%s: %lld records have the tensor %s, this is the first one's: --record N picks another", o->npy,
		    (long long)found.tensor, o->tensor);
	if (st == BP_OK && !o->tensor && !o->json && o->record < 0)
		fprintf(f, "end: %lld records\n", (long long)found.records);
done:
	bp_in_close(in);
	bp_arena_close(mem);
	return st;
}
