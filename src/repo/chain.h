/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which entry a changed tensor's is a difference from.
 *
 * The changes of a tensor are numbered from the last version that stands by itself, which is 0.
 * Change i is a difference from change i with its lowest set bit cleared: reading it decodes as
 * many entries as i has bits set, and 8 at most, since what would take more stands by itself.
 * The number lies in the entry (struct st_entry), so nothing but the version before is needed to
 * go on: of change i - 1 whose number ends in t ones, it is t steps up its bases.
 */
#ifndef ST_REPO_CHAIN_H
#define ST_REPO_CHAIN_H

#include "store/odb.h"

struct st_piece;

struct st_link {
	struct st_obj *base; /* borrowed from the version before; NULL: it stands by itself */
	uint32_t number;     /* 0 without a base */
};

/* What follows `before`, which may be NULL, if it is to be no deeper than max_depth. */
void st_link_after(struct st_link *l, struct st_obj *before, unsigned max_depth);
/* What the codec is to know of a frame of p, which may be NULL: a chunk. */
void st_frame_describe(struct st_frame_in *in, const struct st_piece *p, uint64_t frame);
/*
 * Holds a difference against the content by itself, by frames of it: read gives one. When the
 * difference takes 0.85 or more of that, l becomes {NULL, 0}; it stays where frames are as in
 * `before`, or are few. What of the base cannot be read does not count.
 */
ST_MUST int st_link_weigh(struct st_link *l, struct st_obj *before, const struct st_piece *p,
			  struct st_codec_state *s,
			  int (*read)(void *arg, uint64_t frame, uint8_t *p, size_t n,
				      struct st_err *e),
			  void *arg, struct st_err *e);

#endif
