/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which rows of a tensor are of whose tokens. An embedding with more rows than tokens keeps its
 * number of rows when tokens come, so that only the tokenizer tells that one row is of one token
 * here and of another one there.
 */
#include "repo/weave.h"

#include "diff/settings.h"

#define CONFIG "config.json"
#define MOST_CONFIG ((size_t)1 << 20) /* bytes */
#define MOST_SIZES 8

struct sizes { /* rows, as a configuration says */
	uint64_t v[MOST_SIZES];
	size_t n;
};

struct st_weave_tokens { /* of the models of a folder */
	const char *dir; /* theirs, with the slash; "" */
	bool any;	 /* is there something to say? */
	bool own;	 /* the tokenizer is in the very folder */
	bool clash;	 /* several sides changed their tokens, and not in the same way */
	bool moved;	 /* some side has tokens of the base under other ids, or not at all */
	struct st_three_tokens what;
	uint64_t base_end, end[ST_THREE_SIDES]; /* past the largest id */
	bool other[ST_THREE_SIDES];		/* the side has other tokens than the base */
	struct sizes sizes, new_sizes; /* as the base's configuration says, and the sides' */
	struct st_weave_tokens *next;
};

/* ---- whose tokens ---- */

struct reading {
	struct st_weave *w;
	struct st_weave_tokens *k;
	const char *dir; /* of the tokenizer */
	struct st_vocab base, side[ST_THREE_SIDES];
	bool other[ST_THREE_SIDES]; /* the side has another vocabulary than the base */
	bool torn;		    /* nobody can tell which token has which id in some version */
};

/* A tokenizer that cannot be read has no tokens. *torn: its files do not agree. */
static int read_tokens(const struct reading *k, const struct st_index *x, struct st_vocab *v,
		       bool *torn, struct st_err *e)
{
	enum st_code why;
	int rc = st_weave_vocab_look(k->w, x, k->dir, v, &why, e);

	*torn = why == ST_EREFUSED;
	if (why == ST_EFORMAT || why == ST_ELIMIT)
		st_vocab_release(v);
	return rc;
}

/* Every token of a is one of b, of the same id; what b has besides comes behind them. */
static bool is_head(const struct st_vocab *a, const struct st_vocab *b)
{
	uint64_t id;

	for (size_t i = 0; i < a->n; i++)
		if (!st_map_get(&b->ids, a->v[i].text, a->v[i].len, &id) || id != a->v[i].id)
			return false;
	for (size_t i = 0; i < b->n; i++)
		if (b->v[i].id < a->end && !st_map_get(&a->ids, b->v[i].text, b->v[i].len, NULL))
			return false;
	return true;
}

static bool same_tokens(const struct st_vocab *a, const struct st_vocab *b)
{
	return a->n == b->n && is_head(a, b);
}

/* Did one side add a file of all tokens that another one lacks, which changed the tokens? */
static bool kinds_differ(const struct reading *k, size_t changed)
{
	const struct st_weave *w = k->w;
	const size_t len = strlen(k->dir);

	for (size_t kind = 0; kind < ST_VOCAB_WHOLE; kind++) {
		const char *name = st_vocab_table(kind);

		if (st_weave_beside(&w->base, k->dir, len, name) ||
		    st_weave_beside(&w->sides[changed], k->dir, len, name))
			continue;
		for (size_t i = 0; i < w->n; i++)
			if (i != changed && st_weave_beside(&w->sides[i], k->dir, len, name) &&
			    !same_tokens(&k->side[i], &k->side[changed]))
				return true;
	}
	return false;
}

/* Where those of added_tokens.json begin that follow one another up to the last: the tokens before
 * them are in a file that is not read. */
static int find_added(const struct st_vocab *v, uint64_t *first, struct st_err *e)
{
	bool *has = st_vocab_used(v, e);

	if (!has)
		return e->code;
	for (*first = v->end; *first > 0 && has[*first - 1];)
		--*first;
	free(has);
	return ST_OK;
}

/* The base has no tokens that can be read; those that the sides have may be what was there before,
 * or new ones. */
static int compare_added(struct reading *k, struct st_err *e)
{
	uint64_t least = UINT64_MAX, first = least;
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < k->w->n; i++) {
		rc = k->side[i].n ? find_added(&k->side[i], &first, e) : ST_OK;
		least = first < least ? first : least;
	}
	if (rc != ST_OK || !least || least == UINT64_MAX ||
	    !st_weave_has_pieces(&k->w->base, k->dir))
		return rc;
	k->k->base_end = least;
	for (size_t i = 0; i < k->w->n; i++)
		k->k->end[i] = k->side[i].n ? k->side[i].end : least;
	k->k->what.unsure = k->k->any = true;
	return ST_OK;
}

