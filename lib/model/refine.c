/* lib/model/refine.c: see refine.h. Contents: opening; a target's atoms and the file's; atoms that the file lacks; what
 * is selected; the start, and the way back. */
#include "model/refine.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "structure/select.h"
#include "structure/superpose.h"

struct bp_refine {
	struct bp_refine_opt o;
	struct bp_sites *file;    /* NULL: init_coords is a folder */
	struct bp_select *select; /* [o.add_noise.n]               */
};

/* Opening ------------------------------------------------------------------------------------------------- */

static int
needs_file(const struct bp_refine_opt *o, struct bp_err *err)
{
	static const struct bp_refine_opt init = BP_REFINE_INIT;
	const char *what = o->add_noise.n                 ? "add-noise"
	    : o->sigma_scale != init.sigma_scale          ? "start-sigma-scale"
	    : o->still                                    ? "no-random-augmentation"
	    : o->rest != init.rest                        ? "non-target-noise-min"
	    : o->rest_range != init.rest_range            ? "non-target-noise-range"
	    : o->whole_residues                           ? "residue-based-selection"
							  : NULL;

	return what ? BP_FAIL(err, BP_EUSAGE, "give --init-coords FILE, too", "--%s: there is no structure to refine", what)
		    : BP_OK;
}

int
bp_refine_open(struct bp_refine **ret, const struct bp_refine_opt *o, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_refine *r;
	struct stat sb;
	int st;

	*ret = NULL;
	if (!o->init_coords)
		return needs_file(o, err);
	BP_NEW(r, 1, mem, err);
	r->o = *o;
	BP_NEW(r->select, o->add_noise.n, mem, err);
	for (int i = 0; i < o->add_noise.n; i++)
		BP_TRY(bp_select_parse(&r->select[i], o->add_noise.v[i], mem, err));
	if (stat(o->init_coords, &sb) != 0)
		return BP_FAIL(err, BP_EUSAGE, NULL, "--init-coords %s: %s", o->init_coords, strerror(errno));
	if (!S_ISDIR(sb.st_mode) && (st = bp_sites_read(&r->file, o->init_coords, BP_ALT_HIGHEST, mem, err)) != BP_OK) {
		bp_err_where(err, "--init-coords");
		return err->code = st == BP_EMEM ? st : BP_EUSAGE;
	}
	if (o->sigma_scale >= 0.5)
		bp_log(BP_LOG_WARN, "--init-coords: the first step adds noise of over 1000 A, nothing of the structure is left "
				    "after it: --start-sigma-scale 0.001 to 0.1 refines");
	*ret = r;
	return BP_OK;
}

/* A target's atoms and the file's ------------------------------------------------------------------------- */

struct match {
	const struct bp_refine *r;
	const struct bp_structure *s;
	const struct bp_sites *file;
	const char *path;
	struct bp_refined *ret;
	float *x, *noise, *moving; /* of ret->start, by the padded atoms' rows */
	double (*at)[3];           /* [s->natoms] A, in the file               */
	bool *found;               /* [s->natoms] is it in the file?           */
	struct bp_arena *mem;
	struct bp_err *err;
};

/* DIR/ID.cif ... */
static int
find_file(struct match *m)
{
	static const char *const ext[] = { "cif", "pdb", "cif.gz", "pdb.gz" };

	m->path = m->r->o.init_coords;
	m->file = m->r->file;
	for (size_t i = 0; !m->file && i < sizeof ext / sizeof *ext; i++) {
		struct bp_sites *file;
		if (!(m->path = bp_sprintf(m->mem, m->err, "%s/%s.%s", m->r->o.init_coords, m->s->id, ext[i])))
			return BP_EMEM;
		if (strchr(m->s->id, '/') || access(m->path, R_OK) != 0)
			continue;
		BP_TRY(bp_sites_read(&file, m->path, BP_ALT_HIGHEST, m->mem, m->err));
		m->file = file;
	}
	return m->file ? BP_OK
		       : BP_FAIL(m->err, BP_EINPUT, NULL, "--init-coords %s: no %s.cif or %s.pdb in it",
			   m->r->o.init_coords, m->s->id, m->s->id);
}

