/* lib/guide/report.c: contents: names; files of a model; one model; files; mixtures. */
#include "guide/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/main.h"
#include "base/newfile.h"
#include "guide/pr.h"

enum { LABEL = 256 };

struct report {
	struct bp_scorer *s;
	const struct bp_report_opt *o;
	const struct bp_ccd *ccd;
	struct bp_arena *mem, *all; /* of a file; of the run */
	struct bp_err *err;
	/* of all models, for mixtures */
	double *P, *mean_volume; /* [models,BP_PROFILES,nq], [models] */
	const char **label;
	int models, room;
};

/* ---- names ---- */

/* "x" of "dir/x.pdb.gz" */
static void
base_name(char buf[LABEL], const char *path)
{
	static const char *const ends[] = { ".gz", ".pdb", ".ent", ".cif", ".mmcif" };
	const char *slash = strrchr(path, '/');
	size_t n;

	snprintf(buf, LABEL - 32, "%s", slash ? slash + 1 : path);
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		n = strlen(buf);
		if (n > strlen(ends[i]) && !strcmp(buf + n - strlen(ends[i]), ends[i]))
			buf[n - strlen(ends[i])] = 0;
	}
}

static bool
have_gnuplot(void)
{
	const char *path = getenv("PATH");
	char name[4096];

	for (const char *p = path; p && *p; p += strcspn(p, ":"), p += *p == ':') {
		snprintf(name, sizeof name, "%.*s/gnuplot", (int)strcspn(p, ":"), p);
		if (access(name, X_OK) == 0)
			return true;
	}
	return false;
}

int
bp_report_check(const struct bp_report_opt *o, const char *const *path, int n, struct bp_arena *mem, struct bp_err *err)
{
	char(*name)[LABEL];

	if (o->plot && !o->dir)
		return BP_FAIL(err, BP_EUSAGE, "--out-dir DIR", "--plot: no folder for the plots is given");
	if (o->plot && !have_gnuplot())
		return BP_FAIL(err, BP_EUNSUP, "apt-get install gnuplot-nox, or leave out --plot",
		    "--plot: gnuplot is not installed");
	if (!o->dir)
		return BP_OK;
	BP_NEW(name, n, mem, err);
	for (int i = 0; i < n; i++) {
		base_name(name[i], path[i]);
		for (int k = 0; k < i; k++)
			if (!strcmp(name[k], name[i]))
				return BP_FAIL(err, BP_EUSAGE, "score them one by one",
				    "%s and %s: both would write %s/%s.fit", path[k], path[i], o->dir, name[i]);
	}
	if (mkdir(o->dir, 0777) != 0 && errno != EEXIST)
		return BP_FAIL(err, BP_EUSAGE, NULL, "%s: %s", o->dir, strerror(errno));
	return BP_OK;
}

int
bp_report_line(const struct bp_val *v, struct bp_err *err)
{
	if (!v)
		return BP_EMEM;
	if (bp_json_write(stdout, v, 0) == BP_OK)
		putchar('\n');
	return bp_stdout_flush(err);
}

/* ---- files of a model ---- */

static int
put_fit(const struct report *r, const char *label, const char *title, const struct bp_fit *f, const double *fitted)
{
	const struct bp_curve *c = r->s->curve;
	struct bp_newfile n;
	char *path = bp_sprintf(r->mem, r->err, "%s/%s.fit", r->o->dir, label);

	if (!path)
		return BP_EMEM;
	BP_TRY(bp_newfile_open(&n, path, r->mem, r->err));
	fprintf(n.f, "# %s: fit of %s to %s\n", title, r->s->p.model, c->path);
	fprintf(n.f, "# chi2_reduced %.8g, chi2 %.8g, scale %.8g, offset %.8g, c1 %.6g, c2 %.6g, points %d\n",
	    f->chi2_reduced, f->chi2, f->scale, f->offset, f->c1, f->c2, c->n);
	fprintf(n.f, "# q (1/A)       I             sigma         fit\n");
	for (int k = 0; k < c->n; k++)
		fprintf(n.f, "%.8e %.8e %.8e %.8e\n", c->q[k], c->i[k], c->sigma[k], fitted[k]);
	return bp_newfile_end(&n, r->err);
}

