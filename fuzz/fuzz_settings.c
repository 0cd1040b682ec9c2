/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first byte chooses JSON or YAML for the rest. What is read is sorted, each value is JSON that
 * as a text of its own has the same spelling, and nothing differs from itself or from a second
 * reading; a failure leaves nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "diff/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

static int load(struct st_settings *s, bool yaml, const void *p, size_t n)
{
	struct st_err e = { 0 };
	int rc;

	st_settings_init(s);
	rc = yaml ? st_settings_yaml(s, "p", p, n, &e) : st_settings_json(s, "p", p, n, &e);
	check(rc == (int)e.code);
	check(rc == ST_OK || rc == ST_EFORMAT || rc == ST_ELIMIT);
	check(rc == ST_OK || s->n == 0);
	return rc;
}

/* What says the same is kept apart from what no text of JSON says as a number: "inf" is text. */
static void check_value(const struct st_setting *v)
{
	struct st_settings one;

	check(load(&one, false, v->value, v->value_len) == ST_OK);
	check(one.n == 1 && strcmp(one.v[0].key, "p") == 0);
	check(one.v[0].value_len == v->value_len);
	check(memcmp(one.v[0].value, v->value, v->value_len) == 0);
	st_settings_release(&one);
}

static void check_order(const struct st_setting *a, const struct st_setting *b)
{
	size_t least = a->key_len < b->key_len ? a->key_len : b->key_len;
	int order = memcmp(a->key, b->key, least);

	check(order < 0 || (order == 0 && a->key_len < b->key_len));
}

static int differs(void *arg, const struct st_setting *a, const struct st_setting *b)
{
	(void)arg;
	(void)a;
	(void)b;
	abort();
}

static int differs_once(void *arg, const struct st_setting *a, const struct st_setting *b)
{
	check(a && !b);
	++*(size_t *)arg;
	return 0;
}

static void check_settings(const struct st_settings *s, const struct st_settings *again)
{
	struct st_settings none;
	struct st_err e = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++) {
		check(s->v[i].key[0] == 'p' && s->v[i].key[s->v[i].key_len] == 0);
		check(s->v[i].value[s->v[i].value_len] == 0);
		check(st_utf8_valid(s->v[i].key, s->v[i].key_len));
		if (i > 0)
			check_order(&s->v[i - 1], &s->v[i]);
		if (i < 1000)
			check_value(&s->v[i]);
	}
	check(st_settings_diff(s, s, differs, NULL, &e) == ST_OK);
	check(st_settings_diff(s, again, differs, NULL, &e) == ST_OK);
	st_settings_init(&none);
	check(st_settings_diff(s, &none, differs_once, &n, &e) == ST_OK && n == s->n);
	st_settings_release(&none);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct st_settings s, again;
	bool yaml;

	if (size == 0)
		return 0;
	yaml = data[0] & 1;
	if (load(&s, yaml, data + 1, size - 1) == ST_OK) {
		check(load(&again, yaml, data + 1, size - 1) == ST_OK);
		check_settings(&s, &again);
		st_settings_release(&again);
	}
	st_settings_release(&s);
	return 0;
}
