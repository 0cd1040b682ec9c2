/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index and the working tree: add, rm, mv, status, restore, checkout. Paths are relative to the
 * current directory or absolute; those handed to callbacks are relative to the working tree's root.
 */
#ifndef STRATA_STAGE_H
#define STRATA_STAGE_H

#include <strata/repo.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct strata_tensor_counts {
	uint64_t added, changed, removed, unchanged;
} strata_tensor_counts;

enum strata_add_flags {
	STRATA_ADD_ALL = 1,	     /* -A: the whole tree when no path is given */
	STRATA_ADD_UPDATE = 2,	     /* -u: tracked files only */
	STRATA_ADD_DRY_RUN = 4,	     /* -n */
	STRATA_ADD_FORCE = 8,	     /* -f: ignored files too */
	STRATA_ADD_FAST = 16,	     /* hash and copy only, no compression */
	STRATA_ADD_DEREFERENCE = 32, /* a link's target instead of the link */
};

typedef struct strata_add_result {
	uint64_t files;	  /* staged (new or changed) */
	uint64_t removed; /* removals staged */
	uint64_t bytes;	  /* of content read */
	uint64_t stored;  /* bytes written to packs */
} strata_add_result;

/* cb (may be NULL) sees each path that is or would be staged: 'A' new, 'M' changed, 'D' removed. */
STRATA_API int strata_add(strata_repo *r, const char *const *paths, size_t npaths, unsigned flags,
			  int (*cb)(void *arg, char what, const char *path), void *arg,
			  strata_add_result *result, strata_error *err);

enum strata_rm_flags {
	STRATA_RM_CACHED = 1,	 /* from the index only */
	STRATA_RM_RECURSIVE = 2, /* directories */
	STRATA_RM_FORCE = 4,	 /* although changed */
	STRATA_RM_DRY_RUN = 8,
};
STRATA_API int strata_rm(strata_repo *r, const char *const *paths, size_t npaths, unsigned flags,
			 int (*cb)(void *arg, char what, const char *path), void *arg,
			 strata_error *err);
/* The last of paths is the target. */
STRATA_API int strata_mv(strata_repo *r, const char *const *paths, size_t npaths, bool force,
			 strata_error *err);

typedef struct strata_status_entry {
	const char *path; /* a collapsed untracked directory ends with '/' */
	/* HEAD against index: ' ', 'A', 'M', 'D', 'T' (type), '?' untracked, '!' ignored */
	char staged;
	char worktree;	    /* index against working tree: ' ', 'M', 'D', 'T', '?', '!' */
	const char *kind;   /* "file", "model", "link", "dir" */
	const char *format; /* of a model, else "" */
	/* of a model with counts of which the mode alone changed, "exec" or "file": what it is
	 * now; else NULL */
	const char *mode;
	bool has_tensors; /* counts against HEAD are filled in (changed models) */
	strata_tensor_counts tensors;
} strata_status_entry;

enum strata_status_flags {
	STRATA_STATUS_ALL_UNTRACKED = 1, /* do not collapse directories */
	STRATA_STATUS_NO_UNTRACKED = 2,
	STRATA_STATUS_IGNORED = 4,
	STRATA_STATUS_NO_TENSORS = 8, /* do not look into changed models */
};
/* Sorted by path. */
STRATA_API int strata_status(strata_repo *r, const char *const *paths, size_t npaths,
			     unsigned flags, int (*cb)(void *arg, const strata_status_entry *en),
			     void *arg, strata_error *err);

enum strata_restore_flags {
	STRATA_RESTORE_STAGED = 1,   /* the index, from source (HEAD if NULL) */
	STRATA_RESTORE_WORKTREE = 2, /* the working tree, from source (the index if NULL) */
};

typedef struct strata_checkout_result {
	uint64_t written, kept, removed; /* files */
	uint64_t bytes;			 /* written */
} strata_checkout_result;

STRATA_API int strata_restore(strata_repo *r, const char *source, const char *const *paths,
			      size_t npaths, unsigned flags, strata_checkout_result *result,
			      strata_error *err);

typedef struct strata_checkout_options {
	const char *const *paths; /* only these, into index and working tree; HEAD stays */
	size_t npaths;
	const char *to; /* write there instead; HEAD and index stay */
	bool force;	/* discard local changes */
} strata_checkout_options;

/* rev: a branch is switched to, "-" is the one before; any other revision detaches HEAD. */
STRATA_API int strata_checkout(strata_repo *r, const char *rev, const strata_checkout_options *o,
			       strata_checkout_result *result, strata_error *err);

#ifdef __cplusplus
}
#endif
#endif
