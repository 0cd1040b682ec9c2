/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "format/pickle.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define MEMORY ((uint64_t)64 << 20)
#define STEPS ((uint64_t)1 << 24)
#define B(s) s, sizeof(s) - 1

static int parse(struct st_pickle *p, const void *bytes, size_t len, struct st_err *e)
{
	struct st_pickle_limits lim = { MEMORY, STEPS };
	struct st_source s;

	*e = (struct st_err){ 0 };
	st_source_init_mem(&s, bytes, len, "m");
	return st_pickle_parse(p, &s, 0, len, &lim, e);
}

static void must_parse(struct st_pickle *p, const void *bytes, size_t len)
{
	struct st_err e;

	if (parse(p, bytes, len, &e) != ST_OK)
		fail_msg("%s", e.msg);
}

/* --- nodes as text --- */

#define OUT(...)                                                             \
	do {                                                                 \
		struct st_err oute = { 0 };                                  \
		assert_int_equal(st_buf_addf(b, &oute, __VA_ARGS__), ST_OK); \
	} while (0)

static void show(struct st_buf *b, const struct st_pk *n, int depth);

static void show_seq(struct st_buf *b, const struct st_pk_seq *s, bool pairs, int depth)
{
	for (size_t i = 0; i < s->n; i++) {
		if (i)
			OUT("%s", pairs && i % 2 ? ":" : ",");
		show(b, s->v[i], depth);
	}
}

static void show_str(struct st_buf *b, const struct st_pk_str *s)
{
	OUT("\"");
	if (!s->p)
		OUT("@%" PRIu64 "+%zu", s->off, s->len);
	else
		assert_int_equal(s->p[s->len], 0);
	for (size_t i = 0; s->p && i < s->len; i++) {
		uint8_t c = (uint8_t)s->p[i];

		if (c < 0x20 || c >= 0x7f)
			OUT("\\x%02x", c);
		else
			OUT("%c", c);
	}
	OUT("\"");
}

static void show_call(struct st_buf *b, const struct st_pk *n, int depth)
{
	assert_int_equal(n->call.args->kind, ST_PK_TUPLE);
	show(b, n->call.fn, depth);
	OUT("%s(", n->kind == ST_PK_OBJECT ? "!" : "");
	show_seq(b, &n->call.args->seq, false, depth);
	if (n->call.kwargs) {
		OUT(",**");
		show(b, n->call.kwargs, depth);
	}
	OUT(")");
	if (n->call.items) {
		OUT("+[");
		show_seq(b, n->call.items, n->call.pairs, depth);
		OUT("]");
	}
}

static void show_container(struct st_buf *b, const struct st_pk *n, int depth)
{
	static const char *const open[] = { "(", "[", "set(", "{" }, *const close[] = { ")", "]",
											")", "}" };
	size_t kind = (size_t)n->kind - ST_PK_TUPLE;

	if (n->cls)
		OUT("%s:", n->cls->global.name);
	OUT("%s", open[kind]);
	show_seq(b, &n->seq, n->kind == ST_PK_DICT, depth);
	OUT("%s", close[kind]);
}

static void show_scalar(struct st_buf *b, const struct st_pk *n)
{
	switch (n->kind) {
	case ST_PK_NONE:
		OUT("None");
		break;
	case ST_PK_BOOL:
		OUT("%s", n->i ? "True" : "False");
		break;
	case ST_PK_INT:
		OUT("%" PRId64, n->i);
		break;
	case ST_PK_FLOAT:
		OUT("%.17g", n->f);
		break;
	case ST_PK_BIGINT:
		OUT("0x");
		for (size_t i = n->str.len; i-- > 0;)
			OUT("%02x", (uint8_t)n->str.p[i]);
		break;
	case ST_PK_STR:
		show_str(b, &n->str);
		break;
	default:
		OUT("b");
		show_str(b, &n->str);
	}
}

static void show(struct st_buf *b, const struct st_pk *n, int depth)
{
	assert_non_null(n);
	if (depth > 20) {
		OUT("..");
		return;
	}
	if (n->kind <= ST_PK_BYTES)
		show_scalar(b, n);
	else if (n->kind <= ST_PK_DICT)
		show_container(b, n, depth + 1);
	else if (n->kind == ST_PK_CALL || n->kind == ST_PK_OBJECT)
		show_call(b, n, depth + 1);
	else if (n->kind == ST_PK_GLOBAL)
		OUT("%s.%s", n->global.module ? n->global.module : "?",
		    n->global.name ? n->global.name : "?");
	else if (n->kind == ST_PK_BUFFER)
		OUT("buffer");
	if (n->kind == ST_PK_PERSID) {
		OUT("id ");
		show(b, n->call.args, depth + 1);
	}
	if (n->state) {
		OUT("|");
		show(b, n->state, depth + 1);
	}
}

static void check_shows(const char *name, const struct st_pk *n, const char *want)
{
	struct st_err e = { 0 };
	struct st_buf b;

	st_buf_init(&b, 1 << 20);
	show(&b, n, 0);
	assert_int_equal(st_buf_addch(&b, 0, &e), ST_OK);
	if (strcmp((const char *)b.p, want) != 0)
		fail_msg("%s is %s, not %s", name, b.p, want);
	st_buf_release(&b);
}

