/* guide: what guidance and scoring cost. guide time CURVE FILE... prints a table, guide card CURVE FILE... that of the
 * first card (whole calls, with what travels, on the clock on the wall); guide stream FILE RECORDS SAMPLES
 * writes a stream of that many structures records of FILE, each sample displaced a little. bench/guide.sh calls it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "guide/atoms.h"
#include "guide/saxs.h"
#include "ops/ops.h"
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

static void
time_card(struct bench *b, char **path, int n)
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

int
main(int argc, char **argv)
{
	struct bench b = { .device = "cpu", .samples = 1 };

	bp_log_open("guide", BP_LOG_ERROR);
	MUST(&b, bp_arena_open(&b.mem, 0, &b.err));
	if (argc == 5 && strcmp(argv[1], "stream") == 0) {
		stream(&b, argv[2], atoi(argv[3]), atoi(argv[4]));
	} else if (argc > 3 && (strcmp(argv[1], "time") == 0 || strcmp(argv[1], "card") == 0)) {
		MUST(&b, bp_curve_read(&b.curve, argv[2], NULL, b.mem, &b.err));
		(*argv[1] == 't' ? time_files : time_card)(&b, argv + 3, argc - 3);
	} else {
		fprintf(stderr, "guide time|card CURVE FILE... | guide stream FILE RECORDS SAMPLES\n");
		return 2;
	}
	bp_arena_close(b.mem);
	return 0;
}
