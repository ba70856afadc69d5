#include "model/start.h"

#include <string.h>

#include "base/log.h"

char *
bp_model_variant(const struct bp_ctx *cx, const struct bp_common *c, struct bp_arena *mem, struct bp_err *err)
{
	char *s = bp_strdup(mem, c->variant, err);

	for (int i = 0; s && i < bp_ops_count(); i++)
		if (strcmp(bp_ops_bound(cx, i), c->variant) != 0)
			s = bp_sprintf(mem, err, "%s %s=%s", s, bp_ops_name(i), bp_ops_bound(cx, i));
	return s;
}

static int
tell(const struct bp_ctx *cx, const struct bp_weights *w, const struct bp_common *c, struct bp_err *err)
{
	struct bp_arena *mem;
	const char *variant;

	if (bp_log_level() < BP_LOG_INFO)
		return BP_OK;
	BP_TRY(bp_arena_open(&mem, 0, err));
	if ((variant = bp_model_variant(cx, c, mem, err)))
		bp_log(BP_LOG_INFO, "%s: %d threads, kernels %s; weights %s", c->device, cx->threads, variant,
		    bp_weights_path(w));
	bp_arena_close(mem);
	return variant ? BP_OK : BP_EMEM;
}

int
bp_model_open(struct bp_ctx **cx, struct bp_weights **w, const struct bp_common *c, struct bp_err *err)
{
	int st;

	*cx = NULL;
	*w = NULL;
	if ((st = bp_ctx_open(cx, c->device, c->variant, c->op.v, c->op.n, c->precision, c->threads, 0, err)) != BP_OK
	    || (st = bp_weights_open(w, c->weights, err)) != BP_OK || (st = tell(*cx, *w, c, err)) != BP_OK) {
		bp_model_close(*cx, *w);
		*cx = NULL;
		*w = NULL;
	}
	return st;
}

void
bp_model_close(struct bp_ctx *cx, struct bp_weights *w)
{
	bp_weights_close(w);
	bp_ctx_close(cx);
}
