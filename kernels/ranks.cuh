/* kernels/ranks.cuh: ranks of distances, and the set of atoms that a radius of gyration is of (ops/rg_energy.h), for kernels that make a
 * sample a block: all of its threads call these together and are given the same number. A thread writes the distances of every
 * blockDim.x-th atom from its own index on, and they are read so. */
#ifndef BP_RANKS_CUH
#define BP_RANKS_CUH

#include "sums.cuh"

extern "C" {
#include "ops/rg_energy.h"
}

/* ---- ranks ---- */

/* what is ranked: the distance of atom i, or how far it is from `about`; below 0: the atom does not count */
struct bp_ranked {
	const double *d;
	bool spread;
	double about;
	__device__ double
	operator()(int i) const
	{
		return d[i] < 0 ? -1 : spread ? fabs(d[i] - about) : d[i];
	}
};

/* The k-th smallest (from 0) of the numbers >= 0, whose bits are ordered as they are: digits of eight bits from the first one in which
 * they differ, the atoms that agree with what is found so far counted by their next one. */
static __device__ inline double
bp_rank(struct bp_ranked r, int n, int k)
{
	typedef unsigned long long u64;
	__shared__ int count[256], chosen, before;
	__shared__ u64 found;
	u64 least = ~(u64)0, most = 0, prefix, mask;
	int shift;

	for (int i = threadIdx.x; i < n; i += blockDim.x) {
		const double v = r(i);
		if (v >= 0)
			least = min(least, (u64)__double_as_longlong(v)), most = max(most, (u64)__double_as_longlong(v));
	}
	/* as doubles again they keep their order */
	most = (u64)__double_as_longlong(bp_block_most(__longlong_as_double((long long)most)));
	least = (u64)__double_as_longlong(-bp_block_most(least == ~(u64)0 ? -INFINITY : -__longlong_as_double((long long)least)));
	least &= ~((u64)1 << 63); /* -0 */
	if (least == most)
		return __longlong_as_double((long long)most);
	shift = 64 - __clzll((long long)(least ^ most));
	shift = shift > 8 ? shift - 8 : 0;
	mask = shift + 8 >= 64 ? 0 : ~(u64)0 << (shift + 8);
	prefix = most & mask;
	for (;;) {
		for (int i = threadIdx.x; i < 256; i += blockDim.x)
			count[i] = 0;
		__syncthreads();
		for (int i = threadIdx.x; i < n; i += blockDim.x) {
			const double v = r(i);
			const u64 bits = (u64)__double_as_longlong(v);
			if (v >= 0 && (bits & mask) == prefix)
				atomicAdd(&count[bits >> shift & 255], 1);
		}
		__syncthreads();
		if (threadIdx.x < 32) { /* a lane eight digits */
			int own[8], sum = 0, upto;
			for (int i = 0; i < 8; i++)
				sum += own[i] = count[8 * threadIdx.x + i];
			upto = sum;
			for (int d = 1; d < 32; d *= 2) {
				const int lower = __shfl_up_sync(~0u, upto, d);
				upto += threadIdx.x >= d ? lower : 0;
			}
			upto -= sum;
			for (int i = 0; i < 8; upto += own[i++])
				if (upto <= k && k < upto + own[i])
					chosen = 8 * threadIdx.x + i, before = upto;
		}
		__syncthreads();
		const int only = count[chosen];
		k -= before;
		prefix |= (u64)chosen << shift;
		mask |= (u64)255 << shift;
		if (shift == 0)
			return __longlong_as_double((long long)prefix);
		if (only == 1) {
			for (int i = threadIdx.x; i < n; i += blockDim.x) {
				const double v = r(i);
				if (v >= 0 && ((u64)__double_as_longlong(v) & mask) == prefix)
					found = (u64)__double_as_longlong(v);
			}
			__syncthreads();
			return __longlong_as_double((long long)found);
		}
		shift = shift > 8 ? shift - 8 : 0;
		__syncthreads();
	}
}

/* of m numbers */
static __device__ inline double
bp_median(struct bp_ranked r, int n, int m)
{
	const double high = bp_rank(r, n, m / 2);
	double low = 0;
	int lower = 0;

	if (m % 2)
		return high;
	for (int i = threadIdx.x; i < n; i += blockDim.x) {
		const double v = r(i);
		if (v >= 0 && v < high)
			lower++, low = fmax(low, v);
	}
	lower = (int)bp_block_sum_of(lower);
	low = bp_block_most(low);
	return 0.5 * ((lower == m / 2 ? low : high) + high);
}

