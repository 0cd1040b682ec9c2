/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "merge/recipe.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static const struct {
	const char *text, *says;
} refused[] = {
	{ "", "r: no merge_method" },
	{ "[]", "r, line 1: a key that strata does not know: " },
	{ "3", "r, line 1: a key that strata does not know: " },
	{ "merge_method: ties", "r: neither models nor slices" },
	{ "merge_method: {a: 1}", "r, line 1: a name is expected: merge_method.a" },
	{ "merge_method: [ties]", "r, line 1: a name is expected: merge_method[0]" },
	{ "merge_method: tiess\nmodels: [{model: a}]",
	  "r, line 1: no merge_method tiess; did you mean ties?" },
	{ "merge_method: zzzzzzzz\nmodels: [{model: a}]", "r, line 1: no merge_method zzzzzzzz" },
	{ "merge_method: ties\n\nmodel:\n- model: a",
	  "r, line 4: a key that strata does not know: model[0].model; did you mean 'models'?" },
	{ "merge_method: ties\nmodels: {model: a}",
	  "r, line 2: a list of models is expected: models.model" },
	{ "merge_method: ties\nmodels:\n- mdel: a",
	  "r, line 3: a key that strata does not know: models[0].mdel; did you mean 'model'?" },
	{ "merge_method: ties\nmodels:\n- parameters: {weight: 1}",
	  "r, line 3: a source without a model" },
	{ "merge_method: ties\nmodels: [{model: a, layer_range: [0, 1]}]",
	  "r, line 2: a key that strata does not know: models[0].layer_range[0]; did you mean "
	  "'layer_range'?" },
	{ "merge_method: ties\nmodels: [{model: ''}]",
	  "r, line 2: a name is expected: models[0].model" },
	{ "merge_method: ties\nmodels: [{model: a, parameters: {wieght: 1}}]",
	  "r, line 2: a key that strata does not know: models[0].parameters.wieght; did you mean "
	  "'weight'?" },
	{ "merge_method: ties\nmodels: [{model: a, parameters: {weight: heavy}}]",
	  "r, line 2: a number is expected: models[0].parameters.weight" },
	{ "merge_method: ties\nmodels: [{model: a, parameters: {weight: []}}]",
	  "r, line 2: a number is expected: models[0].parameters.weight" },
	{ "merge_method: ties\nmodels: [{model: a, parameters: {weight: [1, {value: 2}]}}]",
	  "r, line 2: a list of numbers or of cases is expected, not of both: "
	  "models[0].parameters.weight[1].value" },
	{ "merge_method: ties\nmodels: [{model: a, parameters: {weight: [{filter: x}]}}]",
	  "r, line 2: a filter without a value" },
	{ "merge_method: ties\nmodels: [{model: a, parameters: {weight: {vale: 1}}}]",
	  "r, line 2: a key that strata does not know: models[0].parameters.weight.vale" },
	{ "merge_method: slerp\nmodels: [{model: a}]\nparameters: {t: 1, density: 1}",
	  "r, line 3: method slerp has no parameter density" },
	{ "merge_method: task_arithmetic\nmodels:\n- model: a\n  parameters: {weight: 1, density: 0.5}",
	  "r, line 4: method task_arithmetic has no parameter density" },
	{ "merge_method: ties\nmodels: [{model: a}]\nslices: [{sources: [{model: a, layer_range: "
	  "[0, 1]}]}]",
	  "r, line 3: either models or slices are expected, not both: "
	  "slices[0].sources[0].layer_range[0]" },
	{ "merge_method: ties\nslices: [{sources: [{model: a}]}]",
	  "r, line 2: a source without its layer_range" },
	{ "merge_method: ties\nslices: [{sources: [{model: a, layer_range: [2, 2]}]}]",
	  "r, line 2: a layer_range without layers" },
	{ "merge_method: ties\nslices: [{sources: [{model: a, layer_range: [0, 1.5]}]}]",
	  "r, line 2: the number of a layer is expected: slices[0].sources[0].layer_range[1]" },
	{ "merge_method: ties\nslices: [{sources: [{model: a, layer_range: [0, 1, 2]}]}]",
	  "r, line 2: two numbers of layers are expected: slices[0].sources[0].layer_range[2]" },
	{ "merge_method: ties\nslices:\n- sources:\n  - {model: a, layer_range: [0, 2]}\n"
	  "  - {model: b, layer_range: [0, 3]}",
	  "r, line 5: sources of a slice have as many layers" },
	{ "merge_method: ties\nslices: [{parameters: {weight: 1}}]",
	  "r, line 2: a slice without sources" },
	{ "merge_method: ties\ndtype: int8\nmodels: [{model: a}]",
	  "r, line 2: float16, bfloat16, float32 or float64 is expected: dtype" },
	{ "merge_method: ties\nmodels: [{model: a}]\nmerge_method: linear",
	  "r, line 3: a key that is there twice: merge_method" },
	{ "merge_method: linear\nmodels: [{model: a, parameters: {weight: 1, weight: 2}}]",
	  "r, line 2: a key that is there twice: models[0].parameters.weight" },
	{ "merge_method: ties\ntokenizer: {source: union}\nmodels: [{model: a}]",
	  "r, line 2: strata merges no vocabularies yet: leave it out, or say base: "
	  "tokenizer.source" },
	{ "merge_method: ties\ntokenizer: {source: base, pad_to_multiple_of: 8}\nmodels: [{model: a}]",
	  "r, line 2: strata merges no vocabularies yet: leave it out, or say base: "
	  "tokenizer.pad_to_multiple_of" },
	{ "merge_method: ties\ntokenizer_source: union\nmodels: [{model: a}]",
	  "r, line 2: strata merges no vocabularies yet: leave it out, or say base: "
	  "tokenizer_source" },
	{ "merge_method: ties\nmodules: {a: {models: [{model: a}]}}",
	  "r, line 2: strata has nothing like this yet: modules.a.models[0].model" },
	{ "merge_method: ties\n'a.b': 1", "r, line 2: a key that strata does not know: \"a.b\"" },
	{ "a: [", "r: YAML: did not find expected node content at line 2, column 1" },
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		struct st_err e = { 0 };
		struct st_mrecipe r;

		assert_int_equal(st_mrecipe_parse(&r, refused[i].text, strlen(refused[i].text), "r",
						  &e),
				 ST_EFORMAT);
		assert_string_equal(e.msg, refused[i].says);
		st_mrecipe_release(&r);
	}
}

