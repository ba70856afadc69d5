/* boltzpipe predict FILE... -o DIR: featurize | trunk | diffuse | confidence | write in one command. It has no options of its own: it
 * asks the stages for theirs and hands each option to those that know it. */
#include <stdio.h>
#include <string.h>

#include "subcommands.h"

static const char *const stage[] = { "featurize", "trunk", "diffuse", "confidence", "write" };
enum { STAGES = sizeof stage / sizeof *stage };

static int
help(const struct bp_toolopts *tools)
{
	printf("boltzpipe predict: featurize | trunk | diffuse | confidence | write in one command\n\n"
	       "usage: boltzpipe predict FILE|DIRECTORY... -o DIR [options of any stage]\n");
	for (int t = 0; t < STAGES; t++) {
		printf("\n%s: %s\n", tools[t].tool, tools[t].summary);
		for (int i = 0; i < tools[t].n; i++) {
			bool before = strcmp(tools[t].opt[i].name, "in") == 0 || strcmp(tools[t].opt[i].name, "out") == 0;
			for (int u = 0; u < t && !before; u++)
				for (int k = 0; k < tools[u].n && !before; k++)
					before = strcmp(tools[u].opt[k].name, tools[t].opt[i].name) == 0;
			if (!before)
				printf("%s\n", tools[t].opt[i].help);
		}
	}
	return BP_EXIT_OK;
}

static int
run(const struct bp_toolopts *tools, struct bp_strlist *list, const struct bp_strlist *args, int argc, struct bp_arena *mem,
    struct bp_err *err, int *status)
{
	struct bp_proc proc[STAGES];

	for (int t = 0; t < STAGES; t++) {
		const char **argv;
		int n = 0;
		BP_NEW(argv, 2 * argc + 4, mem, err);
		argv[n++] = tools[t].path;
		for (int i = 0; i < list[t].n; i++)
			argv[n++] = list[t].v[i];
		if (t == 0)
			argv[n++] = "--";
		for (int i = 0; t == 0 && i < args->n; i++)
			argv[n++] = args->v[i];
		proc[t] = (struct bp_proc){ stage[t], (char *const *)argv };
	}
	*status = bp_pipeline_run(proc, STAGES);
	return BP_OK;
}

int
bp_predict_main(int argc, char **argv)
{
	struct bp_toolopts tools[STAGES];
	struct bp_strlist list[STAGES] = { 0 }, args = { 0 };
	struct bp_arena *mem = NULL;
	struct bp_err err = { 0 };
	char *dir;
	int st, status = BP_EXIT_OK;

	if ((st = bp_arena_open(&mem, 0, &err)) != BP_OK)
		goto done;
	st = BP_EUSAGE;
	if (!(dir = bp_tool_dir(mem, &err)))
		goto done;
	for (int t = 0; t < STAGES; t++)
		if ((st = bp_pipeline_options(&tools[t], dir, stage[t], mem, &err)) != BP_OK)
			goto done;
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--help") == 0) {
			status = help(tools);
			goto done;
		}
	if ((st = bp_pipeline_split(list, &args, tools, STAGES, argc, argv, mem, &err)) != BP_OK)
		goto done;
	if (args.n == 0)
		st = BP_FAIL(&err, BP_EUSAGE, "boltzpipe predict x.yaml -o out", "no input file");
	else
		st = run(tools, list, &args, argc, mem, &err, &status);
done:
	if (st != BP_OK)
		status = bp_main_fail(&err);
	bp_arena_close(mem);
	return status;
}
