/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The patterns are held against all tensors there ever were, once; the catalogue's index by tensor
 * then tells which versions are worth a look, and their changes are read when it is their turn. So
 * the cost is that of the answer, not of the history's tensors.
 */
#include "repo/log_filter.h"

#include "repo/moves.h"
#include "repo/tensor_steps.h"

#include <strings.h>

struct slot {
	int64_t slot;
	const char *path, *name;
	size_t name_len;
};

struct st_log_filter {
	struct st_repo *r;
	struct st_pathspec *ps;
	int64_t since, until;
	const char *author;
	struct st_tensor_pattern *patterns;
	size_t npatterns, unused;
	struct st_arena arena;
	struct slot *slots; /* by number; those that are meant */
	size_t nslots, slots_cap;
	uint64_t *changed; /* a bit for the key of each version that has changes of them */
	size_t words, words_cap;
	strata_tensor_step *steps; /* of the version at hand */
	size_t nsteps, steps_cap;
	bool warned;
};

/* ---- by time and author ---- */

static int take_time(const char *text, const char *option, bool end, int64_t *out, struct st_err *e)
{
	if (!text || st_date_parse(text, end, out))
		return ST_OK;
	return st_fail(e, ST_EUSAGE,
		       "%s: '%.60s' is no date: say 2026-11-20, 2026-11-20T08:00:00Z, 'yesterday' "
		       "or 'now'",
		       option, text);
}

static bool has_part(const char *text, const char *part)
{
	size_t n = strlen(part);

	for (; *text; text++)
		if (strncasecmp(text, part, n) == 0)
			return true;
	return n == 0;
}

/* ---- which tensors, which versions ---- */

static int take_slot(void *arg, const struct st_slot_row *row, struct st_err *e)
{
	struct st_log_filter *f = arg;
	struct slot *s;

	if (f->ps && !st_pathspec_match(f->ps, row->path))
		return ST_OK;
	if (st_grow(&f->slots, &f->slots_cap, f->nslots + 1, e) != ST_OK)
		return e->code;
	s = &f->slots[f->nslots++];
	s->slot = row->slot;
	s->path = f->nslots > 1 && strcmp(s[-1].path, row->path) == 0 ?
			  s[-1].path :
			  st_arena_dup(&f->arena, row->path, strlen(row->path), e);
	s->name = st_arena_dup(&f->arena, row->name, row->name_len, e);
	s->name_len = row->name_len;
	for (size_t i = 0; e->code == ST_OK && i < f->npatterns; i++)
		st_tensor_pattern_show(&f->patterns[i], s->path, s->name, s->name_len);
	return e->code;
}

static bool means(const struct st_tensor_pattern *p, const struct slot *s)
{
	return st_tensor_pattern_means(p, s->path, s->name, s->name_len);
}

static int no_tensor(const struct st_tensor_pattern *p, struct st_err *e)
{
	return st_fail(e, ST_ENOTFOUND, "'%.200s' matches no tensor that was ever in this history",
		       p->text);
}

static int keep_meant(struct st_log_filter *f, struct st_err *e)
{
	size_t kept = 0, i;

	for (size_t k = 0; k < f->nslots; k++) {
		bool any = false;

		for (i = 0; i < f->npatterns; i++)
			if (means(&f->patterns[i], &f->slots[k]))
				any = f->patterns[i].used = true;
		if (any)
			f->slots[kept++] = f->slots[k];
	}
	f->nslots = kept;
	for (i = 0; i < f->npatterns; i++) {
		if (!f->patterns[i].used)
			return no_tensor(&f->patterns[i], e);
		f->patterns[i].used = false; /* not yet in this history */
	}
	f->unused = f->npatterns;
	return ST_OK;
}

static int take_change(void *arg, const struct st_change_row *row, struct st_err *e)
{
	struct st_log_filter *f = arg;
	size_t word = (size_t)(row->commit / 64);

	if (row->commit < 0 || row->commit > INT32_MAX)
		return st_fail(e, ST_ECORRUPT, "the catalogue: a version's number is %" PRId64,
			       row->commit);
	if (st_grow(&f->changed, &f->words_cap, word + 1, e) != ST_OK)
		return e->code;
	for (; f->words <= word; f->words++)
		f->changed[f->words] = 0;
	f->changed[word] |= UINT64_C(1) << row->commit % 64;
	return ST_OK;
}

static bool has_changes(const struct st_log_filter *f, int64_t key)
{
	return key >= 0 && (uint64_t)key / 64 < f->words && (f->changed[key / 64] >> key % 64 & 1);
}

static int take_patterns(struct st_log_filter *f, const strata_log_options *o, struct st_err *e)
{
	int rc;

	f->patterns = st_calloc(o->ntensors, sizeof(*f->patterns), e);
	for (; f->patterns && f->npatterns < o->ntensors; f->npatterns++)
		st_tensor_pattern_init(&f->patterns[f->npatterns], o->tensors[f->npatterns]);
	rc = f->patterns ? st_catalog_slot_each(f->r->cat, NULL, take_slot, f, e) : (int)e->code;
	if (rc == ST_OK)
		rc = keep_meant(f, e);
	if (rc == ST_OK)
		rc = st_catalog_read_begin(f->r->cat, e);
	if (rc != ST_OK)
		return rc;
	for (size_t i = 0; rc == ST_OK && i < f->nslots; i++)
		rc = st_catalog_change_of_slot(f->r->cat, f->slots[i].slot, take_change, f, e);
	st_catalog_read_end(f->r->cat);
	return rc;
}

