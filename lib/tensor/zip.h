/* lib/tensor/zip.h: reading zip archives of stored (not compressed) entries, with 64-bit sizes: what torch.save writes.
 * Format: PKWARE APPNOTE 6.3.3. Nothing is mapped: bytes are read when asked for, so that a large archive costs no
 * memory. */
#ifndef BP_ZIP_H
#define BP_ZIP_H

#include <stdint.h>

#include "base/arena.h"

struct bp_zip;
struct bp_zipent {
	const char *name;
	uint64_t at, size; /* where its bytes are in the file: checked to lie inside */
	uint32_t crc;
};

/* Read the directory of path, or of n bytes in memory (which stay the caller's). BP_EINPUT: no zip file, cut, damaged,
 * an entry that is compressed or encrypted, or two of one name; BP_EIO. Messages name the file. */
int bp_zip_open(struct bp_zip **ret, const char *path, struct bp_err *err) BP_MUST_USE;
int bp_zip_open_mem(struct bp_zip **ret, const void *data, size_t n, const char *name, struct bp_err *err) BP_MUST_USE;
void bp_zip_close(struct bp_zip *z); /* NULL is fine */

int bp_zip_count(const struct bp_zip *z);
const struct bp_zipent *bp_zip_at(const struct bp_zip *z, int i);              /* sorted by name */
const struct bp_zipent *bp_zip_find(const struct bp_zip *z, const char *name); /* NULL: none     */

/* n bytes from byte `from` of an entry on. BP_EINPUT: beyond its end; BP_EIO. */
int bp_zip_read(
    struct bp_zip *z, const struct bp_zipent *e, uint64_t from, void *buf, size_t n, struct bp_err *err) BP_MUST_USE;
/* Read all of it and compare with its checksum. BP_EINPUT: damaged. */
int bp_zip_check(struct bp_zip *z, const struct bp_zipent *e, struct bp_err *err) BP_MUST_USE;

#endif
