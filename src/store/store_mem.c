/* SPDX-License-Identifier: Apache-2.0 */
/* Packs in memory: for tests, and as the reference of how a store behaves. One mutex guards the
 * list; published blobs never change. */
#include "store/store_kinds.h"

#include "base/mem.h"

#include <pthread.h>

struct mem_blob {
	struct st_blob base;
	struct mem_blob *next;
	char *name;
	uint8_t *p;
	size_t len, cap;
};

struct mem_store {
	struct st_store base;
	pthread_mutex_t lock;
	struct mem_blob *blobs;
};

static struct mem_store *mem_store(struct st_store *s)
{
	ST_BUG_ON(s->ops != &st_store_mem_ops);
	return (struct mem_store *)s;
}

static struct mem_blob *mem_blob(struct st_blob *b)
{
	ST_BUG_ON(b->store->ops != &st_store_mem_ops);
	return (struct mem_blob *)b;
}

/* The link that points at the blob of that name, or at the NULL where it would be. */
static struct mem_blob **find(struct mem_store *m, const char *name)
{
	struct mem_blob **at = &m->blobs;

	while (*at && strcmp((*at)->name, name) != 0)
		at = &(*at)->next;
	return at;
}

static void mem_discard(struct st_blob *b)
{
	struct mem_blob *mb = mem_blob(b);

	free(mb->name);
	free(mb->p);
	free(mb);
}

static int copy_out(const struct mem_blob *b, void *buf, size_t n, uint64_t off, struct st_err *e)
{
	if (off > b->len || n > b->len - off)
		return st_fail(e, ST_ECORRUPT, "%zu bytes at offset %" PRIu64 " of %zu", n, off,
			       b->len);
	if (n)
		memcpy(buf, b->p + off, n);
	return ST_OK;
}

static int mem_pread(struct st_store *s, const char *name, void *buf, size_t n, uint64_t off,
		     struct st_err *e)
{
	struct mem_store *m = mem_store(s);
	const struct mem_blob *b;
	int rc;

	pthread_mutex_lock(&m->lock);
	b = *find(m, name);
	rc = b ? copy_out(b, buf, n, off, e) : st_fail(e, ST_ENOTFOUND, "there is no such pack");
	pthread_mutex_unlock(&m->lock);
	return rc;
}

static int mem_size(struct st_store *s, const char *name, uint64_t *out, struct st_err *e)
{
	struct mem_store *m = mem_store(s);
	const struct mem_blob *b;
	int rc = ST_OK;

	pthread_mutex_lock(&m->lock);
	b = *find(m, name);
	if (b)
		*out = b->len;
	else
		rc = st_fail(e, ST_ENOTFOUND, "there is no such pack");
	pthread_mutex_unlock(&m->lock);
	return rc;
}

static int mem_create(struct st_store *s, struct st_blob **out, struct st_err *e)
{
	struct mem_blob *b = st_calloc(1, sizeof(*b), e);

	if (!b)
		return e->code;
	b->base.store = s;
	*out = &b->base;
	return ST_OK;
}

/* Grows with zeros. */
static int resize(struct mem_blob *b, uint64_t size, struct st_err *e)
{
	size_t n;
	int rc = st_size(size, &n, e);

	if (rc == ST_OK)
		rc = st_grow(&b->p, &b->cap, n, e);
	if (rc == ST_OK && n > b->len)
		memset(b->p + b->len, 0, n - b->len);
	if (rc == ST_OK)
		b->len = n;
	return rc;
}

static int mem_write(struct st_blob *b, const void *p, size_t n, uint64_t off, struct st_err *e)
{
	struct mem_blob *mb = mem_blob(b);
	uint64_t end;

	if (!st_add_u64(off, n, &end))
		return st_fail(e, ST_ELIMIT, "offset %" PRIu64, off);
	if (end > mb->len && resize(mb, end, e) != ST_OK)
		return e->code;
	if (n)
		memcpy(mb->p + off, p, n);
	return ST_OK;
}

