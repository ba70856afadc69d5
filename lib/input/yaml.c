/* yaml.c: plain scalars (YAML 1.1's resolver); the composer: libyaml's events to values; entry. */
#include "input/yaml.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "input/text.h"

/* ---- plain scalars ---- */

static bool
one_of(const char *s, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(s, *words) == 0)
			return true;
	return false;
}

/* the length of the run of characters from set */
#define RUN(s, set) strspn(s, set)

/* copy without '_' into buf; false when too long for a number worth reading */
static bool
strip(char *buf, size_t cap, const char *s)
{
	for (; *s; s++) {
		if (*s == '_')
			continue;
		if (cap-- <= 1)
			return false;
		*buf++ = *s;
	}
	*buf = '\0';
	return true;
}

/* [1-9][0-9_]*(:[0-5]?[0-9])+ with an optional fraction: base 60 */
static bool
is_sexagesimal(const char *s, bool *real)
{
	size_t k = RUN(s, "0123456789_");

	if (k == 0 || s[0] == '_' || s[k] != ':')
		return false;
	for (s += k; *s == ':'; s += k) {
		s++;
		k = RUN(s, "0123456789");
		if (k == 0 || k > 2 || (k == 2 && s[0] > '5'))
			return false;
	}
	*real = *s == '.';
	return *real ? s[1 + RUN(s + 1, "0123456789_")] == '\0' : *s == '\0';
}

static double
sexagesimal(const char *s)
{
	double v = 0;

	for (;; s++) {
		char *end;
		v = 60 * v + strtod(s, &end);
		if (*end != ':')
			return v;
		s = end;
	}
}

/* The base of a whole number in YAML 1.1's spelling (2, 8, 10, 16), or 0. s is behind the sign. */
static int
int_base(const char *s)
{
	if (s[0] == '0' && s[1] == 'b')
		return s[2] && s[2 + RUN(s + 2, "01_")] == '\0' ? 2 : 0;
	if (s[0] == '0' && s[1] == 'x')
		return s[2] && s[2 + RUN(s + 2, "0123456789abcdefABCDEF_")] == '\0' ? 16 : 0;
	if (s[0] == '0' && s[1])
		return s[1 + RUN(s + 1, "01234567_")] == '\0' ? 8 : 0;
	return isdigit((unsigned char)s[0]) && s[RUN(s, "0123456789_")] == '\0' ? 10 : 0;
}

/* digits . [digits] [e sign digits], or . digits: YAML 1.1 wants the point, and a sign in the exponent */
static bool
is_real(const char *s, bool sign)
{
	size_t k = RUN(s, "0123456789_");

	if (s[0] == '_' || s[k] != '.' || (k == 0 && (sign || !isdigit((unsigned char)s[1]))))
		return false;
	s += k + 1;
	s += RUN(s, "0123456789_");
	if (*s == 'e' || *s == 'E') {
		s++;
		if (*s != '+' && *s != '-')
			return false;
		s++;
		if (!isdigit((unsigned char)*s))
			return false;
		s += RUN(s, "0123456789");
	}
	return *s == '\0';
}

