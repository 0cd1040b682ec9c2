/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a pickle says of a tensor is a call, which Python would make:
 *
 *	torch._utils._rebuild_tensor_v2(storage, first, size, stride, requires_grad, hooks)
 *
 * first and stride count elements of the storage. The table at the end has all calls that are
 * understood; doc/format/torch.md says what becomes of each.
 */
#include "format/torch.h"

#include <stdio.h>

#define MAX_DEPTH 8		   /* a Parameter of a subclass of a sparse tensor of ... */
#define NOTE_MAX ((size_t)1 << 20) /* bytes */

struct call {
	struct st_torch *t;
	uint64_t at;		   /* of the call, for messages */
	const struct st_pk *fn;	   /* what is called */
	const struct st_pk_seq *a; /* its arguments */
	const struct st_pk *state; /* of the node, or NULL */
	unsigned depth;
	bool *is;
	struct st_torch_value *out;
};

static int value_of(struct st_torch *t, const struct st_pk *node, unsigned depth, bool *is,
		    struct st_torch_value *out);

static const struct st_pk *arg(const struct call *c, size_t i)
{
	return i < c->a->n ? c->a->v[i] : NULL;
}

static bool is_kind(const struct st_pk *n, enum st_pk_kind kind)
{
	return n && n->kind == kind;
}

static bool is_seq(const struct st_pk *n)
{
	return is_kind(n, ST_PK_TUPLE) || is_kind(n, ST_PK_LIST);
}

static int fail_call(const struct call *c, const char *what)
{
	return st_fail(c->t->e, ST_EFORMAT, "the tensor at offset %" PRIu64 " %s", c->at, what);
}

/* ---- notes ---- */

/* What was written since note_begin, less its braces, behind what the note has already. */
static int note_end(const struct call *c, struct st_jw *w)
{
	struct st_torch_value *v = c->out;
	struct st_buf *b = w->b;
	size_t had = v->note ? strlen(v->note) : 0, n;
	char *text;

	st_jw_close_object(w);
	if (c->t->e->code == ST_OK && b->len > 2 && st_torch_charge(c->t, b->len) == ST_OK) {
		n = b->len - 2;
		text = st_arena_alloc(&c->t->l->arena, had + 1 + n + 1, c->t->e);
		if (text) {
			if (had) {
				memcpy(text, v->note, had);
				text[had++] = ',';
			}
			memcpy(text + had, b->p + 1, n);
			v->note = text;
		}
	}
	st_buf_release(b);
	return c->t->e->code;
}

static void note_begin(const struct call *c, struct st_buf *b, struct st_jw *w)
{
	st_buf_init(b, c->t->limit < NOTE_MAX ? (size_t)c->t->limit : NOTE_MAX);
	st_jw_init(w, b, false, c->t->e);
	st_jw_object(w);
}

static void note_global(struct st_jw *w, const char *key, const struct st_pk *n)
{
	char text[256];

	if (!is_kind(n, ST_PK_GLOBAL) || !n->global.name)
		return;
	snprintf(text, sizeof(text), "%s.%s", n->global.module, n->global.name);
	st_jw_key(w, key);
	st_jw_stringn(w, text, strlen(text));
}

static void note_dtype(struct st_jw *w, const struct st_pk *n)
{
	struct st_torch_elem elem = st_torch_dtype(n);

	if (elem.dtype == ST_OPAQUE) {
		note_global(w, "dtype", n);
		return;
	}
	st_jw_key(w, "dtype");
	st_jw_string(w, st_dtype_info(elem.dtype)->name);
}

/* A number, or a list or tuple of numbers. */
static void note_numbers(struct st_jw *w, const char *key, const struct st_pk *n)
{
	const struct st_pk *one = n;
	bool list = is_seq(n);
	size_t count = list ? n->seq.n : 1;

	st_jw_key(w, key);
	if (list)
		st_jw_array(w);
	for (size_t i = 0; i < count; i++) {
		if (list)
			one = n->seq.v[i];
		if (is_kind(one, ST_PK_INT))
			st_jw_i64(w, one->i);
		else if (is_kind(one, ST_PK_FLOAT))
			st_jw_real(w, one->f);
		else
			st_jw_null(w);
	}
	if (list)
		st_jw_close_array(w);
}

static void note_size(struct st_jw *w, const struct st_pk *n)
{
	const struct st_pk_seq *s = st_torch_ints(n);

	if (!s)
		return;
	st_jw_key(w, "size");
	st_jw_array(w);
	for (size_t i = 0; i < s->n; i++)
		st_jw_i64(w, s->v[i]->i);
	st_jw_close_array(w);
}

