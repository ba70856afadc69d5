/* The pickle machine: a stack, a memo, and one function a group of opcodes.
 * From the top: nodes, stack, scalars, containers, memo, the loop. What may be called is in pickle_calls.c. */
#include <string.h>

#include "tensor/pickle_machine.h"

/* ---- nodes ---- */

int
bp_pm_node(struct bp_pm *m, struct bp_pnode **ret, enum bp_ptype type)
{
	if (++m->nodes > BP_PM_NODES)
		return BP_PM_BAD(m, NULL, "more than %d objects", BP_PM_NODES);
	if (!m->slab_left) {
		m->slab_left = 256;
		BP_NEW(m->slab, m->slab_left, m->mem, m->err);
	}
	*ret = m->slab++;
	m->slab_left--;
	(*ret)->type = type;
	return BP_OK;
}

/* room for n more of `each` bytes in an array of the arena that holds *cap; the old copy stays until the arena goes */
static int
reserve(struct bp_pm *m, void **p, size_t *cap, size_t have, size_t n, size_t each)
{
	size_t want = *cap ? *cap : 8;
	void *q;

	if (n <= *cap - have)
		return BP_OK;
	while (want < have + n)
		want *= 2;
	if (!(q = bp_calloc(m->mem, want, each, m->err)))
		return BP_EMEM;
	if (have)
		memcpy(q, *p, have * each);
	*p = q;
	*cap = want;
	return BP_OK;
}

/* append n entries of w nodes to a container */
int
bp_pm_append(struct bp_pm *m, struct bp_pnode *c, struct bp_pnode **from, size_t n, size_t w)
{
	void *p = c->u.item;

	if ((m->nodes += n) > BP_PM_NODES)
		return BP_PM_BAD(m, NULL, "more than %d objects", BP_PM_NODES);
	BP_TRY(reserve(m, &p, &c->cap, c->n, n, w * sizeof(struct bp_pnode *)));
	c->u.item = p;
	if (n)
		memcpy(c->u.item + w * c->n, from, w * n * sizeof *from);
	c->n += n;
	return BP_OK;
}

/* ---- stack ---- */

int
bp_pm_push(struct bp_pm *m, struct bp_pnode *x)
{
	void *p = m->stack;

	BP_TRY(reserve(m, &p, &m->cap, m->n, 1, sizeof *m->stack));
	m->stack = p;
	m->stack[m->n++] = x;
	return BP_OK;
}

/* how many items lie above the last mark */
static size_t
above_mark(const struct bp_pm *m)
{
	return m->n - (m->marks ? m->mark[m->marks - 1] : 0);
}

int
bp_pm_pop(struct bp_pm *m, struct bp_pnode **x)
{
	if (!above_mark(m))
		return BP_PM_BAD(m, NULL, "nothing is on the stack");
	*x = m->stack[--m->n];
	return BP_OK;
}

static int
push_mark(struct bp_pm *m)
{
	void *p = m->mark;

	BP_TRY(reserve(m, &p, &m->mark_cap, m->marks, 1, sizeof *m->mark));
	m->mark = p;
	m->mark[m->marks++] = m->n;
	return BP_OK;
}

/* *from[0 .. n): the items above the last mark, which goes; they stay valid until the next push */
int
bp_pm_pop_to_mark(struct bp_pm *m, struct bp_pnode ***from, size_t *n)
{
	if (!m->marks)
		return BP_PM_BAD(m, NULL, "no mark is set");
	*n = above_mark(m);
	m->n = m->mark[--m->marks];
	*from = m->stack ? m->stack + m->n : NULL; /* NULL: nothing was ever pushed */
	return BP_OK;
}

/* ---- scalars ---- */

static int
take(struct bp_pm *m, size_t n, const unsigned char **p)
{
	if (n > (size_t)(m->end - m->p))
		return BP_PM_BAD(m, "is the file whole?", "it is cut");
	*p = m->p;
	m->p += n;
	return BP_OK;
}

