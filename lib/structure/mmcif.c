/* Contents: CIF values and loops; entities; the tables, in the order of the file. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "chem/residues.h"
#include "structure/comp.h"
#include "structure/mmcif.h"

enum { QUOTED = 80 }; /* names have at most 31 characters, "Model subunit NAME" 45 */

enum kind { POLYMER, BRANCHED, NONPOLYMER, WATER };
static const char *const kind_names[] = { "polymer", "branched", "non-polymer", "water" };

struct entity {
	int chain; /* the first of its chains: its sequence stands for all */
	int count; /* chains */
	enum kind kind;
};

struct writer {
	FILE *f;
	const struct bp_structure *s;
	struct entity *entity;
	int n;
	int *of_chain; /* [nchains] number of its entity, from 0 */
	struct bp_err *err;
};

/* CIF values and loops --------------------------------------------------------------------------------- */

const char *
bp_cif_quote(char *buf, size_t n, const char *s)
{
	static const char *const reserved[] = { "data_", "loop_", "save_", "stop_", "global_" };
	bool bare = *s && !strchr("_#$'\"[];", *s) && !strpbrk(s, " \t'\"") && strcmp(s, ".") && strcmp(s, "?");
	char q = strchr(s, '\'') ? '"' : '\'';

	for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
		bare = bare && strncasecmp(s, reserved[i], strlen(reserved[i]));
	if (bare)
		return s;
	snprintf(buf, n, "%c%s%c", q, s, q);
	return buf;
}

/* columns: names with blanks between them */
static void
loop(struct writer *w, const char *category, const char *columns)
{
	fputs("loop_\n", w->f);
	while (*columns) {
		int n = (int)strcspn(columns, " ");
		fprintf(w->f, "_%s.%.*s\n", category, n, columns);
		columns += n + (columns[n] == ' ');
	}
}

static void
end(struct writer *w)
{
	fputs("#\n#\n", w->f);
}

/* Entities ---------------------------------------------------------------------------------------------- */

static const struct bp_chain_row *
first_chain(const struct writer *w, int e)
{
	return &w->s->chain[w->entity[e].chain];
}

static bool
same_sequence(const struct bp_structure *s, const struct bp_chain_row *a, const struct bp_chain_row *b)
{
	if (a->mol_type != b->mol_type || a->nres != b->nres)
		return false;
	for (int i = 0; i < a->nres; i++)
		if (strcmp(s->res[a->res + i].name, s->res[b->res + i].name))
			return false;
	return true;
}

static enum kind
kind_of(const struct bp_structure *s, const struct bp_chain_row *c)
{
	if (c->mol_type != BP_NONPOLYMER)
		return POLYMER;
	if (c->nres > 1)
		return BRANCHED;
	return strcmp(s->res[c->res].name, "HOH") ? NONPOLYMER : WATER;
}

static int
find_entities(struct writer *w, struct bp_arena *mem, struct bp_err *err)
{
	const struct bp_structure *s = w->s;

	BP_NEW(w->entity, s->nchains, mem, err);
	BP_NEW(w->of_chain, s->nchains, mem, err);
	for (int c = 0; c < s->nchains; c++) {
		int e = 0;
		/* chains of one entity whose sequences differ would make a file that contradicts itself */
		while (e < w->n
		    && (first_chain(w, e)->entity_id != s->chain[c].entity_id
		        || !same_sequence(s, first_chain(w, e), &s->chain[c])))
			e++;
		if (e == w->n)
			w->entity[w->n++] = (struct entity) { .chain = c, .kind = kind_of(s, &s->chain[c]) };
		w->entity[e].count++;
		w->of_chain[c] = e;
	}
	return BP_OK;
}

/* what a chain loses for each link, and a nucleotide chain at its first residue (its phosphate), in Da: as
 * python-ihm 2.12 counts */
