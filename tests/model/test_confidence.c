/* tests/model/test_confidence.c: the confidence stage against upstream's numbers, on given coordinates and on
 * sampled ones. */
#include "stage.h"

#include <unistd.h>

#include "model/confidence.h"

enum { NAME = 160 };
static const char *const variants[] = { "original", "optimized" };

static void
put_coords(struct stage *x, const char *key)
{
	const struct bp_tensor *t = bp_st_get(x->run, key);
	struct bp_tensor *copy;

	assert_non_null(t);
	assert_int_equal(bp_rec_add(&copy, x->rec, "sample_atom_coords", BP_F32, 3, t->shape, &x->err), BP_OK);
	memcpy(copy->data, t->data, (size_t)bp_count(t) * sizeof(float));
}

/* run the stage on x's record; the dump, open */
static struct bp_st *
confidence(struct stage *x, bool write_embeddings)
{
	struct bp_confidence_opt o = { .write_embeddings = write_embeddings };
	struct bp_confidence *d;
	struct bp_st *s;
	char dump[NAME];
	const char *dir = getenv("TMPDIR");

	snprintf(dump, sizeof dump, "%s/boltzpipe-%d-confidence.safetensors", dir && *dir ? dir : "/tmp",
	    (int)getpid());
	o.dump = dump;
	if (bp_confidence_open(&d, x->cx, x->w, &o, x->mem, &x->err) != BP_OK
	    || bp_confidence_warm(d, 5, 96, x->mem, &x->err) != BP_OK
	    || bp_confidence_run(d, &x->rec, x->mem, NULL, &x->err) != BP_OK || bp_st_open(&s, dump, &x->err) != BP_OK)
		fail_msg("%s", x->err.msg);
	unlink(dump); /* stays mapped */
	return s;
}

static const struct {
	const char *name;
	double tol; /* of the tensor's scale */
} results[] = {
	{ "s_in", 1e-5 }, { "z_in", 1e-5 }, { "s_out", 1e-5 }, { "z_out", 1e-5 }, { "pae_logits", 1e-5 }, {
		"pde_logits", 1e-5 },
	{ "plddt_logits", 1e-5 }, { "resolved_logits", 1e-5 }, { "plddt", 2e-6 }, { "pae", 1e-5 }, { "pde", 1e-5 },
	{ "complex_plddt", 2e-6 }, { "complex_iplddt", 2e-6 }, { "complex_pde", 1e-5 }, { "complex_ipde", 1e-5 }, {
		"ptm", 1e-6 },
	{ "iptm", 1e-6 }, { "ligand_iptm", 1e-6 }, { "protein_iptm", 1e-6 }, { "pair_chains_iptm", 1e-6 }, {
		"confidence_score", 2e-6 },
};

static void
given_coords(const char *name)
{
	char got[64], want[64];

	for (size_t v = 0; v < sizeof variants / sizeof *variants; v++) {
		struct stage x = stage_open(name, variants[v], BP_STRUCTURES);
		struct bp_st *s;

		put_coords(&x, "given.x");
		s = confidence(&x, false);
		printf("%s, %s:\n", name, variants[v]);
		for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
			snprintf(got, sizeof got, "conf.%s", results[i].name);
			snprintf(want, sizeof want, "given.%s", results[i].name);
			if (bp_st_get(x.run, want) || !strstr(want,
			    "_logits")) /* the large logits are in some files only */
				stage_compare(&x, s, got, want, results[i].tol);
		}
		assert_null(bp_rec_get(x.rec, "z"));
		assert_null(bp_rec_get(x.rec, "s_inputs"));
		assert_null(bp_rec_get(x.rec, "pdistogram"));
		bp_st_close(s);
		stage_close(&x);
	}
}

/* Does a distance between representative atoms of sample i lie so near to a boundary of its bins that upstream's way
 * of computing it (a matrix product above 25 points) may find another bin? */
