/* Key files are as ZeroMQ's other tools write them (zcert, pyzmq's zmq.auth): lines `public-key = "..."` and `secret-key = "..."`, 40
 * letters each (Z85); other lines are ignored. */
#include "stream/curve.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum { Z85 = 41, RAW = 32, MOST_PEERS = 4096 };

struct peer {
	char name[256]; /* file name without what follows the last dot */
	char key[Z85];
	unsigned char raw[RAW];
};

struct bp_keys {
	char public[Z85], secret[Z85];
	const char *dir;
	int n;
	struct peer *peer;
};

/* line: KEY = "VALUE" */
static void
read_line(const char *line, const char *key, char value[Z85])
{
	const char *p = line + strspn(line, " \t");
	size_t n = strlen(key);

	if (strncmp(p, key, n) != 0)
		return;
	p += n;
	p += strspn(p, " \t=");
	if (*p == '"' && strcspn(p + 1, "\"") == Z85 - 1)
		memcpy(value, p + 1, Z85 - 1);
}

static int
read_key(const char *path, char public[Z85], char secret[Z85], struct bp_err *err)
{
	FILE *f = fopen(path, "re");
	unsigned char raw[RAW];
	char line[512];

	memset(public, 0, Z85);
	memset(secret, 0, Z85);
	if (!f)
		return BP_FAIL(err, BP_EUSAGE, "boltzpipe keygen makes keys", "%s: %s", path, strerror(errno));
	while (fgets(line, sizeof line, f)) {
		read_line(line, "public-key", public);
		read_line(line, "secret-key", secret);
	}
	fclose(f);
	if (!*public || !zmq_z85_decode(raw, public) || (*secret && !zmq_z85_decode(raw, secret)))
		return BP_FAIL(err, BP_EUSAGE, "boltzpipe keygen makes keys", "%s: no key in it", path);
	return BP_OK;
}

static int
read_peers(struct bp_keys *k, struct bp_err *err)
{
	char path[4096], secret[Z85];
	struct dirent *e;
	DIR *dir = opendir(k->dir);
	int st = BP_OK;

	if (!dir)
		return BP_FAIL(err, BP_EUSAGE, NULL, "--peer-keys %s: %s", k->dir, strerror(errno));
	while (st == BP_OK && (e = readdir(dir))) {
		struct peer *p;
		if (*e->d_name == '.')
			continue;
		if (k->n == MOST_PEERS) {
			st = BP_FAIL(err, BP_EUSAGE, NULL, "--peer-keys %s: more than %d keys", k->dir, MOST_PEERS);
			break;
		}
		if (!(p = realloc(k->peer, (size_t)(k->n + 1) * sizeof *p))) {
			st = BP_FAIL(err, BP_EMEM, NULL, "no memory for keys");
			break;
		}
		k->peer = p;
		p += k->n;
		snprintf(path, sizeof path, "%s/%s", k->dir, e->d_name);
		if ((st = read_key(path, p->key, secret, err)) == BP_OK) {
			zmq_z85_decode(p->raw, p->key);
			snprintf(p->name, sizeof p->name, "%s", e->d_name);
			if (strrchr(p->name, '.'))
				*strrchr(p->name, '.') = 0;
			k->n++;
		}
	}
	closedir(dir);
	if (st == BP_OK && !k->n)
		st = BP_FAIL(err, BP_EUSAGE, "copy the peers' .pub files there", "--peer-keys %s: no keys in it", k->dir);
	return st;
}

int
bp_curve_open(struct bp_keys **ret, void **zap, void *ctx, const struct bp_wire_opt *o, struct bp_err *err)
{
	struct bp_keys *k;
	int st;

	*ret = NULL;
	*zap = NULL;
	if (!o->key || !o->peer_keys)
		return BP_FAIL(err, BP_EUSAGE, "boltzpipe keygen makes keys", "--%s needs --%s",
		    o->key ? "key" : "peer-keys", o->key ? "peer-keys" : "key");
	if (!zmq_has("curve"))
		return BP_FAIL(err, BP_EUNSUP, "install one with libsodium", "--key: this libzmq cannot encrypt");
	if (!(k = calloc(1, sizeof *k)))
		return BP_FAIL(err, BP_EMEM, NULL, "no memory for keys");
	k->dir = o->peer_keys;
	if ((st = read_key(o->key, k->public, k->secret, err)) == BP_OK && !*k->secret)
		st = BP_FAIL(err, BP_EUSAGE, "give the file with the secret key", "%s: no secret key in it", o->key);
	if (st == BP_OK)
		st = read_peers(k, err);
	if (st == BP_OK && (!(*zap = zmq_socket(ctx, ZMQ_REP)) || zmq_bind(*zap, "inproc://zeromq.zap.01") != 0))
		st = BP_FAIL(err, BP_EIO, NULL, "ZeroMQ's question of whom to admit: %s", zmq_strerror(errno));
	if (st != BP_OK) {
		bp_curve_close(k);
		return st;
	}
	*ret = k;
	return BP_OK;
}