/* P(r) of the contrast, in steps of half an angstrom */
static int
put_pr(const struct report *r, const char *label, const char *title, const struct bp_score *score, const double *y,
    const double *exposed)
{
	const double h = 0.5;
	const int bins = (int)(score->dmax / h) + 3, n = r->s->particle->n;
	struct bp_newfile f;
	double *p, *w;
	char *path = bp_sprintf(r->mem, r->err, "%s/%s_pr.dat", r->o->dir, label);

	if (!path)
		return BP_EMEM;
	BP_NEW(p, bins, r->mem, r->err);
	BP_NEW(w, n, r->mem, r->err);
	bp_score_contrast(w, r->s->particle, &score->fit, r->s->o.fit.level, exposed);
	bp_pr(p, bins, h, y, w, n);
	BP_TRY(bp_newfile_open(&f, path, r->mem, r->err));
	fprintf(f.f, "# %s: distances between atoms, weighted by their contrast; from the coordinates\n", title);
	fprintf(f.f, "# dmax %.3f A, Rg %.3f A\n# r (A)  P(r) (1/A)\n", score->dmax, score->rg_calculated);
	for (int k = 0; k < bins; k++)
		fprintf(f.f, "%.2f %.8e\n", k * h, p[k]);
	return bp_newfile_end(&f, r->err);
}

/* 'text' for gnuplot: within single quotes a quote is doubled */
static const char *
quoted(char buf[2 * LABEL + 4096], const char *text)
{
	size_t n = 0;

	for (; *text && n < 2 * LABEL + 4090; text++) {
		if (*text == '\'')
			buf[n++] = '\'';
		buf[n++] = (unsigned char)*text < ' ' ? '?' : *text;
	}
	buf[n] = 0;
	return buf;
}

/* NAME.svg from NAME.fit: the fit, and the residuals in errors below it */
static int
plot(const struct report *r, const char *label, const char *title, double chi2)
{
	char data[2 * LABEL + 4096], text[2 * LABEL + 4096];
	FILE *f = popen("gnuplot", "w");

	if (!f)
		return BP_FAIL(r->err, BP_EIO, NULL, "gnuplot: %s", strerror(errno));
	fprintf(f, "set terminal %s size 800,700\n", strcmp(r->o->plot, "png") ? r->o->plot : "pngcairo");
	fprintf(f, "set output '%s/", quoted(data, r->o->dir));
	fprintf(f, "%s.%s'\n", quoted(data, label), r->o->plot);
	fprintf(f, "file = '%s/", quoted(data, r->o->dir));
	fprintf(f, "%s.fit'\n", quoted(data, label));
	fprintf(f, "set multiplot\nset lmargin 12\nset title '%s: chi2 %.3f' noenhanced\n", quoted(text, title), chi2);
	fprintf(f, "set origin 0,0.32\nset size 1,0.68\nset logscale y\nset format y '%%.0e'\nset ylabel 'I(q)'\n");
	fprintf(f,
	    "plot file using 1:($2 > 0 ? $2 : 1/0):3 with yerrorbars pt 7 ps 0.3 lc rgb '#888888' title 'measured', "
	    "file using 1:($4 > 0 ? $4 : 1/0) with lines lw 2 lc rgb '#c02020' title 'model'\n");
	fprintf(f,
	    "unset title\nset origin 0,0\nset size 1,0.32\nunset logscale\nset format y '%%g'\n"
	    "set ylabel 'residual / sigma'\nset xlabel 'q (1/Angstrom)'\n");
	fprintf(f,
	    "plot file using 1:(($2-$4)/$3) with points pt 7 ps 0.3 lc rgb '#2040a0' notitle, "
	    "0 with lines lc rgb '#000000' notitle\nunset multiplot\n");
	if (pclose(f) != 0)
		return BP_FAIL(r->err, BP_EIO, NULL, "%s/%s.%s: gnuplot failed", r->o->dir, label, r->o->plot);
	return BP_OK;
}

/* ---- one model ---- */

