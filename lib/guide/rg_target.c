/* lib/guide/rg_target.c */
#include "guide/rg_target.h"

#include <string.h>

#include "guide/debye.h"

/* a [n] of y [n,3], in host memory */
static int
exposed_of(double *a, const struct bp_debye *d, const double *y)
{
	const size_t n = (size_t)d->p->n;
	struct bp_mark mark = bp_dev_mark(d->cx);
	const void *up;
	double *out;

	BP_TRY(bp_dev_upload(d->cx, &up, y, 3 * n * sizeof *y));
	BP_DEV_NEW(out, n, d->cx);
	BP_TRY(bp_debye_exposed(out, d, 1, up));
	BP_TRY(bp_dev_download(d->cx, a, out, n * sizeof *a));
	bp_dev_release(d->cx, mark);
	return BP_OK;
}

int
bp_rg_weights(double *w, const struct bp_atoms *a, const double *x, enum bp_rg_weights weights, double c2,
    struct bp_ctx *cx, struct bp_arena *mem, struct bp_err *err)
{
	static const double zero = 0;
	struct bp_mark mark = bp_arena_mark(mem);
	struct bp_particle *p;
	struct bp_debye *d;
	double *y, *exposed, radius;

	if (weights == BP_RG_UNIT) {
		for (int i = 0; i < a->n; i++)
			w[i] = a->mask[i];
		return BP_OK;
	}
	BP_TRY(bp_particle_new(&p, a->n, a->z, a->n_h, a->mask, mem, err));
	if (weights == BP_RG_MASS) {
		bp_particle_masses(w, p);
	} else {
		BP_NEW(y, 3 * (size_t)p->n, mem, err);
		BP_NEW(exposed, p->n, mem, err);
		cx->err = err; /* where ops tell */
		BP_TRY(bp_debye_open(&d, cx, p, &zero, 1, BP_DEBYE_DIRECT, mem, err));
		BP_TRY(bp_particle_centre(y, &radius, p, x, err));
		BP_TRY(exposed_of(exposed, d, y));
		bp_particle_contrast(w, p, c2, exposed);
	}
	bp_arena_release(mem, mark);
	return BP_OK;
}

/* "A, B, C" of the sites [0, n) */
static int
chain_names(char *buf, size_t size, const struct bp_sites *s, int n)
{
	size_t at = 0;
	int seen = 0;

	*buf = 0;
	for (int i = 0; i < n; i++) {
		bool new = i == 0 || strcmp(s->site[i].chain, s->site[i - 1].chain);
		for (int k = 0; k < i && new; k += 1)
			new = strcmp(s->site[i].chain, s->site[k].chain) != 0;
		if (new &&at + strlen(s->site[i].chain) + 8 < size)
			at += (size_t)snprintf(buf + at, size - at, "%s%s", seen ? ", " : "", s->site[i].chain);
		seen += new;
	}
	return seen;
}

/* leave only the chain's atoms in the mask */
static int
choose_chain(struct bp_atoms *a, const struct bp_sites *s, const struct bp_rg_file *f, struct bp_err *err)
{
	char names[256];
	bool found = false;

	for (int i = 0; i < a->n; i++) {
		bool of_it = !strcmp(s->site[i].chain, f->chain);
		found = found || of_it;
		a->mask[i] = a->mask[i] && of_it;
	}
	if (found)
		return BP_OK;
	chain_names(names, sizeof names, s, a->n);
	return BP_FAIL(err, BP_EINPUT, "give one of them", "%s: no chain %s; it has %s", f->path, f->chain, names);
}

int
bp_rg_of_file(double *rg, const struct bp_rg_file *f, struct bp_ctx *cx, const struct bp_ccd *ccd, struct bp_arena *mem,
    struct bp_err *err)
{
	struct bp_mark mark = bp_arena_mark(mem);
	struct bp_sites *s;
	struct bp_atoms *a;
	struct bp_rg r;
	uint8_t *mask;
	double *w;
	int st;

	BP_TRY(bp_sites_read(&s, f->path, BP_ALT_FIRST, mem, err));
	if ((st = bp_atoms_of_sites(&a, s, 0, bp_sites_model(s, 0), ccd, mem, err)) != BP_OK) {
		bp_err_where(err, "%s", f->path);
		return st;
	}
	if (f->chain)
		BP_TRY(choose_chain(a, s, f, err));
	BP_NEW(mask, a->n, mem, err);
	BP_NEW(w, a->n, mem, err);
	bp_atoms_select(mask, a, f->selection);
	if ((st = bp_rg_weights(w, a, a->x, f->weights, f->c2, cx, mem, err)) == BP_OK
	    && (st = bp_rg_of(&r, NULL, NULL, a->n, a->x, w, mask, f->method, f->threshold, mem, err)) == BP_OK
	    && r.degenerate)
		st = BP_FAIL(err, BP_EINPUT, "take another selection",
		    "%d atoms are selected: they have no radius of gyration", r.atoms);
	if (st != BP_OK) {
		bp_err_where(err, "%s", f->path);
		return st;
	}
	*rg = r.rg;
	bp_arena_release(mem, mark);
	return BP_OK;
}
