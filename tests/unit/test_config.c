/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/config.h"
#include "base/file.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

/* One value per row: the text, a key, what it must be (NULL: not set). */
static const struct {
	const char *text, *key, *value;
} values[] = {
	{ "", "a.b", NULL },
	{ "[a]\nb=c", "a.b", "c" },
	{ "[a]\nb=c\n", "a.c", NULL },
	{ "[a]\n\tb = c d  e \n", "a.b", "c d  e" },
	{ "[a]\n\tb = 1\n\tc = 2\n", "a.c", "2" }, /* indented lines do not continue */
	{ "\t [a]\r\n  b = c\r\n\td=e\r\n", "a.b", "c" },
	{ "[a]\r\n  b = c\r\n\td=e\r\n", "a.d", "e" },
	{ "[A]\nB-2=c\n", "a.b-2", "c" },
	{ "[a]\nb=c\n", "A.B", "c" },
	{ "[a \"Sub x.y\"]\nb=c\n", "a.Sub x.y.b", "c" },
	{ "[a \"Sub x.y\"]\nb=c\n", "A.Sub x.y.B", "c" },
	{ "[a \"Sub\"]\nb=c\n", "a.sub.b", NULL }, /* the middle keeps its case */
	{ "[a \"q\\\"\\\\\"]\nb=c\n", "a.q\"\\.b", "c" },
	{ "[a.Sub]\nb=c\n", "a.sub.b", "c" },
	{ "[a]b=c\n", "a.b", "c" },
	{ "[a] # x\nb=c\n", "a.b", "c" },
	{ "[a]\nb\n", "a.b", "true" },
	{ "[a]\nb # c\n", "a.b", "true" },
	{ "[a]\nb=\n", "a.b", "" },
	{ "[a]\nb=\"\"\n", "a.b", "" },
	{ "[a]\nb=c#d\n", "a.b", "c" },
	{ "[a]\nb=c ; d\n", "a.b", "c" },
	{ "[a]\nb=\"c # ; d\" # e\n", "a.b", "c # ; d" },
	{ "[a]\nb=\" c \"\n", "a.b", " c " },
	{ "[a]\nb= x\" y \"z \n", "a.b", "x y z" },
	{ "[a]\nb=\\\"\\\\\\n\\t\\bz\n", "a.b", "\"\\\n\t\bz" },
	{ "[a]\nb=c\\\n  d\ne=f", "a.b", "c  d" },
	{ "[a]\nb=c\\\r\nd\n", "a.b", "cd" },
	{ "[a]\nb=c\\\n\n", "a.b", "c" },
	{ "[a]\nb==c=d\n", "a.b", "=c=d" },
	{ "[a]\nb=c\n[x]\nb=z\n[a]\nb=d\n", "a.b", "d" },
	{ "# x\n;y\n\n  # [z\n[a]\n#b=c\n;b=d\n", "a.b", NULL },
	{ "\xef\xbb\xbf[a]\nb=c\n", "a.b", "c" },
	{ "[a]\nb=\xc3\xa9\xff\n", "a.b", "\xc3\xa9\xff" },
};

static void test_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(values); i++) {
		struct st_config c;
		struct st_err e = { 0 };
		const char *got;

		st_config_init(&c);
		if (st_config_parse(&c, values[i].text, strlen(values[i].text), "f", &e) != ST_OK)
			fail_msg("%s: %s", values[i].text, e.msg);
		got = st_config_get(&c, values[i].key);
		if (!got != !values[i].value || (got && strcmp(got, values[i].value) != 0))
			fail_msg("%s: %s is %s", values[i].text, values[i].key,
				 got ? got : "unset");
		st_config_release(&c);
	}
}

