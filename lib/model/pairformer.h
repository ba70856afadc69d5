/* lib/model/pairformer.h: the pairformer's blocks, with the single track (PairformerLayer, attention v2) and without it
 * (PairformerNoSeqLayer of layers/pairformer.py), and stacks of them. All work in place on z [members,n,n,c] and s [members,n,cs]: of targets
 * of one size, which do not see each other (1: of one); ops are told by cx->members. */
#ifndef BP_PAIRFORMER_H
#define BP_PAIRFORMER_H

#include "model/weights.h"

struct bp_pair_layer {
	int c;
	struct bp_tri_mul_weights mul_out, mul_in;
	struct bp_tri_attn_weights att_start, att_end;
	struct bp_transition_weights transition;
};
struct bp_pairformer_layer {
	int cs, heads;
	struct bp_pair_layer pair;
	struct bp_weight norm, norm_b;    /* [cs]                  */
	struct bp_pair_bias_weights bias; /* [heads,c] on LN(z)    */
	struct bp_attn_weights attn;
	struct bp_transition_weights transition;
};
struct bp_pair_stack {
	int blocks;
	struct bp_pair_layer *layer;
};
struct bp_pairformer {
	int blocks;
	struct bp_pairformer_layer *layer;
};

/* Bind a layer below the scope that b is in; a stack NAME.layers.0, .1 ... (none is a fault). Faults stay in b->st. */
void bp_pair_layer_bind(struct bp_pair_layer *l, struct bp_bind *b, int c);
void bp_pair_stack_bind(struct bp_pair_stack *p, struct bp_bind *b, int c, const char *name);
void bp_pairformer_bind(struct bp_pairformer *p, struct bp_bind *b, int cs, int c, const char *name);

/* mask [members,n] 1 or 0, or NULL: no token is masked. */
int bp_pair_layer_run(struct bp_ctx *cx, const struct bp_pair_layer *l, int members, int n, const float *mask, float *z) BP_MUST_USE;
int bp_pair_stack_run(struct bp_ctx *cx, const struct bp_pair_stack *p, int n, const float *mask, float *z) BP_MUST_USE; /* of one */
int bp_pairformer_run(struct bp_ctx *cx, const struct bp_pairformer *p, int members, int n, const float *mask, float *s,
    float *z) BP_MUST_USE;

#endif
