/* kernels/rg_sample.cuh: contents: a sample's atoms, its radius, its gradient (ops/rg_energy.h), for kernels that make a sample a block: all threads know
 * every sum and decide alike. A thread looks at the same atoms in every pass, so that none waits for what another one wrote of an atom. */
#ifndef BP_RG_SAMPLE_CUH
#define BP_RG_SAMPLE_CUH

#include "ranks.cuh"

enum { BP_RG_THREADS = 512, BP_RG_KINDS = 8 };

/* sums over the atoms that count, about a point: weights times distances from it, and their squares; numbers that are none; moves */
enum { BP_SUM_X, BP_SUM_SQUARES = 3, BP_SUM_ODD, BP_SUM_MOVED };

/* Robust: what holds since all atoms that count were last seen in the set, without a rank. Then x - c of each is `scale` times what it was, and a
 * vector of at most `drift`, so its distance is scale d within drift; the median moves as little, the distances from it, and so the MAD, twice
 * as much. All are still in where scale (limit - largest d) > (2 + 2 threshold 1.4826) drift. slack is less by what covers rounding. */
struct bp_hold {
	double slack, reach, scale, drift, c[3]; /* slack, -1: none, and the largest d then; c: the centre up to which drift counts */
};

static __device__ inline bool
bp_held(const struct bp_hold *h, double scale, double drift, double threshold)
{
	return h->slack > 0 && scale > 0.01 && scale * h->slack > (2 + 2 * fabs(threshold) * bp_mad_to_sigma) * drift;
}

/* Robust: of the last ranks that had all atoms in the set: the median, the MAD, the largest distance, the mean of their squares; spread 0: none yet */
struct bp_seen {
	double mid, mad, reach, spread;
};

struct bp_rg_sample {
	int n, atoms; /* atoms that count */
	double *x, *w;             /* [n,3]; [n] weights */
	double *d;                 /* [n] distance from the centre, or any number where all are in the set; -1: the atom does not count, or not in its set */
	double origin[3], sums[8]; /* of BP_SUM_MOVED and the others, about the origin */
	double weight, low, high;  /* sum of all that count, the smallest, the largest */
	struct bp_hold hold;
	struct bp_seen seen;
	int kinds;   /* how many weights there are, 0: too many, or not looked at */
	double kind; /* the weight of kind lane % BP_RG_KINDS */
};

struct bp_radius {
	int kept, fault;
	double rg, total, c[3], limit; /* the set are those at most limit away */
};

static __device__ inline void
bp_add_atom(double sums[8], const double x[3], double w, const double origin[3])
{
	const double v[3] = { x[0] - origin[0], x[1] - origin[1], x[2] - origin[2] }, r2 = v[0] * v[0] + v[1] * v[1] + v[2] * v[2];

	for (int k = 0; k < 3; k++)
		sums[BP_SUM_X + k] += w * v[k];
	sums[BP_SUM_SQUARES] += w * r2;
	sums[BP_SUM_ODD] += !isfinite(x[0]) || !isfinite(x[1]) || !isfinite(x[2]);
}

/* x, w and d, and the sums of a sample where it is, about its first atom; d is 0 where an atom counts */
static __device__ inline void
bp_load(struct bp_rg_sample *s, const struct bp_rg_energy *f, const double *x)
{
	const double *a = f->a ? f->a + (int64_t)blockIdx.x * f->places : NULL;
	double sums[8] = { 0, 0, 0, 0, 0, 0, 0, 0 }, low = INFINITY, high = -INFINITY;
	int first = f->n;

	for (int i = threadIdx.x; i < s->n && first == f->n; i += BP_RG_THREADS)
		first = f->mask[i] ? i : first;
	first = min(-(int)bp_block_most(-first), f->n - 1);
	for (int k = 0; k < 3; k++)
		s->origin[k] = x[3 * first + k];
	for (int i = threadIdx.x; i < s->n; i += BP_RG_THREADS) {
		const double at[3] = { x[3 * i], x[3 * i + 1], x[3 * i + 2] }, w = f->w[i] + (a && f->place[i] >= 0 ? f->layer * a[f->place[i]] : 0);
		for (int k = 0; k < 3; k++)
			s->x[3 * i + k] = at[k];
		s->w[i] = w, s->d[i] = f->mask[i] ? 0 : -1;
		if (f->mask[i]) {
			bp_add_atom(sums, at, w, s->origin);
			sums[6] += w, sums[7]++;
			low = fmin(low, w), high = fmax(high, w);
		}
	}
	bp_block_eight(sums);
	s->low = -bp_block_most(-low), s->high = bp_block_most(high);
	s->hold = bp_hold { -1, 0, 1, 0, { 0, 0, 0 } };
	s->seen = bp_seen { 0, 0, 0, 0 };
	s->weight = sums[6], s->atoms = (int)sums[7];
	for (int k = 0; k < 8; k++)
		s->sums[k] = sums[k];
	s->kinds = 0;
}

