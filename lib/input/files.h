/* lib/input/files.h: the files that a command line means, and the targets that they name. */
#ifndef BP_FILES_H
#define BP_FILES_H

#include "base/opt.h"

struct bp_file {
	const char *path;         /* "-": stdin                                                                    */
	const char *name;         /* of it in messages: "stdin", else the path                                     */
	const char *id;           /* the file's name without folder and suffix; NAME#N where NAME is taken: such a */
	const struct bp_file *as; /* target is to be refused, because `as` has the name already; NULL: none has    */
};

/* args: files, taken as they are, - for stdin (target "stdin"), and folders, from which every .yaml .yml .fasta .fa .fas is taken, sorted by name
 * (not their subfolders); other files of a folder are named in one warning. BP_EUSAGE: no arguments, or a folder
 * without inputs. */
int bp_files_list(
    struct bp_file **ret, int *n, const struct bp_strlist *args, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

#endif
