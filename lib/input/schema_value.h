/* lib/input/schema_value.h: looking at a value of the input description, with messages. Used by schema.c and its parts.
 */
#ifndef BP_SCHEMA_VALUE_H
#define BP_SCHEMA_VALUE_H

#include "input/schema.h"
#include "input/text.h"

/* What the readers of the parts share. */
struct bp_schema {
	const char *path;
	struct bp_input *in;
	int line; /* of the mapping whose keys were last looked at: where something missing is missing */
	struct bp_arena *mem;
	struct bp_err *err;
};

/* Describe what was found: "the number 1", "a list" ... into buf (at least 64 bytes); returns buf. */
const char *bp_found(char *buf, size_t cap, const struct bp_val *v);

/* v must be a mapping of known keys (NULL-terminated); what: "protein entry 1", or NULL at the top level. */
int bp_want_keys(struct bp_schema *s, const struct bp_val *v, const char *what, const char *const *known) BP_MUST_USE;
/* v must be a string (name: "chain id"); the message about numbers and truth values says how to quote. */
int bp_want_string(
    const char **ret, struct bp_schema *s, const struct bp_val *v, const char *what, const char *name) BP_MUST_USE;
int bp_want_list(struct bp_schema *s, const struct bp_val *v, const char *what, const char *name) BP_MUST_USE;
int bp_want_bool(bool *ret, struct bp_schema *s, const struct bp_val *v, const char *what, const char *name,
    bool otherwise) BP_MUST_USE;
/* Chain's index by name, or -1. */
int bp_chain_named(const struct bp_input *in, const char *name);

int bp_constraints_read(struct bp_schema *s, const struct bp_val *v) BP_MUST_USE;

#define BP_SAY(s, line, hint, fmt, ...) BP_AT((s)->err, (s)->path, line, hint, fmt __VA_OPT__(, ) __VA_ARGS__)

#endif
