/* tests/fuzz/fuzz_cif.c: any bytes as the CIF text of a component. */
#include <stddef.h>
#include <stdint.h>

#include "chem/ccd_cif.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bp_cif_block block = { (const char *)data, size, "FUZZ", 1 };
	const float (*model)[3];
	struct bp_ccd_comp c;
	struct bp_err err = { 0 };
	struct bp_arena *mem;

	if (bp_arena_open(&mem, (size_t)256 << 20, &err) != BP_OK)
		return 0;
	if (bp_ccd_cif_read(&c, &model, &block, "fuzz", mem, &err) == BP_OK)
		for (int i = 0; i < c.n_bonds; i++)
			bp_assert(c.bond[i].a < c.n_atoms && c.bond[i].b < c.n_atoms);
	bp_arena_close(mem);
	return 0;
}
