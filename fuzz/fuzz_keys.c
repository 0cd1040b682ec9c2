/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first byte chooses JSON or YAML and what is answered; base, ours and theirs follow, parted by
 * bytes 0. What comes out of JSON is JSON, of YAML it is YAML; where theirs is the base, and where
 * both are one, it is ours, byte for byte; a failure before the end asks nothing, or changes
 * nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "diff/settings.h"
#include "merge/keys3.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

struct asking {
	uint8_t answers;
	unsigned asked;
};

static int decide(void *arg, const char *key, size_t len, const struct st_keys_text *base,
		  const struct st_keys_text *sides, size_t *choice, struct st_err *e)
{
	struct asking *a = arg;

	(void)base;
	(void)sides;
	(void)e;
	check(!len || key);
	*choice = ((unsigned)a->answers >> (a->asked++ % 7)) % 3;
	return ST_OK;
}

static struct st_keys_text cut(const uint8_t **p, size_t *left)
{
	const uint8_t *end = *left ? memchr(*p, 0, *left) : NULL;
	struct st_keys_text t = { *p, end ? (size_t)(end - *p) : *left };

	*left -= t.len + (end != NULL);
	*p += t.len + (end != NULL);
	return t;
}

static void reads(enum st_keys_lang lang, const struct st_buf *b)
{
	struct st_settings s;
	struct st_err e = { 0 };
	int rc;

	st_settings_init(&s);
	rc = lang == ST_KEYS_YAML ? st_settings_yaml(&s, "", b->p, b->len, &e) :
				    st_settings_json(&s, "", b->p, b->len, &e);
	check(rc == ST_OK || rc == ST_ELIMIT);
	st_settings_release(&s);
}

static void merge(enum st_keys_lang lang, const struct st_keys_text *base,
		  const struct st_keys_text *sides, uint8_t answers, bool as_ours)
{
	struct asking a = { .answers = answers };
	const struct st_keys k = { *base, sides, 2, decide, &a, NULL, lang };
	struct st_err e = { 0 };
	struct st_buf out;
	int rc;

	st_buf_init(&out, (size_t)64 << 20);
	rc = st_keys_merge(&k, &out, &e);
	check(rc == (int)e.code);
	check(rc == ST_OK || (!as_ours && rc == ST_EREFUSED && lang == ST_KEYS_YAML) ||
	      (!a.asked && (rc == ST_EFORMAT || rc == ST_ELIMIT)));
	if (rc == ST_OK)
		reads(lang, &out);
	if (rc == ST_OK && as_ours)
		check(!a.asked && out.len == sides[0].len &&
		      (!out.len || memcmp(out.p, sides[0].p, out.len) == 0));
	st_buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct st_keys_text base, sides[2];
	enum st_keys_lang lang;
	uint8_t answers;

	if (size == 0 || size > 1 << 16)
		return 0;
	lang = data[0] & 1 ? ST_KEYS_YAML : ST_KEYS_JSON;
	answers = data[0] >> 1;
	data++;
	size--;
	base = cut(&data, &size);
	sides[0] = cut(&data, &size);
	sides[1] = (struct st_keys_text){ data, size };
	merge(lang, &base, sides, answers, false);
	sides[1] = base;
	merge(lang, &base, sides, answers, true);
	sides[1] = sides[0];
	merge(lang, &base, sides, answers, true);
	return 0;
}
