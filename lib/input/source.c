#include "input/source.h"

#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "input/schema.h"

struct source {
	const char *path;
	char *hashes; /* one after the other */
	struct bp_arena *mem;
	struct bp_err *err;
};

static int
add(struct source *s, const char *hash)
{
	return (s->hashes = bp_sprintf(s->mem, s->err, "%s%s", s->hashes, hash)) ? BP_OK : BP_EMEM;
}

/* the files that the strings below v name */
static int
walk(struct source *s, const struct bp_val *v)
{
	size_t items = v->type == BP_MAP ? 2 * v->n : v->type == BP_ARR ? v->n : 0;
	char hash[BP_HASH_SIZE];
	const char *file;
	struct stat sb;

	for (size_t i = 0; i < items; i++)
		BP_TRY(walk(s, v->u.item[i]));
	if (v->type != BP_STR || v->n == 0 || v->n >= PATH_MAX || strlen(v->u.s) != v->n)
		return BP_OK;
	if (!bp_input_beside(&file, s->path, v->u.s, s->mem, s->err) || stat(file, &sb) != 0 || !S_ISREG(sb.st_mode))
		return file ? BP_OK : BP_EMEM;
	BP_TRY(bp_hash_file(hash, file, s->err));
	return add(s, hash);
}

int
bp_source_hash(char hex[BP_HASH_SIZE], const char *path, const char *text, size_t n, const struct bp_val *tree,
    struct bp_arena *mem, struct bp_err *err)
{
	struct source s = { .path = path, .hashes = "", .mem = mem, .err = err };

	bp_hash(hex, text, n);
	BP_TRY(add(&s, hex));
	BP_TRY(walk(&s, tree));
	bp_hash(hex, s.hashes, strlen(s.hashes));
	return BP_OK;
}
