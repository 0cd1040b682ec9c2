/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of the public interface: NULL arguments, NULL err, codes, stopping callbacks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <strata/strata.h>

static void codes(void **state)
{
	static const struct {
		int code, exit;
		const char *name;
	} rows[] = {
		{ STRATA_OK, 0, "ok" },
		{ STRATA_ENO, 1, "no" },
		{ STRATA_EUSAGE, 2, "usage" },
		{ STRATA_ENOTFOUND, 2, "not found" },
		{ STRATA_ENOREPO, 3, "not a repository" },
		{ STRATA_EFORMAT, 4, "bad input file" },
		{ STRATA_ECHANGED, 4, "file changed while reading" },
		{ STRATA_EIO, 5, "input/output" },
		{ STRATA_ECORRUPT, 5, "stored data damaged" },
		{ STRATA_ELIMIT, 6, "limit reached" },
		{ STRATA_ENOMEM, 6, "out of memory" },
		{ STRATA_ENOSPC, 5, "no space" },
		{ STRATA_EREFUSED, 7, "refused" },
		{ STRATA_ENET, 8, "network" },
		{ STRATA_EBUG, 9, "bug in strata" },
		{ STRATA_EBUSY, 10, "busy" },
		{ -99, 9, "unknown" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(strata_code_exit(rows[i].code), rows[i].exit);
		assert_string_equal(strata_code_name(rows[i].code), rows[i].name);
	}
}

static int on_file(void *arg, const strata_file *f)
{
	(void)arg;
	(void)f;
	return 0;
}

static void null_arguments(void **state)
{
	strata_error err = { 0 };
	strata_repo *r = (strata_repo *)&err;
	char hex[STRATA_HEX];

	(void)state;
	assert_int_equal(strata_open(NULL, NULL, NULL, NULL, &err), STRATA_EUSAGE);
	assert_int_equal(err.code, STRATA_EUSAGE);
	assert_int_equal(err.exit_status, 2);
	assert_non_null(strstr(err.message, "strata_open"));
	assert_non_null(err.where);
	assert_int_equal(strata_ls(NULL, NULL, on_file, NULL, &err), STRATA_EUSAGE);
	assert_non_null(strstr(err.message, "strata_ls"));
	assert_int_equal(strata_hash(NULL, NULL, hex, NULL), STRATA_EUSAGE);
	assert_int_equal(strata_add(NULL, NULL, 0, 0, NULL, NULL, NULL, NULL), STRATA_EUSAGE);
	assert_int_equal(strata_commit(NULL, NULL, NULL, NULL), STRATA_EUSAGE);
	assert_int_equal(strata_log(NULL, NULL, NULL, NULL, NULL), STRATA_EUSAGE);
	assert_int_equal(strata_init(NULL, STRATA_SEQUENCE, NULL, NULL), STRATA_EUSAGE);
	assert_int_equal(strata_config_get(NULL, NULL, NULL, NULL), STRATA_EUSAGE);
	assert_int_equal(strata_config_set(NULL, false, "a.b", "c", NULL), STRATA_EUSAGE);
	/* Checked before the handle is looked at. */
	assert_int_equal(strata_add(r, NULL, 1, 0, NULL, NULL, NULL, NULL), STRATA_EUSAGE);
	assert_int_equal(strata_status(r, NULL, 0, 0, NULL, NULL, NULL), STRATA_EUSAGE);
	assert_int_equal(strata_checkout(r, NULL, NULL, NULL, NULL), STRATA_EUSAGE);
	assert_int_equal(strata_cat(r, NULL, STRATA_CAT_RAW, NULL, NULL, NULL), STRATA_EUSAGE);
	strata_close(NULL);
	strata_free(NULL);
	assert_null(strata_workdir(NULL));
	assert_false(strata_glob_match(NULL, "x"));
}

static void err_is_filled_and_cleared(void **state)
{
	strata_error err;
	strata_repo *r;
	bool fresh;
	char dir[] = "/tmp/strata-unit-XXXXXX";

	(void)state;
	assert_non_null(mkdtemp(dir));
	memset(&err, 0x5a, sizeof(err));
	assert_int_equal(strata_open(&r, dir, NULL, NULL, &err), STRATA_ENOREPO);
	assert_null(r);
	assert_int_equal(err.code, STRATA_ENOREPO);
	assert_int_equal(err.exit_status, 3);
	assert_non_null(strstr(err.message, "strata init"));
	assert_int_equal(strata_init(dir, STRATA_SEQUENCE, &fresh, &err), STRATA_OK);
	assert_true(fresh);
	assert_int_equal(err.code, STRATA_OK);
	assert_string_equal(err.message, "");
	assert_int_equal(strata_init(dir, (strata_policy)77, NULL, &err), STRATA_EUSAGE);
	assert_int_equal(strata_init(dir, STRATA_SEQUENCE, &fresh, NULL), STRATA_OK);
	assert_false(fresh);
	assert_int_equal(strata_init(dir, STRATA_AS_SET, NULL, NULL), STRATA_OK);
	assert_int_equal(strata_init(dir, STRATA_SEMVER, NULL, NULL), STRATA_EREFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codes),
		cmocka_unit_test(null_arguments),
		cmocka_unit_test(err_is_filled_and_cleared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
