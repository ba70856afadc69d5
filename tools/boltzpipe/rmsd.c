/* boltzpipe rmsd: how far two structures are from each other */
#include <stdio.h>

#include "base/log.h"
#include "structure/superpose.h"
#include "subcommands.h"

struct rmsd_opt {
	bool brief;
};

static const struct bp_optdef table[] = {
	{ "brief", 'b', BP_OPT_FLAG, offsetof(struct rmsd_opt, brief), NULL, NULL, "print the number alone" },
	{ 0 },
};
static const struct bp_program prog = { "boltzpipe rmsd", "distance of two structures after superposition",
	"MODEL REFERENCE",
	"MODEL and REFERENCE are PDB or mmCIF files, plain or gzipped. Heavy atoms of the first model of each correspond when "
	"chain, residue number, insertion code and atom name are the same; those in only one of them are left out and "
	"counted. Of alternate locations the one of highest occupancy counts. Prints the root mean square distance in A.",
	table };

int
bp_rmsd_main(int argc, char **argv)
{
	struct rmsd_opt opt = { 0 };
	struct bp_strlist args = { 0 };
	struct bp_arena *mem = NULL;
	struct bp_err err = { 0 };
	struct bp_sites *a, *b;
	struct bp_rmsd r;
	int st = bp_main_start(&prog, &opt, NULL, &args, argc, argv, &mem);

	if (st >= 0)
		return st;
	if (args.n != 2)
		st = BP_FAIL(&err, BP_EUSAGE, "boltzpipe rmsd model.cif crystal.pdb", "%d files given, two wanted", args.n);
	else if ((st = bp_sites_read(&a, args.v[0], BP_ALT_HIGHEST, mem, &err)) == BP_OK
	    && (st = bp_sites_read(&b, args.v[1], BP_ALT_HIGHEST, mem, &err)) == BP_OK
	    && (st = bp_sites_rmsd(&r, a, b, mem, &err)) == BP_OK) {
		if (opt.brief)
			printf("%.3f\n", r.rmsd);
		else
			printf("%.3f A over %d atoms (%d only in %s, %d only in %s)\n", r.rmsd, r.paired, r.heavy_a - r.paired, args.v[0],
			    r.heavy_b - r.paired, args.v[1]);
		if (fflush(stdout) != 0)
			st = BP_FAIL(&err, BP_EIO, NULL, "stdout: cannot write");
	}
	if (st != BP_OK)
		st = bp_main_fail(&err);
	bp_arena_close(mem);
	return st;
}
