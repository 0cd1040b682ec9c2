/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/format.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static void test_name(void **state)
{
	static const struct {
		const char *path;
		bool want;
	} rows[] = {
		{ "model.safetensors.index.json", true },
		{ "a/b/model.safetensors.index.json", true },
		{ "diffusion_pytorch_model.safetensors.index.json", true },
		{ "model.safetensors.index.fp16.json", true },
		{ "model.safetensors.fp16.index.json", true },
		{ "a.b.safetensors.index.json", true },
		{ "model.safetensors.index..json", false },
		{ "model.safetensors.index.a.b.json", false },
		{ "model.safetensors.a.b.index.json", false },
		{ "model.safetensors..index.json", false },
		{ ".safetensors.index.json", false },
		{ "dir.safetensors.index.json/", false },
		{ "x.safetensors.index.json/config.json", false },
		{ "model.safetensors", false },
		{ "model.safetensors.", false },
		{ "model.safetensors.json", false },
		{ "model.safetensors.index.jso", false },
		{ "model.safetensors.index", false },
		{ "pytorch_model.bin.index.json", true },
		{ "dir/pytorch_model.bin.index.json", true },
		{ "pytorch_model.bin.index.fp16.json", true },
		{ "diffusion_pytorch_model.fp16.bin.index.json", true },
		{ "pytorch_model.pt.index.json", true },
		{ "model.pth.index.json", true },
		{ "a.bin.b.safetensors.index.json", true },
		{ "a.bin.b.c.bin.index.json", true },
		{ "pytorch_model.bin", false },
		{ "pytorch_model.bin.json", false },
		{ "pytorch_model.bin.a.b.index.json", false },
		{ ".bin.index.json", false },
		{ "pytorch_model.ckpt.index.json", false },
		{ "bin.index.json", false },
		{ "index.json", false },
		{ "", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (st_shard_index_name(rows[i].path) != rows[i].want)
			fail_msg("%s", rows[i].path);
}

static void test_order(void **state)
{
	static const char text[] = "{\"metadata\":{\"total_size\":12,\"x\":[1,{}]},\"weight_map\":{"
				   "\"b\":\"m-2.safetensors\",\"a\":\"m-1.safetensors\","
				   "\"\":\"m-2.safetensors\",\"\\u00e4\":\"m-0.safetensors\"}}\n";
	static const char *const names[] = { "b", "a", "", "\xc3\xa4" };
	static const uint32_t of[] = { 2, 1, 2, 0 };
	struct st_shard_index x;
	struct st_err e = { 0 };

	(void)state;
	assert_int_equal(st_shard_index_parse(&x, text, sizeof(text) - 1, &e), ST_OK);
	assert_int_equal(x.nshards, 3);
	assert_string_equal(x.shards[0], "m-0.safetensors");
	assert_string_equal(x.shards[1], "m-1.safetensors");
	assert_string_equal(x.shards[2], "m-2.safetensors");
	assert_int_equal(x.nnames, COUNT(names));
	for (size_t i = 0; i < COUNT(names); i++) {
		assert_string_equal(x.names[i], names[i]);
		assert_int_equal(x.shard_of[i], of[i]);
	}
	st_shard_index_release(&x);
	assert_null(x.names);
}

static void test_accepted(void **state)
{
	static const char *const rows[] = {
		"{\"weight_map\":{}}",
		" {\"weight_map\" : { } } \n",
		"{\"weight_map\":{\"a\":\"x\"},\"metadata\":null,\"other\":[[[]]]}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct st_shard_index x;
		struct st_err e = { 0 };

		assert_int_equal(st_shard_index_parse(&x, rows[i], strlen(rows[i]), &e), ST_OK);
		st_shard_index_release(&x);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *reason;
	} rows[] = {
		{ "", "expected an object at offset 0" },
		{ "[]", "expected an object at offset 0" },
		{ "{}", "no weight_map up to offset 2" },
		{ "{\"metadata\":{}}", "no weight_map" },
		{ "{\"weight_map\":[]}", "expected an object at offset 14" },
		{ "{\"weight_map\":null}", "expected an object at offset 14" },
		{ "{\"weight_map\":{\"a\":1}}", "expected a string at offset 19" },
		{ "{\"weight_map\":{},\"weight_map\":{}}", "a second weight_map" },
		{ "{\"weight_map\":{\"a\":\"x\",\"a\":\"x\"}}",
		  "\"a\" before offset 27 comes twice" },
		{ "{\"weight_map\":{\"a\":\"x\",\"\\u0061\":\"y\"}}", "comes twice" },
		{ "{\"weight_map\":{\"a\":\"\"}}", "shard \"\" at offset 19 is not a file name" },
		{ "{\"weight_map\":{\"a\":\".\"}}", "is not a file name" },
		{ "{\"weight_map\":{\"a\":\"..\"}}", "is not a file name" },
		{ "{\"weight_map\":{\"a\":\"../x\"}}", "is not a file name" },
		{ "{\"weight_map\":{\"a\":\"d/x\"}}", "is not a file name" },
		{ "{\"weight_map\":{\"a\":\"/etc/passwd\"}}", "is not a file name" },
		{ "{\"weight_map\":{\"a\":\"d\\\\x\"}}", "is not a file name" },
		{ "{\"weight_map\":{\"a\":\"x\\u0000y\"}}", "shard \"x\\x00y\"" },
		{ "{\"weight_map\":{\"a\\u0000b\":\"x\"}}", "has a NUL in it" },
		{ "{\"weight_map\":{\"a\":\"x\"}} x",
		  "unexpected text after the value at offset 25" },
		{ "{\"weight_map\":{\"a\":\"x\"}", "ends too early" },
		{ "{\"weight_map\":{\"a\":\"\xff\"}}", "invalid UTF-8 at offset 20" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct st_shard_index x;
		struct st_err e = { 0 };

		assert_int_equal(st_shard_index_parse(&x, rows[i].text, strlen(rows[i].text), &e),
				 ST_EFORMAT);
		if (!strstr(e.msg, rows[i].reason))
			fail_msg("%s: %s, not %s", rows[i].text, e.msg, rows[i].reason);
	}
}

static void test_deep(void **state)
{
	enum {
		DEEP = 100000
	};
	char *text = malloc(DEEP + 8);
	struct st_shard_index x;
	struct st_err e = { 0 };

	(void)state;
	assert_non_null(text);
	memcpy(text, "{\"x\":", 5);
	memset(text + 5, '[', DEEP);
	assert_int_equal(st_shard_index_parse(&x, text, DEEP + 5, &e), ST_EFORMAT);
	assert_non_null(strstr(e.msg, "nested too deep at offset"));
	free(text);
}

static void test_golden(void **state)
{
	static const char path[] = "tests/golden/safetensors/sharded/model.safetensors.index.json";
	FILE *f = fopen(path, "rb");
	struct st_shard_index x;
	struct st_err e = { 0 };
	char text[4096], want[64];
	size_t n;

	(void)state;
	assert_non_null(f); /* run from the top of the source tree */
	n = fread(text, 1, sizeof(text), f);
	fclose(f);
	assert_int_equal(st_shard_index_parse(&x, text, n, &e), ST_OK);
	assert_int_equal(x.nshards, 3);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(want, sizeof(want), "model-%05u-of-00003.safetensors", i + 1);
		assert_string_equal(x.shards[i], want);
	}
	assert_int_equal(x.nnames, 12);
	for (unsigned i = 0; i < 12; i++) {
		snprintf(want, sizeof(want), "model.layers.%u.%s", i / 2,
			 i % 2 ? "bias" : "weight");
		assert_string_equal(x.names[i], want);
		assert_int_equal(x.shard_of[i], i / 4);
	}
	st_shard_index_release(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_name),	 cmocka_unit_test(test_order),
		cmocka_unit_test(test_accepted), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_deep),	 cmocka_unit_test(test_golden),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
