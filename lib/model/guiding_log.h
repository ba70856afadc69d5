/* lib/model/guiding_log.h: what a guide found in a run of the sampler: a row for each evaluation and guided sample, and how it is told in a
 * record (guiding.h says what). Units: A. */
#ifndef BP_GUIDING_LOG_H
#define BP_GUIDING_LOG_H

#include "guide/source.h"
#include "ops/guide_end.h"
#include "ops/guide_step.h"
#include "stream/rec.h"

/* What the inner steps of a diffusion step of m samples tell, one behind the other, so that one copy brings it to the host: for each of
 * BP_GD_STEPS evaluations energy [m], values [m,BP_SOURCE_ROW], then of guide_step [m,BP_STEP_VALUES]; behind them, of guide_end,
 * [m,BP_END_VALUES]. told: where that begins, on either. */
enum { BP_GD_STEPS = 20 }; /* inner steps of a diffusion step (num_gd_steps) */
enum { BP_TOLD = 1 + BP_SOURCE_ROW + BP_STEP_VALUES };
size_t bp_told_bytes(int m);
double *bp_told_energy(double *told, int m, int e);
double *bp_told_values(double *told, int m, int e);
double *bp_told_step(double *told, int m, int e);
double *bp_told_end(double *told, int m);
bool bp_told_moved(double *told, int m, int e); /* did any sample move after evaluation e? host memory */

/* columns of the log, before the source's */
enum { BP_LOG_STEP, BP_LOG_GD_STEP, BP_LOG_ENERGY, BP_LOG_DISPLACEMENT, BP_LOG_SCALED, BP_LOG_OWN };

struct bp_guiding_log {
	const struct bp_guide_source *source;
	int guided, rows, room; /* samples; rows of all of them, and the most */
	int columns;            /* that a row has room for; those of an exec source are known at the end only */
	double *row;            /* [room,guided,columns] */
};

/* room: the most evaluations of the run; columns: the most of the source's own */
int bp_guiding_log_open(struct bp_guiding_log *l, const struct bp_guide_source *source, int guided, int room, int columns,
    struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;
double *bp_guiding_log_at(const struct bp_guiding_log *l, int row, int sample); /* [columns] */
/* Rows for the evaluations of a diffusion step that was told, `interval` inner steps apart; the last is that after which nothing moved. */
void bp_guiding_log_note(struct bp_guiding_log *l, int step, int interval, int evaluations, double *told);

/* The last row of the step, if it has one: maps at the end of list. */
int bp_guiding_log_step(const struct bp_guiding_log *l, int step, struct bp_val *list, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;
/* guide's "columns" and the tensor guide_log_NUMBER */
int bp_guiding_log_put(const struct bp_guiding_log *l, int number, struct bp_val *guide, struct bp_rec *rec, struct bp_err *err) BP_MUST_USE;
/* meta.scores.NAME: of samples, the maps that say what the source finds of the final ones, what is told with the confidence of each */
int bp_guiding_put_scores(const struct bp_guide_source *source, const char *name, const struct bp_val *samples, struct bp_rec *rec,
    struct bp_err *err) BP_MUST_USE;
/* key = x, or nil where it is not finite */
int bp_guiding_put_number(struct bp_val *map, const char *key, double x, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

#endif
