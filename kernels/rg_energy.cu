/* kernels/rg_energy.cu: a block a sample. */
#include "rg_sample.cuh"

/* scratch [b,5,n] */
static __global__ void
__launch_bounds__(BP_RG_THREADS)
pull(struct bp_rg_energy f, double *scratch)
{
	const int64_t b = blockIdx.x, n = f.n;
	double *g = f.gradient + 3 * b * n;
	struct bp_rg_sample s;
	struct bp_radius r;
	struct bp_pull p;

	s.n = f.n, s.x = scratch + 5 * b * n, s.w = s.x + 3 * n, s.d = s.w + n;
	bp_load(&s, &f, f.x + 3 * b * n);
	bp_find_radius(&r, &s, &f);
	bp_find_pull(&p, &s, &r, &f);
	for (int i = threadIdx.x; i < f.n; i += BP_RG_THREADS)
		bp_gradient(g + 3 * (int64_t)i, &s, &r, &p, i);
	if (threadIdx.x)
		return;
	f.energy[b] = p.energy;
	bp_tell_radius(f.values + b * f.ld, &f, s.atoms, &r, p.capped);
}

int
bp_rg_energy_cuda(struct bp_ctx *cx, const struct bp_rg_energy *a)
{
	struct bp_mark mark = bp_dev_mark(cx);
	double *scratch;

	BP_CUDA_NEW(scratch, 5 * (size_t)a->b * a->n, cx);
	if (!cx->dry && a->b)
		pull<<<a->b, BP_RG_THREADS, 0, bp_stream(cx)>>>(*a, scratch);
	bp_dev_release(cx, mark);
	return cx->dry ? BP_OK : bp_launched(cx, "rg_energy");
}
