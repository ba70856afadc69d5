/* lib/structure/trajectory.h: the steps of a target, kept in a nameless file as they come, and written as files once its
 * structures are there: those have the names of the atoms and the ranks of the samples. Memory: one frame. */
#ifndef BP_STRUCTURE_TRAJECTORY_H
#define BP_STRUCTURE_TRAJECTORY_H

#include "structure/outdir.h"
#include "structure/structure.h"

enum bp_trajectory_format { BP_TRAJECTORY_MMCIF, BP_TRAJECTORY_PDB, BP_TRAJECTORY_DCD, BP_TRAJECTORY_NPZ };
enum bp_trajectory_format bp_trajectory_format(const char *word); /* "mmcif", "pdb", "dcd" or "npz" */

enum bp_trajectory_kind { BP_NOISY_TRAJECTORY, BP_DENOISED_TRAJECTORY };

/* Keep the step of a trajectory record; the target holds it (bp_target_held). What goes wrong, a tensor that is missing or has another
 * shape than before among it, is told when the files are written. */
struct bp_trajectory;
void bp_trajectory_keep(const struct bp_rec *rec, enum bp_trajectory_format format, struct bp_outdir *d);

/* Frames of a sample, each centred and turned onto the sample (the sampler gives each step another rotation): NOISY: the coordinates before each step and those in s; DENOISED: each step's
 * prediction. BP_EINPUT: a step could not be kept; s has other samples or atoms; BP_ENUM: a number is not finite. */
int bp_trajectory_write(FILE *f, struct bp_trajectory *j, enum bp_trajectory_kind kind, const struct bp_structure *s,
    int sample, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

/* All samples of all steps as one archive: noisy_STEP, denoised_STEP [M,A,3], sigma_STEP; of format NPZ. */
int bp_trajectory_write_npz(FILE *f, const char *name, struct bp_trajectory *j, struct bp_arena *mem,
    struct bp_err *err) BP_MUST_USE;

#endif
