/* lib/model/confidence.c: see confidence.h. Contents: opening, one sample's network, its heads, the samples of a
 * target, the stage, batches, without a target */
#include "model/confidence.h"

#include <math.h>
#include <string.h>

#include "base/log.h"
#include "model/members.h"
#include "model/plan.h"

enum { PAE_MAX = 32 }; /* A, end of the last bin of PAE and PDE */

struct bp_confidence {
	struct bp_confidence_opt o;
	struct bp_ctx *cx;
	struct bp_weights *w;
	struct bp_confidence_net net;
	int dumped; /* targets so far */
};

int
bp_confidence_open(struct bp_confidence **ret, struct bp_ctx *cx, struct bp_weights *w,
    const struct bp_confidence_opt *o, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_bind b = BP_BIND(w, cx, mem, err);

	*ret = NULL;
	BP_TRY(bp_target_folder(o->dump, err));
	BP_NEW(*ret, 1, mem, err);
	(*ret)->o = *o;
	(*ret)->cx = cx;
	(*ret)->w = w;
	if (!bp_weights_has(w, "confidence_module.s_to_z.weight"))
		return BP_FAIL(err, BP_EUNSUP, "leave out the confidence stage",
		    "%s: these weights have no confidence module",
		    bp_weights_path(w));
	bp_bind_enter(&b, "confidence_module");
	bp_confidence_bind(&(*ret)->net, &b);
	return b.st;
}

int
bp_confidence_lane(void **ret, const void *stage, struct bp_ctx *cx, struct bp_arena *mem, struct bp_err *err)
{
	const struct bp_confidence *main = stage;
	struct bp_confidence *d;

	BP_NEW(d, 1, mem, err);
	*d = *main;
	d->o.stage.cx = d->cx = cx;
	*ret = d;
	return BP_OK;
}

bool
bp_confidence_together(const void *stage, const struct bp_rec *rec)
{
	(void)rec;
	return !((const struct bp_confidence *)stage)->o.dump;
}

/* one target on its way */
struct target {
	struct bp_confidence *d;
	struct bp_rec *rec;
	struct bp_feats f;                                /* host */
	int members;                                      /* targets from this one on that are worked on together; in the first alone */
	const struct bp_feats *all;                       /* bp_feats_join of them, NULL: there is one; likewise */
	const struct bp_tensor *x, *s, *s_inputs, *z, *pdistogram;
	int samples;
	struct bp_tensor *plddt, *pae, *pde;              /* [M,N], [M,N,N] */
	float *contact;                                   /* host [N,N] */
	float *tm, *dist;                                 /* host [N,N], of the sample at work */
	struct bp_scores *scores;                         /* [M] */
	struct bp_err fault;                              /* of a sample's scores, if any; it is this target's alone */
	struct bp_dump *dump;
	struct bp_arena *mem;
	struct bp_progress progress;
};
/* what all samples start from, on the device */
struct inputs {
	struct bp_feats f;
	const float *s, *s_inputs;
	const float *z;      /* or NULL: it is fetched from the host anew */
	const float *tables; /* see make_tables */
};

static int
dump(const struct target *t, struct bp_ctx *cx, int i, const char *name, const float *p, int ndim, const int64_t *shape)
{
	return bp_dump_part(t->dump, cx, name, p, i, ndim, shape);
}

/* s [N,ts] = s_norm(s) + in_to_s(s_in) */
static int
start_single(const struct target *t, struct bp_ctx *cx, const struct inputs *u, const float *s_in, float *s)
{
	const struct bp_confidence_net *net = &t->d->net;
	int n = t->f.n;

	if (net->s_norm.n)
		BP_TRY(BP_OP(cx, layer_norm, .rows = n, .c = net->ts, .x = u->s, .w = &net->s_norm, .b = &net->s_norm_b,
		    .out = s));
	else
		BP_TRY(bp_dev_copy(cx, s, u->s, (size_t)n * net->ts * sizeof *s));
	if (net->in_to_s.n)
		BP_TRY(BP_OP(cx, linear, .rows = n, .k = net->ts, .x = s_in, .W = &net->in_to_s, .add = true,
		    .out = s));
	return BP_OK;
}

