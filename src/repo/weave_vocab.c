/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/weave.h"

#define MOST ((size_t)256 << 20) /* bytes of one text */

const char *st_weave_file_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

unsigned st_weave_vocab_rank(const struct st_index *x, const char *dir, size_t len)
{
	static const char *const names[] = { "tokenizer.json", "vocab.json", "vocab.txt" };
	char path[4096];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		size_t n = strlen(names[i]);

		if (len + n >= sizeof(path))
			return 0;
		memcpy(path, dir, len);
		memcpy(path + len, names[i], n + 1);
		if (st_index_find(x, path, len + n, NULL))
			return st_vocab_rank(names[i]);
	}
	return 0;
}

bool st_weave_vocab_dir(const struct st_weave *w, const char *path, size_t *len)
{
	size_t n = (size_t)(st_weave_file_name(path) - path);

	for (;;) {
		*len = n;
		if (st_weave_vocab_rank(&w->sides[0], path, n))
			return true;
		if (n == 0)
			return false;
		for (n--; n > 0 && path[n - 1] != '/'; n--)
			;
	}
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

bool st_weave_renumbers(const struct st_weave *w, const struct st_strand *s)
{
	const char *file = st_weave_file_name(s->path);

	return w->n == 2 && s->side[1] && (s->side[0] || st_vocab_rank(file)) &&
	       st_vocab_file(file) && st_weave_united(w, s->path);
}

bool st_weave_resizes(const struct st_weave *w, const char *path)
{
	static const char key[] = "vocab_size";

	return w->n == 2 &&
	       st_vocab_form_of(st_weave_file_name(path), key, strlen(key)) == ST_VOCAB_SIZE &&
	       st_weave_united(w, path);
}

static int read_one(struct st_weave *w, const struct st_stage_row *row, struct st_vocab *v,
		    struct st_err *e)
{
	struct st_dfile f = { .path = row->path, .has_id = true, .id = row->id, .size = row->size };
	struct st_buf b;
	int rc;

	st_buf_init(&b, MOST);
	rc = st_dfile_slurp(&f, w->r, &b, e);
	if (rc == ST_OK)
		rc = st_vocab_read(v, st_weave_file_name(row->path), b.p, b.len, e);
	st_buf_release(&b);
	return rc == ST_OK ? ST_OK : st_wrap(e, "%s", row->path);
}

int st_weave_vocab_read(struct st_weave *w, const struct st_index *x, const char *dir,
			unsigned rank, struct st_vocab *v, struct st_err *e)
{
	size_t n = strlen(dir);
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < x->nrows; i++) {
		const struct st_stage_row *row = &x->rows[i];

		if (row->path_len > n && memcmp(row->path, dir, n) == 0 &&
		    row->mode != ST_MODE_LINK && st_vocab_rank(row->path + n) == rank)
			rc = read_one(w, row, v, e);
	}
	return rc;
}

static int load(struct st_weave *w, struct st_weave_vocab *v, struct st_err *e)
{
	unsigned rank = st_weave_vocab_rank(&w->sides[0], v->dir, strlen(v->dir));
	int rc = st_weave_vocab_read(w, &w->base, v->dir, rank, &v->base, e);

	if (rc == ST_OK)
		rc = st_weave_vocab_read(w, &w->sides[0], v->dir, rank, &v->ours, e);
	if (rc == ST_OK)
		rc = st_weave_vocab_read(w, &w->sides[1], v->dir, rank, &v->theirs, e);
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
