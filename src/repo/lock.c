/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/repo.h"

#include "base/file.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

/* A shared lock needs no right to write: reading works on a read-only disk. */
static int lock_file(int *fd, struct st_repo *r, const char *name, enum st_lock_mode mode,
		     struct st_err *e)
{
	char *path = st_repo_path(r, name, e);

	if (!path)
		return e->code;
	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (*fd < 0 && mode == ST_LOCK_SHARED && (errno == EROFS || errno == EACCES))
		*fd = open(path, O_RDONLY | O_CLOEXEC);
	if (*fd < 0)
		st_fail_os(e, "open %s", path);
	free(path);
	return e->code;
}

/* Polls, because flock has no timeout and a signal-driven one would need process-wide state. */
static int lock_within(int fd, enum st_lock_mode mode, int64_t wait_ns, const char *what,
		       struct st_err *e)
{
	int64_t deadline = st_now_ns() + wait_ns;
	struct timespec nap = { .tv_nsec = 20000000 };
	int rc;

	for (;;) {
		rc = st_lock(fd, mode, false, what, e);
		if (rc != ST_EBUSY || st_now_ns() >= deadline)
			return rc;
		st_err_clear(e);
		nanosleep(&nap, NULL);
	}
}

int st_lock_wait(const struct st_config *c, int64_t *ns, struct st_err *e)
{
	const char *v = st_config_get(c, "core.locktimeout");
	uint64_t s = 10;

	if (v && (st_size_parse(v, &s, e) != ST_OK || s > 86400)) {
		st_err_clear(e);
		return st_fail(e, ST_EUSAGE,
			       "core.lockTimeout is '%s': give seconds, at most 86400", v);
	}
	*ns = (int64_t)s * 1000000000;
	return ST_OK;
}

static int take(struct st_repo *r, int *slot, const char *name, enum st_lock_mode mode,
		const char *what, struct st_err *e)
{
	int64_t ns = 0;
	int fd = -1;

	ST_BUG_ON(*slot >= 0);
	if (st_lock_wait(&r->config, &ns, e) != ST_OK || lock_file(&fd, r, name, mode, e) != ST_OK)
		return e->code;
	if (lock_within(fd, mode, ns, what, e) != ST_OK) {
		close(fd);
		return e->code;
	}
	*slot = fd;
	return ST_OK;
}

static void drop(int *slot)
{
	if (*slot >= 0)
		close(*slot); /* which lets the lock go */
	*slot = -1;
}

int st_repo_lock_gc(struct st_repo *r, enum st_gc_lock how, struct st_err *e)
{
	return take(r, &r->gc_fd, "lock", how == ST_GC_USE ? ST_LOCK_SHARED : ST_LOCK_EXCLUSIVE,
		    how == ST_GC_USE ? "the repository (gc is at work)" : "the repository", e);
}

void st_repo_unlock_gc(struct st_repo *r)
{
	drop(&r->gc_fd);
}

int st_repo_lock_index(struct st_repo *r, struct st_err *e)
{
	return take(r, &r->index_fd, "index.lock", ST_LOCK_EXCLUSIVE, "the index", e);
}

void st_repo_unlock_index(struct st_repo *r)
{
	drop(&r->index_fd);
}
