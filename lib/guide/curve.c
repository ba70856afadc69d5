/* lib/guide/curve.c: contents: numbers and lines, the longest run, the unit, the checked curve. */
#include "guide/curve.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "input/text.h"

enum { MIN_ROWS = 10 };
static const size_t FILE_LIMIT = (size_t)256 << 20;

struct row {
	double q, i, sigma;
};

/* A run of lines of numbers: rows [first, first + n) of the table, `width` fields each (2, or 3 for more). */
struct run {
	size_t first, n;
	int width;
};

static const char *const separators = " \t\v\f,;";

/* The field of len bytes as a number, D taken for E. Hexadecimal and such, which only C knows, are no numbers. */
static bool
number(double *ret, const char *s, size_t len)
{
	char buf[64], *end;

	if (len == 0 || len >= sizeof buf)
		return false;
	for (size_t i = 0; i < len; i++) {
		buf[i] = s[i] == 'D' ? 'E' : s[i] == 'd' ? 'e' : s[i];
		if (!strchr("0123456789+-.eEnNaAiIfFtTyY", buf[i]) || !buf[i])
			return false;
	}
	buf[len] = '\0';
	*ret = strtod(buf, &end);
	return end == buf + len;
}

/* Fields of the line of n bytes; 0 for a blank line, -1 when one of them is no number. The first three go to r. */
static int
read_line(struct row *r, const char *s, size_t n)
{
	double v[3] = { NAN, NAN, NAN }, x;
	int fields = 0;

	for (size_t i = 0; i < n;) {
		size_t from = i;
		while (i < n && (!s[i] || !strchr(separators, s[i])))
			i++;
		if (i > from) {
			if (!number(&x, s + from, i - from))
				return -1;
			if (fields < 3)
				v[fields] = x;
			if (fields < 1000)
				fields++;
		} else {
			i++;
		}
	}
	*r = (struct row) { v[0], v[1], v[2] };
	return fields;
}

/* GNOM's table of data: "S  J EXP  ERROR  J REG  I REG" */
static bool
is_gnom_header(const char *s, size_t n)
{
	static const char *const words[] = { "S", "J", "EXP", "ERROR" };
	size_t i = 0;

	for (size_t w = 0; w < sizeof words / sizeof *words; w++) {
		size_t len = strlen(words[w]);
		while (i < n && (s[i] == ' ' || s[i] == '\t'))
			i++;
		if (n - i < len || strncasecmp(s + i, words[w], len)
		    || (n - i > len && s[i + len] != ' ' && s[i + len] != '\t'))
			return false;
		i += len;
	}
	return true;
}

static size_t
line_length(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && s[i] != '\n' && s[i] != '\r')
		i++;
	return i;
}

/* Rows of the longest run into row [as many as the text has lines]; GNOM's table goes before any other. Rows of it that
 * only extrapolate have fewer than its five fields. */
static struct run
longest_run(struct row *row, const char *text, size_t n)
{
	struct run best = { 0 }, now = { 0 };
	size_t used = 0;
	bool gnom = false;

	for (size_t i = 0; i < n;) {
		size_t len = line_length(text + i, n - i);
		int fields = read_line(&row[used], text + i, len), width = fields < 3 ? fields : 3;
		if (fields < 0 && !gnom && is_gnom_header(text + i, len)) {
			gnom = true;
			best = (struct run) { 0 };
			now.n = 0;
		} else if (gnom && fields != 0) { /* the one table after the header */
			if (fields >= 5) {
				best = (struct run) { best.n ? best.first : used, best.n + 1, 3 };
				used++;
			} else if (best.n) {
				return best;
			}
		} else if (fields != 0) {
			if (width < 2 || width != now.width)
				now = (struct run) { used, 0, width };
			if (width >= 2) {
				now.n++;
				used++;
			}
			if (width >= 2 && now.n > best.n)
				best = now;
		}
		i += len + 1;
	}
	return best;
}

static bool
contains(const char *text, size_t n, const char *what)
{
	size_t len = strlen(what);

	for (size_t i = 0; i + len <= n; i++)
		if ((text[i] | 32) == (what[0] | 32) && !strncasecmp(text + i, what, len))
			return true;
	return false;
}

static enum bp_qunit
unit_said(const char *text, size_t n)
{
	static const char *const nm[] = { "nm^-1", "1/nm", "nm-1", "[nm" };
	static const char *const angstrom[] = { "a^-1", "1/a", "angstrom", "\xc3\x85", "\xe2\x84\xab" };

	for (size_t i = 0; i < sizeof nm / sizeof *nm; i++)
		if (contains(text, n, nm[i]))
			return BP_Q_NM;
	for (size_t i = 0; i < sizeof angstrom / sizeof *angstrom; i++)
		if (contains(text, n, angstrom[i]))
			return BP_Q_A;
	return BP_Q_GUESS;
}

/* merge sort by hand: equal q must stay in the file's order, and qsort promises nothing */
static void
sort_rows(struct row *r, struct row *tmp, size_t n)
{
	size_t half = n / 2, i = 0, j = half, k = 0;

	if (n < 2)
		return;
	sort_rows(r, tmp, half);
	sort_rows(r + half, tmp, n - half);
	memcpy(tmp, r, n * sizeof *r);
	while (i < half || j < n)
		r[k++] = j == n || (i < half && tmp[i].q <= tmp[j].q) ? tmp[i++] : tmp[j++];
}

