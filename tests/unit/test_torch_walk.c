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

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define LIMIT ((uint64_t)64 << 20)
#define DATA 64 /* bytes of each storage, behind the pickle */

struct walk {
	struct st_buf file;
	struct st_source src;
	struct st_layout l;
	struct st_err e;
	int rc;
};

/* Walks the pickle as if it were a file of its own, all its storages behind it. */
static void walk(struct walk *w, const void *p, size_t len, uint64_t limit, bool in_file)
{
	struct st_torch t = { .l = &w->l, .src = &w->src, .limit = limit, .e = &w->e };
	static const uint8_t zero[4096];
	struct st_pickle pk;

	memset(w, 0, sizeof(*w));
	st_layout_init(&w->l);
	st_buf_init(&w->file, SIZE_MAX);
	assert_int_equal(st_buf_add(&w->file, p, len, &w->e), ST_OK);
	assert_int_equal(st_buf_add(&w->file, zero, sizeof(zero), &w->e), ST_OK);
	st_source_init_mem(&w->src, w->file.p, w->file.len, "m");
	w->l.size = w->file.len;
	t.in_file = in_file;
	w->rc = st_torch_load(&t, &pk, 0, len);
	for (size_t i = 0; i < t.n && w->rc == ST_OK; i++) {
		if (t.storages[i].numel * t.storages[i].elsize > DATA)
			w->rc = st_fail(&w->e, ST_EFORMAT, "a storage is too large");
		t.storages[i].found = true;
		t.storages[i].offset = len + i * DATA;
		t.storages[i].nbytes = DATA;
	}
	if (w->rc == ST_OK)
		w->rc = st_torch_walk(&t, pk.root);
	st_torch_release(&t);
}

static void done(struct walk *w)
{
	st_layout_release(&w->l);
	st_buf_release(&w->file);
}

static void walk_text(struct walk *w, const char *pickle)
{
	walk(w, pickle, strlen(pickle), LIMIT, true);
	if (w->rc != ST_OK)
		fail_msg("%s\n%s", pickle, w->e.msg);
}

/* The names, each in front of a space; control characters as '?'. */
static char *names_of(const struct st_layout *l)
{
	struct st_err e = { 0 };
	struct st_buf b;
	char *s;

	st_buf_init(&b, SIZE_MAX);
	for (size_t i = 0; i < l->ntensors; i++) {
		const struct st_tensor *t = &l->tensors[i];

		for (size_t k = 0; k < t->name_len; k++)
			assert_int_equal(st_buf_addch(&b, t->name[k] & 0xe0 ? t->name[k] : '?', &e),
					 ST_OK);
		assert_int_equal(t->name[t->name_len], '\0');
		assert_int_equal(st_buf_addch(&b, ' ', &e), ST_OK);
	}
	s = st_buf_cstr(&b, &e);
	assert_non_null(s);
	s = strdup(s);
	assert_non_null(s);
	st_buf_release(&b);
	return s;
}

/* Pickles are written with the opcodes of protocol 0, which are text. */
#define G(module, name) "c" module "\n" name "\n"
#define V(s) "V" s "\n"
#define I(n) "I" #n "\n"
#define F(n) "F" #n "\n"
#define YES "I01\n"
#define NO "I00\n"
#define T(...) "(" __VA_ARGS__ "t"
#define L(...) "(" __VA_ARGS__ "l"
#define D(...) "(" __VA_ARGS__ "d"
#define CALL(fn, ...) fn "(" __VA_ARGS__ "tR"
#define NEW(cls) cls ")\x81"
#define BUILD(state) state "b"
#define PUT(n) "p" #n "\n"
#define GET(n) "g" #n "\n"
#define STORAGE(key) T(V("storage") G("torch", "FloatStorage") V(key) V("cpu") I(16)) "Q"
#define HOOKS CALL(G("collections", "OrderedDict"))
#define TENSOR_AT(key, first)                         \
	CALL(G("torch._utils", "_rebuild_tensor_v2"), \
	     STORAGE(key) I(first) T(I(2)) T(I(1)) NO HOOKS)