/* ---- a view of a storage ---- */

static struct st_torch_part *add_part(const struct call *c, const char *suffix)
{
	struct st_torch_part *p = &c->out->parts[c->out->n++];

	*p = (struct st_torch_part){ .suffix = suffix };
	return p;
}

static int note_meta(const struct call *c, const struct st_torch_view *v)
{
	struct st_buf b;
	struct st_jw w;

	note_begin(c, &b, &w);
	st_jw_key(&w, "device");
	st_jw_string(&w, "meta");
	st_jw_key(&w, "dtype");
	st_jw_string(&w, st_dtype_info(v->elem.dtype)->name);
	st_jw_key(&w, "size");
	st_jw_array(&w);
	for (unsigned i = 0; i < v->ndim; i++)
		st_jw_u64(&w, v->shape[i]);
	st_jw_close_array(&w);
	return note_end(c, &w);
}

/* Arguments storage, first, size, stride at c->a. type: the elements', or NULL for the storage's.
 * Something else than a storage is a call of no kind we know. */
static int strided(const struct call *c, const struct st_torch_elem *type)
{
	struct st_torch_view v;
	uint64_t first;
	int rc;

	v.s = st_torch_storage_of(c->t, arg(c, 0), &first);
	if (!v.s) {
		*c->is = false;
		return ST_OK;
	}
	v.elem = type ? *type : (struct st_torch_elem){ v.s->dtype, v.s->elsize, v.s->per_byte };
	v.base = first * v.s->elsize; /* inside the storage, as st_torch_collect has checked */
	v.at = c->at;
	rc = st_torch_view_read(c->t, &v, arg(c, 1), arg(c, 2), arg(c, 3));
	if (rc != ST_OK)
		return rc;
	if (v.s->meta && !v.s->found)
		return note_meta(c, &v);
	return st_torch_view(c->t, &v, &add_part(c, "")->tensor);
}

/* {'conj': True}: the tensor is the conjugate of its bytes; 'neg': the negative. */
static int note_bits(const struct call *c, const struct st_pk *meta)
{
	static const char *const keys[] = { "conj", "neg" };
	struct st_buf b;
	struct st_jw w;

	if (!is_kind(meta, ST_PK_DICT))
		return ST_OK;
	note_begin(c, &b, &w);
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		const struct st_pk *v = st_pk_get(meta, keys[i]);

		if (is_kind(v, ST_PK_BOOL) && v->i) {
			st_jw_key(&w, keys[i]);
			st_jw_bool(&w, true);
		}
	}
	return note_end(c, &w);
}

static int rebuild_tensor(const struct call *c)
{
	int rc = strided(c, NULL);

	return rc == ST_OK && *c->is ? note_bits(c, arg(c, 6)) : rc;
}

static int rebuild_v3(const struct call *c)
{
	struct st_torch_elem elem = st_torch_dtype(arg(c, 6));
	int rc = strided(c, &elem);

	return rc == ST_OK && *c->is ? note_bits(c, arg(c, 7)) : rc;
}

/* ---- tensors made of tensors ---- */

/* One dense tensor as a part of the one in hand. */
static int add_inner(const struct call *c, const struct st_pk *node, const char *suffix)
{
	struct st_torch_value v = { 0 };
	bool is = false;
	int rc = value_of(c->t, node, c->depth + 1, &is, &v);

	if (rc != ST_OK)
		return rc;
	if (!is || v.n > 1)
		return fail_call(c, "has a part that is no dense tensor");
	if (v.n == 0) /* on the device "meta" */
		return ST_OK;
	add_part(c, suffix)->tensor = v.parts[0].tensor;
	return ST_OK;
}

/* All of an inner value is that of the one in hand. */
static int same_as(const struct call *c, const struct st_pk *node)
{
	return value_of(c->t, node, c->depth + 1, c->is, c->out);
}

static void set_state(const struct call *c, const struct st_pk *state)
{
	if (*c->is && state && state->kind != ST_PK_NONE)
		c->out->state = state;
}

/* The innermost class is the one that the tensor was saved as. */
static int note_type(const struct call *c, const struct st_pk *type)
{
	struct st_buf b;
	struct st_jw w;

	if (!*c->is || st_pk_is_global(type, "torch", "Tensor") ||
	    st_pk_is_global(type, "torch.nn.parameter", "Parameter") ||
	    (c->out->note && strstr(c->out->note, "\"class\":")))
		return ST_OK;
	note_begin(c, &b, &w);
	note_global(&w, "class", type);
	return note_end(c, &w);
}

