/* the stream: lib/stream/io.h and pack.h, over memory, files and pipes, whole and damaged */
#include <msgpack.h>

#include "base/log.h"
#include "stream_try.h"

static bool
same_val(const struct bp_val *a, const struct bp_val *b)
{
	size_t items = a->type == BP_ARR ? a->n : a->type == BP_MAP ? 2 * a->n : 0;

	if (a->type != b->type || a->n != b->n)
		return false;
	for (size_t i = 0; i < items; i++)
		if (!same_val(a->u.item[i], b->u.item[i]))
			return false;
	if (a->type == BP_STR || a->type == BP_BIN)
		return memcmp(a->u.s, b->u.s, a->n) == 0;
	return a->type == BP_NIL || items || a->type == BP_ARR || a->type == BP_MAP
	    || (a->type == BP_BOOL      ? a->u.b == b->u.b
	            : a->type == BP_INT ? a->u.i == b->u.i
	                                : memcmp(&a->u.f, &b->u.f, 8) == 0);
}

static bool
same_rec(const struct bp_rec *a, const struct bp_rec *b)
{
	size_t n, m;

	if (a->kind != b->kind || strcmp(a->kind_name, b->kind_name) || strcmp(a->id, b->id) || a->index != b->index
	    || a->n != b->n || !same_val(a->meta, b->meta) || !same_val(a->trail, b->trail)
	    || !same_val(a->extra, b->extra))
		return false;
	for (int i = 0; i < a->n; i++) {
		const struct bp_tensor *s = a->tensor[i].t, *t = b->tensor[i].t;
		if (strcmp(a->tensor[i].name, b->tensor[i].name) || s->dtype != t->dtype || s->ndim != t->ndim
		    || memcmp(s->shape, t->shape, (size_t)s->ndim * sizeof *s->shape)
		    || !bp_tensor_bytes(&n, s->dtype, s->ndim, s->shape)
		    || !bp_tensor_bytes(&m, t->dtype, t->ndim, t->shape) || n != m || memcmp(s->data, t->data, n))
			return false;
	}
	return true;
}

/* read all: the number of records, or the failure */
static void
test_round_trip(void **state)
{
	static const size_t part[] = { (size_t)1 << 30, 1, 7, 16 };

	for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
		struct bp_rec *rec[3], *want = sample(*state, "id1", 1);
		struct bytes b = stream_of(*state, 2, 1, part[i]);
		want->index = 1;
		assert_int_equal(read_all(b.p, b.n, *state, rec, 3, NULL), 2);
		assert_true(same_rec(rec[1], want));
		assert_true(rec[1]->received && !want->received);
		for (int k = 0; k < rec[1]->n; k++)
			assert_int_equal((uintptr_t)rec[1]->tensor[k].t->data % 64, 0);
		want->index = 0;
		assert_false(same_rec(rec[0], want));
		free(b.p);
	}
}

