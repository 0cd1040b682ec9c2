/* SPDX-License-Identifier: Apache-2.0 */
/* One file of a side: stored or plain, a model or not. */
#include "repo/diff_side.h"

#include "base/file.h"
#include "format/format.h"

#include <unistd.h>

static int open_plain(struct st_dfile *f, const struct st_ctx *ctx, struct st_err *e)
{
	struct st_err bad = { 0 };
	int rc = st_plainfile_open(&f->plain, ctx, f->full, &bad);

	f->model = rc == ST_OK && f->plain.format;
	if (rc == ST_OK)
		return ST_OK;
	st_plainfile_close(&f->plain);
	if (f->named || (rc != ST_EFORMAT && rc != ST_ELIMIT)) {
		*e = bad;
		return st_err_named_path(e);
	}
	st_warn(ctx, "%s; it is compared as an ordinary file", bad.msg);
	return ST_OK;
}

static int open_stored(struct st_dfile *f, struct st_repo *r, struct st_err *e)
{
	const struct st_stage_row row = { .path = f->path, .mode = f->mode, .id = f->id };
	int rc = st_vfile_open_model(&f->v, r, &row, e);

	f->model = rc == ST_OK && f->v;
	return rc == ST_OK ? ST_OK : st_wrap(e, "%s", f->path);
}

int st_dfile_open(struct st_dfile *f, struct st_repo *r, const struct st_ctx *ctx, struct st_err *e)
{
	struct stat st;

	if (f->opened || f->mode == ST_MODE_LINK)
		return ST_OK;
	if (f->full && stat(f->full, &st) == 0) { /* it may be long since it was listed */
		f->size = (uint64_t)st.st_size;
		f->mtime = st.st_mtim;
	}
	f->opened = true;
	f->plain = (struct st_plainfile){ .fd = -1 };
	return f->full ? open_plain(f, ctx, e) : open_stored(f, r, e);
}

void st_dfile_close(struct st_dfile *f)
{
	if (!f->opened)
		return;
	if (f->parsed) {
		st_layout_release(&f->layout);
		st_spool_release(&f->spool);
	}
	if (f->full && f->plain.fd >= 0)
		st_plainfile_close(&f->plain);
	st_vfile_close(f->v);
	f->v = NULL;
	f->opened = f->parsed = f->model = false;
}

const char *st_dfile_format(const struct st_dfile *f)
{
	if (!f->model)
		return "";
	return f->v ? st_vfile_manifest(f->v)->format : f->plain.format->name;
}

const char *st_dfile_metadata(const struct st_dfile *f, size_t *len)
{
	const struct st_manifest *m = f->model && f->v ? st_vfile_manifest(f->v) : NULL;

	*len = 0;
	if (!f->model)
		return NULL;
	*len = m ? m->metadata_len : f->plain.layout.metadata_len;
	return m ? m->metadata : f->plain.layout.metadata;
}

static int slurp_link(const struct st_dfile *f, struct st_buf *out, struct st_err *e)
{
	char target[4097];
	ssize_t n = readlink(f->full, target, sizeof(target));

	if (n < 0)
		return st_fail_os(e, "read link %s", f->full);
	return st_buf_add(out, target, (size_t)n, e);
}

static int add_piece(void *arg, const void *p, size_t n, uint64_t off, struct st_err *e)
{
	(void)off;
	return st_buf_add(arg, p, n, e);
}

int st_dfile_slurp(struct st_dfile *f, struct st_repo *r, struct st_buf *out, struct st_err *e)
{
	struct st_vfile *v;
	int rc;

	if (f->full)
		return f->mode == ST_MODE_LINK ? slurp_link(f, out, e) :
						 st_file_slurp(out, f->full, e);
	rc = st_vfile_open(&v, r, &f->id, e);
	if (rc == ST_OK && st_vfile_size(v) > out->max - out->len)
		rc = st_fail(e, ST_ELIMIT, "%s: more than %zu bytes", f->path, out->max);
	if (rc == ST_OK)
		rc = st_vfile_stream(v, 0, st_vfile_size(v), add_piece, out, e);
	st_vfile_close(v);
	return rc;
}

