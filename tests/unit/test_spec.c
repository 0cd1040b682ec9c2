/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "merge/spec.h"

struct fixture {
	struct st_arena arena;
	struct st_err err;
};

static int setup(void **state)
{
	static struct fixture f;

	memset(&f, 0, sizeof(f));
	st_arena_init(&f.arena);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	st_arena_release(&f->arena);
	return 0;
}

static char *canonical(struct fixture *f, const char *text, struct st_buf *out)
{
	struct st_spec s;
	char *p;

	st_buf_clear(out);
	assert_int_equal(st_spec_parse(&s, &f->arena, text, &f->err), ST_OK);
	assert_int_equal(st_spec_text(&s, out, &f->err), ST_OK);
	p = st_buf_cstr(out, &f->err);
	assert_non_null(p);
	return p;
}

/* What is read, and how it is written; what is written reads back as itself. */
static void texts(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "ours", "ours" },
		{ "base", "base" },
		{ "theirs", "theirs:model=1" },
		{ "theirs:model=2", "theirs:model=2" },
		{ "linear", "linear:normalize=1,weight=1" },
		{ "linear:weight=0.30/0.7", "linear:normalize=1,weight=0.3/0.7" },
		{ "linear:weight=1e0,normalize=0", "linear:normalize=0,weight=1" },
		{ "linear:weight=0..0.5..1", "linear:normalize=1,weight=0..0.5..1" },
		{ "linear:weight=-1e-3/2", "linear:normalize=1,weight=-0.001/2" },
		{ "linear:weight=0.1000000000000000055/1", "linear:normalize=1,weight=0.1/1" },
		{ "linear:weight=0.30000000000000004",
		  "linear:normalize=1,weight=0.30000000000000004" },
		{ "fedavg:weight=100/300", "fedavg:weight=100/300" },
	};
	struct fixture *f = *state;
	struct st_buf a, b;

	st_buf_init(&a, 4096);
	st_buf_init(&b, 4096);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_string_equal(canonical(f, rows[i].text, &a), rows[i].want);
		assert_string_equal(canonical(f, rows[i].want, &b), rows[i].want);
	}
	st_buf_release(&a);
	st_buf_release(&b);
}

static void refused(void **state)
{
	static const struct {
		const char *text, *message;
	} rows[] = {
		{ "", "no merge method ''" },
		{ "lineer", "no merge method 'lineer'; did you mean 'linear'?" },
		{ "linear:", "no parameter '' of method 'linear'" },
		{ "linear:wieght=1",
		  "no parameter 'wieght' of method 'linear'; did you mean 'weight'?" },
		{ "linear:weight", "parameter 'weight' has no value: weight=NUMBER" },
		{ "linear:weight=1,weight=2", "parameter 'weight' is given twice" },
		{ "linear:weight=", "weight of method 'linear': '' is not a number such as 0.5 or "
				    "1e-3" },
		{ "linear:weight=1//2", "weight of method 'linear': '' is not a number such as "
					"0.5 or 1e-3" },
		{ "linear:weight=1...5", "weight of method 'linear': '.5' is not a number such as "
					 "0.5 or 1e-3" },
		{ "linear:weight=nan", "weight of method 'linear': 'nan' is not a number such as "
				       "0.5 or 1e-3" },
		{ "linear:weight=1e999", "weight of method 'linear': '1e999' is not a number such "
					 "as 0.5 or 1e-3" },
		{ "linear:normalize=2", "normalize of method 'linear' is at least 0 and at most 1, "
					"not 2" },
		{ "linear:normalize=0/1", "normalize of method 'linear' is one for all models" },
		{ "linear:normalize=0..1",
		  "normalize of method 'linear' is one for all models and layers" },
		{ "linear:normalize=0.5", "normalize of method 'linear' is 0 or 1, not 0.5" },
		{ "della:elect=1e-3", "elect of method 'della' is 0 or 1, not 0.001" },
		{ "ties:normalize=0.5", "normalize of method 'ties' is 0 or 1, not 0.5" },
		{ "theirs:model=1.5", "model of method 'theirs' is a whole number, not 1.5" },
		{ "theirs:model=1..2",
		  "model of method 'theirs' is one for all models and layers" },
		{ "fedavg:weight=-1", "weight of method 'fedavg' is at least 0, not -1" },
		{ "ours:weight=1", "no parameter 'weight' of method 'ours', which has none" },
	};
	struct fixture *f = *state;
	struct st_spec s;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		st_err_clear(&f->err);
		assert_int_equal(st_spec_parse(&s, &f->arena, rows[i].text, &f->err), ST_EUSAGE);
		assert_string_equal(f->err.msg, rows[i].message);
		assert_null(s.method);
	}
}

