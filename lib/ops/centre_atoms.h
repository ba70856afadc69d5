/* centre_atoms: the atoms of a particle, of each of b samples: y = those of x that the list names, less their mean, which is counted from the first
 * of them and so is exact far from the origin. fp64 in all rows; rows differ in the order of the mean's sum. */
#ifndef BP_OP_CENTRE_ATOMS_H
#define BP_OP_CENTRE_ATOMS_H

#include "ops/ctx.h"

struct bp_centre_atoms {
	int b, natoms, n, ld;
	const int32_t *atom; /* [n], n >= 1                                                                 */
	const double *x;     /* [b,natoms,3] A                                                              */
	double *y;           /* [b,n,3] out, A                                                              */
	double *radius;      /* [b,ld] out, the first of each: the largest |y|, A; NaN: something is not finite */
};
typedef int bp_centre_atoms_fn(struct bp_ctx *cx, const struct bp_centre_atoms *a);
bp_centre_atoms_fn bp_centre_atoms_cpu, bp_centre_atoms_cuda;

/* The same of one sample, on the host; returns the radius. */
double bp_centre(double *y, const double *x, const int32_t *atom, int n);

#endif
