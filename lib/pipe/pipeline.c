/* Contents: processes and their pipes; the progress display; how they end; the options of programs; sorting a command
 * line. */
#include "pipe/pipeline.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"

enum { MAX_STAGES = 16, LINE = 512, LOOK_MS = 50 };

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

/* ---- the end of the stages ---- */
struct ends {
	const struct bp_proc *p;
	const pid_t *pid;
	int n, left;
	int blamed, status; /* of the stage at fault; -1: none yet */
};

/* How surely an end is a fault of the stage itself: wrong use and a signal are; 3 may be what follows from another's
 * fault; 1 is targets that failed, with a stream that is whole. */
static int
blame(int status)
{
	if (WIFSIGNALED(status))
		return 3;
	return WEXITSTATUS(status) == BP_EXIT_OK     ? 0
	    : WEXITSTATUS(status) == BP_EXIT_TARGETS ? 1
	    : WEXITSTATUS(status) == BP_EXIT_STREAM  ? 2
	                                             : 3;
}

/* Collect those that ended, or wait for one. Of equals the first in time is blamed; of those that ended between two
 * looks the first in the pipe, as a cut stream is seen downstream at once, upstream with the next record. */
static void
reap(struct ends *e, bool wait)
{
	int before = e->blamed, status;
	pid_t who;

	while (e->left > 0 && ((who = waitpid(-1, &status, wait ? 0 : WNOHANG)) > 0 || (who < 0 && errno == EINTR))) {
		int i = 0, now, old = e->blamed < 0 ? 0 : blame(e->status);
		if (who < 0)
			continue;
		while (i < e->n && e->pid[i] != who)
			i++;
		if (i == e->n)
			continue;
		children.pid[i] = 0;
		e->left--;
		now = blame(status);
		if (now > old || (now && now == old && e->blamed != before && i < e->blamed)) {
			e->blamed = i;
			e->status = status;
		}
		wait = false;
	}
}

/* name the one at fault; the exit status of the run */
static int
verdict(const struct ends *e)
{
	const char *tool = e->blamed < 0 ? "" : e->p[e->blamed].tool;
	int code = BP_EXIT_STREAM;

	if (e->blamed < 0)
		return BP_EXIT_OK;
	if (WIFSIGNALED(e->status)) {
		bp_log(BP_LOG_ERROR, "%s: killed by signal %d (%s)", tool, WTERMSIG(e->status),
		    strsignal(WTERMSIG(e->status)));
		return code;
	}
	code = WEXITSTATUS(e->status);
	if (code == BP_EXIT_TARGETS)
		bp_log(BP_LOG_ERROR, "%s: some targets failed", tool);
	else
		bp_log(BP_LOG_ERROR, "%s: failed with exit status %d", tool, code);
	return code;
}

/* show progress until all stages have closed the pipe, then wait for the last */
static void
watch(int fd, struct ends *e)
{
	struct display d = { .terminal = isatty(STDERR_FILENO) };
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	FILE *f = fdopen(fd, "r");
	char line[LINE];

	if (f && fcntl(fd, F_SETFL, O_NONBLOCK) == 0)
		for (;;) {
			if (fgets(line, sizeof line, f)) {
				progress_line(&d, line);
				continue;
			}
			if (feof(f) || (errno != EAGAIN && errno != EINTR))
				break;
			clearerr(f);
			if (poll(&ready, 1, LOOK_MS) < 0 && errno != EINTR)
				break;
			reap(e, false);
		}
	while (e->left > 0)
		reap(e, true);
	if (d.drawn)
		fputs("\r\033[K", stderr);
	if (f)
		fclose(f);
}

int
bp_pipeline_run(const struct bp_proc *p, int n)
{
	struct sigaction act = { .sa_handler = pass_on }, old_int, old_term;
	int progress[2], in = -1, made = 0;
	pid_t pid[MAX_STAGES];
	struct ends ends = { .p = p, .pid = pid, .n = n, .left = n, .blamed = -1 };

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
	watch(progress[0], &ends);
	sigaction(SIGINT, &old_int, NULL);
	sigaction(SIGTERM, &old_term, NULL);
	return verdict(&ends);
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
		if (!(letter = strchr(line, '\t')) || !(value = strchr(letter + 1, '\t'))
		    || !(help = strchr(value + 1, '\t')))
			return BP_FAIL(err, BP_EUSAGE, "are the programs of one version?",
			    "%s --help-options: not understood", t->tool);
		*letter = *help = 0;
		*o = (struct bp_toolopt) { .name = line,
			.help = help + 1,
			.letter = letter[1] == '-' ? 0 : letter[1],
			.value = value[1] == '1' };
		t->n++;
	}
	return BP_OK;
}

