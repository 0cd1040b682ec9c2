/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/weave.h"

#include "base/file.h"
#include "repo/rewind.h"

#include <stdio.h>
#include <unistd.h>

/* ---- choices ---- */

static bool number_after(const char *text, const char *word, size_t *out)
{
	size_t n = strlen(word);

	if (strncmp(text, word, n) != 0)
		return false;
	*out = 1;
	if (!text[n])
		return true;
	if (text[n] != ' ' || strspn(text + n + 1, "0123456789") != strlen(text + n + 1) ||
	    strlen(text + n + 1) > 4 || !text[n + 1])
		return false;
	*out = (size_t)strtoul(text + n + 1, NULL, 10);
	return true;
}

/* "union", "union theirs", "union METHOD": what becomes of rows that both sides changed */
static int parse_union(struct st_choice *out, struct st_arena *arena, const char *how,
		       size_t nsides, struct st_err *e)
{
	struct st_choice rows = { .how = ST_HOW_SIDE };
	int rc = how[5] ? st_choice_parse(&rows, arena, how + 6, nsides, e) : ST_OK;

	if (rc == ST_OK && rows.how != ST_HOW_SIDE && rows.how != ST_HOW_METHOD)
		rc = st_fail(e, ST_EUSAGE, "'%.60s': a union goes with ours, theirs or a method",
			     how);
	*out = rows;
	out->rows = rows.how;
	out->how = ST_HOW_UNION;
	return rc;
}

int st_choice_parse(struct st_choice *out, struct st_arena *arena, const char *how, size_t nsides,
		    struct st_err *e)
{
	*out = (struct st_choice){ .how = ST_HOW_SIDE };
	if (strcmp(how, "ours") == 0)
		return ST_OK;
	if (number_after(how, "theirs", &out->side)) {
		if (out->side == 0 || out->side >= nsides)
			return st_fail(e, ST_EUSAGE, "'%.60s': %zu versions are merged", how,
				       nsides - 1);
		return ST_OK;
	}
	if (strcmp(how, "base") == 0)
		out->how = ST_HOW_BASE;
	else if (strcmp(how, "by hand") == 0)
		out->how = ST_HOW_HAND;
	else if (strcmp(how, "union") == 0 || strncmp(how, "union ", 6) == 0)
		return parse_union(out, arena, how, nsides, e);
	else if (strncmp(how, "from ", 5) == 0 &&
		 st_oid_parse(&out->from, how + 5, strlen(how) - 5))
		out->how = ST_HOW_FROM;
	else
		out->how = ST_HOW_METHOD;
	return out->how == ST_HOW_METHOD ? st_spec_parse(&out->spec, arena, how, e) : ST_OK;
}

static const struct st_merge_item *known(const struct st_weave *w, const struct st_merge_item *it)
{
	struct st_merge_desc d = { .items = w->d->items, .nitems = w->nknown };

	return st_merge_desc_find(&d, it->path, it->path_len, it->name, it->name_len);
}

int st_weave_known(struct st_weave *w, const char *path, const char *name, size_t len,
		   struct st_choice *out, struct st_err *e)
{
	const struct st_merge_item it = {
		.path = path, .path_len = strlen(path), .name = name, .name_len = len
	};
	const struct st_merge_item *was = known(w, &it);

	*out = (struct st_choice){ .how = ST_HOW_OPEN };
	return was && was->how ? st_choice_parse(out, &w->arena, was->how, w->n, e) : ST_OK;
}

bool st_weave_takes_from(const struct st_weave *w, const char *path)
{
	for (size_t i = 0; i < w->nknown; i++)
		if (w->d->items[i].how && strncmp(w->d->items[i].how, "from ", 5) == 0 &&
		    strcmp(w->d->items[i].path, path) == 0)
			return true;
	return false;
}

