#include "cuda.cuh"

extern "C" {
#include "ops/noise.h"
}

#include "ops/philox.h"

static __global__ void
draw(struct bp_noise a, int64_t blocks)
{
	BP_EACH(t, a.b * blocks) {
		int64_t b = t / blocks, at = t % blocks * 4;
		float z[4];
		bp_philox_normal(z, a.key, a.stream, (uint32_t)(a.sample0 + b), (uint64_t)(t % blocks));
		for (int i = 0; i < 4 && at + i < a.count; i++)
			a.out[b * a.count + at + i] = a.scale * z[i];
	}
}

int
bp_noise_cuda(struct bp_ctx *cx, const struct bp_noise *a)
{
	int64_t blocks = (a->count + 3) / 4;

	if (cx->dry || a->b * blocks == 0)
		return BP_OK;
	draw<<<BP_GRID(a->b * blocks), 0, bp_stream(cx)>>>(*a, blocks);
	return bp_launched(cx, "noise");
}
