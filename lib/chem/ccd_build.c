#include "chem/ccd_build.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/map.h"
#include "chem/ccd_cif.h"
#include "chem/ccd_show.h"
#include "chem/ccd_write.h"
#include "chem/rdkit.h"

struct job {
	const struct bp_ccd_build *b;
	struct bp_ccd_out *out;
	struct bp_val *json;  /* derived: list of molecules, or NULL */
	struct bp_ccd *store; /* derived: a store, or NULL */
	bool *found;          /* [b->n_codes] */
	struct bp_ccd_built *done;
	struct bp_arena *mem; /* one component at a time */
};

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* is this block wanted? */
static bool
wanted(struct job *j, const char *code)
{
	if (!j->b->n_codes)
		return true;
	for (int i = 0; i < j->b->n_codes; i++)
		if (!strcmp(j->b->code[i], code))
			return j->found[i] = true;
	return false;
}

/* what is derived of this component; *mol NULL: nothing */
static int
find_derived(struct bp_val **mol, const struct job *j, const char *code, struct bp_err *err)
{
	struct bp_ccd_comp c;

	*mol = NULL;
	for (size_t i = 0; i < bp_val_count(j->json); i++)
		if (!strcmp(bp_val_cstr(bp_val_get(bp_val_at(j->json, i), "code"), ""), code))
			*mol = bp_val_at(j->json, i);
	if (!j->store || !bp_ccd_has(j->store, code))
		return BP_OK;
	BP_TRY(bp_ccd_find(&c, j->store, code, err));
	return bp_ccd_val(mol, &c, j->mem, err);
}

/* bond orders, chirality and tables: from elsewhere, else by RDKit, else none. A component that the dictionary has
 * changed since they were derived, or that RDKit cannot do, goes without them, with a warning. */
static int
derive(struct bp_ccd_comp *c, struct job *j, const float (*model)[3], struct bp_err *err)
{
	const struct bp_ccd_comp plain = *c;
	struct bp_val *mol;
	int st;

	BP_TRY(find_derived(&mol, j, c->code, err));
	if (mol) {
		if ((st = bp_ccd_derived(c, mol, j->mem, err)) == BP_OK) {
			j->done->from_derived++;
			return BP_OK;
		}
		if (st != BP_EINPUT)
			return st;
		bp_log(BP_LOG_WARN, "%s: component %s: %s: not used", j->b->derived, c->code, err->msg);
		*c = plain;
	}
	if (!j->b->tables || !c->n_atoms)
		return BP_OK;
	if ((st = bp_rdkit_derive(c, model, j->mem, err)) == BP_ENUM) {
		bp_log(BP_LOG_WARN, "%s: left without tables", err->msg);
		return BP_OK;
	}
	return st;
}

static int
add_component(struct job *j, const struct bp_cif_block *block, struct bp_err *err)
{
	const float(*model)[3];
	struct bp_ccd_comp c;
	int st = bp_ccd_cif_read(&c, &model, block, j->b->in, j->mem, err);

	if (st == BP_EUNSUP) {
		bp_log(BP_LOG_WARN, "%s: left out", err->msg);
		j->done->refused++;
		return BP_OK;
	}
	if (st == BP_OK)
		st = derive(&c, j, model, err);
	if (st == BP_OK)
		st = bp_ccd_put(j->out, &c, err);
	j->done->with_tables += st == BP_OK && c.has_tables;
	return st;
}

static int
all_found(const struct job *j, struct bp_err *err)
{
	char list[256] = "";
	int n = 0;

	for (int i = 0; i < j->b->n_codes; i++)
		if (!j->found[i] && n++ >= 0 && strlen(list) < sizeof list - 16)
			snprintf(list + strlen(list), 16, " %.8s", j->b->code[i]);
	if (!n)
		return BP_OK;
	return BP_FAIL(err, BP_EINPUT, "take them off the list of codes", "%s: %d components are not there:%s%s",
	    j->b->in, n, list, strlen(list) < sizeof list - 16 ? "" : " ...");
}

static int
add_all(struct job *j, struct bp_cif_blocks *blocks, struct bp_err *err)
{
	struct bp_progress progress;
	struct bp_cif_block block;
	int st;

	bp_progress_open(&progress, base_name(j->b->out), "component");
	while ((st = bp_cif_blocks_next(blocks, &block, err)) == BP_OK) {
		if (!wanted(j, block.name))
			continue;
		if ((st = add_component(j, &block, err)) != BP_OK)
			break;
		bp_progress_step(&progress, (int)bp_ccd_out_count(j->out), 0);
		bp_arena_reset(j->mem);
	}
	bp_progress_close(&progress);
	return st == BP_EOS ? all_found(j, err) : st;
}

