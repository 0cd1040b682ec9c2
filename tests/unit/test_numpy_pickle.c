/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "format/numpy.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define ROWS "\0\0\1\1\2\2\3\3\4\4\5\5"
#define ZEROS "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

/* What NumPy 2.4.6 writes. */
/* clang-format off */
static const struct {
	const char *name, *p;
	size_t len;
	enum st_dtype dtype;
	bool big_endian, object;
	unsigned ndim;
	uint64_t shape[3];
	bool fortran, permuted;
	uint64_t nbytes;
	const char *data;
} real[] = {
	{ "reconstruct, protocol 2",
	  "\x80\x02" "cnumpy._core.multiarray\x0a_reconstruct\x0aq\x00" "cnump"
	  "y\x0andarray\x0aq\x01K\x00\x85q\x02" "c_codecs\x0a" "encode\x0aq\x03"
	  "X\x01\x00\x00\x00" "bq\x04X\x06\x00\x00\x00latin1q\x05\x86q\x06Rq\x07"
	  "\x87q\x08Rq\x09(K\x01K\x02K\x03\x86q\x0a" "cnumpy\x0a" "dtype\x0aq\x0b"
	  "X\x02\x00\x00\x00i2q\x0c\x89\x88\x87q\x0dRq\x0e(K\x03X\x01\x00\x00\x00"
	  "<q\x0fNNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\x10" "b\x89h\x03"
	  "X\x0c\x00\x00\x00\x00\x00\x01\x01\x02\x02\x03\x03\x04\x04\x05\x05q\x11"
	  "h\x05\x86q\x12Rq\x13tq\x14" "b.",
	  221, ST_I16, 0, 0, 2, { 2, 3 }, 0, 0, 12, ROWS },
	{ "reconstruct, protocol 4, Fortran, big-endian",
	  "\x80\x04\x95\x97\x00\x00\x00\x00\x00\x00\x00\x8c\x16numpy._core.mul"
	  "tiarray\x94\x8c\x0c_reconstruct\x94\x93\x94\x8c\x05numpy\x94\x8c\x07"
	  "ndarray\x94\x93\x94K\x00\x85\x94" "C\x01" "b\x94\x87\x94R\x94(K\x01"
	  "K\x02K\x03\x86\x94h\x03\x8c\x05" "dtype\x94\x93\x94\x8c\x02i2\x94\x89"
	  "\x88\x87\x94R\x94(K\x03\x8c\x01>\x94NNNJ\xff\xff\xff\xffJ\xff\xff\xff"
	  "\xffK\x00t\x94" "b\x88" "C\x0c\x00\x00\x03\x03\x01\x01\x04\x04\x02\x02"
	  "\x05\x05\x94t\x94" "b.",
	  162, ST_I16, 1, 0, 2, { 2, 3 }, 1, 0, 12, "\0\0\3\3\1\1\4\4\2\2\5\5" },
	{ "_frombuffer",
	  "\x80\x05\x95\x82\x00\x00\x00\x00\x00\x00\x00\x8c\x13numpy._core.num"
	  "eric\x94\x8c\x0b_frombuffer\x94\x93\x94(\x96\x0c\x00\x00\x00\x00\x00"
	  "\x00\x00\x00\x00\x01\x01\x02\x02\x03\x03\x04\x04\x05\x05\x94\x8c\x05"
	  "numpy\x94\x8c\x05" "dtype\x94\x93\x94\x8c\x02i2\x94\x89\x88\x87\x94"
	  "R\x94(K\x03\x8c\x01<\x94NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t"
	  "\x94" "bK\x02K\x03\x86\x94\x8c\x01" "C\x94t\x94R\x94.",
	  141, ST_I16, 0, 0, 2, { 2, 3 }, 0, 0, 12, ROWS },
	{ "_frombuffer F",
	  "\x80\x05\x95\x82\x00\x00\x00\x00\x00\x00\x00\x8c\x13numpy._core.num"
	  "eric\x94\x8c\x0b_frombuffer\x94\x93\x94(\x96\x0c\x00\x00\x00\x00\x00"
	  "\x00\x00\x00\x00\x03\x03\x01\x01\x04\x04\x02\x02\x05\x05\x94\x8c\x05"
	  "numpy\x94\x8c\x05" "dtype\x94\x93\x94\x8c\x02i2\x94\x89\x88\x87\x94"
	  "R\x94(K\x03\x8c\x01<\x94NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t"
	  "\x94" "bK\x02K\x03\x86\x94\x8c\x01" "F\x94t\x94R\x94.",
	  141, ST_I16, 0, 0, 2, { 2, 3 }, 1, 0, 12, "\0\0\3\3\1\1\4\4\2\2\5\5" },
	{ "_frombuffer K",
	  "\x80\x05\x95\x8c\x00\x00\x00\x00\x00\x00\x00\x8c\x13numpy._core.num"
	  "eric\x94\x8c\x0b_frombuffer\x94\x93\x94(\x96\x0c\x00\x00\x00\x00\x00"
	  "\x00\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x94\x8c\x05"
	  "numpy\x94\x8c\x05" "dtype\x94\x93\x94\x8c\x02i1\x94\x89\x88\x87\x94"
	  "R\x94(K\x03\x8c\x01|\x94NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t"
	  "\x94" "bK\x02K\x02K\x03\x87\x94\x8c\x01K\x94K\x01K\x00K\x02\x87\x94"
	  "t\x94R\x94.",
	  151, ST_I8, 0, 0, 3, { 2, 2, 3 }, 0, 1, 12, "\0\1\2\3\4\5\6\7\x08\x09\x0a\x0b" },
	{ "scalar f4",
	  "\x80\x04\x95" "f\x00\x00\x00\x00\x00\x00\x00\x8c\x16numpy._core.mul"
	  "tiarray\x94\x8c\x06scalar\x94\x93\x94\x8c\x05numpy\x94\x8c\x05" "dt"
	  "ype\x94\x93\x94\x8c\x02" "f4\x94\x89\x88\x87\x94R\x94(K\x03\x8c\x01"
	  "<\x94NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t\x94" "bC\x04\x00\x00"
	  "\x80\x3f\x94\x86\x94R\x94.",
	  113, ST_F32, 0, 0, 0, { 0 }, 0, 0, 4, "\0\0\x80\x3f" },
	{ "matrix",
	  "\x80\x02" "cnumpy._core.multiarray\x0a_reconstruct\x0aq\x00" "cnump"
	  "y\x0amatrix\x0aq\x01K\x00\x85q\x02" "c_codecs\x0a" "encode\x0aq\x03"
	  "X\x01\x00\x00\x00" "bq\x04X\x06\x00\x00\x00latin1q\x05\x86q\x06Rq\x07"
	  "\x87q\x08Rq\x09(K\x01K\x02K\x03\x86q\x0a" "cnumpy\x0a" "dtype\x0aq\x0b"
	  "X\x02\x00\x00\x00i2q\x0c\x89\x88\x87q\x0dRq\x0e(K\x03X\x01\x00\x00\x00"
	  "<q\x0fNNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\x10" "b\x89h\x03"
	  "X\x0c\x00\x00\x00\x00\x00\x01\x01\x02\x02\x03\x03\x04\x04\x05\x05q\x11"
	  "h\x05\x86q\x12Rq\x13tq\x14" "b.",
	  220, ST_I16, 0, 0, 2, { 2, 3 }, 0, 0, 12, ROWS },
	{ "structured",
	  "\x80\x04\x95\xed\x00\x00\x00\x00\x00\x00\x00\x8c\x16numpy._core.mul"
	  "tiarray\x94\x8c\x0c_reconstruct\x94\x93\x94\x8c\x05numpy\x94\x8c\x07"
	  "ndarray\x94\x93\x94K\x00\x85\x94" "C\x01" "b\x94\x87\x94R\x94(K\x01"
	  "K\x02\x85\x94h\x03\x8c\x05" "dtype\x94\x93\x94\x8c\x02V7\x94\x89\x88"
	  "\x87\x94R\x94(K\x03\x8c\x01|\x94N\x8c\x01" "a\x94\x8c\x01" "b\x94\x86"
	  "\x94}\x94(h\x11h\x0c\x8c\x02i4\x94\x89\x88\x87\x94R\x94(K\x03\x8c\x01"
	  "<\x94NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t\x94" "bK\x00\x86\x94"
	  "h\x12h\x0c\x8c\x02S3\x94\x89\x88\x87\x94R\x94(K\x03h\x10NNNK\x03K\x01"
	  "K\x00t\x94" "bK\x04\x86\x94uK\x07K\x01K\x10t\x94" "b\x89" "C\x0e\x00"
	  "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x94t\x94" "b.",
	  248, ST_OPAQUE, 0, 0, 1, { 2 }, 0, 0, 14, ZEROS },
	{ "record",
	  "\x80\x04\x95\xd1\x00\x00\x00\x00\x00\x00\x00\x8c\x16numpy._core.mul"
	  "tiarray\x94\x8c\x0c_reconstruct\x94\x93\x94\x8c\x09numpy.rec\x94\x8c"
	  "\x08recarray\x94\x93\x94K\x00\x85\x94" "C\x01" "b\x94\x87\x94R\x94("
	  "K\x01K\x02\x85\x94\x8c\x05numpy\x94\x8c\x05" "dtype\x94\x93\x94h\x0b"
	  "\x8c\x06record\x94\x93\x94\x89\x88\x87\x94R\x94(K\x03\x8c\x01|\x94N"
	  "\x8c\x01" "a\x94\x85\x94}\x94h\x13h\x0d\x8c\x02i4\x94\x89\x88\x87\x94"
	  "R\x94(K\x03\x8c\x01<\x94NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t"
	  "\x94" "bK\x00\x86\x94sK\x04K\x01K\x10t\x94" "b\x89" "C\x08\x00\x00\x00"
	  "\x00\x00\x00\x00\x00\x94t\x94" "b.",
	  220, ST_OPAQUE, 0, 0, 1, { 2 }, 0, 0, 8, ZEROS },
	{ "dates",
	  "\x80\x04\x95\xaa\x00\x00\x00\x00\x00\x00\x00\x8c\x16numpy._core.mul"
	  "tiarray\x94\x8c\x0c_reconstruct\x94\x93\x94\x8c\x05numpy\x94\x8c\x07"
	  "ndarray\x94\x93\x94K\x00\x85\x94" "C\x01" "b\x94\x87\x94R\x94(K\x01"
	  "K\x02\x85\x94h\x03\x8c\x05" "dtype\x94\x93\x94\x8c\x02M8\x94\x89\x88"
	  "\x87\x94R\x94(K\x04\x8c\x01>\x94NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff"
	  "K\x00N(C\x02ns\x94K\x01K\x01K\x01t\x94\x86\x94t\x94" "b\x89" "C\x10"
	  "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x94"
	  "t\x94" "b.",
	  181, ST_OPAQUE, 0, 0, 1, { 2 }, 0, 0, 16, ZEROS },
	{ "unicode",
	  "\x80\x04\x95\x93\x00\x00\x00\x00\x00\x00\x00\x8c\x16numpy._core.mul"
	  "tiarray\x94\x8c\x0c_reconstruct\x94\x93\x94\x8c\x05numpy\x94\x8c\x07"
	  "ndarray\x94\x93\x94K\x00\x85\x94" "C\x01" "b\x94\x87\x94R\x94(K\x01"
	  "K\x02\x85\x94h\x03\x8c\x05" "dtype\x94\x93\x94\x8c\x02U2\x94\x89\x88"
	  "\x87\x94R\x94(K\x03\x8c\x01<\x94NNNK\x08K\x04K\x08t\x94" "b\x89" "C"
	  "\x10" "a\x00\x00\x00" "b\x00\x00\x00" "c\x00\x00\x00\x00\x00\x00\x00"
	  "\x94t\x94" "b.",
	  158, ST_OPAQUE, 0, 0, 1, { 2 }, 0, 0, 16, "a\0\0\0b\0\0\0c\0\0\0\0\0\0\0" },
	{ "bfloat16",
	  "\x80\x04\x95\x9b\x00\x00\x00\x00\x00\x00\x00\x8c\x16numpy._core.mul"
	  "tiarray\x94\x8c\x0c_reconstruct\x94\x93\x94\x8c\x05numpy\x94\x8c\x07"
	  "ndarray\x94\x93\x94K\x00\x85\x94" "C\x01" "b\x94\x87\x94R\x94(K\x01"
	  "K\x02\x85\x94h\x03\x8c\x05" "dtype\x94\x93\x94\x8c\x09ml_dtypes\x94"
	  "\x8c\x08" "bfloat16\x94\x93\x94\x89\x88\x87\x94R\x94(K\x03\x8c\x01<"
	  "\x94NNNK\x02K\x02K@t\x94" "b\x89" "C\x04\x80\x3f\x80\x3f\x94t\x94" "b"
	  ".",
	  166, ST_BF16, 0, 0, 1, { 2 }, 0, 0, 4, "\x80\x3f\x80\x3f" },
	{ "objects",
	  "\x80\x04\x95\x8d\x00\x00\x00\x00\x00\x00\x00\x8c\x16numpy._core.mul"
	  "tiarray\x94\x8c\x0c_reconstruct\x94\x93\x94\x8c\x05numpy\x94\x8c\x07"
	  "ndarray\x94\x93\x94K\x00\x85\x94" "C\x01" "b\x94\x87\x94R\x94(K\x01"
	  "K\x02\x85\x94h\x03\x8c\x05" "dtype\x94\x93\x94\x8c\x02O8\x94\x89\x88"
	  "\x87\x94R\x94(K\x03\x8c\x01|\x94NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff"
	  "K\x3ft\x94" "b\x89]\x94(N}\x94" "et\x94" "b.",
	  152, ST_OPAQUE, 0, 1, 1, { 2 }, 0, 0, 16, NULL },
	{ "empty",
	  "\x80\x02" "cnumpy._core.multiarray\x0a_reconstruct\x0aq\x00" "cnump"
	  "y\x0andarray\x0aq\x01K\x00\x85q\x02" "c_codecs\x0a" "encode\x0aq\x03"
	  "X\x01\x00\x00\x00" "bq\x04X\x06\x00\x00\x00latin1q\x05\x86q\x06Rq\x07"
	  "\x87q\x08Rq\x09(K\x01K\x00K\x03\x86q\x0a" "cnumpy\x0a" "dtype\x0aq\x0b"
	  "X\x02\x00\x00\x00" "f8q\x0c\x89\x88\x87q\x0dRq\x0e(K\x03X\x01\x00\x00"
	  "\x00<q\x0fNNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\x10" "b\x89" "c"
	  "__builtin__\x0a" "bytes\x0aq\x11)Rq\x12tq\x13" "b.",
	  217, ST_F64, 0, 0, 2, { 0, 3 }, 0, 0, 0, "" },
};
/* clang-format on */

