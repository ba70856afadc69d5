/* lib/stream/reader.h: the insides of the stream's reader (pack.h), shared by reader.c and unpack.c only. */
#ifndef BP_READER_H
#define BP_READER_H

#include "stream/pack.h"

struct bp_reader {
	struct bp_src *s;
	struct bp_arena *mem;
	struct bp_err *err;
	const char *tensor; /* being read, or NULL: for messages */
	bool full;          /* no memory: its tensors are skipped */
	struct bp_mark before_tensors;
	struct bp_val *slab; /* values are taken from here        */
	int slab_left, values;
};

enum bp_token_type { BP_T_NIL, BP_T_BOOL, BP_T_INT, BP_T_HUGE, BP_T_REAL, BP_T_STR, BP_T_BIN, BP_T_ARR, BP_T_MAP };

struct bp_token {
	enum bp_token_type type;
	int64_t i;  /* BOOL, INT                      */
	uint64_t u; /* HUGE: above INT64_MAX          */
	double f;   /* REAL                           */
	uint32_t n; /* bytes, items or pairs to come  */
};

/* a run of bytes at the arena's end */
struct bp_bytes {
	char *p;
	size_t n, cap;
};

/* "stdin: record 3, tensor msa" */
const char *bp_rd_where(const struct bp_reader *r, char buf[320]);
#define BP_RD_BAD(r, hint, fmt, ...)                                                                                   \
	BP_FAIL((r)->err, BP_ESTREAM, hint, "%s: " fmt, bp_rd_where(r, (char[320]) { 0 }), ##__VA_ARGS__)

int bp_rd_cut(struct bp_reader *r);
/* The next token; what follows it (bytes, items) is the caller's to read. */
int bp_rd_token(struct bp_reader *r, struct bp_token *t) BP_MUST_USE;
/* Append n bytes to b and to the sum, of a tensor's data or the head's (data: NULL). The room grows with what has arrived, eightfold: n alone
 * never makes us take memory. When there is none for a tensor, r->full is set, the record's tensors are given up and the bytes skipped. */
int bp_rd_receive(struct bp_reader *r, struct bp_bytes *b, size_t n, struct bp_sum *data) BP_MUST_USE;
int bp_rd_value(struct bp_reader *r, struct bp_val **ret, int depth) BP_MUST_USE;
/* A string without NUL inside: keys and names. */
int bp_rd_word(struct bp_reader *r, const char *what, const char **ret) BP_MUST_USE;

#endif
