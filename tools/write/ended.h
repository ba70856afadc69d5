/* tools/write/ended.h: DIR/.ended is there from when the end of a run is confirmed until write has left. A write that is killed between and
 * started again would wait for producers that have gone, with everything on disk. */
#ifndef WRITE_ENDED_H
#define WRITE_ENDED_H

#include <stdbool.h>

/* Is it there, made at most `within` seconds ago? *status: the exit status that was to be. */
bool ended_find(int *status, const char *dir, double within);
void ended_put(const char *dir, int status); /* that it could not be written costs a restart its patience, no more */
void ended_clear(const char *dir);

#endif
