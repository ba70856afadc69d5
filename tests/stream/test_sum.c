/* sums of large tensors, lib/stream/sum.h, alone and in records: by a thread of their own and without */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stream/io.h"
#include "stream/sum.h"

static int processors; /* that this machine is said to have */

/* in place of the system's */
int
sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set)
{
	(void)pid;
	CPU_ZERO_S(size, set);
	for (int i = 0; i < processors; i++)
		CPU_SET_S(i, size, set);
	return 0;
}

static unsigned char *
noise(size_t n)
{
	unsigned char *p = malloc(n);
	uint32_t x = 1;

	assert_non_null(p);
	for (size_t i = 0; i < n; i++)
		p[i] = (unsigned char)((x = 1664525 * x + 1013904223) >> 24);
	return p;
}

/* pieces after each other, and memory that moves between */
static void
test_pieces(void **state)
{
	const size_t n = 9000001, step[] = { 1, 100000, 131072, 1048576, 3000000 };
	unsigned char *p = noise(n), *q;
	struct bp_sum s;

	(void)state;
	for (processors = 1; processors < 9; processors += 7)
		for (size_t k = 0; k < sizeof step / sizeof *step; k++) {
			size_t from = k ? 0 : n - 5000, half = from + (n - from) / 2 / step[k] * step[k];
			bp_sum_begin(&s, n);
			assert_int_equal(s.helped, processors == 8);
			for (size_t at = from; at < half; at += step[k])
				bp_sum_add(&s, p + at, step[k]);
			bp_sum_wait(&s);
			assert_non_null(q = malloc(n));
			memcpy(q, p, n);
			memset(p, 0, half);
			for (size_t at = half; at < n; at += step[k])
				bp_sum_add(&s, q + at, n - at < step[k] ? n - at : step[k]);
			assert_true(bp_sum_end(&s) == XXH64(q + from, n - from, 0));
			free(p);
			p = q;
		}
	bp_sum_begin(&s, n);
	assert_true(bp_sum_end(&s) == XXH64(NULL, 0, 0));
	bp_sum_begin(&s, 1000);
	assert_false(s.helped);
	bp_sum_add(&s, p, 1000);
	assert_true(bp_sum_end(&s) == XXH64(p, 1000, 0));
	free(p);
}

static const size_t sizes[] = { 21000001, 10, 5000000 };

/* a stream of one record and its end, in `part` bytes a bin */
static char *
stream_of(size_t *n, size_t part)
{
	struct bp_arena *mem;
	struct bp_tensor *t;
	struct bp_out *out;
	struct bp_rec *r;
	char *p, name[2] = "a";

	assert_int_equal(bp_arena_open(&mem, 0, NULL), BP_OK);
	assert_int_equal(bp_rec_new(&r, BP_FEATURES, "id", mem, NULL), BP_OK);
	for (int i = 0; i < 3; i++, name[0]++) {
		unsigned char *data = noise(sizes[i]);
		assert_int_equal(bp_rec_add(&t, r, name, BP_U8, 1, (int64_t[]) { (int64_t)sizes[i] }, NULL), BP_OK);
		memcpy(t->data, data, sizes[i]);
		free(data);
	}
	assert_int_equal(bp_out_open_mem(&out, &p, n, NULL), BP_OK);
	bp_out_part(out, part);
	assert_int_equal(bp_out_put(out, r, NULL), BP_OK);
	assert_int_equal(bp_out_end(out, NULL), BP_OK);
	bp_out_close(out);
	bp_arena_close(mem);
	return p;
}

static int
read_all(const char *p, size_t n, size_t cap, struct bp_err *err)
{
	unsigned char *data = noise(sizes[0]);
	struct bp_arena *mem;
	struct bp_rec *r;
	struct bp_in *in;
	int st;

	assert_int_equal(bp_arena_open(&mem, cap, NULL), BP_OK);
	assert_int_equal(bp_in_open_mem(&in, p, n, NULL), BP_OK);
	if ((st = bp_in_next(in, mem, &r, err)) == BP_OK) {
		assert_int_equal(r->n, 3);
		for (int i = 0; i < 3; i++)
			assert_memory_equal(r->tensor[i].t->data, data, sizes[i]);
	}
	if (st == BP_EMEM) {
		assert_int_equal(r->n, 0);
		assert_string_equal(r->id, "id");
		assert_int_equal(bp_in_next(in, mem, &r, NULL), BP_EOS);
	}
	bp_in_close(in);
	bp_arena_close(mem);
	free(data);
	return st;
}