/* the target as a file would name its atoms */
static int
as_sites(struct bp_sites *ret, const struct match *m)
{
	const struct bp_structure *s = m->s;

	*ret = (struct bp_sites){ .n = s->natoms, .n_models = 1 };
	BP_NEW(ret->site, s->natoms, m->mem, m->err);
	for (int i = 0; i < s->natoms; i++) {
		const struct bp_res_row *r = &s->res[s->atom[i].res];
		const struct bp_chain_row *c = &s->chain[r->chain];
		struct bp_site *a = &ret->site[i];

		*a = (struct bp_site){ .chain = c->name, .label_chain = c->name, .res = r->name, .seq = r->seq,
			.label_seq = c->mol_type == BP_NONPOLYMER ? 0 : s->atom[i].res - c->res + 1, .model = 1 };
		snprintf(a->name, sizeof a->name, "%s", s->atom[i].name);
	}
	return BP_OK;
}

/* positions by chain, residue number and atom name */
static int
take_positions(struct match *m)
{
	const struct bp_structure *s = m->s;
	int renamed = 0, first = -1, last = -1;
	struct bp_site_pair *pair;
	struct bp_sites target;

	BP_TRY(as_sites(&target, m));
	BP_TRY(bp_sites_pair(&pair, &m->ret->found, &target, m->file, m->mem, m->err));
	if (!m->ret->found)
		return BP_FAIL(m->err, BP_EINPUT, "chains, residue numbers (from 1) and atom names must agree",
		    "--init-coords %s: none of its atoms (the first: %s %d %s) is one of the target's (%s %d %s ...)",
		    m->path, m->file->site[0].chain, m->file->site[0].seq, m->file->site[0].name, target.site[0].chain,
		    target.site[0].seq, target.site[0].name);
	for (int i = 0; i < m->ret->found; i++) {
		const struct bp_site *a = &target.site[pair[i].a], *b = &m->file->site[pair[i].b];
		int res = s->atom[pair[i].a].res;

		m->found[pair[i].a] = true;
		for (int k = 0; k < 3; k++) {
			if (!(fabs(b->x[k]) <= 1e6))
				return BP_FAIL(m->err, BP_EINPUT, NULL,
				    "--init-coords %s: atom %s %d %s is not within 1e6 A of the origin", m->path, b->chain,
				    b->seq, b->name);
			m->at[pair[i].a][k] = b->x[k];
		}
		if (res != last && s->chain[s->res[res].chain].mol_type != BP_NONPOLYMER && strcmp(a->res, b->res)) {
			first = first < 0 ? pair[i].a : first;
			renamed++;
		}
		last = res;
	}
	if (renamed)
		bp_log(BP_LOG_WARN, "%s: %s: %d residues have another name than in the target, the first is %s %d %s: are they "
				    "numbered alike?",
		    s->id, m->path, renamed, target.site[first].chain, target.site[first].seq, target.site[first].res);
	return BP_OK;
}

/* Atoms that the file lacks ------------------------------------------------------------------------------- */

/* mean of the atoms of [from, from + n) that are in the file; how many */
static int
mean(double x[3], const struct match *m, int from, int n)
{
	int count = 0;

	x[0] = x[1] = x[2] = 0;
	for (int i = from; i < from + n; i++)
		if (m->found[i]) {
			count++;
			for (int k = 0; k < 3; k++)
				x[k] += m->at[i][k];
		}
	for (int k = 0; k < 3 && count; k++)
		x[k] /= count;
	return count;
}

/* the place of residue res, which has no atom in the file: on the line between those before and after it */
static void
between(double x[3], const struct match *m, int res, const double centre[3])
{
	const struct bp_structure *s = m->s;
	const struct bp_chain_row *c = &s->chain[s->res[res].chain];
	double a[3], b[3], t;
	int before = res - 1, after = res + 1;

	while (before >= c->res && !mean(a, m, s->res[before].atom, s->res[before].natoms))
		before--;
	while (after < c->res + c->nres && !mean(b, m, s->res[after].atom, s->res[after].natoms))
		after++;
	if (before < c->res && after >= c->res + c->nres) {
		memcpy(x, centre, 3 * sizeof *x);
		return;
	}
	t = before < c->res ? 1 : after >= c->res + c->nres ? 0 : (double)(res - before) / (after - before);
	for (int k = 0; k < 3; k++)
		x[k] = (t < 1 ? (1 - t) * a[k] : 0) + (t > 0 ? t * b[k] : 0);
}

