/* boltzpipe: runs any of the tools, or the whole pipe. The subcommands that are no tools of their own are in this
 * folder. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/build.h"
#include "base/log.h"
#include "subcommands.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
} own[] = {
	{ "predict", bp_predict_main, "run the whole pipe: boltzpipe predict x.yaml -o out" },
	{ "submit", bp_submit_main, "run it on many machines: boltzpipe submit inputs/ -o out --nodes 8" },
	{ "show", bp_show_main, "print a stream for people: boltzpipe show FILE, or at the end of a pipe" },
	{ "rmsd", bp_rmsd_main, "distance of two structures: boltzpipe rmsd model.cif crystal.pdb" },
	{ "sweep", bp_sweep_main, "a table of a sweep: predict ... --sweep saxs.weight=0,0.1,1 | boltzpipe sweep" },
	{ "top", bp_top_main, "a live table of the stages of a run: boltzpipe top node1:9100 node2:9100" },
	{ "keygen", bp_keygen_main, "make a key for stages that talk over a network" },
	{ "env", bp_env_main, "print how to put the tools on the PATH, and how they were built" },
};

/* the directory that holds the tools: ours in a build tree, libexec/boltzpipe when installed */
char *
bp_tool_dir(struct bp_arena *mem, struct bp_err *err)
{
	char *dir = bp_program_dir(mem, err), *p;

	if (!dir || !(p = bp_sprintf(mem, err, "%s/featurize", dir)))
		return NULL;
	if (access(p, X_OK) == 0)
		return dir;
	if (!(p = bp_sprintf(mem, err, "%s/../libexec/boltzpipe", dir)))
		return NULL;
	if (access(p, X_OK) != 0) {
		BP_FAIL(
		    err, BP_EUSAGE, "is boltzpipe installed whole?", "the tools are neither in %s nor in %s", dir, p);
		return NULL;
	}
	return p;
}

static void
list_tools(const char *dir)
{
	struct dirent **e;
	int n = scandir(dir, &e, NULL, alphasort);

	printf("boltzpipe %s: structure prediction as a pipe of small programs\n\n", BP_VERSION);
	printf("usage: boltzpipe TOOL [options]\n\n");
	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		printf("  %-12s %s\n", own[i].name, own[i].summary);
	for (int i = 0; i < n; i++) {
		struct bp_arena *mem = NULL;
		struct bp_toolopts t;
		if (e[i]->d_name[0] != '.' && strcmp(e[i]->d_name, "boltzpipe") != 0
		    && bp_arena_open(&mem, 0, NULL) == BP_OK
		    && bp_pipeline_options(&t, dir, e[i]->d_name, mem, NULL) == BP_OK)
			printf("  %-12s %s\n", e[i]->d_name, t.summary);
		bp_arena_close(mem);
		free(e[i]);
	}
	if (n >= 0)
		free(e);
	printf("\nboltzpipe TOOL --help tells more.\n");
}

static const struct bp_optdef no_options[] = { { 0 } };
static const struct bp_program env = { "boltzpipe env",
	"print how to put the tools on the PATH, and how they were built", NULL,
	"Prints the line that a shell evaluates, eval \"$(boltzpipe env)\", and the build as comments.", no_options };

int
bp_env_main(int argc, char **argv)
{
	struct bp_arena *mem = NULL;
	struct bp_err err = { 0 };
	char *dir;
	int st;

	if ((st = bp_main_start(&env, NULL, NULL, NULL, argc, argv, &mem)) >= 0)
		return st;
	if ((dir = bp_tool_dir(mem, &err))) {
		printf("export PATH=\"%s:$PATH\"\n# boltzpipe %s\n# %s\n", dir, BP_VERSION, bp_build_info());
		st = bp_stdout_flush(&err);
	}
	st = err.code ? bp_main_fail(&err) : BP_EXIT_OK;
	bp_arena_close(mem);
	return st;
}

static const struct bp_program boltzpipe
    = { "boltzpipe", "structure prediction as a pipe of small programs", "TOOL [options]",
	      "Runs any of the tools, and has some of its own: predict runs the whole pipe, show prints a stream, rmsd "
	      "compares two "
	      "structures, env prints the line that puts the tools on the PATH. `boltzpipe --help` lists all, "
	      "`boltzpipe TOOL --help` "
	      "tells more, and man boltzpipe-TOOL too.",
	      no_options };

static int
run_tool(int argc, char **argv)
{
	struct bp_arena *mem = NULL;
	struct bp_err err = { 0 };
	char *dir, *path;
	int st;

	if ((st = bp_arena_open(&mem, 0, &err)) != BP_OK || !(dir = bp_tool_dir(mem, &err)))
		goto failed;
	if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		list_tools(dir);
		if ((st = bp_stdout_flush(&err)) != BP_OK)
			goto failed;
		bp_arena_close(mem);
		return argc < 2 ? BP_EXIT_USAGE : BP_EXIT_OK;
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "--help-man") == 0) {
		bp_arena_close(mem);
		return bp_main_start(&boltzpipe, NULL, NULL, NULL, 2, argv, &mem);
	}
	if (!(path = bp_sprintf(mem, &err, "%s/%s", dir, argv[1])))
		goto failed;
	if (!strchr(argv[1], '/') && strcmp(argv[1], "boltzpipe") != 0)
		execv(path, argv + 1);
	BP_FAIL(&err, BP_EUSAGE, "see boltzpipe --help", "there is no tool '%s'", argv[1]);
failed:
	st = bp_main_fail(&err);
	bp_arena_close(mem);
	return st;
}

int
main(int argc, char **argv)
{
	bp_log_open("boltzpipe", BP_LOG_WARN);
	for (size_t i = 0; argc > 1 && i < sizeof own / sizeof *own; i++)
		if (strcmp(argv[1], own[i].name) == 0)
			return own[i].run(argc - 1, argv + 1);
	return run_tool(argc, argv);
}