#define TENSOR TENSOR_AT("0", 0)
#define PARAMETER CALL(G("torch._utils", "_rebuild_parameter"), TENSOR YES HOOKS)
#define SUBCLASS(state)                                             \
	CALL(G("torch._tensor", "_rebuild_from_type_v2"),           \
	     G("torch._utils", "_rebuild_tensor_v2") G("my", "Sub") \
		     T(STORAGE("0") I(0) T(I(2)) T(I(1)) NO HOOKS) state)
#define NP_DTYPE(descr, order)                     \
	CALL(G("numpy", "dtype"), V(descr) NO YES) \
	BUILD(T(I(3) V(order) "NNN" I(-1) I(-1) I(0)))
#define NP_BYTES(s) CALL(G("_codecs", "encode"), V(s) V("latin1"))
#define NP_ARRAY(shape, descr, order, fortran, data)      \
	CALL(G("numpy.core.multiarray", "_reconstruct"),  \
	     G("numpy", "ndarray") T(I(0)) NP_BYTES("b")) \
	BUILD(T(I(1) shape NP_DTYPE(descr, order) fortran data))
#define NP_SCALAR(descr, data) \
	CALL(G("numpy.core.multiarray", "scalar"), NP_DTYPE(descr, "<") NP_BYTES(data))
#define OBJ NEW(G("my", "Class"))

