/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "format/scan.h"
#include "zip_fixture.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define LIMIT ((uint64_t)16 << 20)
#define VICTIM "st-scan-was-executed"

struct finds {
	struct {
		char what[160], member[128], why[200];
		uint64_t at;
		bool called;
		enum st_scan_verdict verdict;
	} v[64];
	size_t n, stop; /* after so many; 0: never */
};

static int keep(void *arg, const struct st_scan_find *f)
{
	struct finds *x = arg;

	assert_non_null(f->member);
	assert_non_null(f->why);
	assert_true(f->verdict == ST_SCAN_SAFE || *f->why);
	if (x->n < COUNT(x->v)) {
		snprintf(x->v[x->n].what, sizeof(x->v[0].what), "%s%s%s", f->module,
			 *f->module ? "." : "", f->name);
		snprintf(x->v[x->n].member, sizeof(x->v[0].member), "%s", f->member);
		snprintf(x->v[x->n].why, sizeof(x->v[0].why), "%s", f->why);
		x->v[x->n].at = f->at;
		x->v[x->n].called = f->called;
		x->v[x->n].verdict = f->verdict;
	}
	return ++x->n == x->stop;
}

static bool allow_one(void *arg, const char *what, size_t len)
{
	const char *one = arg;

	return len == strlen(one) && memcmp(what, one, len) == 0;
}

static int scan(struct finds *x, struct st_scan_result *r, const void *p, size_t n,
		const char *name, const char *allow, struct st_err *e)
{
	const struct st_scan_options o = {
		.allowed = allow ? allow_one : NULL,
		.allowed_arg = (void *)(uintptr_t)allow,
		.memory = LIMIT,
	};
	size_t stop = x->stop;
	struct st_source s;
	void *block = malloc(n ? n : 1); /* of just that size, for the sanitizer */
	int rc;

	assert_non_null(block);
	memcpy(block, p, n);
	*e = (struct st_err){ 0 };
	*x = (struct finds){ .stop = stop };
	st_source_init_mem(&s, block, n, name);
	rc = st_scan(&s, &o, keep, x, r, e);
	free(block);
	assert_int_not_equal(access(VICTIM, F_OK), 0);
	return rc;
}

#define B(s) s, sizeof(s) - 1
#define CALL "X\x1a\0\0\0touch st-scan-was-executed\x85R"
#define SYSTEM "cos\nsystem\n" CALL
#define DICT "\x80\x02}X\x01\0\0\0aK\x01s."
#define EVIL "\x80\x02" SYSTEM "."
#define MAGIC "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
#define LEGACY MAGIC "\x80\x02M\xe9\x03.\x80\x02}."

