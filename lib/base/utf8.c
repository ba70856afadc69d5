#include "base/utf8.h"

#include <string.h>

size_t
bp_utf8_length(const unsigned char *s, size_t n)
{
	static const unsigned least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = s[0] < 0x80 ? 1 : s[0] >> 5 == 6 ? 2 : s[0] >> 4 == 14 ? 3 : s[0] >> 3 == 30 ? 4 : 0;
	unsigned c;

	if (len <= 1)
		return len;
	if (len > n)
		return 0;
	c = s[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if (s[i] >> 6 != 2)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	return c < least[len] || (c >= 0xd800 && c < 0xe000) || c > 0x10ffff ? 0 : len;
}

void
bp_utf8_clean(char *s, char with)
{
	size_t n = strlen(s), len;

	for (; n; s += len, n -= len) {
		len = bp_utf8_length((const unsigned char *)s, n);
		if (len == 0 || (unsigned char)*s < 0x20 || *s == 0x7f) {
			*s = with;
			len = 1;
		}
	}
}