int
bp_pipeline_output(char **text, bool *ok, char *const *argv, struct bp_arena *mem, struct bp_err *err)
{
	int fd[2], status;
	pid_t pid;
	size_t n = 0, cap = 1 << 16;
	ssize_t got;

	if (!(*text = bp_calloc(mem, cap, 1, err)))
		return BP_EMEM;
	if (pipe2(fd, O_CLOEXEC) != 0 || (pid = fork()) < 0)
		return BP_FAIL(err, BP_EIO, NULL, "cannot start %s: %s", argv[0], strerror(errno));
	if (pid == 0) {
		if (dup2(fd[1], STDOUT_FILENO) >= 0)
			execvp(argv[0], argv);
		_exit(127);
	}
	close(fd[1]);
	while (n + 1 < cap && (got = read(fd[0], *text + n, cap - 1 - n)) > 0)
		n += (size_t)got;
	close(fd[0]);
	if (waitpid(pid, &status, 0) < 0)
		return BP_FAIL(err, BP_EIO, NULL, "cannot wait for %s: %s", argv[0], strerror(errno));
	*ok = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	return BP_OK;
}

int
bp_pipeline_options(
    struct bp_toolopts *ret, const char *dir, const char *tool, struct bp_arena *mem, struct bp_err *err)
{
	char *path = bp_sprintf(mem, err, "%s/%s", dir, tool), *text;
	bool ok;

	*ret = (struct bp_toolopts) { .tool = tool, .path = path };
	if (!path)
		return BP_EMEM;
	BP_TRY(bp_pipeline_output(&text, &ok, (char *const[]) { path, "--help-options", NULL }, mem, err));
	if (!ok)
		return BP_FAIL(err, BP_EUSAGE, "is boltzpipe installed whole?", "%s does not run", path);
	return parse_options(ret, text, mem, err);
}

int
bp_pipeline_changed(struct bp_strlist *ret, bool *refused, char *const *argv, struct bp_arena *mem, struct bp_err *err)
{
	const char **v;
	char *text, *line;
	int n = 0;
	bool ok;

	*ret = (struct bp_strlist) { 0 };
	while (argv[n])
		n++;
	BP_NEW(v, n + 2, mem, err);
	v[0] = argv[0];
	v[1] = "--help-changed";
	for (int i = 1; i < n; i++)
		v[i + 1] = argv[i];
	BP_TRY(bp_pipeline_output(&text, &ok, (char *const *)v, mem, err));
	*refused = !ok;
	while ((line = strsep(&text, "\n")))
		if (*line)
			BP_TRY(bp_strlist_add(ret, line, mem, err));
	return BP_OK;
}

/* ---- sorting a command line ---- */
struct sorting {
	const struct bp_toolopts *tools;
	int n;
	struct bp_strlist *list; /* [n] */
	bool *alone;             /* the same */
	int at;
	char **argv;
	struct bp_arena *mem;
};

static const struct bp_toolopt *
find_long(const struct bp_toolopts *t, const char *name, size_t len)
{
	for (int i = 0; i < t->n; i++) {
		const char *a = t->opt[i].name;
		size_t k = 0;
		while (k < len && a[k] && (a[k] == name[k] || (a[k] == '-' && name[k] == '_')))
			k++;
		if (k == len && a[k] == 0)
			return &t->opt[i];
	}
	return len > 3 && (strncmp(name, "no-", 3) == 0 || strncmp(name, "no_", 3) == 0)
	    ? find_long(t, name + 3, len - 3)
	    : NULL;
}

static const struct bp_toolopt *
find_letter(const struct bp_toolopts *t, char letter)
{
	for (int i = 0; i < t->n; i++)
		if (t->opt[i].letter == letter)
			return &t->opt[i];
	return NULL;
}

