/* Contents: scores and ranks; files of a sample; files of the target; trajectories; the manifest. */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "stream/origin.h"
#include "structure/kept.h"
#include "structure/guide_log.h"
#include "structure/mmcif.h"
#include "structure/npz.h"
#include "structure/pdb.h"
#include "structure/save_part.h"

enum { CONFIDENCE = 0, PTM = 1, IPTM = 2, PLDDT = 5 }; /* of score_names */

/* of confidence_ID_model_R.json, in upstream's order */
static const char *const score_names[BP_SAVER_SCORES] = { "confidence_score", "ptm", "iptm", "ligand_iptm", "protein_iptm",
	"complex_plddt", "complex_iplddt", "complex_pde", "complex_ipde" };

/* Scores and ranks -------------------------------------------------------------------------------------- */

/* an optional tensor as float32 of the given shape */
static int
maybe(const struct bp_tensor **ret, struct saver *w, const char *name, int ndim, int64_t *shape)
{
	*ret = NULL;
	return bp_rec_get(w->rec, name) ? bp_rec_want(ret, w->rec, name, BP_F32, ndim, shape, w->err) : BP_OK;
}

static int
check_plddt(struct saver *w, int64_t n)
{
	const float *p = w->plddt->data;

	if (n < w->s->ntokens)
		return BP_FAIL(
		    w->err, BP_EINPUT, NULL, "tensor plddt has %lld tokens, the atoms %d", (long long)n, w->s->ntokens);
	for (int m = 0; m < w->s->nsamples; m++)
		for (int i = 0; i < w->s->ntokens; i++)
			if (!(p[m * n + i] >= 0 && p[m * n + i] <= 1.00001f))
				return BP_FAIL(w->err, BP_ENUM, NULL, "tensor plddt[%d,%d]: %g, wanted 0 to 1", m, i,
				    (double)p[m * n + i]);
	return BP_OK;
}

static int
read_scores(struct saver *w)
{
	int64_t m = w->s->nsamples, n = -1, c = w->s->nchains;
	const struct bp_tensor *t;

	for (int k = 0; k < BP_SAVER_SCORES; k++) {
		BP_TRY(maybe(&t, w, score_names[k], 1, (int64_t[]) { m }));
		w->score[k] = t ? t->data : NULL;
	}
	BP_TRY(maybe(&t, w, "pair_chains_iptm", 3, (int64_t[]) { m, c, c }));
	w->pair_iptm = t ? t->data : NULL;
	/* a feature of the training data has the same name, one axis, and no meaning here */
	if ((t = bp_rec_get(w->rec, "plddt")) && t->ndim == 2) {
		int64_t shape[] = { m, -1 };
		BP_TRY(maybe(&w->plddt, w, "plddt", 2, shape));
		n = shape[1];
		BP_TRY(check_plddt(w, n));
	}
	BP_TRY(maybe(&w->pae, w, "pae", 3, (int64_t[]) { m, n, n }));
	BP_TRY(bp_saver_read_fits(w));
	return maybe(&w->pde, w, "pde", 3, (int64_t[]) { m, n, n });
}

/* best first; equal ones and those that are no number keep the order of the samples, the latter at the end */
static int
rank_samples(struct saver *w)
{
	const float *x = w->score[CONFIDENCE];

	BP_NEW(w->order, w->s->nsamples, w->mem, w->err);
	for (int i = 0; i < w->s->nsamples; i++) {
		int k = i;
		for (; x && !isnan(x[i]) && k > 0 && !(x[w->order[k - 1]] >= x[i]); k--)
			w->order[k] = w->order[k - 1];
		w->order[k] = i;
	}
	return BP_OK;
}

/* Files of a sample ------------------------------------------------------------------------------------- */

int
bp_saver_file(FILE **f, char *name, struct saver *w, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(name, BP_SAVER_NAME, fmt, ap);
	va_end(ap);
	BP_TRY(bp_target_file(f, w->target, name, w->err));
	return BP_OK;
}

