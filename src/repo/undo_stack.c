/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log as two stacks: what was done, and what was undone since. Every operation that moves a ref
 * or changes the index is on one of them, so that undoing from the top always starts at the state
 * that the operation left.
 */
#include "repo/undo_stack.h"

#include <stdio.h>

static const char *keep(struct st_undo_stack *u, const char *s, struct st_err *e)
{
	return s ? st_arena_dup(&u->arena, s, strlen(s), e) : NULL;
}

static int keep_step(struct st_undo_stack *u, struct st_step *s, const struct st_op *op,
		     struct st_err *e)
{
	*s = (struct st_step){ .seq = op->seq, .nrefs = op->nrefs, .before = u->tree };
	s->after = op->has_index ? op->index_tree : u->tree;
	s->verb = keep(u, op->verb, e);
	s->why = keep(u, op->why, e);
	s->refs = op->nrefs ? st_arena_alloc(&u->arena, op->nrefs * sizeof(*s->refs), e) : NULL;
	for (size_t i = 0; e->code == ST_OK && i < op->nrefs; i++) {
		s->refs[i].name = keep(u, op->refs[i].name, e);
		s->refs[i].old = keep(u, op->refs[i].old, e);
		s->refs[i].value = keep(u, op->refs[i].value, e);
	}
	return e->code;
}

static int push(struct st_step **v, size_t *n, size_t *cap, const struct st_step *s,
		struct st_err *e)
{
	int rc = st_grow(v, cap, *n + 1, e);

	if (rc == ST_OK)
		(*v)[(*n)++] = *s;
	return rc;
}

/* Does op say that it undid, or did again, the step on top? */
static bool names_top(const struct st_op *op, const char *verb, const struct st_step *v, size_t n)
{
	char want[64];

	if (n == 0 || strcmp(op->verb, verb) != 0)
		return false;
	snprintf(want, sizeof(want), "%s %" PRIu64 ":", verb, v[n - 1].seq);
	return strncmp(op->why, want, strlen(want)) == 0;
}

/* commit -a is two operations and one command. */
static bool is_second_half(const struct st_undo_stack *u, const struct st_step *s)
{
	const struct st_step *top = u->ndone ? &u->done[u->ndone - 1] : NULL;

	return top && strcmp(s->verb, "commit") == 0 && strncmp(s->why, "commit -a", 9) == 0 &&
	       strcmp(top->verb, "add") == 0 && strcmp(top->why, "commit -a") == 0;
}

static int do_new(struct st_undo_stack *u, const struct st_op *op, struct st_err *e)
{
	struct st_step s;
	int rc;

	if (op->nrefs == 0 && (!op->has_index || st_oid_eq(&op->index_tree, &u->tree)))
		return ST_OK;
	rc = keep_step(u, &s, op, e);
	if (rc != ST_OK)
		return rc;
	u->nundone = 0;
	if (is_second_half(u, &s))
		s.before = u->done[--u->ndone].before;
	return push(&u->done, &u->ndone, &u->done_cap, &s, e);
}

static int on_op(void *arg, const struct st_op *op, const struct st_oplog_pos *at, struct st_err *e)
{
	struct st_undo_stack *u = arg;
	int rc;

	(void)at;
	if (strcmp(op->verb, "init") == 0)
		return ST_OK;
	if (names_top(op, "undo", u->done, u->ndone))
		rc = push(&u->undone, &u->nundone, &u->undone_cap, &u->done[--u->ndone], e);
	else if (names_top(op, "redo", u->undone, u->nundone))
		rc = push(&u->done, &u->ndone, &u->done_cap, &u->undone[--u->nundone], e);
	else
		rc = do_new(u, op, e);
	if (op->has_index)
		u->tree = op->index_tree;
	return rc;
}

int st_undo_stack_load(struct st_undo_stack *u, struct st_repo *r, struct st_err *e)
{
	struct st_oplog_pos pos = { 0 };

	*u = (struct st_undo_stack){ 0 };
	st_arena_init(&u->arena);
	return st_oplog_replay(r->log, &pos, on_op, u, e);
}

void st_undo_stack_release(struct st_undo_stack *u)
{
	st_arena_release(&u->arena);
	free(u->done);
	free(u->undone);
	*u = (struct st_undo_stack){ 0 };
	st_arena_init(&u->arena);
}
