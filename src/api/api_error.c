/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api.h"

#include "base/near.h"
#include "base/pool.h"

#include <stdio.h>

/* The public codes are the library's, by value. */
_Static_assert((int)STRATA_ENO == (int)ST_ENO && (int)STRATA_EUSAGE == (int)ST_EUSAGE &&
		       (int)STRATA_ENOTFOUND == (int)ST_ENOTFOUND &&
		       (int)STRATA_ENOREPO == (int)ST_ENOREPO &&
		       (int)STRATA_EFORMAT == (int)ST_EFORMAT &&
		       (int)STRATA_ECHANGED == (int)ST_ECHANGED && (int)STRATA_EIO == (int)ST_EIO &&
		       (int)STRATA_ECORRUPT == (int)ST_ECORRUPT,
	       "codes");
_Static_assert((int)STRATA_ELIMIT == (int)ST_ELIMIT && (int)STRATA_ENOMEM == (int)ST_ENOMEM &&
		       (int)STRATA_ENOSPC == (int)ST_ENOSPC &&
		       (int)STRATA_EREFUSED == (int)ST_EREFUSED &&
		       (int)STRATA_ENET == (int)ST_ENET && (int)STRATA_EBUG == (int)ST_EBUG &&
		       (int)STRATA_EBUSY == (int)ST_EBUSY,
	       "codes");

#define DEFAULT_MEMORY ((uint64_t)512 << 20)

const char *strata_code_name(int code)
{
	return st_code_name((enum st_code)code);
}

int strata_code_exit(int code)
{
	return st_code_exit((enum st_code)code);
}

const char *strata_nearest(const char *word, const char *const *names, size_t n)
{
	const char *found = NULL;
	struct st_near near;
	size_t i, limit;

	if (!word || (n && !names))
		return NULL;
	st_near_init(&near, word);
	for (i = 0; i < n; i++) {
		limit = near.limit;
		st_near_try(&near, names[i]);
		if (near.limit < limit)
			found = names[i];
	}
	return found;
}

int st_api_result(int rc, const struct st_err *e, strata_error *err)
{
	if (!err)
		return rc;
	*err = (strata_error){ 0 };
	if (rc == ST_OK)
		return rc;
	err->code = rc;
	err->exit_status = st_code_exit((enum st_code)rc);
	err->os = e->os;
	err->where = e->where;
	snprintf(err->message, sizeof(err->message), "%s", e->msg);
	return rc;
}

int st_api_null(strata_error *err, const char *function)
{
	struct st_err e = { 0 };
	int rc = st_fail(&e, ST_EUSAGE, "%s: an argument that is needed is NULL", function);

	return st_api_result(rc, &e, err);
}

static void forward_warn(void *arg, const char *msg)
{
	const strata_options *o = arg;

	o->warn(o->arg, msg);
}

static void forward_progress(void *arg, const struct st_progress *p)
{
	const strata_options *o = arg;
	const strata_progress out = {
		.what = p->what,
		.done = p->done,
		.total = p->total,
		.bytes = p->bytes,
		.last = p->last,
	};

	o->progress(o->arg, &out);
}

static bool forward_cancelled(void *arg)
{
	const strata_options *o = arg;

	return o->cancelled(o->arg);
}

struct st_ctx st_api_ctx(const strata_options *opts)
{
	struct st_ctx ctx = { .jobs = opts ? opts->jobs : 0, .memory = opts ? opts->memory : 0 };

	if (ctx.jobs == 0)
		ctx.jobs = st_cpu_count();
	if (ctx.memory == 0)
		ctx.memory = DEFAULT_MEMORY;
	if (!opts)
		return ctx;
	ctx.arg = (void *)(uintptr_t)opts; /* the callbacks above only read it */
	ctx.warn = opts->warn ? forward_warn : NULL;
	ctx.progress = opts->progress ? forward_progress : NULL;
	ctx.cancelled = opts->cancelled ? forward_cancelled : NULL;
	return ctx;
}
