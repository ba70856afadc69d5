/* lib/model/plan.c: see plan.h */
#include "model/plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "ops/lane.h"

#define MIB(bytes) ((double)(bytes) / 1048576)

int
bp_plan_bytes(size_t *bytes, struct bp_ctx *cx, int (*work)(void *self, struct bp_ctx *cx), void *self)
{
	struct bp_rehearsal r;
	int st;

	BP_TRY(bp_dev_rehearse(&r, cx));
	st = work(self, cx);
	*bytes = bp_dev_rehearsed(&r, cx);
	return st;
}

/* blocks of rows that are tried, largest first */
static const int chunks[] = { 0, 2048, 1024, 512, 256, 128, 64, 32 };

int
bp_plan_fit(struct bp_planned *ret, struct bp_ctx *cx, int (*work)(void *self, struct bp_ctx *cx), void *self, size_t room)
{
	size_t n = cx->chunk_fixed ? 1 : sizeof chunks / sizeof *chunks, whole = 0;

	for (size_t i = 0; i < n; i++) {
		if (!cx->chunk_fixed)
			cx->chunk = chunks[i];
		ret->chunk = cx->chunk;
		BP_TRY(bp_plan_bytes(&ret->device, cx, work, self));
		if (!room || ret->device <= room)
			return BP_OK;
		whole = i ? whole : ret->device;
	}
	if (ret->device == whole && !cx->chunk_fixed) /* this stage has nothing to cut */
		ret->chunk = cx->chunk = 0;
	return BP_OK;
}

int
bp_plan_share(struct bp_ctx *cx, int n, int share)
{
	int was = cx->chunk;

	cx->chunk = bp_rows_at_once(cx, (n - 1) / share + 1);
	return was;
}

/* has: bytes there are; held: host bytes that are taken already */
static int
check(size_t has, size_t needed, size_t held, size_t cap, const char *size, const char *hint, struct bp_err *err)
{
	if (cap && needed + held > cap)
		return BP_FAIL(err, BP_EMEM, hint, "%s need %.1f MiB of memory, the cap is %.1f MiB", size,
		    MIB(needed + held), MIB(cap));
	if (needed > has)
		return BP_FAIL(err, BP_EMEM, hint, "%s need %.1f MiB of memory more, %.1f MiB are free", size,
		    MIB(needed), MIB(has));
	return BP_OK;
}

int
bp_plan_run(size_t *peak, struct bp_ctx *cx, int (*work)(void *self, struct bp_ctx *cx), void *self,
    const struct bp_arena *mem, size_t adds, size_t cap, const char *size, const char *hint, struct bp_err *err)
{
	bool host = cx->device == BP_CPU; /* where device memory and the record's are one */
	struct bp_planned p;
	struct bp_mark m;
	size_t before, has, room, taken;
	int st;

	cx->err = err;
	taken = (host ? bp_arena_used(mem) + adds : 0);
	do { /* once more when lanes could give something back */
		room = has = bp_lane_room(cx);
		if (cap && (cap > taken ? cap - taken : 0) < room)
			room = cap > taken ? cap - taken : 0;
		BP_TRY(bp_plan_fit(&p, cx, work, self, room ? room : 1));
	} while ((p.device > room || (p.chunk && !cx->chunk_fixed)) && bp_lane_reclaim(cx));
	BP_TRY(check(has, p.device + (host ? adds : 0), host ? bp_arena_used(mem) : 0, cap, size, hint, err));
	if (p.chunk && !cx->chunk_fixed)
		bp_log(BP_LOG_INFO, "%s: short of memory: %d rows of pairs at once", size, p.chunk);
	bp_lane_claim(cx, p.device);
	m = bp_dev_mark(cx);
	bp_dev_peak_reset(cx);
	before = bp_dev_peak(cx);
	st = work(self, cx);
	*peak = bp_dev_peak(cx) - before + (host ? bp_arena_used(mem) : 0);
	bp_dev_release(cx, m);
	bp_lane_release(cx, p.device);
	return st;
}

