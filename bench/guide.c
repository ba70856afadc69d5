/* guide: what guidance and scoring cost. guide time CURVE FILE... prints a table, guide card CURVE FILE... two of the
 * first card, on the clock on the wall: whole calls, with what travels, and diffusion steps as the sampler makes them; guide ops CURVE FILE... what the
 * ops of such steps take (they are then launched one by one); guide stream FILE RECORDS SAMPLES
 * writes a stream of that many structures records of FILE, each sample displaced a little. bench/guide.sh calls it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "guide/atoms.h"
#include "guide/saxs.h"
#include "model/guiding.h"
#include "ops/ops.h"
#include "ops/profile.h"
#include "stream/io.h"

struct bench {
	struct bp_arena *mem;
	struct bp_err err;
	struct bp_curve *curve;
	struct bp_atoms *a;
	struct bp_particle *p;
	const char *device;
	int samples;
};

#define MUST(b, call)                                                                                                  \
	do {                                                                                                           \
		if ((call) != BP_OK) {                                                                                 \
			bp_log_err(&(b)->err);                                                                         \
			exit(1);                                                                                       \
		}                                                                                                      \
	} while (0)

#define BP_BENCH_NEW(b, p, n)                                                                                          \
	do {                                                                                                           \
		if (!((p) = bp_calloc((b)->mem, (size_t)(n), sizeof *(p), &(b)->err)))                                 \
			MUST(b, BP_EMEM);                                                                              \
	} while (0)

static void
load(struct bench *b, const char *path)
{
	struct bp_sites *s;

	MUST(b, bp_sites_read(&s, path, BP_ALT_FIRST, b->mem, &b->err));
	MUST(b, bp_atoms_of_sites(&b->a, s, 0, bp_sites_model(s, 0), NULL, b->mem, &b->err));
	MUST(b, bp_particle_new(&b->p, b->a->n, b->a->z, b->a->n_h, b->a->mask, b->mem, &b->err));
}

/* on the CPU of this process: other work on the machine disturbs it less than a clock on the wall */
static double
seconds(const struct bench *b)
{
	struct timespec t;

	clock_gettime(strcmp(b->device, "cpu") == 0 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* best time of `repeats`, ms: exposed fractions, chi2, chi2 and gradient */
static void
measure(double ms[3], struct bench *b, const char *variant, enum bp_debye_method method, enum bp_saxs_gradient gradient,
    int repeats)
{
	struct bp_mark mark = bp_arena_mark(b->mem);
	struct bp_saxs_opt o = BP_SAXS_INIT;
	const size_t n = (size_t)b->samples;
	struct bp_saxs_result *r = bp_calloc(b->mem, n, sizeof *r, &b->err);
	struct bp_saxs *s;
	struct bp_ctx *cx;
	double *exposed = bp_calloc(b->mem, n * (size_t)b->p->n, sizeof *exposed, &b->err);
	double *grad = bp_calloc(b->mem, 3 * n * (size_t)b->a->n, sizeof *grad, &b->err);
	double *x = bp_calloc(b->mem, 3 * n * (size_t)b->a->n, sizeof *x, &b->err);

	if (!r || !exposed || !grad || !x)
		MUST(b, BP_EMEM);
	for (size_t i = 0; i < n; i++)
		memcpy(x + 3 * i * (size_t)b->a->n, b->a->x, 3 * (size_t)b->a->n * sizeof *x);
	o.method = method, o.gradient = gradient, o.epsilon = 1e-3, o.fit.c2_min = 0;
	MUST(b, bp_ctx_open(&cx, b->device, variant, NULL, 0, "fp32", 1, 0, &b->err));
	MUST(b, bp_saxs_open(&s, cx, b->p, b->curve, &o, b->mem, &b->err));
	ms[0] = ms[1] = ms[2] = INFINITY;
	for (int k = 0; k < repeats; k++) {
		double t0 = seconds(b), t1, t2;
		MUST(b, bp_saxs_expose(exposed, s, b->samples, x, b->mem, &b->err));
		t1 = seconds(b);
		ms[0] = fmin(ms[0], 1e3 * (t1 - t0));
		if (gradient == BP_SAXS_ANALYTIC || gradient == BP_SAXS_ENERGY_ONLY) {
			MUST(b, bp_saxs_eval(r, NULL, NULL, s, b->samples, x, exposed, b->mem, &b->err));
			ms[1] = fmin(ms[1], 1e3 * (seconds(b) - t1));
		}
		t2 = seconds(b);
		MUST(b, bp_saxs_eval(r, grad, NULL, s, b->samples, x, exposed, b->mem, &b->err));
		ms[2] = fmin(ms[2], 1e3 * (seconds(b) - t2));
	}
	bp_ctx_close(cx);
	bp_arena_release(b->mem, mark);
}

static void
row(struct bench *b, const char *what, const char *variant, enum bp_debye_method method, enum bp_saxs_gradient gradient,
    int repeats)
{
	double ms[3];

	measure(ms, b, variant, method, gradient, repeats);
	printf("| %d | %s | %s | %.2f | ", b->p->n, what, variant, ms[0]);
	if (isfinite(ms[1]))
		printf("%.2f", ms[1]);
	printf(" | %.2f |\n", ms[2]);
	fflush(stdout);
}

static void
time_files(struct bench *b, char **path, int n)
{
	static const char *const variants[] = { "optimized", "original" };
	static const char *const methods[] = { "auto", "direct", "histogram", "quadrature" };
	static const char *const gradients[] = { "analytic", "finite_diff", "finite_diff_batch", "energy_only" };

	printf("| atoms | method, gradient | variant | exposed fractions | chi2 | chi2 and gradient "
	       "|\n|---|---|---|---|---|---|\n");
	for (int i = 0; i < n; i++) {
		char what[64];
		load(b, path[i]);
		for (int v = 0; v < 2 && b->p->n > 500; v++)
			row(b, "histogram (auto), analytic", variants[v], BP_DEBYE_AUTO, BP_SAXS_ANALYTIC,
			    v                    ? 1
			        : b->p->n > 5000 ? 5
			                         : 20);
		for (int m = BP_DEBYE_DIRECT; m <= BP_DEBYE_QUADRATURE && b->p->n > 200 && b->p->n < 500; m++)
			for (int v = 0; v < 2; v++) {
				snprintf(what, sizeof what, "%s, analytic", methods[m]);
				row(b, what, variants[v], (enum bp_debye_method)m, BP_SAXS_ANALYTIC, v ? 1 : 5);
			}
		for (int g = 0; g < 4 && b->p->n < 200; g++) /* for ablation: six evaluations an atom */
			for (int v = 0; v < 2; v++) {
				snprintf(what, sizeof what, "histogram, %s", gradients[g]);
				row(b, what, variants[v], BP_DEBYE_HISTOGRAM, (enum bp_saxs_gradient)g, g == 1 ? 1 : 3);
			}
	}
}

/* ---- a stream ---- */

static struct bp_val *
column(struct bench *b, struct bp_val *table, const char *key)
{
	struct bp_val *v = bp_val_arr(b->mem, &b->err);

	MUST(b, bp_val_set(table, key, v, b->mem, &b->err));
	return v;
}

/* a table of one chain; its atoms are residues of their own: scores look at names and hydrogens only */
static void
tables(struct bench *b, struct bp_rec *rec, const struct bp_sites *s)
{
	static const char *const key[] = { "chains", "residues", "atoms" };
	struct bp_val *t[3], *c[8];

	for (int i = 0; i < 3; i++) {
		t[i] = bp_val_map(b->mem, &b->err);
		MUST(b, bp_val_set(rec->meta, key[i], t[i], b->mem, &b->err));
	}
	c[0] = column(b, t[0], "name"), c[1] = column(b, t[0], "mol_type"), c[2] = column(b, t[0], "res_num");
	MUST(b, bp_val_push(c[0], bp_val_str(b->mem, "A", &b->err), b->mem, &b->err));
	MUST(b, bp_val_push(c[1], bp_val_int(b->mem, 0, &b->err), b->mem, &b->err));
	MUST(b, bp_val_push(c[2], bp_val_int(b->mem, s->n, &b->err), b->mem, &b->err));
	c[3] = column(b, t[1], "name"), c[4] = column(b, t[1], "atom_num");
	c[5] = column(b, t[2], "name"), c[6] = column(b, t[2], "element"), c[7] = column(b, t[2], "n_h");
	for (int i = 0; i < s->n; i++) {
		MUST(b, bp_val_push(c[3], bp_val_str(b->mem, s->site[i].res, &b->err), b->mem, &b->err));
		MUST(b, bp_val_push(c[4], bp_val_int(b->mem, 1, &b->err), b->mem, &b->err));
		MUST(b, bp_val_push(c[5], bp_val_str(b->mem, s->site[i].name, &b->err), b->mem, &b->err));
		MUST(b, bp_val_push(c[6], bp_val_int(b->mem, s->site[i].element, &b->err), b->mem, &b->err));
		MUST(b, bp_val_push(c[7], bp_val_int(b->mem, 0, &b->err), b->mem, &b->err));
	}
}

static void
stream(struct bench *b, const char *path, int records, int samples)
{
	struct bp_sites *s;
	struct bp_rec *rec;
	struct bp_tensor *x;
	struct bp_out *out;
	unsigned seed = 1;

	MUST(b, bp_sites_read(&s, path, BP_ALT_FIRST, b->mem, &b->err));
	MUST(b, bp_out_open(&out, NULL, &b->err));
	MUST(b, bp_rec_new(&rec, BP_STRUCTURES, "bench", b->mem, &b->err));
	tables(b, rec, s);
	MUST(b, bp_rec_add(&x, rec, "sample_atom_coords", BP_F32, 3, (int64_t[]) { samples, s->n, 3 }, &b->err));
	for (int r = 0; r < records; r++) {
		float *p = x->data;
		char id[32];
		snprintf(id, sizeof id, "bench%d", r);
		rec->id = id;
		for (int k = 0; k < samples * s->n; k++)
			for (int d = 0; d < 3; d++) {
				seed = seed * 1664525u + 1013904223u;
				*p++ = (float)(s->site[k % s->n].x[d] + 0.2 * ((seed >> 8) / 16777216.0 - 0.5));
			}
		MUST(b, bp_out_put(out, rec, &b->err));
	}
	MUST(b, bp_out_end(out, &b->err));
	bp_out_close(out);
}

/* ---- diffusion steps on a card ---- */

struct steps {
	struct bp_ctx *cx;
	struct bp_guiding *g;
	const struct bp_guide *guide;
	float *denoised, *start; /* [samples,n,3] */
	size_t bytes;
};

/* a guide of all samples, as in the sampler; its tokens are eight atoms each */
static void
open_steps(struct steps *t, struct bench *b, const struct bp_sites *s, const char *spec, const char *variant)
{
	struct bp_guiding_opt o = { .n = 1, .samples = b->samples, .guided = b->samples, .steps = 1000, .atoms = s->n, .tokens = (s->n + 7) / 8 };
	const size_t numbers = 3 * (size_t)b->samples * (size_t)s->n;
	struct bp_tensor *coords;
	struct bp_rec *rec;
	int32_t *token;
	float *x;
	const void *up;
	int n;

	*t = (struct steps) { .bytes = numbers * sizeof *x };
	BP_BENCH_NEW(b, o.params, 1);
	BP_BENCH_NEW(b, token, s->n);
	MUST(b, bp_ctx_open(&t->cx, b->device, variant, NULL, 0, "fp32", 1, 0, &b->err));
	MUST(b, bp_guide_from_spec(o.params, spec, b->mem, &b->err));
	MUST(b, bp_rec_new(&rec, BP_STRUCTURES, "bench", b->mem, &b->err));
	tables(b, rec, s);
	MUST(b, bp_rec_add(&coords, rec, "sample_atom_coords", BP_F32, 3, (int64_t[]) { b->samples, s->n, 3 }, &b->err));
	x = coords->data;
	for (int i = 0; i < s->n; i++)
		token[i] = i / 8;
	for (size_t i = 0; i < numbers; i++)
		x[i] = (float)s->site[i / 3 % (size_t)s->n].x[i % 3];
	o.token = token, o.rec = rec;
	MUST(b, bp_guiding_open(&t->g, t->cx, &o, b->mem, &b->err));
	t->guide = bp_guiding_list(t->g, &n);
	if (!(t->denoised = bp_dev_alloc(t->cx, t->bytes)))
		MUST(b, BP_EMEM);
	MUST(b, bp_dev_upload(t->cx, &up, x, t->bytes));
	t->start = (float *)(uintptr_t)up;
	MUST(b, t->guide->begin(t->guide->self, t->cx));
}

/* one diffusion step, always of the same coordinates */
static void
act(struct steps *t, struct bench *b, int step)
{
	MUST(b, bp_dev_copy(t->cx, t->denoised, t->start, t->bytes));
	MUST(b, t->guide->act(t->guide->self, t->cx,
	    &(struct bp_guided) { step, 1000, 100, b->samples, 0, t->denoised, NULL, true, NULL }));
}

static void
close_steps(struct steps *t)
{
	t->guide->end(t->guide->self, t->cx);
	bp_ctx_close(t->cx);
}

/* best time of a diffusion step, ms; *mib: device memory */
static double
measure_steps(double *mib, struct bench *b, const struct bp_sites *s, const char *spec, const char *variant, int repeats)
{
	struct bp_mark mark = bp_arena_mark(b->mem);
	double best = INFINITY;
	struct steps t;
	float x;

	open_steps(&t, b, s, spec, variant);
	for (int k = 0; k < repeats + 3; k++) { /* plainly, maybe with more room; recorded; replayed */
		double start = seconds(b);
		act(&t, b, k);
		MUST(b, bp_dev_download(t.cx, &x, t.denoised, sizeof x)); /* not all guides wait */
		if (k >= 3)
			best = fmin(best, 1e3 * (seconds(b) - start));
	}
	*mib = (double)bp_dev_peak(t.cx) / 1048576;
	close_steps(&t);
	bp_arena_release(b->mem, mark);
	return best;
}

static void
steps_row(struct bench *b, const char *curve, const char *path, const char *variant)
{
	char spec[512];
	struct bp_sites *s;
	double mib, none, four, one, all, first, rg;
	const int repeats = 60;

	MUST(b, bp_sites_read(&s, path, BP_ALT_FIRST, b->mem, &b->err));
	snprintf(spec, sizeof spec, "saxs:%s,smoothing=0,interval=20", curve);
	none = measure_steps(&mib, b, s, spec, variant, repeats);
	snprintf(spec, sizeof spec, "saxs:%s,interval=20", curve);
	one = measure_steps(&mib, b, s, spec, variant, repeats);
	snprintf(spec, sizeof spec, "saxs:%s,interval=5", curve);
	four = measure_steps(&mib, b, s, spec, variant, repeats);
	first = measure_steps(&rg, b, s, "rg:12,interval=20", variant, repeats);
	all = measure_steps(&rg, b, s, "rg:12,interval=1", variant, repeats);
	printf("| %d | %d | %s | %.3f | %.3f | %.3f | %.3f | %.1f | %.1f |\n", b->p->n, b->samples, variant, (four - one) / 3, one - none, four,
	    all, 1e3 * (all - first) / 19, mib);
	fflush(stdout);
}

static void
time_card(struct bench *b, const char *curve, char **path, int n)
{
	static const char *const variants[] = { "optimized", "original" };
	char what[64];

	b->device = "cuda";
	printf("| atoms | method, samples | variant | exposed fractions | chi2 | chi2 and gradient "
	       "|\n|---|---|---|---|---|---|\n");
	for (int i = 0; i < n; i++) {
		load(b, path[i]);
		for (b->samples = 1; b->samples <= 5; b->samples += 4)
			for (int v = 0; v < 2; v++) {
				snprintf(what, sizeof what, "auto, %d", b->samples);
				row(b, what, variants[v], BP_DEBYE_AUTO, BP_SAXS_ANALYTIC, v ? 3 : 50);
			}
	}
	printf("\nDiffusion steps as the sampler makes them, ms: an evaluation with its step; the share of smoothing; all of a diffusion step with four\n"
	       "(exposed fractions once); all of one with 20 of Rg; one of these, us; device memory, MiB\n\n"
	       "| atoms | samples | variant | evaluation and step | smoothing | diffusion step | that of Rg | Rg, us | MiB |\n"
	       "|---|---|---|---|---|---|---|---|---|\n");
	for (int i = 0; i < n; i++) {
		load(b, path[i]);
		for (b->samples = 1; b->samples <= 5; b->samples += 4)
			steps_row(b, curve, path[i], "optimized");
	}
}

/* what the ops of 100 diffusion steps of each file take */
static void
time_ops(struct bench *b, const char *curve, char **path, int n)
{
	char spec[512];

	b->device = "cuda";
	bp_log_open("guide", BP_LOG_WARN);
	for (int i = 0; i < n; i++)
		for (b->samples = 1; b->samples <= 5; b->samples += 4) {
			struct bp_sites *s;
			struct steps t;
			MUST(b, bp_sites_read(&s, path[i], BP_ALT_FIRST, b->mem, &b->err));
			snprintf(spec, sizeof spec, "saxs:%s,interval=5", curve);
			open_steps(&t, b, s, spec, "optimized");
			act(&t, b, 0);
			MUST(b, bp_profile_open(t.cx, &b->err));
			for (int k = 1; k <= 100; k++)
				act(&t, b, k);
			printf("%s, %d samples\n", path[i], b->samples);
			fflush(stdout);
			bp_profile_tell(t.cx);
			bp_profile_close(t.cx);
			close_steps(&t);
		}
}

int
main(int argc, char **argv)
{
	struct bench b = { .device = "cpu", .samples = 1 };

	bp_log_open("guide", BP_LOG_ERROR);
	MUST(&b, bp_arena_open(&b.mem, 0, &b.err));
	if (argc == 5 && strcmp(argv[1], "stream") == 0) {
		stream(&b, argv[2], atoi(argv[3]), atoi(argv[4]));
	} else if (argc > 3 && strcmp(argv[1], "time") == 0) {
		MUST(&b, bp_curve_read(&b.curve, argv[2], NULL, b.mem, &b.err));
		time_files(&b, argv + 3, argc - 3);
	} else if (argc > 3 && (strcmp(argv[1], "card") == 0 || strcmp(argv[1], "ops") == 0)) {
		MUST(&b, bp_curve_read(&b.curve, argv[2], NULL, b.mem, &b.err));
		(*argv[1] == 'c' ? time_card : time_ops)(&b, argv[2], argv + 3, argc - 3);
	} else {
		fprintf(stderr, "guide time|card|ops CURVE FILE... | guide stream FILE RECORDS SAMPLES\n");
		return 2;
	}
	bp_arena_close(b.mem);
	return 0;
}
