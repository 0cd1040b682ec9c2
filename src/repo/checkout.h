/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One change of the working tree. Private to checkout*.c and restore.c. Plan first (nothing is
 * written while something would be lost), then write; HEAD and index move last, so a kill in the
 * middle leaves the old version checked out with files that the next run finds equal already.
 */
#ifndef ST_REPO_CHECKOUT_H
#define ST_REPO_CHECKOUT_H

#include "repo/moves.h"
#include "repo/rewind.h"

struct st_place {		   /* what to do with one path */
	struct st_stage_row *want; /* NULL: remove */
	const struct st_stage_row *have;
	bool keep;  /* already equal */
	bool local; /* what lies there nothing else has: it is lost, or stays with `spare` */
	bool done;  /* removed */
	struct st_seen seen;
};

struct st_checkout {
	struct st_repo *r;
	struct st_index *now;	 /* the index as it is */
	struct st_index *target; /* what is wanted, sorted */
	struct st_pathspec *ps;	 /* NULL: everything */
	bool force;
	struct st_local_files *local;
	struct st_txn *txn; /* its operation says what is lost; NULL: it goes without a word */
	struct st_place *places;
	size_t n, cap;
	uint64_t bytes;	      /* to write */
	struct st_lost lost;  /* with changes that would be overwritten */
	bool untracked;	      /* one of them is in no version */
	const char *how;      /* what to do about them; NULL: what -f does */
	struct st_index head; /* with stay: what HEAD has */
	bool stay;     /* rows that are the index's own already: their files are left as they are */
	char *blocker; /* something that neither side knows ... */
	const char *blocked; /* ... is where this must come */
	strata_checkout_result *res;
};

/* checkout_plan.c. The caller fills in r, now, target, res and what it wants of the rest. What
 * stands in the way, and what would be lost, is refused here. */
ST_MUST int st_checkout_plan(struct st_checkout *c, struct st_err *e);
/* Writes and removes what was planned, but for what was changed since. Rows of target that are as
 * their files get stat data. */
ST_MUST int st_checkout_carry_out(struct st_checkout *c, struct st_err *e);
void st_checkout_release(struct st_checkout *c);
/* Are so many bytes free below dir? ST_ENOSPC with both numbers. */
ST_MUST int st_checkout_space(const char *dir, uint64_t need, struct st_err *e);
/* For st_write_files(); arg is a strata_checkout_result. */
void st_checkout_wrote(void *arg, struct st_stage_row *row, const struct stat *st);

/* checkout.c: the files of the version that rev names; x is initialised and empty. */
ST_MUST int st_checkout_target(struct st_repo *r, const char *rev, struct st_oid *commit,
			       struct st_index *x, struct st_err *e);
/* Rows of c->target that the paths name go into the index, in place of what cannot be beside them.
 * `exact`: what else the paths name goes out, as in Git's overlay mode it does not. */
ST_MUST int st_checkout_put_rows(struct st_checkout *c, struct st_index *x, bool exact,
				 struct st_err *e);
/* checkout_to.c: a version, or what is named of it, below another directory. */
ST_MUST int st_checkout_to(struct st_repo *r, const char *rev, const strata_checkout_options *o,
			   strata_checkout_result *res, struct st_err *e);

#endif