/* msgpack-c reads what we write, and we read what another program writes: unknown kinds and keys, its own key order */
static void
test_foreign(void **state)
{
	struct bytes b = stream_of(*state, 1, 1, (size_t)1 << 30), c;
	struct bp_rec *rec[2], *again[2];
	struct bp_out *out;
	msgpack_unpacked u;
	msgpack_sbuffer sb;
	msgpack_packer pk;
	size_t at = 0;

	msgpack_unpacked_init(&u);
	assert_int_equal(msgpack_unpack_next(&u, b.p, b.n, &at), MSGPACK_UNPACK_SUCCESS);
	assert_int_equal(u.data.type, MSGPACK_OBJECT_MAP);
	assert_int_equal(msgpack_unpack_next(&u, b.p, b.n, &at), MSGPACK_UNPACK_SUCCESS);
	assert_int_equal(at, b.n);
	msgpack_unpacked_destroy(&u);
	free(b.p);

	msgpack_sbuffer_init(&sb);
	msgpack_packer_init(&pk, &sb, msgpack_sbuffer_write);
	msgpack_pack_map(&pk, 4);
	msgpack_pack_str_with_body(&pk, "tensors", 7);
	msgpack_pack_map(&pk, 1);
	msgpack_pack_bin_with_body(&pk, "x", 1);
	msgpack_pack_map(&pk, 5);
	msgpack_pack_str_with_body(&pk, "data", 4);
	msgpack_pack_str_with_body(&pk, "\1\0\2\0", 4);
	msgpack_pack_str_with_body(&pk, "shape", 5);
	msgpack_pack_array(&pk, 1);
	msgpack_pack_uint32(&pk, 2);
	msgpack_pack_str_with_body(&pk, "type", 4);
	msgpack_pack_str_with_body(&pk, "<i2", 3);
	msgpack_pack_str_with_body(&pk, "nd", 2);
	msgpack_pack_true(&pk);
	msgpack_pack_str_with_body(&pk, "colour", 6);
	msgpack_pack_float(&pk, 0.5f);
	msgpack_pack_str_with_body(&pk, "kind", 4);
	msgpack_pack_str_with_body(&pk, "dreams", 6);
	msgpack_pack_str_with_body(&pk, "boltzpipe", 9);
	msgpack_pack_uint64(&pk, 1);
	msgpack_pack_str_with_body(&pk, "note", 4);
	msgpack_pack_float(&pk, 0.5f);
	assert_int_equal(bp_out_open_mem(&out, &c.p, &c.n, NULL), BP_OK);
	assert_int_equal(bp_out_end(out, NULL), BP_OK);
	bp_out_close(out);
	/* our empty stream first, theirs with an end record that we borrow and that counts nothing: two faults below */
	assert_int_equal(read_all(c.p, c.n, *state, rec, 2, NULL), 0);
	msgpack_sbuffer_write(&sb, c.p, c.n);
	assert_int_equal(read_all(sb.data, sb.size, *state, rec, 2, NULL), BP_ESTREAM);
	free(c.p);
	assert_int_equal(rec[0]->kind, BP_OTHER);
	assert_string_equal(rec[0]->kind_name, "dreams");
	assert_int_equal(bp_tensor_get(bp_rec_get(rec[0], "x"), 1), 2);
	assert_true(bp_val_num(bp_val_get(rec[0]->extra, "note"), 0) == 0.5);
	assert_int_equal(bp_out_open_mem(&out, &c.p, &c.n, NULL), BP_OK);
	assert_int_equal(bp_out_put(out, rec[0], NULL), BP_OK);
	assert_int_equal(bp_out_end(out, NULL), BP_OK);
	bp_out_close(out);
	assert_int_equal(read_all(c.p, c.n, *state, again, 2, NULL), 1);
	assert_true(same_rec(rec[0], again[0]));
	free(c.p);
	msgpack_sbuffer_destroy(&sb);
}

static void
test_cut_anywhere(void **state)
{
	struct bytes b = stream_of(*state, 2, 0, (size_t)1 << 30);
	struct bp_rec *rec[2];

	for (size_t n = 0; n < b.n; n++) {
		char *copy = malloc(n + 1); /* its own block, so that reading beyond it shows */
		struct bp_err err = { 0 };
		struct bp_arena *mem;
		assert_int_equal(bp_arena_open(&mem, 0, NULL), BP_OK);
		memcpy(copy, b.p, n);
		assert_int_equal(read_all(copy, n, mem, rec, 2, &err), BP_ESTREAM);
		assert_non_null(strstr(err.msg, "memory: record "));
		assert_non_null(strstr(err.msg, "is cut"));
		bp_arena_close(mem);
		free(copy);
	}
	free(b.p);
}

/* A flipped bit is an error, or lies in a checksum's own wrapping and changes nothing. */
static void
test_flip_any_bit(void **state)
{
	struct bytes b = stream_of(*state, 1, 0, (size_t)1 << 30);
	struct bp_rec *want[1], *rec[1];
	size_t unseen = 0;

	assert_int_equal(read_all(b.p, b.n, *state, want, 1, NULL), 1);
	for (size_t i = 0; i < 8 * b.n; i++) {
		struct bp_err err = { 0 };
		struct bp_arena *mem;
		int st;
		assert_int_equal(bp_arena_open(&mem, 64 << 20, NULL), BP_OK);
		b.p[i / 8] = (char)(b.p[i / 8] ^ 1 << i % 8);
		st = read_all(b.p, b.n, mem, rec, 1, &err);
		b.p[i / 8] = (char)(b.p[i / 8] ^ 1 << i % 8);
		if (st == 1) {
			unseen++;
			assert_true(same_rec(want[0], rec[0]));
		} else {
			assert_int_equal(st, BP_ESTREAM);
			assert_true(strlen(err.msg) > 10);
		}
		bp_arena_close(mem);
	}
	print_message("%zu of %zu flipped bits lie where they change nothing\n", unseen, 8 * b.n);
	assert_true(unseen < 8 * b.n / 10);
	free(b.p);
}

static void
test_damage_is_named(void **state)
{
	struct bytes b = stream_of(*state, 2, 0, (size_t)1 << 30);
	struct bp_rec *rec[3];
	struct bp_err err = { 0 };
	char *p = b.p + b.n;

	while (memcmp(--p, "t_int64", 7) != 0) /* that of record 1 */
		;
	while (memcmp(++p, "data", 4) != 0)
		;
	p[6 + 3] ^= 4;
	assert_int_equal(read_all(b.p, b.n, *state, rec, 3, &err), BP_ESTREAM);
	assert_memory_equal(err.msg, "memory: record 1, tensor t_int64: checksum ", 43);
	free(b.p);

	b = stream_of(*state, 2, 0, (size_t)1 << 30);
	for (p = b.p; memcmp(p, "id1", 3) != 0; p++)
		;
	p[2] = '7';
	assert_int_equal(read_all(b.p, b.n, *state, rec, 3, &err), BP_ESTREAM);
	assert_non_null(strstr(err.msg, "memory: record 1: checksum of the head "));
	free(b.p);
}

