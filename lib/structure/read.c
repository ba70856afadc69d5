#include "structure/read.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#include "chem/residues.h"

/* The columns [from, to] (from 1) of a line as text without blanks around it; buf holds to - from + 2 bytes. */
static const char *
columns(char *buf, const char *line, size_t n, size_t from, size_t to)
{
	size_t a = from - 1, b = to < n ? to : n;

	while (a < b && line[a] == ' ')
		a++;
	while (b > a && line[b - 1] == ' ')
		b--;
	if (b > a)
		memcpy(buf, line + a, b - a);
	buf[b > a ? b - a : 0] = 0;
	return buf;
}

/* the number in columns [from, to]; blank: otherwise */
static int
column_number(double *ret, const char *line, size_t n, size_t from, size_t to, double otherwise, const char *what,
    struct bp_err *err)
{
	char buf[32], *end;

	*ret = otherwise;
	if (!*columns(buf, line, n, from, to) && !isnan(otherwise))
		return BP_OK;
	*ret = strtod(buf, &end);
	if (end == buf || *end || !isfinite(*ret))
		return BP_FAIL(err, BP_EINPUT, "PDB files have fixed columns",
		    "%s is '%s' (columns %zu to %zu), wanted a number", what, buf, from, to);
	return BP_OK;
}

static int
column_int(int *ret, const char *line, size_t n, size_t from, size_t to, const char *what, struct bp_err *err)
{
	double v;

	*ret = 0;
	BP_TRY(column_number(&v, line, n, from, to, NAN, what, err));
	if (!(fabs(v) <= INT_MAX) || v != floor(v))
		return BP_FAIL(
		    err, BP_EINPUT, "PDB files have fixed columns", "%s is %g, wanted a whole number", what, v);
	*ret = (int)v;
	return BP_OK;
}

/* From columns 77-78, else from the name: its first two columns are the element, right-aligned. */
static uint8_t
pdb_element(const char *line, size_t n)
{
	char buf[4];
	int z;

	if (!*columns(buf, line, n, 77, 78) || (z = bp_element_number(buf)) < 0) {
		columns(buf, line, n, 13, 14);
		z = bp_element_number(buf);
		if (z < 0 && buf[0] >= '0' && buf[0] <= '9') /* "1HB " */
			z = bp_element_number(buf + 1);
		if (z < 0) { /* "HG12", and what is not where it belongs */
			buf[1] = 0;
			z = bp_element_number(buf);
		}
	}
	return (uint8_t)(z < 0 ? 0 : z);
}

static int
pdb_atom(struct bp_site *s, const struct bp_site *before, const char *line, size_t n, int model, struct bp_arena *mem,
    struct bp_err *err)
{
	static const char *const axis[] = { "x", "y", "z" };
	char chain[4], res[4];
	double v;

	columns(s->name, line, n, 13, 16);
	if (!s->name[0])
		return BP_FAIL(
		    err, BP_EINPUT, "PDB files have fixed columns", "an atom without a name (columns 13 to 16)");
	columns(res, line, n, 18, 20);
	columns(chain, line, n, 21, 22);
	s->chain = before && !strcmp(before->chain, chain) ? before->chain : bp_strdup(mem, chain, err);
	s->res = before && !strcmp(before->res, res) ? before->res : bp_strdup(mem, res, err);
	if (!s->chain || !s->res)
		return BP_EMEM;
	s->label_chain = s->chain;
	BP_TRY(column_int(&s->seq, line, n, 23, 26, "the residue number", err));
	s->label_seq = s->seq;
	s->icode = n >= 27 && line[26] != ' ' ? line[26] : 0;
	s->alt = n >= 17 && line[16] != ' ' ? line[16] : 0;
	for (size_t k = 0; k < 3; k++)
		BP_TRY(column_number(&s->x[k], line, n, 31 + 8 * k, 38 + 8 * k, NAN, axis[k], err));
	BP_TRY(column_number(&v, line, n, 55, 60, 1, "the occupancy", err));
	s->occupancy = (float)v;
	BP_TRY(column_number(&v, line, n, 61, 66, 0, "the B factor", err));
	s->b = (float)v;
	s->element = pdb_element(line, n);
	s->hetero = line[0] == 'H';
	s->model = model;
	return BP_OK;
}

static bool
starts(const char *line, size_t n, const char *word)
{
	return n >= strlen(word) && !memcmp(line, word, strlen(word));
}

/* the line at p: its length without line end; *next: after it */
static size_t
line_at(const char *p, const char *end, const char **next)
{
	const char *nl = memchr(p, '\n', (size_t)(end - p));
	size_t n = (size_t)((nl ? nl : end) - p);

	*next = nl ? nl + 1 : end;
	return n && p[n - 1] == '\r' ? n - 1 : n;
}

static int
read_pdb(
    struct bp_sites *ret, const char *text, size_t bytes, const char *name, struct bp_arena *mem, struct bp_err *err)
{
	const char *end = text + bytes, *next;
	int atoms = 0, model = 1, st = BP_OK;
	long number = 1;
	size_t n;

	for (const char *p = text; p < end; p = next) {
		n = line_at(p, end, &next);
		atoms += starts(p, n, "ATOM  ") || starts(p, n, "HETATM");
	}
	BP_NEW(ret->site, atoms, mem, err);
	for (const char *p = text; p < end && st == BP_OK; p = next, number++) {
		n = line_at(p, end, &next);
		if (starts(p, n, "MODEL "))
			st = column_int(&model, p, n, 7, 14, "the model's number", err);
		else if (starts(p, n, "ATOM  ") || starts(p, n, "HETATM")) {
			st = pdb_atom(
			    &ret->site[ret->n], ret->n ? &ret->site[ret->n - 1] : NULL, p, n, model, mem, err);
			ret->n++;
		}
	}
	if (st == BP_EINPUT)
		bp_err_where(err, "%s:%ld", name, number - 1);
	return st;
}

