/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A storage is named by a persistent id in the pickle and lies outside it:
 *
 *	('storage', torch.FloatStorage, '0', 'cpu', 6)			ZIP form
 *	('storage', torch.FloatStorage, '94210', 'cuda:0', 6, None)	stacked pickles, where
 *			the last may be a view: (key, first element, elements)
 *
 * The first id of a key that a loader meets decides on class and size, as it does in PyTorch.
 */
#include "format/torch.h"

#include "tensor/quote.h"

#define SMALL 8
#define MARK_BYTES 128 /* what the set of nodes seen takes for each, at most */

/* ---- types by name ---- */

struct named {
	const char *name;
	struct st_torch_elem elem;
};

/* clang-format off */
static const struct named classes[] = { /* less "Storage" */
	{ "Float", { ST_F32, 4, 1 } },
	{ "Half", { ST_F16, 2, 1 } },
	{ "BFloat16", { ST_BF16, 2, 1 } },
	{ "Double", { ST_F64, 8, 1 } },
	{ "Long", { ST_I64, 8, 1 } },
	{ "Int", { ST_I32, 4, 1 } },
	{ "Short", { ST_I16, 2, 1 } },
	{ "Char", { ST_I8, 1, 1 } },
	{ "Byte", { ST_U8, 1, 1 } },
	{ "Bool", { ST_BOOL, 1, 1 } },
	{ "Untyped", { ST_U8, 1, 1 } },
	{ "_Untyped", { ST_U8, 1, 1 } },
	{ "ComplexHalf", { ST_C32, 4, 1 } },
	{ "ComplexFloat", { ST_C64, 8, 1 } },
	{ "ComplexDouble", { ST_C128, 16, 1 } },
	{ "QInt8", { ST_I8, 1, 1 } },
	{ "QUInt8", { ST_U8, 1, 1 } },
	{ "QInt32", { ST_I32, 4, 1 } },
	{ "QUInt4x2", { ST_OPAQUE, 1, 2 } },
	{ "QUInt2x4", { ST_OPAQUE, 1, 4 } },
	/* written by the C++ pickler of TorchScript only */
	{ "UInt16", { ST_U16, 2, 1 } },
	{ "UInt32", { ST_U32, 4, 1 } },
	{ "UInt64", { ST_U64, 8, 1 } },
	{ "Float8_e5m2", { ST_F8_E5M2, 1, 1 } },
	{ "Float8_e4m3fn", { ST_F8_E4M3, 1, 1 } },
	{ "Float8_e5m2fnuz", { ST_F8_E5M2FNUZ, 1, 1 } },
	{ "Float8_e4m3fnuz", { ST_F8_E4M3FNUZ, 1, 1 } },
	{ "Float8_e8m0fnu", { ST_F8_E8M0, 1, 1 } },
	{ "Bits8", { ST_OPAQUE, 1, 1 } },
	{ "Bits16", { ST_OPAQUE, 2, 1 } },
};

