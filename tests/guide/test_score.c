/* test_score: what guide-saxs says beside chi2: runs of residuals, P(r), mixtures, and scores of structures made here
 */
#include "ref.h"

#include "guide/nnls.h"
#include "guide/pr.h"
#include "guide/score.h"
#include "guide/tables.h"
#include "ops/ops.h"

/* a fixed sequence, the same everywhere */
static double
uniform(uint64_t *s)
{
	*s = *s * 6364136223846793005u + 1442695040888963407u;
	return (double)(*s >> 11) / 9007199254740992.0;
}

/* share of the 2^n sequences of tosses whose longest run of one side is at least r */
static double
counted(int n, int r)
{
	int found = 0;

	for (unsigned bits = 0; bits < 1u << n; bits++) {
		int run = 1, most = 1;
		for (int k = 1; k < n; k++) {
			run = (bits >> k & 1) == (bits >> (k - 1) & 1) ? run + 1 : 1;
			most = run > most ? run : most;
		}
		found += most >= r;
	}
	return (double)found / (double)(1u << n);
}

static void
cormap(void **state)
{
	static const double r[] = { 1, 2, 3, -1, -2, 0, -1, -2, -3, -4, 5 };
	struct bp_cormap c;

	(void)state;
	for (int n = 1; n <= 14; n++)
		for (int run = 0; run <= n + 1; run++)
			NEAR(bp_cormap_p(n, run), run > n ? 0 : counted(n, run), 1e-14, 1);
	bp_cormap(&c, r, COUNT(r));
	assert_int_equal(c.run, 4);
	NEAR(c.p, counted(11, 4), 1e-14, 1);
	NEAR(bp_cormap_p(1000, 1000), 2 * pow(2, -1000), 1e-9, 2 * pow(2, -1000)); /* all heads or all tails */
	NEAR(bp_cormap_p(1000, 40), 961.0 / 2 * pow(2, -39) + pow(2, -39) / 2, 1e-6,
	    960 * pow(2, -40)); /* rare: their sum */
	NEAR(bp_cormap_p(1000000, 5), 1, 1e-12, 1);
	bp_cormap(&c, r, 0);
	assert_int_equal(c.run, 0);
}

static void
distances(void **state)
{
	static const double x[] = { 0, 0, 0, 3, 0, 0, 0, 4, 0 }, w[] = { 1, 2, 3 };
	double p[14];

	(void)state;
	NEAR(bp_dmax(x, 3), 5, 1e-14, 1);
	NEAR(bp_dmax(x, 1), 0, 0, 1);
	bp_pr(p, 14, 0.5, x, w, 3); /* 3 A: 2, 4 A: 3, 5 A: 6 */
	NEAR(p[6] / p[8], 2.0 / 3, 1e-14, 1);
	NEAR(p[10] / p[8], 2, 1e-14, 1);
	NEAR((p[6] + p[8] + p[10]) * 0.5, 1, 1e-14, 1);
	bp_pr(p, 14, 0.4, x, NULL, 3); /* 3 A lies halfway */
	NEAR(p[7], p[8], 1e-12, p[8]);
}

/* random problems: the answer meets Kuhn and Tucker's conditions, and no feasible point nearby is better */
static void
least_squares(void **state)
{
	enum { M = 30, N = 12 };
	struct ref *r = ref_open("none");
	uint64_t seed = 7;

	(void)state;
	for (int trial = 0; trial < 200; trial++) {
		double A[N * M], y[M], x[N], left[M];
		for (int i = 0; i < N * M; i++)
			A[i] = uniform(&seed) - (trial % 3 == 0 ? 0.5 : 0);
		for (int i = 0; i < M; i++)
			y[i] = uniform(&seed) - (trial % 2 ? 0.5 : 0);
		if (trial % 5 == 0) /* two equal columns */
			memcpy(A + 3 * M, A + 7 * M, M * sizeof *A);
		OK(r, bp_nnls(x, A, y, M, N, r->mem, &r->err));
		memcpy(left, y, sizeof y);
		for (int j = 0; j < N; j++)
			for (int i = 0; i < M; i++)
				left[i] -= x[j] * A[j * M + i];
		for (int j = 0; j < N; j++) {
			double slope = 0;
			for (int i = 0; i < M; i++)
				slope += A[j * M + i] * left[i];
			if (!(x[j] >= 0) || !(slope <= 1e-10) || !(x[j] == 0 || fabs(slope) <= 1e-10))
				fail_msg("trial %d: x[%d] = %g, slope %g", trial, j, x[j], slope);
		}
	}
	ref_close(r);
}