struct pickle {
	struct st_pickle pk;
	struct st_source src;
	struct st_err e;
};

static int load(struct pickle *p, const void *b, size_t n)
{
	static const struct st_pickle_limits lim = { .memory = 1 << 20, .steps = 100000 };

	*p = (struct pickle){ 0 };
	st_source_init_mem(&p->src, b, n, "pickle");
	return st_pickle_parse(&p->pk, &p->src, 0, n, &lim, &p->e);
}

static void test_real(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(real); i++) {
		const struct st_pk *data;
		struct st_np_array a;
		struct pickle p;

		if (load(&p, real[i].p, real[i].len) != ST_OK)
			fail_msg("%s: %s", real[i].name, p.e.msg);
		if (!st_np_array_of(&a, &data, p.pk.root))
			fail_msg("%s: no array", real[i].name);
		assert_int_equal(a.type.dtype, real[i].dtype);
		assert_int_equal(a.type.big_endian, real[i].big_endian);
		assert_int_equal(a.type.object, real[i].object);
		assert_int_equal(a.ndim, real[i].ndim);
		assert_memory_equal(a.shape, real[i].shape, a.ndim * sizeof(*a.shape));
		assert_int_equal(a.fortran, real[i].fortran);
		assert_int_equal(a.permuted, real[i].permuted);
		assert_int_equal(a.nbytes, real[i].nbytes);
		assert_int_equal(data != NULL, real[i].data != NULL);
		if (data) {
			assert_int_equal(data->kind, ST_PK_BYTES);
			assert_int_equal(data->str.len, a.nbytes);
			assert_memory_equal(data->str.p, real[i].data, a.nbytes);
		}
		st_pickle_release(&p.pk);
	}
}

