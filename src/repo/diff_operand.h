/* SPDX-License-Identifier: Apache-2.0 */
/* What diff's arguments mean: the files of each side. */
#ifndef ST_REPO_DIFF_OPERAND_H
#define ST_REPO_DIFF_OPERAND_H

#include "repo/diff_side.h"

struct st_dlist {
	struct st_arena arena;
	struct st_dfile *v; /* sorted by key once st_diff_operands returns */
	size_t n, cap;
	bool single; /* one file, or one model of several, was named */
	bool whole;  /* everything that the repository has at that time: keys are its paths */
	bool part;   /* only files of paths that were chosen */
};

/*
 * Both sides of what strata_diff was asked; the lists are initialised here. Only files that
 * o->paths mean are in them; ST_ENOTFOUND names a path that means none.
 */
ST_MUST int st_diff_operands(struct st_repo *r, const char *a, const char *b,
			     const strata_diff_options *o, struct st_dlist *la, struct st_dlist *lb,
			     struct st_err *e);
void st_dlist_release(struct st_dlist *l);

#endif
