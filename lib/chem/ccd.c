#include "chem/ccd.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/main.h"
#include "base/map.h"
#include "chem/ccd_format.h"
#include "chem/residues.h"

#define HINT_DAMAGED "the file is cut or damaged: build it again with `ccd build`"
#define HINT_FULL "for the whole dictionary: ccd build components.cif.gz -o ~/.boltz/ccd.bpccd"

struct layer {
	const unsigned char *p; /* [size] */
	size_t size;
	const struct ccd_head *head;
	const struct ccd_entry *entry; /* [head->count] by code */
	const char *path;
	bool mapped;
};

struct bp_ccd {
	struct layer layer[2];
	int n;
};

static bool
hash_differs(uint64_t found, uint64_t wanted)
{
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
	return (void)found, (void)wanted, false; /* let the fuzzer reach what lies behind the checksums */
#else
	return found != wanted;
#endif
}

static int
check_layer(struct layer *l, struct bp_err *err)
{
	const struct ccd_head *h = (const void *)l->p;

	if (l->size < sizeof *h || memcmp(h->magic, CCD_MAGIC, 8))
		return BP_FAIL(err, BP_EINPUT, "stores are made by `ccd build`", "%s: not a component store", l->path);
	if (h->version != CCD_VERSION || h->order != CCD_ORDER)
		return BP_FAIL(err, BP_EINPUT, "build it again with this program's `ccd build`",
		    "%s: store version %u, this program reads %d", l->path, h->version, CCD_VERSION);
	if (hash_differs(XXH64(h, offsetof(struct ccd_head, head_hash), 0), h->head_hash) || h->size != l->size
	    || h->count > (l->size - sizeof *h) / sizeof(struct ccd_entry)
	    || h->index != l->size - h->count * sizeof(struct ccd_entry) || h->index % 8 || h->note[sizeof h->note - 1])
		return BP_FAIL(err, BP_EINPUT, HINT_DAMAGED, "%s: damaged head (%zu bytes)", l->path, l->size);
	if (hash_differs(XXH64(l->p + h->index, h->count * sizeof(struct ccd_entry), 0), h->index_hash))
		return BP_FAIL(err, BP_EINPUT, HINT_DAMAGED, "%s: damaged index", l->path);
	l->head = h;
	l->entry = (const void *)(l->p + h->index);
	return BP_OK;
}

static int
add_layer(struct bp_ccd *c, const char *path, struct bp_err *err)
{
	struct layer *l = &c->layer[c->n];
	const void *p;

	if (bp_map_open(&p, &l->size, path, err) != BP_OK)
		return err ? err->code = BP_EUSAGE : BP_EUSAGE;
	l->p = p;
	l->path = path;
	l->mapped = true;
	c->n++; /* from here on bp_ccd_close unmaps it */
	return check_layer(l, err);
}

int
bp_ccd_open_file(struct bp_ccd **ret, const char *path, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_ccd *c;
	char *copy;
	int st;

	*ret = NULL;
	BP_NEW(c, 1, mem, err);
	if (!(copy = bp_strdup(mem, path, err)))
		return BP_EMEM;
	if ((st = add_layer(c, copy, err)) != BP_OK) {
		bp_ccd_close(c);
		return st;
	}
	*ret = c;
	return BP_OK;
}

int
bp_ccd_open_memory(struct bp_ccd **ret, const void *p, size_t n, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_ccd *c;

	*ret = NULL;
	BP_NEW(c, 1, mem, err);
	c->layer[0] = (struct layer) { .p = p, .size = n, .path = "memory" };
	c->n = 1;
	BP_TRY(check_layer(&c->layer[0], err));
	*ret = c;
	return BP_OK;
}

int
bp_ccd_open(struct bp_ccd **ret, const char *path, struct bp_arena *mem, struct bp_err *err)
{
	const char *env = getenv("BOLTZPIPE_CCD"), *home = getenv("HOME");
	char *user = NULL, *builtin;
	struct bp_ccd *c;
	int st = BP_OK;

	*ret = NULL;
	BP_NEW(c, 1, mem, err);
	if (!path && env && *env)
		path = env;
	if (path)
		user = bp_strdup(mem, path, err);
	else if (home && (user = bp_sprintf(mem, err, "%s/.boltz/ccd.bpccd", home)) && access(user, F_OK) != 0)
		user = NULL;
	builtin = bp_share_path(BP_CCD_BUILTIN, mem, err);
	if (!user && !builtin) /* err says what share/ lacks */
		return err ? err->code = BP_EUSAGE : BP_EUSAGE;
	if (user)
		st = add_layer(c, user, err);
	if (st == BP_OK && builtin)
		st = add_layer(c, builtin, err);
	if (st != BP_OK) {
		bp_ccd_close(c);
		return st;
	}
	*ret = c;
	return BP_OK;
}

