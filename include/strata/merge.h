/* SPDX-License-Identifier: Apache-2.0 */
/* Bringing lines of history together. */
#ifndef STRATA_MERGE_H
#define STRATA_MERGE_H

#include <strata/history.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct strata_merge_options {
	bool forward_only; /* never make a version */
	bool no_forward;   /* make a version even where HEAD only had to go forward */
	bool unrelated;	   /* also of versions that have none in common */
	bool nonfinite;	   /* methods may read values that are no number */
	uint64_t seed;	   /* of methods that draw random numbers; at most 2^53 */
	/* For tensors that several changed: "ties:density=0.5", and rules "GLOB=METHOD" (of a name,
	 * or "GLOB::GLOB=METHOD", of a file's path and a name in it), which come first and are
	 * tried in order; then those of the settings merge.rules (separated by blanks) and
	 * merge.method. Without one they are conflicts. "fisher" reads fisher.safetensors beside
	 * the model in each side's version (STRATA_EUSAGE: one has none), and joins no tensors of
	 * such a file: the next rule counts for them. "lora" adds the adapter that is beside the
	 * model in each other side's version (STRATA_EUSAGE: one has none; STRATA_EREFUSED: it
	 * cannot be applied, or is not what that side did), where it has factors: the next rule
	 * counts where not. */
	const char *method;
	const char *const *rules;
	size_t nrules;
	const char *message; /* NULL: one that says what was merged */
	/* Before a version is made: its files are in the folder dir. Returns non-zero to refuse it:
	 * then nothing changes, and STRATA_ENO is the result. May be NULL. */
	int (*accept)(void *arg, const char *dir);
	void *arg;
	const char *accept_text;	/* what accept does: kept for strata_merge_continue */
	const strata_head_info *expect; /* as in strata_commit_options; may be NULL */
} strata_merge_options;

typedef struct strata_merge_result {
	bool moved;				      /* false: HEAD had everything already */
	bool made;				      /* a version was made */
	bool several_bases;			      /* base is one of several: of all */
	char base[STRATA_HEX];			      /* what was merged against; "" none */
	char commit[STRATA_HEX], version[32];	      /* of HEAD now; version "" when it has none */
	char old_commit[STRATA_HEX], old_version[32]; /* and before; "" on an unborn branch */
	char branch[256];			      /* that moved; "" when HEAD is detached */
	char message[256];	   /* of a version that was made: its first line */
	uint64_t conflicts;	   /* then no version was made, and a merge is under way */
	uint64_t taken;		   /* tensors of one side that HEAD had not */
	uint64_t blended;	   /* tensors that a method made */
	strata_file_counts counts; /* against HEAD before */
	strata_tensor_counts tensors;
	strata_checkout_result files;
} strata_merge_result;

/*
 * Brings what revs have into the branch that is checked out, or a detached HEAD. Where HEAD only
 * has to go forward it does, index and working tree with it, as strata_switch takes them along;
 * an unborn branch begins there. Else a version with all of them as parents is made: what one side
 * changed is taken as it is, tensor by tensor, and what several changed is for a method or a
 * conflict. With conflicts no version is made and a merge is under way: the index and the working
 * tree hold ours where that is so, strata_merge_conflicts lists them, strata_settle decides them,
 * strata_merge_continue and strata_merge_abort end it.
 *
 * STRATA_EREFUSED, and nothing changed: something is staged, files that must be written have
 * changes, no common version and not `unrelated`, a merge is under way. o may be NULL.
 */
STRATA_API int strata_merge(strata_repo *r, const char *const *revs, size_t nrevs,
			    const strata_merge_options *o, strata_merge_result *result,
			    strata_error *err);
/* The message that it would write. cb's non-zero result stops (STRATA_ENO). */
STRATA_API int strata_merge_message(strata_repo *r, const char *const *revs, size_t nrevs,
				    int (*cb)(void *arg, const char *message), void *arg,
				    strata_error *err);

#define STRATA_CONFLICT_VALUE 120 /* bytes */

typedef struct strata_conflict_side { /* what a version has there */
	const char *dtype;	      /* of a tensor; NULL: it is none */
	unsigned ndim;
	const uint64_t *shape; /* elements */
	/* Of a key of a configuration how its text begins, in one line: value_len bytes and a NUL,
	 * STRATA_CONFLICT_VALUE at most; NULL: it is none. */
	const char *value;
	size_t value_len;
	bool more;	/* of the text follows */
	uint64_t size;	/* bytes: of the tensor, of all of the key's text, of the file or files */
	uint64_t files; /* of a directory, where others have a file; 0: it is none */
} strata_conflict_side;