static bool
near_boundary(struct stage *x, int i)
{
	const struct bp_tensor *coords = bp_st_get(x->run, "sample_atom_coords");
	int n = golden_dim(x->run, "s_inputs", 1), atoms = (int)coords->shape[1];
	const struct bp_tensor *rep;
	double margin = n > 25 ? 1e-3 : 5e-5;

	assert_int_equal(bp_rec_want(&rep, x->rec, "token_to_rep_atom@idx", BP_I32, BP_SHAPE(n), &x->err), BP_OK);
	for (int j = 0; j < n * n; j++) {
		int64_t a = ((const int32_t *)rep->data)[j / n], b = ((const int32_t *)rep->data)[j % n];
		double d = 0, bin;

		for (int k = 0; k < 3; k++) {
			double e = bp_tensor_get(coords, 3 * ((int64_t)i * atoms + a) + k)
			    - bp_tensor_get(coords, 3 * ((int64_t)i * atoms + b) + k);
			d += e * e;
		}
		bin = (sqrt(d) - 2) * 62 / 20;
		if (bin > -0.5 && bin < 62.5 && fabs(bin - rint(bin)) * 20 / 62 < margin)
			return true;
		if (fabs(sqrt(d) - 8) < margin)
			return true;
	}
	return false;
}

static int compared, left_out;

static void
sampled_coords(const char *name)
{
	struct stage x = stage_open(name, "optimized", BP_STRUCTURES);
	struct bp_st *s;
	const struct bp_tensor *g, *d;

	put_coords(&x, "sample_atom_coords");
	s = confidence(&x, true);
	assert_non_null(bp_rec_get(x.rec, "z"));
	for (int i = 0; i < golden_dim(x.run, "sample_atom_coords", 0); i++) {
		if (near_boundary(&x, i)) {
			left_out++;
			continue;
		}
		compared++;
		for (size_t k = 8; k < sizeof results / sizeof *results; k++) {
			char key[64];
			int64_t n;

			snprintf(key, sizeof key, "conf.%s", results[k].name);
			g = bp_st_get(x.run, key);
			d = bp_st_get(s, key);
			assert_true(g && d && bp_count(g) == bp_count(d));
			n = bp_count(g) / g->shape[0];
			for (int64_t j = i * n; j < (i + 1) * n; j++)
				if (!(fabs(bp_tensor_get(d, j) - bp_tensor_get(g, j)) <= 1e-5 * fmax(1,
				    fabs(bp_tensor_get(g, j)))))
					fail_msg("%s: %s of sample %d: element %d is %.9g, wanted %.9g", name, key, i,
					    (int)j, bp_tensor_get(d, j), bp_tensor_get(g, j));
		}
	}
	bp_st_close(s);
	stage_close(&x);
}

static void
golden_given(void **state)
{
	(void)state;
	golden_each("tiny", given_coords);
}

static void
golden_sampled(void **state)
{
	(void)state;
	golden_each("tiny", sampled_coords);
	printf("%d samples compared, %d left out: a distance at the boundary of two bins\n", compared, left_out);
}

/* what a card would need, on any machine: at most four pair tensors of the demonstration's network, and less in blocks */
static void
memory_of_a_card(void **state)
{
	static const int chunks[] = { 0, 8000, 512, 31, 1 };
	struct bp_confidence_opt o = { 0 };
	struct bp_confidence *c;
	struct stage x = { 0 };

	(void)state;
	assert_int_equal(bp_arena_open(&x.mem, 0, &x.err), BP_OK);
	if (bp_ctx_open_dry(&x.cx, "cuda", "optimized", NULL, 0, "bf16", 2, &x.err) != BP_OK) {
		assert_int_equal(x.err.code, BP_EUNSUP);
		printf("skipped: %s\n", x.err.msg);
		bp_arena_close(x.mem);
		return;
	}
	assert_int_equal(bp_weights_open(&x.w, "share/demo/boltz-demo.safetensors", &x.err), BP_OK);
	assert_int_equal(bp_confidence_open(&c, x.cx, x.w, &o, x.mem, &x.err), BP_OK);
	for (int samples = 1; samples <= 5; samples += 4)
		for (int n = 1024; n <= 5120; n *= 5) {
			double most = 4;
			for (size_t k = 0; k < sizeof chunks / sizeof *chunks; k++) {
				struct bp_plan_size size = { n, 8 * n, samples, 128 };
				struct bp_planned p;
				x.cx->chunk = chunks[k];
				x.cx->chunk_fixed = chunks[k] > 0;
				assert_int_equal(bp_confidence_plan(&p, c, &size, 0, x.mem, &x.err), BP_OK);
				p.device /= (size_t)n * n * 64 * sizeof(float) / 100;
				printf("%d tokens, %d samples, blocks of %d: %.2f pair tensors\n", n, samples, chunks[k], (double)p.device / 100);
				assert_true((double)p.device / 100 <= most);
				most = (double)p.device / 100;
			}
		}
	bp_weights_close(x.w);
	bp_ctx_close(x.cx);
	bp_arena_close(x.mem);
}

