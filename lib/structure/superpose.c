#include "structure/superpose.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ops/rotation.h"

int
bp_superpose(struct bp_rigid *ret, double *rmsd, const double (*mobile)[3], const double (*target)[3], int n,
    struct bp_err *err)
{
	double ca[3] = { 0 }, cb[3] = { 0 }, h[3][3] = { { 0 } }, sum = 0;

	*ret = (struct bp_rigid){ 0 };
	*rmsd = NAN;
	if (n < 1)
		return BP_FAIL(err, BP_EINPUT, NULL, "no points to superpose");
	for (int i = 0; i < n; i++)
		for (int k = 0; k < 3; k++) {
			ca[k] += mobile[i][k] / n;
			cb[k] += target[i][k] / n;
		}
	for (int i = 0; i < n; i++)
		for (int j = 0; j < 3; j++)
			for (int k = 0; k < 3; k++)
				h[j][k] += (target[i][j] - cb[j]) * (mobile[i][k] - ca[k]);
	for (int j = 0; j < 3; j++)
		for (int k = 0; k < 3; k++)
			if (!isfinite(h[j][k]))
				return BP_FAIL(err, BP_ENUM, NULL, "a coordinate to superpose is not finite");
	bp_best_rotation(ret->r, h);
	for (int k = 0; k < 3; k++)
		ret->t[k] = cb[k] - ret->r[k][0] * ca[0] - ret->r[k][1] * ca[1] - ret->r[k][2] * ca[2];
	for (int i = 0; i < n; i++)
		for (int k = 0; k < 3; k++) {
			const double *x = mobile[i], *r = ret->r[k];
			double d = r[0] * x[0] + r[1] * x[1] + r[2] * x[2] + ret->t[k] - target[i][k];
			sum += d * d;
		}
	*rmsd = sqrt(sum / n);
	return BP_OK;
}

struct key {
	const struct bp_site *s;
	const char *chain;
	int seq;
};

static int
by_name(const void *pa, const void *pb)
{
	const struct key *a = pa, *b = pb;
	int c = strcmp(a->chain, b->chain);

	if (!c)
		c = (a->seq > b->seq) - (a->seq < b->seq);
	if (!c)
		c = a->s->icode - b->s->icode;
	return c ? c : strcmp(a->s->name, b->s->name);
}

static bool
counts(const struct bp_sites *s, int i)
{
	return s->site[i].element != 1 && s->site[i].model == s->site[0].model;
}

static struct key
key_of(const struct bp_site *s, bool label)
{
	return label ? (struct key){ s, s->label_chain, s->label_seq } : (struct key){ s, s->chain, s->seq };
}

/* pairs by one kind of names */
static int
pair_by(struct bp_site_pair *p, bool label, const struct bp_sites *a, const struct bp_sites *b, struct key *keys)
{
	size_t nb = 0;
	int n = 0;

	for (int i = 0; i < b->n; i++)
		if (counts(b, i))
			keys[nb++] = key_of(&b->site[i], label);
	qsort(keys, nb, sizeof *keys, by_name);
	for (int i = 0; i < a->n; i++) {
		struct key k = key_of(&a->site[i], label), *hit;

		if (counts(a, i) && (hit = bsearch(&k, keys, nb, sizeof *keys, by_name)))
			p[n++] = (struct bp_site_pair){ i, (int)(hit->s - b->site) };
	}
	return n;
}

int
bp_sites_pair(struct bp_site_pair **ret, int *n, const struct bp_sites *a, const struct bp_sites *b,
    struct bp_arena *mem, struct bp_err *err)
{
	struct bp_site_pair *label;
	struct key *keys;
	int more;

	*n = 0;
	BP_NEW(*ret, a->n, mem, err);
	BP_NEW(label, a->n, mem, err);
	BP_NEW(keys, b->n, mem, err);
	*n = pair_by(*ret, false, a, b, keys);
	if ((more = pair_by(label, true, a, b, keys)) > *n) {
		*ret = label;
		*n = more;
	}
	return BP_OK;
}

int
bp_sites_rmsd(struct bp_rmsd *ret, const struct bp_sites *a, const struct bp_sites *b, struct bp_arena *mem,
    struct bp_err *err)
{
	struct bp_site_pair *p;
	double(*x)[3], (*y)[3];
	int n;

	*ret = (struct bp_rmsd){ 0 };
	BP_TRY(bp_sites_pair(&p, &n, a, b, mem, err));
	for (int i = 0; i < a->n; i++)
		ret->heavy_a += counts(a, i);
	for (int i = 0; i < b->n; i++)
		ret->heavy_b += counts(b, i);
	if (n < 3)
		return BP_FAIL(err, BP_EINPUT, "they must agree in chain names, residue numbers and atom names",
		    "%d atoms are in both structures, at least 3 are wanted", n);
	BP_NEW(x, n, mem, err);
	BP_NEW(y, n, mem, err);
	for (int i = 0; i < n; i++) {
		memcpy(x[i], a->site[p[i].a].x, sizeof x[i]);
		memcpy(y[i], b->site[p[i].b].x, sizeof y[i]);
	}
	ret->paired = n;
	return bp_superpose(&ret->move, &ret->rmsd, (const double(*)[3])x, (const double(*)[3])y, n, err);
}