/* (tensor, requires_grad, hooks[, state]) */
static int rebuild_parameter(const struct call *c)
{
	int rc = same_as(c, arg(c, 0));

	if (rc == ST_OK)
		set_state(c, arg(c, 3));
	return rc;
}

static int eval(const struct call *c);

/* (func, type, args, state) */
static int rebuild_from_type(const struct call *c)
{
	struct call inner = *c;
	int rc;

	if (!is_kind(arg(c, 2), ST_PK_TUPLE)) {
		*c->is = false;
		return ST_OK;
	}
	inner.fn = arg(c, 0);
	inner.a = &arg(c, 2)->seq;
	inner.state = NULL;
	inner.depth++;
	rc = eval(&inner);
	if (rc == ST_OK)
		rc = note_type(c, arg(c, 1));
	if (rc == ST_OK)
		set_state(c, arg(c, 3));
	return rc;
}

struct sparse {
	const char *layout, *compressed, *plain;
};

static const struct sparse sparse_layouts[] = {
	{ "torch.sparse_csr", ".crow_indices", ".col_indices" },
	{ "torch.sparse_csc", ".ccol_indices", ".row_indices" },
	{ "torch.sparse_bsr", ".crow_indices", ".col_indices" },
	{ "torch.sparse_bsc", ".ccol_indices", ".row_indices" },
};

static int note_sparse(const struct call *c, const char *layout, const struct st_pk *size,
		       const struct st_pk *coalesced)
{
	struct st_buf b;
	struct st_jw w;

	note_begin(c, &b, &w);
	st_jw_key(&w, "layout");
	st_jw_string(&w, layout + strlen("torch."));
	note_size(&w, size);
	if (is_kind(coalesced, ST_PK_BOOL)) {
		st_jw_key(&w, "is_coalesced");
		st_jw_bool(&w, coalesced->i != 0);
	}
	return note_end(c, &w);
}

static int sparse_coo(const struct call *c, const struct st_pk_seq *d)
{
	int rc;

	if (d->n < 3)
		return fail_call(c, "has too few parts for a sparse one");
	rc = add_inner(c, d->v[0], ".indices");
	if (rc == ST_OK)
		rc = add_inner(c, d->v[1], ".values");
	return rc == ST_OK ?
		       note_sparse(c, "torch.sparse_coo", d->v[2], d->n > 3 ? d->v[3] : NULL) :
		       rc;
}

static int sparse_compressed(const struct call *c, const struct sparse *s,
			     const struct st_pk_seq *d)
{
	int rc;

	if (d->n < 4)
		return fail_call(c, "has too few parts for a sparse one");
	rc = add_inner(c, d->v[0], s->compressed);
	if (rc == ST_OK)
		rc = add_inner(c, d->v[1], s->plain);
	if (rc == ST_OK)
		rc = add_inner(c, d->v[2], ".values");
	return rc == ST_OK ? note_sparse(c, s->layout, d->v[3], NULL) : rc;
}

/* (layout, data), layout being a call of torch.serialization._get_layout('torch.sparse_coo') */
static int rebuild_sparse(const struct call *c)
{
	const struct st_pk *layout = arg(c, 0), *data = arg(c, 1);

	if (is_kind(layout, ST_PK_CALL) && is_kind(layout->call.args, ST_PK_TUPLE) &&
	    layout->call.args->seq.n == 1)
		layout = layout->call.args->seq.v[0];
	if (!is_seq(data))
		return fail_call(c, "has no parts for a sparse one");
	if (st_pk_is_str(layout, "torch.sparse_coo"))
		return sparse_coo(c, &data->seq);
	for (size_t i = 0; i < sizeof(sparse_layouts) / sizeof(*sparse_layouts); i++)
		if (st_pk_is_str(layout, sparse_layouts[i].layout))
			return sparse_compressed(c, &sparse_layouts[i], &data->seq);
	return fail_call(c, "has an unknown layout");
}

/* ".scales" of quantisation are tensors, or lists in files of before 1.4. */
static int quantizer_part(const struct call *c, struct st_jw *w, const struct st_pk *n,
			  const char *suffix)
{
	if (!is_seq(n))
		return add_inner(c, n, suffix);
	note_numbers(w, suffix + 1, n);
	return ST_OK;
}

static int write_quantizer(const struct call *c, struct st_jw *w, const struct st_pk_seq *p)
{
	int rc = ST_OK;

	note_global(w, "scheme", p->v[0]);
	if (st_pk_is_global(p->v[0], "torch", "per_tensor_affine") && p->n == 3) {
		note_numbers(w, "scale", p->v[1]);
		note_numbers(w, "zero_point", p->v[2]);
	} else if (p->n == 4) {
		rc = quantizer_part(c, w, p->v[1], ".scales");
		if (rc == ST_OK)
			rc = quantizer_part(c, w, p->v[2], ".zero_points");
		note_numbers(w, "axis", p->v[3]);
	} else {
		rc = fail_call(c, "has an unknown quantizer");
	}
	return rc;
}