/* A method that takes one side as it is, as a choice; false: it is none. */
static int side_text(const struct st_spec *spec, struct st_buf *out, bool *side, struct st_err *e)
{
	struct st_method_info info;
	size_t which;

	st_method_of(spec, &info);
	*side = true;
	if (strcmp(info.name, "ours") == 0 || strcmp(info.name, "base") == 0)
		return st_buf_addstr(out, info.name, e);
	*side = strcmp(info.name, "theirs") == 0;
	if (!*side)
		return ST_OK;
	which = (size_t)st_spec_value(spec, "model", 0, 0);
	return which == 1 ? st_buf_addstr(out, "theirs", e) :
			    st_buf_addf(out, e, "theirs %zu", which);
}

static int ask_rules(struct st_weave *w, struct st_merge_item *it, enum st_ruled ruled,
		     struct st_buf *text, struct st_err *e)
{
	const struct st_spec *spec = st_rules_find(w->rules, it->name, it->name_len);
	bool has = true;
	int rc;

	if (!spec)
		return ST_OK;
	rc = ruled == ST_RULED_SIDE ? side_text(spec, text, &has, e) : st_spec_text(spec, text, e);
	it->how = rc == ST_OK && has ? st_buf_cstr(text, e) : NULL;
	return e->code;
}

int st_weave_item(struct st_weave *w, const struct st_merge_item *it, enum st_ruled ruled,
		  struct st_choice *out, struct st_err *e)
{
	const struct st_merge_item *was = known(w, it);
	struct st_merge_item now = *it;
	struct st_buf text;
	int rc = ST_OK;

	st_buf_init(&text, 1 << 20);
	*out = (struct st_choice){ .how = ST_HOW_OPEN };
	now.how = was ? was->how : NULL;
	if (!was && w->rules && ruled != ST_RULED_NOT)
		rc = ask_rules(w, &now, ruled, &text, e);
	if (rc == ST_OK && now.how)
		rc = st_choice_parse(out, &w->arena, now.how, w->n, e);
	if (rc == ST_OK && !was)
		rc = st_merge_desc_add(w->d, &now, e);
	w->open += rc == ST_OK && !now.how;
	st_buf_release(&text);
	return rc;
}

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

static uint32_t mode_of(const struct st_weave *w, const struct st_strand *s)
{
	uint32_t mode = s->base ? s->base->mode : ST_MODE_FILE;

	for (size_t i = w->n; i > 0; i--)
		if (s->side[i - 1] && (!s->base || s->side[i - 1]->mode != s->base->mode))
			mode = s->side[i - 1]->mode;
	return mode;
}

