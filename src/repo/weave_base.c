/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The base after merges crosswise, when several versions are the best that all sides come from. It
 * is what they agree on; where they do not, what the one of them has that differs from the base
 * that they have themselves, which is found in the same way. Where this has no answer, as several
 * differ from it, there is no base, and whatever the sides have differently is a conflict: to take
 * one of them as the base would undo, without a word, what a side did since.
 *
 * Asked about files first, then about what is in them: the tensors of a model (weave_sides.c), the
 * keys and lines of a text.
 */
#include "repo/merge_base.h"
#include "repo/rewind.h"
#include "repo/weave.h"

#include "merge/keys3.h"
#include "merge/lines3.h"
#include "tensor/quote.h"

#define LEVELS 16 /* beyond there is no answer */

struct st_weave_bases {
	/* The bases, behind them the best that these come from, and so on: as far as something
	 * differs. Behind those that come from none is an empty one. */
	struct st_index *v;
	size_t n, cap;
	size_t level[LEVELS + 1]; /* where each begins, and the last one ends */
	size_t nlevels;
	struct st_map open; /* paths for which there is no answer */
};

static size_t choose_at(const struct st_weave_bases *b, size_t level,
			bool (*same)(void *arg, size_t i, size_t k), void *arg)
{
	const size_t from = b->level[level], to = b->level[level + 1];
	size_t found = ST_NO_BASE, old, i = from + 1;

	while (i < to && same(arg, from, i))
		i++;
	if (i == to)
		return from;
	old = level + 1 < b->nlevels ? choose_at(b, level + 1, same, arg) : ST_NO_BASE;
	for (i = from; old != ST_NO_BASE && i < to; i++) {
		if (same(arg, i, old))
			continue;
		if (found != ST_NO_BASE && !same(arg, found, i))
			return ST_NO_BASE;
		found = found != ST_NO_BASE ? found : i;
	}
	return found;
}

size_t st_weave_choose(const struct st_weave *w, bool (*same)(void *arg, size_t i, size_t k),
		       void *arg)
{
	return choose_at(w->bases, 0, same, arg);
}

size_t st_weave_nbases(const struct st_weave *w, size_t *all)
{
	*all = w->bases->n;
	return w->bases->level[1];
}

const struct st_stage_row *st_weave_base_row(const struct st_weave *w, size_t i, const char *path)
{
	return st_index_find(&w->bases->v[i], path, strlen(path), NULL);
}

const struct st_index *st_weave_base_at(const struct st_weave *w, size_t i)
{
	return &w->bases->v[i];
}

bool st_weave_baseless(const struct st_weave *w, const struct st_stage_row *base)
{
	return base && w->bases && st_map_get(&w->bases->open, base->path, base->path_len, NULL);
}

int st_weave_no_base(const char *path, const char *name, size_t len, struct st_err *e)
{
	struct st_quote q;

	return st_fail(e, ST_EREFUSED,
		       "%s%s%.200s has no base: the versions that all sides come from differ about "
		       "it; say otherwise what becomes of it",
		       len ? st_quote(&q, name, len) : "", len ? " of " : "", path);
}

/* ---- files ---- */

struct rows {
	const struct st_weave *w;
	const char *path;
};

static bool same_content(void *arg, size_t i, size_t k)
{
	const struct rows *x = arg;

	return st_weave_same(st_weave_base_row(x->w, i, x->path),
			     st_weave_base_row(x->w, k, x->path));
}

static bool same_mode(void *arg, size_t i, size_t k)
{
	const struct rows *x = arg;
	const struct st_stage_row *a = st_weave_base_row(x->w, i, x->path);
	const struct st_stage_row *b = st_weave_base_row(x->w, k, x->path);

	return a && b ? a->mode == b->mode : a == b;
}

/* Contents and modes are changed each for itself. */
static uint32_t mode_of(struct rows *x, const struct st_stage_row *row)
{
	size_t at = st_weave_choose(x->w, same_mode, x);
	const struct st_stage_row *like = at != ST_NO_BASE ? st_weave_base_row(x->w, at, x->path) :
							     NULL;

	return like && like->mode != ST_MODE_LINK && row->mode != ST_MODE_LINK ? like->mode :
										 row->mode;
}

static int choose_file(struct st_weave *w, const char *path, struct st_err *e)
{
	struct st_map *open = &w->bases->open;
	struct rows x = { w, path };
	size_t at = st_weave_choose(w, same_content, &x);
	const struct st_stage_row *row = at != ST_NO_BASE ? st_weave_base_row(w, at, path) : NULL;
	struct st_stage_row mine;

	if (at != ST_NO_BASE && !row)
		return ST_OK;
	for (size_t i = 0; !row; i++) /* somewhere it is */
		row = st_weave_base_row(w, i, path);
	mine = *row;
	mine.mode = mode_of(&x, row);
	if (at == ST_NO_BASE &&
	    st_map_put(open, row->path, row->path_len, 1, NULL, NULL, e) != ST_OK)
		return e->code;
	return st_index_add(&w->base, &mine, e);
}