int st_log_filter_new(struct st_log_filter **out, struct st_repo *r, const strata_log_options *o,
		      struct st_pathspec *ps, struct st_err *e)
{
	struct st_log_filter *f;
	int rc;

	*out = NULL;
	if (!o->ntensors && !o->since && !o->until && !o->author)
		return ST_OK;
	f = st_calloc(1, sizeof(*f), e);
	if (!f)
		return e->code;
	f->r = r;
	f->ps = ps;
	f->since = INT64_MIN;
	f->until = INT64_MAX;
	f->author = o->author;
	st_arena_init(&f->arena);
	rc = take_time(o->since, "--since", false, &f->since, e);
	if (rc == ST_OK)
		rc = take_time(o->until, "--until", true, &f->until, e);
	if (rc == ST_OK && o->ntensors)
		rc = take_patterns(f, o, e);
	if (rc == ST_OK)
		*out = f;
	else
		st_log_filter_free(f);
	return rc;
}

void st_log_filter_free(struct st_log_filter *f)
{
	if (!f)
		return;
	st_arena_release(&f->arena);
	free(f->patterns);
	free(f->slots);
	free(f->changed);
	free(f->steps);
	free(f);
}

/* ---- a version ---- */

static int slot_cmp(const void *a, const void *b)
{
	const struct slot *x = a, *y = b;

	return x->slot < y->slot ? -1 : x->slot > y->slot;
}

static const struct slot *find_slot(const struct st_log_filter *f, int64_t slot)
{
	const struct slot key = { .slot = slot };

	return f->nslots ? bsearch(&key, f->slots, f->nslots, sizeof(*f->slots), slot_cmp) : NULL;
}

static int use_change(void *arg, const struct st_change_row *row, struct st_err *e)
{
	struct st_log_filter *f = arg;
	const struct slot *s = find_slot(f, row->slot);

	(void)e;
	for (size_t i = 0; s && i < f->npatterns; i++)
		if (!f->patterns[i].used && means(&f->patterns[i], s)) {
			f->patterns[i].used = true;
			f->unused--;
		}
	return f->unused ? ST_OK : ST_ENO;
}

static void warn_untraced(struct st_log_filter *f, const struct st_commit_row *row)
{
	char hex[ST_OID_HEX + 1];

	st_oid_hex(&row->id, hex);
	if (!f->warned)
		st_warn(&f->r->ctx,
			"which tensors %.12s changed is not known, for its files could not be "
			"read: 'strata fsck' says more",
			row->version[0] ? row->version : hex);
	f->warned = true;
}

int st_log_filter_visit(struct st_log_filter *f, const struct st_commit_row *row, struct st_err *e)
{
	if (f->npatterns && !row->traced)
		warn_untraced(f, row);
	if (!f->unused || !has_changes(f, row->key))
		return ST_OK;
	return st_catalog_change_each(f->r->cat, row->key, use_change, f, e);
}

static int take_hit(void *arg, const struct st_change_row *row, struct st_err *e)
{
	struct st_log_filter *f = arg;
	const struct slot *s = row->origin > 0 ? NULL : find_slot(f, row->slot);
	int rc;

	if (!s)
		return ST_OK;
	rc = st_grow(&f->steps, &f->steps_cap, f->nsteps + 1, e);
	if (rc != ST_OK)
		return rc;
	f->steps[f->nsteps++] = (strata_tensor_step){ .path = s->path,
						      .name = s->name,
						      .name_len = s->name_len,
						      .status = row->value == 0 ? "removed" :
								row->origin < 0 ? "added" :
										  "changed" };
	return ST_OK;
}

static int by_path(const void *a, const void *b)
{
	const strata_tensor_step *x = a, *y = b;
	int order = strcmp(x->path, y->path);
	size_t n = x->name_len < y->name_len ? x->name_len : y->name_len;

	if (order == 0)
		order = memcmp(x->name, y->name, n);
	return order ? order : (x->name_len > y->name_len) - (x->name_len < y->name_len);
}

int st_log_filter_row(struct st_log_filter *f, const struct st_commit_row *row, bool *shown,
		      struct st_err *e)
{
	int rc;

	f->nsteps = 0;
	*shown = row->time_ns >= f->since && row->time_ns <= f->until &&
		 (!f->author || has_part(row->author, f->author));
	if (!*shown || !f->npatterns)
		return ST_OK;
	*shown = has_changes(f, row->key);
	if (!*shown)
		return ST_OK;
	rc = st_catalog_change_each(f->r->cat, row->key, take_hit, f, e);
	*shown = f->nsteps > 0;
	if (f->nsteps)
		qsort(f->steps, f->nsteps, sizeof(*f->steps), by_path);
	return rc;
}

strata_tensor_step *st_log_filter_steps(const struct st_log_filter *f, size_t *n)
{
	*n = f->nsteps;
	return f->steps;
}

int st_log_filter_end(const struct st_log_filter *f, struct st_err *e)
{
	for (size_t i = 0; i < f->npatterns; i++)
		if (!f->patterns[i].used)
			return no_tensor(&f->patterns[i], e);
	return ST_OK;
}
