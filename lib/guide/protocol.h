/* lib/guide/protocol.h: the records by which a sampler asks a guide of another process for energies and gradients
 * (doc/guides.md), and the atoms that both sides count. Units: A. */
#ifndef BP_GUIDE_PROTOCOL_H
#define BP_GUIDE_PROTOCOL_H

#include <stdbool.h>

#include "structure/structure.h"

#define BP_GUIDE_REQUEST "guide_request" /* kinds of records */
#define BP_GUIDE_REPLY "guide_reply"

/* What a guide knows of the atoms of a target. Padding is in it, masked. */
struct bp_guide_atoms {
	int natoms;           /* padding included                                                        */
	int tokens;           /* 1 + the highest token                                                   */
	const int32_t *z;     /* [natoms] atomic numbers, 0 for padding                                  */
	const int32_t *n_h;   /* [natoms] hydrogens merged into each                                     */
	const int32_t *token; /* [natoms]                                                                */
	const uint8_t *mask;  /* [natoms] 1: counts; 0: padding, hydrogens, waters                       */
	const char **name, **residue, **chain; /* [natoms] "CA", "ALA", "A"; "" for padding              */
	int unknown;                           /* atoms whose hydrogens nobody knows (n_h = 0)           */
	const char *unknown_residue;           /* the first of their residues, or NULL                   */
};

/* The atoms of a structures record (or a request, which reads as one), s = bp_structure_read of it; lives in the
 * record's arena. n_h is meta.atoms.n_h, else the table of residues (bp_implicit_h). */
int bp_guide_atoms_of(struct bp_guide_atoms *ret, const struct bp_structure *s, const struct bp_rec *rec,
    struct bp_err *err) BP_MUST_USE;

/* mask [natoms] = those of a->mask that a word selects: "all", "heavy" (the same), "backbone" (N CA C O; of nucleic
 * acids P OP1 OP2 O5' C5' C4' C3' O3' O4' C1' C2'). BP_EINPUT: none is left; BP_EUSAGE: another word. */
int bp_guide_select(uint8_t *mask, const struct bp_guide_atoms *a, const char *word, struct bp_err *err) BP_MUST_USE;

struct bp_guide_request {
	const char *target;
	int64_t request;
	int step, steps, gd_step;
	double sigma;
	int samples, atoms;
	const double *coords;          /* [samples,atoms,3]                                               */
	const struct bp_rec *of_atoms; /* what describes the atoms. write: a record that has it, or NULL; read: the
	                                  request's record when it is the first of a target, or NULL        */
};

/* The record, in mem; coords is not copied. */
int bp_guide_request_write(struct bp_rec **ret, const struct bp_guide_request *r, struct bp_arena *mem,
    struct bp_err *err) BP_MUST_USE;
/* BP_EINPUT: no request, or one that is not whole; coords must be finite. What it points to is the record's. */
int bp_guide_request_read(
    struct bp_guide_request *ret, const struct bp_rec *rec, struct bp_err *err) BP_MUST_USE;

struct bp_guide_reply {
	const double *energy, *gradient; /* [samples], [samples,atoms,3]                         */
	double goal;
	struct bp_val *samples;  /* array of maps, or NULL                                       */
	struct bp_val *guidance; /* map, or NULL                                                 */
};

/* The record that answers request `to`, in mem; numbers are not copied. (A failure is answered by
 * bp_rec_failure of the request's record.) */
int bp_guide_reply_write(struct bp_rec **ret, const struct bp_guide_request *to, const struct bp_guide_reply *r,
    struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;
/* Check an answer to `to`. An error record returns its own code and message; BP_EINPUT: not an answer, of another
 * request, of another shape; BP_ENUM: not finite. */
int bp_guide_reply_read(struct bp_guide_reply *ret, const struct bp_rec *rec, const struct bp_guide_request *to,
    struct bp_err *err) BP_MUST_USE;

#endif