/* v->u.s is the text of a plain scalar: give v the type that the text means */
static void
resolve(struct bp_val *v)
{
	static const char *const nil[] = { "", "~", "null", "Null", "NULL", NULL };
	static const char *const yes[] = { "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON", NULL };
	static const char *const no[] = { "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF", NULL };
	static const char *const inf[] = { ".inf", ".Inf", ".INF", NULL };
	static const char *const nan[] = { ".nan", ".NaN", ".NAN", NULL };
	const char *s = v->u.s, *digits;
	bool sign = *s == '+' || *s == '-', real = false;
	char buf[64];
	int base;

	digits = s + sign;
	if (one_of(s, nil)) {
		v->type = BP_NIL;
	} else if (one_of(s, yes) || one_of(s, no)) {
		v->type = BP_BOOL;
		v->u.b = one_of(s, yes);
	} else if (one_of(digits, inf) || one_of(s, nan)) {
		v->type = BP_REAL;
		v->u.f = one_of(s, nan) ? strtod("nan", NULL) : *s == '-' ? -strtod("inf", NULL) : strtod("inf", NULL);
	} else if ((base = int_base(digits)) != 0 && strip(buf, sizeof buf, digits)) {
		unsigned long long u;
		errno = 0;
		u = strtoull(base == 2 || base == 16 ? buf + 2 : buf, NULL, base);
		if (errno || u > (unsigned long long)INT64_MAX) {
			v->type = BP_REAL;
			v->u.f = (*s == '-' ? -1 : 1) * strtod(buf, NULL);
		} else {
			v->type = BP_INT;
			v->u.i = *s == '-' ? -(int64_t)u : (int64_t)u;
		}
	} else if (is_real(digits, sign) && strip(buf, sizeof buf, digits)) {
		v->type = BP_REAL;
		v->u.f = (*s == '-' ? -1 : 1) * strtod(buf, NULL);
	} else if (is_sexagesimal(digits, &real) && strip(buf, sizeof buf, digits)) {
		double x = (*s == '-' ? -1 : 1) * sexagesimal(buf);
		if (real || !(x > -9e15 && x < 9e15)) {
			v->type = BP_REAL;
			v->u.f = x;
		} else {
			v->type = BP_INT;
			v->u.i = (int64_t)x;
		}
	}
	if (v->type != BP_STR)
		v->n = 0;
}

/* ---- the composer ---- */

struct anchor {
	const char *name;
	struct bp_val *v;
	size_t nodes; /* with everything below, aliases expanded */
	struct anchor *next;
};

struct composer {
	yaml_parser_t parser;
	const char *path;
	struct anchor *anchors;
	size_t nodes, aliased, size;
	int n_anchors;
	struct bp_arena *mem;
	struct bp_err *err;
};

/* Where a value stands, for messages: under which key, in which item (from 1; 0: none) of the list around it. */
struct place {
	const char *key;
	int entry, depth;
};

static int
syntax_error(struct composer *c)
{
	const yaml_parser_t *p = &c->parser;
	int line = (int)p->problem_mark.line + 1;
	const char *what = p->problem ? p->problem : "unreadable";

	if (p->error == YAML_MEMORY_ERROR)
		return BP_FAIL(c->err, BP_EMEM, NULL, "%s: out of memory", c->path);
	if (p->problem_mark.index >= c->size)
		return BP_AT(c->err, c->path, line, "is the file cut short?",
		    "YAML syntax error at line %d: unexpected end", line);
	if (strstr(what, "cannot start any token") && p->buffer.pointer < p->buffer.last && *p->buffer.pointer == '\t')
		return BP_AT(c->err, c->path, line, "indent with spaces",
		    "YAML syntax error at line %d: tab used for indentation", line);
	return BP_AT(c->err, c->path, line, NULL, "YAML syntax error at line %d: %s", line, what);
}

static int compose(struct composer *c, const yaml_event_t *e, struct place at, struct bp_val **ret, size_t *nodes);

/* the next event; the caller deletes it */
static int
next(struct composer *c, yaml_event_t *e)
{
	return yaml_parser_parse(&c->parser, e) ? BP_OK : syntax_error(c);
}

