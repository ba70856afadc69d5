/* lib/stream/origin.h: what a result was made from, as lines of text: two results with the same lines are the same.
 *
 *     input HASH                                            the input file and the files that it names
 *     featurize 0.1.0 --method=nmr ccd HASH                 then a line a stage, from the record's trail:
 *     trunk 0.1.0 weights HASH --recycling-steps=1          tool, version, weights, options that are not the default's
 *     diffuse 0.1.0 weights HASH --guide=saxs:a.dat file a.dat HASH
 *     write 0.1.0 --output-format=pdb
 *
 * Options that cannot change a result (where records come from and go to, threads, the device, how much is said) are
 * left out. HASH is that of the content (base/hash.h): files may move. */
#ifndef BP_ORIGIN_H
#define BP_ORIGIN_H

#include "base/hash.h"
#include "base/opt.h"
#include "stream/rec.h"

/* bp_opt_changed, followed by "file NAME HASH" for each file that one of these options names (as --NAME=FILE, or
 * --NAME=KIND:FILE,...), unless the program itself writes it. A file that is not there has no hash. */
int bp_origin_options(struct bp_strlist *ret, const struct bp_program *prog, const void *opt, const void *defaults,
    struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;
/* The second half of it, on options that another program told. */
int bp_origin_files(struct bp_strlist *options, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

/* The line of a stage. weights may be NULL. NULL and BP_EMEM. */
const char *bp_origin_line(const char *tool, const char *version, const char *weights, const struct bp_strlist *options,
    struct bp_arena *mem, struct bp_err *err);
/* The lines of a record: from meta.input and its trail. Without meta.input there are none: where it comes from is not
 * known. */
int bp_origin(struct bp_strlist *ret, const struct bp_rec *rec, struct bp_err *err) BP_MUST_USE;
/* All lines as one hash. */
int bp_origin_key(
    char hex[BP_HASH_SIZE], const struct bp_strlist *lines, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

/* The first line in which `now` differs from `before`: false, when none does. Both texts are set then ("nothing" for a
 * line that is not there). n: look at so many lines only; -1: all. */
bool bp_origin_differs(
    const char **was, const char **is, const struct bp_strlist *before, const struct bp_strlist *now, int n);

#endif
