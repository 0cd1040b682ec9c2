/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What ls, cat, inspect and hash share: stored files by spec, tensors as the public interface shows
 * them.
 */
#ifndef ST_REPO_LOOKINTO_H
#define ST_REPO_LOOKINTO_H

#include "model/manifest.h"
#include "repo/verbs.h"
#include "tensor/layout.h"
#include "tensor/source.h"

/*
 * Files of one version that "path" means (exact file, directory, glob; none: all), sorted. x is
 * initialised here. ST_ENOTFOUND when a path matches nothing.
 */
ST_MUST int st_spec_files(struct st_repo *r, const struct st_revspec *s, struct st_index *x,
			  struct st_err *e);
/* Does the spec's path mean this one? */
bool st_spec_means(const struct st_revspec *s, const char *path, size_t len);
/* The same for a spec that means tensors: an index file that its path names stands for the shards
 * beside it. ST_ENOTFOUND names a shard that the version lacks. */
ST_MUST int st_spec_models(struct st_repo *r, const struct st_revspec *s, struct st_index *x,
			   struct st_err *e);
/* Opens the model files of x one after the other; *any: there was one. */
ST_MUST int st_each_model(struct st_repo *r, const struct st_index *x,
			  int (*cb)(void *arg, const struct st_stage_row *row, struct st_vfile *f,
				    struct st_err *e),
			  void *arg, bool *any, struct st_err *e);
/* An exact tensor name comes before a glob. */
bool st_name_matches(const struct st_revspec *s, bool exact, const char *name, size_t len);

/* A stored view as a tensor of its file. A detached one has no bytes here: ST_HELD without them. */
void st_view_tensor(struct st_tensor *out, const struct st_view *v, const struct st_segment *seg,
		    uint64_t seg_off);

struct st_tensor_text {
	char id[STRATA_HEX];
};
void st_tensor_from_view(strata_tensor *out, struct st_tensor_text *text, const char *path,
			 const struct st_view *v, const struct st_segment *seg, uint64_t seg_off);
void st_tensor_from_layout(strata_tensor *out, const char *path, const struct st_tensor *t);

/* plainfile.c: a plain file, opened, probed, parsed. format NULL: ordinary. */
struct st_plainfile {
	int fd;
	uint64_t size;
	struct st_source src;
	const struct st_format *format;
	struct st_layout layout;
};
ST_MUST int st_plainfile_open(struct st_plainfile *f, const struct st_ctx *ctx, const char *path,
			      struct st_err *e);
void st_plainfile_close(struct st_plainfile *f);
/*
 * The model at path: one file, which need be no model, or all shards that an index file names. cb
 * gets each, with its own path. *shards (or NULL): how many, 0 when path is no index file.
 */
typedef int (*st_plainfile_fn)(void *arg, const char *path, const struct st_plainfile *f,
			       struct st_err *e);
ST_MUST int st_each_plainfile(const struct st_ctx *ctx, const char *path, st_plainfile_fn cb,
			      void *arg, size_t *shards, struct st_err *e);
/* The index file at path. Released by st_shard_index_release, after a failure too. */
struct st_shard_index;
ST_MUST int st_shard_index_load(struct st_shard_index *idx, const char *path, struct st_err *e);
/* The path of the file `name` that lies beside the one at path; the caller's. */
ST_MUST char *st_path_beside(const char *path, const char *name, struct st_err *e);
/* inspect.c: the one model of a directory, an index file before others; the caller's. */
ST_MUST int st_plainfile_in(char **out, const char *dir, struct st_err *e);
/* BLAKE3 of a range. */
ST_MUST int st_hash_range(const struct st_ctx *ctx, const struct st_source *src, uint64_t off,
			  uint64_t n, struct st_oid *out, struct st_err *e);
/* All of src, with a progress on ctx. */
ST_MUST int st_hash_shown(const struct st_ctx *ctx, const struct st_source *src, struct st_oid *out,
			  struct st_err *e);
/* The logical id of a tensor of a layout parsed from src. */
ST_MUST int st_hash_tensor(const struct st_ctx *ctx, const struct st_source *src,
			   const struct st_tensor *t, struct st_oid *out, struct st_err *e);
/* The same for one after the other. Takes about half of ctx->memory for one that is strided. */
struct st_format_reader;
ST_MUST int st_hash_tensor_with(const struct st_ctx *ctx, struct st_format_reader *r,
				const struct st_tensor *t, struct st_oid *out, struct st_err *e);

#endif
