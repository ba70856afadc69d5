#include "input/files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/utf8.h"
#include "input/schema.h"

enum { MENTIONED = 5 }; /* how many of a folder's other files are named */

struct list {
	struct bp_file *file;
	int n, cap;
	struct bp_arena *mem;
	struct bp_err *err;
};

static int
add(struct list *l, const char *arg)
{
	const char *path = strcmp(arg, "-") ? arg : "stdin";
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path, *dot = strrchr(name, '.');
	size_t stem = dot && dot > name ? (size_t)(dot - name) : strlen(name);
	struct bp_file *f;
	char *id = bp_strndup(l->mem, name, stem, l->err);

	if (!id)
		return BP_EMEM;
	bp_utf8_clean(id, '_');
	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 64;
		BP_NEW(f, l->cap, l->mem, l->err);
		if (l->n)
			memcpy(f, l->file, (size_t)l->n * sizeof *f);
		l->file = f;
	}
	l->file[l->n++] = (struct bp_file){ .path = arg, .name = path, .id = id };
	return BP_OK;
}

static bool
is_folder(const char *path)
{
	struct stat sb;

	return stat(path, &sb) == 0 && S_ISDIR(sb.st_mode);
}

static int
add_folder(struct list *l, const char *folder)
{
	char others[MENTIONED * 32 + 1] = "";
	int before = l->n, n_others = 0, st = BP_OK, n;
	struct dirent **e;
	size_t len = strlen(folder);

	while (len > 1 && folder[len - 1] == '/')
		len--;
	if ((n = scandir(folder, &e, NULL, alphasort)) < 0)
		return BP_FAIL(l->err, BP_EUSAGE, NULL, "%s: %s", folder, strerror(errno));
	for (int i = 0; i < n; i++) {
		const char *name = e[i]->d_name;
		char *path = NULL;
		if (st == BP_OK && name[0] != '.'
		    && !(path = bp_sprintf(l->mem, l->err, "%.*s/%s", (int)len, folder, name)))
			st = BP_EMEM;
		if (path && bp_input_suffix(name) && !is_folder(path)) {
			st = add(l, path);
		} else if (path) {
			size_t k = strlen(others);
			if (n_others++ < MENTIONED)
				snprintf(others + k, sizeof others - k, "%s%.30s", k ? ", " : "", name);
		}
		free(e[i]);
	}
	free(e);
	BP_TRY(st);
	if (n_others)
		bp_log(
		    BP_LOG_WARN, "%s: not taken as inputs: %s%s", folder, others, n_others > MENTIONED ? " ..." : "");
	if (l->n == before)
		return BP_FAIL(l->err, BP_EUSAGE, "inputs end in .yaml, .yml, .fasta, .fa or .fas",
		    "%s: no inputs in this folder", folder);
	return BP_OK;
}

static int
by_id(const void *a, const void *b)
{
	const struct bp_file *const *x = a, *const *y = b;
	int c = strcmp((*x)->id, (*y)->id);

	return c ? c : (*x > *y) - (*x < *y);
}

/* give every target that is not the first of its name another one */
static int
rename_repeated(struct list *l)
{
	struct bp_file **sorted;

	BP_NEW(sorted, l->n, l->mem, l->err);
	for (int i = 0; i < l->n; i++)
		sorted[i] = &l->file[i];
	qsort(sorted, (size_t)l->n, sizeof *sorted, by_id);
	for (int i = 1, first = 0; i < l->n; i++) {
		if (strcmp(sorted[i]->id, sorted[first]->id) != 0) {
			first = i;
			continue;
		}
		sorted[i]->as = sorted[first];
	}
	for (int i = 0; i < l->n; i++)
		if (l->file[i].as && !(l->file[i].id = bp_sprintf(l->mem, l->err, "%s#%d", l->file[i].id, i + 1)))
			return BP_EMEM;
	return BP_OK;
}

int
bp_files_list(struct bp_file **ret, int *n, const struct bp_strlist *args, struct bp_arena *mem, struct bp_err *err)
{
	struct list l = { .mem = mem, .err = err };

	if (args->n == 0)
		return BP_FAIL(err, BP_EUSAGE, "featurize FILE.yaml", "no input file");
	for (int i = 0; i < args->n; i++)
		BP_TRY(is_folder(args->v[i]) ? add_folder(&l, args->v[i]) : add(&l, args->v[i]));
	BP_TRY(rename_repeated(&l));
	*ret = l.file;
	*n = l.n;
	return BP_OK;
}
