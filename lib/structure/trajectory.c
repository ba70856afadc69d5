/* lib/structure/trajectory.c: see trajectory.h. Contents: keeping steps; frames; files. */
#include "structure/trajectory.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "structure/dcd.h"
#include "structure/mmcif.h"
#include "structure/npz.h"
#include "structure/pdb.h"
#include "structure/superpose.h"

enum { KINDS = 2 };

/* The file holds, for each step, both tensors, [samples,atoms,3] float32. */
struct bp_trajectory {
	FILE *f;
	enum bp_trajectory_format format;
	int64_t samples, atoms;
	int n, cap;
	struct step {
		int64_t number;
		double sigma;
	} *step; /* [n] */
	struct bp_err err; /* the first failure; code BP_OK: none */
};

static const char *
tensor_name(const struct bp_trajectory *j, int kind)
{
	return kind == BP_DENOISED_TRAJECTORY ? "denoised" : j->format == BP_TRAJECTORY_NPZ ? "noisy" : "coords";
}

enum bp_trajectory_format
bp_trajectory_format(const char *word)
{
	static const char *const words[] = { "mmcif", "pdb", "dcd", "npz" };
	int i = 0;

	while (i < 4 && strcmp(words[i], word) != 0)
		i++;
	bp_assert(i < 4);
	return (enum bp_trajectory_format)i;
}

/* Keeping steps ------------------------------------------------------------------------------------------- */

static void
release(void *held)
{
	struct bp_trajectory *j = held;

	if (j->f)
		fclose(j->f);
	free(j->step);
	free(j);
}

static int
io_fail(struct bp_err *err)
{
	return BP_FAIL(err, BP_EIO, errno == ENOSPC ? "make room there, then run it again" : NULL, "trajectory: %s",
	    strerror(errno ? errno : EIO));
}

static int
add(struct bp_trajectory *j, const struct bp_rec *rec, struct bp_err *err)
{
	for (int k = 0; k < KINDS; k++) {
		const struct bp_tensor *x;
		int64_t shape[] = { j->n || k ? j->samples : -1, j->n || k ? j->atoms : -1, 3 };

		BP_TRY(bp_rec_want(&x, rec, tensor_name(j, k), BP_F32, 3, shape, err));
		j->samples = shape[0];
		j->atoms = shape[1];
		errno = 0;
		if (fwrite(x->data, sizeof(float), (size_t)bp_count(x), j->f) != (size_t)bp_count(x))
			return io_fail(err);
	}
	if (j->n == j->cap) {
		int cap = j->cap ? 2 * j->cap : 256;
		struct step *more = realloc(j->step, (size_t)cap * sizeof *more);
		if (!more)
			return BP_FAIL(err, BP_EMEM, NULL, "no memory for a trajectory of %d steps", cap);
		j->step = more;
		j->cap = cap;
	}
	j->step[j->n++] = (struct step){ bp_val_i64(bp_val_get(rec->meta, "step"), -1),
		bp_val_num(bp_val_get(rec->meta, "sigma"), NAN) };
	return BP_OK;
}

void
bp_trajectory_keep(const struct bp_rec *rec, enum bp_trajectory_format format, struct bp_outdir *d)
{
	struct bp_trajectory *j;
	struct bp_target *t;

	if (bp_target_open(&t, d, rec->id, NULL) != BP_OK)
		return; /* so will it be for the structures */
	if (!(j = bp_target_held(t))) {
		if (!(j = calloc(1, sizeof *j)))
			return;
		j->format = format;
		bp_target_hold(t, j, release);
		if (bp_target_scratch(&j->f, t, &j->err) != BP_OK)
			return;
	}
	if (j->err.code == BP_OK)
		(void)add(j, rec, &j->err); /* a failure stays there */
}

/* Frames -------------------------------------------------------------------------------------------------- */

/* samples [sample, sample + n) of step i into x [n,atoms,3] */
static int
read_step(struct bp_trajectory *j, int i, int kind, int64_t sample, int64_t n, float *x, struct bp_err *err)
{
	int64_t place = ((int64_t)i * KINDS + kind) * j->samples + sample, each = 3 * j->atoms;

	errno = 0;
	if (fseeko(j->f, (off_t)(place * each * (int64_t)sizeof *x), SEEK_SET) != 0
	    || fread(x, sizeof *x, (size_t)(n * each), j->f) != (size_t)(n * each))
		return io_fail(err);
	return BP_OK;
}

struct source {
	struct bp_trajectory *j;
	enum bp_trajectory_kind kind;
	const struct bp_structure *s;
	int sample;
	float *padded;                 /* [atoms,3]                      */
	double (*mobile)[3], (*to)[3]; /* [s->natoms]; the sample, centred */
};

