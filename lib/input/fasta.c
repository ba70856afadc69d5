#include "input/fasta.h"

#include <string.h>
#include <strings.h>

#include "input/text.h"

struct fasta {
	const char *path;
	struct bp_arena *mem;
	struct bp_err *err;
};

static int
set(struct fasta *f, struct bp_val *map, const char *key, const char *s, size_t n, int line)
{
	struct bp_val *v = bp_val_strn(f->mem, s, n, f->err);

	if (v) {
		v->line = line;
		v->text = v->u.s;
	}
	return bp_val_set(map, key, v, f->mem, f->err);
}

/* the "|"-separated field at *s, which ends before end; *s moves behind it */
static size_t
field(const char **s, const char *end, const char **start)
{
	const char *bar = memchr(*s, '|', (size_t)(end - *s));

	*start = *s;
	*s = bar ? bar + 1 : end;
	return (size_t)((bar ? bar : end) - *start);
}

/* ">A|protein|x.a3m" and its sequence as {protein: {id: A, sequence: .., msa: x.a3m}} */
static int
record(
    struct fasta *f, struct bp_val *list, const char *head, const char *head_end, const char *seq, size_t n, int line)
{
	static const char *const types[] = { "protein", "dna", "rna", "ccd", "smiles", NULL };
	const char *s = head, *id, *type, *msa = NULL;
	size_t id_n = field(&s, head_end, &id), type_n = field(&s, head_end, &type), msa_n = 0;
	struct bp_val *entry = bp_val_map(f->mem, f->err), *body = bp_val_map(f->mem, f->err), *key;
	int t = 0;

	if (!entry || !body)
		return BP_EMEM;
	if (s < head_end)
		msa_n = field(&s, head_end, &msa);
	if (type_n == 0 || id_n == 0 || s < head_end)
		return BP_AT(f->err, f->path, line, "for example >A|protein|empty",
		    "record '%.*s': the header must be CHAIN|TYPE[|MSA]", (int)(head_end - head), head);
	while (types[t] && (strlen(types[t]) != type_n || strncasecmp(types[t], type, type_n) != 0))
		t++;
	if (!types[t])
		return BP_AT(f->err, f->path, line, NULL,
		    "record %.*s: unknown entity type '%.*s'; one of protein, dna, rna, ccd, smiles", (int)id_n, id,
		    (int)type_n, type);
	if (msa_n && t != 0)
		return BP_AT(f->err, f->path, line, "remove it", "record %.*s: an MSA is only allowed for proteins",
		    (int)id_n, id);
	entry->line = body->line = line;
	BP_TRY(set(f, body, "id", id, id_n, line));
	BP_TRY(set(f, body, t < 3 ? "sequence" : types[t], seq, n, line + 1));
	if (msa_n)
		BP_TRY(set(f, body, "msa", msa, msa_n, line));
	if (!(key = bp_val_str(f->mem, t < 3 ? types[t] : "ligand", f->err)))
		return BP_EMEM;
	key->text = key->u.s;
	key->line = line;
	for (size_t i = 0; i < body->n; i++)
		body->u.item[2 * i]->text = body->u.item[2 * i]->u.s;
	BP_TRY(bp_val_pair(entry, key, body, f->mem, f->err));
	return bp_val_push(list, entry, f->mem, f->err);
}

int
bp_fasta_read(
    struct bp_val **ret, const char *path, const char *text, size_t n, struct bp_arena *mem, struct bp_err *err)
{
	struct fasta f = { path, mem, err };
	const char *head = NULL, *head_end = NULL, *s = text, *end = text + n;
	struct bp_val *list = bp_val_arr(mem, err), *top = bp_val_map(mem, err);
	int line = 0, head_line = 0;
	size_t len = 0;
	char *seq;

	*ret = NULL;
	BP_TRY(bp_text_check(path, text, n, err));
	BP_NEW(seq, n, mem, err);
	if (!list || !top)
		return BP_EMEM;
	while (s < end) {
		const char *eol = memchr(s, '\n', (size_t)(end - s));
		const char *stop = eol ? eol : end;
		line++;
		if (*s == '>') {
			if (head)
				BP_TRY(record(&f, list, head, head_end, seq, len, head_line));
			head = s + 1 + strspn(s + 1, " \t");
			if (head > stop)
				head = stop;
			head_end = head + strcspn(head, " \t\r\n"); /* text has a NUL behind it */
			head_line = line;
			len = 0;
		} else {
			for (; s < stop; s++)
				if (*s != ' ' && *s != '\t' && *s != '\r') {
					if (!head)
						return BP_AT(err, path, line, "begin with >CHAIN|TYPE",
						    "text before the first record");
					seq[len++] = *s;
				}
		}
		s = eol ? eol + 1 : end;
	}
	if (!head)
		return BP_AT(err, path, 1, "begin with >CHAIN|TYPE", "no records in the file");
	BP_TRY(record(&f, list, head, head_end, seq, len, head_line));
	list->line = top->line = 1;
	BP_TRY(bp_val_set(top, "sequences", list, mem, err));
	top->u.item[0]->text = top->u.item[0]->u.s;
	*ret = top;
	return BP_OK;
}
