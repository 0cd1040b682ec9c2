/* SPDX-License-Identifier: Apache-2.0 */
#include "diff/models_priv.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"

#define MOST 1200
#define WIDE 20000

struct model {
	struct st_operand t[MOST];
	char names[MOST][32];
	uint64_t shapes[MOST][2];
	uint8_t *bytes[MOST];
	size_t n, hashed, opened, open;
	size_t fail_at; /* open of this one; SIZE_MAX: none */
	bool short_source;
};

static int open_one(void *arg, size_t i, struct st_source *out, struct st_err *e)
{
	struct model *m = arg;

	if (i == m->fail_at && !m->short_source)
		return st_fail(e, ST_EIO, "cannot open");
	m->opened++;
	st_source_init_mem(out, m->bytes[i], i == m->fail_at ? m->t[i].nbytes / 2 : m->t[i].nbytes,
			   "m");
	return ST_OK;
}

static int hash_one(void *arg, size_t i, struct st_oid *out, struct st_err *e)
{
	struct model *m = arg;

	(void)e;
	m->hashed++;
	st_oid_of(out, m->bytes[i], (size_t)m->t[i].nbytes);
	return ST_OK;
}

static struct model *new_model(void)
{
	struct model *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	m->fail_at = SIZE_MAX;
	return m;
}

static void drop(struct model *m)
{
	for (size_t i = 0; i < m->n; i++)
		free(m->bytes[i]);
	free(m);
}

/* What seed 0 gives is constant; equal seeds are equal content; noise is added to it. */
static float element(uint64_t seed, size_t i, float noise)
{
	uint64_t x = (seed + 1) * 0x9e3779b97f4a7c15U + i * 0xd1342543de82ef95U;
	float v, d;

	x = (x ^ x >> 31) * 0xbf58476d1ce4e5b9U;
	x ^= x >> 29;
	v = (float)(int32_t)(x >> 32) * 0x1p-31f;
	d = (float)(int32_t)(x * 77777) * 0x1p-31f;
	return (seed ? v : 1) + noise * d;
}

static struct st_operand *add(struct model *m, const char *name, uint64_t rows, uint64_t cols,
			      uint64_t seed, float noise, bool id)
{
	size_t i = m->n++, n = (size_t)(rows * cols);
	struct st_operand *t = &m->t[i];
	uint32_t bits;
	float f;

	assert_true(i < MOST);
	snprintf(m->names[i], sizeof(m->names[i]), "%s", name);
	m->shapes[i][0] = rows;
	m->shapes[i][1] = cols;
	m->bytes[i] = malloc(n * 4 + 1);
	assert_non_null(m->bytes[i]);
	for (size_t j = 0; j < n; j++) {
		f = element(seed, j, noise);
		memcpy(&bits, &f, 4);
		st_put32(m->bytes[i] + 4 * j, bits);
	}
	*t = (struct st_operand){ .name = m->names[i],
				  .name_len = strlen(name),
				  .path = "m",
				  .dtype = ST_F32,
				  .ndim = 2,
				  .shape = m->shapes[i],
				  .nbytes = n * 4,
				  .has_id = id };
	if (id)
		st_oid_of(&t->id, m->bytes[i], n * 4);
	return t;
}

struct pairing {
	struct st_match *m;
	size_t n;
	const struct model *a, *b;
};

static bool only(void *arg, const char *name, size_t len)
{
	return strlen(arg) == len && memcmp(arg, name, len) == 0;
}

static int run(struct pairing *p, struct model *a, struct model *b, const char *wanted,
	       struct st_err *e)
{
	struct st_side sa = { a->t, a->n, open_one, hash_one, a };
	struct st_side sb = { b->t, b->n, open_one, hash_one, b };
	struct st_models_options o = { .wanted = wanted ? only : NULL,
				       .wanted_arg = (void *)(uintptr_t)wanted };
	struct st_ctx ctx = { .jobs = 2 };

	p->a = a;
	p->b = b;
	return st_match_models(&p->m, &p->n, &sa, &sb, &o, &ctx, e);
}

static void matched(struct pairing *p, struct model *a, struct model *b)
{
	struct st_err e = { 0 };

	assert_int_equal(run(p, a, b, NULL, &e), ST_OK);
}

/* "a>b" by name, "a=b" by id, "a~b" by content, "a-" removed, "+b" added; in order. */
static void expect(struct pairing *p, const char *want)
{
	char got[1024] = "", sign[] = { '>', '=', '~' };
	size_t at = 0;

	for (size_t i = 0; i < p->n; i++) {
		const struct st_match *m = &p->m[i];
		bool a = m->a != ST_NO_OPERAND, b = m->b != ST_NO_OPERAND;

		at += (size_t)snprintf(got + at, sizeof(got) - at, "%s%s%c%s", i ? " " : "",
				       a ? p->a->t[m->a].name : "",
				       a && b ? sign[m->evidence] :
				       a      ? '-' :
						'+',
				       b ? p->b->t[m->b].name : "");
		assert_true(at < sizeof(got));
	}
	assert_string_equal(got, want);
	free(p->m);
	p->m = NULL;
}