static int
scalar(struct composer *c, const yaml_event_t *e, struct bp_val **ret)
{
	const char *tag = (const char *)e->data.scalar.tag;
	int line = (int)e->start_mark.line + 1;

	*ret = bp_val_strn(c->mem, (const char *)e->data.scalar.value, e->data.scalar.length, c->err);
	if (!*ret)
		return BP_EMEM;
	(*ret)->text = (*ret)->u.s;
	(*ret)->line = line;
	if (memchr((*ret)->u.s, 0, (*ret)->n)) /* "\0" in double quotes */
		return BP_AT(c->err, c->path, line, "remove it", "control character (NUL) in the input");
	if (tag && strcmp(tag, YAML_STR_TAG) != 0 && strcmp(tag, "!") != 0)
		return BP_AT(c->err, c->path, line, "remove it", "YAML tag '%s' is not supported", tag);
	if (!tag && e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
		resolve(*ret);
	return BP_OK;
}

static int
alias(struct composer *c, const yaml_event_t *e, struct bp_val **ret, size_t *nodes)
{
	const char *name = (const char *)e->data.alias.anchor;
	int line = (int)e->start_mark.line + 1;

	for (struct anchor *a = c->anchors; a; a = a->next) {
		if (strcmp(a->name, name) != 0)
			continue;
		*ret = a->v;
		*nodes = a->nodes;
		if ((c->aliased += a->nodes) > BP_YAML_MAXALIAS)
			return BP_AT(
			    c->err, c->path, line, "write the values out", "YAML aliases expand to too much data");
		return BP_OK;
	}
	return BP_AT(
	    c->err, c->path, line, "define it before its use, as &NAME", "YAML alias '*%s' is not defined", name);
}

static int
remember(struct composer *c, const char *name, struct bp_val *v, size_t nodes)
{
	struct anchor *a;

	if (!name)
		return BP_OK;
	if (++c->n_anchors > BP_YAML_MAXANCHORS)
		return BP_AT(c->err, c->path, v->line, NULL, "more than %d YAML anchors", BP_YAML_MAXANCHORS);
	BP_NEW(a, 1, c->mem, c->err);
	if (!(a->name = bp_strdup(c->mem, name, c->err)))
		return BP_EMEM;
	a->v = v;
	a->nodes = nodes;
	a->next = c->anchors; /* in front: a name may be given again, the last one counts */
	c->anchors = a;
	return BP_OK;
}

static int
sequence(struct composer *c, struct place at, struct bp_val *v, size_t *nodes)
{
	at.depth++;
	for (at.entry = 1;; at.entry++) {
		yaml_event_t e;
		struct bp_val *x;
		size_t below;
		int st;

		BP_TRY(next(c, &e));
		if (e.type == YAML_SEQUENCE_END_EVENT) {
			yaml_event_delete(&e);
			return BP_OK;
		}
		st = compose(c, &e, at, &x, &below);
		yaml_event_delete(&e);
		BP_TRY(st);
		*nodes += below;
		BP_TRY(bp_val_push(v, x, c->mem, c->err));
	}
}

static int
check_key(struct composer *c, struct place at, const struct bp_val *map, const struct bp_val *key)
{
	if (!key->text)
		return BP_AT(
		    c->err, c->path, key->line, "keys are words", "a key must not be %s", bp_vtype_name(key->type));
	if (strcmp(key->text, "<<") == 0)
		return BP_AT(c->err, c->path, key->line, "write the keys out", "YAML merge keys are not supported");
	if (map->n >= BP_YAML_MAXKEYS)
		return BP_AT(c->err, c->path, key->line, NULL, "more than %d keys in a mapping", BP_YAML_MAXKEYS);
	for (size_t i = 0; i < map->n; i++) {
		if (strcmp(map->u.item[2 * i]->text, key->text) != 0)
			continue;
		if (at.entry)
			return BP_AT(c->err, c->path, key->line, "keep one", "duplicate key '%s' in %s entry %d",
			    key->text, at.key, at.entry);
		return BP_AT(c->err, c->path, key->line, "keep one", "duplicate key '%s' in %s", key->text, at.key);
	}
	return BP_OK;
}

static int
mapping(struct composer *c, struct place at, struct bp_val *v, size_t *nodes)
{
	struct place in = at;

	in.depth++;
	for (;;) {
		yaml_event_t e;
		struct bp_val *key, *x;
		size_t below;
		int st;

		BP_TRY(next(c, &e));
		if (e.type == YAML_MAPPING_END_EVENT) {
			yaml_event_delete(&e);
			return BP_OK;
		}
		st = compose(c, &e, in, &key, &below);
		yaml_event_delete(&e);
		BP_TRY(st);
		*nodes += below;
		BP_TRY(check_key(c, at, v, key));
		BP_TRY(next(c, &e));
		in.key = key->text;
		st = compose(c, &e, in, &x, &below);
		yaml_event_delete(&e);
		BP_TRY(st);
		*nodes += below;
		BP_TRY(bp_val_pair(v, key, x, c->mem, c->err));
	}
}

/* the value that begins with event e; *nodes counts it and all below */
static int
compose(struct composer *c, const yaml_event_t *e, struct place at, struct bp_val **ret, size_t *nodes)
{
	const char *anchor = NULL, *tag = NULL;
	int line = (int)e->start_mark.line + 1;

	*nodes = 1;
	if (e->type == YAML_ALIAS_EVENT)
		return alias(c, e, ret, nodes);
	if (++c->nodes > BP_YAML_MAXNODES)
		return BP_AT(c->err, c->path, line, NULL, "more than %d values", BP_YAML_MAXNODES);
	if (at.depth > BP_YAML_MAXDEPTH)
		return BP_AT(c->err, c->path, line, NULL, "nested deeper than %d levels", BP_YAML_MAXDEPTH);
	if (e->type == YAML_SCALAR_EVENT) {
		anchor = (const char *)e->data.scalar.anchor;
		BP_TRY(scalar(c, e, ret));
	} else if (e->type == YAML_SEQUENCE_START_EVENT) {
		anchor = (const char *)e->data.sequence_start.anchor;
		tag = (const char *)e->data.sequence_start.tag;
		*ret = bp_val_arr(c->mem, c->err);
	} else if (e->type == YAML_MAPPING_START_EVENT) {
		anchor = (const char *)e->data.mapping_start.anchor;
		tag = (const char *)e->data.mapping_start.tag;
		*ret = bp_val_map(c->mem, c->err);
	} else {
		return BP_AT(c->err, c->path, line, NULL, "YAML syntax error at line %d: unexpected end", line);
	}
	if (!*ret)
		return BP_EMEM;
	(*ret)->line = line;
	if (tag && strcmp(tag, YAML_SEQ_TAG) != 0 && strcmp(tag, YAML_MAP_TAG) != 0)
		return BP_AT(c->err, c->path, line, "remove it", "YAML tag '%s' is not supported", tag);
	if (e->type == YAML_SEQUENCE_START_EVENT)
		BP_TRY(sequence(c, at, *ret, nodes));
	else if (e->type == YAML_MAPPING_START_EVENT)
		BP_TRY(mapping(c, at, *ret, nodes));
	return remember(c, anchor, *ret, *nodes);
}

/* stream start, document start, the value, document end, stream end */
static int
document(struct composer *c, struct bp_val **ret)
{
	struct place top = { "the input", 0, 0 };
	yaml_event_type_t type = YAML_NO_EVENT;
	yaml_event_t e;
	size_t nodes;
	int st = BP_OK, line = 1;

	*ret = NULL;
	while (st == BP_OK && type != YAML_STREAM_END_EVENT) {
		BP_TRY(next(c, &e));
		type = e.type;
		line = (int)e.start_mark.line + 1;
		if (type == YAML_DOCUMENT_START_EVENT && *ret)
			st = BP_AT(c->err, c->path, line, "one input a file", "a second YAML document ('---')");
		else if (type != YAML_STREAM_START_EVENT && type != YAML_DOCUMENT_START_EVENT
		    && type != YAML_DOCUMENT_END_EVENT && type != YAML_STREAM_END_EVENT)
			st = compose(c, &e, top, ret, &nodes);
		yaml_event_delete(&e);
	}
	BP_TRY(st);
	if (!*ret || (*ret)->type == BP_NIL)
		return BP_AT(c->err, c->path, 1, "see the manual for a first input", "the file is empty");
	return BP_OK;
}

int
bp_yaml_read(
    struct bp_val **ret, const char *path, const char *text, size_t n, struct bp_arena *mem, struct bp_err *err)
{
	struct composer c = { .path = path, .mem = mem, .err = err, .size = n };
	int st;

	*ret = NULL;
	if (n > BP_YAML_MAXBYTES)
		return BP_FAIL(err, BP_EINPUT, "is this the right file?", "%s: %zu bytes, at most %d are read", path, n,
		    BP_YAML_MAXBYTES);
	BP_TRY(bp_text_check(path, text, n, err));
	if (!yaml_parser_initialize(&c.parser))
		return BP_FAIL(err, BP_EMEM, NULL, "%s: out of memory", path);
	yaml_parser_set_encoding(&c.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&c.parser, (const unsigned char *)text, n);
	st = document(&c, ret);
	yaml_parser_delete(&c.parser);
	if (st != BP_OK)
		*ret = NULL;
	return st;
}