static const struct {
	const char *p;
	size_t len;
	const char *name;
	uint64_t pickles, safe, unknown, dangerous;
	const char *what; /* of the last find */
	const char *why;
} cases[] = {
	/* nothing there */
	{ B(""), "a.pt", 0, 0, 0, 0, NULL, NULL },
	{ B("hello"), "README", 0, 0, 0, 0, NULL, NULL },
	{ B("config = 1\nfoo\n."), "c.txt", 0, 0, 0, 0, NULL, NULL },
	{ B("\xff\xff\xff\xff"), "w.bin", 0, 0, 0, 0, NULL, NULL },
	{ B("\x80\x02\xff\xff\xff"), "w", 0, 0, 0, 0, NULL, NULL },
	/* data */
	{ B(DICT), "a.pkl", 1, 0, 0, 0, NULL, NULL },
	{ B("N."), "a.pkl", 1, 0, 0, 0, NULL, NULL },
	{ B(DICT DICT DICT), "a.pkl", 3, 0, 0, 0, NULL, NULL },
	{ B("\x80\x02"
	    "ccollections\nOrderedDict\n)R."),
	  "a", 1, 1, 0, 0, "collections.OrderedDict", "" },
	/* the ways to name and to call */
	{ B(EVIL), "a.pkl", 1, 0, 0, 1, "os.system", "runs commands" },
	{ B(EVIL), "a.safetensors", 1, 0, 0, 1, "os.system", "runs commands" },
	{ B(SYSTEM "."), "a.pkl", 1, 0, 0, 1, "os.system", "runs commands" },
	{ B(SYSTEM "."), "a.pt", 1, 0, 0, 1, "os.system", "runs commands" },
	{ B(SYSTEM "."), "weights", 1, 0, 0, 1, "os.system", "runs commands" },
	{ B("(S'true'\nios\nsystem\n."), "a.p", 1, 0, 0, 1, "os.system", "runs commands" },
	{ B("(cos\nsystem\nS'true'\no."), "a.p", 1, 0, 0, 1, "os.system", "runs commands" },
	{ B("cposix\nsystem\n(S'true'\ntR."), "a.p", 1, 0, 0, 1, "posix.system", "runs commands" },
	{ B("\x80\x02"
	    "csubprocess\nPopen\n)\x81."),
	  "a.pkl", 1, 0, 0, 1, "subprocess.Popen", "starts other programs" },
	{ B("\x80\x04\x8c\x08"
	    "builtins\x94\x8c\x04"
	    "eval\x94\x8c\x01x\x94"
	    "0h\x00h\x01\x93\x8c\x01"
	    "1\x85R."),
	  "a.pkl", 1, 0, 0, 1, "builtins.eval", "runs code" },
	{ B("\x80\x04]K\x01\x93."), "a.pkl", 1, 0, 0, 1, "", "computed" },
	{ B("\x80\x04\x8c\x05numpy\x8c\x10"
	    "compat.os.system\x93)R."),
	  "a.pkl", 1, 0, 0, 1, "numpy.compat.os.system", "" },
	{ B("\x80\x02"
	    "cpickle\nloads\nX\x02\0\0\0N.\x85R."),
	  "a.pkl", 1, 0, 0, 1, "pickle.loads", "another pickle" },
	{ B("\x80\x02"
	    "ctorch.serialization\nload\nX\x01\0\0\0x\x85R."),
	  "a.pkl", 1, 0, 0, 1, "torch.serialization.load", "another pickle" },
	{ B("\x80\x02\x82\x05."), "a.pkl", 1, 0, 1, 0, "copyreg.extension:5", "a number" },
	{ B("\x80\x02"
	    "csklearn.svm\nSVC\n)\x81}b."),
	  "a.pkl", 1, 0, 1, 0, "sklearn.svm.SVC", "not known" },
	/* several, cut, hidden */
	{ B(DICT EVIL), "a.pkl", 2, 0, 0, 1, "os.system", "runs commands" },
	{ B(DICT "rubbish"), "a.pkl", 1, 0, 1, 0, "", "7 bytes behind" },
	{ B(DICT SYSTEM "."), "a.pkl", 2, 0, 0, 1, "os.system", "runs commands" },
	{ B("\x80\x02" SYSTEM), "a.pkl", 1, 0, 0, 2, "", "breaks" },
	{ B("\x80\x02" SYSTEM "\xff\xff"), "a.pkl", 1, 0, 0, 2, "", "breaks" },
	{ B("\x80\x02" SYSTEM "\xff"), "noname", 1, 0, 0, 2, "", "breaks" },
	{ B(SYSTEM "\xff\xff"), "a.ckpt", 1, 0, 0, 2, "", "breaks" },
	{ B("\x80\x02"
	    "cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}b\xff\xff\xff"),
	  "a.joblib", 1, 1, 1, 0, "", "joblib" },
	/* PyTorch before 1.6: five, and then anything */
	{ B(LEGACY DICT "\x80\x02]." EVIL), "a.pt", 5, 0, 0, 0, NULL, NULL },
	{ B(LEGACY EVIL "\x80\x02]." EVIL), "a.pt", 5, 0, 0, 1, "os.system", "runs commands" },
	{ B(LEGACY DICT SYSTEM "."), "a.pt", 5, 0, 0, 1, "os.system", "runs commands" },
	{ B(LEGACY DICT), "a.pt", 4, 0, 1, 0, "", "a pickle of a PyTorch file breaks" },
	{ B("\x80\x04\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
	    "K\x01.}.}.]."
	    "raw"),
	  "a.pt", 5, 0, 0, 0, NULL, NULL },
	/* what no one looks into */
	{ B("7z\xbc\xaf\x27\x1c\0\4rest"), "a.pt", 0, 0, 0, 1, "", "7-Zip" },
	{ B("7z\xbc\xaf\x27\x1c\0\4rest"), "a.7z", 0, 0, 0, 0, NULL, NULL },
	{ B("\x1f\x8b\x08\0rest"), "a.pkl", 0, 0, 1, 0, "", "gzip" },
	{ B("\x1f\x8b\x08\0rest"), "a.pkl.gz", 0, 0, 1, 0, "", "gzip" },
	{ B("\x1f\x8b\x08\0rest"), "a.txt.gz", 0, 0, 0, 0, NULL, NULL },
	{ B("BZh91AY&SY"), "a.pkl.BZ2", 0, 0, 1, 0, "", "bzip2" },
	{ B("\xfd\x37zXZ\0\0"), "a.joblib.xz", 0, 0, 1, 0, "", "xz" },
	{ B("\x5d\0\x10\1\0\xff"), "a.pkl.lzma", 0, 0, 1, 0, "", "lzma" },
	{ B("\x78\x9c\x01\0\0"), "a.pkl.z", 0, 0, 1, 0, "", "zlib" },
	/* spelled as no pickler does, but Python takes it */
	{ B("I 5\n0" SYSTEM "."), "a.pt", 1, 0, 1, 1, "", "spelled" },
	{ B("I\0rest\n0" SYSTEM "."), "a.pt", 1, 0, 1, 1, "", "spelled" },
	{ B("I0x10\n0" SYSTEM "."), "a.bin", 1, 0, 1, 1, "", "spelled" },
	{ B("L 1_0L\n0" SYSTEM "."), "a.bin", 1, 0, 1, 1, "", "spelled" },
	{ B("F1_0\n0" SYSTEM "."), "a.pth", 1, 0, 1, 1, "", "spelled" },
	{ B("S'a' \n0" SYSTEM "."), "a.pth", 1, 0, 1, 1, "", "spelled" },
	{ B("Np01\n0g1\n0" SYSTEM "."), "a.ckpt", 1, 0, 1, 1, "", "spelled" },
	{ B("(I 7\n1" SYSTEM "."), "a.pt", 1, 0, 1, 1, "", "spelled" },
	{ B("N}b0" SYSTEM "."), "a.pt", 1, 0, 1, 1, "", "spelled" },
	{ B("\x95\xff\0\0\0\0\0\0\0" SYSTEM "."), "a.joblib", 1, 0, 1, 1, "", "spelled" },
	{ B("\x80\2I 5\n0" SYSTEM "."), "a", 1, 0, 1, 1, "", "spelled" },
	{ B("(S'true'\nios\nsystem"), "a.joblib", 1, 0, 0, 2, "", "breaks" },
	{ B("\x96\1\0\0\0\0\0\0\0xK\1a0" SYSTEM "."), "a.pt", 0, 0, 1, 0, "", "not read" },
	{ B("I zz\n0" SYSTEM "."), "a.pt", 0, 0, 0, 0, NULL, NULL }, /* no reader takes it */
	/* cut, under names that others use too, and without an ending */
	{ B(SYSTEM), "a.th", 1, 0, 0, 2, "", "breaks" },
	{ B(SYSTEM), "a.weights", 1, 0, 0, 2, "", "breaks" },
	{ B(SYSTEM), "a.params", 1, 0, 0, 2, "", "breaks" },
	{ B(SYSTEM), "a.model", 1, 0, 0, 2, "", "breaks" },
	{ B(SYSTEM), "d.x/weights", 1, 0, 0, 2, "", "breaks" },
	{ B("cat\ndog\nrat\n"), "words", 0, 0, 0, 0, NULL, NULL }, /* called by nobody */
	{ B(SYSTEM), "a.txt", 0, 0, 0, 0, NULL, NULL },
	/* two bytes of numbers may be a pickle */
	{ B("N.\xff\xff"), "a.bin", 0, 0, 1, 0, "", "2 bytes behind" },
	{ B("\x82\5.\xff\xff"), "a.bin", 0, 0, 1, 0, "", "2 bytes behind" },
	{ B("N." SYSTEM "."), "a.bin", 1, 0, 0, 1, "os.system", "runs commands" },
	/* joblib goes on behind an array: the length takes what it runs for bytes */
	{ B("\x80\x02]("
	    "cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}bB\x05\0\0\0cos\nse."),
	  "a.joblib", 1, 1, 1, 0, "", "joblib" },
};

