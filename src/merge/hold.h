/* SPDX-License-Identifier: Apache-2.0 */
/* Inputs that a method reads several times, where each time costs decoding them, kept decoded. */
#ifndef ST_MERGE_HOLD_H
#define ST_MERGE_HOLD_H

#include "merge/method.h"

struct st_hold {
	struct st_blend b;
	struct st_ctx ctx;
	struct st_blend_input *models; /* NULL: nothing is kept */
	struct st_source *src;	       /* of the base, then of each model */
	uint8_t *p;
};

/*
 * Where it is worth it and all fits a quarter of ctx->memory, j->b and j->ctx become ones that lie
 * in h, which read from memory and leave the rest of it to passes; else nothing changes. To be
 * released in any case, when j is no longer used.
 */
ST_MUST int st_hold_take(struct st_hold *h, struct st_job *j, struct st_err *e);
void st_hold_release(struct st_hold *h);

#endif
