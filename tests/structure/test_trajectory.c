/* Trajectories as files: every step, turned back onto the model, in four formats that other programs read. */
#include <sys/stat.h>
#include <unistd.h>

#include "case.h"
#include "structure/read.h"
#include "structure/save.h"

enum { STEPS = 5 };
static struct bp_arena *mem;
static char top[64]; /* a new folder, removed at the end */

static struct bp_tensor *
add(struct bp_rec *rec, const char *name, const struct bp_tensor *like)
{
	struct bp_tensor *x;

	assert_int_equal(bp_rec_add(&x, rec, name, BP_F32, 3, like->shape, NULL), BP_OK);
	return x;
}

/* coords: the samples turned by step radians about z, and moved; denoised: the same a tenth larger */
static struct bp_rec *
step_record(const struct bp_rec *rec, int step)
{
	const struct bp_tensor *x = bp_rec_get(rec, "sample_atom_coords");
	struct bp_rec *r;
	float *coords, *denoised;

	assert_int_equal(bp_rec_new(&r, BP_TRAJECTORY, rec->id, mem, NULL), BP_OK);
	coords = add(r, "coords", x)->data;
	denoised = add(r, "denoised", x)->data;
	add(r, "noisy", x);
	for (int64_t i = 0; i < bp_count(x); i += 3) {
		const float *p = (const float *)x->data + i;
		const double c = cos(step), s = sin(step);
		const double y[3] = { c * (double)p[0] - s * (double)p[1] + 5, s * (double)p[0] + c * (double)p[1], (double)p[2] - step };

		for (int k = 0; k < 3; k++) {
			coords[i + k] = (float)y[k];
			denoised[i + k] = (float)(1.1 * y[k]);
		}
	}
	assert_int_equal(bp_val_set(r->meta, "step", bp_val_int(mem, step, NULL), mem, NULL), BP_OK);
	return r;
}

/* frames of a DCD file, [n][natoms,3]; every count in it must be right */
static float *
read_dcd(const char *path, int *n, int natoms)
{
	int32_t mark, control[20], title, count;
	float *x, *axis = bp_calloc(mem, (size_t)natoms, sizeof *axis, NULL);
	FILE *f = fopen(path, "rb");
	char word[85] = "";
	struct stat sb;

	assert_non_null(f);
#define READ(to, bytes) assert_int_equal(fread(to, 1, bytes, f), bytes)
#define MARK(want) (READ(&mark, 4), assert_int_equal(mark, want))
	MARK(84);
	READ(word, 4);
	assert_string_equal(word, "CORD");
	READ(control, sizeof control);
	MARK(84);
	MARK(84);
	READ(&title, 4);
	assert_int_equal(title, 1);
	READ(word, 80);
	assert_memory_equal(word, "order     ", 10);
	MARK(84);
	MARK(4);
	READ(&count, 4);
	assert_int_equal(count, natoms);
	MARK(4);
	*n = control[0];
	assert_int_equal(control[10], 0); /* no unit cells */
	assert_int_equal(fstat(fileno(f), &sb), 0);
	assert_int_equal(sb.st_size, 92 + 92 + 12 + (long)*n * 3 * (8 + 4L * natoms));
	x = bp_calloc(mem, (size_t)*n * 3 * (size_t)natoms, sizeof *x, NULL);
	for (int i = 0; i < *n; i++)
		for (int k = 0; k < 3; k++) {
			MARK(4 * natoms);
			READ(axis, 4 * (size_t)natoms);
			MARK(4 * natoms);
			for (int a = 0; a < natoms; a++)
				x[3 * (i * natoms + a) + k] = axis[a];
		}
	fclose(f);
	return x;
}

/* the same of a PDB or mmCIF file */
static float *
read_models(const char *path, int *n, int natoms, const struct bp_structure *s)
{
	struct bp_err err = { 0 };
	struct bp_sites *sites;
	float *x;

	if (bp_sites_read(&sites, path, BP_ALT_ALL, mem, &err) != BP_OK)
		fail_msg("%s", err.msg);
	*n = sites->n_models;
	assert_int_equal(sites->n, *n * natoms);
	x = bp_calloc(mem, 3 * (size_t)sites->n, sizeof *x, NULL);
	for (int i = 0; i < sites->n; i++) {
		assert_int_equal(sites->site[i].model, i / natoms + 1);
		assert_string_equal(sites->site[i].name, s->atom[i % natoms].name);
		for (int k = 0; k < 3; k++)
			x[3 * i + k] = (float)sites->site[i].x[k];
	}
	return x;
}

static double
centre(const struct bp_structure *s, int sample, int k)
{
	double sum = 0;

	for (int a = 0; a < s->natoms; a++)
		sum += (double)bp_structure_xyz(s, sample, a)[k] / s->natoms;
	return sum;
}

