/* SPDX-License-Identifier: Apache-2.0 */

/* Inputs whose bytes are decoded each time are read once, where there is room. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "blend_fixture.h"
#include "merge/round.h"

#define N (((size_t)3 << 20) / 2 + 12345) /* bf16 of some pieces and a rest */

#define ROOM ((uint64_t)256 << 20)

struct counted { /* a source that says how much of it was read */
	struct st_source src;
	pthread_mutex_t lock;
	uint64_t bytes;
	uint8_t *p;
	bool broken;
};

static int count_pread(const struct st_source *s, void *buf, size_t n, uint64_t off,
		       struct st_err *e)
{
	struct counted *c = (struct counted *)(uintptr_t)s->mem;

	if (c->broken && off > N)
		return st_fail(e, ST_ECORRUPT, "a bad frame");
	pthread_mutex_lock(&c->lock);
	c->bytes += n;
	pthread_mutex_unlock(&c->lock);
	memcpy(buf, c->p + off, n);
	return ST_OK;
}

static const struct st_source_ops count_ops = { .pread = count_pread };

struct inputs { /* base, two models */
	struct counted c[3];
	struct st_blend_input in[3];
};

static void open_inputs(struct inputs *x)
{
	static const char *const labels[] = { "base", "ours", "theirs" };
	double *base = blend_numbers(ST_BF16, N, 0.02, 1), *v;

	*x = (struct inputs){ 0 };
	for (size_t i = 0; i < 3; i++) {
		struct counted *c = &x->c[i];

		v = blend_near(ST_BF16, base, N, i ? 0.001 : 0, i + 1);
		c->p = calloc(N, 2);
		st_round_store_portable(c->p, ST_BF16, v, N);
		free(v);
		pthread_mutex_init(&c->lock, NULL);
		c->src = (struct st_source){
			.ops = &count_ops, .size = 2 * N, .name = "x", .fd = -1, .mem = c
		};
		x->in[i] = (struct st_blend_input){ &c->src, ST_BF16, labels[i] };
	}
	free(base);
}

static void close_inputs(struct inputs *x)
{
	for (size_t i = 0; i < 3; i++) {
		free(x->c[i].p);
		pthread_mutex_destroy(&x->c[i].lock);
	}
}

static int collect(void *arg, const void *p, size_t n, struct st_err *e)
{
	return st_buf_add(arg, p, n, e);
}

static int run(struct inputs *x, const char *text, const struct st_ctx *ctx, struct st_buf *out,
	       struct st_err *e)
{
	const uint64_t shape[1] = { N };
	struct st_arena arena;
	struct st_spec spec;
	struct st_blend b = { .name = "w",
			      .name_len = 1,
			      .dtype = ST_BF16,
			      .ndim = 1,
			      .shape = shape,
			      .base = x->in[0],
			      .models = x->in + 1,
			      .nmodels = 2,
			      .spec = &spec };
	int rc;

	st_arena_init(&arena);
	st_buf_init(out, SIZE_MAX);
	for (size_t i = 0; i < 3; i++)
		x->c[i].bytes = 0;
	rc = st_spec_parse(&spec, &arena, text, e);
	if (rc == ST_OK)
		rc = st_blend_run(&b, ctx, collect, out, e);
	st_arena_release(&arena);
	return rc;
}

static void set_costly(struct inputs *x, bool base, bool ours)
{
	x->c[0].src.costly = base;
	x->c[1].src.costly = ours;
}

static void once(void **state)
{
	static const struct {
		const char *spec;
		bool base;
	} rows[] = { { "ties:density=0.3", true },
		     { "breadcrumbs:density=0.5,gamma=0.1", true },
		     { "model-stock", true },
		     { "slerp:t=0.3,parallel=0.1", false } };
	struct st_ctx ctx = { .memory = ROOM };
	struct inputs x;

	(void)state;
	open_inputs(&x);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct st_err e = { 0 };
		struct st_buf want, out;

		ctx.jobs = 1;
		set_costly(&x, false, false);
		assert_int_equal(run(&x, rows[i].spec, &ctx, &want, &e), ST_OK);
		assert_true(x.c[1].bytes >= 4 * N);
		for (ctx.jobs = 1; ctx.jobs < 4; ctx.jobs++) {
			set_costly(&x, rows[i].base, ctx.jobs != 2 || !rows[i].base);
			assert_int_equal(run(&x, rows[i].spec, &ctx, &out, &e), ST_OK);
			assert_int_equal(x.c[0].bytes, rows[i].base ? 2 * N : 0);
			assert_int_equal(x.c[1].bytes, 2 * N);
			assert_int_equal(x.c[2].bytes, 2 * N);
			assert_int_equal(out.len, want.len);
			assert_memory_equal(out.p, want.p, want.len);
			st_buf_release(&out);
		}
		st_buf_release(&want);
	}
	close_inputs(&x);
}

/* Where they do not fit, or nothing is left for the rest, they are read as often as it takes. */
static void no_room(void **state)
{
	static const uint64_t memory[] = { 4 * 6 * N - 1, (uint64_t)64 << 20 };
	struct st_err e = { 0 };
	struct st_buf want, out;
	struct inputs x;

	(void)state;
	open_inputs(&x);
	assert_int_equal(run(&x, "ties", &(struct st_ctx){ .jobs = 2, .memory = ROOM }, &want, &e),
			 ST_OK);
	set_costly(&x, true, true);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(run(&x, "ties", &(struct st_ctx){ .jobs = 2, .memory = memory[i] },
				     &out, &e),
				 ST_OK);
		assert_true(x.c[1].bytes >= 4 * N);
		assert_memory_equal(out.p, want.p, want.len);
		st_buf_release(&out);
	}
	/* A method of one pass has no use for it. */
	assert_int_equal(run(&x, "linear", &(struct st_ctx){ .jobs = 2, .memory = ROOM }, &out, &e),
			 ST_OK);
	assert_int_equal(x.c[1].bytes, 2 * N);
	st_buf_release(&out);
	st_buf_release(&want);
	close_inputs(&x);
}

static void failure(void **state)
{
	struct st_err e = { 0 };
	struct st_buf out;
	struct inputs x;

	(void)state;
	open_inputs(&x);
	set_costly(&x, true, true);
	x.c[2].broken = true;
	assert_int_equal(run(&x, "ties", &(struct st_ctx){ .jobs = 2, .memory = ROOM }, &out, &e),
			 ST_ECORRUPT);
	assert_string_equal(e.msg, "tensor 'w': theirs: a bad frame");
	assert_int_equal(out.len, 0);
	st_buf_release(&out);
	close_inputs(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(once),
		cmocka_unit_test(no_room),
		cmocka_unit_test(failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
