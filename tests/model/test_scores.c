/* tests/model/test_scores.c: confidence numbers of small made-up targets, worked out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "model/scores.h"

/* Protein A (tokens 0, 1; three atoms each), ligand B of three atoms (2, 3, 4), ion C (5), padding (6). asym_id do
 * not rise. */
enum { N = 7, ATOMS = 12 };
static const int32_t asym[N] = { 9, 9, 2, 2, 2, 5, 0 }, mol[N] = { 0, 0, 3, 3, 3, 3, 0 };
static const int32_t token[ATOMS] = { 0, 0, 0, 1, 1, 1, 2, 3, 4, 5, -1, -1 };
static const int32_t frames[3 * N] = { 0, 1, 2, 3, 4, 5, 6, 6, 6, 7, 7, 7, 8, 8, 8, 9, 9, 9, 0, 0, 0 };
static const float mask[N] = { 1, 1, 1, 1, 1, 1, 0 };
static const float x[3 * ATOMS] = { 0, 0, 0, 1, 0, 0, 1, 1, 0, /* a right angle */
	4, 0, 0, 5, 0, 0, 6, 0, 0,                             /* a line        */
	20, 0, 0, 21, 0, 0, 21, 1.5f, 0, 40, 0, 0 };
static float plddt[N] = { 0.9f, 0.8f, 0.5f, 0.5f, 0.5f, 0.1f, 100 };

static struct bp_score_in
target(float *pair)
{
	return (struct bp_score_in){ .n = N, .atoms = ATOMS, .asym_id = asym, .mol_type = mol, .mask = mask,
	    .token = token,
		.frames = frames, .x = x, .plddt = plddt, .pde = pair, .tm = pair + N * N, .contact = pair + 2 * N * N,
		.dist = pair + 3 * N * N };
}

static void
frames_of_ligands_and_lines(void **state)
{
	static float pair[4 * N * N];
	struct bp_score_in in = target(pair);
	struct bp_err err = { 0 };
	struct bp_arena *mem;
	int32_t got[3 * N], wrong[3 * N];
	uint8_t valid[N];

	(void)state;
	assert_int_equal(bp_arena_open(&mem, 0, &err), BP_OK);
	assert_int_equal(bp_frames(got, valid, &in, mem, &err), BP_OK);
	assert_memory_equal(got, frames, 6 * sizeof *got);
	assert_memory_equal(got + 6, ((int32_t[]){ 7, 6, 8, 6, 7, 8, 7, 8, 6 }), 9 * sizeof *got); /* nearest, self,
	    second */
	assert_memory_equal(got + 15, frames + 15, 3 * sizeof *got); /* one atom: no frame */
	assert_memory_equal(valid, ((uint8_t[]){ 1, 0, 1, 1, 1, 0, 0 }), N);
	memcpy(wrong, frames, sizeof wrong);
	wrong[4] = ATOMS;
	in.frames = wrong;
	assert_int_equal(bp_frames(got, valid, &in, mem, &err), BP_EINPUT);
	bp_arena_close(mem);
}

static void
near(double got, double want)
{
	if (!(fabs(got - want) <= 1e-6))
		fail_msg("%.9g, wanted %.9g", got, want);
}

