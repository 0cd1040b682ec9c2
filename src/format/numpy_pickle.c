/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What NumPy pickles (doc/format/npy.md), as the calls that rebuild it:
 *
 *	dtype		numpy.dtype('f4', False, True), then its state
 *			(3, '<', subarray, names, fields, itemsize, alignment, flags)
 *	array		_reconstruct(numpy.ndarray, (0,), b'b'), then its state
 *			(1, shape, dtype, is_fortran, bytes or list)
 *	array		_frombuffer(bytes, dtype, shape, 'C' or 'F' or 'K'[, axes])
 *	scalar		scalar(dtype, bytes)
 *
 * Nodes are looked at to a fixed depth, so circles in the graph do no harm.
 */
#include "format/numpy.h"

#define MULTIARRAY "numpy._core.multiarray"
#define HAS_OBJECTS 3 /* flags of a dtype: reference counted, or pickled as a list */

static const struct st_pk *item(const struct st_pk *n, size_t i)
{
	return n && n->kind == ST_PK_TUPLE && i < n->seq.n ? n->seq.v[i] : NULL;
}

static size_t count(const struct st_pk *n)
{
	return n && n->kind == ST_PK_TUPLE ? n->seq.n : 0;
}

/* n is fn(*args): args, else NULL. */
static const struct st_pk *args_of(const struct st_pk *n, const char *module, const char *name)
{
	if (!n || n->kind != ST_PK_CALL || !st_pk_is_global(n->call.fn, module, name))
		return NULL;
	return n->call.args;
}

static bool u64_of(const struct st_pk *n, uint64_t *out)
{
	if (!n || n->kind != ST_PK_INT || n->i < 0)
		return false;
	*out = (uint64_t)n->i;
	return true;
}

static bool bool_of(const struct st_pk *n, bool *out)
{
	if (!n || (n->kind != ST_PK_INT && n->kind != ST_PK_BOOL))
		return false;
	*out = n->i != 0;
	return true;
}

static bool is_text(const struct st_pk *n)
{
	return n && (n->kind == ST_PK_STR || n->kind == ST_PK_BYTES) && n->str.p;
}