/* keep its profiles for the mixture */
static int
keep_profiles(struct report *r, const char *label, const double *x, const double *exposed)
{
	const size_t size = BP_PROFILES * (size_t)r->s->curve->n;

	if (r->models == r->room) {
		int room = r->room ? 2 * r->room : 16;
		double *P, *v;
		const char **l;
		BP_NEW(P, (size_t)room * size, r->all, r->err);
		BP_NEW(v, room, r->all, r->err);
		BP_NEW(l, room, r->all, r->err);
		if (r->models) {
			memcpy(P, r->P, (size_t)r->models * size * sizeof *P);
			memcpy(v, r->mean_volume, (size_t)r->models * sizeof *v);
			memcpy(l, r->label, (size_t)r->models * sizeof *l);
		}
		r->P = P, r->mean_volume = v, r->label = l, r->room = room;
	}
	BP_TRY(bp_saxs_profiles(r->P + (size_t)r->models * size, r->s->saxs, x, exposed));
	r->mean_volume[r->models] = r->s->particle->mean_volume;
	if (!(r->label[r->models] = bp_strdup(r->all, label, r->err)))
		return BP_EMEM;
	r->models++;
	return BP_OK;
}

/* what is more than numbers of one model: its files, its part in the mixture */
static int
keep_model(struct report *r, const char *label, const char *title, const struct bp_atoms *a,
    const struct bp_score *score, const double *fitted)
{
	const struct bp_particle *p = r->s->particle;
	double *exposed = NULL, *y, radius;

	BP_NEW(y, 3 * (size_t)p->n, r->mem, r->err);
	BP_TRY(bp_particle_centre(y, &radius, p, a->x, r->err));
	if (r->s->o.fit.level == BP_SAXS_HYDRATION) {
		BP_NEW(exposed, p->n, r->mem, r->err);
		BP_TRY(bp_saxs_expose(exposed, r->s->saxs, 1, a->x, r->mem, r->err));
	}
	if (r->o->ensemble)
		BP_TRY(keep_profiles(r, title, a->x, exposed));
	if (!r->o->dir)
		return BP_OK;
	BP_TRY(put_fit(r, label, title, &score->fit, fitted));
	BP_TRY(put_pr(r, label, title, score, y, exposed));
	return r->o->plot ? plot(r, label, title, score->fit.chi2_reduced) : BP_OK;
}

int
bp_report_begin(struct bp_val **line, const char *path, int model, const struct bp_val *numbers, struct bp_arena *mem,
    struct bp_err *err)
{
	*line = bp_val_map(mem, err);
	BP_TRY(bp_val_set(*line, "file", bp_val_str(mem, path, err), mem, err));
	BP_TRY(bp_val_set(*line, "sample", bp_val_int(mem, model, err), mem, err));
	for (size_t i = 0; i < numbers->n; i++)
		BP_TRY(bp_val_pair(*line, numbers->u.item[2 * i], numbers->u.item[2 * i + 1], mem, err));
	return BP_OK;
}

static int
one_model(void *self, const char *path, const struct bp_sites *sites, int first, int n, struct bp_arena *mem,
    struct bp_err *err)
{
	struct report *r = self;
	const int model = sites->site[first].model;
	const bool several = n < sites->n;
	char name[LABEL], label[LABEL + 16], title[LABEL + 32];
	struct bp_val *line, *numbers;
	struct bp_score score;
	struct bp_atoms *a;
	double *fitted;

	r->mem = mem, r->err = err;
	r->s->cx->err = err;
	base_name(name, path);
	snprintf(label, sizeof label, several ? "%s_%d" : "%s", name, model);
	snprintf(title, sizeof title, several ? "%s model %d" : "%s", name, model);
	BP_TRY(bp_atoms_of_sites(&a, sites, first, n, r->ccd, mem, err));
	BP_NEW(fitted, r->s->curve->n, mem, err);
	BP_TRY(bp_score_atoms(&score, fitted, r->s, a, mem, err));
	if (!(numbers = bp_score_val(&score, r->s, mem, err)))
		return BP_EMEM;
	BP_TRY(bp_report_begin(&line, path, model, numbers, mem, err));
	if (r->o->dir || r->o->ensemble)
		BP_TRY(keep_model(r, label, title, a, &score, fitted));
	return bp_report_line(line, err);
}

/* ---- files ---- */

static int
one_file(const char *path, bp_report_fn *each, void *self, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_sites *sites;

	BP_TRY(bp_sites_read(&sites, path, BP_ALT_FIRST, mem, err));
	for (int first = 0, n; first < sites->n; first += n) {
		struct bp_mark mark = bp_arena_mark(mem);
		int st;
		n = bp_sites_model(sites, first);
		if ((st = each(self, path, sites, first, n, mem, err)) != BP_OK) {
			if (n < sites->n)
				bp_err_where(err, "%s: model %d", path, sites->site[first].model);
			else
				bp_err_where(err, "%s", path);
			return st;
		}
		bp_arena_release(mem, mark);
	}
	return BP_OK;
}