typedef struct strata_conflict {
	const char *path; /* of the file */
	const char *name; /* of the tensor, or the key of a configuration; "" the whole file */
	const char *kind; /* "values" "shape" "dtype" "rename/rename" "rename/delete"
			   * "delete/modify" "add/add" "tied" "vocabulary" "configuration" "text"
			   * "binary" "file/directory" "layout" */
	const char *how;  /* how it was decided; NULL: it is not */
	/* ids of the tensor or file in the base, in ours and in theirs; NULL: absent, or a
	 * directory, which base_has, our_has and their_has tell apart */
	const char *base, *ours, *theirs;
	/* Which of the versions that are merged `theirs` is, here and below, from 1: of several the
	 * first that has it otherwise than the base. */
	size_t side;
	/* Where it is about the name ("rename/rename", "rename/delete"): what the tensor or file is
	 * called there; NULL: absent, as all are elsewhere. Where sides renamed different ones to
	 * this name base_name is NULL, and the others are what those were in the base. */
	const char *base_name, *our_name, *their_name;
	/* Of several versions all whose line has it otherwise than the base, and that are not
	 * `theirs`: their numbers, and what they have (NULL: absent). */
	const size_t *more_sides;
	const strata_conflict_side *const *more_have;
	size_t nmore;
	/* What the base, ours and theirs have; NULL: absent. All three are NULL where that
	 * is not known. */
	const strata_conflict_side *base_has, *our_has, *their_has;
	uint64_t places; /* of a text: where its lines do not go together; 0: it is none */
	/* Of ours against theirs, or of the first two others where ours has no part in it; where
	 * one has removed it, of the base against the other one: */
	bool has_figures;
	uint64_t numel, changed, nonfinite;
	double mad, l2, max_abs, cosine;
} strata_conflict;

typedef struct strata_merge_state {
	bool under_way;
	const char *verb;	/* "merge"; or "cherry-pick", "revert" */
	const char *of;		/* id of the version whose change those take; NULL: a merge */
	const char *of_version; /* its number; NULL: it has none */
	bool cut;		/* its last step was interrupted: only continue and abort go on */
	bool aborting;		/* that was abort: only abort goes on */
	uint64_t open;		/* conflicts that are not decided */
	uint64_t conflicts;	/* that there were */
	const char *message, *accept_text; /* accept_text: NULL none */
	const char *const *parents;	   /* of the version to come, ours first */
	size_t nparents;
} strata_merge_state;
/* What goes on: a merge, or a cherry-pick or revert with conflicts, for which all that follows does
 * the same: of a cherry-pick theirs is the version that is taken over, of a revert the parent of
 * the one that is taken back; the base is the other of them. state (may be NULL) once, then each
 * conflict that cb gets, by path and name. No merge under way is no failure. */
STRATA_API int strata_merge_conflicts(strata_repo *r,
				      int (*state)(void *arg, const strata_merge_state *s),
				      int (*cb)(void *arg, const strata_conflict *c), void *arg,
				      strata_error *err);

typedef struct strata_settle_options {
	/* One of: "ours", "theirs", "theirs N", "base", "union", or a method. "union": a row for
	 * every token of both vocabularies; rows that both changed are ours's, or as what follows
	 * behind a blank says: "union theirs", "union linear". Conflicts of the same vocabulary
	 * are decided with it, decided ones too, and when that is taken back. */
	const char *how;
	const char *from; /* or: as this revision has it */
	/* Methods read NaN and infinity, from here on in this merge. */
	bool nonfinite;
} strata_settle_options;
/*
 * Decides conflicts, decided ones anew: those whose tensor or file, or "PATH::NAME", a glob
 * matches; with a method or "union" those that can be settled so. *settled: how many; *open: how
 * many are left. STRATA_ENOTFOUND names a glob that matches none.
 */
STRATA_API int strata_settle(strata_repo *r, const char *const *globs, size_t n,
			     const strata_settle_options *o, uint64_t *settled, uint64_t *open,
			     strata_error *err);

/* Ends it with a version. STRATA_ENO: conflicts are left, or nothing is of a cherry-pick or revert.
 * Of o message and accept count. */
STRATA_API int strata_merge_continue(strata_repo *r, const strata_merge_options *o,
				     strata_commit_result *result, strata_error *err);
/* Index, files and refs become what they were. */
STRATA_API int strata_merge_abort(strata_repo *r, strata_checkout_result *result,
				  strata_error *err);

