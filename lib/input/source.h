/* lib/input/source.h: is an input the same as before? */
#ifndef BP_SOURCE_H
#define BP_SOURCE_H

#include "base/arena.h"
#include "base/hash.h"

/* The hash of an input file and of all the files that it names (alignments, templates, curves): every string in it that
 * is the name of a regular file, looked for as in bp_input_beside. What they are called does not count. BP_EINPUT,
 * BP_EIO: cannot be read as an input. */
int bp_source_hash(char hex[BP_HASH_SIZE], const char *path, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

#endif