static void test_bytes(void **state)
{
	struct st_scan_result r;
	struct st_err e;
	struct finds x = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int rc = scan(&x, &r, cases[i].p, cases[i].len, cases[i].name, NULL, &e);

		if (rc != ST_OK || r.pickles != cases[i].pickles || r.safe != cases[i].safe ||
		    r.unknown != cases[i].unknown || r.dangerous != cases[i].dangerous)
			fail_msg(
				"case %zu, %s: %d %s; %d pickles, %d safe, %d unknown, %d dangerous",
				i, cases[i].name, rc, e.msg, (int)r.pickles, (int)r.safe,
				(int)r.unknown, (int)r.dangerous);
		assert_int_equal(x.n, r.safe + r.unknown + r.dangerous);
		if (!cases[i].what)
			continue;
		assert_string_equal(x.v[x.n - 1].what, cases[i].what);
		if (!strstr(x.v[x.n - 1].why, cases[i].why))
			fail_msg("case %zu: why is '%s'", i, x.v[x.n - 1].why);
	}
}

/* Whatever a payload is cut to, it is not taken for harmless once it has named what it calls. */
static void test_cut_anywhere(void **state)
{
	static const char whole[] = LEGACY EVIL "\x80\x02].";
	const size_t named = sizeof(LEGACY) - 1 + 2 + strlen("cos\nsystem\n");
	struct st_scan_result r;
	struct finds x = { 0 };
	struct st_err e;

	(void)state;
	for (size_t n = 0; n < sizeof(whole); n++) {
		int rc = scan(&x, &r, whole, n, "a.pt", NULL, &e);

		assert_true(rc == ST_OK || rc == ST_EFORMAT);
		if (n >= named)
			assert_true(r.dangerous > 0);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *p;
		size_t len;
		const char *name;
	} refused[] = {
		{ B("hello there"), "a.pkl" },
		{ B("\x80\x04\x95\xff\0\0\0\0\0\0\0}"), "anything" },
		{ B("\x80\x02}X"), "a.pt" },
		{ B("PK\3\4 but no more"), "a.zip" },
		{ B("\x93NUMPY\1\0\x10\0{'descr': __imp"), "a.npy" },
	};
	struct st_scan_result r;
	struct finds x = { 0 };
	struct st_err e;

	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		int rc = scan(&x, &r, refused[i].p, refused[i].len, refused[i].name, NULL, &e);

		if (rc != ST_EFORMAT)
			fail_msg("case %zu: %d, not refused", i, rc);
		assert_memory_equal(e.msg, refused[i].name, strlen(refused[i].name));
	}
}