/* order of the sites of one atom, then as in the file (sites stay in one array: addresses tell) */
static int
by_atom(const void *pa, const void *pb)
{
	const struct bp_site *a = *(const struct bp_site *const *)pa, *b = *(const struct bp_site *const *)pb;
	int c = (a->model > b->model) - (a->model < b->model);

	if (!c)
		c = strcmp(a->chain, b->chain);
	if (!c)
		c = (a->seq > b->seq) - (a->seq < b->seq);
	if (!c)
		c = a->icode - b->icode;
	if (!c)
		c = strcmp(a->res, b->res);
	if (!c)
		c = strcmp(a->name, b->name);
	return c ? c : (a > b) - (a < b);
}

static bool
same_residue(const struct bp_site *a, const struct bp_site *b)
{
	return a->model == b->model && a->seq == b->seq && a->icode == b->icode && !strcmp(a->chain, b->chain);
}

/* is a to be kept rather than b? */
static bool
better(const struct bp_site *a, const struct bp_site *b, enum bp_altloc alt)
{
	if (alt == BP_ALT_HIGHEST && a->occupancy != b->occupancy)
		return a->occupancy > b->occupancy;
	return a < b;
}

/* Drop the alternates that the rule does not want. Sites without an alternate mark stay. */
static int
choose_alternates(struct bp_sites *s, enum bp_altloc alt, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_mark mark = bp_arena_mark(mem);
	const struct bp_site **p;
	bool *drop;
	int kept = 0;

	BP_NEW(p, s->n, mem, err);
	BP_NEW(drop, s->n, mem, err);
	for (int i = 0; i < s->n; i++)
		p[i] = &s->site[i];
	qsort(p, (size_t)s->n, sizeof *p, by_atom);
	for (int i = 0, next; i < s->n; i = next) { /* [i, next): one residue number, maybe of several names */
		const struct bp_site *best = NULL, *atom = NULL;

		for (next = i; next < s->n && same_residue(p[i], p[next]); next++)
			if (p[next]->alt && (!best || better(p[next], best, alt)))
				best = p[next];
		for (int k = i; k < next; k++) {
			if (!p[k]->alt)
				continue;
			if (strcmp(p[k]->res, best->res)) {
				drop[p[k] - s->site] = true;
				continue;
			}
			if (!atom || strcmp(atom->name, p[k]->name)) {
				atom = p[k];
				continue;
			}
			drop[(better(p[k], atom, alt) ? atom : p[k]) - s->site] = true;
			atom = better(p[k], atom, alt) ? p[k] : atom;
		}
	}
	for (int i = 0; i < s->n; i++)
		if (!drop[i])
			s->site[kept++] = s->site[i];
	s->n = kept;
	bp_arena_release(mem, mark);
	return BP_OK;
}

/* mmCIF begins, after blanks and comments, with data_ */
static bool
is_cif(const char *text, size_t n)
{
	const char *end = text + n, *next;

	for (const char *p = text; p < end; p = next) {
		size_t len = line_at(p, end, &next);
		while (len && (*p == ' ' || *p == '\t')) {
			p++;
			len--;
		}
		if (len && *p != '#')
			return len >= 5 && !strncasecmp(p, "data_", 5);
	}
	return false;
}

int
bp_sites_read_mem(struct bp_sites **ret, const char *text, size_t n, const char *name, enum bp_altloc alt,
    struct bp_arena *mem, struct bp_err *err)
{
	struct bp_sites *s;

	*ret = NULL;
	BP_NEW(s, 1, mem, err);
	BP_TRY(is_cif(text, n) ? bp_sites_read_cif(s, text, n, name, mem, err) : read_pdb(s, text, n, name, mem, err));
	if (!s->n)
		return BP_FAIL(err, BP_EINPUT, "a PDB or mmCIF file is wanted", "%s: no atoms in it", name);
	if (alt != BP_ALT_ALL)
		BP_TRY(choose_alternates(s, alt, mem, err));
	for (int i = 0; i < s->n; i++)
		s->n_models += i == 0 || s->site[i].model != s->site[i - 1].model;
	*ret = s;
	return BP_OK;
}

int
bp_sites_read(struct bp_sites **ret, const char *path, enum bp_altloc alt, struct bp_arena *mem, struct bp_err *err)
{
	enum { MOST = 1 << 30 };
	size_t cap = 1 << 20, n = 0;
	char *text = malloc(cap), *more;
	int got = 0, zerr = 0, st;
	gzFile f;

	*ret = NULL;
	errno = 0;
	if (!text || !(f = gzopen(path, "rb"))) {
		free(text);
		return BP_FAIL(err, BP_EIO, NULL, "%s: %s", path, errno ? strerror(errno) : "no memory");
	}
	while ((got = gzread(f, text + n, (unsigned)(cap - n))) > 0 && (n += (size_t)got) <= MOST)
		if (n == cap) {
			if (!(more = realloc(text, cap * 2)))
				break;
			text = more;
			cap *= 2;
		}
	gzerror(f, &zerr);
	if (got < 0 || (zerr != Z_OK && zerr != Z_STREAM_END))
		st = BP_FAIL(err, BP_EIO, "is it whole?", "%s: cannot be read to its end", path);
	else if (got > 0)
		st = BP_FAIL(err, BP_EMEM, NULL, "%s: more than %zu bytes", path, n);
	else
		st = bp_sites_read_mem(ret, text, n, path, alt, mem, err);
	gzclose(f);
	free(text);
	return st;
}
