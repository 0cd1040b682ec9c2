/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the bytes of one tensor lie: a view of a storage (first element, size and strides, all in
 * elements), or an array in the pickle itself. A view may be transposed, sliced or expanded; it
 * must lie inside its storage, and everything is checked before it is multiplied.
 */
#include "format/torch.h"

#include "tensor/gather.h"
#include "tensor/quote.h"

static bool is_kind(const struct st_pk *n, enum st_pk_kind kind)
{
	return n && n->kind == kind;
}

int st_torch_charge(struct st_torch *t, uint64_t n)
{
	if (n > t->limit)
		return st_fail(t->e, ST_ELIMIT,
			       "the tensors up to offset %" PRIu64
			       " say more of themselves than the memory allowed",
			       t->pk->end);
	t->limit -= n;
	return ST_OK;
}

const struct st_pk *st_torch_plain(const struct st_pk *node)
{
	const struct st_pk *fn = is_kind(node, ST_PK_CALL) ? node->call.fn : NULL;
	const struct st_pk *a = fn ? node->call.args : NULL;

	if (!is_kind(fn, ST_PK_GLOBAL) || !fn->global.name || !is_kind(a, ST_PK_TUPLE) ||
	    !a->seq.n || strcmp(fn->global.module, "torch.jit._pickle") != 0)
		return node;
	if (strncmp(fn->global.name, "build_", 6) == 0 ||
	    strcmp(fn->global.name, "restore_type_tag") == 0)
		return a->seq.v[0];
	return node;
}

const struct st_pk_seq *st_torch_ints(const struct st_pk *n)
{
	if (is_kind(n, ST_PK_CALL) && st_pk_is_global(n->call.fn, "torch", "Size") &&
	    is_kind(n->call.args, ST_PK_TUPLE) && n->call.args->seq.n == 1)
		n = n->call.args->seq.v[0];
	n = st_torch_plain(n);
	if (!(is_kind(n, ST_PK_TUPLE) || is_kind(n, ST_PK_LIST)))
		return NULL;
	for (size_t i = 0; i < n->seq.n; i++)
		if (!is_kind(n->seq.v[i], ST_PK_INT))
			return NULL;
	return &n->seq;
}

/* ---- a view of a storage ---- */

static int fail(struct st_torch *t, const struct st_torch_view *v, const char *what)
{
	return st_fail(t->e, ST_EFORMAT, "the tensor at offset %" PRIu64 " %s", v->at, what);
}

int st_torch_view_read(struct st_torch *t, struct st_torch_view *v, const struct st_pk *first,
		       const struct st_pk *size, const struct st_pk *stride)
{
	const struct st_pk_seq *n = st_torch_ints(size), *s = st_torch_ints(stride);

	if (!is_kind(first, ST_PK_INT) || !n || !s || n->n != s->n)
		return fail(t, v, "has no whole numbers for offset, size and strides");
	if (n->n > ST_MAX_NDIM)
		return fail(t, v, "has more than " ST_STR(ST_MAX_NDIM) " dimensions");
	if (first->i < 0)
		return fail(t, v, "begins before its storage");
	v->first = (uint64_t)first->i;
	v->ndim = (unsigned)n->n;
	for (unsigned i = 0; i < v->ndim; i++) {
		if (n->v[i]->i < 0)
			return fail(t, v, "has a negative size");
		if (s->v[i]->i < 0)
			return fail(t, v, "has a negative stride");
		v->shape[i] = (uint64_t)n->v[i]->i;
		v->strides[i] = s->v[i]->i;
	}
	return ST_OK;
}

static bool is_contiguous(const struct st_torch_view *v)
{
	uint64_t want = 1; /* cannot wrap: the product of the shape was checked */

	for (unsigned i = v->ndim; i-- > 0;) {
		if (v->shape[i] != 1 && (uint64_t)v->strides[i] != want)
			return false;
		want *= v->shape[i];
	}
	return true;
}

static int fail_reach(struct st_torch *t, const struct st_torch_view *v, uint64_t room)
{
	struct st_quote q;

	return st_fail(t->e, ST_EFORMAT,
		       "the tensor at offset %" PRIu64 " reaches outside its storage %s, which has "
		       "%" PRIu64 " bytes",
		       v->at, st_quote(&q, v->s->key, v->s->key_len), room);
}

