/* lib/model/diffuse_sign.c: what a record says of how its samples were made */
#include "model/diffuse.h"

/* meta.sampler.refined */
static int
sign_refined(struct bp_val *sampler, const struct bp_refined *r, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_val *m = bp_val_map(mem, err);

	BP_TRY(bp_val_set(sampler, "refined", m, mem, err));
	BP_TRY(bp_val_set(m, "file", bp_val_str(mem, r->file, err), mem, err));
	BP_TRY(bp_val_set(m, "atoms", bp_val_int(mem, r->atoms, err), mem, err));
	BP_TRY(bp_val_set(m, "found", bp_val_int(mem, r->found, err), mem, err));
	return bp_val_set(m, "selected", bp_val_int(mem, r->selected, err), mem, err);
}

/* streams hold integers with sign: one that is larger goes as text */
static struct bp_val *
seed_val(uint64_t seed, struct bp_arena *mem, struct bp_err *err)
{
	char text[24];

	snprintf(text, sizeof text, "%llu", (unsigned long long)seed);
	return seed <= INT64_MAX ? bp_val_int(mem, (int64_t)seed, err) : bp_val_str(mem, text, err);
}

int
bp_diffuse_sign(struct bp_rec *rec, const struct bp_diffuse_opt *o, const struct bp_refined *refined, double seconds, size_t peak, struct bp_err *err)
{
	struct bp_arena *mem = rec->mem;
	struct bp_val *m = bp_val_map(mem, err);

	BP_TRY(bp_val_set(m, "steps", bp_val_int(mem, o->steps, err), mem, err));
	BP_TRY(bp_val_set(m, "samples", bp_val_int(mem, o->samples, err), mem, err));
	BP_TRY(bp_val_set(m, "step_scale", bp_val_real(mem, o->step_scale, err), mem, err));
	BP_TRY(bp_val_set(m, "seed", seed_val(o->stage.seed, mem, err), mem, err));
	BP_TRY(bp_val_set(m, "replayed", bp_val_bool(mem, o->replay_noise != NULL, err), mem, err));
	if (refined)
		BP_TRY(sign_refined(m, refined, mem, err));
	BP_TRY(bp_val_set(rec->meta, "sampler", m, mem, err));
	return bp_stage_sign(rec, "diffuse", &o->stage, seconds, peak, err);
}
