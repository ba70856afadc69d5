/* lib/guide/params.c: the table of keys; one value; sections, specs; out again. The library's options of them are
 * params_opt.c. */
#include "guide/params.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define S BP_GUIDE_SAXS
#define R BP_GUIDE_RG
#define E BP_GUIDE_EXEC
#define C BP_SCORE_SAXS
#define F(f) offsetof(struct bp_guide_params, f)
#define WORDS_SELECT "all|heavy|backbone"

/* name, sections, type, field, range, unit, default, help. A key that two sections give different defaults has two
 * lines. */
static const struct bp_guide_key keys[] = {
	{ "experimental_data", S, BP_OPT_STR, F(experimental_data), BP_REQUIRED, "FILE", NULL, "the SAXS curve" },
	{ "experimental_file", C, BP_OPT_STR, F(experimental_data), BP_REQUIRED, "FILE", NULL, "the SAXS curve" },
	{ "target_rg", R, BP_OPT_NUM, F(target_rg), "(0,10000]", "A", NULL, "wanted radius of gyration" },
	{ "saxs_file_path", R, BP_OPT_STR, F(saxs_file_path), NULL, "FILE", NULL,
	    "a curve whose Guinier radius is wanted" },
	{ "reference_pdb_path", R, BP_OPT_STR, F(reference_pdb_path), NULL, "FILE", NULL,
	    "a structure (PDB, mmCIF) whose radius is wanted" },
	{ "command", E, BP_OPT_STR, F(command), BP_REQUIRED, "COMMAND", NULL, "the program asked (doc/guides.md)" },
	{ "timeout", E, BP_OPT_NUM, F(timeout), "(0,86400]", "s", "60", "how long an answer may take" },
	{ "guidance_weight", S | R | E, BP_OPT_NUM, F(guidance_weight), "[0,1e6]", NULL, NULL,
	    "share of the excess energy that a step removes (polyak; default 0.1), or factor of the gradient (raw; "
	    "default 0.1, rg 1)" },
	{ "guidance_interval", S, BP_OPT_INT, F(guidance_interval), "[1,1000]", NULL, "5",
	    "every how many of the 20 inner steps of a diffusion step" },
	{ "guidance_interval", R | E, BP_OPT_INT, F(guidance_interval), "[1,1000]", NULL, "1",
	    "every how many of the 20 inner steps of a diffusion step" },
	{ "resampling_weight", S | E, BP_OPT_NUM, F(resampling_weight), "[0,1e6]", NULL, "0.05",
	    "accepted, has no effect: samples are not resampled" },
	{ "resampling_weight", R, BP_OPT_NUM, F(resampling_weight), "[0,1e6]", NULL, "0.1",
	    "accepted, has no effect: samples are not resampled" },
	{ "step", S | R | E, BP_OPT_WORD, F(step), "polyak|raw", NULL, "polyak", "how energies become displacements" },
	{ "smoothing", S | E, BP_OPT_NUM, F(smoothing), "[0,1000]", "A", "10",
	    "width over which displacements are smoothed" },
	{ "max_displacement_per_step", S | R | E, BP_OPT_NUM, F(max_displacement_per_step), "[0,1000]", "A", "2",
	    "most that an atom moves in a diffusion step, 0: no limit" },
	{ "start_time", S | R | E, BP_OPT_NUM, F(start_time), "[0,1]", NULL, "1",
	    "guide from the time 1 - step/steps on: 1 from the beginning" },
	{ "min_sigma", S | R | E, BP_OPT_NUM, F(min_sigma), "[0,10000]", "A", "0",
	    "no guidance at noise levels below: there the network follows no more, and a pull only distorts" },
	{ "ramp_steps", S | R | E, BP_OPT_INT, F(ramp_steps), "[0,100000]", NULL, "0",
	    "diffusion steps over which the weight rises" },
	{ "model", S | C, BP_OPT_WORD, F(model), "vacuum|excluded|hydration", NULL, "hydration", "forward model" },
	{ "fit_c1", S | C, BP_OPT_FLAG, F(fit_c1), NULL, NULL, "false", "fit the excluded volume's scale" },
	{ "fit_c2", S | C, BP_OPT_FLAG, F(fit_c2), NULL, NULL, "true", "fit the hydration layer's density" },
	{ "offset", S | C, BP_OPT_FLAG, F(offset), NULL, NULL, "true", "fit a constant" },
	{ "c1", S | C, BP_OPT_NUM, F(c1), "(0,10]", NULL, "1", "where it is not fitted" },
	{ "c2", S | C, BP_OPT_NUM, F(c2), "[-10,10]", NULL, "1", "where it is not fitted" },
	{ "method", S | C, BP_OPT_WORD, F(method), "auto|direct|histogram|quadrature", NULL, "auto",
	    "of the Debye sum" },
	{ "gradient_method", S, BP_OPT_WORD, F(gradient_method),
	    "analytical|analytic|finite_diff|finite_diff_batch|energy_only", NULL, "analytical", "of the gradient" },
	{ "gradient_epsilon", S, BP_OPT_NUM, F(gradient_epsilon), "(0,10]", "A", "0.1", "step of central differences" },
	{ "energy", S | C, BP_OPT_WORD, F(energy), "chi2_reduced|chi2", NULL, "chi2_reduced", "what is minimised" },
	{ "q_min", S | C, BP_OPT_NUM, F(q_min), "[0,100]", "1/A", "0", "rows of the curve from here" },
	{ "q_max", S | C, BP_OPT_NUM, F(q_max), "[0,100]", "1/A", "0", "to here; 0: all" },
	{ "q_min", R, BP_OPT_NUM, F(q_min), "[0,100]", "1/A", "0.01", "range of the Guinier fit" },
	{ "q_max", R, BP_OPT_NUM, F(q_max), "(0,100]", "1/A", "0.05", "range of the Guinier fit" },
	{ "max_q_points", S | C, BP_OPT_INT, F(max_q_points), "[0,1000000]", NULL, "0",
	    "thin the curve to so many rows; 0: all" },
	{ "q_unit", S | R | C, BP_OPT_WORD, F(q_unit), "guess|A|nm", NULL, "guess", "1/A or 1/nm" },
	{ "output_dir", C, BP_OPT_STR, F(output_dir), NULL, "DIR", NULL,
	    "where scores are written; else with the structures" },
	{ "voxel_size", S, BP_OPT_NUM, F(idle[0]), NULL, NULL, "2", "accepted, has no effect" },
	{ "oversampling", S, BP_OPT_NUM, F(idle[1]), NULL, NULL, "3", "accepted, has no effect" },
	{ "guinier", R, BP_OPT_WORD, F(guinier), "fixed|auto", NULL, NULL,
	    "range of the Guinier fit: q_min to q_max (default when one of them is given), or found" },
	{ "hydration_shift", R, BP_OPT_NUM, F(hydration_shift), "[-100,100]", "A", "0", "taken off a Guinier radius" },
	{ "pdb_chain_id", R, BP_OPT_STR, F(pdb_chain_id), NULL, "CHAIN", NULL, "of the reference; else all" },
	{ "pdb_atom_selection", R, BP_OPT_WORD, F(pdb_atom_selection), WORDS_SELECT, NULL, "all", "of the reference" },
	{ "atom_selection", R, BP_OPT_WORD, F(atom_selection), WORDS_SELECT, NULL, "all", "atoms that are guided" },
	{ "mass_weighted", R, BP_OPT_FLAG, F(mass_weighted), NULL, NULL, "true", "weight atoms by mass" },
	{ "weights", R, BP_OPT_WORD, F(weights), "mass|geometric|contrast", NULL, NULL,
	    "the same by name; contrast: electrons in excess of solvent, as a curve sees" },
	{ "robust_mode", R, BP_OPT_FLAG, F(robust_mode), NULL, NULL, "true",
	    "false: standard radius, no ramp, no caps" },
	{ "rg_calculation_method", R, BP_OPT_WORD, F(rg_calculation_method), "standard|robust|trimmed", NULL, "robust",
	    "atoms that count: all, all but outliers, the inner 95 %" },
	{ "outlier_threshold", R, BP_OPT_NUM, F(outlier_threshold), "(0,1e6]", NULL, "3", "robust sigmas" },
	{ "force_constant", R, BP_OPT_NUM, F(force_constant), "[0,1e9]", NULL, "10", "k of k/2 (Rg - target)^2" },
	{ "force_ramping", R, BP_OPT_FLAG, F(force_ramping), NULL, NULL, "true", "raise k from its minimum" },
	{ "min_force_constant", R, BP_OPT_NUM, F(min_force_constant), "[0,1e9]", NULL, "1", "where the ramp begins" },
	{ "ramping_steps", R, BP_OPT_INT, F(ramping_steps), "[1,1000000]", NULL, "50", "diffusion steps of the ramp" },
	{ "gradient_capping", R, BP_OPT_NUM, F(gradient_capping), "[0,1e9]", NULL, "10", "most |dE/dx|; 0: no cap" },
	{ "raw_guidance_weight", R, BP_OPT_NUM, F(raw_guidance_weight), "[0,1e6]", NULL, "0",
	    "pull on the noisy coordinates before the network" },
};
enum { KEYS = sizeof keys / sizeof *keys };
_Static_assert(KEYS <= 64, "bits of given");

