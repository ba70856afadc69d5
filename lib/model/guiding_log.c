/* lib/model/guiding_log.c: contents: what inner steps tell; the log; in a record. */
#include "model/guiding_log.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- what inner steps tell ---- */

size_t
bp_told_bytes(int m)
{
	return (BP_GD_STEPS * BP_TOLD + BP_END_VALUES) * (size_t)m * sizeof(double);
}

double *
bp_told_energy(double *told, int m, int e)
{
	return told + (size_t)e * BP_TOLD * (size_t)m;
}

double *
bp_told_values(double *told, int m, int e)
{
	return bp_told_energy(told, m, e) + m;
}

double *
bp_told_step(double *told, int m, int e)
{
	return bp_told_values(told, m, e) + BP_SOURCE_ROW * (size_t)m;
}

double *
bp_told_end(double *told, int m)
{
	return bp_told_energy(told, m, BP_GD_STEPS);
}

bool
bp_told_moved(double *told, int m, int e)
{
	bool moved = false;

	for (int i = 0; i < m; i++)
		moved = moved || bp_told_step(told, m, e)[BP_STEP_VALUES * i + BP_STEP_MOVED] > 0;
	return moved;
}

/* ---- the log ---- */

int
bp_guiding_log_open(struct bp_guiding_log *l, const struct bp_guide_source *source, int guided, int room, int columns, struct bp_arena *mem,
    struct bp_err *err)
{
	*l = (struct bp_guiding_log) { .source = source, .guided = guided, .room = room, .columns = BP_LOG_OWN + columns };
	BP_NEW(l->row, (size_t)room * (size_t)guided * (size_t)l->columns, mem, err);
	return BP_OK;
}

double *
bp_guiding_log_at(const struct bp_guiding_log *l, int row, int sample)
{
	return l->row + ((size_t)row * (size_t)l->guided + (size_t)sample) * (size_t)l->columns;
}

void
bp_guiding_log_note(struct bp_guiding_log *l, int step, int interval, int evaluations, double *told)
{
	const double *end = bp_told_end(told, l->guided);

	for (int e = 0; e < evaluations; e++) {
		bp_assert(l->rows < l->room);
		for (int i = 0; i < l->guided; i++) {
			double *row = bp_guiding_log_at(l, l->rows, i);
			row[BP_LOG_STEP] = step, row[BP_LOG_GD_STEP] = e * interval, row[BP_LOG_ENERGY] = bp_told_energy(told, l->guided, e)[i];
			row[BP_LOG_DISPLACEMENT] = end[BP_END_VALUES * i + BP_END_LONGEST], row[BP_LOG_SCALED] = end[BP_END_VALUES * i + BP_END_SCALED];
			memcpy(row + BP_LOG_OWN, bp_told_values(told, l->guided, e) + BP_SOURCE_ROW * i, (size_t)l->source->columns * sizeof *row);
		}
		l->rows++;
		if (!bp_told_moved(told, l->guided, e))
			break;
	}
}

/* ---- in a record ---- */

int
bp_guiding_put_number(struct bp_val *map, const char *key, double x, struct bp_arena *mem, struct bp_err *err)
{
	return bp_val_set(map, key, isfinite(x) ? bp_val_real(mem, x, err) : bp_val_nil(mem, err), mem, err);
}

static const char *
column_name(const struct bp_guiding_log *l, int i)
{
	static const char *const own[BP_LOG_OWN] = { "step", "gd_step", "energy", "max_displacement", "scaled" };

	return i < BP_LOG_OWN ? own[i] : l->source->column[i - BP_LOG_OWN];
}

int
bp_guiding_log_step(const struct bp_guiding_log *l, int step, struct bp_val *list, struct bp_arena *mem, struct bp_err *err)
{
	for (int i = 0; i < l->guided && l->rows && bp_guiding_log_at(l, l->rows - 1, i)[BP_LOG_STEP] == step; i++) {
		struct bp_val *map = bp_val_map(mem, err);
		BP_TRY(bp_val_push(list, map, mem, err));
		for (int c = BP_LOG_GD_STEP; c < BP_LOG_OWN + l->source->columns; c++)
			BP_TRY(bp_guiding_put_number(map, column_name(l, c), bp_guiding_log_at(l, l->rows - 1, i)[c], mem, err));
	}
	return BP_OK;
}

int
bp_guiding_log_put(const struct bp_guiding_log *l, int number, struct bp_val *guide, struct bp_rec *rec, struct bp_err *err)
{
	const int columns = BP_LOG_OWN + l->source->columns, guided = l->guided;
	struct bp_val *names = bp_val_arr(rec->mem, err);
	struct bp_tensor *t;
	char name[32];

	BP_TRY(bp_val_set(guide, "columns", names, rec->mem, err));
	for (int i = 0; i < columns; i++)
		BP_TRY(bp_val_push(names, bp_val_str(rec->mem, column_name(l, i), err), rec->mem, err));
	snprintf(name, sizeof name, "guide_log_%d", number);
	BP_TRY(bp_rec_add(&t, rec, name, BP_F64, BP_SHAPE(l->rows, guided, columns), err));
	for (int row = 0; row < l->rows; row++)
		for (int i = 0; i < guided; i++)
			memcpy((double *)t->data + ((size_t)row * (size_t)guided + (size_t)i) * (size_t)columns,
			    bp_guiding_log_at(l, row, i), (size_t)columns * sizeof(double));
	return BP_OK;
}

int
bp_guiding_put_scores(const struct bp_guide_source *source, const char *name, const struct bp_val *samples, struct bp_rec *rec, struct bp_err *err)
{
	struct bp_val *scores = bp_val_get(rec->meta, "scores"), *list = bp_val_arr(rec->mem, err);
	struct bp_arena *mem = rec->mem;

	if (!scores) {
		scores = bp_val_map(mem, err);
		BP_TRY(bp_val_set(rec->meta, "scores", scores, mem, err));
	}
	for (size_t i = 0; i < bp_val_count(samples); i++) {
		struct bp_val *from = bp_val_at(samples, i), *to = from;
		if (source->params->section == BP_GUIDE_RG) {
			double rg = bp_val_num(bp_val_get(from, "rg"), NAN),
			       want = bp_val_num(bp_val_get(from, "target_rg"), NAN);
			to = bp_val_map(mem, err);
			BP_TRY(bp_val_set(to, "guided", bp_val_get(from, "guided"), mem, err));
			BP_TRY(bp_guiding_put_number(to, "final_rg", rg, mem, err));
			BP_TRY(bp_guiding_put_number(to, "target_rg", want, mem, err));
			BP_TRY(bp_guiding_put_number(to, "rg_error", rg - want, mem, err));
			BP_TRY(bp_guiding_put_number(to, "rg_relative_error", 100 * (rg - want) / want, mem, err));
		}
		BP_TRY(bp_val_push(list, to, mem, err));
	}
	return bp_val_set(scores, name, list, mem, err);
}
