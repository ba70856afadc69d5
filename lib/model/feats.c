/* feats: one table says name, type, axes and range of every feature the network reads; the rest follows it. */
#include "model/feats.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ops/atom_attention.h"
#include "ops/atom_embed.h"

enum {
	MAX_TOKENS = 46340, /* n * n is an int */
	MAX_ID = 1 << 29,   /* differences of two are ints */
	LAST_TOKEN = -9,    /* in the table: n - 1 */
	LAST_ATOM = -8      /* a - 1 */
};

enum kind { INDEX, REAL, MASK };

/* axes: n tokens, a atoms, s MSA rows, t templates, p residue types, a digit for itself */
static const struct def {
	const char *name;
	size_t field;
	unsigned group;
	enum kind kind;
	const char *axes;
	int lo, hi; /* of an INDEX */
} defs[] = {
#define F(f) offsetof(struct bp_feats, f)
	{ "asym_id", F(asym_id), BP_FEATS_TOKEN, INDEX, "n", -MAX_ID, MAX_ID },
	{ "residue_index", F(residue_index), BP_FEATS_TOKEN, INDEX, "n", -MAX_ID, MAX_ID },
	{ "entity_id", F(entity_id), BP_FEATS_TOKEN, INDEX, "n", -MAX_ID, MAX_ID },
	{ "token_index", F(token_index), BP_FEATS_TOKEN, INDEX, "n", -MAX_ID, MAX_ID },
	{ "sym_id", F(sym_id), BP_FEATS_TOKEN, INDEX, "n", -MAX_ID, MAX_ID },
	{ "cyclic_period", F(cyclic_period), BP_FEATS_TOKEN, REAL, "n", 0, 0 },
	{ "token_pad_mask", F(token_mask), BP_FEATS_TOKEN, MASK, "n", 0, 0 },
	{ "token_bonds", F(token_bonds), BP_FEATS_PAIR, REAL, "nn1", 0, 0 },
	{ "type_bonds", F(type_bonds), BP_FEATS_PAIR, INDEX, "nn", 0, BP_BOND_CLASSES - 1 },
	{ "contact_conditioning@idx", F(contact_class), BP_FEATS_PAIR, INDEX, "nn", -1, 4 },
	{ "contact_threshold", F(contact_threshold), BP_FEATS_PAIR, REAL, "nn", 0, 0 },
	{ "ref_pos", F(ref_pos), BP_FEATS_ATOM, REAL, "a3", 0, 0 },
	{ "ref_charge", F(ref_charge), BP_FEATS_ATOM, REAL, "a", 0, 0 },
	{ "ref_element@idx", F(ref_element), BP_FEATS_ATOM, INDEX, "a", -1, BP_ATOM_ELEMENTS - 1 },
	{ "ref_atom_name_chars@idx", F(ref_chars), BP_FEATS_ATOM, INDEX, "a4", -1, BP_ATOM_CHARS - 1 },
	{ "ref_space_uid", F(ref_uid), BP_FEATS_ATOM, INDEX, "a", -MAX_ID, MAX_ID },
	{ "atom_pad_mask", F(atom_mask), BP_FEATS_ATOM, MASK, "a", 0, 0 },
	{ "atom_to_token@idx", F(atom_token), BP_FEATS_ATOM, INDEX, "a", -1, LAST_TOKEN },
	{ "res_type@idx", F(res_type), BP_FEATS_INPUT, INDEX, "n", -1, BP_RES_TYPES - 1 },
	{ "method_feature", F(method), BP_FEATS_INPUT, INDEX, "n", 0, BP_METHODS - 1 },
	{ "modified", F(modified), BP_FEATS_INPUT, INDEX, "n", 0, 1 },
	{ "mol_type", F(mol_type), BP_FEATS_INPUT | BP_FEATS_CONFIDENCE, INDEX, "n", 0, BP_MOL_TYPES - 1 },
	{ "profile", F(profile), BP_FEATS_INPUT, REAL, "np", 0, 0 },
	{ "deletion_mean", F(deletion_mean), BP_FEATS_INPUT, REAL, "n", 0, 0 },
	{ "msa", F(msa), BP_FEATS_MSA, INDEX, "sn", 0, BP_RES_TYPES - 1 },
	{ "has_deletion", F(has_deletion), BP_FEATS_MSA, REAL, "sn", 0, 0 },
	{ "deletion_value", F(deletion_value), BP_FEATS_MSA, REAL, "sn", 0, 0 },
	{ "msa_paired", F(paired), BP_FEATS_MSA, REAL, "sn", 0, 0 },
	{ "msa_mask", F(msa_mask), BP_FEATS_MSA, MASK, "sn", 0, 0 },
	{ "template_restype@idx", F(template_type), BP_FEATS_TEMPLATE, INDEX, "tn", -1, BP_RES_TYPES - 1 },
	{ "template_frame_rot", F(frame_rot), BP_FEATS_TEMPLATE, REAL, "tn33", 0, 0 },
	{ "template_frame_t", F(frame_t), BP_FEATS_TEMPLATE, REAL, "tn3", 0, 0 },
	{ "template_cb", F(template_cb), BP_FEATS_TEMPLATE, REAL, "tn3", 0, 0 },
	{ "template_ca", F(template_ca), BP_FEATS_TEMPLATE, REAL, "tn3", 0, 0 },
	{ "template_mask_frame", F(frame_mask), BP_FEATS_TEMPLATE, MASK, "tn", 0, 0 },
	{ "template_mask_cb", F(cb_mask), BP_FEATS_TEMPLATE, MASK, "tn", 0, 0 },
	{ "visibility_ids", F(visibility), BP_FEATS_TEMPLATE, REAL, "tn", 0, 0 },
	{ "frames_idx", F(frames), BP_FEATS_CONFIDENCE, INDEX, "1n3", 0, LAST_ATOM },
	{ "token_to_rep_atom@idx", F(rep_atom), BP_FEATS_CONFIDENCE, INDEX, "n", -1, LAST_ATOM },
	/* made here */
	{ NULL, F(first), BP_FEATS_ATOM, INDEX, "n", 0, 0 },
	{ NULL, F(count), BP_FEATS_ATOM, INDEX, "n", 0, 0 },
	{ NULL, F(cyclic_flag), BP_FEATS_INPUT, REAL, "n", 0, 0 },
#undef F
};
enum { NDEFS = sizeof defs / sizeof *defs };

