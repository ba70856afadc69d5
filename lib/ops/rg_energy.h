/* rg_energy: radius of gyration of each of b samples, E = k/2 (Rg - target)^2, and its gradient. Rg is that of a set of atoms about their own
 * weighted centre; the set is chosen by the distances from the centre of all atoms that count, and held fixed in the gradient,
 *
 *	dE/dx_i = k (Rg - target) w_i (x_i - c) / (sum w Rg),
 *
 * which is then shortened to cap an atom, after which what the atoms of the set are pushed by as a whole is taken off. E and gradient
 * are 0 where the radius is below 1e-6 or fewer than 3 atoms count. fp64 in all rows; rows differ in the order of sums. */
#ifndef BP_OP_RG_ENERGY_H
#define BP_OP_RG_ENERGY_H

#include "ops/ctx.h"

enum bp_rg_method {
	BP_RG_STANDARD, /* all atoms */
	BP_RG_ROBUST,   /* distance from the centre at most median + threshold 1.4826 MAD; else (under half) the nearest 95 % */
	BP_RG_TRIMMED   /* the nearest floor(0.95 n), ties by index */
};

/* What is wrong with a sample: nothing; a coordinate is not finite; the weights do not add up to more than 0; they give no radius. */
enum bp_rg_fault { BP_RG_FINE, BP_RG_NOT_FINITE, BP_RG_NO_WEIGHT, BP_RG_NO_RADIUS };

/* of a sample's values; ATOMS: those that count */
enum { BP_RG_RADIUS, BP_RG_TARGET, BP_RG_K, BP_RG_KEPT, BP_RG_CAPPED, BP_RG_FAULT, BP_RG_ATOMS, BP_RG_VALUES };

struct bp_rg_energy {
	int b, n, ld; /* ld >= BP_RG_VALUES */
	enum bp_rg_method method;
	double threshold, target, cap; /* robust sigmas; A; most |dE/dx|, 0: any                 */
	const double *k;               /* [1] force constant                                     */
	const double *x;               /* [b,n,3] A                                              */
	const uint8_t *mask;           /* [n] 0 or 1                                             */
	const double *w;               /* [n] weights; may be negative                           */
	const double *a;               /* [b,places], or NULL: layer times it is added to w       */
	const int32_t *place;          /* [n] of each atom in a, -1: none                         */
	int places;
	double layer;
	double *energy;   /* [b] out                                                            */
	double *gradient; /* [b,n,3] out                                                        */
	double *values;   /* [b,ld] out, the first BP_RG_VALUES of each                         */
};
typedef int bp_rg_energy_fn(struct bp_ctx *cx, const struct bp_rg_energy *a);
bp_rg_energy_fn bp_rg_energy_cpu, bp_rg_energy_cuda;

static const double bp_mad_to_sigma = 1.4826, bp_rg_share = 0.95, bp_rg_smallest = 1e-6;

/* The same of one sample, on the host. */
struct bp_rg {
	double rg;        /* A, of the atoms kept about their own centre   */
	int atoms, kept;  /* that count; of them in the set                */
	bool degenerate;  /* rg < 1e-6 or fewer than 3 atoms               */
	double energy, k; /* bp_rg_energy: and the force constant used     */
	int capped;       /* atoms whose gradient was shortened            */
};
struct bp_rg_near {
	double d;
	int atom;
};

/* Sets ret but for energy and k; grad [n,3] = dRg/dx or NULL; keep [n] in: the atoms that count, out: the set; near [2 atoms that count].
 * w [n], or NULL: 1. *at: the atom that is not finite. */
enum bp_rg_fault bp_rg_find(struct bp_rg *ret, double *grad, uint8_t *keep, int *at, int n, const double *x, const double *w,
    enum bp_rg_method method, double threshold, struct bp_rg_near *near);
/* From dRg/dx to the gradient of E at force constant k; sets the rest of ret. */
void bp_rg_pull(struct bp_rg *ret, double *grad, const uint8_t *kept, int n, double target, double k, double cap);

#endif
