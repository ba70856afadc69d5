/* lib/structure/dcd.c: see dcd.h. The layout is that of CHARMM's own writer, dynio.src: Fortran records, each between
 * two counts of its bytes. */
#include "structure/dcd.h"

#include <string.h>

enum { TITLE = 80, CONTROLS = 20, CHARMM = 24 };

static void
record(FILE *f, const void *data, uint32_t bytes)
{
	fwrite(&bytes, sizeof bytes, 1, f);
	fwrite(data, 1, bytes, f);
	fwrite(&bytes, sizeof bytes, 1, f);
}

static void
head(FILE *f, const struct bp_structure *s, int frames)
{
	struct {
		char cord[4];
		int32_t control[CONTROLS];
	} first = { "CORD", { 0 } };
	struct {
		int32_t n;
		char text[TITLE];
	} title = { 1, "" };
	const int32_t natoms = s->natoms;
	const float step = 1;

	first.control[0] = first.control[3] = frames;
	first.control[2] = 1; /* every step */
	memcpy(&first.control[9], &step, sizeof step);
	first.control[19] = CHARMM;
	memset(title.text, ' ', TITLE);
	memcpy(title.text, s->id, strnlen(s->id, TITLE));
	record(f, &first, sizeof first);
	record(f, &title, sizeof title);
	record(f, &natoms, sizeof natoms);
}

int
bp_dcd_write(
    FILE *f, const struct bp_structure *s, const struct bp_frames *frames, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_mark mark = bp_arena_mark(mem);
	float *x, *axis;

	BP_NEW(x, 3 * (size_t)s->natoms, mem, err);
	BP_NEW(axis, s->natoms, mem, err);
	head(f, s, frames->n);
	for (int i = 0; i < frames->n; i++) {
		BP_TRY(frames->get(frames->self, i, x, err));
		for (int k = 0; k < 3; k++) {
			for (int a = 0; a < s->natoms; a++)
				axis[a] = x[3 * (size_t)a + k];
			record(f, axis, (uint32_t)s->natoms * (uint32_t)sizeof *axis);
		}
	}
	bp_arena_release(mem, mark);
	return BP_OK;
}
