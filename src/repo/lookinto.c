/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/lookinto.h"

#include "base/blake3.h"
#include "base/file.h"
#include "base/pool.h"
#include "format/format.h"
#include "tensor/gather.h"
#include "tensor/quote.h"

#include <fcntl.h>
#include <unistd.h>

bool st_spec_means(const struct st_revspec *s, const char *path, size_t len)
{
	size_t n = s->path_len;

	while (n && s->path[n - 1] == '/')
		n--;
	if (n == 0)
		return true;
	if (len >= n && memcmp(path, s->path, n) == 0 && (len == n || path[n] == '/'))
		return true;
	return st_glob_match(s->path, n, path, len);
}

static int keep_matching(const struct st_revspec *s, const struct st_index *all, struct st_index *x,
			 struct st_err *e)
{
	size_t i;
	int rc = ST_OK;

	for (i = 0; rc == ST_OK && i < all->nrows; i++)
		if (st_spec_means(s, all->rows[i].path, all->rows[i].path_len))
			rc = st_index_add(x, &all->rows[i], e);
	if (rc == ST_OK && x->nrows == 0 && s->path_len)
		rc = st_fail(e, ST_ENOTFOUND, "'%.*s' matches no file of that version",
			     (int)s->path_len, s->path);
	return rc == ST_OK ? st_index_sort(x, e) : rc;
}

/* Both initialised here: all files, and those that the path means. */
static int load_files(struct st_repo *r, const struct st_revspec *s, struct st_index *all,
		      struct st_index *x, struct st_err *e)
{
	struct st_oid commit, tree;
	int rc;

	st_index_init(x);
	st_index_init(all);
	rc = st_resolve_side(r, s->rev, s->rev_len, &commit, e);
	if (rc == ST_OK)
		rc = st_repo_commit_tree(r, &commit, &tree, e);
	if (rc == ST_OK)
		rc = st_tree_to_index(r, &tree, all, e);
	if (rc == ST_OK)
		rc = st_index_sort(all, e);
	return rc == ST_OK ? keep_matching(s, all, x, e) : rc;
}

int st_spec_files(struct st_repo *r, const struct st_revspec *s, struct st_index *x,
		  struct st_err *e)
{
	struct st_index all;
	int rc = load_files(r, s, &all, x, e);

	st_index_release(&all);
	return rc;
}

static int gather(void *arg, const void *p, size_t n, uint64_t off, struct st_err *e)
{
	(void)off;
	return st_buf_add(arg, p, n, e);
}

static int load_shard_index(struct st_repo *r, const struct st_stage_row *row,
			    struct st_shard_index *out, struct st_err *e)
{
	struct st_vfile *f;
	struct st_buf b;
	int rc = st_vfile_open(&f, r, &row->id, e);

	if (rc != ST_OK)
		return rc;
	st_buf_init(&b, (size_t)256 << 20);
	rc = st_vfile_stream(f, 0, st_vfile_size(f), gather, &b, e);
	st_vfile_close(f);
	if (rc == ST_OK && st_shard_index_parse(out, b.p, b.len, e) != ST_OK)
		rc = st_wrap(e, "%s", row->path);
	st_buf_release(&b);
	return rc;
}

static int add_shards(struct st_repo *r, const struct st_stage_row *row, const struct st_index *all,
		      struct st_index *x, struct st_err *e)
{
	const char *slash = strrchr(row->path, '/');
	size_t i, dir = slash ? (size_t)(slash - row->path) + 1 : 0;
	const struct st_stage_row *shard;
	struct st_shard_index idx;
	struct st_buf path;
	int rc = load_shard_index(r, row, &idx, e);

	if (rc != ST_OK)
		return rc;
	st_buf_init(&path, 1 << 20);
	for (i = 0; rc == ST_OK && i < idx.nshards; i++) {
		path.len = 0;
		rc = st_buf_add(&path, row->path, dir, e);
		if (rc == ST_OK)
			rc = st_buf_addstr(&path, idx.shards[i], e);
		if (rc != ST_OK)
			break;
		shard = st_index_find(all, (const char *)path.p, path.len, NULL);
		if (st_shard_index_name(idx.shards[i]))
			rc = st_fail(e, ST_EFORMAT,
				     "%s names %s as a shard, which is an index, too", row->path,
				     idx.shards[i]);
		else if (shard && shard->mode != ST_MODE_LINK)
			rc = st_index_add(x, shard, e);
		else
			rc = st_fail(e, ST_ENOTFOUND,
				     "%s names the shard %s, which that version %s", row->path,
				     idx.shards[i], shard ? "has as a link" : "lacks");
	}
	st_buf_release(&path);
	st_shard_index_release(&idx);
	return rc;
}

