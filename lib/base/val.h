/* lib/base/val.h: a tree of plain values in an arena: what YAML, JSON and msgpack have in common.
 * Built by the readers (lib/input/yaml.h, bp_json_read, lib/stream), read by everyone through these functions. */
#ifndef BP_VAL_H
#define BP_VAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"

#ifdef __cplusplus
extern "C" {
#endif

enum bp_vtype { BP_NIL, BP_BOOL, BP_INT, BP_REAL, BP_STR, BP_BIN, BP_ARR, BP_MAP };

struct bp_val {
	enum bp_vtype type;
	int line;        /* where in the source text, from 1; 0: unknown                                    */
	size_t n, cap;   /* STR, BIN: bytes; ARR: items; MAP: pairs                                         */
	const char *text; /* a scalar as the source spelt it (for messages), or NULL                        */
	union {
		bool b;
		int64_t i;
		double f;
		const char *s;        /* STR, BIN: NUL follows, but may also be inside              */
		struct bp_val **item; /* ARR: n items; MAP: 2n, keys at even places                 */
	} u;
};

/* Makers. NULL and err = BP_EMEM when there is no memory. Strings are copied. */
struct bp_val *bp_val_nil(struct bp_arena *mem, struct bp_err *err);
struct bp_val *bp_val_bool(struct bp_arena *mem, bool b, struct bp_err *err);
struct bp_val *bp_val_int(struct bp_arena *mem, int64_t i, struct bp_err *err);
struct bp_val *bp_val_real(struct bp_arena *mem, double f, struct bp_err *err);
struct bp_val *bp_val_str(struct bp_arena *mem, const char *s, struct bp_err *err);
struct bp_val *bp_val_strn(struct bp_arena *mem, const char *s, size_t n, struct bp_err *err);
struct bp_val *bp_val_bin(struct bp_arena *mem, const void *p, size_t n, struct bp_err *err);
struct bp_val *bp_val_arr(struct bp_arena *mem, struct bp_err *err);
struct bp_val *bp_val_map(struct bp_arena *mem, struct bp_err *err);

/* Append x to array a; set key to x in map m (replacing). x = NULL returns BP_EMEM, so that a maker's
 * result can be passed on unchecked. */
int bp_val_push(struct bp_val *a, struct bp_val *x, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;
int bp_val_set(struct bp_val *m, const char *key, struct bp_val *x, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;
/* Append a pair with any key, without looking for an equal one (readers). */
int bp_val_pair(struct bp_val *m, struct bp_val *key, struct bp_val *x, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

/* Lookers: cannot fail. v may be NULL everywhere and then looks like nil. */
struct bp_val *bp_val_get(const struct bp_val *v, const char *key); /* NULL: not a map, or no such key (str or bin) */
struct bp_val *bp_val_at(const struct bp_val *v, size_t i);         /* NULL: not an array, or beyond it             */
size_t bp_val_count(const struct bp_val *v);                        /* items of an array, pairs of a map, else 0    */
bool bp_val_is(const struct bp_val *v, enum bp_vtype t);
const char *bp_val_cstr(const struct bp_val *v, const char *otherwise); /* STR (or BIN) as C string     */
int64_t bp_val_i64(const struct bp_val *v, int64_t otherwise);          /* INT or BOOL, else otherwise  */
double bp_val_num(const struct bp_val *v, double otherwise);            /* INT or REAL, else otherwise  */
const char *bp_vtype_name(enum bp_vtype t);                             /* "a list", "a mapping", ...   */

/* JSON. Reading (jansson) refuses duplicate keys and anything after the value; BP_EINPUT names the line.
 * Writing: indent 0 gives one line; floats are printed so that they read back the same; not-finite
 * numbers become null, bins their length, bytes that are no UTF-8 U+FFFD. */
int bp_json_read(struct bp_val **ret, const char *text, size_t n, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;
int bp_json_write(FILE *f, const struct bp_val *v, int indent);

#ifdef __cplusplus
}
#endif
#endif