void
bp_ccd_close(struct bp_ccd *c)
{
	for (int i = 0; c && i < c->n; i++)
		if (c->layer[i].mapped)
			bp_map_close(c->layer[i].p, c->layer[i].size);
	if (c)
		c->n = 0;
}

/* Every number of n atoms below limit? */
static bool
atoms_below(const uint16_t *a, size_t n, int limit)
{
	for (size_t i = 0; i < n; i++)
		if (a[i] >= limit)
			return false;
	return true;
}

static bool
sound_atoms(const struct bp_ccd_comp *c)
{
	int heavy = 0;

	for (int i = 0; i < c->n_atoms; i++) {
		const struct bp_ccd_atom *a = &c->atom[i];

		if (!a->name[0] || a->name[sizeof a->name - 1] || a->element > BP_MAX_Z
		    || a->chirality >= BP_CHIRALITIES || !isfinite(a->x[0]) || !isfinite(a->x[1]) || !isfinite(a->x[2]))
			return false;
		if (a->element != 1 && (heavy >= c->n_heavy || c->heavy[heavy++] != i))
			return false;
	}
	return heavy == c->n_heavy;
}

static bool
sound_tables(const struct bp_ccd_comp *c)
{
	const struct bp_ccd_tables *t = &c->t;

	for (int i = 0; i < t->n_pairs; i++)
		if (!isfinite(t->lower[i]) || !isfinite(t->upper[i]) || t->kind[i] > (BP_CCD_IS_BOND | BP_CCD_IS_ANGLE))
			return false;
	for (int i = 0; i < t->n_chiral; i++)
		if (!atoms_below(t->chiral[i].atom, 4, c->n_heavy) || t->chiral[i].is_reference > 1
		    || t->chiral[i].is_r > 1)
			return false;
	for (int i = 0; i < t->n_stereo; i++)
		if (!atoms_below(t->stereo[i].atom, 4, c->n_heavy) || t->stereo[i].is_check > 1
		    || t->stereo[i].is_e > 1)
			return false;
	return (!t->n_planar_bond || atoms_below(t->planar_bond[0], (size_t)t->n_planar_bond * 6, c->n_heavy))
	    && (!t->n_ring5 || atoms_below(t->ring5[0], (size_t)t->n_ring5 * 5, c->n_heavy))
	    && (!t->n_ring6 || atoms_below(t->ring6[0], (size_t)t->n_ring6 * 6, c->n_heavy));
}

static bool
sound(const struct bp_ccd_comp *c)
{
	for (int i = 0; i < c->n_bonds; i++) {
		const struct bp_ccd_bond *b = &c->bond[i];

		if (b->a >= c->n_atoms || b->b >= c->n_atoms || b->a == b->b || b->type >= BP_BOND_AROMATIC
		    || b->stereo > BP_STEREO_Z)
			return false;
	}
	return sound_atoms(c) && sound_tables(c);
}

/* the pointers of a blob whose layout fits it */
static void
point(struct bp_ccd_comp *c, const struct ccd_blob *b, const size_t *at)
{
	const unsigned char *p = (const void *)b;

	*c = (struct bp_ccd_comp) { .name = (const char *)p + at[CCD_NAME],
		.type = (const char *)p + at[CCD_TYPE],
		.xyz = (enum bp_ccd_xyz)b->xyz,
		.n_atoms = b->n_atoms,
		.n_bonds = b->n_bonds,
		.n_heavy = b->n_heavy,
		.atom = (const void *)(p + at[CCD_ATOM]),
		.bond = (const void *)(p + at[CCD_BOND]),
		.heavy = (const void *)(p + at[CCD_HEAVY]),
		.has_tables = b->has_tables };
	c->t = (struct bp_ccd_tables) { .lower = (const void *)(p + at[CCD_LOWER]),
		.upper = (const void *)(p + at[CCD_UPPER]),
		.kind = p + at[CCD_KIND],
		.chiral = (const void *)(p + at[CCD_CHIRAL]),
		.stereo = (const void *)(p + at[CCD_STEREO]),
		.planar_bond = (const void *)(p + at[CCD_PLANAR]),
		.ring5 = (const void *)(p + at[CCD_RING5]),
		.ring6 = (const void *)(p + at[CCD_RING6]),
		.n_pairs = (int)b->n_pairs,
		.n_chiral = b->n_chiral,
		.n_stereo = b->n_stereo,
		.n_planar_bond = b->n_planar_bond,
		.n_ring5 = b->n_ring5,
		.n_ring6 = b->n_ring6 };
	for (int i = 0; i < c->n_atoms; i++)
		c->n_counted += c->atom[i].element > 1;
}

