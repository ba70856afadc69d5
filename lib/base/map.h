/* lib/base/map.h: a whole file as read-only memory. */
#ifndef BP_MAP_H
#define BP_MAP_H

#include <stddef.h>

#include "base/err.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Map a regular file that is not empty; *p [n] is page aligned and shared with other processes. BP_EIO names path.
 * The file must not shrink while it is mapped: programs replace such files by renaming, never in place. */
int bp_map_open(const void **p, size_t *n, const char *path, struct bp_err *err) BP_MUST_USE;
void bp_map_close(const void *p, size_t n); /* NULL is fine */

#ifdef __cplusplus
}
#endif
#endif
