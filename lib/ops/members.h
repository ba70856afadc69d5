/* lib/ops/members.h: ops whose rows are those of several targets, the members of a batch (doc/ops.md), and rows of the op table that know one target alone. */
#ifndef BP_OP_MEMBERS_H
#define BP_OP_MEMBERS_H

#include "ops/ctx.h"

static inline int
bp_members(int members) /* 0: one */
{
	return members > 1 ? members : 1;
}

/* bp_OP_each(cx, a, one): one(cx, target by target), for an op with n, c, members, x and out [members,n,n,c], mask [members,n] and pair_mask [members,n,n] or
 * NULL. To ops below it is as if each were alone. */
#define BP_OVER_MEMBERS(op)                                                                                          \
	static inline int bp_##op##_each(struct bp_ctx *cx, const struct bp_##op *a, bp_##op##_fn *one)              \
	{                                                                                                            \
		const size_t n = (size_t)a->n, pairs = n * n, numbers = pairs * (size_t)a->c;                        \
		const int was = cx->members;                                                                         \
		struct bp_##op t = *a;                                                                               \
		int st = BP_OK;                                                                                      \
                                                                                                                     \
		cx->members = t.members = 0;                                                                         \
		for (int g = 0; g < a->members && st == BP_OK; g++) {                                                \
			t.x = a->x + (size_t)g * numbers, t.out = a->out + (size_t)g * numbers;                      \
			t.mask = a->mask ? a->mask + (size_t)g * n : NULL;                                           \
			t.pair_mask = a->pair_mask ? a->pair_mask + (size_t)g * pairs : NULL;                        \
			st = one(cx, &t);                                                                            \
		}                                                                                                    \
		cx->members = was;                                                                                   \
		return st;                                                                                           \
	}

#endif
