/* lib/ops/ops.h: the op table: one function pointer an op, bound once by bp_ctx_open. */
#ifndef BP_OPS_H
#define BP_OPS_H

#include "ops/ada_cond.h"
#include "ops/ada_ln.h"
#include "ops/affine.h"
#include "ops/align.h"
#include "ops/atom_attention.h"
#include "ops/atom_embed.h"
#include "ops/atom_pair_embed.h"
#include "ops/atom_to_token.h"
#include "ops/attn_pair_bias.h"
#include "ops/augment.h"
#include "ops/axpy.h"
#include "ops/binned_mean.h"
#include "ops/bond_embed.h"
#include "ops/centre_atoms.h"
#include "ops/cond_transition.h"
#include "ops/contact_embed.h"
#include "ops/debye_profiles.h"
#include "ops/debye_weights.h"
#include "ops/dist_bin_embed.h"
#include "ops/exposed_fraction.h"
#include "ops/fourier.h"
#include "ops/gather_rows.h"
#include "ops/grid_read.h"
#include "ops/grid_spread.h"
#include "ops/guide_begin.h"
#include "ops/guide_end.h"
#include "ops/guide_step.h"
#include "ops/layer_norm.h"
#include "ops/linear.h"
#include "ops/msa_embed.h"
#include "ops/noise.h"
#include "ops/outer_product_mean.h"
#include "ops/pair_bias.h"
#include "ops/pair_force.h"
#include "ops/pair_head.h"
#include "ops/pair_histogram.h"
#include "ops/pair_move.h"
#include "ops/pair_prod_linear.h"
#include "ops/pair_sinc.h"
#include "ops/pair_sinc_force.h"
#include "ops/pair_sum.h"
#include "ops/pair_weighted_average.h"
#include "ops/rel_pos.h"
#include "ops/rg_energy.h"
#include "ops/rg_steps.h"
#include "ops/saxs_fit.h"
#include "ops/sinc_force.h"
#include "ops/sinc_sum.h"
#include "ops/sinc_table.h"
#include "ops/template_embed.h"
#include "ops/token_embed.h"
#include "ops/transition.h"
#include "ops/tri_attn.h"
#include "ops/tri_mul.h"
#include "ops/wave_force.h"
#include "ops/wave_sum.h"

#define BP_OPS(X) \
	X(linear) \
	X(layer_norm) \
	X(transition) \
	X(tri_mul) \
	X(tri_attn) \
	X(attn_pair_bias) \
	X(pair_bias) \
	X(outer_product_mean) \
	X(pair_weighted_average) \
	X(msa_embed) \
	X(rel_pos) \
	X(pair_sum) \
	X(pair_prod_linear) \
	X(bond_embed) \
	X(contact_embed) \
	X(template_embed) \
	X(token_embed) \
	X(atom_embed) \
	X(atom_pair_embed) \
	X(atom_attention) \
	X(gather_rows) \
	X(atom_to_token) \
	X(ada_cond) \
	X(ada_ln) \
	X(cond_transition) \
	X(fourier) \
	X(axpy) \
	X(affine) \
	X(noise) \
	X(augment) \
	X(align) \
	X(dist_bin_embed) \
	X(pair_head) \
	X(binned_mean) \
	X(pair_histogram) \
	X(pair_force) \
	X(sinc_sum) \
	X(sinc_force) \
	X(pair_sinc) \
	X(pair_sinc_force) \
	X(debye_profiles) \
	X(debye_weights) \
	X(grid_read) \
	X(grid_spread) \
	X(pair_move) \
	X(wave_sum) \
	X(wave_force) \
	X(exposed_fraction) \
	X(sinc_table) \
	X(centre_atoms) \
	X(saxs_fit) \
	X(rg_energy) \
	X(rg_steps) \
	X(guide_begin) \
	X(guide_step) \
	X(guide_end)

struct bp_ops {
#define X(op) bp_##op##_fn *op;
	BP_OPS(X)
#undef X
};

/* One line of ops.def. */
typedef int bp_anyfn(struct bp_ctx *, const void *);
struct bp_oprow {
	const char *op, *variant;
	enum bp_device device;
	bp_anyfn *fn; /* cast of bp_OP_fn, checked at compile time */
};
extern const struct bp_oprow bp_oprows[];
extern const int bp_oprow_count;

/* The row of an op, or NULL. */
const struct bp_oprow *bp_oprow_find(const char *op, const char *variant, enum bp_device device);

/* The variant bound to op i of BP_OPS, and its name: for the trail, -v and the ablation tables. */
int bp_ops_count(void);
const char *bp_ops_name(int i);
const char *bp_ops_bound(const struct bp_ctx *cx, int i);

#endif