/* Types of the ml_dtypes package, which NumPy has no letters for. */
static bool ml_type(struct st_np_type *out, const struct st_pk *cls)
{
	static const struct {
		const char *name;
		enum st_dtype dtype;
	} rows[] = {
		{ "bfloat16", ST_BF16 },
		{ "float8_e4m3fn", ST_F8_E4M3 },
		{ "float8_e4m3fnuz", ST_F8_E4M3FNUZ },
		{ "float8_e5m2", ST_F8_E5M2 },
		{ "float8_e5m2fnuz", ST_F8_E5M2FNUZ },
		{ "float8_e8m0fnu", ST_F8_E8M0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (st_pk_is_global(cls, "ml_dtypes", rows[i].name)) {
			*out = (struct st_np_type){ .dtype = rows[i].dtype };
			out->itemsize = st_dtype_info(out->dtype)->bits / 8;
			return true;
		}
	return false;
}

/* The letters and size, or a class for what has none: records say their size in the state. */
static bool base_type(struct st_np_type *out, const struct st_pk *what)
{
	if (is_text(what))
		return st_np_type_of(out, what->str.p, what->str.len);
	*out = (struct st_np_type){ .dtype = ST_OPAQUE };
	return st_pk_is_global(what, "numpy", "record") || st_pk_is_global(what, "numpy", "void") ||
	       ml_type(out, what);
}

/* Where NumPy's versions of the state have order, item size and flags. */
static bool apply_state(struct st_np_type *t, const struct st_pk *state)
{
	size_t n = count(state);
	const struct st_pk *order = item(state, n == 5 ? 0 : 1);
	const struct st_pk *size = item(state, n >= 7 ? 5 : n - 2), *flags = item(state, 7);

	if (n < 5 || n > 9 || !is_text(order) || order->str.len != 1 || !size ||
	    size->kind != ST_PK_INT)
		return false;
	t->big_endian = *order->str.p == '>' && t->dtype != ST_OPAQUE && t->itemsize > 1;
	if (t->dtype == ST_OPAQUE && !t->object && size->i >= 0)
		t->itemsize = (uint64_t)size->i;
	if (n >= 8 && (!flags || flags->kind != ST_PK_INT))
		return false;
	if (n >= 8 && (flags->i & HAS_OBJECTS))
		t->object = true;
	return true;
}

bool st_np_dtype_of(struct st_np_type *out, const struct st_pk *node)
{
	const struct st_pk *args = args_of(node, "numpy", "dtype");

	*out = (struct st_np_type){ 0 };
	if (!base_type(out, item(args, 0)))
		return false;
	return !node->state || apply_state(out, node->state);
}

/* Subclasses that add nothing but methods. */
static bool is_array_class(const struct st_pk *n)
{
	static const char *const names[][2] = {
		{ "numpy", "ndarray" },
		{ "numpy", "matrix" },
		{ "numpy.matrixlib.defmatrix", "matrix" },
		{ "numpy", "memmap" },
		{ "numpy._core.memmap", "memmap" },
		{ "numpy", "recarray" },
		{ "numpy._core.records", "recarray" },
		{ "numpy.rec", "recarray" },
		{ "numpy", "chararray" },
		{ "numpy._core.defchararray", "chararray" },
		{ "numpy.char", "chararray" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (st_pk_is_global(n, names[i][0], names[i][1]))
			return true;
	return false;
}

static bool shape_of(struct st_np_array *a, const struct st_pk *n)
{
	uint64_t numel;

	if (!n || n->kind != ST_PK_TUPLE || n->seq.n > ST_MAX_NDIM)
		return false;
	a->ndim = (unsigned)n->seq.n;
	for (unsigned i = 0; i < a->ndim; i++)
		if (!u64_of(n->seq.v[i], &a->shape[i]))
			return false;
	return st_shape_numel(a->shape, a->ndim, &numel) &&
	       st_mul_u64(numel, a->type.itemsize, &a->nbytes);
}

static bool has_bytes(const struct st_np_array *a, const struct st_pk *data)
{
	return data && data->kind == ST_PK_BYTES && !a->type.object && data->str.len == a->nbytes;
}

/* State of an array: without its version in very old pickles. */
static bool reconstructed(struct st_np_array *a, const struct st_pk **data,
			  const struct st_pk *args, const struct st_pk *state)
{
	size_t n = count(state);
	const struct st_pk *bytes;

	if ((n != 4 && n != 5) || !is_array_class(item(args, 0)))
		return false;
	bytes = item(state, n - 1);
	if (!st_np_dtype_of(&a->type, item(state, n - 3)) || !shape_of(a, item(state, n - 4)) ||
	    !bool_of(item(state, n - 2), &a->fortran) || !bytes)
		return false;
	if (a->type.object && bytes->kind == ST_PK_LIST) {
		*data = NULL;
		return true;
	}
	*data = bytes;
	return has_bytes(a, bytes);
}

/* Order 'K': the bytes have the shape given, and axes say which of its dimensions each one of the
 * array is. */
static bool permute(struct st_np_array *a, const struct st_pk *axes)
{
	uint64_t lies[ST_MAX_NDIM], d;
	bool seen[ST_MAX_NDIM] = { false };

	if (count(axes) != a->ndim)
		return false;
	memcpy(lies, a->shape, sizeof(lies));
	for (unsigned i = 0; i < a->ndim; i++) {
		if (!u64_of(item(axes, i), &d) || d >= a->ndim || seen[d])
			return false;
		seen[d] = true;
		a->shape[i] = lies[d];
		a->axes[d] = (uint8_t)i;
	}
	a->permuted = true;
	return true;
}

static bool from_buffer(struct st_np_array *a, const struct st_pk **data, const struct st_pk *args)
{
	const struct st_pk *order = item(args, 3);

	*data = item(args, 0);
	if (!st_np_dtype_of(&a->type, item(args, 1)) || !shape_of(a, item(args, 2)) ||
	    !has_bytes(a, *data))
		return false;
	a->fortran = st_pk_is_str(order, "F");
	if (a->fortran || st_pk_is_str(order, "C"))
		return true;
	return st_pk_is_str(order, "K") && permute(a, item(args, 4));
}

static bool scalar(struct st_np_array *a, const struct st_pk **data, const struct st_pk *args)
{
	if (!st_np_dtype_of(&a->type, item(args, 0)) || !item(args, 1))
		return false;
	a->nbytes = a->type.itemsize;
	*data = a->type.object ? NULL : item(args, 1);
	return a->type.object || has_bytes(a, *data);
}

bool st_np_array_of(struct st_np_array *out, const struct st_pk **data, const struct st_pk *node)
{
	const struct st_pk *args;

	*out = (struct st_np_array){ 0 };
	*data = NULL;
	if ((args = args_of(node, MULTIARRAY, "_reconstruct")))
		return reconstructed(out, data, args, node->state);
	if ((args = args_of(node, "numpy._core.numeric", "_frombuffer")))
		return from_buffer(out, data, args);
	if ((args = args_of(node, MULTIARRAY, "scalar")))
		return scalar(out, data, args);
	return false;
}
