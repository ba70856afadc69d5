/* lib/structure/mmcif.h: one sample of a structure, or a trajectory, as an mmCIF file with ModelCIF tables. */
#ifndef BP_MMCIF_H
#define BP_MMCIF_H

#include <stdio.h>

#include "structure/structure.h"

/* The tables that upstream writes with python-modelcif 1.2, in their order, and _struct_conn. plddt [ntokens], 0 to 1,
 * or NULL: then B factors are 0 and there are no quality tables. What differs from upstream: doc/output.md. Write
 * errors stay in f (ferror); BP_EMEM is the only other failure. */
int bp_mmcif_write(FILE *f, const struct bp_structure *s, int sample, const float *plddt, struct bp_arena *mem,
    struct bp_err *err) BP_MUST_USE;

/* The same with a model for each frame. */
int bp_mmcif_write_frames(FILE *f, const struct bp_structure *s, const struct bp_frames *frames, struct bp_arena *mem,
    struct bp_err *err) BP_MUST_USE;

/* A value as CIF wants it: s itself, or quoted into buf (n bytes, at least strlen(s) + 3). */
const char *bp_cif_quote(char *buf, size_t n, const char *s);

#endif
