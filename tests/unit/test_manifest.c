/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/blake3.h"
#include "model/manifest.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static struct st_oid oid(int c)
{
	struct st_oid id;

	memset(id.b, c, sizeof(id.b));
	return id;
}

/* Objects that the writer put, in order. */
struct shelf {
	struct st_buf objects[64];
	struct st_oid ids[64];
	size_t n;
	size_t fail_at; /* from 1; 0: never */
};

static int put(void *arg, const void *p, size_t n, struct st_oid *id, struct st_err *e)
{
	struct shelf *s = arg;
	int rc;

	if (s->n + 1 == s->fail_at)
		return st_fail(e, ST_ENOSPC, "shelf is full");
	assert_true(s->n < COUNT(s->objects));
	st_buf_init(&s->objects[s->n], ST_MANIFEST_BYTES);
	rc = st_buf_add(&s->objects[s->n], p, n, e);
	st_oid_of(id, p, n);
	s->ids[s->n++] = *id;
	return rc;
}

static void shelf_clear(struct shelf *s)
{
	for (size_t i = 0; i < s->n; i++)
		st_buf_release(&s->objects[i]);
	*s = (struct shelf){ 0 };
}

static const char page_text[] =
	"{\"segments\":[{\"glue\":96},"
	"{\"id\":\"" A "\",\"size\":24,\"views\":["
	"{\"dtype\":\"f32\",\"name\":\"w\",\"shape\":[2,3]}]},"
	"{\"id\":\"" B "\",\"size\":24,\"views\":["
	"{\"big_endian\":true,\"dtype\":\"f32\",\"id\":\"" A "\",\"name\":\"be\",\"shape\":[6]},"
	"{\"dtype\":\"f32\",\"id\":\"" A "\",\"name\":\"t\",\"shape\":[3,2],\"strides\":[1,3]},"
	"{\"dtype\":\"u8\",\"id\":\"" A "\",\"name_hex\":\"ff\",\"nbytes\":4,\"offset\":8,"
	"\"shape\":[4]},"
	"{\"dtype\":\"i16\",\"id\":\"" A "\",\"name\":\"\",\"nbytes\":8,\"shape\":[4],"
	"\"strides\":[-1]}]},"
	"{\"id\":\"" B "\",\"size\":0,\"views\":["
	"{\"dtype\":\"f16\",\"name\":\"empty\",\"shape\":[0,5]}]},"
	"{\"glue\":1},{\"id\":\"" A "\",\"size\":9},"
	"{\"detached\":{\"dtype\":\"f32\",\"id\":\"" B "\",\"name\":\"d\",\"nbytes\":24,"
	"\"shape\":[6]}}],\"type\":\"strata.page/1\"}";

static void make_page(struct st_manifest_writer *w, const struct st_oid *third, struct st_err *e)
{
	static const uint64_t s23[] = { 2, 3 }, s6[] = { 6 }, s32[] = { 3, 2 }, s4[] = { 4 },
			      s05[] = { 0, 5 };
	static const int64_t t13[] = { 1, 3 }, down[] = { -1 };
	struct st_view w0 = { .name = "w",
			      .name_len = 1,
			      .dtype = ST_F32,
			      .ndim = 2,
			      .shape = s23,
			      .nbytes = 24,
			      .id = oid(0xaa) };
	struct st_view v[] = {
		{ "be", 2, ST_F32, 1, s6, NULL, true, 0, 24, oid(0xaa) },
		{ "t", 1, ST_F32, 2, s32, t13, false, 0, 24, oid(0xaa) },
		{ "\xff", 1, ST_U8, 1, s4, NULL, false, 8, 4, oid(0xaa) },
		{ "", 0, ST_I16, 1, s4, down, false, 0, 8, oid(0xaa) },
	};
	struct st_view away = { "d", 1, ST_F32, 1, s6, NULL, false, 0, 24, oid(0xbb) };
	struct st_view none = { "empty", 5, ST_F16, 2, s05, NULL, false, 0, 0, *third };
	struct st_segment segs[] = {
		{ .glue = true, .size = 96 },
		{ .size = 24, .id = oid(0xaa), .views = &w0, .nviews = 1 },
		{ .size = 24, .id = oid(0xbb), .views = v, .nviews = 4 },
		{ .size = 0, .id = oid(0xbb), .views = &none, .nviews = 1 },
		{ .glue = true, .size = 1 },
		{ .size = 9, .id = oid(0xaa) },
		{ .detached = true, .views = &away, .nviews = 1 },
	};

	for (size_t i = 0; i < COUNT(segs); i++)
		if (st_manifest_writer_add(w, &segs[i], e) != ST_OK)
			return;
}

