/* SPDX-License-Identifier: Apache-2.0 */
/* Going back: where refs have been, moving them back. */
#ifndef STRATA_REWIND_H
#define STRATA_REWIND_H

#include <strata/history.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct strata_ref_move {
	const char *ref;	/* "HEAD", "heads/main", "tags/x" */
	uint64_t index;		/* 0 is the last move */
	uint64_t operation;	/* its number in the operation log */
	const char *old_commit; /* where the ref pointed before; NULL: nowhere */
	const char *commit;	/* and after; NULL: nowhere */
	const char *version;	/* of commit, "" when it has none */
	const char *time;	/* RFC 3339, UTC */
	const char *who;	/* "Name <mail>" */
	const char *verb, *why; /* the command, and what it says of itself */
} strata_ref_move;

/*
 * Every move of a ref that the operation log holds, newest first. ref: "HEAD" (NULL means it), a
 * branch or tag, with or without "heads/" or "tags/" before it, deleted ones too; STRATA_ENOTFOUND
 * when there never was one. What moves the branch that HEAD is on moves HEAD. limit 0: all.
 */
STRATA_API int strata_reflog(strata_repo *r, const char *ref, uint64_t limit,
			     int (*cb)(void *arg, const strata_ref_move *m), void *arg,
			     strata_error *err);

typedef enum strata_reset_mode {
	STRATA_RESET_MIXED, /* the branch and what is staged */
	STRATA_RESET_SOFT,  /* the branch alone */
	STRATA_RESET_HARD,  /* the working tree too: local changes of tracked files are lost */
} strata_reset_mode;

typedef struct strata_reset_result {
	char commit[STRATA_HEX], version[32];	      /* "" where there is none */
	char old_commit[STRATA_HEX], old_version[32]; /* where it was */
	char branch[256];			      /* "" when detached */
	uint64_t discarded;			      /* files whose changes are lost */
	strata_checkout_result files;		      /* with STRATA_RESET_HARD */
} strata_reset_result;

/*
 * Moves the branch that HEAD is on, or a detached HEAD, to rev (NULL: stays). discarded (may be
 * NULL) gets each file whose content was in no version and not staged. Nothing that was staged or
 * committed is lost: strata_undo brings it back. Untracked files stay, except where a file of rev
 * must come.
 */
STRATA_API int strata_reset(strata_repo *r, const char *rev, strata_reset_mode mode,
			    int (*discarded)(void *arg, const char *path), void *arg,
			    strata_reset_result *result, strata_error *err);

typedef struct strata_undo_result {
	uint64_t operation; /* the one that was undone or redone: its number in the log */
	char verb[32], why[256];
	strata_checkout_result files;
	uint64_t kept; /* files with changes of their own, which stayed as they are */
	uint64_t lost; /* files whose content then is stored nowhere */
	/* All that was staged then is no longer stored: what is staged stayed as it was or, where
	 * HEAD moved to another version, is that version's. */
	bool staged_gone;
} strata_undo_result;

typedef struct strata_undo_handler { /* each may be NULL; results are ignored */
	/* HEAD, a branch or tag that moved. Values: a commit's id, "ref:heads/main" of HEAD, NULL:
	 * absent. What an annotated tag says comes and goes with it and is not told. */
	int (*ref)(void *arg, const char *name, const char *old_value, const char *value);
	/* A file with changes of its own: it stays as it is. */
	int (*kept)(void *arg, const char *path);
	/*
	 * A file that is not as it was then: the command overwrote what was in no version and not
	 * staged or, with gone, gc removed what was only staged. Of very many overwritten ones the
	 * first hundred.
	 */
	int (*lost)(void *arg, const char *path, bool gone);
} strata_undo_handler;

/*
 * Refs and index become what they were before the last command that changed any of them and is not
 * undone yet; the working tree too if that command wrote it, where it is clean. That is an
 * operation of its own. redo: the last command undone is done again, unless another followed.
 * STRATA_ENO when there is none. Version numbers that were given stay given.
 */
STRATA_API int strata_undo(strata_repo *r, bool redo, const strata_undo_handler *handler, void *arg,
			   strata_undo_result *result, strata_error *err);

typedef enum strata_renewal {
	STRATA_REVERT,	    /* without what rev changed against its parent */
	STRATA_CHERRY_PICK, /* with what rev changed against its parent */
	STRATA_ROLLBACK,    /* as rev is */
} strata_renewal;

typedef struct strata_renew_options {
	const char *message;	  /* NULL: one that says what was done */
	const char *const *paths; /* of a rollback: only these */
	size_t npaths;
	strata_bump bump;
	/*
	 * Only these tensors: their names or globs over them, each also behind "PATH::", where an
	 * index file stands for its shards. A name comes before a glob. STRATA_ENOTFOUND names what
	 * matches nothing.
	 */
	const char *const *tensors;
	size_t ntensors;
	/* Each change that cannot be made; tensor NULL: of the whole file. May be NULL; its result
	 * is ignored. */
	int (*blocked)(void *arg, const char *path, const char *tensor, const char *why);
	void *arg;
	const strata_head_info *expect; /* as in strata_commit_options; may be NULL */
	/* A tensor that changed here as well is joined: of the version here and the one it is to
	 * become, against what rev says it was. "task-arithmetic" adds the difference. NULL: it is
	 * a conflict. Not of a rollback. */
	const char *method;
	bool nonfinite; /* which may read values that are no number */
} strata_renew_options;

typedef struct strata_renew_result {
	char commit[STRATA_HEX], version[32], branch[256]; /* branch "" when detached */
	char message[256];				   /* the first line of it */
	strata_file_counts files;
	strata_tensor_counts tensors; /* of all models, against the version before */
	strata_checkout_result written;
	strata_bump bump;   /* STRATA_BUMP_DERIVED where numbers have no steps */
	const char *why;    /* "values changed": why that step; static, or NULL */
	uint64_t conflicts; /* then no version was made: commit and version are "" */
} strata_renew_result;

/*
 * A new version on top of HEAD; index and working tree follow. A rollback takes files whole; where
 * tensors are chosen, it is HEAD's file with rev's bytes in those tensors, and its checksums made
 * right. A cherry-pick or revert merges what rev changed, as strata_merge does it, but that
 * settings name no method: what changed here as well is a conflict. With conflicts no version is
 * made and a merge is under way: strata_merge_conflicts lists them, strata_settle decides,
 * strata_merge_continue and strata_merge_abort end it.
 *
 * STRATA_EREFUSED, and nothing changed, when something else is staged, when files that it must
 * write have changes, when rev is a merge; and where tensors are chosen when they came, went or
 * have another type or shape, when one is compressed, and when another that shares its memory would
 * change too. STRATA_ENO when there is nothing to change.
 */
STRATA_API int strata_renew(strata_repo *r, strata_renewal what, const char *rev,
			    const strata_renew_options *o, strata_renew_result *result,
			    strata_error *err);

/* The message that it would write. cb's non-zero result stops (STRATA_ENO). */
STRATA_API int strata_renew_message(strata_repo *r, strata_renewal what, const char *rev,
				    const strata_renew_options *o,
				    int (*cb)(void *arg, const char *message), void *arg,
				    strata_error *err);

#ifdef __cplusplus
}
#endif
#endif
