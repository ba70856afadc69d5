#include "stages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "model/weights.h"
#include "stream/origin.h"
#include "subcommands.h"

static const char *const name[STAGES] = { "featurize", "collate", "trunk", "diffuse", "confidence", "write" };

int
stages_open(struct stages *s, struct bp_arena *mem, struct bp_err *err)
{
	char *dir = bp_tool_dir(mem, err);

	*s = (struct stages) { .n = STAGES, .mem = mem, .err = err };
	if (!dir)
		return BP_EUSAGE;
	for (int t = 0; t < STAGES; t++)
		BP_TRY(bp_pipeline_options(&s->tools[t], dir, name[t], mem, err));
	return BP_OK;
}

/* does a tool before t have this option? */
static bool
told_before(const struct stages *s, int t, const char *option)
{
	for (int u = 0; u < t; u++)
		for (int k = 0; k < s->tools[u].n; k++)
			if (strcmp(s->tools[u].opt[k].name, option) == 0)
				return true;
	return false;
}

void
stages_help(const struct stages *s)
{
	for (int t = 0; t < STAGES; t++) {
		printf("\n%s: %s\n", s->tools[t].tool, s->tools[t].summary);
		for (int i = 0; i < s->tools[t].n; i++) {
			const char *option = s->tools[t].opt[i].name;
			if (strcmp(option, "in") && strcmp(option, "out") && !told_before(s, t, option))
				printf("%s\n", s->tools[t].opt[i].help);
		}
	}
}

/* three stages dump, and one file holds one target's intermediates of one stage */
static int
check_dump(const struct stages *s)
{
	struct stat sb;

	for (int t = 0; t < STAGES; t++) {
		const char *path = stages_value(s, t, "dump");
		if (path && (stat(path, &sb) != 0 || !S_ISDIR(sb.st_mode)))
			return BP_FAIL(s->err, BP_EUSAGE, "make a directory and name it",
			    "--dump %s: several stages dump, and it is no directory", path);
	}
	return BP_OK;
}

bool
stages_has(const struct stages *s, int t)
{
	return t != COLLATE || s->alone[t];
}

int
stages_command(char ***ret, const struct stages *s, int t)
{
	const struct bp_strlist *const part[] = { &s->before[t], &s->given[t], &s->after[t], &s->args };
	const char **argv;
	int n = 0;

	BP_NEW(argv, part[0]->n + part[1]->n + part[2]->n + part[3]->n + 3, s->mem, s->err);
	argv[n++] = s->tools[t].path;
	for (int p = 0; p < (t == FEATURIZE ? 4 : 3); p++) {
		if (p == 3)
			argv[n++] = "--";
		for (int i = 0; i < part[p]->n; i++)
			argv[n++] = part[p]->v[i];
	}
	*ret = (char **)argv;
	return BP_OK;
}

const char *
stages_value(const struct stages *s, int t, const char *option)
{
	size_t n = strlen(option);

	for (int i = 0; i < s->changed[t].n; i++) {
		const char *o = s->changed[t].v[i] + 2; /* --name=value */
		if (strncmp(o, option, n) == 0 && o[n] == '=')
			return o + n + 1;
	}
	return NULL;
}

static bool
has_option(const struct bp_toolopts *tool, const char *option)
{
	int i = 0;

	while (i < tool->n && strcmp(tool->opt[i].name, option) != 0)
		i++;
	return i < tool->n;
}

/* featurize is told what is in the output folder already, and how the later stages would make it */
static int
resume(struct stages *s)
{
	const char *option, *line, *weights;
	char *with = bp_strdup(s->mem, "--resume-with=", s->err);

	if (!stages_value(s, WRITE, "resume") || stages_value(s, WRITE, "override"))
		return BP_OK;
	for (int t = COLLATE; t < STAGES && with; t++) {
		if (!stages_has(s, t))
			continue;
		weights = NULL;
		BP_TRY(bp_origin_files(&s->changed[t], s->mem, s->err));
		if (has_option(&s->tools[t], "weights"))
			BP_TRY(bp_weights_find_id(&weights, stages_value(s, t, "weights"), s->mem, s->err));
		if (!(line = bp_origin_line(name[t], BP_VERSION, weights, &s->changed[t], s->mem, s->err)))
			return BP_EMEM;
		with = bp_sprintf(s->mem, s->err, "%s%s\n", with, line);
	}
	if (!with || !(option = bp_sprintf(s->mem, s->err, "--resume-from=%s", stages_value(s, WRITE, "out-dir"))))
		return BP_EMEM;
	BP_TRY(bp_strlist_add(&s->before[FEATURIZE], option, s->mem, s->err));
	return bp_strlist_add(&s->before[FEATURIZE], with, s->mem, s->err);
}

/* --metrics PORT: a port for each stage, from PORT on */
static int
spread_ports(struct stages *s)
{
	const char *port;
	char *option;
	int n = 0;

	for (int t = 0; t < STAGES; t++) {
		if (!stages_has(s, t) || !(port = stages_value(s, t, "metrics")))
			continue;
		if (!(option = bp_sprintf(s->mem, s->err, "--metrics=%d", (int)strtol(port, NULL, 10) + n++)))
			return BP_EMEM;
		BP_TRY(bp_strlist_add(&s->after[t], option, s->mem, s->err));
	}
	return BP_OK;
}

int
stages_sort(struct stages *s, bool *refused, int argc, char **argv)
{
	char **command;

	*refused = true;
	BP_TRY(bp_pipeline_split(s->given, s->alone, &s->args, s->tools, s->n, argc, argv, s->mem, s->err));
	if (s->args.n == 0)
		return BP_FAIL(s->err, BP_EUSAGE, "such as x.yaml -o out", "no input file");
	BP_TRY(bp_strlist_add(&s->before[WRITE], "--resume", s->mem, s->err)); /* --no-resume may follow */
	for (int t = 0; t < STAGES; t++) {
		if (!stages_has(s, t))
			continue;
		BP_TRY(stages_command(&command, s, t));
		BP_TRY(bp_pipeline_changed(&s->changed[t], refused, command, s->mem, s->err));
		if (*refused)
			return BP_OK;
	}
	BP_TRY(check_dump(s));
	BP_TRY(spread_ports(s));
	return resume(s);
}
