/* tests/model/test_refine.c: refinement: which atoms of a file are the target's, where the others start, what is
 * selected, and the noise that the sampler gives to each. */
#include "stage.h"

#include <unistd.h>

#include "model/diffuse.h"
#include "structure/select.h"

enum { NAME = 160 };

static const char *
temporary(char buf[NAME], const char *what)
{
	const char *dir = getenv("TMPDIR");

	snprintf(buf, NAME, "%s/boltzpipe-%d-%s", dir && *dir ? dir : "/tmp", (int)getpid(), what);
	return buf;
}

/* a target of stored features, with made-up positions: atom i at 3 sin(i), 2 i / 10, 3 cos(i) from (40, -20, 7) */
struct fix {
	struct bp_err err;
	struct bp_arena *mem;
	struct bp_rec *rec;
	struct bp_structure *s;
	float *x; /* [s->nplaces,3] */
	char path[NAME];
};

static void
place(float *x, int i)
{
	x[0] = (float)(40 + 3 * sin(i));
	x[1] = (float)(-20 + i / 5.0);
	x[2] = (float)(7 + 3 * cos(i));
}

static struct fix
fix_open(const char *name)
{
	struct fix x = { 0 };
	struct bp_tensor *t;

	assert_int_equal(bp_arena_open(&x.mem, 0, &x.err), BP_OK);
	x.rec = golden_features(name, x.mem);
	assert_int_equal(bp_rec_add(&t, x.rec, "sample_atom_coords", BP_F32,
	    BP_SHAPE(1, bp_rec_get(x.rec, "atom_pad_mask")->shape[0], 3), &x.err), BP_OK);
	if (bp_structure_read(&x.s, x.rec, &x.err) != BP_OK)
		fail_msg("%s", x.err.msg);
	x.x = t->data;
	for (int i = 0; i < x.s->natoms; i++)
		place(x.x + 3 * x.s->atom[i].place, i);
	temporary(x.path, "refine.pdb");
	return x;
}

/* the target as a PDB file, without the lines that leave says; shift is added to residue numbers */
static void
put_file(struct fix *x, bool (*leave)(const struct fix *x, int atom), int shift)
{
	FILE *f = fopen(x->path, "w");

	assert_non_null(f);
	for (int i = 0; i < x->s->natoms; i++) {
		const struct bp_atom_row *a = &x->s->atom[i];
		const struct bp_res_row *r = &x->s->res[a->res];
		const float *p = x->x + 3 * a->place;

		if (!leave || !leave(x, i))
			fprintf(f, "ATOM  %5d %-4s %3s %s%4d    %8.3f%8.3f%8.3f  1.00  0.00\n", i + 1, a->name, r->name,
			    x->s->chain[r->chain].name, r->seq + shift, (double)p[0], (double)p[1], (double)p[2]);
	}
	assert_int_equal(fclose(f), 0);
}

static int
try_refine(struct bp_refined **ret, struct fix *x, struct bp_refine_opt o, const char *const *specs, int n)
{
	struct bp_refine *r;

	o.init_coords = x->path;
	o.add_noise.n = n;
	BP_NEW(o.add_noise.v, n, x->mem, &x->err);
	for (int i = 0; i < n; i++)
		o.add_noise.v[i] = specs[i];
	BP_TRY(bp_refine_open(&r, &o, x->mem, &x->err));
	return bp_refine_target(ret, r, x->rec, 5, &x->err);
}

static void
fix_close(struct fix *x)
{
	unlink(x->path);
	bp_arena_close(x->mem);
}

static void
all_atoms_from_a_file(void **state)
{
	struct fix x = fix_open("homodimer");
	struct bp_refine_opt o = BP_REFINE_INIT;
	struct bp_refined *r;
	double c[3] = { 0 };

	(void)state;
	o.sigma_scale = 0.01;
	put_file(&x, NULL, 0);
	if (try_refine(&r, &x, o, NULL, 0) != BP_OK)
		fail_msg("%s", x.err.msg);
	assert_int_equal(r->found, x.s->natoms);
	assert_int_equal(r->selected, x.s->natoms);
	assert_int_equal(r->n, x.s->natoms);
	for (int i = 0; i < x.s->natoms; i++)
		for (int k = 0; k < 3; k++)
			c[k] += (double)x.x[3 * x.s->atom[i].place + k] / x.s->natoms;
	for (int i = 0; i < x.s->natoms; i++)
		for (int k = 0; k < 3; k++) {
			int64_t at = 3 * x.s->atom[i].place + k;
			assert_true(fabs((double)r->start.x[at] - (double)x.x[at] + c[k]) <= 1e-3);
		}
	for (int64_t p = 0; p < x.s->nplaces; p++) { /* padding, too */
		assert_true(r->start.noise[p] == 5);
		assert_true(r->start.moving[p] == 1);
	}
	fix_close(&x);
}