/* ---- the radius ---- */

/* distances from c of all atoms that count; mask: what d no longer says, once atoms were trimmed */
static __device__ inline void
bp_find_distances(const struct bp_rg_sample *s, const double c[3], const uint8_t *mask)
{
	for (int i = threadIdx.x; i < s->n; i += BP_RG_THREADS) {
		const double x = s->x[3 * i] - c[0], y = s->x[3 * i + 1] - c[1], z = s->x[3 * i + 2] - c[2];
		s->d[i] = mask[i] ? sqrt(x * x + y * y + z * z) : -1;
	}
}

/* atoms, weights, their sums about c, squares times weights, over the atoms at most limit away */
static __device__ inline void
bp_sum_within(double sums[8], const struct bp_rg_sample *s, const double c[3], double limit)
{
	double v[8] = { 0, 0, 0, 0, 0, 0, 0, 0 };

	for (int i = threadIdx.x; i < s->n; i += BP_RG_THREADS) {
		const double d = s->d[i], w = s->w[i];
		if (d < 0 || !(d <= limit))
			continue;
		for (int k = 0; k < 3; k++)
			v[BP_SUM_X + k] += w * (s->x[3 * i + k] - c[k]);
		v[BP_SUM_SQUARES] += w * (d * d);
		v[6] += w, v[7]++;
	}
	bp_block_eight(v);
	for (int k = 0; k < 8; k++)
		sums[k] = v[k];
}

/* x -= by w (x - c) for all atoms: as if all had the mean of the smallest and the largest weight, and what they differ by */
static __device__ inline void
bp_hold_on(struct bp_hold *h, const struct bp_rg_sample *s, double by)
{
	const double scale = 1 - by * 0.5 * (s->low + s->high);

	h->drift = scale * h->drift + fabs(by) * 0.5 * (s->high - s->low) * (h->scale * h->reach + h->drift);
	h->scale *= scale;
	h->slack = scale > 0 ? h->slack : -1;
}

/* are all atoms that count in the set for sure, now that c is their centre? */
static __device__ inline bool
bp_all_held(struct bp_hold *h, const double c[3], double threshold)
{
	for (int k = 0; k < 3; k++)
		h->drift += fabs(c[k] - h->c[k]), h->c[k] = c[k];
	return bp_held(h, h->scale, h->drift, threshold);
}

/* Are all atoms in the set about c? By counts alone, where the median and the MAD are about what they were, larger or smaller as the spread is: each within e is
 * proved by how many distances are on either side, and a distance from the median is one from `mid` within e. e is such that half the slack is left. */
static __device__ inline bool
bp_all_counted(struct bp_rg_sample *s, const struct bp_rg_energy *f, const double c[3], double spread)
{
	const double by = sqrt(spread / s->seen.spread), times = f->threshold * bp_mad_to_sigma;
	const double mid = by * s->seen.mid, mad = by * s->seen.mad, slack = mid + times * mad - by * s->seen.reach, e = 0.5 * slack / (1 + 2 * times);
	const double limit = (1 - 1e-6) * (mid - e + times * (mad - 2 * e));
	double counts[8] = { 0, 0, 0, 0, 0, 0, 0, 0 }, reach = 0;

	if (!(times >= 0 && e > 0)) /* or spread is no number */
		return false;
	bp_find_distances(s, c, f->mask);
	for (int i = threadIdx.x; i < s->n; i += BP_RG_THREADS) {
		const double d = s->d[i];
		if (d < 0)
			continue;
		counts[0] += d < mid - e, counts[1] += d <= mid + e, counts[2] += fabs(d - mid) < mad - e;
		reach = fmax(reach, d);
	}
	bp_block_eight(counts);
	reach = bp_block_most(reach);
	/* the median is the mean of ranks (m - 1) / 2 and m / 2, from 0 */
	if (counts[0] > (s->atoms - 1) / 2 || counts[1] < s->atoms / 2 + 1 || counts[2] > (s->atoms - 1) / 2 || !(reach < limit))
		return false;
	s->hold = bp_hold { limit - reach, reach, 1, 0, { c[0], c[1], c[2] } };
	return true;
}

