#include <string.h>

#include "chem/residues.h"
#include "structure/comp.h"

/* names, formulas and weights of the chemical component dictionary, charges as there (LYS, ARG, HIS: +1) */
static const struct bp_comp protein[]
    = { { "ALA", "ALANINE", "C3 H7 N O2", 89.093 }, { "ARG", "ARGININE", "C6 H15 N4 O2 1", 175.209 },
	      { "ASN", "ASPARAGINE", "C4 H8 N2 O3", 132.118 }, { "ASP", "ASPARTIC ACID", "C4 H7 N O4", 133.103 },
	      { "CYS", "CYSTEINE", "C3 H7 N O2 S", 121.158 }, { "GLN", "GLUTAMINE", "C5 H10 N2 O3", 146.144 },
	      { "GLU", "GLUTAMIC ACID", "C5 H9 N O4", 147.129 }, { "GLY", "GLYCINE", "C2 H5 N O2", 75.067 },
	      { "HIS", "HISTIDINE", "C6 H10 N3 O2 1", 156.165 }, { "ILE", "ISOLEUCINE", "C6 H13 N O2", 131.173 },
	      { "LEU", "LEUCINE", "C6 H13 N O2", 131.173 }, { "LYS", "LYSINE", "C6 H15 N2 O2 1", 147.195 },
	      { "MET", "METHIONINE", "C5 H11 N O2 S", 149.211 }, { "PHE", "PHENYLALANINE", "C9 H11 N O2", 165.189 },
	      { "PRO", "PROLINE", "C5 H9 N O2", 115.130 }, { "SER", "SERINE", "C3 H7 N O3", 105.093 },
	      { "THR", "THREONINE", "C4 H9 N O3", 119.119 }, { "TRP", "TRYPTOPHAN", "C11 H12 N2 O2", 204.225 },
	      { "TYR", "TYROSINE", "C9 H11 N O3", 181.189 }, { "VAL", "VALINE", "C5 H11 N O2", 117.146 }, { 0 } };
static const struct bp_comp dna[] = { { "DA", "2'-DEOXYADENOSINE-5'-MONOPHOSPHATE", "C10 H14 N5 O6 P", 331.222 },
	{ "DC", "2'-DEOXYCYTIDINE-5'-MONOPHOSPHATE", "C9 H14 N3 O7 P", 307.197 },
	{ "DG", "2'-DEOXYGUANOSINE-5'-MONOPHOSPHATE", "C10 H14 N5 O7 P", 347.221 },
	{ "DT", "THYMIDINE-5'-MONOPHOSPHATE", "C10 H15 N2 O8 P", 322.208 }, { 0 } };
static const struct bp_comp rna[] = { { "A", "ADENOSINE-5'-MONOPHOSPHATE", "C10 H14 N5 O7 P", 347.221 },
	{ "C", "CYTIDINE-5'-MONOPHOSPHATE", "C9 H14 N3 O8 P", 323.197 },
	{ "G", "GUANOSINE-5'-MONOPHOSPHATE", "C10 H14 N5 O8 P", 363.221 },
	{ "U", "URIDINE-5'-MONOPHOSPHATE", "C9 H13 N2 O9 P", 324.181 }, { 0 } };

const struct bp_comp *
bp_comp_find(const char *id, int mol_type)
{
	static const struct bp_comp none = { 0 };
	const struct bp_comp *c = mol_type == BP_PROTEIN ? protein
	    : mol_type == BP_DNA                         ? dna
	    : mol_type == BP_RNA                         ? rna
	                                                 : &none;

	for (; c->id; c++)
		if (strcmp(c->id, id) == 0)
			return c;
	return NULL;
}
