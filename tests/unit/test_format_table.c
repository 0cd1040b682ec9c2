/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "format/format.h"

/* What holds for every row, those to come too. */
static void test_rows(void **state)
{
	(void)state;
	assert_non_null(st_formats[0]);
	for (size_t i = 0; st_formats[i]; i++) {
		const struct st_format *f = st_formats[i];

		assert_non_null(f->probe);
		assert_non_null(f->parse);
		assert_true(f->name && *f->name);
		assert_true(f->about && *f->about);
		for (const char *c = f->name; *c; c++)
			assert_true((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') ||
				    *c == '-');
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(st_formats[k]->name, f->name);
	}
}

/* Ordinary files belong to no format, whatever their length; none reads past what it is given. */
static void test_ordinary(void **state)
{
	static const char *const heads[] = {
		"",
		"hello, world\n",
		"{\"architectures\": [\"Model\"], \"hidden_size\": 96}",
		"version https://git-lfs.github.com/spec/v1\noid sha256:0123456789abcdef01234567",
		"\x7f"
		"ELF\x02\x01\x01",
		"        {\"eight\": \"spaces, which make a number far too large\"}",
	};
	uint8_t zeros[ST_PROBE_LEN] = { 0 };

	(void)state;
	for (size_t i = 0; st_formats[i]; i++) {
		for (size_t k = 0; k < sizeof(heads) / sizeof(*heads); k++) {
			size_t n = strlen(heads[k]);
			uint8_t *p = malloc(n ? n : 1);

			assert_non_null(p);
			memcpy(p, heads[k], n);
			for (size_t len = 0; len <= n && len <= ST_PROBE_LEN; len++)
				assert_int_equal(st_formats[i]->probe(p, len, len, "data/file.txt"),
						 0);
			free(p);
		}
		for (size_t len = 0; len <= ST_PROBE_LEN; len++)
			assert_int_equal(st_formats[i]->probe(zeros, len, 1000000, "zeros"), 0);
		assert_int_equal(st_formats[i]->probe(zeros, 0, 0, NULL), 0);
	}
}

/* Nothing that is empty or cut short is taken for a model. */
static void test_rubbish(void **state)
{
	(void)state;
	for (size_t i = 0; st_formats[i]; i++) {
		for (size_t n = 0; n < 32; n++) {
			struct st_err e = { 0 };
			struct st_layout l;
			struct st_source s;
			uint8_t p[32];

			memset(p, 0xff, sizeof(p));
			st_source_init_mem(&s, p, n, "rubbish");
			st_layout_init(&l);
			assert_int_equal(st_format_parse(st_formats[i], &l, &s, 1 << 20, &e),
					 ST_EFORMAT);
			assert_memory_equal(e.msg, "rubbish: ", 9);
			assert_non_null(strstr(e.msg, "offset"));
			st_layout_release(&l);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_ordinary),
		cmocka_unit_test(test_rubbish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
