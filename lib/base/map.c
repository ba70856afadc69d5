#include "base/map.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int
bp_map_open(const void **p, size_t *n, const char *path, struct bp_err *err)
{
	struct stat sb;
	void *m = MAP_FAILED;
	int fd;

	*p = NULL;
	*n = 0;
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return BP_FAIL(err, BP_EIO, NULL, "%s: %s", path, strerror(errno));
	if (fstat(fd, &sb) == 0 && S_ISREG(sb.st_mode) && sb.st_size > 0)
		m = mmap(NULL, (size_t)sb.st_size, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (m == MAP_FAILED)
		return BP_FAIL(err, BP_EIO, "give a regular file that is not empty", "%s: cannot be mapped", path);
	*p = m;
	*n = (size_t)sb.st_size;
	return BP_OK;
}

void
bp_map_close(const void *p, size_t n)
{
	if (p)
		munmap((void *)(uintptr_t)p, n);
}
