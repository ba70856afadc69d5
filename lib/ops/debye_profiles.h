/* debye_profiles: partial profiles of scattering from the Debye sums of pair_sinc and its like: with the amplitudes v, s of a type in vacuum and of
 * the solvent it displaces and w of the layer, I = vv - G vs + G^2 ss + c2 vw - c2 G sw + c2^2 ww for any G and c2 (cross terms are doubled;
 * every atom's own term is added here). Without p.a the profiles with w are 0. fp64 in all rows. */
#ifndef BP_OP_DEBYE_PROFILES_H
#define BP_OP_DEBYE_PROFILES_H

#include "ops/pairs.h"

enum { BP_P_VV, BP_P_VS, BP_P_SS, BP_P_VW, BP_P_SW, BP_P_WW, BP_PROFILES };

struct bp_debye_profiles {
	struct bp_pairs p; /* x is not looked at */
	int nq;
	const double *S;         /* [b,rows,nq]                            */
	const double *v, *s, *w; /* [ntypes,nq], [ntypes,nq], [nq]         */
	double *P;               /* [b,BP_PROFILES,nq] out                 */
};
typedef int bp_debye_profiles_fn(struct bp_ctx *cx, const struct bp_debye_profiles *a);
bp_debye_profiles_fn bp_debye_profiles_cpu, bp_debye_profiles_cuda;

#endif
