/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "repo/compose.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define HEADER                                                            \
	"{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}," \
	"\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[4,7]},"  \
	"\"e\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[7,7]},"  \
	"\"c\":{\"dtype\":\"U8\",\"shape\":[5],\"data_offsets\":[7,12]}," \
	"\"__metadata__\":{\"k\":\"v\"}}  "

static const uint64_t n0[] = { 0 }, n3[] = { 3 }, n4[] = { 4 }, n5[] = { 5 }, n6[] = { 6 };

struct world {
	uint8_t file[1024];
	size_t len;
	struct st_source src;
	struct st_layout layout;
	struct st_ctx ctx;
	struct st_compose c;
	size_t asked, piece, lack;
};

/* Every byte of v[i] is 0x10 + i. */
static int give(void *arg, size_t i, st_bytes_fn sink, void *sink_arg, struct st_err *e)
{
	struct world *w = arg;
	uint64_t left = w->c.v[i].shape[0];
	int rc = ST_OK;

	w->asked++;
	left -= w->lack;
	while (rc == ST_OK && left) {
		uint8_t b[8];
		size_t n = left < w->piece ? (size_t)left : w->piece;

		memset(b, 0x10 + (int)i, sizeof(b));
		rc = sink(sink_arg, b, n, e);
		left -= n;
	}
	return rc;
}

static void make(struct world *w)
{
	struct st_err e = { 0 };
	const char *h = HEADER;

	*w = (struct world){ .ctx = { .jobs = 1, .memory = 64 << 20 }, .piece = 2 };
	st_put64(w->file, strlen(h));
	memcpy(w->file + 8, h, strlen(h));
	memcpy(w->file + 8 + strlen(h), "AAAABBBCCCCC", 12);
	w->len = 8 + strlen(h) + 12;
	st_source_init_mem(&w->src, w->file, w->len, "base");
	st_layout_init(&w->layout);
	w->c = (struct st_compose){ .ctx = &w->ctx,
				    .path = "base",
				    .format = st_format_get("safetensors"),
				    .src = &w->src,
				    .layout = &w->layout,
				    .fill = give,
				    .arg = w };
	assert_int_equal(st_format_parse(w->c.format, &w->layout, &w->src, 1 << 20, &e), ST_OK);
}

static int compose(struct world *w, const struct st_compose_tensor *v, size_t n, struct st_buf *out,
		   struct st_err *e)
{
	char *path = NULL;
	int fd, rc;

	w->c.v = v;
	w->c.n = n;
	*e = (struct st_err){ 0 };
	st_buf_init(out, 4096);
	assert_int_equal(st_file_temp(&fd, &path, "/tmp", "compose-", e), ST_OK);
	rc = st_compose_write(&w->c, fd, "out", e);
	if (rc == ST_OK)
		assert_int_equal(st_file_slurp(out, path, e), ST_OK);
	close(fd);
	unlink(path);
	free(path);
	return rc;
}

static const struct st_compose_tensor same[] = {
	{ "b", 1, ST_U8, 1, n3, false },
	{ "c", 1, ST_U8, 1, n5, false },
	{ "a", 1, ST_U8, 1, n4, true },
	{ "e", 1, ST_U8, 1, n0, false },
};

/* Header, white space and kept tensors byte for byte; the others as they were given. */
static void test_same_layout(void **state)
{
	struct world w;
	struct st_buf out;
	struct st_err e;
	bool yes = false;

	(void)state;
	make(&w);
	assert_int_equal(compose(&w, same, COUNT(same), &out, &e), ST_OK);
	assert_int_equal(st_compose_same_layout(&w.c, &yes, &e), ST_OK);
	assert_true(yes);
	assert_int_equal(w.asked, 2); /* not the kept one, not the empty one */
	assert_int_equal(out.len, w.len);
	assert_memory_equal(out.p, w.file, w.len - 12);
	assert_memory_equal(out.p + w.len - 12, "AAAA\x10\x10\x10\x11\x11\x11\x11\x11", 12);
	st_buf_release(&out);
	st_layout_release(&w.layout);
}

static const struct st_compose_tensor other[] = {
	{ "a", 1, ST_U8, 1, n4, true },
	{ "b", 1, ST_U8, 1, n6, false },
	{ "new", 3, ST_I8, 1, n3, false },
};

/* One grew, one is gone, one is new: a file of its own, which keeps the metadata. */
static void test_own_layout(void **state)
{
	struct st_layout l;
	struct st_source src;
	struct st_buf out;
	struct st_err e;
	struct world w;
	bool yes = true;

	(void)state;
	make(&w);
	assert_int_equal(compose(&w, other, COUNT(other), &out, &e), ST_OK);
	assert_int_equal(st_compose_same_layout(&w.c, &yes, &e), ST_OK);
	assert_false(yes);
	st_source_init_mem(&src, out.p, out.len, "out");
	st_layout_init(&l);
	assert_int_equal(st_format_parse(w.c.format, &l, &src, 1 << 20, &e), ST_OK);
	assert_int_equal(l.ntensors, 3);
	assert_string_equal(l.metadata, "{\"metadata\":{\"k\":\"v\"}}");
	assert_memory_equal(out.p + out.len - 13,
			    "\x12\x12\x12"
			    "AAAA\x11\x11\x11\x11\x11\x11",
			    13);
	st_layout_release(&l);
	st_buf_release(&out);
	st_layout_release(&w.layout);
}

static void test_too_few_bytes(void **state)
{
	struct st_buf out;
	struct st_err e;
	struct world w;

	(void)state;
	make(&w);
	w.lack = 1;
	assert_int_equal(compose(&w, same, COUNT(same), &out, &e), ST_EBUG);
	assert_string_equal(e.msg, "tensor \"b\": 1 bytes are missing");
	st_buf_release(&out);
	st_layout_release(&w.layout);
}

/* A format without a head says which tensor asks for another layout. */
static void test_no_head(void **state)
{
	struct st_format bare;
	struct st_buf out;
	struct st_err e;
	struct world w;

	(void)state;
	make(&w);
	bare = *w.c.format;
	bare.name = "bare";
	bare.head = NULL;
	w.c.format = &bare;
	assert_int_equal(compose(&w, other, COUNT(other), &out, &e), ST_EREFUSED);
	assert_string_equal(e.msg,
			    "out: tensor \"b\" has another type or shape in base, and strata does "
			    "not lay out new bare files: convert the models to safetensors first");
	assert_int_equal(compose(&w, same, 3, &out, &e), ST_EREFUSED);
	assert_string_equal(e.msg,
			    "out: tensor \"e\" is gone from base, and strata does not lay out "
			    "new bare files: convert the models to safetensors first");
	st_layout_release(&w.layout);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_layout),
		cmocka_unit_test(test_own_layout),
		cmocka_unit_test(test_too_few_bytes),
		cmocka_unit_test(test_no_head),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
