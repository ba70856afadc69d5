/* lib/model/diffusion.c: see diffusion.h. Contents: binding, conditioning of a target, of a step, the score network,
 * dumps */
#include "model/diffusion.h"

#include <string.h>

/* LIST.0, LIST.1 ... transitions over c channels */
static struct bp_transition_weights *
bind_transitions(struct bp_bind *b, int *count, int c, const char *list)
{
	struct bp_transition_weights *w;
	char name[64];

	*count = bp_bind_count(b, list);
	w = bp_bind_new(b, *count, sizeof *w);
	for (int i = 0; i < *count && b->st == BP_OK; i++) {
		snprintf(name, sizeof name, "%s.%d", list, i);
		bp_bind_transition(b, &w[i], c, name);
	}
	return w;
}

/* LIST.0, LIST.1 ...: the bias projection of each layer of t, all with the same number of heads, which t takes */
static struct bp_pair_bias_weights *
bind_biases(struct bp_bind *b, struct bp_diff_transformer *t, int c, const char *list)
{
	struct bp_pair_bias_weights *w;
	char name[64];
	int n = bp_bind_count(b, list);

	if (b->st == BP_OK && n != t->depth)
		bp_bind_fail(b, "%s has %d layers, its transformer %d", list, n, t->depth);
	w = bp_bind_new(b, n, sizeof *w);
	for (int i = 0; i < n && b->st == BP_OK; i++) {
		snprintf(name, sizeof name, "%s.%d", list, i);
		bp_bind_pair_bias(b, &w[i], i ? w[0].W.n : -1, c, name);
	}
	if (b->st == BP_OK)
		bp_diff_heads(t, b, w[0].W.n);
	return w;
}

static void
bind_score(struct bp_diffusion *net, struct bp_bind *b)
{
	int c = 2 * net->ts;
	size_t at;

	at = bp_bind_enter(b, "structure_module.score_model.single_conditioner");
	bp_bind_norm(b, &net->s_norm, &net->s_norm_b, c, "norm_single");
	bp_bind_linear(b, &net->s_embed, &net->s_embed_b, c, c, "single_embed");
	bp_bind_linear(b, &net->f_w, &net->f_b, -1, 1, "fourier_embed.proj");
	bp_bind_norm(b, &net->f_norm, &net->f_norm_b, net->f_w.n, "norm_fourier");
	bp_bind_mat(b, &net->f_to_s, c, net->f_w.n, "fourier_to_single.weight");
	net->s_transition = bind_transitions(b, &net->s_transitions, c, "transitions");
	bp_bind_leave(b, at);

	at = bp_bind_enter(b, "structure_module.score_model");
	bp_atom_attention_encoder_bind(&net->enc, b, net->atoms.c, c, true, "atom_attention_encoder");
	bp_bind_norm(b, &net->sa_norm, &net->sa_norm_b, c, "s_to_a_linear.0");
	bp_bind_mat(b, &net->s_to_a, c, c, "s_to_a_linear.1.weight");
	bp_diff_transformer_bind(&net->token, b, c, c, "token_transformer");
	bp_bind_norm(b, &net->a_norm, &net->a_norm_b, c, "a_norm");
	bp_atom_attention_decoder_bind(&net->dec, b, net->atoms.c, c, "atom_attention_decoder");
	bp_bind_leave(b, at);
}