static int each_path(struct st_weave *w,
		     int (*fn)(struct st_weave *w, const char *path, struct st_err *e),
		     struct st_err *e)
{
	const struct st_weave_bases *b = w->bases;
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < b->level[1]; i++)
		for (size_t k = 0; rc == ST_OK && k < b->v[i].nrows; k++) {
			const char *path = b->v[i].rows[k].path;
			bool before = false;

			for (size_t o = 0; o < i; o++)
				before = before || st_weave_base_row(w, o, path);
			if (!before)
				rc = fn(w, path, e);
		}
	return rc;
}

/* Does the path differ on every level? ST_ENO: then. */
static int differs(struct st_weave *w, const char *path, struct st_err *e)
{
	const struct st_weave_bases *b = w->bases;
	struct rows x = { w, path };

	(void)e;
	for (size_t l = 0; l < b->nlevels; l++) {
		size_t i = b->level[l] + 1;

		while (i < b->level[l + 1] && same_content(&x, b->level[l], i) &&
		       same_mode(&x, b->level[l], i))
			i++;
		if (i == b->level[l + 1])
			return ST_OK;
	}
	return ST_ENO;
}

/* No commits: an empty one. */
static int add_level(struct st_weave *w, const struct st_oid *commits, size_t n, struct st_err *e)
{
	struct st_weave_bases *b = w->bases;
	size_t from = b->n;
	int rc = st_grow(&b->v, &b->cap, from + n + 1, e);

	if (rc != ST_OK)
		return rc;
	for (b->n += n ? n : 1; from < b->n; from++)
		st_index_init(&b->v[from]);
	b->level[++b->nlevels] = b->n;
	for (size_t i = 0; rc == ST_OK && i < n; i++)
		rc = st_rewind_commit(w->r, &commits[i], &b->v[b->n - n + i], e);
	return rc;
}

int st_weave_bases_load(struct st_weave *w, struct st_err *e)
{
	const struct st_oid *of = w->d->bases;
	struct st_oid *old = NULL, *last = NULL;
	size_t n = w->d->nbases;
	int rc;

	w->bases = st_arena_alloc(&w->arena, sizeof(*w->bases), e);
	if (!w->bases)
		return e->code;
	st_map_init(&w->bases->open);
	rc = add_level(w, of, n, e);
	while (rc == ST_OK && w->bases->nlevels < LEVELS) {
		rc = each_path(w, differs, e);
		if (rc != ST_ENO)
			break;
		rc = st_merge_bases_of_all(w->r, of, n, &old, &n, e);
		if (rc == ST_OK)
			rc = add_level(w, old, n, e);
		free(last);
		of = last = old;
	}
	free(last);
	if (rc == ST_OK)
		rc = each_path(w, choose_file, e);
	return rc == ST_OK ? st_index_sort(&w->base, e) : rc;
}

void st_weave_bases_release(struct st_weave *w)
{
	struct st_weave_bases *b = w->bases;

	if (!b)
		return;
	for (size_t i = 0; i < b->n; i++)
		st_index_release(&b->v[i]);
	free(b->v);
	st_map_release(&b->open);
	w->bases = NULL;
}

/* ---- texts ---- */

struct texts {
	struct st_weave *w;
	const char *path;
	const enum st_keys_lang *lang;
	size_t max;
	bool open; /* there is no answer */
};

struct level {		       /* of one level's texts */
	struct st_buf *v, old; /* n of them, and what these come from */
	size_t n;
	bool has_old;
};

static int no_answer(void *arg, const char *key, size_t len, const struct st_keys_text *base,
		     const struct st_keys_text *sides, size_t *choice, struct st_err *e)
{
	(void)key;
	(void)len;
	(void)base;
	(void)sides;
	(void)e;
	((struct texts *)arg)->open = true;
	*choice = 0;
	return ST_OK;
}

/* What an index says of its shards is made, and no base's. */
static int own_fit(void *arg, const char *key, size_t len, const struct st_keys_text *base,
		   const struct st_keys_text *sides, struct st_keys_text *text, bool *mine,
		   struct st_err *e)
{
	(void)base;
	(void)sides;
	*mine = false;
	return st_weave_fit_key(((struct texts *)arg)->w, key, len, text, mine, e);
}

static int join_keys(struct texts *x, const struct level *l, struct st_buf *out, bool *done,
		     struct st_err *e)
{
	struct st_keys_text sides[ST_THREE_SIDES];
	struct st_keys k = { .base = { l->has_old ? l->old.p : NULL, l->old.len },
			     .sides = sides,
			     .n = l->n,
			     .decide = no_answer,
			     .own = x->w->fit ? own_fit : NULL,
			     .arg = x,
			     .lang = *x->lang };
	int rc;

