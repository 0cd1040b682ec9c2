/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolve: which conflicts of the merge under way are decided, and how: those that globs match, and
 * with a vocabulary all that belongs to it.
 */
#include "repo/merge_resolve.h"

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

static int say_union(struct st_settling *s, struct st_err *e)
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

static int say_how(struct st_settling *s, struct st_err *e)
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

static int settle_one(struct st_settling *s, struct st_merge_item *it, const char *how,
		      struct st_err *e)
{
	int rc = st_map_put(&s->paths, it->path, it->path_len, 1, NULL, NULL, e);

	if (it->how != s->said && it->how != s->wide) /* else another glob matched it, too */
		s->settled++;
	if (it->how != s->said) /* by its name, whatever a pattern says */
		it->how = how;
	for (size_t i = 0; rc == ST_OK && has_names(it) && i <= it->nsides; i++)
		if (it->names[i].len)
			rc = st_map_put(&s->names, it->names[i].text, it->names[i].len, 1, NULL,
					NULL, e);
	return rc;
}

/* Can the method compute with what the sides have there, as far as that is known? */
static bool computes(const struct st_settling *s, const struct st_merge_item *it)
{
	enum st_dtype t;

	for (size_t i = 1; it->held && i <= it->nsides; i++) {
		const char *name = it->held[i].dtype;

		if (name && st_dtype_by_name(&t, name, strlen(name)) &&
		    !st_spec_takes(&s->choice.spec, t, !st_oid_is_zero(&it->base)))
			return false;
	}
	return true;
}

/* Can the item be settled so? What a glob matches besides is left as it is: of a tensor that is no
 * conflict of the vocabulary only its name says that it has rows of tokens. */
static bool applies(const struct st_settling *s, const struct st_merge_item *it, bool exact)
{
	enum st_conflict kind;

	if (!exact && !st_choice_applies(&s->choice, it->path))
		return false;
	if (!st_conflict_parse(it->kind, &kind))
		return true;
	if (s->choice.how == ST_HOW_UNION)
		return kind == ST_CONFLICT_VOCABULARY ||
		       (exact && it->name_len &&
			(kind == ST_CONFLICT_VALUES || kind == ST_CONFLICT_ADD_ADD));
	if (s->choice.how != ST_HOW_METHOD || exact)
		return true;
	return it->name_len && st_conflict_blends(kind) && computes(s, it);
}

bool st_settling_passes(void *arg, struct st_merge_item *it)
{
	struct st_settling *s = arg;

	if (it->how != s->wide || s->wide == s->said)
		return false;
	it->how = s->was[it - s->m.d.items];
	s->passed++;
	return true;
}

/* ---- what was staged by hand ---- */

bool st_settling_named(const struct st_settling *s, const char *path)
{
	for (size_t i = 0; i < s->nglobs; i++)
		if (strcmp(s->globs[i], path) == 0)
			return true;
	return false;
}

bool st_settling_staged(const struct st_settling *s, const char *path)
{
	return st_map_get(&s->staged, path, strlen(path), NULL);
}

static bool is_hand(const char *how)
{
	return how && strcmp(how, "by hand") == 0;
}

static bool is_staged_name(const struct st_settling *s, const struct st_merge_name *n)
{
	return n->len && st_map_get(&s->staged, n->text, n->len, NULL);
}

/* By any of its names. */
static bool is_staged_item(const struct st_settling *s, const struct st_merge_item *it)
{
	bool any = st_settling_staged(s, it->path);

	for (size_t i = 0; !any && has_names(it) && i <= it->nsides; i++)
		any = is_staged_name(s, &it->names[i]);
	return any;
}