static double
entity_weight(const struct writer *w, int e)
{
	const struct bp_chain_row *c = first_chain(w, e);
	double sum = c->mol_type == BP_PROTEIN ? 0 : -62.972;

	for (int i = 0; i < c->nres; i++) {
		const struct bp_comp *comp = bp_comp_find(w->s->res[c->res + i].name, c->mol_type);
		if (!comp)
			return 0;
		sum += comp->weight - (i > 0 ? 18.015 : 0);
	}
	return sum;
}

/* The tables -------------------------------------------------------------------------------------------- */

static void
put_head(struct writer *w)
{
	fputs("data_model\n"
	      "_entry.id model\n"
	      "_struct.entry_id model\n"
	      "_struct.pdbx_model_details .\n"
	      "_struct.pdbx_structure_determination_methodology computational\n"
	      "_struct.title .\n"
	      "_audit_conform.dict_location "
	      "https://raw.githubusercontent.com/ihmwg/ModelCIF/d18ba38/base/mmcif_ma-core.dic\n"
	      "_audit_conform.dict_name mmcif_ma.dic\n"
	      "_audit_conform.dict_version 1.4.6\n#\n",
	    w->f);
}

struct comp_row {
	const char *id;
	int mol_type;
	enum kind kind;
};

static int
by_id(const void *a, const void *b)
{
	const struct comp_row *x = a, *y = b;
	int d = strcmp(x->id, y->id);

	return d ? d : (int)x->kind - (int)y->kind;
}

static const char *
comp_type(const struct comp_row *c)
{
	static const char *const polymer[] = { "'L-peptide linking'", "'DNA linking'", "'RNA linking'" };

	if (c->kind != POLYMER)
		return c->kind == BRANCHED ? "saccharide" : "non-polymer";
	return strcmp(c->id, "GLY") ? polymer[c->mol_type]
	                            : "'peptide linking'"; /* DIFFERS: upstream gives glycine a hand */
}

static int
put_chem_comp(struct writer *w, struct bp_arena *mem, struct bp_err *err)
{
	struct comp_row *row;
	char id[QUOTED], name[QUOTED], formula[QUOTED];
	int n = 0;

	BP_NEW(row, w->s->nres, mem, err);
	for (int e = 0; e < w->n; e++)
		for (int i = 0; i < first_chain(w, e)->nres; i++)
			row[n++] = (struct comp_row) { w->s->res[first_chain(w, e)->res + i].name,
				first_chain(w, e)->mol_type, w->entity[e].kind };
	qsort(row, (size_t)n, sizeof *row, by_id);
	loop(w, "chem_comp", "id type name formula formula_weight ma_provenance");
	for (int i = 0; i < n; i++) {
		const struct bp_comp *c = row[i].kind == POLYMER ? bp_comp_find(row[i].id, row[i].mol_type) : NULL;
		size_t len = strlen(row[i].id);
		if (i > 0 && strcmp(row[i].id, row[i - 1].id) == 0)
			continue;
		fprintf(w->f, "%s %s ", bp_cif_quote(id, sizeof id, row[i].id), comp_type(&row[i]));
		if (c)
			fprintf(w->f, "%s %s %.3f", bp_cif_quote(name, sizeof name, c->name),
			    bp_cif_quote(formula, sizeof formula, c->formula), c->weight);
		else
			fputs(". . .", w->f);
		/* the dictionary's codes have 1 to 3 or 5 letters; LIG1 and the like are made from SMILES */
		fprintf(w->f, " '%s'\n", len == 4 || len > 5 ? "CCD local" : "CCD Core");
	}
	end(w);
	return BP_OK;
}

static void
put_entity(struct writer *w)
{
	loop(w, "entity", "id type src_method pdbx_description formula_weight pdbx_number_of_molecules details");
	for (int e = 0; e < w->n; e++) {
		double weight = w->entity[e].kind == POLYMER ? entity_weight(w, e) : 0;
		fprintf(w->f, "%d %s %s . ", e + 1, kind_names[w->entity[e].kind],
		    w->entity[e].kind == WATER ? "nat" : "man");
		if (weight > 0)
			fprintf(w->f, "%.3f", weight);
		else
			fputc('.', w->f);
		fprintf(w->f, " %d .\n", w->entity[e].count);
	}
	end(w);
}

