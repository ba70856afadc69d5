/* kernels/blas.cu: contents: opening, which kernel a product takes, products. */
#include "blas.h"
#include "cuda.cuh"

#include <cublasLt.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

enum type { FP32, TF32, BF16, BF16_TO_FP32 };
enum { CHOICES = 1024, FEW = 256 };
static const size_t WORKSPACE = (size_t)32 << 20; /* as NVIDIA advises for Hopper */

/* all that the choice of a kernel depends on; without padding, as it is compared by its bytes */
struct key {
	int64_t sa, sb, sc;
	int m, like, n, k, lda, ldb, ldc, batch, batch_like, align, how, none; /* how: type, ta, tb */
};

struct choice {
	struct key key;
	bool made;
	int rows, batch; /* that the kernel takes at once: all, or those of one target */
	cublasLtMatmulAlgo_t algo;
};

struct bp_products {
	void *lib, *workspace[2];
	int device;
	bool tf32, aside;
	int32_t processors; /* 0: all */
	int choices;
	struct choice choice[CHOICES];
	cublasLtHandle_t lt;
	decltype(&cublasLtCreate) create;
	decltype(&cublasLtDestroy) destroy;
	decltype(&cublasLtMatmul) matmul;
	decltype(&cublasLtMatmulDescInit_internal) desc_init;
	decltype(&cublasLtMatmulDescSetAttribute) desc_set;
	decltype(&cublasLtMatrixLayoutInit_internal) layout_init;
	decltype(&cublasLtMatrixLayoutSetAttribute) layout_set;
	decltype(&cublasLtMatmulPreferenceInit_internal) preference_init;
	decltype(&cublasLtMatmulPreferenceSetAttribute) preference_set;
	decltype(&cublasLtMatmulAlgoGetHeuristic) heuristic;
	decltype(&cublasLtMatmulAlgoConfigGetAttribute) config;
	decltype(&cublasLtMatmulAlgoCheck) check;
};

/* ---- opening ---- */

static bool
find(const struct bp_products *p, void *fn, const char *name)
{
	return (*(void **)fn = dlsym(p->lib, name)) != NULL;
}

int
bp_products_open(struct bp_products **ret, int device, struct bp_err *err)
{
	static const char *const name[] = { "libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so" };
	struct bp_products *p = (struct bp_products *)calloc(1, sizeof *p);

	if (!(*ret = p))
		return BP_FAIL(err, BP_EMEM, NULL, "no memory for matrix products");
	p->device = device;
	for (size_t i = 0; i < sizeof name / sizeof *name && !p->lib; i++)
		p->lib = dlopen(name[i], RTLD_NOW | RTLD_LOCAL);
	if (!p->lib)
		return BP_FAIL(err, BP_EUNSUP, "install the CUDA libraries, or set LD_LIBRARY_PATH", "libcublasLt.so.13 is not found");
	if (!find(p, &p->create, "cublasLtCreate") || !find(p, &p->destroy, "cublasLtDestroy") || !find(p, &p->matmul, "cublasLtMatmul")
	    || !find(p, &p->desc_init, "cublasLtMatmulDescInit_internal") || !find(p, &p->desc_set, "cublasLtMatmulDescSetAttribute")
	    || !find(p, &p->layout_init, "cublasLtMatrixLayoutInit_internal") || !find(p, &p->layout_set, "cublasLtMatrixLayoutSetAttribute")
	    || !find(p, &p->preference_init, "cublasLtMatmulPreferenceInit_internal")
	    || !find(p, &p->preference_set, "cublasLtMatmulPreferenceSetAttribute") || !find(p, &p->heuristic, "cublasLtMatmulAlgoGetHeuristic")
	    || !find(p, &p->config, "cublasLtMatmulAlgoConfigGetAttribute") || !find(p, &p->check, "cublasLtMatmulAlgoCheck")
	    || p->create(&p->lt) != CUBLAS_STATUS_SUCCESS || cudaMalloc(&p->workspace[0], WORKSPACE) != cudaSuccess)
		return BP_FAIL(err, BP_EUNSUP, NULL, "cuda:%d: cuBLASLt does not start", device);
	return BP_OK;
}

void
bp_products_close(struct bp_products *p)
{
	if (!p)
		return;
	if (p->lt)
		p->destroy(p->lt);
	cudaFree(p->workspace[0]);
	cudaFree(p->workspace[1]);
	if (p->lib)
		dlclose(p->lib);
	free(p);
}

bool
bp_products_turn(struct bp_products *p, bool aside, int processors)
{
	p->aside = aside;
	p->processors = processors;
	return p->workspace[aside] || cudaMalloc(&p->workspace[aside], WORKSPACE) == cudaSuccess;
}

/* ---- which kernel a product takes ---- */

/* A product of m rows as the library sees it: row-major C = A B is column-major C^T = B^T A^T, so that B comes first. */
struct problem {
	cublasLtMatmulDescOpaque_t op;
	cublasLtMatrixLayoutOpaque_t B, A, C;
};