/* JSON begins with '[', a store with its magic */
static int
read_derived(struct job *j, struct bp_arena *mem, struct bp_err *err)
{
	const void *p;
	size_t n;
	int st;

	if (!j->b->derived)
		return BP_OK;
	BP_TRY(bp_map_open(&p, &n, j->b->derived, err));
	if (n > 5 && !memcmp(p, "BPCCD", 5))
		st = bp_ccd_open_file(&j->store, j->b->derived, mem, err);
	else if ((st = bp_json_read(&j->json, p, n, mem, err)) != BP_OK)
		bp_err_where(err, "%s", j->b->derived);
	else if (!bp_val_is(j->json, BP_ARR))
		st = BP_FAIL(err, BP_EINPUT, NULL, "%s: no list of molecules", j->b->derived);
	bp_map_close(p, n);
	return st;
}

static int
build(struct job *j, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_cif_blocks *blocks = NULL;
	struct stat sb;
	char note[200];
	int st;

	BP_NEW(j->found, j->b->n_codes + 1, mem, err);
	BP_TRY(read_derived(j, mem, err));
	BP_TRY(bp_cif_blocks_open(&blocks, j->b->in, err));
	st = bp_ccd_out_open(&j->out, j->b->out, mem, err);
	if (st == BP_OK)
		st = add_all(j, blocks, err);
	bp_cif_blocks_close(blocks);
	if (st != BP_OK)
		return st;
	j->done->components = bp_ccd_out_count(j->out);
	snprintf(note, sizeof note, "%.60s; tables: %zu from %.40s, %zu from RDKit %.20s", base_name(j->b->in),
	    j->done->from_derived, j->b->derived ? base_name(j->b->derived) : "elsewhere",
	    j->done->with_tables > j->done->from_derived ? j->done->with_tables - j->done->from_derived : 0,
	    bp_rdkit_version() ? bp_rdkit_version() : "(not built in)");
	BP_TRY(bp_ccd_out_end(j->out, note, err));
	if (stat(j->b->out, &sb) == 0)
		j->done->bytes = (size_t)sb.st_size;
	return BP_OK;
}

int
bp_ccd_build(struct bp_ccd_built *ret, const struct bp_ccd_build *b, struct bp_err *err)
{
	struct job j = { .b = b, .done = ret };
	struct bp_arena *mem = NULL;
	int st;

	*ret = (struct bp_ccd_built) { 0 };
	if (!bp_ccd_cif_built())
		return BP_FAIL(err, BP_EUNSUP,
		    "install gemmi's headers (Debian: gemmi-dev, tao-pegtl-dev) and build again",
		    "this build reads no CIF: gemmi was missing");
	if (b->tables && !bp_rdkit_version())
		return BP_FAIL(err, BP_EUNSUP, "install RDKit (Debian: librdkit-dev) and build again",
		    "this build derives no tables: RDKit was missing");
	if ((st = bp_arena_open(&mem, 0, err)) == BP_OK && (st = bp_arena_open(&j.mem, 0, err)) == BP_OK)
		st = build(&j, mem, err);
	bp_ccd_out_close(j.out);
	bp_ccd_close(j.store);
	bp_arena_close(j.mem);
	bp_arena_close(mem);
	return st;
}

int
bp_ccd_codes_read(const char *const **ret, int *n, const char *path, struct bp_arena *mem, struct bp_err *err)
{
	const char **list;
	const void *map;
	char *text, *save;
	size_t bytes;

	*ret = NULL;
	*n = 0;
	BP_TRY(bp_map_open(&map, &bytes, path, err));
	text = bp_strndup(mem, map, bytes, err);
	bp_map_close(map, bytes);
	if (!text)
		return BP_EMEM;
	for (char *p = text; (p = strchr(p, '#'));) /* comments become blanks */
		while (*p && *p != '\n')
			*p++ = ' ';
	BP_NEW(list, bytes / 2 + 1, mem, err);
	for (char *word = strtok_r(text, " \t\r\n", &save); word; word = strtok_r(NULL, " \t\r\n", &save))
		list[(*n)++] = word;
	*ret = list;
	return BP_OK;
}