static const struct named dtypes[] = {
	{ "float32", { ST_F32, 4, 1 } },	{ "float", { ST_F32, 4, 1 } },
	{ "float16", { ST_F16, 2, 1 } },	{ "half", { ST_F16, 2, 1 } },
	{ "bfloat16", { ST_BF16, 2, 1 } },
	{ "float64", { ST_F64, 8, 1 } },	{ "double", { ST_F64, 8, 1 } },
	{ "int64", { ST_I64, 8, 1 } },		{ "long", { ST_I64, 8, 1 } },
	{ "int32", { ST_I32, 4, 1 } },		{ "int", { ST_I32, 4, 1 } },
	{ "int16", { ST_I16, 2, 1 } },		{ "short", { ST_I16, 2, 1 } },
	{ "int8", { ST_I8, 1, 1 } },		{ "uint8", { ST_U8, 1, 1 } },
	{ "uint16", { ST_U16, 2, 1 } },		{ "uint32", { ST_U32, 4, 1 } },
	{ "uint64", { ST_U64, 8, 1 } },		{ "bool", { ST_BOOL, 1, 1 } },
	{ "complex32", { ST_C32, 4, 1 } },	{ "chalf", { ST_C32, 4, 1 } },
	{ "complex64", { ST_C64, 8, 1 } },	{ "cfloat", { ST_C64, 8, 1 } },
	{ "complex128", { ST_C128, 16, 1 } },	{ "cdouble", { ST_C128, 16, 1 } },
	{ "float8_e5m2", { ST_F8_E5M2, 1, 1 } },
	{ "float8_e4m3fn", { ST_F8_E4M3, 1, 1 } },
	{ "float8_e5m2fnuz", { ST_F8_E5M2FNUZ, 1, 1 } },
	{ "float8_e4m3fnuz", { ST_F8_E4M3FNUZ, 1, 1 } },
	{ "float8_e8m0fnu", { ST_F8_E8M0, 1, 1 } },
	{ "qint8", { ST_I8, 1, 1 } },		{ "quint8", { ST_U8, 1, 1 } },
	{ "qint32", { ST_I32, 4, 1 } },
	{ "quint4x2", { ST_OPAQUE, 1, 2 } },	{ "quint2x4", { ST_OPAQUE, 1, 4 } },
	/* a shape of these counts bytes, however many numbers a byte holds */
	{ "float4_e2m1fn_x2", { ST_OPAQUE, 1, 1 } },
	{ "bits1x8", { ST_OPAQUE, 1, 1 } },	{ "bits2x4", { ST_OPAQUE, 1, 1 } },
	{ "bits4x2", { ST_OPAQUE, 1, 1 } },	{ "bits8", { ST_OPAQUE, 1, 1 } },
	{ "bits16", { ST_OPAQUE, 2, 1 } },
	{ "uint1", { ST_OPAQUE, 1, 1 } },	{ "uint2", { ST_OPAQUE, 1, 1 } },
	{ "uint3", { ST_OPAQUE, 1, 1 } },	{ "uint4", { ST_OPAQUE, 1, 1 } },
	{ "uint5", { ST_OPAQUE, 1, 1 } },	{ "uint6", { ST_OPAQUE, 1, 1 } },
	{ "uint7", { ST_OPAQUE, 1, 1 } },
	{ "int1", { ST_OPAQUE, 1, 1 } },	{ "int2", { ST_OPAQUE, 1, 1 } },
	{ "int3", { ST_OPAQUE, 1, 1 } },	{ "int4", { ST_OPAQUE, 1, 1 } },
	{ "int5", { ST_OPAQUE, 1, 1 } },	{ "int6", { ST_OPAQUE, 1, 1 } },
	{ "int7", { ST_OPAQUE, 1, 1 } },
};
/* clang-format on */

static const struct st_torch_elem unknown = { ST_OPAQUE, 0, 1 };

static struct st_torch_elem lookup(const struct named *table, size_t n, const char *name,
				   size_t len)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(table[i].name) == len && memcmp(table[i].name, name, len) == 0)
			return table[i].elem;
	return unknown;
}

struct st_torch_elem st_torch_dtype(const struct st_pk *node)
{
	if (!node || node->kind != ST_PK_GLOBAL || !node->global.name ||
	    strcmp(node->global.module, "torch") != 0)
		return unknown;
	return lookup(dtypes, sizeof(dtypes) / sizeof(*dtypes), node->global.name,
		      strlen(node->global.name));
}

bool st_torch_class(struct st_torch_elem *out, const struct st_pk *node)
{
	static const char tail[] = "Storage";
	const char *name;
	size_t len;

	if (!node || node->kind != ST_PK_GLOBAL || !node->global.name ||
	    (strcmp(node->global.module, "torch") != 0 &&
	     strncmp(node->global.module, "torch.", 6) != 0))
		return false;
	name = node->global.name;
	len = strlen(name);
	if (len < sizeof(tail) - 1 || strcmp(name + len - (sizeof(tail) - 1), tail) != 0)
		return false;
	*out = lookup(classes, sizeof(classes) / sizeof(*classes), name, len - (sizeof(tail) - 1));
	return true;
}

/* ---- the walk over all nodes ---- */

struct walk {
	struct st_torch *t;
	struct st_map seen; /* by address */
	const struct st_pk **stack, **ids;
	size_t n, cap, nids, ids_cap;
};

static bool is_atom(const struct st_pk *n)
{
	switch (n ? n->kind : ST_PK_NONE) {
	case ST_PK_TUPLE:
	case ST_PK_LIST:
	case ST_PK_SET:
	case ST_PK_DICT:
	case ST_PK_CALL:
	case ST_PK_OBJECT:
	case ST_PK_PERSID:
		return false;
	default:
		return !n || !n->state;
	}
}

