/* SPDX-License-Identifier: Apache-2.0 */
#include "tensor/layout.h"

#include "tensor/quote.h"

#include <stdio.h>

void st_layout_init(struct st_layout *l)
{
	*l = (struct st_layout){ 0 };
	st_arena_init(&l->arena);
}

void st_layout_release(struct st_layout *l)
{
	free(l->tensors);
	st_arena_release(&l->arena);
	*l = (struct st_layout){ 0 };
}

struct st_tensor *st_layout_add(struct st_layout *l, struct st_err *e)
{
	if (st_grow(&l->tensors, &l->cap, l->ntensors + 1, e) != ST_OK)
		return NULL;
	l->tensors[l->ntensors] = (struct st_tensor){ .name = "" };
	return &l->tensors[l->ntensors++];
}

bool st_shape_numel(const uint64_t *shape, unsigned ndim, uint64_t *out)
{
	uint64_t n = 1;

	for (unsigned i = 0; i < ndim; i++)
		if (!st_mul_u64(n, shape[i], &n))
			return false;
	*out = n;
	return true;
}

bool st_shape_nbytes(const uint64_t *shape, unsigned ndim, enum st_dtype t, uint64_t *out)
{
	uint64_t n;

	if (!st_shape_numel(shape, ndim, &n) || !st_mul_u64(n, st_dtype_info(t)->bits, &n) || n % 8)
		return false;
	*out = n / 8;
	return true;
}

bool st_shape_span(const uint64_t *shape, const int64_t *strides, unsigned ndim, uint64_t *out)
{
	uint64_t lo = 0, hi = 0, step, reach;

	*out = 0;
	for (unsigned i = 0; i < ndim; i++)
		if (shape[i] == 0)
			return true;
	for (unsigned i = 0; i < ndim; i++) {
		bool down = strides[i] < 0;

		step = down ? -(uint64_t)strides[i] : (uint64_t)strides[i];
		if (!st_mul_u64(shape[i] - 1, step, &reach) ||
		    !st_add_u64(down ? lo : hi, reach, down ? &lo : &hi))
			return false;
	}
	return st_add_u64(lo, hi, &hi) && st_add_u64(hi, 1, out);
}

static int by_name(const struct st_tensor *a, const struct st_tensor *b)
{
	size_t both = a->name_len < b->name_len ? a->name_len : b->name_len;
	int c = both ? memcmp(a->name, b->name, both) : 0;

	return c ? c : (a->name_len > b->name_len) - (a->name_len < b->name_len);
}

static int by_place(const struct st_tensor *a, const struct st_tensor *b)
{
	if (a->where != b->where)
		return a->where < b->where ? -1 : 1;
	if (a->where == ST_HELD)
		return 0; /* lies nowhere: stays in order of addition */
	if (a->where == ST_PACKED && a->packed->offset != b->packed->offset)
		return a->packed->offset < b->packed->offset ? -1 : 1;
	if (a->offset != b->offset)
		return a->offset < b->offset ? -1 : 1;
	if (a->nbytes != b->nbytes)
		return a->nbytes < b->nbytes ? -1 : 1;
	return by_name(a, b);
}

/* The elements point into one array: what is equal otherwise stays in order of addition. */
static int by_place_stable(const void *pa, const void *pb)
{
	const struct st_tensor *a = *(const struct st_tensor *const *)pa;
	const struct st_tensor *b = *(const struct st_tensor *const *)pb;
	int c = by_place(a, b);

	return c ? c : (a > b) - (a < b);
}

static bool is_sorted(const struct st_layout *l)
{
	for (size_t i = 1; i < l->ntensors; i++)
		if (by_place(&l->tensors[i - 1], &l->tensors[i]) > 0)
			return false;
	return true;
}

static int sort(struct st_layout *l, struct st_err *e)
{
	const struct st_tensor **order;
	struct st_tensor *sorted;
	size_t n = l->ntensors;

	if (is_sorted(l))
		return ST_OK;
	order = st_calloc(n, sizeof(*order), e);
	sorted = order ? st_calloc(n, sizeof(*sorted), e) : NULL;
	if (!sorted) {
		free(order);
		return e->code;
	}
	for (size_t i = 0; i < n; i++)
		order[i] = &l->tensors[i];
	qsort(order, n, sizeof(*order), by_place_stable);
	for (size_t i = 0; i < n; i++)
		sorted[i] = *order[i];
	free(order);
	free(l->tensors);
	l->tensors = sorted;
	l->cap = n;
	return ST_OK;
}

