/* atom_pair_embed: the pair representation p of the atom windows: window w, query l (atom 32 w + l), key j
 * (atom 32 w - 48 + j):
 *   p = (Wpos d + Wdist / (1 + |d|^2) + Wmask) v + zp[token_l, token_j] + cq_l + ck_j;  p += mlp(p)
 * d = pos_key - pos_query; v = 1 when both atoms are real and share ref_space_uid; mlp = W3 relu(W2 relu(W1 relu(p))).
 * Keys outside the atoms: position, uid, mask, ck and zp contribute as zeros. AtomEncoder of encodersv2.py. */
#ifndef BP_OP_ATOM_PAIR_EMBED_H
#define BP_OP_ATOM_PAIR_EMBED_H

#include "ops/ctx.h"

struct bp_atom_pair_embed {
	int atoms, cp, n;           /* K = atoms / 32; n tokens */
	const float *ref_pos;       /* [atoms,3] */
	const float *mask;          /* [atoms]   */
	const int32_t *uid;         /* [atoms]   */
	const int32_t *token;       /* [atoms] token of an atom, -1: none (only read with zp) */
	const float *cq, *ck;       /* [atoms,cp] c_to_p_trans_q, _k of the atoms */
	const float *zp;            /* [n,n,cp] z_to_p_trans, or NULL */
	const struct bp_weight *Wpos, *Wdist, *Wmask; /* [cp,3], [cp,1], [cp,1] */
	const struct bp_weight *W1, *W2, *W3;         /* [cp,cp] */
	float *out;                 /* [K,32,128,cp] */
};
typedef int bp_atom_pair_embed_fn(struct bp_ctx *cx, const struct bp_atom_pair_embed *a);
bp_atom_pair_embed_fn bp_atom_pair_embed_cpu, bp_atom_pair_embed_cpu_opt, bp_atom_pair_embed_cuda;

#endif
