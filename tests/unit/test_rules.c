/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "merge/spec.h"

static const char *found(struct st_rules *r, const char *name)
{
	const struct st_spec *s = st_rules_find(r, name, strlen(name));
	struct st_method_info m;

	if (!s)
		return NULL;
	st_method_of(s, &m);
	return m.name;
}

static void first_match(void **state)
{
	struct st_err err = { 0 };
	struct st_rules r;

	(void)state;
	st_rules_init(&r);
	assert_null(found(&r, "a"));
	assert_int_equal(st_rules_add(&r, "layers.*.mlp.*=linear:weight=1/2", &err), ST_OK);
	assert_int_equal(st_rules_add(&r, "layers.*=theirs", &err), ST_OK);
	assert_int_equal(st_rules_add(&r, "a=b[0]=base", &err), ST_OK);
	assert_string_equal(found(&r, "layers.3.mlp.up"), "linear");
	assert_string_equal(found(&r, "layers.3.attn.q"), "theirs");
	assert_string_equal(found(&r, "a=b[0]"), "base"); /* the name itself, not a class */
	assert_string_equal(found(&r, "a=b0"), "base");
	assert_null(found(&r, "norm"));
	assert_int_equal(st_rules_default(&r, "ours", &err), ST_OK);
	assert_string_equal(found(&r, "norm"), "ours");
	assert_int_equal(r.v[0].used, 1);
	assert_int_equal(r.v[1].used, 1);
	assert_int_equal(r.v[2].used, 2);
	st_rules_release(&r);
	assert_int_equal(r.n, 0);
	st_rules_release(&r);
}

static void refused(void **state)
{
	static const struct {
		const char *rule, *message;
	} rows[] = {
		{ "", "rule '' is not GLOB=METHOD, such as 'layers.*=ties'" },
		{ "linear", "rule 'linear' is not GLOB=METHOD, such as 'layers.*=ties'" },
		{ "=linear", "rule '=linear' is not GLOB=METHOD, such as 'layers.*=ties'" },
		{ "a=lineer", "rule 'a=lineer': no merge method 'lineer'; did you mean 'linear'?" },
		{ "a=", "rule 'a=': no merge method ''" },
	};
	struct st_rules r;

	(void)state;
	st_rules_init(&r);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct st_err err = { 0 };

		assert_int_equal(st_rules_add(&r, rows[i].rule, &err), ST_EUSAGE);
		assert_string_equal(err.msg, rows[i].message);
	}
	assert_int_equal(r.n, 0);
	st_rules_release(&r);
}

static void layers(void **state)
{
	static const struct {
		const char *name;
		bool any;
		uint64_t layer;
	} rows[] = {
		{ "model.layers.12.mlp.w", true, 12 },
		{ "0.weight", true, 0 },
		{ "a.7", true, 7 },
		{ "h.3.c.4", true, 3 },
		{ "conv1.weight", false, 0 },
		{ "1a.weight", false, 0 },
		{ "", false, 0 },
		{ "a..b", false, 0 },
		{ "x.99999999999999999999999.y", false, 0 },
		{ "x.99999999999999999999999.5", true, 5 },
	};
	uint64_t layer;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		layer = 77;
		if (st_layer_of(rows[i].name, strlen(rows[i].name), &layer) != rows[i].any)
			fail_msg("%s", rows[i].name);
		assert_int_equal(layer, rows[i].any ? rows[i].layer : 77);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_match),
		cmocka_unit_test(refused),
		cmocka_unit_test(layers),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