void
bp_diffusion_bind(struct bp_diffusion *net, struct bp_bind *b)
{
	struct bp_weight s_init;
	size_t at;

	memset(net, 0, sizeof *net);
	bp_bind_mat(b, &s_init, -1, -1, "s_init.weight"); /* tells token_s */
	net->ts = s_init.n;
	at = bp_bind_enter(b, "diffusion_conditioning");
	bp_bind_mat(b, &net->z_proj, -1, -1, "pairwise_conditioner.dim_pairwise_init_proj.1.weight");
	net->tz = net->z_proj.n;
	bp_bind_leave(b, at);
	if (b->st != BP_OK)
		return;
	bp_pair_embed_bind(&net->embed, b, net->tz);
	at = bp_bind_enter(b, "diffusion_conditioning");
	if (net->z_proj.k != 2 * net->tz)
		bp_bind_fail(b, "pairwise_conditioner: %d channels in, %d out", net->z_proj.k, net->tz);
	bp_bind_norm(b, &net->z_norm, &net->z_norm_b, 2 * net->tz, "pairwise_conditioner.dim_pairwise_init_proj.0");
	net->z_transition = bind_transitions(b, &net->z_transitions, net->tz, "pairwise_conditioner.transitions");
	bp_atom_encoder_bind(&net->atoms, b, net->ts, net->tz, "atom_encoder");
	bp_bind_leave(b, at);
	b->keep = true; /* every step multiplies a few rows by each of these */
	bind_score(net, b);
	b->keep = false;
	at = bp_bind_enter(b, "diffusion_conditioning");
	net->enc_bias = bind_biases(b, &net->enc.transformer, net->atoms.cp, "atom_enc_proj_z");
	net->dec_bias = bind_biases(b, &net->dec.transformer, net->atoms.cp, "atom_dec_proj_z");
	net->token_bias = bind_biases(b, &net->token, net->tz, "token_trans_proj_z");
	bp_bind_leave(b, at);
}

/* tokens and atoms of one target */
static int
tokens_of(const struct bp_conditioned *c)
{
	return c->f->n / bp_members(c->f->members);
}

static int
atoms_of(const struct bp_conditioned *c)
{
	return c->f->atoms / bp_members(c->f->members);
}

/* zc [rows,N,tz] = PairwiseConditioning of z and the relative positions, of tokens i from first on */
static int
condition_pair(const struct bp_diffusion *net, struct bp_ctx *cx, const struct bp_feats *f, int first, int rows, const float *z, float *zc)
{
	int64_t pairs = (int64_t)rows * f->n;
	struct bp_mark m = bp_dev_mark(cx);
	float *rel;

	BP_DEV_NEW(rel, pairs * net->tz, cx);
	BP_TRY(bp_rel_pos_rows_run(cx, &net->embed, f, first, rows, false, rel));
	BP_TRY(BP_OP(cx, linear, .rows = pairs, .k = net->tz, .k2 = net->tz, .x = z, .x2 = rel, .norm = true,
	    .nw = &net->z_norm, .nb = &net->z_norm_b, .W = &net->z_proj, .out = zc));
	bp_dev_release(cx, m);
	for (int i = 0; i < net->z_transitions; i++)
		BP_TRY(bp_transition_add(cx, &net->z_transition[i], pairs, zc));
	return BP_OK;
}

/* What the conditioned pairs of target g are for, in blocks of rows so that they need not be there all at once (cx->chunk): the biases of the token
 * transformer, and zp [N,N,cp] of the atom encoder. */
static int
condition_pairs(const struct bp_conditioned *c, struct bp_ctx *cx, int g, const struct bp_feats *f, const float *z, float *zp)
{
	const struct bp_diffusion *net = c->net;
	const int64_t all = (int64_t)f->n * f->n;
	float *bias = c->token_bias + g * all;
	int n = f->n, block = bp_rows_at_once(cx, n), layers = net->token.depth;
	struct bp_mark m = bp_dev_mark(cx);

	for (int first = 0; first < n; first += block) {
		int rows = n - first < block ? n - first : block;
		int64_t pairs = (int64_t)rows * n, at = (int64_t)first * n;
		float *zc;
		BP_DEV_NEW(zc, pairs * net->tz, cx);
		BP_TRY(condition_pair(net, cx, f, first, rows, z + at * net->tz, zc));
		BP_TRY(BP_OP(cx, pair_bias, .rows = pairs, .c = net->tz, .heads = net->token.heads, .layers = layers, .x = zc,
		    .w = net->token_bias, .stride = bp_members(c->f->members) * all, .out = bias + at));
		BP_TRY(bp_atom_encoder_pairs(cx, &net->atoms, pairs, zc, zp + at * net->atoms.cp));
		bp_dev_release(cx, m);
	}
	return BP_OK;
}

