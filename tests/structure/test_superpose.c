/* superposition, the pairing of atoms, and boltzpipe rmsd's sum of both */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "structure/superpose.h"

static struct bp_arena *mem;
static struct bp_err err;

static int
setup(void **state)
{
	(void)state;
	return bp_arena_open(&mem, 0, &err);
}

static int
teardown(void **state)
{
	(void)state;
	bp_arena_close(mem);
	return 0;
}

static double
uniform(uint64_t *seed) /* in [-1, 1) */
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (double)(*seed >> 11) / 4503599627370496.0 - 1;
}

/* rotation by the unit quaternion along four random numbers */
static void
random_rotation(double r[3][3], uint64_t *seed)
{
	double q[4], n = 0;

	for (int k = 0; k < 4; k++) {
		q[k] = uniform(seed);
		n += q[k] * q[k];
	}
	for (int k = 0; k < 4; k++)
		q[k] /= sqrt(n);
	for (int i = 0; i < 3; i++) {
		int j = (i + 1) % 3, k = (i + 2) % 3;
		r[i][i] = 1 - 2 * (q[1 + j] * q[1 + j] + q[1 + k] * q[1 + k]);
		r[i][j] = 2 * (q[1 + i] * q[1 + j] - q[0] * q[1 + k]);
		r[j][i] = 2 * (q[1 + i] * q[1 + j] + q[0] * q[1 + k]);
	}
}

static double
determinant(double r[3][3])
{
	return r[0][0] * (r[1][1] * r[2][2] - r[1][2] * r[2][1]) - r[0][1] * (r[1][0] * r[2][2] - r[1][2] * r[2][0])
	    + r[0][2] * (r[1][0] * r[2][1] - r[1][1] * r[2][0]);
}

/* RMSD after a given motion */
static double
rmsd_of(const struct bp_rigid *m, const double (*x)[3], const double (*y)[3], int n)
{
	double sum = 0;

	for (int i = 0; i < n; i++)
		for (int k = 0; k < 3; k++) {
			double d = m->r[k][0] * x[i][0] + m->r[k][1] * x[i][1] + m->r[k][2] * x[i][2] + m->t[k] - y[i][k];
			sum += d * d;
		}
	return sqrt(sum / n);
}

/* what was moved rigidly is found again, points on a line or a plane included */
static void
rigid(void **state)
{
	uint64_t seed = 42;

	(void)state;
	for (int trial = 0; trial < 300; trial++) {
		int n = 1 + trial % 17, dims = 1 + trial % 3;
		double x[17][3] = { { 0 } }, y[17][3], r[3][3], rmsd;
		struct bp_rigid m;

		random_rotation(r, &seed);
		for (int i = 0; i < n; i++) {
			for (int k = 0; k < dims; k++)
				x[i][k] = 50 * uniform(&seed);
			for (int k = 0; k < 3; k++)
				y[i][k] = r[k][0] * x[i][0] + r[k][1] * x[i][1] + r[k][2] * x[i][2] + 100 * (k + 1);
		}
		assert_int_equal(bp_superpose(&m, &rmsd, (const double(*)[3])x, (const double(*)[3])y, n, &err), BP_OK);
		assert_true(rmsd <= 1e-9);
		assert_true(fabs(determinant(m.r) - 1) <= 1e-12);
		if (dims == 3 && n > 3)
			for (int i = 0; i < 9; i++)
				assert_true(fabs(m.r[i / 3][i % 3] - r[i / 3][i % 3]) <= 1e-9);
	}
}

/* with noise or a mirror image: no small motion from the minimum gives less */
static void
minimum(void **state)
{
	uint64_t seed = 7;

	(void)state;
	for (int trial = 0; trial < 100; trial++) {
		enum { N = 12 };
		double x[N][3], y[N][3], rmsd;
		struct bp_rigid m;

		for (int i = 0; i < N; i++)
			for (int k = 0; k < 3; k++) {
				x[i][k] = 10 * uniform(&seed);
				y[i][k] = (trial % 2 && k == 0 ? -1 : 1) * x[i][k] + uniform(&seed);
			}
		assert_int_equal(bp_superpose(&m, &rmsd, (const double(*)[3])x, (const double(*)[3])y, N, &err), BP_OK);
		assert_true(fabs(determinant(m.r) - 1) <= 1e-12);
		assert_true(fabs(rmsd_of(&m, (const double(*)[3])x, (const double(*)[3])y, N) - rmsd) <= 1e-12);
		assert_true(rmsd > 0.1);
		for (int axis = 0; axis < 3; axis++)
			for (int sign = -1; sign <= 1; sign += 2) {
				struct bp_rigid near = m;
				double a = 1e-3 * sign, c = cos(a), s = sin(a);
				int p = (axis + 1) % 3, q = (axis + 2) % 3;

				for (int k = 0; k < 3; k++) {
					near.r[p][k] = c * m.r[p][k] - s * m.r[q][k];
					near.r[q][k] = s * m.r[p][k] + c * m.r[q][k];
				}
				near.t[p] = c * m.t[p] - s * m.t[q];
				near.t[q] = s * m.t[p] + c * m.t[q];
				assert_true(rmsd_of(&near, (const double(*)[3])x, (const double(*)[3])y, N) >= rmsd);
				near = m;
				near.t[axis] += a;
				assert_true(rmsd_of(&near, (const double(*)[3])x, (const double(*)[3])y, N) >= rmsd);
			}
	}
}

