/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors. Status is an int: 0, or a negative enum st_code. The text goes to a caller-owned struct,
 * so running out of memory can report itself. The first failure wins: a second st_fail on the same
 * struct is ignored, so cleanup cannot hide the cause. st_wrap prepends what this layer newly
 * knows.
 */
#ifndef ST_BASE_ERR_H
#define ST_BASE_ERR_H

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* code, value, name, exit status, HTTP status, Python exception */
#define ST_CODE_TABLE(X)                                                        \
	X(ST_OK, 0, "ok", 0, 200, "")                                           \
	X(ST_ENO, -1, "no", 1, 409, "StrataError")                              \
	X(ST_EUSAGE, -2, "usage", 2, 400, "ValueError")                         \
	X(ST_ENOTFOUND, -3, "not found", 2, 404, "KeyError")                    \
	X(ST_ENOREPO, -4, "not a repository", 3, 404, "FileNotFoundError")      \
	X(ST_EFORMAT, -5, "bad input file", 4, 422, "FormatError")              \
	X(ST_ECHANGED, -6, "file changed while reading", 4, 409, "FormatError") \
	X(ST_EIO, -7, "input/output", 5, 500, "OSError")                        \
	X(ST_ECORRUPT, -8, "stored data damaged", 5, 500, "CorruptError")       \
	X(ST_ELIMIT, -9, "limit reached", 6, 413, "LimitError")                 \
	X(ST_ENOMEM, -10, "out of memory", 6, 507, "MemoryError")               \
	X(ST_ENOSPC, -11, "no space", 5, 507, "OSError")                        \
	X(ST_EREFUSED, -12, "refused", 7, 403, "RefusedError")                  \
	X(ST_ENET, -13, "network", 8, 502, "NetworkError")                      \
	X(ST_EBUG, -14, "bug in strata", 9, 500, "RuntimeError")                \
	X(ST_EBUSY, -15, "busy", 10, 423, "BusyError")

enum st_code {
#define ST_CODE_ENUM(code, value, name, status, http, py) code = (value),
	ST_CODE_TABLE(ST_CODE_ENUM)
#undef ST_CODE_ENUM
};

struct st_err { /* lives in the caller's frame: no TLS, no malloc; start with {0} */
	enum st_code code;
	int os;		   /* errno at the failure, or 0 */
	const char *where; /* "format/safetensors.c:212", for bug reports */
	char msg[768];
};

#define ST_STR_(x) #x
#define ST_STR(x) ST_STR_(x)
#define ST_HERE __FILE__ ":" ST_STR(__LINE__)

/* Each returns the code, so that `return st_fail(...)` reads well. */
#define st_fail(e, code, ...) st_fail_((e), ST_HERE, (code), 0, __VA_ARGS__)
#define st_fail_os(e, ...) st_fail_((e), ST_HERE, ST_EIO, errno, __VA_ARGS__)
#define st_nomem(e, n) st_fail((e), ST_ENOMEM, "out of memory asking for %zu bytes", (size_t)(n))

__attribute__((format(printf, 5, 6))) int st_fail_(struct st_err *e, const char *where,
						   enum st_code code, int os, const char *fmt, ...);
/* Prepends "text: "; returns e's code. Does nothing when e holds no failure. */
__attribute__((format(printf, 2, 3))) int st_wrap(struct st_err *e, const char *fmt, ...);
void st_err_clear(struct st_err *e);
/*
 * A path that a person named and that does not exist is ST_ENOTFOUND, not an I/O error. Returns e's
 * code.
 */
int st_err_named_path(struct st_err *e);

const char *st_code_name(enum st_code code);
int st_code_exit(enum st_code code);

/* An invariant of ours, never a property of input. Kept in release builds. */
#define ST_BUG_ON(cond) ((cond) ? st_bug_(ST_HERE, #cond) : (void)0)
__attribute__((noreturn, cold)) void st_bug_(const char *where, const char *what);

#define ST_MUST __attribute__((warn_unused_result))

#endif
