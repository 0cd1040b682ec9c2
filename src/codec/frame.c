/* SPDX-License-Identifier: Apache-2.0 */
/* The choice of a coding, and the way back. */
#include "codec/codec_state.h"

static bool valid_width(unsigned width)
{
	return width == 1 || width == 2 || width == 4 || width == 8;
}

static int try_coding(enum st_coding want, struct st_codec_state *s, const struct st_frame_in *in,
		      uint8_t *out, size_t cap, enum st_coding *coding, size_t *len,
		      struct st_err *e)
{
	int rc = st_codecs[want]->encode(s, in, out, cap, len, e);

	if (rc == ST_OK)
		*coding = want;
	return rc;
}

/* Planes of bytes that are no numbers only keep zstd from seeing the bytes as they are. */
static bool plain_bytes(const struct st_frame_in *in)
{
	return in->number == ST_NUM_INT && in->width == 1 && in->row == 0;
}

/* The numbers on their own hardly ever take less than a quarter. */
static bool delta_is_smaller(struct st_codec_state *s, const struct st_frame_in *in)
{
	uint64_t bits = st_delta_estimate(s, in);

	return bits * 4 < st_sampled(in) || bits < st_planes_estimate(s, in);
}

/*
 * What holds of all elements goes first: they are blocks of several numbers; few differ from the
 * base's; they are upcast. Of a difference and the numbers by themselves a sample says which is
 * smaller. zplanes, then raw, take what is left.
 */
static int choose(struct st_codec_state *s, const struct st_frame_in *in, uint8_t *out,
		  enum st_coding *coding, size_t *len, struct st_err *e)
{
	enum st_coding order[] = { ST_CODING_BLOCKS_DELTA, ST_CODING_BLOCKS, ST_CODING_SPARSE,
				   ST_CODING_HALVES_DELTA, ST_CODING_HALVES, ST_CODING_PLANES,
				   ST_CODING_DELTA,	   ST_CODING_ZPLANES };
	size_t saves = in->n / 32 ? in->n / 32 : 1;
	int rc = ST_ENO;

	if (!st_codec_work(s, e))
		return e->code;
	if (in->base && in->base_n == in->n && delta_is_smaller(s, in)) {
		order[5] = ST_CODING_DELTA;
		order[6] = ST_CODING_PLANES;
	}
	for (size_t i = 0; rc == ST_ENO && i < sizeof(order) / sizeof(order[0]); i++)
		if (order[i] != ST_CODING_PLANES || !plain_bytes(in))
			rc = try_coding(order[i], s, in, out, in->n - saves, coding, len, e);
	return rc;
}

/* Our JSON as such, if that is smaller than what was chosen (rc). */
static int choose_terse(struct st_codec_state *s, const struct st_frame_in *in, uint8_t *out,
			enum st_coding *coding, size_t *len, int rc, struct st_err *e)
{
	enum st_coding want = in->base && in->base_n == in->n ? ST_CODING_TERSE_DELTA :
								ST_CODING_TERSE;
	size_t cap = rc == ST_OK ? *len - 1 : in->n - 1, n;
	uint8_t *room = s->work->mag;

	if ((rc != ST_OK && rc != ST_ENO) || !st_codec_is_json(in) ||
	    st_codecs[want]->encode(s, in, room, cap, &n, e) != ST_OK)
		return rc;
	memcpy(out, room, n);
	*coding = want;
	*len = n;
	return ST_OK;
}

/* As what the codec takes the numbers: integers, if they are not of this width. */
static const struct st_frame_in *fitting(const struct st_frame_in *in, struct st_frame_in *as_int)
{
	ST_BUG_ON(in->n == 0 || in->n > ST_FRAME_LEN || !valid_width(in->width));
	if (st_num_fits(in->number, in->width))
		return in;
	*as_int = *in;
	as_int->number = ST_NUM_INT;
	return as_int;
}

int st_frame_sample(struct st_codec_state *s, const struct st_frame_in *in, uint64_t *difference,
		    uint64_t *alone, struct st_err *e)
{
	struct st_frame_in as_int;

	ST_BUG_ON(!in->base || in->base_n != in->n);
	in = fitting(in, &as_int);
	if (!st_codec_work(s, e))
		return e->code;
	*difference = st_delta_estimate(s, in);
	*alone = st_planes_estimate(s, in);
	return ST_OK;
}

int st_frame_encode(struct st_codec_state *s, const struct st_frame_in *in, enum st_codec_mode mode,
		    uint8_t *out, enum st_coding *coding, size_t *len, struct st_err *e)
{
	struct st_frame_in as_int;
	int rc;

	in = fitting(in, &as_int);
	rc = try_coding(ST_CODING_SAME, s, in, out, in->n, coding, len, e);
	if (rc == ST_ENO)
		rc = try_coding(ST_CODING_CONST, s, in, out, in->n - 1, coding, len, e);
	if (rc == ST_ENO && mode != ST_CODEC_FAST)
		rc = choose_terse(s, in, out, coding, len, choose(s, in, out, coding, len, e), e);
	if (rc != ST_ENO)
		return rc;
	*coding = ST_CODING_RAW;
	*len = in->n;
	return ST_OK;
}

int st_frame_decode(struct st_codec_state *s, unsigned coding, const uint8_t *p, size_t len,
		    const uint8_t *base, size_t base_n, unsigned width, uint8_t *raw, size_t n,
		    struct st_err *e)
{
	const struct st_codec *c = st_codec_get(coding);
	int rc;

	if (!c)
		return st_fail(e, ST_EFORMAT, "coding %u: a newer strata wrote this", coding);
	if (n == 0 || n > ST_FRAME_LEN || !valid_width(width))
		return st_fail(e, ST_ECORRUPT, "a frame of %zu bytes, %u an element", n, width);
	if (c->needs_base && !base)
		return st_fail(e, ST_ECORRUPT, "coding %s without a base", c->name);
	rc = st_codec_decode(c, s, p, len, base, base_n, width, raw, n, e);
	return rc == ST_OK ? ST_OK : st_wrap(e, "coding %s", c->name);
}
