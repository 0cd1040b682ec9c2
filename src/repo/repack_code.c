/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pool.h"
#include "repo/mark.h"
#include "repo/repack.h"

#define FRAMES_EACH 2 /* of a thread, in memory at a time */
#define LEVEL_MAX 19

struct coder {
	struct st_repack *x;
	unsigned jobs;
	size_t batch; /* frames */
	struct st_codec_state **codecs;
	uint8_t *raw, *enc; /* batch frames each */
	struct st_frame_row *rows;
	/* the object in hand: */
	struct st_repack_item *it;
	struct st_obj *old, *before;
	struct st_link link;
	struct st_piece piece;
	uint64_t first;	 /* frame of the batch */
	bool may_keep;	 /* the entry there is */
	uint64_t stored; /* bytes of its frames so far */
};

static int coder_init(struct coder *c, struct st_repack *x, struct st_err *e)
{
	unsigned i;
	int rc = ST_OK;

	*c = (struct coder){ .x = x, .jobs = x->r->ctx.jobs ? x->r->ctx.jobs : 1 };
	c->batch = (size_t)c->jobs * FRAMES_EACH;
	c->codecs = st_calloc(c->jobs, sizeof(struct st_codec_state *), e);
	c->raw = st_calloc(c->batch, ST_FRAME_LEN, e);
	c->enc = st_calloc(c->batch, ST_FRAME_LEN, e);
	c->rows = st_calloc(c->batch, sizeof(*c->rows), e);
	if (!c->codecs || !c->raw || !c->enc || !c->rows)
		return e->code;
	for (i = 0; rc == ST_OK && i < c->jobs; i++)
		rc = st_codec_state_new(&c->codecs[i], e);
	return rc;
}

static void coder_release(struct coder *c)
{
	for (unsigned i = 0; c->codecs && i < c->jobs; i++)
		st_codec_state_free(c->codecs[i]);
	free(c->codecs);
	free(c->raw);
	free(c->enc);
	free(c->rows);
}

static size_t frame_len(uint64_t size, uint64_t frame)
{
	uint64_t left = size - frame * ST_FRAME_LEN;

	return left < ST_FRAME_LEN ? (size_t)left : ST_FRAME_LEN;
}

static int code_frame(void *arg, uint64_t i, unsigned worker, struct st_err *e)
{
	struct coder *c = arg;
	uint64_t frame = c->first + i;
	struct st_frame_row *row = &c->rows[i];
	struct st_codec_state *s = c->codecs[worker];
	struct st_frame_in in = { .raw = c->raw + i * ST_FRAME_LEN,
				  .n = frame_len(c->it->raw, frame) };
	const uint8_t *cv = st_obj_entry(c->old)->frames[frame].cv;
	struct st_obj *base = c->link.base;
	enum st_coding coding;
	size_t stored;
	int rc;

	*row = (struct st_frame_row){ .coding = ST_CODING_SAME };
	memcpy(row->cv, cv, ST_OID_LEN);
	if (base && memcmp(st_obj_entry(base)->frames[frame].cv, cv, ST_OID_LEN) == 0)
		return ST_OK;
	rc = st_obj_frame(c->old, s, frame, c->raw + i * ST_FRAME_LEN, e);
	if (rc == ST_OK && base) {
		in.base = st_codec_room(s, ST_ROOM_FRAME, e);
		in.base_n = in.n;
		st_codec_memo(s)->set = false;
		rc = in.base ? st_obj_frame(base, s, frame, (uint8_t *)in.base, e) : (int)e->code;
	}
	st_frame_describe(&in, &c->piece, frame);
	if (c->x->max)
		in.level = LEVEL_MAX;
	if (rc == ST_OK)
		rc = st_frame_encode(s, &in, ST_CODEC_DEFAULT, c->enc + i * ST_FRAME_LEN, &coding,
				     &stored, e);
	if (rc != ST_OK)
		return rc;
	row->coding = (uint8_t)coding;
	row->stored = (uint32_t)stored;
	return ST_OK;
}

static int code_batch(struct coder *c, size_t n, struct st_err *e)
{
	size_t i;
	int rc = st_check_cancel(&c->x->r->ctx, e);

	if (rc == ST_OK)
		rc = st_parallel(n < c->jobs ? (unsigned)n : c->jobs, n, code_frame, c, e);
	for (i = 0; rc == ST_OK && i < n; i++) {
		const uint8_t *from = c->rows[i].coding == ST_CODING_RAW ? c->raw : c->enc;

		rc = st_writer_frame(c->x->w, &c->rows[i], from + i * ST_FRAME_LEN, e);
		c->stored += c->rows[i].stored;
		c->x->done += frame_len(c->it->raw, c->first + i);
	}
	st_progress(&c->x->r->ctx, "repack", c->x->done, c->x->total, true, false);
	return rc;
}

static int read_old(void *arg, uint64_t frame, uint8_t *p, size_t n, struct st_err *e)
{
	struct coder *c = arg;

	(void)n;
	return st_obj_frame(c->old, c->codecs[0], frame, p, e);
}

