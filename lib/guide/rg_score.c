/* lib/guide/rg_score.c */
#include "guide/rg_score.h"

#include <math.h>

#include "guide/report.h"
#include "guide/rg_target.h"

static int
one_map(
    struct bp_val **ret, const struct bp_rg_scorer *s, const struct bp_rg *r, struct bp_arena *mem, struct bp_err *err)
{
	const double off = r->rg - s->target;
	const struct {
		const char *key;
		double x;
	} reals[] = { { "final_rg", r->rg }, { "target_rg", s->target }, { "rg_error", off },
		{ "rg_relative_error", 100 * off / s->target } };
	struct bp_val *v = bp_val_map(mem, err);

	for (size_t i = 0; i < (isnan(s->target) ? 1 : sizeof reals / sizeof *reals); i++)
		BP_TRY(bp_val_set(v, reals[i].key, bp_val_real(mem, reals[i].x, err), mem, err));
	BP_TRY(bp_val_set(v, "atoms", bp_val_int(mem, r->atoms, err), mem, err));
	BP_TRY(bp_val_set(v, "kept", bp_val_int(mem, r->kept, err), mem, err));
	BP_TRY(bp_val_set(v, "method", bp_val_str(mem, s->p->rg_calculation_method, err), mem, err));
	BP_TRY(bp_val_set(v, "weights", bp_val_str(mem, s->p->weights, err), mem, err));
	*ret = v;
	return BP_OK;
}

int
bp_rg_scores(struct bp_val **list, const struct bp_rg_scorer *s, const struct bp_atoms *a, struct bp_arena *mem,
    struct bp_err *err)
{
	const enum bp_rg_weights weights = bp_source_rg_weights(s->p);
	struct bp_rg_opt o;
	struct bp_val *v;
	struct bp_rg r;
	uint8_t *mask;
	double *w;
	int chosen = 0;

	bp_guide_rg_opt(&o, s->p);
	BP_NEW(mask, a->n, mem, err);
	BP_NEW(w, a->n, mem, err);
	bp_atoms_select(mask, a, bp_source_selection(s->p->atom_selection));
	for (int i = 0; i < a->n; i++)
		chosen += mask[i];
	if (chosen < 3)
		return BP_FAIL(err, BP_EINPUT, NULL, "the selection %s has %d atoms: no radius of gyration",
		    s->p->atom_selection, chosen);
	if (!(*list = bp_val_arr(mem, err)))
		return BP_EMEM;
	for (int i = 0; i < a->samples; i++) {
		const double *x = a->x + 3 * (size_t)i * (size_t)a->n;
		if (i == 0 || weights == BP_RG_CONTRAST)
			BP_TRY(bp_rg_weights(w, a, x, weights, BP_RG_CONTRAST_C2, s->cx, mem, err));
		BP_TRY(bp_rg_of(&r, NULL, NULL, a->n, x, w, mask, o.method, o.threshold, mem, err));
		BP_TRY(one_map(&v, s, &r, mem, err));
		BP_TRY(bp_val_push(*list, v, mem, err));
	}
	return BP_OK;
}

struct model {
	const struct bp_rg_scorer *s;
	const struct bp_ccd *ccd;
};

static int
one_model(void *self, const char *path, const struct bp_sites *sites, int first, int n, struct bp_arena *mem,
    struct bp_err *err)
{
	struct model *m = self;
	struct bp_val *list, *line;
	struct bp_atoms *a;

	BP_TRY(bp_atoms_of_sites(&a, sites, first, n, m->ccd, mem, err));
	BP_TRY(bp_rg_scores(&list, m->s, a, mem, err));
	BP_TRY(bp_report_begin(&line, path, sites->site[first].model, bp_val_at(list, 0), mem, err));
	return bp_report_line(line, err);
}

int
bp_rg_report_files(int *failed, const struct bp_rg_scorer *s, const char *const *path, int n, const struct bp_ccd *ccd,
    struct bp_err *err)
{
	struct model m = { s, ccd };

	return bp_report_each(failed, path, n, one_model, &m, err);
}