static void test_write_and_read(void **state)
{
	static const char metadata[] = "{ \"format\": \"pt\" }";
	struct st_oid third = oid(0xbb), glue = oid(0xcc), root;
	struct st_manifest_writer w;
	struct st_err e = { 0 };
	struct shelf s = { 0 };
	struct st_manifest m;
	struct st_page p;
	struct st_buf again;

	(void)state;
	assert_int_equal(st_manifest_writer_init(&w, "safetensors", put, &s, &e), ST_OK);
	w.m.graph = oid(0xdd);
	make_page(&w, &third, &e);
	if (e.code != ST_OK || st_manifest_writer_finish(&w, &glue, metadata, sizeof(metadata) - 1,
							 &root, &e) != ST_OK)
		fail_msg("%s", e.msg);
	st_manifest_writer_release(&w);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.objects[0].len, sizeof(page_text) - 1);
	assert_memory_equal(s.objects[0].p, page_text, sizeof(page_text) - 1);
	assert_true(st_oid_eq(&root, &s.ids[1]));

	if (st_manifest_parse(&m, s.objects[1].p, s.objects[1].len, &e) != ST_OK)
		fail_msg("%s", e.msg);
	assert_string_equal(m.format, "safetensors");
	assert_int_equal(m.size, 96 + 24 + 24 + 1 + 9);
	assert_int_equal(m.glue_size, 97);
	assert_int_equal(m.tensors, 7);
	assert_int_equal(m.npages, 1);
	assert_memory_equal(m.graph.b, oid(0xdd).b, 32);
	assert_string_equal(m.metadata, metadata);
	assert_true(st_oid_eq(&m.pages[0].id, &s.ids[0]));
	st_buf_init(&again, ST_MANIFEST_BYTES);
	assert_int_equal(st_manifest_encode(&again, &m, &e), ST_OK);
	assert_int_equal(again.len, s.objects[1].len);
	assert_memory_equal(again.p, s.objects[1].p, again.len);

	if (st_page_parse(&p, s.objects[0].p, s.objects[0].len, &m.pages[0], &e) != ST_OK)
		fail_msg("%s", e.msg);
	assert_int_equal(p.n, 7);
	assert_true(p.segs[6].detached);
	assert_int_equal(p.segs[6].views[0].nbytes, 24);
	assert_int_equal(p.segs[2].nviews, 4);
	assert_true(p.segs[2].views[0].big_endian);
	assert_int_equal(p.segs[2].views[1].strides[1], 3);
	assert_int_equal(p.segs[2].views[2].offset, 8);
	assert_int_equal((uint8_t)p.segs[2].views[2].name[0], 0xff);
	assert_true(st_oid_eq(&p.segs[3].views[0].id, &p.segs[3].id));
	st_buf_clear(&again);
	assert_int_equal(st_page_encode(&again, &p, &e), ST_OK);
	assert_memory_equal(again.p, page_text, again.len);
	st_page_release(&p);
	m.pages[0].bytes++;
	assert_int_equal(st_page_parse(&p, s.objects[0].p, s.objects[0].len, &m.pages[0], &e),
			 ST_ECORRUPT);
	st_buf_release(&again);
	st_manifest_release(&m);
	shelf_clear(&s);
}

static void test_empty_file(void **state)
{
	static const char text[] = "{\"format\":\"chunks\",\"pages\":[],\"size\":0,\"tensors\":0,"
				   "\"type\":\"strata.manifest/1\"}";
	struct st_manifest_writer w;
	struct st_err e = { 0 };
	struct shelf s = { 0 };
	struct st_oid root;

	(void)state;
	assert_int_equal(st_manifest_writer_init(&w, "chunks", put, &s, &e), ST_OK);
	assert_int_equal(st_manifest_writer_finish(&w, NULL, NULL, 0, &root, &e), ST_OK);
	st_manifest_writer_release(&w);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.objects[0].len, sizeof(text) - 1);
	assert_memory_equal(s.objects[0].p, text, sizeof(text) - 1);
	shelf_clear(&s);
}

