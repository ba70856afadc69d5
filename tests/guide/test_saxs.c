/* test_saxs: partial profiles, exposed fractions, fits, chi2 and gradients of the reference structures, by every method
 * and variant. */
#include "ref.h"

#include "guide/saxs.h"
#include "ops/ops.h"

static const char *const names[]
    = { "rna14", "lyz", "hivp_xk2", "nup133", "nup133_fill", "sam1", "mpro_dimer", "t4l_x5" };

struct method {
	const char *name, *variant;
	enum bp_debye_method method;
	bool quick;                              /* else a third of the fits                       */
	int most;                                /* atoms: slow ones see the small structures only */
	double profile, chi2, gradient, balance; /* README's tolerances                            */
};
static const struct method methods[] = {
	{ "direct", "original", BP_DEBYE_DIRECT, true, 400, 1e-10, 1e-8, 1e-9, 1e-12 },
	{ "direct", "optimized", BP_DEBYE_DIRECT, false, 1100, 1e-5, 1e-4, 1e-4, 1e-5 },
	{ "histogram", "original", BP_DEBYE_HISTOGRAM, true, 400, 1e-4, 1e-3, 1e-4, 1e-12 },
	{ "histogram", "optimized", BP_DEBYE_HISTOGRAM, true, 10000, 1e-4, 1e-3, 1e-4, 1e-5 },
	{ "quadrature", "original", BP_DEBYE_QUADRATURE, false, 400, 2e-4, 1e-3, 5e-4, 2e-4 },
	{ "quadrature", "optimized", BP_DEBYE_QUADRATURE, false, 1100, 2e-4, 1e-3, 5e-4, 2e-4 },
};

/* a reference structure */
struct molecule {
	struct ref *r;
	int n;
	double *x, *exposed, *by_place;
	int32_t *z, *n_h;
	struct bp_particle *p;
	struct bp_curve curve;
	struct bp_ctx *cx;
};

static bool
load(struct molecule *m, const char *name, const char *variant)
{
	char file[64];
	int n;

	snprintf(file, sizeof file, "%s.safetensors", name);
	if (!ref_have(file))
		return false;
	m->r = ref_open(name);
	m->x = ref_doubles(m->r, "xyz", &n);
	m->n = n / 3;
	m->z = ref_ints(m->r, "z", &n);
	m->n_h = ref_ints(m->r, "n_h", &n);
	m->exposed = ref_doubles(m->r, "exposed", &n);
	m->curve = (struct bp_curve) { .path = name,
		.q = ref_doubles(m->r, "curve_q", &n),
		.i = ref_doubles(m->r, "curve_i", &n),
		.sigma = ref_doubles(m->r, "curve_sigma", &n) };
	m->curve.n = n;
	OK(m->r, bp_particle_new(&m->p, m->n, m->z, m->n_h, NULL, m->r->mem, &m->r->err));
	OK(m->r, bp_ctx_open(&m->cx, "cpu", variant, NULL, 0, NULL, 1, 0, &m->r->err));
	m->by_place = bp_alloc(m->r->mem, (size_t)m->n * sizeof(double), &m->r->err);
	for (int i = 0; i < m->n; i++)
		m->by_place[i] = m->exposed[m->p->atom[i]];
	return true;
}

static void
unload(struct molecule *m)
{
	bp_ctx_close(m->cx);
	ref_close(m->r);
}

/* What the error of a profile is a share of: itself, or for a cross term, which may pass through zero, its bound: I is
 * a square, so that |P_ab| <= 2 sqrt(P_aa P_bb) at every q. */
static double
scale_of(const double *P, int i, int nq, int k)
{
	static const int pair[BP_PROFILES][2] = { { BP_P_VV, BP_P_VV }, { BP_P_VV, BP_P_SS }, { BP_P_SS, BP_P_SS },
		{ BP_P_VV, BP_P_WW }, { BP_P_SS, BP_P_WW }, { BP_P_WW, BP_P_WW } };

	return (pair[i][0] == pair[i][1] ? 1 : 2) * sqrt(P[pair[i][0] * nq + k] * P[pair[i][1] * nq + k]);
}

