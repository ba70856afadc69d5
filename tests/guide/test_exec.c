/* test_exec: a guide of another program: this one, told by its argument how to answer. */
#include "ref.h"

#include <signal.h>
#include <unistd.h>

#include "base/log.h"
#include "guide/exec.h"
#include "guide/protocol.h"
#include "stream/io.h"

enum { ATOMS = 4, SAMPLES = 2 };

/* ---- the server ---- */

static int
answer(const char *how, const struct bp_rec *rec, struct bp_rec **reply, struct bp_arena *mem, struct bp_err *err)
{
	double *energy, *gradient; /* the reply points to them */
	struct bp_guide_reply a = { .goal = 0.5 };
	const char samples[] = "[{\"rg\": 3, \"word\": \"x\"}, {\"rg\": 4}]",
	           keys[] = "{\"guidance_weight\": 0.75, \"guidance_interval\": 4, \"smoothing\": 0}";
	struct bp_guide_request q;

	BP_NEW(energy, SAMPLES, mem, err);
	BP_NEW(gradient, SAMPLES * ATOMS * 3, mem, err);
	a.energy = energy, a.gradient = gradient;
	BP_TRY(bp_guide_request_read(&q, rec, err));
	for (int i = 0; i < SAMPLES * ATOMS * 3; i++) { /* E = sum x^2 */
		energy[i / (ATOMS * 3)] += q.coords[i] * q.coords[i];
		gradient[i] = 2 * q.coords[i];
	}
	BP_TRY(bp_json_read(&a.samples, samples, sizeof samples - 1, mem, err));
	BP_TRY(bp_json_read(&a.guidance, keys, sizeof keys - 1, mem, err));
	if (strcmp(how, "nan") == 0)
		gradient[3] = NAN;
	if (strcmp(how, "shape") == 0)
		q.samples--;
	if (strcmp(how, "request") == 0)
		q.request++;
	if (strcmp(how, "keys") == 0)
		BP_TRY(bp_val_set(a.guidance, "smoothing", bp_val_real(mem, -1, err), mem, err));
	if (strcmp(how, "refuse") == 0)
		return BP_FAIL(err, BP_EINPUT, NULL, "%s atoms are known", q.of_atoms ? "now the" : "no");
	return bp_guide_reply_write(reply, &q, &a, mem, err);
}

static int
serve(const char *how)
{
	struct bp_err err = { 0 };
	struct bp_arena *mem;
	struct bp_rec *rec, *reply;
	struct bp_out *out;
	struct bp_in *in;
	int st;

	if (strcmp(how, "gone") == 0)
		return 5;
	if (strcmp(how, "text") == 0)
		puts("usage: server FILE");
	if (strcmp(how, "text") == 0 || strcmp(how, "late") == 0)
		return fflush(stdout), sleep(30), 0;
	if (bp_arena_open(&mem, 0, &err) != BP_OK || bp_in_open(&in, NULL, &err) != BP_OK
	    || bp_out_open(&out, NULL, &err) != BP_OK)
		return 2;
	while ((st = bp_in_next(in, mem, &rec, &err)) == BP_OK) {
		if (strcmp(how, "killed") == 0)
			raise(SIGKILL);
		if (answer(how, rec, &reply, mem, &err) != BP_OK)
			reply = bp_rec_failure(rec, "server", &err);
		if (bp_out_put(out, reply, &err) != BP_OK)
			return 3;
		bp_arena_reset(mem);
	}
	st = st == BP_EOS && bp_out_end(out, &err) == BP_OK ? 0 : 3;
	bp_out_close(out);
	bp_in_close(in);
	bp_arena_close(mem);
	return st;
}

/* ---- the tests ---- */

static const char *self; /* this program */

struct fix {
	struct ref *r;
	struct bp_exec *e;
	struct bp_guide_source *s;
	struct bp_guide_params p;
	double x[SAMPLES * ATOMS * 3], energy[SAMPLES], gradient[SAMPLES * ATOMS * 3],
	    values[SAMPLES * BP_SOURCE_COLUMNS];
};

static struct fix
fix_open(const char *how, double timeout)
{
	struct fix f = { .r = ref_open("none") };
	char command[600];

	snprintf(command, sizeof command, "exec %s --serve %s", self, how);
	OK(f.r, bp_exec_open(&f.e, command, timeout, NULL, &f.r->err));
	for (int i = 0; i < SAMPLES * ATOMS * 3; i++)
		f.x[i] = i - 7.25;
	return f;
}

