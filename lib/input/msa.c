/* msa.c: lines of a file; rows; a3m; csv; pairing. */
#include "input/msa.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <xxhash.h>
#include <zlib.h>

#include "chem/residues.h"

/* ---- lines ---- */

enum { MAXLINE = 1 << 24 };

struct reader {
	gzFile f; /* NULL: text is read */
	const char *text;
	size_t text_left;
	const char *path;
	char *line; /* [len], NUL behind it, without white space at its ends */
	size_t len, cap, at, end;
	int number; /* of the line, from 1 */
	int row;    /* of the sequence, from 1 */
	struct bp_arena *mem;
	struct bp_err *err;
	char buf[1 << 16];
};

#define WRONG(r, hint, fmt, ...)                                                                                       \
	BP_FAIL(                                                                                                       \
	    (r)->err, BP_EINPUT, hint, "MSA %s: " fmt " (line %d)", (r)->path __VA_OPT__(, ) __VA_ARGS__, (r)->number)

static int
append(struct reader *r, const char *p, size_t n)
{
	if (n > MAXLINE - r->len)
		return WRONG(r, "is this an alignment?", "a line is longer than %d bytes", MAXLINE);
	if (r->len + n >= r->cap) {
		size_t cap = 2 * (r->len + n) + 4096;
		char *grown = bp_alloc(r->mem, cap, r->err);
		if (!grown)
			return BP_EMEM;
		if (r->len)
			memcpy(grown, r->line, r->len);
		r->line = grown;
		r->cap = cap;
	}
	memcpy(r->line + r->len, p, n);
	r->len += n;
	return BP_OK;
}

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* the next bytes into buf; r->end is 0 at the end of the file */
static int
refill(struct reader *r)
{
	int code;

	r->at = r->end = 0;
	if (r->f) {
		int got = gzread(r->f, r->buf, sizeof r->buf);
		if (got < 0)
			return BP_FAIL(r->err, BP_EIO, "is it damaged?", "MSA %s: %s", r->path, gzerror(r->f, &code));
		r->end = (size_t)got;
		return BP_OK;
	}
	r->end = r->text_left < sizeof r->buf ? r->text_left : sizeof r->buf;
	memcpy(r->buf, r->text, r->end);
	r->text += r->end;
	r->text_left -= r->end;
	return BP_OK;
}

/* BP_EOS: no further line */
static int
next_line(struct reader *r)
{
	bool any = false;

	r->len = 0;
	r->number++;
	for (;;) {
		const char *nl;
		size_t n;
		if (r->at == r->end) {
			BP_TRY(refill(r));
			if (r->end == 0)
				break;
		}
		any = true;
		nl = memchr(r->buf + r->at, '\n', r->end - r->at);
		n = nl ? (size_t)(nl - r->buf) - r->at : r->end - r->at;
		BP_TRY(append(r, r->buf + r->at, n));
		r->at += n + (nl != NULL);
		if (nl)
			break;
	}
	if (!any)
		return BP_EOS;
	BP_TRY(append(r, "", 0));
	while (r->len && is_space(r->line[r->len - 1]))
		r->len--;
	r->line[r->len] = '\0';
	return BP_OK;
}

/* ---- rows ---- */

struct rows {
	struct bp_msa *msa;
	int cap, max;
	XXH128_hash_t *seen; /* [slots] hash set of the sequences without gaps; zero: free */
	size_t slots;
	char *bare; /* scratch for such a sequence */
	size_t bare_cap;
	int8_t token[26];
};

static int
rows_open(struct rows *w, struct bp_msa **ret, int max, struct reader *r)
{
	*w = (struct rows){ .max = max };
	for (w->slots = 64; w->slots < 2 * (size_t)max; w->slots *= 2)
		;
	BP_NEW(w->seen, w->slots, r->mem, r->err);
	BP_NEW(w->msa, 1, r->mem, r->err);
	for (int c = 0; c < 26; c++)
		w->token[c] = (int8_t)bp_token_of_letter(BP_PROTEIN, (char)('A' + c));
	*ret = w->msa;
	return BP_OK;
}

/* is the sequence new? A 128-bit hash stands for it. */
static bool
is_new(struct rows *w, const char *s, size_t n)
{
	XXH128_hash_t h = XXH3_128bits(s, n);
	size_t i;

	h.low64 |= 1; /* never the mark of a free slot */
	for (i = h.high64 & (w->slots - 1); w->seen[i].low64; i = (i + 1) & (w->slots - 1))
		if (XXH128_isEqual(w->seen[i], h))
			return false;
	w->seen[i] = h;
	return true;
}

