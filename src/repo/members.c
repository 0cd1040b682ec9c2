/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/members.h"

#include "codec/codec.h"
#include "format/zip.h"
#include "model/manifest.h"
#include "repo/lookinto.h"
#include "store/odb.h"

struct glue { /* of the file; at: where it begins in the object of all */
	uint64_t off, size, at;
};

struct archive {
	struct st_repo *r;
	const struct st_dfile *f;
	struct st_source src;
	struct glue *glue; /* in the file's order */
	size_t nglue, glue_cap;
	uint64_t glue_size;
	struct st_obj *blob;
	struct st_codec_state *codec;
	struct st_zip dir;
	struct st_layout layout;
	uint64_t *at; /* where tensors lie, sorted; nat of them */
	size_t nat;
	size_t prefix; /* of all members' names */
	const struct st_zip_member **rest;
	size_t n;
};

/* ---- the stored file, at random ---- */

/*
 * What is no tensor's lies in one object, so that what says where members are is read from there,
 * in microseconds instead of by a walk over the manifest. Whoever looks for a member's head reads a
 * little of what follows, and does not look at it: of a tensor that is zeros here.
 */
static int take_glue(void *arg, const struct st_segment *seg, uint64_t off, struct st_err *e)
{
	struct archive *a = arg;

	if (!seg->glue || !seg->size)
		return ST_OK;
	if (st_grow(&a->glue, &a->glue_cap, a->nglue + 1, e) != ST_OK)
		return e->code;
	a->glue[a->nglue++] = (struct glue){ off, seg->size, a->glue_size };
	a->glue_size += seg->size;
	return ST_OK;
}

static int open_glue(struct archive *a, struct st_err *e)
{
	const struct st_manifest *m = st_vfile_manifest(a->f->v);
	int rc = st_vfile_segments(a->f->v, take_glue, a, e);

	if (rc == ST_OK && a->nglue)
		rc = st_obj_open(&a->blob, a->r->odb, &m->glue, e);
	if (rc == ST_OK && a->blob && st_obj_size(a->blob) != a->glue_size)
		rc = st_fail(e, ST_ECORRUPT, "the glue object has another size");
	return rc == ST_OK ? st_codec_state_new(&a->codec, e) : rc;
}

/* The first that ends behind the byte; NULL: none. */
static const struct glue *glue_at(const struct archive *a, uint64_t off)
{
	size_t lo = 0, hi = a->nglue;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (a->glue[mid].off + a->glue[mid].size <= off)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < a->nglue ? &a->glue[lo] : NULL;
}

static size_t at_most(uint64_t n, size_t most)
{
	return n < most ? (size_t)n : most;
}

static int glue_pread(const struct st_source *s, void *buf, size_t n, uint64_t off,
		      struct st_err *e)
{
	const struct archive *a = s->mem;
	uint8_t *p = buf;
	int rc = ST_OK;

	for (size_t k; rc == ST_OK && n; p += k, off += k, n -= k) {
		const struct glue *g = glue_at(a, off);

		if (!g || g->off > off) {
			k = g ? at_most(g->off - off, n) : n;
			memset(p, 0, k);
			continue;
		}
		k = at_most(g->off + g->size - off, n);
		rc = st_obj_pread(a->blob, a->codec, p, k, g->at + (off - g->off), e);
	}
	return rc;
}

static bool is_glue(const struct archive *a, uint64_t off, uint64_t n)
{
	for (uint64_t k; n; off += k, n -= k) {
		const struct glue *g = glue_at(a, off);

		if (!g || g->off > off)
			return false;
		k = g->off + g->size - off < n ? g->off + g->size - off : n;
	}
	return true;
}

static const struct st_source_ops glue_ops = { .pread = glue_pread };

/* ---- members ---- */

static int by_offset(const void *pa, const void *pb)
{
	const uint64_t *a = pa, *b = pb;

	return (*a > *b) - (*a < *b);
}

static int find_tensors(struct archive *a, struct st_err *e)
{
	a->at = st_calloc(a->layout.ntensors, sizeof(*a->at), e);
	for (size_t i = 0; a->at && i < a->layout.ntensors; i++) {
		const struct st_tensor *t = &a->layout.tensors[i];

		if (t->where != ST_HELD)
			a->at[a->nat++] = t->where == ST_PACKED ? t->packed->offset : t->offset;
	}
	if (a->nat)
		qsort(a->at, a->nat, sizeof(*a->at), by_offset);
	return e->code;
}

