/* lib/base/err.h: the error record and the exit codes. Includes nothing of ours.
 *
 * Every function that can fail returns int: BP_OK, BP_EOS (a stream's end, not a fault) or a negative
 * code, and takes a struct bp_err * that the place finding the fault fills with BP_FAIL. Everyone above
 * only returns the code; main prints (bp_exit). A fault of ours is bp_assert, which aborts. */
#ifndef BP_ERR_H
#define BP_ERR_H

#ifdef __cplusplus
extern "C" {
#endif

enum {
	BP_OK = 0,
	BP_EOS = 1,      /* the end record was read                                         */
	BP_EINPUT = -1,  /* a target's data is wrong: the target fails, the others go on    */
	BP_EUSAGE = -2,  /* wrong use or unreadable configuration                           */
	BP_ESTREAM = -3, /* a stream is cut or damaged                                      */
	BP_EMEM = -4,    /* out of memory, or above --mem-cap                               */
	BP_EIO = -5,     /* the operating system refused a read, write, open ...            */
	BP_EUNSUP = -6,  /* this build, device or variant has no such thing                 */
	BP_ENUM = -7,    /* a number is not finite, or a computation has no answer          */
	BP_ELOST = -8,   /* the device is gone: no later target can work either             */
	BP_ETOLD = -9    /* an earlier stage of the pipe failed, and has said why on stderr */
};

enum { BP_EXIT_OK = 0, BP_EXIT_TARGETS = 1, BP_EXIT_USAGE = 2, BP_EXIT_STREAM = 3 };

struct bp_err {
	int code;
	char msg[512];    /* "where: what", one line, lower case, no stop */
	char hint[256];   /* how to mend it, or ""                        */
	const char *file; /* our source line that found it (shown by -v)  */
	int line;
};

#define BP_MUST_USE __attribute__((warn_unused_result))
#define BP_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* Fill err (may be NULL) and return code. hint may be NULL. Control characters, line breaks and what is
 * no UTF-8 become '?': messages stay one line of text whatever the input held. */
int bp_fail(struct bp_err *err, int code, const char *file, int line, const char *hint, const char *fmt, ...)
    BP_PRINTF(6, 7);
/* that bp_fail returns its code, for the compiler: else it warns of results unset after a failure */
static inline int
bp_fail_code(int st, int code)
{
	if (st != code)
		__builtin_unreachable();
	return st;
}
#define BP_FAIL(err, code, hint, ...) bp_fail_code(bp_fail(err, code, __FILE__, __LINE__, hint, __VA_ARGS__), code)

/* Put "where: " in front of err->msg, for a caller that knows the file or target that the callee does not. */
void bp_err_where(struct bp_err *err, const char *fmt, ...) BP_PRINTF(2, 3);

/* The exit status that a code stands for. */
int bp_err_exit(int code);

__attribute__((noreturn)) void bp_assert_failed(const char *what, const char *file, int line);
#define bp_assert(x) ((x) ? (void)0 : bp_assert_failed(#x, __FILE__, __LINE__))

/* if a call fails, return its code */
#define BP_TRY(call)                     \
	do {                             \
		int bp_st_ = (call);     \
		if (bp_st_ != BP_OK)     \
			return bp_st_;   \
	} while (0)

#ifdef __cplusplus
}
#endif
#endif
