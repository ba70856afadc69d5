/* bond_embed: out[i,j,:] += token_bonds[i,j] W[:,0] + E[type_bonds[i,j],:]. boltz2.py: token_bonds, token_bonds_type. */
#ifndef BP_OP_BOND_EMBED_H
#define BP_OP_BOND_EMBED_H

#include "ops/ctx.h"

struct bp_bond_embed {
	int n, c;
	const float *token_bonds;   /* [n,n] */
	const int32_t *type_bonds;  /* [n,n] 0..E->n-1, or NULL with E NULL */
	const struct bp_weight *W;  /* [c,1] */
	const struct bp_weight *E;  /* [7,c] nn.Embedding or NULL */
	float *out;                 /* [n,n,c] += */
};
typedef int bp_bond_embed_fn(struct bp_ctx *cx, const struct bp_bond_embed *a);
bp_bond_embed_fn bp_bond_embed_cpu, bp_bond_embed_cpu_opt, bp_bond_embed_cuda;

#endif
