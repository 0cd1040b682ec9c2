/* SPDX-License-Identifier: Apache-2.0 */
#include "diff/models_priv.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "base/mem.h"
#include "tensor/layout.h"

#define MAXDIM 4

struct tensor {
	char name[24];
	uint64_t shape[MAXDIM];
	uint8_t *bytes;
};

struct model {
	struct st_side side;
	struct st_operand *ops;
	struct tensor *t;
	size_t n, cap, ops_cap;
	size_t fail; /* this one cannot be read from the middle on; SIZE_MAX: none */
	bool open_fails;
	size_t opened, open;
};

static int mem_read(const struct st_source *s, void *buf, size_t n, uint64_t off, struct st_err *e)
{
	const struct tensor *t = s->mem;
	struct model *m = (struct model *)(uintptr_t)s->name;

	if (m->fail != SIZE_MAX && t == &m->t[m->fail] && off + n > s->size / 2)
		return st_fail(e, ST_EIO, "the disk is on fire");
	memcpy(buf, t->bytes + off, n);
	return ST_OK;
}

static void mem_close(struct st_source *s)
{
	((struct model *)(uintptr_t)s->name)->open--;
}

static const struct st_source_ops mem_ops = { .pread = mem_read, .close = mem_close };

static int open_one(void *arg, size_t i, struct st_source *out, struct st_err *e)
{
	struct model *m = arg;

	if (m->open_fails && i == m->fail)
		return st_fail(e, ST_ECORRUPT, "nothing there");
	m->opened++;
	m->open++;
	*out = (struct st_source){ .ops = &mem_ops,
				   .size = m->ops[i].nbytes,
				   .name = (const char *)m,
				   .fd = -1,
				   .mem = &m->t[i] };
	return ST_OK;
}

static int hash_one(void *arg, size_t i, struct st_oid *out, struct st_err *e)
{
	struct model *m = arg;

	(void)e;
	st_oid_of(out, m->t[i].bytes, (size_t)m->ops[i].nbytes);
	return ST_OK;
}

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 31) * 0xbf58476d1ce4e5b9U;
	x = (x ^ x >> 29) * 0x94d049bb133111ebU;
	return x ^ x >> 32;
}

static void add(struct model *m, const char *name, enum st_dtype t, unsigned ndim,
		const uint64_t *shape, uint64_t seed)
{
	struct st_err e = { 0 };
	struct tensor *x;
	uint64_t nbytes, v;

	assert_int_equal(st_grow(&m->t, &m->cap, m->n + 1, &e), ST_OK);
	assert_int_equal(st_grow(&m->ops, &m->ops_cap, m->n + 1, &e), ST_OK);
	assert_true(st_shape_nbytes(shape, ndim, t, &nbytes));
	x = &m->t[m->n];
	snprintf(x->name, sizeof(x->name), "%s", name);
	if (ndim)
		memcpy(x->shape, shape, ndim * sizeof(*shape));
	x->bytes = malloc((size_t)nbytes + 8);
	assert_non_null(x->bytes);
	for (size_t i = 0; i < nbytes; i += 8) {
		v = mix(seed * 0x9e3779b97f4a7c15U + i);
		if (t == ST_F32 || t == ST_F64 || t == ST_C64) /* of the size of weights */
			v = (v & 0xbf80ffffbf80ffffU) | 0x3c0000003c000000U;
		memcpy(x->bytes + i, &v, 8);
	}
	m->ops[m->n] = (struct st_operand){
		.path = "m", .dtype = t, .ndim = ndim, .nbytes = nbytes, .name_len = strlen(name)
	};
	m->n++;
}

static void set_f32(struct model *m, size_t i, size_t at, float v)
{
	uint32_t bits;

	memcpy(&bits, &v, 4);
	st_put32(m->t[i].bytes + 4 * at, bits);
}

static float get_f32(const struct model *m, size_t i, size_t at)
{
	uint32_t bits = st_get32(m->t[i].bytes + 4 * at);
	float v;

	memcpy(&v, &bits, 4);
	return v;
}