static const struct {
	const char *pickle, *names, *metadata;
} objects[] = {
	/* places */
	{ TENSOR ".", "tensor ", NULL },
	{ L(TENSOR TENSOR) ".", "0 1 ", NULL },
	{ D() ".", "", NULL },
	{ D(V("model") D(V("conv1") D(V("weight") TENSOR)) V("losses") L(I(1) TENSOR)) ".",
	  "losses.1 model.conv1.weight ", "{\"config\":{\"losses\":{\"0\":1}}}" },
	{ T(TENSOR L(L(TENSOR) L())) ".", "0 1.0.0 ", NULL },
	{ D(V("") TENSOR) ".", " ", NULL },
	{ D(V("a\\u0000b\\u000ac") TENSOR) ".", "a?b?c ", NULL },
	{ D(V("\\ud800") TENSOR V("\\udc00") I(1)) ".", "\xed\xa0\x80 ",
	  "{\"config\":{\"\\\\udc00\":1}}" },
	{ D("S'py2'\n" TENSOR V("k") "S'v'\n") ".", "py2 ", "{\"config\":{\"k\":\"v\"}}" },
	{ D(V("a") PARAMETER V("b") PARAMETER) ".", "a b ", NULL },
	{ D(V("a") TENSOR PUT(1) V("tied") GET(1)) ".", "a tied ", NULL },
	{ D(V("s") STORAGE("0")) ".", "s ", NULL },
	{ T(V("module") G("my", "C") V("f") V("s")) "Q.", "",
	  "{\"config\":{\"elided\":\"an object that is not in the file\"}}" },
	/* keys */
	{ D(I(7) TENSOR I(-1) TENSOR YES TENSOR "N" TENSOR F(0.5) TENSOR F(2) TENSOR) ".",
	  "-1 0.5 2.0 7 None True ", NULL },
	{ D(T(I(0) V("a") F(1e300)) TENSOR T(I(1)) TENSOR G("my", "C") TENSOR) ".",
	  "(0, 'a', 1e+300) (1,) my.C ", NULL },
	{ D(CALL(G("torch", "device"), V("cuda") I(0)) TENSOR NP_BYTES("k'") TENSOR) ".",
	  "b'k'' torch.device('cuda', 0) ", NULL },
	{ D(NP_SCALAR("i8", "\\u0003\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000") TENSOR) ".",
	  "3 ", NULL },
	{ D("L18446744073709551616L\n" TENSOR "L-36893488147419103232L\n" TENSOR) ".",
	  "-36893488147419103232 18446744073709551616 ", NULL },
	{ D(I(1) TENSOR V("1") TENSOR) ".", "1 1 ", NULL },
	/* the last of equal keys counts, as in Python */
	{ D(V("k") TENSOR V("k") I(3)) ".", "", "{\"config\":{\"k\":3}}" },
	{ D(V("k") I(3) V("k") TENSOR) ".", "k ", NULL },
	/* objects */
	{ OBJ BUILD(D(V("w") TENSOR V("n") I(1))) ".", "w ",
	  "{\"config\":{\"class\":\"my.Class\",\"n\":1},\"opaque\":[\"my.Class\"]}" },
	{ OBJ BUILD(T("N" D(V("w") TENSOR))) ".", "w ",
	  "{\"config\":{\"class\":\"my.Class\"},\"opaque\":[\"my.Class\"]}" },
	{ OBJ BUILD(T(D(V("a") TENSOR) D(V("b") TENSOR))) ".", "a b ",
	  "{\"config\":{\"class\":\"my.Class\"},\"opaque\":[\"my.Class\"]}" },
	{ OBJ BUILD(L(TENSOR)) ".", "state.0 ",
	  "{\"config\":{\"class\":\"my.Class\"},\"opaque\":[\"my.Class\"]}" },
	{ "cmy\nPair\n" T(TENSOR I(5)) "\x81.", "0 ",
	  "{\"config\":{\"args\":{\"1\":5},\"class\":\"my.Pair\"},\"opaque\":[\"my.Pair\"]}" },
	{ OBJ V("k") TENSOR "s" V("n") I(1) "s.", "k ",
	  "{\"config\":{\"class\":\"my.Class\",\"n\":1},\"opaque\":[\"my.Class\"]}" },
	{ OBJ TENSOR "a" I(2) "a.", "0 ",
	  "{\"config\":{\"class\":\"my.Class\",\"items\":{\"1\":2}},\"opaque\":[\"my.Class\"]}" },
	{ OBJ BUILD(D(V("class") I(1) V("class") I(2))) ".", "",
	  "{\"config\":{\"class\":\"my.Class\",\"class#2\":2},\"opaque\":[\"my.Class\"]}" },
	{ CALL(G("copy_reg", "_reconstructor"), G("my", "Old") G("__builtin__", "object") "N")
		  BUILD(D(V("n") I(1))) ".",
	  "", "{\"config\":{\"class\":\"my.Old\",\"n\":1},\"opaque\":[\"my.Old\"]}" },
	{ T(V("module") G("my", "Net") V("f.py") V("code")) "Q)\x81" BUILD(D(V("n") I(1))) ".", "",
	  "{\"config\":{\"class\":\"my.Net\",\"n\":1},\"opaque\":[\"my.Net\"]}" },
	/* modules */
	{ OBJ BUILD(D(V("_parameters") D(V("bias") "N" V("weight") PARAMETER) V("_buffers")
			      D(V("mean") TENSOR) V("_modules") D(V("0") OBJ BUILD(
				      D(V("_parameters") D(V("w") PARAMETER) V("_buffers") D()
						V("_modules") D() V("_hook") "N")) V("none") "N")
				      V("training") YES V("mask") TENSOR)) ".",
	  "0.w mask mean weight ",
	  "{\"config\":{\"0\":{\"class\":\"my.Class\"},\"class\":\"my.Class\",\"training\":true},"
	  "\"opaque\":[\"my.Class\"]}" },
	{ OBJ BUILD(D(V("_parameters") D(V("w") TENSOR))) ".", "_parameters.w ",
	  "{\"config\":{\"class\":\"my.Class\"},\"opaque\":[\"my.Class\"]}" },
	/* a state_dict's attributes */
	{ HOOKS V("w") TENSOR
	  "s" BUILD(D(V("_metadata") D(V("") D(V("version") I(1))) V("x") I(4))) ".",
	  "w ", "{\"config\":{\"x\":4}}" },
	/* tensors with more to say */
	{ SUBCLASS(D(V("tag") I(5) V("scale") TENSOR)) ".", "tensor tensor.scale ",
	  "{\"config\":{\"tag\":5},\"notes\":{\"tensor\":{\"class\":\"my.Sub\"}}}" },
	{ D(V("w") SUBCLASS(T(D(V("tag") I(5)) D(V("scale") TENSOR)))) ".", "w w.scale ",
	  "{\"config\":{\"w\":{\"tag\":5}},\"notes\":{\"w\":{\"class\":\"my.Sub\"}}}" },
	/* NumPy */
	{ D(V("a") NP_ARRAY(T(I(2)), "i2", "<", NO, NP_BYTES("abcd"))) ".", "a ", NULL },
	{ D(V("a") NP_ARRAY(T(I(1)), "V3", "|", NO, NP_BYTES("abc"))) ".", "a ",
	  "{\"notes\":{\"a\":{\"itemsize\":3}}}" },
	{ D(V("a") NP_ARRAY(T(I(2)), "O", "|", NO, L(TENSOR V("x")))) ".", "a.0 ",
	  "{\"config\":{\"a\":{\"class\":\"numpy.ndarray\",\"items\":{\"1\":\"x\"},\"shape\":[2]}},"
	  "\"opaque\":[\"numpy.ndarray\"]}" },
};