static const struct {
	const char *text;
	size_t len;
	const char *msg;
} malformed[] = {
#define BAD(text, msg)                      \
	{                                   \
		text, sizeof(text) - 1, msg \
	}
	BAD("b=c\n", "f:1: a setting must stand below a [section]"),
	BAD("[a]\n\n=c\n", "f:3: expected a section, a name or a comment"),
	BAD("[a]\n2b=c\n", "f:2: expected a section, a name or a comment"),
	BAD("[a]\nb c\n", "f:2: expected = after the name"),
	BAD("[a]\nb_c=d\n", "f:2: expected = after the name"),
	BAD("[a]\nb: c\n", "f:2: expected = after the name"),
	BAD("[a\nb=c\n", "f:1: a section's header must end with ]"),
	BAD("[a b]\n", "f:1: a section's header must end with ]"),
	BAD("[]\n", "f:1: a section needs a name of letters, digits, - and ."),
	BAD("[\"x\"]\n", "f:1: a section needs a name of letters, digits, - and ."),
	BAD("\n[a \"x]\nb=c\n", "f:2: the section's name has no closing quote"),
	BAD("[a \"x", "f:1: the section's name has no closing quote"),
	BAD("[a \"x\\", "f:1: the section's name has no closing quote"),
	BAD("[a]\nb=\"c\nd=e\n", "f:2: a value has no closing quote"),
	BAD("[a]\nb=\"c", "f:2: a value has no closing quote"),
	BAD("[a]\nb=c\\x\n", "f:2: unknown escape sequence in a value"),
	BAD("[a]\nb=c\\\n", "f:2: the file ends where a value goes on"),
	BAD("[a]\nb=c\\\r\n", "f:2: the file ends where a value goes on"),
	BAD("[a]\nb=c\\", "f:2: unknown escape sequence in a value"),
	BAD("[a]\nb=c\\\nd\\q\n", "f:3: unknown escape sequence in a value"),
	BAD("[a]\nb=c\0d\n", "f: a NUL byte at offset 7"),
#undef BAD
};

static void test_malformed(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(malformed); i++) {
		struct st_config c;
		struct st_err e = { 0 };
		struct st_buf out;

		st_config_init(&c);
		assert_int_equal(st_config_parse(&c, malformed[i].text, malformed[i].len, "f", &e),
				 ST_EFORMAT);
		assert_string_equal(e.msg, malformed[i].msg);
		st_config_release(&c);
		st_err_clear(&e);
		st_buf_init(&out, 1000);
		assert_int_equal(st_config_edit(&out, malformed[i].text, malformed[i].len, "f",
						"a.z", "1", &e),
				 ST_EFORMAT);
		st_buf_release(&out);
	}
}

static const char sample[] = "\xef\xbb\xbf# top\n[core]\r\n\tjobs = 4 ; c\n\tname = \"a # b\" \\\n"
			     "  more\n[user \"X\"] name = y\nflag";

static void test_truncated(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof(sample); n++) {
		char *block = malloc(n ? n : 1);
		struct st_config c;
		struct st_err e = { 0 };
		int rc;

		memcpy(block, sample, n);
		st_config_init(&c);
		rc = st_config_parse(&c, block, n, "f", &e);
		assert_true(rc == ST_OK || rc == ST_EFORMAT);
		if (n == sizeof(sample) - 1)
			assert_string_equal(st_config_get(&c, "user.X.flag"), "true");
		st_config_release(&c);
		free(block);
	}
}

