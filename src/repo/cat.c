/* SPDX-License-Identifier: Apache-2.0 */
/* cat: a file, or one tensor, of a version or of a plain file. */
#include "repo/lookinto.h"

#include "format/format.h"

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
	const struct st_spec *s;
	bool exact;
	const char *path; /* of the file being looked through */
	struct st_oid file, found_in;
	uint64_t n, off, nbytes;
	enum st_dtype dtype;
	unsigned ndim;
	uint64_t shape[ST_MAX_NDIM];
	bool strided, big_endian;
	char places[400];
	size_t places_len;
};

static void take(struct wanted *w, const strata_tensor *t, enum st_dtype dtype, bool big_endian)
{
	size_t left = sizeof(w->places) - w->places_len;
	int n = 0;

	if (!st_name_matches(w->s, w->exact, t->name, t->name_len))
		return;
	if (w->n < PLACES)
		n = snprintf(w->places + w->places_len, left, "%s%s::%.*s", w->n ? ", " : "",
			     t->path, (int)t->name_len, t->name);
	if (n > 0)
		w->places_len += (size_t)n < left ? (size_t)n : left - 1;
	if (w->n++)
		return;
	w->found_in = w->file;
	w->off = t->offset;
	w->nbytes = t->nbytes;
	w->dtype = dtype;
	w->ndim = t->ndim;
	memcpy(w->shape, t->shape, t->ndim * sizeof(*t->shape));
	w->strided = !t->has_offset;
	w->big_endian = big_endian;
}

static int take_view(void *arg, const struct st_view *v, const struct st_segment *seg,
		     uint64_t seg_off, struct st_err *e)
{
	struct wanted *w = arg;
	struct st_tensor_text text;
	strata_tensor t;

	(void)e;
	st_tensor_from_view(&t, &text, w->path, v, seg, seg_off);
	take(w, &t, v->dtype, v->big_endian);
	return ST_OK;
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
	if (w->strided || w->big_endian)
		return st_fail(e, ST_EFORMAT, "'%.*s' is not one little-endian run of its file",
			       len, w->s->name);
	return ST_OK;
}

static int write_npy_header(const struct wanted *w, struct cat *c, struct st_err *e)
{
	uint64_t flat = w->nbytes;
	bool whole = st_dtype_info(w->dtype)->bits % 8 == 0 && w->dtype != ST_OPAQUE;
	struct st_buf b;
	int rc;

	st_buf_init(&b, 1 << 20);
	rc = whole ? st_npy_header(&b, w->dtype, w->shape, w->ndim, e) :
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

static int stream(struct st_repo *r, const struct st_oid *file, const struct wanted *w,
		  struct cat *c, struct st_err *e)
{
	struct st_vfile *f;
	int rc = st_vfile_open(&f, r, file, e);

	if (rc != ST_OK)
		return rc;
	rc = st_vfile_stream(f, w ? w->off : 0, w ? w->nbytes : st_vfile_size(f), write_piece, c,
			     e);
	st_vfile_close(f);
	return rc;
}

static int cat_tensor(struct st_repo *r, const struct st_spec *s, strata_cat_as as, struct cat *c,
		      struct st_err *e)
{
	struct wanted w = { .s = s };
	int rc = find_stored(r, &w, e);

	if (rc == ST_OK && as == STRATA_CAT_NPY)
		rc = write_npy_header(&w, c, e);
	return rc == ST_OK ? stream(r, &w.found_in, &w, c, e) : rc;
}

static int cat_file(struct st_repo *r, const struct st_spec *s, struct cat *c, struct st_err *e)
{
	struct st_index x;
	int rc = st_spec_files(r, s, &x, e);

	if (rc == ST_OK && x.nrows != 1)
		rc = st_fail(e, ST_EUSAGE, "'%.*s' is %zu files: cat writes one", (int)s->path_len,
			     s->path, x.nrows);
	if (rc == ST_OK)
		rc = stream(r, &x.rows[0].id, NULL, c, e);
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

static void find_plain(const struct st_plainfile *f, struct wanted *w)
{
	strata_tensor t;
	size_t i;

	for (i = 0; i < f->layout.ntensors; i++) {
		st_tensor_from_layout(&t, w->path, &f->layout.tensors[i]);
		take(w, &t, f->layout.tensors[i].dtype, f->layout.tensors[i].big_endian);
	}
}

static int plain_tensor(const struct st_ctx *ctx, const char *path, struct wanted *w,
			strata_cat_as as, struct cat *c, struct st_err *e)
{
	struct st_plainfile f;
	int rc = st_plainfile_open(&f, ctx, path, e);

	if (rc == ST_OK && !f.format)
		rc = st_fail(e, ST_EFORMAT, "%s is not a model file that strata knows", path);
	w->path = path;
	w->exact = true;
	if (rc == ST_OK)
		find_plain(&f, w);
	if (rc == ST_OK && w->n == 0) {
		w->exact = false;
		find_plain(&f, w);
	}
	if (rc == ST_OK)
		rc = judge(w, e);
	if (rc == ST_OK && as == STRATA_CAT_NPY)
		rc = write_npy_header(w, c, e);
	if (rc == ST_OK)
		rc = copy_range(&f.src, w->off, w->nbytes, c, e);
	st_plainfile_close(&f);
	return rc;
}

static int cat_plain(const struct st_ctx *ctx, const struct st_spec *s, strata_cat_as as,
		     struct cat *c, struct st_err *e)
{
	char *path = st_memdup(s->path, s->path_len + 1, e);
	struct wanted w = { .s = s };
	struct st_source src;
	int rc;

	if (!path)
		return e->code;
	path[s->path_len] = 0;
	if (s->name) {
		rc = plain_tensor(ctx, path, &w, as, c, e);
	} else {
		rc = st_source_open_file(&src, path, e);
		if (rc == ST_OK) {
			rc = copy_range(&src, 0, src.size, c, e);
			st_source_close(&src);
		}
	}
	free(path);
	return rc == ST_OK || rc == ST_ENO ? rc : st_err_named_path(e);
}

int st_verb_cat(struct st_repo *r, const char *spec, strata_cat_as as,
		int (*write)(void *arg, const void *p, size_t n), void *arg, struct st_err *e)
{
	struct cat c = { write, arg };
	struct st_spec s;
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
		return cat_plain(&r->ctx, &s, as, &c, e);
	return s.name ? cat_tensor(r, &s, as, &c, e) : cat_file(r, &s, &c, e);
}
