/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/pool.h"

#define ITEMS 500
#define MAX_JOBS 8
#define NEVER UINT64_MAX

struct item {
	uint64_t number, square;
	unsigned worked;
};

struct bench {
	struct item items[ITEMS];
	uint64_t sunk; /* the number the sink must see next */
	uint64_t ok, failed, discarded;
	uint64_t work_fails[2], sink_fails;
	bool silent;	       /* failing work gives no text */
	bool wrap;	       /* the sink adds to work's text */
	int scratch[MAX_JOBS]; /* one per worker, unguarded: a data race if numbers are shared */
	unsigned jobs;
	_Atomic unsigned flying, most;
};

static int square(void *arg, void *p, unsigned worker, struct st_err *e)
{
	struct bench *b = arg;
	struct item *it = p;
	unsigned flying = atomic_fetch_add(&b->flying, 1) + 1, most = atomic_load(&b->most);

	while (flying > most && !atomic_compare_exchange_weak(&b->most, &most, flying))
		;
	assert_true(worker < b->jobs);
	b->scratch[worker]++;
	it->worked++;
	it->square = it->number * it->number;
	for (uint64_t i = 0; i < it->number % 7; i++) /* so that the order changes */
		sched_yield();
	atomic_fetch_sub(&b->flying, 1);
	if (it->number != b->work_fails[0] && it->number != b->work_fails[1])
		return ST_OK;
	if (it->number == b->work_fails[0])
		for (unsigned i = 0; i < 200; i++) /* the later failure comes first */
			sched_yield();
	return b->silent ? ST_ECORRUPT :
			   st_fail(e, ST_ECORRUPT, "item %" PRIu64 " is bad", it->number);
}

static int collect(void *arg, void *p, int rc, const struct st_err *ie, struct st_err *e)
{
	struct bench *b = arg;
	struct item *it = p;

	assert_int_equal(it->number, b->sunk);
	b->sunk++;
	if (rc == ST_OK) {
		assert_int_equal(ie->code, ST_OK);
		assert_int_equal(it->worked, 1);
		assert_true(it->square == it->number * it->number);
		b->ok++;
	} else if (rc == ST_ENO) {
		assert_int_not_equal(ie->code, ST_OK);
		b->discarded++;
	} else {
		assert_int_equal(ie->code, rc);
		b->failed++;
		if (b->wrap)
			return st_wrap(e, "file f");
	}
	if (it->number == b->sink_fails)
		return st_fail(e, ST_ENOSPC, "sink full");
	return ST_OK;
}

static const struct st_pipe_ops ops = { .work = square, .sink = collect };

static struct bench *bench_new(unsigned jobs)
{
	struct bench *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	for (uint64_t i = 0; i < ITEMS; i++)
		b->items[i].number = i;
	b->work_fails[0] = b->work_fails[1] = b->sink_fails = NEVER;
	b->jobs = jobs;
	return b;
}

static void test_order(void **state)
{
	static const struct {
		unsigned jobs, depth;
	} table[] = { { 1, 1 }, { 1, 4 }, { 2, 2 }, { 2, 7 }, { 4, 1 }, { 8, 64 }, { 3, 5000 } };

	(void)state;
	for (size_t t = 0; t < sizeof(table) / sizeof(*table); t++) {
		struct bench *b = bench_new(table[t].jobs);
		unsigned depth = table[t].depth < table[t].jobs ? table[t].jobs : table[t].depth;
		struct st_err e = { 0 };
		struct st_pipe *p;
		int total = 0;

		assert_int_equal(st_pipe_new(&p, table[t].jobs, table[t].depth, &ops, b, &e),
				 ST_OK);
		for (uint64_t i = 0; i < ITEMS; i++) {
			assert_int_equal(st_pipe_put(p, &b->items[i], &e), ST_OK);
			assert_true(i + 1 - b->sunk <= depth); /* no more are in flight */
		}
		assert_int_equal(st_pipe_drain(p, &e), ST_OK);
		assert_int_equal(b->ok, ITEMS);
		for (unsigned i = 0; i < MAX_JOBS; i++)
			total += b->scratch[i];
		assert_int_equal(total, ITEMS);
		assert_true(b->most <= table[t].jobs);
		st_pipe_free(p);
		assert_int_equal(b->sunk, ITEMS);
		free(b);
	}
}

