/* checkpoints and weights files: lib/tensor/zip.h, pickle.h, ckpt.h, wfile.h, and the writer of safetensors.h */
#include "../golden.h"

#include <sys/stat.h>
#include <unistd.h>

#include "tensor/pickle.h"
#include "tensor/wfile.h"

static char *
read_file(const char *path, size_t *n)
{
	FILE *f = fopen(path, "rb");
	char *p;

	if (!f)
		fail_msg("%s: missing", path);
	fseek(f, 0, SEEK_END);
	*n = (size_t)ftell(f);
	rewind(f);
	p = malloc(*n + 1);
	assert_int_equal(fread(p, 1, *n, f), *n);
	fclose(f);
	return p;
}

static void
write_file(const char *path, const char *p, size_t n)
{
	FILE *f = fopen(path, "wb");

	assert_true(f && fwrite(p, 1, n, f) == n && fclose(f) == 0);
}

static bool
same_val(const struct bp_val *a, const struct bp_val *b)
{
	if (bp_val_is(a, BP_MAP) && bp_val_is(b, BP_MAP) && a->n == b->n) {
		for (size_t i = 0; i < a->n; i++)
			if (!same_val(a->u.item[2 * i + 1], bp_val_get(b, bp_val_cstr(a->u.item[2 * i], "?"))))
				return false;
		return true;
	}
	if (bp_val_is(a, BP_ARR) && bp_val_is(b, BP_ARR) && a->n == b->n) {
		for (size_t i = 0; i < a->n; i++)
			if (!same_val(a->u.item[i], b->u.item[i]))
				return false;
		return true;
	}
	if (bp_val_is(a, BP_STR) && bp_val_is(b, BP_STR))
		return a->n == b->n && memcmp(a->u.s, b->u.s, a->n) == 0;
	if (bp_val_is(a, BP_BOOL) || bp_val_is(a, BP_NIL))
		return b && a->type == b->type && (a->type == BP_NIL || a->u.b == b->u.b);
	return a && b && bp_val_num(a, 1) == bp_val_num(b, 2);
}

/* import `in` and compare every tensor's bytes with those of `want` */
static void
check_import(const char *in, const char *want, bool same_hyper)
{
	char dir[] = "/tmp/bp-ckpt-XXXXXX", out[64];
	struct bp_wfile *w, *got, *ref;
	struct bp_err err = { 0 };
	struct bp_arena *mem;
	struct bp_val *report;
	bool sum;

	assert_non_null(mkdtemp(dir));
	snprintf(out, sizeof out, "%s/x.safetensors", dir);
	assert_int_equal(bp_arena_open(&mem, 0, NULL), BP_OK);
	if (bp_wfile_open(&w, in, &err) != BP_OK || bp_wfile_import(&report, w, out, false, false, mem, &err) != BP_OK
	    || bp_wfile_open(&got, out, &err) != BP_OK || bp_wfile_open(&ref, want, &err) != BP_OK)
		fail_msg("%s", err.msg);
	assert_int_equal(bp_wfile_import(&report, w, out, false, false, mem, &err), BP_EUSAGE); /* it exists */
	assert_int_equal(got->n, ref->n);
	for (int i = 0; i < got->n; i++) {
		const struct bp_tensor *a = got->t[i].t, *b = ref->t[i].t;
		size_t bytes;
		assert_string_equal(got->t[i].name, ref->t[i].name);
		if (a->dtype != b->dtype || a->ndim != b->ndim
		    || memcmp(a->shape, b->shape, (size_t)a->ndim * sizeof *a->shape))
			fail_msg("%s: another type or shape", got->t[i].name);
		assert_true(bp_tensor_bytes(&bytes, a->dtype, a->ndim, a->shape));
		assert_int_equal((uintptr_t)a->data % bp_dtype_size(a->dtype), 0);
		if (memcmp(a->data, b->data, bytes))
			fail_msg("%s: other bytes", got->t[i].name);
	}
	if (same_hyper)
		assert_true(same_val(got->hyper, ref->hyper));
	else
		assert_int_equal(
		    bp_val_i64(bp_val_get(got->hyper, "token_s"), 0), bp_val_i64(bp_val_get(ref->hyper, "token_s"), 1));
	assert_int_equal(bp_wfile_verify(got, &sum, &err), BP_OK);
	assert_true(sum);
	bp_wfile_close(w);
	bp_wfile_close(got);
	bp_wfile_close(ref);
	bp_arena_close(mem);
	unlink(out);
	assert_int_equal(rmdir(dir), 0); /* nothing else was left there */
}

static void
test_mixed(void **state)
{
	char in[512], want[512];

	(void)state;
	check_import(golden_path(in, "ckpt/mixed.ckpt"), golden_path(want, "ckpt/mixed.safetensors"), true);
}

