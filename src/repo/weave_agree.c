/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether what came out of a merge agrees: which token has which id, by the files of a tokenizer,
 * and whose tokens the rows of a tensor are that was decided about. Where a side's rows are taken
 * the tokens that it has must have its ids; where vocabularies were joined the files must say what
 * the union says, each of those that have all tokens by itself.
 */
#include "repo/weave.h"

#include "repo/rewind.h"
#include "tensor/quote.h"

#include <inttypes.h>
#include <stdio.h>

struct agreeing { /* one folder with a tokenizer */
	struct st_weave *w;
	const struct st_index *x; /* the result */
	const char *dir;	  /* with the slash; "" */
	bool same;		  /* all versions have the same tokenizer */
	struct st_vocab got, base, side[ST_THREE_SIDES];
	struct { /* the version that --from named last */
		bool known;
		struct st_oid commit;
		struct st_index x;
		struct st_vocab v;
	} other;
};

/* ---- rows ---- */

struct counting { /* rows of a tensor, or of a file's with a row a token */
	struct st_weave *w;
	const struct st_merge_item *it;
	uint64_t rows; /* UINT64_MAX: it was not found */
	/* Of a row for each of `end` tokens: the fewest that a tensor of the file has. */
	uint64_t end, least;
};

static int count_rows(void *arg, const struct st_view *v, const struct st_segment *seg,
		      uint64_t seg_off, struct st_err *e)
{
	struct counting *k = arg;
	bool said;

	(void)seg;
	(void)seg_off;
	if (v->ndim && v->ndim <= 2 && v->shape[0] >= k->end && v->shape[0] < k->least)
		k->least = v->shape[0];
	if (!k->it->name_len) {
		if (v->ndim == 2 && v->shape[0] >= k->end &&
		    st_weave_token_size(k->w, k->it->path, v->shape[0], &said, e) == ST_OK && said)
			k->rows = v->shape[0];
		return e->code;
	}
	if (v->ndim && v->name_len == k->it->name_len &&
	    memcmp(v->name, k->it->name, v->name_len) == 0)
		k->rows = v->shape[0];
	return ST_OK;
}

/* *rows: of the tensor, where *other is false. */
static int find_rows(struct st_weave *w, const struct st_stage_row *row,
		     const struct st_merge_item *it, uint64_t end, uint64_t *rows, bool *other,
		     struct st_err *e)
{
	struct counting k = {
		.w = w, .it = it, .rows = UINT64_MAX, .end = end, .least = UINT64_MAX
	};
	struct st_vfile *f = NULL;
	bool said = false, model;
	int rc = st_vfile_open_model(&f, w->r, row, e);

	model = f != NULL;
	if (rc == ST_OK && f)
		rc = st_vfile_views(f, count_rows, &k, e);
	st_vfile_close(f);
	if (!it->name_len && k.rows == UINT64_MAX)
		k.rows = k.least;
	if (rc == ST_OK && it->name_len && k.rows != k.least)
		rc = st_weave_token_size(w, it->path, k.rows, &said, e);
	*other = it->name_len ? (k.rows != k.least && !said) || (model && k.rows == UINT64_MAX) :
				k.rows == UINT64_MAX;
	*rows = k.rows;
	return rc;
}

int st_weave_other_rows(struct st_weave *w, const struct st_stage_row *row,
			const struct st_merge_item *it, uint64_t end, bool *other, struct st_err *e)
{
	uint64_t rows;

	return find_rows(w, row, it, end, &rows, other, e);
}

/* ---- what there is to compare ---- */

static bool is_of(const struct agreeing *k, const char *path)
{
	size_t n;

	return st_weave_vocab_dir(k->w, path, &n) && n == strlen(k->dir) &&
	       memcmp(path, k->dir, n) == 0;
}

static bool is_size(const struct st_merge_item *it)
{
	return st_vocab_form_of(st_weave_file_name(it->path), it->name, it->name_len) ==
	       ST_VOCAB_SIZE;
}