/* text, key, value, result */
static const struct {
	const char *text, *key, *value, *out;
} edits[] = {
	{ "", "a.b", "c", "[a]\n\tb = c\n" },
	{ "[a]\n", "a.b", "c", "[a]\n\tb = c\n" },
	{ "[a]", "a.b", "c", "[a]\n\tb = c\n" },
	{ "[a] # note\n[z]\n", "a.b", "c", "[a] # note\n\tb = c\n[z]\n" },
	{ "[a]\n  x = 1\n\n[z]\n", "a.b", "c", "[a]\n  x = 1\n\tb = c\n\n[z]\n" },
	{ "[A]\n  B = 1\n\n[z]\n", "a.b", "c", "[A]\n  b = c\n\n[z]\n" },
	{ "[a]\nb = 1 # x\n# y\nd=2", "a.b", "c", "[a]\nb = c\n# y\nd=2" },
	{ "[a]\nd=2", "a.b", "c", "[a]\nd=2\n\tb = c\n" },
	{ "[a]\nb=1", "a.b", "c", "[a]\nb = c\n" },
	{ "[a]\nb=1\nb=2\n", "a.b", "c", "[a]\nb=1\nb = c\n" },
	{ "[a]\nb=1\\\n2\nd=3\n", "a.b", "c", "[a]\nb = c\nd=3\n" },
	{ "[a] b=1\nd=2\n", "a.b", "c", "[a] b = c\nd=2\n" },
	{ "[a \"s\"]\nb=1\n", "a.b", "c", "[a \"s\"]\nb=1\n[a]\n\tb = c\n" },
	{ "[a]\nx=1\n[z]\n[a]\ny=2\n[q]\n", "a.b", "c", "[a]\nx=1\n[z]\n[a]\ny=2\n\tb = c\n[q]\n" },
	{ "[a][z]\nb=3\n", "a.b", "c", "[a]\n\tb = c\n[z]\nb=3\n" },
	{ "[a]  ; x\n[z]\n", "a.b", "c", "[a]  ; x\n\tb = c\n[z]\n" },
	{ "[a]  [z] ", "a.b", "c", "[a]\n\tb = c\n  [z] " },
	{ "# only\n", "Core.Jobs", "4", "# only\n[Core]\n\tJobs = 4\n" },
	{ "", "a.b", "", "[a]\n\tb = \"\"\n" },
	{ "", "a.b", " x", "[a]\n\tb = \" x\"\n" },
	{ "", "a.b", "x ", "[a]\n\tb = \"x \"\n" },
	{ "", "a.b", "a#b;c", "[a]\n\tb = \"a#b;c\"\n" },
	{ "", "a.b", "q\"\\\t", "[a]\n\tb = q\\\"\\\\\\t\n" },
	{ "[a]\n\tb = 1\n\td = 2\n", "a.b", NULL, "[a]\n\td = 2\n" },
	{ "[a]\n\tb = 1\n", "a.b", NULL, "[a]\n" },
	{ "[a]\n\tb = 1", "a.b", NULL, "[a]\n" },
	{ "[a] b = 1\n", "a.b", NULL, "[a]\n" },
	{ "[a] b = 1\r\nx=1\r\n", "a.b", NULL, "[a]\r\nx=1\r\n" },
	{ "[a]\nB=1\nx=1\nb=2\n[z]\nb=3\n[A]\nb=\\\n4\n", "a.b", NULL,
	  "[a]\nx=1\n[z]\nb=3\n[A]\n" },
	{ "[a]\nx=1\n", "a.b", NULL, "[a]\nx=1\n" },
	{ "", "a.b", NULL, "" },
};

static void test_edits(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(edits); i++) {
		struct st_config c;
		struct st_err e = { 0 };
		struct st_buf out;
		const char *got;

		st_buf_init(&out, 10000);
		if (st_config_edit(&out, edits[i].text, strlen(edits[i].text), "f", edits[i].key,
				   edits[i].value, &e) != ST_OK)
			fail_msg("%s: %s", edits[i].text, e.msg);
		assert_string_equal(st_buf_cstr(&out, &e), edits[i].out);
		st_config_init(&c);
		assert_int_equal(st_config_parse(&c, (char *)out.p, out.len, "f", &e), ST_OK);
		got = st_config_get(&c, edits[i].key);
		if (edits[i].value)
			assert_string_equal(got, edits[i].value);
		else
			assert_null(got);
		st_config_release(&c);
		st_buf_release(&out);
	}
}

