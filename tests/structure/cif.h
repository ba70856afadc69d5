/* tests/structure/cif.h: reads a CIF file into tables, to compare them. Independent of the writer: the grammar of
 * CIF 1.1. */
#ifndef BP_TEST_CIF_H
#define BP_TEST_CIF_H

#include "case.h"

struct cif_table {
	char *category; /* "_atom_site" */
	char *column[64];
	int ncol;
	char **cell; /* [nrow * ncol] */
	int nrow, ncell, cap;
};

struct cif {
	struct cif_table table[64];
	int n;
	struct bp_arena *mem;
};

/* The next value of *p, or NULL at the end; *bare: it stood without quotes. */
static inline char *
cif_token(const char **p, bool *bare, const char *start, struct bp_arena *mem)
{
	const char *s = *p, *t;

	for (;;) {
		s += strspn(s, " \t\r\n");
		if (*s != '#')
			break;
		s += strcspn(s, "\n");
	}
	*bare = true;
	if (!*s)
		return NULL;
	if (*s == ';' && (s == start || s[-1] == '\n')) {
		*bare = false;
		t = strstr(++s, "\n;");
		assert_non_null(t);
		*p = t + 2;
		return bp_strndup(mem, s, (size_t)(t - s), NULL);
	}
	if (*s == '\'' || *s == '"') {
		char q = *s++;
		*bare = false;
		for (t = s; *t != q || !(t[1] == 0 || strchr(" \t\r\n", t[1])); t++)
			if (!*t || *t == '\n')
				fail_msg("CIF: a quote stays open at %.40s", s);
		*p = t + 1;
		return bp_strndup(mem, s, (size_t)(t - s), NULL);
	}
	t = s + strcspn(s, " \t\r\n");
	*p = t;
	return bp_strndup(mem, s, (size_t)(t - s), NULL);
}

/* the table of a name "_category.column", made when there is none */
static inline struct cif_table *
cif_table_of(struct cif *c, const char *name, bool make)
{
	size_t n = strcspn(name, ".");

	for (int i = 0; i < c->n; i++)
		if (strlen(c->table[i].category) == n && strncmp(c->table[i].category, name, n) == 0)
			return &c->table[i];
	if (!make)
		return NULL;
	assert_in_range(c->n, 0, 63);
	c->table[c->n].category = bp_strndup(c->mem, name, n, NULL);
	return &c->table[c->n++];
}

static inline void
cif_add_column(struct cif_table *t, char *name)
{
	assert_in_range(t->ncol, 0, 63);
	t->column[t->ncol++] = strchr(name, '.') + 1;
}

static inline void
cif_add_cell(struct cif *c, struct cif_table *t, char *value)
{
	if (t->ncell == t->cap) {
		char **cell = bp_calloc(c->mem, (size_t)(t->cap = 2 * t->cap + 64), sizeof *cell, NULL);
		assert_non_null(cell);
		if (t->ncell)
			memcpy(cell, t->cell, (size_t)t->ncell * sizeof *cell);
		t->cell = cell;
	}
	t->cell[t->ncell++] = value;
}

static inline struct cif *
cif_read(const char *text, struct bp_arena *mem)
{
	struct cif *c = bp_calloc(mem, 1, sizeof *c, NULL);
	struct cif_table *t = NULL;
	const char *p = text;
	char *v;
	bool bare, heading = false, looping = false;

	assert_non_null(c);
	c->mem = mem;
	while ((v = cif_token(&p, &bare, text, mem))) {
		if (bare && strcmp(v, "loop_") == 0) {
			heading = looping = true;
			t = NULL;
		} else if (bare && *v == '_') {
			if (!heading)
				looping = false;
			if (!looping || !t)
				t = cif_table_of(c, v, true);
			assert_ptr_equal(t, cif_table_of(c, v, false));
			cif_add_column(t, v);
		} else if (!bare || strncmp(v, "data_", 5)) {
			heading = false;
			assert_non_null(t);
			cif_add_cell(c, t, v);
		}
	}
	for (int i = 0; i < c->n; i++) {
		t = &c->table[i];
		if (t->ncol == 0 || t->ncell % t->ncol)
			fail_msg("CIF: %s has %d values in %d columns", t->category, t->ncell, t->ncol);
		t->nrow = t->ncell / t->ncol;
	}
	return c;
}

static inline char **
cif_cell(const struct cif_table *t, int row, const char *column)
{
	for (int k = 0; k < t->ncol; k++)
		if (strcmp(t->column[k], column) == 0)
			return &t->cell[row * t->ncol + k];
	fail_msg("CIF: %s has no column %s", t->category, column);
	return NULL;
}

#endif
