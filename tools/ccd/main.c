/* ccd: build and query the chemical component store */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/main.h"
#include "base/newfile.h"
#include "chem/ccd_build.h"
#include "chem/ccd_show.h"
#include "chem/rdkit.h"

struct ccd_opt {
	struct bp_common common; /* verbose, quiet */
	const char *out, *subset, *derived, *store;
	struct bp_strlist code;
	bool json, tables;
};
#define INIT { .common = BP_COMMON_INIT }

static const struct bp_optdef options[] = {
	{ "ccd", 0, BP_OPT_STR, offsetof(struct ccd_opt, store), NULL, "FILE",
	    "the user's store; else $BOLTZPIPE_CCD, ~/.boltz/ccd.bpccd" },
	{ "json", 'j', BP_OPT_FLAG, offsetof(struct ccd_opt, json), NULL, NULL, "show: as JSON" },
	{ "out", 'o', BP_OPT_STR, offsetof(struct ccd_opt, out), NULL, "FILE", "build: the store to write" },
	{ "subset", 0, BP_OPT_STR, offsetof(struct ccd_opt, subset), NULL, "FILE", "build: only the codes in FILE" },
	{ "code", 'c', BP_OPT_LIST, offsetof(struct ccd_opt, code), NULL, "CODE", "build: only this code (repeatable)" },
	{ "tables", 0, BP_OPT_FLAG, offsetof(struct ccd_opt, tables), NULL, NULL,
	    "build: derive the tables that are not in --derived with RDKit (minutes)" },
	{ "derived", 0, BP_OPT_STR, offsetof(struct ccd_opt, derived), NULL, "FILE",
	    "build: bond orders, chirality and tables of its components, JSON or a store; default: the built-in store" },
	{ "verbose", 'v', BP_OPT_FLAG, offsetof(struct ccd_opt, common.verbose), NULL, NULL, "say more" },
	{ "quiet", 'q', BP_OPT_FLAG, offsetof(struct ccd_opt, common.quiet), NULL, NULL, "say only errors" },
	{ 0 },
};
static const struct bp_program program = { "ccd", "build and query the chemical component store",
	"build COMPONENTS.cif[.gz] | show CODE... | list | verify [FILE]",
	"A component store holds every residue, ligand, ion and sugar that a code of up to seven letters names. Programs\n"
	"map it and look codes up first in the user's store (--ccd, else $BOLTZPIPE_CCD, else ~/.boltz/ccd.bpccd), then in\n"
	"the built-in one. build makes one from the wwPDB's components.cif (Debian's package openstructure has a copy).\n"
	"show prints components; list the codes and names; verify checks every byte.",
	options };

static int
build(const struct ccd_opt *opt, const struct bp_strlist *args, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_ccd_build b = { .out = opt->out, .derived = opt->derived, .code = opt->code.v, .n_codes = opt->code.n,
		.tables = opt->tables };
	struct bp_err none;
	struct bp_ccd_built done;
	double start = bp_seconds();

	if (args->n != 2 || !opt->out)
		return BP_FAIL(err, BP_EUSAGE, "ccd build components.cif.gz -o FILE", "build takes one CIF file and --out");
	b.in = args->v[1];
	if (bp_same_file(b.in, b.out))
		return BP_FAIL(err, BP_EUSAGE, "give another name", "%s would replace what it is built from", b.out);
	if (!b.derived) /* the new store will stand before the built-in one: keep what that knows. None: so be it */
		b.derived = bp_share_path(BP_CCD_BUILTIN, mem, &none);
	if (opt->subset)
		BP_TRY(bp_ccd_codes_read(&b.code, &b.n_codes, opt->subset, mem, err));
	BP_TRY(bp_ccd_build(&done, &b, err));
	if (done.with_tables < done.components)
		bp_log(BP_LOG_WARN, "%s: %zu of %zu components are without the tables that potentials need: %s", opt->out,
		    done.components - done.with_tables, done.components,
		    opt->tables		 ? "RDKit gives none for them"
			: bp_rdkit_version() ? "--tables derives them"
					     : "build with librdkit-dev to derive them");
	printf("%s: %zu components, %zu with tables, %zu left out, %.1f MB, %.1f s\n", opt->out, done.components,
	    done.with_tables, done.refused, (double)done.bytes / 1e6, bp_seconds() - start);
	return BP_OK;
}

