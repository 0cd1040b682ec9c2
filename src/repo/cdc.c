/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/cdc.h"

#define MASK_STRICT (~(uint64_t)0 << (64 - 17))
#define MASK_LOOSE (~(uint64_t)0 << (64 - 14))

void st_cdc_init(struct st_cdc *c)
{
	uint64_t state = 0, z;
	size_t i;

	for (i = 0; i < 256; i++) {
		z = state += 0x9e3779b97f4a7c15u;
		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
		z = (z ^ z >> 27) * 0x94d049bb133111ebu;
		c->gear[i] = z ^ z >> 31;
	}
}

/* First cut after p[from, to), or 0. */
static size_t scan(const struct st_cdc *c, const uint8_t *p, size_t from, size_t to, uint64_t mask,
		   uint64_t *hash)
{
	uint64_t h = *hash;
	size_t i;

	for (i = from; i < to; i++) {
		h = (h << 1) + c->gear[p[i]];
		if (!(h & mask))
			return i + 1;
	}
	*hash = h;
	return 0;
}

size_t st_cdc_next(const struct st_cdc *c, const uint8_t *p, size_t n)
{
	size_t mean = n < ST_CDC_MEAN ? n : ST_CDC_MEAN, max = n < ST_CDC_MAX ? n : ST_CDC_MAX;
	uint64_t hash = 0;
	size_t i, cut;

	if (n <= ST_CDC_MIN)
		return n;
	/* The hash forgets all but its last 64 bytes: it need not start earlier. */
	for (i = ST_CDC_MIN - 64; i < ST_CDC_MIN; i++)
		hash = (hash << 1) + c->gear[p[i]];
	cut = scan(c, p, ST_CDC_MIN, mean, MASK_STRICT, &hash);
	if (!cut)
		cut = scan(c, p, mean, max, MASK_LOOSE, &hash);
	return cut ? cut : max;
}