/* n tensors "t<i>" of 4 bytes each, one of them changed, one inserted before another. */
static void write_many(struct shelf *s, size_t n, size_t changed, size_t inserted)
{
	static const uint64_t one[] = { 1 };
	struct st_manifest_writer w;
	struct st_err e = { 0 };
	struct st_oid root;
	char name[32];

	assert_int_equal(st_manifest_writer_init(&w, "safetensors", put, s, &e), ST_OK);
	for (size_t i = 0; i < n; i++) {
		struct st_view v = {
			.name = name, .dtype = ST_F32, .ndim = 1, .shape = one, .nbytes = 4
		};
		struct st_segment seg = { .size = 4, .views = &v, .nviews = 1 };

		for (int extra = i == inserted; extra >= 0; extra--) {
			snprintf(name, sizeof(name), extra ? "extra%zu" : "t%zu", i);
			v.name_len = strlen(name);
			st_oid_of(&v.id, name, v.name_len);
			v.id.b[0] ^= i == changed;
			seg.id = v.id;
			assert_int_equal(st_manifest_writer_add(&w, &seg, &e), ST_OK);
		}
	}
	assert_int_equal(st_manifest_writer_finish(&w, NULL, NULL, 0, &root, &e), ST_OK);
	st_manifest_writer_release(&w);
}

static size_t pages_new_in(const struct shelf *a, const struct shelf *b)
{
	size_t fresh = 0;

	for (size_t i = 0; i + 1 < a->n; i++) {
		bool found = false;

		for (size_t k = 0; k < b->n; k++)
			found |= st_oid_eq(&a->ids[i], &b->ids[k]);
		fresh += !found;
	}
	return fresh;
}

static void test_pages(void **state)
{
	struct shelf base = { 0 }, changed = { 0 }, inserted = { 0 };
	struct st_err e = { 0 };
	struct st_manifest m;
	uint64_t tensors = 0;

	(void)state;
	write_many(&base, 20000, SIZE_MAX, SIZE_MAX);
	write_many(&changed, 20000, 777, SIZE_MAX);
	write_many(&inserted, 20000, SIZE_MAX, 777);
	assert_true(base.n - 1 >= 20000 / ST_PAGE_MAX && base.n - 1 <= 20000 / ST_PAGE_MIN);
	assert_int_equal(pages_new_in(&changed, &base), 1);
	assert_in_range(pages_new_in(&inserted, &base), 1, 2);

	assert_int_equal(st_manifest_parse(&m, base.objects[base.n - 1].p,
					   base.objects[base.n - 1].len, &e),
			 ST_OK);
	assert_int_equal(m.npages, base.n - 1);
	for (size_t i = 0; i < m.npages; i++) {
		struct st_page p;

		assert_int_equal(st_page_parse(&p, base.objects[i].p, base.objects[i].len,
					       &m.pages[i], &e),
				 ST_OK);
		assert_true(p.n <= ST_PAGE_MAX && (i + 1 == m.npages || p.n >= ST_PAGE_MIN));
		for (size_t k = 0; k < p.n; k++)
			assert_int_equal(st_page_ends(&p.segs[k], k + 1),
					 k + 1 == p.n && i + 1 < m.npages);
		tensors += p.n;
		st_page_release(&p);
	}
	assert_int_equal(tensors, 20000);
	st_manifest_release(&m);
	shelf_clear(&base);
	shelf_clear(&changed);
	shelf_clear(&inserted);
}

static int measure(void *arg, const void *p, size_t n, struct st_oid *id, struct st_err *e)
{
	size_t *most = arg;

	(void)e;
	st_oid_of(id, p, n);
	if (n > *most)
		*most = n;
	return ST_OK;
}

