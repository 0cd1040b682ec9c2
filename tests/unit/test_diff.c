/* SPDX-License-Identifier: Apache-2.0 */
/* The verb: what is compared with what, and what is read for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "repo/diff_side.h"
#include "repo_fixture.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

struct seen {
	char text[4096]; /* "file m changed; tensor t1 changed; ..." */
	size_t len;
	double mad;
	uint64_t elements;
	unsigned stop_after; /* 0: never */
	unsigned calls;
};

__attribute__((format(printf, 2, 3))) static int note(struct seen *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	s->len += (size_t)vsnprintf(s->text + s->len, sizeof(s->text) - s->len, fmt, ap);
	va_end(ap);
	assert_true(s->len < sizeof(s->text));
	return ++s->calls == s->stop_after;
}

static int on_file(void *arg, const strata_diff_file *f)
{
	return note(arg, "file %s %s;", f->path, f->status);
}

static int on_tensor(void *arg, const strata_diff_entry *t)
{
	struct seen *s = arg;

	if (t->figures)
		s->mad = t->figures->mad;
	return note(s, "tensor %s %s;", t->b ? t->b->name : t->a->name, t->status);
}

static int on_setting(void *arg, const strata_diff_setting *x)
{
	return note(arg, "%s %s %s>%s;", x->path, x->key, x->a ? x->a : "-", x->b ? x->b : "-");
}

static const strata_diff_handler handler = { on_file, on_tensor, on_setting };

static int run(struct trepo *t, const char *a, const char *b, const strata_diff_options *o,
	       struct seen *s, strata_diff_total *total, struct st_err *e)
{
	*s = (struct seen){ .stop_after = s->stop_after };
	*e = (struct st_err){ 0 };
	return st_verb_diff(t->r, &t->r->ctx, a, b, o, &handler, s, total, e);
}

static void expect_at(struct trepo *t, const char *a, const char *b, const strata_diff_options *o,
		      const char *want, const char *file, int line)
{
	static const strata_diff_options none = { 0 };
	strata_diff_total total;
	struct seen s = { 0 };
	struct st_err e;
	int rc = run(t, a, b, o ? o : &none, &s, &total, &e);

	if (rc != ST_OK || strcmp(s.text, want) != 0) {
		print_error("%d %s\ngot  %s\nwant %s\n", rc, e.msg, s.text, want);
		_fail(file, line);
	}
	if (total.differs != (*want && !strstr(want, "unchanged")))
		_fail(file, line);
}

#define EXPECT(a, b, o, want) expect_at(&t, a, b, o, want, __FILE__, __LINE__)

static void fails_at(struct trepo *t, const char *a, const char *b, const strata_diff_options *o,
		     int code, const char *text, const char *file, int line)
{
	static const strata_diff_options none = { 0 };
	strata_diff_total total;
	struct seen s = { 0 };
	struct st_err e;
	int rc = run(t, a, b, o ? o : &none, &s, &total, &e);

	if (rc != code || !strstr(e.msg, text)) {
		print_error("%d, wanted %d: %s\n", rc, code, e.msg);
		_fail(file, line);
	}
}

#define FAILS(a, b, o, code, text) fails_at(&t, a, b, o, code, text, __FILE__, __LINE__)

static const uint64_t one[] = { 1, 2, 3 }, two[] = { 1, 5, 3 }, three[] = { 9, 5, 3 };

/* v1 has m with one, v2 with two, the index with three, the working tree as the case wants. */
static void history(struct trepo *t)
{
	tr_open(t);
	assert_int_equal(chdir(t->dir), 0);
	tr_model(t, "m.safetensors", one, 3, 4096, 0);
	tr_text(t, "c.json", "{\"lr\":1}");
	tr_version(t);
	tr_model(t, "m.safetensors", two, 3, 4096, 0);
	tr_version(t);
	tr_model(t, "m.safetensors", three, 3, 4096, 0);
	tr_add(t, NULL);
}

