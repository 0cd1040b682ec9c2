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
 * Which tokenizer the result has follows from what is decided about its files: the union, or that
 * of one version. As long as something of it is open that is ours's, so that the files can be used.
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

struct st_weave_ids {
	const char *dir; /* of the tokenizer, with the slash; "" */
	bool usable;
	size_t n;			      /* sides */
	struct version v[ST_THREE_SIDES + 1]; /* the base behind them */
	struct st_map fresh;		      /* tokens that ours has not -> their number */
	bool clash;			      /* several sides have other tokens than the base */
	/* The result. */
	bool open;
	uint64_t *back, ends[2]; /* common numbers of ours, behind them fresh ones -> ids */
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
	struct st_err bad = { 0 };
	int rc = st_weave_vocab_read(w, x, k->dir, v, &bad);

	if (rc == ST_EREFUSED || rc == ST_EFORMAT || rc == ST_ELIMIT)
		*usable = false;
	else if (rc != ST_OK)
		*e = bad;
	return e->code;
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

/* Are tables of the base some of which the bases have no answer for? */
static bool is_vague(const struct st_weave *w, const char *dir)
{
	const char *name;

	for (size_t i = 0; (name = st_vocab_table(i)); i++)
		if (st_weave_baseless(w, st_weave_beside(&w->base, dir, strlen(dir), name)))
			return true;
	return false;
}

static bool same_numbers(const struct version *a, const struct version *b)
{
	return a->end == b->end &&
	       (!a->end || memcmp(a->to, b->to, (size_t)a->end * sizeof(*a->to)) == 0);
}

/* Whose tokens the result has where nothing is decided about them: those of the side that changed
 * them. */
static size_t find_changed(struct st_weave_ids *k)
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
	return who < k->n ? who : 0;
}

static int number_all(struct st_weave *w, struct st_weave_ids *k, struct st_err *e)
{
	struct st_vocab ours;
	size_t first = 0;
	int rc;

	st_vocab_init(&ours);
	rc = read_tokens(w, k, &w->sides[0], &ours, &k->usable, e);
	k->ends[0] = ours.end;
	for (size_t i = 0; rc == ST_OK && k->usable && i <= k->n; i++)
		rc = number_one(w, k, &ours, i < k->n ? &w->sides[i] : &w->base, &k->v[i], e);
	st_vocab_release(&ours);
	k->v[k->n].vague = is_vague(w, k->dir);
	while (first < k->n && k->v[first].none)
		first++;
	k->usable = k->usable && first < k->n;
	for (size_t i = 0; k->usable && i <= k->n; i++)
		if (k->v[i].none) {
			k->v[i].to = k->v[first].to;
			k->v[i].end = k->v[first].end;
		}
	return rc;
}

/* ---- the result ---- */

/* Does the item say whose tokens a file has? */
static bool says_tokens(const struct st_weave *w, const struct st_weave_ids *k,
			const struct st_merge_item *x)
{
	const char *file = st_weave_file_name(x->path);
	enum st_vocab_form form = st_vocab_form_of(file, x->name, x->name_len);
	size_t len;

	return st_vocab_is_table(file) &&
	       (!x->name_len || form == ST_VOCAB_TOKENS || form == ST_VOCAB_ENTRIES) &&
	       st_weave_vocab_dir(w, x->path, &len) && len == strlen(k->dir) &&
	       memcmp(x->path, k->dir, len) == 0;
}

static bool same_choice(const struct st_choice *a, const struct st_choice *b)
{
	if (a->how != b->how)
		return false;
	return a->how == ST_HOW_SIDE ? a->side == b->side :
	       a->how == ST_HOW_FROM ? st_oid_eq(&a->from, &b->from) :
				       a->how == ST_HOW_BASE;
}

/* What is decided about the tokenizer's files, if that is one thing. *any false: nobody needs to
 * decide. */
static int find_decision(struct st_weave *w, const struct st_weave_ids *k, struct st_choice *c,
			 bool *any, struct st_err *e)
{
	bool mixed = false;
	int rc = ST_OK;

	*any = false;
	for (size_t i = 0; rc == ST_OK && i < w->nknown; i++) {
		const struct st_merge_item *x = &w->d->items[i];
		struct st_choice one = { .how = ST_HOW_OPEN };

		if (!says_tokens(w, k, x))
			continue;
		if (x->how)
			rc = st_choice_parse(&one, &w->arena, x->how, w->n, e);
		mixed = mixed || !same_choice(&one, *any ? c : &one);
		*c = *any ? *c : one;
		*any = true;
	}
	if (mixed || !*any)
		c->how = ST_HOW_OPEN;
	*any = *any || k->clash;
	return rc;
}

