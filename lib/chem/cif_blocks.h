/* lib/chem/cif_blocks.h: the data blocks of a CIF file one at a time, so that a dictionary of 400 MB needs the
 * memory of its largest component. Plain and gzip files alike. */
#ifndef BP_CIF_BLOCKS_H
#define BP_CIF_BLOCKS_H

#include <stddef.h>

#include "base/err.h"

#ifdef __cplusplus
extern "C" {
#endif

struct bp_cif_blocks;

struct bp_cif_block {
	const char *text; /* [n], from "data_"; valid until the next call; no NUL */
	size_t n;
	char name[64];    /* what follows data_, cut to fit */
	long line;        /* of the text's first character, from 1 */
};

/* BP_EIO: cannot be opened. */
int bp_cif_blocks_open(struct bp_cif_blocks **ret, const char *path, struct bp_err *err) BP_MUST_USE;
/* BP_OK, or BP_EOS after the last block. BP_EINPUT: text before the first block, an endless block, gzip data cut or
 * damaged; the message names file and line. */
int bp_cif_blocks_next(struct bp_cif_blocks *b, struct bp_cif_block *ret, struct bp_err *err) BP_MUST_USE;
void bp_cif_blocks_close(struct bp_cif_blocks *b); /* NULL is fine */

#ifdef __cplusplus
}
#endif
#endif
