/* test_protocol: requests and replies of guides through bytes, and replies that do not fit. */
#include "ref.h"

#include "guide/atoms.h"
#include "guide/protocol.h"
#include "stream/io.h"

enum { ATOMS = 6, SAMPLES = 2 };

static void
set(struct ref *r, struct bp_val *map, const char *key, const char *json)
{
	struct bp_val *v;

	OK(r, bp_json_read(&v, json, strlen(json), r->mem, &r->err));
	OK(r, bp_val_set(map, key, v, r->mem, &r->err));
}

/* a glycine, a calcium ion and two places of padding; as diffuse sees it */
static struct bp_rec *
target(struct ref *r)
{
	static const float mask[ATOMS] = { 1, 1, 1, 1, 0, 0 };
	static const int32_t token[ATOMS] = { 0, 0, 0, 1, 0, 0 };
	struct bp_tensor *t;
	struct bp_rec *rec;

	OK(r, bp_rec_new(&rec, BP_TRUNK, "t1", r->mem, &r->err));
	set(r, rec->meta, "chains",
	    "{\"name\": [\"A\", \"B\"], \"mol_type\": [0, 3], \"res_num\": [1, 1], \"asym_id\": [0, 1]}");
	set(r, rec->meta, "residues", "{\"name\": [\"GLY\", \"CA\"], \"res_idx\": [0, 0], \"atom_num\": [3, 1]}");
	set(r, rec->meta, "atoms", "{\"name\": [\"N\", \"CA\", \"O\", \"CA\"], \"element\": [7, 6, 8, 20]}");
	OK(r, bp_rec_add(&t, rec, "atom_pad_mask", BP_F32, BP_SHAPE(ATOMS), &r->err));
	memcpy(t->data, mask, sizeof mask);
	OK(r, bp_rec_add(&t, rec, "atom_to_token@idx", BP_I32, BP_SHAPE(ATOMS), &r->err));
	memcpy(t->data, token, sizeof token);
	OK(r, bp_rec_add(&t, rec, "s", BP_F32, BP_SHAPE(2, 4), &r->err)); /* not to be sent */
	return rec;
}

static struct bp_rec *
through_bytes(struct ref *r, struct bp_rec *rec)
{
	struct bp_out *out;
	struct bp_rec *back;
	struct bp_in *in;
	char *data;
	size_t n;

	OK(r, bp_out_open_mem(&out, &data, &n, &r->err));
	OK(r, bp_out_put(out, rec, &r->err));
	OK(r, bp_out_end(out, &r->err));
	bp_out_close(out);
	OK(r, bp_in_open_mem(&in, data, n, &r->err));
	OK(r, bp_in_next(in, r->mem, &back, &r->err));
	bp_in_close(in);
	free(data);
	return back;
}

static const double coords[SAMPLES * ATOMS * 3] = { 1.25, 2, 1e-9, [7] = 1.0 / 3, [35] = -4 };

static struct bp_guide_request
request(struct bp_rec *of)
{
	return (struct bp_guide_request) { .target = "t1",
		.request = 7,
		.step = 3,
		.steps = 9,
		.gd_step = 5,
		.sigma = 2.5,
		.samples = SAMPLES,
		.atoms = ATOMS,
		.coords = coords,
		.of_atoms = of };
}

static void
requests(void **state)
{
	struct ref *r = ref_open("none");
	struct bp_guide_request q = request(target(r)), p;
	struct bp_atoms *a;
	struct bp_rec *rec;

	(void)state;
	OK(r, bp_guide_request_write(&rec, &q, r->mem, &r->err));
	rec = through_bytes(r, rec);
	OK(r, bp_guide_request_read(&p, rec, &r->err));
	assert_true(p.request == 7 && p.step == 3 && p.steps == 9 && p.gd_step == 5 && p.sigma == 2.5
	    && p.samples == SAMPLES && p.atoms == ATOMS && p.of_atoms == rec && strcmp(p.target, "t1") == 0);
	assert_memory_equal(p.coords, coords, sizeof coords);
	assert_null(bp_rec_get(rec, "s"));
	OK(r, bp_atoms_of_record(&a, rec, &r->err));
	assert_true(a->n == ATOMS && a->z[0] == 7 && a->z[3] == 20 && a->z[4] == 0 && a->samples == SAMPLES);
	assert_true(a->n_h[0] == 1 && a->n_h[1] == 2 && a->n_h[2] == 0);
	assert_true(a->mask[0] && a->mask[3] && !a->mask[4] && !a->mask[5]);
	q.of_atoms = NULL;
	OK(r, bp_guide_request_write(&rec, &q, r->mem, &r->err));
	OK(r, bp_guide_request_read(&p, rec, &r->err));
	assert_null(p.of_atoms);
	set(r, rec->meta, "step", "10"); /* beyond steps */
	assert_int_equal(bp_guide_request_read(&p, rec, &r->err), BP_EINPUT);
	set(r, rec->meta, "step", "\"1\"");
	assert_int_equal(bp_guide_request_read(&p, rec, &r->err), BP_EINPUT);
	assert_int_equal(bp_guide_request_read(&p, target(r), &r->err), BP_EINPUT);
	ref_close(r);
}

