#include "chem/ccd_write.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/newfile.h"
#include "chem/ccd_format.h"

struct bp_ccd_out {
	struct bp_newfile file;
	uint64_t at;             /* bytes written */
	struct ccd_entry *entry; /* [cap], n used; malloc */
	size_t n, cap;
	unsigned char *buf; /* one blob; malloc */
	size_t buf_cap;
};

int
bp_ccd_out_open(struct bp_ccd_out **ret, const char *path, struct bp_arena *mem, struct bp_err *err)
{
	const struct ccd_head zero = { 0 };
	struct bp_ccd_out *o;

	*ret = NULL;
	BP_NEW(o, 1, mem, err);
	BP_TRY(bp_newfile_open(&o->file, path, mem, err));
	*ret = o;
	if (fwrite(&zero, sizeof zero, 1, o->file.f) != 1)
		return bp_newfile_failed(&o->file, err);
	o->at = sizeof zero;
	return BP_OK;
}

/* room for a blob of n bytes and one more entry */
static int
make_room(struct bp_ccd_out *o, size_t n, struct bp_err *err)
{
	if (n > o->buf_cap) {
		unsigned char *p = realloc(o->buf, n * 2);
		if (!p)
			return BP_FAIL(err, BP_EMEM, NULL, "no memory for a component of %zu bytes", n);
		o->buf = p;
		o->buf_cap = n * 2;
	}
	if (o->n == o->cap) {
		size_t cap = o->cap ? o->cap * 2 : 1024;
		struct ccd_entry *e = realloc(o->entry, cap * sizeof *e);
		if (!e)
			return BP_FAIL(err, BP_EMEM, NULL, "no memory for an index of %zu components", cap);
		o->entry = e;
		o->cap = cap;
	}
	memset(o->buf, 0, n);
	return BP_OK;
}

static int
make_head(struct ccd_blob *b, const struct bp_ccd_comp *c, struct bp_err *err)
{
	const struct bp_ccd_tables *t = &c->t;
	const int counts[]
	    = { c->n_atoms, c->n_bonds, t->n_chiral, t->n_stereo, t->n_planar_bond, t->n_ring5, t->n_ring6 };
	size_t code = strlen(c->code), name = strlen(c->name) + 1, type = strlen(c->type) + 1;
	int heavy = 0;

	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
		if (counts[i] > UINT16_MAX)
			return BP_FAIL(err, BP_EINPUT, NULL, "component %s: %d atoms, bonds or rows, at most 65535 fit",
			    c->code, counts[i]);
	if (!code || code > CCD_MAX_CODE || name > UINT16_MAX || type > UINT16_MAX)
		return BP_FAIL(
		    err, BP_EINPUT, NULL, "component '%s': its code, name or type is empty or too long", c->code);
	for (int i = 0; i < c->n_atoms; i++)
		heavy += c->atom[i].element != 1;
	bp_assert(!t->n_pairs || t->n_pairs == heavy * (heavy - 1) / 2);
	*b = (struct ccd_blob) { .n_pairs = (uint32_t)t->n_pairs,
		.n_atoms = (uint16_t)c->n_atoms,
		.n_bonds = (uint16_t)c->n_bonds,
		.n_heavy = (uint16_t)heavy,
		.n_chiral = (uint16_t)t->n_chiral,
		.n_stereo = (uint16_t)t->n_stereo,
		.n_planar_bond = (uint16_t)t->n_planar_bond,
		.n_ring5 = (uint16_t)t->n_ring5,
		.n_ring6 = (uint16_t)t->n_ring6,
		.name_bytes = (uint16_t)name,
		.type_bytes = (uint16_t)type,
		.xyz = (uint8_t)c->xyz,
		.has_tables = c->has_tables };
	return BP_OK;
}

