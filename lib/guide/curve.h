/* lib/guide/curve.h: a measured SAXS curve: reading it, and its Guinier radius of gyration.
 * Units: q = 4 pi sin(theta) / lambda in 1/A, intensities in the file's own scale. */
#ifndef BP_CURVE_H
#define BP_CURVE_H

#include <stdbool.h>

#include "base/arena.h"

enum bp_qunit { BP_Q_GUESS, BP_Q_A, BP_Q_NM };

struct bp_curve_opt {
	enum bp_qunit unit;  /* BP_Q_GUESS: from the header, else 1/nm when the last q is above 2 */
	double q_min, q_max; /* 1/A, the rows kept; q_max 0: all                                  */
	int max_points;      /* thin to equally spaced rows; 0: all                               */
};

struct bp_curve {
	const char *path;
	int n;                       /* rows, >= 10                                             */
	const double *q, *i, *sigma; /* [n], q > 0 rising, sigma > 0, all finite                */
	/* what was done, for the log */
	int rows;                /* rows of the file's table                                */
	int dropped, duplicates; /* rows that are no data, rows of an equal q               */
	int used_of;             /* rows before q_min, q_max and max_points                 */
	bool sorted, invented;   /* q was not rising; sigma was made up (two columns)       */
	bool guessed;            /* the unit was not said                                   */
	enum bp_qunit unit;      /* of the file, BP_Q_A or BP_Q_NM                          */
};

/* Read the longest run of lines of numbers of a text file (q, I, sigma, more columns ignored; blank lines, headers and
 * trailers in any number; separators blank, tab, comma, semicolon; line ends LF, CR LF, CR; exponents with D). o may be
 * NULL. BP_EIO: cannot be read; BP_EINPUT, naming the file: no table, fewer than 10 rows left, more than 256 MiB. */
int bp_curve_read(struct bp_curve **ret, const char *path, const struct bp_curve_opt *o, struct bp_arena *mem,
    struct bp_err *err) BP_MUST_USE;
/* The same of n bytes in memory; name is used in messages. */
int bp_curve_read_mem(struct bp_curve **ret, const char *name, const char *text, size_t n, const struct bp_curve_opt *o,
    struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

struct bp_guinier {
	double rg, rg_sigma, i0, i0_sigma; /* A and the curve's scale; sigmas 0 for a fixed range */
	int first, last;                   /* rows among those with I > 0                         */
	int points, intervals;             /* points of the range; intervals that were averaged   */
	double q_min, q_max;               /* 1/A                                                 */
	double confidence;                 /* 0 .. 1, automatic only; below 0.3 is doubtful       */
	double curvature; /* of ln I over q^2, / rg^4; > 0 aggregation, < 0 repulsion; automatic only */
	bool relaxed;     /* only q Rg <= 1.56 gave an interval                  */
};

/* The weighted line through ln I over q^2, weights (I / sigma)^2, over every interval that qualifies. BP_EINPUT: none
 * does. */
int bp_guinier_auto(
    struct bp_guinier *ret, const struct bp_curve *c, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;
/* The same over q_min <= q <= q_max only. BP_EINPUT: fewer than 5 points, or not falling. Check q_max * rg <= 1.3 after
 * it. */
int bp_guinier_fixed(
    struct bp_guinier *ret, const struct bp_curve *c, double q_min, double q_max, struct bp_err *err) BP_MUST_USE;

#endif