	for (size_t i = 0; i < l->n; i++)
		sides[i] = (struct st_keys_text){ l->v[i].p ? (const void *)l->v[i].p : "",
						  l->v[i].len };
	rc = st_keys_merge(&k, out, e);
	*done = rc == ST_OK;
	if (rc != ST_EFORMAT && rc != ST_ELIMIT && rc != ST_EREFUSED)
		return rc;
	st_err_clear(e);
	st_buf_clear(out);
	x->open = false;
	return ST_OK;
}

static struct st_text as_text(const struct st_buf *b)
{
	return (struct st_text){ b->p ? (const void *)b->p : "", b->len, "" };
}

static int join_lines(struct texts *x, const struct level *l, struct st_buf *out, struct st_err *e)
{
	const struct st_text old = as_text(&l->old);
	struct st_buf next;
	size_t conflicts = 0;
	int rc = st_buf_add(out, l->v[0].p, l->v[0].len, e);

	st_buf_init(&next, out->max);
	for (size_t i = 1; rc == ST_OK && !conflicts && i < l->n; i++) {
		const struct st_text now = as_text(out), other = as_text(&l->v[i]);
		struct st_buf t;

		st_buf_clear(&next);
		rc = st_lines_merge(&old, &now, &other, &next, &conflicts, e);
		t = *out;
		*out = next;
		next = t;
	}
	st_buf_release(&next);
	x->open = conflicts != 0;
	return rc;
}

static int slurp(struct texts *x, const struct st_stage_row *row, struct st_buf *out,
		 struct st_err *e)
{
	bool has;
	int rc = st_weave_slurp_text(x->w, row, out, &has, e);

	x->open = !has || (out->len && memchr(out->p, 0, out->len));
	return rc;
}

static int text_at(struct texts *x, size_t level, struct st_buf *out, bool *has, struct st_err *e);

static int join(struct texts *x, size_t level, struct level *l, struct st_buf *out,
		struct st_err *e)
{
	const size_t from = x->w->bases->level[level];
	bool done = false;
	int rc = text_at(x, level + 1, &l->old, &l->has_old, e);

	for (size_t i = 0; rc == ST_OK && !x->open && i < l->n; i++) {
		const struct st_stage_row *row = st_weave_base_row(x->w, from + i, x->path);

		x->open = !row;
		if (row)
			rc = slurp(x, row, &l->v[i], e);
	}
	if (rc == ST_OK && !x->open && x->lang)
		rc = join_keys(x, l, out, &done, e);
	if (rc == ST_OK && !x->open && !done)
		rc = join_lines(x, l, out, e);
	return rc;
}

/* The text of a level, of which there are few: as a file, if that has an answer; else joined.
 * *has: it is there. */
static int text_at(struct texts *x, size_t level, struct st_buf *out, bool *has, struct st_err *e)
{
	const struct st_weave_bases *b = x->w->bases;
	struct rows rows = { x->w, x->path };
	size_t at = level < b->nlevels ? choose_at(b, level, same_content, &rows) : ST_NO_BASE;
	const struct st_stage_row *row = at != ST_NO_BASE ? st_weave_base_row(x->w, at, x->path) :
							    NULL;
	struct level l = { .n = level < b->nlevels ? b->level[level + 1] - b->level[level] : 0 };
	int rc = ST_OK;

	*has = at == ST_NO_BASE || row;
	if (at != ST_NO_BASE)
		return row ? slurp(x, row, out, e) : ST_OK;
	x->open = level + 1 >= b->nlevels || l.n > ST_THREE_SIDES;
	if (x->open)
		return ST_OK;
	l.v = st_calloc(l.n, sizeof(*l.v), e);
	if (!l.v)
		return e->code;
	st_buf_init(&l.old, x->max);
	for (size_t i = 0; i < l.n; i++)
		st_buf_init(&l.v[i], x->max);
	rc = join(x, level, &l, out, e);
	for (size_t i = 0; i < l.n; i++)
		st_buf_release(&l.v[i]);
	st_buf_release(&l.old);
	free(l.v);
	return rc;
}

int st_weave_base_text(struct st_weave *w, const char *path, const enum st_keys_lang *lang,
		       struct st_buf *out, bool *found, struct st_err *e)
{
	struct texts x = { .w = w, .path = path, .lang = lang, .max = out->max };
	bool has;
	int rc;

	st_buf_clear(out);
	rc = text_at(&x, 0, out, &has, e);
	*found = rc == ST_OK && !x.open && has;
	if (!*found)
		st_buf_clear(out);
	return rc;
}
