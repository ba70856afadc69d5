/* template_embed: out[i,j] += W [vis (onehot38(distance bin of CB); cb_i cb_j; sign(R_j^T (CA_i - t_j)) 3; fr_i fr_j);
 * onehot33 type_i; onehot33 type_j], for one template. bins: count of linspace(3.25, 50.75, 37) below d; vis =
 * (visibility_i == visibility_j). The "unit vector" is normalised over an axis of one in upstream, so it is the sign of
 * each component; R_j is row-major, its columns are the axes. TemplateV2Module of trunkv2.py. */
#ifndef BP_OP_TEMPLATE_EMBED_H
#define BP_OP_TEMPLATE_EMBED_H

#include "ops/ctx.h"

struct bp_template_embed {
	int n, c;
	const int32_t *type;        /* [n] template_restype@idx, -1: none */
	const float *rot;           /* [n,3,3] */
	const float *t, *cb, *ca;   /* [n,3] A */
	const float *mask_frame, *mask_cb; /* [n] */
	const float *visibility;    /* [n] */
	const struct bp_weight *W;  /* [c,109] */
	float *out;                 /* [n,n,c] += */
};
typedef int bp_template_embed_fn(struct bp_ctx *cx, const struct bp_template_embed *a);
bp_template_embed_fn bp_template_embed_cpu, bp_template_embed_cpu_opt, bp_template_embed_cuda;

#endif
