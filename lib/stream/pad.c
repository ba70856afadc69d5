/* Contents: which axes are tokens and atoms; copies of another size; padding; cutting */
#include "stream/pad.h"

#include <string.h>

/* n: tokens, a: atoms, else an axis that stays */
struct axes {
	const char *name, *axes;
};
static const struct axes features[] = {
	{ "token_index", "n" }, { "residue_index", "n" }, { "asym_id", "n" }, { "entity_id", "n" }, { "sym_id", "n" },
	{ "mol_type", "n" }, { "res_type@idx", "n" }, { "method_feature", "n" }, { "modified", "n" }, { "cyclic_period", "n" },
	{ "affinity_token_mask", "n" }, { "token_pad_mask", "n" }, { "token_resolved_mask", "n" }, { "token_disto_mask", "n" },
	{ "token_bonds", "nn-" }, { "type_bonds", "nn" }, { "contact_conditioning@idx", "nn" }, { "contact_threshold", "nn" },
	{ "ref_pos", "a-" }, { "atom_resolved_mask", "a" }, { "ref_atom_name_chars@idx", "a-" }, { "ref_element@idx", "a" },
	{ "ref_charge", "a" }, { "ref_chirality", "a" }, { "atom_backbone_feat@idx", "a" }, { "ref_space_uid", "a" },
	{ "atom_pad_mask", "a" }, { "atom_to_token@idx", "a" }, { "token_to_rep_atom@idx", "n" },
	{ "token_to_center_atom@idx", "n" }, { "frames_idx", "-n-" }, { "frame_resolved_mask", "-n" }, { "msa", "-n" },
	{ "msa_mask", "-n" }, { "msa_paired", "-n" }, { "deletion_value", "-n" }, { "has_deletion", "-n" }, { "deletion_mean", "n" },
	{ "profile", "n-" }, { "template_restype@idx", "-n" }, { "template_frame_rot", "-n--" }, { "template_frame_t", "-n-" },
	{ "template_cb", "-n-" }, { "template_ca", "-n-" }, { "template_mask_cb", "-n" }, { "template_mask_frame", "-n" },
	{ "template_mask", "-n" }, { "query_to_template", "-n" }, { "visibility_ids", "-n" }, { NULL, NULL }
};
static const struct axes results[]
    = { { "plddt", "-n" }, { "pae", "-nn" }, { "pde", "-nn" }, { "s", "n-" }, { "z", "nn-" }, { NULL, NULL } };

/* What both have, row by row; at, from: the shapes' first elements */
static void
copy_common(char *to, const char *from, int ndim, const int64_t *tshape, const int64_t *fshape, size_t element)
{
	int64_t rows = tshape[0] < fshape[0] ? tshape[0] : fshape[0];
	size_t trow = element, frow = element;

	for (int i = 1; i < ndim; i++) {
		trow *= (size_t)tshape[i];
		frow *= (size_t)fshape[i];
	}
	if (ndim == 1)
		memcpy(to, from, (size_t)rows * element);
	for (int64_t i = 0; ndim > 1 && i < rows; i++)
		copy_common(to + (size_t)i * trow, from + (size_t)i * frow, ndim - 1, tshape + 1, fshape + 1, element);
}

/* the tensor of one table line with its axes n and a, if it has them of the sizes `old`, changed to `new` */
static int
resize(struct bp_rec *rec, const struct axes *x, const int64_t old[2], const int64_t new[2], struct bp_err *err)
{
	const struct bp_tensor *t = bp_rec_get(rec, x->name);
	int64_t shape[BP_MAXDIM];
	struct bp_tensor *u;
	char found[160];

	if (!t || bp_count(t) == 0)
		return BP_OK;
	if (t->ndim != (int)strlen(x->axes))
		return BP_FAIL(err, BP_EINPUT, NULL, "tensor %s: %d axes, wanted %zu", x->name, t->ndim, strlen(x->axes));
	for (int i = 0; i < t->ndim; i++) {
		int k = x->axes[i] == 'n' ? 0 : x->axes[i] == 'a' ? 1 : -1;
		shape[i] = k < 0 ? t->shape[i] : new[k];
		if (k >= 0 && t->shape[i] != old[k])
			return BP_FAIL(err, BP_EINPUT, NULL, "tensor %s is %s, wanted %lld %s on axis %d", x->name,
			    bp_shape_str(found, t->ndim, t->shape), (long long)old[k], k ? "atoms" : "tokens", i);
	}
	BP_TRY(bp_tensor_new(&u, t->dtype, t->ndim, shape, rec->mem, err));
	if (strstr(x->name, "@idx")) /* no class: all ones is -1 in every integer */
		memset(u->data, 0xff, (size_t)bp_count(u) * bp_dtype_size(u->dtype));
	copy_common(u->data, t->data, t->ndim, shape, t->shape, bp_dtype_size(t->dtype));
	return bp_rec_put(rec, x->name, u, err);
}

int
bp_rec_pad(struct bp_rec *rec, int64_t tokens, int64_t atoms, struct bp_err *err)
{
	const struct bp_tensor *n, *a;
	int64_t old[2] = { -1, -1 }, new[2] = { tokens, atoms };
	struct bp_val *m;

	BP_TRY(bp_rec_want(&n, rec, "token_pad_mask", BP_F32, 1, &old[0], err));
	BP_TRY(bp_rec_want(&a, rec, "atom_pad_mask", BP_F32, 1, &old[1], err));
	bp_assert(tokens >= old[0] && atoms >= old[1] && atoms % 32 == 0);
	if (tokens == old[0] && atoms == old[1])
		return BP_OK;
	for (const struct axes *x = features; x->name; x++)
		BP_TRY(resize(rec, x, old, new, err));
	m = bp_val_map(rec->mem, err);
	BP_TRY(bp_val_set(m, "tokens", bp_val_int(rec->mem, bp_rec_unpadded(rec, "tokens", old[0]), err), rec->mem, err));
	BP_TRY(bp_val_set(m, "atoms", bp_val_int(rec->mem, bp_rec_unpadded(rec, "atoms", old[1]), err), rec->mem, err));
	return bp_val_set(rec->meta, "padded", m, rec->mem, err);
}

int64_t
bp_rec_unpadded(const struct bp_rec *rec, const char *name, int64_t otherwise)
{
	return bp_val_i64(bp_val_get(bp_val_get(rec->meta, "padded"), name), otherwise);
}

int
bp_rec_unpad(struct bp_rec *rec, struct bp_err *err)
{
	int64_t new[2] = { bp_rec_unpadded(rec, "tokens", -1), 0 }, old[2] = { -1, 0 };
	const struct bp_tensor *mask;

	if (new[0] < 0 || !bp_rec_get(rec, "token_pad_mask"))
		return BP_OK;
	BP_TRY(bp_rec_want(&mask, rec, "token_pad_mask", BP_F32, 1, &old[0], err));
	if (new[0] < 1 || new[0] > old[0])
		return BP_FAIL(err, BP_EINPUT, NULL, "meta.padded.tokens is %lld, the record has %lld", (long long)new[0],
		    (long long)old[0]);
	for (const struct axes *x = results; x->name; x++) {
		const struct bp_tensor *t = bp_rec_get(rec, x->name);
		if (t && t->ndim == (int)strlen(x->axes)) /* another tensor of that name has other axes */
			BP_TRY(resize(rec, x, old, new, err));
	}
	return BP_OK;
}
