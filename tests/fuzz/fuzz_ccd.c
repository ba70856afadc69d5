/* tests/fuzz/fuzz_ccd.c: any bytes as a component store; all of it is read and printed. The library is to be built
 * with FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION, so that checksums do not keep the fuzzer out. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "chem/ccd_show.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bp_err err = { 0 };
	struct bp_arena *mem;
	struct bp_ccd_comp c;
	struct bp_ccd *s;
	struct bp_val *v;
	void *copy = malloc(size ? size : 1); /* aligned, and the sanitizer sees its end */
	FILE *null = fopen("/dev/null", "w");

	if (copy && null && bp_arena_open(&mem, (size_t)256 << 20, &err) == BP_OK) {
		memcpy(copy, data, size);
		if (bp_ccd_open_memory(&s, copy, size, mem, &err) == BP_OK)
			for (size_t i = 0; i < bp_ccd_count(s, 0) && i < 100; i++)
				if (bp_ccd_at(&c, s, 0, i, &err) == BP_OK) {
					bp_ccd_print(null, &c);
					(void)!bp_ccd_val(&v, &c, mem, &err);
				}
		bp_arena_close(mem);
	}
	if (null)
		fclose(null);
	free(copy);
	return 0;
}
