/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/torch.h"
#include "tensor/gather.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define LIMIT ((uint64_t)1 << 20)
#define APART 4096 /* storage i begins at this times i + 1 */

/* Opcodes of protocol 2 as text; what follows a hexadecimal escape is a literal of its own. */
#define OPEN "("
#define TUPLE "t"
#define CALL "R"
#define G(module, name) "c" module "\n" name "\n"
#define TORCH(name) G("torch", name)
#define UTILS(name) G("torch._utils", name)
#define S1(c) "X\1\0\0\0" c
#define T1 "\x85"
#define T2 "\x86"
#define T3 "\x87"
#define HOOKS G("collections", "OrderedDict") ")R"
#define STORAGE(class, key, n)                            \
	OPEN "X\7\0\0\0storage" class S1(key) "X\3\0\0\0" \
					      "cpuK" n "tQ"
#define FLOATS(key, n) STORAGE(TORCH("FloatStorage"), key, n)
#define LONGS(key, n) STORAGE(TORCH("LongStorage"), key, n)
/* [n] of a storage of its own */
#define VECTOR(storage, n) \
	UTILS("_rebuild_tensor_v2") OPEN storage "K\0K" n T1 "K\1" T1 "\x89" HOOKS TUPLE CALL

struct load {
	struct st_layout l;
	struct st_pickle pk;
	struct st_torch t;
	struct st_source src;
	struct st_err e;
	uint8_t *copy;
};

/* Parses, collects, and lays the storages one behind the other. */
static int load(struct load *x, const void *p, size_t n)
{
	struct st_pickle_limits lim = { .memory = LIMIT, .steps = 100000 };
	int rc;

	memset(x, 0, sizeof(*x));
	x->copy = malloc(n);
	assert_non_null(x->copy);
	memcpy(x->copy, p, n);
	st_source_init_mem(&x->src, x->copy, n, "m");
	st_layout_init(&x->l);
	x->l.size = 1 << 20;
	x->t = (struct st_torch){ .l = &x->l,
				  .pk = &x->pk,
				  .src = &x->src,
				  .in_file = true,
				  .limit = LIMIT,
				  .e = &x->e };
	st_map_init(&x->t.by_key);
	rc = st_pickle_parse(&x->pk, &x->src, 0, n, &lim, &x->e);
	if (rc != ST_OK)
		fail_msg("the test's own pickle: %s", x->e.msg);
	rc = st_torch_collect(&x->t);
	for (size_t i = 0; i < x->t.n; i++) {
		x->t.storages[i].found = true;
		x->t.storages[i].offset = APART * (i + 1);
		x->t.storages[i].nbytes = x->t.storages[i].numel * x->t.storages[i].elsize;
	}
	return rc;
}

static void drop(struct load *x)
{
	st_torch_release(&x->t);
	st_layout_release(&x->l);
	free(x->copy);
}

/* A value of its own: PROTO 2, the text, STOP. */
static int load_text(struct load *x, const char *text, size_t n)
{
	uint8_t b[4096] = { 0x80, 2 };

	assert_true(n + 3 <= sizeof(b));
	memcpy(b + 2, text, n);
	b[n + 2] = '.';
	return load(x, b, n + 3);
}

/* ---- views ---- */

struct pickle { /* one that is built from numbers */
	uint8_t p[8192];
	size_t n;
};

static void put(struct pickle *b, const void *p, size_t n)
{
	assert_true(n <= sizeof(b->p) - b->n);
	memcpy(b->p + b->n, p, n);
	b->n += n;
}

#define PUT(b, text) put((b), text, sizeof(text) - 1)

static void put_int(struct pickle *b, int64_t v)
{
	uint8_t le[10] = { 0x8a, 8 };

	st_put64(le + 2, (uint64_t)v);
	put(b, le, sizeof(le));
}

static void put_ints(struct pickle *b, const int64_t *v, unsigned n)
{
	PUT(b, OPEN);
	for (unsigned i = 0; i < n; i++)
		put_int(b, v[i]);
	PUT(b, TUPLE);
}

static void put_name(struct pickle *b, const char *module, const char *name)
{
	char text[128];
	int n = snprintf(text, sizeof(text), "c%s\n%s\n", module, name);

	put(b, text, (size_t)n);
}

static void put_storage(struct pickle *b, const char *module, const char *class, int64_t numel)
{
	PUT(b, OPEN "X\7\0\0\0storage");
	put_name(b, module, class);
	PUT(b, S1("0") "X\3\0\0\0"
		       "cpu");
	put_int(b, numel);
	PUT(b, "tQ");
}

#define MAX64 INT64_MAX

