/* lib/chem/ccd_show.h: a component for people, and as JSON. */
#ifndef BP_CCD_SHOW_H
#define BP_CCD_SHOW_H

#include <stdio.h>

#include "base/val.h"
#include "chem/ccd.h"

void bp_ccd_print(FILE *f, const struct bp_ccd_comp *c);
/* The component as a value tree: the keys and rows of bp_ccd_derived (ccd_build.h), and name, type, formula. */
int bp_ccd_val(struct bp_val **ret, const struct bp_ccd_comp *c, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;
/* "C10 H16 N5 O13 P3" (Hill order: C, H, then by symbol) into buf; returns buf. */
char *bp_ccd_formula(char *buf, size_t n, const struct bp_ccd_comp *c);

#endif
