/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors of stored and plain files, as the comparison reads them. */
#include "repo/diff_side.h"

#include "format/format.h"

#include <stdio.h>

struct where { /* of a tensor */
	struct st_dfile *f;
	const struct st_tensor *t; /* stored: counts in the extent */
	struct st_oid extent;	   /* stored */
	uint64_t extent_size;
};

struct st_diff_side {
	struct st_repo *r;
	const struct st_ctx *ctx;
	struct st_codecs *codecs;
	struct st_arena arena;
	struct st_operand *ops;
	struct where *where;
	size_t n, ops_cap, where_cap;
	struct st_map names;
	struct st_side side;
};

static int open_tensor(void *arg, size_t i, struct st_source *out, struct st_err *e);
static int hash_tensor(void *arg, size_t i, struct st_oid *out, struct st_err *e);

int st_diff_side_new(struct st_diff_side **out, struct st_repo *r, const struct st_ctx *ctx,
		     struct st_err *e)
{
	struct st_diff_side *s = st_calloc(1, sizeof(*s), e);

	*out = NULL;
	if (!s)
		return e->code;
	s->r = r;
	s->ctx = ctx;
	st_arena_init(&s->arena);
	st_map_init(&s->names);
	if (st_codecs_new(&s->codecs, ctx->jobs, e) != ST_OK) {
		st_diff_side_free(s);
		return e->code;
	}
	s->side = (struct st_side){ .open = open_tensor, .hash = hash_tensor, .arg = s };
	*out = s;
	return ST_OK;
}

void st_diff_side_free(struct st_diff_side *s)
{
	if (!s)
		return;
	st_codecs_free(s->codecs);
	st_map_release(&s->names);
	st_arena_release(&s->arena);
	free(s->ops);
	free(s->where);
	free(s);
}

const struct st_side *st_diff_side_get(const struct st_diff_side *s)
{
	return &s->side;
}

/* ---- collecting ---- */

/* The name, or with the first of "#2", "#3" that makes it one of its own. */
static int own_name(struct st_diff_side *s, const struct st_tensor *t, struct st_operand *op,
		    struct st_err *e)
{
	size_t room = t->name_len + 24;
	bool had = st_map_get(&s->names, t->name, t->name_len, NULL);
	char *name = st_arena_alloc(&s->arena, room, e);

	if (!name)
		return e->code;
	memcpy(name, t->name, t->name_len);
	op->name = name;
	op->name_len = t->name_len;
	for (uint64_t k = 2; had; k++) {
		op->name_len = t->name_len +
			       (size_t)snprintf(name + t->name_len, 24, "#%" PRIu64, k);
		had = st_map_get(&s->names, name, op->name_len, NULL);
	}
	return st_map_put(&s->names, name, op->name_len, s->n, NULL, NULL, e);
}

static int add_tensor(struct st_diff_side *s, const struct where *w, const struct st_oid *id,
		      struct st_err *e)
{
	const struct st_tensor *t = w->t;
	struct st_operand *op;
	int rc = st_grow(&s->ops, &s->ops_cap, s->n + 1, e);

	if (rc == ST_OK)
		rc = st_grow(&s->where, &s->where_cap, s->n + 1, e);
	if (rc != ST_OK)
		return rc;
	op = &s->ops[s->n];
	*op = (struct st_operand){ .path = w->f->path,
				   .dtype = t->dtype,
				   .ndim = t->ndim,
				   .shape = t->shape,
				   .nbytes = st_tensor_logical_size(t),
				   .has_id = id != NULL };
	if (id)
		op->id = *id;
	rc = own_name(s, t, op, e);
	if (rc != ST_OK)
		return rc;
	s->where[s->n++] = *w;
	s->side.t = s->ops;
	s->side.n = s->n;
	return ST_OK;
}

struct adding {
	struct st_diff_side *s;
	struct st_dfile *f;
};

/* Aligned for any type, as the arena gives it. */
static const void *keep(struct st_arena *ar, const void *p, size_t n, struct st_err *e)
{
	void *copy = st_arena_alloc(ar, n, e);

	if (copy)
		memcpy(copy, p, n);
	return copy;
}

