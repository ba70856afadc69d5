/* specs and sections of guides: the first byte says which */
#include <stdint.h>
#include <string.h>

#include "guide/params.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct bp_guide_params p, *list;
	struct bp_arena *mem;
	struct bp_val *v;
	char *text;
	int count;

	if (n < 1 || bp_arena_open(&mem, (size_t)1 << 28, NULL) != BP_OK)
		return 0;
	text = bp_strndup(mem, (const char *)data + 1, n - 1, NULL);
	if (text && data[0] % 2 == 0) {
		if (bp_guide_from_spec(&p, text, mem, NULL) == BP_OK)
			bp_assert(bp_guide_to_val(&p, mem, NULL) != NULL);
	} else if (text && bp_json_read(&v, text, strlen(text), mem, NULL) == BP_OK
	    && bp_guide_section(&list, &count, v, data[0] % 4 == 3, mem, NULL) == BP_OK) {
		for (int i = 0; i < count; i++) { /* what is taken reads back */
			bp_assert((v = bp_guide_to_val(&list[i], mem, NULL)) != NULL);
			bp_assert(bp_guide_from_val(&p, list[i].section, v, mem, NULL) == BP_OK);
		}
	}
	bp_arena_close(mem);
	return 0;
}