static void
set_field(struct bp_feats *f, size_t field, const void *p)
{
	memcpy((char *)f + field, &p, sizeof p);
}

static const void *
get_field(const struct bp_feats *f, size_t field)
{
	const void *p;

	memcpy(&p, (const char *)f + field, sizeof p);
	return p;
}

/* the size of an axis; *slot is where it is kept when it comes from the first tensor that has it, else NULL */
static int64_t
axis(struct bp_feats *f, char letter, int **slot)
{
	*slot = letter == 'n'   ? &f->n
		: letter == 'a' ? &f->atoms
		: letter == 's' ? &f->s
		: letter == 't' ? &f->t
				: NULL;
	return *slot ? **slot : letter == 'p' ? BP_RES_TYPES : letter - '0';
}

static int
check_index(const struct def *d, const struct bp_tensor *t, const struct bp_feats *f, struct bp_err *err)
{
	const int32_t *x = t->data;
	int hi = d->hi == LAST_TOKEN ? f->n - 1 : d->hi == LAST_ATOM ? f->atoms - 1 : d->hi;

	for (int64_t i = 0, count = bp_count(t); i < count; i++)
		if (x[i] < d->lo || x[i] > hi)
			return BP_FAIL(err, BP_EINPUT, NULL, "tensor %s: element %lld is %d, wanted %d to %d", d->name,
			    (long long)i, (int)x[i], d->lo, hi);
	return BP_OK;
}

static int
check_real(const struct def *d, const struct bp_tensor *t, struct bp_err *err)
{
	const float *x = t->data;

	for (int64_t i = 0, count = bp_count(t); i < count; i++)
		if (d->kind == MASK ? x[i] != 0 && x[i] != 1 : !isfinite(x[i]))
			return BP_FAIL(err, BP_EINPUT, NULL, "tensor %s: element %lld is %g, wanted %s", d->name,
			    (long long)i, (double)x[i], d->kind == MASK ? "0 or 1" : "a finite number");
	return BP_OK;
}