static void names_first(void **state)
{
	struct model *a = new_model(), *b = new_model();
	struct pairing p;

	(void)state;
	add(a, "x", 4, 4, 1, 0, true);
	add(a, "y", 4, 4, 2, 0, true);
	add(a, "z", 4, 4, 3, 0, true);
	add(b, "n", 9, 4, 4, 0, true);
	add(b, "z", 5, 5, 3, 0, true);
	add(b, "x", 4, 4, 2, 0, true); /* y's content, but a name is a name */
	matched(&p, a, b);
	expect(&p, "x>x y- z>z +n");
	assert_int_equal(a->opened + b->opened + a->hashed + b->hashed, 0);
	drop(a);
	drop(b);
}

static void equal_ids(void **state)
{
	struct model *a = new_model(), *b = new_model();
	struct pairing p;

	(void)state;
	add(a, "gone", 4, 4, 9, 0, true);
	add(a, "m.1.w", 4, 4, 1, 0, true);
	add(a, "m.2.w", 4, 4, 2, 0, true);
	add(a, "other shape", 2, 8, 3, 0, true);
	add(a, "other type", 4, 4, 4, 0, true);
	add(b, "2.w", 4, 4, 2, 0, true);
	add(b, "1.w", 4, 4, 1, 0, true);
	add(b, "shape", 8, 2, 3, 0, true);
	add(b, "type", 4, 4, 4, 0, true)->dtype = ST_I32;
	matched(&p, a, b);
	expect(&p, "gone- m.1.w=1.w m.2.w=2.w other shape- other type- +shape +type");
	drop(a);
	drop(b);
}

/* Equal ones among each other by the end of their names, whatever the order. */
static void equal_ids_of_many(void **state)
{
	struct model *a = new_model(), *b = new_model();
	struct pairing p;
	char name[32];

	(void)state;
	for (int i = 0; i < 12; i++) {
		snprintf(name, sizeof(name), "h.%d.bias", i);
		add(a, name, 2, 2, 0, 0, i % 2);
	}
	for (int i = 11; i >= 0; i--) {
		snprintf(name, sizeof(name), "model.h.%d.bias", i);
		add(b, name, 2, 2, 0, 0, i % 3);
	}
	matched(&p, a, b);
	for (size_t i = 0; i < p.n; i++) {
		assert_int_equal(p.m[i].a, i);
		assert_int_equal(p.m[i].b, 11 - i);
		assert_int_equal(p.m[i].evidence, ST_SAME_CONTENT);
	}
	assert_int_equal(a->hashed + b->hashed, 0); /* a small one is its own sample */
	free(p.m);
	drop(a);
	drop(b);
}

static void more_equal_ones_than_candidates(void **state)
{
	struct model *a = new_model(), *b = new_model();
	struct pairing p;
	char name[32];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "a.%d", i);
		add(a, name, 2, 2, 0, 0, true);
		snprintf(name, sizeof(name), "b.%d", i);
		add(b, name, 2, 2, 0, 0, true);
	}
	matched(&p, a, b);
	assert_int_equal(p.n, 1000);
	for (size_t i = 0; i < p.n; i++)
		assert_int_equal(p.m[i].b, i);
	free(p.m);
	drop(a);
	drop(b);
}

static void ids_that_take_reading(void **state)
{
	struct model *a = new_model(), *b = new_model();
	struct pairing p;

	(void)state;
	add(a, "p.x", 100, WIDE / 100, 1, 0, false);
	add(a, "p.y", 100, WIDE / 100, 2, 0, false);
	add(a, "alone", 7, WIDE, 3, 0, false);
	add(b, "q", 100, WIDE / 100, 5, 0, false);
	add(b, "y", 100, WIDE / 100, 2, 0, true);
	add(b, "too", 8, WIDE, 3, 0, false);
	matched(&p, a, b);
	expect(&p, "p.x- p.y=y alone- +q +too");
	/* Only what another's sample equals; and nothing at all where the shape is alone. */
	assert_int_equal(a->hashed, 1);
	assert_int_equal(b->hashed, 0);
	assert_int_equal(a->opened, 2);
	drop(a);
	drop(b);
}