static const struct {
	const char *name;
	int section;
} sections[] = { { "saxs", S }, { "rg", R }, { "exec", E } };

static const char *
section_name(int section)
{
	return section == S ? "guidance.saxs"
	    : section == R  ? "guidance.rg"
	    : section == E  ? "guidance.exec"
	                    : "scoring.saxs";
}

const struct bp_guide_key *
bp_guide_key(int i)
{
	return i >= 0 && i < KEYS ? &keys[i] : NULL;
}

int
bp_guide_options(struct bp_optdef *d, int room, int of, size_t at, struct bp_arena *mem, struct bp_err *err)
{
	int n = 0;

	for (int i = 0; i < KEYS && n < room; i++) {
		const struct bp_guide_key *k = &keys[i];
		bool there = !(k->sections & of);
		char *name;
		for (int j = 0; j < i && !there; j++)
			there = (keys[j].sections & of) && strcmp(keys[j].name, k->name) == 0;
		if (there)
			continue;
		if (!(name = bp_strdup(mem, k->name, err)))
			break;
		for (char *p = name; *p; p++)
			*p = *p == '_' ? '-' : *p;
		d[n++] = (struct bp_optdef) { name, 0, k->type, at + k->field,
			k->range && strcmp(k->range, BP_REQUIRED) == 0 ? NULL : k->range, k->unit, k->help };
	}
	return n;
}