/* The arrays have stopped moving. */
static const struct st_side *side(struct model *m, bool ids)
{
	for (size_t i = 0; i < m->n; i++) {
		m->ops[i].name = m->t[i].name;
		m->ops[i].shape = m->t[i].shape;
		m->ops[i].has_id = ids;
		if (ids)
			st_oid_of(&m->ops[i].id, m->t[i].bytes, (size_t)m->ops[i].nbytes);
	}
	m->side = (struct st_side){ m->ops, m->n, open_one, hash_one, m };
	return &m->side;
}

static struct model *new_model(void)
{
	struct model *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	m->fail = SIZE_MAX;
	return m;
}

static void drop(struct model *m)
{
	assert_int_equal(m->open, 0);
	for (size_t i = 0; i < m->n; i++)
		free(m->t[i].bytes);
	free(m->t);
	free(m->ops);
	free(m);
}

struct seen {
	struct st_tensor_delta *d;
	size_t n, cap;
	size_t stop_at; /* 0: never */
};

static int see(void *arg, const struct st_tensor_delta *d)
{
	struct seen *s = arg;
	struct st_err e = { 0 };

	assert_int_equal(st_grow(&s->d, &s->cap, s->n + 1, &e), ST_OK);
	s->d[s->n++] = *d;
	return s->n == s->stop_at;
}

static const struct st_models_options plain_options;

static int diff(struct model *a, struct model *b, bool ids, const struct st_models_options *o,
		unsigned jobs, struct seen *s, struct st_models_total *total, struct st_err *e)
{
	struct st_ctx ctx = { .jobs = jobs };

	*s = (struct seen){ .stop_at = s->stop_at };
	a->opened = b->opened = 0;
	return st_diff_models(side(a, ids), side(b, ids), o, &ctx, see, s, total, e);
}

static void diff_ok(struct model *a, struct model *b, bool ids, const struct st_models_options *o,
		    unsigned jobs, struct seen *s, struct st_models_total *total)
{
	struct st_err e = { 0 };

	s->stop_at = 0;
	if (diff(a, b, ids, o, jobs, s, total, &e) != ST_OK)
		fail_msg("%s", e.msg);
}

static const uint64_t big[] = { 700, 1000 }, row[] = { 5000 }, cube[] = { 33, 3, 7 },
		      none[] = { 0, 4 };

/* Of every kind; differs from the model of another seed in some of them. */
static struct model *mixed(uint64_t seed)
{
	struct model *m = new_model();

	add(m, "big", ST_F32, 2, big, 1 + seed);
	add(m, "same", ST_BF16, 2, big, 2);
	add(m, "row", ST_F64, 1, row, 3 + seed);
	add(m, "scalar", ST_F16, 0, NULL, 4 + seed);
	add(m, "cube", ST_C64, 3, cube, 5 + seed);
	add(m, "none", ST_F32, 2, none, 6);
	add(m, "bytes", ST_OPAQUE, 2, big, 7 + seed);
	add(m, "fp8", ST_F8_E4M3, 2, big, 8 + seed);
	add(m, "fp4", ST_F4, 2, big, 9 + seed);
	add(m, "ints", ST_I64, 2, cube, 10 + seed);
	return m;
}

static bool named_y(void *arg, const char *name, size_t len)
{
	(void)arg;
	return len == 1 && *name == 'y';
}

static void either_name_is_wanted(void **state)
{
	struct st_models_options o = { .wanted = named_y };
	struct model *a = new_model(), *b = new_model();
	struct st_models_total t;
	struct seen s;

	(void)state;
	add(a, "x", ST_F32, 1, row, 1);
	add(b, "y", ST_F32, 1, row, 1);
	for (int turn = 0; turn < 2; turn++) {
		diff_ok(turn ? b : a, turn ? a : b, true, &o, 2, &s, &t);
		assert_int_equal(s.n, 1);
		assert_int_equal(s.d[0].status, ST_TENSOR_RENAMED);
		assert_false(s.d[0].read);
		free(s.d);
	}
	drop(a);
	drop(b);
}

