/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a .npy file: refused with a reason, or at most one tensor that lies inside it. */
#include "base/utf8.h"
#include "format/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int count(void *arg, const void *p, size_t n, struct st_err *e)
{
	uint64_t *sum = arg;

	(void)p;
	(void)e;
	*sum += n;
	return ST_OK;
}

static void check_tensor(const struct st_tensor *t, const struct st_source *s)
{
	struct st_err e = { 0 };
	uint64_t bytes, sum = 0;

	ST_BUG_ON(t->where != ST_IN_FILE || t->ndim > ST_MAX_NDIM || !t->shape);
	ST_BUG_ON(t->offset > s->size || t->nbytes > s->size - t->offset);
	if (t->dtype == ST_OPAQUE)
		return;
	ST_BUG_ON(!st_shape_nbytes(t->shape, t->ndim, t->dtype, &bytes) || bytes != t->nbytes);
	ST_BUG_ON(st_format_each(t, s, 1 << 16, count, &sum, &e) != ST_OK || sum != bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct st_format *npy = st_format_get("npy"), *found;
	struct st_err e = { 0 };
	struct st_layout l;
	struct st_source s;

	st_source_init_mem(&s, data, size, "input");
	ST_BUG_ON(st_format_probe(&found, &s, "input", &e) != ST_OK);
	st_layout_init(&l);
	if (st_format_parse(npy, &l, &s, (uint64_t)1 << 20, &e) == ST_OK) {
		ST_BUG_ON(l.ntensors > 1);
		if (l.ntensors)
			check_tensor(&l.tensors[0], &s);
		ST_BUG_ON(!l.metadata || !st_utf8_valid(l.metadata, l.metadata_len));
	} else {
		ST_BUG_ON(e.code != ST_EFORMAT ||
			  (!strstr(e.msg, "offset") && !strstr(e.msg, "dimension")));
	}
	st_layout_release(&l);
	return 0;
}
