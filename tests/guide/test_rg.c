/* test_rg: radii, kept sets and gradients of the reference, energies, ramps and caps, raw guidance. */
#include "ref.h"

#include "guide/particle.h"
#include "guide/rg.h"

static const char *const methods[] = { "standard", "robust", "trimmed" };

/* outliers, a rod, three points, far from the origin: radius, kept set, gradient */
static void
cases(void **state)
{
	static const char *const names[]
	    = { "cloud_even", "outliers_odd", "rod", "three", "shell_and_core", "far_from_origin" };
	struct ref *r = ref_open("rg_cases");

	(void)state;
	for (int i = 0; i < COUNT(names); i++)
		for (int m = 0; m < 3; m++) {
			char key[128];
			int n, k;
			double *x = ref_doubles(r, (snprintf(key, sizeof key, "%s.xyz", names[i]), key), &n),
			       *g = malloc((size_t)n * sizeof *g);
			double *w = ref_doubles(r, (snprintf(key, sizeof key, "%s.w", names[i]), key), &k);
			double *want
			    = ref_doubles(r, (snprintf(key, sizeof key, "%s.grad_%s", names[i], methods[m]), key), &k);
			int32_t *set
			    = ref_ints(r, (snprintf(key, sizeof key, "%s.kept_%s", names[i], methods[m]), key), &k);
			uint8_t kept[256];
			struct bp_rg rg;
			assert_non_null(g);
			OK(r, bp_rg_of(&rg, g, kept, n / 3, x, w, NULL, (enum bp_rg_method)m, 3, r->mem, &r->err));
			snprintf(key, sizeof key, "%s/%s/rg", names[i], methods[m]);
			NEAR(rg.rg, ref_num(r, key), 1e-12, rg.rg);
			snprintf(key, sizeof key, "%s/%s/kept", names[i], methods[m]);
			assert_int_equal(rg.kept, (int)ref_num(r, key));
			for (int j = 0; j < n / 3; j++)
				assert_int_equal(kept[j], set[j]);
			NEAR(relative(g, want, n), 0, strcmp(names[i], "far_from_origin") ? 1e-11 : 1e-9,
			    1); /* x itself is rounded there */
			free(g);
		}
	ref_close(r);
}

/* Do the sets of two gradients [n,3] differ only by atoms at the same distance from the centre (mates of a symmetric
 * dimer)? */
static bool
only_ties(const double *g, const double *want, int n, const double *x, const double *w)
{
	double c[3] = { 0 }, all = 0, least = INFINITY, most = 0;

	for (int i = 0; i < n; i++)
		all += w ? w[i] : 1;
	for (int i = 0; i < 3 * n; i++)
		c[i % 3] += (w ? w[i / 3] : 1) * x[i] / all;
	for (int i = 0; i < n; i++)
		if ((g[3 * i] == 0) != (want[3 * i] == 0)) {
			double d = hypot(hypot(x[3 * i] - c[0], x[3 * i + 1] - c[1]), x[3 * i + 2] - c[2]);
			least = fmin(least, d), most = fmax(most, d);
		}
	return most > 0 && most - least <= 1e-9;
}

