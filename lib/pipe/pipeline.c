/* Contents: processes and their pipes; the progress display; the options of programs; sorting a command line. */
#include "pipe/pipeline.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"

enum { MAX_STAGES = 16, LINE = 512 };

/* the children, for the signal handler: written before it is installed, read by it only */
static struct {
	volatile pid_t pid[MAX_STAGES];
	volatile sig_atomic_t n;
} children;

static void
pass_on(int sig)
{
	for (int i = 0; i < children.n; i++)
		if (children.pid[i] > 0)
			kill(children.pid[i], sig);
}

/* in the child: join the pipes and become the program */
static void
become(const struct bp_proc *p, int in, int out, int progress)
{
	char env[32];

	if ((in >= 0 && dup2(in, STDIN_FILENO) < 0) || (out >= 0 && dup2(out, STDOUT_FILENO) < 0))
		_exit(127);
	fcntl(progress, F_SETFD, 0);
	snprintf(env, sizeof env, "fd:%d", progress);
	if (!getenv("BOLTZPIPE_PROGRESS"))
		setenv("BOLTZPIPE_PROGRESS", env, 1);
	execv(p->argv[0], p->argv);
	fprintf(stderr, "%s: %s: %s\n", bp_log_program(), p->argv[0], strerror(errno));
	_exit(127);
}

/* ---- progress: one line an active stage's last word ---- */
struct display {
	char text[MAX_STAGES][96], tool[MAX_STAGES][32];
	double start[MAX_STAGES], shown;
	int n;
	bool terminal, drawn;
};

static void
draw(struct display *d)
{
	char line[1024] = "";
	size_t at = 0;

	for (int i = 0; i < d->n; i++)
		if (d->text[i][0] && at < sizeof line - sizeof d->text[0] - 4)
			at += (size_t)snprintf(line + at, sizeof line - at, "%s%s", at ? " | " : "", d->text[i]);
	fprintf(stderr, "\r\033[K%.160s", line);
	d->drawn = true;
}

/* a stage's line "program\ttarget\twhat\tdone\ttotal" */
static void
progress_line(struct display *d, char *line)
{
	char *f[5], left[32] = "";
	int i, done, total;
	double now = bp_seconds();

	for (i = 0; i < 5; i++, line = NULL)
		if (!(f[i] = strtok(line, "\t\n")))
			return;
	done = atoi(f[3]);
	total = atoi(f[4]);
	for (i = 0; i < d->n && strcmp(d->tool[i], f[0]) != 0; i++)
		;
	if (i == d->n) {
		if (d->n == MAX_STAGES)
			return;
		snprintf(d->tool[d->n++], sizeof d->tool[0], "%s", f[0]);
	}
	if (done <= 1)
		d->start[i] = now;
	if (total > 0 && done > 1)
		snprintf(left, sizeof left, ", %.0f s left", (now - d->start[i]) / (done - 1) * (total - done));
	if (total > 0 && done >= total)
		d->text[i][0] = 0;
	else
		snprintf(d->text[i], sizeof d->text[i], "%s: %.32s: %s %d/%d%s", f[0], f[1], f[2], done, total, left);
	if (d->terminal) {
		draw(d);
	} else if (now - d->shown >= 5 || (total > 0 && done >= total && now - d->shown >= 0.5)) {
		d->shown = now;
		bp_log(BP_LOG_WARN, "%s: %.64s: %s %d/%d%s", f[0], f[1], f[2], done, total, left);
	}
}

static void
watch(int fd)
{
	struct display d = { .terminal = isatty(STDERR_FILENO) };
	FILE *f = fdopen(fd, "r");
	char line[LINE];

	if (!f)
		return;
	for (;;) {
		if (fgets(line, sizeof line, f))
			progress_line(&d, line);
		else if (ferror(f) && errno == EINTR)
			clearerr(f);
		else
			break;
	}
	if (d.drawn)
		fputs("\r\033[K", stderr);
	fclose(f);
}