/* the set about the centre c of all, whose squares of distances are `spread` in the mean; sums as sum_within leaves them */
static __device__ inline void
bp_choose(struct bp_radius *r, double sums[8], struct bp_rg_sample *s, const struct bp_rg_energy *f, const double c[3], double spread)
{
	const double about = spread > 0 ? sqrt(spread) : 0;
	const int m = s->atoms;
	double mid = 0, mad = 0;

	bp_find_distances(s, c, f->mask);
	if (f->method == BP_RG_TRIMMED) {
		bp_trim(s->d, s->n, m);
	} else {
		const struct bp_ranked all = { s->d, false, 0 };
		mid = bp_median_within(all, s->n, m, 2.5 * about);
		const struct bp_ranked off = { s->d, true, mid };
		mad = bp_median_within(off, s->n, m, 1.25 * about);
		r->limit = mid + f->threshold * bp_mad_to_sigma * mad;
	}
	bp_sum_within(sums, s, c, r->limit);
	s->hold.slack = -1, s->seen.spread = 0;
	if (f->method == BP_RG_ROBUST && sums[7] == m) {
		double reach = 0;
		for (int i = threadIdx.x; i < s->n; i += BP_RG_THREADS)
			reach = fmax(reach, s->d[i]);
		reach = bp_block_most(reach);
		s->hold = bp_hold { (1 - 1e-6) * r->limit - reach, reach, 1, 0, { c[0], c[1], c[2] } };
		s->seen = bp_seen { mid, mad, reach, spread };
	}
	if (f->method == BP_RG_ROBUST && sums[7] < 0.5 * m) {
		r->limit = bp_most_of(s->d, s->n, m);
		bp_sum_within(sums, s, c, r->limit);
	}
}

/* sum of weights times squares about the set's own centre */
static __device__ inline double
bp_squares(const struct bp_rg_sample *s, const struct bp_radius *r)
{
	double sum = 0;

	for (int i = threadIdx.x; i < s->n; i += BP_RG_THREADS)
		if (s->d[i] >= 0 && s->d[i] <= r->limit) {
			const double x = s->x[3 * i] - r->c[0], y = s->x[3 * i + 1] - r->c[1], z = s->x[3 * i + 2] - r->c[2];
			sum += s->w[i] * (x * x + y * y + z * z);
		}
	return bp_block_sum_of(sum);
}