/* the atoms with their hydrogens counted, and the list of the heavy ones */
static void
fill_atoms(unsigned char *p, const size_t *at, const struct bp_ccd_comp *c)
{
	struct bp_ccd_atom *atom = (void *)(p + at[CCD_ATOM]);
	uint16_t *heavy = (void *)(p + at[CCD_HEAVY]);

	for (int i = 0; i < c->n_atoms; i++) {
		atom[i] = c->atom[i];
		atom[i].n_h = 0;
		if (atom[i].element != 1)
			*heavy++ = (uint16_t)i;
	}
	for (int i = 0; i < c->n_bonds; i++) {
		struct bp_ccd_atom *a = &atom[c->bond[i].a], *b = &atom[c->bond[i].b];
		a->n_h = (uint8_t)(a->n_h + (b->element == 1));
		b->n_h = (uint8_t)(b->n_h + (a->element == 1));
	}
}

int
bp_ccd_put(struct bp_ccd_out *o, const struct bp_ccd_comp *c, struct bp_err *err)
{
	const struct bp_ccd_tables *t = &c->t;
	const void *const from[CCD_SECTIONS] = { t->lower, t->upper, NULL, c->bond, t->chiral, t->stereo,
		t->planar_bond, t->ring5, t->ring6, NULL, t->kind, c->name, c->type };
	size_t at[CCD_SECTIONS + 1], n;
	struct ccd_entry *e;
	struct ccd_blob b = { 0 };

	BP_TRY(make_head(&b, c, err));
	ccd_layout(at, &b);
	n = ccd_padded(at[CCD_SECTIONS]);
	BP_TRY(make_room(o, n, err));
	memcpy(o->buf, &b, sizeof b);
	for (int i = 0; i < CCD_SECTIONS; i++)
		if (from[i] && at[i + 1] > at[i])
			memcpy(o->buf + at[i], from[i], at[i + 1] - at[i]);
	fill_atoms(o->buf, at, c);
	if (fwrite(o->buf, n, 1, o->file.f) != 1)
		return bp_newfile_failed(&o->file, err);
	e = &o->entry[o->n++];
	*e = (struct ccd_entry) { .offset = o->at, .length = (uint32_t)n, .hash = (uint32_t)XXH64(o->buf, n, 0) };
	memcpy(e->code, c->code, strlen(c->code));
	o->at += n;
	return BP_OK;
}

static int
by_code(const void *a, const void *b)
{
	return memcmp(a, b, sizeof((struct ccd_entry *)0)->code);
}

int
bp_ccd_out_end(struct bp_ccd_out *o, const char *note, struct bp_err *err)
{
	size_t bytes = o->n * sizeof *o->entry;
	struct ccd_head h = { .magic = CCD_MAGIC,
		.version = CCD_VERSION,
		.order = CCD_ORDER,
		.count = o->n,
		.index = o->at,
		.size = o->at + bytes };

	if (o->n)
		qsort(o->entry, o->n, sizeof *o->entry, by_code);
	for (size_t i = 1; i < o->n; i++)
		if (!by_code(&o->entry[i - 1], &o->entry[i]))
			return BP_FAIL(
			    err, BP_EINPUT, "remove one of the two", "component %s is there twice", o->entry[i].code);
	h.index_hash = XXH64(o->entry, bytes, 0);
	snprintf(h.note, sizeof h.note, "%s", note);
	h.head_hash = XXH64(&h, offsetof(struct ccd_head, head_hash), 0);
	if ((bytes && fwrite(o->entry, bytes, 1, o->file.f) != 1) || fseek(o->file.f, 0, SEEK_SET) != 0
	    || fwrite(&h, sizeof h, 1, o->file.f) != 1)
		return bp_newfile_failed(&o->file, err);
	return bp_newfile_end(&o->file, err);
}

size_t
bp_ccd_out_count(const struct bp_ccd_out *o)
{
	return o->n;
}

void
bp_ccd_out_close(struct bp_ccd_out *o)
{
	if (!o)
		return;
	bp_newfile_close(&o->file);
	free(o->entry);
	free(o->buf);
	*o = (struct bp_ccd_out) { 0 };
}
