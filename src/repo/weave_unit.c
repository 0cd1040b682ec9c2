/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Models in shards. As long as every tensor lies in the file of one name wherever there is one,
 * files are merged one by one, and the index last. Where a side cut its shards anew, or made shards
 * of one file, all files of the model come together as one, and are written in that side's cut with
 * its index.
 */
#include "repo/diff_units.h"
#include "repo/rewind.h"
#include "repo/weave.h"

#include "format/format.h"

#include <stdio.h>

/* ---- which there are ---- */

struct st_weave_unit *st_weave_unit_at(const struct st_weave *w, const char *path)
{
	uint64_t at;

	return w->nunits && st_map_get(&w->unit_of, path, strlen(path), &at) ? &w->units[at] : NULL;
}

struct st_weave_unit *st_weave_unit_with(const struct st_weave *w, const char *path)
{
	uint64_t at;

	return w->nunits && st_map_get(&w->unit_with, path, strlen(path), &at) ? &w->units[at] :
										 NULL;
}

static void release_version(struct st_unit_version *v)
{
	free(v->rows);
	st_map_release(&v->home);
}

static void release_unit(struct st_weave_unit *u)
{
	release_version(&u->base);
	for (size_t i = 0; i < ST_THREE_SIDES; i++)
		release_version(&u->side[i]);
}

void st_weave_units_release(struct st_weave *w)
{
	for (size_t i = 0; i < w->nunits; i++)
		release_unit(&w->units[i]);
	free(w->units);
	w->units = NULL;
	w->nunits = 0;
	st_map_release(&w->unit_of);
	st_map_release(&w->unit_with);
}

static struct st_unit_version *version(struct st_weave_unit *u, size_t i)
{
	return i ? &u->side[i - 1] : &u->base;
}

static struct st_index *index_of(struct st_weave *w, size_t i)
{
	return i ? &w->sides[i - 1] : &w->base;
}

static int read_index(struct st_weave *w, const struct st_stage_row *row, struct st_buf *text,
		      struct st_shard_index *x, struct st_err *e)
{
	int rc = st_weave_slurp(w, row, text, e);

	return rc == ST_OK ? st_shard_index_parse(x, text->p, text->len, e) : rc;
}

int st_weave_row_order(const void *pa, const void *pb)
{
	const struct st_stage_row *a = *(const struct st_stage_row *const *)pa;
	const struct st_stage_row *b = *(const struct st_stage_row *const *)pb;

	return strcmp(a->path, b->path);
}

static int add_row(struct st_unit_version *v, const struct st_stage_row *row, struct st_err *e)
{
	int rc = st_grow(&v->rows, &v->cap, v->n + 1, e);

	if (rc == ST_OK)
		v->rows[v->n++] = row;
	return rc;
}

/* Shards may have any name: the index knows. */
static int add_named(struct st_weave *w, const struct st_index *x, struct st_unit_version *v,
		     const char *name, bool *fits, struct st_err *e)
{
	struct st_shard_index shards = { 0 };
	struct st_err bad = { 0 };
	struct st_buf b;
	size_t dir = (size_t)(st_weave_file_name(v->index->path) - v->index->path);
	int rc;

	st_buf_init(&b, ST_SHARD_INDEX_MAX);
	*fits = read_index(w, v->index, &b, &shards, &bad) == ST_OK;
	st_buf_clear(&b);
	rc = *fits || bad.code == ST_EFORMAT || bad.code == ST_ELIMIT ? ST_OK : (int)bad.code;
	if (rc != ST_OK)
		*e = bad;
	for (size_t i = 0; rc == ST_OK && *fits && i < shards.nshards; i++) {
		const struct st_stage_row *row;
		const char *unit;

		st_buf_clear(&b);
		rc = st_buf_add(&b, v->index->path, dir, e);
		if (rc == ST_OK)
			rc = st_buf_addstr(&b, shards.shards[i], e);
		if (rc != ST_OK)
			break;
		row = st_index_find(x, (const char *)b.p, b.len, NULL);
		unit = row ? st_unit_of(&w->arena, row->path, e) : NULL;
		*fits = row != NULL;
		if (row && unit && strcmp(unit, name) != 0) /* else it is there */
			rc = add_row(v, row, e);
	}
	st_buf_release(&b);
	st_shard_index_release(&shards);
	return rc == ST_OK ? (int)e->code : rc;
}

