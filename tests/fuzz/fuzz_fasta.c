/* tests/fuzz/fuzz_fasta.c: any bytes as a FASTA input. */
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "input/fasta.h"
#include "input/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bp_err err = { 0 };
	struct bp_arena *mem;
	struct bp_input *in;
	struct bp_val *v;
	char *text;

	bp_log_open("fuzz_fasta", BP_LOG_ERROR);
	if (bp_arena_open(&mem, (size_t)256 << 20, &err) != BP_OK)
		return 0;
	/* the reader wants a NUL behind the text, as bp_text_read gives it */
	if ((text = bp_strndup(mem, (const char *)data, size, &err))
	    && bp_fasta_read(&v, "fuzz.fasta", text, size, mem, &err) == BP_OK)
		(void)!bp_schema_read(&in, "fuzz.fasta", v, mem, &err);
	bp_arena_close(mem);
	return 0;
}