static int hash_link(struct st_dfile *f, struct st_err *e)
{
	struct st_buf b;
	int rc;

	st_buf_init(&b, 1 << 16);
	rc = slurp_link(f, &b, e);
	if (rc == ST_OK)
		st_oid_of(&f->id, b.p, b.len);
	st_buf_release(&b);
	return rc;
}

int st_dfile_hash(struct st_dfile *f, const struct st_ctx *ctx, struct st_err *e)
{
	struct st_source src;
	int rc;

	if (f->has_id)
		return ST_OK;
	if (f->mode == ST_MODE_LINK) {
		rc = hash_link(f, e);
	} else {
		rc = st_source_open_file(&src, f->full, e);
		if (rc == ST_OK)
			rc = st_hash_shown(ctx, &src, &f->id, e);
		st_source_close(&src);
	}
	f->has_id = rc == ST_OK;
	return rc;
}

static int compare_sources(const struct st_source *a, const struct st_source *b,
			   const struct st_ctx *ctx, bool *same, struct st_err *e)
{
	uint8_t *p = st_malloc(2 * ST_FRAME_LEN, e);
	uint64_t at = 0;
	size_t n;
	int rc = p ? ST_OK : (int)e->code;

	*same = a->size == b->size;
	for (; rc == ST_OK && *same && at < a->size; at += n) {
		n = a->size - at < ST_FRAME_LEN ? (size_t)(a->size - at) : ST_FRAME_LEN;
		rc = st_source_read(a, p, n, at, e);
		if (rc == ST_OK)
			rc = st_source_read(b, p + ST_FRAME_LEN, n, at, e);
		*same = rc == ST_OK && memcmp(p, p + ST_FRAME_LEN, n) == 0;
		if (rc == ST_OK)
			rc = st_check_cancel(ctx, e);
		st_progress(ctx, "compare", 2 * (at + n), 2 * a->size, true, false);
	}
	st_progress(ctx, "compare", 2 * at, 2 * at, true, true);
	free(p);
	return rc;
}

static int compare_plain(const struct st_dfile *a, const struct st_dfile *b,
			 const struct st_ctx *ctx, bool *same, struct st_err *e)
{
	struct st_source sa, sb = { .fd = -1 };
	int rc = st_source_open_file(&sa, a->full, e);

	if (rc == ST_OK)
		rc = st_source_open_file(&sb, b->full, e);
	if (rc == ST_OK)
		rc = compare_sources(&sa, &sb, ctx, same, e);
	st_source_close(&sa);
	st_source_close(&sb);
	return rc;
}

int st_dfile_same(struct st_dfile *a, struct st_dfile *b, const struct st_ctx *ctx, bool *same,
		  struct st_err *e)
{
	int rc;

	*same = false;
	if (a->size != b->size || (a->mode == ST_MODE_LINK) != (b->mode == ST_MODE_LINK))
		return ST_OK;
	if (a->full && b->full && a->mode != ST_MODE_LINK && !(a->has_id && b->has_id))
		return compare_plain(a, b, ctx, same, e);
	rc = st_dfile_hash(a, ctx, e);
	if (rc == ST_OK)
		rc = st_dfile_hash(b, ctx, e);
	*same = rc == ST_OK && st_oid_eq(&a->id, &b->id);
	return rc;
}

int st_dfile_unchanged(const struct st_dfile *f, struct st_err *e)
{
	struct stat st;
	int rc;

	if (!f->full)
		return ST_OK;
	if (f->mode == ST_MODE_LINK)
		rc = lstat(f->full, &st);
	else if (f->opened && f->plain.fd >= 0)
		rc = fstat(f->plain.fd, &st);
	else
		rc = stat(f->full, &st);
	if (rc != 0 || (uint64_t)st.st_size != f->size || st.st_mtim.tv_sec != f->mtime.tv_sec ||
	    st.st_mtim.tv_nsec != f->mtime.tv_nsec)
		return st_fail(e, ST_ECHANGED, "%s changed while it was read", f->path);
	return ST_OK;
}
