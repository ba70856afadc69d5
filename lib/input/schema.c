/* schema.c: sequences (one entry, its polymer or ligand part); grouping into entities; MSA rules; sections that are
 * not there yet; entry. Constraints: constraints.c. */
#include "input/schema.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/opt.h"
#include "guide/params.h"
#include "input/fasta.h"
#include "input/schema_value.h"
#include "input/yaml.h"

static const char *const types[] = { "protein", "dna", "rna", "ligand", NULL };

/* ---- one entry ---- */

static int
read_name(struct bp_schema *s, struct bp_entity *e, const struct bp_val *v, const char *what)
{
	const char *name;

	if (!bp_val_is(v, BP_STR)) {
		char buf[96];
		return BP_SAY(s, v->line, NULL, "chain id must be a string, found %s", bp_found(buf, sizeof buf, v));
	}
	name = v->u.s;
	if (v->n == 0)
		return BP_SAY(s, v->line, "give a name such as A", "%s: the chain id is empty", what);
	if (v->n > BP_CHAIN_MAXNAME)
		return BP_SAY(
		    s, v->line, "shorten it", "chain id '%.40s' is longer than %d characters", name, BP_CHAIN_MAXNAME);
	for (size_t i = 0; i < v->n; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("_-.+*", name[i]))
			return BP_SAY(s, v->line, "use letters, digits and _ - . + *",
			    "chain id '%.40s' has the character '%c'", name, name[i]);
	e->chain[e->n_chains++] = name;
	return BP_OK;
}

static int
read_ids(struct bp_schema *s, struct bp_entity *e, const struct bp_val *v, const char *what, int line)
{
	size_t n = bp_val_is(v, BP_ARR) ? v->n : 1;

	if (!v || v->type == BP_NIL || n == 0)
		return BP_SAY(s, v ? v->line : line, "add id: A", "%s has no 'id'", what);
	if (n > BP_INPUT_MAXCHAINS)
		return BP_SAY(s, v->line, NULL, "%s: more than %d chains", what, BP_INPUT_MAXCHAINS);
	BP_NEW(e->chain, n, s->mem, s->err);
	if (v->type != BP_ARR)
		return read_name(s, e, v, what);
	for (size_t i = 0; i < n; i++)
		BP_TRY(read_name(s, e, v->u.item[i], what));
	return BP_OK;
}

/* Letters that upstream takes for the unknown nucleotide: the codes of ambiguity, and the other acid's base. */
static bool
nucleotide(char c)
{
	return strchr("ACGTUNRYSWKMBDHVX", c) != NULL;
}

static int
check_letters(struct bp_schema *s, const struct bp_entity *e, int line)
{
	const char *chain = e->chain[0];
	int unknown = -1;

	for (int i = 0; i < e->length; i++) {
		char c = e->sequence[i];
		if (islower((unsigned char)c))
			return BP_SAY(s, line, NULL,
			    "sequence of chain %s is lower case ('%c' at position %d); upper case is expected", chain,
			    c, i + 1);
		if (!isupper((unsigned char)c) || (e->type != BP_PROTEIN && !nucleotide(c)))
			return BP_SAY(s, line, e->type == BP_PROTEIN ? "letters only" : "is this a nucleic acid?",
			    "sequence of chain %s has an invalid character '%c' at position %d", chain, c, i + 1);
		if (unknown < 0 && bp_token_of_letter(e->type, c) < 0)
			unknown = i;
	}
	if (unknown >= 0)
		bp_log(BP_LOG_WARN,
		    "%s:%d: sequence of chain %s: '%c' at position %d is not in the %s alphabet and is taken as N",
		    s->path, line, chain, e->sequence[unknown], unknown + 1, bp_chain_type_names[e->type]);
	return BP_OK;
}

static int
read_sequence(struct bp_schema *s, struct bp_entity *e, const struct bp_val *v, const char *what, int line)
{
	if (!v)
		return BP_SAY(s, line, NULL, "%s has no 'sequence'", what);
	if (v->type == BP_STR && v->n > INT32_MAX / 64)
		return BP_SAY(s, v->line, NULL, "%s: %zu residues are too many", what, v->n);
	BP_TRY(bp_want_string(&e->sequence, s, v, what, "'sequence'"));
	e->length = (int)v->n;
	if (v->n == 0)
		return BP_SAY(s, v->line, "give its residues", "sequence of chain %s is empty", e->chain[0]);
	return check_letters(s, e, v->line);
}

