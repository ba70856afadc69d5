/* lib/guide/score.c: contents: the curve; the composition; scores; as values; records. */
#include "guide/score.h"

#include <string.h>

#include "base/log.h"
#include "guide/nnls.h"
#include "guide/pr.h"
#include "guide/tables.h"

enum { CHUNK = 16 }; /* samples at once: memory does not grow with their number */

/* ---- the curve ---- */

void
bp_curve_tell(const struct bp_curve *c, struct bp_arena *mem)
{
	struct bp_mark mark = bp_arena_mark(mem);
	struct bp_err why = { 0 };
	struct bp_guinier g;
	char left[128] = "", rg[160];
	size_t n = 0;

	if (c->dropped)
		n += (size_t)snprintf(left + n, sizeof left - n, ", %d of %d rows dropped", c->dropped, c->rows);
	if (c->duplicates)
		n += (size_t)snprintf(left + n, sizeof left - n, ", %d of an equal q left out", c->duplicates);
	if (c->used_of > c->n)
		n += (size_t)snprintf(left + n, sizeof left - n, ", of %d rows of data", c->used_of);
	if (c->sorted)
		n += (size_t)snprintf(left + n, sizeof left - n, ", sorted by q");
	if (bp_guinier_auto(&g, c, mem, &why) == BP_OK)
		snprintf(rg, sizeof rg, "Guinier Rg %.2f +- %.2f A (q %.4g to %.4g, confidence %.2f of 1%s)", g.rg,
		    g.rg_sigma, g.q_min, g.q_max, g.confidence,
		    g.confidence < 0.3 ? ": doubtful"
		        : g.relaxed    ? ", q Rg above 1.3"
		                       : "");
	else
		snprintf(rg, sizeof rg, "no Guinier range");
	bp_log(BP_LOG_WARN, "%s: %d points, q %.4g to %.4g 1/A (file in %s%s)%s%s; %s", c->path, c->n, c->q[0],
	    c->q[c->n - 1], c->unit == BP_Q_NM ? "1/nm" : "1/A", c->guessed ? ", guessed" : "", left,
	    c->invented ? ", sigma: invented (1 % of I and 0.1 % of the largest)" : "", rg);
	bp_arena_release(mem, mark);
}

int
bp_score_open(struct bp_scorer **ret, struct bp_ctx *cx, const struct bp_guide_params *p, bool tell,
    struct bp_arena *mem, struct bp_err *err)
{
	struct bp_curve_opt co;
	struct bp_arena *work;
	struct bp_scorer *s;

	*ret = NULL;
	BP_NEW(s, 1, mem, err);
	s->cx = cx;
	s->p = *p;
	bp_guide_curve_opt(&co, p);
	bp_guide_saxs_opt(&s->o, p);
	BP_TRY(bp_curve_read(&s->curve, p->experimental_data, &co, mem, err));
	BP_TRY(bp_arena_open(&work, 0, err)); /* of a long curve it is much, and mem would keep it */
	s->has_guinier = bp_guinier_auto(&s->guinier, s->curve, work, NULL) == BP_OK;
	if (tell)
		bp_curve_tell(s->curve, work);
	bp_arena_close(work);
	BP_TRY(bp_arena_open(&s->kept, 0, err));
	*ret = s;
	return BP_OK;
}

void
bp_score_close(struct bp_scorer *s)
{
	if (s)
		bp_arena_close(s->kept);
}

/* ---- the composition ---- */

static bool
same_composition(const struct bp_scorer *s, const struct bp_atoms *a)
{
	const size_t n = (size_t)a->n;

	return s->particle && s->particle->natoms == a->n && !memcmp(s->z, a->z, n * sizeof *a->z)
	    && !memcmp(s->n_h, a->n_h, n * sizeof *a->n_h) && !memcmp(s->mask, a->mask, n);
}