static int
tell_failure(const char *path, const struct bp_err *why, struct bp_arena *mem, struct bp_err *err)
{
	const char *const pair[][2]
	    = { { "file", path }, { "status", "failed" }, { "error", why->msg }, { "hint", why->hint } };
	struct bp_val *line = bp_val_map(mem, err);

	bp_log_err(why);
	for (size_t i = 0; i < sizeof pair / sizeof *pair; i++)
		if (*pair[i][1])
			BP_TRY(bp_val_set(line, pair[i][0], bp_val_str(mem, pair[i][1], err), mem, err));
	return bp_report_line(line, err);
}

int
bp_report_each(int *failed, const char *const *path, int n, bp_report_fn *each, void *self, struct bp_err *err)
{
	struct bp_arena *mem = NULL;
	int st = bp_arena_open(&mem, 0, err);

	*failed = 0;
	for (int i = 0; i < n && st == BP_OK; i++) {
		struct bp_err why = { 0 };
		if (one_file(path[i], each, self, mem, &why) != BP_OK) {
			++*failed;
			st = tell_failure(path[i], &why, mem, err);
		}
		bp_arena_reset(mem);
	}
	bp_arena_close(mem);
	return st;
}

/* ---- mixtures ---- */

static int
mixture(struct report *r)
{
	struct bp_val *line = bp_val_map(r->mem, r->err), *list = bp_val_arr(r->mem, r->err);
	struct bp_ensemble e;
	struct bp_cormap map;
	double *weights, *fitted, *left;

	BP_NEW(weights, r->models, r->mem, r->err);
	BP_NEW(fitted, 2 * (size_t)r->s->curve->n, r->mem, r->err);
	left = fitted + r->s->curve->n;
	BP_TRY(bp_ensemble_fit(
	    &e, weights, fitted, r->P, r->mean_volume, r->models, r->s->curve, &r->s->o.fit, r->mem, r->err));
	for (int k = 0; k < r->s->curve->n; k++)
		left[k] = r->s->curve->i[k] - fitted[k];
	bp_cormap(&map, left, r->s->curve->n);
	const struct {
		const char *key;
		double x;
	} reals[] = { { "chi2", e.fit.chi2 }, { "chi2_reduced", e.fit.chi2_reduced }, { "scale_factor", e.fit.scale },
		{ "shift_parameter", e.fit.offset }, { "c1", e.fit.c1 }, { "c2", e.fit.c2 }, { "cormap_p", map.p } };
	for (size_t i = 0; i < sizeof reals / sizeof *reals; i++)
		BP_TRY(bp_val_set(line, reals[i].key, bp_val_real(r->mem, reals[i].x, r->err), r->mem, r->err));
	BP_TRY(bp_val_set(line, "ensemble", list, r->mem, r->err));
	for (int i = 0; i < r->models; i++) {
		struct bp_val *one = bp_val_map(r->mem, r->err);
		if (!(weights[i] > 0))
			continue;
		BP_TRY(bp_val_push(list, one, r->mem, r->err));
		BP_TRY(bp_val_set(one, "model", bp_val_str(r->mem, r->label[i], r->err), r->mem, r->err));
		BP_TRY(bp_val_set(one, "weight", bp_val_real(r->mem, weights[i], r->err), r->mem, r->err));
	}
	if (r->o->dir) {
		BP_TRY(put_fit(r, "ensemble", "mixture", &e.fit, fitted));
		if (r->o->plot)
			BP_TRY(plot(r, "ensemble", "mixture", e.fit.chi2_reduced));
	}
	return bp_report_line(line, r->err);
}

int
bp_report_files(int *failed, struct bp_scorer *s, const struct bp_report_opt *o, const char *const *path, int n,
    const struct bp_ccd *ccd, struct bp_err *err)
{
	struct report r = { .s = s, .o = o, .ccd = ccd };
	int st;

	BP_TRY(bp_arena_open(&r.all, 0, err));
	if ((st = bp_report_each(failed, path, n, one_model, &r, err)) == BP_OK && o->ensemble && r.models) {
		r.mem = r.all, r.err = err;
		st = mixture(&r);
	}
	bp_arena_close(r.all);
	return st;
}
