/* kernels/tri_attn_wgmma.cuh: flash of tri_attn.cu, which includes this, for Hopper: both products by wgmma.
 *
 * A block has WIDE rows and 128 queries, a row a warpgroup, so that rows share the bias; a warpgroup takes its queries 64 at a time. The scores' sums
 * begin as the bias less what is taken off. Weights are summed up in fp32 before they are rounded, and a sum above 2^64 tells that what is taken off
 * must follow: then the warp makes its scores anew by mma.sync, as for the first keys and where a mask counts. Two blocks a multiprocessor: while one
 * warpgroup waits for its products, three others have the exp2 units. */

enum { WIDE = 2 };

struct wide_keys : stages<WIDE, 32> {
	static __device__ inline int part(int key, int c) { return bp_wgmma_part(key, c); }
};

#if BP_WGMMA
enum { WIDE_THREADS = WIDE * QUERIES };

/* s = bias of 16 queries and 64 keys + less */
static __device__ inline void
biased(float s[8][4], const uint4 (*bias)[32], const float less[4])
{
#pragma unroll
	for (int j = 0; j < 4; j++) {
		const uint4 b = bias[j][threadIdx.x % 32];
		const uint32_t v[4] = { b.x, b.y, b.z, b.w };
#pragma unroll
		for (int e = 0; e < 4; e++) {
			s[2 * j + e / 2][e % 2 * 2] = bp_low(v[e]) + less[e % 2 * 2];
			s[2 * j + e / 2][e % 2 * 2 + 1] = bp_high(v[e]) + less[e % 2 * 2];
		}
	}
}

/* weigh for the scores s; sums [4] as of bp_mma, this lane's part of rows g and g + 8 in 0 and 2 */
static __device__ inline bool
weigh_scores(uint32_t w[4][4], const float s[8][4], float sums[4])
{
	float sum[2] = {};

#pragma unroll
	for (int j = 0; j < 8; j++)
#pragma unroll
		for (int r = 0; r < 2; r++) {
			float x = bp_exp2(s[j][2 * r]), y = bp_exp2(s[j][2 * r + 1]);
			w[j / 2][j % 2 * 2 + r] = bp_pack2(x, y);
			sum[r] += x + y;
		}
	if (__any_sync(~0u, sum[0] > 0x1p64f || sum[1] > 0x1p64f))
		return false;
	sums[0] += sum[0];
	sums[2] += sum[1];
	return true;
}

/* weigh_anew with the keys as wgmma wants them */
static __device__ inline void
weigh_wide(uint32_t w[4][4], struct queries *a, int m, const bp_bf16 (*k)[32], const uint4 (*bias)[32], const float *mask)
{
	const int lane = threadIdx.x % 32, t = lane % 4;
	const float zero[4] = {};
	float s[8][4];

	biased(s, bias, zero);
#pragma unroll
	for (int j = 0; j < 8; j++) {
		uint32_t b[4];
		bp_ldmatrix(b, &k[j * 8 + lane % 8][bp_wgmma_part(j * 8 + lane % 8, lane / 8) * 8]);
		bp_mma(s[j], a->q[m][0], b[0], b[1]);
		bp_mma(s[j], a->q[m][1], b[2], b[3]);
#pragma unroll
		for (int e = 0; e < 4; e++)
			s[j][e] += mask[j * 8 + 2 * t + e % 2];
	}
	settle(w, a, m, s);
#pragma unroll
	for (int j = 0; j < 4; j++)
#pragma unroll
		for (int e = 0; e < 4; e++)
			a->o[m][4][e % 2 * 2] += bp_low(w[j][e]) + bp_high(w[j][e]);
}

/* one step: 64 queries, whose m-th 16 are this warp's, and 64 keys */
static __device__ inline void
attend_64(struct queries *a, int m, const struct wide_keys *keys, int stage, int row, int warp, bool slow)
{
	const bp_bf16 (*k)[32] = keys->kv[stage][row][0];
	const uint4 (*bias)[32] = keys->bias[stage][m * 2 + warp / 2] + warp % 2 * (KEYS / 16);
	const uint64_t at_k = bp_wgmma_rows(k), at_v = bp_wgmma_rows(keys->kv[stage][row][1]);
	uint32_t w[4][4];

	if (!slow) {
		float s[8][4];
		biased(s, bias, a->less[m]);
		bp_wgmma_begin();
		bp_wgmma_nt(s, a->q[m][0], at_k);
		bp_wgmma_nt(s, a->q[m][1], at_k + 2);
		bp_wgmma_end(s);
		slow = !weigh_scores(w, s, a->o[m][4]);
	}
	if (slow)
		weigh_wide(w, a, m, k, bias, keys->mask[stage][row]);
	bp_wgmma_begin();
#pragma unroll
	for (int e = 0; e < 4; e++)
		bp_wgmma_nn(a->o[m], w[e], at_v + e * 64);
	bp_wgmma_end(a->o[m]);
}
#else
enum { WIDE_THREADS = 32 }; /* tells bp_cuda_wgmma that there is nothing to launch */
#endif

static __global__ void __launch_bounds__(WIDE_THREADS, 2)
flash_wide(struct pieces p)
{
#if BP_WGMMA
	extern __shared__ __align__(16) unsigned char shared[];
	struct wide_keys *keys = (struct wide_keys *)(shared + (-(uint32_t)__cvta_generic_to_shared(shared) & 1023));
	const int n = p.a.n, hp = p.heads * 32, h = blockIdx.y, i0 = blockIdx.z * WIDE, j0 = blockIdx.x * QUERIES;
	const int row = threadIdx.x / QUERIES, warp = threadIdx.x / 32 % 4, mine = j0 + warp * 16;
	const struct source from = sources(&p, i0, h, j0);
	bp_bf16 *q = p.qkvg + (int64_t)(i0 + row) * n * hp + h * 32;
	const bool idle = i0 + row >= p.rows; /* a warpgroup as a whole, but its threads copy keys */
	struct queries a = { {}, {}, { { INFINITY, INFINITY, INFINITY, INFINITY }, { INFINITY, INFINITY, INFINITY, INFINITY } } };

#pragma unroll
	for (int m = 0; m < 2; m++)
		fetch_queries(a.q[m], q, mine + m * 64, idle ? 0 : n, hp);
	bool here = load_keys<WIDE>(keys, &p, &from, i0, 0);
	for (int k0 = 0, stage = 0; k0 < n; k0 += KEYS, stage ^= 1) {
		bp_copy_wait<0>();
		bp_wgmma_publish();
		const bool masked = __syncthreads_or(here); /* this stage is there, and the other one is read */
		if (k0 + KEYS < n)
			here = load_keys<WIDE>(keys, &p, &from, i0, k0 + KEYS);
		if (!idle)
#pragma unroll
			for (int m = 0; m < 2; m++)
				if (j0 + m * 64 < n)
					attend_64(&a, m, keys, stage, row, warp, masked || k0 == 0);
	}
#pragma unroll
	for (int m = 0; m < 2; m++)
#pragma unroll
		for (int r = 0; r < 2; r++) {
			float *sum = &a.o[m][4][2 * r];
			*sum += __shfl_xor_sync(~0u, *sum, 1);
			*sum += __shfl_xor_sync(~0u, *sum, 2);
			leave_weighted(a.o[m], r, q, mine + m * 64 + r * 8, idle ? 0 : n, hp, (int64_t)3 * p.rows * n * hp);
		}
#endif
}
