/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a PyTorch checkpoint: refused with a reason, or tensors whose bytes can be read, all
 * of them inside the file or the member that they are said to be in.
 */
#include "base/json.h"
#include "format/format.h"

#define MAX_READ ((uint64_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int count(void *arg, const void *p, size_t n, struct st_err *e)
{
	uint64_t *total = arg;

	(void)p;
	(void)e;
	*total += n;
	return ST_OK;
}

static void check_bytes(const struct st_tensor *t, const struct st_source *src)
{
	struct st_err e = { 0 };
	uint64_t want = t->nbytes, got = 0;

	if (t->dtype != ST_OPAQUE)
		ST_BUG_ON(!st_shape_nbytes(t->shape, t->ndim, t->dtype, &want));
	if (want > MAX_READ || t->nbytes > MAX_READ || t->offset > MAX_READ)
		return;
	if (st_format_each(t, src, (size_t)1 << 16, count, &got, &e) == ST_OK)
		ST_BUG_ON(got != want);
	else /* what is inflated is first seen now */
		ST_BUG_ON(t->where != ST_PACKED || e.code != ST_EFORMAT);
}

static void check_tensor(const struct st_tensor *t, size_t size)
{
	ST_BUG_ON(t->ndim > ST_MAX_NDIM || !t->shape || t->name[t->name_len] != 0);
	ST_BUG_ON(t->where == ST_IN_FILE && (t->offset > size || t->nbytes > size - t->offset));
	ST_BUG_ON(t->where == ST_HELD && (!t->held || t->strides || t->big_endian));
	ST_BUG_ON(t->where == ST_PACKED &&
		  (!t->packed || t->offset > t->packed->usize ||
		   t->nbytes > t->packed->usize - t->offset || t->packed->offset > size ||
		   t->packed->csize > size - t->packed->offset));
}

static void check_metadata(const struct st_layout *l)
{
	struct st_err e = { 0 };
	struct st_json j;

	if (!l->metadata)
		return;
	st_json_init(&j, l->metadata, l->metadata_len, ST_JSON_DEPTH, &e);
	ST_BUG_ON(st_json_peek(&j) != ST_JSON_OBJECT);
	st_json_skip(&j);
	st_json_end(&j);
	ST_BUG_ON(!st_json_ok(&j));
	st_json_release(&j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct st_format *torch = st_format_get("torch"), *found;
	struct st_err e = { 0 };
	struct st_layout l;
	struct st_source s;

	st_source_init_mem(&s, data, size, "input");
	ST_BUG_ON(st_format_probe(&found, &s, "input.pt", &e) != ST_OK);
	st_layout_init(&l);
	if (st_format_parse(torch, &l, &s, (uint64_t)1 << 22, &e) == ST_OK) {
		for (size_t i = 0; i < l.ntensors; i++) {
			check_tensor(&l.tensors[i], size);
			if (i < 16)
				check_bytes(&l.tensors[i], &s);
		}
		check_metadata(&l);
	} else {
		ST_BUG_ON(e.code != ST_EFORMAT && e.code != ST_ELIMIT);
		ST_BUG_ON(e.code == ST_EFORMAT && !strstr(e.msg, "offset"));
	}
	st_layout_release(&l);
	return 0;
}
