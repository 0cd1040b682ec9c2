/* SPDX-License-Identifier: Apache-2.0 */
#include "model/manifest.h"

#include "base/canon.h"

/* Views of one extent, collected on the heap because their number comes last. */
struct views {
	struct st_view *v;
	size_t n, cap;
};

static uint64_t need_u64(struct st_canon *c, const char *key)
{
	st_canon_need(c, key);
	return st_canon_u64(c);
}

static void need_oid(struct st_canon *c, const char *key, struct st_oid *out)
{
	st_canon_need(c, key);
	st_canon_oid(c, out);
}

static void get_pages(struct st_canon *c, struct st_manifest *m)
{
	struct st_page_ref *p;

	st_canon_need(c, "pages");
	st_canon_array(c);
	while (st_canon_item(c) && st_grow(&m->pages, &m->cap, m->npages + 1, c->err) == ST_OK) {
		p = &m->pages[m->npages++];
		*p = (struct st_page_ref){ 0 };
		st_canon_object(c);
		p->bytes = need_u64(c, "bytes");
		p->glue = need_u64(c, "glue");
		need_oid(c, "id", &p->id);
		p->segments = need_u64(c, "segments");
		p->tensors = need_u64(c, "tensors");
		st_canon_close(c);
	}
}

static void get_root(struct st_canon *c, struct st_manifest *m)
{
	st_canon_object(c);
	st_canon_need(c, "format");
	m->format = st_canon_text(c);
	if (st_canon_key(c, "glue")) {
		st_canon_object(c);
		need_oid(c, "id", &m->glue);
		m->glue_size = need_u64(c, "size");
		st_canon_close(c);
		if (st_canon_ok(c) && m->glue_size == 0)
			st_canon_fail(c, "empty glue before");
	}
	if (st_canon_key(c, "graph"))
		st_canon_oid(c, &m->graph);
	if (st_canon_key(c, "metadata"))
		m->metadata = st_canon_string(c, &m->metadata_len);
	get_pages(c, m);
	m->size = need_u64(c, "size");
	m->tensors = need_u64(c, "tensors");
	st_canon_type(c, "strata.manifest/1");
	st_canon_close(c);
	st_canon_end(c);
}

int st_manifest_parse(struct st_manifest *out, const void *p, size_t len, struct st_err *e)
{
	struct st_canon c;

	*out = (struct st_manifest){ 0 };
	st_arena_init(&out->arena);
	st_canon_init(&c, p, len, &out->arena, e);
	get_root(&c, out);
	if (e->code == ST_OK && st_manifest_check(out, ST_ECORRUPT, e) == ST_OK)
		return ST_OK;
	st_manifest_release(out);
	return st_wrap(e, "parse strata.manifest/1");
}

void st_manifest_release(struct st_manifest *m)
{
	free(m->pages);
	st_arena_release(&m->arena);
	*m = (struct st_manifest){ 0 };
}

static void get_dtype(struct st_canon *c, struct st_view *v)
{
	size_t len;
	const char *s;

	st_canon_need(c, "dtype");
	s = st_canon_string(c, &len);
	/* by_name may know other spellings; only our own is canonical */
	if (s &&
	    (!st_dtype_by_name(&v->dtype, s, len) || strcmp(st_dtype_info(v->dtype)->name, s) != 0))
		st_fail(c->err, ST_EFORMAT, "unknown dtype \"%s\" before offset %zu", s, c->pos);
}

static void get_shape(struct st_canon *c, struct st_view *v)
{
	uint64_t dims[ST_MAX_NDIM];
	uint64_t *kept;

	st_canon_need(c, "shape");
	st_canon_array(c);
	while (st_canon_item(c)) {
		if (v->ndim == ST_MAX_NDIM) {
			st_canon_fail(c, "too many dimensions");
			return;
		}
		dims[v->ndim++] = st_canon_u64(c);
	}
	if (!st_canon_ok(c))
		return;
	kept = st_arena_alloc(c->arena, v->ndim * sizeof(*kept), c->err);
	if (kept && v->ndim > 0)
		memcpy(kept, dims, v->ndim * sizeof(*kept));
	v->shape = kept;
}

static void get_strides(struct st_canon *c, struct st_view *v)
{
	int64_t *s;
	unsigned n = 0;

	if (!st_canon_key(c, "strides"))
		return;
	s = st_arena_alloc(c->arena, v->ndim * sizeof(*s), c->err);
	st_canon_array(c);
	while (st_canon_item(c)) {
		if (n == v->ndim) {
			st_canon_fail(c, "more strides than dimensions");
			return;
		}
		s[n++] = st_canon_i64(c);
	}
	if (st_canon_ok(c) && n != v->ndim)
		st_canon_fail(c, "fewer strides than dimensions before");
	v->strides = s;
}

static void get_big_endian(struct st_canon *c, struct st_view *v)
{
	if (!st_canon_key(c, "big_endian"))
		return;
	if (c->len - c->pos < 4 || memcmp(c->p + c->pos, "true", 4) != 0) {
		st_canon_fail(c, "expected true");
		return;
	}
	c->pos += 4;
	c->fresh = false;
	v->big_endian = true;
}