static void
profiles_of(struct molecule *m, const struct method *how)
{
	static const char *const keys[] = { "p_vv", "p_vs", "p_ss", "p_vw", "p_sw", "p_ww" };
	struct bp_conformers c = { 1, NULL, m->by_place, 0, 0, NULL };
	double *q, *y, *P, radius, worst = 0;
	struct bp_debye *d;
	int nq;

	q = ref_doubles(m->r, "q", &nq);
	OK(m->r, bp_debye_open(&d, m->cx, m->p, q, nq, how->method, m->r->mem, &m->r->err));
	P = bp_alloc(m->r->mem, (size_t)BP_PROFILES * nq * sizeof *P, &m->r->err);
	y = bp_alloc(m->r->mem, 3 * (size_t)m->n * sizeof *y, &m->r->err);
	OK(m->r, bp_particle_centre(y, &radius, m->p, m->x, &m->r->err));
	c.x = y, c.radius = radius;
	OK(m->r, bp_debye_profiles(P, d, &c));
	for (int i = 0; i < BP_PROFILES; i++) {
		double *want = ref_doubles(m->r, keys[i], &nq);
		for (int k = 0; k < nq; k++) {
			double off = fabs(P[i * nq + k] - want[k]) / scale_of(P, i, nq, k);
			if (!(off <= how->profile))
				fail_msg("%s %s %s: %s at q %g is %.10g, wanted %.10g: off by %.2g", m->curve.path,
				    how->name, how->variant, keys[i], q[k], P[i * nq + k], want[k], off);
			worst = fmax(worst, off);
		}
	}
	print_message("%-11s %-10s %-9s profiles within %.1e\n", m->curve.path, how->name, how->variant, worst);
}

static void
profiles(void **state)
{
	(void)state;
	for (int i = 0; i < COUNT(names); i++)
		for (int j = 0; j < COUNT(methods); j++) {
			struct molecule m;
			if (!load(&m, names[i], methods[j].variant))
				continue;
			if (m.n <= methods[j].most)
				profiles_of(&m, &methods[j]);
			unload(&m);
		}
}

static void
exposed(void **state)
{
	static const char *const variants[] = { "original", "optimized" };

	(void)state;
	for (int i = 0; i < COUNT(names); i++)
		for (int v = 0; v < 2; v++) {
			struct bp_saxs_opt o = BP_SAXS_INIT;
			double *a, mean = 0, start;
			struct bp_saxs *s;
			struct molecule m;
			int other = 0;
			if (!load(&m, names[i], variants[v]))
				continue;
			OK(m.r, bp_saxs_open(&s, m.cx, m.p, &m.curve, &o, m.r->mem, &m.r->err));
			a = bp_alloc(m.r->mem, (size_t)m.n * sizeof *a, &m.r->err);
			start = cpu_seconds();
			OK(m.r, bp_saxs_expose(a, s, 1, m.x, m.r->mem, &m.r->err));
			print_message(
			    "%-11s exposed %-9s %.1f ms\n", names[i], variants[v], 1e3 * (cpu_seconds() - start));
			for (int k = 0; k < m.n; k++) {
				NEAR(a[k], m.by_place[k], 1.01 / 256, 1);
				other += a[k] != m.by_place[k];
				mean += (a[k] - m.by_place[k]) / m.n;
			}
			if (v == 0)
				assert_int_equal(other, 0);
			assert_true(other <= 0.005 * m.n && fabs(mean) <= 1e-3);
			unload(&m);
		}
}