/* Nothing below it can be a storage. Shapes and strides are most of what there is, and need not be
 * remembered. */
static bool is_leaf(const struct st_pk *n)
{
	if (is_atom(n))
		return true;
	if (n->kind != ST_PK_TUPLE && n->kind != ST_PK_LIST && n->kind != ST_PK_DICT)
		return false;
	for (size_t i = 0; i < n->seq.n; i++)
		if (i == SMALL || !is_atom(n->seq.v[i]))
			return false;
	return !n->state;
}

static bool is_storage(const struct st_pk *n)
{
	const struct st_pk *id = n && n->kind == ST_PK_PERSID ? n->call.args : NULL;

	return id && id->kind == ST_PK_TUPLE && id->seq.n && st_pk_is_str(id->seq.v[0], "storage");
}

static int push(struct walk *w, const struct st_pk *n)
{
	struct st_err *e = w->t->e;
	bool had;

	if (is_leaf(n))
		return ST_OK;
	if (st_map_put(&w->seen, &n, sizeof(n), 0, &had, NULL, e) != ST_OK)
		return e->code;
	if (had)
		return ST_OK;
	if (w->seen.count > w->t->limit / MARK_BYTES)
		return st_fail(e, ST_ELIMIT,
			       "the objects up to offset %" PRIu64
			       " take more than the memory allowed",
			       n->at);
	if (is_storage(n)) {
		if (st_grow(&w->ids, &w->ids_cap, w->nids + 1, e) != ST_OK)
			return e->code;
		w->ids[w->nids++] = n;
		return ST_OK;
	}
	if (st_grow(&w->stack, &w->cap, w->n + 1, e) != ST_OK)
		return e->code;
	w->stack[w->n++] = n;
	return ST_OK;
}

static int push_all(struct walk *w, const struct st_pk_seq *s)
{
	int rc = ST_OK;

	for (size_t i = 0; s && i < s->n && rc == ST_OK; i++)
		rc = push(w, s->v[i]);
	return rc;
}

static int push_children(struct walk *w, const struct st_pk *n)
{
	int rc = push(w, n->state);

	switch (n->kind) {
	case ST_PK_TUPLE:
	case ST_PK_LIST:
	case ST_PK_SET:
	case ST_PK_DICT:
		return rc == ST_OK ? push_all(w, &n->seq) : rc;
	case ST_PK_CALL:
	case ST_PK_OBJECT:
	case ST_PK_PERSID:
		break;
	default:
		return rc;
	}
	if (rc == ST_OK)
		rc = push(w, n->call.fn);
	if (rc == ST_OK)
		rc = push(w, n->call.args);
	if (rc == ST_OK)
		rc = push(w, n->call.kwargs);
	return rc == ST_OK ? push_all(w, n->call.items) : rc;
}

static int by_place(const void *pa, const void *pb)
{
	const struct st_pk *a = *(const struct st_pk *const *)pa;
	const struct st_pk *b = *(const struct st_pk *const *)pb;

	return (a->at > b->at) - (a->at < b->at);
}

/* ---- persistent ids ---- */

static bool is_text(const struct st_pk *n)
{
	return n && (n->kind == ST_PK_STR || n->kind == ST_PK_BYTES) && n->str.p;
}

static bool is_count(const struct st_pk *n)
{
	return n && n->kind == ST_PK_INT && n->i >= 0;
}

/* Of an id that check_id accepted; NULL: the whole storage. */
static const struct st_pk_seq *view_of(const struct st_pk_seq *id)
{
	return id->n == 6 && id->v[5] && id->v[5]->kind == ST_PK_TUPLE ? &id->v[5]->seq : NULL;
}

static bool is_view(const struct st_pk *n)
{
	return n && n->kind == ST_PK_TUPLE && n->seq.n == 3 && is_count(n->seq.v[1]) &&
	       is_count(n->seq.v[2]);
}

