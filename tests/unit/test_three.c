/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "merge/three.h"

#include <stdio.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define MOST 8

/*
 * A side is written as "x1 y2" (tensors of one letter, content of one digit), "x1b" (bf16 instead of
 * f32), "x1*" (shares memory), "x1/5" (5 rows instead of 4), "x1|3" (3 columns instead of 2),
 * "x2/5^1" (5 rows, the first 4 of which are the content 1). A fate with rows that come along ends
 * in "+1": those of side 1. The rows of m and r are of other tokens on every side; those of k and s
 * from the third on are of tokens that only side 1 has.
 */
struct side {
	struct st_operand t[MOST];
	uint64_t shape[MOST][2];
	bool tied[MOST];
	char head[MOST];
	struct st_side side;
};

static void parse(struct side *s, const char *text)
{
	size_t n = 0;

	memset(s, 0, sizeof(*s));
	for (const char *p = text; *p; n++) {
		struct st_operand *x = &s->t[n];

		assert_true(n < MOST);
		x->name = p;
		x->name_len = 1;
		x->dtype = ST_F32;
		x->ndim = 2;
		s->shape[n][0] = 4;
		s->shape[n][1] = 2;
		x->shape = s->shape[n];
		x->nbytes = 32;
		x->has_id = true;
		memset(&x->id, p[1], sizeof(x->id));
		for (p += 2; *p && *p != ' '; p++) {
			if (*p == 'b')
				x->dtype = ST_BF16;
			else if (*p == '*')
				s->tied[n] = true;
			else if (*p == '/')
				s->shape[n][0] = (uint64_t)(*++p - '0');
			else if (*p == '|')
				s->shape[n][1] = (uint64_t)(*++p - '0');
			else if (*p == '^')
				s->head[n] = *++p;
			else
				fail_msg("bad side '%s'", text);
		}
		p += *p == ' ';
	}
	s->side.t = s->t;
	s->side.n = n;
}

