/* kernels/feed.h: parameters on their way to a card while the program goes on: a few threads pack what was put one behind the other into
 * buffers that the card reaches by itself, each with a stream of its own. Called by context.cu alone. */
#ifndef BP_FEED_H
#define BP_FEED_H

#include <cuda_runtime.h>
#include <stddef.h>

struct bp_feed;

/* Starts the threads for card `device`. NULL: no memory, or no thread. */
struct bp_feed *bp_feed_open(int device);
/* n bytes from src, which stays as it is until the end, to dst on the card. Copies to rising addresses without gaps beyond `align` bytes
 * travel together, and what lies between them is overwritten. False: no memory. */
bool bp_feed_put(struct bp_feed *f, void *dst, const void *src, size_t n);
/* Waits until all is there, ends the threads, frees f. */
cudaError_t bp_feed_close(struct bp_feed *f);

#endif