static int
read_blob(struct bp_ccd_comp *ret, const struct layer *l, const struct ccd_entry *e, struct bp_err *err)
{
	const struct ccd_blob *b;
	size_t at[CCD_SECTIONS + 1];
	const char *what = NULL;

	*ret = (struct bp_ccd_comp) { 0 };
	if (e->code[7] || e->offset % 8 || e->offset < sizeof(struct ccd_head) || e->offset > l->head->index
	    || e->length > l->head->index - e->offset || e->length < sizeof *b)
		return BP_FAIL(err, BP_EINPUT, HINT_DAMAGED, "%s: component %.7s: its place is outside the file",
		    l->path, e->code);
	b = (const void *)(l->p + e->offset);
	ccd_layout(at, b);
	if (hash_differs(XXH64(b, e->length, 0) & UINT32_MAX, e->hash))
		what = "wrong checksum";
	else if (b->xyz > BP_XYZ_PARTIAL || b->has_tables > 1 || ccd_padded(at[CCD_SECTIONS]) != e->length
	    || (b->n_pairs && b->n_pairs != (uint32_t)b->n_heavy * (b->n_heavy - 1u) / 2) || !b->name_bytes
	    || !b->type_bytes || ((const char *)b)[at[CCD_TYPE] - 1] || ((const char *)b)[at[CCD_SECTIONS] - 1])
		what = "sizes that do not fit";
	else {
		point(ret, b, at);
		memcpy(ret->code, e->code, sizeof ret->code);
		if (!sound(ret))
			what = "an atom number or value out of range";
	}
	if (!what)
		return BP_OK;
	*ret = (struct bp_ccd_comp) { 0 };
	return BP_FAIL(err, BP_EINPUT, HINT_DAMAGED, "%s: component %.7s: %s", l->path, e->code, what);
}

static int
by_code(const void *key, const void *e)
{
	return strncmp(key, ((const struct ccd_entry *)e)->code, 8);
}

/* the entry and its layer, or NULL */
static const struct ccd_entry *
look_up(const struct bp_ccd *c, const char *code, const struct layer **l)
{
	const struct ccd_entry *e;

	for (int i = 0; i < c->n; i++) {
		*l = &c->layer[i];
		if ((e = bsearch(code, (*l)->entry, (*l)->head->count, sizeof *e, by_code)))
			return e;
	}
	return NULL;
}

int
bp_ccd_find(struct bp_ccd_comp *ret, const struct bp_ccd *c, const char *code, struct bp_err *err)
{
	const struct layer *l;
	const struct ccd_entry *e = look_up(c, code, &l);

	*ret = (struct bp_ccd_comp) { 0 };
	if (!e)
		return BP_FAIL(err, BP_EINPUT, HINT_FULL, "no component '%.32s' in %s%s%s", code, c->layer[0].path,
		    c->n > 1 ? " and " : "", c->n > 1 ? c->layer[1].path : "");
	return read_blob(ret, l, e, err);
}

bool
bp_ccd_has(const struct bp_ccd *c, const char *code)
{
	const struct layer *l;

	return look_up(c, code, &l) != NULL;
}

int
bp_ccd_layers(const struct bp_ccd *c)
{
	return c->n;
}

uint64_t
bp_ccd_id(const struct bp_ccd *c)
{
	uint64_t id = 0;

	for (int i = 0; i < c->n; i++) /* an index holds the hash of each component */
		id = XXH64(&c->layer[i].head->index_hash, sizeof c->layer[i].head->index_hash, id);
	return id;
}

const char *
bp_ccd_path(const struct bp_ccd *c, int layer)
{
	return c->layer[layer].path;
}

const char *
bp_ccd_note(const struct bp_ccd *c, int layer)
{
	return c->layer[layer].head->note;
}

size_t
bp_ccd_count(const struct bp_ccd *c, int layer)
{
	return c->layer[layer].head->count;
}

size_t
bp_ccd_bytes(const struct bp_ccd *c, int layer)
{
	return c->layer[layer].size;
}

int
bp_ccd_at(struct bp_ccd_comp *ret, const struct bp_ccd *c, int layer, size_t i, struct bp_err *err)
{
	return read_blob(ret, &c->layer[layer], &c->layer[layer].entry[i], err);
}

int
bp_ccd_atom_index(const struct bp_ccd_comp *c, const char *name)
{
	for (int i = 0; i < c->n_atoms; i++)
		if (!strcmp(c->atom[i].name, name))
			return i;
	return -1;
}