static __device__ inline void
bp_find_radius(struct bp_radius *r, struct bp_rg_sample *s, const struct bp_rg_energy *f)
{
	double sums[8], c[3], centre[3], sum, shift = 0;

	*r = bp_radius { 0, BP_RG_FINE, 0, 1, { 0, 0, 0 }, INFINITY };
	if (s->sums[BP_SUM_ODD] > 0)
		r->fault = BP_RG_NOT_FINITE;
	else if (s->atoms > 0 && !(s->weight > 0))
		r->fault = BP_RG_NO_WEIGHT;
	if (r->fault || s->atoms == 0)
		return;
	for (int k = 0; k < 8; k++)
		sums[k] = s->sums[k];
	sums[6] = s->weight, sums[7] = s->atoms;
	for (int k = 0; k < 3; k++) {
		const double off = s->sums[BP_SUM_X + k] / s->weight;
		c[k] = s->origin[k], centre[k] = c[k] + off, shift += off * off;
	}
	if (f->method != BP_RG_STANDARD && !bp_all_held(&s->hold, centre, f->threshold)) {
		const double spread = s->sums[BP_SUM_SQUARES] / s->weight - shift;
		if (!(s->seen.spread > 0) || !bp_all_counted(s, f, centre, spread)) {
			for (int k = 0; k < 3; k++)
				c[k] = centre[k];
			bp_choose(r, sums, s, f, c, spread);
		}
	}
	r->kept = (int)sums[7];
	if (r->kept == 0)
		return;
	r->total = sums[6];
	shift = 0;
	for (int k = 0; k < 3; k++) {
		const double off = sums[BP_SUM_X + k] / r->total;
		r->c[k] = c[k] + off, shift += off * off;
	}
	sum = sums[BP_SUM_SQUARES] - r->total * shift; /* about its own centre, unless too many digits cancel */
	if (!(sum > 0.5 * sums[BP_SUM_SQUARES]))
		sum = bp_squares(s, r);
	if (!(r->total > 0) || !(sum / r->total >= 0) || !isfinite(sum))
		r->fault = BP_RG_NO_RADIUS;
	else
		r->rg = sqrt(sum / r->total);
}

/* ---- the gradient ---- */

/* the energy and its gradient: g = push w (x - c), shortened to cap, less mean; dot: its square */
struct bp_pull {
	double energy, push, cap, mean[3], dot;
	int capped;
};

/* the gradient of atom i; true: it was shortened. 0 outside the set */
static __device__ inline bool
bp_gradient(double g[3], const struct bp_rg_sample *s, const struct bp_radius *r, const struct bp_pull *p, int i)
{
	const bool in = p->push != 0 && s->d[i] >= 0 && s->d[i] <= r->limit;
	const double w = in ? p->push * s->w[i] : 0;
	double l2 = 0;

	for (int k = 0; k < 3; k++) {
		g[k] = in ? w * (s->x[3 * i + k] - r->c[k]) : 0;
		l2 += g[k] * g[k];
	}
	const bool longer = p->cap > 0 && l2 > p->cap * p->cap;
	const double by = longer ? p->cap / sqrt(l2) : 1;
	for (int k = 0; k < 3; k++)
		g[k] = g[k] * by - (in ? p->mean[k] : 0);
	return longer;
}

static __device__ inline void
bp_find_pull(struct bp_pull *p, const struct bp_rg_sample *s, const struct bp_radius *r, const struct bp_rg_energy *f)
{
	const double off = r->fault || r->rg < bp_rg_smallest || s->atoms < 3 ? 0 : r->rg - f->target, k = *f->k;
	double sums[8] = { 0, 0, 0, 0, 0, 0, 0, 0 }, g[3], dot = 0;

	*p = bp_pull { r->fault ? 0 : 0.5 * k * off * off, off != 0 ? k * off / (r->total * r->rg) : 0, f->cap, { 0, 0, 0 }, 0, 0 };
	for (int i = threadIdx.x; i < s->n; i += BP_RG_THREADS) {
		sums[4] += bp_gradient(g, s, r, p, i);
		for (int k = 0; k < 3; k++)
			sums[k] += g[k], sums[3] += g[k] * g[k];
	}
	bp_block_eight(sums);
	p->dot = sums[3], p->capped = (int)sums[4];
	if (p->capped == 0)
		return;
	for (int k = 0; k < 3; k++)
		p->mean[k] = sums[k] / r->kept;
	for (int i = threadIdx.x; i < s->n; i += BP_RG_THREADS) {
		bp_gradient(g, s, r, p, i);
		dot += g[0] * g[0] + g[1] * g[1] + g[2] * g[2];
	}
	p->dot = bp_block_sum_of(dot);
}

/* v: a sample's values */
static __device__ inline void
bp_tell_radius(double *v, const struct bp_rg_energy *f, int atoms, const struct bp_radius *r, int capped)
{
	v[BP_RG_RADIUS] = r->rg, v[BP_RG_TARGET] = f->target, v[BP_RG_K] = *f->k, v[BP_RG_KEPT] = r->kept;
	v[BP_RG_CAPPED] = capped, v[BP_RG_FAULT] = r->fault, v[BP_RG_ATOMS] = atoms;
}

#endif
