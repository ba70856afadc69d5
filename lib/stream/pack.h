/* lib/stream/pack.h: records and plain values to and from msgpack bytes (doc/wire.md). The writer uses msgpack-c. The
 * reader is our own, because msgpack-c's wants a whole record in one buffer: this one pulls bytes as they come, puts a
 * tensor's data where it stays, and takes memory only for what has arrived, whatever lengths the bytes claim. */
#ifndef BP_PACK_H
#define BP_PACK_H

#include "stream/rec.h"
#include "stream/sum.h"

enum {
	BP_PACK_DEPTH = 32,       /* how deep lists and mappings may nest              */
	BP_PACK_VALUES = 1 << 22, /* values in one record beside its tensors           */
	BP_PACK_TENSORS = 4096    /* tensors in one record                             */
};

/* Where bytes come from. The caller sets the first four and clears the rest. */
struct bp_src {
	int (*read)(void *self, void *buf, size_t n, size_t *got, struct bp_err *err); /* got 0: end of bytes */
	void *self;
	const char *name; /* "stdin", a path: for messages                            */
	uint64_t limit;   /* bytes that one record may take                           */
	int64_t record;   /* the record being read, from 0: for messages              */
	uint64_t left;
	size_t at, end;
	XXH64_state_t head; /* sum of the record's bytes beside the tensors' data       */
	unsigned char buf[1 << 16];
};

/* Where bytes go. The caller sets write, self and part, may set lend, and clears the rest. Large data is handed to write() as it lies. */
struct bp_sink {
	int (*write)(void *self, const void *buf, size_t n, struct bp_err *err);
	/* the same of bytes that stay as they are (base/arena.h, bp_arena_lend); NULL: it is no pipe */
	int (*lend)(void *self, const void *buf, size_t n, struct bp_err *err);
	void *self;
	size_t part; /* most bytes in one bin, 1 .. 2^32 - 1: above it `parts`   */
	size_t n;
	uint64_t total; /* bytes put so far                                         */
	XXH64_state_t head;
	struct bp_err *err;
	int st; /* the first failure; nothing is written after it           */
	unsigned char buf[1 << 16];
};

/* Is there another byte? BP_OK or BP_EOS, or what read() returned. */
int bp_src_more(struct bp_src *s, struct bp_err *err) BP_MUST_USE;
/* One record, or one value, into mem. BP_ESTREAM: cut, damaged or not allowed, with the name, record and tensor.
 * BP_EMEM with *ret set: the record without its tensors, which did not fit. */
int bp_unpack_rec(struct bp_rec **ret, struct bp_src *s, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;
int bp_unpack_val(struct bp_val **ret, struct bp_src *s, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

/* Write one record, or one value, and flush. BP_EINPUT: it is not allowed on the wire (nested too deep ...) and nothing
 * was written; else what write() returned. */
int bp_pack_rec(struct bp_sink *s, const struct bp_rec *r, struct bp_err *err) BP_MUST_USE;
int bp_pack_val(struct bp_sink *s, const struct bp_val *v, struct bp_err *err) BP_MUST_USE;

#endif
