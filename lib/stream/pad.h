/* lib/stream/pad.h: a target's tensors made longer, so that targets of many sizes have few shapes, and cut again. Padding
 * is masked: token_pad_mask and atom_pad_mask are 0, class indices -1, everything else 0. meta.padded {tokens, atoms} keeps the
 * sizes from before. */
#ifndef BP_PAD_H
#define BP_PAD_H

#include "stream/rec.h"

/* Pad a features record to `tokens` tokens and `atoms` atoms (a multiple of 32), neither below what it has. Tensors that are not
 * the network's stay as they are. BP_EINPUT: a tensor has not the size that others have. */
int bp_rec_pad(struct bp_rec *rec, int64_t tokens, int64_t atoms, struct bp_err *err) BP_MUST_USE;

/* Cut plddt, pae, pde, s and z of a padded structures record to the tokens that were there; a record that was not padded stays as it is.
 * Atoms stay: atom_pad_mask tells them. BP_EINPUT: meta.padded does not fit. */
int bp_rec_unpad(struct bp_rec *rec, struct bp_err *err) BP_MUST_USE;

/* meta.padded.NAME, or `otherwise`. */
int64_t bp_rec_unpadded(const struct bp_rec *rec, const char *name, int64_t otherwise);

#endif
