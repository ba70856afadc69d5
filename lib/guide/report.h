/* lib/guide/report.h: structure files scored against a curve: a line of JSON a model on stdout, and files beside it. */
#ifndef BP_REPORT_H
#define BP_REPORT_H

#include "guide/nnls.h"
#include "guide/score.h"

struct bp_report_opt {
	const char *dir;  /* NAME.fit (q, I, sigma, fit), NAME_pr.dat there; NULL: no files */
	const char *plot; /* "svg", "png": NAME.svg by gnuplot; NULL: none. Needs dir       */
	bool ensemble;    /* one more line: the weights of all models' mixture              */
};

/* BP_EUSAGE: two files would have one NAME, no dir for the plots; BP_EUNSUP: gnuplot is not installed. */
int bp_report_check(const struct bp_report_opt *o, const char *const *path, int n, struct bp_arena *mem,
    struct bp_err *err) BP_MUST_USE;

/* Score every model of n files. A file that fails is told on stderr and has a line of JSON; *failed counts them. ccd:
 * for ligands' hydrogens, or NULL. BP_EIO: stdout or dir takes no more. */
int bp_report_files(int *failed, struct bp_scorer *s, const struct bp_report_opt *o, const char *const *path, int n,
    const struct bp_ccd *ccd, struct bp_err *err) BP_MUST_USE;

/* What reports share: read each file and call each() for every model of it (sites [first, first + n); mem is a
 * model's). A file that fails is told on stderr, has a line {file, status, error, hint}, and is counted. */
typedef int bp_report_fn(void *self, const char *path, const struct bp_sites *sites, int first, int n,
    struct bp_arena *mem, struct bp_err *err);
int bp_report_each(
    int *failed, const char *const *path, int n, bp_report_fn *each, void *self, struct bp_err *err) BP_MUST_USE;
/* *line = {file, sample, and what is in numbers} */
int bp_report_begin(struct bp_val **line, const char *path, int model, const struct bp_val *numbers,
    struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;
/* One line of JSON on stdout. */
int bp_report_line(const struct bp_val *v, struct bp_err *err) BP_MUST_USE;

#endif