static void test_objects(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(objects); i++) {
		struct walk w;
		char *names;

		walk_text(&w, objects[i].pickle);
		names = names_of(&w.l);
		assert_string_equal(names, objects[i].names);
		if (!objects[i].metadata && w.l.metadata)
			fail_msg("%s: %s", objects[i].pickle, w.l.metadata);
		if (objects[i].metadata) {
			assert_non_null(w.l.metadata);
			assert_string_equal(w.l.metadata, objects[i].metadata);
			assert_int_equal(w.l.metadata_len, strlen(objects[i].metadata));
		}
		assert_int_equal(st_layout_finish(&w.l, &w.e), ST_OK);
		free(names);
		done(&w);
	}
}

static const struct {
	const char *pickle, *config;
} values[] = {
	{ "N.", "null" },
	{ YES ".", "true" },
	{ I(-5) ".", "-5" },
	{ I(9007199254740992) ".", "9007199254740992" },
	{ I(9007199254740993) ".", "\"9007199254740993\"" },
	{ I(-9007199254740993) ".", "\"-9007199254740993\"" },
	{ "L340282366920938463463374607431768211456L\n.",
	  "\"340282366920938463463374607431768211456\"" },
	{ "L-170141183460469231731687303715884105729L\n.",
	  "\"-170141183460469231731687303715884105729\"" },
	{ F(0.5) ".", "0.5" },
	{ F(nan) ".", "\"nan\"" },
	{ F(-inf) ".", "\"-inf\"" },
	{ V("a\\u005cb") ".", "\"a\\\\b\"" }, /* UTF-8: as it is */
	{ V("\\ud800\\u005c\\u00e9") ".", "\"\\\\ud800\\\\\\\\\xc3\xa9\"" },
	{ "S'text'\n.", "\"text\"" },
	{ "S'\\x00\\xff'\n.", "{\"bytes_hex\":\"00ff\"}" },
	{ "\x80\x03"
	  "C\x02"
	  "ab.",
	  "{\"bytes_hex\":\"6162\"}" },
	{ L("]" I(1)) ".", "{\"1\":1}" },
	{ L(I(1) T(I(2) "N") V("x")) ".", "[1,[2,null],\"x\"]" },
	{ CALL(G("__builtin__", "set"), L(I(10) I(9) V("b") V("a") I(-1))) ".",
	  "[-1,9,10,\"a\",\"b\"]" },
	{ CALL(G("torch", "Size"), T(I(2) I(3))) ".", "[2,3]" },
	{ CALL(G("torch", "device"), V("cuda") I(1)) ".", "\"cuda:1\"" },
	{ CALL(G("torch", "device"), V("cpu")) ".", "\"cpu\"" },
	{ CALL(G("torch.serialization", "_get_layout"), V("torch.sparse_coo")) ".",
	  "\"torch.sparse_coo\"" },
	{ G("torch", "float8_e4m3fn") ".", "\"torch.float8_e4m3fn\"" },
	{ CALL(G("__builtin__", "complex"), F(1.5) F(nan)) ".", "{\"im\":\"nan\",\"re\":1.5}" },
	{ CALL(G("pathlib", "PosixPath"), V("/") V("a") V("b.pt")) ".", "\"/a/b.pt\"" },
	{ CALL(G("pathlib", "PurePosixPath"), V("a") V("b")) ".", "\"a/b\"" },
	{ CALL(G("pathlib._local", "WindowsPath"), V("C:\\u005c") V("a") V("b")) ".",
	  "\"C:\\\\a\\\\b\"" },
	{ CALL(G("pathlib", "Path")) ".", "\".\"" },
	{ CALL(G("collections", "deque"), "]" I(9)) I(1) "a" I(2) "a.", "[1,2]" },
	{ NEW(G("argparse", "Namespace")) BUILD(D(V("lr") F(0.5))) ".",
	  "{\"class\":\"argparse.Namespace\",\"lr\":0.5}" },
	{ NP_SCALAR("f8", "\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u00f0\\u003f") ".", "1" },
	{ NP_SCALAR("f2", "\\u0001\\u0080") ".", "-5.9604644775390625e-08" },
	{ NP_SCALAR("i1", "\\u00ff") ".", "-1" },
	{ NP_SCALAR("u8", "\\u00ff\\u00ff\\u00ff\\u00ff\\u00ff\\u00ff\\u00ff\\u00ff") ".",
	  "\"18446744073709551615\"" },
	{ NP_SCALAR("b1", "\\u0001") ".", "true" },
	{ NP_SCALAR("c8", "\\u0000\\u0000\\u0000\\u003f\\u0000\\u0000\\u0080\\u00bf") ".",
	  "{\"im\":-1,\"re\":0.5}" },
	{ NP_ARRAY(T(), "i2", ">", NO, NP_BYTES("\\u0001\\u0002")) ".", "258" },
	{ NP_DTYPE("f4", ">") ".", "\">f4\"" },
};

