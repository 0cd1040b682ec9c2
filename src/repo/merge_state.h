/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A merge under way, and what its verbs share: private to merge*.c, but for what asks whether there
 * is one.
 *
 * .strata/merge is written before anything else changes, and says what the index is to become. A
 * step that is killed is therefore either not begun, or is done over by `merge --continue`, or
 * taken back by `merge --abort`. The file counts only while HEAD is ours: the commit that ends a
 * merge moves it, so that a kill before the file is gone leaves no merge behind. Nothing else moves
 * HEAD while it counts, and whatever could bring HEAD back asks the gate first, which removes one
 * that no longer counts.
 */
#ifndef ST_REPO_MERGE_STATE_H
#define ST_REPO_MERGE_STATE_H

#include "repo/verbs.h"
#include "repo/weave.h"

#define ST_MERGE_FILE "merge"
/* What its operations say, behind the verb: */
#define ST_MERGE_BEGUN "begun"
#define ST_MERGE_CONTINUE "ended" /* with a version */
#define ST_MERGE_ABORT "taken back"

/* "merge begun", and behind a colon what, unless it is NULL: of an operation. Cut to room. */
void st_merging_why(const struct st_merging *m, const char *event, const char *what, char *out,
		    size_t room);
/* Does the operation say so? */
bool st_merging_said(const struct st_op *op, const char *event);

/* *there false: none is under way, and m needs no release. */
ST_MUST int st_merging_load(struct st_repo *r, struct st_merging *m, bool *there, struct st_err *e);
/* Durable. */
ST_MUST int st_merging_save(struct st_repo *r, const struct st_merging *m, struct st_err *e);
ST_MUST int st_merging_drop(struct st_repo *r, struct st_err *e);
/* May this verb go on, the index, which is locked, being that? ST_EREFUSED during a merge that it
 * would break. Removes, durably, what is left of one that has ended. */
ST_MUST int st_merging_gate(struct st_repo *r, const char *verb, const struct st_index *x,
			    struct st_err *e);
/* What was staged by hand: the row of a file, as the merge staged it, that the index has otherwise
 * or that somebody staged as it was; NULL: none. st_merging_note comes first. */
const struct st_merge_staged *st_merging_hand(const struct st_merging *m, const struct st_index *x,
					      const char *path, size_t len);
/* The paths of those of which more than the mode is otherwise. */
ST_MUST int st_merging_hands(const struct st_merging *m, const struct st_index *x,
			     struct st_map *paths, struct st_err *e);
/* A row that was made of a file whose row was `now`, for the index to come: a mode that was staged
 * by hand stays. */
struct st_stage_row st_merging_made(const struct st_merging *m, const struct st_stage_row *now,
				    const struct st_stage_row *made);
/* Has the file, or one below that path, a conflict that is not settled? Of a merge under way; the
 * index is locked. */
ST_MUST int st_merging_open_at(struct st_repo *r, const struct st_index *x, const char *path,
			       bool *open, struct st_err *e);
/* Somebody staged these files: conflicts about them are settled so, even where they are as the
 * merge had them. The index is locked. */
ST_MUST int st_merging_mark(struct st_repo *r, const struct st_index *files, struct st_err *e);
/* And took that back. */
ST_MUST int st_merging_unmark(struct st_repo *r, struct st_pathspec *ps, struct st_err *e);
/* Files of a merge under way that it has none of in the index: they were there before, or are in
 * conflict. ps has matched those that it means. */
ST_MUST int st_merging_match(struct st_repo *r, struct st_pathspec *ps, struct st_err *e);
/* What the merge itself staged, into an empty index. *there false: none is under way. */
ST_MUST int st_merging_own(struct st_repo *r, struct st_index *out, bool *there, struct st_err *e);
/* Was the last step cut off, the index being that? */
bool st_merging_cut(const struct st_merging *m, const struct st_index *x);
/* ST_EREFUSED, saying what to do, when it was, or when the merge was being taken back. */
ST_MUST int st_merging_whole(const struct st_merging *m, const struct st_index *x,
			     struct st_err *e);
int st_merging_none(struct st_err *e); /* ST_EREFUSED: there is none */
/* ST_EREFUSED, saying that it is under way, and what ends it. */
int st_merging_refuse(const struct st_merging *m, struct st_err *e);
/* Is the item decided, by a choice or by what is staged? */
bool st_merging_settled(const struct st_merging *m, const struct st_merge_item *it,
			const struct st_index *x);
/* Those that are not. */
size_t st_merging_open(const struct st_merging *m, const struct st_index *x);
/* What is staged now counts as what the merge staged: of files with something open. Rows of other
 * files stay that are of what was staged otherwise. */
ST_MUST int st_merging_stage(struct st_merging *m, const struct st_index *x, struct st_err *e);
/* Adds rows of all files that are staged otherwise than the last step left them. */
ST_MUST int st_merging_note(struct st_repo *r, struct st_merging *m, const struct st_index *x,
			    struct st_err *e);