struct fit_case {
	const char *key;
	struct bp_fit_opt o;
};
static const struct fit_case fits[] = {
	{ "vacuum_offset", { BP_SAXS_VACUUM, true, false, false, 1, 0, -2, 4 } },
	{ "excluded_offset", { BP_SAXS_EXCLUDED, true, false, false, 1, 0, -2, 4 } },
	{ "excluded_c1_offset", { BP_SAXS_EXCLUDED, true, true, false, 1, 0, -2, 4 } },
	{ "hydration_c2", { BP_SAXS_HYDRATION, false, false, true, 1, 1, -2, 4 } },
	{ "hydration_c2_offset", { BP_SAXS_HYDRATION, true, false, true, 1, 1, -2, 4 } },
	{ "hydration_c1c2_offset", { BP_SAXS_HYDRATION, true, true, true, 1, 1, -2, 4 } },
};

/* the gradient sums to zero and has no torque, to tol of its rms */
static void
balance(const double *g, const double *x, int n, double tol)
{
	double sum[3] = { 0 }, torque[3] = { 0 }, mean[3] = { 0 }, rms = 0, size = 0;

	for (int i = 0; i < 3 * n; i++)
		mean[i % 3] += x[i] / n, rms += g[i] * g[i];
	rms = sqrt(rms / n);
	for (int i = 0; i < n; i++)
		for (int d = 0; d < 3; d++) {
			int a = (d + 1) % 3, b = (d + 2) % 3;
			sum[d] += g[3 * i + d];
			torque[d] += (x[3 * i + a] - mean[a]) * g[3 * i + b] - (x[3 * i + b] - mean[b]) * g[3 * i + a];
			size = fmax(size, fabs(x[3 * i + d] - mean[d]));
		}
	for (int d = 0; d < 3; d++) {
		NEAR(sum[d], 0, tol, rms * n);
		NEAR(torque[d], 0, tol, rms * n * size);
	}
}

/* chi2 and gradient of one fit, c1 and c2 at the reference's values and fitted */
static void
fit_of(struct molecule *m, const struct method *how, const struct fit_case *c)
{
	struct bp_saxs_opt o = { c->o, how->method, BP_SAXS_ANALYTIC, 0.1, true };
	char key[128], path[128];
	double *grad = bp_alloc(m->r->mem, 3 * (size_t)m->n * sizeof *grad, &m->r->err), *calc, *want_grad, *want_calc,
	       chi2, off;
	bool exact = how->profile < 1e-9;
	struct bp_saxs_result res;
	struct bp_saxs *s;
	int n;

	calc = bp_alloc(m->r->mem, (size_t)m->curve.n * sizeof *calc, &m->r->err);
	snprintf(key, sizeof key, "grad_%s", c->key);
	if (!(want_grad = ref_doubles(m->r, key, &n)))
		return;
	snprintf(key, sizeof key, "calc_%s", c->key);
	want_calc = ref_doubles(m->r, key, &n);
#define WANT(what) (snprintf(path, sizeof path, "fits/%s/%s", c->key, what), ref_num(m->r, path))
	chi2 = WANT("chi2");
	/* where the reference stopped: every number to its tolerance */
	o.fit.fit_c1 = o.fit.fit_c2 = false;
	o.fit.c1 = WANT("c1"), o.fit.c2 = WANT("c2");
	OK(m->r, bp_saxs_open(&s, m->cx, m->p, &m->curve, &o, m->r->mem, &m->r->err));
	OK(m->r, bp_saxs_eval(&res, grad, calc, s, 1, m->x, m->by_place, m->r->mem, &m->r->err));
	for (int k = 0; k < n; k++)
		NEAR(calc[k], want_calc[k], how->profile * (exact ? 10 : 2), fabs(want_calc[k]));
	off = fabs(res.fit.chi2 / chi2 - 1);
	if (chi2 < 1e4 || exact)
		NEAR(res.fit.chi2, chi2, how->chi2, chi2);
	if (exact || how->method == BP_DEBYE_DIRECT) {
		NEAR(res.fit.scale, WANT("scale"), exact ? 1e-10 : 1e-5, fabs(res.fit.scale));
		NEAR(res.fit.offset, WANT("offset"), exact ? 1e-10 : 1e-5, m->curve.i[0]);
	}
	print_message("%-11s %-10s %-9s %-21s chi2 off %.1e, gradient %.1e", m->curve.path, how->name, how->variant,
	    c->key, off, relative(grad, want_grad, 3 * m->n));
	if (chi2 < 1e4 || exact)
		NEAR(relative(grad, want_grad, 3 * m->n), 0, how->gradient, 1);
	balance(grad, m->x, m->n, how->balance);
	/* fitted */
	o.fit = c->o;
	OK(m->r, bp_saxs_open(&s, m->cx, m->p, &m->curve, &o, m->r->mem, &m->r->err));
	OK(m->r, bp_saxs_eval(&res, NULL, NULL, s, 1, m->x, m->by_place, m->r->mem, &m->r->err));
	assert_int_equal(res.fit.n_par, (int)WANT("n_par"));
	if (chi2 < 1e4 || exact)
		NEAR(res.fit.chi2, chi2, exact ? 1e-6 : how->chi2 + 1e-6, chi2);
	NEAR(res.fit.c1, WANT("c1"), exact ? 1e-3 : 1e-2, 1);
	NEAR(res.fit.c2, WANT("c2"), exact ? 1e-3 : 1e-2, 1);
	print_message(", c2 %.5f (%.5f)\n", res.fit.c2, WANT("c2"));
	assert_true(!exact || res.fit.chi2 <= chi2 * (1 + 1e-12));
#undef WANT
}

