/* SPDX-License-Identifier: Apache-2.0 */
/* resolve: the files that follow from what was decided, beside those that were staged by hand. */
#include "repo/merge_resolve.h"

#include <stdio.h>

/* ---- which files are made ---- */

/* The files of a model that is merged over its files are made together, and its index with any of
 * them; so is what stands in the way of a file. */
static int want_others(struct st_settling *s, struct st_err *e)
{
	const void *path;
	size_t pos = 0, len;
	int rc = ST_OK;

	while (rc == ST_OK && st_map_next(&s->paths, &pos, &path, &len, NULL)) {
		struct st_weave_unit *u = st_weave_unit_with(&s->w, path);
		const char *root = st_weave_root(&s->w, path, &len);

		if (u)
			u->wanted = true;
		rc = st_map_put(&s->roots, root, len, 1, NULL, NULL, e);
	}
	return rc;
}

/* Is it a file that one side alone brings, beside a tokenizer that is joined? Its rows may be of
 * other tokens by the union's numbers. */
static bool is_brought(const struct st_settling *s, const char *path)
{
	const size_t len = strlen(path);
	size_t have = 0;

	if (!s->folders.count || !st_settling_in_vocab(s, path) ||
	    st_index_find(&s->w.base, path, len, NULL))
		return false;
	for (size_t i = 0; i < s->w.n; i++)
		have += st_index_find(&s->w.sides[i], path, len, NULL) != NULL;
	return have == 1;
}

static bool is_remade(const struct st_settling *s, const char *path)
{
	const struct st_weave_unit *u = st_weave_unit_at(&s->w, path);
	size_t len;
	const char *root = st_weave_root(&s->w, path, &len);

	return st_map_get(&s->roots, root, len, NULL) ||
	       st_map_get(&s->names, path, strlen(path), NULL) || (u && u->wanted) ||
	       st_weave_numbered(&s->w, &s->numbered, path) || is_brought(s, path) ||
	       (s->folders.count && st_vocab_file(st_weave_file_name(path)) &&
		st_settling_in_vocab(s, path));
}

static bool is_wanted(void *arg, const char *path)
{
	return is_remade(arg, path);
}

/* ---- what stays as it was staged ---- */

static bool is_kept(const struct st_settling *s, const char *path)
{
	return st_map_get(&s->kept, path, strlen(path), NULL);
}

/* Is that the conflict of a model whose files are one version's, decided anew? */
static bool is_layout(const struct st_settling *s, const struct st_weave_unit *u, size_t i)
{
	const struct st_merge_item *x = &s->m.d.items[i];

	return !u->apart && !x->name_len && x->how != s->was[i] &&
	       strcmp(x->kind, st_conflict_name(ST_CONFLICT_LAYOUT)) == 0 &&
	       strcmp(x->path, st_weave_unit_path(u)) == 0;
}

/* All files of a model that is one version's are. That somebody staged them, with the index, was
 * the decision before: without the index it is none. */
static int find_layout(struct st_settling *s, const char *path, bool *anew, struct st_err *e)
{
	const struct st_weave_unit *u = st_weave_unit_with(&s->w, path);

	*anew = st_settling_named(s, path);
	for (size_t i = 0; u && !*anew && i < s->m.d.nitems; i++) {
		if (!is_layout(s, u, i))
			continue;
		if (!s->was[i] || strcmp(s->was[i], "by hand") != 0)
			return st_fail(e, ST_EREFUSED,
				       "'%s' was staged by hand, and deciding '%s' makes all files "
				       "of its model anew: 'strata restore --staged --worktree %s' "
				       "takes it back first, or stage the others and the index too",
				       path, s->m.d.items[i].path, path);
		*anew = true;
	}
	return ST_OK;
}

/* An index that was staged by hand, and fits, goes on fitting. */
static int find_fitted(struct st_settling *s, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < s->w.nunits; i++) {
		struct st_weave_unit *u = &s->w.units[i];
		const char *path = st_weave_unit_index(&s->w, u);
		const struct st_stage_row *row =
			path && is_kept(s, path) ?
				st_index_find(&s->t.index, path, strlen(path), NULL) :
				NULL;

		if (row)
			rc = st_weave_index_right(&s->w, u, row, &u->fitted, e);
	}
	return rc;
}