static void check_spec(const struct st_mrecipe *r, size_t slice, const char *name, double t,
		       const size_t *order, size_t n, const char *want)
{
	const struct st_mrecipe_at at = { slice, { name, strlen(name) }, t, NULL };
	struct st_err e = { 0 };
	struct st_buf b;

	st_buf_init(&b, 4096);
	assert_int_equal(st_mrecipe_spec(r, &at, order, n, &b, &e), ST_OK);
	assert_string_equal(st_buf_cstr(&b, &e), want);
	st_buf_release(&b);
}

static void test_values(void **state)
{
	static const char text[] = "merge_method: ties\n"
				   "base_model: base\n"
				   "models:\n"
				   "- model: a\n"
				   "  parameters: {weight: [0, 1, 3], density: 0.5}\n"
				   "- model: b\n"
				   "  parameters:\n"
				   "    weight:\n"
				   "    - {filter: attn, value: [1, 2]}\n"
				   "    - {filter: '*', value: 0.25}\n"
				   "- model: c\n"
				   "parameters: {weight: 7, lambda: 0.5, int8_mask: true}\n"
				   "dtype: float32\n"
				   "out_dtype: bfloat16\n";
	static const size_t order[] = { 0, 1, 2 };
	struct st_err e = { 0 };
	struct st_mrecipe r;

	(void)state;
	assert_int_equal(st_mrecipe_parse(&r, text, sizeof(text) - 1, "r", &e), ST_OK);
	assert_string_equal(r.base_model, "base");
	assert_int_equal(r.n, 1);
	assert_int_equal(r.v[0].n, 3);
	assert_false(r.layers);
	assert_true(r.has_dtype && r.has_out);
	assert_int_equal(r.dtype, ST_F32);
	assert_int_equal(r.out, ST_BF16);
	assert_int_equal(st_mrecipe_kind(&r), ST_MRECIPE_DIFF);
	check_spec(&r, 0, "l.0.mlp", 0, order, 3,
		   "ties:weight=0/0.25/7,density=0.5/1/1,normalize=1,scale=0.5");
	check_spec(&r, 0, "l.0.attn", 0.75, order, 3,
		   "ties:weight=2/1.75/7,density=0.5/1/1,normalize=1,scale=0.5");
	check_spec(&r, 0, "l.9.attn", 1, order, 2,
		   "ties:weight=3/2,density=0.5/1,normalize=1,scale=0.5");
	st_mrecipe_release(&r);
}

