/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether what came out of a merge agrees: which token has which id, by the files of a tokenizer,
 * and whose tokens the rows of a tensor are that was decided about. Where a side's rows are taken
 * the tokens that it has must have its ids; where vocabularies were joined the files must say what
 * the union says, each of those that have all tokens by itself.
 */
#include "repo/weave_agree.h"

#include "repo/rewind.h"

/* ---- what there is to compare ---- */

static bool is_size(const struct st_merge_item *it)
{
	return st_vocab_form_of(st_weave_file_name(it->path), it->name, it->name_len) ==
	       ST_VOCAB_SIZE;
}

/* Something is open, or the tokenizer is somebody's own. */
static bool is_left(const struct st_agreeing *k)
{
	const struct st_merge_desc *d = k->w->d;

	for (size_t i = 0; i < d->nitems; i++) {
		const struct st_merge_item *it = &d->items[i];

		if (!it->how && st_weave_in_vocab(k->w, k->dir, it->path) && !is_size(it) &&
		    (strcmp(it->kind, st_conflict_name(ST_CONFLICT_VOCABULARY)) == 0 ||
		     st_vocab_file(st_weave_file_name(it->path))))
			return true;
	}
	return st_weave_tables_by_hand(k->w, k->dir);
}

static int read_one(struct st_agreeing *k, const struct st_index *x, struct st_vocab *v, bool *torn,
		    struct st_err *e)
{
	enum st_code why;
	int rc = st_weave_vocab_look(k->w, x, k->dir, v, &why, e);

	/* what cannot be read says nothing: whoever joins it is told */
	*torn = *torn || why != ST_OK;
	return rc;
}

/* *torn: nobody can tell which token has which id on some side. */
static int read_all(struct st_agreeing *k, bool *torn, struct st_err *e)
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

/* ---- of any other version ---- */

static void forget_other(struct st_agreeing *k)
{
	if (k->other.known) {
		st_index_release(&k->other.x);
		st_vocab_release(&k->other.v);
	}
	k->other.known = false;
}

int st_agreeing_other(struct st_agreeing *k, const struct st_oid *commit, struct st_err *e)
{
	bool torn = false;
	int rc;

	if (k->other.known && st_oid_eq(&k->other.commit, commit))
		return ST_OK;
	forget_other(k);
	st_index_init(&k->other.x);
	st_vocab_init(&k->other.v);
	k->other.known = true;
	k->other.commit = *commit;
	rc = st_rewind_commit(k->w->r, commit, &k->other.x, e);
	if (rc == ST_OK)
		rc = read_one(k, &k->other.x, &k->other.v, &torn, e);
	if (rc == ST_OK && torn)
		st_vocab_release(&k->other.v);
	return rc;
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
static int check_item(struct st_agreeing *k, const struct st_merge_item *it, struct st_err *e)
{
	struct st_choice c;
	size_t part = k->w->n;
	int rc = st_choice_parse(&c, &k->w->arena, it->how, k->w->n, e);

	if (rc != ST_OK)
		return rc;
	if (c.how == ST_HOW_FROM && !st_weave_part(k->w, &c.from, &part))
		return st_agreeing_rows_from(k, it, &c.from, e);
	if (k->same || !is_of_tokens(it))
		return ST_OK;
	if (c.how == ST_HOW_SIDE)
		return st_agreeing_rows(k, it, c.side, e);
	if (c.how == ST_HOW_BASE || c.how == ST_HOW_FROM)
		return st_agreeing_rows(k, it, part == ST_THREE_BASE ? k->w->n : part, e);
	for (size_t i = 0; rc == ST_OK && c.how == ST_HOW_METHOD && i < k->w->n; i++)
		rc = st_agreeing_rows(k, it, i, e);
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

static int check(struct st_agreeing *k, struct st_err *e)
{
	const struct st_merge_desc *d = k->w->d;
	bool torn = false;
	int rc = read_all(k, &torn, e);

	if (rc != ST_OK || torn)
		return rc;
	if (!k->same)
		rc = st_agreeing_files(k, e);
	for (size_t i = 0; rc == ST_OK && i < d->nitems; i++) {
		const struct st_merge_item *it = &d->items[i];

		if (is_decided(it) && st_weave_in_vocab(k->w, k->dir, it->path) &&
		    !st_weave_by_hand(k->w, it->path))
			rc = check_item(k, it, e);
	}
	return rc;
}

static int check_folder(struct st_weave *w, const struct st_index *x, const char *dir,
			struct st_err *e)
{
	struct st_agreeing k = { .w = w, .x = x, .dir = dir, .same = st_weave_same_tables(w, dir) };
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
