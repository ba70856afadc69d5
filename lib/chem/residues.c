/* The constant tables of chem/residues.h: upstream's data/const.py as C. test_residues compares them with it. */
#include <string.h>
#include <strings.h>

#include "chem/residues.h"

#define COUNT(a) (int)(sizeof(a) / sizeof *(a))

const char *const bp_chain_type_names[BP_CHAIN_TYPES] = { "PROTEIN", "DNA", "RNA", "NONPOLYMER" };
const char *const bp_bond_type_names[BP_BOND_TYPES] = { "OTHER", "SINGLE", "DOUBLE", "TRIPLE", "AROMATIC", "COVALENT" };
const char *const bp_chirality_names[BP_CHIRALITIES] = {
	"CHI_UNSPECIFIED", "CHI_TETRAHEDRAL_CW", "CHI_TETRAHEDRAL_CCW", "CHI_SQUAREPLANAR", "CHI_OCTAHEDRAL",
	"CHI_TRIGONALBIPYRAMIDAL", "CHI_OTHER"
};
const char *const bp_protein_backbone[4] = { "N", "CA", "C", "O" };
const char *const bp_nucleic_backbone[12] = {
	"P", "OP1", "OP2", "O5'", "C5'", "C4'", "O4'", "C3'", "O3'", "C2'", "O2'", "C1'"
};

/* reference atoms, one list a token; centre and distogram atom are their places in it */
static const char *const atoms_ALA[] = { "N", "CA", "C", "O", "CB" };
static const char *const atoms_ARG[] = { "N", "CA", "C", "O", "CB", "CG", "CD", "NE", "CZ", "NH1", "NH2" };
static const char *const atoms_ASN[] = { "N", "CA", "C", "O", "CB", "CG", "OD1", "ND2" };
static const char *const atoms_ASP[] = { "N", "CA", "C", "O", "CB", "CG", "OD1", "OD2" };
static const char *const atoms_CYS[] = { "N", "CA", "C", "O", "CB", "SG" };
static const char *const atoms_GLN[] = { "N", "CA", "C", "O", "CB", "CG", "CD", "OE1", "NE2" };
static const char *const atoms_GLU[] = { "N", "CA", "C", "O", "CB", "CG", "CD", "OE1", "OE2" };
static const char *const atoms_GLY[] = { "N", "CA", "C", "O" };
static const char *const atoms_HIS[] = { "N", "CA", "C", "O", "CB", "CG", "ND1", "CD2", "CE1", "NE2" };
static const char *const atoms_ILE[] = { "N", "CA", "C", "O", "CB", "CG1", "CG2", "CD1" };
static const char *const atoms_LEU[] = { "N", "CA", "C", "O", "CB", "CG", "CD1", "CD2" };
static const char *const atoms_LYS[] = { "N", "CA", "C", "O", "CB", "CG", "CD", "CE", "NZ" };
static const char *const atoms_MET[] = { "N", "CA", "C", "O", "CB", "CG", "SD", "CE" };
static const char *const atoms_PHE[] = { "N", "CA", "C", "O", "CB", "CG", "CD1", "CD2", "CE1", "CE2", "CZ" };
static const char *const atoms_PRO[] = { "N", "CA", "C", "O", "CB", "CG", "CD" };
static const char *const atoms_SER[] = { "N", "CA", "C", "O", "CB", "OG" };
static const char *const atoms_THR[] = { "N", "CA", "C", "O", "CB", "OG1", "CG2" };
static const char *const atoms_TRP[] = {
	"N", "CA", "C", "O", "CB", "CG", "CD1", "CD2", "NE1", "CE2", "CE3", "CZ2", "CZ3", "CH2"
};
static const char *const atoms_TYR[] = { "N", "CA", "C", "O", "CB", "CG", "CD1", "CD2", "CE1", "CE2", "CZ", "OH" };
static const char *const atoms_VAL[] = { "N", "CA", "C", "O", "CB", "CG1", "CG2" };
static const char *const atoms_UNK[] = { "N", "CA", "C", "O", "CB" };
static const char *const atoms_A[] = {
	"P", "OP1", "OP2", "O5'", "C5'", "C4'", "O4'", "C3'", "O3'", "C2'", "O2'", "C1'", "N9", "C8", "N7", "C5",
	"C6", "N6", "N1", "C2", "N3", "C4"
};
static const char *const atoms_G[] = {
	"P", "OP1", "OP2", "O5'", "C5'", "C4'", "O4'", "C3'", "O3'", "C2'", "O2'", "C1'", "N9", "C8", "N7", "C5",
	"C6", "O6", "N1", "C2", "N2", "N3", "C4"
};
static const char *const atoms_C[] = {
	"P", "OP1", "OP2", "O5'", "C5'", "C4'", "O4'", "C3'", "O3'", "C2'", "O2'", "C1'", "N1", "C2", "O2", "N3",
	"C4", "N4", "C5", "C6"
};
static const char *const atoms_U[] = {
	"P", "OP1", "OP2", "O5'", "C5'", "C4'", "O4'", "C3'", "O3'", "C2'", "O2'", "C1'", "N1", "C2", "O2", "N3",
	"C4", "O4", "C5", "C6"
};
static const char *const atoms_N[] = {
	"P", "OP1", "OP2", "O5'", "C5'", "C4'", "O4'", "C3'", "O3'", "C2'", "O2'", "C1'"
};
static const char *const atoms_DA[] = {
	"P", "OP1", "OP2", "O5'", "C5'", "C4'", "O4'", "C3'", "O3'", "C2'", "C1'", "N9", "C8", "N7", "C5", "C6",
	"N6", "N1", "C2", "N3", "C4"
};
static const char *const atoms_DG[] = {
	"P", "OP1", "OP2", "O5'", "C5'", "C4'", "O4'", "C3'", "O3'", "C2'", "C1'", "N9", "C8", "N7", "C5", "C6",
	"O6", "N1", "C2", "N2", "N3", "C4"
};
static const char *const atoms_DC[] = {
	"P", "OP1", "OP2", "O5'", "C5'", "C4'", "O4'", "C3'", "O3'", "C2'", "C1'", "N1", "C2", "O2", "N3", "C4",
	"N4", "C5", "C6"
};
static const char *const atoms_DT[] = {
	"P", "OP1", "OP2", "O5'", "C5'", "C4'", "O4'", "C3'", "O3'", "C2'", "C1'", "N1", "C2", "O2", "N3", "C4",
	"O4", "C5", "C7", "C6"
};
static const char *const atoms_DN[] = { "P", "OP1", "OP2", "O5'", "C5'", "C4'", "O4'", "C3'", "O3'", "C2'", "C1'" };