/* streams that follow each other are one; a record lost or doubled on the way shows */
static void
test_counts(void **state)
{
	struct bytes b = stream_of(*state, 2, 0, (size_t)1 << 30), one = stream_of(*state, 1, 0, (size_t)1 << 30);
	struct bytes none = stream_of(*state, 0, 0, (size_t)1 << 30);
	size_t rec_n = one.n - none.n; /* all of the same size */
	struct bp_rec *rec[8];
	struct bp_err err = { 0 };
	char *two = malloc(2 * b.n);

	memcpy(two, b.p, b.n);
	memcpy(two + b.n, b.p, b.n);
	assert_int_equal(read_all(two, 2 * b.n, *state, rec, 8, &err), 4);
	assert_int_equal(read_all(two, 2 * b.n - 1, *state, rec, 8, &err), BP_ESTREAM);
	assert_int_equal(read_all(b.p + rec_n, b.n - rec_n, *state, rec, 8, &err), BP_ESTREAM);
	assert_string_equal(err.msg, "memory: record 1: the end record counts 2 records, 1 came");
	assert_int_equal(read_all("", 0, *state, rec, 8, &err), BP_ESTREAM);
	assert_int_equal(read_all("hello", 5, *state, rec, 8, &err), BP_ESTREAM);
	assert_string_equal(err.msg, "memory: record 0: no boltzpipe record (it starts with byte 0x68)");
	free(two);
	free(b.p);
	free(one.p);
	free(none.p);
}

/* lengths that lie: nothing is allocated for them, and nesting has an end */
static void
test_bombs(void **state)
{
	static const struct {
		const char *what, *p;
		size_t n;
	} bomb[] = {
#define B(what, s) { what, s, sizeof s - 1 }
		B("bin of 4 GiB",
		    "\x83\xa9"
		    "boltzpipe\1\xa7tensors\x81\xa1x\x81\xa4"
		    "data\xc6\xff\xff\xff\xff"
		    "abc"),
		B("a map of 2^32",
		    "\xdf\xff\xff\xff\xff\xa9"
		    "boltzpipe\1"),
		B("an array of 2^32", "\x83\xa4meta\xdd\xff\xff\xff\xff\xc0\xc0"),
		B("a string of 4 GiB",
		    "\x83\xa2id\xdb\xff\xff\xff\xff"
		    "abc"),
		B("2^32 tensors", "\x83\xa7tensors\xdf\xff\xff\xff\xff\xa1x"),
		B("ext", "\x83\xa4meta\x81\xa1x\xc9\xff\xff\xff\xff"),
		B("the byte never used", "\x83\xa4meta\x81\xa1x\xc1"),
		B("2^64 - 1", "\x83\xa4meta\x81\xa1x\xcf\xff\xff\xff\xff\xff\xff\xff\xff"),
		B("a shape that overflows",
		    "\x83\xa7tensors\x81\xa1x\x84\xa2nd\xc3\xa4type\xa3<f8\xa4"
		    "data\xa0\xa5shape\x92"
		    "\xcf\x7f\xff\xff\xff\xff\xff\xff\xff\xcf\x7f\xff\xff\xff\xff\xff\xff\xff"),
		B("a negative shape",
		    "\x83\xa7tensors\x81\xa1x\x84\xa2nd\xc3\xa4type\xa3<f8\xa4"
		    "data\xa0\xa5shape\x91\xff"),
		B("a pickle",
		    "\x83\xa7tensors\x81\xa1x\x85\xa2nd\xc3\xa4type\xa3|O8\xa4kind\xa1O\xa4"
		    "data\xa0\xa5shape\x91\0"),
		B("big-endian",
		    "\x83\xa7tensors\x81\xa1x\x84\xa2nd\xc3\xa4type\xa3>f8\xa4"
		    "data\xa0\xa5shape\x91\0"),
#undef B
	};
	char deep[5000];
	struct bp_rec *rec[1];

	(void)state;
	for (size_t i = 0; i <= sizeof bomb / sizeof *bomb; i++) {
		bool last = i == sizeof bomb / sizeof *bomb;
		struct bp_err err = { 0 };
		struct bp_arena *mem;
		memset(deep, 0x91, sizeof deep);
		memcpy(deep, "\x83\xa4meta", 6);
		assert_int_equal(bp_arena_open(&mem, 0, NULL), BP_OK);
		assert_int_equal(
		    read_all(last ? deep : bomb[i].p, last ? sizeof deep : bomb[i].n, mem, rec, 1, &err), BP_ESTREAM);
		print_message("%s: %s\n", last ? "nesting" : bomb[i].what, err.msg);
		assert_true(bp_arena_peak(mem) < 2 << 20);
		bp_arena_close(mem);
	}
}

