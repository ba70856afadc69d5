/* weights: an open file of parameters / hyper-parameters / binding by name / layers that several modules have. */
#include "model/weights.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/hash.h"
#include "base/main.h"
#include "tensor/safetensors.h"

#define DEMO "demo/boltz-demo.safetensors"

struct bp_weights {
	struct bp_st *st;
	struct bp_arena *mem;   /* converted parameters, the hyper-parameters */
	struct bp_val *hyper;   /* a map, or NULL */
	const float **f32;      /* [count] host memory: the parameter as fp32, once it was bound */
	char id[BP_HASH_SIZE];
	bool demo;
	pthread_t verifier;     /* sums up the file while the first target is worked on */
	pthread_mutex_t joining;
	bool verifying;
	int verified;           /* what the verifier found, valid once it was joined */
	struct bp_err fault;
};

/* ---- an open file ---- */

/* the file to take, in mem, when the user names none */
static int
search(char **ret, struct bp_arena *mem, struct bp_err *err)
{
	const char *named = getenv("BOLTZPIPE_WEIGHTS"), *home = getenv("HOME");

	if (named && *named)
		return (*ret = bp_strdup(mem, named, err)) ? BP_OK : BP_EMEM;
	if (home && *home) {
		if (!(*ret = bp_sprintf(mem, err, "%s/.boltz/boltz2.safetensors", home)))
			return BP_EMEM;
		if (access(*ret, R_OK) == 0)
			return BP_OK;
	}
	if ((*ret = bp_share_path(DEMO, mem, NULL)))
		return BP_OK;
	return BP_FAIL(err, BP_EUSAGE,
	    "give --weights FILE, or make one: weights import boltz2_conf.ckpt -o ~/.boltz/boltz2.safetensors",
	    "no model weights: neither $BOLTZPIPE_WEIGHTS nor %s/.boltz/boltz2.safetensors nor share/" DEMO " is there",
	    home && *home ? home : "~");
}

static int
read_metadata(struct bp_weights *w, struct bp_err *err)
{
	static const char *const keys[] = { "hyper_parameters", "config" };
	const struct bp_val *m = bp_st_metadata(w->st);
	const char *demo = bp_val_cstr(bp_val_get(m, "demo"), "");

	w->demo = !strcmp(demo, "1") || !strcmp(demo, "true");
	for (size_t i = 0; i < sizeof keys / sizeof *keys && !w->hyper; i++) {
		const char *text = bp_val_cstr(bp_val_get(m, keys[i]), NULL);
		if (text && bp_json_read(&w->hyper, text, strlen(text), w->mem, err) != BP_OK) {
			bp_err_where(err, "%s: metadata %s", bp_st_path(w->st), keys[i]);
			return BP_EUSAGE;
		}
	}
	return BP_OK;
}

static int
identify(struct bp_weights *w, struct bp_err *err)
{
	size_t size, header;
	const char *bytes = bp_st_bytes(w->st, &size, &header), *text;
	char of_header[BP_HASH_SIZE];
	struct stat sb;

	bp_hash(w->id, bytes + 8, header);
	if (bp_val_get(bp_st_metadata(w->st), "xxh64"))
		return BP_OK;
	memcpy(of_header, w->id, sizeof of_header);
	if (stat(bp_st_path(w->st), &sb) != 0)
		return BP_FAIL(err, BP_EIO, NULL, "%s: %s", bp_st_path(w->st), strerror(errno));
	if (!(text = bp_sprintf(w->mem, err, "%s %zu %lld.%09ld", of_header, size, (long long)sb.st_mtim.tv_sec,
		  sb.st_mtim.tv_nsec)))
		return BP_EMEM;
	bp_hash(w->id, text, strlen(text));
	return BP_OK;
}

static int
open_file(struct bp_weights *w, const char *path, struct bp_err *err)
{
	char *found = NULL;

	BP_TRY(bp_arena_open(&w->mem, 0, err));
	if (!path)
		BP_TRY(search(&found, w->mem, err));
	BP_TRY(bp_st_open(&w->st, path ? path : found, err));
	BP_NEW(w->f32, bp_st_count(w->st) + 1, w->mem, err);
	BP_TRY(identify(w, err));
	return read_metadata(w, err);
}