static bool
lay_out(struct bp_products *p, cublasLtMatrixLayoutOpaque_t *x, cudaDataType type, int rows, int cols, int ld, int batch, int64_t stride)
{
	return p->layout_init(x, sizeof *x, type, rows, cols, ld) == CUBLAS_STATUS_SUCCESS
	    && p->layout_set(x, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &batch, sizeof batch) == CUBLAS_STATUS_SUCCESS
	    && p->layout_set(x, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &stride, sizeof stride) == CUBLAS_STATUS_SUCCESS;
}

/* false: the library does not know these */
static bool
describe(struct problem *to, struct bp_products *p, const struct bp_blas *g, int m, int batch, enum type type)
{
	const cublasOperation_t first = g->tb ? CUBLAS_OP_T : CUBLAS_OP_N, second = g->ta ? CUBLAS_OP_T : CUBLAS_OP_N;
	const cudaDataType in = type >= BF16 ? CUDA_R_16BF : CUDA_R_32F, out = type == BF16 ? CUDA_R_16BF : CUDA_R_32F;

	return p->desc_init(&to->op, sizeof to->op, type == TF32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F, CUDA_R_32F) == CUBLAS_STATUS_SUCCESS
	    && p->desc_set(&to->op, CUBLASLT_MATMUL_DESC_TRANSA, &first, sizeof first) == CUBLAS_STATUS_SUCCESS
	    && p->desc_set(&to->op, CUBLASLT_MATMUL_DESC_TRANSB, &second, sizeof second) == CUBLAS_STATUS_SUCCESS
	    && lay_out(p, &to->B, in, g->tb ? g->k : g->n, g->tb ? g->n : g->k, g->ldb, batch, g->sb)
	    && lay_out(p, &to->A, in, g->ta ? m : g->k, g->ta ? g->k : m, g->lda, batch, g->sa) && lay_out(p, &to->C, out, g->n, m, g->ldc, batch, g->sc);
}

/* the library's best; whole: one that does not split k */
static bool
best(cublasLtMatmulAlgo_t *ret, struct bp_products *p, const struct bp_blas *g, int m, int batch, enum type type, int align, bool whole)
{
	const uint32_t any = CUBLASLT_REDUCTION_SCHEME_MASK, none = CUBLASLT_REDUCTION_SCHEME_NONE, bytes = align;
	cublasLtMatmulPreferenceOpaque_t want;
	cublasLtMatmulHeuristicResult_t found;
	struct problem x;
	int n = 0;

	if (!describe(&x, p, g, m, batch, type) || p->preference_init(&want, sizeof want) != CUBLAS_STATUS_SUCCESS)
		return false;
	p->preference_set(&want, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &WORKSPACE, sizeof WORKSPACE);
	p->preference_set(&want, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, whole ? &none : &any, sizeof any);
	p->preference_set(&want, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, &bytes, sizeof bytes);
	p->preference_set(&want, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, &bytes, sizeof bytes);
	p->preference_set(&want, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, &bytes, sizeof bytes);
	p->preference_set(&want, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, &bytes, sizeof bytes);
	if (p->heuristic(p->lt, &x.op, &x.B, &x.A, &x.C, &x.C, &want, 1, &found, &n) != CUBLAS_STATUS_SUCCESS || n < 1)
		return false;
	*ret = found.algo;
	return true;
}

static bool
splits(const struct bp_products *p, const cublasLtMatmulAlgo_t *algo)
{
	int n = 1;
	size_t size;

	return p->config(algo, CUBLASLT_ALGO_CONFIG_SPLITK_NUM, &n, sizeof n, &size) == CUBLAS_STATUS_SUCCESS && n > 1;
}

/* The kernel of a product whose rows are to have the same bits among those of other targets (g->like): the one for so many rows and matrices, whatever there is. It
 * computes a row the same way wherever the row is. On tensor cores none that splits k, which pays for few rows alone and does not go on to many: that for
 * FEW rows. */
static bool
choose_alike(struct choice *c, struct bp_products *p, const struct bp_blas *g, enum type type, int align)
{
	const int rows = type == TF32 && g->like < FEW ? FEW : g->like, batch = g->batch_like ? g->batch_like : c->batch;
	cublasLtMatmulHeuristicResult_t checked;
	struct problem x;

	if (!best(&c->algo, p, g, rows, batch, type, align, false)
	    || (type != FP32 && splits(p, &c->algo) && !best(&c->algo, p, g, rows, batch, type, align, true)))
		return false;
	if (!describe(&x, p, g, g->m, c->batch, type))
		return false;
	if (p->check(p->lt, &x.op, &x.B, &x.A, &x.C, &x.C, &c->algo, &checked) != CUBLAS_STATUS_SUCCESS || checked.workspaceSize > WORKSPACE)
		c->rows = g->like, c->batch = batch;
	return true;
}

