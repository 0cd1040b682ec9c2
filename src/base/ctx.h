/* SPDX-License-Identifier: Apache-2.0 */
/* What an operation runs under: budget, threads, and where its messages go. Caller's memory. */
#ifndef ST_BASE_CTX_H
#define ST_BASE_CTX_H

#include "base/err.h"

struct st_progress {
	const char *what;     /* "add", "checkout" */
	uint64_t done, total; /* bytes, or items when bytes is false; total 0: unknown */
	bool bytes;
	bool last; /* the operation ended */
};

struct st_ctx {
	unsigned jobs;	 /* worker threads, at least 1 */
	uint64_t memory; /* bytes that buffers may take together */
	void *arg;	 /* for the callbacks, which run on the calling thread */
	void (*warn)(void *arg, const char *msg);		  /* NULL: dropped */
	void (*progress)(void *arg, const struct st_progress *p); /* NULL: none */
	bool (*cancelled)(void *arg);				  /* NULL: never */
};

__attribute__((format(printf, 2, 3))) void st_warn(const struct st_ctx *c, const char *fmt, ...);
void st_progress(const struct st_ctx *c, const char *what, uint64_t done, uint64_t total,
		 bool bytes, bool last);
/* ST_EBUSY ("interrupted") once the caller asked to stop. */
ST_MUST int st_check_cancel(const struct st_ctx *c, struct st_err *e);

#endif