static const struct view {
	int64_t numel, first;
	unsigned ndim;
	int64_t shape[4], strides[4];
	uint64_t off, nbytes; /* of f32, in the storage */
	bool strided;
	const char *reason; /* of a refusal */
} views[] = {
	{ 6, 0, 2, { 2, 3 }, { 3, 1 }, 0, 24, false, NULL },
	{ 1, 0, 0, { 0 }, { 0 }, 0, 4, false, NULL },
	{ 8, 7, 0, { 0 }, { 0 }, 28, 4, false, NULL },
	{ 6, 0, 2, { 3, 2 }, { 1, 3 }, 0, 24, true, NULL },	 /* transposed */
	{ 9, 2, 1, { 5 }, { 1 }, 8, 20, false, NULL },		 /* sliced */
	{ 60, 11, 2, { 2, 3 }, { 20, 3 }, 44, 108, true, NULL }, /* with steps */
	{ 4, 3, 1, { 5 }, { 0 }, 12, 4, true, NULL },		 /* expanded */
	{ 6, 0, 3, { 1, 2, 3 }, { 99, 3, 1 }, 0, 24, false, NULL },
	{ 6, 0, 3, { 2, 1, 3 }, { 3, 0, 1 }, 0, 24, false, NULL },
	{ 6, 0, 3, { 2, 3, 1 }, { 3, 1, MAX64 }, 0, 24, false, NULL },
	{ 6, 0, 2, { 2, 2 }, { 3, 1 }, 0, 20, true, NULL }, /* the last row is not whole */
	{ 6, 0, 2, { 0, 3 }, { 3, 1 }, 0, 0, false, NULL },
	{ 6, 6, 1, { 0 }, { 1 }, 24, 0, false, NULL },
	{ 0, 0, 1, { 0 }, { 1 }, 0, 0, false, NULL },
	{ 6, 900, 1, { 0 }, { 1 }, 24, 0, false, NULL }, /* empty, wherever it says to lie */
	{ 6, 0, 2, { 3, 0 }, { MAX64, MAX64 }, 0, 0, false, NULL },
	{ 6, 0, 1, { 7 }, { 1 }, 0, 0, false, "reaches outside its storage \"0\", which has 24" },
	{ 6, 1, 2, { 2, 3 }, { 3, 1 }, 0, 0, false, "reaches outside" },
	{ 6, 6, 0, { 0 }, { 0 }, 0, 0, false, "reaches outside" },
	{ 0, 0, 0, { 0 }, { 0 }, 0, 0, false, "reaches outside" },
	{ 6, 0, 1, { 2 }, { 6 }, 0, 0, false, "reaches outside" },
	{ 6, MAX64, 1, { 1 }, { 1 }, 0, 0, false, "reaches outside" },
	{ 6, 0, 1, { MAX64 }, { 1 }, 0, 0, false, "reaches outside" },
	{ 6, 0, 1, { 2 }, { MAX64 }, 0, 0, false, "reaches outside" },
	{ 6, 1, 3, { 2, 2, 2 }, { MAX64, MAX64, 1 }, 0, 0, false, "strides that exceed" },
	{ 6, 0, 1, { 5 }, { INT64_C(1) << 62 }, 0, 0, false, "strides that exceed" },
	{ 6, 0, 1, { 3 }, { INT64_C(1) << 61 }, 0, 0, false, "reaches outside" },
	{ 6, 0, 2, { INT64_C(1) << 32, INT64_C(1) << 32 }, { 0, 0 }, 0, 0, false, "product" },
	{ 6, 0, 3, { INT64_C(1) << 32, INT64_C(1) << 32, 0 }, { 0 }, 0, 0, false, "product" },
	{ 6, -1, 1, { 1 }, { 1 }, 0, 0, false, "begins before its storage" },
	{ 6, 0, 1, { -1 }, { 1 }, 0, 0, false, "negative size" },
	{ 6, 5, 1, { 2 }, { -1 }, 0, 0, false, "negative stride" },
	{ 6, 5, 1, { 1 }, { -1 }, 0, 0, false, "negative stride" },
	{ -1, 0, 1, { 1 }, { 1 }, 0, 0, false, "the persistent id at offset" },
	{ MAX64, 0, 1, { 1 }, { 1 }, 0, 0, false, "elements exceed 64 bits" },
};

static int value_of_view(struct load *x, const struct view *v, bool *is, struct st_torch_value *out)
{
	struct pickle b = { .n = 0 };
	int rc;

	PUT(&b, "\x80\2" UTILS("_rebuild_tensor_v2") OPEN);
	put_storage(&b, "torch", "FloatStorage", v->numel);
	put_int(&b, v->first);
	put_ints(&b, v->shape, v->ndim);
	put_ints(&b, v->strides, v->ndim);
	PUT(&b, "\x89" HOOKS TUPLE CALL ".");
	rc = load(x, b.p, b.n);
	return rc == ST_OK ? st_torch_value_of(&x->t, x->pk.root, is, out) : rc;
}

static void test_views(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(views); i++) {
		const struct view *v = &views[i];
		struct st_torch_value out;
		struct load x;
		bool is = false;
		int rc = value_of_view(&x, v, &is, &out);

		if (v->reason) {
			assert_int_equal(rc, ST_EFORMAT);
			if (!strstr(x.e.msg, v->reason) || !strstr(x.e.msg, "offset"))
				fail_msg("view %zu: %s, not %s", i, x.e.msg, v->reason);
		} else {
			const struct st_tensor *t = &out.parts[0].tensor;

			if (rc != ST_OK)
				fail_msg("view %zu: %s", i, x.e.msg);
			assert_true(is);
			assert_int_equal(out.n, 1);
			assert_string_equal(out.parts[0].suffix, "");
			assert_null(out.note);
			assert_int_equal(t->dtype, ST_F32);
			assert_int_equal(t->where, ST_IN_FILE);
			assert_int_equal(t->offset, APART + v->off);
			assert_int_equal(t->nbytes, v->nbytes);
			assert_int_equal(t->ndim, v->ndim);
			assert_int_equal(t->strides != NULL, v->strided);
			for (unsigned d = 0; d < v->ndim; d++) {
				assert_int_equal(t->shape[d], v->shape[d]);
				if (t->strides)
					assert_int_equal(t->strides[d], v->strides[d]);
			}
		}
		drop(&x);
	}
}

