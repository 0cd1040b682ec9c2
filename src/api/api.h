/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of this directory share. The layer checks arguments, gives defaults and turns the
 * library's errors into the public ones; everything else is below it.
 */
#ifndef ST_API_API_H
#define ST_API_API_H

#include "repo/verbs.h"

struct strata_repo {
	struct st_repo *r;
	strata_options opts; /* r->ctx.arg points here */
};

/* Fills err (may be NULL) with what a call came to; returns rc. Where a callback stopped the call
 * there is no message. */
int st_api_result(int rc, const struct st_err *e, strata_error *err);

/* STRATA_EUSAGE: function was given a NULL that it cannot work with. */
int st_api_null(strata_error *err, const char *function);

/* opts may be NULL. The result borrows it: its callbacks reach the caller's through ctx.arg. */
struct st_ctx st_api_ctx(const strata_options *opts);

#endif
