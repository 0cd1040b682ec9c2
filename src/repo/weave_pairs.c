/* SPDX-License-Identifier: Apache-2.0 */
/* Which files of the versions belong together, whatever they are called. */
#include "repo/weave.h"

struct origin { /* of a file that a side renamed to what another one is called elsewhere */
	const struct st_stage_row *base;
	bool apart; /* another one indeed: what became of `base` is there besides */
	bool with;  /* whether it keeps its old name is decided with the new one's conflict */
};

struct renames {	  /* of one side: files that only their names left */
	struct st_map to; /* content that came -> row + 1 */
	bool *used;
	struct origin *of; /* of each row */
};

static int find_came(const struct st_weave *w, size_t i, struct renames *x, struct st_err *e)
{
	const struct st_index *side = &w->sides[i];
	int rc = ST_OK;

	st_map_init(&x->to);
	x->used = st_calloc(side->nrows, sizeof(*x->used), e);
	x->of = st_calloc(side->nrows, sizeof(*x->of), e);
	if (!x->used || !x->of)
		return e->code;
	for (size_t k = side->nrows; rc == ST_OK && k > 0; k--) {
		const struct st_stage_row *row = &side->rows[k - 1];

		if (row->size && !st_weave_unit_at(w, row->path) &&
		    !st_index_find(&w->base, row->path, row->path_len, NULL))
			rc = st_map_put(&x->to, row->id.b, ST_OID_LEN, k, NULL, NULL, e);
	}
	return rc;
}

static const struct st_stage_row *find_side(const struct st_weave *w, size_t i, struct renames *x,
					    const struct st_stage_row *base)
{
	const struct st_stage_row *row =
		st_index_find(&w->sides[i], base->path, base->path_len, NULL);
	uint64_t k;

	if (row || !st_map_get(&x->to, base->id.b, ST_OID_LEN, &k) || x->used[k - 1] ||
	    x->of[k - 1].base)
		return row;
	x->used[k - 1] = true;
	return &w->sides[i].rows[k - 1];
}

static bool is_renamed(const struct st_stage_row *base, const struct st_stage_row *row)
{
	return row && strcmp(row->path, base->path) != 0;
}

/* A side that did the same as one that renamed the file, and then made another one of its old
 * name: that one, in again, was added. */
static void pair_again(const struct st_weave *w, struct renames *x, struct st_strand *s,
		       struct st_strand *again)
{
	const struct st_stage_row *to = NULL, *row;
	size_t at;

	for (size_t i = 0; i < w->n; i++)
		if (!to && is_renamed(s->base, s->side[i]))
			to = s->side[i];
	for (size_t i = 0; to && i < w->n; i++) {
		if (!s->side[i] || is_renamed(s->base, s->side[i]) ||
		    st_oid_eq(&s->side[i]->id, &s->base->id))
			continue;
		row = st_index_find(&w->sides[i], to->path, to->path_len, &at);
		if (!row || x[i].used[at] || !st_oid_eq(&row->id, &s->base->id))
			continue;
		x[i].used[at] = true;
		again->side[i] = s->side[i];
		s->side[i] = row;
	}
}

/* Is the name that side i gave the file that of another one on another side? */
static bool is_elsewhere(const struct st_weave *w, const struct st_strand *s, size_t i)
{
	const struct st_stage_row *row;

	for (size_t o = 0; o < w->n; o++) {
		row = st_index_find(&w->sides[o], s->side[i]->path, s->side[i]->path_len, NULL);
		if (o != i && row && row != s->side[o])
			return true;
	}
	return false;
}

static struct origin *origin_of(const struct st_weave *w, struct renames *x, size_t i,
				const struct st_stage_row *row)
{
	return &x[i].of[row - w->sides[i].rows];
}

/* Do the sides not agree about what has that name? */
static bool is_contested(const struct st_weave *w, const struct st_stage_row *to)
{
	const struct st_stage_row *row;

	for (size_t i = 0; i < w->n; i++) {
		row = st_index_find(&w->sides[i], to->path, to->path_len, NULL);
		if (row && !st_weave_same(row, to))
			return true;
	}
	return false;
}

