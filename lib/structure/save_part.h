/* lib/structure/save_part.h: what save.c and save_fits.c share: a record on its way into files. Functions fill w->err. */
#ifndef BP_SAVE_PART_H
#define BP_SAVE_PART_H

#include "base/opt.h"
#include "structure/save.h"
#include "structure/structure.h"

enum { BP_SAVER_NAME = 256, BP_SAVER_SCORES = 9 };

struct saver {
	const struct bp_rec *rec;
	const struct bp_save_opt *opt;
	struct bp_structure *s;
	struct bp_target *target;
	struct bp_val *files, *bytes; /* paths; {name: bytes} */
	struct bp_strlist made_from;
	struct bp_arena *mem;
	struct bp_err *err;
	const float *score[BP_SAVER_SCORES];                /* [nsamples], NULL: not in the record */
	const float *pair_iptm;                    /* [nsamples, nchains, nchains]        */
	const struct bp_tensor *plddt, *pae, *pde; /* [nsamples, n], [nsamples, n, n]; NULL: not in the record */
	const struct bp_val *scores;               /* map: name -> [nsamples] maps, or NULL */
	const double *curve, *fit;                 /* [points,3] q, I, sigma; [nsamples,points]; or NULL */
	int64_t points;
	int *order;                                /* [nsamples] sample of each rank      */
};

/* A file of the target; name [BP_SAVER_NAME] out. */
int bp_saver_file(FILE **f, char *name, struct saver *w, const char *fmt, ...) BP_PRINTF(4, 5) BP_MUST_USE;
/* Close it whatever st is; a file that is whole goes into the manifest. Returns st, or what went wrong. */
int bp_saver_file_end(struct saver *w, FILE *f, const char *name, int st) BP_MUST_USE;
int bp_saver_json(struct saver *w, const struct bp_val *v, const char *name) BP_MUST_USE;

/* meta.scores (doc/wire.md), and the curve with its fits that belongs to its entry saxs */
int bp_saver_read_fits(struct saver *w) BP_MUST_USE;
/* map NAME = meta.scores.NAME of the sample, for each NAME */
int bp_saver_set_fits(struct saver *w, struct bp_val *map, int sample) BP_MUST_USE;
/* saxs_scores_ and saxs_comparison_ of each model, and a list of all, the likeliest first; nothing without such scores */
int bp_saver_put_saxs(struct saver *w) BP_MUST_USE;

#endif