/* the record under another name, with z `times` as large */
static struct bp_rec *
member(struct stage *x, const char *id, float times)
{
	const struct bp_tensor *was = bp_rec_get(x->rec, "z");
	struct bp_tensor *z;
	struct bp_rec *r;

	assert_int_equal(bp_rec_new(&r, BP_STRUCTURES, id, x->mem, &x->err), BP_OK);
	for (int i = 0; i < x->rec->n; i++)
		assert_int_equal(bp_rec_put(r, x->rec->tensor[i].name, x->rec->tensor[i].t, &x->err), BP_OK);
	assert_int_equal(bp_rec_add(&z, r, "z", BP_F32, 3, was->shape, &x->err), BP_OK);
	for (int64_t i = 0; i < bp_count(z); i++)
		((float *)z->data)[i] = times * ((const float *)was->data)[i];
	return r;
}

/* Targets that are scored as one get the scores of each alone; of one without a z, and one whose scores are no numbers, the others hear nothing. */
static void
members_go_together(void **state)
{
	static const char *const id[] = { "a", "bad", "b", "odd", "c" };
	static const char *const out[] = { "plddt", "pae", "pde", "iptm", "confidence_score", "pair_chains_iptm" };
	enum { MEMBERS = sizeof id / sizeof *id };
	const struct bp_confidence_opt o = { .write_embeddings = true };
	struct stage x = stage_open("tiny", "original", BP_STRUCTURES);
	struct bp_err fate[MEMBERS] = { 0 };
	struct bp_rec *all[MEMBERS], *one;
	struct bp_confidence *d;

	(void)state;
	put_coords(&x, "given.x");
	assert_int_equal(bp_confidence_open(&d, x.cx, x.w, &o, x.mem, &x.err), BP_OK);
	for (int i = 0; i < MEMBERS; i++)
		all[i] = member(&x, id[i], i == 3 ? NAN : 1 + 0.2f * (float)i);
	bp_rec_drop(all[1], "z");
	if (bp_confidence_batch(d, all, fate, MEMBERS, &x.err) != BP_OK)
		fail_msg("%s", x.err.msg);
	for (int i = 0; i < MEMBERS; i++) {
		assert_int_equal(fate[i].code, i == 1 ? BP_EINPUT : i == 3 ? BP_ENUM : BP_OK);
		if (fate[i].code != BP_OK)
			continue;
		one = member(&x, id[i], 1 + 0.2f * (float)i);
		assert_int_equal(bp_confidence_run(d, &one, x.mem, NULL, &x.err), BP_OK);
		for (size_t k = 0; k < sizeof out / sizeof *out; k++)
			assert_memory_equal(bp_rec_get(one, out[k])->data, bp_rec_get(all[i], out[k])->data,
			    (size_t)bp_count(bp_rec_get(one, out[k])) * sizeof(float));
	}
	stage_close(&x);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(golden_given), cmocka_unit_test(golden_sampled), cmocka_unit_test(members_go_together),
		cmocka_unit_test(memory_of_a_card) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