static uint64_t *place_of(struct st_weave_ids *k, uint64_t common)
{
	if (common < k->ends[0])
		return &k->back[common];
	if (common >= FRESH && common - FRESH < k->ends[1])
		return &k->back[k->ends[0] + (common - FRESH)];
	return NULL;
}

static void go_back(struct st_weave_ids *k, const struct version *v)
{
	for (uint64_t id = v->end; id > 0; id--) {
		uint64_t *at = v->to[id - 1] == ST_NO_TOKEN ? NULL : place_of(k, v->to[id - 1]);

		if (at)
			*at = id - 1;
	}
}

static int go_back_to_union(struct st_weave *w, struct st_weave_ids *k, struct st_err *e)
{
	const struct st_weave_vocab *v;
	int rc = st_weave_vocab(w, k->dir, &v, e);

	if (rc != ST_OK)
		return rc;
	for (uint64_t id = k->v[1].end; id > 0; id--) {
		uint64_t common = k->v[1].to[id - 1];
		uint64_t *at = common == ST_NO_TOKEN ? NULL : place_of(k, common);

		if (at && id - 1 < v->u.ntheirs)
			*at = v->u.to[id - 1];
	}
	go_back(k, &k->v[0]);
	return ST_OK;
}

static int number_other(struct st_weave *w, struct st_weave_ids *k, const struct st_oid *commit,
			struct version *out, struct st_err *e)
{
	struct st_vocab ours;
	struct st_index x;
	struct st_oid tree;
	size_t part;
	int rc;

	if (st_weave_part(w, commit, &part)) {
		*out = k->v[part == ST_THREE_BASE ? k->n : part];
		return ST_OK;
	}
	st_index_init(&x);
	st_vocab_init(&ours);
	rc = st_repo_commit_tree(w->r, commit, &tree, e);
	if (rc == ST_OK)
		rc = st_rewind_index(w->r, &tree, &x, e);
	if (rc == ST_OK)
		rc = st_weave_vocab_read(w, &w->sides[0], k->dir, &ours, e);
	if (rc == ST_OK)
		rc = number_one(w, k, &ours, &x, out, e);
	if (rc == ST_OK && !k->usable)
		rc = st_fail(
			e, ST_EREFUSED,
			"the tokenizer in '%s' of the version of --from cannot be read, or its "
			"files do not agree",
			k->dir);
	if (rc == ST_OK && out->none)
		*out = k->v[0];
	st_vocab_release(&ours);
	st_index_release(&x);
	return rc;
}

/* Room for what is numbered so far. */
static int make_room(struct st_weave *w, struct st_weave_ids *k, struct st_err *e)
{
	size_t n;
	int rc = st_size(k->ends[0] + k->fresh.count, &n, e);

	k->ends[1] = k->fresh.count;
	k->back = rc == ST_OK ? st_arena_alloc(&w->arena, (n + 1) * sizeof(*k->back), e) : NULL;
	for (size_t i = 0; k->back && i < n; i++)
		k->back[i] = ST_NO_TOKEN;
	return e->code;
}

/* changed: the side whose tokens it has if nobody needs to decide */
static int find_result(struct st_weave *w, struct st_weave_ids *k, size_t changed, struct st_err *e)
{
	struct st_choice c = { .how = ST_HOW_UNION };
	const bool united = st_weave_united(w, k->dir);
	struct version other = { 0 };
	bool any = false;
	int rc = united ? ST_OK : find_decision(w, k, &c, &any, e);

	if (rc == ST_OK && c.how == ST_HOW_FROM)
		rc = number_other(w, k, &c.from, &other, e);
	if (rc == ST_OK)
		rc = make_room(w, k, e);
	if (rc != ST_OK)
		return rc;
	k->open = any && c.how == ST_HOW_OPEN;
	if (united)
		return go_back_to_union(w, k, e);
	go_back(k, c.how == ST_HOW_FROM ? &other :
		   c.how == ST_HOW_BASE ? &k->v[k->n] :
		   c.how == ST_HOW_SIDE ? &k->v[c.side] :
		   any			? &k->v[0] :
					  &k->v[changed]);
	return ST_OK;
}

/* ---- of a folder ---- */