/* ---- one value ---- */

static bool
truth(bool *ret, const char *v)
{
	static const char *const yes[] = { "true", "yes", "on", "1" }, *const no[] = { "false", "no", "off", "0" };

	for (int i = 0; i < 4; i++)
		if (strcasecmp(v, yes[i]) == 0 || strcasecmp(v, no[i]) == 0) {
			*ret = strcasecmp(v, yes[i]) == 0;
			return true;
		}
	return false;
}

/* the word of "a|b|c" that v is, copied out of the table's text; NULL: none */
static const char *
word_of(const char *words, const char *v, struct bp_arena *mem, struct bp_err *err)
{
	for (const char *w = words; w; w = strchr(w, '|') ? strchr(w, '|') + 1 : NULL) {
		size_t n = strcspn(w, "|");
		if (strlen(v) == n && strncmp(w, v, n) == 0)
			return mem ? bp_strndup(mem, w, n, err) : w;
	}
	return NULL;
}

static int
wanted(const struct bp_guide_key *k, const char *v, const char *what, struct bp_err *err)
{
	const bool range = k->range && k->type != BP_OPT_STR;

	return BP_FAIL(err, BP_EUSAGE, NULL, "%s: '%.80s' given, %s%s%s wanted", k->name, v, what,
	    !range                       ? ""
	        : k->type == BP_OPT_WORD ? " of "
	                                 : " in ",
	    range ? k->range : "");
}