static void done(struct trepo *t)
{
	assert_int_equal(chdir("/"), 0);
	tr_close(t);
}

static void sides(void **state)
{
	const strata_diff_options staged = { .staged = true }, all = { .all = true };
	const strata_diff_options names = { .names_only = true };
	struct trepo t;

	(void)state;
	history(&t);
	EXPECT(NULL, NULL, NULL, "");
	EXPECT(NULL, NULL, &staged, "file m.safetensors changed;tensor t0 changed;");
	EXPECT("v1", NULL, &staged,
	       "file m.safetensors changed;tensor t0 changed;tensor t1 changed;");
	EXPECT("v2", NULL, NULL, "file m.safetensors changed;tensor t0 changed;");
	EXPECT("v1", "v2", NULL, "file m.safetensors changed;tensor t1 changed;");
	EXPECT("v2", "v1", &names, "file m.safetensors changed;");
	EXPECT("v1..v2", NULL, NULL, "file m.safetensors changed;tensor t1 changed;");
	EXPECT("v1:m.safetensors", "v2:m.safetensors", NULL,
	       "file m.safetensors changed;tensor t1 changed;");
	EXPECT("v2:m.safetensors", NULL, NULL, "file m.safetensors changed;tensor t0 changed;");
	EXPECT("HEAD", "m.safetensors", NULL, "file m.safetensors changed;tensor t0 changed;");
	EXPECT("v2", "v2", &all, "tensor t0 unchanged;tensor t1 unchanged;tensor t2 unchanged;");
	tr_text(&t, "c.json", "{\"lr\":2,\"z\":[]}");
	EXPECT(NULL, NULL, NULL, "file c.json changed;c.json lr 1>2;c.json z ->[];");
	EXPECT("c.json", NULL, &names, "file c.json changed;");
	assert_int_equal(unlink("c.json"), 0);
	EXPECT(NULL, NULL, NULL, "file c.json removed;");
	done(&t);
}

static void chosen(void **state)
{
	const char *paths[] = { "c.json" }, *nowhere[] = { "x*" }, *t2[] = { "t2" },
		   *t1[] = { "t1" };
	const char *none[] = { "t1", "zz" };
	const strata_diff_options some = { .paths = paths, .npaths = 1 };
	const strata_diff_options no = { .paths = nowhere, .npaths = 1 };
	const strata_diff_options same = { .tensors = t2, .ntensors = 1 };
	const strata_diff_options other = { .tensors = t1, .ntensors = 1 };
	const strata_diff_options missing = { .tensors = none, .ntensors = 2 };
	struct trepo t;

	(void)state;
	history(&t);
	EXPECT("v1", "v2", &some, "");
	FAILS("v1", "v2", &no, ST_ENOTFOUND, "'x*'");
	EXPECT("v1", "v2", &same, "");
	EXPECT("v1", "v1", &same, ""); /* not looked into, but there */
	EXPECT("v1", "v2", &other, "file m.safetensors changed;tensor t1 changed;");
	FAILS("v1", "v2", &missing, ST_ENOTFOUND, "'zz'");
	done(&t);
}

/* A commit that only the catalogue knows, of id 09<n>00..., with both parents or none. */
static void only_catalogued(struct trepo *t, uint8_t n, uint8_t p1, uint8_t p2)
{
	struct st_oid parents[2] = { { { 9, p1 } }, { { 9, p2 } } };
	struct st_commit_row row = { .id = { { 9, n } },
				     .author = "A <a@b>",
				     .message = "m",
				     .version = "",
				     .parents = parents,
				     .nparents = p1 ? 2 : 0,
				     .generation = p1 ? 2 : 1 };
	struct st_err e = { 0 };

	if (st_catalog_begin(t->r->cat, &e) != ST_OK ||
	    st_catalog_commit_add(t->r->cat, &row, &e) != ST_OK ||
	    st_catalog_commit(t->r->cat, &e) != ST_OK)
		fail_msg("%s", e.msg);
}