/* Something is open, or the tokenizer is somebody's own. */
static bool is_left(const struct agreeing *k)
{
	const struct st_merge_desc *d = k->w->d;
	const char *name;
	char path[4096];

	for (size_t i = 0; i < d->nitems; i++) {
		const struct st_merge_item *it = &d->items[i];

		if (!it->how && is_of(k, it->path) && !is_size(it) &&
		    (strcmp(it->kind, st_conflict_name(ST_CONFLICT_VOCABULARY)) == 0 ||
		     st_vocab_file(st_weave_file_name(it->path))))
			return true;
	}
	for (size_t i = 0; (name = st_vocab_table(i)); i++)
		if (snprintf(path, sizeof(path), "%s%s", k->dir, name) < (int)sizeof(path) &&
		    st_weave_by_hand(k->w, path))
			return true;
	return false;
}

static int read_one(struct agreeing *k, const struct st_index *x, struct st_vocab *v, bool *torn,
		    struct st_err *e)
{
	struct st_err why = { 0 };
	int rc = st_weave_vocab_read(k->w, x, k->dir, v, &why);

	/* what cannot be read says nothing: whoever joins it is told */
	*torn = *torn || rc == ST_EREFUSED || rc == ST_EFORMAT || rc == ST_ELIMIT;
	if (rc != ST_OK && !*torn)
		*e = why;
	return e->code;
}

/* *torn: nobody can tell which token has which id on some side. */
static int read_all(struct agreeing *k, bool *torn, struct st_err *e)
{
	int rc = read_one(k, &k->w->base, &k->base, torn, e);

	for (size_t i = 0; rc == ST_OK && i < k->w->n; i++)
		rc = read_one(k, &k->w->sides[i], &k->side[i], torn, e);
	if (rc == ST_OK && !*torn)
		rc = st_weave_vocab_read(k->w, k->x, k->dir, &k->got, e);
	return rc == ST_OK ? ST_OK :
			     st_wrap(e, "the tokenizer that was decided on cannot be: decide its "
					"files alike, or stage them with 'strata add'");
}

/* ---- two tables ---- */

/* The first token of a, in its order, that b has otherwise: *is what b has instead. */
static int compare(const struct st_vocab *a, const struct st_vocab *b, const struct st_token **odd,
		   const struct st_token **is, struct st_err *e)
{
	struct st_vocab all;
	const struct st_token *x, *was;
	int rc;

	*odd = *is = NULL;
	st_vocab_init(&all);
	rc = st_vocab_join(&all, b, &x, &was, e);
	if (rc == ST_OK)
		rc = st_vocab_join(&all, a, &x, &was, e);
	if (rc == ST_OK && x) {
		*odd = x;
		*is = st_vocab_find(b, was->text, was->len);
	}
	st_vocab_release(&all);
	return rc;
}

/* Two tokens of one id, as no side has them. */
static int check_twice(struct agreeing *k, struct st_err *e)
{
	const struct st_token **first;
	struct st_quote qa, qb;
	size_t end;
	int rc = st_size(k->got.end, &end, e);

	first = rc == ST_OK ? st_calloc(end, sizeof(*first), e) : NULL;
	if (!first)
		return e->code;
	for (size_t i = 0; rc == ST_OK && i < k->got.n; i++) {
		const struct st_token *t = &k->got.v[i], *f = first[t->id];
		bool had = !f;
		uint64_t a, b;

		first[t->id] = f ? f : t;
		for (size_t s = 0; !had && s < k->w->n; s++)
			had = st_map_get(&k->side[s].ids, f->text, f->len, &a) &&
			      st_map_get(&k->side[s].ids, t->text, t->len, &b) && a == b;
		if (!had)
			rc = st_fail(e, ST_EREFUSED,
				     "tokens %s of %s%s and %s of %s%s would both have the id "
				     "%" PRIu64 ": decide all of the tokenizer alike, as in strata "
				     "resolve '%s*' --vocab union",
				     st_quote(&qa, f->text, f->len), k->dir, f->file,
				     st_quote(&qb, t->text, t->len), k->dir, t->file, t->id,
				     k->dir);
	}
	free(first);
	return rc;
}

