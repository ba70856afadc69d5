#include "base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

static void
print(char hex[BP_HASH_SIZE], XXH128_hash_t h)
{
	snprintf(hex, BP_HASH_SIZE, "%016llx%016llx", (unsigned long long)h.high64, (unsigned long long)h.low64);
}

void
bp_hash(char hex[BP_HASH_SIZE], const void *p, size_t n)
{
	print(hex, XXH3_128bits(p, n));
}

static int
sum_up(XXH3_state_t *s, int fd)
{
	static const size_t piece = 1 << 16;
	char buf[1 << 16];
	ssize_t n;

	while ((n = read(fd, buf, piece)) != 0)
		if (n > 0)
			XXH3_128bits_update(s, buf, (size_t)n);
		else if (errno != EINTR)
			return errno;
	return 0;
}

int
bp_hash_file(char hex[BP_HASH_SIZE], const char *path, struct bp_err *err)
{
	XXH3_state_t *s = XXH3_createState();
	int fd = open(path, O_RDONLY | O_CLOEXEC), e = fd < 0 ? errno : 0;
	struct stat sb;

	if (s && e == 0 && (fstat(fd, &sb) != 0 || !S_ISREG(sb.st_mode)))
		e = EINVAL;
	if (s && e == 0) {
		XXH3_128bits_reset(s);
		e = sum_up(s, fd);
		print(hex, XXH3_128bits_digest(s));
	}
	if (fd >= 0)
		close(fd); /* only read from */
	XXH3_freeState(s);
	if (!s)
		return BP_FAIL(err, BP_EMEM, NULL, "no memory to sum up %s", path);
	return e ? BP_FAIL(err, BP_EIO, NULL, "%s: %s", path, strerror(e)) : BP_OK;
}