static void
test_records(void **state)
{
	const size_t part[] = { (size_t)1 << 30, 1 << 20, 4999999 };
	struct bp_err err;

	(void)state;
	for (int k = 0; k < 3; k++) {
		char *p, *other;
		size_t n, m;
		processors = 1;
		p = stream_of(&n, part[k]);
		processors = 8;
		other = stream_of(&m, part[k]);
		assert_true(n == m && memcmp(p, other, n) == 0);
		for (processors = 1; processors < 9; processors += 7) {
			assert_int_equal(read_all(p, n, 0, &err), BP_OK);
			assert_int_equal(read_all(p, n, 6 << 20, &err), BP_EMEM);
			assert_int_equal(read_all(p, 15000000, 0, &err), BP_ESTREAM);
			assert_non_null(strstr(err.msg, "cut"));
			for (size_t at = 1 << 16; at < 25900000; at += 6459983) { /* in both of the large ones */
				p[at] ^= 4;
				assert_int_equal(read_all(p, n, 0, &err), BP_ESTREAM);
				assert_non_null(strstr(err.msg, "checksum"));
				p[at] ^= 4;
			}
		}
		free(p);
		free(other);
	}
}

enum { LENT = 5, LENT_BYTES = 3000001 };

/* records of one tensor, each in the memory of the one before, and of something that fills it meanwhile */
static int
write_lent(void)
{
	struct bp_arena *mem;
	struct bp_tensor *t;
	struct bp_out *out;
	struct bp_rec *r;
	char *p;

	BP_TRY(bp_arena_open(&mem, 0, NULL));
	BP_TRY(bp_out_open(&out, NULL, NULL));
	for (int i = 0; i < LENT; i++) {
		struct bp_mark m;
		BP_TRY(bp_rec_new(&r, BP_FEATURES, "id", mem, NULL));
		m = bp_arena_mark(mem);
		BP_TRY(bp_rec_add(&t, r, "x", BP_U8, 1, (int64_t[]) { LENT_BYTES }, NULL));
		memset(t->data, 'a' + i, LENT_BYTES);
		BP_TRY(bp_out_put(out, r, NULL));
		if (i % 2)
			bp_arena_release(mem, m);
		else
			bp_arena_reset(mem);
		if (!(p = bp_alloc(mem, LENT_BYTES, NULL)))
			return BP_EMEM;
		memset(p, '-', LENT_BYTES);
		bp_arena_reset(mem);
	}
	BP_TRY(bp_out_end(out, NULL));
	bp_out_close(out);
	bp_arena_close(mem);
	return BP_OK;
}

/* A pipe holds pages that it was lent, while their memory is used again: what comes out, slowly, is as it was put in. */
static void
test_lent(void **state)
{
	char *all = malloc(2 * LENT * LENT_BYTES);
	struct bp_arena *mem;
	struct bp_in *in;
	struct bp_rec *r;
	int fd[2], status;
	size_t n = 0;
	ssize_t k;
	pid_t pid;

	(void)state;
	assert_true(all && pipe(fd) == 0);
	fflush(NULL);
	if ((pid = fork()) == 0) {
		dup2(fd[1], STDOUT_FILENO);
		close(fd[0]);
		close(fd[1]);
		_exit(write_lent() != BP_OK);
	}
	close(fd[1]);
	for (; (k = read(fd[0], all + n, 1 << 16)) > 0; n += (size_t)k)
		usleep(500);
	close(fd[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(bp_arena_open(&mem, 0, NULL), BP_OK);
	assert_int_equal(bp_in_open_mem(&in, all, n, NULL), BP_OK);
	for (int i = 0; i < LENT; i++) {
		assert_int_equal(bp_in_next(in, mem, &r, NULL), BP_OK);
		assert_int_equal(((char *)r->tensor[0].t->data)[LENT_BYTES - 1], 'a' + i);
	}
	assert_int_equal(bp_in_next(in, mem, &r, NULL), BP_EOS);
	bp_in_close(in);
	bp_arena_close(mem);
	free(all);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_pieces), cmocka_unit_test(test_records), cmocka_unit_test(test_lent) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
