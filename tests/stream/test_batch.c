/* batches: lib/stream/batch.h and gather.h, and what the loop of the filters makes of them */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "stream/batch.h"
#include "stream/gather.h"

static struct bp_err err;
static struct bp_arena *mem;

static void
tensor(struct bp_rec *r, const char *name, enum bp_dtype t, int ndim, const int64_t *shape, int seed)
{
	struct bp_tensor *x;
	size_t bytes;

	assert_int_equal(bp_rec_add(&x, r, name, t, ndim, shape, &err), BP_OK);
	assert_true(bp_tensor_bytes(&bytes, t, ndim, shape));
	for (size_t i = 0; i < bytes; i++)
		((unsigned char *)x->data)[i] = t == BP_B8 ? (i + (size_t)seed) & 1 : (unsigned char)(i * 7 + (size_t)seed);
}

/* target number i: tensors like those of the others, one of another shape, and one that only some have */
static struct bp_rec *
target(int i)
{
	struct bp_rec *r;
	char id[16];

	snprintf(id, sizeof id, "t%d", i);
	assert_int_equal(bp_rec_new(&r, BP_FEATURES, id, mem, &err), BP_OK);
	tensor(r, "pair", BP_F32, BP_SHAPE(3, 3, 2), i);
	tensor(r, "odd", BP_I8, BP_SHAPE(5), i);
	tensor(r, "bits", BP_B8, BP_SHAPE(3), i);
	tensor(r, "scalar", BP_F64, 0, NULL, i);
	tensor(r, "none", BP_F32, BP_SHAPE(0, 4), i);
	tensor(r, "deep", BP_U8, BP_SHAPE(1, 1, 1, 1, 1, 1, 1, 2), i);
	tensor(r, "msa", BP_I32, BP_SHAPE(1 + i % 2, 3), i);
	if (i % 2)
		tensor(r, "some", BP_BF16, BP_SHAPE(3), i);
	assert_int_equal(bp_val_set(r->meta, "n", bp_val_int(mem, i, &err), mem, &err), BP_OK);
	assert_int_equal(bp_val_set(r->extra, "lab", bp_val_str(mem, id, &err), mem, &err), BP_OK);
	assert_int_equal(bp_trail_add(r, id, NULL, NULL, NULL, 0, 0, NULL, &err), BP_OK);
	return r;
}

static void
same(const struct bp_rec *a, const struct bp_rec *b)
{
	assert_string_equal(a->id, b->id);
	assert_string_equal(a->kind_name, b->kind_name);
	assert_int_equal(a->n, b->n);
	for (int i = 0; i < a->n; i++) {
		const struct bp_tensor *s = a->tensor[i].t, *t = bp_rec_get(b, a->tensor[i].name);
		size_t bytes;
		assert_non_null(t);
		assert_int_equal(s->dtype, t->dtype);
		assert_int_equal(s->ndim, t->ndim);
		for (int k = 0; k < s->ndim; k++)
			assert_int_equal(s->shape[k], t->shape[k]);
		assert_true(bp_tensor_bytes(&bytes, s->dtype, s->ndim, s->shape));
		assert_memory_equal(s->data, t->data, bytes);
		assert_true(bytes == 0 || (uintptr_t)t->data % 64 == 0);
	}
	assert_int_equal(bp_val_i64(bp_val_get(a->meta, "n"), -1), bp_val_i64(bp_val_get(b->meta, "n"), -2));
	assert_string_equal(bp_val_cstr(bp_val_get(a->extra, "lab"), "a"), bp_val_cstr(bp_val_get(b->extra, "lab"), "b"));
	assert_int_equal(bp_val_count(a->trail), bp_val_count(b->trail));
	assert_string_equal(bp_val_cstr(bp_val_get(bp_val_at(b->trail, 0), "tool"), ""), a->id);
}

