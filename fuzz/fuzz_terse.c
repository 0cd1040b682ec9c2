/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second half of the input by the tokens of terse, the first being the base; what comes out of
 * it, and the half itself, there and back. Byte 0 says where the halves meet.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/terse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(const uint8_t *p, size_t n, const uint8_t *base, size_t base_n)
{
	size_t most = st_terse_most(n), len, got;
	uint8_t *out = malloc(most), *back = malloc(n + 1);
	struct st_err e = { 0 };

	ST_BUG_ON(!out || !back);
	len = st_terse_encode(out, most, p, n, base, base_n);
	ST_BUG_ON(n && !len);
	ST_BUG_ON(st_terse_decode(back, n, &got, out, len, base, base_n, &e) != ST_OK);
	ST_BUG_ON(got != n || memcmp(back, p, n) != 0);
	free(out);
	free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t base_n = size ? (size - 1) * data[0] / 256 : 0, n = size ? size - 1 - base_n : 0,
	       len;
	const uint8_t *base = data + 1, *p = base + base_n;
	struct st_err e = { 0 };
	uint8_t out[8192];

	if (!size)
		return 0;
	if (st_terse_decode(out, sizeof(out), &len, p, n, base, base_n, &e) == ST_OK) {
		round_trip(out, len, base, base_n);
		round_trip(out, len, NULL, 0);
	}
	round_trip(p, n, base, base_n);
	return 0;
}
