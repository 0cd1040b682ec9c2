/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "diff/settings.h"

#include <stdio.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define LIT(s) (s), sizeof(s) - 1

struct hunk {
	size_t a, na, b, nb;
};

struct hunks {
	struct hunk *v;
	size_t n, cap;
};

static int take(void *arg, size_t a, size_t na, size_t b, size_t nb)
{
	struct hunks *h = arg;
	struct st_err e = { 0 };

	assert_int_equal(st_grow(&h->v, &h->cap, h->n + 1, &e), ST_OK);
	h->v[h->n++] = (struct hunk){ a, na, b, nb };
	return 0;
}

static void diff(struct hunks *h, const char *a, size_t a_len, const char *b, size_t b_len)
{
	struct st_err e = { 0 };

	*h = (struct hunks){ 0 };
	if (st_lines_diff(a, a_len, b, b_len, take, h, &e) != ST_OK)
		fail_msg("%s", e.msg);
}

/* The length of the line at p. */
static size_t line(const char *p, size_t len)
{
	const char *nl = memchr(p, '\n', len);

	return nl ? (size_t)(nl + 1 - p) : len;
}

struct cursor {
	const char *p;
	size_t len, line;
};

static void skip_line(struct cursor *c)
{
	size_t n = line(c->p, c->len);

	assert_true(n > 0);
	c->p += n;
	c->len -= n;
	c->line++;
}

/* Both lines are the same one. */
static void keep_line(struct cursor *a, struct cursor *b)
{
	size_t n = line(a->p, a->len);

	assert_int_equal(n, line(b->p, b->len));
	assert_memory_equal(a->p, b->p, n);
	skip_line(a);
	skip_line(b);
}

/* The hunks lead from a to b, in order, with something kept between two. Returns their lines. */
static size_t check(const struct hunks *h, const char *a, size_t a_len, const char *b, size_t b_len)
{
	struct cursor x = { a, a_len, 0 }, y = { b, b_len, 0 };
	size_t lines = 0;

	for (size_t i = 0; i < h->n; i++) {
		assert_true(h->v[i].na + h->v[i].nb > 0);
		assert_true(i == 0 || h->v[i].a > x.line);
		while (x.line < h->v[i].a)
			keep_line(&x, &y);
		assert_int_equal(y.line, h->v[i].b);
		while (x.line < h->v[i].a + h->v[i].na)
			skip_line(&x);
		while (y.line < h->v[i].b + h->v[i].nb)
			skip_line(&y);
		lines += h->v[i].na + h->v[i].nb;
	}
	while (x.len)
		keep_line(&x, &y);
	assert_int_equal(y.len, 0);
	return lines;
}

static const struct {
	const char *what, *a;
	size_t a_len;
	const char *b;
	size_t b_len;
	const char *want; /* "a,na,b,nb ..." */
} cases[] = {
	{ "nothing", LIT(""), LIT(""), "" },
	{ "equal", LIT("a\nb\n"), LIT("a\nb\n"), "" },
	{ "equal, no newline", LIT("a\nb"), LIT("a\nb"), "" },
	{ "from nothing", LIT(""), LIT("a\nb\n"), "0,0,0,2 " },
	{ "to nothing", LIT("a\nb"), LIT(""), "0,2,0,0 " },
	{ "one line", LIT("a\nb\nc\n"), LIT("a\nx\nc\n"), "1,1,1,1 " },
	{ "newline at the end gone", LIT("a\nb\n"), LIT("a\nb"), "1,1,1,1 " },
	{ "newline at the end, one line", LIT("a"), LIT("a\n"), "0,1,0,1 " },
	{ "a line more behind one without newline", LIT("a"), LIT("a\nb"), "0,1,0,2 " },
	{ "a line more", LIT("a\n"), LIT("a\nb"), "1,0,1,1 " },
	{ "begins alike", LIT("ab\n"), LIT("ac\n"), "0,1,0,1 " },
	{ "ends alike", LIT("xb\nz\n"), LIT("yb\nz\n"), "0,1,0,1 " },
	{ "ends in it", LIT("b\n"), LIT("ab\n"), "0,1,0,1 " },
	{ "carriage returns are of the line", LIT("a\r\nb\r\n"), LIT("a\r\nb\n"), "1,1,1,1 " },
	{ "NUL bytes", LIT("a\0b\nc\n"), LIT("a\0c\nc\n"), "0,1,0,1 " },
	{ "NUL bytes and no newline", LIT("\0"), LIT("\0\0"), "0,1,0,1 " },
	{ "any bytes", LIT("\xff\xfe\n\x80"), LIT("\xff\xfe\n\x81"), "1,1,1,1 " },
	{ "doubled", LIT("a\na\n"), LIT("a\na\na\n"), "2,0,2,1 " },
	{ "empty lines", LIT("\n\n"), LIT("\n\n\n"), "2,0,2,1 " },
	{ "two hunks", LIT("a\nb\nc\nd\n"), LIT("x\nb\nc\ny\nz\n"), "0,1,0,1 3,1,3,2 " },
	{ "moved", LIT("a\nb\nc\n"), LIT("c\na\nb\n"), "0,0,0,1 2,1,3,0 " },
};