static int
store(struct bp_guide_params *p, const struct bp_guide_key *k, const char *v, struct bp_arena *mem, struct bp_err *err)
{
	void *field = (char *)p + k->field;
	const char *text;
	char *end = NULL;
	double x;

	switch (k->type) {
	case BP_OPT_FLAG:
		return truth(field, v) ? BP_OK : wanted(k, v, "true or false", err);
	case BP_OPT_INT:
	case BP_OPT_NUM:
		errno = 0;
		x = strtod(v, &end);
		if (end == v || *end || !isfinite(x) || !bp_opt_in_range(x, k->range)
		    || (k->type == BP_OPT_INT && x != floor(x)))
			return wanted(k, v, k->type == BP_OPT_INT ? "a whole number" : "a number", err);
		if (k->type == BP_OPT_INT)
			*(int *)field = (int)x;
		else
			*(double *)field = x;
		return BP_OK;
	case BP_OPT_WORD:
		if (!word_of(k->range, v, NULL, NULL))
			return wanted(k, v, "one", err);
		text = word_of(k->range, v, mem, err);
		break;
	default:
		if (!*v)
			return wanted(k, v, "some text", err);
		text = bp_strdup(mem, v, err);
	}
	*(const char **)field = text;
	return text ? BP_OK : BP_EMEM;
}

/* The default of a word, which lies inside "a|b|c", must end where it ends: so defaults keep their own text. */
void
bp_guide_defaults(struct bp_guide_params *p, int section)
{
	*p = (struct bp_guide_params) { .section = section, .guidance_weight = NAN };
	for (int i = 0; i < KEYS; i++) {
		void *field = (char *)p + keys[i].field;
		if (!(keys[i].sections & section) || !keys[i].initial)
			continue;
		if (keys[i].type == BP_OPT_WORD)
			*(const char **)field = keys[i].initial;
		else
			bp_assert(store(p, &keys[i], keys[i].initial, NULL, NULL) == BP_OK);
	}
}

static int
unknown(int section, const char *key, struct bp_err *err)
{
	const char *names[KEYS], *near;
	char hint[128] = "see `diffuse --list-guide-keys`";
	int n = 0;

	for (int i = 0; i < KEYS; i++)
		if (keys[i].sections & section)
			names[n++] = keys[i].name;
	if ((near = bp_nearest(key, names, n)))
		snprintf(hint, sizeof hint, "did you mean %s?", near);
	return BP_FAIL(err, BP_EUSAGE, hint, "%s has no key '%.80s'", section_name(section), key);
}

int
bp_guide_set(struct bp_guide_params *p, const char *key, const char *value, struct bp_arena *mem, struct bp_err *err)
{
	static const char *const synonym[][2]
	    = { { "weight", "guidance_weight" }, { "interval", "guidance_interval" } };
	char name[64];
	size_t n = 0;

	for (; key[n] && n < sizeof name - 1; n++)
		name[n] = key[n] == '-' ? '_' : key[n];
	name[n] = 0;
	for (size_t i = 0; i < sizeof synonym / sizeof *synonym; i++)
		if (strcmp(name, synonym[i][0]) == 0)
			strcpy(name, synonym[i][1]);
	for (int i = 0; i < KEYS; i++)
		if ((keys[i].sections & p->section) && strcmp(keys[i].name, name) == 0) {
			BP_TRY(store(p, &keys[i], value, mem, err));
			p->given |= UINT64_C(1) << i;
			return bp_guide_has_effect(&keys[i]) ? BP_OK : bp_guide_add_idle(&p->unused, keys[i].name, mem, err);
		}
	return unknown(p->section, key, err);
}

bool
bp_guide_given(const struct bp_guide_params *p, const char *key)
{
	for (int i = 0; i < KEYS; i++)
		if ((p->given & UINT64_C(1) << i) && strcmp(keys[i].name, key) == 0)
			return true;
	return false;
}

