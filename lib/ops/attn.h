/* lib/ops/attn.h: the packed weights of the optimized rows of attn_pair_bias and atom_attention. */
#ifndef BP_OPS_ATTN_H
#define BP_OPS_ATTN_H

#include "ops/attn_pair_bias.h"

struct bp_attn_packed {
	float *qkvg[4], *o;
};

int bp_attn_pack(struct bp_ctx *cx, struct bp_attn_packed *p, const struct bp_attn_weights *w) BP_MUST_USE;

#endif
