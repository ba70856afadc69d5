/* lib/ops/attn.h: what the optimized rows of attn_pair_bias and atom_attention share: projections before and after the heads. */
#ifndef BP_OPS_ATTN_H
#define BP_OPS_ATTN_H

#include "ops/attn_pair_bias.h"

struct bp_attn_packed {
	float *q, *k, *v, *g, *o;
};

int bp_attn_pack(struct bp_ctx *cx, struct bp_attn_packed *p, const struct bp_attn_weights *w) BP_MUST_USE;

/* qkvg [m,4c] of m rows x [m,c]; g before its sigmoid */
void bp_attn_project(float *qkvg, const float *x, int m, const struct bp_attn_weights *w, const struct bp_attn_packed *p);

/* out [m,c] += gate * proj_o(sigmoid(g) * o); o is changed; s: scratch [m,c] */
void bp_attn_finish(float *out, float *o, const float *qkvg, const float *gate, int m, int c, const struct bp_attn_packed *p,
    float *s);

#endif
