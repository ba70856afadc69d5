/* boltzpipe rmsd A B: superpose the first models of two PDB or mmCIF files, atoms matched by chain, residue and name.
 */
#include <stdio.h>

#include "structure/superpose.h"
#include "subcommands.h"

struct rmsd_opt {
	bool brief;
};

static const struct bp_optdef options[] = {
	{ "brief", 0, BP_OPT_FLAG, offsetof(struct rmsd_opt, brief), NULL, NULL, "print the number alone" },
	{ 0 },
};
static const struct bp_program program = { "rmsd", "superpose two structures and print their distance", "A B",
	"Prints the root-mean-square distance in A of the heavy atoms that both structures have (same chain, residue "
	"number and atom\n"
	"name) after the rigid superposition that makes it least. Mirror images stay apart.\n",
	options };

int
bp_rmsd_main(int argc, char **argv)
{
	struct rmsd_opt opt = { 0 };
	struct bp_strlist args = { 0 };
	struct bp_arena *mem = NULL;
	struct bp_err err = { 0 };
	struct bp_sites *a, *b;
	struct bp_rmsd r;
	int st;

	if ((st = bp_main_start(&program, &opt, NULL, &args, argc, argv, &mem)) >= 0)
		return st;
	if (args.n != 2)
		st = BP_FAIL(&err, BP_EUSAGE, "boltzpipe rmsd A B", "two structure files are wanted, %d given", args.n);
	else if ((st = bp_sites_read(&a, args.v[0], BP_ALT_HIGHEST, mem, &err)) == BP_OK
	    && (st = bp_sites_read(&b, args.v[1], BP_ALT_HIGHEST, mem, &err)) == BP_OK
	    && (st = bp_sites_rmsd(&r, a, b, mem, &err)) == BP_OK) {
		if (opt.brief)
			printf("%.2f\n", r.rmsd);
		else
			printf("%.3f A over %d atoms (%d of %s, %d of %s)\n", r.rmsd, r.paired, r.heavy_a, args.v[0],
			    r.heavy_b, args.v[1]);
		st = bp_stdout_flush(&err);
	}
	if (st != BP_OK)
		st = bp_main_fail(&err);
	bp_arena_close(mem);
	return st;
}
