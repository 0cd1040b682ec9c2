/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/merge_state.h"

#include "base/file.h"
#include "repo/mark.h"
#include "repo/rewind.h"

#include <stdio.h>
#include <unistd.h>

/* ---- what operations say ---- */

void st_merging_why(const struct st_merging *m, const char *event, const char *what, char *out,
		    size_t room)
{
	snprintf(out, room, "%s %s%s%s", st_merging_kind_name(m->kind), event, what ? ": " : "",
		 what ? what : "");
}

bool st_merging_said(const struct st_op *op, const char *event)
{
	for (size_t i = ST_MERGING_MERGE; i <= ST_MERGING_REVERT; i++) {
		const char *verb = st_merging_kind_name((enum st_merging_kind)i);
		size_t n = strlen(verb);

		if (strcmp(op->verb, verb) == 0 && strncmp(op->why, verb, n) == 0 &&
		    op->why[n] == ' ' && strncmp(op->why + n + 1, event, strlen(event)) == 0)
			return true;
	}
	return false;
}

/* ---- the file ---- */

#define SUM (ST_OID_HEX + 2) /* at the file's end: "\n", the BLAKE3 of what is before, "\n" */

static int put_sum(struct st_buf *b, struct st_err *e)
{
	char hex[ST_OID_HEX + 1];
	struct st_oid id;

	st_oid_of(&id, b->p, b->len);
	st_oid_hex(&id, hex);
	return st_buf_addf(b, e, "\n%s\n", hex);
}

static int check_sum(const struct st_buf *b, struct st_err *e)
{
	struct st_buf sum;
	int rc = ST_OK;

	st_buf_init(&sum, b->len + SUM);
	if (b->len > SUM)
		rc = st_buf_add(&sum, b->p, b->len - SUM, e);
	if (rc == ST_OK)
		rc = put_sum(&sum, e);
	if (rc == ST_OK && (sum.len != b->len || memcmp(sum.p, b->p, b->len) != 0))
		rc = st_fail(e, ST_ECORRUPT, "its content does not have the checksum at its end");
	st_buf_release(&sum);
	return rc;
}

/* Nothing is guessed: what the merge had decided, and what it was to write, only this file says. */
static int parse(struct st_merging *m, const struct st_buf *b, const char *path, struct st_err *e)
{
	struct st_err why = { 0 };
	int rc = check_sum(b, &why);

	if (rc == ST_OK)
		rc = st_merging_parse(m, b->p, b->len - SUM, &why);
	if (rc == ST_OK)
		return rc;
	if (st_is_damage(rc))
		return st_fail(e, rc,
			       "what the merge under way is about cannot be read: %.150s: %.90s: "
			       "move this file away, then 'strata reset' unstages what the merge "
			       "staged",
			       path, why.msg);
	*e = why;
	return st_wrap(e, "%s", path);
}

static int read_file(struct st_repo *r, struct st_merging *m, bool *there, struct st_err *e)
{
	char *path = st_repo_path(r, ST_MERGE_FILE, e);
	struct st_buf b;
	int rc = ST_OK;

	*there = false;
	if (!path)
		return e->code;
	st_buf_init(&b, ST_MERGED_MAX + SUM);
	if (access(path, F_OK) == 0) {
		rc = st_file_slurp(&b, path, e);
		if (rc == ST_OK)
			rc = parse(m, &b, path, e);
		else
			st_wrap(e, "%s", path);
		*there = rc == ST_OK;
	}
	st_buf_release(&b);
	free(path);
	return rc;
}

/* *ended: there is one, of a merge that is over. */
static int look(struct st_repo *r, struct st_merging *m, bool *there, bool *ended, struct st_err *e)
{
	struct st_head head;
	int rc = read_file(r, m, there, e);

	*ended = false;
	if (rc != ST_OK || !*there)
		return rc;
	rc = st_repo_head(r, &head, e);
	if (rc == ST_OK && !head.unborn && st_oid_eq(&head.commit, &m->d.parents[0]))
		return ST_OK;
	st_merging_release(m);
	*there = false;
	*ended = rc == ST_OK;
	return rc;
}

int st_merging_load(struct st_repo *r, struct st_merging *m, bool *there, struct st_err *e)
{
	bool ended;

	return look(r, m, there, &ended, e);
}

