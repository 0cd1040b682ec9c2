/* SPDX-License-Identifier: Apache-2.0 */
/* Offsets are those of ggml's structs (ggml-common.h), orders those of its dequantisation. */
#include "codec/blocks.h"

#include <string.h>

static struct st_part *new_part(struct st_block_parts *b, unsigned centre)
{
	struct st_part *p = &b->part[b->nparts++];

	p->width = 1;
	p->number = ST_NUM_INT;
	p->centre = (uint8_t)centre;
	return p;
}

static void add(struct st_part *p, unsigned at, unsigned shift, unsigned bits)
{
	p->place[p->count++] =
		(struct st_place){ (uint8_t)at, (uint8_t)shift, (uint8_t)bits, 0, 0, 0 };
}

static void above(struct st_part *p, unsigned at, unsigned shift, unsigned bits)
{
	struct st_place *l = &p->place[p->count - 1];

	l->at2 = (uint8_t)at;
	l->shift2 = (uint8_t)shift;
	l->bits2 = (uint8_t)bits;
}

/* A half float. */
static void half(struct st_block_parts *b, unsigned at)
{
	struct st_part *p = new_part(b, 0);

	p->width = 2;
	p->number = ST_NUM_F16;
	add(p, at, 0, 8);
	add(p, at + 1, 0, 8);
}

static void bytes(struct st_block_parts *b, unsigned at, unsigned n)
{
	struct st_part *p = new_part(b, 0);

	for (unsigned i = 0; i < n; i++)
		add(p, at + i, 0, 8);
}

/* Of n bytes the bits from shift on. */
static void fields(struct st_block_parts *b, unsigned at, unsigned n, unsigned shift, unsigned bits,
		   unsigned centre)
{
	struct st_part *p = new_part(b, centre);

	for (unsigned i = 0; i < n; i++)
		add(p, at + i, shift, bits);
}

static void nibbles(struct st_block_parts *b, unsigned at, unsigned n, unsigned centre)
{
	fields(b, at, n, 0, 4, centre);
	fields(b, at, n, 4, 4, centre);
}

/* Q5_0, Q5_1: a fifth bit of element i is bit i of the word at high. */
static void fives(struct st_block_parts *b, unsigned high, unsigned at, unsigned centre)
{
	for (unsigned k = 0; k < 2; k++) {
		struct st_part *p = new_part(b, centre);

		for (unsigned i = 0; i < 16; i++) {
			add(p, at + i, 4 * k, 4);
			above(p, high + (16 * k + i) / 8, i % 8, 1);
		}
	}
}

/* Q4_K, Q5_K: eight scales and eight minima of 6 bits in 12 bytes. */
static void scales_k(struct st_block_parts *b, unsigned at)
{
	for (unsigned k = 0; k < 2; k++) {
		struct st_part *p = new_part(b, 0);

		for (unsigned i = 0; i < 4; i++)
			add(p, at + 4 * k + i, 0, 6);
		for (unsigned i = 0; i < 4; i++) {
			add(p, at + 8 + i, 4 * k, 4);
			above(p, at + 4 * k + i, 6, 2);
		}
	}
}

static void q3_k(struct st_block_parts *b)
{
	struct st_part *p;

	half(b, 108);
	p = new_part(b, 32);
	for (unsigned i = 0; i < 16; i++) {
		add(p, 96 + i % 8, i / 8 * 4, 4);
		above(p, 104 + i % 4, i / 4 * 2, 2);
	}
	for (unsigned k = 0; k < 4; k++) {
		p = new_part(b, 4);
		for (unsigned i = 0; i < 64; i++) {
			add(p, 32 + i, 2 * k, 2);
			above(p, i % 32, i / 32 * 4 + k, 1);
		}
	}
}

static void q5_k(struct st_block_parts *b)
{
	half(b, 0);
	half(b, 2);
	scales_k(b, 4);
	for (unsigned k = 0; k < 2; k++) {
		struct st_part *p = new_part(b, 0);

		for (unsigned i = 0; i < 128; i++) {
			add(p, 48 + i, 4 * k, 4);
			above(p, 16 + i % 32, i / 32 * 2 + k, 1);
		}
	}
}

static void q6_k(struct st_block_parts *b)
{
	half(b, 208);
	bytes(b, 192, 16);
	for (unsigned k = 0; k < 2; k++) {
		struct st_part *p = new_part(b, 32);

		for (unsigned i = 0; i < 128; i++) {
			add(p, i, 4 * k, 4);
			above(p, 128 + i / 64 * 32 + i % 32, 4 * k + i / 32 % 2 * 2, 2);
		}
	}
}

static void q2_k(struct st_block_parts *b)
{
	half(b, 80);
	half(b, 82);
	nibbles(b, 0, 16, 0);
	for (unsigned k = 0; k < 4; k++)
		fields(b, 16, 64, 2 * k, 2, 0);
}

