/* lib/model/guides.h: which guides a run has: options of diffuse, the input files' sections, and what a sweep makes of
 * them. */
#ifndef BP_GUIDES_H
#define BP_GUIDES_H

#include "base/opt.h"
#include "model/guiding.h"

struct bp_guides_opt {
	struct bp_strlist guide;           /* specs                                                  */
	int samples;                       /* the first so many are guided; 0: all                   */
	const char *sweep;                 /* KIND.KEY=VALUE,VALUE,...; or NULL                      */
	const char *log;                   /* file for lines of energies; or NULL                    */
	bool direct, plain_rg, one_by_one; /* the ablation switches of upstream's fork      */
	bool list_keys;
	const struct bp_wire_opt *wire; /* for guides at an endpoint; NULL: the defaults */
};

#define BP_OPT_GUIDES(T, g)                                                                                            \
	{ "guide", 0, BP_OPT_LIST, offsetof(T, g.guide), NULL, "SPEC",                                                 \
		"steer the samples with data: saxs:FILE[,KEY=VALUE...], rg:TARGET[,...] (a number, curve or "          \
		"structure), "                                                                                         \
		"exec:COMMAND, tcp://HOST:PORT, ipc://PATH, or none (repeatable; doc/guides.md)" },                    \
	    { "guide-samples", 0, BP_OPT_INT, offsetof(T, g.samples), "[0,100000]", NULL,                              \
		    "guide only the first N samples; 0: all" },                                                        \
	    { "guide-log", 0, BP_OPT_STR, offsetof(T, g.log), NULL, "FILE", "write every energy as a line of JSON" },  \
	    { "sweep", 0, BP_OPT_STR, offsetof(T, g.sweep), NULL, "KIND.KEY=VALUES",                                   \
		    "sample each target once for each value, from one trunk: saxs.weight=0,0.1,1 gives ID_w0, "        \
		    "ID_w0.1, ID_w1" },                                                                                \
	    { "list-guide-keys", 0, BP_OPT_FLAG, offsetof(T, g.list_keys), NULL, NULL,                                 \
		    "print the keys of guidance and scoring, and exit" },                                              \
	    { "no-vectorized-saxs", 0, BP_OPT_FLAG, offsetof(T, g.direct), NULL, NULL,                                 \
		    "the same as method=direct in every SAXS guide" },                                                 \
	    { "no-optimized-rg", 0, BP_OPT_FLAG, offsetof(T, g.plain_rg), NULL, NULL, "accepted: there is one Rg" },   \
	{                                                                                                              \
		"no-batch-finite-diff", 0, BP_OPT_FLAG, offsetof(T, g.one_by_one), NULL, NULL,                         \
		    "finite_diff in place of finite_diff_batch"                                                        \
	}

/* A run's guides. Specs and the sweep are read here: BP_EUSAGE. Lives in mem; programs that guides start are ended by
 * close. */
struct bp_guides;
int bp_guides_open(
    struct bp_guides **ret, const struct bp_guides_opt *o, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;
void bp_guides_close(struct bp_guides *g);

int bp_guides_sweep(const struct bp_guides *g); /* values of the sweep; 0: none */
/* The record of value i: rec's content as ID_w0.1, with meta.sweep {target, key, value}; in mem. */
int bp_guides_swept(struct bp_rec **ret, const struct bp_guides *g, const struct bp_rec *rec, int i,
    struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

/* The guides of a target, at value i of the sweep: *n may be 0. BP_EINPUT, BP_EUSAGE: a section that cannot be. */
int bp_guides_of(struct bp_guide_params **ret, int *n, struct bp_guides *g, const struct bp_rec *rec, int i,
    struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;
struct bp_execs *bp_guides_execs(struct bp_guides *g);
int bp_guides_guided(const struct bp_guides *g, int samples);

#endif
