/* lib/model/random.c */
#include <math.h>
#include <string.h>
#include <xxhash.h>

#include "model/random.h"
#include "ops/philox.h"

uint32_t
bp_noise_stream(enum bp_draw purpose, uint32_t step)
{
	return step * BP_NDRAW + purpose;
}

uint64_t
bp_noise_key(uint64_t seed, const char *id)
{
	return XXH64(id, strlen(id), seed);
}

void
bp_random_pose(float R[9], float tr[3], uint64_t key, uint32_t stream, uint32_t sample)
{
	float q[4], t[4];
	double n, w, x, y, z;

	bp_philox_normal(q, key, stream, sample, 0);
	bp_philox_normal(t, key, stream, sample, 1);
	n = 1 / sqrt((double)q[0] * q[0] + (double)q[1] * q[1] + (double)q[2] * q[2] + (double)q[3] * q[3]);
	w = q[0] * n, x = q[1] * n, y = q[2] * n, z = q[3] * n;
	const double rot[9] = {
		1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w),
		2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w),
		2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y),
	};
	for (int i = 0; i < 9; i++)
		R[i] = (float)rot[i];
	memcpy(tr, t, 3 * sizeof *tr);
}
