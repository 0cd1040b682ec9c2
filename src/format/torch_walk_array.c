/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NumPy's arrays and scalars inside a checkpoint, and storages that stand there without a tensor.
 */
#include "format/torch_walk.h"

#include <math.h>
#include <stdio.h>

static uint64_t bits_of(const uint8_t *p, size_t n, bool big_endian)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v = v << 8 | p[big_endian ? i : n - 1 - i];
	return v;
}

static double half(uint64_t bits)
{
	int exponent = (int)(bits >> 10 & 31);
	double m = (double)(bits & 1023);
	double v;

	if (exponent == 31)
		v = m != 0 ? (double)NAN : (double)INFINITY;
	else
		v = exponent ? ldexp(m + 1024, exponent - 25) : ldexp(m, -24);
	return bits >> 15 ? -v : v;
}

static bool real_of(double *out, enum st_dtype t, uint64_t bits)
{
	union {
		uint32_t u;
		float f;
	} single = { .u = (uint32_t)bits };
	union {
		uint64_t u;
		double f;
	} wide = { .u = bits };

	switch (t) {
	case ST_F16:
		*out = half(bits);
		return true;
	case ST_F32:
		*out = (double)single.f;
		return true;
	case ST_F64:
		*out = wide.f;
		return true;
	default:
		return false;
	}
}

static bool int_of(int64_t *out, enum st_dtype t, uint64_t bits)
{
	switch (t) {
	case ST_I8:
		*out = (int8_t)bits;
		return true;
	case ST_I16:
		*out = (int16_t)bits;
		return true;
	case ST_I32:
		*out = (int32_t)bits;
		return true;
	case ST_I64:
		*out = (int64_t)bits;
		return true;
	case ST_BOOL:
	case ST_U8:
	case ST_U16:
	case ST_U32:
		*out = (int64_t)bits;
		return true;
	default:
		return false;
	}
}

static bool loaded(const struct st_np_array *a, const struct st_pk *data)
{
	return data && data->kind == ST_PK_BYTES && data->str.p && data->str.len == a->nbytes;
}

static bool number_of(const struct st_np_array *a, const struct st_pk *data, struct st_conf *out)
{
	uint64_t bits;

	if (a->ndim || a->nbytes > 8 || !loaded(a, data))
		return false;
	bits = bits_of((const uint8_t *)data->str.p, data->str.len, a->type.big_endian);
	out->kind = a->type.dtype == ST_BOOL ? ST_CONF_BOOL : ST_CONF_INT;
	if (int_of(&out->i, a->type.dtype, bits))
		return true;
	out->kind = ST_CONF_REAL;
	return real_of(&out->f, a->type.dtype, bits);
}

bool st_twalk_number(const struct st_pk *n, struct st_conf *out)
{
	struct st_np_array a;
	const struct st_pk *data;

	return st_np_array_of(&a, &data, n) && number_of(&a, data, out);
}

/* An array without dimensions, or a scalar. */
static struct st_conf *scalar(struct st_twalk *w, const struct st_np_array *a,
			      const struct st_pk *data)
{
	struct st_conf c, *out;
	const uint8_t *p;
	double re, im;
	size_t n;

	if (!number_of(a, data, &c)) {
		p = (const uint8_t *)data->str.p;
		n = (size_t)a->nbytes / 2;
		if (!loaded(a, data))
			return st_conf_bytes(w, NULL, data->str.len);
		if (a->type.dtype == ST_U64)
			return st_conf_u64(w, bits_of(p, 8, a->type.big_endian));
		if ((a->type.dtype == ST_C64 || a->type.dtype == ST_C128) &&
		    real_of(&re, n == 4 ? ST_F32 : ST_F64, bits_of(p, n, a->type.big_endian)) &&
		    real_of(&im, n == 4 ? ST_F32 : ST_F64, bits_of(p + n, n, a->type.big_endian)))
			return st_conf_complex(w, re, im);
		return st_conf_bytes(w, data->str.p, data->str.len);
	}
	if (c.kind == ST_CONF_INT)
		return st_conf_int(w, c.i);
	out = st_conf_new(w, c.kind);
	if (out)
		*out = c;
	return out;
}

static int add_array(struct st_twalk *w, const struct st_np_array *a, const struct st_pk *data)
{
	struct st_tensor t;
	char note[64];
	int rc = st_torch_array(w->t, &t, a, data);

	if (rc == ST_OK)
		rc = st_twalk_tensor(w, &t, "");
	if (rc != ST_OK || a->type.dtype != ST_OPAQUE)
		return rc;
	snprintf(note, sizeof(note), "\"itemsize\":%" PRIu64, a->type.itemsize);
	return st_twalk_note(w, note);
}

/* An array of Python's objects: its elements, one behind the other, are the last of its state. */
static int objects(struct st_twalk *w, const struct st_np_array *a, const struct st_pk *n,
		   struct st_conf **out)
{
	static const char name[] = "numpy.ndarray";
	const struct st_pk *s = n->state, *list = NULL;
	struct st_conf *o = st_conf_object(w, 3), *items = NULL, *shape;
	int rc = st_map_put(&w->opaque, name, sizeof(name) - 1, 0, NULL, NULL, w->t->e);

	if (s && s->kind == ST_PK_TUPLE && s->seq.n)
		list = s->seq.v[s->seq.n - 1];
	if (rc == ST_OK && list && list->kind == ST_PK_LIST)
		rc = st_twalk_seq(w, list, list->seq.v, list->seq.n, &items);
	shape = st_conf_new(w, ST_CONF_LIST);
	if (shape)
		shape->v = st_conf_alloc(w, a->ndim, sizeof(*shape->v));
	for (unsigned i = 0; shape && shape->v && i < a->ndim; i++) {
		shape->v[i] = st_conf_u64(w, a->shape[i]);
		shape->n += shape->v[i] != NULL;
	}
	st_conf_add(w, o, "class", 5, st_conf_word(w, name));
	st_conf_add(w, o, "items", 5, items);
	st_conf_add(w, o, "shape", 5, shape);
	*out = o;
	return rc;
}

int st_twalk_array(struct st_twalk *w, const struct st_pk *n, bool *is, struct st_conf **out)
{
	const struct st_pk *data = NULL;
	struct st_np_array a;

	*is = st_np_array_of(&a, &data, n);
	if (!*is)
		return ST_OK;
	if (a.type.object || !data || data->kind != ST_PK_BYTES ||
	    (!data->str.p && data->str.off == ST_PK_NOWHERE) || data->str.len != a.nbytes)
		return objects(w, &a, n, out);
	if (a.ndim)
		return add_array(w, &a, data);
	*out = scalar(w, &a, data);
	return w->t->e->code;
}

/* A storage without a tensor around it is a vector. */
int st_twalk_storage(struct st_twalk *w, const struct st_pk *n, struct st_conf **out)
{
	struct st_torch_view v = { .at = n->at, .ndim = 1, .strides = { 1 } };
	struct st_tensor t;
	uint64_t first;
	int rc;

	v.s = st_torch_storage_of(w->t, n, &first);
	if (!v.s || !v.s->found) {
		*out = st_conf_elided(w, v.s ? "a storage that is not in the file" :
					       "an object that is not in the file");
		return w->t->e->code;
	}
	v.elem = (struct st_torch_elem){ v.s->dtype, v.s->elsize, 1 };
	v.first = first; /* of a part that legacy files name by offset and size */
	v.shape[0] = v.s->numel - first;
	rc = st_torch_view(w->t, &v, &t);
	return rc == ST_OK ? st_twalk_tensor(w, &t, "") : rc;
}