static void test_find(void **state)
{
	struct st_scan_result r;
	struct finds x = { 0 };
	struct st_err e;

	(void)state;
	assert_int_equal(scan(&x, &r, B("\x80\x02(cos\nsystem\n" EVIL), "a.pkl", NULL, &e), ST_OK);
	assert_int_equal(x.v[0].at, 3);
	assert_true(x.v[0].called);
	assert_string_equal(x.v[0].member, "");
	assert_int_equal(scan(&x, &r,
			      B("\x80\x02"
				"cos\nsystem\n."),
			      "a.pkl", NULL, &e),
			 ST_OK);
	assert_false(x.v[0].called);
	/* allowed: counted as safe, and says so */
	assert_int_equal(scan(&x, &r, B(EVIL), "a.pkl", "os.system", &e), ST_OK);
	assert_int_equal(r.safe, 1);
	assert_int_equal(r.dangerous, 0);
	assert_string_equal(x.v[0].why, "allowed");
	assert_int_equal(scan(&x, &r, B(EVIL), "a.pkl", "os.systems", &e), ST_OK);
	assert_int_equal(r.dangerous, 1);
	/* the caller may stop */
	x.stop = 1;
	assert_int_equal(scan(&x, &r, B(EVIL EVIL), "a.pkl", NULL, &e), ST_ENO);
	assert_int_equal(x.n, 1);
	assert_int_equal(e.code, ST_OK);
}

/* ---- archives ---- */

struct arc {
	struct st_buf file;
	struct st_err e;
};

static void arc_init(struct arc *a)
{
	*a = (struct arc){ 0 };
	st_buf_init(&a->file, 1 << 20);
}

static void arc_release(struct arc *a)
{
	st_buf_release(&a->file);
}

static struct arc zip_of(const struct zip_spec *s, size_t n)
{
	return (struct arc){ .file = zip_build(s, n).b };
}

#define MEMBER(path, bytes, form)                                                  \
	{                                                                          \
		.name = path, .data = bytes, .len = sizeof(bytes) - 1, .how = form \
	}

static void tar_add(struct arc *a, const char *name, const void *p, size_t n)
{
	static const uint8_t zeros[512];
	char h[512] = "";
	unsigned sum = 0;

	snprintf(h, 100, "%s", name);
	snprintf(h + 124, 12, "%011o", (unsigned)n);
	h[156] = '0';
	memset(h + 148, ' ', 8);
	for (size_t i = 0; i < sizeof(h); i++)
		sum += (uint8_t)h[i];
	snprintf(h + 148, 8, "%06o", sum);
	assert_int_equal(st_buf_add(&a->file, h, sizeof(h), &a->e), ST_OK);
	assert_int_equal(st_buf_add(&a->file, p, n, &a->e), ST_OK);
	assert_int_equal(st_buf_add(&a->file, zeros, (512 - n % 512) % 512, &a->e), ST_OK);
}

/* An array of objects whose pickle is p. */
static void npy_objects(struct st_buf *b, const char *descr, const void *p, size_t n,
			struct st_err *e)
{
	char head[65];

	snprintf(head, sizeof(head), "%-63s\n",
		 "{'descr': '|O', 'fortran_order': False, 'shape': (2,), }");
	memcpy(strstr(head, "|O"), descr, 2);
	assert_int_equal(st_buf_add(b, "\x93NUMPY\1\0\x40\0", 10, e), ST_OK);
	assert_int_equal(st_buf_addstr(b, head, e), ST_OK);
	assert_int_equal(st_buf_add(b, p, n, e), ST_OK);
}

static void check(const struct arc *a, const char *name, struct finds *x, uint64_t pickles,
		  uint64_t unknown, uint64_t dangerous)
{
	struct st_scan_result r;
	struct st_err e;
	int rc = scan(x, &r, a->file.p, a->file.len, name, NULL, &e);

	if (rc != ST_OK || r.pickles != pickles || r.unknown != unknown || r.dangerous != dangerous)
		fail_msg("%s: %d %s; %d pickles, %d unknown, %d dangerous; %s", name, rc, e.msg,
			 (int)r.pickles, (int)r.unknown, (int)r.dangerous,
			 x->n ? x->v[x->n - 1].why : "");
}

static void test_zip(void **state)
{
	static const struct zip_spec members[] = {
		MEMBER("m/version", "3\n", 0),
		MEMBER("m/data.pkl", DICT, STREAM | SIGN | PAD),
		MEMBER("m/hidden", EVIL, 0),		       /* by its first bytes */
		MEMBER("m/old.pickle", SYSTEM ".", DEFLATE),   /* by its name */
		MEMBER("m/data/0", "\x80\x02\x12\x34\x56", 0), /* only looks like one */
		MEMBER("m/bad.pkl", "no pickle", 0),
	};
	static const struct zip_spec second[] = { MEMBER("m/data.pkl", DICT EVIL, 0) };
	struct arc a = zip_of(members, COUNT(members));
	struct finds x = { 0 };

	(void)state;
	check(&a, "m.pt", &x, 3, 1, 2);
	assert_string_equal(x.v[0].member, "m/hidden");
	assert_int_equal(x.v[0].at, 2);
	assert_string_equal(x.v[1].member, "m/old.pickle");
	assert_string_equal(x.v[2].member, "m/bad.pkl");
	arc_release(&a);

	a = zip_of(second, COUNT(second));
	check(&a, "m.pt", &x, 2, 0, 2);
	assert_non_null(strstr(x.v[1].why, "second pickle"));
	assert_int_equal(x.v[1].at, sizeof(DICT) - 1);
	arc_release(&a);
}

