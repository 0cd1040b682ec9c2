/* SPDX-License-Identifier: Apache-2.0 */
/* What differs between two versions' tensors, by identity; and what the difference costs. */
#include "repo/forms.h"
#include "repo/repo.h"

#include "model/manifest.h"

struct st_compare {
	struct st_repo *r;
	struct st_counts total;
	uint64_t stored;
	/* directory NUL name -> index into forms; tensors that only the earlier side has */
	struct st_map lost;
	struct st_map gained; /* the same of the later side */
	struct st_forms forms;
	struct st_map seen; /* objects whose bytes are counted */
	struct st_buf key;
};

int st_compare_new(struct st_compare **out, struct st_repo *r, struct st_err *e)
{
	struct st_compare *c = st_calloc(1, sizeof(*c), e);

	*out = c;
	if (!c)
		return e->code;
	c->r = r;
	st_map_init(&c->lost);
	st_map_init(&c->gained);
	st_map_init(&c->seen);
	st_buf_init(&c->key, 1 << 20);
	return ST_OK;
}

void st_compare_free(struct st_compare *c)
{
	if (!c)
		return;
	st_map_release(&c->lost);
	st_map_release(&c->gained);
	st_map_release(&c->seen);
	st_buf_release(&c->key);
	st_forms_release(&c->forms);
	free(c);
}

struct side { /* one file's tensors by name */
	struct st_compare *c;
	struct st_map names; /* name -> index into c->forms */
};

static int take_view(void *arg, const struct st_view *v, const struct st_segment *seg,
		     uint64_t seg_off, struct st_err *e)
{
	struct side *s = arg;
	uint64_t at;
	int rc = st_forms_add(&s->c->forms, &v->id, v->dtype, v->shape, v->ndim, &at, e);

	(void)seg;
	(void)seg_off;
	return rc == ST_OK ? st_map_put(&s->names, v->name, v->name_len, at, NULL, NULL, e) : rc;
}

static int count_object(struct st_compare *c, const struct st_oid *id, bool add, struct st_err *e)
{
	struct st_loc loc;
	bool had, found;
	int rc = st_map_put(&c->seen, id->b, ST_OID_LEN, 1, &had, NULL, e);

	if (rc != ST_OK || had || !add)
		return rc;
	rc = st_catalog_loc_find(c->r->cat, id, ST_ENTRY_DATA, &loc, &found, e);
	if (rc == ST_OK && found)
		c->stored += loc.stored;
	return rc;
}

struct costing {
	struct st_compare *c;
	bool add; /* count bytes; else only mark what the earlier side had */
};

static int cost_segment(void *arg, const struct st_segment *seg, uint64_t off, struct st_err *e)
{
	struct costing *k = arg;

	(void)off;
	return seg->glue || !seg->size ? ST_OK : count_object(k->c, &seg->id, k->add, e);
}

static int cost_file(struct st_compare *c, struct st_vfile *f, const struct st_oid *id, bool add,
		     struct st_err *e)
{
	const struct st_manifest *m = st_vfile_manifest(f);
	struct costing k = { c, add };
	size_t i;
	int rc;

	if (!m)
		return count_object(c, id, add, e);
	rc = st_oid_is_zero(&m->glue) ? ST_OK : count_object(c, &m->glue, add, e);
	for (i = 0; rc == ST_OK && i < m->npages; i++)
		rc = count_object(c, &m->pages[i].id, add, e);
	return rc == ST_OK ? st_vfile_segments(f, cost_segment, &k, e) : rc;
}

int st_compare_mark(struct st_compare *c, const struct st_oid *file, struct st_err *e)
{
	struct st_vfile *f;
	int rc = st_vfile_open(&f, c->r, file, e);

	if (rc != ST_OK)
		return rc;
	rc = cost_file(c, f, file, false, e);
	st_vfile_close(f);
	return rc;
}

static int read_side(struct st_compare *c, const struct st_oid *id, bool later, struct side *s,
		     bool *model, struct st_err *e)
{
	struct st_vfile *f;
	bool recipe;
	int rc;

	*s = (struct side){ .c = c };
	st_map_init(&s->names);
	if (!id)
		return ST_OK;
	rc = st_odb_has(c->r->odb, id, ST_ENTRY_RECIPE, &recipe, e);
	if (rc != ST_OK || !recipe) /* one object: the catalogue knows all there is to say */
		return rc == ST_OK ? count_object(c, id, later, e) : rc;
	rc = st_vfile_open(&f, c->r, id, e);
	if (rc != ST_OK)
		return rc;
	rc = cost_file(c, f, id, later, e);
	if (rc == ST_OK && st_vfile_is_model(f)) {
		*model = true;
		rc = st_vfile_views(f, take_view, s, e);
	}
	st_vfile_close(f);
	return rc;
}

static int make_key(struct st_compare *c, const char *path, const void *name, size_t len,
		    struct st_err *e)
{
	const char *slash = strrchr(path, '/');
	int rc;

	st_buf_clear(&c->key);
	rc = st_buf_add(&c->key, path, slash ? (size_t)(slash - path) : 0, e);
	if (rc == ST_OK)
		rc = st_buf_addch(&c->key, 0, e);
	return rc == ST_OK ? st_buf_add(&c->key, name, len, e) : rc;
}

/* The same tensor of both sides. */
static void settle(const struct st_compare *c, uint64_t a, uint64_t b, struct st_counts *n)
{
	const struct st_form *f = &c->forms.v[b];

	if (!st_forms_fit(&c->forms, a, f->dtype, c->forms.dims + f->shape, f->ndim)) {
		n->changed++;
		n->reshaped++;
	} else if (!st_oid_eq(&c->forms.v[a].id, &f->id)) {
		n->changed++;
	} else {
		n->unchanged++;
	}
}