static void test_dimensions(void **state)
{
	struct pickle b = { .n = 0 };
	int64_t ones[ST_MAX_NDIM + 1];
	struct st_torch_value out;
	struct load x;
	bool is;

	(void)state;
	for (size_t i = 0; i < COUNT(ones); i++)
		ones[i] = 1;
	for (unsigned ndim = ST_MAX_NDIM; ndim <= ST_MAX_NDIM + 1; ndim++) {
		b.n = 0;
		PUT(&b, "\x80\2" UTILS("_rebuild_tensor") OPEN);
		put_storage(&b, "torch", "FloatStorage", 1);
		put_int(&b, 0);
		put_ints(&b, ones, ndim);
		put_ints(&b, ones, ndim);
		PUT(&b, TUPLE CALL ".");
		assert_int_equal(load(&x, b.p, b.n), ST_OK);
		assert_int_equal(st_torch_value_of(&x.t, x.pk.root, &is, &out),
				 ndim > ST_MAX_NDIM ? ST_EFORMAT : ST_OK);
		if (ndim > ST_MAX_NDIM)
			assert_non_null(strstr(x.e.msg, "more than 64 dimensions"));
		drop(&x);
	}
}

/* ---- types ---- */

static const struct {
	const char *module, *class;
	enum st_dtype dtype;
	unsigned elsize;
} classes[] = {
	{ "torch", "FloatStorage", ST_F32, 4 },
	{ "torch", "DoubleStorage", ST_F64, 8 },
	{ "torch", "HalfStorage", ST_F16, 2 },
	{ "torch", "BFloat16Storage", ST_BF16, 2 },
	{ "torch", "LongStorage", ST_I64, 8 },
	{ "torch", "IntStorage", ST_I32, 4 },
	{ "torch", "ShortStorage", ST_I16, 2 },
	{ "torch", "CharStorage", ST_I8, 1 },
	{ "torch", "ByteStorage", ST_U8, 1 },
	{ "torch", "BoolStorage", ST_BOOL, 1 },
	{ "torch", "ComplexFloatStorage", ST_C64, 8 },
	{ "torch", "ComplexDoubleStorage", ST_C128, 16 },
	{ "torch", "QInt8Storage", ST_I8, 1 },
	{ "torch", "QUInt8Storage", ST_U8, 1 },
	{ "torch", "QInt32Storage", ST_I32, 4 },
	{ "torch", "QUInt4x2Storage", ST_OPAQUE, 1 },
	{ "torch", "QUInt2x4Storage", ST_OPAQUE, 1 },
	{ "torch.cuda", "HalfStorage", ST_F16, 2 },
	{ "torch.storage", "UntypedStorage", ST_U8, 1 },
	{ "torch.storage", "_UntypedStorage", ST_U8, 1 },
	{ "torch", "Float8_e4m3fnStorage", ST_F8_E4M3, 1 },
	{ "torch", "UInt16Storage", ST_U16, 2 },
	{ "torch", "ComplexHalfStorage", ST_C32, 4 },
	{ "torch", "TomorrowsStorage", ST_OPAQUE, 0 },
};

static void test_classes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(classes); i++) {
		struct pickle b = { .n = 0 };
		struct load x;

		PUT(&b, "\x80\2");
		put_storage(&b, classes[i].module, classes[i].class, 4);
		PUT(&b, ".");
		assert_int_equal(load(&x, b.p, b.n), ST_OK);
		assert_int_equal(x.t.n, 1);
		if (x.t.storages[0].dtype != classes[i].dtype ||
		    x.t.storages[0].elsize != classes[i].elsize)
			fail_msg("%s", classes[i].class);
		assert_int_equal(x.t.storages[0].opaque, classes[i].dtype == ST_OPAQUE);
		assert_int_equal(x.t.storages[0].numel, 4);
		assert_int_equal(x.t.storages[0].at, b.n - 2); /* BINPERSID */
		drop(&x);
	}
}

static const struct {
	const char *name;
	enum st_dtype dtype;
	uint64_t nbytes; /* of the first [2,3] of a storage of 96 bytes */
} dtypes[] = {
	{ "float32", ST_F32, 24 },
	{ "uint16", ST_U16, 12 },
	{ "uint32", ST_U32, 24 },
	{ "uint64", ST_U64, 48 },
	{ "float8_e4m3fn", ST_F8_E4M3, 6 },
	{ "float8_e5m2", ST_F8_E5M2, 6 },
	{ "float8_e4m3fnuz", ST_F8_E4M3FNUZ, 6 },
	{ "float8_e5m2fnuz", ST_F8_E5M2FNUZ, 6 },
	{ "float8_e8m0fnu", ST_F8_E8M0, 6 },
	{ "complex32", ST_C32, 24 },
	{ "complex128", ST_C128, 96 },
	{ "bits16", ST_OPAQUE, 12 },
	{ "bits8", ST_OPAQUE, 6 },
	{ "uint1", ST_OPAQUE, 6 },
	{ "int7", ST_OPAQUE, 6 },
	{ "float4_e2m1fn_x2", ST_OPAQUE, 6 },
	{ "tomorrow", ST_OPAQUE, 96 }, /* all there is */
};

