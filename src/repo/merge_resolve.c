/* SPDX-License-Identifier: Apache-2.0 */
/* resolve: conflicts of the merge under way are decided, and the files made that follow from it. */
#include "repo/merge_state.h"
#include "repo/rewind.h"

#include "base/file.h"

#include <stdio.h>

struct settling {
	struct st_repo *r;
	const char *const *globs;
	size_t nglobs;
	const strata_settle_options *o;
	struct st_txn t;
	struct st_merging m;
	bool there;
	struct st_weave w;
	struct st_buf how;
	const char *said; /* that, kept */
	struct st_choice choice;
	struct st_map paths;	  /* of files to make */
	struct st_map names;	  /* of those: what the base and the sides call them */
	struct st_map folders;	  /* of vocabularies that are joined */
	struct st_map numbered;	  /* folders of tokenizers that were decided about now */
	struct st_map roots;	  /* of those files: what is decided together with them */
	struct st_map staged;	  /* files that were staged by hand, */
	struct st_map spared;	  /* of those what a pattern matches, */
	struct st_map kept;	  /* and what stays so */
	const char **was;	  /* of each item: how it was decided before */
	struct st_step_file *own; /* files that hold the merge's markers, and nothing else */
	size_t nown;
	uint64_t settled;
};

static bool matches(const char *glob, const char *text, size_t len)
{
	size_t n = strlen(glob);

	return (n == len && memcmp(glob, text, n) == 0) || st_glob_match(glob, n, text, len);
}

/* A file's path, a tensor's or key's name, or both with "::" between them. */
static int means(const char *glob, const struct st_merge_item *it, bool *yes, struct st_err *e)
{
	struct st_buf both;
	int rc;

	*yes = matches(glob, it->path, it->path_len) ||
	       (it->name_len && matches(glob, it->name, it->name_len));
	if (*yes || !it->name_len)
		return ST_OK;
	st_buf_init(&both, 1 << 20);
	rc = st_buf_add(&both, it->path, it->path_len, e);
	if (rc == ST_OK)
		rc = st_buf_addstr(&both, "::", e);
	if (rc == ST_OK)
		rc = st_buf_add(&both, it->name, it->name_len, e);
	*yes = rc == ST_OK && matches(glob, (const char *)both.p, both.len);
	st_buf_release(&both);
	return rc;
}

static int say_union(struct settling *s, struct st_err *e)
{
	int rc = st_buf_addstr(&s->how, "union", e);

	if (rc != ST_OK || (s->choice.rows == ST_HOW_SIDE && !s->choice.side))
		return rc;
	rc = st_buf_addch(&s->how, ' ', e);
	if (rc != ST_OK)
		return rc;
	return s->choice.rows == ST_HOW_METHOD ? st_spec_text(&s->choice.spec, &s->how, e) :
						 st_buf_addstr(&s->how, "theirs", e);
}

static int say_how(struct settling *s, struct st_err *e)
{
	const strata_settle_options *o = s->o;
	struct st_oid id;
	char hex[ST_OID_HEX + 1];
	int rc;

	if (!o->how == !o->from)
		return st_fail(e, ST_EUSAGE,
			       "say how: --ours, --theirs, --base, --method or --from");
	if (o->from) {
		rc = st_resolve(s->r, o->from, strlen(o->from), &id, e);
		if (rc != ST_OK)
			return rc;
		st_oid_hex(&id, hex);
		rc = st_buf_addf(&s->how, e, "from %s", hex);
		return rc == ST_OK && !st_buf_cstr(&s->how, e) ? (int)e->code : rc;
	}
	rc = st_choice_parse(&s->choice, &s->m.d.arena, o->how, s->m.d.nparents, e);
	if (rc == ST_OK && s->choice.how == ST_HOW_HAND)
		rc = st_fail(e, ST_EUSAGE, "what is settled by hand is staged with 'strata add'");
	if (rc == ST_OK)
		rc = s->choice.how == ST_HOW_UNION  ? say_union(s, e) :
		     s->choice.how == ST_HOW_METHOD ? st_spec_text(&s->choice.spec, &s->how, e) :
						      st_buf_addstr(&s->how, o->how, e);
	return rc == ST_OK && !st_buf_cstr(&s->how, e) ? (int)e->code : rc;
}

