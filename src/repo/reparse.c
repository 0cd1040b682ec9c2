/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/reparse.h"

#include "format/format.h"
#include "model/manifest.h"

int st_spool_sink(void *arg, const void *p, size_t n, uint64_t off, struct st_err *e)
{
	(void)off;
	return st_spool_add(arg, p, n, e);
}

static int map_names(struct st_reparse *x, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < x->layout.ntensors; i++) {
		const struct st_tensor *t = &x->layout.tensors[i];

		rc = st_map_put(&x->names, t->name, t->name_len, i, NULL, NULL, e);
	}
	return rc;
}

int st_reparse_open(struct st_reparse *x, struct st_repo *r, struct st_vfile *f, struct st_err *e)
{
	const char *name = st_vfile_manifest(f)->format;
	const struct st_format *fmt = st_format_get(name);
	int rc;

	*x = (struct st_reparse){ 0 };
	st_spool_init(&x->spool, (size_t)(r->ctx.memory / 8), r->dir);
	st_layout_init(&x->layout);
	st_map_init(&x->names);
	if (!fmt)
		return st_fail(e, ST_ENOTFOUND, "this strata does not know the format '%s'", name);
	rc = st_vfile_stream(f, 0, st_vfile_size(f), st_spool_sink, &x->spool, e);
	st_spool_source(&x->spool, &x->src, "the stored file");
	if (rc == ST_OK)
		rc = st_format_parse(fmt, &x->layout, &x->src, r->ctx.memory / 2, e);
	return rc == ST_OK ? map_names(x, e) : rc;
}

void st_reparse_close(struct st_reparse *x)
{
	st_map_release(&x->names);
	st_layout_release(&x->layout);
	st_spool_release(&x->spool);
}

const struct st_tensor *st_reparse_find(const struct st_reparse *x, const char *name, size_t len)
{
	uint64_t i;

	return st_map_get(&x->names, name, len, &i) ? &x->layout.tensors[i] : NULL;
}
