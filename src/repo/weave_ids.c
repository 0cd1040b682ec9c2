/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An id in a configuration means a token. Versions that give their tokens different ids are
 * compared in common numbers, one for each token whatever its ids, and what comes of them is
 * written in the ids of the result's tokenizer:
 *
 *	a token of ours		its id there
 *	another one		FRESH + a number of its own
 *	an id without a token	BARE + the id
 *	an id of who knows what	VAGUE + the id: of a base for which others have no answer
 *
 * The result's tokenizer is read from its files once they are made, so that what has ids is stored
 * at the end.
 */
#include "repo/weave.h"

#include "repo/rewind.h"
#include "tensor/quote.h"

#define FRESH ((uint64_t)1 << 56)
#define BARE ((uint64_t)2 << 56)
#define VAGUE ((uint64_t)3 << 56)

struct version {
	uint64_t *to; /* of its ids: common numbers, or ST_NO_TOKEN */
	uint64_t end;
	bool none;  /* it has no tokenizer: its ids are as another version means them */
	bool vague; /* nobody knows what its ids are of */
};

struct later { /* a file in common numbers, which is to be stored */
	struct st_strand s;
	struct st_vocab_text text;
	bool loose; /* some of its ids are not decided yet */
	struct later *next;
};

struct st_weave_ids {
	const char *dir; /* of the tokenizer, with the slash; "" */
	bool usable;
	size_t n;			      /* sides */
	struct version v[ST_THREE_SIDES + 1]; /* the base behind them */
	struct st_map fresh;		      /* tokens that ours has not -> their number */
	uint64_t end;			      /* past ours's own */
	bool clash;			      /* several sides changed the tokens, differently */
	size_t changed;			      /* else: one that did, or ours */
	struct later *later;
	struct st_weave_ids *next;
};

/* ---- common numbers ---- */

static int number_token(struct st_weave_ids *k, const struct st_vocab *ours,
			const struct st_token *t, uint64_t *to, struct st_err *e)
{
	if (st_map_get(&ours->ids, t->text, t->len, to) ||
	    st_map_get(&k->fresh, t->text, t->len, to))
		return ST_OK;
	*to = FRESH + k->fresh.count;
	return st_map_put(&k->fresh, t->text, t->len, *to, NULL, NULL, e);
}

static int number(struct st_weave *w, struct st_weave_ids *k, const struct st_vocab *ours,
		  const struct st_vocab *of, struct version *out, struct st_err *e)
{
	size_t n;
	int rc = st_size(of->end, &n, e);

	out->end = of->end;
	out->none = !of->n;
	out->to = rc == ST_OK ? st_arena_alloc(&w->arena, (n + 1) * sizeof(*out->to), e) : NULL;
	if (!out->to)
		return e->code;
	for (size_t i = 0; i < n; i++)
		out->to[i] = ST_NO_TOKEN;
	for (size_t i = 0; rc == ST_OK && i < of->n; i++)
		if (out->to[of->v[i].id] == ST_NO_TOKEN)
			rc = number_token(k, ours, &of->v[i], &out->to[of->v[i].id], e);
	return rc;
}

/* *usable false: nobody can tell which token has which id. */
static int read_tokens(struct st_weave *w, const struct st_weave_ids *k, const struct st_index *x,
		       struct st_vocab *v, bool *usable, struct st_err *e)
{
	enum st_code why;
	int rc = st_weave_vocab_look(w, x, k->dir, v, &why, e);

	*usable = *usable && why == ST_OK;
	return rc;
}

static int number_one(struct st_weave *w, struct st_weave_ids *k, const struct st_vocab *ours,
		      const struct st_index *x, struct version *out, struct st_err *e)
{
	struct st_vocab v;
	int rc;

	st_vocab_init(&v);
	rc = read_tokens(w, k, x, &v, &k->usable, e);
	if (rc == ST_OK && k->usable)
		rc = number(w, k, ours, &v, out, e);
	st_vocab_release(&v);
	return rc;
}

/* Have several bases other tables than one another? What comes of them is none of a text's. */
static bool is_vague(const struct st_weave *w, const char *dir)
{
	size_t all, n = w->bases ? st_weave_nbases(w, &all) : 0;
	bool same = true;

	for (size_t b = 1; same && b < n; b++)
		same = st_weave_tables_alike(st_weave_base_at(w, 0), st_weave_base_at(w, b), dir);
	return !same;
}

static bool same_numbers(const struct version *a, const struct version *b)
{
	return a->end == b->end &&
	       (!a->end || memcmp(a->to, b->to, (size_t)a->end * sizeof(*a->to)) == 0);
}