static void table(void **state)
{
	char got[256];
	struct hunks h;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t n = 0;

		diff(&h, cases[i].a, cases[i].a_len, cases[i].b, cases[i].b_len);
		check(&h, cases[i].a, cases[i].a_len, cases[i].b, cases[i].b_len);
		got[0] = 0;
		for (size_t k = 0; k < h.n; k++)
			n += (size_t)snprintf(got + n, sizeof(got) - n, "%zu,%zu,%zu,%zu ",
					      h.v[k].a, h.v[k].na, h.v[k].b, h.v[k].nb);
		if (strcmp(got, cases[i].want) != 0)
			fail_msg("%s: %s", cases[i].what, got);
		free(h.v);
	}
}

static uint32_t next(uint32_t *x)
{
	*x = *x * 1664525 + 1013904223;
	return *x >> 16;
}

static size_t random_text(char *out, size_t lines, uint32_t letters, uint32_t *x)
{
	size_t n = 0;

	for (size_t i = 0; i < lines; i++) {
		out[n++] = (char)('a' + next(x) % letters);
		out[n++] = '\n';
	}
	return n - (n > 0 && next(x) % 4 == 0); /* without the last newline */
}

/* Lines of a longest common subsequence, by the definition. */
static size_t longest(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t best[32][32] = { { 0 } }, na = (a_len + 1) / 2, nb = (b_len + 1) / 2;

	for (size_t i = 1; i <= na; i++)
		for (size_t j = 1; j <= nb; j++) {
			size_t m = line(a + 2 * i - 2, a_len - 2 * i + 2),
			       n = line(b + 2 * j - 2, b_len - 2 * j + 2);
			size_t up = best[i - 1][j], left = best[i][j - 1];

			best[i][j] = up > left ? up : left;
			if (m == n && !memcmp(a + 2 * i - 2, b + 2 * j - 2, n) &&
			    best[i - 1][j - 1] + 1 > best[i][j])
				best[i][j] = best[i - 1][j - 1] + 1;
		}
	return best[na][nb];
}

static void small_ones_are_shortest(void **state)
{
	char a[64], b[64];
	uint32_t x = 7;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		uint32_t letters = 1 + next(&x) % 5;
		size_t na = random_text(a, next(&x) % 16, letters, &x),
		       nb = random_text(b, next(&x) % 16, letters, &x), lines;
		struct hunks h;

		diff(&h, a, na, b, nb);
		lines = check(&h, a, na, b, nb);
		if (lines != (na + 1) / 2 + (nb + 1) / 2 - 2 * longest(a, na, b, nb))
			fail_msg("%zu lines for\n%.*s--\n%.*s", lines, (int)na, a, (int)nb, b);
		free(h.v);
	}
}

/* n lines of numbers below `values`. */
static char *numbers(size_t n, uint32_t values, uint32_t x, size_t *len)
{
	char *p = malloc(n * 12 + 1);

	*len = 0;
	for (size_t i = 0; p && i < n; i++)
		*len += (size_t)snprintf(p + *len, 12, "%u\n",
					 (next(&x) << 16 | next(&x)) % values);
	return p;
}

/* The same for texts of n numbers each. */
static size_t longest_numbers(const char *a, const char *b, size_t n)
{
	size_t *row = calloc(n + 1, sizeof(*row)), diagonal, up;
	unsigned long *y = calloc(n, sizeof(*y)), x;
	char *end;

	assert_true(row && y);
	for (size_t j = 0; j < n; j++, b = end)
		y[j] = strtoul(b, &end, 10);
	for (size_t i = 0; i < n; i++, a = end) {
		x = strtoul(a, &end, 10);
		diagonal = 0;
		for (size_t j = 0; j < n; j++) {
			up = row[j + 1];
			row[j + 1] = x == y[j] ? diagonal + 1 : up > row[j] ? up : row[j];
			diagonal = up;
		}
	}
	n = row[n];
	free(row);
	free(y);
	return n;
}

