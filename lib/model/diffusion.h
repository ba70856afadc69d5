/* lib/model/diffusion.h: diffusion conditioning and the score network (diffusion_conditioning.py, DiffusionModule of
 * diffusionv2.py), ready to be called at every step for any number of samples. What depends on the target alone is
 * made once (bp_diffusion_condition), what depends on the step alone once a step (bp_diffusion_derive): samples share
 * sigma.
 *
 * Several targets of one size, the members of a batch, go through together, as one of all their tokens and atoms (bp_feats_join): to all but the attentions
 * a row is a row. From bp_diffusion_ready on cx->members is their number. N and A below are those of all members, n and a of one. */
#ifndef BP_DIFFUSION_H
#define BP_DIFFUSION_H

#include "model/atoms.h"
#include "model/dump.h"
#include "model/embed.h"
#include "model/replay.h"

struct bp_diffusion {
	int ts, tz;                           /* token_s, token_z; the token transformer works on 2 ts channels */
	struct bp_pair_embed embed;           /* the trunk's: its relative positions come in again      */
	struct bp_weight z_norm, z_norm_b, z_proj; /* [2tz], [2tz], [tz,2tz]                            */
	struct bp_transition_weights *z_transition, *s_transition;
	int z_transitions, s_transitions;
	struct bp_atom_encoder atoms;
	struct bp_pair_bias_weights *enc_bias, *dec_bias, *token_bias; /* one a layer of enc, dec, token */
	struct bp_weight s_norm, s_norm_b, s_embed, s_embed_b;     /* [2ts], [2ts], [2ts,2ts], [2ts]    */
	struct bp_weight f_w, f_b, f_norm, f_norm_b, f_to_s;       /* [F,1], [F], [F], [F], [2ts,F]     */
	struct bp_atom_attention_encoder enc;
	struct bp_weight sa_norm, sa_norm_b, s_to_a;               /* [2ts], [2ts], [2ts,2ts]           */
	struct bp_diff_transformer token;
	struct bp_weight a_norm, a_norm_b;                         /* [2ts]                             */
	struct bp_atom_attention_decoder dec;
};
/* Bind all of it, from the root scope. */
void bp_diffusion_bind(struct bp_diffusion *net, struct bp_bind *b);

/* A conditioned network: device memory of the mark's life in which bp_diffusion_open was called. */
struct bp_conditioned {
	const struct bp_diffusion *net;
	const struct bp_feats *f;                    /* TOKEN and ATOM, on the device, of all        */
	int batch;                                   /* most samples a call                          */
	float *q, *c;                                /* [A,as]                                       */
	float *enc_bias, *dec_bias, *token_bias;     /* [L*H,A/32,32,128] twice, [L*H,N,n]           */
	float *enc_cond, *dec_cond;                  /* bp_diff_cond of c                            */
	float *s_target, *s_times;                   /* [N,2ts] of s and s_inputs, [S,2ts] of sigma  */
	float *s_time;                               /* [2ts] of the step                            */
	float *s, *s_to_a, *token_cond;              /* of s_time: [N,2ts], [N,2ts], bp_diff_cond of s */
	int32_t *zeros;                              /* [N]                                          */
	float *q_samples, *a_samples;                /* [batch,A,as], [batch,N,2ts]                  */
	struct bp_dump *dump;                        /* NULL: none                                   */
	bool dump_score;                             /* the next bp_diffusion_score is to be dumped  */
	int dump_samples;                            /* M of the dumped tensors                      */
};

/* Three calls. open: c's f, batch and dump are set by the caller; times [steps] on the host: ln(sigma / 16) / 4 of every step. condition: of each target g
 * its features f, s, s_inputs [n,ts] and z [n,n,tz] on the device, which may be gone afterwards. ready: dumps cond.*. */
int bp_diffusion_open(struct bp_conditioned *c, struct bp_ctx *cx, const struct bp_diffusion *net, const float *times, int steps) BP_MUST_USE;
int bp_diffusion_condition(struct bp_conditioned *c, struct bp_ctx *cx, int g, const struct bp_feats *f, const float *s, const float *s_inputs,
    const float *z) BP_MUST_USE;
int bp_diffusion_ready(struct bp_conditioned *c, struct bp_ctx *cx) BP_MUST_USE;

/* Go to a step, 0 <= step < steps; then derive what all samples share in it. All that is done after bp_diffusion_step is the
 * same at every step, down to the addresses (it can be recorded). */
int bp_diffusion_step(struct bp_conditioned *c, struct bp_ctx *cx, int step) BP_MUST_USE;
int bp_diffusion_derive(struct bp_conditioned *c, struct bp_ctx *cx) BP_MUST_USE;

/* All that bp_diffusion_derive and bp_diffusion_score depend on beside device memory and their arguments. */
void bp_diffusion_key(struct bp_key *key, const struct bp_conditioned *c);

/* update [b,A,3] = network of the scaled coordinates r [b,A,3], b <= batch. sample0: the first one's number, for
 * dumps only. */
int bp_diffusion_score(struct bp_conditioned *c, struct bp_ctx *cx, int sample0, int b, const float *r,
    float *update) BP_MUST_USE;

#endif
