#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The one process-wide state of the library: who speaks and how much. Written by main before any thread starts. */
static struct {
	const char *program;
	int level;
	bool terminal, progress;
	int progress_fd; /* -1: stderr */
} state = { "boltzpipe", BP_LOG_WARN, false, false, -1 };

void
bp_log_open(const char *program, int level)
{
	const char *env = getenv("BOLTZPIPE_PROGRESS");

	state.program = program;
	state.level = level;
	state.terminal = isatty(STDERR_FILENO);
	state.progress = level >= BP_LOG_WARN && !(env && strcmp(env, "0") == 0);
	state.progress_fd = env && strncmp(env, "fd:", 3) == 0 ? (int)strtol(env + 3, NULL, 10) : -1;
}

const char *
bp_log_program(void)
{
	return state.program;
}

int
bp_log_level(void)
{
	return state.level;
}

double
bp_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* one write for the whole line, so that the lines of a pipe's stages do not mix */
static void
say(const char *prefix, const char *text, const char *suffix)
{
	char line[2048];
	int n = snprintf(line, sizeof line, "%s%s: %s%s", prefix, state.program, text, suffix);

	if (n >= (int)sizeof line)
		n = (int)sizeof line - 1;
	for (char *p = line + strlen(prefix); p < line + n - (int)strlen(suffix); p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?'; /* ids and names from outside must not steer the terminal */
	fflush(stderr);
	if (n > 0 && write(STDERR_FILENO, line, (size_t)n) < 0)
		return; /* stderr is gone: there is nobody to tell */
}

void
bp_log(int level, const char *fmt, ...)
{
	char text[1536];
	va_list ap;

	if (level > state.level)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	say(state.terminal && state.progress && state.progress_fd < 0 ? "\r\033[K" : "", text, "\n");
}

void
bp_log_err(const struct bp_err *err)
{
	char where[256] = "";

	if (state.level >= BP_LOG_INFO && err->file)
		snprintf(where, sizeof where, " (%s:%d)", err->file, err->line);
	bp_log(err->code == BP_ETOLD ? BP_LOG_INFO : BP_LOG_ERROR, "%s%s%s%s", err->msg, err->hint[0] ? ": " : "", err->hint, where);
}

void
bp_progress_open(struct bp_progress *p, const char *target, const char *what)
{
	*p = (struct bp_progress){ target, what, bp_seconds(), 0, state.progress };
	p->shown = p->start;
}

void
bp_progress_step(struct bp_progress *p, int done, int total)
{
	double now = bp_seconds(), left = 0;
	char text[512];
	int n;

	if (p->open && state.progress_fd >= 0) {
		if (now - p->shown >= 0.1 || done == total) {
			p->shown = now;
			n = snprintf(text, sizeof text, "%s\t%.200s\t%s\t%d\t%d\n", state.program, p->target, p->what, done, total);
			if (write(state.progress_fd, text, (size_t)n) < 0)
				p->open = false; /* nobody looks any more */
		}
		return;
	}
	if (!p->open || (now - p->shown < (state.terminal ? 0.1 : 5.0) && !(done == total && p->shown > p->start)))
		return;
	p->shown = now;
	n = snprintf(text, sizeof text, "%s: %s %d", p->target, p->what, done);
	if (total > 0 && n > 0 && n < (int)sizeof text) {
		left = done > 0 ? (now - p->start) / done * (total - done) : 0;
		snprintf(text + n, sizeof text - (size_t)n, "/%d, %.0f s left", total, left);
	}
	say(state.terminal ? "\r\033[K" : "", text, state.terminal ? "" : "\n");
}

void
bp_progress_close(struct bp_progress *p)
{
	if (p->open && state.progress_fd < 0 && state.terminal && p->shown > p->start)
		if (write(STDERR_FILENO, "\r\033[K", 4) < 0)
			return;
	p->open = false;
}
