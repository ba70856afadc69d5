/* lib/chem/ccd_format.h: the bytes of a component store (version 1), for ccd.c and ccd_write.c alone.
 *
 *   head      256 bytes
 *   blobs     one a component, each at a multiple of 8
 *   index     count entries sorted by code; ends the file
 *
 * Little-endian, structs as the compiler lays them out (asserted below). A blob is its head and then these
 * sections without gaps, filled up with zeros to a multiple of 8: lower, upper, atoms, bonds, chiral, stereo,
 * planar_bond, ring5, ring6, heavy, kind, name, type (the two with their NUL). */
#ifndef BP_CCD_FORMAT_H
#define BP_CCD_FORMAT_H

#include "chem/ccd.h"

#define CCD_MAGIC "BPCCD\r\n\032" /* eight bytes; text-mode copying breaks it */
enum { CCD_VERSION = 1, CCD_ORDER = 0x01020304, CCD_MAX_CODE = 7, CCD_MAX_NAME = 7 };

struct ccd_head {
	char magic[8];
	uint32_t version, order; /* CCD_ORDER as this machine writes it */
	uint64_t count, index;   /* components; where the index starts */
	uint64_t size;           /* bytes of the file */
	uint64_t index_hash;     /* xxh64 of the index */
	char note[200];          /* what it was made from; NUL at the end */
	uint64_t head_hash;      /* xxh64 of all before */
};

struct ccd_entry {
	char code[8]; /* filled up with NUL */
	uint64_t offset;
	uint32_t length;
	uint32_t hash; /* of the blob: the low half of its xxh64 */
};

struct ccd_blob {
	uint32_t n_pairs; /* 0 or n_heavy (n_heavy - 1) / 2 */
	uint16_t n_atoms, n_bonds, n_heavy, n_chiral, n_stereo, n_planar_bond, n_ring5, n_ring6;
	uint16_t name_bytes, type_bytes; /* with NUL */
	uint8_t xyz, has_tables, zero[6];
};

_Static_assert(sizeof(struct ccd_head) == 256, "layout");
_Static_assert(sizeof(struct ccd_entry) == 24, "layout");
_Static_assert(sizeof(struct ccd_blob) == 32, "layout");
_Static_assert(sizeof(struct bp_ccd_atom) == 28, "layout");
_Static_assert(sizeof(struct bp_ccd_bond) == 8, "layout");
_Static_assert(sizeof(struct bp_ccd_chiral) == 10, "layout");
_Static_assert(sizeof(struct bp_ccd_stereo) == 10, "layout");

enum ccd_section {
	CCD_LOWER,
	CCD_UPPER,
	CCD_ATOM,
	CCD_BOND,
	CCD_CHIRAL,
	CCD_STEREO,
	CCD_PLANAR,
	CCD_RING5,
	CCD_RING6,
	CCD_HEAVY,
	CCD_KIND,
	CCD_NAME,
	CCD_TYPE,
	CCD_SECTIONS
};

/* Where each section starts, from the blob's start; at[CCD_SECTIONS] is the end, not filled up. */
static inline void
ccd_layout(size_t at[CCD_SECTIONS + 1], const struct ccd_blob *b)
{
	const size_t bytes[CCD_SECTIONS] = { b->n_pairs * sizeof(float), b->n_pairs * sizeof(float),
		b->n_atoms * sizeof(struct bp_ccd_atom), b->n_bonds * sizeof(struct bp_ccd_bond),
		b->n_chiral * sizeof(struct bp_ccd_chiral), b->n_stereo * sizeof(struct bp_ccd_stereo),
		b->n_planar_bond * sizeof(uint16_t[6]), b->n_ring5 * sizeof(uint16_t[5]),
		b->n_ring6 * sizeof(uint16_t[6]), b->n_heavy * sizeof(uint16_t), b->n_pairs, b->name_bytes, b->type_bytes };

	at[0] = sizeof *b;
	for (int i = 0; i < CCD_SECTIONS; i++)
		at[i + 1] = at[i] + bytes[i];
}

static inline size_t
ccd_padded(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

#endif
