/* msa_embed: m_si = W [onehot(msa_si); has_deletion_si; deletion_value_si; paired_si] + add_i: the one-hot product is a
 * column of W. MSAModule of trunkv2.py (msa_proj, s_proj). W has nclass + 3 columns, or nclass + 2 (use_paired_feature
 * off: paired unused). */
#ifndef BP_OP_MSA_EMBED_H
#define BP_OP_MSA_EMBED_H

#include "ops/ctx.h"

struct bp_msa_embed {
	int s, n, nclass;
	const int32_t *msa;         /* [s,n] class, 0 <= msa < nclass (the caller checked) */
	const float *has_deletion, *deletion_value, *paired; /* [s,n] */
	const struct bp_weight *W;  /* [c,nclass+3] */
	const float *add;           /* [n,c] s_proj(s_inputs) */
	float *out;                 /* [s,n,c] */
};
typedef int bp_msa_embed_fn(struct bp_ctx *cx, const struct bp_msa_embed *a);
bp_msa_embed_fn bp_msa_embed_cpu, bp_msa_embed_cpu_opt, bp_msa_embed_cuda;

#endif
