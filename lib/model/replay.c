/* lib/model/replay.c: see replay.h */
#include "model/replay.h"

#include <string.h>

void
bp_key_add(struct bp_key *k, const void *p, size_t n)
{
	if (k->n <= sizeof k->b && n <= sizeof k->b - k->n) {
		memcpy(k->b + k->n, p, n);
		k->n += n;
	} else {
		k->n = sizeof k->b + 1;
	}
}

void
bp_key_feats(struct bp_key *k, const struct bp_feats *f)
{
	const size_t pointers = offsetof(struct bp_feats, asym_id); /* what use_template has is on the host, and counts */

	BP_KEY_ADD(k, f->n);
	BP_KEY_ADD(k, f->atoms);
	BP_KEY_ADD(k, f->members);
	BP_KEY_ADD(k, f->s);
	BP_KEY_ADD(k, f->t);
	BP_KEY_ADD(k, f->groups);
	BP_KEY_ADD(k, f->padded);
	BP_KEY_ADD(k, f->msa_padded);
	BP_KEY_ADD(k, f->cyclic);
	BP_KEY_ADD(k, f->templates);
	if (f->use_template)
		bp_key_add(k, f->use_template, (size_t)f->t);
	bp_key_add(k, (const char *)f + pointers, sizeof *f - pointers);
}

static bool
same(const struct bp_key *a, const struct bp_key *b)
{
	return a->n == b->n && a->n && !memcmp(a->b, b->b, a->n);
}

void
bp_replay_forget(struct bp_replay *r, struct bp_ctx *cx)
{
	bp_dev_forget(cx, r->recording);
	r->recording = NULL;
	r->key.n = 0;
}

int
bp_replay(struct bp_replay *r, struct bp_ctx *cx, const struct bp_key *key, int (*work)(void *self, struct bp_ctx *cx), void *self)
{
	int st;

	if (!bp_dev_records(cx) || key->n > sizeof key->b)
		return work(self, cx);
	if (!same(&r->key, key) || r->epoch != cx->epoch) {
		bp_replay_forget(r, cx);
		BP_TRY(work(self, cx));
		r->key = *key;
		r->epoch = cx->epoch;
		return BP_OK;
	}
	if (!r->recording) {
		BP_TRY(bp_dev_record(cx));
		st = work(self, cx);
		if (bp_dev_recorded(cx, &r->recording, st == BP_OK) != BP_OK || st != BP_OK) {
			bp_replay_forget(r, cx);
			return st != BP_OK ? st : cx->err->code;
		}
	}
	return bp_dev_replay(cx, r->recording);
}
