/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors as log and blame speak of them: which are meant, and what a version did to them. */
#ifndef ST_REPO_TENSOR_STEPS_H
#define ST_REPO_TENSOR_STEPS_H

#include "repo/lookinto.h"

/* "NAME", "GLOB", "PATH::NAME" or "PATH::GLOB". A name that some tensor has comes before a glob,
 * and the whole as a name before a path. */
struct st_tensor_pattern {
	struct st_revspec spec; /* path and name; pointers into the text */
	const char *text;
	bool plain;	/* the whole text is a name of some tensor */
	bool has_exact; /* spec.name is, in a file that spec.path means */
	bool used;	/* the caller's */
};
void st_tensor_pattern_init(struct st_tensor_pattern *p, const char *text);
/* First every tensor there is is shown to a pattern; then it can say which it means. */
void st_tensor_pattern_show(struct st_tensor_pattern *p, const char *path, const char *name,
			    size_t len);
bool st_tensor_pattern_means(const struct st_tensor_pattern *p, const char *path, const char *name,
			     size_t len);

/*
 * Fills the figures of those of n steps that are "changed": from the first of the parents that has
 * the tensor. figures has room for n. Steps of one path follow one another; each path's files are
 * opened once. Threads decode, so not from within a callback of the catalogue.
 */
ST_MUST int st_steps_compare(struct st_repo *r, const struct st_oid *tree,
			     const struct st_oid *parents, size_t nparents,
			     strata_tensor_step *steps, strata_diff_figures *figures, size_t n,
			     struct st_err *e);

#endif
