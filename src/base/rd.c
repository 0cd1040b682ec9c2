/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rd.h"

void st_rd_init(struct st_rd *r, const void *p, size_t len, struct st_err *e)
{
	*r = (struct st_rd){ .p = p, .len = len, .err = e };
}

bool st_rd_ok(const struct st_rd *r)
{
	return r->err->code == ST_OK;
}

size_t st_rd_left(const struct st_rd *r)
{
	return r->len - r->pos;
}

const uint8_t *st_rd_bytes(struct st_rd *r, uint64_t n)
{
	if (!st_rd_ok(r))
		return NULL;
	if (n > r->len - r->pos) { /* cannot wrap: pos <= len */
		st_fail(r->err, ST_ECORRUPT, "need %" PRIu64 " bytes at offset %zu of %zu", n,
			r->pos, r->len);
		return NULL;
	}
	r->pos += (size_t)n;
	return r->p + (r->pos - (size_t)n);
}

uint8_t st_rd_u8(struct st_rd *r)
{
	const uint8_t *p = st_rd_bytes(r, 1);

	return p ? *p : 0;
}

uint16_t st_rd_u16(struct st_rd *r)
{
	const uint8_t *p = st_rd_bytes(r, 2);

	return p ? st_get16(p) : 0;
}

uint32_t st_rd_u32(struct st_rd *r)
{
	const uint8_t *p = st_rd_bytes(r, 4);

	return p ? st_get32(p) : 0;
}

uint64_t st_rd_u64(struct st_rd *r)
{
	const uint8_t *p = st_rd_bytes(r, 8);

	return p ? st_get64(p) : 0;
}

uint64_t st_rd_varint(struct st_rd *r)
{
	size_t start = r->pos;
	uint64_t v = 0;
	unsigned shift;
	uint8_t c;

	for (shift = 0; shift < 64; shift += 7) {
		c = st_rd_u8(r);
		if (!st_rd_ok(r))
			return 0;
		if (shift == 63 && c > 1)
			break;
		v |= (uint64_t)(c & 0x7f) << shift;
		if (c & 0x80)
			continue;
		if (c == 0 && shift != 0)
			break;
		return v;
	}
	st_fail(r->err, ST_ECORRUPT, "malformed variable-length integer at offset %zu", start);
	return 0;
}

uint64_t st_rd_count(struct st_rd *r, uint64_t min_elem, uint64_t cap)
{
	uint64_t n = st_rd_u64(r);

	if (st_rd_ok(r) && (n > cap || n > (r->len - r->pos) / min_elem))
		st_fail(r->err, ST_ECORRUPT, "impossible count %" PRIu64 " at offset %zu", n,
			r->pos - 8);
	return st_rd_ok(r) ? n : 0;
}

void st_rd_end(struct st_rd *r)
{
	if (st_rd_ok(r) && r->pos != r->len)
		st_fail(r->err, ST_ECORRUPT, "%zu bytes too many at offset %zu", r->len - r->pos,
			r->pos);
}

int st_buf_varint(struct st_buf *b, uint64_t v, struct st_err *e)
{
	uint8_t tmp[10];
	size_t n = 0;

	while (v >= 0x80) {
		tmp[n++] = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	tmp[n++] = (uint8_t)v;
	return st_buf_add(b, tmp, n, e);
}

int st_buf_u32(struct st_buf *b, uint32_t v, struct st_err *e)
{
	uint8_t t[4];

	st_put32(t, v);
	return st_buf_add(b, t, sizeof(t), e);
}

int st_buf_u64(struct st_buf *b, uint64_t v, struct st_err *e)
{
	uint8_t t[8];

	st_put64(t, v);
	return st_buf_add(b, t, sizeof(t), e);
}
