/* SPDX-License-Identifier: Apache-2.0 */
/* cat: a file, or one tensor, of a version or of a plain file. */
#include "repo/lookinto.h"

#include "format/format.h"
#include "repo/reparse.h"

#include <stdio.h>

#define PLACES 3 /* that a message lists */

struct cat {
	int (*write)(void *arg, const void *p, size_t n);
	void *arg;
};

static int write_piece(void *arg, const void *p, size_t n, uint64_t off, struct st_err *e)
{
	struct cat *c = arg;

	(void)off;
	(void)e;
	return c->write(c->arg, p, n) ? ST_ENO : ST_OK;
}

struct wanted { /* the one tensor that cat was asked for */
	const struct st_revspec *s;
	bool exact;
	const char *path; /* of the file being looked through */
	struct st_oid file, found_in;
	uint64_t n;
	struct st_tensor t; /* of the first match; its arrays are below, its name is cut */
	bool detached;	    /* only a parser of the file can read it */
	struct st_buf name;
	char *file_path; /* of a plain file: where it was found */
	uint64_t shape[ST_MAX_NDIM];
	int64_t strides[ST_MAX_NDIM];
	char places[400];
	size_t places_len;
};

static int take(struct wanted *w, const struct st_tensor *t, struct st_err *e)
{
	size_t left = sizeof(w->places) - w->places_len;
	int n = 0, rc;

	if (!st_name_matches(w->s, w->exact, t->name, t->name_len))
		return ST_OK;
	if (w->n < PLACES)
		n = snprintf(w->places + w->places_len, left, "%s%s::%.*s", w->n ? ", " : "",
			     w->path, (int)t->name_len, t->name);
	if (n > 0)
		w->places_len += (size_t)n < left ? (size_t)n : left - 1;
	if (w->n++)
		return ST_OK;
	w->found_in = w->file;
	w->t = *t;
	w->detached = t->where != ST_IN_FILE;
	rc = st_buf_add(&w->name, t->name, t->name_len, e);
	w->t.name = (const char *)w->name.p;
	memcpy(w->shape, t->shape, t->ndim * sizeof(*t->shape));
	w->t.shape = w->shape;
	if (t->strides) {
		memcpy(w->strides, t->strides, t->ndim * sizeof(*t->strides));
		w->t.strides = w->strides;
	}
	return rc;
}

static int take_view(void *arg, const struct st_view *v, const struct st_segment *seg,
		     uint64_t seg_off, struct st_err *e)
{
	struct wanted *w = arg;
	struct st_tensor t;

	st_view_tensor(&t, v, seg, seg_off);
	return take(w, &t, e);
}

static int look_into(void *arg, const struct st_stage_row *row, struct st_vfile *f,
		     struct st_err *e)
{
	struct wanted *w = arg;

	w->path = row->path;
	w->file = row->id;
	return st_vfile_views(f, take_view, w, e);
}

static int judge(const struct wanted *w, struct st_err *e)
{
	const int len = (int)w->s->name_len;

	if (w->n == 0)
		return st_fail(e, ST_ENOTFOUND,
			       "'%.*s' matches no tensor: 'strata ls --tensors' lists them", len,
			       w->s->name);
	if (w->n > 1)
		return st_fail(e, ST_EUSAGE,
			       "'%.*s' matches %" PRIu64 " tensors, cat writes one at a time: %s%s",
			       len, w->s->name, w->n, w->places, w->n > PLACES ? ", ..." : "");
	return ST_OK;
}

static int write_npy_header(const struct wanted *w, struct cat *c, struct st_err *e)
{
	uint64_t flat = st_tensor_logical_size(&w->t);
	bool whole = st_dtype_info(w->t.dtype)->bits % 8 == 0 && w->t.dtype != ST_OPAQUE;
	struct st_buf b;
	int rc;

	st_buf_init(&b, 1 << 20);
	rc = whole ? st_npy_header(&b, w->t.dtype, w->shape, w->t.ndim, e) :
		     st_npy_header(&b, ST_U8, &flat, 1, e);
	if (rc == ST_OK && c->write(c->arg, b.p, b.len) != 0)
		rc = ST_ENO;
	st_buf_release(&b);
	return rc;
}

/* ---- of a version ---- */