/* the sequence, one letter for a standard residue, (NAME) for another; DIFFERS: upstream writes every protein
 * residue as (NAME), and X in the canonical sequence */
static void
put_sequence(struct writer *w, const struct bp_chain_row *c, bool canonical)
{
	int column = 0;

	for (int i = 0; i < c->nres; i++) {
		const char *name = w->s->res[c->res + i].name;
		char letter = '-';
		if (column > 70) { /* python-ihm breaks lines there too */
			fputc('\n', w->f);
			column = 0;
		}
		if (bp_comp_find(name, c->mol_type))
			letter = bp_letter_of_token((enum bp_chain_type)c->mol_type, bp_token_id(name));
		if (canonical)
			column += fprintf(w->f, "%c", letter != '-' ? letter : c->mol_type == BP_PROTEIN ? 'X' : 'N');
		else if (c->mol_type == BP_PROTEIN && letter != '-')
			column += fprintf(w->f, "%c", letter);
		else
			column += fprintf(w->f, strlen(name) == 1 ? "%s" : "(%s)", name);
	}
}

static bool
has_modified(const struct writer *w, const struct bp_chain_row *c)
{
	for (int i = 0; i < c->nres; i++)
		if (bp_token_id(w->s->res[c->res + i].name) < 0)
			return true;
	return false;
}

static void
put_entity_poly(struct writer *w)
{
	static const char *const type[] = { "polypeptide(L)", "polydeoxyribonucleotide", "polyribonucleotide" };
	bool any = false;

	for (int e = 0; e < w->n; e++) {
		const struct bp_chain_row *c = first_chain(w, e);
		char sep = ' ';
		if (w->entity[e].kind != POLYMER)
			continue;
		if (!any)
			loop(w, "entity_poly",
			    "entity_id type nstd_linkage nstd_monomer pdbx_strand_id "
			    "pdbx_seq_one_letter_code pdbx_seq_one_letter_code_can");
		any = true;
		/* text fields: a sequence has any length, and may hold quotes of residue names; so may the list of
		 * chains */
		fprintf(w->f, "%d %s no %s\n;", e + 1, type[c->mol_type], has_modified(w, c) ? "yes" : "no");
		for (int i = 0; i < w->s->nchains; i++)
			if (w->of_chain[i] == e) {
				fprintf(w->f, "%s%s", sep == ',' ? "," : "", w->s->chain[i].name);
				sep = ',';
			}
		fputs("\n;\n;", w->f);
		put_sequence(w, c, false);
		fputs("\n;\n;", w->f);
		put_sequence(w, c, true);
		fputs("\n;\n", w->f);
	}
	if (any)
		end(w);
}

static void
put_entity_nonpoly(struct writer *w)
{
	char q[QUOTED];
	bool any = false;

	for (int e = 0; e < w->n; e++)
		if (w->entity[e].kind == NONPOLYMER || w->entity[e].kind == WATER) {
			if (!any)
				loop(w, "pdbx_entity_nonpoly", "entity_id name comp_id ma_model_mode");
			any = true;
			fprintf(w->f, "%d . %s .\n", e + 1,
			    bp_cif_quote(q, sizeof q, w->s->res[first_chain(w, e)->res].name));
		}
	if (any)
		end(w);
}

/* the residues of polymers and of branched entities are two tables of the same columns */
static void
put_entity_residues(struct writer *w, enum kind kind, const char *category, const char *columns)
{
	char q[QUOTED];
	bool any = false;

	for (int e = 0; e < w->n; e++) {
		const struct bp_chain_row *c = first_chain(w, e);
		if (w->entity[e].kind != kind)
			continue;
		if (!any)
			loop(w, category, columns);
		any = true;
		for (int i = 0; i < c->nres; i++)
			fprintf(
			    w->f, "%d %d %s .\n", e + 1, i + 1, bp_cif_quote(q, sizeof q, w->s->res[c->res + i].name));
	}
	if (any)
		end(w);
}

