/* SPDX-License-Identifier: Apache-2.0 */
/* The root of a manifest: what parses encodes to the same bytes. */
#include <stdlib.h>
#include <string.h>

#include "model/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(struct st_buf *b, const uint8_t *data, size_t size, int rc)
{
	if (rc != ST_OK || b->len != size || memcmp(b->p, data, size) != 0)
		abort();
	st_buf_release(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct st_err e = { 0 };
	struct st_manifest m;
	struct st_buf b;

	st_buf_init(&b, size);
	if (st_manifest_parse(&m, data, size, &e) == ST_OK) {
		same(&b, data, size, st_manifest_encode(&b, &m, &e));
		st_manifest_release(&m);
	}
	return 0;
}
