/* SPDX-License-Identifier: Apache-2.0 */
/* The working-tree index. Bytes: index.h. */
#include "meta/index.h"

#include "base/blake3.h"
#include "base/file.h"
#include "base/rd.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "STRAIDX1"
#define HEAD (8 + 8 + 8 + ST_OID_LEN + 8)
#define ROW_FIXED (4 + 4 + ST_OID_LEN + 8 * 5 + 4)
#define FLAGS_KNOWN (ST_INDEX_STAT | ST_INDEX_MODEL | ST_INDEX_DEREF)
#define FILE_MAX ((size_t)1 << 32)

void st_index_init(struct st_index *x)
{
	*x = (struct st_index){ 0 };
	st_arena_init(&x->arena);
}

void st_index_release(struct st_index *x)
{
	free(x->rows);
	st_arena_release(&x->arena);
	st_index_init(x);
}

static int path_cmp(const char *a, size_t alen, const char *b, size_t blen)
{
	int c = memcmp(a, b, alen < blen ? alen : blen);

	return c ? c : (alen > blen) - (alen < blen);
}

static int row_cmp(const struct st_stage_row *a, const struct st_stage_row *b)
{
	return path_cmp(a->path, a->path_len, b->path, b->path_len);
}

bool st_index_path_valid(const char *p, size_t len)
{
	size_t from = 0, n, i;

	if (memchr(p, 0, len))
		return false;
	for (i = 0; i <= len; i++) {
		if (i < len && p[i] != '/')
			continue;
		n = i - from;
		if (n == 0 || (n == 1 && p[from] == '.') ||
		    (n == 2 && p[from] == '.' && p[from + 1] == '.'))
			return false;
		from = i + 1;
	}
	return true;
}

static void read_oid(struct st_rd *r, struct st_oid *out)
{
	const uint8_t *p = st_rd_bytes(r, ST_OID_LEN);

	if (p)
		memcpy(out->b, p, ST_OID_LEN);
}

static void parse_row(struct st_rd *r, struct st_stage_row *row)
{
	row->mode = st_rd_u32(r);
	row->flags = st_rd_u32(r);
	read_oid(r, &row->id);
	row->size = st_rd_u64(r);
	row->mtime_ns = (int64_t)st_rd_u64(r);
	row->ctime_ns = (int64_t)st_rd_u64(r);
	row->inode = st_rd_u64(r);
	row->device = st_rd_u64(r);
	row->path_len = st_rd_u32(r);
	row->path = (const char *)st_rd_bytes(r, row->path_len);
}

static bool row_valid(const struct st_stage_row *row)
{
	return row->mode <= ST_MODE_LINK && (row->flags & ~(uint32_t)FLAGS_KNOWN) == 0 &&
	       st_index_path_valid(row->path, row->path_len);
}

static int parse_rows(struct st_index *x, struct st_rd *r, uint64_t n, struct st_err *e)
{
	x->rows = st_calloc((size_t)n, sizeof(*x->rows), e);
	if (!x->rows)
		return e->code;
	x->cap = n ? (size_t)n : 1;
	for (; x->nrows < n; x->nrows++) {
		struct st_stage_row *row = &x->rows[x->nrows];

		parse_row(r, row);
		if (!st_rd_ok(r))
			return e->code;
		if (!row_valid(row) || (x->nrows > 0 && row_cmp(row - 1, row) >= 0))
			return st_fail(e, ST_ECORRUPT, "bad or misplaced row %zu before offset %zu",
				       x->nrows, r->pos);
		row->path = st_arena_dup(&x->arena, row->path, row->path_len, e);
		if (!row->path)
			return e->code;
	}
	return ST_OK;
}

static int check_hash(const void *p, size_t len, struct st_err *e)
{
	uint8_t hash[ST_HASH_LEN];

	if (len < HEAD + ST_HASH_LEN)
		return st_fail(e, ST_ECORRUPT, "%zu bytes where an index has %zu or more", len,
			       (size_t)(HEAD + ST_HASH_LEN));
	if (memcmp(p, MAGIC, 8) != 0)
		return st_fail(e, ST_ECORRUPT, "no index's first bytes at offset 0");
	st_blake3(p, len - ST_HASH_LEN, hash);
	if (memcmp(hash, (const uint8_t *)p + len - ST_HASH_LEN, ST_HASH_LEN) != 0)
		return st_fail(e, ST_ECORRUPT,
			       "the checksum at offset %zu is not that of the bytes before it",
			       len - ST_HASH_LEN);
	return ST_OK;
}

