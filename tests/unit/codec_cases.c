/* SPDX-License-Identifier: Apache-2.0 */
#include "codec_cases.h"

#include <string.h>

uint32_t case_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*state >> 33);
}

static void fill_floats(uint8_t *p, size_t n, unsigned width, uint64_t *s)
{
	for (size_t i = 0; i < n; i++) {
		double d = ((double)case_random(s) / 2147483648.0 - 0.5) * 0.04;
		float f = (float)d;
		uint8_t all[8];

		memcpy(all, &d, 8);
		if (width == 4)
			memcpy(all, &f, 4);
		if (width == 2)
			memcpy(all, (uint8_t *)&f + 2, 2);
		p[i] = all[i % width];
	}
}

void case_fill(uint8_t *p, size_t n, enum fill how, unsigned width, uint64_t seed)
{
	static const char words[] = "the quick brown fox jumps over the lazy dog ";
	uint64_t s = seed;

	if (how == FILL_FLOATS) {
		fill_floats(p, n, width, &s);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		switch (how) {
		case FILL_ZERO:
			p[i] = 0;
			break;
		case FILL_ELEMENT:
			p[i] = (uint8_t)(17 * (i % width) + 3);
			break;
		case FILL_NOISE:
			p[i] = (uint8_t)(case_random(&s) >> 7);
			break;
		case FILL_TEXT:
			p[i] = (uint8_t)words[(i + case_random(&s) % 3) % (sizeof(words) - 1)];
			break;
		default:
			p[i] = (uint8_t)(i / width >> 8 * (i % width));
		}
	}
}