/* A file that sides called otherwise: what is decided is its name, too. */
static bool has_names(const struct st_merge_item *it)
{
	return !it->name_len && it->names;
}

static int settle_one(struct settling *s, struct st_merge_item *it, const char *how,
		      struct st_err *e)
{
	int rc = st_map_put(&s->paths, it->path, it->path_len, 1, NULL, NULL, e);

	s->settled++;
	it->how = how;
	for (size_t i = 0; rc == ST_OK && has_names(it) && i <= it->nsides; i++)
		if (it->names[i].len)
			rc = st_map_put(&s->names, it->names[i].text, it->names[i].len, 1, NULL,
					NULL, e);
	return rc;
}

/* Can the item be settled so? What a glob matches besides is left as it is: of a tensor that is no
 * conflict of the vocabulary only its name says that it has rows of tokens. */
static bool applies(const struct settling *s, const struct st_merge_item *it, bool exact)
{
	enum st_conflict kind;

	if (!st_conflict_parse(it->kind, &kind))
		return true;
	if (s->choice.how == ST_HOW_UNION)
		return kind == ST_CONFLICT_VOCABULARY ||
		       (exact && it->name_len &&
			(kind == ST_CONFLICT_VALUES || kind == ST_CONFLICT_ADD_ADD));
	if (s->choice.how != ST_HOW_METHOD || exact)
		return true;
	return it->name_len && st_conflict_blends(kind);
}

/* ---- what was staged by hand ---- */

/* It is decided anew only by its own path. */
static bool is_named(const struct settling *s, const char *path)
{
	for (size_t i = 0; i < s->nglobs; i++)
		if (strcmp(s->globs[i], path) == 0)
			return true;
	return false;
}

static bool is_hand(const char *how)
{
	return how && strcmp(how, "by hand") == 0;
}

static bool is_staged(const struct settling *s, const char *path)
{
	return st_map_get(&s->staged, path, strlen(path), NULL);
}

static bool is_staged_name(const struct settling *s, const struct st_merge_name *n)
{
	return n->len && st_map_get(&s->staged, n->text, n->len, NULL);
}

/* By any of its names. */
static bool is_staged_item(const struct settling *s, const struct st_merge_item *it)
{
	bool any = is_staged(s, it->path);

	for (size_t i = 0; !any && has_names(it) && i <= it->nsides; i++)
		any = is_staged_name(s, &it->names[i]);
	return any;
}

/* A name that the file may get, or lose, may not be that of a file that somebody staged. */
static int check_names(const struct settling *s, const struct st_merge_item *it, struct st_err *e)
{
	for (size_t i = 0; has_names(it) && i <= it->nsides; i++) {
		const struct st_merge_name *n = &it->names[i];

		if (is_staged_name(s, n) &&
		    (n->len != it->path_len || memcmp(n->text, it->path, n->len) != 0))
			return st_fail(e, ST_EREFUSED,
				       "'%.*s' was staged by hand, and is what '%s' is called in "
				       "another version: 'strata mv' it elsewhere first",
				       (int)(n->len < 500 ? n->len : 500), n->text, it->path);
	}
	return ST_OK;
}

/* And as a whole. */
static int check_hands(const struct settling *s, struct st_err *e)
{
	for (size_t i = 0; i < s->m.d.nitems; i++) {
		const struct st_merge_item *x = &s->m.d.items[i];

		if (!st_map_get(&s->paths, x->path, x->path_len, NULL))
			continue;
		if (check_names(s, x, e) != ST_OK)
			return e->code;
		if (is_hand(x->how) ||
		    (!is_named(s, x->path) && (is_hand(s->was[i]) || is_staged(s, x->path))))
			return st_fail(e, ST_EREFUSED,
				       "'%s' was settled by hand with 'strata add': its conflicts "
				       "can only be decided all at once, as in strata resolve '%s' "
				       "--ours",
				       x->path, x->path);
	}
	return ST_OK;
}