#define REF(t, center, disto) { #t, atoms_##t, COUNT(atoms_##t), center, disto }
const struct bp_residue bp_residues[BP_TOKENS] = {
	{ "<pad>", NULL, 0, -1, -1 },
	{ "-", NULL, 0, -1, -1 },
	REF(ALA, 1, 4),
	REF(ARG, 1, 4),
	REF(ASN, 1, 4),
	REF(ASP, 1, 4),
	REF(CYS, 1, 4),
	REF(GLN, 1, 4),
	REF(GLU, 1, 4),
	REF(GLY, 1, 1),
	REF(HIS, 1, 4),
	REF(ILE, 1, 4),
	REF(LEU, 1, 4),
	REF(LYS, 1, 4),
	REF(MET, 1, 4),
	REF(PHE, 1, 4),
	REF(PRO, 1, 4),
	REF(SER, 1, 4),
	REF(THR, 1, 4),
	REF(TRP, 1, 4),
	REF(TYR, 1, 4),
	REF(VAL, 1, 4),
	REF(UNK, 1, 4),
	REF(A, 11, 21),
	REF(G, 11, 22),
	REF(C, 11, 13),
	REF(U, 11, 13),
	REF(N, 11, 11),
	REF(DA, 10, 20),
	REF(DG, 10, 21),
	REF(DC, 10, 12),
	REF(DT, 10, 12),
	REF(DN, 10, 10),
};

const float bp_vdw_radii[BP_MAX_Z] = {
	1.2f, 1.4f, 2.2f, 1.9f, 1.8f, 1.7f, 1.6f, 1.55f, 1.5f, 1.54f, 2.4f, 2.2f, 2.1f, 2.1f, 1.95f, 1.8f, 1.8f,
	1.88f, 2.8f, 2.4f, 2.3f, 2.15f, 2.05f, 2.05f, 2.05f, 2.05f, 2.0f, 2.0f, 2.0f, 2.1f, 2.1f, 2.1f, 2.05f,
	1.9f, 1.9f, 2.02f, 2.9f, 2.55f, 2.4f, 2.3f, 2.15f, 2.1f, 2.05f, 2.05f, 2.0f, 2.05f, 2.1f, 2.2f, 2.2f,
	2.25f, 2.2f, 2.1f, 2.1f, 2.16f, 3.0f, 2.7f, 2.5f, 2.48f, 2.47f, 2.45f, 2.43f, 2.42f, 2.4f, 2.38f, 2.37f,
	2.35f, 2.33f, 2.32f, 2.3f, 2.28f, 2.27f, 2.25f, 2.2f, 2.1f, 2.05f, 2.0f, 2.0f, 2.05f, 2.1f, 2.05f, 2.2f,
	2.3f, 2.3f, 2.0f, 2.0f, 2.0f, 2.0f, 2.0f, 2.0f, 2.4f, 2.0f, 2.3f, 2.0f, 2.0f, 2.0f, 2.0f, 2.0f, 2.0f, 2.0f,
	2.0f, 2.0f, 2.0f, 2.0f, 2.0f, 2.0f, 2.0f, 2.0f, 2.0f, 2.0f, 2.0f, 2.0f, 2.0f, 2.0f, 2.0f, 2.0f, 2.0f, 2.0f,
	2.0f,
};