int
bp_plan_parse(struct bp_plan_size *ret, const char *spec, int samples, struct bp_err *err)
{
	long v[4] = { 0, 0, samples, 128 };
	const char *p = spec;
	char *end;

	for (int i = 0; i < 4; i++, p = end + 1) {
		v[i] = strtol(p, &end, 10);
		if (end == p || v[i] < 1 || v[i] > (i ? 10000000 : 46340) || (*end && *end != ','))
			return BP_FAIL(err, BP_EUSAGE, "write TOKENS[,ATOMS[,SAMPLES[,MSA]]]", "--plan: '%s' given", spec);
		if (!*end)
			break;
	}
	if (*end)
		return BP_FAIL(err, BP_EUSAGE, "write TOKENS[,ATOMS[,SAMPLES[,MSA]]]", "--plan: '%s' given", spec);
	if (!v[1])
		v[1] = 8 * v[0];
	*ret = (struct bp_plan_size){ (int)v[0], (int)((v[1] + 31) / 32 * 32), (int)v[2], (int)v[3] };
	return BP_OK;
}

/* Seconds of the warm stage on one H100 (bench/gpu.md): trunk of 4 passes and 128 MSA rows, diffuse of 200 steps and one sample, confidence of
 * one sample; 8 atoms a token. The exponents of trunk and confidence are those between 1024 tokens and 5120. */
static const struct {
	const char *tool;
	double s[3];  /* at 256, 512 and 1024 tokens */
	double exponent; /* of the tokens beyond */
} measured[] = {
	{ "trunk", { 0.28, 0.89, 4.05 }, 2.65 },
	{ "diffuse", { 0.46, 0.68, 1.20 }, 2 },
	{ "confidence", { 0.013, 0.043, 0.16 }, 2.6 },
};

/* of a unit of work; NAN: not known */
static double
seconds(const char *tool, int tokens)
{
	for (size_t i = 0; i < sizeof measured / sizeof *measured; i++) {
		const double *s = measured[i].s;
		if (strcmp(measured[i].tool, tool))
			continue;
		if (tokens > 1024)
			return s[2] * pow(tokens / 1024.0, measured[i].exponent);
		if (tokens > 512)
			return s[1] * pow(tokens / 512.0, log2(s[2] / s[1]));
		return tokens < 256 ? s[0] : s[0] * pow(tokens / 256.0, log2(s[1] / s[0]));
	}
	return NAN;
}

#define GIB(bytes) ((double)(bytes) / 1073741824)

void
bp_plan_tell(FILE *to, const char *tool, const char *device, const struct bp_plan_size *size, const struct bp_planned *p, size_t weights,
    size_t free)
{
	double s = seconds(tool, size->tokens);

	fprintf(to, "%s on %s: %d tokens, %d atoms, %d samples, %d MSA rows\n", tool, device, size->tokens, size->atoms, size->samples,
	    size->msa);
	fprintf(to, "  weights      %8.2f GiB\n", GIB(weights));
	fprintf(to, "  activations  %8.2f GiB, ", GIB(p->device));
	fprintf(to, p->chunk && p->chunk < size->tokens ? "%d rows of pairs at once\n" : "all rows of pairs at once\n", p->chunk);
	if (p->host)
		fprintf(to, "  record       %8.2f GiB\n", GIB(p->host));
	if (!strncmp(device, "cuda", 4) && isfinite(s))
		fprintf(to, p->work * s < 10 ? "  time         about %.1f s on one H100 in the default precision\n"
		                             : "  time         about %.0f s on one H100 in the default precision\n", p->work * s);
	if (!free)
		fprintf(to, "  free               no such device here\n");
	else
		fprintf(to, "  free         %8.2f GiB: %s\n", GIB(free), p->device + weights <= free ? "fits" : "does not fit");
}
