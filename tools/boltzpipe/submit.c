/* boltzpipe submit FILE... -o DIR --nodes N: the whole pipe as two Slurm jobs, a head and an array of workers that are
 * joined by sockets (share/slurm/job.sh). */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/newfile.h"
#include "stages.h"
#include "stream/keys.h"
#include "subcommands.h"

struct submit_opt {
	int nodes, gpus, cpus;
	const char *mem, *time, *partition;
	struct bp_strlist sbatch;
	bool dry_run;
};

#define AT(field) offsetof(struct submit_opt, field)
static const struct bp_optdef options[] = {
	{ "nodes", 0, BP_OPT_INT, AT(nodes), "[1,100000]", "N", "workers" },
	{ "gpus", 0, BP_OPT_INT, AT(gpus), "[0,64]", "N", "of a worker: it runs a pipe on each; 0: on the CPU" },
	{ "cpus", 0, BP_OPT_INT, AT(cpus), "[0,4096]", "N", "of a worker; 0: what Slurm gives" },
	{ "mem", 0, BP_OPT_STR, AT(mem), NULL, "SIZE", "memory of a worker, as sbatch takes it (64G)" },
	{ "time", 0, BP_OPT_STR, AT(time), NULL, "TIME",
	    "limit of a job, as sbatch takes it (4:00:00); then it is requeued" },
	{ "partition", 0, BP_OPT_STR, AT(partition), NULL, "NAME", "of both jobs" },
	{ "sbatch", 0, BP_OPT_LIST, AT(sbatch), NULL, "OPTION",
	    "a further option of sbatch for both jobs (repeatable)" },
	{ "dry-run", 0, BP_OPT_FLAG, AT(dry_run), NULL, NULL, "print the script and how it would be submitted" },
	{ 0 },
};
static const struct bp_program program = { "boltzpipe submit", "the whole pipe on many machines, by Slurm",
	"FILE|DIRECTORY... -o DIR [options of any stage]",
	"Submits two jobs to Slurm: a head that reads the inputs and writes the results, and an array of --nodes "
	"workers that "
	"predict. They talk over encrypted sockets with a key of this run. DIR must be seen by all nodes; the script, "
	"the "
	"key and the logs are in DIR/job-N. Jobs that are preempted or reach their limit are requeued; the same "
	"command again "
	"keeps what is finished. doc/cluster.md tells more.",
	options };

struct submit {
	struct stages s;
	struct submit_opt opt;
	char *out, *job; /* absolute paths */
	const char *bin;
};

/* Our options as the sorter wants them, and then as a struct. */
static int
own_tool(struct bp_toolopts *t, struct bp_arena *mem, struct bp_err *err)
{
	*t = (struct bp_toolopts) { .tool = "submit" };
	BP_NEW(t->opt, sizeof options / sizeof *options, mem, err);
	for (const struct bp_optdef *d = options; d->type != BP_OPT_END; d++)
		t->opt[t->n++]
		    = (struct bp_toolopt) { .name = d->name, .letter = d->letter, .value = d->type != BP_OPT_FLAG };
	return BP_OK;
}

static int
own_options(struct submit *u)
{
	struct stages *s = &u->s;
	const struct bp_strlist *given = &s->given[STAGES];
	const char **argv;
	char *queue;

	BP_NEW(argv, given->n + 2, s->mem, s->err);
	argv[0] = program.name;
	for (int i = 0; i < given->n; i++)
		argv[i + 1] = given->v[i];
	u->opt = (struct submit_opt) { .nodes = 1 };
	BP_TRY(bp_opt_parse(&program, &u->opt, NULL, given->n + 1, (char **)argv, s->mem, s->err));
	/* the head serves all workers: two targets for each lie ready */
	if (!(queue = bp_sprintf(s->mem, s->err, "--queue=%d", 2 * u->opt.nodes < 65536 ? 2 * u->opt.nodes : 65536)))
		return BP_EMEM;
	return bp_strlist_add(&s->before[FEATURIZE], queue, s->mem, s->err);
}

/* better now than when the job has waited for a day */
static int
check_inputs(const struct submit *u)
{
	const struct bp_strlist *in = &u->s.args;

	for (int i = 0; i < in->n; i++) {
		if (strcmp(in->v[i], "-") == 0)
			return BP_FAIL(u->s.err, BP_EUSAGE, "write it to a file", "-: a job has no stdin to read");
		if (access(in->v[i], R_OK) != 0)
			return BP_FAIL(u->s.err, BP_EUSAGE, NULL, "%s: %s", in->v[i], strerror(errno));
	}
	return BP_OK;
}