/* upstream numbers many methods alike */
static const struct {
	const char *name;
	int id;
} methods[] = {
	{ "md", 0 }, { "x-ray diffraction", 1 }, { "electron microscopy", 2 }, { "solution nmr", 3 },
	{ "solid-state nmr", 4 }, { "neutron diffraction", 4 }, { "electron crystallography", 4 },
	{ "fiber diffraction", 4 }, { "powder diffraction", 4 }, { "infrared spectroscopy", 4 },
	{ "fluorescence transfer", 4 }, { "epr", 4 }, { "theoretical model", 4 }, { "solution scattering", 4 },
	{ "other", 4 }, { "afdb", 5 }, { "boltz-1", 6 }, { "future1", 7 }, { "future2", 8 }, { "future3", 9 },
	{ "future4", 10 }, { "future5", 11 },
};

static const char symbols[BP_MAX_Z + 1][3] = {
	"*", "H", "He", "Li", "Be", "B", "C", "N", "O", "F", "Ne", "Na", "Mg", "Al", "Si", "P", "S", "Cl", "Ar",
	"K", "Ca", "Sc", "Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn", "Ga", "Ge", "As", "Se", "Br", "Kr",
	"Rb", "Sr", "Y", "Zr", "Nb", "Mo", "Tc", "Ru", "Rh", "Pd", "Ag", "Cd", "In", "Sn", "Sb", "Te", "I", "Xe",
	"Cs", "Ba", "La", "Ce", "Pr", "Nd", "Pm", "Sm", "Eu", "Gd", "Tb", "Dy", "Ho", "Er", "Tm", "Yb", "Lu", "Hf",
	"Ta", "W", "Re", "Os", "Ir", "Pt", "Au", "Hg", "Tl", "Pb", "Bi", "Po", "At", "Rn", "Fr", "Ra", "Ac", "Th",
	"Pa", "U", "Np", "Pu", "Am", "Cm", "Bk", "Cf", "Es", "Fm", "Md", "No", "Lr", "Rf", "Db", "Sg", "Bh", "Hs",
	"Mt", "Ds", "Rg", "Cn", "Nh", "Fl", "Mc", "Lv", "Ts", "Og",
};