/* ---- what the files say ---- */

static int refuse_token(const struct agreeing *k, const char *file, const struct st_token *t,
			const char *what, struct st_err *e)
{
	struct st_quote q;

	return st_fail(e, ST_EREFUSED,
		       "token %s of the %s would %s in %s%s: decide for one side, or stage the "
		       "tokenizer's files and the model with 'strata add'; or give both sides the "
		       "same kinds of files first, on their branches",
		       st_quote(&q, t->text, t->len),
		       st_weave_united(k->w, k->dir) ? "union" : "tokenizer", what, k->dir, file);
}

/* The tokens that a version has in a file that has all of them, and in what belongs to that. */
static int read_kind(struct agreeing *k, const struct st_index *x, const char *file,
		     struct st_vocab *v, struct st_err *e)
{
	const struct st_token *odd, *was;
	struct st_vocab added;
	const char *more = st_vocab_table(ST_VOCAB_WHOLE);
	int rc = st_weave_vocab_file(k->w, x, k->dir, file, v, e);

	if (rc != ST_OK || !v->file || strcmp(file, st_vocab_table(0)) == 0)
		return rc;
	st_vocab_init(&added);
	rc = st_weave_vocab_file(k->w, x, k->dir, more, &added, e);
	if (rc == ST_OK)
		rc = st_vocab_join(v, &added, &odd, &was, e);
	st_vocab_release(&added);
	return rc;
}

/* May a file of the result lack the token? As it does on a side that has it in other files. */
static bool may_lack(const struct agreeing *k, const struct st_vocab *of, const struct st_token *t)
{
	for (size_t i = 0; i < k->w->n; i++)
		if (of[i].file && st_map_get(&k->side[i].ids, t->text, t->len, NULL) &&
		    !st_map_get(&of[i].ids, t->text, t->len, NULL))
			return true;
	return false;
}

static int compare_kind(struct agreeing *k, const struct st_vocab *all, const char *file,
			struct st_vocab *got, struct st_vocab *of, struct st_err *e)
{
	int rc = read_kind(k, k->x, file, got, e);

	for (size_t i = 0; rc == ST_OK && got->file && i < k->w->n; i++)
		rc = read_kind(k, &k->w->sides[i], file, &of[i], e);
	for (size_t i = 0; rc == ST_OK && got->file && i < all->n; i++)
		if (!st_map_get(&got->ids, all->v[i].text, all->v[i].len, NULL) &&
		    !may_lack(k, of, &all->v[i]))
			rc = refuse_token(k, file, &all->v[i], "be missing", e);
	return rc;
}

/* Each kind of file that has all tokens has those of the others. */
static int check_kinds(struct agreeing *k, const struct st_vocab *all, struct st_err *e)
{
	struct st_vocab got, of[ST_THREE_SIDES];
	int rc = ST_OK;

	for (size_t kind = 0; rc == ST_OK && kind < ST_VOCAB_WHOLE; kind++) {
		st_vocab_init(&got);
		for (size_t i = 0; i < k->w->n; i++)
			st_vocab_init(&of[i]);
		rc = compare_kind(k, all, st_vocab_table(kind), &got, of, e);
		st_vocab_release(&got);
		for (size_t i = 0; i < k->w->n; i++)
			st_vocab_release(&of[i]);
	}
	return rc;
}

/* The union's tokens, as files would say them. */
static int tell_union(const struct st_weave_vocab *v, struct st_vocab *all, struct st_err *e)
{
	const struct st_token *odd, *was;
	int rc = st_vocab_join(all, &v->ours, &odd, &was, e);

	return rc == ST_OK ? st_vocab_add_new(all, &v->theirs, &v->u, e) : rc;
}