static int check_id(struct st_torch *t, const struct st_pk *n, struct st_torch_elem *elem)
{
	const struct st_pk_seq *id = &n->call.args->seq;

	if (id->n < 5 || id->n > 6 || !is_text(id->v[2]) || !is_count(id->v[4]) ||
	    (id->n == 6 && id->v[5] && id->v[5]->kind != ST_PK_NONE && !is_view(id->v[5])))
		return st_fail(t->e, ST_EFORMAT,
			       "the persistent id at offset %" PRIu64
			       " is not ('storage', class, key, location, size)",
			       n->at);
	if (!st_torch_class(elem, id->v[1]))
		return st_fail(t->e, ST_EFORMAT,
			       "the persistent id at offset %" PRIu64
			       " names no class of torch's storages",
			       n->at);
	return ST_OK;
}

static int check_view(struct st_torch *t, const struct st_pk *n, const struct st_torch_storage *s)
{
	const struct st_pk_seq *view = view_of(&n->call.args->seq);
	struct st_quote q;
	uint64_t end;

	if (!view)
		return ST_OK;
	end = (uint64_t)view->v[1]->i + (uint64_t)view->v[2]->i; /* below 2^64: two int64_t */
	if (end > s->numel)
		return st_fail(t->e, ST_EFORMAT,
			       "the persistent id at offset %" PRIu64 " reaches to element %" PRIu64
			       " of storage %s, which has %" PRIu64,
			       n->at, end, st_quote(&q, s->key, s->key_len), s->numel);
	return ST_OK;
}

static int add(struct st_torch *t, const struct st_pk *n, const struct st_torch_elem *elem)
{
	const struct st_pk_seq *id = &n->call.args->seq;
	struct st_torch_storage *s;
	uint64_t bytes;

	if (st_grow(&t->storages, &t->cap, t->n + 1, t->e) != ST_OK)
		return t->e->code;
	s = &t->storages[t->n];
	*s = (struct st_torch_storage){
		.key = id->v[2]->str.p,
		.key_len = id->v[2]->str.len,
		.dtype = elem->dtype,
		.opaque = elem->dtype == ST_OPAQUE,
		.meta = st_pk_is_str(id->v[3], "meta"),
		.elsize = elem->elsize,
		.per_byte = elem->per_byte,
		.numel = (uint64_t)id->v[4]->i,
		.at = n->at,
	};
	if (!st_mul_u64(s->numel, elem->elsize, &bytes))
		return st_fail(t->e, ST_EFORMAT,
			       "the persistent id at offset %" PRIu64 ": %" PRIu64
			       " elements exceed 64 bits",
			       n->at, s->numel);
	return st_map_put(&t->by_key, s->key, s->key_len, t->n++, NULL, NULL, t->e);
}

static int take_id(struct st_torch *t, const struct st_pk *n)
{
	const struct st_pk_seq *id = &n->call.args->seq;
	struct st_torch_elem elem;
	uint64_t i;
	int rc = check_id(t, n, &elem);

	if (rc != ST_OK)
		return rc;
	if (!st_map_get(&t->by_key, id->v[2]->str.p, id->v[2]->str.len, &i)) {
		i = t->n;
		rc = add(t, n, &elem);
	}
	return rc == ST_OK ? check_view(t, n, &t->storages[i]) : rc;
}

int st_torch_collect(struct st_torch *t)
{
	struct walk w = { .t = t };
	int rc;

	st_map_init(&w.seen);
	rc = push(&w, t->pk->root);
	while (rc == ST_OK && w.n)
		rc = push_children(&w, w.stack[--w.n]);
	if (rc == ST_OK && w.nids)
		qsort(w.ids, w.nids, sizeof(*w.ids), by_place);
	for (size_t i = 0; i < w.nids && rc == ST_OK; i++)
		rc = take_id(t, w.ids[i]);
	st_map_release(&w.seen);
	free(w.stack);
	free(w.ids);
	return rc;
}

const struct st_torch_storage *st_torch_storage_of(const struct st_torch *t,
						   const struct st_pk *node, uint64_t *first)
{
	const struct st_pk_seq *id, *view;
	uint64_t i;

	*first = 0;
	if (!is_storage(node))
		return NULL;
	id = &node->call.args->seq;
	if (id->n < 5 || !is_text(id->v[2]) ||
	    !st_map_get(&t->by_key, id->v[2]->str.p, id->v[2]->str.len, &i))
		return NULL;
	view = view_of(id);
	if (view)
		*first = (uint64_t)view->v[1]->i;
	return &t->storages[i];
}