/* atom name, residue ("*": any other), element; upstream's const.ambiguous_atoms */
static const struct {
	char atom[8], residue[6], element[3];
} ambiguous[] = {
	{ "CA", "*", "C" }, { "CA", "OEX", "CA" }, { "CA", "OEC", "CA" }, { "CA", "543", "CA" },
	{ "CA", "OC6", "CA" }, { "CA", "OC1", "CA" }, { "CA", "OC7", "CA" }, { "CA", "OEY", "CA" },
	{ "CA", "OC4", "CA" }, { "CA", "OC3", "CA" }, { "CA", "ICA", "CA" }, { "CA", "CA", "CA" },
	{ "CA", "OC2", "CA" }, { "CA", "OC5", "CA" }, { "CD", "*", "C" }, { "CD", "CD", "CD" },
	{ "CD", "CD3", "CD" }, { "CD", "CD5", "CD" }, { "CD", "CD1", "CD" }, { "BR", "*", "BR" },
	{ "CL", "*", "CL" }, { "CL", "C8P", "C" }, { "CL", "L3T", "C" }, { "CL", "TLC", "C" },
	{ "CL", "TZ0", "C" }, { "CL", "471", "C" }, { "CL", "NLK", "C" }, { "CL", "PGM", "C" },
	{ "CL", "PNE", "C" }, { "CL", "RCY", "C" }, { "CL", "11F", "C" }, { "CL", "PII", "C" },
	{ "CL", "C1Q", "C" }, { "CL", "4MD", "C" }, { "CL", "R5A", "C" }, { "CL", "KW2", "C" },
	{ "CL", "I7M", "C" }, { "CL", "R48", "C" }, { "CL", "FC3", "C" }, { "CL", "55V", "C" },
	{ "CL", "KPF", "C" }, { "CL", "SPZ", "C" }, { "CL", "0TT", "C" }, { "CL", "R9A", "C" },
	{ "CL", "5NA", "C" }, { "CL", "C55", "C" }, { "CL", "NIX", "C" }, { "CL", "5PM", "C" },
	{ "CL", "PP8", "C" }, { "CL", "544", "C" }, { "CL", "812", "C" }, { "CL", "NPM", "C" },
	{ "CL", "KU8", "C" }, { "CL", "A1AMM", "C" }, { "CL", "4S0", "C" }, { "CL", "AQC", "C" },
	{ "CL", "2JK", "C" }, { "CL", "WJR", "C" }, { "CL", "A1AAW", "C" }, { "CL", "85E", "C" },
	{ "CL", "MB0", "C" }, { "CL", "ZAB", "C" }, { "CL", "85K", "C" }, { "CL", "GBP", "C" },
	{ "CL", "A1H80", "C" }, { "CL", "A1AFR", "C" }, { "CL", "L9M", "C" }, { "CL", "MYK", "C" },
	{ "CL", "MB9", "C" }, { "CL", "38R", "C" }, { "CL", "EKB", "C" }, { "CL", "NKF", "C" },
	{ "CL", "UMQ", "C" }, { "CL", "T4K", "C" }, { "CL", "3PT", "C" }, { "CL", "A1A7S", "C" },
	{ "CL", "1Q9", "C" }, { "CL", "11R", "C" }, { "CL", "D2V", "C" }, { "CL", "SM8", "C" },
	{ "CL", "IFC", "C" }, { "CL", "DB5", "C" }, { "CL", "L2T", "C" }, { "CL", "GNB", "C" },
	{ "CL", "PP7", "C" }, { "CL", "072", "C" }, { "CL", "P88", "C" }, { "CL", "DRL", "C" },
	{ "CL", "C9W", "C" }, { "CL", "NTP", "C" }, { "CL", "4HJ", "C" }, { "CL", "7NA", "C" },
	{ "CL", "LPC", "C" }, { "CL", "T8W", "C" }, { "CL", "63R", "C" }, { "CL", "570", "C" },
	{ "CL", "R4A", "C" }, { "CL", "3BG", "C" }, { "CL", "4RB", "C" }, { "CL", "GSO", "C" },
	{ "CL", "BQ6", "C" }, { "CL", "R4P", "C" }, { "CL", "5CP", "C" }, { "CL", "TTR", "C" },
	{ "CL", "6UZ", "C" }, { "CL", "SPJ", "C" }, { "CL", "0SA", "C" }, { "CL", "ZL1", "C" },
	{ "CL", "BYG", "C" }, { "CL", "F0E", "C" }, { "CL", "PC0", "C" }, { "CL", "B2Q", "C" },
	{ "CL", "KV6", "C" }, { "CL", "NTO", "C" }, { "CL", "CLG", "C" }, { "CL", "R7U", "C" },
	{ "CL", "SMQ", "C" }, { "CL", "GM2", "C" }, { "CL", "Z7P", "C" }, { "CL", "NXF", "C" },
	{ "CL", "C6Q", "C" }, { "CL", "A1G", "C" }, { "CL", "433", "C" }, { "CL", "L9N", "C" },
	{ "CL", "7OX", "C" }, { "CL", "A1H84", "C" }, { "CL", "97L", "C" }, { "CL", "HDV", "C" },
	{ "CL", "LUO", "C" }, { "CL", "R6A", "C" }, { "CL", "1PC", "C" }, { "CL", "4PT", "C" },
	{ "CL", "SBZ", "C" }, { "CL", "EAB", "C" }, { "CL", "FL4", "C" }, { "CL", "OPS", "C" },
	{ "CL", "C2X", "C" }, { "CL", "SLL", "C" }, { "CL", "BFC", "C" }, { "CL", "GIP", "C" },
	{ "CL", "7CP", "C" }, { "CL", "CLH", "C" }, { "CL", "34E", "C" }, { "CL", "5NE", "C" },
	{ "CL", "PBF", "C" }, { "CL", "ABD", "C" }, { "CL", "ABC", "C" }, { "CL", "LPF", "C" },
	{ "CL", "TIZ", "C" }, { "CL", "4HH", "C" }, { "CL", "AFC", "C" }, { "CL", "WQH", "C" },
	{ "CL", "9JL", "C" }, { "CL", "CS3", "C" }, { "CL", "NL0", "C" }, { "CL", "KPY", "C" },
	{ "CL", "DNA", "C" }, { "CL", "B3C", "C" }, { "CL", "TKL", "C" }, { "CL", "KVS", "C" },
	{ "CL", "HO6", "C" }, { "CL", "NLH", "C" }, { "CL", "1PB", "C" }, { "CL", "CYF", "C" },
	{ "CL", "G4M", "C" }, { "CL", "R5B", "C" }, { "CL", "N4S", "C" }, { "CL", "N11", "C" },
	{ "CL", "C8F", "C" }, { "CL", "PIJ", "C" }, { "CL", "WIN", "C" }, { "CL", "NT1", "C" },
	{ "CL", "WJW", "C" }, { "CL", "HF7", "C" }, { "CL", "TY1", "C" }, { "CL", "VM1", "C" }, { "OS", "*", "O" },
	{ "OS", "DWC", "OS" }, { "OS", "OHX", "OS" }, { "OS", "OS", "OS" }, { "OS", "8WV", "OS" },
	{ "OS", "OS4", "OS" }, { "PB", "*", "P" }, { "PB", "ZN9", "PB" }, { "PB", "ZN7", "PB" },
	{ "PB", "PBM", "PB" }, { "PB", "PB", "PB" }, { "PB", "CSB", "PB" }, { "CE", "*", "C" },
	{ "CE", "CE", "CE" }, { "FE", "*", "FE" }, { "FE", "TFR", "F" }, { "FE", "PF5", "F" },
	{ "FE", "IFC", "F" }, { "FE", "F5C", "F" }, { "NA", "*", "N" }, { "NA", "CGO", "NA" },
	{ "NA", "R2K", "NA" }, { "NA", "LVQ", "NA" }, { "NA", "NA", "NA" }, { "ND", "*", "N" },
	{ "ND", "ND", "ND" }, { "CF", "*", "C" }, { "CF", "CF", "CF" }, { "RU", "*", "RU" }, { "BRAF", "*", "BR" },
	{ "EU", "*", "EU" }, { "CLAA", "*", "CL" }, { "CLBQ", "*", "CL" }, { "CM", "*", "C" },
	{ "CM", "ZCM", "CM" }, { "SN", "*", "SN" }, { "SN", "TAP", "S" }, { "SN", "SND", "S" },
	{ "SN", "TAD", "S" }, { "SN", "XPT", "S" }, { "AG", "*", "AG" }, { "CLN", "*", "CL" },
	{ "CLM", "*", "CL" }, { "CLA", "*", "CL" }, { "CLA", "PII", "C" }, { "CLA", "TDL", "C" },
	{ "CLA", "D0J", "C" }, { "CLA", "GM2", "C" }, { "CLA", "PIJ", "C" }, { "CLB", "*", "CL" },
	{ "CLB", "TD5", "C" }, { "CLB", "PII", "C" }, { "CLB", "TDL", "C" }, { "CLB", "GM2", "C" },
	{ "CLB", "TD7", "C" }, { "CLB", "TD6", "C" }, { "CLB", "PIJ", "C" }, { "CR", "*", "C" },
	{ "CR", "BW9", "CR" }, { "CR", "CQ4", "CR" }, { "CR", "AC9", "CR" }, { "CR", "TIL", "CR" },
	{ "CR", "J7U", "CR" }, { "CR", "CR", "CR" }, { "CLAY", "*", "CL" }, { "CLBC", "*", "CL" },
	{ "PD", "*", "P" }, { "PD", "F6Q", "PD" }, { "PD", "SVP", "PD" }, { "PD", "SXC", "PD" },
	{ "PD", "U5U", "PD" }, { "PD", "PD", "PD" }, { "PD", "PLL", "PD" }, { "CO", "*", "C" },
	{ "CO", "J1S", "CO" }, { "CO", "OCN", "CO" }, { "CO", "OL3", "CO" }, { "CO", "OL4", "CO" },
	{ "CO", "B12", "CO" }, { "CO", "XCO", "CO" }, { "CO", "UFU", "CO" }, { "CO", "CON", "CO" },
	{ "CO", "OL5", "CO" }, { "CO", "B13", "CO" }, { "CO", "7KI", "CO" }, { "CO", "PL1", "CO" },
	{ "CO", "OCO", "CO" }, { "CO", "J1R", "CO" }, { "CO", "COH", "CO" }, { "CO", "SIR", "CO" },
	{ "CO", "6KI", "CO" }, { "CO", "NCO", "CO" }, { "CO", "9CO", "CO" }, { "CO", "PC3", "CO" },
	{ "CO", "BWU", "CO" }, { "CO", "B1Z", "CO" }, { "CO", "J83", "CO" }, { "CO", "CO", "CO" },
	{ "CO", "COY", "CO" }, { "CO", "CNC", "CO" }, { "CO", "3CO", "CO" }, { "CO", "OCL", "CO" },
	{ "CO", "R5Q", "CO" }, { "CO", "X5Z", "CO" }, { "CO", "CBY", "CO" }, { "CO", "OLS", "CO" },
	{ "CO", "F0X", "CO" }, { "CO", "I2A", "CO" }, { "CO", "OCM", "CO" }, { "CU", "*", "C" },
	{ "CU", "8ZR", "CU" }, { "CU", "K7E", "CU" }, { "CU", "CU3", "CU" }, { "CU", "SI9", "CU" },
	{ "CU", "35N", "CU" }, { "CU", "C2O", "CU" }, { "CU", "SI7", "CU" }, { "CU", "B15", "CU" },
	{ "CU", "SI0", "CU" }, { "CU", "CUP", "CU" }, { "CU", "SQ1", "CU" }, { "CU", "CUK", "CU" },
	{ "CU", "CUL", "CU" }, { "CU", "SI8", "CU" }, { "CU", "IC4", "CU" }, { "CU", "CUM", "CU" },
	{ "CU", "MM2", "CU" }, { "CU", "B30", "CU" }, { "CU", "S32", "CU" }, { "CU", "V79", "CU" },
	{ "CU", "IMF", "CU" }, { "CU", "CUN", "CU" }, { "CU", "MM1", "CU" }, { "CU", "MP1", "CU" },
	{ "CU", "IME", "CU" }, { "CU", "B17", "CU" }, { "CU", "C2C", "CU" }, { "CU", "1CU", "CU" },
	{ "CU", "CU6", "CU" }, { "CU", "C1O", "CU" }, { "CU", "CU1", "CU" }, { "CU", "B22", "CU" },
	{ "CU", "CUS", "CU" }, { "CU", "RUQ", "CU" }, { "CU", "CUF", "CU" }, { "CU", "CUA", "CU" },
	{ "CU", "CU", "CU" }, { "CU", "CUO", "CU" }, { "CU", "0TE", "CU" }, { "CU", "SI4", "CU" },
	{ "CS", "*", "C" }, { "CS", "CS", "CS" }, { "CLQ", "*", "CL" }, { "CLR", "*", "CL" }, { "CLU", "*", "CL" },
	{ "TE", "*", "TE" }, { "NI", "*", "N" }, { "NI", "USN", "NI" }, { "NI", "NFO", "NI" },
	{ "NI", "NI2", "NI" }, { "NI", "NFS", "NI" }, { "NI", "NFR", "NI" }, { "NI", "82N", "NI" },
	{ "NI", "R5N", "NI" }, { "NI", "NFU", "NI" }, { "NI", "A1ICD", "NI" }, { "NI", "NI3", "NI" },
	{ "NI", "M43", "NI" }, { "NI", "MM5", "NI" }, { "NI", "BF8", "NI" }, { "NI", "TCN", "NI" },
	{ "NI", "NIK", "NI" }, { "NI", "CUV", "NI" }, { "NI", "MM6", "NI" }, { "NI", "J52", "NI" },
	{ "NI", "NI", "NI" }, { "NI", "SNF", "NI" }, { "NI", "XCC", "NI" }, { "NI", "F0L", "NI" },
	{ "NI", "UWE", "NI" }, { "NI", "NFC", "NI" }, { "NI", "3NI", "NI" }, { "NI", "HNI", "NI" },
	{ "NI", "F43", "NI" }, { "NI", "RQM", "NI" }, { "NI", "NFE", "NI" }, { "NI", "NFB", "NI" },
	{ "NI", "B51", "NI" }, { "NI", "NI1", "NI" }, { "NI", "WCC", "NI" }, { "NI", "NUF", "NI" },
	{ "SB", "*", "S" }, { "SB", "UJI", "SB" }, { "SB", "SB", "SB" }, { "SB", "118", "SB" },
	{ "SB", "SBO", "SB" }, { "SB", "3CG", "SB" }, { "MO", "*", "MO" }, { "SEG", "*", "SE" },
	{ "CLL", "*", "CL" }, { "CLAH", "*", "CL" }, { "CLC", "*", "CL" }, { "CLC", "TD5", "C" },
	{ "CLC", "PII", "C" }, { "CLC", "TDL", "C" }, { "CLC", "GM2", "C" }, { "CLC", "TD7", "C" },
	{ "CLC", "TD6", "C" }, { "CLC", "PIJ", "C" }, { "CLD", "*", "CL" }, { "CLD", "PII", "C" },
	{ "CLD", "GM2", "C" }, { "CLD", "PIJ", "C" }, { "CLAD", "*", "CL" }, { "CLAE", "*", "CL" },
	{ "LA", "*", "LA" }, { "RH", "*", "RH" }, { "BRAC", "*", "BR" }, { "BRAD", "*", "BR" },
	{ "CLBN", "*", "CL" }, { "CLAC", "*", "CL" }, { "BRAB", "*", "BR" }, { "BRAE", "*", "BR" },
	{ "MG", "*", "MG" }, { "IR", "*", "IR" }, { "SE", "*", "SE" }, { "SE", "HII", "S" }, { "SE", "NT2", "S" },
	{ "SE", "R2P", "S" }, { "SE", "S2P", "S" }, { "SE", "0IU", "S" }, { "SE", "QMB", "S" },
	{ "SE", "81S", "S" }, { "SE", "0QB", "S" }, { "SE", "UB4", "S" }, { "SE", "OHS", "S" },
	{ "SE", "Q78", "S" }, { "SE", "0Y2", "S" }, { "SE", "B3M", "S" }, { "SE", "NT1", "S" },
	{ "SE", "81R", "S" }, { "BRAG", "*", "BR" }, { "CLF", "*", "CL" }, { "CLF", "PII", "C" },
	{ "CLF", "GM2", "C" }, { "CLF", "PIJ", "C" }, { "CLE", "*", "CL" }, { "CLE", "PII", "C" },
	{ "CLE", "GM2", "C" }, { "CLE", "PIJ", "C" }, { "BRAX", "*", "BR" }, { "CLK", "*", "CL" },
	{ "ZN", "*", "ZN" }, { "AS", "*", "AS" }, { "AU", "*", "AU" }, { "PT", "*", "PT" }, { "CLAS", "*", "CL" },
	{ "MN", "*", "MN" }, { "CLBE", "*", "CL" }, { "CLBF", "*", "CL" }, { "CLAF", "*", "CL" },
	{ "NA'", "*", "N" }, { "NA'", "CGO", "NA" }, { "BRAH", "*", "BR" }, { "BRAI", "*", "BR" },
	{ "BRA", "*", "BR" }, { "BRB", "*", "BR" }, { "BRAV", "*", "BR" }, { "HG", "*", "HG" },
	{ "HG", "BBA", "H" }, { "HG", "MID", "H" }, { "HG", "APM", "H" }, { "HG", "4QQ", "H" },
	{ "HG", "0ZG", "H" }, { "HG", "APH", "H" }, { "AR", "*", "AR" }, { "D", "*", "H" }, { "CLAN", "*", "CL" },
	{ "SI", "*", "SI" }, { "CLS", "*", "CL" }, { "ZR", "*", "ZR" }, { "CLAR", "*", "CL" },
	{ "CLAR", "ZM4", "C" }, { "HO", "*", "HO" }, { "CLI", "*", "CL" }, { "CLI", "GM2", "C" },
	{ "CLH", "*", "CL" }, { "CLH", "GM2", "C" }, { "CLAP", "*", "CL" }, { "CLBL", "*", "CL" },
	{ "CLBM", "*", "CL" }, { "PR", "*", "PR" }, { "PR", "UF0", "P" }, { "PR", "252", "P" },
	{ "IN", "*", "IN" }, { "CLJ", "*", "CL" }, { "BRU", "*", "BR" }, { "SC", "*", "S" }, { "SC", "SFL", "SC" },
	{ "CLG", "*", "CL" }, { "CLG", "GM2", "C" }, { "BRAT", "*", "BR" }, { "BRAR", "*", "BR" },
	{ "CLAG", "*", "CL" }, { "CLAB", "*", "CL" }, { "CLV", "*", "CL" }, { "TI", "*", "TI" },
	{ "CLAX", "*", "CL" }, { "CLAJ", "*", "CL" }, { "CL'", "*", "CL" }, { "CL'", "BNR", "C" },
	{ "CL'", "25A", "C" }, { "CL'", "BDA", "C" }, { "CLAW", "*", "CL" }, { "BRF", "*", "BR" },
	{ "BRE", "*", "BR" }, { "RE", "*", "RE" }, { "GD", "*", "GD" }, { "SM", "*", "S" }, { "SM", "SM", "SM" },
	{ "CLBH", "*", "CL" }, { "CLBI", "*", "CL" }, { "CLAI", "*", "CL" }, { "CLY", "*", "CL" },
	{ "CLZ", "*", "CL" }, { "AC", "*", "AC" }, { "BR'", "*", "BR" }, { "CLT", "*", "CL" },
	{ "CLO", "*", "CL" }, { "CLP", "*", "CL" }, { "LU", "*", "LU" }, { "BA", "*", "B" }, { "BA", "BA", "BA" },
	{ "CLAU", "*", "CL" }, { "RB", "*", "RB" }, { "LI", "*", "LI" }, { "MOM", "*", "MO" },
	{ "BRAQ", "*", "BR" }, { "SR", "*", "S" }, { "SR", "SR", "SR" }, { "SR", "OER", "SR" },
	{ "CLAT", "*", "CL" }, { "BRAL", "*", "BR" }, { "SEB", "*", "SE" }, { "CLW", "*", "CL" },
	{ "CLX", "*", "CL" }, { "BE", "*", "BE" }, { "BRG", "*", "BR" }, { "SEA", "*", "SE" },
	{ "BRAW", "*", "BR" }, { "BRBB", "*", "BR" }, { "ER", "*", "ER" }, { "TH", "*", "TH" },
	{ "BRR", "*", "BR" }, { "CLBV", "*", "CL" }, { "AL", "*", "AL" }, { "CLAV", "*", "CL" },
	{ "BRH", "*", "BR" }, { "CLAQ", "*", "CL" }, { "GA", "*", "GA" }, { "X", "*", "*" }, { "TL", "*", "TL" },
	{ "CLBB", "*", "CL" }, { "TB", "*", "TB" }, { "CLAK", "*", "CL" }, { "XE", "*", "*" },
	{ "XE", "XE", "XE" }, { "SEL", "*", "SE" }, { "PU", "*", "P" }, { "PU", "4PU", "PU" },
	{ "CLAZ", "*", "CL" }, { "SE'", "*", "SE" }, { "CLBA", "*", "CL" }, { "SEN", "*", "SE" },
	{ "SNN", "*", "SN" }, { "MOB", "*", "MO" }, { "YB", "*", "YB" }, { "BRC", "*", "BR" },
	{ "BRD", "*", "BR" }, { "CLAM", "*", "CL" }, { "DA", "*", "H" }, { "DB", "*", "H" }, { "DC", "*", "H" },
	{ "DXT", "*", "H" }, { "DXU", "*", "H" }, { "DXX", "*", "H" }, { "DXY", "*", "H" }, { "DXZ", "*", "H" },
	{ "DY", "*", "DY" }, { "TA", "*", "TA" }, { "XD", "*", "*" }, { "SED", "*", "SE" }, { "CLAL", "*", "CL" },
	{ "BRAJ", "*", "BR" }, { "AM", "*", "AM" }, { "CLAO", "*", "CL" }, { "BI", "*", "BI" },
	{ "KR", "*", "KR" }, { "BRBJ", "*", "BR" }, { "UNK", "*", "*" },
};