/* wait for all; the exit status of the run, as the first to fail (in time) decides */
static int
reap(const struct bp_proc *p, const pid_t *pid, int n)
{
	int status, result = 0, left = n;

	while (left > 0) {
		pid_t who = waitpid(-1, &status, 0);
		int i, code;
		if (who < 0 && errno == EINTR)
			continue;
		if (who < 0)
			break;
		for (i = 0; i < n && pid[i] != who; i++)
			;
		if (i == n)
			continue;
		children.pid[i] = 0;
		left--;
		code = WIFEXITED(status) ? WEXITSTATUS(status) : BP_EXIT_STREAM;
		if (code == 0 || (result != 0 && result != BP_EXIT_TARGETS))
			continue;
		if (WIFSIGNALED(status))
			bp_log(BP_LOG_ERROR, "%s: killed by signal %d (%s)", p[i].tool, WTERMSIG(status), strsignal(WTERMSIG(status)));
		else if (code == BP_EXIT_TARGETS && result == 0)
			bp_log(BP_LOG_ERROR, "%s: some targets failed", p[i].tool);
		else if (code != BP_EXIT_TARGETS)
			bp_log(BP_LOG_ERROR, "%s: failed with exit status %d", p[i].tool, code);
		result = code;
	}
	return result;
}

int
bp_pipeline_run(const struct bp_proc *p, int n)
{
	struct sigaction act = { .sa_handler = pass_on }, old_int, old_term;
	int progress[2], in = -1, made = 0;
	pid_t pid[MAX_STAGES];

	bp_assert(n > 0 && n <= MAX_STAGES);
	if (pipe2(progress, O_CLOEXEC) != 0)
		goto broken;
	children.n = 0;
	for (; made < n; made++) {
		int next[2] = { -1, -1 };
		if (made + 1 < n && pipe2(next, O_CLOEXEC) != 0)
			goto broken;
		if ((pid[made] = fork()) < 0)
			goto broken;
		if (pid[made] == 0)
			become(&p[made], in, next[1], progress[1]);
		children.pid[made] = pid[made];
		children.n = made + 1;
		if (in >= 0)
			close(in);
		if (next[1] >= 0)
			close(next[1]);
		in = next[0];
	}
	sigemptyset(&act.sa_mask);
	sigaction(SIGINT, &act, &old_int);
	sigaction(SIGTERM, &act, &old_term);
	close(progress[1]);
	watch(progress[0]);
	made = reap(p, pid, n);
	sigaction(SIGINT, &old_int, NULL);
	sigaction(SIGTERM, &old_term, NULL);
	return made;
broken:
	bp_log(BP_LOG_ERROR, "cannot start the stages: %s", strerror(errno));
	pass_on(SIGTERM);
	return BP_EXIT_STREAM;
}

/* ---- options ---- */

static int
parse_options(struct bp_toolopts *t, char *text, struct bp_arena *mem, struct bp_err *err)
{
	int lines = 0;

	for (const char *s = text; *s; s++)
		lines += *s == '\n';
	BP_NEW(t->opt, lines + 1, mem, err);
	for (char *line = text, *next; line && *line; line = next) {
		struct bp_toolopt *o = &t->opt[t->n];
		char *letter, *value, *help;
		if ((next = strchr(line, '\n')))
			*next++ = 0;
		if (line == text) {
			t->summary = line;
			continue;
		}
		if (!(letter = strchr(line, '\t')) || !(value = strchr(letter + 1, '\t')) || !(help = strchr(value + 1, '\t')))
			return BP_FAIL(err, BP_EUSAGE, "are the programs of one version?", "%s --help-options: not understood", t->tool);
		*letter = *help = 0;
		*o = (struct bp_toolopt){ .name = line, .help = help + 1, .letter = letter[1] == '-' ? 0 : letter[1], .value = value[1] == '1' };
		t->n++;
	}
	return BP_OK;
}