/* x [n,3] around its centre, as double */
static void
centred(double (*ret)[3], const float *x, int n)
{
	double centre[3] = { 0 };

	for (int i = 0; i < 3 * n; i++)
		centre[i % 3] += (double)x[i] / n;
	for (int i = 0; i < 3 * n; i++)
		ret[i / 3][i % 3] = (double)x[i] - centre[i % 3];
}

static int
get_frame(void *self, int i, float *x, struct bp_err *err)
{
	struct source *o = self;
	const struct bp_structure *s = o->s;
	struct bp_rigid move;
	double rmsd;

	if (i == o->j->n) {
		bp_structure_gather(x, s, o->sample);
	} else {
		BP_TRY(read_step(o->j, i, (int)o->kind, o->sample, 1, o->padded, err));
		for (int a = 0; a < s->natoms; a++)
			memcpy(x + 3 * (size_t)a, o->padded + 3 * s->atom[a].place, 3 * sizeof *x);
	}
	centred(o->mobile, x, s->natoms);
	if (bp_superpose(&move, &rmsd, (const double (*)[3])o->mobile, (const double (*)[3])o->to, s->natoms, err) != BP_OK) {
		bp_err_where(err, "trajectory: frame %d of sample %d", i + 1, o->sample);
		return err->code;
	}
	for (int a = 0; a < s->natoms; a++)
		for (int k = 0; k < 3; k++)
			x[3 * (size_t)a + k] = (float)(move.r[k][0] * o->mobile[a][0] + move.r[k][1] * o->mobile[a][1]
			    + move.r[k][2] * o->mobile[a][2]);
	return BP_OK;
}

static int
failed(const struct bp_trajectory *j, struct bp_err *err)
{
	if (j->err.code != BP_OK)
		*err = j->err;
	return j->err.code;
}

/* Files --------------------------------------------------------------------------------------------------- */

int
bp_trajectory_write(FILE *f, struct bp_trajectory *j, enum bp_trajectory_kind kind, const struct bp_structure *s,
    int sample, struct bp_arena *mem, struct bp_err *err)
{
	struct source o = { .j = j, .kind = kind, .s = s, .sample = sample };
	const struct bp_frames frames = { j->n + (kind == BP_NOISY_TRAJECTORY), get_frame, &o };

	BP_TRY(failed(j, err));
	if (j->samples != s->nsamples || j->atoms != s->nplaces)
		return BP_FAIL(err, BP_EINPUT, "the record was made or changed by a faulty program",
		    "trajectory: %lld samples of %lld atoms, the structures are %d of %lld", (long long)j->samples,
		    (long long)j->atoms, s->nsamples, (long long)s->nplaces);
	BP_NEW(o.padded, 3 * j->atoms, mem, err);
	BP_NEW(o.mobile, s->natoms, mem, err);
	BP_NEW(o.to, s->natoms, mem, err);
	bp_structure_gather(o.padded, s, sample);
	centred(o.to, o.padded, s->natoms);
	return j->format == BP_TRAJECTORY_PDB ? bp_pdb_write_frames(f, s, &frames, mem, err)
	    : j->format == BP_TRAJECTORY_DCD  ? bp_dcd_write(f, s, &frames, mem, err)
					      : bp_mmcif_write_frames(f, s, &frames, mem, err);
}

int
bp_trajectory_write_npz(FILE *f, const char *name, struct bp_trajectory *j, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_tensor *x, sigma = { .dtype = BP_F64 };
	struct bp_npz *z = NULL;
	char key[48];
	int st;

	BP_TRY(failed(j, err));
	BP_TRY(bp_tensor_new(&x, BP_F32, BP_SHAPE(j->samples, j->atoms, 3), mem, err));
	st = bp_npz_open(&z, f, name, err);
	for (int i = 0; i < j->n && st == BP_OK; i++) {
		for (int k = 0; k < KINDS && st == BP_OK; k++) {
			snprintf(key, sizeof key, "%s_%05lld", tensor_name(j, k), (long long)j->step[i].number);
			if ((st = read_step(j, i, k, 0, j->samples, x->data, err)) == BP_OK)
				st = bp_npz_put(z, key, x, err);
		}
		snprintf(key, sizeof key, "sigma_%05lld", (long long)j->step[i].number);
		sigma.data = &j->step[i].sigma;
		if (st == BP_OK)
			st = bp_npz_put(z, key, &sigma, err);
	}
	if (st == BP_OK)
		st = bp_npz_end(z, err);
	bp_npz_close(z);
	return st;
}
