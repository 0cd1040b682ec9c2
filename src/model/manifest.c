/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests: what holds for all of them, and their encoding. */
#include "model/manifest.h"

#include "base/blake3.h"
#include "base/json.h"
#include "tensor/quote.h"

#define CUT_EVERY 512 /* one segment in so many may end a page */
#define FORMAT_MAX 32
#define SEGMENT_WEIGHT 128
#define VIEW_WEIGHT 256

bool st_page_ends(const struct st_segment *s, size_t count)
{
	uint8_t hash[ST_HASH_LEN];

	if (count < ST_PAGE_MIN)
		return false;
	if (count >= ST_PAGE_MAX)
		return true;
	if (s->glue)
		return false;
	if (s->nviews > 0)
		st_blake3(s->views[0].name, s->views[0].name_len, hash);
	else
		memcpy(hash, s->id.b, sizeof(hash));
	return st_get64(hash) % CUT_EVERY == 0;
}

uint64_t st_segment_weight(const struct st_segment *s)
{
	uint64_t weight = SEGMENT_WEIGHT + s->nviews * (uint64_t)VIEW_WEIGHT;

	for (size_t i = 0; i < s->nviews; i++)
		weight += s->views[i].name_len;
	return weight;
}

static int bad_view(const struct st_view *v, enum st_code code, const char *what, struct st_err *e)
{
	struct st_quote q;

	return st_fail(e, code, "tensor %s of %" PRIu64 " bytes at %" PRIu64 " of its extent: %s",
		       st_quote(&q, v->name, v->name_len), v->nbytes, v->offset, what);
}

static int check_length(const struct st_view *v, enum st_code code, struct st_err *e)
{
	uint64_t n;

	if (v->strides) {
		if (st_dtype_info(v->dtype)->bits % 8)
			return bad_view(v, code, "strides on elements that are not whole bytes", e);
		if (!st_shape_span(v->shape, v->strides, v->ndim, &n) ||
		    !st_mul_u64(n, st_dtype_info(v->dtype)->bits / 8, &n) || n > v->nbytes)
			return bad_view(v, code, "its strides reach beyond its bytes", e);
		return ST_OK;
	}
	if (v->dtype == ST_OPAQUE)
		return ST_OK;
	if (!st_shape_nbytes(v->shape, v->ndim, v->dtype, &n) || n != v->nbytes)
		return bad_view(v, code, "its shape needs another number of bytes", e);
	return ST_OK;
}

static int check_view(const struct st_view *v, const struct st_segment *s, enum st_code code,
		      struct st_err *e)
{
	int rc;

	if ((unsigned)v->dtype >= ST_NDTYPES || v->ndim > ST_MAX_NDIM)
		return bad_view(v, code, "bad dtype or number of dimensions", e);
	if (v->offset > s->size || v->nbytes > s->size - v->offset)
		return bad_view(v, code, "lies outside its extent", e);
	rc = check_length(v, code, e);
	if (rc != ST_OK)
		return rc;
	if (st_oid_is_zero(&v->id))
		return bad_view(v, code, "its id is zero", e);
	if (v->nbytes == s->size && !v->strides && !v->big_endian && !st_oid_eq(&v->id, &s->id))
		return bad_view(v, code, "is all of its extent but has another id", e);
	return ST_OK;
}

static int check_detached(const struct st_segment *s, enum st_code code, struct st_err *e)
{
	const struct st_view *v = s->views;

	if (s->size || s->nviews != 1 || !st_oid_is_zero(&s->id))
		return st_fail(e, code, "a detached tensor that covers bytes");
	if ((unsigned)v->dtype >= ST_NDTYPES || v->ndim > ST_MAX_NDIM)
		return bad_view(v, code, "bad dtype or number of dimensions", e);
	if (v->offset || v->strides || v->big_endian || st_oid_is_zero(&v->id))
		return bad_view(v, code, "detached, but says how it lies", e);
	return check_length(v, code, e);
}

