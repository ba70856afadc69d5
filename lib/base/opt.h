/* lib/base/opt.h: option tables. One table a program holds type, range, unit, default (the struct's own
 * initial value) and help of every option; parsing, --help, the man page and (through --help) shell completion are made
 * from it. */
#ifndef BP_OPT_H
#define BP_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

enum bp_opttype {
	BP_OPT_END = 0,
	BP_OPT_FLAG,  /* bool: --name sets true, --no-name false                       */
	BP_OPT_AS,    /* const char *: --name sets it to range (synonyms of a value)      */
	BP_OPT_INT,   /* int                                                            */
	BP_OPT_U64,   /* uint64_t                                                       */
	BP_OPT_NUM,   /* double                                                         */
	BP_OPT_SIZE,  /* size_t bytes: 100, 4k, 512M, 2G                                */
	BP_OPT_STR,   /* const char *; range BP_REQUIRED: must be given                 */
	BP_OPT_LIST,  /* struct bp_strlist: may be given several times                  */
	BP_OPT_WORD   /* const char *, one of the words of range "a|b|c"                */
};

#define BP_REQUIRED "!"

struct bp_strlist {
	const char **v;
	int n;
};

/* Append v, which is not copied. */
int bp_strlist_add(struct bp_strlist *l, const char *v, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

struct bp_optdef {
	const char *name; /* with hyphens; underscores are accepted for hyphens on the command line */
	char letter;      /* 0: none */
	enum bp_opttype type;
	size_t field;      /* offsetof in the option struct */
	const char *range; /* numbers: "[0,", "(0,1]", "[1,128]"; words: "a|b|c"; NULL: any */
	const char *unit;  /* "A", "s", "FILE" ... shown in help; NULL: none */
	const char *help;
};

/* How records travel over sockets (lib/stream/io.h, doc/wire.md). None of it changes a result. */
struct bp_wire_opt {
	int queue;             /* records that a stage holds at most, read but not finished          */
	size_t queue_bytes;    /* and their bytes; also those kept until they are safe further on    */
	double timeout;        /* s without any peer until that is an error; 0: wait for ever        */
	double first;          /* the same until the first producer is there; 0: as timeout          */
	double stall;          /* s in which a record in work uses no processor: we hang; 0: any     */
	bool insecure;         /* plain TCP and counters may bind to more than loopback              */
	int metrics;           /* port of the counters' page (stream/metrics.h); 0: none             */
	const char *key;       /* file with our CURVE key; NULL: none                                */
	const char *peer_keys; /* folder with the public keys of the peers; NULL: none               */
	const char *run;       /* name of the run, where it begins; NULL: a random one               */
};
#define BP_WIRE_INIT { .queue = 2, .queue_bytes = (size_t)4 << 30, .timeout = 600, .stall = 600 }

/* What every program takes. Fields that a program has no use for are left out of its table by giving only the
 * groups it wants. */
struct bp_common {
	const char *in, *out; /* NULL: stdin, stdout; a file, or endpoints tcp://... ipc://..., with commas between */
	struct bp_wire_opt wire;
	const char *device;   /* "cpu", "cuda", "cuda:N" */
	const char *variant;  /* "optimized", "original" */
	struct bp_strlist op; /* NAME=VARIANT */
	const char *precision;
	const char *weights;
	uint64_t seed;
	int threads;    /* 0: as many as the machine has */
	size_t mem_cap; /* bytes, 0: none */
	bool verbose, quiet, profile;
	const char *plan; /* a size, model/plan.h */
	int chunk;        /* rows of pairs at once, 0: all that fit */
};
#define BP_COMMON_INIT { .wire = BP_WIRE_INIT, .device = "cpu", .variant = "optimized", .precision = "auto", .seed = 42 }

#define BP_OPT_IN(T, c)                                                                                              \
	{ "in", 0, BP_OPT_STR, offsetof(T, c.in), NULL, "FROM",                                                      \
	  "read records from FROM instead of stdin: a file, or endpoints (tcp://HOST:PORT, ipc://PATH) with commas" }
#define BP_OPT_OUT(T, c)                                                                                             \
	{ "out", 0, BP_OPT_STR, offsetof(T, c.out), NULL, "TO",                                                      \
	  "write records to TO instead of stdout: a file, or an endpoint (tcp://*:PORT, ipc://PATH)" }
#define BP_OPT_WIRE(T, c)                                                                                            \
	{ "queue", 0, BP_OPT_INT, offsetof(T, c.wire.queue), "[1,65536]", "N",                                       \
	  "sockets: hold at most N records" },                                                                       \
	{ "queue-bytes", 0, BP_OPT_SIZE, offsetof(T, c.wire.queue_bytes), NULL, "BYTES",                             \
	  "sockets: and BYTES of them (4G), but always one record" },                                                \
	{ "timeout", 0, BP_OPT_NUM, offsetof(T, c.wire.timeout), "[0,", "SECONDS",                                   \
	  "sockets: give up after SECONDS without anybody at the other end; 0: never" },                             \
	{ "insecure", 0, BP_OPT_FLAG, offsetof(T, c.wire.insecure), NULL, NULL,                                      \
	  "sockets, --metrics: let anyone connect over plain TCP, not only this machine" },                          \
	{ "metrics", 0, BP_OPT_INT, offsetof(T, c.wire.metrics), "[0,65535]", "PORT",                                \
	  "serve counters at http://127.0.0.1:PORT/metrics (see boltzpipe top); 0: do not" },                        \
	{ "key", 0, BP_OPT_STR, offsetof(T, c.wire.key), NULL, "FILE",                                               \
	  "sockets: our key (boltzpipe keygen): encrypt, and admit only known peers" },                              \
	{ "peer-keys", 0, BP_OPT_STR, offsetof(T, c.wire.peer_keys), NULL, "DIR",                                    \
	  "sockets: public keys of the known peers" }
#define BP_OPT_STALL(T, c)                                                                                           \
	{ "stall", 0, BP_OPT_NUM, offsetof(T, c.wire.stall), "[0,", "SECONDS",                                       \
	  "sockets: end this program when it has a record in work and does not use the processor for SECONDS (600); 0: never" }
#define BP_OPT_STREAM(T, c) BP_OPT_IN(T, c), BP_OPT_OUT(T, c), BP_OPT_WIRE(T, c), BP_OPT_STALL(T, c)
#define BP_OPT_COMPUTE(T, c)                                                                                         \
	{ "device", 0, BP_OPT_STR, offsetof(T, c.device), NULL, "cpu|cuda[:N]", "where to compute" },                \
	{ "variant", 0, BP_OPT_WORD, offsetof(T, c.variant), "original|optimized", NULL, "row of the op table" },    \
	{ "op", 0, BP_OPT_LIST, offsetof(T, c.op), NULL, "NAME=VARIANT", "variant of one op (repeatable)" },         \
	{ "precision", 0, BP_OPT_WORD, offsetof(T, c.precision), "auto|fp32|tf32|bf16", NULL,                    \
	  "of matrix products; auto: on a card bf16 in trunk and confidence and tf32 in diffuse; fp32 on the CPU" },                      \
	{ "no-cuda-optimizations", 0, BP_OPT_AS, offsetof(T, c.variant), "original", NULL,                           \
	  "the same as --variant original" },                                                                        \
	{ "no-mixed-precision", 0, BP_OPT_AS, offsetof(T, c.precision), "fp32", NULL,                                \
	  "the same as --precision fp32" },                                                                          \
	{ "profile", 0, BP_OPT_FLAG, offsetof(T, c.profile), NULL, NULL, "say at the end where the time of the ops went" }, \
	{ "plan", 0, BP_OPT_STR, offsetof(T, c.plan), NULL, "TOKENS[,ATOMS[,SAMPLES[,MSA]]]",                           \
	  "only print the memory and time that such a target would take" },                                          \
	{ "threads", 0, BP_OPT_INT, offsetof(T, c.threads), "[0,1024]", NULL, "CPU threads, 0: all cores" }
#define BP_OPT_CHUNK(T, c)                                                                                           \
	{ "chunk", 0, BP_OPT_INT, offsetof(T, c.chunk), "[0,65536]", "N",                                            \
	  "take at most N rows of pairs at once, which takes less memory; 0: as many as fit" }
#define BP_OPT_WEIGHTS(T, c)                                                                                         \
	{ "weights", 0, BP_OPT_STR, offsetof(T, c.weights), NULL, "FILE",                                            \
	  "model weights (.safetensors); else $BOLTZPIPE_WEIGHTS, ~/.boltz/boltz2.safetensors, the demo" }
#define BP_OPT_SEED(T, c) { "seed", 0, BP_OPT_U64, offsetof(T, c.seed), NULL, NULL, "of all random numbers" }
#define BP_OPT_GENERAL(T, c)                                                                                         \
	{ "mem-cap", 0, BP_OPT_SIZE, offsetof(T, c.mem_cap), NULL, "BYTES",                                      \
	  "most memory for one target (4G, 500M); 0: no cap" },                                                      \
	{ "verbose", 'v', BP_OPT_FLAG, offsetof(T, c.verbose), NULL, NULL, "say more: times, bound kernels" },       \
	{ "quiet", 'q', BP_OPT_FLAG, offsetof(T, c.quiet), NULL, NULL, "say only errors" }

struct bp_program {
	const char *name;      /* "trunk" */
	const char *summary;   /* one line */
	const char *arguments; /* "FILE...", or NULL: takes none */
	const char *about;     /* paragraphs of the man page; may be NULL */
	const struct bp_optdef *options;
};

/* Parse argv into opt. Positional arguments land in *args (NULL: refuse them). --help, --version and the hidden
 * --help-man, --help-options print to stdout and return BP_EOS: main then exits 0; so does the hidden --help-changed,
 * which parses all, and prints what bp_opt_changed would tell, a line each. mem keeps lists and copies.
 * BP_EUSAGE names the option, the value found and what was wanted, and the nearest known name. */
int bp_opt_parse(const struct bp_program *prog, void *opt, struct bp_strlist *args, int argc, char **argv,
    struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

/* The option table's word for each value of opt that differs from `defaults`, as "--name=value" strings: for the
 * trail. */
int bp_opt_changed(struct bp_strlist *ret, const struct bp_program *prog, const void *opt, const void *defaults,
    struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

/* For programs with several actions: the help of an option that belongs to one begins with its name, "import: ...".
 * BP_EUSAGE when one of them was given to another action. */
int bp_opt_action(const struct bp_program *prog, const void *opt, const void *defaults, const char *action,
    struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

/* Is x within a range such as "[0," "(0,1]" "[1,128]" (NULL: any)? */
bool bp_opt_in_range(double x, const char *range);

/* The word of the n (NULL-terminated when n is -1) nearest to what, or NULL when none is near: "did you mean". */
const char *bp_nearest(const char *what, const char *const *words, int n);

#endif
