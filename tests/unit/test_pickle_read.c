/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "format/pickle.h"

/* Pickles that are large, or would be: the window, memory, steps. */

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define MEMORY ((uint64_t)64 << 20)
#define STEPS ((uint64_t)1 << 24)
#define B(s) s, sizeof(s) - 1

static int parse_limited(struct st_pickle *p, const void *bytes, size_t len, uint64_t memory,
			 uint64_t steps, struct st_err *e)
{
	struct st_pickle_limits lim = { memory, steps };
	struct st_source s;

	*e = (struct st_err){ 0 };
	st_source_init_mem(&s, bytes, len, "m");
	return st_pickle_parse(p, &s, 0, len, &lim, e);
}

static int parse(struct st_pickle *p, const void *bytes, size_t len, struct st_err *e)
{
	return parse_limited(p, bytes, len, MEMORY, STEPS, e);
}

static void must_parse(struct st_pickle *p, const void *bytes, size_t len)
{
	struct st_err e;

	if (parse(p, bytes, len, &e) != ST_OK)
		fail_msg("%s", e.msg);
}

/* Head and tail of a source of any size, with zeros in between; counts what is read. */
struct sparse {
	struct st_source s;
	const char *head, *tail;
	size_t nhead, ntail;
	uint64_t *read;
};

static int sparse_pread(const struct st_source *s, void *buf, size_t n, uint64_t off,
			struct st_err *e)
{
	const struct sparse *z = s->mem;
	uint64_t tail = s->size - z->ntail;
	uint8_t *p = buf;

	(void)e;
	for (size_t i = 0; i < n; i++, off++)
		p[i] = (uint8_t)(off < z->nhead ? z->head[off] :
				 off >= tail	? z->tail[off - tail] :
						  0);
	*z->read += n;
	return ST_OK;
}

static const struct st_source_ops sparse_ops = { .pread = sparse_pread };

/* Bytes of 2 GiB and a text of 3 GiB: located, not read. */
static void test_huge_strings(void **state)
{
	static const char head[] = "\x80\x04]\x8e\0\0\0\x80\0\0\0\0";
	uint64_t read = 0, two = (uint64_t)1 << 31, size = sizeof(head) - 1 + two + 3;
	struct sparse z = {
		.head = head, .nhead = sizeof(head) - 1, .tail = "aN.", .ntail = 3, .read = &read
	};
	struct st_pickle_limits lim = { 4096, 100 };
	struct st_err e = { 0 };
	struct st_pickle p;

	(void)state;
	z.s = (struct st_source){ .ops = &sparse_ops, .size = size, .name = "z", .mem = &z };
	assert_int_equal(st_pickle_parse(&p, &z.s, 0, size, &lim, &e), ST_OK);
	assert_int_equal(p.root->kind, ST_PK_NONE);
	assert_int_equal(p.end, size);
	assert_true(read <= 128 * 1024);
	st_pickle_release(&p);

	lim.steps = 2;
	assert_int_equal(st_pickle_parse(&p, &z.s, 2, size, &lim, &e), ST_ELIMIT);
	assert_non_null(strstr(e.msg, "more than 2 steps at offset 2147483660"));
	st_pickle_release(&p);
	e = (struct st_err){ 0 };
	assert_int_equal(st_pickle_parse(&p, &z.s, 2, two, &lim, &e), ST_EFORMAT);
	st_pickle_release(&p);
	e = (struct st_err){ 0 };
	assert_int_equal(st_pickle_parse(&p, &z.s, 0, size + 1, &lim, &e), ST_EFORMAT);
	st_pickle_release(&p);
}