/* ---- structures made here ---- */

enum { ATOMS = 60, POINTS = 40 };
struct made {
	double x[3 * ATOMS];
	int32_t z[ATOMS], n_h[ATOMS];
	uint8_t mask[ATOMS];
	double q[POINTS], y[POINTS], sigma[POINTS];
};

/* atoms in an ellipsoid, no two nearer than 1.3 A */
static void
make(struct made *m, uint64_t seed, double stretch)
{
	static const int kinds[][2]
	    = { { 6, 0 }, { 6, 1 }, { 6, 2 }, { 7, 1 }, { 8, 0 }, { 16, 0 }, { 30, 0 }, { 34, 0 } };

	for (int i = 0; i < ATOMS; i++) {
		double *x = m->x + 3 * i, near;
		do {
			double r2 = 0;
			for (int d = 0; d < 3; d++)
				x[d] = 12 * (uniform(&seed) - 0.5), r2 += x[d] * x[d];
			x[0] *= stretch;
			near = r2 > 36 ? 0 : 9;
			for (int k = 0; k < i; k++) {
				double d2 = 0;
				for (int d = 0; d < 3; d++)
					d2 += (x[d] - m->x[3 * k + d]) * (x[d] - m->x[3 * k + d]);
				near = fmin(near, d2);
			}
		} while (near < 1.3 * 1.3);
		int kind = (int)(uniform(&seed) * 8);
		m->z[i] = kinds[kind][0], m->n_h[i] = kinds[kind][1], m->mask[i] = i % 7 != 3;
	}
	for (int k = 0; k < POINTS; k++)
		m->q[k] = 0.02 + 0.012 * k;
}

/* by brute force, from the formulas: the curve of m at c2, c1 = 1 */
static void
brute(double *I, const struct made *m, double c2)
{
	double a[ATOMS] = { 0 }, R[ATOMS];

	for (int i = 0; i < ATOMS; i++)
		R[i] = cbrt(3 * bp_group_volume(m->z[i], m->n_h[i]) / (4 * M_PI)) + 1.8;
	for (int i = 0; i < ATOMS; i++)
		for (int p = 0; p < 256; p++) {
			double z = 1 - (2 * p + 1) / 256.0, phi = p * M_PI * (3 - sqrt(5)), s = sqrt(1 - z * z);
			double u[3] = { s * cos(phi), s * sin(phi), z };
			bool free = true;
			for (int j = 0; j < ATOMS; j++) {
				double d2 = 0;
				for (int d = 0; d < 3; d++)
					d2 += pow(m->x[3 * i + d] + R[i] * u[d] - m->x[3 * j + d], 2);
				free = free && (j == i || !m->mask[j] || d2 >= R[j] * R[j]);
			}
			a[i] += free / 256.0;
		}
	for (int k = 0; k < POINTS; k++) {
		double f[ATOMS], q = m->q[k];
		I[k] = 0;
		for (int i = 0; i < ATOMS; i++)
			f[i] = m->mask[i] ? bp_f_vacuum(m->z[i], m->n_h[i], q) - bp_f_solvent(m->z[i], m->n_h[i], q)
			        + c2 * a[i] * bp_f_water(q)
			                  : 0;
		for (int i = 0; i < ATOMS; i++)
			for (int j = 0; j < ATOMS; j++) {
				double r = 0;
				for (int d = 0; d < 3; d++)
					r += pow(m->x[3 * i + d] - m->x[3 * j + d], 2);
				r = q * sqrt(r);
				I[k] += f[i] * f[j] * (r > 0 ? sin(r) / r : 1);
			}
	}
}