static int check_union(struct agreeing *k, struct st_err *e)
{
	const struct st_weave_vocab *v;
	struct st_vocab all;
	int rc = st_weave_vocab(k->w, k->dir, &v, e);

	st_vocab_init(&all);
	if (rc == ST_OK)
		rc = tell_union(v, &all, e);
	for (size_t i = 0; rc == ST_OK && i < k->got.n; i++) {
		const struct st_token *t = &k->got.v[i];
		uint64_t id;

		if (!st_map_get(&all.ids, t->text, t->len, &id) || id != t->id)
			rc = refuse_token(k, t->file, t, "have another id", e);
	}
	for (size_t i = 0; rc == ST_OK && i < all.n; i++)
		if (!st_map_get(&k->got.ids, all.v[i].text, all.v[i].len, NULL))
			rc = refuse_token(k, all.v[i].file, &all.v[i], "be missing", e);
	st_vocab_release(&all);
	return rc;
}

/* ---- tensors ---- */

#define OTHER SIZE_MAX /* the number of a version that --from names, which is not merged */

static const char *name_of(const struct agreeing *k, size_t side)
{
	if (side == OTHER)
		return "the version of --from";
	return side >= k->w->n ? "the base" : side ? "theirs" : "ours";
}

struct rows { /* that a tensor has from a side, w->n being the base, or OTHER */
	const struct st_merge_item *it;
	size_t side;
	const struct st_vocab *v; /* which tokens it means */
	uint64_t n;
	bool other; /* they are of something else */
	bool few;   /* the last tokens have none */
};

/* Of a file that is taken as a whole, with all files of its model. */
static int open_file(struct agreeing *k, struct rows *r, const struct st_index *x,
		     const struct st_oid *id, struct st_err *e)
{
	const struct st_weave_unit *u = st_weave_unit_with(k->w, r->it->path);
	const struct st_unit_version *v = !u		     ? NULL :
					  r->side >= k->w->n ? &u->base :
							       &u->side[r->side];
	int rc = ST_OK;

	r->other = true;
	for (size_t i = 0; rc == ST_OK && r->n == UINT64_MAX && v && i < v->n; i++)
		rc = find_rows(k->w, v->rows[i], r->it, r->v->end, &r->n, &r->other, e);
	for (size_t i = 0; rc == ST_OK && r->n == UINT64_MAX && !v && i < x->nrows; i++)
		if (st_oid_eq(&x->rows[i].id, id)) /* whatever it is called there */
			rc = find_rows(k->w, &x->rows[i], r->it, r->v->end, &r->n, &r->other, e);
	return rc;
}

/* Has the base a row for each of its tokens in that tensor? */
static int has_base_rows(struct agreeing *k, const struct st_merge_item *it, bool *yes,
			 struct st_err *e)
{
	const struct st_stage_row *row = st_index_find(&k->w->base, it->path, it->path_len, NULL);
	uint64_t n = UINT64_MAX;
	bool other = true;
	int rc = ST_OK;

	if (row && k->base.n)
		rc = find_rows(k->w, row, it, k->base.end, &n, &other, e);
	*yes = !other && n != UINT64_MAX;
	return rc;
}

/* Of tokens are a tensor's rows, too, that lacks some for the last ones, if it was one of rows for
 * all of them before. */
static int open_few(struct agreeing *k, struct rows *r, struct st_err *e)
{
	if (r->n >= r->v->end || !r->it->name_len ||
	    strcmp(r->it->kind, st_conflict_name(ST_CONFLICT_VOCABULARY)) != 0 ||
	    has_base_rows(k, r->it, &r->few, e) != ST_OK)
		return e->code;
	r->other = !r->few;
	return ST_OK;
}

static int open_rows(struct agreeing *k, struct rows *r, struct st_err *e)
{
	const bool base = r->side >= k->w->n;
	const struct st_index *x = base ? &k->w->base : &k->w->sides[r->side];
	const struct st_oid *id = base ? &r->it->base : &r->it->sides[r->side];
	const struct st_stage_row *row = st_index_find(x, r->it->path, r->it->path_len, NULL);
	int rc = ST_OK;

	r->v = base ? &k->base : &k->side[r->side];
	r->n = UINT64_MAX;
	r->other = !r->v->n || st_oid_is_zero(id);
	if (r->other)
		return ST_OK;
	/* of a model in shards the side may have the tensor in another one */
	if (!r->it->name_len || st_weave_unit_with(k->w, r->it->path))
		rc = open_file(k, r, x, id, e);
	else if (row)
		rc = find_rows(k->w, row, r->it, r->v->end, &r->n, &r->other, e);
	return rc == ST_OK && r->other ? open_few(k, r, e) : rc;
}

