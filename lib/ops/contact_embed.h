/* contact_embed: out[i,j] += class 0: unspecified; class 1: unselected; class k >= 2: enc [onehot3(k - 2); t; cos(2 pi
 * (fw t + fb))] + enc_b, t = (threshold - 4) / 16; class -1 (no one-hot: padding): enc with a zero one-hot.
 * ContactConditioning of trunkv2.py (cutoff 4..20). */
#ifndef BP_OP_CONTACT_EMBED_H
#define BP_OP_CONTACT_EMBED_H

#include "ops/ctx.h"

struct bp_contact_embed {
	int n, c;
	const int32_t *klass;       /* [n,n] -1..4 contact_conditioning@idx */
	const float *threshold;     /* [n,n] contact_threshold, A */
	const struct bp_weight *enc, *enc_b; /* [c,c+4], [c] */
	const struct bp_weight *fw, *fb;     /* [c,1], [c] fourier_embedding.proj */
	const struct bp_weight *unspecified, *unselected; /* [c] */
	float *out;                 /* [n,n,c] += */
};
typedef int bp_contact_embed_fn(struct bp_ctx *cx, const struct bp_contact_embed *a);
bp_contact_embed_fn bp_contact_embed_cpu, bp_contact_embed_cpu_opt, bp_contact_embed_cuda;

#endif
