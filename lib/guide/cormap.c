/* lib/guide/cormap.c */
#include "guide/cormap.h"

#include <math.h>
#include <stddef.h>

/* A run of `run` equal sides is one of m = run - 1 "as the toss before" among n - 1. With u_k = P(such a run within k):
 * u_k = u_{k-1} + (1 - u_{k-m-1}) 2^-(m+1): it ends at k for the first time. All terms are positive, so that small
 * probabilities keep their digits. Only the last m + 1 of them are needed; beyond 64 the run is counted in floating
 * point. */
double
bp_cormap_p(int n, int run)
{
	enum { RING = 1100 }; /* 2^-1100 is 0 */
	double u[RING] = { 0 };
	int m = run - 1;

	if (m <= 0)
		return 1;
	if (m > n - 1 || m >= RING - 1)
		return 0;
	for (int k = m; k < n; k++) {
		double before = k > m ? u[(k - 1) % RING] : 0, old = k - m - 1 >= m ? u[(k - m - 1) % RING] : 0;
		u[k % RING] = k == m ? ldexp(1, -m) : before + (1 - old) * ldexp(1, -(m + 1));
	}
	return fmin(1, u[(n - 1) % RING]);
}

void
bp_cormap(struct bp_cormap *ret, const double *residual, int n)
{
	int run = 0, sign = 0;

	ret->run = 0;
	for (int k = 0; k < n; k++) {
		int now = (residual[k] > 0) - (residual[k] < 0);
		run = now == 0 ? 0 : now == sign ? run + 1 : 1;
		sign = now;
		ret->run = run > ret->run ? run : ret->run;
	}
	ret->p = bp_cormap_p(n, ret->run);
}