/* (storage, first, size, stride, quantizer, requires_grad, hooks): the bytes are what torch's
 * int_repr() gives */
static int rebuild_quantized(const struct call *c)
{
	const struct st_pk *params = arg(c, 4);
	struct st_buf b;
	struct st_jw w;
	int rc = strided(c, NULL), rc2;

	if (rc != ST_OK || !*c->is)
		return rc;
	if (!is_seq(params) || params->seq.n == 0)
		return fail_call(c, "has no quantizer");
	note_begin(c, &b, &w);
	st_jw_key(&w, "quantizer");
	st_jw_object(&w);
	rc = write_quantizer(c, &w, &params->seq);
	st_jw_close_object(&w);
	rc2 = note_end(c, &w);
	return rc == ST_OK ? rc2 : rc;
}

/* (buffer, sizes, strides, offsets); the offsets are a list in files of 1.13 */
static int rebuild_nested(const struct call *c)
{
	const struct st_pk *offsets = st_torch_plain(arg(c, 3));
	struct st_buf b;
	struct st_jw w;
	int rc = add_inner(c, arg(c, 0), ".values");

	if (rc == ST_OK)
		rc = add_inner(c, arg(c, 1), ".sizes");
	if (rc == ST_OK)
		rc = add_inner(c, arg(c, 2), ".strides");
	if (rc == ST_OK && !is_seq(offsets))
		rc = add_inner(c, offsets, ".offsets");
	if (rc != ST_OK)
		return rc;
	note_begin(c, &b, &w);
	st_jw_key(&w, "layout");
	st_jw_string(&w, "nested");
	if (is_seq(offsets))
		note_numbers(&w, "offsets", offsets);
	return note_end(c, &w);
}

/* ---- tensors without a storage ---- */

/* (dtype, size, stride, requires_grad) */
static int rebuild_meta(const struct call *c)
{
	struct st_buf b;
	struct st_jw w;

	note_begin(c, &b, &w);
	st_jw_key(&w, "device");
	st_jw_string(&w, "meta");
	note_dtype(&w, arg(c, 0));
	note_size(&w, arg(c, 1));
	return note_end(c, &w);
}

/* (cls, dtype, size, stride, first, layout, device, requires_grad): the real tensors are in the
 * state of the call around it */
static int rebuild_wrapper(const struct call *c)
{
	struct st_buf b;
	struct st_jw w;

	note_begin(c, &b, &w);
	note_global(&w, "class", arg(c, 0));
	note_dtype(&w, arg(c, 1));
	note_size(&w, arg(c, 2));
	return note_end(c, &w);
}

/* (array, dtype, device, requires_grad); bf16 is written as the f32 that it was made from */
static int rebuild_array(const struct call *c)
{
	struct st_np_array a;
	const struct st_pk *data;
	struct st_buf b;
	struct st_jw w;
	int rc;

	*c->is = arg(c, 0) && st_np_array_of(&a, &data, arg(c, 0)) && data;
	if (!*c->is)
		return ST_OK;
	rc = st_torch_array(c->t, &add_part(c, "")->tensor, &a, data);
	if (rc != ST_OK || st_torch_dtype(arg(c, 1)).dtype == c->out->parts[0].tensor.dtype)
		return rc;
	note_begin(c, &b, &w);
	note_dtype(&w, arg(c, 1));
	return note_end(c, &w);
}

static int rebuild_device(const struct call *c)
{
	return same_as(c, arg(c, 0));
}

/* ---- which call it is ---- */

