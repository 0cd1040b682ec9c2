/* SPDX-License-Identifier: Apache-2.0 */
/* A description of a merge, or the state of one, that parses encodes to the same bytes. */
#include <stdlib.h>
#include <string.h>

#include "model/merged.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct st_buf *b, int rc, const uint8_t *data, size_t size)
{
	if (rc != ST_OK || b->len != size || memcmp(b->p, data, size) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct st_err e = { 0 }, f = { 0 };
	struct st_merge_desc d;
	struct st_merging m;
	struct st_buf b;

	st_buf_init(&b, size);
	if (st_merge_desc_parse(&d, data, size, &e) == ST_OK) {
		check(&b, st_merge_desc_encode(&b, &d, &e), data, size);
		st_merge_desc_release(&d);
	}
	st_buf_clear(&b);
	if (st_merging_parse(&m, data, size, &f) == ST_OK) {
		check(&b, st_merging_encode(&b, &m, &f), data, size);
		st_merging_release(&m);
	}
	st_buf_release(&b);
	return 0;
}