/* z [N,N,tz] = z_norm of the trunk's z */
static int
start_from_trunk(const struct target *t, struct bp_ctx *cx, const struct inputs *u, float *z)
{
	const struct bp_confidence_net *net = &t->d->net;
	int n = t->f.n, block = u->z ? n : bp_rows_at_once(cx, n);
	int64_t row = (int64_t)n * net->tz;

	for (int i = 0; i < n; i += block) {
		int rows = n - i < block ? n - i : block;
		struct bp_mark m = bp_dev_mark(cx);
		const void *x = u->z;
		if (!x)
			BP_TRY(bp_dev_upload(cx, &x, (const float *)t->z->data + i * row, (size_t)(rows * row) * sizeof *z));
		BP_TRY(BP_OP(cx, layer_norm, .rows = (int64_t)rows * n, .c = net->tz, .x = x, .w = &net->z_norm, .b = &net->z_norm_b, .out = z + i * row));
		bp_dev_release(cx, m);
	}
	return BP_OK;
}

/* z [N,N,tz] = z_norm(z) + embeddings + terms of s_in */
static int
start_pair(const struct target *t, struct bp_ctx *cx, const struct inputs *u, const float *s_in, float *z)
{
	const struct bp_confidence_net *net = &t->d->net;
	int n = t->f.n;
	struct bp_mark m = bp_dev_mark(cx);
	float *a, *b;

	BP_DEV_NEW(a, (int64_t)n * net->tz, cx);
	BP_DEV_NEW(b, (int64_t)n * net->tz, cx);
	BP_TRY(start_from_trunk(t, cx, u, z));
	if (net->embeds)
		BP_TRY(bp_pair_embed_run(cx, &net->embed, &u->f, z));
	BP_TRY(BP_OP(cx, linear, .rows = n, .k = net->ts, .x = s_in, .W = &net->to_z_i, .out = a));
	BP_TRY(BP_OP(cx, linear, .rows = n, .k = net->ts, .x = s_in, .W = &net->to_z_j, .out = b));
	BP_TRY(BP_OP(cx, pair_sum, .n = n, .c = net->tz, .a = a, .b = b, .add = true, .out = z));
	if (net->prod.n) {
		BP_TRY(BP_OP(cx, linear, .rows = n, .k = net->ts, .x = s_in, .W = &net->prod_i, .out = a));
		BP_TRY(BP_OP(cx, linear, .rows = n, .k = net->ts, .x = s_in, .W = &net->prod_j, .out = b));
		BP_TRY(BP_OP(cx, pair_prod_linear, .n = n, .c = net->tz, .a = a, .b = b, .W = &net->prod, .out = z));
	}
	bp_dev_release(cx, m);
	return BP_OK;
}

/* z += embedding of the distances between representative atoms of sample i, which go to t->dist */
static int
add_distances(struct target *t, struct bp_ctx *cx, const struct inputs *u, int i, float *z)
{
	const struct bp_confidence_net *net = &t->d->net;
	int n = t->f.n, atoms = t->f.atoms;
	struct bp_mark m = bp_dev_mark(cx);
	size_t size = (size_t)atoms * 3;
	const void *x;
	float *rep, *dist;

	BP_TRY(bp_dev_upload(cx, &x, (const float *)t->x->data + (size_t)i * size, size * sizeof *rep));
	BP_DEV_NEW(rep, n * 3, cx);
	BP_DEV_NEW(dist, (int64_t)n * n, cx);
	BP_TRY(BP_OP(cx, gather_rows, .b = 1, .rows = n, .from = atoms, .c = 3, .index = u->f.rep_atom, .x = x,
	    .out = rep));
	BP_TRY(BP_OP(cx, dist_bin_embed, .n = n, .c = net->tz, .nbound = net->boundaries.n, .x = rep,
	    .boundaries = &net->boundaries, .E = &net->dist, .dist = dist, .out = z));
	BP_TRY(bp_dev_download(cx, t->dist, dist, (size_t)n * n * sizeof *dist));
	bp_dev_release(cx, m);
	return BP_OK;
}