static void
there_and_back(void **state)
{
	struct bp_rec *in[5], *out[BP_BATCH_MAX], *batch;
	int n;

	(void)state;
	for (int i = 0; i < 5; i++)
		in[i] = target(i);
	assert_int_equal(bp_batch_stack(&batch, in, 5, mem, &err), BP_OK);
	assert_true(bp_is_batch(batch) && !bp_is_batch(in[0]));
	assert_int_equal(bp_batch_count(batch), 5);
	assert_int_equal(bp_batch_count(in[0]), 1);
	assert_string_equal(bp_batch_id(batch, 3), "t3");
	assert_string_equal(bp_batch_id(in[3], 0), "t3");
	assert_int_equal(bp_rec_get(batch, "pair")->shape[0], 5);
	assert_int_equal(bp_rec_get(batch, "pair")->ndim, 4);
	assert_null(bp_rec_get(batch, "msa"));
	assert_int_equal(bp_rec_get(batch, "msa#1")->shape[0], 2);
	assert_null(bp_rec_get(batch, "some#2"));
	assert_non_null(bp_rec_get(batch, "some#3"));
	batch->index = 40;
	batch->received = true;
	assert_int_equal(bp_batch_open(out, &n, batch, BP_OK, &err), BP_OK);
	assert_int_equal(n, 5);
	for (int i = 0; i < n; i++) {
		same(in[i], out[i]);
		assert_int_equal(out[i]->index, 40 + i);
		assert_true(out[i]->received);
	}
	assert_int_equal(bp_batch_open(out, &n, in[2], BP_OK, &err), BP_OK); /* a record is its own only member */
	assert_true(n == 1 && out[0] == in[2]);
}

/* what a program between has put into the batch is each member's */
static void
inherited(void **state)
{
	struct bp_rec *in[2] = { target(0), target(1) }, *out[BP_BATCH_MAX], *batch;
	int n;

	(void)state;
	assert_int_equal(bp_batch_stack(&batch, in, 2, mem, &err), BP_OK);
	assert_int_equal(bp_val_set(batch->meta, "new", bp_val_int(mem, 7, &err), mem, &err), BP_OK);
	assert_int_equal(bp_val_set(batch->extra, "run", bp_val_str(mem, "r", &err), mem, &err), BP_OK);
	assert_int_equal(bp_trail_add(batch, "between", NULL, NULL, NULL, 0, 0, NULL, &err), BP_OK);
	assert_int_equal(bp_batch_open(out, &n, batch, BP_OK, &err), BP_OK);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(bp_val_i64(bp_val_get(out[i]->meta, "new"), 0), 7);
		assert_int_equal(bp_val_i64(bp_val_get(out[i]->meta, "n"), -1), i);
		assert_string_equal(bp_val_cstr(bp_val_get(out[i]->extra, "run"), ""), "r");
		assert_int_equal(bp_val_count(out[i]->trail), 2);
		assert_string_equal(bp_val_cstr(bp_val_get(bp_val_at(out[i]->trail, 1), "tool"), ""), "between");
	}
}

static void
not_together(void **state)
{
	struct bp_rec *in[2] = { target(0), target(1) }, *batch;

	(void)state;
	assert_int_equal(bp_val_set(in[0]->extra, "run", bp_val_str(mem, "a", &err), mem, &err), BP_OK);
	assert_int_equal(bp_batch_stack(&batch, in, 2, mem, &err), BP_EUNSUP);
	assert_int_equal(bp_val_set(in[1]->extra, "run", bp_val_str(mem, "a", &err), mem, &err), BP_OK);
	assert_int_equal(bp_batch_stack(&batch, in, 2, mem, &err), BP_OK);
	assert_string_equal(bp_val_cstr(bp_val_get(batch->extra, "run"), ""), "a");
	tensor(in[1], "x#y", BP_F32, BP_SHAPE(2), 0); /* no number: an ordinary name */
	assert_int_equal(bp_batch_stack(&batch, in, 2, mem, &err), BP_OK);
	tensor(in[1], "x#1", BP_F32, BP_SHAPE(2), 0);
	assert_int_equal(bp_batch_stack(&batch, in, 2, mem, &err), BP_EUNSUP);
	in[1] = target(1);
	in[1]->kind_name = "trunk";
	assert_int_equal(bp_batch_stack(&batch, in, 2, mem, &err), BP_EUNSUP);
}

static struct bp_rec *
two(void)
{
	struct bp_rec *in[2] = { target(0), target(1) }, *batch;

	assert_int_equal(bp_batch_stack(&batch, in, 2, mem, &err), BP_OK);
	return batch;
}