static int
number(struct bp_pm *m, int size, uint64_t *ret)
{
	const unsigned char *p;

	BP_TRY(take(m, (size_t)size, &p));
	*ret = 0;
	for (int i = size - 1; i >= 0; i--)
		*ret = *ret << 8 | p[i];
	return BP_OK;
}

static int
push_int(struct bp_pm *m, int64_t i)
{
	struct bp_pnode *x = NULL;

	BP_TRY(bp_pm_node(m, &x, BP_P_INT));
	x->u.i = i;
	return bp_pm_push(m, x);
}

static int
push_string(struct bp_pm *m, enum bp_ptype type, uint64_t n)
{
	const unsigned char *p;
	struct bp_pnode *x = NULL;

	BP_TRY(take(m, n, &p));
	BP_TRY(bp_pm_node(m, &x, type));
	x->n = n;
	if (!(x->u.s = bp_strndup(m->mem, (const char *)p, n, m->err)))
		return BP_EMEM;
	return bp_pm_push(m, x);
}

static int
push_simple(struct bp_pm *m, enum bp_ptype type, bool b)
{
	struct bp_pnode *x = NULL;

	BP_TRY(bp_pm_node(m, &x, type));
	if (type == BP_P_BOOL)
		x->u.b = b;
	return bp_pm_push(m, x);
}

int
bp_pm_push_object(struct bp_pm *m, const char *class, struct bp_pnode *state)
{
	struct bp_pnode *x = NULL;

	BP_TRY(bp_pm_node(m, &x, BP_P_OBJECT));
	BP_NEW(x->u.object, 1, m->mem, m->err);
	x->u.object->class = class;
	x->u.object->state = state;
	return bp_pm_push(m, x);
}

/* two's complement, little-endian; what is longer than 64 bits is no number of ours */
static int
push_long(struct bp_pm *m, uint64_t n)
{
	const unsigned char *p;
	uint64_t u;

	BP_TRY(take(m, n, &p));
	if (n > 8)
		return bp_pm_push_object(m, "builtins.int", NULL);
	u = n && p[n - 1] & 0x80 ? UINT64_MAX : 0;
	while (n-- > 0)
		u = u << 8 | p[n];
	return push_int(m, (int64_t)u);
}

static int
push_real(struct bp_pm *m)
{
	const unsigned char *p;
	struct bp_pnode *x = NULL;
	uint64_t u = 0;

	BP_TRY(take(m, 8, &p));
	for (int i = 0; i < 8; i++)
		u = u << 8 | p[i];
	BP_TRY(bp_pm_node(m, &x, BP_P_REAL));
	memcpy(&x->u.f, &u, 8);
	return bp_pm_push(m, x);
}

static int
scalars(struct bp_pm *m, unsigned char op)
{
	/* the length that follows: bytes of it, and what it is the length of */
	static const struct {
		unsigned char op;
		char size, type;
	} sized[] = { { 'T', 4, BP_P_BYTES }, { 'U', 1, BP_P_BYTES }, { 'X', 4, BP_P_STR }, { 0x8c, 1, BP_P_STR },
		{ 0x8d, 8, BP_P_STR }, { 'B', 4, BP_P_BYTES }, { 'C', 1, BP_P_BYTES }, { 0x8e, 8, BP_P_BYTES },
		{ 0x96, 8, BP_P_BYTES } };
	uint64_t u;

	for (size_t i = 0; i < sizeof sized / sizeof *sized; i++)
		if (op == sized[i].op) {
			BP_TRY(number(m, sized[i].size, &u));
			return push_string(m, (enum bp_ptype)sized[i].type, u);
		}
	switch (op) {
	case 'N':
		return push_simple(m, BP_P_NONE, false);
	case 0x88:
	case 0x89:
		return push_simple(m, BP_P_BOOL, op == 0x88);
	case 'J':
		BP_TRY(number(m, 4, &u));
		return push_int(m, (int32_t)u);
	case 'K':
	case 'M':
		BP_TRY(number(m, op == 'K' ? 1 : 2, &u));
		return push_int(m, (int64_t)u);
	case 0x8a:
	case 0x8b:
		BP_TRY(number(m, op == 0x8a ? 1 : 4, &u));
		return push_long(m, u);
	case 'G':
		return push_real(m);
	}
	return BP_PM_NOT_MINE;
}

