/* kernels/rg_steps.cu: contents: original; optimized: a step, steps of kinds, all steps. */
#include "follow.cuh"
#include "rg_sample.cuh"

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

/* ---- optimized: all steps of a sample by one block. Its atoms are in shared memory where there is room. A pass over the coordinates costs most: the
 * one that moves the atoms also makes the sums that the next step begins with, and where weights are few (masses) and all atoms are in the
 * set, steps are made of sums alone. ---- */

/* ---- a step ---- */

/* move by size times the gradient; sums of where they are then, about the set's centre. True: an atom moved */
static __device__ bool
move(struct bp_rg_sample *s, const struct bp_radius *r, const struct bp_pull *p, double size, const uint8_t *mask)
{
	double sums[8] = { 0, 0, 0, 0, 0, 0, 0, 0 };

	for (int i = threadIdx.x; i < s->n; i += BP_RG_THREADS) {
		double g[3], at[3];
		if (!mask[i])
			continue;
		bp_gradient(g, s, r, p, i);
		for (int k = 0; k < 3; k++) {
			const double by = size * g[k];
			sums[BP_SUM_MOVED] += by != 0;
			s->x[3 * i + k] = at[k] = s->x[3 * i + k] - by;
		}
		bp_add_atom(sums, at, s->w[i], r->c);
	}
	bp_block_eight(sums);
	for (int k = 0; k < 8; k++)
		s->sums[k] = sums[k];
	for (int k = 0; k < 3; k++)
		s->origin[k] = r->c[k];
	return sums[BP_SUM_MOVED] > 0;
}

/* the numbers of evaluation e and its step */
static __device__ inline void
tell(const struct bp_rg_steps *a, int e, int atoms, const struct bp_radius *r, int capped, double energy, const double moves[BP_STEP_VALUES])
{
	const int64_t b = blockIdx.x, at = e * (int64_t)a->ahead;

	a->f.energy[at + b] = energy;
	bp_tell_radius(a->f.values + at + b * a->f.ld, &a->f, atoms, r, capped);
	for (int k = 0; k < BP_STEP_VALUES; k++)
		a->moves[at + BP_STEP_VALUES * b + k] = moves[k];
}

/* ---- steps of kinds: as long as all atoms move by x -= by w (x - c), those of one weight w keep their shape. Their sums say how they move, and
 * where they are is found at the end. A warp makes the steps, a lane a kind, and again from lane to lane as the kinds are fewer. ---- */

/* the weights that there are, rising; none where they follow from the sample, or some are below 0, whose sums lose digits */
static __device__ void
find_kinds(struct bp_rg_sample *s, bool given)
{
	double w = s->low;

	s->kind = 0;
	while (given && w >= 0 && s->high < INFINITY && s->kinds < BP_RG_KINDS) {
		double next = INFINITY;
		s->kind = threadIdx.x % BP_RG_KINDS == s->kinds ? w : s->kind;
		s->kinds++;
		if (w == s->high)
			return;
		for (int i = threadIdx.x; i < s->n; i += BP_RG_THREADS)
			if (s->d[i] >= 0 && s->w[i] > w)
				next = fmin(next, s->w[i]);
		w = -bp_block_most(-next);
	}
	s->kinds = 0;
}

/* n atoms of weight w; sums of v = x - c and of its square, the longest v at first; v is scale times what it was at first, and off */
struct kind {
	double w, n, v[3], squares, reach, scale, off[3];
};

/* sums over the kinds */
template <int N>
static __device__ inline void
over_kinds(double (&v)[N], int lanes)
{
	for (int d = lanes / 2; d; d /= 2)
		for (int i = 0; i < N; i++)
			v[i] += __shfl_xor_sync(~0u, v[i], d);
}

/* the kinds about c; d of an atom is its kind from now on */
static __device__ void
find_kind(struct kind *q, struct bp_rg_sample *s, const double c[3], int lanes)
{
	for (int j = 0; j < s->kinds; j++) {
		const double w = __shfl_sync(~0u, s->kind, j);
		double sums[8] = { 0, 0, 0, 0, 0, 0, 0, 0 }, reach = 0;
		for (int i = threadIdx.x; i < s->n; i += BP_RG_THREADS)
			if (s->d[i] >= 0 && s->w[i] == w) {
				double r2 = 0;
				for (int k = 0; k < 3; k++) {
					const double v = s->x[3 * i + k] - c[k];
					sums[BP_SUM_X + k] += v, r2 += v * v;
				}
				sums[BP_SUM_SQUARES] += r2, reach = fmax(reach, r2);
				sums[6]++, s->d[i] = j;
			}
		bp_block_eight(sums);
		reach = s->hold.slack > 0 ? sqrt(bp_block_most(reach)) : 0;
		if (threadIdx.x % lanes == j)
			*q = kind { w, sums[6], { sums[BP_SUM_X], sums[BP_SUM_X + 1], sums[BP_SUM_X + 2] }, sums[BP_SUM_SQUARES], reach, 1, { 0, 0, 0 } };
	}
}

