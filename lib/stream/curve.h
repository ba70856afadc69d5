/* lib/stream/curve.h: encryption and admission for sockets (ZeroMQ's CURVE and ZAP). */
#ifndef BP_CURVE_H
#define BP_CURVE_H

#include <stdbool.h>

#include "base/opt.h"

struct bp_curve;

/* Read --key and --peer-keys; *zap: the socket on which ZeroMQ asks whom to admit. Both options must be given. The caller closes *zap. */
int bp_curve_open(
    struct bp_curve **ret, void **zap, void *ctx, const struct bp_wire_opt *o, struct bp_err *err) BP_MUST_USE;
void bp_curve_close(struct bp_curve *k); /* NULL is fine */
/* Prepare a socket for `address` (tcp://HOST:PORT): one that binds admits the known peers, one that connects expects the key of HOST. */
int bp_curve_socket(struct bp_curve *k, void *sock, const char *address, bool bind, struct bp_err *err) BP_MUST_USE;
/* Answer ZeroMQ's questions that wait; the number of peers that were turned away. */
int bp_curve_admit(struct bp_curve *k, void *zap);

#endif
