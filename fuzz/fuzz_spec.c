/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines: the first a method with parameters, the second a rule, the third a tensor's name. What
 * parses has one canonical text, which parses as the same; every value that a method asks for lies
 * in its range.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "merge/method.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

static char *text_of(const struct st_spec *s, struct st_buf *out)
{
	struct st_err e = { 0 };
	char *p;

	st_buf_init(out, 1 << 20);
	check(st_spec_text(s, out, &e) == ST_OK);
	p = st_buf_cstr(out, &e);
	check(p != NULL);
	return p;
}

static void check_values(const struct st_spec *s)
{
	static const double layers[] = { 0, 0.1, 0.5, 1 };
	struct st_method_param p;
	struct st_err e = { 0 };

	for (size_t i = 0; st_method_param_at(s->method, i, &p); i++)
		for (size_t l = 0; l < 5; l++) {
			const double layer = l < 4 ? layers[l] : (double)NAN;
			const double v = st_spec_value(s, p.name, 0, layer);

			/* Points may lie so far apart that there is no way between them. */
			check(!(v < p.least) && !(v > p.most));
		}
	check(st_spec_check_models(s, ST_SPEC_VALUES + 1, &e) == ST_OK || e.code == ST_EUSAGE);
}

static void check_spec(const char *text)
{
	struct st_spec s, again;
	struct st_err e = { 0 };
	struct st_arena arena;
	struct st_buf a, b;

	st_arena_init(&arena);
	if (st_spec_parse(&s, &arena, text, &e) == ST_OK) {
		const char *canonical = text_of(&s, &a);

		check(st_spec_parse(&again, &arena, canonical, &e) == ST_OK);
		check(again.method == s.method);
		check(strcmp(text_of(&again, &b), canonical) == 0);
		check_values(&s);
		st_buf_release(&a);
		st_buf_release(&b);
	} else {
		check(e.code == ST_EUSAGE && s.method == NULL);
	}
	st_arena_release(&arena);
}

static void check_rule(const char *rule, const char *name)
{
	const size_t len = strlen(name);
	struct st_err e = { 0 };
	struct st_rules r;
	uint64_t layer;

	st_rules_init(&r);
	if (st_rules_add(&r, rule, &e) == ST_OK) {
		check(r.n == 1 && r.v[0].used == 0);
		check((st_rules_find(&r, NULL, name, len) != NULL) == (r.v[0].used == 1));
		check(st_rules_find(&r, NULL, r.v[0].glob, strlen(r.v[0].glob)) != NULL);
	} else {
		check(e.code == ST_EUSAGE && r.n == 0);
	}
	st_layer_of(name, len, &layer);
	st_rules_release(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *rule, *name;

	check(text != NULL);
	if (size)
		memcpy(text, data, size);
	text[size] = 0;
	rule = text + strcspn(text, "\n");
	if (*rule)
		*rule++ = 0;
	name = rule + strcspn(rule, "\n");
	if (*name)
		*name++ = 0;
	check_spec(text);
	check_rule(rule, name);
	free(text);
	return 0;
}