/* Where only its directory is named, an index file has nothing to add to the shards. */
static bool names_index(const struct st_revspec *s)
{
	static const char tail[] = ".json";
	const size_t len = strlen(tail);

	return s->path_len >= len && memcmp(s->path + s->path_len - len, tail, len) == 0;
}

int st_spec_models(struct st_repo *r, const struct st_revspec *s, struct st_index *x,
		   struct st_err *e)
{
	struct st_index all;
	size_t i, n;
	int rc = load_files(r, s, &all, x, e);

	n = names_index(s) ? x->nrows : 0;
	for (i = 0; rc == ST_OK && i < n; i++) {
		const struct st_stage_row row = x->rows[i]; /* adding moves the rows */

		if (row.mode != ST_MODE_LINK && st_shard_index_name(row.path))
			rc = add_shards(r, &row, &all, x, e);
	}
	if (rc == ST_OK)
		rc = st_index_sort(x, e);
	st_index_release(&all);
	return rc;
}

int st_each_model(struct st_repo *r, const struct st_index *x,
		  int (*cb)(void *arg, const struct st_stage_row *row, struct st_vfile *f,
			    struct st_err *e),
		  void *arg, bool *any, struct st_err *e)
{
	struct st_vfile *f;
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < x->nrows; i++) {
		rc = st_vfile_open_model(&f, r, &x->rows[i], e);
		if (f) {
			*any = true;
			rc = cb(arg, &x->rows[i], f, e);
		}
		st_vfile_close(f);
	}
	return rc;
}

bool st_name_matches(const struct st_revspec *s, bool exact, const char *name, size_t len)
{
	if (!s->name)
		return true;
	if (exact)
		return len == s->name_len && memcmp(name, s->name, len) == 0;
	return st_glob_match(s->name, s->name_len, name, len);
}

static void show_tensor(strata_tensor *out, const char *path, const struct st_tensor *t,
			const char *id)
{
	*out = (strata_tensor){ .path = path,
				.name = t->name,
				.name_len = t->name_len,
				.dtype = st_dtype_info(t->dtype)->name,
				.ndim = t->ndim,
				.shape = t->shape,
				.nbytes = st_tensor_logical_size(t),
				.id = id,
				.has_offset = t->where == ST_IN_FILE && !t->strides,
				.offset = t->offset };
}

void st_view_tensor(struct st_tensor *out, const struct st_view *v, const struct st_segment *seg,
		    uint64_t seg_off)
{
	*out = (struct st_tensor){ .name = v->name,
				   .name_len = v->name_len,
				   .dtype = v->dtype,
				   .ndim = v->ndim,
				   .shape = v->shape,
				   .strides = v->strides,
				   .big_endian = v->big_endian,
				   .where = seg->detached ? ST_HELD : ST_IN_FILE,
				   .offset = seg_off + v->offset,
				   .nbytes = v->nbytes };
}

void st_tensor_from_view(strata_tensor *out, struct st_tensor_text *text, const char *path,
			 const struct st_view *v, const struct st_segment *seg, uint64_t seg_off)
{
	struct st_tensor t;

	st_oid_hex(&v->id, text->id);
	st_view_tensor(&t, v, seg, seg_off);
	show_tensor(out, path, &t, text->id);
}

void st_tensor_from_layout(strata_tensor *out, const char *path, const struct st_tensor *t)
{
	show_tensor(out, path, t, "");
}

#define BATCH 256 /* frames that are hashed before it is asked whether to go on */

struct range {
	const struct st_source *src;
	uint64_t off, n;
	uint64_t first; /* frame of the batch */
	uint8_t (*cvs)[ST_OID_LEN];
	uint8_t **bufs;
};

static int hash_part(void *arg, uint64_t k, unsigned worker, struct st_err *e)
{
	struct range *h = arg;
	uint64_t i = h->first + k, at = i * ST_FRAME_LEN;
	size_t n = h->n - at < ST_FRAME_LEN ? (size_t)(h->n - at) : ST_FRAME_LEN;
	int rc = st_source_read(h->src, h->bufs[worker], n, h->off + at, e);

	if (rc == ST_OK && h->n > ST_FRAME_LEN)
		st_blake3_subtree(h->bufs[worker], n, i * (ST_FRAME_LEN / 1024), h->cvs[i]);
	else if (rc == ST_OK)
		st_blake3(h->bufs[worker], n, h->cvs[i]);
	return rc;
}