/* What was staged by hand and stays so, as long as nothing is said to be made yet. */
static int find_kept(struct st_settling *s, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < s->m.nstaged; i++) {
		const struct st_merge_staged *x = &s->m.staged[i];
		bool anew = true;

		if (st_settling_staged(s, x->path))
			rc = find_layout(s, x->path, &anew, e);
		if (rc == ST_OK && !anew)
			rc = st_map_put(&s->kept, x->path, x->path_len, 1, NULL, NULL, e);
	}
	return rc == ST_OK ? find_fitted(s, e) : rc;
}

/* ---- the index to come ---- */

/* Is the row of the index to come the one that was made? */
static bool is_made(const struct st_settling *s, const char *path)
{
	const struct st_weave_unit *u = st_weave_unit_at(&s->w, path);
	const char *index = u && u->fitted ? st_weave_unit_index(&s->w, u) : NULL;

	return (is_remade(s, path) || st_weave_comes_back(&s->w, path)) &&
	       (!is_kept(s, path) || (index && strcmp(index, path) == 0 &&
				      st_index_find(&s->w.target, path, strlen(path), NULL)));
}

static int check_way(const struct st_settling *s, const struct st_index *out, struct st_err *e)
{
	for (size_t i = 0; i < out->nrows; i++)
		if (is_kept(s, out->rows[i].path) && st_index_excludes(out, &out->rows[i]))
			return st_fail(e, ST_EREFUSED,
				       "'%s' was staged by hand and is in the way of what was "
				       "decided, a file here and a directory there: 'strata mv' it "
				       "elsewhere first",
				       out->rows[i].path);
	return ST_OK;
}

/* A file that comes under another name may find a directory there, or a file above it. */
static int check_names_fit(const struct st_settling *s, const struct st_index *out,
			   struct st_err *e)
{
	for (size_t i = 0; (s->names.count || s->w.moved) && i < out->nrows; i++) {
		const struct st_stage_row *row = &out->rows[i];

		if ((st_map_get(&s->names, row->path, row->path_len, NULL) ||
		     st_weave_comes_back(&s->w, row->path)) &&
		    st_index_excludes(out, row))
			return st_fail(e, ST_EREFUSED,
				       "'%s', as the file is to be called, is a directory here, or "
				       "lies below a file: 'strata mv' that elsewhere first, or "
				       "decide otherwise",
				       row->path);
	}
	return ST_OK;
}

/* The index with the files that were made anew. */
static int join(struct st_settling *s, struct st_index *out, struct st_err *e)
{
	const struct st_index *now = &s->t.index, *made = &s->w.target;
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < now->nrows; i++)
		if (!is_made(s, now->rows[i].path))
			rc = st_index_add(out, &now->rows[i], e);
	for (size_t i = 0; rc == ST_OK && i < made->nrows; i++) {
		const struct st_stage_row *x = &made->rows[i];
		struct st_stage_row row =
			st_merging_made(&s->m, st_index_find(now, x->path, x->path_len, NULL), x);

		if (is_made(s, x->path))
			rc = st_index_add(out, &row, e);
	}
	if (rc == ST_OK)
		rc = st_index_sort(out, e);
	if (rc == ST_OK)
		rc = check_way(s, out, e);
	return rc == ST_OK ? check_names_fit(s, out, e) : rc;
}

/* Of files that are made anew that is what the merge staged. */
static void note_remade(struct st_settling *s)
{
	for (size_t i = 0; i < s->m.nstaged; i++) {
		struct st_merge_staged *x = &s->m.staged[i];
		const struct st_stage_row *row =
			st_index_find(&s->w.target, x->path, x->path_len, NULL);

		if (!is_remade(s, x->path) || is_kept(s, x->path))
			continue;
		*x = (struct st_merge_staged){ .path = x->path, .path_len = x->path_len };
		if (row) {
			x->id = row->id;
			x->has_mode = true;
			x->mode = row->mode;
		}
	}
}