static void too_many(void **state)
{
	struct fixture *f = *state;
	char text[4096] = "linear:weight=1";
	struct st_spec s;

	for (size_t i = 1; i < ST_SPEC_VALUES; i++)
		memcpy(text + strlen(text), "/1", 3);
	assert_int_equal(st_spec_parse(&s, &f->arena, text, &f->err), ST_OK);
	assert_int_equal(st_spec_check_models(&s, ST_SPEC_VALUES, &f->err), ST_OK);
	assert_int_equal(st_spec_check_models(&s, 2, &f->err), ST_EUSAGE);
	assert_string_equal(f->err.msg, "weight of method 'linear' has 64 values for 2 models");
	st_err_clear(&f->err);
	memcpy(text + strlen(text), "/1", 3);
	assert_int_equal(st_spec_parse(&s, &f->arena, text, &f->err), ST_EUSAGE);
	assert_string_equal(f->err.msg, "weight of method 'linear' has more than 64 values");
}

static void no_model(void **state)
{
	static const struct {
		const char *text;
		size_t nmodels;
		const char *message; /* NULL: it is there */
	} rows[] = {
		{ "theirs", 2, NULL },
		{ "theirs:model=2", 3, NULL },
		{ "linear", 1, NULL },
		{ "theirs:model=2", 2, "model of method 'theirs' is 2, but 1 other is merged" },
		{ "theirs:model=63", 3, "model of method 'theirs' is 63, but 2 others are merged" },
	};
	struct fixture *f = *state;
	struct st_spec s;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		st_err_clear(&f->err);
		assert_int_equal(st_spec_parse(&s, &f->arena, rows[i].text, &f->err), ST_OK);
		assert_int_equal(st_spec_check_choice(&s, rows[i].nmodels, &f->err),
				 rows[i].message ? ST_EUSAGE : ST_OK);
		if (rows[i].message)
			assert_string_equal(f->err.msg, rows[i].message);
	}
}

static void values(void **state)
{
	struct fixture *f = *state;
	struct st_spec s;

	assert_int_equal(st_spec_parse(&s, &f->arena, "linear:weight=0..1..0.5", &f->err), ST_OK);
	assert_true(st_spec_value(&s, "weight", 0, (double)NAN) == 0);
	assert_true(st_spec_value(&s, "weight", 1, 0.25) == 0.5);
	assert_true(st_spec_value(&s, "weight", 1, 0.5) == 1);
	assert_true(st_spec_value(&s, "weight", 1, 0.75) == 0.75);
	assert_true(st_spec_value(&s, "weight", 7, 1) == 0.5);
	assert_true(st_spec_value(&s, "normalize", 0, 1) == 1);
	assert_int_equal(st_spec_parse(&s, &f->arena, "linear:weight=3/4", &f->err), ST_OK);
	assert_true(st_spec_value(&s, "weight", 0, 0.5) == 3);
	assert_true(st_spec_value(&s, "weight", 1, 0.5) == 4);
	assert_int_equal(st_spec_parse(&s, &f->arena, "linear:weight=3", &f->err), ST_OK);
	assert_true(st_spec_value(&s, "weight", 1, 0.5) == 3);
}

/* Every row has what help and pages print, names that parse, and parameters in order. */
static void table(void **state)
{
	struct fixture *f = *state;
	struct st_method_info a, b;
	struct st_method_param p, before;
	struct st_spec s;
	size_t i;

	for (i = 0; st_method_at(i, &a); i++) {
		assert_int_equal(st_spec_parse(&s, &f->arena, a.name, &f->err), ST_OK);
		st_method_of(&s, &b);
		assert_string_equal(a.name, b.name);
		assert_true(*a.about);
		assert_true(a.min_models >= 1 && a.min_models <= a.max_models);
		assert_true(a.max_models <= ST_SPEC_VALUES);
		for (size_t k = 0; st_method_param_at(s.method, k, &p); before = p, k++) {
			assert_true(*p.about && p.dflt >= p.least && p.dflt <= p.most);
			assert_true(k == 0 || strcmp(before.name, p.name) < 0);
		}
	}
	assert_true(i >= 5);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(texts, setup, teardown),
		cmocka_unit_test_setup_teardown(refused, setup, teardown),
		cmocka_unit_test_setup_teardown(too_many, setup, teardown),
		cmocka_unit_test_setup_teardown(no_model, setup, teardown),
		cmocka_unit_test_setup_teardown(values, setup, teardown),
		cmocka_unit_test_setup_teardown(table, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