static int refuse_rows(const struct agreeing *k, const struct rows *r, const struct st_token *odd,
		       const struct st_token *is, struct st_err *e)
{
	struct st_quote qa, qb, qn;
	char what[200], name[160] = "";
	const char *how =
		is ? "decide both alike, or with --vocab union, or stage the tokenizer's files with "
		     "'strata add' first" :
		     "decide for a version that has a row for each token, or for one without it, or "
		     "stage a model of your own with 'strata add'";

	if (r->it->name_len)
		snprintf(name, sizeof(name), "tensor %s of ",
			 st_quote(&qn, r->it->name, r->it->name_len));
	if (is)
		snprintf(what, sizeof(what), "where token %s is %" PRIu64 ", but",
			 st_quote(&qa, is->text, is->len), is->id);
	else
		snprintf(what, sizeof(what), "which are %" PRIu64 ", but", r->n);
	return st_fail(e, ST_EREFUSED,
		       "%s'%s' would have the rows of %s, %s %s%s has %s as %" PRIu64 ": %s", name,
		       r->it->path, name_of(k, r->side), what, k->dir, odd->file,
		       st_quote(&qb, odd->text, odd->len), odd->id, how);
}

/* A token of the tokenizer that has no row, where all that the side means have one. */
static const struct st_token *find_rowless(const struct agreeing *k, const struct rows *r)
{
	for (size_t i = 0; i < k->got.n && r->n >= r->v->end; i++)
		if (k->got.v[i].id >= r->n)
			return &k->got.v[i];
	return NULL;
}

/* Would a model that the side does not have be left, without this tensor? */
static bool is_bereft(const struct agreeing *k, const struct st_merge_item *it, size_t side)
{
	const bool base = side >= k->w->n;

	return it->name_len && st_oid_is_zero(base ? &it->base : &it->sides[side]) &&
	       strcmp(it->kind, st_conflict_name(ST_CONFLICT_VOCABULARY)) == 0 &&
	       !st_weave_unit_with(k->w, it->path) &&
	       !st_index_find(base ? &k->w->base : &k->w->sides[side], it->path, it->path_len,
			      NULL) &&
	       st_index_find(k->x, it->path, it->path_len, NULL);
}

/* The tokens that have a row. */
static int list_rows(const struct rows *r, struct st_vocab *out, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < r->v->n; i++) {
		const struct st_token *t = &r->v->v[i];

		if (t->id < r->n)
			rc = st_vocab_put(out, t, e);
	}
	return rc;
}

static int compare_all(struct agreeing *k, const struct rows *r, const struct st_vocab *v,
		       struct st_err *e)
{
	const struct st_token *odd = NULL, *is = NULL;
	int rc = compare(&k->got, v, &odd, &is, e);

	if (rc == ST_OK && !odd)
		odd = find_rowless(k, r);
	return rc == ST_OK && odd ? refuse_rows(k, r, odd, is, e) : rc;
}

static int compare_rows(struct agreeing *k, const struct rows *r, struct st_err *e)
{
	struct st_vocab some;
	int rc;

	if (r->other)
		return ST_OK;
	if (!r->few)
		return compare_all(k, r, r->v, e);
	st_vocab_init(&some);
	rc = list_rows(r, &some, e);
	if (rc == ST_OK)
		rc = compare_all(k, r, &some, e);
	st_vocab_release(&some);
	return rc;
}

static int check_rows(struct agreeing *k, const struct st_merge_item *it, size_t side,
		      struct st_err *e)
{
	struct rows r = { .it = it, .side = side };
	struct st_quote q;
	int rc;

