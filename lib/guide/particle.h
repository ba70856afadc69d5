/* lib/guide/particle.h: what scatters: the atoms that count, sorted by type (element and number of merged hydrogens).
 */
#ifndef BP_PARTICLE_H
#define BP_PARTICLE_H

#include <stdint.h>

#include "base/arena.h"

struct bp_particle {
	int natoms;           /* of the caller                                        */
	int n, ntypes;        /* that count, >= 1; their types                        */
	const int32_t *start; /* [ntypes+1] places of each type                       */
	const int32_t *atom;  /* [n] the caller's atom at each place                  */
	const int *z, *n_h;   /* [ntypes]                                             */
	double mean_volume;   /* A^3, over the atoms                                  */
	double *radius;       /* [n] A: the group's radius and the probe's            */
};

/* z [natoms] atomic numbers, n_h [natoms] merged hydrogens (NULL: none), mask [natoms] 0 or 1 (NULL: all 1). Hydrogens
 * never count. BP_EINPUT: no atom counts, an element without form factor, n_h outside 0 .. 8. */
int bp_particle_new(struct bp_particle **ret, int natoms, const int32_t *z, const int32_t *n_h, const uint8_t *mask,
    struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

/* y [n,3] = the atoms that count of x [natoms,3], less their mean. *radius: the largest |y|. BP_ENUM: not finite. */
int bp_particle_centre(
    double *y, double *radius, const struct bp_particle *p, const double *x, struct bp_err *err) BP_MUST_USE;

/* Weights for Rg, [natoms], 0 for what does not count: the mass of the heavy atom, or electrons in excess of solvent,
 * v(0) - s(0) + c2 a w(0); a [n] exposed fractions by place, or NULL. */
void bp_particle_masses(double *w, const struct bp_particle *p);
void bp_particle_contrast(double *w, const struct bp_particle *p, double c2, const double *a);

#endif
