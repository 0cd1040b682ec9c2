/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/tensor_history.h"

#include "model/manifest.h"

#define TREE_DEPTH 1000 /* as deep as staged trees are */

void st_tensor_changes_init(struct st_tensor_changes *x)
{
	*x = (struct st_tensor_changes){ 0 };
	st_arena_init(&x->arena);
	st_map_init(&x->at);
}

void st_tensor_changes_release(struct st_tensor_changes *x)
{
	st_arena_release(&x->arena);
	st_map_release(&x->at);
	free(x->v);
	st_tensor_changes_init(x);
}

struct trace { /* a commit against one parent */
	struct st_tensor_changes *x;
	struct st_repo *r;
	size_t parent; /* from 0 */
	struct st_buf path, key;
	const char *kept; /* a copy of the path at hand that stays, once there is one */
};

/* ---- what was found ---- */

static int make_key(struct trace *t, const char *name, size_t len, struct st_err *e)
{
	int rc;

	st_buf_clear(&t->key);
	rc = st_buf_add(&t->key, t->path.p, t->path.len, e);
	if (rc == ST_OK)
		rc = st_buf_addch(&t->key, 0, e);
	return rc == ST_OK ? st_buf_add(&t->key, name, len, e) : rc;
}

static int add_change(struct trace *t, const char *name, size_t len, struct st_err *e)
{
	struct st_tensor_changes *x = t->x;
	struct st_tensor_change *c;
	int rc = st_grow(&x->v, &x->cap, x->n + 1, e);

	if (rc != ST_OK)
		return rc;
	if (!t->kept)
		t->kept = st_arena_dup(&x->arena, t->path.p, t->path.len, e);
	c = &x->v[x->n];
	*c = (struct st_tensor_change){ .path = t->kept, .name_len = len };
	c->name = st_arena_dup(&x->arena, name, len, e);
	if (e->code != ST_OK)
		return e->code;
	return st_map_put(&x->at, t->key.p, t->key.len, x->n++, NULL, NULL, e);
}

/*
 * The tensor at hand is not as this parent has it. id NULL: the commit lacks it. *fresh: as far as
 * the parents before this one go, nobody had said so.
 */
static int differs(struct trace *t, const char *name, size_t len, const struct st_oid *id, bool had,
		   bool *fresh, struct st_err *e)
{
	struct st_tensor_change *c;
	uint64_t at;
	int rc = make_key(t, name, len, e);

	*fresh = rc == ST_OK && !st_map_get(&t->x->at, t->key.p, t->key.len, &at);
	if (*fresh) {
		at = t->x->n;
		rc = add_change(t, name, len, e);
	}
	if (rc != ST_OK)
		return rc;
	c = &t->x->v[at];
	if (*fresh && id)
		c->id = *id;
	c->gone = !id;
	c->had = c->had || had;
	if (c->differs == t->parent)
		c->differs++;
	return ST_OK;
}

/* ---- two manifests ---- */

struct pair { /* a file in the parent and in the commit */
	struct trace *t;
	struct st_map pages;  /* that both have */
	struct st_map before; /* tensor of the parent -> index into ids, or SETTLED */
	struct st_oid *ids;
	size_t n, cap;
};

#define SETTLED UINT64_MAX

static int take_before(void *arg, const struct st_view *v, const struct st_segment *seg,
		       uint64_t seg_off, struct st_err *e)
{
	struct pair *p = arg;
	int rc = st_grow(&p->ids, &p->cap, p->n + 1, e);

	(void)seg;
	(void)seg_off;
	if (rc != ST_OK)
		return rc;
	p->ids[p->n] = v->id;
	return st_map_put(&p->before, v->name, v->name_len, p->n++, NULL, NULL, e);
}

static int take_after(void *arg, const struct st_view *v, const struct st_segment *seg,
		      uint64_t seg_off, struct st_err *e)
{
	struct pair *p = arg;
	struct st_tensor_changes *x = p->t->x;
	bool had, fresh = false;
	uint64_t at;
	int rc = ST_OK;

	had = st_map_get(&p->before, v->name, v->name_len, &at);
	if (!had || !st_oid_eq(&p->ids[at], &v->id))
		rc = differs(p->t, v->name, v->name_len, &v->id, had, &fresh, e);
	if (rc == ST_OK && fresh && x->seen)
		rc = x->seen(x->arg, p->t->kept, v, seg, seg_off, e);
	if (rc == ST_OK && had)
		rc = st_map_put(&p->before, v->name, v->name_len, SETTLED, NULL, NULL, e);
	return rc;
}

