/* SPDX-License-Identifier: Apache-2.0 */
/* Wraps another store and makes the operation of a chosen number fail, for tests. */
#include "store/store_kinds.h"

#include "base/mem.h"

#include <stdatomic.h>

struct fault_store {
	struct st_store base;
	struct st_store *inner;
	uint64_t fail_at;
	bool persistent;
	_Atomic uint64_t calls;
	uint64_t *count; /* one more for each call, or NULL */
};

struct fault_blob {
	struct st_blob base;
	struct st_blob *inner;
};

static struct fault_store *fault_store(struct st_store *s)
{
	ST_BUG_ON(s->ops != &st_store_fault_ops);
	return (struct fault_store *)s;
}

static struct st_blob *inner_blob(struct st_blob *b)
{
	ST_BUG_ON(b->store->ops != &st_store_fault_ops);
	return ((struct fault_blob *)b)->inner;
}

/* Counts an operation; fails when it is the one. */
static int pass(struct st_store *s, struct st_err *e)
{
	struct fault_store *f = fault_store(s);
	uint64_t k = atomic_fetch_add(&f->calls, 1) + 1;

	if (f->count)
		__atomic_add_fetch(f->count, 1, __ATOMIC_RELAXED);
	if (f->fail_at == 0 || k < f->fail_at || (k > f->fail_at && !f->persistent))
		return ST_OK;
	return st_fail(e, ST_EIO, "fault planted at operation %" PRIu64, k);
}

static int fault_pread(struct st_store *s, const char *name, void *buf, size_t n, uint64_t off,
		       struct st_err *e)
{
	int rc = pass(s, e);

	return rc == ST_OK ? st_store_pread(fault_store(s)->inner, name, buf, n, off, e) : rc;
}

static int fault_size(struct st_store *s, const char *name, uint64_t *out, struct st_err *e)
{
	int rc = pass(s, e);

	return rc == ST_OK ? st_store_size(fault_store(s)->inner, name, out, e) : rc;
}

static int fault_create(struct st_store *s, struct st_blob **out, struct st_err *e)
{
	struct fault_blob *b;
	int rc = pass(s, e);

	if (rc != ST_OK)
		return rc;
	b = st_calloc(1, sizeof(*b), e);
	if (!b)
		return e->code;
	b->base.store = s;
	rc = st_store_create(fault_store(s)->inner, &b->inner, e);
	if (rc != ST_OK) {
		free(b);
		return rc;
	}
	*out = &b->base;
	return ST_OK;
}

static int fault_write(struct st_blob *b, const void *p, size_t n, uint64_t off, struct st_err *e)
{
	int rc = pass(b->store, e);

	return rc == ST_OK ? st_blob_write(inner_blob(b), p, n, off, e) : rc;
}

static int fault_reread(struct st_blob *b, void *p, size_t n, uint64_t off, struct st_err *e)
{
	int rc = pass(b->store, e);

	return rc == ST_OK ? st_blob_reread(inner_blob(b), p, n, off, e) : rc;
}

static int fault_truncate(struct st_blob *b, uint64_t size, struct st_err *e)
{
	int rc = pass(b->store, e);

	return rc == ST_OK ? st_blob_truncate(inner_blob(b), size, e) : rc;
}

static int fault_sync(struct st_blob *b, struct st_err *e)
{
	int rc = pass(b->store, e);

	return rc == ST_OK ? st_blob_sync(inner_blob(b), e) : rc;
}

static void fault_discard(struct st_blob *b)
{
	st_blob_discard(inner_blob(b));
	free(b);
}

static int fault_publish(struct st_blob *b, const char *name, struct st_err *e)
{
	int rc = pass(b->store, e);

	if (rc != ST_OK) {
		fault_discard(b);
		return rc;
	}
	rc = st_blob_publish(inner_blob(b), name, e);
	free(b);
	return rc;
}

static int fault_remove(struct st_store *s, const char *name, struct st_err *e)
{
	int rc = pass(s, e);

	return rc == ST_OK ? st_store_remove(fault_store(s)->inner, name, e) : rc;
}

static int fault_list(struct st_store *s,
		      int (*cb)(void *arg, const char *name, uint64_t size, int64_t mtime_ns,
				struct st_err *e),
		      void *arg, struct st_err *e)
{
	int rc = pass(s, e);

	return rc == ST_OK ? st_store_list(fault_store(s)->inner, cb, arg, e) : rc;
}

static int fault_clean(struct st_store *s, int64_t before_ns, uint64_t *removed, struct st_err *e)
{
	int rc = pass(s, e);

	return rc == ST_OK ? st_store_clean(fault_store(s)->inner, before_ns, removed, e) : rc;
}

static void fault_free(struct st_store *s)
{
	st_store_free(fault_store(s)->inner);
	free(s);
}

const struct st_store_ops st_store_fault_ops = {
	.scheme = "fault",
	.pread = fault_pread,
	.size = fault_size,
	.create = fault_create,
	.write = fault_write,
	.reread = fault_reread,
	.truncate = fault_truncate,
	.sync = fault_sync,
	.publish = fault_publish,
	.discard = fault_discard,
	.remove = fault_remove,
	.list = fault_list,
	.clean = fault_clean,
	.free = fault_free,
};

int st_store_fault_new(struct st_store **out, struct st_store *inner, uint64_t fail_at,
		       bool persistent, uint64_t *count, struct st_err *e)
{
	struct fault_store *f = st_calloc(1, sizeof(*f), e);

	*out = NULL;
	if (!f) {
		st_store_free(inner);
		return e->code;
	}
	f->base.ops = &st_store_fault_ops;
	f->base.where = "faulty";
	f->inner = inner;
	f->fail_at = fail_at;
	f->persistent = persistent;
	f->count = count;
	*out = &f->base;
	return ST_OK;
}
