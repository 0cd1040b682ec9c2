/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tensor/gather.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARENA ((size_t)6 << 20)

static uint8_t *arena;

static int setup(void **state)
{
	uint32_t x = 1;

	(void)state;
	arena = malloc(ARENA);
	for (size_t i = 0; arena && i < ARENA; i++) {
		x = x * 1664525 + 1013904223;
		arena[i] = (uint8_t)(x >> 24);
	}
	return arena ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	free(arena);
	return 0;
}

struct shape {
	const char *what;
	enum st_dtype dtype;
	bool big_endian;
	unsigned ndim;
	uint64_t shape[5];
	int64_t strides[5];
	bool row_major; /* strides are not given */
};

static const struct shape shapes[] = {
	{ "plain", ST_F32, false, 2, { 300, 200 }, { 0 }, true },
	{ "plain, big-endian", ST_F64, true, 2, { 300, 200 }, { 0 }, true },
	{ "complex, big-endian", ST_C128, true, 1, { 9000 }, { 0 }, true },
	{ "complex of f32, big-endian", ST_C64, true, 2, { 90, 100 }, { 0 }, true },
	{ "bytes are not swapped", ST_U8, true, 1, { 100000 }, { 0 }, true },
	{ "scalar", ST_F32, false, 0, { 0 }, { 0 }, false },
	{ "one element, big-endian", ST_I16, true, 1, { 1 }, { 7 }, false },
	{ "transposed", ST_F32, false, 2, { 300, 200 }, { 1, 300 }, false },
	{ "transposed, longer than the buffer a row",
	  ST_F64,
	  false,
	  2,
	  { 3, 20000 },
	  { 1, 3 },
	  false },
	{ "transposed, big-endian", ST_BF16, true, 2, { 700, 200 }, { 1, 700 }, false },
	{ "columns of a wider one", ST_F32, false, 2, { 500, 60 }, { 100, 1 }, false },
	{ "every third", ST_I16, false, 1, { 50000 }, { 3 }, false },
	{ "every fortieth", ST_I16, false, 1, { 40000 }, { 40 }, false },
	{ "expanded outside", ST_F32, false, 3, { 40, 1, 1000 }, { 0, 0, 1 }, false },
	{ "expanded inside", ST_F32, false, 2, { 1000, 40 }, { 1, 0 }, false },
	{ "kernels permuted (0,2,3,1)",
	  ST_F32,
	  false,
	  4,
	  { 40, 3, 3, 50 },
	  { 450, 3, 1, 9 },
	  false },
	{ "five dimensions mixed",
	  ST_I8,
	  false,
	  5,
	  { 7, 6, 11, 13, 20 },
	  { 20, 20020, 1, 1540, 77 },
	  false },
	{ "backwards", ST_I32, false, 1, { 30000 }, { -1 }, false },
	/* Runs and results beyond the buffer of eight rooms, the window and the gap, in turn. */
	{ "a large transposed", ST_F32, false, 2, { 900, 1500 }, { 1, 900 }, false },
	{ "both backwards", ST_I16, true, 2, { 1100, 1300 }, { -1, -1100 }, false },
	{ "rows longer than all buffers", ST_F64, false, 2, { 7, 90000 }, { 1, 7 }, false },
	{ "rows far apart", ST_F64, false, 2, { 300, 700 }, { 1, 1000 }, false },
	{ "elements far apart", ST_U8, false, 2, { 5, 700 }, { 1, 7000 }, false },
	{ "runs far apart, rearranged", ST_F32, false, 3, { 90, 60, 50 }, { 1, 20000, 90 }, false },
	{ "one column", ST_F32, false, 1, { 40000 }, { 32 }, false },
	{ "columns permuted", ST_C128, true, 3, { 60, 50, 90 }, { 1, 5400, 60 }, false },
	{ "expanded large", ST_U8, false, 3, { 3, 1000, 700 }, { 0, 1, 1000 }, false },
	{ "expanded inside large", ST_F32, false, 3, { 600, 9, 500 }, { 1, 0, 600 }, false },
	{ "sliding", ST_F32, false, 2, { 200000, 5 }, { 1, 1 }, false },
	{ "sliding, large", ST_F32, false, 3, { 3, 180000, 2 }, { 1, 2, 400000 }, false },
	{ "one way backwards", ST_I32, false, 2, { 100, 300 }, { 300, -1 }, false },
	{ "dimensions of one", ST_F32, false, 4, { 1, 300, 1, 100 }, { 77, 1, 99, 300 }, false },
	{ "nothing", ST_F32, false, 2, { 0, 5 }, { 5, 1 }, false },
};

static struct st_tensor tensor_of(const struct shape *s)
{
	struct st_tensor t = { .name = "t",
			       .name_len = 1,
			       .dtype = s->dtype,
			       .ndim = s->ndim,
			       .shape = s->shape,
			       .strides = s->row_major ? NULL : s->strides,
			       .big_endian = s->big_endian,
			       .offset = 100 };
	uint64_t n;

