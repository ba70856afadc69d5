#include "ended.h"

#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char *
path(char buf[4096], const char *dir)
{
	snprintf(buf, 4096, "%s/.ended", dir);
	return buf;
}

bool
ended_find(int *status, const char *dir, double within)
{
	char buf[4096];
	FILE *f = fopen(path(buf, dir), "r");
	struct stat sb;
	bool there;

	if (!f)
		return false;
	there = fscanf(f, "%1d", status) == 1 && *status <= 1 && fstat(fileno(f), &sb) == 0
	    && difftime(time(NULL), sb.st_mtime) <= within;
	fclose(f);
	return there;
}

void
ended_put(const char *dir, int status)
{
	char buf[4096];
	FILE *f = fopen(path(buf, dir), "w");

	if (f && fprintf(f, "%d\n", status) > 0 && fflush(f) == 0)
		(void)fsync(fileno(f));
	if (f)
		fclose(f);
}

void
ended_clear(const char *dir)
{
	char buf[4096];

	(void)unlink(path(buf, dir));
}