static int
take_composition(struct bp_scorer *s, const struct bp_atoms *a, struct bp_err *err)
{
	const size_t n = (size_t)a->n;

	if (same_composition(s, a))
		return BP_OK;
	s->particle = NULL;
	bp_arena_reset(s->kept);
	BP_NEW(s->z, n, s->kept, err);
	BP_NEW(s->n_h, n, s->kept, err);
	BP_NEW(s->mask, n, s->kept, err);
	memcpy(s->z, a->z, n * sizeof *a->z);
	memcpy(s->n_h, a->n_h, n * sizeof *a->n_h);
	memcpy(s->mask, a->mask, n);
	struct bp_particle *p;
	BP_TRY(bp_particle_new(&p, a->n, s->z, s->n_h, s->mask, s->kept, err));
	BP_TRY(bp_saxs_open(&s->saxs, s->cx, p, s->curve, &s->o, s->kept, err));
	s->particle = p;
	return BP_OK;
}

/* ---- scores ---- */

void
bp_score_contrast(
    double *w, const struct bp_particle *p, const struct bp_fit *f, enum bp_saxs_level level, const double *exposed)
{
	const double g = level == BP_SAXS_VACUUM ? 0 : f->c1 * f->c1 * f->c1, layer = f->c2 * bp_f_water(0);

	for (int t = 0; t < p->ntypes; t++) {
		double own = bp_f_vacuum(p->z[t], p->n_h[t], 0) - g * bp_f_solvent(p->z[t], p->n_h[t], 0);
		for (int i = p->start[t]; i < p->start[t + 1]; i++)
			w[i] = own + (exposed ? layer * exposed[i] : 0);
	}
}

/* radii and Dmax of conformer y [n,3] by place */
static int
measure(struct bp_score *r, const struct bp_scorer *s, const double *y, const double *exposed, struct bp_arena *mem,
    struct bp_err *err)
{
	const int n = s->particle->n;
	struct bp_mark mark = bp_arena_mark(mem);
	struct bp_rg rg;
	double *w, all = 0;

	BP_NEW(w, n, mem, err);
	bp_score_contrast(w, s->particle, &r->fit, s->o.fit.level, exposed);
	for (int i = 0; i < n; i++)
		all += w[i];
	for (int i = 0; i < n && all < 0; i++) /* what is less dense than water scatters as its negative */
		w[i] = -w[i];
	r->rg_calculated = r->fit.scale > 0
	        && bp_rg_of(&rg, NULL, NULL, n, y, w, NULL, BP_RG_STANDARD, 0, mem, NULL) == BP_OK
	    ? rg.rg
	    : NAN;
	BP_TRY(bp_rg_of(&rg, NULL, NULL, n, y, NULL, NULL, BP_RG_STANDARD, 0, mem, err));
	r->rg_atoms = rg.rg;
	r->dmax = bp_dmax(y, n);
	bp_arena_release(mem, mark);
	return BP_OK;
}

/* the fork's: a parabola up to 1, then an exponential */
static double
confidence(double x)
{
	return fmax(0, x <= 1 ? 1 - 0.2 * (x - 1) * (x - 1) : exp(-(x - 1) / 2));
}

/* b conformers x [b,natoms,3]; fitted [b,nq] */
static int
score_some(struct bp_score *ret, double *fitted, struct bp_scorer *s, int b, const double *x, struct bp_arena *mem,
    struct bp_err *err)
{
	const struct bp_particle *p = s->particle;
	const struct bp_curve *c = s->curve;
	const size_t n = (size_t)p->n, nq = (size_t)c->n;
	struct bp_saxs_result *r;
	double *exposed = NULL, *residual, *y, radius;

	BP_NEW(r, b, mem, err);
	BP_NEW(residual, nq, mem, err);
	BP_NEW(y, 3 * n, mem, err);
	if (s->o.fit.level == BP_SAXS_HYDRATION) {
		BP_NEW(exposed, (size_t)b * n, mem, err);
		BP_TRY(bp_saxs_expose(exposed, s->saxs, b, x, mem, err));
	}
	BP_TRY(bp_saxs_eval(r, NULL, fitted, s->saxs, b, x, exposed, mem, err));
	for (int i = 0; i < b; i++) {
		double *f = fitted + (size_t)i * nq;
		ret[i].fit = r[i].fit;
		for (size_t k = 0; k < nq; k++) {
			f[k] = r[i].fit.scale * f[k] + r[i].fit.offset;
			residual[k] = c->i[k] - f[k];
		}
		bp_cormap(&ret[i].cormap, residual, c->n);
		ret[i].confidence = confidence(r[i].fit.chi2_reduced);
		BP_TRY(bp_particle_centre(y, &radius, p, x + 3 * (size_t)i * (size_t)p->natoms, err));
		BP_TRY(measure(&ret[i], s, y, exposed ? exposed + (size_t)i * n : NULL, mem, err));
	}
	return BP_OK;
}