static void with_itself(void **state)
{
	struct st_models_options o = { .all = true, .histogram = true, .rank = true };
	struct model *a = mixed(0), *b = mixed(0);
	struct st_models_total t;
	struct seen s;

	(void)state;
	for (int ids = 0; ids < 2; ids++) {
		diff_ok(a, b, ids, &plain_options, 2, &s, &t);
		assert_int_equal(s.n, 0);
		assert_int_equal(t.tensors[ST_TENSOR_UNCHANGED], a->n);
		assert_int_equal(t.common, a->n);
		assert_int_equal(t.sums.changed, 0);
		assert_int_equal(a->opened, ids ? 0 : a->n - 1); /* the empty one never is */
		assert_int_equal(t.unread, ids ? a->n - 2 : 0);	 /* nor bytes and none */
		free(s.d);

		diff_ok(a, b, ids, &o, 2, &s, &t);
		assert_int_equal(s.n, a->n);
		assert_int_equal(t.unread, 0);
		for (size_t i = 0; i < s.n; i++) {
			assert_int_equal(s.d[i].status, ST_TENSOR_UNCHANGED);
			assert_true(s.d[i].compared);
			assert_true(s.d[i].sums.l1 == 0 && s.d[i].sums.changed == 0);
			assert_true(s.d[i].sums.a2 == s.d[i].sums.dot);
			assert_int_equal(s.d[i].rows_changed, 0);
		}
		assert_true(s.d[0].sums.a2 > 0);
		assert_true(st_diff_cosine(&s.d[0].sums) == 1);
		assert_int_equal(s.d[0].sums.numel, 700000);
		assert_int_equal(s.d[0].rows, 700);
		assert_int_equal(b->opened, ids ? 0 : a->n - 1);
		free(s.d);
	}
	drop(a);
	drop(b);
}

static void any_number_of_threads(void **state)
{
	struct st_models_options o = { .all = true, .histogram = true, .rank = true };
	struct model *a = mixed(0), *b = mixed(77);
	struct st_models_total one, t;
	struct seen first, s;

	(void)state;
	diff_ok(a, b, false, &o, 1, &first, &one);
	assert_int_equal(first.n, a->n);
	for (unsigned jobs = 2; jobs <= 8; jobs++) {
		diff_ok(a, b, jobs % 2, &o, jobs, &s, &t);
		assert_int_equal(s.n, first.n);
		t.unread = one.unread;
		assert_memory_equal(&t, &one, sizeof(t));
		for (size_t i = 0; i < s.n; i++) {
			assert_memory_equal(&s.d[i].sums, &first.d[i].sums, sizeof(s.d[i].sums));
			assert_int_equal(s.d[i].status, first.d[i].status);
			assert_int_equal(s.d[i].rows_changed, first.d[i].rows_changed);
			assert_int_equal(s.d[i].rank, first.d[i].rank);
		}
		free(s.d);
	}
	assert_int_equal(first.d[0].rank, 64);
	assert_true(first.d[0].rank_more);
	free(first.d);
	drop(a);
	drop(b);
}

static void symmetric(void **state)
{
	struct model *a = mixed(0), *b = mixed(77);
	struct st_models_total t;
	struct seen ab, ba;

	(void)state;
	diff_ok(a, b, false, &plain_options, 2, &ab, &t);
	diff_ok(b, a, false, &plain_options, 2, &ba, &t);
	assert_int_equal(ab.n, a->n - 2);
	assert_int_equal(ba.n, ab.n);
	for (size_t i = 0; i < ab.n; i++) {
		const struct st_pair_sums *x = &ab.d[i].sums, *y = &ba.d[i].sums;

		assert_true(x->l1 == y->l1 && x->l2sq == y->l2sq && x->max_abs == y->max_abs);
		assert_true(x->dot == y->dot && x->a2 == y->b2 && x->b2 == y->a2);
		assert_int_equal(x->changed, y->changed);
		assert_int_equal(ab.d[i].rows_changed, ba.d[i].rows_changed);
	}
	free(ab.d);
	free(ba.d);
	drop(a);
	drop(b);
}

