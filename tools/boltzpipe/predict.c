/* boltzpipe predict FILE... -o DIR: featurize | trunk | diffuse | confidence | write in one command. It has no options
 * of its own: it asks the stages for theirs and hands each option to those that know it. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "subcommands.h"

static const char *const stage[] = { "featurize", "trunk", "diffuse", "confidence", "write" };
enum { STAGES = sizeof stage / sizeof *stage };

static void
help(const struct bp_toolopts *tools)
{
	printf("boltzpipe predict: featurize | trunk | diffuse | confidence | write in one command\n\n"
	       "usage: boltzpipe predict FILE|DIRECTORY... -o DIR [options of any stage]\n");
	for (int t = 0; t < STAGES; t++) {
		printf("\n%s: %s\n", tools[t].tool, tools[t].summary);
		for (int i = 0; i < tools[t].n; i++) {
			bool before
			    = strcmp(tools[t].opt[i].name, "in") == 0 || strcmp(tools[t].opt[i].name, "out") == 0;
			for (int u = 0; u < t && !before; u++)
				for (int k = 0; k < tools[u].n && !before; k++)
					before = strcmp(tools[u].opt[k].name, tools[t].opt[i].name) == 0;
			if (!before)
				printf("%s\n", tools[t].opt[i].help);
		}
	}
}

/* three stages dump, and one file holds one target's intermediates of one stage */
static int
check_dump(const struct bp_strlist *options, struct bp_err *err)
{
	struct stat sb;

	for (int i = 0; i < options->n; i++) {
		const char *o = options->v[i], *path;
		if (strncmp(o, "--dump", 6) != 0 || (o[6] && o[6] != '='))
			continue;
		path = o[6] ? o + 7 : options->v[i + 1];
		if (stat(path, &sb) != 0 || !S_ISDIR(sb.st_mode))
			return BP_FAIL(err, BP_EUSAGE, "make a directory and name it",
			    "--dump %s: several stages dump, and it is no directory", path);
	}
	return BP_OK;
}

/* the command of stage t; with check it only looks at its options */
static int
command(char ***ret, const struct bp_toolopts *tool, const struct bp_strlist *options, const struct bp_strlist *args,
    bool check, struct bp_arena *mem, struct bp_err *err)
{
	const char **argv;
	int n = 0;

	BP_NEW(argv, options->n + args->n + 4, mem, err);
	argv[n++] = tool->path;
	if (check)
		argv[n++] = "--help-check";
	for (int i = 0; i < options->n; i++)
		argv[n++] = options->v[i];
	if (args->n)
		argv[n++] = "--";
	for (int i = 0; i < args->n; i++)
		argv[n++] = args->v[i];
	*ret = (char **)argv;
	return BP_OK;
}

static int
run(const struct bp_toolopts *tools, const struct bp_strlist *list, const struct bp_strlist *args, struct bp_arena *mem,
    struct bp_err *err, int *status)
{
	const struct bp_strlist none = { 0 };
	struct bp_proc proc[STAGES];
	char **argv;

	if (args->n == 0)
		return BP_FAIL(err, BP_EUSAGE, "boltzpipe predict x.yaml -o out", "no input file");
	for (int t = 0; t < STAGES; t++)
		BP_TRY(check_dump(&list[t], err));
	*status = BP_EXIT_USAGE;
	for (int t = 0; t < STAGES; t++) {
		BP_TRY(command(&argv, &tools[t], &list[t], t ? &none : args, true, mem, err));
		if (!bp_pipeline_check(argv[0], argv))
			return BP_OK; /* it has said why */
	}
	for (int t = 0; t < STAGES; t++) {
		BP_TRY(command(&argv, &tools[t], &list[t], t ? &none : args, false, mem, err));
		proc[t] = (struct bp_proc) { stage[t], argv };
	}
	*status = bp_pipeline_run(proc, STAGES);
	return BP_OK;
}

static const struct bp_optdef no_options[] = { { 0 } };
static const struct bp_program program = { .name = "boltzpipe predict",
	.summary = "featurize | trunk | diffuse | confidence | write in one command",
	.arguments = "FILE|DIRECTORY... -o DIR [options of any stage]",
	.about = "Runs the whole pipe with one progress display. It has no options of its own: it takes those of every "
	         "stage and hands "
	         "each to the stages that know it; `boltzpipe predict --help` lists them. When a stage fails it is "
	         "named, and its exit "
	         "status is that of the command.",
	.options = no_options };

/* --help and its like; -1: none was asked for */
static int
informative(const struct bp_toolopts *tools, int argc, char **argv)
{
	static const char *const word[] = { "--version", "--help-man" };
	struct bp_arena *mem = NULL;
	struct bp_err err = { 0 };

	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			help(tools);
			return bp_stdout_flush(&err) == BP_OK ? BP_EXIT_OK : bp_main_fail(&err);
		}
		for (size_t k = 0; k < sizeof word / sizeof *word; k++)
			if (strcmp(argv[i], word[k]) == 0)
				return bp_main_start(
				    &program, NULL, NULL, NULL, 2, (char *[]) { argv[0], argv[i] }, &mem);
	}
	return -1;
}

int
bp_predict_main(int argc, char **argv)
{
	struct bp_toolopts tools[STAGES];
	struct bp_strlist list[STAGES] = { 0 }, args = { 0 };
	struct bp_arena *mem = NULL;
	struct bp_err err = { 0 };
	char *dir;
	int st, status;

	bp_log_open(program.name, BP_LOG_WARN);
	if ((st = bp_arena_open(&mem, 0, &err)) != BP_OK)
		goto done;
	st = BP_EUSAGE;
	if (!(dir = bp_tool_dir(mem, &err)))
		goto done;
	for (int t = 0; t < STAGES; t++)
		if ((st = bp_pipeline_options(&tools[t], dir, stage[t], mem, &err)) != BP_OK)
			goto done;
	if ((status = informative(tools, argc, argv)) < 0
	    && (st = bp_pipeline_split(list, &args, tools, STAGES, argc, argv, mem, &err)) == BP_OK)
		st = run(tools, list, &args, mem, &err, &status);
done:
	if (st != BP_OK)
		status = bp_main_fail(&err);
	bp_arena_close(mem);
	return status;
}
