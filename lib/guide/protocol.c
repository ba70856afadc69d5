/* lib/guide/protocol.c */
#include "guide/protocol.h"

#include <limits.h>
#include <math.h>
#include <string.h>

/* ---- requests ---- */

static int
set_int(struct bp_rec *r, const char *key, int64_t i, struct bp_err *err)
{
	return bp_val_set(r->meta, key, bp_val_int(r->mem, i, err), r->mem, err);
}

/* a tensor of doubles that lie elsewhere */
static int
put_doubles(struct bp_rec *r, const char *name, int ndim, const int64_t *shape, const double *x, struct bp_err *err)
{
	struct bp_tensor *t;

	BP_NEW(t, 1, r->mem, err);
	*t = (struct bp_tensor) { .dtype = BP_F64, .ndim = ndim, .data = (void *)(uintptr_t)x };
	memcpy(t->shape, shape, (size_t)ndim * sizeof *shape);
	return bp_rec_put(r, name, t, err);
}

/* the tables and tensors that describe the atoms; those that are not there are not needed */
static int
copy_atoms(struct bp_rec *r, const struct bp_rec *from, struct bp_err *err)
{
	static const char *const tables[] = { "chains", "residues", "atoms" },
	                         *const tensors[]
	    = { "atom_pad_mask", "atom_to_token@idx", "asym_id", "residue_index", "mol_type", "res_type@idx",
		      "entity_id", "ref_element@idx", "ref_atom_name_chars@idx" };
	const bool named = bp_val_get(from->meta, "atoms") != NULL;

	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
		if (bp_val_get(from->meta, tables[i]))
			BP_TRY(bp_val_set(r->meta, tables[i], bp_val_get(from->meta, tables[i]), r->mem, err));
	for (size_t i = 0; i < (named ? 2 : sizeof tensors / sizeof *tensors); i++)
		if (bp_rec_get(from, tensors[i]))
			BP_TRY(bp_rec_put(r, tensors[i], bp_rec_get(from, tensors[i]), err));
	return BP_OK;
}

static int
new_record(struct bp_rec **ret, const char *kind, const char *id, struct bp_arena *mem, struct bp_err *err)
{
	BP_TRY(bp_rec_new(ret, BP_OTHER, id, mem, err));
	(*ret)->kind_name = kind;
	return BP_OK;
}

int
bp_guide_request_write(struct bp_rec **ret, const struct bp_guide_request *q, struct bp_arena *mem, struct bp_err *err)
{
	const int64_t shape[] = { q->samples, q->atoms, 3 };
	struct bp_rec *r;

	*ret = NULL;
	BP_TRY(new_record(&r, BP_GUIDE_REQUEST, q->target, mem, err));
	BP_TRY(set_int(r, "request", q->request, err));
	BP_TRY(set_int(r, "step", q->step, err));
	BP_TRY(set_int(r, "steps", q->steps, err));
	BP_TRY(set_int(r, "gd_step", q->gd_step, err));
	BP_TRY(bp_val_set(r->meta, "sigma", bp_val_real(mem, q->sigma, err), mem, err));
	BP_TRY(put_doubles(r, "sample_atom_coords", 3, shape, q->coords, err));
	if (q->of_atoms) {
		BP_TRY(bp_val_set(r->meta, "first", bp_val_bool(mem, true, err), mem, err));
		BP_TRY(copy_atoms(r, q->of_atoms, err));
	}
	*ret = r;
	return BP_OK;
}

/* a whole number of meta, lo .. hi */
static int
need_int(int64_t *ret, const struct bp_rec *r, const char *key, int64_t lo, int64_t hi, struct bp_err *err)
{
	const struct bp_val *v = bp_val_get(r->meta, key);

	*ret = bp_val_i64(v, lo - 1);
	if (!bp_val_is(v, BP_INT) || *ret < lo || *ret > hi)
		return BP_FAIL(err, BP_EINPUT, "see doc/guides.md",
		    "%s: meta.%s: %s, a whole number from %lld to %lld wanted", r->kind_name, key,
		    v ? "found something else" : "missing", (long long)lo, (long long)hi);
	return BP_OK;
}

static int
all_finite(const struct bp_rec *r, const char *what, const double *x, size_t n, struct bp_err *err)
{
	for (size_t i = 0; i < n; i++)
		if (!isfinite(x[i]))
			return BP_FAIL(err, BP_ENUM, NULL, "%s: %s is not finite at place %zu", r->kind_name, what, i);
	return BP_OK;
}