static void merge_bases(void **state)
{
	struct trepo t;

	(void)state;
	history(&t);
	EXPECT("v1...v2", NULL, NULL, "file m.safetensors changed;tensor t1 changed;");
	EXPECT("v2...v1", NULL, NULL, "");
	EXPECT("v1...", NULL, NULL, "file m.safetensors changed;tensor t1 changed;");
	EXPECT("...v1", NULL, NULL, "");
	only_catalogued(&t, 11, 0, 0);
	only_catalogued(&t, 12, 0, 0);
	only_catalogued(&t, 13, 11, 12);
	only_catalogued(&t, 14, 12, 11);
	FAILS("090b00...090c00", NULL, NULL, ST_ENOTFOUND, "no version in common");
	FAILS("v1...090d00", NULL, NULL, ST_ENOTFOUND, "A..B compares them as they are");
	FAILS("090d00...090e00", NULL, NULL, ST_EUSAGE, "several merge bases: 090");
	FAILS("090d00...090e00", NULL, NULL, ST_EUSAGE, "strata diff 090");
	FAILS("090d00...090e00", NULL, NULL, ST_EUSAGE, "090c00000000");
	FAILS("090d00...090e00", NULL, NULL, ST_EUSAGE, "090b00000000");
	done(&t);
}

static void refused(void **state)
{
	const strata_diff_options staged = { .staged = true }, below = { .epsilon = -1 };
	const strata_diff_options nan = { .epsilon = NAN };
	struct st_err e = { 0 };
	strata_diff_total total;
	struct trepo t;

	(void)state;
	history(&t);
	FAILS("v1", "v2", &below, ST_EUSAGE, "epsilon");
	FAILS("v1", "v2", &nan, ST_EUSAGE, "epsilon");
	FAILS("v1", "v2", &staged, ST_EUSAGE, "--staged");
	FAILS("v1...v2", NULL, &staged, ST_EUSAGE, "--staged");
	FAILS("v1...v2:m.safetensors", NULL, NULL, ST_EUSAGE, "only versions have a merge base");
	FAILS("v1", "nowhere", NULL, ST_ENOTFOUND, "'nowhere' is no version");
	FAILS("v1", "./nowhere", NULL, ST_ENOTFOUND, "no such file");
	FAILS("v1:m.safetensors", "v2", NULL, ST_EUSAGE, "compare like with like");
	FAILS("m.safetensors", ".", NULL, ST_EUSAGE, "compare like with like");
	FAILS("v1:m.safetensors::t0", "v2:m.safetensors::t1", NULL, ST_EUSAGE, "one name");
	tr_text(&t, "stray", "x");
	FAILS("v1", "stray", NULL, ST_EUSAGE, "v1:PATH");
	assert_int_equal(st_verb_diff(NULL, &t.r->ctx, NULL, NULL, &(strata_diff_options){ 0 },
				      &handler, NULL, &total, &e),
			 ST_ENOREPO);
	done(&t);
}

static void damaged(void **state)
{
	strata_diff_total total;
	struct seen s = { 0 };
	struct st_err e;
	struct st_buf b;
	struct trepo t;
	char pack[256];

	(void)state;
	history(&t);
	tr_read(&t, "m.safetensors", &b);
	tr_write(&t, "cut.safetensors", b.p, 50);
	st_buf_release(&b);
	FAILS("m.safetensors", "cut.safetensors", NULL, ST_EFORMAT, "cut.safetensors");
	tr_write(&t, "m.safetensors", "\0\0\0\0\0\0\0\1junk", 12);
	assert_int_equal(run(&t, NULL, NULL, &(strata_diff_options){ 0 }, &s, &total, &e), ST_OK);
	assert_int_equal(t.warnings, 1);
	assert_int_equal(total.files, 1);
	tr_pack_path(&t, 0, pack, sizeof(pack));
	assert_int_equal(chmod(pack, 0644), 0);
	assert_int_equal(truncate(pack, 100), 0);
	FAILS("v1", "v2", NULL, ST_ECORRUPT, "");
	done(&t);
}