/* a whole model's checkpoint is too large to keep twice: with GOLDEN=DIR */
static void
test_model(void **state)
{
	char in[512], want[512];

	(void)state;
	if (access(golden_path(in, "model/tiny.ckpt"), R_OK) != 0) {
		print_message("skipped: no %s (set GOLDEN)\n", in);
		skip();
	}
	check_import(in, golden_path(want, "model/tiny.safetensors"), false);
}

static void
test_skipped_is_told(void **state)
{
	static const char *const want[] = { "ema", "callbacks", "hyper_parameters.path (class pathlib.PurePosixPath)",
		"hyper_parameters.function (the name posixpath.join)", "hyper_parameters.tensor (a tensor)" };
	char path[512];
	struct bp_ckpt *c;

	(void)state;
	assert_int_equal(bp_ckpt_open(&c, golden_path(path, "ckpt/mixed.ckpt"), NULL), BP_OK);
	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		size_t k = 0;
		while (k < bp_val_count(bp_ckpt_skipped(c))
		    && strcmp(bp_val_cstr(bp_val_at(bp_ckpt_skipped(c), k), ""), want[i]) != 0)
			k++;
		if (k == bp_val_count(bp_ckpt_skipped(c)))
			fail_msg("not told: %s", want[i]);
	}
	bp_ckpt_close(c);
}

/* bf16: matrices converted, vectors not; from a safetensors file as well */
static void
test_bf16(void **state)
{
	char in[512], out[] = "/tmp/bp-bf16-XXXXXX";
	struct bp_err err = { 0 };
	struct bp_wfile *w, *got;
	struct bp_arena *mem;
	struct bp_val *report;
	int fd = mkstemp(out), matrices = 0;

	(void)state;
	assert_true(fd >= 0 && close(fd) == 0);
	assert_int_equal(bp_arena_open(&mem, 0, NULL), BP_OK);
	if (bp_wfile_open(&w, golden_path(in, "model/tiny.safetensors"), &err) != BP_OK
	    || bp_wfile_import(&report, w, out, true, true, mem, &err) != BP_OK
	    || bp_wfile_open(&got, out, &err) != BP_OK)
		fail_msg("%s", err.msg);
	assert_int_equal(got->n, w->n);
	for (int i = 0; i < got->n; i++) {
		const struct bp_tensor *a = got->t[i].t, *b = w->t[i].t;
		bool matrix = b->ndim == 2 && b->shape[0] > 1 && b->shape[1] > 1;
		assert_int_equal(a->dtype, matrix ? BP_BF16 : BP_F32);
		matrices += matrix;
		for (int64_t k = 0; k < bp_count(b); k += 7) {
			float x = (float)bp_tensor_get(b, k), y = (float)bp_tensor_get(a, k);
			if (!(fabsf(x - y) <= (matrix ? fabsf(x) / 256 : 0))) /* half a unit of 8 bits */
				fail_msg("%s[%lld]: %g became %g", got->t[i].name, (long long)k, x, y);
		}
	}
	assert_int_equal(bp_val_i64(bp_val_get(report, "to_bf16"), 0), matrices);
	assert_true(same_val(got->hyper, w->hyper));
	bp_wfile_close(w);
	bp_wfile_close(got);
	bp_arena_close(mem);
	unlink(out);
}

/* cut anywhere, or one bit flipped anywhere: refused, or all the same tensors and hyper-parameters */
static void
test_damaged_ckpt(void **state)
{
	char path[512];
	size_t n, passed = 0, hit;
	char *whole = read_file(golden_path(path, "ckpt/mixed.ckpt"), &n), *p = malloc(n);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		struct bp_err err = { 0 };
		struct bp_ckpt *c;
		memcpy(p, whole, i);
		if (bp_ckpt_open_mem(&c, p, i, "cut", &err) != BP_EINPUT || c)
			fail_msg("cut to %zu bytes: accepted", i);
	}
	for (hit = 0; hit < 8 * n; hit += 3) {
		struct bp_err err = { 0 };
		struct bp_wfile w = { .path = "flipped" };
		bool sum;
		int st;
		memcpy(p, whole, n);
		p[hit / 8] = (char)(p[hit / 8] ^ 1 << hit % 8);
		if ((st = bp_ckpt_open_mem(&w.ckpt, p, n, "flipped", &err)) == BP_OK) {
			w.t = bp_ckpt_tensors(w.ckpt);
			w.n = bp_ckpt_count(w.ckpt);
			assert_int_equal(w.n, 18);
			st = bp_wfile_verify(&w, &sum, &err);
		}
		passed += st == BP_OK;
		if (st != BP_OK)
			assert_true(st == BP_EINPUT && strlen(err.msg) > 10);
		bp_ckpt_close(w.ckpt);
	}
	print_message("%zu of %zu flipped bits lie in what is not looked at (times, padding, other entries)\n", passed,
	    8 * n / 3);
	free(whole);
	free(p);
}

