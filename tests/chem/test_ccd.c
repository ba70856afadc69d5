/* the component store: layers, look-ups, and damage of every kind; what it holds is test_ccd_build's */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xxhash.h>

#include <cmocka.h>

#include "chem/ccd_format.h"
#include "chem/ccd_write.h"
#include "chem/residues.h"

static struct bp_arena *mem;
static struct bp_err err;
static char dir[] = "/tmp/test_ccd.XXXXXX";
static char small[64], user[64];

static const struct bp_ccd_atom atoms[] = {
	{ .name = "C1", .x = { 0, 1, 2 }, .element = 6, .flags = BP_CCD_LEAVING, .chirality = BP_CHI_TETRAHEDRAL_CW },
	{ .name = "O1", .x = { 1.25f, 1, 2 }, .element = 8, .charge = -1 },
	{ .name = "H1", .x = { -1, 1, 2 }, .element = 1 },
	{ .name = "N1", .x = { 3, 1, 2 }, .element = 7 },
};
static const struct bp_ccd_bond bonds[] = { { 0, 1, BP_BOND_DOUBLE, BP_CCD_AROMATIC, BP_STEREO_E, 0 },
	{ 2, 0, BP_BOND_SINGLE, 0, 0, 0 }, { 0, 3, BP_BOND_OTHER, 0, 0, 0 } };
static const float lower[] = { 1.1f, 1.2f, 1.3f }, upper[] = { 2.1f, 2.2f, 2.3f };
static const uint8_t kind[] = { BP_CCD_IS_BOND, BP_CCD_IS_BOND, BP_CCD_IS_ANGLE };
static const struct bp_ccd_chiral chiral[] = { { { 0, 1, 2, 0 }, 1, 0 } };
static const struct bp_ccd_stereo stereo[] = { { { 2, 1, 0, 1 }, 1, 1 } };
static const uint16_t planar[1][6] = { { 0, 1, 2, 0, 1, 2 } }, ring5[1][5] = { { 2, 2, 2, 2, 2 } },
		      ring6[1][6] = { { 1, 1, 1, 1, 1, 1 } };
static const struct bp_ccd_comp full = { .code = "ZZ9", .name = "a full one", .type = "NON-POLYMER", .n_atoms = 4,
	.n_bonds = 3, .atom = atoms, .bond = bonds, .has_tables = true,
	.t = { lower, upper, kind, chiral, stereo, planar, ring5, ring6, 3, 1, 1, 1, 1, 1 } };
static const struct bp_ccd_comp ion = { .code = "ZN", .name = "ION", .type = "NON-POLYMER", .n_atoms = 1,
	.atom = atoms + 1, .has_tables = true };
static const struct bp_ccd_comp empty = { .code = "ABCDEFG", .name = "", .type = "", .xyz = BP_XYZ_MODEL };

static void
write_store(const char *path, const struct bp_ccd_comp *const *c, int n)
{
	struct bp_ccd_out *o;

	assert_int_equal(bp_ccd_out_open(&o, path, mem, &err), BP_OK);
	for (int i = 0; i < n; i++)
		assert_int_equal(bp_ccd_put(o, c[i], &err), BP_OK);
	assert_int_equal(bp_ccd_out_count(o), n);
	assert_int_equal(bp_ccd_out_end(o, "a test", &err), BP_OK);
	bp_ccd_out_close(o);
}

static int
setup(void **state)
{
	struct bp_ccd_comp other = full;

	(void)state;
	if (bp_arena_open(&mem, 0, &err) != BP_OK || !mkdtemp(dir))
		return -1;
	snprintf(small, sizeof small, "%s/small", dir);
	snprintf(user, sizeof user, "%s/user", dir);
	write_store(small, (const struct bp_ccd_comp *const[]){ &ion, &full, &empty }, 3);
	other.name = "the user's";
	write_store(user, (const struct bp_ccd_comp *const[]){ &other }, 1);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	unlink(small);
	unlink(user);
	bp_arena_close(mem);
	return rmdir(dir); /* fails when a temporary file was left */
}

