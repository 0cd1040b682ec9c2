/* SPDX-License-Identifier: Apache-2.0 */
#include "tensor/rearrange.h"

#include "tensor/layout.h"

/* The side of a square of elements: its lines in both orders fit the nearest cache, also where a
 * power of two as step puts them into few of its sets. */
#define TILE 32

/* A copy of constant size is a load and a store, but only where the compiler knows the size. */
#define KNOWN_WIDTH static inline __attribute__((always_inline))

KNOWN_WIDTH void copy_run(uint8_t *dst, const uint8_t *src, const struct st_axis *a, uint64_t n,
			  const size_t width)
{
	const ptrdiff_t dst_step = (ptrdiff_t)a->dst * (ptrdiff_t)width;
	const size_t src_step = (size_t)a->src * width;

	if (a->src == 1 && a->dst == 1) {
		memcpy(dst, src, (size_t)n * width);
		return;
	}
	for (uint64_t i = 0; i < n; i++) {
		memcpy(dst, src, width);
		if (i + 1 == n)
			return; /* no pointer leaves its array */
		dst += dst_step;
		src += src_step;
	}
}

KNOWN_WIDTH void copy_tiles(uint8_t *dst, const uint8_t *src, const struct st_axis *outer,
			    const struct st_axis *inner, const size_t width)
{
	for (uint64_t i = 0; i < inner->n; i += TILE) {
		uint64_t n = inner->n - i < TILE ? inner->n - i : TILE;

		for (uint64_t k = 0; k < outer->n; k++)
			copy_run(dst + ((int64_t)i * inner->dst + (int64_t)k * outer->dst) *
						 (int64_t)width,
				 src + (size_t)(i * inner->src + k * outer->src) * width, inner, n,
				 width);
	}
}

/* Which axis is the innermost in the source, and which in the result. */
static void find_inner(const struct st_axis *axes, unsigned n, unsigned *by_src, unsigned *by_dst)
{
	*by_src = n - 1;
	while (*by_src && axes[*by_src].src == 0)
		--*by_src;
	*by_dst = 0;
	for (unsigned i = 1; i < n; i++) {
		int64_t a = axes[i].dst, b = axes[*by_dst].dst;

		if ((a < 0 ? -a : a) < (b < 0 ? -b : b))
			*by_dst = i;
	}
}

KNOWN_WIDTH void rearrange(uint8_t *dst, const uint8_t *src, const struct st_axis *axes, unsigned n,
			   const size_t width)
{
	uint64_t at[ST_MAX_NDIM] = { 0 }, from = 0;
	unsigned by_src, by_dst, d;
	int64_t to = 0;

	find_inner(axes, n, &by_src, &by_dst);
	for (;;) {
		uint8_t *p = dst + to * (int64_t)width;
		const uint8_t *q = src + from * width;

		if (by_src == by_dst)
			copy_run(p, q, &axes[by_dst], axes[by_dst].n, width);
		else
			copy_tiles(p, q, &axes[by_src], &axes[by_dst], width);
		for (d = n; d-- > 0;) {
			if (d == by_src || d == by_dst)
				continue;
			from += axes[d].src;
			to += axes[d].dst;
			if (++at[d] < axes[d].n)
				break;
			from -= axes[d].src * at[d];
			to -= axes[d].dst * (int64_t)at[d];
			at[d] = 0;
		}
		if (d == UINT32_MAX)
			return;
	}
}

void st_rearrange(uint8_t *dst, const uint8_t *src, size_t elem, const struct st_axis *axes,
		  unsigned n)
{
	switch (elem) {
	case 1:
		rearrange(dst, src, axes, n, 1);
		break;
	case 2:
		rearrange(dst, src, axes, n, 2);
		break;
	case 4:
		rearrange(dst, src, axes, n, 4);
		break;
	case 8:
		rearrange(dst, src, axes, n, 8);
		break;
	case 16:
		rearrange(dst, src, axes, n, 16);
		break;
	default:
		rearrange(dst, src, axes, n, elem);
	}
}

KNOWN_WIDTH void swap(uint8_t *p, size_t n, const size_t width)
{
	for (size_t at = 0; at + width <= n; at += width)
		for (size_t i = 0; i < width / 2; i++) {
			uint8_t b = p[at + i];

			p[at + i] = p[at + width - 1 - i];
			p[at + width - 1 - i] = b;
		}
}

void st_swap_bytes(uint8_t *p, size_t n, size_t width)
{
	if (width == 2)
		swap(p, n, 2);
	else if (width == 4)
		swap(p, n, 4);
	else if (width == 8)
		swap(p, n, 8);
	else if (width > 1)
		swap(p, n, width);
}
