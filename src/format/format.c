/* SPDX-License-Identifier: Apache-2.0 */
#include "format/format.h"

#include "format/zip.h"

#define SPOOL_ROOM ((size_t)32 << 20)

int st_format_probe(const struct st_format **out, const struct st_source *src, const char *path,
		    struct st_err *e)
{
	size_t len = src->size < ST_PROBE_LEN ? (size_t)src->size : ST_PROBE_LEN;
	uint8_t head[ST_PROBE_LEN];
	int best = 0, score, rc;

	*out = NULL;
	rc = st_source_read(src, head, len, 0, e);
	if (rc != ST_OK)
		return rc;
	for (const struct st_format *const *f = st_formats; *f; f++) {
		score = (*f)->probe(head, len, src->size, path);
		if (score > best) {
			best = score;
			*out = *f;
		}
	}
	return ST_OK;
}

const struct st_format *st_format_get(const char *name)
{
	for (const struct st_format *const *f = st_formats; *f; f++)
		if (strcmp((*f)->name, name) == 0)
			return *f;
	return NULL;
}

/* A source that could not be read has said its name already. */
static bool is_named(const struct st_err *e, const char *name)
{
	return (e->code == ST_EIO || e->code == ST_ECHANGED) && strstr(e->msg, name);
}

int st_format_parse(const struct st_format *f, struct st_layout *out, const struct st_source *src,
		    uint64_t limit, struct st_err *e)
{
	int rc;

	out->format = f->name;
	out->size = src->size;
	rc = f->parse(out, src, limit, e);
	if (rc == ST_OK)
		rc = st_layout_finish(out, e);
	if (rc == ST_OK || is_named(e, src->name))
		return rc;
	return st_wrap(e, "%s", src->name);
}

void st_format_reader_init(struct st_format_reader *r, const struct st_source *src,
			   const struct st_ctx *ctx)
{
	*r = (struct st_format_reader){ .ctx = ctx, .src = src };
}

static void drop_spool(struct st_format_reader *r)
{
	if (r->spooled)
		st_spool_release(&r->spool);
	r->spooled = false;
}

static void close_member(struct st_format_reader *r)
{
	drop_spool(r);
	if (r->open)
		st_source_close(&r->inflated);
	r->open = false;
}

void st_format_reader_release(struct st_format_reader *r)
{
	close_member(r);
}

static int open_member(struct st_format_reader *r, const struct st_packed *p, struct st_err *e)
{
	int rc;

	if (r->open && r->packed.offset == p->offset && r->packed.csize == p->csize &&
	    r->packed.usize == p->usize && r->packed.crc == p->crc)
		return ST_OK;
	close_member(r);
	rc = st_inflate_open(&r->inflated, r->src, p, e);
	r->open = rc == ST_OK;
	r->packed = *p;
	return rc;
}

static int add_to_spool(void *arg, const void *p, size_t n, struct st_err *e)
{
	struct st_format_reader *r = arg;
	int rc = r->ctx ? st_check_cancel(r->ctx, e) : ST_OK;

	return rc == ST_OK ? st_spool_add(&r->spool, p, n, e) : rc;
}

static int fill_spool(struct st_format_reader *r, const struct st_tensor *t, size_t room,
		      struct st_err *e)
{
	const char *tmp = getenv("TMPDIR");
	struct st_tensor run = { .name = t->name,
				 .name_len = t->name_len,
				 .dtype = ST_OPAQUE,
				 .offset = t->offset,
				 .nbytes = t->nbytes };
	int rc;

	drop_spool(r);
	st_spool_init(&r->spool, room < SPOOL_ROOM / 8 ? room * 8 : SPOOL_ROOM,
		      tmp && *tmp ? tmp : "/tmp");
	r->spooled = true;
	r->run = (struct st_run){ t->offset, t->nbytes };
	rc = st_tensor_each(&run, &r->inflated, room, add_to_spool, r, e);
	if (rc != ST_OK)
		drop_spool(r);
	return rc;
}

static bool in_spool(const struct st_format_reader *r, const struct st_tensor *t)
{
	return r->spooled && t->offset >= r->run.off &&
	       t->offset + t->nbytes <= r->run.off + r->run.n;
}

int st_format_reader_each(struct st_format_reader *r, const struct st_tensor *t, size_t room,
			  st_bytes_fn cb, void *arg, struct st_err *e)
{
	struct st_tensor in_run = *t;
	struct st_source src;
	int rc;

	if (t->where != ST_PACKED)
		return st_tensor_each(t, r->src, room, cb, arg, e);
	rc = open_member(r, t->packed, e);
	if (rc == ST_OK && t->strides && !in_spool(r, t))
		rc = fill_spool(r, t, room, e);
	if (rc != ST_OK)
		return rc;
	if (!in_spool(r, t))
		return st_tensor_each(t, &r->inflated, room, cb, arg, e);
	in_run.offset -= r->run.off;
	st_spool_source(&r->spool, &src, r->inflated.name);
	return st_tensor_each(&in_run, &src, room, cb, arg, e);
}

int st_format_each(const struct st_tensor *t, const struct st_source *src, size_t room,
		   st_bytes_fn cb, void *arg, struct st_err *e)
{
	struct st_format_reader r;
	int rc;

	st_format_reader_init(&r, src, NULL);
	rc = st_format_reader_each(&r, t, room, cb, arg, e);
	st_format_reader_release(&r);
	return rc;
}
