/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash table from byte strings to uint64_t: ids, names, paths. Keys are copied. Seeded per table,
 * so that hostile names cannot pile up in one bucket. Not thread-safe.
 */
#ifndef ST_BASE_MAP_H
#define ST_BASE_MAP_H

#include "base/mem.h"

struct st_map_slot {
	uint64_t hash; /* 0: free */
	const uint8_t *key;
	size_t len;
	uint64_t value;
};

struct st_map {
	struct st_map_slot *slots;
	size_t nslots, count; /* nslots a power of two or 0 */
	void *arena;	      /* blocks that hold the keys */
	uint64_t seed;
};

void st_map_init(struct st_map *m);
void st_map_release(struct st_map *m);
/* Sets key to value. *had tells whether there was a former value, and *old gets it; either may be
 * NULL. A failure leaves the table as it was. */
ST_MUST int st_map_put(struct st_map *m, const void *key, size_t len, uint64_t value, bool *had,
		       uint64_t *old, struct st_err *e);
/* value may be NULL. */
bool st_map_get(const struct st_map *m, const void *key, size_t len, uint64_t *value);
/* Iteration in no order: *pos starts at 0; false at the end. The key is borrowed until the table is
 * released, and a NUL follows it. A put in between may make keys come twice or never. */
bool st_map_next(const struct st_map *m, size_t *pos, const void **key, size_t *len,
		 uint64_t *value);

/* Memory that lives until released as a whole: names, shapes. */
struct st_arena {
	void *blocks;
	size_t used, cap;
	size_t total; /* bytes asked for in all */
};

void st_arena_init(struct st_arena *a);
void st_arena_release(struct st_arena *a);
/* Zeroed, aligned for any type, n == 0 included. */
ST_MUST void *st_arena_alloc(struct st_arena *a, size_t n, struct st_err *e);
ST_MUST char *st_arena_dup(struct st_arena *a, const void *p, size_t n,
			   struct st_err *e); /* adds a NUL */

#endif