static int find_stored(struct st_repo *r, struct wanted *w, struct st_err *e)
{
	bool any = false;
	struct st_index x;
	int rc = st_spec_models(r, w->s, &x, e);

	w->exact = true;
	if (rc == ST_OK)
		rc = st_each_model(r, &x, look_into, w, &any, e);
	if (rc == ST_OK && w->n == 0) {
		w->exact = false;
		rc = st_each_model(r, &x, look_into, w, &any, e);
	}
	st_index_release(&x);
	if (rc == ST_OK && !any)
		rc = st_fail(e, ST_ENOTFOUND, "no model file there: 'strata ls' lists files");
	return rc == ST_OK ? judge(w, e) : rc;
}

static int write_bytes(void *arg, const void *p, size_t n, struct st_err *e)
{
	return write_piece(arg, p, n, 0, e);
}

/* A run of the file as a source; with it, the tensor that lies in it. */
static int each_of_run(struct st_repo *r, struct st_vfile *f, const struct wanted *w, struct cat *c,
		       struct st_err *e)
{
	struct st_tensor t = w->t;
	struct st_source src;
	struct st_spool s;
	int rc;

	st_spool_init(&s, (size_t)(r->ctx.memory / 8), r->dir);
	rc = st_vfile_stream(f, t.offset, t.nbytes, st_spool_sink, &s, e);
	t.offset = 0;
	st_spool_source(&s, &src, w->s->path);
	if (rc == ST_OK)
		rc = st_tensor_each(&t, &src, ST_FRAME_LEN, write_bytes, c, e);
	st_spool_release(&s);
	return rc;
}

static int each_parsed(struct st_repo *r, struct st_vfile *f, const struct wanted *w, struct cat *c,
		       struct st_err *e)
{
	const struct st_tensor *t = NULL;
	struct st_reparse x;
	int rc = st_reparse_open(&x, r, f, e);

	if (rc == ST_OK) {
		t = st_reparse_find(&x, (const char *)w->name.p, w->name.len);
		if (!t)
			rc = st_fail(e, ST_ECORRUPT,
				     "the file no longer has the tensor of its manifest");
	}
	if (rc == ST_OK)
		rc = st_format_each(t, &x.src, ST_FRAME_LEN, write_bytes, c, e);
	st_reparse_close(&x);
	return rc;
}

static int stream_tensor(struct st_repo *r, const struct wanted *w, struct cat *c, struct st_err *e)
{
	struct st_vfile *f;
	int rc = st_vfile_open(&f, r, &w->found_in, e);

	if (rc != ST_OK)
		return rc;
	if (st_tensor_plain(&w->t))
		rc = st_vfile_stream(f, w->t.offset, w->t.nbytes, write_piece, c, e);
	else if (w->detached)
		rc = each_parsed(r, f, w, c, e);
	else
		rc = each_of_run(r, f, w, c, e);
	st_vfile_close(f);
	return rc;
}

static int cat_tensor(struct st_repo *r, const struct st_revspec *s, strata_cat_as as,
		      struct cat *c, struct st_err *e)
{
	struct wanted w = { .s = s };
	int rc;

	st_buf_init(&w.name, (size_t)1 << 30);
	rc = find_stored(r, &w, e);
	if (rc == ST_OK && as == STRATA_CAT_NPY)
		rc = write_npy_header(&w, c, e);
	if (rc == ST_OK)
		rc = stream_tensor(r, &w, c, e);
	st_buf_release(&w.name);
	return rc;
}

static int stream_file(struct st_repo *r, const struct st_oid *file, struct cat *c,
		       struct st_err *e)
{
	struct st_vfile *f;
	int rc = st_vfile_open(&f, r, file, e);

	if (rc != ST_OK)
		return rc;
	rc = st_vfile_stream(f, 0, st_vfile_size(f), write_piece, c, e);
	st_vfile_close(f);
	return rc;
}

static int cat_file(struct st_repo *r, const struct st_revspec *s, struct cat *c, struct st_err *e)
{
	struct st_index x;
	int rc = st_spec_files(r, s, &x, e);

	if (rc == ST_OK && x.nrows != 1)
		rc = st_fail(e, ST_EUSAGE, "'%.*s' is %zu files: cat writes one", (int)s->path_len,
			     s->path, x.nrows);
	if (rc == ST_OK)
		rc = stream_file(r, &x.rows[0].id, c, e);
	st_index_release(&x);
	return rc;
}

/* ---- of a plain file ---- */

static int copy_range(const struct st_source *src, uint64_t off, uint64_t n, struct cat *c,
		      struct st_err *e)
{
	uint8_t *buf = st_malloc(ST_FRAME_LEN, e);
	size_t len;
	int rc = buf ? ST_OK : (int)e->code;