/* The files of one version; *fits false: they are not what a merge over files can take. */
static int collect(struct st_weave *w, const struct st_index *x, const char *name,
		   struct st_unit_version *v, bool *fits, struct st_err *e)
{
	size_t dir = (size_t)(st_weave_file_name(name) - name);
	int rc = ST_OK;

	*fits = true;
	st_map_init(&v->home);
	for (size_t i = 0; rc == ST_OK && i < x->nrows; i++) {
		const struct st_stage_row *row = &x->rows[i];
		const char *unit;

		if (row->path_len < dir || memcmp(row->path, name, dir) != 0 ||
		    strchr(row->path + dir, '/'))
			continue;
		unit = st_unit_of(&w->arena, row->path, e);
		if (!unit)
			return e->code;
		if (strcmp(unit, name) != 0)
			continue;
		if (!st_shard_index_name(row->path))
			rc = add_row(v, row, e);
		else if (v->index) /* of another kind of weights */
			*fits = false;
		else
			v->index = row;
	}
	if (rc == ST_OK && *fits && v->index)
		rc = add_named(w, x, v, name, fits, e);
	if (v->n)
		qsort(v->rows, v->n, sizeof(*v->rows), st_weave_row_order);
	*fits = *fits && v->n && (v->index || v->n == 1);
	return rc;
}

struct homing {
	struct st_unit_version *v;
	size_t at;
	bool twice;
};

static int note_home(void *arg, const struct st_view *t, const struct st_segment *seg,
		     uint64_t seg_off, struct st_err *e)
{
	struct homing *h = arg;
	bool had = false;
	int rc = st_map_put(&h->v->home, t->name, t->name_len, h->at, &had, NULL, e);

	(void)seg;
	(void)seg_off;
	h->twice = h->twice || had;
	if (rc == ST_OK && !st_add_u64(h->v->bytes, st_view_bytes(t), &h->v->bytes))
		rc = st_fail(e, ST_ELIMIT, "%s: tensors of more than 2^64 bytes",
			     h->v->rows[h->at]->path);
	return rc;
}

static int find_homes(struct st_weave *w, struct st_unit_version *v, char *format, size_t room,
		      bool *fits, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && *fits && i < v->n; i++) {
		struct homing h = { v, i, false };
		struct st_vfile *f = NULL;

		*fits = v->rows[i]->mode != ST_MODE_LINK;
		if (*fits)
			rc = st_vfile_open_model(&f, w->r, v->rows[i], e);
		*fits = *fits && f;
		if (rc != ST_OK || !*fits)
			break;
		if (!*format)
			snprintf(format, room, "%s", st_vfile_manifest(f)->format);
		*fits = strcmp(format, st_vfile_manifest(f)->format) == 0;
		rc = st_vfile_views(f, note_home, &h, e);
		*fits = *fits && !h.twice;
		st_vfile_close(f);
	}
	return rc;
}

/* Does a tensor of both lie in files of different names? */
static bool moved(const struct st_unit_version *a, const struct st_unit_version *b)
{
	const void *name;
	size_t pos = 0, len;
	uint64_t at, other;

	while (st_map_next(&a->home, &pos, &name, &len, &at))
		if (st_map_get(&b->home, name, len, &other) &&
		    strcmp(a->rows[at]->path, b->rows[other]->path) != 0)
			return true;
	return false;
}

/* The only file of a with tensors that b has in none; NULL: there is none, or *several. */
static const char *only_file(const struct st_unit_version *a, const struct st_unit_version *b,
			     bool *several)
{
	const char *path = NULL;
	const void *name;
	size_t pos = 0, len;
	uint64_t at;

	*several = false;
	while (st_map_next(&a->home, &pos, &name, &len, &at)) {
		if (st_map_get(&b->home, name, len, NULL))
			continue;
		*several = *several || (path && strcmp(path, a->rows[at]->path) != 0);
		path = a->rows[at]->path;
	}
	return *several ? NULL : path;
}

/* May one that went from a file be one that came, by another name, in another file? */
static bool may_move(const struct st_unit_version *base, const struct st_unit_version *side)
{
	bool many_from, many_to;
	const char *from = only_file(base, side, &many_from);
	const char *to = only_file(side, base, &many_to);

	return (from || many_from) && (to || many_to) && (!from || !to || strcmp(from, to) != 0);
}