/* What was staged by hand is said to be so: of what is open, */
void st_merging_take_hands(struct st_merging *m, const struct st_index *x);
/* and, at the end, of all files. */
ST_MUST int st_merging_take_staged(struct st_repo *r, struct st_merging *m,
				   const struct st_index *x, struct st_err *e);

/* merge_step.c */
/*
 * One step: the index becomes `target` (sorted, taken over), and the files that this changes; it is
 * refused where one of them has changes, unless `also` names it, or `force` is set. m is saved
 * before and after. why: of the operation. marked: texts with markers, written last.
 */
struct st_marked {
	const char *path; /* of a file that is there: it keeps its mode */
	struct st_buf text;
	struct st_seen seen; /* what lay there when it held nothing of anybody's; */
	bool left;	     /* or there was something, which stays */
};
struct st_step_file {
	const char *path;
	struct st_seen seen; /* what lay there when that was the merge's own; or not asked */
};
struct st_step_files {
	bool exact; /* so that it can be taken back: st_local_files */
	bool force; /* changes in the files that this writes are lost, which the operation says */
	struct st_step_file *also; /* files that are written even where the index is as it was */
	size_t nalso;
	/* What a step before was to make of the index and has not: its files, some of which may be
	 * there, are written too. NULL: none. */
	const struct st_index *cut;
	/* What the merge made of the index: what is as `target` has it there, and not named by
	 * `also`, is left alone, whatever became of it since. NULL: all is the merge's. */
	const struct st_index *made;
	/* So is what these name. */
	const char **left;
	size_t nleft;
	struct st_marked *marked; /* looked at by st_marked_look */
	size_t nmarked;
	const char *how; /* NULL, or what to do about files that refuse it */
	bool last;	 /* m is not saved once more afterwards */
};
ST_MUST int st_merge_step(struct st_txn *t, struct st_merging *m, struct st_index *target,
			  const struct st_step_files *f, const char *why,
			  strata_checkout_result *res, struct st_err *e);

/* merge_marks.c */
/* Before a step whose index is x: do the files hold what that has, or the texts already? */
ST_MUST int st_marked_look(struct st_repo *r, const struct st_index *x, struct st_marked *marked,
			   size_t n, struct st_err *e);
/* Does the file hold what the merge wrote with markers, as it wrote it? *seen is of before it was
 * read, where that is so. */
ST_MUST int st_marked_untouched(struct st_repo *r, const struct st_merge_item *it, bool *yes,
				struct st_seen *seen, struct st_err *e);
/* How many conflicts would stay open if all changes of tracked files were staged. */
ST_MUST int st_marked_left(struct st_repo *r, const struct st_merging *m, size_t *n,
			   struct st_err *e);
/*
 * Files of which something was decided as a whole, while the index (x) has ours's, and they may
 * have markers. own: those that hold nothing else, or are gone; the caller's to free, after a
 * failure too. looked (empty): of each that is there otherwise than in the index 1 if it is among
 * them, else 0. was: of each item how it was decided before, then it is not looked at; or NULL.
 */
ST_MUST int st_marked_own(struct st_repo *r, const struct st_merging *m, const struct st_index *x,
			  const char *const *was, struct st_map *looked, struct st_step_file **own,
			  size_t *nown, struct st_err *e);

/* merge_make.c: both sides have versions that the other has not, or a version is wanted anyway; or
 * the change of one version comes over */
struct st_change;
struct st_merge_job {
	struct st_repo *r;
	const char *const *revs;
	const strata_merge_options *o;
	strata_merge_result *res;
	struct st_head head;
	struct st_oid *ids; /* of revs, n of them */
	size_t n;
	struct st_change *change; /* NULL: a merge; else revs, ids and n are not asked */
};
ST_MUST int st_merge_make(struct st_merge_job *j, struct st_err *e);
/* "Merge wider into main" */
ST_MUST int st_merge_title(const struct st_head *head, const char *const *revs, size_t n,
			   struct st_buf *out, struct st_err *e);
/* The rules that options and settings name. */
ST_MUST int st_merge_rules(struct st_repo *r, const char *method, const char *const *rules,
			   size_t nrules, struct st_rules *out, struct st_err *e);
ST_MUST int st_merge_rules_used(const struct st_rules *rules, const char *const *given, size_t n,
				struct st_err *e);
/* Sets c's parents, and of a merge its description, which is written. */
ST_MUST int st_merging_fill(struct st_writer *w, const struct st_merging *m, struct st_commit *c,
			    struct st_err *e);
/* merge_fit.c: where nothing of a merge under way is open any more, indices are made that fit what
 * is staged of their shards, as a step of the merge. */
ST_MUST int st_merge_fit(struct st_repo *r, struct st_err *e);
/* commit.c: the version that ends it. ST_ENO: something is open, or nothing is left of a change. */
ST_MUST int st_merge_commit(struct st_repo *r, const strata_merge_options *ask,
			    strata_commit_result *res, struct st_err *e);
/* The files of a version in a folder of their own below .strata, given to accept. ST_ENO: it said
 * no. */
ST_MUST int st_merge_ask(struct st_repo *r, struct st_index *x,
			 int (*accept)(void *arg, const char *dir), void *arg, struct st_err *e);

#endif