/* a weight, so that no kind is far from where it would be with it: the first and the last kind, which differ most, as far */
static __device__ inline double
middle(const struct kind *q, int kinds)
{
	const double low = __shfl_sync(~0u, q->reach, 0), high = __shfl_sync(~0u, q->reach, kinds - 1);
	const double w = __shfl_sync(~0u, q->w, 0), more = __shfl_sync(~0u, q->w, kinds - 1) - w;

	return high > 0 ? w + more * (high / (low + high)) : w;
}

/* Steps from `first` on, until one is not as said above, or may not be: it is not made. Of no atom the square of the gradient is more than dot, that
 * of all, so that up to there cap is none. c and what is known of each kind follow. Returns the step that comes next. */
static __device__ int
step_kinds(struct kind *q, double c[3], const struct bp_rg_sample *s, const struct bp_rg_steps *a, int lanes, const int first)
{
	const double k = *a->f.k, weight = *a->weight, cap2 = a->f.cap > 0 ? 0.999 * a->f.cap * a->f.cap : INFINITY;
	const double middling = middle(q, s->kinds), total = s->weight, share = 1 / total;
	const int own = first + threadIdx.x, last = min(a->steps, first + 32);
	struct bp_radius r = { s->atoms, BP_RG_FINE, 0, total, { 0, 0, 0 }, INFINITY };
	double energy_own = 0, moves[BP_STEP_VALUES] = { 0, 0, 1 }, all = 1; /* scale of an atom of middling weight */
	bool in = true;
	int e = first;

	for (; e < last && in; e++) {
		double sums[2] = { q->w * q->squares, q->w * q->w * q->squares }, shift[3];
		over_kinds(sums, lanes);
		const double rg = sqrt(sums[0] * share), off = rg - a->f.target, energy = 0.5 * k * off * off, push = k * off / (total * rg);
		const double dot = push * push * sums[1], size = bp_step_size(weight, a->raw, energy, a->goal, dot), moved2 = size * size * dot;
		const double by = size * push, scale = 1 - by * q->w;
		if (!(rg >= bp_rg_smallest) || !(a->raw || energy > a->goal) || !(dot <= cap2) || !(moved2 > 1e-200 && moved2 < 1e200))
			break;
		if (e == own)
			r.rg = rg, energy_own = energy, moves[BP_STEP_DOT] = dot, moves[BP_STEP_SIZE] = size;
		for (int d = 0; d < 3; d++)
			q->v[d] *= scale, shift[d] = q->w * q->v[d];
		over_kinds(shift, lanes);
		q->squares *= scale * scale, q->scale *= scale, all *= 1 - by * middling;
		double drift = all * s->hold.drift + fabs(q->scale - all) * q->reach;
		for (int d = 0; d < 3; d++) {
			const double u = shift[d] * share;
			q->squares -= u * (2 * q->v[d] - q->n * u), q->v[d] -= q->n * u;
			q->off[d] = scale * q->off[d] - u, drift += fabs(q->off[d]), c[d] += u;
		}
		/* so far from `all` times what v was when the steps began, which was so far from a scaling itself (bp_hold) */
		in = a->f.method == BP_RG_STANDARD || __all_sync(~0u, all > 0 && bp_held(&s->hold, all * s->hold.scale, drift, a->f.threshold));
	}
	if (own < e)
		tell(a, own, s->atoms, &r, 0, energy_own, moves);
	return e;
}

/* the same with all threads, where the set is of all atoms: they and their sums follow */
static __device__ int
glide(struct bp_rg_sample *s, const struct bp_radius *r, const struct bp_rg_steps *a, int first)
{
	__shared__ double scale[BP_RG_KINDS], off[BP_RG_KINDS][3], to[3];
	__shared__ int next;
	const int lanes = s->kinds > 4 ? 8 : s->kinds > 2 ? 4 : s->kinds;
	double sums[8] = { 0, 0, 0, 0, 0, 0, 0, 0 }, c[3] = { r->c[0], r->c[1], r->c[2] };
	struct kind q = { 0, 0, { 0, 0, 0 }, 0, 0, 1, { 0, 0, 0 } };

	find_kind(&q, s, c, lanes);
	if (threadIdx.x < 32) {
		const int e = step_kinds(&q, c, s, a, lanes, first);
		if (threadIdx.x < lanes) {
			scale[threadIdx.x] = q.scale, next = e;
			for (int k = 0; k < 3; k++)
				off[threadIdx.x][k] = q.off[k], to[k] = c[k];
		}
	}
	__syncthreads();
	if (next == first)
		return first;
	for (int i = threadIdx.x; i < s->n; i += BP_RG_THREADS) {
		const int j = (int)s->d[i];
		double x[3];
		if (j < 0)
			continue;
		for (int k = 0; k < 3; k++)
			s->x[3 * i + k] = x[k] = to[k] + (scale[j] * (s->x[3 * i + k] - r->c[k]) + off[j][k]);
		bp_add_atom(sums, x, s->w[i], to);
	}
	bp_block_eight(sums);
	for (int k = 0; k < 8; k++)
		s->sums[k] = sums[k];
	for (int k = 0; k < 3; k++)
		s->origin[k] = to[k];
	s->hold.slack = -1;
	return next;
}

