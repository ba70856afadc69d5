/* lib/tensor/pickle_machine.h: the pickle machine's insides, shared by pickle.c and pickle_calls.c only. */
#ifndef BP_PICKLE_MACHINE_H
#define BP_PICKLE_MACHINE_H

#include "tensor/pickle.h"

enum { BP_PM_NODES = 1 << 22, BP_PM_NOT_MINE = 2 };

struct bp_pm {
	const unsigned char *p, *end, *start;
	const char *name;
	struct bp_arena *mem;
	struct bp_err *err;
	struct bp_pnode **stack, **memo;
	size_t n, cap; /* stack */
	size_t memo_n, memo_cap;
	size_t *mark, marks, mark_cap; /* stack heights */
	size_t nodes, slab_left;
	struct bp_pnode *slab;
};

#define BP_PM_BAD(m, hint, fmt, ...)                                                                                   \
	BP_FAIL((m)->err, BP_EINPUT, hint, "%s: pickle, byte %zu: " fmt, (m)->name, (size_t)((m)->p - (m)->start),     \
	    ##__VA_ARGS__)

int bp_pm_node(struct bp_pm *m, struct bp_pnode **ret, enum bp_ptype type) BP_MUST_USE;
/* Append n entries of w nodes to a container. */
int bp_pm_append(struct bp_pm *m, struct bp_pnode *c, struct bp_pnode **from, size_t n, size_t w) BP_MUST_USE;
int bp_pm_push(struct bp_pm *m, struct bp_pnode *x) BP_MUST_USE;
int bp_pm_push_object(struct bp_pm *m, const char *class, struct bp_pnode *state) BP_MUST_USE;
int bp_pm_push_items(struct bp_pm *m, enum bp_ptype type, struct bp_pnode **from, size_t n) BP_MUST_USE;
int bp_pm_pop(struct bp_pm *m, struct bp_pnode **x) BP_MUST_USE;
/* (*from)[0 .. n): the items above the last mark, which goes; they stay valid until the next push. */
int bp_pm_pop_to_mark(struct bp_pm *m, struct bp_pnode ***from, size_t *n) BP_MUST_USE;

/* The opcodes that name or call something; BP_PM_NOT_MINE for others. */
int bp_pm_call(struct bp_pm *m, unsigned char op) BP_MUST_USE;

#endif