static void
test_malicious(void **state)
{
	static const struct {
		const char *p;
		size_t n;
		const char *refused;
	} evil[] = {
#define E(s, name) { s, sizeof s - 1, name }
		E("\x80\2cos\nsystem\nX\2\0\0\0id\x85R.", "os.system"),
		E("\x80\2cposix\nsystem\nX\2\0\0\0id\x85R.", "posix.system"),
		E("\x80\4\x8c\2os\x8c\6system\x93\x8c\2id\x85R.", "os.system"),
		E("\x80\4\x8c\7os.path\x8c\x09os.system\x93\x8c\2id\x85R.", "os.path.os.system"),
		E("\x80\2c__builtin__\neval\nX\1\0\0\0"
		  "1\x85R.",
		    "__builtin__.eval"),
		E("\x80\2cbuiltins\ngetattr\nX\1\0\0\0"
		  "1\x85R.",
		    "builtins.getattr"),
		E("\x80\2csubprocess\nPopen\nX\2\0\0\0ls\x85R.", "subprocess.Popen"),
		E("\x80\2csubprocess\nPopen\nX\2\0\0\0ls\x85\x81.", "subprocess.Popen"),
		E("\x80\4csubprocess\nPopen\n)}\x92.", "subprocess.Popen"),
		E("\x80\2(X\2\0\0\0idios\nsystem\n.", "os.system"),
		E("\x80\2(cos\nsystem\nX\2\0\0\0ido.", "os.system"),
		E("\x80\2cruntime_lib\nlaunch\n)R.", "runtime_lib.launch"),
		E("\x80\2cos\nsystem\n}b.", "os.system"),
		E("\x80\2ccopyreg\n_reconstructor\n(csubprocess\nPopen\nc__builtin__\nobject\nNtR.",
		    "subprocess.Popen"),
#undef E
	};

	(void)state;
	for (size_t i = 0; i < sizeof evil / sizeof *evil; i++) {
		struct bp_err err = { 0 };
		const struct bp_pnode *x;
		struct bp_arena *mem;
		assert_int_equal(bp_arena_open(&mem, 0, NULL), BP_OK);
		assert_int_equal(bp_pickle_read(&x, evil[i].p, evil[i].n, "evil", mem, &err), BP_EINPUT);
		if (!strstr(err.msg, evil[i].refused) || !strstr(err.msg, "refused"))
			fail_msg("%zu: %s", i, err.msg);
		bp_arena_close(mem);
	}
}

static void
test_evil_file(void **state)
{
	struct bp_err err = { 0 };
	struct bp_ckpt *c;
	char path[512];

	(void)state;
	assert_int_equal(bp_ckpt_open(&c, golden_path(path, "ckpt/evil.ckpt"), &err), BP_EINPUT);
	assert_non_null(strstr(err.msg, "posix.system, which is refused"));
	assert_int_equal(access("/tmp/boltzpipe-evil-was-run", F_OK), -1);
}

static void
test_pickle_machine(void **state)
{
	static const struct {
		const char *p;
		size_t n;
	} bad[] = {
#define E(s) { s, sizeof s - 1 }
		E(""),
		E("."),
		E("\x80\2"),
		E("\x80\2t."),
		E("\x80\2R."),
		E("\x80\2h\5."),
		E("\x80\2)q\1j\xff\xff\xff\xff."),
		E("\x80\2)r\xff\xff\xff\x7f."),
		E("\x80\2X\xff\xff\xff\xff"
		  "a."),
		E("\x80\4\x8d\xff\xff\xff\xff\xff\xff\xff\xff"
		  "a."),
		E("\x80\2}(K\1u."),
		E("\x80\2K\1K\2a."),
		E("\x80\2(0."),
		E("\x80\2K\1b."),
		E("\x80\2]Q."),
		E("\x80\1)."),
		E("I1\n."),
		E("\x80\2"
		  "ctorch._utils\n_rebuild_tensor_v2\n)R."),
		E("\x80\2"
		  "ca\0\nB\n)R."),
		E("\x80\2P1\n."),
		E("\x80\2\x82\1."),
		E("\x80\2ccollections"),
	/* a tensor of 2^40 elements in a storage of 4, at an offset, with overflowing strides */
#define STORE                                                                                                          \
	"\x80\2"                                                                                                       \
	"ctorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0"                         \
	"0X\3\0\0\0cpuK\4tQ"
		E(STORE "K\0\x8a\6\0\0\0\0\0\1\x85K\1\x85tR."),
		E(STORE "K\1K\4\x85K\1\x85tR."),
		E(STORE "K\0K\4\x85K\2\x85tR."),
		E(STORE "K\0K\4\x85\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x85tR."),
		E(STORE "J\xff\xff\xff\xffK\1\x85K\1\x85tR."),
		E(STORE "K\0K\5\x85K\0\x85tR."),
#undef E
	};
	static const char good[] = STORE "K\0K\2K\2\x86K\1K\2\x86tR.";
	struct bp_err err = { 0 };
	const struct bp_pnode *x;
	struct bp_arena *mem = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(bp_arena_open(&mem, 0, NULL), BP_OK);
		if (bp_pickle_read(&x, bad[i].p, bad[i].n, "bad", mem, &err) != BP_EINPUT)
			fail_msg("%zu: accepted", i);
		assert_true(bp_arena_peak(mem) < 1 << 20);
		bp_arena_close(mem);
	}
	assert_int_equal(bp_arena_open(&mem, 0, NULL), BP_OK);
	assert_int_equal(bp_pickle_read(&x, good, sizeof good - 1, "good", mem, &err), BP_OK);
	assert_int_equal(x->type, BP_P_TENSOR);
	assert_int_equal(x->u.tensor->stride[1], 2);
	assert_int_equal(x->u.tensor->storage->count, 4);
	bp_arena_close(mem);
}

