/* lib/input/text.h: whole text files, and messages that name a place in one. */
#ifndef BP_TEXT_H
#define BP_TEXT_H

#include "base/arena.h"

/* The bytes of a file, NUL-terminated (not counted in *n). BP_EIO: cannot be read; BP_EINPUT: longer than limit. */
int bp_text_read(
    char **text, size_t *n, const char *path, size_t limit, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

/* The same of standard input, up to its end. */
int bp_text_stdin(char **text, size_t *n, size_t limit, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

/* BP_EINPUT, naming path and line, unless text is UTF-8 without control characters but tab, CR and LF, and not empty.
 */
int bp_text_check(const char *path, const char *text, size_t n, struct bp_err *err) BP_MUST_USE;

/* return BP_FAIL with "path:line: " in front */
#define BP_AT(err, path, line, hint, fmt, ...)                                                                         \
	BP_FAIL(err, BP_EINPUT, hint, "%s:%d: " fmt, path, line __VA_OPT__(, ) __VA_ARGS__)

#endif