	if (is_bereft(k, it, side))
		return st_fail(e, ST_EREFUSED,
			       "'%s' would be left without tensor %s, since it is no file of %s: "
			       "decide for a version that has it, or stage a model of your own "
			       "with 'strata add'",
			       it->path, st_quote(&q, it->name, it->name_len), name_of(k, side));
	rc = open_rows(k, &r, e);
	return rc == ST_OK ? compare_rows(k, &r, e) : rc;
}

/* ---- of any other version ---- */

static void forget_other(struct agreeing *k)
{
	if (k->other.known) {
		st_index_release(&k->other.x);
		st_vocab_release(&k->other.v);
	}
	k->other.known = false;
}

/* One whose files do not agree about its tokens says nothing of them, as with a side. */
static int load_other(struct agreeing *k, const struct st_oid *commit, struct st_err *e)
{
	struct st_oid tree;
	bool torn = false;
	int rc;

	if (k->other.known && st_oid_eq(&k->other.commit, commit))
		return ST_OK;
	forget_other(k);
	st_index_init(&k->other.x);
	st_vocab_init(&k->other.v);
	k->other.known = true;
	k->other.commit = *commit;
	rc = st_repo_commit_tree(k->w->r, commit, &tree, e);
	if (rc == ST_OK)
		rc = st_rewind_index(k->w->r, &tree, &k->other.x, e);
	if (rc == ST_OK)
		rc = read_one(k, &k->other.x, &k->other.v, &torn, e);
	if (rc == ST_OK && torn)
		st_vocab_release(&k->other.v);
	return rc;
}

/* In the file of that path there, or in those of the same model. */
static int open_other(struct agreeing *k, struct rows *r, struct st_err *e)
{
	const struct st_weave_unit *u = st_weave_unit_with(k->w, r->it->path);
	const struct st_stage_row *row =
		st_index_find(&k->other.x, r->it->path, r->it->path_len, NULL);
	struct st_unit_version all = { .rows = &row, .n = row != NULL };
	int rc = u ? st_weave_unit_from(k->w, u, &k->other.commit, &all, e) : ST_OK;

	for (size_t i = 0; rc == ST_OK && r->other && i < all.n; i++) {
		rc = find_rows(k->w, all.rows[i], r->it, r->v->end, &r->n, &r->other, e);
		r->other = r->other || r->n == UINT64_MAX;
		if (rc == ST_OK && r->other)
			rc = open_few(k, r, e);
	}
	return rc;
}

static int check_other(struct agreeing *k, const struct st_merge_item *it,
		       const struct st_oid *commit, struct st_err *e)
{
	struct rows r = {
		.it = it, .side = OTHER, .v = &k->other.v, .n = UINT64_MAX, .other = true
	};
	int rc = load_other(k, commit, e);

	if (rc == ST_OK && r.v->n)
		rc = open_other(k, &r, e);
	return rc == ST_OK ? compare_rows(k, &r, e) : rc;
}

/* ---- decisions ---- */

/* Of those kinds a tensor may have rows of tokens that are others on other sides, and any file
 * that is taken as a whole. */
static bool is_of_tokens(const struct st_merge_item *it)
{
	static const enum st_conflict kinds[] = { ST_CONFLICT_VOCABULARY, ST_CONFLICT_DELETE_MODIFY,
						  ST_CONFLICT_RENAME_RENAME,
						  ST_CONFLICT_RENAME_DELETE, ST_CONFLICT_SHAPE };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (strcmp(it->kind, st_conflict_name(kinds[i])) == 0)
			return true;
	return !it->name_len;
}

/* A version that is not merged may have other tokens than all those that are, so that what is taken
 * from it may be of others, whatever it is. */
