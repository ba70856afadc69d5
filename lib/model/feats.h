/* lib/model/feats.h: the feature tensors that the network reads, checked. Every size, index and number that a kernel
 * will trust is verified here and nowhere later: a features record may come from any program. */
#ifndef BP_FEATS_H
#define BP_FEATS_H

#include "chem/residues.h"
#include "ops/members.h"
#include "stream/rec.h"

enum { /* classes of features; BP_METHODS is there already */
	BP_RES_TYPES = BP_TOKENS,
	BP_MOL_TYPES = BP_CHAIN_TYPES,
	BP_BOND_CLASSES = BP_BOND_TYPES + 1 /* 0: no bond */
};

enum bp_feats_group {
	BP_FEATS_TOKEN = 1,    /* ids, masks and positions of the tokens             */
	BP_FEATS_PAIR = 2,     /* bonds and contacts between tokens                  */
	BP_FEATS_ATOM = 4,     /* reference atoms and their tokens                   */
	BP_FEATS_INPUT = 8,    /* what only the input embedder reads                 */
	BP_FEATS_MSA = 16,
	BP_FEATS_TEMPLATE = 32,
	BP_FEATS_TRUNK = 63,
	BP_FEATS_CONFIDENCE = 64 /* what only the confidence module reads, and mol_type */
};

/* N tokens, A atoms (a multiple of 32), S MSA rows, T templates. Pointers are NULL in groups that were not asked for.
 * After bp_feats_read they point to host memory, in what bp_feats_upload gives to device memory. */
struct bp_feats {
	int n, atoms, s, t;
	int members;                     /* targets of one size that these are the tokens and atoms of; 0: one */
	unsigned groups;
	bool padded, msa_padded, cyclic; /* is any token masked, any MSA entry masked, any chain cyclic */
	int templates;                   /* how many templates have an aligned token                    */
	const unsigned char *use_template; /* [T] host memory: has this one?                            */

	/* TOKEN */
	const int32_t *asym_id, *residue_index, *entity_id, *token_index, *sym_id; /* [N] */
	const float *cyclic_period;   /* [N] residues of a cyclic chain, else 0              */
	const float *token_mask;      /* [N] token_pad_mask, 1 or 0; NULL: no token is masked */
	/* PAIR */
	const float *token_bonds;     /* [N,N]                     */
	const int32_t *type_bonds;    /* [N,N] 0..6                */
	const int32_t *contact_class; /* [N,N] -1..4               */
	const float *contact_threshold; /* [N,N] A                 */
	/* ATOM */
	const float *ref_pos;         /* [A,3] A                   */
	const float *ref_charge;      /* [A]                       */
	const int32_t *ref_element;   /* [A] -1..127               */
	const int32_t *ref_chars;     /* [A,4] -1..63              */
	const int32_t *ref_uid;       /* [A]                       */
	const float *atom_mask;       /* [A] 1 or 0                */
	const int32_t *atom_token;    /* [A] -1..N-1               */
	const int32_t *first, *count; /* [N] a token's atoms: first .. first + count - 1 (made here) */
	/* INPUT */
	const int32_t *res_type, *method, *modified, *mol_type; /* [N] classes, res_type -1..32 */
	const float *profile;         /* [N,33]                    */
	const float *deletion_mean;   /* [N]                       */
	const float *cyclic_flag;     /* [N] min(cyclic_period, 1) */
	/* MSA */
	const int32_t *msa;           /* [S,N] 0..32               */
	const float *has_deletion, *deletion_value, *paired; /* [S,N] */
	const float *msa_mask;        /* [S,N] 1 or 0; NULL: all 1 */
	/* TEMPLATE */
	const int32_t *template_type; /* [T,N] -1..32              */
	const float *frame_rot;       /* [T,N,3,3]                 */
	const float *frame_t, *template_cb, *template_ca; /* [T,N,3] A */
	const float *frame_mask, *cb_mask; /* [T,N] 1 or 0         */
	const float *visibility;      /* [T,N]                     */
	/* CONFIDENCE */
	const int32_t *frames;        /* [N,3] 0..A-1 frame atoms of each token (needs ATOM) */
	const int32_t *rep_atom;      /* [N] -1..A-1 token_to_rep_atom                       */
};

/* Check and convert the tensors of `groups` in rec. mem keeps what had to be converted; the rest stays in rec.
 * BP_EINPUT names the tensor, what was found and what is wanted. */
int bp_feats_read(struct bp_feats *f, const struct bp_rec *rec, unsigned groups, struct bp_arena *mem,
    struct bp_err *err) BP_MUST_USE;

/* Features of a size alone, for rehearsals: every pointer of `groups` is there and leads nowhere. mem: scratch. */
int bp_feats_imagine(struct bp_feats *f, unsigned groups, int n, int atoms, int msa, int templates, struct bp_arena *mem,
    struct bp_err *err) BP_MUST_USE;

/* Features of a size for a pass whose results nobody wants: as imagined, but zeros are there, ones in masks, and each token has its share
 * of the atoms. They live in mem. */
int bp_feats_blank(struct bp_feats *f, unsigned groups, int n, int atoms, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

/* *f = several targets' tokens and atoms one behind the other, as work on rows takes them: n and atoms are those of all, token_mask, atom_mask, atom_token,
 * first and count are there, nothing else. All of one[count], read with TOKEN and ATOM, have the same n and atoms. It lives in mem. */
int bp_feats_join(struct bp_feats *f, const struct bp_feats *const *one, int count, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

/* *mask = host's token_mask in device memory, or NULL: no token is masked. */
int bp_feats_upload_mask(const float **mask, const struct bp_feats *host, struct bp_ctx *cx) BP_MUST_USE;

/* dev = the same features in device memory (of the present mark's life). host must stay alive: on a CPU it is the same
 * memory. */
int bp_feats_upload(struct bp_feats *dev, const struct bp_feats *host, struct bp_ctx *cx) BP_MUST_USE;

#endif
