/* kernels/pair_mask.cuh: the mask of the pair i, j: pair_mask [n,n] if given, else mask_i mask_j, else 1. */
#ifndef BP_PAIR_MASK_CUH
#define BP_PAIR_MASK_CUH

static __device__ inline float
bp_dev_pair_mask(const float *pair_mask, const float *mask, int n, int i, int j)
{
	return pair_mask ? pair_mask[(int64_t)i * n + j] : mask ? mask[i] * mask[j] : 1;
}

#endif
