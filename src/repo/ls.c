/* SPDX-License-Identifier: Apache-2.0 */
/* ls, the list of tensors, and cat. */
#include "repo/lookinto.h"

#include "base/file.h"
#include "format/format.h"

static const char *mode_name(uint32_t mode)
{
	return mode == ST_MODE_LINK ? "link" : mode == ST_MODE_EXEC ? "exec" : "file";
}

static int show_file(struct st_repo *r, const struct st_stage_row *row,
		     int (*cb)(void *arg, const strata_file *f), void *arg, struct st_err *e)
{
	char hex[STRATA_HEX];
	strata_file out = { .path = row->path,
			    .mode = mode_name(row->mode),
			    .kind = row->mode == ST_MODE_LINK ? "link" : "file",
			    .format = "",
			    .size = row->size,
			    .id = hex };
	struct st_vfile *f = NULL;
	bool recipe = false;
	int rc = ST_OK;

	st_oid_hex(&row->id, hex);
	if (row->mode != ST_MODE_LINK)
		rc = st_odb_has(r->odb, &row->id, ST_ENTRY_RECIPE, &recipe, e);
	if (rc == ST_OK && recipe)
		rc = st_vfile_open(&f, r, &row->id, e);
	if (rc != ST_OK)
		return rc;
	if (f) {
		out.format = st_vfile_manifest(f)->format;
		out.tensors = st_vfile_manifest(f)->tensors;
		out.kind = st_vfile_is_model(f) ? "model" : "file";
	}
	rc = cb(arg, &out) ? ST_ENO : ST_OK;
	st_vfile_close(f);
	return rc;
}

int st_verb_ls(struct st_repo *r, const char *spec, int (*cb)(void *arg, const strata_file *f),
	       void *arg, struct st_err *e)
{
	struct st_spec s;
	struct st_index x;
	size_t i;
	int rc = st_spec_split(r, spec ? spec : "HEAD", false, &s, e);

	if (rc != ST_OK)
		return rc;
	if (s.name)
		return st_fail(e, ST_EUSAGE, "'%s' names tensors: 'ls --tensors' lists them", spec);
	rc = st_spec_files(r, &s, &x, e);
	for (i = 0; rc == ST_OK && i < x.nrows; i++)
		rc = show_file(r, &x.rows[i], cb, arg, e);
	st_index_release(&x);
	return rc;
}

/* ---- tensors ---- */

struct listing {
	const struct st_spec *s;
	const char *path;
	bool exact; /* look for the very name first */
	uint64_t shown;
	bool stopped; /* by the callback */
	int (*cb)(void *arg, const strata_tensor *t);
	void *arg;
};

static int show_view(void *arg, const struct st_view *v, const struct st_segment *seg,
		     uint64_t seg_off, struct st_err *e)
{
	struct listing *l = arg;
	struct st_tensor_text text;
	strata_tensor t;

	(void)e;
	if (!st_name_matches(l->s, l->exact, v->name, v->name_len))
		return ST_OK;
	l->shown++;
	st_tensor_from_view(&t, &text, l->path, v, seg, seg_off);
	l->stopped = l->cb(l->arg, &t) != 0;
	return l->stopped ? ST_ENO : ST_OK;
}

static int list_stored(struct st_repo *r, const struct st_index *x, struct listing *l, bool *any,
		       struct st_err *e)
{
	struct st_vfile *f;
	size_t i;
	bool has;
	int rc = ST_OK;

	for (i = 0; rc == ST_OK && i < x->nrows; i++) {
		if (x->rows[i].mode == ST_MODE_LINK)
			continue;
		rc = st_odb_has(r->odb, &x->rows[i].id, ST_ENTRY_RECIPE, &has, e);
		if (rc != ST_OK || !has)
			continue;
		rc = st_vfile_open(&f, r, &x->rows[i].id, e);
		if (rc != ST_OK)
			break;
		if (st_vfile_is_model(f)) {
			*any = true;
			l->path = x->rows[i].path;
			rc = st_vfile_views(f, show_view, l, e);
			if (rc == ST_OK && l->stopped)
				rc = ST_ENO;
		}
		st_vfile_close(f);
	}
	return rc;
}

