/* tests/model/test_diffusion.c: the diffuse stage against upstream's numbers with upstream's noise, and its own draws. */
#include "stage.h"

#include <unistd.h>

#include "model/diffuse.h"

enum { NAME = 160 };
static const char *const variants[] = { "original", "optimized" };

/* run the stage on x's record with o; the dump, open */
static struct bp_st *
diffuse(struct stage *x, struct bp_diffuse_opt *o, const char *dump)
{
	struct bp_diffuse *d;
	struct bp_st *s = NULL;

	o->dump = dump;
	if (bp_diffuse_open(&d, x->cx, x->w, o, x->mem, &x->err) != BP_OK || bp_diffuse_run(d, &x->rec, x->mem, NULL, &x->err) != BP_OK)
		fail_msg("%s", x->err.msg);
	assert_int_equal(x->rec->kind, BP_STRUCTURES);
	if (dump && bp_st_open(&s, dump, &x->err) != BP_OK)
		fail_msg("%s", x->err.msg);
	return s;
}

static const char *
temporary(char buf[NAME], const char *what)
{
	const char *dir = getenv("TMPDIR");

	snprintf(buf, NAME, "%s/boltzpipe-%d-%s.safetensors", dir && *dir ? dir : "/tmp", (int)getpid(), what);
	return buf;
}

/* root mean square distance of two sets of coordinates */
static double
rmsd(const struct bp_tensor *a, const struct bp_tensor *b)
{
	double sum = 0;

	assert_int_equal(bp_count(a), bp_count(b));
	for (int64_t i = 0; i < bp_count(a); i++)
		sum += (bp_tensor_get(a, i) - bp_tensor_get(b, i)) * (bp_tensor_get(a, i) - bp_tensor_get(b, i));
	return sqrt(3 * sum / (double)bp_count(a));
}

static void
one_case(const char *name)
{
	static const struct {
		const char *key;
		double tol; /* of the tensor's scale */
	} checks[] = {
		{ "cond.q", 1e-5 }, { "cond.c", 1e-5 }, { "cond.atom_enc_bias", 1e-5 }, { "cond.atom_dec_bias", 1e-5 },
		{ "cond.token_trans_bias", 1e-5 }, { "cond.to_keys", 0 }, { "schedule.sigmas", 1e-6 }, { "schedule.gammas", 0 },
		{ "score.times", 1e-6 }, { "score.r_noisy", 1e-6 }, { "score.s", 1e-5 }, { "score.a_encoder", 1e-5 },
		{ "score.a_transformer", 1e-5 }, { "score.r_update", 1e-5 }, { "step.t_hat", 1e-6 }, { "step.noisy", 1e-5 },
		{ "step.denoised", 1e-5 }, { "step.aligned", 1e-5 }, { "sample_atom_coords", 1e-5 },
	};
	char rel[NAME], noise[512], dump[NAME];

	for (size_t v = 0; v < sizeof variants / sizeof *variants; v++) {
		struct stage x = stage_open(name, variants[v], BP_TRUNK);
		struct bp_diffuse_opt o = BP_DIFFUSE_INIT;
		struct bp_st *s;
		double off;

		snprintf(rel, sizeof rel, "model/tiny-%s.safetensors", name);
		o.replay_noise = golden_path(noise, rel);
		o.steps = golden_dim(x.run, "noise.eps", 0);
		o.samples = golden_dim(x.run, "noise.eps", 1);
		o.max_parallel = v ? 1 : 5;
		s = diffuse(&x, &o, temporary(dump, "dump"));
		printf("%s, %s:\n", name, variants[v]);
		for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
			stage_compare(&x, s, checks[i].key, checks[i].key, checks[i].tol);
		off = rmsd(bp_rec_get(x.rec, "sample_atom_coords"), bp_st_get(x.run, "sample_atom_coords"));
		printf("  RMSD of the coordinates %.2g A\n", off);
		assert_true(off <= 2e-4);
		bp_st_close(s);
		unlink(dump);
		stage_close(&x);
	}
}

static void
golden_runs(void **state)
{
	(void)state;
	golden_each("tiny", one_case);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(golden_runs) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
