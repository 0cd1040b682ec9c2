/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Merging plain model files, in four steps: operands are opened (mergefile_model.c), each tensor of
 * the result gets its origin (mergefile_plan.c, or recipe_run.c by a recipe), and the container is
 * written (mergefile_write.c).
 */
#ifndef ST_REPO_MERGEFILE_H
#define ST_REPO_MERGEFILE_H

#include "merge/blend.h"
#include "repo/compose.h"
#include "repo/diff_side.h"

#define ST_MF_NONE SIZE_MAX /* no tensor */

struct st_mf_model {	  /* what an operand stands for */
	const char *text; /* the operand; borrowed */
	char *path;	  /* of its file, or index file */
	bool directory;	  /* the operand is one */
	bool sharded;
	struct st_shard_index index; /* when sharded */
	struct st_arena arena;
	struct st_dfile *files; /* opened */
	size_t nfiles;
	size_t *first; /* of each file: the number in side of its first tensor */
	struct st_diff_side *owner;
	const struct st_side *side;
	struct st_map names; /* to numbers in side */
};
/* Released by close, after a failure too. text is borrowed. ST_EFORMAT: no model. */
ST_MUST int st_mf_open(struct st_mf_model *m, const struct st_ctx *ctx, const char *text,
		       struct st_err *e);
void st_mf_close(struct st_mf_model *m);
/* Of the types that models are trained in; what has fewer bits is quantised. */
bool st_mf_is_float(enum st_dtype t);
/* The tensor's number in side, or ST_MF_NONE. */
size_t st_mf_find(const struct st_mf_model *m, const char *name, size_t len);
/* Equal type, shape and bytes? Stops reading where they differ. */
ST_MUST int st_mf_equal(const struct st_ctx *ctx, const struct st_mf_model *a, size_t ta,
			const struct st_mf_model *b, size_t tb, bool *equal, struct st_err *e);

/* Tells t; spec is its method, or NULL, whose words text is for. ST_ENO: the caller wants no more,
 * cb NULL: nothing. */
ST_MUST int st_mf_tell(int (*cb)(void *arg, const strata_merged_tensor *t), void *arg,
		       strata_merged_tensor *t, const struct st_spec *spec, struct st_buf *text,
		       struct st_err *e);

struct st_mf_ref { /* a tensor of an operand */
	const struct st_mf_model *model;
	size_t t;
};

struct st_mf_out {	  /* one tensor of the result; all borrowed or in the plan's arena */
	const char *name; /* in its file */
	size_t name_len;
	enum st_dtype dtype;
	unsigned ndim;
	const uint64_t *shape;
	size_t file;		    /* of the result */
	bool keep;		    /* as the container's file has it */
	const struct st_spec *spec; /* NULL: in[0]'s bytes */
	const struct st_mf_ref *in; /* ours first */
	size_t nin;
	struct st_mf_ref base;	       /* model NULL: none */
	const struct st_mf_ref *extra; /* as st_blend.extra; ST_MF_NONE: absent */
	size_t nextra;
	const struct st_blend_factors *factors; /* as in st_blend */
	double layer;				/* as in st_blend */
};

struct st_mf_plan {
	const struct st_ctx *ctx;
	struct st_arena arena;
	const struct st_mf_model *container;	 /* gives layout, glue and file names */
	const struct st_mf_model *const *models; /* every operand that is read */
	size_t nmodels;
	bool single; /* the result is one file of its own layout, whatever the container is */
	/* That the settings beside it are to say; 0 and NULL: what they say. */
	uint64_t layers;
	const char *dtype; /* in PyTorch's words */
	struct st_mf_out *v;
	size_t n, cap;
	uint64_t seed;
	bool allow_nonfinite;
};
void st_mf_plan_init(struct st_mf_plan *p, const struct st_ctx *ctx);
void st_mf_plan_release(struct st_mf_plan *p);
/* A zeroed tensor at the end, borrowed until the next call. */
ST_MUST struct st_mf_out *st_mf_plan_add(struct st_mf_plan *p, struct st_err *e);
/* st_blend.layer of a name among those of m. */
struct st_mf_layers {
	uint64_t low, high;
};
struct st_mf_layers st_mf_layers_of(const struct st_mf_model *m);
double st_mf_layer(const struct st_mf_layers *l, const char *name, size_t len);

/*
 * A file where the container is one, else a directory with all of its files: what lies beside the
 * model in a container's directory (settings, tokenizer) comes along. Nothing is at out before all
 * of it is. *bytes: of what was written.
 */
ST_MUST int st_mf_write(const struct st_mf_plan *p, const char *out, uint64_t *bytes,
			struct st_err *e);

#endif
