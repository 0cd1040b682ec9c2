/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs that go back to an earlier state share. */
#ifndef ST_REPO_REWIND_H
#define ST_REPO_REWIND_H

#include "repo/txn.h"
#include "repo/verbs.h"

/* What becomes of tracked files with changes, and of untracked ones that are in the way. */
struct st_local_files {
	bool spare;  /* they stay as they are; else they are overwritten */
	bool refuse; /* with spare: nothing is written at all where one would have to stay */
	/* With spare: a change that makes a file what is wanted is one too: this is to be taken
	 * back exactly. */
	bool exact;
	/* With spare: where what the file holds is nobody's, so that it is written whatever the
	 * indexes say, what lay there when that was found out; NULL: it is not. May be NULL. */
	const struct st_seen *(*own)(void *arg, const char *path);
	const char *how; /* NULL, or what to do about those that are refused */
	/* Sees each once that has happened; may be NULL; its result is ignored. */
	int (*cb)(void *arg, const char *path);
	/* Nothing stands in the way: called before anything is written. May be NULL. */
	int (*ready)(void *arg, struct st_err *e);
	bool slow; /* ready may take hours: what lies there is looked at once more afterwards */
	void *arg;
	struct st_txn *txn; /* without spare: its operation says what is lost; may be NULL */
	uint64_t found;
};

/*
 * checkout_plan.c: the working tree, which index now describes, becomes what target says (both
 * sorted); rows of target get stat data. local NULL: refuses to overwrite local changes. With spare
 * only what differs between the two indexes is written.
 */
ST_MUST int st_checkout_index(struct st_repo *r, struct st_index *now, struct st_index *target,
			      struct st_local_files *local, strata_checkout_result *res,
			      struct st_err *e);

/* The files of a tree as a sorted index, x being initialised and empty; zero: no files. */
ST_MUST int st_rewind_index(struct st_repo *r, const struct st_oid *tree, struct st_index *x,
			    struct st_err *e);
/* The same of a commit. */
ST_MUST int st_rewind_commit(struct st_repo *r, const struct st_oid *commit, struct st_index *x,
			     struct st_err *e);
/* Rows of x that are equal in `was` get its stat data, unless they have some. */
void st_rewind_keep_stats(struct st_index *x, const struct st_index *was);
/* x becomes the index of t, model flags set; x is empty then. */
ST_MUST int st_rewind_take(struct st_txn *t, struct st_index *x, struct st_err *e);

#endif
