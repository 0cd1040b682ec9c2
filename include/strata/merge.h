/* SPDX-License-Identifier: Apache-2.0 */
/* Bringing one line of history into another. */
#ifndef STRATA_MERGE_H
#define STRATA_MERGE_H

#include <strata/history.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct strata_merge_options {
	bool forward_only; /* never make a version; this version of strata never does */
} strata_merge_options;

typedef struct strata_merge_result {
	bool moved;				      /* false: HEAD had everything already */
	char commit[STRATA_HEX], version[32];	      /* of HEAD now; version "" when it has none */
	char old_commit[STRATA_HEX], old_version[32]; /* and before; "" on an unborn branch */
	char branch[256];			      /* that moved; "" when HEAD is detached */
	strata_checkout_result files;
} strata_merge_result;

/*
 * The branch that is checked out, or a detached HEAD, goes forward to revs[0], index and working
 * tree with it, as strata_switch takes them along: local changes stay or it is refused. An unborn
 * branch begins there. STRATA_EREFUSED, and nothing changed, where neither side leads to the other,
 * because strata does not merge two lines of history yet, and for more than one revision. o may be
 * NULL.
 */
STRATA_API int strata_merge(strata_repo *r, const char *const *revs, size_t nrevs,
			    const strata_merge_options *o, strata_merge_result *result,
			    strata_error *err);

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
	uint64_t seed;	      /* of random methods */
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

#ifdef __cplusplus
}
#endif
#endif
