/* Contents: nearest word; number ranges; one option from text; help texts; words of the command line; what was changed;
 * the command line. */
#include "base/opt.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/build.h"

enum { NAME_MAX_LEN = 64 };

/* edit distance (insert, delete, replace, swap of neighbours), at most 99 */
static int
distance(const char *a, const char *b)
{
	int row[3][NAME_MAX_LEN + 1];
	size_t n = strlen(a), m = strlen(b);

	if (n > NAME_MAX_LEN || m > NAME_MAX_LEN)
		return 99;
	for (size_t j = 0; j <= m; j++)
		row[0][j] = (int)j;
	for (size_t i = 1; i <= n; i++) {
		int *now = row[i % 3], *before = row[(i + 2) % 3], *two = row[(i + 1) % 3];
		now[0] = (int)i;
		for (size_t j = 1; j <= m; j++) {
			int d = before[j - 1] + (a[i - 1] != b[j - 1]);
			if (before[j] + 1 < d)
				d = before[j] + 1;
			if (now[j - 1] + 1 < d)
				d = now[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && two[j - 2] + 1 < d)
				d = two[j - 2] + 1;
			now[j] = d;
		}
	}
	return row[n % 3][m];
}

const char *
bp_nearest(const char *what, const char *const *words, int n)
{
	const char *best = NULL;
	int least = 99;

	for (int i = 0; n < 0 ? words[i] != NULL : i < n; i++) {
		int d = distance(what, words[i]);
		if (d < least) {
			least = d;
			best = words[i];
		}
	}
	return least <= 1 + (int)strlen(what) / 3 ? best : NULL;
}

bool
bp_opt_in_range(double x, const char *range)
{
	char *end;
	double lo, hi;

	if (!range)
		return true;
	lo = strtod(range + 1, &end);
	if (range[0] == '(' ? !(x > lo) : !(x >= lo))
		return false;
	bp_assert(*end == ',');
	if (end[1] == 0)
		return true;
	hi = strtod(end + 1, &end);
	return *end == ')' ? x < hi : x <= hi;
}

static bool
is_word(const char *v, const char *words)
{
	size_t n = strlen(v);

	for (const char *w = words; w; w = strchr(w, '|') ? strchr(w, '|') + 1 : NULL)
		if (strncmp(w, v, n) == 0 && (w[n] == '|' || w[n] == 0) && n > 0)
			return true;
	return false;
}

static int
bad(const struct bp_optdef *d, const char *v, const char *wanted, struct bp_err *err)
{
	const char *in = d->type == BP_OPT_STR || !d->range ? "" : d->type == BP_OPT_WORD ? " of " : " in ";

	return BP_FAIL(err, BP_EUSAGE, NULL, "--%s: '%s' given, %s%s%s wanted", d->name, v, wanted, in,
	    *in ? d->range : "");
}

static bool
parse_size(size_t *ret, const char *v)
{
	char *end;
	double x = strtod(v, &end);
	const char *unit = "kMGT", *u;

	if (end == v || !(x >= 0) || x > 1e15)
		return false;
	if (*end && (u = strchr(unit, *end == 'K' ? 'k' : *end))) {
		x *= pow(1024, (double)(u - unit + 1));
		end++;
	}
	if (*end == 'i')
		end++;
	if (*end == 'B')
		end++;
	*ret = (size_t)x;
	return *end == 0 && x < 1e18;
}

int
bp_strlist_add(struct bp_strlist *l, const char *v, struct bp_arena *mem, struct bp_err *err)
{
	const char **p;

	if ((l->n & (l->n - 1)) == 0) { /* full at powers of two */
		BP_NEW(p, l->n ? 2 * l->n : 1, mem, err);
		if (l->n)
			memcpy(p, l->v, (size_t)l->n * sizeof *p);
		l->v = p;
	}
	l->v[l->n++] = v;
	return BP_OK;
}

