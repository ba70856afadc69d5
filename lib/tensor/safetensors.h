/* lib/tensor/safetensors.h: the safetensors format: a file of named tensors, mapped read-only, or written.
 * Format: 8-byte little-endian length n, n bytes of JSON header, data. https://github.com/huggingface/safetensors */
#ifndef BP_SAFETENSORS_H
#define BP_SAFETENSORS_H

#include "base/val.h"
#include "tensor/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

struct bp_st; /* an open file: the mapping and a sorted table of its tensors */

/* Map path read-only (shared between processes). Everything in the header is checked against the file's size:
 * every tensor returned later lies inside the mapping. BP_EIO, BP_EINPUT name the file. */
int bp_st_open(struct bp_st **ret, const char *path, struct bp_err *err) BP_MUST_USE;
/* The same over n bytes in memory that stay the caller's (fuzzers, tests). name is used in messages. */
int bp_st_open_mem(struct bp_st **ret, const void *data, size_t n, const char *name, struct bp_err *err) BP_MUST_USE;
void bp_st_close(struct bp_st *s); /* NULL is fine; all tensors of it are gone */

int bp_st_count(const struct bp_st *s);
const char *bp_st_name(const struct bp_st *s, int i);                       /* 0 <= i < count, sorted       */
const struct bp_tensor *bp_st_tensor(const struct bp_st *s, int i);         /* data may be unaligned: the
                                                                               format promises nothing      */
const struct bp_tensor *bp_st_get(const struct bp_st *s, const char *name); /* NULL: no such tensor         */
const struct bp_val *bp_st_metadata(const struct bp_st *s); /* the map __metadata__ (str -> str), or NULL */
const char *bp_st_path(const struct bp_st *s);
const char *bp_st_bytes(
    const struct bp_st *s, size_t *size, size_t *header); /* the whole file; the JSON follows byte 8 */

/* Compare the file with the checksum that every file written here carries: metadata key `xxh64`, the XXH64 (seed 0) in
 * hexadecimal of the whole file with those 16 digits as zeros. *has is false when there is none. BP_EINPUT: the file is
 * damaged. */
int bp_st_verify(const struct bp_st *s, bool *has, struct bp_err *err) BP_MUST_USE;

/* Write tensors to path.tmp, sync, rename. The order in the file is that of bp_st_order. metadata: map of strings or
 * NULL. */
int bp_st_write(
    const char *path, const struct bp_named *t, int n, const struct bp_val *metadata, struct bp_err *err) BP_MUST_USE;

/* The same piece by piece, for tensors that need not be in memory: names, types and shapes first (their data are not
 * looked at and may be NULL), then the bytes of tensor 0, 1, ... in pieces of any size. bp_st_end checks that all came,
 * syncs and renames; without it bp_st_out_close leaves no file. */
struct bp_st_out;
/* The format allows no gaps: in falling order of element size every tensor lies aligned. t [n] in that order, and where
 * each stood (from may be NULL); returns n. */
int bp_st_order(struct bp_named *to, int *from, const struct bp_named *t, int n);
int bp_st_out_open(struct bp_st_out **ret, const char *path, const struct bp_named *t, int n,
    const struct bp_val *metadata, struct bp_err *err) BP_MUST_USE;
int bp_st_put(struct bp_st_out *o, const void *p, size_t n, struct bp_err *err) BP_MUST_USE;
int bp_st_end(struct bp_st_out *o, struct bp_err *err) BP_MUST_USE;
void bp_st_out_close(struct bp_st_out *o); /* NULL is fine */

#ifdef __cplusplus
}
#endif
#endif
