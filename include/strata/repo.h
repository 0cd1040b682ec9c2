/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Repositories: making, opening, settings.
 *
 * A strata_repo belongs to one thread at a time. Strings and structures handed to callbacks are
 * borrowed until the callback returns. A callback that returns non-zero stops the operation, which
 * then returns STRATA_ENO without an error message.
 */
#ifndef STRATA_REPO_H
#define STRATA_REPO_H

#include <strata/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct strata_repo strata_repo;

#define STRATA_HEX 65 /* room for an id in hex and its NUL */

typedef struct strata_progress {
	const char *what;     /* "add", "checkout" */
	uint64_t done, total; /* bytes, or items when bytes is false; total 0: unknown */
	bool bytes;
	bool last; /* the operation ended */
} strata_progress;

typedef struct strata_options {
	unsigned jobs;	 /* worker threads; 0: as many as processors */
	uint64_t memory; /* bytes for buffers; 0: 512 MiB */
	void *arg;	 /* for the callbacks; they run on the calling thread and may be NULL */
	void (*warn)(void *arg, const char *message);
	void (*progress)(void *arg, const strata_progress *p);
	bool (*cancelled)(void *arg); /* true stops the operation; finished work is kept */
} strata_options;

typedef enum strata_policy {
	STRATA_SEQUENCE,  /* v1, v2, v3 */
	STRATA_SEMVER,	  /* v1.2.0: major, minor, patch, by what changed against the parent */
	STRATA_TIMESTAMP, /* v20261121T103000Z, the second of that time with -2 behind it */
	STRATA_AS_SET,	  /* as the user's settings say; if they say nothing, a sequence */
} strata_policy;

/*
 * Makes dir (and its parents) a repository, whose setting version.policy is that policy, unless it
 * is STRATA_AS_SET. An existing one is left as it is: *fresh is false; STRATA_EREFUSED when its
 * policy is another one.
 */
STRATA_API int strata_init(const char *dir, strata_policy policy, bool *fresh, strata_error *err);
/* Opens the repository whose .strata is repo_dir (if not NULL), else the one that holds `start`
 * (NULL: the current directory) or a directory above it. STRATA_ENOREPO when there is none. */
STRATA_API int strata_open(strata_repo **out, const char *start, const char *repo_dir,
			   const strata_options *opts, strata_error *err);
STRATA_API void strata_close(strata_repo *r);
STRATA_API const char *strata_workdir(const strata_repo *r);  /* absolute, no trailing '/' */
STRATA_API const char *strata_repo_dir(const strata_repo *r); /* its .strata */

/*
 * One setting. Order: the repository's, the user's, for user.name and user.email also Git's. *value
 * is the caller's (strata_free), NULL when not set. r may be NULL (user's settings only).
 */
STRATA_API int strata_config_get(strata_repo *r, const char *key, char **value, strata_error *err);
/* value NULL removes. global: the user's file instead of the repository's. A value that strata does
 * not understand, of a setting that it knows, is STRATA_EUSAGE or STRATA_ENOTFOUND. */
STRATA_API int strata_config_set(strata_repo *r, bool global, const char *key, const char *value,
				 strata_error *err);
STRATA_API int strata_config_list(strata_repo *r,
				  int (*cb)(void *arg, const char *key, const char *value),
				  void *arg, strata_error *err);
STRATA_API void strata_free(void *p);

/* May a program write its output to path? STRATA_EREFUSED where that is in a repository's own
 * directory, any repository's; links on the way are followed, one at path itself is not. */
STRATA_API int strata_output_allowed(const char *path, strata_error *err);

/* How versions are numbered; never STRATA_AS_SET. STRATA_EUSAGE when the setting is none. */
STRATA_API int strata_version_policy(strata_repo *r, strata_policy *out, strata_error *err);

typedef struct strata_head_info {
	bool detached;
	bool unborn;		 /* no version yet */
	char branch[256];	 /* "main"; "" when detached */
	char commit[STRATA_HEX]; /* "" when unborn */
	char version[32];	 /* "v12", "" when it has none */
} strata_head_info;
STRATA_API int strata_head(strata_repo *r, strata_head_info *out, strata_error *err);

#ifdef __cplusplus
}
#endif
#endif
