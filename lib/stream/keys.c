#include "stream/keys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

enum { FILE_LIMIT = 1024, MAX_PEERS = 4096 };

/* Z85 is 5 of these 85 characters for 4 bytes; a key has 32 bytes */
static bool
is_key(const char *s)
{
	unsigned char bytes[32];

	return strlen(s) == BP_KEY_TEXT - 1 && zmq_z85_decode(bytes, s) != NULL;
}

int
bp_key_make(struct bp_key *key, struct bp_err *err)
{
	if (zmq_curve_keypair(key->public_key, key->secret_key) == 0)
		return BP_OK;
	return BP_FAIL(err, BP_EUNSUP, "install one that has it", "no keys: this libzmq was built without CURVE");
}

/* Files --------------------------------------------------------------------------------------------------- */

static int
write_file(const char *path, mode_t mode, const char *text, struct bp_err *err)
{
	size_t n = strlen(text);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode), e = 0;

	if (fd < 0)
		return BP_FAIL(err, BP_EUSAGE, errno == EEXIST ? "choose another name, or remove it" : NULL, "%s: %s",
		    path, strerror(errno));
	errno = 0;
	if (fchmod(fd, mode) != 0 || write(fd, text, n) != (ssize_t)n
	    || fsync(fd) != 0) /* fchmod: whatever the umask */
		e = errno ? errno : EIO;
	if (close(fd) != 0 && e == 0)
		e = errno;
	if (e == 0)
		return BP_OK;
	unlink(path);
	return BP_FAIL(err, BP_EIO, NULL, "%s: %s", path, strerror(e));
}

int
bp_key_write(const char *prefix, const struct bp_key *key, struct bp_arena *mem, struct bp_err *err)
{
	char *secret = bp_sprintf(mem, err, "%s.key", prefix), *public = bp_sprintf(mem, err, "%s.pub", prefix),
	     *text[2];
	int st;

	if (!secret || !public
	    || !(text[0] = bp_sprintf(mem, err,
	             "# boltzpipe: a secret key; nobody but its owner may read it\npublic: %s\nsecret: %s\n",
	             key->public_key, key->secret_key))
	    || !(text[1] = bp_sprintf(mem, err,
	             "# boltzpipe: a public key, for the --peer-keys folder of others\npublic: %s\n", key->public_key)))
		return BP_EMEM;
	BP_TRY(write_file(secret, 0600, text[0], err));
	if ((st = write_file(public, 0644, text[1], err)) != BP_OK)
		unlink(secret);
	return st;
}

/* A small regular file as text. forbidden: bits that its mode may not have. */
static int
read_file(char text[FILE_LIMIT], const char *path, mode_t forbidden, bool ours, struct bp_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), e = errno;
	struct stat sb = { 0 };
	ssize_t n;

	if (fd < 0)
		return BP_FAIL(err, BP_EUSAGE, "boltzpipe keygen makes keys", "%s: %s", path, strerror(e));
	n = fstat(fd, &sb) == 0 && S_ISREG(sb.st_mode) ? read(fd, text, FILE_LIMIT - 1) : -1;
	close(fd);
	if (n < 0 || sb.st_size >= FILE_LIMIT)
		return BP_FAIL(err, BP_EUSAGE, "boltzpipe keygen makes keys", "%s: not a key file", path);
	if (ours && sb.st_uid != geteuid() && sb.st_uid != 0)
		return BP_FAIL(
		    err, BP_EUSAGE, "take a key of your own", "%s: belongs to user %u", path, (unsigned)sb.st_uid);
	if (sb.st_mode & forbidden)
		return BP_FAIL(err, BP_EUSAGE,
		    ours ? "chmod 600 it, and take a new one if others could read it" : "chmod 644 it",
		    "%s: mode %03o: others may %s it", path, (unsigned)sb.st_mode & 0777,
		    ours ? "read or change" : "change");
	text[n] = 0;
	return BP_OK;
}