/* letters of a polymer's alphabet and, at the same place, their tokens; the first letter of a token is its code */
static const char protein_letters[] = "ARNDCEQGHILKMFPSTWYVXJBZOU-";
static const signed char protein_tokens[] = {
	2, 3, 4, 5, 6, 8, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 22, 22, 22, 22, 22, 1
};
static const char dna_letters[] = "AGCTN";
static const signed char dna_tokens[] = { 28, 29, 30, 31, 32 };
static const char rna_letters[] = "AGCUN";
static const signed char rna_tokens[] = { 23, 24, 25, 26, 27 };

int
bp_token_id(const char *name)
{
	for (int i = 0; i < BP_TOKENS; i++)
		if (!strcmp(bp_residues[i].name, name))
			return i;
	return -1;
}

int
bp_token_unknown(enum bp_chain_type t)
{
	return t == BP_DNA ? BP_TOKEN_DN : t == BP_RNA ? BP_TOKEN_N : BP_TOKEN_UNK;
}

/* letters and tokens of a chain type; how many; 0 for ligands */
static int
alphabet(enum bp_chain_type t, const char **letters, const signed char **tokens)
{
	*letters = t == BP_DNA ? dna_letters : t == BP_RNA ? rna_letters : protein_letters;
	*tokens = t == BP_DNA ? dna_tokens : t == BP_RNA ? rna_tokens : protein_tokens;
	return t == BP_NONPOLYMER ? 0 : (int)strlen(*letters);
}

