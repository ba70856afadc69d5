#include "stream/origin.h"

#include <string.h>
#include <sys/stat.h>

/* an option of this name does not change a result; of the second list: what its file held before does not */
static const char *const without_effect[] = { "in", "out", "out-dir", "weights", "ccd", "device", "threads", "mem-cap",
	"verbose", "quiet", "profile", "override", "resume", "resume-from", "resume-with", "queue", "queue-bytes",
	"timeout", "stall", "key", "peer-keys", "insecure", "run", "part", "metrics", "metrics-address", "no-graphs",
	"batch", "batch-tokens", "batch-wait", NULL };
static const char *const written[] = { "dump", "record-noise", NULL };

/* is "--name" or "--name=value" the option of one of these names? */
static bool
is_one_of(const char *option, const char *const *names)
{
	size_t n;

	if (strncmp(option, "--", 2) != 0)
		return false;
	for (n = strcspn(option + 2, "="); *names; names++)
		if (strlen(*names) == n && memcmp(*names, option + 2, n) == 0)
			return true;
	return false;
}

/* the regular file that the value of an option names, or NULL: FILE, or FILE in KIND:FILE,key=value */
static const char *
named_file(const char *value, struct bp_arena *mem, struct bp_err *err)
{
	struct stat sb;
	const char *colon;
	char *copy;

	if (stat(value, &sb) == 0)
		return S_ISREG(sb.st_mode) ? value : NULL;
	colon = strchr(value, ':');
	if (!(copy = bp_strdup(mem, colon ? colon + 1 : value, err)))
		return NULL;
	copy[strcspn(copy, ",")] = 0;
	return stat(copy, &sb) == 0 && S_ISREG(sb.st_mode) ? copy : NULL;
}

int
bp_origin_files(struct bp_strlist *options, struct bp_arena *mem, struct bp_err *err)
{
	int n = options->n;

	for (int i = 0; i < n; i++) {
		const char *o = options->v[i], *value = strchr(o, '='), *file, *text;
		char hash[BP_HASH_SIZE];
		if (!value || is_one_of(o, without_effect) || is_one_of(o, written)
		    || !(file = named_file(value + 1, mem, err)))
			continue;
		BP_TRY(bp_hash_file(hash, file, err));
		if (!(text = bp_sprintf(mem, err, "file %s %s", file, hash)))
			return BP_EMEM;
		BP_TRY(bp_strlist_add(options, text, mem, err));
	}
	return BP_OK;
}

int
bp_origin_options(struct bp_strlist *ret, const struct bp_program *prog, const void *opt, const void *defaults,
    struct bp_arena *mem, struct bp_err *err)
{
	BP_TRY(bp_opt_changed(ret, prog, opt, defaults, mem, err));
	return bp_origin_files(ret, mem, err);
}

const char *
bp_origin_line(const char *tool, const char *version, const char *weights, const struct bp_strlist *options,
    struct bp_arena *mem, struct bp_err *err)
{
	const char *line
	    = bp_sprintf(mem, err, "%s %s%s%s", tool, version, weights ? " weights " : "", weights ? weights : "");

	for (int i = 0; line && i < options->n; i++)
		if (!is_one_of(options->v[i], without_effect))
			line = bp_sprintf(mem, err, "%s %s", line, options->v[i]);
	return line;
}

int
bp_origin(struct bp_strlist *ret, const struct bp_rec *rec, struct bp_err *err)
{
	const char *input = bp_val_cstr(bp_val_get(rec->meta, "input"), NULL), *line;

	*ret = (struct bp_strlist) { 0 };
	if (!input)
		return BP_OK;
	if (!(line = bp_sprintf(rec->mem, err, "input %s", input)))
		return BP_EMEM;
	BP_TRY(bp_strlist_add(ret, line, rec->mem, err));
	for (size_t i = 0; i < bp_val_count(rec->trail); i++) {
		const struct bp_val *stage = bp_val_at(rec->trail, i), *given = bp_val_get(stage, "options");
		struct bp_strlist options = { 0 };
		for (size_t k = 0; k < bp_val_count(given); k++)
			BP_TRY(bp_strlist_add(&options, bp_val_cstr(bp_val_at(given, k), "?"), rec->mem, err));
		line = bp_origin_line(bp_val_cstr(bp_val_get(stage, "tool"), "?"),
		    bp_val_cstr(bp_val_get(stage, "version"), "?"), bp_val_cstr(bp_val_get(stage, "weights"), NULL),
		    &options, rec->mem, err);
		if (!line)
			return BP_EMEM;
		BP_TRY(bp_strlist_add(ret, line, rec->mem, err));
	}
	return BP_OK;
}

int
bp_origin_key(char hex[BP_HASH_SIZE], const struct bp_strlist *lines, struct bp_arena *mem, struct bp_err *err)
{
	char *all = bp_strdup(mem, "", err);

	for (int i = 0; all && i < lines->n; i++)
		all = bp_sprintf(mem, err, "%s%s\n", all, lines->v[i]);
	if (!all)
		return BP_EMEM;
	bp_hash(hex, all, strlen(all));
	return BP_OK;
}

bool
bp_origin_differs(
    const char **was, const char **is, const struct bp_strlist *before, const struct bp_strlist *now, int n)
{
	for (int i = 0; (n < 0 || i < n) && (i < before->n || i < now->n); i++) {
		*was = i < before->n ? before->v[i] : "nothing";
		*is = i < now->n ? now->v[i] : "nothing";
		if (strcmp(*was, *is) != 0)
			return true;
	}
	return false;
}
