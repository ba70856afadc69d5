/* JSON to and from bp_val; declared in base/val.h */
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "base/utf8.h"
#include "base/val.h"

static struct bp_val *
convert(const json_t *j, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_val *v = NULL;

	switch (json_typeof(j)) {
	case JSON_OBJECT: {
		const char *key;
		json_t *x;
		if (!(v = bp_val_map(mem, err)))
			return NULL;
		json_object_foreach((json_t *)j, key, x)
			if (bp_val_pair(v, bp_val_str(mem, key, err), convert(x, mem, err), mem, err) != BP_OK)
				return NULL;
		return v;
	}
	case JSON_ARRAY: {
		size_t i;
		json_t *x;
		if (!(v = bp_val_arr(mem, err)))
			return NULL;
		json_array_foreach(j, i, x)
			if (bp_val_push(v, convert(x, mem, err), mem, err) != BP_OK)
				return NULL;
		return v;
	}
	case JSON_STRING:
		return bp_val_strn(mem, json_string_value(j), json_string_length(j), err);
	case JSON_INTEGER:
		return bp_val_int(mem, json_integer_value(j), err);
	case JSON_REAL:
		return bp_val_real(mem, json_real_value(j), err);
	case JSON_TRUE:
	case JSON_FALSE:
		return bp_val_bool(mem, json_is_true(j), err);
	default:
		return bp_val_nil(mem, err);
	}
}

int
bp_json_read(struct bp_val **ret, const char *text, size_t n, struct bp_arena *mem, struct bp_err *err)
{
	json_error_t je;
	json_t *j = json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &je);

	*ret = NULL;
	if (!j)
		return BP_FAIL(err, BP_EINPUT, NULL, "JSON, line %d: %s", je.line, je.text);
	*ret = convert(j, mem, err);
	json_decref(j);
	return *ret ? BP_OK : BP_EMEM;
}

/* what is no UTF-8 becomes U+FFFD, so that the file stays JSON whatever a stream brought */
static void
put_string(FILE *f, const char *s, size_t n)
{
	size_t len;

	putc('"', f);
	for (size_t i = 0; i < n; i += len ? len : 1) {
		unsigned char c = (unsigned char)s[i];
		len = bp_utf8_length((const unsigned char *)s + i, n - i);
		if (len == 0)
			fputs("\\ufffd", f);
		else if (c == '"' || c == '\\')
			fprintf(f, "\\%c", c);
		else if (c == '\n')
			fputs("\\n", f);
		else if (c == '\t')
			fputs("\\t", f);
		else if (c < 0x20 || c == 0x7f)
			fprintf(f, "\\u%04x", c);
		else
			fwrite(s + i, 1, len, f);
	}
	putc('"', f);
}

/* as Python's repr: the shortest digits that read back the same, an exponent only below 1e-4 and from 1e16 */
static void
put_real(FILE *f, double x)
{
	char buf[40];
	int digits = 1, exponent;

	for (; digits <= 17; digits++) {
		snprintf(buf, sizeof buf, "%.*e", digits - 1, x);
		if (strtod(buf, NULL) == x)
			break;
	}
	exponent = (int)strtol(strchr(buf, 'e') + 1, NULL, 10);
	if (x == 0 || (exponent >= -4 && exponent < 16))
		fprintf(f, "%.*f", digits - 1 > exponent ? digits - 1 - exponent : 1, x);
	else
		fprintf(f, "%.*g", digits, x);
}

static void
newline(FILE *f, int indent, int depth)
{
	if (indent)
		fprintf(f, "\n%*s", indent * depth, "");
}

static void
put(FILE *f, const struct bp_val *v, int indent, int depth)
{
	bool map;

	switch (v ? v->type : BP_NIL) {
	case BP_NIL:
		fputs("null", f);
		break;
	case BP_BOOL:
		fputs(v->u.b ? "true" : "false", f);
		break;
	case BP_INT:
		fprintf(f, "%lld", (long long)v->u.i);
		break;
	case BP_REAL:
		if (isfinite(v->u.f))
			put_real(f, v->u.f);
		else
			fputs("null", f);
		break;
	case BP_STR:
		put_string(f, v->u.s, v->n);
		break;
	case BP_BIN:
		fprintf(f, "\"<%zu bytes>\"", v->n);
		break;
	case BP_ARR:
	case BP_MAP:
		map = v->type == BP_MAP;
		putc(map ? '{' : '[', f);
		for (size_t i = 0; i < v->n; i++) {
			if (i)
				fputs(indent ? "," : ", ", f);
			newline(f, indent, depth + 1);
			if (map) {
				const struct bp_val *k = v->u.item[2 * i];
				if (k->type == BP_STR || k->type == BP_BIN) {
					put_string(f, k->u.s, k->n);
				} else { /* JSON keys are strings */
					putc('"', f);
					put(f, k, 0, 0);
					putc('"', f);
				}
				fputs(": ", f);
			}
			put(f, v->u.item[map ? 2 * i + 1 : i], indent, depth + 1);
		}
		if (v->n)
			newline(f, indent, depth);
		putc(map ? '}' : ']', f);
		break;
	}
}

int
bp_json_write(FILE *f, const struct bp_val *v, int indent)
{
	put(f, v, indent, 0);
	return ferror(f) ? BP_EIO : BP_OK;
}