static int
show(const struct bp_ccd *c, bool json, const struct bp_strlist *args, struct bp_arena *mem, struct bp_err *err)
{
	if (args->n < 2)
		return BP_FAIL(err, BP_EUSAGE, "ccd show ATP", "show takes codes");
	for (int i = 1; i < args->n; i++) {
		struct bp_ccd_comp comp;
		struct bp_val *v;

		BP_TRY(bp_ccd_find(&comp, c, args->v[i], err));
		if (!json) {
			bp_ccd_print(stdout, &comp);
			continue;
		}
		BP_TRY(bp_ccd_val(&v, &comp, mem, err));
		bp_json_write(stdout, v, 0);
		putchar('\n');
	}
	return BP_OK;
}

/* list: a line a component. verify: read every component; one line a layer. */
static int
walk(const struct bp_ccd *c, bool list, struct bp_err *err)
{
	for (int layer = 0; layer < bp_ccd_layers(c); layer++) {
		size_t n = bp_ccd_count(c, layer), tables = 0;

		for (size_t i = 0; i < n; i++) {
			struct bp_ccd_comp comp;

			BP_TRY(bp_ccd_at(&comp, c, layer, i, err));
			tables += comp.has_tables;
			if (list)
				printf("%-7s %4d  %-24s %s\n", comp.code, comp.n_heavy, comp.type, comp.name);
		}
		if (!list)
			printf("%s: whole: %zu components, %zu with tables, %.1f MB, from %s\n", bp_ccd_path(c, layer), n, tables,
			    (double)bp_ccd_bytes(c, layer) / 1e6, bp_ccd_note(c, layer));
	}
	return BP_OK;
}

int
main(int argc, char **argv)
{
	const struct ccd_opt defaults = INIT;
	struct ccd_opt opt = INIT;
	struct bp_strlist args = { 0 };
	struct bp_arena *mem = NULL;
	struct bp_ccd *c = NULL;
	struct bp_err err = { 0 };
	const char *what;
	int st = bp_main_start(&program, &opt, &opt.common, &args, argc, argv, &mem);

	if (st >= 0)
		return st;
	what = args.n ? args.v[0] : "";
	if ((st = bp_opt_action(&program, &opt, &defaults, what, mem, &err)) != BP_OK)
		;
	else if (!strcmp(what, "build"))
		st = build(&opt, &args, mem, &err);
	else if (strcmp(what, "show") && strcmp(what, "list") && strcmp(what, "verify"))
		st = BP_FAIL(&err, BP_EUSAGE, "see ccd --help", "unknown action '%s', wanted build, show, list or verify", what);
	else if (args.n > 1 + !strcmp(what, "verify") && strcmp(what, "show"))
		st = BP_FAIL(&err, BP_EUSAGE, "see ccd --help", "%s: unexpected argument '%s'", what, args.v[args.n - 1]);
	else if ((st = !strcmp(what, "verify") && args.n > 1 ? bp_ccd_open_file(&c, args.v[1], mem, &err)
							      : bp_ccd_open(&c, opt.store, mem, &err)) == BP_OK)
		st = !strcmp(what, "show") ? show(c, opt.json, &args, mem, &err) : walk(c, !strcmp(what, "list"), &err);
	if (st == BP_OK)
		st = bp_stdout_flush(&err);
	bp_ccd_close(c);
	if (st != BP_OK)
		st = bp_main_fail(&err);
	bp_arena_close(mem);
	return st;
}