static void
refused(void **state)
{
	double x[2][3] = { { 0 } }, y[2][3] = { { 1, NAN, 0 } }, rmsd;
	struct bp_rigid m;

	(void)state;
	assert_int_equal(bp_superpose(&m, &rmsd, (const double(*)[3])x, (const double(*)[3])x, 0, &err), BP_EINPUT);
	assert_int_equal(bp_superpose(&m, &rmsd, (const double(*)[3])x, (const double(*)[3])y, 2, &err), BP_ENUM);
	assert_int_equal(bp_superpose(&m, &rmsd, (const double(*)[3])x, (const double(*)[3])x, 2, &err), BP_OK);
	assert_true(rmsd == 0); /* all points in one place */
}

static void
pairs(void **state)
{
	static const char a_pdb[] = "ATOM      1  N   ALA A   1       0.000   0.000   0.000  1.00  0.00           N\n"
				    "ATOM      2  H   ALA A   1       0.000   9.000   0.000  1.00  0.00           H\n"
				    "ATOM      3  CA  ALA A   1       1.500   0.000   0.000  1.00  0.00           C\n"
				    "ATOM      4  C   ALA A   1       2.000   1.400   0.000  1.00  0.00           C\n"
				    "ATOM      5  O   ALA A   1       1.200   2.300   0.700  1.00  0.00           O\n"
				    "ATOM      6  N   ALA B   1       5.000   2.300   0.700  1.00  0.00           N\n"
				    "MODEL        2\n"
				    "ATOM      1  N   ALA A   2       0.000   0.000   0.000  1.00  0.00           N\n";
	/* the same turned about z by 90 degrees, in another order, without O, and with a residue more */
	static const char b_pdb[] = "ATOM      1  C   ALA A   1      -1.400   2.000   7.000  1.00  0.00           C\n"
				    "ATOM      2  N   ALA A   1       0.000   0.000   7.000  1.00  0.00           N\n"
				    "ATOM      3  CA  ALA A   1       0.000   1.500   7.000  1.00  0.00           C\n"
				    "ATOM      4  N   ALA A   2       3.000   1.500   7.000  1.00  0.00           N\n";
	struct bp_site_pair *p;
	struct bp_sites *a, *b;
	struct bp_rmsd r;
	int n;

	(void)state;
	assert_int_equal(bp_sites_read_mem(&a, a_pdb, sizeof a_pdb - 1, "a", BP_ALT_FIRST, mem, &err), BP_OK);
	assert_int_equal(bp_sites_read_mem(&b, b_pdb, sizeof b_pdb - 1, "b", BP_ALT_FIRST, mem, &err), BP_OK);
	assert_int_equal(bp_sites_pair(&p, &n, a, b, mem, &err), BP_OK);
	assert_int_equal(n, 3);
	assert_true(p[0].a == 0 && p[0].b == 1 && p[1].a == 2 && p[1].b == 2 && p[2].a == 3 && p[2].b == 0);
	assert_int_equal(bp_sites_rmsd(&r, a, b, mem, &err), BP_OK);
	assert_true(r.rmsd <= 1e-9);
	assert_int_equal(r.paired, 3);
	assert_int_equal(r.heavy_a, 5);
	assert_int_equal(r.heavy_b, 4);
	b->n = 2;
	assert_int_equal(bp_sites_rmsd(&r, a, b, mem, &err), BP_EINPUT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rigid),
		cmocka_unit_test(minimum),
		cmocka_unit_test(refused),
		cmocka_unit_test(pairs),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