int st_segment_check(const struct st_segment *s, enum st_code code, struct st_err *e)
{
	int rc = ST_OK;

	if (s->glue) {
		if (s->size == 0 || s->nviews > 0)
			return st_fail(e, code, "glue that is empty or holds a tensor");
		return ST_OK;
	}
	if (s->detached)
		return check_detached(s, code, e);
	if (st_oid_is_zero(&s->id))
		return st_fail(e, code, "extent of id zero");
	for (size_t i = 0; rc == ST_OK && i < s->nviews; i++)
		rc = check_view(&s->views[i], s, code, e);
	return rc;
}

static bool format_valid(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_-.");

	return n > 0 && n <= FORMAT_MAX && s[n] == 0;
}

static bool is_json(const char *p, size_t len)
{
	struct st_err why = { 0 };
	struct st_json j;

	st_json_init(&j, p, len, ST_JSON_DEPTH, &why);
	st_json_skip(&j);
	st_json_end(&j);
	st_json_release(&j);
	return why.code == ST_OK;
}

static int check_sums(const struct st_manifest *m, enum st_code code, struct st_err *e)
{
	uint64_t bytes = 0, glue = 0, tensors = 0;

	for (size_t i = 0; i < m->npages; i++) {
		const struct st_page_ref *p = &m->pages[i];

		if (p->segments == 0 || p->segments > ST_PAGE_MAX || p->glue > p->bytes)
			return st_fail(e, code, "page %zu: bad counts", i);
		if (st_oid_is_zero(&p->id))
			return st_fail(e, code, "page %zu: id is zero", i);
		if (!st_add_u64(bytes, p->bytes, &bytes) || !st_add_u64(glue, p->glue, &glue) ||
		    !st_add_u64(tensors, p->tensors, &tensors))
			return st_fail(e, code, "page %zu: sums do not fit in 64 bits", i);
	}
	if (bytes != m->size || glue != m->glue_size || tensors != m->tensors)
		return st_fail(e, code,
			       "pages hold %" PRIu64 " bytes, %" PRIu64 " of glue, %" PRIu64
			       " tensors; the root says %" PRIu64 ", %" PRIu64 ", %" PRIu64,
			       bytes, glue, tensors, m->size, m->glue_size, m->tensors);
	return ST_OK;
}

int st_manifest_check(const struct st_manifest *m, enum st_code code, struct st_err *e)
{
	if (!m->format || !format_valid(m->format))
		return st_fail(e, code, "bad name of a format");
	if (st_oid_is_zero(&m->glue) != (m->glue_size == 0))
		return st_fail(e, code, "glue of %" PRIu64 " bytes and its id do not go together",
			       m->glue_size);
	if (m->metadata && !is_json(m->metadata, m->metadata_len))
		return st_fail(e, code, "metadata is not a JSON value");
	return check_sums(m, code, e);
}

static void put_oid(struct st_jw *w, const char *key, const struct st_oid *id)
{
	st_jw_key(w, key);
	st_jw_oid(w, id);
}

static void put_u64(struct st_jw *w, const char *key, uint64_t v)
{
	st_jw_key(w, key);
	st_jw_u64(w, v);
}

static void put_pages(struct st_jw *w, const struct st_manifest *m)
{
	st_jw_key(w, "pages");
	st_jw_array(w);
	for (size_t i = 0; i < m->npages; i++) {
		st_jw_object(w);
		put_u64(w, "bytes", m->pages[i].bytes);
		put_u64(w, "glue", m->pages[i].glue);
		put_oid(w, "id", &m->pages[i].id);
		put_u64(w, "segments", m->pages[i].segments);
		put_u64(w, "tensors", m->pages[i].tensors);
		st_jw_close_object(w);
	}
	st_jw_close_array(w);
}

