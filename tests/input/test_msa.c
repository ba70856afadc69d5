/* tests/input/test_msa.c: what an alignment file is taken for, what is refused, and who is paired with whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "chem/residues.h"
#include "input/msa.h"

struct fix {
	struct bp_err err;
	struct bp_arena *mem;
	struct bp_msa *msa;
};

static struct fix
fix_open(void)
{
	struct fix x = { 0 };

	assert_int_equal(bp_arena_open(&x.mem, 0, &x.err), BP_OK);
	return x;
}

static int
read_text(struct fix *x, const char *name, const char *text)
{
	return bp_msa_read_mem(&x->msa, name, text, strlen(text), 8192, x->mem, &x->err);
}

/* one row of x as letters */
static const char *
row(const struct fix *x, int i)
{
	static char buf[64];

	assert_in_range(x->msa->columns, 1, 63);
	for (int c = 0; c < x->msa->columns; c++)
		buf[c] = bp_letter_of_token(BP_PROTEIN, x->msa->type[i * x->msa->columns + c]);
	buf[x->msa->columns] = '\0';
	return buf;
}

static void
test_a3m(void **state)
{
	struct fix x = fix_open();

	(void)state;
	/* comments, blank lines and CR are skipped; repeats go, but other insertions make another sequence */
	assert_int_equal(
	    read_text(&x, "x.a3m",
	        "# made by hand\r\n>q\r\nMaaK-c\r\n\n>1\nM-K-\n>2\nmmM-K\n>3\nMaa-KcC\n>4\n---\n>5\n---\n"),
	    BP_EINPUT);
	assert_string_equal(x.err.msg, "MSA x.a3m: row 2 has 4 columns, the query has 3 (line 6)");
	assert_int_equal(
	    read_text(&x, "x.a3m",
	        "#\r\n>q\r\nMaaKW\r\n\n>1\nM-K\n>2\nMmK-\n>3\nMaAKW\n>4\n---\n>5\n---\n>6\nMAAKWx\n>7\nmaaMKW"),
	    BP_EINPUT);
	assert_string_equal(x.err.msg, "MSA x.a3m: row 4 has 4 columns, the query has 3 (line 10)");
	assert_int_equal(
	    read_text(&x, "x.a3m",
	        "#\r\n>q\r\nMaaKW\r\n\n>1\nM-K\n>2\nMmK-\n>3\nMaKaW\n>4\n---\n>5\n---\n>6\nMKaaW\n>7\nXZ-\n>8\n-MK\n"),
	    BP_OK);
	assert_int_equal(x.msa->columns, 3);
	assert_int_equal(x.msa->rows, 7); /* row 5 repeats row 4 (no letters); the last one repeats M-K */
	assert_int_equal(x.msa->insertion[0], 0);
	assert_int_equal(x.msa->insertion[1], 2);
	assert_int_equal(x.msa->insertion[2], 0);
	assert_string_equal(row(&x, 1), "M-K");
	assert_string_equal(row(&x, 2), "MK-");
	assert_string_equal(row(&x, 6), "XX-");
	for (int i = 0; i < x.msa->rows; i++)
		assert_int_equal(x.msa->taxon[i], -1);
	bp_arena_close(x.mem);
}

static void
test_csv(void **state)
{
	struct fix x = fix_open();

	(void)state;
	assert_int_equal(
	    read_text(&x, "x.csv", "\xef\xbb\xbfsequence,key\nMKW,\n\"MKA\",9606.0\nMK-, 0\nM--,-1\nK--,-2\n"), BP_OK);
	assert_int_equal(x.msa->rows, 5);
	assert_int_equal(x.msa->taxon[0], -1);
	assert_int_equal(x.msa->taxon[1], 9606);
	assert_int_equal(x.msa->taxon[2], 0);
	assert_int_equal(x.msa->taxon[4], -2);
	bp_arena_close(x.mem);
}

static const struct {
	const char *name, *text, *message;
} wrong[] = {
	{ "x.a3m", "", "MSA x.a3m: no sequences" },
	{ "x.a3m", ">q\n", "MSA x.a3m: no sequences" },
	{ "x.a3m", "MKW\n", "MSA x.a3m: row 1 has no header (line 1)" },
	{ "x.a3m", ">q\nMKW\nMKA\n", "MSA x.a3m: row 1 goes on in a second line (line 3)" },
	{ "x.a3m", ">q\nMKW\n>1\nM W\n", "MSA x.a3m: row 2 has an invalid character ' ' (line 4)" },
	{ "x.a3m", ">q\nmkw\n", "MSA x.a3m: row 1 has no columns (line 2)" },
	{ "x.csv", "key,sequence\n", "MSA x.csv: no sequences" },
	{ "x.csv", "key,sequence\n1,MKW\n1\n", "MSA x.csv: expected two columns (line 3)" },
	{ "x.csv", "key,sequence,more\n1,MKW,2\n", "MSA x.csv: expected columns key and sequence (line 1)" },
	{ "x.csv", "key,sequence\nhuman,MKW\n", "MSA x.csv: row 1 has the key 'human' (line 2)" },
	{ "x.csv", "key,sequence\n1.5,MKW\n", "MSA x.csv: row 1 has the key '1.5' (line 2)" },
	{ "x.csv", "key,sequence\n2147483648,MKW\n", "MSA x.csv: row 1 has the key '2147483648' (line 2)" },
	{ "x.csv", "key,sequence\n1,\n", "MSA x.csv: row 1 has no columns (line 2)" },
};