int
bp_token_of_letter(enum bp_chain_type t, char letter)
{
	const char *letters;
	const signed char *tokens;
	int n = alphabet(t, &letters, &tokens);

	for (int i = 0; i < n; i++)
		if (letters[i] == letter)
			return tokens[i];
	return -1;
}

char
bp_letter_of_token(enum bp_chain_type t, int token)
{
	const char *letters;
	const signed char *tokens;
	int n = alphabet(t, &letters, &tokens);

	for (int i = 0; i < n; i++)
		if (tokens[i] == token)
			return letters[i];
	return '-';
}

int
bp_residue_atom(int token, const char *atom)
{
	if (token < 0 || token >= BP_TOKENS)
		return -1;
	for (int i = 0; i < bp_residues[token].n_atoms; i++)
		if (!strcmp(bp_residues[token].atom[i], atom))
			return i;
	return -1;
}

int
bp_method_id(const char *name)
{
	for (int i = 0; i < COUNT(methods); i++)
		if (!strcasecmp(methods[i].name, name))
			return methods[i].id;
	return -1;
}

const char *
bp_method_name(int i)
{
	return i >= 0 && i < COUNT(methods) ? methods[i].name : NULL;
}

int
bp_element_number(const char *symbol)
{
	if (!strcasecmp(symbol, "D"))
		return 1;
	if (!strcasecmp(symbol, "X"))
		return 0;
	for (int z = 0; z < COUNT(symbols); z++)
		if ((*symbols[z] | 32) == (*symbol | 32) && !strcasecmp(symbols[z], symbol))
			return z;
	return -1;
}

const char *
bp_element_symbol(int z)
{
	return z >= 0 && z < COUNT(symbols) ? symbols[z] : NULL;
}

const char *
bp_ambiguous_element(const char *atom, const char *residue)
{
	const char *other = NULL;

	for (int i = 0; i < COUNT(ambiguous); i++) {
		if (strcmp(ambiguous[i].atom, atom))
			continue;
		if (!strcmp(ambiguous[i].residue, residue))
			return ambiguous[i].element;
		if (!strcmp(ambiguous[i].residue, "*"))
			other = ambiguous[i].element;
	}
	return other;
}
