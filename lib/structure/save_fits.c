/* lib/structure/save_fits.c: how the samples fit data, into the files of the target. */
#include <math.h>

#include "structure/save_part.h"

int
bp_saver_read_fits(struct saver *w)
{
	const struct bp_val *v = bp_val_get(w->rec->meta, "scores"), *list;
	const struct bp_tensor *curve, *fit;
	int64_t shape[] = { -1, 3 };

	w->scores = v && v->type != BP_NIL ? v : NULL;
	if (w->scores && v->type != BP_MAP)
		return BP_FAIL(w->err, BP_EINPUT, NULL, "meta.scores: %s, wanted a mapping", bp_vtype_name(v->type));
	for (size_t i = 0; w->scores && i < v->n; i++) {
		list = v->u.item[2 * i + 1];
		if (!bp_val_is(v->u.item[2 * i], BP_STR) || bp_val_count(list) != (size_t)w->s->nsamples)
			return BP_FAIL(w->err, BP_EINPUT, NULL, "meta.scores.%s: wanted a list of %d mappings, one a sample",
			    bp_val_cstr(v->u.item[2 * i], "?"), w->s->nsamples);
	}
	if (!bp_val_get(w->scores, "saxs") || !bp_rec_get(w->rec, "saxs_curve") || !bp_rec_get(w->rec, "saxs_fit"))
		return BP_OK;
	BP_TRY(bp_rec_want(&curve, w->rec, "saxs_curve", BP_F64, 2, shape, w->err));
	BP_TRY(bp_rec_want(&fit, w->rec, "saxs_fit", BP_F64, 2, (int64_t[]) { w->s->nsamples, shape[0] }, w->err));
	w->curve = curve->data, w->fit = fit->data, w->points = shape[0];
	return BP_OK;
}

int
bp_saver_set_fits(struct saver *w, struct bp_val *map, int sample)
{
	for (size_t i = 0; w->scores && i < w->scores->n; i++)
		BP_TRY(bp_val_set(map, bp_val_cstr(w->scores->u.item[2 * i], "?"),
		    bp_val_at(w->scores->u.item[2 * i + 1], (size_t)sample), w->mem, w->err));
	return BP_OK;
}

/* the numbers of meta.scores.saxs of a sample, after its name */
static int
saxs_numbers(struct bp_val **ret, struct saver *w, int rank)
{
	const struct bp_val *own = bp_val_at(bp_val_get(w->scores, "saxs"), (size_t)w->order[rank]);
	char *id = bp_sprintf(w->mem, w->err, "%s_model_%d", w->rec->id, rank);
	struct bp_val *v = bp_val_map(w->mem, w->err);

	if (!id)
		return BP_EMEM;
	BP_TRY(bp_val_set(v, "sample_id", bp_val_str(w->mem, id, w->err), w->mem, w->err));
	for (size_t i = 0; own && own->type == BP_MAP && i < own->n; i++)
		BP_TRY(bp_val_pair(v, own->u.item[2 * i], own->u.item[2 * i + 1], w->mem, w->err));
	*ret = v;
	return BP_OK;
}

/* saxs_comparison_ID_model_R.dat: the curve beside what was calculated */
static int
put_comparison(struct saver *w, int rank, const struct bp_val *v)
{
	static const char *const keys[] = { "chi2", "chi2_reduced", "scale_factor", "shift_parameter" };
	const double *fit = w->fit + (int64_t)w->order[rank] * w->points;
	char name[BP_SAVER_NAME];
	double number[4];
	FILE *f;

	for (int i = 0; i < 4; i++)
		number[i] = bp_val_num(bp_val_get(v, keys[i]), NAN);
	BP_TRY(bp_saver_file(&f, name, w, "saxs_comparison_%s_model_%d.dat", w->rec->id, rank));
	fprintf(f, "# SAXS comparison\n# sample: %s_model_%d\n", w->rec->id, rank);
	for (int i = 0; i < 4; i++)
		fprintf(f, "# %s: %.9g\n", keys[i], number[i]);
	fprintf(f, "# q I_exp I_sigma I_calc I_fitted residual\n");
	for (int64_t k = 0; k < w->points; k++) {
		const double *c = w->curve + 3 * k;
		fprintf(f, "%.8e %.8e %.8e %.8e %.8e %.8e\n", c[0], c[1], c[2], (fit[k] - number[3]) / number[2], fit[k],
		    (c[1] - fit[k]) / c[2]);
	}
	return bp_saver_file_end(w, f, name, BP_OK);
}

int
bp_saver_put_saxs(struct saver *w)
{
	struct bp_val *list = bp_val_arr(w->mem, w->err), *v;
	char name[BP_SAVER_NAME];

	if (!bp_val_get(w->scores, "saxs"))
		return BP_OK;
	for (int r = 0; r < w->s->nsamples; r++) {
		BP_TRY(saxs_numbers(&v, w, r));
		BP_TRY(bp_val_push(list, v, w->mem, w->err));
		snprintf(name, sizeof name, "saxs_scores_%s_model_%d.json", w->rec->id, r);
		BP_TRY(bp_saver_json(w, v, name));
		if (w->fit)
			BP_TRY(put_comparison(w, r, v));
	}
	for (size_t i = 1; i < list->n; i++) /* by falling confidence_score; equal ones stay as they are */
		for (size_t k = i; k > 0; k--) {
			struct bp_val *a = list->u.item[k - 1], *b = list->u.item[k];
			if (!(bp_val_num(bp_val_get(a, "confidence_score"), -1) < bp_val_num(bp_val_get(b, "confidence_score"), -1)))
				break;
			list->u.item[k - 1] = b, list->u.item[k] = a;
		}
	return bp_saver_json(w, list, "saxs_scoring_summary.json");
}