static bool leads_to(const struct st_obj *ob, const struct st_oid *id)
{
	for (; ob; ob = st_obj_base(ob))
		if (st_oid_eq(&st_obj_entry(ob)->id, id))
			return true;
	return false;
}

/* What cannot be read is nothing to be different from. */
static int choose_base(struct coder *c, struct st_err *e)
{
	struct st_err bad = { 0 };
	struct st_repack_item *base;
	int rc;

	c->link = (struct st_link){ 0 };
	if (st_oid_is_zero(&c->it->before))
		return ST_OK;
	rc = st_writer_open(c->x->w, &c->it->before, &c->before, &bad);
	if (rc != ST_OK) {
		if (!st_is_damage(rc))
			*e = bad;
		return st_is_damage(rc) ? ST_OK : rc;
	}
	if (st_obj_size(c->before) != c->it->raw)
		return ST_OK;
	st_link_after(&c->link, c->before, c->it->deepest);
	if (leads_to(c->link.base, &c->it->id))
		c->link = (struct st_link){ 0 };
	rc = st_link_weigh(&c->link, c->before, &c->piece, c->codecs[0], read_old, c, e);
	if (rc != ST_OK || !c->link.base)
		return rc;
	/* A base that is still to be coded stays no deeper than it is now. */
	base = st_repack_item(c->x, &st_obj_entry(c->link.base)->id);
	if (base && !base->done && base->deepest > st_obj_depth(c->link.base))
		base->deepest = (uint8_t)st_obj_depth(c->link.base);
	return ST_OK;
}

/* Could the entry there is stay as it is: does its base stay below it? Before anything is begun. */
static int look_at_old(struct coder *c, struct st_err *e)
{
	const struct st_entry *en = st_obj_entry(c->old);
	struct st_obj *base;
	int rc;

	c->may_keep = c->x->max && !(en->flags & ST_ENTRY_FAST) && en->depth <= c->it->deepest;
	if (!c->may_keep || !en->depth)
		return ST_OK;
	rc = st_writer_open(c->x->w, &en->base, &base, e);
	if (rc != ST_OK)
		return rc;
	c->may_keep = st_obj_depth(base) < en->depth && !leads_to(base, &c->it->id);
	st_obj_close(base);
	return ST_OK;
}

static int keep_old(struct coder *c, struct st_err *e)
{
	struct st_repack_item *base = st_repack_item(c->x, &st_obj_entry(c->old)->base);
	unsigned depth = st_obj_depth(c->old);
	struct st_index_row row;
	struct st_oid pack;
	int rc = st_writer_cancel_object(c->x->w, e);

	if (depth && base && !base->done && base->deepest >= depth)
		base->deepest = (uint8_t)(depth - 1);
	ST_BUG_ON(!st_obj_place(c->old, &pack, &row));
	return rc == ST_OK ? st_writer_copy_flagged(c->x->w, &pack, &row, ST_ENTRY_TRIED, e) : rc;
}

static int code_object(struct coder *c, struct st_err *e)
{
	struct st_obj *base = c->link.base;
	uint64_t frames = st_frames_of(c->it->raw);
	int rc = st_writer_begin(c->x->w, c->it->raw, c->it->width,
				 base ? &st_obj_entry(base)->id : NULL,
				 base ? st_obj_depth(base) : 0, e);

	if (rc != ST_OK)
		return rc;
	st_writer_note(c->x->w, c->link.number, c->x->max ? ST_ENTRY_TRIED : 0);
	c->stored = 0;
	for (c->first = 0; rc == ST_OK && c->first < frames; c->first += c->batch)
		rc = code_batch(c,
				frames - c->first < c->batch ? (size_t)(frames - c->first) :
							       c->batch,
				e);
	if (rc != ST_OK)
		return rc;
	return c->may_keep && st_obj_stored(c->old) <= c->stored ?
		       keep_old(c, e) :
		       st_writer_end_again(c->x->w, &c->it->id, e);
}

static int code_item(struct coder *c, struct st_repack_item *it, struct st_err *e)
{
	int rc;

	c->it = it;
	c->old = c->before = NULL;
	c->piece = (struct st_piece){ .width = it->width,
				      .number = (enum st_num)it->number,
				      .row = it->row };
	rc = st_obj_open(&c->old, c->x->r->odb, &it->id, e);
	if (rc == ST_OK)
		rc = look_at_old(c, e);
	if (rc == ST_OK)
		rc = choose_base(c, e);
	if (rc == ST_OK)
		rc = code_object(c, e);
	it->done = true;
	st_obj_close(c->before);
	st_obj_close(c->old);
	return rc;
}

int st_repack_code(struct st_repack *x, struct st_err *e)
{
	struct coder c;
	size_t i;
	int rc = coder_init(&c, x, e);

	for (i = 0; rc == ST_OK && i < x->norder; i++)
		rc = code_item(&c, &x->items[x->order[i]], e);
	coder_release(&c);
	return rc;
}
