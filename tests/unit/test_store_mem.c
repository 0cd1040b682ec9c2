/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "store/store.h"

static int work(void *arg, uint64_t i, unsigned worker, struct st_err *e)
{
	struct st_store *s = arg;
	struct st_blob *b;
	char name[16];
	uint64_t got = 0;

	(void)worker;
	snprintf(name, sizeof(name), "p%u", (unsigned)(i % 10));
	i = i % 10;
	if (st_store_create(s, &b, e) == ST_OK && st_blob_write(b, &i, sizeof(i), 0, e) == ST_OK &&
	    st_blob_publish(b, name, e) == ST_OK &&
	    st_store_pread(s, name, &got, sizeof(got), 0, e) == ST_OK && got != i)
		st_fail(e, ST_ECORRUPT, "%s holds another's bytes", name);
	return e->code;
}

static void threads_do_not_mix(void **state)
{
	struct st_err e = { 0 };
	struct st_store *s;

	(void)state;
	assert_int_equal(st_store_mem_new(&s, &e), ST_OK);
	assert_int_equal(st_parallel(4, 2000, work, s, &e), ST_OK);
	st_store_free(s);
}

static int remove_it(void *arg, const char *name, uint64_t size, int64_t mtime_ns, struct st_err *e)
{
	(void)size;
	(void)mtime_ns;
	return st_store_remove(arg, name, e);
}

static void a_listing_may_remove(void **state)
{
	struct st_err e = { 0 };
	struct st_store *s;
	uint64_t size;

	(void)state;
	assert_int_equal(st_store_mem_new(&s, &e), ST_OK);
	for (uint64_t i = 0; i < 10; i++)
		assert_int_equal(work(s, i, 0, &e), ST_OK);
	assert_int_equal(st_store_list(s, remove_it, s, &e), ST_OK);
	assert_int_equal(st_store_size(s, "p3", &size, &e), ST_ENOTFOUND);
	st_store_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_do_not_mix),
		cmocka_unit_test(a_listing_may_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
