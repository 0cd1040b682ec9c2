/* SPDX-License-Identifier: Apache-2.0 */
/* Errors of the public interface. */
#ifndef STRATA_ERROR_H
#define STRATA_ERROR_H

#if defined(__GNUC__)
#define STRATA_API __attribute__((visibility("default")))
#else
#define STRATA_API
#endif

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Every function that can fail returns 0 or one of these (negative). */
enum strata_code {
	STRATA_OK = 0,
	STRATA_ENO = -1,       /* the question's answer is no: nothing to commit, faults found */
	STRATA_EUSAGE = -2,    /* arguments */
	STRATA_ENOTFOUND = -3, /* a named revision, path or glob matches nothing */
	STRATA_ENOREPO = -4,   /* not a repository */
	STRATA_EFORMAT = -5,   /* a bad input file */
	STRATA_ECHANGED = -6,  /* a file changed while it was read */
	STRATA_EIO = -7,       /* input/output */
	STRATA_ECORRUPT = -8,  /* stored data is damaged */
	STRATA_ELIMIT = -9,    /* a limit was reached */
	STRATA_ENOMEM = -10,   /* out of memory */
	STRATA_ENOSPC = -11,   /* no space left */
	STRATA_EREFUSED = -12, /* would lose work, or not permitted */
	STRATA_ENET = -13,     /* network */
	STRATA_EBUG = -14,     /* a bug in strata */
	STRATA_EBUSY = -15,    /* locked or a ref moved: try again */
};

/* Caller's memory; may be NULL in every call. After a failure it says what failed, on what, why. */
typedef struct strata_error {
	int code;	   /* enum strata_code */
	int exit_status;   /* what the command line would exit with */
	int os;		   /* errno at the failure, or 0 */
	const char *where; /* source position, for bug reports */
	char message[768];
} strata_error;

/* "not found"; static. */
STRATA_API const char *strata_code_name(int code);
/* What the command line exits with for this code. */
STRATA_API int strata_code_exit(int code);
/* Which of n names somebody may have meant who typed word; NULL where none is near. */
STRATA_API const char *strata_nearest(const char *word, const char *const *names, size_t n);

#ifdef __cplusplus
}
#endif
#endif
