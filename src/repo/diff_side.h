/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What diff compares: files, wherever they are, and the tensors of a model's files as one side of a
 * comparison.
 */
#ifndef ST_REPO_DIFF_SIDE_H
#define ST_REPO_DIFF_SIDE_H

#include "diff/models.h"
#include "model/manifest.h"
#include "repo/lookinto.h"

/* A stored tensor's extent as a source: frames are decoded once, whichever thread asks. */
struct st_codecs; /* codec states that no thread uses at the moment */
ST_MUST int st_codecs_new(struct st_codecs **out, unsigned jobs, struct st_err *e);
void st_codecs_free(struct st_codecs *c);
/* n bytes at off of an object; codecs must outlive it. name: borrowed, for messages. */
ST_MUST int st_objsrc_open(struct st_source *out, struct st_odb *odb, const struct st_oid *id,
			   uint64_t off, uint64_t n, struct st_codecs *codecs, const char *name,
			   struct st_err *e);

struct st_dfile {	  /* one file of one side */
	const char *path; /* for people */
	const char *key;  /* what pairs it with the other side's */
	const char *full; /* where it lies; NULL: in the repository */
	bool has_id;	  /* always when stored */
	struct st_oid id;
	uint64_t size;
	uint32_t mode;	       /* enum st_mode */
	struct timespec mtime; /* of one that is not stored */
	bool link;	       /* reached through a link, which is followed */
	bool named;	       /* by the user: that it is damaged is an error */
	bool opened;	       /* then: */
	bool model;	       /* its tensors are known */
	struct st_plainfile plain;
	struct st_vfile *v;
	/* of a stored file with tensors that only its parser finds */
	bool parsed;
	struct st_spool spool;
	struct st_source spooled;
	struct st_layout layout;
};

/* Looks whether it is a model. A damaged one is an ordinary file after a warning, unless named. */
ST_MUST int st_dfile_open(struct st_dfile *f, struct st_repo *r, const struct st_ctx *ctx,
			  struct st_err *e);
void st_dfile_close(struct st_dfile *f);
/* The format's name; "" of an ordinary file. */
const char *st_dfile_format(const struct st_dfile *f);
/* JSON text of what a model says of itself, or NULL. */
const char *st_dfile_metadata(const struct st_dfile *f, size_t *len);
/* Content of at most out->max bytes (ST_ELIMIT beyond); a link's is its target. */
ST_MUST int st_dfile_slurp(struct st_dfile *f, struct st_repo *r, struct st_buf *out,
			   struct st_err *e);
/* ST_ECHANGED when a plain file is not what it was when it was opened. */
ST_MUST int st_dfile_unchanged(const struct st_dfile *f, struct st_err *e);
/* Fills id. */
ST_MUST int st_dfile_hash(struct st_dfile *f, const struct st_ctx *ctx, struct st_err *e);
/* Are they byte for byte the same? Reads no more than that takes. */
ST_MUST int st_dfile_same(struct st_dfile *a, struct st_dfile *b, const struct st_ctx *ctx,
			  bool *same, struct st_err *e);

struct st_diff_side; /* the tensors of one or several files, as one model */
ST_MUST int st_diff_side_new(struct st_diff_side **out, struct st_repo *r, const struct st_ctx *ctx,
			     struct st_err *e);
void st_diff_side_free(struct st_diff_side *s);
/* All tensors of an opened file, which must stay open. A name that another file had already gets
 * "#2". */
ST_MUST int st_diff_side_add(struct st_diff_side *s, struct st_dfile *f, struct st_err *e);
/*
 * Tensor i of another side, which must outlive s, and whose name s has not yet. unlike: as one that
 * no tensor is the same as: of zero id, without elements.
 */
ST_MUST int st_diff_side_borrow(struct st_diff_side *s, const struct st_diff_side *from, size_t i,
				bool unlike, struct st_err *e);
const struct st_side *st_diff_side_get(const struct st_diff_side *s);

/* diff.c: the figures that sums give; not those of rows, rank and histogram */
void st_figures_fill(strata_diff_figures *f, const struct st_pair_sums *s);

/* diff_files.c: what configurations and texts say differently. cb: key and both values, NULL where
 * absent, as in strata_diff_setting; non-zero stops (ST_ENO). */
typedef int (*st_setting_fn)(void *arg, const char *key, const char *a, const char *b);
/* Metadata of two models, each of one or several files. */
ST_MUST int st_diff_metadata(struct st_dfile *const *a, size_t na, struct st_dfile *const *b,
			     size_t nb, const struct st_ctx *ctx, st_setting_fn cb, void *arg,
			     struct st_err *e);
/* Two ordinary files: by key path, by line, or not at all: then *text is false. */
ST_MUST int st_diff_texts(struct st_dfile *a, struct st_dfile *b, struct st_repo *r,
			  const struct st_ctx *ctx, bool *text, st_setting_fn cb, void *arg,
			  struct st_err *e);

#endif
