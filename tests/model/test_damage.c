/* tests/model/test_damage.c: streams, records and weights with wrong bits in them. Each is either refused in words or
 * computed with; never a crash (the sanitizers look on in `make asan=1`). test_damage [ROUNDS [SEED]]. */
#include "../golden_rec.h"

#include "model/confidence.h"
#include "model/diffuse.h"
#include "model/trunk.h"
#include "ops/ops.h"
#include "stream/io.h"

enum { ROUNDS = 24 };
static struct {
	int rounds;
	uint64_t state;
} run = { ROUNDS, 20 };

static uint64_t
draw(uint64_t below)
{
	run.state = run.state * 6364136223846793005u + 1442695040888963407u;
	return (run.state >> 33) % below;
}

static void
flip(void *data, size_t n)
{
	for (uint64_t k = 1 + draw(4); n && k > 0; k--)
		((unsigned char *)data)[draw(n)] ^= (unsigned char)(1u << draw(8));
}

/* the stages on one set of weights */
struct stages {
	struct bp_arena *mem;
	struct bp_ctx *cx;
	struct bp_weights *w;
	struct bp_trunk *trunk;
	struct bp_diffuse *diffuse;
	struct bp_confidence *confidence;
	struct bp_trunk_opt trunk_opt;
	struct bp_diffuse_opt diffuse_opt;
};

static int
stages_open(struct stages *s, const char *weights, struct bp_err *err)
{
	const struct bp_confidence_opt o = { .stage = { .variant = "optimized", .device = "cpu" } };

	*s = (struct stages) { .trunk_opt = BP_TRUNK_INIT, .diffuse_opt = BP_DIFFUSE_INIT };
	s->trunk_opt.recycling_steps = 0;
	s->diffuse_opt.steps = 2;
	s->trunk_opt.stage.variant = s->diffuse_opt.stage.variant = "optimized";
	s->trunk_opt.stage.device = s->diffuse_opt.stage.device = "cpu";
	assert_int_equal(bp_arena_open(&s->mem, 0, err), BP_OK);
	BP_TRY(bp_ctx_open(&s->cx, "cpu", "optimized", NULL, 0, "fp32", 1, 0, err));
	BP_TRY(bp_weights_open(&s->w, weights, err));
	BP_TRY(bp_trunk_open(&s->trunk, s->cx, s->w, &s->trunk_opt, s->mem, err));
	BP_TRY(bp_diffuse_open(&s->diffuse, s->cx, s->w, &s->diffuse_opt, s->mem, err));
	return bp_confidence_open(&s->confidence, s->cx, s->w, &o, s->mem, err);
}

static void
stages_close(struct stages *s)
{
	bp_weights_close(s->w);
	bp_ctx_close(s->cx);
	bp_arena_close(s->mem);
}

/* rec through the stages; damage one of its tensors before stage `where` (-1: nowhere) */
static int
predict(struct stages *s, struct bp_rec *rec, int where, struct bp_err *err)
{
	const struct {
		bp_stage_fn *run;
		void *self;
	} stage[]
	    = { { bp_trunk_run, s->trunk }, { bp_diffuse_run, s->diffuse }, { bp_confidence_run, s->confidence } };

	for (int i = 0; i < 3; i++) {
		if (i == where) {
			const struct bp_tensor *t = rec->tensor[draw((uint64_t)rec->n)].t;
			flip(t->data, (size_t)bp_count(t) * bp_dtype_size(t->dtype));
		}
		BP_TRY(stage[i].run(stage[i].self, &rec, rec->mem, NULL, err));
	}
	return BP_OK;
}

static void
is_fault(const struct bp_err *err)
{
	assert_true(err->code < 0);
	assert_true(strlen(err->msg) > 8);
	assert_null(strchr(err->msg, '\n'));
}

static const char *
weights_path(char buf[512])
{
	return golden_path(buf, "model/tiny.safetensors");
}

static void
test_records(void **state)
{
	struct bp_arena *mem;
	struct bp_err err = { 0 };
	struct stages s;
	char path[512];
	int refused = 0;

	(void)state;
	assert_int_equal(bp_arena_open(&mem, 0, &err), BP_OK);
	if (stages_open(&s, weights_path(path), &err) != BP_OK)
		fail_msg("%s", err.msg);
	assert_int_equal(predict(&s, golden_features("tiny", mem), -1, &err), BP_OK);
	for (int i = 0; i < run.rounds; i++) {
		err = (struct bp_err) { 0 };
		bp_arena_reset(mem);
		if (predict(&s, golden_features("tiny", mem), i % 3, &err) != BP_OK) {
			is_fault(&err);
			refused++;
		}
	}
	printf("records: %d of %d refused\n", refused, run.rounds);
	assert_true(refused > 0);
	stages_close(&s);
	bp_arena_close(mem);
}