/* the list of what is missing: "A 1-3, A 17 (OG1 CG2), ..." */
struct list {
	char text[600];
	size_t n;
	int left; /* residues that did not fit */
	const struct bp_structure *s;
	int first, last; /* a run of residues without any atom; -1: none */
};

static void
list_add(struct list *l, const char *text, int residues)
{
	size_t n = strlen(text);

	if (l->left || l->n + n + 3 > sizeof l->text) {
		l->left += residues;
		return;
	}
	l->n += (size_t)snprintf(l->text + l->n, sizeof l->text - l->n, "%s%s", l->n ? ", " : "", text);
}

static void
list_run(struct list *l)
{
	char text[80], to[16] = "";

	if (l->first < 0)
		return;
	if (l->last > l->first)
		snprintf(to, sizeof to, "-%d", l->s->res[l->last].seq);
	snprintf(text, sizeof text, "%s %d%s", l->s->chain[l->s->res[l->first].chain].name, l->s->res[l->first].seq, to);
	list_add(l, text, l->last - l->first + 1);
	l->first = -1;
}

static void
list_residue(struct list *l, const struct match *m, int res, int found)
{
	const struct bp_res_row *r = &m->s->res[res];
	char text[400];
	size_t n;

	if (!found && l->first >= 0 && l->last == res - 1 && m->s->res[res - 1].chain == r->chain) {
		l->last = res;
		return;
	}
	list_run(l);
	if (!found) {
		l->first = l->last = res;
		return;
	}
	n = (size_t)snprintf(text, sizeof text, "%s %d (", m->s->chain[r->chain].name, r->seq);
	for (int i = r->atom; i < r->atom + r->natoms; i++)
		if (!m->found[i] && n + strlen(m->s->atom[i].name) + 2 < sizeof text)
			n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", m->s->atom[i].name, " ");
	text[n - 1] = ')';
	list_add(l, text, 1);
}

/* place what the file lacks, and say so once */
static int
place_missing(struct match *m)
{
	const struct bp_structure *s = m->s;
	struct list l = { .s = s, .first = -1 };
	double centre[3], x[3];

	mean(centre, m, 0, s->natoms);
	for (int r = 0; r < s->nres; r++) {
		const struct bp_res_row *res = &s->res[r];
		int n = mean(x, m, res->atom, res->natoms);
		if (!n)
			between(x, m, r, centre);
		if (n < res->natoms)
			list_residue(&l, m, r, n);
		for (int i = res->atom; i < res->atom + res->natoms; i++)
			if (!m->found[i])
				memcpy(m->at[i], x, sizeof x);
	}
	list_run(&l);
	if (m->ret->found < s->natoms)
		bp_log(BP_LOG_WARN, "%s: %s: %d of %d atoms found; not in it: %s%s%s: these start at the centre of their residue or "
				    "between its neighbours",
		    s->id, m->path, m->ret->found, s->natoms, l.text, l.left ? " and more" : "", "");
	else
		bp_log(BP_LOG_INFO, "%s: %s: all %d atoms found", s->id, m->path, s->natoms);
	return BP_OK;
}

/* the sampler's start: around the centre of all atoms */
static void
centre(struct match *m)
{
	const struct bp_structure *s = m->s;
	double c[3] = { 0 };

	for (int i = 0; i < s->natoms; i++)
		for (int k = 0; k < 3; k++)
			c[k] += m->at[i][k] / s->natoms;
	for (int i = 0; i < s->natoms; i++)
		for (int k = 0; k < 3; k++)
			m->x[3 * s->atom[i].place + k] = (float)(m->at[i][k] - c[k]);
}

/* What is selected ---------------------------------------------------------------------------------------- */