static void test_slices(void **state)
{
	static const char text[] = "merge_method: slerp\n"
				   "slices:\n"
				   "- sources:\n"
				   "  - {model: a, layer_range: [0, 12]}\n"
				   "  - {model: b, layer_range: [2, 14]}\n"
				   "  base_model: a\n"
				   "  parameters: {t: {value: 0.5}}\n"
				   "- sources: [{model: a, layer_range: [12, 13]}]\n"
				   "parameters: {t: 0.1}\n"
				   "tokenizer_source: base\ntokenizer: {source: base}\n";
	static const size_t order[] = { 0, 1 };
	struct st_err e = { 0 };
	struct st_mrecipe r;

	(void)state;
	assert_int_equal(st_mrecipe_parse(&r, text, sizeof(text) - 1, "r", &e), ST_OK);
	assert_true(r.layers);
	assert_int_equal(r.n, 2);
	assert_int_equal(r.v[0].v[1].from, 2);
	assert_int_equal(r.v[0].v[1].to, 14);
	assert_string_equal(r.v[0].base_model, "a");
	assert_null(r.v[1].base_model);
	assert_int_equal(st_mrecipe_kind(&r), ST_MRECIPE_PAIR);
	check_spec(&r, 0, "x", 0, order, 2, "slerp:t=0.5");
	check_spec(&r, 1, "x", 0, order, 1, "slerp:t=0.10000000000000001");
	st_mrecipe_release(&r);
}

/* A parameter that must be said, and a switch that strata has not. */
static void test_not_said(void **state)
{
	static const char a[] = "merge_method: ties\nmodels: [{model: a}]";
	static const char b[] = "merge_method: ties\nmodels: [{model: a}]\n"
				"parameters: {weight: 1, rescale: true}";
	static const size_t order[] = { 0 };
	const struct st_mrecipe_at at = { 0, { "w", 1 }, 0, NULL };
	struct st_err e = { 0 };
	struct st_mrecipe r;
	struct st_buf out;

	(void)state;
	st_buf_init(&out, 4096);
	assert_int_equal(st_mrecipe_parse(&r, a, sizeof(a) - 1, "r", &e), ST_OK);
	assert_int_equal(st_mrecipe_spec(&r, &at, order, 1, &out, &e), ST_EUSAGE);
	assert_string_equal(e.msg, "the recipe does not say weight of a for w");
	st_mrecipe_release(&r);
	st_err_clear(&e);
	assert_int_equal(st_mrecipe_parse(&r, b, sizeof(b) - 1, "r", &e), ST_OK);
	assert_int_equal(st_mrecipe_spec(&r, &at, order, 1, &out, &e), ST_EREFUSED);
	assert_string_equal(e.msg, "strata has no ties with rescale: true");
	st_mrecipe_release(&r);
	st_buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_slices),
		cmocka_unit_test(test_not_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
