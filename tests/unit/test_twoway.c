/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "repo/moves.h"

#include <stdio.h>
#include <string.h>

/* "a1 b2": file a with content 1, b with content 2. */
static void make(struct st_index *x, const char *text)
{
	struct st_err e = { 0 };

	st_index_init(x);
	while (*text) {
		char path[16];
		struct st_stage_row row = { .path = path, .mode = ST_MODE_FILE };
		size_t n = strcspn(text, " ");

		memcpy(path, text, n - 1);
		path[n - 1] = 0;
		row.path_len = n - 1;
		row.id.b[0] = (uint8_t)text[n - 1];
		assert_int_equal(st_index_add(x, &row, &e), ST_OK);
		text += n + (text[n] == ' ');
	}
	assert_int_equal(st_index_sort(x, &e), ST_OK);
}

static void show(const struct st_index *x, char out[64])
{
	size_t at = 0;

	out[0] = 0;
	for (size_t i = 0; i < x->nrows; i++)
		at += (size_t)snprintf(out + at, 64 - at, "%s%s%c", i ? " " : "", x->rows[i].path,
				       x->rows[i].id.b[0]);
}

static void every_case(void **state)
{
	static const struct {
		const char *head, *now, *to, *out, *lost;
	} rows[] = {
		{ "a1", "a1", "a2", "a2", "" },
		{ "a1", "a2", "a1", "a2", "" },
		{ "a1", "a2", "a2", "a2", "" },
		{ "a1", "a2", "a3", "a3", "'a'" },
		{ "a1", "", "a1", "", "" },
		{ "a1", "", "a2", "a2", "'a'" },
		{ "a1", "", "", "", "" },
		{ "", "a1", "", "a1", "" },
		{ "", "a1", "a1", "a1", "" },
		{ "", "a1", "a2", "a2", "'a'" },
		{ "a1", "a1", "", "", "" },
		{ "a1", "a2", "", "", "'a'" },
		{ "", "", "a1", "a1", "" },
		{ "a1", "a1", "a1", "a1", "" },
		{ "a1 b1", "a1 b2", "a2 b1", "a2 b2", "" },
		{ "", "d1", "d/f1", "d1 d/f1", "'d'" },
		{ "", "d/f1", "d1", "d1 d/f1", "'d/f'" },
		{ "", "", "", "", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct st_index x[3], out;
		struct st_lost lost = { 0 };
		struct st_err e = { 0 };
		char text[64];

		make(&x[0], rows[i].head);
		make(&x[1], rows[i].now);
		make(&x[2], rows[i].to);
		st_index_init(&out);
		assert_int_equal(st_twoway(&x[0], &x[1], &x[2], &out, &lost, &e), ST_OK);
		show(&out, text);
		if (strcmp(text, rows[i].out) != 0 || strcmp(lost.names, rows[i].lost) != 0)
			fail_msg("%zu: '%s' lost '%s'", i, text, lost.names);
		for (int k = 0; k < 3; k++)
			st_index_release(&x[k]);
		st_index_release(&out);
	}
}

static void names_of_the_lost(void **state)
{
	struct st_err e = { 0 };
	struct st_lost lost = { 0 };
	char path[700];

	(void)state;
	assert_int_equal(st_lost_refuse(&lost, "x", &e), ST_OK);
	memset(path, 'p', sizeof(path) - 1);
	path[sizeof(path) - 1] = 0;
	st_lost_add(&lost, path);
	for (int i = 0; i < 20; i++)
		st_lost_add(&lost, "b");
	assert_int_equal(st_lost_refuse(&lost, "say how", &e), ST_EREFUSED);
	assert_non_null(strstr(e.msg, "21 files: 'ppp"));
	assert_non_null(strstr(e.msg, "and more; say how"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_case),
		cmocka_unit_test(names_of_the_lost),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
