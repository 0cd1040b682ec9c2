/* SPDX-License-Identifier: Apache-2.0 */
/* Which tensors the objects are, and which version was before each: history from its beginning. */
#include "repo/lookinto.h"
#include "repo/mark.h"
#include "repo/repack.h"
#include "repo/tensor_history.h"

#define NONE SIZE_MAX

struct when {
	struct st_oid id;
	int64_t key;
	size_t parent; /* the first one's place; NONE */
};

struct seen {
	struct st_oid id;
	size_t commit; /* its place */
	size_t older;  /* of the same name; NONE */
};

struct finding {
	struct st_repack *x;
	struct when *commits;
	size_t n, cap;
	struct st_map at; /* commit -> its place: parents come before children */
	size_t now;	  /* place of the one in hand */
	size_t *origins;  /* places of the versions that it says it was made from */
	size_t norigins, origins_cap;
	struct st_map last; /* path NUL name, NUL NUL name -> place of its newest in seen */
	struct seen *seen;
	size_t nseen, seen_cap;
	struct st_buf key;
};

static int take_commit(void *arg, const struct st_commit_row *row, struct st_err *e)
{
	struct finding *f = arg;

	if (st_grow(&f->commits, &f->cap, f->n + 1, e) != ST_OK)
		return e->code;
	f->commits[f->n++] = (struct when){ row->id, row->key, NONE };
	return ST_OK;
}

static int by_key(const void *a, const void *b)
{
	const struct when *x = a, *y = b;

	return x->key < y->key ? -1 : x->key > y->key;
}

/* path NULL: in any file. */
static int make_key(struct finding *f, const char *path, const struct st_view *v, struct st_err *e)
{
	int rc;

	st_buf_clear(&f->key);
	rc = st_buf_add(&f->key, path ? path : "", path ? strlen(path) : 0, e);
	if (rc == ST_OK)
		rc = st_buf_add(&f->key, "\0\0", path ? 1 : 2, e);
	if (rc == ST_OK && !path)
		rc = st_buf_u64(&f->key, v->nbytes << 8 | (unsigned)v->dtype, e);
	return rc == ST_OK ? st_buf_add(&f->key, v->name, v->name_len, e) : rc;
}

static int remember(struct finding *f, const struct st_oid *id, struct st_err *e)
{
	uint64_t older = NONE;

	st_map_get(&f->last, f->key.p, f->key.len, &older);
	if (st_grow(&f->seen, &f->seen_cap, f->nseen + 1, e) != ST_OK ||
	    st_map_put(&f->last, f->key.p, f->key.len, f->nseen, NULL, NULL, e) != ST_OK)
		return e->code;
	f->seen[f->nseen++] = (struct seen){ *id, f->now, (size_t)older };
	return ST_OK;
}

/* What the key's tensor was in a version: its place in seen, or NONE. */
static size_t in_version(const struct finding *f, size_t commit)
{
	uint64_t newest;

	if (!st_map_get(&f->last, f->key.p, f->key.len, &newest))
		return NONE;
	for (size_t i = (size_t)newest; i != NONE; i = f->seen[i].older) {
		while (commit != NONE && commit > f->seen[i].commit)
			commit = f->commits[commit].parent;
		if (commit == f->seen[i].commit)
			return i;
	}
	return NONE;
}

static void propose(const struct finding *f, struct st_repack_item *it, size_t seen)
{
	if (seen != NONE && st_oid_is_zero(&it->before) && !st_oid_eq(&f->seen[seen].id, &it->id))
		it->before = f->seen[seen].id;
}

static size_t newest(const struct finding *f)
{
	uint64_t at = NONE;

	st_map_get(&f->last, f->key.p, f->key.len, &at);
	return (size_t)at;
}

/* In this file before the file of another version, and what a version says it was made from before
 * what only has the same name. */
static int look_back(struct finding *f, struct st_repack_item *it, const char *path,
		     const struct st_view *v, struct st_err *e)
{
	size_t parent = f->commits[f->now].parent;
	int rc = make_key(f, path, v, e);

	if (rc == ST_OK)
		propose(f, it, in_version(f, parent));
	if (rc == ST_OK && f->norigins)
		rc = make_key(f, NULL, v, e);
	for (size_t i = 0; rc == ST_OK && i < f->norigins; i++)
		propose(f, it, in_version(f, f->origins[i]));
	if (rc == ST_OK)
		rc = make_key(f, path, v, e);
	if (rc == ST_OK)
		propose(f, it, newest(f));
	if (rc == ST_OK)
		rc = make_key(f, NULL, v, e);
	if (rc != ST_OK)
		return rc;
	propose(f, it, in_version(f, parent));
	propose(f, it, newest(f));
	return ST_OK;
}

static void describe(struct finding *f, struct st_repack_item *it, const struct st_view *v,
		     const struct st_segment *seg)
{
	struct st_piece p;
	struct st_tensor t;

	st_view_tensor(&t, v, seg, 0);
	st_piece_describe(&p, &t, 1, seg->size);
	it->width = (uint8_t)p.width;
	it->number = (uint8_t)p.number;
	it->row = p.row;
	it->described = true;
	f->x->order[f->x->norder++] = (size_t)(it - f->x->items);
}