static bool has_tensor(const struct archive *a, const struct st_zip_member *m)
{
	size_t lo = 0, hi = a->nat;

	while (lo < hi) { /* the first that does not lie before the member */
		size_t mid = lo + (hi - lo) / 2;

		if (a->at[mid] < m->data)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < a->nat && a->at[lo] - m->data < m->csize;
}

static bool is_called(const struct archive *a, const struct st_zip_member *m, const char *name)
{
	size_t n = strlen(name);

	return m->name_len == a->prefix + n && memcmp(m->name + a->prefix, name, n) == 0;
}

/* PyTorch's pickle says where tensors lie, and else what the metadata says; others are about the
 * archive itself. */
static bool counts(const struct archive *a, const struct st_zip_member *m)
{
	static const char *const own[] = { "data.pkl",		 "version",
					   "byteorder",		 ".format_version",
					   ".storage_alignment", ".data/serialization_id" };

	for (size_t i = 0; a->prefix && i < sizeof(own) / sizeof(*own); i++)
		if (is_called(a, m, own[i]))
			return false;
	return !has_tensor(a, m) && is_glue(a, m->data, m->csize);
}

/* PyTorch's archives have all members in a directory that is named after the first file name. */
static size_t prefix_of(const struct archive *a)
{
	const struct st_zip *z = &a->dir;
	const char *slash = NULL;

	if (strcmp(st_dfile_format(a->f), "torch") == 0 && z->n)
		slash = memchr(z->members[0].name, '/', z->members[0].name_len);
	return slash ? (size_t)(slash - z->members[0].name) + 1 : 0;
}

static int by_name(const void *pa, const void *pb)
{
	const struct st_zip_member *a = *(const struct st_zip_member *const *)pa;
	const struct st_zip_member *b = *(const struct st_zip_member *const *)pb;
	size_t n = a->name_len < b->name_len ? a->name_len : b->name_len;
	int c = memcmp(a->name, b->name, n);

	return c ? c : (a->name_len > b->name_len) - (a->name_len < b->name_len);
}

static int find_rest(struct archive *a, struct st_err *e)
{
	a->prefix = prefix_of(a);
	a->rest = st_calloc(a->dir.n, sizeof(const struct st_zip_member *), e);
	for (size_t i = 0; a->rest && i < a->dir.n; i++) {
		const struct st_zip_member *m = &a->dir.members[i];

		if (m->name_len >= a->prefix && counts(a, m))
			a->rest[a->n++] = m;
	}
	if (a->n)
		qsort(a->rest, a->n, sizeof(const struct st_zip_member *), by_name);
	return e->code;
}

static int hash_rest(struct archive *a, struct st_oid *out, struct st_err *e)
{
	struct st_buf b;
	struct st_oid id;
	int rc = ST_OK;

	st_buf_init(&b, SIZE_MAX);
	for (size_t i = 0; rc == ST_OK && i < a->n; i++) {
		const struct st_zip_member *m = a->rest[i];

		rc = st_hash_range(&a->r->ctx, &a->src, m->data, m->csize, &id, e);
		if (rc == ST_OK)
			rc = st_buf_addf(&b, e, "%zu ", m->name_len - a->prefix);
		if (rc == ST_OK)
			rc = st_buf_add(&b, m->name + a->prefix, m->name_len - a->prefix, e);
		if (rc == ST_OK)
			rc = st_buf_add(&b, id.b, sizeof(id.b), e);
	}
	if (rc == ST_OK && a->n)
		st_oid_of(out, b.p, b.len);
	st_buf_release(&b);
	return rc;
}

static int hash_pickle(const struct archive *a, struct st_oid *out, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && a->prefix && i < a->dir.n; i++) {
		const struct st_zip_member *m = &a->dir.members[i];

		if (is_called(a, m, "data.pkl") && is_glue(a, m->data, m->csize))
			rc = st_hash_range(&a->r->ctx, &a->src, m->data, m->csize, out, e);
	}
	return rc;
}

static int look(struct archive *a, struct st_members *out, struct st_err *e)
{
	const struct st_format *fmt = st_format_get(st_dfile_format(a->f));
	const uint64_t limit = a->r->ctx.memory / 4;
	uint8_t head[4] = { 0 };
	int rc = ST_OK;

	if (!fmt || a->src.size < sizeof(head))
		return ST_OK;
	rc = open_glue(a, e);
	if (rc == ST_OK)
		rc = st_source_read(&a->src, head, sizeof(head), 0, e);
	if (rc != ST_OK || memcmp(head, "PK\3\4", sizeof(head)) != 0)
		return rc;
	rc = st_zip_open(&a->dir, &a->src, limit, e);
	if (rc == ST_OK)
		rc = st_format_parse(fmt, &a->layout, &a->src, limit, e);
	if (rc == ST_OK)
		rc = find_tensors(a, e);
	if (rc == ST_OK)
		rc = find_rest(a, e);
	if (rc == ST_OK)
		rc = hash_rest(a, &out->rest, e);
	return rc == ST_OK ? hash_pickle(a, &out->pickle, e) : rc;
}

int st_members_look(struct st_members *out, struct st_repo *r, const struct st_dfile *f,
		    struct st_err *e)
{
	const char *format = st_dfile_format(f);
	struct archive a = { .r = r,
			     .f = f,
			     .src = { .ops = &glue_ops,
				      .size = f->size,
				      .name = f->path,
				      .fd = -1,
				      .costly = true } };
	int rc = ST_OK;

	*out = (struct st_members){ 0 };
	if (!f->v || (strcmp(format, "torch") != 0 && strcmp(format, "npz") != 0))
		return ST_OK;
	a.src.mem = &a;
	st_layout_init(&a.layout);
	rc = look(&a, out, e);
	free(a.rest);
	free(a.at);
	free(a.glue);
	st_codec_state_free(a.codec);
	st_obj_close(a.blob);
	st_layout_release(&a.layout);
	st_zip_release(&a.dir);
	return rc;
}
