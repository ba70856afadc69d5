/* lib/tensor/pickle.h: the data of a Python pickle, protocol 2 to 5, as torch.save writes it, without running anything.
 * https://docs.python.org/3/library/pickletools.html. A pickle is a program that names Python callables and has them
 * called. Here a few of them are understood (tensors, storages, OrderedDict, plain containers); an unknown class
 * becomes an opaque object that keeps what it was given; a call of any other function makes the whole pickle refused by
 * that name. */
#ifndef BP_PICKLE_H
#define BP_PICKLE_H

#include <stdbool.h>

#include "tensor/tensor.h"

enum bp_ptype {
	BP_P_NONE,
	BP_P_BOOL,
	BP_P_INT,
	BP_P_REAL,
	BP_P_STR,
	BP_P_BYTES,
	BP_P_LIST,
	BP_P_TUPLE,
	BP_P_SET,
	BP_P_DICT,
	BP_P_GLOBAL,  /* a name: module.name                  */
	BP_P_STORAGE, /* torch storage                        */
	BP_P_TENSOR,
	BP_P_OBJECT /* of a class that is not known here    */
};

struct bp_pnode {
	enum bp_ptype type;
	size_t n, cap; /* STR, BYTES: bytes; LIST, TUPLE, SET: items; DICT: pairs, later ones of a key count */
	union {
		bool b;
		int64_t i;
		double f;
		const char *s;          /* STR, BYTES, GLOBAL ("os.system"): NUL follows           */
		struct bp_pnode **item; /* n, DICT: 2n, keys at even places                        */
		struct bp_pstorage *storage;
		struct bp_ptensor *tensor;
		struct bp_pobject *object;
	} u;
};

struct bp_pstorage {
	enum bp_dtype dtype;
	const char *key; /* the archive's entry data/KEY */
	int64_t count;   /* elements                     */
};

struct bp_ptensor {
	const struct bp_pstorage *storage;
	int64_t offset; /* elements; offset and strides >= 0; all elements lie in the storage, and are no more than it
	                   has */
	int ndim;
	int64_t shape[BP_MAXDIM], stride[BP_MAXDIM];
};

struct bp_pobject {
	const char *class;      /* "omegaconf.dictconfig.DictConfig"                    */
	struct bp_pnode *state; /* what __setstate__ would get, or NULL                 */
	struct bp_pnode *items; /* DICT or LIST: what was put into it, or NULL          */
};

/* Read the pickle of n bytes. BP_EINPUT: cut, damaged, calls a function that is not allowed (named), or uses more than
 * the limits (2^22 objects); messages start with `name`. */
int bp_pickle_read(const struct bp_pnode **ret, const void *data, size_t n, const char *name, struct bp_arena *mem,
    struct bp_err *err) BP_MUST_USE;

/* The value of a str key in a DICT (or an OBJECT's items), NULL when there is none. */
const struct bp_pnode *bp_pickle_get(const struct bp_pnode *dict, const char *key);

#endif