/* Several sides that changed files of tokens, if only what is said of one, may have to choose. */
static bool may_clash(const struct st_weave *w, const char *dir)
{
	size_t who = w->n;
	bool clash = false;

	for (size_t i = 0; i < w->n; i++) {
		if (st_weave_tables_alike(&w->base, &w->sides[i], dir))
			continue;
		clash = clash ||
			(who < w->n && !st_weave_tables_alike(&w->sides[who], &w->sides[i], dir));
		who = who < w->n ? who : i;
	}
	return clash;
}

/* Whose tokens the result has where nobody needs to decide. */
static void find_changed(const struct st_weave *w, struct st_weave_ids *k)
{
	const struct version *base = &k->v[k->n];
	size_t who = k->n;

	for (size_t i = 0; i < k->n; i++) {
		if (!base->vague && same_numbers(&k->v[i], base))
			continue;
		if (who < k->n && !same_numbers(&k->v[i], &k->v[who]))
			k->clash = true;
		who = who < k->n ? who : i;
	}
	k->changed = who < k->n ? who : 0;
	k->clash = k->clash || may_clash(w, k->dir);
}

/* What has no tokenizer, or not any more, goes by the numbers of the base, or of who has one. */
static void lend(struct st_weave_ids *k)
{
	size_t from = 0;

	while (from < k->n && k->v[from].none)
		from++;
	from = k->v[k->n].none || k->v[k->n].vague ? from : k->n;
	k->usable = from < k->n || !k->v[k->n].none;
	for (size_t i = 0; k->usable && i <= k->n; i++)
		if (k->v[i].none) {
			k->v[i].to = k->v[from].to;
			k->v[i].end = k->v[from].end;
		}
}

static int number_all(struct st_weave *w, struct st_weave_ids *k, struct st_err *e)
{
	struct version *base = &k->v[k->n];
	struct st_vocab ours;
	int rc;

	st_vocab_init(&ours);
	rc = read_tokens(w, k, &w->sides[0], &ours, &k->usable, e);
	k->end = ours.end;
	for (size_t i = 0; rc == ST_OK && k->usable && i < k->n; i++)
		rc = number_one(w, k, &ours, &w->sides[i], &k->v[i], e);
	base->vague = is_vague(w, k->dir);
	base->none = true;
	if (rc == ST_OK && k->usable && !base->vague) {
		rc = number_one(w, k, &ours, &w->base, base, e);
		base->vague = !k->usable;
		k->usable = true;
	}
	st_vocab_release(&ours);
	if (rc == ST_OK && k->usable)
		lend(k);
	return rc;
}

/* Of a version that is none of those that are merged. */
static int number_other(struct st_weave *w, struct st_weave_ids *k, const struct st_index *x,
			struct version *out, struct st_err *e)
{
	struct st_vocab ours;
	int rc;

	st_vocab_init(&ours);
	rc = st_weave_vocab_read(w, &w->sides[0], k->dir, &ours, e);
	if (rc == ST_OK)
		rc = number_one(w, k, &ours, x, out, e);
	st_vocab_release(&ours);
	return rc;
}

/* ---- of a folder ---- */

static int load(struct st_weave *w, struct st_weave_ids *k, struct st_err *e)
{
	int rc;

	k->n = w->n;
	k->usable = st_weave_moves_ids(w, k->dir);
	if (!k->usable)
		return ST_OK;
	rc = number_all(w, k, e);
	if (rc == ST_OK && k->usable)
		find_changed(w, k);
	return rc;
}

int st_weave_ids(struct st_weave *w, const char *path, struct st_weave_ids **out, struct st_err *e)
{
	struct st_weave_ids *k;
	size_t len;
	int rc;

	*out = NULL;
	if (!st_vocab_has_ids(st_weave_file_name(path)) || !st_weave_vocab_dir(w, path, &len))
		return ST_OK;
	for (k = w->ids; k; k = k->next)
		if (strlen(k->dir) == len && memcmp(k->dir, path, len) == 0) {
			*out = k->usable ? k : NULL;
			return ST_OK;
		}
	k = st_arena_alloc(&w->arena, sizeof(*k), e);
	if (!k)
		return e->code;
	*k = (struct st_weave_ids){ .next = w->ids };
	st_map_init(&k->fresh);
	k->dir = st_arena_dup(&w->arena, path, len, e);
	w->ids = k;
	rc = k->dir ? load(w, k, e) : (int)e->code;
	*out = rc == ST_OK && k->usable ? k : NULL;
	return rc;
}

