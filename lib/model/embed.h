/* lib/model/embed.h: what every pair representation starts from: relative positions, bonds and contact conditioning
 * (RelativePositionEncoder, token_bonds, token_bonds_type, ContactConditioning). The trunk and the confidence module
 * have one each. */
#ifndef BP_EMBED_H
#define BP_EMBED_H

#include "model/feats.h"
#include "model/weights.h"

struct bp_pair_embed {
	int c;
	bool fix_sym_check, cyclic_pos_enc, has_types;
	struct bp_weight rel_pos;             /* [c,139]             */
	struct bp_weight bonds, bond_types;   /* [c,1], [7,c]        */
	struct bp_weight enc, enc_b, fw, fb;  /* [c,c+4], [c] ...    */
	struct bp_weight unspecified, unselected; /* [c]             */
};
/* Bind rel_pos, token_bonds, token_bonds_type and contact_conditioning below b's scope. */
void bp_pair_embed_bind(struct bp_pair_embed *e, struct bp_bind *b, int c);

/* out [n,n,c] = (add: +=) one of them; f has the groups TOKEN and PAIR (rel_pos: TOKEN). */
int bp_rel_pos_run(struct bp_ctx *cx, const struct bp_pair_embed *e, const struct bp_feats *f, bool add,
    float *out) BP_MUST_USE;
/* the same for tokens i from first to first + rows - 1: out [rows,n,c] */
int bp_rel_pos_rows_run(struct bp_ctx *cx, const struct bp_pair_embed *e, const struct bp_feats *f, int first, int rows,
    bool add, float *out) BP_MUST_USE;
/* out += contact conditioning */
int bp_contacts_run(struct bp_ctx *cx, const struct bp_pair_embed *e, const struct bp_feats *f,
    float *out) BP_MUST_USE;
/* out += relative positions + bonds + bond types + contacts */
int bp_pair_embed_run(struct bp_ctx *cx, const struct bp_pair_embed *e, const struct bp_feats *f,
    float *out) BP_MUST_USE;

#endif
