/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <math.h>
#include <strata/json.h>

static void values(void **state)
{
	strata_json *j = strata_json_new();

	(void)state;
	assert_non_null(j);
	strata_json_object(j);
	strata_json_key(j, "s");
	strata_json_string(j, "a\"b\n\xff");
	strata_json_key(j, "none");
	strata_json_string(j, NULL);
	strata_json_name(j, "path", "ok", 2);
	strata_json_name(j, "name", "l\xe4", 2);
	strata_json_key(j, "u");
	strata_json_u64(j, UINT64_MAX);
	strata_json_key(j, "i");
	strata_json_i64(j, -5);
	strata_json_key(j, "r");
	strata_json_real(j, 0.5);
	strata_json_key(j, "nan");
	strata_json_real(j, (double)NAN);
	strata_json_key(j, "inf");
	strata_json_real(j, -(double)INFINITY);
	strata_json_key(j, "b");
	strata_json_bool(j, true);
	strata_json_key(j, "a");
	strata_json_array(j);
	strata_json_null(j);
	strata_json_raw(j, "{\"x\":1}");
	strata_json_end_array(j);
	strata_json_end_object(j);
	assert_string_equal(strata_json_text(j),
			    "{\"s\":\"a\\\"b\\n\xef\xbf\xbd\",\"none\":null,\"path\":\"ok\","
			    "\"name_hex\":\"6ce4\",\"u\":18446744073709551615,\"i\":-5,\"r\":0.5,"
			    "\"nan\":null,\"inf\":null,\"b\":true,\"a\":[null,{\"x\":1}]}");
	strata_json_free(j);
}

static void text_begins_the_next_value(void **state)
{
	strata_json *j = strata_json_new();

	(void)state;
	strata_json_u64(j, 1);
	assert_string_equal(strata_json_text(j), "1");
	assert_string_equal(strata_json_text(j), "1");
	strata_json_array(j);
	strata_json_end_array(j);
	assert_string_equal(strata_json_text(j), "[]");
	strata_json_free(j);
	strata_json_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values),
		cmocka_unit_test(text_begins_the_next_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
