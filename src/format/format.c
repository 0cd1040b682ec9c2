/* SPDX-License-Identifier: Apache-2.0 */
#include "format/format.h"

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