static int say_spared(const char *glob, const struct st_merge_item *it, struct st_err *e)
{
	return st_fail(e, ST_EREFUSED,
		       "what '%s' matches was staged by hand and stays so: a path by itself, as in "
		       "strata resolve '%s' --ours, decides it anew",
		       glob, it->path);
}

struct matched {
	const struct st_merge_item *spared;
	size_t hits, done;
};

/* exact: the glob means nothing else than these. */
static int match_items(struct settling *s, const char *glob, bool exact, struct matched *m,
		       struct st_err *e)
{
	bool yes, pattern = strpbrk(glob, "*?[") != NULL;
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < s->m.d.nitems; i++) {
		struct st_merge_item *it = &s->m.d.items[i];

		rc = means(glob, it, &yes, e);
		if (rc != ST_OK || !yes)
			continue;
		m->hits++;
		if (pattern && !is_named(s, it->path) &&
		    (is_hand(it->how) || is_staged_item(s, it))) {
			m->spared = it;
			rc = st_map_put(&s->spared, it->path, it->path_len, 1, NULL, NULL, e);
			continue;
		}
		if (!applies(s, it, exact))
			continue;
		m->done++;
		rc = settle_one(s, it, s->said, e);
	}
	return rc;
}

static int match(struct settling *s, const char *glob, struct st_err *e)
{
	bool pattern = strpbrk(glob, "*?[") != NULL;
	struct matched m = { NULL };
	int rc = match_items(s, glob, !pattern, &m, e);

	if (rc == ST_OK && pattern && !m.done && s->choice.how == ST_HOW_UNION)
		rc = match_items(s, glob, true, &m, e);
	if (rc == ST_OK && !m.hits)
		rc = st_fail(e, ST_ENOTFOUND,
			     "'%s' matches no conflict: 'strata status' lists them", glob);
	if (rc == ST_OK && !m.done && m.spared)
		rc = say_spared(glob, m.spared, e);
	if (rc == ST_OK && !m.done)
		rc = st_fail(e, ST_EREFUSED,
			     s->choice.how == ST_HOW_UNION ?
				     "'%s' matches no vocabulary: 'strata status' lists conflicts" :
				     "'%s' matches no conflict that a method can join: "
				     "--ours, --theirs, --base or --from",
			     glob);
	return rc;
}

static int choose(struct settling *s, struct st_err *e)
{
	int rc;

	s->said = st_arena_dup(&s->m.d.arena, s->how.p, s->how.len, e);
	s->was = st_calloc(s->m.d.nitems, sizeof(*s->was), e);
	rc = s->said && s->was ? ST_OK : (int)e->code;
	for (size_t i = 0; rc == ST_OK && i < s->m.d.nitems; i++)
		s->was[i] = s->m.d.items[i].how;
	for (size_t g = 0; rc == ST_OK && g < s->nglobs; g++)
		rc = match(s, s->globs[g], e);
	return rc == ST_OK ? check_hands(s, e) : rc;
}

/* ---- markers ---- */

/* Other files that were changed since they were begun to be decided about are refused. */
static int find_own(struct settling *s, struct st_err *e)
{
	struct st_map looked;
	int rc;

	st_map_init(&looked);
	rc = st_marked_own(s->r, &s->m, &s->t.index, s->was, &looked, &s->own, &s->nown, e);
	for (size_t i = 0; rc == ST_OK && i < s->m.d.nitems; i++) {
		const struct st_merge_item *it = &s->m.d.items[i];
		uint64_t own;

		if (!it->name_len && st_map_get(&looked, it->path, it->path_len, &own) && !own)
			rc = st_fail(e, ST_EREFUSED,
				     "'%s' was changed since the merge began: 'strata add' takes "
				     "it as it is, 'strata restore' brings back what this branch "
				     "has",
				     it->path);
	}
	st_map_release(&looked);
	return rc;
}

/* ---- vocabularies ---- */