/* s_times [steps] = the embedded noise levels */
static int
embed_times(const struct bp_conditioned *c, struct bp_ctx *cx, const float *times, int steps)
{
	const struct bp_diffusion *net = c->net;
	int F = net->f_w.n;
	struct bp_mark m = bp_dev_mark(cx);
	const void *t;
	float *f;

	BP_DEV_NEW(f, (int64_t)steps * F, cx);
	BP_TRY(bp_dev_upload(cx, &t, times, (size_t)steps * sizeof *times));
	BP_TRY(BP_OP(cx, fourier, .rows = steps, .c = F, .t = t, .w = &net->f_w, .b = &net->f_b, .out = f));
	BP_TRY(BP_OP(cx, linear, .rows = steps, .k = F, .x = f, .norm = true, .nw = &net->f_norm, .nb = &net->f_norm_b,
	    .W = &net->f_to_s, .out = c->s_times));
	bp_dev_release(cx, m);
	return BP_OK;
}

/* biases of all layers of t in windows from p, of target g */
static int
biases(const struct bp_conditioned *c, struct bp_ctx *cx, int g, const struct bp_diff_transformer *t, const struct bp_pair_bias_weights *w,
    const float *p, float *out)
{
	const int64_t rows = (int64_t)atoms_of(c) * BP_WINDOW_K;

	return BP_OP(cx, pair_bias, .rows = rows, .c = c->net->atoms.cp, .heads = t->heads, .layers = t->depth, .x = p, .w = w,
	    .stride = bp_members(c->f->members) * rows, .out = out + g * rows);
}

static int
dump_conditioning(const struct bp_conditioned *c, struct bp_ctx *cx)
{
	const struct bp_diffusion *net = c->net;
	int64_t n = c->f->n, a = c->f->atoms, k = a / BP_WINDOW_Q;

	BP_TRY(bp_dump_put(c->dump, cx, "cond.q", c->q, BP_SHAPE(1, a, net->atoms.c)));
	BP_TRY(bp_dump_put(c->dump, cx, "cond.c", c->c, BP_SHAPE(1, a, net->atoms.c)));
	BP_TRY(bp_dump_put_last(c->dump, cx, "cond.atom_enc_bias", c->enc_bias,
	    BP_SHAPE(1, k, BP_WINDOW_Q, BP_WINDOW_K, net->enc.transformer.depth * net->enc.transformer.heads)));
	BP_TRY(bp_dump_put_last(c->dump, cx, "cond.atom_dec_bias", c->dec_bias,
	    BP_SHAPE(1, k, BP_WINDOW_Q, BP_WINDOW_K, net->dec.transformer.depth * net->dec.transformer.heads)));
	return bp_dump_put_last(c->dump, cx, "cond.token_trans_bias", c->token_bias,
	    BP_SHAPE(1, n, n, net->token.depth * net->token.heads));
}