static int
rows_grow(struct rows *w, struct reader *r)
{
	struct bp_msa *m = w->msa;
	int cap = w->cap ? 2 * w->cap : 64;
	uint8_t *type;
	int32_t *taxon;

	if (m->rows < w->cap)
		return BP_OK;
	if (cap > w->max)
		cap = w->max;
	if (!(type = bp_alloc(r->mem, (size_t)cap * (size_t)m->columns, r->err))
	    || !(taxon = bp_alloc(r->mem, (size_t)cap * sizeof *taxon, r->err)))
		return BP_EMEM;
	if (m->rows) {
		memcpy(type, m->type, (size_t)m->rows * (size_t)m->columns);
		memcpy(taxon, m->taxon, (size_t)m->rows * sizeof *taxon);
	}
	m->type = type;
	m->taxon = taxon;
	w->cap = cap;
	return BP_OK;
}

/* One aligned sequence. BP_EOS: that was the last one wanted. */
static int
add_row(struct rows *w, struct reader *r, const char *s, size_t n, int32_t taxon)
{
	struct bp_msa *m = w->msa;
	size_t bare = 0, columns = 0;
	int32_t inserted = 0;
	uint8_t *out;

	r->row++;
	if (n > w->bare_cap) {
		w->bare_cap = 2 * n;
		if (!(w->bare = bp_alloc(r->mem, w->bare_cap, r->err)))
			return BP_EMEM;
	}
	for (size_t i = 0; i < n; i++) {
		if (!isalpha((unsigned char)s[i]) && s[i] != '-')
			return WRONG(r, "letters and '-' only", "row %d has an invalid character '%c'", r->row, s[i]);
		columns += !islower((unsigned char)s[i]);
		if (s[i] != '-')
			w->bare[bare++] = (char)toupper((unsigned char)s[i]);
	}
	if (m->rows == 0)
		m->columns = (int)columns;
	if (columns == 0)
		return WRONG(r, "small letters are insertions", "row %d has no columns", r->row);
	if (columns != (size_t)m->columns)
		return WRONG(r, "small letters are insertions and are not counted",
		    "row %d has %zu columns, the query has %d", r->row, columns, m->columns);
	if (!is_new(w, w->bare, bare))
		return BP_OK;
	BP_TRY(rows_grow(w, r));
	if (m->rows == 0)
		BP_NEW(m->insertion, columns, r->mem, r->err);
	m->taxon[m->rows] = taxon;
	out = m->type + (size_t)m->rows * columns;
	for (size_t i = 0; i < n; i++) {
		if (islower((unsigned char)s[i])) {
			inserted++;
			continue;
		}
		if (m->rows == 0)
			m->insertion[out - m->type] = inserted;
		inserted = 0;
		*out++ = s[i] == '-' ? BP_TOKEN_GAP : (uint8_t)w->token[s[i] - 'A'];
	}
	return ++m->rows == w->max ? BP_EOS : BP_OK;
}

/* ---- a3m ---- */

static int
read_a3m(struct rows *w, struct reader *r)
{
	bool header = false;
	int st;

	while ((st = next_line(r)) == BP_OK) {
		if (r->len == 0 || r->line[0] == '#')
			continue;
		if (r->line[0] == '>') {
			header = true;
			continue;
		}
		if (!header)
			return r->row
			    ? WRONG(r, "write each sequence on one line", "row %d goes on in a second line", r->row)
			    : WRONG(r, "each sequence has a line >NAME above it", "row 1 has no header");
		header = false;
		if ((st = add_row(w, r, r->line, r->len, -1)) != BP_OK)
			return st;
	}
	return st;
}

/* ---- csv ---- */

/* the two fields of a line, quotes taken off */
static int
split(struct reader *r, char *field[2])
{
	char *s = r->line, *comma;
	size_t n;

	if (!(comma = strchr(s, ',')) || strchr(comma + 1, ','))
		return WRONG(r, "each line is KEY,SEQUENCE", "expected two columns");
	*comma = '\0';
	field[0] = s;
	field[1] = comma + 1;
	for (int i = 0; i < 2; i++) {
		while (is_space(*field[i]))
			field[i]++;
		for (n = strlen(field[i]); n && is_space(field[i][n - 1]); n--)
			field[i][n - 1] = '\0';
		if (n >= 2 && field[i][0] == '"' && field[i][n - 1] == '"') {
			field[i][n - 1] = '\0';
			field[i]++;
		}
	}
	return BP_OK;
}

/* A whole number of 32 bits; also as "9606.0", which is how data frames write a column that has empty places. */
static int
parse_key(int32_t *key, struct reader *r, const char *s)
{
	char *end;
	long long v;

	*key = -1;
	if (!*s || strcasecmp(s, "nan") == 0)
		return BP_OK;
	errno = 0;
	v = strtoll(s, &end, 10);
	if (*end == '.')
		end += 1 + strspn(end + 1, "0");
	if (errno || end == s || *end || v < INT32_MIN || v > INT32_MAX)
		return WRONG(r, "a key is a whole number such as a taxonomy id, or empty", "row %d has the key '%.40s'",
		    r->row + 1, s);
	*key = (int32_t)v;
	return BP_OK;
}