/* --- what Python writes --- */

/*
 * pickle.dumps(o, protocol) of CPython 2.7.18 and 3.11.7, with a class Square of a module shapes,
 * s an instance of it whose side is 2, and
 *	o = [None, (True, False), [0, 255, 256, 65536, -1, 2**31, -2**63, 2**64], -1.5,
 *	     u'a\u20ac\\\n', b"\x00\xff'", bytearray(b'z\x80'),
 *	     ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)), [[], {}, set(), frozenset([1])],
 *	     OrderedDict([(u'k', 1), (u'j', 2)]), s, {u'd': [s]}]
 */
#define GOLDEN(name)                                                                           \
	"[None,(True,False),[0,255,256,65536,-1,2147483648,-9223372036854775808,"              \
	"0x010000000000000000],-1.5,\"a\\xe2\\x82\\xac\\\\x0a\",b\"\\x00\\xff'\",b\"z\\x80\"," \
	"((),(1),(1,2),(1,2,3),(1,2,3,4)),[[],{},set(),set(1)],OrderedDict:{\"k\":1,\"j\":2}," \
	"shapes.Square!()|{" name ":2},{\"d\":[shapes.Square!()|{" name ":2}]}]"

static const struct golden {
	const char *name, *p;
	size_t len;
} goldens[] = {
	{ "2.7, protocol 0",
	  "(lp0\nNa(I01\nI00\ntp1\na(lp2\nI0\naI255\naI256\naI65536\naI-1\naI2147483648\naL-9"
	  "223372036854775808L\naL18446744073709551616L\naaF-1.5\naVa\\u20ac\\u005c\\u000a\np"
	  "3\naS\"\\x00\\xff'\"\np4\nac__builtin__\nbytearray\np5\n(Vz\200\np6\nS'latin-1'\np"
	  "7\ntp8\nRp9\na((t(I1\ntp10\n(I1\nI2\ntp11\n(I1\nI2\nI3\ntp12\n(I1\nI2\nI3\nI4\ntp1"
	  "3\ntp14\na(lp15\n(lp16\na(dp17\nac__builtin__\nset\np18\n((lp19\ntp20\nRp21\nac__b"
	  "uiltin__\nfrozenset\np22\n((lp23\nI1\natp24\nRp25\naaccollections\nOrderedDict\np2"
	  "6\n((lp27\n(lp28\nVk\np29\naI1\naa(lp30\nVj\np31\naI2\naatp32\nRp33\naccopy_reg\n_"
	  "reconstructor\np34\n(cshapes\nSquare\np35\nc__builtin__\nobject\np36\nNtp37\nRp38"
	  "\n(dp39\nS'side'\np40\nI2\nsba(dp41\nVd\np42\n(lp43\ng38\nasa.",
	  615 },
	{ "2.7, protocol 1",
	  "]q\000(N(I01\nI00\ntq\001]q\002(K\000K\377M\000\001J\000\000\001\000J\377\377\377"
	  "\377I2147483648\nL-9223372036854775808L\nL18446744073709551616L\neG\277\370\000"
	  "\000\000\000\000\000X\006\000\000\000a\342\202\254\\\nq\003U\003\000\377'q\004c__b"
	  "uiltin__\nbytearray\nq\005(X\003\000\000\000z\302\200q\006U\007latin-1q\007tq\010R"
	  "q\011()(K\001tq\n(K\001K\002tq\013(K\001K\002K\003tq\014(K\001K\002K\003K\004tq"
	  "\015tq\016]q\017(]q\020}q\021c__builtin__\nset\nq\022(]q\023tq\024Rq\025c__builtin"
	  "__\nfrozenset\nq\026(]q\027K\001atq\030Rq\031eccollections\nOrderedDict\nq\032(]q"
	  "\033(]q\034(X\001\000\000\000kq\035K\001e]q\036(X\001\000\000\000jq\037K\002eetq R"
	  "q!ccopy_reg\n_reconstructor\nq\"(cshapes\nSquare\nq#c__builtin__\nobject\nq$Ntq%Rq"
	  "&}q'U\004sideq(K\002sb}q)X\001\000\000\000dq*]q+h&ase.",
	  476 },
	{ "2.7, protocol 2",
	  "\200\002]q\000(N\210\211\206q\001]q\002(K\000K\377M\000\001J\000\000\001\000J\377"
	  "\377\377\377I2147483648\n\212\010\000\000\000\000\000\000\000\200\212\011\000\000"
	  "\000\000\000\000\000\000\001eG\277\370\000\000\000\000\000\000X\006\000\000\000a"
	  "\342\202\254\\\nq\003U\003\000\377'q\004c__builtin__\nbytearray\nq\005X\003\000"
	  "\000\000z\302\200q\006U\007latin-1q\007\206q\010Rq\011()K\001\205q\nK\001K\002\206"
	  "q\013K\001K\002K\003\207q\014(K\001K\002K\003K\004tq\015tq\016]q\017(]q\020}q\021c"
	  "__builtin__\nset\nq\022]q\023\205q\024Rq\025c__builtin__\nfrozenset\nq\026]q\027K"
	  "\001a\205q\030Rq\031eccollections\nOrderedDict\nq\032]q\033(]q\034(X\001\000\000"
	  "\000kq\035K\001e]q\036(X\001\000\000\000jq\037K\002ee\205q Rq!cshapes\nSquare\nq\""
	  ")\201q#}q$U\004sideq%K\002sb}q&X\001\000\000\000dq']q(h#ase.",
	  386 },
	{ "3.11, protocol 0",
	  "(lp0\nNa(I01\nI00\ntp1\na(lp2\nI0\naI255\naI256\naI65536\naI-1\naL2147483648L\naL-"
	  "9223372036854775808L\naL18446744073709551616L\naaF-1.5\naVa\\u20ac\\u005c\\u000a\n"
	  "p3\nac_codecs\nencode\np4\n(V\\u0000\377'\np5\nVlatin1\np6\ntp7\nRp8\nac__builtin_"
	  "_\nbytearray\np9\n(g4\n(Vz\200\np10\ng6\ntp11\nRp12\ntp13\nRp14\na((t(I1\ntp15\n(I"
	  "1\nI2\ntp16\n(I1\nI2\nI3\ntp17\n(I1\nI2\nI3\nI4\ntp18\ntp19\na(lp20\n(lp21\na(dp22"
	  "\nac__builtin__\nset\np23\n((lp24\ntp25\nRp26\nac__builtin__\nfrozenset\np27\n((lp"
	  "28\nI1\natp29\nRp30\naaccollections\nOrderedDict\np31\n(tRp32\nVk\np33\nI1\nsVj\np"
	  "34\nI2\nsaccopy_reg\n_reconstructor\np35\n(cshapes\nSquare\np36\nc__builtin__\nobj"
	  "ect\np37\nNtp38\nRp39\n(dp40\nVside\np41\nI2\nsba(dp42\nVd\np43\n(lp44\ng39\nasa.",
	  630 },
	{ "3.11, protocol 1",
	  "]q\000(N(I01\nI00\ntq\001]q\002(K\000K\377M\000\001J\000\000\001\000J\377\377\377"
	  "\377L2147483648L\nL-9223372036854775808L\nL18446744073709551616L\neG\277\370\000"
	  "\000\000\000\000\000X\006\000\000\000a\342\202\254\\\nq\003c_codecs\nencode\nq\004"
	  "(X\004\000\000\000\000\303\277'q\005X\006\000\000\000latin1q\006tq\007Rq\010c__bui"
	  "ltin__\nbytearray\nq\011(h\004(X\003\000\000\000z\302\200q\nh\006tq\013Rq\014tq"
	  "\015Rq\016()(K\001tq\017(K\001K\002tq\020(K\001K\002K\003tq\021(K\001K\002K\003K"
	  "\004tq\022tq\023]q\024(]q\025}q\026c__builtin__\nset\nq\027(]q\030tq\031Rq\032c__b"
	  "uiltin__\nfrozenset\nq\033(]q\034K\001atq\035Rq\036eccollections\nOrderedDict\nq"
	  "\037)Rq (X\001\000\000\000kq!K\001X\001\000\000\000jq\"K\002uccopy_reg\n_reconstru"
	  "ctor\nq#(cshapes\nSquare\nq$c__builtin__\nobject\nq%Ntq&Rq'}q(X\004\000\000\000sid"
	  "eq)K\002sb}q*X\001\000\000\000dq+]q,h'ase.",
	  506 },
	{ "3.11, protocol 2",
	  "\200\002]q\000(N\210\211\206q\001]q\002(K\000K\377M\000\001J\000\000\001\000J\377"
	  "\377\377\377\212\005\000\000\000\200\000\212\010\000\000\000\000\000\000\000\200"
	  "\212\011\000\000\000\000\000\000\000\000\001eG\277\370\000\000\000\000\000\000X"
	  "\006\000\000\000a\342\202\254\\\nq\003c_codecs\nencode\nq\004X\004\000\000\000\000"
	  "\303\277'q\005X\006\000\000\000latin1q\006\206q\007Rq\010c__builtin__\nbytearray\n"
	  "q\011h\004X\003\000\000\000z\302\200q\nh\006\206q\013Rq\014\205q\015Rq\016()K\001"
	  "\205q\017K\001K\002\206q\020K\001K\002K\003\207q\021(K\001K\002K\003K\004tq\022tq"
	  "\023]q\024(]q\025}q\026c__builtin__\nset\nq\027]q\030\205q\031Rq\032c__builtin__\n"
	  "frozenset\nq\033]q\034K\001a\205q\035Rq\036eccollections\nOrderedDict\nq\037)Rq (X"
	  "\001\000\000\000kq!K\001X\001\000\000\000jq\"K\002ucshapes\nSquare\nq#)\201q$}q%X"
	  "\004\000\000\000sideq&K\002sb}q'X\001\000\000\000dq(]q)h$ase.",
	  409 },
	{ "3.11, protocol 3",
	  "\200\003]q\000(N\210\211\206q\001]q\002(K\000K\377M\000\001J\000\000\001\000J\377"
	  "\377\377\377\212\005\000\000\000\200\000\212\010\000\000\000\000\000\000\000\200"
	  "\212\011\000\000\000\000\000\000\000\000\001eG\277\370\000\000\000\000\000\000X"
	  "\006\000\000\000a\342\202\254\\\nq\003C\003\000\377'q\004cbuiltins\nbytearray\nq"
	  "\005C\002z\200q\006\205q\007Rq\010()K\001\205q\011K\001K\002\206q\nK\001K\002K\003"
	  "\207q\013(K\001K\002K\003K\004tq\014tq\015]q\016(]q\017}q\020cbuiltins\nset\nq\021"
	  "]q\022\205q\023Rq\024cbuiltins\nfrozenset\nq\025]q\026K\001a\205q\027Rq\030eccolle"
	  "ctions\nOrderedDict\nq\031)Rq\032(X\001\000\000\000kq\033K\001X\001\000\000\000jq"
	  "\034K\002ucshapes\nSquare\nq\035)\201q\036}q\037X\004\000\000\000sideq K\002sb}q!X"
	  "\001\000\000\000dq\"]q#h\036ase.",
	  345 },
	{ "3.11, protocol 4",
	  "\200\004\225\004\001\000\000\000\000\000\000]\224(N\210\211\206\224]\224(K\000K"
	  "\377M\000\001J\000\000\001\000J\377\377\377\377\212\005\000\000\000\200\000\212"
	  "\010\000\000\000\000\000\000\000\200\212\011\000\000\000\000\000\000\000\000\001eG"
	  "\277\370\000\000\000\000\000\000\214\006a\342\202\254\\\n\224C\003\000\377'\224"
	  "\214\010builtins\224\214\011bytearray\224\223\224C\002z\200\224\205\224R\224()K"
	  "\001\205\224K\001K\002\206\224K\001K\002K\003\207\224(K\001K\002K\003K\004t\224t"
	  "\224]\224(]\224}\224\217\224(K\001\221\224e\214\013collections\224\214\013OrderedD"
	  "ict\224\223\224)R\224(\214\001k\224K\001\214\001j\224K\002u\214\006shapes\224\214"
	  "\006Square\224\223\224)\201\224}\224\214\004side\224K\002sb}\224\214\001d\224]\224"
	  "h\036ase.",
	  271 },
	{ "3.11, protocol 5",
	  "\200\005\225\356\000\000\000\000\000\000\000]\224(N\210\211\206\224]\224(K\000K"
	  "\377M\000\001J\000\000\001\000J\377\377\377\377\212\005\000\000\000\200\000\212"
	  "\010\000\000\000\000\000\000\000\200\212\011\000\000\000\000\000\000\000\000\001eG"
	  "\277\370\000\000\000\000\000\000\214\006a\342\202\254\\\n\224C\003\000\377'\224"
	  "\226\002\000\000\000\000\000\000\000z\200\224()K\001\205\224K\001K\002\206\224K"
	  "\001K\002K\003\207\224(K\001K\002K\003K\004t\224t\224]\224(]\224}\224\217\224(K"
	  "\001\221\224e\214\013collections\224\214\013OrderedDict\224\223\224)R\224(\214\001"
	  "k\224K\001\214\001j\224K\002u\214\006shapes\224\214\006Square\224\223\224)\201\224"
	  "}\224\214\004side\224K\002sb}\224\214\001d\224]\224h\031ase.",
	  249 },
};