static int take_gone(struct pair *p, struct st_err *e)
{
	const void *name;
	size_t pos = 0, len;
	uint64_t at;
	bool fresh;
	int rc = ST_OK;

	while (rc == ST_OK && st_map_next(&p->before, &pos, &name, &len, &at))
		if (at != SETTLED)
			rc = differs(p->t, name, len, NULL, true, &fresh, e);
	return rc;
}

/* Names are unique in a file: a tensor of a page that both have is in no other page of either. */
static int common_pages(struct pair *p, const struct st_vfile *a, const struct st_vfile *b,
			struct st_err *e)
{
	const struct st_manifest *ma = st_vfile_manifest(a), *mb = st_vfile_manifest(b);
	struct st_map of_a;
	size_t i;
	int rc = ST_OK;

	st_map_init(&of_a);
	for (i = 0; rc == ST_OK && i < ma->npages; i++)
		rc = st_map_put(&of_a, ma->pages[i].id.b, ST_OID_LEN, 1, NULL, NULL, e);
	for (i = 0; rc == ST_OK && i < mb->npages; i++)
		if (st_map_get(&of_a, mb->pages[i].id.b, ST_OID_LEN, NULL))
			rc = st_map_put(&p->pages, mb->pages[i].id.b, ST_OID_LEN, 1, NULL, NULL, e);
	st_map_release(&of_a);
	return rc;
}

static int compare_models(struct trace *t, struct st_vfile *a, struct st_vfile *b, struct st_err *e)
{
	struct pair p = { .t = t };
	int rc = ST_OK;

	st_map_init(&p.pages);
	st_map_init(&p.before);
	if (a && b)
		rc = common_pages(&p, a, b, e);
	if (rc == ST_OK && a)
		rc = st_vfile_views_but(a, &p.pages, take_before, &p, e);
	if (rc == ST_OK && b)
		rc = st_vfile_views_but(b, &p.pages, take_after, &p, e);
	if (rc == ST_OK)
		rc = take_gone(&p, e);
	st_map_release(&p.pages);
	st_map_release(&p.before);
	free(p.ids);
	return rc;
}

static int open_side(struct trace *t, const struct st_tree_entry *en, struct st_vfile **out,
		     struct st_err *e)
{
	struct st_stage_row row = { 0 };

	*out = NULL;
	if (!en)
		return ST_OK;
	row.mode = en->mode;
	row.id = en->id;
	return st_vfile_open_model(out, t->r, &row, e);
}

/* ---- two trees ---- */

static int compare_files(struct trace *t, const struct st_tree_entry *a,
			 const struct st_tree_entry *b, struct st_err *e)
{
	struct st_vfile *va = NULL, *vb = NULL;
	int rc;

	t->kept = NULL;
	rc = open_side(t, a, &va, e);
	if (rc == ST_OK)
		rc = open_side(t, b, &vb, e);
	if (rc == ST_OK && (va || vb))
		rc = compare_models(t, va, vb, e);
	st_vfile_close(va);
	st_vfile_close(vb);
	return rc;
}

static int compare_trees(struct trace *t, const struct st_oid *a, const struct st_oid *b,
			 unsigned depth, struct st_err *e);

static bool is_dir(const struct st_tree_entry *en)
{
	return en && en->mode == ST_MODE_DIR;
}

/* Of one name; either may be NULL. A file in a directory's place is gone and its files are new. */
static int compare_entries(struct trace *t, const struct st_tree_entry *a,
			   const struct st_tree_entry *b, unsigned depth, struct st_err *e)
{
	static const struct st_oid none = { { 0 } };
	const struct st_tree_entry *en = a ? a : b;
	const struct st_tree_entry *fa = is_dir(a) ? NULL : a, *fb = is_dir(b) ? NULL : b;
	size_t keep = t->path.len;
	int rc;

	if (a && b && st_oid_eq(&a->id, &b->id) &&
	    (a->mode == b->mode ||
	     (fa && fb && a->mode != ST_MODE_LINK && b->mode != ST_MODE_LINK)))
		return ST_OK;
	rc = keep ? st_buf_addch(&t->path, '/', e) : ST_OK;
	if (rc == ST_OK)
		rc = st_buf_add(&t->path, en->name, en->name_len, e);
	if (rc == ST_OK && (fa || fb))
		rc = compare_files(t, fa, fb, e);
	if (rc == ST_OK && (is_dir(a) || is_dir(b)))
		rc = compare_trees(t, is_dir(a) ? &a->id : &none, is_dir(b) ? &b->id : &none,
				   depth + 1, e);
	t->path.len = keep;
	return rc;
}