int
bp_guide_check(struct bp_guide_params *p, struct bp_err *err)
{
	const char **target[] = { &p->reference_pdb_path, NULL, &p->saxs_file_path }; /* in the order of their rank */
	int targets = 0;

	for (int i = 0; i < KEYS; i++)
		if ((keys[i].sections & p->section) && keys[i].range && strcmp(keys[i].range, BP_REQUIRED) == 0
		    && !*(const char **)((char *)p + keys[i].field))
			return BP_FAIL(
			    err, BP_EUSAGE, NULL, "%s: %s must be given", section_name(p->section), keys[i].name);
	if (p->section != R) {
		if (p->q_max > 0 && !(p->q_min < p->q_max))
			return BP_FAIL(err, BP_EUSAGE, NULL, "q_min %g is not below q_max %g", p->q_min, p->q_max);
		if (p->fit_c1 && bp_guide_given(p, "c1") && !p->unused)
			p->unused = "c1" BP_GUIDE_FITTED;
		if (p->fit_c2 && bp_guide_given(p, "c2") && !p->unused)
			p->unused = "c2" BP_GUIDE_FITTED;
		return BP_OK;
	}
	for (int i = 0; i < 3; i++)
		targets += target[i] ? *target[i] != NULL : p->target_rg > 0;
	if (targets == 0)
		return BP_FAIL(err, BP_EUSAGE, "give one of the three",
		    "%s: no target_rg, saxs_file_path or reference_pdb_path", section_name(R));
	if (p->saxs_file_path && targets > 1) { /* of a structure and a number the number stands in for the file */
		p->saxs_file_path = NULL;
		p->unused = "saxs_file_path (another target is given)";
	}
	if (!p->guinier)
		p->guinier
		    = bp_guide_given(p, "q_min") || bp_guide_given(p, "q_max") || p->q_min != 0.01 || p->q_max != 0.05
		    ? "fixed"
		    : "auto";
	if (!p->weights)
		p->weights = p->mass_weighted ? "mass" : "geometric";
	if (!(p->q_min < p->q_max))
		return BP_FAIL(err, BP_EUSAGE, NULL, "q_min %g is not below q_max %g", p->q_min, p->q_max);
	if (!p->robust_mode) {
		p->rg_calculation_method = "standard";
		p->force_ramping = false;
		p->gradient_capping = 0;
	}
	return BP_OK;
}

/* ---- sections of an input file ---- */

/* a scalar as text; NULL: no scalar */
static const char *
scalar(const struct bp_val *v, char *buf, size_t n)
{
	if (bp_val_is(v, BP_STR))
		return strlen(v->u.s) == v->n ? v->u.s : NULL;
	if (bp_val_is(v, BP_BOOL))
		return v->u.b ? "true" : "false";
	if (bp_val_is(v, BP_INT))
		snprintf(buf, n, "%lld", (long long)v->u.i);
	else if (bp_val_is(v, BP_REAL))
		snprintf(buf, n, "%.17g", v->u.f);
	else
		return NULL;
	return buf;
}

static bool
is_key(int section, const char *name)
{
	for (int k = 0; k < KEYS; k++)
		if ((keys[k].sections & section) && strcmp(keys[k].name, name) == 0)
			return true;
	return false;
}

int
bp_guide_take(struct bp_guide_params *p, const struct bp_val *v, struct bp_arena *mem, struct bp_err *err)
{
	char buf[64];

	if (v && v->type != BP_MAP && v->type != BP_NIL)
		return BP_FAIL(err, BP_EUSAGE, NULL, "%s: %s found, a mapping of keys wanted", section_name(p->section),
		    bp_vtype_name(v->type));
	for (size_t i = 0; i < bp_val_count(v); i++) {
		const char *key = bp_val_cstr(v->u.item[2 * i], "");
		const struct bp_val *x = v->u.item[2 * i + 1];
		const char *text = scalar(x, buf, sizeof buf);
		if (text)
			BP_TRY(bp_guide_set(p, key, text, mem, err));
		else if (x->type != BP_NIL)
			return BP_FAIL(err, BP_EUSAGE, NULL, "%s: %.80s: %s found, one value wanted",
			    section_name(p->section), key, bp_vtype_name(x->type));
		else if (!is_key(p->section, key)) /* key: null is as if it were not given */
			return unknown(p->section, key, err);
	}
	return BP_OK;
}

int
bp_guide_from_val(
    struct bp_guide_params *p, int section, const struct bp_val *v, struct bp_arena *mem, struct bp_err *err)
{
	bp_guide_defaults(p, section);
	BP_TRY(bp_guide_take(p, v, mem, err));
	return bp_guide_check(p, err);
}

