/* lib/structure/kept.h: what an earlier run has left: a target's own manifest, DIR/predictions/ID/manifest_ID.json. It
 * is the line that `write` printed (files as a map name -> bytes), and made_from, the lines of stream/origin.h. */
#ifndef BP_KEPT_H
#define BP_KEPT_H

#include "base/opt.h"
#include "base/val.h"

struct bp_kept {
	struct bp_val *manifest;     /* as `write` printed it, with the files' paths of now, and kept: true */
	struct bp_strlist made_from; /* empty: not known                                                    */
};

/* The target ID below DIR; *ret is NULL when it is not there or not whole: no manifest, or one of the files is missing
 * or of another size. BP_EMEM. */
int bp_kept_read(
    struct bp_kept **ret, const char *dir, const char *id, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

#endif