static void test_dtypes(void **state)
{
	static const int64_t shape[] = { 2, 3 }, strides[] = { 3, 1 };

	(void)state;
	for (size_t i = 0; i < COUNT(dtypes); i++) {
		struct pickle b = { .n = 0 };
		struct st_torch_value out;
		struct load x;
		bool is;

		PUT(&b, "\x80\2" UTILS("_rebuild_tensor_v3") OPEN);
		put_storage(&b, "torch.storage", "UntypedStorage", 96);
		put_int(&b, 0);
		put_ints(&b, shape, 2);
		put_ints(&b, strides, 2);
		PUT(&b, "\x89" HOOKS);
		put_name(&b, "torch", dtypes[i].name);
		PUT(&b, TUPLE CALL ".");
		assert_int_equal(load(&x, b.p, b.n), ST_OK);
		assert_int_equal(st_torch_value_of(&x.t, x.pk.root, &is, &out), ST_OK);
		assert_true(is);
		if (out.parts[0].tensor.dtype != dtypes[i].dtype ||
		    out.parts[0].tensor.nbytes != dtypes[i].nbytes)
			fail_msg("%s", dtypes[i].name);
		drop(&x);
	}
}

/* ---- calls ---- */

#define LAYOUT(name, n) G("torch.serialization", "_get_layout") "X" n "\0\0\0torch." name T1 CALL
#define SIZE33 TORCH("Size") "K\3K\3" T2 T1 CALL
#define FROM_TYPE G("torch._tensor", "_rebuild_from_type_v2")
#define V2_ARGS(n) OPEN FLOATS("0", n) "K\0K" n T1 "K\1" T1 "\x89" HOOKS TUPLE
#define QTENSOR(class, first, n, params)                                          \
	UTILS("_rebuild_qtensor")                                                 \
	OPEN STORAGE(TORCH(class), "0", "\10") "K" first "K" n T1 "K\1" T1 params \
					       "\x89" HOOKS TUPLE CALL

#define TEXT(s) s, sizeof(s) - 1

