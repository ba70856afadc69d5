/* noise: standard normal numbers from Philox4x32-10 (Salmon et al. 2011) and Box-Muller: number i of sample b depends
 * only on key, stream, sample0 + b and i, never on the count, the device or the thread count. Counter: (low word of i /
 * 4, stream, sample0 + b, high word of i / 4); four normals a counter (ops/philox.h). */
#ifndef BP_OP_NOISE_H
#define BP_OP_NOISE_H

#include "ops/ctx.h"

struct bp_noise {
	uint64_t key;               /* from seed and target id: bp_noise_key of model/random.h */
	uint32_t stream;            /* step and purpose */
	int b, sample0;
	int64_t count;              /* numbers a sample */
	float scale;
	float *out;                 /* [b,count] */
};
typedef int bp_noise_fn(struct bp_ctx *cx, const struct bp_noise *a);
bp_noise_fn bp_noise_cpu, bp_noise_cpu_opt, bp_noise_cuda;

#endif
