#include "chem/dative.h"

#include "chem/residues.h"

bool
bp_is_metal(int z)
{
	static const unsigned char other[] = { 0, 1, 2, 5, 6, 7, 8, 9, 10, 14, 15, 16, 17, 18, 33, 34, 35, 36, 52, 53, 54, 85,
		86 }; /* RDKit's "M" query */

	for (size_t i = 0; i < sizeof other; i++)
		if (z == other[i])
			return false;
	return true;
}

/* Highest valence of a neutral non-metal, as RDKit has it; an ion counts as the element with its electrons (N+ as C).
 * -1: no limit. */
static int
highest_valence(int z)
{
	switch (z) {
	case 1: case 9: case 17: case 35:
		return 1;
	case 8:
		return 2;
	case 5: case 7:
		return 3;
	case 6: case 14:
		return 4;
	case 53: case 85:
		return 5;
	case 16: case 34: case 52: case 54:
		return 6;
	case 15: case 33:
		return 7;
	case 2: case 10: case 18: case 36: case 86:
		return 0;
	default:
		return -1;
	}
}

int
bp_make_dative(struct bp_ccd_bond *bond, int n, const struct bp_ccd_atom *atom, int n_atoms, struct bp_arena *mem,
    struct bp_err *err)
{
	struct bp_mark mark = bp_arena_mark(mem);
	int *valence;

	BP_NEW(valence, n_atoms, mem, err);
	for (int i = 0; i < n; i++) {
		int order = bond[i].type == BP_BOND_OTHER ? 0 : bond[i].type; /* single 1, double 2, triple 3 */

		valence[bond[i].a] += order;
		valence[bond[i].b] += order;
	}
	for (int i = 0; i < n; i++) {
		bool a_metal = bp_is_metal(atom[bond[i].a].element), b_metal = bp_is_metal(atom[bond[i].b].element);
		uint16_t from = a_metal ? bond[i].b : bond[i].a, to = a_metal ? bond[i].a : bond[i].b;
		int most = highest_valence(atom[from].element - atom[from].charge);

		if (a_metal == b_metal || bond[i].type != BP_BOND_SINGLE || most < 0 || valence[from] <= most)
			continue;
		bond[i].a = from;
		bond[i].b = to;
		bond[i].type = BP_BOND_OTHER;
		valence[from]--;
	}
	bp_arena_release(mem, mark);
	return BP_OK;
}
