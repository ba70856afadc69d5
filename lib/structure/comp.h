/* lib/structure/comp.h: what an mmCIF file says about the standard residues. */
#ifndef BP_COMP_H
#define BP_COMP_H

struct bp_comp {
	const char *id, *name, *formula;
	double weight; /* Da, with the water or hydroxyl that a chain link takes away */
};

const struct bp_comp *bp_comp_find(const char *id, int mol_type); /* NULL: not a standard residue of that chain type */

#endif
