/* What a pickle may call, of the pickle machine (pickle.h): names, calls, torch's tensors and storages. */
#include <string.h>

#include "tensor/pickle_machine.h"

static int
push_global(struct bp_pm *m, const char *module, size_t module_n, const char *name, size_t name_n)
{
	struct bp_pnode *x = NULL;
	char *s;

	if (memchr(module, 0, module_n) || memchr(name, 0, name_n))
		return BP_PM_BAD(m, NULL, "a name with a NUL inside");
	BP_TRY(bp_pm_node(m, &x, BP_P_GLOBAL));
	if (!(s = bp_alloc(m->mem, module_n + name_n + 2, m->err)))
		return BP_EMEM;
	memcpy(s, module, module_n);
	s[module_n] = '.';
	memcpy(s + module_n + 1, name, name_n);
	s[module_n + 1 + name_n] = 0;
	x->u.s = s;
	x->n = strlen(s);
	return bp_pm_push(m, x);
}

/* "module\nname\n" */
static int
global_line(struct bp_pm *m)
{
	const unsigned char *p = m->p, *a = memchr(p, '\n', (size_t)(m->end - p)), *b;

	if (!a || !(b = memchr(a + 1, '\n', (size_t)(m->end - a - 1))))
		return BP_PM_BAD(m, "is the file whole?", "it is cut");
	m->p = b + 1;
	return push_global(m, (const char *)p, (size_t)(a - p), (const char *)a + 1, (size_t)(b - a - 1));
}

/* Modules whose classes, too, act on the machine when called: a pickle that calls one is an attack, or no checkpoint.
 * Nothing would be run either way; the list makes the refusal. */
static bool
acts(const char *name)
{
	static const char *const module[] = { "os", "posix", "nt", "subprocess", "sys", "builtins", "__builtin__",
		"importlib", "runpy", "shutil", "socket", "ctypes", "pickle", "_pickle", "marshal", "code", "codeop",
		"pty", "commands", "webbrowser", "timeit", "multiprocessing", "asyncio", "pip", "bdb", "pdb",
		"tempfile", "urllib", "http", "requests", "ssl", "dill", "cloudpickle", "joblib" };
	size_t n = strcspn(name, ".");

	for (size_t i = 0; i < sizeof module / sizeof *module; i++)
		if (n == strlen(module[i]) && strncmp(name, module[i], n) == 0)
			return true;
	return false;
}

/* a class, by Python's habit of writing names, or a function that only makes a value that we have no use for */
static bool
makes_object(const char *name)
{
	static const char *const harmless[] = { "_codecs.encode", "numpy.core.multiarray.scalar",
		"numpy.core.multiarray._reconstruct", "numpy._core.multiarray.scalar",
		"numpy._core.multiarray._reconstruct", "numpy.dtype", "numpy.ndarray", "torch.device",
		"torch._utils._rebuild_tensor_v3", "torch._utils._rebuild_device_tensor_from_numpy",
		"datetime.datetime", "datetime.date", "datetime.timedelta", "builtins.complex", "builtins.slice",
		"builtins.range", "builtins.bytearray", "builtins.object" };
	const char *last = strrchr(name, '.') + 1;

	for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
		if (strcmp(name, harmless[i]) == 0)
			return true;
	last += strspn(last, "_");
	return *last >= 'A' && *last <= 'Z' && !acts(name);
}

static int
refuse(struct bp_pm *m, const char *name)
{
	return BP_PM_BAD(m, "it is no plain checkpoint: do not open it with torch.load either",
	    "it calls %.120s, which is refused", name);
}

static bool
is_ints(const struct bp_pnode *x)
{
	if (x->type != BP_P_TUPLE && x->type != BP_P_LIST)
		return false;
	for (size_t i = 0; i < x->n; i++)
		if (x->u.item[i]->type != BP_P_INT || x->u.item[i]->u.i < 0)
			return false;
	return true;
}

