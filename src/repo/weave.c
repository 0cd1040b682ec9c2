/* SPDX-License-Identifier: Apache-2.0 */
/* One file of the result, from its versions; and all of them. */
#include "repo/weave.h"

#include "base/file.h"
#include "repo/rewind.h"

#include <stdio.h>
#include <unistd.h>

/* ---- rows ---- */

int st_weave_take(struct st_weave *w, const struct st_strand *s, const struct st_stage_row *row,
		  struct st_err *e)
{
	struct st_stage_row mine;

	if (row && w->fit)
		return st_weave_fit_row(w, s, row, e);
	if (!row) {
		struct st_stage_row none = { .path = s->path, .path_len = strlen(s->path) };

		return st_index_add(&w->gone, &none, e);
	}
	mine = *row;
	mine.path = s->path;
	mine.path_len = strlen(s->path);
	mine.flags &= (uint32_t)ST_INDEX_MODEL;
	if (row->mode != ST_MODE_LINK && s->mode != ST_MODE_LINK)
		mine.mode = s->mode;
	return st_index_add(&w->target, &mine, e);
}

static int stored(void *arg, const char *path, const struct st_ingested *f, struct st_err *e)
{
	(void)path;
	(void)e;
	*(struct st_ingested *)arg = *f;
	return ST_OK;
}

static int ingest(struct st_weave *w, const struct st_strand *s, const char *temp,
		  struct st_ingested *got, struct st_err *e)
{
	const struct st_ingest_options o = { .mode = ST_CODEC_DEFAULT };
	int rc = w->ingest ? ST_OK : st_ingest_new(&w->ingest, w->r, w->t->w, &o, e);

	if (rc != ST_OK)
		return rc;
	st_ingest_on_done(w->ingest, stored, got);
	rc = st_ingest_file(w->ingest, s->path, temp, false, e);
	return rc == ST_OK ? st_ingest_finish(w->ingest, e) : rc;
}

int st_weave_store(struct st_weave *w, const struct st_strand *s, int fd, const char *temp,
		   struct st_err *e)
{
	struct st_ingested got = { 0 };
	struct st_stage_row row = { .path = s->path };
	struct stat st;
	int rc;

	if (fstat(fd, &st) != 0)
		return st_fail_os(e, "%s", temp);
	if (w->t) {
		rc = ingest(w, s, temp, &got, e);
		row.id = got.id;
		row.flags = got.model ? ST_INDEX_MODEL : 0;
	} else {
		rc = st_hash_fd(&w->r->ctx, fd, (uint64_t)st.st_size, s->path, &row.id, e);
	}
	row.size = (uint64_t)st.st_size;
	return rc == ST_OK ? st_weave_take(w, s, &row, e) : rc;
}

/* ---- files as wholes ---- */

bool st_weave_same(const struct st_stage_row *a, const struct st_stage_row *b)
{
	if (!a || !b)
		return a == b;
	return st_oid_eq(&a->id, &b->id) && (a->mode == ST_MODE_LINK) == (b->mode == ST_MODE_LINK);
}

/* The file was staged, which settled items of it if it has some: then it is as it was staged. */
bool st_weave_by_hand(const struct st_weave *w, const char *path)
{
	size_t n = strlen(path);

	if (w->hands && st_map_get(w->hands, path, n, NULL))
		return true;
	for (size_t i = 0; i < w->nknown; i++) {
		const struct st_merge_item *x = &w->d->items[i];

		if (x->path_len == n && memcmp(x->path, path, n) == 0 && x->how &&
		    strcmp(x->how, "by hand") == 0)
			return true;
	}
	return false;
}

static int look(struct st_weave *w, const struct st_strand *s, bool *models, bool *files,
		struct st_err *e)
{
	struct st_vfile *f;
	char format[64] = "";
	int rc = ST_OK;