	for (; rc == ST_OK && n; off += len, n -= len) {
		len = n < ST_FRAME_LEN ? (size_t)n : ST_FRAME_LEN;
		rc = st_source_read(src, buf, len, off, e);
		if (rc == ST_OK && c->write(c->arg, buf, len) != 0)
			rc = ST_ENO;
	}
	free(buf);
	return rc;
}

static int find_plain(void *arg, const char *path, const struct st_plainfile *f, struct st_err *e)
{
	struct wanted *w = arg;
	int rc = ST_OK;

	if (!f->format)
		return st_fail(e, ST_EFORMAT, "%s is not a model file that strata knows", path);
	w->path = path;
	for (size_t i = 0; rc == ST_OK && i < f->layout.ntensors; i++) {
		rc = take(w, &f->layout.tensors[i], e);
		if (rc == ST_OK && w->n && !w->file_path && !(w->file_path = st_strdup(path, e)))
			rc = e->code;
	}
	return rc;
}

static const struct st_tensor *same_tensor(const struct st_layout *l, const struct wanted *w)
{
	for (size_t i = 0; i < l->ntensors; i++)
		if (l->tensors[i].name_len == w->name.len &&
		    memcmp(l->tensors[i].name, w->name.p, w->name.len) == 0)
			return &l->tensors[i];
	return NULL;
}

/* The file again, which is now known to be the one: its tensor refers to what its parser found. */
static int write_plain(const struct st_ctx *ctx, const struct wanted *w, struct cat *c,
		       struct st_err *e)
{
	const struct st_tensor *t = NULL;
	struct st_plainfile f;
	int rc = st_plainfile_open(&f, ctx, w->file_path, e);

	if (rc == ST_OK)
		t = same_tensor(&f.layout, w);
	if (rc == ST_OK && (!t || st_tensor_logical_size(t) != st_tensor_logical_size(&w->t)))
		rc = st_fail(e, ST_ECHANGED, "%s changed while it was read", w->file_path);
	if (rc == ST_OK)
		rc = st_format_each(t, &f.src, ST_FRAME_LEN, write_bytes, c, e);
	st_plainfile_close(&f);
	return rc;
}

static int plain_tensor(const struct st_ctx *ctx, const char *path, struct wanted *w,
			strata_cat_as as, struct cat *c, struct st_err *e)
{
	int rc;

	w->exact = true;
	rc = st_each_plainfile(ctx, path, find_plain, w, NULL, e);
	if (rc == ST_OK && w->n == 0) {
		w->exact = false;
		rc = st_each_plainfile(ctx, path, find_plain, w, NULL, e);
	}
	if (rc == ST_OK)
		rc = judge(w, e);
	if (rc == ST_OK && as == STRATA_CAT_NPY)
		rc = write_npy_header(w, c, e);
	return rc == ST_OK ? write_plain(ctx, w, c, e) : rc;
}

static int cat_plain(const struct st_ctx *ctx, const struct st_revspec *s, strata_cat_as as,
		     struct cat *c, struct st_err *e)
{
	char *path = st_memdup(s->path, s->path_len + 1, e);
	struct wanted w = { .s = s };
	struct st_source src;
	int rc;

	if (!path)
		return e->code;
	path[s->path_len] = 0;
	st_buf_init(&w.name, (size_t)1 << 30);
	if (s->name) {
		rc = plain_tensor(ctx, path, &w, as, c, e);
	} else {
		rc = st_source_open_file(&src, path, e);
		if (rc == ST_OK) {
			rc = copy_range(&src, 0, src.size, c, e);
			st_source_close(&src);
		}
	}
	st_buf_release(&w.name);
	free(w.file_path);
	free(path);
	return rc == ST_OK || rc == ST_ENO ? rc : st_err_named_path(e);
}

int st_verb_cat(struct st_repo *r, const struct st_ctx *ctx, const char *spec, strata_cat_as as,
		int (*write)(void *arg, const void *p, size_t n), void *arg, struct st_err *e)
{
	struct cat c = { write, arg };
	struct st_revspec s;
	int rc = st_spec_split(r, spec, true, &s, e);

	if (rc != ST_OK)
		return rc;
	if (!s.path_len && !s.name)
		return st_fail(e, ST_EUSAGE,
			       "cat wants REV:path, REV:path::tensor or REV::tensor, not '%s'",
			       spec);
	if (as == STRATA_CAT_NPY && !s.name)
		return st_fail(e, ST_EUSAGE, "--as npy wants a tensor: REV:path::name");
	if (s.plain)
		return cat_plain(ctx, &s, as, &c, e);
	return s.name ? cat_tensor(r, &s, as, &c, e) : cat_file(r, &s, &c, e);
}