static void test_goldens(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(goldens); i++) {
		const struct golden *g = &goldens[i];
		bool two = g->name[0] == '2';
		struct st_pickle p;
		const struct st_pk *v;

		must_parse(&p, g->p, g->len);
		check_shows(g->name, p.root, two ? GOLDEN("b\"side\"") : GOLDEN("\"side\""));
		assert_int_equal(p.end, g->len);
		v = p.root->seq.v[11];
		assert_ptr_equal(st_pk_get(v, "d")->seq.v[0], p.root->seq.v[10]);
		assert_true(p.nglobals >= 2);
		st_pickle_release(&p);
	}
}

/* Every opcode ends somewhere: what is missing is never taken for what is there. */
static void test_truncated(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(goldens); i++) {
		size_t globals = 0;

		for (size_t n = 0; n < goldens[i].len; n++) {
			char *part = malloc(n + 1); /* a sanitizer sees one byte too many */
			struct st_pickle p;
			struct st_err e;

			assert_non_null(part);
			memcpy(part + 1, goldens[i].p, n);
			if (parse(&p, part + 1, n, &e) != ST_EFORMAT || !strstr(e.msg, "offset"))
				fail_msg("%s, %zu bytes: %s", goldens[i].name, n, e.msg);
			assert_null(p.root);
			assert_true(p.end <= n);
			assert_true(p.nglobals >= globals || goldens[i].p[2] == '\x95');
			globals = p.nglobals;
			st_pickle_release(&p);
			free(part);
		}
	}
}

