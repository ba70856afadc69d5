/* lib/guide/scoring.h: the stage that scores structures records: guide-saxs and guide-rg as filters. */
#ifndef BP_SCORING_H
#define BP_SCORING_H

#include "guide/rg_score.h"
#include "guide/score.h"
#include "stream/io.h"

struct bp_scoring {
	const char *tool;
	struct bp_ctx *cx;
	struct bp_scorer *saxs; /* NULL: of the record's own section scoring */
	struct bp_rg_scorer rg;
	const struct bp_strlist *changed; /* options, for the trail                    */
	const char *variant, *device;
	bool ensemble;  /* the samples' mixture, too                 */
	char curve[256];     /* its own: the curve that was last told of  */
	struct bp_told told; /* of the atoms                              */
};

/* bp_stage_fn's: self is a struct bp_scoring. A record whose input asks for no scores passes as it is. */
int bp_scoring_saxs(void *self, struct bp_rec **rec, struct bp_arena *mem, struct bp_out *out, struct bp_err *err);
int bp_scoring_rg(void *self, struct bp_rec **rec, struct bp_arena *mem, struct bp_out *out, struct bp_err *err);

/* The filter of a guide program: records of --in through stage to --out. Fills in what c has of s. signs: false when
 * what it does is said by the input alone (struct bp_filter). Returns the exit status. */
int bp_scoring_run(struct bp_scoring *s, bp_stage_fn *stage, bool signs, const struct bp_common *c);

/* What an input file names: the path itself when it is there or absolute, else beside the input file. In mem. */
const char *bp_scoring_path(const char *path, const struct bp_rec *rec, struct bp_err *err);

#endif