static void test_nested(void **state)
{
	static const struct zip_spec inner[] = { MEMBER("in/data.pkl", EVIL, DEFLATE) };
	struct arc a = zip_of(inner, 1), outer;
	struct finds x = { 0 };

	(void)state;
	for (unsigned depth = 1; depth < 6; depth++) {
		const struct zip_spec around = { .name = "x.pt",
						 .data = (const char *)a.file.p,
						 .len = a.file.len,
						 .how = depth % 2 ? DEFLATE : 0 };

		check(&a, "m.pt", &x, depth <= 4 ? 1 : 0, depth <= 4 ? 0 : 1, depth <= 4 ? 1 : 0);
		if (depth == 2)
			assert_string_equal(x.v[0].member, "x.pt::in/data.pkl");
		outer = zip_of(&around, 1);
		arc_release(&a);
		a = outer;
	}
	arc_release(&a);
}

static void test_npy(void **state)
{
	struct finds x = { 0 };
	struct zip_spec member = { .name = "o.npy", .how = DEFLATE };
	struct arc a, z;

	(void)state;
	arc_init(&a);
	npy_objects(&a.file, "|O", B(EVIL), &a.e);
	check(&a, "o.npy", &x, 1, 0, 1);
	assert_int_equal(x.v[0].at, 10 + 64 + 2);
	member.data = (const char *)a.file.p;
	member.len = a.file.len;
	z = zip_of(&member, 1);
	check(&z, "z.npz", &x, 1, 0, 1);
	arc_release(&z);
	arc_release(&a);

	/* no objects, no pickle; but one may come behind */
	arc_init(&a);
	npy_objects(&a.file, "u1", B("\x80\x02"), &a.e);
	check(&a, "o.npy", &x, 0, 0, 0);
	npy_objects(&a.file, "|O", B(SYSTEM "."), &a.e);
	check(&a, "o.npy", &x, 1, 0, 1);
	arc_release(&a);

	/* nor need it have a header of its own */
	arc_init(&a);
	npy_objects(&a.file, "u1", B("12" EVIL), &a.e);
	check(&a, "o.npy", &x, 1, 1, 1);
	a.file.len -= sizeof(EVIL) - 1;
	assert_int_equal(st_buf_addstr(&a.file, "anything", &a.e), ST_OK);
	check(&a, "o.npy", &x, 0, 0, 0);
	arc_release(&a);
}

/* Two directories: what another reader takes for the right one is not what is looked into. */
static void test_zip_odd(void **state)
{
	static const struct zip_spec good[] = { MEMBER("w.npy", "no array", 0) };
	static const struct zip_spec other[] = { MEMBER("readme.txt", "text", 0) };
	static const char gap[46] = "";
	struct finds x = { 0 };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct arc a = zip_of(i == 2 ? good : other, 1), odd;
		size_t end = a.file.len - 22;

		arc_init(&odd);
		assert_int_equal(st_buf_add(&odd.file, a.file.p, end, &a.e), ST_OK);
		assert_int_equal(st_buf_add(&odd.file, gap, sizeof(gap), &a.e), ST_OK);
		assert_int_equal(st_buf_add(&odd.file, a.file.p + end, 22, &a.e), ST_OK);
		check(&odd, i == 0 ? "m.zip" : i == 1 ? "m.npz" : "m.zip", &x, 0, i != 0, 0);
		if (i)
			assert_non_null(strstr(x.v[0].why, "other readers"));
		arc_release(&odd);
		arc_release(&a);
	}
}

/* What archives inflate to is counted, all of them together and nested ones, too. */
static void test_budget(void **state)
{
	const size_t n = 3700000;
	char *big = malloc(n);
	struct zip_spec members[6], twice[2];
	struct finds x = { 0 };
	struct arc a, z;

	(void)state;
	assert_non_null(big);
	for (size_t i = 2; i < n; i++)
		big[i] = i % 2 ? '1' : '(';
	memcpy(big, "\x80\2", 2);
	memcpy(big + n - 2, "N.", 2);
	for (size_t i = 0; i < COUNT(members); i++)
		members[i] = (struct zip_spec){ .data = big, .len = n, .how = DEFLATE };
	for (size_t i = 0; i < COUNT(members); i++)
		assert_true(asprintf((char **)(uintptr_t)&members[i].name, "%zu.pkl", i) > 0);
	a = zip_of(members, 6);
	check(&a, "m.zip", &x, 6, 0, 0);
	for (size_t i = 0; i < 2; i++)
		twice[i] = (struct zip_spec){ .name = i ? "b.zip" : "a.zip",
					      .data = (const char *)a.file.p,
					      .len = a.file.len,
					      .how = DEFLATE };
	z = zip_of(twice, 2);
	check(&z, "m.zip", &x, 9, 1, 0);
	assert_non_null(strstr(x.v[0].why, "to inflate"));
	arc_release(&z);
	arc_release(&a);
	for (size_t i = 0; i < COUNT(members); i++)
		free((char *)(uintptr_t)members[i].name);
	free(big);
}

