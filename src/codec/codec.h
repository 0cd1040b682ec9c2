/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lossless codings of one frame (at most 2^20 raw bytes), one file and one row of codec_table.c
 * each. A decoder is given the exact raw size and fails on one byte more or less.
 */
#ifndef ST_CODEC_CODEC_H
#define ST_CODEC_CODEC_H

#include "base/oid.h"
#include "codec/num.h"
#include "tensor/quant.h"

enum st_coding { /* stored on disk: never renumber */
	ST_CODING_RAW = 0,
	ST_CODING_CONST = 1,	     /* one element repeated */
	ST_CODING_SAME = 2,	     /* identical to the base's frame of the same number */
	ST_CODING_ZPLANES = 3,	     /* byte planes, zstd each */
	ST_CODING_PLANES = 4,	     /* byte planes of numbers, each by the method that suits it */
	ST_CODING_DELTA = 5,	     /* numbers, their difference from the base's */
	ST_CODING_SPARSE = 6,	     /* the base with some elements replaced */
	ST_CODING_HALVES = 7,	     /* f32 numbers that are bf16 ones, as these; */
	ST_CODING_HALVES_DELTA = 8,  /* the same against the base's */
	ST_CODING_BLOCKS = 9,	     /* quantised blocks by their parts; */
	ST_CODING_BLOCKS_DELTA = 10, /* the same against the base's */
	ST_CODING_TERSE = 11,	     /* our JSON; */
	ST_CODING_TERSE_DELTA = 12,  /* the same against the base's */
	ST_NCODINGS
};

/* Scratch of one worker: zstd contexts, plane buffers. One thread at a time. */
struct st_codec_state;
ST_MUST int st_codec_state_new(struct st_codec_state **out, struct st_err *e);
void st_codec_state_free(struct st_codec_state *s); /* NULL is fine */

/*
 * Buffers of ST_FRAME_LEN bytes that live as long as the state: for the stored bytes of a frame
 * before they are decoded, and for decoded frames. NULL with e filled on failure. No coder
 * touches them but through its arguments.
 */
enum st_room {
	ST_ROOM_STORED,
	ST_ROOM_FRAME,
	ST_ROOM_SAMPLE,
	ST_ROOM_BASE, /* st_obj_frame's own, for the frames that a difference is against */
	ST_NROOMS
};
uint8_t *st_codec_room(struct st_codec_state *s, enum st_room which, struct st_err *e);

/* What ST_ROOM_FRAME holds, kept by whoever fills it. Content-addressed, so never stale. */
struct st_codec_memo {
	bool set;
	struct st_oid id;
	uint64_t frame;
};
struct st_codec_memo *st_codec_memo(struct st_codec_state *s);

struct st_frame_in {
	const uint8_t *raw;
	size_t n;	     /* 1 .. ST_FRAME_LEN */
	const uint8_t *base; /* the base's frame, or NULL */
	size_t base_n;
	unsigned width;	     /* bytes of an element: 1, 2, 4, 8; 1 when not a tensor */
	int level;	     /* zstd level */
	enum st_num number;  /* what the elements are; integers if it is not of this width */
	uint64_t row;	     /* elements of a row of the tensor; 0: no rows */
	uint64_t row_at;     /* index of the frame's first element in its row */
	enum st_quant quant; /* blocks that the bytes are, of width 1; or none */
	uint64_t quant_at;   /* bytes of the frame's first block that lie before the frame */
};

struct st_codec {
	const char *name; /* "raw", "const": shown by stats */
	enum st_coding coding;
	bool needs_base;
	/* MUST. Writes at most cap bytes. ST_ENO (with e untouched) when this coding does not
	 * apply or does not fit cap. */
	int (*encode)(struct st_codec_state *s, const struct st_frame_in *in, uint8_t *out,
		      size_t cap, size_t *len, struct st_err *e);
	/* MUST. From any bytes: produces exactly n bytes or fails with ST_ECORRUPT, in time that n
	 * and len bound; only then are raw's contents meant. base has base_n bytes when needs_base,
	 * else it is NULL; width is 1, 2, 4 or 8. raw overlaps neither p nor base. */
	int (*decode)(struct st_codec_state *s, const uint8_t *p, size_t len, const uint8_t *base,
		      size_t base_n, unsigned width, uint8_t *raw, size_t n, struct st_err *e);
};

extern const struct st_codec *const st_codecs[ST_NCODINGS];
const struct st_codec *st_codec_get(unsigned coding); /* NULL when unknown */
/* decode with the base, if it needs one. */
ST_MUST int st_codec_decode(const struct st_codec *c, struct st_codec_state *s, const uint8_t *p,
			    size_t len, const uint8_t *base, size_t base_n, unsigned width,
			    uint8_t *raw, size_t n, struct st_err *e);

enum st_codec_mode {
	ST_CODEC_FAST,
	ST_CODEC_DEFAULT
};

/*
 * Chooses a coding for one frame. FAST: same and const where they hold (one comparison each), else
 * raw. DEFAULT: after these the first that applies and saves at least 1/32 of the frame, of
 * blocks-delta, blocks, sparse, halves-delta, halves, delta or planes, whichever a sample prefers,
 * the other, zplanes; else raw. What looks like our JSON: terse-delta or terse, where that is
 * smaller.
 * out has room for n bytes. For RAW nothing is written to out (*len = n): the caller stores in->raw
 * itself. The bytes depend on nothing but the arguments: not on the processor, nor on what the
 * state was used for before. The base may not lie in the state but in a room.
 */
ST_MUST int st_frame_encode(struct st_codec_state *s, const struct st_frame_in *in,
			    enum st_codec_mode mode, uint8_t *out, enum st_coding *coding,
			    size_t *len, struct st_err *e);
/*
 * Bits that a sample of the frame takes as a difference from the base, whose frame must be there
 * and as long, and by itself.
 */
ST_MUST int st_frame_sample(struct st_codec_state *s, const struct st_frame_in *in,
			    uint64_t *difference, uint64_t *alone, struct st_err *e);
/* ST_EFORMAT: a coding that only a newer strata can have written. */
ST_MUST int st_frame_decode(struct st_codec_state *s, unsigned coding, const uint8_t *p, size_t len,
			    const uint8_t *base, size_t base_n, unsigned width, uint8_t *raw,
			    size_t n, struct st_err *e);

#endif