/* Against plain loops; the tree's digits are test_pair's matter. */
static void figures_of_a_large_one(void **state)
{
	struct model *a = new_model(), *b = new_model();
	double l1 = 0, l2 = 0, most = 0, dot = 0, a2 = 0, b2 = 0;
	struct st_models_total t;
	struct seen s;

	(void)state;
	add(a, "w", ST_F32, 2, big, 1);
	add(b, "w", ST_F32, 2, big, 2);
	set_f32(a, 0, 5, NAN);
	set_f32(b, 0, 699999, INFINITY);
	for (size_t i = 0; i < 700000; i++) {
		double x = get_f32(a, 0, i), y = get_f32(b, 0, i);

		if (!isfinite(x) || !isfinite(y))
			continue;
		l1 += fabs(y - x);
		l2 += (y - x) * (y - x);
		most = fmax(most, fabs(y - x));
		dot += x * y;
		a2 += x * x;
		b2 += y * y;
	}
	diff_ok(a, b, false, &plain_options, 3, &s, &t);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.d[0].sums.numel, 699998);
	assert_int_equal(s.d[0].sums.nonfinite, 2);
	assert_true(s.d[0].sums.max_abs == most);
	assert_true(fabs(st_diff_mad(&s.d[0].sums) - l1 / 699998) < 1e-12 * l1 / 699998);
	assert_true(fabs(st_diff_l2(&s.d[0].sums) - sqrt(l2)) < 1e-12 * sqrt(l2));
	assert_true(fabs(st_diff_rel_l2(&s.d[0].sums) - sqrt(l2 / a2)) < 1e-12 * sqrt(l2 / a2));
	assert_true(fabs(st_diff_cosine(&s.d[0].sums) - dot / sqrt(a2 * b2)) < 1e-12);
	free(s.d);
	drop(a);
	drop(b);
}

static bool starts_with(void *arg, const char *name, size_t len)
{
	return len >= 1 && name[0] == *(const char *)arg;
}

static void every_status_in_order(void **state)
{
	static const uint64_t s2[] = { 20, 30 }, s1[] = { 600 }, s3[] = { 21, 30 };
	static const struct {
		const char *a, *b;
		enum st_tensor_status status;
		bool compared;
	} want[] = {
		{ "gone", NULL, ST_TENSOR_REMOVED, false },
		{ "changed", "changed", ST_TENSOR_CHANGED, true },
		{ "old", "new", ST_TENSOR_RENAMED, true },
		{ "reshaped", "reshaped", ST_TENSOR_RESHAPED, true },
		{ "resized", "resized", ST_TENSOR_RESHAPED, false },
		{ "retyped", "retyped", ST_TENSOR_RETYPED, true },
		{ "opaque", "opaque", ST_TENSOR_RETYPED, false },
		{ "both", "both", ST_TENSOR_RESHAPED, true },
		{ NULL, "added", ST_TENSOR_ADDED, false },
	};
	struct model *a = new_model(), *b = new_model();
	struct st_models_options o = { .wanted = starts_with, .wanted_arg = (void *)"r" };
	struct st_models_total t;
	struct seen s;

	(void)state;
	add(a, "gone", ST_I8, 2, s2, 1);
	add(a, "same", ST_F32, 2, s2, 2);
	add(a, "changed", ST_F32, 2, s2, 3);
	add(a, "old", ST_F32, 2, s2, 4);
	add(a, "reshaped", ST_F32, 2, s2, 5);
	add(a, "resized", ST_F32, 2, s2, 6);
	add(a, "retyped", ST_F32, 2, s2, 7);
	add(a, "opaque", ST_F32, 2, s2, 8);
	add(a, "both", ST_F32, 2, s2, 9);
	add(b, "added", ST_F64, 2, s3, 1);
	add(b, "both", ST_BF16, 1, s1, 9);
	add(b, "opaque", ST_OPAQUE, 2, s2, 8);
	add(b, "retyped", ST_BF16, 2, s2, 7);
	add(b, "resized", ST_F32, 2, s3, 6);
	add(b, "reshaped", ST_F32, 1, s1, 5);
	add(b, "new", ST_F32, 2, s2, 4);
	add(b, "changed", ST_F32, 2, s2, 30);
	add(b, "same", ST_F32, 2, s2, 2);
	for (int ids = 0; ids < 2; ids++) {
		diff_ok(a, b, ids, &plain_options, 2, &s, &t);
		assert_int_equal(s.n, sizeof(want) / sizeof(want[0]));
		for (size_t i = 0; i < s.n; i++) {
			const struct st_tensor_delta *d = &s.d[i];

			assert_int_equal(d->status, want[i].status);
			assert_int_equal(d->compared, want[i].compared);
			assert_int_equal(!d->a, !want[i].a);
			assert_int_equal(!d->b, !want[i].b);
			if (d->a)
				assert_string_equal(d->a->name, want[i].a);
			if (d->b)
				assert_string_equal(d->b->name, want[i].b);
		}
		assert_int_equal(s.d[2].evidence, ST_SAME_CONTENT);
		assert_int_equal(s.d[2].sums.changed, 0);
		assert_int_equal(s.d[3].sums.changed, 0); /* bits of a row as of a table */
		assert_int_equal(s.d[3].rows, 600);
		assert_int_equal(t.common, 8);
		assert_int_equal(t.tensors[ST_TENSOR_RESHAPED], 3);
		assert_int_equal(t.tensors[ST_TENSOR_UNCHANGED], 1);
		free(s.d);
		diff_ok(a, b, ids, &o, 2, &s, &t);
		assert_int_equal(s.n, 3);
		assert_string_equal(s.d[2].a->name, "retyped");
		assert_int_equal(t.common, 3);
		free(s.d);
	}
	drop(a);
	drop(b);
}

