/* lib/model/msa.h: the MSA module (MSAModule, MSALayer of trunkv2.py). */
#ifndef BP_MSA_H
#define BP_MSA_H

#include "model/feats.h"
#include "model/pairformer.h"

struct bp_msa_layer {
	int heads, width, hidden;                      /* of the averaging; of the outer product     */
	struct bp_weight norm_m, norm_m_b;             /* [c]                                        */
	struct bp_weight norm_z, norm_z_b;             /* [tz]                                       */
	struct bp_weight proj_m, proj_g, proj_z, proj_o; /* [heads*width,c] x 2, [heads,tz], [c,heads*width] */
	struct bp_transition_weights transition;
	struct bp_weight norm, norm_b;                 /* [c]                                        */
	struct bp_weight proj_a, proj_b, out, out_b;   /* [hidden,c] x 2, [tz,hidden*hidden], [tz]   */
	struct bp_pair_layer pair;
};
struct bp_msa {
	int c, tz, blocks;                             /* msa_s, token_z                             */
	struct bp_weight s_proj, msa_proj;             /* [c,ts], [c,33+3]                           */
	struct bp_msa_layer *layer;
};
void bp_msa_bind(struct bp_msa *m, struct bp_bind *b, int ts, int tz, const char *name);

/* z [members,n,n,tz] = the module's output for z, which contains z: upstream's trunk adds it to its own z (doc/trunk.md).
 * s_inputs [members,n,ts]; f [members] have the groups TOKEN and MSA, and one size; mask [members,n] of the tokens, or NULL: none is masked. */
int bp_msa_run(struct bp_ctx *cx, const struct bp_msa *m, const struct bp_feats *f, int members, const float *mask, const float *s_inputs,
    float *z) BP_MUST_USE;

/* ret = host's features with `keep` of the MSA rows, drawn without repetition (a target's key and a draw number,
 * model/random.h) and in drawn order, as upstream's --subsample_msa does: the query row may be left out. All rows when
 * there are no more than keep. */
int bp_msa_subsample(struct bp_feats *ret, const struct bp_feats *host, int keep, uint64_t key, uint32_t draw,
    struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

#endif