static void
round_trip(void **state)
{
	static const uint16_t heavy[] = { 0, 1, 3 };
	struct bp_ccd_comp c;
	struct bp_ccd *s;

	(void)state;
	assert_int_equal(bp_ccd_open_file(&s, small, mem, &err), BP_OK);
	assert_int_equal(bp_ccd_layers(s), 1);
	assert_int_equal(bp_ccd_count(s, 0), 3);
	assert_string_equal(bp_ccd_note(s, 0), "a test");
	assert_string_equal(bp_ccd_path(s, 0), small);
	assert_int_equal(bp_ccd_find(&c, s, "ZZ9", &err), BP_OK);
	assert_string_equal(c.code, "ZZ9");
	assert_string_equal(c.name, "a full one");
	assert_string_equal(c.type, "NON-POLYMER");
	assert_int_equal(c.n_atoms, 4);
	assert_int_equal(c.n_heavy, 3);
	assert_int_equal(c.n_counted, 3);
	assert_memory_equal(c.heavy, heavy, sizeof heavy);
	for (int i = 0; i < 4; i++) {
		struct bp_ccd_atom a = c.atom[i];
		assert_int_equal(a.n_h, i == 0);
		a.n_h = 0;
		assert_memory_equal(&a, &atoms[i], sizeof a);
	}
	assert_memory_equal(c.bond, bonds, sizeof bonds);
	assert_true(c.has_tables);
	assert_int_equal(c.t.n_pairs, 3);
	assert_memory_equal(c.t.lower, lower, sizeof lower);
	assert_memory_equal(c.t.upper, upper, sizeof upper);
	assert_memory_equal(c.t.kind, kind, sizeof kind);
	assert_memory_equal(c.t.chiral, chiral, sizeof chiral);
	assert_memory_equal(c.t.stereo, stereo, sizeof stereo);
	assert_memory_equal(c.t.planar_bond, planar, sizeof planar);
	assert_memory_equal(c.t.ring5, ring5, sizeof ring5);
	assert_memory_equal(c.t.ring6, ring6, sizeof ring6);
	assert_int_equal(bp_ccd_atom_index(&c, "N1"), 3);
	assert_int_equal(bp_ccd_atom_index(&c, "N2"), -1);
	assert_int_equal(bp_ccd_find(&c, s, "ABCDEFG", &err), BP_OK);
	assert_int_equal(c.n_atoms, 0);
	assert_int_equal(c.xyz, BP_XYZ_MODEL);
	assert_int_equal(bp_ccd_at(&c, s, 0, 1, &err), BP_OK); /* by code: ABCDEFG ZN ZZ9 */
	assert_string_equal(c.code, "ZN");
	for (size_t i = 0, k = 0; i < 5; i++)
		for (size_t j = i + 1; j < 5; j++)
			assert_int_equal(bp_ccd_pair(i, j, 5), k++);
	bp_ccd_close(s);
}

static void
unknown(void **state)
{
	static const char *const codes[] = { "", "Z", "ZZ99", "zz9", "ABCDEFGH", "ZZZZZZZZZZZZZZZZ" };
	struct bp_ccd_comp c;
	struct bp_ccd *s;

	(void)state;
	assert_int_equal(bp_ccd_open_file(&s, small, mem, &err), BP_OK);
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
		assert_int_equal(bp_ccd_find(&c, s, codes[i], &err), BP_EINPUT);
		assert_non_null(strstr(err.msg, small));
		assert_false(bp_ccd_has(s, codes[i]));
	}
	assert_true(bp_ccd_has(s, "ZN"));
	bp_ccd_close(s);
	assert_int_equal(bp_ccd_open_file(&s, "/nonexistent/store", mem, &err), BP_EUSAGE);
	assert_null(s);
	assert_int_equal(bp_ccd_open_file(&s, "/dev/null", mem, &err), BP_EUSAGE);
}

/* the user's store first, then the built-in one */
static void
layers(void **state)
{
	struct bp_ccd_comp c;
	struct bp_ccd *s;

	(void)state;
	setenv("BOLTZPIPE_SHARE", "share", 1);
	setenv("HOME", dir, 1); /* no .boltz there */
	unsetenv("BOLTZPIPE_CCD");
	assert_int_equal(bp_ccd_open(&s, NULL, mem, &err), BP_OK);
	assert_int_equal(bp_ccd_layers(s), 1);
	assert_false(bp_ccd_has(s, "ZZ9"));
	assert_int_equal(bp_ccd_find(&c, s, "ATP", &err), BP_OK);
	bp_ccd_close(s);

	setenv("BOLTZPIPE_CCD", small, 1);
	assert_int_equal(bp_ccd_open(&s, NULL, mem, &err), BP_OK);
	assert_int_equal(bp_ccd_layers(s), 2);
	assert_int_equal(bp_ccd_find(&c, s, "ZN", &err), BP_OK);
	assert_string_equal(c.name, "ION"); /* not the built-in ZINC ION */
	assert_int_equal(bp_ccd_find(&c, s, "ATP", &err), BP_OK);
	bp_ccd_close(s);

	assert_int_equal(bp_ccd_open(&s, user, mem, &err), BP_OK); /* --ccd goes before the environment */
	assert_int_equal(bp_ccd_find(&c, s, "ZZ9", &err), BP_OK);
	assert_string_equal(c.name, "the user's");
	bp_ccd_close(s);

	setenv("BOLTZPIPE_CCD", "/nonexistent/store", 1); /* named but missing is an error, no silent fall back */
	assert_int_equal(bp_ccd_open(&s, NULL, mem, &err), BP_EUSAGE);
	unsetenv("BOLTZPIPE_CCD");
	setenv("BOLTZPIPE_SHARE", "/nonexistent", 1);
	assert_int_equal(bp_ccd_open(&s, NULL, mem, &err), BP_EUSAGE);
	unsetenv("BOLTZPIPE_SHARE");
}