	*models = *files = true;
	for (size_t i = 0; rc == ST_OK && i <= w->n; i++) {
		const struct st_stage_row *row = i < w->n ? s->side[i] : s->base;

		if (!row)
			continue;
		*files = *files && row->mode != ST_MODE_LINK;
		rc = st_vfile_open_model(&f, w->r, row, e);
		if (rc != ST_OK)
			break;
		if (!f || (*format && strcmp(format, st_vfile_manifest(f)->format) != 0))
			*models = false;
		else
			snprintf(format, sizeof(format), "%s", st_vfile_manifest(f)->format);
		st_vfile_close(f);
	}
	return rc;
}

/* Several sides changed it. */
static int weave_inside(struct st_weave *w, const struct st_strand *s, struct st_err *e)
{
	bool models, files, done = false;
	int rc = look(w, s, &models, &files, e);

	if (rc != ST_OK)
		return rc;
	if (s->apart)
		return st_weave_whole(w, s, ST_CONFLICT_ADD_ADD, e);
	if (models && files)
		return st_weave_model(w, s, NULL, e);
	if (files)
		rc = st_weave_text(w, s, &done, e);
	if (rc != ST_OK || done)
		return rc;
	return st_weave_whole(w, s, s->base ? ST_CONFLICT_BINARY : ST_CONFLICT_ADD_ADD, e);
}

/* One side changed or added it, or none, but is it a model with rows that are of other tokens on
 * the other sides? */
static int is_misread(struct st_weave *w, const struct st_strand *s, bool changed, bool *yes,
		      struct st_err *e)
{
	bool models = false, files = false;
	int rc;

	*yes = changed || s->base;
	for (size_t i = 0; i < w->n; i++)
		*yes = *yes && (s->side[i] || !s->base);
	rc = *yes ? st_weave_tokens_mixed(w, s->path, changed, yes, e) : ST_OK;
	if (rc == ST_OK && *yes)
		rc = look(w, s, &models, &files, e);
	*yes = *yes && models && files;
	return rc;
}

uint32_t st_weave_mode(const struct st_weave *w, const struct st_strand *s)
{
	uint32_t mode = s->base ? s->base->mode : ST_MODE_FILE;

	for (size_t i = w->n; i > 0; i--)
		if (s->side[i - 1] && (!s->base || s->side[i - 1]->mode != s->base->mode))
			mode = s->side[i - 1]->mode;
	return mode;
}

/* What one side made of it. */
int st_weave_take_one(struct st_weave *w, const struct st_strand *s, const struct st_stage_row *row,
		      struct st_err *e)
{
	return row && st_weave_resizes(w, s->path) ? st_weave_resized(w, s, row, e) :
						     st_weave_take(w, s, row, e);
}

int st_weave_file(struct st_weave *w, struct st_strand *s, struct st_err *e)
{
	const struct st_stage_row *changed = NULL;
	const bool baseless = st_weave_baseless(w, s->base);
	bool any = false, differ = false, gone = false, modified = false, misread, clash;
	int rc = st_check_cancel(&w->r->ctx, e);

	if (rc != ST_OK || (w->wanted && !w->wanted(w->wanted_arg, s->path)))
		return rc;
	s->mode = st_weave_mode(w, s);
	for (size_t i = 0; i < w->n; i++) {
		/* where there is no base a side without the file has no say */
		if (!baseless && st_weave_same(s->side[i], s->base))
			continue;
		differ = differ || (any && !st_weave_same(s->side[i], changed));
		if (!any)
			changed = s->side[i];
		any = true;
		gone = gone || !s->side[i];
		modified = modified || s->side[i];
	}
	rc = st_weave_misnumbers(w, s, &clash, e);
	if (rc != ST_OK)
		return rc;
	if (!clash && (!any || (!differ && !st_weave_renumbers(w, s)))) {
		rc = is_misread(w, s, any, &misread, e);
		if (rc != ST_OK || !misread)
			return rc == ST_OK ?
				       st_weave_take_one(w, s, any ? changed : s->side[0], e) :
				       rc;
	}
	if (st_weave_by_hand(w, s->path))
		return st_weave_take(
			w, s,
			w->hand ? st_index_find(w->hand, s->path, strlen(s->path), NULL) : NULL, e);
	if (gone && modified)
		return st_weave_whole(w, s,
				      st_weave_clashing(w, s->path) ? ST_CONFLICT_FILE_DIRECTORY :
								      ST_CONFLICT_DELETE_MODIFY,
				      e);
	return weave_inside(w, s, e);
}

