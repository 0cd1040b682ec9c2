/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/merged.h"

#include <math.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static struct st_oid parents[2], base[1], sides[2];

static void fill(struct st_merge_desc *d)
{
	struct st_err e = { 0 };
	const struct st_merge_item items[] = {
		{ .path = "m.st", .name = "b", .kind = "values", .how = "linear:weight=0.5" },
		{ .path = "m.st", .name = "a\xff", .kind = "dtype", .how = "ours" },
		{ .path = "conf", .name = "", .kind = "text", .how = "by hand" },
	};

	memset(parents, 1, sizeof(parents));
	memset(&parents[1], 2, sizeof(parents[1]));
	memset(base, 3, sizeof(base));
	memset(sides, 4, sizeof(*sides));
	memset(&sides[1], 0, sizeof(sides[1])); /* absent */
	st_merge_desc_init(d);
	d->parents = parents;
	d->nparents = 2;
	d->bases = base;
	d->nbases = 1;
	d->seed = 7;
	for (size_t i = 0; i < COUNT(items); i++) {
		struct st_merge_item it = items[i];

		it.path_len = strlen(it.path);
		it.name_len = strlen(it.name);
		it.sides = sides;
		it.nsides = 2;
		it.base = base[0];
		assert_int_equal(st_merge_desc_add(d, &it, &e), ST_OK);
	}
	d->items[2].base = (struct st_oid){ { 0 } };
	st_merge_desc_sort(d);
}

static void description_round_trip(void **state)
{
	struct st_merge_desc d, got;
	struct st_err e = { 0 };
	struct st_buf b, again;

	(void)state;
	fill(&d);
	st_buf_init(&b, 1 << 16);
	st_buf_init(&again, 1 << 16);
	assert_int_equal(st_merge_desc_encode(&b, &d, &e), ST_OK);
	assert_int_equal(st_merge_desc_parse(&got, b.p, b.len, &e), ST_OK);
	assert_int_equal(got.nitems, 3);
	assert_int_equal(got.seed, 7);
	assert_string_equal(got.items[0].path, "conf");
	assert_string_equal(got.items[2].how, "linear:weight=0.5");
	assert_int_equal(got.items[1].name_len, 2);
	assert_true(st_oid_is_zero(&got.items[1].sides[1]));
	assert_ptr_equal(st_merge_desc_find(&got, "m.st", 4, "b", 1), &got.items[2]);
	assert_null(st_merge_desc_find(&got, "m.st", 4, "c", 1));
	assert_int_equal(st_merge_desc_encode(&again, &got, &e), ST_OK);
	assert_int_equal(b.len, again.len);
	assert_memory_equal(b.p, again.p, b.len);
	/* cut anywhere, it is refused */
	st_merge_desc_release(&got);
	for (size_t n = 0; n < b.len; n++) {
		st_err_clear(&e);
		assert_int_not_equal(st_merge_desc_parse(&got, b.p, n, &e), ST_OK);
		st_merge_desc_release(&got);
	}
	st_buf_release(&b);
	st_buf_release(&again);
	st_merge_desc_release(&d);
}

static void refuses_what_is_not_so(void **state)
{
	struct st_merge_desc d;
	struct st_err e = { 0 };
	struct st_buf b;

	(void)state;
	st_buf_init(&b, 1 << 16);
	for (int i = 0; i < 5; i++) {
		fill(&d);
		if (i == 0)
			d.nparents = 1;
		else if (i == 1)
			d.items[1].how = NULL;
		else if (i == 2)
			d.items[1] = d.items[2];
		else if (i == 3)
			d.seed = ((uint64_t)1 << 53) + 1;
		else
			d.items[0].nsides = 1;
		st_err_clear(&e);
		assert_int_equal(st_merge_desc_encode(&b, &d, &e), ST_EUSAGE);
		st_merge_desc_release(&d);
	}
	st_buf_release(&b);
}

static void refused(const struct st_buf *b)
{
	struct st_merging got;
	struct st_err e = { 0 };

	assert_int_equal(st_merging_parse(&got, b->p, b->len, &e), ST_ECORRUPT);
}

/* A directory of no files, or that is something else besides. */
static void clash_is_refused(const struct st_merging *m, struct st_merge_held *directory)
{
	const struct st_merge_held wrong[] = {
		{ .there = false, .files = 3 },
		{ .there = true, .files = 3, .dtype = "f32" },
		{ .there = true, .files = 3, .value = "x", .value_len = 1 },
	};
	struct st_err e = { 0 };
	struct st_buf b;

	st_buf_init(&b, 1 << 16);
	assert_int_equal(st_merging_encode(&b, m, &e), ST_OK);
	*(char *)memmem(b.p, b.len, "3,\"size\":6", 10) = '0';
	refused(&b);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		*directory = wrong[i];
		st_buf_clear(&b);
		assert_int_equal(st_merging_encode(&b, m, &e), ST_OK);
		refused(&b);
	}
	st_buf_release(&b);
}