/* noise and moving of all atoms. Noises of several selections are independent: their variances add. */
static int
select_atoms(struct match *m, double sigma)
{
	const struct bp_structure *s = m->s;
	int n = m->r->o.add_noise.n;
	bool *in;

	for (int64_t p = 0; p < s->nplaces && n == 0; p++) { /* padding, too, as without refinement */
		m->noise[p] = (float)sigma;
		m->moving[p] = 1;
	}
	m->ret->selected = n ? 0 : s->natoms;
	for (int k = 0; k < n; k++) {
		const struct bp_select *q = &m->r->select[k];
		BP_NEW(in, s->natoms, m->mem, m->err);
		BP_TRY(bp_select_atoms(in, q, s, (const double (*)[3])m->at, m->r->o.whole_residues, m->mem, m->err));
		for (int i = 0; i < s->natoms; i++)
			if (in[i]) {
				float *noise = &m->noise[s->atom[i].place], *moving = &m->moving[s->atom[i].place];
				*noise = (float)hypot(*noise, q->noise);
				m->ret->selected += *moving == 0;
				*moving = 1;
			}
	}
	return BP_OK;
}

/* The start, and the way back ----------------------------------------------------------------------------- */

/* which atoms tell the frame, before the missing ones become moving */
static int
choose_frame(struct match *m)
{
	const struct bp_structure *s = m->s;
	int64_t *place;
	double (*at)[3];
	int n = 0, still = 0;

	for (int i = 0; i < s->natoms; i++)
		still += m->found[i] && m->moving[s->atom[i].place] == 0;
	BP_NEW(place, m->ret->found, m->mem, m->err);
	BP_NEW(at, m->ret->found, m->mem, m->err);
	for (int i = 0; i < s->natoms; i++)
		if (m->found[i] && (still < 3 || m->moving[s->atom[i].place] == 0)) {
			place[n] = s->atom[i].place;
			memcpy(at[n++], m->at[i], sizeof *at);
		}
	m->ret->n = n;
	m->ret->place = place;
	m->ret->at = (const double (*)[3])at;
	return BP_OK;
}

int
bp_refine_target(struct bp_refined **ret, const struct bp_refine *r, const struct bp_rec *rec, double sigma,
    struct bp_err *err)
{
	struct match m = { .r = r, .mem = rec->mem, .err = err };
	struct bp_structure *s;

	*ret = NULL;
	BP_TRY(bp_structure_read(&s, rec, err));
	m.s = s;
	BP_NEW(m.ret, 1, m.mem, err);
	BP_NEW(m.x, 3 * s->nplaces, m.mem, err);
	BP_NEW(m.noise, s->nplaces, m.mem, err);
	BP_NEW(m.moving, s->nplaces, m.mem, err);
	BP_NEW(m.at, s->natoms, m.mem, err);
	BP_NEW(m.found, s->natoms, m.mem, err);
	BP_TRY(find_file(&m));
	BP_TRY(take_positions(&m));
	BP_TRY(place_missing(&m));
	centre(&m);
	BP_TRY(select_atoms(&m, sigma));
	BP_TRY(choose_frame(&m));
	for (int i = 0; i < s->natoms; i++)
		if (!m.found[i])
			m.moving[s->atom[i].place] = 1;
	bp_log(BP_LOG_INFO, "%s: %d of %d atoms are refined", s->id, m.ret->selected, s->natoms);
	m.ret->atoms = s->natoms;
	m.ret->file = m.path;
	m.ret->start = (struct bp_start){ m.x, m.noise, m.moving, r->o.rest, r->o.rest_range };
	*ret = m.ret;
	return BP_OK;
}

int
bp_refine_restore(const struct bp_refined *r, struct bp_tensor *coords, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_mark mark = bp_arena_mark(mem);
	int64_t rows = coords->shape[1];
	struct bp_rigid move;
	double (*from)[3], rmsd;

	BP_NEW(from, r->n, mem, err);
	for (int64_t b = 0; b < coords->shape[0]; b++) {
		float *x = (float *)coords->data + 3 * b * rows;
		for (int i = 0; i < r->n; i++)
			for (int k = 0; k < 3; k++)
				from[i][k] = (double)x[3 * r->place[i] + k];
		BP_TRY(bp_superpose(&move, &rmsd, (const double (*)[3])from, r->at, r->n, err));
		for (int64_t i = 0; i < rows; i++) {
			const double p[3] = { x[3 * i], x[3 * i + 1], x[3 * i + 2] };
			for (int k = 0; k < 3; k++)
				x[3 * i + k] = (float)(move.r[k][0] * p[0] + move.r[k][1] * p[1] + move.r[k][2] * p[2] + move.t[k]);
		}
	}
	bp_arena_release(mem, mark);
	return BP_OK;
}
