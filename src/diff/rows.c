/* SPDX-License-Identifier: Apache-2.0 */
/* Which rows differ: from the bytes, or between two types from the values. */
#include "diff/models_priv.h"
#include "diff/pair_kernel.h"

#include "base/mem.h"

#include <math.h>

/* Number of the first bit at or after `from` that differs; bits from the lowest of a byte on, which
 * is where the first of two halves lies. 8 * n: none. */
static uint64_t next_bit(const uint8_t *a, const uint8_t *b, size_t n, uint64_t from)
{
	size_t i = (size_t)(from / 8);
	uint64_t x;

	if (i >= n)
		return (uint64_t)n * 8;
	x = (a[i] ^ b[i]) & (0xffU << from % 8) & 0xff;
	if (x)
		return (uint64_t)i * 8 + (unsigned)__builtin_ctzll(x);
	for (i++; n - i >= 8; i += 8) {
		x = st_get64(a + i) ^ st_get64(b + i);
		if (x)
			return (uint64_t)i * 8 + (unsigned)__builtin_ctzll(x);
	}
	for (; i < n; i++)
		if (a[i] != b[i])
			return (uint64_t)i * 8 + (unsigned)__builtin_ctz(a[i] ^ b[i]);
	return (uint64_t)n * 8;
}

static void mark(struct st_rows_part *out, uint64_t row, uint64_t first, uint64_t last)
{
	out->changed++;
	out->first |= row == first;
	out->last |= row == last;
}

static void look_bits(struct st_rows_part *out, const struct st_rows_run *run)
{
	unsigned bits = st_operand_bits(run->ta);
	uint64_t base = run->at * bits, end = (uint64_t)run->n * bits, pos = 0, row;
	size_t bytes = (size_t)((end + 7) / 8);

	for (;;) {
		pos = next_bit(run->a, run->b, bytes, pos);
		if (pos >= end)
			return;
		row = (base + pos) / run->row_bits;
		mark(out, row, base / run->row_bits, (base + end - 1) / run->row_bits);
		pos = (row + 1) * run->row_bits - base;
	}
}

static bool same_value(double a, double b)
{
	return a == b || (isnan(a) && isnan(b));
}

static void look_values(struct st_rows_part *out, const struct st_rows_run *run)
{
	unsigned bits_a = st_operand_bits(run->ta), bits_b = st_operand_bits(run->tb);
	uint64_t row_units = run->row_bits / bits_b, row;
	double a[ST_PAIR_BLOCK], b[ST_PAIR_BLOCK];
	struct st_pair_loader la, lb;
	size_t at = 0, i, n, next = 0;

	st_pair_loader_init(&la, run->ta);
	st_pair_loader_init(&lb, run->tb);
	for (; at < run->n; at += n) {
		n = run->n - at < ST_PAIR_BLOCK ? run->n - at : ST_PAIR_BLOCK;
		st_pair_loader_run(&la, a, run->a + at * bits_a / 8, n);
		st_pair_loader_run(&lb, b, run->b + at * bits_b / 8, n);
		for (i = next > at ? next - at : 0; i < n; i++) {
			if (same_value(a[i], b[i]))
				continue;
			row = (run->at + at + i) / row_units;
			mark(out, row, run->at / row_units, (run->at + run->n - 1) / row_units);
			if ((row + 1) * row_units - run->at >= run->n)
				return;
			next = (size_t)((row + 1) * row_units - run->at);
			i = next - at - 1;
		}
	}
}

void st_rows_look(struct st_rows_part *out, const struct st_rows_run *run)
{
	*out = (struct st_rows_part){ 0 };
	if (run->ta == run->tb)
		look_bits(out, run);
	else
		look_values(out, run);
}

void st_rows_join(struct st_rows *r, const struct st_rows_part *p, const struct st_rows_run *run)
{
	uint64_t bits = st_operand_bits(run->tb), begin = run->at * bits;
	uint64_t last = (begin + run->n * bits - 1) / run->row_bits;
	bool goes_on = begin % run->row_bits != 0;

	r->changed += p->changed;
	if (goes_on && r->open && p->first)
		r->changed--;
	r->open = p->last || (goes_on && r->open && last == begin / run->row_bits);
}
