/* SPDX-License-Identifier: Apache-2.0 */
/* Versions: commit, log, blame, show, revisions. */
#ifndef STRATA_HISTORY_H
#define STRATA_HISTORY_H

#include <strata/diff.h>
#include <strata/stage.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct strata_param {
	const char *key, *value;
} strata_param;

/* A declared ancestor: what a version was made from, beside its parents. */
typedef struct strata_lineage {
	const char *kind;    /* "fine-tuned-from", ... */
	const char *commit;  /* hex */
	const char *version; /* "v12" or "" */
} strata_lineage;

/* The step from the parent's version number to the new one; only with STRATA_SEMVER. */
typedef enum strata_bump {
	STRATA_BUMP_DERIVED, /* from what changed */
	STRATA_BUMP_PATCH,   /* no tensor */
	STRATA_BUMP_MINOR,   /* values of tensors */
	STRATA_BUMP_MAJOR,   /* tensors came or went, shapes or types changed; a first version */
} strata_bump;

typedef struct strata_commit_options {
	/* Required; NULL keeps the old one with amend, and that of a merge that is ended. */
	const char *message;
	bool all;		    /* stage changed and removed tracked files first */
	bool amend;		    /* replace HEAD's version */
	bool allow_empty;	    /* also when nothing changed */
	bool fast;		    /* with all: as STRATA_ADD_FAST */
	const strata_param *params; /* hyper-parameters */
	size_t nparams;
	const char *config; /* a configuration file to record, or NULL */
	const char *author; /* "Name <mail>", or NULL */
	/*
	 * Declared ancestors: key is the kind, value a revision; with amend none keeps the old
	 * ones. Kinds: fine-tuned-from, distilled-from, quantised-from (also quantized-from, which
	 * is recorded so), pruned-from, adapter-of, merged-from.
	 */
	const strata_param *lineage;
	size_t nlineage;
	strata_bump bump;
	/* What HEAD was when the message was begun, or NULL: STRATA_EBUSY, and nothing changed,
	 * when it is on another branch or at another version now. */
	const strata_head_info *expect;
} strata_commit_options;

typedef struct strata_file_counts {
	uint64_t added, changed, removed;
} strata_file_counts;

typedef struct strata_commit_result {
	char commit[STRATA_HEX], version[32], branch[256]; /* branch "" when detached */
	strata_file_counts files;
	strata_tensor_counts tensors;
	uint64_t logical_bytes; /* of the version's files */
	uint64_t stored_bytes;	/* that storing what it changed took */
	strata_bump bump;	/* STRATA_BUMP_DERIVED where numbers have no steps */
	const char *why;	/* "values changed": why that step; static, or NULL */
} strata_commit_result;

/* STRATA_ENO when there is nothing to commit. */
STRATA_API int strata_commit(strata_repo *r, const strata_commit_options *o,
			     strata_commit_result *result, strata_error *err);

/* What of o strata_commit would refuse whatever is staged: so far lineage and expect. For who asks
 * for a message next. */
STRATA_API int strata_commit_check(strata_repo *r, const strata_commit_options *o,
				   strata_error *err);

/* A revision (INTERFACE of the manual, "revisions") to a commit id. */
STRATA_API int strata_resolve(strata_repo *r, const char *rev, char commit[STRATA_HEX],
			      strata_error *err);

/* What a version did to a tensor. */
typedef struct strata_tensor_step {
	const char *path, *name; /* name_len bytes and a NUL */
	size_t name_len;
	const char *status; /* "added" "changed" "removed" */
	/* With options.values, of one that is changed: against the first parent that has the
	 * tensor. NULL also when the two have different numbers of elements. */
	const strata_diff_figures *figures;
} strata_tensor_step;

typedef struct strata_version {
	const char *commit;  /* hex */
	const char *version; /* "v12" or "" */
	const char *const *parents;
	size_t nparents;
	const char *author; /* "Name <mail>" */
	const char *time;   /* RFC 3339, UTC */
	const char *message;
	const char *const *branches, *const *tags; /* that point here */
	size_t nbranches, ntags;
	bool head;		  /* HEAD points here */
	bool has_files;		  /* files was asked for */
	strata_file_counts files; /* against the first parent */
	const strata_lineage *lineage;
	size_t nlineage;
	/* with options.tensors: of those, what it changed, by path */
	const strata_tensor_step *steps;
	size_t nsteps;
} strata_version;

typedef struct strata_log_options {
	const char *const *revs; /* "REV", "A..B", "A...B"; none: HEAD */
	size_t nrevs;
	bool all;		  /* what every branch and tag comes from, and HEAD, beside revs */
	uint64_t limit;		  /* 0: all */
	const char *const *paths; /* only versions that changed one of these */
	size_t npaths;
	bool files; /* count changed files (costs reading trees) */
	/*
	 * Only versions that changed one of these tensors, in paths alone if there are any: a name,
	 * or a glob where no tensor has it as its name, each after "PATH::" or not. A merge that
	 * took a tensor as a parent has it did not change it. STRATA_ENOTFOUND when one of them
	 * means no tensor that was ever in this history.
	 */
	const char *const *tensors;
	size_t ntensors;
	bool values; /* fill the steps' figures; decodes the tensors, on all threads */
	/* NULL: any. A time as "2026-11-20T08:00:00Z", a day (its beginning, of until its end, in
	 * local time), "now" or "yesterday". */
	const char *since, *until;
	const char *author; /* part of "Name <mail>", upper or lower case; NULL: any */
} strata_log_options;

/* Newest first. An unborn branch gives nothing. */
STRATA_API int strata_log(strata_repo *r, const strata_log_options *o,
			  int (*cb)(void *arg, const strata_version *v), void *arg,
			  strata_error *err);

typedef struct strata_blame_options {
	const char *rev;	  /* NULL: HEAD */
	const char *const *paths; /* model files, directories, globs */
	size_t npaths;
	const char *const *tensors; /* as in the log; none: all */
	size_t ntensors;
	bool values; /* fill figures; decodes the tensors */
} strata_blame_options;

/* Which version last changed a tensor. Of several parents that have the tensor as it is, the first
 * counts. */
typedef struct strata_blame_line {
	strata_tensor_step step; /* "added" or "changed" */
	const char *commit;	 /* hex */
	const char *version;	 /* "v12" or "" */
	const char *author;	 /* "Name <mail>" */
	const char *time, *message;
} strata_blame_line;

/* The tensors of rev's files, by path, each file's in its order. STRATA_ENOTFOUND when a path or
 * tensor matches nothing there. */
STRATA_API int strata_blame(strata_repo *r, const strata_blame_options *o,
			    int (*cb)(void *arg, const strata_blame_line *line), void *arg,
			    strata_error *err);

typedef struct strata_change {
	char status; /* 'A', 'M', 'D', 'T' */
	const char *path, *kind;
	uint64_t old_size, new_size;
	bool has_tensors;
	strata_tensor_counts tensors;
} strata_change;

/* One version and what it changed against its first parent. Either callback may be NULL. params and
 * config as recorded. */
typedef struct strata_show_info {
	strata_version version;
	const char *tree;
	const strata_param *params;
	size_t nparams;
	const char *config_name, *config_id; /* NULL when none */
	uint64_t logical_bytes;
	uint64_t nfiles;
} strata_show_info;
STRATA_API int strata_show(strata_repo *r, const char *rev,
			   int (*info)(void *arg, const strata_show_info *i),
			   int (*change)(void *arg, const strata_change *c), void *arg,
			   strata_error *err);

#ifdef __cplusplus
}
#endif
#endif