static void renamed_and_trained(void **state)
{
	struct model *a = new_model(), *b = new_model();
	struct st_models_total t;
	struct seen s;

	(void)state;
	add(a, "h.0.w", ST_F32, 2, big, 1);
	add(b, "layers.0.w", ST_F32, 2, big, 1);
	for (size_t i = 0; i < 700000; i += 3)
		set_f32(b, 0, i, get_f32(b, 0, i) * 1.01F);
	diff_ok(a, b, true, &plain_options, 2, &s, &t);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.d[0].status, ST_TENSOR_RENAMED);
	assert_int_equal(s.d[0].evidence, ST_CLOSE_CONTENT);
	assert_true(s.d[0].closeness > 0.999);
	assert_int_equal(s.d[0].sums.changed, 233334);
	assert_true(fabs(st_diff_cosine(&s.d[0].sums) - s.d[0].closeness) < 1e-3);
	free(s.d);
	drop(a);
	drop(b);
}

static void casts(void **state)
{
	struct model *a = new_model(), *b = new_model();
	struct st_models_total t;
	struct seen s;

	(void)state;
	add(a, "cast", ST_BF16, 2, big, 1);
	add(a, "not", ST_BF16, 2, big, 1);
	add(a, "equal bits", ST_BF16, 2, big, 1);
	add(b, "cast", ST_F32, 2, big, 1);
	add(b, "not", ST_F32, 2, big, 1);
	add(b, "equal bits", ST_F16, 2, big, 1);
	for (size_t i = 0; i < 700000; i++) {
		st_put16(a->t[0].bytes + 2 * i, (uint16_t)(0x3f80 + i % 100));
		st_put32(b->t[0].bytes + 4 * i,
			 (uint32_t)(0x3f80 + i % 100) << 16 | (i == 690000 ? 0x7000 : 0));
	}
	memcpy(a->t[1].bytes, a->t[0].bytes, 1400000);
	memcpy(b->t[1].bytes, b->t[0].bytes, 2800000);
	b->t[1].bytes[4 * 699999 + 1] = 0x90; /* more than half a step */
	diff_ok(a, b, true, &plain_options, 2, &s, &t);
	assert_int_equal(s.n, 3);
	assert_true(s.d[0].cast);
	assert_int_equal(s.d[0].status, ST_TENSOR_RETYPED);
	assert_int_equal(s.d[0].sums.changed, 1);
	assert_int_equal(s.d[0].rows, 700);
	assert_int_equal(s.d[0].rows_changed, 1);
	assert_false(s.d[1].cast);
	assert_int_equal(s.d[1].rows_changed, 2);
	assert_false(s.d[2].cast);
	free(s.d);
	drop(a);
	drop(b);
}

struct rows_case {
	const char *what;
	enum st_dtype t;
	unsigned ndim;
	uint64_t shape[3];
};

static const struct rows_case rows_cases[] = {
	{ "rows over chunks", ST_U8, 2, { 7, 150000 } },
	{ "rows of several chunks", ST_U8, 2, { 3, 700000 } },
	{ "short rows", ST_U8, 2, { 300000, 3 } },
	{ "one row", ST_U16, 2, { 1, 600001 } },
	{ "a vector", ST_F32, 1, { 600001 } },
	{ "a complex vector", ST_C64, 1, { 300001 } },
	{ "halves", ST_F4, 2, { 300002, 3 } },
	{ "halves, long rows", ST_F4, 2, { 6, 111111 } },
	{ "bytes", ST_OPAQUE, 3, { 9, 100, 701 } },
	{ "six bits", ST_F6_E2M3, 2, { 100004, 7 } },
	{ "rows that end with chunks", ST_I8, 2, { 4, 1 << 18 } },
	{ "a scalar", ST_F32, 0, { 0 } },
};