static void test_values(void **state)
{
	char want[512];

	(void)state;
	for (size_t i = 0; i < COUNT(values); i++) {
		struct walk w;

		walk_text(&w, values[i].pickle);
		snprintf(want, sizeof(want), "{\"config\":%s}", values[i].config);
		if (!w.l.metadata)
			fail_msg("%s: none, want %s", values[i].pickle, want);
		assert_string_equal(w.l.metadata, want);
		assert_int_equal(w.l.ntensors, 0);
		done(&w);
	}
}

static void test_opaque(void **state)
{
	struct walk w;

	(void)state;
	walk_text(&w, D(V("f") G("my", "function") V("t") G("torch", "relu") V("e")
				CALL(G("my", "Colour"), V("red")) V("e2")
					CALL(G("my", "Colour"), I(2))) ".");
	assert_string_equal(w.l.metadata,
			    "{\"config\":{\"e\":{\"args\":[\"red\"],\"class\":\"my.Colour\"},"
			    "\"e2\":{\"args\":[2],\"class\":\"my.Colour\"},"
			    "\"f\":{\"global\":\"my.function\"},\"t\":{\"global\":\"torch.relu\"}},"
			    "\"opaque\":[\"my.Colour\",\"my.function\",\"torch.relu\"]}");
	done(&w);
}

/* Two saves of one run by an old version: ids are addresses, the state is in any order. */
#define GROUP(...) D(V("lr") F(0.5) V("params") L(__VA_ARGS__))
#define STATE D(V("step") I(3) V("m") TENSOR)

static const struct {
	const char *pickle, *names, *metadata;
} optimizers[] = {
	{ D(V("state") D(I(140000000000077) STATE I(140000000000011) STATE) V("param_groups")
		    L(GROUP(I(140000000000011) I(140000000000077)))) ".",
	  "state.0.m state.1.m ",
	  "{\"config\":{\"param_groups\":[{\"lr\":0.5,\"params\":[0,1]}],"
	  "\"state\":{\"0\":{\"step\":3},\"1\":{\"step\":3}}}}" },
	{ D(V("optimizer_states") L(D(V("state") D(I(0) STATE I(2) STATE) V("param_groups")
					      L(GROUP(I(0) I(1)) GROUP(I(2)))))) ".",
	  "optimizer_states.0.state.0.m optimizer_states.0.state.2.m ",
	  "{\"config\":{\"optimizer_states\":[{\"param_groups\":[{\"lr\":0.5,\"params\":[0,1]},"
	  "{\"lr\":0.5,\"params\":[2]}],\"state\":{\"0\":{\"step\":3},\"2\":{\"step\":3}}}]}}" },
	/* an id in no group keeps its number, also beside a position of that number */
	{ D(V("state") D(I(0) STATE I(99) STATE) V("param_groups") L(GROUP(I(99)))) ".",
	  "state.0.m state.0.m ",
	  "{\"config\":{\"param_groups\":[{\"lr\":0.5,\"params\":[0]}],"
	  "\"state\":{\"0\":{\"step\":3},\"0#2\":{\"step\":3}}}}" },
	{ D(V("state") D(V("w.b") STATE) V("param_groups") L(GROUP(V("w.b")))) ".", "state.w.b.m ",
	  "{\"config\":{\"param_groups\":[{\"lr\":0.5,\"params\":[\"w.b\"]}],"
	  "\"state\":{\"w.b\":{\"step\":3}}}}" },
	/* pickled whole: the parameters themselves are the keys */
	{ OBJ BUILD(D(V("param_groups") L(D(V("params") L(TENSOR PUT(1) TENSOR PUT(2)))) V("state")
			      D(GET(2) STATE))) ".",
	  "param_groups.0.params.0 param_groups.0.params.1 state.1.m ",
	  "{\"config\":{\"class\":\"my.Class\",\"state\":{\"1\":{\"step\":3}}},"
	  "\"opaque\":[\"my.Class\"]}" },
	/* a dict that only looks like one */
	{ D(V("state") D(I(5) TENSOR) V("param_groups") I(1)) ".", "state.5 ",
	  "{\"config\":{\"param_groups\":1}}" },
};