/* torch._utils._rebuild_tensor_v2(storage, offset, size, stride, ...): every element must lie in the storage */
static int
rebuild_tensor(struct bp_pm *m, const struct bp_pnode *args)
{
	struct bp_pnode **a = args->u.item, *x = NULL;
	struct bp_ptensor *t;
	int64_t last, step;

	if (args->n < 4 || a[0]->type != BP_P_STORAGE || a[1]->type != BP_P_INT || !is_ints(a[2]) || !is_ints(a[3])
	    || a[2]->n != a[3]->n)
		return BP_PM_BAD(
		    m, NULL, "a tensor is rebuilt from something else than storage, offset, size and stride");
	if (a[2]->n > BP_MAXDIM)
		return BP_PM_BAD(m, NULL, "a tensor of %zu axes, at most %d are known", a[2]->n, BP_MAXDIM);
	BP_TRY(bp_pm_node(m, &x, BP_P_TENSOR));
	BP_NEW(t, 1, m->mem, m->err);
	t->storage = a[0]->u.storage;
	t->offset = last = a[1]->u.i;
	t->ndim = (int)a[2]->n;
	for (int i = 0; i < t->ndim; i++) {
		t->shape[i] = a[2]->u.item[i]->u.i;
		t->stride[i] = a[3]->u.item[i]->u.i;
	}
	for (int i = 0; i < t->ndim && last >= 0; i++)
		if (t->shape[i] > 0
		    && (__builtin_mul_overflow(t->shape[i] - 1, t->stride[i], &step)
		        || __builtin_add_overflow(last, step, &last)))
			last = -1;
	if (!bp_shape_count(&step, t->ndim, t->shape) || last < 0 || t->offset < 0
	    || (step > 0 && last >= t->storage->count) || step > t->storage->count)
		return BP_PM_BAD(m, NULL, "a tensor is larger than its storage '%.40s' of %lld elements",
		    t->storage->key, (long long)t->storage->count);
	x->u.tensor = t;
	return bp_pm_push(m, x);
}

/* OrderedDict(), OrderedDict([[k, v], ..]), OrderedDict({..}) */
static int
ordered_dict(struct bp_pm *m, const struct bp_pnode *args)
{
	struct bp_pnode *x = NULL, *a = args->n ? args->u.item[0] : NULL;

	BP_TRY(bp_pm_node(m, &x, BP_P_DICT));
	if (a && a->type == BP_P_DICT)
		BP_TRY(bp_pm_append(m, x, a->u.item, a->n, 2));
	for (size_t i = 0; a && (a->type == BP_P_LIST || a->type == BP_P_TUPLE) && i < a->n; i++) {
		struct bp_pnode *pair = a->u.item[i];
		if ((pair->type != BP_P_LIST && pair->type != BP_P_TUPLE) || pair->n != 2)
			return BP_PM_BAD(m, NULL, "an OrderedDict of something else than pairs");
		BP_TRY(bp_pm_append(m, x, pair->u.item, 1, 2));
	}
	return bp_pm_push(m, x);
}

/* set(list) and the like: the items as another container */
static int
recontain(struct bp_pm *m, enum bp_ptype type, const struct bp_pnode *args)
{
	const struct bp_pnode *a = args->n ? args->u.item[0] : NULL;

	if (a && a->type != BP_P_LIST && a->type != BP_P_TUPLE && a->type != BP_P_SET)
		return BP_PM_BAD(m, NULL, "a container made of no list");
	return bp_pm_push_items(m, type, a ? a->u.item : NULL, a ? a->n : 0);
}

enum action { TENSOR, FIRST, DICT, EMPTY_DICT, SET, LIST, TUPLE, RECONSTRUCT };

static const struct {
	const char *name;
	enum action action;
} known[] = {
	{ "torch._utils._rebuild_tensor_v2", TENSOR },
	{ "torch._utils._rebuild_tensor", TENSOR },
	{ "torch._utils._rebuild_parameter", FIRST },
	{ "torch._utils._rebuild_parameter_with_state", FIRST },
	{ "collections.OrderedDict", DICT },
	{ "builtins.dict", DICT },
	{ "__builtin__.dict", DICT },
	{ "collections.defaultdict", EMPTY_DICT },
	{ "builtins.set", SET },
	{ "__builtin__.set", SET },
	{ "builtins.frozenset", SET },
	{ "__builtin__.frozenset", SET },
	{ "builtins.list", LIST },
	{ "builtins.tuple", TUPLE },
	{ "torch.Size", TUPLE },
	{ "copyreg._reconstructor", RECONSTRUCT },
	{ "copy_reg._reconstructor", RECONSTRUCT },
};

static int
call(struct bp_pm *m, const struct bp_pnode *f, struct bp_pnode *args)
{
	if (f->type != BP_P_GLOBAL || args->type != BP_P_TUPLE)
		return BP_PM_BAD(m, NULL, "a call of what is no name, or without arguments");
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (strcmp(f->u.s, known[i].name) != 0)
			continue;
		switch (known[i].action) {
		case TENSOR:
			return rebuild_tensor(m, args);
		case FIRST:
			return args->n ? bp_pm_push(m, args->u.item[0])
			               : BP_PM_BAD(m, NULL, "%s without arguments", f->u.s);
		case DICT:
			return ordered_dict(m, args);
		case EMPTY_DICT:
			return bp_pm_push_items(m, BP_P_DICT, NULL, 0);
		case SET:
			return recontain(m, BP_P_SET, args);
		case LIST:
			return recontain(m, BP_P_LIST, args);
		case TUPLE:
			return recontain(m, BP_P_TUPLE, args);
		case RECONSTRUCT: /* (class, base, state of the base) */
			if (!args->n || args->u.item[0]->type != BP_P_GLOBAL)
				return BP_PM_BAD(m, NULL, "an object without a class");
			return makes_object(args->u.item[0]->u.s) ? bp_pm_push_object(m, args->u.item[0]->u.s, NULL)
			                                          : refuse(m, args->u.item[0]->u.s);
		}
	}
	return makes_object(f->u.s) ? bp_pm_push_object(m, f->u.s, args) : refuse(m, f->u.s);
}

