/* Contents: columns of a meta table; names; residues and chains from meta; the same from tensors; atoms, bonds and
 * coordinates, which both share. */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "chem/residues.h"
#include "structure/structure.h"

enum { MAX_NAME = 31, MAX_ROWS = 100 * 1000 * 1000 };

/* what is being put together, and the tensors that more than one step looks at */
struct builder {
	struct bp_structure *s;
	const struct bp_rec *rec;
	struct bp_arena *mem;
	struct bp_err *err;
	const struct bp_tensor *atom_token; /* [nplaces] i32, -1 padding; or NULL */
	int64_t *place;                     /* [natoms] row of each real atom     */
	int64_t nreal;
};

/* Columns of a meta table ----------------------------------------------------------------------------- */

static int
column(const struct bp_val **ret, struct builder *b, const char *table, const char *key, size_t n)
{
	const struct bp_val *v = bp_val_get(bp_val_get(b->rec->meta, table), key);

	*ret = v;
	if (v && (!bp_val_is(v, BP_ARR) || bp_val_count(v) != n))
		return BP_FAIL(b->err, BP_EINPUT, "the record was made or changed by a faulty program",
		    "meta.%s.%s: %s of %zu, wanted a list of %zu", table, key, bp_vtype_name(v->type), bp_val_count(v),
		    n);
	return BP_OK;
}

/* a column of whole numbers lo..hi; *ret is NULL when there is no such column */
static int
ints(int **ret, struct builder *b, const char *table, const char *key, int n, int lo, int hi)
{
	const struct bp_val *v;

	*ret = NULL;
	BP_TRY(column(&v, b, table, key, (size_t)n));
	if (!v)
		return BP_OK;
	BP_NEW(*ret, n, b->mem, b->err);
	for (int i = 0; i < n; i++) {
		const struct bp_val *x = bp_val_at(v, (size_t)i);
		int64_t k = bp_val_i64(x, INT64_MIN);
		if (k < lo || k > hi)
			return BP_FAIL(b->err, BP_EINPUT, "the record was made or changed by a faulty program",
			    "meta.%s.%s[%d]: wanted a whole number from %d to %d", table, key, i, lo, hi);
		(*ret)[i] = (int)k;
	}
	return BP_OK;
}

/* the same, but the column must be there */
static int
need_ints(int **ret, struct builder *b, const char *table, const char *key, int n, int lo, int hi)
{
	BP_TRY(ints(ret, b, table, key, n, lo, hi));
	if (!*ret)
		return BP_FAIL(b->err, BP_EINPUT, "the record was made or changed by a faulty program",
		    "meta.%s: no column %s", table, key);
	return BP_OK;
}

/* rows of a table: the length of its first column */
static int
table_rows(const struct bp_val *meta, const char *table)
{
	const struct bp_val *t = bp_val_get(meta, table);
	size_t n = t && t->type == BP_MAP && t->n ? bp_val_count(t->u.item[1]) : 0;

	return n <= MAX_ROWS ? (int)n : 0;
}

/* Names ------------------------------------------------------------------------------------------------ */

static int
check_name(struct builder *b, const char *what, int i, const char *s)
{
	size_t n = strlen(s);
	bool fine = n > 0 && n <= MAX_NAME && !(strchr(s, '\'') && strchr(s, '"'));

	for (size_t k = 0; k < n; k++)
		fine = fine && s[k] >= ' ' && s[k] <= '~';
	if (!fine)
		return BP_FAIL(b->err, BP_EINPUT, "use 1 to 31 printable ASCII characters, not both ' and \"",
		    "%s name %d, \"%.40s\", cannot be written to a file", what, i + 1, s);
	return BP_OK;
}

/* a column of checked names; *ret is NULL when there is no such column */
static int
names(const char ***ret, struct builder *b, const char *table, int n)
{
	const struct bp_val *v;

	*ret = NULL;
	BP_TRY(column(&v, b, table, "name", (size_t)n));
	if (!v)
		return BP_OK;
	BP_NEW(*ret, n, b->mem, b->err);
	for (int i = 0; i < n; i++) {
		(*ret)[i] = bp_val_cstr(bp_val_at(v, (size_t)i), "");
		BP_TRY(check_name(b, table, i, (*ret)[i]));
	}
	return BP_OK;
}

char *
bp_chain_tag(char *buf, int i)
{
	char rev[8];
	int n = 0;

	for (i++; i > 0 && n < 7; i = (i - 1) / 26)
		rev[n++] = (char)('A' + (i - 1) % 26);
	for (int k = 0; k < n; k++)
		buf[k] = rev[n - 1 - k];
	buf[n] = 0;
	return buf;
}

