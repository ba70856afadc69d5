/* fake: a stage without the network's cost, for tests of the stream.
 *
 *     fake --from FILE --count N --out TO      a source: the first record of FILE as N features records t000000 ...
 *     fake --want features --give trunk --ms 5 --in FROM --out TO    a stage that sleeps and changes the kind
 *     fake --want none --in FROM                                     a sink that tells targets, bytes and seconds */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/main.h"
#include "stream/batch.h"
#include "stream/io.h"

struct fake_opt {
	struct bp_common common;
	const char *from, *want, *give;
	int count, ms, fail, hang;
	size_t bytes;
};

#define AT(f) offsetof(struct fake_opt, f)
static const struct bp_optdef options[] = { BP_OPT_STREAM(struct fake_opt, common),
	{ "from", 0, BP_OPT_STR, AT(from), NULL, "FILE", "a source: of copies of its first record" },
	{ "count", 0, BP_OPT_INT, AT(count), "[0,", "N", "how many" },
	{ "bytes", 0, BP_OPT_SIZE, AT(bytes), NULL, "BYTES", "a source: without --from, of records of that size" },
	{ "run", 0, BP_OPT_STR, AT(common.wire.run), NULL, "NAME", "of the source" },
	{ "want", 0, BP_OPT_WORD, AT(want), "features|trunk|structures|none", NULL, "kind it reads" },
	{ "give", 0, BP_OPT_WORD, AT(give), "features|trunk|structures", NULL, "kind it makes" },
	{ "ms", 0, BP_OPT_INT, AT(ms), "[0,", "N", "how long it sleeps" },
	{ "hang", 0, BP_OPT_INT, AT(hang), "[0,", "N", "at the Nth target it hangs; 0: never" },
	{ "fail", 0, BP_OPT_INT, AT(fail), "[0,", "N", "every Nth target fails; 0: none" },
	BP_OPT_GENERAL(struct fake_opt, common), { 0 } };
static const struct bp_program program = { "fake", "a stage for tests", NULL, NULL, options };

static int
stage(void *self, struct bp_rec **rec, struct bp_arena *mem, struct bp_out *out, struct bp_err *err)
{
	struct fake_opt *o = self;
	struct timespec t = { o->ms / 1000, o->ms % 1000 * 1000000L };
	const char *digits = (*rec)->id + strcspn((*rec)->id, "0123456789");
	int n = 0;

	(void)mem, (void)out;
	nanosleep(&t, NULL);
	while (o->hang == 1)
		pause();
	o->hang -= o->hang > 0;
	if (o->fail && sscanf(digits, "%d", &n) == 1 && n % o->fail == 0)
		return BP_FAIL(err, BP_EINPUT, NULL, "this one fails");
	(*rec)->kind = bp_kind_from(o->give);
	(*rec)->kind_name = o->give;
	return BP_OK;
}

static int
load(struct bp_rec **ret, const struct fake_opt *o, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_in *in = NULL;
	struct bp_tensor *t;
	int st;

	if (!o->from) {
		BP_TRY(bp_rec_new(ret, BP_FEATURES, "", mem, err));
		BP_TRY(bp_rec_add(&t, *ret, "data", BP_U8, 1, (int64_t[]) { (int64_t)o->bytes }, err));
		memset(t->data, 'x', o->bytes);
		return BP_OK;
	}
	if ((st = bp_in_open(&in, o->from, err)) == BP_OK)
		st = bp_in_next(in, mem, ret, err);
	bp_in_close(in);
	return st == BP_EOS ? BP_FAIL(err, BP_EUSAGE, NULL, "%s: no record", o->from) : st;
}

static int
source(const struct fake_opt *o, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_out *out = NULL;
	struct bp_rec *rec;
	char id[16];
	int st;

	BP_TRY(load(&rec, o, mem, err));
	rec->kind = bp_kind_from(o->give);
	rec->kind_name = o->give;
	rec->received = false;
	st = bp_out_open_at(&out, o->common.out, &o->common.wire, NULL, err);
	for (int i = 0; i < o->count && st == BP_OK; i++) {
		snprintf(id, sizeof id, "t%06d", i);
		rec->id = id;
		st = bp_out_put(out, rec, err);
	}
	if (st == BP_OK)
		st = bp_out_end(out, err);
	bp_out_close(out);
	return st;
}

static int
sink(const struct fake_opt *o, struct bp_arena *mem, struct bp_err *err)
{
	long long count = 0, bytes = 0;
	struct bp_in *in = NULL;
	struct bp_rec *rec;
	double start = 0;
	int st = bp_in_open_at(&in, o->common.in, &o->common.wire, NULL, err);

	while (st == BP_OK && (st = bp_in_next(in, mem, &rec, err)) == BP_OK) {
		start = count ? start : bp_seconds();
		count += bp_batch_count(rec);
		for (int i = 0; i < rec->n; i++) {
			size_t n = 0;
			(void)bp_tensor_bytes(
			    &n, rec->tensor[i].t->dtype, rec->tensor[i].t->ndim, rec->tensor[i].t->shape);
			bytes += (long long)n;
		}
		bp_arena_reset(mem);
	}
	if (st == BP_EOS) {
		double s = bp_seconds() - start;
		bp_in_end(in);
		printf("%lld records, %.0f MB, %.2f s, %.0f records/s, %.3f GB/s\n", count, (double)bytes / 1e6, s,
		    (double)(count - 1) / s, (double)bytes / 1e9 / s);
		st = BP_OK;
	}
	bp_in_close(in);
	return st;
}

int
main(int argc, char **argv)
{
	struct fake_opt o
	    = { .common = BP_COMMON_INIT, .want = "features", .give = "features", .count = 10, .bytes = 1024 };
	struct bp_arena *config, *mem;
	struct bp_err err = { 0 };
	int st;

	if ((st = bp_main_start(&program, &o, &o.common, NULL, argc, argv, &config)) >= 0)
		return st;
	if (o.common.in && strcmp(o.want, "none") != 0) {
		struct bp_filter f = { .tool = "fake",
			.no_trail = true,
			.want = bp_kind_from(o.want),
			.stage = stage,
			.self = &o,
			.in = o.common.in,
			.out = o.common.out,
			.wire = &o.common.wire };
		return bp_filter_run(&f);
	}
	if (bp_arena_open(&mem, 0, &err) != BP_OK)
		return bp_main_fail(&err);
	st = strcmp(o.want, "none") == 0 ? sink(&o, mem, &err) : source(&o, mem, &err);
	if (st != BP_OK)
		bp_log_err(&err);
	bp_arena_close(mem);
	bp_arena_close(config);
	return st == BP_OK ? BP_EXIT_OK : BP_EXIT_STREAM;
}