/* ---- containers ---- */

int
bp_pm_push_items(struct bp_pm *m, enum bp_ptype type, struct bp_pnode **from, size_t n)
{
	struct bp_pnode *x = NULL;

	if (type == BP_P_DICT && n % 2)
		return BP_PM_BAD(m, NULL, "a key without a value");
	BP_TRY(bp_pm_node(m, &x, type));
	BP_TRY(bp_pm_append(m, x, from, type == BP_P_DICT ? n / 2 : n, type == BP_P_DICT ? 2 : 1));
	return bp_pm_push(m, x);
}

/* put n nodes into the container on the stack's top; an unknown object keeps them too */
static int
extend_top(struct bp_pm *m, bool pairs, struct bp_pnode **from, size_t n)
{
	enum bp_ptype type = pairs ? BP_P_DICT : BP_P_LIST;
	struct bp_pnode *c;

	if (!above_mark(m) || (pairs && n % 2))
		return BP_PM_BAD(m, NULL, "nothing to put items into");
	c = m->stack[m->n - 1];
	if (c->type == BP_P_OBJECT) {
		if (!c->u.object->items)
			BP_TRY(bp_pm_node(m, &c->u.object->items, type));
		c = c->u.object->items;
	}
	if (c->type != type && !(c->type == BP_P_SET && !pairs))
		return BP_PM_BAD(m, NULL, "items for what is no %s", pairs ? "dict" : "list");
	return bp_pm_append(m, c, from, pairs ? n / 2 : n, pairs ? 2 : 1);
}

static int
containers(struct bp_pm *m, unsigned char op)
{
	struct bp_pnode **from, *x[3];
	size_t n;

	switch (op) {
	case ']':
		return bp_pm_push_items(m, BP_P_LIST, NULL, 0);
	case ')':
		return bp_pm_push_items(m, BP_P_TUPLE, NULL, 0);
	case '}':
		return bp_pm_push_items(m, BP_P_DICT, NULL, 0);
	case 0x8f:
		return bp_pm_push_items(m, BP_P_SET, NULL, 0);
	case 'l':
	case 't':
	case 'd':
	case 0x91:
		BP_TRY(bp_pm_pop_to_mark(m, &from, &n));
		return bp_pm_push_items(m,
		    op == 'l'       ? BP_P_LIST
		        : op == 't' ? BP_P_TUPLE
		        : op == 'd' ? BP_P_DICT
		                    : BP_P_SET,
		    from, n);
	case 0x85:
	case 0x86:
	case 0x87:
		n = op - 0x84u;
		for (size_t i = n; i > 0; i--)
			BP_TRY(bp_pm_pop(m, &x[i - 1]));
		return bp_pm_push_items(m, BP_P_TUPLE, x, n);
	case 'a':
		BP_TRY(bp_pm_pop(m, &x[0]));
		return extend_top(m, false, x, 1);
	case 's':
		BP_TRY(bp_pm_pop(m, &x[1]));
		BP_TRY(bp_pm_pop(m, &x[0]));
		return extend_top(m, true, x, 2);
	case 'e':
	case 'u':
	case 0x90:
		BP_TRY(bp_pm_pop_to_mark(m, &from, &n));
		return extend_top(m, op == 'u', from, n);
	}
	return BP_PM_NOT_MINE;
}

/* ---- stack and memo ---- */