static void state_round_trip(void **state)
{
	struct st_merging m = { 0 }, got;
	struct st_merge_name names[] = { { "t", 1 }, { "\xff", 1 }, { "", 0 } };
	const uint64_t shape[] = { 4, (uint64_t)1 << 53 };
	struct st_merge_held held[] = {
		{ .there = true, .dtype = "bf16", .shape = shape, .ndim = 2, .size = 9 },
		{ .there = true, .value = "\"\xc3\xa4\n", .value_len = 4 },
		{ .there = false },
	};
	struct st_merge_held clash[] = {
		{ .there = true, .size = 7 },
		{ .there = true, .size = 5 },
		{ .there = true, .size = 6, .files = 3 },
	};
	struct st_merge_staged staged = { .path = "m.st", .path_len = 4, .id = { { 5 } } };
	struct st_err e = { 0 };
	struct st_buf b, again;

	(void)state;
	fill(&m.d);
	m.d.items[1].how = NULL;
	m.d.items[1].has_figures = true;
	m.d.items[1].numel = 12;
	m.d.items[1].mad = 0.1;
	m.d.items[1].cosine = NAN;
	m.d.items[1].max_abs = INFINITY;
	m.d.items[1].nonfinite = 3;
	m.d.items[1].names = names;
	m.d.items[1].held = held;
	m.d.items[2].held = clash;
	m.d.items[0].places = 3;
	m.d.items[0].marked = (struct st_oid){ { 8 } };
	memset(&m.before, 6, sizeof(m.before));
	memset(&m.after, 7, sizeof(m.after));
	m.message = "Merge x";
	m.accept = "true";
	m.staged = &staged;
	m.nstaged = 1;
	st_buf_init(&b, 1 << 16);
	st_buf_init(&again, 1 << 16);
	for (unsigned i = 0; i < 4; i++) {
		m.begun = i & 1;
		m.aborting = i & 2;
		staged.hand = i == 1;
		staged.has_mode = i > 0;
		staged.mode = i > 0 ? i - 1 : 0;
		staged.size = i > 0 ? 1 + i : 0;
		st_buf_clear(&b);
		st_buf_clear(&again);
		assert_int_equal(st_merging_encode(&b, &m, &e), ST_OK);
		assert_int_equal(st_merging_parse(&got, b.p, b.len, &e), ST_OK);
		assert_int_equal(got.begun, m.begun);
		assert_int_equal(got.aborting, m.aborting);
		assert_int_equal(got.staged[0].hand, staged.hand);
		assert_int_equal(got.staged[0].has_mode, staged.has_mode);
		assert_int_equal(got.staged[0].mode, staged.mode);
		assert_int_equal(got.staged[0].size, staged.size);
		assert_null(got.d.items[1].how);
		assert_true(got.d.items[1].mad == 0.1 && isnan(got.d.items[1].cosine));
		assert_int_equal(got.d.items[1].nonfinite, 3);
		assert_null(got.d.items[0].names);
		assert_string_equal(got.d.items[1].names[0].text, "t");
		assert_memory_equal(got.d.items[1].names[1].text, "\xff", 1);
		assert_int_equal(got.d.items[1].names[2].len, 0);
		assert_null(got.d.items[0].held);
		assert_int_equal(got.d.items[0].places, 3);
		assert_int_equal(got.d.items[0].marked.b[0], 8);
		assert_int_equal(got.d.items[1].places, 0);
		assert_string_equal(got.d.items[1].held[0].dtype, "bf16");
		assert_int_equal(got.d.items[1].held[0].ndim, 2);
		assert_memory_equal(got.d.items[1].held[0].shape, shape, sizeof(shape));
		assert_int_equal(got.d.items[1].held[1].value_len, 4);
		assert_memory_equal(got.d.items[1].held[1].value, held[1].value, 4);
		assert_false(got.d.items[1].held[2].there);
		assert_int_equal(got.d.items[2].held[1].files, 0);
		assert_int_equal(got.d.items[2].held[2].files, 3);
		assert_int_equal(got.d.items[2].held[2].size, 6);
		assert_string_equal(got.accept, "true");
		assert_int_equal(st_merging_encode(&again, &got, &e), ST_OK);
		assert_int_equal(b.len, again.len);
		assert_memory_equal(b.p, again.p, b.len);
		st_merging_release(&got);
	}
	staged.mode = 3;
	st_buf_clear(&b);
	assert_int_equal(st_merging_encode(&b, &m, &e), ST_OK);
	assert_int_equal(st_merging_parse(&got, b.p, b.len, &e), ST_ECORRUPT);
	st_err_clear(&e);
	staged.mode = 0;
	clash_is_refused(&m, &clash[2]);
	/* a description has nothing open */
	assert_int_equal(st_merge_desc_encode(&again, &m.d, &e), ST_EUSAGE);
	st_buf_release(&b);
	st_buf_release(&again);
	st_merge_desc_release(&m.d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(description_round_trip),
		cmocka_unit_test(refuses_what_is_not_so),
		cmocka_unit_test(state_round_trip),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