static const struct {
	const char *text;
	size_t len;
	const char *suffixes; /* one after the other; NULL: no tensor */
	const char *note;
	enum st_pk_kind state;
} calls[] = {
	{ TEXT(VECTOR(FLOATS("0", "\3"), "\3")), ";", NULL, ST_PK_NONE },
	/* attributes that change how the bytes are read */
	{ TEXT(UTILS("_rebuild_tensor_v2") OPEN STORAGE(TORCH("ComplexFloatStorage"), "0",
							"\2") "K\0K\2" T1 "K\1" T1 "\x89" HOOKS
							      "}(X\4\0\0\0"
							      "conj\x88X\3\0\0\0"
							      "neg\x89u" TUPLE CALL),
	  ";", "\"conj\":true", ST_PK_NONE },
	/* parameters */
	{ TEXT(UTILS("_rebuild_parameter")
		       OPEN VECTOR(FLOATS("0", "\3"), "\3") "\x88" HOOKS TUPLE CALL),
	  ";", NULL, ST_PK_NONE },
	{ TEXT(UTILS("_rebuild_parameter_with_state") OPEN VECTOR(
		  FLOATS("0", "\3"), "\3") "\x88" HOOKS "}" S1("a") "K\1s" TUPLE CALL),
	  ";", NULL, ST_PK_DICT },
	{ TEXT(G("torch.nn.parameter", "Parameter") VECTOR(FLOATS("0", "\3"), "\3") "\x88" T2 CALL),
	  ";", NULL, ST_PK_NONE },
	/* subclasses */
	{ TEXT(FROM_TYPE OPEN UTILS("_rebuild_tensor_v2") G("my", "Sub")
		       V2_ARGS("\3") "}" S1("a") "K\1s" TUPLE CALL),
	  ";", "\"class\":\"my.Sub\"", ST_PK_DICT },
	{ TEXT(FROM_TYPE OPEN UTILS("_rebuild_tensor_v2") TORCH("Tensor")
		       V2_ARGS("\3") "}" TUPLE CALL),
	  ";", NULL, ST_PK_DICT },
	{ TEXT(FROM_TYPE OPEN UTILS("_rebuild_wrapper_subclass") G("my", "Wrap")
		       OPEN G("my", "Wrap") TORCH("float32") "K\2" T1 "K\1" T1 "K\0N" S1(
			       "d") "\x89" TUPLE "}" TUPLE CALL),
	  "", "\"class\":\"my.Wrap\",\"dtype\":\"f32\",\"size\":[2]", ST_PK_DICT },
	{ TEXT(FROM_TYPE OPEN G("my", "unknown") G("my", "Sub") V2_ARGS("\3") "}" TUPLE CALL), NULL,
	  NULL, ST_PK_NONE },
	/* sparse ones */
	{ TEXT(UTILS("_rebuild_sparse_tensor") LAYOUT("sparse_coo", "\20")
		       OPEN VECTOR(LONGS("0", "\2"), "\2") VECTOR(FLOATS("1", "\2"), "\2") SIZE33
	       "\x88" TUPLE T2 CALL),
	  ".indices;.values;", "\"layout\":\"sparse_coo\",\"size\":[3,3],\"is_coalesced\":true",
	  ST_PK_NONE },
	{ TEXT(UTILS("_rebuild_sparse_csr_tensor") LAYOUT("sparse_csr", "\20")
		       OPEN VECTOR(LONGS("0", "\2"), "\2") VECTOR(LONGS("1", "\2"), "\2")
			       VECTOR(FLOATS("2", "\2"), "\2") SIZE33 TUPLE T2 CALL),
	  ".crow_indices;.col_indices;.values;", "\"layout\":\"sparse_csr\",\"size\":[3,3]",
	  ST_PK_NONE },
	{ TEXT(UTILS("_rebuild_sparse_tensor") LAYOUT("sparse_bsc", "\20")
		       OPEN VECTOR(LONGS("0", "\2"), "\2") VECTOR(LONGS("1", "\2"), "\2")
			       VECTOR(FLOATS("2", "\2"), "\2") SIZE33 TUPLE T2 CALL),
	  ".ccol_indices;.row_indices;.values;", "\"layout\":\"sparse_bsc\",\"size\":[3,3]",
	  ST_PK_NONE },
	/* quantised ones */
	{ TEXT(QTENSOR("QInt8Storage", "\0", "\10",
		       TORCH("per_tensor_affine") "G\x3f\xe0\0\0\0\0\0\0K\3" T3)),
	  ";",
	  "\"quantizer\":{\"scheme\":\"torch.per_tensor_affine\",\"scale\":0.5,\"zero_point\":3}",
	  ST_PK_NONE },
	{ TEXT(QTENSOR("QUInt8Storage", "\0", "\10",
		       OPEN TORCH("per_channel_affine") VECTOR(FLOATS("1", "\2"), "\2")
			       VECTOR(LONGS("2", "\2"), "\2") "K\0" TUPLE)),
	  ";.scales;.zero_points;",
	  "\"quantizer\":{\"scheme\":\"torch.per_channel_affine\",\"axis\":0}", ST_PK_NONE },
	{ TEXT(QTENSOR("QUInt8Storage", "\0", "\10",
		       OPEN TORCH("per_channel_affine") "](K\1K\2e](K\3K\4eK\0" TUPLE)),
	  ";",
	  "\"quantizer\":{\"scheme\":\"torch.per_channel_affine\",\"scales\":[1,2],"
	  "\"zero_points\":[3,4],\"axis\":0}",
	  ST_PK_NONE },
	/* without a storage */
	{ TEXT(UTILS("_rebuild_meta_tensor_no_storage")
		       OPEN TORCH("bfloat16") "K\2K\3" T2 "K\3K\1" T2 "\x89" TUPLE CALL),
	  "", "\"device\":\"meta\",\"dtype\":\"bf16\",\"size\":[2,3]", ST_PK_NONE },
	{ TEXT(UTILS("_rebuild_nested_tensor") OPEN VECTOR(FLOATS("0", "\4"), "\4")
		       VECTOR(LONGS("1", "\2"), "\2") VECTOR(LONGS("2", "\2"), "\2")
			       VECTOR(LONGS("3", "\2"), "\2") TUPLE CALL),
	  ".values;.sizes;.strides;.offsets;", "\"layout\":\"nested\"", ST_PK_NONE },
	{ TEXT(UTILS("_rebuild_nested_tensor") OPEN VECTOR(FLOATS("0", "\4"), "\4") VECTOR(
		  LONGS("1", "\2"), "\2") VECTOR(LONGS("2", "\2"), "\2") "](K\0K\2e" TUPLE CALL),
	  ".values;.sizes;.strides;", "\"layout\":\"nested\",\"offsets\":[0,2]", ST_PK_NONE },
	{ TEXT(UTILS("_rebuild_device_tensor_from_cpu_tensor") OPEN VECTOR(FLOATS("0", "\3"), "\3")
		       TORCH("float32") S1("x") "\x89" TUPLE CALL),
	  ";", NULL, ST_PK_NONE },
	/* the oldest */
	{ TEXT(G("torch.cuda", "FloatTensor") OPEN FLOATS("0", "\3") "K\0K\3" T1
								     "K\1" T1 TUPLE CALL),
	  ";", NULL, ST_PK_NONE },
	{ TEXT(TORCH("FloatTensor") ")\x81" OPEN FLOATS("0", "\3") "K\0K\3" T1 "K\1" T1 TUPLE "b"),
	  ";", NULL, ST_PK_NONE },
	{ TEXT(G("torch.autograd.variable",
		 "Variable") ")\x81" OPEN VECTOR(FLOATS("0", "\3"), "\3") "NN\x89N" TUPLE "b"),
	  ";", NULL, ST_PK_NONE },
	/* a storage for itself */
	{ TEXT(FLOATS("0", "\3")), ";", NULL, ST_PK_NONE },
	/* none at all */
	{ TEXT(UTILS("_rebuild_tensor_v2") OPEN "NK\0K\3" T1 "K\1" T1 "\x89" HOOKS TUPLE CALL),
	  NULL, NULL, ST_PK_NONE },
	{ TEXT(G("os", "system") S1("x") T1 CALL), NULL, NULL, ST_PK_NONE },
	{ TEXT(TORCH("Size") "K\3" T1 T1 CALL), NULL, NULL, ST_PK_NONE },
	{ TEXT(TORCH("Tensor") ")\x81"), NULL, NULL, ST_PK_NONE },
	{ TEXT(G("torch.nn.parameter", "Parameter") ")\x81"), NULL, NULL, ST_PK_NONE },
	{ TEXT(G("other", "FloatTensor") OPEN FLOATS("0", "\3") "K\0K\3" T1 "K\1" T1 TUPLE CALL),
	  NULL, NULL, ST_PK_NONE },
	{ TEXT(OPEN "X\6\0\0\0moduleNNN" TUPLE "Q"), NULL, NULL, ST_PK_NONE },
	{ TEXT("K\1"), NULL, NULL, ST_PK_NONE },
	{ TEXT("N"), NULL, NULL, ST_PK_NONE },
};

