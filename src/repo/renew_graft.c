/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/renew.h"

#include "base/file.h"
#include <stdio.h>
#include <unistd.h>

struct grafting {
	struct st_renew *z;
	const struct st_graft *g;
	struct st_tensor_table table; /* of g->from */
	struct st_tensor_reader reader;
	struct st_ingest *ingest;
};

static int open_bytes(void *arg, size_t i, struct st_source *src, struct st_oid *id,
		      struct st_err *e)
{
	struct grafting *x = arg;
	const struct st_edit *edit = &x->g->v[i];
	const struct st_stored_tensor *t =
		st_tensor_table_find(&x->table, edit->name, edit->name_len);

	ST_BUG_ON(!t);
	*id = t->id;
	return st_tensor_reader_open(&x->reader, t, src, e);
}

static void close_bytes(void *arg, struct st_source *src)
{
	struct grafting *x = arg;

	st_tensor_reader_close(&x->reader, src);
}

struct writing {
	int fd;
	const char *path;
};

static int write_piece(void *arg, const void *p, size_t n, uint64_t off, struct st_err *e)
{
	const struct writing *w = arg;

	return st_pwrite_full(w->fd, p, n, off, w->path, e);
}

/* The file as it is stored, and what its parser says of it. */
static int write_base(struct grafting *x, int fd, struct st_plainfile *in, struct st_err *e)
{
	const struct st_ctx *ctx = &x->z->r->ctx;
	struct writing w = { fd, x->g->base.path };
	struct st_vfile *f;
	int rc = st_vfile_open(&f, x->z->r, &x->g->base.id, e);

	if (rc != ST_OK)
		return rc;
	in->size = st_vfile_size(f);
	in->format = st_format_get(st_vfile_manifest(f)->format);
	if (!in->format)
		rc = st_fail(e, ST_EREFUSED, "this strata does not know the format of %s",
			     x->g->base.path);
	if (rc == ST_OK)
		rc = st_vfile_stream(f, 0, in->size, write_piece, &w, e);
	st_vfile_close(f);
	st_source_init_fd(&in->src, fd, in->size, x->g->base.path);
	return rc == ST_OK ?
		       st_format_parse(in->format, &in->layout, &in->src, ctx->memory / 2, e) :
		       rc;
}

static int patch_base(struct grafting *x, int fd, struct st_plainfile *in, struct st_err *e)
{
	const struct st_edits edits = { x->g->v, x->g->n, open_bytes, close_bytes, x };
	const struct st_ctx *ctx = &x->z->r->ctx;
	struct st_patch p;
	int rc = st_patch_prepare(&p, ctx, x->g->base.path, in, &edits, e);

	if (rc == ST_OK)
		rc = st_patch_apply(&p, fd, x->g->base.path, e);
	st_patch_release(&p);
	return rc;
}

static int build(struct grafting *x, int fd, struct st_err *e)
{
	struct st_plainfile in = { .fd = -1 };
	int rc = st_tensor_table_load(&x->table, x->z->r, &x->g->from, e);

	st_layout_init(&in.layout);
	if (rc == ST_OK)
		rc = st_tensor_reader_init(&x->reader, x->z->r, &x->g->from, e);
	if (rc == ST_OK) {
		rc = write_base(x, fd, &in, e);
		if (rc == ST_OK)
			rc = patch_base(x, fd, &in, e);
		st_tensor_reader_release(&x->reader);
	}
	st_tensor_table_release(&x->table);
	st_plainfile_close(&in);
	return rc;
}

/* The store has it: a row of the version to come. */
static int take(void *arg, const char *path, const struct st_ingested *f, struct st_err *e)
{
	struct grafting *x = arg;
	struct st_stage_row row = { .path = path,
				    .path_len = strlen(path),
				    .mode = x->g->base.mode,
				    .id = f->id,
				    .size = f->size };

	if (!f->model)
		return st_fail(e, ST_EBUG, "%s: with other tensors it is no model any more", path);
	row.flags = ST_INDEX_MODEL;
	return st_index_add(&x->z->target, &row, e);
}

/* One file after the other, so that only one temporary file takes space. */
static int graft(struct grafting *x, struct st_err *e)
{
	char *temp;
	int fd, rc = st_file_temp(&fd, &temp, x->z->r->dir, ST_TEMP_PREFIX, e);

	if (rc != ST_OK)
		return rc;
	rc = build(x, fd, e);
	if (rc == ST_OK)
		rc = st_ingest_file(x->ingest, x->g->base.path, temp, false, e);
	if (rc == ST_OK)
		rc = st_ingest_finish(x->ingest, e);
	close(fd);
	unlink(temp);
	free(temp);
	return rc;
}

static int check_space(const struct st_renew *z, struct st_err *e)
{
	uint64_t most = 0, room;
	int rc = st_free_space(z->r->dir, &room, e);

	for (size_t i = 0; i < z->ngrafts; i++)
		most = z->grafts[i].base.size > most ? z->grafts[i].base.size : most;
	if (rc == ST_OK && most > room)
		rc = st_fail(e, ST_ENOSPC,
			     "%" PRIu64 " bytes are needed and %" PRIu64
			     " are free below %s: nothing was written",
			     most, room, z->r->dir);
	return rc;
}

int st_renew_graft(struct st_renew *z, struct st_err *e)
{
	const struct st_ingest_options o = { .mode = ST_CODEC_DEFAULT };
	struct grafting x = { .z = z };
	uint64_t bytes = 0;
	int rc;

	if (!z->ngrafts)
		return ST_OK;
	rc = check_space(z, e);
	if (rc == ST_OK)
		rc = st_ingest_new(&x.ingest, z->r, z->t->w, &o, e);
	if (rc != ST_OK)
		return rc;
	for (size_t i = 0; i < z->ngrafts; i++)
		bytes += z->grafts[i].base.size;
	st_ingest_expect(x.ingest, bytes);
	st_ingest_on_done(x.ingest, take, &x);
	for (size_t i = 0; rc == ST_OK && i < z->ngrafts; i++) {
		x.g = &z->grafts[i];
		rc = graft(&x, e);
	}
	st_ingest_free(x.ingest);
	return rc;
}
