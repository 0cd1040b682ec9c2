/* SPDX-License-Identifier: Apache-2.0 */
/*
 * revert, cherry-pick and rollback: private to renew*.c and change.c. What they do is decided file
 * by file, and where tensors are chosen within a model file tensor by tensor:
 *
 *	renew_pick.c	which tensors --tensor means
 *	renew_settle.c	one model file: which tensors change, and what keeps one from it
 *	renew_graft.c	the files that this takes: other tensors in a version's bytes
 *	renew.c		rollback, and what all share
 *	change.c	cherry-pick and revert, which are merges
 */
#ifndef ST_REPO_RENEW_H
#define ST_REPO_RENEW_H

#include "repo/patch.h"
#include "repo/rewind.h"
#include "repo/tensor_table.h"

struct st_pick;

struct st_graft {		  /* a model file to be made */
	struct st_stage_row base; /* as it is; mode as it is to be */
	struct st_stage_row from; /* the stored file that has the new tensors */
	struct st_edit *v;	  /* names of those; in renew's arena */
	size_t n, cap;
};

struct st_renew {
	struct st_repo *r;
	strata_renewal what;
	const strata_renew_options *o;
	struct st_txn *t;
	struct st_head head;
	struct st_oid rev;
	struct st_commit commit; /* of rev */
	struct st_index here;	 /* what is made otherwise */
	struct st_index target;
	struct st_index gone; /* paths that leave */
	struct st_pick *pick; /* NULL: whole files */
	struct st_arena arena;
	struct st_graft *grafts;
	size_t ngrafts, grafts_cap;
	size_t blocked;	       /* changes that cannot be made */
	char first_block[300]; /* and why, of the first */
	char label[32];	       /* of rev */
};

void st_renew_init(struct st_renew *z, struct st_repo *r, strata_renewal what,
		   const strata_renew_options *o, struct st_txn *t);
void st_renew_release(struct st_renew *z);
/* The revision, its commit and its label. */
ST_MUST int st_renew_load(struct st_renew *z, const char *rev, struct st_err *e);
/* The version's message. */
ST_MUST int st_renew_say(const struct st_renew *z, struct st_buf *out, struct st_err *e);
/* What was settled becomes files of z->target, in which are all of z->here otherwise. ST_EREFUSED
 * says what was blocked. */
ST_MUST int st_renew_make(struct st_renew *z, struct st_err *e);
extern const char *const st_renewals[]; /* by strata_renewal */

/* renew.c: a change that cannot be made; tensor NULL: the whole file. */
void st_renew_block(struct st_renew *z, const char *path, const struct st_stored_tensor *tensor,
		    const char *why);

/* renew_pick.c */
/*
 * What o->tensors mean among the models of n sorted indexes, of which the first is where the values
 * come from; all are borrowed. paths: of o->paths, or NULL. ST_ENOTFOUND names one that means
 * nothing, and one that the first index has nothing of.
 */
ST_MUST int st_pick_new(struct st_pick **out, struct st_renew *z, const struct st_index *const *x,
			size_t n, struct st_pathspec *paths, struct st_err *e);
void st_pick_free(struct st_pick *p);
/* p NULL: every tensor is. */
bool st_pick_has(const struct st_pick *p, const char *path, const char *name, size_t len);

/* renew_settle.c */
/*
 * Of a model file of z->here, `now`, the tensors that are picked become what they are in `to` (each
 * NULL: absent). Adds to z->target, z->gone or z->grafts, or blocks.
 */
ST_MUST int st_renew_settle(struct st_renew *z, const char *path, const struct st_stage_row *now,
			    const struct st_stage_row *to, struct st_err *e);

/* renew_graft.c: makes the files of z->grafts, stores them with z->t's writer and adds their rows
 * to z->target. ST_EREFUSED where tensors share memory or cannot be written. */
ST_MUST int st_renew_graft(struct st_renew *z, struct st_err *e);

#endif