/* A path can be of one file only: what would share it was removed, and the other one added. One
 * that goes may be what another one counted on. to: those names, by side, that are contested. */
static void part_renamed(const struct st_weave *w, struct renames *x, struct st_strand *s,
			 const struct st_stage_row **to)
{
	for (bool parted = true; parted;) {
		parted = false;
		for (size_t i = 0; i < w->n; i++)
			if (is_renamed(s->base, s->side[i]) && is_elsewhere(w, s, i)) {
				to[i] = is_contested(w, s->side[i]) ? s->side[i] : NULL;
				x[i].used[s->side[i] - w->sides[i].rows] = false;
				s->side[i] = NULL;
				parted = true;
			}
	}
}

static bool is_anywhere(const struct st_weave *w, const struct st_strand *s)
{
	for (size_t i = 0; i < w->n; i++)
		if (s->side[i])
			return true;
	return false;
}

/* Nobody did more to it than to rename or remove it: it has no conflict of its own. */
static bool goes_along(const struct st_weave *w, const struct st_strand *s)
{
	for (size_t i = 0; i < w->n; i++)
		if (s->side[i] &&
		    (is_renamed(s->base, s->side[i]) || !st_weave_same(s->side[i], s->base)))
			return false;
	return !st_weave_baseless(w, s->base);
}

/* The new name on the first side that parted from the file so; NULL: it is decided by itself. */
static const struct st_stage_row *note_origins(const struct st_weave *w, struct renames *x,
					       const struct st_strand *s,
					       const struct st_stage_row *const *to)
{
	const struct st_stage_row *first = NULL;
	const bool with = goes_along(w, s);

	for (size_t i = 0; i < w->n; i++) {
		struct origin *of = to[i] ? origin_of(w, x, i, to[i]) : NULL;

		if (!of || of->base)
			continue;
		*of = (struct origin){ s->base, is_anywhere(w, s), with };
		first = first ? first : to[i];
	}
	return with ? first : NULL;
}

/*
 * A file that a side renamed to what another one is called on another side. With that name's
 * conflict the version is chosen that says whether the file has its old name: else whoever takes
 * the other one would lose it.
 */
static int weave_along(struct st_weave *w, struct st_strand *s, const struct st_stage_row *to,
		       struct st_err *e)
{
	const struct st_stage_row *row = s->side[0];
	struct st_choice c;
	size_t part;
	int rc;

	if (w->wanted && !w->wanted(w->wanted_arg, s->path))
		return ST_OK;
	rc = st_weave_known(w, to->path, "", 0, &c, e);
	if (rc != ST_OK)
		return rc;
	if (c.how == ST_HOW_SIDE)
		row = s->side[c.side];
	else if (c.how == ST_HOW_BASE)
		row = s->base;
	else if (c.how == ST_HOW_HAND && w->hand)
		row = st_index_find(w->hand, s->path, strlen(s->path), NULL);
	else if (c.how == ST_HOW_FROM && st_weave_part(w, &c.from, &part))
		row = part == ST_THREE_BASE ? s->base : s->side[part];
	else if (c.how == ST_HOW_FROM)
		rc = st_weave_from(w, &c.from, s->path, &row, e);
	s->mode = st_weave_mode(w, s);
	return rc == ST_OK ? st_weave_take_one(w, s, row, e) : rc;
}

static int note_moved(struct st_weave *w, const struct st_strand *s, struct st_err *e)
{
	struct st_weave_moved *m = st_arena_alloc(&w->arena, sizeof(*m), e);

	if (!m)
		return e->code;
	*m = (struct st_weave_moved){ .s = *s, .next = w->moved };
	w->moved = m;
	return ST_OK;
}