/* the value of the line "name: value" */
static int
read_line(char value[BP_KEY_TEXT], const char *text, const char *name, const char *path, struct bp_err *err)
{
	size_t n = strlen(name);

	for (const char *s = text; s; s = strchr(s, '\n') ? strchr(s, '\n') + 1 : NULL)
		if (strncmp(s, name, n) == 0 && strncmp(s + n, ": ", 2) == 0) {
			snprintf(value, BP_KEY_TEXT, "%.*s", (int)strcspn(s + n + 2, " \t\r\n"), s + n + 2);
			if (is_key(value) && strcspn(s + n + 2, " \t\r\n") == BP_KEY_TEXT - 1)
				return BP_OK;
		}
	return BP_FAIL(err, BP_EUSAGE, "boltzpipe keygen makes keys", "%s: no line '%s: ' with a key of 40 characters",
	    path, name);
}

int
bp_key_read(struct bp_key *key, const char *path, struct bp_err *err)
{
	char text[FILE_LIMIT], public_key[BP_KEY_TEXT];

	BP_TRY(read_file(text, path, 0077, true, err));
	BP_TRY(read_line(key->public_key, text, "public", path, err));
	BP_TRY(read_line(key->secret_key, text, "secret", path, err));
	if (zmq_curve_public(public_key, key->secret_key) != 0 || strcmp(public_key, key->public_key) != 0)
		return BP_FAIL(
		    err, BP_EUSAGE, "make a new one: boltzpipe keygen", "%s: its two halves are not of one key", path);
	return BP_OK;
}

/* The folder ---------------------------------------------------------------------------------------------- */

static int
add_peer(struct bp_peers *p, const char *dir, const char *file, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_peer *peer = &p->peer[p->n];
	char text[FILE_LIMIT], *path = bp_sprintf(mem, err, "%s/%s", dir, file);
	size_t n = strlen(file) - strlen(".pub");
	const struct bp_peer *same;

	if (!path)
		return BP_EMEM;
	if (n >= BP_PEER_NAME)
		return BP_FAIL(
		    err, BP_EUSAGE, "shorten it", "%s: a peer's name has at most %d bytes", path, BP_PEER_NAME - 1);
	snprintf(peer->name, sizeof peer->name, "%.*s", (int)n, file);
	BP_TRY(read_file(text, path, 0002, false, err));
	BP_TRY(read_line(peer->public_key, text, "public", path, err));
	if ((same = bp_peers_who(p, peer->public_key)))
		return BP_FAIL(
		    err, BP_EUSAGE, "remove one of them", "%s: the same key as that of %s", path, same->name);
	p->n++;
	return BP_OK;
}

static int
is_public(const struct dirent *e)
{
	size_t n = strlen(e->d_name);

	return n > 4 && e->d_name[0] != '.' && strcmp(e->d_name + n - 4, ".pub") == 0;
}

int
bp_peers_read(struct bp_peers *ret, const char *dir, struct bp_arena *mem, struct bp_err *err)
{
	struct dirent **e;
	int n = scandir(dir, &e, is_public, alphasort), st = BP_OK;

	*ret = (struct bp_peers) { 0 };
	if (n < 0)
		return BP_FAIL(err, BP_EUSAGE, NULL, "%s: %s", dir, strerror(errno));
	if (n == 0 || n > MAX_PEERS)
		st = BP_FAIL(err, BP_EUSAGE, "put the peers' NAME.pub there", "%s: %d public keys, 1 to %d wanted", dir,
		    n, MAX_PEERS);
	else if (!(ret->peer = bp_calloc(mem, (size_t)n, sizeof *ret->peer, err)))
		st = BP_EMEM;
	for (int i = 0; i < n; i++) {
		if (st == BP_OK)
			st = add_peer(ret, dir, e[i]->d_name, mem, err);
		free(e[i]);
	}
	free(e);
	return st;
}

const struct bp_peer *
bp_peers_who(const struct bp_peers *p, const char *public_key)
{
	for (int i = 0; i < p->n; i++)
		if (strcmp(p->peer[i].public_key, public_key) == 0)
			return &p->peer[i];
	return NULL;
}

const struct bp_peer *
bp_peers_at(const struct bp_peers *p, const char *host)
{
	for (int i = 0; i < p->n; i++)
		if (strcmp(p->peer[i].name, host) == 0)
			return &p->peer[i];
	return p->n == 1 ? &p->peer[0] : NULL;
}