/* The array of the row "_frombuffer K" is transpose(1, 0, 2) of what lies in memory. */
static void test_axes(void **state)
{
	static const int64_t strides[] = { 3, 6, 1 };
	const struct st_pk *data;
	struct st_tensor t = { 0 };
	struct st_np_array a;
	struct st_arena arena;
	struct st_err e = { 0 };
	struct pickle p;

	(void)state;
	assert_string_equal(real[4].name, "_frombuffer K");
	assert_int_equal(load(&p, real[4].p, real[4].len), ST_OK);
	assert_true(st_np_array_of(&a, &data, p.pk.root));
	st_arena_init(&arena);
	assert_int_equal(st_np_tensor(&t, &a, &arena, &e), ST_OK);
	assert_non_null(t.strides);
	assert_memory_equal(t.strides, strides, sizeof(strides));
	st_arena_release(&arena);
	st_pickle_release(&p.pk);
}

/* Protocol 0, so that it can be read here; its strings are Python 2's, that is bytes. */
#define ARGS(code) "(S'" code "'\nI0\nI1\nt"
#define STATE(order) "(I3\nS'" order "'\nNNNI-1\nI-1\nI0\nt"
#define DTYPE_OF(args, state) "cnumpy\ndtype\n" args "R" state "b"
#define DTYPE(code, order) DTYPE_OF(ARGS(code), STATE(order))
#define F4 DTYPE("f4", "<")
#define OBJECT_STATE "(I3\nS'|'\nNNNI-1\nI-1\nI63\nt"
#define NDARRAY "cnumpy\nndarray\n"
#define CALL(class, state) \
	"cnumpy.core.multiarray\n_reconstruct\n(" class "(I0\ntS'b'\ntR" state "b."