int st_merging_save(struct st_repo *r, const struct st_merging *m, struct st_err *e)
{
	char *path = st_repo_path(r, ST_MERGE_FILE, e);
	struct st_buf b;
	int rc;

	if (!path)
		return e->code;
	st_buf_init(&b, ST_MERGED_MAX + SUM);
	rc = st_merging_encode(&b, m, e);
	if (rc == ST_OK)
		rc = put_sum(&b, e);
	if (rc == ST_OK)
		rc = st_file_replace(path, b.p, b.len, true, e);
	st_buf_release(&b);
	free(path);
	return rc;
}

int st_merging_drop(struct st_repo *r, struct st_err *e)
{
	char *path = st_repo_path(r, ST_MERGE_FILE, e);
	int rc = ST_OK;

	if (!path)
		return e->code;
	if (unlink(path) != 0 && errno != ENOENT)
		rc = st_fail_os(e, "remove %s", path);
	free(path);
	return rc == ST_OK ? st_fsync_dir(r->dir, e) : rc;
}

bool st_merging_cut(const struct st_merging *m, const struct st_index *x)
{
	return !m->begun && !st_oid_eq(&x->tree, &m->after);
}

int st_merging_whole(const struct st_merging *m, const struct st_index *x, struct st_err *e)
{
	const char *verb = st_merging_kind_name(m->kind);

	if (m->aborting)
		return st_fail(e, ST_EREFUSED,
			       "a %s was being taken back: 'strata %s --abort' ends that", verb,
			       verb);
	if (st_merging_cut(m, x))
		return st_fail(e, ST_EREFUSED,
			       "a %s was interrupted: 'strata %s --continue' goes on with it, "
			       "'strata %s --abort' takes it back",
			       verb, verb, verb);
	return ST_OK;
}

int st_merging_none(struct st_err *e)
{
	return st_fail(e, ST_EREFUSED, "no merge is under way, and no cherry-pick or revert");
}

int st_merging_refuse(const struct st_merging *m, struct st_err *e)
{
	const char *verb = st_merging_kind_name(m->kind);

	return st_fail(e, ST_EREFUSED,
		       "a %s is under way: 'strata %s --continue' ends it, 'strata %s --abort' "
		       "takes it back",
		       verb, verb, verb);
}

static bool is_one_of(const char *verb, const char *const *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(verb, v[i]) == 0)
			return true;
	return false;
}

int st_merging_gate(struct st_repo *r, const char *verb, const struct st_index *x, struct st_err *e)
{
	static const char *const own[] = { "merge", "resolve", "restore files" };
	static const char *const history[] = { "switch", "revert", "cherry-pick", "rollback",
					       "undo",	 "redo",   "reset" };
	struct st_merging m;
	bool there, ended;
	int rc = look(r, &m, &there, &ended, e);

	if (rc == ST_OK && ended) /* else it would be under way again wherever HEAD is back */
		rc = st_merging_drop(r, e);
	if (rc != ST_OK || !there)
		return rc;
	if (!is_one_of(verb, own, sizeof(own) / sizeof(*own)))
		rc = st_merging_whole(&m, x, e);
	if (rc == ST_OK && is_one_of(verb, history, sizeof(history) / sizeof(*history)))
		rc = st_merging_refuse(&m, e);
	st_merging_release(&m);
	return rc;
}

/* ---- what is open ---- */

static int by_path(const void *pa, const void *pb)
{
	const struct st_merge_staged *a = pa, *b = pb;
	size_t n = a->path_len < b->path_len ? a->path_len : b->path_len;
	int c = memcmp(a->path, b->path, n);

	return c ? c : (a->path_len > b->path_len) - (a->path_len < b->path_len);
}

static struct st_merge_staged *staged_of(const struct st_merging *m, size_t n, const char *path,
					 size_t len)
{
	const struct st_merge_staged key = { .path = path, .path_len = len };

	return n ? bsearch(&key, m->staged, n, sizeof(key), by_path) : NULL;
}

static const struct st_stage_row *row_of(const struct st_merge_staged *s, const struct st_index *x)
{
	return st_index_find(x, s->path, s->path_len, NULL);
}

/* Was it staged by hand? A mode alone settles nothing. */
static bool is_rewritten(const struct st_merge_staged *s, const struct st_index *x)
{
	const struct st_stage_row *row = row_of(s, x);

	if (s->hand || !row)
		return s->hand || !st_oid_is_zero(&s->id);
	return !st_oid_eq(&row->id, &s->id) ||
	       (s->has_mode && (s->mode == ST_MODE_LINK) != (row->mode == ST_MODE_LINK));
}

static bool is_remoded(const struct st_merge_staged *s, const struct st_stage_row *row)
{
	return row && s->has_mode && s->mode != row->mode && s->mode != ST_MODE_LINK &&
	       row->mode != ST_MODE_LINK;
}