/* Would the set be of all atoms for more than this step? Else sums of kinds are not worth their while. By the size that a step would have if all weights were their mean,
 * twice, as steps of half the way to the target add up to that. */
static __device__ inline bool
worth_kinds(const struct bp_rg_sample *s, const struct bp_radius *r, const struct bp_rg_steps *a)
{
	const double k = *a->f.k, off = r->rg - a->f.target, mean = s->weight / s->atoms, push = k * off / (r->total * r->rg);
	const double dot = push * push * mean * r->total * r->rg * r->rg, by = push * bp_step_size(*a->weight, a->raw, 0.5 * k * off * off, a->goal, dot);

	return a->f.method == BP_RG_STANDARD || bp_held(&s->hold, s->hold.scale, s->hold.drift + fabs(by) * (s->high - s->low) * s->hold.reach, a->f.threshold);
}

/* ---- all steps ---- */

/* evaluation e and its step, and maybe more; returns the one that comes next. Those behind one that moves no atom are as it is. */
static __device__ int
descend(struct bp_rg_sample *s, const struct bp_rg_steps *a, int e)
{
	const double weight = *a->weight;
	double moves[BP_STEP_VALUES] = { 0, 0, 0 };
	struct bp_radius r;
	struct bp_pull p;
	int end;

	bp_find_radius(&r, s, &a->f);
	if (s->kinds && !r.fault && r.kept == s->atoms && s->atoms >= 3 && worth_kinds(s, &r, a)) {
		r.limit = INFINITY; /* d is taken */
		end = glide(s, &r, a, e);
		if (end > e)
			return end;
		s->kinds = 0; /* nor will it be the next time, mostly: shortened gradients */
	}
	bp_find_pull(&p, s, &r, &a->f);
	if (weight != 0 && (a->raw || p.energy > a->goal)) {
		const double size = bp_step_size(weight, a->raw, p.energy, a->goal, p.dot);
		moves[BP_STEP_DOT] = p.dot, moves[BP_STEP_SIZE] = size;
		moves[BP_STEP_MOVED] = isfinite(size) && size != 0 && p.push != 0 && move(s, &r, &p, size, a->f.mask);
		if (p.capped)
			s->hold.slack = -1;
		else
			bp_hold_on(&s->hold, s, size * p.push);
	}
	end = moves[BP_STEP_MOVED] > 0 ? e + 1 : a->steps;
	for (e += threadIdx.x; e < end; e += BP_RG_THREADS)
		tell(a, e, s->atoms, &r, p.capped, p.energy, moves);
	return end;
}

/* a block a sample; scratch [b,2,n]; room: doubles of shared memory */
static __global__ void
__launch_bounds__(BP_RG_THREADS)
steps(struct bp_rg_steps a, double *scratch, int room)
{
	bp_after();
	extern __shared__ double shared[];
	const int64_t n = a.f.n;
	double *x = a.x + 3 * (int64_t)blockIdx.x * n, *next = shared;
	struct bp_rg_sample s;

	s.n = a.f.n;
	s.x = x, s.d = scratch + 2 * (int64_t)blockIdx.x * n, s.w = s.d + n;
	if (room >= 3 * n)
		s.x = next, next += 3 * n;
	if (room >= 4 * n)
		s.d = next, next += n;
	if (room >= 5 * n)
		s.w = next;
	bp_load(&s, &a.f, x);
	find_kinds(&s, !a.f.a);
	for (int e = 0; e < a.steps; e = descend(&s, &a, e))
		;
	for (int i = threadIdx.x; i < s.n && s.x != x; i += BP_RG_THREADS)
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
		bp_follow(steps, a->f.b, BP_RG_THREADS, room * sizeof(double), cx, *a, scratch, room);
	}
	bp_dev_release(cx, mark);
	return cx->dry ? BP_OK : bp_launched(cx, "rg_steps");
}