/* The definition: a row changed when one of its bits did. */
static uint64_t count_rows(const struct model *a, const struct model *b, uint64_t rows)
{
	uint64_t n = a->ops[0].nbytes * 8, row_bits = n / rows, count = 0, last = UINT64_MAX;

	for (uint64_t i = 0; i < n; i++) {
		if (!((a->t[0].bytes[i / 8] ^ b->t[0].bytes[i / 8]) >> i % 8 & 1))
			continue;
		count += i / row_bits != last;
		last = i / row_bits;
	}
	return count;
}

static void rows_changed(void **state)
{
	static const uint64_t every[] = { 1, 1000, 100003, 1 << 18, 400009, UINT64_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof(rows_cases) / sizeof(rows_cases[0]); i++) {
		const struct rows_case *c = &rows_cases[i];

		for (size_t k = 0; k < sizeof(every) / sizeof(every[0]); k++) {
			struct model *a = new_model(), *b = new_model();
			uint64_t rows = c->ndim ? c->shape[0] : 1, want;
			struct st_models_total t;
			struct seen s;

			add(a, "w", c->t, c->ndim, c->shape, 1);
			add(b, "w", c->t, c->ndim, c->shape, 1);
			for (uint64_t at = b->ops[0].nbytes - 1; at < b->ops[0].nbytes;
			     at -= every[k])
				b->t[0].bytes[at] ^= (uint8_t)(1 << mix(at) % 8);
			want = count_rows(a, b, rows);
			diff_ok(a, b, false, &plain_options, 2, &s, &t);
			assert_int_equal(s.n, 1);
			if (s.d[0].rows != rows || s.d[0].rows_changed != want)
				fail_msg("%s, every %" PRIu64 ": %" PRIu64 " of %" PRIu64
					 " rows, not %" PRIu64,
					 c->what, every[k], s.d[0].rows_changed, s.d[0].rows, want);
			free(s.d);
			drop(a);
			drop(b);
		}
	}
}

/* A row's values, where types differ: against the same in one type. */
static void rows_of_two_types(void **state)
{
	static const uint64_t shapes[][2] = { { 7, 150000 }, { 150000, 7 }, { 3, 300001 } };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct model *a = new_model(), *b = new_model(), *c = new_model();
		size_t n = (size_t)(shapes[i][0] * shapes[i][1]);
		struct st_models_total t;
		struct seen s, s2;

		add(a, "w", ST_U8, 2, shapes[i], 1);
		add(b, "w", ST_U8, 2, shapes[i], 1);
		add(c, "w", ST_F32, 2, shapes[i], 1);
		for (size_t j = 17; j < n; j += 40009)
			b->t[0].bytes[j] ^= 9;
		b->t[0].bytes[(1 << 18) - 1] ^= 1; /* a row goes on from one chunk to the next */
		b->t[0].bytes[1 << 18] ^= 1;
		for (size_t j = 0; j < n; j++)
			set_f32(c, 0, j, b->t[0].bytes[j]);
		diff_ok(a, b, false, &plain_options, 2, &s, &t);
		diff_ok(a, c, false, &plain_options, 2, &s2, &t);
		assert_int_equal(s.d[0].rows_changed, s2.d[0].rows_changed);
		assert_int_equal(s.d[0].sums.changed, s2.d[0].sums.changed);
		assert_int_equal(s2.d[0].rows, shapes[i][0]);
		free(s.d);
		free(s2.d);
		drop(a);
		drop(b);
		drop(c);
	}
}