static bool is_otherwise(const struct st_merge_staged *s, const struct st_index *x)
{
	return is_rewritten(s, x) || is_remoded(s, row_of(s, x));
}

const struct st_merge_staged *st_merging_hand(const struct st_merging *m, const struct st_index *x,
					      const char *path, size_t len)
{
	const struct st_merge_staged *s = staged_of(m, m->nstaged, path, len);

	return s && is_otherwise(s, x) ? s : NULL;
}

struct st_stage_row st_merging_made(const struct st_merging *m, const struct st_stage_row *now,
				    const struct st_stage_row *made)
{
	const struct st_merge_staged *s = staged_of(m, m->nstaged, made->path, made->path_len);
	struct st_stage_row row = *made;

	if (s && is_remoded(s, now) && made->mode != ST_MODE_LINK)
		row.mode = now->mode;
	return row;
}

int st_merging_hands(const struct st_merging *m, const struct st_index *x, struct st_map *paths,
		     struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < m->nstaged; i++)
		if (is_rewritten(&m->staged[i], x))
			rc = st_map_put(paths, m->staged[i].path, m->staged[i].path_len, 1, NULL,
					NULL, e);
	return rc;
}

bool st_merging_settled(const struct st_merging *m, const struct st_merge_item *it,
			const struct st_index *x)
{
	const struct st_merge_staged *s =
		it->how ? NULL : staged_of(m, m->nstaged, it->path, it->path_len);

	return it->how || (s && is_rewritten(s, x));
}

size_t st_merging_open(const struct st_merging *m, const struct st_index *x)
{
	size_t n = 0;

	for (size_t i = 0; i < m->d.nitems; i++)
		n += !st_merging_settled(m, &m->d.items[i], x);
	return n;
}

int st_merging_open_at(struct st_repo *r, const struct st_index *x, const char *path, bool *open,
		       struct st_err *e)
{
	size_t n = strlen(path);
	struct st_merging m;
	bool there;
	int rc = st_merging_load(r, &m, &there, e);

	*open = false;
	if (rc != ST_OK || !there)
		return rc;
	for (size_t i = 0; !*open && i < m.d.nitems; i++) {
		const struct st_merge_item *it = &m.d.items[i];

		*open = it->path_len >= n && memcmp(it->path, path, n) == 0 &&
			(it->path[n] == 0 || it->path[n] == '/') && !st_merging_settled(&m, it, x);
	}
	st_merging_release(&m);
	return ST_OK;
}

void st_merging_take_hands(struct st_merging *m, const struct st_index *x)
{
	for (size_t i = 0; i < m->d.nitems; i++)
		if (!m->d.items[i].how && st_merging_settled(m, &m->d.items[i], x))
			m->d.items[i].how = "by hand";
}

static void sort_staged(struct st_merging *m)
{
	if (m->nstaged)
		qsort(m->staged, m->nstaged, sizeof(*m->staged), by_path);
}

/* Items are sorted by path. */
int st_merging_stage(struct st_merging *m, const struct st_index *x, struct st_err *e)
{
	const struct st_merge_item *last = NULL;
	size_t kept = 0;
	int rc = ST_OK;

	for (size_t i = 0; i < m->nstaged; i++)
		if (is_otherwise(&m->staged[i], x))
			m->staged[kept++] = m->staged[i];
	m->nstaged = kept;
	for (size_t i = 0; rc == ST_OK && i < m->d.nitems; i++) {
		const struct st_merge_item *it = &m->d.items[i];
		struct st_merge_staged s = { .path = it->path, .path_len = it->path_len };
		const struct st_stage_row *row;

		if (it->how || (last && last->path_len == it->path_len &&
				memcmp(last->path, it->path, it->path_len) == 0))
			continue;
		last = it;
		row = st_index_find(x, it->path, it->path_len, NULL);
		if (row) {
			s.id = row->id;
			s.has_mode = true;
			s.mode = row->mode;
			s.size = row->size;
		}
		if (staged_of(m, kept, s.path, s.path_len))
			continue;
		rc = st_grow(&m->staged, &m->staged_cap, m->nstaged + 1, e);
		if (rc == ST_OK)
			m->staged[m->nstaged++] = s;
	}
	sort_staged(m);
	return rc;
}

/* ---- who staged it ---- */