/* residue 2 of chain B and the second atom of residue 1 of chain A are missing, and all of chain B's last two residues */
static bool
holes(const struct fix *x, int i)
{
	const struct bp_res_row *r = &x->s->res[x->s->atom[i].res];
	const struct bp_chain_row *c = &x->s->chain[r->chain];

	return r->chain == 1 ? r->seq == 2 || x->s->atom[i].res >= c->res + c->nres - 2
			     : x->s->atom[i].res == 0 && i == r->atom + 1;
}

static void
mean(double c[3], const struct fix *x, const struct bp_refined *r, int res, int but)
{
	const struct bp_res_row *w = &x->s->res[res];

	for (int k = 0; k < 3; k++) {
		int n = 0;
		c[k] = 0;
		for (int i = w->atom; i < w->atom + w->natoms; i++)
			if (i != but) {
				c[k] += (double)r->start.x[3 * x->s->atom[i].place + k];
				n++;
			}
		c[k] /= n;
	}
}

static void
assert_at(const struct fix *x, const struct bp_refined *r, int atom, const double c[3])
{
	for (int k = 0; k < 3; k++)
		assert_true(fabs((double)r->start.x[3 * x->s->atom[atom].place + k] - c[k]) <= 1e-4);
}

static void
missing_atoms_have_places(void **state)
{
	struct fix x = fix_open("homodimer");
	struct bp_refine_opt o = BP_REFINE_INIT;
	const char *specs[] = { "resid:A:3:1.5" };
	const struct bp_chain_row *b = &x.s->chain[1];
	struct bp_refined *r;
	double c[3], d[3];
	int missing = 0;

	(void)state;
	o.sigma_scale = 0.01;
	put_file(&x, holes, 0);
	for (int i = 0; i < x.s->natoms; i++)
		missing += holes(&x, i);
	if (try_refine(&r, &x, o, specs, 1) != BP_OK)
		fail_msg("%s", x.err.msg);
	assert_int_equal(r->found, x.s->natoms - missing);
	mean(c, &x, r, 0, 1);
	assert_at(&x, r, 1, c);
	mean(c, &x, r, b->res, -1);
	mean(d, &x, r, b->res + 2, -1);
	for (int k = 0; k < 3; k++)
		c[k] = (c[k] + d[k]) / 2;
	assert_at(&x, r, x.s->res[b->res + 1].atom, c);
	mean(c, &x, r, b->res + b->nres - 3, -1);
	assert_at(&x, r, b->atom + b->natoms - 1, c);
	assert_int_equal(r->selected, x.s->res[2].natoms);
	for (int i = 0; i < x.s->natoms; i++) {
		int64_t p = x.s->atom[i].place;
		assert_true(r->start.noise[p] == (x.s->atom[i].res == 2 ? 1.5f : 0));
		assert_true(r->start.moving[p] == (x.s->atom[i].res == 2 || holes(&x, i)));
	}
	assert_int_equal(r->n, r->found - r->selected);
	fix_close(&x);
}

static void
other_files_are_refused(void **state)
{
	struct fix x = fix_open("homodimer");
	struct bp_refine_opt o = BP_REFINE_INIT;
	struct bp_refined *r;
	struct bp_refine *none;

	(void)state;
	o.sigma_scale = 0.01;
	put_file(&x, NULL, 500);
	assert_int_equal(try_refine(&r, &x, o, NULL, 0), BP_EINPUT);
	assert_non_null(strstr(x.err.msg, "none of its atoms (the first: A 501 N)"));
	unlink(x.path);
	assert_int_equal(try_refine(&r, &x, o, NULL, 0), BP_EUSAGE);
	assert_int_equal(bp_refine_open(&none, &o, x.mem, &x.err), BP_EUSAGE); /* a scale of nothing */
	assert_non_null(strstr(x.err.msg, "--start-sigma-scale"));
	o = (struct bp_refine_opt)BP_REFINE_INIT;
	assert_int_equal(bp_refine_open(&none, &o, x.mem, &x.err), BP_OK);
	assert_null(none);
	fix_close(&x);
}

