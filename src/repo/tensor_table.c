/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/tensor_table.h"

#include "format/format.h"
#include "tensor/quote.h"

#define ROOM ((size_t)4 << 20)

static const void *keep(struct st_arena *a, const void *p, size_t n, size_t each, struct st_err *e)
{
	void *copy;

	if (!p || !n)
		return NULL;
	copy = st_arena_alloc(a, n * each, e); /* n is at most ST_MAX_NDIM */
	if (copy)
		memcpy(copy, p, n * each);
	return copy;
}

static int take_view(void *arg, const struct st_view *v, const struct st_segment *seg,
		     uint64_t seg_off, struct st_err *e)
{
	struct st_tensor_table *x = arg;
	struct st_stored_tensor *s;
	int rc = st_grow(&x->v, &x->cap, x->n + 1, e);

	(void)seg_off;
	if (rc != ST_OK)
		return rc;
	s = &x->v[x->n];
	*s = (struct st_stored_tensor){ .id = v->id, .extent = seg->id, .extent_size = seg->size };
	st_view_tensor(&s->t, v, seg, 0);
	s->t.name = st_arena_dup(&x->arena, v->name, v->name_len, e);
	s->t.shape = keep(&x->arena, v->shape, v->ndim, sizeof(*v->shape), e);
	s->t.strides = keep(&x->arena, v->strides, v->ndim, sizeof(*v->strides), e);
	if (e->code != ST_OK)
		return e->code;
	return st_map_put(&x->names, v->name, v->name_len, x->n++, NULL, NULL, e);
}

int st_tensor_table_load(struct st_tensor_table *x, struct st_repo *r,
			 const struct st_stage_row *row, struct st_err *e)
{
	const struct st_manifest *m;
	struct st_vfile *f = NULL;
	int rc;

	*x = (struct st_tensor_table){ 0 };
	st_arena_init(&x->arena);
	st_map_init(&x->names);
	rc = row ? st_vfile_open_model(&f, r, row, e) : ST_OK;
	if (rc != ST_OK || !f)
		return rc;
	m = st_vfile_manifest(f);
	x->format = st_arena_dup(&x->arena, m->format, strlen(m->format), e);
	if (m->metadata)
		x->metadata = st_arena_dup(&x->arena, m->metadata, m->metadata_len, e);
	x->metadata_len = m->metadata_len;
	rc = e->code == ST_OK ? st_vfile_views(f, take_view, x, e) : (int)e->code;
	st_vfile_close(f);
	return rc == ST_OK ? ST_OK : st_wrap(e, "%s", row->path);
}

void st_tensor_table_release(struct st_tensor_table *x)
{
	st_arena_release(&x->arena);
	st_map_release(&x->names);
	free(x->v);
	*x = (struct st_tensor_table){ 0 };
}

const struct st_stored_tensor *st_tensor_table_find(const struct st_tensor_table *x,
						    const char *name, size_t len)
{
	uint64_t i;

	return st_map_get(&x->names, name, len, &i) ? &x->v[i] : NULL;
}

bool st_stored_alike(const struct st_stored_tensor *a, const struct st_stored_tensor *b)
{
	if (a->t.dtype != b->t.dtype || a->t.ndim != b->t.ndim)
		return false;
	for (unsigned i = 0; i < a->t.ndim; i++)
		if (a->t.shape[i] != b->t.shape[i])
			return false;
	return a->t.dtype != ST_OPAQUE || a->t.nbytes == b->t.nbytes;
}

bool st_stored_same(const struct st_stored_tensor *a, const struct st_stored_tensor *b)
{
	if (!a || !b)
		return a == b;
	return st_oid_eq(&a->id, &b->id) && st_stored_alike(a, b);
}

int st_tensor_reader_init(struct st_tensor_reader *x, struct st_repo *r,
			  const struct st_stage_row *row, struct st_err *e)
{
	*x = (struct st_tensor_reader){ .r = r, .row = row };
	return st_codecs_new(&x->codecs, r->ctx.jobs, e);
}

void st_tensor_reader_release(struct st_tensor_reader *x)
{
	if (x->has_parsed)
		st_reparse_close(&x->parsed);
	st_codecs_free(x->codecs);
	*x = (struct st_tensor_reader){ 0 };
}

static int parse_once(struct st_tensor_reader *x, struct st_err *e)
{
	struct st_vfile *f;
	int rc = x->has_parsed ? ST_OK : st_vfile_open(&f, x->r, &x->row->id, e);

	if (rc != ST_OK || x->has_parsed)
		return rc;
	x->has_parsed = true;
	rc = st_reparse_open(&x->parsed, x->r, f, e);
	st_vfile_close(f);
	return rc;
}

static int spool_bytes(void *arg, const void *p, size_t n, struct st_err *e)
{
	return st_spool_add(arg, p, n, e);
}

/* t's bytes, made row-major, through the spool. */
static int spool(struct st_tensor_reader *x, const struct st_tensor *t, const struct st_source *in,
		 struct st_source *src, struct st_err *e)
{
	int rc;

	st_spool_init(&x->spool, (size_t)(x->r->ctx.memory / 8), x->r->dir);
	rc = st_format_each(t, in, ROOM, spool_bytes, &x->spool, e);
	if (rc != ST_OK) {
		st_spool_release(&x->spool);
		return rc;
	}
	x->spooled = true;
	st_spool_source(&x->spool, src, x->row->path);
	return ST_OK;
}

static int open_detached(struct st_tensor_reader *x, const struct st_stored_tensor *t,
			 struct st_source *src, struct st_err *e)
{
	const struct st_tensor *found;
	struct st_quote q;
	int rc = parse_once(x, e);

	if (rc != ST_OK)
		return rc;
	found = st_reparse_find(&x->parsed, t->t.name, t->t.name_len);
	if (!found)
		return st_fail(e, ST_ECORRUPT, "%s: its parser no longer finds tensor %s",
			       x->row->path, st_quote(&q, t->t.name, t->t.name_len));
	return spool(x, found, &x->parsed.src, src, e);
}

int st_tensor_reader_open(struct st_tensor_reader *x, const struct st_stored_tensor *t,
			  struct st_source *src, struct st_err *e)
{
	struct st_source extent;
	int rc;

	*src = (struct st_source){ .fd = -1 };
	if (t->t.where != ST_IN_FILE)
		return open_detached(x, t, src, e);
	if (!t->extent_size) {
		st_source_init_mem(src, "", 0, x->row->path);
		return ST_OK;
	}
	if (st_tensor_plain(&t->t))
		return st_objsrc_open(src, x->r->odb, &t->extent, t->t.offset, t->t.nbytes,
				      x->codecs, x->row->path, e);
	rc = st_objsrc_open(&extent, x->r->odb, &t->extent, 0, t->extent_size, x->codecs,
			    x->row->path, e);
	if (rc != ST_OK)
		return rc;
	rc = spool(x, &t->t, &extent, src, e);
	st_source_close(&extent);
	return rc;
}

void st_tensor_reader_close(struct st_tensor_reader *x, struct st_source *src)
{
	if (x->spooled)
		st_spool_release(&x->spool);
	else
		st_source_close(src);
	x->spooled = false;
}