static int note_folder(struct settling *s, const char *path, struct st_err *e)
{
	size_t len;

	if (!st_weave_vocab_dir(&s->w, path, &len))
		return ST_OK; /* which weaving says */
	return st_map_put(&s->folders, path, len, 1, NULL, NULL, e);
}

static bool in_folder(const struct settling *s, const char *path)
{
	size_t len;

	return st_weave_vocab_dir(&s->w, path, &len) && st_map_get(&s->folders, path, len, NULL);
}

static bool is_union(const char *how)
{
	return how && strncmp(how, "union", 5) == 0;
}

/* The rest of a vocabulary of which something is joined no longer is decided as that is. */
static int part_others(struct settling *s, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < s->m.d.nitems; i++)
		if (is_union(s->was[i]) && !is_union(s->m.d.items[i].how))
			rc = note_folder(s, s->m.d.items[i].path, e);
	for (size_t i = 0; rc == ST_OK && s->folders.count && i < s->m.d.nitems; i++) {
		struct st_merge_item *it = &s->m.d.items[i];

		if (!is_union(it->how) || !in_folder(s, it->path))
			continue;
		if (s->choice.how == ST_HOW_METHOD)
			return st_fail(e, ST_EREFUSED,
				       "'%s' is joined with --vocab union, and a vocabulary is "
				       "decided as a whole: --ours, --theirs, --base or --from, or "
				       "--vocab union --method",
				       it->path);
		rc = settle_one(s, it, s->said, e);
	}
	return rc;
}

/* Of a tensor that only theirs has its own tokens count. */
static int is_other(struct settling *s, const struct st_merge_item *it, bool *other,
		    struct st_err *e)
{
	const struct st_weave_vocab *vocab;
	bool theirs = it->nsides > 1 && st_oid_is_zero(&it->sides[0]);
	const struct st_stage_row *row =
		st_index_find(&s->w.sides[theirs], it->path, it->path_len, NULL);
	int rc;

	*other = false;
	if (!row || !it->name_len)
		return ST_OK;
	rc = st_weave_vocab(&s->w, it->path, &vocab, e);
	return rc == ST_OK ?
		       st_weave_other_rows(&s->w, row, it,
					   theirs ? vocab->theirs.end : vocab->ours.end, other, e) :
		       rc;
}

/* A tensor of one side that was decided about already: it cannot be joined. */
static bool is_lone(const struct st_merge_item *it)
{
	return it->how && it->name_len && !st_vocab_file(st_weave_file_name(it->path)) &&
	       (st_oid_is_zero(&it->sides[0]) || st_oid_is_zero(&it->sides[1]));
}

/* What belongs to the same vocabulary is joined with it, whatever was decided about it before: the
 * tokenizer and all its tensors. A file that was staged by hand stays as it is. */
static int join_others(struct settling *s, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < s->m.d.nitems; i++)
		if (is_union(s->m.d.items[i].how))
			rc = note_folder(s, s->m.d.items[i].path, e);
	for (size_t i = 0; rc == ST_OK && s->choice.how == ST_HOW_UNION && i < s->m.d.nitems; i++) {
		struct st_merge_item *it = &s->m.d.items[i];
		bool other;

		if (is_union(it->how) || !in_folder(s, it->path) || is_lone(it) ||
		    strcmp(it->kind, st_conflict_name(ST_CONFLICT_VOCABULARY)) != 0 ||
		    st_weave_by_hand(&s->w, it->path))
			continue;
		rc = is_other(s, it, &other, e);
		if (rc == ST_OK && !other)
			rc = settle_one(s, it, s->said, e);
	}
	return rc;
}

/* Files with ids of tokens are in those of the tokenizer that was chosen. */
static int find_numbered(struct settling *s, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < s->m.d.nitems; i++) {
		const struct st_merge_item *it = &s->m.d.items[i];
		const char *file = st_weave_file_name(it->path);

		if (it->how != s->was[i] && st_vocab_is_table(file))
			rc = st_map_put(&s->numbered, it->path, (size_t)(file - it->path), 1, NULL,
					NULL, e);
	}
	return rc;
}

