/* tests/fuzz/fuzz_a3m.c: any bytes as an a3m file (first byte even) or a csv one, then paired with itself. */
#include <stddef.h>
#include <stdint.h>

#include "input/msa.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bp_err err = { 0 };
	struct bp_arena *mem;
	struct bp_msa *msa;

	if (size == 0 || bp_arena_open(&mem, (size_t)256 << 20, &err) != BP_OK)
		return 0;
	if (bp_msa_read_mem(
	        &msa, data[0] & 1 ? "fuzz.csv" : "fuzz.a3m", (const char *)data + 1, size - 1, 1000, mem, &err)
	    == BP_OK) {
		const struct bp_msa *chains[2] = { msa, msa };
		struct bp_pairing *p;
		if (bp_msa_pair(&p, chains, 2, 500, 900, mem, &err) == BP_OK)
			for (int i = 0; i < 2 * p->rows; i++)
				bp_assert(p->row[i] >= -1 && p->row[i] < msa->rows);
	}
	bp_arena_close(mem);
	return 0;
}