/* store the text v (NULL for flags) into opt's field */
static int
store(const struct bp_optdef *d, void *opt, const char *v, bool negated, struct bp_arena *mem, struct bp_err *err)
{
	void *field = (char *)opt + d->field;
	char *end = NULL;
	long long i;

	errno = 0;
	switch (d->type) {
	case BP_OPT_FLAG:
		*(bool *)field = !negated;
		return BP_OK;
	case BP_OPT_AS:
		*(const char **)field = d->range;
		return BP_OK;
	case BP_OPT_INT:
		i = strtoll(v, &end, 10);
		if (end == v || *end || errno || i < -2147483648LL || i > 2147483647LL
		    || !bp_opt_in_range((double)i, d->range))
			return bad(d, v, "a whole number", err);
		*(int *)field = (int)i;
		return BP_OK;
	case BP_OPT_U64:
		*(uint64_t *)field = strtoull(v, &end, 10);
		if (end == v || *end || errno || strchr(v, '-'))
			return bad(d, v, "a whole number >= 0", err);
		return BP_OK;
	case BP_OPT_NUM:
		*(double *)field = strtod(v, &end);
		if (end == v || *end || !isfinite(*(double *)field) || !bp_opt_in_range(*(double *)field, d->range))
			return bad(d, v, "a number", err);
		return BP_OK;
	case BP_OPT_SIZE:
		if (!parse_size(field, v))
			return bad(d, v, "a size such as 500M or 4G", err);
		return BP_OK;
	case BP_OPT_WORD:
		if (!is_word(v, d->range))
			return bad(d, v, "one", err);
		*(const char **)field = v;
		return BP_OK;
	case BP_OPT_STR:
		if (!*v)
			return bad(d, v, "some text", err);
		*(const char **)field = v;
		return BP_OK;
	case BP_OPT_LIST:
		return bp_strlist_add(field, v, mem, err);
	case BP_OPT_END:
		break;
	}
	bp_assert(!"option type");
}

static bool
takes_value(const struct bp_optdef *d)
{
	return d->type != BP_OPT_FLAG && d->type != BP_OPT_AS;
}

/* name without value and with '_' as '-' */
static void
normal_name(char *buf, const char *arg)
{
	size_t n = strcspn(arg, "=");

	if (n > NAME_MAX_LEN)
		n = NAME_MAX_LEN;
	for (size_t i = 0; i < n; i++)
		buf[i] = arg[i] == '_' ? '-' : arg[i];
	buf[n] = 0;
}

static const struct bp_optdef *
find_long(const struct bp_optdef *table, const char *name, bool *negated)
{
	*negated = false;
	for (const struct bp_optdef *d = table; d->type != BP_OPT_END; d++)
		if (strcmp(d->name, name) == 0)
			return d;
	if (strncmp(name, "no-", 3) == 0)
		for (const struct bp_optdef *d = table; d->type != BP_OPT_END; d++)
			if (d->type == BP_OPT_FLAG && strcmp(d->name, name + 3) == 0) {
				*negated = true;
				return d;
			}
	return NULL;
}

static int
unknown(const struct bp_program *prog, const char *arg, const char *name, struct bp_err *err)
{
	const char *names[256], *near;
	char hint[128] = "";
	int n = 0;

	for (const struct bp_optdef *d = prog->options; d->type != BP_OPT_END && n < 256; d++)
		names[n++] = d->name;
	if ((near = bp_nearest(name, names, n)))
		snprintf(hint, sizeof hint, "did you mean --%s?", near);
	else
		snprintf(hint, sizeof hint, "see %s --help", prog->name);
	return BP_FAIL(err, BP_EUSAGE, hint, "unknown option %s", arg);
}

/* the range of a number, and the value that an option has without being given, as in " in [1,9]; default 3" */
static void
put_limits(FILE *f, const struct bp_optdef *d, const void *opt)
{
	const void *field = (const char *)opt + d->field;
	bool number = d->type == BP_OPT_INT || d->type == BP_OPT_U64 || d->type == BP_OPT_NUM;
	const char *text = d->type == BP_OPT_WORD || d->type == BP_OPT_STR ? *(const char *const *)field : NULL;

	if (d->range && number)
		fprintf(f, ", in %s", d->range);
	if (d->type == BP_OPT_INT)
		fprintf(f, "; default %d", *(const int *)field);
	else if (d->type == BP_OPT_U64)
		fprintf(f, "; default %" PRIu64, *(const uint64_t *)field);
	else if (d->type == BP_OPT_NUM)
		fprintf(f, "; default %g", *(const double *)field);
	else if (text)
		fprintf(f, "; default %s", text);
}

