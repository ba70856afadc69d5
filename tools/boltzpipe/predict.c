/* boltzpipe predict FILE... -o DIR: featurize | trunk | diffuse | confidence | write in one command. It has no options
 * of its own: it asks the stages for theirs and hands each option to those that know it. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "model/weights.h"
#include "stream/origin.h"
#include "subcommands.h"

static const char *const stage[] = { "featurize", "trunk", "diffuse", "confidence", "write" };
enum { STAGES = sizeof stage / sizeof *stage, WRITE = STAGES - 1 };

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

/* the command of stage t */
static int
command(char ***ret, const struct bp_toolopts *tool, const struct bp_strlist *first, const struct bp_strlist *options,
    const struct bp_strlist *args, struct bp_arena *mem, struct bp_err *err)
{
	const struct bp_strlist *const part[] = { first, options, args };
	const char **argv;
	int n = 0;

	BP_NEW(argv, first->n + options->n + args->n + 3, mem, err);
	argv[n++] = tool->path;
	for (int p = 0; p < 3; p++) {
		if (p == 2 && args->n)
			argv[n++] = "--";
		for (int i = 0; i < part[p]->n; i++)
			argv[n++] = part[p]->v[i];
	}
	*ret = (char **)argv;
	return BP_OK;
}

/* the value of --name=value in a list, or NULL */
static const char *
value_of(const struct bp_strlist *options, const char *name)
{
	size_t n = strlen(name);

	for (int i = 0; i < options->n; i++)
		if (strncmp(options->v[i], name, n) == 0 && options->v[i][n] == '=')
			return options->v[i] + n + 1;
	return NULL;
}

static bool
has_option(const struct bp_toolopts *tool, const char *name)
{
	int i = 0;

	while (i < tool->n && strcmp(tool->opt[i].name, name) != 0)
		i++;
	return i < tool->n;
}

/* featurize is told what is in the output folder already, and how the later stages (changed [STAGES]) would make it */
static int
resume(struct bp_strlist *first, const struct bp_toolopts *tools, struct bp_strlist *changed, struct bp_arena *mem,
    struct bp_err *err)
{
	const char *dir = value_of(&changed[WRITE], "--out-dir"), *option, *line, *weights;
	char *with = bp_strdup(mem, "--resume-with=", err);

	if (!value_of(&changed[WRITE], "--resume") || value_of(&changed[WRITE], "--override"))
		return BP_OK;
	for (int t = 1; t < STAGES && with; t++) {
		weights = NULL;
		BP_TRY(bp_origin_files(&changed[t], mem, err));
		if (has_option(&tools[t], "weights"))
			BP_TRY(bp_weights_find_id(&weights, value_of(&changed[t], "--weights"), mem, err));
		if (!(line = bp_origin_line(tools[t].tool, BP_VERSION, weights, &changed[t], mem, err)))
			return BP_EMEM;
		with = bp_sprintf(mem, err, "%s%s\n", with, line);
	}
	if (!with || !(option = bp_sprintf(mem, err, "--resume-from=%s", dir)))
		return BP_EMEM;
	BP_TRY(bp_strlist_add(first, option, mem, err));
	return bp_strlist_add(first, with, mem, err);
}

static int
run(const struct bp_toolopts *tools, const struct bp_strlist *list, const struct bp_strlist *args, struct bp_arena *mem,
    struct bp_err *err, int *status)
{
	const struct bp_strlist none = { 0 };
	struct bp_strlist first[STAGES] = { 0 }, changed[STAGES];
	struct bp_proc proc[STAGES];
	char **argv;
	bool refused;

	if (args->n == 0)
		return BP_FAIL(err, BP_EUSAGE, "boltzpipe predict x.yaml -o out", "no input file");
	for (int t = 0; t < STAGES; t++)
		BP_TRY(check_dump(&list[t], err));
	BP_TRY(bp_strlist_add(&first[WRITE], "--resume", mem, err)); /* --no-resume may follow */
	*status = BP_EXIT_USAGE;
	for (int t = 0; t < STAGES; t++) {
		BP_TRY(command(&argv, &tools[t], &first[t], &list[t], t ? &none : args, mem, err));
		BP_TRY(bp_pipeline_changed(&changed[t], &refused, argv, mem, err));
		if (refused)
			return BP_OK; /* it has said why */
	}
	BP_TRY(resume(&first[0], tools, changed, mem, err));
	for (int t = 0; t < STAGES; t++) {
		BP_TRY(command(&argv, &tools[t], &first[t], &list[t], t ? &none : args, mem, err));
		proc[t] = (struct bp_proc) { stage[t], argv };
	}
	*status = bp_pipeline_run(proc, STAGES);
	return BP_OK;
}

static const struct bp_optdef no_options[] = { { 0 } };
static const struct bp_program program = { .name = "boltzpipe predict",
	.summary = "featurize | trunk | diffuse | confidence | write in one command",
	.arguments = "FILE|DIRECTORY... -o DIR [options of any stage]",
	.about = "Runs the whole pipe with one progress display. The same command again goes on where it was ended: targets "
	         "that are there, whole, and made from the same input, weights and options are kept, all others are made; "
	         "--override makes all anew, --no-resume refuses to replace any. It has no options of its own: it takes those of every "
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
