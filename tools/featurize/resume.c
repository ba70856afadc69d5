#include "resume.h"

#include <string.h>

#include "base/log.h"
#include "stream/origin.h"
#include "structure/kept.h"
#include "structure/outdir.h"

int
resume_with(struct resume *r, const char *text, struct bp_arena *mem, struct bp_err *err)
{
	char *copy = bp_strdup(mem, text, err), *rest = copy, *line;

	if (!copy)
		return BP_EMEM;
	while ((line = strsep(&rest, "\n")))
		if (*line)
			BP_TRY(bp_strlist_add(&r->with, line, mem, err));
	return BP_OK;
}

int
resume_find(bool *ret, struct resume *r, const struct bp_rec *done, struct bp_arena *keep, struct bp_err *err)
{
	struct bp_strlist now;
	const char *was, *is;
	struct bp_kept *k;

	*ret = false;
	if (bp_id_check(done->id, NULL) != BP_OK)
		return BP_OK;
	BP_TRY(bp_origin(&now, done, err));
	for (int i = 0; i < r->with.n; i++)
		BP_TRY(bp_strlist_add(&now, r->with.v[i], done->mem, err));
	BP_TRY(bp_kept_read(&k, r->dir, done->id, done->mem, err));
	if (!k)
		return BP_OK;
	if (!bp_origin_differs(&was, &is, &k->made_from, &now, r->with.n ? -1 : now.n)) {
		*ret = true;
		return BP_OK;
	}
	if (r->others++ == 0
	    && !(r->first = bp_sprintf(keep, err, "%s: '%.200s' then, '%.200s' now", done->id, was, is)))
		return BP_EMEM;
	return BP_OK;
}

void
resume_tell(const struct resume *r)
{
	if (r->others)
		bp_log(BP_LOG_WARN, "%s: %d target%s made from another input or otherwise, and made anew; %s", r->dir,
		    r->others, r->others == 1 ? " there was" : "s there were", r->first);
}