static int
section_of(const char *name, bool scoring, struct bp_err *err)
{
	const char *known[] = { "saxs", "rg", "exec" }, *near = bp_nearest(name, known, scoring ? 1 : 3);
	char hint[64] = "saxs, rg and exec are known";

	for (size_t i = 0; i < (scoring ? 1 : sizeof sections / sizeof *sections); i++)
		if (strcmp(name, sections[i].name) == 0)
			return scoring ? C : sections[i].section;
	if (near)
		snprintf(hint, sizeof hint, "did you mean %s?", near);
	else if (scoring)
		snprintf(hint, sizeof hint, "saxs is known");
	return BP_FAIL(err, BP_EUSAGE, hint, "%s: no kind '%.80s'", scoring ? "scoring" : "guidance", name);
}

int
bp_guide_section(struct bp_guide_params **ret, int *n, const struct bp_val *v, bool scoring, struct bp_arena *mem,
    struct bp_err *err)
{
	size_t room = 0;

	*ret = NULL;
	*n = 0;
	if (!v || v->type == BP_NIL)
		return BP_OK;
	if (v->type != BP_MAP)
		return BP_FAIL(err, BP_EUSAGE, NULL, "%s: %s found, a mapping wanted", scoring ? "scoring" : "guidance",
		    bp_vtype_name(v->type));
	for (size_t i = 0; i < v->n; i++)
		room += bp_val_is(v->u.item[2 * i + 1], BP_ARR) ? bp_val_count(v->u.item[2 * i + 1]) : 1;
	BP_NEW(*ret, room, mem, err);
	for (size_t i = 0; i < v->n; i++) {
		const struct bp_val *x = v->u.item[2 * i + 1];
		int section = section_of(bp_val_cstr(v->u.item[2 * i], ""), scoring, err);
		if (section < 0)
			return section;
		if (x->type == BP_NIL)
			continue;
		for (size_t k = 0; k < (x->type == BP_ARR ? x->n : 1); k++)
			BP_TRY(bp_guide_from_val(
			    &(*ret)[(*n)++], section, x->type == BP_ARR ? bp_val_at(x, k) : x, mem, err));
	}
	return BP_OK;
}

/* ---- specs of the command line ---- */

static bool
is_structure_file(const char *path)
{
	static const char *const ends[] = { ".pdb", ".ent", ".cif", ".mmcif", ".pdb.gz", ".ent.gz", ".cif.gz" };

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		size_t n = strlen(path), m = strlen(ends[i]);
		if (n > m && strcasecmp(path + n - m, ends[i]) == 0)
			return true;
	}
	return false;
}

/* "key=value" pieces between commas; text is cut up */
static int
take_pieces(struct bp_guide_params *p, char *text, struct bp_arena *mem, struct bp_err *err)
{
	while (text && *text) {
		char *next = strchr(text, ','), *value;
		if (next)
			*next++ = 0;
		if (!(value = strchr(text, '=')) || value == text)
			return BP_FAIL(err, BP_EUSAGE, NULL, "'%.80s': key=value wanted", text);
		*value++ = 0;
		BP_TRY(bp_guide_set(p, text, value, mem, err));
		text = next;
	}
	return BP_OK;
}

static int
from_exec(struct bp_guide_params *p, char *text, struct bp_arena *mem, struct bp_err *err)
{
	char *command = strchr(text, ':');

	bp_guide_defaults(p, E);
	if (!command)
		return BP_FAIL(err, BP_EUSAGE, "exec:COMMAND", "no command");
	*command++ = 0;
	if (*text == ',')
		BP_TRY(take_pieces(p, text + 1, mem, err));
	if (!*command)
		return BP_FAIL(err, BP_EUSAGE, "exec:COMMAND", "no command");
	p->command = command;
	return BP_OK;
}

