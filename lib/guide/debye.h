/* lib/guide/debye.h: Debye sums of a particle over pairs of atom types, by three methods, and what makes intensities of
 * them. The heavy loops are ops (ops/pairs.h); their variant decides between fp64 (original) and fp32 pair work
 * (optimized). */
#ifndef BP_DEBYE_H
#define BP_DEBYE_H

#include "guide/grid.h"
#include "ops/debye_profiles.h"

enum bp_debye_method { BP_DEBYE_AUTO, BP_DEBYE_DIRECT, BP_DEBYE_HISTOGRAM, BP_DEBYE_QUADRATURE };

struct bp_debye {
	struct bp_ctx *cx;
	struct bp_arena *mem;
	const struct bp_particle *p;
	enum bp_debye_method method; /* AUTO: histogram from 512 atoms (on a card 64), else direct */
	double bin;                  /* A, of the histogram                                        */
	bool inner;                  /* histogram on the CPU: on each conformer's grid, see grid.h */
	int nq;
	double q_max;            /* the largest q                                              */
	const double *q;         /* [nq]                                                       */
	const double *v, *s, *w; /* [ntypes,nq], [ntypes,nq], [nq] amplitudes, behind q; NULL: many points, which only the grid needs */
	struct bp_grids *grids;  /* of inner                                                   */
	int bins;                /* that the kept tables hold                                  */
	struct bp_debye_up {     /* the same in device memory, as long as it is kept           */
		const double *q, *v, *s, *w;
		const double *radius;        /* [n] of the particle                            */
		const int32_t *atom, *start; /* [n], [ntypes+1]                                */
		struct bp_grid grid;         /* of the tables, where they have one             */
		double *sums, *slopes;       /* of sinc_table for its points, else q, and bins; or NULL */
	} up;
};

/* q [nq] >= 0 and finite stays the caller's. */
int bp_debye_open(struct bp_debye **ret, struct bp_ctx *cx, const struct bp_particle *p, const double *q, int nq,
    enum bp_debye_method method, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

/* Keep in device memory what every call needs, and on a card the tables of conformers within radius. It is the caller's, who calls
 * bp_debye_drop before he releases it; without, each call brings its own. What is kept can be recorded. */
int bp_debye_keep(struct bp_debye *d, double radius) BP_MUST_USE;
void bp_debye_drop(struct bp_debye *d);
/* up of d, kept or made now */
int bp_debye_have(struct bp_debye_up *up, const struct bp_debye *d) BP_MUST_USE;

/* b conformers in device memory: x [b,n,3] by place, centred; a [b,n] exposed fractions or NULL: no layer. No |x| is above radius. bins
 * and own are set by profiles for forces: a conformer's numbers must not depend on those beside it. */
struct bp_conformers {
	int b;
	const double *x, *a;
	double radius;
	int bins; /* of all                                       */
	int *own; /* [b] that each needs; may be NULL where b = 1 */
};

/* All memory from here on is the device's. P [b,BP_PROFILES,nq], the partial profiles (ops/debye_profiles.h). */
int bp_debye_profiles(double *P, const struct bp_debye *d, struct bp_conformers *c) BP_MUST_USE;
/* out [b,n,3]: gradient of an energy whose derivative by the intensity is E [b,nq], when the amplitudes are v - g s +
 * c2 a w (g [b,nq], c2 [b]); after bp_debye_profiles of the same conformers. */
int bp_debye_forces(double *out, const struct bp_debye *d, const struct bp_conformers *c, const double *E,
    const double *g, const double *c2) BP_MUST_USE;

/* a [b,n] = exposed fractions of x [b,n,3] by place. */
int bp_debye_exposed(double *a, const struct bp_debye *d, int b, const double *x) BP_MUST_USE;

/* Host memory: D [moves, ntypes (+ 1 with a), nq]: what moving atom[m] alone to y [moves,3] changes (op pair_move); x [n,3], a [n]
 * one conformer. BP_EUSAGE: more points than amplitudes are kept for. */
int bp_debye_moves(double *D, const struct bp_debye *d, const double *x, const double *a, int moves,
    const int32_t *atom, const double *y) BP_MUST_USE;

/* Host memory: P += what it changes by when atom i alone moves; D [ntypes (+ 1),nq] of its move. */
void bp_debye_moved(double *P, const struct bp_debye *d, const double *D, int i, const double *a);
#endif