#define ARRAY(state) CALL(NDARRAY, state)
#define BUFFER(args) "cnumpy.core.numeric\n_frombuffer\n(" args "tR."
#define SCALAR(args) "cnumpy.core.multiarray\nscalar\n(" args "tR."
#define EIGHT "S'12345678'\n"

static const struct {
	const char *p;
	enum st_dtype dtype;
	bool big_endian;
	unsigned ndim;
	uint64_t nbytes;
} accepted[] = {
	{ ARRAY("(I1\n(I2\nt" F4 "I00\n" EIGHT "t"), ST_F32, false, 1, 8 },
	/* no version, as before 2006; a flag that is a number; a long */
	{ ARRAY("((I2\nt" F4 "I0\n" EIGHT "t"), ST_F32, false, 1, 8 },
	{ ARRAY("(I1\n(L2L\nt" F4 "I1\n" EIGHT "t"), ST_F32, false, 1, 8 },
	{ ARRAY("(I1\n(I2\nt" DTYPE("f4", ">") "I00\n" EIGHT "t"), ST_F32, true, 1, 8 },
	{ ARRAY("(I1\n(t" DTYPE("c8", ">") "I00\n" EIGHT "t"), ST_C64, true, 0, 8 },
	{ ARRAY("(I1\n(I8\nt" DTYPE("b1", "|") "I00\n" EIGHT "t"), ST_BOOL, false, 1, 8 },
	{ ARRAY("(I1\n(I8\nt" DTYPE("u1", ">") "I00\n" EIGHT "t"), ST_U8, false, 1, 8 },
	/* a type without state: the machine's own order */
	{ ARRAY("(I1\n(I2\ntcnumpy\ndtype\n" ARGS("f4") "RI00\n" EIGHT "t"), ST_F32, false, 1, 8 },
	/* the state's older forms */
	{ ARRAY("(I1\n(I2\nt" DTYPE_OF(ARGS("f4"), "(S'>'\nNNI-1\nI-1\nt") "I00\n" EIGHT "t"),
	  ST_F32, true, 1, 8 },
	{ ARRAY("(I1\n(I2\nt" DTYPE_OF(ARGS("f4"), "(I1\nS'>'\nNNI-1\nI-1\nt") "I00\n" EIGHT "t"),
	  ST_F32, true, 1, 8 },
	{ ARRAY("(I1\n(I2\nt" DTYPE_OF(ARGS("f4"), "(I2\nS'>'\nNNNI-1\nI-1\nt") "I00\n" EIGHT "t"),
	  ST_F32, true, 1, 8 },
	/* the state says how long items are where the letters do not */
	{ ARRAY("(I1\n(I2\nt" DTYPE_OF(ARGS("V"), "(I3\nS'|'\nNNNI4\nI1\nI16\nt") "I00\n" EIGHT
										  "t"),
	  ST_OPAQUE, false, 1, 8 },
	{ CALL("cnumpy.matrixlib.defmatrix\nmatrix\n", "(I1\n(I1\nI2\nt" F4 "I00\n" EIGHT "t"),
	  ST_F32, false, 2, 8 },
	{ CALL("cnumpy\nmemmap\n", "(I1\n(I2\nt" F4 "I00\n" EIGHT "t"), ST_F32, false, 1, 8 },
	{ CALL("cnumpy.core.memmap\nmemmap\n", "(I1\n(I2\nt" F4 "I00\n" EIGHT "t"), ST_F32, false,
	  1, 8 },
	{ BUFFER(EIGHT F4 "(I2\ntS'C'\n"), ST_F32, false, 1, 8 },
	{ BUFFER(EIGHT F4 "(I1\nI2\ntS'K'\n(I1\nI0\nt"), ST_F32, false, 2, 8 },
	{ SCALAR(DTYPE("f8", ">") EIGHT), ST_F64, true, 0, 8 },
	{ SCALAR(DTYPE("S8", "|") EIGHT), ST_OPAQUE, false, 0, 8 },
};