static int weave_pair(struct st_weave *w, struct st_strand *s, struct st_err *e)
{
	const char *name = NULL;
	bool differ = false, gone = false;

	for (size_t i = 0; i < w->n; i++) {
		gone = gone || !s->side[i];
		if (!is_renamed(s->base, s->side[i]))
			continue;
		differ = differ || (name && strcmp(name, s->side[i]->path) != 0);
		name = name ? name : s->side[i]->path;
	}
	if (name)
		s->path = name;
	if (name && (differ || gone)) {
		if (s->side[0])
			s->path = s->side[0]->path;
		s->mode = st_weave_mode(w, s);
		if (w->wanted && !w->wanted(w->wanted_arg, s->path))
			return ST_OK;
		return st_weave_whole(
			w, s, differ ? ST_CONFLICT_RENAME_RENAME : ST_CONFLICT_RENAME_DELETE, e);
	}
	if (name && (!w->wanted || w->wanted(w->wanted_arg, s->path)) &&
	    note_moved(w, s, e) != ST_OK)
		return e->code;
	return st_weave_file(w, s, e);
}

static int weave_kept(struct st_weave *w, struct renames *x, const struct st_stage_row *base,
		      struct st_err *e)
{
	struct st_strand s = { .path = base->path, .base = base }, again = { .path = base->path };
	const struct st_stage_row *parted[ST_THREE_SIDES] = { NULL }, *to;
	bool any = false;
	int rc;

	if (st_weave_unit_at(w, base->path))
		return ST_OK;
	for (size_t i = 0; i < w->n; i++)
		s.side[i] = find_side(w, i, &x[i], base);
	pair_again(w, x, &s, &again);
	part_renamed(w, x, &s, parted);
	to = note_origins(w, x, &s, parted);
	rc = to ? weave_along(w, &s, to, e) : weave_pair(w, &s, e);
	for (size_t i = 0; i < w->n; i++)
		any = any || again.side[i];
	return rc == ST_OK && any ? st_weave_file(w, &again, e) : rc;
}

static const struct st_stage_row *find_added(const struct st_weave *w, size_t i,
					     const struct renames *x,
					     const struct st_stage_row *row)
{
	size_t at;
	const struct st_stage_row *found =
		st_index_find(&w->sides[i], row->path, row->path_len, &at);

	return found && !x->used[at] ? found : NULL;
}

/* Is the name in conflict, and what was what has it? */
static void find_origins(const struct st_weave *w, struct renames *x, struct st_strand *s)
{
	const struct st_stage_row *first = NULL;

	for (size_t o = 0; o < w->n; o++) {
		const struct origin *of = s->side[o] ? origin_of(w, x, o, s->side[o]) : NULL;

		if (!of || !of->base)
			continue;
		s->apart = s->apart || of->apart || (first && first != of->base);
		first = first ? first : of->base;
		s->was[o] = of->with ? of->base : NULL;
	}
}

static int weave_added(struct st_weave *w, struct renames *x, size_t i, size_t k, struct st_err *e)
{
	const struct st_stage_row *row = &w->sides[i].rows[k];
	struct st_strand s = { .path = row->path };

	if (x[i].used[k] || st_weave_unit_at(w, row->path) ||
	    st_index_find(&w->base, row->path, row->path_len, NULL))
		return ST_OK;
	for (size_t o = 0; o < i; o++)
		if (find_added(w, o, &x[o], row))
			return ST_OK;
	for (size_t o = 0; o < w->n; o++)
		s.side[o] = find_added(w, o, &x[o], row);
	find_origins(w, x, &s);
	return st_weave_file(w, &s, e);
}

static int weave_all(struct st_weave *w, struct renames *x, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < w->n; i++)
		rc = find_came(w, i, &x[i], e);
	for (size_t k = 0; rc == ST_OK && k < w->base.nrows; k++)
		rc = weave_kept(w, x, &w->base.rows[k], e);
	for (size_t i = 0; rc == ST_OK && i < w->n; i++)
		for (size_t k = 0; rc == ST_OK && k < w->sides[i].nrows; k++)
			rc = weave_added(w, x, i, k, e);
	return rc;
}

int st_weave_pairs(struct st_weave *w, struct st_err *e)
{
	struct renames x[ST_THREE_SIDES] = { { .used = NULL } };
	int rc = weave_all(w, x, e);

	for (size_t i = 0; i < w->n; i++) {
		st_map_release(&x[i].to);
		free(x[i].used);
		free(x[i].of);
	}
	return rc;
}
