/* kernels/pair_mask.cuh: the mask of the pair i, j: pair_mask [n,n] if given, else mask_i mask_j, else 1; and that of target g of several. */
#ifndef BP_PAIR_MASK_CUH
#define BP_PAIR_MASK_CUH

static __device__ inline float
bp_dev_pair_mask(const float *pair_mask, const float *mask, int n, int i, int j)
{
	return pair_mask ? pair_mask[(int64_t)i * n + j] : mask ? mask[i] * mask[j] : 1;
}

static __device__ inline float
bp_dev_member_mask(const float *pair_mask, const float *mask, int n, int g, int i, int j)
{
	return pair_mask ? pair_mask[((int64_t)g * n + i) * n + j] : mask ? mask[g * n + i] * mask[g * n + j] : 1;
}

#endif