static void test_optimizers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(optimizers); i++) {
		struct walk w;
		char *names;

		walk_text(&w, optimizers[i].pickle);
		names = names_of(&w.l);
		assert_string_equal(names, optimizers[i].names);
		assert_non_null(w.l.metadata);
		assert_string_equal(w.l.metadata, optimizers[i].metadata);
		free(names);
		done(&w);
	}
}

static const struct st_tensor *tensor(const struct st_layout *l, const char *name)
{
	for (size_t i = 0; i < l->ntensors; i++)
		if (strcmp(l->tensors[i].name, name) == 0)
			return &l->tensors[i];
	fail_msg("no tensor %s", name);
	return NULL;
}

/* Equal names in file order; tied weights lie in the same place. */
static void test_equal_names(void **state)
{
	struct walk w;

	(void)state;
	walk_text(&w, D(V("a.b") TENSOR_AT("1", 0) V("a") D(V("b") TENSOR_AT("0", 0) V(
			      "c") TENSOR_AT("0", 4) V("d") TENSOR_AT("0", 4))) ".");
	assert_int_equal(st_layout_finish(&w.l, &w.e), ST_OK);
	assert_int_equal(w.l.ntensors, 4);
	/* storage 1 comes first in the pickle, so it was put first into the file */
	assert_int_equal(tensor(&w.l, "a.b")->offset + DATA, tensor(&w.l, "a.b#2")->offset);
	assert_int_equal(tensor(&w.l, "a.c")->offset, tensor(&w.l, "a.d")->offset);
	assert_int_equal(tensor(&w.l, "a.c")->offset, tensor(&w.l, "a.b#2")->offset + 16);
	done(&w);
}

#define BIG_ARRAY                                                                              \
	CALL(G("numpy.core.multiarray", "_reconstruct"), G("numpy", "ndarray") T(I(0)) "C\x01" \
										       "b")    \
	BUILD(T(I(1) T(I(2) I(2)) NP_DTYPE("i2", ">") YES "C\x08"                              \
							  "\0\1\0\2\0\3\0\4"))

static void test_arrays(void **state)
{
	static const char p[] = "\x80\x04" D(V("a") BIG_ARRAY) ".";
	static const uint8_t rows[] = { 1, 0, 3, 0, 2, 0, 4, 0 };
	const struct st_tensor *t;
	struct walk w;

	(void)state;
	walk(&w, p, sizeof(p) - 1, LIMIT, true);
	if (w.rc != ST_OK)
		fail_msg("%s", w.e.msg);
	t = tensor(&w.l, "a");
	assert_int_equal(t->where, ST_IN_FILE);
	assert_memory_equal(w.file.p + t->offset, "\0\1\0\2\0\3\0\4", 8);
	assert_true(t->big_endian);
	assert_non_null(t->strides);
	done(&w);

	walk(&w, p, sizeof(p) - 1, LIMIT, false); /* as if inflated from elsewhere */
	if (w.rc != ST_OK)
		fail_msg("%s", w.e.msg);
	t = tensor(&w.l, "a");
	assert_int_equal(t->where, ST_HELD);
	assert_int_equal(t->nbytes, sizeof(rows));
	assert_memory_equal(t->held, rows, sizeof(rows));
	assert_null(t->strides);
	done(&w);
}