int
bp_saver_file_end(struct saver *w, FILE *f, const char *name, int st)
{
	struct bp_err ignored;
	int closed = bp_target_file_end(w->target, f, name, st == BP_OK ? w->err : &ignored);
	char *path;

	if (st != BP_OK || closed != BP_OK)
		return st != BP_OK ? st : closed;
	if (!(path = bp_sprintf(w->mem, w->err, "%s/%s", bp_target_path(w->target), name)))
		return BP_EMEM;
	BP_TRY(bp_val_set(w->bytes, name, bp_val_int(w->mem, bp_target_file_size(w->target, name), w->err), w->mem, w->err));
	return bp_val_push(w->files, bp_val_str(w->mem, path, w->err), w->mem, w->err);
}

static int
put_model(struct saver *w, int rank, int sample)
{
	const float *plddt = w->plddt ? (const float *)w->plddt->data + (int64_t)sample * w->plddt->shape[1] : NULL;
	char name[BP_SAVER_NAME];
	FILE *f;

	BP_TRY(bp_saver_file(&f, name, w, "%s_model_%d.%s", w->rec->id, rank, w->opt->pdb ? "pdb" : "cif"));
	return bp_saver_file_end(w, f, name,
	    w->opt->pdb ? bp_pdb_write(f, w->s, sample, plddt, w->mem, w->err)
	                : bp_mmcif_write(f, w->s, sample, plddt, w->mem, w->err));
}

static int
set_num(struct saver *w, struct bp_val *map, const char *key, const float *x, int i)
{
	return x ? bp_val_set(map, key, bp_val_real(w->mem, (double)x[i], w->err), w->mem, w->err) : BP_OK;
}

/* the same without looking for an equal key: as many pairs as chains squared */
static int
add_num(struct saver *w, struct bp_val *map, const char *key, float x)
{
	return bp_val_pair(
	    map, bp_val_str(w->mem, key, w->err), bp_val_real(w->mem, (double)x, w->err), w->mem, w->err);
}

/* chains_ptm {a: x} and pair_chains_iptm {a: {b: x}}, keyed by asym_id */
static int
set_chain_scores(struct saver *w, struct bp_val *map, int sample)
{
	size_t c = (size_t)w->s->nchains;
	const float *x = w->pair_iptm + (size_t)sample * c * c; /* [c,c] */
	struct bp_val *chains = bp_val_map(w->mem, w->err), *pairs = bp_val_map(w->mem, w->err);
	char key[16];

	BP_TRY(bp_val_set(map, "chains_ptm", chains, w->mem, w->err));
	BP_TRY(bp_val_set(map, "pair_chains_iptm", pairs, w->mem, w->err));
	for (size_t a = 0; a < c; a++) {
		struct bp_val *row = bp_val_map(w->mem, w->err);
		snprintf(key, sizeof key, "%d", w->s->chain[a].asym_id);
		BP_TRY(add_num(w, chains, key, x[a * c + a]));
		BP_TRY(bp_val_pair(pairs, bp_val_str(w->mem, key, w->err), row, w->mem, w->err));
		for (size_t b = 0; b < c; b++) {
			snprintf(key, sizeof key, "%d", w->s->chain[b].asym_id);
			BP_TRY(add_num(w, row, key, x[a * c + b]));
		}
	}
	return BP_OK;
}

int
bp_saver_json(struct saver *w, const struct bp_val *v, const char *name)
{
	char copy[BP_SAVER_NAME];
	FILE *f;

	BP_TRY(bp_saver_file(&f, copy, w, "%s", name));
	(void)bp_json_write(f, v, 4); /* its errors stay in f */
	return bp_saver_file_end(w, f, copy, BP_OK);
}