/* --- by hand --- */

static const struct {
	const char *p;
	size_t len;
	const char *want;
} accepted[] = {
	{ B("N."), "None" },
	{ B("\x80\x00N."), "None" },
	/* numbers */
	{ B("I00\n."), "False" },
	{ B("I01\n."), "True" },
	{ B("I1\n."), "1" },
	{ B("I-0\n."), "0" },
	{ B("I-9223372036854775808\n."), "-9223372036854775808" },
	{ B("L9223372036854775807L\n."), "9223372036854775807" },
	{ B("L9223372036854775808\n."), "0x008000000000000000" },
	{ B("L-9223372036854775809L\n."), "0xff7fffffffffffffff" },
	{ B("L-340282366920938463463374607431768211456L\n."),
	  "0xff00000000000000000000000000000000" },
	{ B("J\xff\xff\xff\xff."), "-1" },
	{ B("K\xff."), "255" },
	{ B("M\x01\xff."), "65281" },
	{ B("\x8a\x00."), "0" },
	{ B("\x8a\x01\x80."), "-128" },
	{ B("\x8a\x02\xff\x00."), "255" },
	{ B("\x8a\x0c\x05\0\0\0\0\0\0\0\0\0\0\0."), "5" }, /* more bytes than it takes */
	{ B("\x8a\x09\0\0\0\0\0\0\0\x80\xff."), "-9223372036854775808" },
	{ B("\x8b\x02\0\0\0\xff\xff."), "-1" },
	{ B("F-1.5e3\n."), "-1500" },
	{ B("Finf\n."), "inf" },
	{ B("G\x3f\xb9\x99\x99\x99\x99\x99\x9a."), "0.10000000000000001" },
	/* strings */
	{ B("S''\n."), "b\"\"" },
	{ B("S\"it's\"\n."), "b\"it's\"" },
	{ B("S'a\\n\\t\\'\\\\\\x41\\101\\7\\q\\0'\n."), "b\"a\\x0a\\x09'\\AA\\x07\\q\\x00\"" },
	{ B("V\n."), "\"\"" },
	{ B("V\\u0041\\U0001f600\\q\\\\u0041\xe9\\\n."),
	  "\"A\\xf0\\x9f\\x98\\x80\\q\\\\u0041\\xc3\\xa9\\\"" },
	{ B("V\\ud83d\\ude00\\ud800\n."), "\"\\xed\\xa0\\xbd\\xed\\xb8\\x80\\xed\\xa0\\x80\"" },
	{ B("X\x03\0\0\0\xed\xa0\x80."), "\"\\xed\\xa0\\x80\"" },
	{ B("T\x01\0\0\0\xff."), "b\"\\xff\"" },
	{ B("\x8d\x01\0\0\0\0\0\0\0a."), "\"a\"" },
	{ B("\x8e\x01\0\0\0\0\0\0\0a."), "b\"a\"" },
	{ B("\x96\x01\0\0\0\0\0\0\0a."), "b\"a\"" },
	{ B("\x97\x98."), "buffer" },
	/* stack and memo */
	{ B("K\x01K\x02"
	    "0."),
	  "1" },
	{ B("(K\x01K\x02"
	    "12."),
	  NULL }, /* POP_MARK, then DUP of nothing */
	{ B("N(K\x01K\x02"
	    "1."),
	  "None" },
	{ B("N(0."), "None" }, /* POP takes a MARK too */
	{ B("(N."), "None" },
	{ B("NK\x05."), "5" },
	{ B("K\x01"
	    "2\x86."),
	  "(1,1)" },
	{ B("K\x01p7\n0g7\n."), "1" },
	{ B("K\x01q\x07"
	    "0h\x07."),
	  "1" },
	{ B("K\x01r\xff\xff\xff\xff"
	    "0j\xff\xff\xff\xff."),
	  "1" },
	{ B("K\x01r\xff\xff\xff\xffK\x02r\xff\xff\xff\xffg4294967295\n."), "2" },
	{ B("K\x01p18446744073709551\n0g18446744073709551\n."), "1" },
	{ B("K\x01q\x05\x94"
	    "0h\x01."),
	  "1" }, /* MEMOIZE counts entries */
	{ B("K\x01r\xff\xff\xff\xff\x94"
	    "0h\x01."),
	  "1" },
	/* containers */
	{ B("(K\x01K\x02l."), "[1,2]" },
	{ B("(K\x01K\x02"
	    "d."),
	  "{1:2}" },
	{ B("(t."), "()" },
	{ B("(K\x01\x91."), "set(1)" },
	{ B("\x8f(K\x01K\x02\x90."), "set(1,2)" },
	{ B("](e(K\x01"
	    "ea."),
	  NULL },
	{ B("](e(K\x01"
	    "eK\x02"
	    "a."),
	  "[1,2]" },
	{ B("}K\x01K\x02s(K\x01K\x03u."), "{1:2,1:3}" },
	{ B("]2a."), "[[[[[[[[[[[[[[[[[[[[[..]]]]]]]]]]]]]]]]]]]]]" }, /* in itself */
	/* globals and calls */
	{ B("cos\nsystem\n."), "os.system" },
	{ B("cm\xff\n\\a\n."), "m\\xff.\\x5ca" },
	{ B("\x8c\x01m\x8c\x03"
	    "a.b\x93."),
	  "m.a.b" },
	{ B("S'm'\nU\x01n\x93."), "m.n" },
	{ B("\x8c\x02m\x00\x8c\x01n\x93."), "m\\x00.n" },
	{ B("K\x01K\x02\x93."), "?.?" },
	{ B("\x82\x05."), "copyreg.extension:5" },
	{ B("\x83\x05\x01."), "copyreg.extension:261" },
	{ B("\x84\xff\xff\xff\x7f."), "copyreg.extension:2147483647" },
	{ B("cos\nsystem\n(S'id'\ntR."), "os.system(b\"id\")" },
	{ B("(S'id'\nios\nsystem\n."), "os.system!(b\"id\")" },
	{ B("(cos\nsystem\nS'id'\no."), "os.system!(b\"id\")" },
	{ B("cm\nn\nK\x01\x85\x81}b."), "m.n!(1)|{}" },
	{ B("cm\nn\nK\x01\x85}(\x8c\x01kK\x02u\x92."), "m.n!(1,**{\"k\":2})" },
	{ B("cm\nn\n)RK\x01"
	    "a(K\x02K\x03"
	    "e."),
	  "m.n()+[1,2,3]" },
	{ B("cm\nn\n)\x81K\x01K\x02s."), "m.n!()+[1:2]" },
	{ B("cm\nn\n)R(K\x01\x90."), "m.n()+[1]" },
	{ B("cm\nn\n)R)R."), "m.n()()" },
	{ B("cm\nn\nK\x01"
	    "a."),
	  "m.n" },
	{ B("cm\nn\n}b."), "m.n|{}" },
	{ B("Pabc\n."), "id \"abc\"" },
	{ B("K\x01Q."), "id 1" },
	{ B("PabcQ\n."), "id \"abcQ\"" },
	/* calls that make containers */
	{ B("c__builtin__\nset\n](K\x01K\x02"
	    "e\x85R."),
	  "set(1,2)" },
	{ B("cbuiltins\nset\n)R."), "set()" },
	{ B("cbuiltins\nset\nK\x01\x85R."), "builtins.set(1)" }, /* fails in Python */
	{ B("cbuiltins\nlist\n]]\x86R."), "builtins.list([],[])" },
	{ B("cbuiltins\nlist\n(K\x01t\x85R."), "[1]" },
	{ B("cbuiltins\ntuple\n](K\x01"
	    "e\x85R."),
	  "(1)" },
	{ B("cbuiltins\ndict\n}(K\x01K\x02u\x85R."), "{1:2}" },
	{ B("cbuiltins\ndict\n(K\x01K\x02\x86t\x85R."), "{1:2}" },
	{ B("cbuiltins\ndict\n(K\x01\x85t\x85R."), "builtins.dict(((1)))" },
	{ B("ccollections\nOrderedDict\n)RK\x01K\x02s."), "OrderedDict:{1:2}" },
	{ B("ccollections\nOrderedDict\n)R}b."), "OrderedDict:{}|{}" },
	{ B("ccollections\nCounter\n}K\x01K\x02s\x85R."), "Counter:{1:2}" },
	{ B("ccollections\nCounter\n]\x85R."), "collections.Counter([])" },
	{ B("ccollections\ndefaultdict\ncbuiltins\nlist\n\x85RK\x01K\x02s."), "defaultdict:{1:2}" },
	{ B("ccollections\ndefaultdict\n)R."), "defaultdict:{}" },
	{ B("cbuiltins\nset\n)\x81."), "set()" },
	{ B("cbuiltins\nset\n]\x85\x81."), "builtins.set!([])" },
	{ B("c_codecs\nencode\nX\x04\0\0\0a\xc3\xbf\nX\x06\0\0\0latin1\x86R."),
	  "b\"a\\xff\\x0a\"" },
	{ B("c_codecs\nencode\nX\x02\0\0\0\xc4\x80X\x06\0\0\0latin1\x86R."),
	  "_codecs.encode(\"\\xc4\\x80\",\"latin1\")" },
	{ B("c_codecs\nencode\nX\x01\0\0\0aX\x04\0\0\0utf8\x86R."),
	  "_codecs.encode(\"a\",\"utf8\")" },
	{ B("c__builtin__\nbytes\n)R."), "b\"\"" },
	{ B("cbuiltins\nbytearray\nC\x02hi\x85R."), "b\"hi\"" },
	{ B("cbuiltins\nbytearray\nX\x02\0\0\0\xc3\xbfX\x07\0\0\0latin-1\x86R."), "b\"\\xff\"" },
	{ B("ccopy_reg\n_reconstructor\n(cm\nn\nc__builtin__\nobject\nNtR}b."), "m.n!()|{}" },
	{ B("ccopy_reg\n_reconstructor\n(cm\nn\nc__builtin__\ndict\n}K\x01K\x02stR."), "n:{1:2}" },
	{ B("ccopyreg\n_reconstructor\n(cm\nn\ncbuiltins\nlist\n](K\x01"
	    "etR."),
	  "n:[1]" },
	{ B("ccopyreg\n_reconstructor\n(cm\nn\ncbuiltins\nint\nK\x05tR."),
	  "copyreg._reconstructor(m.n,builtins.int,5)" },
	/* frames */
	{ B("\x80\x04\x95\x02\0\0\0\0\0\0\0N."), "None" },
	{ B("\x80\x04\x95\x00\0\0\0\0\0\0\0N."), "None" },
	{ B("\x95\x01\0\0\0\0\0\0\0N\x95\x01\0\0\0\0\0\0\0."), "None" },
};

