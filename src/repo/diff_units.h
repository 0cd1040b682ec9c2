/* SPDX-License-Identifier: Apache-2.0 */
/* Which files of both sides belong together. */
#ifndef ST_REPO_DIFF_UNITS_H
#define ST_REPO_DIFF_UNITS_H

#include "repo/diff_operand.h"

/* The model that a file of this name belongs to: key itself unless it is a shard or an index. In
 * the arena, or key. */
ST_MUST const char *st_unit_of(struct st_arena *arena, const char *key, struct st_err *e);

enum st_dpair_state {
	ST_PAIR_SAME,	   /* byte for byte */
	ST_PAIR_DIFFERENT, /* or only one side has it */
	ST_PAIR_OPEN	   /* of one size: it takes reading to know */
};

struct st_dpair {
	struct st_dfile *a, *b; /* NULL where absent */
	enum st_dpair_state state;
	bool told;	  /* the caller's: that it differs */
	const char *unit; /* files of one unit hold one model, or are one file */
};

/*
 * Sorted by unit, then by key. A model's index file and its shards are one unit, whatever their
 * number on a side, and so is a single file of the model's name; a model file that is gone and one
 * that is new in the same directory are one when there are no others; so are files with one id.
 */
struct st_dpairs {
	struct st_arena arena;
	struct st_dpair *v;
	size_t n, cap;
};
ST_MUST int st_dpairs_make(struct st_dpairs *out, struct st_dlist *a, struct st_dlist *b,
			   struct st_repo *r, const struct st_ctx *ctx, struct st_err *e);
void st_dpairs_release(struct st_dpairs *p);

#endif