/* "asym entity 'Model subunit NAME'", under two names in the file */
static void
put_asym(struct writer *w, const char *category, const char *columns)
{
	char id[QUOTED], text[QUOTED], quoted[QUOTED];

	loop(w, category, columns);
	for (int c = 0; c < w->s->nchains; c++) {
		snprintf(text, sizeof text, "Model subunit %s", w->s->chain[c].name);
		fprintf(w->f, "%s %d %s\n", bp_cif_quote(id, sizeof id, w->s->chain[c].name), w->of_chain[c] + 1,
		    bp_cif_quote(quoted, sizeof quoted, text));
	}
	end(w);
}

/* residue numbers of each chain, in three tables by kind of entity */
static void
put_scheme(struct writer *w, enum kind kind, const char *category, const char *columns)
{
	char id[QUOTED], comp[QUOTED];
	bool any = false;

	for (int c = 0; c < w->s->nchains; c++) {
		const struct bp_chain_row *ch = &w->s->chain[c];
		enum kind k = w->entity[w->of_chain[c]].kind;
		if ((k == WATER ? NONPOLYMER : k) != kind)
			continue;
		if (!any)
			loop(w, category, columns);
		any = true;
		for (int i = 0; i < ch->nres; i++) {
			const char *a = bp_cif_quote(id, sizeof id, ch->name);
			const char *m = bp_cif_quote(comp, sizeof comp, w->s->res[ch->res + i].name);
			int e = w->of_chain[c] + 1, seq = w->s->res[ch->res + i].seq;
			if (kind == POLYMER)
				fprintf(w->f, "%s %d %d %s %d %d %s %s %s .\n", a, e, i + 1, m, seq, seq, m, m, a);
			else if (kind == NONPOLYMER)
				fprintf(w->f, "%s %d %s %d %d %d %s %s .\n", a, e, m, i + 1, seq, seq, m, a);
			else
				fprintf(w->f, "%s %d %s %d %d . %d %s %s %s\n", a, e, m, i + 1, seq, seq, m, m, a);
		}
	}
	if (any)
		end(w);
}

static void
put_model_list(struct writer *w, int models)
{
	loop(w, "ma_data", "id name content_type content_type_other_details");
	for (int e = 0; e < w->n; e++)
		fprintf(w->f, "%d . target .\n", e + 1);
	fprintf(w->f, "%d Model 'model coordinates' .\n", w->n + 1);
	end(w);
	loop(w, "ma_target_entity", "entity_id data_id origin");
	for (int e = 0; e < w->n; e++)
		fprintf(w->f, "%d %d designed\n", e + 1, e + 1);
	end(w);
	put_asym(w, "ma_target_entity_instance", "asym_id entity_id details");
	loop(w, "ma_model_list",
	    "ordinal_id model_id model_group_id model_name model_group_name data_id model_type "
	    "model_type_other_details");
	for (int i = 1; i <= models; i++)
		fprintf(w->f, "%d %d 1 Model 'All models' %d 'Ab initio model' .\n", i, i, w->n + 1);
	end(w);
}

/* The rows of model number `model`, from 1, at x [natoms,3]. label_seq_id of a polymer counts its residues, so that it always agrees with entity_poly_seq; the number that
 * the input gave is auth_seq_id */
