/* lib/stream/show.h: a stream for people: `boltzpipe show`. */
#ifndef BP_SHOW_H
#define BP_SHOW_H

#include <stdio.h>

#include "stream/io.h"

struct bp_show {
	const char *in;     /* NULL: stdin                                                        */
	const char *tensor; /* NULL: a summary; else this tensor of each record, as text          */
	const char *npy;    /* with tensor: into this file, of the first record that has it       */
	int record;         /* only this one, from 0; -1: all                                     */
	bool json;          /* a line of JSON a record; with tensor its numbers too               */
	size_t mem_cap;
};

/* Print to f. Reads the whole stream, so that damage is told whatever is asked for. BP_EUSAGE: no such record or
 * tensor, with the nearest name; BP_ESTREAM as bp_in_next; BP_EIO. */
int bp_show(const struct bp_show *o, FILE *f, struct bp_err *err) BP_MUST_USE;

#endif
