/* SPDX-License-Identifier: Apache-2.0 */
/* A model file of the working tree against a stored one, by the hashes of its tensors. */
#include "repo/forms.h"
#include "repo/lookinto.h"

#include "base/file.h"
#include "format/format.h"

struct stored {
	struct st_map names; /* name -> index into forms */
	struct st_forms forms;
};

static int take_view(void *arg, const struct st_view *v, const struct st_segment *seg,
		     uint64_t seg_off, struct st_err *e)
{
	struct stored *s = arg;
	uint64_t at;
	int rc = st_forms_add(&s->forms, &v->id, v->dtype, v->shape, v->ndim, &at, e);

	(void)seg;
	(void)seg_off;
	return rc == ST_OK ? st_map_put(&s->names, v->name, v->name_len, at, NULL, NULL, e) : rc;
}

static int load(struct st_repo *r, const struct st_oid *id, struct stored *s, struct st_err *e)
{
	struct st_vfile *f;
	int rc = st_vfile_open(&f, r, id, e);

	if (rc == ST_OK)
		rc = st_vfile_views(f, take_view, s, e);
	st_vfile_close(f);
	return rc;
}

static int match(struct st_repo *r, const struct st_plainfile *f, const struct stored *s,
		 struct st_counts *n, struct st_err *e)
{
	uint64_t at, both = 0;
	struct st_oid id;
	size_t i;
	int rc = ST_OK;

	for (i = 0; rc == ST_OK && i < f->layout.ntensors; i++) {
		const struct st_tensor *t = &f->layout.tensors[i];

		if (!st_map_get(&s->names, t->name, t->name_len, &at)) {
			n->added++;
			continue;
		}
		both++;
		if (!st_forms_fit(&s->forms, at, t->dtype, t->shape, t->ndim)) {
			n->changed++;
			n->reshaped++;
			continue;
		}
		rc = st_hash_tensor(&r->ctx, &f->src, t, &id, e);
		if (rc == ST_OK && st_oid_eq(&id, &s->forms.v[at].id))
			n->unchanged++;
		else
			n->changed++;
	}
	n->removed = s->names.count - both;
	return rc;
}

int st_compare_worktree(struct st_repo *r, const char *path, const struct st_oid *a,
			struct st_counts *counts, bool *model, struct st_err *e)
{
	char *full = st_work_path(r, path, e);
	struct st_err bad = { 0 };
	struct stored s = { 0 };
	struct st_plainfile f;
	int rc;

	*counts = (struct st_counts){ 0 };
	*model = false;
	if (!full)
		return e->code;
	st_map_init(&s.names);
	/* A damaged file is changed, which is all that can be said of it. */
	rc = st_plainfile_open(&f, &r->ctx, full, &bad);
	if (rc == ST_OK && f.format) {
		rc = load(r, a, &s, e);
		if (rc == ST_OK)
			rc = match(r, &f, &s, counts, e);
		*model = rc == ST_OK;
	} else if (rc == ST_ENOMEM) {
		*e = bad;
	} else {
		rc = ST_OK;
	}
	st_plainfile_close(&f);
	st_map_release(&s.names);
	st_forms_release(&s.forms);
	free(full);
	return rc;
}
