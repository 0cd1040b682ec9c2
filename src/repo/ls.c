/* SPDX-License-Identifier: Apache-2.0 */
/* ls and the list of tensors. */
#include "repo/lookinto.h"

#include "base/file.h"
#include "format/format.h"

static const char *mode_name(uint32_t mode)
{
	return mode == ST_MODE_LINK ? "link" : mode == ST_MODE_EXEC ? "exec" : "file";
}

static int show_file(struct st_repo *r, const struct st_stage_row *row,
		     int (*cb)(void *arg, const strata_file *f), void *arg, struct st_err *e)
{
	char hex[STRATA_HEX];
	strata_file out = { .path = row->path,
			    .mode = mode_name(row->mode),
			    .kind = row->mode == ST_MODE_LINK ? "link" : "file",
			    .format = "",
			    .size = row->size,
			    .id = hex };
	struct st_vfile *f = NULL;
	bool recipe = false;
	int rc = ST_OK;

	st_oid_hex(&row->id, hex);
	if (row->mode != ST_MODE_LINK)
		rc = st_odb_has(r->odb, &row->id, ST_ENTRY_RECIPE, &recipe, e);
	if (rc == ST_OK && recipe)
		rc = st_vfile_open(&f, r, &row->id, e);
	if (rc != ST_OK)
		return rc;
	if (f) {
		out.format = st_vfile_manifest(f)->format;
		out.tensors = st_vfile_manifest(f)->tensors;
		out.kind = st_vfile_is_model(f) ? "model" : "file";
	}
	rc = cb(arg, &out) ? ST_ENO : ST_OK;
	st_vfile_close(f);
	return rc;
}

int st_verb_ls(struct st_repo *r, const char *spec, int (*cb)(void *arg, const strata_file *f),
	       void *arg, struct st_err *e)
{
	struct st_revspec s;
	struct st_index x;
	size_t i;
	int rc = st_spec_split(r, spec ? spec : "HEAD", true, &s, e);

	if (rc != ST_OK)
		return rc;
	if (s.plain)
		return st_fail(e, ST_EUSAGE,
			       "'%s' is no revision: 'strata ls HEAD:%s' lists what a version "
			       "has of it, 'strata inspect %s' looks into the file itself",
			       spec, spec, spec);
	if (s.name)
		return st_fail(e, ST_EUSAGE, "'%s' names tensors: 'ls --tensors' lists them", spec);
	rc = st_spec_files(r, &s, &x, e);
	for (i = 0; rc == ST_OK && i < x.nrows; i++)
		rc = show_file(r, &x.rows[i], cb, arg, e);
	st_index_release(&x);
	return rc;
}

/* ---- tensors ---- */

struct listing {
	const struct st_revspec *s;
	const char *path;
	bool exact; /* look for the very name first */
	uint64_t shown;
	bool stopped; /* by the callback */
	int (*cb)(void *arg, const strata_tensor *t);
	void *arg;
};

static int show_view(void *arg, const struct st_view *v, const struct st_segment *seg,
		     uint64_t seg_off, struct st_err *e)
{
	struct listing *l = arg;
	struct st_tensor_text text;
	strata_tensor t;

	(void)e;
	if (!st_name_matches(l->s, l->exact, v->name, v->name_len))
		return ST_OK;
	l->shown++;
	st_tensor_from_view(&t, &text, l->path, v, seg, seg_off);
	l->stopped = l->cb(l->arg, &t) != 0;
	return l->stopped ? ST_ENO : ST_OK;
}

static int list_model(void *arg, const struct st_stage_row *row, struct st_vfile *f,
		      struct st_err *e)
{
	struct listing *l = arg;
	int rc;

	l->path = row->path;
	rc = st_vfile_views(f, show_view, l, e);
	return rc == ST_OK && l->stopped ? ST_ENO : rc;
}

static int tensors_of_version(struct st_repo *r, const struct st_revspec *s, struct listing *l,
			      struct st_err *e)
{
	bool any = false;
	struct st_index x;
	int rc = st_spec_models(r, s, &x, e);

	l->exact = s->name != NULL;
	if (rc == ST_OK)
		rc = st_each_model(r, &x, list_model, l, &any, e);
	if (rc == ST_OK && l->exact && !l->shown) {
		l->exact = false;
		rc = st_each_model(r, &x, list_model, l, &any, e);
	}
	st_index_release(&x);
	if (rc != ST_OK)
		return rc;
	if (!any && (s->path_len || s->name))
		return st_fail(e, ST_ENOTFOUND, "no model file there: 'strata ls' lists files");
	if (s->name && !l->shown)
		return st_fail(e, ST_ENOTFOUND, "'%.*s' matches no tensor", (int)s->name_len,
			       s->name);
	return ST_OK;
}

static int list_plain(void *arg, const char *path, const struct st_plainfile *f, struct st_err *e)
{
	struct listing *l = arg;
	strata_tensor t;
	size_t i;

	if (!f->format)
		return st_fail(e, ST_EFORMAT, "%s is not a model file that strata knows", path);
	for (i = 0; i < f->layout.ntensors; i++) {
		if (!st_name_matches(l->s, l->exact, f->layout.tensors[i].name,
				     f->layout.tensors[i].name_len))
			continue;
		l->shown++;
		st_tensor_from_layout(&t, path, &f->layout.tensors[i]);
		if (l->cb(l->arg, &t) != 0)
			return ST_ENO;
	}
	return ST_OK;
}

static int tensors_of_plain(const struct st_ctx *ctx, const struct st_revspec *s, struct listing *l,
			    struct st_err *e)
{
	char *path = st_memdup(s->path, s->path_len + 1, e);
	int rc;

	if (!path)
		return e->code;
	path[s->path_len] = 0;
	l->exact = s->name != NULL;
	rc = st_each_plainfile(ctx, path, list_plain, l, NULL, e);
	if (rc == ST_OK && l->exact && !l->shown) {
		l->exact = false;
		rc = st_each_plainfile(ctx, path, list_plain, l, NULL, e);
	}
	if (rc == ST_OK && s->name && !l->shown)
		rc = st_fail(e, ST_ENOTFOUND, "'%.*s' matches no tensor of %s", (int)s->name_len,
			     s->name, path);
	free(path);
	return rc;
}

int st_verb_tensors(struct st_repo *r, const struct st_ctx *ctx, const char *spec,
		    int (*cb)(void *arg, const strata_tensor *t), void *arg, struct st_err *e)
{
	struct st_revspec s;
	struct listing l = { .s = &s, .cb = cb, .arg = arg };
	int rc = st_spec_split(r, spec, true, &s, e);

	if (rc != ST_OK)
		return rc;
	return s.plain ? tensors_of_plain(ctx, &s, &l, e) : tensors_of_version(r, &s, &l, e);
}

int st_verb_names_tensor(struct st_repo *r, const char *spec, bool *yes, struct st_err *e)
{
	struct st_revspec s;
	int rc = st_spec_split(r, spec, true, &s, e);

	*yes = rc == ST_OK && s.name != NULL;
	return rc;
}
