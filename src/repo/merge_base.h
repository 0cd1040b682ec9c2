/* SPDX-License-Identifier: Apache-2.0 */
/* Where two lines of history parted: asked of the catalogue alone. */
#ifndef ST_REPO_MERGE_BASE_H
#define ST_REPO_MERGE_BASE_H

#include "repo/repo.h"

/*
 * The best common ancestors of two commits, newest first: those that are no ancestor of another
 * one. One of the two itself where it leads to the other, none where they share no history, several
 * after merges crosswise. cb stops with ST_ENO, which is no failure. Reads as far back as the last.
 */
ST_MUST int st_merge_base_each(struct st_repo *r, const struct st_oid *a, const struct st_oid *b,
			       int (*cb)(void *arg, const struct st_oid *base, struct st_err *e),
			       void *arg, struct st_err *e);
/* The same into out, which has room for max; *n is how many it got. */
ST_MUST int st_merge_bases(struct st_repo *r, const struct st_oid *a, const struct st_oid *b,
			   struct st_oid *out, size_t max, size_t *n, struct st_err *e);
/* The same of all of n commits: ancestors of each of them. Into *out, to be freed; ST_ELIMIT where
 * there are more than ST_BASES_MAX. */
#define ST_BASES_MAX 64
ST_MUST int st_merge_bases_of_all(struct st_repo *r, const struct st_oid *ids, size_t n,
				  struct st_oid **out, size_t *nout, struct st_err *e);

#endif