static void get_view(struct st_canon *c, struct st_view *v, const struct st_segment *s)
{
	bool own = false;

	*v = (struct st_view){ .id = s->id, .nbytes = s->size };
	st_canon_object(c);
	get_big_endian(c, v);
	get_dtype(c, v);
	if (st_canon_key(c, "id")) {
		st_canon_oid(c, &v->id);
		own = true;
	}
	v->name = st_canon_name(c, "name", &v->name_len);
	if (st_canon_key(c, "nbytes")) {
		v->nbytes = st_canon_u64(c);
		if (st_canon_ok(c) && v->nbytes == s->size)
			st_canon_fail(c, "redundant \"nbytes\" before");
	}
	if (st_canon_key(c, "offset")) {
		v->offset = st_canon_u64(c);
		if (st_canon_ok(c) && v->offset == 0)
			st_canon_fail(c, "redundant \"offset\" before");
	}
	get_shape(c, v);
	get_strides(c, v);
	st_canon_close(c);
	if (st_canon_ok(c) && own && st_oid_eq(&v->id, &s->id))
		st_canon_fail(c, "redundant \"id\" before");
}

static void get_views(struct st_canon *c, struct st_segment *s, struct views *all)
{
	if (!st_canon_key(c, "views"))
		return;
	st_canon_array(c);
	for (all->n = 0; st_canon_item(c); all->n++) {
		if (st_grow(&all->v, &all->cap, all->n + 1, c->err) != ST_OK)
			return;
		get_view(c, &all->v[all->n], s);
	}
	if (st_canon_ok(c) && all->n == 0)
		st_canon_fail(c, "empty array");
	if (!st_canon_ok(c))
		return;
	s->views = st_arena_alloc(c->arena, all->n * sizeof(*all->v), c->err);
	if (!s->views)
		return;
	memcpy(s->views, all->v, all->n * sizeof(*all->v));
	s->nviews = all->n;
}

static void get_detached(struct st_canon *c, struct st_segment *s)
{
	s->detached = true;
	s->views = st_arena_alloc(c->arena, sizeof(*s->views), c->err);
	if (!s->views)
		return;
	get_view(c, s->views, s);
	s->nviews = 1;
}

static void get_segment(struct st_canon *c, struct st_segment *s, struct views *all)
{
	*s = (struct st_segment){ 0 };
	st_canon_object(c);
	if (st_canon_key(c, "detached")) {
		get_detached(c, s);
	} else if (st_canon_key(c, "glue")) {
		s->glue = true;
		s->size = st_canon_u64(c);
	} else {
		need_oid(c, "id", &s->id);
		s->size = need_u64(c, "size");
		get_views(c, s, all);
	}
	st_canon_close(c);
	if (st_canon_ok(c) && st_segment_check(s, ST_ECORRUPT, c->err) != ST_OK)
		st_wrap(c->err, "segment before offset %zu", c->pos);
}

static void get_page(struct st_canon *c, struct st_page *p, struct views *all)
{
	struct st_segment *s;

	st_canon_object(c);
	st_canon_need(c, "segments");
	st_canon_array(c);
	while (st_canon_item(c) && st_grow(&p->segs, &p->cap, p->n + 1, c->err) == ST_OK) {
		if (p->n == ST_PAGE_MAX) {
			st_canon_fail(c, "too many segments");
			return;
		}
		s = &p->segs[p->n++];
		get_segment(c, s, all);
		if (st_canon_ok(c) && p->n > 1 && s->glue && s[-1].glue)
			st_canon_fail(c, "two ranges of glue in a row before");
	}
	if (st_canon_ok(c) && p->n == 0)
		st_canon_fail(c, "page without segments");
	st_canon_type(c, "strata.page/1");
	st_canon_close(c);
	st_canon_end(c);
}

static int compare_sums(const struct st_page *p, const struct st_page_ref *ref, struct st_err *e)
{
	uint64_t bytes = 0, glue = 0, tensors = 0;

	for (size_t i = 0; i < p->n; i++) {
		const struct st_segment *s = &p->segs[i];

		/* At most 2^10 numbers of at most 2^53: no sum wraps. */
		bytes += s->size;
		glue += s->glue ? s->size : 0;
		tensors += s->nviews;
	}
	if (!ref || (p->n == ref->segments && bytes == ref->bytes && glue == ref->glue &&
		     tensors == ref->tensors))
		return ST_OK;
	return st_fail(e, ST_ECORRUPT,
		       "page of %zu segments, %" PRIu64 " bytes, %" PRIu64 " of glue, %" PRIu64
		       " tensors is not what its manifest says",
		       p->n, bytes, glue, tensors);
}

int st_page_parse(struct st_page *out, const void *p, size_t len, const struct st_page_ref *ref,
		  struct st_err *e)
{
	struct views all = { 0 };
	struct st_canon c;

	*out = (struct st_page){ 0 };
	st_arena_init(&out->arena);
	st_canon_init(&c, p, len, &out->arena, e);
	get_page(&c, out, &all);
	free(all.v);
	if (e->code == ST_OK && compare_sums(out, ref, e) == ST_OK)
		return ST_OK;
	st_page_release(out);
	return st_wrap(e, "parse strata.page/1");
}

void st_page_release(struct st_page *p)
{
	free(p->segs);
	st_arena_release(&p->arena);
	*p = (struct st_page){ 0 };
}