static void legacy(unsigned quant, struct st_block_parts *b)
{
	unsigned minimum = quant == ST_Q4_1 || quant == ST_Q5_1 ? 2 : 0;

	half(b, 0);
	if (minimum)
		half(b, 2);
	if (quant == ST_Q8_0)
		bytes(b, 2, 32);
	else if (quant == ST_Q4_0 || quant == ST_Q4_1)
		nibbles(b, 2 + minimum, 16, minimum ? 0 : 8);
	else
		fives(b, 2 + minimum, 6 + minimum, minimum ? 0 : 16);
}

bool st_block_parts(unsigned quant, struct st_block_parts *out)
{
	const struct st_quant_info *info = st_quant_info(quant);

	memset(out, 0, sizeof(*out));
	if (!info || quant > ST_Q6_K)
		return false;
	out->bytes = info->bytes;
	if (quant == ST_Q2_K) {
		q2_k(out);
	} else if (quant == ST_Q3_K) {
		q3_k(out);
	} else if (quant == ST_Q4_K) {
		half(out, 0);
		half(out, 2);
		scales_k(out, 4);
		nibbles(out, 16, 128, 0);
	} else if (quant == ST_Q5_K) {
		q5_k(out);
	} else if (quant == ST_Q6_K) {
		q6_k(out);
	} else {
		legacy(quant, out);
	}
	return true;
}

static inline unsigned low_mask(unsigned bits)
{
	return (1u << bits) - 1;
}

/* How many places from i on are bits of the same kind in bytes one after the other. */
static unsigned run_at(const struct st_part *part, unsigned i)
{
	const struct st_place *a = &part->place[i], *l = a;
	unsigned n = 1;

	for (; i + n < part->count; n++) {
		l = a + n;
		if (l->at != a->at + n || l->shift != a->shift || l->bits != a->bits ||
		    l->bits2 != a->bits2 ||
		    (a->bits2 && (l->at2 != a->at2 + n || l->shift2 != a->shift2)))
			break;
	}
	return n;
}

/* Inlined for each usual length, so that a compiler can use vectors. */
static inline __attribute__((always_inline)) void take_run(uint8_t *restrict out,
							   const uint8_t *restrict p,
							   const struct st_place *l,
							   unsigned centre, unsigned n)
{
	unsigned mask = low_mask(l->bits), mask2 = low_mask(l->bits2);
	const uint8_t *low = p + l->at, *high = p + l->at2;

	if (!l->bits2)
		for (unsigned k = 0; k < n; k++)
			out[k] = (uint8_t)((low[k] >> l->shift & mask) - centre);
	else
		for (unsigned k = 0; k < n; k++)
			out[k] = (uint8_t)((low[k] >> l->shift & mask) +
					   ((high[k] >> l->shift2 & mask2) << l->bits) - centre);
}

static inline __attribute__((always_inline)) unsigned put_run(uint8_t *restrict p,
							      const uint8_t *restrict values,
							      const struct st_place *l,
							      unsigned centre, unsigned n)
{
	unsigned mask = low_mask(l->bits), mask2 = low_mask(l->bits2), over = 0;
	uint8_t *low = p + l->at, *high = p + l->at2;

	for (unsigned k = 0; k < n; k++) {
		unsigned v = (uint8_t)(values[k] + centre);

		over |= v;
		low[k] |= (uint8_t)((v & mask) << l->shift);
		if (l->bits2)
			high[k] |= (uint8_t)((v >> l->bits & mask2) << l->shift2);
	}
	return over >> (l->bits + l->bits2);
}

void st_part_take(const struct st_block_parts *b, const struct st_part *part, const uint8_t *p,
		  size_t n, uint8_t *out)
{
	for (unsigned i = 0, len; i < part->count; i += len) {
		const struct st_place *l = &part->place[i];
		const uint8_t *from = p;
		uint8_t *to = out + i;

		len = run_at(part, i);
		for (size_t k = 0; k < n; k++, from += b->bytes, to += part->count) {
			if (len == 16)
				take_run(to, from, l, part->centre, 16);
			else if (len == 32)
				take_run(to, from, l, part->centre, 32);
			else
				take_run(to, from, l, part->centre, len);
		}
	}
}

bool st_part_put(const struct st_block_parts *b, const struct st_part *part, const uint8_t *values,
		 size_t n, uint8_t *p)
{
	unsigned over = 0;

	for (unsigned i = 0, len; i < part->count; i += len) {
		const struct st_place *l = &part->place[i];
		const uint8_t *from = values + i;
		uint8_t *to = p;

		len = run_at(part, i);
		for (size_t k = 0; k < n; k++, from += part->count, to += b->bytes) {
			if (len == 16)
				over |= put_run(to, from, l, part->centre, 16);
			else if (len == 32)
				over |= put_run(to, from, l, part->centre, 32);
			else
				over |= put_run(to, from, l, part->centre, len);
		}
	}
	return over == 0;
}
