/* kernels/dproduct.cuh: products of small matrices in fp64, by tensor cores. */
#ifndef BP_DPRODUCT_CUH
#define BP_DPRODUCT_CUH

#include "follow.cuh"

/* c [8,8] += a [8,4] b [4,8]; a thread has a[lane/4][lane%4], b[lane%4][lane/4], c[lane/4][lane%4*2 ..] */
static __device__ inline void
bp_dmma(double c[2], double a, double b)
{
	asm("mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64 {%0,%1}, {%2}, {%3}, {%0,%1};" : "+d"(c[0]), "+d"(c[1]) : "d"(a), "d"(b));
}

/* C [m,n] = A [m,k] B [k,n], row-major, rows lda and ldb apart. A block makes 8 M x 8 N numbers; its warps share k out among them, DEEP at a
 * time in turn, so that what lies behind the last k whose A is not 0 changes no bit, and no bit depends on M and N. */
enum { BP_DWARPS = 8, BP_DEEP = 16 };
template <int M, int N>
static __global__ void
__launch_bounds__(32 * BP_DWARPS)
bp_dproduct(double *C, const double *A, const double *B, int m, int n, int k, int lda, int ldb)
{
	bp_after();
	__shared__ double part[BP_DWARPS / 2][8 * M][8 * N + 2];
	const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, row = blockIdx.y * 8 * M, col = blockIdx.x * 8 * N;
	double c[M][N][2] = {};

	for (int k0 = warp * BP_DEEP; k0 < k; k0 += BP_DWARPS * BP_DEEP) {
		double a[BP_DEEP / 4][M], b[BP_DEEP / 4][N];
		for (int s = 0; s < BP_DEEP / 4; s++) {
			const int at = k0 + 4 * s + lane % 4;
			for (int i = 0; i < M; i++)
				a[s][i] = at < k && row + 8 * i + lane / 4 < m ? A[(int64_t)(row + 8 * i + lane / 4) * lda + at] : 0;
			for (int j = 0; j < N; j++)
				b[s][j] = at < k && col + 8 * j + lane / 4 < n ? B[(int64_t)at * ldb + col + 8 * j + lane / 4] : 0;
		}
		for (int s = 0; s < BP_DEEP / 4; s++)
			for (int i = 0; i < M; i++)
				for (int j = 0; j < N; j++)
					bp_dmma(c[i][j], a[s][i], b[s][j]);
	}
	for (int half = 1; half >= 0; half--) { /* the upper warps' go to the lower ones', theirs to all */
		for (int i = 0; i < M && warp / (BP_DWARPS / 2) == half; i++)
			for (int j = 0; j < N; j++)
				for (int h = 0; h < 2; h++) {
					double *p = &part[warp % (BP_DWARPS / 2)][8 * i + lane / 4][8 * j + lane % 4 * 2 + h];
					*p = half ? c[i][j][h] : *p + c[i][j][h];
				}
		__syncthreads();
	}
	for (int t = threadIdx.x; t < 64 * M * N; t += blockDim.x) {
		const int i = t / (8 * N), j = t % (8 * N);
		double sum = 0;
		for (int w = 0; w < BP_DWARPS / 2; w++)
			sum += part[w][i][j];
		if (row + i < m && col + j < n)
			C[(int64_t)(row + i) * n + col + j] = sum;
	}
}

static inline void
bp_dmultiply(struct bp_ctx *cx, double *C, const double *A, const double *B, int m, int n, int k, int lda, int ldb)
{
	const unsigned across = (unsigned)((n + 31) / 32), down = (unsigned)((m + 15) / 16);

	if (m <= 256) /* few blocks: small ones */
		bp_follow(bp_dproduct<2, 4>, dim3(across, down), 32 * BP_DWARPS, 0, cx, C, A, B, m, n, k, lda, ldb);
	else
		bp_follow(bp_dproduct<4, 4>, dim3(across, (down + 1) / 2), 32 * BP_DWARPS, 0, cx, C, A, B, m, n, k, lda, ldb);
}

#endif
