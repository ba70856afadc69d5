/* lib/guide/protocol.h: the records by which a sampler asks a guide of another process for energies and gradients
 * (doc/guides.md). Units: A. */
#ifndef BP_GUIDE_PROTOCOL_H
#define BP_GUIDE_PROTOCOL_H

#include <stdbool.h>

#include "stream/rec.h"

#define BP_GUIDE_REQUEST "guide_request" /* kinds of records */
#define BP_GUIDE_REPLY "guide_reply"

struct bp_guide_request {
	const char *target;
	int64_t request;
	int step, steps, gd_step;
	double sigma;
	int samples, atoms;
	const double *coords;          /* [samples,atoms,3]                                               */
	const struct bp_rec *of_atoms; /* what describes the atoms. write: a record that has it, or NULL; read: the
	                                  request's record when it is the first of a target, or NULL        */
};

/* The record, in mem; coords is not copied. */
int bp_guide_request_write(
    struct bp_rec **ret, const struct bp_guide_request *r, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;
/* BP_EINPUT: no request, or one that is not whole; coords must be finite. What it points to is the record's, which
 * bp_atoms_of_record reads when it is the first of a target. */
int bp_guide_request_read(struct bp_guide_request *ret, const struct bp_rec *rec, struct bp_err *err) BP_MUST_USE;

struct bp_guide_reply {
	const double *energy, *gradient; /* [samples], [samples,atoms,3]                         */
	double goal;
	struct bp_val *samples;  /* array of maps, or NULL                                       */
	struct bp_val *guidance; /* map, or NULL                                                 */
};

/* The record that answers request `to`, in mem; numbers are not copied. (A failure is answered by
 * bp_rec_failure of the request's record.) */
int bp_guide_reply_write(struct bp_rec **ret, const struct bp_guide_request *to, const struct bp_guide_reply *r,
    struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;
/* Check an answer to `to`. An error record returns its own code and message; BP_EINPUT: not an answer, of another
 * request, of another shape; BP_ENUM: not finite. */
int bp_guide_reply_read(struct bp_guide_reply *ret, const struct bp_rec *rec, const struct bp_guide_request *to,
    struct bp_err *err) BP_MUST_USE;

#endif