/* Frames of more than one, at offsets that are no frame's: the same as of the plain file. */
static void stored_as_plain(void **state)
{
	const strata_diff_options o = { 0 };
	const uint64_t a[] = { 1, 2 }, b[] = { 3, 4 };
	strata_diff_total plain, stored;
	struct seen s = { 0 };
	struct st_err e;
	struct trepo t;

	(void)state;
	tr_open(&t);
	assert_int_equal(chdir(t.dir), 0);
	tr_model(&t, "m.safetensors", a, 2, (size_t)5 << 19, 0);
	tr_version(&t);
	assert_int_equal(rename("m.safetensors", "old.safetensors"), 0);
	tr_model(&t, "m.safetensors", b, 2, (size_t)5 << 19, 0);
	assert_int_equal(run(&t, "old.safetensors", "m.safetensors", &o, &s, &plain, &e), ST_OK);
	tr_add(&t, "m.safetensors");
	tr_commit(&t, NULL);
	assert_int_equal(run(&t, "v1:m.safetensors", "v2:m.safetensors", &o, &s, &stored, &e),
			 ST_OK);
	assert_int_equal(stored.changed, 2);
	assert_int_equal(stored.figures.numel, plain.figures.numel);
	assert_memory_equal(&stored.figures.mad, &plain.figures.mad, sizeof(double));
	assert_memory_equal(&stored.figures.l2, &plain.figures.l2, sizeof(double));
	assert_memory_equal(&stored.figures.cosine, &plain.figures.cosine, sizeof(double));
	done(&t);
}

static void stops(void **state)
{
	strata_diff_total total;
	struct st_err e;
	struct trepo t;

	(void)state;
	history(&t);
	for (unsigned i = 1; i <= 3; i++) {
		struct seen s = { .stop_after = i };

		assert_int_equal(run(&t, "v1", NULL, &(strata_diff_options){ 0 }, &s, &total, &e),
				 ST_ENO);
		assert_int_equal(s.calls, i);
		assert_int_equal(e.code, ST_OK);
	}
	done(&t);
}

/* A part of a frame that several threads ask for at once. */
static void parts_of_frames(void **state)
{
	struct st_err e = { 0 };
	struct st_codecs *codecs;
	struct st_source src;
	struct st_oid id;
	struct st_buf b;
	struct trepo t;
	uint8_t got[3000];

	(void)state;
	tr_open(&t);
	tr_random(&t, "r", 7, (size_t)1000000);
	tr_version(&t);
	tr_file_id(&t, "v1", "r", &id);
	tr_read(&t, "r", &b);
	assert_int_equal(st_codecs_new(&codecs, 2, &e), ST_OK);
	assert_int_equal(st_objsrc_open(&src, t.r->odb, &id, 10, b.len - 20, codecs, "r", &e),
			 ST_OK);
	for (uint64_t off = 0; off < b.len - 20 - sizeof(got); off += 99999) {
		assert_int_equal(st_source_read(&src, got, sizeof(got), off, &e), ST_OK);
		assert_memory_equal(got, b.p + 10 + off, sizeof(got));
	}
	assert_int_equal(st_source_read(&src, got, 21, b.len - 40, &e), ST_EFORMAT);
	st_source_close(&src);
	e = (struct st_err){ 0 };
	assert_int_equal(st_objsrc_open(&src, t.r->odb, &id, 10, b.len, codecs, "r", &e),
			 ST_ECORRUPT);
	st_codecs_free(codecs);
	st_buf_release(&b);
	tr_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sides),       cmocka_unit_test(chosen),
		cmocka_unit_test(refused),     cmocka_unit_test(damaged),
		cmocka_unit_test(merge_bases), cmocka_unit_test(stored_as_plain),
		cmocka_unit_test(stops),       cmocka_unit_test(parts_of_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