static void check_call(size_t i, const struct st_torch_value *out)
{
	char got[128] = "";

	for (size_t k = 0; k < out->n; k++) {
		size_t n = strlen(got);

		snprintf(got + n, sizeof(got) - n, "%s;", out->parts[k].suffix);
		assert_non_null(out->parts[k].tensor.shape);
	}
	if (strcmp(got, calls[i].suffixes) != 0)
		fail_msg("call %zu: parts %s", i, got);
	if (strcmp(out->note ? out->note : "-", calls[i].note ? calls[i].note : "-") != 0)
		fail_msg("call %zu: note %s", i, out->note ? out->note : "-");
	assert_int_equal(out->state != NULL, calls[i].state != ST_PK_NONE);
}

static void test_calls(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(calls); i++) {
		struct st_torch_value out;
		struct load x;
		bool is;

		if (load_text(&x, calls[i].text, calls[i].len) != ST_OK ||
		    st_torch_value_of(&x.t, x.pk.root, &is, &out) != ST_OK)
			fail_msg("call %zu: %s", i, x.e.msg);
		assert_int_equal(is, calls[i].suffixes != NULL);
		if (is)
			check_call(i, &out);
		drop(&x);
	}
}

static const struct {
	const char *text;
	size_t len;
	const char *reason;
} bad_calls[] = {
	{ TEXT(UTILS("_rebuild_tensor_v2") OPEN FLOATS("0", "\3") TUPLE CALL),
	  "too few arguments" },
	{ TEXT(UTILS("_rebuild_tensor") OPEN FLOATS("0", "\3") "NK\3" T1 "K\1" T1 TUPLE CALL),
	  "no whole numbers" },
	{ TEXT(UTILS("_rebuild_tensor") OPEN FLOATS("0", "\3") "K\0NK\1" T1 TUPLE CALL),
	  "no whole numbers" },
	{ TEXT(UTILS("_rebuild_tensor") OPEN FLOATS("0", "\3") "K\0K\3" T1 ")" TUPLE CALL),
	  "no whole numbers" },
	{ TEXT(UTILS("_rebuild_tensor") OPEN FLOATS("0", "\3") "K\0N" T1 "K\1" T1 TUPLE CALL),
	  "no whole numbers" },
	{ TEXT(UTILS("_rebuild_sparse_tensor") LAYOUT("sparse_coo", "\20") "NN" T2 T2 CALL),
	  "too few parts" },
	{ TEXT(UTILS("_rebuild_sparse_tensor") LAYOUT("sparse_coo", "\20") "NNN" T3 T2 CALL),
	  "no dense tensor" },
	{ TEXT(UTILS("_rebuild_sparse_tensor") LAYOUT("sparse_coo", "\20") "N" T2 CALL),
	  "no parts" },
	{ TEXT(UTILS("_rebuild_sparse_tensor") LAYOUT("sparse_new", "\20") "NNN" T3 T2 CALL),
	  "unknown layout" },
	{ TEXT(UTILS("_rebuild_sparse_csr_tensor") LAYOUT("sparse_csr", "\20") "NNN" T3 T2 CALL),
	  "too few parts" },
	{ TEXT(QTENSOR("QInt8Storage", "\0", "\10", "N")), "no quantizer" },
	{ TEXT(QTENSOR("QInt8Storage", "\0", "\10", "N" T1)), "unknown quantizer" },
	{ TEXT(OPEN "X\7\0\0\0storage" TUPLE "Q"), "is not ('storage', class, key" },
	{ TEXT(STORAGE("N", "0", "\1")), "names no class" },
	{ TEXT(STORAGE(G("builtins", "FloatStorage"), "0", "\1")), "names no class" },
	{ TEXT(STORAGE(TORCH("FloatTensor"), "0", "\1")), "names no class" },
};

static void test_bad_calls(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad_calls); i++) {
		struct st_torch_value out;
		struct load x;
		bool is;
		int rc = load_text(&x, bad_calls[i].text, bad_calls[i].len);

		if (rc == ST_OK)
			rc = st_torch_value_of(&x.t, x.pk.root, &is, &out);
		if (rc != ST_EFORMAT || !strstr(x.e.msg, bad_calls[i].reason) ||
		    !strstr(x.e.msg, "offset"))
			fail_msg("call %zu: %d %s", i, rc, x.e.msg);
		drop(&x);
	}
}

/* 4 or 2 bits to an element: the shape counts elements, the bytes are what they fill. */
static void test_packed_types(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		uint64_t off, nbytes;
	} rows[] = {
#define PER_TENSOR TORCH("per_tensor_affine") "K\1K\0" T3
		{ TEXT(QTENSOR("QUInt4x2Storage", "\0", "\17", PER_TENSOR)), 0, 8 },
		{ TEXT(QTENSOR("QUInt4x2Storage", "\0", "\20", PER_TENSOR)), 0, 8 },
		{ TEXT(QTENSOR("QUInt4x2Storage", "\0", "\1", PER_TENSOR)), 0, 1 },
		{ TEXT(QTENSOR("QUInt4x2Storage", "\4", "\3", PER_TENSOR)), 2, 2 },
		{ TEXT(QTENSOR("QUInt4x2Storage", "\3", "\2", PER_TENSOR)), 1, 2 },
		{ TEXT(QTENSOR("QUInt2x4Storage", "\0", "\17", PER_TENSOR)), 0, 4 },
		{ TEXT(QTENSOR("QUInt2x4Storage", "\0", "\40", PER_TENSOR)), 0, 8 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct st_torch_value out;
		struct load x;
		bool is;

		assert_int_equal(load_text(&x, rows[i].text, rows[i].len), ST_OK);
		assert_int_equal(st_torch_value_of(&x.t, x.pk.root, &is, &out), ST_OK);
		assert_int_equal(out.parts[0].tensor.dtype, ST_OPAQUE);
		assert_int_equal(out.parts[0].tensor.offset, APART + rows[i].off);
		assert_int_equal(out.parts[0].tensor.nbytes, rows[i].nbytes);
		drop(&x);
	}
}