static void add(struct st_buf *b, const char *s)
{
	struct st_err e = { 0 };

	assert_int_equal(st_buf_addstr(b, s, &e), ST_OK);
}

static void add_times(struct st_buf *b, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		add(b, s);
}

/* {"w": tensor, "z": head inner tail} */
static void with_tensor(struct walk *w, const char *head, size_t times, const char *inner,
			size_t inner_times, const char *tail, size_t tail_times)
{
	struct st_buf b;

	st_buf_init(&b, SIZE_MAX);
	add(&b, "(" V("w") TENSOR V("z"));
	add_times(&b, head, times);
	add_times(&b, inner, inner_times);
	add_times(&b, tail, tail_times);
	add(&b, "d.");
	walk(w, b.p, b.len, LIMIT, true);
	st_buf_release(&b);
}

static void check_hostile(struct walk *w, const char *names, const char *in_metadata)
{
	char *s;

	if (w->rc != ST_OK)
		fail_msg("%s", w->e.msg);
	s = names_of(&w->l);
	assert_string_equal(s, names);
	free(s);
	assert_non_null(w->l.metadata);
	if (!strstr(w->l.metadata, in_metadata))
		fail_msg("%.300s: no %s", w->l.metadata, in_metadata);
	done(w);
}

static void test_circles(void **state)
{
	struct walk w;

	(void)state;
	walk_text(&w, "]" PUT(0) GET(0) "a" TENSOR "a.");
	check_hostile(&w, "1 ", "{\"config\":{\"0\":{\"elided\":\"a circle\"}}}");
	walk_text(&w, "(d" PUT(0) V("up") GET(0) "s" V("w") TENSOR "s" V("o")
			      OBJ BUILD(D(V("parent") GET(0))) "s.");
	check_hostile(&w, "w ",
		      "\"o\":{\"class\":\"my.Class\",\"parent\":{\"elided\":\"a circle\"}}");
	walk_text(&w, OBJ PUT(0) BUILD(D(V("me") GET(0) V("w") TENSOR)) ".");
	check_hostile(&w, "w ", "\"me\":{\"elided\":\"a circle\"}");
}

static void test_depth(void **state)
{
	struct walk w;

	(void)state;
	/* 50: both are seen; 100: only the tensor; 100,000: neither */
	with_tensor(&w, "(", 50, TENSOR I(7), 1, "l", 50);
	assert_int_equal(w.l.ntensors, 2);
	check_hostile(&w,
		      "w z.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0"
		      ".0.0.0.0.0.0.0.0.0.0.0.0.0.0 ",
		      "{\"1\":7}");
	with_tensor(&w, "(", 100, TENSOR I(7), 1, "l", 100);
	assert_int_equal(w.l.ntensors, 2);
	assert_non_null(strstr(w.l.metadata, "{\"elided\":\"nested too deep\"}]"));
	assert_null(strstr(w.l.metadata, "7"));
	done(&w);
	with_tensor(&w, "(", 100000, TENSOR I(7), 1, "l", 100000);
	check_hostile(&w, "w ", "nested too deep");
	with_tensor(&w, "(" V("k"), 100000, TENSOR, 1, "d", 100000);
	check_hostile(&w, "w ", "nested too deep");
	with_tensor(&w, OBJ V("k"), 1000, I(1), 1, "s", 1000);
	check_hostile(&w, "w ", "nested too deep");
}

/* [[x, x], [x, x]] and so on: 2^60 paths. */
static void test_sharing(void **state)
{
	struct st_buf b;
	struct walk w;

	(void)state;
	with_tensor(&w, I(1), 1, PUT(0) "(" GET(0) GET(0) "l", 0, "", 0);
	done(&w);
	with_tensor(&w, I(1), 1, PUT(0) "0(" GET(0) GET(0) "l", 60, "", 0);
	check_hostile(&w, "w ", "{\"config\":{\"elided\":\"too much to show\"}}");
	/* each path is a tensor of its own here, and they do not fit in memory */
	with_tensor(&w, TENSOR, 1, PUT(0) "0(" GET(0) GET(0) "l", 60, "", 0);
	assert_int_equal(w.rc, ST_ELIMIT);
	done(&w);
	/* 10,000 times a list of 10,000 texts */
	st_buf_init(&b, SIZE_MAX);
	add(&b, "(" V("w") TENSOR V("z") "((");
	add_times(&b, V("x"), 10000);
	add(&b, "l" PUT(0));
	add_times(&b, GET(0), 9999);
	add(&b, "ld.");
	walk(&w, b.p, b.len, LIMIT, true);
	check_hostile(&w, "w ", "{\"config\":{\"elided\":\"too much to show\"}}");
	st_buf_release(&b);
}

