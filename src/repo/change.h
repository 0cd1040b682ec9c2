/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cherry-pick and revert. What a version changed against its parent comes here as a side of a merge
 * does: of a cherry-pick the base is the parent and theirs the version; of a revert the base is the
 * version and theirs the parent. Where tensors are chosen theirs is a version that is made for it,
 * which nothing names: the base with those tensors. What comes out is a version on top of HEAD
 * alone.
 */
#ifndef ST_REPO_CHANGE_H
#define ST_REPO_CHANGE_H

#include "repo/merge_state.h"
#include "repo/renew.h"

struct st_change {
	struct st_renew z;
	const char *rev;
	struct st_oid base, theirs; /* commits; base zero: of the first version */
	struct st_bumped step;	    /* st_merge_make: of the version's number */
};

/* The verb, whole. */
ST_MUST int st_change_take(struct st_repo *r, strata_renewal what, const char *rev,
			   const strata_renew_options *o, strata_renew_result *res,
			   struct st_err *e);
/* ST_ENO: all is so already. */
int st_change_none(const struct st_change *x, struct st_err *e);
/* The index being locked, and HEAD that. */
ST_MUST int st_change_find(struct st_change *x, const struct st_head *head, struct st_err *e);
/* Sets base and theirs. Nothing may be staged; t gets what is made. */
ST_MUST int st_change_load(struct st_change *x, struct st_txn *t, struct st_err *e);

#endif
