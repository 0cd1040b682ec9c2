/* SPDX-License-Identifier: Apache-2.0 */
/* The working-tree index, as it is and with the checksum made right, so that the rows are
 * reached too. */
#include <stdlib.h>
#include <string.h>

#include "base/blake3.h"
#include "meta/index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse(const uint8_t *data, size_t size)
{
	struct st_err e = { 0 };
	struct st_index x;

	st_index_init(&x);
	if (st_index_parse(&x, data, size, &e) == ST_OK)
		for (size_t i = 0; i < x.nrows; i++)
			if (st_index_find(&x, x.rows[i].path, x.rows[i].path_len, NULL) !=
			    &x.rows[i])
				abort();
	st_index_release(&x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;

	parse(data, size);
	if (size < ST_HASH_LEN)
		return 0;
	copy = malloc(size);
	if (!copy)
		return 0;
	memcpy(copy, data, size);
	st_blake3(copy, size - ST_HASH_LEN, copy + size - ST_HASH_LEN);
	parse(copy, size);
	free(copy);
	return 0;
}