static const char *
value_name(const struct bp_optdef *d)
{
	return d->type == BP_OPT_WORD                        ? d->range
	    : d->unit                                        ? d->unit
	    : d->type == BP_OPT_INT || d->type == BP_OPT_U64 ? "N"
	                                                     : "X";
}

static void
help_line(FILE *f, const struct bp_optdef *d, const void *opt)
{
	char left[128];

	snprintf(left, sizeof left, "%s%c%s--%s%s%s", d->letter ? "-" : "", d->letter ? d->letter : ' ',
	    d->letter ? ", " : "   ", d->name, takes_value(d) ? " " : "", takes_value(d) ? value_name(d) : "");
	fprintf(f, "  %-34s %s", left, d->help);
	put_limits(f, d, opt);
	putc('\n', f);
}

static void
print_help(const struct bp_program *p, const void *opt)
{
	printf("%s: %s\n\nusage: %s%s%s%s\n\n", p->name, p->summary, p->name,
	    p->options->type != BP_OPT_END ? " [options]" : "", p->arguments ? " " : "",
	    p->arguments ? p->arguments : "");
	for (const struct bp_optdef *d = p->options; d->type != BP_OPT_END; d++)
		help_line(stdout, d, opt);
	printf("  %-34s %s\n  %-34s %s\n", "    --help", "print this", "    --version", "print version and build");
}

/* troff text with '-' and leading '.' made safe */
static void
man_text(const char *s)
{
	for (bool start = true; *s; start = *s++ == '\n') {
		if (start && (*s == '.' || *s == '\''))
			fputs("\\&", stdout);
		if (*s == '-' || *s == '\\')
			putchar('\\');
		putchar(*s);
	}
}

static void
print_man(const struct bp_program *p, const void *opt)
{
	printf(".TH \"%s\" 1 \"\" \"boltzpipe %s\"\n.SH NAME\n%s \\- ", p->name, BP_VERSION, p->name);
	man_text(p->summary);
	printf("\n.SH SYNOPSIS\n.B %s\n%s%s\n", p->name, p->options->type != BP_OPT_END ? "[options] " : "",
	    p->arguments ? p->arguments : "");
	if (p->about) {
		printf(".SH DESCRIPTION\n");
		man_text(p->about);
	}
	if (p->options->type != BP_OPT_END)
		printf("\n.SH OPTIONS");
	printf("\n");
	for (const struct bp_optdef *d = p->options; d->type != BP_OPT_END; d++) {
		printf(".TP\n\\fB");
		if (d->letter)
			printf("\\-%c\\fR, \\fB", d->letter);
		printf("\\-\\-");
		man_text(d->name);
		printf("\\fR");
		if (takes_value(d)) {
			printf(" \\fI");
			man_text(value_name(d));
			printf("\\fR");
		}
		printf("\n");
		man_text(d->help);
		put_limits(stdout, d, opt);
		printf("\n");
	}
	printf(".SH EXIT STATUS\n0 all well; 1 some targets failed; 2 wrong use; 3 the stream ended early or was "
	       "damaged\n");
	printf(".SH SEE ALSO\nboltzpipe(1), doc/wire.md\n");
}

/* for `boltzpipe predict`, which hands options on to the stages: the summary, then a line an option: name, letter,
 * whether it takes a value, its line of help */
static void
print_options(const struct bp_program *p, const void *opt)
{
	printf("%s\n", p->summary);
	for (const struct bp_optdef *d = p->options; d->type != BP_OPT_END; d++) {
		printf("%s\t%c\t%d\t", d->name, d->letter ? d->letter : '-', takes_value(d));
		help_line(stdout, d, opt);
	}
}

/* --help and its like; BP_EOS when arg was one of them */
static int
informative(const struct bp_program *prog, const void *opt, const char *arg)
{
	if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0)
		print_help(prog, opt);
	else if (strcmp(arg, "--version") == 0)
		printf("%s %s\n%s\n", prog->name, BP_VERSION, bp_build_info());
	else if (strcmp(arg, "--help-man") == 0)
		print_man(prog, opt);
	else if (strcmp(arg, "--help-options") == 0)
		print_options(prog, opt);
	else
		return BP_OK;
	return BP_EOS;
}

