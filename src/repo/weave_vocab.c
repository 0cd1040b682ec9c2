/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/weave.h"

#include "tensor/quote.h"

#include <inttypes.h>
#include <stdio.h>

#define MOST ((size_t)256 << 20) /* bytes of one text */

const char *st_weave_file_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

const struct st_stage_row *st_weave_beside(const struct st_index *x, const char *dir, size_t len,
					   const char *name)
{
	char path[4096];
	size_t n = strlen(name);

	if (len + n >= sizeof(path))
		return NULL;
	memcpy(path, dir, len);
	memcpy(path + len, name, n + 1);
	return st_index_find(x, path, len + n, NULL);
}

/* Is there a file of tokens right in that folder, of the first kinds? Those besides are some, too:
 * the others may be in a file that is not read. */
static bool has_vocab(const struct st_index *x, const char *dir, size_t len, size_t kinds)
{
	const char *name;

	for (size_t i = 0; i < kinds && (name = st_vocab_table(i)); i++)
		if (st_weave_beside(x, dir, len, name))
			return true;
	return false;
}

/* Of sentencepiece: all tokens but those of added_tokens.json. */
static const struct st_stage_row *find_pieces(const struct st_index *x, const char *dir)
{
	static const char *const names[] = { "tokenizer.model", "spiece.model",
					     "sentencepiece.bpe.model", "sentencepiece.model" };
	const struct st_stage_row *found = NULL;

	for (size_t i = 0; !found && i < sizeof(names) / sizeof(*names); i++)
		found = st_weave_beside(x, dir, strlen(dir), names[i]);
	return found;
}

bool st_weave_has_pieces(const struct st_index *x, const char *dir)
{
	return find_pieces(x, dir) && !has_vocab(x, dir, strlen(dir), ST_VOCAB_WHOLE);
}

/* What has tokens that are not read must be the same on both sides. */
static int check_pieces(const struct st_weave *w, const char *dir, struct st_err *e)
{
	const bool ours = st_weave_has_pieces(&w->sides[0], dir);
	const bool theirs = st_weave_has_pieces(&w->sides[1], dir);
	const struct st_stage_row *a = find_pieces(&w->sides[0], dir);
	const struct st_stage_row *b = find_pieces(&w->sides[1], dir);

	if ((!ours && !theirs) || (ours && theirs && st_weave_same(a, b)))
		return ST_OK;
	return st_fail(
		e, ST_EREFUSED,
		"%s has tokens that are not read, and the sides' differ%s: decide for one side",
		ours ? a->path : b->path,
		ours && theirs ? "" : ", since one has all of them in another file");
}

size_t st_weave_above(const char *dir, size_t len)
{
	for (len--; len > 0 && dir[len - 1] != '/'; len--)
		;
	return len;
}

bool st_weave_vocab_dir(const struct st_weave *w, const char *path, size_t *len)
{
	size_t n = (size_t)(st_weave_file_name(path) - path);

	for (;;) {
		*len = n;
		for (size_t i = 0; i < w->n; i++)
			if (has_vocab(&w->sides[i], path, n, SIZE_MAX))
				return true;
		if (n == 0)
			return false;
		n = st_weave_above(path, n);
	}
}

bool st_weave_in_vocab(const struct st_weave *w, const char *dir, const char *path)
{
	size_t n;

	return st_weave_vocab_dir(w, path, &n) && n == strlen(dir) && memcmp(path, dir, n) == 0;
}

bool st_weave_united(const struct st_weave *w, const char *path)
{
	size_t len, other;

	if (w->n != 2 || !st_weave_vocab_dir(w, path, &len))
		return false;
	for (size_t i = 0; i < w->nknown; i++) {
		const struct st_merge_item *x = &w->d->items[i];

		if (x->how && strncmp(x->how, "union", 5) == 0 &&
		    st_weave_vocab_dir(w, x->path, &other) && other == len &&
		    memcmp(x->path, path, len) == 0)
			return true;
	}
	return false;
}

/* Has a file of that name a value under that key that means tokens by number? */
static bool holds(const char *file, const char *key)
{
	return st_vocab_form_of(file, key, strlen(key)) != ST_VOCAB_NONE;
}

bool st_weave_renumbers(const struct st_weave *w, const struct st_strand *s)
{
	const char *file = st_weave_file_name(s->path);

	return w->n == 2 && s->side[1] &&
	       (s->side[0] ||
		(!s->base && (st_vocab_is_table(file) || holds(file, "added_tokens_decoder")))) &&
	       st_vocab_file(file) && st_weave_united(w, s->path);
}