/* Said before anything is written. */
static int no_item_twice(const struct st_merge_desc *d, struct st_err *e)
{
	for (size_t i = 1; i < d->nitems; i++) {
		const struct st_merge_item *a = &d->items[i - 1], *b = &d->items[i];

		if (strcmp(a->path, b->path) == 0 && a->name_len == b->name_len &&
		    memcmp(a->name, b->name, a->name_len) == 0)
			return st_fail(e, ST_EREFUSED,
				       "'%s' has two conflicts of the name %.200s: rename one of "
				       "the two first, on its branch",
				       a->path, a->name_len ? a->name : "of the file");
	}
	return ST_OK;
}

static int no_path_twice(const struct st_index *x, struct st_err *e)
{
	struct st_map paths;
	bool had = false;
	int rc = ST_OK;

	st_map_init(&paths);
	for (size_t i = 0; rc == ST_OK && i < x->nrows; i++) {
		rc = st_map_put(&paths, x->rows[i].path, x->rows[i].path_len, i, &had, NULL, e);
		if (rc == ST_OK && had)
			rc = st_fail(e, ST_EREFUSED,
				     "two files would come to be '%s': rename one of them first, "
				     "on its branch",
				     x->rows[i].path);
	}
	st_map_release(&paths);
	return rc;
}

static int finish(struct st_weave *w, struct st_err *e)
{
	int rc = no_path_twice(&w->target, e);

	if (rc == ST_OK)
		rc = st_index_sort(&w->target, e);
	if (rc == ST_OK)
		rc = st_weave_clashes(w, e);
	if (rc == ST_OK)
		rc = st_index_sort(&w->gone, e);
	if (rc != ST_OK)
		return rc;
	st_merge_desc_sort(w->d);
	return no_item_twice(w->d, e);
}

int st_weave_run(struct st_weave *w, struct st_err *e)
{
	int rc = st_weave_pairs(w, e);

	for (size_t i = 0; rc == ST_OK && i < w->nunits; i++)
		rc = st_weave_unit(w, &w->units[i], e);
	if (rc == ST_OK)
		rc = st_weave_ids_finish(w, e);
	return rc == ST_OK ? finish(w, e) : rc;
}

int st_weave_init(struct st_weave *w, struct st_err *e)
{
	int rc = ST_OK;

	st_arena_init(&w->arena);
	st_map_init(&w->unit_of);
	st_map_init(&w->unit_with);
	st_index_init(&w->base);
	st_index_init(&w->target);
	st_index_init(&w->gone);
	for (size_t i = 0; i < ST_THREE_SIDES; i++)
		st_index_init(&w->sides[i]);
	if (w->d->nparents > ST_THREE_SIDES)
		return st_fail(e, ST_EUSAGE, "at most %d versions are merged at once",
			       ST_THREE_SIDES - 1);
	st_merge_desc_sort(w->d);
	w->nknown = w->d->nitems;
	w->n = w->d->nparents;
	if (w->d->nbases > 1)
		rc = st_weave_bases_load(w, e);
	else if (w->d->nbases)
		rc = st_rewind_commit(w->r, &w->d->bases[0], &w->base, e);
	for (size_t i = 0; rc == ST_OK && i < w->n; i++)
		rc = st_rewind_commit(w->r, &w->d->parents[i], &w->sides[i], e);
	return rc == ST_OK ? st_weave_units(w, e) : rc;
}

void st_weave_release(struct st_weave *w)
{
	st_weave_vocab_release(w);
	st_weave_ids_release(w);
	st_weave_units_release(w);
	st_weave_bases_release(w);
	st_ingest_free(w->ingest);
	st_index_release(&w->base);
	st_index_release(&w->target);
	st_index_release(&w->gone);
	for (size_t i = 0; i < ST_THREE_SIDES; i++)
		st_index_release(&w->sides[i]);
	st_arena_release(&w->arena);
}
