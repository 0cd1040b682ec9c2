/* SPDX-License-Identifier: Apache-2.0 */
/* An operand of a merge of files: a file, the shards of an index file, a directory's model. */
#include "repo/mergefile.h"

#include "base/file.h"
#include "format/format.h"

#define PIECE ((size_t)1 << 20)

/* A directory stands for its one model. */
static int find_file(struct st_mf_model *m, struct st_err *e)
{
	struct stat st;

	if (stat(m->text, &st) != 0)
		return errno == ENOENT || errno == ENOTDIR ?
			       st_fail(e, ST_ENOTFOUND, "%s: no such file", m->text) :
			       st_fail_os(e, "%s", m->text);
	m->directory = S_ISDIR(st.st_mode);
	if (m->directory)
		return st_plainfile_in(&m->path, m->text, e);
	m->path = st_strdup(m->text, e);
	return m->path ? ST_OK : (int)e->code;
}

static int open_file(struct st_mf_model *m, size_t i, const struct st_ctx *ctx, const char *path,
		     struct st_err *e)
{
	struct st_dfile *f = &m->files[i];
	int rc;

	*f = (struct st_dfile){ .path = path, .key = path, .full = path, .named = true };
	m->nfiles = i + 1;
	rc = st_dfile_open(f, NULL, ctx, e);
	if (rc == ST_OK && !f->model)
		rc = st_fail(e, ST_EFORMAT, "%s is not a model file that strata knows", path);
	m->first[i] = m->side->n;
	return rc == ST_OK ? st_diff_side_add(m->owner, f, e) : rc;
}

static int open_files(struct st_mf_model *m, const struct st_ctx *ctx, struct st_err *e)
{
	size_t n = m->sharded ? m->index.nshards : 1;
	int rc = ST_OK;

	m->files = st_calloc(n, sizeof(*m->files), e);
	m->first = st_calloc(n, sizeof(*m->first), e);
	if (!m->files || !m->first)
		return e->code;
	if (!m->sharded)
		return open_file(m, 0, ctx, m->path, e);
	for (size_t i = 0; rc == ST_OK && i < n; i++) {
		char *path = st_path_beside(m->path, m->index.shards[i], e);
		char *kept = path ? st_arena_dup(&m->arena, path, strlen(path), e) : NULL;

		rc = kept ? open_file(m, i, ctx, kept, e) : (int)e->code;
		free(path);
	}
	return rc;
}

static int index_names(struct st_mf_model *m, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < m->side->n; i++)
		rc = st_map_put(&m->names, m->side->t[i].name, m->side->t[i].name_len, i, NULL,
				NULL, e);
	return rc;
}

int st_mf_open(struct st_mf_model *m, const struct st_ctx *ctx, const char *text, struct st_err *e)
{
	int rc;

	*m = (struct st_mf_model){ .text = text };
	st_arena_init(&m->arena);
	st_map_init(&m->names);
	rc = find_file(m, e);
	if (rc == ST_OK)
		rc = st_diff_side_new(&m->owner, NULL, ctx, e);
	if (rc != ST_OK)
		return rc;
	m->side = st_diff_side_get(m->owner);
	m->sharded = st_shard_index_name(m->path);
	if (m->sharded)
		rc = st_shard_index_load(&m->index, m->path, e);
	if (rc == ST_OK)
		rc = open_files(m, ctx, e);
	return rc == ST_OK ? index_names(m, e) : rc;
}

void st_mf_close(struct st_mf_model *m)
{
	st_diff_side_free(m->owner);
	for (size_t i = 0; i < m->nfiles; i++)
		st_dfile_close(&m->files[i]);
	if (m->sharded)
		st_shard_index_release(&m->index);
	st_map_release(&m->names);
	st_arena_release(&m->arena);
	free(m->files);
	free(m->first);
	free(m->path);
	*m = (struct st_mf_model){ 0 };
}

size_t st_mf_find(const struct st_mf_model *m, const char *name, size_t len)
{
	uint64_t i;

	return st_map_get(&m->names, name, len, &i) ? (size_t)i : ST_MF_NONE;
}

bool st_mf_is_float(enum st_dtype t)
{
	switch (t) {
	case ST_F16:
	case ST_BF16:
	case ST_F32:
	case ST_F64:
		return true;
	default:
		return false;
	}
}

static int same_bytes(const struct st_source *a, const struct st_source *b,
		      const struct st_ctx *ctx, bool *equal, struct st_err *e)
{
	uint8_t *p = st_malloc(2 * PIECE, e);
	int rc = p ? ST_OK : (int)e->code;

	for (uint64_t at = 0; rc == ST_OK && *equal && at < a->size; at += PIECE) {
		size_t n = a->size - at < PIECE ? (size_t)(a->size - at) : PIECE;

		rc = st_check_cancel(ctx, e);
		if (rc == ST_OK)
			rc = st_source_read(a, p, n, at, e);
		if (rc == ST_OK)
			rc = st_source_read(b, p + PIECE, n, at, e);
		*equal = rc == ST_OK && memcmp(p, p + PIECE, n) == 0;
	}
	free(p);
	return rc;
}

int st_mf_equal(const struct st_ctx *ctx, const struct st_mf_model *a, size_t ta,
		const struct st_mf_model *b, size_t tb, bool *equal, struct st_err *e)
{
	const struct st_operand *x = &a->side->t[ta], *y = &b->side->t[tb];
	struct st_source sx, sy;
	int rc;

	*equal = x->dtype == y->dtype && x->nbytes == y->nbytes && x->ndim == y->ndim &&
		 (x->ndim == 0 || memcmp(x->shape, y->shape, x->ndim * sizeof(*x->shape)) == 0);
	if (!*equal || x->nbytes == 0)
		return ST_OK;
	rc = a->side->open(a->side->arg, ta, &sx, e);
	if (rc != ST_OK)
		return rc;
	rc = b->side->open(b->side->arg, tb, &sy, e);
	if (rc == ST_OK) {
		rc = same_bytes(&sx, &sy, ctx, equal, e);
		st_source_close(&sy);
	}
	st_source_close(&sx);
	return rc;
}