/* Did a side remove it? */
static bool is_removed(const struct st_weave *w, const struct st_strand *s)
{
	bool gone = false;

	for (size_t i = 0; i < w->n; i++)
		gone = gone || !s->side[i];
	return s->base && gone;
}

int st_weave_clashes_at(struct st_weave *w, const struct st_strand *s, bool *yes, struct st_err *e)
{
	const char *file = st_weave_file_name(s->path);
	bool same = true;

	for (size_t i = 0; i < w->n; i++)
		same = same && st_weave_same(s->base, s->side[i]);
	*yes = false;
	if (same)
		return ST_OK;
	if (holds(file, "_token_id"))
		return is_removed(w, s) ? ST_OK : st_weave_tokens_mixed(w, s->path, false, yes, e);
	same = true;
	for (size_t i = 1; i < w->n; i++)
		same = same && st_weave_same(s->side[0], s->side[i]);
	if (same || (!st_vocab_is_table(file) && !holds(file, "added_tokens_decoder")))
		return ST_OK;
	return st_weave_tokens_clash(w, s->path, yes, e);
}

bool st_weave_tables_by_hand(const struct st_weave *w, const char *dir)
{
	const char *name;
	char path[4096];

	for (size_t i = 0; (name = st_vocab_table(i)); i++)
		if (snprintf(path, sizeof(path), "%s%s", dir, name) < (int)sizeof(path) &&
		    st_weave_by_hand(w, path))
			return true;
	return false;
}

bool st_weave_moves_ids(const struct st_weave *w, const char *dir)
{
	return !st_weave_same_tables(w, dir) || st_weave_tables_by_hand(w, dir);
}

int st_weave_misnumbers(struct st_weave *w, const struct st_strand *s, bool *yes, struct st_err *e)
{
	const char *file = st_weave_file_name(s->path), *dir;
	size_t len;
	int rc = st_weave_clashes_at(w, s, yes, e);

	if (rc != ST_OK || *yes || is_removed(w, s) || st_vocab_is_table(file) ||
	    !st_vocab_has_ids(file) || !st_weave_vocab_dir(w, s->path, &len))
		return rc;
	dir = st_arena_dup(&w->arena, s->path, len, e);
	*yes = dir && st_weave_moves_ids(w, dir);
	return e->code;
}

bool st_weave_resizes(const struct st_weave *w, const char *path)
{
	static const char key[] = "vocab_size";

	return w->n == 2 &&
	       st_vocab_form_of(st_weave_file_name(path), key, strlen(key)) == ST_VOCAB_SIZE &&
	       st_weave_united(w, path);
}

int st_weave_vocab_file(struct st_weave *w, const struct st_index *x, const char *dir,
			const char *name, struct st_vocab *v, struct st_err *e)
{
	const struct st_stage_row *row = st_weave_beside(x, dir, strlen(dir), name);
	struct st_buf b;
	int rc;

	if (!row || row->mode == ST_MODE_LINK)
		return ST_OK;
	st_buf_init(&b, MOST);
	rc = st_weave_slurp(w, row, &b, e);
	if (rc == ST_OK)
		rc = st_vocab_read(v, name, b.p, b.len, e);
	st_buf_release(&b);
	return rc == ST_OK ? ST_OK : st_wrap(e, "%s", row->path);
}

static int disagree(const char *dir, const struct st_token *a, const struct st_token *b,
		    struct st_err *e)
{
	struct st_quote qa, qb;

	return st_fail(e, ST_EREFUSED,
		       "%s%s and %s%s do not agree: token %s has the id %" PRIu64
		       " in the one, and %s has %" PRIu64 " in the other",
		       dir, a->file, dir, b->file, st_quote(&qa, a->text, a->len), a->id,
		       st_quote(&qb, b->text, b->len), b->id);
}

int st_weave_vocab_read(struct st_weave *w, const struct st_index *x, const char *dir,
			struct st_vocab *v, struct st_err *e)
{
	const struct st_token *odd, *was;
	struct st_err why = { 0 };
	const char *name;
	struct st_vocab one;
	size_t len = strlen(dir);
	int rc = ST_OK;

