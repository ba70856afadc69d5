/* lib/ops/philox.h: Philox4x32-10, a counter-based generator (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as
 * easy as 1, 2, 3, 2011), and normal numbers from it. Plain C that nvcc compiles too: host and device draw the same
 * numbers. */
#ifndef BP_PHILOX_H
#define BP_PHILOX_H

#include <math.h>
#include <stdint.h>

#include "ops/host_device.h"

/* r = the four words of counter ctr under key; the key's low word comes first. */
static inline BP_HOST_DEVICE void
bp_philox(uint32_t r[4], const uint32_t ctr[4], uint64_t key)
{
	uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
	uint32_t c0 = ctr[0], c1 = ctr[1], c2 = ctr[2], c3 = ctr[3];

	for (int round = 0; round < 10; round++) {
		uint64_t p0 = (uint64_t)0xD2511F53 * c0, p1 = (uint64_t)0xCD9E8D57 * c2;
		c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
		c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
		c1 = (uint32_t)p1;
		c3 = (uint32_t)p0;
		k0 += 0x9E3779B9; /* golden ratio, sqrt(3) - 1: the paper's Weyl steps */
		k1 += 0xBB67AE85;
	}
	r[0] = c0, r[1] = c1, r[2] = c2, r[3] = c3;
}

/* z = normal numbers 4 block .. 4 block + 3 of (key, stream, sample): Box-Muller, r cos and r sin of each pair of
 * words. In double, so that the rounded result does not depend on whose logarithm and cosine it is. |z| <= 6.8. */
static inline BP_HOST_DEVICE void
bp_philox_normal(float z[4], uint64_t key, uint32_t stream, uint32_t sample, uint64_t block)
{
	const uint32_t ctr[4] = { (uint32_t)block, stream, sample, (uint32_t)(block >> 32) };
	uint32_t r[4];

	bp_philox(r, ctr, key);
	for (int i = 0; i < 4; i += 2) {
		double radius = sqrt(-2 * log((r[i] + 0.5) * 0x1p-32)), angle = 6.283185307179586 * 0x1p-32 * r[i + 1];
		z[i] = (float)(radius * cos(angle));
		z[i + 1] = (float)(radius * sin(angle));
	}
}

#endif