int st_manifest_encode(struct st_buf *out, const struct st_manifest *m, struct st_err *e)
{
	struct st_jw w;
	int rc = st_manifest_check(m, ST_EUSAGE, e);

	if (rc != ST_OK)
		return rc;
	st_jw_init(&w, out, true, e);
	st_jw_object(&w);
	st_jw_key(&w, "format");
	st_jw_string(&w, m->format);
	if (m->glue_size > 0) {
		st_jw_key(&w, "glue");
		st_jw_object(&w);
		put_oid(&w, "id", &m->glue);
		put_u64(&w, "size", m->glue_size);
		st_jw_close_object(&w);
	}
	if (!st_oid_is_zero(&m->graph))
		put_oid(&w, "graph", &m->graph);
	if (m->metadata) {
		st_jw_key(&w, "metadata");
		st_jw_stringn(&w, m->metadata, m->metadata_len);
	}
	put_pages(&w, m);
	put_u64(&w, "size", m->size);
	put_u64(&w, "tensors", m->tensors);
	st_jw_key(&w, "type");
	st_jw_string(&w, "strata.manifest/1");
	st_jw_close_object(&w);
	return e->code;
}

static void put_dims(struct st_jw *w, const struct st_view *v)
{
	st_jw_key(w, "shape");
	st_jw_array(w);
	for (unsigned i = 0; i < v->ndim; i++)
		st_jw_u64(w, v->shape[i]);
	st_jw_close_array(w);
	if (!v->strides)
		return;
	st_jw_key(w, "strides");
	st_jw_array(w);
	for (unsigned i = 0; i < v->ndim; i++)
		st_jw_i64(w, v->strides[i]);
	st_jw_close_array(w);
}

/* What the extent says already is left out. */
static void put_view(struct st_jw *w, const struct st_view *v, const struct st_segment *s)
{
	st_jw_object(w);
	if (v->big_endian) {
		st_jw_key(w, "big_endian");
		st_jw_bool(w, true);
	}
	st_jw_key(w, "dtype");
	st_jw_string(w, st_dtype_info(v->dtype)->name);
	if (!st_oid_eq(&v->id, &s->id))
		put_oid(w, "id", &v->id);
	st_jw_name(w, "name", v->name, v->name_len);
	if (v->nbytes != s->size)
		put_u64(w, "nbytes", v->nbytes);
	if (v->offset > 0)
		put_u64(w, "offset", v->offset);
	put_dims(w, v);
	st_jw_close_object(w);
}

static void put_segment(struct st_jw *w, const struct st_segment *s)
{
	st_jw_object(w);
	if (s->detached) {
		st_jw_key(w, "detached");
		put_view(w, s->views, s);
		st_jw_close_object(w);
		return;
	}
	if (s->glue) {
		put_u64(w, "glue", s->size);
	} else {
		put_oid(w, "id", &s->id);
		put_u64(w, "size", s->size);
	}
	if (s->nviews > 0) {
		st_jw_key(w, "views");
		st_jw_array(w);
		for (size_t i = 0; i < s->nviews; i++)
			put_view(w, &s->views[i], s);
		st_jw_close_array(w);
	}
	st_jw_close_object(w);
}

int st_page_encode(struct st_buf *out, const struct st_page *p, struct st_err *e)
{
	struct st_jw w;
	int rc;

	if (p->n == 0 || p->n > ST_PAGE_MAX)
		return st_fail(e, ST_EUSAGE, "page of %zu segments", p->n);
	st_jw_init(&w, out, true, e);
	st_jw_object(&w);
	st_jw_key(&w, "segments");
	st_jw_array(&w);
	for (size_t i = 0; i < p->n; i++) {
		rc = st_segment_check(&p->segs[i], ST_EUSAGE, e);
		if (rc == ST_OK && i > 0 && p->segs[i].glue && p->segs[i - 1].glue)
			rc = st_fail(e, ST_EUSAGE, "two ranges of glue in a row");
		if (rc != ST_OK)
			return rc;
		put_segment(&w, &p->segs[i]);
	}
	st_jw_close_array(&w);
	st_jw_key(&w, "type");
	st_jw_string(&w, "strata.page/1");
	st_jw_close_object(&w);
	return e->code;
}
