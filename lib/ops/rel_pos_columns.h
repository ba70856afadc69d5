/* lib/ops/rel_pos_columns.h: which columns of W a pair of tokens adds up; shared by the rows of rel_pos on every device. */
#ifndef BP_REL_POS_COLUMNS_H
#define BP_REL_POS_COLUMNS_H

#include <math.h>

#include "ops/host_device.h"
#include "ops/rel_pos.h"

enum { BP_R_MAX = 32, BP_S_MAX = 2, BP_RES0 = 0, BP_TOK0 = 2 * BP_R_MAX + 2, BP_ENT0 = 2 * BP_TOK0, BP_CHAIN0 = BP_ENT0 + 1 };

static inline BP_HOST_DEVICE int64_t
bp_rel_clip(int64_t d, int64_t max)
{
	return d < -max ? 0 : d > max ? 2 * max : d + max;
}

/* d - period * round(d / period) in float32, half to even, cut to a whole number, as upstream computes it; the cut
 * comes after the clip so that no value is out of an integer's range */
static inline BP_HOST_DEVICE int64_t
bp_rel_wrap(int64_t d, float period)
{
	float p = period > 0 ? period : 10000;
	float t = (float)d - p * rintf((float)d / p);
	return (int64_t)fminf(fmaxf(t, -BP_R_MAX), BP_R_MAX);
}

/* The columns of W that pair i, j adds up: residue, token, chain, and the entity's, or -1. Upstream broadcasts the
 * period along the last axis, so it is that of j. */
static inline BP_HOST_DEVICE void
bp_rel_pos_columns(int col[4], const struct bp_rel_pos *a, bool cyclic, int i, int j)
{
	bool chain = a->asym_id[i] == a->asym_id[j], entity = a->entity_id[i] == a->entity_id[j];
	bool residue = chain && a->residue_index[i] == a->residue_index[j];
	int64_t d = (int64_t)a->residue_index[i] - a->residue_index[j];

	if (cyclic)
		d = bp_rel_wrap(d, a->cyclic_period[j]);
	col[0] = BP_RES0 + (chain ? (int)bp_rel_clip(d, BP_R_MAX) : 2 * BP_R_MAX + 1);
	col[1] = BP_TOK0 + (residue ? (int)bp_rel_clip((int64_t)a->token_index[i] - a->token_index[j], BP_R_MAX) : 2 * BP_R_MAX + 1);
	col[2] = BP_CHAIN0 + ((a->fix_sym_check ? !entity : chain) ? 2 * BP_S_MAX + 1
	    : (int)bp_rel_clip((int64_t)a->sym_id[i] - a->sym_id[j], BP_S_MAX));
	col[3] = entity ? BP_ENT0 : -1;
}

#endif
