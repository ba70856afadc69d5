/* lib/base/hash.h: the hash of a content (XXH3, 128 bits) as 32 hexadecimal digits. It tells whether something is the
 * same as before, not whether someone wants it to look so. */
#ifndef BP_HASH_H
#define BP_HASH_H

#include <stddef.h>

#include "base/err.h"

enum { BP_HASH_SIZE = 33 }; /* with the NUL */

void bp_hash(char hex[BP_HASH_SIZE], const void *p, size_t n);
/* Of a regular file's bytes. BP_EIO names path. */
int bp_hash_file(char hex[BP_HASH_SIZE], const char *path, struct bp_err *err) BP_MUST_USE;

#endif