/* logits [N,N,bins] of a pair head, and their means under `tables` tables of values: to the host, [N,N] each */
static int
run_pair_head(const struct target *t, struct bp_ctx *cx, const struct inputs *u, int i, const char *name,
    bool symmetric, const float *z,
    const struct bp_weight *W, const struct bp_weight *other, int tables, const float *values, float *const *to)
{
	int n = t->f.n, bins = W->n;
	int64_t pairs = (int64_t)n * n;
	struct bp_mark m = bp_dev_mark(cx);
	float *logits, *means;

	BP_DEV_NEW(logits, pairs * bins, cx);
	BP_DEV_NEW(means, pairs * tables, cx);
	BP_TRY(BP_OP(cx, pair_head, .n = n, .c = t->d->net.tz, .symmetric = symmetric, .z = z, .asym_id = u->f.asym_id,
	    .W = W, .W_other = other->n ? other : NULL, .out = logits));
	BP_TRY(dump(t, cx, i, name, logits, BP_SHAPE(t->samples, n, n, bins)));
	BP_TRY(BP_OP(cx, binned_mean, .rows = pairs, .bins = bins, .tables = tables, .logits = logits, .value = values,
	    .out = means));
	for (int k = 0; k < tables; k++)
		BP_TRY(bp_dev_download(cx, to[k], means + k * pairs, (size_t)pairs * sizeof *means));
	bp_dev_release(cx, m);
	return BP_OK;
}

/* pLDDT [N] of sample i; the resolved head only serves dumps */
static int
run_plddt_head(const struct target *t, struct bp_ctx *cx, int i, const float *s, const float *values, float *to)
{
	const struct bp_confidence_net *net = &t->d->net;
	int n = t->f.n, bins = net->plddt.n;
	struct bp_mark m = bp_dev_mark(cx);
	float *logits, *resolved, *mean;

	BP_DEV_NEW(logits, (int64_t)n * bins, cx);
	BP_DEV_NEW(mean, n, cx);
	BP_TRY(BP_OP(cx, linear, .rows = n, .k = net->ts, .x = s, .W = &net->plddt, .out = logits));
	BP_TRY(BP_OP(cx, binned_mean, .rows = n, .bins = bins, .tables = 1, .logits = logits, .value = values,
	    .out = mean));
	BP_TRY(bp_dev_download(cx, to, mean, (size_t)n * sizeof *mean));
	if (t->dump) {
		BP_DEV_NEW(resolved, n * 2, cx);
		BP_TRY(BP_OP(cx, linear, .rows = n, .k = net->ts, .x = s, .W = &net->resolved, .out = resolved));
		BP_TRY(dump(t, cx, i, "conf.plddt_logits", logits, BP_SHAPE(t->samples, n, bins)));
		BP_TRY(dump(t, cx, i, "conf.resolved_logits", resolved, BP_SHAPE(t->samples, n, 2)));
	}
	bp_dev_release(cx, m);
	return BP_OK;
}

/* tables: PAE centres and TM terms [2,pae bins], PDE centres [pde bins], pLDDT centres [plddt bins], contact
 * [distogram bins] */
static int
make_tables(const struct target *t, struct bp_ctx *cx, struct inputs *u, int distogram_bins)
{
	const struct bp_confidence_net *net = &t->d->net;
	int pae = net->pae.n, pde = net->pde.n, plddt = net->plddt.n, tokens = 0;
	const void *dev;
	float *v;

	BP_NEW(v, 2 * pae + pde + plddt + distogram_bins, t->mem, cx->err);
	for (int i = 0; i < t->f.n; i++)
		tokens += !t->f.token_mask || t->f.token_mask[i] != 0;
	for (int k = 0; k < pae; k++) {
		v[k] = (float)((k + 0.5) * PAE_MAX / pae);
		v[pae + k] = (float)bp_tm_value(v[k], tokens);
	}
	for (int k = 0; k < pde; k++)
		v[2 * pae + k] = (float)((k + 0.5) * PAE_MAX / pde);
	for (int k = 0; k < plddt; k++)
		v[2 * pae + pde + k] = (float)((k + 0.5) / plddt);
	for (int k = 0; k < distogram_bins; k++)
		v[2 * pae + pde + plddt + k] = k < BP_CONTACT_BINS;
	BP_TRY(bp_dev_upload(cx, &dev, v, (size_t)(2 * pae + pde + plddt + distogram_bins) * sizeof *v));
	u->tables = dev;
	return BP_OK;
}