/* Long names end a page early, and no page comes near what one may take. */
static void test_long_names(void **state)
{
	enum {
		LONGEST = 65536
	};
	static const uint64_t one[] = { 1 };
	static const struct {
		size_t name_len, n, nviews;
		size_t pages; /* each but the last as heavy as can be */
	} rows[] = {
		{ LONGEST, 250, 1, 17 }, /* 15 to a page */
		{ LONGEST, 15, 1, 1 },	 { LONGEST, 16, 1, 2 },
		{ 400, 1024, 1, 1 }, /* what is usual ends by number */
		{ 4, 4, 2000, 2 },   /* two of 508 KiB to a page */
		{ 4, 3, 9000, 3 },   /* heavier than any page: alone in it */
	};
	char *name = malloc(LONGEST);

	(void)state;
	assert_non_null(name);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct st_view *v = calloc(rows[i].nviews, sizeof(*v));
		struct st_segment seg = {
			.size = 8, .id = oid(0xaa), .views = v, .nviews = rows[i].nviews
		};
		struct st_manifest_writer w;
		struct st_err e = { 0 };
		struct st_oid root;
		size_t most = 0;

		assert_non_null(v);
		memset(name, 1, LONGEST); /* six bytes each, written out */
		for (size_t k = 0; k < rows[i].nviews; k++)
			v[k] = (struct st_view){ .name = name,
						 .name_len = rows[i].name_len,
						 .dtype = ST_F32,
						 .ndim = 1,
						 .shape = one,
						 .nbytes = 4,
						 .id = oid(0xbb) };
		assert_int_equal(st_segment_weight(&seg),
				 128 + rows[i].nviews * (256 + rows[i].name_len));
		assert_int_equal(st_manifest_writer_init(&w, "torch", measure, &most, &e), ST_OK);
		for (size_t k = 0; k < rows[i].n; k++)
			if (st_manifest_writer_add(&w, &seg, &e) != ST_OK)
				fail_msg("row %zu: %s", i, e.msg);
		if (st_manifest_writer_finish(&w, NULL, NULL, 0, &root, &e) != ST_OK)
			fail_msg("row %zu: %s", i, e.msg);
		if (w.m.npages != rows[i].pages)
			fail_msg("row %zu: %zu pages", i, w.m.npages);
		assert_true(most < 8 * ST_PAGE_WEIGHT);
		st_manifest_writer_release(&w);
		free(v);
	}
	free(name);
}

static void test_put_fails(void **state)
{
	struct st_oid third = oid(0xbb), glue = oid(0xcc), root;

	(void)state;
	for (size_t at = 1; at <= 2; at++) {
		struct shelf s = { .fail_at = at };
		struct st_manifest_writer w;
		struct st_err e = { 0 };

		assert_int_equal(st_manifest_writer_init(&w, "safetensors", put, &s, &e), ST_OK);
		make_page(&w, &third, &e);
		assert_int_equal(st_manifest_writer_finish(&w, &glue, NULL, 0, &root, &e),
				 ST_ENOSPC);
		st_manifest_writer_release(&w);
		shelf_clear(&s);
	}
}

static void test_segments_refused(void **state)
{
	static const uint64_t wrap[] = { (uint64_t)1 << 32, (uint64_t)1 << 32 }, six[] = { 6 },
			      odd[] = { 3 };
	static const int64_t one[] = { 1 }, two[] = { 2 }, low[] = { INT64_MIN };
	const struct st_oid a = oid(0xaa), zero = { { 0 } };
	struct {
		struct st_view v;
		uint64_t size;
		const char *why;
	} bad[] = {
		{ { "v", 1, ST_F32, 2, wrap, NULL, false, 0, 0, a }, 24, "its shape" },
		{ { "v", 1, ST_F32, 1, six, NULL, false, 0, 23, a }, 24, "its shape" },
		{ { "v", 1, ST_F32, 1, six, NULL, false, 0, 24, oid(1) }, 24, "another id" },
		{ { "v", 1, ST_F32, 1, six, NULL, false, 0, 24, zero }, 32, "id is zero" },
		{ { "v", 1, ST_F32, 1, six, NULL, false, 1, 24, a }, 24, "outside" },
		{ { "v", 1, ST_F32, 1, six, NULL, false, UINT64_MAX, 24, a }, 24, "outside" },
		{ { "v", 1, ST_F32, 1, six, NULL, false, 8, UINT64_MAX, a }, 24, "outside" },
		{ { "v", 1, ST_F32, 1, six, two, false, 0, 24, a }, 24, "strides" },
		{ { "v", 1, ST_F32, 1, six, low, false, 0, 24, a }, 24, "strides" },
		{ { "v", 1, ST_F4, 1, six, one, false, 0, 3, a }, 3, "whole bytes" },
		{ { "v", 1, ST_F4, 1, odd, NULL, false, 0, 1, a }, 1, "its shape" },
		{ { "v", 1, ST_NDTYPES, 1, six, NULL, false, 0, 24, a }, 24, "bad dtype" },
		{ { "v", 1, ST_F32, 65, six, NULL, false, 0, 24, a }, 24, "dimensions" },
	};
	struct st_segment glue[] = { { .glue = true }, { .size = 1 } };

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct st_segment s = {
			.size = bad[i].size, .id = a, .views = &bad[i].v, .nviews = 1
		};
		struct st_err e = { 0 };

		if (st_segment_check(&s, ST_EUSAGE, &e) != ST_EUSAGE || !strstr(e.msg, bad[i].why))
			fail_msg("view %zu: %d %s", i, e.code, e.msg);
	}
	for (size_t i = 0; i < COUNT(glue); i++) {
		struct st_err e = { 0 };

		assert_int_equal(st_segment_check(&glue[i], ST_ECORRUPT, &e), ST_ECORRUPT);
	}
}

