/* rel_pos: out[i,j] (+)= W [onehot residue 66; onehot token 66; same entity; onehot chain 6], r_max 32, s_max 2: a sum
 * of at most four columns of W. RelativePositionEncoder of encodersv2.py with cyclic_pos_enc; chain class 5 when
 * fix_sym_check ? entities differ : same chain. Rounding of d / period is half to even; a period of 0 counts as 10000,
 * and cyclic handling is on when any is > 0. */
#ifndef BP_OP_REL_POS_H
#define BP_OP_REL_POS_H

#include "ops/ctx.h"

struct bp_rel_pos {
	int n;
	const int32_t *asym_id, *residue_index, *entity_id, *token_index, *sym_id; /* [n] */
	const float *cyclic_period; /* [n], NULL: none is cyclic */
	bool fix_sym_check;
	const struct bp_weight *W;  /* [c,139] */
	bool add;
	int first, rows;            /* only tokens i from first to first + rows - 1; rows 0: all */
	float *out;                 /* [rows,n,c] */
};
static inline int
bp_rel_pos_rows(const struct bp_rel_pos *a)
{
	return a->rows ? a->rows : a->n;
}
typedef int bp_rel_pos_fn(struct bp_ctx *cx, const struct bp_rel_pos *a);
bp_rel_pos_fn bp_rel_pos_cpu, bp_rel_pos_cpu_opt, bp_rel_pos_cuda;

#endif