static int
put_confidence(struct saver *w, int rank, int sample)
{
	struct bp_val *v = bp_val_map(w->mem, w->err);
	char name[BP_SAVER_NAME];

	if (!v)
		return BP_EMEM;
	for (int k = 0; k < BP_SAVER_SCORES; k++)
		BP_TRY(set_num(w, v, score_names[k], w->score[k], sample));
	if (w->pair_iptm)
		BP_TRY(set_chain_scores(w, v, sample));
	BP_TRY(bp_saver_set_fits(w, v, sample));
	snprintf(name, sizeof name, "confidence_%s_model_%d.json", w->rec->id, rank);
	return bp_saver_json(w, v, name);
}

/* one sample of a tensor [nsamples, ...] as KEY_ID_model_R.npz */
static int
put_map(struct saver *w, const char *key, const struct bp_tensor *all, int rank, int sample)
{
	struct bp_tensor t = { .dtype = BP_F32, .ndim = all->ndim - 1 };
	char name[BP_SAVER_NAME];
	struct bp_npz *z = NULL;
	FILE *f;
	int st;

	memcpy(t.shape, all->shape + 1, sizeof(int64_t) * (size_t)t.ndim);
	t.data = (float *)all->data + sample * bp_count(&t);
	BP_TRY(bp_saver_file(&f, name, w, "%s_%s_model_%d.npz", key, w->rec->id, rank));
	if ((st = bp_npz_open(&z, f, name, w->err)) == BP_OK && (st = bp_npz_put(z, key, &t, w->err)) == BP_OK)
		st = bp_npz_end(z, w->err);
	bp_npz_close(z);
	return bp_saver_file_end(w, f, name, st);
}

/* Files of the target ----------------------------------------------------------------------------------- */

/* s [1,N,384] and z [1,N,N,128] with upstream's batch axis in front */
static int
put_embeddings(struct saver *w)
{
	static const char *const key[2] = { "s", "z" };
	struct bp_tensor batch[2];
	char name[BP_SAVER_NAME];
	struct bp_npz *z = NULL;
	FILE *f;
	int st;

	for (int i = 0; i < 2; i++) {
		const struct bp_tensor *t;
		int64_t shape[] = { -1, -1, -1 };
		if (!bp_rec_get(w->rec, key[i])) {
			bp_log(BP_LOG_WARN,
			    "%s: no embeddings, as s and z are not in the stream: give --write-embeddings to "
			    "confidence, too",
			    w->rec->id);
			return BP_OK;
		}
		BP_TRY(bp_rec_want(&t, w->rec, key[i], BP_F32, 2 + i, shape, w->err));
		batch[i] = (struct bp_tensor) {
			.dtype = BP_F32, .ndim = 3 + i, .shape = { 1, shape[0], shape[1], shape[2] }, .data = t->data
		};
	}
	BP_TRY(bp_saver_file(&f, name, w, "embeddings_%s.npz", w->rec->id));
	st = bp_npz_open(&z, f, name, w->err);
	for (int i = 0; i < 2 && st == BP_OK; i++)
		st = bp_npz_put(z, key[i], &batch[i], w->err);
	if (st == BP_OK)
		st = bp_npz_end(z, w->err);
	bp_npz_close(z);
	return bp_saver_file_end(w, f, name, st);
}

static int
put_affinity(struct saver *w)
{
	static const char *const keys[]
	    = { "affinity_pred_value", "affinity_probability_binary", "affinity_pred_value1",
		      "affinity_probability_binary1", "affinity_pred_value2", "affinity_probability_binary2" };
	struct bp_val *v = bp_val_map(w->mem, w->err);
	char name[BP_SAVER_NAME];

	if (!v)
		return BP_EMEM;
	for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
		const struct bp_tensor *t = bp_rec_get(w->rec, keys[k]);
		if (t && bp_count(t) != 1)
			return BP_FAIL(w->err, BP_EINPUT, NULL, "tensor %s: wanted one number", keys[k]);
		if (t)
			BP_TRY(
			    bp_val_set(v, keys[k], bp_val_real(w->mem, bp_tensor_get(t, 0), w->err), w->mem, w->err));
	}
	if (bp_val_count(v) == 0)
		return BP_OK;
	snprintf(name, sizeof name, "affinity_%s.json", w->rec->id);
	return bp_saver_json(w, v, name);
}

