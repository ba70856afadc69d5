/* kernels/rg_energy.cu: contents: a sample's atoms; energy and gradient. A block a sample: all of its threads know every sum and decide alike. */
#include "ranks.cuh"

enum { THREADS = 1024 };

struct sample {
	struct bp_rg_energy f;
	const double *x, *a;
	double *d; /* [n] distance from the centre; -1: the atom does not count */
};

static __device__ inline double
weight(const struct sample *s, int i)
{
	return s->f.w[i] + (s->a && s->f.place[i] >= 0 ? s->f.layer * s->a[s->f.place[i]] : 0);
}

/* the weighted centre c of the atoms that `in` has, counted from origin; returns the weights' sum */
template <class In>
static __device__ inline double
centre(double c[3], const struct sample *s, const double origin[3], In in)
{
	double sums[4] = { 0, 0, 0, 0 };

	for (int i = threadIdx.x; i < s->f.n; i += THREADS)
		if (in(i)) {
			const double w = weight(s, i);
			sums[0] += w;
			for (int d = 0; d < 3; d++)
				sums[1 + d] += w * (s->x[3 * i + d] - origin[d]);
		}
	bp_block_sums(sums);
	for (int d = 0; d < 3; d++)
		c[d] = origin[d] + sums[1 + d] / sums[0];
	return sums[0];
}

/* ---- energy and gradient ---- */

struct radius {
	int atoms, kept, fault;
	double rg, total, c[3];
};

/* Rg of a sample; d is -1 outside its set */
static __device__ void
find_radius(struct radius *r, struct sample *s)
{
	const struct bp_rg_energy *f = &s->f;
	double *d = s->d, origin[3], sum = 0;
	bool odd = false;
	int first = f->n, counted = 0;

	*r = radius { 0, 0, BP_RG_FINE, 0, 1, { 0, 0, 0 } };
	for (int i = threadIdx.x; i < f->n; i += THREADS) {
		const bool in = f->mask[i];
		d[i] = in ? 0 : -1;
		counted += in;
		first = in && i < first ? i : first;
		odd = odd || (in && (!isfinite(s->x[3 * i]) || !isfinite(s->x[3 * i + 1]) || !isfinite(s->x[3 * i + 2])));
	}
	r->atoms = (int)bp_block_sum_of(counted);
	first = -(int)bp_block_most(-first);
	if (__syncthreads_or(odd)) {
		r->fault = BP_RG_NOT_FINITE;
		return;
	}
	if (r->atoms == 0)
		return;
	for (int k = 0; k < 3; k++)
		origin[k] = s->x[3 * first + k];
	if (!(centre(r->c, s, origin, [=](int i) { return d[i] >= 0; }) > 0)) {
		r->fault = BP_RG_NO_WEIGHT;
		return;
	}
	if (f->method != BP_RG_STANDARD) {
		for (int i = threadIdx.x; i < f->n; i += THREADS)
			if (d[i] >= 0) {
				const double x = s->x[3 * i] - r->c[0], y = s->x[3 * i + 1] - r->c[1], z = s->x[3 * i + 2] - r->c[2];
				d[i] = sqrt(x * x + y * y + z * z);
			}
		__syncthreads();
		if (f->method == BP_RG_TRIMMED)
			bp_trim(d, f->n, r->atoms);
		else
			bp_drop_outliers(d, f->n, r->atoms, f->threshold);
	}
	r->kept = bp_count_within(d, f->n, INFINITY, false);
	if (r->kept == 0)
		return;
	for (int k = 0; k < 3; k++)
		origin[k] = r->c[k];
	r->total = centre(r->c, s, origin, [=](int i) { return d[i] >= 0; });
	for (int i = threadIdx.x; i < f->n; i += THREADS)
		if (d[i] >= 0) {
			const double x = s->x[3 * i] - r->c[0], y = s->x[3 * i + 1] - r->c[1], z = s->x[3 * i + 2] - r->c[2];
			sum += weight(s, i) * (x * x + y * y + z * z);
		}
	sum = bp_block_sum_of(sum);
	if (!(r->total > 0) || !(sum / r->total >= 0) || !isfinite(sum))
		r->fault = BP_RG_NO_RADIUS;
	else
		r->rg = sqrt(sum / r->total);
}

/* shorten to cap, then no net push on the set; returns how many were shortened */
static __device__ int
shorten(double *g, const struct sample *s, int kept)
{
	double sums[4] = { 0, 0, 0, 0 };

	for (int i = threadIdx.x; i < s->f.n; i += THREADS) {
		const double length = sqrt(g[3 * i] * g[3 * i] + g[3 * i + 1] * g[3 * i + 1] + g[3 * i + 2] * g[3 * i + 2]);
		sums[3] += length > s->f.cap;
		for (int d = 0; d < 3; d++) {
			g[3 * i + d] *= length > s->f.cap ? s->f.cap / length : 1;
			sums[d] += g[3 * i + d];
		}
	}
	bp_block_sums(sums);
	for (int i = threadIdx.x; i < s->f.n && sums[3] > 0; i += THREADS)
		for (int d = 0; d < 3 && s->d[i] >= 0; d++)
			g[3 * i + d] -= sums[d] / kept;
	return (int)sums[3];
}

static __global__ void
__launch_bounds__(THREADS)
pull(struct bp_rg_energy f, double *scratch)
{
	const int64_t b = blockIdx.x;
	struct sample s = { f, f.x + 3 * b * f.n, f.a ? f.a + b * f.places : NULL, scratch + b * f.n };
	double *g = f.gradient + 3 * b * f.n, *v = f.values + b * f.ld, off, push;
	struct radius r;
	int capped = 0;

	find_radius(&r, &s);
	off = r.fault || r.rg < bp_rg_smallest || r.atoms < 3 ? 0 : r.rg - f.target;
	push = off != 0 ? *f.k * off / (r.total * r.rg) : 0;
	for (int i = threadIdx.x; i < f.n; i += THREADS) {
		const bool in = push != 0 && s.d[i] >= 0;
		const double w = in ? push * weight(&s, i) : 0;
		for (int d = 0; d < 3; d++)
			g[3 * i + d] = in ? w * (s.x[3 * i + d] - r.c[d]) : 0;
	}
	if (f.cap > 0 && push != 0)
		capped = shorten(g, &s, r.kept);
	if (threadIdx.x)
		return;
	f.energy[b] = r.fault ? 0 : 0.5 * *f.k * off * off;
	v[BP_RG_RADIUS] = r.rg, v[BP_RG_TARGET] = f.target, v[BP_RG_K] = *f.k, v[BP_RG_KEPT] = r.kept;
	v[BP_RG_CAPPED] = capped, v[BP_RG_FAULT] = r.fault, v[BP_RG_ATOMS] = r.atoms;
}

int
bp_rg_energy_cuda(struct bp_ctx *cx, const struct bp_rg_energy *a)
{
	struct bp_mark mark = bp_dev_mark(cx);
	double *d;

	BP_CUDA_NEW(d, (size_t)a->b * a->n, cx);
	if (!cx->dry && a->b)
		pull<<<a->b, THREADS, 0, bp_stream(cx)>>>(*a, d);
	bp_dev_release(cx, mark);
	return cx->dry ? BP_OK : bp_launched(cx, "rg_energy");
}
