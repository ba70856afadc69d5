/* Contents: selections as text; the atoms of one. */
#include "structure/select.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct {
	const char *word, *syntax;
	int least, most; /* fields */
} kinds[] = { { "chain", "chain:C:NOISE", 3, 3 }, { "resid", "resid:C:N:NOISE or resid:C:N-M:NOISE", 4, 4 },
	{ "atom", "atom:C:N:NAME:NOISE", 5, 5 },
	{ "distance", "distance:C:N:RADIUS:NOISE or distance:C:N:NAME:RADIUS:NOISE", 5, 6 } };

/* Selections as text -------------------------------------------------------------------------------------- */

static int
malformed(const struct bp_select *s, const char *why, struct bp_err *err)
{
	char hint[128];

	snprintf(hint, sizeof hint, "wanted %s", kinds[s->kind].syntax);
	return BP_FAIL(err, BP_EUSAGE, hint, "--add-noise %s: %s", s->text, why);
}

/* a length, A */
static bool
length(double *ret, const char *text)
{
	char *end;

	*ret = strtod(text, &end);
	return end != text && !*end && *ret >= 0 && *ret <= 1e6 && !isspace((unsigned char)*text);
}

/* "N" or, when range, "N-M", either with a sign */
static bool
residues(struct bp_select *s, const char *text, bool range)
{
	char *end;
	long first = strtol(text, &end, 10), last = first;

	if (end == text)
		return false;
	if (range && *end == '-' && end[1]) {
		text = end + 1;
		last = strtol(text, &end, 10);
		if (end == text)
			return false;
	}
	if (*end || first < -1000000 || last > 1000000000 || first > last)
		return false;
	s->first = (int)first;
	s->last = (int)last;
	return true;
}

int
bp_select_parse(struct bp_select *s, const char *text, struct bp_arena *mem, struct bp_err *err)
{
	char *copy = bp_strdup(mem, text, err), *field[8] = { 0 };
	int n = 0, k = 0;

	if (!copy)
		return BP_EMEM;
	while (copy && n < 8)
		field[n++] = strsep(&copy, ":");
	while (k < BP_SELECT_DISTANCE && strcasecmp(field[0], kinds[k].word))
		k++;
	*s = (struct bp_select){ .kind = (enum bp_select_kind)k, .text = text, .chain = field[1] };
	if (strcasecmp(field[0], kinds[k].word))
		return BP_FAIL(err, BP_EUSAGE, "one of chain:, resid:, atom:, distance:",
		    "--add-noise %s: no such selection", text);
	if (n < kinds[k].least || n > kinds[k].most)
		return malformed(s, "fields are missing, or too many", err);
	if (!length(&s->noise, field[n - 1]))
		return malformed(s, "the noise must be a length in angstrom, 0 or more", err);
	if (k == BP_SELECT_DISTANCE && !length(&s->radius, field[n - 2]))
		return malformed(s, "the radius must be a length in angstrom, 0 or more", err);
	if (k != BP_SELECT_CHAIN && !residues(s, field[2], k == BP_SELECT_RESID))
		return malformed(s, "the residue is no number, or no range from low to high", err);
	if (k == BP_SELECT_ATOM || n == 6)
		s->name = field[3];
	return BP_OK;
}

/* The atoms of a selection -------------------------------------------------------------------------------- */

static int
nothing(const struct bp_select *q, const char *what, const char *hint, struct bp_err *err)
{
	return BP_FAIL(err, BP_EINPUT, hint, "--add-noise %s: %s", q->text, what);
}

static int
find_chain(const struct bp_chain_row **ret, const struct bp_select *q, const struct bp_structure *s, struct bp_err *err)
{
	char hint[200] = "chains:", what[100];

	for (int c = 0; c < s->nchains; c++) {
		size_t n = strlen(hint);
		*ret = &s->chain[c];
		if (strcmp((*ret)->name, q->chain) == 0)
			return BP_OK;
		snprintf(hint + n, sizeof hint - n, " %s", (*ret)->name);
	}
	snprintf(what, sizeof what, "the target has no chain %.40s", q->chain);
	return nothing(q, what, hint, err);
}

/* the atoms of the chain, the residues, or the named atom, from which distance selections grow */
static int
pick(bool *in, const struct bp_select *q, const struct bp_structure *s, struct bp_err *err)
{
	bool residue = false, any = false;
	const struct bp_chain_row *c;
	char hint[100], what[100];

	BP_TRY(find_chain(&c, q, s, err));
	for (int r = c->res; r < c->res + c->nres; r++) {
		const struct bp_res_row *res = &s->res[r];
		if (q->kind != BP_SELECT_CHAIN && (res->seq < q->first || res->seq > q->last))
			continue;
		residue = true;
		for (int i = res->atom; i < res->atom + res->natoms; i++)
			if (!q->name || strcmp(s->atom[i].name, q->name) == 0)
				in[i] = any = true;
	}
	if (any)
		return BP_OK;
	snprintf(hint, sizeof hint, "its residues are %d to %d", s->res[c->res].seq, s->res[c->res + c->nres - 1].seq);
	if (!residue)
		snprintf(what, sizeof what, "chain %.40s has no such residue", c->name);
	else
		snprintf(what, sizeof what, "no atom %.20s in residue %d", q->name ? q->name : "", q->first);
	return nothing(q, what, residue ? NULL : hint, err);
}

/* in[] grows by the atoms within the radius, and by the others of their residues when whole */
static int
grow(bool *in, const struct bp_select *q, const struct bp_structure *s, const double (*at)[3], bool whole,
    struct bp_arena *mem, struct bp_err *err)
{
	int *from, n = 0;

	BP_NEW(from, s->natoms, mem, err);
	for (int i = 0; i < s->natoms; i++)
		if (in[i])
			from[n++] = i;
	for (int i = 0; i < s->natoms; i++)
		for (int j = 0; j < n && !in[i]; j++) {
			const double *a = at[i], *b = at[from[j]];
			double d[3] = { a[0] - b[0], a[1] - b[1], a[2] - b[2] };
			in[i] = d[0] * d[0] + d[1] * d[1] + d[2] * d[2] <= q->radius * q->radius;
		}
	for (int r = 0; r < s->nres && whole; r++) {
		const struct bp_res_row *res = &s->res[r];
		if (res->natoms && memchr(in + res->atom, true, (size_t)res->natoms))
			memset(in + res->atom, true, (size_t)res->natoms);
	}
	return BP_OK;
}

int
bp_select_atoms(bool *in, const struct bp_select *q, const struct bp_structure *s, const double (*at)[3], bool whole,
    struct bp_arena *mem, struct bp_err *err)
{
	BP_TRY(pick(in, q, s, err));
	return q->kind == BP_SELECT_DISTANCE ? grow(in, q, s, at, whole, mem, err) : BP_OK;
}
