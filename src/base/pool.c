/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pool.h"

#include "base/mem.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#define NO_FAILURE UINT64_MAX

/* Signals are for the thread that runs the program: workers are born with all of them blocked. */
static int start_thread(pthread_t *t, void *(*fn)(void *), void *arg)
{
	sigset_t all, old;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(t, NULL, fn, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc;
}

/* What a callback reported, made whole: a code without a text gets one. */
static int settle(int rc, struct st_err *e, const char *who)
{
	if (rc == ST_OK)
		st_err_clear(e);
	else if (e->code == ST_OK)
		st_fail(e, (enum st_code)rc, "%s gave no reason", who);
	return e->code;
}

/*
 * The pipe is a ring of slots numbered by sequence, from 1: head is the next for the sink, next the
 * next for a worker, tail the next to be put; head <= next <= tail. One mutex guards the numbers
 * and `done`; the rest of a slot is its worker's until it is done, the caller's before and after.
 * failed_at is the lowest sequence known to have failed: nothing above it is worked on, everything
 * below it is, so that the failure reported does not depend on which worker was quicker.
 */

struct slot {
	void *item;
	bool done;
	struct st_err err;
};

struct worker {
	struct st_pipe *pipe;
	pthread_t thread;
	unsigned number;
};

struct st_pipe {
	const struct st_pipe_ops *ops;
	void *arg;
	pthread_mutex_t lock;
	pthread_cond_t more;  /* next < tail, or stop */
	pthread_cond_t ready; /* the slot at head is done */
	struct slot *slots;
	struct worker *workers;
	unsigned nslots, nworkers;
	uint64_t head, next, tail;
	uint64_t failed_at;
	bool stop;
	bool failed;	   /* the caller's thread only: the failure has reached the sink ... */
	struct st_err err; /* ... and is this */
};

static struct slot *slot_at(const struct st_pipe *p, uint64_t seq)
{
	return &p->slots[seq % p->nslots];
}

/* Takes and finishes one item; the lock is held at both ends. */
static void work_one(struct st_pipe *p, unsigned number)
{
	uint64_t seq = p->next++;
	struct slot *s = slot_at(p, seq);
	bool skip = seq > p->failed_at;
	int rc = ST_OK;

	if (!skip) {
		pthread_mutex_unlock(&p->lock);
		rc = p->ops->work(p->arg, s->item, number, &s->err);
		rc = settle(rc, &s->err, "work");
		pthread_mutex_lock(&p->lock);
	}
	if (rc != ST_OK && seq < p->failed_at)
		p->failed_at = seq;
	s->done = true;
	if (seq == p->head)
		pthread_cond_signal(&p->ready);
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	struct st_pipe *p = w->pipe;

	pthread_mutex_lock(&p->lock);
	for (;;) {
		while (p->next == p->tail && !p->stop)
			pthread_cond_wait(&p->more, &p->lock);
		if (p->next == p->tail)
			break;
		work_one(p, w->number);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static void pipe_destroy(struct st_pipe *p)
{
	pthread_cond_destroy(&p->ready);
	pthread_cond_destroy(&p->more);
	pthread_mutex_destroy(&p->lock);
	free(p->workers);
	free(p->slots);
	free(p);
}

/* With fewer threads than asked for the pipe still works; with none it does not. */
static int start_workers(struct st_pipe *p, unsigned jobs, struct st_err *e)
{
	unsigned i;
	int rc = 0;

	for (i = 0; i < jobs && rc == 0; i++) {
		p->workers[i] = (struct worker){ .pipe = p, .number = i };
		rc = start_thread(&p->workers[i].thread, worker_main, &p->workers[i]);
		p->nworkers += rc == 0;
	}
	if (p->nworkers)
		return ST_OK;
	errno = rc;
	return st_fail_os(e, "start a thread");
}

int st_pipe_new(struct st_pipe **out, unsigned jobs, unsigned depth, const struct st_pipe_ops *ops,
		void *arg, struct st_err *e)
{
	struct st_pipe *p;

	*out = NULL;
	jobs = jobs ? jobs : 1;
	depth = depth < jobs ? jobs : depth;
	p = st_calloc(1, sizeof(*p), e);
	if (!p)
		return e->code;
	pthread_mutex_init(&p->lock, NULL); /* glibc's never fail */
	pthread_cond_init(&p->more, NULL);
	pthread_cond_init(&p->ready, NULL);
	p->ops = ops;
	p->arg = arg;
	p->nslots = depth;
	p->head = p->next = p->tail = 1;
	p->failed_at = NO_FAILURE;
	p->slots = st_calloc(depth, sizeof(*p->slots), e);
	p->workers = st_calloc(jobs, sizeof(*p->workers), e);
	if (!p->slots || !p->workers || start_workers(p, jobs, e) != ST_OK) {
		pipe_destroy(p);
		return e->code;
	}
	*out = p;
	return ST_OK;
}

/* The item at head, which is done, to the sink. Runs without the lock: head moves only here. */
static void sink_one(struct st_pipe *p)
{
	struct slot *s = slot_at(p, p->head);
	struct st_err cause = p->failed ? p->err : s->err, mine = cause;
	int work_rc = p->failed ? ST_ENO : cause.code, rc;

	rc = p->ops->sink(p->arg, s->item, work_rc, &cause, &mine);
	if (!p->failed && (work_rc != ST_OK || rc != ST_OK)) {
		settle(rc == ST_OK ? work_rc : rc, &mine, "sink");
		p->failed = true;
		p->err = mine;
	}
	pthread_mutex_lock(&p->lock);
	if (p->failed && p->head < p->failed_at)
		p->failed_at = p->head;
	p->head++;
	pthread_mutex_unlock(&p->lock);
}

/* Sinks finished items; waits for as many as it takes to leave at most `in_flight`. */
static void sink_down_to(struct st_pipe *p, uint64_t in_flight)
{
	bool done;

	for (;;) {
		pthread_mutex_lock(&p->lock);
		while (p->tail - p->head > in_flight && !slot_at(p, p->head)->done)
			pthread_cond_wait(&p->ready, &p->lock);
		done = p->tail != p->head && slot_at(p, p->head)->done;
		pthread_mutex_unlock(&p->lock);
		if (!done)
			return;
		sink_one(p);
	}
}

static int first_failure(const struct st_pipe *p, struct st_err *e)
{
	if (!p->failed)
		return ST_OK;
	if (e->code == ST_OK)
		*e = p->err;
	return p->err.code;
}

int st_pipe_put(struct st_pipe *p, void *item, struct st_err *e)
{
	sink_down_to(p, p->nslots - 1);
	pthread_mutex_lock(&p->lock);
	*slot_at(p, p->tail) = (struct slot){ .item = item };
	p->tail++;
	pthread_cond_signal(&p->more);
	pthread_mutex_unlock(&p->lock);
	return first_failure(p, e);
}

int st_pipe_drain(struct st_pipe *p, struct st_err *e)
{
	int rc;

	sink_down_to(p, 0);
	rc = first_failure(p, e);
	/* The ring is empty, so no worker looks at these. */
	pthread_mutex_lock(&p->lock);
	p->failed_at = NO_FAILURE;
	pthread_mutex_unlock(&p->lock);
	p->failed = false;
	st_err_clear(&p->err);
	return rc;
}

/* Nothing that no worker has taken yet is worked on. */
static void discard(struct st_pipe *p)
{
	pthread_mutex_lock(&p->lock);
	if (p->tail != p->head && !p->failed) {
		p->failed = true;
		p->failed_at = p->head - 1;
		st_fail(&p->err, ST_ENO, "discarded");
	}
	pthread_mutex_unlock(&p->lock);
	sink_down_to(p, 0);
}

void st_pipe_free(struct st_pipe *p)
{
	unsigned i;

	if (!p)
		return;
	discard(p);
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_broadcast(&p->more);
	pthread_mutex_unlock(&p->lock);
	for (i = 0; i < p->nworkers; i++)
		pthread_join(p->workers[i].thread, NULL);
	pipe_destroy(p);
}

/*
 * st_parallel: numbers are taken in ascending order, so when i fails everything below it has been
 * taken and will be finished; the lowest failure is known once all threads have ended.
 */

struct parallel {
	uint64_t n;
	int (*fn)(void *arg, uint64_t i, unsigned worker, struct st_err *e);
	void *arg;
	_Atomic uint64_t next, failed_at;
};

struct runner {
	struct parallel *par;
	pthread_t thread;
	unsigned number;
	uint64_t at; /* of err */
	struct st_err err;
};

static void lower(_Atomic uint64_t *least, uint64_t i)
{
	uint64_t old = atomic_load(least);

	while (i < old && !atomic_compare_exchange_weak(least, &old, i))
		;
}

static void *runner_main(void *arg)
{
	struct runner *r = arg;
	struct parallel *par = r->par;
	uint64_t i;
	int rc;

	for (;;) {
		i = atomic_fetch_add(&par->next, 1);
		if (i >= par->n || i > atomic_load(&par->failed_at))
			return NULL;
		rc = par->fn(par->arg, i, r->number, &r->err);
		if (settle(rc, &r->err, "work") != ST_OK) {
			r->at = i;
			lower(&par->failed_at, i);
			return NULL;
		}
	}
}

static int run_all(struct parallel *par, struct runner *runners, unsigned jobs, struct st_err *e)
{
	unsigned i, started;

	for (i = 0; i < jobs; i++)
		runners[i] = (struct runner){ .par = par, .number = i };
	for (started = 1; started < jobs; started++)
		if (start_thread(&runners[started].thread, runner_main, &runners[started]) != 0)
			break; /* those that run do it all */
	runner_main(&runners[0]);
	for (i = 1; i < started; i++)
		pthread_join(runners[i].thread, NULL);
	for (i = 0; i < started; i++) {
		if (runners[i].err.code == ST_OK || runners[i].at != par->failed_at)
			continue;
		if (e->code == ST_OK)
			*e = runners[i].err;
		return runners[i].err.code;
	}
	return ST_OK;
}

int st_parallel(unsigned jobs, uint64_t n,
		int (*fn)(void *arg, uint64_t i, unsigned worker, struct st_err *e), void *arg,
		struct st_err *e)
{
	struct parallel par = { .n = n, .fn = fn, .arg = arg, .failed_at = NO_FAILURE };
	struct runner *runners;
	int rc;

	if (jobs > n)
		jobs = (unsigned)n;
	jobs = jobs ? jobs : 1;
	runners = st_calloc(jobs, sizeof(*runners), e);
	if (!runners)
		return e->code;
	rc = run_all(&par, runners, jobs, e);
	free(runners);
	return rc;
}

unsigned st_cpu_count(void)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	cpu_set_t set;
	int n;

	if (sched_getaffinity(0, sizeof(set), &set) == 0) {
		n = CPU_COUNT(&set);
		if (n > 0)
			return (unsigned)n;
	}
	return online > 0 ? (unsigned)online : 1; /* more than a cpu_set_t holds */
}