/* t->contact [N,N] = probability of the distogram's first bins */
static int
find_contacts(struct target *t, struct bp_ctx *cx, const struct inputs *u, int bins)
{
	const struct bp_confidence_net *net = &t->d->net;
	int64_t pairs = (int64_t)t->f.n * t->f.n;
	struct bp_mark m = bp_dev_mark(cx);
	const void *logits;
	float *p;

	BP_TRY(bp_dev_upload(cx, &logits, t->pdistogram->data, (size_t)pairs * bins * sizeof *p));
	BP_DEV_NEW(p, pairs, cx);
	BP_TRY(BP_OP(cx, binned_mean, .rows = pairs, .bins = bins, .tables = 1, .logits = logits,
	    .value = u->tables + 2 * net->pae.n + net->pde.n + net->plddt.n, .out = p));
	BP_TRY(bp_dev_download(cx, t->contact, p, (size_t)pairs * sizeof *p));
	bp_dev_release(cx, m);
	return BP_OK;
}

/* what the pairformer gets of sample i of a target: s [N,ts], z [N,N,tz]; and dist */
static int
start(struct target *t, struct bp_ctx *cx, const struct inputs *u, int i, float *s, float *z)
{
	const struct bp_confidence_net *net = &t->d->net;
	struct bp_mark m = bp_dev_mark(cx);
	int n = t->f.n;
	float *s_in;

	BP_DEV_NEW(s_in, (int64_t)n * net->ts, cx);
	BP_TRY(BP_OP(cx, layer_norm, .rows = n, .c = net->ts, .x = u->s_inputs, .w = &net->in_norm, .b = &net->in_norm_b, .out = s_in));
	BP_TRY(start_single(t, cx, u, s_in, s));
	BP_TRY(start_pair(t, cx, u, s_in, z));
	BP_TRY(add_distances(t, cx, u, i, z));
	bp_dev_release(cx, m);
	BP_TRY(dump(t, cx, i, "conf.s_in", s, BP_SHAPE(t->samples, n, net->ts)));
	return dump(t, cx, i, "conf.z_in", z, BP_SHAPE(t->samples, n, n, net->tz));
}

/* what the heads make of it: rows i of plddt, pae, pde, and tm */
static int
run_heads(struct target *t, struct bp_ctx *cx, const struct inputs *u, int i, const float *s, const float *z)
{
	const struct bp_confidence_net *net = &t->d->net;
	int n = t->f.n;
	size_t pairs = (size_t)n * n;
	float *pae = (float *)t->pae->data + (size_t)i * pairs, *pde = (float *)t->pde->data + (size_t)i * pairs;

	BP_TRY(dump(t, cx, i, "conf.s_out", s, BP_SHAPE(t->samples, n, net->ts)));
	BP_TRY(dump(t, cx, i, "conf.z_out", z, BP_SHAPE(t->samples, n, n, net->tz)));
	BP_TRY(run_pair_head(t, cx, u, i, "conf.pae_logits", false, z, &net->pae, &net->pae_other, 2, u->tables,
	    (float *[]){ pae, t->tm }));
	BP_TRY(run_pair_head(t, cx, u, i, "conf.pde_logits", true, z, &net->pde, &net->pde_other, 1,
	    u->tables + 2 * net->pae.n, (float *[]){ pde }));
	return run_plddt_head(t, cx, i, s, u->tables + 2 * net->pae.n + net->pde.n, (float *)t->plddt->data + (size_t)i * n);
}

/* the network on sample i of each target; mask [members,N] of their tokens */
static int
run_sample(struct target *t, struct bp_ctx *cx, const struct inputs *u, const float *mask, int i)
{
	const struct bp_confidence_net *net = &t->d->net;
	const int n = t->f.n, members = t->members;
	const size_t singles = (size_t)n * net->ts, pairs = (size_t)n * n * net->tz;
	struct bp_mark m = bp_dev_mark(cx);
	int chunk, st;
	float *s, *z;

	BP_DEV_NEW(z, members * pairs, cx);
	BP_DEV_NEW(s, members * singles, cx);
	for (int g = 0; g < members; g++)
		BP_TRY(start(&t[g], cx, &u[g], i, s + g * singles, z + g * pairs));
	chunk = bp_plan_share(cx, n, u->z && cx->device != BP_CPU ? 2 : 1); /* on a CPU the record's z is nothing beside */
	st = bp_pairformer_run(cx, &net->pairformer, members, n, mask, s, z);
	cx->chunk = chunk;
	BP_TRY(st);
	for (int g = 0; g < members; g++)
		BP_TRY(run_heads(&t[g], cx, &u[g], i, s + g * singles, z + g * pairs));
	bp_dev_release(cx, m);
	return BP_OK;
}