int
bp_pipeline_options(struct bp_toolopts *ret, const char *dir, const char *tool, struct bp_arena *mem, struct bp_err *err)
{
	int fd[2], status;
	pid_t pid;
	char *text, *path;
	size_t n = 0, cap = 1 << 16;
	ssize_t got;

	*ret = (struct bp_toolopts){ .tool = tool };
	if (!(ret->path = path = bp_sprintf(mem, err, "%s/%s", dir, tool)) || !(text = bp_calloc(mem, cap, 1, err)))
		return BP_EMEM;
	if (pipe2(fd, O_CLOEXEC) != 0 || (pid = fork()) < 0)
		return BP_FAIL(err, BP_EIO, NULL, "cannot start %s: %s", path, strerror(errno));
	if (pid == 0) {
		char *const argv[] = { path, "--help-options", NULL };
		if (dup2(fd[1], STDOUT_FILENO) >= 0)
			execv(path, argv);
		_exit(127);
	}
	close(fd[1]);
	while (n + 1 < cap && (got = read(fd[0], text + n, cap - 1 - n)) > 0)
		n += (size_t)got;
	close(fd[0]);
	if (waitpid(pid, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return BP_FAIL(err, BP_EUSAGE, "is boltzpipe installed whole?", "%s does not run", path);
	return parse_options(ret, text, mem, err);
}

static int
push(struct bp_strlist *l, const char *v, int cap)
{
	bp_assert(l->n < cap);
	l->v[l->n++] = v;
	return BP_OK;
}

static const struct bp_toolopt *
find_option(const struct bp_toolopts *t, const char *name, size_t len, char letter)
{
	for (int i = 0; i < t->n; i++) {
		const char *a = t->opt[i].name;
		size_t k = 0;
		if (letter ? t->opt[i].letter == letter : false)
			return &t->opt[i];
		if (letter)
			continue;
		while (k < len && a[k] && (a[k] == name[k] || (a[k] == '-' && name[k] == '_')))
			k++;
		if (k == len && a[k] == 0)
			return &t->opt[i];
	}
	return !letter && len > 3 && strncmp(name, "no-", 3) == 0 ? find_option(t, name + 3, len - 3, 0) : NULL;
}

static int
unknown(const char *arg, const struct bp_toolopts *tools, int ntools, struct bp_err *err)
{
	const char *near = NULL;
	char hint[128];

	for (int t = 0; t < ntools && !near; t++)
		for (int i = 0; i < tools[t].n && !near; i++)
			near = bp_nearest(arg + strspn(arg, "-"), &tools[t].opt[i].name, 1);
	if (near)
		snprintf(hint, sizeof hint, "did you mean --%s?", near);
	else
		snprintf(hint, sizeof hint, "see --help");
	return BP_FAIL(err, BP_EUSAGE, hint, "unknown option %s", arg);
}

int
bp_pipeline_split(struct bp_strlist *list, struct bp_strlist *args, const struct bp_toolopts *tools, int ntools, int argc,
    char **argv, struct bp_arena *mem, struct bp_err *err)
{
	for (int t = 0; t < ntools; t++)
		BP_NEW(list[t].v, argc + 1, mem, err);
	BP_NEW(args->v, argc + 1, mem, err);
	for (int i = 1; i < argc; i++) {
		const char *a = argv[i], *name = a + 2, *v = NULL;
		bool is_long = strncmp(a, "--", 2) == 0, known = false;
		size_t len = is_long ? strcspn(name, "=") : 0;
		if (a[0] != '-' || !a[1]) {
			BP_TRY(push(args, a, argc + 1));
			continue;
		}
		for (int t = 0; t < ntools; t++) {
			const struct bp_toolopt *o = find_option(&tools[t], name, len, is_long ? 0 : a[1]);
			if (!o || (is_long && (strcmp(o->name, "in") == 0 || strcmp(o->name, "out") == 0)))
				continue;
			known = true;
			BP_TRY(push(&list[t], a, argc + 1));
			if (o->value && !(is_long ? name[len] == '=' : a[2] != 0)) {
				if (!(v = argv[i + 1]))
					return BP_FAIL(err, BP_EUSAGE, NULL, "%s needs a value", a);
				BP_TRY(push(&list[t], v, argc + 1));
			}
		}
		if (!known)
			return unknown(a, tools, ntools, err);
		i += v != NULL;
	}
	return BP_OK;
}
