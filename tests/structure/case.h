/* tests/structure/case.h: the records of golden/write as a stream would bring them, and the files that upstream made of
 * them. */
#ifndef BP_TEST_CASE_H
#define BP_TEST_CASE_H

#include "../golden_rec.h"
#include "structure/structure.h"

static const char *const cases[] = { "affinity_small", "glycan", "order", "rna_mod" };
enum { CASES = 4 };

static inline char *
case_text(const char *rel, size_t *n, struct bp_arena *mem)
{
	char path[512], *text;
	FILE *f = fopen(golden_path(path, rel), "rb");
	struct bp_err err;
	long size;

	if (!f)
		fail_msg("no file %s", path);
	assert_int_equal(fseek(f, 0, SEEK_END), 0);
	size = ftell(f);
	rewind(f);
	text = bp_calloc(mem, (size_t)size + 1, 1, &err);
	assert_non_null(text);
	assert_int_equal(fread(text, 1, (size_t)size, f), size);
	fclose(f);
	if (n)
		*n = (size_t)size;
	return text;
}

static inline struct bp_val *
case_json(const char *rel, struct bp_arena *mem)
{
	struct bp_err err;
	struct bp_val *v;
	size_t n;
	char *text = case_text(rel, &n, mem);

	if (bp_json_read(&v, text, n, mem, &err) != BP_OK)
		fail_msg("%s: %s", rel, err.msg);
	return v;
}

/* tensor `from` of s without its batch axis (when it has one more than ndim) as `to` in rec */
static inline void
case_tensor(struct bp_rec *rec, const struct bp_st *s, const char *from, const char *to, int ndim)
{
	const struct bp_tensor *t = bp_st_get(s, from);
	struct bp_tensor *copy;
	struct bp_err err;
	int drop;

	if (!t)
		fail_msg("%s has no %s", bp_st_path(s), from);
	drop = t->ndim - ndim;
	assert_in_range(drop, 0, 1);
	assert_int_equal(bp_rec_add(&copy, rec, to, t->dtype, ndim, t->shape + drop, &err), BP_OK);
	memcpy(copy->data, t->data, (size_t)bp_count(t) * bp_dtype_size(t->dtype));
}

/* rows and "TABLE_columns" of golden/features/CASE.json as a map of columns */
static inline void
case_table(struct bp_rec *rec, const struct bp_val *json, const char *table)
{
	const struct bp_val *rows = bp_val_get(json, table), *columns;
	struct bp_val *map = bp_val_map(rec->mem, NULL);
	char key[64];

	snprintf(key, sizeof key, "%s_columns", table);
	columns = bp_val_get(json, key);
	assert_non_null(columns);
	for (size_t c = 0; c < bp_val_count(columns); c++) {
		struct bp_val *list = bp_val_arr(rec->mem, NULL);
		for (size_t r = 0; r < bp_val_count(rows); r++)
			assert_int_equal(bp_val_push(list, bp_val_at(bp_val_at(rows, r), c), rec->mem, NULL), BP_OK);
		assert_int_equal(bp_val_set(map, bp_val_cstr(bp_val_at(columns, c), ""), list, rec->mem, NULL), BP_OK);
	}
	assert_int_equal(bp_val_set(rec->meta, table, map, rec->mem, NULL), BP_OK);
}

/* The structures record of a case. named: with meta tables; else with feature tensors only. Sample 1 has the better
 * score. */
static inline struct bp_rec *
case_record(const char *name, bool named, struct bp_arena *mem)
{
	static const char *const score[] = { "confidence_score", "complex_plddt", "complex_iplddt", "complex_pde",
		"complex_ipde", "ptm", "iptm", "ligand_iptm", "protein_iptm" };
	char rel[256];
	struct bp_rec *rec = golden_features(name, mem);
	struct bp_st *in;

	rec->kind = BP_STRUCTURES;
	rec->kind_name = bp_kind_name(BP_STRUCTURES);
	snprintf(rel, sizeof rel, "write/%s.input.safetensors", name);
	in = golden_open(rel);
	case_tensor(rec, in, "coords", "sample_atom_coords", 3);
	case_tensor(rec, in, "plddt", "plddt", 2);
	case_tensor(rec, in, "pae", "pae", 3);
	case_tensor(rec, in, "pde", "pde", 3);
	case_tensor(rec, in, "pair_chains_iptm", "pair_chains_iptm", 3);
	case_tensor(rec, in, "s", "s", 2);
	case_tensor(rec, in, "z", "z", 3);
	for (size_t i = 0; i < sizeof score / sizeof *score; i++)
		case_tensor(rec, in, score[i], score[i], 1);
	if (named) {
		struct bp_val *json, *atoms = bp_val_map(mem, NULL);
		snprintf(rel, sizeof rel, "features/%s.json", name);
		json = case_json(rel, mem);
		case_table(rec, json, "chains");
		case_table(rec, json, "residues");
		case_table(rec, json, "bonds");
		assert_int_equal(bp_val_set(atoms, "name", bp_val_get(json, "atoms"), mem, NULL), BP_OK);
		assert_int_equal(bp_val_set(rec->meta, "atoms", atoms, mem, NULL), BP_OK);
	}
	bp_st_close(in);
	return rec;
}

/* row of a [M,...] float tensor */
static inline const float *
case_row(const struct bp_rec *rec, const char *name, int row)
{
	const struct bp_tensor *t = bp_rec_get(rec, name);

	assert_non_null(t);
	return (const float *)t->data + row * (bp_count(t) / t->shape[0]);
}

static inline struct bp_structure *
case_structure(const struct bp_rec *rec)
{
	struct bp_structure *s = NULL;
	struct bp_err err = { 0 };

	if (bp_structure_read(&s, rec, &err) != BP_OK)
		fail_msg("%s: %s", err.msg, err.hint);
	return s;
}

#endif
