/* lib/model/random.h: every random number of a prediction, from a key and a counter: the same whatever else is in the
 * batch, and in whatever order, on however many threads or devices it is drawn (ops/noise.h, ops/philox.h). */
#ifndef BP_RANDOM_H
#define BP_RANDOM_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a draw is for. Steps count from 0; a stream is one purpose of one step. */
enum bp_draw { BP_DRAW_INIT, BP_DRAW_STEP, BP_DRAW_POSE, BP_DRAW_RESAMPLE, BP_DRAW_MSA, BP_DRAW_CONFORMER, BP_NDRAW };
uint32_t bp_noise_stream(enum bp_draw purpose, uint32_t step);

/* The key of a target: its id and the run's seed, mixed by XXH64. */
uint64_t bp_noise_key(uint64_t seed, const char *id);

/* R [3,3] = a rotation drawn uniformly (a quaternion of four normal numbers); tr [3] = normal numbers, A. Samples from 0. */
void bp_random_pose(float R[9], float tr[3], uint64_t key, uint32_t stream, uint32_t sample);

#ifdef __cplusplus
}
#endif
#endif