/* Strings of all lengths around the window's and the loading limit's, each found where it is. */
static void test_window(void **state)
{
	static const size_t lens[] = { 4095, 4096, 4097, 65530, 65536, 65537, 200000, 0, 1 };
	struct st_err e = { 0 };
	struct st_pickle p;
	struct st_buf b;

	(void)state;
	st_buf_init(&b, 64 << 20);
	assert_int_equal(st_buf_add(&b, "(", 1, &e), ST_OK);
	for (size_t i = 0; i < 400; i++) {
		size_t n = i % 40 ? i * 13 % 900 : lens[i / 40 % COUNT(lens)];
		uint8_t head[5] = { 'B' };

		st_put32(head + 1, (uint32_t)n);
		assert_int_equal(st_buf_add(&b, head, 5, &e), ST_OK);
		assert_int_equal(st_buf_room(&b, n, &e), ST_OK);
		memset(b.p + b.len, 'a' + (int)(i % 26), n);
		b.len += n;
	}
	assert_int_equal(st_buf_add(&b, "t.", 2, &e), ST_OK);
	must_parse(&p, b.p, b.len);
	assert_int_equal(p.root->seq.n, 400);
	for (size_t i = 0; i < 400; i++) {
		const struct st_pk_str *s = &p.root->seq.v[i]->str;

		assert_int_equal(s->off, p.root->seq.v[i]->at + 5);
		assert_int_equal(s->p == NULL, s->len > ST_PK_LOADED);
		assert_true(s->off + s->len < b.len);
		for (size_t k = 0; k < s->len; k++)
			if (b.p[s->off + k] != 'a' + i % 26 ||
			    (s->p && (uint8_t)s->p[k] != b.p[s->off + k]))
				fail_msg("string %zu differs at %zu", i, k);
	}
	st_pickle_release(&p);
	st_buf_release(&b);
}

static struct st_buf repeat(const char *before, const char *p, size_t len, size_t times,
			    const char *after)
{
	struct st_err e = { 0 };
	struct st_buf b;

	st_buf_init(&b, 64 << 20);
	assert_int_equal(st_buf_addstr(&b, before, &e), ST_OK);
	for (size_t i = 0; i < times; i++)
		assert_int_equal(st_buf_add(&b, p, len, &e), ST_OK);
	assert_int_equal(st_buf_addstr(&b, after, &e), ST_OK);
	return b;
}