/* The sides that changed it, which `other` names, and what follows. */
static int compare(struct reading *k, struct st_err *e)
{
	struct st_three_tokens *out = &k->k->what;
	size_t n = k->w->n, changed = 0, first = 0;
	bool differ = false;

	for (size_t i = 0; i < n; i++) {
		if (!k->other[i])
			continue;
		first = changed++ ? first : i;
		k->k->moved = k->k->moved || !is_head(&k->base, &k->side[i]);
		differ = differ || !same_tokens(&k->side[first], &k->side[i]) ||
			 (k->torn && changed > 1) || kinds_differ(k, i);
	}
	k->k->clash = differ;
	/* else the base's rows are of nothing that is read */
	if (!changed || (!k->base.n && !differ))
		return changed ? compare_added(k, e) : ST_OK;
	out->mixed = differ || k->torn || !is_head(&k->base, &k->side[first]) ||
		     (changed > 1 && changed < n);
	out->side = first;
	out->kept = out->mixed || changed == n ? 0 : k->base.end;
	k->k->any = out->mixed || out->kept;
	return ST_OK;
}

static int read_all(struct reading *k, struct st_err *e)
{
	struct st_weave *w = k->w;
	int rc = read_tokens(k, &w->base, &k->base, &k->torn, e);

	for (size_t i = 0; rc == ST_OK && i < w->n; i++) {
		bool torn = false;

		if (!st_weave_tables_alike(&w->base, &w->sides[i], k->dir))
			rc = read_tokens(k, &w->sides[i], &k->side[i], &torn, e);
		k->torn = k->torn || torn;
		k->other[i] = rc == ST_OK && k->side[i].n &&
			      (torn || !same_tokens(&k->base, &k->side[i]));
		k->k->other[i] = k->other[i];
		k->k->end[i] = k->side[i].n ? k->side[i].end : k->base.end;
	}
	k->k->base_end = k->base.end;
	return rc == ST_OK ? compare(k, e) : rc;
}

bool st_weave_tables_alike(const struct st_index *a, const struct st_index *b, const char *dir)
{
	const size_t len = strlen(dir);
	bool same = true;
	const char *name;

	for (size_t i = 0; same && (name = st_vocab_table(i)); i++)
		same = st_weave_same(st_weave_beside(a, dir, len, name),
				     st_weave_beside(b, dir, len, name));
	return same;
}

bool st_weave_same_tables(const struct st_weave *w, const char *dir)
{
	bool same = true;

	for (size_t i = 0; same && i < w->n; i++)
		same = st_weave_tables_alike(&w->base, &w->sides[i], dir);
	return same;
}

/* ---- how many rows ---- */

static void note_size(struct sizes *k, const struct st_setting *x)
{
	uint64_t n = 0;

	if (k->n == MOST_SIZES || st_vocab_form_of(CONFIG, x->key, x->key_len) != ST_VOCAB_SIZE)
		return;
	for (size_t i = 0; i < x->value_len; i++) {
		if (x->value[i] < '0' || x->value[i] > '9' || n > UINT32_MAX)
			return;
		n = 10 * n + (uint64_t)(x->value[i] - '0');
	}
	k->v[k->n++] = n;
}

static int read_sizes(struct st_weave *w, const struct st_index *x, struct st_weave_tokens *k,
		      const char *vocab_dir, struct sizes *out, struct st_err *e)
{
	const struct st_stage_row *row = st_weave_beside(x, k->dir, strlen(k->dir), CONFIG);
	struct st_err bad = { 0 };
	struct st_settings s;
	struct st_buf b;
	bool has;
	int rc;

	row = row ? row : st_weave_beside(x, vocab_dir, strlen(vocab_dir), CONFIG);
	st_buf_init(&b, MOST_CONFIG);
	st_settings_init(&s);
	rc = st_weave_slurp_text(w, row, &b, &has, e);
	/* what is no configuration says nothing */
	if (rc == ST_OK && has && st_settings_json(&s, "", b.p, b.len, &bad) == ST_OK)
		for (size_t i = 0; i < s.n; i++)
			note_size(out, &s.v[i]);
	st_settings_release(&s);
	st_buf_release(&b);
	return rc;
}

static int read_all_sizes(struct st_weave *w, struct st_weave_tokens *k, const char *vocab_dir,
			  struct st_err *e)
{
	const struct st_index *base = w->d->nbases ? &w->base : &w->sides[0];
	int rc = read_sizes(w, base, k, vocab_dir, &k->sizes, e);

	for (size_t i = 0; rc == ST_OK && i < w->n; i++)
		rc = read_sizes(w, &w->sides[i], k, vocab_dir, &k->new_sizes, e);
	return rc;
}

