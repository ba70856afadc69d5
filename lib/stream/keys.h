/* lib/stream/keys.h: CURVE keys (libzmq, Z85 text) in files.
 *
 *     NAME.key   # a comment         the secret half, mode 0600
 *                public: 40 characters
 *                secret: 40 characters
 *     NAME.pub   public: 40 characters
 *
 * A folder of .pub files says who may talk to us and what they are called. */
#ifndef BP_KEYS_H
#define BP_KEYS_H

#include "base/arena.h"

enum { BP_KEY_TEXT = 41, BP_PEER_NAME = 64 }; /* both with the NUL */

struct bp_key {
	char public_key[BP_KEY_TEXT], secret_key[BP_KEY_TEXT];
};

struct bp_peer {
	char name[BP_PEER_NAME]; /* of the file, without .pub */
	char public_key[BP_KEY_TEXT];
};
struct bp_peers {
	struct bp_peer *peer; /* [n] by name */
	int n;
};

/* A new pair. BP_EUNSUP: libzmq was built without CURVE. */
int bp_key_make(struct bp_key *key, struct bp_err *err) BP_MUST_USE;
/* PREFIX.key and PREFIX.pub, which must not be there. Both or none are left. BP_EUSAGE, BP_EIO. */
int bp_key_write(const char *prefix, const struct bp_key *key, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;
/* A secret file. BP_EUSAGE: it is not ours, others may read it, it is no key, or its halves do not belong together. */
int bp_key_read(struct bp_key *key, const char *path, struct bp_err *err) BP_MUST_USE;

/* Every .pub of a folder. BP_EUSAGE: there is none; one is damaged, or writable for everybody; two have one key. */
int bp_peers_read(struct bp_peers *ret, const char *dir, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;
/* Who has this public key? NULL: a stranger. */
const struct bp_peer *bp_peers_who(const struct bp_peers *p, const char *public_key);
/* The key that the peer at this host is to have, as a client must know it: that of the peer with the host's name, or
 * the only one there is. NULL: neither. */
const struct bp_peer *bp_peers_at(const struct bp_peers *p, const char *host);

#endif