/* ---- storages ---- */

#define ID6(key, n, view) \
	OPEN "X\7\0\0\0storage" TORCH("FloatStorage") S1(key) "X\3\0\0\0cpuK" n view "tQ"
#define VIEW(first, n) OPEN S1("v") "K" first "K" n TUPLE

static void test_view_metadata(void **state)
{
	static const char good[] = VECTOR(ID6("0", "\11", VIEW("\2", "\4")), "\3");
	static const char bare[] = ID6("0", "\11", VIEW("\2", "\4"));
	static const char none[] = VECTOR(ID6("0", "\11", "N"), "\3");
	static const char outside[] = VECTOR(ID6("0", "\11", VIEW("\6", "\4")), "\3");
	static const char odd[] = VECTOR(ID6("0", "\11", "K\1"), "\3");
	struct st_torch_value out;
	struct load x;
	bool is;

	(void)state;
	assert_int_equal(load_text(&x, TEXT(good)), ST_OK);
	assert_int_equal(st_torch_value_of(&x.t, x.pk.root, &is, &out), ST_OK);
	assert_int_equal(out.parts[0].tensor.offset, APART + 8);
	assert_int_equal(out.parts[0].tensor.nbytes, 12);
	drop(&x);
	assert_int_equal(load_text(&x, TEXT(bare)), ST_OK);
	assert_int_equal(st_torch_value_of(&x.t, x.pk.root, &is, &out), ST_OK);
	assert_int_equal(out.parts[0].tensor.offset, APART + 8);
	assert_int_equal(out.parts[0].tensor.shape[0], 4);
	drop(&x);
	assert_int_equal(load_text(&x, TEXT(none)), ST_OK);
	assert_int_equal(st_torch_value_of(&x.t, x.pk.root, &is, &out), ST_OK);
	assert_int_equal(out.parts[0].tensor.offset, APART);
	drop(&x);
	assert_int_equal(load_text(&x, TEXT(outside)), ST_EFORMAT);
	assert_non_null(strstr(x.e.msg, "reaches to element 10 of storage \"0\", which has 9"));
	drop(&x);
	assert_int_equal(load_text(&x, TEXT(odd)), ST_EFORMAT);
	assert_non_null(strstr(x.e.msg, "the persistent id at offset"));
	drop(&x);
}

/* Wherever in the object; in order of the stream; the first one decides. */
static void test_collect(void **state)
{
	static const char text[] = OPEN "}" FLOATS("b", "\1")
		LONGS("a", "\2") "s"				/* key and value */
		G("x", "Y") ")\x81" LONGS("c", "\3") "b"	/* state */
		G("x", "f") FLOATS("d", "\4") T1 CALL		/* argument */
			STORAGE(TORCH("IntStorage"), "b", "\7") /* again */
		"(((((((" FLOATS("e", "\5") "ttttttt" TUPLE;
	static const char keys[] = "bacde";
	struct st_torch_value out;
	struct load x;
	bool is;

	(void)state;
	assert_int_equal(load_text(&x, TEXT(text)), ST_OK);
	assert_int_equal(x.t.n, strlen(keys));
	for (size_t i = 0; i < x.t.n; i++) {
		assert_int_equal(x.t.storages[i].key[0], keys[i]);
		assert_int_equal(x.t.storages[i].key_len, 1);
		assert_int_equal(x.t.storages[i].numel, i + 1);
	}
	assert_int_equal(x.t.storages[0].dtype, ST_F32);
	assert_int_equal(x.pk.root->kind, ST_PK_TUPLE);
	assert_int_equal(st_torch_value_of(&x.t, x.pk.root->seq.v[3], &is, &out), ST_OK);
	assert_true(is);
	assert_int_equal(out.parts[0].tensor.dtype, ST_F32);
	assert_int_equal(out.parts[0].tensor.nbytes, 4);
	drop(&x);
}

/* A list that holds itself, and one node in many places. */
static void test_circle(void **state)
{
	static const char text[] = "]q\0(h\0h\0h\0" FLOATS("0", "\1") "q\1h\1h\1e";
	struct load x;

	(void)state;
	assert_int_equal(load_text(&x, TEXT(text)), ST_OK);
	assert_int_equal(x.t.n, 1);
	drop(&x);
}

