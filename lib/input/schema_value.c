#include "input/schema_value.h"

#include <stdio.h>
#include <string.h>

#include "base/opt.h"

const char *
bp_found(char *buf, size_t cap, const struct bp_val *v)
{
	if (v && v->type == BP_STR)
		snprintf(buf, cap, "the string '%.40s'", v->u.s);
	else if (v && v->text && v->type == BP_BOOL)
		snprintf(buf, cap, "the truth value %.40s (quote it)", v->text);
	else if (v && v->text && (v->type == BP_INT || v->type == BP_REAL))
		snprintf(buf, cap, "the number %.40s (quote it)", v->text);
	else
		snprintf(buf, cap, "%s", v ? bp_vtype_name(v->type) : "nothing");
	return buf;
}

/* "a, b, c" */
static const char *
joined(char *buf, size_t cap, const char *const *words)
{
	size_t n = 0;

	for (buf[0] = '\0'; *words && n < cap; words++)
		n += (size_t)snprintf(buf + n, cap - n, "%s%s", n ? ", " : "", *words);
	return buf;
}

int
bp_want_keys(struct bp_schema *s, const struct bp_val *v, const char *what, const char *const *known)
{
	char buf[160], hint[200], near[64] = "";

	if (!bp_val_is(v, BP_MAP))
		return BP_SAY(s, v ? v->line : s->line, NULL, "%s must be a mapping, found %s",
		    what ? what : "the input", bp_found(buf, sizeof buf, v));
	for (size_t i = 0; i < v->n; i++) {
		const struct bp_val *key = v->u.item[2 * i];
		const char *name = key->text, *close, *const *k = known;
		while (name && *k && strcmp(*k, name) != 0)
			k++;
		if (name && *k)
			continue;
		if (!name)
			return BP_SAY(s, key->line, NULL, "a key must be a string");
		if ((close = bp_nearest(name, known, -1)))
			snprintf(near, sizeof near, " (did you mean '%s'?)", close);
		snprintf(hint, sizeof hint, "one of %s", joined(buf, sizeof buf, known));
		return what ? BP_SAY(s, key->line, hint, "unknown key '%.60s' in %s%s", name, what, near)
		            : BP_SAY(s, key->line, hint, "unknown top-level key '%.60s'%s", name, near);
	}
	s->line = v->line;
	return BP_OK;
}

int
bp_want_string(const char **ret, struct bp_schema *s, const struct bp_val *v, const char *what, const char *name)
{
	char buf[96];

	if (!bp_val_is(v, BP_STR))
		return BP_SAY(s, v ? v->line : s->line, NULL, "%s: %s must be a string, found %s", what, name,
		    bp_found(buf, sizeof buf, v));
	*ret = v->u.s;
	return BP_OK;
}

int
bp_want_list(struct bp_schema *s, const struct bp_val *v, const char *what, const char *name)
{
	char buf[96];

	if (bp_val_is(v, BP_ARR))
		return BP_OK;
	return BP_SAY(s, v ? v->line : s->line, NULL, "%s%s%s must be a list, found %s", what ? what : "",
	    what ? ": " : "", name, bp_found(buf, sizeof buf, v));
}

int
bp_want_bool(bool *ret, struct bp_schema *s, const struct bp_val *v, const char *what, const char *name, bool otherwise)
{
	char buf[96];

	*ret = otherwise;
	if (!v || v->type == BP_NIL)
		return BP_OK;
	if (v->type != BP_BOOL)
		return BP_SAY(s, v->line, NULL, "%s: %s must be true or false, found %s", what, name,
		    bp_found(buf, sizeof buf, v));
	*ret = v->u.b;
	return BP_OK;
}

int
bp_chain_named(const struct bp_input *in, const char *name)
{
	for (int i = 0; i < in->n_chains; i++)
		if (strcmp(in->chain[i].name, name) == 0)
			return i;
	return -1;
}