static void
put_model(struct writer *w, int model, const float *x, const float *plddt)
{
	const struct bp_structure *s = w->s;
	char id[QUOTED], comp[QUOTED], name[QUOTED], label[16];

	for (int r = 0; r < s->nres; r++) {
		const struct bp_res_row *res = &s->res[r];
		const struct bp_chain_row *c = &s->chain[res->chain];
		bool het = c->mol_type == BP_NONPOLYMER;
		const char *a = bp_cif_quote(id, sizeof id, c->name), *m = bp_cif_quote(comp, sizeof comp, res->name);
		snprintf(label, sizeof label, "%d", r - c->res + 1);
		for (int i = res->atom; i < res->atom + res->natoms; i++) {
			const float *p = x + 3 * (size_t)i;
			fprintf(w->f, "%s %lld %s %s . %s %s %d ? %s %.5f %.5f %.5f 1 %d %s %s %.3f %d\n",
			    het ? "HETATM" : "ATOM", (long long)(model - 1) * s->natoms + i + 1, s->atom[i].element,
			    bp_cif_quote(name, sizeof name, s->atom[i].name), m, het ? "." : label, res->seq, a,
			    (double)p[0], (double)p[1], (double)p[2], w->of_chain[res->chain] + 1, a, m,
			    plddt ? 100.0 * (double)plddt[s->atom[i].token] : 0.0, model);
		}
	}
}