static int parse(struct st_index *x, const void *p, size_t len, struct st_err *e)
{
	struct st_rd r;
	uint64_t n, bytes;
	int rc = check_hash(p, len, e);

	if (rc != ST_OK)
		return rc;
	st_rd_init(&r, p, len - ST_HASH_LEN, e);
	(void)st_rd_bytes(&r, 8);
	n = st_rd_count(&r, ROW_FIXED, UINT32_MAX);
	x->written_ns = (int64_t)st_rd_u64(&r);
	read_oid(&r, &x->tree);
	bytes = st_rd_u64(&r);
	if (st_rd_ok(&r) && bytes != st_rd_left(&r))
		return st_fail(e, ST_ECORRUPT, "rows of %" PRIu64 " bytes, %zu are there", bytes,
			       st_rd_left(&r));
	if (st_rd_ok(&r) && parse_rows(x, &r, n, e) == ST_OK)
		st_rd_end(&r);
	return e->code;
}

int st_index_parse(struct st_index *x, const void *p, size_t len, struct st_err *e)
{
	if (parse(x, p, len, e) == ST_OK)
		return ST_OK;
	st_index_release(x);
	if (e->code == ST_EFORMAT || e->code == ST_ELIMIT)
		e->code = ST_ECORRUPT; /* no file of a user's: a cache, made anew */
	return e->code;
}

/* What stands in its place may be anything: a pipe must not be opened, nor a disk read whole. */
static int check_file(const char *path, struct st_err *e)
{
	uint8_t head[HEAD];
	struct stat st;
	size_t got;
	int fd, rc;

	if (stat(path, &st) != 0)
		return errno == ENOENT ? st_fail(e, ST_ENOTFOUND, "%s does not exist", path) :
					 st_fail_os(e, "%s", path);
	if (!S_ISREG(st.st_mode))
		return st_fail(e, ST_ECORRUPT, "%s is no regular file: remove it", path);
	if (st_open_read(&fd, path, O_NONBLOCK, e) != ST_OK)
		return e->code;
	rc = st_pread_some(fd, head, HEAD, 0, &got, path, e);
	close(fd);
	if (rc == ST_OK && got == HEAD &&
	    st_get64(head + HEAD - 8) != (uint64_t)st.st_size - HEAD - ST_HASH_LEN)
		rc = st_fail(e, ST_ECORRUPT,
			     "%s: %" PRIu64 " bytes, but the length at offset %d speaks of %" PRIu64
			     " bytes of rows",
			     path, (uint64_t)st.st_size, HEAD - 8, st_get64(head + HEAD - 8));
	return rc;
}

int st_index_load(struct st_index *x, const char *path, struct st_err *e)
{
	struct st_buf b;
	int rc = check_file(path, e);

	if (rc != ST_OK)
		return rc;
	st_buf_init(&b, FILE_MAX);
	rc = st_file_slurp(&b, path, e);
	if (rc == ST_OK)
		rc = st_index_parse(x, b.p, b.len, e);
	st_buf_release(&b);
	return rc == ST_OK ? ST_OK : st_wrap(e, "%s", path);
}

static int encode_row(struct st_buf *b, const struct st_stage_row *row, struct st_err *e)
{
	int rc = st_buf_room(b, ROW_FIXED, e);
	uint8_t *p;

	if (rc != ST_OK)
		return rc;
	p = b->p + b->len;
	st_put32(p, row->mode);
	st_put32(p + 4, row->flags);
	memcpy(p + 8, row->id.b, ST_OID_LEN);
	p += 8 + ST_OID_LEN;
	st_put64(p, row->size);
	st_put64(p + 8, (uint64_t)row->mtime_ns);
	st_put64(p + 16, (uint64_t)row->ctime_ns);
	st_put64(p + 24, row->inode);
	st_put64(p + 32, row->device);
	st_put32(p + 40, (uint32_t)row->path_len);
	b->len += ROW_FIXED;
	return st_buf_add(b, row->path, row->path_len, e);
}

