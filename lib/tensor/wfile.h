/* lib/tensor/wfile.h: a file of weights, a checkpoint (ckpt.h) or safetensors, seen alike; and what the program
 * `weights` does with it. */
#ifndef BP_WFILE_H
#define BP_WFILE_H

#include <stdio.h>

#include "base/val.h"
#include "tensor/ckpt.h"
#include "tensor/safetensors.h"

struct bp_wfile {
	const char *path;
	const struct bp_named *t; /* [n] sorted by name; data may be NULL or unaligned: use bp_wfile_read */
	int n;
	const struct bp_val *hyper;    /* hyper-parameters, a map, or NULL               */
	const struct bp_val *metadata; /* of safetensors: a map of strings, or NULL      */
	const struct bp_val *skipped;  /* what the reader left out, a list of strings    */
	struct bp_ckpt *ckpt;          /* one of the two                                 */
	struct bp_st *st;
	struct bp_arena *mem;
};

/* The kind is told by the first bytes. Errors as of bp_ckpt_open and bp_st_open. */
int bp_wfile_open(struct bp_wfile **ret, const char *path, struct bp_err *err) BP_MUST_USE;
void bp_wfile_close(struct bp_wfile *w); /* NULL is fine */
/* The elements of tensor i in pieces, aligned: see bp_ckpt_read. */
int bp_wfile_read(struct bp_wfile *w, int i, bp_ckpt_fn *fn, void *self, struct bp_err *err) BP_MUST_USE;

/* Write w as safetensors to out, with metadata hyper_parameters (JSON). bf16: matrices become bfloat16, vectors
 * (biases, norms, bin boundaries: little data, much effect) stay; float64 always becomes float32. *report: {tensors,
 * parameters, bytes, to_bf16, to_float32, skipped}, in mem. The file appears whole or not at all; BP_EUSAGE when it is
 * there already, unless override. */
int bp_wfile_import(struct bp_val **report, struct bp_wfile *w, const char *out, bool bf16, bool override,
    struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

/* What is in it, for people or as one JSON object. */
int bp_wfile_show(const struct bp_wfile *w, bool json, FILE *f, struct bp_err *err) BP_MUST_USE;

/* Read everything: checksums, and that all numbers are finite. BP_EINPUT names the tensor. *sum: it had a checksum. */
int bp_wfile_verify(struct bp_wfile *w, bool *sum, struct bp_err *err) BP_MUST_USE;

#endif
