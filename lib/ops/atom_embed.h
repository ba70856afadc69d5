/* atom_embed: c_a = W [ref_pos 3; charge; onehot(element) 128; onehot(name chars) 4 x 64] + b. Index -1: no class
 * (padding). AtomEncoder.embed_atom_features of encodersv2.py. */
#ifndef BP_OP_ATOM_EMBED_H
#define BP_OP_ATOM_EMBED_H

#include "ops/ctx.h"

enum { BP_ATOM_ELEMENTS = 128, BP_ATOM_CHARS = 64, BP_ATOM_FEATURES = 3 + 1 + 128 + 4 * 64 };
struct bp_atom_embed {
	int atoms;
	const float *ref_pos;       /* [atoms,3] A */
	const float *charge;        /* [atoms]     */
	const int32_t *element;     /* [atoms] -1..127 (the caller checked) */
	const int32_t *chars;       /* [atoms,4] -1..63 */
	const struct bp_weight *W, *b; /* [c,388], [c] */
	float *out;                 /* [atoms,c] */
};
typedef int bp_atom_embed_fn(struct bp_ctx *cx, const struct bp_atom_embed *a);
bp_atom_embed_fn bp_atom_embed_cpu, bp_atom_embed_cpu_opt, bp_atom_embed_cuda;

#endif
