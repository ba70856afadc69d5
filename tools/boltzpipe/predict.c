/* boltzpipe predict FILE... -o DIR: featurize | trunk | diffuse | confidence | write in one command, with collate behind featurize when
 * one of its options is given. It has no options of its own: it asks the stages for theirs and hands each option to those that know it. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "stages.h"
#include "subcommands.h"

/* guide-saxs beside the other programs, without options: it scores the targets whose input has a section scoring, and
 * lets the others pass */
static int
scoring_command(char ***ret, const struct stages *s)
{
	const char *write = s->tools[WRITE].path, *slash = strrchr(write, '/');

	BP_NEW(*ret, 2, s->mem, s->err);
	(*ret)[0] = bp_sprintf(s->mem, s->err, "%.*sguide-saxs", slash ? (int)(slash - write) + 1 : 0, write);
	return (*ret)[0] ? BP_OK : BP_EMEM;
}

static int
run(struct stages *s, int argc, char **argv, int *status)
{
	struct bp_proc proc[STAGES + 1];
	char **command;
	bool refused;
	int n = 0;

	*status = BP_EXIT_USAGE;
	BP_TRY(stages_sort(s, &refused, argc, argv));
	if (refused)
		return BP_OK;
	for (int t = 0; t < STAGES; t++) {
		if (!stages_has(s, t))
			continue;
		if (t == WRITE) {
			BP_TRY(scoring_command(&command, s));
			proc[n++] = (struct bp_proc) { "guide-saxs", command };
		}
		BP_TRY(stages_command(&command, s, t));
		proc[n++] = (struct bp_proc) { s->tools[t].tool, command };
	}
	*status = bp_pipeline_run(proc, n);
	return BP_OK;
}

static const struct bp_optdef no_options[] = { { 0 } };
static const struct bp_program program = { .name = "boltzpipe predict",
	.summary = "featurize | trunk | diffuse | confidence | write in one command",
	.arguments = "FILE|DIRECTORY... -o DIR [options of any stage]",
	.about
	= "Runs the whole pipe with one progress display. The same command again goes on where it was ended: targets "
	  "that are there, whole, and made from the same input, weights and options are kept, all others are made; "
	  "--override makes all anew, --no-resume refuses to replace any. It has no options of its own: it takes those "
	  "of every stage and hands "
	  "each to the stages that know it; `boltzpipe predict --help` lists them. When a stage fails it is "
	  "named, and its exit "
	  "status is that of the command.\n\n"
	  "An option of collate puts it behind featurize: with --batch 8 small targets are worked on together, which a card is faster at.\n\n"
	  "Targets whose input has a section scoring are scored against its curve by guide-saxs before they are "
	  "written.",
	.options = no_options };

/* --help and its like; -1: none was asked for */
static int
informative(const struct stages *s, int argc, char **argv)
{
	static const char *const word[] = { "--version", "--help-man" };
	struct bp_arena *mem = NULL;
	struct bp_err err = { 0 };

	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			printf(
			    "%s: %s\n\nusage: %s %s\n", program.name, program.summary, program.name, program.arguments);
			stages_help(s);
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
	struct stages s;
	struct bp_arena *mem = NULL;
	struct bp_err err = { 0 };
	int st, status;

	bp_log_open(program.name, BP_LOG_WARN);
	if ((st = bp_arena_open(&mem, 0, &err)) == BP_OK && (st = stages_open(&s, mem, &err)) == BP_OK
	    && (status = informative(&s, argc, argv)) < 0)
		st = run(&s, argc, argv, &status);
	if (st != BP_OK)
		status = bp_main_fail(&err);
	bp_arena_close(mem);
	return status;
}
