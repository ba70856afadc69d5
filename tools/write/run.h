/* tools/write/run.h: the records of a stream, one by one, into files and lines of the manifest. */
#ifndef WRITE_RUN_H
#define WRITE_RUN_H

#include "stream/io.h"
#include "structure/save.h"

struct write_run {
	struct bp_save_opt save;
	struct bp_in *in;
	struct bp_outdir *dir;
	struct bp_arena *config, *mem; /* of the process, of the record */
	bool failed, mute;             /* some target; stdout is gone   */
};

/* Until the end record: BP_EOS; anything else: the stream can be read no further. */
int write_run(struct write_run *r, struct bp_err *err) BP_MUST_USE;

#endif
