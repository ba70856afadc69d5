/* lib/model/atoms.h: the atom level, which the input embedder and the score network share (AtomEncoder,
 * AtomAttentionEncoder, AtomAttentionDecoder of encodersv2.py). q, c and p depend on features and trunk alone: made
 * once a target. */
#ifndef BP_ATOMS_H
#define BP_ATOMS_H

#include "model/feats.h"
#include "model/transformer.h"

struct bp_atom_encoder {
	int c, cp;                            /* atom_s, atom_z                                */
	struct bp_weight embed, embed_b;      /* [c,388], [c]                                  */
	struct bp_weight pos, dist, mask;     /* [cp,3], [cp,1], [cp,1]                        */
	struct bp_weight c_to_p_q, c_to_p_k;  /* [cp,c]                                        */
	struct bp_weight mlp[3];              /* [cp,cp]                                       */
	bool structure;                       /* has the terms in the trunk's s and z          */
	struct bp_weight s_norm, s_norm_b, s_to_c; /* [ts], [ts], [c,ts]                       */
	struct bp_weight z_norm, z_norm_b, z_to_p; /* [tz], [tz], [cp,tz]                      */
};
/* ts, tz: widths of the trunk for the structure module's encoder, 0 for the input embedder's. */
void bp_atom_encoder_bind(struct bp_atom_encoder *e, struct bp_bind *b, int ts, int tz, const char *name);

/* q = embedding of the atoms; c = q (+ their token's term of s); p = pair representation of the windows, K = atoms /
 * 32. s [n,ts] and zp [n,n,cp] (bp_atom_encoder_pairs): NULL without structure. q may be c without structure. */
int bp_atom_encoder_run(struct bp_ctx *cx, const struct bp_atom_encoder *e, const struct bp_feats *f, const float *s,
    const float *zp, float *q, float *c, float *p) BP_MUST_USE;
/* zp [rows,cp] = what `rows` rows of the conditioned pair representation z [rows,tz] give to pairs of atoms. */
int bp_atom_encoder_pairs(struct bp_ctx *cx, const struct bp_atom_encoder *e, int64_t rows, const float *z,
    float *zp) BP_MUST_USE; /* [A,c], [A,c], [K,32,128,cp] */

/* AtomAttentionEncoder and -Decoder: an atom transformer and its ways in and out. */
struct bp_atom_attention_encoder {
	struct bp_diff_transformer transformer;
	struct bp_weight r_to_q;   /* [c,3] or none (n = 0) */
	struct bp_weight to_token; /* [ct,c]                */
};
struct bp_atom_attention_decoder {
	struct bp_diff_transformer transformer;
	struct bp_weight a_to_q;                     /* [c,ct]            */
	struct bp_weight out_norm, out_norm_b, out;  /* [c], [c], [3,c]   */
};
/* ct: channels of a token's side; structure: r_to_q is there. Heads: bp_diff_heads(&e->transformer, ...), by the
 * caller. */
void bp_atom_attention_encoder_bind(struct bp_atom_attention_encoder *e, struct bp_bind *b, int c, int ct,
    bool structure, const char *name);
void bp_atom_attention_decoder_bind(struct bp_atom_attention_decoder *d, struct bp_bind *b, int c, int ct,
    const char *name);

/* q: [b,A,c], in and out; in already holds the encoder's q for every sample where r (scaled coordinates [b,A,3], or
 * NULL) is added to it. cond, bias: see bp_diff_args. a [b,n,ct] = the tokens' means of relu(to_token q). */
int bp_atom_attention_encoder_run(struct bp_ctx *cx, const struct bp_atom_attention_encoder *e,
    const struct bp_feats *f, int b, const float *r, const float *cond, const float *bias, float *q,
    float *a) BP_MUST_USE;
/* q [b,A,c] is changed; r [b,A,3] = the coordinate update. a [b,n,ct]. */
int bp_atom_attention_decoder_run(struct bp_ctx *cx, const struct bp_atom_attention_decoder *d,
    const struct bp_feats *f, int b, const float *a, const float *cond, const float *bias, float *q,
    float *r) BP_MUST_USE;

#endif