static bool is_numbered(const struct settling *s, const char *path)
{
	size_t len;

	return s->numbered.count && st_vocab_has_ids(st_weave_file_name(path)) &&
	       st_weave_vocab_dir(&s->w, path, &len) && st_map_get(&s->numbered, path, len, NULL);
}

/* The files of a model that is merged over its files are made together, and its index with any of
 * them; so is what stands in the way of a file. */
static int want_others(struct settling *s, struct st_err *e)
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

static bool is_remade(const struct settling *s, const char *path)
{
	const struct st_weave_unit *u = st_weave_unit_at(&s->w, path);
	size_t len;
	const char *root = st_weave_root(&s->w, path, &len);

	return st_map_get(&s->roots, root, len, NULL) ||
	       st_map_get(&s->names, path, strlen(path), NULL) || (u && u->wanted) ||
	       is_numbered(s, path) ||
	       (s->folders.count && st_vocab_file(st_weave_file_name(path)) && in_folder(s, path));
}

static bool is_wanted(void *arg, const char *path)
{
	return is_remade(arg, path);
}

static bool is_kept(const struct settling *s, const char *path)
{
	return st_map_get(&s->kept, path, strlen(path), NULL);
}

/* Is that the conflict of a model whose files are one version's, decided anew? */
static bool is_layout(const struct settling *s, const struct st_weave_unit *u, size_t i)
{
	const struct st_merge_item *x = &s->m.d.items[i];

	return !u->apart && !x->name_len && x->how != s->was[i] &&
	       strcmp(x->kind, st_conflict_name(ST_CONFLICT_LAYOUT)) == 0 &&
	       strcmp(x->path, st_weave_unit_path(u)) == 0;
}

/* All files of a model that is one version's are. That somebody staged them, with the index, was
 * the decision before: without the index it is none. */
