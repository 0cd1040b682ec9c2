/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a .npz file: refused with a reason, or tensors that lie inside it. Those in deflated
 * members may still turn out to be damaged when they are read.
 */
#include "base/utf8.h"
#include "format/format.h"

#define MAX_READ ((uint64_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int count(void *arg, const void *p, size_t n, struct st_err *e)
{
	uint64_t *sum = arg;

	(void)p;
	(void)e;
	*sum += n;
	return ST_OK;
}

static void check_place(const struct st_tensor *t, uint64_t size)
{
	const struct st_packed *p = t->packed;

	ST_BUG_ON(t->ndim > ST_MAX_NDIM || !t->shape || t->name[t->name_len] != 0);
	if (t->where == ST_PACKED) {
		ST_BUG_ON(p->offset > size || p->csize > size - p->offset);
		size = p->usize;
	} else {
		ST_BUG_ON(t->where != ST_IN_FILE);
	}
	ST_BUG_ON(t->offset > size || t->nbytes > size - t->offset);
}

static void check_tensor(const struct st_tensor *t, const struct st_source *s)
{
	struct st_err e = { 0 };
	uint64_t bytes = t->nbytes, sum = 0;

	check_place(t, s->size);
	if (t->dtype != ST_OPAQUE)
		ST_BUG_ON(!st_shape_nbytes(t->shape, t->ndim, t->dtype, &bytes) ||
			  bytes != t->nbytes);
	if (bytes > MAX_READ || (t->packed && t->packed->usize > MAX_READ))
		return;
	if (st_format_each(t, s, 1 << 16, count, &sum, &e) == ST_OK)
		ST_BUG_ON(sum != bytes);
	else
		ST_BUG_ON(e.code != ST_EFORMAT || t->where != ST_PACKED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct st_format *npz = st_format_get("npz"), *found;
	struct st_err e = { 0 };
	struct st_layout l;
	struct st_source s;

	st_source_init_mem(&s, data, size, "input");
	ST_BUG_ON(st_format_probe(&found, &s, "input", &e) != ST_OK);
	st_layout_init(&l);
	if (st_format_parse(npz, &l, &s, (uint64_t)1 << 22, &e) == ST_OK) {
		for (size_t i = 0; i < l.ntensors; i++)
			check_tensor(&l.tensors[i], &s);
		ST_BUG_ON(l.metadata && !st_utf8_valid(l.metadata, l.metadata_len));
	} else {
		ST_BUG_ON((e.code != ST_EFORMAT && e.code != ST_ELIMIT) ||
			  (!strstr(e.msg, "offset") && !strstr(e.msg, "dimension")));
	}
	st_layout_release(&l);
	return 0;
}
