/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "repo/moves.h"

#include <string.h>

static void names(void **state)
{
	static const struct {
		const char *name;
		int code;
	} rows[] = {
		{ "main", ST_OK },
		{ "a/b/c", ST_OK },
		{ "v", ST_OK },
		{ "vgg16", ST_OK },
		{ "v2-wider", ST_OK },
		{ "v2x", ST_OK },
		{ "abcdef", ST_OK },
		{ "a@b", ST_OK },
		{ "gr\303\266", ST_OK },
		{ "a.b", ST_OK },
		{ "v2", ST_EUSAGE },
		{ "v1.2.0", ST_EUSAGE },
		{ "v2026-11-21", ST_EUSAGE },
		{ "v20261121T103000Z", ST_EUSAGE },
		{ "v20261121T103000Z-2", ST_EUSAGE },
		{ "", ST_EUSAGE },
		{ "@", ST_EUSAGE },
		{ "HEAD", ST_EUSAGE },
		{ "-a", ST_EUSAGE },
		{ "a b", ST_EUSAGE },
		{ "a..b", ST_EUSAGE },
		{ "a.lock", ST_EUSAGE },
		{ "a.lock/b", ST_EUSAGE },
		{ ".a", ST_EUSAGE },
		{ "a/.b", ST_EUSAGE },
		{ "a.", ST_EUSAGE },
		{ "a./b", ST_OK },
		{ "/a", ST_EUSAGE },
		{ "a/", ST_EUSAGE },
		{ "a//b", ST_EUSAGE },
		{ "a@{b", ST_EUSAGE },
		{ "a\\b", ST_EUSAGE },
		{ "a\177", ST_EUSAGE },
		{ "\344", ST_EUSAGE },
	};
	char name[300];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (st_ref_name_check("tag", rows[i].name, &(struct st_err){ 0 }) != rows[i].code)
			fail_msg("'%s'", rows[i].name);
	memset(name, 'n', sizeof(name));
	name[ST_REF_NAME] = 0;
	assert_int_equal(st_ref_name_check("tag", name, &(struct st_err){ 0 }), ST_OK);
	name[ST_REF_NAME] = 'n';
	name[ST_REF_NAME + 1] = 0;
	assert_int_equal(st_ref_name_check("tag", name, &(struct st_err){ 0 }), ST_EUSAGE);
	memset(name, 'a', ST_OID_HEX);
	name[ST_OID_HEX] = 0;
	assert_int_equal(st_ref_name_check("tag", name, &(struct st_err){ 0 }), ST_EUSAGE);
}

int main(void)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(names) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
