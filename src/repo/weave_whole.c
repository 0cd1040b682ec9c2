/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are in conflict as wholes, and the file that another version has of a strand. */
#include "repo/weave.h"

#include "repo/rewind.h"

/* ---- files of other versions ---- */

/* The file of the first path that the commit has. */
static int find_first(struct st_weave *w, const struct st_oid *commit, const char *const *paths,
		      size_t n, const struct st_stage_row **row, struct st_err *e)
{
	const struct st_stage_row *found = NULL;
	struct st_stage_row *kept;
	struct st_index x;
	int rc;

	*row = NULL;
	st_index_init(&x);
	rc = st_rewind_commit(w->r, commit, &x, e);
	for (size_t i = 0; rc == ST_OK && !found && i < n; i++)
		found = st_index_find(&x, paths[i], strlen(paths[i]), NULL);
	kept = found ? st_arena_alloc(&w->arena, sizeof(*kept), e) : NULL;
	if (kept) {
		*kept = *found;
		kept->path = st_arena_dup(&w->arena, found->path, found->path_len, e);
		*row = kept;
	}
	st_index_release(&x);
	return e->code;
}

int st_weave_from(struct st_weave *w, const struct st_oid *commit, const char *path,
		  const struct st_stage_row **row, struct st_err *e)
{
	return find_first(w, commit, &path, 1, row, e);
}

bool st_weave_part(const struct st_weave *w, const struct st_oid *commit, size_t *part)
{
	for (*part = 0; *part < w->n; (*part)++)
		if (st_oid_eq(&w->d->parents[*part], commit))
			return true;
	*part = ST_THREE_BASE;
	return w->d->nbases == 1 && st_oid_eq(&w->d->bases[0], commit);
}

int st_weave_strand_from(struct st_weave *w, const struct st_oid *commit, const struct st_strand *s,
			 const struct st_stage_row **row, struct st_err *e)
{
	const char *paths[ST_THREE_SIDES + 2] = { s->path };
	size_t part, n = 1;

	if (st_weave_part(w, commit, &part)) {
		*row = part == ST_THREE_BASE ? s->base : s->side[part];
		return ST_OK;
	}
	if (s->base)
		paths[n++] = s->base->path;
	for (size_t i = 0; i < w->n; i++)
		if (s->side[i])
			paths[n++] = s->side[i]->path;
	return find_first(w, commit, paths, n, row, e);
}

/* ---- files in conflict ---- */

static bool is_of_names(enum st_conflict kind)
{
	return kind == ST_CONFLICT_RENAME_RENAME || kind == ST_CONFLICT_RENAME_DELETE;
}

/* Did a side rename a file to this one, which another side calls another one? */
static bool has_origin(const struct st_weave *w, const struct st_strand *s)
{
	for (size_t i = 0; i < w->n; i++)
		if (s->was[i])
			return true;
	return false;
}

static struct st_merge_name name_of(const struct st_stage_row *row)
{
	return row ? (struct st_merge_name){ row->path, row->path_len } :
		     (struct st_merge_name){ NULL, 0 };
}

static int find_item(struct st_weave *w, const struct st_strand *s, enum st_conflict kind,
		     struct st_choice *c, struct st_err *e)
{
	struct st_oid ids[ST_THREE_SIDES] = { { { 0 } } };
	struct st_merge_name names[ST_THREE_SIDES + 1] = { name_of(s->base) };
	struct st_merge_held held[ST_THREE_SIDES + 1] = { { 0 } };
	const bool came = has_origin(w, s);
	struct st_merge_item it = { .path = s->path,
				    .path_len = strlen(s->path),
				    .name = "",
				    .kind = st_conflict_name(kind),
				    .sides = ids,
				    .nsides = w->n,
				    .names = came || is_of_names(kind) ? names : NULL,
				    .held = held };

	if (s->base && !st_weave_baseless(w, s->base)) {
		it.base = s->base->id;
		held[0] = st_held_file(s->base);
	}
	for (size_t i = 0; i < w->n; i++) {
		held[i + 1] = st_held_file(s->side[i]);
		if (s->side[i])
			ids[i] = s->side[i]->id;
		names[i + 1] = name_of(came ? s->was[i] : s->side[i]);
	}
	if (kind == ST_CONFLICT_FILE_DIRECTORY)
		st_held_directories(w, s->path, held);
	return st_weave_item(w, &it, ST_RULED_NOT, c, e);
}

/* Has the version a file that a side renamed to this one? */
static int find_origin(struct st_weave *w, const struct st_strand *s, const struct st_oid *commit,
		       bool *has, struct st_err *e)
{
	const struct st_stage_row *row = NULL;
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && !row && i < w->n; i++)
		if (s->was[i])
			rc = st_weave_from(w, commit, s->was[i]->path, &row, e);
	*has = row != NULL;
	return rc;
}

/* A version that is merged, or the base, removed what it has not. Of others nothing is known, but
 * that where the file is not a directory may be. */
static int find_from(struct st_weave *w, const struct st_strand *s, enum st_conflict kind,
		     const struct st_oid *commit, const struct st_stage_row **row, struct st_err *e)
{
	size_t part;
	bool has = false;
	int rc = st_weave_strand_from(w, commit, s, row, e);

	if (rc != ST_OK || *row || kind == ST_CONFLICT_FILE_DIRECTORY ||
	    st_weave_part(w, commit, &part))
		return rc;
	rc = find_origin(w, s, commit, &has, e);
	if (rc != ST_OK || has)
		return rc;
	return st_fail(e, ST_ENOTFOUND,
		       "the version of --from has no file '%s'%s: say otherwise what becomes of it",
		       s->path,
		       is_of_names(kind) || has_origin(w, s) ? ", and none of its other names" :
							       "");
}

/* Where the conflict is about the file's name, that comes with the version that is chosen. */
static int take_chosen(struct st_weave *w, const struct st_strand *s, enum st_conflict kind,
		       const struct st_stage_row *row, const struct st_choice *c, struct st_err *e)
{
	struct st_strand mine = *s;

	if (row && is_of_names(kind))
		mine.path = row->path;
	if (c->how == ST_HOW_HAND)
		return st_weave_take(w, &mine, row, e);
	return st_weave_take_text(w, &mine, row, c->how == ST_HOW_BASE ? ST_THREE_BASE : c->side,
				  c->how == ST_HOW_FROM ? &c->from : NULL, c->how == ST_HOW_OPEN,
				  e);
}

int st_weave_whole(struct st_weave *w, const struct st_strand *s, enum st_conflict kind,
		   struct st_err *e)
{
	const struct st_stage_row *row = s->side[0];
	struct st_choice c;
	int rc = find_item(w, s, kind, &c, e);

	if (rc != ST_OK)
		return rc;
	switch (c.how) {
	case ST_HOW_OPEN:
		break;
	case ST_HOW_SIDE:
		row = s->side[c.side];
		break;
	case ST_HOW_BASE:
		if (st_weave_baseless(w, s->base))
			return st_weave_no_base(s->path, "", 0, e);
		row = s->base;
		break;
	case ST_HOW_HAND:
		row = w->hand ? st_index_find(w->hand, s->path, strlen(s->path), NULL) : row;
		break;
	case ST_HOW_FROM:
		rc = find_from(w, s, kind, &c.from, &row, e);
		break;
	default:
		rc = st_fail(e, ST_EUSAGE,
			     "'%s' can only be settled as a whole: --ours, --theirs, --base or "
			     "--from",
			     s->path);
	}
	return rc == ST_OK ? take_chosen(w, s, kind, row, &c, e) : rc;
}