/* Byte range of the view in its storage; v->strides stay only where they are needed. */
static int view_range(struct st_torch *t, const struct st_torch_view *v, uint64_t *off,
		      uint64_t *bytes)
{
	uint64_t n, span, end, room = v->s->numel * v->s->elsize; /* checked when collected */
	const struct st_torch_elem *elem = &v->elem;

	if (!st_shape_numel(v->shape, v->ndim, &n))
		return fail(t, v, "has a size whose product exceeds 64 bits");
	*off = v->base;
	*bytes = 0;
	if (elem->elsize == 0 || (elem->per_byte > 1 && n && !is_contiguous(v))) {
		*bytes = room - v->base; /* what its elements are is not known: all of it */
		return ST_OK;
	}
	if (!st_mul_u64(v->first / elem->per_byte, elem->elsize, off) ||
	    !st_add_u64(*off, v->base, off))
		return fail_reach(t, v, room);
	if (n == 0) {
		if (*off > room)
			*off = room;
		return ST_OK;
	}
	if (!st_shape_span(v->shape, v->strides, v->ndim, &span))
		return fail(t, v, "has strides that exceed 64 bits");
	if (elem->per_byte > 1) /* contiguous: below 2^63 */
		span = (v->first % elem->per_byte + span - 1) / elem->per_byte + 1;
	if (!st_mul_u64(span, elem->elsize, bytes) || !st_add_u64(*off, *bytes, &end) || end > room)
		return fail_reach(t, v, room);
	return ST_OK;
}

static int copy_shape(struct st_torch *t, struct st_tensor *out, const struct st_torch_view *v)
{
	struct st_arena *arena = &t->l->arena;
	uint64_t *shape = st_arena_alloc(arena, v->ndim * sizeof(*shape), t->e);
	int64_t *strides;

	if (!shape)
		return t->e->code;
	memcpy(shape, v->shape, v->ndim * sizeof(*shape));
	out->ndim = v->ndim;
	out->shape = shape;
	/* Bytes of unknown meaning cannot be put in order. */
	if (!out->nbytes || out->dtype == ST_OPAQUE || is_contiguous(v))
		return ST_OK;
	strides = st_arena_alloc(arena, v->ndim * sizeof(*strides), t->e);
	if (!strides)
		return t->e->code;
	memcpy(strides, v->strides, v->ndim * sizeof(*strides));
	out->strides = strides;
	return ST_OK;
}

int st_torch_view(struct st_torch *t, const struct st_torch_view *v, struct st_tensor *out)
{
	const struct st_torch_storage *s = v->s;
	struct st_quote q;
	uint64_t off = 0, bytes = 0;
	int rc;

	if (!s->found)
		return st_fail(t->e, ST_EFORMAT,
			       "the tensor at offset %" PRIu64 " lies in storage %s, which is not "
			       "in the file",
			       v->at, st_quote(&q, s->key, s->key_len));
	rc = view_range(t, v, &off, &bytes);
	if (rc != ST_OK)
		return rc;
	ST_BUG_ON(off > s->nbytes || bytes > s->nbytes - off);
	*out = (struct st_tensor){
		.name = "",
		.dtype = v->elem.dtype,
		.big_endian = s->big_endian && v->elem.dtype != ST_OPAQUE &&
			      st_dtype_width(v->elem.dtype) > 1,
		.where = s->packed ? ST_PACKED : ST_IN_FILE,
		.packed = s->packed,
		.offset = (s->packed ? 0 : s->offset) + off,
		.nbytes = bytes,
	};
	return copy_shape(t, out, v);
}

/* ---- NumPy arrays ---- */

static int keep(void *arg, const void *p, size_t n, struct st_err *e)
{
	return st_buf_add(arg, p, n, e);
}

/* The bytes at p as everyone understands them. */
static int hold(struct st_torch *t, struct st_tensor *out, const uint8_t *p)
{
	struct st_tensor raw = *out;
	struct st_source mem;
	struct st_buf b;
	int rc;

	rc = st_torch_charge(t, raw.nbytes);
	if (rc != ST_OK)
		return rc;
	raw.where = ST_IN_FILE;
	raw.offset = 0;
	st_source_init_mem(&mem, p, raw.nbytes, "array");
	st_buf_init(&b, (size_t)raw.nbytes);
	rc = st_tensor_each(&raw, &mem, ST_GATHER_MIN, keep, &b, t->e);
	if (rc == ST_OK) {
		out->held = (const uint8_t *)st_arena_dup(&t->l->arena, b.p, b.len, t->e);
		rc = t->e->code;
	}
	st_buf_release(&b);
	out->where = ST_HELD;
	out->offset = 0;
	out->strides = NULL;
	out->big_endian = false;
	return rc;
}

int st_torch_array(struct st_torch *t, struct st_tensor *out, const struct st_np_array *a,
		   const struct st_pk *data)
{
	int rc;

	*out = (struct st_tensor){ .name = "" };
	rc = st_np_tensor(out, a, &t->l->arena, t->e);
	if (rc != ST_OK)
		return rc;
	if (data->str.off != ST_PK_NOWHERE && (t->in_file || t->packed)) {
		out->where = t->in_file ? ST_IN_FILE : ST_PACKED;
		out->packed = t->in_file ? NULL : t->packed;
		out->offset = data->str.off;
		return ST_OK;
	}
	if (data->str.p)
		return hold(t, out, (const uint8_t *)data->str.p);
	return st_fail(t->e, ST_EFORMAT,
		       "the array at offset %" PRIu64 " lies where it cannot be read", data->at);
}
