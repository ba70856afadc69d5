/* kernels/feed.h: parameters on their way to a card while the program goes on: a few threads pack what was put one behind the other into
 * buffers that the card reaches by itself, each with a stream of its own. Called by context.cu alone. */
#ifndef BP_FEED_H
#define BP_FEED_H

#include <cuda_runtime.h>
#include <stddef.h>

struct bp_feed;

/* n bytes from src, which stays as it is until the end, to dst on the card `device`. *f NULL: the threads are started first. Copies to rising addresses
 * with gaps that alignment leaves between them travel together, and the gaps are overwritten. False: no memory, or no thread. */
bool bp_feed_put(struct bp_feed **f, int device, void *dst, const void *src, size_t n);
/* Waits until all is there, ends the threads, frees *f and makes it NULL, which is fine, too. */
cudaError_t bp_feed_close(struct bp_feed **f);

#endif
