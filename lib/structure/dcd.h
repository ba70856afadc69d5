/* lib/structure/dcd.h: a trajectory as a DCD file, the binary format of CHARMM and NAMD: float32 positions, no names (a
 * model file of the same atoms has those). Little-endian. */
#ifndef BP_DCD_H
#define BP_DCD_H

#include <stdio.h>

#include "structure/structure.h"

/* Write errors stay in f (ferror). */
int bp_dcd_write(FILE *f, const struct bp_structure *s, const struct bp_frames *frames, struct bp_arena *mem,
    struct bp_err *err) BP_MUST_USE;

#endif