/* A page's memory goes with it, so the tensor is copied. */
static int add_view(void *arg, const struct st_view *v, const struct st_segment *seg,
		    uint64_t seg_off, struct st_err *e)
{
	struct adding *a = arg;
	struct st_arena *ar = &a->s->arena;
	struct where w = { .f = a->f, .extent = seg->id, .extent_size = seg->size };
	struct st_tensor *t = st_arena_alloc(ar, sizeof(*t), e);

	(void)seg_off;
	if (!t)
		return e->code;
	st_view_tensor(t, v, seg, 0);
	t->name = st_arena_dup(ar, v->name, v->name_len, e);
	t->shape = keep(ar, v->shape, v->ndim * sizeof(*v->shape), e);
	if (v->strides)
		t->strides = keep(ar, v->strides, v->ndim * sizeof(*v->strides), e);
	w.t = t;
	return e->code == ST_OK ? add_tensor(a->s, &w, &v->id, e) : (int)e->code;
}

int st_diff_side_add(struct st_diff_side *s, struct st_dfile *f, struct st_err *e)
{
	struct adding a = { s, f };
	int rc = ST_OK;

	if (!f->model)
		return ST_OK;
	if (f->v)
		return st_vfile_views(f->v, add_view, &a, e);
	for (size_t i = 0; rc == ST_OK && i < f->plain.layout.ntensors; i++) {
		struct where w = { .f = f, .t = &f->plain.layout.tensors[i] };

		rc = add_tensor(s, &w, NULL, e);
	}
	return rc;
}

int st_diff_side_borrow(struct st_diff_side *s, const struct st_diff_side *from, size_t i,
			bool unlike, struct st_err *e)
{
	struct st_operand *op;
	int rc = st_grow(&s->ops, &s->ops_cap, s->n + 1, e);

	if (rc == ST_OK)
		rc = st_grow(&s->where, &s->where_cap, s->n + 1, e);
	if (rc != ST_OK)
		return rc;
	op = &s->ops[s->n];
	*op = from->ops[i];
	if (unlike) {
		memset(&op->id, 0, sizeof(op->id));
		op->ndim = 0;
		op->nbytes = 0;
	}
	rc = st_map_put(&s->names, op->name, op->name_len, s->n, NULL, NULL, e);
	if (rc != ST_OK)
		return rc;
	s->where[s->n++] = from->where[i];
	s->side.t = s->ops;
	s->side.n = s->n;
	return ST_OK;
}

/* ---- reading ---- */

static int open_span(struct st_source *out, const struct st_source *under, uint64_t off, uint64_t n,
		     struct st_err *e)
{
	if (off > under->size || n > under->size - off)
		return st_fail(e, ST_ECHANGED, "%s changed while it was read", under->name);
	st_source_init_part(out, under, off, n);
	return ST_OK;
}

struct gathered { /* bytes that do not lie as they are wanted, put in order */
	struct st_spool spool;
	struct st_source view;
};

static int gathered_pread(const struct st_source *s, void *buf, size_t n, uint64_t off,
			  struct st_err *e)
{
	const struct gathered *g = s->mem;

	return st_source_read(&g->view, buf, n, off, e);
}

static void gathered_close(struct st_source *s)
{
	struct gathered *g = (struct gathered *)(uintptr_t)s->mem;

	st_spool_release(&g->spool);
	free(g);
}

static const struct st_source_ops gathered_ops = { .pread = gathered_pread,
						   .close = gathered_close };

static const char *spool_dir(const struct st_repo *r)
{
	const char *tmp = getenv("TMPDIR");

	return r ? r->dir : tmp && *tmp ? tmp : "/tmp";
}

static int add_to_spool(void *arg, const void *p, size_t n, struct st_err *e)
{
	return st_spool_add(arg, p, n, e);
}

static int open_gathered(struct st_diff_side *s, struct st_source *out, const struct st_tensor *t,
			 const struct st_source *src, const char *name, struct st_err *e)
{
	struct gathered *g = st_calloc(1, sizeof(*g), e);
	int rc;

	if (!g)
		return e->code;
	st_spool_init(&g->spool, (size_t)(s->ctx->memory / 16), spool_dir(s->r));
	rc = st_format_each(t, src, ST_FRAME_LEN, add_to_spool, &g->spool, e);
	if (rc != ST_OK) {
		st_spool_release(&g->spool);
		free(g);
		return rc;
	}
	st_spool_source(&g->spool, &g->view, name);
	*out = (struct st_source){
		.ops = &gathered_ops, .size = g->spool.size, .name = name, .fd = -1, .mem = g
	};
	return ST_OK;
}