static unsigned char *
slurp(const char *path, size_t *n)
{
	FILE *f = fopen(path, "rb");
	unsigned char *p = malloc(1 << 16);

	assert_non_null(f);
	*n = fread(p, 1, 1 << 16, f);
	fclose(f);
	return p;
}

/* open n bytes (in an allocation of just that size) and read all there is: how many components are whole? -1: no open */
static int
whole(const unsigned char *p, size_t n)
{
	unsigned char *copy = malloc(n ? n : 1);
	struct bp_ccd_comp c;
	struct bp_ccd *s;
	int count = -1;

	memcpy(copy, p, n);
	err = (struct bp_err){ 0 };
	if (bp_ccd_open_memory(&s, copy, n, mem, &err) == BP_OK) {
		count = 0;
		for (size_t i = 0; i < bp_ccd_count(s, 0); i++)
			count += bp_ccd_at(&c, s, 0, i, &err) == BP_OK;
		bp_ccd_close(s);
	}
	if (count < 3) {
		assert_int_equal(err.code, BP_EINPUT);
		assert_true(err.msg[0] && err.hint[0]);
	}
	free(copy);
	return count;
}

static void
damaged(void **state)
{
	size_t n;
	unsigned char *p = slurp(small, &n);
	struct ccd_head h;

	(void)state;
	memcpy(&h, p, sizeof h);
	assert_int_equal(whole(p, n), 3);
	for (size_t i = 0; i < n; i++)
		for (int bit = 0; bit < 8; bit++) {
			p[i] ^= (unsigned char)(1 << bit);
			assert_int_equal(whole(p, n), i < sizeof h || i >= h.index ? -1 : 2);
			p[i] ^= (unsigned char)(1 << bit);
		}
	for (size_t cut = 0; cut < n; cut++)
		assert_int_equal(whole(p, cut), -1);
	free(p);
}

/* a store that is wrong though its checksums are right: every 16-bit word of a blob set to the largest value */
static void
forged(void **state)
{
	size_t n;
	unsigned char *p = slurp(small, &n);
	struct ccd_head *h = (void *)p;
	struct ccd_entry *e = (void *)(p + h->index);

	(void)state;
	for (int k = 0; k < 3; k++)
		for (size_t i = e[k].offset; i + 2 <= e[k].offset + e[k].length; i += 2) {
			unsigned char was[2];

			memcpy(was, p + i, 2);
			memset(p + i, 0xff, 2);
			e[k].hash = (uint32_t)XXH64(p + e[k].offset, e[k].length, 0);
			h->index_hash = XXH64(e, h->count * sizeof *e, 0);
			h->head_hash = XXH64(h, offsetof(struct ccd_head, head_hash), 0);
			assert_true(whole(p, n) >= 2); /* 3 where the word was a name or coordinate that may be so */
			memcpy(p + i, was, 2);
			e[k].hash = (uint32_t)XXH64(p + e[k].offset, e[k].length, 0);
		}
	free(p);
}

static void
refused(void **state)
{
	struct bp_ccd_comp c = full;
	struct bp_ccd_out *o;
	char path[96];

	(void)state;
	snprintf(path, sizeof path, "%s/bad", dir);
	assert_int_equal(bp_ccd_out_open(&o, path, mem, &err), BP_OK);
	c.code[0] = 0;
	assert_int_equal(bp_ccd_put(o, &c, &err), BP_EINPUT);
	c = full;
	c.n_bonds = 70000;
	assert_int_equal(bp_ccd_put(o, &c, &err), BP_EINPUT);
	assert_int_equal(bp_ccd_put(o, &full, &err), BP_OK);
	assert_int_equal(bp_ccd_put(o, &full, &err), BP_OK);
	assert_int_equal(bp_ccd_out_end(o, "", &err), BP_EINPUT); /* twice the same code */
	bp_ccd_out_close(o);
	assert_int_not_equal(access(path, F_OK), 0);
	assert_int_equal(bp_ccd_out_open(&o, "/nonexistent/store", mem, &err), BP_EIO);
	bp_ccd_out_close(o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(unknown),
		cmocka_unit_test(layers),
		cmocka_unit_test(damaged),
		cmocka_unit_test(forged),
		cmocka_unit_test(refused),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
