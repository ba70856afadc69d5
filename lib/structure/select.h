/* lib/structure/select.h: choosing atoms by a line of text, and a length that goes with the choice (--add-noise). C is a
 * chain, N a residue as output files number it (from 1), NAME an atom; RADIUS, from any atom of the residue or from that
 * one, and NOISE in A:
 *   chain:C:NOISE   resid:C:N:NOISE   resid:C:N-M:NOISE   atom:C:N:NAME:NOISE
 *   distance:C:N:RADIUS:NOISE   distance:C:N:NAME:RADIUS:NOISE */
#ifndef BP_SELECT_H
#define BP_SELECT_H

#include <stdbool.h>

#include "structure/structure.h"

enum bp_select_kind { BP_SELECT_CHAIN, BP_SELECT_RESID, BP_SELECT_ATOM, BP_SELECT_DISTANCE };

struct bp_select {
	enum bp_select_kind kind;
	const char *text, *chain, *name; /* name NULL: all atoms of the residue */
	int first, last;                 /* residues of the chain               */
	double radius, noise;            /* A                                   */
};

/* text lives as long as *ret; its parts are copied to mem. BP_EUSAGE: it is no selection; the hint shows the form. */
int bp_select_parse(struct bp_select *ret, const char *text, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

/* in [s->natoms], cleared by the caller: true for the atoms of the selection, with positions at [s->natoms] (A). whole:
 * distance selections take all atoms of a residue. BP_EINPUT: there is no such chain, residue or atom. */
int bp_select_atoms(bool *in, const struct bp_select *q, const struct bp_structure *s, const double (*at)[3], bool whole,
    struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

#endif
