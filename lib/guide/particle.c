/* lib/guide/particle.c */
#include "guide/particle.h"

#include <math.h>
#include <stdbool.h>

#include "chem/residues.h"
#include "guide/tables.h"
#include "ops/centre_atoms.h"

enum { MAX_H = 8, KINDS = (BP_SCATTER_Z + 1) * (MAX_H + 1) };

static bool
counts(int32_t z, const uint8_t *mask, int i)
{
	return z != 1 && (!mask || mask[i]);
}

static int
check_atom(int i, int32_t z, int32_t n_h, struct bp_err *err)
{
	if (z < 1 || z > BP_SCATTER_Z)
		return BP_FAIL(err, BP_EINPUT, "leave the atom out with the mask",
		    "atom %d: element %d has no form factor", i, (int)z);
	if (n_h < 0 || n_h > MAX_H)
		return BP_FAIL(err, BP_EINPUT, NULL, "atom %d (%s): %d hydrogens", i, bp_element_symbol(z), (int)n_h);
	return BP_OK;
}

int
bp_particle_new(struct bp_particle **ret, int natoms, const int32_t *z, const int32_t *n_h, const uint8_t *mask,
    struct bp_arena *mem, struct bp_err *err)
{
	int number[KINDS] = { 0 }, next[KINDS] = { 0 }, *tz, *th;
	struct bp_particle *p;
	int32_t *start, *atom;

	*ret = NULL;
	BP_NEW(p, 1, mem, err);
	p->natoms = natoms;
	for (int i = 0; i < natoms; i++) {
		if (!counts(z[i], mask, i))
			continue;
		BP_TRY(check_atom(i, z[i], n_h ? n_h[i] : 0, err));
		p->ntypes += number[z[i] * (MAX_H + 1) + (n_h ? n_h[i] : 0)]++ == 0;
		p->n++;
	}
	if (p->n == 0)
		return BP_FAIL(err, BP_EINPUT, NULL, "no atom scatters: all %d are masked or hydrogens", natoms);
	BP_NEW(start, p->ntypes + 1, mem, err);
	BP_NEW(atom, p->n, mem, err);
	BP_NEW(tz, 2 * p->ntypes, mem, err);
	BP_NEW(p->radius, p->n, mem, err);
	th = tz + p->ntypes;
	for (int kind = 0, t = 0; kind < KINDS; kind++)
		if (number[kind]) {
			tz[t] = kind / (MAX_H + 1), th[t] = kind % (MAX_H + 1);
			next[kind] = start[t];
			p->mean_volume += number[kind] * bp_group_volume(tz[t], th[t]) / p->n;
			start[t + 1] = start[t] + number[kind];
			for (int i = start[t]; i < start[t + 1]; i++)
				p->radius[i] = bp_group_radius(tz[t], th[t]) + BP_PROBE;
			t++;
		}
	for (int i = 0; i < natoms; i++)
		if (counts(z[i], mask, i))
			atom[next[z[i] * (MAX_H + 1) + (n_h ? n_h[i] : 0)]++] = i;
	p->start = start, p->atom = atom, p->z = tz, p->n_h = th;
	*ret = p;
	return BP_OK;
}

int
bp_particle_centre(double *y, double *radius, const struct bp_particle *p, const double *x, struct bp_err *err)
{
	*radius = bp_centre(y, x, p->atom, p->n);
	if (isfinite(*radius))
		return BP_OK;
	for (int i = 0; i < p->n; i++) {
		const double *at = x + 3 * (size_t)p->atom[i];
		if (!isfinite(at[0]) || !isfinite(at[1]) || !isfinite(at[2]))
			return BP_FAIL(err, BP_ENUM, NULL, "atom %d: its coordinates are not finite", (int)p->atom[i]);
	}
	return BP_FAIL(err, BP_ENUM, NULL, "the atoms are too far apart for their distances to be numbers");
}

static void
spread(double *w, const struct bp_particle *p, double (*weight)(int, int), double layer, const double *a)
{
	for (int i = 0; i < p->natoms; i++)
		w[i] = 0;
	for (int t = 0; t < p->ntypes; t++)
		for (int i = p->start[t]; i < p->start[t + 1]; i++)
			w[p->atom[i]] = weight(p->z[t], p->n_h[t]) + (a ? layer * a[i] : 0);
}

static double
mass(int z, int n_h)
{
	(void)n_h;
	return bp_scatterer(z)->mass;
}

static double
contrast(int z, int n_h)
{
	return bp_f_vacuum(z, n_h, 0) - bp_f_solvent(z, n_h, 0);
}

void
bp_particle_masses(double *w, const struct bp_particle *p)
{
	spread(w, p, mass, 0, NULL);
}

void
bp_particle_contrast(double *w, const struct bp_particle *p, double c2, const double *a)
{
	spread(w, p, contrast, c2 * bp_f_water(0), a);
}
