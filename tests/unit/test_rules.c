/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "merge/spec.h"

static const char *found_in(struct st_rules *r, const char *path, const char *name)
{
	const struct st_spec *s = st_rules_find(r, path, name, strlen(name));
	struct st_method_info m;

	if (!s)
		return NULL;
	st_method_of(s, &m);
	return m.name;
}

static const char *found(struct st_rules *r, const char *name)
{
	return found_in(r, NULL, name);
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

static void of_a_file(void **state)
{
	struct st_err err = { 0 };
	struct st_rules r;

	(void)state;
	st_rules_init(&r);
	assert_int_equal(st_rules_add(&r, "d/*::w?=theirs", &err), ST_OK);
	assert_int_equal(st_rules_add(&r, "d[1]::w=base", &err), ST_OK);
	assert_int_equal(st_rules_add(&r, "x::y=slerp", &err), ST_OK);
	assert_string_equal(found_in(&r, "d/m", "w1"), "theirs");
	assert_string_equal(found_in(&r, "d/e/m", "w2"), "theirs");
	assert_null(found_in(&r, "e/m", "w1"));
	assert_null(found_in(&r, "d/m", "w"));
	assert_null(found(&r, "w1"));
	assert_string_equal(found_in(&r, "d[1]", "w"), "base"); /* the path itself, not a class */
	assert_string_equal(found_in(&r, "d1", "w"), "base");
	assert_int_equal(st_rules_add(&r, "p::q::v*=linear", &err), ST_OK);
	assert_string_equal(found_in(&r, "p::q", "v1"), "linear"); /* and so may the path */
	assert_string_equal(found_in(&r, "p", "q::v1"), "linear");
	assert_string_equal(found_in(&r, "any", "x::y"), "slerp"); /* the name may have colons */
	assert_string_equal(found(&r, "x::y"), "slerp");
	assert_int_equal(r.v[0].used, 2);
	st_rules_release(&r);
}

/* What a tensor is weighed by is not weighed by itself. */
static void of_fisher(void **state)
{
	struct st_err err = { 0 };
	struct st_rules r;

	(void)state;
	st_rules_init(&r);
	assert_int_equal(st_rules_add(&r, "w*=fisher", &err), ST_OK);
	assert_int_equal(st_rules_add(&r, "*w=linear", &err), ST_OK);
	assert_int_equal(st_rules_default(&r, "fisher:floor=1", &err), ST_OK);
	assert_string_equal(found_in(&r, "m", "w"), "fisher");
	assert_int_equal(r.passed, 0);
	assert_string_equal(found_in(&r, "d/fisher.safetensors", "w"), "linear");
	assert_string_equal(found_in(&r, "fisher.safetensors", "w"), "linear");
	assert_int_equal(r.passed, 2);
	assert_null(found_in(&r, "fisher.safetensors", "w1"));
	assert_int_equal(r.passed, 4);
	assert_string_equal(found_in(&r, "no-fisher.safetensors", "w1"), "fisher");
	assert_string_equal(found_in(&r, "fisher.safetensors/m", "w1"), "fisher");
	assert_string_equal(found(&r, "w1"), "fisher");
	assert_int_equal(r.v[0].used, 4);
	assert_int_equal(r.v[1].used, 2);
	st_rules_release(&r);
}

/* Nothing is added to what says what is added, nor to Fisher diagonals. */
static void of_adapters(void **state)
{
	static const char *const files[] = { "adapter_model.safetensors", "d/adapter_model.bin",
					     "d/fisher.safetensors" };
	struct st_err err = { 0 };
	struct st_rules r;

	(void)state;
	st_rules_init(&r);
	assert_int_equal(st_rules_add(&r, "w*=lora", &err), ST_OK);
	assert_int_equal(st_rules_default(&r, "linear", &err), ST_OK);
	assert_string_equal(found_in(&r, "adapter_config.safetensors", "w"), "lora");
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		assert_string_equal(found_in(&r, files[i], "w"), "linear");
	assert_int_equal(r.passed, 3);
	st_rules_release(&r);
}

static bool takes_no_mean(void *arg, const struct st_spec *s)
{
	struct st_method_info m;

	++*(size_t *)arg;
	st_method_of(s, &m);
	return strcmp(m.name, "linear") != 0;
}

/* What the caller's tensor is nothing for is passed over, and did not decide. */
static void not_taken(void **state)
{
	struct st_err err = { 0 };
	struct st_rules r;
	size_t asked = 0;

	(void)state;
	st_rules_init(&r);
	r.takes = takes_no_mean;
	r.takes_arg = &asked;
	assert_int_equal(st_rules_add(&r, "w*=linear", &err), ST_OK);
	assert_int_equal(st_rules_add(&r, "x*=linear", &err), ST_OK);
	assert_int_equal(st_rules_add(&r, "*=ties", &err), ST_OK);
	assert_string_equal(found_in(&r, "m", "w"), "ties");
	assert_int_equal(asked, 2);
	assert_int_equal(r.v[0].used, 0);
	assert_int_equal(r.passed, 0);
	assert_string_equal(found(&r, "w"), "linear");
	r.n = 1;
	assert_int_equal(st_rules_default(&r, "linear", &err), ST_OK);
	assert_null(found_in(&r, "m", "w"));
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
		cmocka_unit_test(first_match), cmocka_unit_test(of_a_file),
		cmocka_unit_test(of_fisher),   cmocka_unit_test(of_adapters),
		cmocka_unit_test(not_taken),   cmocka_unit_test(refused),
		cmocka_unit_test(layers),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