static void
test_formats(void **state)
{
	static const struct {
		const char *ext;
		enum bp_trajectory_format format;
	} formats[] = { { "dcd", BP_TRAJECTORY_DCD }, { "pdb", BP_TRAJECTORY_PDB }, { "cif", BP_TRAJECTORY_MMCIF } };
	/* an atom of the golden structure is 1e4 A away, where a float32 is good to 5e-4, and PDB to one decimal or two */
	const double tol = 2e-3, wide = 0.06;

	(void)state;
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
		for (int kind = 0; kind < 2; kind++) {
			struct bp_rec *rec = case_record("order", true, mem);
			struct bp_structure *s = case_structure(rec);
			const struct bp_save_opt o = { .trajectory = formats[i].format };
			char dir[128], path[300];
			struct bp_err err = { 0 };
			struct bp_outdir *d;
			struct bp_val *line;
			float *x;
			int n;

			snprintf(dir, sizeof dir, "%s/%s%d", top, formats[i].ext, kind);
			assert_int_equal(bp_outdir_open(&d, dir, false, &err), BP_OK);
			for (int step = 0; step < STEPS; step++)
				bp_trajectory_keep(step_record(rec, step), o.trajectory, d);
			if (bp_save(&line, rec, &o, d, &err) != BP_OK)
				fail_msg("%s", err.msg);
			bp_outdir_close(d);
			for (int model = 0; model < 2; model++) { /* sample 1 is the better: model 0 */
				snprintf(path, sizeof path, "%s/predictions/order/order_model_%d_trajectory%s.%s", dir, model,
				    kind ? "_denoised" : "", formats[i].ext);
				x = formats[i].format == BP_TRAJECTORY_DCD ? read_dcd(path, &n, s->natoms)
									   : read_models(path, &n, s->natoms, s);
				assert_int_equal(n, STEPS + !kind);
				for (int f = 0; f < n; f++)
					for (int a = 0; a < s->natoms; a++)
						for (int k = 0; k < 3; k++) {
							double want = (double)bp_structure_xyz(s, 1 - model, a)[k]
							    - centre(s, 1 - model, k);
							double got = (double)x[3 * (f * s->natoms + a) + k];
							if (!(fabs(got - want * (kind ? 1.1 : 1)) <= (i == 1 && fabs(want) >= 900 ? wide : tol)))
								fail_msg("%s frame %d atom %d: %g, wanted %g", path, f, a, got, want);
						}
			}
			assert_int_equal(bp_val_count(bp_val_get(line, "files")), 2 + 2 + 2 + 4 + 1); /* the manifest */
			bp_arena_reset(mem);
		}
}

/* early frames are wider than a PDB column: they lose decimals, not the trajectory */
static void
test_wide_frames(void **state)
{
	struct bp_rec *rec = case_record("order", true, mem), *r;
	const struct bp_save_opt o = { .trajectory = BP_TRAJECTORY_PDB };
	struct bp_structure *s = case_structure(rec);
	char dir[128], path[300];
	struct bp_err err = { 0 };
	struct bp_outdir *d;
	struct bp_val *line;
	float *x;
	int n;

	(void)state;
	snprintf(dir, sizeof dir, "%s/wide", top);
	assert_int_equal(bp_outdir_open(&d, dir, false, &err), BP_OK);
	r = step_record(rec, 0);
	x = bp_rec_get(r, "denoised")->data;
	for (int i = 0; i < bp_count(bp_rec_get(r, "denoised")); i++)
		x[i] *= 400;
	bp_trajectory_keep(r, o.trajectory, d);
	assert_int_equal(bp_save(&line, rec, &o, d, &err), BP_OK);
	bp_outdir_close(d);
	snprintf(path, sizeof path, "%s/predictions/order/order_model_0_trajectory_denoised.pdb", dir);
	x = read_models(path, &n, s->natoms, s);
	for (int a = 0; a < s->natoms; a++)
		for (int k = 0; k < 3; k++) {
			double want = 440 * ((double)bp_structure_xyz(s, 1, a)[k] - centre(s, 1, k));
			assert_true(fabs((double)x[3 * a + k] - want) <= (fabs(want) >= 1000 ? 0.06 : 0.006));
		}
	bp_arena_reset(mem);
}

/* trajectories of other samples or atoms, or without what they need, fail the target */
static void
test_refused(void **state)
{
	static const int64_t other[] = { 3, 160, 3 };

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct bp_rec *rec = case_record("order", true, mem), *r = step_record(rec, 0);
		const struct bp_save_opt o = { .trajectory = BP_TRAJECTORY_DCD };
		struct bp_err err = { 0 };
		struct bp_outdir *d;
		struct bp_tensor *t;
		struct bp_val *line;
		char dir[128];

		snprintf(dir, sizeof dir, "%s/refused%d", top, i);
		assert_int_equal(bp_outdir_open(&d, dir, false, &err), BP_OK);
		if (i == 0)
			bp_rec_drop(r, "coords");
		if (i == 1)
			((float *)bp_rec_get(r, "denoised")->data)[7] = NAN;
		if (i == 2) {
			bp_rec_drop(r, "denoised");
			bp_rec_drop(r, "coords");
			assert_int_equal(bp_rec_add(&t, r, "denoised", BP_F32, 3, other, NULL), BP_OK);
			assert_int_equal(bp_rec_add(&t, r, "coords", BP_F32, 3, other, NULL), BP_OK);
		}
		bp_trajectory_keep(r, o.trajectory, d);
		assert_int_equal(bp_save(&line, rec, &o, d, &err), i == 1 ? BP_ENUM : BP_EINPUT);
		assert_non_null(strstr(err.msg, i == 0 ? "coords" : i == 1 ? "frame 1 of sample 0" : "3 samples of 160 atoms"));
		bp_outdir_close(d);
		snprintf(dir, sizeof dir, "%s/refused%d/predictions", top, i);
		assert_int_equal(rmdir(dir), 0); /* nothing is left in it */
		bp_arena_reset(mem);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_wide_frames),
		cmocka_unit_test(test_refused),
	};
	char cmd[100];
	int failed;

	snprintf(top, sizeof top, "%s/bp-trajectory-XXXXXX",
	    getenv("TMPDIR") && strlen(getenv("TMPDIR")) < 40 ? getenv("TMPDIR") : "/tmp");
	if (!mkdtemp(top) || bp_arena_open(&mem, 0, NULL) != BP_OK)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	bp_arena_close(mem);
	snprintf(cmd, sizeof cmd, "rm -rf '%s'", top);
	return system(cmd) == 0 ? failed : 1;
}