int
bp_guide_request_read(struct bp_guide_request *ret, const struct bp_rec *rec, struct bp_err *err)
{
	int64_t shape[] = { -1, -1, 3 }, step, steps, gd_step, request;
	const struct bp_tensor *t;

	if (rec->kind != BP_OTHER || strcmp(rec->kind_name, BP_GUIDE_REQUEST) != 0)
		return BP_FAIL(err, BP_EINPUT, "see doc/guides.md", "a %s record came, a server answers %s records",
		    rec->kind_name, BP_GUIDE_REQUEST);
	BP_TRY(need_int(&request, rec, "request", 0, INT64_MAX - 1, err));
	BP_TRY(need_int(&steps, rec, "steps", 1, INT_MAX, err));
	BP_TRY(need_int(&step, rec, "step", 0, steps, err));
	BP_TRY(need_int(&gd_step, rec, "gd_step", 0, INT_MAX, err));
	BP_TRY(bp_rec_want(&t, rec, "sample_atom_coords", BP_F64, 3, shape, err));
	if (shape[0] < 1 || shape[1] < 1 || shape[0] > INT_MAX || shape[1] > INT_MAX / 3)
		return BP_FAIL(err, BP_EINPUT, NULL, "%s: %lld samples of %lld atoms", rec->kind_name,
		    (long long)shape[0], (long long)shape[1]);
	BP_TRY(all_finite(rec, "sample_atom_coords", t->data, (size_t)bp_count(t), err));
	*ret = (struct bp_guide_request) { .target = rec->id,
		.request = request,
		.step = (int)step,
		.steps = (int)steps,
		.gd_step = (int)gd_step,
		.sigma = bp_val_num(bp_val_get(rec->meta, "sigma"), 0),
		.samples = (int)shape[0],
		.atoms = (int)shape[1],
		.coords = t->data,
		.of_atoms = bp_val_i64(bp_val_get(rec->meta, "first"), 0) ? rec : NULL };
	return BP_OK;
}

/* ---- replies ---- */

int
bp_guide_reply_write(struct bp_rec **ret, const struct bp_guide_request *to, const struct bp_guide_reply *a,
    struct bp_arena *mem, struct bp_err *err)
{
	const int64_t shape[] = { to->samples, to->atoms, 3 };
	struct bp_rec *r;

	*ret = NULL;
	BP_TRY(new_record(&r, BP_GUIDE_REPLY, to->target, mem, err));
	BP_TRY(set_int(r, "request", to->request, err));
	BP_TRY(bp_val_set(r->meta, "goal", bp_val_real(mem, a->goal, err), mem, err));
	BP_TRY(put_doubles(r, "energy", 1, shape, a->energy, err));
	BP_TRY(put_doubles(r, "gradient", 3, shape, a->gradient, err));
	if (a->samples)
		BP_TRY(bp_val_set(r->meta, "samples", a->samples, mem, err));
	if (a->guidance)
		BP_TRY(bp_val_set(r->meta, "guidance", a->guidance, mem, err));
	*ret = r;
	return BP_OK;
}

int
bp_guide_reply_read(
    struct bp_guide_reply *ret, const struct bp_rec *rec, const struct bp_guide_request *to, struct bp_err *err)
{
	const struct bp_val *goal = bp_val_get(rec->meta, "goal");
	int64_t shape[] = { to->samples, to->atoms, 3 }, request;
	const struct bp_tensor *energy, *gradient;

	if (rec->kind == BP_ERROR) {
		int64_t code = bp_val_i64(bp_val_get(rec->meta, "code"), BP_EINPUT);
		const char *hint = bp_val_cstr(bp_val_get(rec->meta, "hint"), "");
		/* that its device is gone is no news of ours */
		return BP_FAIL(err, code < 0 && code > BP_ELOST && code != BP_ESTREAM ? (int)code : BP_EINPUT,
		    *hint ? hint : NULL, "%s",
		    bp_val_cstr(bp_val_get(rec->meta, "message"), "an error record without message"));
	}
	if (rec->kind != BP_OTHER || strcmp(rec->kind_name, BP_GUIDE_REPLY) != 0)
		return BP_FAIL(err, BP_EINPUT, "see doc/guides.md", "a %s record is no answer", rec->kind_name);
	BP_TRY(need_int(&request, rec, "request", 0, INT64_MAX - 1, err));
	if (request != to->request || strcmp(rec->id, to->target) != 0)
		return BP_FAIL(err, BP_EINPUT, "a server answers each request once, in turn",
		    "the answer is to request %lld of %s, not to %lld of %s", (long long)request, rec->id,
		    (long long)to->request, to->target);
	BP_TRY(bp_rec_want(&energy, rec, "energy", BP_F64, 1, shape, err));
	BP_TRY(bp_rec_want(&gradient, rec, "gradient", BP_F64, 3, shape, err));
	*ret = (struct bp_guide_reply) { energy->data, gradient->data, bp_val_num(goal, 0),
		bp_val_get(rec->meta, "samples"), bp_val_get(rec->meta, "guidance") };
	if (!isfinite(ret->goal))
		return BP_FAIL(err, BP_ENUM, NULL, "%s: meta.goal is not finite", rec->kind_name);
	BP_TRY(all_finite(rec, "energy", ret->energy, (size_t)to->samples, err));
	BP_TRY(all_finite(rec, "gradient", ret->gradient, 3 * (size_t)to->samples * (size_t)to->atoms, err));
	if (ret->samples && bp_val_count(ret->samples) != (size_t)to->samples)
		return BP_FAIL(err, BP_EINPUT, NULL, "%s: meta.samples has %zu entries for %d samples", rec->kind_name,
		    bp_val_count(ret->samples), to->samples);
	return BP_OK;
}