/* ---- of a folder ---- */

static int load(struct st_weave *w, struct st_weave_tokens *k, const char *vocab_dir,
		struct st_err *e)
{
	struct reading r = { .w = w, .k = k, .dir = vocab_dir };
	int rc;

	if (st_weave_same_tables(w, vocab_dir))
		return ST_OK;
	st_vocab_init(&r.base);
	for (size_t i = 0; i < w->n; i++)
		st_vocab_init(&r.side[i]);
	rc = read_all(&r, e);
	st_vocab_release(&r.base);
	for (size_t i = 0; i < w->n; i++)
		st_vocab_release(&r.side[i]);
	return rc == ST_OK && k->any ? read_all_sizes(w, k, vocab_dir, e) : rc;
}

static int find(struct st_weave *w, const char *path, struct st_weave_tokens **out,
		struct st_err *e)
{
	size_t len = (size_t)(st_weave_file_name(path) - path), vocab_len;
	struct st_weave_tokens *k;
	const char *vocab_dir;
	int rc = ST_OK;

	for (k = w->tokens; k; k = k->next)
		if (strlen(k->dir) == len && memcmp(k->dir, path, len) == 0) {
			*out = k;
			return ST_OK;
		}
	k = st_arena_alloc(&w->arena, sizeof(*k), e);
	if (!k)
		return e->code;
	*k = (struct st_weave_tokens){ .next = w->tokens };
	k->dir = st_arena_dup(&w->arena, path, len, e);
	if (k->dir && st_weave_vocab_dir(w, path, &vocab_len)) {
		k->own = vocab_len == len;
		vocab_dir = st_arena_dup(&w->arena, path, vocab_len, e);
		rc = vocab_dir ? load(w, k, vocab_dir, e) : (int)e->code;
	}
	if (rc != ST_OK || !k->dir)
		return e->code;
	*out = w->tokens = k;
	return ST_OK;
}

/* Is there a table in a that b has otherwise, or not? */
static bool has_others(const struct st_index *a, const struct st_index *b)
{
	for (size_t i = 0; i < a->nrows; i++) {
		const struct st_stage_row *x = &a->rows[i], *y;

		if (!st_vocab_is_table(st_weave_file_name(x->path)))
			continue;
		y = st_index_find(b, x->path, x->path_len, NULL);
		if (!y || !st_oid_eq(&x->id, &y->id))
			return true;
	}
	return false;
}

/* Where no tokenizer changed no folder needs to be looked at, of which there may be many. */
static bool tables_differ(struct st_weave *w)
{
	for (size_t i = 0; !w->tables_known && !w->tables_differ && i < w->n; i++)
		w->tables_differ = has_others(&w->base, &w->sides[i]) ||
				   has_others(&w->sides[i], &w->base);
	w->tables_known = true;
	return w->tables_differ;
}

/* The folder's; *out NULL: no tokenizer changed. */
static int find_changed(struct st_weave *w, const char *path, struct st_weave_tokens **out,
			struct st_err *e)
{
	*out = NULL;
	return tables_differ(w) ? find(w, path, out, e) : ST_OK;
}

int st_weave_tokens_mixed(struct st_weave *w, const char *path, bool changed, bool *mixed,
			  struct st_err *e)
{
	struct st_weave_tokens *k;
	int rc = find_changed(w, path, &k, e);

	/* or too few for the tokens that another side added */
	*mixed = rc == ST_OK && k &&
		 ((k->what.mixed && (changed || k->clash)) || (k->what.kept && changed));
	return rc;
}

int st_weave_tokens_clash(struct st_weave *w, const char *path, bool *clash, struct st_err *e)
{
	struct st_weave_tokens *k;
	int rc = find_changed(w, path, &k, e);

	*clash = rc == ST_OK && k && k->own && k->clash;
	return rc;
}

/* ---- of a tensor ---- */

static bool like(const struct st_operand *a, const struct st_operand *b)
{
	return a->ndim == b->ndim && a->ndim >= 1 && a->ndim <= 2 &&
	       (a->ndim == 1 || a->shape[1] == b->shape[1]);
}

/* A row for every token in the base and on some side; a side that has none for its new tokens has
 * not made the rows those of anything else. Where no side has any for new ones the old ones are of
 * tokens as before, which matters only where those have other numbers. */
static bool has_rows(const struct st_weave_tokens *k, size_t n, const struct st_operand *base,
		     const struct st_operand *const *sides)
{
	const struct st_operand *first = base;
	bool any = false, old = k->base_end && (!base || k->moved);

	if (base && base->ndim && base->shape[0] < k->base_end)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!sides[i])
			continue;
		first = first ? first : sides[i];
		if (!like(first, sides[i]))
			return false;
		any = any || sides[i]->shape[0] >= k->end[i] ||
		      (old && sides[i]->shape[0] >= k->base_end);
	}
	return any;
}