void st_weave_ids_release(struct st_weave *w)
{
	for (struct st_weave_ids *k = w->ids; k; k = k->next)
		st_map_release(&k->fresh);
	w->ids = NULL;
}

/* ---- texts ---- */

static int to_common(void *arg, uint64_t id, uint64_t *to, struct st_err *e)
{
	const struct version *v = arg;

	if (id >= FRESH)
		return st_fail(e, ST_EFORMAT, "an id is larger than any token's");
	if (v->vague)
		*to = VAGUE + id;
	else
		*to = id < v->end && v->to[id] != ST_NO_TOKEN ? v->to[id] : BARE + id;
	return ST_OK;
}

int st_weave_ids_common(const struct st_weave_ids *k, size_t part, const char *file,
			const struct st_vocab_text *text, struct st_buf *out, struct st_err *e)
{
	struct version v = k->v[part == ST_THREE_BASE ? k->n : part];
	const struct st_vocab_ids fn = { to_common, &v };

	return st_vocab_renumber(file, text, &fn, out, e);
}

static int number_commit(struct st_weave *w, struct st_weave_ids *k, const struct st_oid *commit,
			 struct version *out, struct st_err *e)
{
	struct st_index x;
	size_t part;
	int rc;

	if (st_weave_part(w, commit, &part)) {
		*out = k->v[part == ST_THREE_BASE ? k->n : part];
		return ST_OK;
	}
	st_index_init(&x);
	rc = st_rewind_commit(w->r, commit, &x, e);
	if (rc == ST_OK)
		rc = number_other(w, k, &x, out, e);
	if (rc == ST_OK && !k->usable)
		rc = st_fail(
			e, ST_EREFUSED,
			"the tokenizer in '%s' of the version of --from cannot be read, or its "
			"files do not agree",
			*k->dir ? k->dir : ".");
	if (rc == ST_OK && out->none)
		*out = k->v[0];
	st_index_release(&x);
	return rc;
}

int st_weave_ids_common_from(struct st_weave *w, struct st_weave_ids *k,
			     const struct st_oid *commit, const char *file,
			     const struct st_vocab_text *text, struct st_buf *out, struct st_err *e)
{
	struct version v = { 0 };
	const struct st_vocab_ids fn = { to_common, &v };
	int rc = number_commit(w, k, commit, &v, e);

	return rc == ST_OK ? st_vocab_renumber(file, text, &fn, out, e) : rc;
}

struct looking {
	const struct st_weave_ids *k;
	bool lone;
};

static bool has(const struct version *v, uint64_t common)
{
	for (uint64_t id = 0; id < v->end; id++)
		if (v->to[id] == common)
			return true;
	return false;
}

static int look(void *arg, uint64_t common, uint64_t *to, struct st_err *e)
{
	struct looking *x = arg;
	const struct st_weave_ids *k = x->k;

	(void)to;
	(void)e;
	for (size_t i = 0; i < k->n; i++)
		if (common >= BARE && common < VAGUE) /* of no token here, but there? */
			x->lone = x->lone || (common - BARE < k->v[i].end &&
					      k->v[i].to[common - BARE] != ST_NO_TOKEN);
		else if (common < BARE && (k->clash || i == k->changed))
			x->lone = x->lone || !has(&k->v[i], common);
	return ST_OK;
}

int st_weave_ids_lone(const struct st_weave_ids *k, const char *file, const char *key, size_t len,
		      const struct st_vocab_text *text, bool *lone, struct st_err *e)
{
	struct looking x = { .k = k };
	const struct st_vocab_ids fn = { look, &x };
	int rc = st_vocab_ids_in(file, key, len, text, &fn, e);

	*lone = x.lone;
	return rc;
}

bool st_weave_numbered(const struct st_weave *w, const struct st_map *folders, const char *path)
{
	size_t len;

	return folders->count && st_vocab_has_ids(st_weave_file_name(path)) &&
	       st_weave_vocab_dir(w, path, &len) && st_map_get(folders, path, len, NULL);
}

bool st_weave_ids_clash(const struct st_weave_ids *k)
{
	return k->clash;
}

/* ---- the result ---- */

int st_weave_ids_store(struct st_weave *w, struct st_weave_ids *k, const struct st_strand *s,
		       bool loose, const struct st_buf *text, struct st_err *e)
{
	struct later *x = st_arena_alloc(&w->arena, sizeof(*x), e);
	const void *p = x ? st_arena_dup(&w->arena, text->p, text->len, e) : NULL;

	if (!p)
		return e->code;
	*x = (struct later){ *s, { p, text->len }, loose, k->later };
	x->s.path = st_arena_dup(&w->arena, s->path, strlen(s->path), e);
	k->later = x;
	return e->code;
}

