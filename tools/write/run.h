/* tools/write/run.h: the records of a stream, one by one, into files and lines of the manifest. */
#ifndef WRITE_RUN_H
#define WRITE_RUN_H

#include "base/set.h"
#include "stream/io.h"
#include "structure/save.h"

struct write_run {
	struct bp_save_opt save;
	struct bp_in *in;
	struct bp_outdir *dir;
	struct bp_arena *config, *mem; /* of the process, of the record */
	bool failed, mute;             /* some target; stdout is gone   */
	bool part;                     /* others write the rest         */
	bool begun;                    /* a record came                 */
	double patience;               /* s to wait for a disk that is full, when records come over a socket; 0: for ever */
	struct bp_set seen;            /* "RUN ID SAMPLE" of all that came with a run */
	struct bp_stats *stats;
	struct bp_err lost; /* why the last record could not be written; code BP_OK: it was */
};

/* Until the end record: BP_EOS; anything else: the stream can be read no further, or over a socket: the disk takes no more, and the record
 * goes back. */
int write_run(struct write_run *r, struct bp_err *err) BP_MUST_USE;
/* After it: name the targets that the end records told of and that are not here. */
void write_missing(struct write_run *r);

#endif