/* the guides' logs: a file a guide and sample */
static int
put_guide_logs(struct saver *w)
{
	for (int i = 0; i < bp_guide_logs(w->rec); i++) {
		struct bp_guide_log log;
		BP_TRY(bp_guide_log_read(&log, w->rec, i, w->err));
		for (int k = 0; k < log.rows->shape[1] && log.rows->shape[0]; k++) {
			struct bp_val *list;
			char name[BP_SAVER_NAME];
			BP_TRY(bp_guide_log_sample(&list, &log, k, w->mem, w->err));
			snprintf(name, sizeof name, "%s_sample_%d.json", log.name, k);
			BP_TRY(bp_saver_json(w, list, name));
		}
	}
	return BP_OK;
}

static int
put_all(struct saver *w)
{
	for (int r = 0; r < w->s->nsamples; r++) {
		BP_TRY(put_model(w, r, w->order[r]));
		if (w->plddt || w->scores)
			BP_TRY(put_confidence(w, r, w->order[r]));
		if (w->plddt)
			BP_TRY(put_map(w, "plddt", w->plddt, r, w->order[r]));
		if (w->pae && w->opt->full_pae)
			BP_TRY(put_map(w, "pae", w->pae, r, w->order[r]));
		if (w->pde && w->opt->full_pde)
			BP_TRY(put_map(w, "pde", w->pde, r, w->order[r]));
	}
	if (w->opt->embeddings)
		BP_TRY(put_embeddings(w));
	BP_TRY(bp_saver_put_saxs(w));
	BP_TRY(put_guide_logs(w));
	return put_affinity(w);
}

/* Trajectories ------------------------------------------------------------------------------------------ */

static int
put_trajectories(struct saver *w)
{
	static const char *const ext[] = { "cif", "pdb", "dcd" };
	struct bp_trajectory *j = bp_target_held(w->target);
	char name[BP_SAVER_NAME];
	FILE *f;

	if (!j)
		return BP_OK;
	if (w->opt->trajectory == BP_TRAJECTORY_NPZ) {
		BP_TRY(bp_saver_file(&f, name, w, "trajectory_%s.npz", w->rec->id));
		return bp_saver_file_end(w, f, name, bp_trajectory_write_npz(f, name, j, w->mem, w->err));
	}
	for (int r = 0; r < w->s->nsamples; r++)
		for (int kind = BP_NOISY_TRAJECTORY; kind <= BP_DENOISED_TRAJECTORY; kind++) {
			BP_TRY(bp_saver_file(&f, name, w, "%s_model_%d_trajectory%s.%s", w->rec->id, r,
			    kind == BP_DENOISED_TRAJECTORY ? "_denoised" : "", ext[w->opt->trajectory]));
			BP_TRY(bp_saver_file_end(w, f, name,
			    bp_trajectory_write(f, j, (enum bp_trajectory_kind)kind, w->s, w->order[r], w->mem, w->err)));
		}
	return BP_OK;
}

/* The manifest ------------------------------------------------------------------------------------------ */