/* atoms of a selection as a count and the sum of their numbers */
static int
chosen(struct fix *x, const char *text, bool whole, long *sum)
{
	double (*at)[3];
	struct bp_select q;
	bool *in;
	int n = 0;

	BP_NEW(at, x->s->natoms, x->mem, &x->err);
	BP_NEW(in, x->s->natoms, x->mem, &x->err);
	for (int i = 0; i < x->s->natoms; i++)
		for (int k = 0; k < 3; k++)
			at[i][k] = (double)x->x[3 * x->s->atom[i].place + k];
	BP_TRY(bp_select_parse(&q, text, x->mem, &x->err));
	BP_TRY(bp_select_atoms(in, &q, x->s, (const double (*)[3])at, whole, x->mem, &x->err));
	*sum = 0;
	for (int i = 0; i < x->s->natoms; i++)
		if (in[i]) {
			n++;
			*sum += i;
		}
	return n;
}

static long
run(int from, int n)
{
	return (long)n * from + (long)n * (n - 1) / 2;
}

static void
selections(void **state)
{
	static const char *const bad[] = { "", "chain", "chain:A", "chain:A:1:2", "chain:A:-1", "chain:A:x", "chain:A:nan",
		"chain:A:", "chain:A: 1", "resid:A:1", "resid:A:x:1", "resid:A:5-3:1", "resid:A:3-:1", "resid:A:1-2-3:1",
		"atom:A:1:CA", "atom:A:1-2:CA:1", "distance:A:1:5", "distance:A:1:-5:1", "distance:A:1:CA:5:1:1", "all:1" };
	static const char *const absent[] = { "chain:Z:1", "resid:A:0:1", "resid:A:999:1", "resid:A:-5--2:1",
		"atom:A:1:XX:1", "distance:A:1:XX:4:1" };
	struct fix x = fix_open("homodimer");
	const struct bp_chain_row *b = &x.s->chain[1];
	const struct bp_res_row *r = x.s->res;
	long sum;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(chosen(&x, bad[i], false, &sum), BP_EUSAGE);
	for (size_t i = 0; i < sizeof absent / sizeof *absent; i++)
		assert_int_equal(chosen(&x, absent[i], false, &sum), BP_EINPUT);
	assert_int_equal(chosen(&x, "chain:B:1", false, &sum), b->natoms);
	assert_true(sum == run(b->atom, b->natoms));
	assert_int_equal(chosen(&x, "RESID:A:1:0", false, &sum), r[0].natoms);
	assert_true(sum == run(0, r[0].natoms));
	assert_int_equal(chosen(&x, "resid:B:2-3:1", false, &sum), r[b->res + 1].natoms + r[b->res + 2].natoms);
	assert_true(sum == run(r[b->res + 1].atom, r[b->res + 1].natoms + r[b->res + 2].natoms));
	assert_int_equal(chosen(&x, "resid:A:-3-1:1", false, &sum), r[0].natoms);
	assert_int_equal(chosen(&x, "atom:B:1:CA:2.5", false, &sum), 1);
	assert_true(sum == b->atom + 1);
	/* neighbours of atom 1 by hand */
	for (int whole = 0; whole < 2; whole++) {
		bool in[4096] = { false };
		int n = 0, at = b->atom + 1;
		long want = 0;
		for (int i = 0; i < x.s->natoms; i++) {
			const float *p = x.x + 3 * x.s->atom[i].place, *q = x.x + 3 * x.s->atom[at].place;
			if (hypot(hypot((double)(p[0] - q[0]), (double)(p[1] - q[1])), (double)(p[2] - q[2])) > 2.9)
				continue;
			for (int j = 0; j < x.s->natoms; j++)
				in[j] |= whole ? x.s->atom[j].res == x.s->atom[i].res : j == i;
		}
		for (int i = 0; i < x.s->natoms; i++)
			if (in[i]) {
				n++;
				want += i;
			}
		assert_in_range(n, 3, x.s->natoms - 1);
		assert_int_equal(chosen(&x, "distance:B:1:CA:2.9:1", whole, &sum), n);
		assert_true(sum == want);
	}
	fix_close(&x);
}