static void order_does_not_matter(void **state)
{
	struct model *a = new_model(), *b = new_model(), *c = new_model();
	struct st_models_total t, t2;
	struct seen s, s2;
	char name[24];
	size_t n = 300;

	(void)state;
	for (size_t i = 0; i < n; i++) {
		uint64_t shape[] = { 1 + mix(i) % 3000 };

		snprintf(name, sizeof(name), "t%zu", i);
		add(a, name, ST_F32, 1, shape, i);
		add(b, name, ST_F32, 1, shape, i + i % 2);
	}
	for (size_t i = 0; i < n; i++) {
		size_t from = i * 7 % n; /* 7 has no common divisor with n */

		snprintf(name, sizeof(name), "t%zu", from);
		add(c, name, ST_F32, 1, b->t[from].shape, from + from % 2);
	}
	diff_ok(a, b, false, &plain_options, 2, &s, &t);
	diff_ok(a, c, true, &plain_options, 2, &s2, &t2);
	assert_int_equal(s.n, n / 2);
	assert_int_equal(s2.n, s.n);
	for (size_t i = 0; i < s.n; i++) {
		assert_string_equal(s.d[i].a->name, s2.d[i].a->name);
		assert_memory_equal(&s.d[i].sums, &s2.d[i].sums, sizeof(s.d[i].sums));
	}
	assert_true(t.sums.l1 == t2.sums.l1);
	assert_int_equal(t.sums.numel, t2.sums.numel);
	free(s.d);
	free(s2.d);
	drop(a);
	drop(b);
	drop(c);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Far from what it takes, so that a busy machine does not fail it. */
static void many_small_ones(void **state)
{
	static const uint64_t shape[] = { 16, 16 };
	struct model *a = new_model(), *b = new_model();
	struct st_models_total t;
	size_t n = 100000;
	struct seen s;
	double from;
	char name[24];

	(void)state;
	for (size_t i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "tensor.%zu.weight", i);
		add(a, name, ST_F32, 2, shape, i);
		add(b, name, ST_F32, 2, shape, i + 1);
	}
	from = seconds();
	diff_ok(a, b, false, &plain_options, 2, &s, &t);
	assert_true(seconds() - from < 20);
	assert_int_equal(s.n, n);
	assert_int_equal(t.sums.numel, n * 256);
	free(s.d);
	drop(a);
	drop(b);
}

static void failures_name_the_tensor(void **state)
{
	struct model *a = mixed(0), *b = mixed(77);
	struct st_models_total t;
	struct st_err e = { 0 };
	struct seen s = { 0 };

	(void)state;
	for (unsigned jobs = 1; jobs <= 4; jobs++) {
		for (size_t i = 0; i < a->n; i++) {
			struct model *bad = i % 2 ? a : b;

			if (bad->ops[i].nbytes == 0)
				continue;
			bad->fail = i;
			st_err_clear(&e);
			assert_int_equal(diff(a, b, false, &plain_options, jobs, &s, &t, &e),
					 ST_EIO);
			assert_non_null(strstr(e.msg, bad->ops[i].name));
			assert_non_null(strstr(e.msg, "the disk is on fire"));
			assert_true(s.n <= i);
			free(s.d);
			bad->open_fails = true;
			st_err_clear(&e);
			assert_int_equal(diff(a, b, false, &plain_options, jobs, &s, &t, &e),
					 ST_ECORRUPT);
			free(s.d);
			assert_int_equal(a->open + b->open, 0);
			bad->open_fails = false;
			bad->fail = SIZE_MAX;
		}
	}
	drop(a);
	drop(b);
}

static void stopped_by_the_caller(void **state)
{
	struct model *a = mixed(0), *b = mixed(77);
	struct st_models_total t;

	(void)state;
	for (size_t at = 1; at <= a->n - 2; at++) {
		struct seen s = { .stop_at = at };
		struct st_err e = { 0 };

		assert_int_equal(diff(a, b, false, &plain_options, 2, &s, &t, &e), ST_ENO);
		assert_int_equal(s.n, at);
		free(s.d);
	}
	drop(a);
	drop(b);
}

struct watch {
	size_t left;
	uint64_t done, total;
	bool last;
};

static bool cancelled(void *arg)
{
	struct watch *w = arg;

	return w->left == 0 || w->left-- == 0;
}

static void progress(void *arg, const struct st_progress *p)
{
	struct watch *w = arg;

	assert_true(p->done >= w->done && p->done <= p->total && !w->last);
	assert_true(!p->last || w->done == p->total); /* it was there by itself */
	w->done = p->done;
	w->total = p->total;
	w->last = p->last;
}