static int tensors_of_version(struct st_repo *r, const struct st_spec *s, struct listing *l,
			      struct st_err *e)
{
	bool any = false;
	struct st_index x;
	int rc = st_spec_files(r, s, &x, e);

	l->exact = s->name != NULL;
	if (rc == ST_OK)
		rc = list_stored(r, &x, l, &any, e);
	if (rc == ST_OK && l->exact && !l->shown) {
		l->exact = false;
		rc = list_stored(r, &x, l, &any, e);
	}
	st_index_release(&x);
	if (rc != ST_OK)
		return rc;
	if (!any && (s->path_len || s->name))
		return st_fail(e, ST_ENOTFOUND, "no model file there: 'strata ls' lists files");
	if (s->name && !l->shown)
		return st_fail(e, ST_ENOTFOUND, "'%.*s' matches no tensor", (int)s->name_len,
			       s->name);
	return ST_OK;
}

static int list_plain(const struct st_plainfile *f, struct listing *l)
{
	strata_tensor t;
	size_t i;

	for (i = 0; i < f->layout.ntensors; i++) {
		if (!st_name_matches(l->s, l->exact, f->layout.tensors[i].name,
				     f->layout.tensors[i].name_len))
			continue;
		l->shown++;
		st_tensor_from_layout(&t, l->path, &f->layout.tensors[i]);
		if (l->cb(l->arg, &t) != 0)
			return ST_ENO;
	}
	return ST_OK;
}

static int tensors_of_plain(const struct st_ctx *ctx, const struct st_spec *s, struct listing *l,
			    struct st_err *e)
{
	struct st_plainfile f;
	char *path = st_memdup(s->path, s->path_len + 1, e);
	int rc;

	if (!path)
		return e->code;
	path[s->path_len] = 0;
	l->path = path;
	rc = st_plainfile_open(&f, ctx, path, e);
	if (rc == ST_OK && !f.format)
		rc = st_fail(e, ST_EFORMAT, "%s is not a model file that strata knows", path);
	l->exact = s->name != NULL;
	if (rc == ST_OK)
		rc = list_plain(&f, l);
	if (rc == ST_OK && l->exact && !l->shown) {
		l->exact = false;
		rc = list_plain(&f, l);
	}
	if (rc == ST_OK && s->name && !l->shown)
		rc = st_fail(e, ST_ENOTFOUND, "'%.*s' matches no tensor of %s", (int)s->name_len,
			     s->name, path);
	st_plainfile_close(&f);
	free(path);
	return rc;
}

int st_verb_tensors(struct st_repo *r, const struct st_ctx *ctx, const char *spec,
		    int (*cb)(void *arg, const strata_tensor *t), void *arg, struct st_err *e)
{
	struct st_spec s;
	struct listing l = { .s = &s, .cb = cb, .arg = arg };
	int rc = st_spec_split(r, spec, true, &s, e);

	if (rc != ST_OK)
		return rc;
	return s.plain ? tensors_of_plain(ctx, &s, &l, e) : tensors_of_version(r, &s, &l, e);
}

/* ---- cat ---- */

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
	const struct st_spec *s;
	bool exact;
	uint64_t n, off, nbytes;
	enum st_dtype dtype;
	unsigned ndim;
	uint64_t shape[ST_MAX_NDIM];
	bool strided, big_endian;
};

static int find_view(void *arg, const struct st_view *v, const struct st_segment *seg,
		     uint64_t seg_off, struct st_err *e)
{
	struct wanted *w = arg;

	(void)seg;
	(void)e;
	if (!st_name_matches(w->s, w->exact, v->name, v->name_len))
		return ST_OK;
	if (w->n++)
		return ST_OK;
	w->off = seg_off + v->offset;
	w->nbytes = v->nbytes;
	w->dtype = v->dtype;
	w->ndim = v->ndim;
	memcpy(w->shape, v->shape, v->ndim * sizeof(*v->shape));
	w->strided = v->strides != NULL;
	w->big_endian = v->big_endian;
	return ST_OK;
}