static int check_item(struct agreeing *k, const struct st_merge_item *it, struct st_err *e)
{
	struct st_choice c;
	size_t part = k->w->n;
	int rc = st_choice_parse(&c, &k->w->arena, it->how, k->w->n, e);

	if (rc != ST_OK)
		return rc;
	if (c.how == ST_HOW_FROM && !st_weave_part(k->w, &c.from, &part))
		return check_other(k, it, &c.from, e);
	if (k->same || !is_of_tokens(it))
		return ST_OK;
	if (c.how == ST_HOW_SIDE)
		return check_rows(k, it, c.side, e);
	if (c.how == ST_HOW_BASE || c.how == ST_HOW_FROM)
		return check_rows(k, it, part == ST_THREE_BASE ? k->w->n : part, e);
	for (size_t i = 0; rc == ST_OK && c.how == ST_HOW_METHOD && i < k->w->n; i++)
		rc = check_rows(k, it, i, e);
	return rc;
}

/* Is it decided about a file that may have rows, as it was in some version? */
static bool is_decided(const struct st_merge_item *it)
{
	return it->how && strcmp(it->kind, ST_STAGED_KIND) != 0 &&
	       !st_vocab_file(st_weave_file_name(it->path));
}

static bool takes_from(const struct st_weave *w)
{
	for (size_t i = 0; i < w->d->nitems; i++)
		if (w->d->items[i].how && strncmp(w->d->items[i].how, "from ", 5) == 0)
			return true;
	return false;
}

/* ---- a folder ---- */

static int check_files(struct agreeing *k, struct st_err *e)
{
	const struct st_weave_told told = {
		.x = k->x, .dir = k->dir, .got = &k->got, .side = k->side
	};
	int rc = check_twice(k, e);

	if (rc == ST_OK && st_weave_united(k->w, k->dir))
		rc = check_union(k, e);
	if (rc == ST_OK)
		rc = check_kinds(k, &k->got, e);
	return rc == ST_OK ? st_weave_told(k->w, &told, e) : rc;
}

static int check(struct agreeing *k, struct st_err *e)
{
	const struct st_merge_desc *d = k->w->d;
	bool torn = false;
	int rc = read_all(k, &torn, e);

	if (rc != ST_OK || torn)
		return rc;
	if (!k->same)
		rc = check_files(k, e);
	for (size_t i = 0; rc == ST_OK && i < d->nitems; i++) {
		const struct st_merge_item *it = &d->items[i];

		if (is_decided(it) && is_of(k, it->path) && !st_weave_by_hand(k->w, it->path))
			rc = check_item(k, it, e);
	}
	return rc;
}

static int check_folder(struct st_weave *w, const struct st_index *x, const char *dir,
			struct st_err *e)
{
	struct agreeing k = { .w = w, .x = x, .dir = dir, .same = st_weave_same_tables(w, dir) };
	int rc;

	if ((k.same && !takes_from(w)) || is_left(&k))
		return ST_OK;
	st_vocab_init(&k.got);
	st_vocab_init(&k.base);
	for (size_t i = 0; i < w->n; i++)
		st_vocab_init(&k.side[i]);
	rc = check(&k, e);
	forget_other(&k);
	st_vocab_release(&k.got);
	st_vocab_release(&k.base);
	for (size_t i = 0; i < w->n; i++)
		st_vocab_release(&k.side[i]);
	return rc;
}

/* Of all folders that have some in one version. */
static int check_folders(struct st_weave *w, const struct st_index *x, const struct st_index *of,
			 struct st_map *seen, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < of->nrows; i++) {
		const char *path = of->rows[i].path, *file = st_weave_file_name(path);
		const char *dir;
		bool had = true;

		if (!st_vocab_is_table(file))
			continue;
		dir = st_arena_dup(&w->arena, path, (size_t)(file - path), e);
		rc = dir ? st_map_put(seen, path, (size_t)(file - path), 1, &had, NULL, e) :
			   (int)e->code;
		if (rc == ST_OK && !had)
			rc = check_folder(w, x, dir, e);
	}
	return rc;
}

int st_weave_agree(struct st_weave *w, const struct st_index *x, struct st_err *e)
{
	struct st_map seen;
	int rc = ST_OK;

	st_map_init(&seen);
	for (size_t i = 0; rc == ST_OK && i < w->n; i++)
		rc = check_folders(w, x, &w->sides[i], &seen, e);
	st_map_release(&seen);
	return rc;
}