struct result {
	struct st_weave *w;
	struct st_weave_ids *k;
	const char *path; /* of the file that is written */
	bool loose;
	uint64_t *ours, *fresh, nfresh; /* of common numbers: ids, or ST_NO_TOKEN */
};

/* Is something of the tokenizer not decided yet? */
static bool is_open(const struct st_weave *w, const struct st_weave_ids *k)
{
	for (size_t i = 0; i < w->d->nitems; i++) {
		const struct st_merge_item *x = &w->d->items[i];
		const char *file = st_weave_file_name(x->path);
		enum st_vocab_form form = st_vocab_form_of(file, x->name, x->name_len);
		const size_t len = (size_t)(file - x->path);

		if (!x->how && st_vocab_is_table(file) && len == strlen(k->dir) &&
		    memcmp(x->path, k->dir, len) == 0 &&
		    (!x->name_len || form == ST_VOCAB_TOKENS || form == ST_VOCAB_ENTRIES))
			return true;
	}
	return false;
}

static const struct later *find_later(const struct st_weave_ids *k, const char *path)
{
	const struct later *x = k->later;

	while (x && strcmp(x->s.path, path) != 0)
		x = x->next;
	return x;
}

/* Not sorted yet. */
static const struct st_stage_row *find_made(const struct st_index *x, const char *path)
{
	for (size_t i = 0; i < x->nrows; i++)
		if (strcmp(x->rows[i].path, path) == 0)
			return &x->rows[i];
	return NULL;
}

/* The row of a table in the result, which may be a text that is to be stored yet. */
static int find_table(struct st_weave *w, const struct st_weave_ids *k, const char *path,
		      struct st_stage_row *row, bool *there, struct st_err *e)
{
	const struct later *x = find_later(k, path);
	const struct st_stage_row *made = NULL;

	if (st_weave_by_hand(w, path) || (w->wanted && !w->wanted(w->wanted_arg, path)))
		made = w->hand ? st_index_find(w->hand, path, strlen(path), NULL) : NULL;
	else if (!x)
		made = find_made(&w->target, path);
	x = made ? NULL : x;
	*there = x || made;
	*row = made ? *made : (struct st_stage_row){ .path = path, .path_len = strlen(path) };
	if (!x)
		return ST_OK;
	st_oid_of(&row->id, x->text.p, x->text.len);
	row->size = x->text.len;
	return st_weave_note_text(w, &row->id, x->text.p, x->text.len, e);
}

/* Right in that folder, of `len` bytes. */
static int list_folder(struct st_weave *w, const struct st_weave_ids *k, size_t len,
		       struct st_index *out, struct st_err *e)
{
	const char *name;
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && (name = st_vocab_table(i)); i++) {
		struct st_stage_row row;
		bool there;
		struct st_buf b;

		st_buf_init(&b, 1 << 20);
		rc = st_buf_addf(&b, e, "%.*s%s", (int)len, k->dir, name);
		if (rc == ST_OK)
			rc = find_table(w, k, st_arena_dup(&w->arena, b.p, b.len, e), &row, &there,
					e);
		if (rc == ST_OK && there)
			rc = st_index_add(out, &row, e);
		st_buf_release(&b);
	}
	return rc;
}

/* Of the nearest folder, upward, as a version's. */
static int list_tables(struct st_weave *w, const struct st_weave_ids *k, struct st_index *out,
		       struct st_err *e)
{
	size_t len = strlen(k->dir);
	int rc = list_folder(w, k, len, out, e);

	while (rc == ST_OK && !out->nrows && len) {
		len = st_weave_above(k->dir, len);
		rc = list_folder(w, k, len, out, e);
	}
	return rc == ST_OK ? st_index_sort(out, e) : rc;
}

