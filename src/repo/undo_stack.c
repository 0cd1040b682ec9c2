/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log as two stacks: what was done, and what was undone since. A command goes onto the first,
 * undo moves its top to the second, redo moves it back, a new command empties the second.
 *
 * Read from the newest operation backwards, neither stack has to be built: after "redo K" the top
 * is K, after "undo K" it is what it was just before K, after any other command that command. So
 * the cost is that of the steps that were undone, however long the log is.
 */
#include "repo/merge_state.h"
#include "repo/undo_stack.h"

#include <stdio.h>

#define FAR_BACK 500 /* operations that are walked before the whole log is read */

struct staged { /* what was staged from after operation `at` to before operation `until` */
	uint64_t at, until;
	struct st_oid tree;
};

struct look { /* one operation at a time */
	struct st_repo *r;
	struct staged *known; /* the last stretch that was walked */
	struct st_arena arena;
	struct st_op op;
};

static int load(struct look *l, uint64_t seq, struct st_err *e)
{
	uint64_t from = 0;
	int rc;

	st_arena_release(&l->arena);
	st_arena_init(&l->arena);
	rc = st_catalog_op_end(l->r->cat, seq - 1, &from, e);
	return rc == ST_OK ? st_oplog_read(l->r->log, seq, from, &l->op, &l->arena, e) : rc;
}

struct replay {
	uint64_t until;
	struct staged *now;
};

static int on_op(void *arg, const struct st_op *op, const struct st_oplog_pos *at, struct st_err *e)
{
	struct replay *p = arg;

	(void)e;
	if (at->seq >= p->until)
		return ST_ENO;
	if (op->has_index) {
		p->now->at = at->seq;
		p->now->tree = op->index_tree;
	}
	return ST_OK;
}

/* From the beginning: where very many operations stage nothing, that is the shorter way. */
static int replay_until(struct st_repo *r, struct staged *now, struct st_err *e)
{
	struct replay p = { now->until, now };
	struct st_oplog_pos pos = { 0 };
	int rc = st_oplog_replay(r->log, &pos, on_op, &p, e);

	return rc == ST_ENO && e->code == ST_OK ? ST_OK : rc;
}

/* The staged tree just before operation seq. Many that stage nothing in a row are walked once. */
static int tree_before(const struct look *outer, uint64_t seq, struct st_oid *tree,
		       struct st_err *e)
{
	struct look l = { .r = outer->r };
	struct staged now = { .until = seq }, *known = outer->known;
	int rc = ST_OK;

	st_arena_init(&l.arena);
	while (rc == ST_OK && --seq > 0) {
		if (seq > known->at && seq < known->until) {
			now.at = known->at;
			now.tree = known->tree;
			break;
		}
		if (now.until - seq > FAR_BACK) {
			rc = replay_until(l.r, &now, e);
			break;
		}
		rc = load(&l, seq, e);
		if (rc != ST_OK || !l.op.has_index)
			continue;
		now.at = seq;
		now.tree = l.op.index_tree;
		break;
	}
	st_arena_release(&l.arena);
	if (rc == ST_OK)
		*known = now;
	*tree = now.tree;
	return rc;
}

/* Every operation that moves a ref or changes the index is a step, so that undoing the top always
 * starts at the state that the step left. One that overwrote what was nowhere else is a step too:
 * who takes it back is to hear that, not to lose the command before it. */
static int changes(struct look *l, bool *yes, struct st_err *e)
{
	struct st_oid tree;
	int rc = ST_OK;

	*yes = l->op.nrefs > 0 || l->op.nlost > 0;
	if (*yes || !l->op.has_index)
		return ST_OK;
	rc = tree_before(l, l->op.seq, &tree, e);
	*yes = rc == ST_OK && !st_oid_eq(&tree, &l->op.index_tree);
	return rc;
}

/* The K of "undo K: ...", or 0 where op is no such thing. */
static uint64_t names(const struct st_op *op, const char *verb)
{
	size_t n = strlen(verb), digits;
	uint64_t k;

	if (strcmp(op->verb, verb) != 0 || strncmp(op->why, verb, n) != 0 || op->why[n] != ' ')
		return 0;
	digits = strspn(op->why + n + 1, "0123456789");
	if (digits == 0 || digits > 19 || op->why[n + 1 + digits] != ':')
		return 0;
	k = strtoull(op->why + n + 1, NULL, 10);
	return k < op->seq ? k : 0;
}

static bool is(const struct st_op *op, const char *verb, const char *why)
{
	return strcmp(op->verb, verb) == 0 && strncmp(op->why, why, strlen(why)) == 0;
}

/*
 * The operation that began the merge which seq ends; seq itself where there is none: it was cut off
 * before. Nothing of a merge can be undone by itself, so that all in between belongs to it.
 */
static int begin_of(const struct look *outer, uint64_t seq, uint64_t *first, struct st_err *e)
{
	struct look l = { .r = outer->r, .known = outer->known };
	uint64_t at = seq;
	int rc = ST_OK;

	*first = seq;
	st_arena_init(&l.arena);
	while (rc == ST_OK && --at > 0) {
		rc = load(&l, at, e);
		if (rc != ST_OK || st_merging_said(&l.op, ST_MERGE_ABORT) ||
		    st_merging_said(&l.op, ST_MERGE_CONTINUE))
			break;
		if (st_merging_said(&l.op, ST_MERGE_BEGUN)) {
			*first = at;
			break;
		}
	}
	st_arena_release(&l.arena);
	return rc;
}