static pthread_barrier_t barrier;

static int meet(void *arg, void *p, unsigned worker, struct st_err *e)
{
	(void)arg;
	(void)p;
	(void)worker;
	(void)e;
	pthread_barrier_wait(&barrier);
	return ST_OK;
}

static int drop(void *arg, void *p, int rc, const struct st_err *ie, struct st_err *e)
{
	(void)p;
	(void)ie;
	(void)e;
	++*(unsigned *)arg;
	return rc;
}

/* Three items that wait for one another end only if three workers run at once. */
static void test_workers_run_at_once(void **state)
{
	static const struct st_pipe_ops meeting = { .work = meet, .sink = drop };
	struct st_err e = { 0 };
	struct st_pipe *p;
	unsigned sunk = 0;

	(void)state;
	alarm(60);
	pthread_barrier_init(&barrier, NULL, 3);
	assert_int_equal(st_pipe_new(&p, 3, 3, &meeting, &sunk, &e), ST_OK);
	for (int i = 0; i < 9; i++)
		assert_int_equal(st_pipe_put(p, &sunk, &e), ST_OK);
	assert_int_equal(st_pipe_drain(p, &e), ST_OK);
	assert_int_equal(sunk, 9);
	st_pipe_free(p);
	pthread_barrier_destroy(&barrier);
	alarm(0);
}

static int put_all(struct st_pipe *p, struct bench *b, struct st_err *e)
{
	struct st_err mine = { 0 };
	int rc = ST_OK, got;

	for (uint64_t i = 0; i < ITEMS; i++) {
		got = st_pipe_put(p, &b->items[i], &mine);
		assert_true(rc == ST_OK || got == rc); /* it stays */
		rc = got;
	}
	got = st_pipe_drain(p, e);
	assert_true(rc == ST_OK || got == rc);
	assert_int_equal(b->sunk, ITEMS);
	return got;
}

/* Two items fail, the later one sooner: the report is always that of the first in order. */
static void test_first_failure(void **state)
{
	(void)state;
	for (unsigned jobs = 1; jobs <= 4; jobs++) {
		struct bench *b = bench_new(jobs);
		struct st_err e = { 0 }, again = { 0 };
		struct st_pipe *p;

		b->work_fails[0] = 50;
		b->work_fails[1] = 53;
		assert_int_equal(st_pipe_new(&p, jobs, 16, &ops, b, &e), ST_OK);
		assert_int_equal(put_all(p, b, &e), ST_ECORRUPT);
		assert_string_equal(e.msg, "item 50 is bad");
		assert_int_equal(b->ok, 50);
		assert_int_equal(b->failed, 1);
		assert_int_equal(b->discarded, ITEMS - 51);
		/* Only what was in flight with item 50 may have been worked on in vain. */
		for (uint64_t i = 50 + 16; i < ITEMS; i++)
			assert_int_equal(b->items[i].worked, 0);

		/* And once drained it works again. */
		b->work_fails[0] = b->work_fails[1] = NEVER;
		b->sunk = b->ok = 0;
		for (uint64_t i = 0; i < ITEMS; i++)
			b->items[i].worked = 0;
		assert_int_equal(put_all(p, b, &again), ST_OK);
		assert_int_equal(b->ok, ITEMS);
		st_pipe_free(p);
		free(b);
	}
}

static void test_sink_failure(void **state)
{
	struct bench *b = bench_new(3);
	struct st_err e = { 0 };
	struct st_pipe *p;

	(void)state;
	b->sink_fails = 20;
	b->work_fails[0] = 21; /* comes later, so it does not count */
	assert_int_equal(st_pipe_new(&p, 3, 8, &ops, b, &e), ST_OK);
	assert_int_equal(put_all(p, b, &e), ST_ENOSPC);
	assert_string_equal(e.msg, "sink full");
	assert_int_equal(b->ok, 21);
	assert_int_equal(b->failed, 0);
	st_pipe_free(p);
	free(b);
}