static void
item_set(struct bp_rec *batch, int i, const char *key, struct bp_val *v)
{
	assert_int_equal(bp_val_set(bp_val_at(bp_val_get(batch->meta, "batch"), (size_t)i), key, v, mem, &err), BP_OK);
}

static void
refused_as(int line, struct bp_rec *batch, int targets, const char *why)
{
	struct bp_rec *out[BP_BATCH_MAX];
	int n = 0, st = bp_batch_open(out, &n, batch, BP_OK, &err);

	if (st != BP_EINPUT || !strstr(err.msg, why) || n != targets)
		fail_msg("line %d: status %d, %d targets, '%s'", line, st, n, err.msg);
	assert_true(n > 1 || out[0] == batch);
}
#define REFUSED(...) refused_as(__LINE__, __VA_ARGS__)

static void
refused(void **state)
{
	struct bp_rec *b, *out[BP_BATCH_MAX];
	struct bp_val *list;
	int n;

	(void)state;
	b = two();
	assert_int_equal(bp_val_set(b->meta, "batch", bp_val_arr(mem, &err), mem, &err), BP_OK);
	assert_int_equal(bp_batch_count(b), 1);
	REFUSED(b, 1, "meta.batch: 0 targets");
	b = two();
	list = bp_val_get(b->meta, "batch");
	for (int i = 2; i <= BP_BATCH_MAX; i++)
		assert_int_equal(bp_val_push(list, bp_val_nil(mem, &err), mem, &err), BP_OK);
	assert_int_equal(bp_batch_count(b), BP_BATCH_MAX + 1);
	REFUSED(b, 1, "meta.batch: 65 targets");
	b = two();
	assert_int_equal(bp_val_push(bp_val_get(b->meta, "batch"), bp_val_nil(mem, &err), mem, &err), BP_OK);
	REFUSED(b, 1, "item 2 has no id");
	assert_string_equal(bp_batch_id(b, 2), b->id);
	b = two();
	item_set(b, 1, "id", bp_val_int(mem, 3, &err));
	REFUSED(b, 1, "item 1 has no id");
	b = two();
	item_set(b, 1, "id", bp_val_str(mem, "t0", &err));
	REFUSED(b, 1, "'t0' is there twice");
	b = two();
	item_set(b, 0, "meta", bp_val_arr(mem, &err));
	REFUSED(b, 1, "'meta' of item 0 is");
	b = two();
	item_set(b, 1, "trail", bp_val_map(mem, &err));
	REFUSED(b, 1, "'trail' of item 1 is");
	b = two(); /* known targets, but their tensors are not */
	tensor(b, "three", BP_F32, BP_SHAPE(3, 2), 0);
	REFUSED(b, 2, "tensor three: shape [3,2], wanted 2 targets");
	b = two();
	tensor(b, "nothing", BP_F32, 0, NULL, 0);
	REFUSED(b, 2, "tensor nothing: shape []");
	b = two();
	tensor(b, "msa#2", BP_F32, BP_SHAPE(2, 2), 0);
	REFUSED(b, 2, "tensor msa#2: the batch has 2 targets");
	b = two();
	tensor(b, "pair#1", BP_F32, BP_SHAPE(2, 2), 0);
	REFUSED(b, 2, "target t1 has two");
	b = two(); /* too large for the reader: its members fail with what that said */
	BP_FAIL(&err, BP_EMEM, NULL, "too large");
	assert_int_equal(bp_batch_open(out, &n, b, BP_EMEM, &err), BP_EMEM);
	assert_true(n == 2 && !strcmp(err.msg, "too large") && !strcmp(out[1]->id, "t1"));
}

/* ---- in a stream ---- */

static const char in_path[] = "/tmp/bp-batch-in", out_path[] = "/tmp/bp-batch-out";