static void edit(char *out, size_t size, const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);

	assert_non_null(at);
	assert_true(snprintf(out, size, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)) <
		    (int)size);
}

struct change {
	const char *from, *to;
	enum st_code code;
};

static void test_pages_refused(void **state)
{
	static const struct change edits[] = {
		{ "\"glue\":96", "\"glue\":97", ST_OK },
		{ "\"glue\":96", "\"glue\":0", ST_ECORRUPT },
		{ "{\"glue\":96}", "{\"glue\":96},{\"glue\":1}", ST_ECORRUPT },
		{ "{\"glue\":96}", "{\"glue\":96,\"kind\":1}", ST_EFORMAT },
		{ "\"dtype\":\"f32\"", "\"dtype\":\"F32\"", ST_EFORMAT },
		{ "\"dtype\":\"f32\"", "\"dtype\":\"f128\"", ST_EFORMAT },
		{ "\"shape\":[2,3]", "\"shape\":[2,4]", ST_ECORRUPT },
		{ "\"shape\":[2,3]", "\"shape\":[4294967296,4294967296]", ST_ECORRUPT },
		{ "\"shape\":[2,3]", "\"nbytes\":24,\"shape\":[2,3]", ST_ECORRUPT },
		{ "\"shape\":[2,3]", "\"offset\":0,\"shape\":[2,3]", ST_ECORRUPT },
		{ "\"shape\":[2,3]", "\"offset\":4,\"shape\":[2,3]", ST_ECORRUPT },
		{ "\"shape\":[2,3]", "\"shape\":[2,3],\"strides\":[3]", ST_ECORRUPT },
		{ "\"shape\":[2,3]", "\"shape\":[2,3],\"strides\":[3,1,1]", ST_ECORRUPT },
		{ "\"shape\":[2,3]", "\"shape\":[2,3],\"strides\":[3,1]", ST_OK },
		{ "\"shape\":[2,3]", "\"shape\":[2,3],\"strides\":[4,1]", ST_ECORRUPT },
		{ "\"name\":\"w\"", "\"id\":\"" A "\",\"name\":\"w\"", ST_ECORRUPT },
		{ "\"name\":\"w\"", "\"id\":\"" B "\",\"name\":\"w\"", ST_ECORRUPT },
		{ "\"big_endian\":true", "\"big_endian\":false", ST_ECORRUPT },
		{ "\"offset\":8", "\"offset\":9007199254740992", ST_ECORRUPT },
		{ ",\"views\":[{\"dtype\":\"f16\",\"name\":\"empty\",\"shape\":[0,5]}]",
		  ",\"views\":[]", ST_ECORRUPT },
		{ "\"nbytes\":24,\"shape\":[6]}}", "\"shape\":[6]}}", ST_ECORRUPT },
		{ "\"nbytes\":24,\"shape\":[6]}}", "\"shape\":[0]}}", ST_OK },
		{ "\"nbytes\":24,\"shape\":[6]}}", "\"nbytes\":20,\"shape\":[6]}}", ST_ECORRUPT },
		{ "\"nbytes\":24,\"shape\":[6]}}", "\"nbytes\":24,\"shape\":[6],\"strides\":[1]}}",
		  ST_ECORRUPT },
		{ "\"nbytes\":24,\"shape\":[6]}}", "\"nbytes\":24,\"offset\":1,\"shape\":[6]}}",
		  ST_ECORRUPT },
		{ "{\"detached\":{\"dtype\"", "{\"detached\":{\"big_endian\":true,\"dtype\"",
		  ST_ECORRUPT },
		{ "\"id\":\"" B "\",\"name\":\"d\"", "\"name\":\"d\"", ST_ECORRUPT },
		{ "\"shape\":[6]}}]", "\"shape\":[6]},\"size\":1}]", ST_EFORMAT },
		{ "page/1", "page/2", ST_EFORMAT },
	};
	char text[8192];

	(void)state;
	for (size_t i = 0; i < COUNT(edits); i++) {
		struct st_err e = { 0 };
		struct st_page p;

		edit(text, sizeof(text), page_text, edits[i].from, edits[i].to);
		if (st_page_parse(&p, text, strlen(text), NULL, &e) != (int)edits[i].code)
			fail_msg("%s -> %s: %d %s", edits[i].from, edits[i].to, e.code, e.msg);
		st_page_release(&p);
	}
}