static bool at_once(void *arg)
{
	(void)arg;
	return true;
}

static void test_cancelled(void **state)
{
	const struct st_ctx ctx = { .jobs = 1, .memory = LIMIT, .cancelled = at_once };
	const struct st_scan_options o = { .memory = LIMIT, .ctx = &ctx };
	struct finds x = { 0 };
	struct st_scan_result r;
	struct st_err e = { 0 };
	struct st_source s;

	(void)state;
	st_source_init_mem(&s, B(EVIL), "a.pkl");
	assert_int_equal(st_scan(&s, &o, keep, &x, &r, &e), ST_EBUSY);
	assert_int_equal(e.code, ST_EBUSY);
	assert_int_equal(x.n, 0);
}

/* A pickle that takes more memory than there is may be harmless. */
static void test_limits(void **state)
{
	static char p[600000];
	const size_t n = sizeof("\x80\2cmine\nNet\n") - 1;
	struct finds x = { 0 };
	struct arc a;

	(void)state;
	arc_init(&a);
	memset(p, 'N', sizeof(p));
	memcpy(p, "\x80\2cmine\nNet\n", n);
	assert_int_equal(st_buf_add(&a.file, p, sizeof(p), &a.e), ST_OK);
	check(&a, "m.pkl", &x, 1, 2, 0);
	assert_non_null(strstr(x.v[1].why, "not read to its end"));
	memset(a.file.p, 'N', n);
	check(&a, "m.pkl", &x, 0, 1, 0);
	check(&a, "m.bin", &x, 0, 1, 0);
	check(&a, "m.txt", &x, 0, 0, 0);
	arc_release(&a);
}

static void test_tar(void **state)
{
	static const uint8_t zeros[1024];
	struct finds x = { 0 };
	struct arc a;

	(void)state;
	arc_init(&a);
	tar_add(&a, "sys_info", B("\x80\x02}."));
	tar_add(&a, "pickle", B(EVIL));
	tar_add(&a, "old.pkl", B(SYSTEM "."));
	tar_add(&a, "notes", B("config = 1\n"));
	tar_add(&a, "cut", B(SYSTEM)); /* whatever its name is */
	assert_int_equal(st_buf_add(&a.file, zeros, sizeof(zeros), &a.e), ST_OK);
	check(&a, "m.pth", &x, 4, 0, 4);
	assert_string_equal(x.v[0].member, "pickle");
	assert_string_equal(x.v[1].member, "old.pkl");
	a.file.p[512 + 512 + 150] ^= 1; /* the sum of the second header */
	check(&a, "m.pth", &x, 1, 1, 0);
	assert_non_null(strstr(x.v[0].why, "damaged"));
	arc_release(&a);

	/* a name that makes the header of a tar a pickle, as well */
	arc_init(&a);
	tar_add(&a,
		"\x80\x02"
		"cos\nsystem\n(S'true'\ntR.",
		B("x"));
	check(&a, "m.pt", &x, 1, 1, 1);
	arc_release(&a);
}

/* A header of it, with text that is not from tar_add. */
static void tar_raw(struct arc *a, const char *name, char type, const char *size, const char *form,
		    const void *p, size_t n)
{
	size_t at = a->file.len;
	char *h, text[16];
	unsigned sum = 0;

	tar_add(a, name, p, n);
	h = (char *)a->file.p + at;
	h[156] = type;
	if (size)
		memcpy(h + 124, size, strlen(size) + 1);
	memset(h + 148, ' ', 8);
	for (size_t i = 0; i < 512; i++)
		sum += (uint8_t)h[i];
	snprintf(text, sizeof(text), "%s%05o", form, sum);
	memset(h + 148, 0, 8);
	memcpy(h + 148, text, strlen(text));
}