/*
 * A tensor on one side only: settled at once if another file of the directory had it on the other.
 * The maps have no removal, so a settled key is marked with UINT64_MAX.
 */
static int leftover(struct st_compare *c, const char *path, const void *name, size_t len,
		    uint64_t at, bool later, struct st_err *e)
{
	struct st_map *mine = later ? &c->gained : &c->lost,
		      *theirs = later ? &c->lost : &c->gained;
	uint64_t other;
	int rc = make_key(c, path, name, len, e);

	if (rc != ST_OK)
		return rc;
	if (st_map_get(theirs, c->key.p, c->key.len, &other) && other != UINT64_MAX) {
		settle(c, at, other, &c->total);
		if (later)
			c->total.removed--;
		else
			c->total.added--;
		return st_map_put(theirs, c->key.p, c->key.len, UINT64_MAX, NULL, NULL, e);
	}
	if (later)
		c->total.added++;
	else
		c->total.removed++;
	return st_map_put(mine, c->key.p, c->key.len, at, NULL, NULL, e);
}

static int match(struct st_compare *c, const char *path, const struct side *a, const struct side *b,
		 struct st_counts *n, struct st_err *e)
{
	const void *name;
	uint64_t at, other;
	size_t pos = 0, len;
	int rc = ST_OK;

	while (rc == ST_OK && st_map_next(&a->names, &pos, &name, &len, &at)) {
		if (!st_map_get(&b->names, name, len, &other)) {
			n->removed++;
			rc = leftover(c, path, name, len, at, false, e);
		} else {
			settle(c, at, other, n);
			settle(c, at, other, &c->total);
		}
	}
	pos = 0;
	while (rc == ST_OK && st_map_next(&b->names, &pos, &name, &len, &at)) {
		if (st_map_get(&a->names, name, len, &other))
			continue;
		n->added++;
		rc = leftover(c, path, name, len, at, true, e);
	}
	return rc;
}

int st_compare_file(struct st_compare *c, const char *path, const struct st_oid *a,
		    const struct st_oid *b, struct st_counts *counts, bool *model, struct st_err *e)
{
	struct side sa, sb;
	int rc;

	*counts = (struct st_counts){ 0 };
	*model = false;
	rc = read_side(c, a, false, &sa, model, e);
	if (rc == ST_OK)
		rc = read_side(c, b, true, &sb, model, e);
	else
		st_map_init(&sb.names);
	if (rc == ST_OK && *model)
		rc = match(c, path, &sa, &sb, counts, e);
	st_map_release(&sa.names);
	st_map_release(&sb.names);
	return rc == ST_OK ? ST_OK : st_wrap(e, "compare %s", path);
}

void st_compare_totals(const struct st_compare *c, struct st_counts *total, uint64_t *stored)
{
	*total = c->total;
	*stored = c->stored;
}

static int load(struct st_repo *r, const struct st_oid *tree, struct st_index *x, struct st_err *e)
{
	int rc = st_tree_to_index(r, tree, x, e);

	return rc == ST_OK ? st_index_sort(x, e) : rc;
}

static char status_of(const struct st_stage_row *a, const struct st_stage_row *b)
{
	if (!a)
		return 'A';
	if (!b)
		return 'D';
	if ((a->mode == ST_MODE_LINK) != (b->mode == ST_MODE_LINK))
		return 'T';
	return st_oid_eq(&a->id, &b->id) && a->mode == b->mode ? 0 : 'M';
}

bool st_indexes_same(const struct st_index *xa, const struct st_index *xb)
{
	if (xa->nrows != xb->nrows)
		return false;
	for (size_t i = 0; i < xa->nrows; i++)
		if (strcmp(xa->rows[i].path, xb->rows[i].path) != 0 ||
		    status_of(&xa->rows[i], &xb->rows[i]))
			return false;
	return true;
}

int st_compare_indexes(const struct st_index *xa, const struct st_index *xb,
		       int (*cb)(void *arg, const struct st_tree_change *c, struct st_err *e),
		       void *arg, struct st_err *e)
{
	size_t i = 0, j = 0;
	int order, rc = ST_OK;

	while (rc == ST_OK && (i < xa->nrows || j < xb->nrows)) {
		struct st_tree_change c = { 0 };

		order = i == xa->nrows ? 1 :
			j == xb->nrows ? -1 :
					 strcmp(xa->rows[i].path, xb->rows[j].path);
		if (order <= 0)
			c.a = &xa->rows[i++];
		if (order >= 0)
			c.b = &xb->rows[j++];
		c.path = c.a ? c.a->path : c.b->path;
		c.status = status_of(c.a, c.b);
		if (c.status)
			rc = cb(arg, &c, e);
	}
	return rc;
}

int st_compare_trees(struct st_repo *r, const struct st_oid *a, const struct st_oid *b,
		     int (*cb)(void *arg, const struct st_tree_change *c, struct st_err *e),
		     void *arg, struct st_err *e)
{
	struct st_index xa, xb;
	int rc = ST_OK;

	if (st_oid_eq(a, b))
		return ST_OK;
	st_index_init(&xa);
	st_index_init(&xb);
	rc = load(r, a, &xa, e);
	if (rc == ST_OK)
		rc = load(r, b, &xb, e);
	if (rc == ST_OK)
		rc = st_compare_indexes(&xa, &xb, cb, arg, e);
	st_index_release(&xa);
	st_index_release(&xb);
	return rc;
}
