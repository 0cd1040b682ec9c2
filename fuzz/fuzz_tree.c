/* SPDX-License-Identifier: Apache-2.0 */
/* A tree that parses encodes to the same bytes, and every entry is found. */
#include <stdlib.h>
#include <string.h>

#include "model/object.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct st_err e = { 0 };
	struct st_tree t;
	struct st_buf b;

	if (st_tree_parse(&t, data, size, &e) != ST_OK)
		return 0;
	for (size_t i = 0; i < t.n; i++)
		if (st_tree_find(&t, t.entries[i].name, t.entries[i].name_len) != &t.entries[i])
			abort();
	st_buf_init(&b, size);
	if (st_tree_encode(&b, &t, &e) != ST_OK || b.len != size || memcmp(b.p, data, size) != 0)
		abort();
	st_buf_release(&b);
	st_tree_release(&t);
	return 0;
}