static int
made_up_chain(const char **ret, struct builder *b, int i)
{
	char tag[8];

	*ret = bp_strdup(b->mem, bp_chain_tag(tag, i), b->err);
	return *ret ? BP_OK : BP_EMEM;
}

static const char *
made_up_residue(int mol_type, int res_type)
{
	if (mol_type == BP_NONPOLYMER)
		return "UNL";
	return res_type > BP_TOKEN_GAP && res_type < BP_TOKENS ? bp_residues[res_type].name : "UNK";
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int
check_distinct_chains(struct builder *b)
{
	struct bp_mark mark = bp_arena_mark(b->mem);
	int n = b->s->nchains, st = BP_OK;
	const char **v;

	BP_NEW(v, n, b->mem, b->err);
	for (int i = 0; i < n; i++)
		v[i] = b->s->chain[i].name;
	qsort(v, (size_t)n, sizeof *v, by_name);
	for (int i = 1; i < n && st == BP_OK; i++)
		if (strcmp(v[i - 1], v[i]) == 0)
			st = BP_FAIL(
			    b->err, BP_EINPUT, "give every chain its own id", "two chains are called %s", v[i]);
	bp_arena_release(b->mem, mark);
	return st;
}

/* Chains and residues from meta ------------------------------------------------------------------------- */

static int
residues_from_meta(struct builder *b)
{
	struct bp_structure *s = b->s;
	const char **name;
	int *atoms, *seq, *type, atom = 0;
	int64_t total = 0;

	BP_TRY(names(&name, b, "residues", s->nres));
	BP_TRY(need_ints(&atoms, b, "residues", "atom_num", s->nres, 0, s->natoms));
	BP_TRY(ints(&seq, b, "residues", "res_idx", s->nres, 0, MAX_ROWS));
	BP_TRY(ints(&type, b, "residues", "res_type", s->nres, INT_MIN, INT_MAX));
	for (int i = 0; i < s->nres; i++)
		total += atoms[i];
	if (total != s->natoms)
		return BP_FAIL(b->err, BP_EINPUT, "the record was made or changed by a faulty program",
		    "meta.residues: atom_num adds up to %lld, not to the %d atoms", (long long)total, s->natoms);
	for (int c = 0, i = 0; c < s->nchains; c++)
		for (int k = 0; k < s->chain[c].nres; k++, i++) {
			struct bp_res_row *r = &s->res[i];
			r->chain = c;
			r->seq = seq ? seq[i] + 1 : k + 1;
			r->name = name ? name[i] : made_up_residue(s->chain[c].mol_type, type ? type[i] : -1);
			r->atom = atom;
			r->natoms = atoms[i];
			for (int j = 0; j < atoms[i]; j++)
				s->atom[atom++].res = i;
			s->chain[c].natoms += atoms[i];
		}
	return BP_OK;
}

static int
from_meta(struct builder *b)
{
	struct bp_structure *s = b->s;
	const char **name;
	int *type, *nres, *entity, *asym;
	int64_t res = 0;

	BP_NEW(s->chain, s->nchains, b->mem, b->err);
	BP_NEW(s->res, s->nres, b->mem, b->err);
	BP_NEW(s->atom, s->natoms, b->mem, b->err);
	BP_TRY(names(&name, b, "chains", s->nchains));
	BP_TRY(need_ints(&type, b, "chains", "mol_type", s->nchains, 0, BP_CHAIN_TYPES - 1));
	BP_TRY(need_ints(&nres, b, "chains", "res_num", s->nchains, 1, s->nres));
	BP_TRY(ints(&entity, b, "chains", "entity_id", s->nchains, 0, MAX_ROWS));
	BP_TRY(ints(&asym, b, "chains", "asym_id", s->nchains, 0, MAX_ROWS));
	for (int c = 0; c < s->nchains; c++) {
		struct bp_chain_row *r = &s->chain[c];
		r->mol_type = type[c];
		r->entity_id = entity ? entity[c] : c;
		r->asym_id = asym ? asym[c] : c;
		r->res = (int)res;
		r->nres = nres[c];
		if ((res += nres[c]) > s->nres)
			break;
		if (name)
			r->name = name[c];
		else
			BP_TRY(made_up_chain(&r->name, b, c));
	}
	if (res != s->nres)
		return BP_FAIL(b->err, BP_EINPUT, "the record was made or changed by a faulty program",
		    "meta.chains: res_num does not add up to the %d residues", s->nres);
	BP_TRY(residues_from_meta(b));
	for (int c = 0; c < s->nchains; c++)
		s->chain[c].atom = s->res[s->chain[c].res].atom;
	return BP_OK;
}

/* Chains and residues from tensors ---------------------------------------------------------------------- */

static int
want_ints(const int32_t **ret, struct builder *b, const char *name, int64_t *n)
{
	const struct bp_tensor *t;

	BP_TRY(bp_rec_want(&t, b->rec, name, BP_I32, 1, n, b->err));
	*ret = t->data;
	return BP_OK;
}

static int
from_tensors(struct builder *b)
{
	struct bp_structure *s = b->s;
	const int32_t *asym, *index, *type, *res_type, *entity = NULL, *token;
	int64_t n = -1;
	int last = -1;

	if (!b->atom_token)
		return BP_FAIL(b->err, BP_EINPUT, "every stage passes on the features: let them come through",
		    "neither meta.chains, meta.residues and meta.atoms nor the tensor atom_to_token@idx is in the "
		    "record");
	BP_TRY(want_ints(&asym, b, "asym_id", &n));
	BP_TRY(want_ints(&index, b, "residue_index", &n));
	BP_TRY(want_ints(&type, b, "mol_type", &n));
	BP_TRY(want_ints(&res_type, b, "res_type@idx", &n));
	if (bp_rec_get(b->rec, "entity_id"))
		BP_TRY(want_ints(&entity, b, "entity_id", &n));
	token = b->atom_token->data;
	s->natoms = (int)b->nreal;
	BP_NEW(s->chain, s->natoms, b->mem, b->err); /* at most as many as atoms */
	BP_NEW(s->res, s->natoms, b->mem, b->err);
	BP_NEW(s->atom, s->natoms, b->mem, b->err);
	for (int i = 0; i < s->natoms; i++) {
		int t = token[b->place[i]];
		struct bp_chain_row *c = &s->chain[s->nchains];
		struct bp_res_row *r = &s->res[s->nres];
		if (t < 0 || t >= n || t < last)
			return BP_FAIL(b->err, BP_EINPUT, "atoms of a token lie together, tokens in rising order",
			    "tensor atom_to_token@idx: atom %lld has token %d, the one before %d, of %lld tokens",
			    (long long)b->place[i], t, last, (long long)n);
		if (last < 0 || asym[t] != asym[last]) {
			if (type[t] < 0 || type[t] >= BP_CHAIN_TYPES || asym[t] < 0)
				return BP_FAIL(b->err, BP_EINPUT, NULL, "token %d has mol_type %d, asym_id %d", t,
				    type[t], asym[t]);
			*c = (struct bp_chain_row) { .mol_type = type[t],
				.entity_id = entity ? entity[t] : s->nchains,
				.asym_id = asym[t],
				.res = s->nres,
				.atom = i };
			BP_TRY(made_up_chain(&c->name, b, s->nchains));
			s->nchains++;
		}
		c = &s->chain[s->nchains - 1];
		if (c->nres == 0 || index[t] != index[last]) {
			*r = (struct bp_res_row) { .name = made_up_residue(c->mol_type, res_type[t]),
				.seq = index[t] >= 0 && index[t] < MAX_ROWS ? index[t] + 1 : c->nres + 1,
				.chain = s->nchains - 1,
				.atom = i };
			c->nres++;
			s->nres++;
		}
		s->res[s->nres - 1].natoms++;
		c->natoms++;
		s->atom[i].res = s->nres - 1;
		last = t;
	}
	return BP_OK;
}

/* Atoms, bonds, coordinates ----------------------------------------------------------------------------- */

/* the rows of the padded coordinates that hold an atom */
static int
find_places(struct builder *b)
{
	struct bp_structure *s = b->s;
	const struct bp_tensor *mask = NULL;
	int64_t shape[] = { s->nplaces };

	if (bp_rec_get(b->rec, "atom_to_token@idx"))
		BP_TRY(bp_rec_want(&b->atom_token, b->rec, "atom_to_token@idx", BP_I32, 1, shape, b->err));
	if (bp_rec_get(b->rec, "atom_pad_mask"))
		BP_TRY(bp_rec_want(&mask, b->rec, "atom_pad_mask", BP_F32, 1, shape, b->err));
	BP_NEW(b->place, s->nplaces, b->mem, b->err);
	for (int64_t i = 0; i < s->nplaces; i++)
		if (mask ? ((const float *)mask->data)[i] != 0
		         : !b->atom_token || ((const int32_t *)b->atom_token->data)[i] >= 0)
			b->place[b->nreal++] = i;
	return BP_OK;
}

/* The element as the dictionary says. DIFFERS: upstream guesses it from the atom's name (zinc becomes Z, selenium S).
 * Here the guess is what is left when neither meta nor the tensors know it. */
static void
set_element(struct bp_atom_row *a, int z, const char *residue)
{
	char key[MAX_NAME + 1];
	const char *e = z > 0 ? bp_element_symbol(z) : NULL;
	int n = 0;

	for (const char *p = a->name; *p; p++)
		if (*p < '0' || *p > '9')
			key[n++] = *p;
	key[n] = 0;
	if (!e && z < 0 && !(e = bp_ambiguous_element(key, residue))) {
		key[1] = 0;
		e = bp_element_number(key) > 0 ? key : NULL;
	}
	e = e ? e : "X";
	memcpy(a->element, e, strnlen(e, sizeof a->element - 1)); /* the row was zero */
	for (char *p = a->element; *p; p++)
		*p = *p >= 'a' && *p <= 'z' ? (char)(*p - 'a' + 'A') : *p;
}

static int
atom_name(const char **ret, struct builder *b, const int16_t *chars)
{
	char name[5];
	int n = 0;

	for (int k = 0; k < 4; k++)
		if (chars[k] > 0 && chars[k] < 64)
			name[n++] = (char)(chars[k] + 32);
	name[n] = 0;
	*ret = n ? bp_strdup(b->mem, name, b->err) : "X";
	return *ret ? BP_OK : BP_EMEM;
}

static int
fill_atoms(struct builder *b)
{
	struct bp_structure *s = b->s;
	bool in_meta = table_rows(b->rec->meta, "atoms") == s->natoms;
	const struct bp_tensor *chars = NULL, *element = NULL;
	const char **name = NULL;
	int *z = NULL;

	if (in_meta) {
		BP_TRY(names(&name, b, "atoms", s->natoms));
		BP_TRY(ints(&z, b, "atoms", "element", s->natoms, 0, BP_MAX_Z));
	}
	if (!name)
		BP_TRY(bp_rec_want(
		    &chars, b->rec, "ref_atom_name_chars@idx", BP_I16, 2, (int64_t[]) { s->nplaces, 4 }, b->err));
	if (!z && bp_rec_get(b->rec, "ref_element@idx"))
		BP_TRY(bp_rec_want(&element, b->rec, "ref_element@idx", BP_I32, 1, (int64_t[]) { s->nplaces }, b->err));
	for (int i = 0, token = -1, last = -1; i < s->natoms; i++) {
		struct bp_atom_row *a = &s->atom[i];
		bool each = s->chain[s->res[a->res].chain].mol_type == BP_NONPOLYMER; /* an atom is a token there */
		a->place = b->place[i];
		if (name)
			a->name = name[i];
		else
			BP_TRY(atom_name(&a->name, b, (const int16_t *)chars->data + 4 * a->place));
		if (!name)
			BP_TRY(check_name(b, "atoms", i, a->name));
		set_element(a,
		    z             ? z[i]
		        : element ? ((const int32_t *)element->data)[a->place]
		                  : -1,
		    s->res[a->res].name);
		token += each || a->res != last;
		last = a->res;
		a->token = b->atom_token ? ((const int32_t *)b->atom_token->data)[a->place] : token;
		if (a->token < 0 || a->token >= MAX_ROWS)
			return BP_FAIL(b->err, BP_EINPUT, "the record was made or changed by a faulty program",
			    "tensor atom_to_token@idx: atom %d has token %d", i, a->token);
		if (a->token >= s->ntokens)
			s->ntokens = a->token + 1;
	}
	return BP_OK;
}

static int
fill_bonds(struct builder *b)
{
	struct bp_structure *s = b->s;
	int *first, *second, *type, n = table_rows(b->rec->meta, "bonds");

	if (n == 0)
		return BP_OK;
	BP_TRY(need_ints(&first, b, "bonds", "atom_1", n, 0, s->natoms - 1));
	BP_TRY(need_ints(&second, b, "bonds", "atom_2", n, 0, s->natoms - 1));
	BP_TRY(ints(&type, b, "bonds", "type", n, 0, BP_BOND_TYPES - 1));
	BP_NEW(s->bond, n, b->mem, b->err);
	for (s->nbonds = 0; s->nbonds < n; s->nbonds++)
		s->bond[s->nbonds] = (struct bp_bond_row) { first[s->nbonds], second[s->nbonds],
			type ? type[s->nbonds] : BP_BOND_OTHER };
	return BP_OK;
}

static int
check_coords(const struct bp_structure *s, struct bp_err *err)
{
	for (int m = 0; m < s->nsamples; m++)
		for (int i = 0; i < s->natoms; i++) {
			const float *x = bp_structure_xyz(s, m, i);
			if (!isfinite(x[0]) || !isfinite(x[1]) || !isfinite(x[2]))
				return BP_FAIL(err, BP_ENUM, "the sampler failed on this target: try another --seed",
				    "sample %d: atom %d (%s) has no finite coordinates", m, i + 1, s->atom[i].name);
		}
	return BP_OK;
}

/* how many samples of how many places: from the coordinates, else from the masks */
static int
find_shape(struct bp_structure *s, const struct bp_rec *rec, struct bp_err *err)
{
	static const char *const masks[] = { "atom_pad_mask", "atom_to_token@idx" };
	int64_t shape[] = { -1, -1, 3 };
	const struct bp_tensor *x = NULL;

	if (bp_rec_get(rec, "sample_atom_coords")) {
		BP_TRY(bp_rec_want(&x, rec, "sample_atom_coords", BP_F32, 3, shape, err));
		if (shape[0] < 1 || shape[1] < 1 || shape[0] > MAX_ROWS || shape[1] > MAX_ROWS)
			return BP_FAIL(err, BP_EINPUT, NULL, "tensor sample_atom_coords: %lld samples of %lld atoms",
			    (long long)shape[0], (long long)shape[1]);
		s->nsamples = (int)shape[0];
		s->nplaces = shape[1];
		s->coords = x->data;
	}
	for (int i = 0; i < 2 && !s->nplaces; i++)
		if ((x = bp_rec_get(rec, masks[i])))
			s->nplaces = bp_count(x);
	if (s->nplaces < 1 || s->nplaces > MAX_ROWS)
		return BP_FAIL(err, BP_EINPUT, "every stage passes on the features: let them come through",
		    "neither coordinates nor a mask say how many atoms there are");
	return BP_OK;
}

int
bp_structure_tables(struct bp_structure **ret, const struct bp_rec *rec, struct bp_err *err)
{
	struct builder b = { .rec = rec, .mem = rec->mem, .err = err };
	struct bp_structure *s;

	*ret = NULL;
	BP_NEW(s, 1, rec->mem, err);
	b.s = s;
	s->id = rec->id;
	BP_TRY(find_shape(s, rec, err));
	BP_TRY(find_places(&b));
	s->nchains = table_rows(rec->meta, "chains");
	s->nres = table_rows(rec->meta, "residues");
	s->natoms = table_rows(rec->meta, "atoms");
	if (s->nchains && s->nres && s->natoms) {
		/* without masks the tables say where the padding begins */
		if (s->natoms > b.nreal || (s->natoms < b.nreal && (b.atom_token || bp_rec_get(rec, "atom_pad_mask"))))
			return BP_FAIL(err, BP_EINPUT, "the record was made or changed by a faulty program",
			    "meta.atoms has %d atoms, the tensors %lld", s->natoms, (long long)b.nreal);
		BP_TRY(from_meta(&b));
	} else {
		s->nchains = s->nres = s->natoms = 0;
		BP_TRY(from_tensors(&b));
	}
	if (s->natoms == 0)
		return BP_FAIL(err, BP_EINPUT, NULL, "there is no atom in it");
	BP_TRY(check_distinct_chains(&b));
	BP_TRY(fill_atoms(&b));
	BP_TRY(fill_bonds(&b));
	*ret = s;
	return BP_OK;
}

int
bp_structure_read(struct bp_structure **ret, const struct bp_rec *rec, struct bp_err *err)
{
	int64_t shape[] = { -1, -1, 3 };
	const struct bp_tensor *x;
	struct bp_structure *s;

	*ret = NULL;
	BP_TRY(bp_rec_want(&x, rec, "sample_atom_coords", BP_F32, 3, shape, err));
	BP_TRY(bp_structure_tables(&s, rec, err));
	BP_TRY(check_coords(s, err));
	*ret = s;
	return BP_OK;
}

void
bp_structure_gather(float *x, const struct bp_structure *s, int sample)
{
	for (int i = 0; i < s->natoms; i++)
		memcpy(x + 3 * (size_t)i, bp_structure_xyz(s, sample, i), 3 * sizeof *x);
}

double
bp_structure_plddt(const struct bp_structure *s, int res, const float *plddt)
{
	const struct bp_res_row *r = &s->res[res];
	double sum = 0;
	int n = 0;

	for (int i = r->atom, last = -1; i < r->atom + r->natoms; i++)
		if (s->atom[i].token != last) {
			last = s->atom[i].token;
			sum += plddt[last];
			n++;
		}
	return n ? sum / n : 0;
}
