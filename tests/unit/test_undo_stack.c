/* SPDX-License-Identifier: Apache-2.0 */
/* What the log says backwards is what two stacks, built from its beginning, say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "repo_fixture.h"

#include "repo/undo_stack.h"

#include <stdio.h>
#include <string.h>

#define STEPS 400

struct entry {
	uint64_t seq;
	unsigned before, after; /* numbers of trees */
	bool staged;		/* the add of a commit -a */
};

struct stacks {
	struct entry done[STEPS], undone[STEPS];
	size_t ndone, nundone;
	unsigned tree;
};

static struct trepo t;
static uint64_t x;

static unsigned draw(unsigned n)
{
	x = x * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(x >> 33) % n;
}

static struct st_oid tree_of(unsigned n)
{
	struct st_oid id = { { 0 } };

	id.b[0] = (uint8_t)n;
	id.b[1] = (uint8_t)(n >> 8);
	return id;
}

/* tree 0: the operation has no index. ref: it moves one, from and to nothing. */
static uint64_t publish(const char *verb, const char *why, unsigned tree, bool ref)
{
	struct st_op_ref change = { .name = "heads/none" };
	const char *lost = "f";
	struct st_op op = { .verb = verb, .why = why, .refs = &change, .nrefs = ref };
	struct st_err e = { 0 };
	char label[32];

	if (strcmp(verb, "reset") == 0) {
		op.lost = &lost;
		op.nlost = op.lost_count = 1;
	}
	op.has_index = tree != 0;
	op.index_tree = tree_of(tree);
	if (st_repo_publish(t.r, &op, NULL, label, &e) != ST_OK)
		fail_msg("%s", e.msg);
	return op.seq;
}

static void push(struct stacks *s, const char *verb, const char *why, unsigned tree, bool ref)
{
	struct entry n = { .before = s->tree, .after = tree ? tree : s->tree };

	n.seq = publish(verb, why, tree, ref);
	if (!ref && (!tree || tree == s->tree) && strcmp(verb, "reset") != 0)
		return;
	n.staged = strcmp(verb, "add") == 0 && strcmp(why, "commit -a") == 0;
	s->nundone = 0;
	if (strcmp(verb, "commit") == 0 && strncmp(why, "commit -a", 9) == 0 && s->ndone &&
	    s->done[s->ndone - 1].staged && s->done[s->ndone - 1].after == s->tree)
		n.before = s->done[--s->ndone].before;
	s->done[s->ndone++] = n;
	s->tree = n.after;
}

static void turn(struct stacks *s, bool redo)
{
	const char *verb = redo ? "redo" : "undo";
	struct entry n;
	char why[64];

	if (redo ? s->nundone == 0 : s->ndone == 0)
		return;
	n = redo ? s->undone[--s->nundone] : s->done[--s->ndone];
	snprintf(why, sizeof(why), "%s %llu: what it was", verb, (unsigned long long)n.seq);
	s->tree = redo ? n.after : n.before;
	publish(verb, why, s->tree, draw(2));
	if (redo)
		s->done[s->ndone++] = n;
	else
		s->undone[s->nundone++] = n;
}

static void agree(const struct stacks *s, bool redo)
{
	const struct entry *want = redo ? s->undone + s->nundone : s->done + s->ndone;
	size_t n = redo ? s->nundone : s->ndone;
	struct st_oid before, after;
	struct st_err e = { 0 };
	struct st_step step;
	bool found;

	if (st_undo_step(t.r, redo, &step, &found, &e) != ST_OK)
		fail_msg("%s", e.msg);
	assert_int_equal(found, n > 0);
	if (n) {
		want--;
		before = tree_of(want->before);
		after = tree_of(want->after);
		assert_int_equal(step.seq, want->seq);
		assert_true(step.stages || want->before == want->after);
		assert_true(!step.stages || st_oid_eq(&step.before, &before));
		assert_true(!step.stages || st_oid_eq(&step.after, &after));
	}
	st_undo_step_release(&step);
}

static void one(struct stacks *s, unsigned i)
{
	switch (draw(10)) {
	case 0:
		push(s, "add", "add", i + 1, false);
		break;
	case 1:
		push(s, "commit", "commit: one", draw(2) ? i + 1 : 0, true);
		break;
	case 2:
		push(s, "add", "commit -a", i + 1, false);
		push(s, "commit", "commit -a: two", 0, true);
		break;
	case 3:
		push(s, "commit", "commit -a --amend", 0, true);
		break;
	case 4:
		push(s, "gc", "gc", 0, false);
		break;
	case 5:
		push(s, "add", "add", s->tree, false);
		break;
	case 6:
		push(s, "reset", "reset --hard HEAD", draw(2) ? s->tree : 0, false);
		break;
	case 7:
		turn(s, true);
		break;
	default:
		turn(s, false);
	}
}

static void as_two_stacks(void **state)
{
	struct stacks *s = calloc(1, sizeof(*s));

	(void)state;
	assert_non_null(s);
	x = 5;
	tr_open(&t);
	agree(s, false);
	agree(s, true);
	for (unsigned i = 0; i < STEPS / 2; i++) {
		one(s, i);
		agree(s, false);
		agree(s, true);
	}
	free(s);
	tr_close(&t);
}

/* What was staged before very many commands that stage nothing. */
static void far_back(void **state)
{
	struct stacks *s = calloc(1, sizeof(*s));

	(void)state;
	assert_non_null(s);
	tr_open(&t);
	push(s, "add", "add", 7, false);
	for (unsigned i = 0; i < 700; i++)
		publish("gc", "gc", 0, false);
	push(s, "commit", "commit: one", 0, true);
	agree(s, false);
	push(s, "add", "add", 8, false);
	agree(s, false);
	push(s, "add", "add", 8, false);
	agree(s, false);
	turn(s, false);
	agree(s, true);
	agree(s, false);
	free(s);
	tr_close(&t);
}

/* A log that names steps of its own future, or none at all, is no reason to hang or crash. */
static void forged(void **state)
{
	static const char *const whys[] = { "undo 99999: x", "undo 0: x",
					    "undo x",	     "undo",
					    "undo 5",	     "undo 99999999999999999999999: x" };
	struct st_err e = { 0 };
	struct st_step step;
	bool found;

	(void)state;
	tr_open(&t);
	for (unsigned i = 0; i < sizeof(whys) / sizeof(*whys); i++) {
		publish("undo", whys[i], i + 1, true);
		assert_int_equal(st_undo_step(t.r, false, &step, &found, &e), ST_OK);
		assert_true(found); /* a change like any other */
		assert_string_equal(step.why, whys[i]);
		st_undo_step_release(&step);
		assert_int_equal(st_undo_step(t.r, true, &step, &found, &e), ST_OK);
		assert_false(found);
		st_undo_step_release(&step);
	}
	tr_close(&t);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_two_stacks),
		cmocka_unit_test(far_back),
		cmocka_unit_test(forged),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
