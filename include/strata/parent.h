/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a stray model comes from: the known versions whose weights lie closest to a file's.
 *
 * The distance of a stored model (tensors p) from the file (tensors q) is the "parameters" term of
 * strata_distance_between for the two: the mean over all elements of ||q - p|| / (||p|| + ||q||) of
 * their tensor, which is 0 for an equal and 1 for a missing one. It is measured over all elements
 * for the candidates that a few values of each tensor, kept in the catalogue, propose; the same
 * formula over these values alone is the estimate, by which candidates are found. So finding takes
 * time in proportion to the tensors that versions changed, and measuring to the size of a model;
 * neither grows with the bytes of the history.
 */
#ifndef STRATA_PARENT_H
#define STRATA_PARENT_H

#include <strata/repo.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct strata_parent_place {
	const char *commit;  /* hex */
	const char *version; /* its number, "" when it has none */
	const char *path;    /* of the model file; of several shards, their index or the first */
} strata_parent_place;

typedef struct strata_parent_candidate {
	strata_parent_place place; /* of several with this model, the oldest version */
	bool measured;
	double distance;    /* 0 to 1; not measured: NaN */
	double estimated;   /* 0 to 1 */
	uint64_t identical; /* tensors of the file that the version has, by content */
	uint64_t matched;   /* that have a counterpart: by name, or by content */
	uint64_t tensors;   /* of the file */
	/* The others that hold the same tensors, oldest first; at most STRATA_PARENT_SAME of
	 * nsame are there. */
	const strata_parent_place *same;
	size_t nsame;
} strata_parent_candidate;

#define STRATA_PARENT_SAME 100

typedef struct strata_parent_options {
	size_t limit; /* candidates; 0: 3, at most 100 */
	/* Read no more of the file than a few values of each tensor, and small tensors that are no
	 * floating-point numbers: nothing is measured, and tensors count as identical whose values
	 * are. */
	bool fast;
} strata_parent_options;

typedef struct strata_parent_result {
	uint64_t found;	   /* candidates given */
	uint64_t versions; /* looked at: those that a branch, a tag or HEAD reaches */
	uint64_t tensors;  /* of the file */
} strata_parent_result;

/*
 * file is a model file, an index file that stands for its shards, or a directory with one of these
 * (as for strata_inspect). cb gets candidates, nearest first; non-zero stops. Only those that
 * resemble the file are given: tensors that are identical or closer than 0.25 hold at least a tenth
 * of its elements. None is no failure: *res says.
 *
 * STRATA_EFORMAT: no model, or one without elements.
 */
STRATA_API int strata_parent(strata_repo *r, const char *file, const strata_parent_options *o,
			     const strata_options *opts,
			     int (*cb)(void *arg, const strata_parent_candidate *c), void *arg,
			     strata_parent_result *res, strata_error *err);

#ifdef __cplusplus
}
#endif
#endif