/* x.__setstate__(state): dicts (a state_dict's _metadata) and tensors have no use for it */
static int
build(struct bp_pm *m)
{
	struct bp_pnode *state, *x;

	BP_TRY(bp_pm_pop(m, &state));
	BP_TRY(bp_pm_pop(m, &x));
	if (x->type == BP_P_GLOBAL)
		return refuse(m, x->u.s);
	if (x->type == BP_P_OBJECT)
		x->u.object->state = state;
	return bp_pm_push(m, x);
}

/* ('storage', torch.FloatStorage, key, location, count) */
static int
persistent(struct bp_pm *m)
{
	static const struct {
		const char *class;
		enum bp_dtype dtype;
	} type[] = { { "torch.FloatStorage", BP_F32 }, { "torch.DoubleStorage", BP_F64 },
		{ "torch.HalfStorage", BP_F16 }, { "torch.BFloat16Storage", BP_BF16 }, { "torch.LongStorage", BP_I64 },
		{ "torch.IntStorage", BP_I32 }, { "torch.ShortStorage", BP_I16 }, { "torch.CharStorage", BP_I8 },
		{ "torch.ByteStorage", BP_U8 }, { "torch.BoolStorage", BP_B8 },
		{ "torch.storage.UntypedStorage", BP_U8 } };
	const size_t types = sizeof type / sizeof *type;
	struct bp_pnode *id, **a, *x = NULL;
	size_t i = 0;

	BP_TRY(bp_pm_pop(m, &id));
	a = id->u.item;
	if (id->type != BP_P_TUPLE || id->n != 5 || a[0]->type != BP_P_STR || strcmp(a[0]->u.s, "storage") != 0
	    || a[1]->type != BP_P_GLOBAL || a[2]->type != BP_P_STR || a[4]->type != BP_P_INT || a[4]->u.i < 0)
		return BP_PM_BAD(m, NULL, "an outside reference that is no torch storage");
	while (i < types && strcmp(a[1]->u.s, type[i].class) != 0)
		i++;
	if (i == types)
		return BP_PM_BAD(
		    m, "convert the weights to float32 first", "storage type %.60s is not known", a[1]->u.s);
	if (strlen(a[2]->u.s) != a[2]->n || strchr(a[2]->u.s, '/'))
		return BP_PM_BAD(m, NULL, "a storage with a strange key");
	BP_TRY(bp_pm_node(m, &x, BP_P_STORAGE));
	BP_NEW(x->u.storage, 1, m->mem, m->err);
	*x->u.storage = (struct bp_pstorage) { type[i].dtype, a[2]->u.s, a[4]->u.i };
	return bp_pm_push(m, x);
}

int
bp_pm_call(struct bp_pm *m, unsigned char op)
{
	struct bp_pnode *f, *args, *kwargs, **from;
	size_t n;

	switch (op) {
	case 'c':
		return global_line(m);
	case 0x93:
		BP_TRY(bp_pm_pop(m, &args));
		BP_TRY(bp_pm_pop(m, &f));
		if (f->type != BP_P_STR || args->type != BP_P_STR)
			return BP_PM_BAD(m, NULL, "a name that is no string");
		return push_global(m, f->u.s, f->n, args->u.s, args->n);
	case 'R':
		BP_TRY(bp_pm_pop(m, &args));
		BP_TRY(bp_pm_pop(m, &f));
		return call(m, f, args);
	case 0x92: /* NEWOBJ with keywords */
		BP_TRY(bp_pm_pop(m, &kwargs));
		/* fall through */
	case 0x81:
		BP_TRY(bp_pm_pop(m, &args));
		BP_TRY(bp_pm_pop(m, &f));
		return call(m, f, args);
	case 'i':
		BP_TRY(global_line(m));
		BP_TRY(bp_pm_pop(m, &f));
		BP_TRY(bp_pm_pop_to_mark(m, &from, &n));
		BP_TRY(bp_pm_push_items(m, BP_P_TUPLE, from, n));
		BP_TRY(bp_pm_pop(m, &args));
		return call(m, f, args);
	case 'o':
		BP_TRY(bp_pm_pop_to_mark(m, &from, &n));
		if (!n)
			return BP_PM_BAD(m, NULL, "a call without a name");
		f = from[0];
		BP_TRY(bp_pm_push_items(m, BP_P_TUPLE, from + 1, n - 1));
		BP_TRY(bp_pm_pop(m, &args));
		return call(m, f, args);
	case 'b':
		return build(m);
	case 'Q':
		return persistent(m);
	}
	return BP_PM_NOT_MINE;
}