static void test_accepted(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(accepted); i++) {
		struct st_pickle p;
		struct st_err e;
		int rc = parse(&p, accepted[i].p, accepted[i].len, &e);

		if (!accepted[i].want) {
			assert_int_equal(rc, ST_EFORMAT);
		} else if (rc != ST_OK) {
			fail_msg("%s: %s", accepted[i].want, e.msg);
		} else {
			check_shows("it", p.root, accepted[i].want);
			assert_int_equal(p.end, accepted[i].len);
		}
		st_pickle_release(&p);
	}
}

static const struct {
	const char *p;
	size_t len;
	const char *reason;
} refused[] = {
	{ B(""), "the pickle ends at offset 0 without STOP" },
	{ B("N"), "the pickle ends at offset 1 without STOP" },
	{ B("."), "the stack is empty at the STOP at offset 0" },
	{ B("NNNN\x7f"), "pickle opcode 0x7f at offset 4 is unknown" },
	{ B("\x00"), "pickle opcode 0x00 at offset 0 is unknown" },
	{ B("\x99"), "opcode 0x99" },
	{ B("\xff"), "opcode 0xff" },
	{ B("\x80\x06."), "protocol 6 is unknown at the PROTO at offset 0" },
	{ B("X\x04\0\0\0abc"), "ends at offset 8 within the BINUNICODE at offset 0" },
	{ B("X\xff\xff\xff\xff"
	    "abc"),
	  "within the BINUNICODE" },
	{ B("\x8e\xff\xff\xff\xff\xff\xff\xff\xff"
	    "abc"),
	  "within the BINBYTES8" },
	{ B("\x8b\xff\xff\xff\x7f."), "within the LONG4 at offset 0" },
	{ B("\x8b\xff\xff\xff\xff."), "a negative length at the LONG4" },
	{ B("T\xff\xff\xff\xff."), "a negative length at the BINSTRING" },
	{ B("S'abc"), "within the STRING at offset 0" },
	{ B("S'abc\n."), "a string without its quotes at the STRING at offset 0" },
	{ B("S'\n."), "quotes" },
	{ B("Sabc\n."), "quotes" },
	{ B("S'abc\"\n."), "quotes" },
	{ B("S'\\'\n."), "an escape" },
	{ B("S'\\x4'\n."), "an escape" },
	{ B("V\\u004\n."), "an escape that is none at the UNICODE" },
	{ B("V\\U00110000\n."), "an escape" },
	{ B("X\x01\0\0\0\xff."), "text that is no UTF-8 at the BINUNICODE" },
	{ B("X\x02\0\0\0\xc0\x80."), "no UTF-8" },
	{ B("P\xff\n."), "no UTF-8" },
	{ B("I\n."), "no decimal number at the INT" },
	{ B("I0x10\n."), "no decimal number" },
	{ B("I1 \n."), "no decimal number" },
	{ B("I007\n."), "begins with 0" },
	{ B("LL\n."), "no decimal number at the LONG" },
	{ B("F\n."), "no floating-point number" },
	{ B("F1,5\n."), "no floating-point number" },
	{ B("F 1\n."), "no floating-point number" },
	{ B("F1\0\n."), "no floating-point number" },
	{ B("0"), "the stack is empty at the POP" },
	{ B("1"), "there is no MARK at the POP_MARK" },
	{ B("N(2"), "the stack is empty at the DUP at offset 2" },
	{ B("NNNNR"), "something that cannot be called at the REDUCE at offset 4" },
	{ B("NR"), "the stack has only 1 of 2 items at the REDUCE at offset 1" },
	{ B("N(NR"), "the stack has only 1 of 2 items" }, /* never below a MARK */
	{ B("R"), "the stack is empty at the REDUCE at offset 0" },
	{ B("cos\nsystem\nNR."), "arguments that are no tuple at the REDUCE" },
	{ B("cos\nsystem\n)N\x92."), "arguments that are no dictionary at the NEWOBJ_EX" },
	{ B("(o."), "an object without a class" },
	{ B("(K\x01o."), "something that cannot be called" },
	{ B("q\x01"), "the stack is empty at the BINPUT" },
	{ B("\x94"), "the stack is empty at the MEMOIZE" },
	{ B("h\x01"), "the memo has no entry 1 at the BINGET at offset 0" },
	{ B("j\xff\xff\xff\xff"), "the memo has no entry 4294967295 at the LONG_BINGET" },
	{ B("Np-1\n."), "cannot be" },
	{ B("Np+1\n."), "no decimal number at the PUT" },
	{ B("Np01\n."), "begins with 0 at the PUT" },
	{ B("Npx\n."), "no decimal number" },
	{ B("Np99999999999999999999\n."), "cannot be" },
	{ B("K\x01K\x02"
	    "a."),
	  "an item for a number at the APPEND at offset 4" },
	{ B("\x8c\x00K\x02"
	    "a."),
	  "an item for a string" },
	{ B(")K\x02"
	    "a."),
	  "an item for a tuple" },
	{ B("}K\x02"
	    "a."),
	  "an item for a dictionary" },
	{ B("]K\x02K\x02s."), "an item for a list at the SETITEM" },
	{ B("](K\x01\x90."), "an item for a list at the ADDITEMS" },
	{ B("N(K\x01"
	    "e."),
	  "an item for None" },
	{ B("}(K\x01u."), "a key without a value at the SETITEMS" },
	{ B("(K\x01"
	    "d."),
	  "a key without a value at the DICT" },
	{ B("cm\nn\n)RK\x01"
	    "aK\x01K\x02s."),
	  "both values and keys" },
	{ B("K\x01}b."), "a state for a number at the BUILD at offset 3" },
	{ B("\x82\x00."), "an extension code" },
	{ B("\x84\xff\xff\xff\xff."), "an extension code" },
	{ B("cos\n"), "within the GLOBAL at offset 0" },
	{ B("cos\nsystem"), "within the GLOBAL at offset 0" },
	{ B("\x95\x03\0\0\0\0\0\0\0N."), "a frame of 3 bytes where 2 are left at the FRAME" },
	{ B("\x95\xff\xff\xff\xff\xff\xff\xff\xffN."), "a frame of 18446744073709551615 bytes" },
	/* Python's reader of files would import os here. */
	{ B("\x95\x02\0\0\0\0\0\0\0cxos\nsystem\n."),
	  "the end of a frame at offset 11 at the GLOBAL" },
	{ B("\x95\x03\0\0\0\0\0\0\0N.N"), "a frame that goes on to offset 12 at the STOP" },
	{ B("\x95\x0b\0\0\0\0\0\0\0\x95\x01\0\0\0\0\0\0\0N."), "a frame inside the one" },
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		struct st_pickle p;
		struct st_err e;

		if (parse(&p, refused[i].p, refused[i].len, &e) != ST_EFORMAT)
			fail_msg("case %zu, %s: %s", i, refused[i].reason, e.msg);
		if (!strstr(e.msg, refused[i].reason) || !strstr(e.msg, "offset"))
			fail_msg("case %zu: %s, not %s", i, e.msg, refused[i].reason);
		assert_null(p.root);
		st_pickle_release(&p);
	}
}

