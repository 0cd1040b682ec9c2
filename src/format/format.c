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

static int add_to_spool(void *arg, const void *p, size_t n, struct st_err *e)
{
	return st_spool_add(arg, p, n, e);
}

/* Strides jump about: not in data that inflate from front to back only. */
static int each_spooled(const struct st_tensor *t, const struct st_source *inflated, size_t room,
			st_bytes_fn cb, void *arg, struct st_err *e)
{
	const char *tmp = getenv("TMPDIR");
	struct st_tensor run = { .name = t->name,
				 .name_len = t->name_len,
				 .dtype = ST_OPAQUE,
				 .offset = t->offset,
				 .nbytes = t->nbytes };
	struct st_source src;
	struct st_spool s;
	int rc;

	st_spool_init(&s, SPOOL_ROOM, tmp && *tmp ? tmp : "/tmp");
	rc = st_tensor_each(&run, inflated, room, add_to_spool, &s, e);
	run = *t;
	run.offset = 0;
	st_spool_source(&s, &src, inflated->name);
	if (rc == ST_OK)
		rc = st_tensor_each(&run, &src, room, cb, arg, e);
	st_spool_release(&s);
	return rc;
}

int st_format_each(const struct st_tensor *t, const struct st_source *src, size_t room,
		   st_bytes_fn cb, void *arg, struct st_err *e)
{
	struct st_source inflated;
	int rc;

	if (t->where != ST_PACKED)
		return st_tensor_each(t, src, room, cb, arg, e);
	rc = st_inflate_open(&inflated, src, t->packed, e);
	if (rc != ST_OK)
		return rc;
	rc = t->strides ? each_spooled(t, &inflated, room, cb, arg, e) :
			  st_tensor_each(t, &inflated, room, cb, arg, e);
	st_source_close(&inflated);
	return rc;
}