typedef struct strata_merge_input {
	const char *path, *name, *kind, *how;
	/* ids of what was merged: the tensor, value or file; NULL: absent */
	const char *base;
	const char *const *sides; /* ours first */
	size_t nsides;
} strata_merge_input;
typedef struct strata_merge_info {
	const char *id; /* of the description */
	const char *const *parents, *const *bases;
	size_t nparents, nbases;
	uint64_t seed;
	uint64_t items;
} strata_merge_info;
/* What the description of a merge says: first info, then each tensor, key and file that several
 * sides changed. STRATA_ENOTFOUND: rev is no merge, or one without a description. */
STRATA_API int strata_merge_show(strata_repo *r, const char *rev,
				 int (*info)(void *arg, const strata_merge_info *i),
				 int (*cb)(void *arg, const strata_merge_input *i), void *arg,
				 strata_error *err);
typedef struct strata_replay_result {
	uint64_t files;	    /* of the version */
	uint64_t made;	    /* that were made once more */
	uint64_t by_hand;   /* that cannot be, as they were settled by hand */
	uint64_t differing; /* that came out otherwise */
} strata_replay_result;
/* Makes the merge over from its parents and its description. differing: cb gets each path. */
STRATA_API int strata_merge_replay(strata_repo *r, const char *rev,
				   int (*cb)(void *arg, const char *path), void *arg,
				   strata_replay_result *result, strata_error *err);

/* ---- plain files, no repository needed ---- */

typedef struct strata_merge_files_options {
	const char *const *models; /* files, index files or directories of one model; ours first */
	size_t nmodels;
	const char *base;	  /* what they all come from; NULL: there is none */
	const char *method;	  /* "ties:density=0.5"; NULL: only rules decide */
	const char *const *rules; /* "GLOB=METHOD"; the first whose glob matches decides */
	size_t nrules;
	const char *const *fisher; /* one a model: its diagonal, for the method "fisher" */
	size_t nfisher;
	/* Of the one model for the method "lora": folders as PEFT writes them, or the tensors' file
	 * beside its adapter_config.json. */
	const char *const *adapters;
	size_t nadapters;
	uint64_t seed;	      /* of random methods; where none is asked it must be 0 */
	bool allow_nonfinite; /* else a weight that is not finite is STRATA_EREFUSED */
	const char *out;      /* a file; a directory where ours is one or has shards. Not NULL */
} strata_merge_files_options;

typedef struct strata_merged_tensor {
	const char *name; /* name_len bytes and a NUL */
	size_t name_len;
	const char *outcome;  /* "kept" "taken" "merged" "removed" "conflict" */
	const char *from;     /* of "taken": the operand that has it so; else NULL */
	const char *conflict; /* "values" "shape" "dtype" "add/add" "delete/modify"; else NULL */
	const char *method;   /* of "merged": with all parameters; else NULL */
} strata_merged_tensor;

typedef struct strata_merge_files_result {
	uint64_t kept, taken, merged, removed, conflicts; /* tensors */
	uint64_t bytes; /* of model files written; 0 when there are conflicts */
} strata_merge_files_result;

/*
 * Merges models tensor by tensor into `out`, which appears complete or not at all, and may be one
 * of the operands when it is a file. With a base, what only one side changed is taken as it is, bit
 * for bit, and what several changed goes to the method of the first rule that matches, or
 * o->method; without one every tensor does. Types are ours's. Values belong together by name, so
 * containers may differ; the result is in ours's. Conflicts: STRATA_ENO, and nothing is written.
 *
 * cb, which may be NULL, gets each tensor when its outcome is known, before anything is written;
 * non-zero stops. STRATA_EUSAGE names tensors that not all models have where there is no base,
 * STRATA_ENOTFOUND a rule that decides about no tensor, STRATA_EREFUSED a result that the container
 * cannot hold. Memory is bounded by opts->memory, whatever the size. Result may be NULL.
 */
STRATA_API int strata_merge_files(const strata_merge_files_options *o, const strata_options *opts,
				  int (*cb)(void *arg, const strata_merged_tensor *t), void *arg,
				  strata_merge_files_result *result, strata_error *err);

typedef struct strata_merge_recipe_options {
	const char *recipe; /* a YAML file as mergekit reads it */
	uint64_t seed;	    /* as of strata_merge_files */
	bool allow_nonfinite;
	const char *out; /* as of strata_merge_files; ours is base_model, or the first model */
} strata_merge_recipe_options;

/*
 * Merges local models as a recipe says (doc/guide/merge-files.md has what is understood). Paths in
 * it count from the current directory. STRATA_EFORMAT names the line of what is not understood. A
 * recipe has no conflicts: every tensor goes to its method.
 */
STRATA_API int strata_merge_recipe(const strata_merge_recipe_options *o, const strata_options *opts,
				   int (*cb)(void *arg, const strata_merged_tensor *t), void *arg,
				   strata_merge_files_result *result, strata_error *err);

#ifdef __cplusplus
}
#endif
#endif