static bool
is_end(const char *name) /* of a pipe's stage: predict joins them itself */
{
	return strcmp(name, "in") == 0 || strcmp(name, "out") == 0;
}

static int
unknown(const struct sorting *s, const char *arg, struct bp_err *err)
{
	const char *near = NULL;
	char hint[128] = "see --help", name[64];

	snprintf(name, sizeof name, "%.*s", (int)strcspn(arg + strspn(arg, "-"), "="), arg + strspn(arg, "-"));
	if (is_end(name))
		return BP_FAIL(err, BP_EUSAGE, "files are arguments, results go to --out-dir",
		    "--%s: no option of the whole pipe", name);
	for (int t = 0; t < s->n && !near; t++)
		for (int i = 0; i < s->tools[t].n && !near; i++)
			near = bp_nearest(name, &s->tools[t].opt[i].name, 1);
	if (near)
		snprintf(hint, sizeof hint, "did you mean --%s?", near);
	return BP_FAIL(err, BP_EUSAGE, hint, "unknown option %s", arg);
}

/* hand `arg`, and the word after it when that is its value, to every tool that knows the option */
static int
hand_out(struct sorting *s, const char *arg, const char *name, size_t len, char letter, bool joined, struct bp_err *err)
{
	const char *value = NULL;
	int known = 0, last = 0;

	for (int t = 0; t < s->n; t++) {
		const struct bp_toolopt *o
		    = letter ? find_letter(&s->tools[t], letter) : find_long(&s->tools[t], name, len);
		if (!o || is_end(o->name))
			continue;
		known++;
		last = t;
		s->list[t].v[s->list[t].n++] = arg;
		if (o->value && !joined) {
			if (!(value = s->argv[s->at + 1]))
				return BP_FAIL(err, BP_EUSAGE, NULL, "%s needs a value", arg);
			s->list[t].v[s->list[t].n++] = value;
		}
	}
	s->at += value != NULL;
	if (known == 1)
		s->alone[last] = true;
	return known ? BP_OK : unknown(s, arg, err);
}

/* -vqo DIR as -v -q -o DIR */
static int
letters(struct sorting *s, const char *word, struct bp_err *err)
{
	for (const char *c = word + 1; *c; c++) {
		const struct bp_toolopt *o = NULL;
		char *arg;
		for (int t = 0; t < s->n && !o; t++)
			o = find_letter(&s->tools[t], *c);
		if (o && o->value && c[1]) { /* -oDIR */
			if (!(arg = bp_sprintf(s->mem, err, "-%s", c)))
				return BP_EMEM;
			return hand_out(s, arg, NULL, 0, *c, true, err);
		}
		if (!(arg = bp_sprintf(s->mem, err, "-%c", *c)))
			return BP_EMEM;
		BP_TRY(hand_out(s, arg, NULL, 0, *c, false, err));
	}
	return BP_OK;
}

int
bp_pipeline_split(struct bp_strlist *list, bool *alone, struct bp_strlist *args, const struct bp_toolopts *tools, int ntools,
    int argc, char **argv, struct bp_arena *mem, struct bp_err *err)
{
	struct sorting s = { .tools = tools, .n = ntools, .list = list, .alone = alone, .at = 1, .argv = argv, .mem = mem };
	size_t room = 1;
	bool only_args = false;

	for (int i = 0; i < argc; i++)
		room += 1 + strlen(argv[i]); /* letters may run together */
	for (int t = 0; t < ntools; t++)
		BP_NEW(list[t].v, room, mem, err);
	BP_NEW(args->v, room, mem, err);
	for (; s.at < argc; s.at++) {
		const char *a = argv[s.at];
		if (only_args || a[0] != '-' || !a[1])
			args->v[args->n++] = a;
		else if (strcmp(a, "--") == 0)
			only_args = true;
		else if (a[1] == '-')
			BP_TRY(hand_out(&s, a, a + 2, strcspn(a + 2, "="), 0, strchr(a, '=') != NULL, err));
		else
			BP_TRY(letters(&s, a, err));
	}
	return BP_OK;
}
