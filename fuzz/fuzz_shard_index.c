/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the index of a sharded model: refused with a reason, or plain names in order. */
#include "format/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_index(const struct st_shard_index *x)
{
	for (size_t i = 0; i < x->nshards; i++) {
		const char *s = x->shards[i];

		ST_BUG_ON(!*s || strpbrk(s, "/\\") || strstr(s, "..") || strcmp(s, ".") == 0);
		ST_BUG_ON(i && strcmp(x->shards[i - 1], s) >= 0);
	}
	for (size_t i = 0; i < x->nnames; i++)
		ST_BUG_ON(x->shard_of[i] >= x->nshards || !x->names[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct st_shard_index x;
	struct st_err e = { 0 };

	if (st_shard_index_parse(&x, data, size, &e) != ST_OK) {
		ST_BUG_ON(e.code != ST_EFORMAT || !strstr(e.msg, "offset"));
		return 0;
	}
	check_index(&x);
	st_shard_index_release(&x);
	return 0;
}
