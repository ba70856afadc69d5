#include "base/main.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

int
bp_main_fail(const struct bp_err *err)
{
	bp_log_err(err);
	return bp_err_exit(err->code);
}

int
bp_stdout_flush(struct bp_err *err)
{
	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return BP_OK;
	return BP_FAIL(err, BP_EIO, NULL, "stdout: %s", strerror(errno ? errno : EIO));
}

/* A file that is opened while stdin, stdout or stderr is closed would take its place and our words. What fills the gap
 * refuses: stdin is there for writing, the others for reading. */
static void
fill_standard(void)
{
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) < 0)
			return; /* no /dev/null: nothing to fill it with */
}

int
bp_main_start(const struct bp_program *prog, void *opt, const struct bp_common *c, struct bp_strlist *args, int argc,
    char **argv, struct bp_arena **mem)
{
	struct bp_err err = { 0 };
	int st;

	fill_standard();
	bp_log_open(prog->name, BP_LOG_WARN);
	if ((st = bp_arena_open(mem, 0, &err)) == BP_OK)
		st = bp_opt_parse(prog, opt, args, argc, argv, *mem, &err);
	if (st == BP_OK) {
		if (c)
			bp_log_open(prog->name, c->quiet ? BP_LOG_ERROR : c->verbose ? BP_LOG_INFO : BP_LOG_WARN);
		return -1;
	}
	bp_arena_close(*mem);
	*mem = NULL;
	if (st == BP_EOS && (st = bp_stdout_flush(&err)) == BP_OK)
		return BP_EXIT_OK;
	(void)bp_main_fail(&err);
	return BP_EXIT_USAGE;
}

char *
bp_program_dir(struct bp_arena *mem, struct bp_err *err)
{
	char buf[4096], *slash;
	ssize_t n = readlink("/proc/self/exe", buf, sizeof buf - 1);

	if (n <= 0 || n >= (ssize_t)sizeof buf - 1) {
		BP_FAIL(err, BP_EIO, "is /proc mounted?", "the program's own path is unknown");
		return NULL;
	}
	buf[n] = 0;
	if ((slash = strrchr(buf, '/')))
		*slash = 0;
	return bp_strdup(mem, buf, err);
}

char *
bp_share_path(const char *name, struct bp_arena *mem, struct bp_err *err)
{
	static const char *const place[]
	    = { "%s/../share/boltzpipe/%s", "%s/../../share/boltzpipe/%s", "%s/../share/%s", "%s/../../../share/%s" };
	const char *env = getenv("BOLTZPIPE_SHARE");
	char *dir, *path, *real;

	if (env) {
		if (!(path = bp_sprintf(mem, err, "%s/%s", env, name)) || access(path, R_OK) == 0)
			return path;
	} else {
		if (!(dir = bp_program_dir(mem, err)))
			return NULL;
		for (size_t i = 0; i < sizeof place / sizeof *place; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			if (!(path = bp_sprintf(mem, err, place[i], dir, name)))
				return NULL;
			if (access(path, R_OK) == 0 && (real = realpath(path, NULL))) {
				path = bp_strdup(mem, real, err);
				free(real);
				return path;
			}
#pragma GCC diagnostic pop
		}
	}
	BP_FAIL(err, BP_EIO, "set BOLTZPIPE_SHARE to the folder share/ of boltzpipe", "no file %s in share/", name);
	return NULL;
}
