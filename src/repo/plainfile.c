/* SPDX-License-Identifier: Apache-2.0 */
/* Model files outside of any repository: one file, or the shards of an index file. */
#include "repo/lookinto.h"

#include "base/file.h"
#include "format/format.h"

#include <fcntl.h>
#include <unistd.h>

int st_plainfile_open(struct st_plainfile *f, const struct st_ctx *ctx, const char *path,
		      struct st_err *e)
{
	struct stat st;
	int rc;

	*f = (struct st_plainfile){ .fd = -1 };
	st_layout_init(&f->layout);
	/* A FIFO must not make us wait for its writer. */
	rc = st_open_read(&f->fd, path, O_NONBLOCK, e);
	if (rc != ST_OK)
		return rc;
	if (fstat(f->fd, &st) != 0)
		return st_fail_os(e, "%s", path);
	if (!S_ISREG(st.st_mode))
		return st_fail(e, ST_EFORMAT, "%s is not a regular file", path);
	f->size = (uint64_t)st.st_size;
	st_source_init_fd(&f->src, f->fd, f->size, path);
	rc = st_format_probe(&f->format, &f->src, path, e);
	if (rc == ST_OK && f->format)
		rc = st_format_parse(f->format, &f->layout, &f->src, ctx->memory / 2, e);
	return rc;
}

void st_plainfile_close(struct st_plainfile *f)
{
	st_layout_release(&f->layout);
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

char *st_path_beside(const char *path, const char *name, struct st_err *e)
{
	char *dir, *out;

	if (!strchr(path, '/'))
		return st_strdup(name, e);
	dir = st_path_dir(path, e);
	out = dir ? st_path_join(dir, name, e) : NULL;
	free(dir);
	return out;
}

struct each {
	const struct st_ctx *ctx;
	st_plainfile_fn cb;
	void *arg;
};

static int one_file(const struct each *x, const char *path, bool shard, struct st_err *e)
{
	struct st_plainfile f;
	int rc = st_plainfile_open(&f, x->ctx, path, e);

	if (rc != ST_OK)
		rc = st_err_named_path(e);
	else if (shard && !f.format)
		rc = st_fail(e, ST_EFORMAT, "%s: a shard that is not a model file", path);
	else
		rc = x->cb(x->arg, path, &f, e);
	st_plainfile_close(&f);
	return rc;
}

int st_shard_index_load(struct st_shard_index *idx, const char *path, struct st_err *e)
{
	struct st_buf b;
	int rc;

	*idx = (struct st_shard_index){ 0 };
	st_buf_init(&b, (size_t)256 << 20);
	rc = st_file_slurp(&b, path, e);
	if (rc == ST_OK && st_shard_index_parse(idx, b.p, b.len, e) != ST_OK)
		rc = st_wrap(e, "%s", path);
	st_buf_release(&b);
	return rc;
}

int st_each_plainfile(const struct st_ctx *ctx, const char *path, st_plainfile_fn cb, void *arg,
		      size_t *shards, struct st_err *e)
{
	const struct each x = { ctx, cb, arg };
	struct st_shard_index idx;
	char *shard;
	int rc;

	if (shards)
		*shards = 0;
	if (!st_shard_index_name(path))
		return one_file(&x, path, false, e);
	rc = st_shard_index_load(&idx, path, e);
	if (rc != ST_OK)
		return st_err_named_path(e);
	if (shards)
		*shards = idx.nshards;
	for (size_t i = 0; rc == ST_OK && i < idx.nshards; i++) {
		shard = st_path_beside(path, idx.shards[i], e);
		rc = shard ? one_file(&x, shard, true, e) : (int)e->code;
		free(shard);
	}
	st_shard_index_release(&idx);
	return rc;
}