static int
score_sample(struct target *t, int i, struct bp_err *err)
{
	size_t pairs = (size_t)t->f.n * t->f.n;
	const struct bp_score_in in = {
		.n = t->f.n,
		.atoms = t->f.atoms,
		.asym_id = t->f.asym_id,
		.mol_type = t->f.mol_type,
		.mask = t->f.token_mask,
		.token = t->f.atom_token,
		.frames = t->f.frames,
		.x = (const float *)t->x->data + (size_t)i * t->f.atoms * 3,
		.plddt = (const float *)t->plddt->data + (size_t)i * t->f.n,
		.pde = (const float *)t->pde->data + (size_t)i * pairs,
		.tm = t->tm,
		.contact = t->contact,
		.dist = t->dist,
	};

	BP_TRY(bp_scores(&t->scores[i], &in, t->mem, err));
	if (!isfinite(t->scores[i].complex_plddt) || !isfinite(t->scores[i].ptm)
	    || !isfinite(t->scores[i].complex_ipde))
		return BP_FAIL(err, BP_ENUM, "are the weights and the trunk of one network?",
		    "the scores of sample %d are not finite", i);
	return BP_OK;
}

static int
upload(struct target *t, struct bp_ctx *cx, struct inputs *u)
{
	int bins = (int)t->pdistogram->shape[3];
	const void *s, *s_inputs, *z = NULL;

	BP_TRY(bp_feats_upload(&u->f, &t->f, cx));
	BP_TRY(bp_dev_upload(cx, &s, t->s->data, (size_t)bp_count(t->s) * sizeof(float)));
	BP_TRY(bp_dev_upload(cx, &s_inputs, t->s_inputs->data, (size_t)bp_count(t->s_inputs) * sizeof(float)));
	BP_TRY(make_tables(t, cx, u, bins));
	BP_TRY(find_contacts(t, cx, u, bins));
	if (t->samples > 1 && !cx->chunk) /* short of memory, each sample fetches it in blocks */
		BP_TRY(bp_dev_upload(cx, &z, t->z->data, (size_t)bp_count(t->z) * sizeof(float)));
	u->s = s, u->s_inputs = s_inputs, u->z = z;
	return BP_OK;
}

/* all that happens on the device, and the scores, sample by sample; with cx->dry the memory of one */
static int
run_samples(void *self, struct bp_ctx *cx)
{
	struct target *t = self;
	struct inputs u[BP_BATCH_MAX];
	const float *mask = NULL;

	if (t->members > 1 && cx->chunk)
		return BP_FAIL(cx->err, BP_EUNSUP, NULL, "blocks of rows are of one target");
	for (int g = 0; g < t->members; g++) {
		BP_TRY(upload(&t[g], cx, &u[g]));
		mask = u[g].f.token_mask;
	}
	if (t->all)
		BP_TRY(bp_feats_upload_mask(&mask, t->all, cx));
	for (int i = 0; i < t->samples; i++) {
		BP_TRY(run_sample(t, cx, u, mask, i));
		if (cx->dry)
			return BP_OK;
		for (int g = 0; g < t->members; g++)
			if (t[g].fault.code == BP_OK && score_sample(&t[g], i, &t[g].fault) == BP_OK)
				t[g].fault.code = BP_OK;
		bp_progress_step(&t->progress, i + 1, t->samples);
	}
	return BP_OK;
}

/* what score_sample works on, of t->samples */
static int
make_scratch(struct target *t, struct bp_err *err)
{
	size_t pairs = (size_t)t->f.n * t->f.n;

	BP_NEW(t->tm, 3 * pairs, t->mem, err);
	t->contact = t->tm + pairs, t->dist = t->contact + pairs;
	BP_NEW(t->scores, t->samples, t->mem, err);
	return BP_OK;
}