static const struct {
	const char *module, *name;
	size_t args; /* at least */
	int (*eval)(const struct call *c);
} calls[] = {
	{ "torch._utils", "_rebuild_tensor_v2", 6, rebuild_tensor },
	{ "torch._utils", "_rebuild_tensor_v3", 7, rebuild_v3 },
	{ "torch._utils", "_rebuild_tensor", 4, rebuild_tensor },
	{ "torch._utils", "_rebuild_parameter", 1, rebuild_parameter },
	{ "torch._utils", "_rebuild_parameter_with_state", 1, rebuild_parameter },
	{ "torch._tensor", "_rebuild_from_type_v2", 3, rebuild_from_type },
	{ "torch._tensor", "_rebuild_from_type", 3, rebuild_from_type },
	{ "torch.tensor", "_rebuild_from_type", 3, rebuild_from_type },
	{ "torch._utils", "_rebuild_sparse_tensor", 2, rebuild_sparse },
	{ "torch._utils", "_rebuild_sparse_csr_tensor", 2, rebuild_sparse },
	{ "torch._utils", "_rebuild_qtensor", 5, rebuild_quantized },
	{ "torch._utils", "_rebuild_nested_tensor", 4, rebuild_nested },
	{ "torch._utils", "_rebuild_meta_tensor_no_storage", 2, rebuild_meta },
	{ "torch._utils", "_rebuild_wrapper_subclass", 3, rebuild_wrapper },
	{ "torch._utils", "_rebuild_device_tensor_from_numpy", 2, rebuild_array },
	{ "torch._utils", "_rebuild_xla_tensor", 2, rebuild_array },
	{ "torch._utils", "_rebuild_device_tensor_from_cpu_tensor", 1, rebuild_device },
};

/* torch.FloatTensor(storage, first, size, stride) of the oldest files, or made empty and then given
 * those as its state; a Variable has the tensor as the first of five, and so may a Parameter. */
static int eval_class(const struct call *c)
{
	static const char tail[] = "Tensor";
	const char *name = c->fn->global.name;
	size_t len = strlen(name);
	struct call view = *c;
	bool parameter = strcmp(name, "Parameter") == 0 || strcmp(name, "Variable") == 0 ||
			 strcmp(name, "Buffer") == 0;

	*c->is = false;
	if (strncmp(c->fn->global.module, "torch", 5) != 0)
		return ST_OK;
	if (c->state && is_kind(c->state, ST_PK_TUPLE) && c->state->seq.n >= 4)
		view.a = &c->state->seq;
	if (parameter || view.a->n == 5) {
		*c->is = true;
		return view.a->n ? same_as(c, view.a->v[0]) : (*c->is = false, ST_OK);
	}
	if (len < sizeof(tail) - 1 || strcmp(name + len - (sizeof(tail) - 1), tail) != 0 ||
	    view.a->n != 4)
		return ST_OK;
	*c->is = true;
	return strided(&view, NULL);
}

static int eval(const struct call *c)
{
	*c->is = false;
	if (!is_kind(c->fn, ST_PK_GLOBAL) || !c->fn->global.name)
		return ST_OK;
	if (c->depth > MAX_DEPTH)
		return fail_call(c, "is nested too deep");
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		if (!st_pk_is_global(c->fn, calls[i].module, calls[i].name))
			continue;
		if (c->a->n < calls[i].args)
			return fail_call(c, "is made of too few arguments");
		*c->is = true;
		return calls[i].eval(c);
	}
	return eval_class(c);
}

/* A storage for itself: all of its elements in one dimension. */
static int eval_storage(const struct call *c, const struct st_pk *node)
{
	struct st_torch_view v = { .at = c->at, .ndim = 1, .strides = { 1 } };
	const struct st_pk_seq *id;
	uint64_t first;

	v.s = st_torch_storage_of(c->t, node, &first);
	*c->is = v.s;
	if (!v.s)
		return ST_OK;
	id = &node->call.args->seq;
	v.elem = (struct st_torch_elem){ v.s->dtype, v.s->elsize, 1 };
	v.base = first * v.s->elsize;
	v.shape[0] = id->n == 6 && is_kind(id->v[5], ST_PK_TUPLE) ?
			     (uint64_t)id->v[5]->seq.v[2]->i :
			     v.s->numel;
	if (v.s->meta && !v.s->found)
		return note_meta(c, &v);
	return st_torch_view(c->t, &v, &add_part(c, "")->tensor);
}

static int value_of(struct st_torch *t, const struct st_pk *node, unsigned depth, bool *is,
		    struct st_torch_value *out)
{
	struct call c = { .t = t, .depth = depth, .is = is, .out = out };

	*is = false;
	if (!node)
		return ST_OK;
	c.at = node->at;
	if (node->kind == ST_PK_PERSID)
		return eval_storage(&c, node);
	if ((node->kind != ST_PK_CALL && node->kind != ST_PK_OBJECT) ||
	    !is_kind(node->call.args, ST_PK_TUPLE))
		return ST_OK;
	c.fn = node->call.fn;
	c.a = &node->call.args->seq;
	c.state = node->state;
	return eval(&c);
}

int st_torch_value_of(struct st_torch *t, const struct st_pk *node, bool *is,
		      struct st_torch_value *out)
{
	*out = (struct st_torch_value){ 0 };
	return value_of(t, node, 0, is, out);
}
