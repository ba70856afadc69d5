/* PDB files against upstream's, byte by byte where those are sound. */
#include "case.h"
#include "structure/pdb.h"

static struct bp_arena *mem;

static char *
pdb_text(const struct bp_structure *s, int sample, const float *plddt)
{
	struct bp_err err = { 0 };
	char *text = NULL, *copy;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	assert_non_null(f);
	if (bp_pdb_write(f, s, sample, plddt, mem, &err) != BP_OK)
		fail_msg("%s: %s", err.msg, err.hint);
	assert_int_equal(fclose(f), 0);
	copy = bp_strdup(mem, text, NULL);
	free(text);
	return copy;
}

/* upstream's file, with one-letter chain names in place of the long ones, which shift its columns */
static char *
mended(const char *name, int model, const struct bp_structure *s, const char *tags)
{
	char rel[256], line[128], *out, *text;
	size_t n;
	FILE *f;

	snprintf(rel, sizeof rel, "write/%s/%s_model_%d.pdb", name, name, model);
	text = case_text(rel, NULL, mem);
	f = open_memstream(&out, &n);
	assert_non_null(f);
	for (char *p = text; *p;) {
		size_t len = strcspn(p, "\n");
		int k = snprintf(line, sizeof line, "%.*s", (int)len, p);
		for (int c = 0; c < s->nchains && k > 22 && strncmp(line, "CONECT", 6); c++) {
			size_t w = strlen(s->chain[c].name);
			if (w > 1 && strncmp(line + 21, s->chain[c].name, w) == 0) {
				line[21] = tags[c];
				memmove(line + 22, line + 21 + w, strlen(line + 21 + w) + 1);
				break;
			}
		}
		fprintf(f, "%-80s%s", line, p[len] ? "\n" : "");
		p += len + (p[len] == '\n');
	}
	fclose(f);
	text = bp_strdup(mem, out, NULL);
	free(out);
	return text;
}

/* both files from the first ATOM line on */
static void
compare(const char *name, const char *got, const char *want)
{
	const char *g = strstr(got, "ATOM "), *w = strstr(want, "ATOM ");
	size_t i;

	assert_non_null(g);
	assert_non_null(w);
	for (i = 0; g[i] && g[i] == w[i]; i++)
		;
	if (g[i] || w[i])
		fail_msg("%s: after %zu bytes: got %.80s, wanted %.80s", name, i, g + i - i % 81, w + i - i % 81);
	printf("%s: %zu bytes equal\n", name, i);
}

static void
test_golden(void **state)
{
	(void)state;
	for (int c = 0; c < CASES; c++) {
		struct bp_rec *rec = case_record(cases[c], true, mem);
		struct bp_structure *s = case_structure(rec);
		bool order = strcmp(cases[c], "order") == 0; /* chains X1 A LIG1 LIG2 D M */
		char *got = pdb_text(s, 1, case_row(rec, "plddt", 1));
		if (order) {
			assert_memory_equal(got, "REMARK   6 CHAIN B IS CHAIN X1 OF THE INPUT  ", 45);
			assert_memory_equal(got + 81, "REMARK   6 CHAIN C IS CHAIN LIG1 OF THE INPUT", 45);
			assert_memory_equal(got + 2 * 81, "REMARK   6 CHAIN E IS CHAIN LIG2 OF THE INPUT", 45);
		} else {
			assert_memory_equal(got, "ATOM", 4);
		}
		compare(cases[c], got, mended(cases[c], 0, s, "BACEDM"));
		bp_arena_reset(mem);
	}
}

static void
refused(const struct bp_structure *s, const char *part)
{
	struct bp_err err = { 0 };
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	assert_int_equal(bp_pdb_write(f, s, 0, NULL, mem, &err), BP_EUNSUP);
	fclose(f);
	assert_int_equal(n, 0);
	free(text);
	if (!strstr(err.msg, part))
		fail_msg("\"%s\" does not say \"%s\"", err.msg, part);
	assert_non_null(strstr(err.hint, "mmcif"));
}

/* what has no room in the columns is refused, and nothing is written */
static void
test_refused(void **state)
{
	struct bp_structure *s = case_structure(case_record("order", true, mem));
	float *x = (float *)bp_structure_xyz(s, 0, 40);

	(void)state;
	refused(s, "-1234.568"); /* the golden coordinates have one of nine columns */
	memset((float *)bp_structure_xyz(s, 0, 0), 0, 12);
	pdb_text(s, 0, NULL);
	x[1] = 10000.f;
	refused(s, "10000.000");
	x[1] = 9999.f;
	s->res[3].seq = 10000;
	refused(s, "10000");
	s->res[3].seq = 9999;
	s->res[3].name = "A1AAW";
	refused(s, "A1AAW");
	s->res[3].name = "SEP";
	s->atom[3].name = "HO5''";
	refused(s, "HO5''");
	s->atom[3].name = "O";
	pdb_text(s, 0, NULL);
	s->natoms = 99999 - 4;
	refused(s, "100000");
	bp_arena_reset(mem);
}

static void
test_many_chains(void **state)
{
	struct bp_structure *s = case_structure(case_record("order", true, mem));
	struct bp_chain_row chain[64];
	char names[64][8];

	(void)state;
	memset((float *)bp_structure_xyz(s, 0, 0), 0, 12);
	for (int i = 0; i < 64; i++) {
		chain[i] = s->chain[0];
		chain[i].name = bp_chain_tag(names[i],
		    i == 5       ? 0
		        : i == 7 ? 1
		                 : 26 + i); /* A and B among AA, AB, ... */
	}
	s->chain = chain;
	s->nchains = 62;
	pdb_text(s, 0, NULL);
	s->nchains = 63;
	refused(s, "62 chains");
	bp_arena_reset(mem);
}

/* B is 0 without confidence, 100 at most; columns of an element of two letters */
static void
test_columns(void **state)
{
	struct bp_rec *rec = case_record("order", true, mem);
	struct bp_structure *s = case_structure(rec);
	float plddt[64];
	char *text, *line;

	(void)state;
	text = pdb_text(s, 1, NULL);
	line = strstr(text, "HETATM  143");
	assert_non_null(line);
	assert_memory_equal(line + 11, "  CA  LIG M   1", 15);
	assert_memory_equal(line + 60, "  0.00          CA  \n", 21);
	for (int i = 0; i < 64; i++)
		plddt[i] = 1;
	text = pdb_text(s, 1, plddt);
	assert_memory_equal(strstr(text, "HETATM  143") + 60, "100.00", 6);
	bp_arena_reset(mem);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_many_chains),
		cmocka_unit_test(test_columns),
	};
	int failed;

	if (bp_arena_open(&mem, 0, NULL) != BP_OK)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	bp_arena_close(mem);
	return failed;
}
