#include "ops/rg_steps.h"

/* did a sample move in step e? */
static bool
moved(const struct bp_rg_steps *a, int e)
{
	const double *moves = a->moves + (size_t)e * a->ahead;
	bool any = false;

	for (int i = 0; i < a->f.b; i++)
		any = any || moves[BP_STEP_VALUES * i + BP_STEP_MOVED] > 0;
	return any;
}

/* what evaluation e told is said of the next one */
static void
repeat(const struct bp_rg_steps *a, int e)
{
	const size_t at = (size_t)e * a->ahead, next = at + a->ahead, b = (size_t)a->f.b, ld = (size_t)a->f.ld;

	memcpy(a->f.energy + next, a->f.energy + at, b * sizeof *a->f.energy);
	memcpy(a->moves + next, a->moves + at, b * BP_STEP_VALUES * sizeof *a->moves);
	for (size_t i = 0; i < b; i++)
		memcpy(a->f.values + next + i * ld, a->f.values + at + i * ld, BP_RG_VALUES * sizeof *a->f.values);
}

int
bp_rg_steps_cpu(struct bp_ctx *cx, const struct bp_rg_steps *a)
{
	struct bp_mark mark = bp_dev_mark(cx);
	bool moves = true;
	double *gradient;

	BP_DEV_NEW(gradient, 3 * (size_t)a->f.b * (size_t)a->f.n, cx);
	for (int e = 0; e < (cx->dry ? 1 : a->steps); e++) {
		const struct bp_rg_energy f = bp_rg_steps_energy(a, e, gradient);
		const struct bp_guide_step s = bp_rg_steps_step(a, e, gradient);
		if (!moves) {
			repeat(a, e - 1);
			continue;
		}
		BP_TRY(bp_rg_energy_cpu(cx, &f));
		BP_TRY(bp_guide_step_cpu(cx, &s));
		moves = cx->dry || moved(a, e);
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}