/* DIR/job-N that is not there yet; made unless this is rehearsed */
static int
job_folder(struct submit *u)
{
	struct stages *s = &u->s;
	const char *dir = stages_value(s, WRITE, "out-dir");
	char *real;

	if (!u->opt.dry_run && mkdir(dir, 0777) != 0 && errno != EEXIST)
		return BP_FAIL(s->err, BP_EUSAGE, NULL, "%s: %s", dir, strerror(errno));
	real = realpath(dir, NULL);
	u->out = bp_strdup(s->mem, real ? real : dir, s->err);
	free(real);
	for (int n = 1; u->out; n++) {
		if (!(u->job = bp_sprintf(s->mem, s->err, "%s/job-%d", u->out, n)))
			return BP_EMEM;
		if (u->opt.dry_run ? access(u->job, F_OK) != 0 : mkdir(u->job, 0700) == 0)
			return BP_OK;
		if (!u->opt.dry_run && errno != EEXIST)
			return BP_FAIL(s->err, BP_EUSAGE, NULL, "%s: %s", u->job, strerror(errno));
	}
	return BP_EMEM;
}

/* ---- the script ---- */

/* a word for the shell */
static void
quote(FILE *f, const char *s)
{
	putc('\'', f);
	for (; *s; s++)
		if (*s == '\'')
			fputs("'\\''", f);
		else
			putc(*s, f);
	putc('\'', f);
}

static void
assign(FILE *f, const char *name, const char *value)
{
	fprintf(f, "%s=", name);
	quote(f, value);
	putc('\n', f);
}

static int
settings(FILE *f, const struct submit *u)
{
	const struct stages *s = &u->s;
	char cwd[PATH_MAX];

	if (!getcwd(cwd, sizeof cwd))
		return BP_FAIL(s->err, BP_EIO, NULL, "the current folder: %s", strerror(errno));
	fprintf(f,
	    "#!/bin/bash\n# made by boltzpipe %s submit\n#SBATCH --requeue\n#SBATCH --open-mode=append\n"
	    "#SBATCH --signal=B:USR1@60\ncd ",
	    BP_VERSION);
	quote(f, cwd);
	fprintf(f, " || exit 2\n");
	assign(f, "job", u->job);
	fprintf(f, "gpus=%d\nsecret=(--key \"$job/run.key\" --peer-keys \"$job\")\n", u->opt.gpus);
	for (int t = 0; t < STAGES; t++) {
		const struct bp_strlist *const part[] = { &s->before[t], &s->given[t], &s->after[t] };
		fprintf(f, "%s=(", s->tools[t].tool);
		if (!stages_has(s, t)) {
			fprintf(f, ")\n");
			continue;
		}
		quote(f, s->tools[t].path);
		for (int p = 0; p < 3; p++)
			for (int i = 0; i < part[p]->n; i++) {
				putc(' ', f);
				quote(f, part[p]->v[i]);
			}
		fprintf(f, ")\n");
	}
	fprintf(f, "inputs=(--");
	for (int i = 0; i < s->args.n; i++) {
		putc(' ', f);
		quote(f, s->args.v[i]);
	}
	fprintf(f, ")\n\n");
	return BP_OK;
}

static int
script(FILE *f, const struct submit *u)
{
	char *path = bp_share_path("slurm/job.sh", u->s.mem, u->s.err), buf[4096];
	FILE *body = path ? fopen(path, "re") : NULL;
	size_t n;
	int st;

	if (!path)
		return BP_EIO;
	if (!body)
		return BP_FAIL(u->s.err, BP_EIO, NULL, "%s: %s", path, strerror(errno));
	st = settings(f, u);
	while (st == BP_OK && (n = fread(buf, 1, sizeof buf, body)) > 0)
		fwrite(buf, 1, n, f); /* its errors stay in f */
	if (st == BP_OK && ferror(body))
		st = BP_FAIL(u->s.err, BP_EIO, NULL, "%s: cannot be read", path);
	fclose(body);
	return st;
}

/* ---- submitting ---- */

static int BP_PRINTF(3, 4) add(const struct submit *u, struct bp_strlist *l, const char *fmt, ...)
{
	char text[PATH_MAX + 64];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return bp_strlist_add(l, bp_strdup(u->s.mem, text, u->s.err), u->s.mem, u->s.err);
}

/* the sbatch command of the head (head NULL) or of its workers */
static int
command(struct bp_strlist *l, const struct submit *u, const char *head)
{
	const struct submit_opt *o = &u->opt;

	BP_TRY(add(u, l, "sbatch"));
	BP_TRY(add(u, l, "--parsable"));
	BP_TRY(add(u, l, "--job-name=boltzpipe-%s", head ? "worker" : "head"));
	BP_TRY(add(u, l, "--output=%s/%s.log", u->job, head ? "worker-%a" : "head"));
	if (o->partition)
		BP_TRY(add(u, l, "--partition=%s", o->partition));
	if (o->time)
		BP_TRY(add(u, l, "--time=%s", o->time));
	if (head) {
		BP_TRY(add(u, l, "--array=1-%d", o->nodes));
		BP_TRY(add(u, l, "--dependency=after:%s", head));
		if (o->gpus)
			BP_TRY(add(u, l, "--gres=gpu:%d", o->gpus));
		if (o->cpus)
			BP_TRY(add(u, l, "--cpus-per-task=%d", o->cpus));
		if (o->mem)
			BP_TRY(add(u, l, "--mem=%s", o->mem));
	}
	for (int i = 0; i < o->sbatch.n; i++)
		BP_TRY(add(u, l, "%s", o->sbatch.v[i]));
	BP_TRY(add(u, l, "%s/run.sh", u->job));
	BP_TRY(add(u, l, head ? "worker" : "head"));
	return bp_strlist_add(l, NULL, u->s.mem, u->s.err);
}