static int
allocate(struct bp_conditioned *c, struct bp_ctx *cx, int steps)
{
	const struct bp_diffusion *net = c->net;
	const struct bp_diff_transformer *enc = &net->enc.transformer, *dec = &net->dec.transformer;
	int64_t n = c->f->n, a = c->f->atoms, w = a / BP_WINDOW_Q * BP_WINDOW_Q * BP_WINDOW_K, ct = 2 * net->ts;

	BP_DEV_NEW(c->q, a * net->atoms.c, cx);
	BP_DEV_NEW(c->c, a * net->atoms.c, cx);
	BP_DEV_NEW(c->enc_bias, w * enc->depth * enc->heads, cx);
	BP_DEV_NEW(c->dec_bias, w * dec->depth * dec->heads, cx);
	BP_DEV_NEW(c->token_bias, n * tokens_of(c) * net->token.depth * net->token.heads, cx);
	BP_DEV_NEW(c->enc_cond, bp_diff_cond_count(enc, c->f->atoms), cx);
	BP_DEV_NEW(c->dec_cond, bp_diff_cond_count(dec, c->f->atoms), cx);
	BP_DEV_NEW(c->token_cond, bp_diff_cond_count(&net->token, c->f->n), cx);
	BP_DEV_NEW(c->s_target, n * ct, cx);
	BP_DEV_NEW(c->s_times, steps * ct, cx);
	BP_DEV_NEW(c->s_time, ct, cx);
	BP_DEV_NEW(c->s, n * ct, cx);
	BP_DEV_NEW(c->s_to_a, n * ct, cx);
	BP_DEV_NEW(c->zeros, n, cx);
	BP_DEV_NEW(c->q_samples, c->batch * a * net->atoms.c, cx);
	BP_DEV_NEW(c->a_samples, c->batch * n * ct, cx);
	return bp_dev_zero(cx, c->zeros, (size_t)n * sizeof *c->zeros);
}

int
bp_diffusion_open(struct bp_conditioned *c, struct bp_ctx *cx, const struct bp_diffusion *net, const float *times, int steps)
{
	c->net = net;
	BP_TRY(allocate(c, cx, steps));
	return embed_times(c, cx, times, steps);
}

int
bp_diffusion_condition(struct bp_conditioned *c, struct bp_ctx *cx, int g, const struct bp_feats *f, const float *s, const float *s_inputs,
    const float *z)
{
	const struct bp_diffusion *net = c->net;
	const int64_t atoms = f->atoms, channels = net->atoms.c;
	struct bp_mark m = bp_dev_mark(cx);
	float *zp, *p;

	bp_assert(f->n == tokens_of(c) && f->atoms == atoms_of(c));
	BP_DEV_NEW(zp, (int64_t)f->n * f->n * net->atoms.cp, cx);
	BP_TRY(condition_pairs(c, cx, g, f, z, zp));
	BP_DEV_NEW(p, atoms * BP_WINDOW_K * net->atoms.cp, cx);
	BP_TRY(bp_atom_encoder_run(cx, &net->atoms, f, s, zp, c->q + g * atoms * channels, c->c + g * atoms * channels, p));
	BP_TRY(biases(c, cx, g, &net->enc.transformer, net->enc_bias, p, c->enc_bias));
	BP_TRY(biases(c, cx, g, &net->dec.transformer, net->dec_bias, p, c->dec_bias));
	bp_dev_release(cx, m);
	return BP_OP(cx, linear, .rows = f->n, .k = net->ts, .k2 = net->ts, .x = s, .x2 = s_inputs, .norm = true, .nw = &net->s_norm,
	    .nb = &net->s_norm_b, .W = &net->s_embed, .b = &net->s_embed_b, .out = c->s_target + (int64_t)g * f->n * 2 * net->ts);
}

int
bp_diffusion_ready(struct bp_conditioned *c, struct bp_ctx *cx)
{
	BP_TRY(bp_diff_cond(cx, &c->net->enc.transformer, c->f->atoms, c->c, c->enc_cond));
	BP_TRY(bp_diff_cond(cx, &c->net->dec.transformer, c->f->atoms, c->c, c->dec_cond));
	return dump_conditioning(c, cx);
}

int
bp_diffusion_step(struct bp_conditioned *c, struct bp_ctx *cx, int step)
{
	size_t ct = 2 * (size_t)c->net->ts;

	return bp_dev_copy(cx, c->s_time, c->s_times + (size_t)step * ct, ct * sizeof *c->s_time);
}

void
bp_diffusion_key(struct bp_key *key, const struct bp_conditioned *c)
{
	const void *const p[] = { c->net, c->q, c->c, c->enc_bias, c->dec_bias, c->token_bias, c->enc_cond, c->dec_cond, c->s_target,
		c->s_time, c->s, c->s_to_a, c->token_cond, c->zeros, c->q_samples, c->a_samples };

	bp_key_feats(key, c->f);
	BP_KEY_ADD(key, c->batch);
	bp_key_add(key, p, sizeof p);
}

