/* SPDX-License-Identifier: Apache-2.0 */
/* Which command of the operation log can be undone or redone now. */
#ifndef ST_REPO_UNDO_STACK_H
#define ST_REPO_UNDO_STACK_H

#include "repo/repo.h"

struct st_step { /* one command: what it changed */
	uint64_t seq;
	const char *verb, *why; /* strings and refs are the arena's */
	struct st_op_ref *refs;
	size_t nrefs;
	bool stages;		     /* it may have changed the staged tree */
	struct st_oid before, after; /* which was so then; zero: nothing ever was */
	const char **lost;	     /* files whose content it overwrote, as in struct st_op */
	size_t nlost;
	uint64_t lost_count;
	struct st_arena arena;
};

/* Reads the log from its end, as far back as it has to. *found false: there is none. Release s in
 * every case. */
ST_MUST int st_undo_step(struct st_repo *r, bool redo, struct st_step *s, bool *found,
			 struct st_err *e);
void st_undo_step_release(struct st_step *s);

#endif
