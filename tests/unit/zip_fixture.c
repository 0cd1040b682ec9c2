/* SPDX-License-Identifier: Apache-2.0 */
#include "zip_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

const unsigned zip_forms[ZIP_NFORMS] = {
	0,
	DEFLATE,
	PAD,
	LOCAL64,
	LOCAL64 | LATE64,
	CENTRAL64,
	LOCAL64 | CENTRAL64 | DEFLATE | END64 | ONES,
	END64,
	END64 | ONES | COMMENT,
	COMMENT,
	STREAM,
	STREAM | SIGN,
	STREAM | WIDE,
	STREAM | SIGN | WIDE,
	STREAM | SIGN | WIDE | LOCAL64 | DEFLATE,
	STREAM | BARE,
	STREAM | SIGN | FILLED,
	STREAM | SIGN | PAD | CENTRAL64 | END64 | ONES, /* PyTorch */
};

const struct zip_spec zip_plain[2] = { { "a", "hello", 0, 0, 0 }, { "b/c", "world!!", 0, 0, 0 } };
void zip_put(struct zip_archive *a, uint64_t v, size_t n)
{
	struct st_err e = { 0 };
	uint8_t le[8];

	st_put64(le, v);
	assert_int_equal(st_buf_add(&a->b, le, n, &e), ST_OK);
}

void zip_put_bytes(struct zip_archive *a, const void *p, size_t n)
{
	struct st_err e = { 0 };

	assert_int_equal(st_buf_add(&a->b, p, n, &e), ST_OK);
}

size_t zip_squeeze(uint8_t *out, size_t room, const void *p, size_t n)
{
	z_stream z = { 0 };

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (Bytef *)(uintptr_t)p;
	z.avail_in = (uInt)n;
	z.next_out = out;
	z.avail_out = (uInt)room;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	n = room - z.avail_out;
	deflateEnd(&z);
	return n;
}

static size_t name_len(const struct zip_spec *s)
{
	return s->name_len ? s->name_len : strlen(s->name);
}

/* Version to CRC-32 and sizes, which local header and entry have in common. */
static void put_common(struct zip_archive *a, const struct zip_spec *s, const struct zip_place *at,
		       bool known, bool wide)
{
	zip_put(a, 45, 2);
	zip_put(a, s->how & STREAM ? 8 : 0, 2);
	zip_put(a, s->how & DEFLATE ? 8 : 0, 2);
	zip_put(a, 0, 4);
	zip_put(a, known ? at->crc : 0, 4);
	zip_put(a, wide ? 0xffffffff : known ? at->csize : 0, 4);
	zip_put(a, wide ? 0xffffffff : known ? at->usize : 0, 4);
	zip_put(a, name_len(s), 2);
}

static void put_local(struct zip_archive *a, const struct zip_spec *s, struct zip_place *at)
{
	bool known = !(s->how & STREAM) || (s->how & FILLED);
	size_t far = s->how & LATE64 ? 500 : 0, extra = far + (s->how & LOCAL64 ? 20 : 0);
	size_t fill = 0, bare;

	at->local = a->b.len;
	bare = at->local + 30 + name_len(s) + extra;
	if (s->how & PAD) {
		fill = (64 - (bare + 4) % 64) % 64;
		extra += 4 + fill;
	}
	zip_put(a, 0x04034b50, 4);
	put_common(a, s, at, known, s->how & LOCAL64);
	zip_put(a, extra, 2);
	zip_put_bytes(a, s->name, name_len(s));
	if (far)
		zip_put(a, 0x7777 | (uint64_t)(far - 4) << 16, 4);
	for (size_t i = 4; i < far; i++)
		zip_put(a, 0, 1);
	if (s->how & LOCAL64) {
		zip_put(a, 1 | 16 << 16, 4);
		zip_put(a, known ? at->usize : 0, 8);
		zip_put(a, known ? at->csize : 0, 8);
	}
	if (s->how & PAD) {
		zip_put(a, 0x4246 | (uint64_t)fill << 16, 4);
		for (; fill; fill--)
			zip_put(a, 'Z', 1);
	}
	at->data = a->b.len;
}

void zip_put_member(struct zip_archive *a, const struct zip_spec *s, struct zip_place *at)
{
	size_t wide = s->how & WIDE ? 8 : 4;
	uint8_t packed[4096];
	const void *p = s->data;

	at->usize = at->csize = s->len ? s->len : strlen(s->data);
	at->crc = (uint32_t)crc32(0, (const Bytef *)s->data, (uInt)at->usize);
	if (s->how & DEFLATE) {
		at->csize = zip_squeeze(packed, sizeof(packed), s->data, at->usize);
		p = packed;
	}
	put_local(a, s, at);
	zip_put_bytes(a, p, at->csize);
	at->descriptor = 0;
	if (!(s->how & STREAM) || (s->how & BARE))
		return;
	if (s->how & SIGN)
		zip_put(a, 0x08074b50, 4);
	at->descriptor = a->b.len;
	zip_put(a, at->crc, 4);
	zip_put(a, at->csize, wide);
	zip_put(a, at->usize, wide);
}