static int
read_tensor(struct bp_feats *f, const struct def *d, const struct bp_rec *rec, struct bp_err *err)
{
	const struct bp_tensor *t;
	int64_t shape[BP_MAXDIM];
	int ndim = (int)strlen(d->axes), *slot;

	for (int i = 0; i < ndim; i++)
		shape[i] = axis(f, d->axes[i], &slot);
	BP_TRY(bp_rec_want(&t, rec, d->name, d->kind == INDEX ? BP_I32 : BP_F32, ndim, shape, err));
	for (int i = 0; i < ndim; i++) {
		axis(f, d->axes[i], &slot);
		if (!slot)
			continue;
		if (shape[i] > MAX_ID || (d->axes[i] != 't' && shape[i] < 1))
			return BP_FAIL(err, BP_EINPUT, NULL, "tensor %s: axis %d has %lld elements", d->name, i,
			    (long long)shape[i]);
		*slot = (int)shape[i];
	}
	if (f->n > MAX_TOKENS)
		return BP_FAIL(err, BP_EINPUT, "split the target", "%d tokens, at most %d are possible", f->n,
		    MAX_TOKENS);
	if (f->atoms > 0 && f->atoms % BP_WINDOW_Q)
		return BP_FAIL(err, BP_EINPUT, "pad the atoms", "tensor %s: %d atoms, wanted a multiple of %d", d->name,
		    f->atoms, BP_WINDOW_Q);
	BP_TRY(d->kind == INDEX ? check_index(d, t, f, err) : check_real(d, t, err));
	set_field(f, d->field, t->data);
	return BP_OK;
}

/* first and count: the atoms of a token lie side by side */
static int
make_token_atoms(struct bp_feats *f, struct bp_arena *mem, struct bp_err *err)
{
	int32_t *first, *count;

	BP_NEW(first, f->n, mem, err);
	BP_NEW(count, f->n, mem, err);
	for (int a = 0; a < f->atoms; a++) {
		int t = f->atom_token[a];
		if (t < 0)
			continue;
		if (count[t] && first[t] + count[t] != a)
			return BP_FAIL(err, BP_EINPUT, "sort the atoms by token",
			    "tensor atom_to_token@idx: the atoms of token %d are not side by side (atom %d)", t, a);
		if (!count[t]++)
			first[t] = a;
	}
	f->first = first;
	f->count = count;
	return BP_OK;
}

static int
make_cyclic(struct bp_feats *f, struct bp_arena *mem, struct bp_err *err)
{
	float *flag;

	BP_NEW(flag, f->n, mem, err);
	for (int i = 0; i < f->n; i++) {
		float p = f->cyclic_period[i];
		if (p != 0 && !(p >= 1 && p <= MAX_ID))
			return BP_FAIL(err, BP_EINPUT, NULL,
			    "tensor cyclic_period: element %d is %g, wanted 0 or a chain's length", i, (double)p);
		flag[i] = fminf(p, 1);
		f->cyclic |= p > 0;
	}
	f->cyclic_flag = flag;
	return BP_OK;
}

/* which templates have an aligned token (template_mask) */
static int
find_templates(struct bp_feats *f, const struct bp_rec *rec, struct bp_arena *mem, struct bp_err *err)
{
	const struct bp_tensor *t;
	unsigned char *use;

	BP_TRY(bp_rec_want(&t, rec, "template_mask", BP_F32, BP_SHAPE(f->t, f->n), err));
	BP_NEW(use, f->t + 1, mem, err);
	for (int i = 0; i < f->t; i++) {
		const float *m = (const float *)t->data + (size_t)i * f->n;
		for (int j = 0; j < f->n && !use[i]; j++)
			use[i] = m[j] != 0;
		f->templates += use[i];
	}
	f->use_template = use;
	return BP_OK;
}

/* is any of the n numbers 0? */
static bool
any_zero(const float *m, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (m[i] == 0)
			return true;
	return false;
}

int
bp_feats_read(struct bp_feats *f, const struct bp_rec *rec, unsigned groups, struct bp_arena *mem, struct bp_err *err)
{
	groups |= BP_FEATS_TOKEN;
	*f = (struct bp_feats){ .n = -1, .atoms = -1, .s = -1, .t = -1, .groups = groups };
	for (int i = 0; i < NDEFS; i++)
		if (defs[i].name && defs[i].group & groups)
			BP_TRY(read_tensor(f, &defs[i], rec, err));
	BP_TRY(make_cyclic(f, mem, err));
	if (!(f->padded = any_zero(f->token_mask, (size_t)f->n)))
		f->token_mask = NULL;
	if (groups & BP_FEATS_ATOM)
		BP_TRY(make_token_atoms(f, mem, err));
	if (groups & BP_FEATS_MSA && !(f->msa_padded = any_zero(f->msa_mask, (size_t)f->s * f->n)))
		f->msa_mask = NULL;
	if (groups & BP_FEATS_TEMPLATE)
		BP_TRY(find_templates(f, rec, mem, err));
	return BP_OK;
}

int
bp_feats_imagine(struct bp_feats *f, unsigned groups, int n, int atoms, int msa, int templates, struct bp_arena *mem,
    struct bp_err *err)
{
	unsigned char *use;