static bool is_open(const struct st_merging *m, const struct st_merge_staged *s)
{
	for (size_t i = 0; i < m->d.nitems; i++) {
		const struct st_merge_item *it = &m->d.items[i];

		if (!it->how && it->path_len == s->path_len &&
		    memcmp(it->path, s->path, s->path_len) == 0)
			return true;
	}
	return false;
}

int st_merging_mark(struct st_repo *r, const struct st_index *files, struct st_err *e)
{
	struct st_merging m;
	bool there, any = false;
	int rc = st_merging_load(r, &m, &there, e);

	if (rc != ST_OK || !there)
		return rc;
	for (size_t i = 0; i < files->nrows; i++) {
		struct st_merge_staged *s =
			staged_of(&m, m.nstaged, files->rows[i].path, files->rows[i].path_len);

		if (!s || s->hand || !is_open(&m, s))
			continue;
		s->hand = any = true;
	}
	if (any)
		rc = st_merging_save(r, &m, e);
	st_merging_release(&m);
	return rc;
}

/* Its conflicts that were taken as settled by hand when something else was decided. */
static bool reopen(struct st_merging *m, const struct st_merge_staged *s)
{
	bool any = false;

	for (size_t i = 0; i < m->d.nitems; i++) {
		struct st_merge_item *it = &m->d.items[i];

		if (it->path_len != s->path_len || memcmp(it->path, s->path, s->path_len) != 0 ||
		    !it->how || strcmp(it->how, "by hand") != 0)
			continue;
		it->how = NULL;
		any = true;
	}
	return any;
}

int st_merging_unmark(struct st_repo *r, struct st_pathspec *ps, struct st_err *e)
{
	struct st_merging m;
	bool there, any = false;
	int rc = st_merging_load(r, &m, &there, e);

	if (rc != ST_OK || !there)
		return rc;
	for (size_t i = 0; i < m.nstaged; i++) {
		struct st_merge_staged *s = &m.staged[i];

		if (!st_pathspec_match(ps, s->path))
			continue;
		any = reopen(&m, s) || s->hand || any;
		s->hand = false;
	}
	if (any)
		rc = st_merging_save(r, &m, e);
	st_merging_release(&m);
	return rc;
}

int st_merging_match(struct st_repo *r, struct st_pathspec *ps, struct st_err *e)
{
	struct st_merging m;
	struct st_index before;
	bool there;
	int rc = st_merging_load(r, &m, &there, e);

	if (rc != ST_OK || !there)
		return rc;
	st_index_init(&before);
	rc = st_rewind_index(r, &m.before, &before, e);
	for (size_t i = 0; rc == ST_OK && i < before.nrows; i++)
		(void)st_pathspec_match(ps, before.rows[i].path);
	for (size_t i = 0; rc == ST_OK && i < m.d.nitems; i++)
		(void)st_pathspec_match(ps, m.d.items[i].path);
	st_index_release(&before);
	st_merging_release(&m);
	return rc;
}

int st_merging_own(struct st_repo *r, struct st_index *out, bool *there, struct st_err *e)
{
	struct st_merging m;
	struct st_index after;
	int rc = st_merging_load(r, &m, there, e);

	if (rc != ST_OK || !*there)
		return rc;
	st_index_init(&after);
	rc = st_rewind_index(r, &m.after, &after, e);
	for (size_t i = 0; rc == ST_OK && i < after.nrows; i++) {
		const struct st_stage_row *row = &after.rows[i];

		if (!staged_of(&m, m.nstaged, row->path, row->path_len))
			rc = st_index_add(out, row, e);
	}
	for (size_t i = 0; rc == ST_OK && i < m.nstaged; i++) {
		const struct st_merge_staged *s = &m.staged[i];
		struct st_stage_row row = { .path = s->path,
					    .path_len = s->path_len,
					    .mode = s->mode,
					    .size = s->size,
					    .id = s->id };

		if (!st_oid_is_zero(&s->id))
			rc = st_index_add(out, &row, e);
	}
	if (rc == ST_OK)
		rc = st_index_sort(out, e);
	st_index_release(&after);
	st_merging_release(&m);
	return rc;
}

/* ---- what was staged besides ---- */

struct besides {
	struct st_merging *m;
	size_t known; /* rows, sorted, that are not to be noted once more */
};