/* A name that the file may get, or lose, may not be that of a file that somebody staged. */
static int check_names(const struct st_settling *s, const struct st_merge_item *it,
		       struct st_err *e)
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
static int check_hands(const struct st_settling *s, struct st_err *e)
{
	for (size_t i = 0; i < s->m.d.nitems; i++) {
		const struct st_merge_item *x = &s->m.d.items[i];

		if (!st_map_get(&s->paths, x->path, x->path_len, NULL))
			continue;
		if (check_names(s, x, e) != ST_OK)
			return e->code;
		if (is_hand(x->how) || (!st_settling_named(s, x->path) &&
					(is_hand(s->was[i]) || st_settling_staged(s, x->path))))
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

/* Does it mean a file, of which this is a part? */
static bool names_file_of(const char *glob, const struct st_merge_item *it)
{
	return it->name_len && strcmp(glob, it->path) == 0;
}

struct matched {
	const struct st_merge_item *spared;
	size_t hits, done;
};

/* exact: the glob means nothing else than these, or all of one file. */
static int match_items(struct st_settling *s, const char *glob, bool exact, struct matched *m,
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
		if (pattern && !st_settling_named(s, it->path) &&
		    (is_hand(it->how) || is_staged_item(s, it))) {
			m->spared = it;
			rc = st_map_put(&s->spared, it->path, it->path_len, 1, NULL, NULL, e);
			continue;
		}
		if (!applies(s, it, exact && !names_file_of(glob, it)))
			continue;
		m->done++;
		rc = settle_one(s, it, exact && !names_file_of(glob, it) ? s->said : s->wide, e);
	}
	return rc;
}

static int match(struct st_settling *s, const char *glob, struct st_err *e)
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

static int choose(struct st_settling *s, struct st_err *e)
{
	int rc;

	s->said = st_arena_dup(&s->m.d.arena, s->how.p, s->how.len, e);
	s->wide = s->said;
	if (s->choice.how == ST_HOW_METHOD && st_spec_reads_adapters(&s->choice.spec))
		s->wide = st_arena_dup(&s->m.d.arena, s->how.p, s->how.len, e);
	s->was = st_calloc(s->m.d.nitems, sizeof(*s->was), e);
	rc = s->said && s->wide && s->was ? ST_OK : (int)e->code;
	for (size_t i = 0; rc == ST_OK && i < s->m.d.nitems; i++)
		s->was[i] = s->m.d.items[i].how;
	for (size_t g = 0; rc == ST_OK && g < s->nglobs; g++)
		rc = match(s, s->globs[g], e);
	return rc == ST_OK ? check_hands(s, e) : rc;
}

/* ---- markers ---- */

/* Other files that were changed since they were begun to be decided about are refused. */
static int find_own(struct st_settling *s, struct st_err *e)
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

static int note_folder(struct st_settling *s, const char *path, struct st_err *e)
{
	size_t len;

	if (!st_weave_vocab_dir(&s->w, path, &len))
		return ST_OK; /* which weaving says */
	return st_map_put(&s->folders, path, len, 1, NULL, NULL, e);
}

bool st_settling_in_vocab(const struct st_settling *s, const char *path)
{
	size_t len;

	return st_weave_vocab_dir(&s->w, path, &len) && st_map_get(&s->folders, path, len, NULL);
}

static bool is_union(const char *how)
{
	return how && strncmp(how, "union", 5) == 0;
}

/* The rest of a vocabulary of which something is joined no longer is decided as that is. */
static int part_others(struct st_settling *s, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < s->m.d.nitems; i++)
		if (is_union(s->was[i]) && !is_union(s->m.d.items[i].how))
			rc = note_folder(s, s->m.d.items[i].path, e);
	for (size_t i = 0; rc == ST_OK && s->folders.count && i < s->m.d.nitems; i++) {
		struct st_merge_item *it = &s->m.d.items[i];

		if (!is_union(it->how) || !st_settling_in_vocab(s, it->path))
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
static int is_other(struct st_settling *s, const struct st_merge_item *it, bool *other,
		    struct st_err *e)
{
	const struct st_weave_vocab *vocab;
	const bool theirs = it->nsides > 1 && st_oid_is_zero(&it->sides[0]);
	const struct st_weave_unit *u = st_weave_unit_with(&s->w, it->path);
	const struct st_unit_version *v = u ? &u->side[theirs] : NULL;
	const struct st_stage_row *row =
		st_index_find(&s->w.sides[theirs], it->path, it->path_len, NULL);
	const struct st_stage_row *const *rows = v ? v->rows : &row;
	const size_t n = v ? v->n : row != NULL;
	uint64_t end;
	int rc;

	*other = false;
	if (!n || !it->name_len || st_vocab_file(st_weave_file_name(it->path)))
		return ST_OK;
	rc = st_weave_vocab(&s->w, it->path, &vocab, e);
	end = rc == ST_OK ? theirs ? vocab->theirs.end : vocab->ours.end : 0;
	*other = true;
	for (size_t i = 0; rc == ST_OK && *other && i < n; i++) /* where the tensor is */
		rc = st_weave_other_rows(&s->w, rows[i], it, end, other, e);
	return rc;
}

/* A tensor of one side that was decided about already: it cannot be joined. */
static bool is_lone(const struct st_merge_item *it)
{
	return it->how && it->name_len && !st_vocab_file(st_weave_file_name(it->path)) &&
	       (st_oid_is_zero(&it->sides[0]) || st_oid_is_zero(&it->sides[1]));
}

/* What belongs to the same vocabulary is joined with it, whatever was decided about it before: the
 * tokenizer and all its tensors. A file that was staged by hand stays as it is. */
static int join_others(struct st_settling *s, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < s->m.d.nitems; i++)
		if (is_union(s->m.d.items[i].how))
			rc = note_folder(s, s->m.d.items[i].path, e);
	for (size_t i = 0; rc == ST_OK && s->choice.how == ST_HOW_UNION && i < s->m.d.nitems; i++) {
		struct st_merge_item *it = &s->m.d.items[i];
		bool other;

		if (is_union(it->how) || !st_settling_in_vocab(s, it->path) || is_lone(it) ||
		    !st_choice_applies(&s->choice, it->path) ||
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
static int find_numbered(struct st_settling *s, struct st_err *e)
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

int st_settling_vocabs(struct st_settling *s, struct st_err *e)
{
	int rc = part_others(s, e);

	if (rc == ST_OK)
		rc = join_others(s, e);
	return rc == ST_OK ? find_numbered(s, e) : rc;
}

/* ---- all of it ---- */

static int settle(struct st_settling *s, struct st_err *e)
{
	int rc = st_txn_begin(&s->t, s->r, "resolve", e);

	if (rc == ST_OK)
		rc = st_txn_index(&s->t, e);
	if (rc == ST_OK)
		rc = st_merging_load(s->r, &s->m, &s->there, e);
	if (rc == ST_OK && !s->there)
		rc = st_merging_none(e);
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
	return rc == ST_OK ? st_settling_make(s, e) : rc;
}

int st_verb_settle(struct st_repo *r, const char *const *globs, size_t n,
		   const strata_settle_options *o, uint64_t *settled, uint64_t *open,
		   struct st_err *e)
{
	struct st_settling s = { .r = r, .globs = globs, .nglobs = n, .o = o };
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
	*settled = s.settled - s.passed;
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