static bool says(const struct sizes *s, uint64_t rows, uint64_t least)
{
	for (size_t i = 0; i < s->n; i++)
		if (rows == s->v[i] && rows >= least)
			return true;
	return false;
}

static bool is_size(const struct st_weave_tokens *k, uint64_t rows)
{
	return says(&k->sizes, rows, k->base_end);
}

int st_weave_token_size(struct st_weave *w, const char *path, uint64_t rows, bool *said,
			struct st_err *e)
{
	struct st_weave_tokens *k;
	int rc = find(w, path, &k, e);

	*said = rc == ST_OK && is_size(k, rows);
	return rc;
}

static bool same(const struct st_operand *a, const struct st_operand *b)
{
	return a && b && st_oid_eq(&a->id, &b->id) && a->dtype == b->dtype &&
	       st_operand_same_shape(a, b);
}

static bool is_untouched(size_t n, const struct st_operand *base,
			 const struct st_operand *const *sides)
{
	for (size_t i = 0; i < n; i++)
		if (!same(sides[i], base))
			return false;
	return true;
}

/* Did only those that changed the tokens change it, too, and all alike? Then it goes with the
 * tokenizer, whatever became of that. */
static bool goes_along(const struct st_weave_tokens *k, size_t n, const struct st_operand *base,
		       const struct st_operand *const *sides)
{
	const struct st_operand *one = NULL;

	for (size_t i = 0; i < n; i++) {
		if (!k->other[i] && !same(sides[i], base))
			return false;
		if (!k->other[i])
			continue;
		if (one && !same(one, sides[i]))
			return false;
		one = sides[i];
	}
	return one && !k->clash;
}

/* Did a side take rows away that another one's new tokens have? */
static bool is_short(const struct st_weave_tokens *k, size_t n, const struct st_operand *base,
		     const struct st_operand *const *sides)
{
	for (size_t i = 0; i < n; i++)
		if (!k->other[i] && sides[i] && sides[i]->shape[0] < base->shape[0] &&
		    sides[i]->shape[0] < k->end[k->what.side])
			return true;
	return false;
}

/*
 * What some sides have, and the base has not. Where only one side has other tokens than the base
 * its tokenizer is the result's, so that only other sides' rows may be of other tokens; or too few,
 * where that side has more tokens.
 */
static bool is_added_mixed(const struct st_weave_tokens *k, size_t n, bool united,
			   const struct st_operand *const *sides)
{
	bool some = false, all = true, few = false;
	uint64_t rows = 0;

	for (size_t i = 0; i < n; i++) {
		all = all && sides[i];
		rows = sides[i] ? sides[i]->shape[0] : rows;
		some = some || (sides[i] && !k->other[i]);
		few = few || (sides[i] && sides[i]->shape[0] < k->end[k->what.side]);
	}
	if (!all && k->new_sizes.n && !says(&k->new_sizes, rows, 0))
		return false;
	/* without a base no rows can be kept apart either, and a union has numbers of its own */
	if (k->clash || all || united)
		return true;
	return some && (k->what.mixed || few);
}

int st_weave_tokens(struct st_weave *w, const char *path, const struct st_side *model,
		    const struct st_operand *base, const struct st_operand *const *sides,
		    struct st_three_tokens *out, struct st_err *e)
{
	struct st_weave_tokens *k;
	bool said = false;
	int rc = find(w, path, &k, e);

	if (rc != ST_OK || !k->any || !has_rows(k, w->n, base, sides))
		return rc;
	if (!base) {
		out->mixed = is_added_mixed(k, w->n, st_weave_united(w, path), sides);
		return ST_OK;
	}
	/* What nobody touched is not asked about in doubt: that may be all of the model. */
	if (is_untouched(w->n, base, sides) && (!k->clash || !is_size(k, base->shape[0])))
		return ST_OK;
	if (goes_along(k, w->n, base, sides))
		return ST_OK;
	*out = k->what;
	out->mixed = out->mixed || is_short(k, w->n, base, sides);
	if (is_size(k, base->shape[0]))
		return ST_OK;
	for (size_t i = 0; model && !said && i < model->n; i++)
		said = model->t[i].ndim >= 1 && model->t[i].ndim <= 2 &&
		       is_size(k, model->t[i].shape[0]);
	/* Of a tensor that may be another one no rows are told apart: a conflict. */
	*out = (struct st_three_tokens){ .mixed = !said && !k->what.unsure,
					 .unsure = !said && k->what.unsure };
	return ST_OK;
}