/* -v -q -o FILE: single letters may be run together when they are flags */
static int
short_options(
    const struct bp_program *prog, void *opt, int argc, char **argv, int *at, struct bp_arena *mem, struct bp_err *err)
{
	for (const char *s = argv[*at] + 1; *s; s++) {
		const struct bp_optdef *d = prog->options;
		const char *v = NULL;
		while (d->type != BP_OPT_END && d->letter != *s)
			d++;
		if (d->type == BP_OPT_END)
			return unknown(prog, argv[*at], argv[*at] + 1, err);
		if (takes_value(d)) {
			v = s[1] ? s + 1 : *at + 1 < argc ? argv[++*at] : NULL;
			if (!v)
				return BP_FAIL(err, BP_EUSAGE, NULL, "-%c (--%s) needs a value", d->letter, d->name);
		}
		BP_TRY(store(d, opt, v, false, mem, err));
		if (v)
			break;
	}
	return BP_OK;
}

static int
long_option(
    const struct bp_program *prog, void *opt, int argc, char **argv, int *at, struct bp_arena *mem, struct bp_err *err)
{
	char name[NAME_MAX_LEN + 1];
	const char *arg = argv[*at], *v = strchr(arg, '=');
	const struct bp_optdef *d;
	bool negated;

	normal_name(name, arg + 2);
	if (!(d = find_long(prog->options, name, &negated)))
		return unknown(prog, arg, name, err);
	if (!takes_value(d)) {
		if (v)
			return BP_FAIL(err, BP_EUSAGE, NULL, "--%s takes no value", name);
	} else if (v) {
		v++;
	} else {
		if (*at + 1 >= argc)
			return BP_FAIL(err, BP_EUSAGE, NULL, "--%s needs a value", name);
		v = argv[++*at];
	}
	return store(d, opt, v, negated, mem, err);
}

static int
check_required(const struct bp_program *prog, const void *opt, struct bp_err *err)
{
	for (const struct bp_optdef *d = prog->options; d->type != BP_OPT_END; d++)
		if (d->type == BP_OPT_STR && d->range && !*(const char *const *)((const char *)opt + d->field)) {
			char hint[96];
			snprintf(hint, sizeof hint, d->letter ? "give -%c %s" : "give it", d->letter, value_name(d));
			return BP_FAIL(err, BP_EUSAGE, hint, "--%s is missing", d->name);
		}
	return BP_OK;
}

/* the value of an option as text, or NULL when it is unset */
static const char *
value_text(const struct bp_optdef *d, const void *opt, struct bp_arena *mem, struct bp_err *err)
{
	const void *field = (const char *)opt + d->field;

	switch (d->type) {
	case BP_OPT_FLAG:
		return *(const bool *)field ? "true" : "false";
	case BP_OPT_INT:
		return bp_sprintf(mem, err, "%d", *(const int *)field);
	case BP_OPT_U64:
		return bp_sprintf(mem, err, "%" PRIu64, *(const uint64_t *)field);
	case BP_OPT_NUM:
		return bp_sprintf(mem, err, "%.9g", *(const double *)field);
	case BP_OPT_SIZE:
		return bp_sprintf(mem, err, "%zu", *(const size_t *)field);
	default:
		return *(const char *const *)field;
	}
}

int
bp_opt_action(const struct bp_program *prog, const void *opt, const void *defaults, const char *action,
    struct bp_arena *mem, struct bp_err *err)
{
	for (const struct bp_optdef *d = prog->options; d->type != BP_OPT_END; d++) {
		size_t n = strcspn(d->help, " :");
		const struct bp_strlist *l = (const void *)((const char *)opt + d->field);
		const char *a, *b;
		if (d->help[n] != ':' || (strlen(action) == n && memcmp(action, d->help, n) == 0))
			continue;
		a = d->type == BP_OPT_LIST ? (l->n ? l->v[0] : NULL) : value_text(d, opt, mem, err);
		b = d->type == BP_OPT_LIST ? NULL : value_text(d, defaults, mem, err);
		if (a && !(b && strcmp(a, b) == 0))
			return BP_FAIL(err, BP_EUSAGE, "leave it out", "--%s belongs to %s %.*s, not to %s", d->name,
			    prog->name, (int)n, d->help, action);
	}
	return BP_OK;
}

