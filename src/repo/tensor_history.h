/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which tensors a commit changed, by the manifests of the files whose ids differ from a parent's:
 * what the catalogue's tensor history is made of. Reads a commit's tree and its parents' where they
 * differ, and of two manifests only the pages that differ. The answer depends on the objects alone.
 */
#ifndef ST_REPO_TENSOR_HISTORY_H
#define ST_REPO_TENSOR_HISTORY_H

#include "base/map.h"
#include "repo/repo.h"

struct st_view;
struct st_segment;

struct st_tensor_change {
	const char *path, *name;
	size_t name_len;
	bool gone;
	struct st_oid id; /* logical; of one that is gone: zero */
	int64_t origin;	  /* as in struct st_change_row */
	/* while parents are compared: from how many of them, counted from the first, it is known to
	 * differ, and whether one of them has such a tensor */
	size_t differs;
	bool had;
};

struct st_tensor_changes {
	struct st_arena arena; /* owns the strings */
	struct st_tensor_change *v;
	size_t n, cap;
	struct st_map at; /* path NUL name -> index */
	/* May be NULL. A tensor that at least one parent has not or has otherwise, once, while its
	 * view (in a file at seg_off) is at hand. */
	int (*seen)(void *arg, const char *path, const struct st_view *v,
		    const struct st_segment *seg, uint64_t seg_off, struct st_err *e);
	void *arg;
};

void st_tensor_changes_init(struct st_tensor_changes *x);
void st_tensor_changes_release(struct st_tensor_changes *x);
/* Parents must be known to the catalogue. On failure x holds a part of the changes. */
ST_MUST int st_tensor_changes_find(struct st_tensor_changes *x, struct st_repo *r,
				   const struct st_commit *c, struct st_err *e);
/* Into the catalogue, as those of the commit with that key. */
ST_MUST int st_tensor_changes_save(const struct st_tensor_changes *x, struct st_repo *r,
				   int64_t key, struct st_err *e);

#endif