static void
test_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct fix x = fix_open();
		assert_int_equal(read_text(&x, wrong[i].name, wrong[i].text), BP_EINPUT);
		assert_string_equal(x.err.msg, wrong[i].message);
		bp_arena_close(x.mem);
	}
}

/* the file ends where max_rows different rows were seen, whatever follows */
static void
test_limit(void **state)
{
	static const char text[] = ">q\nMKW\n>1\nMKW\n>2\nMK-\n>3\nbad!\n";
	struct fix x = fix_open();

	(void)state;
	assert_int_equal(bp_msa_read_mem(&x.msa, "x.a3m", text, sizeof text - 1, 2, x.mem, &x.err), BP_OK);
	assert_int_equal(x.msa->rows, 2);
	assert_int_equal(bp_msa_read_mem(&x.msa, "x.a3m", text, sizeof text - 1, 3, x.mem, &x.err), BP_EINPUT);
	bp_arena_close(x.mem);
}

static void
test_gzip(void **state)
{
	char dir[] = "/tmp/test_msa.XXXXXX", path[64];
	struct fix x = fix_open();
	FILE *f;
	gzFile g;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/x.a3m.gz", dir);
	g = gzopen(path, "wb");
	assert_int_equal(gzputs(g, ">q\nMKW\n>1\nMK-\n"), 14);
	assert_int_equal(gzclose(g), Z_OK);
	assert_int_equal(bp_msa_read(&x.msa, path, 10, x.mem, &x.err), BP_OK);
	assert_int_equal(x.msa->rows, 2);
	f = fopen(path, "r+b"); /* cut it */
	assert_int_equal(ftruncate(fileno(f), 24), 0);
	fclose(f);
	assert_int_equal(bp_msa_read(&x.msa, path, 10, x.mem, &x.err), BP_EIO);
	unlink(path);
	assert_int_equal(bp_msa_read(&x.msa, path, 10, x.mem, &x.err), BP_EIO);
	assert_int_equal(bp_msa_read(&x.msa, "x.sto", 10, x.mem, &x.err), BP_EINPUT);
	rmdir(dir);
	bp_arena_close(x.mem);
}

/* Keys 7 (three chains, twice in chain 1), 5 (two chains), 9 (twice in chain 0 alone); 3 is alone and pairs with
 * nothing. */
static void
test_pairing(void **state)
{
	static const char *const text[3] = {
		"key,sequence\n,MKW\n9,MKA\n5,MKC\n7,MKD\n9,MKE\n3,MKF\n",
		"key,sequence\n,GS\n7,GA\n7,GC\n5,GD\n",
		"key,sequence\n,LL\n7,LA\n,LC\n",
	};
	/* rows of the chains: the query; 7, with chains 0 and 2 taken again; 5, where chain 2 has its next row; 9; then
	 * what is left of each chain: chain 2 has used its rows 1 and 2 by then, chain 1 rows 1 and 2 too (paired ones
	 * come again) */
	static const int want[][3] = { { 0, 0, 0 }, { 3, 1, 1 }, { 3, 2, 1 }, { 2, 3, 1 }, { 1, 1, 2 }, { 4, 2, -1 },
		{ 1, 3, -1 }, { 2, -1, -1 }, { 3, -1, -1 }, { 4, -1, -1 }, { 5, -1, -1 } };
	static const int paired[][3] = { { 1, 1, 1 }, { 1, 1, 1 }, { 1, 1, 1 }, { 1, 1, 0 }, { 1, 0, 0 }, { 1, 0, 0 } };
	const int rows = sizeof want / sizeof *want, n_paired = sizeof paired / sizeof *paired;
	const struct bp_msa *msa[3];
	struct fix x = fix_open();
	struct bp_pairing *p;

	(void)state;
	for (int c = 0; c < 3; c++) {
		assert_int_equal(read_text(&x, "x.csv", text[c]), BP_OK);
		msa[c] = x.msa;
	}
	assert_int_equal(bp_msa_pair(&p, msa, 3, 8192, 16384, x.mem, &x.err), BP_OK);
	assert_int_equal(p->rows, rows);
	for (int r = 0; r < rows; r++)
		for (int c = 0; c < 3; c++) {
			assert_int_equal(p->row[3 * r + c], want[r][c]);
			assert_int_equal(p->paired[3 * r + c], r < n_paired ? paired[r][c] : 0);
		}
	assert_int_equal(bp_msa_pair(&p, msa, 3, 3, 5, x.mem, &x.err), BP_OK); /* the limits */
	assert_int_equal(p->rows, 5);
	assert_int_equal(p->paired[2 * 3], 1);
	assert_int_equal(p->paired[3 * 3], 0);
	bp_arena_close(x.mem);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a3m),
		cmocka_unit_test(test_csv),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_gzip),
		cmocka_unit_test(test_pairing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
