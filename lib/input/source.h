/* lib/input/source.h: is an input the same as before? */
#ifndef BP_SOURCE_H
#define BP_SOURCE_H

#include "base/arena.h"
#include "base/hash.h"
#include "base/val.h"

/* The hash of an input, its text [n] and what it says (bp_input_tree), and of all the files that it names (alignments,
 * templates, curves): every string in it that is the name of a regular file, looked for as in bp_input_beside. What they
 * are called does not count. BP_EIO: one cannot be read. */
int bp_source_hash(char hex[BP_HASH_SIZE], const char *path, const char *text, size_t n, const struct bp_val *tree,
    struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

#endif
