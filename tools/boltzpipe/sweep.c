/* boltzpipe sweep: a table of a sweep from write's manifest: chi2, Rg and pLDDT against the swept value. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/val.h"
#include "subcommands.h"

static const struct bp_optdef options[] = { { 0 } };
static const struct bp_program program = { "sweep", "a table of a sweep: misfit, radius and confidence of each value",
	"[MANIFEST...]",
	"Reads what write and predict print, the manifest, from files or stdin, and prints a line for each value of "
	"diffuse --sweep: the median over the guided samples, with the least and the most, of chi2 (reduced, against "
	"the guide's "
	"curve), Rg (A) and pLDDT. Where chi2 falls no more but pLDDT does, a guide has fitted noise (the L-curve).\n\n"
	"boltzpipe predict x.yaml -o out --guide curve.dat --sweep saxs.weight=0,0.1,0.5,1 | boltzpipe sweep\n\n"
	"Targets of no sweep are lines of their own, with '-' for the value.",
	options };

enum { CHI2, RG, PLDDT, NUMBERS };

/* number i of a model; NaN: it has none */
static double
number(const struct bp_val *model, int i)
{
	static const char *const from[][2] = { { "saxs_guidance", "chi2_reduced" }, { "saxs", "chi2_reduced" },
		{ "rg_guidance", "final_rg" }, { "saxs_guidance", "rg_atoms" }, { "saxs", "rg_atoms" } };
	const int first = i == CHI2 ? 0 : 2, last = i == CHI2 ? 2 : 5;

	if (i == PLDDT)
		return bp_val_num(bp_val_get(model, "plddt"), NAN);
	for (int k = first; k < last; k++) {
		double x = bp_val_num(bp_val_get(bp_val_get(model, from[k][0]), from[k][1]), NAN);
		if (isfinite(x))
			return x;
	}
	return NAN;
}

static bool
is_guided(const struct bp_val *model)
{
	const struct bp_val *saxs = bp_val_get(bp_val_get(model, "saxs_guidance"), "guided"),
	                    *rg = bp_val_get(bp_val_get(model, "rg_guidance"), "guided");

	return bp_val_i64(saxs ? saxs : rg, 1);
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
put_cell(double *x, int n)
{
	char text[96] = "-";

	qsort(x, (size_t)n, sizeof *x, by_value);
	if (n > 0)
		snprintf(text, sizeof text, "%.3f (%.3f to %.3f)", (x[(n - 1) / 2] + x[n / 2]) / 2, x[0], x[n - 1]);
	printf("  %-28s", text);
}

static int
put_line(const struct bp_val *line, struct bp_arena *mem, struct bp_err *err)
{
	const struct bp_val *models = bp_val_get(line, "models"), *sweep = bp_val_get(line, "sweep");
	const char *id = bp_val_cstr(bp_val_get(line, "id"), "?");
	double *x;
	int samples = 0;

	BP_NEW(x, bp_val_count(models) + 1, mem, err);
	for (size_t k = 0; k < bp_val_count(models); k++)
		samples += is_guided(bp_val_at(models, k));
	printf("%-24s %-10s %7d", bp_val_cstr(bp_val_get(sweep, "target"), id),
	    bp_val_cstr(bp_val_get(sweep, "value"), "-"), samples);
	if (!models)
		printf("  failed: %s", bp_val_cstr(bp_val_get(line, "error"), "?"));
	for (int i = 0; i < NUMBERS && models; i++) {
		int n = 0;
		for (size_t k = 0; k < bp_val_count(models); k++) {
			x[n] = number(bp_val_at(models, k), i);
			n += is_guided(bp_val_at(models, k)) && isfinite(x[n]);
		}
		put_cell(x, n);
	}
	putchar('\n');
	return BP_OK;
}

static int
read_lines(FILE *f, const char *name, bool *any, struct bp_arena *mem, struct bp_err *err)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t n;
	int at = 0, st = BP_OK;

	while (st == BP_OK && (n = getline(&line, &room, f)) >= 0) {
		struct bp_mark mark = bp_arena_mark(mem);
		struct bp_val *v;
		at++;
		if (line[strspn(line, " \t\r\n")] == 0)
			continue;
		if ((st = bp_json_read(&v, line, (size_t)n, mem, err)) != BP_OK) {
			bp_err_where(err, "%s:%d", name, at);
			break;
		}
		if (!*any)
			printf("%-24s %-10s %7s  %-28s  %-28s  %-28s\n", "target",
			    bp_val_cstr(bp_val_get(bp_val_get(v, "sweep"), "key"), "value"), "samples", "chi2", "Rg",
			    "pLDDT");
		*any = true;
		st = put_line(v, mem, err);
		bp_arena_release(mem, mark);
	}
	if (st == BP_OK && ferror(f))
		st = BP_FAIL(err, BP_EIO, NULL, "%s: %s", name, strerror(errno));
	free(line);
	return st;
}

int
bp_sweep_main(int argc, char **argv)
{
	struct bp_strlist args = { 0 };
	struct bp_arena *mem = NULL;
	struct bp_err err = { 0 };
	bool any = false;
	int st;

	if ((st = bp_main_start(&program, NULL, NULL, &args, argc, argv, &mem)) >= 0)
		return st;
	st = args.n ? BP_OK : read_lines(stdin, "stdin", &any, mem, &err);
	for (int i = 0; i < args.n && st == BP_OK; i++) {
		FILE *f = fopen(args.v[i], "r");
		if (!f)
			st = BP_FAIL(&err, BP_EUSAGE, NULL, "%s: %s", args.v[i], strerror(errno));
		else
			st = read_lines(f, args.v[i], &any, mem, &err);
		if (f)
			fclose(f);
	}
	if (st == BP_OK && !any)
		st = BP_FAIL(&err, BP_EINPUT, "give it what write prints", "no line of a manifest came");
	if (st == BP_OK)
		st = bp_stdout_flush(&err);
	if (st != BP_OK)
		st = bp_main_fail(&err);
	bp_arena_close(mem);
	return st;
}