static int note_besides(void *arg, const struct st_tree_change *c, struct st_err *e)
{
	struct besides *k = arg;
	struct st_merging *m = k->m;
	struct st_merge_staged x = { .path = c->path, .path_len = strlen(c->path) };
	int rc;

	if (staged_of(m, k->known, x.path, x.path_len))
		return ST_OK;
	if (c->a) {
		x.id = c->a->id;
		x.has_mode = true;
		x.mode = c->a->mode;
		x.size = c->a->size;
	}
	rc = st_grow(&m->staged, &m->staged_cap, m->nstaged + 1, e);
	x.path = rc == ST_OK ? st_arena_dup(&m->d.arena, c->path, x.path_len, e) : NULL;
	if (x.path)
		m->staged[m->nstaged++] = x;
	return e->code;
}

int st_merging_note(struct st_repo *r, struct st_merging *m, const struct st_index *x,
		    struct st_err *e)
{
	struct besides k = { .m = m, .known = m->nstaged };
	struct st_index after;
	int rc;

	if (st_oid_eq(&m->after, &x->tree))
		return ST_OK;
	st_index_init(&after);
	rc = st_rewind_index(r, &m->after, &after, e);
	if (rc == ST_OK)
		rc = st_compare_indexes(&after, x, note_besides, &k, e);
	sort_staged(m);
	st_index_release(&after);
	return rc;
}

/* The file as a whole is said to be by hand, what is said of its tensors and keys notwithstanding:
 * what is joined beside it may follow from that. */
static int say_hand(struct st_merging *m, const struct st_merge_staged *s, const struct st_index *v,
		    size_t known, struct st_oid *sides, struct st_err *e)
{
	struct st_merge_desc d = { .items = m->d.items, .nitems = known };
	struct st_merge_item *was = st_merge_desc_find(&d, s->path, s->path_len, "", 0);
	struct st_merge_item it = { .path = s->path,
				    .path_len = s->path_len,
				    .name = "",
				    .kind = ST_STAGED_KIND,
				    .how = "by hand",
				    .sides = sides,
				    .nsides = m->d.nparents };

	if (was) {
		was->how = it.how;
		return ST_OK;
	}
	for (size_t i = 0; i <= m->d.nparents; i++) {
		const struct st_stage_row *row = st_index_find(&v[i], s->path, s->path_len, NULL);
		struct st_oid *id = i < m->d.nparents ? &sides[i] : &it.base;

		*id = row ? row->id : (struct st_oid){ { 0 } };
	}
	return st_merge_desc_add(&m->d, &it, e);
}

static int find_hands(const struct st_merging *m, struct st_map *hands, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < m->d.nitems; i++) {
		const struct st_merge_item *it = &m->d.items[i];

		if (it->how && strcmp(it->how, "by hand") == 0)
			rc = st_map_put(hands, it->path, it->path_len, 1, NULL, NULL, e);
	}
	return rc;
}

/* Of every parent the files, behind them the base's. */
static int load_versions(struct st_repo *r, const struct st_merge_desc *d, struct st_index *v,
			 struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < d->nparents + !!d->nbases; i++)
		rc = st_rewind_commit(r, i < d->nparents ? &d->parents[i] : &d->bases[0], &v[i], e);
	return rc;
}

static int say_hands(struct st_merging *m, const struct st_index *x, const struct st_index *v,
		     struct st_err *e)
{
	size_t known = m->d.nitems;
	struct st_oid *sides = st_calloc(m->d.nparents, sizeof(*sides), e);
	struct st_map hands;
	int rc = sides ? ST_OK : (int)e->code;

	st_map_init(&hands);
	if (rc == ST_OK)
		rc = find_hands(m, &hands, e);
	for (size_t i = 0; rc == ST_OK && i < m->nstaged; i++) {
		const struct st_merge_staged *s = &m->staged[i];

		if (is_otherwise(s, x) && !st_map_get(&hands, s->path, s->path_len, NULL))
			rc = say_hand(m, s, v, known, sides, e);
	}
	st_merge_desc_sort(&m->d);
	st_map_release(&hands);
	free(sides);
	return rc;
}

int st_merging_take_staged(struct st_repo *r, struct st_merging *m, const struct st_index *x,
			   struct st_err *e)
{
	size_t n = m->d.nparents + 1;
	struct st_index *v;
	int rc = st_merging_note(r, m, x, e);

	if (rc != ST_OK || !m->nstaged)
		return rc;
	v = st_calloc(n, sizeof(*v), e);
	if (!v)
		return e->code;
	for (size_t i = 0; i < n; i++)
		st_index_init(&v[i]);
	rc = load_versions(r, &m->d, v, e);
	if (rc == ST_OK)
		rc = say_hands(m, x, v, e);
	for (size_t i = 0; i < n; i++)
		st_index_release(&v[i]);
	free(v);
	return rc;
}