/* The samples are equal, the tensors are not: an id says so. */
static void equal_samples(void **state)
{
	struct model *a = new_model(), *b = new_model();
	struct pairing p;

	(void)state;
	add(a, "x", 100, WIDE / 100, 1, 0, false);
	add(b, "y", 100, WIDE / 100, 1, 0, false);
	b->bytes[0][4 * 300] ^= 1; /* between the first run and the second */
	matched(&p, a, b);
	assert_int_equal(p.m[0].evidence, ST_CLOSE_CONTENT);
	assert_true(p.m[0].closeness > 0.999999 && p.m[0].closeness <= 1);
	expect(&p, "x~y");
	drop(a);
	drop(b);
}

static void close_content(void **state)
{
	struct model *a = new_model(), *b = new_model();
	struct pairing p;

	(void)state;
	add(a, "a1", 64, 100, 1, 0, true);
	add(a, "a2", 64, 100, 2, 0, true);
	add(a, "a3", 64, 100, 3, 0, true);
	add(a, "a4", 64, 100, 4, 0, true);
	add(b, "b4", 64, 100, 4, 2, true); /* too far */
	add(b, "b2", 64, 100, 2, 0.3F, true);
	add(b, "c2", 64, 100, 2, 0.1F, true); /* better */
	add(b, "b1", 64, 100, 1, 0.2F, true);
	matched(&p, a, b);
	assert_true(p.m[0].closeness > 0.97 && p.m[0].closeness < 0.99);
	expect(&p, "a1~b1 a2~c2 a3- a4- +b4 +b2");
	drop(a);
	drop(b);
}

static void never_close(void **state)
{
	struct model *a = new_model(), *b = new_model();
	struct st_operand *t;
	struct pairing p;
	float two = 2;
	uint32_t bits;

	(void)state;
	add(a, "constant", 5, 100, 0, 0, true);
	t = add(b, "also constant", 5, 100, 0, 0, true);
	memcpy(&bits, &two, 4);
	for (size_t i = 0; i < 500; i++)
		st_put32(b->bytes[0] + 4 * i, bits);
	st_oid_of(&t->id, b->bytes[0], 2000);
	add(a, "rounded", 7, 100, 0, 0, true);
	add(b, "also rounded", 7, 100, 0, 0, true);
	for (size_t i = 0; i < 700; i++) { /* 0.1 and 0.11: their sums are not exact */
		st_put32(a->bytes[1] + 4 * i, 0x3dcccccd);
		st_put32(b->bytes[1] + 4 * i, 0x3de147ae);
	}
	st_oid_of(&a->t[1].id, a->bytes[1], 2800);
	st_oid_of(&b->t[1].id, b->bytes[1], 2800);
	/* Both about one, and yet nothing to do with each other. */
	add(a, "norm", 3, 400, 0, 0.01F, true);
	add(b, "a norm", 3, 400, 0, 0.01F, true);
	for (size_t i = 0; i < 1200; i++) {
		float f = 1 + 0.01F * element(77, i, 0);

		memcpy(&bits, &f, 4);
		st_put32(b->bytes[2] + 4 * i, bits);
	}
	st_oid_of(&b->t[2].id, b->bytes[2], 4800);
	add(a, "small", 3, 5, 5, 0, true);
	add(b, "a small", 3, 5, 5, 0.01F, true);
	add(a, "scaled", 6, 100, 6, 0, true);
	add(b, "a scaled", 6, 100, 6, 0, true);
	for (size_t i = 0; i < 600; i++) {
		float f = 10 * element(6, i, 0);

		memcpy(&bits, &f, 4);
		st_put32(b->bytes[4] + 4 * i, bits);
	}
	st_oid_of(&b->t[4].id, b->bytes[4], 2400);
	add(a, "opaque", 9, 100, 6, 0, true)->dtype = ST_OPAQUE;
	add(b, "an opaque", 9, 100, 6, 0.01F, true)->dtype = ST_OPAQUE;
	matched(&p, a, b);
	expect(&p, "constant- rounded- norm- small- scaled- opaque- "
		   "+also constant +also rounded +a norm +a small +a scaled +an opaque");
	drop(a);
	drop(b);
}

static void too_many_to_be_close(void **state)
{
	struct model *a = new_model(), *b = new_model();
	struct pairing p;
	char name[32];

	(void)state;
	for (int i = 0; i < 258; i++) {
		snprintf(name, sizeof(name), "a.%d", i);
		add(a, name, 4, 5, (uint64_t)i + 1, 0, true);
	}
	add(b, "b", 4, 5, 1, 0.01F, true);
	add(b, "c", 4, 5, 7, 0, true);
	matched(&p, a, b);
	assert_int_equal(p.n, 259);
	assert_int_equal(p.m[0].b, ST_NO_OPERAND);
	assert_int_equal(p.m[6].b, 1); /* ids have no such bound */
	free(p.m);
	a->n--;
	free(a->bytes[a->n]);
	matched(&p, a, b);
	assert_int_equal(p.n, 257); /* what ids pair does not count */
	assert_int_equal(p.m[0].b, 0);
	free(p.m);
	drop(a);
	drop(b);
}