/* what() spoils a good reply; reading it must say so */
struct spoil {
	const char *key, *json; /* meta.key becomes json */
	int nan_at;             /* of energy; -1: none   */
	int64_t samples;        /* of gradient           */
	const char *id, *kind;
	int code;
};
static const struct spoil spoils[] = {
	{ NULL, NULL, -1, SAMPLES, "t1", BP_GUIDE_REPLY, BP_OK },
	{ "goal", "1", -1, SAMPLES, "t1", BP_GUIDE_REPLY, BP_OK },
	{ "request", "6", -1, SAMPLES, "t1", BP_GUIDE_REPLY, BP_EINPUT },
	{ "request", "null", -1, SAMPLES, "t1", BP_GUIDE_REPLY, BP_EINPUT },
	{ "samples", "[1]", -1, SAMPLES, "t1", BP_GUIDE_REPLY, BP_EINPUT },
	{ NULL, NULL, 1, SAMPLES, "t1", BP_GUIDE_REPLY, BP_ENUM },
	{ NULL, NULL, -1, SAMPLES + 1, "t1", BP_GUIDE_REPLY, BP_EINPUT },
	{ NULL, NULL, -1, SAMPLES, "t2", BP_GUIDE_REPLY, BP_EINPUT },
	{ NULL, NULL, -1, SAMPLES, "t1", BP_GUIDE_REQUEST, BP_EINPUT },
};

static void
replies(void **state)
{
	struct ref *r = ref_open("none");
	struct bp_guide_request q = request(NULL);
	struct bp_guide_reply a;
	struct bp_rec *rec;

	(void)state;
	for (size_t i = 0; i < sizeof spoils / sizeof *spoils; i++) {
		const struct spoil *x = &spoils[i];
		double energy[SAMPLES] = { 3, 1.5 };
		struct bp_guide_reply good = { .energy = energy, .gradient = coords };
		struct bp_tensor *t;
		if (x->nan_at >= 0)
			energy[x->nan_at] = NAN;
		OK(r, bp_guide_reply_write(&rec, &q, &good, r->mem, &r->err));
		rec->id = x->id;
		rec->kind_name = x->kind;
		if (x->key)
			set(r, rec->meta, x->key, x->json);
		if (x->samples != SAMPLES)
			OK(r, bp_rec_add(&t, rec, "gradient", BP_F64, BP_SHAPE(x->samples, ATOMS, 3), &r->err));
		rec = through_bytes(r, rec);
		if (bp_guide_reply_read(&a, rec, &q, &r->err) != x->code)
			fail_msg("case %zu: %s", i, r->err.msg);
		if (x->code == BP_OK) {
			assert_memory_equal(a.energy, energy, sizeof energy);
			assert_memory_equal(a.gradient, coords, sizeof coords);
			assert_true(a.goal == (x->key ? 1 : 0));
		}
	}
	BP_FAIL(&r->err, BP_ENUM, "look there", "no such luck");
	rec = through_bytes(r, bp_rec_failure(rec, "server", &r->err));
	memset(&r->err, 0, sizeof r->err);
	assert_int_equal(bp_guide_reply_read(&a, rec, &q, &r->err), BP_ENUM);
	assert_string_equal(r->err.msg, "no such luck");
	assert_string_equal(r->err.hint, "look there");
	ref_close(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(requests), cmocka_unit_test(replies) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