/* *ret NULL: there is no kernel */
static void
choose(const struct choice **ret, struct bp_products *p, const struct bp_blas *g, enum type type, int align)
{
	const struct key key = { g->sa, g->sb, g->sc, g->m, g->like, g->n, g->k, g->lda, g->ldb, g->ldc, g->batch, g->batch_like, align, type | g->ta << 2 | g->tb << 3, 0 };
	uint64_t hash = 14695981039346656037u;
	struct choice *c;

	for (size_t i = 0; i < sizeof key; i++)
		hash = (hash ^ ((const unsigned char *)&key)[i]) * 1099511628211u; /* FNV-1a */
	for (c = p->choice + hash % CHOICES; c->made && memcmp(&c->key, &key, sizeof key); c = p->choice + (c - p->choice + 1) % CHOICES)
		;
	*ret = c;
	if (c->made)
		return;
	if (p->choices == CHOICES / 2) { /* many shapes have come by: from the beginning */
		memset(p->choice, 0, sizeof p->choice);
		p->choices = 0;
		c = p->choice;
		*ret = c;
	}
	c->key = key;
	c->rows = g->m;
	c->batch = g->batch ? g->batch : 1;
	if (!(c->made = g->like ? choose_alike(c, p, g, type, align) : best(&c->algo, p, g, g->m, c->batch, type, align, false)))
		*ret = NULL;
	p->choices += c->made;
}

/* ---- products ---- */

/* the largest power of 2 up to 16 that all addresses and distances, in bytes, are multiples of */
static int
alignment(const struct bp_blas *g, enum type type, const void *A, const void *B, const void *C)
{
	const uint64_t in = type >= BF16 ? 2 : 4, out = type == BF16 ? 2 : 4;
	const uint64_t all = (uintptr_t)A | (uintptr_t)B | (uintptr_t)C | (uint64_t)(g->sa | g->sb) * in | (uint64_t)g->sc * out | 16;

	return (int)(all & -all);
}

/* rows at .. at + m of matrices from `matrix` on */
static cublasStatus_t
part(struct bp_ctx *cx, const struct bp_blas *g, enum type type, const struct choice *c, int at, int m, int matrix, int batch, const void *A, const void *B,
    void *C)
{
	const int64_t in = type >= BF16 ? 2 : 4, out = type == BF16 ? 2 : 4;
	const char *a = (const char *)A + (matrix * g->sa + (int64_t)at * (g->ta ? 1 : g->lda)) * in, *b = (const char *)B + matrix * g->sb * in;
	char *to = (char *)C + (matrix * g->sc + (int64_t)at * g->ldc) * out;
	struct bp_products *p = bp_products(cx);
	struct problem x;

	if (!describe(&x, p, g, m, batch, type))
		return CUBLAS_STATUS_NOT_SUPPORTED;
	if (p->processors)
		p->desc_set(&x.op, CUBLASLT_MATMUL_DESC_SM_COUNT_TARGET, &p->processors, sizeof p->processors);
	return p->matmul(p->lt, &x.op, &g->alpha, b, &x.B, a, &x.A, &g->beta, to, &x.C, to, &x.C, &c->algo, p->workspace[p->aside], WORKSPACE,
	    bp_stream(cx));
}

static int
multiply(struct bp_ctx *cx, const struct bp_blas *g, enum type type, const void *A, const void *B, void *C)
{
	struct bp_products *p = bp_products(cx);
	const int align = alignment(g, type, A, B, C), matrices = g->batch ? g->batch : 1;
	cublasStatus_t st = CUBLAS_STATUS_NOT_SUPPORTED;
	const struct choice *c;

	choose(&c, p, g, type, align);
	if (!c && type == TF32) { /* addresses that tensor cores cannot take */
		type = FP32;
		choose(&c, p, g, type, align);
	}
	for (int e = 0; c && e < matrices; e += c->batch)
		for (int at = 0; at < g->m && (st == CUBLAS_STATUS_SUCCESS || e + at == 0); at += c->rows)
			st = part(cx, g, type, c, at, min(c->rows, g->m - at), e, min(c->batch, matrices - e), A, B, C);
	if (st == CUBLAS_STATUS_SUCCESS)
		return BP_OK;
	return BP_FAIL(cx->err, BP_ELOST, NULL, "cuda:%d: cuBLASLt: status %d for a product of %d x %d x %d", cx->device_index, (int)st, g->m, g->n, g->k);
}

int
bp_blas_tf32(struct bp_ctx *cx, bool on)
{
	if (!cx->dry)
		bp_products(cx)->tf32 = on;
	return BP_OK;
}

int
bp_blas_bf16(struct bp_ctx *cx, struct bp_blas g, const void *A, const void *B, void *C, bool c_fp32)
{
	return cx->dry || g.m == 0 || g.n == 0 ? BP_OK : multiply(cx, &g, c_fp32 ? BF16_TO_FP32 : BF16, A, B, C);
}

int
bp_blas(struct bp_ctx *cx, struct bp_blas g)
{
	return cx->dry || g.m == 0 || g.n == 0 ? BP_OK : multiply(cx, &g, bp_products(cx)->tf32 ? TF32 : FP32, g.A, g.B, g.C);
}