static void *
verify(void *self)
{
	struct bp_weights *w = self;
	bool has;

	w->verified = bp_st_verify(w->st, &has, &w->fault);
	return NULL;
}

int
bp_weights_check(struct bp_weights *w, struct bp_err *err)
{
	pthread_mutex_lock(&w->joining); /* lanes ask at the same time */
	if (w->verifying)
		pthread_join(w->verifier, NULL);
	w->verifying = false;
	pthread_mutex_unlock(&w->joining);
	if (w->verified == BP_OK)
		return BP_OK;
	if (err)
		*err = w->fault;
	return BP_FAIL(err, BP_EUSAGE, w->fault.hint, "%s", w->fault.msg);
}

int
bp_weights_open(struct bp_weights **ret, const char *path, struct bp_err *err)
{
	struct bp_weights *w = calloc(1, sizeof *w);
	int st;

	*ret = NULL;
	if (!w)
		return BP_FAIL(err, BP_EMEM, NULL, "no memory for the weights' table");
	pthread_mutex_init(&w->joining, NULL);
	if ((st = open_file(w, path, err)) != BP_OK) {
		bp_weights_close(w);
		if (st == BP_EINPUT || st == BP_EIO) /* the configuration is at fault, not a target */
			st = BP_EUSAGE;
		if (err)
			err->code = st;
		return st;
	}
	w->verifying = pthread_create(&w->verifier, NULL, verify, w) == 0;
	if (!w->verifying)
		verify(w);
	*ret = w;
	return BP_OK;
}

void
bp_weights_close(struct bp_weights *w)
{
	if (!w)
		return;
	if (w->verifying)
		pthread_join(w->verifier, NULL);
	bp_st_close(w->st);
	bp_arena_close(w->mem);
	pthread_mutex_destroy(&w->joining);
	free(w);
}

const char *
bp_weights_path(const struct bp_weights *w)
{
	return bp_st_path(w->st);
}

const char *
bp_weights_id(const struct bp_weights *w)
{
	return w->id;
}

int
bp_weights_find_id(const char **ret, const char *path, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_weights w = { 0 };
	int st = open_file(&w, path, err);

	if (st == BP_OK && !(*ret = bp_strdup(mem, w.id, err)))
		st = BP_EMEM;
	bp_st_close(w.st);
	bp_arena_close(w.mem);
	return st;
}

bool
bp_weights_demo(const struct bp_weights *w)
{
	return w->demo;
}

void
bp_weights_warn(const struct bp_weights *w)
{
	if (w->demo)
		bp_log(BP_LOG_WARN,
		    "%s: demonstration weights: they know 25 inputs by heart and no other, and predict nothing",
		    bp_weights_path(w));
}

bool
bp_weights_has(const struct bp_weights *w, const char *name)
{
	return bp_st_get(w->st, name) != NULL;
}

