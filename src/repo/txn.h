/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One change of the index and the history: the locks, the writer, and the publication that every
 * verb needs in the same order.
 *
 * 	st_txn_begin		gc lock (shared), writer
 * 	... objects ...		without the index lock: this may take long
 * 	st_txn_index		index lock, index as it is now
 * 	... st_txn_flush ...	where objects must be read before that
 * 	... change t.index, t.op ...
 * 	st_txn_publish		trees, seal, operation, index file
 * 	st_txn_end		always
 */
#ifndef ST_REPO_TXN_H
#define ST_REPO_TXN_H

#include "repo/number.h"

struct st_txn {
	struct st_repo *r;
	struct st_writer *w;
	struct st_index index;
	bool has_index;
	struct st_op op;	 /* verb, why, refs and commits are the caller's */
	struct st_number number; /* what publish numbers by; all but the commit is the caller's */
	char label[32];		 /* version number given by publish */
	struct st_arena lost;	 /* what op.lost points to */
};

ST_MUST int st_txn_begin(struct st_txn *t, struct st_repo *r, const char *verb, struct st_err *e);
ST_MUST int st_txn_index(struct st_txn *t, struct st_err *e);
/* Stores a commit, with this machine's time zone; publish numbers by it. */
ST_MUST int st_txn_store(struct st_txn *t, struct st_commit *c, struct st_oid *id,
			 struct st_err *e);
/* trees: the index changed. number: the commit that gets the next version number, or NULL. */
ST_MUST int st_txn_publish(struct st_txn *t, bool trees, const struct st_oid *number,
			   struct st_err *e);
/* The same of the new version id at head's branch, or at HEAD itself where that is detached. */
ST_MUST int st_txn_commit(struct st_txn *t, const struct st_head *head, bool trees,
			  const struct st_oid *id, struct st_err *e);
/*
 * What was written so far can be read from now on: an operation of its own, with packs and nothing
 * else, which undo and reflog pass over. Nothing if nothing was written.
 */
ST_MUST int st_txn_flush(struct st_txn *t, struct st_err *e);
/* Keeps finished objects of an interrupted command for the next one. */
void st_txn_salvage(struct st_txn *t);
/* The operation says that what this file held is gone. */
ST_MUST int st_txn_lost(struct st_txn *t, const char *path, struct st_err *e);
/* The same of a file that is to go, if it is not as this row has it; one that cannot be read is
 * not. */
ST_MUST int st_txn_overwrites(struct st_txn *t, struct st_stage_row *row, struct st_err *e);
void st_txn_end(struct st_txn *t);

#endif
