/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Other tensors into a model file, which keeps its layout. The new bytes come from wherever the
 * caller has them. Whether tensors share memory is not judged by their ranges, which may
 * interleave, but seen: what overlaps is hashed before and after, and so is what was written.
 */
#ifndef ST_REPO_PATCH_H
#define ST_REPO_PATCH_H

#include "format/format.h"
#include "repo/lookinto.h"

struct st_edit { /* borrowed */
	const char *name;
	size_t name_len;
};

struct st_edits {
	const struct st_edit *v;
	size_t n;
	/*
	 * Row-major little-endian bytes of v[i], all of them; id: their hash, or left zero where it
	 * is not known. `close` follows where `open` succeeded, before the next one is opened.
	 */
	int (*open)(void *arg, size_t i, struct st_source *src, struct st_oid *id,
		    struct st_err *e);
	void (*close)(void *arg, struct st_source *src);
	void *arg;
};

struct st_patch {
	const struct st_ctx *ctx;
	const char *path;	 /* of the file, for messages */
	struct st_plainfile *in; /* it, parsed */
	const struct st_edits *edits;
	const struct st_tensor **tensors; /* of in->layout, one an edit */
	size_t *edit_of;       /* of each tensor of in->layout: its edit's number + 1, or 0 */
	struct st_oid *ids;    /* what each edit makes of its tensor */
	struct st_oid *before; /* of in->layout's tensors; zero: overlaps no edit */
	struct st_run *runs;
	size_t nruns; /* sorted, disjoint */
	bool shared;  /* st_patch_apply: tensors that share memory cannot have these values */
};

/* Everything is borrowed until st_patch_release, which follows a failure too. ST_ENOTFOUND names a
 * tensor that the file lacks, ST_EREFUSED one that is compressed or text, ST_EUSAGE one that is
 * given twice. Nothing is written. */
ST_MUST int st_patch_prepare(struct st_patch *p, const struct st_ctx *ctx, const char *path,
			     struct st_plainfile *in, const struct st_edits *edits,
			     struct st_err *e);
/* fd, open for reading and writing, has the file's bytes; it may be in->fd's own file. ST_EREFUSED
 * names a tensor that would change too because it shares memory; fd's content is of no use after a
 * failure. Flushed on success. name: of fd's file, for messages. */
ST_MUST int st_patch_apply(struct st_patch *p, int fd, const char *name, struct st_err *e);
void st_patch_release(struct st_patch *p);
/* Reads a file that was made from the one at path, which has the layout l: ST_EBUG if it has
 * another one. */
ST_MUST int st_patch_check(const struct st_ctx *ctx, const char *path, const struct st_format *f,
			   const struct st_layout *l, const struct st_source *src,
			   struct st_err *e);

#endif