/* frames NULL: the one model of the sample */
static int
put_atoms(struct writer *w, int sample, const float *plddt, const struct bp_frames *frames, struct bp_arena *mem)
{
	float *x;

	BP_NEW(x, 3 * (size_t)w->s->natoms, mem, w->err);
	loop(w, "atom_site",
	    "group_PDB id type_symbol label_atom_id label_alt_id label_comp_id label_seq_id auth_seq_id "
	    "pdbx_PDB_ins_code label_asym_id Cartn_x Cartn_y Cartn_z occupancy label_entity_id auth_asym_id "
	    "auth_comp_id "
	    "B_iso_or_equiv pdbx_PDB_model_num");
	if (!frames)
		bp_structure_gather(x, w->s, sample);
	for (int i = 0; i < (frames ? frames->n : 1); i++) {
		if (frames)
			BP_TRY(frames->get(frames->self, i, x, w->err));
		put_model(w, i + 1, x, plddt);
	}
	end(w);
	return BP_OK;
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static int
put_atom_types(struct writer *w, struct bp_arena *mem, struct bp_err *err)
{
	char(*e)[4];

	e = bp_calloc(mem, (size_t)w->s->natoms, sizeof *e, err);
	if (!e)
		return BP_EMEM;
	for (int i = 0; i < w->s->natoms; i++)
		memcpy(e[i], w->s->atom[i].element, sizeof *e);
	qsort(e, (size_t)w->s->natoms, sizeof *e, by_text);
	loop(w, "atom_type", "symbol");
	for (int i = 0; i < w->s->natoms; i++)
		if (i == 0 || strcmp(e[i], e[i - 1]))
			fprintf(w->f, "%s\n", e[i]);
	end(w);
	return BP_OK;
}

/* bonds between residues, which no dictionary of residues holds. DIFFERS: upstream writes no bonds. */
static void
put_connections(struct writer *w)
{
	const struct bp_structure *s = w->s;
	char q[3][QUOTED];
	int n = 0;

	for (int k = 0; k < s->nbonds; k++) {
		const struct bp_atom_row *end_atom[2] = { &s->atom[s->bond[k].a], &s->atom[s->bond[k].b] };
		if (end_atom[0]->res == end_atom[1]->res)
			continue;
		if (n++ == 0) {
			fputs("loop_\n_struct_conn_type.id\ncovale\n#\n#\n", w->f);
			loop(w, "struct_conn",
			    "id conn_type_id "
			    "ptnr1_label_asym_id ptnr1_label_comp_id ptnr1_label_seq_id ptnr1_label_atom_id "
			    "ptnr1_auth_asym_id ptnr1_auth_seq_id ptnr1_symmetry "
			    "ptnr2_label_asym_id ptnr2_label_comp_id ptnr2_label_seq_id ptnr2_label_atom_id "
			    "ptnr2_auth_asym_id ptnr2_auth_seq_id ptnr2_symmetry");
		}
		fprintf(w->f, "covale%d covale", n);
		for (int j = 0; j < 2; j++) {
			const struct bp_res_row *r = &s->res[end_atom[j]->res];
			const struct bp_chain_row *c = &s->chain[r->chain];
			const char *a = bp_cif_quote(q[0], QUOTED, c->name);
			char label[16] = ".";
			if (c->mol_type != BP_NONPOLYMER)
				snprintf(label, sizeof label, "%d", end_atom[j]->res - c->res + 1);
			fprintf(w->f, " %s %s %s %s %s %d 1_555", a, bp_cif_quote(q[1], QUOTED, r->name), label,
			    bp_cif_quote(q[2], QUOTED, end_atom[j]->name), a, r->seq);
		}
		fputc('\n', w->f);
	}
	if (n)
		end(w);
}

static void
put_quality(struct writer *w, const float *plddt)
{
	const struct bp_structure *s = w->s;
	char id[QUOTED], comp[QUOTED];

	loop(w, "ma_qa_metric", "id name description type mode type_other_details software_group_id");
	fputs("1 pLDDT 'Predicted lddt' pLDDT local . .\n", w->f);
	end(w);
	loop(w, "ma_qa_metric_local",
	    "ordinal_id model_id label_asym_id label_seq_id label_comp_id metric_id metric_value");
	for (int r = 0; r < s->nres; r++) {
		const struct bp_chain_row *c = &s->chain[s->res[r].chain];
		fprintf(w->f, "%d 1 %s %d %s 1 %.3f\n", r + 1, bp_cif_quote(id, sizeof id, c->name), r - c->res + 1,
		    bp_cif_quote(comp, sizeof comp, s->res[r].name), 100 * bp_structure_plddt(s, r, plddt));
	}
	fputs("#\n", w->f);
}

static int
write_file(FILE *f, const struct bp_structure *s, int sample, const float *plddt, const struct bp_frames *frames,
    struct bp_arena *mem, struct bp_err *err)
{
	struct bp_mark mark = bp_arena_mark(mem);
	struct writer w = { .f = f, .s = s, .err = err };

	BP_TRY(find_entities(&w, mem, err));
	put_head(&w);
	BP_TRY(put_chem_comp(&w, mem, err));
	put_entity(&w);
	put_entity_poly(&w);
	put_entity_nonpoly(&w);
	put_entity_residues(&w, POLYMER, "entity_poly_seq", "entity_id num mon_id hetero");
	put_entity_residues(&w, BRANCHED, "pdbx_entity_branch_list", "entity_id num comp_id hetero");
	put_asym(&w, "struct_asym", "id entity_id details");
	put_scheme(&w, POLYMER, "pdbx_poly_seq_scheme",
	    "asym_id entity_id seq_id mon_id pdb_seq_num auth_seq_num pdb_mon_id "
	    "auth_mon_id pdb_strand_id pdb_ins_code");
	put_scheme(&w, NONPOLYMER, "pdbx_nonpoly_scheme",
	    "asym_id entity_id mon_id ndb_seq_num pdb_seq_num auth_seq_num "
	    "auth_mon_id pdb_strand_id pdb_ins_code");
	put_scheme(&w, BRANCHED, "pdbx_branch_scheme",
	    "asym_id entity_id mon_id num pdb_seq_num pdb_ins_code auth_seq_num "
	    "auth_mon_id pdb_mon_id pdb_asym_id");
	put_model_list(&w, frames ? frames->n : 1);
	BP_TRY(put_atoms(&w, sample, plddt, frames, mem));
	BP_TRY(put_atom_types(&w, mem, err));
	put_connections(&w);
	if (plddt)
		put_quality(&w, plddt);
	bp_arena_release(mem, mark);
	return BP_OK;
}

int
bp_mmcif_write(
    FILE *f, const struct bp_structure *s, int sample, const float *plddt, struct bp_arena *mem, struct bp_err *err)
{
	return write_file(f, s, sample, plddt, NULL, mem, err);
}

int
bp_mmcif_write_frames(
    FILE *f, const struct bp_structure *s, const struct bp_frames *frames, struct bp_arena *mem, struct bp_err *err)
{
	return write_file(f, s, 0, NULL, frames, mem, err);
}