static struct bp_scorer *
scorer(struct ref *r, struct bp_ctx *cx, const struct made *m, const char *method, bool fit_c2)
{
	struct bp_guide_params p;
	char name[] = "/tmp/bp_curve_XXXXXX";
	int fd = mkstemp(name);
	FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
	struct bp_scorer *s;

	assert_non_null(f);
	for (int k = 0; k < POINTS; k++)
		fprintf(f, "%.17g %.17g %.17g\n", m->q[k], m->y[k], m->sigma[k]);
	fclose(f);
	bp_guide_defaults(&p, BP_SCORE_SAXS);
	p.experimental_data = name, p.method = method, p.fit_c2 = fit_c2, p.c2 = 0.7;
	OK(r, bp_score_open(&s, cx, &p, false, r->mem, &r->err));
	remove(name);
	return s;
}

/* the true curve, scaled, shifted and tilted by noise: chi2, scale and offset as worked out here */
static void
made_structures(void **state)
{
	static const struct {
		const char *variant, *method;
		double tol;
	} ways[] = { { "original", "direct", 1e-9 }, { "optimized", "direct", 2e-4 }, { "original", "histogram", 2e-3 },
		{ "optimized", "histogram", 2e-3 }, { "optimized", "quadrature", 2e-3 } };

	(void)state;
	for (int w = 0; w < COUNT(ways); w++)
		for (uint64_t seed = 1; seed < 4; seed++) {
			struct ref *r = ref_open("none");
			struct bp_ctx *cx;
			struct made m;
			struct bp_score score;
			struct bp_scorer *s;
			double I[POINTS], fitted[POINTS], sw = 0, sI = 0, sy = 0, sIy = 0, sII = 0, a, b, chi2 = 0;
			uint64_t noise = seed + 99;

			make(&m, seed, (double)seed);
			brute(I, &m, 0.7);
			for (int k = 0; k < POINTS; k++) {
				m.sigma[k] = 1e-9
				    * (0.02 * I[k] + 1e-3 * I[0]); /* intensities as small as some files have them */
				m.y[k] = 1e-9 * (I[k] + 5) + m.sigma[k] * (4 * uniform(&noise) - 2);
			}
			for (int k = 0; k < POINTS; k++)
				sw += pow(m.sigma[k], -2), sI += I[k] * pow(m.sigma[k], -2),
				    sy += m.y[k] * pow(m.sigma[k], -2);
			for (int k = 0; k < POINTS; k++) {
				sIy += (I[k] - sI / sw) * (m.y[k] - sy / sw) * pow(m.sigma[k], -2);
				sII += pow(I[k] - sI / sw, 2) * pow(m.sigma[k], -2);
			}
			a = sIy / sII, b = (sy - a * sI) / sw;
			for (int k = 0; k < POINTS; k++)
				chi2 += pow((m.y[k] - a * I[k] - b) / m.sigma[k], 2);
			OK(r, bp_ctx_open(&cx, "cpu", ways[w].variant, NULL, 0, NULL, 1, 0, &r->err));
			s = scorer(r, cx, &m, ways[w].method, false);
			struct bp_atoms atoms
			    = { .n = ATOMS, .z = m.z, .n_h = m.n_h, .mask = m.mask, .samples = 1, .x = m.x };
			OK(r, bp_score_atoms(&score, fitted, s, &atoms, r->mem, &r->err));
			NEAR(score.fit.chi2, chi2, ways[w].tol, chi2);
			NEAR(score.fit.chi2_reduced, chi2 / (POINTS - 2), ways[w].tol, chi2 / (POINTS - 2));
			NEAR(score.fit.scale, a, ways[w].tol, a);
			for (int k = 0; k < POINTS; k++)
				NEAR(fitted[k], a * I[k] + b, ways[w].tol, fabs(a * I[0]));
			assert_true(score.rg_atoms > 4 && score.dmax > 2 * score.rg_atoms);
			bp_score_close(s);
			bp_ctx_close(cx);
			ref_close(r);
		}
}

