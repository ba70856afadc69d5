/* tests/ops/check_state.h: what check_data.c and test_check.c share of a run of one shape */
#ifndef BP_TESTS_CHECK_STATE_H
#define BP_TESTS_CHECK_STATE_H

#include "check.h"

enum { GUARD = 16, OUTS = 6 }; /* words on both sides of an output; outputs */
#define GUARD_WORD (-1.25e30f)

struct check_state {
	uint64_t rng;
	char label[96];
	double c, terms, flops, bytes; /* bytes: of all arrays, each read or written once */
	struct { /* outputs: where they are, and what was there before the op and after it */
		float *dev, *was, *host;
		size_t n; /* floats; a double is two */
		bool wide;
	} out[OUTS];
	int outs;
	int kept;        /* weights that were asked for with check_kept      */
	int calls, st;   /* calls of the op made, and its status             */
	bool dry, timed; /* this run's kind                                  */
	double start, best, spent;
	size_t before, peak;
};

float *check_host_floats(size_t n); /* malloc, or the end */

#endif
