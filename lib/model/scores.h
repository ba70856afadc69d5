/* lib/model/scores.h: the published confidence numbers of one sample, from what the confidence heads gave. Host
 * memory, sums in double. confidencev2.py (ConfidenceHeads.forward), confidence_utils.py (compute_ptms). */
#ifndef BP_SCORES_H
#define BP_SCORES_H

#include <stdint.h>

#include "model/dump.h"
#include "stream/rec.h"

struct bp_score_in {
	int n, atoms;            /* tokens, atoms (padding included)                                        */
	const int32_t *asym_id;  /* [n] any numbers: chains are numbered in their rising order               */
	const int32_t *mol_type; /* [n] 0 protein, 1 DNA, 2 RNA, 3 nonpolymer                               */
	const float *mask;       /* [n] 1, 0: padding; NULL: none                                            */
	const int32_t *token;    /* [atoms] token of an atom, -1: padding                                   */
	const int32_t *frames;   /* [n,3] featurized frame atoms, 0..atoms-1 (checked here)                 */
	const float *x;          /* [atoms,3] A                                                             */
	const float *plddt;      /* [n]                                                                     */
	const float *pde;        /* [n,n] A                                                                 */
	const float *tm;         /* [n,n] expected TM term: bp_tm_value under the PAE distribution          */
	const float *contact;    /* [n,n] probability of the distogram's first BP_CONTACT_BINS bins         */
	const float *dist;       /* [n,n] A, of representative atoms                                        */
};
struct bp_scores {
	double complex_plddt, complex_iplddt, complex_pde,
	    complex_ipde; /* complex_pde is NaN for a single token: no pair */
	double ptm, iptm, ligand_iptm, protein_iptm;
	int chains;
	double *pair_chains_iptm; /* [chains,chains]: [a][b] has its frames in b, its columns in a, as upstream */
};

enum { BP_CONTACT_BINS = 20 };

/* BP_EINPUT: a frame index beyond the atoms, or no token that is not padding. *ret lives in mem. */
int bp_scores(struct bp_scores *ret, const struct bp_score_in *in, struct bp_arena *mem,
    struct bp_err *err) BP_MUST_USE;

/* 1 / (1 + (d / d0)^2), d0 = 1.24 (max(tokens, 19) - 15)^(1/3) - 1.8; d in A. */
double bp_tm_value(double d, int tokens);

/* frames [n,3] with those of ligands (nonpolymer chains of 3 atoms or more) replaced: nearest atom, the token's own,
 * second nearest of the same chain. valid[n]: 1 unless the token is padding or its frame is collinear or
 * overlapping. compute_frame_pred. */
int bp_frames(int32_t *frames, uint8_t *valid, const struct bp_score_in *in, struct bp_arena *mem,
    struct bp_err *err) BP_MUST_USE;

/* confidence_score of m samples: (4 plddt + iptm) / 5, with ptm when iptm is 0 for all of them. */
void bp_confidence_score(double *score, const struct bp_scores *s, int m);

/* The scores of m samples, and those, as tensors of rec. */
int bp_confidence_put(struct bp_rec *rec, const struct bp_scores *scores, int m, struct bp_err *err) BP_MUST_USE;
/* ... and all that the module found of rec's samples, as conf.NAME of the dump. */
int bp_confidence_dump(struct bp_dump *dump, const struct bp_rec *rec, struct bp_err *err) BP_MUST_USE;

#endif
