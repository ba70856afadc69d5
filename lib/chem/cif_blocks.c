#include "chem/cif_blocks.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

enum { CHUNK = 1 << 18, MAX_BLOCK = 1 << 26 };

struct bp_cif_blocks {
	gzFile f;
	char *path;
	char *buf;               /* [cap]: the block being gathered, then what was read beyond it */
	size_t cap, start, used; /* the block begins at start; bytes in buf */
	long line;               /* of start */
	bool eof;
};

int
bp_cif_blocks_open(struct bp_cif_blocks **ret, const char *path, struct bp_err *err)
{
	struct bp_cif_blocks *b = calloc(1, sizeof *b);

	*ret = NULL;
	if (!b || !(b->path = strdup(path)) || !(b->buf = malloc(CHUNK))) {
		bp_cif_blocks_close(b);
		return BP_FAIL(err, BP_EMEM, NULL, "%s: no memory to read it", path);
	}
	b->cap = CHUNK;
	b->line = 1;
	errno = 0;
	if (!(b->f = gzopen(path, "rb"))) {
		bp_cif_blocks_close(b);
		return BP_FAIL(err, BP_EIO, NULL, "%s: %s", path, errno ? strerror(errno) : "no memory");
	}
	gzbuffer(b->f, CHUNK);
	*ret = b;
	return BP_OK;
}

/* Read more behind what is there; drop what lies before start. */
static int
more(struct bp_cif_blocks *b, struct bp_err *err)
{
	int got, zerr;
	const char *msg;

	memmove(b->buf, b->buf + b->start, b->used - b->start);
	b->used -= b->start;
	b->start = 0;
	if (b->cap - b->used < CHUNK) {
		char *p = b->cap < MAX_BLOCK ? realloc(b->buf, b->cap * 2) : NULL;
		if (!p)
			return BP_FAIL(
			    err, BP_EINPUT, NULL, "%s:%ld: a block of more than %zu bytes", b->path, b->line, b->used);
		b->buf = p;
		b->cap *= 2;
	}
	got = gzread(b->f, b->buf + b->used, CHUNK);
	msg = gzerror(b->f, &zerr);
	if (got < 0 || (got < CHUNK && zerr != Z_OK && zerr != Z_STREAM_END))
		return BP_FAIL(err, BP_EINPUT, "fetch the file again", "%s: cannot read on after line %ld: %s", b->path,
		    b->line, zerr == Z_ERRNO ? strerror(errno) : msg);
	b->eof = got < CHUNK;
	b->used += (size_t)got;
	return BP_OK;
}

/* The end of the line at p, its newline included, reading on as needed. 0: no more text. */
static int
line_end(struct bp_cif_blocks *b, size_t p, size_t *end, struct bp_err *err)
{
	size_t seen = p;

	for (;;) {
		char *nl = memchr(b->buf + b->start + seen, '\n', b->used - b->start - seen);
		if (nl) {
			*end = (size_t)(nl - b->buf) + 1 - b->start;
			return BP_OK;
		}
		seen = b->used - b->start;
		if (b->eof) {
			*end = seen;
			return BP_OK;
		}
		BP_TRY(more(b, err));
	}
}

static bool
is_heading(const char *p, size_t n)
{
	return n > 5 && !strncasecmp(p, "data_", 5);
}

static bool
is_blank(const char *p, size_t n)
{
	for (size_t i = 0; i < n && p[i] != '#'; i++)
		if (!strchr(" \t\r\n", p[i]) || !p[i])
			return false;
	return true;
}

int
bp_cif_blocks_next(struct bp_cif_blocks *b, struct bp_cif_block *ret, struct bp_err *err)
{
	size_t p = 0, end = 0, name; /* counted from start */
	long lines = 0;
	bool text = false;

	for (;; p = end, lines++) { /* to the first heading */
		BP_TRY(line_end(b, p, &end, err));
		if (end == p)
			return BP_EOS;
		if (is_heading(b->buf + b->start + p, end - p))
			break;
		if (!is_blank(b->buf + b->start + p, end - p))
			return BP_FAIL(err, BP_EINPUT, "is it a CIF file?", "%s:%ld: text before the first data_",
			    b->path, b->line + lines);
	}
	b->start += p;
	b->line += lines;
	end -= p;
	for (lines = 1, p = end;; p = end, lines++) { /* to the next one, but not inside a text field */
		const char *s;
		BP_TRY(line_end(b, p, &end, err));
		s = b->buf + b->start + p;
		if (end == p || (!text && is_heading(s, end - p)))
			break;
		text ^= *s == ';';
	}
	*ret = (struct bp_cif_block) { .text = b->buf + b->start, .n = p, .line = b->line };
	for (name = 5; name < p && name - 5 < sizeof ret->name - 1 && !strchr(" \t\r\n", ret->text[name]); name++)
		ret->name[name - 5] = ret->text[name];
	b->start += p;
	b->line += lines;
	return BP_OK;
}

void
bp_cif_blocks_close(struct bp_cif_blocks *b)
{
	if (!b)
		return;
	if (b->f)
		gzclose(b->f);
	free(b->buf);
	free(b->path);
	free(b);
}
