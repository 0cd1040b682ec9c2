/* SPDX-License-Identifier: Apache-2.0 */
/* A page that parses encodes to the same bytes, and its views lie in their extents. */
#include <stdlib.h>
#include <string.h>

#include "model/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_views(const struct st_segment *s)
{
	for (size_t i = 0; i < s->nviews; i++) {
		const struct st_view *v = &s->views[i];
		uint64_t end;

		if (!st_add_u64(v->offset, v->nbytes, &end) || end > s->size || !v->name ||
		    !v->shape)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct st_err e = { 0 };
	struct st_page p;
	struct st_buf b;

	if (st_page_parse(&p, data, size, NULL, &e) != ST_OK)
		return 0;
	for (size_t i = 0; i < p.n; i++)
		check_views(&p.segs[i]);
	st_buf_init(&b, size);
	if (st_page_encode(&b, &p, &e) != ST_OK || b.len != size || memcmp(b.p, data, size) != 0)
		abort();
	st_buf_release(&b);
	st_page_release(&p);
	return 0;
}