void zip_put_entry(struct zip_archive *a, const struct zip_spec *s, struct zip_place *at)
{
	bool wide = s->how & CENTRAL64;

	at->central = a->b.len;
	zip_put(a, 0x02014b50, 4);
	zip_put(a, 45, 2);
	put_common(a, s, at, true, wide);
	zip_put(a, wide ? 4 + 28 + 8 : 0, 2);
	zip_put(a, 0, 2);		  /* comment */
	zip_put(a, wide ? 0xffff : 0, 2); /* disk */
	zip_put(a, 0, 6);		  /* attributes */
	zip_put(a, wide ? 0xffffffff : at->local, 4);
	zip_put_bytes(a, s->name, name_len(s));
	if (!wide)
		return;
	zip_put(a, 1 | 28 << 16, 4);
	zip_put(a, at->usize, 8);
	zip_put(a, at->csize, 8);
	zip_put(a, at->local, 8);
	zip_put(a, 0, 4);
	zip_put(a, 0x7777 | 4 << 16, 4); /* a field that nobody knows */
	zip_put(a, 1, 4);
}

void zip_put_end(struct zip_archive *a, size_t n, unsigned how)
{
	size_t len = a->b.len - a->dir;
	bool ones = how & ONES;

	a->end64 = a->b.len;
	if (how & END64) {
		zip_put(a, 0x06064b50, 4);
		zip_put(a, 44, 8);
		zip_put(a, 45 | 45 << 16, 4);
		zip_put(a, 0, 8);
		zip_put(a, n, 8);
		zip_put(a, n, 8);
		zip_put(a, len, 8);
		zip_put(a, a->dir, 8);
		a->locator = a->b.len;
		zip_put(a, 0x07064b50, 8);
		zip_put(a, a->end64, 8);
		zip_put(a, 1, 4);
	}
	a->end = a->b.len;
	zip_put(a, 0x06054b50, 8);
	zip_put(a, ones ? 0xffff : n, 2);
	zip_put(a, ones ? 0xffff : n, 2);
	zip_put(a, ones ? 0xffffffff : len, 4);
	zip_put(a, ones ? 0xffffffff : a->dir, 4);
	zip_put(a, how & COMMENT ? 0xffff : 0, 2);
	for (size_t i = 0; how & COMMENT && i < 0xffff; i++)
		zip_put(a, 'c', 1);
}

struct zip_archive zip_build(const struct zip_spec *s, size_t n)
{
	struct zip_archive a = { 0 };
	unsigned how = 0;

	assert_true(n <= COUNT(a.at));
	st_buf_init(&a.b, 1 << 20);
	for (size_t i = 0; i < n; i++) {
		zip_put_member(&a, &s[i], &a.at[i]);
		how |= s[i].how;
	}
	a.dir = a.b.len;
	for (size_t i = 0; i < n; i++)
		zip_put_entry(&a, &s[i], &a.at[i]);
	zip_put_end(&a, n, how);
	return a;
}

void zip_change(struct zip_archive *a, const struct zip_change *c)
{
	const size_t bases[] = { a->at[c->i].local, a->at[c->i].central, a->end64, a->locator,
				 a->end };
	uint8_t le[8];

	st_put64(le, c->value);
	assert_true(bases[c->base] + c->delta + c->width <= a->b.len);
	memcpy(a->b.p + bases[c->base] + c->delta, le, c->width);
}

uint8_t *zip_exact(const struct zip_archive *a, size_t len)
{
	uint8_t *p = malloc(len ? len : 1);

	assert_non_null(p);
	memcpy(p, a->b.p, len);
	return p;
}

int zip_mem_open(struct st_zip *z, struct st_source *src, const void *p, size_t len,
		 struct st_err *e)
{
	*e = (struct st_err){ 0 };
	st_source_init_mem(src, p, len, "m.zip");
	return st_zip_open(z, src, ZIP_LIMIT, e);
}

void zip_check_content(const struct st_source *src, const struct st_zip_member *m, const void *want,
		       size_t len)
{
	struct st_err e = { 0 };
	struct st_source s;
	struct st_buf b;
	uint8_t c;

	st_buf_init(&b, len);
	if (st_zip_load(&b, src, m, &e) != ST_OK)
		fail_msg("%s: %s", m->name, e.msg);
	assert_int_equal(b.len, len);
	if (len)
		assert_memory_equal(b.p, want, len);
	st_buf_release(&b);
	assert_int_equal(st_zip_member_open(&s, src, m, &e), ST_OK);
	assert_int_equal(s.size, len);
	for (size_t i = len; i-- > 0;) { /* each step back starts again */
		assert_int_equal(st_source_read(&s, &c, 1, i, &e), ST_OK);
		assert_int_equal(c, ((const uint8_t *)want)[i]);
	}
	assert_int_equal(st_source_read(&s, &c, 1, len, &e), ST_EFORMAT);
	st_source_close(&s);
}