/* --- globals --- */

static void test_globals(void **state)
{
	static const char bytes[] = "ccollections\nOrderedDict\n)Rcos\nsystem\n(S'id'\ntRcm\nn\n"
				    "cos\nsystem\ncm\nset_up\n}bcm\nappended\nK\x01"
				    "a(im\ninst\n"
				    "(cm\nobj\noKa\x93K\x01K\x02\x93)Rccopyreg\n_reconstructor\n"
				    "(cm\nplain\ncbuiltins\nobject\nNtRcm\nbad\nK\x01R.";
	static const struct {
		const char *name;
		bool called;
	} want[] = { { "OrderedDict", true }, { "system", true },   { "n", false },
		     { "set_up", true },      { "appended", true }, { "inst", true },
		     { "obj", true },	      { NULL, true },	    { "_reconstructor", true },
		     { "plain", true },	      { "object", false },  { "bad", true } };
	struct st_pickle p;
	struct st_err e;

	(void)state;
	/* It breaks, and what came before is listed all the same. */
	assert_int_equal(parse(&p, bytes, sizeof(bytes) - 1, &e), ST_EFORMAT);
	assert_int_equal(p.end, sizeof(bytes) - 3);
	assert_int_equal(p.nglobals, COUNT(want));
	for (size_t i = 0; i < COUNT(want); i++) {
		if (want[i].name)
			assert_string_equal(p.globals[i].name, want[i].name);
		else
			assert_null(p.globals[i].module);
		if (p.globals[i].called != want[i].called)
			fail_msg("%s is wrong", want[i].name);
	}
	assert_int_equal(p.globals[1].at, 27);
	assert_string_equal(p.globals[1].module, "os");
	st_pickle_release(&p);
}