static const char *
file_name(const struct bp_weights *w)
{
	const char *path = bp_weights_path(w), *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

struct bp_val *
bp_weights_meta(const struct bp_weights *w, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_val *m = bp_val_map(mem, err);

	if (!m || bp_val_set(m, "file", bp_val_str(mem, file_name(w), err), mem, err) != BP_OK
	    || bp_val_set(m, "demo", bp_val_bool(mem, w->demo, err), mem, err) != BP_OK)
		return NULL;
	return m;
}

void
bp_weights_compare(const struct bp_weights *w, const struct bp_val *meta, const char *id)
{
	const char *made = bp_val_cstr(bp_val_get(bp_val_get(meta, "weights"), "file"), NULL);

	if (made && strcmp(made, file_name(w)) != 0)
		bp_log(BP_LOG_WARN,
		    "%s: the trunk was run with %s, this stage has %s: results are only right with one network", id,
		    made, file_name(w));
}

/* ---- hyper-parameters ---- */

static const struct bp_val *
hyper(const struct bp_weights *w, const char *name)
{
	const struct bp_val *v = w->hyper;
	char part[64];

	while (v && *name) {
		size_t n = strcspn(name, ".");
		bp_assert(n < sizeof part);
		memcpy(part, name, n);
		part[n] = 0;
		v = bp_val_get(v, part);
		name += n + (name[n] == '.');
	}
	return v;
}

double
bp_weights_num(const struct bp_weights *w, const char *name, double otherwise)
{
	return bp_val_num(hyper(w, name), otherwise);
}

bool
bp_weights_flag(const struct bp_weights *w, const char *name, bool otherwise)
{
	return bp_val_i64(hyper(w, name), otherwise) != 0;
}

int
bp_weights_expect(const struct bp_weights *w, const char *name, bool want, struct bp_err *err)
{
	if (bp_weights_flag(w, name, want) != want)
		return BP_FAIL(err, BP_EUNSUP, "only networks of Boltz-2's published kind can be run",
		    "%s: a network with %s %s is not known here", bp_weights_path(w), name, want ? "off" : "on");
	return BP_OK;
}

/* ---- binding by name ---- */

void
bp_bind_fail(struct bp_bind *b, const char *fmt, ...)
{
	char what[400];
	va_list ap;

	if (b->st != BP_OK)
		return;
	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	b->st = BP_FAIL(b->err, BP_EUSAGE, "are these the weights of a Boltz-2 network?", "%s: %s%s",
	    bp_weights_path(b->w), b->scope, what);
}

size_t
bp_bind_enter(struct bp_bind *b, const char *fmt, ...)
{
	size_t at = b->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(b->scope + b->len, sizeof b->scope - b->len, fmt, ap);
	va_end(ap);
	bp_assert(n >= 0 && b->len + (size_t)n + 1 < sizeof b->scope);
	b->len += (size_t)n;
	b->scope[b->len++] = '.';
	b->scope[b->len] = 0;
	return at;
}

void
bp_bind_leave(struct bp_bind *b, size_t at)
{
	b->len = at;
	b->scope[at] = 0;
}

/* the first name of the sorted table that is not before `name` */
static int
lower_bound(const struct bp_st *st, const char *name)
{
	int a = 0, z = bp_st_count(st);

	while (a < z) {
		int m = a + (z - a) / 2;
		if (strcmp(bp_st_name(st, m), name) < 0)
			a = m + 1;
		else
			z = m;
	}
	return a;
}

int
bp_bind_count(struct bp_bind *b, const char *list)
{
	for (int n = 0;; n++) {
		size_t at = bp_bind_enter(b, "%s.%d", list, n);
		int i = lower_bound(b->w->st, b->scope);
		bool there = i < bp_st_count(b->w->st) && !strncmp(bp_st_name(b->w->st, i), b->scope, b->len);
		bp_bind_leave(b, at);
		if (!there)
			return n;
	}
}

/* index of a parameter below the scope, or -1 */
static int
find(struct bp_bind *b, const char *name)
{
	char full[sizeof b->scope + 64];
	int i, n = snprintf(full, sizeof full, "%s%s", b->scope, name);

	bp_assert(n >= 0 && (size_t)n < sizeof full);
	i = lower_bound(b->w->st, full);
	return i < bp_st_count(b->w->st) && !strcmp(bp_st_name(b->w->st, i), full) ? i : -1;
}

bool
bp_bind_has(struct bp_bind *b, const char *name)
{
	return find(b, name) >= 0;
}

/* f [n] = the bf16 numbers at src, which may be unaligned: their bits are the upper half of a float's */
static void
widen(float *restrict f, const char *restrict src, size_t n)
{
#pragma omp simd
	for (size_t k = 0; k < n; k++) {
		uint16_t half;
		uint32_t bits;
		memcpy(&half, src + 2 * k, sizeof half);
		bits = (uint32_t)half << 16;
		memcpy(f + k, &bits, sizeof bits);
	}
}

/* parameter i of the file as fp32 in host memory; NULL and b->st when it has another kind of numbers, or no memory is
 * left */
static const float *
as_f32(struct bp_bind *b, int i, const char *name)
{
	struct bp_weights *w = b->w;
	const struct bp_tensor *t = bp_st_tensor(w->st, i);
	size_t n = (size_t)bp_count(t);
	const char *src = t->data;
	float *f;

	if (w->f32[i])
		return w->f32[i];
	if (t->dtype != BP_F32 && t->dtype != BP_BF16 && t->dtype != BP_F16) {
		bp_bind_fail(b, "%s is %s, wanted float32, bfloat16 or float16", name, bp_dtype_name(t->dtype));
		return NULL;
	}
	if (t->dtype == BP_F32 && (uintptr_t)src % sizeof *f == 0)
		return w->f32[i] = t->data;
	if (!(f = bp_alloc(w->mem, n * sizeof *f, b->err))) {
		b->st = BP_EMEM;
		return NULL;
	}
	if (t->dtype == BP_BF16)
		widen(f, src, n);
	else if (t->dtype == BP_F32)
		memcpy(f, src, n * sizeof *f);
	for (size_t k = 0; t->dtype == BP_F16 && k < n; k++) {
		uint16_t half;
		memcpy(&half, src + 2 * k, sizeof half);
		f[k] = bp_f16_to_f32(half);
	}
	return w->f32[i] = f;
}

/* "[128,any]" for messages */
static const char *
wanted(char *buf, size_t size, int ndim, int n, int k)
{
	char s[2][16];

	for (int i = 0; i < 2; i++)
		snprintf(s[i], sizeof s[i], (i ? k : n) < 0 ? "any" : "%d", i ? k : n);
	snprintf(buf, size, ndim == 2 ? "[%s,%s]" : "[%s]", s[0], s[1]);
	return buf;
}

static void
bind(struct bp_bind *b, struct bp_weight *w, int ndim, int n, int k, const char *name)
{
	const struct bp_tensor *t;
	const void *dev;
	const float *f;
	char want[40], found[160];
	int i;

	memset(w, 0, sizeof *w);
	if (b->st != BP_OK)
		return;
	wanted(want, sizeof want, ndim, n, k);
	if ((i = find(b, name)) < 0) {
		bp_bind_fail(b, "%s is missing, wanted %s", name, want);
		return;
	}
	t = bp_st_tensor(b->w->st, i);
	if (t->ndim != ndim || t->shape[0] < 1 || t->shape[0] > INT32_MAX || (n >= 0 && t->shape[0] != n)
	    || (ndim == 2 && (t->shape[1] < 1 || t->shape[1] > INT32_MAX || (k >= 0 && t->shape[1] != k)))) {
		bp_bind_fail(b, "%s is %s, wanted %s", name, bp_shape_str(found, t->ndim, t->shape), want);
		return;
	}
	if (!(f = as_f32(b, i, name)))
		return;
	if ((b->st = bp_dev_feed(b->cx, &dev, f, (size_t)bp_count(t) * sizeof *f)) != BP_OK)
		return;
	w->p = dev;
	w->n = (int)t->shape[0];
	w->k = ndim == 2 ? (int)t->shape[1] : 1;
	if (b->keep && ndim == 2)
		b->st = bp_weight_keep(b->cx, w);
}

void
bp_bind_mat(struct bp_bind *b, struct bp_weight *w, int n, int k, const char *name)
{
	bind(b, w, 2, n, k, name);
}

void
bp_bind_vec(struct bp_bind *b, struct bp_weight *w, int n, const char *name)
{
	bind(b, w, 1, n, 1, name);
}

void
bp_bind_norm(struct bp_bind *b, struct bp_weight *w, struct bp_weight *bias, int n, const char *name)
{
	size_t at = bp_bind_enter(b, "%s", name);

	bp_bind_vec(b, w, n, "weight");
	bp_bind_vec(b, bias, n, "bias");
	bp_bind_leave(b, at);
}

void
bp_bind_linear(struct bp_bind *b, struct bp_weight *w, struct bp_weight *bias, int n, int k, const char *name)
{
	size_t at = bp_bind_enter(b, "%s", name);

	bp_bind_mat(b, w, n, k, "weight");
	bp_bind_vec(b, bias, b->st == BP_OK ? w->n : n, "bias");
	bp_bind_leave(b, at);
}

void *
bp_bind_new(struct bp_bind *b, int count, size_t size)
{
	void *p;

	if (b->st != BP_OK)
		return NULL;
	if (!(p = bp_calloc(b->mem, (size_t)count, size, b->err)))
		b->st = BP_EMEM;
	return p;
}

/* ---- layers that several modules have ---- */

void
bp_bind_tri_mul(struct bp_bind *b, struct bp_tri_mul_weights *w, int c, const char *name)
{
	size_t at = bp_bind_enter(b, "%s", name);

	bp_bind_norm(b, &w->norm_in, &w->norm_in_b, c, "norm_in");
	bp_bind_mat(b, &w->p_in, 2 * c, c, "p_in.weight");
	bp_bind_mat(b, &w->g_in, 2 * c, c, "g_in.weight");
	bp_bind_norm(b, &w->norm_out, &w->norm_out_b, c, "norm_out");
	bp_bind_mat(b, &w->p_out, c, c, "p_out.weight");
	bp_bind_mat(b, &w->g_out, c, c, "g_out.weight");
	bp_bind_leave(b, at);
}

void
bp_bind_tri_attn(struct bp_bind *b, struct bp_tri_attn_weights *w, int c, const char *name)
{
	size_t at = bp_bind_enter(b, "%s", name);
	int width;

	bp_bind_norm(b, &w->norm, &w->norm_b, c, "layer_norm");
	bp_bind_mat(b, &w->bias, -1, c, "linear.weight");
	bp_bind_mat(b, &w->q, -1, c, "mha.linear_q.weight");
	width = w->q.n ? w->q.n : -1;
	bp_bind_mat(b, &w->k, width, c, "mha.linear_k.weight");
	bp_bind_mat(b, &w->v, width, c, "mha.linear_v.weight");
	bp_bind_mat(b, &w->g, width, c, "mha.linear_g.weight");
	bp_bind_mat(b, &w->o, c, width, "mha.linear_o.weight");
	if (b->st == BP_OK && width % w->bias.n)
		bp_bind_fail(b, "%d heads do not divide %d channels", w->bias.n, width);
	bp_bind_leave(b, at);
}

void
bp_bind_transition(struct bp_bind *b, struct bp_transition_weights *w, int c, const char *name)
{
	size_t at = bp_bind_enter(b, "%s", name);

	bp_bind_norm(b, &w->norm, &w->norm_b, c, "norm");
	bp_bind_mat(b, &w->fc1, -1, c, "fc1.weight");
	bp_bind_mat(b, &w->fc2, b->st == BP_OK ? w->fc1.n : -1, c, "fc2.weight");
	bp_bind_mat(b, &w->fc3, c, b->st == BP_OK ? w->fc1.n : -1, "fc3.weight");
	bp_bind_leave(b, at);
}

void
bp_bind_attn(struct bp_bind *b, struct bp_attn_weights *w, int c, const char *name)
{
	size_t at = bp_bind_enter(b, "%s", name);

	/* these four in a row: on a card they then lie one behind the other, and one product makes them all */
	bp_bind_mat(b, &w->q, c, c, "proj_q.weight");
	bp_bind_mat(b, &w->k, c, c, "proj_k.weight");
	bp_bind_mat(b, &w->v, c, c, "proj_v.weight");
	bp_bind_mat(b, &w->g, c, c, "proj_g.weight");
	bp_bind_vec(b, &w->q_b, c, "proj_q.bias");
	bp_bind_mat(b, &w->o, c, c, "proj_o.weight");
	bp_bind_leave(b, at);
}

void
bp_bind_pair_bias(struct bp_bind *b, struct bp_pair_bias_weights *w, int heads, int c, const char *name)
{
	size_t at = bp_bind_enter(b, "%s", name);

	bp_bind_norm(b, &w->nw, &w->nb, c, "0");
	bp_bind_mat(b, &w->W, heads, c, "1.weight");
	bp_bind_leave(b, at);
}

int
bp_transition_add(struct bp_ctx *cx, const struct bp_transition_weights *w, int64_t rows, float *x)
{
	return BP_OP(cx, transition, .rows = rows, .c = w->norm.n, .hidden = w->fc1.n, .x = x, .nw = &w->norm,
	    .nb = &w->norm_b, .fc1 = &w->fc1, .fc2 = &w->fc2, .fc3 = &w->fc3, .add = true, .out = x);
}