static int
read_target(struct target *t, struct bp_err *err)
{
	const struct bp_confidence_net *net = &t->d->net;
	int64_t coords[] = { -1, -1, 3 }, bins[] = { -1, -1, 1, -1 };
	int n;

	BP_TRY(bp_feats_read(&t->f, t->rec, BP_FEATS_TOKEN | BP_FEATS_PAIR | BP_FEATS_ATOM | BP_FEATS_CONFIDENCE,
	    t->mem, err));
	n = t->f.n;
	coords[1] = t->f.atoms;
	bins[0] = bins[1] = n;
	BP_TRY(bp_rec_want(&t->s, t->rec, "s", BP_F32, BP_SHAPE(n, net->ts), err));
	BP_TRY(bp_rec_want(&t->s_inputs, t->rec, "s_inputs", BP_F32, BP_SHAPE(n, net->ts), err));
	BP_TRY(bp_rec_want(&t->z, t->rec, "z", BP_F32, BP_SHAPE(n, n, net->tz), err));
	BP_TRY(bp_rec_want(&t->pdistogram, t->rec, "pdistogram", BP_F32, 4, bins, err));
	BP_TRY(bp_rec_want(&t->x, t->rec, "sample_atom_coords", BP_F32, 3, coords, err));
	if (coords[0] < 1 || coords[0] > 1000000 || bins[3] < 1 || bins[3] > 65536)
		return BP_FAIL(err, BP_EINPUT, NULL, "sample_atom_coords has %lld samples, pdistogram %lld bins",
		    (long long)coords[0], (long long)bins[3]);
	t->samples = (int)coords[0];
	return BP_OK;
}

/* the results beside what was dumped on the way */
static int
dump_results(struct target *t, struct bp_err *err)
{
	BP_TRY(bp_confidence_dump(t->dump, t->rec, err));
	t->d->dumped++;
	return bp_dump_write(t->dump, t->d->o.dump, t->rec->id, "confidence", err);
}

static int
finish(void *stage, void *target, double seconds, size_t peak, struct bp_err *err)
{
	const struct bp_confidence_opt *o = &((struct bp_confidence *)stage)->o;
	struct target *t = target;

	if (t->fault.code != BP_OK) {
		*err = t->fault;
		return t->fault.code;
	}
	BP_TRY(bp_confidence_put(t->rec, t->scores, t->samples, err));
	if (t->dump)
		BP_TRY(dump_results(t, err));
	bp_rec_drop(t->rec, "s_inputs");
	bp_rec_drop(t->rec, "pdistogram");
	if (!o->write_embeddings) {
		bp_rec_drop(t->rec, "s");
		bp_rec_drop(t->rec, "z");
	}
	return bp_stage_sign(t->rec, "confidence", &o->stage, seconds, peak, err);
}

static int
prepare(struct target *t, struct bp_confidence *d, struct bp_rec *rec, struct bp_arena *mem, struct bp_err *err)
{
	*t = (struct target){ .d = d, .rec = rec, .members = 1, .mem = mem };
	BP_TRY(bp_target_check(d->o.dump, rec->id, d->dumped, err));
	BP_TRY(read_target(t, err));
	bp_weights_compare(d->w, rec->meta, rec->id);
	if (d->o.dump)
		BP_TRY(bp_dump_open(&t->dump, mem, err));
	BP_TRY(bp_rec_add(&t->plddt, rec, "plddt", BP_F32, BP_SHAPE(t->samples, t->f.n), err));
	BP_TRY(bp_rec_add(&t->pae, rec, "pae", BP_F32, BP_SHAPE(t->samples, t->f.n, t->f.n), err));
	BP_TRY(bp_rec_add(&t->pde, rec, "pde", BP_F32, BP_SHAPE(t->samples, t->f.n, t->f.n), err));
	return make_scratch(t, err);
}

static int
run(size_t *peak, struct target *t, struct bp_err *err)
{
	struct bp_confidence *d = t->d;
	char size[96], many[32];
	int st;

	snprintf(size, sizeof size, "%s%d tokens, %d atoms", bp_members_label(many, t->members), t->f.n, t->f.atoms);
	bp_progress_open(&t->progress, t->rec->id, "confidence of sample");
	st = bp_plan_run(peak, d->cx, run_samples, t, t->mem, 0, d->o.stage.mem_cap, size,
	    "a higher --mem-cap, or a smaller target", err);
	bp_progress_close(&t->progress);
	BP_TRY(bp_weights_check(d->w, err)); /* what went wrong may come from these */
	return st;
}

int
bp_confidence_run(void *self, struct bp_rec **rec, struct bp_arena *mem, struct bp_out *out, struct bp_err *err)
{
	double start = bp_seconds();
	struct target t;
	size_t peak;

	(void)out;
	BP_TRY(prepare(&t, self, *rec, mem, err));
	BP_TRY(run(&peak, &t, err));
	return finish(self, &t, bp_seconds() - start, peak, err);
}