static void test_where(void **state)
{
	static const char text[] = VECTOR(LONGS("0", "\3"), "\3");
	static const char bytes[] = VECTOR(STORAGE(TORCH("ByteStorage"), "0", "\3"), "\3");
	static const struct st_packed packed = { .offset = 7, .csize = 9, .usize = 24 };
	struct st_torch_value out;
	struct load x;
	bool is;

	(void)state;
	assert_int_equal(load_text(&x, TEXT(text)), ST_OK);
	x.t.storages[0].packed = &packed;
	x.t.storages[0].big_endian = true;
	assert_int_equal(st_torch_value_of(&x.t, x.pk.root, &is, &out), ST_OK);
	assert_int_equal(out.parts[0].tensor.where, ST_PACKED);
	assert_ptr_equal(out.parts[0].tensor.packed, &packed);
	assert_int_equal(out.parts[0].tensor.offset, 0);
	assert_true(out.parts[0].tensor.big_endian);
	drop(&x);
	assert_int_equal(load_text(&x, TEXT(bytes)), ST_OK);
	x.t.storages[0].big_endian = true;
	assert_int_equal(st_torch_value_of(&x.t, x.pk.root, &is, &out), ST_OK);
	assert_false(out.parts[0].tensor.big_endian); /* a byte has no order */
	drop(&x);
	assert_int_equal(load_text(&x, TEXT(text)), ST_OK);
	x.t.storages[0].found = false;
	assert_int_equal(st_torch_value_of(&x.t, x.pk.root, &is, &out), ST_EFORMAT);
	assert_non_null(strstr(x.e.msg, "lies in storage \"0\", which is not in the file"));
	drop(&x);
	assert_int_equal(load_text(&x, TEXT(text)), ST_OK);
	x.t.storages[0].found = false;
	x.t.storages[0].meta = true;
	assert_int_equal(st_torch_value_of(&x.t, x.pk.root, &is, &out), ST_OK);
	assert_true(is);
	assert_int_equal(out.n, 0);
	assert_string_equal(out.note, "\"device\":\"meta\",\"dtype\":\"i64\",\"size\":[3]");
	drop(&x);
}

static void test_deep(void **state)
{
	struct pickle b = { .n = 0 };
	struct st_torch_value out;
	struct load x;
	bool is;

	(void)state;
	PUT(&b, "\x80\2");
	for (unsigned i = 0; i < 40; i++)
		PUT(&b, UTILS("_rebuild_parameter"));
	PUT(&b, FLOATS("0", "\1"));
	for (unsigned i = 0; i < 40; i++)
		PUT(&b, T1 CALL);
	PUT(&b, ".");
	assert_int_equal(load(&x, b.p, b.n), ST_OK);
	assert_int_equal(st_torch_value_of(&x.t, x.pk.root, &is, &out), ST_EFORMAT);
	assert_non_null(strstr(x.e.msg, "nested too deep"));
	drop(&x);
}

/* ---- NumPy arrays in the pickle ---- */

/* Four numbers of two bytes as NumPy pickles them; data: the opcode that brings the bytes. */
#define DTYPE(order)                                                          \
	G("numpy", "dtype")                                                   \
	"X\2\0\0\0i2\x89\x88" T3 CALL "(K\3" S1(order) "NNNJ\xff\xff\xff\xff" \
						       "J\xff\xff\xff\xff"    \
						       "K\0tb"
#define ARRAY(dtype, data)                         \
	G("numpy.core.multiarray", "_reconstruct") \
	G("numpy", "ndarray") "K\0" T1 "C\1b" T3 CALL "(K\1K\2K\2" T2 dtype "\x89" data "tb"

static void test_arrays(void **state)
{
	static const char in_stream[] = UTILS("_rebuild_device_tensor_from_numpy")
		OPEN ARRAY(DTYPE("<"), "C\10abcdefgh") TORCH("int16") S1("x") "\x89" TUPLE CALL;
	static const char latin[] = UTILS("_rebuild_xla_tensor")
		OPEN ARRAY(DTYPE(">"), G("_codecs", "encode") "X\10\0\0\0"
							      "abcdefgh"
							      "X\6\0\0\0latin1" T2 CALL)
			TORCH("bfloat16") S1("x") "\x89" TUPLE CALL;
	struct st_torch_value out;
	const struct st_tensor *t = &out.parts[0].tensor;
	uint8_t got[8];
	struct load x;
	bool is;

	(void)state;
	assert_int_equal(load_text(&x, TEXT(in_stream)), ST_OK);
	assert_int_equal(st_torch_value_of(&x.t, x.pk.root, &is, &out), ST_OK);
	assert_true(is);
	assert_null(out.note);
	assert_int_equal(t->dtype, ST_I16);
	assert_int_equal(t->where, ST_IN_FILE);
	assert_int_equal(t->nbytes, 8);
	assert_int_equal(st_source_read(&x.src, got, 8, t->offset, &x.e), ST_OK);
	assert_memory_equal(got, "abcdefgh", 8);
	drop(&x);
	assert_int_equal(load_text(&x, TEXT(latin)), ST_OK);
	assert_int_equal(st_torch_value_of(&x.t, x.pk.root, &is, &out), ST_OK);
	assert_true(is);
	assert_string_equal(out.note, "\"dtype\":\"bf16\"");
	if (t->where == ST_HELD)
		assert_memory_equal(t->held, "badcfehg", 8);
	else
		assert_true(t->big_endian);
	drop(&x);
	/* what is held is paid for */
	assert_int_equal(load_text(&x, TEXT(latin)), ST_OK);
	x.t.limit = 7;
	if (st_torch_value_of(&x.t, x.pk.root, &is, &out) == ST_OK)
		assert_int_equal(t->where, ST_IN_FILE);
	else
		assert_int_equal(x.e.code, ST_ELIMIT);
	drop(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_views),	     cmocka_unit_test(test_dimensions),
		cmocka_unit_test(test_classes),	     cmocka_unit_test(test_dtypes),
		cmocka_unit_test(test_calls),	     cmocka_unit_test(test_bad_calls),
		cmocka_unit_test(test_packed_types), cmocka_unit_test(test_view_metadata),
		cmocka_unit_test(test_collect),	     cmocka_unit_test(test_circle),
		cmocka_unit_test(test_where),	     cmocka_unit_test(test_deep),
		cmocka_unit_test(test_arrays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