/* Of too many those that are called the same but for the beginning, if their content is close. */
static void same_endings(void **state)
{
	struct model *a = new_model(), *b = new_model();
	struct pairing p;
	char name[32];

	(void)state;
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "old.%d.w", i);
		add(a, name, 4, 5, (uint64_t)i + 1, 0, true);
		snprintf(name, sizeof(name), "new.x.%d.w", 299 - i);
		add(b, name, 4, 5, 299 - i == 7 ? 1000 : (uint64_t)(299 - i) + 1, 0.01F, true);
	}
	add(a, "p.two", 4, 5, 2000, 0, true);
	add(b, "q.two", 4, 5, 2000, 0.01F, true);
	add(b, "r.two", 4, 5, 2000, 0.02F, true);
	matched(&p, a, b);
	for (size_t i = 0; i < 300; i++) {
		assert_int_equal(p.m[i].b, i == 7 ? ST_NO_OPERAND : 299 - i);
		if (i != 7)
			assert_true(p.m[i].evidence == ST_CLOSE_CONTENT && p.m[i].closeness > 0.9);
	}
	assert_int_equal(p.m[300].b, ST_NO_OPERAND); /* two of them */
	free(p.m);
	drop(a);
	drop(b);
}

static void not_finite(void **state)
{
	struct model *a = new_model(), *b = new_model();
	struct pairing p;

	(void)state;
	add(a, "x", 8, 100, 1, 0, true);
	add(b, "y", 8, 100, 1, 0.01F, true);
	st_put32(a->bytes[0] + 40, 0x7fc00000);
	st_put32(b->bytes[0] + 80, 0x7f800000);
	st_oid_of(&a->t[0].id, a->bytes[0], 3200);
	st_oid_of(&b->t[0].id, b->bytes[0], 3200);
	matched(&p, a, b);
	assert_true(p.m[0].closeness > 0.9 && p.m[0].closeness < 1);
	expect(&p, "x~y");
	drop(a);
	drop(b);
}

/* What nobody wants to know of is not read. */
static void wanted_only(void **state)
{
	struct model *a = new_model(), *b = new_model();
	struct st_err e = { 0 };
	struct pairing p;

	(void)state;
	add(a, "x", 8, 100, 1, 0, false);
	add(b, "y", 8, 100, 1, 0, false);
	add(a, "v", 9, 100, 2, 0, false);
	add(b, "w", 9, 100, 2, 0, false);
	assert_int_equal(run(&p, a, b, "w", &e), ST_OK);
	expect(&p, "x- v=w +y");
	assert_int_equal(a->opened, 1);
	drop(a);
	drop(b);
}

static void nothing_and_empty(void **state)
{
	struct model *a = new_model(), *b = new_model();
	struct pairing p;

	(void)state;
	matched(&p, a, b);
	expect(&p, "");
	add(b, "y", 0, 100, 1, 0, false);
	matched(&p, a, b);
	expect(&p, "+y");
	add(a, "x", 0, 100, 1, 0, false);
	matched(&p, a, b);
	expect(&p, "x=y");
	drop(a);
	drop(b);
}

static void failures(void **state)
{
	struct model *a = new_model(), *b = new_model();
	struct st_err e = { 0 };
	struct pairing p;

	(void)state;
	for (uint64_t i = 0; i < 3; i++) {
		add(a, "x", 8, 100, i + 1, 0, false)->name_len = i;
		add(b, "y0y1y2", 8, 100, i + 1, 0, false)->name_len = 2 * i + 2;
	}
	a->fail_at = 1;
	assert_int_equal(run(&p, a, b, NULL, &e), ST_EIO);
	assert_null(p.m);
	st_err_clear(&e);
	a->short_source = true;
	assert_int_equal(run(&p, a, b, NULL, &e), ST_EFORMAT);
	assert_non_null(strstr(e.msg, "m: tensor \"x\": need"));
	drop(a);
	drop(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_first),
		cmocka_unit_test(equal_ids),
		cmocka_unit_test(equal_ids_of_many),
		cmocka_unit_test(more_equal_ones_than_candidates),
		cmocka_unit_test(ids_that_take_reading),
		cmocka_unit_test(equal_samples),
		cmocka_unit_test(close_content),
		cmocka_unit_test(never_close),
		cmocka_unit_test(too_many_to_be_close),
		cmocka_unit_test(same_endings),
		cmocka_unit_test(not_finite),
		cmocka_unit_test(wanted_only),
		cmocka_unit_test(nothing_and_empty),
		cmocka_unit_test(failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