static int load(struct st_weave *w, struct st_weave_ids *k, struct st_err *e)
{
	size_t changed;
	int rc;

	k->n = w->n;
	k->usable = !st_weave_same_tables(w, k->dir);
	if (!k->usable)
		return ST_OK;
	rc = number_all(w, k, e);
	if (rc != ST_OK || !k->usable)
		return rc;
	changed = find_changed(k);
	return find_result(w, k, changed, e);
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

int st_weave_ids_common_from(struct st_weave *w, struct st_weave_ids *k,
			     const struct st_oid *commit, const char *file,
			     const struct st_vocab_text *text, struct st_buf *out, struct st_err *e)
{
	struct version v = { 0 };
	const struct st_vocab_ids fn = { to_common, &v };
	int rc = number_other(w, k, commit, &v, e);

	return rc == ST_OK ? st_vocab_renumber(file, text, &fn, out, e) : rc;
}

struct looking {
	const struct st_weave_ids *k;
	bool lone, missing;
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
	uint64_t *at = place_of((struct st_weave_ids *)x->k, common);

	(void)to;
	(void)e;
	if (common >= BARE)
		return ST_OK;
	x->missing = x->missing || !at || *at == ST_NO_TOKEN;
	for (size_t i = 0; i < x->k->n; i++)
		x->lone = x->lone || !has(&x->k->v[i], common);
	return ST_OK;
}

int st_weave_ids_lone(const struct st_weave_ids *k, const char *file, const char *key, size_t len,
		      const struct st_vocab_text *text, bool *lone, struct st_err *e)
{
	struct looking x = { .k = k };
	const struct st_vocab_ids fn = { look, &x };
	int rc = st_vocab_ids_in(file, key, len, text, &fn, e);

	*lone = k->clash ? x.lone : x.missing;
	return rc;
}

struct writing {
	struct st_weave *w;
	struct st_weave_ids *k;
	const char *path;
	bool loose;
};

/* A version that has the token. */
static size_t find_owner(const struct st_weave_ids *k, uint64_t common, uint64_t *id)
{
	for (size_t i = 0; i <= k->n; i++)
		for (*id = 0; *id < k->v[i].end; ++*id)
			if (k->v[i].to[*id] == common)
				return i;
	return SIZE_MAX;
}

static int refuse(struct writing *x, uint64_t common, struct st_err *e)
{
	uint64_t id = 0;
	size_t who = find_owner(x->k, common, &id);
	const struct st_token *t = NULL;
	struct st_err none = { 0 };
	const char *whose = "the version of --from";
	struct st_vocab v;
	struct st_quote q;

	st_vocab_init(&v);
	if (who <= x->k->n) {
		const struct st_index *of = who < x->k->n ? &x->w->sides[who] : &x->w->base;

		if (st_weave_vocab_read(x->w, of, x->k->dir, &v, &none) == ST_OK)
			for (size_t i = 0; !t && i < v.n; i++)
				t = v.v[i].id == id ? &v.v[i] : NULL;
		whose = who == x->k->n ? "the base" : who > 1 ? "a side" : who ? "theirs" : "ours";
	}
	(void)st_fail(
		e, ST_EREFUSED,
		"'%s' would name a token of %s, %s, that the tokenizer in '%s' would not have: "
		"decide both alike, or stage the file with 'strata add'",
		x->path, whose, t ? st_quote(&q, t->text, t->len) : "(unknown)",
		*x->k->dir ? x->k->dir : ".");
	st_vocab_release(&v);
	return e->code;
}

static int to_result(void *arg, uint64_t common, uint64_t *to, struct st_err *e)
{
	struct writing *x = arg;
	const uint64_t *at = place_of(x->k, common);

	if (common >= BARE)
		*to = common & (FRESH - 1);
	else if (at && *at != ST_NO_TOKEN)
		*to = *at;
	else if (!x->loose && !x->k->open)
		return refuse(x, common, e);
	else if (find_owner(x->k, common, to) == SIZE_MAX)
		*to = 0;
	return ST_OK;
}

int st_weave_ids_result(struct st_weave *w, struct st_weave_ids *k, const char *path, bool loose,
			const struct st_vocab_text *text, struct st_buf *out, struct st_err *e)
{
	struct writing x = { w, k, path, loose };
	const struct st_vocab_ids fn = { to_result, &x };

	return st_vocab_renumber(st_weave_file_name(path), text, &fn, out, e);
}

bool st_weave_ids_clash(const struct st_weave_ids *k)
{
	return k->clash;
}
