/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The header of a new safetensors file. Tensors are ordered as the reference writer does, so that
 * each lies aligned: wider types first, then by name; spaces fill the header to a multiple of 8.
 */
#include "format/safetensors.h"

#include "base/json.h"
#include "tensor/quote.h"

#define ALIGN 8

static int by_type_and_name(const void *pa, const void *pb)
{
	const struct st_tensor *a = *(struct st_tensor *const *)pa,
			       *b = *(struct st_tensor *const *)pb;
	size_t both = a->name_len < b->name_len ? a->name_len : b->name_len;
	int c;

	if (a->dtype != b->dtype) /* the table's order is that of the reference */
		return a->dtype > b->dtype ? -1 : 1;
	c = memcmp(a->name, b->name, both);
	return c ? c : (a->name_len > b->name_len) - (a->name_len < b->name_len);
}

static int check(const struct st_tensor *t, struct st_err *e)
{
	struct st_quote q;
	uint64_t n;

	st_quote(&q, t->name, t->name_len);
	if (!*st_dtype_info(t->dtype)->safetensors)
		return st_fail(e, ST_EREFUSED, "tensor %s: safetensors has no type %s", q.s,
			       st_dtype_info(t->dtype)->name);
	if (!st_utf8_valid(t->name, t->name_len))
		return st_fail(e, ST_EREFUSED, "tensor %s: safetensors takes only UTF-8 names",
			       q.s);
	if (t->name_len == 12 && memcmp(t->name, "__metadata__", 12) == 0)
		return st_fail(e, ST_EREFUSED, "tensor %s: safetensors keeps that name", q.s);
	if (!st_shape_nbytes(t->shape, t->ndim, t->dtype, &n))
		return st_fail(e, ST_EREFUSED, "tensor %s: no whole number of bytes", q.s);
	return ST_OK;
}

/* The object in {"metadata": {...}}, or nothing. */
static int put_metadata(struct st_jw *w, const char *metadata, size_t len, struct st_err *e)
{
	struct st_json j;
	const char *key, *raw;
	size_t n;

	st_json_init(&j, metadata, len, ST_JSON_DEPTH, e);
	if (st_json_object(&j))
		while ((key = st_json_key(&j, NULL))) {
			bool ours = strcmp(key, "metadata") == 0;

			raw = st_json_raw(&j, &n);
			if (!ours || !raw || n <= 2)
				continue;
			st_jw_key(w, "__metadata__");
			st_jw_raw(w, raw, n);
		}
	st_json_release(&j);
	return e->code;
}

static void put_tensor(struct st_jw *w, struct st_tensor *t, uint64_t *at)
{
	st_jw_keyn(w, t->name, t->name_len);
	st_jw_object(w);
	st_jw_key(w, "dtype");
	st_jw_string(w, st_dtype_info(t->dtype)->safetensors);
	st_jw_key(w, "shape");
	st_jw_array(w);
	for (unsigned i = 0; i < t->ndim; i++)
		st_jw_u64(w, t->shape[i]);
	st_jw_close_array(w);
	st_jw_key(w, "data_offsets");
	st_jw_array(w);
	st_jw_u64(w, *at);
	t->offset = *at;
	*at += t->nbytes;
	st_jw_u64(w, *at);
	st_jw_close_array(w);
	st_jw_close_object(w);
}

static int write_json(struct st_buf *out, struct st_tensor **order, size_t n, const char *metadata,
		      size_t metadata_len, struct st_err *e)
{
	struct st_jw w;
	uint64_t at = 0, sum;
	int rc = ST_OK;

	st_jw_init(&w, out, false, e);
	st_jw_object(&w);
	if (metadata)
		rc = put_metadata(&w, metadata, metadata_len, e);
	for (size_t i = 0; rc == ST_OK && i < n; i++) {
		struct st_tensor *t = order[i];

		if (!st_shape_nbytes(t->shape, t->ndim, t->dtype, &t->nbytes) ||
		    !st_add_u64(at, t->nbytes, &sum))
			return st_fail(e, ST_ELIMIT, "tensors of more than 2^64 bytes");
		put_tensor(&w, t, &at);
		rc = e->code;
	}
	st_jw_close_object(&w);
	while (rc == ST_OK && out->len % ALIGN)
		rc = st_buf_addch(out, ' ', e);
	return rc == ST_OK ? (int)e->code : rc;
}

int st_safetensors_head(struct st_buf *out, struct st_tensor *t, size_t n, const char *metadata,
			size_t metadata_len, struct st_err *e)
{
	struct st_tensor **order = st_calloc(n, sizeof(*order), e);
	size_t start = out->len;
	uint8_t length[8] = { 0 };
	int rc = order ? st_buf_add(out, length, sizeof(length), e) : (int)e->code;

	ST_BUG_ON(start % ALIGN != 0);
	for (size_t i = 0; rc == ST_OK && i < n; i++) {
		order[i] = &t[i];
		rc = check(&t[i], e);
	}
	if (rc == ST_OK) {
		if (n)
			qsort(order, n, sizeof(*order), by_type_and_name);
		rc = write_json(out, order, n, metadata, metadata_len, e);
	}
	free(order);
	if (rc != ST_OK)
		return rc;
	if (out->len - start - sizeof(length) > ST_SAFETENSORS_HEADER)
		return st_fail(e, ST_ELIMIT, "a header of more than %" PRIu64 " bytes",
			       ST_SAFETENSORS_HEADER);
	st_put64(out->p + start, out->len - start - sizeof(length));
	for (size_t i = 0; i < n; i++)
		t[i].offset += out->len - start;
	return ST_OK;
}