static int
read_csv(struct rows *w, struct reader *r)
{
	char *field[2];
	int st, key = -1;
	int32_t taxon;

	while ((st = next_line(r)) == BP_OK) {
		char *s = r->line;
		if (r->len == 0)
			continue;
		if (key < 0) { /* the heading */
			if (strncmp(s, "\xef\xbb\xbf", 3) == 0) /* byte order mark */
				memmove(s, s + 3, r->len - 2);
			bool two = split(r, field) == BP_OK;
			for (int i = 0; i < 2 && two; i++)
				if (strcmp(field[i], "key") == 0 && strcmp(field[1 - i], "sequence") == 0)
					key = i;
			if (key < 0)
				return WRONG(r, "its first line is key,sequence", "expected columns key and sequence");
			continue;
		}
		BP_TRY(split(r, field));
		BP_TRY(parse_key(&taxon, r, field[key]));
		if ((st = add_row(w, r, field[1 - key], strlen(field[1 - key]), taxon)) != BP_OK)
			return st;
	}
	return st;
}

/* ---- files ---- */

static bool
ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), k = strlen(end);

	return n >= k && strcasecmp(s + n - k, end) == 0;
}

static bool
is_csv(const char *path)
{
	return ends_with(path, ".csv") || ends_with(path, ".csv.gz");
}

bool
bp_msa_suffix(const char *path)
{
	return is_csv(path) || ends_with(path, ".a3m") || ends_with(path, ".a3m.gz");
}

static int
read_rows(struct bp_msa **ret, struct reader *r, int max_rows)
{
	struct rows w;
	int st;

	bp_assert(max_rows > 0);
	BP_TRY(rows_open(&w, ret, max_rows, r));
	st = is_csv(r->path) ? read_csv(&w, r) : read_a3m(&w, r);
	if (st == BP_EOS && w.msa->rows == 0)
		return BP_FAIL(r->err, BP_EINPUT, "say 'msa: empty' if there is none", "MSA %s: no sequences", r->path);
	return st == BP_EOS ? BP_OK : st;
}

int
bp_msa_read(struct bp_msa **ret, const char *path, int max_rows, struct bp_arena *mem, struct bp_err *err)
{
	struct reader *r;
	int st;

	*ret = NULL;
	if (!bp_msa_suffix(path))
		return BP_FAIL(err, BP_EINPUT, "name it .a3m or .csv (or either with .gz)",
		    "MSA file %s not supported, only a3m or csv", path);
	BP_NEW(r, 1, mem, err);
	r->path = path;
	r->mem = mem;
	r->err = err;
	errno = 0;
	if (!(r->f = gzopen(path, "rb"))) /* reads plain text as well */
		return BP_FAIL(err, BP_EIO, NULL, "MSA %s: %s", path, strerror(errno ? errno : ENOMEM));
	st = read_rows(ret, r, max_rows);
	if (gzclose_r(r->f) == Z_BUF_ERROR && st == BP_OK)
		return BP_FAIL(err, BP_EIO, "is the file cut short?", "MSA %s: compressed data ends early", path);
	return st;
}

int
bp_msa_read_mem(struct bp_msa **ret, const char *path, const char *text, size_t n, int max_rows, struct bp_arena *mem,
    struct bp_err *err)
{
	struct reader *r;

	*ret = NULL;
	BP_NEW(r, 1, mem, err);
	r->path = path;
	r->mem = mem;
	r->err = err;
	r->text = text;
	r->text_left = n;
	return read_rows(ret, r, max_rows);
}

int
bp_msa_single(struct bp_msa **ret, const uint8_t *type, int columns, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_msa *m;

	*ret = NULL;
	BP_NEW(m, 1, mem, err);
	m->rows = 1;
	m->columns = columns;
	BP_NEW(m->type, columns, mem, err);
	memcpy(m->type, type, (size_t)columns);
	BP_NEW(m->taxon, 1, mem, err);
	m->taxon[0] = -1;
	BP_NEW(m->insertion, columns, mem, err);
	*ret = m;
	return BP_OK;
}

/* ---- pairing ---- */

struct keyed {
	int32_t taxon, chain, row;
	int order; /* of appearance, chain by chain */
};

struct group { /* one taxon's entries: keyed[first .. first + n) */
	int first, n, chains, order;
};

static int
by_taxon(const void *a, const void *b)
{
	const struct keyed *x = a, *y = b;

	return x->taxon != y->taxon ? (x->taxon > y->taxon) - (x->taxon < y->taxon)
	                            : (x->order > y->order) - (x->order < y->order);
}

