/* SPDX-License-Identifier: Apache-2.0 */
/* Best common ancestors, over histories drawn by hand and at random beside the definition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "repo_fixture.h"

#include "repo/merge_base.h"

#include <stdio.h>
#include <string.h>

#define MOST 40

static struct trepo t;

static struct st_oid id_of(unsigned i)
{
	struct st_oid id = { { 0 } };

	id.b[0] = (uint8_t)(i * 37); /* ids in another order than ages */
	id.b[1] = (uint8_t)(i + 1);
	return id;
}

/* Commit i with the parents that the bits of `parents` name, all smaller than i. */
static void put(unsigned i, uint64_t parents, const uint64_t *generation, uint64_t *own)
{
	struct st_oid ids[MOST];
	struct st_commit_row row = { .id = id_of(i), .author = "A <a@b>", .message = "m" };
	struct st_err e = { 0 };

	*own = 1;
	row.version = "";
	row.parents = ids;
	for (unsigned k = 0; k < i; k++) {
		if (!(parents >> k & 1))
			continue;
		ids[row.nparents++] = id_of(k);
		*own = generation[k] >= *own ? generation[k] + 1 : *own;
	}
	row.generation = *own;
	if (st_catalog_commit_add(t.r->cat, &row, &e) != ST_OK)
		fail_msg("commit %u: %s", i, e.msg);
}

static void history(const uint64_t *parents, unsigned n)
{
	uint64_t generation[MOST];
	struct st_err e = { 0 };

	tr_open(&t);
	assert_int_equal(st_catalog_begin(t.r->cat, &e), ST_OK);
	for (unsigned i = 0; i < n; i++)
		put(i, parents[i], generation, &generation[i]);
	assert_int_equal(st_catalog_commit(t.r->cat, &e), ST_OK);
}

static uint64_t bases(unsigned a, unsigned b)
{
	struct st_oid ia = id_of(a), ib = id_of(b), out[MOST], id;
	struct st_err e = { 0 };
	uint64_t set = 0;
	size_t n;

	assert_int_equal(st_merge_bases(t.r, &ia, &ib, out, MOST, &n, &e), ST_OK);
	for (size_t k = 0; k < n; k++)
		for (unsigned i = 0; i < MOST; i++) {
			id = id_of(i);
			if (st_oid_eq(&id, &out[k])) {
				assert_false(set >> i & 1);
				set |= UINT64_C(1) << i;
			}
		}
	return set;
}

static void by_hand(void **state)
{
	/*
	 * 0-1-2-3-4     5: no kin       6 on 2, 7 merges 3 and 6, 8 merges 6 and 3: crosswise
	 */
	static const uint64_t parents[] = { 0, 1, 2, 4, 8, 0, 4, 8 | 64, 64 | 8 };
	static const struct {
		unsigned a, b;
		uint64_t want;
	} rows[] = {
		{ 4, 4, 1 << 4 }, { 4, 1, 1 << 1 }, { 1, 4, 1 << 1 }, { 4, 6, 1 << 2 },
		{ 4, 5, 0 },	  { 0, 0, 1 },	    { 7, 4, 1 << 3 }, { 7, 8, 1 << 3 | 1 << 6 },
		{ 8, 6, 1 << 6 }, { 5, 7, 0 },
	};

	(void)state;
	history(parents, 9);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (bases(rows[i].a, rows[i].b) != rows[i].want)
			fail_msg("%u and %u", rows[i].a, rows[i].b);
	tr_close(&t);
}

static void room(void **state)
{
	static const uint64_t parents[] = { 0, 0, 3, 3 };
	struct st_oid a = id_of(2), b = id_of(3), none = id_of(30), out[1];
	struct st_err e = { 0 };
	size_t n;

	(void)state;
	history(parents, 4);
	assert_int_equal(st_merge_bases(t.r, &a, &b, out, 1, &n, &e), ST_OK);
	assert_int_equal(n, 1);
	assert_int_equal(st_merge_bases(t.r, &a, &b, NULL, 0, &n, &e), ST_OK);
	assert_int_equal(n, 0);
	assert_int_equal(st_merge_bases(t.r, &none, &none, out, 1, &n, &e), ST_OK);
	assert_int_equal(n, 0); /* of commits that nobody knows */
	tr_close(&t);
}

static uint64_t brute(const uint64_t *reach, unsigned n, unsigned a, unsigned b)
{
	uint64_t common = reach[a] & reach[b], best = common;

	for (unsigned i = 0; i < n; i++)
		if (common >> i & 1)
			best &= ~(reach[i] & ~(UINT64_C(1) << i));
	return best;
}

static void at_random(void **state)
{
	uint64_t parents[MOST], reach[MOST], x = 11;

	(void)state;
	for (unsigned round = 0; round < 8; round++) {
		for (unsigned i = 0; i < MOST; i++) {
			parents[i] = 0;
			reach[i] = UINT64_C(1) << i;
			for (unsigned k = 0; i && k < 1 + round % 3; k++) {
				x = x * 6364136223846793005u + 1442695040888963407u;
				if (x >> 60) /* else a root, now and then */
					parents[i] |= UINT64_C(1)
						      << (i - 1 - (x >> 33) % (i < 6 ? i : 6));
			}
			for (unsigned k = 0; k < i; k++)
				if (parents[i] >> k & 1)
					reach[i] |= reach[k];
		}
		history(parents, MOST);
		for (unsigned a = 0; a < MOST; a += 3)
			for (unsigned b = 0; b < MOST; b++)
				assert_int_equal(bases(a, b), brute(reach, MOST, a, b));
		tr_close(&t);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_hand),
		cmocka_unit_test(room),
		cmocka_unit_test(at_random),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
