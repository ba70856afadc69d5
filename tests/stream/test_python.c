/* our streams read, changed and written by Python (stream.py), as doc/wire.md promises */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stream/io.h"

static void
put_sample(struct bp_out *out, const char *id, struct bp_arena *mem)
{
	struct bp_val *note;
	struct bp_tensor *t;
	struct bp_rec *r;
	char name[32];
	size_t bytes;

	assert_int_equal(bp_rec_new(&r, BP_FEATURES, id, mem, NULL), BP_OK);
	for (int d = 0; d < BP_NDTYPE; d++) {
		snprintf(name, sizeof name, "t_%s", bp_dtype_name((enum bp_dtype)d));
		assert_int_equal(
		    bp_rec_add(&t, r, name, (enum bp_dtype)d, BP_SHAPE(2, d == BP_I8 ? 0 : 3), NULL), BP_OK);
		assert_true(bp_tensor_bytes(&bytes, t->dtype, t->ndim, t->shape));
		for (size_t i = 0; i < bytes; i++)
			((unsigned char *)t->data)[i]
			    = (unsigned char)(d == BP_B8 ? (i * 37 + (size_t)d) & 1 : i * 37 + (size_t)d);
	}
	assert_int_equal(bp_rec_add(&t, r, "none", BP_I32, 0, NULL, NULL), BP_OK);
	*(int32_t *)t->data = 7;
	note = bp_val_arr(mem, NULL);
	assert_int_equal(bp_val_push(note,
	                     bp_val_str(mem,
	                         "gr\xc3\xb6\xc3\x9f"
	                         "e",
	                         NULL),
	                     mem, NULL),
	    BP_OK);
	assert_int_equal(bp_val_push(note, bp_val_nil(mem, NULL), mem, NULL), BP_OK);
	assert_int_equal(bp_val_push(note, bp_val_bool(mem, true, NULL), mem, NULL), BP_OK);
	assert_int_equal(bp_val_push(note, bp_val_int(mem, INT64_MIN, NULL), mem, NULL), BP_OK);
	assert_int_equal(bp_val_push(note, bp_val_real(mem, 2.5, NULL), mem, NULL), BP_OK);
	assert_int_equal(bp_val_set(r->meta, "note", note, mem, NULL), BP_OK);
	assert_int_equal(bp_trail_add(r, "test", NULL, NULL, NULL, 0.5, 1, NULL, NULL), BP_OK);
	assert_int_equal(bp_out_put(out, r, NULL), BP_OK);
}

static void
test_python(void **state)
{
	char dir[] = "/tmp/bp-python-XXXXXX", in_path[64], out_path[64], command[256];
	const struct bp_tensor *t;
	struct bp_arena *mem;
	struct bp_err err = { 0 };
	struct bp_rec *r;
	struct bp_out *out;
	struct bp_in *in;
	int64_t shape[2] = { 4, 3 };
	int status;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(in_path, sizeof in_path, "%s/in", dir);
	snprintf(out_path, sizeof out_path, "%s/out", dir);
	assert_int_equal(bp_arena_open(&mem, 0, NULL), BP_OK);
	assert_int_equal(bp_out_open(&out, in_path, NULL), BP_OK);
	put_sample(out, "id0", mem);
	put_sample(out, "id1", mem);
	assert_int_equal(bp_out_end(out, NULL), BP_OK);
	bp_out_close(out);

	/* Debian's own python3 has Debian's modules; another one may stand before it in the PATH */
	snprintf(command, sizeof command,
	    "PYTHON=${PYTHON:-/usr/bin/python3}; [ -x \"$PYTHON\" ] || PYTHON=python3; \"$PYTHON\" "
	    "tests/stream/stream.py %s %s",
	    in_path, out_path);
	status = system(command);
	if (WIFEXITED(status) && (WEXITSTATUS(status) == 77 || WEXITSTATUS(status) == 127)) {
		snprintf(command, sizeof command, "rm -r %s", dir);
		status = system(command);
		exit(77); /* the script said what is missing */
	}
	assert_int_equal(status, 0);

	assert_int_equal(bp_in_open(&in, out_path, NULL), BP_OK);
	if (bp_in_next(in, mem, &r, &err) != BP_OK)
		fail_msg("%s: %s", err.msg, err.hint);
	assert_string_equal(r->id, "id0");
	assert_int_equal(bp_rec_get(r, "t_float64")->dtype, BP_F64);
	assert_int_equal(bp_rec_get(r, "t_bfloat16")->dtype, BP_U16); /* Python does not know it: wire.md says so */
	assert_int_equal(bp_in_next(in, mem, &r, &err), BP_OK);
	assert_true(bp_val_get(r->meta, "changed")->u.b);
	assert_true(bp_tensor_get(bp_rec_get(r, "added"), 1) == 0.25);
	assert_int_equal(bp_in_next(in, mem, &r, &err), BP_OK);
	assert_string_equal(r->id, "by_hand");
	assert_int_equal(r->kind, BP_FEATURES);
	assert_int_equal(bp_rec_want(&t, r, "msa", BP_I16, 2, shape, &err), BP_OK);
	assert_int_equal(bp_tensor_get(t, 1), 4); /* transposed */
	assert_true(bp_tensor_get(bp_rec_get(r, "scalar"), 0) == 1.5);
	assert_int_equal(bp_rec_get(r, "empty")->shape[1], 5);
	assert_int_equal(bp_in_next(in, mem, &r, &err), BP_EOS);
	bp_in_close(in);
	bp_arena_close(mem);
	snprintf(command, sizeof command, "rm -r %s", dir);
	assert_int_equal(system(command), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_python) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
