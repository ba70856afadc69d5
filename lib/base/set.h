/* lib/base/set.h: a set of strings. */
#ifndef BP_SET_H
#define BP_SET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct bp_set { /* cleared: empty */
	char **v;       /* [cap] open addressing; NULL: free */
	size_t n, cap;
};

bool bp_set_has(const struct bp_set *s, const char *key);
/* The key is copied; nothing happens when it is there. */
int bp_set_add(struct bp_set *s, const char *key, struct bp_err *err) BP_MUST_USE;
void bp_set_close(struct bp_set *s);

#endif
