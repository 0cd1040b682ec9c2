/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Coding objects anew. Private to repack*.c: repack.c decides about packs and publishes,
 * repack_find.c says what the objects are, repack_code.c codes them.
 *
 * An entry that is coded anew may become deeper than it was, and readers use of several entries
 * the one of the lowest depth. So all packs that hold one of the objects are written anew and
 * removed in the operation that adds the new ones; and no object becomes as deep as an entry
 * that stays and is a difference from it.
 */
#ifndef ST_REPO_REPACK_H
#define ST_REPO_REPACK_H

#include "repo/chain.h"
#include "repo/plan.h"
#include "repo/verbs.h"

struct st_repack_item {
	struct st_oid id, before; /* before: zero when none is known */
	uint64_t raw, row;
	uint8_t width, number;
	uint8_t deepest; /* what it may be */
	bool described, done;
};

struct st_repack_pack {
	struct st_oid id;
	uint64_t size;
	bool anew;
};

struct st_repack {
	struct st_repo *r;
	bool max;
	struct st_repack_pack *packs; /* all that the catalogue knows, in order of arrival */
	size_t npacks, packs_cap;
	struct st_repack_item *items;
	size_t n, cap;
	struct st_map by_id; /* -> its place in items */
	size_t *order;	     /* of items: described ones as history has them */
	size_t norder;
	struct st_writer *w;
	uint64_t done, total; /* bytes of content */
};

static inline struct st_repack_item *st_repack_item(const struct st_repack *x,
						    const struct st_oid *id)
{
	uint64_t at;

	return st_map_get(&x->by_id, id->b, ST_OID_LEN, &at) ? &x->items[at] : NULL;
}

/* Fills order and what the items are, from history's tensors and the staged ones. */
ST_MUST int st_repack_find(struct st_repack *x, struct st_err *e);
/* Codes all items into x->w, in their order. */
ST_MUST int st_repack_code(struct st_repack *x, struct st_err *e);

#endif
