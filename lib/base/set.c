#include "base/set.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* where the key is, or belongs */
static size_t
slot(const struct bp_set *s, const char *key)
{
	uint64_t h = 14695981039346656037u; /* FNV-1a */

	for (const char *p = key; *p; p++)
		h = (h ^ (unsigned char)*p) * 1099511628211u;
	for (h &= s->cap - 1; s->v[h] && strcmp(s->v[h], key); h = (h + 1) & (s->cap - 1))
		;
	return (size_t)h;
}

bool
bp_set_has(const struct bp_set *s, const char *key)
{
	return s->cap && s->v[slot(s, key)];
}

/* grow, so that a free slot is always found */
static bool
grow(struct bp_set *s)
{
	struct bp_set old = *s;

	s->cap = old.cap ? 2 * old.cap : 64;
	if (!(s->v = calloc(s->cap, sizeof *s->v))) {
		*s = old;
		return false;
	}
	for (size_t i = 0; i < old.cap; i++)
		if (old.v[i])
			s->v[slot(s, old.v[i])] = old.v[i];
	free(old.v);
	return true;
}

int
bp_set_add(struct bp_set *s, const char *key, struct bp_err *err)
{
	char *copy = NULL;

	if (bp_set_has(s, key))
		return BP_OK;
	if ((2 * s->n >= s->cap && !grow(s)) || !(copy = strdup(key)))
		return BP_FAIL(err, BP_EMEM, NULL, "no memory to remember %zu names", s->n);
	s->v[slot(s, key)] = copy;
	s->n++;
	return BP_OK;
}

void
bp_set_close(struct bp_set *s)
{
	for (size_t i = 0; i < s->cap; i++)
		free(s->v[i]);
	free(s->v);
	*s = (struct bp_set) { 0 };
}