/* every flipped bit of a safetensors file that we wrote is seen by verify; without a checksum, numbers that are not
 * finite are */
static void
test_verify_safetensors(void **state)
{
	char path[] = "/tmp/bp-verify-XXXXXX";
	float x[3] = { 1, 2, 3 };
	uint16_t h[2] = { 4, 5 };
	struct bp_tensor a = { BP_F32, 1, { 3 }, x }, b = { BP_U16, 2, { 1, 2 }, h },
	                 none = { BP_F32, 2, { 0, 9 }, NULL };
	struct bp_named t[] = { { "half", &b }, { "none", &none }, { "x", &a } };
	struct bp_err err = { 0 };
	struct bp_wfile *w;
	size_t n;
	char *p;
	bool sum;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0 && close(fd) == 0);
	assert_int_equal(bp_st_write(path, t, 3, NULL, &err), BP_OK);
	p = read_file(path, &n);
	for (size_t i = 0; i < 8 * n; i++) {
		int st;
		p[i / 8] = (char)(p[i / 8] ^ 1 << i % 8);
		write_file(path, p, n);
		p[i / 8] = (char)(p[i / 8] ^ 1 << i % 8);
		if ((st = bp_wfile_open(&w, path, &err)) == BP_OK) {
			st = bp_wfile_verify(w, &sum, &err);
			if (st == BP_OK && sum)
				fail_msg("bit %zu: not seen", i);
			bp_wfile_close(w);
		}
	}
	write_file(path, p, n);
	assert_int_equal(bp_wfile_open(&w, path, &err), BP_OK);
	assert_int_equal(bp_wfile_verify(w, &sum, &err), BP_OK);
	assert_true(sum);
	bp_wfile_close(w);
	x[1] = NAN;
	assert_int_equal(bp_st_write(path, t, 3, NULL, &err), BP_OK);
	assert_int_equal(bp_wfile_open(&w, path, &err), BP_OK);
	assert_int_equal(bp_wfile_verify(w, &sum, &err), BP_EINPUT);
	assert_non_null(strstr(err.msg, "tensor x: 1 numbers are not finite"));
	bp_wfile_close(w);
	unlink(path);
	free(p);
}

/* a writer that is given up leaves nothing */
static void
test_no_half_file(void **state)
{
	char dir[] = "/tmp/bp-half-XXXXXX", path[64];
	float x[3] = { 1, 2, 3 };
	struct bp_tensor a = { BP_F32, 1, { 3 }, x };
	struct bp_named t = { "x", &a };
	struct bp_st_out *o;
	struct bp_err err = { 0 };

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/x", dir);
	assert_int_equal(bp_st_out_open(&o, path, &t, 1, NULL, &err), BP_OK);
	assert_int_equal(bp_st_put(o, x, 8, &err), BP_OK);
	bp_st_out_close(o);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(bp_st_out_open(&o, path, &t, 1, NULL, &err), BP_EIO);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mixed),
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_skipped_is_told),
		cmocka_unit_test(test_bf16),
		cmocka_unit_test(test_damaged_ckpt),
		cmocka_unit_test(test_malicious),
		cmocka_unit_test(test_evil_file),
		cmocka_unit_test(test_pickle_machine),
		cmocka_unit_test(test_verify_safetensors),
		cmocka_unit_test(test_no_half_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
