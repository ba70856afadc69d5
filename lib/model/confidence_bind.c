/* lib/model/confidence_bind.c: the parameters of the confidence module */
#include "model/confidence.h"

#include <string.h>

/* a matrix that may be missing: n = 0 then */
static void
bind_optional(struct bp_bind *b, struct bp_weight *w, int n, int k, const char *name)
{
	if (bp_bind_has(b, name))
		bp_bind_mat(b, w, n, k, name);
}

static void
bind_heads(struct bp_confidence_net *net, struct bp_bind *b)
{
	size_t at = bp_bind_enter(b, "confidence_heads");

	if (bp_bind_has(b, "to_pae_intra_logits.weight")) {
		bp_bind_mat(b, &net->pae, -1, net->tz, "to_pae_intra_logits.weight");
		bp_bind_mat(b, &net->pae_other, net->pae.n, net->tz, "to_pae_inter_logits.weight");
		bp_bind_mat(b, &net->pde, -1, net->tz, "to_pde_intra_logits.weight");
		bp_bind_mat(b, &net->pde_other, net->pde.n, net->tz, "to_pde_inter_logits.weight");
	} else {
		bp_bind_mat(b, &net->pae, -1, net->tz, "to_pae_logits.weight");
		bp_bind_mat(b, &net->pde, -1, net->tz, "to_pde_logits.weight");
	}
	bp_bind_mat(b, &net->plddt, -1, net->ts, "to_plddt_logits.weight");
	bp_bind_mat(b, &net->resolved, -1, net->ts, "to_resolved_logits.weight");
	if (b->st == BP_OK && net->resolved.n != 2)
		bp_bind_fail(b, "to_resolved_logits has %d rows: confidence per atom is not known here, only per token",
		    net->resolved.n);
	bp_bind_leave(b, at);
}

void
bp_confidence_bind(struct bp_confidence_net *net, struct bp_bind *b)
{
	memset(net, 0, sizeof *net);
	bp_bind_mat(b, &net->to_z_i, -1, -1, "s_to_z.weight");
	if (b->st != BP_OK)
		return;
	net->tz = net->to_z_i.n;
	net->ts = net->to_z_i.k;
	bp_bind_mat(b, &net->to_z_j, net->tz, net->ts, "s_to_z_transpose.weight");
	if (bp_bind_has(b, "s_to_z_prod_out.weight")) {
		bp_bind_mat(b, &net->prod_i, net->tz, net->ts, "s_to_z_prod_in1.weight");
		bp_bind_mat(b, &net->prod_j, net->tz, net->ts, "s_to_z_prod_in2.weight");
		bp_bind_mat(b, &net->prod, net->tz, net->tz, "s_to_z_prod_out.weight");
	}
	bp_bind_norm(b, &net->in_norm, &net->in_norm_b, net->ts, "s_inputs_norm");
	if (bp_bind_has(b, "s_norm.weight"))
		bp_bind_norm(b, &net->s_norm, &net->s_norm_b, net->ts, "s_norm");
	bp_bind_norm(b, &net->z_norm, &net->z_norm_b, net->tz, "z_norm");
	bind_optional(b, &net->in_to_s, net->ts, net->ts, "s_input_to_s.weight");
	net->embeds = bp_bind_has(b, "rel_pos.linear_layer.weight");
	if (net->embeds)
		bp_pair_embed_bind(&net->embed, b, net->tz);
	bp_bind_mat(b, &net->dist, -1, net->tz, "dist_bin_pairwise_embed.weight");
	if (b->st == BP_OK)
		bp_bind_vec(b, &net->boundaries, net->dist.n - 1, "boundaries");
	bp_pairformer_bind(&net->pairformer, b, net->ts, net->tz, "pairformer_stack");
	bind_heads(net, b);
}
