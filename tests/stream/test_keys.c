/* CURVE keys in files: what is written reads back, and what is not safe or no key is refused */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stream/keys.h"

static struct bp_arena *mem;
static char top[64], path[128];

static const char *
at(const char *name)
{
	snprintf(path, sizeof path, "%s/%s", top, name);
	return path;
}

static int
setup(void **state)
{
	(void)state;
	snprintf(top, sizeof top, "/tmp/test_keys.XXXXXX");
	return !mkdtemp(top) || bp_arena_open(&mem, 0, NULL) != BP_OK;
}

static int
teardown(void **state)
{
	char cmd[128];

	(void)state;
	bp_arena_close(mem);
	snprintf(cmd, sizeof cmd, "rm -rf '%s'", top);
	return system(cmd);
}

static void
put(const char *name, mode_t mode, const char *text)
{
	FILE *f = fopen(at(name), "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void
make(struct bp_key *key, const char *name)
{
	assert_int_equal(bp_key_make(key, NULL), BP_OK);
	assert_int_equal(bp_key_write(at(name), key, mem, NULL), BP_OK);
}

static void
refused(const char *file, const char *what)
{
	struct bp_key key;
	struct bp_err err = { 0 };

	assert_int_equal(bp_key_read(&key, at(file), &err), BP_EUSAGE);
	if (!strstr(err.msg, what))
		fail_msg("%s: no '%s'", err.msg, what);
}

static void
test_pair(void **state)
{
	struct bp_key a, b, read;
	struct bp_err err = { 0 };
	char text[300];
	struct stat sb;

	(void)state;
	umask(0);
	make(&a, "a");
	make(&b, "b");
	assert_string_not_equal(a.secret_key, b.secret_key);
	assert_int_equal(stat(at("a.key"), &sb), 0);
	assert_int_equal(sb.st_mode & 0777, 0600);
	assert_int_equal(stat(at("a.pub"), &sb), 0);
	assert_int_equal(sb.st_mode & 0777, 0644);
	assert_int_equal(bp_key_read(&read, at("a.key"), &err), BP_OK);
	assert_memory_equal(&read, &a, sizeof a);
	/* an old one is not replaced, neither when only its public half is there */
	assert_int_equal(bp_key_write(at("a"), &b, mem, &err), BP_EUSAGE);
	assert_int_equal(unlink(at("a.key")), 0);
	assert_int_equal(bp_key_write(at("a"), &b, mem, &err), BP_EUSAGE);
	assert_int_not_equal(access(at("a.key"), F_OK), 0);
	/* what is no key, or not kept secret */
	refused("a.pub", "may read");
	refused("none", "No such file");
	refused(".", "not a key file");
	put("empty", 0600, "");
	refused("empty", "no line 'public: '");
	put("short", 0600, "public: abc\nsecret: abc\n");
	refused("short", "no line 'public: '");
	snprintf(text, sizeof text, "public: %s\nsecret: %s\n", a.public_key, b.secret_key);
	put("mixed", 0600, text);
	refused("mixed", "not of one key");
	snprintf(text, sizeof text, "public: %sx\nsecret: %s\n", a.public_key, a.secret_key);
	put("long", 0600, text);
	refused("long", "no line 'public: '");
	snprintf(text, sizeof text, "public: %s\nsecret: %.39s~\n", a.public_key, a.secret_key);
	put("letters", 0600, text);
	refused("letters", "no line 'secret: '");
	snprintf(text, sizeof text, "public: %s\r\nsecret: %s\r\n", a.public_key, a.secret_key);
	put("dos", 0640, text);
	refused("dos", "mode 640");
	put("dos", 0400, text);
	assert_int_equal(bp_key_read(&read, at("dos"), &err), BP_OK);
}

static void
peers_refused(const char *what)
{
	struct bp_peers p;
	struct bp_err err = { 0 };

	assert_int_equal(bp_peers_read(&p, at("peers"), mem, &err), BP_EUSAGE);
	if (!strstr(err.msg, what))
		fail_msg("%s: no '%s'", err.msg, what);
}

static void
test_peers(void **state)
{
	struct bp_key a, b, c;
	struct bp_peers p;
	char text[100];

	(void)state;
	peers_refused("No such file");
	assert_int_equal(mkdir(at("peers"), 0755), 0);
	peers_refused("0 public keys");
	make(&a, "peers/node1");
	assert_int_equal(bp_peers_read(&p, at("peers"), mem, NULL), BP_OK);
	assert_int_equal(p.n, 1);
	assert_string_equal(bp_peers_at(&p, "anywhere")->public_key, a.public_key); /* the only one */
	make(&b, "peers/node2");
	assert_int_equal(bp_key_make(&c, NULL), BP_OK);
	put("peers/README", 0666, "no key\n");
	assert_int_equal(bp_peers_read(&p, at("peers"), mem, NULL), BP_OK);
	assert_int_equal(p.n, 2);
	assert_string_equal(bp_peers_who(&p, b.public_key)->name, "node2");
	assert_null(bp_peers_who(&p, c.public_key));
	assert_null(bp_peers_who(&p, ""));
	assert_string_equal(bp_peers_at(&p, "node2")->public_key, b.public_key);
	assert_null(bp_peers_at(&p, "node3"));
	snprintf(text, sizeof text, "public: %s\n", b.public_key);
	put("peers/twin.pub", 0644, text);
	peers_refused("the same key as that of node2");
	put("peers/twin.pub", 0644, "nothing\n");
	peers_refused("twin.pub: no line 'public: '");
	snprintf(text, sizeof text, "public: %s\n", c.public_key);
	put("peers/twin.pub", 0666, text);
	peers_refused("others may change it");
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_pair), cmocka_unit_test(test_peers) };

	return cmocka_run_group_tests(tests, setup, teardown);
}
