/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/chain.h"

#include "base/blake3.h"
#include "repo/plan.h"

#define WEIGHED_FRAMES 4 /* a content of fewer is not sampled, its frames decide for themselves */

void st_link_after(struct st_link *l, struct st_obj *before, unsigned max_depth)
{
	uint32_t n;

	*l = (struct st_link){ 0 };
	if (!before)
		return;
	n = st_obj_entry(before)->number;
	l->base = before;
	for (; l->base && n & 1; n >>= 1)
		l->base = st_obj_base(l->base);
	/* An entry written before numbers were may lack bases, or be too deep. */
	if (!l->base || st_obj_depth(l->base) >= max_depth ||
	    st_obj_size(l->base) != st_obj_size(before) ||
	    st_obj_entry(before)->number == UINT32_MAX)
		l->base = NULL;
	else
		l->number = st_obj_entry(before)->number + 1;
}

void st_frame_describe(struct st_frame_in *in, const struct st_piece *p, uint64_t frame)
{
	in->width = p ? p->width : 1;
	in->number = p ? p->number : ST_NUM_INT;
	in->row = p ? p->row : 0;
	in->row_at = in->row ? frame * (ST_FRAME_LEN / in->width) % in->row : 0;
	in->level = 1;
}

static size_t frame_len(uint64_t size, uint64_t frame)
{
	uint64_t left = size - frame * ST_FRAME_LEN;

	return left < ST_FRAME_LEN ? (size_t)left : ST_FRAME_LEN;
}

static bool as_before(struct st_obj *before, uint64_t frame, const uint8_t *p, size_t n)
{
	uint8_t cv[ST_OID_LEN];

	st_blake3_subtree(p, n, frame * (ST_FRAME_LEN / 1024), cv);
	return memcmp(cv, st_obj_entry(before)->frames[frame].cv, ST_OID_LEN) == 0;
}

static int weigh_frame(struct st_link *l, const struct st_piece *p, struct st_codec_state *s,
		       uint64_t frame, const uint8_t *raw, size_t n, struct st_err *e)
{
	struct st_frame_in in = { .raw = raw, .n = n, .base_n = n };
	uint8_t *room = st_codec_room(s, ST_ROOM_FRAME, e);
	uint64_t difference, alone;
	struct st_err bad = { 0 };
	int rc;

	if (!room)
		return e->code;
	st_codec_memo(s)->set = false;
	if (st_obj_frame(l->base, s, frame, room, &bad) != ST_OK)
		return ST_OK;
	st_frame_describe(&in, p, frame);
	in.base = room;
	rc = st_frame_sample(s, &in, &difference, &alone, e);
	if (rc == ST_OK && difference >= alone - alone * 15 / 100)
		*l = (struct st_link){ 0 };
	return rc;
}

int st_link_weigh(struct st_link *l, struct st_obj *before, const struct st_piece *p,
		  struct st_codec_state *s,
		  int (*read)(void *arg, uint64_t frame, uint8_t *p, size_t n, struct st_err *e),
		  void *arg, struct st_err *e)
{
	uint64_t size = l->base ? st_obj_size(l->base) : 0, frames = st_frames_of(size);
	uint64_t at[] = { 0, frames - 1, frames / 2 };
	uint8_t *raw;
	size_t n = 0;
	int rc = ST_OK;

	if (frames < WEIGHED_FRAMES)
		return ST_OK;
	raw = st_codec_room(s, ST_ROOM_SAMPLE, e);
	if (!raw)
		return e->code;
	for (size_t i = 0; rc == ST_OK && i < sizeof(at) / sizeof(*at); i++) {
		n = frame_len(size, at[i]);
		rc = read(arg, at[i], raw, n, e);
		if (rc == ST_OK && as_before(before, at[i], raw, n))
			return ST_OK;
	}
	return rc == ST_OK ? weigh_frame(l, p, s, frames / 2, raw, n, e) : rc;
}
