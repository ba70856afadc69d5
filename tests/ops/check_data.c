/* check_data.c: the arguments of cases (check.h): random numbers and what is made of them, in the device's memory */
#include "check_state.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t
draw(struct check *k)
{
	uint64_t z = k->state->rng += 0x9e3779b97f4a7c15u; /* splitmix64 */

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static double
uniform(struct check *k) /* (0,1) */
{
	return ((double)(draw(k) >> 12) + 0.5) * 0x1p-52;
}

static double
normal(struct check *k)
{
	double u = uniform(k), v = uniform(k);

	return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

/* for the large tensors of timings: four 16-bit numbers added up */
static double
about_normal(struct check *k)
{
	uint64_t z = draw(k);

	return ((double)((z & 0xffff) + (z >> 16 & 0xffff) + (z >> 32 & 0xffff) + (z >> 48)) - 131070) * 2.643e-5;
}

/* host memory becomes device memory that may be written; planning reads nothing, so host memory serves it */
static void *
to_device(struct check *k, void *host, size_t bytes)
{
	const void *up;
	bool dry = k->cx->dry;
	void *dev;

	k->cx->dry = false;
	if (!(dev = bp_dev_alloc(k->cx, bytes)) || bp_dev_upload(k->cx, &up, host, bytes) != BP_OK
	    || bp_dev_copy(k->cx, dev, up, bytes) != BP_OK) {
		fprintf(stderr, "check: %s\n", k->cx->err->msg);
		exit(2);
	}
	k->cx->dry = dry;
	k->state->bytes += (double)bytes;
	free(host);
	return dev;
}

float *
check_host_floats(size_t n)
{
	float *p = malloc(n * sizeof *p + 1);

	if (!p) {
		fprintf(stderr, "check: no memory\n");
		exit(2);
	}
	return p;
}

static float *
random_floats(struct check *k, size_t n, double mean, double scale)
{
	float *p = check_host_floats(n);

	for (size_t i = 0; i < n; i++)
		p[i] = (float)(mean + scale * (k->state->timed ? about_normal(k) : normal(k)));
	return to_device(k, p, n * sizeof *p);
}

void
check_label(struct check *k, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(k->state->label, sizeof k->state->label, fmt, ap);
	va_end(ap);
}

void
check_flops(struct check *k, double flops)
{
	k->state->flops = flops;
}

void
check_bound(struct check *k, double c, double terms)
{
	k->state->c = c;
	k->state->terms = terms;
}

const float *
check_normal(struct check *k, size_t n)
{
	return random_floats(k, n, 0, 1);
}

const float *
check_floats(struct check *k, const float *x, size_t n)
{
	float *p = check_host_floats(n);

	memcpy(p, x, n * sizeof *p);
	return to_device(k, p, n * sizeof *p);
}

const int32_t *
check_given(struct check *k, const int32_t *x, size_t n)
{
	int32_t *p = (int32_t *)check_host_floats(n);

	memcpy(p, x, n * sizeof *p);
	return to_device(k, p, n * sizeof *p);
}

const float *
check_mask(struct check *k, size_t n)
{
	float *p = check_host_floats(n);

	for (size_t i = 0; i < n; i++)
		p[i] = i == n / 2 || uniform(k) < 0.75;
	return to_device(k, p, n * sizeof *p);
}

const int32_t *
check_ints(struct check *k, size_t n, int32_t lo, int32_t hi)
{
	int32_t *p = (int32_t *)check_host_floats(n);

	for (size_t i = 0; i < n; i++)
		p[i] = lo + (int32_t)(draw(k) % (uint64_t)((int64_t)hi - lo + 1));
	return to_device(k, p, n * sizeof *p);
}

float *
check_out(struct check *k, size_t n)
{
	struct check_state *s = k->state;
	float *p = check_host_floats(n + 2 * GUARD);

	bp_assert(s->outs < OUTS);
	for (size_t i = 0; i < n + 2 * GUARD; i++)
		p[i] = i < GUARD || i >= n + GUARD ? GUARD_WORD : (float)(s->timed ? about_normal(k) : normal(k));
	s->out[s->outs].was = check_host_floats(n);
	memcpy(s->out[s->outs].was, p + GUARD, n * sizeof *p);
	s->out[s->outs].dev = to_device(k, p, (n + 2 * GUARD) * sizeof *p);
	s->out[s->outs].n = n;
	return s->out[s->outs++].dev + GUARD;
}

const double *
check_doubles(struct check *k, size_t n, double lo, double hi)
{
	double *p = (double *)check_host_floats(2 * n);

	for (size_t i = 0; i < n; i++)
		p[i] = lo + (hi - lo) * uniform(k);
	return to_device(k, p, n * sizeof *p);
}

double *
check_out_doubles(struct check *k, size_t n)
{
	float *p = check_out(k, 2 * n);

	k->state->out[k->state->outs - 1].wide = true;
	return (double *)p;
}

const double *
check_given_doubles(struct check *k, const double *x, size_t n)
{
	return (const double *)check_floats(k, (const float *)x, 2 * n);
}

double *
check_inout_doubles(struct check *k, const double *x, size_t n)
{
	double *p = check_out_doubles(k, n);
	const void *from = check_given_doubles(k, x, n);
	bool dry = k->cx->dry;

	k->cx->dry = false;
	if (bp_dev_copy(k->cx, p, from, n * sizeof *x) != BP_OK)
		k->state->st = BP_ELOST;
	k->cx->dry = dry;
	return p;
}

const uint8_t *
check_bytes(struct check *k, const uint8_t *x, size_t n)
{
	uint8_t *p = (uint8_t *)check_host_floats(n);

	memcpy(p, x, n);
	return to_device(k, p, n);
}

struct bp_weight
check_weight(struct check *k, int n, int kdim)
{
	return (struct bp_weight) { random_floats(k, (size_t)n * kdim, 0, 1 / sqrt(kdim)), NULL, n, kdim };
}

struct bp_weight
check_kept(struct check *k, int n, int kdim)
{
	struct bp_weight w = check_weight(k, n, kdim);
	bool dry = k->cx->dry;

	k->cx->dry = false;
	if ((k->state->timed || k->state->kept++ % 2) && bp_weight_keep(k->cx, &w) != BP_OK) {
		fprintf(stderr, "check: %s\n", k->cx->err->msg);
		exit(2);
	}
	k->cx->dry = dry;
	return w;
}

struct bp_weight
check_norm_w(struct check *k, int n)
{
	return (struct bp_weight) { random_floats(k, n, 1, 0.2), NULL, n, 1 };
}

struct bp_weight
check_norm_b(struct check *k, int n)
{
	return (struct bp_weight) { random_floats(k, n, 0, 0.2), NULL, n, 1 };
}
