/* SPDX-License-Identifier: Apache-2.0 */
/* Which commands of the operation log can be undone and redone now. */
#ifndef ST_REPO_UNDO_STACK_H
#define ST_REPO_UNDO_STACK_H

#include "repo/repo.h"

struct st_step { /* one command: what it changed */
	uint64_t seq;
	const char *verb, *why; /* strings and refs are the stack's */
	struct st_op_ref *refs;
	size_t nrefs;
	struct st_oid before, after; /* the staged tree; zero: nothing ever was */
};

struct st_undo_stack {
	struct st_arena arena;
	struct st_oid tree; /* staged at the point that the log was read to */
	struct st_step *done, *undone;
	size_t ndone, done_cap, nundone, undone_cap;
};

/* Reads the log. Release also after a failure. */
ST_MUST int st_undo_stack_load(struct st_undo_stack *u, struct st_repo *r, struct st_err *e);
void st_undo_stack_release(struct st_undo_stack *u);

#endif