/* The same median where few of the numbers are at `reach` or beyond, mostly with one look at each: they are counted in bins, and those
 * of the median's bins are put in order. More than fit there: as above. */
static __device__ inline double
bp_median_within(struct bp_ranked r, int n, int m, double reach)
{
	enum { BINS = 2048, LIST = 512 };
	__shared__ int count[BINS], upto[32], low_bin, high_bin, before, listed;
	__shared__ double list[LIST], found[2];
	const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, each = BINS / blockDim.x, mine = each * threadIdx.x;
	const int high = m / 2, low = m % 2 ? high : high - 1;
	const double scale = BINS / reach; /* infinite and no number: all in the last bin, which is in order, too */
	int own = 0, sum, start, total;

	for (int k = threadIdx.x; k < BINS; k += blockDim.x)
		count[k] = 0;
	__syncthreads();
	for (int i = threadIdx.x; i < n; i += blockDim.x) {
		const double v = r(i);
		if (v >= 0)
			atomicAdd(&count[(int)fmin(v * scale, BINS - 1.0)], 1);
	}
	__syncthreads();
	for (int k = mine; k < mine + each; k++)
		own += count[k];
	sum = own;
	for (int d = 1; d < 32; d *= 2) {
		const int lower = __shfl_up_sync(~0u, sum, d);
		sum += lane >= d ? lower : 0;
	}
	if (lane == 31)
		upto[warp] = sum;
	if (threadIdx.x == 0)
		listed = 0;
	__syncthreads();
	start = sum - own;
	for (int w = 0; w < warp; w++)
		start += upto[w];
	for (int k = mine; k < mine + each; start += count[k++]) {
		if (start <= low && low < start + count[k])
			low_bin = k, before = start;
		if (start <= high && high < start + count[k])
			high_bin = k;
	}
	__syncthreads();
	for (int i = threadIdx.x; i < n; i += blockDim.x) {
		const double v = r(i);
		const int k = v >= 0 ? (int)fmin(v * scale, BINS - 1.0) : -1;
		if (k == low_bin || k == high_bin) {
			const int at = atomicAdd(&listed, 1);
			if (at < LIST)
				list[at] = v;
		}
	}
	__syncthreads();
	total = listed;
	if (total > LIST)
		return bp_median(r, n, m);
	for (int i = threadIdx.x; i < total; i += blockDim.x) {
		int rank = before;
		for (int k = 0; k < total; k++)
			rank += list[k] < list[i] || (list[k] == list[i] && k < i);
		if (rank == low)
			found[0] = list[i];
		if (rank == high)
			found[1] = list[i];
	}
	__syncthreads();
	return 0.5 * (found[0] + found[1]);
}

/* ---- the set ---- */

/* how many of the numbers >= 0 are below limit, or at most it */
static __device__ inline int
bp_count_within(const double *d, int n, double limit, bool below)
{
	int count = 0;

	for (int i = threadIdx.x; i < n; i += blockDim.x)
		count += d[i] >= 0 && (below ? d[i] < limit : d[i] <= limit);
	return (int)bp_block_sum_of(count);
}

/* the nearest floor(0.95 m), ties by index: what is not among them does not count any more */
static __device__ inline void
bp_trim(double *d, int n, int m)
{
	const int share = (int)floor(bp_rg_share * m), most = share < 1 ? 1 : share;
	const struct bp_ranked all = { d, false, 0 };
	double last;
	int ties;

	if (most >= m)
		return;
	last = bp_rank(all, n, most - 1);
	ties = most - bp_count_within(d, n, last, true);
	__syncthreads();
	for (int i = threadIdx.x; i < n; i += blockDim.x)
		if (d[i] > last)
			d[i] = -1;
	__syncthreads();
	if (bp_count_within(d, n, last, false) > most && threadIdx.x == 0)
		for (int i = 0; i < n; i++)
			if (d[i] == last && ties-- <= 0)
				d[i] = -1;
	__syncthreads();
}

/* as far as the nearest 95 % of m go, between ranks linearly */
static __device__ inline double
bp_most_of(const double *d, int n, int m)
{
	const struct bp_ranked all = { d, false, 0 };
	const double at = bp_rg_share * (m - 1);
	const int k = (int)at;
	double limit = bp_rank(all, n, k);

	__syncthreads();
	return limit + (k + 1 < m ? (at - k) * (bp_rank(all, n, k + 1) - limit) : 0);
}

#endif
