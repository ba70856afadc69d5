/* token_embed: out += column `index` of W [c,k] (a linear layer of a one-hot input), or row `index` of W [k,c]
 * (embedding: nn.Embedding). index -1 adds nothing (the caller checked the range). InputEmbedder
 * of trunkv2.py. */
#ifndef BP_OP_TOKEN_EMBED_H
#define BP_OP_TOKEN_EMBED_H

#include "ops/ctx.h"

struct bp_token_embed {
	int rows;
	const int32_t *index;       /* [rows] */
	const struct bp_weight *W;
	bool embedding;             /* W is [k,c], an nn.Embedding */
	float *out;                 /* [rows,c] += */
};
typedef int bp_token_embed_fn(struct bp_ctx *cx, const struct bp_token_embed *a);
bp_token_embed_fn bp_token_embed_cpu, bp_token_embed_cpu_opt, bp_token_embed_cuda;

#endif