/* "name#k" for the first k from *k on that no tensor has; *k is left behind it. */
static int number_name(struct st_layout *l, struct st_tensor *t, struct st_map *names, uint64_t *k,
		       struct st_err *e)
{
	size_t room = t->name_len + 24;
	char *name = st_arena_alloc(&l->arena, room, e);
	size_t len;

	if (!name)
		return e->code;
	memcpy(name, t->name, t->name_len);
	do {
		len = t->name_len +
		      (size_t)snprintf(name + t->name_len, room - t->name_len, "#%" PRIu64, (*k)++);
	} while (st_map_get(names, name, len, NULL));
	t->name = name;
	t->name_len = len;
	return st_map_put(names, name, len, 2, NULL, NULL, e);
}

/* All the names, before any is made up: a made-up one never takes the place of a real one. */
static int collect_names(const struct st_layout *l, struct st_map *names, bool *twice,
			 struct st_err *e)
{
	bool had;
	int rc;

	for (size_t i = 0; i < l->ntensors; i++) {
		rc = st_map_put(names, l->tensors[i].name, l->tensors[i].name_len, 0, &had, NULL,
				e);
		if (rc != ST_OK)
			return rc;
		*twice |= had;
	}
	return ST_OK;
}

/* The map's value: 0 until the name was met, then the next number to try. */
static int rename_equal(struct st_layout *l, struct st_map *names, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; i < l->ntensors && rc == ST_OK; i++) {
		struct st_tensor *t = &l->tensors[i];
		const char *name = t->name;
		size_t len = t->name_len;
		uint64_t k = 0;

		if (!st_map_get(names, name, len, &k))
			continue;
		if (k == 0)
			k = 2;
		else
			rc = number_name(l, t, names, &k, e);
		if (rc == ST_OK)
			rc = st_map_put(names, name, len, k, NULL, NULL, e);
	}
	return rc;
}

static int unique_names(struct st_layout *l, struct st_err *e)
{
	struct st_map names;
	bool twice = false;
	int rc;

	st_map_init(&names);
	rc = collect_names(l, &names, &twice, e);
	if (rc == ST_OK && twice)
		rc = rename_equal(l, &names, e);
	st_map_release(&names);
	return rc;
}

#define MAX_DIM ((uint64_t)1 << 53) /* what canonical JSON can say exactly */

/*
 * An expanded tensor (stride 0) can claim any size, and so can many that overlap or lie in one
 * compressed member; whoever reads all of them would never end.
 */
#define MAX_REPEAT 64
#define MAX_REPEAT_SLACK ((uint64_t)1 << 30)

/* What a manifest can say of one extent and of a file (doc/format/manifest.md). */
#define MAX_NAME ((size_t)64 << 10)
#define MAX_GROUP ((uint64_t)63 << 20)
#define MAX_METADATA ((uint64_t)48 << 20)
#define VIEW_TEXT 180 /* of one tensor, without its name and numbers */

static int bad_tensor(const struct st_tensor *t, const char *what, struct st_err *e)
{
	struct st_quote q;

	return st_fail(e, ST_EFORMAT, "tensor %s, %" PRIu64 " bytes at offset %" PRIu64 ": %s",
		       st_quote(&q, t->name, t->name_len), t->nbytes, t->offset, what);
}

static int check_strides(const struct st_tensor *t, struct st_err *e)
{
	uint64_t n, bits = st_dtype_info(t->dtype)->bits;

	if (t->where == ST_HELD || bits % 8)
		return bad_tensor(t, "strides on what has none", e);
	if (!st_shape_span(t->shape, t->strides, t->ndim, &n) || !st_mul_u64(n, bits / 8, &n) ||
	    n > t->nbytes)
		return bad_tensor(t, "its strides reach beyond its bytes", e);
	if (!st_shape_nbytes(t->shape, t->ndim, t->dtype, &n))
		return bad_tensor(t, "its shape exceeds 64 bits", e);
	return ST_OK;
}

