/* SPDX-License-Identifier: Apache-2.0 */
/* A patched copy of a plain file, new bytes from plain files. */
#include "repo/outfile.h"
#include "repo/patch.h"

#include "base/file.h"

#include <unistd.h>

#define ROOM ((size_t)4 << 20)

static int open_bytes(void *arg, size_t i, struct st_source *src, struct st_oid *id,
		      struct st_err *e)
{
	const strata_tensor_edit *edits = arg;

	(void)id;
	if (st_source_open_file(src, edits[i].path, e) != ST_OK)
		return st_err_named_path(e);
	return ST_OK;
}

static void close_bytes(void *arg, struct st_source *src)
{
	(void)arg;
	st_source_close(src);
}

struct copying {
	int fd;
	const char *out;
};

static int copy_bytes(void *arg, const void *p, size_t n, struct st_err *e)
{
	const struct copying *c = arg;

	return st_write_full(c->fd, p, n, c->out, e);
}

static int write_copy(struct st_patch *p, int fd, const char *out, struct st_err *e)
{
	struct st_tensor all = { .name = "", .dtype = ST_OPAQUE, .nbytes = p->in->size };
	struct copying c = { fd, out };
	int rc = st_tensor_each(&all, &p->in->src, ROOM, copy_bytes, &c, e);

	return rc == ST_OK ? st_patch_apply(p, fd, out, e) : rc;
}

/* link, not rename: an existing file is never replaced. */
static int publish(const char *temp, const char *out, const char *dir, struct st_err *e)
{
	if (link(temp, out) != 0)
		return errno == EEXIST ? st_fail(e, ST_EREFUSED,
						 "%s exists already: move it away first", out) :
					 st_fail_os(e, "%s", out);
	return st_fsync_dir(dir, e);
}

static int into_new_file(struct st_patch *p, const char *out, struct st_err *e)
{
	char *dir = st_path_dir(out, e), *temp = NULL;
	struct stat st;
	int fd = -1, rc;

	if (!dir)
		return e->code;
	rc = st_outfile_allowed(out, false, e);
	if (rc == ST_OK && lstat(out, &st) == 0)
		rc = st_fail(e, ST_EREFUSED, "%s exists already: move it away first", out);
	if (rc == ST_OK)
		rc = st_file_temp(&fd, &temp, dir, ST_TEMP_PREFIX, e);
	if (rc == ST_OK) {
		rc = write_copy(p, fd, out, e);
		if (rc == ST_OK)
			rc = publish(temp, out, dir, e);
		close(fd);
		unlink(temp);
	}
	free(temp);
	free(dir);
	return rc;
}

static int patch(const struct st_ctx *ctx, const char *path, struct st_plainfile *in,
		 const strata_tensor_edit *edits, size_t n, const char *out, struct st_err *e)
{
	struct st_edit *v = st_calloc(n, sizeof(*v), e);
	const struct st_edits x = { v, n, open_bytes, close_bytes, (void *)edits };
	struct st_patch p;
	int rc;

	if (!v)
		return e->code;
	for (size_t i = 0; i < n; i++)
		v[i] = (struct st_edit){ edits[i].name, edits[i].name_len };
	rc = st_patch_prepare(&p, ctx, path, in, &x, e);
	if (rc == ST_OK)
		rc = into_new_file(&p, out, e);
	st_patch_release(&p);
	free(v);
	return rc;
}

int st_verb_patch(const struct st_ctx *ctx, const char *path, const strata_tensor_edit *edits,
		  size_t n, const char *out, struct st_err *e)
{
	struct st_plainfile in;
	int rc = st_plainfile_open(&in, ctx, path, e);

	if (rc == ST_OK)
		rc = patch(ctx, path, &in, edits, n, out, e);
	else
		st_err_named_path(e);
	st_plainfile_close(&in);
	return rc == ST_OK ? ST_OK : (int)e->code;
}
