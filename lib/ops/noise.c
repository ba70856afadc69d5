/* lib/ops/noise.c */
#include "ops/noise.h"
#include "ops/philox.h"

/* numbers 4 block .. of one sample, as many as there are */
static void
fill(const struct bp_noise *a, int b, int64_t block)
{
	float *out = a->out + (size_t)b * a->count, z[4];

	bp_philox_normal(z, a->key, a->stream, (uint32_t)(a->sample0 + b), (uint64_t)block);
	for (int q = 0; q < 4 && 4 * block + q < a->count; q++)
		out[4 * block + q] = a->scale * z[q];
}

int
bp_noise_cpu(struct bp_ctx *cx, const struct bp_noise *a)
{
	if (cx->dry)
		return BP_OK;
	for (int b = 0; b < a->b; b++)
		for (int64_t block = 0; 4 * block < a->count; block++)
			fill(a, b, block);
	return BP_OK;
}

int
bp_noise_cpu_opt(struct bp_ctx *cx, const struct bp_noise *a)
{
	const int64_t blocks = (a->count + 3) / 4;
	if (cx->dry)
		return BP_OK;
#pragma omp parallel for collapse(2) num_threads(cx->threads) schedule(static) if (a->b * blocks > 1000)
	for (int b = 0; b < a->b; b++)
		for (int64_t block = 0; block < blocks; block++)
			fill(a, b, block);
	return BP_OK;
}
