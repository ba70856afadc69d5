#include "structure/kept.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/map.h"

/* the map {name: bytes} as a list of paths, NULL: it is no such map, or a file is not as it was written */
static struct bp_val *
check_files(const struct bp_val *files, const char *folder, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_val *list = bp_val_arr(mem, err);
	struct stat sb;

	for (size_t i = 0; list && i < bp_val_count(files); i++) {
		const char *name = bp_val_is(files, BP_MAP) ? bp_val_cstr(files->u.item[2 * i], "") : "";
		int64_t bytes = *name ? bp_val_i64(files->u.item[2 * i + 1], -1) : -1;
		char *path = bp_sprintf(mem, err, "%s/%s", folder, name);
		if (bytes < 0 || strchr(name, '/') || !path || stat(path, &sb) != 0 || !S_ISREG(sb.st_mode)
		    || sb.st_size != bytes || bp_val_push(list, bp_val_str(mem, path, err), mem, err) != BP_OK)
			return NULL;
	}
	return list && bp_val_count(list) ? list : NULL;
}

/* the stored manifest as it was printed, with the paths of now */
static int
reprint(struct bp_kept *k, const struct bp_val *stored, struct bp_val *files, struct bp_arena *mem, struct bp_err *err)
{
	if (!(k->manifest = bp_val_map(mem, err)))
		return BP_EMEM;
	for (size_t i = 0; i < bp_val_count(stored); i++) {
		const char *key = bp_val_cstr(stored->u.item[2 * i], "");
		struct bp_val *v = strcmp(key, "files") == 0 ? files : stored->u.item[2 * i + 1];
		if (strcmp(key, "made_from") != 0)
			BP_TRY(bp_val_set(k->manifest, key, v, mem, err));
	}
	return bp_val_set(k->manifest, "kept", bp_val_bool(mem, true, err), mem, err);
}

int
bp_kept_read(struct bp_kept **ret, const char *dir, const char *id, struct bp_arena *mem, struct bp_err *err)
{
	char *folder = bp_sprintf(mem, err, "%s/predictions/%s", dir, id), *path;
	const struct bp_val *lines;
	struct bp_val *stored, *files = NULL;
	const void *text;
	size_t n;
	int st;

	*ret = NULL;
	if (!folder || !(path = bp_sprintf(mem, err, "%s/manifest_%s.json", folder, id)))
		return BP_EMEM;
	if (bp_map_open(&text, &n, path, NULL) != BP_OK)
		return BP_OK;
	st = bp_json_read(&stored, text, n, mem, err);
	bp_map_close(text, n);
	if (st == BP_OK)
		files = check_files(bp_val_get(stored, "files"), folder, mem, NULL);
	if (!files)
		return st == BP_EMEM ? st : BP_OK;
	BP_TRY(bp_val_push(files, bp_val_str(mem, path, err), mem, err));
	BP_NEW(*ret, 1, mem, err);
	lines = bp_val_get(stored, "made_from");
	for (size_t i = 0; i < bp_val_count(lines); i++)
		BP_TRY(bp_strlist_add(&(*ret)->made_from, bp_val_cstr(bp_val_at(lines, i), "?"), mem, err));
	return reprint(*ret, stored, files, mem, err);
}
