#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

int
bp_fail(struct bp_err *err, int code, const char *file, int line, const char *hint, const char *fmt, ...)
{
	va_list ap;

	if (err) {
		err->code = code;
		err->file = file;
		err->line = line;
		va_start(ap, fmt);
		vsnprintf(err->msg, sizeof err->msg, fmt, ap);
		va_end(ap);
		snprintf(err->hint, sizeof err->hint, "%s", hint ? hint : "");
		bp_utf8_clean(err->msg, '?');
		bp_utf8_clean(err->hint, '?');
	}
	return code;
}

void
bp_err_where(struct bp_err *err, const char *fmt, ...)
{
	char old[sizeof err->msg];
	va_list ap;
	int n;

	if (!err)
		return;
	memcpy(old, err->msg, sizeof old);
	va_start(ap, fmt);
	n = vsnprintf(err->msg, sizeof err->msg, fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof err->msg)
		snprintf(err->msg + n, sizeof err->msg - (size_t)n, ": %.500s", old);
	bp_utf8_clean(err->msg, '?');
}

int
bp_err_exit(int code)
{
	switch (code) {
	case BP_OK:
	case BP_EOS:
		return BP_EXIT_OK;
	case BP_EUSAGE:
	case BP_EUNSUP:
	case BP_EIO: /* of a file that no target owns: configuration */
		return BP_EXIT_USAGE;
	case BP_ESTREAM:
	case BP_ETOLD:
		return BP_EXIT_STREAM;
	default:
		return BP_EXIT_TARGETS;
	}
}

void
bp_assert_failed(const char *what, const char *file, int line)
{
	fprintf(stderr, "boltzpipe: %s:%d: broken invariant: %s: please report it\n", file, line, what);
	abort();
}
