/* lib/input/msa.h: alignments: a3m and csv files of one chain, and how the rows of several chains are put side by side
 * (upstream: data/parse/a3m.py, csv.py; construct_paired_msa of featurizerv2.py). */
#ifndef BP_MSA_H
#define BP_MSA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

/* Rows of one chain, the query first; rows that repeat an earlier one (gaps aside, insertions counted) are left out. */
struct bp_msa {
	int rows, columns;
	uint8_t *type;      /* [rows,columns] tokens; gaps are BP_TOKEN_GAP                                  */
	int32_t *taxon;     /* [rows] pairing key, -1: none                                                  */
	int32_t *insertion; /* [columns] letters of the query row inserted before the column. Those of other
	                     * rows are dropped, as upstream drops them (GOTCHAS B.2)                        */
};

/* Read FILE.a3m, FILE.csv or either with .gz; at most max_rows different rows, the rest of the file is not looked at.
 * a3m rows have no key. csv has the columns key and sequence, any order; no key or -1: unpaired.
 * BP_EINPUT: what is wrong, with row (the query is row 1) and line; BP_EIO. */
int bp_msa_read(
    struct bp_msa **ret, const char *path, int max_rows, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;
/* The same from n bytes in memory, not compressed; path says which kind and is for messages (tests, fuzzers). */
int bp_msa_read_mem(struct bp_msa **ret, const char *path, const char *text, size_t n, int max_rows,
    struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;
bool bp_msa_suffix(const char *path);

/* One row and no keys: what a chain without an alignment has. type [columns] is copied. */
int bp_msa_single(
    struct bp_msa **ret, const uint8_t *type, int columns, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

struct bp_pairing {
	int rows, chains;
	int32_t *row;    /* [rows,chains] row of the chain's alignment, -1: gaps */
	uint8_t *paired; /* [rows,chains] 1: this row came by its key            */
};

/* Which row of each chain stands in each row of the whole. Row 0 is every chain's query; then, key by key, the rows
 * that share one (keys with most chains first); then the chains' further rows side by side. As upstream, paired rows
 * come again among the latter (GOTCHAS B.4). msa [chains]; in all at most max_rows, of which max_paired by key. */
int bp_msa_pair(struct bp_pairing **ret, const struct bp_msa *const *msa, int chains, int max_paired, int max_rows,
    struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

#endif
