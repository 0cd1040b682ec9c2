/* SPDX-License-Identifier: Apache-2.0 */
/*
 * .npy: "\x93NUMPY", major, minor, length of what follows (u16 in version 1.0, u32 in 2.0), then
 * a Python literal
 *
 *	{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }
 *
 * spaces and a line feed, so that the array begins at a multiple of 64. NumPy leaves room for the
 * first dimension to grow to 21 digits; so do we, to write what NumPy would.
 */
#include "format/format.h"

#define ALIGN 64
#define GROWTH_DIGITS 21
#define MAX_BYTES ((size_t)1 << 20)

static const char *descr_of(enum st_dtype t)
{
	const struct st_dtype_info *info = st_dtype_info(t);

	if (*info->numpy)
		return info->numpy;
	return info->bits == 16 ? "<u2" : "|u1";
}

static int dict(struct st_buf *b, enum st_dtype t, const uint64_t *shape, unsigned ndim,
		struct st_err *e)
{
	size_t before, digits = GROWTH_DIGITS;
	int rc;

	rc = st_buf_addf(b, e, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr_of(t));
	for (unsigned i = 0; i < ndim && rc == ST_OK; i++) {
		before = b->len;
		rc = st_buf_addf(b, e, "%" PRIu64, shape[i]);
		if (i == 0)
			digits = b->len - before;
		if (rc == ST_OK && (ndim == 1 || i + 1 < ndim))
			rc = st_buf_addstr(b, ndim == 1 ? "," : ", ", e);
	}
	if (rc == ST_OK)
		rc = st_buf_addf(b, e, "), }%*s", (int)(GROWTH_DIGITS - digits), "");
	return rc;
}

/* NumPy pads by 1 to 64, so an aligned header gets 64 more. */
static size_t padding(size_t fixed, size_t text)
{
	return ALIGN - (fixed + text + 1) % ALIGN;
}

static int put(struct st_buf *out, const struct st_buf *text, struct st_err *e)
{
	uint8_t head[12] = { 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0 };
	size_t fixed = 10, rest = text->len + 1 + padding(fixed, text->len);
	int rc;

	if (rest > UINT16_MAX) {
		fixed = 12;
		rest = text->len + 1 + padding(fixed, text->len);
		head[6] = 2;
		st_put32(head + 8, (uint32_t)rest);
	} else {
		st_put16(head + 8, (uint16_t)rest);
	}
	rc = st_buf_add(out, head, fixed, e);
	if (rc == ST_OK)
		rc = st_buf_add(out, text->p, text->len, e);
	if (rc == ST_OK)
		rc = st_buf_addf(out, e, "%*s\n", (int)(rest - text->len - 1), "");
	return rc;
}

int st_npy_header(struct st_buf *out, enum st_dtype t, const uint64_t *shape, unsigned ndim,
		  struct st_err *e)
{
	struct st_buf text;
	int rc;

	st_buf_init(&text, MAX_BYTES);
	rc = dict(&text, t, shape, ndim, e);
	if (rc == ST_OK)
		rc = put(out, &text, e);
	st_buf_release(&text);
	return rc;
}
