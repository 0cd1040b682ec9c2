/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/renew.h"

#include "repo/diff_units.h"

#include <stdio.h>

struct settling {
	struct st_renew *z;
	const char *path;
	const struct st_stage_row *now, *to;
	struct st_tensor_table f, t; /* the tensors of now and to */
	struct st_graft graft;
};

static bool chosen(const struct settling *s, const struct st_stored_tensor *x)
{
	return st_pick_has(s->z->pick, s->path, x->t.name, x->t.name_len);
}

static void shape_text(char *out, size_t room, const struct st_stored_tensor *x)
{
	size_t at = (size_t)snprintf(out, room, "%s [", st_dtype_info(x->t.dtype)->name);

	for (unsigned i = 0; i < x->t.ndim && at + 24 < room; i++)
		at += (size_t)snprintf(out + at, room - at, "%s%" PRIu64, i ? ", " : "",
				       x->t.shape[i]);
	snprintf(out + at, room - at, "]");
}

static void block_layout(struct settling *s, const struct st_stored_tensor *f,
			 const struct st_stored_tensor *t)
{
	const struct st_renew *z = s->z;
	char a[96], b[96], why[260];

	if (f && t) {
		shape_text(a, sizeof(a), f);
		shape_text(b, sizeof(b), t);
		snprintf(why, sizeof(why), "would go from %s to %s", a, b);
	} else if (z->what == STRATA_ROLLBACK) {
		snprintf(why, sizeof(why), "is in %s only", t ? z->label : "the version here");
	} else {
		snprintf(why, sizeof(why), "%s %s it", z->label,
			 (t != NULL) == (z->what == STRATA_CHERRY_PICK) ? "added" : "removed");
	}
	st_renew_block(s->z, s->path, t ? t : f, why);
}

static int add_edit(struct settling *s, const struct st_stored_tensor *t, struct st_err *e)
{
	struct st_graft *g = &s->graft;
	const char *name = st_arena_dup(&s->z->arena, t->t.name, t->t.name_len, e);
	int rc = name ? st_grow(&g->v, &g->cap, g->n + 1, e) : (int)e->code;

	if (rc != ST_OK)
		return rc;
	g->v[g->n++] = (struct st_edit){ name, t->t.name_len };
	return ST_OK;
}

/* One tensor, which may be absent on either side. */
static int settle_tensor(struct settling *s, const struct st_stored_tensor *f,
			 const struct st_stored_tensor *t, struct st_err *e)
{
	if (st_stored_same(f, t) || !chosen(s, t ? t : f))
		return ST_OK;
	if (f && t && st_stored_alike(f, t))
		return add_edit(s, t, e);
	block_layout(s, f, t);
	return ST_OK;
}

static int settle_tensors(struct settling *s, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < s->t.n; i++) {
		const struct st_tensor *t = &s->t.v[i].t;

		rc = settle_tensor(s, st_tensor_table_find(&s->f, t->name, t->name_len), &s->t.v[i],
				   e);
	}
	for (size_t i = 0; rc == ST_OK && i < s->f.n; i++) {
		const struct st_tensor *t = &s->f.v[i].t;

		if (!st_tensor_table_find(&s->t, t->name, t->name_len))
			rc = settle_tensor(s, &s->f.v[i], NULL, e);
	}
	return rc;
}

/* ---- files ---- */

static bool all_chosen(const struct settling *s, const struct st_tensor_table *x)
{
	for (size_t i = 0; i < x->n; i++)
		if (!chosen(s, &x->v[i]))
			return false;
	return x->n > 0;
}

/* A file that comes or goes, all of whose tensors are chosen, does so whole. */
static int whole_file(struct settling *s, bool *done, struct st_err *e)
{
	struct st_renew *z = s->z;
	const bool comes = !s->now && s->to && all_chosen(s, &s->t);
	const bool goes = z->what != STRATA_ROLLBACK && !s->to && s->now && all_chosen(s, &s->f);
	const char *unit = comes || goes ? st_unit_of(&z->arena, s->path, e) : s->path;

	*done = true;
	if (!unit)
		return e->code;
	if (strcmp(unit, s->path) != 0) {
		st_renew_block(z, s->path, NULL, "is a shard, whose index would not fit");
		return ST_OK;
	}
	if (comes)
		return st_index_add(&z->target, s->to, e);
	if (goes)
		return st_index_add(&z->gone, s->now, e);
	*done = false;
	return ST_OK;
}

static int add_graft(struct settling *s, struct st_err *e)
{
	struct st_renew *z = s->z;
	struct st_graft *g = &s->graft;
	int rc;

	if (!s->now || !g->n) /* then there is nothing to put tensors into, or nothing to put */
		return ST_OK;
	g->base = *s->now;
	g->from = *s->to;
	g->base.path = g->from.path = st_arena_dup(&z->arena, s->now->path, s->now->path_len, e);
	rc = g->base.path ? st_grow(&z->grafts, &z->grafts_cap, z->ngrafts + 1, e) : (int)e->code;
	if (rc != ST_OK)
		return rc;
	z->grafts[z->ngrafts++] = *g;
	*g = (struct st_graft){ 0 };
	return ST_OK;
}

static int settle(struct settling *s, struct st_err *e)
{
	bool whole = false;
	int rc = st_tensor_table_load(&s->f, s->z->r, s->now, e);

	if (rc == ST_OK)
		rc = st_tensor_table_load(&s->t, s->z->r, s->to, e);
	if (rc == ST_OK)
		rc = whole_file(s, &whole, e);
	if (rc == ST_OK && !whole)
		rc = settle_tensors(s, e);
	return rc == ST_OK && !whole ? add_graft(s, e) : rc;
}

int st_renew_settle(struct st_renew *z, const char *path, const struct st_stage_row *now,
		    const struct st_stage_row *to, struct st_err *e)
{
	struct settling s = { .z = z, .path = path, .now = now, .to = to };
	int rc = settle(&s, e);

	st_tensor_table_release(&s.f);
	st_tensor_table_release(&s.t);
	free(s.graft.v);
	return rc;
}