static void
fitted(void **state)
{
	(void)state;
	for (int i = 0; i < COUNT(names); i++)
		for (int j = 0; j < COUNT(methods); j++) {
			struct molecule m;
			if (!load(&m, names[i], methods[j].variant))
				continue;
			for (int c = 0; c < COUNT(fits) && m.n <= methods[j].most; c++)
				if (methods[j].quick || c >= 4) /* hydration is what it is all for */
					fit_of(&m, &methods[j], &fits[c]);
			unload(&m);
		}
}

/* all four gradient methods of a small structure agree, for several samples at once, each with its own energy */
static void
gradient_methods(void **state)
{
	static const char *const variants[] = { "original", "optimized" };
	enum { N = 20, B = 2 };

	(void)state;
	for (int v = 0; v < 2; v++) {
		struct bp_saxs_opt o = BP_SAXS_INIT;
		double g[4][B * 3 * 298], x[B * 3 * 298], off;
		struct bp_saxs_result res[4][B];
		uint8_t mask[298] = { 0 };
		struct bp_saxs *s;
		struct molecule m;
		assert_true(load(&m, "rna14", variants[v]));
		for (int i = 0; i < N; i++)
			mask[14 * i] = 1;
		for (int i = 0; i < B * 3 * m.n; i++)
			x[i] = (i < 3 * m.n ? 1 : 1.1) * m.x[i % (3 * m.n)];
		OK(m.r, bp_particle_new(&m.p, m.n, m.z, m.n_h, mask, m.r->mem, &m.r->err));
		assert_int_equal(m.p->n, N);
		o.epsilon = 1e-3;
		for (int k = 0; k < 4; k++) {
			o.gradient = (enum bp_saxs_gradient)k;
			OK(m.r, bp_saxs_open(&s, m.cx, m.p, &m.curve, &o, m.r->mem, &m.r->err));
			OK(m.r, bp_saxs_eval(res[k], g[k], NULL, s, B, x, NULL, m.r->mem, &m.r->err));
			for (int b = 0; b < B; b++)
				NEAR(res[k][b].energy, res[0][b].energy, 0, 1);
			for (int i = 0; i < B * 3 * m.n; i++)
				if (!mask[i / 3 % m.n])
					assert_true(g[k][i] == 0);
		}
		assert_true(res[0][0].energy != res[0][1].energy);
		off = relative(g[1], g[0], B * 3 * m.n);
		print_message("%s: finite differences off by %.1e, batch %.1e\n", variants[v], off,
		    relative(g[2], g[0], B * 3 * m.n));
		NEAR(off, 0, v ? 1e-2 : 1e-5, 1);
		NEAR(relative(g[2], g[0], B * 3 * m.n), 0, 1e-5, 1);
		for (int i = 0; i < B * 3 * m.n; i++)
			assert_true(g[3][i] == 0);
		unload(&m);
	}
}

