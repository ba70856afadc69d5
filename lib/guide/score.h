/* lib/guide/score.h: conformers against a measured curve: what `guide-saxs` says of each. Units: A, 1/A. */
#ifndef BP_SCORE_H
#define BP_SCORE_H

#include "guide/atoms.h"
#include "guide/cormap.h"
#include "guide/params.h"

struct bp_score {
	struct bp_fit fit;
	double rg_calculated; /* of the contrast that the fitted model has: what a curve shows; NaN: it has none, or nothing of
	                       * the model is in the fit (scale 0)                                                    */
	double rg_atoms;      /* of the places of the atoms that count                                           */
	double dmax;          /* largest distance of two of them                                                 */
	struct bp_cormap cormap;
	double confidence; /* 1 at chi2_reduced 1, falling to 0 on both sides */
};

/* A curve and how models are fitted to it. */
struct bp_scorer {
	struct bp_ctx *cx;
	struct bp_guide_params p;
	struct bp_saxs_opt o;
	struct bp_curve *curve;
	struct bp_guinier guinier; /* of the curve */
	bool has_guinier;
	struct bp_told told; /* of the records so far */
	struct bp_arena *kept; /* what follows: of the last composition, as successive records are often of one */
	struct bp_particle *particle; /* NULL: none yet */
	struct bp_saxs *saxs;
	int32_t *z, *n_h; /* [particle->natoms] */
	uint8_t *mask;
};

/* The curve p->experimental_data is read, and told on stderr (tell). Lives in mem, but for what bp_score_close frees.
 * Errors: those of bp_curve_read, bp_saxs_open. */
int bp_score_open(struct bp_scorer **ret, struct bp_ctx *cx, const struct bp_guide_params *p, bool tell,
    struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;
void bp_score_close(struct bp_scorer *s); /* NULL is fine */

/* ret [a->samples]; fitted [a->samples,nq] = scale I + offset, or NULL. */
int bp_score_atoms(struct bp_score *ret, double *fitted, struct bp_scorer *s, const struct bp_atoms *a,
    struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

/* The numbers of a sample as a map, with those of the curve beside them. NULL: no memory. */
struct bp_val *bp_score_val(
    const struct bp_score *r, const struct bp_scorer *s, struct bp_arena *mem, struct bp_err *err);

/* Score a structures record: meta.scores.saxs, an array of such maps, and the tensors saxs_curve [nq,3] and saxs_fit
 * [M,nq] (doc/wire.md). ensemble: also ensemble_weight of each sample in the mixture that fits best, and the mixture's
 * ensemble_chi2_reduced and ensemble_c2. */
int bp_score_record(struct bp_rec *rec, struct bp_scorer *s, bool ensemble, struct bp_err *err) BP_MUST_USE;

/* rec's meta.scores.NAME = list, an array of a map a sample, replacing one of that name. */
int bp_scores_put(struct bp_rec *rec, const char *name, struct bp_val *list, struct bp_err *err) BP_MUST_USE;

/* w [particle->n] by place: the electrons in excess of solvent that the fit f gives each atom. */
void bp_score_contrast(
    double *w, const struct bp_particle *p, const struct bp_fit *f, enum bp_saxs_level level, const double *exposed);

/* One line on stderr: points, q range, unit, what was left out, Guinier radius and its quality. */
void bp_curve_tell(const struct bp_curve *c, struct bp_arena *mem);

#endif