static void test_refused_edits(void **state)
{
	static const struct {
		const char *key, *value;
	} table[] = {
		{ "", "x" },	      { "a", "x" },	 { "a.", "x" },	   { ".b", "x" },
		{ "a.b.c", "x" },     { "a.2b", "x" },	 { "a b.c", "x" }, { "a.b ", "x" },
		{ "a.b_c", "x" },     { "a.b", "x\ny" }, { "a.b", "x\r" }, { "a.b", "\x7f" },
		{ "a]\n[b.c", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct st_err e = { 0 };
		struct st_buf out;

		st_buf_init(&out, 1000);
		assert_int_equal(st_config_edit(&out, "[a]\n", 4, "f", table[i].key, table[i].value,
						&e),
				 ST_EUSAGE);
		assert_int_equal(out.len, 0);
		st_buf_release(&out);
	}
}

static void test_bool(void **state)
{
	static const char text[] = "[b]\nt=true\ny=YES\non=on\none=1\nbare\n"
				   "f=False\nn=no\noff=off\nz=0\ne=\nbad=maybe\n";
	static const struct {
		const char *key;
		bool dflt, out;
	} table[] = {
		{ "b.t", false, true },	  { "b.y", false, true },    { "b.on", false, true },
		{ "b.one", false, true }, { "b.bare", false, true }, { "b.f", true, false },
		{ "b.n", true, false },	  { "b.off", true, false },  { "b.z", true, false },
		{ "b.e", true, false },	  { "b.none", true, true },  { "b.none", false, false },
	};
	struct st_err e = { 0 };
	struct st_config c;
	bool v;

	(void)state;
	st_config_init(&c);
	assert_int_equal(st_config_parse(&c, text, sizeof(text) - 1, "f", &e), ST_OK);
	for (size_t i = 0; i < COUNT(table); i++) {
		assert_int_equal(st_config_bool(&c, table[i].key, table[i].dflt, &v, &e), ST_OK);
		assert_int_equal(v, table[i].out);
	}
	assert_int_equal(st_config_bool(&c, "b.bad", true, &v, &e), ST_EUSAGE);
	assert_string_equal(e.msg, "b.bad must be true or false, not \"maybe\"");
	st_config_release(&c);
}

static void test_sizes(void **state)
{
	static const struct {
		const char *text;
		bool ok;
		uint64_t v;
	} table[] = {
		{ "0", true, 0 },
		{ "123", true, 123 },
		{ "64k", true, 65536 },
		{ "64K", true, 65536 },
		{ "512M", true, (uint64_t)512 << 20 },
		{ "2G", true, (uint64_t)2 << 30 },
		{ "3t", true, (uint64_t)3 << 40 },
		{ "18446744073709551615", true, UINT64_MAX },
		{ "16777215T", true, (uint64_t)16777215 << 40 },
		{ "18446744073709551616", false, 0 },
		{ "16777216T", false, 0 },
		{ "18014398509481984k", false, 0 },
		{ "", false, 0 },
		{ "k", false, 0 },
		{ "-1", false, 0 },
		{ " 1", false, 0 },
		{ "1 ", false, 0 },
		{ "1.5G", false, 0 },
		{ "1kB", false, 0 },
		{ "1x", false, 0 },
		{ "0x10", false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct st_err e = { 0 };
		uint64_t v = 42;

		assert_int_equal(st_size_parse(table[i].text, &v, &e),
				 table[i].ok ? ST_OK : ST_EUSAGE);
		assert_true(v == (table[i].ok ? table[i].v : 42));
	}
}

static int append(void *arg, const char *key, const char *value, struct st_err *e)
{
	return st_buf_addf(arg, e, "%s=%s;", key, value);
}

static int stop(void *arg, const char *key, const char *value, struct st_err *e)
{
	(void)key;
	(void)value;
	++*(unsigned *)arg;
	return st_fail(e, ST_ENO, "enough");
}

static void test_each(void **state)
{
	static const char one[] = "[z]\nb=1\n[a]\nc=2\nB=3\n", two[] = "[a]\nC=4\nd=5\n";
	struct st_err e = { 0 };
	struct st_config c;
	struct st_buf out;
	unsigned calls = 0;

	(void)state;
	st_config_init(&c);
	assert_int_equal(st_config_parse(&c, one, sizeof(one) - 1, "one", &e), ST_OK);
	assert_int_equal(st_config_parse(&c, two, sizeof(two) - 1, "two", &e), ST_OK);
	st_buf_init(&out, 1000);
	assert_int_equal(st_config_each(&c, append, &out, &e), ST_OK);
	assert_string_equal(st_buf_cstr(&out, &e), "z.b=1;a.c=4;a.b=3;a.d=5;");
	assert_int_equal(st_config_each(&c, stop, &calls, &e), ST_ENO);
	assert_int_equal(calls, 1);
	st_buf_release(&out);
	st_config_release(&c);
}

static void expect_file(const char *path, const char *text)
{
	struct st_err e = { 0 };
	struct st_buf b;

	st_buf_init(&b, 10000);
	assert_int_equal(st_file_slurp(&b, path, &e), ST_OK);
	assert_string_equal(st_buf_cstr(&b, &e), text);
	st_buf_release(&b);
}

static void count(void *arg, const char *message)
{
	assert_non_null(strstr(message, "Permission denied"));
	++*(int *)arg;
}

/* Another user's settings, as under sudo. */
static void forbidden(struct st_config *c, const char *path)
{
	int warnings = 0;
	struct st_ctx ctx = { .arg = &warnings, .warn = count };
	bool root = geteuid() == 0;
	struct st_err e = { 0 };

	assert_int_equal(chmod(path, 0), 0);
	assert_true(!root || seteuid(65534) == 0);
	assert_int_equal(st_config_load(c, path, &e), ST_EIO);
	st_err_clear(&e);
	assert_int_equal(st_config_load_user(c, path, &ctx, &e), ST_OK);
	assert_int_equal(st_config_load_user(c, path, NULL, &e), ST_OK);
	assert_int_equal(e.code, ST_OK);
	assert_int_equal(warnings, 1);
	assert_true(!root || seteuid(0) == 0);
}

static void test_files(void **state)
{
	const char *tmp = getenv("TMPDIR");
	char dir[1000], path[1100], link[1100];
	struct st_err e = { 0 };
	struct st_config c;
	struct stat st;

	(void)state;
	snprintf(dir, sizeof(dir), "%s/st-config-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/config", dir);
	snprintf(link, sizeof(link), "%s/link", dir);
	st_config_init(&c);
	assert_int_equal(st_config_load(&c, path, &e), ST_OK); /* missing */
	assert_int_equal(c.nentries, 0);
	assert_int_equal(st_config_set_file(path, "a.b", NULL, &e), ST_OK);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(st_config_set_file(path, "a.b", "c", &e), ST_OK);
	expect_file(path, "[a]\n\tb = c\n");
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(symlink("config", link), 0);
	assert_int_equal(st_config_set_file(link, "a.d", "e", &e), ST_OK);
	expect_file(path, "[a]\n\tb = c\n\td = e\n");
	assert_int_equal(lstat(link, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st_config_load(&c, path, &e), ST_OK);
	assert_string_equal(st_config_get(&c, "a.d"), "e");
	assert_int_equal(st_config_set_file(path, "a.b", NULL, &e), ST_OK);
	expect_file(path, "[a]\n\td = e\n");

	/* A malformed file is named with its line, and left alone. */
	assert_int_equal(st_file_replace(path, "[a]\noops oops\n", 14, false, &e), ST_OK);
	assert_int_equal(st_config_load(&c, path, &e), ST_EFORMAT);
	assert_non_null(strstr(e.msg, "/config:2: "));
	st_err_clear(&e);
	assert_int_equal(st_config_set_file(path, "a.b", "c", &e), ST_EFORMAT);
	expect_file(path, "[a]\noops oops\n");
	st_err_clear(&e);
	assert_int_equal(st_config_load(&c, dir, &e), ST_EIO);
	st_err_clear(&e);
	assert_int_equal(st_config_load_user(&c, dir, NULL, &e), ST_EIO);
	forbidden(&c, path);
	st_config_release(&c);
	st_err_clear(&e);
	assert_int_equal(st_remove_tree(dir, &e), ST_OK);
}

/* Longer than any buffer on the stack. */
static void test_long_lines(void **state)
{
	static char text[20000], key[6100];
	struct st_err e = { 0 };
	struct st_config c;

	(void)state;
	memset(key, 'k', sizeof(key) - 1);
	memcpy(key, "a.", 2);
	snprintf(text, sizeof(text), "[a]\n%s = %05000d # %04000d\n", key + 2, 7, 8);
	st_config_init(&c);
	assert_int_equal(st_config_parse(&c, text, strlen(text), "f", &e), ST_OK);
	assert_int_equal(strlen(st_config_get(&c, key)), 5000);
	key[sizeof(key) - 2] = 'j';
	assert_null(st_config_get(&c, key));
	st_config_release(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),	      cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_truncated),     cmocka_unit_test(test_edits),
		cmocka_unit_test(test_refused_edits), cmocka_unit_test(test_bool),
		cmocka_unit_test(test_sizes),	      cmocka_unit_test(test_each),
		cmocka_unit_test(test_files),	      cmocka_unit_test(test_long_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