/* a record that does not fit is named, and the next one comes */
static void
test_no_room(void **state)
{
	struct bp_arena *mem = *state, *small;
	struct bytes b;
	struct bp_out *out;
	struct bp_in *in;
	struct bp_rec *r;
	struct bp_tensor *t;
	struct bp_err err = { 0 };

	assert_int_equal(bp_out_open_mem(&out, &b.p, &b.n, NULL), BP_OK);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(bp_rec_new(&r, BP_TRUNK, i == 1 ? "big" : "small", mem, NULL), BP_OK);
		assert_int_equal(bp_rec_add(&t, r, "z", BP_F32, BP_SHAPE(i == 1 ? 3000000 : 30), NULL), BP_OK);
		assert_int_equal(bp_rec_add(&t, r, "s", BP_F32, BP_SHAPE(30), NULL), BP_OK);
		assert_int_equal(bp_out_put(out, r, NULL), BP_OK);
	}
	assert_int_equal(bp_out_end(out, NULL), BP_OK);
	bp_out_close(out);
	assert_int_equal(bp_arena_open(&small, 10 << 20, NULL), BP_OK);
	assert_int_equal(bp_in_open_mem(&in, b.p, b.n, NULL), BP_OK);
	assert_int_equal(bp_in_next(in, small, &r, &err), BP_OK);
	bp_arena_reset(small);
	assert_int_equal(bp_in_next(in, small, &r, &err), BP_EMEM);
	assert_non_null(r);
	assert_string_equal(r->id, "big");
	assert_int_equal(r->n, 0);
	bp_arena_reset(small);
	assert_int_equal(bp_in_next(in, small, &r, &err), BP_OK);
	assert_int_equal(bp_in_next(in, small, &r, &err), BP_EOS);
	bp_in_close(in);
	assert_int_equal(bp_in_open_mem(&in, b.p, b.n, NULL), BP_OK);
	bp_in_limit(in, 1 << 20);
	assert_int_equal(bp_in_next(in, mem, &r, &err), BP_OK);
	assert_int_equal(bp_in_next(in, mem, &r, &err), BP_ESTREAM);
	assert_non_null(strstr(err.msg, "record 1, tensor z: larger than"));
	bp_in_close(in);
	bp_arena_close(small);
	free(b.p);
}

static void
test_unsendable(void **state)
{
	struct bp_rec *r = sample(*state, "a", 0);
	struct bp_val *v = bp_val_arr(*state, NULL);
	struct bp_err err = { 0 };
	struct bp_out *out;
	struct bytes b;

	for (int i = 0; i < 40; i++) {
		struct bp_val *outer = bp_val_arr(*state, NULL);
		assert_int_equal(bp_val_push(outer, v, *state, NULL), BP_OK);
		v = outer;
	}
	assert_int_equal(bp_val_set(r->meta, "deep", v, *state, NULL), BP_OK);
	assert_int_equal(bp_out_open_mem(&out, &b.p, &b.n, NULL), BP_OK);
	assert_int_equal(bp_out_put(out, r, &err), BP_EINPUT);
	assert_int_equal(bp_out_broken(out), BP_OK);
	assert_int_equal(bp_out_count(out), 0);
	bp_out_close(out);
	free(b.p);
}

static void
test_endpoints(void **state)
{
	struct bp_err err = { 0 };
	struct bp_out *out;
	struct bp_in *in;

	(void)state;
	assert_int_equal(bp_in_open(&in, "udp://host:7000", &err), BP_EUSAGE);
	assert_string_equal(err.msg, "udp://host:7000: wanted tcp://HOST:PORT, tcp://*:PORT or ipc://PATH");
	assert_int_equal(bp_in_open(&in, "tcp://host", &err), BP_EUSAGE);
	assert_int_equal(bp_out_open(&out, "ipc:///nonexistent/x", &err), BP_EUSAGE);
	assert_int_equal(bp_in_open(&in, "/nonexistent/x", &err), BP_EIO);
	assert_int_equal(bp_out_open(&out, "/nonexistent/x", &err), BP_EIO);
	assert_null(in);
	assert_null(out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
		cmocka_unit_test_setup_teardown(test_foreign, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cut_anywhere, setup, teardown),
		cmocka_unit_test_setup_teardown(test_flip_any_bit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damage_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(test_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bombs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_room, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unsendable, setup, teardown),
		cmocka_unit_test_setup_teardown(test_endpoints, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