static int encode(struct st_buf *b, const struct st_index *x, struct st_err *e)
{
	uint8_t head[HEAD], hash[ST_HASH_LEN];
	uint64_t bytes;
	int rc;

	memcpy(head, MAGIC, 8);
	st_put64(head + 8, x->nrows);
	st_put64(head + 16, (uint64_t)x->written_ns);
	memcpy(head + 24, x->tree.b, ST_OID_LEN);
	st_put64(head + 24 + ST_OID_LEN, 0);
	rc = st_buf_add(b, head, HEAD, e);
	for (size_t i = 0; rc == ST_OK && i < x->nrows; i++) {
		ST_BUG_ON(i > 0 && row_cmp(&x->rows[i - 1], &x->rows[i]) >= 0);
		rc = encode_row(b, &x->rows[i], e);
	}
	if (rc != ST_OK)
		return rc;
	bytes = b->len - HEAD;
	st_put64(b->p + 24 + ST_OID_LEN, bytes);
	st_blake3(b->p, b->len, hash);
	return st_buf_add(b, hash, sizeof(hash), e);
}

int st_index_save(struct st_index *x, const char *path, struct st_err *e)
{
	struct st_buf b;
	int rc;

	st_buf_init(&b, FILE_MAX);
	rc = encode(&b, x, e);
	if (rc == ST_OK)
		rc = st_file_replace(path, b.p, b.len, false, e);
	st_buf_release(&b);
	return rc;
}

struct st_stage_row *st_index_find(const struct st_index *x, const char *path, size_t len,
				   size_t *at)
{
	size_t lo = 0, hi = x->nrows;
	struct st_stage_row *found = NULL;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = path_cmp(x->rows[mid].path, x->rows[mid].path_len, path, len);

		if (c < 0) {
			lo = mid + 1;
			continue;
		}
		hi = mid;
		if (c == 0)
			found = &x->rows[mid];
	}
	if (at)
		*at = lo;
	return found;
}

int st_index_add(struct st_index *x, const struct st_stage_row *row, struct st_err *e)
{
	int rc = st_grow(&x->rows, &x->cap, x->nrows + 1, e);
	const char *path;

	if (rc != ST_OK)
		return rc;
	if (row->path_len > UINT32_MAX || !row_valid(row))
		return st_fail(e, ST_EUSAGE, "%.*s cannot be staged",
			       row->path_len < 500 ? (int)row->path_len : 500, row->path);
	path = st_arena_dup(&x->arena, row->path, row->path_len, e);
	if (!path)
		return e->code;
	x->rows[x->nrows] = *row;
	x->rows[x->nrows++].path = path;
	return ST_OK;
}

/* By path; rows of one path keep the order in which they were added, which their addresses tell. */
static int pointer_cmp(const void *a, const void *b)
{
	const struct st_stage_row *x = *(struct st_stage_row *const *)a;
	const struct st_stage_row *y = *(struct st_stage_row *const *)b;
	int c = row_cmp(x, y);

	return c ? c : (x > y) - (x < y);
}

static bool sorted(const struct st_index *x)
{
	for (size_t i = 1; i < x->nrows; i++)
		if (row_cmp(&x->rows[i - 1], &x->rows[i]) >= 0)
			return false;
	return true;
}

int st_index_sort(struct st_index *x, struct st_err *e)
{
	struct st_stage_row **order, *rows;
	size_t n = 0;

	if (sorted(x))
		return ST_OK;
	order = st_calloc(x->nrows, sizeof(struct st_stage_row *), e);
	rows = order ? st_calloc(x->nrows, sizeof(*rows), e) : NULL;
	if (!rows) {
		free(order);
		return e->code;
	}
	for (size_t i = 0; i < x->nrows; i++)
		order[i] = &x->rows[i];
	qsort(order, x->nrows, sizeof(struct st_stage_row *), pointer_cmp);
	for (size_t i = 0; i < x->nrows; i++)
		if (i + 1 == x->nrows || row_cmp(order[i], order[i + 1]) != 0)
			rows[n++] = *order[i];
	free(order);
	free(x->rows);
	x->cap = x->nrows;
	x->rows = rows;
	x->nrows = n;
	return ST_OK;
}
