/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a safetensors file: refused with a reason, or a layout that covers them exactly. */
#include "base/utf8.h"
#include "format/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_tensor(const struct st_tensor *t)
{
	uint64_t bytes;

	ST_BUG_ON(t->ndim > ST_MAX_NDIM || !t->shape || t->strides || t->big_endian);
	ST_BUG_ON(t->name[t->name_len] != 0 || !st_utf8_valid(t->name, t->name_len));
	if (t->dtype != ST_OPAQUE)
		ST_BUG_ON(!st_shape_nbytes(t->shape, t->ndim, t->dtype, &bytes) ||
			  bytes != t->nbytes);
}

static void check_layout(const struct st_layout *l, const uint8_t *data, size_t size)
{
	uint64_t at = 8 + st_get64(data);

	ST_BUG_ON(l->size != size);
	for (size_t i = 0; i < l->ntensors; i++) {
		check_tensor(&l->tensors[i]);
		ST_BUG_ON(l->tensors[i].offset != at);
		at += l->tensors[i].nbytes;
	}
	ST_BUG_ON(at != size);
	ST_BUG_ON(l->metadata && !st_utf8_valid(l->metadata, l->metadata_len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct st_format *safetensors = st_format_get("safetensors"), *found;
	struct st_err e = { 0 };
	struct st_layout l;
	struct st_source s;

	st_source_init_mem(&s, data, size, "input");
	ST_BUG_ON(st_format_probe(&found, &s, "input", &e) != ST_OK);
	st_layout_init(&l);
	if (st_format_parse(safetensors, &l, &s, (uint64_t)1 << 24, &e) == ST_OK)
		check_layout(&l, data, size);
	else
		ST_BUG_ON((e.code != ST_EFORMAT && e.code != ST_ELIMIT) ||
			  !strstr(e.msg, "offset"));
	st_layout_release(&l);
	return 0;
}
