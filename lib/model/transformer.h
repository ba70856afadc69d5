/* lib/model/transformer.h: the diffusion transformer (DiffusionTransformer of transformersv2.py), over tokens or, in
 * windows, over atoms. What its layers derive from the conditioning s alone can be made once (cond) and used for every
 * sample and step. */
#ifndef BP_TRANSFORMER_H
#define BP_TRANSFORMER_H

#include "model/weights.h"

struct bp_diff_layer {
	struct bp_attn_weights attn;
	struct bp_weight swish_gate, a_to_b, b_to_a; /* [2*hidden,c], [hidden,c], [c,hidden] */
};
struct bp_diff_transformer {
	int depth, heads, c, cs;
	struct bp_diff_layer *layer;
	struct bp_ada_weights *ada; /* [depth][2]: of a layer's attention, of its transition */
};

/* Bind NAME.layers.*. heads: see bp_diff_heads. */
void bp_diff_transformer_bind(struct bp_diff_transformer *t, struct bp_bind *b, int c, int cs, const char *name);
/* Heads are not in a layer's own shapes: they are the bias channels a layer. Sets t->heads; fails unless they divide
 * c. */
void bp_diff_heads(struct bp_diff_transformer *t, struct bp_bind *b, int heads);

/* Floats of cond for all layers: [depth,6,rows,c]. */
int64_t bp_diff_cond_count(const struct bp_diff_transformer *t, int rows);
/* cond = what all layers need of s [rows,cs]. */
int bp_diff_cond(struct bp_ctx *cx, const struct bp_diff_transformer *t, int rows, const float *s,
    float *cond) BP_MUST_USE;

struct bp_diff_args {
	int b, rows;       /* samples, rows a sample (tokens, or atoms in windows) of all members together */
	int members;       /* targets, rows / members each, which do not see each other; 0: 1 */
	bool windows;      /* atoms: 32 queries see 128 keys; a target's rows a multiple of 32 */
	const float *cond; /* [depth,6,rows,c] of bp_diff_cond, shared by the samples; NULL: made layer by layer of s */
	const float *s;    /* [rows,cs] only read without cond */
	const float *bias; /* [depth*heads,rows,rows/members], windows: [depth*heads,rows/32,32,128]; shared by the samples */
	const float *mask; /* [rows] 1 or 0; NULL: all 1 (not with windows) */
	float *a;          /* [b,rows,c] in and out */
};
int bp_diff_transformer_run(struct bp_ctx *cx, const struct bp_diff_transformer *t,
    const struct bp_diff_args *x) BP_MUST_USE;

#endif