static void test_elided(void **state)
{
	struct st_buf b;
	struct walk w;
	char key[64];

	(void)state;
	with_tensor(&w, "(", 1, I(1), 4096, "l", 1);
	check_hostile(&w, "w ", "{\"config\":{\"z\":[1,1,");
	with_tensor(&w, "(", 1, I(1), 4097, "l", 1);
	check_hostile(&w, "w ", "{\"config\":{\"z\":{\"elided\":4097}}}");
	with_tensor(&w, "(" V("x"), 1, I(1), 4097, "l", 1);
	check_hostile(&w, "w ", "[\"x\",1,1");

	/* 400,000 entries of 46 bytes and more */
	st_buf_init(&b, SIZE_MAX);
	add(&b, "(" V("w") TENSOR);
	for (int i = 0; i < 400000; i++) {
		snprintf(key, sizeof(key), "V%040d\nI1\n", i);
		add(&b, key);
	}
	add(&b, "d.");
	walk(&w, b.p, b.len, (uint64_t)1 << 30, true);
	check_hostile(&w, "w ", "{\"config\":{\"elided\":\"larger than 16 MiB\"}}");
	walk(&w, b.p, b.len, (uint64_t)256 << 20, true);
	check_hostile(&w, "w ", "{\"config\":{\"elided\":\"");
	st_buf_release(&b);
}

static void test_damage(void **state)
{
	struct walk w;
	const char *p = D(V("a") D(V("b") TENSOR_AT("0", 15))) ".";

	(void)state;
	walk(&w, p, strlen(p), LIMIT, true);
	assert_int_equal(w.rc, ST_EFORMAT);
	assert_non_null(strstr(w.e.msg, "tensor \"a.b\""));
	assert_non_null(strstr(w.e.msg, "at offset"));
	done(&w);
}

/* However little memory is allowed: a tensor is there or the failure is ST_ELIMIT. */
static void test_memory(void **state)
{
	struct st_buf b;
	struct walk w;
	bool failed = false;

	(void)state;
	st_buf_init(&b, SIZE_MAX);
	add(&b, "(");
	for (int i = 0; i < 300; i++) {
		char key[64];

		snprintf(key, sizeof(key), "Vkey%d\n", i);
		add(&b, key);
		add(&b, i % 2 ? TENSOR : OBJ BUILD(D(V("n") I(1))));
	}
	add(&b, "d.");
	for (uint64_t limit = 1024; limit < 8 << 20; limit += limit / 2) {
		walk(&w, b.p, b.len, limit, true);
		assert_true(w.rc == ST_OK || w.rc == ST_ELIMIT);
		if (w.rc == ST_OK)
			assert_int_equal(w.l.ntensors, 150);
		failed = failed || w.rc != ST_OK;
		done(&w);
	}
	assert_true(failed);
	st_buf_release(&b);
}

/* Every truncation and many wrong bytes: an answer, whichever, and no crash. */
static void test_broken(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(objects); i++) {
		size_t len = strlen(objects[i].pickle);
		char *p = strdup(objects[i].pickle);
		struct walk w;

		assert_non_null(p);
		for (size_t k = 0; k < len; k++) {
			char old = p[k];

			p[k] = (char)(old + 1 + (int)(k % 5));
			walk(&w, p, len, LIMIT, k % 2 == 0);
			done(&w);
			p[k] = old;
		}
		free(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_objects),	    cmocka_unit_test(test_values),
		cmocka_unit_test(test_opaque),	    cmocka_unit_test(test_optimizers),
		cmocka_unit_test(test_equal_names), cmocka_unit_test(test_arrays),
		cmocka_unit_test(test_circles),	    cmocka_unit_test(test_depth),
		cmocka_unit_test(test_sharing),	    cmocka_unit_test(test_elided),
		cmocka_unit_test(test_damage),	    cmocka_unit_test(test_memory),
		cmocka_unit_test(test_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
