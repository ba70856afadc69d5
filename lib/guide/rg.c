/* lib/guide/rg.c: contents: Rg, energy, raw guidance. */
#include "guide/rg.h"

#include <math.h>
#include <string.h>

int
bp_rg_refuse(enum bp_rg_fault fault, int at, const struct bp_rg *r, struct bp_err *err)
{
	if (fault == BP_RG_NOT_FINITE)
		return BP_FAIL(err, BP_ENUM, NULL, "atom %d: its coordinates are not finite", at);
	if (fault == BP_RG_NO_WEIGHT)
		return BP_FAIL(err, BP_ENUM, "take other weights",
		    "the weights of %d atoms do not add up to more than 0", r->atoms);
	if (fault == BP_RG_NO_RADIUS)
		return BP_FAIL(err, BP_ENUM, "take other weights",
		    "the weights of %d atoms give no radius of gyration", r->kept);
	return BP_OK;
}

int
bp_rg_of(struct bp_rg *ret, double *grad, uint8_t *kept, int n, const double *x, const double *w, const uint8_t *mask,
    enum bp_rg_method method, double threshold, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_mark mark = bp_arena_mark(mem);
	struct bp_rg_near *near;
	uint8_t *keep;
	int at = 0;

	BP_NEW(keep, n, mem, err);
	BP_NEW(near, 2 * (size_t)n, mem, err);
	for (int i = 0; i < n; i++)
		keep[i] = !mask || mask[i];
	enum bp_rg_fault fault = bp_rg_find(ret, grad, keep, &at, n, x, w, method, threshold, near);
	BP_TRY(bp_rg_refuse(fault, at, ret, err));
	if (kept)
		memcpy(kept, keep, (size_t)n);
	bp_arena_release(mem, mark);
	return BP_OK;
}

double
bp_rg_force_constant(const struct bp_rg_opt *o, int step)
{
	if (!o->ramp || step >= o->ramp_steps)
		return o->k;
	return o->k_min + (o->k - o->k_min) * step / o->ramp_steps;
}

int
bp_rg_energy(struct bp_rg *ret, double *grad, int n, const double *x, const double *w, const uint8_t *mask,
    const struct bp_rg_opt *o, int step, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_mark mark = bp_arena_mark(mem);
	uint8_t *kept;

	*ret = (struct bp_rg) { 0 };
	if (!(o->target > 0) || !isfinite(o->target))
		return BP_FAIL(err, BP_EUSAGE, "give a radius in A", "target_rg %g is not above 0", o->target);
	BP_NEW(kept, n, mem, err);
	BP_TRY(bp_rg_of(ret, grad, kept, n, x, w, mask, o->method, o->threshold, mem, err));
	bp_rg_pull(ret, grad, kept, n, o->target, bp_rg_force_constant(o, step), o->cap);
	bp_arena_release(mem, mark);
	return BP_OK;
}

int
bp_rg_raw(double *x, int n, const double *w, const uint8_t *mask, const struct bp_rg_opt *o, double weight,
    double sigma, struct bp_arena *mem, struct bp_err *err)
{
	static const double sigma_ref = 800, least = 0.05, most = 0.5;
	struct bp_mark mark = bp_arena_mark(mem);
	double factor = 1 - sigma / sigma_ref, rg, *g;
	struct bp_rg r;

	if (!(factor >= least) || weight == 0)
		return BP_OK;
	BP_NEW(g, 3 * (size_t)n, mem, err);
	BP_TRY(bp_rg_of(&r, g, NULL, n, x, w, mask, o->method, o->threshold, mem, err));
	rg = sqrt(fmax(1, r.rg * r.rg - 3 * sigma * sigma));
	for (int i = 0; i < n; i++) {
		double *s = g + 3 * i, length = 0;
		for (int d = 0; d < 3; d++) {
			s[d] *= weight * factor * 0.01 * (rg - o->target);
			length += s[d] * s[d];
		}
		for (int d = 0; d < 3; d++)
			x[3 * i + d] -= s[d] * (sqrt(length) > most ? most / sqrt(length) : 1);
	}
	bp_arena_release(mem, mark);
	return BP_OK;
}
