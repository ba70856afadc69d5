#include "ops/gemm.h"

#include <string.h>

enum { NR = BP_PANEL };

/* one kernel: rows i < m <= MR of C, a whole panel: the sums of m rows and two vectors live in registers, passes of two
 * vectors cover the panel */
#define KERNEL(NAME, TARGET, BYTES, MR)                                                                                \
	typedef float NAME##_vec __attribute__((vector_size(BYTES), aligned(4), may_alias));                           \
	static inline __attribute__((always_inline)) TARGET void NAME##_rows(                                          \
	    const int m, int k, const float *A, size_t rs, size_t cs, const float *B, float *C, size_t ldc, bool add)  \
	{                                                                                                              \
		enum { W = BYTES / 4 };                                                                                \
		NAME##_vec s[MR][2];                                                                                   \
		_Pragma("GCC unroll 16") for (int i = 0; i < m; i++) s[i][0] = s[i][1] = (NAME##_vec) { 0 };           \
		_Pragma("GCC unroll 1") for (int l = 0; l < k; l++)                                                    \
		{                                                                                                      \
			NAME##_vec b0 = *(const NAME##_vec *)(B + (size_t)l * NR);                                     \
			NAME##_vec b1 = *(const NAME##_vec *)(B + (size_t)l * NR + W);                                 \
			const float *a = A + (size_t)l * cs;                                                           \
			_Pragma("GCC unroll 16") for (int i = 0; i < m; i++)                                           \
			{                                                                                              \
				s[i][0] += a[(size_t)i * rs] * b0;                                                     \
				s[i][1] += a[(size_t)i * rs] * b1;                                                     \
			}                                                                                              \
		}                                                                                                      \
		_Pragma("GCC unroll 16") for (int i = 0; i < m; i++)                                                   \
		{                                                                                                      \
			NAME##_vec *c = (NAME##_vec *)(C + (size_t)i * ldc);                                           \
			if (add)                                                                                       \
				s[i][0] += c[0], s[i][1] += c[1];                                                      \
			c[0] = s[i][0];                                                                                \
			c[1] = s[i][1];                                                                                \
		}                                                                                                      \
	}                                                                                                              \
	TARGET static void NAME(                                                                                       \
	    int m, int k, const float *A, size_t rs, size_t cs, const float *B, float *C, size_t ldc, bool add)        \
	{                                                                                                              \
		for (; m > 0; m -= MR, A += MR * rs, C += MR * ldc)                                                    \
			for (int j = 0; j < NR; j += BYTES / 2)                                                        \
				switch (m < MR ? m : MR) {                                                             \
					MR_CASES_##MR(NAME)                                                            \
				}                                                                                      \
	}
#define CASE(NAME, M)                                                                                                  \
	case M:                                                                                                        \
		NAME##_rows(M, k, A, rs, cs, B + j, C + j, ldc, add);                                                  \
		break;
#define MR_CASES_4(N) CASE(N, 1) CASE(N, 2) CASE(N, 3) CASE(N, 4)
#define MR_CASES_6(N) MR_CASES_4(N) CASE(N, 5) CASE(N, 6)
#define MR_CASES_12(N) MR_CASES_6(N) CASE(N, 7) CASE(N, 8) CASE(N, 9) CASE(N, 10) CASE(N, 11) CASE(N, 12)

typedef void kernel(int, int, const float *, size_t, size_t, const float *, float *, size_t, bool);

#ifdef __x86_64__
KERNEL(avx512, __attribute__((target("avx512f,avx512vl,fma"))), 64, 12)
KERNEL(avx2, __attribute__((target("avx2,fma"))), 32, 6)
KERNEL(sse2, , 16, 4)

static kernel *
best_kernel(void)
{
	if (__builtin_cpu_supports("avx512vl"))
		return avx512;
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? avx2 : sse2;
}
#else
KERNEL(plain, , 16, 6)

static kernel *
best_kernel(void)
{
	return plain;
}
#endif

/* one panel, DEPTH of it at a time: that much of it stays in L1 while the rows pass */
static void
panel(int m, int k, const float *A, size_t rs, size_t cs, const float *packed, float *C, size_t ldc, bool add)
{
	enum { DEPTH = 256 };
	kernel *run = best_kernel();

	for (int l = 0; l < k; l += DEPTH)
		run(m, k - l < DEPTH ? k - l : DEPTH, A + (size_t)l * cs, rs, cs, packed + (size_t)l * NR, C, ldc,
		    add || l);
}

void
bp_gemm(int m, int n, int k, const float *A, size_t rs, size_t cs, const float *packed, float *C, size_t ldc, bool add)
{
	float edge[BP_ROW_TILE * NR]; /* the last, narrow panel lands here first */
	int rows;

	for (; n >= NR; n -= NR, packed += (size_t)k * NR, C += NR)
		panel(m, k, A, rs, cs, packed, C, ldc, add);
	for (; n > 0 && m > 0; m -= rows, A += (size_t)rows * rs, C += (size_t)rows * ldc) {
		rows = m < BP_ROW_TILE ? m : BP_ROW_TILE;
		panel(rows, k, A, rs, cs, packed, edge, NR, false);
		for (int i = 0; i < rows; i++)
			for (int j = 0; j < n; j++)
				C[(size_t)i * ldc + j] = edge[i * NR + j] + (add ? C[(size_t)i * ldc + j] : 0);
	}
}

/* d[l][j] = b[j][l] for 4 columns j and 4 depths l */
static void
transpose4(float *d, const float *b, size_t ns)
{
	typedef float v4 __attribute__((vector_size(16), aligned(4), may_alias));
	typedef int i4 __attribute__((vector_size(16)));
	v4 r0 = *(const v4 *)b, r1 = *(const v4 *)(b + ns), r2 = *(const v4 *)(b + 2 * ns),
	   r3 = *(const v4 *)(b + 3 * ns);
	v4 a = __builtin_shuffle(r0, r1, (i4) { 0, 4, 1, 5 }), c = __builtin_shuffle(r0, r1, (i4) { 2, 6, 3, 7 });
	v4 e = __builtin_shuffle(r2, r3, (i4) { 0, 4, 1, 5 }), f = __builtin_shuffle(r2, r3, (i4) { 2, 6, 3, 7 });

	*(v4 *)d = __builtin_shuffle(a, e, (i4) { 0, 1, 4, 5 });
	*(v4 *)(d + NR) = __builtin_shuffle(a, e, (i4) { 2, 3, 6, 7 });
	*(v4 *)(d + 2 * NR) = __builtin_shuffle(c, f, (i4) { 0, 1, 4, 5 });
	*(v4 *)(d + 3 * NR) = __builtin_shuffle(c, f, (i4) { 2, 3, 6, 7 });
}

/* one panel of w <= 32 columns */
static void
pack_panel(float *dst, int w, int k, const float *B, size_t ns, size_t ks)
{
	int l = 0;

	for (; ks == 1 && l + 4 <= k;) { /* a cache line of four columns at a time */
		int end = l + 16 <= k ? l + 16 : l + 4, j = 0;
		for (; j + 4 <= w; j += 4)
			for (int e = l; e < end; e += 4)
				transpose4(dst + (size_t)e * NR + j, B + (size_t)j * ns + e, ns);
		for (; j < NR; j++)
			for (int e = l; e < end; e++)
				dst[(size_t)e * NR + j] = j < w ? B[(size_t)j * ns + e] : 0;
		l = end;
	}
	for (; l < k; l++) {
		float *d = dst + (size_t)l * NR;
		const float *b = B + (size_t)l * ks;
		if (w == NR && ns == 1)
			memcpy(d, b, NR * sizeof *d);
		else
			for (int j = 0; j < NR; j++)
				d[j] = j < w ? b[(size_t)j * ns] : 0;
	}
}

void
bp_pack(float *dst, int n, int k, const float *B, size_t ns, size_t ks)
{
	for (; n > 0; n -= NR, B += NR * ns, dst += (size_t)k * NR)
		pack_panel(dst, n < NR ? n : NR, k, B, ns, ks);
}