static void test_queries(void **state)
{
	static const char bytes[] = "}(\x8c\x01"
				    "aK\x01U\x01"
				    "bK\x02\x8c\x01"
				    "aK\x03\x8c\x04nump"
				    "cnumpy.core.multiarray\nscalar\n\x8c\x01"
				    "cc__builtin__\nset\nu.";
	const struct st_pk *g;
	struct st_pickle p;

	(void)state;
	must_parse(&p, bytes, sizeof(bytes) - 1);
	assert_int_equal(st_pk_get(p.root, "a")->i, 3);
	assert_int_equal(st_pk_get(p.root, "b")->i, 2);
	assert_null(st_pk_get(p.root, "z"));
	assert_null(st_pk_get(st_pk_get(p.root, "a"), "z"));
	assert_null(st_pk_get(NULL, "z"));
	g = st_pk_get(p.root, "nump");
	assert_true(st_pk_is_global(g, "numpy._core.multiarray", "scalar"));
	assert_true(st_pk_is_global(g, "numpy.core.multiarray", "scalar"));
	assert_false(st_pk_is_global(g, "numpy._core.multiarray", "scalars"));
	assert_false(st_pk_is_global(g, "numpy._core", "scalar"));
	g = st_pk_get(p.root, "c");
	assert_true(st_pk_is_global(g, "builtins", "set"));
	assert_false(st_pk_is_global(g, "builtins.x", "set"));
	assert_false(st_pk_is_global(p.root, "builtins", "set"));
	assert_false(st_pk_is_global(NULL, "builtins", "set"));
	assert_false(st_pk_is_str(p.root, "a"));
	assert_true(st_pk_is_str(p.root->seq.v[0], "a"));
	assert_true(st_pk_is_str(p.root->seq.v[2], "b"));
	assert_false(st_pk_is_str(p.root->seq.v[2], "bb"));
	st_pickle_release(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_goldens),	 cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_accepted), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_globals),	 cmocka_unit_test(test_queries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
