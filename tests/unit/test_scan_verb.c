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

#include "repo/scan_verb.h"
#include "repo/verbs.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define B(s) s, sizeof(s) - 1
#define SYSTEM "cos\nsystem\n(S'true'\ntR"
#define OWN "cmine.net\nNet\n(tR"

struct heard {
	char text[600];
	unsigned n;
};

static void hear(void *arg, const char *message)
{
	struct heard *h = arg;

	snprintf(h->text, sizeof(h->text), "%s", message);
	h->n++;
}

static int warned(struct heard *h, const void *p, size_t n, const char *name, const char *allow)
{
	const struct st_ctx ctx = { .jobs = 1, .memory = 64 << 20, .arg = h, .warn = hear };
	struct st_config config;
	struct st_err e = { 0 };
	struct st_source s;
	char text[200];
	int rc;

	*h = (struct heard){ 0 };
	st_config_init(&config);
	snprintf(text, sizeof(text), "[scan]\nallow = %s\n", allow ? allow : "");
	assert_int_equal(st_config_parse(&config, text, allow ? strlen(text) : 0, "c", &e), ST_OK);
	st_source_init_mem(&s, p, n, "somewhere/else");
	rc = st_scan_warn(&ctx, &s, name, &config, &e);
	assert_int_equal(rc, (int)e.code);
	st_config_release(&config);
	return rc;
}

static void test_warn(void **state)
{
	static const struct {
		const char *p;
		size_t len;
		const char *name, *allow, *want; /* NULL: no warning */
	} cases[] = {
		{ B("text"), "README", NULL, NULL },
		{ B("text"), "a.pt", NULL, NULL },
		{ B("\x80\x02}."), "a.pt", NULL, NULL },
		{ B("\x80\x02}.rubbish"), "a.pt", NULL,
		  "a.pt: loading it in Python could run code (7 bytes behind the end of the "
		  "pickle): 'strata scan a.pt' tells" },
		{ B(SYSTEM "."), "d/a.pt", NULL,
		  "d/a.pt: loading it in Python could run code (os.system): 'strata scan d/a.pt' "
		  "tells" },
		{ B("(" OWN OWN SYSTEM "cos\npopen\n."), "a.pkl", NULL,
		  "a.pkl: loading it in Python could run code (os.system, and 2 more): 'strata "
		  "scan a.pkl' tells" },
		{ B(OWN "."), "a.pkl", NULL,
		  "a.pkl: loading it in Python could run code (mine.net.Net): 'strata scan a.pkl' "
		  "tells" },
		{ B(OWN "."), "a.pkl", "mine.*", NULL },
		{ B("(" OWN SYSTEM "."), "a.pkl", " x ,mine.*,\tos.system", NULL },
		{ B("(" OWN SYSTEM "."), "a.pkl", "mine",
		  "a.pkl: loading it in Python could run code (os.system, and 1 more): 'strata "
		  "scan a.pkl' tells" },
		/* compressed as a whole: what everyone has, unless it is made to hide */
		{ B("\x1f\x8b\x08"), "a.data", NULL, NULL },
		{ B("7z\xbc\xaf\x27\x1c"), "a.7z", NULL, NULL },
		{ B("7z\xbc\xaf\x27\x1c"), "a.pt", NULL,
		  "a.pt: loading it in Python could run code (a 7-Zip archive under the name of a "
		  "model: not looked into): 'strata scan a.pt' tells" },
		{ B("\x1f\x8b\x08"), "a.pkl.gz", NULL,
		  "a.pkl.gz: loading it in Python could run code (compressed as a whole (gzip): "
		  "not looked into): 'strata scan a.pkl.gz' tells" },
		/* read to where Python may go on */
		{ B("\x96\1\0\0\0\0\0\0\0xK\1a0" OWN "."), "a.pt", NULL,
		  "a.pt: loading it in Python could run code (not read to its end: an item for "
		  "bytes at the APPEND at offset 12): 'strata scan a.pt' tells" },
		/* a few bytes of numbers */
		{ B("N.\xff\xff"), "a.bin", NULL, NULL },
		{ B("\x80\2\xff\xff"), "a.bin", NULL, NULL },
		{ B("I 5\n\xff\xff"), "a.bin", NULL, NULL },
		/* too damaged to tell */
		{ B("PK\3\4"), "a.zip", NULL, NULL },
	};
	struct heard h;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(
			warned(&h, cases[i].p, cases[i].len, cases[i].name, cases[i].allow), ST_OK);
		if (cases[i].want)
			assert_string_equal(h.text, cases[i].want);
		else if (h.n)
			fail_msg("case %zu: %s", i, h.text);
		assert_int_equal(h.n, cases[i].want != NULL);
	}
	assert_int_equal(warned(&h, B("PK\3\4"), "a.pt", NULL), ST_OK);
	assert_memory_equal(h.text, "a.pt: ", 6);
	assert_non_null(strstr(h.text, "is not known"));
}

/* A name longer than the message has room for is cut, and counts once. */
static void test_long_name(void **state)
{
	static char p[3000];
	struct heard h;

	(void)state;
	snprintf(p, sizeof(p), "cmine%01000d\nx\n.", 7);
	assert_int_equal(warned(&h, p, strlen(p), "a.pkl", NULL), ST_OK);
	assert_int_equal(h.n, 1);
	assert_non_null(strstr(h.text, "...): 'strata scan a.pkl' tells"));
}

struct stop {
	const char *path;
	unsigned n;
};

static int stop(void *arg, const strata_scan_find *f)
{
	struct stop *s = arg;

	assert_string_equal(f->path, s->path);
	s->n++;
	return 1;
}

static void test_verb(void **state)
{
	static const char pickle[] = "(" SYSTEM OWN ".";
	const struct st_ctx ctx = { .jobs = 1, .memory = 64 << 20 };
	const strata_scan_options o = { 0 };
	char path[] = "/tmp/st-scan-verb.XXXXXX";
	struct stop s = { .path = path };
	strata_scan_result r;
	struct st_err e = { 0 };
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, pickle, sizeof(pickle) - 1), sizeof(pickle) - 1);
	close(fd);
	assert_int_equal(st_verb_scan(&ctx, path, &o, NULL, stop, &s, &r, &e), ST_ENO);
	assert_int_equal(e.code, ST_OK);
	assert_int_equal(s.n, 1);
	assert_int_equal(r.dangerous, 1);
	unlink(path);
	assert_int_equal(st_verb_scan(&ctx, path, &o, NULL, stop, &s, &r, &e), ST_ENOTFOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_warn),
		cmocka_unit_test(test_long_name),
		cmocka_unit_test(test_verb),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