static bool same_files(const struct st_unit_version *a, const struct st_unit_version *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->rows[i]->path, b->rows[i]->path) != 0 ||
		    !st_oid_eq(&a->rows[i]->id, &b->rows[i]->id))
			return false;
	return true;
}

/* Are its files merged as one, and after which side? */
static bool choose_pattern(const struct st_weave *w, struct st_weave_unit *u)
{
	for (u->pattern = 0; u->pattern < w->n; u->pattern++)
		if (moved(&u->base, &u->side[u->pattern]) ||
		    may_move(&u->base, &u->side[u->pattern]))
			return true;
	u->pattern = 0;
	for (size_t i = 1; i < w->n; i++) /* what came on several sides */
		for (size_t k = 0; k < i; k++)
			if (moved(&u->side[k], &u->side[i]))
				return true;
	return false;
}

/* ---- several bases ---- */

static bool same_version(const struct st_unit_version *a, const struct st_unit_version *b)
{
	return same_files(a, b) && st_weave_same(a->index, b->index);
}

static bool any_baseless(const struct st_weave *w, const struct st_unit_version *v)
{
	bool any = st_weave_baseless(w, v->index);

	for (size_t i = 0; i < v->n; i++)
		any = any || st_weave_baseless(w, v->rows[i]);
	return any;
}

static bool all_same(const struct st_weave *w, const struct st_weave_unit *u)
{
	for (size_t i = 1; i < w->n; i++)
		if (!same_version(&u->side[0], &u->side[i]))
			return false;
	return true;
}

/*
 * *whole: u->base is one base's model with all its files, and the others have nothing to say.
 * *torn: else tensors do not lie in files of one name in all bases, so that files cannot be looked
 * at one by one.
 */
static int look_bases(struct st_weave *w, struct st_weave_unit *u, bool *whole, bool *torn,
		      struct st_err *e)
{
	size_t all, n = st_weave_nbases(w, &all);
	struct st_unit_version *v = st_calloc(n, sizeof(*v), e);
	char format[64] = "";
	int rc = v ? ST_OK : (int)e->code;

	*whole = *torn = false;
	for (size_t i = 0; rc == ST_OK && i < n; i++) {
		bool fits;

		rc = collect(w, st_weave_base_at(w, i), u->name, &v[i], &fits, e);
		*whole = *whole || same_version(&u->base, &v[i]);
		if (rc == ST_OK)
			rc = find_homes(w, &v[i], format, sizeof(format), &fits, e);
		*torn = *torn || !fits;
		for (size_t k = 0; k < i; k++)
			*torn = *torn || moved(&v[k], &v[i]);
	}
	*whole = *whole && !any_baseless(w, &u->base);
	for (size_t i = 0; v && i < n; i++)
		release_version(&v[i]);
	free(v);
	return rc;
}

/* Several sides changed it, or its rows may be of other tokens than those of other sides, whoever
 * changed it. */
static int look(struct st_weave *w, struct st_weave_unit *u, bool *yes, struct st_err *e)
{
	char format[64] = "";
	bool fits, everywhere = true, whole = true, torn = false, mixed = false;
	size_t changed = 0;
	int rc = ST_OK;

	*yes = true;
	for (size_t i = 0; rc == ST_OK && *yes && i <= w->n; i++) {
		struct st_unit_version *v = version(u, i);

		rc = collect(w, index_of(w, i), u->name, v, &fits, e);
		everywhere = everywhere && v->n;
		*yes = fits || (!v->n && !v->index);
		changed += i && *yes && !same_files(&u->base, v);
	}
	if (rc == ST_OK && *yes)
		rc = st_weave_tokens_mixed(w, u->name, changed != 0, &mixed, e);
	if (rc == ST_OK && *yes && w->bases)
		rc = look_bases(w, u, &whole, &torn, e);
	*yes = *yes && (whole ? mixed || changed > 1 : !all_same(w, u));
	for (size_t i = torn; rc == ST_OK && *yes && i <= w->n; i++)
		rc = find_homes(w, version(u, i), format, sizeof(format), yes, e);
	if (rc == ST_OK && *yes)
		u->apart = !everywhere || !choose_pattern(w, u);
	u->torn = !whole && (torn || !u->apart);
	if (u->torn) {
		u->apart = false;
		u->pattern = 0;
	}
	return rc;
}

static int claim_row(struct st_weave *w, const struct st_stage_row *row, bool merged,
		     struct st_err *e)
{
	int rc = st_map_put(&w->unit_with, row->path, row->path_len, w->nunits, NULL, NULL, e);

