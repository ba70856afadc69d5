/* atom_to_token: out[b,t,:] (+)= sum_{atoms of t} x / (count_t + 1e-6), count over the atoms of token t.
 * AtomAttentionEncoder. Atoms of a token are contiguous: first[t] .. first[t] + count[t] - 1. */
#ifndef BP_OP_ATOM_TO_TOKEN_H
#define BP_OP_ATOM_TO_TOKEN_H

#include "ops/ctx.h"

struct bp_atom_to_token {
	int b, n, atoms, c;
	const int32_t *first, *count; /* [n] */
	const float *x;             /* [b,atoms,c] */
	bool add;
	float *out;                 /* [b,n,c] */
};
typedef int bp_atom_to_token_fn(struct bp_ctx *cx, const struct bp_atom_to_token *a);
bp_atom_to_token_fn bp_atom_to_token_cpu, bp_atom_to_token_cpu_opt, bp_atom_to_token_cuda;

#endif