/* Which id each token has there. Where files do not agree whoever looks at them says so. */
static int read_result(struct result *r, struct st_err *e)
{
	struct st_weave_ids *k = r->k;
	struct version v = { 0 };
	struct st_index x;
	size_t n, m;
	int rc;

	st_index_init(&x);
	rc = list_tables(r->w, k, &x, e);
	if (rc == ST_OK)
		rc = number_other(r->w, k, &x, &v, e);
	st_index_release(&x);
	if (rc == ST_OK && (st_size(k->end, &n, e) != ST_OK || st_size(k->fresh.count, &m, e)))
		rc = e->code;
	if (rc != ST_OK)
		return rc;
	r->loose = r->loose || !k->usable || v.none;
	r->nfresh = m;
	r->ours = st_arena_alloc(&r->w->arena, (n + 1) * sizeof(*r->ours), e);
	r->fresh = st_arena_alloc(&r->w->arena, (m + 1) * sizeof(*r->fresh), e);
	if (!r->ours || !r->fresh)
		return e->code;
	for (size_t i = 0; i < n; i++)
		r->ours[i] = ST_NO_TOKEN;
	for (size_t i = 0; i < m; i++)
		r->fresh[i] = ST_NO_TOKEN;
	for (uint64_t id = k->usable ? v.end : 0; id > 0; id--) {
		uint64_t c = v.to[id - 1];

		if (c < k->end)
			r->ours[c] = id - 1;
		else if (c >= FRESH && c - FRESH < m)
			r->fresh[c - FRESH] = id - 1;
	}
	k->usable = true;
	return ST_OK;
}

/* A version that has the token. */
static size_t find_owner(const struct st_weave_ids *k, uint64_t common, uint64_t *id)
{
	for (size_t i = 0; i <= k->n; i++)
		for (*id = 0; *id < k->v[i].end; ++*id)
			if (k->v[i].to[*id] == common)
				return i;
	return SIZE_MAX;
}

static int refuse(const struct result *r, uint64_t common, struct st_err *e)
{
	uint64_t id = 0;
	size_t who = find_owner(r->k, common, &id);
	const struct st_token *t = NULL;
	struct st_err none = { 0 };
	const char *whose = "the version of --from";
	struct st_vocab v;
	struct st_quote q;

	st_vocab_init(&v);
	if (who <= r->k->n) {
		const struct st_index *of = who < r->k->n ? &r->w->sides[who] : &r->w->base;

		if (st_weave_vocab_read(r->w, of, r->k->dir, &v, &none) == ST_OK)
			for (size_t i = 0; !t && i < v.n; i++)
				t = v.v[i].id == id ? &v.v[i] : NULL;
		whose = who == r->k->n ? "the base" : who > 1 ? "a side" : who ? "theirs" : "ours";
	}
	(void)st_fail(
		e, ST_EREFUSED,
		"'%s' would name a token of %s, %s, that the tokenizer in '%s' would not have: "
		"decide both alike, or stage the file with 'strata add'",
		r->path, whose, t ? st_quote(&q, t->text, t->len) : "(unknown)",
		*r->k->dir ? r->k->dir : ".");
	st_vocab_release(&v);
	return e->code;
}

static int to_result(void *arg, uint64_t common, uint64_t *to, struct st_err *e)
{
	const struct result *r = arg;
	uint64_t id = common < r->k->end ? r->ours[common] : ST_NO_TOKEN;

	if (common >= FRESH && common - FRESH < r->nfresh)
		id = r->fresh[common - FRESH];
	if (common >= VAGUE && !r->loose)
		return st_weave_no_base(r->path, "", 0, e);
	if (common >= BARE)
		*to = common & (FRESH - 1);
	else if (id != ST_NO_TOKEN)
		*to = id;
	else if (!r->loose)
		return refuse(r, common, e);
	else if (find_owner(r->k, common, to) == SIZE_MAX)
		*to = 0;
	return ST_OK;
}

static int store_one(struct result *r, const struct later *x, struct st_err *e)
{
	struct result mine = *r;
	const struct st_vocab_ids fn = { to_result, &mine };
	struct st_buf b;
	int rc;

	mine.path = x->s.path;
	mine.loose = r->loose || x->loose;
	st_buf_init(&b, 2 * x->text.len + 4096);
	rc = st_vocab_renumber(st_weave_file_name(x->s.path), &x->text, &fn, &b, e);
	if (rc == ST_OK)
		rc = st_weave_store_text(r->w, &x->s, &b, e);
	st_buf_release(&b);
	return rc;
}

int st_weave_ids_finish(struct st_weave *w, struct st_err *e)
{
	int rc = ST_OK;

	for (struct st_weave_ids *k = w->ids; rc == ST_OK && k; k = k->next) {
		struct result r = { .w = w, .k = k };

		if (!k->later)
			continue;
		r.loose = is_open(w, k);
		rc = read_result(&r, e);
		for (const struct later *x = k->later; rc == ST_OK && x; x = x->next)
			rc = store_one(&r, x, e);
	}
	return rc;
}