/* commit -a is two operations and one command, a merge with conflicts many: where step seq begins.
 */
static int first_of(const struct look *outer, uint64_t seq, uint64_t *first, struct st_err *e)
{
	struct look l = { .r = outer->r, .known = outer->known };
	bool hit = false;
	int rc;

	*first = seq;
	st_arena_init(&l.arena);
	rc = load(&l, seq, e);
	if (rc == ST_OK && is(&l.op, "commit", "commit -a"))
		while (rc == ST_OK && !hit && --seq > 0) {
			rc = load(&l, seq, e);
			if (rc == ST_OK)
				rc = changes(&l, &hit, e);
		}
	if (rc == ST_OK && hit && is(&l.op, "add", "commit -a"))
		*first = seq;
	else if (rc == ST_OK && st_merging_said(&l.op, ST_MERGE_CONTINUE))
		rc = begin_of(outer, seq, first, e);
	st_arena_release(&l.arena);
	return rc;
}

/* The step that undo would take back after operation `at`; 0: none. */
static int top_done(struct look *l, uint64_t at, uint64_t *step, struct st_err *e)
{
	uint64_t k;
	bool hit;
	int rc = ST_OK;

	for (*step = 0; rc == ST_OK && at > 0; at--) {
		rc = load(l, at, e);
		if (rc != ST_OK || strcmp(l->op.verb, "init") == 0)
			continue;
		*step = names(&l->op, "redo");
		if (*step)
			return ST_OK;
		k = names(&l->op, "undo");
		if (k) {
			rc = first_of(l, k, &at, e);
			continue;
		}
		if (st_merging_said(&l->op, ST_MERGE_ABORT)) { /* all is as it was before */
			rc = begin_of(l, at, &at, e);
			continue;
		}
		rc = changes(l, &hit, e);
		if (rc == ST_OK && hit) {
			*step = at;
			return ST_OK;
		}
	}
	return rc;
}

/* The step that redo would do again. Undo and redo since the last command are as brackets. */
static int top_undone(struct look *l, uint64_t at, uint64_t *step, struct st_err *e)
{
	uint64_t again = 0;
	bool hit = false;
	int rc = ST_OK;

	for (*step = 0; rc == ST_OK && at > 0 && !hit; at--) {
		rc = load(l, at, e);
		if (rc != ST_OK || strcmp(l->op.verb, "init") == 0)
			continue;
		*step = names(&l->op, "undo");
		if (*step && again == 0)
			return ST_OK;
		if (*step)
			again--;
		else if (names(&l->op, "redo"))
			again++;
		else
			rc = changes(l, &hit, e);
		*step = 0;
	}
	return rc;
}

static const char *keep(struct st_step *s, const char *text, struct st_err *e)
{
	return text ? st_arena_dup(&s->arena, text, strlen(text), e) : NULL;
}

static int fill(struct st_step *s, struct look *l, uint64_t seq, struct st_err *e)
{
	const struct st_op *op = &l->op;
	uint64_t first = seq;
	int rc = load(l, seq, e);

	if (rc == ST_OK)
		rc = first_of(l, seq, &first, e);
	if (rc == ST_OK && op->has_index)
		s->after = op->index_tree;
	else if (rc == ST_OK && first != seq) /* commit -a staged it */
		rc = tree_before(l, seq, &s->after, e);
	s->stages = op->has_index || first != seq;
	if (rc == ST_OK && s->stages)
		rc = tree_before(l, first, &s->before, e);
	if (rc != ST_OK)
		return rc;
	s->seq = seq;
	s->verb = keep(s, op->verb, e);
	s->why = keep(s, op->why, e);
	s->nrefs = op->nrefs;
	s->refs = st_arena_alloc(&s->arena, op->nrefs * sizeof(*s->refs), e);
	for (size_t i = 0; e->code == ST_OK && i < op->nrefs; i++) {
		s->refs[i].name = keep(s, op->refs[i].name, e);
		s->refs[i].old = keep(s, op->refs[i].old, e);
		s->refs[i].value = keep(s, op->refs[i].value, e);
	}
	s->lost = st_arena_alloc(&s->arena, op->nlost * sizeof(*s->lost), e);
	for (; e->code == ST_OK && s->nlost < op->nlost; s->nlost++)
		s->lost[s->nlost] = keep(s, op->lost[s->nlost], e);
	s->lost_count = op->lost_count;
	return e->code;
}

int st_undo_step(struct st_repo *r, bool redo, struct st_step *s, bool *found, struct st_err *e)
{
	struct staged known = { 0 };
	struct look l = { .r = r, .known = &known };
	uint64_t step = 0;
	int rc;

	*s = (struct st_step){ 0 };
	st_arena_init(&s->arena);
	st_arena_init(&l.arena);
	rc = redo ? top_undone(&l, r->pos.seq, &step, e) : top_done(&l, r->pos.seq, &step, e);
	*found = rc == ST_OK && step;
	if (*found)
		rc = fill(s, &l, step, e);
	st_arena_release(&l.arena);
	return rc;
}

void st_undo_step_release(struct st_step *s)
{
	st_arena_release(&s->arena);
	st_arena_init(&s->arena);
}
