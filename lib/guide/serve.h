/* lib/guide/serve.h: what guide-saxs and guide-rg have in common: a main, and the answering of requests. */
#ifndef BP_GUIDE_SERVE_H
#define BP_GUIDE_SERVE_H

#include "guide/source.h"

/* Answer guide_request records of stdin on stdout (guide/protocol.h) until the end record, each target by a source made
 * of p. A request that fails is answered by an error record, and the next is waited for. Returns the exit status. */
int bp_guide_serve(const char *tool, struct bp_ctx *cx, struct bp_guide_params *p, size_t mem_cap);
/* The same for clients at an endpoint (stream/call.h), until a signal ends it. A few targets of different clients may be under way. */
int bp_guide_serve_at(const char *tool, struct bp_ctx *cx, struct bp_guide_params *p, const char *endpoint,
    const struct bp_common *c);

/* The options of a guide program begin with these. */
struct bp_guide_base {
	struct bp_common common;
	struct bp_guide_params p;
	const char *serve; /* an endpoint, "-", or NULL */
};

struct bp_guide_program {
	struct bp_program about; /* options: the program's own; the keys of the section follow them */
	const size_t *hidden;    /* fields of the keys that have other names here; 0 at the end     */
	int section;             /* of guide/params.h                                               */
	size_t size;             /* of the struct of options, which is 0 but for the base           */
	/* Check and complete the options: BP_EUSAGE. */
	int (*check)(void *opt, const struct bp_strlist *args, struct bp_err *err);
	/* Returns the exit status; not called for --serve. */
	int (*run)(void *opt, struct bp_ctx *cx, const struct bp_strlist *args, const struct bp_strlist *changed,
	    struct bp_arena *mem);
};

int bp_guide_main(const struct bp_guide_program *p, int argc, char **argv);

#endif