static int open_plain(struct st_diff_side *s, struct st_source *out, const struct st_tensor *t,
		      const struct st_source *src, struct st_err *e)
{
	return st_tensor_plain(t) ? open_span(out, src, t->offset, t->nbytes, e) :
				    open_gathered(s, out, t, src, src->name, e);
}

static int add_piece(void *arg, const void *p, size_t n, uint64_t off, struct st_err *e)
{
	(void)off;
	return st_spool_add(arg, p, n, e);
}

/* What the manifest cannot say where to find, the format's parser can. */
static int parse_stored(struct st_diff_side *s, struct st_dfile *f, struct st_err *e)
{
	const struct st_format *fmt = st_format_get(st_vfile_manifest(f->v)->format);
	int rc;

	if (!fmt)
		return st_fail(e, ST_ENOTFOUND, "this strata does not know the format '%s'",
			       st_vfile_manifest(f->v)->format);
	f->parsed = true;
	st_spool_init(&f->spool, (size_t)(s->ctx->memory / 16), spool_dir(s->r));
	st_layout_init(&f->layout);
	rc = st_vfile_stream(f->v, 0, st_vfile_size(f->v), add_piece, &f->spool, e);
	st_spool_source(&f->spool, &f->spooled, f->path);
	return rc == ST_OK ? st_format_parse(fmt, &f->layout, &f->spooled, s->ctx->memory / 2, e) :
			     rc;
}

static int open_detached(struct st_diff_side *s, const struct where *w, struct st_source *out,
			 struct st_err *e)
{
	struct st_dfile *f = w->f;
	int rc = f->parsed ? ST_OK : parse_stored(s, f, e);

	for (size_t i = 0; rc == ST_OK && i < f->layout.ntensors; i++) {
		const struct st_tensor *t = &f->layout.tensors[i];

		if (t->name_len == w->t->name_len && memcmp(t->name, w->t->name, t->name_len) == 0)
			return open_plain(s, out, t, &f->spooled, e);
	}
	return rc == ST_OK ? st_fail(e, ST_ECORRUPT,
				     "the file no longer has the tensor of its manifest") :
			     rc;
}

static int open_stored(struct st_diff_side *s, const struct where *w, struct st_source *out,
		       struct st_err *e)
{
	struct st_source extent;
	int rc;

	if (st_tensor_plain(w->t))
		return st_objsrc_open(out, s->r->odb, &w->extent, w->t->offset, w->t->nbytes,
				      s->codecs, w->f->path, e);
	rc = st_objsrc_open(&extent, s->r->odb, &w->extent, 0, w->extent_size, s->codecs,
			    w->f->path, e);
	if (rc == ST_OK)
		rc = open_gathered(s, out, w->t, &extent, w->f->path, e);
	st_source_close(&extent);
	return rc;
}

static int open_tensor(void *arg, size_t i, struct st_source *out, struct st_err *e)
{
	struct st_diff_side *s = arg;
	const struct where *w = &s->where[i];
	int rc;

	*out = (struct st_source){ .fd = -1 };
	if (s->ops[i].nbytes == 0)
		st_source_init_mem(out, "", 0, w->f->path);
	if (s->ops[i].nbytes == 0)
		return ST_OK;
	if (!w->f->v)
		rc = open_plain(s, out, w->t, &w->f->plain.src, e);
	else if (w->t->where != ST_IN_FILE)
		rc = open_detached(s, w, out, e);
	else
		rc = open_stored(s, w, out, e);
	if (rc == ST_OK && out->size != s->ops[i].nbytes) {
		st_source_close(out);
		rc = st_fail(e, ST_ECORRUPT, "it has another size than its shape says");
	}
	return rc;
}

static int hash_tensor(void *arg, size_t i, struct st_oid *out, struct st_err *e)
{
	struct st_diff_side *s = arg;
	const struct where *w = &s->where[i];

	if (w->f->v) { /* the manifest said it */
		*out = s->ops[i].id;
		return ST_OK;
	}
	return st_hash_tensor(s->ctx, &w->f->plain.src, w->t, out, e);
}
