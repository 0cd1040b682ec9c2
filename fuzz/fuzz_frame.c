/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a stored frame: byte 0 the coding, byte 1 the width (a power of two, lowest two
 * bits) and what the base is (the two above), bytes 2 to 4 the raw size less one, little-endian,
 * the rest what is stored. Both ways of decoding must say the same; a frame that decodes must
 * survive being encoded again, by itself and against the base.
 */
#include "base/mem.h"
#include "codec/codec_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Zeros, a ramp over all exponents, weights of one size, upcast ones. */
static void fill_base(uint8_t *base, size_t n, unsigned width, unsigned kind)
{
	uint64_t s = 1;

	for (size_t i = 0; i < n; i++) {
		s = s * 6364136223846793005u + 1442695040888963407u;
		if (kind == 0)
			base[i] = 0;
		else if (kind == 1)
			base[i] = (uint8_t)(i / width);
		else if (i % width == width - 1)
			base[i] = (uint8_t)(0x3c ^ (s >> 62 & 1));
		else
			base[i] = kind == 3 && i % 4 < 2 ? 0 : (uint8_t)(s >> 33);
	}
}

static void round_trip(struct st_codec_state *s, struct st_frame_in *in)
{
	uint8_t *out = malloc(in->n), *back = malloc(in->n);
	enum st_coding coding;
	struct st_err e = { 0 };
	size_t len;

	ST_BUG_ON(!out || !back);
	ST_BUG_ON(st_frame_encode(s, in, ST_CODEC_DEFAULT, out, &coding, &len, &e) != ST_OK);
	ST_BUG_ON(len > in->n);
	ST_BUG_ON(st_frame_decode(s, coding, coding == ST_CODING_RAW ? in->raw : out, len, in->base,
				  in->base_n, in->width, back, in->n, &e) != ST_OK);
	ST_BUG_ON(memcmp(back, in->raw, in->n) != 0);
	free(out);
	free(back);
}

static void again(struct st_codec_state *s, const uint8_t *raw, const uint8_t *base, size_t n,
		  unsigned width, unsigned number)
{
	struct st_frame_in in = { .raw = raw, .n = n, .width = width, .level = 1 };

	in.number = (enum st_num)(number % ST_NNUMBERS);
	in.quant = (enum st_quant)(number % 16); /* of some numbers there is no type */
	in.quant_at = number;
	round_trip(s, &in);
	in.base = base;
	in.base_n = n;
	in.row = 64 + number;
	in.row_at = number % 64;
	round_trip(s, &in);
}

static int decode(struct st_codec_state *s, enum st_vectors vectors, const uint8_t *data,
		  size_t size, const uint8_t *base, unsigned width, uint8_t *raw, size_t n)
{
	struct st_err e = { 0 };
	struct st_codec_work *w = st_codec_work(s, &e);
	enum st_vectors was;
	int rc;

	ST_BUG_ON(!w);
	was = w->model.vectors;
	w->model.vectors = vectors;
	rc = st_frame_decode(s, data[0], data + 5, size - 5, base, n, width, raw, n, &e);
	w->model.vectors = was;
	ST_BUG_ON(rc != (int)e.code || (rc != ST_OK && rc != ST_ECORRUPT && rc != ST_EFORMAT));
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct st_codec_state
		*s; /* kept: what a frame leaves in it may not show in the next */
	uint8_t *raw, *other, *base;
	struct st_err e = { 0 };
	unsigned width;
	size_t n;
	int rc;

	if (size < 5 || (!s && st_codec_state_new(&s, &e) != ST_OK))
		return 0;
	width = 1u << (data[1] % 4);
	n = data[2] | (size_t)data[3] << 8 | (size_t)data[4] << 16;
	n = n % ST_FRAME_LEN + 1;
	raw = malloc(n); /* of exactly this size, for the sanitizer */
	other = malloc(n);
	base = malloc(n);
	ST_BUG_ON(!raw || !other || !base);
	fill_base(base, n, width, data[1] >> 2 & 3);
	rc = decode(s, ST_VECTORS_NONE, data, size, base, width, raw, n);
	for (int v = ST_VECTORS_NONE + 1; v < ST_VECTORS_NLEVELS; v++) {
		if (!st_vectors_supported((enum st_vectors)v))
			continue;
		ST_BUG_ON(decode(s, (enum st_vectors)v, data, size, base, width, other, n) != rc);
		ST_BUG_ON(rc == ST_OK && memcmp(raw, other, n) != 0);
	}
	if (rc == ST_OK && n <= 65536) /* larger ones take too long */
		again(s, raw, base, n, width, data[size - 1]);
	free(base);
	free(other);
	free(raw);
	return 0;
}