static const struct {
	const char *base; /* NULL: none */
	const char *side[4];
	const char *want;
} cases[] = {
	/* one tensor of the base, every combination of two sides */
	{ "x1", { "x1", "x1" }, "x ours" },
	{ "x1", { "x2", "x1" }, "x ours" },
	{ "x1", { "x1", "x2" }, "x theirs 1" },
	{ "x1", { "x2", "x2" }, "x ours" },
	{ "x1", { "x2", "x3" }, "x conflict values" },
	{ "x1", { "", "x1" }, "x gone" },
	{ "x1", { "x1", "" }, "x gone" },
	{ "x1", { "", "" }, "x gone" },
	{ "x1", { "x2", "" }, "x conflict delete/modify" },
	{ "x1", { "", "x2" }, "x conflict delete/modify" },
	{ "x1", { "y1", "x1" }, "y ours" },
	{ "x1", { "x1", "y1" }, "y ours" },
	{ "x1", { "y1", "y1" }, "y ours" },
	{ "x1", { "x2", "y1" }, "y ours" },
	{ "x1", { "y1", "x2" }, "y theirs 1" },
	{ "x1", { "y1", "z1" }, "y conflict rename/rename" },
	{ "x1", { "y1", "" }, "y conflict rename/delete" },
	{ "x1", { "", "y1" }, "y conflict rename/delete" },
	/* a new name and new content are another tensor */
	{ "x1", { "y2", "x1" }, "x gone, y ours" },
	{ "x1", { "y2", "x3" }, "x conflict delete/modify, y ours" },
	/* and a name that another side gave to something else is not of what was renamed: that goes
	 * along with what becomes of the name */
	{ "x1", { "y1", "y2" }, "y conflict add/add was x, x along y" },
	{ "x1", { "y1", "x1 y2" }, "y conflict add/add was x, x along y" },
	{ "x1", { "x1 y2", "y1" }, "y conflict add/add was x, x along y" },
	{ "x1", { "y1", "x1 y1" }, "x gone, y ours" },
	{ "x1", { "x1 y1", "y1" }, "x gone, y ours" },
	{ "x1", { "y1", "x3 y2" }, "x conflict delete/modify, y conflict add/add" },
	{ "x1 z2", { "y1 z2", "x1 y2" }, "y conflict add/add was x was z, x along y, z along y" },
	{ "x1 z2",
	  { "y1 z2", "x3 y2" },
	  "x conflict delete/modify, y conflict add/add was z, z along y" },
	{ "x1 z1", { "y1", "x1 z1 y2" }, "z gone, y conflict add/add was x, x along y" },
	{ "x1 z2", { "p1 z2", "x1 p2" }, "p conflict add/add was x was z, x along p, z along p" },
	{ "x1", { "p1", "p2" }, "p blend add/add was x, x along p" },
	/* types and shapes */
	{ "x1", { "x2b", "x1" }, "x ours" },
	{ "x1", { "x2b", "x3" }, "x conflict dtype" },
	{ "x1", { "x1b", "x1" }, "x ours" },
	{ "x1", { "x2|3", "x1" }, "x ours" },
	{ "x1", { "x2|3", "x3" }, "x conflict shape" },
	{ "x1", { "x2/3", "x3" }, "x conflict shape" },
	{ "x1", { "x2/3|3", "x3b" }, "x conflict shape" },
	{ "x1", { "x2/5", "x1" }, "x ours" },
	{ "x1", { "x1", "x2/5" }, "x theirs 1" },
	/* rows of tokens, of which sides mean others: whatever the rule, and whoever changed it */
	{ "m1", { "m1", "m1" }, "m conflict vocabulary" },
	{ "m1", { "m2", "m1" }, "m conflict vocabulary" },
	{ "m1", { "m1", "m2" }, "m conflict vocabulary" },
	{ "m1", { "m2", "m2" }, "m conflict vocabulary" },
	{ "r1", { "r2", "r3" }, "r conflict vocabulary" },
	{ "r1", { "r2b", "r3" }, "r conflict vocabulary" },
	{ "r1", { "r2/5^1", "r3" }, "r conflict vocabulary" },
	{ "r1", { "r2", "" }, "r conflict delete/modify" },
	{ NULL, { "r2", "r3" }, "r conflict vocabulary" },
	{ NULL, { "r2", "r2" }, "r conflict vocabulary" },
	{ NULL, { "r2", "" }, "r conflict vocabulary" },
	{ NULL, { "", "m2" }, "m conflict vocabulary" },
	/* and those that are of tokens of one side, which they come along with */
	{ "k1^5", { "k2^6", "k3^5" }, "k ours +1" },
	{ "k1^5", { "k2^5", "k3^6" }, "k theirs 1 +1" },
	{ "k1^5", { "k2^5", "k3^5" }, "k ours +1" },
	{ "k1^5", { "k2^6", "k3^7" }, "k conflict values +1" },
	{ "s1^5", { "s2^6", "s3^7" }, "s blend values +1" },
	{ "k1^5", { "k2^6", "k1^5" }, "k ours" },
	{ "k1^5", { "k1^5", "k3^6" }, "k theirs 1" },
	{ "k1^5", { "k2^6", "k3/5^5" }, "k ours +1" },
	{ "s1^5", { "s2^6", "s3/5^7" }, "s blend values +1" },
	{ "s1^5", { "s2^6", "s3b^7" }, "s conflict vocabulary" },
	{ "s1^5", { "s2/5^6", "s3^7" }, "s conflict vocabulary" },
	{ "s1^5", { "s2^6", "s3^7", "s4^5" }, "s blend values +1" },
	/* rows that one side appended */
	{ "x1", { "x2/5", "x3" }, "x conflict values +0" },
	{ "x1", { "x3", "x2/5" }, "x conflict values +1" },
	{ "x1", { "x2/5^1", "x3" }, "x theirs 1 +0" },
	{ "x1", { "x3", "x2/5^1" }, "x ours +1" },
	{ "x1", { "x3", "x2/5^3" }, "x ours +1" },
	{ "x1", { "x2/5b", "x3" }, "x conflict vocabulary" },
	{ "x1", { "x2/5", "x3b" }, "x conflict vocabulary" },
	{ "x1", { "x2/5", "x3/6" }, "x conflict vocabulary" },
	{ "x1", { "x2/5^1", "x3/5^1" }, "x conflict vocabulary" },
	{ "x1", { "x2/5*", "x3" }, "x conflict tied +0" },
	{ "x1", { "x2/5", "" }, "x conflict delete/modify" },
	{ "x1", { "x1", "x2/5^1", "x3" }, "x theirs 2 +1" },
	{ "x1", { "x2/5^1", "x2/5^1", "x3" }, "x theirs 2 +0" },
	{ "x1", { "x2/5^1", "x4/6^1", "x3" }, "x conflict vocabulary" },
	{ "p1", { "p2/5", "p3" }, "p blend values +0" },
	{ "p1", { "p2/5", "p3/5" }, "p conflict vocabulary" },
	{ "x1", { "x2/5", "x2/5" }, "x ours" },
	/* memory that is shared on one side only */
	{ "x1", { "x2*", "x3" }, "x conflict tied" },
	{ "x1", { "x2", "x3*" }, "x conflict tied" },
	{ "x1", { "x2*", "x3*" }, "x conflict values" },
	{ "x1", { "x2*", "x1" }, "x ours" },
	{ "x1", { "x1*", "x2" }, "x conflict tied" },
	{ "x1", { "x2", "x1*" }, "x conflict tied" },
	{ "x1", { "x1*", "x1" }, "x ours" },
	{ "x1", { "x1", "x1*" }, "x theirs 1" },
	{ "x1", { "x1*", "x1*" }, "x ours" },
	{ "x1*", { "x1", "x2*" }, "x conflict tied" },
	{ "x1*", { "x1*", "x2*" }, "x theirs 1" },
	{ "x1*", { "x1", "x1*" }, "x ours" },
	{ "x1*", { "x2*", "x3*" }, "x conflict values" },
	/* added */
	{ "", { "x1", "" }, "x ours" },
	{ "", { "", "x1" }, "x theirs 1" },
	{ "", { "x1", "x1" }, "x ours" },
	{ "", { "x1", "x2" }, "x conflict add/add" },
	{ "", { "x1", "x1b" }, "x conflict add/add" },
	{ "", { "x1", "x1|3" }, "x conflict add/add" },
	{ "x1", { "x1 y2", "x1 z3" }, "x ours, y ours, z theirs 1" },
	/* no base */
	{ NULL, { "x1", "x1" }, "x ours" },
	{ NULL, { "x1 y1", "y1 x2" }, "x conflict add/add, y ours" },
	/* equal content twice: paired in order */
	{ "a1 b1", { "c1 d1", "a1 b1" }, "c ours, d ours" },
	{ "a1 b1", { "c1 d1", "a2 b1" }, "c theirs 1, d ours" },
	/* a rule names a method for names from p on */
	{ "p1", { "p2", "p3" }, "p blend values" },
	{ "p1", { "p2", "p3b" }, "p blend dtype" },
	{ "p1", { "p2", "p3|3" }, "p conflict shape" },
	{ "p1", { "p2", "" }, "p conflict delete/modify" },
	{ "p1", { "p2*", "p3" }, "p conflict tied" },
	{ "", { "p2", "p3" }, "p blend add/add" },
	{ "", { "p2", "p3|3" }, "p conflict add/add" },
	{ "p1", { "p2", "p1" }, "p ours" },
	/* three sides */
	{ "x1", { "x1", "x1", "x1" }, "x ours" },
	{ "x1", { "x1", "x1", "x2" }, "x theirs 2" },
	{ "x1", { "x1", "x2", "x2" }, "x theirs 1" },
	{ "x1", { "x2", "x1", "x2" }, "x ours" },
	{ "x1", { "x2", "x1", "x3" }, "x conflict values" },
	{ "x1", { "x1", "x2", "x3" }, "x conflict values" },
	{ "x1", { "x2", "x3", "x4" }, "x conflict values" },
	{ "x1", { "x1", "", "x1" }, "x gone" },
	{ "x1", { "x1", "", "x2" }, "x conflict delete/modify" },
	{ "x1", { "x1", "y1", "x2" }, "y theirs 2" },
	{ "x1", { "x1", "y1", "z1" }, "x conflict rename/rename" },
	{ "x1", { "y1", "", "x1" }, "y conflict rename/delete" },
	{ "", { "", "x1", "x1" }, "x theirs 1" },
	{ "", { "", "x1", "x2" }, "x conflict add/add" },
	{ "p1", { "p2", "p3", "p4" }, "p blend values" },
	{ "x1", { "x1", "y1", "y2" }, "y conflict add/add was x, x along y" },
	{ "x1", { "x1 y3", "y1", "y1" }, "y conflict add/add was x was x, x along y" },
	/* four, and only ours */
	{ "x1", { "x1", "x1", "x1", "x2" }, "x theirs 3" },
	{ "x1 y1", { "x2" }, "x ours, y gone" },
};