static void
structures(void **state)
{
	static const char *const names[]
	    = { "rna14", "lyz", "hivp_xk2", "nup133", "nup133_fill", "sam1", "mpro_dimer", "t4l_x5" };

	(void)state;
	for (int i = 0; i < COUNT(names); i++) {
		char file[64], key[128];
		struct bp_particle *p;
		double *x, *mass, *w, *g, *exposed, *place;
		struct bp_rg rg;
		struct ref *r;
		int n, k;
		snprintf(file, sizeof file, "%s.safetensors", names[i]);
		if (!ref_have(file))
			continue;
		r = ref_open(names[i]);
		x = ref_doubles(r, "xyz", &n);
		n /= 3;
		mass = ref_doubles(r, "mass", &k);
		exposed = ref_doubles(r, "exposed", &k);
		OK(r, bp_particle_new(&p, n, ref_ints(r, "z", &k), ref_ints(r, "n_h", &k), NULL, r->mem, &r->err));
		w = bp_alloc(r->mem, 5 * (size_t)n * sizeof *w, &r->err);
		g = w + n, place = g + 3 * n;
		bp_particle_masses(w, p);
		for (int j = 0; j < n; j++) {
			NEAR(w[j], mass[j], 1e-12, mass[j]);
			place[j] = exposed[p->atom[j]];
		}
		for (int m = 0; m < 6; m++) {
			const char *kind = m < 3 ? "geometric" : "mass";
			double *want = ref_doubles(
			    r, (snprintf(key, sizeof key, "rg_grad_%s_%s", kind, methods[m % 3]), key), &k);
			OK(r,
			    bp_rg_of(&rg, g, NULL, n, x, m < 3 ? NULL : w, NULL, (enum bp_rg_method)(m % 3), 3, r->mem,
			        &r->err));
			NEAR(rg.rg, ref_num(r, (snprintf(key, sizeof key, "rg/%s_%s/rg", kind, methods[m % 3]), key)),
			    1e-12, rg.rg);
			assert_int_equal(rg.kept,
			    (int)ref_num(r, (snprintf(key, sizeof key, "rg/%s_%s/kept", kind, methods[m % 3]), key)));
			if (!(m % 3 == BP_RG_TRIMMED && only_ties(g, want, n, x, m < 3 ? NULL : w)))
				NEAR(relative(g, want, 3 * n), 0, 1e-11, 1);
		}
		for (int c2 = 0; c2 < 3; c2++) {
			bp_particle_contrast(w, p, c2, place);
			OK(r, bp_rg_of(&rg, NULL, NULL, n, x, w, NULL, BP_RG_STANDARD, 3, r->mem, &r->err));
			NEAR(rg.rg, ref_num(r, (snprintf(key, sizeof key, "rg/contrast_c2_%d/rg", c2), key)), 1e-10,
			    rg.rg);
		}
		ref_close(r);
	}
}

/* the energy's gradient against central differences, ramps, caps */
static void
energies(void **state)
{
	struct bp_rg_opt o = BP_RG_INIT;
	struct ref *r = ref_open("rg_cases");
	double *x, *w, g[600], other[600], sum[3] = { 0 };
	struct bp_rg a, up, down;
	uint8_t mask[200];
	int n;

	(void)state;
	x = ref_doubles(r, "cloud_even.xyz", &n), w = ref_doubles(r, "cloud_even.w", &n);
	for (int i = 0; i < n; i++)
		mask[i] = i % 5 != 0;
	o.target = 12, o.cap = 0;
	for (int m = 0; m < 3; m++) {
		o.method = (enum bp_rg_method)m;
		OK(r, bp_rg_energy(&a, g, n, x, w, mask, &o, 25, r->mem, &r->err));
		NEAR(a.k, 5.5, 1e-14, 1);
		NEAR(a.energy, 0.5 * a.k * (a.rg - 12) * (a.rg - 12), 1e-12, a.energy);
		assert_int_equal(a.atoms, 160);
		for (int i = 0; i < 3 * n; i++) {
			double was = x[i];
			assert_true(mask[i / 3] || g[i] == 0);
			x[i] = was + 1e-4;
			OK(r, bp_rg_energy(&up, other, n, x, w, mask, &o, 25, r->mem, &r->err));
			x[i] = was - 1e-4;
			OK(r, bp_rg_energy(&down, other, n, x, w, mask, &o, 25, r->mem, &r->err));
			x[i] = was;
			if (up.kept == down.kept)
				NEAR((up.energy - down.energy) / 2e-4, g[i], 1e-6, 1);
		}
	}
	/* ramp */
	NEAR(bp_rg_force_constant(&o, 0), 1, 0, 1);
	NEAR(bp_rg_force_constant(&o, 50), 10, 0, 1);
	NEAR(bp_rg_force_constant(&o, 500), 10, 0, 1);
	o.ramp = false;
	NEAR(bp_rg_force_constant(&o, 0), 10, 0, 1);
	/* the cap acts on dE/dx, and leaves no push */
	o.cap = 0.2, o.method = BP_RG_STANDARD;
	OK(r, bp_rg_energy(&a, g, n, x, w, mask, &o, 0, r->mem, &r->err));
	assert_true(a.capped > 0 && a.capped < n);
	for (int i = 0; i < 3 * n; i++)
		sum[i % 3] += g[i];
	for (int d = 0; d < 3; d++)
		NEAR(sum[d], 0, 1e-12, 1);
	/* k = 0: no energy, no force */
	o.k = 0;
	OK(r, bp_rg_energy(&a, g, n, x, w, mask, &o, 0, r->mem, &r->err));
	assert_true(a.energy == 0 && g[0] == 0 && a.rg > 0);
	ref_close(r);
}