static int
list_models(struct bp_val *list, struct saver *w)
{
	for (int r = 0; r < w->s->nsamples; r++) {
		struct bp_val *v = bp_val_map(w->mem, w->err);
		int i = w->order[r];
		BP_TRY(bp_val_push(list, v, w->mem, w->err));
		BP_TRY(bp_val_set(v, "model", bp_val_int(w->mem, r, w->err), w->mem, w->err));
		BP_TRY(bp_val_set(v, "sample", bp_val_int(w->mem, i, w->err), w->mem, w->err));
		BP_TRY(set_num(w, v, "confidence_score", w->score[CONFIDENCE], i));
		BP_TRY(set_num(w, v, "plddt", w->score[PLDDT], i));
		BP_TRY(set_num(w, v, "ptm", w->score[PTM], i));
		BP_TRY(set_num(w, v, "iptm", w->score[IPTM], i));
		BP_TRY(bp_saver_set_fits(w, v, i));
	}
	return BP_OK;
}

static int
make_manifest(struct bp_val **ret, struct saver *w)
{
	struct bp_arena *mem = w->mem;
	struct bp_val *v = bp_val_map(mem, w->err), *models = bp_val_arr(mem, w->err),
	              *seconds = bp_val_map(mem, w->err);
	char key[BP_HASH_SIZE];

	if (!v)
		return BP_EMEM;
	BP_TRY(bp_val_set(v, "id", bp_val_str(mem, w->rec->id, w->err), mem, w->err));
	BP_TRY(bp_val_set(v, "status", bp_val_str(mem, "ok", w->err), mem, w->err));
	if (w->made_from.n) {
		BP_TRY(bp_origin_key(key, &w->made_from, mem, w->err));
		BP_TRY(bp_val_set(v, "key", bp_val_str(mem, key, w->err), mem, w->err));
	}
	BP_TRY(bp_val_set(v, "files", w->files, mem, w->err));
	BP_TRY(bp_val_set(v, "models", models, mem, w->err));
	BP_TRY(list_models(models, w));
	if (bp_val_is(bp_val_get(w->rec->meta, "sweep"), BP_MAP))
		BP_TRY(bp_val_set(v, "sweep", bp_val_get(w->rec->meta, "sweep"), mem, w->err));
	BP_TRY(bp_val_set(v, "seconds", seconds, mem, w->err));
	for (size_t i = 0; i < bp_val_count(w->rec->trail); i++) {
		const struct bp_val *stage = bp_val_at(w->rec->trail, i);
		BP_TRY(bp_val_set(seconds, bp_val_cstr(bp_val_get(stage, "tool"), "?"),
		    bp_val_real(mem, bp_val_num(bp_val_get(stage, "seconds"), NAN), w->err), mem, w->err));
	}
	*ret = v;
	return BP_OK;
}

/* manifest_ID.json, for the next run (structure/kept.h); the last file, which does not list itself */
static int
keep_manifest(struct saver *w, const struct bp_val *manifest)
{
	struct bp_val *v = bp_val_map(w->mem, w->err), *lines = bp_val_arr(w->mem, w->err);
	char name[BP_SAVER_NAME];

	if (!v || !lines)
		return BP_EMEM;
	for (int i = 0; i < w->made_from.n; i++)
		BP_TRY(bp_val_push(lines, bp_val_str(w->mem, w->made_from.v[i], w->err), w->mem, w->err));
	for (size_t i = 0; i < bp_val_count(manifest); i++) {
		const char *key = manifest->u.item[2 * i]->u.s;
		struct bp_val *x = strcmp(key, "files") == 0 ? w->bytes : manifest->u.item[2 * i + 1];
		BP_TRY(bp_val_set(v, key, x, w->mem, w->err));
	}
	BP_TRY(bp_val_set(v, "made_from", lines, w->mem, w->err));
	snprintf(name, sizeof name, "manifest_%s.json", w->rec->id);
	return bp_saver_json(w, v, name);
}

/* Was the target that is there made from the same? *ret is then its manifest, else NULL. */
static int
find_same(struct bp_val **ret, struct saver *w, struct bp_outdir *d)
{
	const char *was, *is;
	struct bp_kept *k;

	*ret = NULL;
	if (!w->opt->keep || !w->made_from.n)
		return BP_OK;
	BP_TRY(bp_kept_read(&k, w->opt->dir, w->rec->id, w->mem, w->err));
	if (!k || bp_origin_differs(&was, &is, &k->made_from, &w->made_from, -1))
		return BP_OK;
	*ret = k->manifest;
	return bp_outdir_note(d, w->rec->id, w->err);
}