static void test_tar_odd(void **state)
{
	static const struct {
		const char *name, *size, *form;
		char type;
		const char *p;
		size_t n;
		uint64_t pickles, unknown, dangerous;
	} t[] = {
		{ "a", NULL, "0", '0', B(EVIL), 1, 0, 1 },
		{ "", NULL, "0", '0', B(EVIL), 1, 0, 1 }, /* a name may be empty */
		{ "a", NULL, "+", '0', B(EVIL), 1, 1, 1 },
		{ "a", NULL, "0o", '0', B(EVIL), 1, 1, 1 },
		{ "a", "000_57", "0", '0', B(EVIL), 1, 1, 1 },
		{ "a", NULL, "0", '7', B(EVIL), 1, 1, 1 },
		{ "a", NULL, "0", 'S', B(EVIL), 1, 1, 1 },
		{ "a", NULL, "0", '1', B(""), 0, 1, 0 },
		{ "a", NULL, "0", '2', B(""), 0, 1, 0 },
		{ "a", NULL, "0", '2', B(EVIL), 1, 1, 1 },
		{ "a", NULL, "0", '5', B(""), 0, 0, 0 },
		{ "a", NULL, "0", '5', B("x"), 0, 1, 0 },
		{ "a/", NULL, "0", '\0', B("x"), 0, 1, 0 },
		{ "g", NULL, "0", 'g', B("17 path=storages\n"), 0, 1, 0 },
		{ "x", NULL, "0", 'x', B("17 path=storages\n"), 0, 0, 0 },
		{ "x", NULL, "0", 'x', B("19 mtime=1600000.5\n"), 0, 0, 0 },
		{ "x", NULL, "0", 'x', B("9 size=5\n"), 0, 1, 0 },
		{ "x", NULL, "0", 'x', B("99 path=a\n"), 0, 1, 0 },
		/* no number for Python, which then loads a pickle: no archive, and no pickle */
		{ "a", "0x5", "0", '0', B("abc"), 0, 0, 0 },
	};
	struct finds x = { 0 };
	struct arc a;

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		arc_init(&a);
		tar_raw(&a, t[i].name, t[i].type, t[i].size, t[i].form, t[i].p, t[i].n);
		check(&a, "m.pt", &x, t[i].pickles, t[i].unknown, t[i].dangerous);
		arc_release(&a);
	}
	/* its name is where a header before it says */
	arc_init(&a);
	tar_raw(&a, "", 'x', NULL, "0", B("17 path=storages\n"));
	tar_add(&a, "", B("\x80\x02K\0.\x80\x02]."));
	check(&a, "m.pt", &x, 2, 0, 0);
	arc_release(&a);
	arc_init(&a);
	tar_raw(&a, "", 'L', NULL, "0", B("storages"));
	tar_add(&a, "other", B("\x80\x02K\0.\x80\x02]."));
	check(&a, "m.pt", &x, 2, 0, 0);
	arc_release(&a);
}

/* In PyTorch 0.1's members numbers stand between the pickles: every pickle is found. */
static void test_torch_tar(void **state)
{
#define HEAD(class) "\x80\x02K\x01X\x03\0\0\0cpuctorch\n" class "\n\x87."
	/* two floats that look like pickles, then one byte, then no views */
	static const char storages[] = "\x80\x02K\x02." HEAD("FloatStorage") /**/
		"\2\0\0\0\0\0\0\0\x80\2N.\x80\2N." HEAD("ByteStorage")	     /**/
		"\1\0\0\0\0\0\0\0.\x80\x02].";
	static const char tensors[] = "\x80\x02K\x02." HEAD("FloatTensor") /**/
		"\1\0\0\0\0\0\0\0sizes..,strides,offset.." EVIL		   /**/
		"\0\0\0\0\0\0\0\0offset..";
	static const char odd[] = "\x80\x02K\x02."
				  "\x80\x02K\x01X\x03\0\0\0cpucown\nStorage\n\x87."
				  "12345678";
	static const char no_storages[] = "\x80\x02]." EVIL;
	struct finds x = { 0 };
	struct arc a;

	(void)state;
	arc_init(&a);
	tar_add(&a, "storages", B(storages));
	check(&a, "m.pth", &x, 4, 0, 0);
	tar_add(&a, "tensors", B(tensors));
	check(&a, "m.pth", &x, 7, 0, 1);
	assert_string_equal(x.v[3].member, "tensors");
	assert_string_equal(x.v[3].what, "os.system");
	a.file.len -= 512; /* the numbers of the second tensor among them */
	check(&a, "m.pth", &x, 4, 1, 0);
	arc_release(&a);

	arc_init(&a);
	tar_add(&a, "storages", B(odd));
	check(&a, "m.pth", &x, 2, 2, 0);
	assert_non_null(strstr(x.v[1].why, "by turns"));
	arc_release(&a);

	arc_init(&a);
	tar_add(&a, "storages", B(no_storages));
	check(&a, "m.pth", &x, 2, 0, 2);
	arc_release(&a);
}

/* ---- the tables ---- */