int
bp_score_atoms(struct bp_score *ret, double *fitted, struct bp_scorer *s, const struct bp_atoms *a,
    struct bp_arena *mem, struct bp_err *err)
{
	const size_t nq = (size_t)s->curve->n;
	struct bp_mark mark = bp_arena_mark(mem);
	double *curve;

	s->cx->err = err; /* where ops tell */
	BP_TRY(take_composition(s, a, err));
	for (int i = 0; i < a->samples; i += CHUNK) {
		struct bp_mark some = bp_arena_mark(mem);
		int b = a->samples - i < CHUNK ? a->samples - i : CHUNK;
		if (fitted)
			curve = fitted + (size_t)i * nq;
		else
			BP_NEW(curve, (size_t)b * nq, mem, err);
		BP_TRY(score_some(ret + i, curve, s, b, a->x + 3 * (size_t)i * (size_t)a->n, mem, err));
		bp_arena_release(mem, some);
	}
	bp_arena_release(mem, mark);
	return BP_OK;
}

/* ---- as values ---- */

struct bp_val *
bp_score_val(const struct bp_score *r, const struct bp_scorer *s, struct bp_arena *mem, struct bp_err *err)
{
	static const char *const methods[] = { "auto", "direct", "histogram", "quadrature" };
	const struct bp_fit *f = &r->fit;
	const bool c1 = f->scale > 0 || !s->o.fit.fit_c1, c2 = f->scale > 0 || !s->o.fit.fit_c2; /* else nothing is known */
	const struct {
		const char *key;
		double x;
	} reals[] = { { "chi2", f->chi2 }, { "chi2_reduced", f->chi2_reduced }, { "scale_factor", f->scale },
		{ "shift_parameter", f->offset }, { "c1", c1 ? f->c1 : NAN },
		{ "c2", c2 ? f->c2 : NAN }, { "rg_calculated", r->rg_calculated }, { "rg_atoms", r->rg_atoms }, { "dmax", r->dmax },
		{ "cormap_p", r->cormap.p }, { "confidence_score", r->confidence },
		{ "guinier_rg", s->has_guinier ? s->guinier.rg : NAN },
		{ "guinier_rg_sigma", s->has_guinier ? s->guinier.rg_sigma : NAN },
		{ "guinier_confidence", s->has_guinier ? s->guinier.confidence : NAN } };
	struct bp_val *v = bp_val_map(mem, err);
	int st = v ? BP_OK : BP_EMEM;

	for (size_t i = 0; i < sizeof reals / sizeof *reals && st == BP_OK; i++)
		st = bp_val_set(v, reals[i].key, bp_val_real(mem, reals[i].x, err), mem, err);
	if (st != BP_OK || bp_val_set(v, "cormap_run", bp_val_int(mem, r->cormap.run, err), mem, err) != BP_OK
	    || bp_val_set(v, "n_data_points", bp_val_int(mem, f->n, err), mem, err) != BP_OK
	    || bp_val_set(v, "inverted", bp_val_bool(mem, f->inverted, err), mem, err) != BP_OK
	    || bp_val_set(v, "model", bp_val_str(mem, s->p.model, err), mem, err) != BP_OK
	    || bp_val_set(v, "method", bp_val_str(mem, methods[bp_saxs_debye(s->saxs)->method], err), mem, err) != BP_OK
	    || bp_val_set(v, "curve", bp_val_str(mem, s->curve->path, err), mem, err) != BP_OK)
		return NULL;
	return v;
}

/* ---- records ---- */