/* noises add as independent ones do: the standard deviation of the sum */
static void
selections_add(void **state)
{
	struct fix x = fix_open("homodimer");
	struct bp_refine_opt o = BP_REFINE_INIT;
	const char *specs[] = { "chain:A:3", "resid:A:2:4" };
	struct bp_refined *r;

	(void)state;
	o.sigma_scale = 0.01;
	put_file(&x, NULL, 0);
	assert_int_equal(try_refine(&r, &x, o, specs, 2), BP_OK);
	assert_int_equal(r->selected, x.s->chain[0].natoms);
	for (int i = 0; i < x.s->natoms; i++)
		assert_true(r->start.noise[x.s->atom[i].place]
		    == (x.s->res[x.s->atom[i].res].chain ? 0.f : x.s->atom[i].res == 1 ? 5.f : 3.f));
	fix_close(&x);
}

/* The sampler's first two steps, from the draws: step 0 sees start + noise * init, centred, and its own noise by share;
 * samples differ; and the result lies where the file is. */
static void
the_sampler_starts_there(void **state)
{
	struct bp_diffuse_opt o = BP_DIFFUSE_INIT;
	struct stage x = stage_open("tiny", "optimized", BP_TRUNK);
	struct fix f = fix_open("tiny");
	char draws[NAME], dump[NAME];
	const char *spec = "resid:A:1:2";
	struct bp_refined *r;
	struct bp_refine *open;
	struct bp_diffuse *d;
	struct bp_st *n, *s;
	const float *init, *eps, *noisy, *sigma, *out;
	int M = 3, A = (int)f.s->nplaces;

	(void)state;
	put_file(&f, NULL, 0);
	o.samples = M;
	o.steps = 4;
	o.record_noise = temporary(draws, "draws.safetensors");
	o.dump = temporary(dump, "dump.safetensors");
	o.refine = (struct bp_refine_opt){ .init_coords = f.path, .add_noise = { &spec, 1 }, .sigma_scale = 0.01, .rest = 0.25,
		.rest_range = 0.5, .still = true };
	if (bp_diffuse_open(&d, x.cx, x.w, &o, x.mem, &x.err) != BP_OK
	    || bp_diffuse_run(d, &x.rec, x.mem, NULL, &x.err) != BP_OK)
		fail_msg("%s", x.err.msg);
	assert_int_equal(bp_refine_open(&open, &o.refine, x.mem, &x.err), BP_OK);
	assert_int_equal(bp_refine_target(&r, open, f.rec, 25.6, &x.err), BP_OK);
	assert_int_equal(bp_st_open(&n, draws, &x.err), BP_OK);
	assert_int_equal(bp_st_open(&s, dump, &x.err), BP_OK);
	init = bp_st_get(n, "noise.init")->data;
	eps = bp_st_get(n, "noise.eps")->data;
	noisy = bp_st_get(s, "step.noisy")->data;
	sigma = bp_st_get(s, "schedule.sigmas")->data;
	assert_true(fabs((double)sigma[0] - 25.6) <= 1e-4);
	for (int b = 0; b < M; b++)
		for (int k = 0; k < 3; k++) {
			double t = (double)sigma[0] * 1.8, scale = 1.003 * sqrt(t * t - (double)sigma[0] * (double)sigma[0]), c = 0;
			for (int a = 0; a < A; a++)
				c += ((double)r->start.x[3 * a + k]
					 + (double)r->start.noise[a] * (double)init[3 * (b * A + a) + k]) / A;
			for (int a = 0; a < A; a++) {
				int at = 3 * (b * A + a) + k;
				double want = (double)r->start.x[3 * a + k] + (double)r->start.noise[a] * (double)init[at] - c
				    + scale * (r->start.moving[a] == 1 ? 1 : 0.25) * (double)eps[at];
				assert_true(fabs((double)noisy[at] - want) <= 2e-4);
			}
		}
	out = bp_rec_get(x.rec, "sample_atom_coords")->data;
	for (int b = 0; b < M; b++) { /* superposed on the unselected atoms: centres agree */
		double c[3] = { 0 };
		for (int i = 0; i < r->n; i++)
			for (int k = 0; k < 3; k++)
				c[k] += ((double)out[3 * (b * A + r->place[i]) + k] - r->at[i][k]) / r->n;
		for (int k = 0; k < 3; k++)
			assert_true(fabs(c[k]) <= 1e-3);
	}
	assert_memory_not_equal(out, out + 3 * A, 3 * (size_t)A * sizeof *out);
	bp_st_close(n);
	bp_st_close(s);
	unlink(draws);
	unlink(dump);
	stage_close(&x);
	fix_close(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_atoms_from_a_file),
		cmocka_unit_test(missing_atoms_have_places),
		cmocka_unit_test(other_files_are_refused),
		cmocka_unit_test(selections),
		cmocka_unit_test(selections_add),
		cmocka_unit_test(the_sampler_starts_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
