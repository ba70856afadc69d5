/* lib/model/guides.c: contents: options; a target's guides; sweeps. */
#include "model/guides.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "guide/score.h"
#include "input/schema.h"

struct bp_guides {
	struct bp_guides_opt o;
	struct bp_guide_params *given; /* by --guide */
	int n;
	bool none;         /* --guide none: leave the input files' out */
	int sweep_section; /* BP_GUIDE_SAXS ...; 0: no sweep           */
	const char *sweep_key, **value;
	int values;
	bool warned; /* of a key without effect */
	struct bp_execs execs;
};

/* ---- options ---- */

static const struct {
	const char *name;
	int section;
} kinds[] = { { "saxs", BP_GUIDE_SAXS }, { "rg", BP_GUIDE_RG }, { "exec", BP_GUIDE_EXEC } };

static const char *
kind_name(int section)
{
	return section == BP_GUIDE_SAXS ? "saxs" : section == BP_GUIDE_RG ? "rg" : "exec";
}

static int
bad_sweep(const char *text, struct bp_err *err)
{
	return BP_FAIL(err, BP_EUSAGE, "KIND.KEY=VALUE,VALUE,... as in saxs.weight=0,0.1,1",
	    "--sweep %.200s: not understood", text);
}

/* KIND.KEY=V,V,... */
static int
read_sweep(struct bp_guides *g, const char *spec, struct bp_arena *mem, struct bp_err *err)
{
	char *text = bp_strdup(mem, spec, err), *key, *values;
	struct bp_guide_params probe;
	int room = 1;

	if (!text)
		return BP_EMEM;
	if (!(key = strchr(text, '.')) || !(values = strchr(key, '=')))
		return bad_sweep(spec, err);
	*key++ = *values++ = 0;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(text, kinds[i].name) == 0)
			g->sweep_section = kinds[i].section;
	if (!g->sweep_section)
		return bad_sweep(spec, err);
	for (const char *p = values; *p; p++)
		room += *p == ',';
	BP_NEW(g->value, room, mem, err);
	g->sweep_key = key;
	while (values) {
		char *next = strchr(values, ',');
		if (next)
			*next++ = 0;
		for (int i = 0; i < g->values; i++)
			if (strcmp(g->value[i], values) == 0)
				return BP_FAIL(err, BP_EUSAGE, NULL, "--sweep %.200s: %s is there twice", spec, values);
		bp_guide_defaults(&probe, g->sweep_section);
		if (strchr(values, '/') || bp_guide_set(&probe, key, values, mem, err) != BP_OK) {
			if (strchr(values, '/'))
				return bad_sweep(spec, err); /* it becomes part of a file's name */
			bp_err_where(err, "--sweep %.200s", spec);
			return err->code;
		}
		g->value[g->values++] = values;
		values = next;
	}
	return BP_OK;
}

/* read a guide's curve and tell what was read */
static int
tell_curve(const struct bp_guide_params *p, struct bp_arena *mem, struct bp_err *err)
{
	const char *curve = p->section == BP_GUIDE_SAXS ? p->experimental_data : p->saxs_file_path;
	struct bp_mark mark = bp_arena_mark(mem);
	struct bp_curve_opt o;
	struct bp_curve *c;

	if (!curve)
		return BP_OK;
	bp_guide_curve_opt(&o, p);
	BP_TRY(bp_curve_read(&c, curve, &o, mem, err));
	bp_curve_tell(c, mem);
	bp_arena_release(mem, mark);
	return BP_OK;
}

/* a file of the command line that cannot be read is wrong use, not the fault of a target */
static int
try_files(const struct bp_guide_params *p, struct bp_arena *mem, struct bp_err *err)
{
	if (tell_curve(p, mem, err) != BP_OK)
		return err->code = BP_EUSAGE;
	if (p->reference_pdb_path && access(p->reference_pdb_path, R_OK) != 0 && !(p->target_rg > 0))
		return BP_FAIL(err, BP_EUSAGE, NULL, "%s: %s", p->reference_pdb_path, strerror(errno));
	return BP_OK;
}

int
bp_guides_open(struct bp_guides **ret, const struct bp_guides_opt *o, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_guides *g;
	FILE *f;

	*ret = NULL;
	BP_NEW(g, 1, mem, err);
	g->o = *o;
	g->execs.wire = o->wire;
	BP_NEW(g->given, o->guide.n, mem, err);
	for (int i = 0; i < o->guide.n; i++)
		if (strcmp(o->guide.v[i], "none") == 0)
			g->none = true;
		else {
			BP_TRY(bp_guide_from_spec(&g->given[g->n], o->guide.v[i], mem, err));
			BP_TRY(try_files(&g->given[g->n++], mem, err));
		}
	if (o->sweep)
		BP_TRY(read_sweep(g, o->sweep, mem, err));
	if (o->log && (!(f = fopen(o->log, "w")) || fclose(f) != 0)) /* lines are appended to it */
		return BP_FAIL(err, BP_EUSAGE, NULL, "--guide-log: %s: %s", o->log, strerror(errno));
	*ret = g;
	return BP_OK;
}

void
bp_guides_close(struct bp_guides *g)
{
	if (g)
		bp_execs_close(&g->execs);
}

/* ---- a target's guides ---- */

