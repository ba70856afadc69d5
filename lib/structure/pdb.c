#include <ctype.h>
#include <stdarg.h>
#include <string.h>

#include "chem/residues.h"
#include "structure/pdb.h"

#define USE_MMCIF "use --output-format mmcif"

enum { MAX_SERIAL = 99999, MAX_SEQ = 9999 };

/* one line, padded to 80 columns */
static void BP_PRINTF(2, 3)
put(FILE *f, const char *fmt, ...)
{
	char line[128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	fprintf(f, "%-80s\n", line);
}

/* tag[c] for every chain: its own name when that is one letter or digit, else the first free one */
static int
tag_chains(char *tag, const struct bp_structure *s, struct bp_err *err)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	bool used[256] = { false };

	for (int c = 0; c < s->nchains; c++)
		if (strlen(s->chain[c].name) == 1 && isalnum((unsigned char)s->chain[c].name[0])) {
			tag[c] = s->chain[c].name[0];
			used[(unsigned char)tag[c]] = true;
		}
	for (int c = 0, next = 0; c < s->nchains; c++) {
		if (tag[c])
			continue;
		while (letters[next] && used[(unsigned char)letters[next]])
			next++;
		if (!letters[next])
			return BP_FAIL(
			    err, BP_EUNSUP, USE_MMCIF, "a PDB file holds 62 chains, there are %d", s->nchains);
		tag[c] = letters[next++];
	}
	return BP_OK;
}

static int
check_columns(const struct bp_structure *s, struct bp_err *err)
{
	if (s->natoms + s->nchains - 1 > MAX_SERIAL)
		return BP_FAIL(err, BP_EUNSUP, USE_MMCIF, "a PDB file numbers %d atoms and chain ends, there are %d",
		    MAX_SERIAL, s->natoms + s->nchains - 1);
	for (int i = 0; i < s->natoms; i++) {
		const struct bp_res_row *r = &s->res[s->atom[i].res];
		if (strlen(s->atom[i].name) > 4 || strlen(s->atom[i].element) > 2 || r->seq > MAX_SEQ
		    || (s->chain[r->chain].mol_type != BP_NONPOLYMER && strlen(r->name) > 3))
			return BP_FAIL(err, BP_EUNSUP, USE_MMCIF,
			    "a PDB file has no room for atom %s of residue %s, number %d", s->atom[i].name, r->name,
			    r->seq);
	}
	return BP_OK;
}

/* what is to be written, and where */
struct writer {
	FILE *f;
	const struct bp_structure *s;
	const char *tag;    /* [nchains]          */
	const float *plddt; /* [ntokens], or NULL */
	bool round;         /* coordinates that are too long lose decimals, else they are an error */
	struct bp_err *err;
};

/* x as eight columns, with three decimals or as many as there is room for */
static int
column(char text[16], const struct writer *w, int atom, float x)
{
	for (int decimals = 3; decimals >= (w->round ? 0 : 3); decimals--)
		if (snprintf(text, 16, "%8.*f", decimals, (double)x) == 8)
			return BP_OK;
	return BP_FAIL(w->err, BP_EUNSUP, USE_MMCIF, "atom %d (%s): a PDB file has 8 columns for a coordinate, %.3f needs more",
	    atom + 1, w->s->atom[atom].name, (double)x);
}

/* the lines of all atoms at x [natoms,3] */
static int
put_atoms(const struct writer *w, const float *x)
{
	const struct bp_structure *s = w->s;
	char at[3][16];

	for (int c = 0; c < s->nchains; c++) {
		const struct bp_chain_row *ch = &s->chain[c];
		bool het = ch->mol_type == BP_NONPOLYMER;
		for (int i = ch->atom; i < ch->atom + ch->natoms; i++) {
			const struct bp_atom_row *a = &s->atom[i];
			const struct bp_res_row *r = &s->res[a->res];
			for (int k = 0; k < 3; k++)
				BP_TRY(column(at[k], w, i, x[3 * (size_t)i + k]));
			put(w->f, "%-6s%5d %s%-*s %3s %c%4d    %s%s%s  1.00%6.2f          %2s", het ? "HETATM" : "ATOM",
			    i + 1 + c, strlen(a->name) == 4 ? "" : " ", strlen(a->name) == 4 ? 4 : 3, a->name,
			    het ? "LIG" : r->name, w->tag[c], r->seq, at[0], at[1], at[2],
			    w->plddt ? 100.0 * (double)w->plddt[a->token] : 0.0, a->element);
		}
		if (c < s->nchains - 1) {
			const struct bp_res_row *r = &s->res[ch->res + ch->nres - 1];
			put(w->f, "TER   %5d      %3s %c%4d", ch->atom + ch->natoms + 1 + c, het ? "LIG" : r->name,
			    w->tag[c], r->seq);
		}
	}
	return BP_OK;
}

/* frames NULL: the one model of the sample */
static int
write_file(struct writer *w, int sample, const struct bp_frames *frames, struct bp_arena *mem)
{
	const struct bp_structure *s = w->s;
	char *tag, text[16];
	float *x;

	BP_TRY(check_columns(s, w->err));
	BP_NEW(x, 3 * (size_t)s->natoms, mem, w->err);
	BP_NEW(tag, s->nchains, mem, w->err);
	BP_TRY(tag_chains(tag, s, w->err));
	w->tag = tag;
	if (!frames)
		bp_structure_gather(x, s, sample);
	for (int i = 0; i < 3 * s->natoms && !frames; i++)
		BP_TRY(column(text, w, i / 3, x[i]));
	for (int c = 0; c < s->nchains; c++)
		if (s->chain[c].name[0] != tag[c] || s->chain[c].name[1])
			put(w->f, "REMARK   6 CHAIN %c IS CHAIN %s OF THE INPUT", tag[c], s->chain[c].name);
	if (!frames)
		BP_TRY(put_atoms(w, x));
	for (int i = 0; frames && i < frames->n; i++) {
		BP_TRY(frames->get(frames->self, i, x, w->err));
		put(w->f, "MODEL %8d", i + 1);
		BP_TRY(put_atoms(w, x));
		put(w->f, "ENDMDL");
	}
	for (int k = 0; k < s->nbonds; k++) /* serial numbers count the TER lines before the atom */
		put(w->f, "CONECT%5d%5d", s->bond[k].a + 1 + s->res[s->atom[s->bond[k].a].res].chain,
		    s->bond[k].b + 1 + s->res[s->atom[s->bond[k].b].res].chain);
	put(w->f, "END");
	fprintf(w->f, "%80s", "");
	return BP_OK;
}

int
bp_pdb_write(
    FILE *f, const struct bp_structure *s, int sample, const float *plddt, struct bp_arena *mem, struct bp_err *err)
{
	struct writer w = { .f = f, .s = s, .plddt = plddt, .err = err };
	struct bp_mark mark = bp_arena_mark(mem);

	BP_TRY(write_file(&w, sample, NULL, mem));
	bp_arena_release(mem, mark);
	return BP_OK;
}

int
bp_pdb_write_frames(
    FILE *f, const struct bp_structure *s, const struct bp_frames *frames, struct bp_arena *mem, struct bp_err *err)
{
	struct writer w = { .f = f, .s = s, .round = true, .err = err };
	struct bp_mark mark = bp_arena_mark(mem);

	BP_TRY(write_file(&w, 0, frames, mem));
	bp_arena_release(mem, mark);
	return BP_OK;
}