/* Does what was staged of the file belong to a vocabulary that was decided? */
static bool is_of_vocab(const struct st_settling *s, const char *path)
{
	bool of = st_vocab_file(st_weave_file_name(path));

	for (size_t i = 0; !of && i < s->m.d.nitems; i++)
		of = strcmp(s->m.d.items[i].path, path) == 0 &&
		     strcmp(s->m.d.items[i].kind, st_conflict_name(ST_CONFLICT_VOCABULARY)) == 0;
	return of && s->folders.count && st_settling_in_vocab(s, path);
}

/* What a pattern, or what belongs together, would have made anew. */
static void say_kept(const struct st_settling *s)
{
	for (size_t i = 0; i < s->t.index.nrows; i++) {
		const struct st_stage_row *x = &s->t.index.rows[i];

		if (!is_kept(s, x->path))
			continue;
		if (is_of_vocab(s, x->path))
			st_warn(&s->r->ctx,
				"%s was staged by hand and stays so: see that it fits the "
				"vocabulary",
				x->path);
		else if (st_map_get(&s->spared, x->path, x->path_len, NULL))
			st_warn(&s->r->ctx, "%s was staged by hand and stays so", x->path);
	}
	for (size_t i = 0; i < s->m.nstaged; i++) {
		const struct st_merge_staged *x = &s->m.staged[i];

		if (st_map_get(&s->spared, x->path, x->path_len, NULL) &&
		    !st_index_find(&s->t.index, x->path, x->path_len, NULL))
			st_warn(&s->r->ctx, "%s was removed by hand and stays so", x->path);
	}
}

/* ---- all of it ---- */

static size_t count_clashes(const struct st_settling *s)
{
	const char *kind = st_conflict_name(ST_CONFLICT_FILE_DIRECTORY);
	size_t n = 0;

	for (size_t i = 0; i < s->m.d.nitems; i++)
		n += strcmp(s->m.d.items[i].kind, kind) == 0;
	return n;
}

/* A name that is decided must not be what another file is in the way of: that would be a conflict
 * which nobody was told of when it was decided. */
static int weave(struct st_settling *s, struct st_err *e)
{
	size_t before = count_clashes(s);
	int rc = st_weave_run(&s->w, e);

	if (rc == ST_OK && s->passed && s->passed == s->settled)
		return st_fail(e, ST_EREFUSED,
			       "'%s' matches no tensor that method lora can join: a side's adapter "
			       "has no factors for it, or the whole of it",
			       s->globs[0]);
	if (rc == ST_OK && s->names.count && count_clashes(s) > before)
		return st_fail(e, ST_EREFUSED,
			       "what '%s' is to be called is a directory here, or lies below a "
			       "file: 'strata mv' that elsewhere first, or decide otherwise",
			       s->globs[0]);
	return rc;
}

int st_settling_make(struct st_settling *s, struct st_err *e)
{
	const struct st_step_files f = { .also = s->own, .nalso = s->nown };
	strata_checkout_result res = { 0 };
	struct st_index target;
	char why[200];
	int rc;

	st_index_init(&target);
	s->w = (struct st_weave){ .r = s->r,
				  .t = &s->t,
				  .d = &s->m.d,
				  .hand = &s->t.index,
				  .hands = &s->kept,
				  .wanted = is_wanted,
				  .wanted_arg = s,
				  .passed = st_settling_passes,
				  .passed_arg = s };
	rc = st_weave_init(&s->w, e);
	if (rc == ST_OK)
		rc = find_kept(s, e);
	if (rc == ST_OK)
		rc = st_settling_vocabs(s, e);
	if (rc == ST_OK)
		rc = want_others(s, e);
	if (rc == ST_OK)
		rc = weave(s, e);
	if (rc == ST_OK)
		rc = join(s, &target, e);
	if (rc == ST_OK)
		rc = st_weave_agree(&s->w, &target, e);
	if (rc == ST_OK)
		note_remade(s);
	if (rc == ST_OK)
		rc = st_merging_stage(&s->m, &target, e);
	snprintf(why, sizeof(why), "resolve %.150s", s->globs[0]);
	if (rc == ST_OK)
		rc = st_merge_step(&s->t, &s->m, &target, &f, why, &res, e);
	if (rc == ST_OK)
		say_kept(s);
	st_index_release(&target);
	return rc;
}