static int
rehearse(const struct submit *u)
{
	BP_TRY(script(stdout, u));
	for (int k = 0; k < 2; k++) {
		struct bp_strlist l = { 0 };
		BP_TRY(command(&l, u, k ? "HEAD" : NULL));
		printf("# submitted by:");
		for (int i = 0; l.v[i]; i++) {
			putchar(' ');
			fputs(l.v[i], stdout);
		}
		putchar('\n');
	}
	return bp_stdout_flush(u->s.err);
}

/* run sbatch; *id is the number of the job */
static int
sbatch(char **id, const struct submit *u, const char *head)
{
	struct bp_strlist l = { 0 };
	bool ok;

	BP_TRY(command(&l, u, head));
	BP_TRY(bp_pipeline_output(id, &ok, (char *const *)l.v, u->s.mem, u->s.err));
	(*id)[strcspn(*id, ";\n")] = 0; /* ID;CLUSTER */
	if (ok && **id && strspn(*id, "0123456789") == strlen(*id))
		return BP_OK;
	return BP_FAIL(u->s.err, BP_EUSAGE, "is this a machine that may submit to Slurm?",
	    "sbatch did not take the %s job", head ? "workers'" : "head's");
}

static int
submit(const struct submit *u)
{
	struct bp_newfile file;
	struct bp_key key;
	char *path = bp_sprintf(u->s.mem, u->s.err, "%s/run", u->job), *head, *workers;
	int st;

	if (!path)
		return BP_EMEM;
	BP_TRY(bp_key_make(&key, u->s.err));
	BP_TRY(bp_key_write(path, &key, u->s.mem, u->s.err));
	if (!(path = bp_sprintf(u->s.mem, u->s.err, "%s/run.sh", u->job)))
		return BP_EMEM;
	BP_TRY(bp_newfile_open(&file, path, u->s.mem, u->s.err));
	if ((st = script(file.f, u)) == BP_OK)
		st = bp_newfile_end(&file, u->s.err);
	bp_newfile_close(&file);
	BP_TRY(st);
	BP_TRY(sbatch(&head, u, NULL));
	if ((st = sbatch(&workers, u, head)) != BP_OK) {
		bp_err_where(u->s.err, "scancel %s", head);
		return st;
	}
	printf("head %s, workers %s: results in %s/predictions, logs in %s\n", head, workers, u->out, u->job);
	return bp_stdout_flush(u->s.err);
}

static int
run(struct submit *u, struct bp_arena *mem, int argc, char **argv, int *status, struct bp_err *err)
{
	bool refused;

	BP_TRY(stages_open(&u->s, mem, err));
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			*status = bp_main_start(&program, &(struct submit_opt) { .nodes = 1 }, NULL, NULL, 2,
			    (char *[]) { argv[0], argv[i] }, &mem);
			stages_help(&u->s);
			return bp_stdout_flush(err);
		}
	BP_TRY(own_tool(&u->s.tools[STAGES], mem, err));
	u->s.n = STAGES + 1;
	BP_TRY(stages_sort(&u->s, &refused, argc, argv));
	*status = BP_EXIT_USAGE;
	if (refused)
		return BP_OK;
	BP_TRY(own_options(u));
	BP_TRY(check_inputs(u));
	BP_TRY(job_folder(u));
	*status = BP_EXIT_OK;
	return u->opt.dry_run ? rehearse(u) : submit(u);
}

int
bp_submit_main(int argc, char **argv)
{
	struct submit u;
	struct bp_arena *mem = NULL;
	struct bp_err err = { 0 };
	int st, status = BP_EXIT_OK;

	bp_log_open(program.name, BP_LOG_WARN);
	if (argc > 1 && (strcmp(argv[1], "--help-man") == 0 || strcmp(argv[1], "--version") == 0))
		return bp_main_start(&program, &(struct submit_opt) { .nodes = 1 }, NULL, NULL, 2, argv, &mem);
	if ((st = bp_arena_open(&mem, 0, &err)) == BP_OK)
		st = run(&u, mem, argc, argv, &status, &err);
	if (st != BP_OK)
		status = bp_main_fail(&err);
	bp_arena_close(mem);
	return status;
}