/* a batch of `batched`, then one target alone, as a file; bad: a tensor of the batch does not fit */
static void
stream_of(int batched, bool bad)
{
	struct bp_rec *in[BP_BATCH_MAX], *batch;
	struct bp_out *out;

	for (int i = 0; i < batched; i++)
		in[i] = target(i);
	assert_int_equal(bp_out_open(&out, in_path, &err), BP_OK);
	assert_int_equal(bp_batch_stack(&batch, in, batched, mem, &err), BP_OK);
	if (bad)
		tensor(batch, "bad", BP_F32, BP_SHAPE(1), 0);
	assert_int_equal(bp_out_put(out, batch, &err), BP_OK);
	assert_int_equal(bp_out_count(out), batched);
	assert_int_equal(bp_out_put(out, target(batched), &err), BP_OK);
	assert_int_equal(bp_out_end(out, &err), BP_OK);
	bp_out_close(out);
}

/* records of the output: kinds, batches and names, as "[t0 t1] t2! t3"; ! is an error */
static void
written_as(int line, const char *want)
{
	struct bp_in *in;
	struct bp_rec *r;
	char got[1024] = "";
	int64_t index = 0;
	int st;

	assert_int_equal(bp_in_open(&in, out_path, &err), BP_OK);
	while ((st = bp_in_next(in, mem, &r, &err)) == BP_OK) {
		int64_t n = bp_batch_count(r);
		assert_int_equal(r->index, index);
		index += n;
		if (*got)
			strcat(got, " ");
		strcat(got, bp_is_batch(r) ? "[" : "");
		for (int64_t i = 0; i < n; i++) {
			strcat(got, i ? " " : "");
			strcat(got, bp_batch_id(r, i));
		}
		strcat(got, bp_is_batch(r) ? "]" : r->kind == BP_ERROR ? "!" : "");
	}
	if (st != BP_EOS || strcmp(got, want) != 0)
		fail_msg("line %d: '%s' (%d: %s), wanted '%s'", line, got, st, err.msg, want);
	bp_in_close(in);
}
#define WRITTEN(want) written_as(__LINE__, want)

static int calls;

static int
one(void *self, struct bp_rec **rec, struct bp_arena *scratch, struct bp_out *out, struct bp_err *e)
{
	const char *fails = self;
	struct bp_tensor *t;

	(void)scratch, (void)out;
	calls++;
	assert_false(bp_is_batch(*rec));
	assert_non_null(bp_rec_get(*rec, "pair"));
	if (!strcmp((*rec)->id, fails))
		return BP_FAIL(e, BP_EINPUT, NULL, "this one is bad");
	BP_TRY(bp_rec_add(&t, *rec, "new", BP_F32, BP_SHAPE(2), e));
	return bp_trail_add(*rec, "stage", NULL, "cpu", NULL, 0, 0, NULL, e);
}

static int
all(void *self, struct bp_rec *const *member, struct bp_err *fate, int n, struct bp_err *e)
{
	(void)e;
	for (int i = 0; i < n; i++) {
		struct bp_rec *rec = member[i];
		if (one(self, &rec, NULL, NULL, &fate[i]) == BP_OK)
			fate[i].code = BP_OK;
	}
	calls = -1;
	return BP_OK;
}

static bool
but_t1(const void *self, const struct bp_rec *rec)
{
	(void)self;
	return strcmp(rec->id, "t1") != 0;
}

static void
filters(void **state)
{
	char fails[8] = "t1";
	struct bp_filter f = { .tool = "stage", .want = BP_FEATURES, .stage = one, .self = fails, .batch_self = fails, .in = in_path, .out = out_path };

	(void)state;
	bp_log_open("test", -1);
	stream_of(3, false);
	calls = 0;
	assert_int_equal(bp_filter_run(&f), BP_EXIT_TARGETS); /* a stage that knows nothing of batches */
	assert_int_equal(calls, 4);
	WRITTEN("t0 t1! t2 t3");
	f.batch = all;
	assert_int_equal(bp_filter_run(&f), BP_EXIT_TARGETS); /* one that takes them */
	assert_int_equal(calls, 0);
	WRITTEN("[t0 t2] t1! t3");
	f.together = but_t1;
	calls = 0;
	strcpy(fails, "t0");
	assert_int_equal(bp_filter_run(&f), BP_EXIT_TARGETS);
	assert_int_equal(calls, 4);
	WRITTEN("t0! t1 t2 t3");
	f.together = NULL;
	strcpy(fails, "-");
	assert_int_equal(bp_filter_run(&f), BP_EXIT_OK);
	WRITTEN("[t0 t1 t2] t3");
	f.want = BP_TRUNK; /* an earlier kind than it reads: a failure of each */
	assert_int_equal(bp_filter_run(&f), BP_EXIT_TARGETS);
	WRITTEN("t0! t1! t2! t3!");
	f.want = BP_FEATURES;
	stream_of(3, true); /* each target is told of */
	assert_int_equal(bp_filter_run(&f), BP_EXIT_TARGETS);
	WRITTEN("t0! t1! t2! t3");
	stream_of(2, false);
	f.mem_cap = 1; /* none fits */
	assert_int_equal(bp_filter_run(&f), BP_EXIT_STREAM);
	f.mem_cap = 0;
	assert_int_equal(truncate(in_path, 3000), 0);
	assert_int_equal(bp_filter_run(&f), BP_EXIT_STREAM); /* cut inside the batch */
}

