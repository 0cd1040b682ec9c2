/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stored model file given to its format's parser once more: what a manifest cannot say where to
 * find, because it lies inside a compressed member or is text in a pickle, the parser can.
 */
#ifndef ST_REPO_REPARSE_H
#define ST_REPO_REPARSE_H

#include "base/map.h"
#include "repo/repo.h"
#include "tensor/layout.h"
#include "tensor/source.h"

struct st_reparse {
	struct st_spool spool;
	struct st_source src; /* the file's bytes */
	struct st_layout layout;
	struct st_map names; /* of its tensors */
};

/* f must have a manifest. ST_ENOTFOUND: this strata does not know the format. x is to be closed
 * after a failure too. */
ST_MUST int st_reparse_open(struct st_reparse *x, struct st_repo *r, struct st_vfile *f,
			    struct st_err *e);
void st_reparse_close(struct st_reparse *x);
/* NULL: the parser finds no tensor of that name. Its bytes: st_format_each with x->src. */
const struct st_tensor *st_reparse_find(const struct st_reparse *x, const char *name, size_t len);

/* A sink of st_vfile_stream that adds to the spool arg. */
ST_MUST int st_spool_sink(void *arg, const void *p, size_t n, uint64_t off, struct st_err *e);

#endif