/* every atom's gradient of the refitted chi2 against central differences at fixed exposed fractions, default method and
 * variant */
static void
central_differences(void **state)
{
	struct bp_saxs_opt o = BP_SAXS_INIT;
	double g[3 * 298], fd[3 * 298], off;
	struct bp_saxs_result res;
	struct bp_saxs *s;
	struct molecule m;

	(void)state;
	assert_true(load(&m, "rna14", "optimized"));
	o.epsilon = 1e-3;
	for (int h = 0; h < 2; h++) {
		o.method = h ? BP_DEBYE_HISTOGRAM : BP_DEBYE_DIRECT;
		o.gradient = BP_SAXS_ANALYTIC;
		OK(m.r, bp_saxs_open(&s, m.cx, m.p, &m.curve, &o, m.r->mem, &m.r->err));
		OK(m.r, bp_saxs_eval(&res, g, NULL, s, 1, m.x, m.by_place, m.r->mem, &m.r->err));
		o.gradient = BP_SAXS_FINITE_DIFF_BATCH;
		OK(m.r, bp_saxs_open(&s, m.cx, m.p, &m.curve, &o, m.r->mem, &m.r->err));
		OK(m.r, bp_saxs_eval(&res, fd, NULL, s, 1, m.x, m.by_place, m.r->mem, &m.r->err));
		off = relative(fd, g, 3 * m.n);
		print_message("%s: %.1e of the central differences\n", h ? "histogram" : "direct", off);
		NEAR(off, 0, h ? 1e-2 : 1e-4, 1);
	}
	unload(&m);
}

/* conformers given at once are evaluated as if alone, and the bytes do not depend on the threads */
static void
samples_and_threads(void **state)
{
	enum { B = 3 };
	struct bp_saxs_opt o = BP_SAXS_INIT;
	double *x, *g, *one;
	struct bp_saxs_result res[B], alone;
	struct bp_saxs *s;
	struct molecule m;

	(void)state;
	assert_true(load(&m, "lyz", "optimized"));
	x = malloc(9 * (size_t)m.n * B * sizeof *x);
	assert_non_null(x);
	g = x + 3 * (size_t)m.n * B, one = g + 3 * (size_t)m.n * B;
	for (int i = 0; i < 3 * m.n * B; i++)
		x[i] = m.x[i % (3 * m.n)] * (1 + 0.02 * (i / (3 * m.n)));
	OK(m.r, bp_saxs_open(&s, m.cx, m.p, &m.curve, &o, m.r->mem, &m.r->err));
	OK(m.r, bp_saxs_eval(res, g, NULL, s, B, x, NULL, m.r->mem, &m.r->err));
	m.cx->threads = 3;
	OK(m.r, bp_saxs_eval(res, one, NULL, s, B, x, NULL, m.r->mem, &m.r->err));
	assert_memory_equal(g, one, 3 * (size_t)m.n * B * sizeof *g);
	for (int b = 0; b < B; b++) {
		OK(m.r, bp_saxs_eval(&alone, one, NULL, s, 1, x + 3 * b * m.n, NULL, m.r->mem, &m.r->err));
		NEAR(alone.energy, res[b].energy, 1e-9, alone.energy);
		NEAR(relative(one, g + 3 * b * m.n, 3 * m.n), 0, 1e-6, 1);
	}
	free(x);
	unload(&m);
}