/* Bytes that it takes to read every tensor once; inflating starts at the member's beginning. */
static int check_cost(const struct st_layout *l, struct st_err *e)
{
	uint64_t cost = 0, most, n;

	if (!st_mul_u64(l->size, MAX_REPEAT, &most) || !st_add_u64(most, MAX_REPEAT_SLACK, &most))
		return ST_OK;
	for (size_t i = 0; i < l->ntensors; i++) {
		const struct st_tensor *t = &l->tensors[i];

		if (!t->strides || !st_shape_nbytes(t->shape, t->ndim, t->dtype, &n))
			n = t->nbytes;
		if (!st_add_u64(cost, n, &cost) ||
		    (t->where == ST_PACKED && !st_add_u64(cost, t->offset, &cost)) || cost > most)
			return bad_tensor(t,
					  "up to here the tensors repeat the file's bytes beyond "
					  "all measure",
					  e);
	}
	return ST_OK;
}

static int check_tensor(const struct st_layout *l, const struct st_tensor *t, struct st_err *e)
{
	uint64_t room = t->where == ST_PACKED ? t->packed->usize : l->size;
	struct st_quote q;

	if (t->name_len > MAX_NAME)
		return bad_tensor(t, "its name is longer than 64 KiB", e);
	for (unsigned d = 0; d < t->ndim; d++)
		if (t->shape[d] > MAX_DIM)
			return st_fail(e, ST_EFORMAT,
				       "tensor %s: dimension %" PRIu64 " is beyond 2^53",
				       st_quote(&q, t->name, t->name_len), t->shape[d]);
	if (t->where != ST_HELD && (t->offset > room || t->nbytes > room - t->offset))
		return st_fail(e, ST_EFORMAT,
			       "tensor %s: %" PRIu64 " bytes at offset %" PRIu64
			       " reach past the end of the %s at %" PRIu64,
			       st_quote(&q, t->name, t->name_len), t->nbytes, t->offset,
			       t->where == ST_PACKED ? "compressed member" : "file", room);
	return t->strides ? check_strides(t, e) : ST_OK;
}

static int check_ranges(const struct st_layout *l, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < l->ntensors; i++)
		rc = check_tensor(l, &l->tensors[i], e);
	return rc;
}

/* At most what a string takes in JSON, where control characters are six bytes; one that is not
 * UTF-8 is written in hexadecimal, two. */
static uint64_t text_of(const char *s, size_t len)
{
	uint64_t n = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		n += c < 0x20 || c == 0x7f ? 6 : c >= 0x80 || c == '"' || c == '\\' ? 2 : 1;
	}
	return n;
}

static uint64_t digits(uint64_t v)
{
	uint64_t n = 1;

	while (v /= 10)
		n++;
	return n;
}

static uint64_t view_text(const struct st_tensor *t)
{
	uint64_t n = VIEW_TEXT + text_of(t->name, t->name_len) + digits(t->offset) +
		     digits(t->nbytes);

	for (unsigned d = 0; d < t->ndim; d++) {
		n += 1 + digits(t->shape[d]);
		if (t->strides)
			n += 2 + digits(t->strides[d] < 0 ? -(uint64_t)t->strides[d] :
							    (uint64_t)t->strides[d]);
	}
	return n;
}

/* Tensors that overlap are listed with one extent, which cannot be spread over pages. Sorted. */
static int check_groups(const struct st_layout *l, struct st_err *e)
{
	uint64_t end = 0, text = 0;

	for (size_t i = 0; i < l->ntensors && l->tensors[i].where == ST_IN_FILE; i++) {
		const struct st_tensor *t = &l->tensors[i];

		if (t->offset >= end)
			text = 0;
		if (t->offset + t->nbytes > end)
			end = t->offset + t->nbytes;
		text += view_text(t);
		if (text > MAX_GROUP)
			return bad_tensor(t, "too many tensors share bytes with it", e);
	}
	return ST_OK;
}

static int check_metadata(const struct st_layout *l, struct st_err *e)
{
	uint64_t n = l->metadata ? text_of(l->metadata, l->metadata_len) : 0;

	if (n <= MAX_METADATA)
		return ST_OK;
	return st_fail(e, ST_EFORMAT,
		       "its metadata take %" PRIu64 " bytes, more than a manifest holds", n);
}

int st_layout_finish(struct st_layout *l, struct st_err *e)
{
	int rc = check_ranges(l, e);

	if (rc == ST_OK)
		rc = check_metadata(l, e);

	if (rc == ST_OK)
		rc = check_cost(l, e);
	if (rc == ST_OK)
		rc = sort(l, e);
	if (rc == ST_OK)
		rc = unique_names(l, e);
	/* A name that got a number may now stand wrongly among tensors of the same range. */
	if (rc == ST_OK)
		rc = sort(l, e);
	return rc == ST_OK ? check_groups(l, e) : rc;
}