/* ask for a new target */
static int
ask(struct fix *f, const char *target, int times)
{
	struct bp_guide_call c = { .steps = 9,
		.sigma = 3,
		.samples = SAMPLES,
		.x = f->x,
		.energy = f->energy,
		.gradient = f->gradient,
		.values = f->values };
	struct bp_rec *rec;

	OK(f->r, bp_rec_new(&rec, BP_TRUNK, target, f->r->mem, &f->r->err));
	bp_guide_defaults(&f->p, BP_GUIDE_EXEC);
	OK(f->r, bp_guide_set(&f->p, "guidance_interval", "2", f->r->mem, &f->r->err));
	OK(f->r, bp_source_exec(&f->s, f->e, rec, ATOMS, &f->p, f->r->mem, &f->r->err));
	for (int i = 0; i < times; i++) {
		c.step = i;
		BP_TRY(f->s->eval(f->s, &c, f->r->mem, &f->r->err));
	}
	return BP_OK;
}

static void
fix_close(struct fix *f)
{
	bp_exec_close(f->e);
	ref_close(f->r);
}

static void
good(void **state)
{
	struct fix f = fix_open("good", 10);

	(void)state;
	for (int target = 0; target < 3; target++) {
		double want = 0;
		OK(f.r, ask(&f, target ? "b" : "a", 4));
		for (int i = 0; i < ATOMS * 3; i++)
			want += f.x[i] * f.x[i];
		assert_true(f.energy[0] == want && f.gradient[1] == 2 * f.x[1] && f.s->goal == 0.5);
		assert_true(
		    f.s->columns == 1 && strcmp(f.s->column[0], "rg") == 0 && f.values[0] == 3 && f.values[1] == 4);
		assert_true(f.p.guidance_weight == 0.75 && f.p.smoothing == 0); /* the server's */
		assert_int_equal(f.p.guidance_interval, 2);                     /* ours        */
	}
	fix_close(&f);
}

static const struct {
	const char *how;
	double timeout;
	int code;
	const char *message;
} faults[] = {
	{ "nan", 10, BP_ENUM, "guide_reply: gradient is not finite at place 3" },
	{ "shape", 10, BP_EINPUT, "tensor energy: shape [1], wanted [2]" },
	{ "request", 10, BP_EINPUT, "the answer is to request 1 of t, not to 0 of t" },
	{ "keys", 10, BP_EUSAGE, "smoothing: '-1' given" },
	{ "refuse", 10, BP_EINPUT, "now the atoms are known" },
	{ "gone", 10, BP_EINPUT, "ended with exit status 5 and did not answer" },
	{ "killed", 10, BP_EINPUT, "killed by signal 9" },
	{ "text", 10, BP_EINPUT, "no boltzpipe record" },
	{ "late", 0.2, BP_EINPUT, "no answer within 0.2 s" },
};

/* what goes wrong is told, again for the next target, and closing never waits for long */
static void
bad(void **state)
{
	(void)state;
	bp_log_open("test", BP_LOG_ERROR);
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
		struct fix f = fix_open(faults[i].how, faults[i].timeout);
		double start = bp_seconds();
		for (int again = 0; again < 2; again++) {
			int st = ask(&f, "t", 1);
			if (st != faults[i].code)
				fail_msg("%s: %d: %s", faults[i].how, st, f.r->err.msg);
			if (!strstr(f.r->err.msg, faults[i].message)
			    && !(again && strcmp(faults[i].how, "request") == 0))
				fail_msg("%s: %s", faults[i].how, f.r->err.msg);
			assert_non_null(strstr(f.r->err.msg, strcmp(faults[i].how, "keys") ? "exec:" : "smoothing"));
		}
		fix_close(&f);
		assert_true(bp_seconds() - start < 10);
	}
}

static void
no_program(void **state)
{
	struct ref *r = ref_open("none");
	struct fix f = { .r = r };

	(void)state;
	OK(r, bp_exec_open(&f.e, "/nonexistent/program 2>/dev/null", 10, NULL, &r->err));
	assert_int_equal(ask(&f, "t", 1), BP_EINPUT);
	assert_non_null(strstr(r->err.hint, "is the program's name right?"));
	fix_close(&f);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[]
	    = { cmocka_unit_test(good), cmocka_unit_test(bad), cmocka_unit_test(no_program) };
	char path[512];
	ssize_t n;

	if (argc == 3 && strcmp(argv[1], "--serve") == 0)
		return serve(argv[2]);
	n = readlink("/proc/self/exe", path, sizeof path - 1);
	if (n <= 0)
		return 1;
	path[n] = 0;
	self = path;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
