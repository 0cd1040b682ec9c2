/* SPDX-License-Identifier: Apache-2.0 */
#include "model/manifest.h"

static void page_init(struct st_page *p)
{
	*p = (struct st_page){ 0 };
	st_arena_init(&p->arena);
}

int st_manifest_writer_init(struct st_manifest_writer *w, const char *format, st_put_fn put,
			    void *arg, struct st_err *e)
{
	*w = (struct st_manifest_writer){ .put = put, .arg = arg };
	st_arena_init(&w->m.arena);
	page_init(&w->page);
	w->m.format = st_arena_dup(&w->m.arena, format, strlen(format), e);
	return e->code;
}

static void *keep(struct st_arena *a, const void *p, size_t n, size_t elem, struct st_err *e)
{
	void *kept = st_arena_alloc(a, n * elem, e);

	if (kept && n > 0)
		memcpy(kept, p, n * elem);
	return kept;
}

static int copy_view(struct st_arena *a, struct st_view *v, struct st_err *e)
{
	v->name = st_arena_dup(a, v->name, v->name_len, e);
	if (!v->name)
		return e->code;
	v->shape = keep(a, v->shape, v->ndim, sizeof(*v->shape), e);
	if (v->shape && v->strides)
		v->strides = keep(a, v->strides, v->ndim, sizeof(*v->strides), e);
	return e->code;
}

static int copy_segment(struct st_page *p, const struct st_segment *s, struct st_err *e)
{
	struct st_segment copy = *s;
	int rc = st_grow(&p->segs, &p->cap, p->n + 1, e);

	if (rc != ST_OK)
		return rc;
	if (s->nviews > 0) {
		copy.views = keep(&p->arena, s->views, s->nviews, sizeof(*s->views), e);
		rc = e->code;
	}
	for (size_t i = 0; rc == ST_OK && i < s->nviews; i++)
		rc = copy_view(&p->arena, &copy.views[i], e);
	if (rc == ST_OK)
		p->segs[p->n++] = copy;
	return rc;
}

/* Sums were checked when each segment was added. */
static struct st_page_ref sums(const struct st_page *p)
{
	struct st_page_ref ref = { .segments = p->n };

	for (size_t i = 0; i < p->n; i++) {
		ref.bytes += p->segs[i].size;
		ref.glue += p->segs[i].glue ? p->segs[i].size : 0;
		ref.tensors += p->segs[i].nviews;
	}
	return ref;
}

static int flush_page(struct st_manifest_writer *w, struct st_err *e)
{
	struct st_page_ref ref = sums(&w->page);
	struct st_buf b;
	int rc;

	st_buf_init(&b, ST_MANIFEST_BYTES);
	rc = st_grow(&w->m.pages, &w->m.cap, w->m.npages + 1, e);
	if (rc == ST_OK)
		rc = st_page_encode(&b, &w->page, e);
	if (rc == ST_OK)
		rc = w->put(w->arg, b.p, b.len, &ref.id, e);
	st_buf_release(&b);
	if (rc != ST_OK)
		return rc;
	w->m.pages[w->m.npages++] = ref;
	st_page_release(&w->page);
	page_init(&w->page);
	w->weight = 0;
	return ST_OK;
}

int st_manifest_writer_add(struct st_manifest_writer *w, const struct st_segment *s,
			   struct st_err *e)
{
	uint64_t weight = st_segment_weight(s);
	int rc = st_segment_check(s, ST_EUSAGE, e);

	if (rc == ST_OK && w->page.n > 0 && w->weight + weight > ST_PAGE_WEIGHT)
		rc = flush_page(w, e);
	if (rc != ST_OK)
		return rc;
	w->weight += weight;
	if (!st_add_u64(w->m.size, s->size, &w->m.size))
		return st_fail(e, ST_ELIMIT, "file of more than 2^64 bytes");
	if (s->glue)
		w->m.glue_size += s->size; /* a part of size, which did not wrap */
	w->m.tensors += s->nviews;
	rc = copy_segment(&w->page, s, e);
	if (rc == ST_OK && st_page_ends(s, w->page.n))
		rc = flush_page(w, e);
	return rc;
}

int st_manifest_writer_finish(struct st_manifest_writer *w, const struct st_oid *glue,
			      const char *metadata, size_t metadata_len, struct st_oid *root,
			      struct st_err *e)
{
	struct st_buf b;
	int rc = w->page.n > 0 ? flush_page(w, e) : ST_OK;

	st_buf_init(&b, ST_MANIFEST_BYTES);
	if (glue)
		w->m.glue = *glue;
	w->m.metadata = metadata;
	w->m.metadata_len = metadata_len;
	if (rc == ST_OK)
		rc = st_manifest_encode(&b, &w->m, e);
	if (rc == ST_OK)
		rc = w->put(w->arg, b.p, b.len, root, e);
	st_buf_release(&b);
	w->m.metadata = NULL; /* the caller's */
	w->m.metadata_len = 0;
	return rc;
}

void st_manifest_writer_release(struct st_manifest_writer *w)
{
	st_manifest_release(&w->m);
	st_page_release(&w->page);
}