static int entry_cmp(const struct st_tree_entry *a, const struct st_tree_entry *b)
{
	size_t n = a->name_len < b->name_len ? a->name_len : b->name_len;
	int order = memcmp(a->name, b->name, n);

	return order ? order : (a->name_len > b->name_len) - (a->name_len < b->name_len);
}

static int compare_loaded(struct trace *t, const struct st_tree *a, const struct st_tree *b,
			  unsigned depth, struct st_err *e)
{
	size_t i = 0, j = 0;
	int order, rc = ST_OK;

	while (rc == ST_OK && (i < a->n || j < b->n)) {
		order = i == a->n ? 1 : j == b->n ? -1 : entry_cmp(&a->entries[i], &b->entries[j]);
		rc = compare_entries(t, order <= 0 ? &a->entries[i] : NULL,
				     order >= 0 ? &b->entries[j] : NULL, depth, e);
		i += order <= 0;
		j += order >= 0;
	}
	return rc;
}

static int load_tree(struct st_repo *r, const struct st_oid *id, struct st_tree *out,
		     struct st_err *e)
{
	st_tree_init(out);
	return st_oid_is_zero(id) ? ST_OK : st_repo_tree_load(r, id, out, e);
}

/* Zero: an empty one. Directories that are the same on both sides are not entered. */
static int compare_trees(struct trace *t, const struct st_oid *a, const struct st_oid *b,
			 unsigned depth, struct st_err *e)
{
	struct st_tree ta, tb;
	int rc;

	if (st_oid_eq(a, b))
		return ST_OK;
	if (depth > TREE_DEPTH)
		return st_fail(e, ST_ECORRUPT, "directories nest deeper than %d", TREE_DEPTH);
	rc = load_tree(t->r, a, &ta, e);
	if (rc != ST_OK)
		return rc;
	rc = load_tree(t->r, b, &tb, e);
	if (rc == ST_OK) {
		rc = compare_loaded(t, &ta, &tb, depth, e);
		st_tree_release(&tb);
	}
	st_tree_release(&ta);
	return rc;
}

/* ---- a commit ---- */

static void settle(struct st_tensor_changes *x, size_t nparents)
{
	for (size_t i = 0; i < x->n; i++) {
		struct st_tensor_change *c = &x->v[i];

		if (c->differs < nparents)
			c->origin = (int64_t)c->differs + 1;
		else
			c->origin = c->had ? 0 : -1;
	}
}

int st_tensor_changes_find(struct st_tensor_changes *x, struct st_repo *r,
			   const struct st_commit *c, struct st_err *e)
{
	struct trace t = { .x = x, .r = r };
	struct st_oid parent = { { 0 } };
	int rc = ST_OK;

	st_buf_init(&t.path, (size_t)1 << 20);
	st_buf_init(&t.key, (size_t)1 << 30);
	if (c->nparents == 0)
		rc = compare_trees(&t, &parent, &c->tree, 0, e);
	for (; rc == ST_OK && t.parent < c->nparents; t.parent++) {
		rc = st_repo_commit_tree(r, &c->parents[t.parent], &parent, e);
		if (rc == ST_OK)
			rc = compare_trees(&t, &parent, &c->tree, 0, e);
	}
	if (rc == ST_OK)
		settle(x, c->nparents);
	st_buf_release(&t.path);
	st_buf_release(&t.key);
	return rc;
}

int st_tensor_changes_save(const struct st_tensor_changes *x, struct st_repo *r, int64_t key,
			   struct st_err *e)
{
	int64_t slot;
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < x->n; i++) {
		const struct st_tensor_change *c = &x->v[i];

		rc = st_catalog_slot(r->cat, c->path, c->name, c->name_len, &slot, e);
		if (rc == ST_OK)
			rc = st_catalog_change_add(r->cat, key, slot, c->origin,
						   c->gone ? NULL : &c->id, e);
	}
	return rc;
}