	if (rc == ST_OK && merged)
		rc = st_map_put(&w->unit_of, row->path, row->path_len, w->nunits, NULL, NULL, e);
	return rc;
}

static int claim(struct st_weave *w, struct st_weave_unit *u, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i <= w->n; i++) {
		const struct st_unit_version *v = version(u, i);

		if (v->index)
			rc = claim_row(w, v->index, true, e);
		for (size_t k = 0; rc == ST_OK && k < v->n; k++)
			rc = claim_row(w, v->rows[k], !u->apart, e);
	}
	return rc;
}

static int try_unit(struct st_weave *w, const char *name, size_t *cap, struct st_err *e)
{
	struct st_weave_unit u = { .name = name };
	bool yes = false;
	int rc = look(w, &u, &yes, e);

	if (rc == ST_OK && yes)
		rc = st_grow(&w->units, cap, w->nunits + 1, e);
	if (rc == ST_OK && yes)
		rc = claim(w, &u, e);
	if (rc == ST_OK && yes)
		w->units[w->nunits++] = u;
	else
		release_unit(&u);
	return rc;
}

int st_weave_units(struct st_weave *w, struct st_err *e)
{
	struct st_map seen;
	size_t cap = 0;
	int rc = ST_OK;

	st_map_init(&seen);
	for (size_t i = 0; rc == ST_OK && i <= w->n; i++)
		for (size_t k = 0; rc == ST_OK && k < index_of(w, i)->nrows; k++) {
			const char *path = index_of(w, i)->rows[k].path, *name;
			bool had = false;

			if (!st_shard_index_name(path))
				continue;
			name = st_unit_of(&w->arena, path, e);
			rc = name ? st_map_put(&seen, name, strlen(name), 1, &had, NULL, e) :
				    (int)e->code;
			if (rc == ST_OK && !had)
				rc = try_unit(w, name, &cap, e);
		}
	st_map_release(&seen);
	return rc;
}

int st_weave_unit_from(struct st_weave *w, const struct st_weave_unit *u,
		       const struct st_oid *commit, struct st_unit_version *out, struct st_err *e)
{
	struct st_unit_version v = { 0 };
	struct st_index x;
	bool fits = false;
	int rc;

	st_index_init(&x);
	rc = st_rewind_commit(w->r, commit, &x, e);
	if (rc == ST_OK)
		rc = collect(w, &x, u->name, &v, &fits, e);
	out->rows = rc == ST_OK ? st_arena_alloc(&w->arena, v.n * sizeof(*out->rows), e) : NULL;
	for (size_t i = 0; out->rows && fits && i < v.n; i++) {
		struct st_stage_row *row = st_arena_alloc(&w->arena, sizeof(*row), e);

		if (!row)
			break;
		*row = *v.rows[i];
		row->path = st_arena_dup(&w->arena, row->path, row->path_len, e);
		out->rows[out->n++] = row;
	}
	if (out->n && v.index) {
		struct st_stage_row *row = st_arena_alloc(&w->arena, sizeof(*row), e);

		if (row) {
			*row = *v.index;
			row->path = st_arena_dup(&w->arena, row->path, row->path_len, e);
		}
		out->index = row;
	}
	release_version(&v);
	st_index_release(&x);
	return e->code;
}

/* ---- the result's files ---- */

const char *st_weave_home(const struct st_weave_unit *u, const char *name, size_t len,
			  const struct st_operand *like)
{
	const struct st_unit_version *v = &u->side[u->pattern];
	uint64_t at;

	if (st_map_get(&v->home, name, len, &at) ||
	    (like && st_map_get(&v->home, like->name, like->name_len, &at)))
		return v->rows[at]->path;
	for (size_t i = 0; like && i < v->n; i++) /* it is new: where its own side has it */
		if (strcmp(v->rows[i]->path, like->path) == 0)
			return v->rows[i]->path;
	return v->rows[v->n - 1]->path;
}

const char *st_weave_home_of(const struct st_weave_unit *u, const struct st_thread *t)
{
	return st_weave_home(u, t->name, t->name_len, t->base ? t->base : t->op);
}