/* does an option before it in the table set the same field? */
static bool
is_synonym(const struct bp_program *prog, const struct bp_optdef *d)
{
	const struct bp_optdef *first = prog->options;

	while (first->field != d->field || first->type != d->type)
		first++;
	return first != d;
}

/* the values of a table before options are parsed: [n], NULL: none */
static int
value_texts(const char ***ret, const struct bp_program *prog, const void *opt, struct bp_arena *mem, struct bp_err *err)
{
	int n = 0;

	while (prog->options[n].type != BP_OPT_END)
		n++;
	BP_NEW(*ret, n + 1, mem, err);
	for (int i = 0; i < n; i++)
		if (prog->options[i].type != BP_OPT_LIST)
			(*ret)[i] = value_text(&prog->options[i], opt, mem, err);
	return BP_OK;
}

static int
changed(struct bp_strlist *ret, const struct bp_program *prog, const void *opt, const char **before, struct bp_arena *mem,
    struct bp_err *err)
{
	*ret = (struct bp_strlist) { 0 };
	for (const struct bp_optdef *d = prog->options; d->type != BP_OPT_END; d++) {
		const char *a, *b = before[d - prog->options];
		if (d->type == BP_OPT_LIST) {
			const struct bp_strlist *l = (const void *)((const char *)opt + d->field);
			for (int i = 0; i < l->n; i++) {
				if (!(a = bp_sprintf(mem, err, "--%s=%s", d->name, l->v[i])))
					return BP_EMEM;
				BP_TRY(bp_strlist_add(ret, a, mem, err));
			}
			continue;
		}
		if (d->type == BP_OPT_AS || is_synonym(prog, d)) /* the option that it stands for tells */
			continue;
		a = value_text(d, opt, mem, err);
		if (!a || (b && strcmp(a, b) == 0))
			continue;
		if (!(a = bp_sprintf(mem, err, "--%s=%s", d->name, a)))
			return BP_EMEM;
		BP_TRY(bp_strlist_add(ret, a, mem, err));
	}
	return BP_OK;
}

int
bp_opt_changed(struct bp_strlist *ret, const struct bp_program *prog, const void *opt, const void *defaults,
    struct bp_arena *mem, struct bp_err *err)
{
	const char **before;

	BP_TRY(value_texts(&before, prog, defaults, mem, err));
	return changed(ret, prog, opt, before, mem, err);
}

int
bp_opt_parse(const struct bp_program *prog, void *opt, struct bp_strlist *args, int argc, char **argv,
    struct bp_arena *mem, struct bp_err *err)
{
	bool only_args = false, tell = false, negated;
	struct bp_strlist list;
	const char **before;

	BP_TRY(value_texts(&before, prog, opt, mem, err));
	for (int i = 1; i < argc; i++) {
		const char *arg = argv[i];
		int st = only_args ? BP_OK : informative(prog, opt, arg);
		if (st != BP_OK)
			return st;
		if (!only_args && strcmp(arg, "--") == 0) {
			only_args = true;
		} else if (!only_args && strcmp(arg, "--help-changed") == 0) {
			tell = true;
		} else if (!only_args && strncmp(arg, "--", 2) == 0) {
			BP_TRY(long_option(prog, opt, argc, argv, &i, mem, err));
		} else if (!only_args && arg[0] == '-' && arg[1]) {
			BP_TRY(short_options(prog, opt, argc, argv, &i, mem, err));
		} else {
			if (!args)
				return BP_FAIL(err, BP_EUSAGE,
				    find_long(prog->options, "in", &negated)
				        ? "records come on stdin, or from --in FILE"
				        : NULL,
				    "unexpected argument '%s'", arg);
			BP_TRY(bp_strlist_add(args, arg, mem, err));
		}
	}
	BP_TRY(check_required(prog, opt, err));
	if (!tell)
		return BP_OK;
	BP_TRY(changed(&list, prog, opt, before, mem, err));
	for (int i = 0; i < list.n; i++)
		printf("%s\n", list.v[i]);
	return BP_EOS;
}
