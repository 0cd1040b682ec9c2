/* SPDX-License-Identifier: Apache-2.0 */
/* What every kind of store has in common: names are checked, optional operations too, and errors
 * say which blob of which store. */
#include "store/store.h"

#include "store/pack.h"

#include <string.h>

#define MAX_NAME 200

static bool valid_name(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t n = strlen(name);

	return n > 0 && n <= MAX_NAME && name[0] != '.' && strspn(name, allowed) == n &&
	       strncmp(name, ST_BLOB_TEMP, strlen(ST_BLOB_TEMP)) != 0;
}

static int check_name(const char *name, struct st_err *e)
{
	if (valid_name(name))
		return ST_OK;
	return st_fail(e, ST_EUSAGE, "'%.*s' cannot be the name of a pack", MAX_NAME, name);
}

static int wrap(const struct st_store *s, const char *name, int rc, struct st_err *e)
{
	return rc == ST_OK ? ST_OK : st_wrap(e, "%s: %s", s->where, name);
}

int st_store_pread(struct st_store *s, const char *name, void *buf, size_t n, uint64_t off,
		   struct st_err *e)
{
	if (check_name(name, e) != ST_OK)
		return e->code;
	return wrap(s, name, s->ops->pread(s, name, buf, n, off, e), e);
}

int st_store_size(struct st_store *s, const char *name, uint64_t *out, struct st_err *e)
{
	if (check_name(name, e) != ST_OK)
		return e->code;
	return wrap(s, name, s->ops->size(s, name, out, e), e);
}

/* A full disk is the one failure that the reader of the message can do something about. */
static int written(const struct st_store *s, int rc, struct st_err *e)
{
	if (rc == ST_ENOSPC)
		return st_wrap(e,
			       "%s: no room for a new pack; nothing was changed, free some space "
			       "and run the command again",
			       s->where);
	return wrap(s, "new pack", rc, e);
}

int st_store_create(struct st_store *s, struct st_blob **out, struct st_err *e)
{
	*out = NULL;
	return written(s, s->ops->create(s, out, e), e);
}

int st_blob_write(struct st_blob *b, const void *p, size_t n, uint64_t off, struct st_err *e)
{
	return written(b->store, b->store->ops->write(b, p, n, off, e), e);
}

int st_blob_reread(struct st_blob *b, void *p, size_t n, uint64_t off, struct st_err *e)
{
	return wrap(b->store, "new pack", b->store->ops->reread(b, p, n, off, e), e);
}

int st_blob_truncate(struct st_blob *b, uint64_t size, struct st_err *e)
{
	return written(b->store, b->store->ops->truncate(b, size, e), e);
}

int st_blob_sync(struct st_blob *b, struct st_err *e)
{
	return written(b->store, b->store->ops->sync(b, e), e);
}

int st_blob_publish(struct st_blob *b, const char *name, struct st_err *e)
{
	struct st_store *s = b->store;

	if (check_name(name, e) != ST_OK) {
		st_blob_discard(b);
		return e->code;
	}
	return written(s, s->ops->publish(b, name, e), e);
}

void st_blob_discard(struct st_blob *b)
{
	if (b)
		b->store->ops->discard(b);
}

int st_store_remove(struct st_store *s, const char *name, struct st_err *e)
{
	if (check_name(name, e) != ST_OK)
		return e->code;
	return wrap(s, name, s->ops->remove(s, name, e), e);
}

int st_store_list(struct st_store *s,
		  int (*cb)(void *arg, const char *name, uint64_t size, int64_t mtime_ns,
			    struct st_err *e),
		  void *arg, struct st_err *e)
{
	if (!s->ops->list)
		return st_fail(e, ST_EREFUSED, "%s: this store cannot list its packs", s->where);
	return s->ops->list(s, cb, arg, e);
}

struct packs {
	uint64_t n, bytes;
};

static int add_pack(void *arg, const char *name, uint64_t size, int64_t mtime_ns, struct st_err *e)
{
	struct packs *p = arg;
	struct st_oid id;

	(void)mtime_ns;
	(void)e;
	if (st_pack_name_parse(&id, name)) {
		p->n++;
		p->bytes += size;
	}
	return ST_OK;
}

int st_store_packs(struct st_store *s, uint64_t *n, uint64_t *bytes, struct st_err *e)
{
	struct packs p = { 0 };
	int rc = st_store_list(s, add_pack, &p, e);

	*n = p.n;
	*bytes = p.bytes;
	return rc;
}

int st_store_clean(struct st_store *s, int64_t before_ns, uint64_t *removed, struct st_err *e)
{
	*removed = 0;
	return s->ops->clean ? s->ops->clean(s, before_ns, removed, e) : ST_OK;
}

void st_store_free(struct st_store *s)
{
	if (s)
		s->ops->free(s);
}