static int on_fate(void *arg, const struct st_fate *f, struct st_err *e)
{
	static const char *const words[] = {
		"ours", "theirs", "gone", "along", "blend", "conflict"
	};
	struct st_buf *b = arg;
	int rc = st_buf_addf(b, e, "%s%.*s %s", b->len ? ", " : "", (int)f->len, f->name,
			     words[f->outcome]);

	if (rc == ST_OK && f->outcome == ST_MERGE_THEIRS)
		rc = st_buf_addf(b, e, " %zu", f->side);
	if (rc == ST_OK && f->outcome >= ST_MERGE_BLEND)
		rc = st_buf_addf(b, e, " %s", st_conflict_name(f->conflict));
	for (size_t i = 0; rc == ST_OK && f->was && i < ST_THREE_SIDES; i++)
		if (f->was[i])
			rc = st_buf_addf(b, e, " was %.*s", (int)f->was[i]->name_len,
					 f->was[i]->name);
	if (rc == ST_OK && f->along)
		rc = st_buf_addf(b, e, " %.*s", (int)f->along->name_len, f->along->name);
	if (rc == ST_OK && f->rows)
		rc = st_buf_addf(b, e, " +%zu", f->rows_side);
	return rc;
}

/* of tensor x of the base, or one of the sides behind it, at arg */
static int head(void *arg, size_t side, const struct st_operand *x, uint64_t bytes,
		struct st_oid *id, struct st_err *e)
{
	const struct side *s = (const struct side *)arg + (side == ST_THREE_BASE ? 0 : side + 1);
	char content = s->head[x - s->t];