void
bp_curve_close(struct bp_keys *k)
{
	if (!k)
		return;
	explicit_bzero(k->secret, sizeof k->secret);
	free(k->peer);
	free(k);
}

/* the key that the program at tcp://HOST:PORT must have */
static const char *
server_key(const struct bp_keys *k, const char *address)
{
	const char *host = strstr(address, "://") ? strstr(address, "://") + 3 : address, *colon = strrchr(host, ':');
	size_t n = colon ? (size_t)(colon - host) : strlen(host);

	for (int i = 0; i < k->n; i++)
		if (strlen(k->peer[i].name) == n && memcmp(k->peer[i].name, host, n) == 0)
			return k->peer[i].key;
	return k->n == 1 ? k->peer[0].key : NULL;
}

static int
set(void *sock, int option, const void *p, size_t n, struct bp_err *err)
{
	return zmq_setsockopt(sock, option, p, n) == 0
	    ? BP_OK
	    : BP_FAIL(err, BP_EUSAGE, NULL, "the keys are not fit for ZeroMQ: %s", zmq_strerror(errno));
}

int
bp_curve_socket(struct bp_keys *k, void *sock, const char *address, bool bind, struct bp_err *err)
{
	static const char domain[] = "boltzpipe";
	const char *server = bind ? NULL : server_key(k, address);
	int one = 1;

	BP_TRY(set(sock, ZMQ_CURVE_SECRETKEY, k->secret, Z85, err));
	if (bind) {
		BP_TRY(set(sock, ZMQ_ZAP_DOMAIN, domain, sizeof domain - 1, err));
		return set(sock, ZMQ_CURVE_SERVER, &one, sizeof one, err);
	}
	if (!server)
		return BP_FAIL(err, BP_EUSAGE, "name the key of a peer HOST.pub", "%s: no key of that host in %s", address, k->dir);
	BP_TRY(set(sock, ZMQ_CURVE_PUBLICKEY, k->public, Z85, err));
	return set(sock, ZMQ_CURVE_SERVERKEY, server, Z85, err);
}

static bool
known(const struct bp_keys *k, const void *raw, size_t n)
{
	if (n != RAW)
		return false;
	for (int i = 0; i < k->n; i++)
		if (memcmp(k->peer[i].raw, raw, RAW) == 0)
			return true;
	return false;
}

/* ZAP (rfc.zeromq.org/spec/27): version, request, domain, address, identity, mechanism, key */
static int
answer(struct bp_keys *k, void *zap)
{
	enum { REQUEST = 1, MECHANISM = 5, KEY = 6, FRAMES = 7 };
	zmq_msg_t f[FRAMES];
	int n = 0, more = 1;
	bool admit;

	for (; n < FRAMES && more; n++) {
		zmq_msg_init(&f[n]);
		if (zmq_msg_recv(&f[n], zap, ZMQ_DONTWAIT) < 0) {
			zmq_msg_close(&f[n]);
			break;
		}
		more = zmq_msg_more(&f[n]);
	}
	if (n == 0)
		return -1;
	admit = n == FRAMES && zmq_msg_size(&f[MECHANISM]) == 5 && memcmp(zmq_msg_data(&f[MECHANISM]), "CURVE", 5) == 0
	    && known(k, zmq_msg_data(&f[KEY]), zmq_msg_size(&f[KEY]));
	(void)zmq_send(zap, "1.0", 3, ZMQ_SNDMORE);
	if (n > REQUEST)
		(void)zmq_send(zap, zmq_msg_data(&f[REQUEST]), zmq_msg_size(&f[REQUEST]), ZMQ_SNDMORE);
	(void)zmq_send(zap, admit ? "200" : "400", 3, ZMQ_SNDMORE);
	(void)zmq_send(zap, admit ? "known" : "unknown key", admit ? 5 : 11, ZMQ_SNDMORE);
	(void)zmq_send(zap, "", 0, ZMQ_SNDMORE);
	(void)zmq_send(zap, "", 0, 0);
	for (int i = 0; i < n; i++)
		zmq_msg_close(&f[i]);
	return !admit;
}

int
bp_curve_admit(struct bp_keys *k, void *zap)
{
	int refused = 0, r;

	while ((r = answer(k, zap)) >= 0)
		refused += r;
	return refused;
}
