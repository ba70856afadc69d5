/* lib/guide/tables.h: how atoms scatter X-rays: form factors, displaced volumes, merged hydrogens, masses. Units: A,
 * 1/A, electrons. Sources: form factors Waasmaier & Kirfel, Acta Cryst. A51 (1995) 416; volumes Fraser, MacRae &
 * Suzuki, J. Appl. Cryst. 11 (1978) 693 and Svergun, Barberato & Koch, J. Appl. Cryst. 28 (1995) 768; water layer after
 * Schneidman-Duhovny et al., Biophys. J. 105 (2013) 962. */
#ifndef BP_GUIDE_TABLES_H
#define BP_GUIDE_TABLES_H

enum { BP_SCATTER_Z = 98 }; /* the last element with a form factor */

#define BP_SOLVENT_DENSITY 0.334 /* electrons per A^3 of water             */
#define BP_PROBE 1.8             /* A, radius of the water of the layer    */

struct bp_scatterer {
	double mass;          /* standard atomic mass, merged hydrogens not added                  */
	double volume;        /* displaced solvent of the bare atom, A^3                           */
	double d_xh;          /* distance of its hydrogens, A                                      */
	int charge;           /* alkali, alkaline-earth, 3d metals, Cd, Hg scatter as their usual ion; Be, Sc, Ti,
	                         V, Cr, Ra, for which the reference's table has neutral factors only, do not  */
	double a[5], b[5], c; /* f(q) = c + sum a exp(-b (q / 4 pi)^2)                             */
};

/* Element z, 1 .. BP_SCATTER_Z; NULL outside. */
const struct bp_scatterer *bp_scatterer(int z);

/* The amplitudes at q of element z with n_h hydrogens merged into it. z must be in 1 .. BP_SCATTER_Z.
 * vacuum: f_X + n_h f_H sinc(q d_XH); solvent: rho V exp(-q^2 V^(2/3) / 4 pi); water: one water's excess, vacuum -
 * solvent of OH2. */
double bp_f_vacuum(int z, int n_h, double q);
double bp_f_solvent(int z, int n_h, double q);
double bp_f_water(double q);
double bp_group_volume(int z, int n_h); /* A^3                                    */
double bp_group_radius(int z, int n_h); /* A, of the sphere of that volume        */

/* The factor c1 puts on the solvent amplitudes: c1^3 exp(-q^2 (c1^2 - 1) Vm^(2/3) / 4 pi); mean_volume: of the atoms,
 * A^3. */
double bp_f_expansion(double q, double c1, double mean_volume);

/* Hydrogens merged into an atom of a residue inside a chain at neutral pH (termini and disulfides as any other); -1:
 * not in the table. */
int bp_implicit_h(const char *residue, const char *atom);

#endif
