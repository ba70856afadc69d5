/* tests/fuzz/fuzz_yaml.c: any bytes as a YAML input, up to its chemistry (with the built-in store, when run where it
 * is). */
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "input/target.h"
#include "input/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct bp_arena *kept;
	static struct bp_ccd *ccd;
	struct bp_err err = { 0 };
	struct bp_arena *mem;
	struct bp_target *t;
	struct bp_input *in;
	struct bp_val *v;

	if (!kept) {
		bp_log_open("fuzz_yaml", BP_LOG_ERROR);
		if (bp_arena_open(&kept, 0, &err) != BP_OK
		    || bp_ccd_open_file(&ccd, "share/ccd/builtin.bpccd", kept, &err) != BP_OK)
			ccd = NULL;
	}
	if (bp_arena_open(&mem, (size_t)512 << 20, &err) != BP_OK)
		return 0;
	if (bp_yaml_read(&v, "fuzz.yaml", (const char *)data, size, mem, &err) == BP_OK
	    && bp_schema_read(&in, "fuzz.yaml", v, mem, &err) == BP_OK && ccd
	    && bp_target_build(&t, in, ccd, mem, &err) == BP_OK)
		bp_assert(t->n_tokens > 0 && t->n_atoms >= t->n_tokens);
	bp_arena_close(mem);
	return 0;
}
