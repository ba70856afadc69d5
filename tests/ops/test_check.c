/* test_check: every op of ops.def x variant x device against the CPU's original row, and their timings.
 *
 *	test_check [check] [-s SEED] ...   the default: exit 1 when a row is wrong
 *	test_check bench [-t THREADS] [-i SHAPE] ...
 *	                                   a line a row and shape: op variant device precision ms GFLOP/s (% of the machine's) GB/s, each array
 *	                                   once (% of a large copy's) memory shape
 *	test_check list ...                the rows
 * Only some rows: [-v VARIANT] [-d cpu|cuda] [-p PRECISION] [OP]
 *
 * Beside the numbers a check compares guard words, the bytes at 1 and 3 threads (CPU), the memory that a dry run
 * counts with that of the real one, and, of ops that take less memory in blocks of rows, the bytes in blocks of several sizes. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "check_state.h"
#ifdef BP_HAVE_CUDA
#include "context.h"
#endif

extern const struct check_op check_heavy[], check_attn[], check_light[], check_guide[];

static const struct check_op *const tables[] = { check_heavy, check_attn, check_light, check_guide };

/* seconds; of one thread on the CPU its processor time, which other work on the machine hardly disturbs */
static double
now(const struct bp_ctx *cx)
{
	struct timespec t;

	clock_gettime(cx->device == BP_CPU && cx->threads == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* one call; when timing, until half a second is spent (at least three calls, the best counts) */
bool
check_again(struct check *k)
{
	struct check_state *s = k->state;

	if (s->timed ? s->calls >= 3 && s->spent > 0.5 : s->calls == 1)
		return false;
	bp_dev_peak_reset(k->cx);
	s->before = bp_dev_peak(k->cx); /* what is in use now */
	s->start = now(k->cx);
	return true;
}

void
check_status(struct check *k, int st)
{
	struct check_state *s = k->state;
	double took;
	float wait;

	if (s->timed && s->outs && bp_dev_download(k->cx, &wait, s->out[0].dev, sizeof wait) != BP_OK) /* waits for the device */
		s->st = BP_ELOST;
	took = now(k->cx) - s->start;
	s->spent += took;
	if (!s->calls++ || took < s->best)
		s->best = took;
	s->peak = bp_dev_peak(k->cx) - s->before;
	if (st != BP_OK)
		s->st = st;
}

/* run one shape under cx; outputs come to the host */
static void
run(struct check_state *s, const struct check_op *op, int shape, struct bp_ctx *cx, uint64_t seed, bool timed, bool dry)
{
	struct check k = { cx, s };
	struct bp_mark m = bp_dev_mark(cx);

	*s = (struct check_state) { .rng = seed + 1000 * (uint64_t)shape, .timed = timed, .dry = dry };
	cx->dry = dry;
	op->run(&k, shape);
	cx->dry = false;
	bp_assert(s->calls);
	for (int i = 0; i < s->outs; i++) {
		size_t n = s->out[i].n + 2 * GUARD;
		s->out[i].host = check_host_floats(n);
		if (bp_dev_download(cx, s->out[i].host, s->out[i].dev, n * sizeof(float)) != BP_OK)
			s->st = BP_ELOST;
	}
	bp_dev_release(cx, m);
}

static void
done(struct check_state *s)
{
	for (int i = 0; i < s->outs; i++) {
		free(s->out[i].was);
		free(s->out[i].host);
	}
}

static bool
guards_hold(const struct check_state *s)
{
	for (int i = 0; i < s->outs; i++)
		for (size_t g = 0; g < GUARD; g++)
			if (s->out[i].host[g] != GUARD_WORD || s->out[i].host[GUARD + s->out[i].n + g] != GUARD_WORD)
				return false;
	return true;
}

/* number j of output i */
static double
number(const struct check_state *s, int i, size_t j)
{
	const float *p = s->out[i].host + GUARD;

	return s->out[i].wide ? ((const double *)p)[j] : p[j];
}

static size_t
numbers(const struct check_state *s, int i)
{
	return s->out[i].wide ? s->out[i].n / 2 : s->out[i].n;
}

/* the largest error in fp32, as a share of what is allowed; NaN when a number is not finite */
static double
worst_fp32(const struct check_state *ref, const struct check_state *got)
{
	double most = 0;

	for (int i = 0; i < ref->outs; i++) {
		double unit = ref->c * 0x1p-23, sum = 0, bound;
		size_t n = numbers(ref, i);
		for (size_t j = 0; j < n; j++)
			sum += number(ref, i, j) * number(ref, i, j);
		bound = unit * sqrt(ref->terms) * sqrt(sum / (double)n);
		for (size_t j = 0; j < n; j++) {
			double r = number(ref, i, j), g = number(got, i, j);
			double e = r == g ? 0 : fabs(g - r) / fmax(bound, unit * fabs(r));
			if (!(e <= most))
				most = e;
			if (isnan(e))
				return e;
		}
	}
	return most;
}

/* rms error of output i over its rms, or over the rms of what the op changed if that is less: an op that adds to what is there must not hide
 * behind it. most: the largest error over max(rms, the number), which tells of single numbers that are wrong */
static double
relative(const struct check_state *ref, const struct check_state *got, int i, double *most)
{
	size_t n = numbers(ref, i);
	double sum = 0, change = 0, errors = 0, rms;

	for (size_t j = 0; j < n; j++) {
		double r = number(ref, i, j), d = ref->out[i].wide ? r : r - ref->out[i].was[j], e = number(got, i, j) - r;
		sum += r * r, change += d * d, errors += e * e;
	}
	rms = sqrt(sum / (double)n);
	*most = 0;
	if (errors == 0) /* also where all is 0 */
		return 0;
	for (size_t j = 0; j < n; j++) {
		double r = number(ref, i, j), e = fabs(number(got, i, j) - r) / fmax(rms, fabs(r));
		if (!(e <= *most))
			*most = e;
	}
	return sqrt(errors / fmin(sum, change));
}

/* The same for coarser operands: c roundings of `unit` (what one adds on average, as a share of its number) are c^1/2
 * unit together; rms with three standard deviations of its own, each number with eight. doc/ops.md */
static double
worst_coarse(const struct check_state *ref, const struct check_state *got, double unit)
{
	double share = 0, bound = sqrt(ref->c) * unit, most;

	for (int i = 0; i < ref->outs; i++) {
		double e = relative(ref, got, i, &most);
		if (isnan(e) || isnan(most))
			return NAN;
		share = fmax(share, fmax(e / (bound * (1 + 3 / sqrt((double)numbers(ref, i)))), most / (8 * bound)));
	}
	return share;
}

static double
worst(const struct check_state *ref, const struct check_state *got, enum bp_precision p)
{
	return p == BP_FP32 ? worst_fp32(ref, got) : worst_coarse(ref, got, p == BP_TF32 ? 0x1p-11 : 0x1p-9);
}

static bool
same_bytes(const struct check_state *a, const struct check_state *b)
{
	for (int i = 0; i < a->outs; i++)
		if (memcmp(a->out[i].host, b->out[i].host, (a->out[i].n + 2 * GUARD) * sizeof(float)))
			return false;
	return true;
}

static const char *const precision_name[] = { [BP_FP32] = "fp32", [BP_TF32] = "tf32", [BP_BF16_MM] = "bf16" };

/* precisions that a row knows: the first ones of enum bp_precision (ctx.h) */
static int
precisions(const struct bp_oprow *row)
{
	return row->device == BP_CPU || !strcmp(row->variant, "original") ? 1 : 3;
}

static struct bp_ctx *
open_cx(const struct bp_oprow *row, int precision, int threads, struct bp_err *err)
{
	struct bp_ctx *cx;

	if (bp_ctx_open(&cx, row->device == BP_CPU ? "cpu" : "cuda", row->variant, NULL, 0, precision_name[precision],
	        threads, 0, err)
	    != BP_OK)
		return NULL;
	return cx;
}

static const char *
device_name(const struct bp_oprow *row)
{
	return row->device == BP_CPU ? "cpu" : "cuda";
}

/* What is wrong when the op takes few rows of pairs at once (cx->chunk): the bytes must be those of all at once, `got`, and the memory no more
 * than `all`. An op whose memory does not depend on it is not run again. */
static const char *
chunk_fault(const struct check_op *op, int shape, uint64_t seed, struct bp_ctx *cx, const struct check_state *got, size_t all)
{
	static const int chunks[] = { 1, 7, 1 << 20 };
	const char *fault = NULL;
	struct check_state cut, dry;

	for (size_t i = 0; i < sizeof chunks / sizeof *chunks && !fault; i++) {
		cx->chunk = chunks[i];
		run(&dry, op, shape, cx, seed, false, true);
		done(&dry);
		if (i == 0 && dry.peak == all)
			break;
		run(&cut, op, shape, cx, seed, false, false);
		if (cut.st != BP_OK || !guards_hold(&cut) || !same_bytes(got, &cut))
			fault = "depends on the block of rows";
		else if (cut.peak > all || cut.peak != dry.peak)
			fault = "needs other memory in blocks of rows";
		done(&cut);
	}
	cx->chunk = 0;
	return fault;
}

/* faults of one row on one shape; 0 or 1 */
static int
check_shape(const struct check_op *op, const struct bp_oprow *row, int shape, uint64_t seed, struct bp_ctx *plain,
    struct bp_ctx *one, struct bp_ctx *three)
{
	struct check_state ref, got, again, dry;
	const char *fault = NULL;
	double share, most;

	run(&ref, op, shape, plain, seed, false, false);
	run(&got, op, shape, one, seed, false, false);
	run(&again, op, shape, three, seed, false, false);
	run(&dry, op, shape, three, seed, false, true);
	share = worst(&ref, &got, one->precision);
	if (ref.st != BP_OK || got.st != BP_OK || again.st != BP_OK || dry.st != BP_OK)
		fault = "failed";
	else if (!guards_hold(&ref) || !guards_hold(&got) || !guards_hold(&again) || !guards_hold(&dry))
		fault = "wrote outside its output";
	else if (!(share <= 1))
		fault = "is wrong";
	else if (!same_bytes(&got, &again))
		fault = "depends on the threads";
	else if (dry.peak != again.peak)
		fault = "needs other memory than a dry run counts";
	else
		fault = chunk_fault(op, shape, seed, three, &got, again.peak);
	printf("%-22s %-9s %-4s %s %6.3f of the bound, error %.1e  %s%s%s\n", op->op, row->variant, device_name(row),
	    precision_name[one->precision], share, ref.outs ? relative(&ref, &got, 0, &most) : 0, ref.label,
	    fault ? "  FAULT: " : "", fault ? fault : "");
	done(&ref), done(&got), done(&again), done(&dry);
	return fault != NULL;
}

static int
check_row(const struct check_op *op, const struct bp_oprow *row, int precision, uint64_t seed, int *skipped)
{
	struct bp_err err = { 0 };
	struct bp_ctx *plain = open_cx(bp_oprow_find(op->op, "original", BP_CPU), BP_FP32, 1, &err);
	struct bp_ctx *one = open_cx(row, precision, 1, &err), *three = open_cx(row, precision, 3, &err);
	int faults = 0;

	if (!plain || !one || !three) {
		printf("%-22s %-9s %-4s skipped: %s\n", op->op, row->variant, device_name(row), err.msg);
		faults = err.code != BP_EUNSUP;
		++*skipped;
	}
	for (int i = 0, all = op->checks + op->benches + op->large + op->cards; plain && one && three && i < all; i++)
		if (i < op->checks || (i >= all - op->cards && row->device == BP_CUDA))
			faults += check_shape(op, row, i, seed, plain, one, three);
	bp_ctx_close(plain);
	bp_ctx_close(one);
	bp_ctx_close(three);
	return faults;
}

static const struct check_op *
find(const char *name)
{
	for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
		for (const struct check_op *op = tables[t]; op->op; op++)
			if (!strcmp(op->op, name))
				return op;
	return NULL;
}

/* What the machine could do: bytes a second of a large copy, read and written; operations a second of products at this precision, of a CPU those of
 * the linear op, 0 if it is not known */
static void
ceilings(double *bytes, double *flops, struct bp_ctx *cx)
{
	const size_t n = (size_t)(cx->device == BP_CPU ? 64 : 512) << 20;
	struct bp_mark mark = bp_dev_mark(cx);
	void *a = bp_dev_alloc(cx, n), *b = bp_dev_alloc(cx, n);
	double best = INFINITY;
	uint32_t end;

	*bytes = *flops = 0;
	for (int i = 0; a && b && i < 5; i++) {
		double start;
		if (bp_dev_copy(cx, b, a, n) != BP_OK || bp_dev_download(cx, &end, b, sizeof end) != BP_OK)
			break;
		start = now(cx);
		if (bp_dev_copy(cx, b, a, n) != BP_OK || bp_dev_download(cx, &end, (char *)b + n - sizeof end, sizeof end) != BP_OK)
			break;
		best = fmin(best, now(cx) - start);
	}
	*bytes = isfinite(best) ? 2 * (double)n / best : 0;
	bp_dev_release(cx, mark);
#ifdef BP_HAVE_CUDA
	if (cx->device == BP_CUDA)
		*flops = bp_cuda_peak(cx, cx->precision);
#endif
	if (cx->device == BP_CPU) {
		const struct bp_oprow *row = bp_oprow_find("linear", "optimized", BP_CPU);
		struct check_state s;
		struct bp_ctx *own = open_cx(row, BP_FP32, cx->threads, cx->err);
		if (own) {
			run(&s, find("linear"), 9, own, 1, true, false);
			*flops = s.flops / s.best;
			done(&s);
		}
		bp_ctx_close(own);
	}
}

static int
bench_row(const struct check_op *op, const struct bp_oprow *row, int precision, int threads, int only)
{
	struct bp_err err = { 0 };
	struct bp_ctx *cx = open_cx(row, precision, threads, &err);
	struct check_state s;
	int shapes = op->benches + (row->device == BP_CUDA ? op->large : 0);
	double bytes = 0, flops = 0;

	if (cx)
		ceilings(&bytes, &flops, cx);
	for (int i = op->checks; cx && i < op->checks + shapes; i++) {
		if (only >= 0 && i != only)
			continue;
		run(&s, op, i, cx, 1, true, false);
		printf("%-22s %-9s %-4s %s %9.3f ms %8.1f GFLOP/s (%2.0f %%) %7.1f GB/s (%2.0f %%) %8.1f MiB  %s%s\n", op->op, row->variant,
		    device_name(row), precision_name[precision], 1e3 * s.best, s.flops / s.best / 1e9, flops > 0 ? 100 * s.flops / s.best / flops : NAN,
		    s.bytes / s.best / 1e9, bytes > 0 ? 100 * s.bytes / s.best / bytes : NAN, (double)s.peak / 1048576, s.label,
		    s.st == BP_OK ? "" : "  FAILED");
		fflush(stdout);
		done(&s);
	}
	bp_ctx_close(cx);
	return 0;
}

int
main(int argc, char **argv)
{
	const char *mode = "check", *only = NULL, *variant = NULL, *device = NULL, *precision = NULL;
	uint64_t seed = 1;
	int faults = 0, skipped = 0, threads = 0, shape = -1;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "-s") && i + 1 < argc)
			seed = strtoull(argv[++i], NULL, 10);
		else if (!strcmp(argv[i], "-t") && i + 1 < argc)
			threads = (int)strtol(argv[++i], NULL, 10);
		else if (!strcmp(argv[i], "-v") && i + 1 < argc)
			variant = argv[++i];
		else if (!strcmp(argv[i], "-d") && i + 1 < argc)
			device = argv[++i];
		else if (!strcmp(argv[i], "-p") && i + 1 < argc)
			precision = argv[++i];
		else if (!strcmp(argv[i], "-i") && i + 1 < argc)
			shape = (int)strtol(argv[++i], NULL, 10);
		else if (!strcmp(argv[i], "check") || !strcmp(argv[i], "bench") || !strcmp(argv[i], "list"))
			mode = argv[i];
		else
			only = argv[i];
	}
	if (*mode == 'c')
		printf("seed %llu\n", (unsigned long long)seed);
	for (int r = 0; r < bp_oprow_count; r++) {
		const struct bp_oprow *row = &bp_oprows[r];
		const struct check_op *op = find(row->op);
		if ((only && strcmp(only, row->op)) || (variant && strcmp(variant, row->variant))
		    || (device && strcmp(device, device_name(row))))
			continue;
		if (!op || *mode == 'l')
			printf(
			    "%-22s %-9s %-4s %s\n", row->op, row->variant, device_name(row), op ? "" : "has no cases");
		for (int p = 0; op && *mode != 'l' && p < precisions(row); p++)
			if (!precision || !strcmp(precision, precision_name[p]))
				faults += *mode == 'b' ? bench_row(op, row, p, threads, shape) : check_row(op, row, p, seed, &skipped);
		faults += !op;
	}
	if (skipped)
		printf("skipped: no GPU: %d checks of CUDA rows\n", skipped);
	if (faults)
		printf("%d faults\n", faults);
	return faults ? 1 : 0;
}
