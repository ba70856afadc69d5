/* the stream's reader, the writer on what it read, and batches taken apart and put together */
#include <stdlib.h>

#include "stream/batch.h"
#include "stream/io.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
batch(struct bp_rec *r, struct bp_out *out, struct bp_arena *mem)
{
	struct bp_rec *member[BP_BATCH_MAX], *again;
	struct bp_err err = { 0 };
	int n, st = bp_batch_open(member, &n, r, BP_OK, &err);

	if (n < 1 || (st != BP_OK && st != BP_EINPUT && st != BP_EMEM))
		abort();
	if (st == BP_OK && (st = bp_batch_stack(&again, member, n, mem, &err)) == BP_OK)
		st = bp_out_put(out, again, &err);
	if (st != BP_OK && bp_out_broken(out) != BP_OK)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct bp_err err = { 0 };
	struct bp_arena *mem;
	struct bp_in *in;
	struct bp_out *out;
	struct bp_rec *r;
	char *copy;
	size_t copied;
	int st;

	if (bp_arena_open(&mem, 64 << 20, &err) != BP_OK || bp_in_open_mem(&in, data, n, &err) != BP_OK
	    || bp_out_open_mem(&out, &copy, &copied, &err) != BP_OK)
		abort();
	while ((st = bp_in_next(in, mem, &r, &err)) == BP_OK) {
		if (bp_out_put(out, r, &err) != BP_OK) /* what was read can be written */
			abort();
		batch(r, out, mem);
		bp_arena_reset(mem);
	}
	if (st != BP_EOS && st != BP_ESTREAM && st != BP_EMEM)
		abort();
	bp_out_close(out);
	bp_in_close(in);
	free(copy);
	bp_arena_close(mem);
	return 0;
}
