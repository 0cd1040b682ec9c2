/* SPDX-License-Identifier: Apache-2.0 */
/* Sketches of stored tensors, taken as their version becomes known (doc/format/catalog.md). */
#ifndef ST_REPO_SKETCHER_H
#define ST_REPO_SKETCHER_H

#include "diff/sketch.h"
#include "model/manifest.h"
#include "repo/repo.h"

/*
 * Takes tensors one after the other, and decodes a frame of each on ctx->jobs threads, several at a
 * time. What the catalogue has a sketch of is not read again. A tensor that cannot be read, because
 * its pack is damaged or gone, gets a sketch without values, so that the catalogue can always
 * follow. Inside a transaction of the catalogue.
 */
struct st_sketcher;
ST_MUST int st_sketcher_new(struct st_sketcher **out, struct st_repo *r, struct st_err *e);
void st_sketcher_free(struct st_sketcher *s);
ST_MUST int st_sketcher_add(struct st_sketcher *s, const struct st_view *v,
			    const struct st_segment *seg, struct st_err *e);
/* What was added and is not in the catalogue yet. The sketcher can be used again. */
ST_MUST int st_sketcher_flush(struct st_sketcher *s, struct st_err *e);

/*
 * Where a tensor has the elements that its sketch is of: bytes from the beginning of what t->offset
 * counts in. False when the tensor is no run of it, or its shape cannot be.
 */
bool st_sketch_offsets(const struct st_tensor *t, uint64_t off[ST_SKETCH_PLACES], unsigned *n);

#endif