int
bp_diffusion_derive(struct bp_conditioned *c, struct bp_ctx *cx)
{
	const struct bp_diffusion *net = c->net;
	int n = c->f->n, ct = 2 * net->ts;

	BP_TRY(bp_dev_copy(cx, c->s, c->s_target, (size_t)n * ct * sizeof *c->s));
	BP_TRY(BP_OP(cx, gather_rows, .b = 1, .rows = n, .from = 1, .c = ct, .index = c->zeros,
	    .x = c->s_time, .add = true, .out = c->s));
	for (int i = 0; i < net->s_transitions; i++)
		BP_TRY(bp_transition_add(cx, &net->s_transition[i], n, c->s));
	BP_TRY(BP_OP(cx, linear, .rows = n, .k = ct, .x = c->s, .norm = true, .nw = &net->sa_norm,
	    .nb = &net->sa_norm_b, .W = &net->s_to_a, .out = c->s_to_a));
	return bp_diff_cond(cx, &net->token, n, c->s, c->token_cond);
}

/* each of the b samples at p into score.NAME [M,rows,c] */
static int
dump_samples(const struct bp_conditioned *c, struct bp_ctx *cx, const char *name, int sample0, int b, int rows,
    int channels, const float *p)
{
	for (int i = 0; c->dump_score && i < b; i++)
		BP_TRY(bp_dump_part(c->dump, cx, name, p + (size_t)i * rows * channels, sample0 + i,
		    BP_SHAPE(c->dump_samples, rows, channels)));
	return BP_OK;
}

int
bp_diffusion_score(struct bp_conditioned *c, struct bp_ctx *cx, int sample0, int b, const float *r, float *update)
{
	const struct bp_diffusion *net = c->net;
	int n = c->f->n, atoms = c->f->atoms, ct = 2 * net->ts;
	size_t q_size = (size_t)atoms * net->atoms.c, a_size = (size_t)n * ct;
	float *q = c->q_samples, *a = c->a_samples;

	bp_assert(b <= c->batch);
	for (int i = 0; i < b; i++)
		BP_TRY(bp_dev_copy(cx, q + (size_t)i * q_size, c->q, q_size * sizeof *q));
	BP_TRY(bp_atom_attention_encoder_run(cx, &net->enc, c->f, b, r, c->enc_cond, c->enc_bias, q, a));
	BP_TRY(dump_samples(c, cx, "score.a_encoder", sample0, b, n, ct, a));
	for (int i = 0; i < b; i++)
		BP_TRY(BP_OP(cx, axpy, .count = (int64_t)a_size, .alpha = 1, .x = c->s_to_a,
		    .y = a + (size_t)i * a_size));
	BP_TRY(bp_diff_transformer_run(cx, &net->token, &(struct bp_diff_args){ .b = b, .rows = n,
	    .members = c->f->members, .cond = c->token_cond, .bias = c->token_bias, .mask = c->f->token_mask, .a = a }));
	BP_TRY(dump_samples(c, cx, "score.a_transformer", sample0, b, n, ct, a));
	BP_TRY(BP_OP(cx, layer_norm, .rows = (int64_t)b * n, .c = ct, .x = a, .w = &net->a_norm, .b = &net->a_norm_b,
	    .out = a));
	BP_TRY(bp_atom_attention_decoder_run(cx, &net->dec, c->f, b, a, c->dec_cond, c->dec_bias, q, update));
	BP_TRY(dump_samples(c, cx, "score.r_noisy", sample0, b, atoms, 3, r));
	for (int i = 0; i < b; i++)
		BP_TRY(dump_samples(c, cx, "score.s", sample0 + i, 1, n, ct, c->s));
	return dump_samples(c, cx, "score.r_update", sample0, b, atoms, 3, update);
}