	*f = (struct bp_feats){ .n = n, .atoms = atoms, .s = msa, .t = templates, .groups = groups, .templates = templates };
	BP_NEW(use, templates + 1, mem, err);
	memset(use, 1, (size_t)templates);
	f->use_template = use;
	for (int i = 0; i < NDEFS; i++)
		if (defs[i].group & groups)
			set_field(f, defs[i].field, f);
	f->token_mask = f->msa_mask = NULL; /* as in a target that is not padded */
	return BP_OK;
}

static size_t
elements(struct bp_feats *f, const struct def *d)
{
	size_t count = 1;
	int *slot;

	for (const char *a = d->axes; *a; a++)
		count *= (size_t)axis(f, *a, &slot);
	return count;
}

int
bp_feats_blank(struct bp_feats *f, unsigned groups, int n, int atoms, struct bp_arena *mem, struct bp_err *err)
{
	int share = atoms / n;

	bp_assert(share > 0);
	BP_TRY(bp_feats_imagine(f, groups, n, atoms, 1, 0, mem, err));
	for (int i = 0; i < NDEFS; i++) {
		size_t count = elements(f, &defs[i]);
		union {
			int32_t i;
			float f;
		} *p; /* the widest of both */
		if (!get_field(f, defs[i].field))
			continue;
		BP_NEW(p, count, mem, err);
		for (size_t k = 0; k < count; k++)
			if (defs[i].kind == MASK)
				p[k].f = 1;
			else if (defs[i].field == offsetof(struct bp_feats, atom_token))
				p[k].i = (int32_t)k / share < n ? (int32_t)k / share : n - 1;
			else if (defs[i].field == offsetof(struct bp_feats, count))
				p[k].i = (int)k < n - 1 ? share : atoms - share * (n - 1);
			else if (defs[i].field == offsetof(struct bp_feats, first) || defs[i].field == offsetof(struct bp_feats, rep_atom))
				p[k].i = share * (int32_t)k;
		set_field(f, defs[i].field, p);
	}
	return BP_OK;
}

/* to [members,n] = x + add, but for -1 */
static void
join_index(int32_t *to, const int32_t *x, int n, int add)
{
	for (int i = 0; i < n; i++)
		to[i] = x[i] < 0 ? x[i] : x[i] + add;
}

static void
join_mask(float *to, const float *x, int n)
{
	for (int i = 0; i < n; i++)
		to[i] = x ? x[i] : 1;
}

int
bp_feats_join(struct bp_feats *f, const struct bp_feats *const *one, int count, struct bp_arena *mem, struct bp_err *err)
{
	const int n = one[0]->n, atoms = one[0]->atoms;
	float *token_mask, *atom_mask;
	int32_t *token, *first, *counts;

	*f = (struct bp_feats) { .n = count * n, .atoms = count * atoms, .members = count, .groups = BP_FEATS_TOKEN | BP_FEATS_ATOM };
	BP_NEW(token_mask, f->n, mem, err);
	BP_NEW(atom_mask, f->atoms, mem, err);
	BP_NEW(token, f->atoms, mem, err);
	BP_NEW(first, f->n, mem, err);
	BP_NEW(counts, f->n, mem, err);
	for (int i = 0; i < count; i++) {
		bp_assert(one[i]->n == n && one[i]->atoms == atoms);
		f->padded |= one[i]->padded;
		join_mask(token_mask + i * n, one[i]->token_mask, n);
		join_mask(atom_mask + i * atoms, one[i]->atom_mask, atoms);
		join_index(token + i * atoms, one[i]->atom_token, atoms, i * n);
		join_index(first + i * n, one[i]->first, n, i * atoms);
		join_index(counts + i * n, one[i]->count, n, 0);
	}
	f->token_mask = f->padded ? token_mask : NULL;
	f->atom_mask = atom_mask;
	f->atom_token = token;
	f->first = first;
	f->count = counts;
	return BP_OK;
}

int
bp_feats_upload(struct bp_feats *dev, const struct bp_feats *host, struct bp_ctx *cx)
{
	*dev = *host;
	for (int i = 0; i < NDEFS; i++) {
		const void *p = get_field(host, defs[i].field), *q;

		if (!p)
			continue;
		BP_TRY(bp_dev_upload(cx, &q, p, elements(dev, &defs[i]) * 4)); /* floats or int32 */
		set_field(dev, defs[i].field, q);
	}
	return BP_OK;
}

int
bp_feats_upload_mask(const float **mask, const struct bp_feats *host, struct bp_ctx *cx)
{
	const void *up = NULL;

	if (host->token_mask)
		BP_TRY(bp_dev_upload(cx, &up, host->token_mask, (size_t)host->n * sizeof *host->token_mask));
	*mask = up;
	return BP_OK;
}
