/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "codec/blocks.h"

static void claim(uint8_t *used, unsigned at, unsigned shift, unsigned bits)
{
	uint8_t mask = (uint8_t)(((1u << bits) - 1) << shift);

	assert_true(shift + bits <= 8);
	assert_int_equal(used[at] & mask, 0);
	used[at] |= mask;
}

/* Every bit of a block belongs to one part. */
static void all_bits(void **state)
{
	static const struct st_block_parts none;
	struct st_block_parts b;
	unsigned known = 0;

	(void)state;
	for (unsigned q = 0; q < 300; q++) {
		uint8_t used[ST_BLOCK_BYTES] = { 0 };

		if (!st_block_parts(q, &b)) {
			assert_memory_equal(&b, &none, sizeof(b));
			continue;
		}
		known++;
		assert_int_equal(b.bytes, st_quant_info(q)->bytes);
		assert_in_range(b.bytes, 1, ST_BLOCK_BYTES);
		assert_in_range(b.nparts, 1, ST_BLOCK_PARTS);
		for (unsigned k = 0; k < b.nparts; k++) {
			const struct st_part *p = &b.part[k];

			assert_in_range(p->count, 1, ST_PART_VALUES);
			assert_true(p->count < b.bytes && p->count % p->width == 0);
			assert_true(st_num_fits(p->number, p->width));
			for (unsigned i = 0; i < p->count; i++) {
				const struct st_place *l = &p->place[i];

				assert_true(l->bits + l->bits2 <= 8);
				claim(used, l->at, l->shift, l->bits);
				claim(used, l->at2, l->shift2, l->bits2);
			}
		}
		for (unsigned i = 0; i < b.bytes; i++)
			assert_int_equal(used[i], 0xff);
	}
	assert_int_equal(known, 10);
}

/* Values of known blocks, by the formulas of ggml's dequantisation. */
static void values(void **state)
{
	struct st_block_parts b;
	uint8_t p[ST_BLOCK_BYTES] = { 0 }, out[ST_PART_VALUES];

	(void)state;
	assert_true(st_block_parts(ST_Q4_0, &b));
	p[0] = 0x34;
	p[1] = 0x12;
	p[2] = 0xf0; /* elements 0 and 16: -8, 7 */
	st_part_take(&b, &b.part[0], p, 1, out);
	assert_int_equal(out[0] | out[1] << 8, 0x1234);
	st_part_take(&b, &b.part[1], p, 1, out);
	assert_int_equal((int8_t)out[0], -8);
	st_part_take(&b, &b.part[2], p, 1, out);
	assert_int_equal((int8_t)out[0], 7);
	assert_int_equal((int8_t)out[1], -8);

	memset(p, 0, sizeof(p));
	assert_true(st_block_parts(ST_Q6_K, &b));
	p[64] = 0x5a;	    /* elements 128 (low) and 192 (high) */
	p[128 + 32] = 0xe4; /* two bits each: 128: 0, 160: 1, 192: 2, 224: 3 */
	st_part_take(&b, &b.part[2], p, 1, out);
	assert_int_equal((int8_t)out[64], 0x0a - 32);
	assert_int_equal((int8_t)out[96], 0x10 - 32);
	st_part_take(&b, &b.part[3], p, 1, out);
	assert_int_equal((int8_t)out[64], 0x25 - 32);
	assert_int_equal((int8_t)out[96], 0x30 - 32);

	memset(p, 0, sizeof(p));
	assert_true(st_block_parts(ST_Q4_K, &b));
	p[4] = 0xc1;  /* scale 0: 1; the upper two bits of scale 4: 3 */
	p[8] = 0x82;  /* minimum 0: 2; of minimum 4: 2 */
	p[12] = 0x75; /* scale 4: 5, minimum 4: 7 below them */
	st_part_take(&b, &b.part[2], p, 1, out);
	assert_int_equal(out[0], 1);
	assert_int_equal(out[4], 0x35);
	st_part_take(&b, &b.part[3], p, 1, out);
	assert_int_equal(out[0], 2);
	assert_int_equal(out[4], 0x27);
}

static void back_again(void **state)
{
	struct st_block_parts b;
	uint8_t p[3 * ST_BLOCK_BYTES], back[3 * ST_BLOCK_BYTES], out[3 * ST_PART_VALUES];

	(void)state;
	for (unsigned q = 0; q < 20; q++) {
		if (!st_block_parts(q, &b))
			continue;
		for (size_t i = 0; i < sizeof(p); i++)
			p[i] = (uint8_t)(i * 89 + q);
		memset(back, 0, sizeof(back));
		for (unsigned k = 0; k < b.nparts; k++) {
			st_part_take(&b, &b.part[k], p, 3, out);
			assert_true(st_part_put(&b, &b.part[k], out, 3, back));
		}
		assert_memory_equal(back, p, 3 * b.bytes);
		out[0] = (uint8_t)(0xff - b.part[b.nparts - 1].centre);
		assert_int_equal(st_part_put(&b, &b.part[b.nparts - 1], out, 1, back),
				 q == ST_Q8_0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_bits),
		cmocka_unit_test(values),
		cmocka_unit_test(back_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