static int
memo_put(struct bp_pm *m, uint64_t i)
{
	void *p = m->memo;

	if (i >= BP_PM_NODES || !above_mark(m))
		return BP_PM_BAD(m, NULL, "a memo of number %llu", (unsigned long long)i);
	if (i >= m->memo_n) {
		BP_TRY(reserve(m, &p, &m->memo_cap, m->memo_n, (size_t)i + 1 - m->memo_n, sizeof *m->memo));
		m->memo = p;
		m->memo_n = (size_t)i + 1;
	}
	m->memo[i] = m->stack[m->n - 1];
	return BP_OK;
}

static int
memo_get(struct bp_pm *m, uint64_t i)
{
	if (i >= m->memo_n || !m->memo[i])
		return BP_PM_BAD(m, NULL, "memo %llu was never set", (unsigned long long)i);
	return bp_pm_push(m, m->memo[i]);
}

static int
bookkeeping(struct bp_pm *m, unsigned char op)
{
	struct bp_pnode *x, **from;
	size_t n;
	uint64_t u;

	switch (op) {
	case 0x80: /* protocol */
		BP_TRY(number(m, 1, &u));
		return u >= 2 && u <= 5 ? BP_OK : BP_PM_BAD(m, NULL, "protocol %d, 2 to 5 are read", (int)u);
	case 0x95: /* frame: says only how many bytes follow */
		return number(m, 8, &u);
	case '(':
		return push_mark(m);
	case '0':
		return bp_pm_pop(m, &x);
	case '1':
		return bp_pm_pop_to_mark(m, &from, &n);
	case '2':
		if (!above_mark(m))
			return BP_PM_BAD(m, NULL, "nothing is on the stack");
		return bp_pm_push(m, m->stack[m->n - 1]);
	case 'h':
	case 'j':
		BP_TRY(number(m, op == 'h' ? 1 : 4, &u));
		return memo_get(m, u);
	case 'q':
	case 'r':
		BP_TRY(number(m, op == 'q' ? 1 : 4, &u));
		return memo_put(m, u);
	case 0x94:
		return memo_put(m, m->memo_n);
	}
	return BP_PM_NOT_MINE;
}

/* ---- the loop ---- */

int
bp_pickle_read(
    const struct bp_pnode **ret, const void *data, size_t n, const char *name, struct bp_arena *mem, struct bp_err *err)
{
	static int (*const group[])(struct bp_pm *, unsigned char) = { bookkeeping, scalars, containers, bp_pm_call };
	struct bp_pm m = {
		.p = data, .start = data, .end = (const unsigned char *)data + n, .name = name, .mem = mem, .err = err
	};
	struct bp_pnode *x;

	*ret = NULL;
	for (;;) {
		const unsigned char *op;
		int st = BP_PM_NOT_MINE;
		BP_TRY(take(&m, 1, &op));
		if (*op == '.')
			break;
		for (size_t i = 0; i < sizeof group / sizeof *group && st == BP_PM_NOT_MINE; i++)
			st = group[i](&m, *op);
		if (st == BP_PM_NOT_MINE)
			return BP_PM_BAD(
			    &m, "is it a checkpoint of torch 1.6 or later?", "opcode 0x%02x is not read", *op);
		if (st != BP_OK)
			return st;
	}
	BP_TRY(bp_pm_pop(&m, &x));
	*ret = x;
	return BP_OK;
}

const struct bp_pnode *
bp_pickle_get(const struct bp_pnode *dict, const char *key)
{
	if (dict && dict->type == BP_P_OBJECT)
		dict = dict->u.object->items;
	if (!dict || dict->type != BP_P_DICT)
		return NULL;
	for (size_t i = dict->n; i > 0; i--) {
		const struct bp_pnode *k = dict->u.item[2 * i - 2];
		if (k->type == BP_P_STR && k->n == strlen(key) && memcmp(k->u.s, key, k->n) == 0)
			return dict->u.item[2 * i - 1];
	}
	return NULL;
}