static int
from_spec(struct bp_guide_params *p, char *text, struct bp_arena *mem, struct bp_err *err)
{
	const int section = strncmp(text, "rg:", 3) == 0 ? R : S;
	char *file = strncmp(text, "saxs:", 5) == 0 ? text + 5 : section == R ? text + 3 : text, *rest, *end;

	if (strncmp(text, "exec:", 5) == 0 || strncmp(text, "exec,", 5) == 0)
		return from_exec(p, text + 4, mem, err);
	if (strncmp(text, "tcp://", 6) == 0 || strncmp(text, "ipc://", 6) == 0) {
		bp_guide_defaults(p, E);
		p->command = text;
		if ((rest = strchr(text, ',')))
			*rest++ = 0;
		return take_pieces(p, rest, mem, err);
	}
	bp_guide_defaults(p, section);
	if ((rest = strchr(file, ',')))
		*rest++ = 0;
	if (strchr(file, '=')) /* no file: all by keys */
		return BP_FAIL(err, BP_EUSAGE, "saxs:FILE,key=value or rg:TARGET,key=value", "'%.80s' is no %s", file,
		    section == R ? "target" : "curve");
	(void)strtod(file, &end);
	if (*file == 0)
		return BP_FAIL(
		    err, BP_EUSAGE, "saxs:FILE or rg:TARGET", "no %s given", section == R ? "target" : "curve");
	if (section == S)
		BP_TRY(bp_guide_set(p, "experimental_data", file, mem, err));
	else if (*end == 0)
		BP_TRY(bp_guide_set(p, "target_rg", file, mem, err));
	else
		BP_TRY(
		    bp_guide_set(p, is_structure_file(file) ? "reference_pdb_path" : "saxs_file_path", file, mem, err));
	return take_pieces(p, rest, mem, err);
}

int
bp_guide_from_spec(struct bp_guide_params *p, const char *spec, struct bp_arena *mem, struct bp_err *err)
{
	char *text = bp_strdup(mem, spec, err);
	int st;

	if (!text)
		return BP_EMEM;
	st = from_spec(p, text, mem, err);
	if (st == BP_OK)
		st = bp_guide_check(p, err);
	if (st == BP_EUSAGE)
		bp_err_where(err, "--guide %.200s", spec);
	return st;
}

/* ---- out again ---- */

struct bp_val *
bp_guide_to_val(const struct bp_guide_params *p, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_val *m = bp_val_map(mem, err);

	for (int i = 0; i < KEYS && m; i++) {
		const struct bp_guide_key *k = &keys[i];
		const void *field = (const char *)p + k->field;
		struct bp_val *v;
		double x;
		if (!(k->sections & p->section))
			continue;
		if (k->type == BP_OPT_FLAG)
			v = bp_val_bool(mem, *(const bool *)field, err);
		else if (k->type == BP_OPT_INT)
			v = bp_val_int(mem, *(const int *)field, err);
		else if (k->type == BP_OPT_NUM) {
			x = k->field == F(guidance_weight) ? bp_guide_weight(p) : *(const double *)field;
			v = k->field == F(target_rg) && !(x > 0) ? bp_val_nil(mem, err) : bp_val_real(mem, x, err);
		} else
			v = *(const char *const *)field ? bp_val_str(mem, *(const char *const *)field, err)
			                                : bp_val_nil(mem, err);
		if (bp_val_set(m, k->name, v, mem, err) != BP_OK)
			return NULL;
	}
	return m;
}

void
bp_guide_print_keys(FILE *f)
{
	static const int order[] = { S, R, E, C };

	for (size_t s = 0; s < sizeof order / sizeof *order; s++) {
		fprintf(f, "%s%s:\n", s ? "\n" : "", section_name(order[s]));
		for (int i = 0; i < KEYS; i++) {
			const struct bp_guide_key *k = &keys[i];
			if (!(k->sections & order[s]))
				continue;
			fprintf(f, "  %-26s %s", k->name, k->help);
			if (k->range && strcmp(k->range, BP_REQUIRED) == 0)
				fprintf(f, "; must be given");
			else if (k->range)
				fprintf(f, "; %s%s", k->range, "");
			if (k->unit && k->type == BP_OPT_NUM)
				fprintf(f, " %s", k->unit);
			if (k->initial)
				fprintf(f, "; default %s", k->initial);
			fprintf(f, "\n");
		}
	}
}
