/* lib/ops/dist_bin_embed.c */
#include <math.h>

#include "ops/dist_bin_embed.h"
#include "ops/rows.h"

/* in float32, so that every variant draws the same line between bins */
static float
distance(const float *x, const float *y)
{
	float d0 = x[0] - y[0], d1 = x[1] - y[1], d2 = x[2] - y[2];
	return sqrtf(d0 * d0 + d1 * d1 + d2 * d2);
}

int
bp_dist_bin_embed_cpu(struct bp_ctx *cx, const struct bp_dist_bin_embed *a)
{
	if (cx->dry)
		return BP_OK;
	for (int i = 0; i < a->n; i++)
		for (int j = 0; j < a->n; j++) {
			size_t r = (size_t)i * a->n + j;
			float d = distance(a->x + 3 * (size_t)i, a->x + 3 * (size_t)j);
			int bin = 0;
			for (int k = 0; k < a->nbound; k++)
				bin += d > a->boundaries->p[k];
			for (int o = 0; o < a->c; o++)
				a->out[r * a->c + o] += a->E->p[(size_t)bin * a->c + o];
			if (a->dist)
				a->dist[r] = d;
		}
	return BP_OK;
}

int
bp_dist_bin_embed_cpu_opt(struct bp_ctx *cx, const struct bp_dist_bin_embed *a)
{
	if (cx->dry)
		return BP_OK;
#pragma omp parallel for num_threads(cx->threads) schedule(static)
	for (int i = 0; i < a->n; i++)
		for (int j = 0; j < a->n; j++) {
			size_t r = (size_t)i * a->n + j;
			float d = distance(a->x + 3 * (size_t)i, a->x + 3 * (size_t)j);
			int lo = 0, hi = a->nbound; /* boundaries before lo are below d, those from hi on are not */
			while (lo < hi) {
				int mid = (lo + hi) / 2;
				if (d > a->boundaries->p[mid])
					lo = mid + 1;
				else
					hi = mid;
			}
			bp_row_add(a->out + r * a->c, a->E->p + (size_t)lo * a->c, a->c);
			if (a->dist)
				a->dist[r] = d;
		}
	return BP_OK;
}
