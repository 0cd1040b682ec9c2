/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "keys_fixture.h"

#include <stdio.h>
#include <string.h>

int keys_decide(void *arg, const char *key, size_t len, const struct st_keys_text *base,
		const struct st_keys_text *sides, size_t *choice, struct st_err *e)
{
	struct keys_asked *a = arg;
	size_t at = strlen(a->text);

	(void)base;
	(void)sides;
	(void)e;
	snprintf(a->text + at, sizeof(a->text) - at, "%.*s ", (int)len, len ? key : "");
	*choice = a->choice;
	return ST_OK;
}

struct st_keys_text keys_text(const char *s)
{
	return (struct st_keys_text){ s, s ? strlen(s) : 0 };
}

int keys_never(void *arg, const char *key, size_t len, const struct st_keys_text *base,
	       const struct st_keys_text *sides, size_t *choice, struct st_err *e)
{
	(void)arg;
	(void)base;
	(void)sides;
	(void)choice;
	return st_fail(e, ST_EBUG, "asked about %.*s", (int)len, key);
}

static void merge(const struct keys_case *c, size_t i, size_t choice, enum st_keys_lang lang)
{
	const char *want = choice && c->want_theirs ? c->want_theirs : c->want;
	const struct st_keys_text sides[] = { keys_text(c->ours), keys_text(c->theirs) };
	struct keys_asked a = { .choice = choice };
	const struct st_keys k = { .base = keys_text(c->base),
				   .sides = sides,
				   .n = 2,
				   .decide = keys_decide,
				   .arg = &a,
				   .lang = lang };
	struct st_err e = { 0 };
	struct st_buf out;
	int rc;

	st_buf_init(&out, 4096);
	rc = st_keys_merge(&k, &out, &e);
	if (rc != (want ? ST_OK : ST_EFORMAT))
		fail_msg("case %zu: %d %s", i, rc, e.msg);
	if (want && (out.len != strlen(want) || memcmp(out.p, want, out.len) != 0))
		fail_msg("case %zu: want\n%sgot\n%.*s", i, want, (int)out.len, (const char *)out.p);
	if (strcmp(a.text, c->asked) != 0)
		fail_msg("case %zu: asked %s", i, a.text);
	st_buf_release(&out);
}

void keys_merge(const struct keys_case *cases, size_t n, enum st_keys_lang lang)
{
	for (size_t i = 0; i < n; i++)
		for (size_t choice = 0; choice < 2; choice++)
			merge(&cases[i], i, choice, lang);
}

void keys_three(const char *base, const char *a, const char *b, const char *c, const char *want,
		enum st_keys_lang lang)
{
	const struct st_keys_text sides[] = { keys_text(a), keys_text(b), keys_text(c) };
	struct keys_asked asked = { .choice = 3 }; /* the base */
	const struct st_keys k = { keys_text(base), sides, 3, keys_decide, &asked, NULL, lang };
	struct st_err e = { 0 };
	struct st_buf out;

	st_buf_init(&out, 4096);
	assert_int_equal(st_keys_merge(&k, &out, &e), ST_OK);
	assert_string_equal(st_buf_cstr(&out, &e), want);
	assert_string_equal(asked.text, "b ");
	st_buf_release(&out);
}

void keys_find(const struct keys_row *rows, size_t n, enum st_keys_lang lang)
{
	for (size_t i = 0; i < n; i++) {
		struct st_keys_text text = keys_text(rows[i].text), got;
		struct st_err e = { 0 };
		struct st_arena arena;

		st_arena_init(&arena);
		assert_int_equal(st_keys_find(lang, &text, rows[i].key, strlen(rows[i].key), &arena,
					      &got, &e),
				 ST_OK);
		if (!got.p != !rows[i].want ||
		    (got.p && (got.len != strlen(rows[i].want) ||
			       memcmp(got.p, rows[i].want, got.len) != 0)))
			fail_msg("row %zu: %.*s", i, (int)got.len,
				 got.p ? (const char *)got.p : "");
		st_arena_release(&arena);
	}
}
