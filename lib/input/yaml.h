/* lib/input/yaml.h: YAML 1.1 text as a tree of plain values, typed as PyYAML's safe_load types it.
 * Plain scalars become numbers, true/false or nothing where YAML 1.1 says so (`yes`, `017`, `1:30` included); quoted
 * ones stay strings. v->line is the source line, v->text a scalar's spelling. A whole number beyond 64 bits becomes
 * BP_REAL. Dates stay strings. */
#ifndef BP_YAML_H
#define BP_YAML_H

#include "base/val.h"

enum {
	BP_YAML_MAXBYTES = 16 << 20,
	BP_YAML_MAXDEPTH = 24,
	BP_YAML_MAXKEYS = 1000,
	BP_YAML_MAXNODES = 1000000,
	BP_YAML_MAXANCHORS = 1000,
	BP_YAML_MAXALIAS = 100000
}; /* the last: nodes that aliases may stand for in all */

/* Read the one document of text (n bytes; path is for messages). BP_EINPUT names path and line: not UTF-8, control
 * characters, empty, syntax, several documents, duplicate keys, keys that are no scalars, merge keys, unknown tags,
 * one of the limits above. Aliased values are shared, not copied. */
int bp_yaml_read(struct bp_val **ret, const char *path, const char *text, size_t n, struct bp_arena *mem,
    struct bp_err *err) BP_MUST_USE;

#endif