static int find_tensor(struct st_vfile *f, struct wanted *w, struct st_err *e)
{
	int rc;

	if (!st_vfile_is_model(f))
		return st_fail(e, ST_ENOTFOUND, "that file has no tensors that strata knows");
	w->exact = true;
	rc = st_vfile_views(f, find_view, w, e);
	if (rc == ST_OK && w->n == 0) {
		w->exact = false;
		rc = st_vfile_views(f, find_view, w, e);
	}
	if (rc == ST_OK && w->n == 0)
		rc = st_fail(e, ST_ENOTFOUND,
			     "'%.*s' matches no tensor: 'strata ls --tensors' lists them",
			     (int)w->s->name_len, w->s->name);
	if (rc == ST_OK && w->n > 1)
		rc = st_fail(e, ST_EUSAGE,
			     "'%.*s' matches %" PRIu64 " tensors: cat writes one at a time",
			     (int)w->s->name_len, w->s->name, w->n);
	if (rc == ST_OK && (w->strided || w->big_endian))
		rc = st_fail(e, ST_EFORMAT, "'%.*s' is not one little-endian run of its file",
			     (int)w->s->name_len, w->s->name);
	return rc;
}

static int write_npy_header(const struct wanted *w, struct cat *c, struct st_err *e)
{
	uint64_t flat = w->nbytes;
	bool whole = st_dtype_info(w->dtype)->bits % 8 == 0 && w->dtype != ST_OPAQUE;
	struct st_buf b;
	int rc;

	st_buf_init(&b, 1 << 20);
	rc = whole ? st_npy_header(&b, w->dtype, w->shape, w->ndim, e)
		   : st_npy_header(&b, ST_U8, &flat, 1, e);
	if (rc == ST_OK && c->write(c->arg, b.p, b.len) != 0)
		rc = ST_ENO;
	st_buf_release(&b);
	return rc;
}

static int cat_file(struct st_repo *r, const struct st_stage_row *row, const struct st_spec *s,
		    strata_cat_as as, struct cat *c, struct st_err *e)
{
	struct wanted w = { .s = s };
	struct st_vfile *f;
	int rc = st_vfile_open(&f, r, &row->id, e);

	if (rc != ST_OK)
		return rc;
	if (!s->name) {
		rc = st_vfile_stream(f, 0, st_vfile_size(f), write_piece, c, e);
	} else {
		rc = find_tensor(f, &w, e);
		if (rc == ST_OK && as == STRATA_CAT_NPY)
			rc = write_npy_header(&w, c, e);
		if (rc == ST_OK)
			rc = st_vfile_stream(f, w.off, w.nbytes, write_piece, c, e);
	}
	st_vfile_close(f);
	return rc;
}

int st_verb_cat(struct st_repo *r, const char *spec, strata_cat_as as,
		int (*write)(void *arg, const void *p, size_t n), void *arg, struct st_err *e)
{
	struct cat c = { write, arg };
	struct st_index x;
	struct st_spec s;
	int rc = st_spec_split(r, spec, false, &s, e);

	if (rc != ST_OK)
		return rc;
	if (!s.path_len)
		return st_fail(e, ST_EUSAGE, "cat wants REV:path or REV:path::tensor, not '%s'",
			       spec);
	if (as == STRATA_CAT_NPY && !s.name)
		return st_fail(e, ST_EUSAGE, "--as npy wants a tensor: REV:path::name");
	rc = st_spec_files(r, &s, &x, e);
	if (rc == ST_OK && x.nrows != 1)
		rc = st_fail(e, ST_EUSAGE, "'%.*s' is %zu files: cat writes one", (int)s.path_len,
			     s.path, x.nrows);
	if (rc == ST_OK)
		rc = cat_file(r, &x.rows[0], &s, as, &c, e);
	st_index_release(&x);
	return rc;
}
