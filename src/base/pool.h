/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one thread pool, as an ordered pipeline: the caller puts items, workers process them at once,
 * and the sink gets every item back in the order it was put, on the caller's own thread. An item
 * has one owner at any time: put hands it to the pipe, sink hands it back.
 */
#ifndef ST_BASE_POOL_H
#define ST_BASE_POOL_H

#include "base/err.h"

struct st_pipe;

struct st_pipe_ops {
	/* On a worker; `worker` is 0 .. jobs-1, for scratch memory. Must not touch shared state. */
	int (*work)(void *arg, void *item, unsigned worker, struct st_err *e);
	/* On the caller's thread, in order. rc and ie are work's result; the sink owns item again
	 * and must release it also when rc != ST_OK. After a failure (work or sink) every item
	 * still in flight reaches the sink with rc ST_ENO and without being worked on (or its work
	 * is in vain); ie is then the first failure. With rc != ST_OK, *e holds a copy of *ie, so
	 * that st_wrap there adds to what the pipe reports; what sink returns no longer counts. */
	int (*sink)(void *arg, void *item, int rc, const struct st_err *ie, struct st_err *e);
};

/* jobs workers (at least 1), at most depth items in flight (at least jobs). */
ST_MUST int st_pipe_new(struct st_pipe **out, unsigned jobs, unsigned depth,
			const struct st_pipe_ops *ops, void *arg, struct st_err *e);
/* Takes item, on failure too (it then reaches the sink). May run the sink for finished items;
 * blocks while depth items are in flight. Returns the first failure so far. */
ST_MUST int st_pipe_put(struct st_pipe *p, void *item, struct st_err *e);
/* Waits for everything; the first failure in order of put. The pipe can be used again. */
ST_MUST int st_pipe_drain(struct st_pipe *p, struct st_err *e);
/* Drains (discarding) and joins the workers. NULL is fine. */
void st_pipe_free(struct st_pipe *p);

/* Calls fn(arg, i, worker) for i in [0, n) on jobs threads; the failure of the lowest i wins. */
ST_MUST int st_parallel(unsigned jobs, uint64_t n,
			int (*fn)(void *arg, uint64_t i, unsigned worker, struct st_err *e),
			void *arg, struct st_err *e);

unsigned st_cpu_count(void); /* processors this process may use */

#endif