int
bp_scores_put(struct bp_rec *rec, const char *name, struct bp_val *list, struct bp_err *err)
{
	struct bp_val *scores = bp_val_get(rec->meta, "scores");

	if (!bp_val_is(scores, BP_MAP)) {
		scores = bp_val_map(rec->mem, err);
		BP_TRY(bp_val_set(rec->meta, "scores", scores, rec->mem, err));
	}
	return bp_val_set(scores, name, list, rec->mem, err);
}

/* the samples' weights in their mixture, into their maps */
static int
add_mixture(
    struct bp_val *list, const struct bp_scorer *s, const struct bp_atoms *a, struct bp_arena *mem, struct bp_err *err)
{
	const size_t size = BP_PROFILES * (size_t)s->curve->n;
	struct bp_mark mark;
	struct bp_ensemble e;
	double *P, *volume, *weights, *exposed, *fitted;

	s->cx->err = err;
	BP_NEW(weights, a->samples, mem, err);
	mark = bp_arena_mark(mem);
	BP_NEW(P, (size_t)a->samples * size, mem, err);
	BP_NEW(volume, a->samples, mem, err);
	BP_NEW(exposed, s->particle->n, mem, err);
	BP_NEW(fitted, s->curve->n, mem, err);
	for (int i = 0; i < a->samples; i++) {
		const double *x = a->x + 3 * (size_t)i * (size_t)a->n;
		volume[i] = s->particle->mean_volume;
		if (s->o.fit.level == BP_SAXS_HYDRATION)
			BP_TRY(bp_saxs_expose(exposed, s->saxs, 1, x, mem, err));
		BP_TRY(bp_saxs_profiles(P + (size_t)i * size, s->saxs, x, exposed));
	}
	BP_TRY(bp_ensemble_fit(&e, weights, fitted, P, volume, a->samples, s->curve, &s->o.fit, mem, err));
	bp_arena_release(mem, mark);
	for (int i = 0; i < a->samples; i++) {
		struct bp_val *v = bp_val_at(list, (size_t)i);
		BP_TRY(bp_val_set(v, "ensemble_weight", bp_val_real(mem, weights[i], err), mem, err));
		BP_TRY(bp_val_set(v, "ensemble_chi2_reduced", bp_val_real(mem, e.fit.chi2_reduced, err), mem, err));
		BP_TRY(bp_val_set(v, "ensemble_c2", bp_val_real(mem, e.fit.c2, err), mem, err));
	}
	return BP_OK;
}

int
bp_score_record(struct bp_rec *rec, struct bp_scorer *s, bool ensemble, struct bp_err *err)
{
	const int64_t nq = s->curve->n;
	struct bp_tensor *curve, *fit;
	struct bp_score *r;
	struct bp_atoms *a;
	struct bp_val *list;
	double *x;

	BP_TRY(bp_atoms_of_next(&a, rec, &s->told, err));
	if (!a->samples)
		return BP_FAIL(err, BP_EINPUT, "run diffuse first", "there are no coordinates");
	BP_NEW(r, a->samples, rec->mem, err);
	BP_TRY(bp_rec_add(&curve, rec, "saxs_curve", BP_F64, 2, (int64_t[]) { nq, 3 }, err));
	BP_TRY(bp_rec_add(&fit, rec, "saxs_fit", BP_F64, 2, (int64_t[]) { a->samples, nq }, err));
	BP_TRY(bp_score_atoms(r, fit->data, s, a, rec->mem, err));
	x = curve->data;
	for (int64_t k = 0; k < nq; k++)
		x[3 * k] = s->curve->q[k], x[3 * k + 1] = s->curve->i[k], x[3 * k + 2] = s->curve->sigma[k];
	if (!(list = bp_val_arr(rec->mem, err)))
		return BP_EMEM;
	for (int i = 0; i < a->samples; i++)
		BP_TRY(bp_val_push(list, bp_score_val(&r[i], s, rec->mem, err), rec->mem, err));
	if (ensemble)
		BP_TRY(add_mixture(list, s, a, rec->mem, err));
	return bp_scores_put(rec, "saxs", list, err);
}