/* The tensors of one shard; f->v is the caller's. */
static int shard(const struct st_fabric *all, struct st_strand *s, struct st_fabric *f,
		 struct st_err *e)
{
	*f = *all;
	f->s = s;
	f->n = 0;
	f->v = st_calloc(all->n, sizeof(*f->v), e);
	if (!f->v)
		return e->code;
	for (size_t i = 0; i < all->n; i++)
		if (strcmp(st_weave_home_of(all->unit, &all->v[i]), s->path) == 0)
			f->v[f->n++] = all->v[i];
	return ST_OK;
}

/* Each shard that is not as it was staged by hand. */
static int each_shard(const struct st_fabric *all, int (*fn)(struct st_fabric *f, struct st_err *e),
		      struct st_err *e)
{
	const struct st_unit_version *v = &all->unit->side[all->unit->pattern];
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < v->n; i++) {
		struct st_strand s = { .path = v->rows[i]->path, .mode = v->rows[i]->mode };
		struct st_fabric f;

		if (st_weave_by_hand(all->w, s.path))
			continue;
		s.side[all->unit->pattern] = v->rows[i];
		rc = shard(all, &s, &f, e);
		if (rc == ST_OK)
			rc = fn(&f, e);
		free(f.v);
	}
	return rc;
}

static int take_hands(const struct st_fabric *f, struct st_err *e)
{
	const struct st_unit_version *v = &f->unit->side[f->unit->pattern];
	const struct st_index *hand = f->w->hand;
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < v->n; i++) {
		const struct st_stage_row *row = v->rows[i];
		const struct st_strand s = { .path = row->path, .mode = row->mode };

		if (st_weave_by_hand(f->w, row->path))
			rc = st_weave_take(
				f->w, &s,
				hand ? st_index_find(hand, row->path, row->path_len, NULL) : NULL,
				e);
	}
	return rc;
}

/* ---- all files ---- */

static bool has(const struct st_unit_version *v, const char *path)
{
	for (size_t i = 0; i < v->n; i++)
		if (strcmp(v->rows[i]->path, path) == 0)
			return true;
	return v->index && strcmp(v->index->path, path) == 0;
}

static int drop(struct st_weave *w, const struct st_unit_version *v, const struct st_stage_row *row,
		struct st_err *e)
{
	const struct st_strand s = { .path = row ? row->path : "" };

	return !row || has(v, row->path) ? ST_OK : st_weave_take(w, &s, NULL, e);
}

/* What ours has and the result, with the files of v, does not. */
static int drop_old(struct st_weave *w, const struct st_weave_unit *u,
		    const struct st_unit_version *v, struct st_err *e)
{
	const struct st_unit_version *ours = &u->side[0];
	int rc = drop(w, v, ours->index, e);

	for (size_t i = 0; rc == ST_OK && i < ours->n; i++)
		rc = drop(w, v, ours->rows[i], e);
	return rc;
}

int st_weave_unit_check(const struct st_fabric *f, struct st_err *e)
{
	return each_shard(f, st_fabric_check, e);
}

int st_weave_unit_write(const struct st_fabric *f, struct st_err *e)
{
	const struct st_weave_unit *u = f->unit;
	int rc = each_shard(f, st_fabric_write, e);

	if (rc == ST_OK)
		rc = take_hands(f, e);
	if (rc == ST_OK)
		rc = st_weave_index(f, e);
	return rc == ST_OK ? drop_old(f->w, u, &u->side[u->pattern], e) : rc;
}

/* ---- one version's ---- */

const char *st_weave_unit_index(const struct st_weave *w, const struct st_weave_unit *u)
{
	if (!u->apart)
		return u->side[u->pattern].index ? u->side[u->pattern].index->path : NULL;
	for (size_t i = 0; i < w->n; i++)
		if (u->side[i].index)
			return u->side[i].index->path;
	return NULL;
}

const char *st_weave_unit_path(const struct st_weave_unit *u)
{
	return u->side[0].index ? u->side[0].index->path : u->side[0].rows[0]->path;
}

static int take_row(struct st_weave *w, const struct st_stage_row *row, struct st_err *e)
{
	const struct st_strand s = { .path = row->path, .mode = row->mode };

	return st_weave_take(w, &s, row, e);
}

static int take_version(struct st_weave *w, const struct st_weave_unit *u,
			const struct st_unit_version *v, struct st_err *e)
{
	int rc = v->index ? take_row(w, v->index, e) : ST_OK;

	for (size_t i = 0; rc == ST_OK && i < v->n; i++)
		rc = take_row(w, v->rows[i], e);
	return rc == ST_OK ? drop_old(w, u, v, e) : rc;
}

