/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two texts, parted by the first byte 0 (or in the middle): the hunks lead from one to the other,
 * in order and apart, and there are none from a text to itself.
 */
#include <stdlib.h>
#include <string.h>

#include "diff/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

struct cursor {
	const uint8_t *p;
	size_t len, line;
};

struct walk {
	struct cursor a, b;
	bool any;
};

static size_t line(const struct cursor *c)
{
	const uint8_t *nl = c->len ? memchr(c->p, '\n', c->len) : NULL;

	check(c->len > 0);
	return nl ? (size_t)(nl + 1 - c->p) : c->len;
}

static void skip(struct cursor *c)
{
	size_t n = line(c);

	c->p += n;
	c->len -= n;
	c->line++;
}

static void keep(struct walk *w)
{
	size_t n = line(&w->a);

	check(n == line(&w->b) && memcmp(w->a.p, w->b.p, n) == 0);
	skip(&w->a);
	skip(&w->b);
}

static int apply(void *arg, size_t a, size_t na, size_t b, size_t nb)
{
	struct walk *w = arg;

	check(na + nb > 0 && (!w->any || a > w->a.line));
	w->any = true;
	while (w->a.line < a)
		keep(w);
	check(w->b.line == b);
	while (w->a.line < a + na)
		skip(&w->a);
	while (w->b.line < b + nb)
		skip(&w->b);
	return 0;
}

static void diff(const uint8_t *a, size_t na, const uint8_t *b, size_t nb, bool any)
{
	struct walk w = { .a = { .p = a, .len = na }, .b = { .p = b, .len = nb } };
	struct st_err e = { 0 };

	check(st_lines_diff(a, na, b, nb, apply, &w, &e) == ST_OK);
	while (w.a.len)
		keep(&w);
	check(w.b.len == 0 && w.any == any);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *zero = size ? memchr(data, 0, size) : NULL;
	size_t na = zero ? (size_t)(zero - data) : size / 2, from = na + (zero != NULL);
	size_t nb = size - from;
	bool same = na == nb && (na == 0 || memcmp(data, data + from, na) == 0);

	diff(data, na, data + from, nb, !same);
	diff(data + from, nb, data, na, !same);
	diff(data, na, data, na, false);
	return 0;
}
