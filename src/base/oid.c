/* SPDX-License-Identifier: Apache-2.0 */
#include "base/oid.h"

#include "base/blake3.h"

bool st_oid_is_zero(const struct st_oid *id)
{
	static const struct st_oid zero;

	return st_oid_eq(id, &zero);
}

void st_oid_hex(const struct st_oid *id, char out[ST_OID_HEX + 1])
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < ST_OID_LEN; i++) {
		out[2 * i] = digits[id->b[i] >> 4];
		out[2 * i + 1] = digits[id->b[i] & 15];
	}
	out[ST_OID_HEX] = 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

bool st_oid_parse(struct st_oid *out, const char *s, size_t len)
{
	struct st_oid id;
	size_t i;
	int hi, lo;

	if (len != ST_OID_HEX)
		return false;
	for (i = 0; i < ST_OID_LEN; i++) {
		hi = hex_digit(s[2 * i]);
		lo = hex_digit(s[2 * i + 1]);
		if (hi < 0 || lo < 0)
			return false;
		id.b[i] = (uint8_t)(hi << 4 | lo);
	}
	*out = id;
	return true;
}

void st_oid_of(struct st_oid *out, const void *p, size_t n)
{
	st_blake3(p, n, out->b);
}