static void test_accepted(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(accepted); i++) {
		const struct st_pk *data;
		struct st_np_array a;
		struct pickle p;

		if (load(&p, accepted[i].p, strlen(accepted[i].p)) != ST_OK)
			fail_msg("%zu: %s", i, p.e.msg);
		if (!st_np_array_of(&a, &data, p.pk.root))
			fail_msg("row %zu is no array", i);
		assert_int_equal(a.type.dtype, accepted[i].dtype);
		assert_int_equal(a.type.big_endian, accepted[i].big_endian);
		assert_int_equal(a.ndim, accepted[i].ndim);
		assert_int_equal(a.nbytes, accepted[i].nbytes);
		assert_non_null(data);
		assert_true(st_pk_is_str(data, "12345678"));
		st_pickle_release(&p.pk);
	}
}

static const char *const refused[] = {
	"N.",
	"I1\n.",
	"(t.",
	NDARRAY ".",
	"cos\nsystem\n(S'id'\ntR.",
	/* other calls and classes */
	"cnumpy.core.multiarray\n_reconstruct\n(" NDARRAY "(I0\ntS'b'\ntR.",
	"cnumpy.core.multiarray\nzeros\n(" NDARRAY "(I0\ntS'b'\ntR(I1\n(I2\nt" F4 "I00\n" EIGHT
	"tb.",
	CALL("cos\nndarray\n", "(I1\n(I2\nt" F4 "I00\n" EIGHT "t"),
	CALL("cnumpy.ma\nMaskedArray\n", "(I1\n(I2\nt" F4 "I00\n" EIGHT "t"),
	CALL("S'numpy'\n", "(I1\n(I2\nt" F4 "I00\n" EIGHT "t"),
	/* states of another form */
	ARRAY("N"),
	ARRAY("(t"),
	ARRAY("(I1\nt"),
	ARRAY("(I1\n(I2\nt" F4 "t"),
	ARRAY("(I1\n(I2\nt" F4 "I00\n" EIGHT "Nt"),
	ARRAY("(lI1\na"),
	ARRAY("(I1\nI2\n" F4 "I00\n" EIGHT "t"),
	ARRAY("(I1\n(lI2\na" F4 "I00\n" EIGHT "t"),
	ARRAY("(I1\n(I2\ntNI00\n" EIGHT "t"),
	ARRAY("(I1\n(I2\nt" F4 "N" EIGHT "t"),
	ARRAY("(I1\n(I2\nt" F4 "I00\nNt"),
	ARRAY("(I1\n(I2\nt" F4 "I00\n(lt"),
	ARRAY("(I1\n(I2\nt" F4 "I00\nV12345678\nt"),
	/* shapes */
	ARRAY("(I1\n(I3\nt" F4 "I00\n" EIGHT "t"),
	ARRAY("(I1\n(I1\nt" F4 "I00\n" EIGHT "t"),
	ARRAY("(I1\n(I-2\nt" F4 "I00\n" EIGHT "t"),
	ARRAY("(I1\n(I-2\nI-1\nt" F4 "I00\n" EIGHT "t"),
	ARRAY("(I1\n(S'2'\nt" F4 "I00\n" EIGHT "t"),
	ARRAY("(I1\n(F2.0\nt" F4 "I00\n" EIGHT "t"),
	ARRAY("(I1\n(L18446744073709551618L\nt" F4 "I00\n" EIGHT "t"),
	ARRAY("(I1\n(I4611686018427387906\nt" F4 "I00\n" EIGHT "t"), /* times 4 wraps to 8 */
	ARRAY("(I1\n(I4294967296\nI4294967296\nt" F4 "I00\nS''\nt"),
	/* types */
	ARRAY("(I1\n(I2\nt" DTYPE("f5", "<") "I00\n" EIGHT "t"),
	ARRAY("(I1\n(I2\nt" DTYPE("f4", "<<") "I00\n" EIGHT "t"),
	ARRAY("(I1\n(I2\nt" DTYPE_OF("(t", STATE("<")) "I00\n" EIGHT "t"),
	ARRAY("(I1\n(I2\nt" DTYPE_OF("(I4\nt", STATE("<")) "I00\n" EIGHT "t"),
	ARRAY("(I1\n(I2\nt" DTYPE_OF("(cos\nsystem\nt", STATE("<")) "I00\n" EIGHT "t"),
	ARRAY("(I1\n(I2\nt" DTYPE_OF(ARGS("f4"), "(t") "I00\n" EIGHT "t"),
	ARRAY("(I1\n(I2\nt" DTYPE_OF(ARGS("f4"), "N") "I00\n" EIGHT "t"),
	ARRAY("(I1\n(I2\nt" DTYPE_OF(ARGS("f4"), "(I3\nI1\nNNNI-1\nI-1\nI0\nt") "I00\n" EIGHT "t"),
	ARRAY("(I1\n(I2\nt" DTYPE_OF(ARGS("f4"), "(I3\nS'<'\nNNNI-1\nI-1\nNt") "I00\n" EIGHT "t"),
	ARRAY("(I1\n(I2\nt" DTYPE_OF(ARGS("f4"), "(I3\nS'<'\nNNNNI-1\nI0\nt") "I00\n" EIGHT "t"),
	ARRAY("(I1\n(I2\nt" DTYPE_OF(ARGS("V4"), "(I3\nS'|'\nNNNI8\nI1\nI16\nt") "I00\n" EIGHT "t"),
	/* bytes as objects */
	ARRAY("(I1\n(I1\nt" DTYPE_OF(ARGS("O8"), OBJECT_STATE) "I00\n" EIGHT "t"),
	ARRAY("(I1\n(I1\nt" DTYPE_OF(ARGS("V8"), "(I3\nS'|'\nNNNI8\nI1\nI27\nt") "I00\n" EIGHT "t"),
	/* buffers */
	BUFFER(EIGHT F4 "(I2\nt"),
	BUFFER(EIGHT F4 "(I2\ntS'A'\n"),
	BUFFER(EIGHT F4 "(I2\ntN"),
	BUFFER(EIGHT F4 "(I3\ntS'C'\n"),
	BUFFER("N" F4 "(I2\ntS'C'\n"),
	BUFFER(EIGHT "N(I2\ntS'C'\n"),
	BUFFER(EIGHT F4 "I2\nS'C'\n"),
	BUFFER(EIGHT F4 "(I1\nI2\ntS'K'\n"),
	BUFFER(EIGHT F4 "(I1\nI2\ntS'K'\n(I0\nt"),
	BUFFER(EIGHT F4 "(I1\nI2\ntS'K'\n(I0\nI0\nt"),
	BUFFER(EIGHT F4 "(I1\nI2\ntS'K'\n(I0\nI2\nt"),
	BUFFER(EIGHT F4 "(I1\nI2\ntS'K'\n(I0\nI-1\nt"),
	BUFFER(""),
	/* scalars */
	SCALAR(F4 EIGHT),
	SCALAR(F4),
	SCALAR(""),
	SCALAR(EIGHT F4),
	/* a circle: an array whose state is the array */
	"cnumpy.core.multiarray\n_reconstruct\n(" NDARRAY "(I0\ntS'b'\ntRp0\ng0\nb.",
	"cnumpy\ndtype\n(S'f4'\ntRp0\ng0\nb.",
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		const struct st_pk *data = (const struct st_pk *)&data;
		struct st_np_array a;
		struct pickle p;

		if (load(&p, refused[i], strlen(refused[i])) != ST_OK)
			fail_msg("%zu: %s", i, p.e.msg);
		if (st_np_array_of(&a, &data, p.pk.root))
			fail_msg("row %zu is an array: %s", i, refused[i]);
		st_pickle_release(&p.pk);
	}
	{
		const struct st_pk *data;
		struct st_np_array a;
		struct st_np_type t;

		assert_false(st_np_array_of(&a, &data, NULL));
		assert_false(st_np_dtype_of(&t, NULL));
	}
}

