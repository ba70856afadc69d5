/* atom_attention: attn_pair_bias in windows: 32 queries of window k see the 128 keys at atoms 32 k - 48 + j. Keys outside
 * 0..atoms-1 are zero rows with mask 0. AtomTransformer of transformersv2.py, single_to_keys of encodersv2.py.
 * DIFFERS only in form: k and v are projected once an atom, not once a window. */
#ifndef BP_OP_ATOM_ATTENTION_H
#define BP_OP_ATOM_ATTENTION_H

#include "ops/ctx.h"

#include "ops/attn_pair_bias.h"
enum { BP_WINDOW_Q = 32, BP_WINDOW_K = 128 };
struct bp_atom_attention {
	int b, atoms, c, heads, members; /* atoms a multiple of 32; K = atoms / 32 windows; members as in attn_pair_bias */
	const float *x;             /* [b,atoms,c] normalised input */
	const float *bias;          /* [heads,members,K,32,128] */
	const float *mask;          /* [members,atoms] */
	const float *gate;          /* [members,atoms,c] or NULL */
	const struct bp_attn_weights *w;
	float *out;                 /* [b,atoms,c] += */
};
typedef int bp_atom_attention_fn(struct bp_ctx *cx, const struct bp_atom_attention *a);
bp_atom_attention_fn bp_atom_attention_cpu, bp_atom_attention_cpu_opt, bp_atom_attention_cuda, bp_atom_attention_cuda_opt;

#endif