#define STRANGE 5
/* what must be an error, and what must be the right number */
static void
extremes(void **state)
{
	static double q[50], y[50], sg[50];
	static const int32_t z[STRANGE] = { 6, 6, 8, 7, 1 }, h[STRANGE] = { 0, 0, 1, 2, 0 }, bad_z[1] = { 0 },
	                     bad_h[1] = { -1 }, hydrogen[1] = { 1 };
	double x[3 * STRANGE] = { 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 4, 0, 9, 9, 9 }, g[3 * STRANGE], calc[50], first = 0;
	struct bp_curve c = { .path = "made", .n = 50, .q = q, .i = y, .sigma = sg };
	struct bp_saxs_opt o = BP_SAXS_INIT;
	struct ref *r = ref_open("none");
	struct bp_saxs_result res;
	struct bp_particle *p;
	struct bp_saxs *s;
	struct bp_ctx *cx;

	(void)state;
	OK(r, bp_ctx_open(&cx, "cpu", "optimized", NULL, 0, NULL, 1, 0, &r->err));
	assert_int_equal(bp_particle_new(&p, 1, bad_z, NULL, NULL, r->mem, &r->err), BP_EINPUT);
	assert_int_equal(bp_particle_new(&p, 1, z, bad_h, NULL, r->mem, &r->err), BP_EINPUT);
	assert_int_equal(bp_particle_new(&p, 1, hydrogen, NULL, NULL, r->mem, &r->err), BP_EINPUT);
	assert_int_equal(bp_particle_new(&p, 0, NULL, NULL, NULL, r->mem, &r->err), BP_EINPUT);
	OK(r, bp_particle_new(&p, STRANGE, z, h, NULL, r->mem, &r->err));
	assert_int_equal(p->n, 4); /* the hydrogen is left out */
	for (enum bp_debye_method how = BP_DEBYE_DIRECT; how <= BP_DEBYE_QUADRATURE; how++) {
		o.method = how;
		for (double scale = 1; scale > 1e-13;
		     scale *= 1e-12) { /* the same energy whatever the curve's scale; atoms 0 and 1 coincide */
			for (int k = 0; k < 50; k++)
				q[k] = 0.01 * (k + 1), y[k] = scale * (1 + 20 * exp(-9 * q[k] * q[k])),
				sg[k] = 0.01 * scale;
			OK(r, bp_saxs_open(&s, cx, p, &c, &o, r->mem, &r->err));
			OK(r, bp_saxs_eval(&res, g, NULL, s, 1, x, NULL, r->mem, &r->err));
			balance(g, x, 4,
			    how == BP_DEBYE_QUADRATURE ? 3e-3 : 1e-5); /* its directions suit I, not one atom's share */
			if (scale == 1)
				first = res.energy;
			NEAR(res.energy, first, 1e-6, first);
			assert_true(g[12] == 0 && g[13] == 0 && g[14] == 0);
		}
		for (int k = 0; k < 50; k++) /* a flat curve: all offset, no scale, nothing to gain */
			y[k] = 3, sg[k] = 0.1;
		OK(r, bp_saxs_open(&s, cx, p, &c, &o, r->mem, &r->err));
		OK(r, bp_saxs_eval(&res, g, NULL, s, 1, x, NULL, r->mem, &r->err));
		NEAR(res.fit.chi2, 0, 1e-20, 1);
		NEAR(res.fit.offset, 3, 1e-12, 1);
		for (int k = 0; k < 50; k++) /* rising: the best scale is negative and becomes 0 */
			y[k] = k + 1;
		o.fit.level = BP_SAXS_VACUUM;
		OK(r, bp_saxs_open(&s, cx, p, &c, &o, r->mem, &r->err));
		o.fit.level = BP_SAXS_HYDRATION;
		OK(r, bp_saxs_eval(&res, g, NULL, s, 1, x, NULL, r->mem, &r->err));
		assert_true(res.fit.inverted && res.fit.scale == 0 && g[0] == 0);
		NEAR(res.fit.offset, 25.5, 1e-12, 1);
		x[4] = NAN;
		assert_int_equal(bp_saxs_eval(&res, g, NULL, s, 1, x, NULL, r->mem, &r->err), BP_ENUM);
		x[4] = INFINITY;
		assert_int_equal(bp_saxs_eval(&res, g, NULL, s, 1, x, NULL, r->mem, &r->err), BP_ENUM);
		x[4] = 0;
	}
	o.method = BP_DEBYE_HISTOGRAM;
	OK(r, bp_saxs_open(&s, cx, p, &c, &o, r->mem, &r->err));
	x[0] = 1e9;
	assert_int_equal(bp_saxs_eval(&res, g, NULL, s, 1, x, NULL, r->mem, &r->err), BP_ENUM);
	/* one atom: its own factor squared */
	o = (struct bp_saxs_opt)BP_SAXS_INIT;
	o.fit.level = BP_SAXS_VACUUM;
	OK(r, bp_particle_new(&p, 1, z, NULL, NULL, r->mem, &r->err));
	OK(r, bp_saxs_open(&s, cx, p, &c, &o, r->mem, &r->err));
	OK(r, bp_saxs_eval(&res, g, calc, s, 1, x, NULL, r->mem, &r->err));
	NEAR(calc[0], bp_saxs_debye(s)->v[0] * bp_saxs_debye(s)->v[0], 1e-12, calc[0]);
	assert_true(g[0] == 0 && g[1] == 0 && g[2] == 0);
	sg[3] = 1e-200;
	assert_int_equal(bp_saxs_open(&s, cx, p, &c, &o, r->mem, &r->err), BP_ENUM);
	bp_ctx_close(cx);
	ref_close(r);
}

