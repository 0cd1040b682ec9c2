/* SPDX-License-Identifier: Apache-2.0 */
/* What each version has of something in conflict, for people who are to decide. */
#include "base/canon.h"
#include "base/utf8.h"
#include "repo/weave.h"

static struct st_merge_held held(uint64_t size)
{
	return (struct st_merge_held){ .there = true,
				       .size = size < ST_CANON_INT_MAX ? size : ST_CANON_INT_MAX };
}

struct st_merge_held st_held_file(const struct st_stage_row *row)
{
	return row ? held(row->size) : (struct st_merge_held){ 0 };
}

static struct st_merge_held directory(const struct st_index *x, const char *path)
{
	const struct st_stage_row *row = st_index_first_below(x, path);
	const size_t n = strlen(path);
	uint64_t files = 0, size = 0;
	struct st_merge_held h;

	for (; row && row < x->rows + x->nrows && strncmp(row->path, path, n) == 0 &&
	       row->path[n] == '/';
	     row++) {
		files++;
		size += row->size < UINT64_MAX - size ? row->size : UINT64_MAX - size;
	}
	if (!files)
		return (struct st_merge_held){ 0 };
	h = held(size);
	h.files = files;
	return h;
}

void st_held_directories(const struct st_weave *w, const char *path, struct st_merge_held *held)
{
	if (!held[0].there)
		held[0] = directory(&w->base, path);
	for (size_t i = 0; i < w->n; i++)
		if (!held[i + 1].there)
			held[i + 1] = directory(&w->sides[i], path);
}

struct st_merge_held st_held_tensor(const struct st_operand *op)
{
	struct st_merge_held h;

	if (!op)
		return (struct st_merge_held){ 0 };
	h = held(op->nbytes);
	h.dtype = st_dtype_info(op->dtype)->name;
	h.shape = op->shape;
	h.ndim = op->ndim;
	for (unsigned i = 0; i < op->ndim; i++)
		if (op->shape[i] > ST_CANON_INT_MAX) /* of no elements */
			return held(op->nbytes);
	return h;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Of text that spans lines one is made. Returns how long it is, at most ST_MERGE_VALUE. */
static size_t squeeze(char *out, const char *p, size_t len, bool *more)
{
	size_t n = 0, i, to;

	for (i = 0; i < len && n < ST_MERGE_VALUE; i = to) {
		bool lines = false;

		for (to = i; to < len && is_space(p[to]); to++)
			lines = lines || p[to] == '\n';
		if (to == i)
			out[n++] = p[to++];
		else if (!lines)
			while (i < to && n < ST_MERGE_VALUE)
				out[n++] = p[i++];
		else if (n && to < len)
			out[n++] = ' ';
	}
	*more = i < len;
	return n;
}

/* As much of it as is text. */
static size_t text_len(const char *p, size_t n)
{
	size_t at = 0;

	for (size_t k = 1; at < n && p[at] && k; at += k)
		k = st_utf8_len(p + at, n - at);
	return at;
}

int st_held_text(struct st_weave *w, const struct st_keys_text *text, struct st_merge_held *out,
		 struct st_err *e)
{
	size_t n, all;
	char *value;
	bool more;

	*out = (struct st_merge_held){ 0 };
	if (!text->p)
		return ST_OK;
	*out = held(text->len);
	value = st_arena_alloc(&w->arena, ST_MERGE_VALUE, e);
	if (!value)
		return e->code;
	all = squeeze(value, text->p, text->len, &more);
	n = text_len(value, all);
	if (n) {
		out->value = value;
		out->value_len = n;
		out->more = more || n < all;
	}
	return ST_OK;
}
