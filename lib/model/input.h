/* lib/model/input.h: the input embedder (InputEmbedder of trunkv2.py): atoms and sequence profile to one vector a
 * token. */
#ifndef BP_INPUT_H
#define BP_INPUT_H

#include "model/atoms.h"

struct bp_input_embedder {
	int ts;                             /* token_s                                */
	struct bp_atom_encoder atoms;
	struct bp_pair_bias_weights bias;   /* one norm, channels of all layers       */
	struct bp_atom_attention_encoder attention;
	struct bp_weight res_type, profile; /* [ts,33], [ts,34]                       */
	struct bp_weight method, modified, mol_type; /* embeddings [12,ts], [2,ts], [4,ts]; n = 0: none */
	struct bp_weight cyclic;            /* [ts,1]; n = 0: none                    */
};
/* ts: channels of a token. Bound below NAME. */
void bp_input_embedder_bind(struct bp_input_embedder *e, struct bp_bind *b, int ts, const char *name);

/* s [n,ts]; f has the groups TOKEN, ATOM and INPUT. */
int bp_input_embedder_run(struct bp_ctx *cx, const struct bp_input_embedder *e, const struct bp_feats *f,
    float *s) BP_MUST_USE;

#endif
