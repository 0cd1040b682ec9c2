/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/store.h"

static struct st_store *make(uint64_t fail_at, bool persistent, uint64_t *count)
{
	struct st_err e = { 0 };
	struct st_store *inner, *s;

	assert_int_equal(st_store_mem_new(&inner, &e), ST_OK);
	assert_int_equal(st_store_fault_new(&s, inner, fail_at, persistent, count, &e), ST_OK);
	return s;
}

/* Five operations; a bit for each that failed. */
static unsigned five(struct st_store *s)
{
	struct st_blob *b = NULL;
	unsigned failed = 0;
	struct st_err e = { 0 };
	uint64_t size;

	failed |= (unsigned)(st_store_create(s, &b, &e) != ST_OK) << 1;
	st_err_clear(&e);
	if (!b)
		return failed;
	failed |= (unsigned)(st_blob_write(b, "x", 1, 0, &e) != ST_OK) << 2;
	st_err_clear(&e);
	failed |= (unsigned)(st_blob_sync(b, &e) != ST_OK) << 3;
	st_err_clear(&e);
	failed |= (unsigned)(st_blob_publish(b, "a", &e) != ST_OK) << 4;
	st_err_clear(&e);
	failed |= (unsigned)(st_store_size(s, "a", &size, &e) != ST_OK) << 5;
	return failed;
}

static void the_chosen_operation_fails(void **state)
{
	static const struct {
		uint64_t at;
		bool persistent;
		unsigned failed;
		uint64_t count;
	} rows[] = {
		{ 0, false, 0, 5 },	 { 1, false, 1 << 1, 1 }, { 2, false, 1 << 2, 5 },
		{ 3, false, 1 << 3, 5 }, { 4, false, 3 << 4, 5 }, /* not published, so not found */
		{ 5, false, 1 << 5, 5 }, { 6, false, 0, 5 },	  { 2, true, 15 << 2, 5 },
		{ 6, true, 0, 5 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint64_t count = 0;
		struct st_store *s = make(rows[i].at, rows[i].persistent, &count);

		assert_int_equal(five(s), rows[i].failed);
		assert_int_equal(count, rows[i].count);
		st_store_free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_chosen_operation_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