/* the grid gives sincs of all distances, and its transposed the same products */
static void
coarse_grid(void **state)
{
	enum { NQ = 90, MOST = 64 };
	const double D = 60, step = bp_grid_step(D);
	const int n = bp_grid_points(step, 0.3);
	static double q[NQ], S[MOST], at_q[NQ], E[NQ], g[NQ], to[3 * MOST];
	struct bp_arena *mem;
	struct bp_ctx *cx;

	(void)state;
	assert_int_equal(bp_arena_open(&mem, 0, NULL), BP_OK);
	assert_int_equal(bp_ctx_open(&cx, "cpu", "optimized", NULL, 0, "fp32", 1, 0, NULL), BP_OK);
	assert_true(n <= MOST && step <= 0.4 / (D + 2.2));
	for (int k = 0; k < NQ; k++)
		q[k] = 0.3 * (k * 37 % NQ) / (NQ - 1), E[k] = cos(5.0 * k), g[k] = 1 + 0.1 * sin(k);
	assert_int_equal(BP_OP(cx, grid_spread, .b = 1, .n = n, .nq = NQ, .step = step, .q = q, .E = E, .g = g, .out = to), BP_OK);
	for (double r = 0.05; r <= D; r += 0.61) {
		double here[3] = { 0 }, there[3] = { 0 };
		for (int i = 0; i < n; i++)
			S[i] = i ? sin(i * step * r) / (i * step * r) : 1;
		assert_int_equal(BP_OP(cx, grid_read, .rows = 1, .n = n, .nq = NQ, .step = step, .q = q, .on_grid = S, .out = at_q), BP_OK);
		for (int k = 0; k < NQ; k++) {
			double x = q[k] * r;
			assert_true(fabs(at_q[k] - (x > 0 ? sin(x) / x : 1)) <= 1e-7);
			here[0] += E[k] * at_q[k], here[1] += E[k] * g[k] * at_q[k], here[2] += E[k] * g[k] * g[k] * at_q[k];
		}
		for (int i = 0; i < 3 * n; i++)
			there[i / n] += to[i] * S[i % n];
		for (int i = 0; i < 3; i++)
			assert_true(fabs(here[i] - there[i]) <= 1e-12 * NQ);
	}
	bp_ctx_close(cx);
	bp_arena_close(mem);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(coarse_grid),
		cmocka_unit_test(profiles),
		cmocka_unit_test(exposed),
		cmocka_unit_test(fitted),
		cmocka_unit_test(gradient_methods),
		cmocka_unit_test(central_differences),
		cmocka_unit_test(samples_and_threads),
		cmocka_unit_test(extremes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
