/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a stored frame: byte 0 the coding, byte 1 the width (a power of two), bytes 2 to 4
 * the raw size, little-endian, the rest what is stored. A frame that decodes must survive being
 * encoded again.
 */
#include "base/mem.h"
#include "codec/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(struct st_codec_state *s, const uint8_t *raw, size_t n, unsigned width)
{
	struct st_frame_in in = { .raw = raw, .n = n, .width = width, .level = 1 };
	uint8_t *out = malloc(n), *back = malloc(n);
	enum st_coding coding;
	struct st_err e = { 0 };
	size_t len;

	ST_BUG_ON(!out || !back);
	ST_BUG_ON(st_frame_encode(s, &in, ST_CODEC_DEFAULT, out, &coding, &len, &e) != ST_OK);
	ST_BUG_ON(len > n);
	ST_BUG_ON(st_frame_decode(s, coding, coding == ST_CODING_RAW ? raw : out, len, NULL, 0,
				  width, back, n, &e) != ST_OK);
	ST_BUG_ON(memcmp(back, raw, n) != 0);
	free(out);
	free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct st_codec_state *s;
	struct st_err e = { 0 };
	uint8_t *raw, *base;
	unsigned width;
	size_t n;

	if (size < 5 || st_codec_state_new(&s, &e) != ST_OK)
		return 0;
	width = 1u << (data[1] % 4);
	n = data[2] | (size_t)data[3] << 8 | (size_t)data[4] << 16;
	n = n % ST_FRAME_LEN + 1;
	raw = malloc(n); /* of exactly this size, for the sanitizer */
	base = calloc(n, 1);
	ST_BUG_ON(!raw || !base);
	if (st_frame_decode(s, data[0], data + 5, size - 5, base, n, width, raw, n, &e) == ST_OK)
		round_trip(s, raw, n, width);
	else
		ST_BUG_ON(e.code != ST_ECORRUPT && e.code != ST_EFORMAT);
	free(base);
	free(raw);
	st_codec_state_free(s);
	return 0;
}