	if (s->row_major)
		assert_true(st_shape_nbytes(s->shape, s->ndim, s->dtype, &t.nbytes));
	else
		assert_true(st_shape_span(s->shape, s->strides, s->ndim, &n));
	if (!s->row_major)
		t.nbytes = n * st_dtype_info(s->dtype)->bits / 8;
	assert_true(t.offset + t.nbytes <= ARENA);
	return t;
}

/* Element by element, the definition. */
static void want(const struct shape *s, const struct st_tensor *t, uint8_t *out)
{
	uint64_t at[5] = { 0 }, numel = 1, left;
	size_t elem = st_dtype_info(s->dtype)->bits / 8, width = st_dtype_width(s->dtype);
	int64_t step[5] = { 0 }, off = 0, first = 0, acc = 1;

	for (unsigned d = s->ndim; d-- > 0;) {
		step[d] = s->row_major ? acc : s->strides[d];
		acc *= (int64_t)s->shape[d];
		numel *= s->shape[d];
		if (step[d] < 0)
			first -= step[d] * ((int64_t)s->shape[d] - 1);
	}
	for (uint64_t i = 0; i < numel; i++) {
		left = i;
		off = first;
		for (unsigned d = s->ndim; d-- > 0;) {
			at[d] = left % s->shape[d];
			left /= s->shape[d];
			off += (int64_t)at[d] * step[d];
		}
		for (size_t b = 0; b < elem; b++) {
			size_t from = s->big_endian ? b / width * width + width - 1 - b % width : b;

			out[i * elem + b] = arena[t->offset + (uint64_t)off * elem + from];
		}
	}
}

struct got {
	uint8_t *p;
	size_t n, room;
};

static int take(void *arg, const void *p, size_t n, struct st_err *e)
{
	struct got *g = arg;

	(void)e;
	assert_in_range(n, 1, ST_GATHER_MIN);
	assert_true(g->n + n <= g->room);
	memcpy(g->p + g->n, p, n);
	g->n += n;
	return ST_OK;
}

static int give(void *arg, void *p, size_t n, struct st_err *e)
{
	struct got *g = arg;

	(void)e;
	memcpy(p, g->p + g->n, n);
	g->n += n;
	return ST_OK;
}

static void gathers_what_the_strides_say(void **state)
{
	struct st_source src;

	(void)state;
	st_source_init_mem(&src, arena, ARENA, "arena");
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		struct st_tensor t = tensor_of(&shapes[i]);
		uint64_t size = st_tensor_logical_size(&t);
		struct got g = { malloc(size + 1), 0, size };
		uint8_t *w = malloc(size + 1);
		struct st_err e = { 0 };

		want(&shapes[i], &t, w);
		assert_int_equal(st_tensor_each(&t, &src, 0, take, &g, &e), ST_OK);
		if (g.n != size || memcmp(g.p, w, size) != 0)
			fail_msg("%s: %zu bytes of %" PRIu64 ", or other ones", shapes[i].what, g.n,
				 size);
		free(g.p);
		free(w);
	}
}

static uint32_t next(uint32_t *x, uint32_t below)
{
	*x = *x * 1664525 + 1013904223;
	return (*x >> 8) % below;
}

/* Dimensions laid out in any order with gaps, some of them backwards, expanded or overlapping. */
static struct shape random_shape(uint32_t *x)
{
	static const enum st_dtype dtypes[] = { ST_U8, ST_BF16, ST_F32, ST_F64, ST_C64, ST_C128 };
	static const uint32_t most[] = { 200000, 1200, 90, 30, 16 };
	struct shape s = { .what = "random" };
	unsigned order[5];
	uint64_t step = 1;

	s.dtype = dtypes[next(x, 6)];
	s.big_endian = next(x, 3) == 0;
	s.ndim = 1 + next(x, 5);
	for (unsigned i = 0; i < s.ndim; i++) {
		unsigned k = next(x, i + 1);

		order[i] = order[k];
		order[k] = i;
	}
	for (unsigned i = 0; i < s.ndim; i++) {
		unsigned d = order[i], how = next(x, 12);

		s.shape[d] = 1 + next(x, next(x, 4) ? most[s.ndim - 1] : 6);
		if (how == 0 && s.shape[d] < 40)
			continue; /* expanded */
		s.strides[d] = (int64_t)(how == 1 ? step / 2 + 1 : step);
		step = (uint64_t)s.strides[d] * s.shape[d] + (how == 2 ? next(x, 6000) : 0);
		s.strides[d] *= how == 3 ? -1 : 1;
	}
	return s;
}

static bool fits(const struct shape *s)
{
	uint64_t span, size;

	return st_shape_span(s->shape, s->strides, s->ndim, &span) &&
	       st_shape_nbytes(s->shape, s->ndim, s->dtype, &size) && size <= 3 * ARENA / 2 &&
	       span <= (ARENA - 200) / (st_dtype_info(s->dtype)->bits / 8);
}

