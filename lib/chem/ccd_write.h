/* lib/chem/ccd_write.h: writing a component store. It appears under its name only when it is whole: until
 * bp_ccd_out_end it lives in PATH.tmp.PID. Components go straight to disk; the index alone is kept in memory. */
#ifndef BP_CCD_WRITE_H
#define BP_CCD_WRITE_H

#include "chem/ccd.h"

struct bp_ccd_out;

/* Start PATH. BP_EIO: it cannot be made. Close it in any case. */
int bp_ccd_out_open(struct bp_ccd_out **ret, const char *path, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;
/* Append a component; n_h of its atoms, heavy and n_counted are taken from the rest. BP_EINPUT: a code longer than
 * seven letters; more atoms or rows than the format holds. */
int bp_ccd_put(struct bp_ccd_out *o, const struct bp_ccd_comp *c, struct bp_err *err) BP_MUST_USE;
/* Sort and write the index, sync, rename. note says what the store was made from (cut at 199 bytes).
 * BP_EINPUT: a code came twice. BP_EIO: disk full and the like. */
int bp_ccd_out_end(struct bp_ccd_out *o, const char *note, struct bp_err *err) BP_MUST_USE;
size_t bp_ccd_out_count(const struct bp_ccd_out *o);
void bp_ccd_out_close(struct bp_ccd_out *o); /* NULL is fine; removes what bp_ccd_out_end has not finished */

#endif
