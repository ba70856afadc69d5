/* tests/fuzz/fuzz_curve.c: any bytes as a SAXS curve: what is read is fit for use, and its Guinier fits end. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "guide/curve.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bp_err err = { 0 };
	struct bp_guinier g;
	struct bp_arena *mem;
	struct bp_curve *c;

	if (bp_arena_open(&mem, (size_t)256 << 20, &err) != BP_OK)
		return 0;
	if (bp_curve_read_mem(&c, "fuzz", (const char *)data, size, NULL, mem, &err) == BP_OK) {
		bp_assert(c->n >= 10);
		for (int k = 0; k < c->n; k++)
			bp_assert(c->q[k] > (k ? c->q[k - 1] : 0) && c->sigma[k] > 0 && isfinite(c->i[k])
			    && isfinite(c->sigma[k]));
		if (bp_guinier_auto(&g, c, mem, &err) == BP_OK)
			bp_assert(g.rg > 0 && g.confidence >= 0 && g.confidence <= 1);
		if (bp_guinier_fixed(&g, c, 0.01, 0.05, &err) == BP_OK)
			bp_assert(g.rg > 0);
	}
	bp_arena_close(mem);
	return 0;
}
