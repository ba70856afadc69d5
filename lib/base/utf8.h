/* lib/base/utf8.h: is it UTF-8? */
#ifndef BP_UTF8_H
#define BP_UTF8_H

#include <stddef.h>

/* Bytes of the UTF-8 sequence at s (1 to 4), 0 when the n >= 1 bytes there begin with none (overlong, surrogate, beyond U+10FFFF, cut). */
size_t bp_utf8_length(const unsigned char *s, size_t n);

/* Put `with` in place of every control character and every byte that is no UTF-8. */
void bp_utf8_clean(char *s, char with);

#endif