/* ---- gathering ---- */

static int
keep(void *self, struct bp_rec **rec, struct bp_arena *scratch, struct bp_out *out, struct bp_err *e)
{
	struct bp_gather *g = self;
	int i = atoi((*rec)->id + 1);

	if (i % 10 == 9) /* a large one */
		return bp_gather_pass(g, out, e);
	BP_TRY(bp_gather_keep(g, *rec, i % 10 < 7 ? 1 : i, 32, scratch, out, e));
	assert_int_equal(bp_arena_used(scratch), 0);
	*rec = NULL;
	return BP_OK;
}

static void
gathered_as(int line, int targets, int size, const char *want)
{
	struct bp_gather g = { .size = size, .tool = "keep" };
	const struct bp_keeper keeper = { 0, bp_gather_keeps, bp_gather_flush, bp_gather_forget };
	struct bp_filter f = { .tool = "keep", .want = BP_FEATURES, .stage = keep, .keeper = &keeper, .self = &g, .in = in_path, .out = out_path };
	struct bp_out *out;

	assert_int_equal(bp_out_open(&out, in_path, &err), BP_OK);
	for (int i = 0; i < targets; i++)
		assert_int_equal(bp_out_put(out, target(i), &err), BP_OK);
	assert_int_equal(bp_out_end(out, &err), BP_OK);
	bp_out_close(out);
	assert_int_equal(bp_filter_run(&f), BP_EXIT_OK);
	written_as(line, want);
}
#define GATHERED(...) gathered_as(__LINE__, __VA_ARGS__)

static void
gathering(void **state)
{
	struct bp_arena *a, *b;

	(void)state;
	GATHERED(1, 4, "t0");
	GATHERED(9, 3, "[t0 t1 t2] [t3 t4 t5] t6 t7 t8");
	GATHERED(13, 4, "[t0 t1 t2 t3] t9 [t4 t5 t6 t10] t7 t8 [t11 t12]");
	/* t7 and t8 are alone with their size, and do not wait for ever: 8 batches of 2 */
	GATHERED(26, 2, "[t0 t1] [t2 t3] [t4 t5] t9 [t6 t10] [t11 t12] [t13 t14] [t15 t16] t19 [t20 t21] t7 [t22 t23] t8 [t24 t25] t17 t18");
	assert_int_equal(bp_arena_open(&a, 1 << 20, &err), BP_OK);
	assert_int_equal(bp_arena_open(&b, 0, &err), BP_OK);
	assert_non_null(bp_alloc(b, 3 << 20, &err));
	bp_arena_swap(a, b); /* what is there may be above the cap, what comes may not */
	assert_true(bp_arena_used(a) >= 3 << 20 && bp_arena_used(b) == 0);
	assert_null(bp_alloc(a, 100, &err));
	assert_non_null(bp_alloc(b, 3 << 20, &err));
	bp_arena_close(a);
	bp_arena_close(b);
}

static int
setup(void **state)
{
	(void)state;
	return bp_arena_open(&mem, 0, NULL);
}

static int
teardown(void **state)
{
	(void)state;
	bp_arena_close(mem);
	unlink(in_path);
	unlink(out_path);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(there_and_back), cmocka_unit_test(inherited), cmocka_unit_test(not_together),
		cmocka_unit_test(refused), cmocka_unit_test(filters), cmocka_unit_test(gathering) };

	return cmocka_run_group_tests(tests, setup, teardown);
}
