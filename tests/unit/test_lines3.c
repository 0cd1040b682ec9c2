/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "merge/lines3.h"

#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static const struct {
	const char *base, *ours, *theirs, *want;
	size_t conflicts;
} cases[] = {
	{ "", "", "", "", 0 },
	{ "a\nb\nc\n", "a\nb\nc\n", "a\nb\nc\n", "a\nb\nc\n", 0 },
	{ "a\nb\nc\n", "A\nb\nc\n", "a\nb\nc\n", "A\nb\nc\n", 0 },
	{ "a\nb\nc\n", "a\nb\nc\n", "a\nb\nC\n", "a\nb\nC\n", 0 },
	{ "a\nb\nc\n", "A\nb\nc\n", "a\nb\nC\n", "A\nb\nC\n", 0 },
	{ "a\nb\nc\n", "A\nb\nc\n", "A\nb\nc\n", "A\nb\nc\n", 0 },
	{ "a\nb\nc\n", "b\nc\n", "a\nb\nc\nd\n", "b\nc\nd\n", 0 },
	{ "a\nb\nc\n", "x\na\nb\nc\n", "a\nb\n", "x\na\nb\n", 0 },
	{ "a\nb\nc\n", "a\nc\n", "a\nb\nc\nd", "a\nc\nd", 0 },
	{ "a\nb\nc\n", "1\nb\nc\n", "2\nb\nc\n",
	  "<<<<<<< o\n1\n||||||| b\na\n=======\n2\n>>>>>>> t\nb\nc\n", 1 },
	/* lines that touch are one change */
	{ "a\nb\nc\n", "A\nb\nc\n", "a\nB\nc\n",
	  "<<<<<<< o\nA\nb\n||||||| b\na\nb\n=======\na\nB\n>>>>>>> t\nc\n", 1 },
	{ "a\nb\n", "a\n", "a\nB\n", "a\n<<<<<<< o\n||||||| b\nb\n=======\nB\n>>>>>>> t\n", 1 },
	/* no new line at the end */
	{ "a", "b", "c", "<<<<<<< o\nb\n||||||| b\na\n=======\nc\n>>>>>>> t\n", 1 },
	{ "", "b\n", "c\n", "<<<<<<< o\nb\n||||||| b\n=======\nc\n>>>>>>> t\n", 1 },
	{ "", "b\n", "", "b\n", 0 },
	{ "a\n", "", "a\n", "", 0 },
	{ "1\n2\n3\n4\n5\n6\n", "1\n2\nx\n4\n5\n6\n", "1\n2\ny\n4\n5\nz\n",
	  "1\n2\n<<<<<<< o\nx\n||||||| b\n3\n=======\ny\n>>>>>>> t\n4\n5\nz\n", 1 },
	{ "1\n2\n3\n4\n5\n", "x\n2\n3\n4\ny\n", "u\n2\n3\n4\nv\n",
	  "<<<<<<< o\nx\n||||||| b\n1\n=======\nu\n>>>>>>> t\n2\n3\n4\n"
	  "<<<<<<< o\ny\n||||||| b\n5\n=======\nv\n>>>>>>> t\n",
	  2 },
};

static struct st_text text_of(const char *s, const char *label)
{
	return (struct st_text){ s, strlen(s), label };
}

static void merges(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct st_text b = text_of(cases[i].base, "b");
		const struct st_text o = text_of(cases[i].ours, "o");
		const struct st_text t = text_of(cases[i].theirs, "t");
		struct st_err e = { 0 };
		struct st_buf out;
		size_t n;

		st_buf_init(&out, 4096);
		assert_int_equal(st_lines_merge(&b, &o, &t, &out, &n, &e), ST_OK);
		if (strcmp(st_buf_cstr(&out, &e), cases[i].want) != 0)
			fail_msg("case %zu: want\n%s\ngot\n%s", i, cases[i].want,
				 (const char *)out.p);
		assert_int_equal(n, cases[i].conflicts);
		st_buf_release(&out);
	}
}

/* What only one side changed comes out as that side, whichever it is. */
static void one_sided_is_exact(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		for (int turn = 0; turn < 2; turn++) {
			const struct st_text b = text_of(cases[i].base, "b");
			const struct st_text x = text_of(cases[i].theirs, "t");
			struct st_err e = { 0 };
			struct st_buf out;
			size_t n;

			st_buf_init(&out, 4096);
			assert_int_equal(st_lines_merge(&b, turn ? &x : &b, turn ? &b : &x, &out,
							&n, &e),
					 ST_OK);
			assert_string_equal(st_buf_cstr(&out, &e), cases[i].theirs);
			assert_int_equal(n, 0);
			st_buf_release(&out);
		}
}

static void is_bounded(void **state)
{
	const struct st_text b = text_of("a\n", "b"), o = text_of("bbbbbbbbbb\n", "o");
	struct st_err e = { 0 };
	struct st_buf out;
	size_t n;

	(void)state;
	st_buf_init(&out, 4);
	assert_int_equal(st_lines_merge(&b, &o, &b, &out, &n, &e), ST_ELIMIT);
	st_buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(merges),
		cmocka_unit_test(one_sided_is_exact),
		cmocka_unit_test(is_bounded),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