static void test_judge(void **state)
{
	static const struct {
		const char *module, *name;
		enum st_scan_verdict verdict;
	} t[] = {
		{ "torch._utils", "_rebuild_tensor_v2", ST_SCAN_SAFE },
		{ "torch._utils", "_rebuild_tensor", ST_SCAN_SAFE },
		{ "torch._utils", "_rebuild_tensor_v", ST_SCAN_UNKNOWN },
		{ "torch._utils", "_rebuild_tensor _rebuild_tensor_v2", ST_SCAN_UNKNOWN },
		{ "torch._utils", "_import_dotted_name", ST_SCAN_DANGEROUS },
		{ "torch", "float8_e4m3fn", ST_SCAN_SAFE },
		{ "torch", "BFloat16Storage", ST_SCAN_SAFE },
		{ "torch.cuda", "FloatStorage", ST_SCAN_SAFE },
		{ "torch", "load", ST_SCAN_DANGEROUS },
		{ "torch.storage", "_load_from_bytes", ST_SCAN_DANGEROUS },
		{ "torch.hub", "load", ST_SCAN_DANGEROUS },
		{ "torch.nn.modules.linear", "Linear", ST_SCAN_SAFE },
		{ "torch.nn.modules", "Linear", ST_SCAN_SAFE },
		{ "torch.nn.modules.utils", "_single", ST_SCAN_UNKNOWN },
		{ "torch.nn.modulesx", "Linear", ST_SCAN_UNKNOWN },
		{ "torch.nn.modules.linear", "Linear.forward", ST_SCAN_UNKNOWN },
		{ "torch.nn.modules.linear", "Module.__class__", ST_SCAN_DANGEROUS },
		{ "__torch__.net", "Net", ST_SCAN_UNKNOWN },
		{ "numpy", "ndarray", ST_SCAN_SAFE },
		{ "numpy.core.multiarray", "_reconstruct", ST_SCAN_SAFE },
		{ "numpy._core.multiarray", "_reconstruct", ST_SCAN_SAFE },
		{ "numpy.core.multiarrays", "_reconstruct", ST_SCAN_UNKNOWN },
		{ "numpy.dtypes", "Float64DType", ST_SCAN_SAFE },
		{ "numpy.core.memmap", "memmap", ST_SCAN_DANGEROUS },
		{ "numpy.testing._private.utils", "runstring", ST_SCAN_DANGEROUS },
		{ "builtins", "set", ST_SCAN_SAFE },
		{ "__builtin__", "set", ST_SCAN_SAFE },
		{ "__builtin__", "unicode", ST_SCAN_SAFE },
		{ "builtins", "unicode", ST_SCAN_UNKNOWN },
		{ "builtins", "eval", ST_SCAN_DANGEROUS },
		{ "__builtin__", "eval", ST_SCAN_DANGEROUS },
		{ "__builtin__", "apply", ST_SCAN_DANGEROUS },
		{ "builtins", "getattr", ST_SCAN_DANGEROUS },
		{ "builtinsx", "getattr", ST_SCAN_UNKNOWN },
		{ "os", "anything", ST_SCAN_DANGEROUS },
		{ "os.path", "join", ST_SCAN_DANGEROUS },
		{ "os", "path.join", ST_SCAN_DANGEROUS },
		{ "osx", "anything", ST_SCAN_UNKNOWN },
		{ "nt", "system", ST_SCAN_DANGEROUS },
		{ "subprocess", "Popen", ST_SCAN_DANGEROUS },
		{ "mylib.compat", "system", ST_SCAN_DANGEROUS },
		{ "mylib", "sys.modules", ST_SCAN_DANGEROUS },
		{ "mylib", "os", ST_SCAN_UNKNOWN },
		{ "copy_reg", "_reconstructor", ST_SCAN_SAFE },
		{ "copyreg", "add_extension", ST_SCAN_DANGEROUS },
		{ "copyreg", "extension:7", ST_SCAN_UNKNOWN },
		{ "pathlib", "PosixPath", ST_SCAN_SAFE },
		{ "pathlib", "PosixPath.unlink", ST_SCAN_UNKNOWN },
		{ "uuid", "UUID", ST_SCAN_UNKNOWN },
		{ "uuid", "_popen", ST_SCAN_DANGEROUS },
		{ "functools", "partial", ST_SCAN_DANGEROUS },
		{ "__main__", "Net", ST_SCAN_UNKNOWN },
		{ "", "", ST_SCAN_UNKNOWN },
		{ "torch", "", ST_SCAN_UNKNOWN },
		{ "torch", " ", ST_SCAN_UNKNOWN },
	};
	const char *why;

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		enum st_scan_verdict v = st_scan_judge(t[i].module, t[i].name, &why);

		if (v != t[i].verdict)
			fail_msg("%s.%s is %d, not %d", t[i].module, t[i].name, (int)v,
				 (int)t[i].verdict);
		assert_int_equal(*why == 0, v == ST_SCAN_SAFE);
	}
}

static void test_claimed(void **state)
{
	(void)state;
	assert_true(st_scan_claimed("dir.x/model.PT"));
	assert_true(st_scan_claimed("m.pkl"));
	assert_true(st_scan_claimed("code/a.py.debug_pkl"));
	assert_true(st_scan_claimed("m.pkl.gz"));
	assert_true(st_scan_claimed("m.TH"));
	assert_false(st_scan_claimed("m.txt.gz"));
	assert_false(st_scan_claimed("m.pt.zip"));
	assert_false(st_scan_claimed("pt"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),	  cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_refused),	  cmocka_unit_test(test_find),
		cmocka_unit_test(test_zip),	  cmocka_unit_test(test_nested),
		cmocka_unit_test(test_npy),	  cmocka_unit_test(test_tar),
		cmocka_unit_test(test_torch_tar), cmocka_unit_test(test_judge),
		cmocka_unit_test(test_claimed),	  cmocka_unit_test(test_tar_odd),
		cmocka_unit_test(test_zip_odd),	  cmocka_unit_test(test_budget),
		cmocka_unit_test(test_cancelled), cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