static void shortest_up_to_8192_lines(void **state)
{
	static const uint32_t values[] = { 2, 20, 300, 4000, 40000 };

	(void)state;
	for (size_t i = 0; i < COUNT(values); i++) {
		size_t na, nb, n = i % 2 ? 4096 : 1500;
		char *a = numbers(n, values[i], 5, &na), *b = numbers(n, values[i], 6, &nb);
		struct hunks h;

		assert_true(a && b);
		diff(&h, a, na, b, nb);
		assert_int_equal(check(&h, a, na, b, nb), 2 * n - 2 * longest_numbers(a, b, n));
		free(h.v);
		free(a);
		free(b);
	}
}

static void large_ones_are_right(void **state)
{
	static const struct {
		size_t lines;
		uint32_t values;
	} sizes[] = { { 3000, 2 },	{ 3000, 1000 },	   { 60000, 3 },
		      { 60000, 60000 }, { 200000, 50000 }, { 1100000, 9999 } };

	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		size_t na, nb;
		char *a = numbers(sizes[i].lines, sizes[i].values, 1, &na),
		     *b = numbers(sizes[i].lines, sizes[i].values, 2, &nb);
		struct hunks h;

		assert_true(a && b);
		diff(&h, a, na, b, nb);
		check(&h, a, na, b, nb);
		assert_true(h.n > 0);
		free(h.v);
		free(a);
		free(b);
	}
}

/* Far apart, few and of any kind: the shortest script even in a long text. */
static void few_changes_in_much(void **state)
{
	size_t n, m = 0;
	char *a = numbers(200000, 100, 3, &n), *b = malloc(n + 1000), *p;
	struct hunks h;

	(void)state;
	assert_true(a && b);
	p = a;
	for (size_t i = 0; p < a + n; i++) {
		size_t k = line(p, n - (size_t)(p - a));

		if (i % 50000 == 777)
			m += (size_t)snprintf(b + m, 10, "inserted\n");
		if (i % 50000 != 999) {
			memcpy(b + m, p, k);
			m += k;
		}
		p += k;
	}
	diff(&h, a, n, b, m);
	assert_int_equal(check(&h, a, n, b, m), 8);
	free(h.v);
	free(a);
	free(b);
}

static void one_long_line(void **state)
{
	size_t n = (size_t)10 << 20;
	char *a = malloc(n), *b = malloc(n);
	struct hunks h;

	(void)state;
	assert_true(a && b);
	memset(a, 'x', n);
	memset(b, 'x', n);
	diff(&h, a, n, b, n);
	assert_int_equal(h.n, 0);
	b[n / 2] = 'y';
	diff(&h, a, n, b, n);
	assert_int_equal(check(&h, a, n, b, n), 2);
	free(h.v);
	free(a);
	free(b);
}

static int stop(void *arg, size_t a, size_t na, size_t b, size_t nb)
{
	(void)a;
	(void)na;
	(void)b;
	(void)nb;
	return ++*(int *)arg == 1;
}

static void stops(void **state)
{
	struct st_err e = { 0 };
	int calls = 0;

	(void)state;
	assert_int_equal(st_lines_diff(LIT("a\nb\nc\n"), LIT("x\nb\ny\n"), stop, &calls, &e),
			 ST_ENO);
	assert_int_equal(calls, 1);
	assert_int_equal(e.code, ST_ENO);
}

static void null_is_nothing(void **state)
{
	struct hunks h;

	(void)state;
	diff(&h, NULL, 0, NULL, 0);
	assert_int_equal(h.n, 0);
	diff(&h, NULL, 0, LIT("a\n"));
	assert_int_equal(h.n, 1);
	free(h.v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),
		cmocka_unit_test(small_ones_are_shortest),
		cmocka_unit_test(shortest_up_to_8192_lines),
		cmocka_unit_test(large_ones_are_right),
		cmocka_unit_test(few_changes_in_much),
		cmocka_unit_test(one_long_line),
		cmocka_unit_test(stops),
		cmocka_unit_test(null_is_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