static void test_messages(void **state)
{
	(void)state;
	for (unsigned k = 0; k < 2; k++) {
		struct bench *b = bench_new(2);
		struct st_err e = { 0 };
		struct st_pipe *p;

		b->work_fails[0] = 3;
		b->wrap = k == 0;
		b->silent = k == 1;
		assert_int_equal(st_pipe_new(&p, 2, 4, &ops, b, &e), ST_OK);
		assert_int_equal(put_all(p, b, &e), ST_ECORRUPT);
		assert_string_equal(e.msg, k ? "work gave no reason" : "file f: item 3 is bad");
		st_pipe_free(p);
		free(b);
	}
}

static void test_free_discards(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 10; n++) {
		struct bench *b = bench_new(2);
		struct st_err e = { 0 };
		struct st_pipe *p;

		assert_int_equal(st_pipe_new(&p, 2, 16, &ops, b, &e), ST_OK);
		for (unsigned i = 0; i < n; i++)
			assert_int_equal(st_pipe_put(p, &b->items[i], &e), ST_OK);
		st_pipe_free(p);
		assert_int_equal(b->sunk, n);
		free(b);
	}
	st_pipe_free(NULL);
}

struct visits {
	_Atomic unsigned at[ITEMS];
	int scratch[MAX_JOBS];
	unsigned jobs;
	uint64_t fails[2];
};

static int visit(void *arg, uint64_t i, unsigned worker, struct st_err *e)
{
	struct visits *v = arg;

	assert_true(worker < v->jobs && i < ITEMS);
	v->scratch[worker]++;
	atomic_fetch_add(&v->at[i], 1);
	if (i == v->fails[0])
		for (unsigned k = 0; k < 200; k++)
			sched_yield();
	if (i == v->fails[0] || i == v->fails[1])
		return st_fail(e, ST_EIO, "number %" PRIu64, i);
	return ST_OK;
}

static void test_parallel(void **state)
{
	(void)state;
	for (unsigned jobs = 1; jobs <= MAX_JOBS; jobs++) {
		struct visits v = { .jobs = jobs, .fails = { NEVER, NEVER } };
		struct st_err e = { 0 };
		int total = 0;

		assert_int_equal(st_parallel(jobs, ITEMS, visit, &v, &e), ST_OK);
		for (size_t i = 0; i < ITEMS; i++)
			assert_int_equal(v.at[i], 1);
		for (size_t i = 0; i < MAX_JOBS; i++)
			total += v.scratch[i];
		assert_int_equal(total, ITEMS);
	}
}

static void test_parallel_failure(void **state)
{
	(void)state;
	for (unsigned jobs = 1; jobs <= 4; jobs++) {
		struct visits v = { .jobs = jobs, .fails = { 100, 102 } };
		struct st_err e = { 0 };

		assert_int_equal(st_parallel(jobs, ITEMS, visit, &v, &e), ST_EIO);
		assert_string_equal(e.msg, "number 100");
		for (size_t i = 0; i <= 100; i++)
			assert_int_equal(v.at[i], 1);
	}
}

static void test_parallel_small(void **state)
{
	struct visits v = { .jobs = 2, .fails = { NEVER, NEVER } };
	struct st_err e = { 0 };

	(void)state;
	assert_int_equal(st_parallel(4, 0, visit, &v, &e), ST_OK);
	assert_int_equal(st_parallel(0, 1, visit, &v, &e), ST_OK);
	assert_int_equal(st_parallel(1000000, 2, visit, &v, &e), ST_OK);
	assert_int_equal(v.at[0], 2);
	assert_int_equal(v.at[1], 1);
	assert_true(st_cpu_count() >= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),	       cmocka_unit_test(test_workers_run_at_once),
		cmocka_unit_test(test_first_failure),  cmocka_unit_test(test_sink_failure),
		cmocka_unit_test(test_messages),       cmocka_unit_test(test_free_discards),
		cmocka_unit_test(test_parallel),       cmocka_unit_test(test_parallel_failure),
		cmocka_unit_test(test_parallel_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