	(void)e;
	assert_int_equal(bytes, *x->name == 'k' || *x->name == 's' ? 16 : 32);
	*id = x->id;
	if (content)
		memset(id, content, sizeof(*id));
	return ST_OK;
}

static int tokens(void *arg, const struct st_operand *base, const struct st_operand *const *sides,
		  struct st_three_tokens *out, struct st_err *e)
{
	char name = base ? *base->name : sides[0] ? *sides[0]->name : *sides[1]->name;

	(void)arg;
	(void)e;
	assert_true(!out->mixed && !out->kept);
	out->mixed = name == 'm' || name == 'r';
	out->kept = name == 'k' || name == 's' ? 2 : 0;
	out->side = 1;
	return ST_OK;
}

static bool rule(void *arg, const struct st_fate *f)
{
	(void)arg;
	return f->len && f->name[0] >= 'p' && f->name[0] < 't';
}

static void outcomes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct st_side *sides[4];
		const bool *tied[4];
		struct side all[5], *base = all, *s = all + 1;
		struct st_three t = { .sides = sides,
				      .tied = tied,
				      .rule = rule,
				      .head = head,
				      .head_arg = all,
				      .tokens = tokens };
		struct st_err e = { 0 };
		struct st_buf b;

		st_buf_init(&b, 4096);
		if (cases[i].base) {
			parse(base, cases[i].base);
			t.base = &base->side;
			t.base_tied = base->tied;
		}
		for (; t.n < 4 && cases[i].side[t.n]; t.n++) {
			parse(&s[t.n], cases[i].side[t.n]);
			sides[t.n] = &s[t.n].side;
			tied[t.n] = s[t.n].tied;
		}
		assert_int_equal(st_three_each(&t, on_fate, &b, &e), ST_OK);
		if (strcmp(st_buf_cstr(&b, &e), cases[i].want) != 0)
			fail_msg("case %zu: want '%s', got '%s'", i, cases[i].want,
				 (const char *)b.p);
		st_buf_release(&b);
	}
}

static int stop(void *arg, const struct st_fate *f, struct st_err *e)
{
	(void)f;
	(void)e;
	(*(int *)arg)++;
	return ST_ENO;
}

static void stops_and_limits(void **state)
{
	const struct st_side *many[ST_THREE_SIDES + 1];
	struct st_err e = { 0 };
	struct side one;
	struct st_three t = { .sides = many, .n = 2 };
	int calls = 0;

	(void)state;
	parse(&one, "x1 y1");
	for (size_t i = 0; i < COUNT(many); i++)
		many[i] = &one.side;
	assert_int_equal(st_three_each(&t, stop, &calls, &e), ST_ENO);
	assert_int_equal(calls, 1);
	t.n = COUNT(many);
	assert_int_equal(st_three_each(&t, stop, &calls, &e), ST_EUSAGE);
	st_err_clear(&e);
	t.n = 0;
	assert_int_equal(st_three_each(&t, stop, &calls, &e), ST_EUSAGE);
}

static void kinds_have_names(void **state)
{
	enum st_conflict c;

	(void)state;
	for (unsigned i = 0; i < ST_NCONFLICTS; i++) {
		assert_true(st_conflict_parse(st_conflict_name((enum st_conflict)i), &c));
		assert_int_equal(c, i);
	}
	assert_false(st_conflict_parse("nonsense", &c));
	assert_string_equal(st_conflict_name(ST_NCONFLICTS), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outcomes),
		cmocka_unit_test(stops_and_limits),
		cmocka_unit_test(kinds_have_names),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