static void interrupted_and_progress(void **state)
{
	struct model *a = mixed(0), *b = mixed(77);
	struct watch w = { .left = SIZE_MAX };
	struct st_ctx ctx = {
		.jobs = 2, .arg = &w, .progress = progress, .cancelled = cancelled, .memory = 1
	};
	struct st_models_total t;
	struct st_err e = { 0 };
	struct seen s = { 0 };
	uint64_t bytes = 0;

	(void)state;
	assert_int_equal(st_diff_models(side(a, true), side(b, true), &plain_options, &ctx, see, &s,
					&t, &e),
			 ST_OK);
	for (size_t i = 0; i < a->n; i++)
		if (i != 1) /* known to be the same */
			bytes += a->ops[i].nbytes + b->ops[i].nbytes;
	assert_int_equal(w.done, bytes);
	assert_int_equal(w.total, bytes);
	assert_true(w.last);
	free(s.d);
	for (size_t n = 0; n < 5; n++) {
		w = (struct watch){ .left = n };
		s = (struct seen){ 0 };
		st_err_clear(&e);
		assert_int_equal(st_diff_models(side(a, true), side(b, true), &plain_options, &ctx,
						see, &s, &t, &e),
				 ST_EBUSY);
		free(s.d);
	}
	drop(a);
	drop(b);
}

static void sizes_that_lie(void **state)
{
	struct model *a = mixed(0), *b = mixed(0);
	struct st_models_total t;
	struct seen s = { 0 };
	struct st_ctx ctx = { .jobs = 1 };
	struct st_err e = { 0 };

	(void)state;
	side(a, true);
	side(b, true);
	b->ops[2].nbytes--;
	assert_int_equal(st_diff_models(&a->side, &b->side, &plain_options, &ctx, see, &s, &t, &e),
			 ST_EFORMAT);
	assert_non_null(strstr(e.msg, "\"row\""));
	b->ops[2].nbytes++;
	b->t[0].shape[0] = UINT64_MAX / 2;
	st_err_clear(&e);
	assert_int_equal(st_diff_models(&a->side, &b->side, &plain_options, &ctx, see, &s, &t, &e),
			 ST_EFORMAT);
	drop(a);
	drop(b);
}

/* A LoRA of rank 4, merged. */
static void rank_of_a_change(void **state)
{
	static const uint64_t shape[] = { 20, 10, 15 };
	struct st_models_options o = { .rank = true }, small = { .rank = true, .rank_max = 3 };
	struct model *a = new_model(), *b = new_model();
	struct st_models_total t;
	struct seen s;

	(void)state;
	add(a, "w", ST_F32, 3, shape, 1);
	add(b, "w", ST_F32, 3, shape, 1);
	add(a, "v", ST_F32, 1, row, 1);
	add(b, "v", ST_F32, 1, row, 2);
	for (size_t i = 0; i < 3000; i++) {
		double d = 0;

		for (size_t k = 0; k < 4; k++)
			d += (double)(mix(i / 150 * 4 + k) % 1000) *
			     (double)(mix(i % 150 * 4 + k + 9999) % 1000);
		set_f32(b, 0, i, get_f32(a, 0, i) + (float)(d * 1e-9));
	}
	diff_ok(a, b, false, &o, 2, &s, &t);
	assert_int_equal(s.d[0].rank, 4);
	assert_false(s.d[0].rank_more);
	assert_int_equal(s.d[1].rank, 0);
	free(s.d);
	diff_ok(a, b, false, &small, 2, &s, &t);
	assert_int_equal(s.d[0].rank, 3);
	assert_true(s.d[0].rank_more);
	free(s.d);
	drop(a);
	drop(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(with_itself),
		cmocka_unit_test(any_number_of_threads),
		cmocka_unit_test(symmetric),
		cmocka_unit_test(figures_of_a_large_one),
		cmocka_unit_test(every_status_in_order),
		cmocka_unit_test(renamed_and_trained),
		cmocka_unit_test(casts),
		cmocka_unit_test(either_name_is_wanted),
		cmocka_unit_test(rows_changed),
		cmocka_unit_test(rows_of_two_types),
		cmocka_unit_test(order_does_not_matter),
		cmocka_unit_test(many_small_ones),
		cmocka_unit_test(failures_name_the_tensor),
		cmocka_unit_test(stopped_by_the_caller),
		cmocka_unit_test(interrupted_and_progress),
		cmocka_unit_test(sizes_that_lie),
		cmocka_unit_test(rank_of_a_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