static int hash_parts(struct range *h, const struct st_ctx *ctx, unsigned jobs, bool shown,
		      struct st_err *e)
{
	uint64_t frames = st_frames_of(h->n), n, done;
	int rc = ST_OK;

	for (; rc == ST_OK && h->first < frames; h->first += n) {
		n = frames - h->first < BATCH ? frames - h->first : BATCH;
		rc = st_parallel(jobs, n, hash_part, h, e);
		if (rc == ST_OK)
			rc = st_check_cancel(ctx, e);
		done = (h->first + n) * ST_FRAME_LEN;
		if (shown)
			st_progress(ctx, "hash", done < h->n ? done : h->n, h->n, true,
				    h->first + n == frames);
	}
	return rc;
}

static int hash_range(const struct st_ctx *ctx, const struct st_source *src, uint64_t off,
		      uint64_t n, bool shown, struct st_oid *out, struct st_err *e)
{
	struct range h = { .src = src, .off = off, .n = n };
	uint64_t frames = st_frames_of(n);
	unsigned jobs = ctx->jobs ? ctx->jobs : 1, i;
	int rc;

	if (n == 0) {
		st_oid_of(out, "", 0);
		return ST_OK;
	}
	if (frames < jobs)
		jobs = (unsigned)frames;
	h.cvs = st_calloc((size_t)frames, ST_OID_LEN, e);
	h.bufs = st_calloc(jobs, sizeof(uint8_t *), e);
	for (i = 0; h.bufs && i < jobs; i++)
		h.bufs[i] = st_malloc(n < ST_FRAME_LEN ? (size_t)n : ST_FRAME_LEN, e);
	rc = e->code != ST_OK ? (int)e->code : hash_parts(&h, ctx, jobs, shown, e);
	if (rc == ST_OK && frames > 1)
		st_blake3_join((const uint8_t(*)[ST_OID_LEN])h.cvs, (size_t)frames, out->b);
	else if (rc == ST_OK)
		memcpy(out->b, h.cvs[0], ST_OID_LEN);
	for (i = 0; h.bufs && i < jobs; i++)
		free(h.bufs[i]);
	free(h.bufs);
	free(h.cvs);
	return rc;
}

int st_hash_range(const struct st_ctx *ctx, const struct st_source *src, uint64_t off, uint64_t n,
		  struct st_oid *out, struct st_err *e)
{
	return hash_range(ctx, src, off, n, false, out, e);
}

int st_hash_shown(const struct st_ctx *ctx, const struct st_source *src, struct st_oid *out,
		  struct st_err *e)
{
	return hash_range(ctx, src, 0, src->size, true, out, e);
}

/* A strided tensor takes nine rooms, and eight more where it is compressed. */
#define ROOMS 32
#define MOST_ROOM ((size_t)8 << 20)

struct hashing {
	const struct st_ctx *ctx;
	struct st_blake3 h;
};

static int hash_bytes(void *arg, const void *p, size_t n, struct st_err *e)
{
	struct hashing *x = arg;

	st_blake3_update(&x->h, p, n);
	return st_check_cancel(x->ctx, e);
}

static size_t room_for(const struct st_ctx *ctx, const struct st_tensor *t)
{
	uint64_t room = ctx->memory / ROOMS;

	if (!t->strides || room < ST_FRAME_LEN)
		return ST_FRAME_LEN;
	return room < MOST_ROOM ? (size_t)room : MOST_ROOM;
}

int st_hash_tensor_with(const struct st_ctx *ctx, struct st_format_reader *r,
			const struct st_tensor *t, struct st_oid *out, struct st_err *e)
{
	struct st_quote q;
	struct hashing *x;
	int rc;

	if (st_tensor_plain(t))
		return st_hash_range(ctx, r->src, t->offset, t->nbytes, out, e);
	x = st_calloc(1, sizeof(*x), e);
	if (!x)
		return e->code;
	x->ctx = ctx;
	st_blake3_init(&x->h);
	rc = st_check_cancel(ctx, e);
	if (rc == ST_OK)
		rc = st_format_reader_each(r, t, room_for(ctx, t), hash_bytes, x, e);
	st_blake3_final(&x->h, out->b);
	free(x);
	return rc == ST_OK ? ST_OK : st_wrap(e, "tensor %s", st_quote(&q, t->name, t->name_len));
}

int st_hash_tensor(const struct st_ctx *ctx, const struct st_source *src, const struct st_tensor *t,
		   struct st_oid *out, struct st_err *e)
{
	struct st_format_reader r;
	int rc;

	st_format_reader_init(&r, src, ctx);
	rc = st_hash_tensor_with(ctx, &r, t, out, e);
	st_format_reader_release(&r);
	return rc;
}
