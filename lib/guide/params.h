/* lib/guide/params.h: the vocabulary of guidance and scoring: one table of keys for the input file's sections
 * `guidance:` and `scoring:`, for `--guide`, and for the programs' own options. Units: A, 1/A. */
#ifndef BP_GUIDE_PARAMS_H
#define BP_GUIDE_PARAMS_H

#include <stdio.h>

#include "base/opt.h"
#include "base/val.h"
#include "guide/rg.h"
#include "guide/saxs.h"

/* sections a key belongs to */
enum { BP_GUIDE_SAXS = 1, BP_GUIDE_RG = 2, BP_GUIDE_EXEC = 4, BP_SCORE_SAXS = 8 };

/* Values of one section, named as its keys. Words are strings of the table; paths and strings NULL: not given. */
struct bp_guide_params {
	int section;
	/* the step */
	double guidance_weight; /* NaN: not given, see bp_guide_weight */
	int guidance_interval, ramp_steps;
	const char *step;
	double smoothing, max_displacement_per_step, start_time, min_sigma, resampling_weight;
	/* saxs, scoring.saxs */
	const char *experimental_data;
	double gradient_epsilon, c1, c2, q_min, q_max;
	const char *gradient_method, *model, *method, *q_unit, *energy, *output_dir;
	bool fit_c1, fit_c2, offset;
	int max_q_points;
	/* rg */
	double target_rg, force_constant, outlier_threshold, min_force_constant, gradient_capping, raw_guidance_weight;
	double hydration_shift;
	const char *saxs_file_path, *reference_pdb_path, *pdb_chain_id, *pdb_atom_selection, *atom_selection;
	const char *rg_calculation_method, *weights, *guinier;
	bool mass_weighted, robust_mode, force_ramping;
	int ramping_steps;
	/* exec */
	const char *command;
	double timeout;
	/* what was given */
	double idle[2];     /* keys without effect */
	const char *unused; /* those of them that were given, for one warning a run; or NULL */
	uint64_t given;     /* bit i: key i of the table */
};

/* Keys of a section, for tables and options: key i, or NULL beyond the last. */
struct bp_guide_key {
	const char *name;
	int sections;
	enum bp_opttype type; /* BP_OPT_FLAG, INT, NUM, STR, WORD */
	size_t field;         /* in struct bp_guide_params        */
	const char *range;    /* as in opt.h                      */
	const char *unit;     /* or NULL                          */
	const char *initial;  /* NULL: none                       */
	const char *help;
};
const struct bp_guide_key *bp_guide_key(int i);
bool bp_guide_has_effect(const struct bp_guide_key *k); /* false: of others' files, taken and not used */

/* The keys of some sections as options of a program whose option struct holds a bp_guide_params at offset `at`: d[n]
 * gets up to room entries (hyphens for underscores), the number is returned. */
int bp_guide_options(struct bp_optdef *d, int room, int sections, size_t at, struct bp_arena *mem, struct bp_err *err);

/* All defaults of a section. */
void bp_guide_defaults(struct bp_guide_params *p, int section);

/* One key from text. BP_EUSAGE: unknown (names the nearest known one), or a value that does not fit. `weight` and
 * `interval` stand for guidance_weight and guidance_interval; hyphens for underscores. */
int bp_guide_set(struct bp_guide_params *p, const char *key, const char *value, struct bp_arena *mem,
    struct bp_err *err) BP_MUST_USE;

/* A section of an input file: a map, or nil. Defaults first, then its keys, then what must be there. BP_EINPUT. */
int bp_guide_from_val(struct bp_guide_params *p, int section, const struct bp_val *v, struct bp_arena *mem,
    struct bp_err *err) BP_MUST_USE;

/* A section's keys onto p as it is; was a key given? */
int bp_guide_take(
    struct bp_guide_params *p, const struct bp_val *v, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;
bool bp_guide_given(const struct bp_guide_params *p, const char *key);

/* *ret: the keys of section `of`, with commas between them, that p has another value of than the default and that do
 * nothing where p's section is worked on: for the options of a program; NULL: none. */
int bp_guide_idle(
    const char **ret, const struct bp_guide_params *p, int of, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;
#define BP_GUIDE_FITTED " (it is fitted)" /* why c1, c2 may be among them */
/* such a list (NULL: none yet) and another name, once */
int bp_guide_add_idle(const char **list, const char *name, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

/* The guides of a section `guidance:`, in its order: maps `saxs`, `rg`, `exec`, or lists of such maps. (scoring != 0:
 * of a section `scoring:`, map `saxs`.) *ret [*n]. */
int bp_guide_section(struct bp_guide_params **ret, int *n, const struct bp_val *v, bool scoring, struct bp_arena *mem,
    struct bp_err *err) BP_MUST_USE;

/* A word of the command line: [saxs:]FILE,key=value,...  rg:TARGET,key=value,... (a number, a structure file, else a
 * curve)  exec[,key=value,...]:COMMAND. BP_EUSAGE. */
int bp_guide_from_spec(
    struct bp_guide_params *p, const char *spec, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

/* What a section needs beside the values' ranges: a curve, one target ... BP_EUSAGE. A second target of Rg is left out,
 * and named in p->unused. */
int bp_guide_check(struct bp_guide_params *p, struct bp_err *err) BP_MUST_USE;

/* Every key of the section with its value, as a map. NULL: no memory. */
struct bp_val *bp_guide_to_val(const struct bp_guide_params *p, struct bp_arena *mem, struct bp_err *err);
/* The table for people: a line a key. */
void bp_guide_print_keys(FILE *f);

static inline double
bp_guide_weight(const struct bp_guide_params *p)
{
	return p->guidance_weight == p->guidance_weight      ? p->guidance_weight
	    : p->section == BP_GUIDE_RG && p->step[0] == 'r' ? 1.0
	                                                     : 0.1;
}

/* The options of the library that the values stand for. Scoring lets c2 be negative, guidance does not. */
void bp_guide_saxs_opt(struct bp_saxs_opt *o, const struct bp_guide_params *p);
void bp_guide_curve_opt(struct bp_curve_opt *o, const struct bp_guide_params *p);
void bp_guide_rg_opt(struct bp_rg_opt *o, const struct bp_guide_params *p);

#endif