/* ---- batches ---- */

static int
prepare_member(void *target, void *stage, struct bp_rec *rec, struct bp_err *err)
{
	return prepare(target, stage, rec, rec->mem, err);
}

static const struct bp_feats *
member_feats(const void *target)
{
	return &((const struct target *)target)->f;
}

static int
run_members(size_t *peak, void *stage, void *target, int members, const struct bp_feats *all, struct bp_arena *mem, struct bp_err *err)
{
	struct target *t = target;

	(void)stage, (void)mem;
	for (int i = 1; i < members; i++)
		if (t[i].samples != t->samples)
			return BP_FAIL(err, BP_EUNSUP, NULL, "%s and %s have not as many samples", t->rec->id, t[i].rec->id);
	t->members = members;
	t->all = all;
	return run(peak, t, err);
}

int
bp_confidence_batch(void *self, struct bp_rec *const *member, struct bp_err *fate, int n, struct bp_err *err)
{
	static const struct bp_members_stage p = { sizeof(struct target), prepare_member, member_feats, run_members, finish, NULL };

	return bp_members_run(&p, self, member, fate, n, err);
}

/* ---- without a target ---- */

int
bp_confidence_warm(void *self, int n, int atoms, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_confidence *d = self;
	struct target t = { .d = d, .members = 1, .samples = 1, .mem = mem };
	struct bp_tensor *s, *z, *pdistogram, *x;

	d->cx->err = err;
	BP_TRY(bp_feats_blank(&t.f, BP_FEATS_TOKEN | BP_FEATS_PAIR | BP_FEATS_ATOM | BP_FEATS_CONFIDENCE, n, atoms, mem, err));
	BP_TRY(bp_tensor_new(&s, BP_F32, BP_SHAPE(n, d->net.ts), mem, err));
	BP_TRY(bp_tensor_new(&z, BP_F32, BP_SHAPE(n, n, d->net.tz), mem, err));
	BP_TRY(bp_tensor_new(&pdistogram, BP_F32, BP_SHAPE(n, n, 1, 64), mem, err));
	BP_TRY(bp_tensor_new(&x, BP_F32, BP_SHAPE(1, atoms, 3), mem, err));
	BP_TRY(bp_tensor_new(&t.plddt, BP_F32, BP_SHAPE(1, n), mem, err));
	BP_TRY(bp_tensor_new(&t.pae, BP_F32, BP_SHAPE(1, n, n), mem, err));
	BP_TRY(bp_tensor_new(&t.pde, BP_F32, BP_SHAPE(1, n, n), mem, err));
	BP_TRY(make_scratch(&t, err));
	t.s = t.s_inputs = s, t.z = z, t.pdistogram = pdistogram, t.x = x;
	return run_samples(&t, d->cx);
}

int
bp_confidence_plan(struct bp_planned *ret, void *self, const struct bp_plan_size *size, size_t room, struct bp_arena *mem,
    struct bp_err *err)
{
	struct bp_confidence *d = self;
	int n = size->tokens;
	size_t pairs = (size_t)n * n;
	struct bp_tensor s = { .ndim = 2, .shape = { n, d->net.ts }, .data = ret }, z = { .ndim = 3, .shape = { n, n, d->net.tz }, .data = ret },
		pdistogram = { .ndim = 4, .shape = { n, n, 1, 64 } }, x = { .ndim = 3, .shape = { 1, size->atoms, 3 } }, out = { 0 };
	struct target t = { .d = d, .members = 1, .samples = size->samples, .x = &x, .s = &s, .s_inputs = &s, .z = &z, .pdistogram = &pdistogram, .plddt = &out, .pae = &out,
		.pde = &out, .mem = mem };

	d->cx->err = err;
	BP_TRY(bp_feats_imagine(&t.f, BP_FEATS_TOKEN | BP_FEATS_PAIR | BP_FEATS_ATOM | BP_FEATS_CONFIDENCE, n, size->atoms, 1, 0, mem, err));
	ret->host = (2 * (size_t)size->samples + 3) * pairs * sizeof(float); /* pae and pde of each; tm, contact, dist */
	ret->work = size->samples;
	return bp_plan_fit(ret, d->cx, run_samples, &t, room);
}