static void
by_hand(void **state)
{
	static float pair[4 * N * N];
	float *pde = pair, *tm = pair + N * N, *contact = pair + 2 * N * N, *dist = pair + 3 * N * N;
	struct bp_score_in in = target(pair);
	struct bp_err err = { 0 };
	struct bp_arena *mem;
	struct bp_scores s;
	double score;

	(void)state;
	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++) {
			tm[i * N + j] = i == 6 || j == 6 ? 50 : asym[i] == asym[j] ? 0.5f : 0.1f * (float)(i + 1);
			dist[i * N + j] = 30;
			contact[i * N + j] = i == 6 || j == 6 ? 9 : asym[i] == asym[j] ? 1 : 0.5f;
			pde[i * N + j] = i == 6 || j == 6 ? 9 : asym[i] == asym[j] ? 2 : 6;
		}
	dist[1 * N + 3] = 7.9f;
	dist[0 * N + 3] = 8;    /* not below 8 A  */
	dist[0 * N + 1] = 3;    /* the same chain */
	dist[0 * N + 6] = 3;    /* padding        */
	assert_int_equal(bp_arena_open(&mem, 0, &err), BP_OK);
	assert_int_equal(bp_scores(&s, &in, mem, &err), BP_OK);
	near(s.complex_plddt, (0.9 + 0.8 + 1.5 + 0.1) / 6);
	near(s.complex_iplddt, (0.9 + 10 * 0.8 + 20 * (1.5 + 0.1)) / (1 + 10 + 4 * 20));
	near(s.complex_pde, (8 * 2 + 22 * 0.5 * 6) / (8 + 22 * 0.5)); /* of 30 ordered pairs 2 + 6 in one chain */
	near(s.complex_ipde, 22 * 0.5 * 6 / (22 * 0.5 + 1e-5));
	/* valid rows: 0 (protein), 2, 3, 4 (ligand); row 4 has the highest terms to other chains */
	near(s.ptm, (3 * 0.5 + 3 * 0.5) / (6 + 1e-5));
	near(s.iptm, 3 * 0.5 / (3 + 1e-5));
	near(s.ligand_iptm, 2 * 0.5 / (2 + 1e-5));
	near(s.protein_iptm, 0);
	assert_int_equal(s.chains, 3); /* 2 (ligand), 5 (ion), 9 (protein) */
	near(s.pair_chains_iptm[0 * 3 + 0], 0.5 * 3 / (3 + 1e-5));
	near(s.pair_chains_iptm[2 * 3 + 0], 0.5 * 2 / (2 + 1e-5));  /* columns in the protein, frames in the ligand */
	near(s.pair_chains_iptm[0 * 3 + 2], 0.1 * 3 / (3 + 1e-5));
	near(s.pair_chains_iptm[0 * 3 + 1], 0);                     /* the ion has no frame */
	near(s.pair_chains_iptm[1 * 3 + 0], 0.5 / (1 + 1e-5));
	bp_confidence_score(&score, &s, 1);
	near(score, (4 * s.complex_plddt + s.iptm) / 5);
	bp_arena_close(mem);
}

/* One chain: the score takes ptm. One token: there is no pair, and no mean of pairs. */
static void
one_chain_one_token(void **state)
{
	float one = 1;
	struct bp_score_in in = { .n = 1, .atoms = ATOMS, .asym_id = asym, .mol_type = mol, .token = token,
	    .frames = frames, .x = x,
		.plddt = plddt, .pde = &one, .tm = &one, .contact = &one, .dist = &one };
	struct bp_err err = { 0 };
	struct bp_arena *mem;
	struct bp_scores s;
	double score;

	(void)state;
	assert_int_equal(bp_arena_open(&mem, 0, &err), BP_OK);
	assert_int_equal(bp_scores(&s, &in, mem, &err), BP_OK);
	assert_true(isnan(s.complex_pde));
	near(s.complex_ipde, 0);
	near(s.iptm, 0);
	near(s.ptm, 1 / (1 + 1e-5));
	bp_confidence_score(&score, &s, 1);
	near(score, (4 * s.complex_plddt + s.ptm) / 5);
	in.mask = (float[]){ 0 };
	assert_int_equal(bp_scores(&s, &in, mem, &err), BP_EINPUT);
	bp_arena_close(mem);
}

static void
tm_values(void **state)
{
	(void)state;
	near(bp_tm_value(0, 100), 1);
	near(bp_tm_value(1.24 * cbrt(85) - 1.8, 100), 0.5);
	near(bp_tm_value(3, 5), bp_tm_value(3, 19)); /* d0 never falls below that of 19 tokens */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_of_ligands_and_lines),
		cmocka_unit_test(by_hand),
		cmocka_unit_test(one_chain_one_token),
		cmocka_unit_test(tm_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