/* the curve of 30 % of one and 70 % of another structure, among three others: the weights come back */
static void
mixtures(void **state)
{
	enum { MODELS = 5 };
	static const double share[MODELS] = { 0, 0.3, 0, 0.7, 0 };
	struct ref *r = ref_open("none");
	struct made m[MODELS];
	double P[MODELS * BP_PROFILES * POINTS], volume[MODELS], weights[MODELS], fitted[POINTS];
	struct bp_ensemble e;
	struct bp_ctx *cx;
	struct bp_scorer *s;

	(void)state;
	OK(r, bp_ctx_open(&cx, "cpu", "original", NULL, 0, NULL, 1, 0, &r->err));
	for (int i = 0; i < MODELS; i++) {
		double I[POINTS];
		make(&m[i], 20 + (uint64_t)i, 1 + 0.5 * i);
		memcpy(m[i].z, m[0].z, sizeof m->z);
		memcpy(m[i].n_h, m[0].n_h, sizeof m->n_h);
		brute(I, &m[i], 1.3);
		for (int k = 0; k < POINTS; k++)
			m[0].y[k] = (i ? m[0].y[k] : 3) + 2 * share[i] * I[k], m[0].sigma[k] = 0.01 * I[k] + 1;
	}
	s = scorer(r, cx, &m[0], "direct", true);
	for (int i = 0; i < MODELS; i++) {
		struct bp_atoms atoms
		    = { .n = ATOMS, .z = m[i].z, .n_h = m[i].n_h, .mask = m[i].mask, .samples = 1, .x = m[i].x };
		struct bp_score score;
		double exposed[ATOMS];
		OK(r, bp_score_atoms(&score, NULL, s, &atoms, r->mem, &r->err));
		OK(r, bp_saxs_expose(exposed, s->saxs, 1, m[i].x, r->mem, &r->err));
		OK(r, bp_saxs_profiles(P + i * BP_PROFILES * POINTS, s->saxs, m[i].x, exposed));
		volume[i] = s->particle->mean_volume;
	}
	OK(r, bp_ensemble_fit(&e, weights, fitted, P, volume, MODELS, s->curve, &s->o.fit, r->mem, &r->err));
	for (int i = 0; i < MODELS; i++)
		NEAR(weights[i], share[i], 1e-3, 1);
	NEAR(e.fit.c2, 1.3, 1e-3, 1);
	NEAR(e.fit.scale, 2, 1e-3, 1);
	NEAR(e.fit.offset, 3, 1e-2, 1);
	NEAR(e.fit.chi2, 0, 1e-6, 1);
	bp_score_close(s);
	bp_ctx_close(cx);
	ref_close(r);
}

/* sums and forces by way of the coarser grid of q: as without it, to the bound in grid.h, and whatever conformer is
 * beside */
static void
inner_grid(void **state)
{
	enum { NQ = 500 };
	struct ref *r = ref_open("none");
	struct made m, other;
	struct bp_particle *p;
	struct bp_debye *d;
	struct bp_ctx *cx;
	static double q[NQ], P[3][2 * BP_PROFILES * NQ], g[3][2 * 3 * ATOMS], E[2 * NQ], solvent[2 * NQ],
	    x[2 * 3 * ATOMS];
	static const double c2[2] = { 0 };
	double radius = 0, r1, most = 0, off = 0, force = 0;
	uint64_t seed = 3;

	(void)state;
	make(&m, 5, 3);
	make(&other, 6, 6); /* longer, so that both together have other bins */
	for (int k = 0; k < NQ; k++)
		q[k] = 0.001 * (k + 1);
	OK(r, bp_ctx_open(&cx, "cpu", "optimized", NULL, 0, NULL, 1, 0, &r->err));
	OK(r, bp_particle_new(&p, ATOMS, m.z, m.n_h, m.mask, r->mem, &r->err));
	OK(r, bp_debye_open(&d, cx, p, q, NQ, BP_DEBYE_HISTOGRAM, r->mem, &r->err));
	OK(r, bp_particle_centre(x, &radius, p, m.x, &r->err));
	OK(r, bp_particle_centre(x + 3 * p->n, &r1, p, other.x, &r->err));
	assert_true(d->inner);
	for (size_t i = 0; i < 2 * NQ; i++)
		E[i] = uniform(&seed) - 0.5, solvent[i] = 1;
	for (int way = 0; way < 3; way++) { /* with the grid, without, with it and the other conformer */
		int own[2];
		struct bp_conformers c = { way == 2 ? 2 : 1, x, NULL, fmax(radius, r1), 0, own };
		d->inner = way != 1;
		OK(r, bp_debye_profiles(P[way], d, &c));
		OK(r, bp_debye_forces(g[way], d, &c, E, solvent, c2));
	}
	for (int i = 0; i < BP_P_VW * NQ; i++) {
		most = fmax(most, fabs(P[1][i]));
		off = fmax(off, fabs(P[0][i] - P[1][i]));
		assert_true(P[0][i] == P[2][i]);
	}
	if (!(off <= 1e-6 * most) || !(off > 0)) /* 0: the grid was not used */
		fail_msg("profiles of up to %g are off by %g", most, off);
	for (int i = 0; i < 3 * p->n; i++)
		force = fmax(force, fabs(g[1][i]));
	for (int i = 0; i < 3 * p->n; i++) {
		NEAR(g[0][i], g[1][i], 1e-5, force);
		NEAR(g[0][i], g[2][i], 1e-6, force);
	}
	bp_ctx_close(cx);
	ref_close(r);
}