/* the lines of the record, and ours */
static int
set_origin(struct saver *w)
{
	BP_TRY(bp_origin(&w->made_from, w->rec, w->err));
	return w->made_from.n && w->opt->line ? bp_strlist_add(&w->made_from, w->opt->line, w->mem, w->err) : BP_OK;
}

int
bp_save_kept(struct bp_val **manifest, const struct bp_rec *rec, const struct bp_save_opt *o, struct bp_outdir *d,
    struct bp_err *err)
{
	struct saver w = { .rec = rec, .opt = o, .mem = rec->mem, .err = err };
	const char *was, *is;
	struct bp_kept *k;

	BP_TRY(bp_id_check(rec->id, err));
	BP_TRY(set_origin(&w));
	BP_TRY(bp_kept_read(&k, o->dir, rec->id, rec->mem, err));
	if (!k)
		return BP_FAIL(err, BP_EINPUT, "give featurize --resume-from the folder of write's -o",
		    "%s/predictions/%s: it was to be kept, and is not there or not whole", o->dir, rec->id);
	if (bp_origin_differs(&was, &is, &k->made_from, &w.made_from, -1))
		return BP_FAIL(err, BP_EINPUT, "leave out featurize's --resume-from, or let boltzpipe predict compare",
		    "%s/predictions/%s: it was to be kept, but was made otherwise: '%.120s', now '%.120s'", o->dir, rec->id,
		    was, is);
	BP_TRY(bp_outdir_note(d, rec->id, err));
	*manifest = k->manifest;
	return BP_OK;
}

struct bp_val *
bp_save_failure(struct bp_outdir *d, const char *id, const char *stage, const struct bp_err *why, struct bp_arena *mem)
{
	const char *const pair[][2] = { { "id", id }, { "status", "failed" }, { "stage", stage }, { "error", why->msg },
		{ "hint", why->hint } };
	struct bp_target *begun = bp_target_find(d, id); /* by its trajectory */
	struct bp_val *v = bp_val_map(mem, NULL);

	if (begun)
		bp_target_discard(begun);
	for (size_t i = 0; v && i < sizeof pair / sizeof *pair; i++)
		if (*pair[i][1] && bp_val_set(v, pair[i][0], bp_val_str(mem, pair[i][1], NULL), mem, NULL) != BP_OK)
			return NULL;
	return v;
}

int
bp_save(struct bp_val **manifest, const struct bp_rec *rec, const struct bp_save_opt *o, struct bp_outdir *d,
    struct bp_err *err)
{
	struct saver w = { .rec = rec, .opt = o, .mem = rec->mem, .err = err };
	int st;

	*manifest = NULL;
	if ((st = bp_target_open(&w.target, d, rec->id, err)) != BP_OK)
		return st;
	if (!(w.files = bp_val_arr(w.mem, err)) || !(w.bytes = bp_val_map(w.mem, err)))
		st = BP_EMEM;
	if (st == BP_OK && (st = set_origin(&w)) == BP_OK && (st = find_same(manifest, &w, d)) == BP_OK && !*manifest
	    && (st = bp_structure_read(&w.s, rec, err)) == BP_OK && (st = read_scores(&w)) == BP_OK
	    && (st = rank_samples(&w)) == BP_OK && (st = put_all(&w)) == BP_OK && (st = put_trajectories(&w)) == BP_OK
	    && (st = make_manifest(manifest, &w)) == BP_OK && (st = keep_manifest(&w, *manifest)) == BP_OK)
		return bp_target_commit(w.target, err);
	bp_target_discard(w.target); /* failed, or there already */
	return st;
}
