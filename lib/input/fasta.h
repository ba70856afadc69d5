/* lib/input/fasta.h: upstream's FASTA inputs: records ">CHAIN|TYPE[|MSA]", TYPE protein, dna, rna, ccd or smiles (any
 * case), MSA a file or "empty" and for proteins only. */
#ifndef BP_FASTA_H
#define BP_FASTA_H

#include "base/val.h"

/* text has a NUL at text[n]. The records as the value that the same input has in YAML ({sequences: [...]}, lines
 * included), for bp_schema_read. */
int bp_fasta_read(struct bp_val **ret, const char *path, const char *text, size_t n, struct bp_arena *mem,
    struct bp_err *err) BP_MUST_USE;

#endif
