/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Branches, tags, and going from one branch to another. Every change here is one operation: it
 * happens as a whole or not at all. Names follow Git's rules; what looks like a version number
 * (v12, v1.2.0), is 64 hex digits, or is 6 or more that begin a version's id is no name
 * (STRATA_EUSAGE).
 */
#ifndef STRATA_REFS_H
#define STRATA_REFS_H

#include <strata/history.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct strata_branch {
	const char *name;
	bool current; /* checked out */
	bool unborn;  /* checked out and without a version; what follows is "" */
	const char *commit, *version;
	const char *author, *time, *message;
} strata_branch;
/* By name. */
STRATA_API int strata_branch_list(strata_repo *r, int (*cb)(void *arg, const strata_branch *b),
				  void *arg, strata_error *err);
/* start NULL: HEAD. force moves one that exists, unless it is checked out. STRATA_EREFUSED. */
STRATA_API int strata_branch_create(strata_repo *r, const char *name, const char *start, bool force,
				    strata_error *err);
/*
 * All or none. STRATA_EREFUSED for the one that is checked out and, without force, for one whose
 * versions no other branch, tag or detached HEAD has. was (may be NULL) is told what went.
 */
STRATA_API int strata_branch_delete(strata_repo *r, const char *const *names, size_t n, bool force,
				    int (*was)(void *arg, const strata_branch *b), void *arg,
				    strata_error *err);
/* from NULL: the branch that is checked out. force replaces one that exists. */
STRATA_API int strata_branch_rename(strata_repo *r, const char *from, const char *to, bool force,
				    strata_error *err);

typedef struct strata_switch_options {
	bool create;	   /* the branch is made first, at start */
	bool replace;	   /* with create: one that exists begins at start instead */
	const char *start; /* with create; NULL: HEAD */
	bool detach;	   /* to is any revision, and HEAD is on no branch then */
	bool discard;	   /* local changes that are in the way, and what is staged */
} strata_switch_options;
/*
 * To another branch; "-" is the one before, or the version where HEAD was detached. Local changes
 * stay where both versions have the same file; where they differ it is refused (STRATA_EREFUSED),
 * naming the files, and nothing is changed.
 */
STRATA_API int strata_switch(strata_repo *r, const char *to, const strata_switch_options *o,
			     strata_checkout_result *result, strata_error *err);

typedef struct strata_tag {
	const char *name, *commit, *version;
	bool annotated;			     /* else what follows is "" */
	const char *tagger, *time, *message; /* "Name <mail>", RFC 3339, text */
} strata_tag;
/* By name. */
STRATA_API int strata_tag_list(strata_repo *r, int (*cb)(void *arg, const strata_tag *t), void *arg,
			       strata_error *err);
/* rev NULL: HEAD. message NULL: not annotated; 4,000 bytes at most with who and when. force moves
 * one that exists (else STRATA_EREFUSED), which then says what message does. */
STRATA_API int strata_tag_create(strata_repo *r, const char *name, const char *rev,
				 const char *message, bool force, strata_error *err);
/* All or none; was (may be NULL) is told what went. */
STRATA_API int strata_tag_delete(strata_repo *r, const char *const *names, size_t n,
				 int (*was)(void *arg, const strata_tag *t), void *arg,
				 strata_error *err);

#ifdef __cplusplus
}
#endif
#endif
