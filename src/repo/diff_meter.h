/* SPDX-License-Identifier: Apache-2.0 */
/* How far a comparison of many files is, as one progress: each file tells of its own parts. */
#ifndef ST_REPO_DIFF_METER_H
#define ST_REPO_DIFF_METER_H

#include "base/ctx.h"

struct st_meter {
	struct st_ctx ctx;	    /* what the parts run under; not to be moved */
	const struct st_ctx *outer; /* whose progress is told; borrowed */
	uint64_t before, after;	    /* bytes of parts that ended, and of files still to come */
};

/* total: bytes of all files, those that will turn out to need no reading included. */
void st_meter_init(struct st_meter *m, const struct st_ctx *outer, uint64_t total);
/* What of `bytes`, which total has, is read is told by m->ctx from here on. */
void st_meter_next(struct st_meter *m, uint64_t bytes);
/* Ends the progress. */
void st_meter_end(struct st_meter *m);

#endif