static int saw(void *arg, const char *path, const struct st_view *v, const struct st_segment *seg,
	       uint64_t seg_off, struct st_err *e)
{
	struct finding *f = arg;
	struct st_repack_item *it = st_repack_item(f->x, &seg->id);
	int rc = ST_OK;

	(void)seg_off;
	if (v->nbytes != seg->size || seg->size == 0)
		return ST_OK;
	if (it && !it->described) {
		describe(f, it, v, seg);
		rc = look_back(f, it, path, v, e);
	}
	for (unsigned any = 0; rc == ST_OK && any < 2; any++) {
		rc = make_key(f, any ? NULL : path, v, e);
		if (rc == ST_OK)
			rc = remember(f, &seg->id, e);
	}
	return rc;
}

static int note_origins(struct finding *f, const struct st_commit *c, struct st_err *e)
{
	uint64_t at;

	f->norigins = 0;
	if (st_grow(&f->origins, &f->origins_cap, c->nlineage, e) != ST_OK)
		return e->code;
	for (size_t i = 0; i < c->nlineage; i++)
		if (st_map_get(&f->at, c->lineage[i].commit.b, ST_OID_LEN, &at))
			f->origins[f->norigins++] = (size_t)at;
	return ST_OK;
}

/* What cannot be read is not described, and so stored by itself. */
static int find_in_commit(struct finding *f, size_t i, struct st_err *e)
{
	const struct st_oid *id = &f->commits[i].id;
	struct st_tensor_changes changes;
	struct st_err bad = { 0 };
	struct st_commit c;
	uint64_t at;
	int rc = st_map_put(&f->at, id->b, ST_OID_LEN, i, NULL, NULL, e);

	f->now = i;
	if (rc == ST_OK)
		rc = st_check_cancel(&f->x->r->ctx, e);
	if (rc != ST_OK)
		return rc;
	rc = st_repo_commit_load(f->x->r, id, &c, &bad);
	if (rc == ST_OK) {
		if (c.nparents && st_map_get(&f->at, c.parents[0].b, ST_OID_LEN, &at))
			f->commits[i].parent = (size_t)at;
		rc = note_origins(f, &c, &bad);
		st_tensor_changes_init(&changes);
		changes.seen = saw;
		changes.arg = f;
		if (rc == ST_OK)
			rc = st_tensor_changes_find(&changes, f->x->r, &c, &bad);
		st_tensor_changes_release(&changes);
		st_commit_release(&c);
	}
	if (rc == ST_OK || st_is_damage(rc))
		return ST_OK;
	*e = bad;
	return rc;
}

struct staged {
	struct finding *f;
	const char *path;
};

static int saw_staged(void *arg, const struct st_view *v, const struct st_segment *seg,
		      uint64_t seg_off, struct st_err *e)
{
	struct staged *s = arg;

	return saw(s->f, s->path, v, seg, seg_off, e);
}

/* Follows HEAD. */
static int find_staged(struct finding *f, struct st_err *e)
{
	struct st_vfile *file;
	struct st_head head;
	struct st_index x;
	uint64_t at = f->n;
	size_t i;
	int rc = st_repo_head(f->x->r, &head, e);

	if (rc == ST_OK && !head.unborn)
		st_map_get(&f->at, head.commit.b, ST_OID_LEN, &at);
	if (rc != ST_OK || st_grow(&f->commits, &f->cap, f->n + 1, e) != ST_OK)
		return e->code;
	f->commits[f->n] = (struct when){ .parent = at < f->n ? (size_t)at : NONE };
	f->now = f->n++;
	f->norigins = 0;
	rc = st_staged_load(f->x->r, &x, e);

	for (i = 0; rc == ST_OK && i < x.nrows && f->x->norder < f->x->n; i++) {
		struct staged s = { f, x.rows[i].path };

		rc = st_vfile_open_model(&file, f->x->r, &x.rows[i], e);
		if (rc != ST_OK || !file)
			continue;
		rc = st_vfile_views(file, saw_staged, &s, e);
		st_vfile_close(file);
	}
	st_index_release(&x);
	return rc;
}

int st_repack_find(struct st_repack *x, struct st_err *e)
{
	struct finding f = { .x = x };
	size_t i;
	int rc;

	st_map_init(&f.last);
	st_map_init(&f.at);
	st_buf_init(&f.key, 1 << 20);
	rc = st_catalog_commit_each(x->r->cat, take_commit, &f, e);
	if (f.n)
		qsort(f.commits, f.n, sizeof(*f.commits), by_key);
	for (i = 0; rc == ST_OK && i < f.n && x->norder < x->n; i++)
		rc = find_in_commit(&f, i, e);
	if (rc == ST_OK)
		rc = find_staged(&f, e);
	for (i = 0; i < x->n; i++)
		if (!x->items[i].described)
			x->order[x->norder++] = i;
	st_map_release(&f.last);
	st_map_release(&f.at);
	st_buf_release(&f.key);
	free(f.commits);
	free(f.seen);
	free(f.origins);
	return rc;
}
