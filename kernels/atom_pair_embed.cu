#include "cuda.cuh"

extern "C" {
#include "ops/atom_pair_embed.h"
}

struct weights {
	const float *pos, *dist, *mask;
};

static __global__ void
pair_terms(float *p, struct bp_atom_pair_embed a, struct weights w)
{
	BP_EACH(t, (int64_t)a.atoms * 128 * a.cp) {
		int64_t r = t / a.cp, o = t % a.cp, l = r / 128, k = l / 32 * 32 - 48 + r % 128;
		double sum = a.cq[l * a.cp + o];
		if (k >= 0 && k < a.atoms) {
			sum += a.ck[k * a.cp + o];
			if (a.zp && a.token[l] >= 0 && a.token[k] >= 0)
				sum += a.zp[((int64_t)a.token[l] * a.n + a.token[k]) * a.cp + o];
			if (a.mask[l] != 0 && a.mask[k] != 0 && a.uid[l] == a.uid[k]) {
				double d[3], norm = 1;
				for (int s = 0; s < 3; s++) {
					d[s] = (double)a.ref_pos[3 * k + s] - a.ref_pos[3 * l + s];
					norm += d[s] * d[s];
					sum += w.pos[3 * o + s] * d[s];
				}
				sum += w.dist[o] / norm + w.mask[o];
			}
		}
		p[t] = (float)sum;
	}
}

static __global__ void
relu(float *y, const float *x, int64_t n)
{
	BP_EACH(i, n)
		y[i] = fmaxf(x[i], 0);
}

int
bp_atom_pair_embed_cuda(struct bp_ctx *cx, const struct bp_atom_pair_embed *a)
{
	struct bp_mark m = bp_dev_mark(cx);
	struct weights w = { a->Wpos->p, a->Wdist->p, a->Wmask->p };
	int64_t rows = (int64_t)a->atoms * 128, n = rows * a->cp;
	float *x, *y;

	BP_CUDA_NEW(x, n, cx);
	BP_CUDA_NEW(y, n, cx);
	if (!cx->dry && n) {
		pair_terms<<<BP_GRID(n), 0, bp_stream(cx)>>>(a->out, *a, w);
		relu<<<BP_GRID(n), 0, bp_stream(cx)>>>(x, a->out, n);
		BP_TRY(bp_blas_linear(cx, y, x, rows, a->W1, false));
		relu<<<BP_GRID(n), 0, bp_stream(cx)>>>(y, y, n);
		BP_TRY(bp_blas_linear(cx, x, y, rows, a->W2, false));
		relu<<<BP_GRID(n), 0, bp_stream(cx)>>>(x, x, n);
		BP_TRY(bp_blas_linear(cx, a->out, x, rows, a->W3, true));
	}
	bp_dev_release(cx, m);
	return cx->dry ? BP_OK : bp_launched(cx, "atom_pair_embed");
}