/* a curve of so many points that the amplitudes at each are not kept: where it has a short curve's points, its
 * profiles have the same bits */
static void
long_curve(void **state)
{
	enum { NQ = 500, TIMES = 40 };
	struct ref *r = ref_open("none");
	struct bp_particle *p;
	struct bp_debye *d[2];
	struct bp_ctx *cx;
	struct made m;
	static double q[2][NQ * TIMES], P[2][BP_PROFILES * NQ * TIMES], g[2][3 * ATOMS], E[2][NQ * TIMES], solvent[NQ * TIMES], x[3 * ATOMS];
	static const double a[ATOMS] = { 0.5, 0.25, 1 }, c2 = 1;
	double radius, force = 0;
	uint64_t seed = 3;

	(void)state;
	make(&m, 5, 3);
	for (int k = 0; k < NQ * TIMES; k++)
		q[1][k] = 0.001 * (k + 1) / TIMES, solvent[k] = 1 - 0.1 * q[1][k];
	for (int k = 0; k < NQ; k++) { /* all of the energy is at the points of both */
		q[0][k] = q[1][k * TIMES + TIMES - 1];
		E[0][k] = E[1][k * TIMES + TIMES - 1] = uniform(&seed) - 0.5;
	}
	OK(r, bp_ctx_open(&cx, "cpu", "optimized", NULL, 0, NULL, 1, 0, &r->err));
	OK(r, bp_particle_new(&p, ATOMS, m.z, m.n_h, m.mask, r->mem, &r->err));
	OK(r, bp_particle_centre(x, &radius, p, m.x, &r->err));
	for (int i = 0; i < 2; i++) {
		static double G[NQ];
		struct bp_conformers c = { 1, x, a, radius, 0, NULL };
		OK(r, bp_debye_open(&d[i], cx, p, q[i], i ? NQ * TIMES : NQ, BP_DEBYE_HISTOGRAM, r->mem, &r->err));
		for (int k = 0; k < NQ; k++)
			G[k] = solvent[k * TIMES + TIMES - 1];
		OK(r, bp_debye_profiles(P[i], d[i], &c));
		OK(r, bp_debye_forces(g[i], d[i], &c, E[i], i ? solvent : G, &c2));
	}
	assert_true(d[0]->v && !d[1]->v);
	for (int row = 0; row < BP_PROFILES; row++)
		for (int k = 0; k < NQ; k++)
			assert_true(P[0][row * NQ + k] == P[1][(row * NQ + k) * TIMES + TIMES - 1] && P[0][row * NQ + k] != 0);
	for (int i = 0; i < 3 * p->n; i++)
		force = fmax(force, fabs(g[0][i]));
	assert_true(force > 0);
	for (int i = 0; i < 3 * p->n; i++)
		NEAR(g[0][i], g[1][i], 1e-12, force);
	bp_ctx_close(cx);
	ref_close(r);
}

int
main(void)
{
	const struct CMUnitTest tests[]
	    = { cmocka_unit_test(cormap), cmocka_unit_test(distances), cmocka_unit_test(least_squares),
		      cmocka_unit_test(made_structures), cmocka_unit_test(mixtures), cmocka_unit_test(inner_grid), cmocka_unit_test(long_curve) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