/* a component code: short, and safe to print; whether it exists is asked of the CCD store later */
static int
read_code(const char **ret, struct bp_schema *s, const struct bp_val *v, const char *what)
{
	BP_TRY(bp_want_string(ret, s, v, what, "ccd"));
	if (v->n == 0 || v->n > BP_CODE_MAX
	    || strspn(*ret, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") != v->n)
		return BP_SAY(
		    s, v->line, "codes have one to five letters and digits", "CCD component %.40s not found", *ret);
	return BP_OK;
}

static int
by_position(const void *a, const void *b)
{
	const struct bp_mod *x = a, *y = b;

	return (x->position > y->position) - (x->position < y->position);
}

static int
read_modification(struct bp_schema *s, struct bp_entity *e, const struct bp_val *v, const char *what)
{
	static const char *const keys[] = { "position", "ccd", NULL };
	struct bp_mod *mod = &e->mod[e->n_mods++];
	const struct bp_val *pos;
	char buf[96];

	BP_TRY(bp_want_keys(s, v, what, keys));
	pos = bp_val_get(v, "position");
	mod->line = v->line;
	if (bp_val_is(pos, BP_REAL) && strspn(pos->text, "+-0123456789_") == strlen(pos->text)) /* beyond 64 bits */
		return BP_SAY(s, pos->line, NULL, "modification position %.60s is out of range", pos->text);
	if (!bp_val_is(pos, BP_INT))
		return BP_SAY(s, pos ? pos->line : v->line, NULL, "%s: position must be a whole number, found %s", what,
		    bp_found(buf, sizeof buf, pos));
	if (pos->u.i < 1)
		return BP_SAY(
		    s, pos->line, NULL, "modification position %lld: positions count from 1", (long long)pos->u.i);
	if (pos->u.i > e->length)
		return BP_SAY(s, pos->line, NULL, "modification position %lld is outside chain %s (%d residues)",
		    (long long)pos->u.i, e->chain[0], e->length);
	mod->position = (int)pos->u.i - 1;
	return read_code(&mod->code, s, bp_val_get(v, "ccd"), what);
}

static int
read_polymer(struct bp_schema *s, struct bp_entity *e, const struct bp_val *v, const char *what)
{
	static const char *const keys[] = { "id", "sequence", "modifications", "msa", "cyclic", NULL };
	const struct bp_val *mods, *msa;

	BP_TRY(bp_want_keys(s, v, what, keys));
	BP_TRY(read_ids(s, e, bp_val_get(v, "id"), what, v->line));
	BP_TRY(read_sequence(s, e, bp_val_get(v, "sequence"), what, v->line));
	BP_TRY(bp_want_bool(&e->cyclic, s, bp_val_get(v, "cyclic"), what, "cyclic", false));
	mods = bp_val_get(v, "modifications");
	if (mods && mods->type != BP_NIL) {
		BP_TRY(bp_want_list(s, mods, what, "modifications"));
		BP_NEW(e->mod, mods->n, s->mem, s->err);
		for (size_t i = 0; i < mods->n; i++)
			BP_TRY(read_modification(s, e, mods->u.item[i], "a modification"));
		qsort(e->mod, (size_t)e->n_mods, sizeof *e->mod, by_position);
		for (int i = 1; i < e->n_mods; i++)
			if (e->mod[i].position == e->mod[i - 1].position)
				return BP_SAY(s, e->mod[i].line, "keep one",
				    "chain %s has two modifications at position %d", e->chain[0],
				    e->mod[i].position + 1);
	}
	msa = bp_val_get(v, "msa");
	if (!msa || msa->type == BP_NIL)
		return BP_OK;
	if (e->type != BP_PROTEIN)
		return BP_SAY(s, msa->line, "remove it", "%s: an MSA is only allowed for proteins", what);
	BP_TRY(bp_want_string(&e->msa, s, msa, what, "msa"));
	e->msa_line = msa->line;
	if (msa->n == 0)
		e->msa = NULL;
	return BP_OK;
}

static int
read_ligand(struct bp_schema *s, struct bp_entity *e, const struct bp_val *v, const char *what)
{
	static const char *const keys[] = { "id", "ccd", "smiles", "cyclic", NULL };
	const struct bp_val *ccd, *smiles;
	const char *text;
	size_t n;

	BP_TRY(bp_want_keys(s, v, what, keys));
	BP_TRY(read_ids(s, e, bp_val_get(v, "id"), what, v->line));
	BP_TRY(bp_want_bool(&e->cyclic, s, bp_val_get(v, "cyclic"), what, "cyclic", false));
	if (e->cyclic)
		return BP_SAY(s, bp_val_get(v, "cyclic")->line, "remove it", "cyclic is not supported for ligands");
	ccd = bp_val_get(v, "ccd");
	smiles = bp_val_get(v, "smiles");
	if (ccd && smiles)
		return BP_SAY(s, smiles->line, NULL, "ligand %s has both 'ccd' and 'smiles'; give one", e->chain[0]);
	if (smiles) {
		BP_TRY(bp_want_string(&text, s, smiles, what, "smiles"));
		return BP_FAIL(s->err, BP_EUNSUP, "give a CCD code",
		    "%s:%d: ligand %s: SMILES ligands are not supported yet", s->path, smiles->line, e->chain[0]);
	}
	if (!ccd)
		return BP_SAY(s, v->line, NULL, "ligand %s has neither 'ccd' nor 'smiles'; give one", e->chain[0]);
	e->is_list = ccd->type == BP_ARR;
	n = e->is_list ? ccd->n : 1;
	if (n == 0 || n > BP_INPUT_MAXCHAINS)
		return BP_SAY(s, ccd->line, NULL, "ligand %s has %s residues", e->chain[0], n ? "too many" : "no");
	e->length = (int)n;
	BP_NEW(e->code, n, s->mem, s->err);
	BP_NEW(e->code_line, n, s->mem, s->err);
	for (size_t i = 0; i < n; i++) {
		const struct bp_val *c = e->is_list ? ccd->u.item[i] : ccd;
		BP_TRY(read_code(&e->code[i], s, c, what));
		e->code_line[i] = c->line;
	}
	return BP_OK;
}

static int
read_entry(struct bp_schema *s, struct bp_entity *e, const struct bp_val *v, int number)
{
	const char *name;
	char what[40];
	int t = 0;

	snprintf(what, sizeof what, "entry %d", number);
	if (!bp_val_is(v, BP_MAP) || v->n != 1)
		return BP_SAY(s, v->line, "each entry is '- protein: {...}' or dna, rna, ligand",
		    "%s of sequences must hold one entity", what);
	name = v->u.item[0]->text;
	while (types[t] && (!name || strcmp(types[t], name) != 0))
		t++;
	if (!types[t])
		return BP_SAY(s, v->line, NULL, "unknown entity type '%.40s'; one of protein, dna, rna, ligand",
		    name ? name : "");
	snprintf(what, sizeof what, "%s entry %d", types[t], number);
	e->type = (enum bp_chain_type)t;
	e->line = v->u.item[1]->line;
	return e->type == BP_NONPOLYMER ? read_ligand(s, e, v->u.item[1], what)
	                                : read_polymer(s, e, v->u.item[1], what);
}

/* ---- grouping ---- */

static bool
same_group(const struct bp_entity *a, const struct bp_entity *b)
{
	if (a->type != b->type || a->length != b->length || a->is_list != b->is_list)
		return false;
	if (a->type != BP_NONPOLYMER)
		return memcmp(a->sequence, b->sequence, (size_t)a->length) == 0;
	for (int i = 0; i < a->length; i++)
		if (strcmp(a->code[i], b->code[i]) != 0)
			return false;
	return true;
}

static bool
same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* Upstream takes what the first entry of a group says and ignores the others; we want them to agree. */
static int
join_group(struct bp_schema *s, struct bp_entity *to, const struct bp_entity *e)
{
	const char *differ = NULL;
	const char **chain;

	if (!same_text(to->msa, e->msa))
		differ = "MSAs";
	else if (to->cyclic != e->cyclic)
		differ = "cyclic flags";
	else if (to->n_mods != e->n_mods)
		differ = "modifications";
	for (int i = 0; i < to->n_mods && !differ; i++)
		if (to->mod[i].position != e->mod[i].position || strcmp(to->mod[i].code, e->mod[i].code) != 0)
			differ = "modifications";
	if (differ)
		return BP_SAY(s, e->line, "the network knows one entity a sequence: give both the same",
		    "chains %s and %s have the same sequence but different %s", to->chain[0], e->chain[0], differ);
	BP_NEW(chain, to->n_chains + e->n_chains, s->mem, s->err);
	memcpy(chain, to->chain, (size_t)to->n_chains * sizeof *chain);
	memcpy(chain + to->n_chains, e->chain, (size_t)e->n_chains * sizeof *chain);
	to->chain = chain;
	to->n_chains += e->n_chains;
	return BP_OK;
}

/* name every chain once, in the order of the entities */
static int
list_chains(struct bp_schema *s, const struct bp_entity *entries, int n)
{
	struct bp_input *in = s->in;
	int total = 0;

	for (int i = 0; i < n; i++) /* in the order written, so that the message is about the later one */
		for (int j = 0; j < entries[i].n_chains; j++) {
			if (bp_chain_named(in, entries[i].chain[j]) >= 0)
				return BP_SAY(
				    s, entries[i].line, "rename one", "chain id %s is used twice", entries[i].chain[j]);
			in->chain[in->n_chains++].name = entries[i].chain[j];
		}
	for (int i = 0; i < in->n_entities; i++)
		for (int j = 0; j < in->entity[i].n_chains; j++)
			in->chain[total++] = (struct bp_chain){ in->entity[i].chain[j], i, j };
	return BP_OK;
}

static int
read_sequences(struct bp_schema *s, const struct bp_val *v)
{
	struct bp_input *in = s->in;
	struct bp_entity *entries;
	int n_chains = 0;

	if (!v)
		return BP_SAY(s, 1, "add 'sequences:'", "no chains in the input");
	if (v->type != BP_NIL)
		BP_TRY(bp_want_list(s, v, NULL, "'sequences'"));
	if (bp_val_count(v) == 0)
		return BP_SAY(s, v->line, "add an entry", "no chains in the input");
	if (v->n > BP_INPUT_MAXCHAINS)
		return BP_SAY(s, v->line, NULL, "more than %d entries", BP_INPUT_MAXCHAINS);
	BP_NEW(entries, v->n, s->mem, s->err);
	BP_NEW(in->entity, v->n, s->mem, s->err);
	for (size_t i = 0; i < v->n; i++) {
		BP_TRY(read_entry(s, &entries[i], v->u.item[i], (int)i + 1));
		if ((n_chains += entries[i].n_chains) > BP_INPUT_MAXCHAINS)
			return BP_SAY(s, entries[i].line, NULL, "more than %d chains", BP_INPUT_MAXCHAINS);
	}
	BP_NEW(in->chain, n_chains, s->mem, s->err);
	for (size_t i = 0; i < v->n; i++) {
		int k = 0;
		while (k < in->n_entities && !same_group(&in->entity[k], &entries[i]))
			k++;
		if (k == in->n_entities)
			in->entity[in->n_entities++] = entries[i];
		else if (!same_text(in->entity[k].chain[0], entries[i].chain[0])) /* else: used twice, said below */
			BP_TRY(join_group(s, &in->entity[k], &entries[i]));
	}
	return list_chains(s, entries, (int)v->n);
}

/* Every protein names an MSA or says `empty`: there is no search server yet. */
static int
check_msas(struct bp_schema *s)
{
	const struct bp_entity *custom = NULL, *none = NULL;

	for (int i = 0; i < s->in->n_entities; i++) {
		struct bp_entity *e = &s->in->entity[i];
		if (e->type != BP_PROTEIN)
			continue;
		if (!e->msa && !none)
			none = e;
		else if (e->msa && strcmp(e->msa, "empty") != 0 && !custom)
			custom = e;
	}
	if (none && custom)
		return BP_SAY(s, none->line, "give 'msa: FILE' or 'msa: empty'",
		    "chain %s has no MSA while %s has one; custom and automatic MSAs cannot be mixed", none->chain[0],
		    custom->chain[0]);
	if (none)
		return BP_SAY(s, none->line, "searching a server is not supported yet",
		    "protein %s has no MSA; give 'msa: file' or 'msa: empty'", none->chain[0]);
	for (int i = 0; i < s->in->n_entities; i++)
		if (same_text(s->in->entity[i].msa, "empty"))
			s->in->entity[i].msa = NULL;
	return BP_OK;
}

/* ---- sections whose turn comes later: what can be said about them is said, then they are refused ---- */

static int
refuse_affinity(struct bp_schema *s, const struct bp_val *v)
{
	static const char *const keys[] = { "affinity", NULL }, *const parts[] = { "binder", NULL };

	BP_TRY(bp_want_list(s, v, NULL, "'properties'"));
	for (size_t i = 0; i < v->n; i++) {
		const struct bp_val *a;
		const char *name;
		int c;
		BP_TRY(bp_want_keys(s, v->u.item[i], "a property", keys));
		a = bp_val_get(v->u.item[i], "affinity");
		BP_TRY(bp_want_keys(s, a, "affinity", parts));
		BP_TRY(bp_want_string(&name, s, bp_val_get(a, "binder"), "affinity", "binder"));
		if ((c = bp_chain_named(s->in, name)) < 0)
			return BP_SAY(s, a->line, NULL, "affinity: no chain %.40s", name);
		if (s->in->entity[s->in->chain[c].entity].type != BP_NONPOLYMER)
			return BP_SAY(s, a->line, "name a ligand", "affinity binder %s is not a ligand", name);
		if (s->in->entity[s->in->chain[c].entity].n_chains > 1)
			return BP_SAY(s, a->line, "give it one chain", "affinity binder %s has several copies", name);
	}
	return v->n == 0 ? BP_OK
	                 : BP_FAIL(s->err, BP_EUNSUP, "remove the section",
	                     "%s:%d: 'properties' (affinity) is not supported yet", s->path, v->line);
}

static int
refuse_templates(struct bp_schema *s, const struct bp_val *v)
{
	static const char *const keys[] = { "cif", "pdb", "chain_id", "template_id", "force", "threshold", NULL };

	BP_TRY(bp_want_list(s, v, NULL, "'templates'"));
	for (size_t i = 0; i < v->n; i++) {
		const struct bp_val *t = v->u.item[i], *file;
		const char *path, *stem;
		bool force;
		BP_TRY(bp_want_keys(s, t, "a template", keys));
		if (!(file = bp_val_get(t, "cif")) && !(file = bp_val_get(t, "pdb")))
			return BP_SAY(s, t->line, NULL, "template %zu has neither 'cif' nor 'pdb'", i + 1);
		BP_TRY(bp_want_string(&path, s, file, "a template", "its file"));
		if (!bp_input_beside(&path, s->path, path, s->mem, s->err))
			return BP_SAY(s, file->line, "check the path", "template file %.200s not found", file->u.s);
		stem = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
		BP_TRY(bp_want_bool(&force, s, bp_val_get(t, "force"), "a template", "force", false));
		if (force && !bp_val_get(t, "threshold"))
			return BP_SAY(s, t->line, "add threshold: 2.5 (A)", "template %.*s: force needs a threshold",
			    (int)strcspn(stem, "."), stem);
	}
	return v->n == 0 ? BP_OK
	                 : BP_FAIL(s->err, BP_EUNSUP, "remove the section", "%s:%d: 'templates' is not supported yet",
	                     s->path, v->line);
}

/* ---- guidance, scoring: passed on as they are, when they can be understood ---- */

static int
check_guides(struct bp_schema *s, const struct bp_val *v, bool scoring)
{
	struct bp_guide_params *p;
	int n;

	if (bp_guide_section(&p, &n, v, scoring, s->mem, s->err) == BP_OK)
		return BP_OK;
	bp_err_where(s->err, "%s:%d", s->path, v->line);
	return s->err->code = s->err->code == BP_EUSAGE ? BP_EINPUT : s->err->code;
}

/* ---- entry ---- */

int
bp_schema_read(
    struct bp_input **ret, const char *path, const struct bp_val *v, struct bp_arena *mem, struct bp_err *err)
{
	static const char *const keys[]
	    = { "version", "sequences", "constraints", "templates", "properties", "guidance", "scoring", "sampling", "output", NULL };
	static const char *const idle[] = { "sampling", "output" }; /* of upstream's fork, which reads neither */
	struct bp_schema s = { .path = path, .line = 1, .mem = mem, .err = err };
	const struct bp_val *x;
	char buf[96];

	*ret = NULL;
	BP_NEW(s.in, 1, mem, err);
	if (!(s.in->path = bp_strdup(mem, path, err)))
		return BP_EMEM;
	if (!bp_val_is(v, BP_MAP))
		return BP_SAY(&s, v ? v->line : 1, "begin with 'sequences:'", "the input must be a mapping");
	BP_TRY(bp_want_keys(&s, v, NULL, keys));
	x = bp_val_get(v, "version");
	if (x && !(x->type == BP_INT && x->u.i == 1))
		return BP_SAY(&s, x->line, NULL, "version %.40s is not supported (only 1)",
		    x->text ? x->text : bp_found(buf, sizeof buf, x));
	BP_TRY(read_sequences(&s, bp_val_get(v, "sequences")));
	BP_TRY(check_msas(&s));
	if ((x = bp_val_get(v, "constraints")) && x->type != BP_NIL)
		BP_TRY(bp_constraints_read(&s, x));
	if ((x = bp_val_get(v, "properties")) && x->type != BP_NIL)
		BP_TRY(refuse_affinity(&s, x));
	if ((x = bp_val_get(v, "templates")) && x->type != BP_NIL)
		BP_TRY(refuse_templates(&s, x));
	s.in->guidance = bp_val_get(v, "guidance");
	s.in->scoring = bp_val_get(v, "scoring");
	BP_TRY(check_guides(&s, s.in->guidance, false));
	BP_TRY(check_guides(&s, s.in->scoring, true));
	for (size_t i = 0; i < sizeof idle / sizeof *idle; i++)
		if (bp_val_get(v, idle[i]))
			bp_log(BP_LOG_WARN, "%s: the section %s has no effect", path, idle[i]);
	*ret = s.in;
	return BP_OK;
}

static const char *
suffix(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot && !strchr(dot, '/') ? dot : "";
}

static bool
is_fasta(const char *path)
{
	return strcasecmp(suffix(path), ".fasta") == 0 || strcasecmp(suffix(path), ".fa") == 0
	    || strcasecmp(suffix(path), ".fas") == 0;
}

bool
bp_input_suffix(const char *path)
{
	return is_fasta(path) || strcasecmp(suffix(path), ".yaml") == 0 || strcasecmp(suffix(path), ".yml") == 0;
}

int
bp_input_tree(struct bp_val **ret, char **text, size_t *n, const char *path, struct bp_arena *mem, struct bp_err *err)
{
	bool fasta = is_fasta(path);

	*ret = NULL;
	if (strcmp(path, "-") == 0) {
		BP_TRY(bp_text_stdin(text, n, BP_YAML_MAXBYTES, mem, err));
		path = "stdin";
		fasta = (*text)[strspn(*text, " \t\r\n")] == '>';
	} else if (!bp_input_suffix(path)) {
		return BP_FAIL(
		    err, BP_EINPUT, "name it .yaml, .yml, .fasta, .fa or .fas", "%s: unknown kind of input", path);
	} else {
		BP_TRY(bp_text_read(text, n, path, BP_YAML_MAXBYTES, mem, err));
	}
	return fasta ? bp_fasta_read(ret, path, *text, *n, mem, err) : bp_yaml_read(ret, path, *text, *n, mem, err);
}

int
bp_input_read(struct bp_input **ret, const char *path, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_val *v;
	char *text;
	size_t n;

	*ret = NULL;
	BP_TRY(bp_input_tree(&v, &text, &n, path, mem, err));
	return bp_schema_read(ret, path, v, mem, err);
}

bool
bp_input_beside(const char **ret, const char *input, const char *path, struct bp_arena *mem, struct bp_err *err)
{
	const char *slash = strrchr(input, '/');

	*ret = path;
	if (access(path, R_OK) == 0)
		return true;
	if (path[0] == '/' || !slash)
		return false;
	*ret = bp_sprintf(mem, err, "%.*s/%s", (int)(slash - input), input, path);
	return *ret && access(*ret, R_OK) == 0;
}
