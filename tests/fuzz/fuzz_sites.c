/* tests/fuzz/fuzz_sites.c: any bytes as a PDB or mmCIF file, compared with itself. */
#include <stddef.h>
#include <stdint.h>

#include "structure/superpose.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bp_err err = { 0 };
	struct bp_arena *mem;
	struct bp_sites *s;
	struct bp_rmsd r;

	if (size == 0 || bp_arena_open(&mem, (size_t)256 << 20, &err) != BP_OK)
		return 0;
	if (bp_sites_read_mem(&s, (const char *)data + 1, size - 1, "fuzz", (enum bp_altloc)(data[0] % 3), mem, &err) == BP_OK)
		(void)!bp_sites_rmsd(&r, s, s, mem, &err);
	bp_arena_close(mem);
	return 0;
}
