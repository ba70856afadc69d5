#include "base/utf8.h"
#include "input/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

int
bp_text_read(char **text, size_t *n, const char *path, size_t limit, struct bp_arena *mem, struct bp_err *err)
{
	struct stat sb;
	FILE *f = fopen(path, "rb");
	char *p = NULL;
	size_t got = 0;
	int st = BP_OK;

	*text = NULL;
	if (!f)
		return BP_FAIL(err, BP_EIO, "check the path and its permissions", "%s: %s", path, strerror(errno));
	if (fstat(fileno(f), &sb) != 0 || !S_ISREG(sb.st_mode))
		st = BP_FAIL(err, BP_EIO, "give a file", "%s: not a regular file", path);
	else if ((size_t)sb.st_size > limit)
		st = BP_FAIL(err, BP_EINPUT, "is this the right file?", "%s: %lld bytes, at most %zu are read", path,
		    (long long)sb.st_size, limit);
	else if (!(p = bp_alloc(mem, (size_t)sb.st_size + 1, err)))
		st = BP_EMEM;
	if (st == BP_OK) {
		got = fread(p, 1, (size_t)sb.st_size, f);
		if (ferror(f))
			st = BP_FAIL(err, BP_EIO, NULL, "%s: %s", path, strerror(errno));
		p[got] = '\0';
	}
	fclose(f); /* only read from: nothing to lose */
	*text = p;
	*n = got;
	return st;
}

int
bp_text_stdin(char **text, size_t *n, size_t limit, struct bp_arena *mem, struct bp_err *err)
{
	size_t cap = 1 << 16, got;
	char *p = bp_alloc(mem, cap, err), *more;

	*text = NULL;
	*n = 0;
	if (!p)
		return BP_EMEM;
	while ((got = fread(p + *n, 1, cap - 1 - *n, stdin)) > 0) {
		if ((*n += got) > limit)
			return BP_FAIL(err, BP_EINPUT, "is this the right file?", "stdin: more than %zu bytes", limit);
		if (*n + 1 < cap)
			continue;
		if (!(more = bp_grow(mem, p, cap, 2 * cap, err)))
			return BP_EMEM;
		p = more;
		cap *= 2;
	}
	if (ferror(stdin))
		return BP_FAIL(err, BP_EIO, NULL, "stdin: %s", strerror(errno));
	p[*n] = '\0';
	*text = p;
	return BP_OK;
}

int
bp_text_check(const char *path, const char *text, size_t n, struct bp_err *err)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t len;
	int line = 1;

	if (n == 0)
		return BP_AT(err, path, 1, "see the manual for a first input", "the file is empty");
	for (size_t i = 0; i < n; i += len) {
		if (s[i] == 0)
			return BP_AT(err, path, line, "remove it", "control character (NUL) in the input");
		if ((s[i] < 0x20 && s[i] != '\t' && s[i] != '\n' && s[i] != '\r') || s[i] == 0x7f)
			return BP_AT(err, path, line, "remove it", "control character (0x%02x) in the input", s[i]);
		if ((len = bp_utf8_length(s + i, n - i)) == 0)
			return BP_AT(err, path, line, "save the file as UTF-8",
			    "not UTF-8 text (byte 0x%02x at offset %zu)", s[i], i);
		line += s[i] == '\n';
	}
	return BP_OK;
}
