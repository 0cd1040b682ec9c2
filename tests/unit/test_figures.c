/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "diff/models.h"

#include <math.h>

struct row {
	const char *what;
	struct st_pair_sums sums;
	double mad, l2, rel_l2, cosine;
};

static const struct row rows[] = {
	{ "nothing finite", { .nonfinite = 7 }, NAN, NAN, NAN, NAN },
	{ "p = (3, 4), q = (3, 0)",
	  { .numel = 2, .l1 = 4, .l2sq = 16, .max_abs = 4, .dot = 9, .a2 = 25, .b2 = 9 },
	  2,
	  4,
	  0.8,
	  0.6 },
	{ "opposite",
	  { .numel = 4, .l1 = 8, .l2sq = 16, .dot = -4, .a2 = 4, .b2 = 4 },
	  2,
	  4,
	  2,
	  -1 },
	{ "all zero", { .numel = 5 }, 0, 0, NAN, NAN },
	{ "from zero", { .numel = 1, .l1 = 2, .l2sq = 4, .b2 = 4 }, 2, 2, INFINITY, NAN },
	{ "squares too large for a double",
	  { .numel = 1, .dot = 0x1p1000, .a2 = 0x1p1000, .b2 = 0x1p1001 },
	  0,
	  0,
	  0,
	  M_SQRT1_2 },
	{ "and too small",
	  { .numel = 1, .dot = 0x1p-1001, .a2 = 0x1p-1001, .b2 = 0x1p-1000 },
	  0,
	  0,
	  0,
	  M_SQRT1_2 },
	{ "rounded beyond one",
	  { .numel = 3, .dot = 0x1.0000000000002p0, .a2 = 1, .b2 = 1 },
	  0,
	  0,
	  0,
	  1 },
	{ "squares that vanished",
	  { .numel = 1, .dot = -0x1p-100, .a2 = 0, .b2 = 1 },
	  0,
	  0,
	  NAN,
	  NAN },
	{ "sums that ran over",
	  { .numel = 2, .l1 = 4, .l2sq = INFINITY, .dot = NAN, .a2 = INFINITY, .b2 = INFINITY },
	  2,
	  INFINITY,
	  NAN,
	  NAN },
};

static void same(const char *what, const char *figure, double got, double want)
{
	if (isnan(want) ? !isnan(got) : got != want && fabs(got - want) > 1e-15 * fabs(want))
		fail_msg("%s: %s: got %.17g, want %.17g", what, figure, got, want);
}

static void test_figures(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct row *r = &rows[i];

		same(r->what, "mad", st_diff_mad(&r->sums), r->mad);
		same(r->what, "l2", st_diff_l2(&r->sums), r->l2);
		same(r->what, "rel_l2", st_diff_rel_l2(&r->sums), r->rel_l2);
		same(r->what, "cosine", st_diff_cosine(&r->sums), r->cosine);
	}
}

/* Not nearly one: one. */
static void test_equal_tensors_have_cosine_one(void **state)
{
	uint64_t x = 1;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		struct st_pair_sums s = { .numel = 1 };

		x = x * 6364136223846793005 + 1442695040888963407;
		s.a2 = s.b2 = s.dot = ldexp((double)(x >> 11), (int)(x % 2030) - 1075);
		if (s.a2 > 0 && st_diff_cosine(&s) != 1)
			fail_msg("%a: %.17g", s.a2, st_diff_cosine(&s));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_figures),
		cmocka_unit_test(test_equal_tensors_have_cosine_one),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
