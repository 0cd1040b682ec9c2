/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One `resolve`: private to merge_resolve.c, which says what is decided, and merge_remake.c, which
 * makes the files that follow from it.
 */
#ifndef ST_REPO_MERGE_RESOLVE_H
#define ST_REPO_MERGE_RESOLVE_H

#include "repo/merge_state.h"

struct st_settling {
	struct st_repo *r;
	const char *const *globs;
	size_t nglobs;
	const strata_settle_options *o;
	struct st_txn t;
	struct st_merging m;
	bool there;
	struct st_weave w;
	struct st_buf how;
	const char *said; /* that, kept, */
	const char *wide; /* and of what is decided so where the method has something for it */
	struct st_choice choice;
	struct st_map paths;	  /* of files to make */
	struct st_map names;	  /* of those: what versions call them, or did */
	struct st_map folders;	  /* of vocabularies that are joined */
	struct st_map numbered;	  /* folders of tokenizers that were decided about now */
	struct st_map roots;	  /* of those files: what is decided together with them */
	struct st_map staged;	  /* files that were staged by hand, */
	struct st_map spared;	  /* of those what a pattern matches, */
	struct st_map kept;	  /* and what stays so */
	const char **was;	  /* of each item: how it was decided before */
	struct st_step_file *own; /* files that hold the merge's markers, and nothing else */
	size_t nown;
	uint64_t settled, passed; /* passed: of those, what was left as it was */
};

/* merge_resolve.c */
/* Is it one of the globs? A file that was staged by hand is decided anew only by its own path. */
bool st_settling_named(const struct st_settling *s, const char *path);
/* Was more of it than the mode staged by hand? */
bool st_settling_staged(const struct st_settling *s, const char *path);
/* Does it belong to a vocabulary that is decided? s->w is there. */
bool st_settling_in_vocab(const struct st_settling *s, const char *path);
/* For st_weave.passed. */
bool st_settling_passes(void *arg, struct st_merge_item *it);
/* What belongs to the vocabulary of something that was decided is decided with it. */
ST_MUST int st_settling_vocabs(struct st_settling *s, struct st_err *e);

/* merge_remake.c: opens s->w, and makes the files, the index and the step of what was decided. */
ST_MUST int st_settling_make(struct st_settling *s, struct st_err *e);

#endif