static void gathers_any_strides(void **state)
{
	struct st_source src;
	uint32_t x = 20260101;
	size_t n = 0, large = 0;

	(void)state;
	st_source_init_mem(&src, arena, ARENA, "arena");
	while (n < 400) {
		struct shape s = random_shape(&x);
		struct st_err e = { 0 };
		struct st_tensor t;
		struct got g = { 0 };
		uint8_t *w;

		if (!fits(&s))
			continue;
		t = tensor_of(&s);
		g.room = st_tensor_logical_size(&t);
		g.p = malloc(g.room);
		w = malloc(g.room);
		want(&s, &t, w);
		assert_int_equal(st_tensor_each(&t, &src, 0, take, &g, &e), ST_OK);
		if (g.n != g.room || memcmp(g.p, w, g.room) != 0)
			fail_msg("random strides, number %zu", n);
		large += g.room > 8 * ST_GATHER_MIN;
		free(g.p);
		free(w);
		n++;
	}
	assert_in_range(large, 40, 400);
}

/* What was gathered, put back into zeros, is gathered again; nothing else is written. */
static void puts_it_back(void **state)
{
	char path[] = "/tmp/st-gather-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	unlink(path);
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		struct st_tensor t = tensor_of(&shapes[i]);
		uint64_t size = st_tensor_logical_size(&t);
		struct got g = { NULL, 0, size }, again = { NULL, 0, size };
		struct st_source src;
		struct st_err e = { 0 };

		if (strncmp(shapes[i].what, "sliding", 7) == 0)
			continue; /* each place several times: a call each to write it */
		g.p = malloc(size + 1);
		again.p = malloc(size + 1);
		st_source_init_mem(&src, arena, ARENA, "arena");
		assert_int_equal(st_tensor_each(&t, &src, 0, take, &g, &e), ST_OK);
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(ftruncate(fd, (off_t)(t.offset + t.nbytes + 50)), 0);
		g.n = 0;
		assert_int_equal(st_tensor_put(&t, fd, "file", 0, give, &g, &e), ST_OK);
		assert_int_equal(lseek(fd, 0, SEEK_END), (off_t)(t.offset + t.nbytes + 50));
		st_source_init_fd(&src, fd, t.offset + t.nbytes + 50, "file");
		assert_int_equal(st_tensor_each(&t, &src, 0, take, &again, &e), ST_OK);
		if (again.n != size || memcmp(g.p, again.p, size) != 0)
			fail_msg("%s: not what was put", shapes[i].what);
		free(g.p);
		free(again.p);
	}
	close(fd);
}

static void other_elements_stay(void **state)
{
	static const uint64_t shape[] = { 2, 2 };
	static const int64_t strides[] = { 4, 2 };
	struct st_tensor t = { .name = "t",
			       .dtype = ST_I8,
			       .ndim = 2,
			       .shape = shape,
			       .strides = strides,
			       .offset = 1,
			       .nbytes = 7 };
	struct got g = { (uint8_t *)"abcd", 0, 4 };
	char path[] = "/tmp/st-gather-XXXXXX", now[10] = { 0 };
	int fd = mkstemp(path);
	struct st_err e = { 0 };

	(void)state;
	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(write(fd, "0123456789", 10), 10);
	assert_int_equal(st_tensor_put(&t, fd, "file", 0, give, &g, &e), ST_OK);
	assert_int_equal(pread(fd, now, 10, 0), 10);
	assert_memory_equal(now, "0a2b4c6d89", 10);
	close(fd);
}

static void held(void **state)
{
	static const uint64_t shape[] = { 3 };
	struct st_tensor t = { .name = "t",
			       .dtype = ST_U8,
			       .ndim = 1,
			       .shape = shape,
			       .where = ST_HELD,
			       .held = (const uint8_t *)"xyz",
			       .nbytes = 3 };
	uint8_t out[3];
	struct got g = { out, 0, 3 };
	struct st_err e = { 0 };

	(void)state;
	assert_false(st_tensor_plain(&t));
	assert_int_equal(st_tensor_each(&t, NULL, 0, take, &g, &e), ST_OK);
	assert_memory_equal(out, "xyz", 3);
}

/* A source that ends early is an error, not other bytes. */
static void short_source(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		struct st_tensor t = tensor_of(&shapes[i]);
		uint64_t size = st_tensor_logical_size(&t);
		struct got g = { malloc(size + 1), 0, size };
		struct st_source src;
		struct st_err e = { 0 };

		if (size > 0) {
			st_source_init_mem(&src, arena, t.offset + t.nbytes - 1, "short");
			assert_int_equal(st_tensor_each(&t, &src, 0, take, &g, &e), ST_EFORMAT);
		}
		free(g.p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gathers_what_the_strides_say),
		cmocka_unit_test(gathers_any_strides),
		cmocka_unit_test(puts_it_back),
		cmocka_unit_test(other_elements_stay),
		cmocka_unit_test(held),
		cmocka_unit_test(short_source),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
