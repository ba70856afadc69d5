/* lib/structure/guide_log.c: see guide_log.h */
#include "structure/guide_log.h"

#include <math.h>
#include <string.h>

static const struct bp_val *
guides(const struct bp_rec *rec)
{
	return bp_val_get(rec->meta, "guides");
}

int
bp_guide_logs(const struct bp_rec *rec)
{
	size_t n = bp_val_count(guides(rec));

	return bp_val_is(guides(rec), BP_ARR) && n < 1000 ? (int)n : 0;
}

static const char *
kind_of(const struct bp_rec *rec, int i)
{
	return bp_val_cstr(bp_val_get(bp_val_at(guides(rec), (size_t)i), "kind"), "");
}

/* "saxs_chi2" as the fork calls it; a kind that is no plain word cannot be part of a file's name */
static void
name_log(struct bp_guide_log *log, const struct bp_rec *rec, int i)
{
	const char *kind = kind_of(rec, i);
	int same = 1;

	for (int k = 0; k < i; k++)
		same += strcmp(kind_of(rec, k), kind) == 0;
	if (!*kind || strlen(kind) > 20 || kind[strspn(kind, "abcdefghijklmnopqrstuvwxyz0123456789")])
		snprintf(log->name, sizeof log->name, "guide_%d", i + 1);
	else if (same == 1)
		snprintf(log->name, sizeof log->name, "%s_%s", kind, strcmp(kind, "saxs") ? "guide" : "chi2");
	else
		snprintf(log->name, sizeof log->name, "%s_%s_%d", kind, strcmp(kind, "saxs") ? "guide" : "chi2", same);
}

int
bp_guide_log_read(struct bp_guide_log *ret, const struct bp_rec *rec, int i, struct bp_err *err)
{
	char tensor[32];

	ret->columns = bp_val_get(bp_val_at(guides(rec), (size_t)i), "columns");
	name_log(ret, rec, i);
	snprintf(tensor, sizeof tensor, "guide_log_%d", i + 1);
	return bp_rec_want(&ret->rows, rec, tensor, BP_F64, 3, (int64_t[]) { -1, -1, (int64_t)bp_val_count(ret->columns) },
	    err);
}

int
bp_guide_log_sample(
    struct bp_val **ret, const struct bp_guide_log *log, int sample, struct bp_arena *mem, struct bp_err *err)
{
	const int64_t columns = log->rows->shape[2];
	struct bp_val *list = bp_val_arr(mem, err);

	for (int64_t row = 0; row < log->rows->shape[0]; row++) {
		const double *x = (const double *)log->rows->data + (row * log->rows->shape[1] + sample) * columns;
		struct bp_val *map = bp_val_map(mem, err);

		BP_TRY(bp_val_push(list, map, mem, err));
		BP_TRY(bp_val_set(map, "sample", bp_val_int(mem, sample, err), mem, err));
		for (int64_t c = 0; c < columns; c++) {
			const char *name = bp_val_cstr(bp_val_at(log->columns, (size_t)c), "?");
			bool whole = x[c] == floor(x[c]) && fabs(x[c]) < 1e9 && strstr(name, "step");
			struct bp_val *v = whole ? bp_val_int(mem, (int64_t)x[c], err)
			    : isfinite(x[c])     ? bp_val_real(mem, x[c], err)
						 : bp_val_nil(mem, err);
			BP_TRY(bp_val_set(map, name, v, mem, err));
		}
	}
	*ret = list;
	return list ? BP_OK : BP_EMEM;
}