/* Drop what is no data, sort, drop equal q. Returns the rows left. */
static size_t
keep_rows(struct bp_curve *c, struct row *r, struct row *tmp, size_t n)
{
	double top = 0;
	size_t k = 0, m = 0;

	c->invented = true;
	for (size_t i = 0; i < n; i++)
		c->invented = c->invented && isnan(r[i].sigma);
	for (size_t i = 0; i < n; i++)
		if (isfinite(r[i].i))
			top = fmax(top, fabs(r[i].i));
	for (size_t i = 0; i < n; i++) {
		if (c->invented)
			r[i].sigma = 0.01 * fabs(r[i].i) + 1e-3 * top;
		if (isfinite(r[i].q) && isfinite(r[i].i) && isfinite(r[i].sigma) && r[i].q > 0 && r[i].sigma > 0)
			r[k++] = r[i];
	}
	c->dropped = (int)(n - k);
	for (size_t i = 1; i < k; i++)
		c->sorted = c->sorted || r[i].q < r[i - 1].q;
	if (c->sorted)
		sort_rows(r, tmp, k);
	for (size_t i = 0; i < k; i++)
		if (m == 0 || r[i].q > r[m - 1].q)
			r[m++] = r[i];
	c->duplicates = (int)(k - m);
	return m;
}

/* the rows of q_min .. q_max, at most max_points of them, as the curve's arrays */
static int
take(struct bp_curve *c, const struct row *r, size_t n, const struct bp_curve_opt *o, struct bp_arena *mem,
    struct bp_err *err)
{
	double unit = c->unit == BP_Q_NM ? 10 : 1, *q, *y, *s;
	size_t from = 0, to = n, m;

	while (from < n && r[from].q / unit < o->q_min)
		from++;
	while (o->q_max > 0 && to > from && r[to - 1].q / unit > o->q_max)
		to--;
	m = to - from;
	c->used_of = (int)n;
	if (o->max_points > 0 && m > (size_t)o->max_points)
		m = (size_t)o->max_points;
	if (m < MIN_ROWS)
		return BP_FAIL(err, BP_EINPUT, "give columns q, I and sigma, and a range of q that holds them",
		    "%s: fewer than 10 rows of data (%zu of a table of %d)", c->path, m, c->rows);
	BP_NEW(q, 3 * m, mem, err);
	y = q + m, s = y + m;
	for (size_t k = 0; k < m; k++) { /* equally spaced rows, the first and the last among them */
		const struct row *at = &r[from + (k * (to - from - 1) + (m - 1) / 2) / (m - 1)];
		q[k] = at->q / unit, y[k] = at->i, s[k] = at->sigma;
	}
	c->n = (int)m, c->q = q, c->i = y, c->sigma = s;
	return BP_OK;
}

/* bp_curve_read_mem; what is gone when the curve is there comes from work */
static int
read_curve(struct bp_curve **ret, const char *name, const char *text, size_t n, const struct bp_curve_opt *o, struct bp_arena *work,
    struct bp_arena *mem, struct bp_err *err)
{
	static const struct bp_curve_opt defaults = { 0 };
	size_t lines = 1;
	struct bp_curve *c;
	struct row *row;
	struct run run;

	*ret = NULL;
	if (n > FILE_LIMIT)
		return BP_FAIL(err, BP_EINPUT, "is this the right file?", "%s: %zu bytes, at most %zu are read", name,
		    n, FILE_LIMIT);
	if (n >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		text += 3, n -= 3;
	for (size_t i = 0; i < n; i++)
		lines += text[i] == '\n' || text[i] == '\r';
	if (lines > n / 4 + 2) /* a row takes four bytes at least; one more is written before it is known to be none */
		lines = n / 4 + 2;
	BP_NEW(c, 1, mem, err);
	BP_NEW(row, 2 * (lines + 1), work, err);
	if (!(c->path = bp_strdup(mem, name, err)))
		return BP_EMEM;
	o = o ? o : &defaults;
	run = longest_run(row, text, n);
	if (run.n == 0)
		return BP_FAIL(err, BP_EINPUT, "give columns q, I and sigma", "%s: no table of numbers", name);
	c->rows = (int)run.n;
	run.n = keep_rows(c, row + run.first, row + lines + 1, run.n);
	c->unit = o->unit ? o->unit : unit_said(text, n);
	if (c->unit == BP_Q_GUESS) {
		c->guessed = true;
		c->unit = run.n && row[run.first + run.n - 1].q > 2 ? BP_Q_NM : BP_Q_A;
	}
	BP_TRY(take(c, row + run.first, run.n, o, mem, err));
	*ret = c;
	return BP_OK;
}

int
bp_curve_read_mem(struct bp_curve **ret, const char *name, const char *text, size_t n, const struct bp_curve_opt *o,
    struct bp_arena *mem, struct bp_err *err)
{
	struct bp_arena *work;
	int st;

	*ret = NULL;
	BP_TRY(bp_arena_open(&work, 0, err));
	st = read_curve(ret, name, text, n, o, work, mem, err);
	bp_arena_close(work);
	return st;
}

int
bp_curve_read(
    struct bp_curve **ret, const char *path, const struct bp_curve_opt *o, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_arena *work;
	char *text;
	size_t n;
	int st;

	*ret = NULL;
	BP_TRY(bp_arena_open(&work, 0, err));
	if ((st = bp_text_read(&text, &n, path, FILE_LIMIT, work, err)) == BP_OK)
		st = read_curve(ret, path, text, n, o, work, mem, err);
	bp_arena_close(work);
	return st;
}
