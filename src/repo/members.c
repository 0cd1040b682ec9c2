/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/members.h"

#include "format/zip.h"
#include "repo/lookinto.h"

struct archive {
	struct st_repo *r;
	const struct st_dfile *f;
	struct st_source src;
	struct st_zip dir;
	struct st_layout layout;
	uint64_t *at; /* where tensors lie, sorted; nat of them */
	size_t nat;
	size_t prefix; /* of all members' names */
	const struct st_zip_member **rest;
	size_t n;
};

/* ---- the stored file, at random ---- */

struct piece {
	uint8_t *p;
	size_t n;
};

static int take(void *arg, const void *p, size_t n, uint64_t off, struct st_err *e)
{
	struct piece *x = arg;

	(void)off;
	ST_BUG_ON(n > x->n);
	(void)e;
	memcpy(x->p, p, n);
	x->p += n;
	x->n -= n;
	return ST_OK;
}

static int stored_pread(const struct st_source *s, void *buf, size_t n, uint64_t off,
			struct st_err *e)
{
	const struct archive *a = s->mem;
	struct piece x = { buf, n };

	return st_vfile_stream(a->f->v, off, n, take, &x, e);
}

static const struct st_source_ops stored_ops = { .pread = stored_pread };

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

	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
		if (is_called(a, m, own[i]))
			return false;
	return !has_tensor(a, m);
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

static int look(struct archive *a, struct st_oid *out, struct st_err *e)
{
	const struct st_format *fmt = st_format_get(st_dfile_format(a->f));
	const uint64_t limit = a->r->ctx.memory / 4;
	uint8_t head[4] = { 0 };
	int rc = ST_OK;

	if (!fmt || a->src.size < sizeof(head))
		return ST_OK;
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
	return rc == ST_OK ? hash_rest(a, out, e) : rc;
}

int st_members_id(struct st_oid *out, struct st_repo *r, const struct st_dfile *f, struct st_err *e)
{
	const char *format = st_dfile_format(f);
	struct archive a = { .r = r,
			     .f = f,
			     .src = { .ops = &stored_ops,
				      .size = f->size,
				      .name = f->path,
				      .fd = -1,
				      .costly = true } };
	int rc = ST_OK;

	*out = (struct st_oid){ { 0 } };
	if (!f->v || (strcmp(format, "torch") != 0 && strcmp(format, "npz") != 0))
		return ST_OK;
	a.src.mem = &a;
	st_layout_init(&a.layout);
	rc = look(&a, out, e);
	free(a.rest);
	free(a.at);
	st_layout_release(&a.layout);
	st_zip_release(&a.dir);
	return rc;
}
