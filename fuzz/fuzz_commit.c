/* SPDX-License-Identifier: Apache-2.0 */
/* A commit that parses encodes to the same bytes. */
#include <stdlib.h>
#include <string.h>

#include "model/object.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct st_err e = { 0 };
	struct st_commit c;
	struct st_buf b;

	if (st_commit_parse(&c, data, size, &e) != ST_OK)
		return 0;
	st_buf_init(&b, size);
	if (st_commit_encode(&b, &c, &e) != ST_OK || b.len != size || memcmp(b.p, data, size) != 0)
		abort();
	st_buf_release(&b);
	st_commit_release(&c);
	return 0;
}
