/* the filter loop (lib/stream/filter.c), in a child process between two pipes */
#include <fcntl.h>

#include "base/log.h"
#include "stream_try.h"

static int
stage(void *self, struct bp_rec **rec, struct bp_arena *mem, struct bp_out *out, struct bp_err *err)
{
	struct bp_tensor *t;

	(void)self, (void)out;
	if (strcmp((*rec)->id, "id1") == 0)
		return BP_FAIL(err, BP_EINPUT, "mend it", "this one is bad");
	BP_TRY(bp_rec_add(&t, *rec, "new", BP_F32, BP_SHAPE(1), err));
	(void)mem;
	return bp_trail_add(*rec, "stage", "original", "cpu", NULL, 0.1, 1, NULL, err);
}

/* run the filter on b; *got is what it wrote; returns its exit status */
static int
run_filter(const struct bytes *b, struct bytes *got, bool close_early)
{
	char in[] = "/tmp/bp-test-XXXXXX";
	int from[2], status, fd = mkstemp(in);
	char buf[65536];
	ssize_t n;
	pid_t pid;

	assert_true(fd >= 0 && write(fd, b->p, b->n) == (ssize_t)b->n && close(fd) == 0 && pipe(from) == 0);
	if (close_early) { /* before it runs: it could be done before we get here again */
		close(from[0]);
		from[0] = -1;
	}
	fflush(NULL);
	if ((pid = fork()) == 0) {
		struct bp_filter f = { .tool = "stage", .want = BP_FEATURES, .stage = stage, .in = in };
		int null = open("/dev/null", O_WRONLY);
		dup2(from[1], STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		close(from[0]);
		close(from[1]);
		_exit(bp_filter_run(&f));
	}
	close(from[1]);
	*got = (struct bytes) { 0 };
	while (!close_early && (n = read(from[0], buf, sizeof buf)) > 0) {
		got->p = realloc(got->p, got->n + (size_t)n);
		memcpy(got->p + got->n, buf, (size_t)n);
		got->n += (size_t)n;
	}
	close(from[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	unlink(in);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static void
test_filter(void **state)
{
	struct bytes b = stream_of(*state, 3, 1, (size_t)1 << 30), got;
	struct bp_rec *rec[4];
	struct bp_err err = { 0 };

	assert_int_equal(run_filter(&b, &got, false), BP_EXIT_TARGETS);
	assert_int_equal(read_all(got.p, got.n, *state, rec, 4, &err), 3);
	assert_int_equal(rec[0]->kind, BP_FEATURES);
	assert_int_equal(rec[0]->n, BP_NDTYPE + 2);
	assert_int_equal(bp_val_count(rec[0]->trail), 2);
	assert_int_equal(rec[1]->kind, BP_ERROR);
	assert_string_equal(rec[1]->id, "id1");
	assert_string_equal(bp_val_cstr(bp_val_get(rec[1]->meta, "message"), ""), "this one is bad");
	assert_int_equal(bp_val_i64(bp_val_get(rec[1]->meta, "code"), 0), BP_EINPUT);
	assert_int_equal(rec[2]->kind, BP_FEATURES);
	assert_string_equal(bp_val_cstr(bp_val_get(rec[2]->extra, "lab_notes"), ""), "kept");
	free(b.p);

	b = got; /* again: the error record of before passes and is not our failure */
	assert_int_equal(run_filter(&b, &got, false), BP_EXIT_OK);
	assert_int_equal(read_all(got.p, got.n, *state, rec, 4, &err), 3);
	assert_int_equal(rec[1]->kind, BP_ERROR);
	free(got.p);

	b.n -= 10; /* cut: what is whole goes through, and the end record that follows says that we failed */
	assert_int_equal(run_filter(&b, &got, false), BP_EXIT_STREAM);
	assert_int_equal(read_all(got.p, got.n, *state, rec, 4, &err), BP_ESTREAM);
	assert_non_null(strstr(err.msg, "record 3: "));
	assert_non_null(strstr(err.msg, "failed here"));
	free(got.p);
	b.n += 10;
	assert_int_equal(run_filter(&b, &got, true), BP_EXIT_STREAM); /* the next stage closed the pipe */
	free(b.p);
}

static void
say_so(void *self)
{
	if (write(*(int *)self, "w", 1) != 1)
		abort();
}

/* a filter that waits for its first record warms up, one that has it does not */
static void
test_warm(void **state)
{
	struct bytes b = stream_of(*state, 1, 0, (size_t)1 << 30);
	char c;

	for (int late = 0; late < 2; late++) {
		int in[2], said[2], status;
		pid_t pid;
		assert_true(pipe(in) == 0 && pipe(said) == 0);
		if (!late)
			assert_int_equal(write(in[1], b.p, b.n), b.n);
		fflush(NULL);
		if ((pid = fork()) == 0) {
			struct bp_filter f = { .tool = "stage", .want = BP_FEATURES, .stage = stage, .out = "/dev/null",
				.warm = say_so, .warm_self = &said[1] };
			dup2(in[0], STDIN_FILENO);
			close(in[0]);
			close(in[1]);
			close(said[0]);
			_exit(bp_filter_run(&f));
		}
		close(in[0]);
		close(said[1]);
		if (late)
			assert_int_equal(read(said[0], &c, 1), 1);
		if (late)
			assert_int_equal(write(in[1], b.p, b.n), b.n);
		close(in[1]);
		assert_int_equal(read(said[0], &c, 1), 0);
		close(said[0]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
	free(b.p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_filter, setup, teardown),
		cmocka_unit_test_setup_teardown(test_warm, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