	while (len && !has_vocab(x, dir, len, SIZE_MAX)) /* that of a folder above counts then */
		len = st_weave_above(dir, len);
	dir = len == strlen(dir) ? dir : st_arena_dup(&w->arena, dir, len, e);
	if (!dir)
		return e->code;
	for (size_t i = 0; rc == ST_OK && (name = st_vocab_table(i)); i++) {
		st_vocab_init(&one);
		rc = st_weave_vocab_file(w, x, dir, name, &one, e);
		if (rc == ST_OK)
			rc = st_vocab_join(v, &one, &odd, &was, e);
		if (rc == ST_OK && odd && why.code == ST_OK)
			(void)disagree(dir, was, odd, &why);
		st_vocab_release(&one);
	}
	if (rc == ST_OK && why.code != ST_OK)
		*e = why;
	return e->code;
}

int st_weave_vocab_look(struct st_weave *w, const struct st_index *x, const char *dir,
			struct st_vocab *v, enum st_code *why, struct st_err *e)
{
	struct st_err bad = { 0 };
	int rc = st_weave_vocab_read(w, x, dir, v, &bad);

	if (rc != ST_OK && rc != ST_EREFUSED && rc != ST_EFORMAT && rc != ST_ELIMIT)
		*e = bad;
	*why = bad.code;
	return e->code;
}

static int load_one(struct st_weave *w, const struct st_index *x, const char *dir,
		    const char *whose, struct st_vocab *v, struct st_err *e)
{
	int rc = st_weave_vocab_read(w, x, dir, v, e);

	return rc == ST_OK ? ST_OK : st_wrap(e, "the tokenizer of %s", whose);
}

/* The rows of a version without a tokenizer are of the base's tokens all the same, or of those of
 * the side that brings one; unless what has the others is not read. */
static int lend(struct st_weave *w, struct st_weave_vocab *v, struct st_err *e)
{
	struct st_vocab *of[] = { &v->base, &v->ours, &v->theirs };
	const struct st_index *x[] = { &w->base, &w->sides[0], &w->sides[1] };
	size_t from = 0;
	int rc = ST_OK;

	while (from < 3 && !of[from]->file)
		from++;
	for (size_t i = 0; rc == ST_OK && from < 3 && i < 3; i++)
		if (!of[i]->file && (!from || !st_weave_has_pieces(x[i], v->dir)))
			rc = load_one(w, x[from], v->dir, from ? "a side" : "the base", of[i], e);
	return rc;
}

static int load(struct st_weave *w, struct st_weave_vocab *v, struct st_err *e)
{
	int rc = check_pieces(w, v->dir, e);

	if (rc == ST_OK)
		rc = load_one(w, &w->base, v->dir, "the base", &v->base, e);
	if (rc == ST_OK)
		rc = load_one(w, &w->sides[0], v->dir, "ours", &v->ours, e);
	if (rc == ST_OK)
		rc = load_one(w, &w->sides[1], v->dir, "theirs", &v->theirs, e);
	if (rc == ST_OK)
		rc = lend(w, v, e);
	return rc == ST_OK ? st_vocab_unite(&v->u, &v->base, &v->ours, &v->theirs, e) : rc;
}

int st_weave_vocab(struct st_weave *w, const char *path, const struct st_weave_vocab **out,
		   struct st_err *e)
{
	struct st_weave_vocab *v;
	size_t len;

	if (w->n != 2)
		return st_fail(e, ST_EREFUSED,
			       "vocabularies of two versions are joined, not of %zu: merge one "
			       "after the other",
			       w->n);
	if (!st_weave_vocab_dir(w, path, &len))
		return st_fail(e, ST_EREFUSED,
			       "there is no tokenizer.json, vocab.json or vocab.txt beside '%s'",
			       path);
	for (v = w->vocabs; v; v = v->next)
		if (strlen(v->dir) == len && memcmp(v->dir, path, len) == 0) {
			*out = v;
			return ST_OK;
		}
	v = st_arena_alloc(&w->arena, sizeof(*v), e);
	if (!v)
		return e->code;
	st_vocab_init(&v->base);
	st_vocab_init(&v->ours);
	st_vocab_init(&v->theirs);
	v->dir = st_arena_dup(&w->arena, path, len, e);
	v->next = w->vocabs;
	w->vocabs = v;
	*out = v;
	return v->dir ? load(w, v, e) : (int)e->code;
}

void st_weave_vocab_release(struct st_weave *w)
{
	for (struct st_weave_vocab *v = w->vocabs; v; v = v->next) {
		st_vocab_release(&v->base);
		st_vocab_release(&v->ours);
		st_vocab_release(&v->theirs);
		st_vocab_union_release(&v->u);
	}
	w->vocabs = NULL;
}