/* files that the input file names are looked for beside it, too */
static int
find_files(struct bp_guide_params *p, const char *source, struct bp_arena *mem, struct bp_err *err)
{
	const char **file[] = { &p->experimental_data, &p->saxs_file_path, &p->reference_pdb_path };
	const char *path;

	for (size_t i = 0; source && i < sizeof file / sizeof *file; i++)
		if (*file[i]) {
			if (bp_input_beside(&path, source, *file[i], mem, err))
				*file[i] = path;
			else if (!path)
				return BP_EMEM; /* one that is nowhere is named as it was given */
		}
	return BP_OK;
}

static bool
has_kind(const struct bp_guide_params *p, int n, int section)
{
	while (n > 0 && p[n - 1].section != section)
		n--;
	return n > 0;
}

/* what options of the run and the sweep make of a guide */
static int
adjust(struct bp_guide_params *p, struct bp_guides *g, int i, struct bp_arena *mem, struct bp_err *err)
{
	if (p->unused && !g->warned) {
		bp_log(BP_LOG_WARN, "guidance: without effect: %s", p->unused);
		g->warned = true;
	}
	if (g->o.direct && p->section == BP_GUIDE_SAXS)
		p->method = "direct";
	if (g->o.one_by_one && p->section == BP_GUIDE_SAXS && strcmp(p->gradient_method, "finite_diff_batch") == 0)
		p->gradient_method = "finite_diff";
	if (g->values && p->section == g->sweep_section)
		BP_TRY(bp_guide_set(p, g->sweep_key, g->value[i], mem, err));
	return BP_OK;
}

int
bp_guides_of(struct bp_guide_params **ret, int *n, struct bp_guides *g, const struct bp_rec *rec, int i,
    struct bp_arena *mem, struct bp_err *err)
{
	const char *source = bp_val_cstr(bp_val_get(rec->meta, "source"), NULL);
	struct bp_guide_params *own, *p;
	int owned = 0;

	if (!g->none)
		BP_TRY(bp_guide_section(&own, &owned, bp_val_get(rec->meta, "guidance"), false, mem, err));
	BP_NEW(p, g->n + owned, mem, err);
	memcpy(p, g->given, (size_t)g->n * sizeof *p);
	*n = g->n;
	for (int k = 0; k < owned; k++)
		if (!has_kind(g->given, g->n, own[k].section)) {
			BP_TRY(find_files(&own[k], source, mem, err));
			if (i == 0)
				BP_TRY(tell_curve(&own[k], mem, err));
			p[(*n)++] = own[k];
		}
	if (g->values && !has_kind(p, *n, g->sweep_section))
		return BP_FAIL(err, BP_EUSAGE, "add it with --guide", "--sweep %s: the target has no %s guide",
		    g->o.sweep, kind_name(g->sweep_section));
	for (int k = 0; k < *n; k++)
		BP_TRY(adjust(&p[k], g, i, mem, err));
	*ret = p;
	return BP_OK;
}

struct bp_execs *
bp_guides_execs(struct bp_guides *g)
{
	return &g->execs;
}

int
bp_guides_guided(const struct bp_guides *g, int samples)
{
	return g->o.samples > 0 && g->o.samples < samples ? g->o.samples : samples;
}

/* ---- sweeps ---- */

int
bp_guides_sweep(const struct bp_guides *g)
{
	return g->values;
}

int
bp_guides_swept(struct bp_rec **ret, const struct bp_guides *g, const struct bp_rec *rec, int i, struct bp_arena *mem,
    struct bp_err *err)
{
	const bool weight = strcmp(g->sweep_key, "weight") == 0 || strcmp(g->sweep_key, "guidance_weight") == 0;
	char *id = bp_sprintf(mem, err, "%s_%s%s", rec->id, weight ? "w" : g->sweep_key, g->value[i]);
	char *key
	    = bp_sprintf(mem, err, "%s.%s", kind_name(g->sweep_section), weight ? "guidance_weight" : g->sweep_key);
	struct bp_val *m = bp_val_map(mem, err);
	struct bp_rec *r;

	if (!id || !key)
		return BP_EMEM;
	BP_TRY(bp_rec_new(&r, rec->kind, id, mem, err));
	r->index = rec->index;
	r->extra = rec->extra;
	for (size_t k = 0; k < bp_val_count(rec->meta); k++)
		BP_TRY(bp_val_pair(r->meta, rec->meta->u.item[2 * k], rec->meta->u.item[2 * k + 1], mem, err));
	for (size_t k = 0; k < bp_val_count(rec->trail); k++)
		BP_TRY(bp_val_push(r->trail, bp_val_at(rec->trail, k), mem, err));
	for (int k = 0; k < rec->n; k++)
		BP_TRY(bp_rec_put(r, rec->tensor[k].name, rec->tensor[k].t, err));
	BP_TRY(bp_val_set(m, "target", bp_val_str(mem, rec->id, err), mem, err));
	BP_TRY(bp_val_set(m, "key", bp_val_str(mem, key, err), mem, err));
	BP_TRY(bp_val_set(m, "value", bp_val_str(mem, g->value[i], err), mem, err));
	BP_TRY(bp_val_set(r->meta, "sweep", m, mem, err));
	*ret = r;
	return BP_OK;
}