/* What one side made of it. */
static int take_one(struct st_weave *w, const struct st_strand *s, const struct st_stage_row *row,
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
	s->mode = mode_of(w, s);
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
			return rc == ST_OK ? take_one(w, s, any ? changed : s->side[0], e) : rc;
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

/* ---- which files belong together ---- */

struct origin { /* of a file that a side renamed to what another one is called elsewhere */
	const struct st_stage_row *base;
	bool apart; /* another one indeed: what became of `base` is there besides */
	bool with;  /* whether it keeps its old name is decided with the new one's conflict */
};

struct renames {	  /* of one side: files that only their names left */
	struct st_map to; /* content that came -> row + 1 */
	bool *used;
	struct origin *of; /* of each row */
};

static int find_came(const struct st_weave *w, size_t i, struct renames *x, struct st_err *e)
{
	const struct st_index *side = &w->sides[i];
	int rc = ST_OK;

	st_map_init(&x->to);
	x->used = st_calloc(side->nrows, sizeof(*x->used), e);
	x->of = st_calloc(side->nrows, sizeof(*x->of), e);
	if (!x->used || !x->of)
		return e->code;
	for (size_t k = side->nrows; rc == ST_OK && k > 0; k--) {
		const struct st_stage_row *row = &side->rows[k - 1];

		if (row->size && !st_weave_unit_at(w, row->path) &&
		    !st_index_find(&w->base, row->path, row->path_len, NULL))
			rc = st_map_put(&x->to, row->id.b, ST_OID_LEN, k, NULL, NULL, e);
	}
	return rc;
}

static const struct st_stage_row *find_side(const struct st_weave *w, size_t i, struct renames *x,
					    const struct st_stage_row *base)
{
	const struct st_stage_row *row =
		st_index_find(&w->sides[i], base->path, base->path_len, NULL);
	uint64_t k;

	if (row || !st_map_get(&x->to, base->id.b, ST_OID_LEN, &k) || x->used[k - 1] ||
	    x->of[k - 1].base)
		return row;
	x->used[k - 1] = true;
	return &w->sides[i].rows[k - 1];
}

static bool is_renamed(const struct st_stage_row *base, const struct st_stage_row *row)
{
	return row && strcmp(row->path, base->path) != 0;
}

/* A side that did the same as one that renamed the file, and then made another one of its old
 * name: that one, in again, was added. */
static void pair_again(const struct st_weave *w, struct renames *x, struct st_strand *s,
		       struct st_strand *again)
{
	const struct st_stage_row *to = NULL, *row;
	size_t at;

	for (size_t i = 0; i < w->n; i++)
		if (!to && is_renamed(s->base, s->side[i]))
			to = s->side[i];
	for (size_t i = 0; to && i < w->n; i++) {
		if (!s->side[i] || is_renamed(s->base, s->side[i]) ||
		    st_oid_eq(&s->side[i]->id, &s->base->id))
			continue;
		row = st_index_find(&w->sides[i], to->path, to->path_len, &at);
		if (!row || x[i].used[at] || !st_oid_eq(&row->id, &s->base->id))
			continue;
		x[i].used[at] = true;
		again->side[i] = s->side[i];
		s->side[i] = row;
	}
}

/* Is the name that side i gave the file that of another one on another side? */
static bool is_elsewhere(const struct st_weave *w, const struct st_strand *s, size_t i)
{
	const struct st_stage_row *row;

	for (size_t o = 0; o < w->n; o++) {
		row = st_index_find(&w->sides[o], s->side[i]->path, s->side[i]->path_len, NULL);
		if (o != i && row && row != s->side[o])
			return true;
	}
	return false;
}

static struct origin *origin_of(const struct st_weave *w, struct renames *x, size_t i,
				const struct st_stage_row *row)
{
	return &x[i].of[row - w->sides[i].rows];
}

/* Do the sides not agree about what has that name? */
static bool is_contested(const struct st_weave *w, const struct st_stage_row *to)
{
	const struct st_stage_row *row;

	for (size_t i = 0; i < w->n; i++) {
		row = st_index_find(&w->sides[i], to->path, to->path_len, NULL);
		if (row && !st_weave_same(row, to))
			return true;
	}
	return false;
}

/* A path can be of one file only: what would share it was removed, and the other one added. One
 * that goes may be what another one counted on. to: those names, by side, that are contested. */
static void part_renamed(const struct st_weave *w, struct renames *x, struct st_strand *s,
			 const struct st_stage_row **to)
{
	for (bool parted = true; parted;) {
		parted = false;
		for (size_t i = 0; i < w->n; i++)
			if (is_renamed(s->base, s->side[i]) && is_elsewhere(w, s, i)) {
				to[i] = is_contested(w, s->side[i]) ? s->side[i] : NULL;
				x[i].used[s->side[i] - w->sides[i].rows] = false;
				s->side[i] = NULL;
				parted = true;
			}
	}
}

static bool is_anywhere(const struct st_weave *w, const struct st_strand *s)
{
	for (size_t i = 0; i < w->n; i++)
		if (s->side[i])
			return true;
	return false;
}

/* Nobody did more to it than to rename or remove it: it has no conflict of its own. */
static bool goes_along(const struct st_weave *w, const struct st_strand *s)
{
	for (size_t i = 0; i < w->n; i++)
		if (s->side[i] &&
		    (is_renamed(s->base, s->side[i]) || !st_weave_same(s->side[i], s->base)))
			return false;
	return !st_weave_baseless(w, s->base);
}

/* The new name on the first side that parted from the file so; NULL: it is decided by itself. */
static const struct st_stage_row *note_origins(const struct st_weave *w, struct renames *x,
					       const struct st_strand *s,
					       const struct st_stage_row *const *to)
{
	const struct st_stage_row *first = NULL;
	const bool with = goes_along(w, s);

	for (size_t i = 0; i < w->n; i++) {
		struct origin *of = to[i] ? origin_of(w, x, i, to[i]) : NULL;

		if (!of || of->base)
			continue;
		*of = (struct origin){ s->base, is_anywhere(w, s), with };
		first = first ? first : to[i];
	}
	return with ? first : NULL;
}

/*
 * A file that a side renamed to what another one is called on another side. With that name's
 * conflict the version is chosen that says whether the file has its old name: else whoever takes
 * the other one would lose it.
 */
static int weave_along(struct st_weave *w, struct st_strand *s, const struct st_stage_row *to,
		       struct st_err *e)
{
	const struct st_stage_row *row = s->side[0];
	struct st_choice c;
	size_t part;
	int rc;

	if (w->wanted && !w->wanted(w->wanted_arg, s->path))
		return ST_OK;
	rc = st_weave_known(w, to->path, "", 0, &c, e);
	if (rc != ST_OK)
		return rc;
	if (c.how == ST_HOW_SIDE)
		row = s->side[c.side];
	else if (c.how == ST_HOW_BASE)
		row = s->base;
	else if (c.how == ST_HOW_HAND && w->hand)
		row = st_index_find(w->hand, s->path, strlen(s->path), NULL);
	else if (c.how == ST_HOW_FROM && st_weave_part(w, &c.from, &part))
		row = part == ST_THREE_BASE ? s->base : s->side[part];
	else if (c.how == ST_HOW_FROM)
		rc = st_weave_from(w, &c.from, s->path, &row, e);
	s->mode = mode_of(w, s);
	return rc == ST_OK ? take_one(w, s, row, e) : rc;
}

static int note_moved(struct st_weave *w, const struct st_strand *s, struct st_err *e)
{
	struct st_weave_moved *m = st_arena_alloc(&w->arena, sizeof(*m), e);

	if (!m)
		return e->code;
	*m = (struct st_weave_moved){ .s = *s, .next = w->moved };
	w->moved = m;
	return ST_OK;
}

static int weave_pair(struct st_weave *w, struct st_strand *s, struct st_err *e)
{
	const char *name = NULL;
	bool differ = false, gone = false;

	for (size_t i = 0; i < w->n; i++) {
		gone = gone || !s->side[i];
		if (!is_renamed(s->base, s->side[i]))
			continue;
		differ = differ || (name && strcmp(name, s->side[i]->path) != 0);
		name = name ? name : s->side[i]->path;
	}
	if (name)
		s->path = name;
	if (name && (differ || gone)) {
		if (s->side[0])
			s->path = s->side[0]->path;
		s->mode = mode_of(w, s);
		if (w->wanted && !w->wanted(w->wanted_arg, s->path))
			return ST_OK;
		return st_weave_whole(
			w, s, differ ? ST_CONFLICT_RENAME_RENAME : ST_CONFLICT_RENAME_DELETE, e);
	}
	if (name && (!w->wanted || w->wanted(w->wanted_arg, s->path)) &&
	    note_moved(w, s, e) != ST_OK)
		return e->code;
	return st_weave_file(w, s, e);
}

static int weave_kept(struct st_weave *w, struct renames *x, const struct st_stage_row *base,
		      struct st_err *e)
{
	struct st_strand s = { .path = base->path, .base = base }, again = { .path = base->path };
	const struct st_stage_row *parted[ST_THREE_SIDES] = { NULL }, *to;
	bool any = false;
	int rc;

	if (st_weave_unit_at(w, base->path))
		return ST_OK;
	for (size_t i = 0; i < w->n; i++)
		s.side[i] = find_side(w, i, &x[i], base);
	pair_again(w, x, &s, &again);
	part_renamed(w, x, &s, parted);
	to = note_origins(w, x, &s, parted);
	rc = to ? weave_along(w, &s, to, e) : weave_pair(w, &s, e);
	for (size_t i = 0; i < w->n; i++)
		any = any || again.side[i];
	return rc == ST_OK && any ? st_weave_file(w, &again, e) : rc;
}

static const struct st_stage_row *find_added(const struct st_weave *w, size_t i,
					     const struct renames *x,
					     const struct st_stage_row *row)
{
	size_t at;
	const struct st_stage_row *found =
		st_index_find(&w->sides[i], row->path, row->path_len, &at);

	return found && !x->used[at] ? found : NULL;
}

/* Is the name in conflict, and what was what has it? */
static void find_origins(const struct st_weave *w, struct renames *x, struct st_strand *s)
{
	const struct st_stage_row *first = NULL;

	for (size_t o = 0; o < w->n; o++) {
		const struct origin *of = s->side[o] ? origin_of(w, x, o, s->side[o]) : NULL;

		if (!of || !of->base)
			continue;
		s->apart = s->apart || of->apart || (first && first != of->base);
		first = first ? first : of->base;
		s->was[o] = of->with ? of->base : NULL;
	}
}

static int weave_added(struct st_weave *w, struct renames *x, size_t i, size_t k, struct st_err *e)
{
	const struct st_stage_row *row = &w->sides[i].rows[k];
	struct st_strand s = { .path = row->path };

	if (x[i].used[k] || st_weave_unit_at(w, row->path) ||
	    st_index_find(&w->base, row->path, row->path_len, NULL))
		return ST_OK;
	for (size_t o = 0; o < i; o++)
		if (find_added(w, o, &x[o], row))
			return ST_OK;
	for (size_t o = 0; o < w->n; o++)
		s.side[o] = find_added(w, o, &x[o], row);
	find_origins(w, x, &s);
	return st_weave_file(w, &s, e);
}

static int weave_all(struct st_weave *w, struct renames *x, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < w->n; i++)
		rc = find_came(w, i, &x[i], e);
	for (size_t k = 0; rc == ST_OK && k < w->base.nrows; k++)
		rc = weave_kept(w, x, &w->base.rows[k], e);
	for (size_t i = 0; rc == ST_OK && i < w->n; i++)
		for (size_t k = 0; rc == ST_OK && k < w->sides[i].nrows; k++)
			rc = weave_added(w, x, i, k, e);
	for (size_t i = 0; rc == ST_OK && i < w->nunits; i++)
		rc = st_weave_unit(w, &w->units[i], e);
	return rc == ST_OK ? st_weave_ids_finish(w, e) : rc;
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
	struct renames x[ST_THREE_SIDES] = { { .used = NULL } };
	int rc = weave_all(w, x, e);

	for (size_t i = 0; i < w->n; i++) {
		st_map_release(&x[i].to);
		free(x[i].used);
		free(x[i].of);
	}
	return rc == ST_OK ? finish(w, e) : rc;
}

static int load(struct st_weave *w, const struct st_oid *commit, struct st_index *x,
		struct st_err *e)
{
	struct st_oid tree;
	int rc = st_repo_commit_tree(w->r, commit, &tree, e);

	return rc == ST_OK ? st_rewind_index(w->r, &tree, x, e) : rc;
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
		rc = load(w, &w->d->bases[0], &w->base, e);
	for (size_t i = 0; rc == ST_OK && i < w->n; i++)
		rc = load(w, &w->d->parents[i], &w->sides[i], e);
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
