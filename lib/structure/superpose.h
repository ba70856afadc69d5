/* lib/structure/superpose.h: least-squares superposition of two structures and which atoms correspond. Double
 * precision, for people's eyes and for tests; the sampler's own alignment is ops/align.h. */
#ifndef BP_SUPERPOSE_H
#define BP_SUPERPOSE_H

#include "structure/read.h"

struct bp_rigid {
	double r[3][3], t[3]; /* y = r x + t; r is a rotation, never a reflection; A */
};

/* The rigid motion of mobile [n,3] that minimises the RMSD to target [n,3] (A), and that RMSD (Kabsch, Acta Cryst.
 * A32, 922, 1976).
 * BP_EINPUT: n < 1. BP_ENUM: a coordinate is not finite. */
int bp_superpose(struct bp_rigid *ret, double *rmsd, const double (*mobile)[3], const double (*target)[3], int n,
    struct bp_err *err) BP_MUST_USE;

struct bp_site_pair {
	int a, b; /* into a->site, b->site */
};

/* Pairs of heavy atoms of a (of its first model) and b (of its first model) with the same chain, residue number,
 * insertion code and name, in a's order. Chains and numbers are the author's, or mmCIF's own where these pair more.
 * *ret in mem; *n may be 0. */
int bp_sites_pair(struct bp_site_pair **ret, int *n, const struct bp_sites *a, const struct bp_sites *b,
    struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

struct bp_rmsd {
	double rmsd;                  /* A */
	int paired, heavy_a, heavy_b; /* heavy atoms: in both, of each first model */
	struct bp_rigid move;         /* takes a onto b */
};

/* The two above together. BP_EINPUT: fewer than three pairs. */
int bp_sites_rmsd(struct bp_rmsd *ret, const struct bp_sites *a, const struct bp_sites *b, struct bp_arena *mem,
    struct bp_err *err) BP_MUST_USE;

#endif
