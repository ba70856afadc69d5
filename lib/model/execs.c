/* lib/model/execs.c: the programs of a run's exec guides: each runs once, whatever number of targets and guides it serves */
#include "model/guiding.h"

#include <string.h>

void
bp_execs_close(struct bp_execs *x)
{
	for (int i = 0; i < x->n; i++)
		bp_exec_close(x->of[i].e);
	x->n = 0;
}

int
bp_execs_find(struct bp_exec **ret, struct bp_execs *x, const struct bp_guide_params *p, struct bp_err *err)
{
	const int most = (int)(sizeof x->of / sizeof *x->of);

	for (int i = 0; i < x->n; i++)
		if (strcmp(x->of[i].command, p->command) == 0) {
			*ret = x->of[i].e;
			return BP_OK;
		}
	if (x->n == most)
		return BP_FAIL(err, BP_EUNSUP, NULL, "more than %d programs as guides", most);
	BP_TRY(bp_exec_open(ret, p->command, p->timeout, x->wire, err));
	x->of[x->n].command = bp_exec_command(*ret);
	x->of[x->n++].e = *ret;
	return BP_OK;
}
