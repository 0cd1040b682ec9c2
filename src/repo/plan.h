/* SPDX-License-Identifier: Apache-2.0 */
/* A model file's layout as a partition into extents and glue, and candidates for delta bases. */
#ifndef ST_REPO_PLAN_H
#define ST_REPO_PLAN_H

#include "repo/repo.h"
#include "tensor/layout.h"
#include "tensor/source.h"

struct st_piece {
	uint64_t off, size;
	bool glue;
	bool chunks;			 /* no tensors, and too much for glue: cut by content */
	unsigned width;			 /* element width for the codec, */
	enum st_num number;		 /* what the elements are, */
	uint64_t row;			 /* and how many make a row; 0: no rows */
	const struct st_tensor *tensors; /* views of this extent, in the layout's array */
	size_t ntensors;
};

struct st_plan {
	struct st_piece *pieces; /* in file order; they cover the file */
	size_t n, cap;
	size_t in_file; /* the layout's tensors from here on are detached */
	/* One for each tensor of the layout: its logical id, or zero where it is its extent's. */
	struct st_oid *ids;
};

/* Overlapping tensors fuse into one extent. l must be finished and outlive the plan. */
ST_MUST int st_plan_make(struct st_plan *p, const struct st_layout *l, struct st_err *e);
/* The plan of an ordinary file: chunks. */
ST_MUST int st_plan_chunks(struct st_plan *p, uint64_t size, struct st_err *e);
/* Reads what is no whole plain extent and fills ids. */
ST_MUST int st_plan_ids(struct st_plan *p, const struct st_ctx *ctx, const struct st_layout *l,
			const struct st_source *src, struct st_err *e);
/* What the codec is to know of an extent of size bytes that n tensors share. */
void st_piece_describe(struct st_piece *p, const struct st_tensor *t, size_t n, uint64_t size);
void st_plan_release(struct st_plan *p);

/*
 * The version before of a tensor, in this order: the same name in the file of that path in HEAD,
 * or else as staged; the same name, type and shape in its directory's models (shards are one
 * model); the same in any staged model, the newest first; the same in any model of a version that
 * HEAD declares to be made from. Only extents that are one whole tensor of the same size count.
 */
struct st_bases;
ST_MUST int st_bases_new(struct st_bases **out, struct st_repo *r, struct st_err *e);
void st_bases_free(struct st_bases *b);
/* The pages of the manifest that the file at path has in HEAD or else staged, in order; the
 * caller's. None where there is no such file, or its manifest cannot be read. */
ST_MUST int st_bases_pages(struct st_bases *b, const char *path, struct st_oid **pages, size_t *n,
			   struct st_err *e);
ST_MUST int st_bases_find(struct st_bases *b, const char *path, const struct st_tensor *t,
			  struct st_oid *base, bool *found, struct st_err *e);

#endif