static void test_objects(void **state)
{
	static const char list[] =
		ARRAY("(I1\n(I1\nt" DTYPE_OF(ARGS("O8"), OBJECT_STATE) "I00\n(lNat");
	static const char scalar[] = SCALAR(DTYPE_OF(ARGS("O8"), OBJECT_STATE) "N");
	const char *const rows[] = { list, scalar };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct st_pk *data = NULL;
		struct st_np_array a;
		struct pickle p;

		assert_int_equal(load(&p, rows[i], strlen(rows[i])), ST_OK);
		assert_true(st_np_array_of(&a, &data, p.pk.root));
		assert_true(a.type.object);
		assert_null(data);
		st_pickle_release(&p.pk);
	}
}

static void test_dtypes(void **state)
{
	static const struct {
		const char *p;
		bool is;
		enum st_dtype dtype;
		uint64_t itemsize;
	} rows[] = {
		{ F4 ".", true, ST_F32, 4 },
		{ "cnumpy\ndtype\n(S'f4'\ntR.", true, ST_F32, 4 },
		{ "cnumpy\ndtype\n(V>f4\ntR.", true, ST_F32, 4 },
		{ "cnumpy\ndtype\n(cml_dtypes\nfloat8_e4m3fn\ntR.", true, ST_F8_E4M3, 1 },
		{ "cnumpy\ndtype\n(cml_dtypes\nbfloat16\ntR.", true, ST_BF16, 2 },
		{ "cnumpy\ndtype\n(cml_dtypes\nint4\ntR.", false, ST_OPAQUE, 0 },
		{ "cnumpy\ndtype\n.", false, ST_OPAQUE, 0 },
		{ "cnumpy\ndtype\n(tR.", false, ST_OPAQUE, 0 },
		{ "cos\ndtype\n(S'f4'\ntR.", false, ST_OPAQUE, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct st_np_type t;
		struct pickle p;

		assert_int_equal(load(&p, rows[i].p, strlen(rows[i].p)), ST_OK);
		if (st_np_dtype_of(&t, p.pk.root) != rows[i].is)
			fail_msg("%s", rows[i].p);
		if (rows[i].is) {
			assert_int_equal(t.dtype, rows[i].dtype);
			assert_int_equal(t.itemsize, rows[i].itemsize);
		}
		st_pickle_release(&p.pk);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_real),	 cmocka_unit_test(test_axes),
		cmocka_unit_test(test_accepted), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_objects),	 cmocka_unit_test(test_dtypes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
