/* Whole targets on disk: nothing by halves when the disk is full, the folder is none, or the writer is killed. */
#include <errno.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "outdir_try.h"

/* a file cannot grow: the same as a full disk, for everyone */
static void
test_no_room(void **state)
{
	struct bp_rec *rec = case_record("order", true, mem);
	struct rlimit old, small;
	struct bp_outdir *d;
	char dir[128];

	(void)state;
	snprintf(dir, sizeof dir, "%s/room", top);
	d = open_dir(dir, false);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	for (rlim_t size = 0; size < 14000; size += 700) {
		small = (struct rlimit) { size, old.rlim_max };
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
		save_fails(rec, d, BP_EIO, "File too large");
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	}
	snprintf(dir, sizeof dir, "%s/room/predictions", top);
	assert_int_equal(count_files(dir), 0);
	save(rec, &all, d);
	assert_int_equal(count_files(dir), 1);
	bp_outdir_close(d);
	bp_arena_reset(mem);
}

/* a really full disk, for root */
static void
test_full_disk(void **state)
{
	struct bp_rec *rec = case_record("order", true, mem);
	struct bp_outdir *d;
	char dir[128], path[256];

	(void)state;
	snprintf(dir, sizeof dir, "%s/full", top);
	assert_int_equal(mkdir(dir, 0777), 0);
	if (mount("tmpfs", dir, "tmpfs", 0, "size=48k") != 0) {
		printf("skipped: no small tmpfs for the full disk: %s\n", strerror(errno));
		bp_arena_reset(mem);
		return;
	}
	d = open_dir(dir, false);
	save_fails(rec, d, BP_EIO, "No space left");
	snprintf(path, sizeof path, "%s/predictions", dir);
	assert_int_equal(count_files(path), 0);
	bp_outdir_close(d);
	assert_int_equal(umount(dir), 0);
	bp_arena_reset(mem);
}

static void
test_bad_folder(void **state)
{
	struct bp_outdir *d;
	struct bp_err err;
	char dir[128], longest[5000];
	FILE *f;

	(void)state;
	snprintf(dir, sizeof dir, "%s/file", top);
	f = fopen(dir, "w");
	assert_non_null(f);
	fclose(f);
	assert_int_equal(bp_outdir_open(&d, dir, false, &err), BP_EUSAGE);
	assert_non_null(strstr(err.msg, "Not a directory"));
	assert_int_equal(bp_outdir_open(&d, "", false, &err), BP_EUSAGE);
	memset(longest, 'x', sizeof longest);
	longest[sizeof longest - 1] = 0;
	assert_int_equal(bp_outdir_open(&d, longest, false, &err), BP_EUSAGE);
	if (geteuid() == 0) {
		printf("skipped: root may write to any folder\n");
		return;
	}
	snprintf(dir, sizeof dir, "%s/closed", top);
	assert_int_equal(mkdir(dir, 0555), 0);
	assert_int_equal(bp_outdir_open(&d, dir, false, &err), BP_EUSAGE);
	assert_non_null(strstr(err.msg, "Permission denied"));
}

/* kill -9 at any moment: what is visible afterwards is whole, and the next run finishes the rest */
static void
test_kill(void **state)
{
	enum { TARGETS = 12, KILLS = 12 }; /* on any disk some kills come in time */
	struct bp_rec *rec = case_record("order", true, mem);
	struct bp_outdir *d;
	char dir[128], folder[256], id[16];
	uint32_t seed = 4711;
	int seen = 0, cut = 0;

	(void)state;
	snprintf(dir, sizeof dir, "%s/kill", top);
	for (int k = 0; k <= KILLS; k++) {
		pid_t pid = fork();
		int status;
		assert_int_not_equal(pid, -1);
		if (pid == 0) {
			struct bp_err err;
			struct bp_val *line;
			if (bp_outdir_open(&d, dir, false, &err) != BP_OK)
				_exit(9);
			for (int i = 0; i < TARGETS; i++) {
				snprintf(id, sizeof id, "t%d", i);
				rec->id = id;
				if (bp_save(&line, rec, &all, d, &err) != BP_OK && !strstr(err.msg, "is there already"))
					_exit(8);
			}
			_exit(0);
		}
		if (k < KILLS) {
			usleep((seed = seed * 1664525 + 1013904223) >> (28 - k)); /* below 16 us, 32 us, ... 33 ms */
			kill(pid, SIGKILL);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (k == KILLS || !WIFSIGNALED(status))
			assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		seen = 0;
		for (int i = 0; i < TARGETS; i++) {
			snprintf(folder, sizeof folder, "%s/predictions/.t%d.part", dir, i);
			cut += count_files(folder) >= 0;
			snprintf(folder, sizeof folder, "%s/predictions/t%d", dir, i);
			assert_true(count_files(folder) == -1 || count_files(folder) == 12);
			seen += count_files(folder) == 12;
		}
	}
	assert_int_equal(seen, TARGETS);
	snprintf(folder, sizeof folder, "%s/predictions", dir);
	assert_int_equal(count_files(folder), TARGETS); /* and no .part is left */
	for (int i = 0; i < TARGETS; i++) { /* every file is the same as that of a run in peace, up to its name */
		static const char *const base[]
		    = { "%s/t%d/t%d_model_0.cif", "%s/t%d/t%d_model_1.cif", "%s/t%d/pae_t%d_model_1.npz",
			      "%s/t%d/confidence_t%d_model_0.json", "%s/t%d/embeddings_t%d.npz" };
		for (size_t b = 0; b < sizeof base / sizeof *base; b++) {
			char path[512], *one, *other;
			size_t n, m;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			snprintf(path, sizeof path, base[b], folder, 0, 0);
			one = file(path, &n);
			snprintf(path, sizeof path, base[b], folder, i, i);
#pragma GCC diagnostic pop
			other = file(path, &m);
			assert_int_equal(n, m);
			assert_memory_equal(one, other, n);
		}
	}
	printf("seed 4711: %d kills, %d targets seen cut and done again\n", KILLS, cut);
	bp_arena_reset(mem);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_bad_folder),
		cmocka_unit_test(test_kill),
	};

	return in_folder(tests, sizeof tests / sizeof *tests);
}
