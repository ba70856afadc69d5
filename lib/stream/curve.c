#include "stream/curve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "stream/keys.h"

enum { RAW = 32 };

struct bp_curve {
	struct bp_key key;
	struct bp_peers peers;
	struct bp_arena *mem;
	const char *dir;
};

int
bp_curve_open(struct bp_curve **ret, void **zap, void *ctx, const struct bp_wire_opt *o, struct bp_err *err)
{
	struct bp_curve *k;
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
	if ((st = bp_arena_open(&k->mem, 0, err)) == BP_OK && (st = bp_key_read(&k->key, o->key, err)) == BP_OK)
		st = bp_peers_read(&k->peers, o->peer_keys, k->mem, err);
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
bp_curve_close(struct bp_curve *k)
{
	if (!k)
		return;
	explicit_bzero(&k->key, sizeof k->key);
	bp_arena_close(k->mem);
	free(k);
}

static int
set(void *sock, int option, const void *p, size_t n, struct bp_err *err)
{
	return zmq_setsockopt(sock, option, p, n) == 0
	    ? BP_OK
	    : BP_FAIL(err, BP_EUSAGE, NULL, "the keys are not fit for ZeroMQ: %s", zmq_strerror(errno));
}

int
bp_curve_socket(struct bp_curve *k, void *sock, const char *address, bool bind, struct bp_err *err)
{
	static const char domain[] = "boltzpipe";
	const struct bp_peer *server;
	char host[256];
	int one = 1;

	BP_TRY(set(sock, ZMQ_CURVE_SECRETKEY, k->key.secret_key, BP_KEY_TEXT, err));
	if (bind) {
		BP_TRY(set(sock, ZMQ_ZAP_DOMAIN, domain, sizeof domain - 1, err));
		return set(sock, ZMQ_CURVE_SERVER, &one, sizeof one, err);
	}
	snprintf(host, sizeof host, "%s", address + strlen("tcp://"));
	if (strrchr(host, ':'))
		*strrchr(host, ':') = 0;
	if (!(server = bp_peers_at(&k->peers, host)))
		return BP_FAIL(err, BP_EUSAGE, "copy that machine's .pub file there, as HOST.pub",
		    "%s: no key of %s in %s", address, host, k->dir);
	BP_TRY(set(sock, ZMQ_CURVE_PUBLICKEY, k->key.public_key, BP_KEY_TEXT, err));
	return set(sock, ZMQ_CURVE_SERVERKEY, server->public_key, BP_KEY_TEXT, err);
}

static bool
known(const struct bp_curve *k, zmq_msg_t *raw)
{
	char text[BP_KEY_TEXT];

	return zmq_msg_size(raw) == RAW && zmq_z85_encode(text, zmq_msg_data(raw), RAW)
	    && bp_peers_who(&k->peers, text);
}

/* ZAP (rfc.zeromq.org/spec/27): version, request, domain, address, identity, mechanism, key */
static int
answer(struct bp_curve *k, void *zap)
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
	    && known(k, &f[KEY]);
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
bp_curve_admit(struct bp_curve *k, void *zap)
{
	int refused = 0, r;

	while ((r = answer(k, zap)) >= 0)
		refused += r;
	return refused;
}