static int mem_reread(struct st_blob *b, void *p, size_t n, uint64_t off, struct st_err *e)
{
	return copy_out(mem_blob(b), p, n, off, e);
}

static int mem_truncate(struct st_blob *b, uint64_t size, struct st_err *e)
{
	return resize(mem_blob(b), size, e);
}

static int mem_sync(struct st_blob *b, struct st_err *e)
{
	(void)b;
	(void)e;
	return ST_OK;
}

static int mem_publish(struct st_blob *b, const char *name, struct st_err *e)
{
	struct mem_store *m = mem_store(b->store);
	struct mem_blob *mb = mem_blob(b), **at, *old;

	mb->name = st_strdup(name, e);
	if (!mb->name) {
		mem_discard(b);
		return e->code;
	}
	pthread_mutex_lock(&m->lock);
	at = find(m, name);
	old = *at;
	mb->next = old ? old->next : NULL;
	*at = mb;
	pthread_mutex_unlock(&m->lock);
	if (old)
		mem_discard(&old->base);
	return ST_OK;
}

static int mem_remove(struct st_store *s, const char *name, struct st_err *e)
{
	struct mem_store *m = mem_store(s);
	struct mem_blob **at, *old;

	(void)e;
	pthread_mutex_lock(&m->lock);
	at = find(m, name);
	old = *at;
	if (old)
		*at = old->next;
	pthread_mutex_unlock(&m->lock);
	if (old)
		mem_discard(&old->base);
	return ST_OK;
}

/* The callback runs without the lock, on a copy of the list: it may call back, remove included. */
static int mem_list(struct st_store *s,
		    int (*cb)(void *arg, const char *name, uint64_t size, int64_t mtime_ns,
			      struct st_err *e),
		    void *arg, struct st_err *e)
{
	struct mem_store *m = mem_store(s);
	struct item {
		char *name;
		size_t len;
	} *items = NULL;
	size_t n = 0, cap = 0, i;
	int rc = ST_OK;

	pthread_mutex_lock(&m->lock);
	for (struct mem_blob *b = m->blobs; rc == ST_OK && b; b = b->next) {
		rc = st_grow(&items, &cap, n + 1, e);
		if (rc == ST_OK) {
			items[n] = (struct item){ st_strdup(b->name, e), b->len };
			rc = items[n].name ? ST_OK : e->code;
			n++;
		}
	}
	pthread_mutex_unlock(&m->lock);
	for (i = 0; i < n; i++) {
		if (rc == ST_OK)
			rc = cb(arg, items[i].name, items[i].len, 0, e);
		free(items[i].name);
	}
	free(items);
	return rc;
}

static void mem_free(struct st_store *s)
{
	struct mem_store *m = mem_store(s);
	struct mem_blob *b = m->blobs, *next;

	for (; b; b = next) {
		next = b->next;
		mem_discard(&b->base);
	}
	pthread_mutex_destroy(&m->lock);
	free(m);
}

const struct st_store_ops st_store_mem_ops = {
	.scheme = "mem",
	.pread = mem_pread,
	.size = mem_size,
	.create = mem_create,
	.write = mem_write,
	.reread = mem_reread,
	.truncate = mem_truncate,
	.sync = mem_sync,
	.publish = mem_publish,
	.discard = mem_discard,
	.remove = mem_remove,
	.list = mem_list,
	.free = mem_free,
};

int st_store_mem_new(struct st_store **out, struct st_err *e)
{
	struct mem_store *m = st_calloc(1, sizeof(*m), e);

	*out = NULL;
	if (!m)
		return e->code;
	m->base.ops = &st_store_mem_ops;
	m->base.where = "memory";
	pthread_mutex_init(&m->lock, NULL); /* glibc's never fails */
	*out = &m->base;
	return ST_OK;
}