static void test_roots_refused(void **state)
{
	static const char root[] =
		"{\"format\":\"safetensors\",\"glue\":{\"id\":\"" A "\",\"size\":5},"
		"\"graph\":\"" B "\",\"metadata\":\"{}\",\"pages\":["
		"{\"bytes\":10,\"glue\":5,\"id\":\"" A "\",\"segments\":2,\"tensors\":1},"
		"{\"bytes\":20,\"glue\":0,\"id\":\"" B "\",\"segments\":3,\"tensors\":3}],"
		"\"size\":30,\"tensors\":4,\"type\":\"strata.manifest/1\"}";
	static const struct change edits[] = {
		{ "\"graph\":\"" B "\",", "", ST_OK },
		{ "\"metadata\":\"{}\",", "", ST_OK },
		{ "\"metadata\":\"{}\"", "\"metadata\":\"\"", ST_ECORRUPT },
		{ "\"metadata\":\"{}\"", "\"metadata\":\"{}}\"", ST_ECORRUPT },
		{ "\"format\":\"safetensors\"", "\"format\":\"\"", ST_ECORRUPT },
		{ "\"format\":\"safetensors\"", "\"format\":\"A\"", ST_ECORRUPT },
		{ "\"size\":5}", "\"size\":6}", ST_ECORRUPT },
		{ "\"size\":5}", "\"size\":0}", ST_ECORRUPT },
		{ "\"glue\":{\"id\":\"" A "\",\"size\":5},", "", ST_ECORRUPT },
		{ "\"size\":30", "\"size\":31", ST_ECORRUPT },
		{ "\"tensors\":4", "\"tensors\":5", ST_ECORRUPT },
		{ "\"segments\":2", "\"segments\":0", ST_ECORRUPT },
		{ "\"segments\":2", "\"segments\":1025", ST_ECORRUPT },
		{ "\"bytes\":10,\"glue\":5", "\"bytes\":4,\"glue\":5", ST_ECORRUPT },
		{ "manifest/1", "manifest/9", ST_EFORMAT },
		{ "\"graph\"", "\"grabh\"", ST_EFORMAT },
	};
	char text[4096];

	(void)state;
	for (size_t i = 0; i < COUNT(edits); i++) {
		struct st_err e = { 0 };
		struct st_manifest m;

		edit(text, sizeof(text), root, edits[i].from, edits[i].to);
		if (st_manifest_parse(&m, text, strlen(text), &e) != (int)edits[i].code)
			fail_msg("%s -> %s: %d %s", edits[i].from, edits[i].to, e.code, e.msg);
		st_manifest_release(&m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write_and_read), cmocka_unit_test(test_empty_file),
		cmocka_unit_test(test_pages),	       cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_put_fails),      cmocka_unit_test(test_segments_refused),
		cmocka_unit_test(test_pages_refused),  cmocka_unit_test(test_roots_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