/* most chains first, then by first appearance */
static int
by_chains(const void *a, const void *b)
{
	const struct group *x = a, *y = b;

	return x->chains != y->chains ? (x->chains < y->chains) - (x->chains > y->chains)
	                              : (x->order > y->order) - (x->order < y->order);
}

/* the rows of each key that occurs at least twice */
static int
group_rows(struct keyed **keyed, struct group **groups, int *n_groups, const struct bp_msa *const *msa, int chains,
    struct bp_arena *mem, struct bp_err *err)
{
	struct keyed *k;
	struct group *g;
	int n = 0, total = 0;

	for (int c = 0; c < chains; c++)
		for (int i = 0; i < msa[c]->rows; i++)
			total += msa[c]->taxon[i] != -1;
	BP_NEW(k, total, mem, err);
	BP_NEW(g, total, mem, err);
	for (int c = 0; c < chains; c++)
		for (int i = 0; i < msa[c]->rows; i++)
			if (msa[c]->taxon[i] != -1) {
				k[n] = (struct keyed){ msa[c]->taxon[i], c, i, n };
				n++;
			}
	qsort(k, (size_t)n, sizeof *k, by_taxon);
	*n_groups = 0;
	for (int i = 0, j; i < n; i = j) {
		struct group x = { .first = i, .order = k[i].order, .chains = 1 };
		for (j = i + 1; j < n && k[j].taxon == k[i].taxon; j++)
			x.chains += k[j].chain != k[j - 1].chain;
		x.n = j - i;
		if (x.n > 1)
			g[(*n_groups)++] = x;
	}
	qsort(g, (size_t)*n_groups, sizeof *g, by_chains);
	*keyed = k;
	*groups = g;
	return BP_OK;
}

/* an upper bound of the rows that will be made */
static int
bound_rows(const struct bp_msa *const *msa, int chains, int max_rows)
{
	int64_t n = 1;

	for (int c = 0; c < chains; c++)
		n += 2 * (int64_t)msa[c]->rows; /* once by key, once again */
	return n < max_rows ? (int)n : max_rows;
}

/* the rows that one key gives: as many as the chain with most of them has; shorter lists are used in turn */
static void
pair_group(struct bp_pairing *p, const struct keyed *in, int n, const struct bp_msa *const *msa, int *next, int max_paired)
{
	int most = 0, run = 0;

	for (int j = 0; j < n; j++) {
		run = j && in[j].chain == in[j - 1].chain ? run + 1 : 1;
		most = run > most ? run : most;
	}
	for (int t = 0; t < most && p->rows < max_paired; t++, p->rows++) {
		int32_t *row = p->row + (size_t)p->rows * (size_t)p->chains;
		uint8_t *paired = p->paired + (size_t)p->rows * (size_t)p->chains;
		for (int j = 0, k; j < n; j += k) {
			for (k = 1; j + k < n && in[j + k].chain == in[j].chain; k++)
				;
			row[in[j].chain] = in[j + t % k].row;
			paired[in[j].chain] = 1;
		}
		for (int c = 0; c < p->chains; c++) /* the others take their next row */
			if (!paired[c])
				row[c] = next[c] < msa[c]->rows ? next[c]++ : -1;
	}
}

int
bp_msa_pair(struct bp_pairing **ret, const struct bp_msa *const *msa, int chains, int max_paired, int max_rows,
    struct bp_arena *mem, struct bp_err *err)
{
	int bound = bound_rows(msa, chains, max_rows), left = 0, n_groups;
	struct bp_pairing *p;
	struct keyed *k;
	struct group *g;
	int *next; /* each chain's next unpaired row */

	*ret = NULL;
	if (max_paired > max_rows)
		max_paired = max_rows;
	BP_TRY(group_rows(&k, &g, &n_groups, msa, chains, mem, err));
	BP_NEW(p, 1, mem, err);
	BP_NEW(p->row, (size_t)bound * (size_t)chains, mem, err);
	BP_NEW(p->paired, (size_t)bound * (size_t)chains, mem, err);
	BP_NEW(next, chains, mem, err);
	p->chains = chains;
	p->rows = 1;
	memset(p->paired, 1, (size_t)chains);
	for (int c = 0; c < chains; c++)
		next[c] = 1;
	for (int i = 0; i < n_groups && p->rows < max_paired; i++)
		pair_group(p, k + g[i].first, g[i].n, msa, next, max_paired);
	for (int c = 0; c < chains; c++)
		left = msa[c]->rows - next[c] > left ? msa[c]->rows - next[c] : left;
	for (; left > 0 && p->rows < max_rows; left--, p->rows++)
		for (int c = 0; c < chains; c++)
			p->row[(size_t)p->rows * (size_t)chains + (size_t)c] = next[c] < msa[c]->rows ? next[c]++ : -1;
	bp_assert(p->rows <= bound);
	*ret = p;
	return BP_OK;
}
