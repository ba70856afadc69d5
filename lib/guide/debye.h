/* lib/guide/debye.h: Debye sums of a particle over pairs of atom types, by three methods, and what makes intensities of
 * them. The heavy loops are ops (ops/pairs.h); their variant decides between fp64 (original) and fp32 pair work
 * (optimized). */
#ifndef BP_DEBYE_H
#define BP_DEBYE_H

#include "guide/particle.h"
#include "ops/pairs.h"

enum bp_debye_method { BP_DEBYE_AUTO, BP_DEBYE_DIRECT, BP_DEBYE_HISTOGRAM, BP_DEBYE_QUADRATURE };

/* partial profiles; cross terms are doubled: I = vv - G vs + G^2 ss + c2 vw - c2 G sw + c2^2 ww */
enum { BP_P_VV, BP_P_VS, BP_P_SS, BP_P_VW, BP_P_SW, BP_P_WW, BP_PROFILES };

struct bp_debye {
	struct bp_ctx *cx;
	const struct bp_particle *p;
	enum bp_debye_method method; /* AUTO: histogram from 512 atoms, else direct               */
	double bin;                  /* A, of the histogram                                        */
	bool inner;                  /* histogram: sums on a coarser grid of q, see debye.c        */
	int nq;
	const double *q;         /* [nq]                                                       */
	double q_max;            /* the largest of them                                        */
	const double *v, *s, *w; /* [ntypes,nq], [ntypes,nq], [nq] amplitudes                  */
};

/* q [nq] >= 0 and finite stays the caller's. */
int bp_debye_open(struct bp_debye **ret, struct bp_ctx *cx, const struct bp_particle *p, const double *q, int nq,
    enum bp_debye_method method, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

/* rows of S and G, with the layer or without (pairs.h) */
static inline size_t
bp_debye_rows(const struct bp_particle *p, bool layer)
{
	size_t t = (size_t)p->ntypes;

	return t * (t + 1) / 2 + (layer ? t + 1 : 0);
}

/* b conformers: x [b,n,3] by place, centred, no |x| above radius; a [b,n] exposed fractions or NULL: no layer.
 * bins and own are set by sums for forces: a conformer's numbers must not depend on those beside it. */
struct bp_conformers {
	int b;
	const double *x, *a;
	double radius;
	int bins; /* of all                                       */
	int *own; /* [b] that each needs; may be NULL where b = 1 */
};

/* S [b,rows,nq]. */
int bp_debye_sums(double *S, const struct bp_debye *d, struct bp_conformers *c) BP_MUST_USE;
/* out [b,n,3]: gradient of sum over rows and k of G S; after bp_debye_sums of the same conformers. */
int bp_debye_forces(double *out, const struct bp_debye *d, const struct bp_conformers *c, const double *G) BP_MUST_USE;

/* a [b,n] = exposed fractions of x [b,n,3] by place. */
int bp_debye_exposed(double *a, const struct bp_debye *d, int b, const double *x) BP_MUST_USE;

/* D [moves, ntypes (+ 1 with a), nq]: what moving atom[m] alone to y [moves,3] changes (op pair_move); x [n,3], a [n]
 * one conformer. */
int bp_debye_moves(double *D, const struct bp_debye *d, const double *x, const double *a, int moves,
    const int32_t *atom, const double *y) BP_MUST_USE;

/* P [BP_PROFILES,nq] of one conformer from its sums; a [n] or NULL: the profiles with w are 0. */
void bp_debye_profiles(double *P, const struct bp_debye *d, const double *S, const double *a);
/* P += what it changes by when atom i alone moves; D [ntypes (+ 1),nq] of its move. */
void bp_debye_moved(double *P, const struct bp_debye *d, const double *D, int i, const double *a);
/* G [rows,nq] for bp_debye_forces, from E [nq] = dE/dI, when the amplitudes are v - g s + c2 a w; g [nq]. */
void bp_debye_weights(double *G, const struct bp_debye *d, const double *E, const double *g, double c2, bool layer);

#endif
