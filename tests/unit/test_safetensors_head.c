/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/safetensors.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static const uint64_t shape23[] = { 2, 3 }, shape0[] = { 0, 7 }, shape4[] = { 4 };

static struct st_tensor tensor(const char *name, enum st_dtype t, const uint64_t *shape,
			       unsigned ndim)
{
	return (struct st_tensor){
		.name = name, .name_len = strlen(name), .dtype = t, .shape = shape, .ndim = ndim
	};
}

/* What it writes is what the parser reads, tensors wide types first and then by name. */
static void test_reads_back(void **state)
{
	static const char meta[] = "{\"metadata\":{\"format\":\"pt\",\"k\":\"v\"}}";
	static const char *const order[] = { "b", "e", "a", "ab", "\xc3\xa9", "z" };
	struct st_tensor t[] = {
		tensor("z", ST_U8, shape4, 1),	 tensor("ab", ST_BF16, shape23, 2),
		tensor("e", ST_F32, shape0, 2),	 tensor("\xc3\xa9", ST_BF16, NULL, 0),
		tensor("b", ST_F32, shape23, 2), tensor("a", ST_BF16, shape4, 1)
	};
	struct st_err e = { 0 };
	struct st_source src;
	struct st_layout l;
	struct st_buf b;
	size_t head;

	(void)state;
	st_buf_init(&b, 1 << 20);
	assert_int_equal(st_safetensors_head(&b, t, COUNT(t), meta, sizeof(meta) - 1, &e), ST_OK);
	head = b.len;
	assert_int_equal(head % 8, 0);
	assert_int_equal(st_buf_room(&b, 64, &e), ST_OK);
	b.len += 24 + 8 + 12 + 2 + 4;
	memset(b.p + head, 0, b.len - head);
	st_source_init_mem(&src, b.p, b.len, "m");
	st_layout_init(&l);
	assert_int_equal(st_format_parse(st_format_get("safetensors"), &l, &src, 1 << 20, &e),
			 ST_OK);
	assert_int_equal(l.ntensors, COUNT(t));
	assert_string_equal(l.metadata, meta);
	for (size_t i = 0; i < COUNT(order); i++) {
		const struct st_tensor *got = NULL, *want = NULL;

		for (size_t k = 0; k < COUNT(t); k++) {
			if (strcmp(l.tensors[k].name, order[i]) == 0)
				got = &l.tensors[k];
			if (strcmp(t[k].name, order[i]) == 0)
				want = &t[k];
		}
		assert_non_null(got);
		assert_non_null(want);
		assert_int_equal(got->offset, want->offset);
		assert_int_equal(got->nbytes, want->nbytes);
		assert_int_equal(got->dtype, want->dtype);
		assert_int_equal(got->ndim, want->ndim);
	}
	assert_int_equal(t[4].offset, head); /* b, the widest */
	assert_int_equal(t[5].offset, head + 24);
	assert_int_equal(t[0].offset, head + 24 + 8 + 12 + 2);
	st_layout_release(&l);
	st_buf_release(&b);
}

static void test_nothing(void **state)
{
	struct st_err e = { 0 };
	struct st_buf b;

	(void)state;
	st_buf_init(&b, 100);
	assert_int_equal(st_safetensors_head(&b, NULL, 0, NULL, 0, &e), ST_OK);
	assert_int_equal(b.len, 16);
	assert_memory_equal(b.p, "\10\0\0\0\0\0\0\0{}      ", 16);
	st_buf_release(&b);
}

static const struct {
	const char *name;
	enum st_dtype type;
	const char *says;
} refused[] = {
	{ "x", ST_C128, "tensor \"x\": safetensors has no type c128" },
	{ "x", ST_OPAQUE, "tensor \"x\": safetensors has no type opaque" },
	{ "\xff", ST_F32, "tensor \"\\xff\": safetensors takes only UTF-8 names" },
	{ "__metadata__", ST_F32, "tensor \"__metadata__\": safetensors keeps that name" },
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		struct st_tensor t = tensor(refused[i].name, refused[i].type, shape4, 1);
		struct st_err e = { 0 };
		struct st_buf b;

		st_buf_init(&b, 1000);
		assert_int_equal(st_safetensors_head(&b, &t, 1, NULL, 0, &e), ST_EREFUSED);
		assert_string_equal(e.msg, refused[i].says);
		st_buf_release(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_back),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
