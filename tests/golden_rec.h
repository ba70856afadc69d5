/* tests/golden_rec.h: stored features as the record that featurize would send. */
#ifndef BP_TEST_GOLDEN_REC_H
#define BP_TEST_GOLDEN_REC_H

#include "golden.h"

#include <unistd.h>

#include "stream/rec.h"

/* Every tensor of features/NAME.safetensors (else of trunk/features/NAME.safetensors) without its batch axis, copied
 * into mem. given_coords, which an affinity case was made from, has no such axis and is left out. */
static inline struct bp_rec *
golden_features(const char *name, struct bp_arena *mem)
{
	struct bp_err err = { 0 };
	struct bp_rec *rec;
	struct bp_st *s;
	char rel[256], path[512];

	snprintf(rel, sizeof rel, "features/%s.safetensors", name);
	if (access(golden_path(path, rel), R_OK) != 0)
		snprintf(rel, sizeof rel, "trunk/features/%s.safetensors", name);
	s = golden_open(rel);
	assert_int_equal(bp_rec_new(&rec, BP_FEATURES, name, mem, &err), BP_OK);
	for (int i = 0; i < bp_st_count(s); i++) {
		const struct bp_tensor *t = bp_st_tensor(s, i);
		struct bp_tensor *copy;
		if (!strcmp(bp_st_name(s, i), "given_coords"))
			continue;
		assert_int_equal(t->shape[0], 1);
		if (bp_rec_add(&copy, rec, bp_st_name(s, i), t->dtype, t->ndim - 1, t->shape + 1, &err) != BP_OK)
			fail_msg("%s", err.msg);
		memcpy(copy->data, t->data, (size_t)bp_count(t) * bp_dtype_size(t->dtype));
	}
	bp_st_close(s);
	return rec;
}

#endif