static void
guards(void **state)
{
	double x[12] = { 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3 }, g[12], w[4] = { 1, -1, 1, -1 };
	struct bp_rg_opt o = BP_RG_INIT;
	struct ref *r = ref_open("none");
	struct bp_rg a;

	(void)state;
	o.target = 5;
	OK(r, bp_rg_energy(&a, g, 4, x, NULL, NULL, &o, 0, r->mem, &r->err)); /* all in one place */
	assert_true(a.degenerate && a.energy == 0 && g[0] == 0);
	x[0] = 7;
	OK(r, bp_rg_energy(&a, g, 2, x, NULL, NULL, &o, 0, r->mem, &r->err)); /* two atoms */
	assert_true(a.degenerate && a.energy == 0 && g[0] == 0);
	assert_int_equal(
	    bp_rg_energy(&a, g, 4, x, w, NULL, &o, 0, r->mem, &r->err), BP_ENUM); /* weights without a sum */
	x[0] = NAN;
	assert_int_equal(bp_rg_energy(&a, g, 4, x, NULL, NULL, &o, 0, r->mem, &r->err), BP_ENUM);
	x[0] = INFINITY;
	assert_int_equal(bp_rg_energy(&a, g, 4, x, NULL, NULL, &o, 0, r->mem, &r->err), BP_ENUM);
	o.target = 0;
	assert_int_equal(bp_rg_energy(&a, g, 4, x, NULL, NULL, &o, 0, r->mem, &r->err), BP_EUSAGE);
	o.target = NAN;
	assert_int_equal(bp_rg_energy(&a, g, 4, x, NULL, NULL, &o, 0, r->mem, &r->err), BP_EUSAGE);
	ref_close(r);
}

/* raw guidance removes the noise's share of Rg: a noisy structure of the right size is hardly pushed, a too large one
 * is pushed in */
static void
raw(void **state)
{
	struct bp_rg_opt o = BP_RG_INIT;
	struct ref *r = ref_open("rg_cases");
	double *x, y[600];
	struct bp_rg before, after;
	int n;

	(void)state;
	x = ref_doubles(r, "cloud_even.xyz", &n);
	n /= 3;
	memcpy(y, x, sizeof y);
	o.target = 10, o.method = BP_RG_STANDARD;
	OK(r, bp_rg_of(&before, NULL, NULL, n, x, NULL, NULL, BP_RG_STANDARD, 3, r->mem, &r->err));
	OK(r, bp_rg_raw(y, n, NULL, NULL, &o, 300, 0, r->mem, &r->err));
	OK(r, bp_rg_of(&after, NULL, NULL, n, y, NULL, NULL, BP_RG_STANDARD, 3, r->mem, &r->err));
	/* x -= 3 (Rg - target) dRg/dx scales about the centre by 1 - 3 (Rg - target) / (n Rg) */
	NEAR(after.rg, before.rg - 3 * (before.rg - 10) / n, 1e-9, after.rg);
	memcpy(y, x, sizeof y);
	OK(r, bp_rg_raw(y, n, NULL, NULL, &o, 1e9, 0, r->mem, &r->err)); /* at most 0.5 A */
	for (int i = 0; i < n; i++)
		assert_true(hypot(hypot(y[3 * i] - x[3 * i], y[3 * i + 1] - x[3 * i + 1]), y[3 * i + 2] - x[3 * i + 2])
		    <= 0.5 + 1e-9);
	memcpy(y, x, sizeof y);
	OK(r, bp_rg_raw(y, n, NULL, NULL, &o, 1000, 780, r->mem, &r->err)); /* the factor is below 0.05 */
	assert_memory_equal(x, y, sizeof y);
	o.target = sqrt(before.rg * before.rg - 27); /* at sigma 3 this is the right size */
	OK(r, bp_rg_raw(y, n, NULL, NULL, &o, 1000, 3, r->mem, &r->err));
	NEAR(relative(y, x, 3 * n), 0, 1e-12, 1);
	ref_close(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cases),
		cmocka_unit_test(structures),
		cmocka_unit_test(energies),
		cmocka_unit_test(guards),
		cmocka_unit_test(raw),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