static int find_layout(struct settling *s, const char *path, bool *anew, struct st_err *e)
{
	const struct st_weave_unit *u = st_weave_unit_with(&s->w, path);

	*anew = is_named(s, path);
	for (size_t i = 0; u && !*anew && i < s->m.d.nitems; i++) {
		if (!is_layout(s, u, i))
			continue;
		if (!is_hand(s->was[i]))
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
static int find_fitted(struct settling *s, struct st_err *e)
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
static int find_kept(struct settling *s, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < s->m.nstaged; i++) {
		const struct st_merge_staged *x = &s->m.staged[i];
		bool anew = true;

		if (is_staged(s, x->path))
			rc = find_layout(s, x->path, &anew, e);
		if (rc == ST_OK && !anew)
			rc = st_map_put(&s->kept, x->path, x->path_len, 1, NULL, NULL, e);
	}
	return rc == ST_OK ? find_fitted(s, e) : rc;
}

/* Is the row of the index to come the one that was made? */
static bool is_made(const struct settling *s, const char *path)
{
	const struct st_weave_unit *u = st_weave_unit_at(&s->w, path);
	const char *index = u && u->fitted ? st_weave_unit_index(&s->w, u) : NULL;

	return is_remade(s, path) &&
	       (!is_kept(s, path) || (index && strcmp(index, path) == 0 &&
				      st_index_find(&s->w.target, path, strlen(path), NULL)));
}

static int check_way(const struct settling *s, const struct st_index *out, struct st_err *e)
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
static int check_names_fit(const struct settling *s, const struct st_index *out, struct st_err *e)
{
	for (size_t i = 0; s->names.count && i < out->nrows; i++) {
		const struct st_stage_row *row = &out->rows[i];

		if (st_map_get(&s->names, row->path, row->path_len, NULL) &&
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
static int join(struct settling *s, struct st_index *out, struct st_err *e)
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
static void note_remade(struct settling *s)
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
static bool is_of_vocab(const struct settling *s, const char *path)
{
	bool of = st_vocab_file(st_weave_file_name(path));

	for (size_t i = 0; !of && i < s->m.d.nitems; i++)
		of = strcmp(s->m.d.items[i].path, path) == 0 &&
		     strcmp(s->m.d.items[i].kind, st_conflict_name(ST_CONFLICT_VOCABULARY)) == 0;
	return of && s->folders.count && in_folder(s, path);
}

/* What a pattern, or what belongs together, would have made anew. */
static void say_kept(const struct settling *s)
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
}

static size_t count_clashes(const struct settling *s)
{
	const char *kind = st_conflict_name(ST_CONFLICT_FILE_DIRECTORY);
	size_t n = 0;

	for (size_t i = 0; i < s->m.d.nitems; i++)
		n += strcmp(s->m.d.items[i].kind, kind) == 0;
	return n;
}

/* A name that is decided must not be what another file is in the way of: that would be a conflict
 * which nobody was told of when it was decided. */
static int weave(struct settling *s, struct st_err *e)
{
	size_t before = count_clashes(s);
	int rc = st_weave_run(&s->w, e);

	if (rc == ST_OK && s->names.count && count_clashes(s) > before)
		return st_fail(e, ST_EREFUSED,
			       "what '%s' is to be called is a directory here, or lies below a "
			       "file: 'strata mv' that elsewhere first, or decide otherwise",
			       s->globs[0]);
	return rc;
}

static int make_files(struct settling *s, struct st_err *e)
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
				  .wanted_arg = s };
	rc = st_weave_init(&s->w, e);
	if (rc == ST_OK)
		rc = find_kept(s, e);
	if (rc == ST_OK)
		rc = part_others(s, e);
	if (rc == ST_OK)
		rc = join_others(s, e);
	if (rc == ST_OK)
		rc = find_numbered(s, e);
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

static int settle(struct settling *s, struct st_err *e)
{
	int rc = st_txn_begin(&s->t, s->r, "resolve", e);

	if (rc == ST_OK)
		rc = st_txn_index(&s->t, e);
	if (rc == ST_OK)
		rc = st_merging_load(s->r, &s->m, &s->there, e);
	if (rc == ST_OK && !s->there)
		rc = st_fail(e, ST_EREFUSED, "no merge is under way");
	if (rc == ST_OK)
		rc = st_merging_whole(&s->m, &s->t.index, e);
	if (rc == ST_OK)
		st_merging_take_hands(&s->m, &s->t.index);
	if (rc == ST_OK)
		rc = st_merging_note(s->r, &s->m, &s->t.index, e);
	if (rc == ST_OK)
		rc = st_merging_hands(&s->m, &s->t.index, &s->staged, e);
	if (rc == ST_OK)
		rc = say_how(s, e);
	if (rc == ST_OK && s->o->nonfinite) /* what was decided without has read none */
		s->m.d.nonfinite = true;
	if (rc == ST_OK)
		rc = choose(s, e);
	if (rc == ST_OK)
		rc = find_own(s, e);
	return rc == ST_OK ? make_files(s, e) : rc;
}

int st_verb_settle(struct st_repo *r, const char *const *globs, size_t n,
		   const strata_settle_options *o, uint64_t *settled, uint64_t *open,
		   struct st_err *e)
{
	struct settling s = { .r = r, .globs = globs, .nglobs = n, .o = o };
	int rc;

	st_buf_init(&s.how, 1 << 20);
	st_map_init(&s.paths);
	st_map_init(&s.names);
	st_map_init(&s.folders);
	st_map_init(&s.numbered);
	st_map_init(&s.roots);
	st_map_init(&s.staged);
	st_map_init(&s.spared);
	st_map_init(&s.kept);
	rc = settle(&s, e);
	*settled = s.settled;
	*open = 0;
	for (size_t i = 0; s.there && i < s.m.d.nitems; i++)
		*open += !s.m.d.items[i].how;
	st_txn_end(&s.t);
	st_weave_release(&s.w);
	if (s.there)
		st_merging_release(&s.m);
	st_map_release(&s.paths);
	st_map_release(&s.names);
	st_map_release(&s.folders);
	st_map_release(&s.numbered);
	st_map_release(&s.roots);
	st_map_release(&s.staged);
	st_map_release(&s.spared);
	st_map_release(&s.kept);
	st_buf_release(&s.how);
	free(s.was);
	free(s.own);
	return rc;
}