/* Lines of protocol 0 that are longer than the window. */
static void test_long_lines(void **state)
{
	static const struct {
		const char *before, *piece, *after;
		size_t bytes; /* of the text for each piece */
		bool found;   /* in the source as it is */
	} cases[] = {
		{ "S'", "abcd", "'\n.", 4, true },
		{ "S'", "ab\\n", "'\n.", 3, false },
		{ "V", "abcd", "\n.", 4, true },
		{ "V", "\\u20ac", "\n.", 3, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct st_buf b = repeat(cases[i].before, cases[i].piece, strlen(cases[i].piece),
					 50000, cases[i].after);
		struct st_pickle p;
		struct st_err e;

		must_parse(&p, b.p, b.len);
		assert_int_equal(p.root->str.len, 50000 * cases[i].bytes);
		assert_int_equal(p.root->str.p == NULL, cases[i].found);
		assert_int_equal(p.root->str.off,
				 cases[i].found ? strlen(cases[i].before) : ST_PK_NOWHERE);
		st_pickle_release(&p);
		assert_int_equal(parse_limited(&p, b.p, b.len, 100000, STEPS, &e), ST_ELIMIT);
		assert_non_null(strstr(e.msg, "offset 0"));
		st_pickle_release(&p);
		st_buf_release(&b);
	}
}

/* Bytes as protocol 2 writes them: text that must be read, though it is long. */
static void test_long_latin1(void **state)
{
	struct st_buf b = repeat("c_codecs\nencode\n(", "X\x80\x1a\x06\0", 5, 1, ""), text, tail;
	struct st_err e = { 0 };
	struct st_pickle p;

	(void)state;
	text = repeat("", "a\xc3\xbf\xc2\x80", 5, 80000, "");
	tail = repeat("", "X\x06\0\0\0latin1tR.", 14, 1, "");
	assert_int_equal(st_buf_add(&b, text.p, text.len, &e), ST_OK);
	assert_int_equal(st_buf_add(&b, tail.p, tail.len, &e), ST_OK);
	must_parse(&p, b.p, b.len);
	assert_int_equal(p.root->kind, ST_PK_BYTES);
	assert_int_equal(p.root->str.len, 240000);
	assert_int_equal(p.root->str.off, ST_PK_NOWHERE);
	for (size_t i = 0; i < 240000; i += 3)
		if (memcmp(p.root->str.p + i, "a\xff\x80", 3) != 0)
			fail_msg("differs at %zu", i);
	st_pickle_release(&p);
	/* No room for it is no failure. */
	assert_int_equal(parse_limited(&p, b.p, b.len, 300000, STEPS, &e), ST_OK);
	assert_int_equal(p.root->kind, ST_PK_CALL);
	assert_int_equal(p.root->call.args->seq.v[0]->str.len, 400000);
	st_pickle_release(&p);
	b.p[100 + 32] = 0xc4; /* a lead byte that Latin-1 has not */
	must_parse(&p, b.p, b.len);
	assert_int_equal(p.root->kind, ST_PK_CALL);
	st_pickle_release(&p);
	st_buf_release(&b);
	st_buf_release(&text);
	st_buf_release(&tail);
}

static void test_deep(void **state)
{
	struct st_buf b = repeat("", "]", 1, 100000, ""), closing = repeat("", "a", 1, 99999, ".");
	struct st_err e = { 0 };
	const struct st_pk *n;
	struct st_pickle p;
	size_t depth = 0;

	(void)state;
	assert_int_equal(st_buf_add(&b, closing.p, closing.len, &e), ST_OK);
	must_parse(&p, b.p, b.len);
	for (n = p.root; n->seq.n; n = n->seq.v[0])
		depth++;
	assert_int_equal(depth, 99999);
	st_pickle_release(&p);
	st_buf_release(&b);
	st_buf_release(&closing);
}

/* Few bytes that would make much: all end at a limit, or stay small. */
static void test_bombs(void **state)
{
	static const struct {
		const char *before, *p;
		size_t len;
		const char *after;
	} bombs[] = {
		{ "]", B("2\x86"), "." }, /* 2^n items */
		{ "N", B("2"), "." },	  /* stack */
		{ "N", B("("), "." },	  /* marks */
		{ "N", B("\x94"), "." },  /* memo */
		{ "]2", B("2a"), "0." },  /* in itself */
		{ "](NNNNNNNNe\x94"
		  "0",
		  B("cbuiltins\nset\nh\0\x85R0"), "N." },
	};
	struct st_pickle p;
	struct st_err e;

	(void)state;
	for (size_t i = 0; i < COUNT(bombs); i++) {
		struct st_buf b =
			repeat(bombs[i].before, bombs[i].p, bombs[i].len, 40000, bombs[i].after);

		if (parse_limited(&p, b.p, b.len, 200000, STEPS, &e) != ST_ELIMIT ||
		    !strstr(e.msg, "offset"))
			fail_msg("bomb %zu: %s", i, e.msg);
		st_pickle_release(&p);
		st_buf_release(&b);
	}
}

/* Entries of the memo far apart take memory for each, not for what lies between. */
static void test_sparse_memo(void **state)
{
	struct st_err e = { 0 };
	struct st_pickle p;
	struct st_buf b;
	uint8_t op[5] = { 'r' };

	(void)state;
	st_buf_init(&b, 1 << 20);
	assert_int_equal(st_buf_add(&b, "(", 1, &e), ST_OK);
	for (uint32_t i = 0; i < 1000; i++) {
		uint8_t value[3] = { 'M', (uint8_t)i, (uint8_t)(i >> 8) };

		st_put32(op + 1, i * 4294967);
		assert_int_equal(st_buf_add(&b, value, 3, &e), ST_OK);
		assert_int_equal(st_buf_add(&b, op, 5, &e), ST_OK);
	}
	op[0] = 'j';
	for (uint32_t i = 0; i < 1000; i++) {
		st_put32(op + 1, i * 4294967);
		assert_int_equal(st_buf_add(&b, op, 5, &e), ST_OK);
	}
	assert_int_equal(st_buf_add(&b, "t.", 2, &e), ST_OK);
	assert_int_equal(parse_limited(&p, b.p, b.len, 400000, STEPS, &e), ST_OK);
	assert_int_equal(p.root->seq.n, 2000);
	for (size_t i = 0; i < 1000; i++)
		assert_ptr_equal(p.root->seq.v[i], p.root->seq.v[1000 + i]);
	st_pickle_release(&p);
	assert_int_equal(parse_limited(&p, b.p, b.len, 150000, STEPS, &e), ST_ELIMIT);
	st_pickle_release(&p);
	st_buf_release(&b);
}

/* Work that a call does counts, also when nothing comes of it. */
static void test_steps(void **state)
{
	struct st_buf list = repeat("((", "))\x86", 3, 1000, "Nl\x94"), calls, b;
	struct st_err e = { 0 };
	struct st_pickle p;

	(void)state;
	calls = repeat("", B("cbuiltins\ndict\nh\0\x85R0"), 1000, "N.");
	b = repeat("", (const char *)list.p, list.len, 1, "");
	assert_int_equal(st_buf_add(&b, calls.p, calls.len, &e), ST_OK);
	assert_int_equal(parse_limited(&p, b.p, b.len, MEMORY, 500000, &e), ST_ELIMIT);
	assert_non_null(strstr(e.msg, "steps at offset"));
	st_pickle_release(&p);
	must_parse(&p, b.p, b.len);
	st_pickle_release(&p);
	st_buf_release(&list);
	st_buf_release(&calls);
	st_buf_release(&b);
}

static void test_digits(void **state)
{
	struct st_buf most = repeat("L", "9", 1, 4300, "L\n."),
		      more = repeat("L", "9", 1, 4301, "\n.");
	struct st_pickle p;
	struct st_err e;

	(void)state;
	must_parse(&p, most.p, most.len);
	assert_int_equal(p.root->kind, ST_PK_BIGINT);
	assert_int_equal(p.root->str.len, 1786); /* 4300 * log2(10) bits and a sign */
	st_pickle_release(&p);
	assert_int_equal(parse(&p, more.p, more.len, &e), ST_ELIMIT);
	assert_non_null(strstr(e.msg, "a number of 4301 digits at the LONG at offset 0"));
	st_pickle_release(&p);
	st_buf_release(&most);
	st_buf_release(&more);
}

/* Pickles one behind the other: each ends at its STOP. */
static void test_stacked(void **state)
{
	static const char bytes[] = "\x80\x02K\x01.\x80\x03K\x02.\x97.junk";
	struct st_pickle_limits lim = { MEMORY, STEPS };
	struct st_err e = { 0 };
	struct st_pickle p;
	struct st_source s;

	(void)state;
	st_source_init_mem(&s, bytes, sizeof(bytes) - 1, "m");
	assert_int_equal(st_pickle_parse(&p, &s, 0, s.size, &lim, &e), ST_OK);
	assert_int_equal(p.end, 5);
	assert_int_equal(p.protocol, 2);
	st_pickle_release(&p);
	assert_int_equal(st_pickle_parse(&p, &s, 5, s.size, &lim, &e), ST_OK);
	assert_int_equal(p.root->i, 2);
	assert_int_equal(p.root->at, 7);
	assert_int_equal(p.protocol, 3);
	assert_int_equal(p.end, 10);
	st_pickle_release(&p);
	assert_int_equal(st_pickle_parse(&p, &s, 10, 12, &lim, &e), ST_OK);
	assert_int_equal(p.buffers, 1);
	assert_int_equal(p.protocol, 0);
	st_pickle_release(&p);
	assert_int_equal(st_pickle_parse(&p, &s, 10, 11, &lim, &e), ST_EFORMAT);
	st_pickle_release(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_huge_strings), cmocka_unit_test(test_window),
		cmocka_unit_test(test_long_lines),   cmocka_unit_test(test_long_latin1),
		cmocka_unit_test(test_deep),	     cmocka_unit_test(test_bombs),
		cmocka_unit_test(test_sparse_memo),  cmocka_unit_test(test_steps),
		cmocka_unit_test(test_digits),	     cmocka_unit_test(test_stacked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