static bool
same(const struct bp_rec *a, const struct bp_rec *b)
{
	bool equal = a->kind == b->kind && a->n == b->n && strcmp(a->id, b->id) == 0;

	for (int i = 0; equal && i < a->n; i++) {
		const struct bp_tensor *t = a->tensor[i].t, *u = bp_rec_get(b, a->tensor[i].name);
		equal = u && u->dtype == t->dtype && u->ndim == t->ndim
		    && memcmp(u->shape, t->shape, (size_t)t->ndim * sizeof *t->shape) == 0
		    && memcmp(u->data, t->data, (size_t)bp_count(t) * bp_dtype_size(t->dtype)) == 0;
	}
	return equal;
}

/* a stream has checksums: whatever bit is wrong, no record comes out of it but the one that went in (when the bit hit
 * the name of the checksum) */
static void
test_streams(void **state)
{
	struct bp_arena *mem, *kept;
	struct bp_err err = { 0 };
	struct bp_out *out;
	struct bp_rec *rec, *sent;
	char *data, *copy;
	size_t n;

	(void)state;
	assert_int_equal(bp_arena_open(&mem, 0, &err), BP_OK);
	assert_int_equal(bp_arena_open(&kept, 0, &err), BP_OK);
	sent = golden_features("tiny", kept);
	assert_int_equal(bp_out_open_mem(&out, &data, &n, &err), BP_OK);
	assert_int_equal(bp_out_put(out, sent, &err), BP_OK);
	assert_int_equal(bp_out_end(out, &err), BP_OK);
	bp_out_close(out);
	assert_non_null(copy = malloc(n));
	for (int i = 0; i < 20 * run.rounds; i++) {
		struct bp_in *in;
		int st;
		memcpy(copy, data, n);
		flip(copy, i % 2 ? n : 2000);
		err = (struct bp_err) { 0 };
		assert_int_equal(bp_in_open_mem(&in, copy, n, &err), BP_OK);
		while ((st = bp_in_next(in, mem, &rec, &err)) == BP_OK)
			assert_true(same(sent, rec));
		if (st != BP_EOS)
			is_fault(&err);
		bp_in_close(in);
		bp_arena_reset(mem);
	}
	free(copy);
	free(data);
	bp_arena_close(kept);
	bp_arena_close(mem);
}

static void
write_file(const char *path, const void *data, size_t n)
{
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static void
test_weights(void **state)
{
	char path[512], tmp[] = "/tmp/bp-test-damage-XXXXXX", *data;
	struct bp_arena *mem;
	struct bp_err err = { 0 };
	int refused = 0, fd = mkstemp(tmp);
	FILE *f = fopen(weights_path(path), "rb");
	size_t n;

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_non_null(f);
	assert_int_equal(fseek(f, 0, SEEK_END), 0);
	n = (size_t)ftell(f);
	rewind(f);
	assert_non_null(data = malloc(n));
	assert_int_equal(bp_arena_open(&mem, 0, &err), BP_OK);
	for (int i = 0; i < run.rounds; i++) {
		struct stages s;
		rewind(f);
		assert_int_equal(fread(data, 1, n, f), n);
		flip(data, i % 3 == 0 ? n : i % 3 == 1 ? 64 : 40000);
		write_file(tmp, data, i % 4 == 3 ? draw(n) : n);
		err = (struct bp_err) { 0 };
		bp_arena_reset(mem);
		if (stages_open(&s, tmp, &err) != BP_OK || predict(&s, golden_features("tiny", mem), -1, &err) != BP_OK
		    || bp_weights_check(s.w, &err) != BP_OK) {
			is_fault(&err);
			refused++;
		}
		stages_close(&s);
	}
	printf("weights: %d of %d refused\n", refused, run.rounds);
	assert_true(refused > 0);
	free(data);
	fclose(f);
	remove(tmp);
	bp_arena_close(mem);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[]
	    = { cmocka_unit_test(test_records), cmocka_unit_test(test_streams), cmocka_unit_test(test_weights) };

	if (argc > 1)
		run.rounds = (int)strtol(argv[1], NULL, 10);
	if (argc > 2)
		run.state = strtoull(argv[2], NULL, 10);
	printf("%d rounds, seed %llu\n", run.rounds, (unsigned long long)run.state);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
