/* kernels/rg_steps.cu: contents: original; optimized: a sample's atoms, its radius, the step. */
#include "ranks.cuh"

extern "C" {
#include "ops/rg_steps.h"
}

int
bp_rg_steps_cuda(struct bp_ctx *cx, const struct bp_rg_steps *a)
{
	struct bp_mark mark = bp_dev_mark(cx);
	double *gradient;

	BP_CUDA_NEW(gradient, 3 * (size_t)a->f.b * a->f.n, cx);
	for (int e = 0; e < (cx->dry ? 1 : a->steps); e++) {
		const struct bp_rg_energy f = bp_rg_steps_energy(a, e, gradient);
		const struct bp_guide_step s = bp_rg_steps_step(a, e, gradient);
		BP_TRY(bp_rg_energy_cuda(cx, &f));
		BP_TRY(bp_guide_step_cuda(cx, &s));
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}

/* ---- optimized: all steps of a sample by one block, all of whose threads know every sum and decide alike. Its atoms are in shared memory where there
 * is room. A thread looks at the same atoms in every pass, so that none waits for what another one wrote of an atom. A pass over
 * the coordinates costs most: the one that moves the atoms also makes the sums that the next step begins with. ---- */

enum { THREADS = 512 };

/* sums over the atoms that count, about a point: weights times distances from it, and their squares; numbers that are none; moves */
enum { X, SQUARES = 3, ODD, MOVED };

/* Robust: what holds since all atoms that count were last seen in the set, without a rank. Then x - c of each is `scale` times what it was, and a
 * vector of at most `drift`, so its distance is scale d within drift; the median moves as little, the distances from it, and so the MAD, twice
 * as much. All are still in where scale (limit - largest d) > (2 + 2 threshold 1.4826) drift. slack is less by what covers rounding. */
struct hold {
	double slack, reach, scale, drift, c[3]; /* slack, and the largest d then; c: the centre up to which drift counts */
};

struct sample {
	int n, atoms; /* atoms that count */
	double *x, *w, *d; /* [n,3]; [n] weights; [n] distance from the centre, -1: the atom does not count, or not in its set */
	double origin[3], sums[8]; /* of MOVED and the others, about the origin */
	double weight, low, high;  /* sum of all that count, the smallest, the largest */
	struct hold hold;
};

struct radius {
	int kept, fault;
	double rg, total, c[3], limit; /* the set are those at most limit away */
};

static __device__ inline void
add_atom(double sums[8], const double x[3], double w, const double origin[3])
{
	const double v[3] = { x[0] - origin[0], x[1] - origin[1], x[2] - origin[2] }, r2 = v[0] * v[0] + v[1] * v[1] + v[2] * v[2];

	for (int k = 0; k < 3; k++)
		sums[X + k] += w * v[k];
	sums[SQUARES] += w * r2;
	sums[ODD] += !isfinite(x[0]) || !isfinite(x[1]) || !isfinite(x[2]);
}

/* x, w and d, and the sums of a sample where it is, about its first atom; d is 0 where an atom counts */
static __device__ void
load(struct sample *s, const struct bp_rg_energy *f, const double *x)
{
	const double *a = f->a ? f->a + (int64_t)blockIdx.x * f->places : NULL;
	double sums[8] = { 0, 0, 0, 0, 0, 0, 0, 0 }, low = INFINITY, high = -INFINITY;
	int first = f->n;

	for (int i = threadIdx.x; i < s->n && first == f->n; i += THREADS)
		first = f->mask[i] ? i : first;
	first = min(-(int)bp_block_most(-first), f->n - 1);
	for (int k = 0; k < 3; k++)
		s->origin[k] = x[3 * first + k];
	for (int i = threadIdx.x; i < s->n; i += THREADS) {
		const double at[3] = { x[3 * i], x[3 * i + 1], x[3 * i + 2] }, w = f->w[i] + (a && f->place[i] >= 0 ? f->layer * a[f->place[i]] : 0);
		for (int k = 0; k < 3; k++)
			s->x[3 * i + k] = at[k];
		s->w[i] = w, s->d[i] = f->mask[i] ? 0 : -1;
		if (f->mask[i]) {
			add_atom(sums, at, w, s->origin);
			sums[6] += w, sums[7]++;
			low = fmin(low, w), high = fmax(high, w);
		}
	}
	bp_block_eight(sums);
	s->low = -bp_block_most(-low), s->high = bp_block_most(high);
	s->hold = hold { -1, 0, 1, 0, { 0, 0, 0 } };
	s->weight = sums[6], s->atoms = (int)sums[7];
	for (int k = 0; k < 8; k++)
		s->sums[k] = sums[k];
}

/* ---- the radius ---- */

/* distances from c of all atoms that count; mask: what d no longer says, once atoms were trimmed */
static __device__ inline void
find_distances(const struct sample *s, const double c[3], const uint8_t *mask)
{
	for (int i = threadIdx.x; i < s->n; i += THREADS) {
		const double x = s->x[3 * i] - c[0], y = s->x[3 * i + 1] - c[1], z = s->x[3 * i + 2] - c[2];
		s->d[i] = mask[i] ? sqrt(x * x + y * y + z * z) : -1;
	}
}

/* atoms, weights, their sums about c, squares times weights, over the atoms at most limit away */
static __device__ inline void
sum_within(double sums[8], const struct sample *s, const double c[3], double limit)
{
	double v[8] = { 0, 0, 0, 0, 0, 0, 0, 0 };

	for (int i = threadIdx.x; i < s->n; i += THREADS) {
		const double d = s->d[i], w = s->w[i];
		if (d < 0 || !(d <= limit))
			continue;
		for (int k = 0; k < 3; k++)
			v[X + k] += w * (s->x[3 * i + k] - c[k]);
		v[SQUARES] += w * (d * d);
		v[6] += w, v[7]++;
	}
	bp_block_eight(v);
	for (int k = 0; k < 8; k++)
		sums[k] = v[k];
}

/* x -= by w (x - c) for all atoms: as if all had the mean of the smallest and the largest weight, and what they differ by */
static __device__ inline void
hold_on(struct hold *h, const struct sample *s, double by)
{
	const double scale = 1 - by * 0.5 * (s->low + s->high);

	h->drift = scale * h->drift + fabs(by) * 0.5 * (s->high - s->low) * (h->scale * h->reach + h->drift);
	h->scale *= scale;
	h->slack = scale > 0 && h->scale > 0.01 ? h->slack : -1;
}

/* are all atoms that count in the set for sure, now that c is their centre? */
static __device__ inline bool
held(struct hold *h, const double c[3], double threshold)
{
	for (int k = 0; k < 3; k++)
		h->drift += fabs(c[k] - h->c[k]), h->c[k] = c[k];
	return h->slack > 0 && h->scale * h->slack > (2 + 2 * fabs(threshold) * bp_mad_to_sigma) * h->drift;
}

/* the set about the centre c of all, whose squares of distances are `spread` in the mean; sums as sum_within leaves them */
static __device__ void
choose(struct radius *r, double sums[8], struct sample *s, const struct bp_rg_energy *f, const double c[3], double spread)
{
	const double about = spread > 0 ? sqrt(spread) : 0;
	const int m = s->atoms;

	find_distances(s, c, f->mask);
	if (f->method == BP_RG_TRIMMED) {
		bp_trim(s->d, s->n, m);
	} else {
		const struct bp_ranked all = { s->d, false, 0 };
		const double mid = bp_median_within(all, s->n, m, 2.5 * about);
		const struct bp_ranked off = { s->d, true, mid };
		r->limit = mid + f->threshold * bp_mad_to_sigma * bp_median_within(off, s->n, m, 1.25 * about);
	}
	sum_within(sums, s, c, r->limit);
	s->hold.slack = -1;
	if (f->method == BP_RG_ROBUST && sums[7] == m) {
		double reach = 0;
		for (int i = threadIdx.x; i < s->n; i += THREADS)
			reach = fmax(reach, s->d[i]);
		reach = bp_block_most(reach);
		s->hold = hold { (1 - 1e-6) * r->limit - reach, reach, 1, 0, { c[0], c[1], c[2] } };
	}
	if (f->method == BP_RG_ROBUST && sums[7] < 0.5 * m) {
		r->limit = bp_most_of(s->d, s->n, m);
		sum_within(sums, s, c, r->limit);
	}
}

/* sum of weights times squares about the set's own centre */
static __device__ double
squares(const struct sample *s, const struct radius *r)
{
	double sum = 0;

	for (int i = threadIdx.x; i < s->n; i += THREADS)
		if (s->d[i] >= 0 && s->d[i] <= r->limit) {
			const double x = s->x[3 * i] - r->c[0], y = s->x[3 * i + 1] - r->c[1], z = s->x[3 * i + 2] - r->c[2];
			sum += s->w[i] * (x * x + y * y + z * z);
		}
	return bp_block_sum_of(sum);
}

static __device__ void
find_radius(struct radius *r, struct sample *s, const struct bp_rg_energy *f)
{
	double sums[8], c[3], centre[3], sum, shift = 0;

	*r = radius { 0, BP_RG_FINE, 0, 1, { 0, 0, 0 }, INFINITY };
	if (s->sums[ODD] > 0)
		r->fault = BP_RG_NOT_FINITE;
	else if (s->atoms > 0 && !(s->weight > 0))
		r->fault = BP_RG_NO_WEIGHT;
	if (r->fault || s->atoms == 0)
		return;
	for (int k = 0; k < 8; k++)
		sums[k] = s->sums[k];
	sums[6] = s->weight, sums[7] = s->atoms;
	for (int k = 0; k < 3; k++) {
		const double off = s->sums[X + k] / s->weight;
		c[k] = s->origin[k], centre[k] = c[k] + off, shift += off * off;
	}
	if (f->method != BP_RG_STANDARD && !held(&s->hold, centre, f->threshold)) {
		for (int k = 0; k < 3; k++)
			c[k] = centre[k];
		choose(r, sums, s, f, c, s->sums[SQUARES] / s->weight - shift);
	}
	r->kept = (int)sums[7];
	if (r->kept == 0)
		return;
	r->total = sums[6];
	shift = 0;
	for (int k = 0; k < 3; k++) {
		const double off = sums[X + k] / r->total;
		r->c[k] = c[k] + off, shift += off * off;
	}
	sum = sums[SQUARES] - r->total * shift; /* about its own centre, unless too many digits cancel */
	if (!(sum > 0.5 * sums[SQUARES]))
		sum = squares(s, r);
	if (!(r->total > 0) || !(sum / r->total >= 0) || !isfinite(sum))
		r->fault = BP_RG_NO_RADIUS;
	else
		r->rg = sqrt(sum / r->total);
}

/* ---- the step ---- */

/* what moves the atoms: g = push w (x - c), shortened to cap, less mean */
struct pull {
	double push, cap, mean[3];
	int capped;
};

/* the gradient of atom i; true: it was shortened. 0 outside the set */
static __device__ inline bool
gradient(double g[3], const struct sample *s, const struct radius *r, const struct pull *p, int i)
{
	const bool in = s->d[i] >= 0 && s->d[i] <= r->limit;
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

/* sets capped and mean; returns the gradient's square */
static __device__ double
find_pull(struct pull *p, const struct sample *s, const struct radius *r)
{
	double sums[8] = { 0, 0, 0, 0, 0, 0, 0, 0 }, g[3], dot = 0;

	for (int i = threadIdx.x; i < s->n && p->push != 0; i += THREADS) {
		sums[4] += gradient(g, s, r, p, i);
		for (int k = 0; k < 3; k++)
			sums[k] += g[k], sums[3] += g[k] * g[k];
	}
	bp_block_eight(sums);
	p->capped = (int)sums[4];
	if (p->capped == 0)
		return sums[3];
	for (int k = 0; k < 3; k++)
		p->mean[k] = sums[k] / r->kept;
	for (int i = threadIdx.x; i < s->n; i += THREADS) {
		gradient(g, s, r, p, i);
		dot += g[0] * g[0] + g[1] * g[1] + g[2] * g[2];
	}
	return bp_block_sum_of(dot);
}

/* move by size times the gradient; sums of where they are then, about the set's centre. True: an atom moved */
static __device__ bool
move(struct sample *s, const struct radius *r, const struct pull *p, double size, const uint8_t *mask)
{
	double sums[8] = { 0, 0, 0, 0, 0, 0, 0, 0 };

	for (int i = threadIdx.x; i < s->n; i += THREADS) {
		double g[3], at[3];
		if (!mask[i])
			continue;
		gradient(g, s, r, p, i);
		for (int k = 0; k < 3; k++) {
			const double by = size * g[k];
			sums[MOVED] += by != 0;
			s->x[3 * i + k] = at[k] = s->x[3 * i + k] - by;
		}
		add_atom(sums, at, s->w[i], r->c);
	}
	bp_block_eight(sums);
	for (int k = 0; k < 8; k++)
		s->sums[k] = sums[k];
	for (int k = 0; k < 3; k++)
		s->origin[k] = r->c[k];
	return sums[MOVED] > 0;
}

/* the numbers of an evaluation and its step, which follow it until the last if nothing moved */
static __device__ inline void
tell(const struct bp_rg_steps *a, int e, const struct sample *s, const struct radius *r, int capped, double energy, const double moves[BP_STEP_VALUES])
{
	const int b = blockIdx.x, end = moves[BP_STEP_MOVED] > 0 ? e + 1 : a->steps;

	for (e += threadIdx.x; e < end; e += THREADS) {
		double *v = a->f.values + e * a->ahead + (int64_t)b * a->f.ld;
		a->f.energy[e * a->ahead + b] = energy;
		v[BP_RG_RADIUS] = r->rg, v[BP_RG_TARGET] = a->f.target, v[BP_RG_K] = *a->f.k, v[BP_RG_KEPT] = r->kept;
		v[BP_RG_CAPPED] = capped, v[BP_RG_FAULT] = r->fault, v[BP_RG_ATOMS] = s->atoms;
		for (int k = 0; k < BP_STEP_VALUES; k++)
			a->moves[e * a->ahead + BP_STEP_VALUES * b + k] = moves[k];
	}
}

/* an evaluation and its step; true: an atom moved */
static __device__ bool
descend(struct sample *s, const struct bp_rg_steps *a, int e)
{
	const double k = *a->f.k, weight = *a->weight;
	double off, energy, moves[BP_STEP_VALUES] = { 0, 0, 0 }, size, dot;
	struct pull p = { 0, a->f.cap, { 0, 0, 0 }, 0 };
	struct radius r;

	find_radius(&r, s, &a->f);
	off = r.fault || r.rg < bp_rg_smallest || s->atoms < 3 ? 0 : r.rg - a->f.target;
	energy = r.fault ? 0 : 0.5 * k * off * off;
	p.push = off != 0 ? k * off / (r.total * r.rg) : 0;
	dot = find_pull(&p, s, &r);
	if (weight != 0 && (a->raw || energy > a->goal)) {
		size = bp_step_size(weight, a->raw, energy, a->goal, dot);
		moves[BP_STEP_DOT] = dot, moves[BP_STEP_SIZE] = size;
		moves[BP_STEP_MOVED] = isfinite(size) && size != 0 && p.push != 0 && move(s, &r, &p, size, a->f.mask);
		if (p.capped)
			s->hold.slack = -1;
		else
			hold_on(&s->hold, s, size * p.push);
	}
	tell(a, e, s, &r, p.capped, energy, moves);
	return moves[BP_STEP_MOVED] > 0;
}

/* a block a sample; scratch [b,2,n]; room: doubles of shared memory */
static __global__ void
__launch_bounds__(THREADS)
steps(struct bp_rg_steps a, double *scratch, int room)
{
	extern __shared__ double shared[];
	const int64_t n = a.f.n;
	double *x = a.x + 3 * (int64_t)blockIdx.x * n, *next = shared;
	struct sample s;

	s.n = a.f.n;
	s.x = x, s.d = scratch + 2 * (int64_t)blockIdx.x * n, s.w = s.d + n;
	if (room >= 3 * n)
		s.x = next, next += 3 * n;
	if (room >= 4 * n)
		s.d = next, next += n;
	if (room >= 5 * n)
		s.w = next;
	load(&s, &a.f, x);
	for (int e = 0; e < a.steps && descend(&s, &a, e); e++)
		;
	for (int i = threadIdx.x; i < s.n && s.x != x; i += THREADS)
		for (int k = 0; k < 3; k++)
			x[3 * i + k] = s.x[3 * i + k];
}

int
bp_rg_steps_cuda_opt(struct bp_ctx *cx, const struct bp_rg_steps *a)
{
	const int n = a->f.n, most = (bp_shared(cx) - (20 << 10)) / (int)sizeof(double); /* less what the block's sums and ranks take */
	const int room = 5 * n <= most ? 5 * n : 4 * n <= most ? 4 * n : 3 * n <= most ? 3 * n : 0;
	struct bp_mark mark = bp_dev_mark(cx);
	double *scratch;

	BP_CUDA_NEW(scratch, 2 * (size_t)a->f.b * n, cx);
	if (!cx->dry && a->f.b) {
		cudaFuncSetAttribute(steps, cudaFuncAttributeMaxDynamicSharedMemorySize, room * (int)sizeof(double)); /* bp_launched tells */
		steps<<<a->f.b, THREADS, room * sizeof(double), bp_stream(cx)>>>(*a, scratch, room);
	}
	bp_dev_release(cx, mark);
	return cx->dry ? BP_OK : bp_launched(cx, "rg_steps");
}
