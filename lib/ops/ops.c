/* ops: the table of ops.def, and the binding of one variant to each op when a context is opened. */
#include "ops/ops.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/cpu.h"
#include "ops/lane.h"
#include "ops/profile.h"
#ifdef BP_HAVE_CUDA
#include "context.h"
#endif

/* a function that is not of its op's type stops the build */
#define X(op, variant, device, fn)                                                                                     \
	_Static_assert(_Generic(&(fn), bp_##op##_fn * : 1, default : 0), "ops.def: " #fn " is not a bp_" #op "_fn");
#include "ops/ops.def"
#undef X

const struct bp_oprow bp_oprows[] = {
#define X(op, variant, device, fn) { #op, #variant, BP_##device, (bp_anyfn *)(fn) },
#include "ops/ops.def"
#undef X
};
const int bp_oprow_count = sizeof bp_oprows / sizeof *bp_oprows;

static const char *const op_names[] = {
#define X(op) #op,
	BP_OPS(X)
#undef X
};
enum { OPS = sizeof op_names / sizeof *op_names };

/* what bp_ctx_open makes; the context comes first, so that a context leads to its binding */
struct opened {
	struct bp_ctx cx;
	struct bp_ops ops;
	const struct bp_oprow *row[OPS];
};

const struct bp_oprow *
bp_oprow_find(const char *op, const char *variant, enum bp_device device)
{
	for (int i = 0; i < bp_oprow_count; i++) {
		const struct bp_oprow *r = &bp_oprows[i];
		if (r->device == device && !strcmp(r->op, op) && !strcmp(r->variant, variant))
			return r;
	}
	return NULL;
}

int
bp_ops_count(void)
{
	return OPS;
}

const char *
bp_ops_name(int i)
{
	bp_assert(i >= 0 && i < OPS);
	return op_names[i];
}

const char *
bp_ops_bound(const struct bp_ctx *cx, int i)
{
	bp_assert(i >= 0 && i < OPS);
	return ((const struct opened *)cx)->row[i]->variant;
}

static int
check_variant(const char *variant, struct bp_err *err)
{
	if (strcmp(variant, "original") && strcmp(variant, "optimized"))
		return BP_FAIL(err, BP_EUSAGE, "take original or optimized", "no variant '%s'", variant);
	return BP_OK;
}

/* An op that the device has no row of stays unbound until a stage calls it: rows of guidance may lag behind those of
 * the model. */
static int
unbound(struct bp_ctx *cx, const void *args)
{
	(void)args;
	return BP_FAIL(cx->err, BP_EUNSUP, "take --device cpu", "this device lacks an op that is needed here");
}

static const struct bp_oprow unbound_row = { "unbound", "none", BP_CPU, unbound };

/* the row of op i: the variant asked for, else the other one of this device */
static int
pick(struct opened *o, int i, const char *variant, struct bp_err *err)
{
	const char *other = strcmp(variant, "original") ? "original" : "optimized";

	if (!(o->row[i] = bp_oprow_find(op_names[i], variant, o->cx.device))
	    && !(o->row[i] = bp_oprow_find(op_names[i], other, o->cx.device)))
		return BP_FAIL(err, BP_EUNSUP, NULL, "this device has no op '%s'", op_names[i]);
	return BP_OK;
}

static int
unknown_op(const char *name, size_t len, struct bp_err *err)
{
	char known[512];
	size_t used = 0;

	for (int i = 0; i < OPS && used < sizeof known; i++)
		used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i ? " " : "", op_names[i]);
	return BP_FAIL(err, BP_EUSAGE, NULL, "no op '%.*s'; the ops are %s", (int)(len < 40 ? len : 40), name, known);
}

/* one --op NAME=VARIANT */
static int
override_op(struct opened *o, const char *spec, struct bp_err *err)
{
	size_t len = strcspn(spec, "=");

	if (!spec[len])
		return BP_FAIL(err, BP_EUSAGE, "write NAME=VARIANT", "op '%s' has no variant", spec);
	BP_TRY(check_variant(spec + len + 1, err));
	for (int i = 0; i < OPS; i++)
		if (strlen(op_names[i]) == len && !memcmp(op_names[i], spec, len))
			return pick(o, i, spec + len + 1, err);
	return unknown_op(spec, len, err);
}

/* Rows that this card has no room for: the original is bound, as the trail and -v tell. */
static void
spare(struct opened *o)
{
#ifdef BP_HAVE_CUDA
	for (int i = 0; i < OPS && o->cx.device == BP_CUDA; i++)
		if (!strcmp(o->row[i]->variant, "optimized") && !bp_cuda_fits(&o->cx, op_names[i]))
			(void)pick(o, i, "original", NULL);
#else
	(void)o;
#endif
}

static int
bind(struct opened *o, const char *variant, const char *const *ops, int nops, struct bp_err *err)
{
	int i = 0;

	BP_TRY(check_variant(variant, err));
	for (i = 0; i < OPS; i++)
		if (pick(o, i, variant, NULL) != BP_OK)
			o->row[i] = &unbound_row;
	spare(o);
	for (i = 0; i < nops; i++)
		BP_TRY(override_op(o, ops[i], err));
	i = 0;
#define X(op) o->ops.op = (bp_##op##_fn *)o->row[i++]->fn;
	BP_OPS(X)
#undef X
	o->cx.ops = &o->ops;
	return BP_OK;
}

static int
find_device(struct bp_ctx *cx, const char *device, struct bp_err *err)
{
	char rest;

	if (!strcmp(device, "cpu")) {
		cx->device = BP_CPU;
		return BP_OK;
	}
	if (!strcmp(device, "cuda")
	    || (sscanf(device, "cuda:%4d%c", &cx->device_index, &rest) == 1 && cx->device_index >= 0)) {
		cx->device = BP_CUDA;
		return BP_OK;
	}
	return BP_FAIL(err, BP_EUSAGE, "take cpu, cuda or cuda:N", "no device '%s'", device);
}

static int
find_precision(struct bp_ctx *cx, const char *precision, struct bp_err *err)
{
	if (!precision || !strcmp(precision, "fp32")) {
		cx->precision = BP_FP32;
		return BP_OK;
	}
	if (!strcmp(precision, "tf32") || !strcmp(precision, "bf16")) {
		if (cx->device == BP_CPU)
			return BP_FAIL(
			    err, BP_EUNSUP, "take fp32", "the CPU computes in fp32 only, not in %s", precision);
		cx->precision = *precision == 't' ? BP_TF32 : BP_BF16_MM;
		return BP_OK;
	}
	return BP_FAIL(err, BP_EUSAGE, "take fp32, tf32 or bf16", "no precision '%s'", precision);
}

/* memory, and what else the device needs */
static int
open_device(struct bp_ctx *cx, size_t cap, struct bp_err *err)
{
	cx->memory = &bp_cpu_memory;
	if (cx->device == BP_CPU)
		return bp_arena_open(&cx->mem, cap, err);
#ifdef BP_HAVE_CUDA
	return cx->dry ? bp_cuda_open_dry(cx, err) : bp_cuda_open(cx, cap, err);
#else
	return BP_FAIL(err, BP_EUNSUP, "take --device cpu, or build with nvcc", "this build has no CUDA");
#endif
}

/* until a device has done all that its contexts asked for, and has what is still on its way to cx */
static int
wait_for(struct bp_ctx *cx, struct bp_err *err)
{
	struct bp_err *was = cx->err;
	int st;

	cx->err = err;
	st = bp_dev_settle(cx);
	cx->err = was;
	BP_TRY(st);
#ifdef BP_HAVE_CUDA
	if (cx->device == BP_CUDA)
		return bp_cuda_wait(cx, err);
#endif
	return BP_OK;
}

static int
open_any(struct bp_ctx **ret, const char *device, const char *variant, const char *const *ops, int nops,
    const char *precision, int threads, size_t cap, bool dry, struct bp_err *err)
{
	struct opened *o = calloc(1, sizeof *o);
	int st;

	*ret = NULL;
	if (!o)
		return BP_FAIL(err, BP_EMEM, NULL, "no memory for a context");
	o->cx.err = err;
	o->cx.dry = dry;
	o->cx.threads = threads > 0 ? threads : omp_get_num_procs();
	if ((st = find_device(&o->cx, device, err)) != BP_OK || (st = find_precision(&o->cx, precision, err)) != BP_OK
	    || (st = open_device(&o->cx, cap, err)) != BP_OK || (st = bind(o, variant, ops, nops, err)) != BP_OK) {
		bp_ctx_close(&o->cx);
		return st;
	}
	*ret = &o->cx;
	return BP_OK;
}

int
bp_ctx_open(struct bp_ctx **ret, const char *device, const char *variant, const char *const *ops, int nops,
    const char *precision, int threads, size_t cap, struct bp_err *err)
{
	return open_any(ret, device, variant, ops, nops, precision, threads, cap, false, err);
}

int
bp_ctx_open_dry(struct bp_ctx **ret, const char *device, const char *variant, const char *const *ops, int nops,
    const char *precision, int threads, struct bp_err *err)
{
	return open_any(ret, device, variant, ops, nops, precision, threads, 0, true, err);
}

int
bp_ctx_open_lane(struct bp_ctx **ret, struct bp_ctx *main, int threads, struct bp_err *err)
{
	struct opened *o = malloc(sizeof *o);
	int st;

	*ret = NULL;
	if (!o)
		return BP_FAIL(err, BP_EMEM, NULL, "no memory for a context");
	*o = *(const struct opened *)main;
	o->cx.ops = &o->ops;
	o->cx.err = err;
	o->cx.threads = threads;
	o->cx.mem = NULL;
	o->cx.dev = NULL;
	o->cx.profile = NULL;
	if ((st = open_device(&o->cx, 0, err)) != BP_OK || (st = wait_for(main, err)) != BP_OK) {
		bp_ctx_close(&o->cx);
		return st;
	}
	*ret = &o->cx;
	return BP_OK;
}

void
bp_ctx_close(struct bp_ctx *cx)
{
	if (!cx)
		return;
	bp_profile_close(cx);
#ifdef BP_HAVE_CUDA
	if (cx->device == BP_CUDA)
		bp_cuda_close(cx);
#endif
	bp_arena_close(cx->mem);
	free(cx);
}

int
bp_weight_keep(struct bp_ctx *cx, struct bp_weight *w)
{
	bool wanted = false; /* by the op that gains most */
	float *packed;

	for (int i = 0; i < bp_ops_count() && cx->device == BP_CPU; i++)
		wanted = wanted || (!strcmp(bp_ops_name(i), "cond_transition") && !strcmp(bp_ops_bound(cx, i), "optimized"));
	if (!wanted)
		return BP_OK;
	BP_TRY(bp_pack_new(cx, &packed, w->p, w->n, w->k, (size_t)w->k));
	w->h = packed;
	return BP_OK;
}