/* Whatever is staged of the model, which may lie in files that no side had. */
static int take_staged(struct st_weave *w, const struct st_weave_unit *u, struct st_err *e)
{
	int rc = ST_OK;

	if (!w->hand)
		return take_version(w, u, &u->side[0], e);
	for (size_t i = 0; rc == ST_OK && i < w->hand->nrows; i++) {
		const struct st_stage_row *row = &w->hand->rows[i];
		const char *name = st_unit_of(&w->arena, row->path, e);

		if (!name)
			return e->code;
		if (strcmp(name, u->name) == 0 || st_weave_unit_at(w, row->path) == u)
			rc = take_row(w, row, e);
	}
	return rc;
}

static int take_from(struct st_weave *w, const struct st_weave_unit *u, const struct st_oid *commit,
		     struct st_err *e)
{
	struct st_unit_version v = { 0 };
	int rc = st_weave_unit_from(w, u, commit, &v, e);

	if (rc == ST_OK && !v.n)
		return st_fail(e, ST_ENOTFOUND, "the version of --from has no model '%s'", u->name);
	return rc == ST_OK ? take_version(w, u, &v, e) : rc;
}

static const struct st_oid *id_at(const struct st_index *x, const char *path)
{
	static const struct st_oid none = { { 0 } };
	const struct st_stage_row *row = st_index_find(x, path, strlen(path), NULL);

	return row ? &row->id : &none;
}

static struct st_merge_held held_at(const struct st_index *x, const char *path)
{
	return st_held_file(st_index_find(x, path, strlen(path), NULL));
}

int st_weave_unit_whole(struct st_weave *w, const struct st_weave_unit *u, struct st_err *e)
{
	const char *path = st_weave_unit_path(u);
	const struct st_oid none = { { 0 } };
	struct st_oid ids[ST_THREE_SIDES];
	struct st_merge_held held[ST_THREE_SIDES + 1] = { { 0 } };
	const struct st_merge_item it = { .path = path,
					  .path_len = strlen(path),
					  .name = "",
					  .kind = st_conflict_name(ST_CONFLICT_LAYOUT),
					  .base = u->torn ? none : *id_at(&w->base, path),
					  .sides = ids,
					  .nsides = w->n,
					  .held = held };
	struct st_choice c;
	int rc;

	if (!u->torn)
		held[0] = held_at(&w->base, path);
	for (size_t i = 0; i < w->n; i++) {
		ids[i] = *id_at(&w->sides[i], path);
		held[i + 1] = held_at(&w->sides[i], path);
	}
	rc = st_weave_item(w, &it, ST_RULED_NOT, &c, e);
	if (rc != ST_OK)
		return rc;
	switch (c.how) {
	case ST_HOW_OPEN:
	case ST_HOW_SIDE:
		return take_version(w, u, &u->side[c.side], e);
	case ST_HOW_BASE:
		if (u->torn)
			return st_weave_no_base(path, "", 0, e);
		return take_version(w, u, &u->base, e);
	case ST_HOW_HAND:
		return take_staged(w, u, e);
	case ST_HOW_FROM:
		return take_from(w, u, &c.from, e);
	default:
		return st_fail(e, ST_EUSAGE,
			       "'%s' can only be settled as a whole: --ours, --theirs, --base or "
			       "--from",
			       path);
	}
}

/* ---- all of it ---- */

/* Where files are merged one by one. */
static int weave_index(struct st_weave *w, const struct st_weave_unit *u, struct st_err *e)
{
	struct st_strand s = { .base = u->base.index };

	s.path = s.base ? s.base->path : NULL;
	for (size_t i = 0; i < w->n; i++) {
		s.side[i] = u->side[i].index;
		s.path = s.side[i] && !s.path ? s.side[i]->path : s.path;
	}
	if (!s.path || (w->wanted && !w->wanted(w->wanted_arg, s.path)))
		return ST_OK;
	return st_weave_index_apart(w, u, &s, e);
}

int st_weave_unit(struct st_weave *w, const struct st_weave_unit *u, struct st_err *e)
{
	const struct st_unit_version *v = &u->side[u->pattern];
	struct st_strand s = { .mode = 0 };

	if (u->apart)
		return weave_index(w, u, e);
	s.path = v->index ? v->index->path : v->rows[0]->path;
	if (w->wanted && !w->wanted(w->wanted_arg, s.path))
		return ST_OK;
	return st_weave_model(w, &s, u, e);
}
